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
from autodiff.zeros import ZERO

EXACT = {
    *(getattr(math, name) for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "copysign", "cos", "cosh", "degrees", "erf", "erfc",
        "exp", "expm1", "fabs", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "pow", "radians", "sin",
        "sinh", "sqrt", "tan", "tanh",
    )),
    builtins.abs, builtins.bool, builtins.float, builtins.max, builtins.min,
}  # fmt: skip
"""What has the same bits in machine code as in Python; ``math.gamma`` and ``math.hypot`` do not."""


def callback(
    function: Callable[..., float], arity: int, evaluate: Callable[..., float], is_rule: bool = False
) -> Callable[..., float]:
    """What machine code can call for a function of floats; arguments as of ``codegen.Helper``."""
    numbers = (types.float64,) * arity
    try:
        if is_rule and _reads_zero(function):
            raise TypeError("machine code knows no symbolic zero")
        compiled = njit(**OPTIONS)(function)
        compiled.compile(numbers)
    except (NumbaError, AttributeError, NotImplementedError, TypeError, ValueError):  # numba raises what it trips over
        compiled = None
    if compiled is not None and _is_exact(compiled.overloads[numbers]):
        return _never_negative_zero(compiled) if is_rule else compiled  # type: ignore[no-any-return]
    return ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * arity)(evaluate)


def _reads_zero(function: Any) -> bool:
    """Whether the code of a function can give the symbolic zero."""
    code = function.__code__
    outside = [function.__globals__.get(name) for name in code.co_names]
    outside += [cell.cell_contents for cell in function.__closure__ or ()]
    return any(each is ZERO for each in (*outside, *code.co_consts, *(function.__defaults__ or ())))


def _never_negative_zero(compiled: Any) -> Any:
    def function(*numbers: float) -> float:
        return compiled(*numbers) + 0.0  # type: ignore[no-any-return]

    return njit(**OPTIONS)(function)


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
