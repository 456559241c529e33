"""Primals and rules of special functions: arithmetic and rows of the table, so that every backend runs this one text.

A & S is Abramowitz & Stegun, Handbook of Mathematical Functions (1964). Coefficients stand from the lowest power up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from autodiff.ieee import Ieee, inf, nan
from autodiff.registry import OPERATIONS
from autodiff.zeros import ZERO

PI = math.pi
WHOLE = 2.0**52
"""From here on, floats are whole numbers; and a float below is made whole by adding this, and taking it off again."""


def _row(name: str) -> Callable[..., Any]:
    """The row of that name, which is declared later: rules run on ``Value``s, which need its derivative."""
    return lambda *operands: OPERATIONS[name](*operands)


_exp, _expm1, _log, _log1p, _sqrt, _erf, _erfc = map(_row, ("exp", "expm1", "log", "log1p", "sqrt", "erf", "erfc"))
_sin, _cos, _tan, _atan2, _asinh = map(_row, ("sin", "cos", "tan", "atan2", "asinh"))
_mod, _floor_divide = map(_row, ("mod", "floor_divide"))
_atanh, _erfcx, _rint, _cospi = map(_row, ("atanh", "erfcx", "rint", "cospi"))


def in_ieee(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of floats that divides by zero as IEEE 754 says, where Python raises."""

    def primal(*numbers: Any) -> Any:
        try:
            return function(*numbers)
        except ArithmeticError:
            return float(function(*map(Ieee, numbers)))

    return primal


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """The sum of coefficients[i] · x**i, by Horner's rule."""
    return reduce(lambda sum_, coefficient: sum_ * x + coefficient, reversed(coefficients))


# ── Whole numbers, remainders, signs ─────────────────────────────────────────────────────────────


def rint(x: Any) -> Any:
    """The nearest whole number, of two the even one; with the sign of x, also if it is 0."""
    if abs(x) >= WHOLE:
        return x
    if x < 0:
        return -((WHOLE - x) - WHOLE)
    return (x + WHOLE) - WHOLE if x > 0 else x


def floor(x: Any) -> Any:
    """The greatest whole number that is not above x."""
    nearest = rint(x)
    return nearest - 1.0 if nearest > x else nearest


def ceil(x: Any) -> Any:
    """The least whole number that is not below x."""
    return -floor(-x)


def trunc(x: Any) -> Any:
    """The whole number towards 0."""
    return floor(x) if x >= 0 else ceil(x)


def floor_divide(a: Any, b: Any) -> Any:
    """The greatest whole number that is not above a / b, as Python and NumPy have it."""
    rest = _mod(a, b)
    if b == 0:
        return a / b
    if abs(b) == inf:
        return a / b if rest == a else -1.0 if abs(rest) == inf else rest
    quotient = _rint((a - rest) / b)
    return 0.0 * (a / b) if quotient == 0 else quotient


def fmod(a: Any, b: Any) -> Any:
    """The remainder with the sign of a, as C has it."""
    rest = _mod(abs(a), abs(b))
    return -rest if a < 0 else a if a == 0 and rest == 0 else rest


def towards_zero(a: Any, b: Any) -> Any:
    """The quotient without its fraction."""
    size = _floor_divide(abs(a), abs(b))
    return size if (a < 0) == (b < 0) else -size


def copysign(a: Any, b: Any) -> Any:
    """The size of a with the sign of b."""
    return -abs(a) if b < 0 or (b == 0 and 1 / b < 0) else abs(a)


def share_above(a: Any, b: Any) -> float:
    """The derivative of maximum(a, b) by a: a tie splits it in halves."""
    return 1.0 if a > b else 0.5 if a == b else ZERO if b > a else nan


def both(first: float, second: float) -> float:
    """The product of two such shares."""
    return ZERO if first is ZERO or second is ZERO else first * second


# ── Powers, logarithms, exponentials ─────────────────────────────────────────────────────────────


def cbrt(x: Any) -> Any:
    """The cube root: a power, and one step of Newton's method, scaled where squares and cubes would leave the range."""
    size = abs(x)
    if size == 0 or size == inf:
        return x
    factor, root_of_factor = 1.0, 1.0
    if size > 1e200:
        factor, root_of_factor = 2.0**-300, 2.0**100
    elif size < 1e-200:
        factor, root_of_factor = 2.0**300, 2.0**-100
    size = size * factor
    root = size ** (1 / 3)
    root = (root - (root * root * root - size) / (3 * root * root)) * root_of_factor
    return -root if x < 0 else root


