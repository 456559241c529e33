"""The rule of an optimizer as a program, so that steps are taken by the same machine code as gradients."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.operations import Operation
from autodiff.program.expressions import Expression
from autodiff.program.lowering import lower
from autodiff.program.program import Instruction, Program, assemble
from autodiff.registry import lookup
from autodiff.rules import EQUAL, LESS, LESS_EQUAL, where

COMPARISONS = {
    "<": (LESS, False, False), ">": (LESS, True, False), "<=": (LESS_EQUAL, False, False),
    ">=": (LESS_EQUAL, True, False), "==": (EQUAL, False, False), "!=": (EQUAL, False, True),
}  # fmt: skip
"""The row of each comparison, and whether its sides, or the choices that hang on it, are exchanged."""


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
    states = len(written) - 1
    constants = sorted({number for each in written for number in _numbers(each)})
    parameters, inputs = ("rate", "step"), ("gradient", *(f"state {at}" for at in range(states)))
    first = len(constants)
    slots = {Expression("number", (), number): slot for slot, number in enumerate(constants)}
    for place, slot in enumerate((first + 2, first, first + 1, *range(first + 3, first + 3 + states))):
        slots[Expression("operand", (), place)] = slot
    instructions: list[Instruction] = []

    def slot_of(expression: Expression) -> int:
        if expression not in slots:
            slots[expression] = write(expression)
        return slots[expression]

    def write(expression: Expression) -> int:
        if expression.kind == "choose":
            condition, *choices = expression.parts
            row, exchanged, inverted = COMPARISONS[condition.kind]
            sides = [slot_of(side) for side in condition.parts]
            chosen = [slot_of(choice) for choice in choices]
            test = emit(row, sides[::-1] if exchanged else sides)
            return emit(where, [test, *(chosen[::-1] if inverted else chosen)])
        row = lookup("power" if expression.kind == "pow" else expression.kind)
        return emit(row, [slot_of(part) for part in expression.parts])

    def emit(row: Operation, operands: Sequence[int]) -> int:
        instructions.append(Instruction(row, tuple(operands)))
        return first + 3 + states + len(instructions) - 1

    outputs = [slot_of(each) for each in written]
    return lower(assemble(constants, parameters, inputs, instructions, outputs))


def _numbers(expression: Expression) -> set[float]:
    """The constants in an expression."""
    if expression.kind == "number":
        return {expression.number}
    return {number for part in expression.parts for number in _numbers(part)}
