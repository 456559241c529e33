"""The moves that the passes are made of: take instructions in another order, point uses elsewhere, add constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autodiff.program.program import Program

Slots = NDArray[np.int64]


def keep(program: Program, places: Slots, shared: int | None = None) -> Program:
    """The program of the instructions at those places, operands first; constants that nothing uses are dropped.

    ``shared`` says how many of them depend on no input and stand first; None if the order is as it was.
    """
    lengths = np.diff(program.starts)[places]
    starts = np.zeros(len(places) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    operands = program.operands[np.repeat(program.starts[places] - starts[:-1], lengths) + np.arange(starts[-1])]
    used = np.zeros(program.first_parameter, bool)
    for slots in (operands, program.outputs, [slot for guard in program.guards for slot in (guard.left, guard.right)]):
        slots = np.asarray(slots, np.int64)
        used[slots[slots < len(used)]] = True
    kept = np.concatenate(
        [np.flatnonzero(used), np.arange(len(used), program.first_result), program.first_result + places]
    )
    codes, opcodes = np.unique(program.opcodes[places], return_inverse=True)
    moved = replace(
        program,
        constants=program.constants[used],
        operations=tuple(program.operations[code] for code in codes),
        opcodes=opcodes.astype(np.int32),
        starts=starts,
        operands=operands,
        shared=int((places < program.shared).sum()) if shared is None else shared,
    )
    return _renumbered(moved, kept, program.slots)


def redirect(program: Program, stand_in: Slots) -> Program:
    """The program in which every use of a slot is one of the slot that stands in for it: itself, or an earlier one."""
    names = dict(program.labels)
    for slot, label in program.labels.items():
        names.setdefault(int(stand_in[slot]), label)
    return replace(_pointed(program, stand_in), labels=names)


def add_constants(program: Program, numbers: Sequence[float]) -> Program:
    """The program with further constants: they come after the others, and all other slots move up."""
    first = program.first_parameter
    kept = np.concatenate([np.arange(first), np.full(len(numbers), -1), np.arange(first, program.slots)])
    constants = np.concatenate([program.constants, np.asarray(numbers, np.float64)])
    return _renumbered(replace(program, constants=constants), kept, program.slots)


def _renumbered(program: Program, kept: Slots, slots: int) -> Program:
    """With other numbers for its slots: the new slot i is the old slot ``kept[i]``, one of ``slots``."""
    new = np.full(slots, -1, np.int64)
    present = kept >= 0
    new[kept[present]] = np.flatnonzero(present)
    labels = {int(new[slot]): label for slot, label in program.labels.items() if new[slot] >= 0}
    return replace(_pointed(program, new), labels=labels)


def _pointed(program: Program, to: Slots) -> Program:
    return replace(
        program,
        operands=to[program.operands].astype(np.int32),
        outputs=to[program.outputs].astype(np.int32),
        guards=tuple(guard.with_slots(to) for guard in program.guards),
    )
