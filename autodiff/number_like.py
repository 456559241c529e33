"""What makes a node a number like any other: it is compared by its number, printed as it, and never cut off unseen."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, NoReturn, Self

from autodiff.declarations import Declared
from autodiff.hooks import tell, watchers
from autodiff.ieee import as_float
from autodiff.operations import CONSTANT, Operation

equalities = count()
"""Advances with every "==" of a ``Value``: whoever compares whole containers can tell whether one was compared by
number. ``next()`` is atomic, so no comparison is lost between threads."""


TEXT = "making text"
"""How a number is read by ``str()`` and in format strings."""


def _comparison(sign: str, compare: Callable[[float, float], bool]) -> Any:
    def comparison(self: NumberLike, other: object) -> Any:
        number = _number(other)
        if number is None:
            return NotImplemented
        holds = compare(self.number, number)
        if watchers:
            tell("compared", sign, self, other, holds)
        return holds

    return comparison


_equals = _comparison("==", operator.eq)


def _refused(how: str, instead: str = "") -> Callable[..., NoReturn]:
    def refused(self: NumberLike, *arguments: object) -> NoReturn:
        if watchers:
            tell("read", self, how)
        raise TypeError(f"{how} of a Value would cut the graph unseen: use .data for the number{instead}")

    return refused


class NumberLike(Declared):
    """The part of a ``Value`` that has nothing to do with graphs."""

    __slots__ = ()

    number: float
    op: Operation

    if not TYPE_CHECKING:  # comparisons are declared; what is refused is an error to a type checker, too
        __lt__, __le__ = _comparison("<", operator.lt), _comparison("<=", operator.le)
        __gt__, __ge__ = _comparison(">", operator.gt), _comparison(">=", operator.ge)

        def __float__(self) -> float:
            if watchers:
                tell("read", self, "float()")
            if self.op is not CONSTANT:
                raise TypeError(
                    "float() of a Value would cut the graph unseen: use .data for the number, "
                    "and the functions of autodiff or NumPy in place of math's"
                )
            return self.number

        __int__, __index__ = _refused("int()"), _refused("an index")
        as_integer_ratio = _refused("a fraction", ", and mean, var and std of autodiff in place of statistics'")

    def __eq__(self, other: object) -> bool:
        next(equalities)
        return _equals(self, other)  # type: ignore[no-any-return]

    __hash__ = object.__hash__  # by identity, so that equal numbers remain different nodes in sets and dicts

    def __bool__(self) -> bool:
        holds = self.number != 0
        if watchers:
            tell("compared", "!=", self, 0.0, holds)
        return holds

    def __str__(self) -> str:
        return format(self)

    def __format__(self, spec: str) -> str:
        if watchers:
            tell("read", self, TEXT)
        return format(self.number, spec)

    def conjugate(self) -> Self:
        """Itself, as of every real number: NumPy's ``var`` and ``std`` of arrays ask for it."""
        return self


def _number(other: object) -> float | None:
    """The number that a comparison compares with; None if it is not one."""
    if isinstance(other, NumberLike):
        return other.number
    try:
        return as_float(other)
    except TypeError:
        return None
    except OverflowError:  # an integer beyond every float
        return inf if other > 0 else -inf  # type: ignore[operator]
