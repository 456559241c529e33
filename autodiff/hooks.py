"""Looking on while a program computes: the one hook of the engine, which costs nothing measurable when nobody looks.

Where a node is made, given other data, passed or looked at, the engine asks ``if watchers``, an empty list as long as
nobody looks anywhere. Who looks is kept by thread, or asyncio task: one that has not opened a context is not observed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from autodiff.value import Value

T = TypeVar("T")

watchers: list[_Context] = []
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

    def visible(self, order: list[Value]) -> list[Value] | None:
        """Those of the nodes that the eager engine would make, too; None for all of them."""


class _Context:
    """One that is open: who looks on, and in which thread."""

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self.observers = observers
        self.thread = get_ident()


class _Open(NamedTuple):
    """The contexts that are open in this thread, or asyncio task, and the observers of them all."""

    contexts: tuple[_Context, ...] = ()
    observers: tuple[Observer, ...] = ()

    @classmethod
    def of(cls, contexts: Iterable[_Context]) -> _Open:
        contexts = tuple(contexts)
        return cls(contexts, tuple(observer for context in contexts for observer in context.observers))


_CLOSED = _Open()
_open: ContextVar[_Open] = ContextVar("contexts", default=_CLOSED)


def _close(context: _Context) -> None:
    """Close a context, be it open, half open or closed."""
    _open.set(_Open.of(each for each in _open.get().contexts if each is not context))
    if context in watchers:
        watchers.remove(context)


def _forked() -> None:
    """In a forked child there is one thread: what others had opened in the parent is closed."""
    watchers[:] = [each for each in watchers if each.thread == get_ident()]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def observed_by(*observers: Observer) -> Iterator[None]:
    """Tell the observers, in this order, until the context ends. Contexts may end in any order, and be interrupted."""
    context = _Context(observers)
    try:
        watchers.append(context)
        _open.set(_Open.of((*_open.get().contexts, context)))
        yield
    finally:
        try:
            _close(context)
        except BaseException:  # an interrupt in the middle of it
            _close(context)
            raise


@contextmanager
def during(variable: ContextVar[T], value: T) -> Iterator[None]:
    """The variable has the value in the block, and afterwards what it had before, wherever an interrupt comes.

    Interrupts come after a call: so the variable is set in the block that resets it.

    >>> depth = ContextVar("depth", default=0)
    >>> with during(depth, 1): print(depth.get())
    1
    >>> depth.get()
    0
    """
    before = variable.get()
    try:
        variable.set(value)
        yield
    finally:
        variable.set(before)


def is_open(observer: Observer) -> bool:
    """Whether it looks on in this thread."""
    return any(each is observer for each in _open.get().observers)


def tell(event: str, *what: Any) -> Any:
    """Tell the observers of this thread of an event; the last answer that is not None."""
    answer = None
    for observer in _open.get().observers:
        found = getattr(observer, event)(*what)
        answer = answer if found is None else found
    return answer
