"""Which rule is wrong: each local derivative of a graph beside the numerical derivative of the primal alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from autodiff.checking.comparison import Claim, Comparison, Verdict, compare, gravest
from autodiff.checking.function_under_test import in_domain
from autodiff.checking.graphs import Graph
from autodiff.checking.noise import ULP, jitter
from autodiff.derivatives import grad
from autodiff.operations import Operation, as_local
from autodiff.value import Value

NOISE = 4.0
"""The error of a primal, in units of 2⁻⁵² of its result."""
MANY = 64
"""Of more operands than these, only some are compared."""
SOME = 8
"""How many of them."""
SAME = 1e-6
"""How near, relatively, a wrong derivative must be to what a name for the fault says it is."""
EXPLAINED = 1e-3
"""And the part of its difference from the right one that may remain."""
NUDGE = 2.0**-17
"""The step of a plain central difference, relative to the operand."""
FACTORS = {"missing": 0.0, "sign flipped": -1.0, "factor 2": 2.0, "factor ½": 0.5}
"""The names of faults by the ratio of the wrong derivative to the right one."""


def rule_comparisons(op: Operation, operands: Sequence[float]) -> list[Comparison]:
    """One comparison for each operand: the row's local derivative, and the numerical one of the primal.

    Of many operands, only those are compared whose local derivatives are the farthest from a plain central difference.

    >>> from autodiff import lookup
    >>> [found.verdict for found in rule_comparisons(lookup("divide"), (1.0, 3.0))]
    ['pass', 'pass']
    """
    operands = tuple(operands)
    locals_ = [as_local(local, op) for local in op.local_derivatives(operands, op(*operands))]

    def along(at: int) -> Callable[[float], float]:
        return in_domain(lambda x: float(op(*operands[:at], x, *operands[at + 1 :])))

    def off(at: int) -> float:
        f, x = along(at), operands[at]
        step = NUDGE * (abs(x) or 1.0)
        return abs(locals_[at] - (f(x + step) - f(x - step)) / (2 * step))

    places: Sequence[int] = range(len(operands))
    if len(operands) > MANY:
        places = sorted(places, key=off, reverse=True)[:SOME]
    return [_compared(f"operand {at}", locals_[at], along(at), operands[at]) for at in places]


def second_comparisons(op: Operation, operands: Sequence[float]) -> list[Comparison]:
    """The derivatives of the row's local derivatives, by the engine, beside the numerical ones; of many, some."""
    operands = tuple(operands)
    nodes = [Value(x) for x in operands]
    firsts = grad(op(*nodes), nodes)

    def along(first: int, at: int) -> Callable[[float], float]:
        def f(x: float) -> float:
            moved = (*operands[:at], x, *operands[at + 1 :])
            return as_local(op.local_derivatives(moved, op(*moved))[first], op)

        return in_domain(f)

    places = range(0, len(nodes), 1 if len(nodes) <= MANY else len(nodes) // SOME)
    return [
        _compared(f"operands {first}, {at}", seconds[at].number, along(first, at), operands[at])
        for first in places
        for seconds in [grad(firsts[first], nodes)]
        for at in places
    ]


def _compared(name: str, local: float, f: Callable[[float], float], x: float) -> Comparison:
    floor = jitter(f, x)

    def noise(x: float) -> float:
        return max(floor, NOISE * ULP * abs(f(x)))

    adjoint = abs(local) if math.isfinite(local) else 0.0
    claim = Claim(name=name, engine=local, f=f, x=x, noise=lambda seed: noise, absolute_adjoint=adjoint,
                  rules=lambda: "fail")  # no other rule excuses it  # fmt: skip
    return compare(claim)


def faults(graph: Graph, second: bool = False) -> list[str]:
    """The operations of a graph whose rules are wrong at its point, with the fault named."""
    order = "second derivative" if second else "derivative"
    found = [
        f"the {order} of {op.name!r} by {comparison.name}: {named_fault(comparison, float(op(*operands)), operands)}"
        for op, operands, comparison in _rules(graph, second)
        if comparison.verdict == "fail"
    ]
    return list(dict.fromkeys(found))  # in order, each once


def kinks(graph: Graph) -> list[str]:
    """The operations of a graph that are taken at a kink, where their derivative is a convention."""
    return list(dict.fromkeys(op.name for op, _, found in _rules(graph, second=False) if found.verdict == "kink"))


def verdict_on_rules(graph: Graph, second: bool = False) -> Verdict:
    """The gravest verdict on the rules of a graph at its point, which may be right beside it."""
    return gravest([found.verdict for _, _, found in _rules(graph, second) if found.verdict != "inconclusive"])


def _rules(graph: Graph, second: bool) -> Iterator[tuple[Operation, list[float], Comparison]]:
    """Every comparison of the rules of a graph at its point, with the operation and its operands."""
    numbers = graph.numbers()
    for op, slots in graph.instructions:
        operands = [numbers[slot] for slot in slots]
        if all(map(math.isfinite, operands)):
            for found in (second_comparisons if second else rule_comparisons)(op, operands):
                yield op, operands, found


def named_fault(wrong: Comparison, y: float, operands: Sequence[float]) -> str:
    """A name for what is wrong with a local derivative: the comparison's note, or what the numbers say."""
    return wrong.note or fault(wrong.engine, wrong.estimate.value, y, operands)


def fault(engine: float, numeric: float, y: float, operands: Sequence[float]) -> str:
    """A name for the fault that explains all but a thousandth of the difference between two derivatives.

    >>> fault(6.0, 1.0, 6.0, [6.0])
    'scaled by its output'
    >>> fault(0.5000005, 0.5, 1.0, [1.0])
    '1 + 1e-06 times the right one'
    """
    if not math.isfinite(engine):
        return f"{engine} where it is {numeric:.6g}"
    by_operands = {f"scaled by operand {i}": x for i, x in enumerate(operands)}
    for name, factor in (FACTORS | {"scaled by its output": y} | by_operands).items():
        if abs(engine - numeric * factor) <= min(SAME * abs(engine), EXPLAINED * abs(engine - numeric)):
            return name
    return times(engine, numeric, "the right one") if numeric else f"{engine:.6g} where it is 0"


def times(engine: float, numeric: float, what: str) -> str:
    """The ratio of two numbers in words; of one near 1 how far it is from that.

    >>> times(2.5, 1.0, "the derivative")
    '2.5 times the derivative'
    """
    ratio = engine / numeric
    if abs(ratio - 1) > 5e-5:
        return f"{ratio:.6g} times {what}"
    return f"1 {'+' if ratio > 1 else '-'} {abs(engine - numeric) / abs(numeric):.2g} times {what}"
