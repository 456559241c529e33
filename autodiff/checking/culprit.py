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


def rule_comparisons(op: Operation, operands: Sequence[float]) -> list[Comparison]:
    """One comparison for each operand: the row's local derivative, and the numerical one of the primal.

    >>> from autodiff import lookup
    >>> [found.verdict for found in rule_comparisons(lookup("divide"), (1.0, 3.0))]
    ['pass', 'pass']
    """
    operands = tuple(operands)
    y = op(*operands)
    locals_ = op.local_derivatives(operands, y)
    return [_compared(op, operands, i, float(local), second=False) for i, local in enumerate(locals_)]


def second_comparisons(op: Operation, operands: Sequence[float]) -> list[Comparison]:
    """The derivatives of the row's local derivatives, by the engine, beside the numerical ones."""
    operands = tuple(operands)
    nodes = [Value(x) for x in operands]
    firsts = grad(op(*nodes), nodes)
    return [
        _compared(op, operands, j, second.data, second=True, first=i)
        for i, first in enumerate(firsts)
        for j, second in enumerate(grad(first, nodes))
    ]


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
    """A name for what is wrong with a local derivative.

    >>> fault(6.0, 1.0, 6.0, [6.0])
    'scaled by its output'
    """

    def near(a: float, b: float) -> bool:
        return abs(a - b) <= 1e-6 * max(abs(a), abs(b))

    if near(engine, -numeric) and engine:
        return "sign flipped"
    if engine == 0:
        return "missing"
    if near(engine, numeric * y):
        return "scaled by its output"
    for factor, name in ((2.0, "factor 2"), (0.5, "factor ½")):
        if near(engine, numeric * factor):
            return name
    for i, x in enumerate(operands):
        if near(engine, numeric * x):
            return f"scaled by operand {i}"
    if numeric == 0:
        return f"{engine:.6g} where it is 0"
    return f"{engine / numeric:.9g} times the right one"
