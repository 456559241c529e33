"""Every row of the table as a program, points to run it at, and how far languages may be apart there."""

import itertools
import math
import struct
import sys

import numpy as np

from autodiff import OPERATIONS
from autodiff.operations import REALS
from autodiff.program.program import Instruction, assemble
from autodiff.registry import BUILT_IN, NOT_IN_TABLE
from autodiff.rules import SELECT

ULPS = {
    "tanh": 4, "sinh": 3, "erf": 3, "erfc": 6, "silu": 3, "gelu": 8, "power": 2, "pow": 2, "sigmoid": 2, "softplus": 2,
    **dict.fromkeys(("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "cosh"), 2),
    **dict.fromkeys(("sinpi", "cospi", "sinc", "sec", "csc", "cot", "asec", "acsc", "acot", "atan2"), 2),
    **dict.fromkeys(("asinh", "acosh", "atanh", "sech", "csch", "coth", "asech", "acsch", "acoth"), 3),
    "cbrt": 2, "exp2": 2, "log2": 2, "log10": 2, "logaddexp": 3, "log1mexp": 4, "logit": 3, "xlogy": 3, "trigamma": 2,
    "lgamma": 4, "digamma": 40, "erfcx": 8, "erfinv": 6, "erfcinv": 6, "gamma": 6, "exp10": 2, "logsubexp": 4,
    **dict.fromkeys(("xlog1py", "xlogx", "logexpm1", "log2mexp", "log1psq", "log1pmx", "logmxp1"), 4),
    **dict.fromkeys((f"{of}{name}d" for of in ("", "a") for name in ("sin", "cos", "tan", "sec", "csc", "cot")), 3),
}  # fmt: skip
"""How far a value may be from the eager one, in units in the last place; all other rows have the very same bits.

Measured with V8 11.3 (Node 20) beside glibc at up to 40,000 points of each function: exp to cosh and power 1, sinh 2,
tanh 3, erf 2, erfc 5; and those that are composed of these up to 3, but 16 of digamma beside its zero. Two
libraries of which each is right to one unit can be two apart.
"""
LOCAL_ULPS = {
    "power": 3, "pow": 3, "expm1": 2, "sin": 2, "cos": 2, "sinh": 2, "cosh": 3, "erf": 3, "erfc": 3, "sigmoid": 3,
    "tanh": 4, "softplus": 2, "silu": 4, "gelu": 8, "lgamma": 40, "erfinv": 6, "erfcx": 8, "gamma": 40, "erfcinv": 6,
    **dict.fromkeys(("xlog1py", "xlogx", "logsubexp", "logexpm1", "log2mexp"), 4),
    **dict.fromkeys((f"{name}d" for name in ("sin", "cos", "tan", "sec", "csc", "cot")), 4),
    **dict.fromkeys(("sec", "csc", "cot", "sech", "csch", "coth", "logaddexp", "log1mexp", "xlogy"), 4),
    **dict.fromkeys(("sinpi", "cospi", "sinc", "trigamma", "digamma"), 3),
}  # fmt: skip
"""The same of the local derivatives at the same output."""
CANCELLING = ("silu", "gelu", "gamma")
"""The derivatives of these are sums that cancel: the bound is in units in the last place of 1."""
SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0, 40.0, 709.9, 1e300, -1e300, 5e-324, math.inf, -math.inf, math.nan,
)  # fmt: skip
BUILT_IN_ROWS = [row for row in (*OPERATIONS.values(), *NOT_IN_TABLE.values()) if row.name in BUILT_IN]
ROWS = [row for row in BUILT_IN_ROWS if row.derivatives and row is not SELECT]


def single(row, arity):
    """The program of one operation."""
    inputs = [f"x{at}" for at in range(arity)]
    return assemble([], [], inputs, [Instruction(row, tuple(range(arity)))], [arity])


def points(row):
    """Points in the domain of a row, of any magnitude, pinned, and every combination of special numbers."""
    arity = 4 if row.arity is None else row.arity
    domain = row.domain if row.arity is not None else (REALS,) * arity
    random = np.random.default_rng(7)
    inside = [tuple(float(random.uniform(*bounds)) for bounds in domain) for _ in range(60)]
    sizes = 10.0 ** random.uniform(-8, 4, (60, arity)) * random.choice([-1, 1], (60, arity))
    special = SPECIAL if arity < 3 else (0.0, 1.0, -2.0, math.inf, math.nan)
    return [*row.singular_points, *inside, *map(tuple, sizes.tolist()), *itertools.product(special, repeat=arity)]


def close(a, b, ulps=0):
    """The same bits, the sign of a zero included, or at most so many floats apart; a nan is a nan."""
    if a != a or b != b:
        return a != a and b != b
    return (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or abs(ordinal(a) - ordinal(b)) <= ulps


def ordinal(x):
    (bits,) = struct.unpack("<q", struct.pack("<d", x))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFFFFFFFFFF)


def local_is_right(row, local, right):
    allowed = LOCAL_ULPS.get(row.name, 0)
    if row.name in CANCELLING and abs(local - right) <= allowed * sys.float_info.epsilon:
        return True
    return close(local, right, allowed)
