"""Planted faults: the checker's own test. Each is a mistake that somebody's engine had.

A fault is either a wrong rule, planted into a row of the table for a while, or a wrong backward pass.
``mutation_score`` tells how many of them the checker finds in a number of drawn graphs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from autodiff import Value, lookup, topological_order
from autodiff.backward import edges
from autodiff.checking import GradientMismatchError, Graph, UncheckableFunctionError
from autodiff.checking.gradients import checked
from autodiff.checking.graphs import recorded
from autodiff.checking.rules_check import points_of
from autodiff.operations import Rule
from autodiff.zeros import NOT_COMPUTED, ZERO


@dataclass(frozen=True)
class Fault:
    """A mistake to plant."""

    name: str
    rules: tuple[tuple[str, tuple[Rule, ...]], ...] = ()
    """Wrong rules by operation."""
    backward: Callable[[Value], object] = Value.backward
    """The backward pass, a wrong one if the rules are right."""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Put the wrong rules into the table; afterwards the right ones are there again. Not for use by threads."""
        right = [(lookup(name), lookup(name).derivatives) for name, _ in self.rules]
        try:
            for name, rules in self.rules:
                lookup(name).derivatives = rules
            yield
        finally:
            for row, rules in right:
                row.derivatives = rules


def wrong_backward(
    *,
    overwrites: str = "",
    no_upstream: str = "",
    once: bool = False,
    stale: bool = False,
    order: Callable[[Value], list[Value]] = topological_order,
) -> Callable[[Value], None]:
    """A backward pass with a mistake in it.

    Args:
        overwrites: the operation that sets its operands' gradients instead of adding to them.
        no_upstream: the operation that passes its local derivative on without the upstream gradient.
        once: a node that is an operand twice is given one contribution only.
        stale: the inner gradients of the last pass are not set to 0.
        order: the order of the nodes, operands first.
    """

    def backward(root: Value) -> None:
        nodes = order(root)
        for node in nodes:
            node.grad = node.grad + 0.0 if stale or not node.parents else NOT_COMPUTED
        root.grad = 1.0 if root.parents else root.grad + 1.0
        given: set[tuple[Value, Value]] = set()
        for out, _, parent, local in edges(nodes):
            if local is ZERO or out.grad is NOT_COMPUTED or (once and (out, parent) in given):
                continue
            given.add((out, parent))
            contribution = local if out.op.name == no_upstream else local * out.grad
            parent.grad = contribution if out.op.name == overwrites else parent.grad + contribution

    return backward


def _breadth_first(root: Value) -> list[Value]:
    order, seen = [root], {root}
    for node in order:
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                order.append(parent)
    return order[::-1]


def _preorder(root: Value) -> list[Value]:
    order, seen, stack = list[Value](), set[Value](), [root]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(reversed(node.parents))
    return order[::-1]


def _visited_by_value(root: Value) -> list[Value]:
    order, seen = list[Value](), set[float]()

    def walk(node: Value) -> None:
        if node.number not in seen:
            seen.add(node.number)
            for parent in node.parents:
                walk(parent)
            order.append(node)

    walk(root)
    return order


def _rule(name: str, *rules: Rule) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    return ((name, rules),)


