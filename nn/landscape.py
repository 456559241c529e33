"""The error mountain: the loss as a height over a plane of weights, and the ways that optimizers take down it.

The plane is spanned by two of the weights, and all others stay as they are: then a descent that moves these two lies
on the surface. Any other plane through the parameters is a *projection*, and is called one wherever it is drawn: a
descent of all weights leaves it, and is only seen from above.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autodiff import Value, compile, grad, leaves
from nn.accounts import Data
from nn.losses import Loss
from nn.module import Module
from nn.optimizers import Optimizer
from nn.seeding import Seed, generator

Array: TypeAlias = NDArray[np.float64]
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
        below = h[row, column] * (1 - right) + h[row, column + 1] * right
        above = h[row + 1, column] * (1 - right) + h[row + 1, column + 1] * right
        inside = (x >= self.xs[0]) & (x <= self.xs[-1]) & (y >= self.ys[0]) & (y <= self.ys[-1])
        return np.where(inside, below * (1 - up) + above * up, np.nan)

    def to_json(self) -> str:
        """The record as JSON, for a page that draws it; a number that is not finite becomes null."""
        return json.dumps({name: _plain(part) for name, part in asdict(self).items()}, allow_nan=False)

    def __repr__(self) -> str:
        rows, columns = self.heights.shape
        over = f"a projection ({self.projection})" if self.projection else " and ".join(map(repr, self.axis_names))
        low, high = np.nanmin(self.heights), np.nanmax(self.heights)
        return f"Landscape({columns} × {rows} points over {over}, loss {low:.4g} … {high:.4g})"


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
    reduce: str = "mean",
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
        reduce: "mean" or "sum" of the errors of all observations.

    Raises:
        ValueError: a weight is unknown, or named twice; directions that do not fit the model; a range that is empty;
            a resolution below 2; an unknown reduction; no observations, or not one target for each; a loss that uses
            parameters otherwise than through the model.
    """
    _check_grid(x_range, y_range, resolution)
    objective = _Objective(model, inputs, targets, loss, reduce)
    origin = objective.parameters()
    if directions is None:
        places = [objective.place(weight) for weight in (weights or objective.names[:2])]
        if len(places) != 2 or places[0] == places[1]:
            raise ValueError(f"a plane needs two different weights, not {weights or objective.names!r}")
        plane = np.zeros((2, len(origin)))
        plane[0, places[0]] = plane[1, places[1]] = 1.0
        origin[places] = 0.0
        names, projection = (objective.labels[places[0]], objective.labels[places[1]]), ""
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
        ValueError: as :func:`loss_landscape`, or fewer than one step.
        FloatingPointError: the loss or its gradient is not finite at the start.

    >>> from nn import MLP, SGD, squared_error
    >>> line = MLP(1, [1])
    >>> descent = SGD(line.parameters(), learning_rate=0.5)
    >>> descend(line, [[0.0], [1.0]], [1.0, 3.0], squared_error, optimizer=descent, steps=2)
    Descent('SGD': 2 steps, loss 3.689 → 0.08136)
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    objective = _Objective(model, inputs, targets, loss, reduce)
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


def random_directions(model: Module, rng: Seed = None) -> Array:
    """Two random directions, filter-normalised: in each neuron as long as its weights are; biases stay.

    Li, Xu, Taylor, Studer and Goldstein 2018, "Visualizing the Loss Landscape of Neural Nets", arXiv:1712.09913,
    section 4: without this, a network whose weights are large looks flatter than the same function with small ones.

    Args:
        model: the parameters that stand in one list, as a neuron's weights do, are a filter.
        rng: a seed or generator; None is the seed 0.

    Returns:
        (2, parameters)

    >>> from nn import MLP
    >>> model = MLP(2, [3, 1])
    >>> directions = random_directions(model)
    >>> weights = [value.data for value in model.layers[0].neurons[0].weights]
    >>> bool(np.isclose(np.linalg.norm(directions[0, :2]), np.linalg.norm(weights)))
    True
    """
    named = list(model.named_parameters())
    directions = generator(rng).standard_normal((2, len(named)))
    numbers = np.array([value.data for _, value in named])
    filters: dict[str, list[int]] = {}
    for place, (name, _) in enumerate(named):
        holder, _, last = name.rpartition(".")
        filters.setdefault(holder if last.isdecimal() else "", []).append(place)
    for holder, places in filters.items():
        length = np.linalg.norm(numbers[places]) if holder else 0.0
        directions[:, places] *= length / np.linalg.norm(directions[:, places], axis=1, keepdims=True)
    return directions


