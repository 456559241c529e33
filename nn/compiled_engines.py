"""The engines that run the loss of a training compiled.

They leave to the eager one what they cannot run, and a batch whose numbers are not finite: the eager one raises the
error and names the node. What dropout draws they draw in advance, in the order in which the eager one does, so that a
model has the same parts left out in every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Value, constant, trees
from nn.datasets import Data, taken
from nn.dropping import Draw, drawn, drawn_before, planned_draws, without_dropout
from nn.eager_engine import Batch, Batches, EagerEngine, Task
from nn.epoch_metrics import EpochMetrics, Metric
from nn.module import assign, numbers
from nn.observations import are_arrays
from nn.optimizers import Optimizer

Floats = NDArray[np.float64]
AT_ONCE = 1000
"""The greatest number of steps in one call of machine code; an interrupt has to wait for the end of the call."""


class GradientEngine(EagerEngine):
    """The loss compiled, with its gradient; the optimizer takes its own steps.

    Raises:
        Exception: the loss cannot be compiled, or not for this data; it says why.
    """

    name = "compiled"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        with without_dropout():
            self.like = None if task.metric is None else task.model(task.inputs[0])
        """A prediction, for its structure."""
        self.inputs, self.targets = map(_batch, (task.inputs, task.targets))
        self._plan(self._planned())
        self.drops = bool(self.draws)
        self.held_out = tuple(map(_batch, task.held_out))
        seen = slice(None if task.executor is None else 1)  # what workers are for is too much for this process
        _check_compiles(self.trained.error, *(each[seen] for each in self.data))
        if len(self.held_out[0]):
            _check_compiles(self.measured.error, *self.held_out)

    def _planned(self) -> list[Draw]:
        task = self.task
        return planned_draws(lambda: task.loss(task.model(task.inputs[0]), task.targets[0]))

    def _plan(self, draws: list[Draw]) -> None:
        self.draws = draws
        """Those of dropout for one observation."""
        self.kept = np.ones((len(self.inputs), sum(draw.size for draw in draws)))
        """(observations, numbers): which are kept in this epoch."""
        self.data: tuple[Data, ...] = (self.inputs, self.targets, *([self.kept] if draws else []))
        self.trained = self._compiled(partial(drawn_before, draws))
        self.measured = self._compiled(without_dropout) if draws else self.trained

    def _compiled(self, around: Callable[..., AbstractContextManager[None]]) -> _Functions:
        """The loss and the model inside of a context; what is kept, where something is drawn, is an input."""
        model, loss = self.task.model, self.task.loss

        def error(x: Any, target: Any, *kept: Any) -> Any:
            with around(*kept):
                return loss(model(x), target)

        def predict(x: Any, *kept: Any) -> Any:
            with around(*kept):
                return model(x)

        return _Functions(*(autodiff.compile(each, parameters=model) for each in (error, predict)))

    def train(self, batches: Batches, epoch: int) -> None:
        if self.draws:
            order = np.concatenate(batches)
            self.kept[order] = drawn(self.draws, len(order))
        super().train(batches, epoch)

    def _error(self, index: int, epoch: int) -> Value:
        with drawn_before(self.draws, self.kept[index].tolist()):
            return super()._error(index, epoch)

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        with super().handed_over():
            yield
        if self.drops and (draws := self._planned()) != self.draws:  # a callback has set another probability
            self._plan(draws)

    def backward(self, batch: Batch, epoch: int) -> None:
        data = self.data
        if len(batch) < len(data[0]) or not (batch[:-1] < batch[1:]).all():  # not all, perhaps larger than memory
            data = tuple(taken(each, batch) for each in data)
        try:
            predictions = self._predictions(self.trained, *data)
            loss = self.trained.error.backward(*data, reduction="mean", executor=self.task.executor)
        except autodiff.ExecutorError:
            raise
        except Exception as error:  # nothing was added to a gradient so far: the eager engine says what it is
            _raise_if_stale(error)
            super().backward(batch, epoch)
            return
        self.good = self.numbers()
        self._note(self.task.training, [loss] * len(batch), predictions, taken(self.task.targets, batch))

    def validate(self, epoch: int) -> None:
        try:
            errors = self.measured.error.value(*self.held_out, at=self._vector())
            predictions = self._predictions(self.measured, *self.held_out)
            finite = np.isfinite(errors).all()
        except Exception as error:  # the eager engine says what it is
            _raise_if_stale(error)
            finite = False
        if finite:
            self._note(self.task.validation, errors.tolist(), predictions, self.task.held_out[1])
            self.task.validation.close_epoch()
        else:
            with self._left_to_eager():
                super().validate(epoch)

    def _left_to_eager(self) -> AbstractContextManager[None]:
        """Let the eager engine do what this one cannot."""
        return nullcontext()

    def _vector(self) -> Floats | None:
        """The numbers of the parameters; None for those that they have themselves."""
        return None

    def _predictions(self, functions: _Functions, inputs: Data, targets: Data, *kept: Data) -> Any:
        """Those of the model, if there is a metric that wants them."""
        return None if self.task.metric is None else functions.predict.value(inputs, *kept, at=self._vector())

    def _note(self, metrics: EpochMetrics, errors: Sequence[float], predictions: Any, targets: Data) -> None:
        metrics.errors.extend(errors)
        if metrics.metric is not None:
            for index in range(len(errors)):
                metrics.score(_observation(predictions, index, self.like), targets[index])


class _Functions(NamedTuple):
    """The loss and the model of a task, compiled."""

    error: Any
    predict: Any


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
            _raise_if_stale(error)
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


def _raise_if_stale(error: Exception) -> None:
    """An audit found that the loss is another one than at the start: then the steps so far may be wrong."""
    if isinstance(error, autodiff.StaleProgramError):
        error.add_note('fit(engine="eager") reads in every batch anew what is outside')
        raise error


def _batch(data: Any) -> Data:
    """The observations in a form that says that they are several: an array, or a list.

    Raises:
        TypeError: they are structures, such as dicts or lists of arrays.
    """
    if not are_arrays(data):
        raise TypeError("observations that are neither numbers, arrays nor nested lists of numbers are run eagerly")
    is_list = not isinstance(data, np.ndarray) and len(data) > 0
    return np.stack(data) if is_list and isinstance(data[0], np.ndarray) else data


def _check_compiles(error: Any, *data: Data) -> None:
    """Run the loss of all observations once.

    Raises:
        TypeError: the loss is no scalar, or the observations are no arrays or lists of numbers.
        RuntimeError: there are too many ways through the loss.
    """
    before = sum(report.runs for report in error.programs)
    values, count = error.value(*data), len(data[0])
    if np.shape(values) != (count,):
        raise TypeError("the loss must be a scalar of observations that are arrays or nested lists of numbers")
    if sum(report.runs for report in error.programs) < before + count:
        raise RuntimeError(f"the loss branches in more than {error.max_branches} ways")


def _observation(predictions: Any, index: int, like: Any) -> Any:
    """What the model returned for one observation, with constants for its numbers: of the structure of another one."""
    if trees.is_array(predictions):
        numbers = predictions[index]
        return trees.mapped(constant, numbers.tolist() if isinstance(like, list) else numbers)
    likes = trees.parts(like) or {}
    parts = (trees.parts(predictions) or {}).items()
    return trees.rebuilt(predictions, [_observation(part, index, likes[key]) for key, part in parts])