_power, _log, _cos, _tanh, _clip = (lookup(name) for name in ("power", "log", "cos", "tanh", "clip"))
_by_exponent = _power.derivatives[1]
CORE = (
    Fault("sub sign", _rule("subtract", lambda a, b, y: 1.0, lambda a, b, y: 1.0)),
    Fault("mul missing factor", _rule("multiply", lambda a, b, y: b, lambda a, b, y: 1.0)),
    Fault("add overwrites", backward=wrong_backward(overwrites="add")),
    Fault("mul overwrites", backward=wrong_backward(overwrites="multiply")),
    Fault("breadth-first order", backward=wrong_backward(order=_breadth_first)),
    Fault("x**n off by one", _rule("power", lambda x, n, y: n * _power(x, n), _by_exponent)),
    Fault("relu >= 0", _rule("relu", lambda x, y: 1.0 if y >= 0 else 0.0)),
    Fault("stale inner gradients", backward=wrong_backward(stale=True)),
    Fault("tanh from input", _rule("tanh", lambda x, y: 1 - x * x)),
    Fault("exp ignores upstream", backward=wrong_backward(no_upstream="exp")),
    Fault("denominator not squared", _rule("divide", lambda a, b, y: 1 / b, lambda a, b, y: -a / b)),
    Fault("sqrt missing ½", _rule("sqrt", lambda x, y: 1 / y)),
)
HARD = (
    Fault("x*x accumulated once", backward=wrong_backward(once=True)),
    Fault("pow missing log", _rule("power", _power.derivatives[0], lambda x, n, y: y)),
    Fault("preorder", backward=wrong_backward(order=_preorder)),
    Fault("exp from input", _rule("exp", lambda x, y: x)),
    Fault("abs always +", _rule("absolute", lambda x, y: 1.0)),
    Fault("max to both", _rule("maximum", lambda a, b, y: 1.0, lambda a, b, y: 1.0)),
    Fault("log 1/(x+1e-6)", _rule("log", lambda x, y: 1 / (x + 1e-6))),
    Fault("tanh zero beyond 3", _rule("tanh", lambda x, y: (1 - y) * (1 + y) if abs(x) <= 3 else 0.0)),
    Fault("relu leak 1e-2", _rule("relu", lambda x, y: 0.01 if x <= 0 else 1.0)),
    Fault("sin × (1+1e-4)", _rule("sin", lambda x, y: _cos(x) * (1 + 1e-4))),
    Fault("visited by value", backward=wrong_backward(order=_visited_by_value)),
)
FAULTS = CORE + HARD
LATER = (
    Fault("abs'(0) = 5", _rule("absolute", lambda x, y: 5.0 if x == 0 else math.copysign(1.0, x))),
    Fault("third operand dropped", _rule("clip", *_clip.derivatives[:2], lambda x, low, high, y: ZERO)),
    Fault("ends after 100 nodes", backward=wrong_backward(order=lambda root: topological_order(root)[-100:])),
    Fault("nan to 0", _rule("sin", lambda x, y: y * _cos(x) / y if y else 0.0)),
    Fault("relu' = 1 from -0.01", _rule("relu", lambda x, y: 1.0 if x > -0.01 else 0.0)),
)
"""Faults that random graphs do not show: :func:`places` gives the points where they do."""
NONE = Fault("nothing planted")


def flags(fault: Fault, graph: Graph) -> bool:
    """Whether the checker calls the graph wrong while the fault is planted."""
    with fault.planted():
        try:
            checked(graph, graph.inputs, backward=fault.backward)
        except GradientMismatchError:
            return True
        except UncheckableFunctionError:
            return False
    return False


def places(fault: Fault, seed: int, points: int = 20) -> list[Graph]:
    """Graphs that show more than drawn ones: a wrong rule's operation alone, where ``check_rules`` takes it; or a long
    chain.
    """
    if not fault.rules:
        x = Value(0.3)
        y = x
        for _ in range(200):
            y = 1.001 * y + 0.01 * x
        return [recorded(y, [x])]
    found = []
    for name, _ in fault.rules:
        row = lookup(name)
        for point in points_of(row.domain, points, seed):
            nodes = [*map(Value, point)]
            result = row(*nodes)
            if math.isfinite(result.number):
                found.append(recorded(result, nodes))
    return found


def mutation_score(
    draw: Callable[[int], Sequence[Graph]], seeds: Sequence[int], faults: Sequence[Fault] = FAULTS
) -> dict[str, int]:
    """For each fault, with how many of the seeds one of the graphs drawn shows it.

    Args:
        draw: for a seed, the graphs to try.
        seeds: the seeds.
        faults: what to plant.
    """
    score = {fault.name: 0 for fault in faults}
    for seed in seeds:
        drawn = draw(seed)
        for fault in faults:
            score[fault.name] += any(flags(fault, graph) for graph in drawn)
    return score
