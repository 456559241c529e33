"""A small program on many observations: functions of NumPy, call after call, on blocks of observations.

A block is small enough for all that it works on to stay in the cache, and has no memory of its own, see
:mod:`autodiff.compiling.numpy.in_place`. For few observations, or many instructions, kernels that run alike
instructions at once are quicker. It is a quick pass: where a gradient is not finite, kernels do it again, carefully.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiling.inputs import Columns
from autodiff.compiling.numpy.functions import Floats, names_for
from autodiff.compiling.numpy.in_place import FUNCTIONS, in_place
from autodiff.program.lowering.straight import Placed, StraightLine, formulas
from autodiff.program.program import Program
from autodiff.program.writers import NUMPY

MOST, FEWEST = 256, 2048
"""The most instructions of a program that is run so, and the fewest observations."""
NUMBERS, LEAST = 2**17, 1024
"""How many numbers a block works on, and the fewest observations that it has."""


def suits(program: Program) -> bool:
    """Whether a program can be run so; what all observations share is computed once by kernels."""
    return len(program) <= MOST and not program.shared and all(formulas(op, len(slots)) for op, slots in program)


class _Code(NamedTuple):
    function: Callable[..., list[Any]]
    """Takes parameters and inputs, the weights, registers, and places for what it gives."""
    registers: int
    block: int
    """How many observations a block has."""


class Straight:
    """A program as functions, for gradients with respect to some slots."""

    def __init__(self, program: Program, wrt_inputs: bool) -> None:
        first, end = program.first_parameter, program.first_result
        active = program.active(range(first, end if wrt_inputs else program.first_input)).tolist().__getitem__
        reads = [*range(first, end)]
        constants = dict(enumerate(program.constants.tolist()))
        self._names, function_of = names_for()
        placed = [Placed(slot, op, operands) for slot, (op, operands) in enumerate(program, end)]
        line = StraightLine(placed, constants, active, reads, replace(NUMPY, function=function_of))
        self._wrt_inputs, self._parameters, self._inputs = wrt_inputs, len(program.parameters), len(program.inputs)
        self._reads = [f"x{line.local[slot]}" for slot in reads]
        self._adjoints = [f"g{line.local[slot]}" for slot in reads]
        outputs = program.outputs.tolist()
        self._outputs = [f"x{line.local[slot]}" if slot in line.local else repr(constants[slot]) for slot in outputs]
        self._forward = [*line.forward()]
        begun = outputs[:1] if active(outputs[0]) else []
        seed = [f"g{line.local[slot]} = weights" for slot in begun]
        none = [f"{each} = 0.0" for each in self._adjoints]
        given = self._adjoints[self._parameters :] if wrt_inputs else []
        numbers = [f"{each} = {each} + 0.0" for each in given]  # -0.0 is the symbolic zero
        self._both = [*none, *self._forward, *seed, *line.backward(begun), *numbers]
        self._rooms: list[Floats] = []

    def values(self, parameters: Floats, inputs: Floats | Columns) -> Floats:
        """(observations, outputs)"""
        results = np.empty((len(inputs), len(self._outputs)))
        for _ in self._run(self._values, parameters, inputs, 1.0, results.T):
            pass
        return results

    def gradient(
        self, parameters: Floats, inputs: Floats | Columns, weights: float | Floats
    ) -> tuple[Floats, Floats, Floats | None]:
        """Values, gradient of the parameters, and of the inputs; all observations have one weight, or each its own."""
        of_all, gradient = np.empty((1 + self._inputs * self._wrt_inputs, len(inputs))), np.zeros(len(parameters))
        code = self._gradient if isinstance(weights, float) else self._weighted
        for count, found in self._run(code, parameters, inputs, weights, of_all):
            for at, adjoint in enumerate(found[len(of_all) :]):
                gradient[at] += np.add.reduce(np.broadcast_to(adjoint, count))
        return of_all[0], gradient, of_all[1:].T if self._wrt_inputs else None

    @cached_property
    def _values(self) -> _Code:
        return self._made(self._forward, self._outputs, len(self._outputs), [])

    @cached_property
    def _gradient(self) -> _Code:
        return self._of_gradient([])

    @cached_property
    def _weighted(self) -> _Code:
        return self._of_gradient(["weights"])

    def _of_gradient(self, weights: list[str]) -> _Code:
        of_parameters, of_inputs = self._adjoints[: self._parameters], self._adjoints[self._parameters :]
        given = [self._outputs[0], *(of_inputs if self._wrt_inputs else [])]
        return self._made(self._both, [*given, *of_parameters], len(given), weights)

    def _made(self, lines: Sequence[str], wanted: Sequence[str], given: int, weights: Sequence[str]) -> _Code:
        """The function that gives what is wanted, the first of it in places of its own."""
        code = in_place(lines, {*self._reads[self._parameters :], *weights}, wanted, given, self._names)
        body = [
            f"[{', '.join(self._reads)}] = x",
            f"[{', '.join(f'r{at}' for at in range(code.registers))}] = r",
            f"[{', '.join(f'o{at}' for at in range(given))}] = o",
            *code.lines,
            f"return [{', '.join(code.results)}]",
        ]
        names = {**FUNCTIONS, **self._names}
        exec("\n    ".join(["def function(x, weights, r, o):", *body]), names)
        block = max(LEAST, NUMBERS // (code.registers + given + self._inputs))
        return _Code(names["function"], code.registers, block)

    def _run(
        self, code: _Code, parameters: Floats, inputs: Floats | Columns, weights: float | Floats, places: Floats
    ) -> Iterator[tuple[int, list[Any]]]:
        """How many observations each block has, and what its function gives, which stands in the places, too."""
        numbers, columns = parameters.tolist(), [*(inputs if isinstance(inputs, Columns) else inputs.T)]
        try:
            room = self._rooms.pop()
        except IndexError:  # others run at the same time
            room = np.empty(0)
        if room.size < code.registers * code.block:
            room = np.empty(code.registers * code.block)
        registers = [*room[: code.registers * code.block].reshape(code.registers, code.block)]
        for start in range(0, len(inputs), code.block):
            part = slice(start, min(start + code.block, len(inputs)))
            count = part.stop - start
            if count < code.block:
                registers = [each[:count] for each in registers]
            rows = [np.ascontiguousarray(column[part], np.float64) for column in columns]
            own = [place[part] for place in places]
            found = code.function(
                [*numbers, *rows], weights if isinstance(weights, float) else weights[part], registers, own
            )
            for place, result in zip(own, found):
                if result is not place:
                    place[...] = result
            yield count, found
        self._rooms.append(room)
