"""Gradient checkers side by side: ``python -m benchmarks.checking``.

Every checker gets the same functions and the same derivatives: the engine's right ones, to count false alarms, on tame
and on wild graphs; right ones times 1 + ε, to find the smallest ε caught in 95 % of the tame graphs. Ours also plays
the 23 planted faults. Checkers that are not installed (torch, jax, autograd) are left out by name; two well-known
recipes need no package: a central difference with fixed step and tolerances, as in torch's and autograd's defaults.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import platform
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from autodiff import Value, topological_order
from autodiff.checking import Graph
from autodiff.checking.comparison import absolute_adjoints, compare
from autodiff.checking.faults import FAULTS, NONE, flags, mutation_score
from autodiff.checking.noise import gradient_noise
from autodiff.checking.strategies import draw_graphs
from autodiff.checking.subject import Subject

EPSILONS = [10.0**-power for power in range(1, 9)]
CAUGHT = 0.95


class Case(NamedTuple):
    """One derivative: the function of one input, the point, the engine's derivative and what our checker asks for."""

    subject: Subject
    position: int
    gradient: float
    adjoint: float
    root: Value
    node: Value


def cases(graphs: Sequence[Graph]) -> list[Case]:
    """Every derivative of the graphs."""
    found = []
    for graph in graphs:
        subject = Subject(graph, graph.inputs)
        root, nodes = subject.root(subject.point)
        root.backward()
        adjoints = absolute_adjoints(topological_order(root))
        found += [Case(subject, i, node.grad, adjoints[node], root, node) for i, node in enumerate(nodes)]
    return found


def ours(case: Case, factor: float) -> bool:
    """Whether the ladder flags the derivative times a factor."""
    at, subject = case.position, case.subject
    return compare("", case.gradient * factor, subject.along(at), subject.point[at], partial(subject.noise, at),
                   case.adjoint, partial(gradient_noise, case.root, case.node)).verdict == "fail"  # fmt: skip


def central(step: float, absolute: float, relative: float) -> Callable[[Case, float], bool]:
    """A central difference with a fixed step and tolerances."""

    def flag(case: Case, factor: float) -> bool:
        f, x = case.subject.along(case.position), case.subject.point[case.position]
        numeric = (f(x + step) - f(x - step)) / (2 * step)
        return not abs(case.gradient * factor - numeric) <= absolute + relative * abs(numeric)

    return flag


CHECKERS: dict[str, Callable[[Case, float], bool]] = {
    "autodiff, noise-aware ladder": ours,
    "central 1e-6, atol 1e-5, rtol 1e-3 (torch's defaults)": central(1e-6, 1e-5, 1e-3),
    "central 1e-6, atol 1e-6, rtol 1e-6 (autograd's defaults)": central(1e-6, 1e-6, 1e-6),
    "central 1e-4, atol 1e-4, rtol 1e-4": central(1e-4, 1e-4, 1e-4),
}


def row(flag: Callable[[Case, float], bool], tame: Sequence[Case], wild: Sequence[Case]) -> tuple[float, ...]:
    """False alarms tame and wild in %, the smallest ε caught, and milliseconds a derivative."""
    start = time.perf_counter()
    alarms = [100 * sum(flag(case, 1.0) for case in some) / len(some) for some in (tame, wild)]
    milliseconds = 1e3 * (time.perf_counter() - start) / (len(tame) + len(wild))
    steep = [case for case in tame if abs(case.gradient) > 1e-6]  # a factor changes nothing of 0
    smallest = math.inf
    for epsilon in EPSILONS:
        if sum(flag(case, 1 + epsilon) for case in steep) < CAUGHT * len(steep):
            break
        smallest = epsilon
    return *alarms, smallest, milliseconds


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.checking", description=__doc__)
    options.add_argument("--seeds", type=int, default=10, help="how many seeds, of 100 graphs each (10)")
    chosen = options.parse_args(arguments)
    if chosen.seeds < 1:
        options.error("--seeds must be at least 1")
    for package in ("torch", "jax", "autograd"):
        if importlib.util.find_spec(package) is None:
            print(f"{package} is not installed (pip install {package}): going on without it", file=sys.stderr)
    warnings.simplefilter("ignore")
    seeds = range(chosen.seeds)
    tame = cases([graph for seed in seeds for graph in draw_graphs(seed, 100)])
    wild = cases([graph for seed in seeds for graph in draw_graphs(seed, 100, wild=True)])
    print(
        f"CPython {platform.python_version()}; {len(tame)} tame and {len(wild)} wild derivatives, all of them right\n"
    )
    print(f"{'checker':58}{'alarms % tame':>14}{'wild':>8}{'catches':>9}{'ms':>8}")
    for name, flag in CHECKERS.items():
        alarms, wild_alarms, smallest, milliseconds = row(flag, tame, wild)
        print(f"{name:58}{alarms:14.2f}{wild_alarms:8.2f}{smallest:9.0e}{milliseconds:8.3f}")
    score = mutation_score(lambda seed: draw_graphs(seed, 100), seeds)
    unplanted = sum(flags(NONE, g) for wild in (False, True) for s in seeds for g in draw_graphs(s, 100, wild=wild))
    print(f"\nPlanted faults, found with so many of {len(seeds)} seeds (100 graphs each):")
    for fault in FAULTS:
        print(f"  {fault.name:28}{score[fault.name]:3}")
    print(f"  {'nothing planted: flags':28}{unplanted:3}")


if __name__ == "__main__":
    main()
