"""A gradient of many inputs: along random directions first, then bisected to the entries that are wrong.

Along a random direction every wrong entry shows with probability one; the directions are several, since a gradient can
be built orthogonal to one. Where one does not pass, each half of its entries is tried alone, down to single ones: some
log₂ n directions for each wrong entry, in place of n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from autodiff.checking.arrays import Floats
from autodiff.checking.comparison import (
    ENOUGH,
    ERRORS,
    FEW,
    OTHER_STEPS,
    ROUNDINGS,
    TYPICAL,
    Claim,
    Comparison,
    Verdict,
    compare,
    glance,
)
from autodiff.checking.extrapolation import COARSE, ROUND_OFF, extrapolated, steps_at
from autodiff.checking.jumps import FEW_DIGITS
from autodiff.checking.noise import VISIBLE, jitter, neighbours
from autodiff.checking.plain_function import Scalar
from autodiff.hooks import during

SINGLES = 64
"""Up to this many inputs, each is compared alone."""
PROBES = 3
"""How many directions are tried. The last one moves entries more where the gradient is small, so that errors show."""
LARGEST = 1020.0
"""The greatest exponent of a move, so that some steps along it stay below overflow."""
BALANCE = 2.0**10
"""How much more, at most."""
NAMED, KINKS = 8, 256
"""After this many entries that did not pass, or are at kinks, the halves that are left are not taken apart."""
MEASURED = 10_000
"""Of more inputs than these, the noise at the point stands for that at the ends of the steps."""
ROUNDED, FEW_ROUNDED = 4.0, 1.5
"""The least noise of a function of which nothing is known but its values, in roundings of its result; the second where
digits are few, and the jitter of neighbouring points shows little else."""
_shown: ContextVar[bool] = ContextVar("_shown", default=False)
DELAY = 3.0
"""After so many seconds, progress is shown."""
WITHIN = "each half alone passes: the difference is within their tolerances"
FLAT = "the function stays the same: so small a derivative is below the rounding of what it is computed from"
BETWEEN = "right between the jumps of the function; its values do not tell jumps from a rounded intermediate result"
CLOSE = 0.1
"""How well steps between jumps must know the derivative, relatively."""
FINER = 2.0**-16
"""The factor of all steps where jumps may be close by."""
REST = "not taken apart"

Indices = NDArray[np.int64]


def progress(things: Sequence[Any]) -> Iterator[Any]:
    """The things one after the other; where that takes some seconds, with a bar that shows how far it is.

    Within another one's things no second bar is shown.
    """
    if _shown.get():
        yield from things
        return
    with during(_shown, True):
        yield from tqdm(things, desc="checking gradients", delay=DELAY, leave=False)


class Line:
    """A scalar along a line through its point: x is an entry of the point, or 0 along a direction.

    What rounding moves a point off the line by is taken out of the value to first order, with the gradient that is
    checked; a wrong one leaves an error of the size of a rounding.
    """

    def __init__(self, scalar: Scalar, indices: Indices, moves: Floats) -> None:
        self.scalar, self.indices, self.moves = scalar, indices, moves
        self.single = len(indices) == 1
        self.x = float(scalar.point[indices[0]]) if self.single else 0.0
        self.chosen = slice(None) if len(indices) == len(scalar.point) else indices
        self.slopes = scalar.gradient[indices]
        self.flat_slopes = np.where(np.isfinite(self.slopes), self.slopes, 0.0)
        self._known: dict[float, float] = {}

    def places(self, xs: Floats) -> tuple[Floats, Floats]:
        """The points, as their dtype holds them, and what that adds to the function."""
        scalar = self.scalar
        points = np.repeat(scalar.point[None], len(xs), axis=0)
        if self.single and scalar.unit == ROUND_OFF:
            points[:, self.indices[0]] = xs
            return points, np.zeros(len(xs))
        here = points[:, self.chosen]
        with np.errstate(all="ignore"):
            if self.single:
                wanted, lost = xs[:, None], np.zeros((len(xs), 1))
            else:
                moved = xs[:, None] * self.moves
                wanted = here + moved
                other = wanted - here
                lost = (here - (wanted - other)) + (moved - other)  # wanted + lost is exact (Knuth's two-sum)
            points[:, self.chosen] = wanted
            rounded = scalar.rounded(points)
            off = (rounded[:, self.chosen] - wanted) - lost
            added = (off * self.flat_slopes).sum(axis=1)
        return rounded, added

    def prefetch(self, xs: Sequence[float]) -> None:
        """Evaluate the function at many places at once."""
        new = [x for x in dict.fromkeys(xs) if x not in self._known and math.isfinite(x)]
        if not new:
            return
        points, added = self.places(np.array(new))
        with np.errstate(all="ignore"):
            self._known.update(zip(new, (self.scalar.values(points) - added).tolist()))

    def __call__(self, x: float) -> float:
        if not math.isfinite(x):
            return math.nan
        if x not in self._known:
            self.prefetch([x])
        return self._known[x]

    def ladder(self, shift: float) -> None:
        """Evaluate the function at all steps that can be asked for, if that costs little more than one."""
        if self.scalar.batched:
            unit, x = self.scalar.unit, self.x
            steps = [*steps_at(x, shift, unit)]
            self.prefetch([x, *(x + way * step for step in steps for way in (1, -1))])

    def slope(self, x: float) -> float:
        """The gradient that is checked, along the line."""
        points, _ = self.places(np.array([x]))
        return float(self.scalar.gradient_near(points[0])[self.indices] @ self.moves)

    def slope_noise(self) -> float:
        """How far that moves within a few roundings of the point."""
        here = float(self.slopes @ self.moves)
        return max(abs(float(near[self.indices] @ self.moves) - here) for near in self.scalar.nearby)

    def floor(self, seed: int) -> Callable[[float], float]:
        """The noise of the function, from its values alone unless it is known."""
        scalar = self.scalar
        if scalar.own_noises is not None:
            here = scalar.noise_here(seed)
            if len(scalar.point) > MEASURED:
                return lambda x: here
            known = {self.x: here}
            own = scalar.own_noises

            def measure(xs: Sequence[float]) -> None:
                known.update(zip(xs, own(self.places(np.array(xs))[0], seed).tolist()))

            if scalar.batched:  # where the walk from fine to coarse may ask
                finest, *steps = steps_at(self.x, OTHER_STEPS if seed else 1.0, scalar.unit)
                wide = [finest, *(step for step in steps if step > COARSE * max(1.0, abs(self.x)))]
                measure([x for step in wide for x in (self.x + step, self.x - step) if math.isfinite(x)])

            def noise(x: float) -> float:
                if x not in known:
                    measure([x])
                return known[x]

            return noise
        if scalar.batched:
            distances = [way * each for each in neighbours(self.x, scalar.unit) for way in (1, -1)]
            self.prefetch([self.x + each * i for each in distances for i in range(7)])
        few = scalar.unit > FEW
        least = max((FEW_ROUNDED if few else ROUNDED) * scalar.unit * abs(self(self.x)), scalar.spread)
        found = max(jitter(self, self.x, scalar.unit), least)
        if few and found < VISIBLE * least:
            found = least
        return lambda x: found


def line_compared(
    scalar: Scalar,
    indices: Indices,
    moves: Floats,
    name: str,
    rules: Callable[[], Verdict],
    floor: float | None = None,
) -> Comparison:
    """The derivative along a line, as the gradient and as the values have it; with a known noise, at a glance."""
    line = Line(scalar, indices, moves)
    with np.errstate(all="ignore"):
        engine = float(line.slopes @ moves)
        parts = np.abs((scalar.gradient if scalar.adjoint is None else scalar.adjoint)[indices] * moves)
        adjoint = float((parts if scalar.adjoint is not None else parts[np.isfinite(parts)]).sum())
    line.ladder(1.0)

    def noise(seed: int) -> Callable[[float], float]:
        if floor is not None:
            return lambda x: floor
        if seed:
            line.ladder(OTHER_STEPS)
        return line.floor(seed)

    size = _finite(math.hypot(*parts)) if len(indices) > 1 else 0.0
    claim = Claim(
        name=name,
        engine=engine,
        f=line,
        x=line.x,
        noise=noise,
        absolute_adjoint=adjoint,
        derivative=line.slope,
        derivative_noise=line.slope_noise,
        rules=rules,
        unit=scalar.unit,
        size=size,
        typical=max(scalar.typical, 0.0 if scalar.own_noises is None else TYPICAL),
        largest=scalar.largest,
        digits=0.0 if scalar.own_noises is not None else FEW_DIGITS,
    )
    if floor is not None:
        return glance(claim)
    found = compare(claim)
    if found.verdict == "fail" and scalar.adjoint is None:
        # Of a function of which only values are known, the gradients nearby show what may have cancelled at the point.
        step = max(steps_at(line.x, unit=scalar.unit), default=0.0)
        wide = max((abs(line.slope(line.x + way * step)) for way in (1, -1)), key=_finite)
        if math.isfinite(wide) and wide > adjoint:
            found = compare(replace(claim, absolute_adjoint=wide))
        flat = _flat(line, scalar.unit)
        if found.verdict == "fail" and flat:
            # Values that stay the same may have lost what moved in an intermediate result, as log(1 + 1e-20) has.
            lost = ROUNDINGS * scalar.unit * max(1.0, abs(line(line.x)))
            if found.estimate.step <= 4 * flat:  # and by so much over a step where the estimate knows no wider one
                lost /= flat
            if abs(found.engine) <= lost and abs(found.estimate.value) <= lost:
                return found._replace(verdict="inconclusive", note=FLAT)
        if found.verdict == "fail" and found.engine and _is_right_between_jumps(line, claim):
            return found._replace(verdict="inconclusive", note=BETWEEN)
    return found


def _is_right_between_jumps(line: Line, claim: Claim) -> bool:
    """Whether steps so fine that nothing but rounding is their noise confirm the derivative.

    floor(x) / x at 1e8 has jumps of 1e-8 close by, and so has a function that rounds x on the way: its derivative is
    that across the jumps.
    """
    least = max(ROUNDED * claim.unit * abs(line(line.x)), line.scalar.spread)
    if line.floor(0)(line.x) <= VISIBLE * least:
        return False
    for shift in (1.0, FINER):
        fine = extrapolated(line, line.x, lambda t: least, shift=shift, enough=ENOUGH, unit=claim.unit)
        error = ERRORS * fine.error
        if abs(claim.engine - fine.value) <= error <= CLOSE * abs(claim.engine):
            return True
    return False


def _flat(line: Line, unit: float) -> float:
    """The greatest step, from fine to coarse, up to which the function stays the same on either side of the point."""
    here, flat = line(line.x), 0.0
    for step in steps_at(line.x, unit=unit):
        if here not in (line(line.x + step), line(line.x - step)):
            break
        flat = step
    return flat


def _finite(x: float) -> float:
    return x if math.isfinite(x) else 0.0


def entries_compared(
    scalar: Scalar, rules: Callable[[], Verdict] = lambda: "fail", seed: int = 0, singles: int = SINGLES
) -> Iterator[Comparison]:
    """Few inputs each alone; many along directions, and where these do not pass, the entries to blame."""
    count = len(scalar.point)
    if count <= singles:
        for at in progress(range(count)):
            yield line_compared(scalar, np.array([at]), np.ones(1), scalar.name(at), rules)
        return
    random = np.random.default_rng(seed)
    settled = np.zeros(count, bool)
    for probe in progress(range(PROBES)):
        balanced = probe == PROBES - 1
        moves = _direction(scalar, random, balanced)
        indices = np.flatnonzero(~settled)
        if not len(indices):
            return
        if balanced and _group(scalar, indices, moves, rules, "").verdict == "inconclusive":
            return  # where the noise is too much for the small gradients, the other directions stand
        wrong = 0
        for found, entry in _bisected(scalar, indices, moves, rules, f"direction {probe + 1}"):
            if entry is not None:
                settled[entry] = True
                wrong += found.verdict == "fail"
            yield found
        if wrong >= NAMED:
            return  # enough is named


def _direction(scalar: Scalar, random: np.random.Generator, balanced: bool) -> Floats:
    """Powers of two of random sign: no less than the point's scale, so that points are exact on the first ladder."""
    scale = np.exp2(np.minimum(np.ceil(np.log2(np.maximum(1.0, np.abs(scalar.point)))), LARGEST))
    if balanced:
        with np.errstate(all="ignore"):
            sizes = np.abs(scalar.gradient * scale)
            largest = np.max(sizes[np.isfinite(sizes)], initial=0.0)
            weights = np.clip(largest / sizes, 1.0, BALANCE)
        scale *= np.exp2(np.round(np.log2(np.where(np.isfinite(weights), weights, BALANCE) / BALANCE)))
    signed: Floats = scale * random.choice([-1.0, 1.0], len(scale))
    return signed


