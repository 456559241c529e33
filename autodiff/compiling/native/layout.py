"""A program laid out for the interpreter: one array of small integers.

What all observations share are *scalars*: 1, the constants, the parameters, the results of the program's shared
instructions that others use, and copies of weights that do not lie side by side. What differs from observation to
observation is a *row* of the block. Row 0 belongs to no slot: adjoints that are not wanted are added to it.

An instruction is a *record*: the number of its operation, the row of its result, and for an operation of the table two
rows for each operand, its own and that of its adjoint (0 if none is wanted). The others are written

- ``LAYER``: neurons, terms, whether adjoints of the weights and of the rows are wanted, then for each neuron the row of
  its result and the scalar of its first weight, then the rows of the inputs, and those of their adjoints: the sums of
  products of scalars and rows that share their rows;
- ``DOT``: result, terms, the rows of all factors, and those of their adjoints;
- ``TOTAL`` and ``NORM``: result, terms, the rows of the terms, and those of their adjoints;
- ``SELECT``: result, choices, the row of the index, the rows of the choices, and those of their adjoints;
- ``SELECT_SCALAR``: result, choices, the row of the index, the scalars to choose from;
- a segment of fused code: the rows of what it takes from outside and of what it hands on, each with the adjoint in the
  same row, see :mod:`autodiff.compiling.native.fused`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.compiling.native.fused import Segment, can_be_fused
from autodiff.compiling.native.neurons import Neuron, Neurons, Slots
from autodiff.operations import Operation
from autodiff.program.lowering.straight import Placed
from autodiff.program.program import Program
from autodiff.rules import SELECT as SELECT_OPERATION
from autodiff.rules import dot, norm, total

LAYER, DOT, TOTAL, NORM, SELECT, SELECT_SCALAR, FIRST_ROW = range(7)
"""The numbers of operations; from ``FIRST_ROW`` on, those of other rows, one for each number of operands."""

SCALARS, CONSTANTS, PARAMETERS, COPIES, SHARED, MAIN, TURNS, WHOLE, HEADER = 0, 1, 2, 3, 6, 18, 30, 31, 32
"""The array begins with how many scalars, constants and parameters there are. ``COPIES``: where the scalars that are
copied are listed, how many they are, and the scalar of the first copy. Then come the words of the two stages: what all
observations share, and what is run for each of them. ``TURNS``: how many of the last records of the main stage are run
forward and backward in one, where a gradient is wanted. ``WHOLE``: whether the only record of the main stage is a whole
segment, whose code reads inputs and writes results where they are."""
ROWS, LOADS, INPUTS, FORWARD, BACKWARD, STORES = 0, 1, 4, 6, 8, 10
"""The words of a stage: how many rows it has, then where each of its lists begins and how long it is. The lists are the
pairs (row, scalar) to load, with a third word for how many of these have adjoints; the pairs (row, input); the records;
those that gradients flow through, from the last to the first; the pairs (row, scalar) to store, or in the main stage
the rows of the outputs."""
Kind = tuple[Operation, int] | Segment
"""What has machine code of its own: an operation of the table with a number of operands, or a segment."""
WITH_CODE = (dot, total, norm, SELECT_OPERATION)
"""Operations of any number of operands whose numbers are fixed."""


class Code(NamedTuple):
    """A program laid out."""

    words: NDArray[np.uint32]
    kinds: list[Kind]
    """Those with the numbers from ``FIRST_ROW`` on."""


def lay_out(program: Program, wrt_inputs: bool, fused: bool = False) -> Code:
    """The array for a program; with adjoints of the inputs if they are wanted; of segments where it can be fused."""
    layout = _Layout(program, wrt_inputs, fused)
    return Code(np.array(layout.words(), np.uint32), [*layout.numbers])


def operations_in(code: NDArray[np.uint32]) -> set[int]:
    """The numbers of the operations that occur."""
    lists = [code[header + FORWARD : header + FORWARD + 2].tolist() for header in (SHARED, MAIN)]
    return {opcode for first, count in lists for opcode in code[code[first : first + count]].tolist()}


Unit = list[Neuron] | Segment | None
"""What is run as one: a layer, a segment, or a single instruction."""
Units = dict[int, Unit]
"""By the place of their first instruction, in the order in which they are run."""


class _Layout:
    def __init__(self, program: Program, wrt_inputs: bool, fused: bool) -> None:
        self.program = program
        self.fused = fused
        self.numbers: dict[Kind, int] = {}
        self.instructions = list(program)
        self.first = first = program.first_result
        wanted = range(program.first_parameter, first if wrt_inputs else program.first_input)
        self.active = np.append(program.active(wanted), False)
        self.varies = np.zeros(program.slots + 1, bool)  # the slot beyond all others is that of the number 1
        self.varies[program.first_input : first] = True
        self.varies[first + program.shared : program.slots] = True
        taken = np.concatenate([program.operands[program.starts[program.shared] :], program.outputs])
        self.handed_on = np.unique(taken[(taken >= first) & (taken < first + program.shared)]).astype(np.int64)
        self.scalar = np.zeros(program.slots + 1, np.int64)
        self.scalar[: program.first_input] = np.arange(1, 1 + program.first_input)
        self.scalar[self.handed_on] = np.arange(len(self.handed_on)) + 1 + program.first_input
        self.first_copy = 1 + program.first_input + len(self.handed_on)
        self.copies: list[int] = []
        self.copied: dict[bytes, int] = {}
        self.row: list[int] = []
        self.adjoint: list[int] = []

    def words(self) -> list[int]:
        """All that the array holds."""
        program, shared = self.program, self.program.shared
        words = [0] * HEADER

        def put(at: int, numbers: Iterable[int], count: int) -> None:
            words[at : at + 2] = len(words), count
            words.extend(numbers)

        layers = Neurons(program, self.instructions, self.varies, self.active).layers()
        within = {neuron.place for layer in layers.values() for neuron in layer}
        within.update(neuron.result - self.first for layer in layers.values() for neuron in layer)
        own: Units = {place: None for place in range(shared, len(program)) if place not in within}
        own = dict(sorted({**own, **layers}.items()))
        outputs = program.outputs.astype(np.int64)
        stages: tuple[tuple[int, Units, Slots], ...] = (
            (SHARED, dict.fromkeys(range(shared)), self.handed_on),
            (MAIN, self._fused(own) if self.fused else own, outputs),
        )
        for header, units, results in stages:
            self._assign_rows(header, units, results, words, put)
            records, backward = list[int](), list[int]()
            for place, unit in units.items():
                records.append(len(words))
                if any(self.active[slot] for slot in self._results(place, unit)):
                    backward.append(len(words))
                words += self._record(place, unit)
            put(header + FORWARD, records, len(records))
            put(header + BACKWARD, reversed(backward), len(backward))
            rows = [self.row[slot] for slot in results]
            scalars = self.scalar[results].tolist()
            put(header + STORES, rows if header == MAIN else chain(*zip(rows, scalars)), len(results))
            words[TURNS] = bool(records and records[-1:] == backward[-1:] and isinstance(unit, Segment) and unit.turns)
            words[WHOLE] = bool(words[TURNS] and isinstance(unit, Segment) and unit.is_whole)
        put(COPIES, self.copies, len(self.copies))
        words[COPIES + 2] = self.first_copy
        words[SCALARS] = self.first_copy + len(self.copies)
        words[CONSTANTS], words[PARAMETERS] = program.first_parameter, len(program.parameters)
        return words

    def _fused(self, units: Units) -> Units:
        """With segments in place of the instructions that can be fused."""
        constants = dict(enumerate(self.program.constants.tolist()))
        runs: dict[int, list[Placed]] = {}
        run: list[Placed] = []
        for place, unit in units.items():
            op, operands = self.instructions[place]
            if unit is not None or not can_be_fused(op, tuple(map(constants.get, operands))):
                run = []
                continue
            if not run:
                runs[place] = run
            run.append(Placed(self.first + place, op, operands))
        owner = {each.slot: first for first, run in runs.items() for each in run}
        outputs = self.program.outputs.tolist()
        handed_on = {*outputs}
        for place in range(self.program.shared, len(self.program)):
            reader = owner.get(self.first + place)
            handed_on.update(slot for slot in self.instructions[place].operands if owner.get(slot) != reader)
        active = self.active.tolist().__getitem__
        found: Units = {}
        for place, unit in units.items():
            if place in runs:
                run = runs[place]
                turns = run[-1].slot - self.first == max(units)
                is_all = len(run) == len(units) and all(owner.get(slot) == place for slot in outputs)
                inputs = range(self.program.first_input, self.first) if is_all else ()
                found[place] = Segment(run, constants, active, handed_on.__contains__, turns, inputs)
            elif self.first + place not in owner:
                found[place] = unit
        return found

    def _results(self, place: int, unit: Unit) -> list[int]:
        """The slots that it gives rows."""
        if unit is None:
            return [self.first + place]
        return unit.writes if isinstance(unit, Segment) else [neuron.result for neuron in unit]

    def _reads(self, place: int, unit: Unit) -> Sequence[int]:
        """The slots that it reads from rows."""
        if unit is None:
            operands = self.instructions[place].operands
            return operands[:1] if self._selects_scalars(place) else operands
        return unit.reads if isinstance(unit, Segment) else unit[0].rows.tolist()

    def _assign_rows(
        self, header: int, units: Units, outputs: Slots, words: list[int],
        put: Callable[[int, Iterable[int], int], None],
    ) -> None:  # fmt: skip
        """Give a row to each slot of a stage that needs one: scalars beside rows, inputs, results."""
        program = self.program
        results = sorted(slot for each in units.items() for slot in self._results(*each))
        needed = {*outputs.tolist(), *(slot for each in units.items() for slot in self._reads(*each))}
        needed.difference_update(results)
        inputs = [slot for slot in sorted(needed) if program.first_input <= slot < self.first]
        loaded = sorted(needed.difference(inputs), key=lambda slot: (not self.active[slot], slot))
        self.row = [0] * (program.slots + 1)
        for row, slot in enumerate([*loaded, *inputs, *results], 1):
            self.row[slot] = row
        self.adjoint = np.where(self.active, self.row, 0).tolist()
        words[header + ROWS] = 1 + len(loaded) + len(inputs) + len(results)
        put(header + LOADS, chain(*((self.row[slot], int(self.scalar[slot])) for slot in loaded)), len(loaded))
        words[header + LOADS + 2] = int(self.active[loaded].sum())
        put(header + INPUTS, chain(*((self.row[slot], slot - program.first_input) for slot in inputs)), len(inputs))

    def _selects_scalars(self, place: int) -> bool:
        """Whether it chooses among scalars that are all known before the stage begins."""
        op, operands = self.instructions[place]
        return place >= self.program.shared and op is SELECT_OPERATION and not self.varies[list(operands[1:])].any()

    def _number(self, kind: Kind) -> int:
        return self.numbers.setdefault(kind, FIRST_ROW + len(self.numbers))

    def _record(self, place: int, unit: Unit) -> list[int]:
        """One instruction, layer or segment."""
        if isinstance(unit, Segment):
            return [self._number(unit), *(self.row[slot] for slot in unit.slots)]
        if unit is not None:
            return self._layer(unit)
        op, operands = self.instructions[place]
        row, adjoint = self.row, self.adjoint
        out = row[self.first + place]
        if op not in WITH_CODE:
            number = self._number((op, len(operands)))
            return [number, out, *(word for slot in operands for word in (row[slot], adjoint[slot]))]
        rows, adjoints = [row[slot] for slot in operands], [adjoint[slot] for slot in operands]
        if op is dot:
            return [DOT, out, len(operands) // 2, *rows, *adjoints]
        if op in (total, norm):
            return [TOTAL if op is total else NORM, out, len(operands), *rows, *adjoints]
        if self._selects_scalars(place):
            return [SELECT_SCALAR, out, len(operands) - 1, rows[0], *self.scalar[list(operands[1:])].tolist()]
        return [SELECT, out, len(operands) - 1, *rows, *adjoints[1:]]

    def _layer(self, neurons: list[Neuron]) -> list[int]:
        """Neurons that share their rows."""
        rows = neurons[0].rows
        wants_weights = any(self.active[neuron.weights].any() for neuron in neurons)
        return [
            LAYER, len(neurons), len(rows), wants_weights, bool(self.active[rows].any()),
            *(self.row[neuron.result] for neuron in neurons),
            *(self._side_by_side(self.scalar[neuron.weights]) for neuron in neurons),
            *(self.row[slot] for slot in rows),
            *(self.adjoint[slot] for slot in rows),
        ]  # fmt: skip

    def _side_by_side(self, scalars: Slots) -> int:
        """The first of these scalars, or of copies of them, that lie side by side."""
        if (np.diff(scalars) == 1).all():
            return int(scalars[0])
        key = scalars.tobytes()
        if key not in self.copied:
            self.copied[key] = self.first_copy + len(self.copies)
            self.copies.extend(scalars.tolist())
        return self.copied[key]
