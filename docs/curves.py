"""The fence ``{curves}``: every operation of one number as a curve, with its derivative and its accuracy.

The pictures are made from the rows when the site is built. How accurate a row is takes minutes to be measured beside
mpmath, so ``python -m docs.curves`` writes it to ``docs/accuracy.json``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from autodiff import OPERATIONS, Operation
from autodiff.registry import BUILT_IN

ACCURACY = Path(__file__).with_name("accuracy.json")
POINTS = 60
"""At how many numbers of any size, about, a row is compared with mpmath."""
WIDTH, HEIGHT, MARGIN = 200, 120, 8
STEPS = 160
COLOURS = {"value": "#2b6cb0", "derivative": "#c05621"}
"""As on both a light and a dark page."""


def rows() -> list[Operation]:
    """The operations of the table that can be called with one number."""
    table = [row for name, row in OPERATIONS.items() if name in BUILT_IN]
    return [row for row in table if row.arity is not None and row.arity - len(row.defaults) == 1]


def numbers(row: Operation) -> tuple[list[float], list[float], list[float]]:
    """Places over the domain where the row is tested, its values and its derivatives there."""
    low, high = row.domain[0]
    if low == -10.0 and high == 10.0:
        low, high = -4.0, 4.0  # of all numbers, those where most happens
    places = [low + (high - low) * at / STEPS for at in range(STEPS + 1)]
    values = [row.evaluate([x, *row.defaults]) for x in places]
    slopes = [float(row.local_derivatives([x, *row.defaults], y)[0]) for x, y in zip(places, values)]
    return places, values, slopes


def svg(row: Operation) -> str:
    """The curve of a row, and that of its derivative: the same bytes in every run."""
    places, *curves = numbers(row)
    low, high = _range([each for curve in curves for each in curve])

    def at(x: float, y: float) -> str:
        across = MARGIN + (x - places[0]) / (places[-1] - places[0]) * (WIDTH - 2 * MARGIN)
        down = HEIGHT - MARGIN - (y - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return f"{across:.1f},{down:.1f}"

    lines = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(row.name)} and its derivative, for x from '
        f'{places[0]:g} to {places[-1]:g}, from {low:.3g} to {high:.3g}">'
    ]
    axes = [(at(places[0], 0.0), at(places[-1], 0.0))] if low <= 0 <= high else []
    axes += [(at(0.0, low), at(0.0, high))] if places[0] <= 0 <= places[-1] else []
    lines += [f'<path class="axis" d="M{a} L{b}"/>' for a, b in axes]
    for name, curve in zip(COLOURS, curves):
        for part in _parts(places, curve, low, high, 0.05 if row.kinks else 0.3):
            path = " ".join(at(x, y) for x, y in part)
            lines.append(f'<polyline points="{path}" stroke="{COLOURS[name]}"/>')
    return "".join([*lines, "</svg>"])


def _range(found: list[float]) -> tuple[float, float]:
    """From the least number to the largest that are shown: a pole does not press all else to a line."""
    finite = sorted(each for each in found if math.isfinite(each))
    cut = len(finite) // 20
    low, high = finite[cut], finite[-1 - cut]
    room = 0.15 * (high - low) or 1.0
    return max(low - room, finite[0] - 0.02 * room), min(high + room, finite[-1] + 0.02 * room) + 1e-9


def _parts(
    places: list[float], curve: list[float], low: float, high: float, most: float
) -> Iterator[list[tuple[float, float]]]:
    """The curve without what leaves the picture, and cut where it jumps by more than a part of the height."""
    part: list[tuple[float, float]] = []
    for x, y in zip(places, curve):
        jumps = bool(part) and abs(y - part[-1][1]) > most * (high - low)
        if not low <= y <= high or jumps:
            if len(part) > 1:
                yield part
            part = []
        if low <= y <= high:
            part.append((x, y))
    if len(part) > 1:
        yield part


def gallery() -> str:
    """All curves, as HTML."""
    found: dict[str, list[float]] = json.loads(ACCURACY.read_text(encoding="utf-8"))
    figures = []
    for row in rows():
        name, worst = escape(row.name), found.get(row.name)
        errors = [f"{each:.{0 if each >= 10 else 2}f}" for each in worst or ()]
        told = f"<br>{' and '.join(errors)} ulp" if errors else ""
        caption = f"<figcaption><code>{name}</code>{told}</figcaption>"
        figures.append(f'<figure id="curve-{name}">{svg(row)}{caption}</figure>')
    return f'<div class="curves">{"".join(figures)}</div>'


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx asks of an extension."""
    from docutils import nodes
    from sphinx.util.docutils import SphinxDirective

    class Curves(SphinxDirective):
        """The fence ``{curves}``."""

        def run(self) -> list[nodes.Node]:
            """All curves."""
            return [nodes.raw("", gallery(), format="html")]

    app.add_directive("curves", Curves)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def main() -> None:
    """Measure how accurate the rows are."""
    from benchmarks.accuracy import REFERENCES, compare

    found = {}
    for row in rows():
        if row.name in REFERENCES:
            value, slope, _ = compare(row, POINTS)
            found[row.name] = [round(value.worst, 2), round(slope.worst, 2)]
    ACCURACY.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
