"""A layout for networks: columns from the operands to the root, the modules of a list in order.

Graphviz bends arrows around each other and around the room for their texts. Between folded layers there are as many
arrows as weights: it takes long, orders the neurons 9 1 7 3, and draws them in a column 16 times as high as wide.

1. The rank of a box is the length of the longest way to it; a leaf stands beside its first consumer.
2. A module has a frame, and in it the frames of its modules; frames that share ranks have lanes of their own.
3. Boxes outside of frames stand below those that share their ranks; all is in the middle. High stacks become several
   columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import NamedTuple

from autodiff.drawing.clusters import Path
from autodiff.drawing.scene import Box, Scene
from autodiff.drawing.sizes import Point

DENSE = 2
"""With more arrows per box than this, a picture with folded modules is laid out in columns, and arrows have no text."""
STACK = 40
"""Of more boxes than these, a stack becomes several columns."""
BETWEEN, MARGIN, HEAD = 8.0, 8.0, 20.0
"""Between two boxes of a stack, around the boxes of a frame, and the height of the name of a frame."""
FAR, STEEP = 50.0, 0.2
"""The least room for arrows between two columns, and its part of how far they climb."""
ASIDE = 14.0
"""Room beside everything, for arrows that go around it."""


class Columns(NamedTuple):
    """Where everything goes; the origin is the corner on the left at the top."""

    size: Point
    places: dict[str, Point]
    """The middle of each box, by its id."""
    frames: dict[Path, tuple[Point, Point]]
    """Corner and size of each frame, the outer ones first."""


def is_dense(picture: Scene) -> bool:
    """Whether a picture is that of a network, whose arrows are too many to bend around each other."""
    folded = any(box.kind == "folded" for box in picture.boxes)
    return folded and len(picture.arrows) > DENSE * len(picture.boxes)


@dataclass
class _Group:
    """A frame, or all of the picture: its loose boxes by rank, the groups in it, and what they measure."""

    path: Path
    stacks: dict[int, list[Box]] = field(default_factory=dict)
    groups: list[_Group] = field(default_factory=list)
    lanes: list[list[_Group]] = field(default_factory=list)
    ranks: set[int] = field(default_factory=set)
    height: float = 0.0

    @property
    def span(self) -> range:
        return range(min(self.ranks), max(self.ranks) + 1)


def columns(picture: Scene, size_of: Callable[[Box], Point], *, down: bool = False, unit: float = 1.0) -> Columns:
    """Lay the boxes of a picture out.

    Args:
        picture: its boxes and arrows.
        size_of: width and height of a box.
        down: the way from the operands to the root is downwards, not to the right.
        unit: the size of the text, of 14 px.
    """
    return _Layout(picture, size_of, down, unit).placed()


class _Layout:
    """In this class, lengths are "along" the way from operands to the root, or "across" it."""

    def __init__(self, picture: Scene, size_of: Callable[[Box], Point], down: bool, unit: float) -> None:
        self.down, self.unit = down, unit
        self.size = {box.id: self.turned(size_of(box)) for box in picture.boxes}
        self.rank = ranks(picture)
        self.arrows = [(arrow.tail.id, arrow.head.id) for arrow in picture.arrows]
        self.root = self.grouped(picture)
        self.order_loose(picture)
        self.measure(self.root)
        is_long = any(abs(self.rank[head] - self.rank[tail]) > 1 for tail, head in self.arrows)
        self.aside = ASIDE * unit if is_long else 0.0
        self.places: dict[str, Point] = {}
        self.frames: dict[Path, tuple[Point, Point]] = {}

    def turned(self, point: Point) -> Point:
        return (point[1], point[0]) if self.down else point

    def grouped(self, picture: Scene) -> _Group:
        """The groups by the paths of the boxes; modules of a list in the order of their numbers."""
        groups: dict[Path, _Group] = {(): _Group(())}
        paths = {box.path[:depth] for box in picture.boxes for depth in range(1, len(box.path) + 1)}
        for path in sorted(paths, key=lambda path: (len(path), natural(path))):
            groups[path] = _Group(path)
            groups[path[:-1]].groups.append(groups[path])
        for box in sorted(picture.boxes, key=lambda box: (box.kind != "folded", natural([box.name]))):
            groups[box.path].stacks.setdefault(self.rank[box.id], []).append(box)
            for depth in range(len(box.path) + 1):
                groups[box.path[:depth]].ranks.add(self.rank[box.id])
        return groups[()]

    def order_loose(self, picture: Scene) -> None:
        """Sort boxes that are no modules by where their neighbours are: those before them, else those after them."""
        after, before = _neighbours(picture)
        number = {box.id: place for place, box in enumerate(picture.boxes)}
        position: dict[str, float] = {}

        def sort(neighbours: Mapping[str, list[str]], wanted: Callable[[Box], bool], backwards: bool) -> None:
            stacks = [(rank, stack) for group in _all(self.root) for rank, stack in group.stacks.items()]
            for _, stack in sorted(stacks, key=lambda item: item[0], reverse=backwards):

                def key(box: Box) -> tuple[float, int]:
                    known = [position[each] for each in neighbours[box.id] if each in position]
                    return sum(known) / len(known) if known else 0.0, number[box.id]

                chosen = iter(sorted((box for box in stack if wanted(box)), key=key))
                stack[:] = [next(chosen) if wanted(box) else box for box in stack]
                position.update({box.id: (place + 0.5) / len(stack) for place, box in enumerate(stack)})

        sort(before, lambda box: box.kind != "folded" and bool(before[box.id]), False)
        sort(after, lambda box: box.kind != "folded" and not before[box.id], True)

    def split(self, stack: list[Box]) -> list[list[Box]]:
        """A stack as one or several columns."""
        rows = len(stack) if len(stack) <= STACK else max(STACK, ceil(sqrt(2 * len(stack))))
        rows = ceil(len(stack) / ceil(len(stack) / rows))
        return [stack[start : start + rows] for start in range(0, len(stack), rows)]

    def across(self, stack: Iterable[Box]) -> float:
        """How much room a column takes."""
        gap = BETWEEN * self.unit
        return sum(self.size[box.id][1] + gap for box in stack) - gap

    def highest(self, stack: list[Box]) -> float:
        return max(map(self.across, self.split(stack)))

    @property
    def padding(self) -> tuple[Point, Point]:
        """Around what stands in a frame: before and after it, along and across."""
        head, margin = HEAD * self.unit, MARGIN * self.unit
        return self.turned((margin, head)), (margin, margin)

    def measure(self, group: _Group) -> None:
        """Choose lanes, and measure the group across."""
        for inner in group.groups:
            self.measure(inner)
            taken = [{rank for each in lane for rank in each.span} for lane in group.lanes]
            free = [lane for lane, ranks in zip(group.lanes, taken) if ranks.isdisjoint(inner.span)]
            if free:
                free[0].append(inner)
            else:
                group.lanes.append([inner])
        bottoms = self.bottoms(group)
        loose = [bottoms.get(rank, 0.0) + self.highest(stack) for rank, stack in group.stacks.items()]
        group.height = max([self.lanes_height(group), *loose])
        if group.path:
            before, after = self.padding
            group.height += before[1] + after[1]

    def tops(self, group: _Group) -> list[tuple[_Group, float]]:
        """The groups in a group, each in the middle of its lane, and where they begin."""
        found, at = [], 0.0
        for lane in group.lanes:
            height = max(inner.height for inner in lane)
            found += [(inner, at + (height - inner.height) / 2) for inner in lane]
            at += height + 2 * BETWEEN * self.unit
        return found

    def lanes_height(self, group: _Group) -> float:
        gap = 2 * BETWEEN * self.unit
        return sum(max(inner.height for inner in lane) + gap for lane in group.lanes) - gap * bool(group.lanes)

    def bottoms(self, group: _Group) -> dict[int, float]:
        """Where loose boxes begin that share their rank with frames."""
        found: dict[int, float] = {}
        for inner, top in self.tops(group):
            for rank in inner.span:
                found[rank] = max(found.get(rank, 0.0), top + inner.height + 2 * BETWEEN * self.unit)
        return found

    def placed(self) -> Columns:
        """Where everything goes."""
        gap = BETWEEN * self.unit
        widths: dict[int, float] = {}
        for group in _all(self.root):
            for rank, stack in group.stacks.items():
                width = sum(max(self.size[box.id][0] for box in part) + gap for part in self.split(stack)) - gap
                widths[rank] = max(widths.get(rank, 0.0), width)
        self.start = dict.fromkeys(widths, 0.0)
        self.widths = widths
        self.place(self.root, 0.0)  # across, for how far the arrows climb
        climb = dict.fromkeys(widths, 0.0)
        for tail, head in self.arrows:
            if self.rank[head] == self.rank[tail] + 1:
                rise = abs(self.turned(self.places[head])[1] - self.turned(self.places[tail])[1])
                climb[self.rank[tail]] = max(climb[self.rank[tail]], rise)
        (before, _), (after, _) = self.padding
        depth = max(len(group.path) for group in _all(self.root))
        at = end = depth * before
        for rank in sorted(widths):
            self.start[rank], end = at, at + widths[rank]
            at = end + max(FAR * self.unit, STEEP * climb[rank]) + depth * (before + after)
        self.place(self.root, self.aside)
        return Columns(self.turned((end + depth * after, self.root.height + 2 * self.aside)), self.places, self.frames)

    def place(self, group: _Group, top: float) -> None:
        """Give the boxes of a group their places, and those of the groups in it."""
        before, after = self.padding
        inner_top, inner_height = top, group.height
        if group.path:
            depth = self.depth_inside(group)
            low = self.start[group.span[0]] - depth * before[0]
            high = self.start[group.span[-1]] + self.widths[group.span[-1]] + depth * after[0]
            self.frames[group.path] = self.turned((low, top)), self.turned((high - low, group.height))
            inner_top, inner_height = top + before[1], group.height - before[1] - after[1]
        bottoms = self.bottoms(group)
        below = [bottoms[rank] + self.highest(stack) for rank, stack in group.stacks.items() if rank in bottoms]
        lanes_top = inner_top + (inner_height - max([self.lanes_height(group), *below])) / 2
        for inner, inside in self.tops(group):
            self.place(inner, lanes_top + inside)
        for rank, stack in group.stacks.items():
            if rank in bottoms:
                self.place_stack(rank, stack, lanes_top + bottoms[rank] + self.highest(stack) / 2)
            else:
                self.place_stack(rank, stack, inner_top + inner_height / 2)

    def depth_inside(self, group: _Group) -> int:
        """How many frames end one around another, this one counted."""
        return 1 + max((self.depth_inside(inner) for inner in group.groups), default=0)

    def place_stack(self, rank: int, stack: list[Box], middle: float) -> None:
        gap = BETWEEN * self.unit
        parts = self.split(stack)
        widths = [max(self.size[box.id][0] for box in part) for part in parts]
        along = self.start[rank] + (self.widths[rank] - sum(widths) - gap * (len(parts) - 1)) / 2
        for part, width in zip(parts, widths):
            across = middle - self.across(part) / 2
            for box in part:
                high = self.size[box.id][1]
                self.places[box.id] = self.turned((along + width / 2, across + high / 2))
                across += high + gap
            along += width + gap


def _all(group: _Group) -> list[_Group]:
    return [group, *(each for inner in group.groups for each in _all(inner))]


def _neighbours(picture: Scene) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """For each box, the boxes that its arrows lead to, and those that arrows come from."""
    after: dict[str, list[str]] = {box.id: [] for box in picture.boxes}
    before: dict[str, list[str]] = {box.id: [] for box in picture.boxes}
    for arrow in picture.arrows:
        after[arrow.tail.id].append(arrow.head.id)
        before[arrow.head.id].append(arrow.tail.id)
    return after, before


def ranks(picture: Scene) -> dict[str, int]:
    """The column of each box: after those of its operands, and of a leaf, just before that of its first consumer.

    Between folded modules there may be circles; an arrow that closes one is left out. Modules of a list that all go
    into each other, or not at all, such as the neurons of a recurrent layer, are in one column.
    """
    after, before = _neighbours(picture)
    order = _finished(after)[::-1]
    place = {box: number for number, box in enumerate(order)}
    if all(place[arrow.tail.id] < place[arrow.head.id] for arrow in picture.arrows):
        return _ranks(place, after, before)
    column = _columns(picture, order, after, before)
    after, before = _contracted(column, after), _contracted(column, before)
    rank = _ranks({each: number for number, each in enumerate(_finished(after)[::-1])}, after, before)
    return {box: rank[column[box]] for box in column}


def _ranks(place: Mapping[str, int], after: Mapping[str, list[str]], before: Mapping[str, list[str]]) -> dict[str, int]:
    """Those of boxes with places in an order; arrows against it are left out."""
    rank: dict[str, int] = {}
    for box in place:
        rank[box] = max((rank[each] + 1 for each in before[box] if place[each] < place[box]), default=0)
    for box in place:
        if not before[box] and after[box]:
            rank[box] = min(rank[each] for each in after[box]) - 1
    return rank


def _contracted(column: Mapping[str, str], neighbours: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The neighbours of columns, of which each has the name of a box in it."""
    found: dict[str, list[str]] = {each: [] for each in column.values()}
    for box, own in neighbours.items():
        found[column[box]] += [column[each] for each in own if column[each] != column[box]]
    return found


