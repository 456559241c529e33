"""The short passes: dead code, folding of constants, common subexpressions, hoisting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autodiff.program.lowering.rewriting import add_constants, keep, redirect
from autodiff.program.program import Program


def without_dead_code(program: Program) -> Program:
    """The program without instructions and constants on which no output and no guard depends.

    Parameters and inputs stay, whether they are used or not.
    """
    return keep(program, np.flatnonzero(program.needed()[program.first_result :]))


def only(program: Program, outputs: Sequence[int]) -> Program:
    """The program of other outputs, slots of it, without guards: only what these need."""
    return without_dead_code(replace(program, outputs=np.array(outputs, np.int32), guards=()))


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


def merge_repeated(program: Program, exact: bool = True) -> Program:
    """The program in which a result that is computed again, from the same operands, is the first one.

    To be exact, what a gradient flows through is left alone. If it were merged, its gradients would be added before
    they are multiplied with the local derivative, (g₁ + g₂)·d in place of g₁·d + g₂·d, which rounds differently.
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


def hoist(program: Program) -> Program:
    """The program whose ``shared`` instructions, which depend on no input, stand first.

    A parameter that is used there and elsewhere gets its contributions in another order; as a sum over observations,
    its gradient keeps no order anyway.
    """
    varying = program.depends(range(program.first_input, program.first_result))[program.first_result :]
    return keep(program, np.argsort(varying, kind="stable"), shared=int((~varying).sum()))
