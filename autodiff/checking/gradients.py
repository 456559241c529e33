"""``check_gradients``: the engine's derivatives of a function beside numerical ones."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

from autodiff.backward import topological_order
from autodiff.checking.comparison import Comparison, Verdict, absolute_adjoints, compare, gravest
from autodiff.checking.function_under_test import FunctionUnderTest, UncheckableFunctionError, needs_function
from autodiff.checking.graphs import Graph
from autodiff.checking.messages import GradientMismatchError
from autodiff.checking.wrong_rules import faults, verdict_on_rules
from autodiff.derivatives import grad
from autodiff.value import Value

Backward = Callable[[Value], object]
TWICE = 1e-12
"""The relative difference allowed between the first and the second backward pass over one graph."""


class InconclusiveGradientWarning(UserWarning):
    """A derivative could not be told right or wrong: rounding or a singularity hides it."""


class Report(NamedTuple):
    """The comparisons of one check."""

    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all: fail, inconclusive, kink or pass."""
        return gravest({comparison.verdict for comparison in self.comparisons})

    def __str__(self) -> str:
        return f"{self.verdict}: " + ", ".join(f"{c.name} {c.verdict}" for c in self.comparisons)


def check_gradients(
    f: Callable[..., Any],
    inputs: Any,
    order: int = 1,
    *,
    backward: Backward = Value.backward,
    allow_unused: bool = False,
) -> Report:
    """Compare the engine's derivatives of a function at a point with numerical ones.

    Args:
        f: a function that returns one ``Value``; called with ``*inputs`` if they are a tuple, else with ``inputs``.
        inputs: the point: numbers in a tuple, list, dict or array, or a module with ``named_parameters``.
        order: 1 for the gradient; 2 for the second derivatives as well.
        backward: the backward pass to be checked, ``Value.backward`` unless you wrote your own.
        allow_unused: accept inputs that the function does not depend on.

    Returns:
        The comparisons, and in ``verdict`` the gravest: "pass", "kink" where the function has a corner at the point,
        or "inconclusive" where rounding hides the derivative, or 0 · ∞ stands in the chain rule. The last also warns,
        or under hypothesis is counted as an event.

    Raises:
        GradientMismatchError: a derivative is wrong; the message shows which, by how much, and what is to blame.
        UncheckableFunctionError: the function is not deterministic, returns no ``Value``, mutates its inputs, is not
            finite at the point, or ignores an input.
        ValueError: ``order`` is neither 1 nor 2, or the inputs are empty or not finite.

    >>> check_gradients(lambda x, y: x * y.exp(), (3.0, -1.0)).verdict
    'pass'
    >>> check_gradients(lambda p: (p["w"] * p["x"]).tanh(), {"w": 0.5, "x": 2.0}, order=2).verdict
    'pass'
    >>> check_gradients(abs, 0.0).verdict
    'kink'
    """
    report = checked(f, inputs, order, backward=backward, allow_unused=allow_unused)
    _count(report)
    return report


def checked(
    f: Callable[..., Any], inputs: Any, order: int = 1, *, backward: Backward, allow_unused: bool = False
) -> Report:
    """As :func:`check_gradients`, but silent about what is inconclusive."""
    if order not in (1, 2) or isinstance(order, bool):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    needs_function(backward, "backward")
    under_test = FunctionUnderTest(f, inputs)
    try:
        under_test.examine()
        unused = under_test.unused()
        report = Report(tuple(_first(under_test, backward)))
        if report.verdict == "fail":
            raise GradientMismatchError(report.comparisons, under_test.graph(), partial(_first_fails, backward))
        if order == 2:
            report = Report((*report.comparisons, *_second(under_test)))
        if report.verdict == "fail":
            raise GradientMismatchError(report.comparisons, under_test.graph(), partial(faults, second=True), order=2)
        if unused and not allow_unused:
            raise UncheckableFunctionError(
                "ignores an input",
                f"the function ignores its input {', '.join(unused)}: its result does not depend on it at "
                f"{under_test.shown()}; leave it out, or pass allow_unused=True",
            )
    finally:
        under_test.give_parameters(under_test.point)
    return report


