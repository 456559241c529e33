"""The training loop: batches, progress, early stopping, and a halt at the first number that is not finite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, inf, isfinite
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from autodiff import Value, mean, topological_order
from nn.losses import Loss, is_vector
from nn.module import Module
from nn.seeding import Seed, generator

Metric: TypeAlias = Callable[[Any, Any], float]
"""A function ``(prediction, target) -> number`` of one observation; its mean is reported."""
Data: TypeAlias = Sequence[Any] | NDArray[Any]


class Steps(Protocol):
    """What ``fit`` needs of an optimizer."""

    def zero_grad(self) -> None:
        """Set the gradients of the parameters to 0."""

    def step(self) -> None:
        """Move the parameters once, by their present gradients."""


class NonFiniteLossError(FloatingPointError):
    """The loss of an observation is nan or infinite."""

    epoch: int
    """Counted from 1."""
    observation: int
    """Its index in the data set."""
    node: Value
    """The first node in topological order, operands before results, that is not finite."""


@dataclass(frozen=True)
class History:
    """What a training run saw, epoch by epoch.

    The loss of an epoch is the mean over its observations, each taken when its batch was run, before the step.
    """

    losses: list[float]
    metrics: list[float]
    validation_losses: list[float]
    validation_metrics: list[float]
    metric_name: str
    best_epoch: int
    """The epoch, counted from 1, with the least validation loss, or training loss if there is no validation."""
    stopped_early: bool

    @property
    def epochs(self) -> int:
        """How many epochs were run."""
        return len(self.losses)

    def __repr__(self) -> str:
        stop = " (stopped early)" if self.stopped_early else ""
        return f"History({self.epochs} epochs{stop}, loss {self.losses[0]:.4g} → {self.losses[-1]:.4g})"


def fit(
    model: Module,
    inputs: Data,
    targets: Data,
    loss: Loss,
    *,
    optimizer: Steps,
    epochs: int,
    batch_size: int | None = None,
    metric: Metric | None = None,
    validation: tuple[Data, Data] | None = None,
    patience: int | None = None,
    rng: Seed = None,
    progress: bool = True,
) -> History:
    """Train the model: for each batch, the mean loss, its gradient, one step of the optimizer.

    Args:
        model: called with one observation at a time.
        inputs: (observations, features).
        targets: (observations,).
        loss: the error of one observation, ``loss(prediction, target)``.
        optimizer: its ``step()`` moves the model's parameters.
        epochs: how often the data set is gone through, at most.
        batch_size: how many observations a step is taken for; they are then shuffled in every epoch.
            None takes all of them, in order.
        metric: a number to report beside the loss, ``metric(prediction, target)``.
        validation: inputs and targets on which loss and metric are computed after each epoch.
        patience: stop after so many epochs without a lower loss (of the validation, else of the training)
            and go back to the parameters with the lowest. None never stops early.
        rng: seed or generator of the shuffling; None is the seed 0.
        progress: show a progress bar with loss and metric.

    Returns:
        The losses and metrics of all epochs.

    Raises:
        TypeError: the loss does not return a ``Value``.
        ValueError: no observations, not one target for each, or an option out of range.
        NonFiniteLossError: a loss is nan or infinite. The parameters are then those of the last finite loss.
        FloatingPointError: a gradient is not finite; the parameters are left as they were.

    >>> from nn import MLP, SGD, squared_error
    >>> line = MLP(1, [1])
    >>> fit(line, [[0.0], [1.0]], [1.0, 3.0], squared_error, progress=False,
    ...     optimizer=SGD(line.parameters(), learning_rate=0.5), epochs=50).epochs
    50
    >>> print(f"{line([2.0]):.2f}")
    5.00
    """
    observations = _observations(inputs, targets, "training")
    held_out = _observations(*validation, "validation") if validation is not None else []
    for name, number in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {number!r}")
    random = generator(rng)
    parameters = model.parameters()
    train, check = _Account(loss, metric), _Account(loss, metric, "validation ")
    good = _numbers(parameters)
    best, best_epoch, stopped = (inf, good), 0, False
    with tqdm(total=epochs, desc="training", unit="epoch", disable=not progress) as bar:
        for epoch in range(1, epochs + 1):
            start = _numbers(parameters)
            try:
                for batch in _batches(len(observations), batch_size, random):
                    errors = [train.error(model, *observations[place], epoch, place) for place in batch]
                    good = _numbers(parameters)
                    optimizer.zero_grad()
                    mean(errors).backward()
                    optimizer.step()
                for place, observation in enumerate(held_out):
                    check.error(model, *observation, epoch, place)
            except NonFiniteLossError:
                _restore(parameters, good)
                raise
            shown = train.close_epoch() | check.close_epoch()
            bar.set_postfix({name: f"{number:.4f}" for name, number in shown.items()}, refresh=False)
            bar.update()
            # The training loss was measured on the way through the epoch, from the parameters at its start.
            measured = (check.losses[-1], _numbers(parameters)) if held_out else (train.losses[-1], start)
            if measured[0] < best[0]:
                best, best_epoch = measured, epoch
            elif patience is not None and epoch - best_epoch >= patience:
                stopped = True
                break
    if patience is not None:
        _restore(parameters, best[1])
    return History(train.losses, train.metrics, check.losses, check.metrics, train.metric_name, best_epoch, stopped)


def accuracy(prediction: Any, target: Any) -> float:
    """1.0 if the prediction means the target's class, else 0.0: a metric whose mean is the accuracy.

    Args:
        prediction: a logit or score, whose sign is the class; or (classes,) of them, the greatest of which is.
        target: 0 or −1 and 1 for a single logit; else the index of the class.

    >>> accuracy(-0.3, 0), accuracy(-0.3, 1), accuracy([0.1, 2.0, 0.3], 1)
    (1.0, 0.0, 1.0)
    """
    if is_vector(prediction):
        return float(max(range(len(prediction)), key=prediction.__getitem__) == target)
    return float((prediction > 0) == (target > 0))


class _Account:
    """The loss and the metric of each epoch, as their observations come in."""

    def __init__(self, loss: Loss, metric: Metric | None, where: str = "") -> None:
        self.loss, self.metric, self.where = loss, metric, where
        self.metric_name = getattr(metric, "__name__", "metric").replace("_", " ") if metric else ""
        self.losses: list[float] = []
        self.metrics: list[float] = []
        self.errors: list[float] = []
        self.scores: list[float] = []

    def error(self, model: Module, x: Any, target: Any, epoch: int, place: int) -> Value:
        prediction = model(x)
        error = self.loss(prediction, target)
        if not isinstance(error, Value):
            raise TypeError(f"the loss must return a Value, not {type(error).__name__} {error!r:.60}")
        if not isfinite(error.data):
            raise _culprit(error, epoch, place, self.where)
        self.errors.append(error.data)
        if self.metric is not None:
            self.scores.append(float(self.metric(prediction, target)))
        return error

    def close_epoch(self) -> dict[str, float]:
        """Note the means of the epoch, and return them under the names that the progress bar shows."""
        shown = {}
        for name, numbers, means in (
            ("loss", self.errors, self.losses),
            (self.metric_name, self.scores, self.metrics),
        ):
            if numbers:
                means.append(fsum(numbers) / len(numbers))
                shown[self.where + name] = means[-1]
                numbers.clear()
        return shown


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


def _observations(inputs: Data, targets: Data, what: str) -> list[tuple[Any, Any]]:
    if len(inputs) != len(targets):
        raise ValueError(
            f"one target for each observation is needed: the {what} data has {len(inputs)} inputs "
            f"and {len(targets)} targets"
        )
    if not len(inputs):
        raise ValueError(f"the {what} data is empty: at least one observation is needed")
    return list(zip(inputs, targets))


def _batches(observations: int, batch_size: int | None, random: np.random.Generator) -> list[list[int]]:
    if batch_size is None:
        return [list(range(observations))]
    order = random.permutation(observations).tolist()
    return [order[start : start + batch_size] for start in range(0, observations, batch_size)]


def _numbers(parameters: list[Value]) -> list[float]:
    return [value.data for value in parameters]


def _restore(parameters: list[Value], numbers: list[float]) -> None:
    for value, number in zip(parameters, numbers):
        value.data = number
