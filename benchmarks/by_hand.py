"""Mistakes in gradients by hand: a function of a NumPy array, its gradient, and a wrong one that could be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class HandWritten:
    """A function of a NumPy array to one number, its gradient by hand, and a wrong one that somebody could write."""

    name: str
    f: Callable[[Any], Any]
    right: Callable[[Any], Any]
    wrong: Callable[[Any], Any]
    point: tuple[Any, ...] = (0.7, -1.3, 2.1)

    @property
    def x(self) -> Any:
        """The point as an array."""
        return np.array(self.point)


def _changed(change: Callable[[Any, Any], Any], right: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: change(right(x), x)


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max())
    return e / e.sum()


_WEIGHTS = np.array([[0.3, -1.2, 0.5], [0.7, 2.0, -0.4]])
_TARGET = np.array([0.2, -0.5, 1.0])


def _layer(x: Any) -> Any:
    return _WEIGHTS.T @ (2 * np.tanh(_WEIGHTS @ x) * (1 - np.tanh(_WEIGHTS @ x) ** 2))


def _var(x: Any) -> Any:
    return 2 * (x - x.mean()) / x.size


def _norm(x: Any) -> Any:
    return x / np.sqrt(x @ x)


BY_HAND = (
    HandWritten("softmax without its coupling", lambda x: np.log(_softmax(x)[0]),
                lambda x: np.eye(3)[0] - _softmax(x), lambda x: np.eye(3)[0] * (1 - _softmax(x))),
    HandWritten("mean squares, 1/n forgotten", lambda x: ((x - _TARGET) ** 2).mean(),
                lambda x: 2 * (x - _TARGET) / 3, lambda x: 2 * (x - _TARGET)),
    HandWritten("variance by n - 1", lambda x: x.var(), _var, lambda x: 2 * (x - x.mean()) / (x.size - 1)),
    HandWritten("norm not divided", lambda x: np.sqrt(x @ x), _norm, lambda x: x),
    HandWritten("layer without its activation's slope", lambda x: (np.tanh(_WEIGHTS @ x) ** 2).sum(), _layer,
                lambda x: _WEIGHTS.T @ (2 * np.tanh(_WEIGHTS @ x))),
    HandWritten("quadratic form, one side", lambda x: x @ np.triu(np.ones((3, 3))) @ x,
                lambda x: (np.triu(np.ones((3, 3))) + np.tril(np.ones((3, 3)))) @ x,
                lambda x: 2 * np.triu(np.ones((3, 3))) @ x),
    HandWritten("last entry left at 0", lambda x: np.exp(x).sum(), np.exp,
                _changed(lambda g, x: np.append(g[:-1], 0.0), np.exp)),
    HandWritten("entries shifted by one", lambda x: np.sin(x).sum(), np.cos,
                _changed(lambda g, x: np.roll(g, 1), np.cos)),
    HandWritten("float32 on the way", lambda x: np.exp(x).sum(), np.exp,
                lambda x: np.exp(x).astype(np.float16).astype(float)),
    HandWritten("constant rounded to four digits", lambda x: (np.pi * x).sum(), lambda x: np.pi + 0 * x,
                lambda x: 3.142 + 0 * x),
    HandWritten("degrees for radians", lambda x: np.sin(x).sum(), np.cos, lambda x: np.cos(np.degrees(x))),
    HandWritten("log2 for log", lambda x: np.log2(x * x).sum(), lambda x: 2 / (x * np.log(2)), lambda x: 2 / x),
    HandWritten("abs of a negative base", lambda x: (x**3).sum(), lambda x: 3 * x**2, lambda x: 3 * x * np.abs(x)),
    HandWritten("clipped too early", lambda x: (x**2).sum(), lambda x: 2 * x, lambda x: np.clip(2 * x, -4, 4)),
    HandWritten("epsilon 1e-6 in a denominator", lambda x: np.log(x * x).sum(), lambda x: 2 / x,
                lambda x: 2 * x / (x * x + 1e-6)),
    HandWritten("max to the first of all", lambda x: x.max(), lambda x: np.eye(3)[x.argmax()], lambda x: np.eye(3)[0]),
    HandWritten("cumulative sum not reversed", lambda x: (np.cumsum(x) * _TARGET).sum(),
                lambda x: np.cumsum(_TARGET[::-1])[::-1], lambda x: np.cumsum(_TARGET)),
    HandWritten("product by a division that is off", lambda x: np.prod(x), lambda x: np.prod(x) / x,
                lambda x: np.prod(x) / (x + 1e-5)),
    HandWritten("error orthogonal to the ones", lambda x: np.sin(x).sum(), np.cos,
                lambda x: np.cos(x) + np.array([1e-3, -2e-3, 1e-3])),
    HandWritten("one part in 10⁵", lambda x: np.tanh(x).sum(), lambda x: 1 - np.tanh(x) ** 2,
                lambda x: (1 - np.tanh(x) ** 2) * (1 + 1e-5)),
)  # fmt: skip
"""Twenty mistakes in gradients by hand, each with the right gradient, which must not be flagged."""


def _plus_minus(x: Any, beyond: float = 1.0) -> Any:
    """The signs of the entries beyond a threshold on either side."""
    return np.sign(x) * (np.abs(x) > beyond)


def _wrapped(x: Any) -> Any:
    return (x + np.pi) % (2 * np.pi) - np.pi


class Layer:
    """A layer that keeps what its last call was given, for its gradient."""

    def __init__(self) -> None:
        self.kept = np.zeros(3)

    def __call__(self, x: Any) -> Any:
        self.kept = np.array(x, copy=True)
        return np.sin(x).sum()

    def from_kept(self, x: Any) -> Any:
        return np.cos(self.kept)


class FirstOnly(Layer):
    """One that keeps the first."""

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) if not self.kept.any() else np.sin(x).sum()


class Dropout:
    """A mean of squares with dropout, whose mask is drawn once; the wrong gradient draws another one."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.mask = np.repeat([1.0, 0.0], 10)

    def __call__(self, x: Any) -> Any:
        return ((self.mask * x) ** 2).mean()

    def right(self, x: Any) -> Any:
        return 2 * self.mask * x / x.size

    def drawn_again(self, x: Any) -> Any:
        return 2 * self.random.permutation(self.mask) * x / x.size


