"""The table of operations, continued: roundings, other bases, angles, reciprocals, special functions.

Rows as in ``rules``. A primal or rule of more than a line is in ``special``, with its source.
"""

from __future__ import annotations

import math
import operator

from autodiff import special
from autodiff.ieee import inf, nan, with_limit
from autodiff.operations import REALS, Interval, Operation
from autodiff.operations import SingularPoint as Point
from autodiff.registry import NOT_IN_TABLE, built_in, operation
from autodiff.zeros import no_dependence

# isort: off
from autodiff.rules import (
    DISTANCE, POSITIVE, UNIT, one_minus_square, acos, asin, atan, cos, cosh, exp, expm1, hypot, log, log1p, maximum,
    minimum, sigmoid, sin, sinh, sqrt, tan, tanh,
)  # fmt: skip
# isort: on

BEYOND_ONE = Interval(1.01, 10.0)

cospi: Operation
csch: Operation
cosd: Operation
OVER_SQUARE: Operation  # named by rules that stand before their rows

# fmt: off
# Whole numbers and signs. What is constant between its jumps has the derivative 0, a number, at them too.
STEPS, STEPS_OF_TWO = (lambda x, y: 0.0 if y == y else nan), (lambda a, b, y: 0.0 if y == y else nan)
floor = operation("floor", special.floor, STEPS, kinks=True)
ceil = operation("ceil", special.ceil, STEPS, kinks=True)
trunc = operation("trunc", special.trunc, STEPS, kinks=True)
rint = operation("rint", special.rint, STEPS, kinks=True)
sign = operation("sign", lambda x: 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else nan,
                 STEPS, kinks=True, singular_points={(0.0,): Point(0.0, (0.0,))})
floor_divide = operation("floor_divide", special.in_ieee(special.floor_divide), STEPS_OF_TWO, STEPS_OF_TWO,
                         symbol="//", kinks=True, domain=(REALS, POSITIVE))
mod = operation("mod", with_limit(operator.mod, lambda a, b: nan), lambda a, b, y: 1.0 if y == y else nan,
                lambda a, b, y: -floor_divide(a, b),
                symbol="%", kinks=True, domain=(REALS, POSITIVE), ufunc="remainder")
fmod = operation("fmod", special.fmod, lambda a, b, y: 1.0 if y == y else nan,
                 lambda a, b, y: -special.towards_zero(a, b) if y == y else nan, kinks=True, domain=(REALS, POSITIVE))
copysign = operation("copysign", special.in_ieee(special.copysign), lambda a, b, y: sign(a) * sign(y), STEPS_OF_TWO,
                     kinks=True, domain=(POSITIVE, REALS))
clip = operation("clip", lambda x, low, high: minimum(maximum(x, low), high),
                 lambda x, low, high, y: special.both(special.share_above(x, low), special.share_above(high, x)),
                 lambda x, low, high, y: special.both(special.share_above(low, x), special.share_above(high, low)),
                 lambda x, low, high, y: special.share_above(maximum(x, low), high),
                 kinks=True, domain=(REALS, Interval(-6.0, -1.0), Interval(1.0, 6.0)))

# Powers, exponentials and logarithms of other bases.
square = operation("square", lambda x: x * x, lambda x, y: 2 * x)
reciprocal = operation("reciprocal", special.in_ieee(lambda x: 1 / x), lambda x, y: -y * y, domain=(POSITIVE,),
                       singular_points={(0.0,): Point(inf, (-inf,))})
cbrt = operation("cbrt", special.cbrt, lambda x, y: 1 / y / y / 3, domain=(POSITIVE,),
                 singular_points={(0.0,): Point(0.0, (inf,))})
exp10 = operation("exp10", with_limit(lambda x: 10.0**x, lambda x: inf), lambda x, y: y * math.log(10))
exp2 = operation("exp2", with_limit(lambda x: 2.0**x, lambda x: inf), lambda x, y: y * math.log(2))
log2 = operation("log2", with_limit(math.log2, lambda x: -inf if x == 0 else nan), lambda x, y: 1 / math.log(2) / x,
                 domain=(POSITIVE,), singular_points={(0.0,): Point(-inf, (inf,))})
