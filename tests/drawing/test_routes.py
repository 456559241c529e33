"""Laws of the ways of arrows: no box is in the way, and what is not in the way bends nothing."""

import random

import pytest

from autodiff.drawing.routes import Routes, base_of
from autodiff.drawing.sizes import Point

SIZE = (40.0, 20.0)


def along(curve: tuple[Point, ...]) -> list[Point]:
    """Points of cubic Bézier curves."""
    found = []
    for first in range(0, len(curve) - 1, 3):
        a, b, c, d = curve[first : first + 4]
        for k in range(41):
            t = k / 40
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append(tuple(sum(w * point[axis] for w, point in zip(weights, (a, b, c, d))) for axis in (0, 1)))
    return found  # type: ignore[return-value]  # points


def is_clear(curve: tuple[Point, ...], boxes: dict[str, tuple[Point, Point]]) -> bool:
    return not any(
        abs(x - middle[0]) < size[0] / 2 - 0.01 and abs(y - middle[1]) < size[1] / 2 - 0.01
        for x, y in along(curve)
        for middle, size in boxes.values()
    )


def grid(seed: int, rows: int = 6, columns: int = 5) -> dict[str, tuple[Point, Point]]:
    """Columns of boxes, some of which are missing, of several heights."""
    chance = random.Random(seed)
    boxes = {}
    for column in range(columns):
        y = chance.uniform(0, 30)
        for row in range(rows):
            size = (chance.uniform(20, 60), chance.uniform(10, 40))
            if chance.random() < 0.8:
                boxes[f"{column}.{row}"] = ((150.0 * column, y + size[1] / 2), size)
            y += size[1] + 8
    return boxes


@pytest.mark.parametrize("seed", range(8))
def test_no_arrow_goes_behind_a_box(seed: int) -> None:
    boxes = grid(seed)
    routes = Routes(boxes)
    for tail in boxes:
        for head in boxes:
            if tail != head:
                curve = routes.curve(tail, head)
                (x, y), (width, _) = boxes[tail]
                (end_x, end_y), (end_width, _) = boxes[head]
                assert curve[0] == pytest.approx((x + width / 2, y))
                assert curve[-1] == pytest.approx((end_x - end_width / 2, end_y))
                assert is_clear(curve, boxes), (tail, head)


def test_an_arrow_is_straight_where_nothing_is_in_its_way() -> None:
    boxes = {"a": ((0.0, 0.0), SIZE), "b": ((200.0, 90.0), SIZE), "far": ((100.0, 300.0), SIZE)}
    first, second, third, last = Routes(boxes).curve("a", "b")
    assert (first, last) == ((20.0, 0.0), (180.0, 90.0))
    for x, y in (second, third):
        assert y / 90.0 == pytest.approx((x - 20.0) / 160.0)


def test_downwards_is_the_same_turned() -> None:
    boxes = grid(3) | {"tail": ((30.0, -40.0), SIZE), "head": ((700.0, 400.0), SIZE)}
    turned = {name: ((y, x), (height, width)) for name, ((x, y), (width, height)) in boxes.items()}
    for tail, head in (("tail", "head"), ("head", "tail")):
        curve = Routes(boxes).curve(tail, head)
        assert Routes(turned, down=True).curve(tail, head) == tuple((y, x) for x, y in curve)


def test_the_base_of_an_arrowhead_is_on_its_way() -> None:
    assert base_of((10.0, 0.0), (0.0, 0.0), 4.0) == (6.0, 0.0)
    assert base_of((1.0, 1.0), (1.0, 1.0), 4.0) == (1.0, 1.0)
