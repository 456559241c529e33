"""The NumPy backend: neighbouring instructions of one kind, on a block of observations, as a few array operations.

Within one observation values and adjoints have the bits of the eager engine, except where NumPy's own exp, tanh and the
like differ from ``math``'s in the last places. Sums over observations are taken in another order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.compiling.numpy.buffers import Memory
from autodiff.compiling.numpy.functions import Floats, array_function
from autodiff.compiling.numpy.kernels import Times
from autodiff.compiling.numpy.schedule import Plan
from autodiff.program.expressions import rule_of_steps
from autodiff.program.program import Program

BLOCK = 2**18
"""So many numbers are in a block, rows times observations: a few MB, most of which stay in the cache."""


class NumpyRunner:
    """A program made ready for NumPy; see :class:`autodiff.compiling.backends.Runner`."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._plans: dict[bool, Plan] = {}

    def _plan(self, wrt_inputs: bool) -> Plan:
        if wrt_inputs not in self._plans:
            end = self.program.first_result if wrt_inputs else self.program.first_input
            self._plans[wrt_inputs] = Plan(self.program, range(self.program.first_parameter, end))
        return self._plans[wrt_inputs]

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        plan = self._plan(wrt_inputs=False)
        results = np.empty((len(inputs), len(self.program.outputs)))
        with np.errstate(all="ignore"):
            for part, memory in self._blocks(plan, parameters, inputs):
                for column, slot in enumerate(self.program.outputs):
                    results[part, column] = plan.numbers(memory, slot)
        return results

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None, float]:
        weights = np.broadcast_to(np.asarray(weight, np.float64), len(inputs))
        with np.errstate(all="ignore"):
            found = self._gradient(parameters, inputs, weights, wrt_inputs, np.multiply)
            if not _are_finite(*found[1:]):
                # Nothing flows through a zero: only where something is not finite does that need care.
                found = self._gradient(parameters, inputs, weights, wrt_inputs, _times)
            return *found, self.total(found[0]) if _are_finite(*found[1:]) else math.nan

    def total(self, values: Floats) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.add.reduce(values))

    def _gradient(
        self, parameters: Floats, inputs: Floats, weights: Floats, wrt_inputs: bool, times: Times
    ) -> tuple[Floats, Floats, Floats | None]:
        program, plan = self.program, self._plan(wrt_inputs)
        values = np.empty(len(inputs))
        adjoint = np.zeros((plan.layout.commons, 1))
        slopes = np.zeros(inputs.shape) if wrt_inputs else None
        memory = None
        for part, memory in self._blocks(plan, parameters, inputs, adjoint):
            values[part] = plan.numbers(memory, program.outputs[0])
            plan.seed(memory, program.outputs[0], weights[part])
            plan.backward(memory, times)
            if slopes is not None:
                slopes[part] = memory.adjoint[: len(program.inputs)].T
        if memory is not None:
            plan.backward_shared(memory, times)
        return values, adjoint[program.first_parameter : program.first_input, 0].copy(), slopes

    def descend(
        self,
        parameters: Floats,
        state: Floats,
        inputs: Floats,
        order: NDArray[np.int64],
        starts: NDArray[np.int64],
        rates: Floats,
        first_step: int,
        rule: Callable[..., Sequence[Any]],
    ) -> tuple[Floats, int]:
        update = rule_function(rule, len(state))
        errors = np.full(len(order), np.nan)
        for step, rate in enumerate(rates.tolist()):
            batch = slice(starts[step], starts[step + 1])
            values, gradient, *_ = self.gradient(parameters, inputs[order[batch]])
            errors[batch] = values
            if not (np.isfinite(values).all() and np.isfinite(gradient).all()):
                return errors, step
            with np.errstate(all="ignore"):
                move, *new = update(gradient / len(values), rate, float(first_step + step), *state)
            parameters += move
            for old, row in zip(state, new):
                old[:] = row
        return errors, len(rates)

    def _blocks(
        self, plan: Plan, parameters: Floats, inputs: Floats, adjoint: Floats | None = None
    ) -> Iterator[tuple[slice, Memory]]:
        """Each block of observations, and the memory in which it was run forward."""
        program, layout = self.program, plan.layout
        common = np.empty((layout.commons, 1))
        common[: program.first_parameter, 0] = program.constants
        common[program.first_parameter : program.first_input, 0] = parameters
        adjoint = np.zeros(common.shape) if adjoint is None else adjoint
        observations = max(1, BLOCK // plan.rows)
        memory = None
        for start in range(0, len(inputs), observations):
            rows = inputs[start : start + observations]
            if memory is None or memory.varying.shape[1] != len(rows):
                memory = Memory(layout, common, adjoint, len(rows))
            memory.adjoint[:] = 0.0
            memory.varying[: len(program.inputs)] = rows.T
            plan.forward(memory, shared=start == 0)
            yield slice(start, start + len(rows)), memory


def _are_finite(gradient: Floats, slopes: Floats | None) -> bool:
    return bool(np.isfinite(gradient).all() and (slopes is None or np.isfinite(slopes).all()))


def _times(local: Floats, upstream: Floats) -> Floats:
    """Their product, or 0 where one of them is 0, even if the other is not finite."""
    return np.where((local == 0) | (upstream == 0), 0.0, local * upstream)


def rule_function(rule: Callable[..., Sequence[Any]], states: int) -> Callable[..., tuple[Any, ...]]:
    """An optimizer's rule on arrays.

    Raises:
        TypeError: the rule asks for numbers, or branches too often.
    """
    return array_function(rule_of_steps(rule, states), 3 + states)
