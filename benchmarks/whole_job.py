"""The whole job (W9): 100 steps of W3 from starting Python to the trained model, a process for each engine.

``python -m benchmarks.whole_job ENGINE`` is one of these processes; it prints its last loss and its peak memory.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import AGREE, Missing

STEPS, RATE, PENALTY = 100, 0.1, 1e-4
SIZES = [2, 16, 16, 1]
MANY = 1_000_000
SLOW = 30.0
"""Seconds: an engine that takes longer is run once."""


def data_and_start(points: int = 100) -> tuple[Any, Any, Any]:
    """Inputs, labels and initial parameters, from NumPy alone: the same for every engine."""
    import numpy as np

    random = np.random.default_rng(0)
    angle, second = np.pi * random.random(points), np.arange(points) % 2
    inputs = np.column_stack([np.cos(angle) + second, np.sin(angle) * (1 - 2 * second) + 0.5 * second])
    count = sum(after * (before + 1) for before, after in itertools.pairwise(SIZES))
    return inputs, 2.0 * second - 1.0, 0.3 * random.normal(size=count)


def ours(backend: str = "native", points: int = 100, steps: int = STEPS) -> float:
    """The compiled engine."""
    import autodiff
    import nn

    inputs, labels, theta = data_and_start(points)
    model = nn.MLP(SIZES[0], SIZES[1:])
    parameters = model.parameters()

    @autodiff.compile(parameters=model, backend=backend)
    def error(x: Any, y: Any) -> Any:
        return (1 - y * model(x)).relu() + PENALTY * autodiff.dot(parameters, parameters)

    for _ in range(steps):
        loss, gradient = error.value_and_grad(inputs, labels, reduction="mean", at=theta)
        theta -= RATE * gradient
    error.assign(theta)
    return float(loss)


def micrograd() -> float:
    """micrograd, as its own demo has it."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    inputs, labels, theta = data_and_start()
    model = MLP(SIZES[0], SIZES[1:])
    for parameter, number in zip(model.parameters(), theta.tolist()):
        parameter.data = number
    for _ in range(STEPS):
        scores = [model([Value(number) for number in row]) for row in inputs.tolist()]
        errors = [(1 + -label * score).relu() for label, score in zip(labels.tolist(), scores)]
        loss = sum(errors) * (1.0 / len(errors)) + PENALTY * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= RATE * parameter.grad
    return float(loss.data)


def pytorch() -> float:
    """PyTorch, eager."""
    import torch

    from benchmarks.peers import matrices

    torch.set_num_threads(1)
    inputs, labels, theta = data_and_start()
    layers = [[torch.tensor(part, requires_grad=True) for part in layer] for layer in matrices(theta, SIZES)]
    parameters = [part for layer in layers for part in layer]
    descent = torch.optim.SGD(parameters, lr=RATE)
    x, y = torch.from_numpy(inputs), torch.from_numpy(labels)
    for _ in range(STEPS):
        activations = x
        for layer in layers[:-1]:
            activations = torch.relu(torch.nn.functional.linear(activations, *layer))
        scores = torch.nn.functional.linear(activations, *layers[-1])[:, 0]
        loss = torch.relu(1 - y * scores).mean() + PENALTY * sum((part * part).sum() for part in parameters)
        descent.zero_grad()
        loss.backward()
        descent.step()
    return float(loss.item())


def jax() -> float:
    """JAX, with the step compiled."""
    import jax

    from benchmarks.peers import hinge_with

    inputs, labels, theta = data_and_start()
    both = jax.value_and_grad(hinge_with(jax.numpy, jax.nn.relu, SIZES, PENALTY))

    @jax.jit
    def step(theta: Any) -> Any:
        loss, gradient = both(theta, inputs, labels)
        return loss, theta - RATE * gradient

    for _ in range(STEPS):
        loss, theta = step(theta)
    return float(loss)


ENGINES: dict[str, tuple[str, Callable[[], float]]] = {
    "autodiff, native, warm": ("numba", ours),
    "autodiff, native, cold": ("numba", ours),
    "autodiff, numpy": ("numpy", lambda: ours("numpy")),
    "PyTorch": ("torch", pytorch),
    "JAX jit": ("jax", jax),
    "micrograd": ("micrograd", micrograd),
    "a million observations, native": ("numba", lambda: ours("native", MANY, steps=1)),
}


def w9(repeats: int = 3) -> tuple[list[dict[str, Any]], list[Missing]]:
    """Median seconds and peak memory of the processes, interleaved; the losses must agree."""
    from importlib.util import find_spec

    chosen = [engine for engine, (package, _) in ENGINES.items() if find_spec(package)]
    missing = [Missing(engine, f"{ENGINES[engine][0]} is not installed") for engine in ENGINES if engine not in chosen]
    seconds: dict[str, list[float]] = {engine: [] for engine in chosen}
    megabytes: dict[str, float] = {}
    losses: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as warm:
        for _ in range(repeats + 1):  # the first round fills the warm cache, and is not counted
            for engine in chosen:
                if seconds[engine] and seconds[engine][0] > SLOW:
                    continue
                with tempfile.TemporaryDirectory() as cold:
                    cache = cold if engine.endswith("cold") else warm
                    elapsed, report = _process(engine, cache)
                seconds[engine].append(elapsed)
                losses[engine], megabytes[engine] = report["loss"], report["megabytes"]
    same = {engine: loss for engine, loss in losses.items() if not engine.startswith("a million")}
    first = next(iter(same.values()))
    if any(abs(loss - first) > AGREE * abs(first) * STEPS for loss in same.values()):
        raise AssertionError(f"the engines come to other losses: {same}")
    medians = {engine: statistics.median(times[1:] or times) for engine, times in seconds.items()}
    base = next(iter(medians.values()))
    rows = [
        {"engine": engine, "seconds": median, "ratio": median / base, "megabytes": megabytes[engine]}
        for engine, median in medians.items()
    ]
    return rows, missing


def _process(engine: str, cache: str) -> tuple[float, dict[str, float]]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.whole_job", engine],
        env=os.environ | {"AUTODIFF_CACHE": cache},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    elapsed = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{engine} failed:\n{done.stderr}")
    return elapsed, json.loads(done.stdout)


def peak_megabytes() -> float:
    """The most memory that this process had so far; nan where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux's getrusage would begin with the peak of the process that started this one
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


if __name__ == "__main__":
    loss_ = ENGINES[sys.argv[1]][1]()
    print(json.dumps({"loss": loss_, "megabytes": peak_megabytes()}))
