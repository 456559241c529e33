"""``trace``: the whole backward pass as a sequence of steps, to read, to search and to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from autodiff.backward import names, topological_order
from autodiff.ieee import as_float
from autodiff.operations import CONSTANT
from autodiff.text import joined, number, one_line
from autodiff.tracing.steps import Contributions, TracedNode, TracedStep, same
from autodiff.value import Value

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from autodiff.drawing.rendering import Drawing


@dataclass(frozen=True, repr=False)
class Trace(Sequence[TracedStep]):
    """The steps of a backward pass, or a part of them: a slice, or what ``until`` and ``where`` chose.

    It is a sequence without a cursor: going back is taking a smaller index. It prints as a table.

    >>> w, x = Value(0.5, label="w"), Value(2.0, label="x")
    >>> steps = trace(((w * x) - 3) ** 2)
    >>> print(steps)
    L = v6 = 4.0, ∂L/∂v6 = 1.0, 4 steps back
      0  ∂L/∂v4 += ∂v6/∂v4 · ∂L/∂v6 = −4.0 × 1.0 = −4.0
      1  ∂L/∂v2 += ∂v4/∂v2 · ∂L/∂v4 = 1.0 × −4.0 = −4.0
      2  ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = 2.0 × −4.0 = −8.0
      3  ∂L/∂x += ∂v2/∂x · ∂L/∂v2 = 0.5 × −4.0 = −2.0
    >>> steps.until("w")[-1].after, len(steps.where(lambda step: abs(step.contribution) > 3))
    (-8.0, 3)
    """

    nodes: tuple[TracedNode, ...]
    """All nodes of the graph in topological order; the last one is the root."""
    steps: tuple[TracedStep, ...]
    seed: float = 1.0
    places: dict[Value, int] = field(default_factory=dict, compare=False)
    """The nodes themselves, with their places; empty if the trace was loaded from a file."""

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
    def __getitem__(self, index: slice) -> Trace: ...
    def __getitem__(self, index: int | slice) -> TracedStep | Trace:
        if isinstance(index, slice):
            return self._part(self.steps[index])
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

    def until(self, which: str | Value) -> Trace:
        """The steps up to the one that completes the node's gradient, that one included.

        Raises:
            ValueError: as :meth:`node`; or no step leads to the node.
        """
        node = self.node(which)
        ends = [end for end, step in enumerate(self.steps, 1) if step.parent.place == node.place]
        if not ends:
            raise ValueError(f"no step of this trace leads to {node.name!r}")
        return self[: ends[-1]]

    def where(self, predicate: Callable[[TracedStep], object]) -> Trace:
        """The steps for which the predicate is true."""
        return self._part(tuple(step for step in self.steps if predicate(step)))

    def contributions(self, which: str | Value) -> Contributions:
        """The steps that lead to a node: its gradient is what it began with plus their contributions.

        >>> a = Value(3.0, label="a")
        >>> print(trace(a * a + a).contributions(a))
        ∂L/∂a = 1.0 + 3.0 + 3.0 = 7.0
          ∂L/∂a += ∂v2/∂a · ∂L/∂v2 = 1.0 × 1.0 = 1.0
          ∂L/∂a += ∂v1/∂a · ∂L/∂v1 = 3.0 × 1.0 = 3.0
          ∂L/∂a += ∂v1/∂a · ∂L/∂v1 = 3.0 × 1.0 = 3.0
        """
        node = self.node(which)
        return Contributions(node, tuple(step for step in self.steps if step.parent.place == node.place))

    def check(self) -> None:
        """Hold the invariants of a whole pass: sums over edges, complete upstream gradients, products, none left out.

        Raises:
            ValueError: this is only a part of a pass.
            AssertionError: one is broken; the message names the node or step.
        """
        if not self.is_whole:
            raise ValueError("only a whole pass can be checked: this trace is a part of one")
        gradient = [node.initial or 0.0 for node in self.nodes]
        for step in self.steps:
            product = step.local * step.upstream if step.local and step.upstream else 0.0
            place, upstream = step.parent.place, step.node.gradient or 0.0
            _agree(f"step {step.place}: upstream", step.upstream, gradient[step.node.place])
            _agree(f"step {step.place}: upstream was not complete, it", step.upstream, upstream)
            _agree(f"step {step.place}: contribution", step.contribution, product)
            _agree(f"step {step.place}: gradient before", step.before, gradient[place])
            gradient[place] += step.contribution
            _agree(f"step {step.place}: gradient after", step.after, gradient[place])
        for node, sum_of_edges in zip(self.nodes, gradient):
            if node.gradient is not None:
                _agree(f"the gradient of {node.name!r}", node.gradient, sum_of_edges)

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
        shown = _ends(steps, max_steps)
        lines = [f"{step.place:>{width}}  {step}{_note(step)}" for step in shown]
        column = max(map(len, lines), default=0)
        lines = [f"{line:<{column}}   {step.node.source}".rstrip() for line, step in zip(lines, shown)]
        if len(steps) > max_steps:
            note = f"… {len(steps) - 2 * (max_steps // 2)} more steps: index or slice the trace, or table(max_steps=…)"
            lines.insert(max_steps // 2, " " * (width + 2) + note)
        return "\n".join([f"{head}, {count} back", *lines])

    def draw(self, step: int | None = None, **options: Any) -> Drawing:
        """The graph as it is once a step was taken, as a ``graphviz.Digraph``.

        The step's edge and its two nodes are blue, and the arrow shows the way of the error: from the result back to
        the operand. What is dashed is still to come: a gradient without a contribution is "not computed", one that
        waits for more ends in "+ …". The colours mean the same, and the layout is the same, in all pictures of a pass.

        Args:
            step: its index; None for the start, when the root alone has a gradient.
            **options: those of :func:`autodiff.draw`, such as ``fold="neuron"``.

        Raises:
            TypeError: the step is neither an int nor None.
            ValueError: there is no such step, steps before it are not in this trace, an operation of a loaded trace is
                not declared in this program; or as for ``draw``.

        >>> w, x = Value(3.0, label="w"), Value(-2.0, label="x")
        >>> trace(w * x).draw(0).source.count("not computed")
        2
        """
        from autodiff.tracing.frames import draw_step

        return draw_step(self, step, **options)

    def save_frames(self, folder: str | os.PathLike[str], *, suffix: str = "svg", **options: Any) -> list[Path]:
        """Write the picture of the start and of each step to files, and return their paths.

        The files are ``frame_0000.svg``, the start, ``frame_0001.svg``, after the first step, and so on.

        Args:
            folder: it is made if it is missing.
            suffix: "svg" or "png".
            **options: those of :func:`autodiff.draw`.

        Raises:
            ValueError: the suffix is another one; or as for :meth:`draw`.
            RuntimeError: there is no dot to draw with.
        """
        from autodiff.tracing.frames import save_frames

        return save_frames(self, folder, suffix, **options)

    def save_gif(
        self, path: str | os.PathLike[str], *, seconds: float = 1.0, width: int = 1200, **options: Any
    ) -> Path:
        """Write the pictures of the start and of each step as an animation, and return its path. Needs Pillow.

        Args:
            path: ends in ``.gif``.
            seconds: how long each picture is shown; the last one three times as long.
            width: the greatest width, in pixels.
            **options: those of :func:`autodiff.draw`.

        Raises:
            ValueError: the path or a number is none of these; or as for :meth:`draw`.
            RuntimeError: there is no dot to draw with.
            ImportError: Pillow is not installed.
        """
        from autodiff.tracing.frames import save_gif

        return save_gif(self, path, seconds, width, **options)

    def html(self, *, max_nodes: int | None = 300, live: bool | None = None) -> str:
        """The page that :meth:`to_html` writes, as text."""
        from autodiff.tracing.player import html

        return html(self, max_nodes=max_nodes, live=live)

    def to_html(self, path: str | os.PathLike[str], *, max_nodes: int | None = 300, live: bool | None = None) -> Path:
        """Write a page that plays the pass in a browser, and return its path.

        One file that loads nothing else and runs no foreign program: the graph, the equation of the step, the table of
        all steps. Keys: ← and → step, Home and End, space plays, + − 0 change the size, d the colours. The address may
        end in ``#step=12``. A click on a node shows the step that completes its gradient. Where labels tell of
        modules, the graph can be folded by them. Without a dot the page has everything but the picture, and says so.

        The graph is live: the reader gives its leaves other numbers, by typing, with ↑ and ↓, or by dragging a name or
        a box to and fro, and every number, colour and step follows at once. The browser computes them from the rows of
        the table: arithmetic has the bits of this engine, a function such as ``exp`` may differ in the last ones.

        Args:
            path: ends in ``.html``.
            max_nodes: the greatest number of nodes to draw; a view with more is left out. None for no limit; 0 for no
                picture.
            live: False leaves that out; True refuses a graph that cannot be live, where None writes a page without.

        Raises:
            ValueError: the path or number is none of these; every view has more nodes; there are more than 20000
                steps, or steps are left out before others; an operation of a loaded trace is not declared here;
                ``live=True``, and an operation cannot be written in JavaScript, or the graph has no variable.

        >>> from pathlib import Path; from tempfile import TemporaryDirectory
        >>> w = Value(3.0, label="w")
        >>> with TemporaryDirectory() as folder: trace(w * w).to_html(Path(folder) / "square.html").name
        'square.html'
        """
        from autodiff.tracing.player import save_html

        return save_html(self, path, max_nodes, live)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the page of :meth:`to_html`, or the table where that would be too large."""
        from autodiff.tracing.player import notebook

        return notebook(self)

    def _part(self, steps: tuple[TracedStep, ...]) -> Trace:
        return Trace(self.nodes, steps, self.seed, self.places)


