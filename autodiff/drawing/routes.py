"""The way of an arrow between boxes that have their places: straight, or through the gaps between the boxes in its way.

``arrangement.js`` of the player has the same, for boxes that a reader opens; a test compares the two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from math import hypot, inf
from typing import TypeAlias

from autodiff.drawing.sizes import Point

BULGE = 40.0
"""How far an arrow that leads back swings out."""
CLEARANCE = 3.0
"""The least room between an arrow and a box that it goes around."""
MOST = 1000
"""Among more boxes than these, arrows are straight: nobody follows one of them."""


Rectangle: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom."""


class Routes:
    """The ways between boxes.

    Args:
        boxes: the middle and the size of each, by its id.
        down: the way from the operands to the root is downwards, not to the right.
    """

    def __init__(self, boxes: Mapping[str, tuple[Point, Point]], *, down: bool = False) -> None:
        self.turned: Callable[[Point], Point] = (lambda point: (point[1], point[0])) if down else (lambda point: point)
        self.rectangles: dict[str, Rectangle] = {}
        for name, (middle, size) in boxes.items():
            (x, y), (width, height) = self.turned(middle), self.turned(size)
            self.rectangles[name] = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        self.sorted = sorted(self.rectangles.values()) if len(boxes) <= MOST else []
        self.widest = max((each[2] - each[0] for each in self.sorted), default=0.0)

    def curve(self, tail: str, head: str) -> tuple[Point, ...]:
        """The points of cubic Bézier curves from one box to another.

        The way is straight where no box is between; else it goes around boxes at the nearest height that is free, and
        stays there as long as it can. Where the head does not come after the tail, it turns, and turns again.
        """
        left, top, x, bottom = self.rectangles[tail]
        end_x, end_top, end_right, end_bottom = self.rectangles[head]
        start, end = (x, (top + bottom) / 2), (end_x, (end_top + end_bottom) / 2)
        if x >= end_x:
            right = max(each[2] for each in [self.rectangles[tail], *self.within(left, x)])
            far = min(each[0] for each in [self.rectangles[head], *self.within(end_x, end_right)])
            level = _free((start[1] + end[1]) / 2, self.within(far, right))
            return self.turn(
                start,
                *_line(start, (right, start[1])),
                *((right + BULGE, start[1]), (right + BULGE, level), (right, level)),
                *_line((right, level), (far, level)),
                *((far - BULGE, level), (far - BULGE, end[1]), (far, end[1])),
                *_line((far, end[1]), end),
            )
        around = [each for each in self.within(x, end_x) if each not in (self.rectangles[tail], self.rectangles[head])]
        if not any(_hits(start, end, each) for each in around):
            return self.turn(start, *_line(start, end))
        # Wider boxes above and below the tail, and the head, are left behind first.
        out = max([x, *(each[2] for each in around if each[0] <= x)]), start[1]
        into = min([end_x, *(each[0] for each in around if each[2] >= end_x)]), end[1]
        points = [start, *_line(start, out)]
        between = [each for each in around if each[0] > x and each[2] < end_x]
        if not any(_hits(out, into, each) for each in between):
            return self.turn(*points, *_line(out, into), *_line(into, end))
        for column in _columns(between):
            level = _free(points[-1][1], column)
            last = max(each[2] for each in column), level
            points += _bend(points[-1], (min(each[0] for each in column), level))
            points += _line(points[-1], last)
        return self.turn(*points, *_bend(points[-1], into), *_line(into, end))

    def turn(self, *points: Point) -> tuple[Point, ...]:
        return tuple(map(self.turned, points))

    def within(self, left: float, right: float) -> list[Rectangle]:
        """The boxes that reach between two places along the way, from left to right."""
        first = bisect_left(self.sorted, (left - self.widest,))
        last = bisect_left(self.sorted, (right,))
        return [each for each in self.sorted[first:last] if each[2] > left]


def _columns(boxes: list[Rectangle]) -> list[list[Rectangle]]:
    """Boxes, from left to right, by columns: those of a column are above and below each other."""
    columns: list[list[Rectangle]] = []
    end = -inf
    for each in boxes:
        if each[0] < end:
            columns[-1].append(each)
        else:
            columns.append([each])
        end = max(end, each[2])
    return columns


def _hits(start: Point, end: Point, rectangle: Rectangle) -> bool:
    """Whether a straight way to the right goes through a rectangle."""
    left, top, right, bottom = rectangle
    if end[0] <= start[0]:
        return False
    rise = (end[1] - start[1]) / (end[0] - start[0])
    left, right = max(left, start[0]), min(right, end[0])
    ys = start[1] + rise * (left - start[0]), start[1] + rise * (right - start[0])
    return min(ys) < bottom + CLEARANCE and max(ys) > top - CLEARANCE


def _free(y: float, column: list[Rectangle]) -> float:
    """The nearest height at which nothing of a column is in the way."""
    found, nearest, free_from = y, inf, -inf
    for top, bottom in [*sorted((each[1], each[3]) for each in column), (inf, inf)]:
        if top - CLEARANCE >= free_from:
            level = min(max(y, free_from), top - CLEARANCE)
            if abs(level - y) < nearest:
                found, nearest = level, abs(level - y)
        free_from = max(free_from, bottom + CLEARANCE)
    return found


def _line(start: Point, end: Point) -> tuple[Point, Point, Point]:
    """A straight curve, without its first point."""
    x, y = (end[0] - start[0]) / 3, (end[1] - start[1]) / 3
    return (start[0] + x, start[1] + y), (end[0] - x, end[1] - y), end


def _bend(start: Point, end: Point) -> tuple[Point, Point, Point]:
    """A curve that begins and ends level, without its first point."""
    middle = (start[0] + end[0]) / 2
    return (middle, start[1]), (middle, end[1]), end


def base_of(tip: Point, other: Point, length: float) -> Point:
    """Where an arrowhead of that length begins, on the way from another point to its tip."""
    far = hypot(other[0] - tip[0], other[1] - tip[1])
    part = min(1.0, length / far) if far else 0.0
    return tip[0] + part * (other[0] - tip[0]), tip[1] + part * (other[1] - tip[1])
