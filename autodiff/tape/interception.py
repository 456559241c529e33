"""Replacing methods of the engine for a while, so that it has no hooks and costs nothing when nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple


class Replacement(NamedTuple):
    """An attribute to replace: ``wrap`` makes the new one out of the one that is there."""

    owner: Any
    name: str
    wrap: Callable[[Any], Any]


_lock = threading.Lock()
_open: list[Sequence[Replacement]] = []
_originals: dict[tuple[Any, str], Any] = {}


@contextmanager
def replaced(layer: Sequence[Replacement]) -> Iterator[None]:
    """Replace the attributes until the context ends; contexts of other threads may end in any order.

    All threads meet the replaced methods: they must ask a ``ContextVar`` whether they are meant.
    """
    _change(layer, _open.append)
    try:
        yield
    finally:
        _change(layer, _open.remove)


def _change(layer: Sequence[Replacement], change: Callable[[Sequence[Replacement]], None]) -> None:
    with _lock:
        change(layer)
        for owner, name in dict.fromkeys((owner, name) for owner, name, _ in layer):
            attribute = _originals.setdefault((owner, name), vars(owner).get(name, _originals))
            wraps = [wrap for each in _open for other, its, wrap in each if (other, its) == (owner, name)]
            for wrap in wraps:
                attribute = wrap(None if attribute is _originals else attribute)
            if attribute is _originals:
                delattr(owner, name)
            else:
                setattr(owner, name, attribute)
            if not wraps:
                del _originals[owner, name]
