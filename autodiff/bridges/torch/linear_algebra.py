"""PyTorch's linear algebra, by elimination: which rows are exchanged, the numbers say, once for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import rules as rows
from autodiff.bridges import linear
from autodiff.bridges.arrays import Array, elementwise, number, product, recorded, reduced, total
from autodiff.bridges.torch.rules import rule


@rule("_linalg_solve_ex")
def solve(call: Any, a: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> tuple[Array, ...]:
    a, b = recorded(a), recorded(b)
    is_vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    b = b[..., None] if is_vector else b
    if not left:
        a, b = a.swapaxes(-1, -2), b.swapaxes(-1, -2)
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(each, (*stack, *each.shape[-2:])) for each in (a, b))
    both, _, order = linear.lu(a)
    half = linear.triangular_solve(both, np.take_along_axis(b, order[..., None], -2), unit_diagonal=True)
    found = linear.triangular_solve(both, half, lower=False)
    found = found if left else found.swapaxes(-1, -2)
    return (found[..., 0] if is_vector else found,)


@rule("linalg_inv_ex")
def inverse(call: Any, a: Any, check_errors: bool = False) -> tuple[Array, ...]:
    return solve(call, a, np.eye(np.shape(a)[-1]))


def _diagonal(a: Any) -> tuple[Array, Array]:
    """Numbers (..., n) whose product is the determinant but for its sign, and that sign."""
    both, pivots, _ = linear.lu(a)
    exchanged = (pivots != np.arange(pivots.shape[-1])).sum(-1)
    return np.diagonal(both, axis1=-2, axis2=-1), 1.0 - 2.0 * (exchanged % 2)


@rule("_linalg_det")
def determinant(call: Any, a: Any) -> tuple[Array, ...]:
    pivots, sign = _diagonal(a)
    return (elementwise(lambda x, s: x if s > 0 else -x, reduced(product, pivots, [-1]), sign),)


@rule("_linalg_slogdet")
def log_determinant(call: Any, a: Any) -> tuple[Array, Array]:
    """The sign, to which no gradient flows, and the logarithm of the size."""
    pivots, sign = _diagonal(a)
    signs = np.sign(np.vectorize(number, otypes=[float])(pivots)).prod(-1) * sign
    return signs, reduced(total, elementwise(lambda x: rows.log(rows.absolute(x)), pivots), [-1])


@rule("linalg_cholesky_ex")
def cholesky(call: Any, a: Any, *, upper: bool = False, check_errors: bool = False) -> tuple[Array, ...]:
    """The gradient goes to both sides of the diagonal in equal parts, also if the lower side alone is read."""

    def both(lower: Any, other: Any) -> Any:
        if lower is other:
            return lower
        mean = (lower + other) / 2
        return mean if number(lower) == number(other) else mean + (number(lower) - number(mean))

    a = recorded(a)
    turned = a.swapaxes(-1, -2)
    a, turned = (turned, a) if upper else (a, turned)
    lower = linear.cholesky(elementwise(both, a, turned))
    return (lower.swapaxes(-1, -2) if upper else lower,)


@rule("linalg_solve_triangular")
def solve_triangular(
    call: Any, a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Array:
    stack = np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2])
    a, b = (np.broadcast_to(recorded(each), (*stack, *np.shape(each)[-2:])) for each in (a, b))
    return linear.triangular_solve(a, b, left=left, lower=not upper, unit_diagonal=unitriangular)


@rule("cholesky_solve", "_cholesky_solve_helper")
def solve_by_cholesky(call: Any, b: Any, root: Any, upper: bool = False) -> Array:
    root = recorded(root)
    half = solve_triangular(call, root.swapaxes(-1, -2) if upper else root, b, upper=False)
    return solve_triangular(call, root if upper else root.swapaxes(-1, -2), half, upper=True)
