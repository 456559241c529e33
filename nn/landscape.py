"""The error mountain: the loss as a height over a plane of weights.

The plane is spanned by two of the weights, and all others stay as they are: then a descent that moves these two lies
on the surface. Any other plane through the parameters is a *projection*, and is called one wherever it is drawn: a
descent of all weights leaves it, and is only seen from above.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autodiff import Value, trees
from nn.datasets import Data
from nn.losses import Loss
from nn.mistakes import instead
from nn.module import Module
from nn.objective import Array, Objective

Range: TypeAlias = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss over a plane of weights, as arrays; :func:`loss_landscape` makes one.

    >>> from nn import MLP, squared_error
    >>> line = MLP(1, [1])
    >>> mountain = loss_landscape(line, [[0.0], [1.0]], [1.0, 3.0], squared_error, resolution=5)
    >>> mountain
    Landscape(5 × 5 points over 'layers.0.neurons.0.weights.0' and 'layers.0.neurons.0.bias', loss 0.125 … 48.5)
    >>> mountain.heights.shape, mountain.gradients.shape
    ((5, 5), (5, 5, 2))
    """

    xs: Array
    """(columns,): the coordinates along the first axis of the plane."""
    ys: Array
    """(rows,): the coordinates along the second."""
    heights: Array
    """(rows, columns): the loss."""
    gradients: Array
    """(rows, columns, 2): the derivatives of the loss along the two axes."""
    axis_names: tuple[str, str]
    projection: str
    """What the plane is a projection on; empty if its axes are two weights."""
    origin: Array
    """(parameters,): the parameters at the coordinates (0, 0)."""
    directions: Array
    """(2, parameters): what a step of 1 along each axis adds to the parameters."""

    def coordinates(self, parameters: Any) -> Array:
        """Where parameters stand on the plane, or the foot of their perpendicular if they do not.

        Args:
            parameters: (…, parameters).

        Returns:
            (…, 2)
        """
        offsets = np.asarray(parameters, dtype=np.float64) - self.origin
        return offsets @ np.linalg.pinv(self.directions)

    def height_at(self, points: Any) -> Array:
        """The height of the drawn surface: between the points of the grid it is interpolated, outside it is nan.

        Args:
            points: (…, 2) coordinates on the plane.

        Returns:
            (…,)
        """
        x, y = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
        (column, right), (row, up) = _cell(x, self.xs), _cell(y, self.ys)
        h = self.heights
        below = _between(h[row, column], h[row, column + 1], right)
        above = _between(h[row + 1, column], h[row + 1, column + 1], right)
        inside = (x >= self.xs[0]) & (x <= self.xs[-1]) & (y >= self.ys[0]) & (y <= self.ys[-1])
        return np.where(inside, _between(below, above, up), np.nan)

    def to_json(self) -> str:
        """The record as JSON, for a page that draws it; a number that is not finite becomes null."""
        record = {name: part.tolist() if isinstance(part, np.ndarray) else part for name, part in asdict(self).items()}
        return json.dumps(trees.mapped(_finite_or_none, record), allow_nan=False)

    def __repr__(self) -> str:
        rows, columns = self.heights.shape
        over = f"a projection ({self.projection})" if self.projection else " and ".join(map(repr, self.axis_names))
        known = self.heights[~np.isnan(self.heights)]
        loss = f"{known.min():.4g} … {known.max():.4g}" if known.size else "nan"
        return f"Landscape({columns} × {rows} points over {over}, loss {loss})"


@instead(reduce="reduction")
def loss_landscape(
    model: Module,
    inputs: Data,
    targets: Data,
    loss: Loss,
    *,
    weights: Sequence[str | Value] | None = None,
    directions: Any = None,
    projection: str = "",
    x_range: Range = (-3.0, 3.0),
    y_range: Range = (-3.0, 3.0),
    resolution: int = 41,
    reduction: str = "mean",
) -> Landscape:
    """The loss of a data set over a plane of weights. The model is left as it was.

    Args:
        model: called with one observation at a time.
        inputs: (observations, features).
        targets: (observations,).
        loss: the error of one observation, ``loss(prediction, target)``.
        weights: the two weights that span the plane, each a parameter of the model or its name; the axes then show
            their values. Without weights and directions, the first two parameters.
        directions: (2, parameters), instead of weights: a projection. The axes then show how far the parameters are
            from where they are now, in multiples of the directions.
        projection: what the directions are, such as "random directions"; it is written on every drawing.
        x_range, y_range: the first and the last coordinate along each axis.
        resolution: how many points along each axis.
        reduction: "mean" or "sum" of the errors of all observations.

    Raises:
        ValueError: a weight is unknown, or named twice; directions that do not fit the model; a range that is empty;
            a resolution below 2; an unknown reduction; no observations, or not one target for each; a loss that uses
            parameters otherwise than through the model.
    """
    _check_grid(x_range, y_range, resolution)
    objective = Objective(model, inputs, targets, loss, reduction)
    origin = objective.parameters()
    if directions is None:
        axes = [objective.index(weight) for weight in (weights or objective.names[:2])]
        if len(axes) != 2 or axes[0] == axes[1]:
            raise ValueError(f"a plane needs two different weights, not {weights or objective.names!r}")
        plane = np.zeros((2, len(origin)))
        plane[0, axes[0]] = plane[1, axes[1]] = 1.0
        origin[axes] = 0.0
        names, projection = (objective.labels[axes[0]], objective.labels[axes[1]]), ""
    else:
        plane = np.array(directions, dtype=np.float64)
        if weights is not None or plane.shape != (2, len(origin)) or np.linalg.matrix_rank(plane) < 2:
            raise ValueError(
                f"directions must be two different rows of {len(origin)} numbers, one for each parameter, and no "
                f"weights beside them; their shape is {plane.shape}"
            )
        names, projection = ("direction 1", "direction 2"), projection or "given directions"
    xs, ys = np.linspace(*x_range, resolution), np.linspace(*y_range, resolution)
    heights, gradients = objective.over(origin, plane, xs, ys)
    return Landscape(xs, ys, heights, gradients, names, projection, origin, plane)


def _check_grid(x_range: Range, y_range: Range, resolution: int) -> None:
    for name, (low, high) in (("x_range", x_range), ("y_range", y_range)):
        if not (isfinite(low) and isfinite(high) and low < high):
            raise ValueError(f"{name} must go from a finite number to a greater one, not {low} to {high}")
    if not isinstance(resolution, (int, np.integer)) or resolution < 2:
        raise ValueError(f"resolution must be a whole number of at least 2, not {resolution!r}")


def _cell(x: Array, axis: Array) -> tuple[NDArray[np.intp], Array]:
    """The cell of the grid that a coordinate is in, and how far it is through it, from 0 to 1."""
    cell = np.clip(np.searchsorted(axis, x, side="right") - 1, 0, len(axis) - 2)
    return cell, (x - axis[cell]) / (axis[cell + 1] - axis[cell])


def _between(start: Array, end: Array, part: Array) -> Array:
    """That part, from 0 to 1, of the line from start to end; at 0 and at 1 the other end may be infinite."""
    with np.errstate(invalid="ignore"):
        mixed = start * (1 - part) + end * part
    return np.where(part == 0, start, np.where(part == 1, end, mixed))


def _finite_or_none(leaf: Any) -> Any:
    return None if isinstance(leaf, float) and not isfinite(leaf) else leaf
