"""``python -m benchmarks.accuracy``: values, first and second derivatives of every row, beside mpmath and beside peers.

The points are the whole range of floats: subnormal, tiny, ordinary and huge numbers, infinities and nan, of both signs;
for several operands, products of such. They are drawn from a fixed seed. A *disagreement* is a number that is further
from the exact one than ``BOUND`` units in the last place; below the least normal float, a unit is 5e-324.

The reference of a row is its value alone, in ``DIGITS`` digits. Its derivatives are differences with a step that is so
small, beside digits that are so many, that they are exact; so a new row needs one line here. Left out is what has no
derivative: kinks, ends of domains, and infinities with no limit.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from mpmath import mp
from numpy.typing import NDArray

from autodiff import OPERATIONS, Operation, Value, grad
from autodiff.registry import BUILT_IN
from benchmarks.peers import missing

BOUND = 4096
"""Units in the last place beyond which a number disagrees: twelve digits are right of sixteen."""
DIGITS = 1800
"""Of the references. Squares of 1e308 take 616 beside 1, and squares of the steps next to 0 twice 520."""
FEW_DIGITS = dict.fromkeys(("lgamma", "gamma", "digamma", "trigamma", "erfcinv"), 800)
"""Of references that take long, and are not constant near 0."""
STEP = 60
"""Digits of the steps of differences: relative for small operands, absolute for large ones."""
FINE_STEPS = dict.fromkeys(("power", "log1psq", "logmxp1", "sind", "cosd", "secd", "cscd"), 380)
"""Digits where an exponent of 1e308 would make much of a step, or a derivative is 0 but not its differences."""
BEYOND = 400
"""An infinity stands for e times 10 to this power, beyond all floats; and, to see where a limit is, to twice it."""
SEED = 18
ORDERS = ("value", "first derivative", "second derivative")

Point = tuple[float, ...]
Exact = Any
"""A number of mpmath; a float where it is infinite or nan; None where nothing is to be compared."""


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _erfc(x: Any) -> Any:
    """Beyond 100, where it is 1e-4345, mpmath's own does not end."""
    return mp.erfc(x) if abs(x) < 100 else mp.mpf(0 if x > 0 else 2)


def _atan2(y: Any, x: Any) -> Any:
    """Nothing on the cut, where the sign of a zero decides, and numbers of mpmath have none."""
    if y == 0 and x <= 0:
        raise ValueError("on the cut")
    return mp.atan2(y, x)


