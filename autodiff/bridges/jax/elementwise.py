"""The primitives that compute element by element, as rows of the table or functions made of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import inf
from typing import Any

import jax

from autodiff import more_rules, rules
from autodiff.bridges.arrays import number
from autodiff.more_rules import CHOOSE
from autodiff.operations import Operation
from autodiff.value import Value


def _not(x: Any) -> Any:
    return rules.subtract(1.0, x)


def not_equal(a: Any, b: Any) -> Any:
    """Whether two numbers differ, as 1 or 0."""
    return _not(rules.EQUAL(a, b))


def rounded_away_from_zero(x: Any) -> Any:
    """The nearest whole number; of two, the larger one in size."""
    size = rules.absolute(x)
    below = more_rules.floor(size)  # floor(size + 0.5) would be 1 for the number before 0.5
    return rules.multiply(more_rules.sign(x), rules.add(below, rules.LESS_EQUAL(0.5, rules.subtract(size, below))))


def detached(x: Any) -> Any:
    """The number, which no gradient flows to."""
    return rules.DETACHED(x) if isinstance(x, Value) else x


@cache
def _slope_of_abs_at_zero() -> float:
    """0 in old versions of JAX, 1 in new ones."""
    return float(jax.grad(jax.lax.abs)(0.0))


def _absolute(x: Any) -> Any:
    """The row of the table; at 0, what has JAX's derivative there."""
    if number(x) == 0 and _slope_of_abs_at_zero() == 1:
        return CHOOSE(rules.LESS(x, 0.0), rules.negative(x), x)
    return rules.absolute(x)


def _unless_neutral(row: Operation, neutral: float) -> Callable[[Any, Any], Any]:
    """The row of two operands; without the infinity that JAX begins to look for an extreme number with."""

    def found(a: Any, b: Any) -> Any:
        for one, other in ((a, b), (b, a)):
            if one.__class__ is float and one == neutral and number(other) != neutral:
                return other
        return row(a, b)

    return found


def _relu6(x: Any) -> Any:
    """Between 0 and 6; the derivative at both is 0."""
    return CHOOSE(rules.LESS_EQUAL(x, 0.0), 0.0, CHOOSE(rules.LESS_EQUAL(6.0, x), 6.0, x))


def _clamped(low: Any, x: Any, high: Any) -> Any:
    """The number between the bounds; nan, if one of them is. At a bound, which JAX gives no derivative, it has none."""
    for bound in (low, high):
        if number(bound) != number(bound):
            return bound
    found = detached(x) if number(x) in (number(low), number(high)) else x
    found = CHOOSE(rules.LESS(x, low), low, found)
    return CHOOSE(rules.LESS(high, found), high, found)


ELEMENTWISE: Mapping[str, Callable[..., Any]] = {
    "abs": _absolute, "acos": rules.acos, "acosh": more_rules.acosh, "asin": rules.asin, "asinh": more_rules.asinh,
    "atan": rules.atan, "atan2": more_rules.atan2, "atanh": more_rules.atanh, "cbrt": more_rules.cbrt,
    "ceil": more_rules.ceil, "cos": rules.cos, "cosh": rules.cosh, "digamma": more_rules.digamma, "div": rules.divide,
    "erf": rules.erf, "erf_inv": more_rules.erfinv, "erfc": rules.erfc, "exp": rules.exp, "exp2": more_rules.exp2,
    "expm1": rules.expm1, "floor": more_rules.floor, "lgamma": more_rules.lgamma, "log": rules.log,
    "log1p": rules.log1p, "logistic": rules.sigmoid,
    "max": _unless_neutral(rules.maximum, -inf), "min": _unless_neutral(rules.minimum, inf), "neg": rules.negative,
    "pow": rules.power, "rem": more_rules.fmod, "sign": more_rules.sign, "sin": rules.sin, "sinh": rules.sinh,
    "sqrt": rules.sqrt, "square": more_rules.square, "tan": rules.tan, "tanh": rules.tanh,
    "add": rules.add, "add_any": rules.add, "mul": rules.multiply, "sub": rules.subtract,
    "rsqrt": lambda x: more_rules.reciprocal(rules.sqrt(x)), "clamp": _clamped, "stop_gradient": detached,
    "lt": rules.LESS, "le": rules.LESS_EQUAL, "eq": rules.EQUAL, "ne": not_equal,
    "gt": lambda a, b: rules.LESS(b, a), "ge": lambda a, b: rules.LESS_EQUAL(b, a),
    "is_finite": lambda x: rules.LESS(rules.absolute(x), inf),
    "not": _not, "and": rules.multiply, "or": rules.maximum, "xor": not_equal,
}  # fmt: skip
"""Comparisons and conditions are numbers, 1 or 0, that no gradient flows to."""


REGULAR = {"add", "add_any", "ceil", "floor", "max", "min", "neg", "sign", "stop_gradient", "sub"}
"""The operations whose local derivatives are always finite; so are those of comparisons and conditions."""
OWN_ROWS: Mapping[str, Callable[..., Any]] = {
    "relu": rules.relu, "relu6": _relu6, "sinc": more_rules.sinc, "logaddexp": more_rules.logaddexp,
    "logit": more_rules.logit, "xlogy": more_rules.xlogy, "xlog1py": more_rules.xlog1py, "_xlogx": more_rules.xlogx,
    "_erfcx": more_rules.erfcx,
}  # fmt: skip
"""The functions of JAX's own, with derivatives of their own, that are rows here."""
OWN_INSIDE = {"_softmax", "_det", "_slogdet_lu", "_slogdet_small"}
"""Those whose derivative is that of what they compute, written more briefly."""
