"""Numbers as IEEE 754 has them: what is accepted as one, and results where Python's own floats raise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

inf, nan = math.inf, math.nan


def as_float(number: object) -> float:
    """The number as a float, if it is a real one.

    Raises:
        TypeError: it is not a real number.
        OverflowError: it is an integer or fraction beyond the range of floats.
    """
    if type(number) is float:
        return number
    if type(number) is int or isinstance(number, (Real, Decimal)) or (  # to ask for Real takes long
        getattr(number, "shape", None) == () and getattr(getattr(number, "dtype", None), "kind", "") in set("biuf")
    ):  # fmt: skip
        try:
            return float(number)  # type: ignore[arg-type]  # a NumPy scalar or 0-d array
        except OverflowError:
            raise OverflowError(f"this {type(number).__name__} is too large for a float") from None
    raise TypeError(
        f"a real number is needed (int, float, bool, Fraction, Decimal, a NumPy scalar or 0-d array), "
        f"not {type(number).__name__} {number!r:.60}{_instead(number)}"
    )


def as_result(found: Any, what: str, operation: str) -> float:
    """What a function of an operation gave, as a float.

    Raises:
        TypeError: it is no number.

    >>> as_result(None, "primal", "cube")
    Traceback (most recent call last):
    TypeError: the primal of the operation 'cube' must give one number, not NoneType None: is its return missing?
    """
    try:
        return float(found)
    except TypeError:
        hint = ": is its return missing?" if found is None else ""
        if isinstance(found, (tuple, list)):
            hint = ": an operation has one output, and a rule for each operand"
        given = f"{type(found).__name__} {found!r:.60}{hint}"
    raise TypeError(f"the {what} of the operation {operation!r} must give one number, not {given}")


def _instead(number: object) -> str:
    """What to write in its place."""
    if number is None:
        return ": a function without a return gives None"
    if isinstance(number, str):
        return ": float() reads a number from a text, index() of a list of names numbers them"
    if hasattr(type(number), "__autodiff__"):
        return ": use it as it is, +value for a new node, or .detach() for a constant; .data is its number"
    if isinstance(number, complex):
        return ": .real and .imag are numbers"
    if isinstance(number, (list, tuple, set, dict)) or getattr(number, "shape", None):
        return ": take one at a time, [f(x) for x in values], or NumPy's functions of an array of Values"
    if hasattr(number, "item"):
        return ": .item() of a tensor is its number"
    return ""


class Ieee(float):
    """A float whose arithmetic is the table's, so that it divides by zero and overflows as IEEE 754 says.

    Where a rule raises on Python's floats, as ``1 / x`` does at 0, it is run on these.
    """

    @staticmethod
    def __autodiff__(row: Any, operands: Sequence[float]) -> Ieee:
        return Ieee(row.primal(*map(float, operands)))


def with_limit(function: Callable[..., float], limit: Callable[..., float]) -> Callable[..., float]:
    """The function of floats, with the limit in its place where Python's ``math`` raises."""

    def primal(*operands: float) -> float:
        try:
            return function(*operands)
        except (ArithmeticError, ValueError):
            return limit(*operands)

    return primal


def quotient_by_zero(a: float, b: float) -> float:
    """The quotient a / b where b is 0."""
    return nan if a == 0 or a != a else math.copysign(inf, a) * math.copysign(1.0, b)


def power_limit(x: float, n: float) -> float:
    """The power x ** n where ``math.pow`` raises: a negative base, a pole at 0, or an overflow."""
    odd = n % 2 == 1
    if x == 0:
        return math.copysign(inf, x) if odd else inf
    if x < 0 and n != math.floor(n):
        return nan
    return -inf if x < 0 and odd else inf
