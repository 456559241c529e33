"""``dumps`` and ``save``: traces as JSON, the same bytes for the same trace."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from autodiff.tracing.recorded_pass import RecordedPass
from autodiff.zeros import NOT_COMPUTED, ZERO

FORMAT, VERSION = "autodiff-trace", 2


def dumps(trace: RecordedPass) -> str:
    """The trace as JSON text: a header, then a line for each node and each step.

    A node is ``[name, op, data, operands, initial, gradient]``, with its source at the end if that was recorded; a
    step is ``[place, node, parent, position, local, upstream, contribution, before, after]``, where nodes are given by
    their places. Numbers that JSON has no notation for are the strings "nan", "inf" and "-inf"; ``0``, an integer, is a
    local derivative where there is no dependence, or the gradient of a node that nothing has reached. The text is
    ASCII.

    >>> from autodiff import Value
    >>> from autodiff.tracing import trace
    >>> print(dumps(trace(-Value(2.0, label="x"))), end="")
    {"format": "autodiff-trace", "version": 2, "seed": 1.0, "nodes": [
    ["x", "variable", 2.0, [], 0.0, -1.0],
    ["v1", "negative", -2.0, [0], 1.0, 1.0]
    ], "steps": [
    [0, 1, 0, 0, -1.0, 1.0, -1.0, 0.0, -1.0]
    ]}
    """
    nodes = [_row([*node[1:-1], *([node.source] if node.source else [])]) for node in trace.nodes]
    steps = []
    for step in trace.steps:
        local = 0 if step.local is ZERO else step.local
        upstream = 0 if step.upstream is NOT_COMPUTED else step.upstream
        edge = [step.place, step.node.place, step.parent.place, step.position]
        steps.append(_row([*edge, local, upstream, *step[6:]]))
    head = f'{{"format": "{FORMAT}", "version": {VERSION}, "seed": {_row(trace.seed)}, "nodes": ['
    return "\n".join([head, ",\n".join(nodes), '], "steps": [', *([",\n".join(steps)] if steps else []), "]}\n"])


def save(trace: RecordedPass, path: str | os.PathLike[str]) -> Path:
    """Write the trace to a file, see :func:`dumps`, and return its path.

    Raises:
        TypeError: it is not a ``Trace``.
        OSError: the file cannot be written.
    """
    if not isinstance(trace, RecordedPass):
        raise TypeError(f"save needs a Trace, such as trace(loss), not {type(trace).__name__}")
    path = Path(path)
    path.write_bytes(dumps(trace).encode("ascii"))
    return path


def _row(value: Any) -> str:
    return json.dumps(plain(value), allow_nan=False)


def plain(value: Any) -> Any:
    """The value as JSON has it: numbers that it has no notation for are strings."""
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if value != value else str(float(value))
    return float(value) if isinstance(value, float) else value
