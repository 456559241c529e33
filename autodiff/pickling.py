"""Copies and pickles of graphs, without recursion, by ``copyreg``: for ``copy``, ``pickle`` and cloudpickle."""

from __future__ import annotations

import copyreg
import sys
import threading
from collections.abc import Callable
from types import FrameType
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


def _reduced(value: Value) -> tuple[Any, ...]:
    if value.parents and value is not getattr(_turn, "node", None):
        return _last, ([*map(_Turn, topological_order(value))],)
    _turn.node = None
    parts = value.op, value.number, value.parents, value.grad, value.label, value.stamp
    return (_node, parts) if type(value) is Value else (_node, (*parts, type(value)), _own(value))


def _copied(value: Value) -> Value:
    """The node once more, with the same operands."""
    parts = value.op, value.number, value.parents, value.grad, value.label, value.stamp
    if type(value) is Value:
        return node(*parts)
    made, own = _node(*parts, type(value)), _own(value)
    if own is not None and hasattr(made, "__setstate__"):
        made.__setstate__(own)
    elif own is not None:
        attributes, slots = own
        for name, held in {**(attributes or {}), **slots}.items():
            setattr(made, name, held)
    return made


def _own(value: Value) -> Any:
    """What a subclass holds beyond a node: the state as pickle knows it, or None."""
    if type(value).__getstate__ is not object.__getstate__:
        return value.__getstate__()
    state = object.__getstate__(value)
    attributes, slots = state if isinstance(state, tuple) else (state, {})
    return attributes, {name: held for name, held in slots.items() if name not in Value.__slots__}


def is_pickled_by_value() -> bool:
    """Whether what is defined in ``__main__`` is now being pickled as it is, as cloudpickle does it, for a process that
    has another ``__main__``: joblib's, dask's or Spark's workers. ``pickle`` writes names.

    An object cannot ask its pickler. But cloudpickle's is written in Python, so it is one of the callers.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        kinds = type(frame.f_locals.get("self")).__mro__ if frame.f_code.co_name == "dump" else ()
        if any("cloudpickle" in kind.__module__ for kind in kinds):
            return True
        frame = frame.f_back
    return False


def _itself(node: Value) -> Value:
    return node


def _last(nodes: list[Value]) -> Value:
    return nodes[-1]


def _node(
    op: Operation, number: float, parents: tuple[Value, ...], grad: float, label: str, stamp: int,
    kind: type[Value] = Value,
) -> Value:  # fmt: skip
    """A node with its stamp, which this process's count of changes must not lag behind."""
    not_before(stamp)
    made = node(op, number, parents, grad, label, stamp)
    if kind is Value:
        return made
    own = object.__new__(kind)
    for name in Value.__slots__:
        setattr(own, name, getattr(made, name))
    return own


copyreg.pickle(Value, _reduced)
Value.__reduce__ = _reduced  # type: ignore[assignment]  # of subclasses
Value.__copy__ = _copied  # type: ignore[attr-defined]
copyreg.pickle(Operation, lambda row: (lookup, (row.name,)))
