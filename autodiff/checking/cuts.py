"""Where a function cuts its graph: a constant in it that moves when the inputs move, such as ``x.data``.

No rule is wrong then, and a program made of the graph alone would pass: :class:`Cut` writes one that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from autodiff.backward import topological_order
from autodiff.checking.graphs import without_unused
from autodiff.operations import CONSTANT
from autodiff.program.program import Program
from autodiff.value import Value

STEP = 2.0**-10
"""How far inputs are moved, relative to their scale."""
FEW = 8
"""Of more inputs than these, only so many are moved alone."""
LONG = 200
"""The most operations of a program that is written out."""

Root = Callable[[Sequence[float]], tuple[Value, list[Value]]]


class Cut(NamedTuple):
    """What is told of a cut, and a program that fails because of it; empty where it would be too long."""

    text: str
    program: str


def find_cut(root_at: Root, point: Sequence[float], names: Sequence[str]) -> Cut | None:
    """The first cut of the function at the point, if there is one that shows.

    Args:
        root_at: gives the recorded result and the nodes of the inputs at a point.
        point: the point.
        names: of the inputs.
    """
    root, nodes = root_at(point)
    order = topological_order(root)
    places = range(min(len(point), FEW)) if len(point) > FEW else range(len(point))
    slopes: dict[int, list[float]] = {}
    for i in places:
        step = STEP * max(1.0, abs(point[i]))
        found = topological_order(root_at((*point[:i], point[i] + step, *point[i + 1 :]))[0])
        if [node.op for node in found] != [node.op for node in order]:
            return None  # another branch
        for at, (before, after) in enumerate(zip(order, found)):
            if before.op is CONSTANT and before.number != after.number:
                slopes.setdefault(at, [0.0] * len(point))[i] = (after.number - before.number) / step
    if not slopes:
        return None
    first = min(slopes)
    constant = order[first]
    user, operand = next((node, at) for node in order for at, parent in enumerate(node.parents) if parent is constant)
    moved = ", ".join(names[i] for i, slope in enumerate(slopes[first]) if slope)
    text = (
        f"the graph is cut at operand {operand} of {user.op.name!r}, {constant.number:.12g} at this point: it moves "
        f"with the input {moved}, and no gradient flows through it (.data, detach(), float())"
    )
    cuts = [order[at] for at in slopes]
    program, _ = Program.from_graph(root, inputs=[*nodes, *cuts], parameters=(), freeze=True)
    if len(program) > LONG or len(point) > FEW:
        return Cut(text, "")
    graph = without_unused(program, [*point, *(node.number for node in cuts)])
    kept = replace(program, inputs=tuple(f"x{i}" for i in range(len(nodes) + len(cuts))), labels={})
    inner = kept.code("g", ["check_gradients"]) if len(graph.inputs) else ""
    arguments = ", ".join(f"x{i}" for i in range(len(point)))
    moving = ", ".join(_affine(order[at].number, slope, point) for at, slope in slopes.items())
    outer = f"def f({arguments}):\n    return g({arguments}, {moving})"
    return Cut(text, f"{inner}\n\n{outer}\n\npoint = {tuple(point)!r}\ncheck_gradients(f, point)")


def _affine(number: float, slopes: Sequence[float], point: Sequence[float]) -> str:
    """What moves as the constant does, cut off from the graph likewise."""
    for i, x in enumerate(point):
        if x == number and all(slope == (1.0 if i == j else 0.0) for j, slope in enumerate(slopes)):
            return f"x{i}.data"
    parts = [f"{slope!r} * (x{i}.data - {point[i]!r})" for i, slope in enumerate(slopes) if slope]
    return " + ".join([repr(number), *parts])
