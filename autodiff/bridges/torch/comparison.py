"""Whether what is recorded has PyTorch's numbers: each operation is compared, on the same operands."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from autodiff.bridges.agreement import CLOSE, apart, disagreement, largest, seen, told
from autodiff.bridges.arrays import Array
from autodiff.bridges.torch.events import Call
from autodiff.bridges.torch.rules import plain
from autodiff.non_finite import NonFiniteError, is_detecting

RANDOM = {"native_dropout"}


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
        ours = seen(array)
        overflow = np.isfinite(ours) & ~np.isfinite(plain(theirs))
        if overflow.any():
            kind = str(theirs.dtype).removeprefix("torch.")
            text = told(_name(call), plain(theirs)[overflow][0], f"{ours[overflow][0]} in float64", call.source)
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
        ours, theirs = seen(array), plain(expected[at])
        close = max(CLOSE, 16 * torch.finfo(expected[at].dtype).eps)
        differs = apart(ours, theirs, lambda: largest(_floats(tensors)), close)
        if differs.any():
            raise disagreement(_name(call), theirs, ours, differs, call.source)


def _name(call: Call) -> str:
    return f"PyTorch's {call.function}"


def _tensor(array: Array) -> torch.Tensor:
    """A copy: the operation may write into it."""
    return torch.from_numpy(np.array(seen(array)))


def _floats(tree: Any) -> list[Array]:
    """The operands that are floats."""
    return [plain(leaf) for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]
