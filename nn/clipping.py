"""Gradient clipping: no step is larger than the data of one batch deserve."""

from __future__ import annotations

from collections.abc import Iterable
from math import hypot, inf, isfinite

from autodiff import Value
from nn.mistakes import instead


@instead(max_norm="norm", clip_value="value", clip_norm="norm")
def clip_gradients(parameters: Iterable[Value], *, norm: float | None = None, value: float | None = None) -> float:
    """Make the gradients smaller where they are larger than a limit, between ``backward()`` and ``step()``.

    Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks", Algorithm 1. A gradient
    that is not finite stays, so that ``step()`` can say whose it is.

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
    limit = checked_limit(norm, value)
    moving = [each for each in parameters if each.grad]
    gradients = [each.grad for each in moving]
    length = hypot(*gradients)
    if not all(map(isfinite, gradients)):
        return length
    if value is not None:
        for each, gradient in zip(moving, gradients):
            each.grad = min(max(gradient, -limit), limit)
    elif length > limit:
        largest = max(map(abs, gradients)) if length == inf else 1.0
        shares = [gradient / largest for gradient in gradients]
        times = hypot(*shares) / limit
        for each, share in zip(moving, shares):
            each.grad = share / times
    return length


def checked_limit(norm: float | None, value: float | None, prefix: str = "") -> float:
    """The one of the two limits that is given.

    Raises:
        ValueError: not exactly one is, or it is not positive.
    """
    limits = [(name, limit) for name, limit in (("norm", norm), ("value", value)) if limit is not None]
    if len(limits) != 1:
        raise ValueError(f"one limit is needed, {prefix}norm= or {prefix}value=, not {'both' if limits else 'none'}")
    [(name, limit)] = limits
    if not limit > 0:
        raise ValueError(f"{prefix}{name} must be positive, not {limit!r}")
    return limit
