"""Made from the table by ``python -m docs.declarations``: what type checkers know of operations. Not to be edited."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from autodiff.operations import Operation
from autodiff.value import Value

Plain: TypeAlias = float | Fraction | Decimal | np.floating[Any] | np.integer[Any] | np.bool
"""A real number that records nothing."""
Number: TypeAlias = Value | Plain
"""What an operand may be."""
Values: TypeAlias = NDArray[np.object_]
"""An array of ``Value``s, as NumPy makes it of one and an array."""

__all__ = ['Declared', 'absolute', 'acos', 'acosd', 'acosh', 'acot', 'acotd', 'acoth', 'acsc', 'acscd', 'acsch', 'asec', 'asecd', 'asech', 'asin', 'asind', 'asinh', 'atan', 'atan2', 'atand', 'atanh', 'cbrt', 'ceil', 'clip', 'copysign', 'cos', 'cosd', 'cosh', 'cospi', 'cot', 'cotd', 'coth', 'csc', 'cscd', 'csch', 'cumsum', 'deg2rad', 'digamma', 'dot', 'erf', 'erfc', 'erfcinv', 'erfcx', 'erfinv', 'exp', 'exp10', 'exp2', 'expm1', 'floor', 'floor_divide', 'fmod', 'gamma', 'gelu', 'hypot', 'largest', 'leaky_relu', 'lgamma', 'log', 'log10', 'log1mexp', 'log1p', 'log1pmx', 'log1psq', 'log2', 'log2mexp', 'log_softmax', 'log_sum_exp', 'logaddexp', 'logexpm1', 'logit', 'logmxp1', 'logsubexp', 'maximum', 'mean', 'minimum', 'mod', 'norm', 'power', 'prod', 'rad2deg', 'reciprocal', 'relu', 'rint', 'sec', 'secd', 'sech', 'sigmoid', 'sign', 'silu', 'sin', 'sinc', 'sind', 'sinh', 'sinpi', 'smallest', 'softmax', 'softplus', 'sqrt', 'square', 'std', 'tan', 'tand', 'tanh', 'total', 'trigamma', 'trunc', 'var', 'where', 'xlog1py', 'xlogx', 'xlogy']

class Declared:
    def add(self, b: Number, /) -> Value: ...
    def subtract(self, b: Number, /) -> Value: ...
    def multiply(self, b: Number, /) -> Value: ...
    def divide(self, b: Number, /) -> Value: ...
    def negative(self, /) -> Value: ...
    def positive(self, /) -> Value: ...
    def power(self, n: Number, /) -> Value: ...
    def exp(self, /) -> Value: ...
    def expm1(self, /) -> Value: ...
    def log(self, /) -> Value: ...
    def log1p(self, /) -> Value: ...
    def sqrt(self, /) -> Value: ...
    def sin(self, /) -> Value: ...
    def cos(self, /) -> Value: ...
    def tan(self, /) -> Value: ...
    def asin(self, /) -> Value: ...
    def arcsin(self, /) -> Value: ...
    def acos(self, /) -> Value: ...
    def arccos(self, /) -> Value: ...
    def atan(self, /) -> Value: ...
    def arctan(self, /) -> Value: ...
    def sinh(self, /) -> Value: ...
    def cosh(self, /) -> Value: ...
    def tanh(self, /) -> Value: ...
    def erf(self, /) -> Value: ...
    def erfc(self, /) -> Value: ...
    def sigmoid(self, /) -> Value: ...
    def softplus(self, /) -> Value: ...
    def silu(self, /) -> Value: ...
    def gelu(self, /) -> Value: ...
    def relu(self, /) -> Value: ...
    def leaky_relu(self, slope: Number = 0.01, /) -> Value: ...
    def absolute(self, /) -> Value: ...
    def maximum(self, b: Number, /) -> Value: ...
    def minimum(self, b: Number, /) -> Value: ...
    def where(self, a: Number, b: Number, /) -> Value: ...
    def hypot(self, b: Number, /) -> Value: ...
    def floor(self, /) -> Value: ...
    def ceil(self, /) -> Value: ...
    def trunc(self, /) -> Value: ...
    def rint(self, /) -> Value: ...
    def sign(self, /) -> Value: ...
    def floor_divide(self, b: Number, /) -> Value: ...
    def mod(self, b: Number, /) -> Value: ...
    def remainder(self, b: Number, /) -> Value: ...
    def fmod(self, b: Number, /) -> Value: ...
    def copysign(self, b: Number, /) -> Value: ...
    def clip(self, low: Number, high: Number, /) -> Value: ...
    def square(self, /) -> Value: ...
    def reciprocal(self, /) -> Value: ...
    def cbrt(self, /) -> Value: ...
    def exp10(self, /) -> Value: ...
    def exp2(self, /) -> Value: ...
    def log2(self, /) -> Value: ...
    def log10(self, /) -> Value: ...
    def logaddexp(self, b: Number, /) -> Value: ...
    def log1mexp(self, /) -> Value: ...
    def logit(self, /) -> Value: ...
    def xlogy(self, z: Number, /) -> Value: ...
    def xlog1py(self, z: Number, /) -> Value: ...
    def xlogx(self, /) -> Value: ...
    def logsubexp(self, b: Number, /) -> Value: ...
    def logexpm1(self, /) -> Value: ...
    def log2mexp(self, /) -> Value: ...
    def log1psq(self, /) -> Value: ...
    def log1pmx(self, /) -> Value: ...
    def logmxp1(self, /) -> Value: ...
    def atan2(self, b: Number, /) -> Value: ...
    def arctan2(self, b: Number, /) -> Value: ...
    def sinpi(self, /) -> Value: ...
    def cospi(self, /) -> Value: ...
    def sinc(self, /) -> Value: ...
    def deg2rad(self, /) -> Value: ...
    def rad2deg(self, /) -> Value: ...
    def sec(self, /) -> Value: ...
    def cot(self, /) -> Value: ...
    def csc(self, /) -> Value: ...
    def asec(self, /) -> Value: ...
    def acsc(self, /) -> Value: ...
    def acot(self, /) -> Value: ...
    def asinh(self, /) -> Value: ...
    def arcsinh(self, /) -> Value: ...
    def acosh(self, /) -> Value: ...
    def arccosh(self, /) -> Value: ...
    def atanh(self, /) -> Value: ...
    def arctanh(self, /) -> Value: ...
    def sech(self, /) -> Value: ...
    def coth(self, /) -> Value: ...
    def csch(self, /) -> Value: ...
    def asech(self, /) -> Value: ...
    def acsch(self, /) -> Value: ...
    def acoth(self, /) -> Value: ...
    def sind(self, /) -> Value: ...
    def cosd(self, /) -> Value: ...
    def tand(self, /) -> Value: ...
    def secd(self, /) -> Value: ...
    def cotd(self, /) -> Value: ...
    def cscd(self, /) -> Value: ...
    def asind(self, /) -> Value: ...
    def acosd(self, /) -> Value: ...
    def atand(self, /) -> Value: ...
    def asecd(self, /) -> Value: ...
    def acscd(self, /) -> Value: ...
    def acotd(self, /) -> Value: ...
    def trigamma(self, /) -> Value: ...
    def digamma(self, /) -> Value: ...
    def lgamma(self, /) -> Value: ...
    def erfcx(self, /) -> Value: ...
    def gamma(self, /) -> Value: ...
    def erfcinv(self, /) -> Value: ...
    def erfinv(self, /) -> Value: ...
    @overload
    def __add__(self, other: Number, /) -> Value: ...
    @overload
    def __add__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __radd__(self, other: Number, /) -> Value: ...
    @overload
    def __radd__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __sub__(self, other: Number, /) -> Value: ...
    @overload
    def __sub__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __rsub__(self, other: Number, /) -> Value: ...
    @overload
    def __rsub__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __mul__(self, other: Number, /) -> Value: ...
    @overload
    def __mul__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __rmul__(self, other: Number, /) -> Value: ...
    @overload
    def __rmul__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __truediv__(self, other: Number, /) -> Value: ...
    @overload
    def __truediv__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __rtruediv__(self, other: Number, /) -> Value: ...
    @overload
    def __rtruediv__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __pow__(self, other: Number, /) -> Value: ...
    @overload
    def __pow__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __rpow__(self, other: Number, /) -> Value: ...
    @overload
    def __rpow__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __mod__(self, other: Number, /) -> Value: ...
    @overload
    def __mod__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __rmod__(self, other: Number, /) -> Value: ...
    @overload
    def __rmod__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __floordiv__(self, other: Number, /) -> Value: ...
    @overload
    def __floordiv__(self, other: NDArray[Any], /) -> Values: ...
    @overload
    def __rfloordiv__(self, other: Number, /) -> Value: ...
    @overload
    def __rfloordiv__(self, other: NDArray[Any], /) -> Values: ...
    def __neg__(self) -> Value: ...
    def __pos__(self) -> Value: ...
    def __abs__(self) -> Value: ...
    def __floor__(self) -> Value: ...
    def __ceil__(self) -> Value: ...
    def __trunc__(self) -> Value: ...
    @overload
    def __lt__(self, other: Number, /) -> bool: ...
    @overload
    def __lt__(self, other: NDArray[Any], /) -> NDArray[np.bool]: ...
    @overload
    def __le__(self, other: Number, /) -> bool: ...
    @overload
    def __le__(self, other: NDArray[Any], /) -> NDArray[np.bool]: ...
    @overload
    def __gt__(self, other: Number, /) -> bool: ...
    @overload
    def __gt__(self, other: NDArray[Any], /) -> NDArray[np.bool]: ...
    @overload
    def __ge__(self, other: Number, /) -> bool: ...
    @overload
    def __ge__(self, other: NDArray[Any], /) -> NDArray[np.bool]: ...

class Unary(Operation):
    @overload  # type: ignore[override]
    def __call__(self, x0: Plain, /) -> float: ...
    @overload
    def __call__(self, x0: Value, /) -> Value: ...

class Binary(Operation):
    @overload  # type: ignore[override]
    def __call__(self, x0: Plain, x1: Plain, /) -> float: ...
    @overload
    def __call__(self, x0: Value, x1: Number, /) -> Value: ...
    @overload
    def __call__(self, x0: Plain, x1: Value, /) -> Value: ...

class BinaryWithDefault(Operation):
    @overload  # type: ignore[override]
    def __call__(self, x0: Plain, x1: Plain = ..., /) -> float: ...
    @overload
    def __call__(self, x0: Value, x1: Number = ..., /) -> Value: ...
    @overload
    def __call__(self, x0: Plain, x1: Value = ..., /) -> Value: ...

class Ternary(Operation):
    @overload  # type: ignore[override]
    def __call__(self, x0: Plain, x1: Plain, x2: Plain, /) -> float: ...
    @overload
    def __call__(self, x0: Value, x1: Number, x2: Number, /) -> Value: ...
    @overload
    def __call__(self, x0: Plain, x1: Value, x2: Number, /) -> Value: ...
    @overload
    def __call__(self, x0: Plain, x1: Plain, x2: Value, /) -> Value: ...

power: Binary
"""The operation power of 2 operands, x and n, on floats or Values.

