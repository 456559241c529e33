"""The engine that runs the loss of a training and its gradient compiled.

It leaves to the eager one what it cannot run, and a batch whose numbers are not finite: the eager one raises the error
and names the node. What dropout draws it draws in advance, in the order in which the eager one does, so that the same
numbers are left out in every engine.
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
from nn.epoch_metrics import EpochMetrics
from nn.observations import are_arrays

Floats = NDArray[np.float64]


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
            raise_if_stale(error)
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
            raise_if_stale(error)
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


def raise_if_stale(error: Exception) -> None:
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
