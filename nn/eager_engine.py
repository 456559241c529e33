"""The eager engine: what trains a model with a graph for each observation, and what every engine is given.

All engines take the same steps, in the same order, with the same batches; they differ in how the loss of a batch and
its gradient are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import Value, mean
from nn.clipping import Clipping, clip_gradients
from nn.datasets import Data
from nn.dropping import without_dropout
from nn.epoch_metrics import EpochMetrics, Metric, NonFiniteLossError
from nn.losses import Loss
from nn.mistakes import moved_besides
from nn.module import ZEROED, Module, assign, numbers
from nn.optimizers import OptimizerLike, take_steps

Batch = NDArray[np.int64]
"""The indices of its observations in the data set."""
Batches = Sequence[Batch]
"""Those of an epoch."""


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
        with self._back_to_good_parameters():
            errors = [self._error(index, epoch) for index in batch.tolist()]
        self.good = self.numbers()
        mean(errors).backward()

    def _error(self, index: int, epoch: int) -> Value:
        """The error of an observation, noted with its metric."""
        task = self.task
        return task.training.error(task.model, task.inputs[index], task.targets[index], epoch, index)

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
