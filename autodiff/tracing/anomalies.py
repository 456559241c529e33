"""Where a number stopped being finite: the FIRST one, in the forward or the backward pass."""

from __future__ import annotations

from math import isfinite

from autodiff.backward import check_unchanged, edges, names, topological_order
from autodiff.ieee import as_float
from autodiff.operations import VARIABLE
from autodiff.sources import Source
from autodiff.tracing.text import joined, number, one_line
from autodiff.value import Value

LOSS = "the loss"


class NonFiniteError(FloatingPointError):
    """The first number of a pass that is not finite: its equation with numbers, its line, and the path to the loss."""

    def __init__(self, message: str, node: Value, path: tuple[Value, ...] = (), source: Source | None = None) -> None:
        super().__init__(message)
        self.node = node
        """The node whose data or gradient is not finite."""
        self.path = path
        """The nodes from that one to the loss, or to the result that was being computed, by a shortest path."""
        self.source = source
        """The user's line that computed the number; of a backward pass, the node whose derivative it is. None unless
        it was inside of ``detect_anomaly()`` or ``record_sources()``."""


def check_finite(loss: Value, seed: float = 1.0, *, backward: bool = True) -> None:
    """Refuse a graph in which a number is not finite, and name the first such number.

    First every node is looked at in topological order, operands before results; then every local derivative,
    contribution and gradient, in the order of the backward pass. No ``grad`` is touched.

    Args:
        loss: the root, a scalar.
        seed: the gradient that the root starts with.
        backward: False looks at the forward pass alone.

    Raises:
        NonFiniteError: there is such a number.
        TypeError: the loss is not a ``Value``.
        RuntimeError: a leaf's data was changed since the forward pass.

    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> check_finite((x - w).log())
    >>> check_finite((w - x).log() * w)
    Traceback (most recent call last):
    autodiff.tracing.anomalies.NonFiniteError: the first number that is not finite is v3 = log(v2) = log(−1.0) = nan
      path to the loss: v3 → v4
    """
    if not isinstance(loss, Value):
        raise TypeError(f"check_finite needs a Value, not {type(loss).__name__} {loss!r:.60}")
    order = topological_order(loss)
    check_unchanged(order)
    check_forward(order)
    if backward:
        _check_backward(order, as_float(seed))


def check_forward(order: list[Value], role: str = LOSS) -> None:
    """Refuse a number in the order that is not finite; the role is that of its last node, to which the path leads."""
    bad = next((node for node in order if not isfinite(node.data)), None)
    if bad is not None:
        name = _names(order)
        head = f"the first number that is not finite is {equation(bad, name)}"
        raise _error(head, bad, bad.source, order[-1], name, role)


def _check_backward(order: list[Value], seed: float) -> None:
    loss, name = order[-1], _names(order)
    head = "the first number of the backward pass that is not finite is"
    if not isfinite(seed):
        raise _error(f"{head} the seed, {seed}", loss, loss.source, loss, name)
    gradient = {node: node.grad or 0.0 for node in order if node.op is VARIABLE}  # what earlier passes left there
    for leaf, left in gradient.items():
        if not isfinite(left):
            text = f"{head} ∂L/∂{name[leaf]} = {number(left)}, left by an earlier pass: set it to 0"
            raise _error(text, leaf, leaf.source, loss, name)
    gradient[loss] = gradient.get(loss, 0.0) + seed
    for out, _, parent, local in edges(order):
        upstream = gradient.get(out, 0.0)
        if not upstream or not local:
            continue
        contribution = local * upstream
        before = gradient.get(parent, 0.0)
        gradient[parent] = before + contribution
        if isfinite(gradient[parent]):
            continue
        o, p = name[out], name[parent]
        text = f"{head} ∂L/∂{p} += ∂{o}/∂{p} · ∂L/∂{o} = {number(local)} × {number(upstream)} = {number(contribution)}"
        if isfinite(contribution):
            text += f", which adds up to {number(gradient[parent])} with {number(before)} from before"
        raise _error(f"{text}\n  where {equation(out, name)}", parent, out.source, loss, name)


def _names(order: list[Value]) -> dict[Value, str]:
    return {node: one_line(text) for node, text in names(order).items()}


def equation(node: Value, name: dict[Value, str]) -> str:
    """How a node was computed: ``v3 = log(v2) = log(−1.0) = nan``; a leaf is just its number."""
    if not node.parents:
        return f"{node.op.name} {name[node]} = {number(node.data)}"
    symbols = joined([name[parent] for parent in node.parents], ", ")
    numbers = joined([number(parent.data) for parent in node.parents], ", ")
    return f"{name[node]} = {node.op}({symbols}) = {node.op}({numbers}) = {number(node.data)}"


def _error(
    head: str, node: Value, source: Source | None, loss: Value, name: dict[Value, str], role: str = LOSS
) -> NonFiniteError:
    lines = [head] + ([f"  in {source.quoted}"] if source else [])
    path = _path(node, loss)
    if len(path) > 1 or role == LOSS:
        lines.append(f"  path to {role}: {joined([name[step] for step in path], ' → ')}")
    return NonFiniteError("\n".join(lines), node, path, source)


def _path(node: Value, loss: Value) -> tuple[Value, ...]:
    """A shortest path from the node up to the loss."""
    above: dict[Value, Value | None] = {loss: None}
    level = [loss]
    while node not in above:
        below: list[Value] = []
        for out in level:
            for parent in out.parents:
                if parent not in above:
                    above[parent] = out
                    below.append(parent)
        level = below
    path: list[Value] = []
    step: Value | None = node
    while step is not None:
        path.append(step)
        step = above[step]
    return tuple(path)
