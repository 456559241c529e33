"""Constant folding: what is computed from constants alone is computed now."""

from __future__ import annotations

import numpy as np

from autodiff.program.lowering.dead_code import without_dead_code
from autodiff.program.lowering.rewriting import add_constants, redirect
from autodiff.program.program import Program


def fold_constants(program: Program) -> Program:
    """The program in which a result that depends on constants alone is a constant, as its row's primal gives it."""
    varying = program.depends(range(program.first_parameter, program.first_result))
    known = dict(enumerate(program.constants.tolist()))
    if varying[program.first_result :].all():
        return program
    for slot, (op, operands) in enumerate(program, program.first_result):
        if not varying[slot]:
            known[slot] = op.evaluate([known[operand] for operand in operands])
    folded = list(known)[program.first_parameter :]
    first, moved = program.first_parameter, len(folded)
    program = add_constants(program, [known[slot] for slot in folded])
    stand_in = np.arange(program.slots)
    stand_in[np.array(folded) + moved] = first + np.arange(moved)
    return without_dead_code(redirect(program, stand_in))
