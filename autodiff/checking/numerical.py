"""Numerical derivatives of any Python function of floats, with their estimated errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.checking.arrays import Leaf, with_arrays
from autodiff.checking.directions import Line, progress
from autodiff.checking.extrapolation import Estimate, extrapolated
from autodiff.checking.function_under_test import in_domain, needs_function, number, parameters
from autodiff.checking.noise import jitter
from autodiff.checking.plain_function import PlainFunction, Scalar
from autodiff.trees import leaves, mapped
from autodiff.value import Value


def numerical_derivative(f: Callable[[float], Any], x: float) -> Estimate:
    """The derivative of a function at a point, from its values alone, with an estimate of the error.

    Args:
        f: any function of one float that returns a number; nothing of it needs to be recorded.
        x: the point.

    Returns:
        An :class:`Estimate`: ``value``, ``error``, the one-sided differences ``left`` and ``right``, and whether
        there is a ``kink``. Where no step gives a derivative, ``value`` is nan and ``error`` is inf.

    Raises:
        TypeError: f is no function, or x or the result is no real number.
        ValueError: x is not finite.

    >>> import math
    >>> found = numerical_derivative(math.exp, 1.0)
    >>> abs(found.value - math.e) <= found.error < 1e-10
    True
    >>> numerical_derivative(abs, 0.0).kink
    True
    """
    needs_function(f, "f")
    x = number(x)
    if not math.isfinite(x):
        raise ValueError(f"x must be finite, not {x}")

    def real(t: float) -> float:
        y = f(t)
        return math.nan if isinstance(y, complex) else number(y)  # outside of its domain, as of (-1.0) ** 0.5

    of_float = in_domain(real)
    floor = jitter(of_float, x)
    return extrapolated(of_float, x, lambda t: floor)


def numerical_gradient(f: Callable[..., Any], inputs: Any) -> Any:
    """The numerical derivative of a function by each of its inputs.

    Args:
        f: any function that returns a number; called with ``*inputs`` if they are a tuple, else with ``inputs``. It is
            given plain floats and arrays of the kind and dtype that the inputs have.
        inputs: numbers in a tuple, list, dict or array (NumPy's, PyTorch's, JAX's); nested as you like.

    Returns:
        The structure of the inputs, with an :class:`Estimate` for each number.

    Raises:
        TypeError: f is no function, an input is no number or array of floats, or the result is no number.
        ValueError: an input is not finite.

    >>> a, b = numerical_gradient(lambda x, y: x * y, (3.0, 4.0))
    >>> round(a.value, 9), round(b.value, 9)
    (4.0, 3.0)
    """
    needs_function(f, "f")
    if any(kept is not None for kept in parameters(inputs)):
        raise TypeError("numerical_gradient takes numbers, not a module: check_gradients compares its parameters")
    if any(isinstance(leaf, Value) for leaf in leaves(inputs)):
        inputs = mapped(number, inputs)
    function = PlainFunction(f, inputs)
    function.examine_one_number()
    scalar = Scalar(
        function.dots(np.ones(1)), lambda point: np.zeros_like(point), function.point, function.name, function.rounded,
        function.unit,
    )  # fmt: skip
    found: list[Estimate] = []
    for at in progress(range(len(function.point))):
        line = Line(scalar, np.array([at]), np.ones(1))
        found.append(extrapolated(line, line.x, line.floor(0), unit=scalar.unit))
    pieces = np.split(np.arange(len(found)), function.ends[:-1])
    return with_arrays(inputs, iter([_like(leaf, found[piece[0] :]) for leaf, piece in zip(function.leaves, pieces)]))


def _like(leaf: Leaf, found: Sequence[Estimate]) -> Any:
    """The estimates of one leaf: an array of them, or one."""
    if not leaf.shape:
        return found[0]
    whole = np.empty(leaf.size, object)
    whole[:] = found[: leaf.size]
    return whole.reshape(leaf.shape)
