"""Where boxes, frames and arrows go: places from Graphviz; those of networks, and of insides of modules, in columns."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from autodiff.backward import topological_order
from autodiff.drawing.clusters import Path, modules
from autodiff.drawing.columns import columns, is_dense, natural
from autodiff.drawing.folding import foldings
from autodiff.drawing.rendering import run_dot
from autodiff.drawing.scene import Arrow, Box, Scene, TooManyNodesError, scene
from autodiff.drawing.sizes import LETTER, Point, box_size, shortened, text_width
from autodiff.value import Value

LABEL = (64.0, 16.0)
"""The room for one line beside an edge."""
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
    """One way to show the graph, laid out: frames, each box with its middle, and lines, of which columns have none."""

    title: str
    size: Point
    frames: tuple[Frame, ...]
    places: tuple[tuple[Box, Point], ...]
    lines: tuple[Line, ...]
    picture: Scene


class Inside(NamedTuple):
    """What is in the frame of a module that is opened: each box with its middle, as seen from the frame's corner."""

    path: Path
    size: Point
    places: tuple[tuple[Box, Point], ...]
    picture: Scene


def paths_of(root: Value) -> dict[Value, Path]:
    """The module of every node, in the order of the graph."""
    return modules(topological_order(root))


def all_modules(paths: Iterable[Path]) -> list[Path]:
    """All modules, those that others are in first."""
    found = {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
    return sorted(found, key=lambda path: (len(path), natural(path)))


def insides(root: Value, max_nodes: int | None) -> list[Inside]:
    """What is in each module: its own nodes, and the modules in it, folded. Those of too many boxes are left out."""
    paths = set(paths_of(root).values())
    found = []
    for depth in range(1, max(map(len, paths)) + 1):
        deeper = {".".join(path[: depth + 1]) for path in paths if len(path) > depth}
        picture = scene(root, fold=deeper or None)
        inside: dict[Path, Scene] = {}
        for box in picture.boxes:
            if len(box.path) == depth:
                inside.setdefault(box.path, Scene([], [], {})).boxes.append(box)
        for node, box in picture.box_of.items():
            if len(box.path) == depth:
                inside[box.path].box_of[node] = box
        for arrow in picture.arrows:
            if arrow.tail.path == arrow.head.path and len(arrow.tail.path) == depth:
                inside[arrow.tail.path].arrows.append(arrow)
        found += [_inside(path, part) for path, part in inside.items() if len(part.boxes) <= (max_nodes or inf)]
    return found


def _inside(path: Path, part: Scene) -> Inside:
    laid = columns(part, box_size)
    (x, y), size = laid.frames[path]
    places = {name: (at[0] - x, at[1] - y) for name, at in laid.places.items()}
    return Inside(path, size, tuple((box, places[box.id]) for box in part.boxes), part)


def views(root: Value, dot: str | None, max_nodes: int | None) -> list[View]:
    """The graph with all nodes, and folded at each depth of its modules; views with too many boxes are left out.

    Without a dot, all stand in columns.

    Raises:
        ValueError: there are too many in every view.
    """
    found = []
    try:
        for title, picture, _ in foldings(root, max_nodes=max_nodes):
            name = title or "all nodes"
            found.append(_view(name, picture, dot))
    except TooManyNodesError as error:
        count = str(error).partition(" ")[0]
        raise TooManyNodesError(
            f"{count} nodes are more than max_nodes={max_nodes}, however the graph is folded: raise max_nodes, "
            "or pass max_nodes=0 for a page without a picture"
        ) from None
    return found


def _view(title: str, picture: Scene, dot: str | None) -> View:
    if dot is None or is_dense(picture):
        return _in_columns(title, picture)
    try:
        return _laid_out(title, picture, dot)
    except RuntimeError:  # Graphviz loses itself in some graphs of many frames
        return _in_columns(title, picture)


def label_lines(arrow: Arrow) -> int:
    """How many lines of text an arrow has: × local derivative, += contribution, the number of edges."""
    if arrow.tail.kind == "constant":
        return 0
    return 1 + (arrow.local is not None) + (len(arrow.edges) > 1)


def _in_columns(title: str, picture: Scene) -> View:
    found = columns(picture, box_size)

    def moved(point: Point) -> Point:
        return point[0] + MARGIN, point[1] + MARGIN

    frames = tuple(Frame(path, moved(corner), size) for path, (corner, size) in found.frames.items())
    places = tuple((box, moved(found.places[box.id])) for box in picture.boxes)
    return View(title, moved(moved(found.size)), frames, places, (), picture)


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
    return View(title, size, tuple(frames), tuple(places), tuple(lines), picture)


def _floats(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _source(picture: Scene) -> Iterable[str]:
    """The graph for Graphviz: nothing but sizes and ids."""
    yield "digraph {"
    yield "rankdir=LR; nodesep=0.2; ranksep=0.02"
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
        lines = label_lines(arrow)
        label = f", label={_room(LABEL[0], LABEL[1] * lines + 4)}" if lines else ""
        yield f"{arrow.tail.id} -> {arrow.head.id} [id={arrow.id}{label}]"
    yield "}"


def _room(width: float, height: float) -> str:
    cell = f'<td fixedsize="true" width="{width:.0f}" height="{height:.0f}"></td>'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cell}</tr></table>>'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
