"""Noise-aware extrapolation: a derivative from function values alone, with an estimate of its error.

Central differences are taken with steps from fine to coarse, each a quarter of the next, and extrapolated to step 0
(Richardson; Numerical Recipes, 3rd ed., section 5.7). Each step has a round-off radius, the noise of the function over
the step. The walk ends at the first step that contradicts the error bar of a finer one: coarse steps that agree with
each other by chance are the classic failure of Ridders' method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

ROUND_OFF = 2.0**-53
"""u, the greatest relative error of one rounding."""

UNDERFLOW = 2.0**-1022
"""The least normal float: results below it have lost digits."""

LEVELS = 16
COLUMNS = 4
CONFIRMED = COLUMNS + 1
"""A walk of at most this many levels has met nothing that confirms it; the level that ended it tells its error."""
TRUNCATION = 3.0
"""The error of an extrapolation is this many times its last correction."""
SIGNIFICANT = 10.0
"""A jump between the one-sided differences of more error bars than these is a kink."""
DROWNED = 1e-3
"""Noise that is a greater part than this of every value seen leaves nothing to differentiate, as in sin(1e100 x)."""
ROUNDINGS_SEEN = 16.0
"""Of numbers of few digits, such as bfloat16, noise of this many roundings still leaves something."""
FLAT = 1e-4
"""A derivative of exactly 0 counts as this part of the function, when it is asked whether the error is small enough."""
ROUNDINGS_OF_POINT, PART_OF_POINT = 64.0, 2.0**-5
"""A step of fewer roundings of the point than these says nothing; of few digits, one of a smaller part of the point."""
COARSE = 1e-3
"""From this step on, relative to the point's scale, the noise is measured at the ends of the step as well."""


class Estimate(NamedTuple):
    """A numerical derivative with what is known about it.

    Where no step gave a derivative, its ``value`` is nan and its estimated ``error`` inf. ``left`` and ``right`` are
    the one-sided differences D⁻ and D⁺ at the finest step that the noise allows; at a ``kink``, they differ
    significantly as the step goes to 0. ``evaluations`` counts the calls of the function, and ``step`` is the greatest
    step that the value is made of.
    """

    value: float
    error: float
    left: float
    right: float
    kink: bool
    evaluations: int
    step: float = math.inf


class _Entry(NamedTuple):
    """An extrapolated number, its round-off radius and what truncation may still be in it."""

    value: float
    radius: float
    truncation: float

    @property
    def error(self) -> float:
        return self.radius + self.truncation


