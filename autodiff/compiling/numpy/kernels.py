"""The steps of the NumPy backend: each runs neighbouring instructions of one kind as a few array operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from autodiff.compiling.numpy.buffers import (
    Gather,
    Memory,
    Results,
    Scatter,
    Slots,
    add_at,
    all_differ,
    as_index,
    fetch,
    ordered_sum,
)
from autodiff.compiling.numpy.functions import Floats, derivative_function, primal_function
from autodiff.operations import Operation

if TYPE_CHECKING:
    from autodiff.compiling.numpy.schedule import Plan

Times = Callable[[Floats, Floats], Floats]
"""Multiplies local derivatives with upstream gradients."""
SMALL = 2**16
"""So many products are made at once, rather than row by row."""


class Step(Protocol):
    """Runs some instructions forward and backward."""

    results: Results
    temporaries: int
    """How many rows of observations it needs for a moment."""

    def forward(self, memory: Memory) -> None:
        """Compute the results."""

    def backward(self, memory: Memory, times: Times) -> None:
        """Add to the operands' adjoints what they get from those of the results."""


class Elementwise:
    """One operation of the table on many rows: whatever follows from expressions."""

    def __init__(self, plan: Plan, op: Operation, first: int, operands: Slots) -> None:
        count, arity = operands.shape
        self.results = Results(plan.layout, first, count)
        self.temporaries = 4 * count
        self.gathers = [Gather(plan.layout, slots) for slots in operands.T]
        self.primal = primal_function(op, arity)
        wanted = tuple(np.flatnonzero(plan.active[operands].any(axis=0)).tolist())
        if not plan.active[first : first + count].any():
            wanted = ()
        self.locals = derivative_function(op, arity, wanted) if wanted else None
        self.scatters = _scatters(plan, operands[:, list(wanted)])

    def forward(self, memory: Memory) -> None:
        self.results.of(memory)[:] = self.primal(*(gather(memory) for gather in self.gathers))

    def backward(self, memory: Memory, times: Times) -> None:
        if self.locals is None:
            return
        upstream = self.results.adjoint(memory)
        locals_ = self.locals(*(gather(memory) for gather in self.gathers), self.results.of(memory))
        contributions = [
            upstream if type(local) is float and local == 1.0 else times(local, upstream) for local in locals_
        ]
        if len(self.scatters) == len(contributions):
            for scatter, each in zip(self.scatters, contributions):
                scatter(memory, each)
        else:
            self.scatters[0](memory, np.concatenate(contributions))


def _scatters(plan: Plan, operands: Slots) -> list[Scatter]:
    """One for the contributions to each column of operands, or one for all if some slot is in several columns.

    In the latter case the contributions to the columns are given one below the other.
    """
    count, columns = operands.shape
    backward = np.arange(count)[::-1]
    apart = sum(len(np.unique(column)) for column in operands.T) == len(np.unique(operands))
    if apart:
        return [_scatter(plan, column[::-1], backward) for column in operands.T]
    sources = backward[:, None] + count * np.arange(columns)
    return [_scatter(plan, operands[::-1].ravel(), sources.ravel())]


def _scatter(plan: Plan, slots: Slots, sources: Slots) -> Scatter:
    active = plan.active[slots]
    return Scatter(plan.layout, slots[active], sources[active])


class Layer:
    """Dots of common numbers with the same row: a matrix times the columns of observations.

    ``einsum`` adds the products in the order of the dot, which a matrix product of BLAS does not. (On processors where
    it adds a product without rounding it first, as on ARM, the last bit can be another one.)
    """

    def __init__(self, plan: Plan, first: int, operands: Slots) -> None:
        count, half = operands.shape[0], operands.shape[1] // 2
        left, right = operands[:, :half], operands[0, half:]
        self.results = Results(plan.layout, first, count)
        self.temporaries = count + half
        self.shape = left.shape
        self.matrix_rows = plan.layout.row[left]
        self.matrix = as_index(self.matrix_rows.ravel())
        self.once = all_differ(left)
        self.column = Gather(plan.layout, right)
        flowing = plan.active[first : first + count].any()
        self.to_matrix = bool(flowing and plan.active[left].any())
        self.to_column = bool(flowing and plan.active[right].any())
        self.begun = bool(plan.touched[right].any())
        common = plan.layout.common[right]
        self.own = np.flatnonzero(~common & plan.active[right])
        self.own_rows = as_index(plan.layout.row[right[self.own]])
        self.shared = np.flatnonzero(common & plan.active[right])
        self.shared_rows = plan.layout.row[right[self.shared]]

    def weights(self, memory: Memory) -> Floats:
        return fetch(memory.common, self.matrix).reshape(self.shape)

    def forward(self, memory: Memory) -> None:
        weights, column, results = self.weights(memory), self.column(memory), self.results.of(memory)
        if column.shape[1] == 1:
            results[:] = ordered_sum(np.multiply(weights.T, column, order="C"))[:, None]
        else:
            np.einsum("ij,jn->in", weights, column, out=results)

    def backward(self, memory: Memory, times: Times) -> None:
        upstream = self.results.adjoint(memory)
        if self.to_matrix:
            column = self.column(memory)
            if times is np.multiply:
                sums = upstream @ np.broadcast_to(column, (self.shape[1], upstream.shape[1])).T
            else:
                sums = np.array([times(column, row).sum(axis=1) for row in upstream])
            add_at(memory.common_adjoint, self.matrix_rows, sums, self.once)
        if self.to_column:
            found = self.to_operands(memory, self.weights(memory), upstream, times)
            if len(self.own):
                memory.adjoint[self.own_rows] = found[self.own]
            if len(self.shared):
                np.add.at(memory.common_adjoint[:, 0], self.shared_rows, found[self.shared].sum(axis=1))

    def to_operands(self, memory: Memory, weights: Floats, upstream: Floats, times: Times) -> Floats:
        """(half, observations): the adjoints of the row, the contributions of the last dot added first."""
        if times is np.multiply and not self.begun and upstream.shape[1] > 1:
            found: Floats = np.einsum("ij,in->jn", weights[::-1].copy(), upstream[::-1].copy())
            return found
        sums = np.zeros((self.shape[1], upstream.shape[1]))
        if len(self.own):
            sums[self.own] = memory.adjoint[self.own_rows]
        if sums.size * len(weights) <= SMALL:
            products = times(weights[::-1, :, None], upstream[::-1, None, :])
            return ordered_sum(np.concatenate([sums[None], products]))
        for row, gradient in zip(weights[::-1], upstream[::-1]):
            sums += times(row[:, None], gradient)
        return sums


