"""Changes of leaves: they are counted, so that a graph computed from older data is told from one that is up to date."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING

from autodiff.operations import CONSTANT, VARIABLE

if TYPE_CHECKING:
    from autodiff.value import Value

now = 0
"""How many times the data of a leaf was changed so far; each node is stamped with it when it is made."""
_clock = Lock()


def change(leaf: Value, number: float) -> None:
    """Give a leaf another number, and a new stamp."""
    global now
    with _clock:
        leaf.stamp = stamp = now + 1
        leaf.number = number
        now = stamp  # last: who has seen the new count sees the new number


def not_before(stamp: int) -> None:
    """Let the count be at least that of a node from another process."""
    global now
    with _clock:
        now = max(now, int(stamp))


def _forked() -> None:
    """In a child that was forked in the middle of a change by another thread: the leaf it was made to is no newer."""
    global _clock, now
    _clock = Lock()
    now += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def check_unchanged(order: list[Value]) -> None:
    """Refuse a graph in which a leaf was given other data after a result was computed from it.

    Raises:
        RuntimeError: there is one; the message names both nodes.
    """
    newest_leaf = 0
    for node in order:
        if node.op is VARIABLE or node.op is CONSTANT:
            if node.stamp > newest_leaf:
                newest_leaf = node.stamp
        elif node.stamp < newest_leaf:
            break  # some leaf is newer than this result: is it one of its operands, or of another's?
    else:
        return
    for node in order:
        check_operands(node, order)


def check_operands(node: Value, order: list[Value]) -> None:
    """Refuse a node one of whose operands is a leaf that was changed after the node was computed from it."""
    for parent in node.parents:
        if parent.stamp > node.stamp and not parent.parents:
            changed, computed = (_name(each, order) for each in (parent, node))
            raise RuntimeError(
                f"the data of {changed!r} was changed to {parent.number} after {computed!r} "
                f"({node.op}, {node.number}) had been computed from it; run the forward pass again, then backward()"
            )


def _name(node: Value, order: list[Value]) -> str:
    return node.label or f"v{next(place for place, each in enumerate(order) if each is node)}"
