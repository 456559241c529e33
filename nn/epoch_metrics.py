"""What a training run sees: the loss and the metric of each epoch, and the first number that is not finite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum, isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autodiff import Value, topological_order
from nn.losses import Loss
from nn.module import Module

Metric: TypeAlias = Callable[[Any, Any], float | Value]
"""A function ``(prediction, target) -> number`` of one observation, such as a loss; its mean is reported."""
Data: TypeAlias = Sequence[Any] | NDArray[Any]


class NonFiniteLossError(FloatingPointError):
    """The loss of an observation is nan or infinite."""

    epoch: int
    """Counted from 1."""
    observation: int
    """Its index in the data set."""
    node: Value
    """The first node in topological order, operands before results, that is not finite."""


class Account:
    """The loss and the metric of each epoch, as their observations come in."""

    def __init__(self, loss: Loss, metric: Metric | None, where: str = "") -> None:
        self.loss, self.metric, self.where = loss, metric, where
        self.metric_name = getattr(metric, "__name__", "metric").replace("_", " ") if metric else ""
        self.losses: list[float] = []
        self.metrics: list[float] = []
        self.errors: list[float] = []
        self.scores: list[float] = []

    def error(self, model: Module, x: Any, target: Any, epoch: int, place: int) -> Value:
        """The error of an observation, noted; it is run eagerly.

        Raises:
            TypeError: the loss does not return a ``Value``.
            NonFiniteLossError: the error is not finite.
        """
        prediction = model(x)
        error = self.loss(prediction, target)
        if not isinstance(error, Value):
            raise TypeError(f"the loss must return a Value, not {type(error).__name__} {error!r:.60}")
        if not isfinite(error.data):
            raise _culprit(error, epoch, place, self.where)
        self.errors.append(error.data)
        self.score(prediction, target)
        return error

    def score(self, prediction: Any, target: Any) -> None:
        """Note the metric of an observation."""
        if self.metric is not None:
            score = self.metric(prediction, target)
            self.scores.append(float(score.data if isinstance(score, Value) else score))

    def close_epoch(self) -> None:
        """Note the means of the epoch."""
        for numbers, means in ((self.errors, self.losses), (self.scores, self.metrics)):
            if numbers:
                means.append(fsum(numbers) / len(numbers))
                numbers.clear()

    def shown(self) -> dict[str, str]:
        """The last means, under the names that the progress bar shows."""
        last = {self.where + "loss": self.losses[-1:], self.where + self.metric_name: self.metrics[-1:]}
        return {name: f"{mean[0]:.4f}" for name, mean in last.items() if mean}


def _culprit(loss: Value, epoch: int, observation: int, where: str) -> NonFiniteLossError:
    order = topological_order(loss)
    node = next(node for node in order if not isfinite(node.data))
    names = {id(parent): parent.label or f"v{at}" for at, parent in enumerate(order)}
    operands = ", ".join(f"{names[id(parent)]} = {parent}" for parent in node.parents[:4])
    if len(node.parents) > 4:
        operands += ", …"
    error = NonFiniteLossError(
        f"the {where}loss is {loss} in epoch {epoch} at observation {observation}: the first number that is not finite "
        f"is {names[id(node)]} = {node}, by the operation {node.op.name!r}{f' ({operands})' if operands else ''}; "
        "the parameters are those of the last finite loss"
    )
    error.epoch, error.observation, error.node = epoch, observation, node
    return error


def numbers(parameters: Sequence[Value]) -> list[float]:
    """The numbers of the parameters."""
    return [value.data for value in parameters]


def restore(parameters: Sequence[Value], given: Sequence[float]) -> None:
    """Give the parameters these numbers."""
    for value, number in zip(parameters, given):
        value.data = number


def taken(data: Data, places: Any) -> Data:
    """Some of the observations."""
    return data[places] if isinstance(data, np.ndarray) else [data[place] for place in places]