def logaddexp(a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)), without overflow."""
    if a == b:
        return a + math.log(2)
    return a + _log1p(_exp(b - a)) if a > b else b + _log1p(_exp(a - b))


def xlogy(x: Any, y: Any) -> Any:
    """X · log(y), which is 0 for x = 0 whatever number y is."""
    return 0.0 if x == 0 and y == y else x * _log(y)


def xlog1py(x: Any, y: Any) -> Any:
    """X · log(1 + y), likewise."""
    return 0.0 if x == 0 and y == y else x * _log1p(y)


def logexpm1(x: Any) -> Any:
    """log(exp(x) - 1), the inverse of softplus, without overflow."""
    return _log(_expm1(x)) if x < 40 else x - _exp(-x)


def logsubexp(a: Any, b: Any) -> Any:
    """log(|exp(a) - exp(b)|), without overflow."""
    return (a if a >= b else b) + log1mexp(-abs(a - b))


def logsubexp_rule(rest: Any) -> Any:
    """Its derivative by an operand, 1 / (1 - exp(rest)), where rest is the other operand less this one."""
    return -1 / _expm1(rest) if rest < 0 else _exp(-rest) / _expm1(-rest)


ATANH = tuple(1 / (2 * k + 3) for k in range(18))


def log1pmx(x: Any) -> Any:
    """log(1 + x) - x; near 0, where that would cancel, by 2 · atanh(x / (2 + x)) and its power series, A & S 4.6.33."""
    if x > -0.5 and x < 1:
        s = x / (2 + x)
        return 2 * s * s * s * polynomial(s * s, ATANH) - s * x
    return _log1p(x) - x if x < 1e20 else -x


def logmxp1(x: Any) -> Any:
    """log(x) - x + 1, the same about 1."""
    return log1pmx(x - 1) if x > 0.5 and x < 2 else _log(x) - x + 1 if x < 1e20 else -x


def logit(x: Any) -> Any:
    """log(x / (1 - x)); around 1/2 by atanh of 2x - 1, which is exact there."""
    return 2 * _atanh(2 * x - 1) if x >= 0.25 and x <= 0.75 else _log(x / (1 - x))


def log1mexp(x: Any) -> Any:
    """log(1 - exp(x)) (M. Mächler, Accurately computing log(1 - exp(-|a|)), 2012)."""
    return _log(-_expm1(x)) if x > -math.log(2) else _log1p(-_exp(x))


# ── Angles ───────────────────────────────────────────────────────────────────────────────────────


def sinpi(x: Any) -> Any:
    """sin(πx), of a remainder of x that is exact: 0 at every whole number."""
    rest = x - 2 * _rint(0.5 * x)
    size = abs(rest)
    found = _sin(PI * size) if size <= 0.25 else _cos(PI * (size - 0.5)) if size <= 0.75 else _sin(PI * (1 - size))
    return -found if rest < 0 else found


def cospi(x: Any) -> Any:
    """cos(πx), of a remainder of x that is exact: 0 at every half of an odd number."""
    size = abs(x - 2 * _rint(0.5 * x))
    return _cos(PI * size) if size <= 0.25 else _sin(PI * (0.5 - size)) if size <= 0.75 else -_cos(PI * (1 - size))


DEGREE = PI / 180


def sind(x: Any) -> Any:
    """The sine of an angle in degrees, of a remainder that is exact: 0 at whole half turns."""
    turn = _mod(abs(x), 360.0)
    size = 360 - turn if turn > 180 else turn
    found = _sin(DEGREE * size) if size <= 45 else _cos(DEGREE * (size - 90))
    found = _sin(DEGREE * (180 - size)) if size > 135 else found
    return found if (x < 0) == (turn > 180) else -found


def cosd(x: Any) -> Any:
    """The cosine of an angle in degrees, of a remainder that is exact: 0 at odd quarter turns."""
    turn = _mod(abs(x), 360.0)
    size = 360 - turn if turn > 180 else turn
    found = _cos(DEGREE * size) if size <= 45 else _sin(DEGREE * (90 - size))
    return -_cos(DEGREE * (180 - size)) if size > 135 else found


SINC_SLOPE = tuple((-1) ** k * 2 * k * PI ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, 11))


def sinc(x: Any) -> Any:
    """sin(πx) / (πx); 1 at 0, and 0 at infinity."""
    return 1.0 if x == 0 else 0.0 if abs(x) == inf else sinpi(x) / (PI * x)


def sinc_rule(x: Any, y: Any) -> Any:
    """Its derivative; near 0, where that would cancel, by its power series."""
    return 0.0 if abs(x) == inf else x * polynomial(x * x, SINC_SLOPE) if abs(x) < 0.3 else (_cospi(x) - y) / x


def over_square(a: Any, b: Any) -> Any:
    """The quotient a / (a² + b²), of the quotient of the two, so that no square over- or underflows."""
    if abs(b) > abs(a):
        return a / b / b / (1 + (a / b) * (a / b))
    return 1 / a / (1 + (b / a) * (b / a))


def over_square_by_a(a: Any, b: Any) -> Any:
    """Its derivative (b² - a²) / (a² + b²)², of the exact difference; 0 where a difference may overflow."""
    big, ratio = (b, a / b) if abs(b) > abs(a) else (a, b / a)
    if abs(big) > 1e200:
        return 0.0 * ratio
    return (b - a) / big * ((b + a) / big) / (1 + ratio * ratio) / (1 + ratio * ratio) / big / big


def over_square_by_b(a: Any, b: Any) -> Any:
    """Its derivative -2ab / (a² + b²)²."""
    big, ratio = (b, a / b) if abs(b) > abs(a) else (a, b / a)
    return -2 * ratio / (1 + ratio * ratio) / (1 + ratio * ratio) / big / big


def asec(x: Any) -> Any:
    """acos(1/x), by a quotient that keeps its digits near 1 and -1."""
    return _atan2(_sqrt(abs(x) - 1) * _sqrt(abs(x) + 1), 1.0 if x > 0 else -1.0)


def acsc(x: Any) -> Any:
    """asin(1/x), likewise."""
    return _atan2(1.0 if x > 0 else -1.0, _sqrt(abs(x) - 1) * _sqrt(abs(x) + 1))


def asech(x: Any) -> Any:
    """acosh(1/x), by forms that keep their digits near 1 and near 0."""
    root = _sqrt((1 - x) * (1 + x))
    return _log(1 + root) - _log(x) if x < 0.5 else _atanh(root)


def acsch(x: Any) -> Any:
    """asinh(1/x); near 0, where 1/x may overflow, it is log(2/|x|)."""
    if abs(x) > 1e-9:
        return _asinh(1 / x)
    return math.log(2) - _log(x) if x > 0 else _log(-x) - math.log(2) if x < 0 else 1 / x


def acoth(x: Any) -> Any:
    """atanh(1/x), by a logarithm that keeps its digits near 1 and -1."""
    return 0.5 * _log1p(2 / (x - 1)) if x > 0 else -0.5 * _log1p(2 / (-x - 1))


# ── The gamma function ───────────────────────────────────────────────────────────────────────────

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
"""A & S 6.1.41, of 1/x²."""
AROUND_TWO = (
    0.0, 0.42278433509846713, 0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986,
    0.0028905103307415234, -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939,
    9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06,
    4.374866789907488e-06, -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07,
    2.1207184805554665e-07, -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08,
    1.0838659214896955e-08, -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09,
    5.731367241678862e-10, -2.7595228851242334e-10,
)  # fmt: skip
"""A & S 6.1.33 without its logarithm, of x - 2: 1 - γ, then (-1)**n (ζ(n) - 1) / n."""
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
ASYMPTOTIC = 10
"""From here on asymptotic series are exact enough; smaller numbers are raised by recurrence."""


def lgamma(x: Any) -> Any:
    """The logarithm of |Γ(x)|; exact to the last digits also around its zeros at 1 and 2."""
    if abs(x) < 0.5:
        return polynomial(x, AROUND_TWO) - _log1p(x) - _log(abs(x))
    if x <= -WHOLE:
        return inf
    if x < 0:  # A & S 6.1.17
        return _log(PI / abs(x * _sin(PI * (x - _rint(x))))) - _lgamma_above_half(-x)
    return _lgamma_above_half(x)


def _lgamma_above_half(x: Any) -> Any:
    if x < 1.5:
        return polynomial(x - 1, AROUND_TWO) - _log(x)
    if x >= 8:
        return (x - 0.5) * (_log(x) - 1) + (0.5 * math.log(2 * PI) - 0.5) + polynomial(1 / x / x, STIRLING) / x
    x, product = _lowered(x)
    return _log(product) + polynomial(x - 2, AROUND_TWO)


def _lowered(x: Any) -> tuple[Any, Any]:
    """A number up to 2.5, and the quotient of the gamma function of x, below 8, and of that number."""
    product = 1.0
    for _ in range(6):
        if x > 2.5:
            x = x - 1
            product = product * x
    return x, product


def gamma(x: Any) -> Any:
    """The gamma function Γ(x); nan at its poles below 0."""
    if abs(x) < 0.5:
        return _exp(polynomial(x, AROUND_TWO)) / (1 + x) / x
    if x < 0:  # A & S 6.1.17
        whole = _rint(x)
        if x == whole:
            return nan
        factor, other = _gamma_factors(-x)
        return -PI / (x * (1 - 2 * _mod(whole, 2.0)) * _sin(PI * (x - whole))) / factor / other
    factor, other = _gamma_factors(x)
    return factor * other


def _gamma_factors(x: Any) -> tuple[Any, Any]:
    """Two numbers whose product is Γ(x) for x above 1/2: Γ may overflow where its reciprocal does not underflow."""
    if x < 1.5:
        return _exp(polynomial(x - 1, AROUND_TWO)), 1 / x
    if x < 8:
        low, product = _lowered(x)
        return _exp(polynomial(low - 2, AROUND_TWO)), product
    if x > 200:
        return x * inf, 1.0
    root = x ** (0.5 * x - 0.25)  # A & S 6.1.37
    return root, root * _exp(-x) * (math.sqrt(2 * PI) * _exp(polynomial(1 / x / x, STIRLING) / x))


def digamma(x: Any) -> Any:
    """Γ'(x) / Γ(x); nan at its poles below 0."""
    if x < -0.5:  # A & S 6.3.7
        rest = x - _rint(x)
        return nan if rest == 0 else _raised(_digamma_far, _digamma_step, 1 - x) - PI / _tan(PI * rest)
    return _raised(_digamma_far, _digamma_step, x)


