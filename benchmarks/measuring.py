"""How a workload is measured: results checked equal first, then the medians of interleaved repeats, on one core."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

AGREE = 1e-9
"""Difference allowed between two engines' results, relative to the greatest: they sum in different orders."""
SECONDS = 0.2
"""How long one repeat of a quick job is made to last, by running it several times."""

Job = Callable[[], tuple[Any, Any]]
"""One value and its gradient, or arrays of them."""


class Contender(NamedTuple):
    """An engine at a workload."""

    engine: str
    job: Job
    evaluations: int = 1
    """How many values and gradients one run of the job computes."""
    tolerance: float = AGREE
    flat: Callable[[Any], Any] = np.asarray
    """Brings the engine's gradient into the order of ours, to be compared."""


class Missing(NamedTuple):
    """An engine that is not there, and why."""

    engine: str
    reason: str


def one_core() -> set[int]:
    """Pin this process to one core, where the system can; on which ones it could run before."""
    before: set[int] = set()
    if hasattr(os, "sched_setaffinity"):
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)})
    try:
        import torch
    except ImportError:
        return before
    torch.set_num_threads(1)
    return before


def check_equal(contenders: Sequence[Contender]) -> None:
    """Compare every engine's value and gradient with those of the first.

    Raises:
        AssertionError: they differ.
    """
    value, gradient = contenders[0].job()
    value, gradient = np.asarray(value, float), np.asarray(contenders[0].flat(gradient), float)
    for engine, job, _, tolerance, flat in contenders[1:]:
        their_value, their_gradient = job()
        for what, ours, theirs in (("value", value, their_value), ("gradient", gradient, flat(their_gradient))):
            theirs = np.asarray(theirs, float)
            if theirs.ndim < ours.ndim:  # an engine that runs one point at a time gives the last one
                ours = ours[-1]
            worst = float(np.max(np.abs(ours - theirs), initial=0.0))
            if not worst <= tolerance * max(1.0, float(np.max(np.abs(ours), initial=0.0))):
                raise AssertionError(f"{engine} gives another {what}, by {worst:.3g}: nothing is timed")


def warmed_up(job: Job) -> float:
    """Seconds of the quickest of the first runs, in which an engine may compile and look around.

    They take as long as those that are timed: ours looks around at its calls 1, 2, 4, 8 and so on.
    """
    quickest, spent = float("inf"), 0.0
    while spent < SECONDS:
        start = time.perf_counter()
        job()
        elapsed = time.perf_counter() - start
        quickest, spent = min(quickest, elapsed), spent + elapsed
    return quickest


def race(contenders: Sequence[Contender], repeats: int = 7) -> list[dict[str, Any]]:
    """Check the results, then time: for each engine the median seconds of one evaluation and the ratio to the first.

    The repeats are interleaved, so that a noisy moment of the machine meets all engines alike.
    """
    check_equal(contenders)
    quickest = {contender.engine: warmed_up(contender.job) for contender in contenders}
    runs = {engine: max(1, round(SECONDS / repeats / seconds)) for engine, seconds in quickest.items()}
    seconds: dict[str, list[float]] = {contender.engine: [] for contender in contenders}
    for _ in range(repeats):
        for engine, job, evaluations, *_ in contenders:
            gc.collect()  # what the job before left in cycles is not this one's
            gc.freeze()  # nor are the objects of all the other libraries, which the collector would walk over
            if quickest[engine] < SECONDS:
                job()  # caches are warm again, and what an engine does once a second is done
            start = time.perf_counter()
            for _ in range(runs[engine]):
                job()
            seconds[engine].append((time.perf_counter() - start) / runs[engine] / evaluations)
            gc.unfreeze()
    medians = {engine: statistics.median(times) for engine, times in seconds.items()}
    first = next(iter(medians.values()))
    return [
        {"engine": engine, "seconds": median, "ratio": median / first} for engine, median in medians.items()
    ]  # fmt: skip
