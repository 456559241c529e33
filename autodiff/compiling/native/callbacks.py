"""Functions of numbers that machine code calls: primals and rules that cannot be written out, since they call ``math``.

They are compiled by numba, if it is there, where that gives the very numbers that Python gives. Elsewhere machine code
calls Python, which takes about a microsecond a number: with integers, which have no bounds there, with errors, and with
what numba does not know.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from autodiff.compiling.native.language import Address


class Callback:
    """Machine code for a function of floats, for as long as this object lives; arguments as of ``codegen.Helper``."""

    def __init__(
        self, function: Callable[..., float], arity: int, evaluate: Callable[..., float], is_rule: bool = False
    ) -> None:
        found = _compiled(function, arity, is_rule)
        self.code = found or ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * arity)(evaluate)
        place = found.address if found else ctypes.cast(self.code, ctypes.c_void_p).value
        self.address = Address(int(place or 0), is_number=is_rule and found is not None)


def _compiled(function: Callable[..., float], arity: int, is_rule: bool) -> Any:
    try:
        from autodiff.compiling.native.exact import compiled
    except ImportError:  # numba is not there
        return None
    return compiled(function, arity, is_rule)
