"""What a picture shows: boxes and arrows, after folding, merging and leaving out. No layout, no colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from autodiff.backward import edges, local_derivatives, names, topological_order
from autodiff.drawing.clusters import Path, folded_modules, modules
from autodiff.drawing.colours import strongest
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.value import Value
from autodiff.versions import check_unchanged
from autodiff.zeros import NOT_COMPUTED, ZERO

Edge: TypeAlias = tuple[Value, int]
"""An edge by its result and the place of the operand among those of the result."""


class TooManyNodesError(ValueError):
    """There are more nodes to draw than is allowed."""


@dataclass
class Box:
    """One drawn node: a recorded node, repeated constants, or a folded module (or several alike)."""

    id: str
    name: str
    kind: str
    """variable, constant, result or folded."""
    path: Path
    nodes: list[Value]
    """The recorded nodes whose numbers are shown; of a folded module, its outputs."""
    count: int = 1
    """How many recorded nodes the box stands for."""
    repeats: int = 1
    hidden_operands: int = 0
    """How many operands are beyond the depth that is drawn."""
    operations: list[str] = field(default_factory=list)

    @property
    def short_name(self) -> str:
        """The name without the path, which the frames around the box show already."""
        return self.name.removeprefix(".".join(self.path) + ".") if self.path else self.name


@dataclass
class Arrow:
    """One drawn edge, from operand to result; or all edges between two boxes of which one is folded."""

    id: str
    tail: Box
    head: Box
    local: float | None
    """The local derivative; None on edges of constants and of folded modules."""
    contribution: float | None
    """The sum of the contributions to the operand; None before backward, and where there is no one operand."""
    edges: list[Edge]
    strongest: float | None = None
    """What tells the colour: the sum, or of several operands, the contribution of the greatest size."""


@dataclass
class Scene:
    """Boxes and arrows in the order of the graph, operands first."""

    boxes: list[Box]
    arrows: list[Arrow]
    box_of: dict[Value, Box]
    """The box that a recorded node is drawn as, or is folded into; nodes that are left out have none."""


def scene(
    root: Value,
    *,
    fold: str | Iterable[str] | None = None,
    opened: str | Iterable[str] = (),
    constants: bool = True,
    merge: str = "constants",
    depth: int | None = None,
    clusters: bool = True,
    max_nodes: int | None = None,
    numbers: bool = True,
    taken: Set[Edge] | None = None,
) -> Scene:
    """The boxes and arrows of the graph of a root, with the options and errors of :func:`~autodiff.drawing.draw`.

    If the nodes have no numbers, there are no local derivatives. ``taken`` are the edges that have made their
    contribution; None for all of those results that have a gradient.
    """
    order = topological_order(root)
    check_unchanged(order)
    place = {node: number for number, node in enumerate(order)}
    name = names(order)
    shown = order if depth is None else _near(root, depth, place)
    plain = sum(node.op is CONSTANT for node in shown)
    if not fold and len(shown) - plain > (max_nodes or len(shown)):  # before any work on millions
        _limit(len(shown) - (0 if constants else plain), plain, max_nodes)
    inside = set(shown)
    path: dict[Value, Path] = modules(order) if clusters or fold else dict.fromkeys(order, ())
    folds = folded_modules(fold, path.values(), opened)
    box_of = _boxes(root, shown, path, folds, name, place, constants, merge)
    if merge == "siblings":
        _merge_siblings(box_of, shown)
    boxes = {box.id: box for box in box_of.values()}.values()
    _limit(len(boxes), sum(box.kind == "constant" for box in boxes), max_nodes)
    if not clusters:
        for box in boxes:
            box.path = ()
    arrows: list[Arrow] = []
    bundles: dict[tuple[str, str], Arrow] = {}
    reached: set[Value] = set()
    for out in shown:
        head = box_of.get(out)
        if head is None:
            continue
        head.hidden_operands += sum(parent not in inside for parent in out.parents)
        locals_: Sequence[Any] = local_derivatives(out) if numbers else [None] * len(out.parents)
        for position, (parent, local) in enumerate(zip(out.parents, locals_)):
            tail = box_of.get(parent)
            if tail is None or (tail is head and head.kind == "folded"):
                continue
            edge, contribution = (out, position), None
            if parent.op is not CONSTANT and (out.grad is not NOT_COMPUTED if taken is None else edge in taken):
                contribution = local * out.grad
                if contribution != contribution:  # where nothing flows, there is no product
                    reached = reached or _reached(order)
                    contribution = contribution if out in reached and local is not ZERO else 0.0
            bundle = bundles.get((tail.id, head.id))
            if bundle is not None:  # a bundle of edges to or from folded modules or repeated constants
                bundle.edges.append(edge)
                together = len(tail.nodes) == 1 and bundle.contribution is not None and contribution is not None
                bundle.contribution = bundle.contribution + contribution if together else None  # type: ignore[operator]
                known = [each for each in (bundle.strongest, contribution) if each is not None]
                bundle.strongest = bundle.contribution if together else strongest(known) if known else None
                continue
            folded = "folded" in (tail.kind, head.kind)
            shown_local = None if folded or parent.op is CONSTANT else local
            arrow = Arrow(f"e{place[out]}_{position}", tail, head, shown_local, contribution, [edge], contribution)
            arrows.append(arrow)
            if folded or tail.repeats > 1:
                bundles[tail.id, head.id] = arrow
    return Scene(sorted(boxes, key=lambda box: int(box.id[1:])), arrows, box_of)


def _reached(order: list[Value]) -> set[Value]:
    """The nodes that a backward pass reaches: the gradient of any other is 0.0 after it, as it may be of these too."""
    reached = {order[-1]}
    for out, _, parent, local in edges(order):
        if out in reached and local is not ZERO:
            reached.add(parent)
    return reached


def _limit(count: int, constants: int, max_nodes: int | None) -> None:
    if max_nodes is not None and count > max_nodes:
        raise TooManyNodesError(
            f"{count} nodes are more than max_nodes={max_nodes}: draw less with fold='neuron', fold='layer'"
            f"{', constants=False' if count - constants <= max_nodes else ''} or depth=3, or raise max_nodes"
        )


def _near(root: Value, depth: int, place: dict[Value, int]) -> list[Value]:
    """The nodes at most that many steps from the root, in the order of the graph."""
    seen, ring = {root}, [root]
    for _ in range(depth):
        ring = [parent for parent in dict.fromkeys(p for node in ring for p in node.parents) if parent not in seen]
        seen.update(ring)
    return sorted(seen, key=place.__getitem__)


def _boxes(
    root: Value,
    shown: list[Value],
    path: dict[Value, Path],
    folds: dict[Path, Path],
    name: dict[Value, str],
    place: dict[Value, int],
    constants: bool,
    merge: str,
) -> dict[Value, Box]:
    """The box of each node; nodes that are left out have none."""
    box_of: dict[Value, Box] = {}
    folded: dict[Path, Box] = {}
    for node in shown:
        module = folds[path[node]]
        if module:
            box = folded.get(module)
            if box is None:
                box = folded[module] = Box("", ".".join(module), "folded", module[:-1], [], 0)
            box.count += 1
            box.operations.append(node.op.name)
            box_of[node] = box
        elif node is root or constants or node.op is not CONSTANT:
            kind = "result" if node.parents else "variable" if node.op is VARIABLE else "constant"
            box_of[node] = Box(f"n{place[node]}", name[node], kind, path[node], [node])
    outputs: dict[Path, dict[Value, None]] = {module: {} for module in folded}  # what is used outside of a module
    for out in shown:
        for parent in out.parents:
            box = box_of.get(parent)
            if box is not None and box.kind == "folded" and box_of.get(out) is not box:
                outputs[folds[path[parent]]][parent] = None
    if box_of[root].kind == "folded":
        outputs[folds[path[root]]][root] = None
    for module, box in folded.items():
        used = sorted(outputs[module], key=place.__getitem__)
        box.nodes = [node for node in used if node.parents] or used
        box.id = f"n{place[box.nodes[-1]]}"
    if merge != "nothing":
        _merge_constants(box_of, shown)
    return box_of


def _merge_constants(box_of: dict[Value, Box], shown: list[Value]) -> None:
    """Give equal constants that go into one box, and nowhere else, one box."""
    heads: dict[Value, set[str]] = {}
    for out in shown:
        for parent in out.parents:
            if parent in box_of and box_of[parent].kind == "constant":
                heads.setdefault(parent, set()).add(box_of[out].id)
    first: dict[tuple[str, str], Box] = {}
    for constant, ids in heads.items():
        if len(ids) == 1 and not constant.label:
            box = first.setdefault((*ids, repr(constant.number)), box_of[constant])  # type: ignore[arg-type]  # one id
            if box is not box_of[constant]:
                box_of[constant] = box
                box.repeats += 1
                box.count += 1


def _merge_siblings(box_of: dict[Value, Box], shown: list[Value]) -> None:
    """Give folded modules one box where they are of one list, of the same operations and between the same boxes."""
    into: dict[str, set[str]] = {}
    out_of: dict[str, set[str]] = {}
    for out in shown:
        for parent in out.parents:
            if parent in box_of and out in box_of:
                into.setdefault(box_of[out].id, set()).add(box_of[parent].id)
                out_of.setdefault(box_of[parent].id, set()).add(box_of[out].id)
    alike: dict[object, Box] = {}
    replaced: dict[str, Box] = {}
    for box in {box.id: box for box in box_of.values() if box.kind == "folded"}.values():
        kind = box.name.rpartition(".")[0] or box.name
        around = (frozenset(into.get(box.id, set()) - {box.id}), frozenset(out_of.get(box.id, set()) - {box.id}))
        first = alike.setdefault((kind, tuple(sorted(box.operations)), len(box.nodes), around), box)
        if first is not box:
            replaced[box.id] = first
            first.name = kind
            first.repeats += 1
            first.count += box.count
            first.nodes += box.nodes
    for node, box in box_of.items():
        box_of[node] = replaced.get(box.id, box)
