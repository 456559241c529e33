"""Observers: told of each number that a program gives to a ``Value``, and of each backward pass that it begins.

While somebody observes, the methods of ``Value`` that do these things are replaced by ones that tell. So the engine has
no hook, and costs what it cost, when nobody does. A thread, or an asyncio task, that has not opened a context of its
own is not observed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from autodiff import derivatives
from autodiff.observing.interception import Replacement, replaced
from autodiff.value import Value

RECORDING = (
    *(f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "pow") for side in ("", "r")),
    "__neg__", "__pos__", "__abs__", "exp", "log", "sqrt", "relu", "tanh", "sigmoid", "__autodiff__",
)  # fmt: skip
"""The methods that record a result; all others, and the operations of the table, call the last of them."""
PASSES = ("backward", "backward_steps")


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


@contextmanager
def observed_by(*observers: Observer) -> Iterator[None]:
    """Tell the observers, in this order, until the context ends. Contexts may end in any order."""
    with replaced(_LAYER):
        _observers.set((*_observers.get(), *observers))
        try:
            yield
        finally:
            left = [*_observers.get()]
            for observer in observers:
                left.remove(observer)
            _observers.set(tuple(left))


def _recording(method: Any) -> Any:
    is_static = isinstance(method, staticmethod)
    record = method.__func__ if is_static else method

    @wraps(record)
    def recording(*operands: Any) -> Any:
        node = record(*operands)
        if node is not NotImplemented:
            for observer in _observers.get():
                observer.recorded(node)
        return node

    return staticmethod(recording) if is_static else recording


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


_LAYER = (
    *(Replacement(Value, name, _recording) for name in RECORDING),
    *(Replacement(Value, name, _passing) for name in PASSES),
    Replacement(Value, "__init__", _giving),
    Replacement(Value, "data", lambda data: property(data.fget, _giving(data.fset), doc=data.__doc__)),
    Replacement(derivatives, "_gradients", _differentiating),
)
