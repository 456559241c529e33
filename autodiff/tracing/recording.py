"""Observers: told of each number that a program gives to a ``Value``, and of each backward pass that it begins.

While somebody observes, the methods of ``Value`` that do these things are replaced by ones that tell. So the engine has
no hook, and costs what it cost, when nobody does (``MOST_SWAPS`` is the exception). A thread, or an asyncio task, that
has not opened a context of its own is not observed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from autodiff import derivatives
from autodiff.value import Value

RECORDING = (
    *(f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "pow") for side in ("", "r")),
    "__neg__", "__pos__", "__abs__", "exp", "log", "sqrt", "relu", "tanh", "sigmoid", "__autodiff__",
)  # fmt: skip
"""The methods that record a result; all others, and the operations of the table, call the last of them."""
PASSES = ("backward", "backward_steps")
MOST_SWAPS = 200
"""How often methods are put in place and taken back; after that they stay, which slows the engine down by a tenth.

CPython 3.13 and later cache the methods of a class no more once it was changed about a thousand times, and then the
engine would take twice as long for good: a training loop that opens a context in every step would come to that.
"""


class Observer:
    """Told what a program does; a subclass says what is done about it. An error that it raises reaches the program."""

    def recorded(self, node: Value) -> None:
        """A result was computed and recorded."""

    def given(self, node: Value) -> None:
        """A leaf was made, or its data was set."""

    def begins(self, root: Value, seed: float) -> None:
        """A backward pass is about to begin; nothing was changed so far."""

    def differentiated(self, root: Value, gradients: Sequence[Any]) -> None:
        """``grad``, or another function of that kind, has these gradients of the root: floats or nodes."""


_observers: ContextVar[tuple[Observer, ...]] = ContextVar("observers", default=())
_lock = threading.Lock()
_open = 0
_swaps = 0
_originals: list[tuple[Any, str, Any]] = []


@contextmanager
def observed_by(*observers: Observer) -> Iterator[None]:
    """Tell the observers, in this order, until the context ends. Contexts may end in any order."""
    global _open, _swaps
    with _lock:
        if not _originals:
            _install()
            _swaps += 1
        _open += 1
    _observers.set((*_observers.get(), *observers))
    try:
        yield
    finally:
        left = [*_observers.get()]
        for observer in observers:
            left.remove(observer)
        _observers.set(tuple(left))
        with _lock:
            _open -= 1
            while not _open and _swaps < MOST_SWAPS and _originals:
                setattr(*_originals.pop())


def _install() -> None:
    for name in RECORDING:
        record = vars(Value)[name]
        static = isinstance(record, staticmethod)
        _replace(Value, name, staticmethod(_recording(record.__func__)) if static else _recording(record))
    for name in PASSES:
        _replace(Value, name, _passing(vars(Value)[name]))
    _replace(Value, "__init__", _giving(Value.__init__))
    data = vars(Value)["data"]
    _replace(Value, "data", property(data.fget, _giving(data.fset), doc=data.__doc__))
    _replace(derivatives, "_gradients", _differentiating(derivatives._gradients))


def _replace(owner: Any, name: str, new: Any) -> None:
    _originals.append((owner, name, vars(owner)[name]))
    setattr(owner, name, new)


def _recording(record: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(record)
    def recording(*operands: Any) -> Any:
        node = record(*operands)
        if node is not NotImplemented:
            for observer in _observers.get():
                observer.recorded(node)
        return node

    return recording


def _giving(give: Callable[..., None]) -> Callable[..., None]:
    @wraps(give)
    def giving(leaf: Value, *arguments: Any, **options: Any) -> None:
        give(leaf, *arguments, **options)
        for observer in _observers.get():
            observer.given(leaf)

    return giving


def _passing(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def passing(root: Value, seed: float = 1.0, **options: Any) -> Any:
        for observer in _observers.get():
            observer.begins(root, seed)
        return run(root, seed, **options)

    return passing


def _differentiating(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def differentiating(root: Value, *arguments: Any, **options: Any) -> Any:
        gradients = run(root, *arguments, **options)
        for observer in _observers.get():
            observer.differentiated(root, gradients)
        return gradients

    return differentiating
