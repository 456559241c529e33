"""Copies and pickles of graphs, without recursion, by ``copyreg``: for ``copy``, ``pickle`` and cloudpickle."""

from __future__ import annotations

import copyreg
import threading
from collections.abc import Callable
from typing import Any

from autodiff.backward import topological_order
from autodiff.operations import Operation
from autodiff.registry import lookup
from autodiff.value import Value, node
from autodiff.versions import not_before

_turn = threading.local()


class _Turn:
    """A node as a copy meets it in topological order: its operands are copied by then.

    So nothing follows ``parents`` downwards, and a chain of a million nodes needs no recursion.
    """

    def __init__(self, node: Value) -> None:
        self.node = node

    def __reduce__(self) -> tuple[Callable[[Value], Value], tuple[Value]]:
        _turn.node = self.node
        return _itself, (self.node,)


def _reduced(value: Value) -> tuple[Callable[..., Value], tuple[Any, ...]]:
    if value.parents and value is not getattr(_turn, "node", None):
        return _last, ([*map(_Turn, topological_order(value))],)
    _turn.node = None
    return _node, (value.op, value.number, value.parents, value.grad, value.label, value.stamp)


def _itself(node: Value) -> Value:
    return node


def _last(nodes: list[Value]) -> Value:
    return nodes[-1]


def _node(op: Operation, number: float, parents: tuple[Value, ...], grad: float, label: str, stamp: int) -> Value:
    """A node with its stamp, which this process's count of changes must not lag behind."""
    not_before(stamp)
    return node(op, number, parents, grad, label, stamp)


copyreg.pickle(Value, _reduced)
copyreg.pickle(Operation, lambda row: (lookup, (row.name,)))