value:      x * x if n == 2.0 else x if n == 1.0 else x * x * x if n == 3.0 else x ** n
∂/∂x:       (((0.0 if n == 0.0 else n / x) if x == 0.0 else n / x) if n * n < 1e-32 else ((-n * (-x) ** (n - 1.0) if x < 0.0 else n * x ** (n - 1.0)) if abs(n) < inf else n * x ** (n - 1.0)) if abs(n) >= 9007199254740992.0 else n * x ** (n - 1.0)) if x * x == 0.0 else ((-n * (-x) ** (n - 1.0) if x < 0.0 else n * x ** (n - 1.0)) if abs(n) < inf else n * x ** (n - 1.0)) if abs(n) >= 9007199254740992.0 else n * x ** (n - 1.0)
∂/∂n:       (0.0 if n >= 0.0 else y * log(x)) if x == 0.0 else y * log(x)
domain:     0.1 <= x <= 4, -3 <= n <= 3, where it is tested
at x = 0.0, n = 0.0: value 1.0, derivatives 0.0 and 0.0, by convention
at x = 0.0, n = 0.5: value 0.0, derivatives inf and 0.0, by convention
at x = 0.0, n = 1.0: value 0.0, derivatives 1.0 and 0.0, by convention
at x = 0.0, n = 2.0: value 0.0, derivatives 0.0 and 0.0, by convention
at x = 0.0, n = -1.0: value inf, derivatives -inf and -inf, by convention
at x = -2.0, n = 3.0: value -8.0, derivatives 12.0 and nan, by convention
at x = -1.0, n = 0.5: value nan, derivatives nan and nan, by convention"""

exp: Unary
"""The operation exp of 1 operand, x, on floats or Values.

value:      exp(x)
∂/∂x:       y
domain:     -10 <= x <= 10, where it is tested"""

expm1: Unary
"""The operation expm1 of 1 operand, x, on floats or Values.

value:      expm1(x)
∂/∂x:       exp(x)
domain:     -10 <= x <= 10, where it is tested"""

log: Unary
"""The operation log of 1 operand, x, on floats or Values.

value:      log(x)
∂/∂x:       1.0 / x
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value -inf, derivatives inf, by convention
at x = -1.0: value nan, derivatives -1.0, by convention"""

log1p: Unary
"""The operation log1p of 1 operand, x, on floats or Values.

value:      log1p(x)
∂/∂x:       1.0 / (1.0 + x)
domain:     -0.9 <= x <= 10, where it is tested
at x = -1.0: value -inf, derivatives inf, by convention"""

sqrt: Unary
"""The operation sqrt of 1 operand, x, on floats or Values.

value:      sqrt(x)
∂/∂x:       0.5 / y
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value 0.0, derivatives inf, by convention
at x = -1.0: value nan, derivatives nan, by convention"""

sin: Unary
"""The operation sin of 1 operand, x, on floats or Values.

