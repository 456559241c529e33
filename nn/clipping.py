"""Gradient clipping: no step is larger than a limit allows."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import numpy as np
from numpy.typing import NDArray

from autodiff import Value
from nn.mistakes import instead


class Clipping:
    """What is done to the gradient of each step; limits and errors as of :func:`clip_gradients`."""

    def __init__(self, norm: float | None, value: float | None, prefix: str = "") -> None:
        limits = {name: limit for name, limit in (("norm", norm), ("value", value)) if limit is not None}
        if len(limits) != 1:
            given = "both" if limits else "none"
            raise ValueError(f"one limit is needed, {prefix}norm= or {prefix}value=, not {given}")
        [(self.kind, self.limit)] = limits.items()
        if not self.limit > 0:
            raise ValueError(f"{prefix}{self.kind} must be positive, not {self.limit!r}")

    def __call__(self, gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """(parameters,): the gradient, smaller where it was too large; one that is not finite stays."""
        if not np.isfinite(gradient).all():
            return gradient
        if self.kind == "value":
            return np.clip(gradient, -self.limit, self.limit)
        length = norm_of(gradient)
        if not length > self.limit:
            return gradient
        if length == inf:  # as that of the largest numbers is
            gradient = gradient / np.abs(gradient).max()
            length = norm_of(gradient)
        return gradient / (length / self.limit)


def norm_of(gradient: NDArray[np.float64]) -> float:
    """The root of the sum of squares, also where those overflow or underflow."""
    largest = np.abs(gradient).max(initial=0.0)
    if not 0 < largest < inf:
        return float(largest)
    with np.errstate(over="ignore"):
        return float(largest * np.sqrt(np.sum((gradient / largest) ** 2)))


@instead("clip_gradients(model.parameters(), norm=1.0)", max_norm="norm", clip_value="value", clip_norm="norm")
def clip_gradients(parameters: Iterable[Value], *, norm: float | None = None, value: float | None = None) -> float:
    """Make the gradients smaller where they are larger than a limit, between ``backward()`` and ``step()``.

    Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks", Algorithm 1. Where one
    of them is not finite all stay, so that ``step()`` can say whose it is.

    Args:
        parameters: those of a model, with their gradients.
        norm: the greatest root of the sum of the squares of all gradients: if it is exceeded, all are scaled down to
            it, and their direction stays.
        value: the greatest absolute value of each gradient, which is cut off there.

    Returns:
        The norm of the gradients as they were.

    Raises:
        ValueError: not exactly one of the limits is given, or it is not positive.

    >>> x, y = Value(3.0), Value(4.0)
    >>> (0.5 * x * x + 0.5 * y * y).backward()
    >>> clip_gradients([x, y], norm=1.0), x.grad, y.grad
    (5.0, 0.6, 0.8)
    """
    clipping = Clipping(norm, value)
    moving = [each for each in parameters if each.grad]
    gradient = np.array([each.grad for each in moving], np.float64)
    for each, clipped in zip(moving, clipping(gradient).tolist()):
        each.grad = clipped
    return norm_of(gradient)