def _floor(quotient: Any) -> Any:
    """Of quotients whose steps are wider than those of differences."""
    if abs(quotient) > mp.mpf(10) ** (STEP // 2):
        raise ValueError("differences would step over whole numbers")
    return mp.floor(quotient)


def _of_gamma(x: Any) -> Any:
    """The number, unless it stands for an infinity, which would take more digits than there is time for."""
    if abs(x) > mp.mpf(10) ** (BEYOND - 1):
        raise ValueError("no limit is taken")
    return x


def _digamma(x: Any) -> Any:
    """By reflection below 0, where mpmath's own takes a step for every whole number."""
    x = _of_gamma(x)
    return mp.digamma(x) if x > 0 else mp.digamma(1 - x) - mp.pi * mp.cospi(x) / mp.sinpi(x)


def _trigamma(x: Any) -> Any:
    x = _of_gamma(x)
    return mp.psi(1, x) if x > 0 else (mp.pi / mp.sinpi(x)) ** 2 - mp.psi(1, 1 - x)


def _erfcx(x: Any) -> Any:
    """By an asymptotic series where the factors leave the range of mpmath."""
    if abs(x) < 100:
        return mp.exp(x * x) * mp.erfc(x)
    if x < -10000:
        raise ValueError("the exponential would take all memory")
    if x < 0:
        return 2 * mp.exp(x * x)
    terms, n = [mp.mpf(1)], 0
    while abs(terms[-1]) > mp.eps and n < x * x:
        n += 1
        terms.append(-terms[-1] * (2 * n - 1) / (2 * x * x))
    return mp.fsum(terms) / x / mp.sqrt(mp.pi)


REFERENCES: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "power": lambda x, n: mp.power(x, n),
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "erf": lambda x: 1 - _erfc(x) if abs(x) > 1 else mp.erf(x),
    "erfc": _erfc,
    "sigmoid": _sigmoid,
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * _erfc(-x / mp.sqrt(2)) / 2,
    "relu": lambda x: max(x, mp.mpf(0)),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "absolute": abs,
    "maximum": max,
    "minimum": min,
    "where": lambda condition, a, b: a if condition else b,
    "total": lambda *terms: mp.fsum(terms),
    "dot": lambda a, b, c, d: a * c + b * d,
    "hypot": lambda a, b: mp.sqrt(a * a + b * b),
    "norm": lambda *xs: mp.sqrt(mp.fsum(x * x for x in xs)),
    "floor": mp.floor,
    "ceil": mp.ceil,
    "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
    "rint": mp.nint,
    "floor_divide": lambda a, b: _floor(a / b),
    "mod": lambda a, b: a - b * _floor(a / b),
    "fmod": lambda a, b: mp.sign(a) * (abs(a) - abs(b) * _floor(abs(a / b))),
    "copysign": lambda a, b: abs(a) * mp.sign(b) if b else b / b,
    "clip": lambda x, low, high: min(max(x, low), high),
    "sign": mp.sign,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "exp2": lambda x: mp.mpf(2) ** x,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "logaddexp": lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
    "log1mexp": lambda x: mp.log(-mp.expm1(x)),
    "logit": lambda x: mp.log(x) - mp.log1p(-x),
    "xlogy": lambda x, y: x * mp.log(y) if x else x,
    "atan2": _atan2,
    "sinpi": mp.sinpi,
    "cospi": mp.cospi,
    "sinc": mp.sincpi,
    "deg2rad": mp.radians,
    "rad2deg": mp.degrees,
    "sec": mp.sec,
    "csc": mp.csc,
    "cot": mp.cot,
    "asec": mp.asec,
    "acsc": mp.acsc,
    "acot": lambda x: mp.atan(1 / x),
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "sech": mp.sech,
    "csch": mp.csch,
    "coth": mp.coth,
    "asech": mp.asech,
    "acsch": mp.acsch,
    "acoth": mp.acoth,
    "lgamma": lambda x: mp.re(mp.loggamma(_of_gamma(x))),
    "digamma": _digamma,
    "trigamma": _trigamma,
    "erfcx": _erfcx,
    "erfinv": mp.erfinv,
    "erfcinv": lambda x: mp.erfinv(1 - x),
    "gamma": lambda x: mp.gamma(_of_gamma(x)),
    "exp10": lambda x: mp.mpf(10) ** x,
    "xlog1py": lambda x, y: x * mp.log1p(y) if x else x,
    "xlogx": lambda x: x * mp.log(x) if x else x,
    "logsubexp": lambda a, b: max(a, b) + mp.log(-mp.expm1(-abs(a - b))),
    "logexpm1": lambda x: mp.log(mp.expm1(x)) if x < 10000 else x - mp.exp(-x),
    "log2mexp": lambda x: mp.log1p(-mp.expm1(x)),
    "log1psq": lambda x: mp.log1p(x * x),
    "log1pmx": lambda x: mp.log1p(x) - x,
    "logmxp1": lambda x: mp.log(x) - x + 1,
}
"""The value of each row, of numbers of mpmath."""
for _name in ("sin", "cos", "tan", "sec", "csc", "cot"):
    REFERENCES[f"{_name}d"] = lambda x, of=REFERENCES[_name]: of(mp.radians(x))
    REFERENCES[f"a{_name}d"] = lambda x, of=REFERENCES[f"a{_name}"]: mp.degrees(of(x))
ARITIES = {"total": 3, "dot": 4, "norm": 3}
"""Of rows of any number of operands, and their operands are positive: a sum that cancels is as good as its order."""