value:      sin(x)
∂/∂x:       cos(x)
domain:     -10 <= x <= 10, where it is tested"""

cos: Unary
"""The operation cos of 1 operand, x, on floats or Values.

value:      cos(x)
∂/∂x:       -sin(x)
domain:     -10 <= x <= 10, where it is tested"""

tan: Unary
"""The operation tan of 1 operand, x, on floats or Values.

value:      tan(x)
∂/∂x:       1.0 + y * y
domain:     -1.5 <= x <= 1.5, where it is tested"""

asin: Unary
"""The operation asin of 1 operand, x, on floats or Values.

value:      asin(x)
∂/∂x:       1.0 / sqrt(1.0 - x * x) if x * x < 0.25 else 1.0 / sqrt((1.0 - x) * (1.0 + x))
domain:     -0.99 <= x <= 0.99, where it is tested
at x = 1.0: value 1.5707963267948966, derivatives inf, by convention"""

acos: Unary
"""The operation acos of 1 operand, x, on floats or Values.

value:      acos(x)
∂/∂x:       -1.0 / sqrt(1.0 - x * x) if x * x < 0.25 else -1.0 / sqrt((1.0 - x) * (1.0 + x))
domain:     -0.99 <= x <= 0.99, where it is tested
at x = 1.0: value 0.0, derivatives -inf, by convention"""

atan: Unary
"""The operation atan of 1 operand, x, on floats or Values.

value:      atan(x)
∂/∂x:       1.0 / (1.0 + x * x) if x * x < 1e+16 else 1.0 / x / x
domain:     -10 <= x <= 10, where it is tested"""

sinh: Unary
"""The operation sinh of 1 operand, x, on floats or Values.

value:      sinh(x)
∂/∂x:       cosh(x)
domain:     -10 <= x <= 10, where it is tested"""

cosh: Unary
"""The operation cosh of 1 operand, x, on floats or Values.

value:      cosh(x)
∂/∂x:       sinh(x)
domain:     -10 <= x <= 10, where it is tested"""

tanh: Unary
"""The operation tanh of 1 operand, x, on floats or Values.

value:      tanh(x)
∂/∂x:       1.0 - y * y if y * y < 0.9 else 4.0 * exp(-2.0 * abs(x)) / ((1.0 + exp(-2.0 * abs(x))) * (1.0 + exp(-2.0 * abs(x))))
domain:     -10 <= x <= 10, where it is tested"""

erf: Unary
"""The operation erf of 1 operand, x, on floats or Values.

value:      erf(x)
∂/∂x:       0.0 if x * x > 800.0 else 1.1283791670955126 * exp(-x * x)
domain:     -10 <= x <= 10, where it is tested"""

erfc: Unary
"""The operation erfc of 1 operand, x, on floats or Values.

value:      erfc(x)
∂/∂x:       -0.0 if x * x > 800.0 else -1.1283791670955126 * exp(-x * x)
domain:     -10 <= x <= 10, where it is tested"""

sigmoid: Unary
"""The operation sigmoid of 1 operand, x, on floats or Values.

value:      exp(x) / (1.0 + exp(x)) if x < 0.0 else 1.0 / (1.0 + exp(-x))
∂/∂x:       0.5 / (1.0 + cosh(x)) if x * x < 0.0001 else y * sigmoid(-x)
domain:     -10 <= x <= 10, where it is tested"""

softplus: Unary
"""The operation softplus of 1 operand, x, on floats or Values.

value:      x + log1p(exp(-x)) if x > 0.0 else log1p(exp(x))
∂/∂x:       sigmoid(x)
domain:     -10 <= x <= 10, where it is tested"""

silu: Unary
"""The operation silu of 1 operand, x, on floats or Values.

value:      -0.0 if x < -800.0 else x * sigmoid(x)
∂/∂x:       sigmoid(x) * (1.0 - silu(-x)) if x > 0.0 else sigmoid(x) + y * sigmoid(-x)
domain:     -10 <= x <= 10, where it is tested"""

gelu: Unary
"""The operation gelu of 1 operand, x, on floats or Values.

value:      -0.0 if x < -40.0 else 0.5 * x * erfc(-x / 1.4142135623730951)
∂/∂x:       (0.0 if x < 0.0 else 1.0) if x * x > 1600.0 else 0.5 * erfc(-x / 1.4142135623730951) + x * exp(-0.5 * x * x) / 2.5066282746310002
domain:     -10 <= x <= 10, where it is tested"""

relu: Unary
"""The operation relu of 1 operand, x, on floats or Values.

value:      0.0 if x <= 0.0 else x
∂/∂x:       1.0 if x > 0.0 else no dependence if x <= 0.0 else nan
domain:     -10 <= x <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain
at x = 0.0: value 0.0, derivatives 0.0, by convention"""

leaky_relu: BinaryWithDefault
"""The operation leaky_relu of 2 operands, x and slope, on floats or Values.

value:      slope * x if x <= 0.0 else x
∂/∂x:       1.0 if x > 0.0 else slope if x <= 0.0 else x * slope
∂/∂slope:   no dependence if x > 0.0 else x
domain:     -10 <= x <= 10, 0.001 <= slope <= 0.5, where it is tested
kinks:      it is not differentiable everywhere inside its domain
at x = 0.0, slope = 0.01: value 0.0, derivatives 0.01 and 0.0, by convention"""

absolute: Unary
"""The operation absolute of 1 operand, x, on floats or Values.

value:      abs(x)
∂/∂x:       1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else nan
domain:     -10 <= x <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain
at x = 0.0: value 0.0, derivatives 0.0, by convention"""

maximum: Binary
"""The operation maximum of 2 operands, a and b, on floats or Values.

value:      a if a >= b else a if a != a else b
∂/∂a:       1.0 if a > b else 0.5 if a == b else no dependence if b > a else nan
∂/∂b:       1.0 if b > a else 0.5 if a == b else no dependence if a > b else nan
domain:     -10 <= a <= 10, -10 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain
at a = 1.0, b = 1.0: value 1.0, derivatives 0.5 and 0.5, by convention
at a = 0.0, b = 0.0: value 0.0, derivatives 0.5 and 0.5, by convention"""

minimum: Binary
"""The operation minimum of 2 operands, a and b, on floats or Values.

value:      a if a <= b else a if a != a else b
∂/∂a:       1.0 if a < b else 0.5 if a == b else no dependence if b < a else nan
∂/∂b:       1.0 if b < a else 0.5 if a == b else no dependence if a < b else nan
domain:     -10 <= a <= 10, -10 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain
at a = 1.0, b = 1.0: value 1.0, derivatives 0.5 and 0.5, by convention
at a = 0.0, b = 0.0: value 0.0, derivatives 0.5 and 0.5, by convention"""

where: Ternary
"""The operation where of 3 operands, condition and a and b, on floats or Values.

