"""How PyTorch's operations are run on arrays of ``Value``s: a table of functions by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from autodiff.bridges.arrays import Array
from autodiff.bridges.limits import UnsupportedError, unsupported

Rule = Callable[..., Any]
R = TypeVar("R", bound=Rule)

RULES: dict[str, Rule] = {}
"""By the name of an operation: a function ``(call, *args, **options)``, with arrays in place of tensors."""


def rule(*names: str) -> Callable[[R], R]:
    """Enter a function under these names."""

    def entered(function: R) -> R:
        RULES.update(dict.fromkeys(names, function))
        return function

    return entered


def plain(tensor: Any) -> Array:
    """The numbers of a tensor, in float64 if they are floats."""
    return (tensor.double() if tensor.is_floating_point() else tensor).cpu().numpy()  # type: ignore[no-any-return]


def refused(call: Any, why: str) -> UnsupportedError:
    """The error for an operation that is known, but not with these options; it is given, not raised."""
    return unsupported("PyTorch", str(call.function), call.source, why)