log10 = operation("log10", with_limit(math.log10, lambda x: -inf if x == 0 else nan), lambda x, y: 1 / math.log(10) / x,
                  domain=(POSITIVE,), singular_points={(0.0,): Point(-inf, (inf,))})
logaddexp = operation("logaddexp", special.logaddexp, lambda a, b, y: sigmoid(DISTANCE(a, b)),
                      lambda a, b, y: sigmoid(DISTANCE(b, a)))
log1mexp = operation("log1mexp", special.log1mexp, lambda x, y: -exp(x) / abs(expm1(x)),
                     domain=(Interval(-10.0, -0.01),), singular_points={(0.0,): Point(-inf, (-inf,))})
logit = operation("logit", special.in_ieee(special.logit), lambda x, y: 1 / (x * (1 - x)) if x * x > 1e-300 else 1 / x,
                  domain=(Interval(0.01, 0.99),),
                  singular_points={(0.0,): Point(-inf, (inf,)), (1.0,): Point(inf, (inf,))})
xlogy = operation("xlogy", special.xlogy, lambda x, z, y: log(z), lambda x, z, y: 0.0 if x == 0 and z == 0 else x / z,
                  domain=(POSITIVE, POSITIVE), singular_points={(0.0, 0.0): Point(0.0, (-inf, 0.0))})

xlog1py = operation("xlog1py", special.xlog1py, lambda x, z, y: log1p(z),
                    lambda x, z, y: 0.0 if x == 0 and z == -1 else x / (1 + z),
                    domain=(POSITIVE, Interval(-0.9, 10.0)), singular_points={(0.0, -1.0): Point(0.0, (-inf, 0.0))})
xlogx = operation("xlogx", lambda x: special.xlogy(x, x), lambda x, y: 1 + log(x), domain=(POSITIVE,),
                  singular_points={(0.0,): Point(0.0, (-inf,))})
logsubexp = operation("logsubexp", special.logsubexp, lambda a, b, y: special.logsubexp_rule(b - a),
                      lambda a, b, y: special.logsubexp_rule(a - b), domain=(Interval(3.0, 10.0), Interval(-10.0, 2.0)))
logexpm1 = operation("logexpm1", special.logexpm1, lambda x, y: special.logsubexp_rule(-x), domain=(POSITIVE,),
                     singular_points={(0.0,): Point(-inf, (inf,))})
log2mexp = operation("log2mexp", lambda x: log1p(-expm1(x)), lambda x, y: -exp(x) / (1 - expm1(x)),
                     domain=(Interval(-10.0, 0.6),))
log1psq = operation("log1psq", lambda x: log1p(x * x) if x * x < 1e16 else 2 * log(abs(x)),
                    lambda x, y: 2 * OVER_SQUARE(x, 1.0))
log1pmx = operation("log1pmx", special.log1pmx, lambda x, y: -x / (1 + x) if x < 1 else 1 / (1 + x) - 1,
                    domain=(Interval(-0.9, 10.0),))
logmxp1 = operation("logmxp1", special.logmxp1, lambda x, y: (1 - x) / x if x < 2 else 1 / x - 1, domain=(POSITIVE,))

# Angles: of two coordinates, in half turns, in degrees.
atan2 = operation("atan2", math.atan2, lambda a, b, y: OVER_SQUARE(b, a),
                  lambda a, b, y: -OVER_SQUARE(a, b), domain=(POSITIVE, POSITIVE), ufunc="arctan2",
                  singular_points={(0.0, 0.0): Point(0.0, (nan, nan))})
sinpi = operation("sinpi", special.sinpi, lambda x, y: math.pi * cospi(x))
cospi = operation("cospi", special.cospi, lambda x, y: -math.pi * sinpi(x))
sinc = operation("sinc", special.sinc, special.sinc_rule)
deg2rad = operation("deg2rad", lambda x: x * (math.pi / 180), lambda x, y: math.pi / 180)
rad2deg = operation("rad2deg", lambda x: x * (180 / math.pi), lambda x, y: 180 / math.pi)