value:      a if condition != 0.0 else b
∂/∂condition: no dependence
∂/∂a:       1.0 if condition != 0.0 else no dependence
∂/∂b:       no dependence if condition != 0.0 else 1.0
domain:     -10 <= condition <= 10, -10 <= a <= 10, -10 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

hypot: Binary
"""The operation hypot of 2 operands, a and b, on floats or Values.

value:      hypot(a, b)
∂/∂a:       (0.0 if b == 0.0 else (1.0 / sqrt(1.0 + b / a * (b / a)) if a > 0.0 else -(1.0 / sqrt(1.0 + b / a * (b / a)))) if abs(a) > abs(b) else a / b / sqrt(1.0 + a / b * (a / b)) if b > 0.0 else -(a / b / sqrt(1.0 + a / b * (a / b)))) if a == 0.0 else (1.0 / sqrt(1.0 + b / a * (b / a)) if a > 0.0 else -(1.0 / sqrt(1.0 + b / a * (b / a)))) if abs(a) > abs(b) else a / b / sqrt(1.0 + a / b * (a / b)) if b > 0.0 else -(a / b / sqrt(1.0 + a / b * (a / b)))
∂/∂b:       (0.0 if a == 0.0 else (1.0 / sqrt(1.0 + a / b * (a / b)) if b > 0.0 else -(1.0 / sqrt(1.0 + a / b * (a / b)))) if abs(b) > abs(a) else b / a / sqrt(1.0 + b / a * (b / a)) if a > 0.0 else -(b / a / sqrt(1.0 + b / a * (b / a)))) if b == 0.0 else (1.0 / sqrt(1.0 + a / b * (a / b)) if b > 0.0 else -(1.0 / sqrt(1.0 + a / b * (a / b)))) if abs(b) > abs(a) else b / a / sqrt(1.0 + b / a * (b / a)) if a > 0.0 else -(b / a / sqrt(1.0 + b / a * (b / a)))
domain:     -10 <= a <= 10, -10 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain
at a = 0.0, b = 0.0: value 0.0, derivatives 0.0 and 0.0, by convention"""

floor: Unary
"""The operation floor of 1 operand, x, on floats or Values.

value:      floor(x)
∂/∂x:       0.0 if y == y else nan
domain:     -10 <= x <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

ceil: Unary
"""The operation ceil of 1 operand, x, on floats or Values.

value:      ceil(x)
∂/∂x:       0.0 if y == y else nan
domain:     -10 <= x <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

trunc: Unary
"""The operation trunc of 1 operand, x, on floats or Values.

value:      trunc(x)
∂/∂x:       0.0 if y == y else nan
domain:     -10 <= x <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

rint: Unary
"""The operation rint of 1 operand, x, on floats or Values.

value:      rint(x)
∂/∂x:       0.0 if y == y else nan
domain:     -10 <= x <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

sign: Unary
"""The operation sign of 1 operand, x, on floats or Values.

value:      1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else nan
∂/∂x:       0.0 if y == y else nan
domain:     -10 <= x <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain
at x = 0.0: value 0.0, derivatives 0.0, by convention"""

floor_divide: Binary
"""The operation floor_divide of 2 operands, a and b, on floats or Values.

value:      floor_divide(a, b)
∂/∂a:       0.0 if y == y else nan
∂/∂b:       0.0 if y == y else nan
domain:     -10 <= a <= 10, 0.01 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

mod: Binary
"""The operation mod of 2 operands, a and b, on floats or Values.

value:      mod(a, b)
∂/∂a:       1.0 if y == y else nan
∂/∂b:       -floor_divide(a, b)
domain:     -10 <= a <= 10, 0.01 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

fmod: Binary
"""The operation fmod of 2 operands, a and b, on floats or Values.

value:      fmod(a, b)
∂/∂a:       1.0 if y == y else nan
∂/∂b:       (-floor_divide(abs(a), abs(b)) if (1.0 if a < 0.0 else 0.0) == (1.0 if b < 0.0 else 0.0) else -(-floor_divide(abs(a), abs(b)))) if y == y else nan
domain:     -10 <= a <= 10, 0.01 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

copysign: Binary
"""The operation copysign of 2 operands, a and b, on floats or Values.

value:      copysign(a, b)
∂/∂a:       sign(a) * sign(y)
∂/∂b:       0.0 if y == y else nan
domain:     0.01 <= a <= 10, -10 <= b <= 10, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

clip: Ternary
"""The operation clip of 3 operands, x and low and high, on floats or Values.

value:      minimum(maximum(x, low), high)
∂/∂x:       (1.0 if high > x else 0.5 if high == x else no dependence if x > high else nan) if x > low else (0.5 if high > x else 0.25 if high == x else no dependence if x > high else nan) if x == low else (no dependence if high > x else no dependence if high == x else no dependence if x > high else no dependence) if low > x else nan if high > x else nan if high == x else no dependence if x > high else nan
∂/∂low:     (1.0 if high > low else 0.5 if high == low else no dependence if low > high else nan) if low > x else (0.5 if high > low else 0.25 if high == low else no dependence if low > high else nan) if low == x else (no dependence if high > low else no dependence if high == low else no dependence if low > high else no dependence) if x > low else nan if high > low else nan if high == low else no dependence if low > high else nan
∂/∂high:    1.0 if maximum(x, low) > high else 0.5 if maximum(x, low) == high else no dependence if high > maximum(x, low) else nan
domain:     -10 <= x <= 10, -6 <= low <= -1, 1 <= high <= 6, where it is tested
kinks:      it is not differentiable everywhere inside its domain"""

square: Unary
"""The operation square of 1 operand, x, on floats or Values.

value:      x * x
∂/∂x:       2.0 * x
domain:     -10 <= x <= 10, where it is tested"""

reciprocal: Unary
"""The operation reciprocal of 1 operand, x, on floats or Values.

value:      1.0 / x
∂/∂x:       -y * y
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value inf, derivatives -inf, by convention"""

cbrt: Unary
"""The operation cbrt of 1 operand, x, on floats or Values.

value:      cbrt(x)
∂/∂x:       1.0 / y / y / 3.0
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value 0.0, derivatives inf, by convention"""

exp10: Unary
"""The operation exp10 of 1 operand, x, on floats or Values.

value:      10.0 ** x
∂/∂x:       y * 2.302585092994046
domain:     -10 <= x <= 10, where it is tested"""

exp2: Unary
"""The operation exp2 of 1 operand, x, on floats or Values.

value:      2.0 ** x
∂/∂x:       y * 0.6931471805599453
domain:     -10 <= x <= 10, where it is tested"""

log2: Unary
"""The operation log2 of 1 operand, x, on floats or Values.

value:      log2(x)
∂/∂x:       1.4426950408889634 / x
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value -inf, derivatives inf, by convention"""

log10: Unary
"""The operation log10 of 1 operand, x, on floats or Values.

value:      log10(x)
∂/∂x:       0.43429448190325176 / x
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value -inf, derivatives inf, by convention"""

