"""What numba compiles: functions of floats that give the very numbers which Python gives.

numba takes longer to load than all of the engine: this module is imported when a function of the user calls for it.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

from numba import cfunc, njit, types
from numba.core.errors import NumbaError

from autodiff.zeros import ZERO

OPTIONS = {"nogil": True, "error_model": "numpy"}
EXACT = {
    *(getattr(math, name) for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "copysign", "cos", "cosh", "degrees", "erf", "erfc",
        "exp", "expm1", "fabs", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "pow", "radians", "sin",
        "sinh", "sqrt", "tan", "tanh",
    )),
    builtins.abs, builtins.bool, builtins.float, builtins.max, builtins.min,
}  # fmt: skip
"""What has the same bits in machine code as in Python; ``math.gamma`` and ``math.hypot`` do not."""


def compiled(function: Callable[..., float], arity: int, is_rule: bool) -> Any:
    """The function as numba compiles it; None if it cannot, or if that would not have Python's bits."""
    numbers = (types.float64,) * arity
    try:
        if is_rule and _reads_zero(function):
            return None  # machine code knows no symbolic zero
        tried = njit(**OPTIONS)(function)
        tried.compile(numbers)
        if _is_exact(tried.overloads[numbers]):
            return cfunc(types.float64(*numbers), error_model="numpy")(function)
    except (NumbaError, AttributeError, NotImplementedError, TypeError, ValueError):  # numba raises what it trips over
        pass
    return None


def _reads_zero(function: Any) -> bool:
    """Whether the code of a function can give the symbolic zero."""
    code = function.__code__
    outside = [function.__globals__.get(name) for name in code.co_names]
    outside += [cell.cell_contents for cell in function.__closure__ or ()]
    return any(each is ZERO for each in (*outside, *code.co_consts, *(function.__defaults__ or ())))


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
