"""Dead code: instructions whose results nobody asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autodiff.program.lowering.rewriting import keep
from autodiff.program.program import Program


def without_dead_code(program: Program) -> Program:
    """The program without instructions and constants on which no output and no guard depends.

    Parameters and inputs stay, whether they are used or not.
    """
    live = np.zeros(program.slots, bool)
    live[program.outputs] = True
    live[[slot for guard in program.guards for slot in (guard.left, guard.right)]] = True
    operands, starts, first = program.operands, program.starts.tolist(), program.first_result
    for place in reversed(range(len(program))):
        if live[first + place]:
            live[operands[starts[place] : starts[place + 1]]] = True
    return keep(program, np.flatnonzero(live[first:]))


def only(program: Program, outputs: Sequence[int]) -> Program:
    """The program of other outputs, without guards: only what these need.

    Args:
        program: whose slots.
        outputs: (outputs,) slots.
    """
    return without_dead_code(replace(program, outputs=np.array(outputs, np.int32), guards=()))
