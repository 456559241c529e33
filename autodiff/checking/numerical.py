"""Numerical derivatives of any Python function of floats, with their estimated errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autodiff.checking.extrapolation import Estimate, extrapolated
from autodiff.checking.function_under_test import in_domain, needs_function, number, parameters
from autodiff.checking.noise import jitter
from autodiff.trees import leaves, with_leaves


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

    of_float = in_domain(lambda t: number(f(t)))
    floor = jitter(of_float, x)
    return extrapolated(of_float, x, lambda t: floor)


def numerical_gradient(f: Callable[..., Any], inputs: Any) -> Any:
    """The numerical derivative of a function by each of its inputs.

    Args:
        f: any function that returns a number; called with ``*inputs`` if they are a tuple, else with ``inputs``.
        inputs: numbers in a tuple, list, dict or array; nested as you like.

    Returns:
        The structure of the inputs, with an :class:`Estimate` for each number.

    Raises:
        TypeError: f is no function, an input or the result is no real number, or an input is a module.
        ValueError: an input is not finite.

    >>> a, b = numerical_gradient(lambda x, y: x * y, (3.0, 4.0))
    >>> round(a.value, 9), round(b.value, 9)
    (4.0, 3.0)
    """
    needs_function(f, "f")
    if any(kept is not None for kept in parameters(inputs)):
        raise TypeError("numerical_gradient takes numbers, not a module: check_gradients compares its parameters")
    point = [*map(number, leaves(inputs))]

    def estimate(position: int) -> Estimate:
        def along(x: float) -> Any:
            arguments = with_leaves(inputs, iter([*point[:position], x, *point[position + 1 :]]))
            return f(*arguments) if isinstance(arguments, tuple) else f(arguments)

        return numerical_derivative(along, point[position])

    return with_leaves(inputs, iter([estimate(i) for i in range(len(point))]))
