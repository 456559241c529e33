"""Replacing methods of the engine for a while, so that it has no hooks and costs nothing when nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

MOST_SWAPS = 200
"""How often attributes are replaced; after that they stay so, which slows the engine down by a tenth.

CPython 3.13 and later cache the methods of a class no more once it was changed about a thousand times, and then the
engine would take twice as long for good: a training loop that opens a context in every step would come to that.
"""


class Replacement(NamedTuple):
    """An attribute to replace: ``wrap`` makes the new one out of the one that is there, or of None."""

    owner: Any
    name: str
    wrap: Callable[[Any], Any]


Layer = Sequence[Replacement]

_lock = threading.Lock()
_layers: dict[int, tuple[Layer, int]] = {}
"""The layers in place, by identity, the innermost first; and in how many contexts each of them is open."""
_originals: dict[tuple[Any, str], Any] = {}
_swaps = 0


@contextmanager
def replaced(layer: Layer) -> Iterator[None]:
    """Replace the attributes until the context ends. Contexts of other threads may end in any order.

    All threads meet the replaced methods, and may meet them afterwards: they must ask a ``ContextVar`` whether they
    are meant. The same layer is put in place once, however many contexts are open.
    """
    _opened(layer, +1)
    try:
        yield
    finally:
        _opened(layer, -1)


def _opened(layer: Layer, more: int) -> None:
    global _swaps
    with _lock:
        before = id(layer) in _layers
        count = _layers.get(id(layer), (layer, 0))[1] + more
        _layers[id(layer)] = layer, count
        if before and (count or _swaps >= MOST_SWAPS):
            return
        if count:
            _swaps += 1
        else:
            del _layers[id(layer)]
        for owner, name in dict.fromkeys((owner, name) for owner, name, _ in layer):
            _replace(owner, name)


def _replace(owner: Any, name: str) -> None:
    attribute = _originals.setdefault((owner, name), vars(owner).get(name))
    wraps = [wrap for layer, _ in _layers.values() for other, its, wrap in layer if (other, its) == (owner, name)]
    for wrap in wraps:
        attribute = wrap(attribute)
    if attribute is None:
        delattr(owner, name)
    else:
        setattr(owner, name, attribute)
    if not wraps:
        del _originals[owner, name]
