"""The way that an optimizer takes down the error mountain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nn.epoch_metrics import Data
from nn.losses import Loss
from nn.module import Module
from nn.objective import Array, Objective
from nn.optimizers import Optimizer


@dataclass(frozen=True, eq=False)
class Descent:
    """The way an optimizer took, as arrays; :func:`descend` makes one."""

    name: str
    parameters: Array
    """(steps + 1, parameters): all parameters of the model, from the start on."""
    losses: Array
    """(steps + 1,): the loss there."""
    gradients: Array
    """(steps + 1, parameters): its gradient there."""

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses) - 1

    def __repr__(self) -> str:
        return f"Descent({self.name!r}: {self.steps} steps, loss {self.losses[0]:.4g} → {self.losses[-1]:.4g})"


def descend(
    model: Module,
    inputs: Data,
    targets: Data,
    loss: Loss,
    *,
    optimizer: Optimizer,
    steps: int,
    reduce: str = "mean",
    name: str = "",
) -> Descent:
    """The way that an optimizer takes from the present parameters, a step at a time. The model is left as it was.

    Only the optimizer's own parameters move: give it the two weights of a landscape, and the way lies on its surface.
    It ends early, before the first loss that is not finite.

    Args:
        model, inputs, targets, loss, reduce: as for :func:`loss_landscape`.
        optimizer: a new one, of parameters of the model.
        steps: how many.
        name: of the way, for legends; the optimizer's class if it is empty.

    Raises:
        ValueError: as :func:`loss_landscape`; steps that are not a number from 1 on; an optimizer of others.
        FloatingPointError: the loss or its gradient is not finite at the start.

    >>> from nn import MLP, SGD, squared_error
    >>> line = MLP(1, [1])
    >>> descent = SGD(line.parameters(), learning_rate=0.5)
    >>> descend(line, [[0.0], [1.0]], [1.0, 3.0], squared_error, optimizer=descent, steps=2)
    Descent('SGD': 2 steps, loss 3.689 → 0.08136)
    """
    if not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps must be a whole number of at least 1, not {steps!r}")
    objective = Objective(model, inputs, targets, loss, reduce)
    known = {*objective.values}
    if not known.issuperset(optimizer.parameters):
        raise ValueError(f"the optimizer must move parameters of the model {model!r}, and moves others")
    start, gradients = objective.parameters(), [value.grad for value in objective.values]
    way: list[tuple[Array, float, Array]] = []
    try:
        for _ in range(steps + 1):
            here = objective.parameters()
            try:
                height, gradient = objective(here)
            except FloatingPointError:
                if not way:
                    raise
                break
            way.append((here, height, gradient))
            if len(way) <= steps:
                for value, slope in zip(objective.values, gradient.tolist()):
                    value.grad = slope
                optimizer.step()
    finally:
        objective.move(start)
        for value, slope in zip(objective.values, gradients):
            value.grad = slope
    parameters, losses, slopes = map(np.array, zip(*way))
    return Descent(name or type(optimizer).__name__, parameters, losses, slopes)
