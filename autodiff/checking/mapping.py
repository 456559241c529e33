"""Many points at once by ``vmap`` of PyTorch and JAX: tried, compared with single calls, and left where it fails."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.checking.arrays import AT_ONCE, Floats, array_leaves, in_rows, package_of
from autodiff.checking.directions import SINGLES

if TYPE_CHECKING:
    from autodiff.checking.plain_function import PlainFunction

ROWS = 64
"""The number of points of a batch, always the same: a product of matrices of another size may round otherwise."""
AGREES = 64.0
"""How many roundings of the greatest output single calls may differ by, since sums are taken in another order."""

Batch = Callable[[Floats], Floats]


def mapped(function: PlainFunction) -> Batch | None:
    """(points, n) → (points, m), the outputs of a function of tensors or of JAX's arrays; None where it cannot be.

    The parameters of a module are changed in their places, one point after the other. PyTorch is quick enough along a
    few directions, and is mapped where every input is moved alone; a call of JAX costs more. A function with a
    ``torch.autograd.Function`` that has no rule for ``vmap``, with branches on numbers, or one that draws random
    numbers, raises in ``vmap``.
    """
    if function.package not in ("torch", "jax") or any(leaf.in_place for leaf in function.leaves):
        return None
    if function.package == "torch" and len(function.point) > SINGLES:
        return None
    rows = min(ROWS, AT_ONCE // len(function.point))
    if rows < 2:
        return None

    def one(*arrays: Any) -> list[Any]:
        found = [leaf.value for leaf in array_leaves(function.call(arrays))]
        if not all(package_of(each) == function.package for each in found):
            raise TypeError("an output is a plain number")
        return found

    package = sys.modules[function.package]
    many = package.vmap(one) if function.package == "jax" else package.func.vmap(one, randomness="error")

    def batch(points: Floats) -> Floats:
        found = []
        for start in range(0, len(points), rows):
            some = points[start : start + rows]
            full = np.concatenate([some, np.repeat(some[-1:], rows - len(some), axis=0)])
            found.append(in_rows(many(*function.arrays(full)), rows)[: len(some)])
        return np.concatenate(found)

    return batch if _agrees(function, batch) else None


def _agrees(function: PlainFunction, batch: Batch) -> bool:
    """Whether single calls give the same, at the point and close to it."""
    points = np.array([function.point, function.elsewhere(1.0), function.elsewhere(-1.0)])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = batch(points)
            single = np.array([function.outputs(point) for point in points])
    except Exception:  # whatever is in the way: points are evaluated one by one, or say why not
        return False
    if found.shape != single.shape or not np.array_equal(np.isfinite(found), np.isfinite(single)):
        return False
    finite = np.isfinite(single)
    allowed = AGREES * function.unit * np.abs(single[finite]).max(initial=0.0)
    return bool((np.abs(found[finite] - single[finite]) <= allowed).all())
