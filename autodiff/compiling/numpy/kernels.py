"""The kernels of the NumPy backend: each runs neighbouring instructions of one kind as a few array operations.

A backward pass is *careful* where a fast one has found numbers that are not finite: it keeps the symbolic zero, -0.0 in
arrays of adjoints, apart from the number 0.0. See :func:`~autodiff.program.expressions.guarded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autodiff.compiling.numpy.buffers import (
    Buffers,
    Gather,
    Layout,
    Results,
    Scatter,
    Slots,
    add_at,
    all_differ,
    as_index,
    fetch,
    ordered_sum,
)
from autodiff.compiling.numpy.functions import Floats, contribution_function, primal_function, product
from autodiff.operations import Operation
from autodiff.program.expressions import NO_DEPENDENCE, contributions

AT_ONCE = 2**16
"""The most products that are made at once, rather than row by row."""


@dataclass
class Flow:
    """Where the numbers of a program are kept, and which slots gradients flow through."""

    layout: Layout
    active: NDArray[np.bool_]
    """(slots,): which slots a gradient flows to."""
    begun: NDArray[np.bool_]
    """(slots,): which adjoints have something in them already, as the kernels are made in the backward pass's order."""

    def is_active(self, first: int, count: int) -> bool:
        """Whether a gradient flows through one of the slots from ``first`` on."""
        return bool(self.active[first : first + count].any())


class Kernel(Protocol):
    """Runs some instructions forward and backward."""

    results: Results
    temporaries: int
    """How many rows of observations it needs room for while it runs."""

    def forward(self, buffers: Buffers) -> None:
        """Compute the results."""

    def backward(self, buffers: Buffers, careful: bool) -> None:
        """Add to the operands' adjoints what they get from those of the results."""


class Elementwise:
    """One operation of the table on many rows: whatever follows from expressions."""

    def __init__(self, flow: Flow, op: Operation, first: int, operands: Slots) -> None:
        count, arity = operands.shape
        self.results = Results(flow.layout, first, count)
        self.temporaries = 4 * count
        self.gathers = [Gather(flow.layout, slots) for slots in operands.T]
        self.primal = primal_function(op, arity)
        self.row = (op, arity)
        flowing = flow.active[operands].any(axis=0) & flow.is_active(first, count)
        passed = contributions(op, arity)
        self.wanted = tuple(place for place in np.flatnonzero(flowing).tolist() if passed[place] != NO_DEPENDENCE)
        self.scatters = _scatters(flow, operands[:, list(self.wanted)])

    def forward(self, buffers: Buffers) -> None:
        self.results.of(buffers)[:] = self.primal(*(gather(buffers) for gather in self.gathers))

    def backward(self, buffers: Buffers, careful: bool) -> None:
        if not self.wanted:
            return
        function = contribution_function(*self.row, self.wanted, careful)
        operands = [gather(buffers) for gather in self.gathers]
        found = function(*operands, self.results.of(buffers), self.results.adjoint(buffers))
        if len(self.scatters) == len(found):
            for scatter, each in zip(self.scatters, found):
                scatter(buffers, each)
        else:
            self.scatters[0](buffers, np.concatenate(found))


def _scatters(flow: Flow, operands: Slots) -> list[Scatter]:
    """One for the contributions to each column of operands, or one for all if some slot is in several columns.

    In the latter case the contributions to the columns are given one below the other.
    """
    count, columns = operands.shape
    backward = np.arange(count)[::-1]
    apart = sum(len(np.unique(column)) for column in operands.T) == len(np.unique(operands))
    if apart:
        return [_scatter(flow, column[::-1], backward) for column in operands.T]
    sources = backward[:, None] + count * np.arange(columns)
    return [_scatter(flow, operands[::-1].ravel(), sources.ravel())]


def _scatter(flow: Flow, slots: Slots, sources: Slots) -> Scatter:
    active = flow.active[slots]
    return Scatter(flow.layout, slots[active], sources[active])


