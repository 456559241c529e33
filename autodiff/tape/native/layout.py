"""A program laid out for the interpreter: one array of small integers.

What all observations share are *scalars*: 1, the constants, the parameters, the results of the program's shared
instructions that others use, and copies of weights that do not lie side by side. What differs from observation to
observation is a *row* of the block. Row 0 is nobody's: an adjoint that is not wanted is added there.

An instruction is a *record*: the number of its operation, the row of its result, and for an operation of the table two
rows for each operand, its own and that of its adjoint (0 if none is wanted). The others are written

- ``LAYER``: neurons, terms, whether adjoints of the weights and of the rows are wanted, then for each neuron the row of
  its result and the scalar of its first weight, then the rows of the inputs, and those of their adjoints: the sums of
  products of scalars and rows that share their rows;
- ``DOT``: result, terms, the rows of all factors, and those of their adjoints;
- ``TOTAL``: result, terms, the rows of the terms, and those of their adjoints;
- ``SELECT``: result, choices, the row of the index, the rows of the choices, and those of their adjoints;
- ``SELECT_SCALAR``: result, choices, the row of the index, the scalars to choose from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.operations import DETACHED, Operation, add, dot, total
from autodiff.operations import SELECT as SELECT_OPERATION
from autodiff.tape.program import Instruction, Program

LAYER, DOT, TOTAL, SELECT, SELECT_SCALAR, FIRST_ROW = range(6)
"""The numbers of operations; those of the table follow."""

SCALARS, CONSTANTS, PARAMETERS, COPIES, SHARED, MAIN, HEADER = 0, 1, 2, 3, 6, 18, 30
"""Where in the array things stand. ``COPIES`` is: where, how many, the scalar of the first. In each of the two stages:"""
ROWS, LOADS, INPUTS, FORWARD, BACKWARD, STORES = 0, 1, 4, 6, 8, 10
"""How many rows; where and how many pairs (row, scalar) are loaded, and how many of them have adjoints; pairs (row,
input); records; records that gradients flow through; pairs (row, scalar) to store, or rows of the outputs."""

Slots = NDArray[np.int64]


class Neuron(NamedTuple):
    """A sum of products of scalars and rows."""

    place: int
    """Of its ``dot`` among the instructions."""
    result: int
    """The slot of its result: that of the dot, or of the addition of a scalar after it."""
    weights: Slots
    rows: Slots


def lay_out(program: Program, opcodes: Mapping[Operation, int], wrt_inputs: bool) -> NDArray[np.uint32]:
    """The array for a kernel.

    Args:
        program: what to run.
        opcodes: the number of each operation of the table.
        wrt_inputs: whether adjoints of the inputs are wanted.
    """
    return _Layout(program, opcodes, wrt_inputs).code()


class _Layout:
    def __init__(self, program: Program, opcodes: Mapping[Operation, int], wrt_inputs: bool) -> None:
        self.program = program
        self.opcodes = opcodes
        self.instructions = list(program)
        self.first = first = program.first_result
        self.unit = program.slots  # a slot more: the number 1
        self.active = self._active(wrt_inputs)
        self.varies = np.zeros(program.slots + 1, bool)
        self.varies[program.first_input : first] = True
        self.varies[first + program.shared : program.slots] = True
        self.scalar = np.zeros(program.slots + 1, np.int64)
        self.scalar[: program.first_input] = np.arange(1, 1 + program.first_input)
        own = program.operands[program.starts[program.shared] :]
        taken = np.unique(np.concatenate([own, program.outputs]))
        self.handed_on = taken[(taken >= first) & (taken < first + program.shared)].astype(np.int64)
        self.scalar[self.handed_on] = np.arange(len(self.handed_on)) + 1 + program.first_input
        self.first_copy = 1 + program.first_input + len(self.handed_on)
        self.copies: list[int] = []
        self.copied: dict[bytes, int] = {}

    def _active(self, wrt_inputs: bool) -> NDArray[np.bool_]:
        """Which slots gradients flow to."""
        program = self.program
        active = np.zeros(program.slots + 1, bool)
        active[program.first_parameter : program.first_result if wrt_inputs else program.first_input] = True
        for slot, (op, operands) in enumerate(self.instructions, self.first):
            active[slot] = op is not DETACHED and active[list(operands[op is SELECT_OPERATION :])].any()
        return active

    def code(self) -> NDArray[np.uint32]:
        program, shared = self.program, self.program.shared
        head = np.zeros(HEADER, np.int64)
        parts, end = [head], HEADER

        def put(at: int, numbers: Slots, count: int) -> None:
            nonlocal end
            head[at : at + 2] = end, count
            parts.append(numbers)
            end += len(numbers)

        neurons, members = self._neurons()
        stages = (
            (SHARED, range(shared), {}, self.handed_on),
            (MAIN, range(shared, len(program)), neurons, program.outputs.astype(np.int64)),
        )
        for header, places, layers, outputs in stages:
            row = self._rows(places, layers, members, outputs, head, header, put)
            records, starts, backward = list[Slots](), list[int](), list[int]()
            for place in places:
                if place in layers:
                    record = self._layer(layers[place], row)
                    is_active = bool(self.active[layers[place][0].result])
                elif place in members:
                    continue
                else:
                    record = self._record(place, row)
                    is_active = bool(self.active[self.first + place])
                if is_active:
                    backward.append(end)
                starts.append(end)
                records.append(record)
                end += len(record)
            parts.extend(records)
            put(header + FORWARD, np.array(starts, np.int64), len(starts))
            put(header + BACKWARD, np.array(backward[::-1], np.int64), len(backward))
            pairs = row[outputs] if header == MAIN else np.column_stack([row[outputs], self.scalar[outputs]]).ravel()
            put(header + STORES, pairs, len(outputs))
        put(COPIES, np.array(self.copies, np.int64), len(self.copies))
        head[COPIES + 2] = self.first_copy
        head[SCALARS] = self.first_copy + len(self.copies)
        head[CONSTANTS], head[PARAMETERS] = program.first_parameter, len(program.parameters)
        return np.concatenate(parts).astype(np.uint32)

    def _rows(
        self, places: range, layers: Mapping[int, list[Neuron]], members: set[int], outputs: Slots, head: Slots,
        header: int, put: Callable[[int, Slots, int], None],
    ) -> Slots:  # fmt: skip
        """The row of each slot in a stage: loaded scalars, inputs, results."""
        program = self.program
        results = [self.first + place for place in places if place not in members]
        results += [neuron.result for layer in layers.values() for neuron in layer]
        results.sort()
        own = np.zeros(program.slots + 1, bool)
        own[results] = True
        taken = [outputs, *(layer[0].rows for layer in layers.values())]
        taken += [
            np.array(self._row_operands(self.instructions[place]), np.int64) for place in places if place not in members
        ]
        needed = np.unique(np.concatenate(taken))
        loaded = needed[~own[needed] & ~((needed >= program.first_input) & (needed < self.first))]
        loaded = np.concatenate([loaded[self.active[loaded]], loaded[~self.active[loaded]]])
        inputs = needed[(needed >= program.first_input) & (needed < self.first)]
        rows = np.concatenate([loaded, inputs, np.array(results, np.int64)])
        row = np.zeros(program.slots + 1, np.int64)
        row[rows] = np.arange(1, len(rows) + 1)
        head[header + ROWS] = len(rows) + 1
        put(header + LOADS, np.column_stack([row[loaded], self.scalar[loaded]]).ravel(), len(loaded))
        head[header + LOADS + 2] = self.active[loaded].sum()
        put(header + INPUTS, np.column_stack([row[inputs], inputs - program.first_input]).ravel(), len(inputs))
        return row

    def _row_operands(self, instruction: Instruction) -> tuple[int, ...]:
        if self._selects_scalars(instruction):
            return instruction.operands[:1]
        return instruction.operands

    def _selects_scalars(self, instruction: Instruction) -> bool:
        return instruction.op is SELECT_OPERATION and not self.varies[list(instruction.operands[1:])].any()

    def _record(self, place: int, row: Slots) -> Slots:
        """One instruction."""
        instruction = self.instructions[place]
        op, operands = instruction.op, np.array(instruction.operands, np.int64)
        out = row[self.first + place]
        adjoints = np.where(self.active[operands], row[operands], 0)
        if op is dot:
            return np.concatenate([[DOT, out, len(operands) // 2], row[operands], adjoints])
        if op is total:
            return np.concatenate([[TOTAL, out, len(operands)], row[operands], adjoints])
        if self._selects_scalars(instruction):
            return np.concatenate(
                [[SELECT_SCALAR, out, len(operands) - 1, row[operands[0]]], self.scalar[operands[1:]]]
            )
        if op is SELECT_OPERATION:
            return np.concatenate([[SELECT, out, len(operands) - 1], row[operands], adjoints[1:]])
        return np.concatenate([[self.opcodes[op], out], np.column_stack([row[operands], adjoints]).ravel()])

    def _layer(self, neurons: list[Neuron], row: Slots) -> Slots:
        """Neurons that share their rows."""
        rows = neurons[0].rows
        weights = np.concatenate([neuron.weights for neuron in neurons])
        return np.concatenate(
            [
                [LAYER, len(neurons), len(rows), self.active[weights].any(), self.active[rows].any()],
                row[[neuron.result for neuron in neurons]],
                [self._side_by_side(self.scalar[neuron.weights]) for neuron in neurons],
                row[rows],
                np.where(self.active[rows], row[rows], 0),
            ]
        ).astype(np.int64)

    def _side_by_side(self, scalars: Slots) -> int:
        """The first of these scalars, or of copies of them, that lie side by side."""
        if (np.diff(scalars) == 1).all():
            return int(scalars[0])
        key = scalars.tobytes()
        if key not in self.copied:
            self.copied[key] = self.first_copy + len(self.copies)
            self.copies.extend(scalars.tolist())
        return self.copied[key]

    # ── Which sums of products are neurons, and which neurons form a layer ───────────────────────

    def _neurons(self) -> tuple[dict[int, list[Neuron]], set[int]]:
        """The layers by the place where they are computed; and the places of all instructions in them."""
        program = self.program
        flat = program.operands.astype(np.int64)
        owner = np.repeat(np.arange(len(program), dtype=np.int64), np.diff(program.starts))
        reads = np.bincount(np.concatenate([flat, program.outputs]), minlength=program.slots)
        reader = np.zeros(program.slots, np.int64)
        reader[flat] = owner
        layers: dict[bytes, list[Neuron]] = {}
        members: set[int] = set()
        for place in range(program.shared, len(program)):
            if self.instructions[place].op is not dot:
                continue
            neuron = self._neuron(place, reads, reader)
            if neuron is None:
                continue
            members.add(place)
            if neuron.result != self.first + place:
                members.add(neuron.result - self.first)
            key = neuron.rows.tobytes() + bytes([bool(self.active[neuron.result])])
            layers.setdefault(key, []).append(neuron)
        by_slot = np.argsort(flat, kind="stable")
        readers, ends = owner[by_slot], np.cumsum(reads_of(flat, program.slots))
        split = {}
        for layer in layers.values():
            for part in self._undisturbed(layer, readers, ends):
                split[part[0].place] = part
        return split, members

    def _neuron(self, place: int, reads: Slots, reader: Slots) -> Neuron | None:
        """The dot at that place as a neuron; None if it has a product of two rows, or takes a row twice."""
        program = self.program
        operands = program.operands[program.starts[place] : program.starts[place + 1]].astype(np.int64)
        left, right = np.split(operands, 2)
        swap = self.varies[left] | (~self.varies[right] & ~self.active[left])
        if not len(left) or (self.varies[left] & self.varies[right]).any():
            return None
        weights, rows = np.where(swap, right, left), np.where(swap, left, right)
        result = self.first + place
        if reads[result] == 1 and result not in program.outputs:
            op, summands = self.instructions[reader[result]]
            if op is add:
                bias = summands[summands[0] == result]
                if not self.varies[bias]:
                    weights, rows = np.append(weights, bias), np.append(rows, self.unit)
                    result = self.first + int(reader[result])
        flowing = rows[self.active[rows]]
        if len(np.unique(flowing)) < len(flowing):
            return None
        return Neuron(place, result, weights, rows)

    def _undisturbed(self, layer: list[Neuron], readers: Slots, ends: Slots) -> Iterator[list[Neuron]]:
        """The layer in parts, between which another instruction reads one of its rows.

        A layer passes its adjoints on all at once. Were there another reader in between, its contribution would come
        earlier or later than in the eager pass, and the sum would be rounded differently.
        """
        places = [neuron.place for neuron in layer]
        if len(layer) > 1:
            rows = [row for row in layer[0].rows.tolist() if self.active[row]]
            others = np.concatenate([readers[ends[row - 1] if row else 0 : ends[row]] for row in rows] or [[]])
            others = np.setdiff1d(others, places)
            before = np.searchsorted(others, places)
        else:
            before = np.zeros(1, np.int64)
        start = 0
        for at in range(1, len(layer) + 1):
            if at == len(layer) or before[at] != before[start]:
                yield layer[start:at]
                start = at


def reads_of(flat: Slots, slots: int) -> Slots:
    """How often each slot is an operand."""
    return np.bincount(flat, minlength=slots)
