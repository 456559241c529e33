"""A lesson of your own data: read from a table, with a network that fits them, and two settings with telling errors.

``lesson(data, model)`` makes the page of it; ``python -m demos.lesson --data flowers.csv`` does so for a file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from demos.lesson.content import SETTINGS, Content, predictions, weight_names
from demos.lesson.page import Page, page
from nn import MLP, Adam, Dataset, fit, squared_error
from nn.layers import name_of

CLASSES, FEATURES, HIDDEN, WEIGHTS, OBSERVATIONS = 6, 4, 3, 13, (2, 8)
"""What a page has room for: at most so many classes, features, hidden neurons, weights; and how many observations."""
STEP = 0.25
"""How far apart the points of the plane are that are searched."""
CLEAR = 0.4
"""How far from its label a prediction may be and still round to it beyond doubt."""
Array = NDArray[np.float64]


def lesson(
    data: Dataset,
    model: MLP | int = 1,
    *,
    settings: Sequence[Sequence[float]] | None = None,
    observations: int = 6,
    units: Sequence[str] = (),
    language: str = "de",
    source: str = "",
    start: str = "",
    seed: int = 0,
) -> Page:
    """The page of a lesson about some observations of a data set and a network.

    Args:
        data: (observations, features) and classes, which become the labels 1, 2, ….
        model: a network of one hidden layer of tanh neurons and one linear output, whose numbers are kept; it reads
            the features as they are. Or how many hidden neurons: then one is trained, on features with mean 0 and
            standard deviation 1.
        settings: two settings of all weights, which differ in the first two alone; without them, a search finds two
            with errors that tell something.
        observations: how many of the data are shown, of each class as many as possible.
        units: of the features.
        language, source, start: as for :func:`demos.lesson.page.page`.
        seed: of the choice of the observations and of the training.

    Raises:
        ValueError: what cannot become a lesson; the message says why, and what to do.

    >>> from nn import moons
    >>> made = lesson(moons(20), 1, language="en")
    >>> "six observations" in made.html
    True
    """
    return page(language, own_content(data, model, settings, observations, units, seed), source=source, start=start)


def own_content(
    data: Dataset,
    model: MLP | int = 1,
    settings: Sequence[Sequence[float]] | None = None,
    observations: int = 6,
    units: Sequence[str] = (),
    seed: int = 0,
) -> Content:
    """Data, network and settings of a lesson; arguments and errors as for :func:`lesson`."""
    data = checked(data)
    hidden = _hidden(model, data)
    names = weight_names(data.inputs.shape[1], hidden)
    if len(names) > WEIGHTS:
        raise ValueError(
            f"{data.inputs.shape[1]} features and {hidden} hidden neurons make {len(names)} weights, and the pictures "
            f"have room for {WEIGHTS}: take fewer features or neurons"
        )
    low, high = OBSERVATIONS
    if not low <= observations <= min(high, len(data)):
        raise ValueError(
            f"a lesson shows {low} to {high} observations, not {observations} of {len(data)}: "
            "choose another number of observations"
        )
    if observations < len(data.class_names):
        raise ValueError(f"{observations} observations cannot show all {len(data.class_names)} classes: take more")
    given = None if settings is None else _given(settings, names)
    read = data if isinstance(model, MLP) else data.standardized()
    best: Content | None = None
    rng = np.random.default_rng(seed)
    for attempt in range(1 if given and isinstance(model, MLP) else 8):
        chosen = _choose(data, observations, rng)
        part = Dataset(data.name, read.inputs[chosen], data.targets[chosen] + 1, data.feature_names, data.class_names)
        base = _numbers(model) if isinstance(model, MLP) else given[0] if given else _trained(part, hidden, attempt)
        content = Content(
            part, data.inputs[chosen], _units(units, data), hidden, dict.fromkeys(SETTINGS, tuple(base)), 3.0,
            is_standardized=not isinstance(model, MLP),
        )  # fmt: skip
        found = _found(content, given)
        if found is None:
            continue
        if best is None or sum(found.errors("valley")) < sum(best.errors("valley")):
            best = found
        if not sum(best.errors("valley")):
            break
    if best is None:
        raise ValueError(
            f"no two settings of the weights with telling errors were found for {observations} observations of "
            f"{data.name!r}: give two as settings (--first and --second), or take other features or more observations"
        )
    return best


def checked(data: Dataset) -> Dataset:
    """The data set, if it can become a lesson.

    Raises:
        ValueError: too many features or classes, a constant feature, a number that is not finite.
    """
    features, classes = data.inputs.shape[1], len(data.class_names)
    if not 1 <= features <= FEATURES:
        raise ValueError(f"a lesson has 1 to {FEATURES} features, not {features}: choose some of them")
    if not 2 <= classes <= CLASSES:
        raise ValueError(f"a lesson has 2 to {CLASSES} classes, not {classes}: {', '.join(data.class_names[:8])}")
    if not np.isfinite(data.inputs).all():
        raise ValueError("a lesson needs finite numbers, and a feature has one that is not: leave its row out")
    for name, column in zip(data.feature_names, data.inputs.T):
        if column.min() == column.max():
            raise ValueError(f"the feature {name!r} is {column[0]:g} everywhere, so it says nothing: leave it out")
    return data


def _hidden(model: MLP | int, data: Dataset) -> int:
    if isinstance(model, MLP):
        layers = model.layers
        shape = [len(layer.neurons) for layer in layers]
        kinds = [name_of(layer.neurons[0].activation) for layer in layers]
        if len(layers) != 2 or shape[1] != 1 or kinds != ["tanh", "linear"] or shape[0] > HIDDEN:
            raise ValueError(
                f"a lesson's network has one hidden layer of 1 to {HIDDEN} tanh neurons and one linear output, "
                f'as MLP({data.inputs.shape[1]}, [1, 1], activation="tanh") has; this one is {model!r}'
            )
        if layers[0].inputs != data.inputs.shape[1]:
            raise ValueError(f"the network reads {layers[0].inputs} features, the data have {data.inputs.shape[1]}")
        if len(model.parameters()) != len(weight_names(layers[0].inputs, shape[0])):
            raise ValueError(f"a lesson's network has a bias in each neuron; this one is {model!r}")
        return shape[0]
    if not 1 <= model <= HIDDEN:
        raise ValueError(f"a lesson's network has 1 to {HIDDEN} hidden neurons, not {model}")
    return model


def _given(settings: Sequence[Sequence[float]], names: Sequence[str]) -> list[tuple[float, ...]]:
    given = [tuple(map(float, setting)) for setting in settings]
    if len(given) != 2 or any(len(setting) != len(names) for setting in given):
        raise ValueError(f"two settings with {len(names)} numbers each are needed, for {', '.join(names)}")
    if not all(math.isfinite(number) for setting in given for number in setting):
        raise ValueError("the numbers of a setting must be finite")
    if given[0][2:] != given[1][2:]:
        raise ValueError(
            f"the settings must agree in all weights but {names[0]} and {names[1]}: else they are not on one mountain"
        )
    return given


def _units(units: Sequence[str], data: Dataset) -> tuple[str, ...]:
    if units and len(units) != data.inputs.shape[1]:
        raise ValueError(f"{data.inputs.shape[1]} features need as many units, not {len(units)}")
    return tuple(units) or ("",) * data.inputs.shape[1]


def _choose(data: Dataset, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Some observations at random, of each class as many as possible, in the order of the classes."""
    piles = [rng.permutation(np.flatnonzero(data.targets == label)) for label in range(len(data.class_names))]
    taken = [0] * len(piles)
    for _ in range(count):
        open_ = [place for place, pile in enumerate(piles) if taken[place] < len(pile)]
        taken[min(open_, key=lambda place: (taken[place], place))] += 1
    return np.concatenate([np.sort(pile[:number]) for pile, number in zip(piles, taken)])