class Products:
    """Dots of any operands."""

    def __init__(self, plan: Plan, first: int, operands: Slots) -> None:
        count, half = operands.shape[0], operands.shape[1] // 2
        self.results = Results(plan.layout, first, count)
        self.temporaries = 4 * count * half
        self.shape = (half, count, -1)
        self.left = Gather(plan.layout, operands[:, :half].T.ravel())
        self.right = Gather(plan.layout, operands[:, half:].T.ravel())
        self.flowing = bool(plan.active[first : first + count].any())
        # The contributions are given with all left factors before all right ones, and factor by factor.
        sources = np.arange(count)[:, None] + count * np.arange(2 * half)
        self.scatter = _scatter(plan, operands[::-1].ravel(), sources[::-1].ravel())

    def forward(self, memory: Memory) -> None:
        left, right = self.left(memory).reshape(self.shape), self.right(memory).reshape(self.shape)
        self.results.of(memory)[:] = ordered_sum(left * right)

    def backward(self, memory: Memory, times: Times) -> None:
        if self.flowing:
            upstream = self.results.adjoint(memory)
            halves = [times(half(memory).reshape(self.shape), upstream) for half in (self.right, self.left)]
            self.scatter(memory, np.concatenate(halves).reshape(-1, upstream.shape[1]))


class Sums:
    """Totals."""

    def __init__(self, plan: Plan, first: int, operands: Slots) -> None:
        count, arity = operands.shape
        self.results = Results(plan.layout, first, count)
        self.temporaries = count * arity
        self.shape = (arity, count, -1)
        self.terms = Gather(plan.layout, operands.T.ravel())
        self.flowing = bool(plan.active[first : first + count].any())
        sources = np.repeat(np.arange(count)[::-1], arity)
        self.scatter = _scatter(plan, operands[::-1].ravel(), sources)

    def forward(self, memory: Memory) -> None:
        self.results.of(memory)[:] = ordered_sum(self.terms(memory).reshape(self.shape))

    def backward(self, memory: Memory, times: Times) -> None:
        if self.flowing:
            self.scatter(memory, self.results.adjoint(memory))


class Selection:
    """SELECT: each observation has its own index, so that its gradient goes another way."""

    def __init__(self, plan: Plan, first: int, operands: Slots) -> None:
        layout, choices = plan.layout, operands[:, 1:]
        self.results = Results(layout, first, len(operands))
        self.temporaries = 4 * len(operands)
        self.index = Gather(layout, operands[:, 0])
        self.rows = layout.row[choices]
        self.common = layout.common[choices]
        self.flowing = bool(plan.active[first : first + len(operands)].any() and plan.active[choices].any())

    def chosen(self, memory: Memory) -> tuple[Slots, NDArray[np.bool_], Slots]:
        """(instructions, observations) each: the row that was chosen, whether it is a common one, and the column."""
        index = self.index(memory).astype(np.int64)
        instruction = np.arange(len(index))[:, None]
        columns = np.broadcast_to(np.arange(index.shape[1]), index.shape)
        return self.rows[instruction, index], self.common[instruction, index], columns

    def forward(self, memory: Memory) -> None:
        rows, common, columns = self.chosen(memory)
        found = np.empty(rows.shape)
        found[common] = memory.common[rows[common], 0]
        found[~common] = memory.varying[rows[~common], columns[~common]]
        self.results.of(memory)[:] = found

    def backward(self, memory: Memory, times: Times) -> None:
        if self.flowing:
            rows, common, columns = (each[::-1] for each in self.chosen(memory))
            upstream = self.results.adjoint(memory)[::-1]
            np.add.at(memory.common_adjoint[:, 0], rows[common], upstream[common])
            np.add.at(memory.adjoint, (rows[~common], columns[~common]), upstream[~common])
