"""The noise of a function: how far rounding may have moved its result.

A function that was recorded is run again with every operation's result multiplied by 1 ± k·2⁻⁵², k from 1 to 3; what
that moves the result by is its noise, cancellation included. Of a function of plain floats nothing is known but its
values: there third differences over a few neighbouring points, which a smooth function leaves at 0, show how much they
jitter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from autodiff.operations import VARIABLE, Operation
from autodiff.value import Value

ULP = 2.0**-52
RUNS = 3
"""How often a recorded function is run again."""
FACTORS = [1.0 + k * ULP for k in (-3, -2, -1, 1, 2, 3)]
"""What results are multiplied by. 1 is none of them: now and then, all three runs would change nothing."""
NEIGHBOURS = 0.9137 * 2.0**-24
"""The first distance of neighbouring points, relative to the point: a smooth function's third difference is below
1e-21. No power of 2, so that the points are not rounded alike. It grows with the square root of the rounding unit."""
LEAST = 2.0**-1022
"""The least distance: one that underflows would never grow."""
WIDER = 16.0
"""The ratio of one distance to the next."""
FINEST, COARSEST = 2.0**-66, 2.0**-16
"""Where a distance greater than the point begins, and the last, relative to the scale of the point."""
SMOOTH = (WIDER**1.5, WIDER**3.5)
"""A third difference that grows by a factor between these, from one distance to the next, is not noise."""
VISIBLE = 16.0
"""A third difference of more roundings of the values than these shows noise of something else."""
DEVIATIONS = 3.0
"""How many standard deviations the noise is."""


def roundings(op: Operation, operands: int) -> Sequence[int]:
    """By how many roundings each operand of a variadic operation is moved, beside its result; none of any other.

    A sum of n numbers from left to right rounds n times: all of that moves its first operand, one rounding its last.
    The roundings go the same way, as they do where the summands are equal.

    >>> from autodiff import lookup
    >>> [*roundings(lookup("total"), 3)]
    [3, 2, 1]
    """
    return range(operands, 0, -1) if operands > 2 and op.arity is None else ()


def rerun(order: Sequence[Value], factors: Sequence[float]) -> float:
    """The last node's number, computed anew with each result multiplied by its factor.

    >>> a = Value(3.0)
    >>> b = a * a
    >>> rerun([a, b], [1.0, 2.0])
    18.0
    """
    numbers: dict[Value, float] = {}
    for node, factor in zip(order, factors):
        parents = node.parents
        if not parents:
            numbers[node] = node.number
            continue
        operands = [numbers[parent] for parent in parents]
        moved = roundings(node.op, len(operands))
        if moved:
            operands = [number * (1.0 + times * (factor - 1.0)) for number, times in zip(operands, moved)]
        numbers[node] = node.op.evaluate(operands) * factor
    return numbers[order[-1]]


def recorded_noise(order: Sequence[Value], seed: int = 0) -> float:
    """The noise of a recorded node, the last of its topological order.

    >>> from autodiff import topological_order
    >>> x = Value(1e8)
    >>> recorded_noise(topological_order((x + 1) - x)) > 1e-9
    True
    """
    # What is computed from constants alone stays as it is: its rounding is the same at every point, and the exponent
    # 2 - 1 in a derivative of x ** 2 must remain a whole number.
    varying: set[Value] = set()
    for node in order:
        if node.op is VARIABLE or not varying.isdisjoint(node.parents):
            varying.add(node)
    random = Random(seed)
    exact = order[-1].number
    worst = 0.0
    for _ in range(RUNS):
        drawn = random.choices(FACTORS, k=len(order))
        moved = abs(rerun(order, [k if node in varying else 1.0 for node, k in zip(order, drawn)]) - exact)
        if not moved <= worst:
            worst = moved
    return worst if math.isfinite(worst) else math.inf


def jitter(f: Callable[[float], float], x: float, unit: float = ULP / 2) -> float:
    """The noise of a function of floats, from its values at points close to x: the less of both sides of x.

    Outside of its domain the function gives nan; see :func:`~autodiff.checking.function_under_test.in_domain`. The unit
    is the greatest relative error of one rounding of its numbers: 2⁻⁵³, or 2⁻²⁴ of float32.

    >>> jitter(lambda x: (x + 1e8) - 1e8, 1.0) > 1e-9
    True
    >>> jitter(lambda x: math.log(1 + x), 1e-12) > 1e-17  # within one rounding of 1 + x, nothing jitters
    True
    """
    return min(_one_sided(f, x, 1.0, unit), _one_sided(f, x, -1.0, unit))


def neighbours(x: float, unit: float) -> list[float]:
    """The distances at which third differences are taken, from fine to coarse."""
    wider = math.sqrt(unit / (ULP / 2))
    distances = [max(NEIGHBOURS * wider * (abs(x) or 1.0), LEAST)]
    while distances[-1] < COARSEST * math.sqrt(wider) * max(1.0, abs(x)):
        distance = WIDER * distances[-1]
        distances.append(max(distance, FINEST) if distance > abs(x) else distance)
    return distances


def _one_sided(f: Callable[[float], float], x: float, way: float, unit: float) -> float:
    """The noise from one side: the third difference at the finest distance, or one that stays when the distance grows.

    From one distance to the next, noise stays about the same, and the third difference of a smooth function grows with
    the third power of the ratio. Where it grows by more, the finer distances lay within one rounding of an intermediate
    result, as of 1 + x, and showed nothing.
    """
    finest, *coarser = neighbours(x, unit)
    noise, visible = _third_difference(f, x, way * finest, unit)
    before, smooth = noise if visible else 0.0, False
    for distance in coarser:
        found, visible = _third_difference(f, x, way * distance, unit)
        if found == math.inf:
            break
        growth = found / before if before else math.inf
        if growth > SMOOTH[0]:
            smooth = growth < SMOOTH[1]
        elif not smooth:
            noise = max(noise, before)
        before = found if visible else 0.0
    return noise


def _third_difference(f: Callable[[float], float], x: float, distance: float, unit: float) -> tuple[float, bool]:
    """What third differences leave of the values on one side, and whether it is more than rounding those costs."""
    values = [f(x + distance * i) for i in range(7)]
    thirds = [abs((a - d) - 3 * (b - c)) for a, b, c, d in zip(values, values[1:], values[2:], values[3:])]
    if not all(map(math.isfinite, thirds)):
        return math.inf, False
    left = max(thirds)
    # The standard deviation of a third difference is √20 times that of f.
    return DEVIATIONS * left / math.sqrt(20), left > 2 * VISIBLE * unit * max(map(abs, values))
