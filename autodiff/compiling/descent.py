"""Descents: the steps of an optimizer for whole epochs, inside machine code where one program is right for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.compiling.audits import StaleProgramError
from autodiff.compiling.batches import check_scalar, gradient_of, rows_of
from autodiff.compiling.numpy.functions import rule_function
from autodiff.compiling.parameters import Floats, MoreParametersError
from autodiff.compiling.specializations import Specialization, Specializations

Integers = NDArray[np.int64]
Rule = Callable[..., Sequence[Any]]


def _batches(
    order: ArrayLike, starts: ArrayLike, rates: ArrayLike, observations: int
) -> tuple[Integers, Integers, Floats]:
    """The batches as arrays, checked: machine code would read whatever there is beyond."""
    for name, given in (("order", order), ("starts", starts), ("rates", rates)):
        if np.ndim(given) != 1 or not np.isfinite(given).all():
            raise ValueError(f"{name} must be a list of finite numbers, not {given!r:.60}")
    places, begins = np.array(order, np.int64), np.array(starts, np.int64)
    steps: Floats = np.array(rates, np.float64)
    bad = np.flatnonzero((places < 0) | (places >= observations) | (places != np.asarray(order)))
    if len(bad):
        raise ValueError(f"order must hold places of the {observations} observations, not {np.asarray(order)[bad[0]]}")
    fits = len(begins) == len(steps) + 1 and begins[0] >= 0 and begins[-1] <= len(places)
    fits = fits and bool((begins == np.asarray(starts)).all())
    if not fits or not (np.diff(begins) > 0).all():
        raise ValueError(
            f"starts must rise from 0 to at most the {len(places)} places in order, one batch for each of the "
            f"{len(steps)} rates and where the last one ends; not {np.asarray(starts).tolist()!s:.60}"
        )
    return places, begins, steps


class Descent:
    """A data set, the parameters and what the optimizer remembers, as arrays; :meth:`Compiled.descent` makes one.

    No ``Value`` is touched: ``error.assign(descent.parameters)`` gives the numbers to the parameters.
    """

    def __init__(
        self,
        parameters: Floats,
        programs: Specializations,
        inputs: Floats,
        rule: Rule,
        state: ArrayLike,
        steps: int,
        now: Callable[[Specializations], Specializations],
    ) -> None:
        if not programs.all:  # what it is run for first says which parameters there are
            gradient_of(parameters, programs, rows_of(inputs), 1, 1.0, False)
        self._programs = programs
        self._leaves = programs.parameters.leaves
        self._now = now
        self._inputs = inputs
        self._rule = rule
        self._fits: Specialization | None = None
        """One that is known to be right for all observations."""
        self.parameters = parameters.copy()
        """(parameters,): their numbers."""
        self.state = np.array(state, np.float64).reshape(-1, len(parameters))
        """(states, parameters): what the rule remembers of each."""
        self.steps = steps
        """How many steps were taken so far."""
        self.clip: Callable[[Floats], Floats] | None = None
        """What makes another gradient of each before its step; the steps are then taken one call each."""

    def run(self, order: ArrayLike, starts: ArrayLike, rates: ArrayLike) -> tuple[Floats, int]:
        """Take a step for each batch; stop before the first whose errors or gradient are not finite.

        Args:
            order: places of observations, batch after batch.
            starts: (batches + 1,) where each batch begins in ``order``, and where the last one ends.
            rates: (batches,) the learning rate of each step.

        Returns:
            The error of each observation of ``order`` as it was when its batch was run (nan for batches that were not),
            and how many steps were taken.

        Raises:
            TypeError: the function does not return one scalar, or the rule is no formula.
            ValueError: there is no such observation, the batches do not fit, the function refuses an observation, uses
                a parameter that was not known before, or refers to other parameters than when the descent was made. No
                step is taken.
        """
        order, starts, rates = _batches(order, starts, rates, len(self._inputs))
        before = self.parameters.copy(), self.state.copy()
        try:
            self._look_outside()
            if self._programs.audits.is_due():
                self._programs.audit(self.parameters, rows_of(self._inputs), len(self._inputs))
            errors, done = self._run(order, starts, rates)
        except Exception as error:
            self.parameters[:], self.state[:] = before
            if isinstance(error, MoreParametersError):
                raise error.refused() from None
            raise
        self.steps += done
        return errors, done

    def _look_outside(self) -> None:
        """Go on with the programs for what the function refers to at present."""
        self._programs = self._now(self._programs)
        leaves = self._programs.parameters.leaves
        if leaves is not self._leaves and [*map(id, leaves)] != [*map(id, self._leaves)]:
            raise StaleProgramError(
                f"{self._programs.owner.__name__} refers to other parameters than when the descent was made: assign "
                "descent.parameters to those, and make a descent anew"
            )
        if not self._programs.all:
            gradient_of(self.parameters, self._programs, rows_of(self._inputs), 1, 1.0, False)

    def _run(self, order: Integers, starts: Integers, rates: Floats) -> tuple[Floats, int]:
        only = self._only_program() if self.clip is None else None
        if only is not None:
            self._programs.owner.last = only
            if only.descending is not None:
                errors, done = only.descending.descend(
                    self.parameters, self.state, self._inputs, order, starts, rates, self.steps + 1, self._rule
                )
                only.runs += int(starts[done])
                return errors, done
        update = rule_function(self._rule, len(self.state))
        errors = np.full(len(order), np.nan)
        for step, rate in enumerate(rates.tolist()):
            batch = order[starts[step] : starts[step + 1]]
            rows = rows_of(self._inputs[batch])
            found = gradient_of(self.parameters, self._programs, rows, len(batch), 1 / len(batch), False)
            errors[starts[step] : starts[step + 1]] = found.values
            if not (np.isfinite(found.values).all() and np.isfinite(found.parameters).all()):
                return errors, step
            gradient = found.parameters if self.clip is None else self.clip(found.parameters)
            with np.errstate(all="ignore"):
                move, *state = update(gradient, rate, float(self.steps + step + 1), *self.state)
            self.parameters += move
            for old, new in zip(self.state, state):
                old[:] = new
        return errors, len(rates)

    def _only_program(self) -> Specialization | None:
        """The specialization that is right for every observation, whatever the parameters will be; None if none is."""
        first, *others = self._programs.all
        check_scalar(first.result)
        if others or not first.is_scalar or first.size != len(self.parameters):
            return None
        if first.may_end or not first.is_right_at(self.parameters):
            return None
        if first is not self._fits and first.satisfied(self.parameters, self._inputs) is not None:
            return None
        self._fits = first  # for good: its guards ask nothing but the inputs, which stay
        return first
