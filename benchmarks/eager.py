"""The eager engine: micrograd's own job (W3), growth with the size of the graph (W8), and its speed afterwards (W10).

W3 is micrograd's own job: an MLP of 2-16-16-1 neurons with relu, hinge loss plus 1e-4 times the sum of the squared
parameters, on 100 points of two moons; timed is one value and gradient. W8 builds chains, trees and fan-outs. W10 times
W3 before and after many contexts that look on while a program computes: when they are over, nothing is left of them.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import autodiff
import nn
from benchmarks.measuring import Contender, race

CONTEXTS = 130
"""How many functions W10 compiles, and how often it records sources."""
PENALTY = 1e-4


class Peer(NamedTuple):
    """An engine to compare with: how it makes a value, and the deepest chain that it can run."""

    name: str
    value: Callable[[float], Any]
    deepest: float


def micrograd() -> Peer | None:
    """The package micrograd, or None if it is not installed."""
    try:
        from micrograd.engine import Value
    except ImportError:
        return None
    return Peer("micrograd", Value, 300)  # its recursive sort ends near Python's limit of 1000 frames


OURS = Peer("autodiff", autodiff.Value, float("inf"))


# ── W3 ───────────────────────────────────────────────────────────────────────────────────────────


def moons_ours(expanded: bool = False) -> Callable[[], tuple[float, list[float]]]:
    """One value and gradient of the moons job with ``nn``, one dot node a neuron or written out."""
    data = nn.moons(100)
    labels = [2 * int(target) - 1 for target in data.targets]
    rows = data.inputs.tolist()
    model = nn.MLP(2, [16, 16, 1], expanded=expanded)
    parameters = model.parameters()

    def job() -> tuple[float, list[float]]:
        model.zero_grad()
        errors = [(1 - label * model(row)).relu() for label, row in zip(labels, rows)]
        loss = autodiff.mean(errors) + PENALTY * autodiff.dot(parameters, parameters)
        loss.backward()
        return loss.data, [parameter.grad for parameter in parameters]

    return job


def moons_micrograd() -> Callable[[], tuple[float, list[float]]]:
    """The same with micrograd's own MLP, given the same weights."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    data = nn.moons(100)
    labels = [2 * int(target) - 1 for target in data.targets]
    rows = data.inputs.tolist()
    model = MLP(2, [16, 16, 1])
    for theirs, ours in zip(model.parameters(), nn.MLP(2, [16, 16, 1]).parameters()):
        theirs.data = ours.data

    def job() -> tuple[float, list[float]]:
        model.zero_grad()
        errors = [(1 + -label * model([Value(x) for x in row])).relu() for label, row in zip(labels, rows)]
        loss = sum(errors) * (1.0 / len(errors)) + PENALTY * sum(p * p for p in model.parameters())
        loss.backward()
        return loss.data, [parameter.grad for parameter in model.parameters()]

    return job


# ── W8 ───────────────────────────────────────────────────────────────────────────────────────────


def chain(value: Callable[[float], Any], nodes: int) -> Any:
    """A chain y = y * x of that many nodes."""
    x = value(1.0)
    y = x
    for _ in range(nodes):
        y = y * x
    return y


def tree(value: Callable[[float], Any], nodes: int) -> Any:
    """A balanced tree of sums with that many nodes in all, leaves included."""
    return balanced_sum([value(1.0) for _ in range((nodes + 1) // 2)])


def fan_out(value: Callable[[float], Any], nodes: int) -> Any:
    """One value used by many products, which are summed up in a balanced tree."""
    x = value(1.0)
    return balanced_sum([x * x for _ in range((nodes + 1) // 2)])


def balanced_sum(level: list[Any]) -> Any:
    """The sum as a balanced tree of binary additions."""
    while len(level) > 1:
        sums = [a + b for a, b in zip(level[::2], level[1::2])]
        level = sums + level[2 * len(sums) :]
    return level[0]


SHAPES = {"chain": chain, "tree": tree, "fan-out": fan_out}


def growth(peer: Peer, shape: str, nodes: int) -> dict[str, Any]:
    """Nanoseconds per node of forward, backward and release, and bytes per node while the graph stands.

    The time is given twice: as it is, and without Python's cyclic garbage collector, which walks over all
    that lives again and again while a large graph is built, though it never finds anything to free.
    """
    build = SHAPES[shape]
    repeats = max(3, min(30, 30_000 // nodes))
    times: dict[str, list[float]] = {"": [], ", gc off": []}
    for _ in range(repeats):
        for collector in times:
            gc.collect()
            if collector:
                gc.disable()
            start = time.perf_counter()
            root = build(peer.value, nodes)
            root.backward()
            del root
            times[collector].append(time.perf_counter() - start)
            gc.enable()
    measured = min(nodes, 1_000_000)  # tracing every allocation of 10 million nodes takes minutes
    gc.collect()
    tracemalloc.start()
    root = build(peer.value, measured)
    bytes_per_node = tracemalloc.get_traced_memory()[0] / measured
    tracemalloc.stop()
    del root
    return {
        "engine": peer.name,
        "shape": shape,
        "nodes": nodes,
        **{f"ns per node{key}": statistics.median(values) / nodes * 1e9 for key, values in times.items()},
        "bytes per node": bytes_per_node,
    }


def w8(largest: int = 1_000_000) -> list[dict[str, Any]]:
    """Every shape at 10³, 10⁴ … nodes, and micrograd at the sizes that it can run."""
    rows = []
    other = micrograd()
    for shape in SHAPES:
        sizes = [10**power for power in range(3, 8) if 10**power <= largest]
        deep = shape == "chain"
        for nodes in sizes:
            rows.append(growth(OURS, shape, nodes))
        for nodes in [300] if deep else [1_000, 10_000, 100_000]:
            if other is not None and nodes <= (other.deepest if deep else largest):
                rows.append(growth(other, shape, nodes))
    return rows


# ── W10 ──────────────────────────────────────────────────────────────────────────────────────────


def w10(repeats: int = 7) -> list[dict[str, Any]]:
    """The moons job before and after 130 compilations and 130 ``record_sources()``, in one process."""
    job = moons_ours()
    rows = race([Contender("autodiff, eager, before", job)], repeats)
    for _ in range(CONTEXTS):
        autodiff.compile(lambda x, y: (x * y + 1.0).tanh())(0.5, -1.0)
        with autodiff.record_sources():
            (autodiff.Value(0.5) * 2.0).backward()
    rows += race([Contender(f"autodiff, eager, after {2 * CONTEXTS} contexts", job)], repeats)
    return [row | {"ratio": row["seconds"] / rows[0]["seconds"]} for row in rows]
