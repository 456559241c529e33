"""What a tape holds: operations of PyTorch and their operands, leaves, and what was written where."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from autodiff.sources import Source


class Place(NamedTuple):
    """Where the numbers of a tensor are: a window on a storage."""

    storage: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Given(NamedTuple):
    """A tensor among the operands, as it was when the operation began."""

    place: Place
    flows: bool
    """Whether a gradient is to flow to it."""
    numbers: torch.Tensor | None
    """What it held, if that were plain numbers."""
    shape: torch.Size


def is_given(part: Any) -> bool:
    """Where walks over structures stop: a ``Given`` is a tuple itself."""
    return isinstance(part, Given)


class Call(NamedTuple):
    """One operation: its results were written to places."""

    name: str
    """Without what tells overloads apart, and without the underscore of what changes its first operand."""
    function: Any
    args: tuple[Any, ...]
    options: dict[str, Any]
    places: tuple[Place | None, ...]
    """One for each result; None of a result that is no array of floats."""
    results: tuple[torch.Tensor, ...]
    """What PyTorch's own results were."""
    source: Source | None


class Start(NamedTuple):
    """A storage of plain numbers into which values are written later: what it held."""

    storage: int
    numbers: torch.Tensor


class Leaf(NamedTuple):
    """A tensor that gradients flow to, met for the first time."""

    tensor: torch.Tensor
    place: Place


class Written(NamedTuple):
    """Other numbers were written into a place where autograd did not see it."""

    place: Place
    numbers: torch.Tensor


class Result(NamedTuple):
    """A module returned this."""

    label: str
    place: Place


Event = Call | Start | Leaf | Written | Result
