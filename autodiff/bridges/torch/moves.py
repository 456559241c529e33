"""What only moves numbers: PyTorch's own operation, run on the places of the numbers in place of the numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map_only

from autodiff import rules as rows
from autodiff.bridges.arrays import (
    Array,
    is_recorded,
    largest,
    moved,
    positions,
    product,
    recorded,
    total,
)  # fmt: skip
from autodiff.bridges.torch.elementwise import times
from autodiff.bridges.torch.rules import RULES, rule

# fmt: off
MOVES = {
    "clone", "copy", "cat", "stack", "index", "_unsafe_index", "index_select", "gather", "take", "flip", "roll",
    "repeat", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d",
    "replication_pad2d", "replication_pad3d", "pixel_shuffle", "pixel_unshuffle", "native_channel_shuffle", "tril",
    "triu", "diag_embed", "index_copy", "index_fill", "masked_fill", "masked_scatter", "masked_select",
    "select_scatter", "slice_scatter", "diagonal_scatter", "fill", "zero", "where", "im2col", "block_diag",
    "repeat_interleave", "_pack_padded_sequence", "diagonal_copy", "expand_copy", "permute_copy", "slice_copy",
    "split_copy", "squeeze_copy", "t_copy", "transpose_copy", "unbind_copy", "unfold_copy", "unsqueeze_copy",
    "view_copy", "alias_copy", "select_copy", "_reshape_copy",
}
# fmt: on
FIRST = 2.0**40
"""The place of the first number: what is less is a number that the operation itself brings along."""


def move(call: Any, *args: Any, **options: Any) -> Array | tuple[Array | None, ...]:
    """The rule of all of them. Arrays of floats are moved; others say where to."""
    pool: list[Any] = []

    def places(array: Array) -> torch.Tensor:
        if not is_recorded(array) and array.dtype.kind != "f":
            return torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
        first = FIRST + sum(map(np.size, pool))
        pool.append(array)
        return torch.arange(array.size, dtype=torch.float64).reshape(array.shape) + first

    given, named = tree_map_only(np.ndarray, places, (args, options))
    found = call.function(*given, **named)
    if isinstance(found, torch.Tensor):
        return _taken(pool, found)
    return tuple(_taken(pool, each) if each.dtype == torch.float64 else None for each in found)


def _taken(pool: list[Any], found: torch.Tensor) -> Array:
    held = found.numpy()
    is_place = held >= FIRST
    brought = held[~is_place]
    at = np.empty(held.shape, np.int64)
    at[is_place] = (held[is_place] - FIRST).astype(np.int64)
    at[~is_place] = sum(map(np.size, pool)) + np.arange(brought.size)
    return moved([*pool, brought], at)


RULES.update(dict.fromkeys(MOVES, move))


@rule("_to_copy", "prims.convert_element_type")
def to_other_type(call: Any, x: Any, *args: Any, **options: Any) -> Array:
    """Values are floats of 64 bits, whatever type PyTorch computes in."""
    return recorded(x)


# ── Written into another array, or added to it ───────────────────────────────────────────────────

REDUCED: dict[str, Callable[[list[Any]], Any]] = {
    "sum": total, "add": total, "prod": product, "multiply": product, "mean": lambda parts: total(parts) / len(parts),
    "amax": partial(largest, rows.maximum), "amin": partial(largest, rows.minimum),
}  # fmt: skip
"""What becomes of all numbers that are written to one place."""


def accumulated(x: Any, places: Array, values: Any, reduction: str = "sum", include_self: bool = True) -> Array:
    """The array with values reduced into its places, which are counted row by row."""
    found = recorded(x).ravel().copy()
    parts: dict[int, list[Any]] = {}
    for place, value in zip(places.ravel().tolist(), recorded(values).ravel().tolist()):
        parts.setdefault(place, [found[place]] if include_self else []).append(value)
    for place, several in parts.items():
        found[place] = REDUCED[reduction](several)
    return found.reshape(np.shape(x))


@rule("index_put", "_unsafe_index_put")
def index_put(call: Any, x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    if not accumulate:
        return move(call, x, indices, values)
    places = positions(x)[tuple(slice(None) if index is None else index for index in indices)]
    return accumulated(x, places, np.broadcast_to(recorded(values), places.shape))


@rule("put")
def put(call: Any, x: Any, index: Array, source: Any, accumulate: bool = False) -> Any:
    return accumulated(x, index, source) if accumulate else move(call, x, index, source)


@rule("index_add")
def index_add(call: Any, x: Any, dim: int, index: Array, source: Any, *, alpha: Any = 1) -> Array:
    return accumulated(x, np.take(positions(x), index.ravel(), dim), times(source, alpha))


@rule("scatter", "scatter_add", "scatter_reduce")
def scatter(
    call: Any, x: Any, dim: int, index: Array, source: Any, reduce: str = "", *, include_self: bool = True
) -> Any:
    if call.name == "scatter" and not reduce:
        return move(call, x, dim, index, source)
    places = np.take_along_axis(positions(x), index, dim) if x.ndim else positions(x)
    part = recorded(source)[tuple(map(slice, index.shape))] if np.ndim(source) else np.full(index.shape, source, object)
    return accumulated(x, places, part, reduce or "sum", include_self)


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────
