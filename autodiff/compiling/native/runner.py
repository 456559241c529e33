"""``NativeRunner``: a program made ready for machine code."""

from __future__ import annotations

import ctypes
import math
import os
import struct
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache, partial
from itertools import starmap
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.compiling.captures import Captures
from autodiff.compiling.inputs import Columns
from autodiff.compiling.native import engine, interpreter, layer, machine, variadic
from autodiff.compiling.native.callbacks import Callback
from autodiff.compiling.native.codegen import check_compilable, source
from autodiff.compiling.native.fused import Segment
from autodiff.compiling.native.language import Text, text_of
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
    WHOLE,
    WITH_CODE,
    Kind,
    lay_out,
    operations_in,
)
from autodiff.compiling.native.machine import WIDTH
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
WORK, WAVE = 2**21, 16
"""How many operands a batch has, of all its observations, when threads share it: it takes half a millisecond, they a
twentieth to begin. How many chunks each thread runs before the gradients are added up, which take room till then."""
MOST_LANES, ROOM = 128, 2**22
"""The most observations of a block, which are run side by side, and the most numbers that it holds: of a program with
very many rows, a block has fewer observations."""
MOST_RULES = 16
"""How many versions of optimizers' rules are kept as programs."""
SHORT, MOST_FUSED, HOT = 256, 4096, 2**19
"""How many instructions a program has that is fused at once, or when it was run for that many observations. Measured:
fused code takes half a millisecond per instruction to make, so that of a short program is made sooner than the code of
its operations; and it saves a nanosecond per instruction and observation. Single observations gain nothing by it."""
VARIADIC = {
    LAYER: (layer, "forward", "backward", "careful"),
    DOT: (variadic, "dot_forward", "dot_backward", "dot_careful"),
    TOTAL: (variadic, "total_forward", "total_backward", "total_backward"),
    NORM: (variadic, "norm_forward", "norm_backward", "norm_backward"),
    SELECT: (variadic, "row_forward", "row_backward", "row_backward"),
    SELECT_SCALAR: (variadic, "scalar_forward", "scalar_backward", "scalar_backward"),
}
"""The modules and functions of the operations of any number of operands."""
VALUES, QUICK, CAREFUL = range(3)
"""The passes: the values alone; and backward, too. Where a gradient is not finite, a symbolic zero may have met an
infinity, and it is done again, carefully."""
FLOAT64 = np.dtype(np.float64)
Where = tuple[int, int, int]
"""Three of the numbers that a call of machine code is given."""


class Code(NamedTuple):
    """What machine code reads of a program, for one pass: the words, the table of addresses, and the constants."""

    arrays: tuple[NDArray[np.uint32], NDArray[np.int64], Floats]
    where: Where
    most: int
    """The most observations of a block."""
    once: int
    """How many numbers a run needs room for, and how many for each observation of a block."""
    each: int

    def room(self, observations: int) -> int:
        """How many numbers a run needs room for: a block's rows may be 15 longer than it has observations."""
        lanes = min(observations, self.most)
        return self.once + self.each * (lanes + 16 if lanes > 1 else 1)


