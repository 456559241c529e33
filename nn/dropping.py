"""Dropout: numbers left out at random while a model is trained, and all of them used where it is measured.

A compiled function cannot draw. What trains one draws in advance, in the same order, and hands in which numbers are
kept: it asks for the draws of one observation (:func:`planned_draws`), draws for many (:func:`drawn`), and runs the
function on them (:func:`drawn_before`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Value

T = TypeVar("T")

_off = ContextVar("dropout is off", default=False)
_before: ContextVar[Callable[[Draw], Sequence[Any]] | None] = ContextVar("what answers a draw", default=None)
_OTHER_DRAWS = "dropout draws otherwise for some observations than for the first"


def dropout(values: Sequence[Any], p: float, *, rng: np.random.Generator) -> list[Any]:
    """Each number left out with probability ``p``, the others divided by 1 − p, so that the mean stays.

    Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4, with the
    factor of section 10. Inside of ``without_dropout()``, and so in ``Module.predict`` and in the validation of a
    training, nothing is left out. Each call draws anew, so that a function of your own with it cannot be compiled;
    ``fit`` draws for the compiled loss.

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
    before = _before.get()
    if before is not None:
        keeps = before(Draw(rng, len(values), p))
        if any(isinstance(keep, Value) for keep in keeps):  # in a compiled function
            return [autodiff.where(keep, value / (1 - p), 0.0) for value, keep in zip(values, keeps)]
    else:
        for value in values:
            _check_not_recorded(value)
        keeps = (rng.random(len(values)) >= p).tolist()
    nothing = autodiff.constant(0.0) if any(isinstance(value, Value) for value in values) else 0.0
    return [value / (1 - p) if keep else nothing for value, keep in zip(values, keeps)]


def check_probability(p: float) -> None:
    """Refuse a probability with which nothing would be left, or that is none.

    Raises:
        ValueError: it is out of range.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p must be at least 0 and below 1, not {p!r}")


class Draw(NamedTuple):
    """A call of :func:`dropout`: how many numbers it draws, from which generator, and the probability."""

    rng: np.random.Generator
    size: int
    p: float


def planned_draws(function: Callable[[], object]) -> list[Draw]:
    """The calls of :func:`dropout` that a function makes, without drawing: in them all numbers are kept."""
    found: list[Draw] = []

    def noted(draw: Draw) -> list[Any]:
        found.append(draw)
        return [True] * draw.size

    with _during(_before, noted):
        function()
    return found


def drawn(draws: Sequence[Draw], observations: int) -> NDArray[np.float64]:
    """(observations, numbers): 1 where a number is kept, else 0, as if one observation after the other drew for itself.

    Args:
        draws: those of one observation, in order.
        observations: how many there are.
    """
    ends = np.cumsum([0, *(draw.size for draw in draws)]).tolist()
    kept = np.empty((observations, ends[-1]))
    for rng in {id(draw.rng): draw.rng for draw in draws}.values():
        own = [(draw, slice(start, end)) for draw, start, end in zip(draws, ends, ends[1:]) if draw.rng is rng]
        numbers, start = rng.random((observations, sum(draw.size for draw, _ in own))), 0
        for draw, columns in own:
            kept[:, columns] = numbers[:, start : start + draw.size] >= draw.p
            start += draw.size
    return kept


@contextmanager
def drawn_before(draws: Sequence[Draw], kept: Sequence[Any] = ()) -> Iterator[None]:
    """In the block, :func:`dropout` keeps the numbers whose ``kept`` is 1, in the order of the draws.

    Raises:
        ValueError: other draws are made in the block than these.
    """
    made, start = 0, 0

    def answer(draw: Draw) -> Sequence[Any]:
        nonlocal made, start
        if made == len(draws) or draw.rng is not draws[made].rng or draw[1:] != draws[made][1:]:
            raise ValueError(_OTHER_DRAWS)
        made, start = made + 1, start + draw.size
        return kept[start - draw.size : start]

    with _during(_before, answer):
        yield
    if made < len(draws):
        raise ValueError(_OTHER_DRAWS)


@contextmanager
def without_dropout() -> Iterator[None]:
    """Leave nothing out in the block: for measuring and predicting."""
    with _during(_off, True):
        yield


@contextmanager
def _during(variable: ContextVar[T], value: T) -> Iterator[None]:
    """The variable has the value in the block; an interrupt comes after a call, so it is set where it is reset."""
    before = variable.get()
    try:
        variable.set(value)
        yield
    finally:
        variable.set(before)


def _check_not_recorded(value: Any) -> None:
    """Refuse a number of a compiled function, which would be frozen like every random choice."""
    try:
        value.data if isinstance(value, Value) else value
    except autodiff.FrozenNumberError:
        raise autodiff.FrozenNumberError(
            "dropout draws anew in every call, and a compiled function would keep one draw for ever: train with "
            "fit(), which draws for it, and measure inside of nn.without_dropout()"
        ) from None
