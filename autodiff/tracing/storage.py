"""Traces as files: JSON with the same bytes for the same trace, and where two traces differ."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from autodiff.tracing.recorded_pass import Trace
from autodiff.tracing.steps import TracedNode, TracedStep, same

FORMAT, VERSION = "autodiff-trace", 1
NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def dumps(trace: Trace) -> str:
    """The trace as JSON text: a header, then a line for each node and each step.

    A node is ``[name, op, data, operands, initial, gradient]``, with its source at the end if that was recorded; a
    step is ``[place, node, parent, position, local, upstream, contribution, before, after]``, where nodes are given by
    their places. Numbers that JSON has no notation for are the strings "nan", "inf" and "-inf". The text is ASCII, the
    same in every run.

    >>> from autodiff import Value
    >>> from autodiff.tracing import recorded_pass
    >>> print(dumps(trace(-Value(2.0, label="x"))), end="")
    {"format": "autodiff-trace", "version": 1, "seed": 1.0, "nodes": [
    ["x", "variable", 2.0, [], 0.0, -1.0],
    ["v1", "negative", -2.0, [0], 1.0, 1.0]
    ], "steps": [
    [0, 1, 0, 0, -1.0, 1.0, -1.0, 0.0, -1.0]
    ]}
    """
    nodes = [_row([*node[1:-1], *([node.source] if node.source else [])]) for node in trace.nodes]
    steps = [_row([s.place, s.node.place, s.parent.place, *s[3:]]) for s in trace.steps]
    head = f'{{"format": "{FORMAT}", "version": {VERSION}, "seed": {_row(trace.seed)}, "nodes": ['
    return "\n".join([head, ",\n".join(nodes), '], "steps": [', *([",\n".join(steps)] if steps else []), "]}\n"])


def save(trace: Trace, path: str | os.PathLike[str]) -> Path:
    """Write the trace to a file, see :func:`dumps`, and return its path.

    Raises:
        TypeError: it is not a ``Trace``.
        OSError: the file cannot be written.
    """
    if not isinstance(trace, Trace):
        raise TypeError(f"save needs a Trace, such as trace(loss), not {type(trace).__name__}")
    path = Path(path)
    path.write_bytes(dumps(trace).encode("ascii"))
    return path


def loads(text: str | bytes) -> Trace:
    """The trace of a text that :func:`dumps` wrote. Its nodes are known by name only.

    Raises:
        ValueError: the text is no saved trace, is of another version, or is damaged; the message says where.
    """
    try:
        saved = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is not a saved trace: no JSON ({error})") from None
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise ValueError(f'this is not a saved trace: it must be a JSON object with "format": "{FORMAT}"')
    if type(saved.get("version")) is not int or saved["version"] != VERSION:
        raise ValueError(f"a saved trace of version {saved.get('version')!r:.40} cannot be read: it must be {VERSION}")
    seed = _number(saved.get("seed"), "the seed")
    rows = _list(saved.get("nodes"), "nodes")
    nodes = tuple(_node(row, place) for place, row in enumerate(rows))
    if not nodes:
        raise ValueError("this saved trace is damaged: it has no nodes")
    return Trace(
        nodes,
        tuple(_step(row, nodes, f"step row {n}") for n, row in enumerate(_list(saved.get("steps"), "steps"))),
        seed,
    )


def load(path: str | os.PathLike[str]) -> Trace:
    """The trace that :func:`save` wrote to a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: as :func:`loads`, with the path.
    """
    try:
        return loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


class Difference(NamedTuple):
    """Where two traces part: prints as a sentence for each thing that differs."""

    place: int | None
    """The place of the first step that differs; None if all steps agree and only nodes differ."""
    how: tuple[str, ...]
    """What differs in it, the first trace's side first."""
    forward: str
    """The first node whose number in the forward pass differs; empty if there is none."""

    def __str__(self) -> str:
        where = "the steps agree, but not the nodes" if self.place is None else f"step {self.place} differs"
        lines = [f"{where}: {'; '.join(self.how)}"]
        return "\n".join(lines + ([f"the forward pass differs already at {self.forward}"] if self.forward else []))


