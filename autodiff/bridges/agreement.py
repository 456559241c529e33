"""Whether what is recorded has the numbers of the framework: how they are compared, and what is said if not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from autodiff.bridges.arrays import Array, is_recorded, number
from autodiff.sources import Source

CLOSE = 1e-6
"""The greatest difference, in units of the largest operand or result; that of a wrong rule is greater."""


class DisagreementError(RuntimeError):
    """The framework computes other numbers of the same operands than those that were recorded."""


def seen(array: Array) -> Array:
    """The numbers of an array, of which nothing is made that is recorded: no observer is told, as ``numbers`` does."""
    if not is_recorded(array):
        return array
    return np.array([number(each) for each in array.ravel().tolist()], float).reshape(array.shape)


def apart(ours: Array, theirs: Array, size: Callable[[], float], close: float = CLOSE) -> Array:
    """Where the numbers differ, as conditions.

    Args:
        ours, theirs: of one shape; nan agrees with nan.
        size: what differences are measured by beside the numbers themselves; asked only if it is needed.
        close: the greatest difference.

    >>> apart(np.array([1.0, 2.0]), np.array([1.0, 2.1]), lambda: 1.0)
    array([False,  True])
    """
    differs = ~np.isclose(ours, theirs, close, close**2, equal_nan=True)
    if differs.any():
        differs = ~np.isclose(ours, theirs, close, close * size(), equal_nan=True)
    return differs


def largest(arrays: Iterable[Array]) -> float:
    """The largest number of the operands: what is lost in a difference, or sum of products, is measured by it.

    >>> largest([np.array([1.0, -3.0, np.inf])])
    9.0
    """
    sizes = [float(np.max(np.abs(array), where=np.isfinite(array), initial=0.0)) for array in arrays]
    return max([1.0, *(size * max(1.0, size) for size in sizes)])


def told(operation: str, theirs: object, ours: object, line: Source | None, more: str = "") -> str:
    """What was computed and recorded, and where.

    >>> told("PyTorch's aten.exp.default", "inf", "1e300 in float64", Source("model.py", 3))
    "PyTorch's aten.exp.default gives inf, where 1e300 in float64 was recorded\\n  in model.py, line 3"
    """
    return f"{operation} gives {theirs}, where {ours} was recorded{more}" + (f"\n  in {line.quoted}" if line else "")


def disagreement(
    operation: str, theirs: Array, ours: Array, differs: Array, line: Source | None
) -> DisagreementError:  # fmt: skip
    """The error for an operation whose numbers differ; it is given, not raised."""
    with np.errstate(invalid="ignore"):
        distances = np.abs(np.asarray(ours, float) - np.asarray(theirs, float))[differs]
    worst = int(np.argmax(np.nan_to_num(distances, nan=np.inf)))
    count = f"{np.count_nonzero(differs)} of {differs.size}"
    more = f", and {count} numbers differ by up to {distances[worst]:g}; please report this fault of the bridge"
    return DisagreementError(told(operation, theirs[differs][worst], ours[differs][worst], line, more))
