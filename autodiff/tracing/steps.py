"""The records of a trace: a node, a step, and the contributions that a gradient is the sum of."""

from __future__ import annotations

from typing import NamedTuple

from autodiff.text import joined, number, one_line, printable


class TracedNode(NamedTuple):
    """A node as it was when the pass was recorded: later changes of the graph do not reach it.

    It has its place in the topological order of the graph, its label, or else its stable number, as a name, the name of
    its operation, and the places of its operands.
    """

    place: int
    name: str
    op: str
    data: float
    operands: tuple[int, ...]
    initial: float | None
    """Its gradient before the first step, the seed included; None for a constant."""
    gradient: float | None
    """Its gradient after the last step; None for a constant."""
    source: str = ""
    """The user's line that its number came from, as ``train.py:12``; empty unless sources were recorded."""


class TracedStep(NamedTuple):
    """The chain rule on one edge, as :class:`autodiff.Step` has it, with the records of the nodes.

    >>> from autodiff import Value
    >>> from autodiff.tracing import trace
    >>> w, x = Value(-2.0, label="w"), Value(3.0, label="x")
    >>> print(trace(w * x)[0])
    ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = 3.0 × 1.0 = 3.0
    """

    place: int
    """Its place in the whole pass, counted from 0."""
    node: TracedNode
    parent: TracedNode
    position: int
    local: float
    upstream: float
    contribution: float
    before: float
    after: float

    @property
    def node_name(self) -> str:
        return self.node.name

    @property
    def parent_name(self) -> str:
        return self.parent.name

    def __str__(self) -> str:
        out, parent = one_line(self.node.name), one_line(self.parent.name)
        return printable(
            f"∂L/∂{parent} += ∂{out}/∂{parent} · ∂L/∂{out} "
            f"= {number(self.local)} × {number(self.upstream)} = {number(self.contribution)}"
        )


class Contributions(NamedTuple):
    """What a node's gradient is made of: what it began with, and one step for each edge to a result."""

    node: TracedNode
    steps: tuple[TracedStep, ...]

    @property
    def total(self) -> float:
        """The initial gradient plus the contributions, in the order of the pass."""
        sum_so_far = self.node.initial or 0.0
        for step in self.steps:
            sum_so_far += step.contribution
        return sum_so_far

    @property
    def holds(self) -> bool:
        """Whether the node's gradient is that sum, to the bit."""
        return same(self.total, self.node.gradient or 0.0)

    def __str__(self) -> str:
        terms = [number(step.contribution) for step in self.steps]
        if self.node.initial or not terms:
            terms = [number(self.node.initial or 0.0), *terms]
        name = one_line(self.node.name)
        equals = f"= {number(self.total)}" if self.holds else f"= {number(self.total)} ≠ {self.node.gradient!r}"
        head = f"∂L/∂{name} = {joined(terms, ' + ')}" + (f" {equals}" if len(terms) > 1 or not self.holds else "")
        return printable("\n".join([head, *(f"  {step}" for step in self.steps)]))


def same(a: float, b: float) -> bool:
    """Whether two numbers are equal; nan equals nan."""
    return a == b or (a != a and b != b)
