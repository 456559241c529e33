"""How compiled functions scale over the workers of an executor: ``python -m benchmarks.scaling``.

Times one value and gradient in this process, and over one and two others: by the clock, and in seconds of processors,
which other programs on the machine do not lengthen. Counts the bytes that travel, and reckons where more workers stop
to pay. Results are checked equal first, those of executors to the bit.
"""

from __future__ import annotations

import argparse
import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import autodiff
import nn
from demos.city_names import LETTERS, Transformer, name_error

BANDWIDTH = 1.25e9
"""Bytes a second of a network of 10 Gbit/s."""
WORKERS = (1, 2)


class Job(NamedTuple):
    """A function and its data."""

    name: str
    error: Any
    data: tuple[Any, ...]


class Counting(Executor):
    """Runs every task at once, from pickled bytes to pickled bytes, and keeps count."""

    def __init__(self) -> None:
        self.tasks = self.there = self.back = 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        sent = pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL)
        result = pickle.dumps(function(*pickle.loads(sent)[1]), pickle.HIGHEST_PROTOCOL)
        self.tasks += 1
        self.there += len(sent)
        self.back += len(result)
        future: Future[Any] = Future()
        future.set_result(pickle.loads(result))
        return future


def jobs(folder: Path, scale: float) -> Iterator[Job]:
    """Data in memory and in a file, of a light, a middling and a heavy function."""
    random = np.random.default_rng(0)

    def mapped(array: Any) -> Any:
        path = folder / f"{array.dtype}{array.shape}"
        array.tofile(path)
        return np.memmap(path, array.dtype, "r", shape=array.shape)

    for sizes, count in (((2, 16, 16, 1), 1_000_000), ((64, 64, 64, 1), 100_000)):
        count = round(count * scale)
        model = nn.MLP(sizes[0], list(sizes[1:]), rng=0)
        error = autodiff.compile(lambda x, y, model=model: (1 - y * model(x)).relu(), ndim=(1, 0))
        data = random.normal(size=(count, sizes[0])), random.choice([-1.0, 1.0], count)
        name = f"MLP {'-'.join(map(str, sizes))}, {count:,} points"
        yield Job(f"{name}, in memory", error, data)
        yield Job(f"{name}, in a file", error, tuple(map(mapped, data)))
    letters = random.integers(1, len(LETTERS), (round(4000 * scale), 10))
    transformer = name_error(Transformer(len(LETTERS)))
    yield Job(f"transformer, 4,224 parameters, {len(letters):,} names", transformer, (letters,))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.split(":")[0] + ".")
    parser.add_argument("--repeats", type=int, default=7, help="interleaved repeats, of which medians are taken")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the data is taken")
    parser.add_argument(
        "--best", action="store_true", help="the quickest repeats in place of medians: on a busy machine"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pools = {
            workers: stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
            for workers in WORKERS
        }
        for job in jobs(folder, options.scale):
            report(job, pools, options.repeats, min if options.best else statistics.median)


def report(job: Job, pools: dict[int, ProcessPoolExecutor], repeats: int, typical: Callable[..., float]) -> None:
    """Check, time and reckon one job.

    Raises:
        AssertionError: results differ.
    """
    value, gradient = job.error.value_and_grad(*job.data)
    found = [job.error.value_and_grad(*job.data, executor=pool) for pool in pools.values() for _ in range(3)]
    assert all(
        np.isclose(other, value, rtol=1e-9) and np.allclose(its, gradient, rtol=1e-9, atol=1e-12)
        for other, its in found
    )
    assert len({(other, its.tobytes()) for other, its in found}) == 1, "the bits depend on the number of workers"
    counting = Counting()
    job.error.value_and_grad(*job.data, executor=counting)
    times: dict[int, list[tuple[float, float, float]]] = {workers: [] for workers in (0, *pools)}
    for _ in range(repeats):
        for workers, its in times.items():
            clock, here, there = time.perf_counter(), time.process_time(), of_workers()
            job.error.value_and_grad(*job.data, executor=pools.get(workers))
            its.append((time.perf_counter() - clock, time.process_time() - here, of_workers() - there))
    taken = {workers: tuple(map(typical, zip(*its))) for workers, its in times.items()}
    alone, work, _ = taken[0]
    print(f"{job.name}: {counting.tasks} chunks, {counting.there / 1e6:.2f} MB there, "
          f"{counting.back / 1e6:.2f} MB back")  # fmt: skip
    for workers, (clock, here, there) in taken.items():
        name = f"{workers} worker{'s' * (workers != 1)}" if workers else "no workers"
        print(f"  {name:11} {clock * 1e3:7.1f} ms {alone / clock:6.2f} ×   processors: {here * 1e3:7.1f} ms here, "
              f"{there * 1e3:7.1f} ms there")  # fmt: skip
    here, network = taken[max(pools)][1], max(counting.there, counting.back) / BANDWIDTH
    print(f"  beyond {work / here:,.0f} workers, all wait for this process; "
          f"beyond {work / network:,.0f}, for 10 Gbit/s")  # fmt: skip


def of_workers() -> float:
    """The seconds of processors that the workers have taken so far."""
    ticks = 0
    for process in active_children():
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