def trigamma(x: Any) -> Any:
    """The derivative of digamma."""
    if x < -0.5:  # A & S 6.4.7
        root = PI / _sin(PI * (x - _rint(x)))
        return root * root - _raised(_trigamma_far, _trigamma_step, 1 - x)
    return _raised(_trigamma_far, _trigamma_step, x)


def tetragamma(x: Any) -> Any:
    """The derivative of trigamma."""
    if x < -0.5:
        rest = PI * (x - _rint(x))
        root = PI / _sin(rest)
        return _raised(_tetragamma_far, _tetragamma_step, 1 - x) - 2 * PI * root * root / _tan(rest)
    return _raised(_tetragamma_far, _tetragamma_step, x)


def _raised(far: Callable[..., Any], step: Callable[..., Any], x: Any) -> Any:
    """The function of a number above -1/2: far(x), or that of x + 10 and ten steps down, the small ones first."""
    if x >= ASYMPTOTIC:
        return far(x)
    return reduce(lambda sum_, k: sum_ + step(x + k), range(ASYMPTOTIC - 1, -1, -1), far(x + ASYMPTOTIC))


def _digamma_far(x: Any) -> Any:
    terms = tuple(number / (2 * k) for k, number in enumerate(BERNOULLI, 1))
    return _log(x) - 0.5 / x - polynomial(1 / x / x, terms) / x / x  # A & S 6.3.18


