"""Fused code: neighbouring instructions as one loop, whose intermediate results stay in registers.

A *segment* is a run of instructions between layers, and where there are none the whole program. Only what others read
has a row in the block: what the segment takes from outside and what it hands on. The text of its instructions is that
of every backend, with constants put in place of their operands. Contributions are added in the order of the eager
engine, so the bits are those of the instructions one by one.

The last segment of a program is run once for a gradient, forward and backward in one; an earlier one computes again, in
the backward pass, what costs less than to keep it. A segment that is all that observations do, and reads inputs alone,
is *whole*: it needs no block, and reads and writes the caller's arrays where they are. There is no careful text: where
a gradient is not finite, the instructions are run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import product

from autodiff.compiling.native.codegen import code_of
from autodiff.compiling.native.language import OF_VECTORS
from autodiff.operations import Operation
from autodiff.program.expressions import number, operand
from autodiff.program.lowering import straight
from autodiff.program.lowering.straight import Placed, StraightLine
from autodiff.program.writers import MACHINE


@cache
def can_be_fused(op: Operation, operands: tuple[float | None, ...]) -> bool:
    """Whether its formulas, with those operands that are constants, call nothing but what processors have for vectors.

    Any other function is called for each observation, and all that is in registers is put away meanwhile: measured, 3
    times slower than a loop of its own.

    >>> from autodiff import lookup
    >>> can_be_fused(lookup("power"), (None, 3.0)), can_be_fused(lookup("power"), (None, 2.5))
    (True, False)
    """
    every = straight.formulas(op, len(operands))
    given = [operand(at) if each is None else number(each) for at, each in enumerate(operands)]
    used = straight.placed(every, given) if every else []
    used = [each for each, known in zip(used, (None, *operands)) if known is None]
    return bool(used) and all(straight.called(each) <= {*OF_VECTORS} for each in used)


class Segment:
    """Neighbouring instructions that are run as one.

    Args:
        instructions: in their order.
        constants: the numbers of slots that are known.
        active: whether a gradient flows through a slot.
        handed_on: whether a slot is read outside of the segment.
        turns: whether nothing comes after it, so that its backward pass follows at once.
        inputs: the slots of the inputs, if nothing comes before it either and all outputs are its own; else none.
    """

    def __init__(
        self,
        instructions: Sequence[Placed],
        constants: Mapping[int, float],
        active: Callable[[int], bool],
        handed_on: Callable[[int], bool],
        turns: bool,
        inputs: Collection[int],
    ) -> None:
        self.active, self.turns = active, turns
        results = [each.slot for each in instructions]
        own = {*results}
        taken = dict.fromkeys(slot for each in instructions for slot in each.operands)
        self.reads = [slot for slot in taken if slot not in own and slot not in constants]
        self.writes = [slot for slot in results if handed_on(slot)]
        self.slots = [*self.reads, *self.writes]
        """What has rows, in the order of the words of the record."""
        self.text = StraightLine(instructions, constants, active, self.reads, MACHINE)
        self.local = self.text.local
        self.word = {slot: word for word, slot in enumerate(self.slots, 1)}
        self.flows = any(map(active, self.writes))
        """Whether a gradient comes in through something that is handed on."""
        self.is_whole = (
            self.turns and self.flows and len(self.writes) == 1 and all(map(inputs.__contains__, self.reads))
        )

    def forward(self) -> str:
        """The text of the code that computes what is handed on."""
        return self._code([*self._loads(self.reads), *self.text.forward(), *self._stores()])

    def backward(self) -> str:
        """The text of the code that passes adjoints on, after it has computed what it needs."""
        if self.is_whole:
            return self._whole()
        if self.turns:
            values = [*self._loads(self.reads), *self.text.forward(), *self._stores()]
        else:
            values = [*self._loads(self.slots), *self.text.forward(self.writes)]
        return self._code([*values, *self._passed_on()])

    def _loads(self, slots: Sequence[int]) -> Iterator[str]:
        return (f"x{self.local[slot]} = load(at_v{self.word[slot]}, lane)" for slot in slots)

    def _stores(self) -> Iterator[str]:
        return (f"store(at_v{self.word[slot]}, lane, x{self.local[slot]})" for slot in self.writes)

    def _passed_on(self) -> Iterator[str]:
        outside = [slot for slot in self.slots if self.active(slot)]
        yield from (f"g{self.local[slot]} = load(at_g{self.word[slot]}, lane)" for slot in outside)
        yield from self.text.backward(outside)
        yield from (
            f"store(at_g{self.word[slot]}, lane, g{self.local[slot]})" for slot in outside if slot in {*self.reads}
        )

    def _whole(self) -> str:
        """The text of a function that reads inputs and writes the value and the adjoints, each at a place of its own.

        It adds up the adjoints times 0, which gives nan if one is not finite, and the values.
        """
        local, reads, (result,) = self.local, sorted(self.reads), self.writes
        passed_on = [*self.text.backward([result])]
        reached = {line.split(" = ")[0] for line in passed_on}
        wanted = {slot: f"g{local[slot]}" if f"g{local[slot]}" in reached else "0.0" for slot in reads}
        lines = [
            *(f"x{local[slot]} = load(at_v{slot}, lane)" for slot in reads),
            *self.text.forward(),
            f"store(at_result, lane, x{local[result]})",
            f"g{local[result]} = load(weights, lane * weighted)",
            *passed_on,
            *(f"store(at_g{slot}, lane, {adjoint} + 0.0)" for slot, adjoint in wanted.items()),
            *(f"zero = fused(zero, {adjoint}, 0.0)" for adjoint in wanted.values() if adjoint != "0.0"),
            f"total = total + x{local[result]}",
        ]
        return "\n    ".join([
            "def code(places: Longs, weights: Floats, weighted: int, sums: Floats, lanes: int):",
            *(f"at_{array}{slot} = floats(places, {at})" for at, (slot, array) in enumerate(product(reads, "vg"))),
            f"at_result = floats(places, {2 * len(reads)})",
            "zero, total = load(sums, 0), load(sums, WIDTH)",
            "for lane in range(0, lanes, WIDTH):",
            *(f"    {line}" for line in lines),
            "store(sums, 0, zero)",
            "store(sums, WIDTH, total)\n",
        ])  # fmt: skip

    def _code(self, lines: Sequence[str]) -> str:
        """The function ``code``, which runs the lines on a vector of observations after the other."""
        words = self.word.values()
        places = [
            f"at_{array}{word} = beyond({array}, take(record, {word}) * stride)" for word in words for array in "vg"
        ]
        return code_of("code", [*places, "for lane in range(0, lanes, WIDTH):", *(f"    {line}" for line in lines)])
