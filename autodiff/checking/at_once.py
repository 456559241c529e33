"""A function of ``Value``s at many points at once: its program on arrays, forward, with the noise of every operation.

The engine makes a node for each operation at each point. Here the function is recorded once, as ``compile`` does it,
and its instructions are run for all points together. Where a branch goes another way, and where a function cannot be
recorded, the engine runs. It also runs at one point of each batch: a program that gives another number there is never
used again, so that none hides a fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.backward import topological_order
from autodiff.checking.arrays import AT_ONCE, Floats
from autodiff.checking.function_under_test import FunctionUnderTest, in_domain
from autodiff.checking.noise import FACTORS, RUNS, recorded_noise, roundings
from autodiff.compiling.numpy.functions import primal_function
from autodiff.compiling.recording import Recording, record
from autodiff.compiling.specializations import COMPARE
from autodiff.operations import Operation
from autodiff.program.lowering import group
from autodiff.program.lowering.runs import runs
from autodiff.rules import dot, total
from autodiff.value import Value

FEW = 4
"""Fewer points than these are left to the engine."""
AGREES = 4.0
"""How many times the noise program and engine may differ by: NumPy's exponentials are not those of ``math``."""

Slots = NDArray[np.int64]
Derived = Callable[[Value, list[Value]], Value]


class AtOnce:
    """A function under test at points (k, n).

    Args:
        under_test: the function.
        derived: what is made of its result and the nodes of its inputs; by default the result itself.
    """

    def __init__(self, under_test: FunctionUnderTest, derived: Derived | None = None) -> None:
        self.under_test = under_test
        self.derived = derived or (lambda root, nodes: root)
        self.program = self._recorded()

    def root(self, point: Floats) -> tuple[Value, list[Value]]:
        """The recorded result at a point, and the nodes of the inputs."""
        root, nodes = self.under_test.root(tuple(point.tolist()))
        return self.derived(root, nodes), nodes

    def values(self, points: Floats) -> Floats:
        """(k,): the numbers there; nan outside of the domain."""
        if self.program is None or len(points) < FEW:
            return self._by_engine(points)
        found, is_right = self.program.values(points)
        found[~is_right] = self._by_engine(points[~is_right])
        if is_right.any():
            at = int(np.flatnonzero(is_right)[-1])
            if not self._agrees(self.program, points[at : at + 1], found[at]):
                self.program = None
                return self._by_engine(points)
        return found

    def _agrees(self, program: ArrayProgram, point: Floats, found: float) -> bool:
        """Whether the engine gives what the program has found at a point (1, n)."""
        engine = self._by_engine(point)[0]
        if found == engine or (math.isnan(found) and math.isnan(engine)):
            return True
        return bool(abs(found - engine) <= AGREES * program.noises(point, 0)[0][0])

    def noises(self, points: Floats, seed: int) -> Floats:
        """(k,): how far rounding may have moved the numbers there."""
        found, is_right = np.empty(len(points)), np.zeros(len(points), bool)
        if self.program is not None:
            found, is_right = self.program.noises(points, seed)
        noise = in_domain(lambda at: recorded_noise(topological_order(self.root(points[int(at)])[0]), seed))
        found[~is_right] = [noise(at) for at in np.flatnonzero(~is_right).tolist()]
        return np.where(np.isnan(found), math.inf, found)  # outside of its domain

    def _by_engine(self, points: Floats) -> Floats:
        number = in_domain(lambda at: self.root(points[int(at)])[0].number)
        return np.array([number(at) for at in range(len(points))])

    def _recorded(self) -> ArrayProgram | None:
        """The program, where the function can be recorded."""
        arguments, nodes = self.under_test.arguments(self.under_test.point)

        def function(*given: Any) -> Value:
            return self.derived(self.under_test.value(self.under_test.f(*given)), nodes)

        try:
            return ArrayProgram(record(function, arguments, {}, nodes, []))
        except Exception:  # whatever is in the way of a program, the engine runs the function, or says why it does not
            return None


