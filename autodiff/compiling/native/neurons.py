"""Which sums of products of a program are neurons, and which neurons form a layer that is computed at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.program.program import Instruction, Program
from autodiff.rules import add, dot

Slots = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Neuron(NamedTuple):
    """A sum of products of numbers that all observations share, its *weights*, and rows."""

    place: int
    """Of its ``dot`` among the instructions."""
    result: int
    """The slot of its result: that of the dot, or of the addition of a shared number after it."""
    weights: Slots
    rows: Slots


class Neurons:
    """The neurons of a program: of its slots, some vary with the observation, and gradients flow to the active ones."""

    def __init__(self, program: Program, instructions: list[Instruction], varies: Flags, active: Flags) -> None:
        self.program, self.instructions = program, instructions
        self.varies, self.active = varies, active
        flat = program.operands.astype(np.int64)
        owner = np.repeat(np.arange(len(program), dtype=np.int64), np.diff(program.starts))
        times = np.bincount(flat, minlength=program.slots)
        self.times_read = times + np.bincount(program.outputs, minlength=program.slots)
        self.reader = np.zeros(program.slots, np.int64)
        self.reader[flat] = owner
        self.readers = owner[np.argsort(flat, kind="stable")]
        self.ends = np.cumsum(times)

    def layers(self) -> dict[int, list[Neuron]]:
        """The layers, by the place of their first neuron: there all their rows are known."""
        layers: dict[bytes, list[Neuron]] = {}
        for place in range(self.program.shared, len(self.program)):
            if self.instructions[place].op is dot:
                neuron = self._neuron(place)
                if neuron is not None:
                    key = neuron.rows.tobytes() + bytes([bool(self.active[neuron.result])])
                    layers.setdefault(key, []).append(neuron)
        return {part[0].place: part for layer in layers.values() for part in self._undisturbed(layer)}

    def _neuron(self, place: int) -> Neuron | None:
        """The dot at that place; None if it has a product of two rows, or passes gradients to a row twice."""
        program = self.program
        left, right = np.split(program.operands[program.starts[place] : program.starts[place + 1]].astype(np.int64), 2)
        if not len(left) or (self.varies[left] & self.varies[right]).any():
            return None
        exchanged = self.varies[left] | (~self.varies[right] & ~self.active[left])
        weights, rows = np.where(exchanged, right, left), np.where(exchanged, left, right)
        result = program.first_result + place
        op, summands = self.instructions[self.reader[result]]
        if self.times_read[result] == 1 and op is add and result not in program.outputs:
            bias = summands[summands[0] == result]
            if not self.varies[bias]:  # one more product, with 1: it has the bits of the addition
                weights, rows = np.append(weights, bias), np.append(rows, program.slots)
                result = program.first_result + int(self.reader[result])
        flowing = rows[self.active[rows]]
        if len(np.unique(flowing)) < len(flowing):
            return None
        return Neuron(place, result, weights, rows)

    def _undisturbed(self, layer: list[Neuron]) -> Iterator[list[Neuron]]:
        """The layer in parts, between which another instruction reads one of its rows.

        A layer passes its adjoints on all at once. Were there another reader in between, its contribution would come
        earlier or later than in the eager pass, and the sum would be rounded differently.
        """
        places = np.array([neuron.place for neuron in layer])
        rows = layer[0].rows
        flowing = rows[self.active[rows]] if len(layer) > 1 else rows[:0]
        readers = [self.readers[self.ends[row - 1] if row else 0 : self.ends[row]] for row in flowing]
        others = np.setdiff1d(np.concatenate([np.empty(0, np.int64), *readers]), places)
        cuts = np.flatnonzero(np.diff(np.searchsorted(others, places))) + 1
        for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(layer)]):
            yield layer[first:last]
