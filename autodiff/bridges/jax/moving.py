"""The primitives that only move numbers: NumPy moves the ``Value``s, or JAX moves their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.bridges import arrays
from autodiff.bridges.arrays import Array, is_recorded, numbers, recorded


def _broadcast(x: Array, shape: Sequence[int], broadcast_dimensions: Sequence[int], **_: Any) -> Array:
    sizes = [1] * len(shape)
    for size, axis in zip(x.shape, broadcast_dimensions):
        sizes[axis] = size
    return np.broadcast_to(x.reshape(sizes), shape)


def _slice(
    x: Array, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int] | None
) -> Array:
    return x[tuple(map(slice, start_indices, limit_indices, strides or [1] * x.ndim))]


def _dynamic_slice(x: Array, *starts: Any, slice_sizes: Sequence[int]) -> Array:
    firsts = [min(max(int(at), 0), size - wide) for at, size, wide in zip(starts, x.shape, slice_sizes)]
    return x[tuple(slice(first, first + wide) for first, wide in zip(firsts, slice_sizes))]


def _split(x: Array, sizes: Sequence[int], axis: int) -> list[Array]:
    return np.split(x, np.cumsum(sizes)[:-1], axis)


BY_NUMPY: Mapping[str, Callable[..., Any]] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda *each, dimension: np.concatenate([*map(recorded, each)], dimension),
    "dynamic_slice": _dynamic_slice,
    "reshape": lambda x, new_sizes, **_: x.reshape(new_sizes),
    "rev": lambda x, dimensions: np.flip(x, dimensions),
    "slice": _slice,
    "split": _split,
    "squeeze": lambda x, dimensions: np.squeeze(x, dimensions),
    "transpose": lambda x, permutation: x.transpose(permutation),
}
"""Of operands and parameters."""


MOVING = {
    "dynamic_update_slice": (0, 1), "expand_dims": (), "pad": (), "scatter": (0, 2), "stack": (), "tile": (),
    "unstack": (),
}  # fmt: skip
"""The primitives that JAX runs on places, and which operands are moved; none for all."""


def moved(equation: Any, operands: Sequence[Any], data: Sequence[int] = ()) -> list[Array]:
    """The results of a primitive that moves the operands ``data``, all by default; the others say where to."""
    data = data or range(len(operands))
    given, first = list(operands), 0
    for at in data:
        given[at] = arrays.positions(operands[at], first)
        first += np.size(operands[at])
    found = equation.primitive.bind(*given, **equation.params)
    moving = [operands[at] for at in data]
    return [arrays.moved(moving, each) for each in (found if isinstance(found, (list, tuple)) else [found])]


def selected(equation: Any, operands: Sequence[Any]) -> Any:
    """One of several cases, number by number. A condition that is recorded becomes a node."""
    which, *cases = operands
    if not is_recorded(which) and len(cases) > 2:
        return moved(equation, operands, range(1, len(operands)))
    no, yes = cases
    return arrays.choose(which, yes, no)


def in_order(equation: Any, operands: Sequence[Any]) -> list[Any]:
    """The operands in the order of the first ones. The order is that of the numbers, and stays when they change."""
    axis, keys = equation.params["dimension"], equation.params["num_keys"]
    columns = [np.moveaxis(numbers(operand), axis, -1) for operand in operands[:keys]]
    order = np.moveaxis(np.lexsort(columns[::-1], axis=-1), -1, axis)
    return [np.take_along_axis(each if is_recorded(each) else np.asarray(each), order, axis) for each in operands]


def top(equation: Any, operands: Sequence[Any]) -> list[Any]:
    """The largest numbers in falling order, the first of equal ones first; and where they were.

    As JAX has it, nan is larger than all others, and 0 larger than -0.
    """
    axis, wanted = equation.params.get("axis", -1), equation.params["k"]
    at = numbers(operands[0])
    order = np.lexsort((np.signbit(at), -at, ~np.isnan(at)), axis).take(range(wanted), axis)
    return [np.take_along_axis(operands[0], order, axis), order.astype(equation.outvars[1].aval.dtype)]
