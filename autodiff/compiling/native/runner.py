"""``NativeRunner``: a program made ready for machine code."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.compiling.captures import Captures
from autodiff.compiling.native.cache import in_memory, module_of
from autodiff.compiling.native.codegen import source
from autodiff.compiling.native.layout import (
    DOT,
    FIRST_ROW,
    LAYER,
    MAIN,
    NORM,
    ROWS,
    SCALARS,
    SELECT,
    SELECT_SCALAR,
    SHARED,
    TOTAL,
    lay_out,
    operations_in,
)
from autodiff.operations import Operation
from autodiff.program.expressions import Expression, applied, rule_of_steps
from autodiff.program.lowering import lower
from autodiff.program.program import Program
from autodiff.rules import SELECT as SELECT_OPERATION
from autodiff.rules import dot, norm, total
from autodiff.value import Value, constant

Floats = NDArray[np.float64]
T = TypeVar("T")
Rule = Callable[..., Sequence[Any]]

CHUNK = 4096
"""The least number of observations in a chunk; fewer than twice as many are one chunk. Gradients of chunks are added up
in their order. Inputs that machine code cannot read as they are, are copied chunk by chunk."""
MOST_LANES, ROOM = 128, 2**22
"""The most observations of a block, which are run side by side, and the most numbers that it holds: of a program with
very many rows, a block has fewer observations."""
MOST_RULES = 16
"""How many versions of optimizers' rules are kept as programs."""
VARIADIC = {
    LAYER: ("layer", "forward", "backward", "careful"),
    DOT: ("variadic", "dot_forward", "dot_backward", "dot_careful"),
    TOTAL: ("variadic", "total_forward", "total_backward", "total_backward"),
    NORM: ("variadic", "norm_forward", "norm_backward", "norm_backward"),
    SELECT: ("variadic", "row_forward", "row_backward", "row_backward"),
    SELECT_SCALAR: ("variadic", "scalar_forward", "scalar_backward", "scalar_backward"),
}
"""The modules and functions of the operations of any number of operands."""
Addresses = tuple[int, int, int]
"""Where the code of an operation is: forward, backward, and careful backward."""
FLOAT64 = np.dtype(np.float64)
NO_ORDER, NO_GRADIENT, NO_ROOM = np.empty(0, np.int64), np.empty((0, 0)), np.empty(0)


