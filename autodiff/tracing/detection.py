"""``detect_anomaly``: stop at the first number that is not finite, in the line that made it.

While a context is open, the methods of ``Value`` that record a node are replaced by ones that look at the result.
So the engine has no hook, and costs what it cost, when none is open. A thread, or an asyncio task, that has not
opened a context of its own is not watched.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import Any

from autodiff.tracing.anomalies import NonFiniteError, check_finite
from autodiff.value import Value

RECORDING = (
    *(f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "pow") for side in ("", "r")),
    "__neg__", "__pos__", "__abs__", "exp", "log", "sqrt", "relu", "tanh", "sigmoid", "__autodiff__",
)  # fmt: skip
"""The methods that record a node; all others, and the operations of the table, call the last of them."""
_PACKAGE = str(Path(__file__).parents[1]) + os.sep
PASSES = ("backward", "backward_steps")

_watching: ContextVar[bool] = ContextVar("watching", default=False)
_lock = threading.Lock()
_open = 0
_originals: dict[str, Any] = {}


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first number that is not finite: of the forward pass where it is made, or of a backward pass.

    A graph that was recorded outside is looked at when ``backward()`` begins, so a loss that is nan never passes. No
    gradient is touched by a pass that is refused. A branch of ``where`` that is not taken counts like any other.

    Raises:
        NonFiniteError: as :func:`check_finite`; of a forward pass, with the line of the user's program.

    >>> x = Value(-1.0, label="x")
    >>> with detect_anomaly(): loss = (x * 2 + 1).log() ** 2
    Traceback (most recent call last):
    autodiff.tracing.anomalies.NonFiniteError: the first number that is not finite is v5 = log(v4) = log(−1.0) = nan
    """
    global _open
    with _lock:
        if not _open:
            _install()
        _open += 1
    token = _watching.set(True)
    try:
        yield
    finally:
        _watching.reset(token)
        with _lock:
            _open -= 1
            if not _open:
                for name, original in _originals.items():
                    setattr(Value, name, original)


def _install() -> None:
    for name in (*RECORDING, *PASSES):
        original = _originals[name] = vars(Value)[name]
        if isinstance(original, staticmethod):
            setattr(Value, name, staticmethod(_looked_at(original.__func__)))
        else:
            setattr(Value, name, _looked_at(original) if name in RECORDING else _checked(original))


def _looked_at(record: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(record)
    def recording(*operands: Any) -> Any:
        node = record(*operands)
        if node is not NotImplemented and not isfinite(node.data) and _watching.get():
            try:
                check_finite(node, backward=False)
            except NonFiniteError as error:
                lines = str(error).split("\n")
                if node is error.node:
                    lines.pop()  # the path would be this node alone
                else:
                    lines[-1] = lines[-1].replace("path to the loss", "path to this result", 1)
                raise NonFiniteError("\n".join(lines + _user_line()), error.node, error.path) from None
        return node

    return recording


def _checked(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def passing(root: Value, seed: float = 1.0, **options: Any) -> Any:
        if _watching.get():
            check_finite(root, seed)
        return run(root, seed, **options)

    return passing


def _user_line() -> list[str]:
    """Where the user's program is: the innermost frame outside of this package; nothing where that is no file."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file = frame.f_code.co_filename
    return [] if file.startswith("<") else [f"  in {file}, line {frame.f_lineno}"]