class NativeRunner:
    """A program made ready for machine code; see :class:`autodiff.compiling.backends.Runner`, and ``prepare`` there."""

    reads_columns = True
    """Whether inputs may be :class:`~autodiff.compiling.inputs.Columns`, too."""

    def __init__(self, program: Program, threads: int = 1) -> None:
        kinds = {*zip(program.opcodes.tolist(), np.diff(program.starts).tolist())}
        for operation, arity in ((program.operations[code], arity) for code, arity in kinds):
            if operation not in WITH_CODE:
                check_compilable(operation, arity)
        self.program = program
        self.threads = threads
        self.parts = _Parts(program)
        self.fused = _Parts(program, fused=True) if is_small(program) else None
        self.seen = 0
        """How many observations were run."""
        read = np.concatenate([program.operands, program.outputs]).astype(np.int64) - program.first_input
        self.unread = np.setdiff1d(np.arange(len(program.inputs)), read)
        """The inputs that nothing depends on: no gradient is written for them."""
        self._read: dict[Rule, Captures] = {}
        self._rules: dict[Hashable, _Parts] = {}
        self._rooms: list[_Room] = []
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def values(self, parameters: Floats, inputs: Floats | Columns) -> Floats:
        results = np.empty((len(inputs), len(self.program.outputs)))
        theta = plain(parameters)

        def run(first: int, last: int) -> None:
            parts, (_array, where) = self._parts_for(last - first), readable(inputs, first, last)
            code = parts.code(False, VALUES)
            room = self._room(code.room(last - first))
            _entry("values")(_pack(
                *code.where, place_of(theta), *where, first, last, code.most, room.place, place_of(results)
            ))  # fmt: skip
            self._rooms.append(room)

        if is_readable(inputs) and not self._is_spread(len(inputs)):
            run(0, len(inputs))
            return results
        cuts = _cuts(len(inputs))
        for _ in self._each(lambda first, last: run(cuts[first], cuts[last]), len(inputs), 1):
            pass
        return results

    def gradient(
        self, parameters: Floats, inputs: Floats | Columns, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None, float]:
        theta, count = plain(parameters), len(inputs)
        own = type(weight) is not float
        weights, at_weights = _weights(weight) if own else _one_weight(weight)  # type: ignore[arg-type]
        if own and weights.shape not in ((1,), (count,)):
            raise ValueError(f"there must be one weight, or one for each of {count} observations, not {weights.shape}")
        # one array for all: several that are freed at once are given back, and cleared when asked for
        of_all = np.empty((1 + inputs.shape[1] if wrt_inputs else 1, count))
        if wrt_inputs and len(self.unread):
            of_all[1 + self.unread] = 0.0
        given = (
            wrt_inputs, place_of(theta), inputs, at_weights, own and len(weights) > 1, place_of(of_all), count,
        )  # fmt: skip
        chunks, total = max(count // CHUNK, 1), math.nan
        sizes = [1] if chunks > 1 else []  # how many chunks one call runs; if many and one needs care, each by itself
        if chunks == 1 or (is_readable(inputs) and not self._is_spread(count)):
            gradients, total = self._gradient(given, 0, chunks)
            gradient = gradients[0]
        elif is_readable(inputs) and chunks >= 8 * self.threads:
            sizes.insert(0, min(WAVE, chunks // (4 * self.threads)))
        while sizes and math.isnan(total):
            at_once = sizes.pop(0)
            gradient, total = np.zeros(len(theta)), 0.0
            with np.errstate(over="ignore", invalid="ignore"):  # as in machine code
                for parts, subtotal in self._each(partial(self._gradient, given, apart=True), count, at_once):
                    for part in parts:
                        gradient += part
                    total += subtotal
            if not math.isnan(total):
                total = self.total(of_all[0]) if np.isfinite(gradient).all() else math.nan
        return of_all[0], gradient, of_all[1:].T if wrt_inputs else None, total

    def _gradient(
        self, given: tuple[bool, int, Floats | Columns, int, bool, int, int], first: int, last: int, apart: bool = False
    ) -> tuple[Floats, float]:
        """The gradients of the chunks from first to last, or the sum of them, (gradients, parameters).

        And the sum of their values, or nan if a gradient is not finite. A chunk by itself is then run carefully: which
        are, is to depend on nothing but the chunks, since sums over observations differ in their last places.
        """
        wrt_inputs, theta, inputs, weights, own, values, count = given
        chunks, size = max(count // CHUNK, 1), len(self.program.parameters)
        start, end = count * first // chunks, count * last // chunks
        gradients, (_array, where) = np.empty((last - first if apart else 1, size)), readable(inputs, start, end)
        place, total = place_of(gradients), math.nan
        passes = (QUICK, self._parts_for(end - start)), (CAREFUL, self.parts)
        for how, parts in passes if last - first == 1 else passes[:1]:
            code = parts.code(wrt_inputs, how)
            room = self._room(code.room(end - start))
            total = _entry("gradient")(_PACK_GRADIENT(
                *code.where, theta, *where, count, chunks, first, last, weights, own, code.most, room.place, how,
                values, place, size if apart else 0, room.rest, values + 8 * count, count if wrt_inputs else 0,
            ))  # fmt: skip
            self._rooms.append(room)
            if not math.isnan(total):
                break
        return gradients, total

    def total(self, values: Floats) -> float:
        numbers = plain(values)
        return _entry("total")(_pack(place_of(numbers), len(numbers)))

    def _parts_for(self, observations: int) -> _Parts:
        """What runs a chunk: fused code, which has the same bits, where it was made or is worth to be made."""
        self.seen += observations
        if self.fused is None or observations < 2 or (len(self.program) > SHORT and self.seen < HOT):
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
        errors, gradient, numbers = np.full(len(order), np.nan), np.empty(len(parameters) + 3), plain(inputs)
        steps, sizes = 0, np.diff(starts).max(initial=1)
        lists = [np.ascontiguousarray(order, np.int64), np.ascontiguousarray(starts, np.int64), plain(rates)]
        for how, parts in ((QUICK, self._parts_for(int(sizes))), (CAREFUL, self.parts)):
            codes = parts.code(False, how), update.code(False, VALUES)
            most = min(each.most for each in codes)
            room = self._room(max(codes[0].room(int(sizes)), codes[1].room(len(parameters))))
            steps += int(_entry("descend")(_pack(
                *codes[0].where, *codes[1].where, place_of(parameters), len(state), place_of(state),
                *readable(numbers, 0, 0)[1][:3], place_of(lists[0]), place_of(lists[1]) + 8 * steps,
                place_of(lists[2]) + 8 * steps, len(rates) - steps, first_step + steps, most, room.place,
                place_of(errors), place_of(gradient), place_of(gradient) + 8 * len(parameters), how,
                8 if parts.fused else 1,
            )))  # fmt: skip
            self._rooms.append(room)
            if steps == len(rates):
                break
        return errors, steps

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

    def _is_spread(self, observations: int) -> bool:
        """Whether several threads run a batch."""
        return self.threads > 1 and observations >= 2 * CHUNK and observations * len(self.program.operands) >= WORK

    def _each(self, run: Callable[[int, int], T], observations: int, at_once: int) -> Iterator[T]:
        """Run on the chunks, some at once, from one to before another; what that gives, in their order."""
        chunks = max(observations // CHUNK, 1)
        parts = [(first, min(first + at_once, chunks)) for first in range(0, chunks, at_once)]
        if not self._is_spread(observations):
            yield from starmap(run, parts)
            return
        wave = max(1, WAVE // at_once) * self.threads
        for first in range(0, len(parts), wave):
            yield from self._side_by_side(run, parts[first : first + wave])

    def _side_by_side(self, run: Callable[[int, int], T], parts: Sequence[tuple[int, int]]) -> list[T]:
        """What each part gives; this thread works as well, and each takes the next part when it is done with one."""
        found: dict[int, T] = {}
        places = iter(range(len(parts)))

        def work() -> None:
            for place in places:
                found[place] = run(*parts[place])

        others = [self._pool.submit(work) for _ in range(min(self.threads, len(parts)) - 1)]
        try:
            work()
        finally:
            for other in others:
                other.result()
        return [found[place] for place in range(len(parts))]

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """The threads of this process: one that was forked has none of its parent's."""
        process = os.getpid()
        if process not in self._pools:
            self._pools[process] = ThreadPoolExecutor(self.threads - 1, "autodiff")
        return self._pools[process]

    def _room(self, size: int) -> _Room:
        """Room for so many numbers, of this call alone until it is given back."""
        try:
            room = self._rooms.pop()
        except IndexError:
            room = _Room(size, len(self.program.parameters))
        return room if room.size >= size else _Room(size, len(self.program.parameters))


class _Room:
    """Numbers to work with, from where a cache line begins, and the rest for a gradient."""

    def __init__(self, size: int, rest: int) -> None:
        self.size = size
        self.numbers = np.empty(size + rest + 8)
        self.place = -(-self.numbers.ctypes.data // 64) * 64
        self.rest = self.place + 8 * size


class _Parts:
    """What machine code reads of a program: of single instructions, or of segments where it can be fused."""

    def __init__(self, program: Program, fused: bool = False) -> None:
        self.program = program
        self.fused = fused
        self.found: dict[tuple[bool, int], Code] = {}

    def code(self, wrt_inputs: bool, how: int) -> Code:
        """What is read for a pass; of the passes of each operation, only those that it needs are compiled."""
        if (wrt_inputs, how) not in self.found:
            words, kinds = lay_out(self.program, wrt_inputs, self.fused)
            table = np.zeros((FIRST_ROW + len(kinds), 3), np.int64)
            for opcode in operations_in(words):
                kind = kinds[opcode - FIRST_ROW] if opcode >= FIRST_ROW else opcode
                for part in range(how + 1):
                    table[opcode, part] = _place_of_code(kind, part, how)
            arrays = words, table, plain(self.program.constants)
            rows = 2 * int(words[MAIN + ROWS])
            self.found[wrt_inputs, how] = Code(
                arrays,
                (place_of(words), place_of(table), place_of(arrays[2])),
                most=max(8, min(MOST_LANES, 2 * ROOM // rows // 8 * 8)),
                once=max(2 * (int(words[SCALARS]) + int(words[SHARED + ROWS])), 2 * WIDTH + rows),
                each=rows + int(words[WHOLE]),
            )
        return self.found[wrt_inputs, how]


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


def _cuts(observations: int) -> list[int]:
    """Where chunks begin, and where the last one ends; this depends on the number of observations alone."""
    chunks = max(observations // CHUNK, 1)
    return [observations * chunk // chunks for chunk in range(chunks + 1)]


def is_plain(array: Floats) -> bool:
    """Whether its numbers stand side by side, and may be changed."""
    return type(array) is np.ndarray and array.dtype is FLOAT64 and array.flags.carray


def plain(array: Floats) -> Floats:
    """The array as machine code takes it; of any other kind a copy."""
    return array if is_plain(array) else np.array(array, np.float64, order="C")


def is_readable(inputs: Floats | Columns) -> bool:
    """Whether machine code can read them where they are: columns, or an array of any layout."""
    if type(inputs) is Columns:
        return True
    return type(inputs) is np.ndarray and inputs.dtype is FLOAT64 and not inputs.strides[0] % 8 | inputs.strides[1] % 8


def readable(inputs: Floats | Columns, first: int, last: int) -> tuple[Any, tuple[int, int, int, int]]:
    """The inputs where they are, or a copy of the observations from first to last.

    Returns:
        What is to live as long as they are read; the address of the first observation, how far observations and inputs
        are apart, and the address of a table of columns, or 0: where each begins, and how far its observations are
        apart. Observations are 1 apart if they are in all columns, else 0.
    """
    if isinstance(inputs, Columns):
        table: list[int] = []
        for array in inputs.arrays:
            place, down = place_of(array), array.strides[0] // 8
            for at in range(1 if array.ndim == 1 else array.shape[1]):
                table += [place + at * array.strides[-1], down]
        places = np.array(table)
        return places, (0, int(not any(each != 1 for each in table[1::2])), 0, place_of(places))
    array, moved = (inputs, 0) if is_readable(inputs) else (np.array(inputs[first:last], np.float64), first)
    down, across = array.strides
    place = place_of(array.T if down == 8 else array)
    return array, (place - moved * down, down // 8, across // 8, 0)


def place_of(array: Any) -> int:
    """The address of an array's first number; the caller keeps the array alive."""
    try:
        return _address(_byte(array)) if array.size else 0
    except (TypeError, ValueError):  # it may not be changed, or has gaps: this takes longer
        return int(array.ctypes.data)


_address, _byte = ctypes.addressof, ctypes.c_char.from_buffer


def _pack(*numbers: int) -> bytes:
    """A call's numbers and addresses, as machine code reads them."""
    return struct.pack(f"{len(numbers)}q", *numbers)


_PACK_GRADIENT = struct.Struct("23q").pack
"""The same for the call that is most frequent."""


@cache
def _entry(name: str) -> Callable[[bytes], float]:
    return engine.entry(interpreter.__name__, name)


@lru_cache(maxsize=16)
def _one_weight(weight: float) -> tuple[Floats, int]:
    """The weight of all observations of a call, and where it stands."""
    return _weights(weight)


def _weights(weights: ArrayLike) -> tuple[Floats, int]:
    """The weights as an array, and where they stand."""
    array = np.array(weights, np.float64, ndmin=1)
    return array, place_of(array)


def _place_of_code(kind: Kind | int, part: int, how: int) -> int:
    """Where the code of an operation is, for one of the passes; of a segment none, where its other pass does it all."""
    if isinstance(kind, int):
        module, *functions = VARIADIC[kind]
        return engine.address(text_of(module.__name__), functions[part])
    if isinstance(kind, Segment):
        if part == VALUES:
            return (
                0 if how and kind.turns and kind.flows else engine.address(Text(kind.forward(), vars(machine)), "code")
            )
        return engine.address(Text(kind.backward(), vars(machine)), "code") if kind.flows else 0
    return _place_of_row(*kind, "backward" if part else "forward")


@cache
def _place_of_row(op: Operation, arity: int, name: str) -> int:
    """Where the code of an operation of the table is, for that many operands."""
    text, callbacks = _text_of_row(op, arity)
    return engine.address(text, name, kept=not callbacks)


@cache
def _text_of_row(op: Operation, arity: int) -> tuple[Text, dict[str, Callback]]:
    """Its text, and the callbacks in it, which live as long as the process.

    Raises:
        NotCompilableError: the operands are too many.
    """
    text, helpers = source(op, arity)
    callbacks = {name: Callback(*helper) for name, helper in helpers.items()}
    return Text(text, {**vars(machine), **{name: each.address for name, each in callbacks.items()}}), callbacks
