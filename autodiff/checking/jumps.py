"""Jumps of a function near a point: stairs and teeth that are finer than the steps of a numerical derivative.

Across those, differences say nothing of a derivative: a quantised function is flat between its stairs, and climbs with
all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from autodiff.checking.extrapolation import UNDERFLOW, Estimate, steps_at

JUMP = 64.0
"""A function that moves by more roundings than these, from one number to the next, jumps there."""
FEW_DIGITS = 2.0**-21
"""A smaller jump of a function of which only values are known, relative to these, may be float32 inside of it."""
TREAD = 2.0**-40
"""How far from each other, relative to the scale, points are that show whether a function stays the same."""
HALVINGS = 128
"""How often an interval is halved to find a jump, at most."""
JUMPS = "the function jumps within the steps that a numerical derivative takes: it has stairs or teeth finer than those"


def jumps(
    f: Callable[[float], float],
    x: float,
    estimate: Estimate,
    noise: Callable[[float], float],
    unit: float,
    digits: float = 0.0,
) -> bool:
    """Whether the function jumps between two neighbouring numbers, on the way of the estimate's steps from the point.

    Where it changes first, the half in which it changes more is halved again, down to neighbours. What is less than the
    noise there is no jump. But where the noise is guessed from values, stairs look like noise, and what stays the same
    on either side of the point is none.

    Args:
        f: the function; nan outside of its domain.
        x: the point.
        estimate: its derivative there.
        noise: of the function at a point.
        unit: the greatest relative error of one rounding.
        digits: the relative size of jumps that say nothing; 0 where the noise is known.

    >>> from autodiff.checking.extrapolation import ROUND_OFF, extrapolated
    >>> stairs = lambda x: math.floor(1e4 * x) / 1e4
    >>> [jumps(f, 0.5, extrapolated(f, 0.5, lambda x: 0.0), lambda x: 0.0, ROUND_OFF) for f in (stairs, math.sin)]
    [True, False]
    """
    here = f(x)
    apart = TREAD * max(1.0, abs(x))
    sides = [{f(x + way * apart * place) for place in (1, 2, 3)} for way in (1, -1)]
    steady = digits > 0 and all(len(values) == 1 for values in sides)
    slopes = (estimate.value, estimate.left, estimate.right)
    slope = max((abs(each) for each in slopes if math.isfinite(each)), default=0.0)
    scale = max(abs(here), slope * max(1.0, abs(x)))
    for way in (1.0, -1.0):
        end = next((x + way * step for step in steps_at(x, unit=unit)
                    if step <= estimate.step and f(x + way * step) != here), x)  # fmt: skip
        near, far, low, high = x, end, here, f(end)
        for _ in range(HALVINGS):
            middle = near + (far - near) / 2
            if middle in (near, far):
                break
            value = f(middle)
            if abs(value - low) >= abs(high - value):
                far, high = middle, value
            else:
                near, low = middle, value
        least = max(unit * max(abs(low), abs(high)), slope * abs(far - near), UNDERFLOW)
        if not steady:
            least = max(least, noise(near), noise(far))
        if abs(high - low) > max(JUMP * least, digits * scale):
            return True
    return False
