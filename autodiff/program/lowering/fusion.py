"""Fusion: a sum written term by term becomes one ``total``, a sum of products one ``dot``.

Additions keep their order, so that values keep their bits; but a sum that is -0.0, of nothing but negative zeros, comes
out as 0.0, with which ``dot`` and ``total`` begin. A sum stays as it is where operands would get their gradients in
another order, or where a part of it is used elsewhere or has a label.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from autodiff.program.lowering.passes import add_constants, without_dead_code
from autodiff.program.program import Instruction, Program, assemble
from autodiff.rules import add, dot, multiply, total


class Term(NamedTuple):
    """What is added: a slot, or the product of two, with the slots of that product and of the addition."""

    factors: tuple[int, ...]
    place: int
    added: int


def fuse_sums(program: Program) -> Program:
    """The program in which sums of products are ``dot``s, and other sums of three or more terms ``total``s.

    >>> from autodiff import lookup
    >>> add = lookup("add")
    >>> chain = [Instruction(add, (0, 1)), Instruction(add, (3, 2)), Instruction(add, (4, 0))]
    >>> [each.op for each in fuse_sums(assemble([], [], ["x", "y", "z"], chain, [5]))]
    [<operation total>]
    """
    program = add_constants(program, [1.0])
    one = program.first_parameter - 1
    sums = _Sums(program)
    fused: dict[int, Instruction] = {}
    seen: set[int] = set()
    for slot in reversed(range(program.first_result, program.slots)):
        if slot not in seen and sums.instructions[slot].op in (add, total):
            terms = sums.terms(slot)
            seen.update(term.added for term in terms)
            fused.update(sums.fused(slot, terms, one))
    if fused:
        program = assemble(
            program.constants.tolist(),
            program.parameters,
            program.inputs,
            [fused.get(slot, each) for slot, each in sums.instructions.items()],
            program.outputs.tolist(),
            program.guards,
            program.labels,
            program.shared,
        )
    return without_dead_code(program)


class _Sums:
    """The sums in a program, and what must be known to take them apart."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.instructions = dict(enumerate(program, program.first_result))
        self.varying = program.depends(range(program.first_input, program.first_result)).tolist()
        self.used_at: list[list[int]] = [[] for _ in range(program.slots)]
        for slot, each in self.instructions.items():
            for operand in each.operands:
                self.used_at[operand].append(slot)
        asked_for = {*program.outputs.tolist(), *program.labels}
        asked_for.update(slot for guard in program.guards for slot in (guard.left, guard.right))
        self.inner = {slot for slot in self.instructions if len(self.used_at[slot]) == 1 and slot not in asked_for}

    def terms(self, slot: int) -> list[Term]:
        """What is added up in a slot, from left to right."""
        op, operands = self.instructions[slot]
        varying = self.varying[slot]
        if op is total:
            return [self.term(each, slot, varying) for each in operands]
        terms = []
        while True:
            left, right = self.instructions[slot].operands
            terms.append(self.term(right, slot, varying))
            if left not in self.inner or self.instructions[left].op is not add or varying != self.varying[left]:
                break
            slot = left
        if not (left < self.program.first_parameter and self.program.constants[left] == 0.0):
            terms.append(self.term(left, slot, varying))
        return terms[::-1]

    def term(self, slot: int, added: int, varying: bool) -> Term:
        """What is added there; a product that is the same for all observations is left to be hoisted."""
        if slot in self.inner and self.instructions[slot].op is multiply and self.varying[slot] == varying:
            return Term(self.instructions[slot].operands, slot, added)
        return Term((slot,), added, added)

    def fused(self, slot: int, terms: Sequence[Term], one: int) -> dict[int, Instruction]:
        """The instruction that takes the place of an addition, by its slot; none if the sum stays as it is."""
        is_total = self.instructions[slot].op is total
        products = [at for at, term in enumerate(terms, 1) if len(term.factors) == 2]
        if len(products) >= 2:
            summed = terms if is_total else terms[: products[-1]]
            factors = [each for term in summed for each in set(term.factors) if each >= self.program.first_parameter]
            if len(factors) == len(set(factors)) and self.may_move(summed):
                left, right = zip(*(self.pair(term, one) for term in summed))
                return {summed[-1].added: Instruction(dot, left + right)}
        plain = [term if len(term.factors) == 1 else Term((term.place,), term.added, term.added) for term in terms]
        if not is_total and len({term.added for term in terms}) >= 2 and self.may_move(plain):
            return {slot: Instruction(total, tuple(term.factors[0] for term in plain))}
        return {}

    def pair(self, term: Term, one: int) -> tuple[int, int]:
        """A term as a product, on the left what is the same for all observations, as a network's weights are."""
        left, right = term.factors if len(term.factors) == 2 else (one, *term.factors)
        return (right, left) if self.varying[left] and not self.varying[right] else (left, right)

    def may_move(self, terms: Sequence[Term]) -> bool:
        """Whether nothing else uses an operand between where it was used and where the sum ends."""
        end, own = terms[-1].added, {term.place for term in terms}
        for place, slot in ((term.place, slot) for term in terms for slot in term.factors):
            if slot >= self.program.first_parameter:  # a constant gets no gradient
                users = self.used_at[slot]
                for user in users[bisect_right(users, place) : bisect_left(users, end)]:
                    if user not in own:
                        return False
        return True
