"""Where a number that is not finite came from: the observation, run eagerly once more, knows."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from autodiff.backward import local_derivatives, names, topological_order
from autodiff.operations import CONSTANT
from autodiff.sources import record_sources
from autodiff.value import Value, constant


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
    with record_sources():
        root, inputs = run()
    root = root if isinstance(root, Value) else constant(root)
    order = topological_order(root)
    name = names(order)
    node = next((node for node in order if not isfinite(node.number)), None)
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
    if node.source is not None:
        said += f"\n  in {node.source.quoted}"
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
