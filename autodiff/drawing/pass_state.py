"""The state of a backward pass: what a picture of the graph shows besides its numbers."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from autodiff.drawing.colours import Scale

if TYPE_CHECKING:
    from autodiff.value import Value

Edge: TypeAlias = "tuple[Value, int]"
"""An edge by its result and the place of the operand among those of the result."""


class PassState(NamedTuple):
    """How far a pass is. The gradients that there are so far stand in the graph itself."""

    taken: Set[Edge]
    """The edges that have made their contribution."""
    complete: Set[Value]
    """The nodes whose gradient is final."""
    active: Edge | None
    """The edge that has just made its contribution; None before the first."""
    caption: str
    scale: Scale
    """The colours of the whole pass, so that they mean the same in all its pictures."""
    longest_caption: int
    """The length of the longest caption of the pass: room for it keeps all pictures equal in size."""
    longest_contribution: int
    """The length of the longest contribution of the pass, for the same reason."""