logaddexp: Binary
"""The operation logaddexp of 2 operands, a and b, on floats or Values.

value:      logaddexp(a, b)
∂/∂a:       sigmoid(distance(a, b))
∂/∂b:       sigmoid(distance(b, a))
domain:     -10 <= a <= 10, -10 <= b <= 10, where it is tested"""

log1mexp: Unary
"""The operation log1mexp of 1 operand, x, on floats or Values.

value:      log(-expm1(x)) if x > -0.6931471805599453 else log1p(-exp(x))
∂/∂x:       -exp(x) / abs(expm1(x))
domain:     -10 <= x <= -0.01, where it is tested
at x = 0.0: value -inf, derivatives -inf, by convention"""

logit: Unary
"""The operation logit of 1 operand, x, on floats or Values.

value:      logit(x)
∂/∂x:       1.0 / (x * (1.0 - x)) if x * x > 1e-300 else 1.0 / x
domain:     0.01 <= x <= 0.99, where it is tested
at x = 0.0: value -inf, derivatives inf, by convention
at x = 1.0: value inf, derivatives inf, by convention"""

xlogy: Binary
"""The operation xlogy of 2 operands, x and z, on floats or Values.

value:      (0.0 if z == z else x * log(z)) if x == 0.0 else x * log(z)
∂/∂x:       log(z)
∂/∂z:       (0.0 if z == 0.0 else x / z) if x == 0.0 else x / z
domain:     0.01 <= x <= 10, 0.01 <= z <= 10, where it is tested
at x = 0.0, z = 0.0: value 0.0, derivatives -inf and 0.0, by convention"""

xlog1py: Binary
"""The operation xlog1py of 2 operands, x and z, on floats or Values.

value:      (0.0 if z == z else x * log1p(z)) if x == 0.0 else x * log1p(z)
∂/∂x:       log1p(z)
∂/∂z:       (0.0 if z == -1.0 else x / (1.0 + z)) if x == 0.0 else x / (1.0 + z)
domain:     0.01 <= x <= 10, -0.9 <= z <= 10, where it is tested
at x = 0.0, z = -1.0: value 0.0, derivatives -inf and 0.0, by convention"""

xlogx: Unary
"""The operation xlogx of 1 operand, x, on floats or Values.

value:      (0.0 if x == x else x * log(x)) if x == 0.0 else x * log(x)
∂/∂x:       1.0 + log(x)
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value 0.0, derivatives -inf, by convention"""

logsubexp: Binary
"""The operation logsubexp of 2 operands, a and b, on floats or Values.

value:      logsubexp(a, b)
∂/∂a:       -1.0 / expm1(b - a) if b - a < 0.0 else exp(-(b - a)) / expm1(-(b - a))
∂/∂b:       -1.0 / expm1(a - b) if a - b < 0.0 else exp(-(a - b)) / expm1(-(a - b))
domain:     3 <= a <= 10, -10 <= b <= 2, where it is tested"""

logexpm1: Unary
"""The operation logexpm1 of 1 operand, x, on floats or Values.

value:      log(expm1(x)) if x < 40.0 else x - exp(-x)
∂/∂x:       -1.0 / expm1(-x) if -x < 0.0 else exp(-(-x)) / expm1(-(-x))
domain:     0.01 <= x <= 10, where it is tested
at x = 0.0: value -inf, derivatives inf, by convention"""

log2mexp: Unary
"""The operation log2mexp of 1 operand, x, on floats or Values.

value:      log1p(-expm1(x))
∂/∂x:       -exp(x) / (1.0 - expm1(x))
domain:     -10 <= x <= 0.6, where it is tested"""

log1psq: Unary
"""The operation log1psq of 1 operand, x, on floats or Values.

value:      log1p(x * x) if x * x < 1e+16 else 2.0 * log(abs(x))
∂/∂x:       2.0 * over_square(x, 1.0)
domain:     -10 <= x <= 10, where it is tested"""

log1pmx: Unary
"""The operation log1pmx of 1 operand, x, on floats or Values.

value:      log1pmx(x)
∂/∂x:       -x / (1.0 + x) if x < 1.0 else 1.0 / (1.0 + x) - 1.0
domain:     -0.9 <= x <= 10, where it is tested"""

logmxp1: Unary
"""The operation logmxp1 of 1 operand, x, on floats or Values.

value:      logmxp1(x)
∂/∂x:       (1.0 - x) / x if x < 2.0 else 1.0 / x - 1.0
domain:     0.01 <= x <= 10, where it is tested"""

atan2: Binary
"""The operation atan2 of 2 operands, a and b, on floats or Values.

value:      atan2(a, b)
∂/∂a:       over_square(b, a)
∂/∂b:       -over_square(a, b)
domain:     0.01 <= a <= 10, 0.01 <= b <= 10, where it is tested
at a = 0.0, b = 0.0: value 0.0, derivatives nan and nan, by convention"""

sinpi: Unary
"""The operation sinpi of 1 operand, x, on floats or Values.

value:      sinpi(x)
∂/∂x:       3.141592653589793 * cospi(x)
domain:     -10 <= x <= 10, where it is tested"""

cospi: Unary
"""The operation cospi of 1 operand, x, on floats or Values.

value:      cospi(x)
∂/∂x:       -3.141592653589793 * sinpi(x)
domain:     -10 <= x <= 10, where it is tested"""

sinc: Unary
"""The operation sinc of 1 operand, x, on floats or Values.

value:      sinc(x)
∂/∂x:       0.0 if abs(x) == inf else x * (((((((((3.433076949964284e-09 * (x * x) + -1.3148481279991983e-07) * (x * x) + 4.049947846619241e-06) * (x * x) + -9.766223126318928e-05) * (x * x) + 0.001781145516372851) * (x * x) + -0.023460810354558225) * (x * x) + 0.20918278254123832) * (x * x) + -1.144510944732505) * (x * x) + 3.246969701133414) * (x * x) + -3.289868133696453) if abs(x) < 0.3 else (cospi(x) - y) / x
domain:     -10 <= x <= 10, where it is tested"""

deg2rad: Unary
"""The operation deg2rad of 1 operand, x, on floats or Values.

value:      x * 0.017453292519943295
∂/∂x:       0.017453292519943295
domain:     -10 <= x <= 10, where it is tested"""

rad2deg: Unary
"""The operation rad2deg of 1 operand, x, on floats or Values.

value:      x * 57.29577951308232
∂/∂x:       57.29577951308232
domain:     -10 <= x <= 10, where it is tested"""

sec: Unary
"""The operation sec of 1 operand, x, on floats or Values.

value:      1.0 / cos(x)
∂/∂x:       y * tan(x)
domain:     -1.5 <= x <= 1.5, where it is tested"""

cot: Unary
"""The operation cot of 1 operand, x, on floats or Values.

value:      1.0 / tan(x)
∂/∂x:       -1.0 - y * y
domain:     0.05 <= x <= 3, where it is tested"""

csc: Unary
"""The operation csc of 1 operand, x, on floats or Values.

value:      1.0 / sin(x)
∂/∂x:       -y * cot(x)
domain:     0.05 <= x <= 3, where it is tested"""

