"""Where the NumPy backend keeps the numbers of slots, how it fetches many of them, and adds to many adjoints.

Numbers that are the same for all observations are kept once, the others in a row for each slot and a column for each
observation of a block.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autodiff.compiling.numpy.functions import Floats
from autodiff.program.program import Program

Slots: TypeAlias = NDArray[np.int64]
Index: TypeAlias = "slice | Slots"


class Layout:
    """Which slots are common to all observations, and the row of each among the common or among the varying ones."""

    def __init__(self, program: Program) -> None:
        slots = np.arange(program.slots)
        end = program.first_result + program.shared
        self.common = (slots < program.first_input) | ((slots >= program.first_result) & (slots < end))
        self.row = np.where(self.common, np.cumsum(self.common), np.cumsum(~self.common)) - 1
        self.commons = int(self.common.sum())
        self.rows = program.slots - self.commons


class Buffers:
    """The numbers in all slots and their adjoints, while a block of observations is run."""

    def __init__(self, layout: Layout, common: Floats, common_adjoint: Floats, observations: int) -> None:
        self.common = common
        """(commons, 1)"""
        self.common_adjoint = common_adjoint
        """(commons, 1): summed over observations."""
        self.varying = np.empty((layout.rows, observations))
        """(rows, observations)"""
        self.adjoint = np.empty((layout.rows, observations))
        """(rows, observations)"""


class Results:
    """The rows of the results of neighbouring instructions."""

    def __init__(self, layout: Layout, first: int, count: int) -> None:
        self.common = bool(layout.common[first])
        self.rows = slice(int(layout.row[first]), int(layout.row[first]) + count)

    def of(self, buffers: Buffers) -> Floats:
        """(count, observations or 1) the results."""
        return (buffers.common if self.common else buffers.varying)[self.rows]

    def adjoint(self, buffers: Buffers) -> Floats:
        """(count, observations or 1) their adjoints."""
        return (buffers.common_adjoint if self.common else buffers.adjoint)[self.rows]


class Gather:
    """Fetches the numbers of some slots: (slots, observations), or (slots, 1) where all are common."""

    def __init__(self, layout: Layout, slots: Slots) -> None:
        self.count = len(slots)
        self.from_common = np.flatnonzero(layout.common[slots])
        self.from_varying = np.flatnonzero(~layout.common[slots])
        self.common = as_index(layout.row[slots[self.from_common]])
        self.varying = as_index(layout.row[slots[self.from_varying]])

    def __call__(self, buffers: Buffers) -> Floats:
        if not len(self.from_varying):
            return fetch(buffers.common, self.common)
        if not len(self.from_common):
            return fetch(buffers.varying, self.varying)
        result = np.empty((self.count, buffers.varying.shape[1]))
        result[self.from_common] = buffers.common[self.common]
        result[self.from_varying] = buffers.varying[self.varying]
        return result


class Scatter:
    """Adds contributions to the adjoints of slots, in the order in which they are listed.

    The ``sources`` are the rows of the contributions among those that are given in a call.
    """

    def __init__(self, layout: Layout, slots: Slots, sources: Slots) -> None:
        common = layout.common[slots]
        self.sources, self.targets = as_index(sources[common]), layout.row[slots[common]]
        self.once = all_differ(self.targets)
        self.rounds: list[tuple[Index, Index]] = []
        targets, sources = layout.row[slots[~common]], sources[~common]
        turn = _turns(targets)
        for each in range(int(turn.max(initial=-1)) + 1):
            now = np.flatnonzero(turn == each)
            now = now[np.argsort(targets[now])]
            self.rounds.append((as_index(targets[now]), as_index(sources[now])))

    def __call__(self, buffers: Buffers, contributions: Floats) -> None:
        """Add rows of contributions, (contributions, observations)."""
        for targets, sources in self.rounds:
            buffers.adjoint[targets] += contributions[sources]
        if len(self.targets):
            sums = np.add.reduce(contributions[self.sources], axis=1, initial=-0.0)  # not 0.0: it may be nothing
            add_at(buffers.common_adjoint, self.targets, sums, self.once)


def _turns(targets: Slots) -> Slots:
    """For each target, how often it was named before."""
    order = np.argsort(targets, kind="stable")
    ranked = targets[order]
    begins = np.flatnonzero(np.diff(ranked, prepend=-1))
    turns = np.empty(len(targets), np.int64)
    turns[order] = np.arange(len(targets)) - np.repeat(begins, np.diff(begins, append=len(targets)))
    return turns


def add_at(adjoint: Floats, rows: Slots, sums: Floats, once: bool) -> None:
    """Add a number to each row of a column; a row can be named several times, unless ``once``."""
    if once:
        adjoint[rows, 0] += sums
    else:
        np.add.at(adjoint[:, 0], rows.ravel(), sums.ravel())


def as_index(rows: Slots) -> Index:
    """The rows as a slice, where they follow one another."""
    if len(rows) and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def all_differ(slots: Slots) -> bool:
    """Whether no slot occurs twice."""
    ordered = np.sort(slots, axis=None)
    return bool((ordered[1:] != ordered[:-1]).all())


def fetch(array: Floats, index: Index) -> Floats:
    """Rows of an array, as a view if they follow one another."""
    return array[index] if isinstance(index, slice) else array.take(index, 0)


def ordered_sum(terms: Floats) -> Floats:
    """The sum over the first axis of a C-contiguous array, added from the first to the last, beginning with 0.0.

    NumPy adds whole rows one after another, but numbers that lie side by side in pairs: a single column is accumulated.
    """
    if not len(terms):
        return np.zeros(terms.shape[1:])
    if terms[0].size == 1:
        return np.add.accumulate(terms.ravel())[-1:].reshape(terms.shape[1:]) + 0.0
    result: Floats = np.add.reduce(terms, axis=0) + 0.0
    return result
