"""The engines that train a model: the eager one, and those that run its loss compiled.

All take the same steps, in the same order, with the same batches. The compiled ones hand a batch whose loss or gradient
is not finite to the eager one, which raises the error and names the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Value, constant, mean
from nn.epoch_metrics import Account, Data, Metric, NonFiniteLossError, numbers, restore, taken
from nn.losses import Loss
from nn.module import Module
from nn.optimizers import Optimizer

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Batches = Sequence[Places]
"""The places of the observations of each batch of an epoch."""
AT_ONCE = 1000
"""So many steps are one call of machine code, which an interrupt has to wait for."""


class Steps(Protocol):
    """What ``fit`` needs of an optimizer."""

    def zero_grad(self) -> None:
        """Set the gradients of the parameters to 0."""

    def step(self) -> None:
        """Move the parameters once, by their present gradients."""


@dataclass(frozen=True)
class Task:
    """What is to be trained on what."""

    model: Module
    loss: Loss
    metric: Metric | None
    optimizer: Steps
    inputs: Data
    targets: Data
    held_out: tuple[Data, Data]
    """Empty if there is no validation."""
    train: Account
    check: Account


class Engine(Protocol):
    """What trains the model of a task."""

    name: str

    def train(self, batches: Batches, epoch: int) -> None:
        """Take the steps of an epoch, and note loss and metric.

        Raises:
            NonFiniteLossError: a loss is not finite. The parameters are then those of the last finite one.
            FloatingPointError: a gradient is not finite; the parameters are those before the step.
        """

    def validate(self, epoch: int) -> None:
        """Note loss and metric of the held-out data; errors as of :meth:`train`."""

    def numbers(self) -> list[float]:
        """The present numbers of the parameters."""

    def finish(self) -> None:
        """Leave parameters and optimizer as the last step left them, also one before an exception."""


class EagerEngine:
    """The engine itself: a graph for each observation."""

    name = "eager"

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters = task.model.parameters()
        self.good = numbers(self.parameters)
        """The parameters of the last batch whose loss was finite, as they were before its step."""

    def train(self, batches: Batches, epoch: int) -> None:
        for batch in batches:
            self.step(batch, epoch)
        self.task.train.close_epoch()

    def step(self, batch: Places, epoch: int) -> None:
        """Take the step of one batch; errors as of :meth:`train`."""
        task = self.task
        try:
            errors = [
                task.train.error(task.model, task.inputs[place], task.targets[place], epoch, place)
                for place in batch.tolist()
            ]
        except NonFiniteLossError:
            restore(self.parameters, self.good)
            raise
        self.good = self.numbers()
        task.optimizer.zero_grad()
        mean(errors).backward()
        task.optimizer.step()

    def validate(self, epoch: int) -> None:
        task = self.task
        try:
            for place, (x, target) in enumerate(zip(*task.held_out)):
                task.check.error(task.model, x, target, epoch, place)
        except NonFiniteLossError:
            restore(self.parameters, self.good)
            raise
        task.check.close_epoch()

    def numbers(self) -> list[float]:
        return numbers(self.parameters)

    def finish(self) -> None:
        pass  # it works on the parameters themselves


class GradientEngine:
    """The loss compiled, with its gradient; the optimizer takes its own steps.

    Raises:
        Exception: the loss cannot be compiled, or not for this data; it says why.
    """

    name = "compiled"

    def __init__(self, task: Task) -> None:
        self.task = task
        self.eager = EagerEngine(task)
        self.parameters = self.eager.parameters
        model, loss = task.model, task.loss
        self.error = autodiff.compile(lambda x, target: loss(model(x), target), parameters=model)
        self.predict = autodiff.compile(lambda x: model(x), parameters=model)
        self.inputs, self.targets = map(_batch, (task.inputs, task.targets))
        self.held_out = tuple(map(_batch, task.held_out))
        for data in ((self.inputs, self.targets), self.held_out):
            if len(data[0]):
                _check_compiles(self.error, *data)

    def train(self, batches: Batches, epoch: int) -> None:
        task = self.task
        for batch in batches:
            inputs, targets = taken(self.inputs, batch), taken(self.targets, batch)
            try:
                predictions = self._predictions(inputs)
                task.optimizer.zero_grad()
                loss = self.error.backward(inputs, targets, reduce="mean")
            except Exception:  # no parameter has changed so far: the engine itself says what it is
                self.eager.step(batch, epoch)
                continue
            self.eager.good = self.eager.numbers()
            self._note(task.train, [loss] * len(batch), predictions, taken(task.targets, batch))
            task.optimizer.step()
        task.train.close_epoch()

    def validate(self, epoch: int) -> None:
        try:
            errors = self.error.value(*self.held_out, at=self._vector())
            predictions = self._predictions(self.held_out[0])
            finite = np.isfinite(errors).all()
        except Exception:  # the engine itself says what it is
            finite = False
        if finite:
            self._note(self.task.check, errors.tolist(), predictions, self.task.held_out[1])
            self.task.check.close_epoch()
        else:
            with self._handed_over():
                self.eager.validate(epoch)

    def numbers(self) -> list[float]:
        return self.eager.numbers()

    def finish(self) -> None:
        pass  # it works on the parameters themselves

    @contextmanager
    def _handed_over(self) -> Iterator[None]:
        """Leave it to the eager engine to go on, and go on from where it leaves off."""
        yield

    def _vector(self) -> Floats | None:
        """The numbers of the parameters; None for those that they have themselves."""
        return None

    def _predictions(self, inputs: Data) -> Any:
        """Those of the model, if there is a metric that wants them."""
        return None if self.task.metric is None else self.predict.value(inputs, at=self._vector())

    def _note(self, account: Account, errors: Sequence[float], predictions: Any, targets: Data) -> None:
        account.errors.extend(errors)
        if account.metric is not None:
            for place in range(len(errors)):
                account.score(_observation(predictions, place), targets[place])


class DescentEngine(GradientEngine):
    """Loss, gradient and the rule of the optimizer compiled: many steps are one call.

    Raises:
        Exception: the loss or the rule cannot be compiled, or not for this data; it says why.
    """

    def __init__(self, task: Task, optimizer: Optimizer) -> None:
        super().__init__(task)
        self.optimizer = optimizer
        self.descent = self.error.descent(
            self.inputs, self.targets, rule=optimizer.rule, state=optimizer.state, steps=optimizer.steps
        )
        self._last = _Steps(self._moment(), (), [])
        """The last steps that were taken in one call."""

    def train(self, batches: Batches, epoch: int) -> None:
        self._show()
        at_once = AT_ONCE if self.task.metric is None else 1  # a metric wants the predictions before each step
        taken_so_far = 0
        while taken_so_far < len(batches):
            part = batches[taken_so_far : taken_so_far + at_once]
            done = self._compiled_steps(part)
            if done < len(part):
                self._eager_step(part[done], epoch)
                done += 1
            taken_so_far += done
        self.task.train.close_epoch()

    def validate(self, epoch: int) -> None:
        self._show()
        super().validate(epoch)

    def numbers(self) -> list[float]:
        return list(self.descent.parameters.tolist())

    def _show(self) -> None:
        """Let the user's functions find the present numbers, should they read them although nothing says so."""
        if _asked(self.task.metric, self.optimizer):
            self.finish()

    def finish(self) -> None:
        restore(self.parameters, self.numbers())
        self.optimizer.state = self.descent.state.tolist()
        self.optimizer.steps = self.descent.steps

    def _compiled_steps(self, batches: Batches) -> int:
        """How many of the steps could be taken: all up to one that the eager engine must look at."""
        before = self._moment()
        rates, refusal = self._rates(len(batches))
        try:
            predictions = None if self.task.metric is None else self._predictions(taken(self.inputs, batches[0]))
            errors, done = self._descend(batches[: len(rates)], rates)
        except Exception:  # the engine itself says what it is
            self._go_to(before)
            return 0
        except BaseException:  # an interrupt, which does not say how many steps were taken
            self._go_to(before)
            raise
        if done:
            targets = () if predictions is None else taken(self.task.targets, batches[0])
            try:
                self._note(self.task.train, errors, predictions, targets)
            except BaseException:  # from the metric, which comes before the step
                self._go_to(before)
                raise
            self._last = _Steps(before, batches[:done], rates)
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

    def _eager_step(self, batch: Places, epoch: int) -> None:
        before = self._moment()
        with self._handed_over():
            self.eager.step(batch, epoch)
        self._last = _Steps(before, (), [])

    def _descend(self, batches: Batches, rates: Sequence[float]) -> tuple[list[float], int]:
        """The errors, in the order of the batches, and how many steps were taken."""
        starts = np.cumsum([0, *map(len, batches)])
        errors, done = self.descent.run(np.concatenate(batches), starts, rates)
        return errors[: starts[done]].tolist(), done

    @contextmanager
    def _handed_over(self) -> Iterator[None]:
        now, (before, batches, rates) = self._moment(), self._last
        if len(batches) > 1:  # the parameters before the last step: take all but that one again
            self._go_to(before)
            self._descend(batches[:-1], rates[: len(batches) - 1])
            before = self._moment()
            self._go_to(now)
        self.eager.good = before.parameters.tolist()
        self.finish()
        try:
            yield
        finally:
            state = np.reshape(self.optimizer.state, self.descent.state.shape)
            self._go_to(_Moment(np.array(self.eager.numbers()), state, self.optimizer.steps))

    def _vector(self) -> Floats:
        numbers: Floats = self.descent.parameters
        return numbers

    def _moment(self) -> _Moment:
        return _Moment(self.descent.parameters.copy(), self.descent.state.copy(), self.descent.steps)

    def _go_to(self, moment: _Moment) -> None:
        self.descent.parameters[:] = moment.parameters
        self.descent.state[:] = moment.state
        self.descent.steps = moment.steps


