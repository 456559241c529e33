"""The loss of a data set as a function of the parameters: what landscapes and descents are made of."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Value, grad, leaves
from nn.datasets import Data
from nn.dropping import without_dropout
from nn.losses import Loss
from nn.mistakes import check_function
from nn.module import Module, numbers
from nn.observations import observations

Array: TypeAlias = NDArray[np.float64]


class Objective:
    """The loss of the data set as a function of the parameters."""

    def __init__(self, model: Module, inputs: Data, targets: Data, loss: Loss, reduction: str) -> None:
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction must be 'mean' or 'sum', not {reduction!r}")
        check_function("loss", loss)
        inputs, targets = observations(inputs, "inputs"), observations(targets, "targets")
        if len(inputs) != len(targets) or not len(inputs):
            raise ValueError(f"one target for each observation is needed: {len(inputs)} and {len(targets)} were given")
        self.model, self.loss, self.reduction = model, loss, reduction
        self.inputs, self.targets = np.asarray(inputs), np.asarray(targets)
        self.values = model.parameters()
        self.names = [name for name, _ in model.named_parameters()]
        self.labels = [value.label or name for name, value in zip(self.names, self.values)]

        def error(x: Any, y: Any) -> Any:
            with without_dropout():
                return loss(model(x), y)

        self.error = autodiff.compile(error, parameters=model)

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        """The loss there and its gradient, (parameters,).

        Raises:
            FloatingPointError: one of them is not finite.
        """
        height, gradient = self.error.value_and_grad(self.inputs, self.targets, reduction=self.reduction, at=parameters)
        return height, gradient

    def over(self, origin: Array, plane: Array, xs: Array, ys: Array) -> tuple[Array, Array]:
        """(rows, columns) heights and (rows, columns, 2) gradients over a plane: a row of the grid is a batch.

        The coordinates are inputs of the compiled function, like the data. The function runs a copy of the model, in
        which each parameter that varies is a node computed from the coordinates.
        """

        def error(a: Any, b: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
            moved = {
                id(value): start + a * right + b * up if right or up else value
                for value, start, right, up in zip(self.values, origin.tolist(), *plane.tolist())
            }
            with without_dropout():
                result = self.loss(deepcopy(self.model, moved)(x), y)
            unmoved = set(leaves(result)) & {value for value in self.values if moved[id(value)] is not value}
            if unmoved:
                raise ValueError(
                    f"the loss uses the parameter {unmoved.pop().label!r} itself, and can't be moved with it: "
                    "only the model may use its parameters"
                )
            return result, *grad(result, [a, b])

        compiled = autodiff.compile(error, ndim=(0, 0, self.inputs.ndim - 1, self.targets.ndim - 1))
        count, columns = len(self.targets), len(xs)
        inputs, targets = (np.concatenate([data] * columns) for data in (self.inputs, self.targets))
        found = np.empty((len(ys), columns, 3))
        for row, y in enumerate(ys):
            results = compiled(np.repeat(xs, count), np.full(columns * count, y), inputs, targets)
            with np.errstate(invalid="ignore"):  # ∞ − ∞ is nan, and no news
                sums = np.stack(results, axis=-1).reshape(columns, count, 3).sum(axis=1)
            found[row] = sums / count if self.reduction == "mean" else sums
        return found[..., 0], found[..., 1:]

    def index(self, weight: str | Value) -> int:
        """Which of the parameters it is: the parameter itself, its name, or its label."""
        for index, value in enumerate(self.values):
            if weight is value or (isinstance(weight, str) and weight in (self.names[index], self.labels[index])):
                return index
        known = ", ".join(self.names[:6]) + (", …" if len(self.names) > 6 else "")
        raise ValueError(f"the model has no parameter {weight!r} (it has {known})")

    def parameters(self) -> Array:
        """(parameters,): their present numbers."""
        return np.array(numbers(self.values))
