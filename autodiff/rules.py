"""The table of operations: one row each, from which all that runs an operation derives. It goes on in ``more_rules``.

A row is ``name, primal, local derivative for each operand``; ``y`` is the output. ``ZERO`` says that it does not depend
on the operand. Numbers follow IEEE 754 as NumPy's do: nothing overflows into an exception.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from autodiff import primals
from autodiff.ieee import Ieee, inf, nan, quotient_by_zero, with_limit
from autodiff.operations import REALS, Interval, Operation
from autodiff.operations import SingularPoint as Point
from autodiff.registry import NOT_IN_TABLE, built_in, give_arithmetic, give_signs, operation
from autodiff.zeros import ZERO, no_dependence

UNIT, POSITIVE, BASE = Interval(-0.99, 0.99), Interval(0.01, 10.0), Interval(0.1, 4.0)
SPLIT_TIE = {(1.0, 1.0): Point(1.0, (0.5, 0.5)), (0.0, 0.0): Point(0.0, (0.5, 0.5))}

power: Operation
log: Operation
cos: Operation
cosh: Operation
sigmoid: Operation
silu: Operation  # named by rules that stand before their own row

# fmt: off
# Arithmetic. The quotient's rule -y/b stays right where -a/(b*b) underflows.
add = operation("add", operator.add, lambda a, b, y: 1.0, lambda a, b, y: 1.0, symbol="+")
subtract = operation("subtract", operator.sub, lambda a, b, y: 1.0, lambda a, b, y: -1.0, symbol="-")
multiply = operation("multiply", operator.mul, lambda a, b, y: b, lambda a, b, y: a, symbol="*")
divide = operation("divide", with_limit(operator.truediv, quotient_by_zero),
                   lambda a, b, y: 1 / b, lambda a, b, y: -y / b, symbol="/", domain=(REALS, POSITIVE))
negative = operation("negative", operator.neg, lambda x, y: -1.0, symbol="neg")
positive = operation("positive", operator.pos, lambda x, y: 1.0, symbol="pos")
power = operation("power", primals.power,
                  lambda x, n, y: _power_by_base(x, n),
                  lambda x, n, y: 0.0 if x == 0 and n >= 0 else y * log(x),
                  symbol="**", domain=(BASE, Interval(-3.0, 3.0)),
                  singular_points={
                      (0.0, 0.0): Point(1.0, (0.0, 0.0)), (0.0, 0.5): Point(0.0, (inf, 0.0)),
                      (0.0, 1.0): Point(0.0, (1.0, 0.0)), (0.0, 2.0): Point(0.0, (0.0, 0.0)),
                      (0.0, -1.0): Point(inf, (-inf, -inf)), (-2.0, 3.0): Point(-8.0, (12.0, nan)),
                      (-1.0, 0.5): Point(nan, (nan, nan))})

# Exponentials and logarithms.
exp = operation("exp", with_limit(math.exp, lambda x: inf), lambda x, y: y)
expm1 = operation("expm1", with_limit(math.expm1, lambda x: inf), lambda x, y: exp(x))
log = operation("log", with_limit(math.log, lambda x: -inf if x == 0 else nan), lambda x, y: 1 / x, domain=(POSITIVE,),
                singular_points={(0.0,): Point(-inf, (inf,)), (-1.0,): Point(nan, (-1.0,))})
log1p = operation("log1p", with_limit(math.log1p, lambda x: -inf if x == -1 else nan), lambda x, y: 1 / (1 + x),
                  domain=(Interval(-0.9, 10.0),), singular_points={(-1.0,): Point(-inf, (inf,))})
sqrt = operation("sqrt", with_limit(math.sqrt, lambda x: nan), lambda x, y: 0.5 / y, domain=(POSITIVE,),
                 singular_points={(0.0,): Point(0.0, (inf,)), (-1.0,): Point(nan, (nan,))})

# Trigonometric and hyperbolic functions.
sin = operation("sin", with_limit(math.sin, lambda x: nan), lambda x, y: cos(x))
cos = operation("cos", with_limit(math.cos, lambda x: nan), lambda x, y: -sin(x))
tan = operation("tan", with_limit(math.tan, lambda x: nan), lambda x, y: 1 + y * y, domain=(Interval(-1.5, 1.5),))
asin = operation("asin", with_limit(math.asin, lambda x: nan), lambda x, y: 1 / sqrt(one_minus_square(x)),
                 domain=(UNIT,), singular_points={(1.0,): Point(math.pi / 2, (inf,))}, ufunc="arcsin")
acos = operation("acos", with_limit(math.acos, lambda x: nan), lambda x, y: -1 / sqrt(one_minus_square(x)),
                 domain=(UNIT,), singular_points={(1.0,): Point(0.0, (-inf,))}, ufunc="arccos")
atan = operation("atan", math.atan, lambda x, y: 1 / (1 + x * x) if x * x < 1e16 else 1 / x / x, ufunc="arctan")
sinh = operation("sinh", with_limit(math.sinh, lambda x: math.copysign(inf, x)), lambda x, y: cosh(x))
cosh = operation("cosh", with_limit(math.cosh, lambda x: inf), lambda x, y: sinh(x))
tanh = operation("tanh", math.tanh, lambda x, y: 1 - y * y if y * y < 0.9 else _square_of_sech(x))

# Error function and activations. Far out, where 0 · inf would be nan, the limits.
erf = operation("erf", math.erf, lambda x, y: 2 / math.sqrt(math.pi) * _gaussian(x))
erfc = operation("erfc", math.erfc, lambda x, y: -2 / math.sqrt(math.pi) * _gaussian(x))
sigmoid = operation("sigmoid", lambda x: exp(x) / (1 + exp(x)) if x < 0 else 1 / (1 + exp(-x)),
                    lambda x, y: 0.5 / (1 + cosh(x)) if x * x < 1e-4 else y * sigmoid(-x), symbol="σ")
softplus = operation("softplus", lambda x: x + log1p(exp(-x)) if x > 0 else log1p(exp(x)), lambda x, y: sigmoid(x))
silu = operation("silu", lambda x: -0.0 if x < -800 else x * sigmoid(x),
                 lambda x, y: sigmoid(x) * (1 - silu(-x)) if x > 0 else sigmoid(x) + y * sigmoid(-x))
gelu = operation("gelu", lambda x: -0.0 if x < -40 else 0.5 * x * erfc(-x / math.sqrt(2)),
                 lambda x, y: (0.0 if x < 0 else 1.0) if x * x > 1600 else
                 0.5 * erfc(-x / math.sqrt(2)) + x * exp(-0.5 * x * x) / math.sqrt(2 * math.pi))
relu = operation("relu", lambda x: 0.0 if x <= 0 else x, lambda x, y: 1.0 if x > 0 else ZERO if x <= 0 else nan,
                 kinks=True, singular_points={(0.0,): Point(0.0, (0.0,))})
leaky_relu = operation("leaky_relu", lambda x, slope: slope * x if x <= 0 else x,
                       lambda x, slope, y: 1.0 if x > 0 else slope if x <= 0 else x * slope,
                       lambda x, slope, y: ZERO if x > 0 else x,
                       kinks=True, domain=(REALS, Interval(0.001, 0.5)), defaults=(0.01,),
                       singular_points={(0.0, 0.01): Point(0.0, (0.01, 0.0))})

# Choices. A tie of maximum and minimum splits the gradient in halves, so that maximum(x, x) has derivative 1.
absolute = operation("absolute", abs, lambda x, y: 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else nan,
                     symbol="abs", kinks=True,
                     singular_points={(0.0,): Point(0.0, (0.0,))})
maximum = operation("maximum", lambda a, b: a if a >= b or a != a else b,
                    lambda a, b, y: 1.0 if a > b else 0.5 if a == b else ZERO if b > a else nan,
                    lambda a, b, y: 1.0 if b > a else 0.5 if a == b else ZERO if a > b else nan,
                    symbol="max", kinks=True, singular_points=SPLIT_TIE)
minimum = operation("minimum", lambda a, b: a if a <= b or a != a else b,
                    lambda a, b, y: 1.0 if a < b else 0.5 if a == b else ZERO if b < a else nan,
                    lambda a, b, y: 1.0 if b < a else 0.5 if a == b else ZERO if a < b else nan,
                    symbol="min", kinks=True, singular_points=SPLIT_TIE)
where = operation("where", lambda condition, a, b: a if condition else b,
                  no_dependence, lambda condition, a, b, y: 1.0 if condition else ZERO,
                  lambda condition, a, b, y: ZERO if condition else 1.0, kinks=True)

# Any number of operands in ONE node: a sum, and a sum of products (first all left factors, then all right ones).
total = operation("total", primals.total, lambda operands, y: (1.0,) * len(operands), symbol="Σ", variadic=True)
dot = operation("dot", primals.dot, primals.swapped_halves, symbol="·", variadic=True)

# Lengths. At the origin, where the norm has a kink, the subgradient 0.
hypot = operation("hypot", lambda a, b: _hypot(abs(a), abs(b)),
                  lambda a, b, y: _part(a, b), lambda a, b, y: _part(b, a),
                  kinks=True, singular_points={(0.0, 0.0): Point(0.0, (0.0, 0.0))})
norm = operation("norm", primals.norm, primals.norm_rule, symbol="‖·‖", variadic=True, kinks=True)
# fmt: on


def _hypot(a: float, b: float) -> float:
    """The norm of two numbers that are not negative, scaled by the larger: no square over- or underflows."""
    big, small = (a, b) if a >= b else (b, a)
    if a == inf or b == inf:
        return inf
    return a + b if big == 0 else big * sqrt(1 + (small / big) * (small / big))


def _part(a: Any, b: Any) -> Any:
    """The derivative a / y of the norm y by a, of the quotient of the two alone; at the origin 0."""
    if a == 0 and b == 0:
        return 0.0
    if abs(a) > abs(b):
        ratio = b / a
        cosine = 1 / sqrt(1 + ratio * ratio)
        return cosine if a > 0 else -cosine
    ratio = a / b
    cosine = ratio / sqrt(1 + ratio * ratio)
    return cosine if b > 0 else -cosine


# Each of these keeps its digits and those of its own derivative, which second derivatives are made of.


def _power_by_base(x: Any, n: Any) -> Any:
    """The derivative n · x ** (n - 1). It is n / x where x ** n is 1, and x ** (n - 1) may overflow."""
    if x * x == 0 and n * n < 1e-32:
        return 0.0 if x == 0 and n == 0 else n / x
    if 2.0**53 <= abs(n) < inf and x < 0:  # n is even, and n - 1 is odd, but no float
        return -n * power(-x, n - 1)
    return n * power(x, n - 1)


def one_minus_square(x: Any) -> Any:
    """1 - x²: the second form has the digits near 1; the first one has a derivative, -2 · x, with digits near 0."""
    return 1 - x * x if x * x < 0.25 else (1 - x) * (1 + x)


def _square_of_sech(x: Any) -> Any:
    """1 - tanh(x)² where tanh is nearly 1, also where it is 1."""
    small = exp(-2 * abs(x))
    return 4 * small / ((1 + small) * (1 + small))


def _gaussian(x: Any) -> Any:
    """exp(-x²); 0 where that is nothing, so that its derivative is never 0 · inf."""
    return 0.0 if x * x > 800 else exp(-x * x)


# ── Beside the table ─────────────────────────────────────────────────────────────────────────────
# What only recorded programs hold: no functions of mathematics, and no methods of ``Value``.
# fmt: off
# The power with any exponent, as math and floats have it: what is elementary in the row above.
POW = Operation("pow", primals.any_power, *power.derivatives, ufunc="power")
# The number that an index chooses among the other operands; and a number whose history no gradient flows to.
SELECT = Operation("select", primals.chosen, primals.choice_rule, variadic=True)
DETACHED = Operation("detached", lambda x: x, no_dependence)
# The difference, which is 0 also where both are the same infinity.
DISTANCE = Operation("distance", lambda x, shift: 0.0 if x == shift else x - shift,
                     lambda x, shift, y: 1.0, lambda x, shift, y: -1.0)
# Comparisons as numbers: the conditions of rules that branch.
LESS = Operation("less", lambda a, b: 1.0 if a < b else 0.0, no_dependence, no_dependence)
LESS_EQUAL = Operation("less_equal", lambda a, b: 1.0 if a <= b else 0.0, no_dependence, no_dependence)
EQUAL = Operation("equal", lambda a, b: 1.0 if a == b else 0.0, no_dependence, no_dependence)
# fmt: on

NOT_IN_TABLE.update({row.name: row for row in (POW, SELECT, DETACHED, DISTANCE, LESS, LESS_EQUAL, EQUAL)})
built_in()
give_arithmetic(Ieee, {"add": add, "sub": subtract, "mul": multiply, "truediv": divide, "pow": power})
give_signs(Ieee, {"neg": negative, "pos": positive, "abs": absolute})
