"""One derivative of the engine beside its numerical estimate, and the verdict on it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from autodiff.backward import edges
from autodiff.checking.extrapolation import ROUND_OFF, UNDERFLOW, Estimate, extrapolated, steps_at
from autodiff.checking.function_under_test import in_domain
from autodiff.checking.jumps import JUMPS, jumps
from autodiff.checking.noise import jitter
from autodiff.value import Value
from autodiff.zeros import NOT_COMPUTED, ZERO

Verdict = Literal["pass", "fail", "kink", "inconclusive"]

RELATIVE = 1e-7
"""The relative difference that is always allowed."""
ERRORS = 10.0
"""How many estimated errors of the numerical derivative are allowed."""
ENOUGH = RELATIVE / ERRORS / 10
"""The relative error of a numerical derivative that adds no more than a tenth to what is always allowed."""
ROUNDINGS, AT_MOST = 64.0, 0.05
"""How many roundings of the absolute adjoint are allowed, and the most of it, which counts where digits are few."""
FEW = 2.0**-13
"""A greater rounding leaves few digits, as in float16 and bfloat16."""
FEW_ERRORS = 4.0
"""How many estimated errors are allowed then: they are mostly those of rounding the result, which are bounded."""
GRADIENT_NOISE = 4.0
"""How many times the noise of the engine's gradient makes a difference inconclusive."""
CONCLUSIVE = 1e-2
"""A tolerance that is a greater part than this of the derivative decides nothing."""
OTHER_STEPS = 0.7
"""The factor of all steps in the second, independent estimate."""
STEADY = 0.1
"""How much the derivative may change on one side of a kink, in parts of what it is off by at the kink."""
BESIDE, NEGLIGIBLE, NOTHING = 1e-6, 1e-12, 1e-9
"""A tolerance that is a smaller part than these, of the other derivatives or of the function itself, decides that a
derivative is as good as 0; the last where the function stays the same on either side."""
VANISHING = 2.0**-511
"""A tolerance that decides so where the function itself is 0, as relu is on the left."""
TYPICAL = 1e-3
"""The size of a typical derivative of a function whose noise is known."""
NO_NUMBER = "0 · ∞ or ∞ - ∞: the chain rule cannot tell"
INFINITE = "∞ on the way back: the chain rule cannot tell"
OVERFLOWS = "the derivative is beyond the largest number of its type"
NO_CONVENTION = "not between the one-sided derivatives, as a convention at a kink is"


class Tolerance(NamedTuple):
    """What may lie between two derivatives, taken apart.

    It is 1e-7 of the greater one, 10 times the estimated error of the numerical one, and 64 roundings of the gradient's
    absolute adjoint A: what cancellation in the backward pass may cost.
    """

    relative: float
    numerical: float
    round_off: float

    @property
    def total(self) -> float:
        return self.relative + self.numerical + self.round_off


class Comparison(NamedTuple):
    """One derivative: what the engine says, what the numbers say, and the verdict."""

    name: str
    """The input, or two inputs for a second derivative."""
    x: float
    engine: float
    estimate: Estimate
    tolerance: Tolerance
    verdict: Verdict
    note: str = ""
    """Why the verdict is what it is, where the numbers alone do not say."""