class ArrayProgram:
    """A recorded program of one output, run on arrays."""

    def __init__(self, recording: Recording) -> None:
        program = group(recording.program)
        self.program = program
        self.output = int(program.outputs[0])
        self.runs = [*runs(program)]
        self.parameters = np.array([leaf.number for leaf in recording.parameters])
        self.varying = program.depends(range(program.first_parameter, program.first_result))[program.first_result :]

    def values(self, points: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """(k,) each: the output at points (k, n), and whether every branch goes as it was recorded."""
        values, is_right = np.empty(len(points)), np.empty(len(points), bool)
        for part, numbers in self._blocks(points):
            values[part] = numbers[self.output, :, 0]
            is_right[part] = self._goes_alike(numbers)
        return values, is_right

    def noises(self, points: Floats, seed: int) -> tuple[Floats, NDArray[np.bool_]]:
        """(k,) each: as :func:`~autodiff.checking.noise.recorded_noise`, and whether every branch goes so."""
        random = Random(seed)
        drawn = np.array(random.choices(FACTORS, k=RUNS * len(self.program))).reshape(-1, 1, RUNS)
        factors = np.concatenate([np.ones((len(drawn), 1, 1)), np.where(self.varying[:, None, None], drawn, 1.0)], 2)
        found, is_right = np.empty(len(points)), np.empty(len(points), bool)
        for part, numbers in self._blocks(points, factors):
            with np.errstate(all="ignore"):
                moved = np.abs(numbers[self.output, :, 1:] - numbers[self.output, :, :1]).max(axis=1)
            found[part] = np.where(np.isfinite(moved), moved, math.inf)
            is_right[part] = self._goes_alike(numbers)
        return found, is_right

    def _goes_alike(self, numbers: Floats) -> NDArray[np.bool_]:
        """(points,): whether every guard holds."""
        holds = np.ones(numbers.shape[1], bool)
        for each in self.program.guards:
            holds &= COMPARE[each.comparison](numbers[each.left, :, 0], numbers[each.right, :, 0]) == each.holds
        return holds

    def _blocks(self, points: Floats, factors: Floats | None = None) -> Any:
        """Some of the points, and (slots, those points, runs): the numbers; ``factors`` (instructions, 1, runs)."""
        program, count = self.program, 1 if factors is None else factors.shape[2]
        size = max(1, AT_ONCE // (program.slots * count))
        for start in range(0, len(points), size):
            rows = points[start : start + size]
            numbers = np.empty((program.slots, len(rows), count))
            numbers[: program.first_parameter] = program.constants[:, None, None]
            numbers[program.first_parameter : program.first_input] = self.parameters[:, None, None]
            numbers[program.first_input : program.first_result] = rows.T[:, :, None]
            with np.errstate(all="ignore"):
                for op, first, operands in self.runs:
                    these = slice(first, first + len(operands))
                    if factors is None:
                        numbers[these] = _results(op, operands, numbers, None)
                    else:
                        own = factors[first - program.first_result :][: len(operands)]
                        numbers[these] = _results(op, operands, numbers, own) * own
            yield slice(start, start + len(rows)), numbers


def _results(op: Operation, operands: Slots, numbers: Floats, factors: Floats | None) -> Any:
    """(instructions, points, runs): those of alike instructions, whose operands are (instructions, arity)."""
    arity = operands.shape[1]
    moved = roundings(op, arity) if factors is not None else ()

    def operand(at: int) -> Floats:
        found: Floats = numbers[operands[:, at]]
        return found * (1.0 + moved[at] * (factors - 1.0)) if factors is not None and moved else found

    if op is not dot and op is not total:
        return primal_function(op, arity)(*map(operand, range(arity)))
    terms = arity // 2 if op is dot else arity
    sums = np.zeros((len(operands), *numbers.shape[1:]))
    for at in range(terms):
        sums += operand(at) * operand(terms + at) if op is dot else operand(at)
    return sums
