"""A session: what is noted of a function while it is recorded."""

from __future__ import annotations

from contextvars import ContextVar
from math import inf
from typing import Any, NamedTuple

from autodiff.operations import VARIABLE
from autodiff.value import Value, constant


class Comparison(NamedTuple):
    """A comparison that a function made while it was recorded."""

    sign: str
    left: Value
    right: Value
    holds: bool


class Session:
    """What is noted while a function runs."""

    def __init__(self) -> None:
        self.comparisons: list[Comparison] = []
        self.fresh: set[Value] = set()
        """Leaves that were made inside: constants of the program."""
        self._numbers: dict[str, Value] = {}

    def compared(self, sign: str, left: Value, right: Any, holds: bool) -> None:
        """Note a comparison with a ``Value`` or number."""
        if not isinstance(right, Value):
            try:
                number = constant(right)
            except OverflowError:  # an integer beyond every float
                number = constant(inf if right > 0 else -inf)
            right = self._numbers.setdefault(repr(number.number), number)
        self.comparisons.append(Comparison(sign, left, right, holds))

    def is_fixed(self, node: Value) -> bool:
        """Whether the node depends on nothing that comes from outside."""
        stack, seen = [node], {node}
        while stack:
            each = stack.pop()
            if each.op is VARIABLE and each not in self.fresh:
                return False
            stack.extend(parent for parent in each.parents if parent not in seen)
            seen.update(each.parents)
        return True


current: ContextVar[Session | None] = ContextVar("session", default=None)
"""The session of this thread, if a function is being recorded."""


def is_recording() -> bool:
    """Whether a function is being recorded by this thread."""
    return current.get() is not None
