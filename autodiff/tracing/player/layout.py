"""Where the boxes, arrows and frames of a graph go: sizes from here, places from Graphviz.

There is room for the longest number that can appear, so that one layout serves all steps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias
from unicodedata import east_asian_width

from autodiff.backward import topological_order
from autodiff.drawing.clusters import Path, modules
from autodiff.drawing.rendering import run_dot
from autodiff.drawing.scene import Arrow, Box, Scene, scene
from autodiff.drawing.text import sign
from autodiff.text import one_line, short
from autodiff.value import Value

Point: TypeAlias = tuple[float, float]

MAX_NAME = 24
LETTER = 8.0
"""The width of a letter of a name, a bold sans serif of 14 px, on the wide side."""
NUMBERS, RANGES = 132.0, 214.0
"""The width of a box with "not computed" in it, and of one with the range of several numbers."""
ROW, PAD = 18.0, 8.0
"""The height of a line of a box, and the room around its text."""
LABEL = (64.0, 16.0)
"""The room for one line beside an edge."""
DENSE = 2
"""With more arrows per box than this, those of folded modules have no text: the room for it would bend them."""
MARGIN = 8.0


class Frame(NamedTuple):
    """The frame of a module; its corner is the one on the left at the top."""

    path: Path
    corner: Point
    size: Point


class Line(NamedTuple):
    """The curve of an arrow."""

    arrow: Arrow
    curve: tuple[Point, ...]
    """The points of cubic Bézier curves, from the operand towards the result."""
    tip: Point
    label: Point | None
    """The middle of the room for its text; None if it has none."""


class View(NamedTuple):
    """One way to show the graph, laid out: frames, lines, and each box with its middle."""

    title: str
    size: Point
    frames: tuple[Frame, ...]
    lines: tuple[Line, ...]
    places: tuple[tuple[Box, Point], ...]
    picture: Scene


def views(root: Value, dot: str, max_nodes: int | None) -> list[View]:
    """The graph with all nodes, and folded at each depth of its modules; views with too many boxes are left out.

    Raises:
        ValueError: there are too many in every view.
    """
    paths = set(modules(topological_order(root)).values())
    wanted: list[tuple[str, set[str] | None]] = [("all nodes", None)]
    for depth in range(max(map(len, paths)), 0, -1):
        deep = {path[:depth] for path in paths if len(path) >= depth}
        kinds = sorted({path[-1].partition(".")[0] for path in deep})
        wanted.append((" + ".join(kinds), {".".join(path) for path in deep}))
    found = []
    for title, fold in wanted:
        try:
            picture = scene(root, fold=fold, max_nodes=max_nodes)
        except ValueError as error:
            too_many = error
            continue
        found.append(_laid_out(title, picture, dot))
    if not found:
        count = str(too_many).partition(" ")[0]
        raise ValueError(
            f"{count} nodes are more than max_nodes={max_nodes}, however the graph is folded: raise max_nodes, "
            "or pass max_nodes=0 for a page without a picture"
        )
    return found


def box_size(box: Box) -> Point:
    """Width and height of a box."""
    if box.kind == "constant":
        return 16 + LETTER * text_width(constant_text(box)), 24.0
    width = max(NUMBERS, 2 * PAD + LETTER * (2 + text_width(shown_name(box)) + text_width(shown_sign(box))))
    if box.kind == "folded":
        return max(width, RANGES if len(box.nodes) > 1 else NUMBERS), 4 * ROW + PAD
    return width, 3 * ROW + PAD


def constant_text(box: Box) -> str:
    """What a constant shows; it never changes."""
    name = f"{shortened(one_line(box.name))} = " if box.nodes[0].label else ""
    return f"{name}{short(box.nodes[0].data).replace('-', '−')}{f' ×{box.repeats}' * (box.repeats > 1)}"


def shown_name(box: Box) -> str:
    """The name of a box, inside the frames of its path."""
    return shortened(one_line(box.short_name))


def shown_sign(box: Box) -> str:
    """The sign of the operation that computes the node of a box; empty for a leaf and a folded module."""
    node = box.nodes[0]
    return sign(node.op) if node.parents and box.kind != "folded" else ""


def shortened(name: str) -> str:
    """The name, the middle of a long one left out."""
    half = MAX_NAME // 2 - 1
    return name if len(name) <= MAX_NAME else f"{name[:half]}…{name[-half:]}"


def text_width(text: str) -> float:
    """The width of a text in letters: East Asian ones count for two."""
    return sum(2.0 if east_asian_width(letter) in "WF" else 1.0 for letter in text)


def label_lines(arrow: Arrow) -> int:
    """How many lines of text an arrow has: × local derivative, += contribution, the number of edges."""
    if arrow.tail.kind == "constant":
        return 0
    return 1 + (arrow.local is not None) + (len(arrow.edges) > 1)


def _laid_out(title: str, picture: Scene, dot: str) -> View:
    laid = json.loads(run_dot(dot, "\n".join(_source(picture)), "json0"))
    _, _, width, height = _floats(laid["bb"])

    def point(text: str) -> Point:
        x, y = _floats(text)
        return x + MARGIN, height - y + MARGIN

    boxes = {box.id: box for box in picture.boxes}
    arrows = {arrow.id: arrow for arrow in picture.arrows}
    frames, places, lines = [], [], []
    for thing in laid.get("objects", ()):
        if "bb" in thing:
            left, bottom, right, top = _floats(thing["bb"])
            path = tuple(json.loads(thing["comment"]))
            frames.append(Frame(path, (left + MARGIN, height - top + MARGIN), (right - left, top - bottom)))
        else:
            places.append((boxes[thing["name"]], point(thing["pos"])))
    for edge in laid.get("edges", ()):
        end, *curve = edge["pos"].split()
        label = point(edge["lp"]) if "lp" in edge else None
        lines.append(Line(arrows[edge["id"]], tuple(map(point, curve)), point(end.removeprefix("e,")), label))
    frames.sort(key=lambda frame: len(frame.path))  # the outer ones are drawn first
    size = (width + 2 * MARGIN, height + 2 * MARGIN)
    return View(title, size, tuple(frames), tuple(lines), tuple(places), picture)


def _floats(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _source(picture: Scene) -> Iterable[str]:
    """The graph for Graphviz: nothing but sizes and ids."""
    dense = len(picture.arrows) > DENSE * len(picture.boxes)
    yield "digraph {"
    yield f"rankdir=LR; nodesep=0.2; ranksep={1.2 if dense else 0.02}"
    yield "node [shape=box, fixedsize=true]; edge [arrowsize=0.8]"
    paths = sorted({box.path[:depth] for box in picture.boxes for depth in range(1, len(box.path) + 1)})
    inside: dict[Path, list[str]] = {path: [] for path in [(), *paths]}
    for box in picture.boxes:
        width, height = box_size(box)
        inside[box.path].append(f"{box.id} [width={width / 72:.4f}, height={height / 72:.4f}]")
    for path in sorted(paths, key=len, reverse=True):
        room = _room(max(30.0, LETTER * text_width(shortened(path[-1]))), 16)
        head = f"margin=10; labeljust=l; label={room}; comment={_quoted(json.dumps(path))}"
        inside[path[:-1]].append(f"subgraph {_quoted('cluster_' + '.'.join(path))} {{ {head}")
        inside[path[:-1]] += [*inside[path], "}"]
    yield from inside[()]
    for arrow in picture.arrows:
        lines = 0 if dense and arrow.local is None else label_lines(arrow)
        label = f", label={_room(LABEL[0], LABEL[1] * lines + 4)}" if lines else ""
        yield f"{arrow.tail.id} -> {arrow.head.id} [id={arrow.id}{label}]"
    yield "}"


def _room(width: float, height: float) -> str:
    cell = f'<td fixedsize="true" width="{width:.0f}" height="{height:.0f}"></td>'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cell}</tr></table>>'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
