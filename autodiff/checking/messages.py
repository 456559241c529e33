"""``GradientMismatch``: a wrong derivative, told so that the one to blame can be found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from autodiff import Value
from autodiff.checking.comparison import Comparison
from autodiff.checking.function_under_test import Subject
from autodiff.checking.graphs import Graph
from autodiff.checking.inputs import Backward, input_comparisons
from autodiff.checking.reduction import reduced
from autodiff.checking.wrong_rules import culprits, pinned, times

SHOWN = 6
"""How many comparisons a message shows in full; of more, only so many that are wrong."""
HINTS = {-1.0: "the sign is flipped", 2.0: "a factor 2 too much", 0.5: "a factor ½ too much", 0.0: "it is missing"}


class GradientMismatch(AssertionError):  # noqa: N818  # the name says what does not match
    """A derivative of the engine is wrong.

    The message, and the reduction of the graph that it needs, are made when it is printed.

    Attributes:
        comparisons: every derivative that was compared, the wrong ones with verdict "fail".
        graph: the recorded function as a :class:`Graph`.
    """

    def __init__(self, comparisons: Sequence[Comparison], graph: Graph, backward: Backward, second: bool) -> None:
        super().__init__()
        self.comparisons = tuple(comparisons)
        self.graph = graph
        self._backward = backward
        self._second = second

    @cached_property
    def reduced(self) -> Graph:
        """The smallest graph found that fails too; the whole one where none does, as of foreign code."""
        return reduced(self.graph, self._fails) if self._fails(self.graph) else self.graph

    @cached_property
    def culprit(self) -> str:
        """Which rule is wrong, or that it is a kink, or the propagation."""
        wrong = culprits(self.reduced, self._second)
        if wrong:
            return "; ".join(wrong)
        kinks = pinned(self.reduced)
        if kinks:
            return f"no rule is wrong, but the derivative of {', '.join(map(repr, kinks))} at a kink is a convention"
        return "all rules are right: propagation"

    def _fails(self, graph: Graph) -> bool:
        try:
            return bool(culprits(graph, second=True)) if self._second else graph_fails(graph, self._backward)
        except Exception:  # a graph that cannot be differentiated is no smaller case of this failure
            return False

    def __str__(self) -> str:
        failed = [c for c in self.comparisons if c.verdict == "fail"]
        size, before = len(self.reduced.steps), len(self.graph.steps)
        lines = [
            f"fail: {len(failed)} of {len(self.comparisons)} derivatives "
            f"{'is' if len(failed) == 1 else 'are'} wrong. Culprit: {self.culprit}"
        ]
        shown = self.comparisons if len(self.comparisons) <= SHOWN else failed[:SHOWN]
        lines += map(told, shown)
        if len(shown) < len(self.comparisons):
            more = f"{len(failed) - len(shown)} more that are wrong, " * (len(failed) > len(shown))
            lines.append(f"  … and {more}{len(self.comparisons) - len(failed)} that are not wrong")
        lines += ["", f"reduced from {before} to {size} operation{'s' * (size != 1)}:", ""]
        lines += [self.reduced.code("check_gradients"), f"check_gradients(f, point{', order=2' * self._second})"]
        point = ", ".join(f"{x!r}" for x in self.reduced.inputs)
        lines += ["", f"as a hypothesis example: @example(({point},))"]
        return "\n".join(lines)


def told(c: Comparison) -> str:
    """One comparison in a line or two."""
    e, t = c.estimate, c.tolerance
    line = (
        f"  {c.verdict:12} input {c.name} = {c.x!r}: engine {c.engine:.12g}, numerical {e.value:.12g} ± {e.error:.1e}"
    )
    if c.verdict == "pass":
        return line
    if c.verdict == "kink":
        return f"{line}\n{'':15}D⁻ = {e.left:.6g}, D⁺ = {e.right:.6g}"
    off = abs(c.engine - e.value)
    line += (
        f"\n{'':15}off by {off:.3e}, allowed {t.total:.1e} = {t.relative:.1e} relative + {t.numerical:.1e} numerical"
        f" + {t.round_off:.1e} round-off; D⁻ = {e.left:.6g}, D⁺ = {e.right:.6g}"
    )
    found = c.note or hint(c.engine, e.value)
    return f"{line}\n{'':15}{found}" if found else line


def hint(engine: float, numeric: float) -> str:
    """What the ratio of the wrong derivative to the right one says.

    >>> hint(-3.0, 3.0)
    'the engine has -1 times the derivative: the sign is flipped'
    >>> hint(0.5, 0.4999995)
    'the engine has 1 + 1e-06 times the derivative'
    """
    if not (math.isfinite(engine) and math.isfinite(numeric)):
        return f"the engine's derivative is {engine}" if not math.isfinite(engine) else ""
    if abs(numeric) <= 1e-12 * max(1.0, abs(engine)):
        return "the derivative is 0" if engine else ""
    ratio = engine / numeric
    for simple, meaning in HINTS.items():
        if abs(ratio - simple) < 1e-6:
            return f"the engine has {simple:g} times the derivative: {meaning}"
    return f"the engine has {times(engine, numeric, 'the derivative')}"


def graph_fails(graph: Graph, backward: Backward = Value.backward) -> bool:
    """Whether a first derivative of the graph is wrong at its point."""
    return any(found.verdict == "fail" for found in input_comparisons(Subject(graph, graph.inputs), backward))
