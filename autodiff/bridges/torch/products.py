"""PyTorch's products of matrices, its convolutions, and what else is linear in windows of an image."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch

from autodiff import rules as rows
from autodiff.bridges.arrays import Array, dot, elementwise, filled, matmul, recorded, reduced, total
from autodiff.bridges.torch.elementwise import times
from autodiff.bridges.torch.rules import RULES, rule
from autodiff.bridges.windows import convolve

Sizes = Sequence[int]


@rule("mm", "bmm", "mv", "dot", "vdot")
def product(call: Any, a: Any, b: Any) -> Array:
    return matmul(a, b)


@rule("addmm", "addmv", "baddbmm", "addbmm", "addr")
def product_and_sum(call: Any, c: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Array:
    if call.name == "addr":
        a, b = recorded(a)[:, None], recorded(b)[None, :]
    found = times(matmul(a, b), alpha)
    if call.name == "addbmm":
        found = reduced(total, found, [0])
    return recorded(found) if beta == 0 else elementwise(rows.add, found, times(c, beta))


@rule("_trilinear")
def trilinear(
    call: Any, a: Any, b: Any, c: Any, expand1: Sizes, expand2: Sizes, expand3: Sizes, sumdim: Sizes, unroll: int = 1
) -> Array:
    """The sum of products of three arrays along axes, where each lacks some of the axes."""
    a, b, c = (np.expand_dims(recorded(x), tuple(axes)) for x, axes in ((a, expand1), (b, expand2), (c, expand3)))
    return reduced(total, elementwise(lambda a, b, c: a * b * c, a, b, c), sumdim)


@rule("convolution")
def convolution(
    call: Any, x: Any, kernel: Any, bias: Any, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes, groups: int,
) -> Array:  # fmt: skip
    spatial = np.ndim(kernel) - 2
    stride, padding, dilation, output_padding = (
        list(each) * (spatial if len(each) == 1 else 1) for each in (stride, padding, dilation, output_padding)
    )
    is_single = np.ndim(x) == spatial + 1
    x, kernel = recorded(x), recorded(kernel)
    x = x[None] if is_single else x
    around, apart = [(each, each) for each in padding], [1] * spatial
    if transposed:
        shape = kernel.shape
        kernel = kernel.reshape(groups, shape[0] // groups, *shape[1:]).swapaxes(1, 2)
        kernel = kernel.reshape(groups * shape[1], shape[0] // groups, *shape[2:])
        kernel = np.flip(kernel, tuple(range(2, kernel.ndim)))
        reach = [spread * (width - 1) for spread, width in zip(dilation, shape[2:])]
        around = [(r - p, r - p + more) for r, p, more in zip(reach, padding, output_padding)]
        stride, apart = apart, list(stride)
    found = convolve(x, kernel, stride=stride, padding=around, dilation=dilation, base_dilation=apart, groups=groups)
    if bias is not None:
        found = elementwise(rows.add, found, recorded(bias).reshape(-1, *[1] * spatial))
    return found[0] if is_single else found


# ── Pooling and interpolation ────────────────────────────────────────────────────────────────────

LINEAR = {
    "avg_pool1d": 1, "avg_pool2d": 2, "avg_pool3d": 3, "_adaptive_avg_pool2d": 2, "_adaptive_avg_pool3d": 3,
    "upsample_nearest1d": 1, "upsample_nearest2d": 2, "upsample_nearest3d": 3, "_upsample_nearest_exact1d": 1,
    "_upsample_nearest_exact2d": 2, "_upsample_nearest_exact3d": 3, "upsample_linear1d": 1, "upsample_bilinear2d": 2,
    "upsample_trilinear3d": 3, "upsample_bicubic2d": 2, "_upsample_bilinear2d_aa": 2, "_upsample_bicubic2d_aa": 2,
}  # fmt: skip
"""What is linear in each image of its own, and of how many dimensions an image is."""


def linear(call: Any, x: Any, *options: Any, **named: Any) -> Array:
    """The weights are what PyTorch's own operation makes of images with a single 1."""
    x, spatial = recorded(x), LINEAR[call.name]
    image = x.shape[x.ndim - spatial :]
    size = prod(image)
    ones = torch.eye(size, dtype=torch.float64).reshape(size, 1, *image)
    weights = call.function(ones, *options, **named)
    shape = tuple(weights.shape[2:])
    columns = [(at := np.flatnonzero(column), column[at].tolist()) for column in weights.reshape(size, -1).T.numpy()]
    images = x.reshape(-1, size)
    found = (_weighted(pixels[at].tolist(), factors) for pixels in images for at, factors in columns)
    return filled(found, (*x.shape[: x.ndim - spatial], *shape))


def _weighted(pixels: list[Any], factors: list[float]) -> Any:
    """The sum of products; of equal factors, the sum times the factor."""
    if len({*factors}) == 1:
        whole = total(pixels)
        return whole if factors[0] == 1 else whole * factors[0]
    return dot(factors, pixels) if pixels else 0.0


RULES.update(dict.fromkeys(LINEAR, linear))


@rule("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d",
      "fractional_max_pool2d", "fractional_max_pool3d")  # fmt: skip
def max_pool(call: Any, x: Any, *options: Any, **named: Any) -> tuple[Array, None]:
    """The numbers at the places that PyTorch gives: of equal ones the first."""
    x, at = recorded(x), call.results[1].cpu().numpy()
    spatial = 3 if "3d" in call.name else 2
    lead = x.shape[: x.ndim - spatial]
    found = np.take_along_axis(x.reshape(*lead, -1), at.reshape(*lead, -1), -1)
    return found.reshape(at.shape), None