def _bisected(
    scalar: Scalar, indices: Indices, moves: Floats, rules: Callable[[], Verdict], name: str
) -> Iterator[tuple[Comparison, int | None]]:
    """The comparison along a direction; if it does not pass, a glance at its halves, down to single entries."""
    whole = _group(scalar, indices, moves, rules, name)
    if whole.verdict == "pass":
        yield whole, None
        return
    line = Line(scalar, indices, moves[indices])
    floor = line.floor(0)(line.x)
    stack: list[tuple[Indices, Comparison]] = [(indices, whole)]
    named = kinks = 0
    explained = False
    while stack:
        group, found = stack.pop()
        if len(group) == 1:
            single = line_compared(scalar, group, np.ones(1), scalar.name(int(group[0])), rules)
            kinks += single.verdict == "kink"
            named += single.verdict in ("fail", "inconclusive")
            explained |= single.verdict != "pass"
            yield single, int(group[0])
            continue
        if named >= NAMED or kinks >= KINKS:
            explained = True
            rest = _group(scalar, group, moves, rules, name)
            yield rest._replace(note=rest.note or REST), None
            continue
        middle = len(group) // 2
        halves = [(half, _group(scalar, half, moves, rules, name, floor)) for half in (group[:middle], group[middle:])]
        worse = [(half, each) for half, each in halves if each.verdict != "pass"]
        stack += worse[::-1]
        # What hid the derivative of both together, such as a corner close by, hides that of neither alone.
        yield from ((each, None) for _, each in halves if each.verdict == "pass" and found.verdict != "fail")
    if whole.verdict == "fail" and not explained:
        yield whole._replace(verdict="inconclusive", note=WITHIN), None