class _Moment(NamedTuple):
    """Where a descent is."""

    parameters: Floats
    state: Floats
    steps: int


class _Steps(NamedTuple):
    """A moment, and the steps that were taken from there on."""

    before: _Moment
    batches: Batches
    rates: Sequence[float]


def engine_for(task: Task, wanted: str) -> tuple[Engine, str]:
    """The engine that trains, and why it is the eager one if another was wished for.

    Args:
        task: what is to be trained.
        wanted: ``"auto"``, ``"compiled"`` or ``"eager"``.

    Raises:
        ValueError: it is none of these.
        Exception: ``"compiled"`` is wanted, and the loss cannot be compiled; it says why.
    """
    if wanted not in ("auto", "compiled", "eager"):
        raise ValueError(f"engine must be 'auto', 'compiled' or 'eager', not {wanted!r}")
    if wanted == "eager":
        return EagerEngine(task), ""
    try:
        return _compiled_engine(task), ""
    except Exception as error:  # whatever a model or loss may raise: run eagerly, it says so itself if it is wrong
        if wanted == "compiled":
            raise
        return EagerEngine(task), f"{type(error).__name__}: {error}".split("\n")[0]


def _compiled_engine(task: Task) -> Engine:
    optimizer = task.optimizer
    if isinstance(optimizer, Optimizer) and _goes_by_its_rule(optimizer, task):
        return DescentEngine(task, optimizer)
    return GradientEngine(task)


