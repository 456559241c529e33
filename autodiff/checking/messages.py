"""``GradientMismatchError``: a wrong derivative, shown so that the one to blame can be found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

from autodiff.checking.comparison import Comparison
from autodiff.checking.cuts import Cut
from autodiff.checking.graphs import Graph
from autodiff.checking.reduction import reduced
from autodiff.checking.wrong_rules import FACTORS, faults, kinks, times

SHOWN = 6
"""The most comparisons that a message shows in full; of more, as many that are wrong."""


class GradientMismatchError(AssertionError):
    """A derivative of the engine is wrong.

    The message, and the reduction of the graph that it needs, are made when it is printed.

    Attributes:
        comparisons: every derivative that was compared, the wrong ones with verdict "fail".
        graph: the recorded function as a :class:`Graph`; None of a function of plain arrays, which has none.
    """

    def __init__(
        self,
        comparisons: Sequence[Comparison],
        graph: Graph | None = None,
        fails: Callable[[Graph], object] = bool,
        order: int = 1,
        cut: Cut | None = None,
        notes: Sequence[str] = (),
        whose: str = "engine",
    ) -> None:
        super().__init__()
        self.comparisons = tuple(comparisons)
        self.graph = graph
        self._graph_fails = fails
        self._order = order
        self._cut = cut
        self._notes = notes
        self._whose = whose

    @cached_property
    def reduced(self) -> Graph | None:
        """The smallest graph found that fails too; the whole one where none does, as of foreign code."""
        if self.graph is None:
            return None
        return reduced(self.graph, self._fails) if self._fails(self.graph) else self.graph

    @cached_property
    def culprit(self) -> str:
        """Which rule is wrong, or where the graph is cut, or that it is a kink, or the propagation."""
        if self._cut is not None:
            return self._cut.text
        if self.reduced is None:
            return ""
        wrong = faults(self.reduced, second=self._order == 2)
        if wrong:
            return "; ".join(wrong)
        at_kinks = kinks(self.reduced)
        if at_kinks:
            return f"no rule is wrong, but the derivative of {', '.join(map(repr, at_kinks))} at a kink is a convention"
        return "all rules are right: propagation"

    def _fails(self, graph: Graph) -> bool:
        try:
            return bool(self._graph_fails(graph))
        except Exception:  # a graph that cannot be differentiated is no smaller case of this failure
            return False

    def __str__(self) -> str:
        failed = [c for c in self.comparisons if c.verdict == "fail"]
        lines = [
            f"fail: {len(failed)} of {len(self.comparisons)} derivatives "
            f"{'is' if len(failed) == 1 else 'are'} wrong." + (f" Culprit: {self.culprit}" if self.culprit else "")
        ]
        shown = self.comparisons if len(self.comparisons) <= SHOWN else failed[:SHOWN]
        lines += [formatted(each, self._whose) for each in shown]
        if len(shown) < len(self.comparisons):
            more = f"{len(failed) - len(shown)} more that are wrong, " * (len(failed) > len(shown))
            lines.append(f"  … and {more}{len(self.comparisons) - len(failed)} that are not wrong")
        lines += [f"  {note}" for note in self._notes]
        if self._cut is not None:
            return "\n".join(
                [*lines, "", "a program that fails:", "", self._cut.program] if self._cut.program else lines
            )
        if self.graph is None or self.reduced is None:
            return "\n".join(lines)
        size, before = len(self.reduced.instructions), len(self.graph.instructions)
        operations = f"{size} operation{'s' * (size != 1)}"
        lines += ["", f"reduced from {before} to {operations}:" if size < before else "a program that fails:", ""]
        lines += [self.reduced.code("check_gradients"), f"check_gradients(f, point{', order=2' * (self._order == 2)})"]
        point = ", ".join(f"{x!r}" for x in self.reduced.inputs)
        lines += ["", f"as a hypothesis example: @example(({point},))"]
        return "\n".join(lines)


def formatted(c: Comparison, whose: str = "engine") -> str:
    """One comparison in a line, or in three if it did not pass; ``whose`` says whose derivative was given."""
    e, t = c.estimate, c.tolerance
    lines = [
        f"  {c.verdict:12} input {c.name} = {c.x!r}: {whose} {c.engine:.12g}, numerical {e.value:.12g} ± {e.error:.1e}"
    ]
    sides = f"D⁻ = {e.left:.6g}, D⁺ = {e.right:.6g}"
    if c.verdict == "kink" or e.kink:
        lines += [sides, c.note]
    elif c.verdict != "pass":
        allowed = f"{t.relative:.1e} relative + {t.numerical:.1e} numerical + {t.round_off:.1e} round-off"
        lines.append(f"off by {abs(c.engine - e.value):.3e}, allowed {t.total:.1e} = {allowed}; {sides}")
        lines.append(c.note or hint(c.engine, e.value, whose))
    return f"\n{'':15}".join(filter(None, lines))


def hint(engine: float, numeric: float, whose: str = "engine") -> str:
    """What the ratio of the wrong derivative to the right one says.

    >>> hint(-3.0, 3.0)
    'the engine has -1 times the derivative: sign flipped'
    >>> hint(0.5, 0.4999995)
    'the engine has 1 + 1e-06 times the derivative'
    """
    if not (math.isfinite(engine) and math.isfinite(numeric)):
        return f"the {whose}'s derivative is {engine}" if not math.isfinite(engine) else ""
    if abs(numeric) <= 1e-12 * max(1.0, abs(engine)):
        return "the derivative is 0" if engine else ""
    for meaning, simple in FACTORS.items():
        if abs(engine / numeric - simple) < 1e-6:
            return f"the {whose} has {simple:g} times the derivative: {meaning}"
    return f"the {whose} has {times(engine, numeric, 'the derivative')}"
