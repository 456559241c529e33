"""Data sets: generated ones that need NumPy alone, and real ones that come with scikit-learn."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nn.seeding import Seed, generator

Data: TypeAlias = Sequence[Any] | NDArray[Any]
"""Inputs or targets, with the observations in front."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Observations and their classes.

    >>> data = moons(100)
    >>> data
    Dataset('two moons': 100 observations of 2 features, 2 classes)
    >>> part, rest = data.split(0.8)
    >>> len(part), len(rest)
    (80, 20)
    """

    name: str
    inputs: NDArray[np.float64]
    """(observations, features)"""
    targets: NDArray[np.int64]
    """(observations,): the index of each observation's class."""
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        observations, features = self.inputs.shape
        classes = len(self.class_names)
        return f"Dataset({self.name!r}: {observations} observations of {features} features, {classes} classes)"

    def split(self, fraction: float, rng: Seed = None) -> tuple[Dataset, Dataset]:
        """Two data sets with the observations shared out at random.

        Args:
            fraction: the first one's part of the observations, between 0 and 1.
            rng: a seed or generator; None is the seed 0.

        Raises:
            ValueError: one of the two would be empty.
        """
        first = round(fraction * len(self))
        if not 0 < first < len(self):
            raise ValueError(f"a fraction of {fraction} leaves one part of the {len(self)} observations empty")
        order = generator(rng).permutation(len(self))
        return self._of(order[:first]), self._of(order[first:])

    def standardized(self) -> Dataset:
        """The same with the mean of each feature made 0 and its standard deviation 1; a constant one becomes 0."""
        deviation = self.inputs.std(axis=0)
        inputs = (self.inputs - self.inputs.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
        names = tuple(f"{name}, standardized" for name in self.feature_names)  # its unit is no longer that of the name
        return Dataset(self.name, inputs, self.targets, names, self.class_names)

    def _of(self, indices: NDArray[np.int64]) -> Dataset:
        return Dataset(self.name, self.inputs[indices], self.targets[indices], self.feature_names, self.class_names)


def moons(samples: int = 100, *, noise: float = 0.1, rng: Seed = None) -> Dataset:
    """Two interleaved half circles of radius 1, as scikit-learn's ``make_moons`` places them.

    Args:
        samples: how many observations; half of them, rounded up, are of class 0.
        noise: the standard deviation of the normal noise on both coordinates.
        rng: a seed or generator; None is the seed 0.

    Raises:
        TypeError: ``samples`` is not an int.
        ValueError: fewer than 2 samples, or a noise that is negative or not finite.

    >>> moons(4, noise=0.0).inputs.round(3).tolist()
    [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [2.0, 0.5]]
    """
    sizes = _sizes(samples, 2)
    upper, lower = (np.linspace(0.0, np.pi, size) for size in sizes)
    points = [(np.cos(upper), np.sin(upper)), (1 - np.cos(lower), 0.5 - np.sin(lower))]
    return _generated("two moons", points, noise, rng, ("upper moon", "lower moon"))


def circles(samples: int = 100, *, noise: float = 0.05, factor: float = 0.5, rng: Seed = None) -> Dataset:
    """A circle of radius 1 around a smaller one; arguments and errors as :func:`moons`.

    Args:
        samples, noise, rng: as for :func:`moons`.
        factor: the radius of the inner circle, between 0 and 1.

    Raises:
        ValueError: also if the factor is not between 0 and 1.

    >>> circles(4, noise=0.0).inputs.round(3).tolist()
    [[1.0, 0.0], [-1.0, 0.0], [0.5, 0.0], [-0.5, 0.0]]
    """
    if not 0 < factor < 1:
        raise ValueError(f"factor must be between 0 and 1, not {factor}")
    angles = [np.linspace(0.0, 2 * np.pi, size, endpoint=False) for size in _sizes(samples, 2)]
    points = [(radius * np.cos(angle), radius * np.sin(angle)) for radius, angle in zip((1.0, factor), angles)]
    return _generated("two circles", points, noise, rng, ("outer circle", "inner circle"))


def spirals(
    samples: int = 100, *, noise: float = 0.02, classes: int = 2, turns: float = 1.0, rng: Seed = None
) -> Dataset:
    """Spirals that wind around each other, from the radius 0.1 to the radius 1.

    Args:
        samples, noise, rng: as for :func:`moons`.
        classes: how many spirals.
        turns: how often each winds around the origin.

    Raises:
        ValueError: also if there are fewer than 2 classes, or fewer samples than classes.

    >>> spirals(4, noise=0.0).inputs.round(3).tolist()
    [[0.1, 0.0], [1.0, -0.0], [-0.1, 0.0], [-1.0, 0.0]]
    """
    if operator.index(classes) < 2:
        raise ValueError(f"classes must be at least 2, not {classes}")
    points = []
    for index, size in enumerate(_sizes(samples, classes)):
        radius = np.linspace(0.1, 1.0, size)
        angle = np.linspace(0.0, 2 * np.pi * turns, size) + 2 * np.pi * index / classes
        points.append((radius * np.cos(angle), radius * np.sin(angle)))
    names = tuple(f"spiral {index + 1}" for index in range(classes))
    return _generated(f"{classes} spirals", points, noise, rng, names)


def iris() -> Dataset:
    """Fisher's irises: 150 flowers of 3 species, 4 measures in cm (R. A. Fisher 1936).

    Raises:
        ImportError: scikit-learn is not installed.

    >>> iris()
    Dataset('iris': 150 observations of 4 features, 3 classes)
    """
    return _from_sklearn("iris")


def digits() -> Dataset:
    """Handwritten digits: 1797 images of 8 × 8 pixels from 0 to 16 (Alpaydin and Kaynak 1998, UCI repository).

    Raises:
        ImportError: scikit-learn is not installed.

    >>> digits()
    Dataset('digits': 1797 observations of 64 features, 10 classes)
    """
    return _from_sklearn("digits")


def taken(data: Data, indices: NDArray[np.int64]) -> Data:
    """Some of the observations."""
    return data[indices] if isinstance(data, np.ndarray) else [data[index] for index in indices]


def _from_sklearn(name: str) -> Dataset:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            f"the {name} data set needs scikit-learn: pip install scikit-learn", name="sklearn"
        ) from error
    bunch: Any = getattr(datasets, f"load_{name}")()
    return Dataset(
        name,
        np.asarray(bunch.data, dtype=np.float64),
        np.asarray(bunch.target, dtype=np.int64),
        tuple(map(str, bunch.feature_names)),
        tuple(map(str, bunch.target_names)),
    )


def _sizes(samples: int, classes: int) -> list[int]:
    """The samples shared out evenly, the first classes taking what is left over."""
    try:
        samples = operator.index(samples)
    except TypeError:
        raise TypeError(f"samples must be an int, not {type(samples).__name__} {samples!r:.60}") from None
    if samples < classes:
        raise ValueError(f"samples must be at least {classes}, one for each class, not {samples}")
    return [samples // classes + (index < samples % classes) for index in range(classes)]


def _generated(
    name: str,
    points: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    noise: float,
    rng: Seed,
    class_names: tuple[str, ...],
) -> Dataset:
    if not (noise >= 0 and isfinite(noise)):
        raise ValueError(f"noise must be finite and at least 0, not {noise}")
    inputs = np.concatenate([np.column_stack(coordinates) for coordinates in points])
    targets = np.repeat(np.arange(len(points)), [len(x) for x, _ in points])
    inputs = inputs + noise * generator(rng).standard_normal(inputs.shape)
    return Dataset(name, inputs, targets, ("x₁", "x₂"), class_names)
