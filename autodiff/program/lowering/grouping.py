"""Grouping: instructions of the same kind that do not wait for each other stand side by side, as a layer's dots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autodiff.program.lowering.passes import Slots, keep
from autodiff.program.program import Program
from autodiff.rules import dot


def group(program: Program) -> Program:
    """The program with its instructions level by level, and on each level those of one operation together.

    What uses a result, or an input, uses it in the same order as before, so that its gradient adds up in that order;
    only parameters may get their contributions in another one. Dots take what depends on no input on the left, and
    those that share what is on the right stand together.
    """
    program = _weights_left(program)
    lengths = np.diff(program.starts)
    kinds = program.opcodes * (lengths.max(initial=0) + 1) + lengths
    levels = np.array(_levels(program, kinds.tolist()), np.int64)
    levels[program.shared :] += levels[: program.shared].max(initial=-1) + 1  # the shared ones stay in front
    order = np.lexsort((kinds, levels))
    ends = np.flatnonzero(np.diff(levels[order]) | np.diff(kinds[order])) + 1
    alike = np.split(order, ends) if len(order) else []
    return keep(program, np.concatenate([order[:0], *(_together(program, places) for places in alike)]), program.shared)


def _levels(program: Program, kinds: list[int]) -> list[int]:
    """For each instruction, how many must come before it: its operands, and other kinds of earlier users of these."""
    first_input, first_result = program.first_input, program.first_result
    level = [0] * first_result
    last_use, last_kind = [0] * program.slots, [-1] * program.slots
    used_before: list[int] = []
    kind_before = own = -1
    for kind, start, end in zip(kinds, program.starts.tolist(), program.starts[1:].tolist()):
        operands = program.operands[start:end]
        used = operands[operands >= first_input].tolist()
        if kind != kind_before or used != used_before:  # else it is as the last one, as in a layer
            own = 0
            for slot in used:
                own = max(own, level[slot] + 1, last_use[slot] + (last_kind[slot] != kind))
            for slot in used:
                last_use[slot] = own
                last_kind[slot] = kind
            kind_before, used_before = kind, used
        level.append(own)
    return level[first_result:]


def _weights_left(program: Program) -> Program:
    """The program whose dots have in their left half what depends on no input, where only their right half does not."""
    if dot not in program.operations:
        return program
    varying = program.depends(range(program.first_input, program.first_result))
    operands = program.operands.copy()
    for place in np.flatnonzero(program.opcodes == program.operations.index(dot)):
        start, end = program.starts[place], program.starts[place + 1]
        left, right = np.split(program.operands[start:end], 2)
        if varying[left].any() and not varying[right].any():
            operands[start:end] = np.concatenate([right, left])
    return replace(program, operands=operands)


def _together(program: Program, places: Slots) -> Slots:
    """Dots of one level, those with the same right half together, where only these have the slots that they have."""
    if program.operations[program.opcodes[places[0]]] is not dot:
        return places
    half = int(program.starts[places[0] + 1] - program.starts[places[0]]) // 2
    operands = program.operands[program.starts[places][:, None] + np.arange(2 * half)]
    seen: dict[bytes, int] = {}
    rank = np.array([seen.setdefault(right.tobytes(), len(seen)) for right in operands[:, half:].copy()])
    ranks = np.broadcast_to(rank[:, None], operands.shape)
    last = np.empty(program.slots, np.int64)
    last[operands] = ranks
    if ((last[operands] != ranks) & (operands >= program.first_input)).any():
        return places
    grouped: Slots = places[np.argsort(rank, kind="stable")]
    return grouped
