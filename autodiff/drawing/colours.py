"""The colour of a gradient: the greater its size, the darker; orange where it is positive, purple where negative.

The colours go from yellow to brown and from white to purple (ColorBrewer's YlOrBr and Purples, Harrower and Brewer
2003, "ColorBrewer.org: An Online Tool for Selecting Colour Schemes for Maps"), which people with any colour vision
tell apart, and printers too: the luminance falls from each step to the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

FILLS = ("#ffffff", "#fff7bc", "#fed98e", "#fe9929", "#d95f0e", "#8c2d04")
"""The fill of a node by the level of its gradient; level 0 is for 0."""
STROKES = ("#c4c4c4", "#dcb04c", "#dd8a1a", "#c8650f", "#a04208", "#6b2603")
"""The colour of an edge by the level of its contribution: darker than the fills, to be seen on white."""
NEGATIVE_FILLS = ("#ffffff", "#f2f0f7", "#dadaeb", "#9e9ac8", "#756bb1", "#54278f")
NEGATIVE_STROKES = ("#c4c4c4", "#aaa5d0", "#8b83c4", "#6f63b4", "#553c9a", "#361563")
WIDTHS = (0.8, 1.0, 1.3, 1.7, 2.1, 2.6)
INK, PAPER, QUIET, LINE = "#1b1b1b", "#ffffff", "#575c61", "#9aa0a6"

ACTIVE = "#0b5fd6"
"""What a pass is doing now: a blue, which no size of gradient has."""

FEW = 20
"""Of more different sizes than these, each level has as many as any other."""
SPACINGS: tuple[tuple[tuple[int, ...], int], ...] = (((1, 2, 5), 1), ((1,), 1), ((1,), 3))
"""The bounds of a scale of few sizes: these steps in every decade, or in every third."""


class Scale(NamedTuple):
    """The levels of size: level k from 1 on begins at ``bounds[k - 2]``, and level 1 is anything below."""

    bounds: tuple[float, ...]

    def level(self, gradient: float) -> int:
        """The level of a gradient: 0 for 0, 5 for the greatest, infinities and nan.

        >>> Scale((0.1, 0.2, 0.5, 1.0)).level(-0.3)
        3
        """
        size = abs(gradient)
        if size != size:
            return len(FILLS) - 1
        return 0 if size == 0 else 1 + sum(size >= bound for bound in self.bounds)


def scale(gradients: Iterable[float]) -> Scale:
    """The scale that fits the gradients.

    The bounds of few are round numbers, in steps of 1-2-5, 10 or 1000, as the sizes differ; those of many are the
    quantiles of the sizes, so that a few huge or tiny ones do not make all others alike.

    >>> scale([0.05, -3.0, 0.0]).bounds
    (0.2, 0.5, 1.0, 2.0)
    >>> scale([1e-9, 1.0]).bounds
    (1e-09, 1e-06, 0.001, 1.0)
    >>> scale([1e-9, *range(1, 100)]).bounds
    (20, 40, 60, 80)
    """
    sizes = sorted({size for size in map(abs, gradients) if size and math.isfinite(size)}) or [1.0]
    count = len(FILLS) - 2
    if len(sizes) > FEW:
        return Scale(tuple(sizes[len(sizes) * level // (count + 1)] for level in range(1, count + 1)))
    for steps, decades in SPACINGS:
        bounds = _bounds(sizes[-1], steps, decades, count)
        if bounds[0] <= 10 * sizes[0]:  # what is below the first bound has a level too
            break
    return Scale(bounds)


def _bounds(greatest: float, steps: tuple[int, ...], decades: int, count: int) -> tuple[float, ...]:
    exponent = math.floor(math.log10(greatest))
    found: list[float] = []
    while len(found) < count:
        for step in reversed(steps):
            bound = float(f"{step}e{exponent}")
            if bound <= greatest and len(found) < count:
                found.append(bound)
        exponent -= decades
    return tuple(reversed(found))


def fill_of(gradient: float, level: int) -> str:
    """The fill of a node whose gradient has that level."""
    return (NEGATIVE_FILLS if gradient < 0 else FILLS)[level]


def stroke_of(contribution: float, level: int) -> str:
    """The colour of an edge whose contribution has that level."""
    return (NEGATIVE_STROKES if contribution < 0 else STROKES)[level]


def strongest(gradients: Iterable[float]) -> float:
    """The one of the greatest size; nan if one is nan.

    >>> strongest([1.0, -3.0, 2.0])
    -3.0
    """
    return max(gradients, key=lambda gradient: math.inf if gradient != gradient else abs(gradient))


def text_on(fill: str) -> str:
    """The colour of text on a fill, dark or white, whichever contrasts more."""
    return INK if contrast(INK, fill) >= contrast(PAPER, fill) else PAPER


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.1, "contrast ratio")."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of a colour ``#rrggbb``, from 0 to 1 (WCAG 2.1, "relative luminance")."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
