"""Functions of several numbers, written with the operations of the table alone.

All take any sequence of ``Value``s and numbers, one-dimensional arrays included.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from autodiff import rules as table
from autodiff.ieee import as_float


def total(values: Iterable[Any]) -> Any:
    """The sum of the values, as ONE node; 0.0 for none.

    >>> total([1.0, 2.0, 3.5])
    6.5
    """
    return table.total(*values)


def dot(left: Iterable[Any], right: Iterable[Any]) -> Any:
    """The sum of the products left[i] * right[i], as ONE node.

    Raises:
        ValueError: the two are not of the same length.

    >>> dot([1.0, 2.0], [3.0, 4.0])
    11.0
    """
    left, right = tuple(left), tuple(right)
    if len(left) != len(right):
        raise ValueError(f"dot needs two sequences of the same length, not of {len(left)} and {len(right)}")
    return table.dot(*left, *right)


def norm(values: Iterable[Any]) -> Any:
    """The root of the sum of squares, as ONE node; 0.0 for none. At zeros, its subgradient is 0.

    >>> norm([3.0, 4.0])
    5.0
    """
    return table.norm(*values)


def mean(values: Iterable[Any]) -> Any:
    """The arithmetic mean.

    Raises:
        ValueError: there are no values.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    values = _some(values, "mean")
    return table.total(*values) / len(values)


def log_sum_exp(values: Iterable[Any]) -> Any:
    """log(Σ exp(value)), without overflow: the greatest value is taken out of the sum first.

    The derivatives are those of :func:`softmax`.

    >>> log_sum_exp([1000.0, 1000.0])
    1000.6931471805599
    """
    values = _some(values, "log_sum_exp")
    shift = _shift(values)
    return table.log(table.total(*(table.exp(value - shift) for value in values))) + shift


def softmax(values: Iterable[Any]) -> list[Any]:
    """exp(value) / Σ exp(value), for each value: positive numbers that sum to 1.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    values = _some(values, "softmax")
    shift = _shift(values)
    exponentials = [table.exp(value - shift) for value in values]
    sum_of_all = table.total(*exponentials)
    return [table.divide(exponential, sum_of_all) for exponential in exponentials]


def log_softmax(values: Iterable[Any]) -> list[Any]:
    """The logarithms of :func:`softmax`, finite where that underflows to 0.

    >>> log_softmax([0.0, -2000.0])
    [0.0, -2000.0]
    """
    values = _some(values, "log_softmax")
    normalizer = log_sum_exp(values)
    return [value - normalizer for value in values]


def _some(values: Iterable[Any], function: str) -> tuple[Any, ...]:
    values = tuple(values)
    if not values:
        raise ValueError(f"{function} of no values is not defined: pass at least one")
    return values


def _shift(values: tuple[Any, ...]) -> Any:
    """The greatest value as a plain number: a shift by a constant changes no derivative."""
    greatest = reduce(table.maximum, map(_detached, values))
    return _detached(table.where(greatest - greatest, 0.0, greatest))  # the difference is 0, or nan if it is not finite


def _detached(value: Any) -> Any:
    return value.detach() if hasattr(type(value), "__autodiff__") else as_float(value)
