"""What the page is about, as data: the pass, its views, the program of the graph, rules and code.

Nothing is there twice. The order of the steps is that of the edges; upstream gradients, contributions and sums follow
from the local derivatives: ``data.js`` computes them with the same bits. The page has it deflated, as :func:`packed`
writes it, so that ten thousand nodes stay below a megabyte.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autodiff.drawing.clusters import Path
from autodiff.drawing.folding import READABLE
from autodiff.drawing.sizes import box_size, constant_text, frame_name, shown_name, shown_sign
from autodiff.text import one_line
from autodiff.tracing.player.layout import Inside, View, all_modules, insides, paths_of, views
from autodiff.tracing.recorded_pass import RecordedPass
from autodiff.tracing.steps import TracedStep
from autodiff.tracing.storage import plain
from autodiff.value import Value
from autodiff.zeros import NOT_COMPUTED, ZERO

KINDS = ("variable", "constant", "result", "folded")


def packed(data: Any) -> str:
    """Data as JSON, deflated (RFC 1951), in base64."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b64encode(deflate.compress(text.encode()) + deflate.flush()).decode()


def pass_data(trace: RecordedPass) -> dict[str, Any]:
    """The pass, without what follows from the rest of it."""
    nodes = trace.nodes
    ops, sources = sorted({node.op for node in nodes}), sorted({node.source for node in nodes})
    op_at, source_at = ({name: at for at, name in enumerate(names)} for names in (ops, sources))
    data: dict[str, Any] = {
        "seed": plain(trace.seed),
        "names": [0 if node.name == f"v{node.place}" else one_line(node.name) for node in nodes],
        "ops": ops,
        "op": [op_at[node.op] for node in nodes],
        "data": plain([node.data for node in nodes]),
        "operands": [node.operands for node in nodes],
        "constants": [node.place for node in nodes if node.initial is None],
        "initial": [[node.place, plain(node.initial)] for node in nodes if node.initial],
        "sources": sources,
        "source": [source_at[node.source] for node in nodes] if any(sources) else None,
        "locals": [None if step.local is ZERO else plain(step.local) for step in trace.steps],
    }
    rows = [_row(step) for step in trace.steps]
    found, gradients = _replayed(trace)
    if repr(rows) != repr(found):  # a trace that was loaded may be any
        data["steps"] = rows
    if repr(gradients) != repr([node.gradient for node in nodes]):
        data["gradients"] = plain([node.gradient for node in nodes])
    return data


def _row(step: TracedStep) -> list[Any]:
    edge = [step.place, step.node.place, step.parent.place, step.position]
    local = None if step.local is ZERO else step.local
    upstream = 0.0 if step.upstream is NOT_COMPUTED else step.upstream
    return plain([*edge, local, upstream, *step[6:]])  # type: ignore[no-any-return]  # a list


def _replayed(trace: RecordedPass) -> tuple[list[list[Any]], list[float | None]]:
    """The steps and the gradients that follow from the local derivatives."""
    gradients = [node.initial for node in trace.nodes]
    reached = {trace.root.place}
    steps: list[list[Any]] = []
    locals_ = iter([step.local for step in trace.steps])
    for node in reversed(trace.nodes):
        upstream = gradients[node.place]
        for position, parent in enumerate(node.operands):
            before, local = gradients[parent], None if gradients[parent] is None else next(locals_, None)
            if before is None or upstream is None or local is None:
                continue
            flows = local is not ZERO and node.place in reached
            contribution = local * upstream if flows else 0.0
            gradients[parent] = before + contribution
            if flows:
                reached.add(parent)
            edge = [len(steps), node.place, parent, position, None if local is ZERO else local]
            steps.append(plain([*edge, upstream, contribution, before, gradients[parent]]))
    return steps, gradients


def drawing_data(nodes: Sequence[Value], dot: str | None, max_nodes: int | None) -> dict[str, Any]:
    """The views of a graph, the insides of its modules, and which node is in which module."""
    place = {node: number for number, node in enumerate(nodes)}
    root = nodes[-1]
    paths = paths_of(root)
    every = all_modules(paths.values())
    number = {path: at for at, path in enumerate(every)}
    shown = views(root, dot, max_nodes)
    first = next((at for at, view in enumerate(shown) if len(view.places) <= READABLE), len(shown) - 1)
    return {
        "modules": [[".".join(path), number.get(path[:-1], -1)] for path in every],
        "module": [number.get(paths[node], -1) for node in nodes],
        "views": [_view(view, place, number) for view in shown],
        "first": first,
        "insides": [
            [number[each.path], *_rounded(each.size), frame_name(each.path[-1], each.size[0]),
             _boxes(each, place, number)]
            for each in insides(root, max_nodes)
        ],
    }  # fmt: skip


def _view(view: View, place: Mapping[Value, int], number: Mapping[Path, int]) -> dict[str, Any]:
    return {
        "title": view.title,
        "size": _rounded(view.size),
        "frames": [
            [number[frame.path], *_rounded((*frame.corner, *frame.size)), frame_name(frame.path[-1], frame.size[0])]
            for frame in view.frames
        ],
        "boxes": _boxes(view, place, number),
        "curves": {
            line.arrow.id[1:]: [_rounded(x for point in (*line.curve, line.tip) for x in point),
                                _rounded(line.label or ())]
            for line in view.lines
        },
    }  # fmt: skip


def _boxes(laid: View | Inside, place: Mapping[Value, int], number: Mapping[Path, int]) -> list[list[Any]]:
    """Boxes as ``arrangement.js`` reads them."""
    alike: dict[str, list[int]] = {}
    for node, box in laid.picture.box_of.items():
        if box.kind == "constant":
            alike.setdefault(box.id, []).append(place[node])
    rows = []
    for box, (x, y) in laid.places:
        width, height = box_size(box)
        name = constant_text(box) if box.kind == "constant" else shown_name(box)
        row = [KINDS.index(box.kind), name, shown_sign(box), *_rounded((x - width / 2, y - height / 2, width, height))]
        module = [number[(*box.path, box.short_name)]] if box.kind == "folded" else []
        rows.append([*row, alike.get(box.id) or [place[node] for node in box.nodes], *module])
    return rows


def _rounded(numbers: Iterable[float]) -> list[float]:
    return [round(each, 1) for each in numbers]
