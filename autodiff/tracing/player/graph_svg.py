"""A view as SVG without numbers: the page writes them, and marks by classes what happens.

Boxes carry ``data-nodes``, the places of the nodes whose numbers they show, and ``data-members``, those of all nodes
that they stand for; arrows carry ``data-edges``, such as ``7_0`` for the first operand of node 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from math import hypot

from autodiff.drawing.scene import Box
from autodiff.drawing.sizes import PAD, ROW, Point, box_size, constant_text, frame_name, shown_name, shown_sign
from autodiff.tracing.player.layout import LABEL, Frame, Line, View, label_lines
from autodiff.value import Value


def graph_svg(view: View, hidden: bool, place: Mapping[Value, int]) -> str:
    """The ``<svg>`` element of a view; where it is hidden at first, in a template, which the browser does not draw."""
    width, height = view.size
    count = len(view.places)
    head = (
        f'<svg class="view" data-title="{escape(view.title)}" role="img" '
        f'aria-label="Computation graph, {count} boxes: the table of steps says the same in words" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
    )
    members: dict[str, list[int]] = {}
    for node, box in view.picture.box_of.items():
        members.setdefault(box.id, []).append(place[node])
    parts = [
        head,
        *map(_frame, view.frames),
        *(_edge(line, place) for line in view.lines),
        *(_box(box, middle, members[box.id], place) for box, middle in view.places),
        "</svg>",
    ]
    svg = "\n".join(parts)
    return f'<template class="view" data-title="{escape(view.title)}">\n{svg}\n</template>' if hidden else svg


def _frame(frame: Frame) -> str:
    (x, y), (width, height) = frame.corner, frame.size
    return (
        f'<g class="module depth-{min(len(frame.path), 3)}"><rect x="{x:.1f}" y="{y:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" rx="10"/>'
        f'<text x="{x + 10:.1f}" y="{y + 17:.1f}">{escape(frame_name(frame.path[-1], width))}</text></g>'
    )


def _box(box: Box, middle: Point, members: Iterable[int], place: Mapping[Value, int]) -> str:
    (x, y), (width, height) = middle, box_size(box)
    right = width - PAD
    rect = f'<rect width="{width:.1f}" height="{height:.1f}" rx="{min(9.0, height / 2):.0f}"/>'
    at = f'transform="translate({x - width / 2:.1f} {y - height / 2:.1f})"'
    if box.kind == "constant":
        text = f'<text class="middle" x="{width / 2:.1f}" y="16">{escape(constant_text(box))}</text>'
        return f'<g class="node constant" {at} data-members="{_listed(members)}">{rect}{text}</g>'
    node = box.nodes[0]
    name = f'<text class="name" x="{PAD}" y="{ROW}">{escape(shown_name(box))}</text>'
    unnamed = " unnamed" * (not node.label and box.kind == "result")
    lower = ROW
    if box.kind == "folded":
        lower += ROW
        outputs = f", {len(box.nodes)} outputs" if len(box.nodes) > 1 else ""
        second = f'<text class="quiet" x="{PAD}" y="{lower}">{box.count} nodes{outputs}</text>'
    else:
        second = f'<text class="op" x="{right:.1f}" y="{ROW}">{escape(shown_sign(box))}</text>'
    rows = "".join(
        f'<text class="quiet" x="{PAD}" y="{lower + ROW * row}">{what}</text>'
        f'<text class="{what}" x="{right:.1f}" y="{lower + ROW * row}" lengthAdjust="spacingAndGlyphs"></text>'
        for row, what in enumerate(("data", "grad"), start=1)
    )
    shown = _listed(place[node] for node in box.nodes)
    return (
        f'<g class="node {box.kind}{unnamed}" {at} data-nodes="{shown}" data-members="{_listed(members)}">'
        f"<title></title>{rect}{name}{second}{rows}</g>"
    )


def _edge(line: Line, place: Mapping[Value, int]) -> str:
    arrow = line.arrow
    first, *rest = line.curve
    path = f"M{_at(first)}C{' '.join(map(_at, rest))}"
    constant = arrow.tail.kind == "constant"
    texts = "".join(_texts(line)) if line.label else ""
    # One arrowhead is that of the forward pass; the other one shows where the error flows when the edge is active.
    heads = _arrowhead("head", line.tip, line.curve[-1])
    if not constant:
        heads += f'<path class="rest" d="M{_at(line.curve[-1])}L{_at(line.tip)}"/>'
        heads += _arrowhead("back", first, _towards(first, line.curve, 13), 13, 6)
    edges = "" if constant else f' data-edges="{" ".join(f"{place[out]}_{position}" for out, position in arrow.edges)}"'
    return f'<g class="edge{" constant" * constant}"{edges}><title></title><path d="{path}"/>{heads}{texts}</g>'


def _texts(line: Line) -> Iterator[str]:
    assert line.label is not None
    (x, y), lines = line.label, label_lines(line.arrow)
    top = y - LABEL[1] * lines / 2 + 12
    kinds = (["local"] if line.arrow.local is not None else []) + ["contribution"]
    for row, kind in enumerate(kinds):
        at = f'x="{x:.1f}" y="{top + LABEL[1] * row:.1f}"'
        yield f'<text class="{kind}" {at} lengthAdjust="spacingAndGlyphs"></text>'
    if len(kinds) < lines:
        count = f"{len(line.arrow.edges)} edges"
        yield f'<text class="quiet" x="{x:.1f}" y="{top + LABEL[1] * len(kinds):.1f}">{count}</text>'


def _arrowhead(kind: str, tip: Point, base: Point, length: float = 8, half: float = 3.4) -> str:
    """A triangle whose axis goes from the base to the tip."""
    x, y = base[0] - tip[0], base[1] - tip[1]
    size = hypot(x, y) or 1.0
    x, y = x / size, y / size
    left = (tip[0] + length * x - half * y, tip[1] + length * y + half * x)
    right = (tip[0] + length * x + half * y, tip[1] + length * y - half * x)
    return f'<polygon class="{kind}" points="{_at(tip)} {_at(left)} {_at(right)}"/>'


def _towards(start: Point, curve: tuple[Point, ...], far: float) -> Point:
    """The first point of the curve's skeleton that is at least so far from the start, else its last."""
    return next((point for point in curve if hypot(point[0] - start[0], point[1] - start[1]) >= far), curve[-1])


def _at(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _listed(places: Iterable[int]) -> str:
    return " ".join(map(str, places))
