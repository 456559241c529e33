"""``draw``: the graph as DOT text, the same bytes for the same program in every run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import graphviz

from autodiff.drawing.clusters import Path
from autodiff.drawing.colours import (
    ACTIVE,
    INK,
    LINE,
    QUIET,
    WIDTHS,
    Scale,
    fill_of,
    scale,
    stroke_of,
    strongest,
    text_on,
)
from autodiff.drawing.columns import Columns, columns, is_dense, natural
from autodiff.drawing.folding import readable
from autodiff.drawing.legend import (
    CAPTION,
    GAP,
    HEIGHT,
    WIDTH,
    below,
    caption_row,
    caption_width,
    colours_row,
    fold_row,
)
from autodiff.drawing.parameters import HasParameters, draw_parameters, has_parameters
from autodiff.drawing.rendering import Drawing
from autodiff.drawing.routes import Routes, base_of
from autodiff.drawing.scene import Arrow, Box, Edge, Scene, scene
from autodiff.drawing.sizes import LETTER, Point, box_size, frame_name, shown_name, shown_sign, text_width
from autodiff.drawing.text import html, sign, span
from autodiff.mistakes import in_words, needs_value
from autodiff.program.program import Program
from autodiff.text import one_line, short
from autodiff.value import Value
from autodiff.zeros import NOT_COMPUTED

DIRECTIONS = {"right": "LR", "down": "TB"}
MERGES = ("constants", "siblings", "nothing")
ROOM = 76
"""The width of numbers in pictures of a pass, in points: "not computed" and every number fit."""
FONT = "Helvetica,Arial,sans-serif"
UNIT = 0.8
"""The size of text, of that which the sizes of boxes are for."""
ARROWHEAD = 5.0
CLUSTER_FILLS = ("#f6f7f9", "#eceff3", "#e2e6ec")
OUTLINES = {"variable": {"penwidth": "1.6", "color": "#575c61"}, "constant": {"color": "#f1f3f4"}, "result": {},
            "folded": {"peripheries": "2"}}  # fmt: skip


class PassState(NamedTuple):
    """How far a backward pass is. The gradients that there are so far stand in the graph itself."""

    taken: Set[Edge]
    """The edges that have made their contribution."""
    complete: Set[Value]
    """The nodes whose gradient is final."""
    active: Edge | None
    """The edge that has just made its contribution; None before the first."""
    caption: str
    scale: Scale
    """The colours of the whole pass, so that they mean the same in all its pictures."""
    longest_caption: int
    """The longest caption and contribution of the pass: room for them keeps all its pictures equal in size."""
    longest_contribution: int


@in_words
def draw(
    value: Value | Program | HasParameters,
    *,
    fold: str | Iterable[str] | None = "auto",
    opened: str | Iterable[str] = (),
    constants: bool = True,
    merge: str = "constants",
    depth: int | None = None,
    clusters: bool = True,
    direction: str = "right",
    legend: bool = True,
    max_nodes: int | None = 300,
    prefix: str = "",
    pass_state: PassState | None = None,
) -> Any:
    """The graph that a value was computed from, as a ``graphviz.Digraph``.

    Each node shows its name, its operation, its data and its gradient; each edge, from operand to result, the local
    derivative (``×``) and the contribution to the operand's gradient (``+=``). The greater a gradient, the darker.
    In the SVG, node ``n5`` is the one at place 5 of the topological order (of a folded
    module, its last output), and ``e5_0`` the edge of its first operand;
    the classes are ``variable``, ``constant``, ``result``, ``folded``, ``op-…``, ``grad-0`` to ``grad-5``,
    ``not-computed`` and, on clusters, ``module``.

    Args:
        value: the root, a scalar; or the program of a compiled function, of which names and operations are shown; or a
            network of ``nn``, of which weights and biases are, by sign and size: of the options, ``legend`` and
            ``prefix`` are for it.
        fold: "neuron" or "layer" draws each of them as one node; also another kind of module, the path of one, such
            as "layers.0", or several of these. Modules are known by the labels of their parameters. None folds nothing.
            By default, the innermost modules are folded that leave a picture to be read, of at most 100 boxes, which
            the legend says.
        opened: of what is folded, the modules to open, by the same names: the modules in them are folded instead, or if
            there are none, their nodes are drawn. ``fold="layer", opened="layers.1"`` shows the neurons of one layer.
        constants: False hides them.
        merge: "constants" draws equal constants of one result, or folded module, once, with their number as "×3";
            "siblings" also folded modules that are alike, with the ranges of their numbers; "nothing" draws all.
        depth: draw only the nodes at most that many steps from the root.
        clusters: frame neurons and layers.
        direction: "right" or "down", the way from the operands to the root.
        legend: explain colours and edges below the graph, if it has numbers.
        max_nodes: the greatest number of nodes to draw; None for no limit.
        prefix: put before all ids of the SVG, so that several figures can be on one page.
        pass_state: how far a backward pass is, see :meth:`autodiff.tracing.Trace.draw`: the edge ``active`` is marked,
            what is not final is dashed, and all pictures of the pass have one layout.

    Raises:
        TypeError: the value is neither a ``Value`` nor a program, nor a module.
        ValueError: an option is none of those allowed, there are more than ``max_nodes`` nodes to draw, or a module has
            other parameters than the weights and biases of neurons in layers, one after another.
        RuntimeError: a leaf's data was changed since the forward pass.

    >>> a = Value(3.0, label="a")
    >>> loss = a * a
    >>> loss.backward()
    >>> print(draw(loss).source.count("->"))
    2
    """
    numbers = not isinstance(value, Program)
    root = value.to_picture() if isinstance(value, Program) else value
    if not isinstance(root, Value) and not has_parameters(root):
        needs_value("draw", value)
    _choice("direction", direction, tuple(DIRECTIONS))
    _choice("merge", merge, MERGES)
    for option, given in (("constants", constants), ("clusters", clusters), ("legend", legend)):
        _choice(option, given, (True, False))
    _number("depth", depth, 0)
    _number("max_nodes", max_nodes, 1)
    if not (isinstance(prefix, str) and re.fullmatch(r"([A-Za-z_][\w-]*)?", prefix, re.ASCII)):
        raise ValueError(f"prefix must be letters, digits, - and _, beginning with a letter, not {prefix!r}")
    if not isinstance(root, Value):
        return draw_parameters(root, legend=legend, prefix=prefix)
    options: dict[str, Any] = {
        "max_nodes": max_nodes, "constants": constants, "merge": merge, "depth": depth, "clusters": clusters,
        "numbers": numbers, "taken": None if pass_state is None else pass_state.taken,
    }  # fmt: skip
    title = ""
    if fold == "auto":
        title, picture, fold = readable(root, **options)
    if opened or not title:
        picture = scene(root, fold=fold, opened=opened, **options)
    drawn = value if isinstance(value, Program) else root
    return _digraph(drawn, picture, title if legend else "", direction, legend and numbers, prefix, pass_state)


def _choice(option: str, given: object, allowed: tuple[object, ...]) -> None:
    if given not in allowed or isinstance(given, bool) != isinstance(allowed[0], bool):
        raise ValueError(f"{option} must be one of {', '.join(map(repr, allowed))}, not {given!r}")


def _number(option: str, given: object, least: int) -> None:
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < least):
        raise ValueError(f"{option} must be an int from {least} on, or None, not {given!r}")


def _digraph(
    root: Value | Program,
    picture: Scene,
    folded: str,
    direction: str,
    legend: bool,
    prefix: str,
    state: PassState | None,
) -> Drawing:
    gradients = [node.grad for box in picture.boxes for node in box.nodes if node.grad is not NOT_COMPUTED]
    gradients += [arrow.strongest for arrow in picture.arrows if arrow.strongest is not None]
    colours = scale(gradients) if state is None else state.scale
    graph = Drawing("autodiff", format="svg", engine="dot", root=root)
    graph.attr("graph", id=f"{prefix}graph", rankdir=DIRECTIONS[direction], fontname=FONT, fontsize="10",
               bgcolor="white", pad="0.2", nodesep="0.18", ranksep="0.35", tooltip=" ")  # fmt: skip
    graph.attr("node", fontname=FONT, fontsize="10", fontcolor=INK, shape="box", style="rounded,filled",
               fillcolor="white", color=LINE, margin="0.09,0.04", height="0", width="0")  # fmt: skip
    graph.attr("edge", fontname=FONT, fontsize="8", fontcolor=QUIET, color=LINE, arrowsize="0.5")
    down = direction == "down"
    layout = columns(picture, _size, down=down, unit=UNIT) if is_dense(picture) else None
    if layout is not None:
        graph.attr("graph", layout="nop2", outputorder="edgesfirst")
        graph.attr("node", fixedsize="true")
    rows = [caption_row(state.caption, state.longest_caption)] if state is not None else []
    rows += [fold_row(sum(box.count for box in picture.boxes), folded)] if folded else []
    rows += [colours_row(colours if gradients else None, layout is None)] if legend else []
    if rows and layout is None:
        graph.attr("graph", label=below(rows), labelloc="b", labeljust="l")
    elif rows and layout is not None:
        height = (HEIGHT + 4) * len(rows) + (CAPTION if state is not None else 0)
        width = WIDTH if state is None else max(WIDTH, caption_width(state.longest_caption) + 20.0)
        room = _room((width / 2, layout.size[1] + height / 2), (width, height))
        graph.node("legend", label=below(rows), shape="plaintext", style="", tooltip=" ", **room)
    _Painter(picture, colours, prefix, state, isinstance(root, Value), layout, down).add_all(graph)
    return graph


def _size(box: Box) -> Point:
    width, height = box_size(box)
    return UNIT * width, UNIT * height


def _at(point: Point) -> str:
    """A point as Graphviz has it, with y upwards."""
    return f"{point[0]:.1f},{-point[1]:.1f}"


def _room(middle: Point, size: Point) -> dict[str, str]:
    """The options of a node that is there."""
    return {"pos": _at(middle), "width": f"{size[0] / 72:.4f}", "height": f"{size[1] / 72:.4f}"}


def _way(points: Sequence[Point], back: bool) -> str:
    """A curve as Graphviz has it; its arrowhead is at the end, or at the start."""
    first, *middle, last = points
    tip, other = (first, middle[0]) if back else (last, middle[-1])
    base = base_of(tip, other, ARROWHEAD)
    curve = [base, *middle, last] if back else [first, *middle, base]
    return f"{'s' if back else 'e'},{_at(tip)} {' '.join(map(_at, curve))}"


@dataclass(frozen=True)
class _Painter:
    """Writes boxes, frames and arrows of one picture."""

    picture: Scene
    colours: Scale
    prefix: str
    state: PassState | None
    numbers: bool
    layout: Columns | None
    """Where everything goes; None if Graphviz decides."""
    down: bool

    @cached_property
    def routes(self) -> Routes:
        assert self.layout is not None
        sizes = {box.id: _size(box) for box in self.picture.boxes}
        return Routes({name: (place, sizes[name]) for name, place in self.layout.places.items()}, down=self.down)

    def add_all(self, graph: Any) -> None:
        """Boxes, each inside the frames of its path: one frame below another, innermost first. Then arrows."""
        members: dict[Path, list[Box]] = {}
        for box in self.picture.boxes:
            members.setdefault(box.path, []).append(box)
        paths = sorted({path[:depth] for path in members for depth in range(1, len(path) + 1)}, key=natural)
        frames: dict[Path, Any] = {(): graph}
        for path in paths:
            name = ".".join(path)
            frame = frames[path] = graphviz.Digraph(f"cluster_{name}")
            shown = path[-1]
            if self.layout is not None:
                (x, y), (width, height) = self.layout.frames[path]
                shown = frame_name(shown, width / UNIT)
                room = (text_width(shown) + 2) * LETTER * UNIT
                frame.attr(bb=f"{_at((x, y + height))},{_at((x + width, y))}", lp=_at((x + room / 2 + 6, y + 9)),
                           lwidth=f"{room / 72:.2f}", lheight="0.17")  # fmt: skip
            frame.attr(label=f"<{html(shown)}>", id=f"{self.prefix}module-{name}", style="rounded,filled",
                       fillcolor=CLUSTER_FILLS[min(len(path), 3) - 1], color="#d5dae1", fontcolor=QUIET, fontsize="9",
                       labeljust="l", labelloc="t", margin="7", tooltip=name, **{"class": "module"})  # fmt: skip
        active = self.active_boxes()
        for path, boxes in members.items():
            for box in boxes:
                self.add_box(frames[path], box, box.id in active)
        for path in sorted(paths, key=len, reverse=True):  # stable: siblings stay in their natural order
            frames[path[:-1]].subgraph(frames[path])
        for arrow in self.picture.arrows:
            self.add_arrow(graph, arrow)

    def active_boxes(self) -> set[str]:
        """The ids of the two boxes at the ends of the active edge, as far as they are drawn."""
        if self.state is None or self.state.active is None:
            return set()
        out, position = self.state.active
        box_of = self.picture.box_of
        return {box_of[node].id for node in (out, out.parents[position]) if node in box_of}

    def add_box(self, graph: Any, box: Box, active: bool) -> None:
        gradients = [node.grad for node in box.nodes if node.grad is not NOT_COMPUTED]
        computed = bool(gradients) and box.kind != "constant"
        final = computed if self.state is None else self.state.complete >= set(box.nodes)
        strong = strongest(gradients) if computed else 0.0
        level = self.colours.level(strong)
        fill = fill_of(strong, level) if box.kind != "constant" else "#f1f3f4"
        ink = text_on(fill)
        quiet = QUIET if ink == INK and level < 3 else ink
        node, data = box.nodes[0], span([node.number for node in box.nodes])
        tooltip = [f"data {node.number!r}"] if self.numbers or box.kind == "constant" else []
        if box.kind == "constant":
            name = f"{html(box.short_name)} = " if node.label else ""
            label = f'<font color="{quiet}">{_padded(f"{name}{short(node.number)}{_times(box)}")}</font>'
        else:
            gradient = span(gradients) if computed else f'<font color="{quiet}"><i>not computed</i></font>'
            label = self.table(box, quiet, data, f"{gradient} + …" if computed and not final else gradient)
            if self.numbers:
                tooltip += [f"gradient {node.grad!r}" if computed else "gradient not computed"]
        classes = [box.kind, f"grad-{level}" if computed else "" if box.kind == "constant" else "not-computed"]
        classes += ["negative"] if strong < 0 else []
        classes += [f"op-{node.op.name}"] if box.kind == "result" else []
        options = dict(OUTLINES[box.kind])
        if self.numbers and not final and box.kind not in ("constant", "folded"):
            options["style"] = "rounded,filled,dashed"
        if self.numbers and (any(node.grad != node.grad for node in box.nodes) or data == "nan"):
            options |= {"color": "#b00020", "penwidth": "2"}
        if active:
            options |= {"color": ACTIVE, "penwidth": "3"}
            classes.append("active")
        if self.state is not None and final:
            classes.append("final")
        if node.source:  # Graphviz puts names for \N and the like into a tooltip twice: so \ is doubled twice
            tooltip += [html(one_line(f"{node.source}  {node.source.text}")).replace("\\", r"\\")]
        options |= {"class": " ".join(filter(None, classes)), "tooltip": r"\n".join(tooltip) or " "}
        if self.layout is not None:
            options |= _room(self.layout.places[box.id], _size(box)) | {"peripheries": "1"}
        graph.node(box.id, label=f"<{label}>", id=f"{self.prefix}{box.id}", fillcolor=fill, fontcolor=ink, **options)

    def table(self, box: Box, quiet: str, data: str, gradient: str) -> str:
        """What stands in a box that is no constant."""
        node, name = box.nodes[0], html(box.short_name if self.layout is None else shown_name(box))
        if box.kind == "folded":
            outputs = f", {len(box.nodes)} outputs" if len(box.nodes) > 1 else ""
            rows = [
                self.name_row(f"<b>{name}{_times(box)}</b>", ""),
                _wide_row(_coloured(_padded(f"{box.count} nodes{outputs}"), quiet)),
            ]
        else:
            left = f"<b>{name}</b>" if node.label else f'<font color="{quiet}">{name}</font>'
            rows = [self.name_row(left, f"<b>{html(sign(node.op))}</b>" if node.parents else "")]
        if self.numbers:
            if self.layout is not None:  # at the right of the box
                beside = UNIT * LETTER * text_width(shown_name(box)) if shown_sign(box) else 0.0
                room = int(_size(box)[0] - 16 - max(30.0, beside))
            else:
                room = 0 if self.state is None else ROOM if len(box.nodes) == 1 else 2 * ROOM
            named = (("data", data), ("grad", gradient))
            rows += [_row(f'<font color="{quiet}">{word}</font>', number, room) for word, number in named]
        if box.hidden_operands:
            more = f"… {box.hidden_operands} operand{'s' * (box.hidden_operands > 1)} not drawn"
            rows.append(_wide_row(_coloured(f"<i>{_padded(more)}</i>", quiet)))
        return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{"".join(rows)}</table>'

    def name_row(self, name: str, symbol: str) -> str:
        """Where the size of the box is given, a name takes no room from the numbers below it."""
        return _wide_row(name) if self.layout is not None and not symbol else _row(name, symbol)

    def add_arrow(self, graph: Any, arrow: Arrow) -> None:
        state, constant = self.state, arrow.tail.kind == "constant"
        active = state is not None and state.active in arrow.edges
        lines = [f"×{short(arrow.local)}"] if arrow.local is not None else []
        options = {"id": f"{self.prefix}{arrow.id}", "class": "constant" if constant else "not-computed"}
        if arrow.contribution is not None:
            lines.append(f"+= {short(arrow.contribution)}")
        elif state is not None and not constant:
            lines.append("\u00a0")
        if arrow.strongest is not None:
            level = self.colours.level(arrow.strongest)
            options |= {"color": stroke_of(arrow.strongest, level), "penwidth": str(WIDTHS[level])}
            options["class"] = f"grad-{level}{' negative' * (arrow.strongest < 0)}"
        if len(arrow.edges) > 1 and not constant:
            lines.append(f"{len(arrow.edges)} edges")
        if lines and self.layout is None:
            width = "" if state is None else f' width="{round(4.5 * state.longest_contribution) + 24}"'
            cells = "".join(f'<tr><td align="left"{width}>{GAP}{line}{GAP}</td></tr>' for line in lines)
            cells += '<tr><td height="4"></td></tr>'  # keeps the last line off the edge
            options["label"] = f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{cells}</table>>'
        if constant:
            options["style"] = "dotted"
        if active:  # the error flows from the result back to the operand
            options |= {"color": ACTIVE, "fontcolor": ACTIVE, "penwidth": "3", "arrowsize": "0.8", "dir": "back"}
            options["class"] += " active"
        if self.layout is not None:
            options["pos"] = _way(self.routes.curve(arrow.tail.id, arrow.head.id), active)
        graph.edge(arrow.tail.id, arrow.head.id, tooltip=" ", labeltooltip=" ", **options)


def _row(left: str, right: str, room: int = 0) -> str:
    width = f' width="{room}"' if room else ""
    return f'<tr><td align="left">{left}</td><td align="right"{width}>{GAP}{_padded(right)}</td></tr>'


def _padded(text: str) -> str:
    """The text with room for a font wider than Graphviz assumes."""
    return text + "\u00a0" * max(1, len(re.sub("<.*?>", "", text)) // 8)


def _wide_row(text: str) -> str:
    return f'<tr><td colspan="2" align="left">{text}</td></tr>'


def _coloured(text: str, colour: str) -> str:
    return f'<font color="{colour}">{text}</font>'


def _times(box: Box) -> str:
    return f" ×{box.repeats}" if box.repeats > 1 else ""
