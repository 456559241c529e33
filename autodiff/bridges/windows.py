"""What slides over arrays of ``Value``s: convolution and pooling, of any number of spatial dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from autodiff.bridges.arrays import OUTSIDE, Array, dot, filled, recorded, shared


def window_places(
    shape: Sequence[int],
    window: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    base_dilation: Sequence[int],
) -> tuple[Array, tuple[int, ...]]:
    """What each window sees of an array, as places counted row by row.

    All of these have one entry for each dimension of the array.

    Args:
        shape: the shape of the array.
        window: the shape of the window.
        stride: how far it goes from one place to the next.
        padding: how much stands before and after; negative cuts off.
        dilation: the distance of neighbours within the window.
        base_dilation: the distance at which the numbers of the array stand; between them stands padding.

    Returns:
        (windows, elements of a window) places, ``OUTSIDE`` for padding; and the shape that the windows form.

    >>> options = dict(stride=[1], padding=[(1, 0)], dilation=[1], base_dilation=[1])
    >>> window_places([3], [2], **options)
    (array([[-1,  0],
           [ 0,  1],
           [ 1,  2]]), (3,))
    """
    found, inside, counts, step = np.zeros((1, 1), int), np.ones((1, 1), bool), [], prod(shape)
    each = zip(shape, window, stride, padding, dilation, base_dilation)
    for size, width, stepping, (before, after), spread, base in each:
        length = before + after + (max(size - 1, 0) * base + 1 if size else 0)
        count = max((length - ((width - 1) * spread + 1)) // stepping + 1, 0) if width else 0
        at = np.arange(count)[:, None] * stepping + np.arange(width)[None, :] * spread - before
        holds = (at >= 0) & (at % base == 0) & (at // base < size)
        step //= max(size, 1)
        found = _joined(found, at // base * step, np.add)
        inside = _joined(inside, holds, np.logical_and)
        counts.append(count)
    return np.where(inside, found, OUTSIDE), tuple(counts)


def _joined(outer: Array, inner: Array, combine: Any) -> Array:
    """Both tables of (windows, elements) as one of the pairs of windows and the pairs of elements."""
    both = combine(outer[:, None, :, None], inner[None, :, None, :])
    return both.reshape(outer.shape[0] * inner.shape[0], outer.shape[1] * inner.shape[1])  # type: ignore[no-any-return]


def convolve(
    inputs: Any,
    kernel: Any,
    *,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    base_dilation: Sequence[int],
    groups: int = 1,
) -> Array:
    """The convolution of networks, which does not turn its kernel around: one ``dot`` node for each result.

    Args:
        inputs: (observations, channels, *spatial), recorded or plain.
        kernel: (features, channels / groups, *spatial), recorded or plain.
        stride, padding, dilation, base_dilation: as in ``window_places``, for the spatial dimensions; the dilation is
            the kernel's, and the base dilation that of the inputs, which transposes the convolution.
        groups: the features of a group see the channels of that group alone.

    Returns:
        (observations, features, *windows). What would be multiplied with padding is left out.

    >>> one = dict(stride=[1], padding=[(0, 0)], dilation=[1], base_dilation=[1])
    >>> convolve(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[1.0, -1.0]]]), **one)
    array([[[-1.0, -2.0]]], dtype=object)
    """
    inputs, kernel = shared(inputs), shared(kernel)
    places, shape = window_places(
        inputs.shape[2:], kernel.shape[2:], stride=stride, padding=padding, dilation=dilation,
        base_dilation=base_dilation,
    )  # fmt: skip
    count, channels, features, each = len(inputs), inputs.shape[1], len(kernel), kernel.shape[1]
    pixels, weights = inputs.reshape(count, channels, -1), kernel.reshape(features, each, -1)
    seen = [(np.flatnonzero(row != OUTSIDE), row[row != OUTSIDE]) for row in places]
    found = np.empty((count, features, len(places)), object)
    for group in range(groups):
        fed = slice(group * each, (group + 1) * each)
        for window, (at, place) in enumerate(seen):
            rows = pixels[:, fed, place].reshape(count, len(place) * each).tolist()
            for feature in range(group * features // groups, (group + 1) * features // groups):
                factors = weights[feature][:, at].ravel().tolist()
                for observation, row in enumerate(rows):
                    found[observation, feature, window] = dot(factors, row)
    return found.reshape(count, features, *shape)


def pooled(
    function: Callable[[list[Any]], Any],
    array: Any,
    window: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    base_dilation: Sequence[int],
) -> Array:
    """The function of what each window sees of the array, padding left out. The options are those of ``window_places``.

    >>> one = dict(stride=[1], padding=[(0, 0)], dilation=[1], base_dilation=[1])
    >>> pooled(max, np.array([1.0, 3.0, 2.0]), [2], **one)
    array([3.0, 3.0], dtype=object)
    """
    array = recorded(array)
    places, shape = window_places(
        array.shape, window, stride=stride, padding=padding, dilation=dilation, base_dilation=base_dilation
    )
    flat = array.ravel()
    return filled((function(flat[row[row != OUTSIDE]].tolist()) for row in places), shape)
