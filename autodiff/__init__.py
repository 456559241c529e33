"""A scalar reverse-mode autodiff engine to step through, to look at and to prove.

>>> from autodiff import Value
>>> w, x = Value(0.5, label="w"), Value(2.0, label="x")
>>> loss = (w * x - 3) ** 2
>>> loss.backward()
>>> print(loss, w.grad)
4.0 -8.0
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autodiff import documentation, provided
from autodiff import pickling as pickling  # copies and pickles of graphs are registered
from autodiff.backward import Step, leaves, topological_order
from autodiff.derivatives import grad, hessian, hvp, jacobian, jvp, value_and_grad
from autodiff.operations import Interval, Operation, SingularPoint
from autodiff.registry import OPERATIONS, lookup, operation
from autodiff.selection import select
from autodiff.value import Value, constant
from autodiff.zeros import NOT_COMPUTED, ZERO

if TYPE_CHECKING:
    from autodiff.checking import check_gradients, check_operation, numerical_derivative, numerical_gradient
    from autodiff.compiling import Compiled, ExecutorError, FrozenNumberError, StaleProgramError, compile
    from autodiff.declarations import *  # noqa: F403  # what is imported below, with its types
    from autodiff.drawing import draw, render, tree
    from autodiff.non_finite import NonFiniteError, check_finite
    from autodiff.program.exporting.onnx_graph import OnnxGraph
    from autodiff.program.writers import UnwritableError
    from autodiff.sources import record_sources
    from autodiff.tracing import Trace, check_training, detect_anomaly, explain, name_values, trace, watch
else:
    # isort: off
    from autodiff.functions import (
        cumsum, dot, largest, log_softmax, log_sum_exp, mean, norm, prod, smallest, softmax, std, total, var,
    )  # fmt: skip
    from autodiff.more_rules import (
        acosd, acosh, acot, acotd, acoth, acsc, acscd, acsch, asec, asecd, asech, asind, asinh, atan2, atand, atanh,
        cbrt, ceil, clip, copysign, cosd, cospi, cot, cotd, coth, csc, cscd, csch, deg2rad, digamma, erfcinv, erfcx,
        erfinv, exp10, exp2, floor, floor_divide, fmod, gamma, lgamma, log10, log1mexp, log1pmx, log1psq, log2,
        log2mexp, logaddexp, logexpm1, logit, logmxp1, logsubexp, mod, rad2deg, reciprocal, rint, sec, secd, sech, sign,
        sinc, sind, sinpi, square, tand, trigamma, trunc, xlog1py, xlogx, xlogy,
    )  # fmt: skip
    from autodiff.rules import (
        absolute, acos, asin, atan, cos, cosh, erf, erfc, exp, expm1, gelu, hypot, leaky_relu, log, log1p, maximum,
        minimum, power, relu, sigmoid, silu, sin, sinh, softplus, sqrt, tan, tanh, where,
    )  # fmt: skip
    # isort: on

__all__ = [
    "NOT_COMPUTED", "OPERATIONS", "ZERO", "Compiled", "ExecutorError", "FrozenNumberError", "Interval",
    "NonFiniteError", "OnnxGraph", "Operation", "SingularPoint", "StaleProgramError", "Step", "Trace",
    "UnwritableError", "Value", "absolute", "acos", "acosd", "acosh", "acot", "acotd", "acoth", "acsc", "acscd",
    "acsch", "asec", "asecd", "asech", "asin", "asind", "asinh", "atan", "atan2", "atand", "atanh", "cbrt", "ceil",
    "check_finite", "check_gradients", "check_operation", "check_training", "clip", "compile", "constant", "copysign",
    "cos", "cosd", "cosh", "cospi", "cot", "cotd", "coth", "csc", "cscd", "csch", "cumsum", "deg2rad", "detect_anomaly",
    "digamma", "dot", "draw", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "exp", "exp2", "exp10", "explain", "expm1",
    "floor", "floor_divide", "fmod", "gamma", "gelu", "grad", "hessian", "hvp", "hypot", "jacobian", "jvp", "largest",
    "leaky_relu", "leaves", "lgamma", "log", "log1mexp", "log1p", "log1pmx", "log1psq", "log2", "log2mexp", "log10",
    "log_softmax", "log_sum_exp", "logaddexp", "logexpm1", "logit", "logmxp1", "logsubexp", "lookup", "maximum", "mean",
    "minimum", "mod", "name_values", "norm", "numerical_derivative", "numerical_gradient", "operation", "power", "prod",
    "rad2deg", "reciprocal", "record_sources", "relu", "render", "rint", "sec", "secd", "sech", "select", "sigmoid",
    "sign", "silu", "sin", "sinc", "sind", "sinh", "sinpi", "smallest", "softmax", "softplus", "sqrt", "square", "std",
    "tan", "tand", "tanh", "topological_order", "total", "trace", "tree", "trigamma", "trunc", "value_and_grad", "var",
    "watch", "where", "xlog1py", "xlogx", "xlogy",
]  # fmt: skip
__version__ = "0.2.0"

_FOLDERS = {
    "autodiff.checking": ("check_gradients", "check_operation", "numerical_derivative", "numerical_gradient"),
    "autodiff.compiling": ("Compiled", "ExecutorError", "FrozenNumberError", "StaleProgramError", "compile"),
    "autodiff.drawing": ("draw", "render", "tree"),
    "autodiff.non_finite": ("NonFiniteError", "check_finite"),
    "autodiff.program.exporting.onnx_graph": ("OnnxGraph",),
    "autodiff.program.writers": ("UnwritableError",),
    "autodiff.sources": ("record_sources",),
    "autodiff.tracing": (
        "Trace", "check_training", "detect_anomaly", "explain", "name_values", "trace", "watch",
    ),
}  # fmt: skip
_LAZY = {name: folder for folder, names in _FOLDERS.items() for name in names}
_RENAMED = {"Pinned": "SingularPoint"}


if not TYPE_CHECKING:  # to which every name would be there

    def __getattr__(name: str) -> Any:
        """The names of the folders, each loaded when it is first used; and those that have another name now."""
        if name in _RENAMED:
            warnings.warn(f"autodiff.{name} is called {_RENAMED[name]} now", DeprecationWarning, stacklevel=2)
            return globals()[_RENAMED[name]]
        if name in _LAZY:
            return getattr(import_module(_LAZY[name]), name)
        raise import_module("autodiff.mistakes").no_such_name(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


# What a notebook shows of a number, what help() shows of an operation, and what runs a program in JAX, is made by
# folders that those below do not know: they are loaded when somebody looks.
Value._repr_mimebundle_ = lambda self, **_: import_module("autodiff.drawing").notebook_picture(self)  # type: ignore[attr-defined]
documentation.register(lambda row: import_module("autodiff.program.reference").describe(row))
provided.provide("jax", lambda: import_module("autodiff.compiling.pure").program_function)
