"""The lecture's data set and network: six irises, one hidden neuron, and two settings of its weights.

The lecture has a table of six observations and what a network predicts of them with a first and with a second setting
of its weights. Here the observations are real flowers and the network is a real one, found by :func:`search`.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Value
from nn import MLP, Dataset, iris

FEATURES = (1, 2)
"""Sepal width and petal length, among the four measures of the iris data."""
LABELS = (1, 1, 2, 2, 3, 3)
"""The lecture's true labels: setosa is 1, versicolor 2, virginica 3."""
FIRST_ROW, SECOND_ROW = (1, 2, 2, 1, 2, 3), (1, 1, 2, 2, 3, 1)
"""What the lecture's network predicts with the first and with the second setting of its weights."""


class Setting(NamedTuple):
    """Numbers for the five weights (*Gewichte*) of ``v · tanh(w₁ · x₁ + w₂ · x₂ + b) + c``."""

    w1: float
    w2: float
    b: float
    v: float
    c: float


WEIGHT_NAMES = ("w₁", "w₂", "b", "v", "c")
FLOWERS = (20, 10, 75, 96, 128, 148)
"""Where the six stand in the iris data, two of each species."""
FIRST = Setting(1.75, 1.5, -0.5, 1.2, 2.0)
SECOND = Setting(-1.5, 0.5, -0.5, 1.2, 2.0)
VALLEY = Setting(0.0, 1.75, -0.5, 1.2, 2.0)
"""A third setting, which predicts every label: all three differ in w₁ and w₂ alone, so they are on one mountain."""
HILL = Setting(0.5, -2.0, -0.5, 1.2, 2.0)
"""High up on the same mountain, where a descent has the longest way to go."""


def data() -> Dataset:
    """The six flowers: (6, 2) features, standardized over all 150, and (6,) labels from 1 on."""
    flowers = iris().standardized()
    chosen = list(FLOWERS)
    names = tuple(flowers.feature_names[feature] for feature in FEATURES)
    return Dataset(
        "six irises", flowers.inputs[np.ix_(chosen, FEATURES)], flowers.targets[chosen] + 1, names, flowers.class_names
    )


def measures() -> NDArray[np.float64]:
    """(6, 2): the features of the six flowers as they were measured, in cm."""
    return iris().inputs[np.ix_(list(FLOWERS), FEATURES)]


def network(setting: Setting = FIRST) -> MLP:
    """The network with that setting of its weights, each product and sum a node of its graph."""
    model = MLP(2, [1, 1], activation="tanh", expanded=True)
    for value, name, number in zip(model.parameters(), WEIGHT_NAMES, setting):
        value.label, value.data = name, number
    return model


def with_weights(model: MLP, weights: Sequence[Any]) -> MLP:
    """The same network with numbers or nodes of another graph in the place of its five weights."""
    return deepcopy(model, {id(value): weight for value, weight in zip(model.parameters(), weights)})


def named_nodes(prediction: Value) -> dict[str, Value]:
    """The results on the way to a prediction, by the names that they have in the lecture's graph.

    p₁ = w₁ · x₁, p₂ = w₂ · x₂, s = p₁ + p₂, z = s + b, h = tanh z, q = v · h, ŷ = q + c.
    """
    q = prediction.parents[0]
    h = q.parents[1]
    z = h.parents[0]
    s = z.parents[0]
    p1, p2 = s.parents
    return {"ŷ": prediction, "q": q, "h": h, "z": z, "s": s, "p₁": p1, "p₂": p2}


def label_of(prediction: Any) -> int:
    """The label that a prediction means: the nearest whole number."""
    return round(getattr(prediction, "data", prediction))


class Found(NamedTuple):
    """What :func:`search` found."""

    flowers: tuple[int, ...]
    settings: tuple[Setting, Setting, Setting]
    worst: float
    """How far the prediction that is furthest from its whole number is."""


def search(seed: int = 0, networks: int = 20, draws: int = 1000) -> Found:
    """Six flowers and three settings that predict the lecture's two rows and the true labels.

    Draws b and v, and three points of the plane of w₁ and w₂; takes the flowers whose predictions are nearest to
    the rows; keeps the best of all draws. It takes a few seconds.
    """
    rng = np.random.default_rng(seed)
    flowers = iris().standardized()
    measures = flowers.inputs[:, FEATURES]
    species = [np.flatnonzero(flowers.targets == label - 1) for label in LABELS]
    axis = np.arange(-8, 9) / 4
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    best = Found((), (FIRST, SECOND, VALLEY), np.inf)
    for _ in range(networks):
        b, v = rng.integers(-5, 6) / 10, rng.integers(10, 16) / 10
        predictions = predict_all(plane, b, v, measures)
        distances = [
            [np.abs(predictions[:, chosen] - label) for chosen, label in zip(species, row)]
            for row in (FIRST_ROW, SECOND_ROW, LABELS)
        ]
        fitting = [np.flatnonzero(np.max([far.min(axis=1) for far in row], axis=0) < 0.4) for row in distances]
        if not all(map(len, fitting)):
            continue
        for _ in range(draws):
            points = [rng.choice(places) for places in fitting]
            by_flower = [np.max([far[point] for far, point in zip(fars, points)], axis=0) for fars in zip(*distances)]
            worst = max(far.min() for far in by_flower)
            if worst < best.worst:
                chosen = tuple(int(places[far.argmin()]) for places, far in zip(species, by_flower))
                first, second, valley = (
                    Setting(*map(float, plane[point]), float(b), float(v), 2.0) for point in points
                )
                best = Found(chosen, (first, second, valley), float(worst))
    return best


def predict_all(plane: NDArray[np.float64], b: float, v: float, measures: NDArray[np.float64]) -> NDArray[np.float64]:
    """(points, flowers): the predictions for all flowers with all points of the plane of w₁ and w₂."""
    model = network()

    def predict(point: Any, fixed: Any, x: Any) -> Any:
        return with_weights(model, [*point, *fixed, 2.0])(x)

    grid, data = np.repeat(plane, len(measures), axis=0), np.tile(measures, (len(plane), 1))
    fixed = np.tile([b, v], (len(grid), 1))
    predictions: NDArray[np.float64] = autodiff.compile(predict)(grid, fixed, data)
    return predictions.reshape(len(plane), len(measures))


if __name__ == "__main__":
    print(search())
