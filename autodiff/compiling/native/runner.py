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
from autodiff.compiling.native.codegen import check_compilable, source
from autodiff.compiling.native.fused import Segment
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
    WITH_CODE,
    lay_out,
    operations_in,
)
from autodiff.operations import Operation
from autodiff.program.expressions import Expression, applied, rule_of_steps
from autodiff.program.lowering import lower
from autodiff.program.program import Program
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
LARGE, HOT = 2**12, 2**16
"""How many observations a call has, or all calls so far, when fused code is made of a program: a large batch is worth
it at once, and the code of a segment takes less time to make than that of two or three single operations."""
MOST_FUSED = 4096
"""The most instructions of a program that is fused."""
QUICK, CAREFUL = 1, 2
"""The ways of a backward pass: where a gradient is not finite, a symbolic zero may have met an infinity, and it is done
again, carefully."""
VARIADIC = {
    LAYER: ("layer", "forward", "backward", "careful"),
    DOT: ("variadic", "dot_forward", "dot_backward", "dot_careful"),
    TOTAL: ("variadic", "total_forward", "total_backward", "total_backward"),
    NORM: ("variadic", "norm_forward", "norm_backward", "norm_backward"),
    SELECT: ("variadic", "row_forward", "row_backward", "row_backward"),
    SELECT_SCALAR: ("variadic", "scalar_forward", "scalar_backward", "scalar_backward"),
}
"""The modules and functions of the operations of any number of operands."""
Arrays = tuple[NDArray[np.uint32], NDArray[np.int64], Floats]
Addresses = tuple[int, int, int]
"""Where the code of an operation is: forward, backward, and careful backward."""
FLOAT64 = np.dtype(np.float64)
NO_ORDER, NO_GRADIENT, NO_ROOM = np.empty(0, np.int64), np.empty((0, 0)), np.empty(0)