class NativeRunner:
    """A program made ready for machine code; see :class:`autodiff.compiling.backends.Runner`, and ``prepare`` there."""

    def __init__(self, program: Program, threads: int = 1) -> None:
        self.program = program
        self.threads = threads
        self.interpreter = module_of(text_of("interpreter"))
        self.parts = _Parts(program)
        self._read: dict[Rule, Captures] = {}
        self._rules: dict[Hashable, _Parts] = {}
        self._rooms: list[Floats] = []
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        results = np.empty((len(inputs), len(self.program.outputs)))
        theta = plain(parameters)
        if len(inputs) < 2 * CHUNK:
            self._values(theta, inputs, results)
        else:
            for _ in self._over_chunks(lambda chunk: self._values(theta, inputs[chunk], results[chunk]), len(inputs)):
                pass
        return results

    def _values(self, parameters: Floats, inputs: Floats, results: Floats) -> None:
        """The outputs of one chunk."""
        room = self._room(self.parts.room(len(inputs)))
        self.interpreter.values(*self.parts.arrays(False), parameters, plain(inputs), self.parts.most, room, results)
        self._rooms.append(room)

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None, float]:
        theta = plain(parameters)
        weights = _one_weight(weight) if type(weight) is float else np.array(weight, np.float64, ndmin=1)
        if len(inputs) < 2 * CHUNK:
            return self._gradient(theta, inputs, weights, wrt_inputs)
        gradient = np.zeros(len(theta))
        values = np.empty(len(inputs))
        input_gradient = np.empty(inputs.shape) if wrt_inputs else None

        def run(chunk: slice) -> tuple[Floats, bool]:
            own = weights[chunk] if len(weights) > 1 else weights
            values[chunk], part, input_part, subtotal = self._gradient(theta, inputs[chunk], own, wrt_inputs)
            if input_gradient is not None:
                input_gradient[chunk] = input_part
            return part, math.isfinite(subtotal)

        finite = True
        for part, part_is_finite in self._over_chunks(run, len(inputs)):
            with np.errstate(over="ignore", invalid="ignore"):  # as in machine code
                gradient += part
            finite &= part_is_finite
        finite &= bool(np.isfinite(gradient).all())
        return values, gradient, input_gradient, self.total(values) if finite else math.nan

    def total(self, values: Floats) -> float:
        return float(self.interpreter.total(plain(values)))

    def _gradient(
        self, parameters: Floats, inputs: Floats, weights: Floats, wrt_inputs: bool
    ) -> tuple[Floats, Floats, Floats | None, float]:
        """The gradient of one chunk."""
        values, gradient = np.empty(len(inputs)), np.empty(len(parameters))
        input_gradient = np.zeros(inputs.shape) if wrt_inputs else NO_GRADIENT
        code, table, constants = self.parts.arrays(wrt_inputs)
        room = self._room(self.parts.room(len(inputs)))
        total = self.interpreter.gradient(
            code, table, constants, parameters, plain(inputs), NO_ORDER, weights, self.parts.most, room, values,
            gradient, input_gradient,
        )  # fmt: skip
        self._rooms.append(room)
        return values, gradient, input_gradient if wrt_inputs else None, total

    def descend(
        self,
        parameters: Floats,
        state: Floats,
        inputs: Floats,
        order: NDArray[np.int64],
        starts: NDArray[np.int64],
        rates: Floats,
        first_step: int,
        rule: Rule,
    ) -> tuple[Floats, int]:
        if plain(parameters) is not parameters or plain(state) is not state:
            raise ValueError("parameters and state are changed in place: they must be plain arrays of float64, by rows")
        update = self._update(rule, len(state))
        errors = np.full(len(order), np.nan)
        most = min(self.parts.most, update.most)
        room = self._room(max(self.parts.room(int(np.diff(starts).max(initial=1))), update.room(len(parameters))))
        steps = self.interpreter.descend(
            *self.parts.arrays(False), *update.arrays(False), parameters, state,
            np.ascontiguousarray(inputs, np.float64), np.ascontiguousarray(order, np.int64),
            np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(rates, np.float64), first_step, most, room,
            errors, np.empty(len(parameters)),
        )  # fmt: skip
        self._rooms.append(room)
        return errors, int(steps)

    def _update(self, rule: Rule, states: int) -> _Parts:
        """The rule as a program, with the numbers that it reads at present."""
        if rule not in self._read:
            self._read[rule] = Captures(rule)
        key = (rule, states, self._read[rule].numbers())
        if key not in self._rules:
            if len(self._rules) == MOST_RULES:
                self._rules.clear()
            self._rules[key] = _Parts(rule_program(rule_of_steps(rule, states)))
        return self._rules[key]

    def _over_chunks(self, run: Callable[[slice], T], observations: int) -> Iterable[T]:
        """Run on each chunk; how they are cut depends on the number of observations alone."""
        chunks = max(observations // CHUNK, 1)
        bounds = [observations * chunk // chunks for chunk in range(chunks + 1)]
        slices = map(slice, bounds[:-1], bounds[1:])
        return map(run, slices) if self.threads == 1 or chunks == 1 else self._pool.map(run, slices)

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """The threads of this process: one that was forked has none of its parent's."""
        process = os.getpid()
        if process not in self._pools:
            self._pools[process] = ThreadPoolExecutor(self.threads, "autodiff")
        return self._pools[process]

    def _room(self, size: int) -> Floats:
        """Room to work in, of this call alone until it is given back."""
        try:
            room = self._rooms.pop()
        except IndexError:
            room = NO_ROOM
        if len(room) < size:
            room = np.empty(size + 8)
            room = room[-room.ctypes.data // 8 % 8 :]  # from where a cache line begins
        return room


class _Parts:
    """What machine code reads of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        pairs = np.unique(np.column_stack([program.opcodes, np.diff(program.starts)]), axis=0).tolist()
        rows = [(program.operations[code], arity) for code, arity in pairs]
        rows = [(op, arity) for op, arity in rows if op not in (dot, total, norm, SELECT_OPERATION)]
        self.opcodes = {row: opcode for opcode, row in enumerate(rows, FIRST_ROW)}
        self.table = np.zeros((FIRST_ROW + len(rows), 3), np.int64)
        self.table[FIRST_ROW:] = np.reshape([addresses(*row) for row in rows], (-1, 3))
        self.codes: dict[bool, NDArray[np.uint32]] = {}
        self.size = self.rows = self.most = 0
        self.arrays(False)

    def arrays(self, wrt_inputs: bool) -> tuple[NDArray[np.uint32], NDArray[np.int64], Floats]:
        """The code, the addresses that it refers to, and the constants."""
        if wrt_inputs not in self.codes:
            code = lay_out(self.program, self.opcodes, wrt_inputs)
            for opcode in operations_in(code) - set(self.opcodes.values()):
                self.table[opcode] = variadic_addresses(opcode)
            rows = int(code[MAIN + ROWS])
            self.most = self.most or max(8, min(MOST_LANES, ROOM // rows // 8 * 8))
            self.size = max(self.size, 2 * (int(code[SCALARS]) + int(code[SHARED + ROWS])))
            self.rows = max(self.rows, 2 * rows)
            self.codes[wrt_inputs] = code
        return self.codes[wrt_inputs], self.table, self.program.constants

    def room(self, observations: int) -> int:
        """How many numbers a run needs room for."""
        lanes = min(observations, self.most)
        return self.size + self.rows * (lanes + 16 if lanes > 1 else 1)


def rule_program(written: Sequence[Expression]) -> Program:
    """An optimizer's rule for one parameter: of its gradient and state (inputs), the rate and the step (parameters).

    >>> from autodiff.program.expressions import rule_of_steps
    >>> rule = lambda gradient, rate, step, velocity: (rate * (0.9 * velocity), 0.9 * velocity)
    >>> print(rule_program(rule_of_steps(rule, 1)))
    parameters  rate, step
    inputs      gradient, state 0
      v5 = 0.9 * state 0
      v6 = rate * v5
    outputs     v6, v5
    """
    gradient, rate, step = (Value(math.nan, name) for name in ("gradient", "rate", "step"))
    state = [Value(math.nan, f"state {at}") for at in range(len(written) - 1)]
    results = applied(written, [gradient, rate, step, *state])
    roots = [each if isinstance(each, Value) else constant(each) for each in results]
    return lower(Program.from_graph(*roots, inputs=[gradient, *state], parameters=[rate, step])[0])


def plain(array: Floats) -> Floats:
    """The array as the machine code was compiled for: of any other kind a copy, since it would be compiled anew."""
    if type(array) is np.ndarray and array.dtype is FLOAT64 and array.flags.carray:
        return array
    return np.array(array, np.float64, order="C")


@lru_cache(maxsize=16)
def _one_weight(weight: float) -> Floats:
    """The weight of all observations of a call, as machine code reads it."""
    return np.array([weight])


def text_of(name: str) -> str:
    """The text of a module of this folder."""
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")


@cache
def addresses(op: Operation, arity: int) -> Addresses:
    """Where the code of an operation of the table is, for that many operands.

    Raises:
        NotCompilableError: they are too many.
    """
    text, helpers = source(op, arity)
    module = in_memory(f"autodiff_native_{op.name}_{arity}_{id(op)}", text, helpers) if helpers else module_of(text)
    return module.forward.address, module.backward.address, module.backward.address


@cache
def variadic_addresses(opcode: int) -> Addresses:
    """Where the code of one of the other operations is."""
    name, *functions = VARIADIC[opcode]
    module = module_of(text_of(name))
    forward, backward, careful = (getattr(module, function).address for function in functions)
    return forward, backward, careful
