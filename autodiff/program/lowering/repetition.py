"""Common subexpressions: what is computed twice is computed once."""

from __future__ import annotations

import numpy as np

from autodiff.program.lowering.dead_code import without_dead_code
from autodiff.program.lowering.rewriting import redirect
from autodiff.program.program import Program


def merge_repeated(program: Program, exact: bool = True) -> Program:
    """The program in which a result that is computed again, from the same operands, is the first one.

    Args:
        program: what to lower.
        exact: leave alone what a gradient flows through. If it were merged, its gradients would be added before they
            are multiplied with the local derivative, (g₁ + g₂)·d in place of g₁·d + g₂·d, which rounds differently.
            Values keep their bits either way.
    """
    flowing = program.active(range(program.first_parameter, program.first_result))
    stand_in = np.arange(program.slots)
    _, first, again = np.unique(program.constants.view(np.int64), return_index=True, return_inverse=True)
    stand_in[: len(again)] = first[again]
    seen: dict[tuple[int, bytes], int] = {}
    operands, starts = program.operands, program.starts.tolist()
    for slot, (code, start, end) in enumerate(zip(program.opcodes.tolist(), starts, starts[1:]), program.first_result):
        if not (exact and flowing[slot]):
            stand_in[slot] = seen.setdefault((code, stand_in[operands[start:end]].tobytes()), slot)
    return without_dead_code(redirect(program, stand_in))
