"""A small program on many observations: one function of NumPy, statement after statement, on blocks of observations.

There are no buffers: a result is an array of its own, freed when nothing needs it, and a block is small enough for all
of them to stay in the cache. For few observations, or many instructions, kernels that run alike instructions at once
are quicker. It is a quick pass: where a gradient is not finite, kernels do it again, carefully.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.compiling.numpy.functions import Floats, names_for
from autodiff.program.lowering.straight import Placed, StraightLine, formulas
from autodiff.program.program import Program
from autodiff.program.writers import NUMPY

MOST, FEWEST, NUMBERS = 256, 2048, 2**17
"""The most instructions of a program that is run so, the fewest observations, and how many numbers a block holds."""


def suits(program: Program) -> bool:
    """Whether a program can be run so; what all observations share is computed once by kernels."""
    return len(program) <= MOST and not program.shared and all(formulas(op, len(slots)) for op, slots in program)


class Straight:
    """A program as a function, for gradients with respect to some slots."""

    def __init__(self, program: Program, wrt_inputs: bool) -> None:
        first, end = program.first_parameter, program.first_result
        active = program.active(range(first, end if wrt_inputs else program.first_input)).tolist().__getitem__
        reads = [*range(first, end)]
        constants = dict(enumerate(program.constants.tolist()))
        namespace, function_of = names_for()
        placed = [Placed(slot, op, operands) for slot, (op, operands) in enumerate(program, end)]
        line = StraightLine(placed, constants, active, reads, replace(NUMPY, function=function_of))
        self.program = program
        self.block = max(FEWEST, NUMBERS // (program.slots + 1))
        root = int(program.outputs[0])
        texts = [f"x{line.local[slot]}" if slot in line.local else repr(constants[slot]) for slot in [*program.outputs]]
        begun = [root] if active(root) else []
        wanted = [f"g{line.local[slot]}" if active(slot) else "None" for slot in reads]
        seed = [f"g{line.local[slot]} = weights" for slot in begun]
        none = [f"g{line.local[slot]} = None" for slot in reads if slot != root]
        heads = [f"x{line.local[slot]} = x[{at}]" for at, slot in enumerate(reads)]
        values = [*heads, *line.forward(), f"return {_listed(texts)}"]
        both = [*heads, *none, *line.forward(), *seed, *line.backward(begun)]
        both.append(f"return {texts[0]}, {_listed(wanted)}")
        self.values: Callable[..., Any] = _function("function(x)", values, namespace)
        self.gradient: Callable[..., Any] = _function("function(x, weights)", both, namespace)

    def blocks(self, parameters: Floats, inputs: Floats) -> Iterator[tuple[slice, list[Any]]]:
        """The observations of each block, and what the function takes: numbers, and rows."""
        for start in range(0, len(inputs), self.block):
            part = slice(start, min(start + self.block, len(inputs)))
            yield part, [*parameters.tolist(), *np.ascontiguousarray(inputs[part].T, np.float64)]


def _listed(texts: list[str]) -> str:
    return f"[{', '.join(texts)}]"


def _function(head: str, lines: list[str], namespace: dict[str, Any]) -> Callable[..., Any]:
    own = dict(namespace)
    exec("\n    ".join([f"def {head}:", *lines]), own)
    return own["function"]  # type: ignore[no-any-return]
