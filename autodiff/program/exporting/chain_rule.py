"""A program as straight-line code, forward and backward, in any language that the one writer has a target for.

Two zeros: while a gradient is added up, -0.0 says that nothing has reached it yet, and ``flow`` passes nothing on from
there. Where it is certain that something reaches a slot, as in most programs everywhere, there is the plain chain rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from autodiff.operations import Operation
from autodiff.program.exporting.exported import slot_names
from autodiff.program.exporting.formulas import (
    ALWAYS,
    SOMETIMES,
    TERM_BY_TERM,
    flowing,
    flows,
    locals_of,
    product,
    term_by_term,
    whole,
)
from autodiff.program.exporting.identifiers import Identifiers, commented
from autodiff.program.expressions import ARITHMETIC, UPSTREAM, Expression, number, operand
from autodiff.program.lowering.straight import placed
from autodiff.program.writers import LEAVES, Target, numbered, statements
from autodiff.rules import SELECT, norm

if TYPE_CHECKING:
    from autodiff.program.program import Program

SHORT = 60
"""The most characters of a formula that is written where it is used; of a longer one, a function is made."""
MANY = 60
"""The most terms in one statement: a parser may be a recursion, and Python's knows 200 brackets."""
MOST_PLACED = 8
"""Operands of an operation whose formulas may be written where they are used."""
LONGEST = 10**9
"""So long is no text that occurs twice: it has no name."""


class Statement(NamedTuple):
    """``name = text``, where ``sign`` is ``=``; or ``name += text``."""

    name: str
    text: str
    comment: str = ""
    is_new: bool = True
    """Whether the name had no number before."""
    sign: str = "="


class Routine(NamedTuple):
    """A function that the code calls for an operation."""

    name: str
    comment: str
    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    """Statements that name parts of the result."""
    result: str


class Routines:
    """The functions that the operations of a file call, each written once.

    Args:
        target: how formulas are written.
        prefix: what their names begin with.
        constant: how a number is handed to them.
    """

    def __init__(self, target: Target, prefix: str, constant: str = "{}") -> None:
        self.target, self.prefix, self.constant = target, prefix, constant
        self.all: dict[tuple[object, ...], Routine] = {}
        self._names = Identifiers()

    def call(self, row: Operation, arity: int, part: str, operands: Sequence[str]) -> str:
        """The call of a function for a part of a row: ``""`` for its primal, else ``"by_0"`` and so on."""
        key = row.name, id(row), arity, part
        if key not in self.all:
            self.all[key] = self._written(row, arity, part)
        return f"{self.all[key].name}({', '.join(operands)})"

    def _written(self, row: Operation, arity: int, part: str) -> Routine:
        name = f"{row.name}{f'_{arity}' * (row.arity is None)}{f'_{part}' * bool(part)}"
        arguments = [f"x{at}" for at in range(arity)]
        comment, found = f"The operation {commented(row.name)}.", whole(row, arity)
        if part:
            at = int(part.removeprefix("by_"))
            found, comment = locals_of(row, arity)[at], f"The derivative of {commented(row.name)} by operand {at}."
            arguments.append(LEAVES["output"])
            if flows(row, arity)[at] == SOMETIMES:
                found, comment = flowing(found, UPSTREAM), f"{comment[:-1]}, times the upstream gradient."
                arguments.append(LEAVES["upstream"])
        lines, (text,) = statements([found], self.target)
        return Routine(self.prefix + self._names.of(name), comment, tuple(arguments), tuple(lines), text)


