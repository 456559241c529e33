"""The plan of the NumPy backend: a program cut into steps, each of neighbouring instructions of one kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from autodiff.compiling.numpy.buffers import Layout, Memory, Slots, all_differ
from autodiff.compiling.numpy.functions import Floats
from autodiff.compiling.numpy.kernels import Elementwise, Layer, Products, Selection, Step, Sums, Times
from autodiff.operations import Operation
from autodiff.program.program import Program
from autodiff.rules import SELECT, dot, total


class Plan:
    """The steps of a program, for gradients with respect to some slots."""

    def __init__(self, program: Program, wrt: Sequence[int]) -> None:
        self.layout = Layout(program)
        self.active = program.active(wrt)
        self.touched = np.zeros(program.slots, bool)
        self.touched[program.outputs] = True
        self.steps: list[Step] = []
        for op, first, operands in reversed(list(_runs(program))):
            layers = self._layers(operands) if op is dot else []
            for start, end in reversed(layers):
                self._add(Layer(self, first + start, operands[start:end]), operands[start:end])
            if not layers:
                self._add(self._step(op, first, operands), operands)
        self.steps.reverse()
        self.shared = [step for step in self.steps if step.results.common]
        self.own = [step for step in self.steps if not step.results.common]
        self.rows = 2 * self.layout.rows + max((step.temporaries for step in self.own), default=0) + 1

    def numbers(self, memory: Memory, slot: int) -> Floats:
        """(observations,) or (1,): what is in a slot."""
        numbers: Floats = (memory.common if self.layout.common[slot] else memory.varying)[self.layout.row[slot]]
        return numbers

    def seed(self, memory: Memory, slot: int, weights: Floats) -> None:
        """Begin the backward pass there."""
        if self.layout.common[slot]:
            memory.common_adjoint[self.layout.row[slot]] += weights.sum()
        else:
            memory.adjoint[self.layout.row[slot]] += weights

    def forward(self, memory: Memory, shared: bool) -> None:
        """Run the steps of a block, and before it those that all blocks share."""
        for step in (*self.shared, *self.own) if shared else self.own:
            step.forward(memory)

    def backward(self, memory: Memory, times: Times) -> None:
        """Run a block's steps backward."""
        for step in reversed(self.own):
            step.backward(memory, times)

    def backward_shared(self, memory: Memory, times: Times) -> None:
        """Run the steps that all blocks share backward, when the adjoints of all blocks have been added up."""
        for step in reversed(self.shared):
            step.backward(memory, times)

    def _add(self, step: Step, operands: Slots) -> None:
        """In the order of the backward pass: a step knows whose adjoints have something in them by then."""
        self.steps.append(step)
        self.touched[operands] = True

    def _step(self, op: Operation, first: int, operands: Slots) -> Step:
        if op is dot:
            return Products(self, first, operands)
        if op is total:
            return Sums(self, first, operands)
        if op is SELECT:
            return Selection(self, first, operands)
        return Elementwise(self, op, first, operands)

    def _layers(self, operands: Slots) -> list[tuple[int, int]]:
        """Where dots that share their right half begin and end, if they are to be taken as the layers of a network."""
        left, right = np.split(operands, 2, axis=1)
        ends = np.flatnonzero((np.diff(right, axis=0) != 0).any(axis=1)) + 1
        bounds = [0, *ends.tolist(), len(operands)]
        few = len(bounds) <= 5 or len(operands) >= 4 * len(bounds)
        if not few or not self.layout.common[left].all():
            return []
        layers = list(pairwise(bounds))
        return layers if all(all_differ(right[start]) for start, _ in layers) else []


def _runs(program: Program) -> Iterator[tuple[Operation, int, Slots]]:
    """Neighbouring instructions of one operation and arity, none of which takes the result of another.

    Yields:
        The operation, the slot of the first result, and (instructions, arity) the slots of the operands.
    """
    starts, codes, first = program.starts.tolist(), program.opcodes.tolist(), program.first_result
    newest = [max(program.operands[a:b].tolist(), default=-1) for a, b in pairwise(starts)]
    begin = 0
    for place in range(1, len(codes) + 1):
        if (
            place == len(codes)
            or place == program.shared
            or codes[place] != codes[begin]
            or starts[place + 1] - starts[place] != starts[begin + 1] - starts[begin]
            or newest[place] >= first + begin
        ):
            operands = program.operands[starts[begin] : starts[place]].astype(np.int64)
            arity = starts[begin + 1] - starts[begin]
            yield program.operations[codes[begin]], first + begin, operands.reshape(place - begin, arity)
            begin = place
