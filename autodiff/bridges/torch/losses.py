"""PyTorch's losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import rules as rows
from autodiff.bridges.arrays import Array, elementwise, number, numbers, recorded, reduced, total
from autodiff.bridges.torch.rules import RULES, rule

NONE, MEAN, SUM = range(3)
LEAST_LOGARITHM, LEAST_SLOPE = -100.0, float(np.float32(1e-12))
"""Where ``binary_cross_entropy`` cuts logarithms off, and the least x · (1 − x) that its gradient divides by."""


def over_all(losses: Array, reduction: int, weight: Any = None) -> Array:
    """The losses, weighted; their mean or sum."""
    losses = losses if weight is None else elementwise(rows.multiply, losses, weight)
    if reduction == NONE:
        return losses
    whole = reduced(total, losses, range(losses.ndim))
    return elementwise(rows.divide, whole, float(losses.size)) if reduction == MEAN and losses.size != 1 else whole


def of_difference(loss: Callable[[Any, float], Any]) -> Callable[..., Array]:
    """The rule of a loss of the difference."""

    def found(call: Any, x: Any, target: Any, reduction: int = MEAN, option: float = 1.0) -> Array:
        return over_all(elementwise(lambda x, t: loss(x - t, option), x, target), reduction)

    return found


RULES["mse_loss"] = of_difference(lambda d, _: d**2)
RULES["smooth_l1_loss"] = of_difference(
    lambda d, beta: 0.5 * d * d / beta if abs(d) < beta else rows.absolute(d) - 0.5 * beta
)
RULES["huber_loss"] = of_difference(
    lambda d, delta: 0.5 * d * d if abs(d) <= delta else delta * (rows.absolute(d) - 0.5 * delta)
)


@rule("binary_cross_entropy")
def binary_cross_entropy(call: Any, x: Any, target: Any, weight: Any = None, reduction: int = MEAN) -> Array:
    """Where x is 0 or 1 within 1e-12, with the slope that PyTorch gives it."""

    def one(x: Any, t: Any) -> Any:
        at = number(x)
        if at * (1 - at) >= LEAST_SLOPE:
            return -(t * rows.log(x) + (1 - t) * rows.log1p(-x))
        ends = [max(rows.log(each), LEAST_LOGARITHM) for each in (at, 1 - at)]
        slope = (at - number(t)) / LEAST_SLOPE
        return slope * (x - at) - (t * ends[0] + (1 - t) * ends[1])

    return over_all(elementwise(one, x, target), reduction, weight)


@rule("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    call: Any, x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = MEAN
) -> Array:
    def one(x: Any, t: Any, p: Any) -> Any:
        return (1 - t) * x + ((p - 1) * t + 1) * rows.softplus(-x)

    found = elementwise(lambda x, t: rows.softplus(-x) + (1 - t) * x, x, target)
    return over_all(found if pos_weight is None else elementwise(one, x, target, pos_weight), reduction, weight)


@rule("nll_loss_forward", "nll_loss2d_forward")
def negative_log_likelihood(
    call: Any, x: Any, target: Array, weight: Any, reduction: int, ignore_index: int
) -> tuple[Array, float]:
    """The mean is over the weights of the targets that count."""
    x = recorded(x)
    classes = np.moveaxis(x, 1 if x.ndim > 1 else 0, -1)
    shape, count = classes.shape[:-1], classes.shape[-1]
    wanted = target.ravel()
    counts = wanted != ignore_index
    each = np.where(counts, wanted, 0)
    scale = np.where(counts, 1.0 if weight is None else numbers(weight)[each], 0.0)
    picked = classes.reshape(-1, count)[np.arange(len(each)), each]
    losses = recorded(np.where(counts, elementwise(lambda v, w: -v if w == 1 else -v * w, picked, scale), 0.0))
    if reduction == NONE:
        return losses.reshape(shape), 0.0
    whole, weights = reduced(total, losses, [0]), float(scale.sum())
    return (elementwise(rows.divide, whole, weights) if reduction == MEAN and weights != 1 else whole), weights
