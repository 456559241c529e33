"""Hoisting: what depends on parameters alone is computed once, not for every observation."""

from __future__ import annotations

import numpy as np

from autodiff.program.lowering.rewriting import keep
from autodiff.program.program import Program


def hoist(program: Program) -> Program:
    """The program whose ``shared`` instructions, which depend on no input, stand first.

    A parameter that is used there and elsewhere gets its contributions in another order; as a sum over observations,
    its gradient keeps no order anyway.
    """
    varying = program.depends(range(program.first_input, program.first_result))[program.first_result :]
    return keep(program, np.argsort(varying, kind="stable"), shared=int((~varying).sum()))
