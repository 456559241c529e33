"""The NumPy backend: neighbouring instructions of one kind, on a block of observations, as a few array operations.

Within one observation values and adjoints have the bits of the eager engine, except where NumPy's own exp, tanh and the
like differ from ``math``'s in the last places. Sums over observations are taken in another order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from autodiff.compiling.inputs import Columns
from autodiff.compiling.numpy.buffers import Buffers
from autodiff.compiling.numpy.functions import Floats
from autodiff.compiling.numpy.schedule import Schedule
from autodiff.compiling.numpy.straight import FEWEST, Straight, suits
from autodiff.program.program import Program

BLOCK = 2**18
"""How many numbers a block holds, rows times observations: a few MB, most of which stay in the cache."""


class NumpyRunner:
    """A program made ready for NumPy; see :class:`autodiff.compiling.backends.Runner`."""

    reads_columns = True
    """Whether inputs may be :class:`~autodiff.compiling.inputs.Columns`, too."""

    def __init__(self, program: Program, threads: int = 1) -> None:
        if threads > 1:
            raise ValueError(f"the NumPy backend runs on one thread, not on {threads}")
        self.program = program
        self._schedules: dict[bool, Schedule] = {}
        self._suits = suits(program)
        self._straight: dict[bool, Straight] = {}

    def schedule(self, wrt_inputs: bool) -> Schedule:
        """The kernels for gradients of the parameters, and of the inputs if wanted."""
        if wrt_inputs not in self._schedules:
            end = self.program.first_result if wrt_inputs else self.program.first_input
            self._schedules[wrt_inputs] = Schedule(self.program, range(self.program.first_parameter, end))
        return self._schedules[wrt_inputs]

    def straight(self, wrt_inputs: bool, observations: int) -> Straight | None:
        """The same as one function, where that is quicker."""
        if not self._suits or observations < FEWEST:
            return None
        if wrt_inputs not in self._straight:
            self._straight[wrt_inputs] = Straight(self.program, wrt_inputs)
        return self._straight[wrt_inputs]

    def values(self, parameters: Floats, inputs: Floats | Columns) -> Floats:
        schedule = self.schedule(wrt_inputs=False)
        straight = self.straight(False, len(inputs))
        with np.errstate(all="ignore"):
            if straight is not None:
                return straight.values(parameters, inputs)
            results = np.empty((len(inputs), len(self.program.outputs)))
            for part, buffers in self._blocks(schedule, parameters, inputs):
                for column, slot in enumerate(self.program.outputs):
                    results[part, column] = schedule.numbers(buffers, slot)
        return results

    def gradient(
        self, parameters: Floats, inputs: Floats | Columns, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None, float]:
        given = np.asarray(weight, np.float64)
        weights = np.broadcast_to(given, len(inputs))
        with np.errstate(all="ignore"):
            straight = self.straight(wrt_inputs, len(inputs))
            if straight is None:
                found = self._gradient(parameters, inputs, weights, wrt_inputs, careful=False)
            else:
                found = straight.gradient(parameters, inputs, weights if given.size > 1 else float(given.item()))
            if not _are_finite(*found[1:]):
                # A symbolic zero differs from the number only where it meets an infinity, and 0 · ∞ is nan.
                found = self._gradient(parameters, inputs, weights, wrt_inputs, careful=True)
            return *found, self.total(found[0]) if _are_finite(*found[1:]) else math.nan

    def total(self, values: Floats) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.add.reduce(values))

    def _gradient(
        self, parameters: Floats, inputs: Floats | Columns, weights: Floats, wrt_inputs: bool, careful: bool
    ) -> tuple[Floats, Floats, Floats | None]:
        program, schedule = self.program, self.schedule(wrt_inputs)
        values = np.empty(len(inputs))
        nothing = -0.0 if careful else 0.0
        adjoint = np.full((schedule.layout.commons, 1), nothing)
        slopes = np.zeros(inputs.shape) if wrt_inputs else None
        buffers = None
        for part, buffers in self._blocks(schedule, parameters, inputs, adjoint, nothing):
            values[part] = schedule.numbers(buffers, program.outputs[0])
            schedule.seed(buffers, program.outputs[0], weights[part])
            schedule.backward(buffers, False, careful)
            if slopes is not None:
                slopes[part] = buffers.adjoint[: len(program.inputs)].T + 0.0
        if buffers is not None:
            schedule.backward(buffers, True, careful)
        return values, adjoint[program.first_parameter : program.first_input, 0] + 0.0, slopes

    def _blocks(
        self,
        schedule: Schedule,
        parameters: Floats,
        inputs: Floats | Columns,
        adjoint: Floats | None = None,
        nothing: float = 0,
    ) -> Iterator[tuple[slice, Buffers]]:
        """Each block of observations, and the buffers in which it was run forward; adjoints there are ``nothing``."""
        program, layout = self.program, schedule.layout
        common = np.empty((layout.commons, 1))
        common[: program.first_parameter, 0] = program.constants
        common[program.first_parameter : program.first_input, 0] = parameters
        adjoint = np.zeros(common.shape) if adjoint is None else adjoint
        observations = max(1, BLOCK // schedule.rows)
        buffers = None
        for start in range(0, len(inputs), observations):
            rows = inputs[start : start + observations]
            if buffers is None or buffers.varying.shape[1] != len(rows):
                buffers = Buffers(layout, common, adjoint, len(rows))
            buffers.adjoint[:] = nothing
            buffers.varying[: len(program.inputs)] = rows.T
            schedule.forward(buffers, shared=start == 0)
            yield slice(start, start + len(rows)), buffers


def _are_finite(gradient: Floats, slopes: Floats | None) -> bool:
    return _is_finite(gradient) and (slopes is None or _is_finite(slopes))


def _is_finite(numbers: Floats) -> bool:
    """Whether all of them are; their sum tells, unless it overflows."""
    return math.isfinite(np.add.reduce(numbers, axis=None)) or bool(np.isfinite(numbers).all())
