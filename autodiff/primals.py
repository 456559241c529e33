"""Primals that are longer than a row of the table, and the rules that go with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add, mul
from typing import Any

from autodiff.ieee import inf, power_limit, with_limit
from autodiff.zeros import ZERO

any_power = with_limit(math.pow, power_limit)


def power(x: float, n: float) -> float:
    """The power x ** n; the most frequent ones by multiplication: several times as quick, and exact but for cubes."""
    if n == 2:
        return x * x
    if n == 1:
        return x
    if n == 3:
        return x * x * x
    try:
        return any_power(x, n)
    except TypeError:  # numbers of another kind, which know their own powers
        return x**n  # type: ignore[no-any-return]


def total(*numbers: float) -> float:
    """The sum, from left to right: the built-in sum() of Python 3.12 and later compensates and gives other bits."""
    return reduce(add, numbers, 0.0)


def dot(*operands: float) -> float:
    """The sum of products of left and right factors: first all left ones, then as many right ones."""
    half, odd = divmod(len(operands), 2)
    if odd:
        raise TypeError(f"dot takes all left factors, then as many right ones: an even number, not {len(operands)}")
    return reduce(add, map(mul, operands[:half], operands[half:]), 0.0)


def swapped_halves(operands: Sequence[Any], y: Any) -> tuple[Any, ...]:
    """The rule of ``dot``: the derivative by a factor is the other one."""
    half = len(operands) // 2
    return (*operands[half:], *operands[:half])


def norm(*operands: float) -> float:
    """The root of the sum of squares, of numbers scaled by the largest: no square over- or underflows."""
    largest = reduce(lambda size, x: x if x > size else size, map(abs, operands), 0.0)
    if largest in (0.0, inf):
        return largest if largest else total(*map(abs, operands))  # nan where there is nothing but nan and 0
    return largest * math.sqrt(total(*((x / largest) * (x / largest) for x in operands)))


def norm_rule(operands: Sequence[Any], y: Any) -> tuple[Any, ...]:
    """The direction of the vector; at the origin, the subgradient 0."""
    return (0.0,) * len(operands) if y == 0 else tuple(x / y for x in operands)


def chosen(index: float, *choices: Any) -> Any:
    """The choice at that place.

    Raises:
        TypeError: the index is not a whole number.
        ValueError: there is no such choice.
    """
    place = int(index) if index == index and abs(index) < inf else 0
    if place != index:
        raise TypeError(f"an index must be an integer, not {index!r}")
    if not 0 <= place < len(choices):
        raise ValueError(f"the index {place} is none of {len(choices)} rows (from 0 to {len(choices) - 1})")
    return choices[place]


def choice_rule(operands: Sequence[Any], y: Any) -> tuple[Any, ...]:
    """The output is the choice at the index, and depends on no other one."""
    return (ZERO, *(1.0 if operands[0] == place else ZERO for place in range(len(operands) - 1)))
