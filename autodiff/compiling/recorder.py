"""``Recorder``: looks on while a function runs, and notes what its graph does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from math import inf
from typing import Any, NamedTuple, TypeVar

from autodiff.compiling.branchless import Branchless
from autodiff.hooks import Observer
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.rules import DETACHED
from autodiff.value import Value, constant

E = TypeVar("E", bound=TypeError)

WAYS_OUT = (
    "use autodiff's functions in place of math's, detach() for a number that no gradient flows to, maximum, where or "
    "softmax in place of a choice, select for a row at an index; or pass the number in as an input, or, if there are "
    "few of them, by keyword as a static option"
)


class FrozenNumberError(TypeError):
    """A compiled function asked for a number that will be another one in the next call."""


class Comparison(NamedTuple):
    """A comparison that a function made while it was recorded."""

    sign: str
    left: Value
    right: Value
    holds: bool


class Recorder(Observer):
    """Notes comparisons and leaves that are made, and refuses what would freeze a number without a trace."""

    def __init__(self) -> None:
        self.comparisons: list[Comparison] = []
        self.fresh: set[Value] = set()
        """Leaves that were made inside: constants of the program."""
        self.refusal: TypeError | None = None
        """The first refusal. It holds even if the function caught it, since the function then went another way."""
        self._numbers: dict[str, Value] = {}
        self._fixed: set[Value] = set()
        self._varying: set[Value] = set()
        self._branchless = Branchless(self.is_fixed)

    def is_fixed(self, node: Value) -> bool:
        """Whether the node depends on nothing that comes from outside."""
        stack, seen = [node], {node}
        while stack:
            each = stack.pop()
            if each in self._varying or (each.op is VARIABLE and each not in self.fresh):
                self._varying.add(node)
                return False
            new = [parent for parent in each.parents if parent not in seen and parent not in self._fixed]
            seen.update(new)
            stack += new
        self._fixed |= seen
        return True

    def _refuse(self, refusal: E) -> E:
        self.refusal = self.refusal or refusal
        return refusal

    def given(self, leaf: Value) -> None:
        self.fresh.add(leaf)

    def compared(self, sign: str, left: Value, right: Any, holds: bool) -> None:
        if not isinstance(right, Value):
            try:
                number = constant(right)
            except OverflowError:  # an integer beyond every float
                number = constant(inf if right > 0 else -inf)
            right = self._numbers.setdefault(repr(number.number), number)
        self.comparisons.append(Comparison(sign, left, right, holds))

    def read(self, node: Value, how: str) -> None:
        if not self.is_fixed(node):
            raise self._refuse(FrozenNumberError(f"{how} inside a compiled function would freeze a number: {WAYS_OUT}"))

    def changes(self, leaf: Value) -> None:
        raise self._refuse(
            TypeError("a compiled function cannot set the data of a Value: change parameters between its calls")
        )

    def begins(self, root: Value, seed: float) -> None:
        raise self._refuse(
            TypeError(
                "backward() inside a compiled function would change gradients only once: call the compiled function's "
                "own backward(), or use grad() inside, whose result is graph"
            )
        )

    def detached(self, node: Value) -> Value | None:
        return None if node.op is CONSTANT else DETACHED(node)

    def contributions(self, out: Value, upstream: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        return self._branchless.contributions(out, upstream, wanted)

    def differentiated(self, root: Value, gradients: Sequence[Any]) -> None:
        self._branchless.done()


current: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
"""The recorder of this thread, if a function is being recorded."""


def is_recording() -> bool:
    """Whether a function is being recorded by this thread."""
    return current.get() is not None


def refuse_inside(name: str) -> None:
    """Inside another compiled function, a function is its graph; its numbers would be frozen.

    Raises:
        FrozenNumberError: a function is being recorded.
    """
    recorder = current.get()
    if recorder is not None:
        recorder.refusal = recorder.refusal or FrozenNumberError(
            f"the numbers of {name} inside a compiled function would be frozen, and its gradients be taken only once: "
            f"call {name} itself there, or use grad() of it, whose results are graph"
        )
        raise recorder.refusal