# Reciprocals of trigonometric and hyperbolic functions, and what is inverse to them.
sec = operation("sec", lambda x: 1 / cos(x), lambda x, y: y * tan(x), domain=(Interval(-1.5, 1.5),))
cot = operation("cot", special.in_ieee(lambda x: 1 / tan(x)), lambda x, y: -1 - y * y, domain=(Interval(0.05, 3.0),))
csc = operation("csc", special.in_ieee(lambda x: 1 / sin(x)), lambda x, y: -y * cot(x), domain=(Interval(0.05, 3.0),))
asec = operation("asec", special.asec, lambda x, y: 1 / abs(x) / sqrt(abs(x) - 1) / sqrt(abs(x) + 1),
                 domain=(BEYOND_ONE,), singular_points={(1.0,): Point(0.0, (inf,))})
acsc = operation("acsc", special.acsc, lambda x, y: -1 / abs(x) / sqrt(abs(x) - 1) / sqrt(abs(x) + 1),
                 domain=(BEYOND_ONE,), singular_points={(1.0,): Point(math.pi / 2, (-inf,))})
acot = operation("acot", special.in_ieee(lambda x: atan(1 / x)),
                 lambda x, y: -1 / (1 + x * x) if x * x < 1e16 else -1 / x / x, domain=(POSITIVE,))
asinh = operation("asinh", math.asinh, lambda x, y: 1 / hypot(1.0, x), ufunc="arcsinh")
acosh = operation("acosh", with_limit(math.acosh, lambda x: nan), lambda x, y: 1 / sqrt(x - 1) / sqrt(x + 1),
                  domain=(BEYOND_ONE,), ufunc="arccosh", singular_points={(1.0,): Point(0.0, (inf,))})
atanh = operation("atanh", with_limit(math.atanh, lambda x: math.copysign(inf, x) if abs(x) == 1 else nan),
                  lambda x, y: 1 / one_minus_square(x), domain=(UNIT,), ufunc="arctanh",
                  singular_points={(1.0,): Point(inf, (inf,)), (-1.0,): Point(-inf, (inf,))})
sech = operation("sech", lambda x: 1 / cosh(x), lambda x, y: -y * tanh(x))
coth = operation("coth", special.in_ieee(lambda x: 1 / tanh(x)), lambda x, y: -csch(x) * csch(x),
                 domain=(POSITIVE,))
csch = operation("csch", special.in_ieee(lambda x: 1 / sinh(x)), lambda x, y: -y * coth(x), domain=(POSITIVE,))
asech = operation("asech", special.asech, lambda x, y: -1 / x / sqrt(1 - x) / sqrt(1 + x) if x * x > 1e-300 else -1 / x,
                  domain=(Interval(0.01, 0.99),),
                  singular_points={(1.0,): Point(0.0, (-inf,)), (0.0,): Point(inf, (-inf,))})
acsch = operation("acsch", special.in_ieee(special.acsch), lambda x, y: -1 / abs(x) / hypot(1.0, x),
                  domain=(POSITIVE,))
acoth = operation("acoth", special.in_ieee(special.acoth), lambda x, y: 1 / (1 - x) / (1 + x), domain=(BEYOND_ONE,),
                  singular_points={(1.0,): Point(inf, (inf,))})

# Angles in degrees. Those of multiples of 90 are exact.
DEGREE = special.DEGREE
TURN = Interval(-85.0, 85.0)
sind = operation("sind", special.sind, lambda x, y: DEGREE * cosd(x), domain=(Interval(-400.0, 400.0),))
cosd = operation("cosd", special.cosd, lambda x, y: -DEGREE * sind(x), domain=(Interval(-400.0, 400.0),))
tand = operation("tand", special.in_ieee(lambda x: sind(x) / cosd(x)), lambda x, y: DEGREE * (1 + y * y),
                 domain=(TURN,))
