"""Triangular systems and decompositions of matrices of ``Value``s, of one matrix or of a stack of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.bridges.arrays import Array, dot, number, recorded
from autodiff.rules import divide, multiply, sqrt, subtract


def triangular_solve(
    a: Any, b: Any, *, left: bool = True, lower: bool = True, transpose: bool = False, unit_diagonal: bool = False
) -> Array:
    """``x`` of ``a x = b``, or of ``x a = b``, where one triangle of ``a`` is taken and the other one is not read.

    Args:
        a: (..., n, n)
        b: (..., n, columns); (..., rows, n) if ``a`` stands on the right.
        left: whether ``a`` stands on the left.
        lower: which triangle is taken.
        transpose: whether ``a`` is transposed first, after its triangle was taken.
        unit_diagonal: whether the diagonal is 1, and not read.

    Returns:
        An array like ``b``.

    >>> triangular_solve(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([[2.0], [9.0]]))
    array([[1.0],
           [2.0]], dtype=object)
    """
    a, b = recorded(a), recorded(b)
    if not left:  # x a = b is aᵀ xᵀ = bᵀ
        solved = triangular_solve(
            a, b.swapaxes(-1, -2), lower=lower, transpose=not transpose, unit_diagonal=unit_diagonal
        )
        return solved.swapaxes(-1, -2)
    if transpose:
        a, lower = a.swapaxes(-1, -2), not lower

    def solve(matrix: Array, right: Array) -> Array:
        size, x = len(matrix), np.empty(right.shape, object)
        for column in range(right.shape[1]):
            for row in range(size) if lower else reversed(range(size)):
                known = slice(row) if lower else slice(row + 1, size)
                rest = _without(right[row, column], matrix[row, known], x[known, column])
                x[row, column] = rest if unit_diagonal else divide(rest, matrix[row, row])
        return x

    return _stacked(solve, a, b)


def cholesky(a: Any) -> Array:
    """The lower triangle ``L`` with ``L Lᵀ = a``, of which the lower triangle is read.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    array([[2.0, 0.0],
           [1.0, 2.0]], dtype=object)
    """

    def decompose(matrix: Array) -> Array:
        size = len(matrix)
        found = np.full((size, size), 0.0, object)
        for column in range(size):
            for row in range(column, size):
                rest = _without(matrix[row, column], found[row, :column], found[column, :column])
                found[row, column] = sqrt(rest) if row == column else divide(rest, found[column, column])
        return found

    return _stacked(decompose, recorded(a))


def lu(a: Any) -> tuple[Array, Array, Array]:
    """The triangles ``L``, whose diagonal of ones is left out, and ``U``, in one matrix, of the rows of ``a`` in order.

    Args:
        a: (..., n, n)

    Returns:
        The matrix (..., n, n); with which row each is exchanged in turn, (..., n); and the order of the rows, (..., n).
        In each column the largest number is taken; the choice is that of the numbers, and stays when they change.

    >>> lu(np.array([[1.0, 2.0], [2.0, 2.0]]))[0]
    array([[2.0, 2.0],
           [0.5, 1.0]], dtype=object)
    """
    a = recorded(a)
    size = a.shape[-1]
    pivots = np.zeros(a.shape[:-1], int)
    order = np.broadcast_to(np.arange(size), a.shape[:-1]).copy()
    found = a.copy()
    for place in np.ndindex(a.shape[:-2]):
        matrix = found[place]
        for column in range(size):
            below = [abs(number(each)) for each in matrix[column:, column]]
            pivot = pivots[(*place, column)] = column + int(np.argmax(below))
            matrix[[column, pivot]] = matrix[[pivot, column]]
            order[place][[column, pivot]] = order[place][[pivot, column]]
            for row in range(column + 1, size):
                matrix[row, column] = ratio = divide(matrix[row, column], matrix[column, column])
                for other in range(column + 1, size):
                    matrix[row, other] = subtract(matrix[row, other], multiply(ratio, matrix[column, other]))
    return found, pivots, order


def _without(whole: Any, left: Array, right: Array) -> Any:
    """The number less the sum of products."""
    return subtract(whole, dot(left.tolist(), right.tolist())) if len(left) else whole


def _stacked(function: Callable[..., Array], *matrices: Array) -> Array:
    """The function of each matrix of the stacks."""
    stack = matrices[0].shape[:-2]
    found = np.empty(matrices[-1].shape, object)
    for place in np.ndindex(stack):
        found[place] = function(*(each[place] for each in matrices))
    return found
