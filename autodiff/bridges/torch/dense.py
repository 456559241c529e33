"""Gradients as PyTorch has them: arrays, in which a number that is not used has the gradient 0, a number.

A ``Value`` that is not used gets no gradient at all. That differs where a slope is infinite, since 0 · ∞ is nan: the
most frequent nan of all, as that of ``torch.where(x > 0, x.sqrt(), 0)`` at 0. So as soon as there is an infinite slope
in a graph, it is recorded once more, and what is computed by way of one is linked to what is used in its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

from autodiff import rules as rows
from autodiff.backward import local_derivatives
from autodiff.bridges.arrays import Array, elementwise, is_recorded, total
from autodiff.bridges.torch.events import Call
from autodiff.bridges.torch.memory import Memory
from autodiff.bridges.torch.rules import Rule
from autodiff.hooks import Observer
from autodiff.more_rules import CHOOSE
from autodiff.value import Value

SMOOTH = {
    row.name
    for row in (
        rows.add, rows.subtract, rows.multiply, rows.negative, rows.exp, rows.sin, rows.cos, rows.tanh, rows.sigmoid,
        rows.softplus, rows.silu, rows.gelu, rows.erf, rows.relu, rows.absolute, rows.maximum, rows.minimum, rows.total,
        rows.dot, rows.norm, rows.leaky_relu,
    )
}  # fmt: skip
"""Operations whose local derivatives are finite if their results are."""


class Made(Observer):
    """Every result that is recorded."""

    def __init__(self) -> None:
        self.nodes: list[Value] = []

    def recorded(self, node: Value) -> None:
        self.nodes.append(node)


def is_singular(node: Value) -> bool:
    """Whether a local derivative is infinite or nan."""
    if node.op.name in SMOOTH and isfinite(node.number):
        return False
    return not all(map(isfinite, local_derivatives(node)))


def larger(a: Any, b: Any) -> Any:
    """The larger number; the smaller one is not used, but for ties."""
    return a if a > b else b if b > a else rows.maximum(a, b)


def smaller(a: Any, b: Any) -> Any:
    """The smaller number; the larger one is not used, but for ties."""
    return a if a < b else b if b < a else rows.minimum(a, b)


CHOICES: dict[str, Rule] = {
    "relu": lambda call, x: elementwise(lambda x: 0.0 if x <= 0 else rows.relu(x), x),
    "maximum": lambda call, *arrays: elementwise(larger, *arrays),
    "minimum": lambda call, *arrays: elementwise(smaller, *arrays),
}
"""Operations whose rows say that nothing depends on what is not chosen."""


class DenseMemory(Memory):
    """A memory in which what is not used gets the gradient 0 where that matters.

    Args:
        made: tells what is recorded.
    """

    def __init__(self, made: Made, *options: Any) -> None:
        super().__init__(*options)
        self._made = made
        self._steep: dict[int, Value] = {}  # what is computed by way of an infinite slope

    def rule(self, name: str) -> Rule:
        return CHOICES.get(name) or super().rule(name)

    def linked(self, call: Call, operands: Iterable[Array], results: tuple[Any, ...]) -> tuple[Any, ...]:
        """The results, each of which gives the gradient 0 to all that are computed by way of an infinite slope."""
        used = {id(parent) for node in self._made.nodes for parent in node.parents}
        self._note()
        found = tuple(self._with_zeros(array, operands, used) if is_recorded(array) else array for array in results)
        self._note()
        return found

    def _with_zeros(self, array: Array, operands: Iterable[Array], used: set[int]) -> Array:
        own = array.ravel().tolist()
        used = used.union(map(id, own))
        unused = (each for operand in operands for each in operand.ravel().tolist() if id(each) not in used)
        steep = {id(each): each for each in (*own, *unused) if id(each) in self._steep}
        if not steep or (len(own) == 1 and [*steep] == [id(own[0])]):
            return array
        zero = total(steep.values())
        return elementwise(lambda each: CHOOSE(1.0, each, zero), array)

    def _note(self) -> None:
        """See which of the results that are new are computed by way of an infinite slope."""
        for node in self._made.nodes:
            if is_singular(node) or any(id(parent) in self._steep for parent in node.parents):
                self._steep[id(node)] = node
        self._made.nodes.clear()
