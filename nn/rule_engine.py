"""The engine that runs loss and optimizer compiled: many steps are one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np

from nn.datasets import taken
from nn.eager_engine import Batches, Task
from nn.epoch_metrics import Metric
from nn.gradient_engine import Floats, GradientEngine, raise_if_stale
from nn.module import assign, numbers
from nn.optimizers import Optimizer

AT_ONCE = 1000
"""The greatest number of steps in one call of machine code; an interrupt has to wait for the end of the call."""


class RuleEngine(GradientEngine):
    """The loss, its gradient and the rule of the optimizer compiled: many steps are one call.

    Between the calls parameters and optimizer are arrays, those of :meth:`Compiled.descent`. What is left at the end,
    whatever ends it, is the last state that was kept as a whole.

    Raises:
        Exception: the loss or the rule cannot be compiled, or not for this data; it says why.
    """

    def __init__(self, task: Task, optimizer: Optimizer) -> None:
        super().__init__(task)
        self.optimizer = optimizer
        self._begin()

    def _begin(self) -> None:
        optimizer = self.optimizer
        self.decays = bool(optimizer.weight_decay)
        """Whether the rule is that with weight decay; the numbers of the parameters are then a state of it."""
        rule = optimizer.rule_with_decay if self.decays else optimizer.rule
        self.descent = self.trained.error.descent(
            *self.data, rule=rule, state=self._remembered(), steps=optimizer.steps
        )
        self.descent.clip = self.task.clipping
        self._now = self._state()
        """After the last step that is done, with its report."""
        self._last = _Call(self._now, (), ())

    def _remembered(self) -> Sequence[Sequence[float]]:
        """What the optimizer remembers, as the descent holds it."""
        return [numbers(self.parameters), *self.optimizer.state] if self.decays else self.optimizer.state

    def steps(self, batches: Batches, epoch: int) -> None:
        self._show()
        if self.draws or self.decays != bool(self.optimizer.weight_decay):  # what is drawn or set in this epoch
            self.finish()
            self._begin()
        at_once = AT_ONCE if self.task.metric is None else 1  # a metric wants the predictions before each step
        done = 0
        while done < len(batches):
            part = batches[done : done + at_once]
            compiled = self._compiled_steps(part)
            done += compiled
            if compiled < len(part):
                before = self._now
                with self._left_to_eager():
                    super().steps([part[compiled]], epoch)
                self._last = _Call(before, (), ())
                done += 1

    def validate(self, epoch: int) -> None:
        self._show()
        super().validate(epoch)

    def numbers(self) -> list[float]:
        return list(self._now.parameters.tolist())

    def _show(self) -> None:
        """Let the user's functions find the present numbers, should they read them although nothing says so."""
        if asked_between_steps(self.task.metric, self.optimizer):
            self.finish()

    def finish(self) -> None:
        now = self._now
        with self.optimizer.all_or_nothing():
            assign(self.parameters, now.parameters.tolist())
            self.optimizer.state, self.optimizer.steps = now.state[self.decays :].tolist(), now.steps

    def _compiled_steps(self, batches: Batches) -> int:
        """How many of the steps could be taken: all, or those before one that cannot be taken compiled."""
        before = self._now
        rates, refusal = self._rates(len(batches))
        try:
            predictions = self._predictions(self.trained, *(taken(each, batches[0]) for each in self.data))
            errors, done = self._run(batches[: len(rates)], rates)
        except Exception as error:  # no step was taken: the eager engine says what it is
            raise_if_stale(error)
            return 0
        if done:
            self._note(self.task.training, errors, predictions, taken(self.task.targets, batches[0]))
            self._last, self._now = _Call(before, batches[:done], rates), self._state()
        if refusal is not None and done == len(rates):
            raise refusal
        return done

    def _rates(self, count: int) -> tuple[list[float], Exception | None]:
        """The rates of the next steps, up to one for which the schedule raises an exception, and that."""
        rates: list[float] = []
        try:
            for step in range(self.descent.steps, self.descent.steps + count):
                rates.append(self.optimizer.rate(step))
        except Exception as error:
            if not rates:
                raise
            return rates, error
        return rates, None

    def _run(self, batches: Batches, rates: Sequence[float]) -> tuple[list[float], int]:
        """The errors, in the order of the batches, and how many steps were taken."""
        starts = np.cumsum([0, *map(len, batches)])
        errors, done = self.descent.run(np.concatenate(batches), starts, rates)
        return errors[: starts[done]].tolist(), done

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        self.finish()
        try:
            with super().handed_over():
                yield
        finally:
            state = np.reshape(self._remembered(), self.descent.state.shape)
            self._now = _State(np.array(numbers(self.parameters)), state, self.optimizer.steps)
            self._go_to(self._now)

    def _left_to_eager(self) -> AbstractContextManager[None]:
        now, (before, batches, rates) = self._now, self._last
        if len(batches) > 1:  # the parameters before the last step: take all but that one again
            self._go_to(before)
            self._run(batches[:-1], rates[: len(batches) - 1])
            before = self._state()
            self._go_to(now)
        self.good = before.parameters.tolist()
        return self.handed_over()

    def _vector(self) -> Floats:
        return self._now.parameters

    def _state(self) -> _State:
        return _State(self.descent.parameters.copy(), self.descent.state.copy(), self.descent.steps)

    def _go_to(self, state: _State) -> None:
        self.descent.parameters[:] = state.parameters
        self.descent.state[:] = state.state
        self.descent.steps = state.steps


class _State(NamedTuple):
    """What a compiled descent holds at a time."""

    parameters: Floats
    state: Floats
    steps: int


class _Call(NamedTuple):
    """A state, and the steps that one call took from there."""

    before: _State
    batches: Batches
    rates: Sequence[float]


def asked_between_steps(metric: Metric | None, optimizer: Optimizer) -> list[Callable[..., Any]]:
    """The functions of the user's that are called between steps."""
    return [each for each in (metric, optimizer.learning_rate) if callable(each)]
