"""Dropout: numbers left out at random while a model is trained, and all of them used where it is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

import autodiff
from autodiff import Value

_off = ContextVar("dropout is off", default=False)


def dropout(values: Sequence[Any], p: float, *, rng: np.random.Generator) -> list[Any]:
    """Each number left out with probability ``p``, the others divided by 1 − p, so that the mean stays.

    Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4, with the
    factor of section 10. Inside of ``without_dropout()``, and so in ``Module.predict`` and in the validation of a
    training, nothing is left out. Each call draws anew: it cannot be compiled, and ``fit`` then runs eagerly.

    Args:
        values: (values,) numbers or ``Value``s, such as the outputs of a layer.
        p: the probability, from 0 up to but not including 1.
        rng: a generator that was made once, such as ``numpy.random.default_rng(0)``.

    Returns:
        (values,)

    Raises:
        TypeError: rng is no generator; a seed would draw the same in every call.
        ValueError: p is out of range.
        FrozenNumberError: it is called in a compiled function, in which the draw would be the same in every call.

    >>> rng = np.random.default_rng(0)
    >>> dropout([1.0, 2.0, 3.0, 4.0], 0.5, rng=rng)
    [2.0, 0.0, 0.0, 0.0]
    >>> with without_dropout():
    ...     dropout([1.0, 2.0, 3.0, 4.0], 0.5, rng=rng)
    [1.0, 2.0, 3.0, 4.0]
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a generator that is made once, as numpy.random.default_rng(0) makes one, not "
            f"{type(rng).__name__} {rng!r:.60}: a seed would draw the same in every call"
        )
    check_probability(p)
    if _off.get() or p == 0:
        return [*values]
    for value in values:
        _check_not_recorded(value)
    keeps = rng.random(len(values)) >= p
    nothing = autodiff.constant(0.0) if any(isinstance(value, Value) for value in values) else 0.0
    return [value / (1 - p) if keep else nothing for value, keep in zip(values, keeps.tolist())]


def check_probability(p: float) -> None:
    """Refuse a probability with which nothing would be left, or that is none.

    Raises:
        ValueError: it is out of range.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p must be at least 0 and below 1, not {p!r}")


@contextmanager
def without_dropout() -> Iterator[None]:
    """Leave nothing out in the block: for measuring and predicting."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def _check_not_recorded(value: Any) -> None:
    """Refuse a number of a compiled function, which would be frozen like every random choice."""
    try:
        value.data if isinstance(value, Value) else value
    except autodiff.FrozenNumberError:
        raise autodiff.FrozenNumberError(
            "dropout draws anew in every call, and a compiled function would keep one draw for ever: train with "
            "fit(), which then runs eagerly, and measure inside of nn.without_dropout()"
        ) from None
