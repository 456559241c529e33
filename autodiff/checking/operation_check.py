"""``check_operation``: one line tests an operation, its own rules and its place in the chain rule."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple, get_args

from autodiff.backward import edges, topological_order
from autodiff.checking.comparison import Comparison, Verdict, absolute_adjoints
from autodiff.checking.function_under_test import UncheckableFunctionError, needs_function
from autodiff.checking.gradients import Backward, checked
from autodiff.checking.messages import GradientMismatchError, formatted
from autodiff.checking.wrong_rules import fault, named_fault, rule_comparisons, second_comparisons
from autodiff.operations import REALS, Interval, Operation
from autodiff.value import Value
from autodiff.zeros import ZERO

REFERENCE = 1e-12
"""The relative difference allowed between the value and the reference."""
SIMPLE = (0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0, -2.0)
CONTEXTS: tuple[tuple[str, Callable[[Any, Any], Any]], ...] = (
    ("op(x)", lambda y, x: y),
    ("2 * op(x) + x", lambda y, x: 2 * y + x),
    ("w * op(x) - x", lambda y, x: 3.7 * y - x),
)


class OperationError(AssertionError):
    """An operation is wrong; ``faults`` names what, one line each."""

    def __init__(self, name: str, faults: Sequence[str]) -> None:
        super().__init__(f"the operation {name!r} is wrong:\n" + "\n".join(f"  {line}" for line in faults))
        self.faults = tuple(faults)


class OperationReport(NamedTuple):
    """How many derivatives of an operation were compared, with which verdicts."""

    operation: str
    verdicts: dict[Verdict, int]
    skipped: str = ""
    """Why there was no second derivative to compare, if there was none."""


def check_operation(
    op: Operation | Callable[..., Any],
    reference: Callable[..., float] | None = None,
    *,
    domain: Sequence[Interval | tuple[float, float]] | None = None,
    order: int = 2,
    points: int = 20,
    seed: int = 0,
    backward: Backward = Value.backward,
) -> OperationReport:
    """Test an operation over its domain: value, first and second derivative, alone and in context.

    The contexts ``2 * op(x) + x`` and ``w * op(x) - x`` show what ``op(x)`` alone hides: a missing upstream gradient,
    and gradients that are overwritten instead of accumulated. An operation of several operands is also given
    the same ``Value`` twice.

    Args:
        op: a row of the table, or any function of ``Value``s.
        reference: the same function of floats from elsewhere, such as ``math`` or mpmath: it checks the value.
        domain: an interval for each operand; by default that of the row. A variadic row is tested with as many
            operands as there are intervals, by default four.
        order: 1 for the first derivative alone.
        points: how many points to draw.
        seed: of the points.
        backward: the backward pass to be checked.

    Raises:
        OperationError: something is wrong; the message names the fault, such as "sign flipped".
        UncheckableFunctionError: the operation returns no ``Value``, or is finite at none of the points.
        ValueError: ``order`` is neither 1 nor 2; the domain is missing for a function that is no row, or does not
            fit; or ``points`` is not positive.

    >>> from autodiff import operation
    >>> cube = operation("cube_of", lambda x: x**3, lambda x, y: 3 * x * x, replace=True)
    >>> check_operation(cube).verdicts["pass"] > 50
    True
    >>> wrong = operation("wrong_cube", lambda x: x**3, lambda x, y: -3 * x * x, replace=True)
    >>> check_operation(wrong)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autodiff.checking.operation_check.OperationError: the operation 'wrong_cube' is wrong:
      the derivative by operand 0: sign flipped (at ...
    """
    if isinstance(op, str):
        raise TypeError(f"op must be an operation or a function, not its name: write check_operation(lookup({op!r}))")
    needs_function(op, "op")
    if not isinstance(points, int) or points < 1:
        raise ValueError(f"points must be an int of at least 1, not {points!r}")
    if order not in (1, 2) or isinstance(order, bool):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    name = op.name if isinstance(op, Operation) else getattr(op, "__name__", repr(op))
    intervals = intervals_of(op, domain, name)
    drawn = drawn_points(intervals, points, Random(seed))
    verdicts: Counter[Verdict] = Counter(dict.fromkeys(get_args(Verdict), 0))
    faults: dict[str, str] = {}
    skipped = ""
    wrong: dict[str, list[tuple[str, tuple[float, ...], Comparison]]] = {}

    finite = [point for point in drawn if math.isfinite(_value_of(op, name, point))]
    if not finite:
        raise UncheckableFunctionError(
            "not finite", f"{name} is finite at none of {points} points of its domain {[*map(tuple, intervals)]}"
        )
    verdicts["inconclusive"] += len(drawn) - len(finite)
    for point in finite:
        if reference is not None:
            got, expected = _value_of(op, name, point), float(reference(*point))
            if not (repr(got) == repr(expected) or abs(got - expected) <= REFERENCE * max(abs(got), abs(expected))):
                faults.setdefault("the value", f"is {got!r} at {point}, but the reference gives {expected!r}")
        if isinstance(op, Operation):
            for what, comparisons in (("", rule_comparisons), ("second ", second_comparisons))[:order]:
                try:
                    compared = comparisons(op, point)
                except TypeError as error:
                    if not what:
                        faults.setdefault("the derivative", f"cannot be computed: {error}")
                    order, skipped = 1, str(error)  # a rule written with math's functions: it does not run on Values
                    continue
                verdicts.update(found.verdict for found in compared)
                for found in compared:
                    if found.verdict == "fail":
                        named = named_fault(found, float(op(*point)), point)
                        wrong.setdefault(f"the {what}derivative by {found.name}", []).append((named, point, found))
    for where, failures in wrong.items():
        # At a single point one fault may look like another: where the output is 2, a factor 2 like scaled by it.
        usual = Counter(what for what, _, _ in failures).most_common(1)[0][0]
        faults[f"{where}: {usual}"] = next(_at(point, found) for what, point, found in failures if what == usual)
    if not faults:
        for point in finite:
            for arguments, call in _calls(op, point, intervals):
                compared, cut = _in_context(call, arguments, order, backward, faults)
                verdicts.update(found.verdict for found in compared)
                if cut:
                    order, skipped = 1, cut
    if faults:
        raise OperationError(name, [f"{what} {where}" for what, where in faults.items()])
    return OperationReport(name, dict(verdicts), skipped)


def intervals_of(op: Any, domain: Any, name: str) -> tuple[Interval, ...]:
    if domain is not None:
        intervals = tuple(Interval(*interval) for interval in domain)
        for low, high in intervals:
            if not -math.inf < low <= high < math.inf:
                raise ValueError(f"an interval of the domain must be (low, high), both finite, not {(low, high)}")
        arity = op.arity if isinstance(op, Operation) else None
        if not intervals or arity not in (None, len(intervals)):
            raise ValueError(f"the domain of {name} needs an interval for each operand, not {len(intervals)} intervals")
        return intervals
    if not isinstance(op, Operation):
        raise ValueError(f"{name} is no operation of the table: pass domain=[(low, high), ...], one for each operand")
    return op.domain if op.arity is not None else (REALS,) * 4


def drawn_points(intervals: Sequence[Interval], count: int, random: Random) -> list[tuple[float, ...]]:
    """Simple numbers first, a random one in place of each that is outside of the domain, then random ones alone."""
    inside = [
        tuple(number if low < number < high else random.uniform(low, high) for low, high in intervals)
        for number in SIMPLE[: count // 2]
    ]
    drawn = [tuple(random.uniform(low, high) for low, high in intervals) for _ in range(count - len(inside))]
    return inside + drawn


def _calls(
    op: Any, point: tuple[float, ...], intervals: Sequence[Interval]
) -> list[tuple[tuple[float, ...], Callable[..., Any]]]:
    """The operation at a point, and given the same operand everywhere, where that is inside of every domain.

    Where it is a kink of the operation the conventions of its rules need not add up, as those of relu(x) - relu(-x).
    """
    calls: list[tuple[tuple[float, ...], Callable[..., Any]]] = [(point, op)]
    same = (point[0],) * len(point)
    inside = all(low <= point[0] <= high for low, high in intervals)
    if len(point) > 1 and inside and math.isfinite(op(*[Value(point[0])] * len(point)).number):
        singular = isinstance(op, Operation) and any(found.verdict == "kink" for found in rule_comparisons(op, same))
        if not singular:
            calls.append(((point[0],), lambda x: op(*[x] * len(point))))
    return calls


def _in_context(
    op: Callable[..., Any], point: tuple[float, ...], order: int, backward: Backward, faults: dict[str, str]
) -> tuple[list[Comparison], str]:
    """The comparisons in each context, and why there are none of second derivatives, if so."""
    compared: list[Comparison] = []
    skipped = ""
    for context, wrap in CONTEXTS:

        def f(*xs: Value, wrap: Callable[[Any, Any], Any] = wrap) -> Any:
            return wrap(op(*xs), xs[0])

        try:
            try:
                compared += checked(f, point, order, backward=backward, allow_unused=True).comparisons
            except TypeError as error:
                if order == 1:
                    raise
                order, skipped = 1, str(error)
                compared += checked(f, point, 1, backward=backward, allow_unused=True).comparisons
        except GradientMismatchError as mismatch:
            compared += mismatch.comparisons
            wrong = next(c for c in mismatch.comparisons if c.verdict == "fail")
            faults.setdefault(f"in {context}: {_propagation(f, point, wrong)}", _at(point, wrong))
            break
    return compared, skipped


def _propagation(f: Callable[..., Any], point: tuple[float, ...], wrong: Comparison) -> str:
    """What is wrong where all rules are right: how gradients are passed on and added up."""
    if wrong.note:
        return wrong.note
    nodes = [*map(Value, point)]
    root = f(*nodes)
    what = fault(wrong.engine, wrong.estimate.value, root.number, point)
    if ", " in wrong.name:
        return f"the second derivative by operands {wrong.name}: {what}"
    order = topological_order(root)
    root.backward()
    parts = [
        (local, local * out.grad)
        for out, _, parent, local in edges(order)
        if parent is nodes[int(wrong.name)] and local is not ZERO
    ]
    scale = 1e-6 * max(absolute_adjoints(order).values())
    if any(abs(wrong.engine - part) <= scale for _, part in parts) and len(parts) > 1:
        return "overwritten instead of accumulated"
    total = sum(part for _, part in parts)
    # Where the upstream gradient is 1, nobody can have left it out.
    if any(abs(wrong.engine - (total - part + local)) <= scale for local, part in parts if local != part):
        return "missing upstream"
    return what


def _value_of(op: Callable[..., Any], name: str, point: tuple[float, ...]) -> float:
    result = op(*map(Value, point))
    if not isinstance(result, Value):
        raise UncheckableFunctionError(
            "returns no Value", f"{name} returned {type(result).__name__} {result!r:.60} for Values, not a Value"
        )
    return result.number


def _at(point: tuple[float, ...], comparison: Comparison) -> str:
    return f"(at {', '.join(f'{x:.6g}' for x in point)})\n{formatted(comparison)}"
