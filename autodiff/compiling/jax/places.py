"""Where a program's numbers are among JAX's arrays, and how those of some slots are fetched with few operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
MOST_PIECES = 8
"""Slots in more pieces than that are fetched one by one."""
CONSTANTS = 0
"""The block of a program's constants."""


class Piece(NamedTuple):
    """Neighbouring slots: of a block, from ``start`` on by steps; a step of 0 is one slot again and again."""

    block: int
    start: int
    step: int
    size: int

    def of(self, blocks: Sequence[Any]) -> Any:
        """(size,)"""
        array = blocks[self.block]
        if self.step == 0:
            return jnp.broadcast_to(array[self.start], (self.size,))
        if self.start == 0 and self.step == 1 and self.size == len(array):
            return array
        return array[self.start : self.start + self.step * (self.size - 1) + 1 : self.step]


class Places:
    """The block of each slot, and where it stands there."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.block = np.empty(0, np.int64)
        self.offset = np.empty(0, np.int64)

    def add(self, count: int) -> int:
        """One more block, of the next slots; its number."""
        self.block = np.concatenate([self.block, np.full(count, len(self.sizes))])
        self.offset = np.concatenate([self.offset, np.arange(count)])
        self.sizes.append(count)
        return len(self.sizes) - 1

    def fetch(self, slots: Slots) -> Fetch:
        """What fetches these slots; the result has their shape."""
        return Fetch(self.block[slots], self.offset[slots])


class Fetch:
    """Fetches the numbers of slots from the blocks: as slices where they are regular."""

    def __init__(self, block: Slots, offset: Slots) -> None:
        self.block, self.offset = block, offset
        self.shape = block.shape
        self.rows = self._as_rows()
        self.pieces = [] if self.rows else pieces(block.ravel(), offset.ravel())

    def _as_rows(self) -> tuple[int, int, int] | None:
        """The block, first offset and distance of rows that are parts of the rows of a matrix, as weights are."""
        block, offset = self.block, self.offset
        if offset.ndim != 2 or min(offset.shape) < 2 or (block != block[0, 0]).any():
            return None
        start, distance = int(offset[0, 0]), int(offset[1, 0] - offset[0, 0])
        count, width = offset.shape
        regular = start + distance * np.arange(count)[:, None] + np.arange(width)
        return (int(block[0, 0]), start, distance) if distance >= width and (offset == regular).all() else None

    def __call__(self, blocks: Sequence[Any]) -> Any:
        """The numbers, in the shape of the slots."""
        if self.rows:
            block, start, distance = self.rows
            array = blocks[block]
            count, width = self.shape
            stop = start + distance * count
            if stop > len(array):  # the last row is only as long as it must be
                array = jnp.pad(array, (0, stop - len(array)))
            return array[start:stop].reshape(count, distance)[:, :width]
        if len(self.pieces) <= MOST_PIECES:
            parts = [piece.of(blocks) for piece in self.pieces]
            found = parts[0] if len(parts) == 1 else jnp.concatenate(parts) if parts else blocks[CONSTANTS][:0]
            return found.reshape(self.shape)
        array, first = joined(blocks, self.block)
        index = self.offset + first[self.block]
        once = len(np.unique(index)) == index.size
        return array.at[index].get(mode="promise_in_bounds", unique_indices=once)


def joined(blocks: Sequence[Any], wanted: Slots) -> tuple[Any, Slots]:
    """The blocks of some slots as one array, and where each begins in it."""
    used = np.unique(wanted)
    first = np.zeros(len(blocks), np.int64)
    first[used] = np.cumsum([0, *(len(blocks[at]) for at in used[:-1])])
    return blocks[used[0]] if len(used) == 1 else jnp.concatenate([blocks[at] for at in used]), first


def pieces(block: Slots, offset: Slots) -> list[Piece]:
    """The fewest pieces that the slots are made of."""
    found: list[Piece] = []
    at = 0
    steps = np.diff(offset)
    changes = np.flatnonzero((np.diff(steps) != 0) | (np.diff(block)[1:] != 0)) + 1
    while at < len(offset):
        if at + 1 == len(offset) or block[at + 1] != block[at] or steps[at] < 0:
            found.append(Piece(int(block[at]), int(offset[at]), 1, 1))
            at += 1
            continue
        later = changes[np.searchsorted(changes, at + 1) :]
        end = int(later[0]) + 1 if len(later) else len(offset)
        found.append(Piece(int(block[at]), int(offset[at]), int(steps[at]), end - at))
        at = end
        if len(found) > MOST_PIECES:
            break  # too many: they are fetched one by one
    return found
