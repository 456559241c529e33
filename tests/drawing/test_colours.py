"""Laws of the colours."""

from itertools import pairwise

import pytest

from autodiff.drawing.colours import FILLS, QUIET, STROKES, WIDTHS, contrast, luminance, scale, text_on

AA = 4.5  # WCAG 2.1, success criterion 1.4.3: the least contrast of text


@pytest.mark.parametrize("colours", [FILLS, STROKES])
def test_the_greater_the_gradient_the_darker_in_greyscale_too(colours: tuple[str, ...]) -> None:
    assert all(luminance(light) - luminance(dark) > 0.03 for light, dark in pairwise(colours))


def test_text_can_be_read_on_every_fill() -> None:
    assert min(contrast(text_on(fill), fill) for fill in FILLS) >= AA
    assert min(contrast(QUIET, fill) for fill in FILLS[:3]) >= AA  # darker fills have no quiet text


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
