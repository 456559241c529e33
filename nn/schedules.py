"""Schedules: learning rates that change from step to step, for the ``learning_rate`` of an optimizer.

Any function of the number of steps taken so far is one; these are those that are used most. A step is a batch: of
``epochs`` with ``batches`` in each there are ``epochs * batches``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, inf, pi


@dataclass(frozen=True)
class CosineDecay:
    """From a rate down to the lowest one, along half a wave; afterwards it stays there.

    Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", eq. 5, without restarts.

    Args:
        rate: that of the first step.
        steps: after how many the lowest rate is reached.
        lowest: that rate.

    Raises:
        ValueError: a rate is negative or not finite, or steps is below 1.

    >>> schedule = CosineDecay(0.1, steps=100)
    >>> [round(schedule(step), 3) for step in (0, 50, 100, 1000)]
    [0.1, 0.05, 0.0, 0.0]
    """

    rate: float
    steps: int
    lowest: float = 0.0

    def __post_init__(self) -> None:
        _check(self.steps, rate=self.rate, lowest=self.lowest)

    def __call__(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        part = min(step / self.steps, 1.0)
        return self.lowest + (self.rate - self.lowest) * (1 + cos(pi * part)) / 2


@dataclass(frozen=True)
class StepDecay:
    """A rate that is multiplied by a factor each time that so many steps were taken.

    Args:
        rate: that of the first steps.
        steps: how many steps have the same rate.
        factor: what it is multiplied by.

    Raises:
        ValueError: the rate or the factor is negative or not finite, or steps is below 1.

    >>> [StepDecay(0.8, steps=10, factor=0.5)(step) for step in (0, 9, 10, 25)]
    [0.8, 0.8, 0.4, 0.2]
    """

    rate: float
    steps: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check(self.steps, rate=self.rate, factor=self.factor)

    def __call__(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        return float(self.rate * self.factor ** (step // self.steps))


@dataclass(frozen=True)
class Warmup:
    """A rate, or a schedule, that begins small and is reached in equal steps.

    Args:
        rate: the number or the schedule.
        steps: how many are smaller.

    Raises:
        ValueError: the rate is negative or not finite, or steps is below 1.

    >>> [Warmup(1.0, steps=3)(step) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    rate: float | Callable[[int], float]
    steps: int

    def __post_init__(self) -> None:
        _check(self.steps, rate=0.0 if callable(self.rate) else self.rate)

    def __call__(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        rate = self.rate(step) if callable(self.rate) else self.rate
        return rate * min((step + 1) / (self.steps + 1), 1.0)


def _check(steps: int, **rates: float) -> None:
    if not steps >= 1:
        raise ValueError(f"steps must be at least 1, not {steps!r}")
    for name, rate in rates.items():
        if not 0 <= rate < inf:
            raise ValueError(f"{name} must be finite and at least 0, not {rate!r}")
