"""Fused code: neighbouring instructions as one loop, whose intermediate results stay in registers.

A *segment* is a run of instructions between layers, and where there are none the whole program. Only what others read
has a row in the block: what the segment takes from outside and what it hands on. The text of its instructions is that
of every backend, with constants put in place of their operands. Contributions are added in the order of the eager
engine, so the bits are those of the instructions one by one.

The last segment of a program is run once for a gradient, forward and backward in one; an earlier one computes again, in
the backward pass, what costs less than to keep it. There is no careful text: where a gradient is not finite, the
instructions are run one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from autodiff.operations import Operation
from autodiff.program.expressions import (
    ARITHMETIC,
    COMPARISONS,
    NO_DEPENDENCE,
    Expression,
    compared,
    contributions,
    number,
    operand,
    primal,
)
from autodiff.program.writers import LEAVES, MACHINE, numbered, statements
from autodiff.registry import BUILT_IN, lookup

MOST_FUSED_OPERANDS = 32
"""An instruction that has more is not fused: it costs little for what it does."""
MODULE = '''"""Fused code."""

from autodiff.compiling.native.formulas import formulas
from autodiff.compiling.native.machine import operation

run = formulas("""
{text}
""")


@operation
def code(record, s, sg, v, g, stride, lanes):
    run(record, s, v, g, stride, lanes)
'''


class Placed(NamedTuple):
    """An instruction and the slot of its result."""

    slot: int
    op: Operation
    operands: tuple[int, ...]


@cache
def can_be_fused(op: Operation, arity: int) -> bool:
    """Whether its formulas call nothing but functions of ``math``."""
    if arity > MOST_FUSED_OPERANDS:
        return False
    passed = contributions(op, arity)
    return None not in passed and all(map(_is_known, (_formula(op, arity), *passed)))


def _formula(op: Operation, arity: int) -> Expression:
    """What an operation computes."""
    return primal(op, arity) or Expression(op.name, tuple(map(operand, range(arity))))


def _is_known(expression: Expression | None) -> bool:
    assert expression is not None
    kinds = {each.kind for each, _ in numbered([expression])[0]} - {"operand", "number", "choose", "pow", *LEAVES}
    own = kinds - ARITHMETIC - {*COMPARISONS}
    return all(kind in BUILT_IN and hasattr(math, kind) for kind in own)


class Segment:
    """Neighbouring instructions that are run as one.

    Args:
        instructions: in their order.
        constants: the numbers of slots that are known.
        active: whether a gradient flows through a slot.
        handed_on: whether a slot is read outside of the segment.
        turns: whether nothing comes after it, so that its backward pass follows at once.
    """

    def __init__(
        self,
        instructions: Sequence[Placed],
        constants: Mapping[int, float],
        active: Callable[[int], bool],
        handed_on: Callable[[int], bool],
        turns: bool,
    ) -> None:
        self.instructions, self.constants, self.active, self.turns = instructions, constants, active, turns
        results = [each.slot for each in instructions]
        own = {*results}
        taken = dict.fromkeys(slot for each in instructions for slot in each.operands)
        self.reads = [slot for slot in taken if slot not in own and slot not in constants]
        kept = {each.slot for each in instructions if not turns and _calls(each.op, len(each.operands))}
        self.writes = [slot for slot in results if handed_on(slot) or slot in kept]
        self.slots = [*self.reads, *self.writes]
        """What has rows, in the order of the words of the record."""
        self.local = {slot: at for at, slot in enumerate([*self.reads, *results])}
        self.word = {slot: word for word, slot in enumerate(self.slots, 1)}
        self.flows = any(map(active, self.writes))
        """Whether a gradient comes in through something that is handed on."""

    def forward(self) -> str:
        """The text of the module that computes what is handed on."""
        return _module([*self._loads(self.reads), *self._computed(()), *self._stores()])

    def backward(self) -> str:
        """The text of the module that passes adjoints on, after it has computed what it needs."""
        if self.turns:
            values = [*self._loads(self.reads), *self._computed(()), *self._stores()]
        else:
            values = [*self._loads(self.slots), *self._computed(self.writes)]
        return _module([*values, *self._passed_on()])

    def _loads(self, slots: Sequence[int]) -> Iterator[str]:
        return (f"x{self.local[slot]} = v[{self.word[slot]}]" for slot in slots)

    def _stores(self) -> Iterator[str]:
        return (f"v[{self.word[slot]}] = x{self.local[slot]}" for slot in self.writes)

    def _computed(self, known: Sequence[int]) -> Iterator[str]:
        for slot, op, operands in self.instructions:
            if slot not in known:
                lines, (text,) = statements(self._of([_formula(op, len(operands))], operands), MACHINE)
                yield from [*lines, f"x{self.local[slot]} = {text}"]

    def _passed_on(self) -> Iterator[str]:
        """The backward pass: an adjoint that is begun here begins as 0.0."""
        begun = {slot for slot in self.slots if self.active(slot)}
        outside = [slot for slot in self.slots if slot in begun]
        yield from (f"g{self.local[slot]} = g[{self.word[slot]}]" for slot in outside)
        for slot, op, operands in reversed(self.instructions):
            if slot not in begun:
                continue  # nothing flows to it
            passed = contributions(op, len(operands))
            places = [
                at for at, each in enumerate(operands) if self.active(each) and passed[at] not in (None, NO_DEPENDENCE)
            ]
            names = {**MACHINE.names, "output": f"x{self.local[slot]}", "upstream": f"g{self.local[slot]}"}
            formulas = self._of([each for at in places if (each := passed[at]) is not None], operands)
            lines, texts = statements(formulas, replace(MACHINE, names=names))
            yield from lines
            for at, text in zip(places, texts):
                name = f"g{self.local[operands[at]]}"
                yield f"{name} = {name if operands[at] in begun else '0.0'} + ({text})"
                begun.add(operands[at])
        yield from (f"g[{self.word[slot]}] = g{self.local[slot]}" for slot in outside if slot in {*self.reads})

    def _of(self, formulas: Sequence[Expression], operands: Sequence[int]) -> list[Expression]:
        """The formulas of these operands; what depends on constants alone is computed."""
        given = [
            number(self.constants[slot]) if slot in self.constants else operand(self.local[slot]) for slot in operands
        ]
        return placed(formulas, given)


def placed(expressions: Sequence[Expression], operands: Sequence[Expression]) -> list[Expression]:
    """The expressions of other operands; choices and arithmetic of numbers are made at once.

    >>> from autodiff.program.expressions import traced
    >>> power = primal(lookup("power"), 2)
    >>> print(*placed([power], [operand(5), number(2.0)]))
    x5 * x5
    """
    order, places = numbered(expressions)
    found: list[Expression] = []
    for expression, at in order:
        parts = tuple(found[part] for part in at)
        known = [part.number for part in parts if part.kind == "number"]
        if expression.kind == "operand":
            found.append(operands[int(expression.number)])
        elif expression.kind == "choose" and parts[0].kind == "number":
            found.append(parts[1] if parts[0].number else parts[2])
        elif parts and len(known) == len(parts) and expression.kind in COMPARISONS:
            found.append(number(compared(expression.kind, *known)))
        elif parts and len(known) == len(parts) and expression.kind in ARITHMETIC:
            found.append(number(lookup(expression.kind).evaluate(known)))
        else:
            found.append(Expression(expression.kind, parts, expression.number))
    return [found[place] for place in places]


@cache
def _calls(op: Operation, arity: int) -> bool:
    """Whether it costs more to compute it again than to keep it."""
    kinds = {each.kind for each, _ in numbered([_formula(op, arity)])[0]}
    return bool(kinds - ARITHMETIC - {*COMPARISONS, "operand", "number", "choose", "sqrt"})


def _module(lines: Sequence[str]) -> str:
    return MODULE.format(text="\n".join(lines))