class Layer:
    """Dots of common numbers with the same row: a matrix times the columns of observations.

    ``einsum`` adds the products in the order of the dot, which a matrix product of BLAS does not. (On processors where
    it adds a product without rounding it first, as on ARM, the last bit can be another one.)
    """

    def __init__(self, flow: Flow, first: int, operands: Slots) -> None:
        count, half = operands.shape[0], operands.shape[1] // 2
        left, right = operands[:, :half], operands[0, half:]
        self.results = Results(flow.layout, first, count)
        self.temporaries = count + half
        self.shape = left.shape
        self.matrix_rows = flow.layout.row[left]
        self.matrix = as_index(self.matrix_rows.ravel())
        self.once = all_differ(left)
        self.column = Gather(flow.layout, right)
        flowing = flow.is_active(first, count)
        self.to_matrix = bool(flowing and flow.active[left].any())
        self.to_column = bool(flowing and flow.active[right].any())
        self.begun = bool(flow.begun[right].any())
        common = flow.layout.common[right]
        self.own = np.flatnonzero(~common & flow.active[right])
        self.own_rows = as_index(flow.layout.row[right[self.own]])
        self.shared = np.flatnonzero(common & flow.active[right])
        self.shared_rows = flow.layout.row[right[self.shared]]

    def weights(self, buffers: Buffers) -> Floats:
        return fetch(buffers.common, self.matrix).reshape(self.shape)

    def forward(self, buffers: Buffers) -> None:
        weights, column, results = self.weights(buffers), self.column(buffers), self.results.of(buffers)
        if column.shape[1] == 1:
            results[:] = ordered_sum(np.multiply(weights.T, column, order="C"))[:, None]
        else:
            np.einsum("ij,jn->in", weights, column, out=results)

    def backward(self, buffers: Buffers, careful: bool) -> None:
        upstream = self.results.adjoint(buffers)
        if self.to_matrix:
            column = self.column(buffers)
            if careful:
                rows = [product(column, row, careful) for row in upstream]
                sums = np.array([np.add.reduce(row, axis=1, initial=-0.0) for row in rows])
            else:
                sums = upstream @ np.broadcast_to(column, (self.shape[1], upstream.shape[1])).T
            add_at(buffers.common_adjoint, self.matrix_rows, sums, self.once)
        if self.to_column:
            found = self.to_operands(buffers, self.weights(buffers), upstream, careful)
            if len(self.own):
                buffers.adjoint[self.own_rows] = found[self.own]
            if len(self.shared):
                sums = np.add.reduce(found[self.shared], axis=1, initial=-0.0)
                np.add.at(buffers.common_adjoint[:, 0], self.shared_rows, sums)

    def to_operands(self, buffers: Buffers, weights: Floats, upstream: Floats, careful: bool) -> Floats:
        """(half, observations): the adjoints of the row, the contributions of the last dot added first."""
        if not careful and not self.begun and upstream.shape[1] > 1:
            found: Floats = np.einsum("ij,in->jn", weights[::-1].copy(), upstream[::-1].copy())
            return found
        sums = np.full((self.shape[1], upstream.shape[1]), -0.0 if careful else 0.0)
        if len(self.own):
            sums[self.own] = buffers.adjoint[self.own_rows]
        if not careful and sums.size * len(weights) <= AT_ONCE:
            products = weights[::-1, :, None] * upstream[::-1, None, :]
            return ordered_sum(np.concatenate([sums[None], products]))
        for row, gradient in zip(weights[::-1], upstream[::-1]):
            sums += product(row[:, None], gradient, careful)
        return sums


