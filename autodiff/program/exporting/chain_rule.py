"""A program as straight-line code, forward and backward, in any language that the one writer has a target for.

Two zeros: while a gradient is added up, -0.0 says that nothing has reached it yet, and ``flow`` passes nothing on from
there. Where it is certain that something reaches a slot, as in most programs everywhere, there is the plain chain rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property, reduce
from typing import TYPE_CHECKING, NamedTuple

from autodiff.ieee import inf, nan
from autodiff.operations import Operation
from autodiff.program.exporting.exported import slot_names
from autodiff.program.exporting.identifiers import Identifiers, commented
from autodiff.program.expressions import (
    ARITHMETIC,
    NO_DEPENDENCE,
    OUTPUT,
    UPSTREAM,
    Expression,
    derivatives,
    number,
    operand,
)
from autodiff.program.lowering.straight import formula, placed
from autodiff.program.writers import LEAVES, Target, UnwritableError, numbered, statements
from autodiff.rules import SELECT, dot, norm, total

if TYPE_CHECKING:
    from autodiff.program.program import Program

SHORT = 60
"""The most characters of a formula that is written where it is used; of a longer one, a function is made."""
MANY = 100
"""The most terms of a sum in one statement: a parser may be a recursion."""
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
                found, comment = _flowing(found, UPSTREAM), f"{comment[:-1]}, times the upstream gradient."
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
                yield from self._sum(slot, row, operands) if row in SUMS else self._result(slot, row, operands)

    def _result(self, slot: int, row: Operation, operands: Sequence[int]) -> Iterator[Statement]:
        found = self._short(whole(row, len(operands)), operands)
        texts = [*map(self.text, operands)]
        comment = f"{commented(row.name)[1:-1]}({', '.join(texts)})"
        is_told = not found or row.name in ARITHMETIC or found.endswith(comment)
        text = found or self.routines.call(row, len(operands), "", [*map(self._argument, operands)])
        yield Statement(self.names[slot], text, "" if is_told else comment)

    def _sum(self, slot: int, row: Operation, operands: Sequence[int]) -> Iterator[Statement]:
        terms = [self._leaves[each] for each in operands]
        if row is dot:
            half = len(terms) // 2
            terms = [Expression("multiply", pair) for pair in zip(terms[:half], terms[half:])]
        found = number(0.0)
        for start in range(0, max(len(terms), 1), MANY):
            for each in terms[start : start + MANY]:
                found = Expression("add", (found, each))
            yield Statement(self.names[slot], self._written(found), row.name if start == 0 else "", start == 0)
            found = operand(slot)

    @cached_property
    def reached(self) -> list[bool]:
        """For each slot, whether a gradient reaches it whatever the numbers are."""
        return self._from_outputs(ALWAYS)

    @cached_property
    def active(self) -> list[bool]:
        """For each slot, whether a gradient may flow from an output to it, and on to a parameter or an input."""
        towards = self.program.active(range(self.program.first_parameter, self.program.first_result)).tolist()
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
        found = _flowing(local, upstream) if branches else _product(local, upstream, is_reached)
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


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────

SUMS = (total, dot)
NEVER, SOMETIMES, ALWAYS = range(3)
"""Whether a gradient flows on to an operand; sometimes, where the rule branches."""


@cache
def whole(row: Operation, arity: int) -> Expression:
    """What an operation computes, in terms of arithmetic and of functions that every language has."""
    operands = [*map(operand, range(arity))]
    if row is norm:
        return _norm(operands)
    if row is SELECT:
        index, *choices = operands
        found = number(nan)
        for place, each in reversed([*enumerate(choices)]):
            found = Expression("choose", (Expression("==", (index, number(float(place)))), each, found))
        return found
    return formula(row, arity)


@cache
def locals_of(row: Operation, arity: int) -> tuple[Expression, ...]:
    """The local derivative for each operand.

    Raises:
        UnwritableError: one only runs on floats.
    """
    operands = [*map(operand, range(arity))]
    if row is total:  # rules of very many operands take long to be run with symbols
        return (number(1.0),) * arity
    if row is dot:
        return (*operands[arity // 2 :], *operands[: arity // 2])
    if row is norm:
        at_zero = Expression("==", (OUTPUT, number(0.0)))
        quotients = [Expression("divide", (each, OUTPUT)) for each in operands]
        return tuple(Expression("choose", (at_zero, number(0.0), each)) for each in quotients)
    if row is SELECT:
        chosen = [Expression("==", (operands[0], number(float(place)))) for place in range(arity - 1)]
        return NO_DEPENDENCE, *(Expression("choose", (each, number(1.0), NO_DEPENDENCE)) for each in chosen)
    found = derivatives(row, arity)
    if None in found:
        raise UnwritableError(row.name)
    return tuple(each for each in found if each is not None)


@cache
def flows(row: Operation, arity: int) -> tuple[int, ...]:
    """For each operand whether a gradient flows on to it: never, sometimes, always."""
    return tuple(
        NEVER if local == NO_DEPENDENCE else SOMETIMES if _has_zero(local) else ALWAYS
        for local in locals_of(row, arity)
    )


def _has_zero(local: Expression) -> bool:
    return local == NO_DEPENDENCE or (local.kind == "choose" and any(map(_has_zero, local.parts[1:])))


def _product(local: Expression, upstream: Expression, is_reached: bool) -> Expression:
    if local == number(1.0):
        return upstream
    return Expression("multiply" if is_reached else "flow", (local, upstream))


def _flowing(local: Expression, upstream: Expression) -> Expression:
    """The contribution where the rule branches, and where nothing may have reached the output."""
    if local.kind == "choose":
        return Expression("choose", (local.parts[0], *(_flowing(each, upstream) for each in local.parts[1:])))
    return local if local == NO_DEPENDENCE else _product(local, upstream, False)


def _norm(operands: Sequence[Expression]) -> Expression:
    """As ``primals.norm``: the root of the sum of squares, of numbers scaled by the largest."""
    sizes = [Expression("absolute", (each,)) for each in operands]
    largest = number(0.0)
    for each in sizes:
        largest = Expression("choose", (Expression(">", (each, largest)), each, largest))

    def sum_of(terms: Sequence[Expression]) -> Expression:
        return reduce(lambda sum_, term: Expression("add", (sum_, term)), terms, number(0.0))

    scaled = [Expression("divide", (each, largest)) for each in operands]
    root = Expression("sqrt", (sum_of([Expression("multiply", (each, each)) for each in scaled]),))
    found = Expression("multiply", (largest, root))
    for limit, otherwise in ((inf, number(inf)), (0.0, sum_of(sizes))):  # nan where there is nothing but nan and 0
        found = Expression("choose", (Expression("==", (largest, number(limit))), otherwise, found))
    return found


@contextmanager
def refusing(language: str) -> Iterator[None]:
    """Say of an operation that cannot be written what to do.

    Raises:
        UnwritableError: there was one.
    """
    try:
        yield
    except UnwritableError as error:
        raise UnwritableError(
            f"the operation {str(error)!r} cannot be written in {language}: it only runs on floats, for instance "
            "because it calls Python's math; write it with arithmetic, comparisons and operations of the table "
            "(autodiff.exp for math.exp)"
        ) from None