def trace(loss: Value, seed: float = 1.0) -> Trace:
    """Run the backward pass and record every step of it.

    The gradients are left exactly as ``loss.backward(seed)`` leaves them: those of leaves accumulate over calls.

    Args:
        loss: the root, a scalar.
        seed: the gradient that the root starts with.

    Raises:
        TypeError: ``loss`` is not a ``Value``, or the seed not a number.
        ValueError: ``loss`` is a constant.
        RuntimeError: a leaf's data was changed since the forward pass.
    """
    if not isinstance(loss, Value):
        raise TypeError(f"trace needs a Value, not {type(loss).__name__} {loss!r:.60}")
    seed = as_float(seed)
    order = topological_order(loss)
    name = names(order)
    places = {node: place for place, node in enumerate(order)}
    initial = {node: 0.0 if node.parents else (node.grad or 0.0) + 0.0 for node in order if node.op is not CONSTANT}
    steps = list(loss.backward_steps(seed))
    initial[loss] += seed
    nodes = tuple(
        TracedNode(
            place, name[node], node.op.name, node.data, tuple(places[parent] for parent in node.parents),
            initial.get(node), node.grad if node in initial else None, str(node.source or ""),
        )
        for place, node in enumerate(order)
    )  # fmt: skip
    traced = tuple(
        TracedStep(
            place, nodes[places[step.node]], nodes[places[step.parent]], step.position,
            step.local, step.upstream, step.contribution, step.before, step.after,
        )
        for place, step in enumerate(steps)
    )  # fmt: skip
    return Trace(nodes, traced, seed, places)


def _agree(what: str, given: float, right: float) -> None:
    if not same(given, right):
        raise AssertionError(f"{what} is {given!r}, but must be {right!r}")


def _note(step: TracedStep) -> str:
    """What the equation of a step leaves open: the sum so far, or a product that was not taken."""
    product = step.local * step.upstream
    note = "   (nothing flows through a zero)" if product != product and step.contribution == 0 else ""
    return note + (f"   → {number(step.after)}" if step.before else "")


def _ends(steps: tuple[TracedStep, ...], most: int) -> tuple[TracedStep, ...]:
    return steps if len(steps) <= most else steps[: most // 2] + steps[-(most // 2) :]
