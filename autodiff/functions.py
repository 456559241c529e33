"""Functions of several numbers, written with the operations of the table alone.

All take any sequence of ``Value``s and numbers, one-dimensional arrays included.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import accumulate
from typing import Any

from autodiff import rules as table
from autodiff.ieee import as_float


def total(values: Iterable[Any]) -> Any:
    """The sum of the values, as ONE node; 0.0 for none.

    >>> total([1.0, 2.0, 3.5])
    6.5
    """
    return table.total(*_all(values, "total"))


def dot(left: Iterable[Any], right: Iterable[Any]) -> Any:
    """The sum of the products left[i] * right[i], as ONE node.

    Raises:
        ValueError: the two are not of the same length.

    >>> dot([1.0, 2.0], [3.0, 4.0])
    11.0
    """
    try:
        left, right = tuple(left), tuple(right)
    except TypeError:  # to ask first would cost every neuron a tenth of its time
        _all(left, "dot"), _all(right, "dot")
        raise
    if len(left) != len(right):
        raise ValueError(f"dot needs two sequences of the same length, not of {len(left)} and {len(right)}")
    return table.dot(*left, *right)


def norm(values: Iterable[Any]) -> Any:
    """The root of the sum of squares, as ONE node; 0.0 for none. At zeros, its subgradient is 0.

    >>> norm([3.0, 4.0])
    5.0
    """
    return table.norm(*_all(values, "norm"))


def mean(values: Iterable[Any]) -> Any:
    """The arithmetic mean.

    Raises:
        ValueError: there are no values.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    values = _some(values, "mean")
    return table.total(*values) / len(values)


def prod(values: Iterable[Any]) -> Any:
    """The product; 1.0 for none. Its derivatives are products too, so that they are right beside zeros.

    >>> prod([2.0, 3.0, 4.0])
    24.0
    """
    return reduce(table.multiply, _all(values, "prod"), 1.0)


def var(values: Iterable[Any], ddof: int = 0) -> Any:
    """The mean squared distance from the mean; with ``ddof=1``, the estimate from a sample.

    Raises:
        ValueError: there are no more than ``ddof`` values.

    >>> var([1.0, 2.0, 6.0]), var([1.0, 2.0, 6.0], ddof=1)
    (4.666666666666667, 7.0)
    """
    distances, count = _distances(values, "var", ddof)
    return table.dot(*distances, *distances) / count


def std(values: Iterable[Any], ddof: int = 0) -> Any:
    """The root of :func:`var`. Where all values are equal, its subgradient is 0, as that of :func:`norm`.

    Raises:
        ValueError: there are no more than ``ddof`` values.

    >>> std([1.0, 3.0])
    1.0
    """
    distances, count = _distances(values, "std", ddof)
    return table.norm(*distances) / count**0.5


def cumsum(values: Iterable[Any]) -> list[Any]:
    """The sums of the first value, of the first two, and so on.

    >>> cumsum([1.0, 2.0, 4.0])
    [1.0, 3.0, 7.0]
    """
    return [*accumulate(_all(values, "cumsum"), table.add)]


def largest(values: Iterable[Any]) -> Any:
    """The greatest value, or nan if there is one; the gradient goes to it, and is split among equal ones.

    ``max()`` and ``np.max`` compare by themselves: they give one of the values, pass over nan, and give a tie to the
    first. Inside of a compiled function their comparisons are guards; this has none.

    Raises:
        ValueError: there are no values.

    >>> largest([1.0, 6.0, 2.0])
    6.0
    """
    return reduce(table.maximum, _some(values, "largest"))


def smallest(values: Iterable[Any]) -> Any:
    """The least value; as :func:`largest`.

    Raises:
        ValueError: there are no values.

    >>> smallest([1.0, -6.0, 2.0])
    -6.0
    """
    return reduce(table.minimum, _some(values, "smallest"))


def log_sum_exp(values: Iterable[Any]) -> Any:
    """log(Σ exp(value)), without overflow: the greatest value is taken out of the sum first.

    The derivatives are those of :func:`softmax`; of equal infinities, each has an equal share.

    >>> log_sum_exp([1000.0, 1000.0])
    1000.6931471805599
    """
    shift, distances = _from_greatest(values, "log_sum_exp")
    return table.log(table.total(*map(table.exp, distances))) + shift


def softmax(values: Iterable[Any]) -> list[Any]:
    """exp(value) / Σ exp(value), for each value: positive numbers that sum to 1.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    exponentials = [*map(table.exp, _from_greatest(values, "softmax")[1])]
    sum_of_all = table.total(*exponentials)
    return [table.divide(exponential, sum_of_all) for exponential in exponentials]


def log_softmax(values: Iterable[Any]) -> list[Any]:
    """The logarithms of :func:`softmax`, finite where that underflows to 0.

    >>> log_softmax([0.0, -2000.0])
    [0.0, -2000.0]
    """
    _, distances = _from_greatest(values, "log_softmax")
    logarithm = table.log(table.total(*map(table.exp, distances)))
    return [table.subtract(distance, logarithm) for distance in distances]


def _distances(values: Iterable[Any], function: str, ddof: int) -> tuple[list[Any], int]:
    """The distances from the mean, and what their squares are divided by."""
    values = _some(values, function)
    if not len(values) > ddof:
        raise ValueError(f"{function} with ddof={ddof!r} needs more than {ddof} values, not {len(values)}")
    center = mean(values)
    return [table.subtract(value, center) for value in values], len(values) - ddof


def _all(values: Iterable[Any], function: str) -> tuple[Any, ...]:
    if not hasattr(values, "__iter__"):
        one = f"{type(values).__name__} {values!r:.60}"
        raise TypeError(f"{function} takes lists of numbers, such as [a, b], not the one number {one}")
    return tuple(values)


def _some(values: Iterable[Any], function: str) -> tuple[Any, ...]:
    values = _all(values, function)
    if not values:
        raise ValueError(f"{function} of no values is not defined: pass at least one")
    return values


def _from_greatest(values: Iterable[Any], function: str) -> tuple[Any, list[Any]]:
    """The greatest value as a plain number, since a constant shift changes no derivative, and all distances from it."""
    values = _some(values, function)
    shift = _detached(reduce(table.maximum, map(_detached, values)))
    return shift, [table.DISTANCE(value, shift) for value in values]


def _detached(value: Any) -> Any:
    return value.detach() if hasattr(type(value), "__autodiff__") else as_float(value)
