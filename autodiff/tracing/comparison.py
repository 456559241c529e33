"""``compare``: where two traces differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, NamedTuple

from autodiff.text import printable
from autodiff.tracing.recorded_pass import RecordedPass
from autodiff.tracing.steps import TracedStep, same


class Difference(NamedTuple):
    """Where two traces part: prints as a sentence for each thing that differs."""

    place: int | None
    """The place of the first step that differs; None if all steps agree and only nodes differ."""
    how: tuple[str, ...]
    forward: str
    """The first node whose number in the forward pass differs; empty if there is none."""

    def __str__(self) -> str:
        where = "the steps agree, but not the nodes" if self.place is None else f"step {self.place} differs"
        lines = [f"{where}: {'; '.join(self.how)}"]
        lines += [f"the forward pass differs already at {self.forward}"] if self.forward else []
        return printable("\n".join(lines))


def compare(a: RecordedPass, b: RecordedPass, *, tolerance: float = 0.0) -> Difference | None:
    """The first step at which two traces differ, and how; None if they are the same but for their sources.

    Args:
        a: the first trace, recorded or loaded.
        b: the second.
        tolerance: numbers differ if they are further apart than this times the greater of their sizes.

    Raises:
        TypeError: one of them is not a :class:`Trace`.
        ValueError: the tolerance is not a number from 0 on.

    >>> from autodiff import Value
    >>> from autodiff.tracing import trace
    >>> def run(w): return trace(Value(w, label="w") * Value(2.0, label="x"))
    >>> print(compare(run(1.0), run(1.5)))
    step 1 differs: local 1.0 and 1.5; contribution 1.0 and 1.5; after 1.0 and 1.5
    the forward pass differs already at 'w': 1.0 and 1.5
    """
    for given in (a, b):
        if not isinstance(given, RecordedPass):
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