asec: Unary
"""The operation asec of 1 operand, x, on floats or Values.

value:      asec(x)
∂/∂x:       1.0 / abs(x) / sqrt(abs(x) - 1.0) / sqrt(abs(x) + 1.0)
domain:     1.01 <= x <= 10, where it is tested
at x = 1.0: value 0.0, derivatives inf, by convention"""

acsc: Unary
"""The operation acsc of 1 operand, x, on floats or Values.

value:      acsc(x)
∂/∂x:       -1.0 / abs(x) / sqrt(abs(x) - 1.0) / sqrt(abs(x) + 1.0)
domain:     1.01 <= x <= 10, where it is tested
at x = 1.0: value 1.5707963267948966, derivatives -inf, by convention"""

acot: Unary
"""The operation acot of 1 operand, x, on floats or Values.

value:      atan(1.0 / x)
∂/∂x:       -1.0 / (1.0 + x * x) if x * x < 1e+16 else -1.0 / x / x
domain:     0.01 <= x <= 10, where it is tested"""

asinh: Unary
"""The operation asinh of 1 operand, x, on floats or Values.

value:      asinh(x)
∂/∂x:       1.0 / hypot(1.0, x)
domain:     -10 <= x <= 10, where it is tested"""

acosh: Unary
"""The operation acosh of 1 operand, x, on floats or Values.

value:      acosh(x)
∂/∂x:       1.0 / sqrt(x - 1.0) / sqrt(x + 1.0)
domain:     1.01 <= x <= 10, where it is tested
at x = 1.0: value 0.0, derivatives inf, by convention"""

atanh: Unary
"""The operation atanh of 1 operand, x, on floats or Values.

value:      atanh(x)
∂/∂x:       1.0 / (1.0 - x * x) if x * x < 0.25 else 1.0 / ((1.0 - x) * (1.0 + x))
domain:     -0.99 <= x <= 0.99, where it is tested
at x = 1.0: value inf, derivatives inf, by convention
at x = -1.0: value -inf, derivatives inf, by convention"""

sech: Unary
"""The operation sech of 1 operand, x, on floats or Values.

value:      1.0 / cosh(x)
∂/∂x:       -y * tanh(x)
domain:     -10 <= x <= 10, where it is tested"""

coth: Unary
"""The operation coth of 1 operand, x, on floats or Values.

value:      1.0 / tanh(x)
∂/∂x:       -csch(x) * csch(x)
domain:     0.01 <= x <= 10, where it is tested"""

csch: Unary
"""The operation csch of 1 operand, x, on floats or Values.

value:      1.0 / sinh(x)
∂/∂x:       -y * coth(x)
domain:     0.01 <= x <= 10, where it is tested"""

asech: Unary
"""The operation asech of 1 operand, x, on floats or Values.

value:      asech(x)
∂/∂x:       -1.0 / x / sqrt(1.0 - x) / sqrt(1.0 + x) if x * x > 1e-300 else -1.0 / x
domain:     0.01 <= x <= 0.99, where it is tested
at x = 1.0: value 0.0, derivatives -inf, by convention
at x = 0.0: value inf, derivatives -inf, by convention"""

acsch: Unary
"""The operation acsch of 1 operand, x, on floats or Values.

value:      acsch(x)
∂/∂x:       -1.0 / abs(x) / hypot(1.0, x)
domain:     0.01 <= x <= 10, where it is tested"""

acoth: Unary
"""The operation acoth of 1 operand, x, on floats or Values.

value:      0.5 * log1p(2.0 / (x - 1.0)) if x > 0.0 else -0.5 * log1p(2.0 / (-x - 1.0))
∂/∂x:       1.0 / (1.0 - x) / (1.0 + x)
domain:     1.01 <= x <= 10, where it is tested
at x = 1.0: value inf, derivatives inf, by convention"""

sind: Unary
"""The operation sind of 1 operand, x, on floats or Values.

value:      sind(x)
∂/∂x:       0.017453292519943295 * cosd(x)
domain:     -400 <= x <= 400, where it is tested"""

cosd: Unary
"""The operation cosd of 1 operand, x, on floats or Values.

value:      cosd(x)
∂/∂x:       -0.017453292519943295 * sind(x)
domain:     -400 <= x <= 400, where it is tested"""

tand: Unary
"""The operation tand of 1 operand, x, on floats or Values.

value:      sind(x) / cosd(x)
∂/∂x:       0.017453292519943295 * (1.0 + y * y)
domain:     -85 <= x <= 85, where it is tested"""

secd: Unary
"""The operation secd of 1 operand, x, on floats or Values.

value:      1.0 / cosd(x)
∂/∂x:       0.017453292519943295 * y * tand(x)
domain:     -85 <= x <= 85, where it is tested"""

cotd: Unary
"""The operation cotd of 1 operand, x, on floats or Values.

value:      cosd(x) / sind(x)
∂/∂x:       -0.017453292519943295 * (1.0 + y * y)
domain:     5 <= x <= 175, where it is tested"""

cscd: Unary
"""The operation cscd of 1 operand, x, on floats or Values.

value:      1.0 / sind(x)
∂/∂x:       -0.017453292519943295 * y * cotd(x)
domain:     5 <= x <= 175, where it is tested"""

asind: Unary
"""The operation asind of 1 operand, x, on floats or Values.

value:      asin(x) / 0.017453292519943295
∂/∂x:       57.29577951308232 / sqrt(1.0 - x * x) if x * x < 0.25 else 57.29577951308232 / sqrt((1.0 - x) * (1.0 + x))
domain:     -0.99 <= x <= 0.99, where it is tested
at x = 1.0: value 90.0, derivatives inf, by convention"""

acosd: Unary
"""The operation acosd of 1 operand, x, on floats or Values.

value:      acos(x) / 0.017453292519943295
∂/∂x:       -57.29577951308232 / sqrt(1.0 - x * x) if x * x < 0.25 else -57.29577951308232 / sqrt((1.0 - x) * (1.0 + x))
domain:     -0.99 <= x <= 0.99, where it is tested
at x = 1.0: value 0.0, derivatives -inf, by convention"""

atand: Unary
"""The operation atand of 1 operand, x, on floats or Values.

value:      atan(x) / 0.017453292519943295
∂/∂x:       over_square(1.0, x) / 0.017453292519943295
domain:     -10 <= x <= 10, where it is tested"""

asecd: Unary
"""The operation asecd of 1 operand, x, on floats or Values.

value:      asec(x) / 0.017453292519943295
∂/∂x:       57.29577951308232 / abs(x) / sqrt(abs(x) - 1.0) / sqrt(abs(x) + 1.0)
domain:     1.01 <= x <= 10, where it is tested
at x = 1.0: value 0.0, derivatives inf, by convention"""

