"""The first number of a pass that is not finite: which one it is, how it was computed, and where.

``check_finite`` looks at a graph that there is, ``detect_anomaly`` at every number while it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import inf, isfinite
from typing import Any

from autodiff.backward import edges, names, topological_order
from autodiff.hooks import Observer, is_open, observed_by, tell, watchers
from autodiff.ieee import as_float
from autodiff.mistakes import needs_value
from autodiff.operations import VARIABLE
from autodiff.registry import flows
from autodiff.sources import RECORDER, Source
from autodiff.text import joined, number, one_line
from autodiff.value import Value, constant
from autodiff.versions import check_unchanged
from autodiff.zeros import ZERO

LOSS = "the loss"
FORWARD = "the first number that is not finite is"
BACKWARD = "the first number of the backward pass that is not finite is"


class NonFiniteError(FloatingPointError):
    """A number of a forward or backward pass is nan or infinite; no gradient was changed.

    The message has the first such number, its equation with numbers, its line, and the path from it to the loss.
    """

    def __init__(
        self,
        message: str,
        node: Value | None = None,
        path: tuple[Value, ...] = (),
        source: Source | None = None,
        observation: int | None = None,
        epoch: int | None = None,
    ) -> None:
        super().__init__(message)
        self.node = node
        """The node whose data or gradient is not finite; None if it is a sum over observations."""
        self.path = path
        """The nodes from that one to the loss, or to the result that was being computed, by a shortest path."""
        self.source = source
        """The user's line that computed the number; of a backward pass, the node whose derivative it is. None unless
        sources were recorded, as in ``detect_anomaly()`` and by compiled functions."""
        self.observation = observation
        """The place of the observation in the batch, or in the data set; None if there are no observations."""
        self.epoch = epoch
        """The epoch of the training run, counted from 1; None if there is none."""


def check_finite(loss: Value, seed: float = 1.0, *, backward: bool = True) -> None:
    """Refuse a graph in which a number is not finite, and name the first such number.

    First every node is looked at in topological order, operands before results; then every contribution and gradient,
    in the order of the backward pass. No ``grad`` is touched.

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
    autodiff.non_finite.NonFiniteError: the first number that is not finite is v3 = log(v2) = log(−1.0) = nan
      path to the loss: v3 → v4
    """
    if not isinstance(loss, Value):
        needs_value("check_finite", loss)
    order = topological_order(loss)
    check_unchanged(order)
    check_forward(order)
    if not backward:
        return
    seed, name = as_float(seed), _names(order)
    left = {node: node.grad or 0.0 for node in order if node.op is VARIABLE}  # by earlier passes
    if not isfinite(seed):
        raise _error(f"{BACKWARD} the seed, {seed}", loss, loss, order, name)
    spoilt = next((leaf for leaf, gradient in left.items() if not isfinite(gradient)), None)
    begins = left if spoilt is None else {}  # what an earlier pass has spoilt, this one may spoil, too: that says why
    bad = _first_edge(order, {**begins, loss: begins.get(loss, 0.0) + seed}, name)
    if bad is None and spoilt is not None:
        text = f"{BACKWARD} ∂L/∂{name[spoilt]} = {number(left[spoilt])}, left by an earlier pass: set it to 0"
        raise _error(text, spoilt, spoilt, order, name)
    if bad is not None:
        text, out, parent = bad
        raise _error(f"{BACKWARD} {text}", parent, out, order, name)


def check_forward(order: list[Value], role: str = LOSS) -> None:
    """Refuse a number in the order that is not finite; the role is that of its last node, to which the path leads."""
    bad = next((node for node in tell("visible", order) or order if not isfinite(node.number)), None)
    if bad is not None:
        name = _names(order)
        raise _error(f"{FORWARD} {equation(bad, name)}", bad, bad, order, name, role)


def non_finite_error(root: Any, inputs: Iterable[Value], observation: int) -> NonFiniteError:
    """The error for an observation whose result or gradient is not finite. It is given, not raised.

    It names the first number at fault: of the forward pass if the result is not finite, else of the backward pass. If
    there is none, the sum over the observations is at fault. The root is the result, recorded once more; or a number.
    """
    root = root if isinstance(root, Value) else constant(root)
    order = topological_order(root)
    name = _names(order)
    node = out = next((node for node in order if not isfinite(node.number)), root)
    text = f"the value of observation {observation} is {root}: {FORWARD} {equation(node, name)}"
    if isfinite(root.number):
        bad = _first_edge(order, {root: 1.0}, name)
        if bad is None:
            text = f"every gradient of observation {observation} is finite, but the sum over the observations overflows"
            return NonFiniteError(text, observation=observation)
        what, out, node = bad
        text = f"the gradient of observation {observation} is not finite: {what}"
    elif node in set(inputs):
        text = f"the input {name[node]} of observation {observation} is {node}"
    error = _error(text, node, out, order, name, "the result")
    error.observation = observation
    return error


def equation(node: Value, name: dict[Value, str]) -> str:
    """How a node was computed: ``v3 = log(v2) = log(−1.0) = nan``; a leaf is just its number."""
    if not node.parents:
        return f"{node.op.name} {name[node]} = {number(node.number)}"
    symbols = joined([name[parent] for parent in node.parents])
    numbers = joined([number(parent.number) for parent in node.parents])
    return f"{name[node]} = {node.op}({symbols}) = {node.op}({numbers}) = {number(node.number)}"


def _first_edge(
    order: list[Value], gradient: dict[Value, float], name: dict[Value, str]
) -> tuple[str, Value, Value] | None:
    """The first step of the backward pass that is not finite: as text, its result and its operand. None if all are.

    The gradients are those that the pass begins with; it goes on in that dict.
    """
    for out, _, parent, local in edges(order):
        upstream = gradient.get(out)
        if upstream is None or local is ZERO:
            continue
        contribution, before = local * upstream, gradient.get(parent, 0.0)
        after = gradient[parent] = before + contribution
        if isfinite(after):
            continue
        o, p = name[out], name[parent]
        text = f"∂L/∂{p} += ∂{o}/∂{p} · ∂L/∂{o} = {number(local)} × {number(upstream)} = {number(contribution)}"
        if isfinite(contribution):
            text += f", which adds up to {number(after)} with {number(before)} from before"
        if {abs(local), abs(upstream)} == {0.0, inf}:
            text += "\n  0 · ∞: the chain rule cannot tell"
        return f"{text}\n  where {equation(out, name)}", out, parent
    return None


def _names(order: list[Value]) -> dict[Value, str]:
    return {node: one_line(text) for node, text in names(order).items()}


def _error(
    head: str, node: Value, computed: Value, order: list[Value], name: dict[Value, str], role: str = LOSS
) -> NonFiniteError:
    """The error about a node, with the source of the node that was computed, and the path to the last of the order."""
    source, path = computed.source, _path(node, order[-1])
    lines = [head] + ([f"  in {source.quoted}"] if source else [])
    if len(path) > 1 or role == LOSS:
        lines.append(f"  path to {role}: {joined([name[step] for step in path], ' → ')}")
    return NonFiniteError("\n".join(lines), node, path, source)


def _path(node: Value, loss: Value) -> tuple[Value, ...]:
    """A shortest path from the node up to the loss: one that a gradient can flow along, if there is one."""
    above = _above(loss, lambda out, place: flows(out.op, place))
    if node not in above and node is not loss:
        above = _above(loss, lambda out, place: True)
    path = [node]
    while path[-1] is not loss:
        path.append(above[path[-1]])
    return tuple(path)


def _above(loss: Value, leads: Callable[[Value, int], bool]) -> dict[Value, Value]:
    """For each node below the loss the next one on a shortest path to it, along the edges that lead on."""
    above: dict[Value, Value] = {}
    reached = [loss]  # it grows while it is walked: the nearest ones come first
    for out in reached:
        for place, parent in enumerate(out.parents):
            if parent not in above and leads(out, place):
                above[parent] = out
                reached.append(parent)
    return above


class _Detector(Observer):
    def recorded(self, node: Value) -> None:
        if not isfinite(node.number):
            check_forward(topological_order(node), "this result")

    def begins(self, root: Value, seed: float) -> None:
        check_finite(root, seed)

    def differentiated(self, root: Value, gradients: Sequence[Any]) -> None:
        check_forward(topological_order(root))
        if not all(isfinite(g.number if isinstance(g, Value) else g) for g in gradients):
            check_finite(root)


DETECTOR = _Detector()


def is_detecting() -> bool:
    """Whether anomalies are detected in this thread."""
    return bool(watchers) and is_open(DETECTOR)


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first number that is not finite: of the forward pass where it is made, or of a backward pass.

    A graph that was recorded outside is looked at when ``backward()`` begins, so a loss that is nan never passes. No
    gradient is touched by a pass that is refused. A branch of ``where`` that is not taken counts like any other.
    Compiled functions run eagerly, observation by observation, but for descents, of which the loss alone is looked at.
    Inside, sources are recorded: errors quote the line of the user's program that made the number.

    Raises:
        NonFiniteError: as :func:`check_finite`.

    >>> x = Value(-1.0, label="x")
    >>> with detect_anomaly(): loss = (x * 2 + 1).log() ** 2
    Traceback (most recent call last):
    autodiff.non_finite.NonFiniteError: the first number that is not finite is v5 = log(v4) = log(−1.0) = nan
    """
    with observed_by(RECORDER, DETECTOR):
        yield