def principal_directions(descent: Descent) -> tuple[Array, Array]:
    """The two directions in which a training run went furthest: principal component analysis of its parameters.

    Li et al. 2018 (as in :func:`random_directions`), section 7: of the differences to the last parameters. Call
    :func:`loss_landscape` with the model at the end of the run, and these as directions.

    Returns:
        (2, parameters) of length 1, and (2,) the part of the run's variation that each of them explains.

    Raises:
        ValueError: the run has fewer than two steps, or never left a straight line.
    """
    differences = descent.parameters[:-1] - descent.parameters[-1]
    _, sizes, components = np.linalg.svd(differences, full_matrices=False)
    if len(sizes) < 2 or sizes[1] <= 1e-12 * sizes[0]:
        raise ValueError(f"a plane needs a run that turns at least once, not {descent!r}")
    return components[:2], (sizes**2 / (sizes**2).sum())[:2]


class _Objective:
    """The loss of the data set as a function of the parameters."""

    def __init__(self, model: Module, inputs: Data, targets: Data, loss: Loss, reduce: str) -> None:
        if reduce not in ("mean", "sum"):
            raise ValueError(f"reduce must be 'mean' or 'sum', not {reduce!r}")
        if len(inputs) != len(targets) or not len(inputs):
            raise ValueError(f"one target for each observation is needed: {len(inputs)} and {len(targets)} were given")
        self.model, self.loss, self.reduce = model, loss, reduce
        self.inputs, self.targets = np.asarray(inputs), np.asarray(targets)
        self.values = model.parameters()
        self.names = [name for name, _ in model.named_parameters()]
        self.labels = [value.label or name for name, value in zip(self.names, self.values)]
        self.error = compile(lambda x, y: loss(model(x), y), parameters=model)

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        """The loss there and its gradient, (parameters,).

        Raises:
            FloatingPointError: one of them is not finite.
        """
        height, gradient = self.error.value_and_grad(self.inputs, self.targets, reduce=self.reduce, at=parameters)
        return height, gradient

    def over(self, origin: Array, plane: Array, xs: Array, ys: Array) -> tuple[Array, Array]:
        """(rows, columns) heights and (rows, columns, 2) gradients over a plane: a row of the grid is a batch.

        The coordinates are inputs of the compiled function, like the data: a copy of the model has nodes that are
        computed from them in the place of the parameters that vary.
        """

        def error(a: Any, b: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
            moved = {
                id(value): start + a * right + b * up if right or up else value
                for value, start, right, up in zip(self.values, origin.tolist(), *plane.tolist())
            }
            result = self.loss(deepcopy(self.model, moved)(x), y)
            unmoved = set(leaves(result)) & {value for value in self.values if moved[id(value)] is not value}
            if unmoved:
                raise ValueError(
                    f"the loss uses the parameter {unmoved.pop().label!r} itself, and can't be moved with it: "
                    "only the model may use its parameters"
                )
            return result, *grad(result, [a, b])

        compiled = compile(error, ndim=(0, 0, self.inputs.ndim - 1, self.targets.ndim - 1))
        count, columns = len(self.targets), len(xs)
        inputs, targets = (np.concatenate([data] * columns) for data in (self.inputs, self.targets))
        found = np.empty((len(ys), columns, 3))
        for row, y in enumerate(ys):
            results = compiled(np.repeat(xs, count), np.full(columns * count, y), inputs, targets)
            with np.errstate(invalid="ignore"):  # ∞ − ∞ is nan, and no news
                sums = np.stack(results, axis=-1).reshape(columns, count, 3).sum(axis=1)
            found[row] = sums / count if self.reduce == "mean" else sums
        return found[..., 0], found[..., 1:]

    def place(self, weight: str | Value) -> int:
        """Which of the parameters it is: the parameter itself, its name, or its label."""
        for place, value in enumerate(self.values):
            if weight is value or (isinstance(weight, str) and weight in (self.names[place], self.labels[place])):
                return place
        known = ", ".join(self.names[:6]) + (", …" if len(self.names) > 6 else "")
        raise ValueError(f"the model has no parameter {weight!r} (it has {known})")

    def parameters(self) -> Array:
        return np.array([value.data for value in self.values])

    def move(self, parameters: Array) -> None:
        for value, number in zip(self.values, parameters):
            value.data = number


def _check_grid(x_range: Range, y_range: Range, resolution: int) -> None:
    for name, (low, high) in (("x_range", x_range), ("y_range", y_range)):
        if not (isfinite(low) and isfinite(high) and low < high):
            raise ValueError(f"{name} must go from a finite number to a greater one, not {low} to {high}")
    if not isinstance(resolution, int) or resolution < 2:
        raise ValueError(f"resolution must be a whole number of at least 2, not {resolution!r}")


def _cell(x: Array, axis: Array) -> tuple[NDArray[np.intp], Array]:
    """The cell of the grid that a coordinate is in, and how far it is through it, from 0 to 1."""
    cell = np.clip(np.searchsorted(axis, x, side="right") - 1, 0, len(axis) - 2)
    return cell, (x - axis[cell]) / (axis[cell + 1] - axis[cell])


def _plain(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        return _plain(part.tolist())
    if isinstance(part, (list, tuple)):
        return [_plain(each) for each in part]
    return None if isinstance(part, float) and not isfinite(part) else part