def gravest(verdicts: Collection[Verdict]) -> Verdict:
    """The gravest of the verdicts: fail, inconclusive, kink or pass."""
    grave: tuple[Verdict, ...] = ("fail", "inconclusive", "kink")
    return next((verdict for verdict in grave if verdict in verdicts), "pass")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A derivative that is claimed, and what is known of its function.

    Attributes:
        name: of the input.
        engine: the derivative to be checked.
        f: the function of this input alone.
        x: the point.
        noise: for a seed, the function that gives the noise of f at a point.
        absolute_adjoint: A, the derivative with all local derivatives taken absolute.
        derivative: the engine's derivative as a function of this input: it may excuse a difference.
        derivative_noise: gives the noise of the engine's derivative at the point.
        rules: gives the gravest verdict on the rules that the derivative was computed with; asked where that decides.
        unit: the greatest relative error of one rounding: 2⁻⁵³, or that of float32.
        size: of a sum of derivatives, which may cancel: the root of the sum of their squares.
        typical: the size of the derivatives by all inputs: one that is 0 is known well enough if its error is far less.
        digits: the relative size of jumps that say nothing, where nothing but values is known of the function.
        largest: the largest number that the derivative can be: of float32, 3.4e38.
    """

    name: str
    engine: float
    f: Callable[[float], float]
    x: float
    noise: Callable[[int], Callable[[float], float]]
    absolute_adjoint: float
    derivative: Callable[[float], float] | None = None
    derivative_noise: Callable[[], float] = lambda: 0.0
    rules: Callable[[], Verdict] = lambda: "pass"
    unit: float = ROUND_OFF
    size: float = 0.0
    typical: float = TYPICAL
    digits: float = 0.0
    largest: float = sys.float_info.max


def compare(claim: Claim) -> Comparison:
    """Compare a derivative with its estimate; a "fail" or "kink" must be that of a second, noisier estimate, too."""
    claim = replace(claim, f=in_domain(claim.f), derivative=claim.derivative and in_domain(claim.derivative))
    found = _compared(claim)
    if found.verdict == "fail" and math.isfinite(claim.engine):
        noise = claim.noise(0)
        if jumps(claim.f, claim.x, found.estimate, noise, claim.unit, claim.digits):
            return found._replace(verdict="inconclusive", note=JUMPS)
    return found


def glance(claim: Claim) -> Comparison:
    """Compare a derivative with one estimate alone, which costs a fifth: a "fail" may be that of the estimate."""
    claim = replace(claim, f=in_domain(claim.f))
    return _judged(claim, extrapolated(claim.f, claim.x, claim.noise(0), enough=ENOUGH, unit=claim.unit))


def _compared(claim: Claim) -> Comparison:
    f, x, engine, unit = claim.f, claim.x, claim.engine, claim.unit
    numerical = extrapolated(f, x, claim.noise(0), enough=ENOUGH, unit=unit)
    first = _judged(claim, numerical)
    if first.verdict not in ("fail", "kink"):
        return first
    if first.verdict == "fail" and claim.derivative is not None and math.isfinite(engine):
        step = max(next(steps_at(x, unit=unit)), ERRORS * claim.noise(0)(x) / abs(engine - numerical.value))
        with suppress(TypeError):  # a rule written with math's functions runs on floats alone: nothing is recorded
            if _excused(first, claim.derivative, claim.derivative_noise(), step, claim.rules):
                return first._replace(verdict="inconclusive")
    other, floor = claim.noise(1), jitter(f, x, unit)
    again = extrapolated(f, x, lambda t: max(other(t), floor), shift=OTHER_STEPS, unit=unit)
    second = _judged(claim, again)
    if first.verdict == "kink" and second.verdict == "pass":
        return second  # one rounding of an operation is not all the noise that it has
    contradict = abs(numerical.value - again.value) > ERRORS * (numerical.error + again.error)
    if second.verdict != first.verdict or (first.verdict == "fail" and contradict):
        return first._replace(verdict="kink" if second.verdict == "kink" else "inconclusive")
    if first.verdict == "kink" and not _is_between_sides(first) and not _is_between_sides(second):
        if not math.isfinite(engine):
            return first._replace(verdict="inconclusive", note=NO_NUMBER if math.isnan(engine) else INFINITE)
        wrong = claim.rules() == "fail" and _is_steady_beside(claim, first)
        return first._replace(verdict="fail" if wrong else "inconclusive", note=NO_CONVENTION)
    return first


def _is_steady_beside(claim: Claim, kink: Comparison) -> bool:
    """Whether the derivative is about the same at several places on each side of a kink, as beside a corner.

    Where it is not, the function oscillates faster than the steps, which see a corner where there is none.
    """
    if claim.derivative is None:
        return True
    off = min(abs(kink.engine - side) for side in (kink.estimate.left, kink.estimate.right))
    step = max(next(steps_at(claim.x, unit=claim.unit)), ERRORS * claim.noise(0)(claim.x) / off)
    with suppress(TypeError):  # a rule written with math's functions runs on floats alone: nothing is recorded
        for way in (1, -1):
            beside = [claim.derivative(claim.x + way * step * 1.5**i) for i in range(4)]
            if not max(beside) - min(beside) <= STEADY * off:
                return False
    return True


def _is_between_sides(kink: Comparison) -> bool:
    """Whether the derivative at a kink is one of those that a convention may choose: from D⁻ to D⁺."""
    found = kink.estimate
    # Steps too wide for a fast oscillation see a kink where there is none; the derivative may be known all the same.
    beside = [each for each in (found.value - found.error, found.value + found.error) if math.isfinite(each)]
    sides = (found.left, found.right, *beside)
    low, high = min(sides), max(sides)
    slack = CONCLUSIVE * max(abs(low), abs(high)) + kink.tolerance.round_off
    return low - slack <= kink.engine <= high + slack


def _excused(
    failed: Comparison,
    derivative: Callable[[float], float],
    noise: float,
    step: float,
    rules: Callable[[], Verdict],
) -> bool:
    """Whether the derivative may be as far from its numerical value with nothing wrong.

    It has noise of its own, which A does not show where a local derivative magnifies a rounded intermediate result, as
    in x / log(exp(x)) at 1e-8. And the function may have a feature that its values do not show: a corner close by, or a
    fast oscillation whose amplitude is below their rounding, as of 1e17 + sin(1e9 x). Then the engine's derivatives a
    step away differ from that at the point. But where all of those confirm the numerical value, and an operation of the
    graph fails or is at a kink, the derivative is wrong at this point alone.
    """
    numeric = failed.estimate.value
    off = abs(failed.engine - numeric)
    here = derivative(failed.x)
    # At a single distance, a fast oscillation may be where it is at x.
    distances = [step * 1.5**i for i in range(4)]
    sides = [(derivative(failed.x - each), derivative(failed.x + each)) for each in distances]
    feature = max(abs((left + right) / 2 - here) for left, right in sides)
    if off > failed.tolerance.total + GRADIENT_NOISE * (noise + feature):
        return False
    alone = all(abs(side - numeric) <= CONCLUSIVE * off for pair in sides for side in pair)
    return not (alone and off > failed.tolerance.total + GRADIENT_NOISE * noise and rules() in ("fail", "kink"))


def _judged(claim: Claim, estimate: Estimate) -> Comparison:
    """The verdict of one estimate."""
    engine, numeric, among, unit = claim.engine, estimate.value, claim.size, claim.unit
    size = max(abs(engine) if math.isfinite(engine) else 0.0, abs(numeric))
    roundings = min(ROUNDINGS * unit, AT_MOST)
    tolerance = Tolerance(
        max(RELATIVE, roundings) * (among or size),
        (FEW_ERRORS if unit > FEW else ERRORS) * estimate.error,
        roundings * claim.absolute_adjoint,
    )
    undecided = tolerance.numerical + tolerance.round_off
    few = min(0.5, 4 * ROUNDINGS * unit)
    decides = max(CONCLUSIVE, few)
    verdict: Verdict = "inconclusive"
    note = ""
    if not math.isfinite(claim.absolute_adjoint):  # the way back leads through a singular point, as that of sqrt(x - x)
        note = NO_NUMBER if math.isnan(engine) else INFINITE
    elif estimate.kink:
        verdict = "kink"
    elif not math.isfinite(tolerance.total):
        pass
    elif math.isinf(engine) and numeric * math.copysign(1.0, engine) + tolerance.numerical >= claim.largest:
        note = OVERFLOWS
    elif not abs(engine - numeric) <= tolerance.total:  # nan among them
        verdict = "fail"
    elif size == 0 and undecided < VANISHING:
        verdict = "pass"
    elif 0 < size < UNDERFLOW / ROUND_OFF:  # lost to underflow
        pass
    elif undecided <= max(decides * max(size, among), max(BESIDE, few) * max(claim.absolute_adjoint, claim.typical)):
        verdict = "pass"
    else:
        part = max(NEGLIGIBLE, few) if size else max(NOTHING, 4 * few)
        if undecided <= part * _magnitude(claim.f, claim.x):
            verdict = "pass"
    return Comparison(claim.name, claim.x, engine, estimate, tolerance, verdict, note)


def _magnitude(f: Callable[[float], float], x: float) -> float:
    """How great the function is at the point and on both sides, but 1 at most."""
    step = 0.25 * max(1.0, abs(x))
    return min(1.0, max(abs(y) for y in (f(x), f(x - step), f(x + step), 0.0) if math.isfinite(y)))


def absolute_adjoints(order: list[Value]) -> dict[Value, float]:
    """A backward pass over the absolute local derivatives: how much each gradient is made of before cancellation.

    A contribution is at least the least normal float: a product that underflows is wrong by a rounding of that.

    >>> from autodiff import topological_order
    >>> x = Value(2.0)
    >>> absolute_adjoints(topological_order(x * x - x * x))[x]
    8.0
    """
    adjoint: dict[Value, float] = dict.fromkeys(order, NOT_COMPUTED)
    adjoint[order[-1]] = 1.0
    for out, _, parent, local in edges(order):
        upstream = adjoint[out]
        if local is not ZERO and upstream is not NOT_COMPUTED:
            adjoint[parent] += max(abs(local) * upstream, UNDERFLOW * max(upstream, 1.0))
    return adjoint
