"""Dead code: instructions whose results nothing depends on."""

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
    return keep(program, np.flatnonzero(program.needed()[program.first_result :]))


def only(program: Program, outputs: Sequence[int]) -> Program:
    """The program of other outputs, without guards: only what these need.

    Args:
        program: whose slots.
        outputs: (outputs,) slots.
    """
    return without_dead_code(replace(program, outputs=np.array(outputs, np.int32), guards=()))
