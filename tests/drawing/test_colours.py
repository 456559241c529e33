"""Laws of the colours."""

from itertools import pairwise

import pytest

from autodiff.drawing.colours import (
    FEW,
    FILLS,
    NEGATIVE_FILLS,
    NEGATIVE_STROKES,
    QUIET,
    STROKES,
    WIDTHS,
    contrast,
    fill_of,
    luminance,
    scale,
    strongest,
    text_on,
)  # fmt: skip

AA = 4.5  # WCAG 2.1, success criterion 1.4.3: the least contrast of text


@pytest.mark.parametrize("colours", [FILLS, STROKES, NEGATIVE_FILLS, NEGATIVE_STROKES])
def test_the_greater_the_gradient_the_darker_in_greyscale_too(colours: tuple[str, ...]) -> None:
    assert all(luminance(light) - luminance(dark) > 0.03 for light, dark in pairwise(colours))


def test_text_can_be_read_on_every_fill() -> None:
    for fills in (FILLS, NEGATIVE_FILLS):
        assert min(contrast(text_on(fill), fill) for fill in fills) >= AA
        assert min(contrast(QUIET, fill) for fill in fills[:3]) >= AA  # darker fills have no quiet text


def test_edges_grow_with_their_contribution() -> None:
    assert list(WIDTHS) == sorted(set(WIDTHS))


@pytest.mark.parametrize("sizes", [[1.0], [0.5, 3.0], [1e-3, 20.0], [1e-12, 1.0], [5e-324, 1.0], [1e308, 1e-308], []])
def test_levels_grow_with_size_and_zero_has_its_own(sizes: list[float]) -> None:
    fitted = scale([*sizes, 0.0, float("inf"), float("nan")])
    levels = [fitted.level(size) for size in sorted(sizes)]
    assert levels == sorted(levels)
    assert 0 not in levels
    assert fitted.level(0.0) == 0
    assert fitted.level(-max(sizes, default=1.0)) == fitted.level(float("-inf")) == len(FILLS) - 1
    assert list(fitted.bounds) == sorted(fitted.bounds)


def test_of_many_sizes_each_level_has_as_many_as_any_other() -> None:
    sizes = [1e-12, *(1.0 + k / 1000 for k in range(998)), 1e12]
    fitted = scale(sizes)
    levels = [fitted.level(size) for size in sizes]
    assert [levels.count(level) for level in range(6)] == [0, 200, 200, 200, 200, 200]
    assert len(set(scale(sizes[:FEW]).bounds)) == 4


def test_what_is_negative_has_colours_of_its_own_and_zero_has_not() -> None:
    assert {*FILLS[1:]}.isdisjoint(NEGATIVE_FILLS)
    assert fill_of(-2.0, 3) == NEGATIVE_FILLS[3] != fill_of(2.0, 3) == FILLS[3]
    assert fill_of(-0.0, 0) == fill_of(0.0, 0)
    assert strongest([1.0, -2.0]) == -2.0
    assert strongest([1.0, float("nan"), float("inf")]) != strongest([1.0, float("nan"), float("inf")])
