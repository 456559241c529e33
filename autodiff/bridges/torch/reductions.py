"""PyTorch's reductions along axes, and what chooses numbers by their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np

from autodiff import functions
from autodiff import more_rules as more
from autodiff import rules as rows
from autodiff.bridges.arrays import (
    Array,
    cumulative,
    elementwise,
    filled,
    largest,
    numbers,
    product,
    recorded,
    reduced,
    total,
)  # fmt: skip
from autodiff.bridges.torch.rules import rule

Row = list[Any]
Axes = int | Sequence[int] | None


def along(function: Callable[[Row], Any], x: Array, dim: Axes = None, keepdim: bool = False) -> Array:
    """The function of all elements along the axes; no axes are all of them."""
    x = recorded(x)
    axes = [dim] if isinstance(dim, int) else list(dim or range(x.ndim))
    axes = [axis % x.ndim for axis in axes] if x.ndim else []
    found = reduced(function, x, axes)
    return np.expand_dims(found, tuple(axes)) if keepdim and axes else found


def rows_of(x: Array, dim: int) -> Array:
    """(others, elements along the axis)."""
    last = np.moveaxis(x, dim, -1) if x.ndim else x.reshape(1)
    return last.reshape(-1, last.shape[-1])


@rule("sum")
def sum_(call: Any, x: Any, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    return along(total, x, dim, keepdim)


@rule("mean")
def mean(call: Any, x: Any, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    return along(lambda row: total(row) / float(len(row)) if len(row) != 1 else row[0], x, dim, keepdim)


@rule("prod")
def prod(call: Any, x: Any, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    return along(product, x, dim, keepdim)


@rule("logsumexp")
def logsumexp(call: Any, x: Any, dim: Axes, keepdim: bool = False) -> Array:
    return along(functions.log_sum_exp, x, dim, keepdim)


@rule("var", "std", "var_mean", "std_mean")
def variance(
    call: Any, x: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False, **options: Any
) -> Array | tuple[Array, Array]:
    """Where all numbers are equal, the gradient of the deviation is 0."""
    if isinstance(dim, bool):  # an older form: whether the mean is the sample's own
        dim, correction = None, int(dim)
    ddof = 1 if correction is None else correction

    def one(row: Row) -> Any:
        center = total(row) / float(len(row))
        apart, count = [each - center for each in row], float(len(row) - ddof)
        if call.name.startswith("std"):
            return rows.norm(*apart) / count**0.5 if count > 0 else np.nan
        return rows.dot(*apart, *apart) / count if count > 0 else np.nan

    found = along(one, x, dim, keepdim)
    return (found, mean(call, x, dim, keepdim)) if call.name.endswith("mean") else found


@rule("linalg_vector_norm", "norm")
def norm(call: Any, x: Any, ord: Any = 2, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    """At zeros, the gradient is 0; of the largest number, it is shared by all that are equal to it."""
    order = 2.0 if ord is None else float(ord)

    def one(row: Row) -> Any:
        if order == 2:
            return rows.norm(*row)
        sizes = [rows.absolute(each) for each in row]
        if order in (inf, -inf):
            return largest(rows.maximum if order > 0 else rows.minimum, sizes)
        if order == 0:
            return float(sum(each != 0 for each in sizes))
        if order == 1:
            return total(sizes)
        some = [each for each in sizes if each != 0]
        return rows.power(total([rows.power(each, order) for each in some]), 1 / order) if some else 0.0

    return along(one, x, dim, keepdim)


@rule("dist")
def dist(call: Any, a: Any, b: Any, p: float = 2) -> Array:
    return norm(call, elementwise(rows.subtract, a, b), p)


@rule("_cdist_forward", "_euclidean_dist")
def distances(call: Any, a: Any, b: Any, p: float = 2, mode: int | None = None) -> Array:
    return norm(call, elementwise(rows.subtract, recorded(a)[..., :, None, :], recorded(b)[..., None, :, :]), p, -1)


@rule("_pdist_forward")
def distances_of_pairs(call: Any, x: Any, p: float = 2) -> Array:
    x = recorded(x)
    first, second = np.triu_indices(len(x), 1)
    return norm(call, elementwise(rows.subtract, x[first], x[second]), p, -1)


# ── By order. Which number is chosen, PyTorch has said; values are not compared again ────────────


@rule("amax", "amin")
def extreme(call: Any, x: Any, dim: Axes = (), keepdim: bool = False) -> Array:
    """Equal ones share the gradient."""
    return along(partial(largest, rows.maximum if call.name == "amax" else rows.minimum), x, dim, keepdim)


@rule("max", "min", "median", "nanmedian", "kthvalue", "mode", "sort", "topk", "cummax", "cummin")
def by_index(call: Any, x: Any, *options: Any, **named: Any) -> Array | tuple[Array, None]:
    """Along an axis the number at the index that PyTorch gives; of a whole array, equal ones share the gradient."""
    if len(call.results) == 1:
        if call.name in ("max", "min"):
            return along(partial(largest, rows.maximum if call.name == "max" else rows.minimum), x)
        return along(partial(_median, call.name == "nanmedian"), x)
    at = call.results[1].cpu().numpy()
    place = 1 if call.name in ("kthvalue", "topk") else 0
    dim = named.get("dim", options[place] if len(options) > place else -1)
    x = recorded(x)
    if not x.ndim:
        return x, None
    kept = at.ndim == x.ndim
    found = np.take_along_axis(x, at if kept else np.expand_dims(at, dim), dim)
    return (found if kept else found.squeeze(dim)), None


def _median(without_nan: bool, row: Row) -> Any:
    at = numbers(filled(row, [len(row)]))
    known = np.sort(at[~np.isnan(at)])
    if len(known) < len(row) and not (without_nan and len(known)):
        same = [each for each in row if each != each]
    else:
        same = [each for each in row if each == known[(len(known) - 1) // 2]]
    return same[0] if len(same) == 1 else total(same) / float(len(same))


# ── From the first one on ────────────────────────────────────────────────────────────────────────


@rule("cumsum", "cumprod", "logcumsumexp")
def running(call: Any, x: Any, dim: int, *, dtype: Any = None) -> Array:
    combine = {"cumsum": rows.add, "cumprod": rows.multiply, "logcumsumexp": more.logaddexp}[call.name]
    return cumulative(combine, recorded(x), dim) if np.ndim(x) else recorded(x)
