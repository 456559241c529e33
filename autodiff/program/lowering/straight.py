"""Instructions as straight-line text, forward and backward: what fused code is made of, for machine code and NumPy.

The text of an operation is that of every backend, with constants put in place of their operands. Contributions are
added in the order of the eager engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from autodiff.operations import Operation
from autodiff.program.expressions import (
    ARITHMETIC,
    COMPARISONS,
    NO_DEPENDENCE,
    OUTPUT,
    Expression,
    compared,
    contributions,
    number,
    operand,
    primal,
)
from autodiff.program.writers import LEAVES, Target, numbered, statements
from autodiff.registry import BUILT_IN, lookup

MOST_OPERANDS = 32
"""An instruction that has more is not fused: it costs little for what it does."""


class Placed(NamedTuple):
    """An instruction and the slot of its result."""

    slot: int
    op: Operation
    operands: tuple[int, ...]


class StraightLine:
    """Instructions in their order, whose slots have the names ``x3``, and their adjoints ``g3``.

    Args:
        instructions: what is to be written.
        constants: the numbers of slots that are known.
        active: whether a gradient flows through a slot.
        reads: the slots of other operands: they have the first names.
        target: how formulas are written.
    """

    def __init__(
        self,
        instructions: Sequence[Placed],
        constants: Mapping[int, float],
        active: Callable[[int], bool],
        reads: Sequence[int],
        target: Target,
    ) -> None:
        self.instructions, self.constants, self.active, self.target = instructions, constants, active, target
        self.local = {slot: at for at, slot in enumerate([*reads, *(each.slot for each in instructions)])}

    def forward(self, known: Collection[int] = ()) -> Iterator[str]:
        """The statements that compute the results, but those that are known."""
        for slot, op, operands in self.instructions:
            if slot not in known:
                lines, (text,) = statements(self._of([formula(op, len(operands))], operands), self.target)
                yield from [*lines, f"x{self.local[slot]} = {text}"]

    def backward(self, begun: Collection[int]) -> Iterator[str]:
        """The statements that pass adjoints on; what is not yet ``begun`` is its first contribution."""
        begun = {*begun}
        for slot, op, operands in reversed(self.instructions):
            if slot not in begun:
                continue  # nothing flows to it
            passed = contributions(op, len(operands))
            pairs = [
                (at, each)
                for at, each in enumerate(passed)
                if self.active(operands[at]) and each is not None and each != NO_DEPENDENCE
            ]
            names = {**self.target.names, "output": f"x{self.local[slot]}", "upstream": f"g{self.local[slot]}"}
            target = replace(self.target, names=names)
            lines, texts = statements(self._of([each for _, each in pairs], operands), target)
            yield from lines
            for (at, _), text in zip(pairs, texts):
                name = f"g{self.local[operands[at]]}"
                yield f"{name} = {name} + ({text})" if operands[at] in begun else f"{name} = {text}"
                begun.add(operands[at])

    def _of(self, formulas: Sequence[Expression], operands: Sequence[int]) -> list[Expression]:
        """The formulas of these operands; what depends on constants alone is computed."""
        given = [
            number(self.constants[slot]) if slot in self.constants else operand(self.local[slot]) for slot in operands
        ]
        return placed(formulas, given)


def formula(op: Operation, arity: int) -> Expression:
    """What an operation computes."""
    return primal(op, arity) or Expression(op.name, tuple(map(operand, range(arity))))


@cache
def formulas(op: Operation, arity: int) -> list[Expression] | None:
    """What an operation computes, and its contributions; None if they cannot be written, or call a function of users.

    >>> [*map(str, formulas(lookup("exp"), 1))]
    ['exp(x0)', 'y * upstream']
    """
    found = [formula(op, arity), *(each for each in contributions(op, arity) if each is not None)]
    whole = len(found) == 1 + arity and arity <= MOST_OPERANDS
    return found if whole and all(called(each) <= BUILT_IN | {"pow"} for each in found) else None


def called(expression: Expression) -> set[str]:
    """The functions in an expression that are no arithmetic."""
    kinds = {each.kind for each, _ in numbered([expression])[0]}
    return kinds - ARITHMETIC - {"operand", "number", "choose", *COMPARISONS, *LEAVES}


def placed(
    expressions: Sequence[Expression], operands: Sequence[Expression], output: Expression = OUTPUT
) -> list[Expression]:
    """The expressions of other operands, and another output; choices and arithmetic of numbers are made at once, and
    choices between the same.

    >>> power = primal(lookup("power"), 2)
    >>> print(*placed([power], [operand(5), number(2.0)]))
    x5 * x5
    """
    order, places = numbered(expressions)
    found: list[Expression] = []
    made: dict[object, Expression] = {}
    for expression, at in order:
        parts = tuple(found[part] for part in at)
        known = [part.number for part in parts if part.kind == "number"]
        if expression.kind == "operand":
            found.append(operands[int(expression.number)])
        elif expression.kind == "output":
            found.append(output)
        elif expression.kind == "choose" and parts[0].kind == "number":
            found.append(parts[1] if parts[0].number else parts[2])
        elif expression.kind == "choose" and parts[1] is parts[2]:
            found.append(parts[1])
        elif parts and len(known) == len(parts) and expression.kind in COMPARISONS:
            found.append(number(compared(expression.kind, *known)))
        elif parts and len(known) == len(parts) and expression.kind in ARITHMETIC:
            found.append(number(lookup(expression.kind).evaluate(known)))
        else:
            key = expression.kind, (*map(id, parts),), repr(expression.number)
            found.append(made.setdefault(key, Expression(expression.kind, parts, expression.number)))
    return [found[place] for place in places]