def _in_place(x: Any) -> Any:
    x *= 2
    return x


def _with_bias(x: Any) -> tuple[Any, Any, Any]:
    """Weights (3, 2) and a bias (2,) in one row of numbers, with the layer's outputs (4, 2)."""
    weights, bias = x[:6].reshape(3, 2), x[6:]
    return weights, bias, np.tanh(_INPUTS @ weights + bias)


def _bias_gradient(reduce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def gradient(x: Any) -> Any:
        slope = 1 - _with_bias(x)[2] ** 2
        return np.concatenate([(_INPUTS.T @ slope).ravel(), reduce(slope)])

    return gradient


def _embedded(x: Any, add: Callable[[Any, Any], object]) -> Any:
    found = np.zeros_like(x)
    add(found, np.cos(x[_ROWS]))
    return found


def _overwrite(found: Any, added: Any) -> None:
    found[_ROWS] += added


def _symmetric(x: Any) -> Any:
    """A symmetric matrix (3, 3) of the six numbers of its lower triangle."""
    whole = np.zeros((3, 3))
    whole[_LOWER] = x
    return whole + np.tril(whole, -1).T


def _of_triangle(twice: float) -> Callable[[Any], Any]:
    scale = np.where(_LOWER[0] == _LOWER[1], 1.0, twice)
    return lambda x: scale * 2 * _symmetric(x)[_LOWER]


def _normalised(x: Any) -> Any:
    return (x - x.mean()) / x.std()


def _through_both(x: Any) -> Any:
    """The gradient of weights · (x - mean) / deviation, through mean and deviation as well."""
    y = _normalised(x)
    return (_TARGET - _TARGET.mean() - y * (_TARGET * y).mean()) / x.std()


_INPUTS = np.random.default_rng(1).normal(size=(4, 3))
_SQUARE = np.random.default_rng(2).normal(size=(3, 3))
_ROWS = np.array([0, 2, 2, 1, 2])
_LOWER = np.tril_indices(3)
_MANY = tuple(np.random.default_rng(3).normal(size=100_000).tolist())
_LAYER, _FIRST, _DROPOUT = Layer(), FirstOnly(), Dropout()
FURTHER = (
    HandWritten("one of two kinks forgotten", lambda x: np.maximum(np.abs(x) - 1, 0).sum(), _plus_minus,
                lambda x: (x > 1) * 1.0),
    HandWritten("gradient of a matrix transposed", lambda x: np.tanh(_SQUARE @ x).sum(),
                lambda x: _SQUARE.T @ (1 - np.tanh(_SQUARE @ x) ** 2),
                lambda x: (_SQUARE.T @ (1 - np.tanh(_SQUARE @ x) ** 2)).T,
                ((0.1, -0.4, 0.7), (0.3, 0.2, -0.8), (-0.5, 0.9, 0.6))),
    HandWritten("differences along the axis off by one", lambda x: (np.diff(x) ** 2).sum(),
                lambda x: 2 * (np.append(0, np.diff(x)) - np.append(np.diff(x), 0)),
                lambda x: 2 * (np.roll(np.append(0, np.diff(x)), 1) - np.append(np.diff(x), 0))),
    HandWritten("factor missing beyond a threshold alone", lambda x: np.logaddexp(0, 3 * x).sum(),
                lambda x: 3 / (1 + np.exp(-3 * x)),
                lambda x: np.where(x > 20, 1.0, 3 / (1 + np.exp(-3 * x))), (0.7, -1.3, 30.0)),
    HandWritten("operands' derivatives swapped", lambda x: (x[0] ** x[1]).sum(),
                lambda x: np.stack([x[1] * x[0] ** (x[1] - 1), x[0] ** x[1] * np.log(x[0])]),
                lambda x: np.stack([x[0] ** x[1] * np.log(x[0]), x[1] * x[0] ** (x[1] - 1)]), ((0.7, 1.3), (2.1, 0.4))),
    HandWritten("what the last call left", _LAYER, np.cos, _LAYER.from_kept),
    HandWritten("what the first call left", _FIRST, np.cos, _FIRST.from_kept),
    HandWritten("mean for sum over a broadcast axis", lambda x: _with_bias(x)[2].sum(),
                _bias_gradient(lambda slope: slope.sum(0)), _bias_gradient(lambda slope: slope.mean(0)),
                (0.1, -0.4, 0.7, 0.3, 0.2, -0.8, 0.5, -0.2)),
    HandWritten("sign of negative entries", lambda x: (x * np.abs(x)).sum(), lambda x: 2 * np.abs(x), lambda x: 2 * x),
    HandWritten("through mean and deviation forgotten", lambda x: (_TARGET * _normalised(x)).sum(), _through_both,
                lambda x: _TARGET / x.std()),
    HandWritten("float32 inside of a difference", lambda x: ((x - x.mean()) ** 2).sum(), lambda x: 2 * (x - x.mean()),
                lambda x: 2.0 * (x.astype("f4") - x.astype("f4").mean()), (1000.1, 1000.2, 1000.4)),
    HandWritten("epsilon beside the root", lambda x: np.sqrt(x @ x + 1e-4), lambda x: x / np.sqrt(x @ x + 1e-4),
                lambda x: x / (np.sqrt(x @ x) + 1e-4)),
    HandWritten("clipped to length 1", lambda x: (x**2).sum(), lambda x: 2 * x,
                lambda x: 2 * x / max(1.0, np.linalg.norm(2 * x))),
    HandWritten("dropout drawn again", _DROPOUT, _DROPOUT.right, _DROPOUT.drawn_again, tuple(np.linspace(-1, 2, 20))),
    HandWritten("input changed in its place", lambda x: (x**2).sum(), lambda x: 2 * x, _in_place),
    HandWritten("1 / x for log1p", lambda x: np.log1p(x * x).sum(), lambda x: 2 * x / (1 + x * x),
                lambda x: 2 * x / (x * x), (7.0, -13.0, 210.0)),
    HandWritten("a thousandth", lambda x: np.cosh(x).sum(), np.sinh, lambda x: 1.001 * np.sinh(x)),
    HandWritten("angle not wrapped", lambda x: (_wrapped(x - 3) ** 2).sum(), lambda x: 2 * _wrapped(x - 3),
                lambda x: 2 * (x - 3)),
    HandWritten("symmetric entries counted once", lambda x: (_symmetric(x) ** 2).sum(), _of_triangle(2.0),
                _of_triangle(1.0), (0.7, -1.3, 2.1, 0.4, -0.6, 1.1)),
    HandWritten("rows taken twice added once", lambda x: np.sin(x[_ROWS]).sum(),
                lambda x: _embedded(x, lambda found, added: np.add.at(found, _ROWS, added)),
                lambda x: _embedded(x, _overwrite)),
    HandWritten("kernel not turned round", lambda x: (np.convolve(x, _TARGET, "valid") ** 2).sum(),
                lambda x: np.convolve(2 * np.convolve(x, _TARGET, "valid"), _TARGET[::-1], "full"),
                lambda x: np.convolve(2 * np.convolve(x, _TARGET, "valid"), _TARGET, "full"),
                (0.7, -1.3, 2.1, 0.4, 1.9)),
    HandWritten("one entry of 100,000", lambda x: np.sin(x).sum(), np.cos,
                lambda x: np.cos(x) * (1 + 1e-2 * (np.arange(x.size) == 54_321)), _MANY),
)  # fmt: skip
"""Further mistakes, thought out by somebody who had not written the checker."""
