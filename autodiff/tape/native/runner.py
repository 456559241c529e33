"""``NativeRunner``: a program made ready for machine code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.operations import SELECT as SELECT_OPERATION
from autodiff.operations import Operation, dot, total
from autodiff.tape.native.cache import in_memory, module_of
from autodiff.tape.native.codegen import NotCompilable, source
from autodiff.tape.native.layout import (
    DOT,
    FIRST_ROW,
    LAYER,
    MAIN,
    ROWS,
    SCALARS,
    SELECT,
    SELECT_SCALAR,
    SHARED,
    TOTAL,
    lay_out,
    operations_in,
)
from autodiff.tape.native.rules import rule_program
from autodiff.tape.program import Program

Floats = NDArray[np.float64]
Rule = Callable[..., Sequence[Any]]

CHUNK, MOST_CHUNKS = 2048, 16
"""The observations are run in so many chunks of at least that size, whose gradients are added up in their order."""
MOST_LANES, ROOM = 128, 2**22
"""So many observations are run side by side, or fewer if the rows are so many that these would be so many numbers."""
BY_HAND = {
    LAYER: ("layer", "forward", "backward", "careful"),
    DOT: ("sums", "dot_forward", "dot_backward", "dot_careful"),
    TOTAL: ("sums", "total_forward", "total_backward", "total_backward"),
    SELECT: ("selection", "row_forward", "row_backward", "row_backward"),
    SELECT_SCALAR: ("selection", "scalar_forward", "scalar_backward", "scalar_backward"),
}
"""The modules and functions of the operations of any number of operands."""
WRITTEN_BY_HAND = (dot, total, SELECT_OPERATION)
Addresses = tuple[int, int, int]
"""Where the code of an operation is: forward, backward, and backward where nothing flows through a zero."""
NO_ORDER, NO_GRADIENT = np.empty(0, np.int64), np.empty((0, 0))


class NativeRunner:
    """A program made ready for machine code; see :class:`autodiff.tape.backends.Runner`.

    Args:
        program: what to run.
        threads: how many threads the observations are spread over; the bits do not depend on it.

    Raises:
        NotCompilable: an operation cannot be written as machine code.
    """

    def __init__(self, program: Program, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.program = program
        self.threads = threads
        self.interpreter = module_of(text_of("interpreter"))
        self.parts = _Parts(program)
        self._rules: dict[tuple[Rule, int], _Parts] = {}
        self._rooms: list[Floats] = []

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        code, table, constants = self.parts.arrays(False)
        results = np.empty((len(inputs), len(self.program.outputs)))

        def run(first: int, last: int) -> None:
            with self._room(self.parts, last - first) as room:
                chunk = np.ascontiguousarray(inputs[first:last], np.float64)
                self.interpreter.values(
                    code, table, constants, parameters, chunk, self.parts.most, room, results[first:last]
                )  # fmt: skip

        self._over_chunks(run, len(inputs))
        return results

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None]:
        code, table, constants = self.parts.arrays(wrt_inputs)
        weights = np.array(weight, np.float64, ndmin=1)
        results = np.empty(len(inputs))
        input_gradient = np.zeros(inputs.shape) if wrt_inputs else NO_GRADIENT

        def run(first: int, last: int) -> Floats:
            gradient = np.empty(len(parameters))
            with self._room(self.parts, last - first) as room:
                self.interpreter.gradient(
                    code, table, constants, parameters, np.ascontiguousarray(inputs[first:last], np.float64), NO_ORDER,
                    weights[first:last] if len(weights) > 1 else weights, self.parts.most, room, results[first:last],
                    gradient, input_gradient[first:last],
                )  # fmt: skip
            return gradient

        gradient, *others = self._over_chunks(run, len(inputs))
        for each in others:
            gradient += each
        return results, gradient, input_gradient if wrt_inputs else None

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
        key = (rule, len(state))
        if key not in self._rules:
            self._rules[key] = _Parts(rule_program(*key))
        update = self._rules[key]
        errors = np.full(len(order), np.nan)
        most = min(self.parts.most, update.most)
        with self._room(self.parts, int(np.diff(starts).max(initial=1)), update, len(parameters)) as room:
            steps = self.interpreter.descend(
                *self.parts.arrays(False), *update.arrays(False), parameters, state,
                np.ascontiguousarray(inputs, np.float64), np.ascontiguousarray(order, np.int64),
                np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(rates, np.float64), first_step, most, room,
                errors, np.empty(len(parameters)),
            )  # fmt: skip
        return errors, int(steps)

    def _over_chunks(self, run: Callable[[int, int], Any], observations: int) -> list[Any]:
        """Run on each chunk; how they are cut depends on the number of observations alone."""
        chunks = min(max(observations // CHUNK, 1), MOST_CHUNKS)
        if chunks == 1:
            return [run(0, observations)]
        bounds = [observations * chunk // chunks for chunk in range(chunks + 1)]
        if self.threads == 1:
            return [run(first, last) for first, last in pairwise(bounds)]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(run, bounds[:-1], bounds[1:]))

    @contextmanager
    def _room(self, *parts_and_observations: Any) -> Iterator[Floats]:
        """Room to work in, of this thread alone while it is used."""
        size = max(map(_Parts.room, parts_and_observations[::2], parts_and_observations[1::2]))
        room = self._rooms.pop() if self._rooms else NO_GRADIENT[0:0].ravel()
        if len(room) < size:
            room = np.empty(size + 8)
            room = room[-room.ctypes.data // 8 % 8 :]  # where a cache line begins
        try:
            yield room
        finally:
            self._rooms.append(room)


class _Parts:
    """What machine code reads of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        rows = [op for op in program.operations if op not in WRITTEN_BY_HAND]
        self.opcodes = {op: opcode for opcode, op in enumerate(rows, FIRST_ROW)}
        self.table = np.zeros((FIRST_ROW + len(rows), 3), np.int64)
        self.table[FIRST_ROW:] = np.reshape([addresses(op) for op in rows], (-1, 3))
        self.codes: dict[bool, NDArray[np.uint32]] = {}
        self.size = self.rows = self.most = 0
        self.arrays(False)

    def arrays(self, wrt_inputs: bool) -> tuple[NDArray[np.uint32], NDArray[np.int64], Floats]:
        """The code, the addresses that it refers to, and the constants."""
        if wrt_inputs not in self.codes:
            code = lay_out(self.program, self.opcodes, wrt_inputs)
            for opcode in operations_in(code) - set(self.opcodes.values()):
                self.table[opcode] = addresses_by_hand(opcode)
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


def text_of(name: str) -> str:
    """The text of a module of this folder."""
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")


@cache
def addresses(op: Operation) -> Addresses:
    """Where the code of an operation of the table is.

    Raises:
        NotCompilable: it cannot be written as machine code.
    """
    text, helpers = source(op)
    if not helpers:
        module = module_of(text)
    else:
        try:
            module = in_memory(f"autodiff_native_{op.name}_{id(op)}", text, helpers)
        except Exception as error:  # numba raises whatever its compiler trips over
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise NotCompilable(f"numba cannot compile the operation {op.name!r}: {reason}") from error
    return module.forward, module.backward, module.backward


@cache
def addresses_by_hand(opcode: int) -> Addresses:
    """Where the code of one of the other operations is."""
    name, *functions = BY_HAND[opcode]
    module = module_of(text_of(name))
    return tuple(getattr(module, function) for function in functions)  # type: ignore[return-value]