def _numbers(model: MLP) -> list[float]:
    return [value.data for value in model.parameters()]


def _trained(part: Dataset, hidden: int, seed: int) -> list[float]:
    """The weights of a network that fits the observations, rounded to what the page shows."""
    model = MLP(part.inputs.shape[1], [hidden, 1], activation="tanh", rng=seed)
    model.parameters()[-1].data = float(part.targets.mean())
    fit(
        model, part.inputs, part.targets.astype(float), squared_error,
        optimizer=Adam(model.parameters(), 0.05), epochs=400, progress=False,
    )  # fmt: skip
    return [round(number, 2) for number in _numbers(model)]


class _Points(NamedTuple):
    """Settings with what is known of each."""

    settings: Array
    """(settings, weights)"""
    errors: Array
    """(settings, observations): of the rounded predictions."""
    doubts: Array
    """(settings,): how far the prediction that is furthest from its label is."""
    losses: Array
    """(settings,): the sums of the errors before rounding."""


def _found(content: Content, given: list[tuple[float, ...]] | None) -> Content | None:
    """The content with all its settings, or None where none of the points of the plane tell anything."""
    base = np.array(content.settings["first"])
    known = [base, *map(np.array, given or [])]
    reach = max(3.0, math.ceil(max(abs(point[:2]).max() for point in known) + 0.5))
    axis = np.arange(-reach, reach + STEP / 2, STEP)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    points = np.repeat(base[None], len(plane), axis=0)
    points[:, :2] = plane
    points = np.vstack([points, *(point[None] for point in known)])
    found = predictions(content, points)
    rounded = np.rint(found)
    errors = np.abs(rounded - content.data.targets)
    losses = np.abs(found - content.data.targets).sum(axis=1)
    all_ = _Points(points, errors, np.abs(found - rounded).max(axis=1), losses)
    sums = errors.sum(axis=1)
    valley = min(range(len(points)), key=lambda place: (sums[place], losses[place]))
    pair = given or _telling(all_, valley, reach - 2 * STEP)
    if pair is None:
        return None
    up, along = np.gradient(losses[: len(plane)].reshape(len(axis), -1), STEP)
    slopes = np.hypot(up, along).ravel()
    inside = np.abs(plane).max(axis=1) <= 0.85 * reach
    high = inside & (losses[: len(plane)] >= 0.7 * losses[: len(plane)][inside].max())
    hill = int(np.argmax(np.where(high, slopes, -np.inf)))  # high up, and not where it is flat
    numbers = [*pair, points[valley], points[hill]]
    settings = {name: tuple(map(float, setting)) for name, setting in zip(SETTINGS, numbers)}
    return replace(content, settings=settings, reach=reach)


def _telling(points: _Points, valley: int, reach: float) -> tuple[Array, Array] | None:
    """Two settings: the first gets about half of the observations wrong, the second fewer, or one of them far."""
    sums, wrong = points.errors.sum(axis=1), (points.errors > 0).sum(axis=1)
    count = points.errors.shape[1]
    apart = np.linalg.norm(points.settings[:, :2] - points.settings[valley, :2], axis=1) > 2 * STEP
    clear = (points.doubts <= CLEAR) & apart & (np.abs(points.settings[:, :2]).max(axis=1) <= reach)
    firsts = np.flatnonzero(clear & (sums >= 2) & (wrong < count))
    if not len(firsts):
        return None
    first = min(firsts, key=lambda place: (abs(sums[place] - count / 2), points.doubts[place]))
    distance = np.linalg.norm(points.settings[:, :2] - points.settings[first, :2], axis=1)
    seconds = np.flatnonzero(clear & (sums >= 1) & (sums < sums[first]) & (distance >= 1))
    if not len(seconds):
        return None
    is_far = points.errors.max(axis=1) >= 2
    second = min(
        seconds, key=lambda place: (not (is_far[place] and wrong[place] == 1), -sums[place], points.doubts[place])
    )
    return points.settings[first], points.settings[second]
