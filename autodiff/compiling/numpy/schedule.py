"""The schedule of the NumPy backend: a program as kernels, each of which runs neighbouring instructions of one kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from autodiff.compiling.numpy.buffers import Buffers, Layout, Slots, all_differ
from autodiff.compiling.numpy.functions import Floats
from autodiff.compiling.numpy.kernels import Elementwise, Flow, Kernel, Layer, Norms, Products, Selection, Sums
from autodiff.operations import Operation
from autodiff.program.lowering.runs import runs
from autodiff.program.program import Program
from autodiff.rules import SELECT, dot, norm, total

VARIADIC: dict[Operation, Callable[[Flow, int, Slots], Kernel]]
VARIADIC = {dot: Products, total: Sums, norm: Norms, SELECT: Selection}
"""The kernels of operations of any number of operands."""


class Schedule:
    """The kernels of a program, for gradients with respect to some slots."""

    def __init__(self, program: Program, wrt: Sequence[int]) -> None:
        self.layout = Layout(program)
        begun = np.zeros(program.slots, bool)
        begun[program.outputs] = True
        flow = Flow(self.layout, program.active(wrt), begun)
        kernels: list[Kernel] = []
        for op, first, operands in reversed(list(runs(program))):
            layers = self._layers(operands) if op is dot else []
            for start, end in reversed(layers or [(0, len(operands))]):
                own = operands[start:end]
                if op in VARIADIC:
                    kernels.append((Layer if layers else VARIADIC[op])(flow, first + start, own))
                else:
                    kernels.append(Elementwise(flow, op, first, own))
                begun[own] = True
        kernels.reverse()
        self.shared = [kernel for kernel in kernels if kernel.results.common]
        self.own = [kernel for kernel in kernels if not kernel.results.common]
        self.rows = 2 * self.layout.rows + max((kernel.temporaries for kernel in self.own), default=0) + 1

    def numbers(self, buffers: Buffers, slot: int) -> Floats:
        """(observations,) or (1,): what is in a slot."""
        numbers: Floats = (buffers.common if self.layout.common[slot] else buffers.varying)[self.layout.row[slot]]
        return numbers

    def seed(self, buffers: Buffers, slot: int, weights: Floats) -> None:
        """Begin the backward pass there."""
        if self.layout.common[slot]:
            buffers.common_adjoint[self.layout.row[slot]] += weights.sum() + 0.0
        else:
            buffers.adjoint[self.layout.row[slot]] += weights + 0.0

    def forward(self, buffers: Buffers, shared: bool) -> None:
        """Run the steps of a block, and before it those that all blocks share."""
        for kernel in (*self.shared, *self.own) if shared else self.own:
            kernel.forward(buffers)

    def backward(self, buffers: Buffers, shared: bool, careful: bool) -> None:
        """Run a block's steps backward; or those that all blocks share, when the adjoints of all have been added up."""
        for kernel in reversed(self.shared if shared else self.own):
            kernel.backward(buffers, careful)

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
