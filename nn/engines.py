"""The engines that train a model: the eager one, and those that run its loss compiled.

All take the same steps, in the same order, with the same batches; they differ in how the loss of a batch and its
gradient are computed. A compiled engine leaves to the eager one what it cannot run, and a batch whose numbers are not
finite: the eager one raises the error and names the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Value, constant, mean, trees
from nn.clipping import Clipping, clip_gradients
from nn.datasets import Data, taken
from nn.dropping import without_dropout
from nn.epoch_metrics import EpochMetrics, Metric, NonFiniteLossError, check_scalar, note
from nn.losses import Loss
from nn.mistakes import moved_besides, moved_by
from nn.module import ZEROED, Module, assign, numbers
from nn.observations import are_arrays
from nn.optimizers import Optimizer, OptimizerLike, take_steps

Floats = NDArray[np.float64]
Batch = NDArray[np.int64]
"""The indices of its observations in the data set."""
Batches = Sequence[Batch]
"""Those of an epoch."""
AT_ONCE = 1000
"""The greatest number of steps in one call of machine code; an interrupt has to wait for the end of the call."""


@dataclass(frozen=True)
class Task:
    """What is to be trained on what."""

    model: Module
    parameters: list[Value]
    """Those of the model."""
    loss: Loss
    metric: Metric | None
    optimizer: OptimizerLike
    inputs: Data
    targets: Data
    held_out: tuple[Data, Data]
    """Empty if there is no validation."""
    training: EpochMetrics
    validation: EpochMetrics
    executor: Any = None
    """Whose workers compute the gradients; None for this process."""
    clipping: Clipping | None = None
    """What is done to the gradient before each step."""


class EagerEngine:
    """The engine itself: a graph for each observation."""

    name = "eager"

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters = task.parameters
        self.moved = [*task.parameters, *moved_besides(task.optimizer, task.parameters)]
        """All that the optimizer may move."""
        self.good = numbers(self.parameters)
        """The parameters of the last batch whose loss was finite, as they were before its step."""

    def train(self, batches: Batches, epoch: int) -> None:
        """Take the steps of an epoch, and note loss and metric.

        Raises:
            NonFiniteLossError: a loss is not finite. The parameters are then those of the last finite one.
            FloatingPointError: a gradient is not finite; the parameters are those before the step.
        """
        self.steps(batches, epoch)
        self.task.training.close_epoch()

    def steps(self, batches: Batches, epoch: int) -> None:
        """Take a step for each batch; errors as of :meth:`train`."""
        take_steps(self.task.optimizer, batches, lambda batch: self._gradients(batch, epoch))

    def _gradients(self, batch: Batch, epoch: int) -> None:
        self.backward(batch, epoch)
        for value in self.parameters:
            if value.grad is ZEROED:  # the loss of this batch does not depend on it: so the gradient is 0
                value.grad = 0.0
        clipping = self.task.clipping
        if clipping is not None:
            clip_gradients(self.moved, **{clipping.kind: clipping.limit})

    def backward(self, batch: Batch, epoch: int) -> None:
        """Note loss and metric of the batch, and add the gradient of its mean loss to the parameters' gradients."""
        task = self.task
        with self._back_to_good_parameters():
            errors = [
                task.training.error(task.model, task.inputs[index], task.targets[index], epoch, index)
                for index in batch.tolist()
            ]
        self.good = self.numbers()
        mean(errors).backward()

    def validate(self, epoch: int) -> None:
        """Note loss and metric of the held-out data; errors as of :meth:`train`."""
        task = self.task
        with self._back_to_good_parameters(), without_dropout():
            for index, (x, target) in enumerate(zip(*task.held_out)):
                task.validation.error(task.model, x, target, epoch, index)
        task.validation.close_epoch()

    def numbers(self) -> list[float]:
        """The present numbers of the parameters."""
        return numbers(self.parameters)

    def finish(self) -> None:
        """Leave parameters and optimizer as the last step left them, also one before an exception."""

    def handed_over(self) -> AbstractContextManager[None]:
        """Let parameters and optimizer themselves hold their numbers for a while, and go on from what these become."""
        return nullcontext()

    @contextmanager
    def _back_to_good_parameters(self) -> Iterator[None]:
        try:
            yield
        except NonFiniteLossError as error:
            assign(self.parameters, self.good)
            error.add_note("the parameters are those of the last finite loss")
            raise