def _digamma_step(x: Any) -> Any:
    return -1 / x  # 6.3.5


def _trigamma_far(x: Any) -> Any:
    return (1 + 0.5 / x + polynomial(1 / x / x, BERNOULLI) / x / x) / x  # 6.4.12


def _trigamma_step(x: Any) -> Any:
    return 1 / x / x


def _tetragamma_far(x: Any) -> Any:
    terms = tuple((2 * k + 1) * number for k, number in enumerate(BERNOULLI, 1))
    return -(1 + 1 / x + polynomial(1 / x / x, terms) / x / x) / x / x  # 6.4.13


def _tetragamma_step(x: Any) -> Any:
    return -2 / x / x / x


# ── The error function ───────────────────────────────────────────────────────────────────────────

FAR = 20
"""From here on erfcx is its asymptotic series, A & S 7.1.23."""
ERFCX_FAR = (1.0, -1.0, 3.0, -15.0, 105.0, -945.0, 10395.0, -135135.0, 2027025.0)
DEPTH = 40
"""Of the continued fraction for the slope of erfcx."""
CENTRAL = (
    1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-06, -3.5233877e-06,
    3.43273939e-07, 2.81022636e-08,
)  # fmt: skip
"""M. Giles, Approximating the erfinv function (GPU Computing Gems 2, 2012), for single precision."""


