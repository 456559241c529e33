"""The engine's gradient of a function at a point, each derivative compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

from autodiff import Value, topological_order
from autodiff.checking.comparison import Comparison, absolute_adjoints, compare
from autodiff.checking.function_under_test import Subject
from autodiff.checking.wrong_rules import suspect

Backward = Callable[[Value], object]
TWICE = 1e-12
"""The relative difference allowed between the first and the second backward pass over one graph."""


def input_comparisons(subject: Subject, backward: Backward) -> Iterator[Comparison]:
    """For each input the derivative, and whether a second backward pass over the same graph adds the same again."""
    root, nodes = subject.root(subject.point)
    gradients, left = _two_passes(root, nodes, backward)
    adjoints = absolute_adjoints(topological_order(root))
    suspected = cache(lambda: suspect(subject.graph()))
    for i, (name, node) in enumerate(zip(subject.names, nodes)):
        adjoint = adjoints.get(node, 0.0)
        found = compare(
            name, gradients[i], subject.along(i), subject.point[i], partial(subject.noise, i), adjoint,
            subject.derivative(i, moved=i), suspected,
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
    held = [(node, node.grad) for node in topological_order(root)]
    held += [(node, node.grad) for node in nodes]
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
