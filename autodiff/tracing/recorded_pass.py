"""A backward pass as a sequence of steps, to read, to search and to check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self, overload

from autodiff.backward import names, topological_order
from autodiff.ieee import as_float
from autodiff.mistakes import needs_value
from autodiff.operations import CONSTANT, VARIABLE, Operation
from autodiff.registry import lookup
from autodiff.sources import CodeLine, listing
from autodiff.text import joined, number, one_line, printable
from autodiff.tracing.steps import Contributions, TracedNode, TracedStep, same
from autodiff.value import Value, node
from autodiff.zeros import NOT_COMPUTED, ZERO

if TYPE_CHECKING:
    from autodiff.program.program import Program


@dataclass(frozen=True, repr=False)
class RecordedPass(Sequence[TracedStep]):
    """The steps of a backward pass, or a part of them. What users get is a :class:`~autodiff.tracing.Trace`.

    It is a sequence without a cursor: going back is taking a smaller index. It prints as a table.
    """

    nodes: tuple[TracedNode, ...]
    """All nodes of the graph in topological order; the last one is the root."""
    steps: tuple[TracedStep, ...]
    seed: float = 1.0
    places: dict[Value, int] = field(default_factory=dict, compare=False)
    """The nodes themselves, with their places; empty if the trace was loaded from a file."""
    code: tuple[CodeLine, ...] = field(default=(), compare=False)
    """The user's lines, if sources were recorded; empty if the trace was loaded from a file."""

    @classmethod
    def of(cls, loss: Value, seed: float = 1.0, accumulate: bool = False) -> Self:
        """Run the backward pass from a root and record it. See :func:`autodiff.trace`."""
        if not isinstance(loss, Value):
            needs_value("trace", loss)
        seed = as_float(seed)
        order = topological_order(loss)
        leaves = [(node, node.grad) for node in order if node.op is VARIABLE]
        try:
            for leaf, _ in leaves if not accumulate else ():
                leaf.grad = 0.0
            return cls._recorded(loss, seed, order)
        finally:
            for leaf, gradient in leaves if not accumulate else ():
                leaf.grad = gradient

    @classmethod
    def _recorded(cls, loss: Value, seed: float, order: list[Value]) -> Self:
        """Run the pass, as ``backward`` does, and record it."""
        name = names(order)
        places = {node: place for place, node in enumerate(order)}
        initial = {node: 0.0 if node.parents else (node.grad or 0.0) + 0.0 for node in order if node.op is not CONSTANT}
        steps = list(loss.backward_steps(seed))
        initial[loss] += seed
        nodes = tuple(
            TracedNode(
                place, name[node], node.op.name, node.number, tuple(places[parent] for parent in node.parents),
                initial.get(node), node.grad if node in initial else None, str(node.source or ""),
            )
            for place, node in enumerate(order)
        )  # fmt: skip
        traced = tuple(
            TracedStep(place, nodes[places[step.node]], nodes[places[step.parent]], *step[2:8])
            for place, step in enumerate(steps)
        )
        return cls(nodes, traced, seed, places, listing(node.source for node in order if node.source))

    def graph(self) -> list[Value]:
        """The nodes of the graph, in topological order, with the numbers and labels of the record and no gradient.

        Raises:
            ValueError: an operation of a loaded trace is not declared in this program.
        """
        nodes: list[Value] = []
        known = {place: node.op for node, place in self.places.items()}  # also what has no name of its own, by bridges
        for record in self.nodes:
            op = known.get(record.place) or _operation(record)
            label = "" if record.name == f"v{record.place}" else record.name
            nodes.append(node(op, record.data, tuple([nodes[place] for place in record.operands]), label=label))
        return nodes

    @cached_property
    def program(self) -> tuple[Program, list[int]]:
        """The graph in flat form, with the names of this record, and the slot of each node."""
        from autodiff.program.program import Program

        nodes = self.graph()
        for each, record in zip(nodes, self.nodes):
            each.label = record.name
        program, slots = Program.from_graph(*nodes)
        return replace(program, outputs=program.outputs[-1:]), [slots[each] for each in nodes]

    @property
    def root(self) -> TracedNode:
        """The node that the pass began at."""
        return self.nodes[-1]

    @property
    def is_whole(self) -> bool:
        """Whether all steps of the pass are here."""
        flows = [node.initial is not None for node in self.nodes]
        return len(self.steps) == sum(flows[operand] for node in self.nodes for operand in node.operands)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[TracedStep]:
        return iter(self.steps)

    @overload
    def __getitem__(self, index: int) -> TracedStep: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> TracedStep | Self:
        if isinstance(index, slice):
            return replace(self, steps=self.steps[index])
        try:
            return self.steps[index]
        except IndexError:
            count = len(self.steps)
            raise IndexError(f"there is no step {index}: this trace has {count}, counted from 0") from None

    def node(self, which: str | Value) -> TracedNode:
        """The record of a node, by its name or by the node itself.

        Raises:
            ValueError: there is no such node in the graph, or more than one has that name.
        """
        if isinstance(which, Value):
            if which not in self.places:
                missing = "a loaded trace knows its nodes by name only" if not self.places else "it has no part in L"
                raise ValueError(f"{which!r} is no node of this trace: {missing}")
            return self.nodes[self.places[which]]
        found = [node for node in self.nodes if node.name == which]
        if len(found) != 1:
            known = joined([repr(node.name) for node in self.nodes if node.op != "constant"], ", ")
            raise ValueError(
                f"no node is named {which!r} (there are {known})"
                if not found
                else f"{len(found)} nodes are named {which!r}: pass the node itself"
            )
        return found[0]

    def until(self, which: str | Value) -> Self:
        """The steps up to the one that completes the node's gradient, that one included.

        Raises:
            ValueError: as :meth:`node`; or no step leads to the node.
        """
        node = self.node(which)
        ends = [end for end, step in enumerate(self.steps, 1) if step.parent.place == node.place]
        if not ends:
            raise ValueError(f"no step of this trace leads to {node.name!r}")
        return self[: ends[-1]]

    def where(self, predicate: Callable[[TracedStep], object]) -> Self:
        """The steps for which the predicate is true."""
        return replace(self, steps=tuple(step for step in self.steps if predicate(step)))

    def contributions(self, which: str | Value) -> Contributions:
        """The steps that lead to a node: its gradient is what it began with plus their contributions.

        >>> a = Value(3.0, label="a")
        >>> print(RecordedPass.of(a * a + a).contributions(a))
        ∂L/∂a = 1.0 + 3.0 + 3.0 = 7.0
          ∂L/∂a += ∂v2/∂a · ∂L/∂v2 = 1.0 × 1.0 = 1.0
          ∂L/∂a += ∂v1/∂a · ∂L/∂v1 = 3.0 × 1.0 = 3.0
          ∂L/∂a += ∂v1/∂a · ∂L/∂v1 = 3.0 × 1.0 = 3.0
        """
        node = self.node(which)
        return Contributions(node, tuple(step for step in self.steps if step.parent.place == node.place))

    def check(self) -> None:
        """Check a whole pass: sums over edges, complete upstream gradients, products.

        Raises:
            ValueError: this is only a part of a pass.
            AssertionError: one is broken; the message names the node or step.
        """
        if not self.is_whole:
            raise ValueError("only a whole pass can be checked: this trace is a part of one")
        gradient = [node.initial or 0.0 for node in self.nodes]
        for step in self.steps:
            flows = step.local is not ZERO and step.upstream is not NOT_COMPUTED
            product = step.local * step.upstream if flows else 0.0
            place, upstream = step.parent.place, step.node.gradient or 0.0
            _agree(f"step {step.place}: upstream", step.upstream, gradient[step.node.place])
            _agree(f"step {step.place}: upstream was not complete, it", step.upstream, upstream)
            _agree(f"step {step.place}: contribution", step.contribution, product)
            _agree(f"step {step.place}: gradient before", step.before, gradient[place])
            gradient[place] += step.contribution
            _agree(f"step {step.place}: gradient after", step.after, gradient[place])
        for record, sum_of_edges in zip(self.nodes, gradient):
            if record.gradient is not None:
                _agree(f"the gradient of {record.name!r}", record.gradient, sum_of_edges)

    def __repr__(self) -> str:
        return f"<Trace of {self.root.name!r}: {len(self.steps)} steps, {len(self.nodes)} nodes>"

    def __str__(self) -> str:
        return self.table()

    def table(self, max_steps: int = 40) -> str:
        """The steps line by line; of more than ``max_steps`` the middle is left out, with a note.

        Where sources were recorded, the last column is the user's line that computed the result.

        Raises:
            ValueError: ``max_steps`` is not an int from 2 on.
        """
        if not isinstance(max_steps, int) or max_steps < 2:
            raise ValueError(f"max_steps must be an int from 2 on, not {max_steps!r}")
        root, steps = self.root, self.steps
        count = f"{len(steps)} step{'s' * (len(steps) != 1)}" + ("" if self.is_whole else " of the pass")
        head = f"L = {one_line(root.name)} = {number(root.data)}, ∂L/∂{one_line(root.name)} = {number(self.seed)}"
        width = max(3, len(str(len(steps))))
        half = max_steps // 2
        shown = steps if len(steps) <= max_steps else steps[:half] + steps[-half:]
        lines = [f"{step.place:>{width}}  {step}{_note(step)}" for step in shown]
        column = max(map(len, lines), default=0)
        lines = [f"{line:<{column}}   {step.node.source}".rstrip() for line, step in zip(lines, shown)]
        if len(steps) > max_steps:
            note = f"… {len(steps) - 2 * half} more steps: index or slice the trace, or table(max_steps=…)"
            lines.insert(half, " " * (width + 2) + note)
        return printable("\n".join([f"{head}, {count} back", *lines]))


def _agree(what: str, given: float, right: float) -> None:
    if not same(given, right):
        raise AssertionError(f"{what} is {given!r}, but must be {right!r}")


def _note(step: TracedStep) -> str:
    """What the equation of a step leaves open: the sum so far, or why there is no product."""
    product = step.local * step.upstream
    note = "   (no dependence: nothing flows)" if product != product and step.contribution == 0 else ""
    return note + (f"   → {number(step.after)}" if step.before else "")


def _operation(record: TracedNode) -> Operation:
    """The operation of a node of a trace that was loaded."""
    return lookup(record.op) if record.operands else CONSTANT if record.op == "constant" else VARIABLE