def erfcx(x: Any) -> Any:
    """exp(x²) · erfc(x); x² is split so that its exponential loses no digits (T. Dekker, 1971)."""
    if x < -27:
        return inf
    if x > FAR:
        return _erfcx_far(x)
    head = 134217729.0 * x
    head = head - (head - x)
    return _exp(head * head) * _exp((x - head) * (x + head)) * _erfc(x)


def _erfcx_far(x: Any) -> Any:
    return polynomial(0.5 / x / x, ERFCX_FAR) / (math.sqrt(PI) * x)


def erfcx_rule(x: Any, y: Any) -> Any:
    """2xy - 2/√π; where that would cancel, by the continued fraction that A & S 7.2.5 makes of repeated integrals."""
    if x < 3:
        return 2 * x * y - 2 / math.sqrt(PI)
    ratio = reduce(lambda ratio, n: 1 / (2 * x + 2 * n * ratio), range(DEPTH, 2, -1), 0.0)
    return -2 * y / (2 * x + 4 * ratio)


def erfinv(x: Any) -> Any:
    """The number whose error function is x: an approximation, improved by Newton's steps; in the tails on log(erfc)."""
    size = abs(x)
    if size >= 1:
        return x * inf if size == 1 else nan
    y = _inverse(size, 1 - size)
    return -y if x < 0 else y


def erfcinv(x: Any) -> Any:
    """The number whose complementary error function is x."""
    if x <= 0 or x >= 2:
        return inf if x == 0 else -inf if x == 2 else nan
    return _inverse(1 - x, x) if x <= 1 else -_inverse(x - 1, 2 - x)


def _inverse(size: Any, rest: Any) -> Any:
    """The number y of which erf(y) is the size, and erfc(y) the rest."""
    if size < 0.96:
        y = size * polynomial(-_log(rest * (1 + size)) - 2.5, CENTRAL)
        for _ in range(2):
            error = _erf(y) - size if size < 0.5 else rest - _erfc(y)
            y = y - error * (0.5 * math.sqrt(PI)) * _exp(y * y)
        return y
    y = _sqrt(-_log(rest) - 0.5 * _log(-PI * _log(rest)))  # of erfc(y) ≈ exp(-y²) / (y√π)
    for _ in range(3):
        if rest > 1e-200:
            y = y + _log(_erfc(y) / rest) * (0.5 * math.sqrt(PI)) * (_exp(y * y) * _erfc(y))
        else:  # erfc(y) may be subnormal
            scaled = _erfcx_far(y)
            y = y + (_log(scaled) - y * y - _log(rest)) * (0.5 * math.sqrt(PI)) * scaled
    return y


def erfinv_rule(x: Any, y: Any) -> Any:
    """√π/2 · exp(y²); in the tails by erfcx, since the exponential would multiply the rounding of y."""
    size = abs(x)
    if size < 0.5 or size >= 1:
        return 0.5 * math.sqrt(PI) * _exp(y * y)
    return 0.5 * math.sqrt(PI) * _erfcx(abs(y)) / (1 - size)


def erfcinv_rule(x: Any, y: Any) -> Any:
    """-√π/2 · exp(y²), likewise; but next to 0, where squares of x would underflow."""
    rest = 2 - x if x > 1 else x
    if rest > 0.5 or rest < 1e-150:
        return -0.5 * math.sqrt(PI) * _exp(y * y)
    return -0.5 * math.sqrt(PI) * _erfcx(abs(y)) / rest
