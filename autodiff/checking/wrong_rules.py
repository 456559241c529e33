"""Which rule is wrong: each local derivative of a graph beside the ladder's derivative of the primal alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from autodiff import Value, grad
from autodiff.checking.comparison import Comparison, compare
from autodiff.checking.graphs import Graph
from autodiff.checking.noise import ULP, jitter
from autodiff.operations import Operation

NOISE = 4.0
"""The error of a primal, in units of 2⁻⁵² of its result."""
MANY = 64
"""Of more operands than these, only some are compared."""
SOME = 8
"""How many of them."""
NEAR = 1e-6
"""How near, relatively, a wrong derivative must be to what a name for the fault says it is."""
EXPLAINED = 1e-3
"""And the part of its difference from the right one that may remain."""
NUDGE = 2.0**-17
"""The step of a plain central difference, relative to the operand."""


def rule_comparisons(op: Operation, operands: Sequence[float]) -> list[Comparison]:
    """One comparison for each operand: the row's local derivative, and the numerical one of the primal.

    Of many operands, only those are compared whose local derivatives are the farthest from a plain central difference.

    >>> from autodiff import lookup
    >>> [found.verdict for found in rule_comparisons(lookup("divide"), (1.0, 3.0))]
    ['pass', 'pass']
    """
    operands = tuple(operands)
    y = op(*operands)
    locals_ = op.local_derivatives(operands, y)
    at: Sequence[int] = range(len(operands))
    if len(operands) > MANY:
        at = sorted(at, key=lambda i: -abs(float(locals_[i]) - _central(op, operands, i)))[:SOME]
    return [_compared(op, operands, i, float(locals_[i]), second=False) for i in at]


def _central(op: Operation, operands: tuple[float, ...], at: int) -> float:
    x = operands[at]
    step = NUDGE * (abs(x) or 1.0)
    above, below = (op(*operands[:at], x + way, *operands[at + 1 :]) for way in (step, -step))
    return float((above - below) / (2 * step))


def second_comparisons(op: Operation, operands: Sequence[float]) -> list[Comparison]:
    """The derivatives of the row's local derivatives, by the engine, beside the numerical ones; of many, some."""
    operands = tuple(operands)
    nodes = [Value(x) for x in operands]
    firsts = grad(op(*nodes), nodes)
    at = range(0, len(nodes), 1 if len(nodes) <= MANY else len(nodes) // SOME)
    found = []
    for i in at:
        seconds = grad(firsts[i], nodes)
        found += [_compared(op, operands, j, seconds[j].data, second=True, first=i) for j in at]
    return found


def _compared(
    op: Operation, operands: tuple[float, ...], at: int, local: float, second: bool, first: int = 0
) -> Comparison:
    def f(x: float) -> float:
        moved = (*operands[:at], x, *operands[at + 1 :])
        if not second:
            return float(op(*moved))
        return float(op.local_derivatives(moved, op(*moved))[first])

    floor = jitter(f, operands[at])

    def noise(x: float) -> float:
        return max(floor, NOISE * ULP * abs(f(x)))

    name = f"operand {at}" if not second else f"operands {first}, {at}"
    return compare(name, local, f, operands[at], lambda seed: noise, abs(local) if math.isfinite(local) else 0.0)


def culprits(graph: Graph, second: bool = False) -> list[str]:
    """The operations of a graph whose rules are wrong at its point, with the fault named."""
    order = "second derivative" if second else "derivative"
    found: dict[str, None] = {}  # in order, each once
    for op, operands, comparison in _rules(graph, second):
        if comparison.verdict == "fail":
            what = fault(comparison.engine, comparison.estimate.value, float(op(*operands)), operands)
            found[f"the {order} of {op.name!r} by {comparison.name}: {what}"] = None
    return list(found)


def pinned(graph: Graph) -> list[str]:
    """The operations of a graph that are taken at a kink, where their derivative is a convention."""
    return list(dict.fromkeys(op.name for op, _, found in _rules(graph, second=False) if found.verdict == "kink"))


def suspect(graph: Graph, second: bool = False) -> bool:
    """Whether a graph may be wrong at its point and right beside it: by a rule that is wrong there, or at a kink."""
    return any(found.verdict in ("fail", "kink") for _, _, found in _rules(graph, second))


def _rules(graph: Graph, second: bool) -> Iterator[tuple[Operation, list[float], Comparison]]:
    """Every comparison of the rules of a graph at its point, with the operation and its operands."""
    values = graph.values()
    for step in graph.steps:
        operands = [values[at] if type(at) is int else at for at in step.operands]
        if all(map(math.isfinite, operands)):
            for found in (second_comparisons if second else rule_comparisons)(step.op, operands):
                yield step.op, operands, found


def fault(engine: float, numeric: float, y: float, operands: Sequence[float]) -> str:
    """A name for what is wrong with a local derivative: one that explains all but a thousandth of the difference.

    >>> fault(6.0, 1.0, 6.0, [6.0])
    'scaled by its output'
    >>> fault(0.5000005, 0.5, 1.0, [1.0])
    '1 + 1e-06 times the right one'
    """
    if engine == 0:
        return "missing"
    names = {"sign flipped": -1.0, "scaled by its output": y, "factor 2": 2.0, "factor ½": 0.5}
    names |= {f"scaled by operand {i}": x for i, x in enumerate(operands)}
    for name, factor in names.items():
        if abs(engine - numeric * factor) <= min(NEAR * abs(engine), EXPLAINED * abs(engine - numeric)):
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
