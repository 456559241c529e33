"""Functions of numbers that machine code calls: primals and rules that cannot be written out, since they call ``math``.

They are compiled where that gives the very numbers that Python gives. Elsewhere machine code calls Python, which takes
about a microsecond a number: with integers, which have no bounds there, with errors, and with what numba does not know.
"""

from __future__ import annotations

import builtins
import ctypes
import math
import operator
from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.core.errors import NumbaError

from autodiff.compiling.native.machine import OPTIONS

EXACT = {
    *(getattr(math, name) for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "copysign", "cos", "cosh", "degrees", "erf", "erfc",
        "exp", "expm1", "fabs", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "pow", "radians", "sin",
        "sinh", "sqrt", "tan", "tanh",
    )),
    builtins.abs, builtins.bool, builtins.float, builtins.max, builtins.min,
}  # fmt: skip
"""What has the same bits in machine code as in Python; ``math.gamma`` and ``math.hypot`` do not."""


def callback(function: Callable[..., float], arity: int, evaluate: Callable[..., float]) -> Callable[..., float]:
    """What machine code can call for a function of floats.

    Args:
        function: of ``arity`` floats, as the user wrote it.
        arity: how many operands it has.
        evaluate: the same function, to be called in Python; it raises nothing.
    """
    numbers = (types.float64,) * arity
    try:
        compiled = njit(**OPTIONS)(function)
        compiled.compile(numbers)
    except (NumbaError, NotImplementedError, TypeError, ValueError):  # numba raises whatever it trips over
        compiled = None
    if compiled is not None and _is_exact(compiled.overloads[numbers]):
        return compiled  # type: ignore[no-any-return]
    return ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * arity)(evaluate)


def _is_exact(compiled: Any) -> bool:
    """Whether compiled code computes with floats alone, and with functions that have Python's bits."""
    annotation = compiled.type_annotation
    if compiled.signature.return_type != types.float64 or not all(map(_is_harmless, annotation.typemap.values())):
        return False
    powers = [
        signature
        for of, signature in annotation.calltypes.items()
        if getattr(of, "op", "") in ("binop", "inplace_binop") and of.fn in (operator.pow, operator.ipow)
    ]
    return all(signature.args == (types.float64, types.float64) for signature in powers)  # others multiply


def _is_harmless(kind: Any) -> bool:
    if isinstance(kind, (types.Function, types.NumberClass)):
        return getattr(kind, "typing_key", None) in EXACT or getattr(kind, "instance_type", None) == types.float64
    if isinstance(kind, types.Module):
        return kind.pymod is math
    return kind in (types.float64, types.boolean) or isinstance(kind, types.IntegerLiteral)
