"""Whether what is recorded has PyTorch's numbers: each operation is compared, on the same operands."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from autodiff.bridges.arrays import Array, is_recorded, number
from autodiff.bridges.torch.events import Call
from autodiff.bridges.torch.rules import plain
from autodiff.non_finite import NonFiniteError, is_detecting

CLOSE = 1e-6
"""The greatest difference, in units of the largest operand or result; that of a wrong rule is greater."""
RANDOM = {"native_dropout"}


class DisagreementError(RuntimeError):
    """PyTorch computes other numbers of the same operands than those that were recorded."""


class PrecisionWarning(UserWarning):
    """PyTorch's numbers are not finite in its type of floats, and those of 64 bits are."""


def check_finite(call: Call, found: Sequence[Array | None]) -> bool:
    """Whether PyTorch's results are finite wherever those in float64 are; a warning is given if they are not.

    Raises:
        NonFiniteError: they are not, and anomalies are detected.
    """
    for array, place, theirs in zip(found, call.places, call.results):
        if array is None or place is None or theirs.dtype == torch.float64:
            continue
        ours = _numbers(array)
        overflow = np.isfinite(ours) & ~np.isfinite(plain(theirs))
        if overflow.any():
            kind = str(theirs.dtype).removeprefix("torch.")
            text = _told(call, plain(theirs)[overflow][0], f"{ours[overflow][0]} in float64")
            if is_detecting():
                text = f"the first number that is not finite is so in {kind} alone: {text}"
                raise NonFiniteError(text, source=call.source)
            warnings.warn(f"in {kind}, {text}", PrecisionWarning, stacklevel=2)
            return False
    return True


def check(call: Call, args: tuple[Any, ...], options: dict[str, Any], found: Sequence[Array | None]) -> None:
    """Compare the results of an operation with what PyTorch gives for the same operands.

    Raises:
        DisagreementError: they differ by more than rounding.
    """
    arrays = [(array, at) for at, array in enumerate(found) if array is not None and call.places[at]]
    if call.name in RANDOM:
        return
    tensors = tree_map_only(np.ndarray, _tensor, (args, options))
    taken = call.function(*tensors[0], **tensors[1])
    expected = [taken] if isinstance(taken, torch.Tensor) else [*taken]
    for array, at in arrays:
        ours, theirs = _numbers(array), plain(expected[at])
        close = max(CLOSE, 16 * torch.finfo(expected[at].dtype).eps)
        if np.isclose(ours, theirs, close, close, equal_nan=True).all():
            continue
        apart = ~np.isclose(ours, theirs, close, close * _largest(tensors), equal_nan=True)
        if apart.any():
            raise DisagreementError(
                f"{_told(call, theirs[apart][0], ours[apart][0])}; please report this fault of the bridge"
            )


def _numbers(array: Array) -> Array:
    """The numbers of an array, of which nothing is made that is recorded."""
    if not is_recorded(array):
        return array
    return np.array([number(each) for each in array.ravel().tolist()], float).reshape(array.shape)


def _told(call: Call, theirs: float, ours: Any) -> str:
    line = f"\n  in {call.source.quoted}" if call.source else ""
    return f"PyTorch's {call.function} gives {theirs}, where {ours} was recorded{line}"


def _tensor(array: Array) -> torch.Tensor:
    """A copy: the operation may write into it."""
    return torch.from_numpy(np.array(_numbers(array)))


def _largest(tree: Any) -> float:
    """The largest number among the operands: what is lost in a difference, or sum of products, is measured by it."""
    floats = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]
    sizes = [float(leaf[leaf.isfinite()].abs().max()) for leaf in floats if leaf.isfinite().any()]
    return max([1.0, *(size * max(1.0, size) for size in sizes)])