def _first(under_test: FunctionUnderTest, backward: Backward) -> Iterator[Comparison]:
    """For each input the derivative, and whether a second backward pass over the same graph adds the same again."""
    root, nodes = under_test.root(under_test.point)
    gradients, left = _two_passes(root, nodes, backward)
    adjoints = absolute_adjoints(topological_order(root))
    rules = cache(lambda: verdict_on_rules(under_test.graph()))
    for i, (name, node) in enumerate(zip(under_test.names, nodes)):
        adjoint = adjoints.get(node, 0.0)
        found = compare(
            name, gradients[i], under_test.along(i), under_test.point[i], partial(under_test.noise, i), adjoint,
            under_test.derivative(i, [i]), rules,
        )  # fmt: skip
        if found.verdict == "pass" and abs(left[i]) > TWICE * max(adjoint, abs(gradients[i])):
            found = found._replace(
                engine=gradients[i] + left[i],
                verdict="fail",
                note="the second backward() on one graph: stale inner gradients",
            )
        yield found


def _two_passes(root: Value, nodes: list[Value], backward: Backward) -> tuple[list[float], list[float]]:
    """The gradients, and what a second pass that begins with minus them leaves of that: nothing, if it is right.

    Every node keeps the gradient that it had, those that the function closes over as well.
    """
    held = [(node, node.grad) for node in (*topological_order(root), *nodes)]
    try:
        for node in nodes:
            node.grad = 0.0
        backward(root)
        gradients = [node.grad for node in nodes]
        for node, gradient in zip(nodes, gradients):
            node.grad = -gradient
        backward(root)
        return gradients, [node.grad for node in nodes]
    finally:
        for node, gradient in held:
            node.grad = gradient


def _second(under_test: FunctionUnderTest) -> Iterator[Comparison]:
    """The derivatives of the engine's gradient, by the engine and by numbers."""
    root, nodes = under_test.root(under_test.point)
    firsts = grad(root, nodes)
    # All of them before the first comparison, which moves the parameters of a module.
    seconds = [grad(first, nodes) for first in firsts]
    adjoints = [absolute_adjoints(topological_order(first)) for first in firsts]
    rules = cache(lambda: verdict_on_rules(under_test.graph(), second=True))
    for i, j in product(range(len(nodes)), repeat=2):
        yield compare(
            f"{under_test.names[i]}, {under_test.names[j]}",
            seconds[i][j].number,
            under_test.along(j, [i]),
            under_test.point[j],
            partial(under_test.noise, j, wrt=[i]),
            adjoints[i].get(nodes[j], 0.0),
            under_test.derivative(j, [i, j]),
            rules,
        )


def _first_fails(backward: Backward, graph: Graph) -> bool:
    return any(found.verdict == "fail" for found in _first(FunctionUnderTest(graph, graph.inputs), backward))


def _count(report: Report) -> None:
    """Let nobody take an inconclusive check for a passed one."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and hypothesis.currently_in_test_context():
        hypothesis.event(f"gradients: {report.verdict}")
    elif report.verdict == "inconclusive":
        undecided = "; ".join(_undecided(c) for c in report.comparisons if c.verdict == "inconclusive")
        warnings.warn(
            f"the gradient could be told neither right nor wrong: {undecided}",
            InconclusiveGradientWarning,
            stacklevel=3,
        )


def _undecided(c: Comparison) -> str:
    numerical = f"{c.estimate.value:.6g}"
    error = f"± {c.estimate.error:.1g}" if math.isfinite(c.estimate.error) else "(no step gives a derivative)"
    return f"input {c.name}: engine {c.engine:.6g}, numerical {numerical} {error}" + (f" ({c.note})" if c.note else "")