class GradientEngine(EagerEngine):
    """The loss compiled, with its gradient; the optimizer takes its own steps.

    Raises:
        Exception: the loss cannot be compiled, or not for this data; it says why.
    """

    name = "compiled"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        model, loss = task.model, task.loss
        self.error = autodiff.compile(lambda x, target: loss(model(x), target), parameters=model)
        self.predict = autodiff.compile(lambda x: model(x), parameters=model)
        self.like = None if task.metric is None else model(task.inputs[0])
        """A prediction, for its structure."""
        self.inputs, self.targets = map(_batch, (task.inputs, task.targets))
        self.held_out = tuple(map(_batch, task.held_out))
        seen = slice(None if task.executor is None else 1)  # what workers are for is too much for this process
        for data in ((self.inputs[seen], self.targets[seen]), self.held_out):
            if len(data[0]):
                _check_compiles(self.error, *data)

    def backward(self, batch: Batch, epoch: int) -> None:
        if len(batch) == len(self.inputs) and (batch[:-1] < batch[1:]).all():  # all, perhaps larger than memory
            inputs, targets = self.inputs, self.targets
        else:
            inputs, targets = taken(self.inputs, batch), taken(self.targets, batch)
        try:
            predictions = self._predictions(inputs)
            loss = self.error.backward(inputs, targets, reduction="mean", executor=self.task.executor)
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
            errors = self.error.value(*self.held_out, at=self._vector())
            predictions = self._predictions(self.held_out[0])
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

    def _predictions(self, inputs: Data) -> Any:
        """Those of the model, if there is a metric that wants them."""
        return None if self.task.metric is None else self.predict.value(inputs, at=self._vector())

    def _note(self, metrics: EpochMetrics, errors: Sequence[float], predictions: Any, targets: Data) -> None:
        metrics.errors.extend(errors)
        if metrics.metric is not None:
            for index in range(len(errors)):
                metrics.score(_observation(predictions, index, self.like), targets[index])


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
        self.descent = self.error.descent(
            self.inputs, self.targets, rule=rule, state=self._remembered(), steps=optimizer.steps
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
        if self.decays != bool(self.optimizer.weight_decay):  # it was changed since the last epoch
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
        if _asked(self.task.metric, self.optimizer):
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
            predictions = self._predictions(taken(self.inputs, batches[0]))
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


def engine_for(task: Task, wanted: str) -> tuple[EagerEngine, str]:
    """The engine that trains, and why it is the eager one if another was wished for.

    Args:
        task: what is to be trained.
        wanted: ``"auto"``, ``"compiled"`` or ``"eager"``; with an executor, ``"auto"`` is compiled.

    Raises:
        ValueError: it is none of these, or eager with an executor; or the loss depends on no parameter that is moved.
        TypeError: the loss returns no ``Value``.
        Exception: ``"compiled"`` is wanted, and the loss cannot be compiled; it says why.
    """
    if wanted not in ("auto", "compiled", "eager"):
        raise ValueError(f"engine must be 'auto', 'compiled' or 'eager', not {wanted!r}")
    if wanted == "eager" and task.executor is not None:
        raise ValueError("an executor runs compiled losses alone: engine must be 'auto' or 'compiled', not 'eager'")
    _check_depends(task)
    if wanted == "eager":
        return EagerEngine(task), ""
    if task.executor is not None:
        return GradientEngine(task), ""
    try:
        optimizer = task.optimizer
        if isinstance(optimizer, Optimizer) and _goes_by_its_rule(optimizer, task):
            return RuleEngine(task, optimizer), ""
        return GradientEngine(task), ""
    except Exception as error:  # whatever a model or loss may raise: run eagerly, it says so itself if it is wrong
        if wanted == "compiled":
            raise
        return EagerEngine(task), f"{type(error).__name__}: {error}".split("\n")[0]


def _check_depends(task: Task) -> None:
    """Refuse a loss that no step could lower; mostly one observation tells."""
    moved = moved_by(task.optimizer)
    parameters = {*task.parameters} if moved is None else moved
    error = None
    for index, (x, target) in enumerate(zip(task.inputs, task.targets)):
        try:
            error = task.loss(task.model(x), target)
        except Exception as raised:
            note(raised, index)
            raise
        if isinstance(error, Value) and _depends(error, parameters):
            return
    check_scalar(error)
    raise ValueError(
        "the loss depends on no parameter that the optimizer moves, for none of the observations: was it computed from "
        "predictions cut off by .data, float(), detach() or numpy, or not from the prediction at all? Write it with "
        "arithmetic and functions of autodiff"
    )


def _depends(error: Value, parameters: set[Value]) -> bool:
    """Whether one of the parameters is among what the error was computed from: the first that is met will do."""
    stack, seen = [error], {error}
    while stack:
        node = stack.pop()
        if node in parameters:
            return True
        new = [parent for parent in node.parents if parent not in seen]
        seen.update(new)
        stack += new
    return False


def _goes_by_its_rule(optimizer: Optimizer, task: Task) -> bool:
    """Whether its steps are those of its rule, and nothing that is called between them refers to the parameters."""
    parameters = task.parameters
    return (
        optimizer.has_rule
        and [*map(id, optimizer.parameters)] == [*map(id, parameters)]
        and not any(_refers_to(each, parameters) for each in _asked(task.metric, optimizer))
    )


def _asked(metric: Metric | None, optimizer: Optimizer) -> list[Callable[..., Any]]:
    """The functions of the user's that are called between steps."""
    return [each for each in (metric, optimizer.learning_rate) if callable(each)]


def _refers_to(function: Callable[..., Any], parameters: Sequence[Value]) -> bool:
    return not {*autodiff.compile(function).parameters}.isdisjoint(parameters)


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


def _check_compiles(error: Any, inputs: Data, targets: Data) -> None:
    """Run the loss of all observations once.

    Raises:
        TypeError: the loss is no scalar, or the observations are no arrays or lists of numbers.
        RuntimeError: there are too many ways through the loss.
    """
    before = sum(report.runs for report in error.programs)
    values = error.value(inputs, targets)
    if np.shape(values) != (len(inputs),):
        raise TypeError("the loss must be a scalar of observations that are arrays or nested lists of numbers")
    if sum(report.runs for report in error.programs) < before + len(inputs):
        raise RuntimeError(f"the loss branches in more than {error.max_branches} ways")


def _observation(predictions: Any, index: int, like: Any) -> Any:
    """What the model returned for one observation, with constants for its numbers: of the structure of another one."""
    if trees.is_array(predictions):
        numbers = predictions[index]
        return trees.mapped(constant, numbers.tolist() if isinstance(like, list) else numbers)
    likes = trees.parts(like) or {}
    parts = (trees.parts(predictions) or {}).items()
    return trees.rebuilt(predictions, [_observation(part, index, likes[key]) for key, part in parts])
