"""Audits: now and then, what a program was compiled of is recorded anew, and must be the same program.

What a function reads outside is constant in its program. Parameters and plain numbers close by are compared in every
call, and random draws and text are refused when it is recorded. Audits find what else has changed: numbers far away
or in large arrays, files, the environment, generators out of sight.
"""

from __future__ import annotations

from collections.abc import Hashable
from time import monotonic

from autodiff.compiling.recording import Recording
from autodiff.program.program import Program

PAUSE, COST = 1.0, 50
"""An audit by the clock comes a second after the last one, and not before 50 times what that one took; of a function
whose calls have several structures, as many times later, so that all of them together cost no more."""
GOLDEN = 0.6180339887498949
"""The golden ratio: its multiples, without their whole parts, spread evenly however many there are."""


class StaleProgramError(ValueError):
    """A compiled function no longer does what its program does; nothing was changed."""


class Audits:
    """When to audit: at calls 1, 2, 4, 8 and so on, and again when a second has passed.

    An audit that fails stays due: the next call makes it again.
    """

    def __init__(self) -> None:
        self.calls = self.audits = 0
        self._next_call, self._next_time = 1, 0.0

    def is_due(self) -> bool:
        """Count a call, and say whether it is to be audited."""
        self.calls += 1
        return self.calls >= self._next_call or monotonic() >= self._next_time

    def place(self, observations: int) -> int:
        """Which observation is recorded anew: the last one, then others that spread over the batch."""
        return observations - 1 - int(observations * (self.audits * GOLDEN % 1.0))

    def done(self, start: float, structures: int = 1) -> None:
        """An audit that began at that time has found no difference; the function's calls have so many structures."""
        self.audits += 1
        while self._next_call <= self.calls:
            self._next_call *= 2
        now = monotonic()
        self._next_time = now + structures * max(PAUSE, COST * (now - start))


def first_difference(before: Recording, now: Recording) -> str | None:
    """The first node at which two recordings of one function part, as both have it; None if they do the same.

    Programs are the same if they compute the same results of the same constants, to the bit, inputs and parameters,
    and ask the same questions. Where an answer differs although the question is the same, they are too: an elementary
    function may round differently for arrays, so that a tie falls to the other side. Outputs have the same order.
    """
    if _is_same(before, now):
        return None
    known: dict[Hashable, int] = {}
    old, new = _numbered(before, known), _numbered(now, known)
    for a, b in zip(before.program.guards, now.program.guards):
        for left, right in ((a.left, b.left), (a.right, b.right)):
            if old[left] != new[right]:
                return _parting(before.program, now.program, old, new, left, right)
        if a.comparison != b.comparison:
            return f"the comparison {a.comparison} in the program, {b.comparison} now"
        if a.holds != b.holds:
            return None
    for left, right in zip(before.program.outputs.tolist(), now.program.outputs.tolist()):
        if old[left] != new[right]:
            return _parting(before.program, now.program, old, new, left, right)
    branches = len(before.program.guards), len(now.program.guards)
    return f"{branches[0]} comparisons in the program, {branches[1]} now" if branches[0] != branches[1] else None


def _is_same(before: Recording, now: Recording) -> bool:
    a, b = before.program, now.program
    arrays = ("constants", "opcodes", "starts", "operands", "outputs")
    return (
        all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in arrays)
        and (a.operations, a.guards) == (b.operations, b.guards)
        and [*map(id, before.parameters)] == [*map(id, now.parameters)]
    )


def _numbered(recording: Recording, known: dict[Hashable, int]) -> list[int]:
    """A number for each slot, the same for two slots that are computed alike."""
    program = recording.program
    leaves: list[Hashable] = [number.hex() for number in program.constants.tolist()]
    leaves += [("parameter", id(leaf)) for leaf in recording.parameters]
    leaves += [("input", place) for place in range(len(program.inputs))]
    numbers = [known.setdefault(leaf, len(known)) for leaf in leaves]
    for op, operands in program:
        numbers.append(known.setdefault((op, *[numbers[slot] for slot in operands]), len(known)))
    return numbers


def _parting(before: Program, now: Program, old: list[int], new: list[int], left: int, right: int) -> str:
    """The first of the nodes on which two slots depend that is computed in two ways."""
    while True:
        first, second = _operands(before, left), _operands(now, right)
        pairs = [pair for pair in zip(first[1:], second[1:]) if old[pair[0]] != new[pair[1]]]
        if first[0] is not second[0] or len(first) != len(second) or not pairs:
            break
        if not all(slot >= program.first_result for program, slot in zip((before, now), pairs[0])):
            break
        left, right = pairs[0]
    return f"{_equation(before, left)} in the program, {_equation(now, right)} now"


def _operands(program: Program, slot: int) -> tuple[object, *tuple[int, ...]]:
    if slot < program.first_result:
        return (None,)
    op, operands = program.instructions[slot - program.first_result]
    return (op, *operands)


def _equation(program: Program, slot: int) -> str:
    if slot < program.first_result:
        return f"the result is {program.name(slot)}"
    return str(program).split("\n")[2 + slot - program.first_result].strip()
