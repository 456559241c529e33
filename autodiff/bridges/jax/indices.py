"""The primitives that read or write at indices, gather and scatter, with what JAX does with an index out of bounds.

JAX moves the places of the numbers, so that its modes hold: ``fill``, ``clip``, ``drop``. Under ``promise_in_bounds``,
which ``x[i]`` has, a promise that is not kept has a value and a gradient that do not belong together: reading takes the
nearest number, and gives it no gradient; writing drops the number, and gives it the gradient of the nearest place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import GatherScatterMode as Mode

from autodiff.bridges import arrays
from autodiff.bridges.arrays import OUTSIDE, Array, recorded
from autodiff.bridges.jax.elementwise import detached
from autodiff.bridges.limits import unsupported
from autodiff.sources import Source

EXTREME = ("scatter-max", "scatter-min")
WRITTEN = ("scatter", "scatter-add", "scatter-mul", *EXTREME)


def check_indices(equation: Any, operands: Sequence[Any], line: Source | None) -> None:
    """See whether JAX has a gradient for what is written at these indices.

    Raises:
        UnsupportedError: it has none that is a derivative.
    """
    name, params = equation.primitive.name, equation.params
    if name not in WRITTEN:
        return
    mode = Mode.from_any(params["mode"])
    is_strict = mode is Mode.PROMISE_IN_BOUNDS or (mode is Mode.CLIP and name in EXTREME)
    if is_strict and not _targets(equation, operands, Mode.FILL_OR_DROP).all():
        promise = f"an index is out of bounds, and mode={mode.name.lower()!r}"
        raise unsupported("JAX", name, line, f"{promise} has no gradient in JAX then: take mode='drop'")
    if params["unique_indices"]:
        kept = (targets := _targets(equation, operands, mode))[targets > 0]
        if len(kept) > len({*kept.tolist()}):
            raise unsupported("JAX", name, line, "indices repeat, and unique_indices=True says that they do not")


def gathered(equation: Any, operands: Sequence[Any]) -> Array:
    """The numbers at the indices; one that a broken promise gives is no variable's, as in JAX."""
    params = equation.params
    places = arrays.positions(operands[0])

    def read(mode: Any) -> Array:
        return np.asarray(
            equation.primitive.bind(places, operands[1], **{**params, "mode": mode, "fill_value": OUTSIDE})
        )

    given = params["fill_value"]
    if given is None:  # JAX's own: True among conditions
        given = 1.0 if equation.outvars[0].aval.dtype == bool else nan
    mode = Mode.from_any(params["mode"])
    found = arrays.moved(operands[:1], read(mode), given)
    if mode is Mode.PROMISE_IN_BOUNDS and (broken := read(Mode.FILL_OR_DROP) == OUTSIDE).any():
        found[broken] = [*map(detached, found[broken].tolist())]
    return found


def _targets(equation: Any, operands: Sequence[Any], mode: Any) -> Array:
    """For each number of the updates the place that it is written to, counted from 1; 0 if it is dropped.

    That is the gradient of the scattered updates, if the gradient of the result is the places of its numbers.
    """
    operand, indices, updates = operands
    params = {key: equation.params[key] for key in ("indices_are_sorted", "unique_indices")}

    def spread(updates: Any) -> Any:
        zeros = jnp.zeros(np.shape(operand), jnp.float32)  # whole numbers up to 2**24 are exact
        return jax.lax.scatter_add(zeros, indices, updates, equation.params["dimension_numbers"], mode=mode, **params)

    places = jax.vjp(spread, jnp.zeros(np.shape(updates), jnp.float32))[1]
    return np.asarray(places(arrays.positions(operand, 1).astype(np.float32))[0]).astype(int)


def scattered(combine: Callable[[list[Any]], Any], equation: Any, operands: Sequence[Any]) -> Array:
    """What the combination of each number and of the updates for its place gives, in the order of the updates."""
    rows = [[each] for each in recorded(operands[0]).ravel().tolist()]
    targets = _targets(equation, operands, equation.params["mode"])
    for place, update in zip(targets.ravel(), recorded(operands[2]).ravel().tolist()):
        if place > 0:
            rows[place - 1].append(update)
    return arrays.filled(map(combine, rows), np.shape(operands[0]))