class NativeRunner:
    """A program made ready for machine code; see :class:`autodiff.compiling.backends.Runner`, and ``prepare`` there."""

    def __init__(self, program: Program, threads: int = 1) -> None:
        kinds = {*zip(program.opcodes.tolist(), np.diff(program.starts).tolist())}
        for operation, arity in ((program.operations[code], arity) for code, arity in kinds):
            if operation not in WITH_CODE:
                check_compilable(operation, arity)
        self.program = program
        self.threads = threads
        self.interpreter = module_of(text_of("interpreter"))
        self.parts = _Parts(program)
        self.fused = _Parts(program, fused=True) if is_small(program) else None
        self.seen = 0
        """How many observations were run."""
        read = np.concatenate([program.operands, program.outputs]).astype(np.int64) - program.first_input
        self.unread = np.setdiff1d(np.arange(len(program.inputs)), read)
        """The inputs that nothing depends on: no gradient is written for them."""
        self._read: dict[Rule, Captures] = {}
        self._rules: dict[Hashable, _Parts] = {}
        self._rooms: list[Floats] = []
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        results = np.empty((len(inputs), len(self.program.outputs)))
        theta = plain(parameters)
        for _ in self._over_chunks(lambda first, last: self._values(theta, inputs, first, last, results), len(inputs)):
            pass
        return results

    def _values(self, parameters: Floats, inputs: Floats, first: int, last: int, results: Floats) -> None:
        """The outputs of the observations from first to last."""
        parts = self._parts_for(last - first)
        arrays = parts.arrays(False, backward=False)
        room = self._room(parts.room(last - first))
        self.interpreter.values(
            *arrays, parameters, *readable(inputs, first, last), first, last, parts.most, room, results
        )
        self._rooms.append(room)

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None, float]:
        theta, count = plain(parameters), len(inputs)
        weights = _one_weight(weight) if type(weight) is float else np.array(weight, np.float64, ndmin=1)
        if wrt_inputs:  # one array for all: several that are freed at once are given back, and cleared when asked for
            of_all = np.empty((1 + inputs.shape[1], count))
            values, input_gradient = of_all[0], of_all[1:]
            input_gradient[self.unread] = 0.0
        else:
            values, input_gradient = np.empty(count), NO_GRADIENT
        chunks = max(len(inputs) // CHUNK, 1)
        if chunks == 1 or (self.threads == 1 and (is_plain(inputs) or is_plain(inputs.T))):
            gradient, total = self._gradient(theta, inputs, 0, len(inputs), chunks, weights, values, input_gradient)
            return values, gradient, input_gradient.T if wrt_inputs else None, total

        def run(first: int, last: int) -> tuple[Floats, float]:
            return self._gradient(theta, inputs, first, last, 1, weights, values, input_gradient)

        gradient, total = np.zeros(len(theta)), 0.0
        for part, subtotal in self._over_chunks(run, len(inputs)):
            with np.errstate(over="ignore", invalid="ignore"):  # as in machine code
                gradient += part
            total += subtotal
        total += self.total(values) if np.isfinite(gradient).all() else math.nan
        return values, gradient, input_gradient.T if wrt_inputs else None, total

    def total(self, values: Floats) -> float:
        return float(self.interpreter.total(plain(values)))

    def _gradient(
        self, parameters: Floats, inputs: Floats, first: int, last: int, chunks: int, weights: Floats,
        values: Floats, input_gradient: Floats,
    ) -> tuple[Floats, float]:  # fmt: skip
        """The gradient of the observations from first to last; and the sum of the values, or nan, or 0 of a part."""
        gradient, numbers, total = np.empty(len(parameters)), readable(inputs, first, last), math.nan
        for how, parts in ((QUICK, self._parts_for(last - first)), (CAREFUL, self.parts)):
            arrays = parts.arrays(input_gradient is not NO_GRADIENT)
            room = self._room(parts.room(last - first))
            gradient[:] = 0.0
            total = self.interpreter.gradient(
                *arrays, parameters, *numbers, NO_ORDER, first, last, chunks, weights, parts.most, room, how, values,
                gradient, input_gradient,
            )  # fmt: skip
            self._rooms.append(room)
            if not math.isnan(total):
                break
        return gradient, total

    def _parts_for(self, observations: int) -> _Parts:
        """What runs a chunk: fused code, which has the same bits, where it was made or is worth to be made."""
        self.seen += observations
        if self.fused is None or observations < 2 or (observations < LARGE and self.seen < HOT):
            return self.parts
        return self.fused

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
        codes = self.parts.arrays(False), update.arrays(False, backward=False)
        errors = np.full(len(order), np.nan)
        most = min(self.parts.most, update.most)
        room = self._room(max(self.parts.room(int(np.diff(starts).max(initial=1))), update.room(len(parameters))))
        steps = self.interpreter.descend(
            *codes[0], *codes[1], parameters, state,
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

    def _over_chunks(self, run: Callable[[int, int], T], observations: int) -> Iterable[T]:
        """Run on each chunk; how they are cut depends on the number of observations alone."""
        chunks = max(observations // CHUNK, 1)
        bounds = [observations * chunk // chunks for chunk in range(chunks + 1)]
        several = self.threads > 1 and chunks > 1
        return (self._pool.map if several else map)(run, bounds[:-1], bounds[1:])

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
    """What machine code reads of a program: of single instructions, or of segments where it can be fused."""

    def __init__(self, program: Program, fused: bool = False) -> None:
        self.program = program
        self.fused = fused
        self.found: dict[tuple[bool, bool], Arrays] = {}
        self.size = self.rows = self.most = 0

    def arrays(self, wrt_inputs: bool, backward: bool = True) -> Arrays:
        """The code, the addresses that it refers to, and the constants; for a pass backward, or forward alone."""
        if (wrt_inputs, backward) not in self.found:
            code, kinds = lay_out(self.program, wrt_inputs, self.fused)
            table = np.zeros((FIRST_ROW + len(kinds), 3), np.int64)
            for opcode in operations_in(code):
                kind = kinds[opcode - FIRST_ROW] if opcode >= FIRST_ROW else None
                if kind is None:
                    table[opcode] = variadic_addresses(opcode)
                elif isinstance(kind, Segment):
                    table[opcode] = segment_addresses(kind, backward)
                else:
                    table[opcode] = addresses(*kind)
            rows = int(code[MAIN + ROWS])
            self.most = self.most or max(8, min(MOST_LANES, ROOM // rows // 8 * 8))
            self.size = max(self.size, 2 * (int(code[SCALARS]) + int(code[SHARED + ROWS])))
            self.rows = max(self.rows, 2 * rows)
            self.found[wrt_inputs, backward] = code, table, self.program.constants
        return self.found[wrt_inputs, backward]

    def room(self, observations: int) -> int:
        """How many numbers a run needs room for, by the arrays that were asked for so far."""
        lanes = min(observations, self.most)
        return self.size + self.rows * (lanes + 16 if lanes > 1 else 1)


def is_small(program: Program) -> bool:
    """Whether a program can be fused without taking long to compile."""
    return len(program) <= MOST_FUSED


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


def is_plain(array: Floats) -> bool:
    """Whether machine code was compiled for arrays of its kind."""
    return type(array) is np.ndarray and array.dtype is FLOAT64 and array.flags.carray


def plain(array: Floats) -> Floats:
    """The array as the machine code was compiled for: of any other kind a copy, since it would be compiled anew."""
    return array if is_plain(array) else np.array(array, np.float64, order="C")


def readable(inputs: Floats, first: int, last: int) -> tuple[Floats, bool, int]:
    """The inputs as machine code reads them: without a copy, or a copy of the observations from first to last.

    Returns:
        The numbers, whether they are given column by column, and by how many places the observations have moved.

    >>> readable(np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), 1, 2)
    (array([[1., 3.],
           [2., 4.]]), True, 0)
    """
    if is_plain(inputs):
        return inputs, False, 0
    if is_plain(inputs.T):
        return inputs.T, True, 0
    return plain(inputs[first:last]), False, -first


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


def segment_addresses(segment: Segment, backward: bool) -> Addresses:
    """Where the code of a segment is; that of a pass which is not wanted is not made."""
    forward = 0 if backward and segment.turns and segment.flows else module_of(segment.forward()).code.address
    return forward, module_of(segment.backward()).code.address if backward and segment.flows else 0, 0


@cache
def variadic_addresses(opcode: int) -> Addresses:
    """Where the code of one of the other operations is."""
    name, *functions = VARIADIC[opcode]
    module = module_of(text_of(name))
    forward, backward, careful = (getattr(module, function).address for function in functions)
    return forward, backward, careful
