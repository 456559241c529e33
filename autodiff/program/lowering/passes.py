"""The short passes, dead code, folding of constants, common subexpressions and hoisting; and the moves that all make.

Instructions are taken in another order, uses are pointed elsewhere, constants are added.
"""

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
