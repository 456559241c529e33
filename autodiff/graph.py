"""Walks over the recorded graph: its topological order, its leaves, the names of its nodes.

A graph is reached from its root through ``parents``. Every walk is a loop, never a recursion, so that
a chain of a million nodes is walked like one of three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.operations import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autodiff.value import Value


def topological_order(*roots: Value) -> list[Value]:
    """Every node that the roots were computed from, and the roots: operands always before results.

    The order is that of a depth-first walk that takes operands as they were written, so that the same
    program gives the same order in every run.

    >>> from autodiff import Value
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> [str(node) for node in topological_order(a * b + a)]
    ['2.0', '3.0', '6.0', '8.0']
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Value | None] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node is None:  # all operands of the node below this mark are in the order by now
            order.append(stack.pop())  # type: ignore[arg-type]  # a mark is never put on a mark
        elif node not in seen:
            seen.add(node)
            if node._second is not None:
                stack += (node, None, node._second, node._first)
            elif node._first:
                stack += (node, None, *reversed(node._first))
            else:
                order.append(node)
    return order


def leaves(*roots: Value) -> list[Value]:
    """The variables that the roots were computed from, in topological order; constants are not among them."""
    return [node for node in topological_order(*roots) if node.op is VARIABLE]


def names(order: Iterable[Value]) -> dict[Value, str]:
    """A name for each node: its label, else ``v`` and its place in the order, counted from 0.

    >>> from autodiff import Value
    >>> a = Value(2.0, label="a")
    >>> list(names(topological_order(a * a + 1)).values())
    ['a', 'v1', 'v2', 'v3']
    """
    return {node: node.label or f"v{place}" for place, node in enumerate(order)}
