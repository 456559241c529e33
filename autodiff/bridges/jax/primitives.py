"""The table of JAX's primitives: what each does to arrays of ``Value``s, and how many numbers it records.

A primitive of which no operand depends on an input is left to JAX; so are those whose results are integers, which are
constants of the graph. All others stand here, or in ``interpreter`` if they hold functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from autodiff import more_rules, rules
from autodiff.bridges import arrays, linear
from autodiff.bridges.agreement import seen
from autodiff.bridges.arrays import Array, recorded
from autodiff.bridges.jax.elementwise import ELEMENTWISE, not_equal, rounded_away_from_zero
from autodiff.bridges.jax.equations import count
from autodiff.bridges.jax.indices import gathered, scattered
from autodiff.bridges.jax.moving import BY_NUMPY, MOVING, in_order, moved, selected, top
from autodiff.bridges.windows import convolve, pooled
from autodiff.operations import Operation

Size = tuple[int, int]
"""How many numbers are recorded, and how many operands these have if they have many."""


class Primitive(NamedTuple):
    """A row of the table."""

    run: Callable[[Any, Sequence[Any]], Any]
    """Of an equation of a jaxpr and its operands: the result, or a list of several."""
    size: Callable[[Any], Size]
    """Of an equation, by its shapes."""


# ── Sizes ────────────────────────────────────────────────────────────────────────────────────────


def _results(equation: Any) -> Size:
    return count(*equation.outvars), 0


def _nothing(equation: Any) -> Size:
    return 0, 0


def _operands(equation: Any) -> Size:
    return count(*equation.invars), 0


def _sums(equation: Any) -> Size:
    return count(*equation.outvars), count(*equation.invars)


def _products(equation: Any) -> Size:
    (contracted, _), _ = equation.params["dimension_numbers"]
    factors = prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    return count(*equation.outvars), 2 * factors * count(*equation.outvars)


def _convolutions(equation: Any) -> Size:
    features = equation.params["dimension_numbers"].rhs_spec[0]
    shape = equation.invars[1].aval.shape
    return count(*equation.outvars), 2 * count(*equation.outvars) * prod(shape) // max(shape[features], 1)


def _windows(equation: Any) -> Size:
    return count(*equation.outvars) * prod(equation.params["window_dimensions"]), 0


def _squares(equation: Any) -> Size:
    return count(equation.invars[0]), count(equation.invars[0]) * equation.invars[0].aval.shape[-1]


# ── Element by element ───────────────────────────────────────────────────────────────────────────


def _by_element(function: Callable[..., Any], equation: Any, operands: Sequence[Any]) -> Array:
    return arrays.elementwise(function, *operands)


def _by_numpy(function: Callable[..., Any], equation: Any, operands: Sequence[Any]) -> Any:
    return function(*operands, **equation.params)


def _integer_power(equation: Any, operands: Sequence[Any]) -> Array:
    return arrays.elementwise(rules.power, operands[0], float(equation.params["y"]))


def _rounded(equation: Any, operands: Sequence[Any]) -> Array:
    nearest_even = int(equation.params["rounding_method"]) == 1
    return arrays.elementwise(more_rules.rint if nearest_even else rounded_away_from_zero, operands[0])


def _converted(equation: Any, operands: Sequence[Any]) -> Array:
    """Floats stay float64; a condition becomes the number that it is."""
    to_bool = equation.params["new_dtype"].kind == "b"
    return arrays.elementwise(not_equal, operands[0], 0.0) if to_bool else recorded(operands[0])


# ── Reductions, products, windows ────────────────────────────────────────────────────────────────


def _reduced(function: Callable[[list[Any]], Any], equation: Any, operands: Sequence[Any]) -> Array:
    return arrays.reduced(function, operands[0], equation.params["axes"])


def _extreme(row: Operation) -> Callable[[list[Any]], Any]:
    """The largest or smallest of a list; of none, what JAX begins with."""
    start = -np.inf if row is rules.maximum else np.inf
    return lambda values: arrays.largest(row, values) if values else start


def _cumulative(row: Operation, equation: Any, operands: Sequence[Any]) -> Array:
    return arrays.cumulative(row, operands[0], equation.params["axis"], reverse=equation.params["reverse"])


def _dot_general(equation: Any, operands: Sequence[Any]) -> Array:
    return arrays.dot_general(*operands, *equation.params["dimension_numbers"])


def _convolved(equation: Any, operands: Sequence[Any]) -> Array:
    params = equation.params
    numbers = params["dimension_numbers"]
    found = convolve(
        recorded(operands[0]).transpose(numbers.lhs_spec), recorded(operands[1]).transpose(numbers.rhs_spec),
        stride=params["window_strides"], padding=params["padding"], dilation=params["rhs_dilation"],
        base_dilation=params["lhs_dilation"], groups=params["feature_group_count"],
    )  # fmt: skip
    return found.transpose(np.argsort(numbers.out_spec))


def _pooled(function: Callable[[list[Any]], Any], equation: Any, operands: Sequence[Any]) -> Array:
    params = equation.params
    return pooled(
        function, operands[0], params["window_dimensions"], stride=params["window_strides"], padding=params["padding"],
        dilation=params["window_dilation"], base_dilation=params["base_dilation"],
    )  # fmt: skip


def _first(row: Operation) -> Callable[[list[Any]], Any]:
    """The largest or smallest of a list. As JAX has it in windows, the first of equal ones has the whole gradient."""

    def found(values: list[Any]) -> Any:
        if not values:
            return _extreme(row)(values)
        numbers, best = [*map(arrays.number, values)], arrays.extreme(row, values)
        at = numbers.index(best) if best in numbers else 0
        return _extreme(row)([each for place, each in enumerate(values) if place <= at or numbers[place] != best])

    return found


def _triangular_solve(equation: Any, operands: Sequence[Any]) -> Array:
    params = equation.params
    return linear.triangular_solve(
        *operands, left=params["left_side"], lower=params["lower"], transpose=params["transpose_a"],
        unit_diagonal=params["unit_diagonal"],
    )  # fmt: skip


def _cholesky(equation: Any, operands: Sequence[Any]) -> Array:
    """The triangle; nan as a whole, as JAX has it, if the matrix is not positive definite."""
    found = linear.cholesky(operands[0])
    for place in np.ndindex(found.shape[:-2]):
        if np.isnan(seen(found[place])).any():
            found[place] = arrays.elementwise(rules.add, found[place], np.nan)
    return found


def _lu(equation: Any, operands: Sequence[Any]) -> list[Any]:
    found, pivots, order = linear.lu(operands[0])
    return [found, *(each.astype(var.aval.dtype) for each, var in zip((pivots, order), equation.outvars[1:]))]


SAME = ("copy", "copy_p", "device_put", "name", "optimization_barrier", "reduce_precision", "sharding_constraint")
"""Those that do nothing to the numbers: they are not rounded here, as the graph is one of float64."""
REDUCTIONS = {
    "reduce_sum": Primitive(partial(_reduced, arrays.total), _sums),
    "reduce_prod": Primitive(partial(_reduced, arrays.product), _operands),
    "reduce_max": Primitive(partial(_reduced, _extreme(rules.maximum)), _operands),
    "reduce_min": Primitive(partial(_reduced, _extreme(rules.minimum)), _operands),
    "reduce_and": Primitive(partial(_reduced, arrays.product), _operands),
    "reduce_or": Primitive(partial(_reduced, _extreme(rules.maximum)), _operands),
    "reduce_window_sum": Primitive(partial(_pooled, arrays.total), _windows),
    "reduce_window_max": Primitive(partial(_pooled, _first(rules.maximum)), _windows),
    "reduce_window_min": Primitive(partial(_pooled, _first(rules.minimum)), _windows),
}
PRIMITIVES: Mapping[str, Primitive] = {
    **{name: Primitive(partial(_by_element, function), _results) for name, function in ELEMENTWISE.items()},
    **{name: Primitive(partial(_by_numpy, function), _nothing) for name, function in BY_NUMPY.items()},
    **{name: Primitive(partial(moved, data=data), _nothing) for name, data in MOVING.items()},
    **dict.fromkeys(SAME, Primitive(lambda equation, operands: list(operands), _nothing)),
    **REDUCTIONS,
    "integer_pow": Primitive(_integer_power, _results),
    "round": Primitive(_rounded, _results),
    "convert_element_type": Primitive(_converted, _nothing),
    "select_n": Primitive(selected, _results),
    "gather": Primitive(gathered, _nothing),
    "scatter-add": Primitive(partial(scattered, arrays.total), _sums),
    "scatter-mul": Primitive(partial(scattered, arrays.product), _sums),
    "scatter-max": Primitive(partial(scattered, _extreme(rules.maximum)), _sums),
    "scatter-min": Primitive(partial(scattered, _extreme(rules.minimum)), _sums),
    "sort": Primitive(in_order, _nothing),
    "top_k": Primitive(top, _nothing),
    "cumsum": Primitive(partial(_cumulative, rules.add), _results),
    "cumprod": Primitive(partial(_cumulative, rules.multiply), _results),
    "cummax": Primitive(partial(_cumulative, rules.maximum), _results),
    "cummin": Primitive(partial(_cumulative, rules.minimum), _results),
    "cumlogsumexp": Primitive(partial(_cumulative, more_rules.logaddexp), _results),
    "dot_general": Primitive(_dot_general, _products),
    "conv_general_dilated": Primitive(_convolved, _convolutions),
    "triangular_solve": Primitive(_triangular_solve, _squares),
    "cholesky": Primitive(_cholesky, _squares),
    "lu": Primitive(_lu, _squares),
}
"""Every primitive that is recorded, but those that hold functions."""
