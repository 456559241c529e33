"""Runs: neighbouring instructions that do the same and do not wait for each other, which array backends run at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from autodiff.operations import Operation
from autodiff.program.lowering.passes import Slots
from autodiff.program.program import Program


def runs(program: Program) -> Iterator[tuple[Operation, int, Slots]]:
    """Neighbouring instructions of one operation and arity, none of which takes the result of another.

    Yields:
        The operation, the slot of the first result, and (instructions, arity) the slots of the operands.
    """
    starts, codes, first = program.starts.tolist(), program.opcodes.tolist(), program.first_result
    newest = [max(program.operands[a:b].tolist(), default=-1) for a, b in pairwise(starts)]
    begin = 0
    for place in range(1, len(codes) + 1):
        if (
            place == len(codes)
            or place == program.shared
            or codes[place] != codes[begin]
            or starts[place + 1] - starts[place] != starts[begin + 1] - starts[begin]
            or newest[place] >= first + begin
        ):
            operands = program.operands[starts[begin] : starts[place]].astype(np.int64)
            arity = starts[begin + 1] - starts[begin]
            yield program.operations[codes[begin]], first + begin, operands.reshape(place - begin, arity)
            begin = place
