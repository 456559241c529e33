"""``detect_anomaly``: stop at the first number that is not finite, and name the line that made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

from autodiff.backward import topological_order
from autodiff.hooks import Observer, observed_by
from autodiff.non_finite import check_finite, check_forward
from autodiff.sources import RECORDER
from autodiff.value import Value


class _Detector(Observer):
    def recorded(self, node: Value) -> None:
        if not isfinite(node.number):
            check_forward(topological_order(node), "this result")

    def begins(self, root: Value, seed: float) -> None:
        check_finite(root, seed)

    def differentiated(self, root: Value, gradients: Sequence[Any]) -> None:
        check_forward(topological_order(root))
        if not all(isfinite(g.number if isinstance(g, Value) else g) for g in gradients):
            check_finite(root)


DETECTOR = _Detector()


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first number that is not finite: of the forward pass where it is made, or of a backward pass.

    A graph that was recorded outside is looked at when ``backward()`` begins, so a loss that is nan never passes. No
    gradient is touched by a pass that is refused. A branch of ``where`` that is not taken counts like any other.
    Compiled functions record nothing, so they are not looked at. Inside, sources are recorded: errors quote the line of
    the user's program that made the number.

    Raises:
        NonFiniteError: as :func:`check_finite`.

    >>> x = Value(-1.0, label="x")
    >>> with detect_anomaly(): loss = (x * 2 + 1).log() ** 2
    Traceback (most recent call last):
    autodiff.non_finite.NonFiniteError: the first number that is not finite is v5 = log(v4) = log(−1.0) = nan
    """
    with observed_by(RECORDER, DETECTOR):
        yield
