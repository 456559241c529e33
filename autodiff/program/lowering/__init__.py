"""Lowering: what makes a recorded program smaller and faster, and leaves its numbers as they are.

A pass is a function from a program to a program. Values keep their bits, and so do gradients within one observation,
except for what a pass says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autodiff.program.lowering.fusion import fuse_sums
from autodiff.program.lowering.grouping import group
from autodiff.program.lowering.passes import fold_constants, hoist, merge_repeated, only, without_dead_code
from autodiff.program.program import Program

__all__ = [
    "PASSES", "fold_constants", "fuse_sums", "group", "hoist", "lower", "merge_repeated", "only", "without_dead_code",
]  # fmt: skip

Pass = Callable[[Program], Program]

PASSES: tuple[Pass, ...] = (without_dead_code, fold_constants, merge_repeated, fuse_sums, hoist, group)
"""Every pass, in the order in which they are of use to each other."""


def lower(program: Program, passes: Sequence[Pass] = PASSES) -> Program:
    """The program after those passes.

    >>> from autodiff import lookup
    >>> from autodiff.program.program import Instruction, assemble
    >>> multiply, add, exp = lookup("multiply"), lookup("add"), lookup("exp")
    >>> recorded = [Instruction(multiply, (1, 3)), Instruction(multiply, (2, 4)), Instruction(add, (5, 6))]
    >>> recorded += [Instruction(exp, (0,)), Instruction(add, (7, 8))]
    >>> print(lower(assemble([0.0], ["w", "v"], ["x", "y"], recorded, [9])))
    parameters  w, v
    inputs      x, y
      v5 = dot([w, v], [x, y])
      v6 = v5 + 1.0
    outputs     v6
    """
    for each in passes:
        program = each(program)
    return program