class Variadic:
    """What kernels of operations of any number of operands have in common.

    Contributions are given operand by operand, with one row for each instruction; or once for all operands, if alike.
    """

    alike = False

    def __init__(self, flow: Flow, first: int, operands: Slots) -> None:
        count, arity = operands.shape
        self.results = Results(flow.layout, first, count)
        self.temporaries = (1 if self.alike else 4) * count * arity
        self.count = count
        self.terms = Gather(flow.layout, operands.T.ravel())
        self.flowing = flow.is_active(first, count)
        sources = np.arange(count)[:, None] + (0 if self.alike else count) * np.arange(arity)
        self.scatter = _scatter(flow, operands[::-1].ravel(), sources[::-1].ravel())

    def of(self, gather: Gather, buffers: Buffers) -> Floats:
        """(operands, count, observations or 1): the numbers of the instructions' operands."""
        numbers = gather(buffers)
        return numbers.reshape(len(numbers) // self.count, self.count, numbers.shape[1])


class Products(Variadic):
    """Dots of any operands."""

    def __init__(self, flow: Flow, first: int, operands: Slots) -> None:
        super().__init__(flow, first, operands)
        self.halves = [Gather(flow.layout, half.T.ravel()) for half in np.split(operands, 2, axis=1)]

    def forward(self, buffers: Buffers) -> None:
        left, right = (self.of(half, buffers) for half in self.halves)
        self.results.of(buffers)[:] = ordered_sum(left * right)

    def backward(self, buffers: Buffers, careful: bool) -> None:
        if self.flowing:
            upstream = self.results.adjoint(buffers)
            factors = [self.of(half, buffers) for half in reversed(self.halves)]
            halves = [product(factor, upstream, careful) for factor in factors]
            self.scatter(buffers, np.concatenate(halves).reshape(-1, upstream.shape[1]))


class Sums(Variadic):
    """Totals."""

    alike = True

    def forward(self, buffers: Buffers) -> None:
        self.results.of(buffers)[:] = ordered_sum(self.of(self.terms, buffers))

    def backward(self, buffers: Buffers, careful: bool) -> None:
        if self.flowing:
            self.scatter(buffers, self.results.adjoint(buffers))


class Norms(Variadic):
    """Norms of any operands."""

    def forward(self, buffers: Buffers) -> None:
        sizes = np.abs(self.of(self.terms, buffers))
        largest = np.fmax.reduce(sizes, axis=0, initial=0.0)  # passes over nan
        scaled = sizes / largest
        norms = largest * np.sqrt(ordered_sum(scaled * scaled))
        norms = np.where(largest == 0, ordered_sum(sizes), norms)  # 0, or nan where there is one among zeros
        self.results.of(buffers)[:] = np.where(largest == np.inf, np.inf, norms)

    def backward(self, buffers: Buffers, careful: bool) -> None:
        if self.flowing:
            upstream, y = self.results.adjoint(buffers), self.results.of(buffers)
            locals_ = np.where(y == 0, 0.0, self.of(self.terms, buffers) / y)
            self.scatter(buffers, product(locals_, upstream, careful).reshape(-1, upstream.shape[1]))


class Selection:
    """SELECT: each observation has an index of its own, so that its gradient flows to another choice."""

    def __init__(self, flow: Flow, first: int, operands: Slots) -> None:
        layout, choices = flow.layout, operands[:, 1:]
        self.results = Results(layout, first, len(operands))
        self.temporaries = 4 * len(operands)
        self.index = Gather(layout, operands[:, 0])
        self.rows = layout.row[choices]
        self.common = layout.common[choices]
        self.flowing = flow.is_active(first, len(operands)) and bool(flow.active[choices].any())

    def chosen(self, buffers: Buffers) -> tuple[Slots, NDArray[np.bool_], Slots]:
        """(instructions, observations) each: the row that was chosen, whether it is a common one, and the column."""
        index = np.broadcast_to(self.index(buffers).astype(np.int64), self.results.of(buffers).shape)
        instruction = np.arange(len(index))[:, None]
        columns = np.broadcast_to(np.arange(index.shape[1]), index.shape)
        return self.rows[instruction, index], self.common[instruction, index], columns

    def forward(self, buffers: Buffers) -> None:
        rows, common, columns = self.chosen(buffers)
        found = np.empty(rows.shape)
        found[common] = buffers.common[rows[common], 0]
        found[~common] = buffers.varying[rows[~common], columns[~common]]
        self.results.of(buffers)[:] = found

    def backward(self, buffers: Buffers, careful: bool) -> None:
        if self.flowing:
            rows, common, columns = (each[::-1] for each in self.chosen(buffers))
            upstream = self.results.adjoint(buffers)[::-1]
            np.add.at(buffers.common_adjoint[:, 0], rows[common], upstream[common])
            np.add.at(buffers.adjoint, (rows[~common], columns[~common]), upstream[~common])
