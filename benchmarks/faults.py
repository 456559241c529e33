"""Planted faults: the checker's own test. Each is a mistake that somebody's engine had.

A fault is either a wrong rule, planted into a row of the table for a while, or a wrong backward pass.
``mutation_score`` tells how many of them the checker finds in a number of drawn graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff import Value, lookup, topological_order
from autodiff.backward import edges
from autodiff.checking import GradientMismatchError, Graph, UncheckableFunctionError
from autodiff.checking.gradients import checked
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


_power, _log, _cos, _tanh = lookup("power"), lookup("log"), lookup("cos"), lookup("tanh")
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


@dataclass(frozen=True)
class HandWritten:
    """A function of a NumPy array to one number, its gradient by hand, and a wrong one that somebody could write."""

    name: str
    f: Callable[[Any], Any]
    right: Callable[[Any], Any]
    wrong: Callable[[Any], Any]
    point: tuple[float, ...] = (0.7, -1.3, 2.1)

    @property
    def x(self) -> Any:
        """The point as an array."""
        return np.array(self.point)


def _changed(change: Callable[[Any, Any], Any], right: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: change(right(x), x)


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max())
    return e / e.sum()


_WEIGHTS = np.array([[0.3, -1.2, 0.5], [0.7, 2.0, -0.4]])
_TARGET = np.array([0.2, -0.5, 1.0])


def _layer(x: Any) -> Any:
    return _WEIGHTS.T @ (2 * np.tanh(_WEIGHTS @ x) * (1 - np.tanh(_WEIGHTS @ x) ** 2))


def _var(x: Any) -> Any:
    return 2 * (x - x.mean()) / x.size


def _norm(x: Any) -> Any:
    return x / np.sqrt(x @ x)


BY_HAND = (
    HandWritten("softmax without its coupling", lambda x: np.log(_softmax(x)[0]),
                lambda x: np.eye(3)[0] - _softmax(x), lambda x: np.eye(3)[0] * (1 - _softmax(x))),
    HandWritten("mean squares, 1/n forgotten", lambda x: ((x - _TARGET) ** 2).mean(),
                lambda x: 2 * (x - _TARGET) / 3, lambda x: 2 * (x - _TARGET)),
    HandWritten("variance by n - 1", lambda x: x.var(), _var, lambda x: 2 * (x - x.mean()) / (x.size - 1)),
    HandWritten("norm not divided", lambda x: np.sqrt(x @ x), _norm, lambda x: x),
    HandWritten("layer without its activation's slope", lambda x: (np.tanh(_WEIGHTS @ x) ** 2).sum(), _layer,
                lambda x: _WEIGHTS.T @ (2 * np.tanh(_WEIGHTS @ x))),
    HandWritten("quadratic form, one side", lambda x: x @ np.triu(np.ones((3, 3))) @ x,
                lambda x: (np.triu(np.ones((3, 3))) + np.tril(np.ones((3, 3)))) @ x,
                lambda x: 2 * np.triu(np.ones((3, 3))) @ x),
    HandWritten("last entry left at 0", lambda x: np.exp(x).sum(), np.exp,
                _changed(lambda g, x: np.append(g[:-1], 0.0), np.exp)),
    HandWritten("entries shifted by one", lambda x: np.sin(x).sum(), np.cos,
                _changed(lambda g, x: np.roll(g, 1), np.cos)),
    HandWritten("float32 on the way", lambda x: np.exp(x).sum(), np.exp,
                lambda x: np.exp(x).astype(np.float16).astype(float)),
    HandWritten("constant rounded to four digits", lambda x: (np.pi * x).sum(), lambda x: np.pi + 0 * x,
                lambda x: 3.142 + 0 * x),
    HandWritten("degrees for radians", lambda x: np.sin(x).sum(), np.cos, lambda x: np.cos(np.degrees(x))),
    HandWritten("log2 for log", lambda x: np.log2(x * x).sum(), lambda x: 2 / (x * np.log(2)), lambda x: 2 / x),
    HandWritten("abs of a negative base", lambda x: (x**3).sum(), lambda x: 3 * x**2, lambda x: 3 * x * np.abs(x)),
    HandWritten("clipped too early", lambda x: (x**2).sum(), lambda x: 2 * x, lambda x: np.clip(2 * x, -4, 4)),
    HandWritten("epsilon 1e-6 in a denominator", lambda x: np.log(x * x).sum(), lambda x: 2 / x,
                lambda x: 2 * x / (x * x + 1e-6)),
    HandWritten("max to the first of all", lambda x: x.max(), lambda x: np.eye(3)[x.argmax()], lambda x: np.eye(3)[0]),
    HandWritten("cumulative sum not reversed", lambda x: (np.cumsum(x) * _TARGET).sum(),
                lambda x: np.cumsum(_TARGET[::-1])[::-1], lambda x: np.cumsum(_TARGET)),
    HandWritten("product by a division that is off", lambda x: np.prod(x), lambda x: np.prod(x) / x,
                lambda x: np.prod(x) / (x + 1e-5)),
    HandWritten("error orthogonal to the ones", lambda x: np.sin(x).sum(), np.cos,
                lambda x: np.cos(x) + np.array([1e-3, -2e-3, 1e-3])),
    HandWritten("one part in 10⁵", lambda x: np.tanh(x).sum(), lambda x: 1 - np.tanh(x) ** 2,
                lambda x: (1 - np.tanh(x) ** 2) * (1 + 1e-5)),
)  # fmt: skip
"""Twenty mistakes in gradients by hand, each with the right gradient, which must not be flagged."""
