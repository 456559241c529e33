"""One thread and one for each processor, on the network of W4 (W12); the results have the same bits."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import autodiff
import nn
from benchmarks.compiled import signs
from benchmarks.eager import PENALTY
from benchmarks.measuring import Contender, race

POINTS = (10_000, 100_000)


def w12(repeats: int, processors: set[int]) -> list[dict[str, Any]]:
    """The races, on all processors that this process had before it was pinned to one; nothing where it was not."""
    if not processors:
        return []
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        return [row for points in POINTS for row in _of(points, repeats)]
    finally:
        os.sched_setaffinity(0, pinned)


def _of(points: int, repeats: int) -> list[dict[str, Any]]:
    data = nn.moons(points)
    model = nn.MLP(2, [16, 16, 1])
    theta = np.array([parameter.data for parameter in model.parameters()])

    def contender(threads: int | None) -> Contender:
        @autodiff.compile(parameters=model, backend="native", threads=threads)
        def error(x: Any, y: Any) -> Any:
            return (1 - y * model(x)).relu() + PENALTY * autodiff.dot(model.parameters(), model.parameters())

        name = f"{points} points, {'one thread' if threads else f'{len(os.sched_getaffinity(0))} threads'}"
        job = lambda: error.value_and_grad(data.inputs, signs(data), reduction="mean", at=theta)
        return Contender(name, job, tolerance=0.0)

    return race([contender(1), contender(None)], repeats)
