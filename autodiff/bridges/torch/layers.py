"""PyTorch's layers that are no product: softmax, norms, tables of vectors."""

from __future__ import annotations

from itertools import pairwise
from math import inf, prod
from typing import Any

import numpy as np

from autodiff import rules as rows
from autodiff.bridges.arrays import Array, elementwise, filled, number, numbers, recorded, total
from autodiff.bridges.torch.elementwise import times_number
from autodiff.bridges.torch.rules import refused, rule

Row = list[Any]


@rule("_softmax", "_log_softmax", "_safe_softmax")
def softmax(call: Any, x: Any, dim: int, *options: Any, **named: Any) -> Array:
    """Where all is −∞, nan; of ``_safe_softmax``, which attention uses, 0."""
    x = recorded(x)
    last = np.moveaxis(x, dim, -1) if x.ndim else x.reshape(1)

    def one(row: Row) -> Row:
        shift = float(np.max([*map(number, row)]))  # any number would do: no gradient depends on it
        if call.name == "_safe_softmax" and shift == -inf:
            return [0.0] * len(row)
        apart = [each - shift for each in row]
        powers = [rows.exp(each) for each in apart]
        if call.name == "_log_softmax":
            logarithm = rows.log(total(powers))
            return [each - logarithm for each in apart]
        whole = total(powers)
        return [each / whole for each in powers]

    found = filled((each for row in last.reshape(-1, last.shape[-1]).tolist() for each in one(row)), last.shape)
    return np.moveaxis(found, -1, dim) if x.ndim else found.reshape(())


# ── Norms ────────────────────────────────────────────────────────────────────────────────────────


def normalized(row: Row, eps: float) -> tuple[Row, Any, Any]:
    """A row less its mean, over its deviation; the mean, and 1 over the deviation."""
    center = total(row) / float(len(row))
    apart = [each - center for each in row]
    root = rows.sqrt(rows.dot(*apart, *apart) / float(len(row)) + eps)
    return [each / root for each in apart], center, 1 / root


def scaled(x: Array, weight: Any, bias: Any) -> Array:
    """The array times a weight, plus a bias, where they are given."""
    x = x if weight is None else elementwise(rows.multiply, x, weight)
    return x if bias is None else elementwise(rows.add, x, bias)


def _by_rows(x: Array, eps: float, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """(groups, elements): each row normalized, with means and deviations in that shape."""
    found = [normalized(row, eps) for row in x.tolist()]
    whole = filled((each for row, _, _ in found for each in row), x.shape)
    return whole, filled((center for _, center, _ in found), shape), filled((root for _, _, root in found), shape)


@rule("native_layer_norm")
def layer_norm(call: Any, x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> tuple[Array, Array, Array]:
    x = recorded(x)
    lead = (*x.shape[: x.ndim - len(shape)], *[1] * len(shape))
    found, center, root = _by_rows(x.reshape(-1, prod(shape)), eps, lead)
    return scaled(found.reshape(x.shape), weight, bias), center, root


@rule("native_group_norm")
def group_norm(
    call: Any, x: Any, weight: Any, bias: Any, count: int, channels: int, size: int, groups: int, eps: float
) -> tuple[Array, Array, Array]:
    x = recorded(x)
    found, center, root = _by_rows(x.reshape(count * groups, -1), eps, (count, groups))
    weight, bias = (None if each is None else _of_channels(each, x.ndim) for each in (weight, bias))
    return scaled(found.reshape(x.shape), weight, bias), center, root


@rule("native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm")
def batch_norm(call: Any, x: Any, weight: Any, bias: Any, *options: Any) -> tuple[Array, Array | None, Array | None]:
    """While training, with the statistics of the batch; else with those that the layer has kept."""
    kept, (is_training, _, eps) = options[:-3], options[-3:]
    x = recorded(x)
    weight, bias = (None if each is None else _of_channels(each, x.ndim) for each in (weight, bias))
    if not (is_training or not kept):
        center, spread = (_of_channels(each, x.ndim) for each in kept)
        found = elementwise(lambda x, c, s: (x - c) / rows.sqrt(s + eps), x, center, spread)
        return scaled(found, weight, bias), None, None
    channels = np.moveaxis(x, 1, 0)
    found, center, root = _by_rows(channels.reshape(len(channels), -1), eps, (len(channels),))
    return scaled(np.moveaxis(found.reshape(channels.shape), 0, 1), weight, bias), center, root


def _of_channels(array: Any, ndim: int) -> Array:
    """(channels,) as it broadcasts with (observations, channels, *spatial)."""
    return recorded(array).reshape(-1, *[1] * (ndim - 2))


# ── Tables of vectors ────────────────────────────────────────────────────────────────────────────

BY_FREQUENCY = "its gradient is divided by how often a row is taken, and is no derivative; use scale_grad_by_freq=False"


@rule("embedding")
def embedding(
    call: Any, table: Any, indices: Array, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Array:
    """No gradient flows to the row of the padding."""
    if scale_grad_by_freq:
        raise refused(call, BY_FREQUENCY)
    table = recorded(table)
    if padding_idx >= 0:
        table = table.copy()
        table[padding_idx] = numbers(table[padding_idx])
    return recorded(table[indices])


@rule("_embedding_bag", "_embedding_bag_forward_only")
def embedding_bag(
    call: Any, table: Any, indices: Array, offsets: Array, scale_grad_by_freq: bool = False, mode: int = 0,
    sparse: bool = False, weights: Any = None, include_last_offset: bool = False, padding_idx: int = -1,
) -> tuple[Array, None, None, None]:  # fmt: skip
    """The sum, mean or maximum (modes 0, 1, 2) of the vectors of each bag; of equal ones, the first is the maximum."""
    if scale_grad_by_freq:
        raise refused(call, BY_FREQUENCY)
    table = recorded(table)
    ends = [*offsets.tolist(), *([] if include_last_offset else [len(indices)])]
    bags = []
    for start, end in pairwise(ends):
        places = [place for place in range(start, end) if indices[place] != padding_idx]
        vectors = [table[indices[place]].tolist() for place in places]
        if weights is not None:
            vectors = [[each * weights[place] for each in vector] for place, vector in zip(places, vectors)]
        for column in zip(*vectors) if vectors else [()] * table.shape[1]:
            if mode == 2:
                bags.append(max(column, default=0.0))
            else:
                bags.append(times_number(total(column), 1 / max(len(column), 1) if mode else 1) if column else 0.0)
    return filled(bags, (len(ends) - 1, table.shape[1])), None, None, None