def _finished(after: Mapping[str, list[str]]) -> list[str]:
    """The boxes in the order in which a search in depth is done with them: consumers first, but for circles."""
    finished: list[str] = []
    state: dict[str, bool] = {}  # of a box: whether its consumers are finished
    for start in after:
        stack = [start]
        while stack:
            box = stack[-1]
            if box not in state:
                state[box] = False
                stack += [each for each in reversed(after[box]) if each not in state]
            else:
                stack.pop()
                if not state[box]:
                    state[box] = True
                    finished.append(box)
    return finished


def _columns(
    picture: Scene, order: list[str], after: Mapping[str, list[str]], before: Mapping[str, list[str]]
) -> dict[str, str]:
    """The box in whose column each box is: the first of a list of modules on the same circles, else itself."""
    circle: dict[str, str] = {}
    for start in order:
        stack = [start]
        while stack:
            box = stack.pop()
            if box not in circle:
                circle[box] = start
                stack += before[box]
    lists: dict[tuple[str, Path, str], list[str]] = {}
    for each in picture.boxes:
        if each.kind == "folded":
            lists.setdefault((circle[each.id], each.path, each.short_name.rstrip("0123456789")), []).append(each.id)
    found = {box: box for box in after}
    for boxes in lists.values():
        inside = {(box, head) for box in boxes for head in set(after[box]).intersection(boxes)}
        if all((head, box) in inside for box, head in inside):
            found.update(dict.fromkeys(boxes, boxes[0]))
    return found


def natural(path: Iterable[str]) -> list[list[tuple[bool, int, str]]]:
    """A key so that neuron 10 comes after neuron 9.

    >>> sorted(["neurons.10", "neurons.9"], key=lambda name: natural([name]))
    ['neurons.9', 'neurons.10']
    """
    parts = ([(each.isdecimal(), each) for each in re.split(r"(\d+)|\.", step) if each] for step in path)
    return [[(number, int(each) if number else 0, each) for number, each in step] for step in parts]
