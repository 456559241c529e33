"""Where a number that is not finite came from: the observation, run eagerly once more, knows."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import Any

from autodiff.backward import local_derivatives
from autodiff.graph import names, topological_order
from autodiff.operations import CONSTANT
from autodiff.tape.interception import Replacement, replaced
from autodiff.value import Value

RECORDING = (
    *(f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "pow") for side in ("", "r")),
    "__neg__", "__pos__", "__abs__", "exp", "log", "sqrt", "relu", "tanh", "sigmoid", "__autodiff__",
)  # fmt: skip
"""The methods of ``Value`` that record a result; all others call the last of them."""
_PACKAGES = tuple(str(Path(__file__).parents[2] / package) + os.sep for package in ("autodiff", "nn"))

Lines = dict[Value, tuple[str, int]]


class NonFiniteResultError(FloatingPointError):
    """A value or a gradient of a compiled function is nan or infinite; nothing was changed."""

    observation: int
    """Its place in the batch."""
    node: Value
    """The first node at fault, in the graph of this observation."""


def explained(run: Callable[[], tuple[Any, list[Value]]], observation: int) -> NonFiniteResultError:
    """The error that says what is at fault in an observation.

    Args:
        run: runs the function on it eagerly; gives the result and the nodes of the inputs.
        observation: its place in the batch.
    """
    lines: Lines = {}
    token = _lines.set(lines)
    try:
        with replaced(_REPLACEMENTS):
            root, inputs = run()
    finally:
        _lines.reset(token)
    order = topological_order(root)
    name = names(order)
    node = next((node for node in order if not isfinite(node._data)), None)
    if node is not None and node in set(inputs):
        said = f"the input {name[node]} of observation {observation} is {node}"
    elif node is not None:
        said = (
            f"the value of observation {observation} is {root}: the first number that is not finite is "
            f"{_equation(node, name)}"
        )
    else:
        node, what = _first_edge(order, name)
        said = f"the gradient of observation {observation} is not finite: {what}"
    if node in lines:
        file, line = lines[node]
        said += f"\n  in {file}, line {line}: {linecache.getline(file, line).strip()}".rstrip(": ")
    error = NonFiniteResultError(said)
    error.observation, error.node = observation, node
    return error


def _equation(node: Value, name: dict[Value, str]) -> str:
    if not node.parents:
        return f"{name[node]} = {node}"
    operands = ", ".join(f"{name[parent]} = {parent}" for parent in node.parents[:4])
    more = ", …" if len(node.parents) > 4 else ""
    return f"{name[node]} = {node}, by the operation {node.op.name!r} ({operands}{more})"


def _first_edge(order: list[Value], name: dict[Value, str]) -> tuple[Value, str]:
    """The first step of the backward pass that is not finite: its node, and the step."""
    adjoint = dict.fromkeys(order, 0.0)
    adjoint[order[-1]] = 1.0
    for out in reversed(order):
        upstream = adjoint[out]
        for parent, local in zip(out.parents, local_derivatives(out) if upstream else ()):
            if local and parent.op is not CONSTANT:
                adjoint[parent] += local * upstream
                if not isfinite(adjoint[parent]):
                    a, b = name[parent], name[out]
                    return out, (
                        f"∂L/∂{a} += ∂{b}/∂{a} · ∂L/∂{b} = {local:.6} × {upstream:.6}".replace("-", "−")
                        + f", at {_equation(out, name)}"
                    )
    return order[-1], "the sum over observations overflows"


# ── The user's lines, only while an observation is diagnosed ─────────────────────────────────────

_lines: ContextVar[Lines | None] = ContextVar("lines", default=None)


def _noting(record: Any) -> Any:
    static = isinstance(record, staticmethod)
    call = record.__func__ if static else record

    @wraps(call)
    def recording(*operands: Any) -> Any:
        node = call(*operands)
        lines = _lines.get()
        if lines is not None and isinstance(node, Value):
            frame = sys._getframe(1)
            while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGES):
                frame = frame.f_back
            lines[node] = (frame.f_code.co_filename, frame.f_lineno)
        return node

    return staticmethod(recording) if static else recording


_REPLACEMENTS = tuple(Replacement(Value, name, _noting) for name in RECORDING)
