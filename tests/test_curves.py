"""The page of curves: every operation of one number has its curve, its derivative's, and a measured accuracy."""

import json
import re

import pytest

from benchmarks.accuracy import BOUND, REFERENCES
from docs.curves import ACCURACY, COLOURS, HEIGHT, WIDTH, gallery, numbers, rows, svg


@pytest.mark.parametrize("row", rows(), ids=str)
def test_value_and_derivative_are_drawn_inside_of_the_picture_the_same_in_every_run(row):
    picture = svg(row)
    assert picture == svg(row)
    for colour in COLOURS.values():
        assert f'stroke="{colour}"' in picture
    for across, down in re.findall(r"([-\d.]+),([-\d.]+)", picture.partition(">")[2]):
        assert 0 <= float(across) <= WIDTH
        assert 0 <= float(down) <= HEIGHT


@pytest.mark.parametrize("row", rows(), ids=str)
def test_the_derivative_that_is_drawn_is_the_slope_of_the_value_that_is_drawn(row):
    places, values, slopes = numbers(row)
    step = places[1] - places[0]
    pairs = [
        (slopes[at], (values[at + 1] - values[at - 1]) / (2 * step), abs(slopes[at + 1] - slopes[at - 1]))
        for at in range(1, len(places) - 1)
    ]
    near = [abs(slope - quotient) <= bend + 1e-6 for slope, quotient, bend in pairs]
    assert sum(near) >= 0.85 * len(near)  # not where it jumps, or at a pole


def test_every_row_with_a_reference_has_a_measured_accuracy_and_none_disagrees():
    found = json.loads(ACCURACY.read_text(encoding="utf-8"))
    assert [*found] == [row.name for row in rows() if row.name in REFERENCES]
    assert all(0 <= each < BOUND for pair in found.values() for each in pair)
    assert all(f"<code>{name}</code>" in gallery() for name in found)
