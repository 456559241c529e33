"""Looking on while a program computes: the one hook of the engine, which costs nothing measurable when nobody looks.

Where a node is made, given other data, passed or looked at, the engine asks ``if watchers``, an empty list as long as
nobody looks anywhere. Who looks is kept by thread, or asyncio task: one that has not opened a context is not observed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.value import Value

watchers: list[object] = []
"""The contexts that are open, in whatever thread."""


class Observer:
    """Told what a program does; a subclass says what is done about it. An error that it raises reaches the program."""

    def recorded(self, node: Value) -> None:
        """A result was computed and recorded."""

    def given(self, leaf: Value) -> None:
        """A leaf was made, or its data was set."""

    def changes(self, leaf: Value) -> None:
        """The data of a leaf is about to be set."""

    def begins(self, root: Value, seed: float) -> None:
        """A backward pass is about to begin; nothing was changed so far."""

    def differentiated(self, root: Value, gradients: Sequence[Any]) -> None:
        """``grad``, or another function of that kind, has these gradients of the root: floats or nodes."""

    def compared(self, sign: str, left: Value, right: Any, holds: bool) -> None:
        """A number was compared with another one, and the program may go one way or the other."""

    def read(self, node: Value, how: str) -> None:
        """A number is about to leave the graph, by ``.data`` or ``float()``."""

    def detached(self, node: Value) -> Value | None:
        """``detach()`` was called: what it gives, or None for the constant."""

    def contributions(self, out: Value, upstream: Any, wanted: Sequence[bool]) -> Sequence[Any] | None:
        """What a recorded derivative adds to each wanted operand of a node; None for what the rules give."""


_observers: ContextVar[tuple[Observer, ...]] = ContextVar("observers", default=())


@contextmanager
def observed_by(*observers: Observer) -> Iterator[None]:
    """Tell the observers, in this order, until the context ends. Contexts may end in any order."""
    context = object()
    watchers.append(context)
    _observers.set((*_observers.get(), *observers))
    try:
        yield
    finally:
        left = [*_observers.get()]
        for observer in observers:
            left.remove(observer)
        _observers.set(tuple(left))
        watchers.remove(context)


def tell(event: str, *what: Any) -> Any:
    """Tell the observers of this thread of an event; the last answer that is not None."""
    answer = None
    for observer in _observers.get():
        found = getattr(observer, event)(*what)
        answer = answer if found is None else found
    return answer