acscd: Unary
"""The operation acscd of 1 operand, x, on floats or Values.

value:      acsc(x) / 0.017453292519943295
∂/∂x:       -57.29577951308232 / abs(x) / sqrt(abs(x) - 1.0) / sqrt(abs(x) + 1.0)
domain:     1.01 <= x <= 10, where it is tested
at x = 1.0: value 90.0, derivatives -inf, by convention"""

acotd: Unary
"""The operation acotd of 1 operand, x, on floats or Values.

value:      acot(x) / 0.017453292519943295
∂/∂x:       -over_square(1.0, x) / 0.017453292519943295
domain:     0.01 <= x <= 10, where it is tested"""

trigamma: Unary
"""The operation trigamma of 1 operand, x, on floats or Values.

value:      trigamma(x)
∂/∂x:       (-(1.0 + 1.0 / (1.0 - x) + ((((((((1044.452380952381 * (1.0 / (1.0 - x) / (1.0 - x)) + -120.56666666666666) * (1.0 / (1.0 - x) / (1.0 - x)) + 17.5) * (1.0 / (1.0 - x) / (1.0 - x)) + -3.2904761904761903) * (1.0 / (1.0 - x) / (1.0 - x)) + 0.8333333333333334) * (1.0 / (1.0 - x) / (1.0 - x)) + -0.3) * (1.0 / (1.0 - x) / (1.0 - x)) + 0.16666666666666666) * (1.0 / (1.0 - x) / (1.0 - x)) + -0.16666666666666666) * (1.0 / (1.0 - x) / (1.0 - x)) + 0.5) / (1.0 - x) / (1.0 - x)) / (1.0 - x) / (1.0 - x) - 6.283185307179586 * (3.141592653589793 / sin(3.141592653589793 * (x - rint(x)))) * (3.141592653589793 / sin(3.141592653589793 * (x - rint(x)))) / tan(3.141592653589793 * (x - rint(x))) if 1.0 - x >= 10.0 else -(1.0 + 1.0 / (1.0 - x + 10.0) + ((((((((1044.452380952381 * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + -120.56666666666666) * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + 17.5) * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + -3.2904761904761903) * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + 0.8333333333333334) * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + -0.3) * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + 0.16666666666666666) * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + -0.16666666666666666) * (1.0 / (1.0 - x + 10.0) / (1.0 - x + 10.0)) + 0.5) / (1.0 - x + 10.0) / (1.0 - x + 10.0)) / (1.0 - x + 10.0) / (1.0 - x + 10.0) + -2.0 / (1.0 - x + 9.0) / (1.0 - x + 9.0) / (1.0 - x + 9.0) + -2.0 / (1.0 - x + 8.0) / (1.0 - x + 8.0) / (1.0 - x + 8.0) + -2.0 / (1.0 - x + 7.0) / (1.0 - x + 7.0) / (1.0 - x + 7.0) + -2.0 / (1.0 - x + 6.0) / (1.0 - x + 6.0) / (1.0 - x + 6.0) + -2.0 / (1.0 - x + 5.0) / (1.0 - x + 5.0) / (1.0 - x + 5.0) + -2.0 / (1.0 - x + 4.0) / (1.0 - x + 4.0) / (1.0 - x + 4.0) + -2.0 / (1.0 - x + 3.0) / (1.0 - x + 3.0) / (1.0 - x + 3.0) + -2.0 / (1.0 - x + 2.0) / (1.0 - x + 2.0) / (1.0 - x + 2.0) + -2.0 / (1.0 - x + 1.0) / (1.0 - x + 1.0) / (1.0 - x + 1.0) + -2.0 / (1.0 - x + 0.0) / (1.0 - x + 0.0) / (1.0 - x + 0.0) - 6.283185307179586 * (3.141592653589793 / sin(3.141592653589793 * (x - rint(x)))) * (3.141592653589793 / sin(3.141592653589793 * (x - rint(x)))) / tan(3.141592653589793 * (x - rint(x)))) if x < -0.5 else -(1.0 + 1.0 / x + ((((((((1044.452380952381 * (1.0 / x / x) + -120.56666666666666) * (1.0 / x / x) + 17.5) * (1.0 / x / x) + -3.2904761904761903) * (1.0 / x / x) + 0.8333333333333334) * (1.0 / x / x) + -0.3) * (1.0 / x / x) + 0.16666666666666666) * (1.0 / x / x) + -0.16666666666666666) * (1.0 / x / x) + 0.5) / x / x) / x / x if x >= 10.0 else -(1.0 + 1.0 / (x + 10.0) + ((((((((1044.452380952381 * (1.0 / (x + 10.0) / (x + 10.0)) + -120.56666666666666) * (1.0 / (x + 10.0) / (x + 10.0)) + 17.5) * (1.0 / (x + 10.0) / (x + 10.0)) + -3.2904761904761903) * (1.0 / (x + 10.0) / (x + 10.0)) + 0.8333333333333334) * (1.0 / (x + 10.0) / (x + 10.0)) + -0.3) * (1.0 / (x + 10.0) / (x + 10.0)) + 0.16666666666666666) * (1.0 / (x + 10.0) / (x + 10.0)) + -0.16666666666666666) * (1.0 / (x + 10.0) / (x + 10.0)) + 0.5) / (x + 10.0) / (x + 10.0)) / (x + 10.0) / (x + 10.0) + -2.0 / (x + 9.0) / (x + 9.0) / (x + 9.0) + -2.0 / (x + 8.0) / (x + 8.0) / (x + 8.0) + -2.0 / (x + 7.0) / (x + 7.0) / (x + 7.0) + -2.0 / (x + 6.0) / (x + 6.0) / (x + 6.0) + -2.0 / (x + 5.0) / (x + 5.0) / (x + 5.0) + -2.0 / (x + 4.0) / (x + 4.0) / (x + 4.0) + -2.0 / (x + 3.0) / (x + 3.0) / (x + 3.0) + -2.0 / (x + 2.0) / (x + 2.0) / (x + 2.0) + -2.0 / (x + 1.0) / (x + 1.0) / (x + 1.0) + -2.0 / (x + 0.0) / (x + 0.0) / (x + 0.0)
domain:     0.1 <= x <= 10, where it is tested"""

digamma: Unary
"""The operation digamma of 1 operand, x, on floats or Values.

value:      digamma(x)
∂/∂x:       trigamma(x)
domain:     0.01 <= x <= 10, where it is tested"""

lgamma: Unary
"""The operation lgamma of 1 operand, x, on floats or Values.

value:      lgamma(x)
∂/∂x:       digamma(x)
domain:     0.01 <= x <= 10, where it is tested"""

