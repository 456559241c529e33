"""PyTorch's linear algebra, by elimination: the pivots are chosen by the numbers, once for all."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from autodiff import rules as rows
from autodiff.bridges.arrays import Array, dot, filled, numbers, product, recorded, total
from autodiff.bridges.torch.elementwise import number
from autodiff.bridges.torch.rules import rule

Matrix = list[list[Any]]


def of_matrices(function: Callable[..., Any], *arrays: Any) -> list[Any]:
    """The function of each matrix of a stack, and of those that stand at the same place of other stacks."""
    stack = np.broadcast_shapes(*(np.shape(array)[:-2] for array in arrays))
    stacks = [np.broadcast_to(recorded(array), (*stack, *np.shape(array)[-2:])) for array in arrays]
    flat = [array.reshape(prod(stack), *array.shape[-2:]).tolist() for array in stacks]
    return [function(*each) for each in zip(*flat)]


def stacked(found: list[Matrix], stack: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Matrices as one array."""
    return filled((each for matrix in found for row in matrix for each in row), (*stack, *shape))


def eliminated(a: Matrix, b: Matrix) -> tuple[Matrix, Matrix, int]:
    """Gauss's elimination: a triangular matrix, what has become of b, and the sign of the order of the rows."""
    a, b, sign = [[*row] for row in a], [[*row] for row in b], 1
    for column in range(len(a)):
        pivot = max(range(column, len(a)), key=lambda row: abs(number(a[row][column])))
        if pivot != column:
            a[column], a[pivot], b[column], b[pivot] = a[pivot], a[column], b[pivot], b[column]
            sign = -sign
        for row in range(column + 1, len(a)):
            factor = rows.divide(a[row][column], a[column][column])
            for lower, upper in ((a[row], a[column]), (b[row], b[column])):
                start = column + 1 if lower is a[row] else 0
                lower[start:] = [x - factor * y for x, y in zip(lower[start:], upper[start:])]
    return a, b, sign


def substituted(a: Matrix, b: Matrix, *, upper: bool, ones: bool = False) -> Matrix:
    """The x of a·x = b for a triangular matrix, of whose diagonal may be said that it is 1."""
    size = len(a)
    found: Matrix = [[]] * size
    for row in reversed(range(size)) if upper else range(size):
        known = range(row + 1, size) if upper else range(row)
        rest = b[row]
        if known:
            factors = [a[row][at] for at in known]
            rest = [x - dot(factors, [found[at][place] for at in known]) for place, x in enumerate(rest)]
        found[row] = rest if ones else [rows.divide(x, a[row][row]) for x in rest]
    return found


def solution(a: Matrix, b: Matrix) -> Matrix:
    """The x of a·x = b."""
    triangular, right, _ = eliminated(a, b)
    return substituted(triangular, right, upper=True)


@rule("_linalg_solve_ex")
def solve(call: Any, a: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> tuple[Array, ...]:
    a, b = recorded(a), recorded(b)
    is_vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    b = b[..., None] if is_vector else b
    if not left:
        a, b = a.swapaxes(-1, -2), b.swapaxes(-1, -2)
    found = stacked(of_matrices(solution, a, b), np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), b.shape[-2:])
    found = found if left else found.swapaxes(-1, -2)
    return (found[..., 0] if is_vector else found,)


@rule("linalg_inv_ex")
def inverse(call: Any, a: Any, check_errors: bool = False) -> tuple[Array, ...]:
    return solve(call, a, np.eye(np.shape(a)[-1]))


@rule("_linalg_det")
def determinant(call: Any, a: Any) -> tuple[Array, ...]:
    def one(matrix: Matrix) -> Any:
        triangular, _, sign = eliminated(matrix, [[] for _ in matrix])
        found = product([row[at] for at, row in enumerate(triangular)])
        return found if sign > 0 else -found

    return (filled(of_matrices(one, a), np.shape(a)[:-2]),)


@rule("_linalg_slogdet")
def log_determinant(call: Any, a: Any) -> tuple[Array, Array]:
    """The sign, to which no gradient flows, and the logarithm of the size."""
    found = recorded(determinant(call, a)[0])

    def one(matrix: Matrix) -> Any:
        triangular, _, _ = eliminated(matrix, [[] for _ in matrix])
        return total([rows.log(rows.absolute(row[at])) for at, row in enumerate(triangular)])

    return np.sign(numbers(found)), filled(of_matrices(one, a), np.shape(a)[:-2])


@rule("linalg_cholesky_ex")
def cholesky(call: Any, a: Any, *, upper: bool = False, check_errors: bool = False) -> tuple[Array, ...]:
    """The gradient goes to both sides of the diagonal in equal parts."""

    def one(matrix: Matrix) -> Matrix:
        size = len(matrix)
        found: Matrix = [[0.0] * size for _ in matrix]
        for row in range(size):
            for column in range(row + 1):
                rest = matrix[row][column] if row == column else (matrix[row][column] + matrix[column][row]) / 2
                if column:
                    rest = rest - dot(found[row][:column], found[column][:column])
                found[row][column] = rows.sqrt(rest) if row == column else rows.divide(rest, found[column][column])
        return found

    lower = stacked(of_matrices(one, a), np.shape(a)[:-2], np.shape(a)[-2:])
    return (lower.swapaxes(-1, -2) if upper else lower,)


@rule("linalg_solve_triangular")
def solve_triangular(
    call: Any, a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Array:
    a, b = recorded(a), recorded(b)
    if not left:
        a, b, upper = a.swapaxes(-1, -2), b.swapaxes(-1, -2), not upper
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    one = lambda a, b: substituted(a, b, upper=upper, ones=unitriangular)
    found = stacked(of_matrices(one, a, b), stack, b.shape[-2:])
    return found if left else found.swapaxes(-1, -2)


@rule("cholesky_solve", "_cholesky_solve_helper")
def solve_by_cholesky(call: Any, b: Any, root: Any, upper: bool = False) -> Array:
    root = recorded(root)
    lower = root.swapaxes(-1, -2) if upper else root
    half = solve_triangular(call, lower, b, upper=False)
    return solve_triangular(call, lower.swapaxes(-1, -2), half, upper=True)
