"""``check_gradients``: the engine's derivatives of a function beside numerical ones."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

from autodiff import Value, grad, topological_order
from autodiff.checking.comparison import Comparison, Verdict, absolute_adjoints, compare
from autodiff.checking.function_under_test import Subject, UncheckableFunction, needs_function
from autodiff.checking.inputs import Backward, input_comparisons
from autodiff.checking.messages import GradientMismatch
from autodiff.checking.noise import recorded_noise
from autodiff.checking.wrong_rules import suspect


class InconclusiveGradientWarning(UserWarning):
    """A derivative could not be told right or wrong: rounding or a singularity hides it."""


class Report(NamedTuple):
    """The comparisons of one check."""

    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all: fail, inconclusive, kink or pass."""
        found = {comparison.verdict for comparison in self.comparisons}
        grave: tuple[Verdict, ...] = ("fail", "inconclusive", "kink")
        return next((verdict for verdict in grave if verdict in found), "pass")

    def __str__(self) -> str:
        return f"{self.verdict}: " + ", ".join(f"{c.name} {c.verdict}" for c in self.comparisons)


def check_gradients(
    f: Callable[..., Any],
    inputs: Any,
    order: int = 1,
    *,
    backward: Backward = Value.backward,
    allow_unused: bool = False,
) -> Report:
    """Compare the engine's derivatives of a function at a point with numerical ones.

    Args:
        f: a function that returns one ``Value``; called with ``*inputs`` if they are a tuple, else with ``inputs``.
        inputs: the point: numbers in a tuple, list, dict or array, or a module with ``named_parameters``.
        order: 1 for the gradient; 2 for the second derivatives as well.
        backward: the backward pass to be checked, ``Value.backward`` unless you wrote your own.
        allow_unused: accept inputs that the function does not depend on.

    Returns:
        The comparisons, and in ``verdict`` the gravest: "pass", "kink" where the function has a corner at the point,
        or "inconclusive" where rounding hides the derivative. The last also warns, or under hypothesis is counted
        as an event.

    Raises:
        GradientMismatch: a derivative is wrong; the message shows which, by how much, and what is to blame.
        UncheckableFunction: the function is not deterministic, returns no ``Value``, mutates its inputs, is not
            finite at the point, or ignores an input.
        ValueError: ``order`` is neither 1 nor 2, or the inputs are empty or not finite.

    >>> check_gradients(lambda x, y: x * y.exp(), (3.0, -1.0)).verdict
    'pass'
    >>> check_gradients(lambda p: (p["w"] * p["x"]).tanh(), {"w": 0.5, "x": 2.0}, order=2).verdict
    'pass'
    >>> check_gradients(abs, 0.0).verdict
    'kink'
    """
    report = checked(f, inputs, order, backward=backward, allow_unused=allow_unused)
    _count(report)
    return report


def checked(
    f: Callable[..., Any], inputs: Any, order: int = 1, *, backward: Backward, allow_unused: bool = False
) -> Report:
    """As :func:`check_gradients`, but silent about what is inconclusive."""
    if order not in (1, 2) or isinstance(order, bool):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    needs_function(backward, "backward")
    subject = Subject(f, inputs)
    try:
        subject.examine()
        unused = subject.unused()
        report = Report(tuple(input_comparisons(subject, backward)))
        if report.verdict != "fail" and order == 2:
            report = Report((*report.comparisons, *_second(subject)))
        if report.verdict == "fail":
            second = len(report.comparisons) > len(subject.names)  # compared only where all first derivatives are right
            raise GradientMismatch(report.comparisons, subject.graph(), backward, second)
        if unused and not allow_unused:
            names = ", ".join(subject.names[i] for i in sorted(unused))
            raise UncheckableFunction(
                "ignores an input",
                f"the function ignores its input {names}: its result does not depend on it at {subject.shown()}; "
                "leave it out, or pass allow_unused=True",
            )
    finally:
        subject.restore()
    return report


def _second(subject: Subject) -> list[Comparison]:
    """The derivatives of the engine's gradient, by the engine and by numbers."""
    root, nodes = subject.root(subject.point)
    firsts = grad(root, nodes)
    # All of them before the first comparison, which moves the parameters of a module.
    seconds = [grad(first, nodes) for first in firsts]
    adjoints = [absolute_adjoints(topological_order(first)) for first in firsts]
    suspected = cache(lambda: suspect(subject.graph(), second=True))
    comparisons = []
    for i, j in product(range(len(nodes)), repeat=2):
        gradient = subject.derivative(i, moved=j)
        comparisons.append(
            compare(
                f"{subject.names[i]}, {subject.names[j]}",
                seconds[i][j].data,
                partial(_number, gradient),
                subject.point[j],
                partial(_noise, gradient),
                adjoints[i].get(nodes[j], 0.0),
                subject.derivative(i, j, moved=j),
                suspected,
            )
        )
    return comparisons


def _number(recorded: Callable[[float], Value], x: float) -> float:
    return recorded(x).data


def _noise(recorded: Callable[[float], Value], seed: int) -> Callable[[float], float]:
    return lambda x: recorded_noise(topological_order(recorded(x)), seed)


def _count(report: Report) -> None:
    """Let nobody take an inconclusive check for a passed one."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and hypothesis.currently_in_test_context():
        hypothesis.event(f"gradients: {report.verdict}")
    elif report.verdict == "inconclusive":
        undecided = [c for c in report.comparisons if c.verdict == "inconclusive"]
        told = "; ".join(
            f"input {c.name}: engine {c.engine:.6g}, numerical {c.estimate.value:.6g}"
            + (f" ± {c.estimate.error:.1g}" if math.isfinite(c.estimate.error) else " (no step gives a derivative)")
            for c in undecided
        )
        warnings.warn(
            f"the gradient could be told neither right nor wrong: {told}", InconclusiveGradientWarning, stacklevel=3
        )
