"""The rule of an optimizer as a program, so that steps are taken by the same machine code as gradients."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from autodiff.program.expressions import Expression, applied
from autodiff.program.lowering import lower
from autodiff.program.program import Program
from autodiff.value import Value, constant


def rule_program(written: Sequence[Expression]) -> Program:
    """One parameter's step: of its gradient and state (inputs), the rate and the step (parameters).

    Args:
        written: the rule, as :func:`~autodiff.program.expressions.rule_of_steps` writes it.

    >>> from autodiff.program.expressions import rule_of_steps
    >>> rule = lambda gradient, rate, step, velocity: (rate * (0.9 * velocity), 0.9 * velocity)
    >>> print(rule_program(rule_of_steps(rule, 1)))
    parameters  rate, step
    inputs      gradient, state 0
      v5 = 0.9 * state 0
      v6 = rate * v5
    outputs     v6, v5
    """
    gradient, rate, step = (Value(nan, name) for name in ("gradient", "rate", "step"))
    state = [Value(nan, f"state {at}") for at in range(len(written) - 1)]
    results = applied(written, [gradient, rate, step, *state])
    roots = [each if isinstance(each, Value) else constant(each) for each in results]
    return lower(Program.from_graph(*roots, inputs=[gradient, *state], parameters=[rate, step])[0])