def compare(a: Trace, b: Trace, *, tolerance: float = 0.0) -> Difference | None:
    """The first step at which two traces differ, and how; None if they are the same but for their sources.

    Args:
        a: the first trace, recorded or loaded.
        b: the second.
        tolerance: numbers differ if they are further apart than this times the greater of their sizes.

    Raises:
        TypeError: one of them is not a :class:`Trace`.
        ValueError: the tolerance is not a number from 0 on.

    >>> from autodiff import Value
    >>> from autodiff.tracing import recorded_pass
    >>> def run(w): return trace(Value(w, label="w") * Value(2.0, label="x"))
    >>> print(compare(run(1.0), run(1.5)))
    step 1 differs: local 1.0 and 1.5; contribution 1.0 and 1.5; after 1.0 and 1.5
    the forward pass differs already at 'w': 1.0 and 1.5
    """
    for given in (a, b):
        if not isinstance(given, Trace):
            raise TypeError(f"compare needs two Traces, such as trace(loss), not {type(given).__name__}")
    if not tolerance >= 0:
        raise ValueError(f"the tolerance must be a number from 0 on, not {tolerance!r}")

    def near(x: Any, y: Any) -> bool:
        if isinstance(x, float) and isinstance(y, float):
            return same(x, y) or math.isclose(x, y, rel_tol=tolerance)
        return bool(x == y)

    differs = [(x, y) for x, y in zip(a.nodes, b.nodes) if x.name == y.name and not near(x.data, y.data)]
    forward = "".join(f"{x.name!r}: {x.data!r} and {y.data!r}" for x, y in differs[:1])
    for first, second in zip_longest(a.steps, b.steps):
        how = _step_differences(first, second, near)
        if how:
            return Difference((first or second).place, tuple(how), forward)
    if len(a.nodes) != len(b.nodes):
        return Difference(None, (f"{len(a.nodes)} and {len(b.nodes)} nodes",), forward)
    for x, y in zip(a.nodes, b.nodes):
        fields = [f"{name} {u!r} and {v!r}" for name, u, v in zip(x._fields[:-1], x, y) if not near(u, v)]
        if fields:
            return Difference(None, (f"{x.name!r}: {', '.join(fields)}",), forward)
    return None


def _step_differences(a: TracedStep | None, b: TracedStep | None, near: Callable[[Any, Any], bool]) -> list[str]:
    if a is None or b is None:
        return ["the second trace goes on" if a is None else "the second trace has ended"]
    edges = [f"∂{step.node.name}/∂{step.parent.name} ({step.node.op})" for step in (a, b)]
    how = [f"edge {edges[0]} and {edges[1]}"] if edges[0] != edges[1] else []
    return how + [f"{name} {x!r} and {y!r}" for name, x, y in zip(a._fields[3:], a[3:], b[3:]) if not near(x, y)]


def _row(value: Any) -> str:
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if value != value else str(float(value))
    return float(value) if isinstance(value, float) else value


def _damaged(where: str, needed: str, given: object) -> ValueError:
    return ValueError(f"this saved trace is damaged: {where} must be {needed}, not {given!r:.60}")


def _list(given: Any, where: str, length: int | None = None) -> list[Any]:
    if not isinstance(given, list) or (length is not None and len(given) != length):
        raise _damaged(where, "a list" + (f" of {length}" if length else ""), given)
    return given


def _number(given: Any, where: str) -> float:
    if isinstance(given, str) and given in NON_FINITE:
        return NON_FINITE[given]
    if not isinstance(given, float):
        raise _damaged(where, "a number", given)
    return given


def _place(given: Any, below: int, where: str) -> int:
    if type(given) is not int or not 0 <= given < below:
        raise _damaged(where, f"an int from 0 to {below - 1}", given)
    return given


def _node(row: Any, place: int) -> TracedNode:
    where = f"node {place}"
    source = row[6] if isinstance(row, list) and len(row) == 7 else ""
    name, op, data, operands, initial, gradient = _list(row[:6] if source else row, where, 6)
    if not all(isinstance(text, str) for text in (name, op, source)):
        raise _damaged(where, "a name and an operation first, and a source last if there is one", row)
    places = tuple(_place(operand, place, f"an operand of {where}") for operand in _list(operands, where))
    ends = [None if number is None else _number(number, where) for number in (initial, gradient)]
    if None in ends and ends != [None, None]:
        raise _damaged(where, "with both gradients or none", row)
    return TracedNode(place, name, op, _number(data, where), places, ends[0], ends[1], source)


def _step(row: Any, nodes: tuple[TracedNode, ...], where: str) -> TracedStep:
    place, node, parent, position, *numbers = _list(row, where, 9)
    out = nodes[_place(node, len(nodes), where)]
    _place(position, len(out.operands), where)
    if out.operands[position] != _place(parent, len(nodes), where):
        raise _damaged(where, f"an edge to operand {out.operands[position]}", parent)
    whole = sum(len(n.operands) for n in nodes)
    local, upstream, contribution, before, after = (_number(number, where) for number in numbers)
    edge = (_place(place, whole, where), out, nodes[parent], position)
    return TracedStep(*edge, local, upstream, contribution, before, after)
