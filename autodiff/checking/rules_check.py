"""``check_rules``: all derivative rules of a table or of another framework's module, as a table of verdicts."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from random import Random
from types import ModuleType
from typing import Any, NamedTuple

from autodiff.checking.comparison import Comparison, Verdict, gravest
from autodiff.checking.directions import progress
from autodiff.checking.function_under_test import UncheckableFunctionError
from autodiff.checking.gradients import checked
from autodiff.checking.messages import GradientMismatchError
from autodiff.checking.operation_check import drawn_points, intervals_of
from autodiff.checking.wrong_rules import rule_comparisons, second_comparisons
from autodiff.operations import Interval, Operation
from autodiff.registry import BUILT_IN, OPERATIONS
from autodiff.value import Value

NEAR_ZERO = (1e-3, -1e-3, 1e-8, -1e-8)
"""Points that are tried beside those drawn, where many rules lose their digits."""

Compared = Callable[[tuple[float, ...]], Iterable[Comparison]]


class RuleResult(NamedTuple):
    """What was found of one rule, to one order."""

    rule: str
    domain: tuple[Interval, ...]
    order: int
    worst: float
    """The greatest relative error of a derivative that is more than the numerical one's own; nan if none is known."""
    verdict: Verdict
    where: tuple[float, ...] = ()
    """The point of the gravest verdict."""
    note: str = ""
    found: Comparison | None = None
    """The gravest comparison."""


class RuleTable(NamedTuple):
    """The results; it prints as a table."""

    results: tuple[RuleResult, ...]

    @property
    def failed(self) -> list[RuleResult]:
        """Those that are wrong."""
        return [result for result in self.results if result.verdict == "fail"]

    def __str__(self) -> str:
        lines = [("rule", "domain", "order", "worst error", "verdict")]
        for each in self.results:
            domain = " × ".join(f"[{low:g}, {high:g}]" for low, high in each.domain)
            where = (
                f" at {', '.join(f'{x:.6g}' for x in each.where)}"
                if each.where and each.verdict in ("fail", "inconclusive")
                else ""
            )
            verdict = each.verdict + where + (f": {each.note}" if each.note else "")
            lines.append((each.rule, domain, str(each.order), f"{each.worst:.1e}", verdict))
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def check_rules(
    rules: ModuleType | Mapping[str, Operation] | Iterable[Operation],
    *,
    domains: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    order: int = 2,
    points: int = 20,
    seed: int = 0,
) -> RuleTable:
    """Check many rules over their domains.

    Args:
        rules: rows of the table, such as ``OPERATIONS``; or a module of PyTorch, JAX or autograd, such as ``torch``,
            ``jax.numpy`` or ``autograd.numpy``: its functions that are called as rows of the table are.
        domains: by name, one interval for each operand: of functions that no row is called as, or in place of a row's.
        order: 1 for first derivatives alone; 2 for second ones as well.
        points: how many points to draw for each rule.
        seed: of the points.

    Raises:
        ValueError: ``order`` or ``points`` is out of range, or a module is of none of these packages.

    >>> table = check_rules([OPERATIONS["tanh"], OPERATIONS["divide"]])
    >>> [(each.rule, each.order, each.verdict) for each in table.results]
    [('tanh', 1, 'pass'), ('tanh', 2, 'pass'), ('divide', 1, 'pass'), ('divide', 2, 'pass')]
    """
    if order not in (1, 2) or isinstance(order, bool):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    if not isinstance(points, int) or points < 1:
        raise ValueError(f"points must be an int of at least 1, not {points!r}")
    found: list[tuple[str, tuple[Interval, ...], int, Compared]]
    if isinstance(rules, ModuleType):
        found = [*_of_module(rules, domains or {}, order)]
    else:
        rows: Iterable[Operation] = rules.values() if isinstance(rules, Mapping) else rules
        found = [each for row in rows for each in _of_row(row, (domains or {}).get(row.name), order)]
    results = [
        _result(name, intervals, nth, compared, points_of(intervals, points, seed))
        for name, intervals, nth, compared in progress(found)
    ]
    return RuleTable(tuple(results))


def points_of(intervals: Sequence[Interval], count: int, seed: int) -> list[tuple[float, ...]]:
    """Where a rule is checked: simple numbers, drawn ones, and close to 0."""
    near = [(x,) * len(intervals) for x in NEAR_ZERO if all(low < x < high for low, high in intervals)]
    return [*drawn_points(intervals, count, Random(seed)), *near]