def extrapolated(
    f: Callable[[float], float],
    x: float,
    noise: Callable[[float], float],
    *,
    shift: float = 1.0,
    enough: float = 0.0,
    unit: float = ROUND_OFF,
) -> Estimate:
    """The derivative of f at x.

    Args:
        f: a function of one float; where it is not finite, the walk ends.
        x: the point.
        noise: an estimate of the absolute error of ``f`` at a point.
        shift: a factor of all steps, for a second, independent walk.
        enough: the walk ends where the error is at most this part of the derivative, which saves the coarse steps.
        unit: the greatest relative error of one rounding of the function's numbers.
    """
    middle = f(x)
    scale = max(1.0, abs(x))
    base = max(noise(x), unit * abs(middle), UNDERFLOW)
    evaluations = 1
    reach = math.inf
    greatest = abs(middle)
    central: list[_Entry] = []  # extrapolations that end at the newest level: 0, 1, 2 … columns
    jumps: list[_Entry] = []
    steps: list[float] = []
    best = jump = _Entry(math.nan, math.inf, math.inf)
    sides, sides_error = (math.nan, math.nan), math.inf
    low, high = -math.inf, math.inf
    for step in steps_at(x, shift, unit):
        above, below = x + step, x - step
        if not (math.isfinite(above) and math.isfinite(below)):
            break
        right, left = f(above), f(below)
        evaluations += 2
        if not (math.isfinite(right) and math.isfinite(left)):
            break
        step = above / 2 - below / 2
        if step == 0.0:
            continue
        if (
            not steps
        ):  # a branch pinned at the point alone, as that of sin(x) / x at 0, knows nothing of the noise beside
            base = max(base, noise(above), noise(below))
        level = base
        largest = max(abs(right), abs(left))
        if step > COARSE * scale:
            level = max(level, noise(above), noise(below))
        elif largest > abs(middle) > 0:
            level = max(level, base * min(largest / abs(middle), 1e6))
        greatest = max(greatest, largest)
        level = max(level, unit * largest)
        radius = level / step
        quotient = (right - left) / (2 * step)
        if not math.isfinite(quotient + radius):
            continue  # a step so small that it says nothing
        steps.insert(0, step)
        central = _next_column(central, _Entry(quotient, radius, math.inf), steps, even=True)
        forward, backward = (right - middle) / (above - x), (middle - left) / (x - below)
        jumps = _next_column(jumps, _Entry(forward - backward, 4 * radius, math.inf), steps, even=False)
        if radius + abs(forward - backward) < sides_error:
            sides, sides_error = (backward, forward), radius + abs(forward - backward)
        jump = min((jump, *jumps[1:]), key=lambda entry: entry.error)
        # The newest level must agree with all finer ones: within its error bar and theirs.
        newest = min(central, key=lambda entry: entry.error)
        error = newest.error if math.isfinite(newest.error) else newest.radius
        if newest.value - error > high or newest.value + error < low:
            if len(steps) <= CONFIRMED:
                best = best._replace(truncation=best.truncation + abs(newest.value - best.value))
            break
        if len(central) > 1:
            low, high = max(low, newest.value - 3 * error), min(high, newest.value + 3 * error)
            if newest.error < best.error:
                best, reach = newest, step
            if best.error <= enough * (abs(best.value) or FLAT * min(1.0, greatest)):
                break
    if base > max(max(DROWNED, ROUNDINGS_SEEN * unit) * greatest, 1e-9):
        return Estimate(math.nan, math.inf, *sides, False, evaluations)
    kink = abs(jump.value) > max(SIGNIFICANT * jump.error, 1e-6 * max(map(abs, sides)))
    error = best.error
    if abs(jump.value) > jump.error:  # too little for a kink, but there may be one: central differences halve the jump
        error += (abs(jump.value) - jump.error) / 2
    return Estimate(best.value, error, *sides, kink, evaluations, reach)


def steps_at(x: float, shift: float = 1.0, unit: float = ROUND_OFF) -> Iterator[float]:
    """The steps from fine to coarse: down from a quarter of the scale, and for a tiny x another segment at its own."""
    least = min(ROUNDINGS_OF_POINT * unit, PART_OF_POINT) * abs(x)
    coarse = 0.25 * shift * max(1.0, abs(x))
    finest = coarse / 4.0 ** (LEVELS - 1)
    tiny = 0.25 * shift * abs(x)
    if 0 < tiny < 1e5 * finest:
        for level in reversed(range(LEVELS - 4)):
            step = tiny / 4.0**level
            if least <= step < finest / 2 and step > 0 and x + step != x:
                yield step
    for level in reversed(range(LEVELS)):
        if least <= coarse / 4.0**level:
            yield coarse / 4.0**level


def _next_column(finer: list[_Entry], newest: _Entry, steps: list[float], even: bool) -> list[_Entry]:
    """One level of Neville's scheme: the entries that end at this level, from those that ended at the next finer one.

    The error of a central difference goes with even powers of the step, that of the jump with odd ones.
    """
    column = [newest]
    for k, fine in enumerate(finer[: COLUMNS - 1]):
        coarse = column[k]
        ratio = min(steps[0] / steps[k + 1], 1e60)  # two segments can be far apart
        divisor = ratio ** (2.0 if even else (2 * k + 1) / (k + 1)) - 1
        correction = (fine.value - coarse.value) / divisor
        value = fine.value + correction
        radius = fine.radius * (1 + 1 / divisor) + coarse.radius / divisor
        column.append(_Entry(value, radius, TRUNCATION * abs(correction)))
    return column
