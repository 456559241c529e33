"""What an equation of a jaxpr is about: the kinds of its numbers, and what JAX computes where nothing is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np

from autodiff.bridges.arrays import Array, is_recorded, numbers


def count(*variables: Any) -> int:
    """How many numbers the variables of an equation have."""
    return sum(prod(variable.aval.shape) for variable in variables)


def is_float(variable: Any) -> bool:
    """Whether its numbers are floats, of whatever precision; or complex."""
    return is_inexact(variable.aval.dtype)


@cache
def is_inexact(dtype: Any) -> bool:
    """Whether it is a type of floats, or of complex numbers."""
    return bool(jnp.issubdtype(dtype, jnp.inexact))


CONSTANT = ("eq_to", "le_to", "lt_to")
"""Comparisons in the total order of floats, by which JAX searches: what they give is constant, too."""


def recorded_results(equation: Any) -> list[bool]:
    """Whether each result is recorded: floats are, and conditions, which choose among floats."""
    kept = equation.primitive.name not in CONSTANT
    return [kept and (is_float(result) or result.aval.dtype == bool) for result in equation.outvars]


def evaluated(equation: Any, operands: Sequence[Any]) -> list[Any]:
    """What JAX computes of plain operands."""
    params = equation.primitive.get_bind_params(equation.params)
    functions, params = params if isinstance(params, tuple) else ((), params)  # JAX before 0.9 has them apart
    found = equation.primitive.bind(*functions, *operands, **params)
    return list(found) if equation.primitive.multiple_results else [found]


def plain(operand: Any, variable: Any) -> Any:
    """The numbers of an operand in JAX's own type; they are constants then."""
    return numbers(operand).astype(variable.aval.dtype) if is_recorded(operand) else operand


BY_THE_BRIDGE = ("argmax", "argmin", "convert_element_type")
"""Whose integers are found here; all others are JAX's."""


def constants(equation: Any, operands: Sequence[Any]) -> list[Any]:
    """The results of a primitive that gives integers: of float64 where NumPy has it, else JAX's."""
    name, params = equation.primitive.name, equation.params
    if name in ("argmax", "argmin"):
        (axis,) = params["axes"]
        return [getattr(np, name)(numbers(operands[0]), axis).astype(params["index_dtype"])]
    if name == "convert_element_type":
        return [_integers(numbers(operands[0]), params["new_dtype"])]
    return evaluated(equation, [*map(plain, operands, equation.invars)])


def _integers(array: Array, dtype: Any) -> Array:
    """Floats without their fractions: the closest that the type holds, and 0 for nan, as JAX has it."""
    if np.dtype(dtype).kind == "b":
        return array.astype(bool)
    bounds = jnp.iinfo(dtype)
    is_least, is_most = array <= float(bounds.min), array >= float(bounds.max)
    inside = np.where(is_least | is_most | np.isnan(array), 0.0, array).astype(dtype)
    return np.where(is_least, bounds.min, np.where(is_most, bounds.max, inside)).astype(dtype)
