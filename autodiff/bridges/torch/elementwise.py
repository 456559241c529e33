"""PyTorch's functions of single numbers, with its conventions at kinks, at ties and far out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import more_rules as more
from autodiff import rules as rows
from autodiff.bridges.arrays import Array, choose, elementwise, number, numbers, recorded
from autodiff.bridges.torch.rules import RULES, refused, rule

# fmt: off
SAME: dict[str, Callable[..., Any]] = {
    "abs": rows.absolute, "neg": rows.negative, "positive": rows.positive, "exp": rows.exp, "exp2": more.exp2,
    "expm1": rows.expm1, "log": rows.log, "log2": more.log2, "log10": more.log10, "log1p": rows.log1p,
    "sqrt": rows.sqrt, "reciprocal": more.reciprocal, "square": more.square, "sin": rows.sin, "cos": rows.cos,
    "tan": rows.tan, "asin": rows.asin, "acos": rows.acos, "atan": rows.atan, "sinh": rows.sinh, "cosh": rows.cosh,
    "tanh": rows.tanh, "asinh": more.asinh, "acosh": more.acosh, "atanh": more.atanh, "sinc": more.sinc,
    "erf": rows.erf, "erfc": rows.erfc, "erfinv": more.erfinv, "special_erfcx": more.erfcx, "lgamma": more.lgamma,
    "digamma": more.digamma, "sigmoid": rows.sigmoid, "floor": more.floor, "ceil": more.ceil, "trunc": more.trunc,
    "sign": more.sign, "sgn": more.sign, "relu": rows.relu, "silu": rows.silu, "deg2rad": more.deg2rad,
    "rad2deg": more.rad2deg, "maximum": rows.maximum, "minimum": rows.minimum, "pow": rows.power,
    "mul": rows.multiply, "fmod": more.fmod, "remainder": more.mod, "floor_divide": more.floor_divide,
    "logaddexp": more.logaddexp, "copysign": more.copysign, "special_xlog1py": more.xlog1py,
}
"""Operations that are rows of the table."""
# fmt: on


def of_numbers(function: Callable[..., Any]) -> Callable[..., Array]:
    """The rule of a function of single numbers."""
    return lambda call, *arrays: elementwise(function, *arrays)


FORMULAS: dict[str, Callable[..., Any]] = {
    "rsqrt": lambda x: rows.power(x, -0.5),
    "frac": lambda x: x - more.trunc(x),
    "mish": lambda x: x * rows.tanh(rows.softplus(x)),
    "hypot": lambda a, b: rows.hypot(a, b) if a != 0 or b != 0 else rows.sqrt(a * a + b * b),  # nan at the origin
    "atan2": lambda a, b: more.atan2(a, b) if a != 0 or b != 0 else math.atan2(number(a), number(b)),  # 0 at the origin
    "special_ndtr": lambda x: 0.5 * rows.erfc(-x / math.sqrt(2)),
    "special_entr": lambda x: -more.xlogx(x) if x >= 0 else -math.inf if x < 0 else x,
    "_prelu_kernel": rows.leaky_relu,
    "leaky_relu": rows.leaky_relu,
    "hardsigmoid": lambda x: 0.0 if x <= -3 else 1.0 if x >= 3 else (x + 3) / 6,
    "hardswish": lambda x: 0.0 if x <= -3 else x if x >= 3 else x * (x + 3) / 6,
}
"""Operations that are short formulas of rows."""

RULES.update({name: of_numbers(function) for name, function in (SAME | FORMULAS).items()})


# ── Arithmetic ───────────────────────────────────────────────────────────────────────────────────


def times(array: Any, factor: Any) -> Any:
    """The product with a factor, which is mostly 1."""
    return array if isinstance(factor, (int, float)) and factor == 1 else elementwise(rows.multiply, array, factor)


@rule("add")
def add(call: Any, a: Any, b: Any, *, alpha: Any = 1) -> Array:
    return elementwise(rows.add, a, times(b, alpha))


@rule("sub")
def subtract(call: Any, a: Any, b: Any, *, alpha: Any = 1) -> Array:
    return elementwise(rows.subtract, a, times(b, alpha))


@rule("rsub")
def subtract_from(call: Any, a: Any, b: Any, alpha: Any = 1) -> Array:
    return elementwise(rows.subtract, b, times(a, alpha))


@rule("div")
def divide(call: Any, a: Any, b: Any, *, rounding_mode: str | None = None) -> Array:
    if rounding_mode == "floor":
        return elementwise(more.floor_divide, a, b)
    quotient = elementwise(rows.divide, a, b)
    return elementwise(more.trunc, quotient) if rounding_mode == "trunc" else quotient


@rule("addcmul")
def add_product(call: Any, a: Any, b: Any, c: Any, *, value: Any = 1) -> Array:
    return elementwise(rows.add, a, times(elementwise(rows.multiply, b, c), value))


@rule("addcdiv")
def add_quotient(call: Any, a: Any, b: Any, c: Any, *, value: Any = 1) -> Array:
    return elementwise(rows.add, a, times(elementwise(rows.divide, b, c), value))


@rule("lerp")
def interpolate(call: Any, a: Any, b: Any, weight: Any) -> Array:
    return elementwise(lambda a, b, w: a + w * (b - a) if w < 0.5 else b - (b - a) * (1 - w), a, b, weight)


@rule("round")
def nearest(call: Any, x: Any, *, decimals: int = 0) -> Array:
    scale = 10.0**decimals
    return elementwise(more.rint if scale == 1 else lambda x: more.rint(x * scale) / scale, x)


@rule("polygamma")
def polygamma(call: Any, n: int, x: Any) -> Array:
    if n > 1:
        raise refused(call, f"only polygamma(0, x) and polygamma(1, x) have a derivative here, not {n}")
    return elementwise(more.trigamma if n else more.digamma, x)


# ── Choices: the number that is chosen, itself ───────────────────────────────────────────────────


@rule("clamp", "clamp_min", "clamp_max")
def clamp(call: Any, x: Any, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None) -> Array:
    """At a bound, the gradient goes to the number alone."""
    if call.name == "clamp_max":
        low, high = high, low
    low, high = min if low is None else low, max if high is None else high
    if low is not None:
        x = choose(numbers(x) < numbers(low), low, x)
    return recorded(x if high is None else choose(numbers(x) > numbers(high), high, x))


@rule("hardtanh")
def hardtanh(call: Any, x: Any, low: float = -1, high: float = 1) -> Array:
    """At a bound, there is no gradient."""
    return choose(numbers(x) <= low, low, choose(numbers(x) >= high, high, x))


@rule("fmax", "fmin")
def without_nan(call: Any, a: Any, b: Any) -> Array:
    """Of two equal numbers the first."""
    x, y = numbers(a), numbers(b)
    return choose(((x >= y) if call.name == "fmax" else (x <= y)) | np.isnan(y), a, b)


@rule("nan_to_num")
def finite(
    call: Any, x: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Array:
    at, most = numbers(x), float(np.finfo(float).max)
    for holds, instead in (
        (np.isnan(at), 0.0 if nan is None else nan),
        (np.isposinf(at), most if posinf is None else posinf),
        (np.isneginf(at), -most if neginf is None else neginf),
    ):
        x = choose(holds, instead, x)
    return recorded(x)


@rule("xlogy")
def xlogy(call: Any, a: Any, b: Any) -> Array:
    """Where a is 0, no gradient flows to it if b is not positive, and the one to b is a / b: nan, if both are 0."""

    def one(a: Any, b: Any) -> Any:
        if a == 0 and b <= 0:
            return rows.sqrt(b * b) if b == 0 else 0.0  # the root is 0, with the derivative nan
        return more.xlogy(a, b)

    return elementwise(one, a, b)


@rule("threshold")
def threshold(call: Any, x: Any, bound: float, value: float) -> Array:
    return choose(numbers(x) <= bound, value, x)


@rule("hardshrink")
def hardshrink(call: Any, x: Any, bound: float = 0.5) -> Array:
    return choose(np.abs(numbers(x)) <= bound, 0.0, x)


@rule("softshrink")
def softshrink(call: Any, x: Any, bound: float = 0.5) -> Array:
    return elementwise(lambda x: x - bound if x > bound else x + bound if x < -bound else 0.0 if x == x else x, x)


# ── Activations with options ─────────────────────────────────────────────────────────────────────


@rule("gelu")
def gelu(call: Any, x: Any, *, approximate: str = "none") -> Array:
    if approximate == "none":
        return elementwise(rows.gelu, x)
    root = math.sqrt(2 / math.pi)
    return elementwise(lambda x: 0.5 * x * (1 + rows.tanh(root * (x + 0.044715 * x * x * x))), x)


@rule("elu")
def elu(call: Any, x: Any, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Array:
    below = elementwise(lambda x: x if x > 0 else times_number(rows.expm1(times_number(x, input_scale)), alpha), x)
    return recorded(times(below, scale))


def times_number(x: Any, factor: float) -> Any:
    """The product with a factor, which is mostly 1."""
    return x if factor == 1 else x * factor


@rule("softplus")
def softplus(call: Any, x: Any, beta: float = 1, threshold: float = 20) -> Array:
    """Beyond the threshold, the number itself."""

    def one(x: Any) -> Any:
        if x * float(beta) > threshold:
            return x
        return rows.softplus(x) if beta == 1 else rows.softplus(x * beta) / beta

    return elementwise(one, x)


@rule("log_sigmoid_forward")
def log_sigmoid(call: Any, x: Any) -> tuple[Array, None]:
    return elementwise(lambda x: -rows.softplus(-x), x), None


@rule("glu")
def gated(call: Any, x: Any, dim: int = -1) -> Array:
    a, b = np.split(x, 2, dim)
    return elementwise(lambda a, b: a * rows.sigmoid(b), a, b)


@rule("logit")
def logit(call: Any, x: Any, eps: float | None = None) -> Array:
    return elementwise(more.logit, x if eps is None else clamp(call, x, eps, 1 - eps))


@rule("rrelu_with_noise")
def random_leaky_relu(
    call: Any, x: Any, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, _: Any = None
) -> Array:
    if training:
        raise refused(call, "its slopes are random; call eval() first")
    return elementwise(lambda x: x if x > 0 else x * ((lower + upper) / 2), x)


@rule("native_dropout")
def dropout(call: Any, x: Any, p: float, train: bool | None) -> tuple[Array, None]:
    """The mask is the one that PyTorch drew."""
    kept = call.results[1].cpu().numpy()
    return choose(kept, times(x, 1 / (1 - p) if train else 1), 0.0), None