secd = operation("secd", special.in_ieee(lambda x: 1 / cosd(x)), lambda x, y: DEGREE * y * tand(x), domain=(TURN,))
cotd = operation("cotd", special.in_ieee(lambda x: cosd(x) / sind(x)), lambda x, y: -DEGREE * (1 + y * y),
                 domain=(Interval(5.0, 175.0),))
cscd = operation("cscd", special.in_ieee(lambda x: 1 / sind(x)), lambda x, y: -DEGREE * y * cotd(x),
                 domain=(Interval(5.0, 175.0),))
asind = operation("asind", lambda x: asin(x) / DEGREE, lambda x, y: 1 / DEGREE / sqrt(one_minus_square(x)),
                  domain=(UNIT,), singular_points={(1.0,): Point(90.0, (inf,))})
acosd = operation("acosd", lambda x: acos(x) / DEGREE, lambda x, y: -1 / DEGREE / sqrt(one_minus_square(x)),
                  domain=(UNIT,), singular_points={(1.0,): Point(0.0, (-inf,))})
atand = operation("atand", lambda x: atan(x) / DEGREE, lambda x, y: OVER_SQUARE(1.0, x) / DEGREE)
asecd = operation("asecd", lambda x: asec(x) / DEGREE,
                  lambda x, y: 1 / DEGREE / abs(x) / sqrt(abs(x) - 1) / sqrt(abs(x) + 1),
                  domain=(BEYOND_ONE,), singular_points={(1.0,): Point(0.0, (inf,))})
acscd = operation("acscd", lambda x: acsc(x) / DEGREE,
                  lambda x, y: -1 / DEGREE / abs(x) / sqrt(abs(x) - 1) / sqrt(abs(x) + 1),
                  domain=(BEYOND_ONE,), singular_points={(1.0,): Point(90.0, (-inf,))})
acotd = operation("acotd", lambda x: acot(x) / DEGREE, lambda x, y: -OVER_SQUARE(1.0, x) / DEGREE, domain=(POSITIVE,))

# Special functions.
trigamma = operation("trigamma", special.in_ieee(special.trigamma), lambda x, y: special.tetragamma(x),
                     domain=(Interval(0.1, 10.0),))
digamma = operation("digamma", special.in_ieee(special.digamma), lambda x, y: trigamma(x), domain=(POSITIVE,))
lgamma = operation("lgamma", special.in_ieee(special.lgamma), lambda x, y: digamma(x), domain=(POSITIVE,))
erfcx = operation("erfcx", special.erfcx, special.erfcx_rule, domain=(Interval(-4.0, 10.0),))
gamma = operation("gamma", special.in_ieee(special.gamma), lambda x, y: y * digamma(x), domain=(POSITIVE,))
erfcinv = operation("erfcinv", special.erfcinv, special.erfcinv_rule, domain=(Interval(0.01, 1.99),),
                    singular_points={(0.0,): Point(inf, (-inf,)), (2.0,): Point(-inf, (-inf,))})
erfinv = operation("erfinv", special.erfinv, special.erfinv_rule, domain=(UNIT,),
                   singular_points={(1.0,): Point(inf, (inf,)), (-1.0,): Point(-inf, (inf,))})

# Beside the table, since a derivative made of quotients would cancel where a is about b: the rule of atan2.
OVER_SQUARE = Operation("over_square", special.in_ieee(special.over_square),
                        lambda a, b, y: special.over_square_by_a(a, b), lambda a, b, y: special.over_square_by_b(a, b))
# A choice as array frameworks differentiate it: what is not chosen gets the gradient 0, a number and no symbolic zero.
CHOOSE = Operation("choose", lambda condition, a, b: a if condition else b, no_dependence,
                   lambda condition, a, b, y: 1.0 if condition else 0.0,
                   lambda condition, a, b, y: 0.0 if condition else 1.0, symbol="where")
# fmt: on

NOT_IN_TABLE.update({row.name: row for row in (OVER_SQUARE, CHOOSE)})
built_in()