def _of_row(row: Operation, domain: Any, order: int) -> Iterator[tuple[str, tuple[Interval, ...], int, Compared]]:
    intervals = intervals_of(row, domain, row.name)
    yield row.name, intervals, 1, partial(rule_comparisons, row)
    if order == 2:
        yield row.name, intervals, 2, partial(second_comparisons, row)


def _of_module(
    module: ModuleType, domains: Mapping[str, Any], order: int
) -> Iterator[tuple[str, tuple[Interval, ...], int, Compared]]:
    """The functions of a module that are called as rows of the table, or that a domain is given for."""
    package = module.__name__.partition(".")[0]
    if package not in KINDS:
        raise ValueError(f"check_rules knows modules of {', '.join(KINDS)}, not {module.__name__}")
    number, derivative = KINDS[package]()
    named = {name: row.domain for row in OPERATIONS.values() if row.name in BUILT_IN and row.arity
             for name in dict.fromkeys((row.name, row.ufunc))}  # fmt: skip
    named |= {name: tuple(Interval(*each) for each in given) for name, given in domains.items()}
    for name, intervals in named.items():
        function = getattr(module, name, None)
        if not callable(function):
            continue

        def compared(point: tuple[float, ...], function: Any = function, nth: int = 1) -> Sequence[Comparison]:
            try:
                of_inputs = function if nth == 1 else derivative(function, 0)
                options: dict[str, Any] = {}
                if package == "autograd":
                    places = range(len(point))
                    options["gradient"] = lambda *at: tuple(float(derivative(of_inputs, i)(*at)) for i in places)
                inputs = tuple(map(number, point))
                return checked(of_inputs, inputs, backward=Value.backward, vectorized=True, **options).comparisons
            except GradientMismatchError as mismatch:
                return mismatch.comparisons

        for nth in range(1, order + 1):
            yield f"{module.__name__}.{name}", tuple(intervals), nth, partial(compared, nth=nth)


def _result(
    name: str, intervals: tuple[Interval, ...], order: int, compared: Compared, points: Sequence[tuple[float, ...]]
) -> RuleResult:
    """The gravest verdict at the points, and the greatest error."""
    worst, note = math.nan, ""
    verdict: Verdict | None = None
    where: tuple[float, ...] = ()
    gravest_found: Comparison | None = None
    for point in points:
        try:
            comparisons = [*compared(point)]
        except UncheckableFunctionError as error:
            note = note or (error.reason if error.reason != "not finite" else "")
            continue
        except Exception as error:  # functions of others: whatever they raise belongs into the table
            note = note or f"{type(error).__name__}: {error}".splitlines()[0][:80]
            continue
        for each in comparisons:
            off = _relative_error(each)
            if not math.isnan(off):
                worst = off if math.isnan(worst) else max(worst, off)
            if verdict is None or gravest({verdict, each.verdict}) != verdict:
                verdict, where, gravest_found = each.verdict, point, each
    return RuleResult(name, intervals, order, worst, verdict or "inconclusive", where, note, gravest_found)


def _relative_error(found: Comparison) -> float:
    """How far off a derivative is, relatively, where that is more than the numerical one may be off itself; else 0."""
    off, size = abs(found.engine - found.estimate.value), max(abs(found.engine), abs(found.estimate.value))
    if found.verdict in ("kink", "inconclusive") or not math.isfinite(size) or not size:
        return math.nan
    return off / size if off > found.estimate.error else 0.0


def _of_torch() -> tuple[Callable[[float], Any], Callable[[Any, int], Any]]:
    torch = sys.modules["torch"]

    def derivative(f: Callable[..., Any], at: int) -> Callable[..., Any]:
        slope = torch.func.grad(lambda *xs: f(*xs).sum(), at)
        return lambda *xs: slope(*xs) + sum(0 * x for x in xs)  # a constant one depends on its operands, too

    return partial(torch.tensor, dtype=torch.float64), derivative


def _of_jax() -> tuple[Callable[[float], Any], Callable[[Any, int], Any]]:
    jax = sys.modules["jax"]
    return lambda x: jax.numpy.asarray(float(x)), lambda f, at: jax.grad(lambda *xs: f(*xs).sum(), at)


def _of_autograd() -> tuple[Callable[[float], Any], Callable[[Any, int], Any]]:
    autograd = sys.modules["autograd"]
    return float, lambda f, at: autograd.elementwise_grad(f, at)


KINDS = {"torch": _of_torch, "jax": _of_jax, "autograd": _of_autograd}
"""By package: what makes a number of its kind, and the derivative of a function, element by element, by one operand."""
