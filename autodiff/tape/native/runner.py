"""``NativeRunner``: a program made ready for machine code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.operations import SELECT, dot, total
from autodiff.tape.native.cache import kernel_module
from autodiff.tape.native.codegen import kernel_source
from autodiff.tape.native.layout import FIRST_ROW, MAIN, ROWS, lay_out
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
        operations = sorted(rows, key=lambda op: op.name)
        self.kernel = kernel_module(kernel_source(operations))
        self.opcodes = {op: opcode for opcode, op in enumerate(operations, FIRST_ROW)}
        self.code = lay_out(program, self.opcodes, wrt_inputs=False)
        self._code_wrt_inputs: NDArray[np.uint32] | None = None

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        results = np.empty((len(inputs), len(self.program.outputs)))
        inputs = np.ascontiguousarray(inputs, np.float64)
        self.kernel.values(self.code, self.program.constants, parameters, inputs, self._block(len(inputs)), results)
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
        for careful in (False, True):
            self.kernel.gradient(
                code, self.program.constants, parameters, inputs, NO_ORDER, 0, len(inputs), weights,
                self._block(len(inputs)), careful, results, gradient, input_gradient,
            )  # fmt: skip
            if np.isfinite(gradient).all() and np.isfinite(input_gradient).all():
                break
        return results, gradient, input_gradient if wrt_inputs else None

    def _block(self, observations: int) -> int:
        """How many observations are run side by side."""
        blocks = -(-observations // 128)
        return -(-observations // (max(blocks, 1) * LANES)) * LANES
