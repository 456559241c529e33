"""``NativeRunner``: a program made ready for machine code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from functools import cache
from pathlib import Path

from autodiff.operations import SELECT, Operation, dot, total
from autodiff.tape.native.cache import module_of
from autodiff.tape.native.codegen import source
from autodiff.tape.native.layout import FIRST_ROW, MAIN, ROWS, SCALARS, SHARED, lay_out
from autodiff.tape.program import Program

Floats = NDArray[np.float64]

LANES = 8
"""The width of a block is a multiple of this."""
NO_ORDER = np.empty(0, np.int64)
NO_GRADIENT = np.empty((0, 0))
ONE = np.ones(1)


class NativeRunner:
    """A program made ready for machine code; see :class:`autodiff.tape.backends.Runner`.

    Args:
        program: what to run.
        threads: over how many threads the observations are spread; the bits are the same whatever the number.

    Raises:
        NotCompilable: an operation cannot be written as machine code.
    """

    def __init__(self, program: Program, threads: int = 1) -> None:
        self.program = program
        self.threads = threads
        rows = [op for op in program.operations if op not in (dot, total, SELECT)]
        self.opcodes = {op: opcode for opcode, op in enumerate(rows, FIRST_ROW)}
        self.table = np.array([*written_by_hand(), *map(addresses, rows)], np.int64).ravel()
        self.interpreter = module_of(text_of("interpreter"))
        self.code = lay_out(program, self.opcodes, wrt_inputs=False)
        self._code_wrt_inputs: NDArray[np.uint32] | None = None

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        results = np.empty((len(inputs), len(self.program.outputs)))
        inputs = np.ascontiguousarray(inputs, np.float64)
        lanes = self._lanes(len(inputs))
        work = self._work(self.code, lanes)
        self.interpreter.values(
            self.code, self.table, self.program.constants, parameters, inputs, lanes, work, results
        )  # fmt: skip
        return results

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None]:
        code = self.code
        if wrt_inputs:
            if self._code_wrt_inputs is None:
                self._code_wrt_inputs = lay_out(self.program, self.opcodes, wrt_inputs=True)
            code = self._code_wrt_inputs
        inputs = np.ascontiguousarray(inputs, np.float64)
        weights = np.array(weight, np.float64, ndmin=1)
        results, gradient = np.empty(len(inputs)), np.empty(len(parameters))
        input_gradient = np.zeros(inputs.shape) if wrt_inputs else NO_GRADIENT
        lanes = self._lanes(len(inputs))
        self.interpreter.gradient(
            code, self.table, self.program.constants, parameters, inputs, NO_ORDER, weights, lanes,
            self._work(code, lanes), results, gradient, input_gradient,
        )  # fmt: skip
        return results, gradient, input_gradient if wrt_inputs else None

    def _lanes(self, observations: int) -> int:
        """How many observations are run side by side."""
        if observations <= 1:
            return 1
        blocks = -(-observations // 128)
        return -(-observations // (max(blocks, 1) * LANES)) * LANES

    def _work(self, code: NDArray[np.uint32], lanes: int) -> Floats:
        """Room for the scalars, the rows, and their adjoints."""
        stride = int(self.interpreter.stride_of(lanes))
        size = 2 * int(code[SCALARS]) + 2 * int(code[SHARED + ROWS]) + 2 * stride * int(code[MAIN + ROWS])
        room = np.empty(size + 8)
        return room[-room.ctypes.data // 8 % 8 :]


def text_of(name: str) -> str:
    """The text of a module of this folder."""
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")


Addresses = tuple[int, int, int]
"""Where the code of an operation is: forward, backward, and backward where nothing flows through a zero."""


@cache
def addresses(op: Operation) -> Addresses:
    """Where the code of an operation of the table is."""
    module = module_of(source(op))
    return module.forward, module.backward, module.backward


@cache
def written_by_hand() -> tuple[Addresses, ...]:
    """Where the code of the other operations is, in the order of their numbers."""
    layer, sums, selection = map(module_of, map(text_of, ("layer", "sums", "selection")))
    return (
        (layer.forward, layer.backward, layer.careful),
        (sums.dot_forward, sums.dot_backward, sums.dot_careful),
        (sums.total_forward, sums.total_backward, sums.total_backward),
        (selection.row_forward, selection.row_backward, selection.row_backward),
        (selection.scalar_forward, selection.scalar_backward, selection.scalar_backward),
    )