erfcx: Unary
"""The operation erfcx of 1 operand, x, on floats or Values.

value:      erfcx(x)
∂/∂x:       2.0 * x * y - 1.1283791670955126 if x < 3.0 else -2.0 * y / (2.0 * x + 4.0 * (1.0 / (2.0 * x + 6.0 * (1.0 / (2.0 * x + 8.0 * (1.0 / (2.0 * x + 10.0 * (1.0 / (2.0 * x + 12.0 * (1.0 / (2.0 * x + 14.0 * (1.0 / (2.0 * x + 16.0 * (1.0 / (2.0 * x + 18.0 * (1.0 / (2.0 * x + 20.0 * (1.0 / (2.0 * x + 22.0 * (1.0 / (2.0 * x + 24.0 * (1.0 / (2.0 * x + 26.0 * (1.0 / (2.0 * x + 28.0 * (1.0 / (2.0 * x + 30.0 * (1.0 / (2.0 * x + 32.0 * (1.0 / (2.0 * x + 34.0 * (1.0 / (2.0 * x + 36.0 * (1.0 / (2.0 * x + 38.0 * (1.0 / (2.0 * x + 40.0 * (1.0 / (2.0 * x + 42.0 * (1.0 / (2.0 * x + 44.0 * (1.0 / (2.0 * x + 46.0 * (1.0 / (2.0 * x + 48.0 * (1.0 / (2.0 * x + 50.0 * (1.0 / (2.0 * x + 52.0 * (1.0 / (2.0 * x + 54.0 * (1.0 / (2.0 * x + 56.0 * (1.0 / (2.0 * x + 58.0 * (1.0 / (2.0 * x + 60.0 * (1.0 / (2.0 * x + 62.0 * (1.0 / (2.0 * x + 64.0 * (1.0 / (2.0 * x + 66.0 * (1.0 / (2.0 * x + 68.0 * (1.0 / (2.0 * x + 70.0 * (1.0 / (2.0 * x + 72.0 * (1.0 / (2.0 * x + 74.0 * (1.0 / (2.0 * x + 76.0 * (1.0 / (2.0 * x + 78.0 * (1.0 / (2.0 * x + 0.0)))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))
domain:     -4 <= x <= 10, where it is tested"""

gamma: Unary
"""The operation gamma of 1 operand, x, on floats or Values.

value:      gamma(x)
∂/∂x:       y * digamma(x)
domain:     0.01 <= x <= 10, where it is tested"""

erfcinv: Unary
"""The operation erfcinv of 1 operand, x, on floats or Values.

value:      erfcinv(x)
∂/∂x:       (-0.8862269254527579 * exp(y * y) if 2.0 - x > 0.5 else -0.8862269254527579 * exp(y * y) if 2.0 - x < 1e-150 else -0.8862269254527579 * erfcx(abs(y)) / (2.0 - x)) if x > 1.0 else -0.8862269254527579 * exp(y * y) if x > 0.5 else -0.8862269254527579 * exp(y * y) if x < 1e-150 else -0.8862269254527579 * erfcx(abs(y)) / x
domain:     0.01 <= x <= 1.99, where it is tested
at x = 0.0: value inf, derivatives -inf, by convention
at x = 2.0: value -inf, derivatives -inf, by convention"""

erfinv: Unary
"""The operation erfinv of 1 operand, x, on floats or Values.

value:      erfinv(x)
∂/∂x:       0.8862269254527579 * exp(y * y) if abs(x) < 0.5 else 0.8862269254527579 * exp(y * y) if abs(x) >= 1.0 else 0.8862269254527579 * erfcx(abs(y)) / (1.0 - abs(x))
domain:     -0.99 <= x <= 0.99, where it is tested
at x = 1.0: value inf, derivatives inf, by convention
at x = -1.0: value -inf, derivatives inf, by convention"""

@overload
def total(values: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """The sum of the values, as ONE node; 0.0 for none."""
@overload
def total(values: Iterable[Number]) -> Value:
    """The sum of the values, as ONE node; 0.0 for none."""

@overload
def dot(left: Iterable[Plain], right: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """The sum of the products left[i] * right[i], as ONE node."""
@overload
def dot(left: Iterable[Number], right: Iterable[Number]) -> Value:
    """The sum of the products left[i] * right[i], as ONE node."""

@overload
def norm(values: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """The root of the sum of squares, as ONE node; 0.0 for none. At zeros, its subgradient is 0."""
@overload
def norm(values: Iterable[Number]) -> Value:
    """The root of the sum of squares, as ONE node; 0.0 for none. At zeros, its subgradient is 0."""

@overload
def mean(values: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """The arithmetic mean."""
@overload
def mean(values: Iterable[Number]) -> Value:
    """The arithmetic mean."""

@overload
def prod(values: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """The product; 1.0 for none. Its derivatives are products too, so that they are right beside zeros."""
@overload
def prod(values: Iterable[Number]) -> Value:
    """The product; 1.0 for none. Its derivatives are products too, so that they are right beside zeros."""

@overload
def var(values: Iterable[Plain], ddof: int = 0) -> float:  # type: ignore[overload-overlap]
    """The mean squared distance from the mean; with ``ddof=1``, the estimate from a sample."""
@overload
def var(values: Iterable[Number], ddof: int = 0) -> Value:
    """The mean squared distance from the mean; with ``ddof=1``, the estimate from a sample."""

@overload
def std(values: Iterable[Plain], ddof: int = 0) -> float:  # type: ignore[overload-overlap]
    """The root of :func:`var`. Where all values are equal, its subgradient is 0, as that of :func:`norm`."""
@overload
def std(values: Iterable[Number], ddof: int = 0) -> Value:
    """The root of :func:`var`. Where all values are equal, its subgradient is 0, as that of :func:`norm`."""

@overload
def cumsum(values: Iterable[Plain]) -> list[float]:  # type: ignore[overload-overlap]
    """The sums of the first value, of the first two, and so on."""
@overload
def cumsum(values: Iterable[Number]) -> list[Value]:
    """The sums of the first value, of the first two, and so on."""

@overload
def largest(values: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """The greatest value, or nan if there is one; the gradient goes to it, and is split among equal ones."""
@overload
def largest(values: Iterable[Number]) -> Value:
    """The greatest value, or nan if there is one; the gradient goes to it, and is split among equal ones."""

@overload
def smallest(values: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """The least value; as :func:`largest`."""
@overload
def smallest(values: Iterable[Number]) -> Value:
    """The least value; as :func:`largest`."""

@overload
def log_sum_exp(values: Iterable[Plain]) -> float:  # type: ignore[overload-overlap]
    """log(Σ exp(value)), without overflow: the greatest value is taken out of the sum first."""
@overload
def log_sum_exp(values: Iterable[Number]) -> Value:
    """log(Σ exp(value)), without overflow: the greatest value is taken out of the sum first."""

@overload
def softmax(values: Iterable[Plain]) -> list[float]:  # type: ignore[overload-overlap]
    """exp(value) / Σ exp(value), for each value: positive numbers that sum to 1."""
@overload
def softmax(values: Iterable[Number]) -> list[Value]:
    """exp(value) / Σ exp(value), for each value: positive numbers that sum to 1."""

@overload
def log_softmax(values: Iterable[Plain]) -> list[float]:  # type: ignore[overload-overlap]
    """The logarithms of :func:`softmax`, finite where that underflows to 0."""
@overload
def log_softmax(values: Iterable[Number]) -> list[Value]:
    """The logarithms of :func:`softmax`, finite where that underflows to 0."""
