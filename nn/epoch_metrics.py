"""What a training run sees: the loss and the metric of each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum, isfinite, nan
from numbers import Real
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from autodiff import NonFiniteError, Value, check_finite, trees
from nn.losses import Loss
from nn.module import Module

Metric: TypeAlias = Callable[[Any, Any], float | Value]
"""A function ``(prediction, target) -> number`` of one observation, such as a loss; its mean is reported."""


class Epoch(NamedTuple):
    """What a callback of ``fit`` is told after an epoch."""

    number: int
    """Counted from 1."""
    loss: float
    """The mean over the observations, each taken when its batch was run."""
    metric: float
    """nan if there is none, as all that is not measured."""
    validation_loss: float
    validation_metric: float
    model: Module
    """With the parameters after the epoch."""
    optimizer: Any


Callback: TypeAlias = Callable[[Epoch], bool | None]
"""A function that is called after each epoch; where it returns True, the training ends."""
NonFiniteLossError = NonFiniteError
"""The loss of an observation is nan or infinite: its ``epoch``, ``observation`` and ``node`` say where."""


def check_scalar(error: Any) -> None:
    """Refuse the error of an observation that is no ``Value``.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(error, Value):
        shape = getattr(error, "shape", ())
        advice = ": are the targets of the shape (observations, 1)? Pass targets[:, 0]" if shape == (1,) else ""
        raise TypeError(f"the loss must return a Value, not {type(error).__name__} {error!r:.60}{advice}")


def note(error: Exception, index: int) -> None:
    """Let an error of the model or the loss say for which observation they were called."""
    error.add_note(f"at observation {index}: inputs[{index}] and targets[{index}]")


def check_callbacks(callbacks: Any) -> None:
    """Refuse what is no list of functions.

    Raises:
        TypeError: it is none.
    """
    if callable(callbacks) or not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise TypeError(
            f"callbacks must be a list of functions of an epoch, such as [lambda epoch: epoch.loss < 0.01], not "
            f"{type(callbacks).__name__} {callbacks!r:.60}"
        )


def called(callbacks: Sequence[Callback], epoch: Epoch) -> bool:
    """Call all of them; whether one wants the training to end.

    Raises:
        TypeError: one returned neither None nor a bool.
        Exception: one of them raised it.
    """
    wishes = [callback(epoch) for callback in callbacks]
    for wish in wishes:
        if not isinstance(wish, (bool, np.bool_, NoneType)):
            raise TypeError(
                f"a callback must return True to end the training, else False or None, not {type(wish).__name__} "
                f"{wish!r:.60}"
            )
    return any(wishes)


class EpochMetrics:
    """The loss and the metric of each epoch, as their observations come in."""

    def __init__(self, loss: Loss, metric: Metric | None, where: str = "") -> None:
        self.loss, self.metric, self.where = loss, metric, where
        self.metric_name = getattr(metric, "__name__", "metric").replace("_", " ") if metric else ""
        self.losses: list[float] = []
        self.metrics: list[float] = []
        self.errors: list[float] = []
        self.scores: list[float] = []

    def error(self, model: Module, x: Any, target: Any, epoch: int, index: int) -> Value:
        """The error of an observation, noted; it is run eagerly.

        Raises:
            TypeError: the loss does not return a ``Value``.
            NonFiniteLossError: the error is not finite.
        """
        try:
            prediction = model(x)
            error: Value = self.loss(prediction, target)
        except Exception as failure:
            note(failure, index)
            raise
        check_scalar(error)
        if not isfinite(error.data):
            try:
                check_finite(error, backward=False)
            except NonFiniteError as found:
                text = f"the {self.where}loss is {error} in epoch {epoch} at observation {index}: {found}"
                raised = NonFiniteError(text, found.node, found.path, found.source, index, epoch)
                for name, data in (("inputs", x), ("targets", target)):
                    if any(isinstance(leaf, Real) and not isfinite(leaf) for leaf in trees.leaves(data)):
                        raised.add_note(
                            f"{self.where}{name}[{index}] is {data!r:.60}: leave observations with missing numbers "
                            "out, or fill these in, before the training"
                        )
                        break
                else:
                    if found.source is None:
                        raised.add_note(
                            "inside of `with autodiff.detect_anomaly():`, an error names the line where it began"
                        )
                    if len(self.losses) > 1 and self.losses[-1] > self.losses[0]:
                        raised.add_note(
                            f"the loss has grown from {self.losses[0]:.4g} to {self.losses[-1]:.4g}: take a smaller "
                            "learning_rate, or scale the inputs down"
                        )
                raise raised from None
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

    @property
    def last(self) -> tuple[float, float]:
        """The last means of loss and metric; nan for what is not measured."""
        return self.losses[-1] if self.losses else nan, self.metrics[-1] if self.metrics else nan

    def shown(self) -> dict[str, str]:
        """The last means, under the names that the progress bar shows."""
        last = {self.where + "loss": self.losses[-1:], self.where + self.metric_name: self.metrics[-1:]}
        return {name: f"{mean[0]:.4f}" for name, mean in last.items() if mean}