class StraightLine:
    """The statements of a program.

    Args:
        program: what is written.
        routines: the functions of its file.
        taken: identifiers that its slots may not have.
        seeds: what the gradient of each output begins with.
        given: identifiers that inputs have, by their place.

    Raises:
        UnwritableError: an operation cannot be written in that language.
    """

    def __init__(
        self,
        program: Program,
        routines: Routines,
        taken: Sequence[str],
        seeds: Sequence[str],
        given: Mapping[int, str] | None = None,
    ) -> None:
        self.program, self.routines, self.seeds = program, routines, seeds
        self.names = slot_names(program, taken, given)
        self.needed = program.needed()
        self.target = replace(routines.target, called=self._called)
        constants = program.constants.tolist()
        self._leaves = [*map(number, constants), *map(operand, range(len(constants), program.slots))]
        for slot, (row, operands) in enumerate(program.instructions, program.first_result):
            parts = [self._leaves[each] for each in operands]
            if all(each.kind == "number" for each in parts):
                self._leaves[slot] = number(row.evaluate([each.number for each in parts]))

    def _called(self, place: int) -> str:
        """Slots by their names; numbers beyond them are gradients."""
        slots = self.program.slots
        return self.names[place] if place < slots else f"d_{self.names[place - slots]}"

    def text(self, slot: int) -> str:
        """The name of a slot, or the number of a constant."""
        return self._written(self._leaves[slot])

    def _argument(self, slot: int) -> str:
        leaf = self._leaves[slot]
        return self.routines.constant.format(self._written(leaf)) if leaf.kind == "number" else self.text(slot)

    def forward(self) -> Iterator[Statement]:
        """The results that an output or a guard needs."""
        for slot, (row, operands) in enumerate(self.program.instructions, self.program.first_result):
            if self.needed[slot] and self._leaves[slot].kind != "number":
                by_terms = row in TERM_BY_TERM
                yield from self._terms(slot, row, operands) if by_terms else self._result(slot, row, operands)

    def _result(self, slot: int, row: Operation, operands: Sequence[int]) -> Iterator[Statement]:
        found = self._short(whole(row, len(operands)), operands)
        texts = [*map(self.text, operands)]
        comment = f"{commented(row.name)[1:-1]}({', '.join(texts)})"
        is_told = not found or row.name in ARITHMETIC or found.endswith(comment)
        text = found or self.routines.call(row, len(operands), "", [*map(self._argument, operands)])
        yield Statement(self.names[slot], text, "" if is_told else comment)

    def _terms(self, slot: int, row: Operation, operands: Sequence[int]) -> Iterator[Statement]:
        found, terms = term_by_term(row, [self._leaves[each] for each in operands])
        for start in range(0, max(len(terms), 1), MANY):
            for term in terms[start : start + MANY]:
                found = term(found)
            yield Statement(self.names[slot], self._written(found), row.name if start == 0 else "", start == 0)
            found = operand(slot)

    @cached_property
    def reached(self) -> list[bool]:
        """For each slot, whether a gradient reaches it whatever the numbers are."""
        return self._from_outputs(ALWAYS)

    @cached_property
    def active(self) -> list[bool]:
        """For each slot, whether a gradient may flow from an output to it, and on to a parameter or an input."""
        first = self.program.first_parameter
        towards = [False] * first + [True] * (self.program.first_result - first)
        for row, operands in self.program.instructions:
            towards.append(any(flow and towards[each] for each, flow in zip(operands, flows(row, len(operands)))))
        return [a and b for a, b in zip(towards, self._from_outputs(SOMETIMES))]

    def _from_outputs(self, least: int) -> list[bool]:
        found = [False] * self.program.slots
        for slot in self.program.outputs.tolist():
            found[slot] = True
        for slot, row, operands in self._backwards():
            for each, flow in zip(operands, flows(row, len(operands)) if found[slot] else ()):
                found[each] |= flow >= least
        return found

    def backward(self) -> Iterator[Statement]:
        """The chain rule, from the outputs down, in the order of the eager engine."""
        begun: set[int] = set()

        def added(slot: int, text: str, comment: str) -> Statement:
            is_first = slot not in begun
            begun.add(slot)
            return Statement(f"d_{self.names[slot]}", text, comment, is_first, "=" if is_first else "+=")

        for slot, seed in zip(self.program.outputs.tolist(), self.seeds):
            if self.active[slot]:
                yield added(slot, seed, "")
        for slot, row, operands in self._backwards():
            for at, each in enumerate(operands if self.active[slot] else ()):
                if self.active[each] and flows(row, len(operands))[at]:
                    by = f"d{self.names[slot]}/d{self.names[each]}"
                    yield added(each, self._contribution(slot, row, operands, at), by)

    def _contribution(self, slot: int, row: Operation, operands: Sequence[int], at: int) -> str:
        """Local derivative times upstream gradient."""
        arity, local, is_reached = len(operands), locals_of(row, len(operands))[at], self.reached[slot]
        branches = flows(row, arity)[at] == SOMETIMES
        upstream = operand(self.program.slots + slot)
        if local.kind == "operand":
            local = self._leaves[operands[int(local.number)]]
        elif arity <= MOST_PLACED or row in (norm, SELECT):
            local = placed([local], [self._leaves[each] for each in operands], self._leaves[slot])[0]
        if branches and is_reached:
            upstream = Expression("add", (upstream, number(0.0)))  # else -0.0 would say that nothing has reached it
        found = flowing(local, upstream) if branches else product(local, upstream, is_reached)
        if row in (norm, SELECT) or self._is_short(found):
            return self._written(found)
        arguments = [self._argument(each) for each in (*operands, slot)]
        text = self._written(upstream)
        if branches:
            return self.routines.call(row, arity, f"by_{at}", [*arguments, text])
        factor = self.routines.call(row, arity, f"by_{at}", arguments)
        return f"{factor} * {text}" if is_reached else f"{self.target.function('flow', 2)}({factor}, {text})"

    def guards(self) -> Iterator[tuple[str, bool]]:
        """What was compared, and whether it held."""
        for sign, left, right, holds in self.program.guards:
            yield self._written(Expression(sign, (self._leaves[left], self._leaves[right]))), holds

    def _backwards(self) -> Iterator[tuple[int, Operation, tuple[int, ...]]]:
        instructions, first = self.program.instructions, self.program.first_result
        for place in reversed(range(len(instructions))):
            yield first + place, *instructions[place]

    def _short(self, expression: Expression, operands: Sequence[int]) -> str:
        found = placed([expression], [self._leaves[each] for each in operands])[0]
        return self._written(found) if self._is_short(found) else ""

    def _is_short(self, expression: Expression) -> bool:
        """Whether it is written where it is used: without branches, and with nothing in it twice."""
        order, _ = numbered([expression])
        return (
            len(order) <= SHORT
            and not any(each.kind == "choose" for each, _ in order)
            and not statements([expression], self.routines.target, SHORT)[0]
            and len(self._written(expression)) <= SHORT
        )

    def _written(self, expression: Expression) -> str:
        return statements([expression], self.target, LONGEST)[1][0]
