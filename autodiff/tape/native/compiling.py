"""How everything of this backend is compiled: IEEE arithmetic, nothing raises, other threads run meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import numba
except ImportError as error:
    raise ImportError("the native backend needs numba: pip install numba") from error

Function = Callable[..., Any]


def compiled(function: Function) -> Function:
    """The function as machine code, as a part of those that are called from Python."""
    return numba.njit(nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def entry(function: Function) -> Function:
    """The function as machine code that is kept on disk beside its source."""
    return numba.njit(nogil=True, error_model="numpy", cache=True)(function)  # type: ignore[no-any-return]