def _group(
    scalar: Scalar,
    indices: Indices,
    moves: Floats,
    rules: Callable[[], Verdict],
    name: str,
    floor: float | None = None,
) -> Comparison:
    """A direction of several entries. At a kink nothing is said of a group: the sides of its entries may cancel."""
    if len(indices) > 1:
        first, last = scalar.name(int(indices[0])), scalar.name(int(indices[-1]))
        name = f"{name} ({len(indices)} inputs, {first} … {last})"
    found = line_compared(scalar, indices, moves[indices], name, rules, floor)
    return found._replace(verdict="inconclusive") if found.verdict == "kink" else found


def outputs_compared(
    scalar_of: Callable[[Floats], Scalar], outputs: int, rules: Callable[[], Verdict], seed: int = 0
) -> Iterator[Comparison]:
    """A function of several outputs: along a random cotangent first; where that does not pass, each output alone."""
    random = np.random.default_rng(seed)
    if outputs == 1:
        yield from entries_compared(scalar_of(np.ones(1)), rules, seed)
        return
    worse: list[Any] = []
    for _ in range(2):
        cotangent = random.choice([-1.0, 1.0], outputs) * np.exp2(random.integers(-1, 2, outputs))
        found = [*entries_compared(scalar_of(cotangent), rules, seed)]
        worse = [each for each in found if each.verdict != "pass"]
        yield from (each for each in found if each.verdict == "pass")
        if worse:
            break
    if not worse:
        return
    shown = 0
    for at in progress(range(outputs)):
        unit = np.zeros(outputs)
        unit[at] = 1.0
        for each in entries_compared(scalar_of(unit), rules, seed):
            if each.verdict != "pass":
                shown += 1
                yield each._replace(name=f"{each.name} (of output {at})")
        if shown >= NAMED:
            return
    if not shown:
        yield from worse