def _goes_by_its_rule(optimizer: Optimizer, task: Task) -> bool:
    """Whether its steps are those of its rule, and nothing that is called between them refers to the parameters."""
    parameters = task.model.parameters()
    return (
        optimizer.has_rule
        and all(_is_inherited(optimizer, name) for name in ("zero_grad", "step", "moves", "rate"))
        and _same(optimizer.parameters, parameters)
        and not any(_refers_to(each, parameters) for each in _asked(task.metric, optimizer))
    )


def _is_inherited(optimizer: Optimizer, name: str) -> bool:
    return getattr(getattr(optimizer, name), "__func__", None) is getattr(Optimizer, name)


def _asked(metric: Metric | None, optimizer: Optimizer) -> list[Callable[..., Any]]:
    """The functions of the user's that are called between steps."""
    return [each for each in (metric, optimizer.learning_rate) if callable(each)]


def _refers_to(function: Callable[..., Any], parameters: Sequence[Value]) -> bool:
    return not {*autodiff.compile(function).parameters}.isdisjoint(parameters)


def _same(some: Sequence[Value], others: Sequence[Value]) -> bool:
    return [*map(id, some)] == [*map(id, others)]


def _batch(data: Data) -> Data:
    """The observations in a form that says that they are several: an array, or a list."""
    if isinstance(data, np.ndarray):
        return data
    return np.stack(data) if len(data) and isinstance(data[0], np.ndarray) else list(data)


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


def _observation(result: Any, place: int) -> Any:
    """What the model returned for one observation, with constants for its numbers."""
    if isinstance(result, dict):
        return {key: _observation(part, place) for key, part in result.items()}
    if isinstance(result, (list, tuple)):
        parts = [_observation(part, place) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if result.ndim > 1:
        return np.array([*map(constant, result[place].ravel())], object).reshape(result.shape[1:])
    return constant(result[place])