# ── Points ───────────────────────────────────────────────────────────────────────────────────────


def numbers(count: int, draw: random.Random) -> list[float]:
    """About that many numbers over the whole range of floats, of both signs; always those where something happens."""
    always = [0.0, 1.0, 2.0, 3.0, 0.5, 5e-324, 1e-310, 1e-17, 18.0, 20.0, 40.0, 710.0, 746.0, 1e308, math.inf]
    each = max(1, (count // 2 - len(always)) // 4)
    sizes = [
        *always,
        *(10.0 ** draw.uniform(-323, 308) for _ in range(each)),
        *(10.0 ** draw.uniform(-20, 3) for _ in range(each)),
        *(draw.uniform(0, 40) for _ in range(each)),
        *(1 + draw.choice((-1, 1)) * 2.0 ** draw.uniform(-52, -1) for _ in range(each)),
    ]
    return [sign * size for size in sizes for sign in (1, -1)] + [math.nan]


def points(row: Operation, count: int) -> list[Point]:
    """Points for a row, the same in every run."""
    draw = random.Random(f"{SEED} {row.name}")
    arity = row.arity or ARITIES[row.name]
    if arity == 1:
        return [(x,) for x in numbers(count, draw)]
    if arity == 2:
        pairs = [*itertools.product(numbers(round(count**0.5), draw), repeat=2)]
        return draw.sample(pairs, min(count, len(pairs)))
    found = [tuple(draw.choice(numbers(100, draw)) for _ in range(arity)) for _ in range(count // 4)]
    return found if row.arity else [tuple(map(abs, point)) for point in found]


# ── References ───────────────────────────────────────────────────────────────────────────────────


def exact(row: Operation, point: Point) -> list[list[Exact]]:
    """The value, the first derivatives and the second ones (of the upper triangle) at a point."""
    arity = len(point)
    if any(map(math.isnan, point)):
        if any(map(math.isinf, point)):
            return [[None] * len(order) for order in _places(arity)]  # hypot(inf, nan) is inf, as C has it
        varied = [_varied(row.name, point, nan) for nan, x in enumerate(point) if math.isnan(x)]
        each = [[*zip(*(found[order] for found in varied))] for order in range(3)]
        return [[math.nan if any(flags) else None for flags in order] for order in each]
    if not any(map(math.isinf, point)):
        exact_point = tuple(map(mp.mpf, point))
        if all(point):
            return _differences(row, exact_point)
        pair = [_differences(row, exact_point, power) for power in (BEYOND, BEYOND + STEP)]
    elif arity > 1:
        return [[None] * len(order) for order in _places(arity)]  # there may be as many limits as directions
    else:
        sign = mp.sign(point[0]) * mp.e
        pair = [_differences(row, (sign * mp.mpf(10) ** power,)) for power in (BEYOND, 2 * BEYOND)]
    return [[_limit(a, b) for a, b in zip(*orders)] for orders in zip(*pair)]


def _places(arity: int) -> list[list[tuple[int, ...]]]:
    """The value and the derivatives, by the operands that they are taken by."""
    return [[*itertools.combinations_with_replacement(range(arity), order)] for order in range(3)]


def _limit(near: Exact, far: Exact) -> Exact:
    if near is None or far is None:
        return None
    if abs(near - far) <= mp.mpf(10) ** -BEYOND or float(near) == float(far):
        return far
    return mp.sign(far) * mp.inf if abs(far) > BEYOND and mp.sign(far) == mp.sign(near) else None


@cache
def _varied(name: str, point: Point, nan: int) -> list[list[bool]]:
    """Which numbers depend on the operand at that place, the others as they are: what does must be nan with it."""
    found: list[list[list[Exact]]] = []
    for x in (0.3, -0.3, 0.6, 1.7):
        others = (0.8 if math.isnan(other) else other for other in point)
        found.append(
            _differences(OPERATIONS[name], tuple(mp.mpf(x if at == nan else y) for at, y in enumerate(others)))
        )
    columns = [[*zip(*orders)] for orders in zip(*found)]
    return [[len({float(x) for x in numbers if x is not None}) > 1 for numbers in order] for order in columns]


def _differences(row: Operation, point: tuple[Any, ...], at_zero: int = BEYOND) -> list[list[Exact]]:
    """Value and derivatives; the steps are relative to the operands, and to 10 to minus that power for an operand 0."""
    function = REFERENCES[row.name]
    arity = len(point)
    fine = mp.mpf(10) ** -FINE_STEPS.get(row.name, STEP)
    steps = [min(abs(x) or mp.mpf(10) ** -at_zero, 1) * fine for x in point]

    @cache
    def moved(*by: int) -> Any:
        try:
            found = function(*(x + times * step for x, times, step in zip(point, by, steps)))
        except (ZeroDivisionError, ValueError):
            return None
        return None if isinstance(found, mp.mpc) or not mp.isfinite(found) else mp.mpf(found)

    def value(**by: int) -> Any:
        return moved(*(by.get(f"x{place}", 0) for place in range(arity)))

    def first(i: int) -> Any:
        return (value(**{f"x{i}": 1}) - value(**{f"x{i}": -1})) / (2 * steps[i])

    def second(i: int, j: int) -> Any:
        if i == j:
            return (value(**{f"x{i}": 1}) - 2 * value() + value(**{f"x{i}": -1})) / steps[i] ** 2
        corners = [value(**{f"x{i}": a, f"x{j}": b}) * a * b for a in (1, -1) for b in (1, -1)]
        return mp.fsum(corners) / (4 * steps[i] * steps[j])

    def has_kink(i: int) -> bool:
        """Whether the differences from here, one step back, one step on and from there, are not the same."""
        numbers = [value(**{f"x{i}": by}) for by in (-1, 0, 1, 2)]
        if None in numbers:
            return False
        ascents = [after - before for before, after in itertools.pairwise(numbers)]
        return bool(max(ascents) - min(ascents) > mp.mpf(10) ** -(STEP // 2) * max(map(abs, ascents)))

    kink = (row.kinks or 0 in point) and any(map(has_kink, range(arity)))
    found: list[list[Exact]] = [[value()]]
    for formula, places in zip((first, second), _places(arity)[1:]):
        found.append([])
        for place in places:
            try:
                found[-1].append(None if kink or found[0][0] is None else formula(*place))  # type: ignore[operator]
            except TypeError:  # next to the point is the end of the domain
                found[-1].append(None)
    return found


# ── Ours and the peers' ──────────────────────────────────────────────────────────────────────────

Numbers = list[list[float]]
Results = list[NDArray[np.float64] | None]
"""Of one engine, for the value and each derivative in turn, at all points; None for what it does not have."""


def ours(row: Operation, point: Point) -> Numbers:
    """The value and the derivatives that the engine gives at a point."""
    nodes = [*map(Value, point)]
    result = row(*nodes)
    firsts = grad(result, nodes)
    seconds = [grad(each, nodes[place:]) for place, each in enumerate(firsts)]
    return [[result.data], [each.data for each in firsts], [each.data for line in seconds for each in line]]


def of_numpy(row: Operation, columns: Sequence[NDArray[np.float64]]) -> Results | None:
    """The values of NumPy's function of the same meaning."""
    function = getattr(np, row.ufunc, None)
    if not isinstance(function, np.ufunc) or row.name in ARITIES:
        return None
    with np.errstate(all="ignore"):
        return [np.asarray(function(*columns), float)]


def of_torch(row: Operation, columns: Sequence[NDArray[np.float64]]) -> Results | None:
    """PyTorch's values and derivatives."""
    import torch

    functional = torch.nn.functional
    own: dict[str, Callable[..., Any]] = {
        "power": torch.pow, "absolute": torch.abs, "total": lambda *xs: torch.stack(xs).sum(0),
        "dot": lambda a, b, c, d: a * c + b * d, "norm": lambda *xs: torch.stack(xs).norm(dim=0),
        "relu": torch.relu, "silu": functional.silu, "gelu": functional.gelu, "softplus": functional.softplus,
        "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
        "where": lambda condition, a, b: torch.where(condition != 0, a, b), "rint": torch.round,
        "trigamma": lambda x: torch.special.polygamma(1, x),
    }  # fmt: skip
    named = (getattr(module, name, None) for module in (torch, torch.special) for name in (row.name, row.ufunc))
    function = own.get(row.name) or next(filter(None, named), None)
    if function is None:
        return None
    xs = [torch.tensor(column, requires_grad=True) for column in columns]

    def derivatives(y: Any, by: Sequence[Any]) -> list[Any]:
        if not y.requires_grad:
            return [torch.zeros_like(x) for x in by]
        found = torch.autograd.grad(y.sum(), by, create_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if each is None else each for each, x in zip(found, by)]

    y = function(*xs)
    try:
        firsts = derivatives(y, xs)
    except RuntimeError:  # it has none
        return [y.detach().numpy()]
    seconds = [each for place, first in enumerate(firsts) for each in derivatives(first, xs[place:])]
    return [each.detach().numpy(force=True) for each in (y, *firsts, *seconds)]


def of_jax(row: Operation, columns: Sequence[NDArray[np.float64]]) -> Results | None:
    """JAX's values and derivatives."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    special = jax.scipy.special
    own: dict[str, Callable[..., Any]] = {
        "total": lambda *xs: jnp.sum(jnp.stack(xs)), "dot": lambda a, b, c, d: a * c + b * d,
        "norm": lambda *xs: jnp.linalg.norm(jnp.stack(xs)), "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus,
        "lgamma": special.gammaln, "erfinv": special.erfinv,
        "trigamma": lambda x: special.polygamma(1, x), "log1mexp": lambda x: jax.nn.log1mexp(-x),
        "relu": jax.nn.relu, "silu": jax.nn.silu, "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "leaky_relu": jax.nn.leaky_relu, "where": lambda condition, a, b: jnp.where(condition != 0, a, b),
    }  # fmt: skip
    function = own.get(row.name) or getattr(jnp, row.ufunc, None) or getattr(special, row.name, None)
    if function is None:
        return None
    by = tuple(range(len(columns)))
    firsts = jax.vmap(jax.grad(function, by))(*columns)
    seconds = jax.vmap(jax.hessian(function, by))(*columns)
    upper = [seconds[i][j] for i, j in _places(len(columns))[2]]
    return [np.asarray(each) for each in (jax.vmap(function)(*columns), *firsts, *upper)]


PEERS = {"NumPy": ("numpy", of_numpy), "PyTorch": ("torch", of_torch), "JAX": ("jax", of_jax)}


# ── The comparison ───────────────────────────────────────────────────────────────────────────────


def ulps(given: float, number: Exact) -> float:
    """How far a number is from the exact one, in units in the last place of that; inf where one alone is nan."""
    nearest = float(number)
    if math.isnan(nearest) or math.isnan(given):
        return 0.0 if nearest != nearest and given != given else math.inf
    if given == nearest:
        return 0.0
    if math.isinf(nearest) or math.isinf(given):  # one of them: the other may still be next to it
        largest = math.copysign(sys.float_info.max, nearest if math.isinf(nearest) else given)
        given, nearest = (largest if math.isinf(x) else x for x in (given, nearest))
        return abs(given - nearest) / math.ulp(largest)
    return float(abs(mp.mpf(given) - number) / math.ulp(nearest))


class Found(NamedTuple):
    """What was found of a row in one order."""

    row: str
    order: int
    compared: int
    worst: float
    at: Point
    disagreements: dict[str, int | None]
    """By engine; None for what it does not have."""
    worse: list[tuple[Point, float, float]]
    """Where ours disagrees and a peer does not: the point, our number and the exact one."""


def compare(row: Operation, count: int, engines: Sequence[str] = ()) -> Iterator[Found]:
    """The engine's numbers, and those of peers, at about that many points of a row."""
    where = points(row, count)
    columns = [np.array(column) for column in zip(*where)]
    peers = {name: PEERS[name][1](row, columns) for name in engines}
    with mp.workdps(FEW_DIGITS.get(row.name, DIGITS)):
        references = [exact(row, point) for point in where]
    given = [ours(row, point) for point in where]
    before = 0
    for order in range(3):
        places = range(len(given[0][order]))
        counts: dict[str, int | None] = {"ours": 0}
        counts |= {name: None if found is None or len(found) <= before else 0 for name, found in peers.items()}
        compared, worst, worst_at = 0, 0.0, where[0]
        worse = []
        for at, point in enumerate(where):
            for place in places:
                number = references[at][order][place]
                if number is None:
                    continue
                compared += 1
                error = ulps(given[at][order][place], number)
                if error > worst:
                    worst, worst_at = error, point
                theirs = {
                    name: ulps(float(found[before + place][at]), number)  # type: ignore[arg-type, index]
                    for name, found in peers.items()
                    if counts[name] is not None
                }
                for name, each in {"ours": error, **theirs}.items():
                    counts[name] += each > BOUND  # type: ignore[operator]
                if error > BOUND and min(theirs.values(), default=math.inf) <= BOUND:
                    worse.append((point, given[at][order][place], float(number)))
        yield Found(row.name, order, compared, worst, worst_at, counts, worse)
        before += len(places)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    options.add_argument("rows", nargs="*", metavar="ROW", help="which rows (all)")
    options.add_argument("--points", type=int, default=500, help="about how many points for each row (500)")
    options.add_argument(
        "--show", type=int, default=0, help="how many points of each kind to print where a peer is better"
    )
    chosen = options.parse_args(arguments)
    table = {name: row for name, row in OPERATIONS.items() if name in BUILT_IN and name in REFERENCES}
    unknown = {*chosen.rows} - {*table}
    if unknown:
        options.error(f"unknown row {', '.join(sorted(unknown))}; choose from {', '.join(table)}")
    notes = [note for name, (package, _) in PEERS.items() if (note := missing(name, package))]
    engines = [name for name in PEERS if name not in {note.engine for note in notes}]
    titles = ["ours", *engines]
    print(f"disagreements: further than {BOUND} units in the last place from the exact number")
    print(f"{'row':12} {'order':18}{'compared':>9}{'worst':>10}  {'at':44}" + "".join(f"{name:>9}" for name in titles)
          + f"{'worse':>7}")  # fmt: skip
    sums = dict.fromkeys([*titles, "worse", "compared", "points"], 0)
    for name in chosen.rows or table:
        for found in compare(table[name], chosen.points, engines):
            at = ", ".join(f"{x:.6g}" for x in found.at) if found.worst else ""
            counts = "".join(
                f"{'' if found.disagreements[each] is None else found.disagreements[each]:>9}" for each in titles
            )
            print(
                f"{name:12} {ORDERS[found.order]:18}{found.compared:9}{found.worst:10.3g}  {at:44}{counts}"
                f"{len(found.worse):7}"
            )
            for point, given, number in found.worse[: chosen.show]:
                print(f"    {point}: {given!r}, not {number!r}")
            for each in titles:
                sums[each] += found.disagreements[each] or 0
            sums["worse"] += len(found.worse)
            sums["compared"] += found.compared
        sums["points"] += len(points(table[name], chosen.points))
    print(f"\n{sums['points']} points, {sums['compared']} numbers compared; disagreements: "
          + ", ".join(f"{each} {sums[each]}" for each in titles)
          + f"; worse than the best of them at {sums['worse']}")  # fmt: skip
    for name in sorted({*OPERATIONS} & BUILT_IN - {*REFERENCES}):
        print(f"  without {name}: it has no reference yet")
    for engine, reason in notes:
        print(f"  without {engine}: {reason}")


if __name__ == "__main__":
    main()
