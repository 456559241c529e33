"""The path that an optimizer takes down the error mountain, kept step by step.

(The descent of a compiled function, ``Compiled.descent``, takes the steps inside compiled code, and keeps no path.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nn.datasets import Data
from nn.losses import Loss
from nn.mistakes import instead
from nn.module import Module, assign
from nn.objective import Array, Objective
from nn.optimizers import Optimizer, take_steps


@dataclass(frozen=True, eq=False)
class Descent:
    """The path of an optimizer, as arrays; :func:`descend` makes one."""

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


@instead(reduce="reduction")
def descend(
    model: Module,
    inputs: Data,
    targets: Data,
    loss: Loss,
    *,
    optimizer: Optimizer,
    steps: int,
    reduction: str = "mean",
    name: str = "",
) -> Descent:
    """The path of an optimizer from the present parameters, each step for the whole data set. The model stays as it is.

    Only the optimizer's own parameters move: give it the two weights of a landscape, and the path lies on its surface.
    It ends early, before the first loss that is not finite.

    Args:
        model, inputs, targets, loss, reduction: as for :func:`loss_landscape`.
        optimizer: a new one, of parameters of the model.
        steps: how many.
        name: of the path, for legends; the optimizer's class if it is empty.

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
    objective = Objective(model, inputs, targets, loss, reduction)
    if not {*objective.values}.issuperset(optimizer.parameters):
        raise ValueError(f"the optimizer must move parameters of the model {model!r}, and moves others")
    before = [(value.data, value.grad) for value in objective.values]
    path: list[tuple[Array, float, Array]] = []

    def backward(_step: int) -> None:
        here = objective.parameters()
        height, gradient = objective(here)
        path.append((here, height, gradient))
        for value, slope in zip(objective.values, gradient.tolist()):
            value.grad = slope

    try:
        take_steps(optimizer, range(steps), backward)
        backward(steps)
    except FloatingPointError:
        if not path:
            raise
    finally:
        assign(objective.values, [number for number, _ in before])
        for value, (_, gradient) in zip(objective.values, before):
            value.grad = gradient
    parameters, losses, slopes = map(np.array, zip(*path))
    return Descent(name or type(optimizer).__name__, parameters, losses, slopes)
