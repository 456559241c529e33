"""Gradient checkers side by side: ``python -m benchmarks.checking``.

Every checker gets the same functions and the same derivatives. Right ones of the engine, on tame and on wild graphs,
count false alarms; times 1 + ε, they show the smallest ε caught in 95 % of the tame graphs. Wrong ones are those with
each of 23 faults planted, in random graphs, and five more where their operations are taken. Then come gradients by
hand, right ones and 42 wrong ones. PyTorch, JAX, autograd, Warp, SciPy and numdifftools take part where they are
installed. Undecided is what is called neither right nor wrong: a kink, or a derivative that rounding hides.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from autodiff.checking import Graph
from autodiff.checking.strategies import draw_graphs
from benchmarks.by_hand import BY_HAND, FURTHER
from benchmarks.checkers import OURS, RECIPES, Case, Checker, Judge, cases, installed, judges
from benchmarks.faults import FAULTS, LATER, NONE, Fault, flags, places

EPSILONS = [10.0**-power for power in range(1, 9)]
WRITTEN = BY_HAND + FURTHER
SIZES = (337, 100_000)
FAST = ("check_gradients", "torch, fast mode", "jax check_grads", "autograd check_grads")
"""The checkers that need not move every parameter by itself."""
CAUGHT = 0.95
STEEP = 1e-3
"""Where the smallest ε is sought, derivatives below this are left out: absolute tolerances hide any error of theirs."""


def shares(check: Checker, some: Sequence[Case]) -> tuple[float, float, float]:
    """Of right derivatives: the share called wrong and the share left undecided in %, and milliseconds of CPU each."""
    start = time.process_time()
    verdicts = [check(case, 1.0) for case in some]
    milliseconds = 1e3 * (time.process_time() - start) / len(some)
    wrong, passed = verdicts.count("fail"), verdicts.count("pass")
    return 100 * wrong / len(some), 100 * (len(some) - wrong - passed) / len(some), milliseconds


def smallest_caught(check: Checker, tame: Sequence[Case]) -> float:
    """The smallest ε of those tried for which it and all greater ones are caught; inf if there is none."""
    steep = [case for case in tame if abs(case.derivative()) > STEEP]
    smallest = math.inf
    for epsilon in EPSILONS:
        if sum(check(case, 1 + epsilon) == "fail" for case in steep) < CAUGHT * len(steep):
            break
        smallest = epsilon
    return smallest


def finds(name: str, check: Checker, fault: Fault, graphs: Sequence[Graph]) -> bool:
    """Whether the checker flags one of the graphs while the fault is planted; ours checks each graph as a whole."""
    if name == OURS:
        return any(flags(fault, graph) for graph in graphs)
    with fault.planted():
        return any(check(case, 1.0) == "fail" for graph in graphs for case in cases([graph], fault.backward))


def print_checkers(checkers: Mapping[str, Checker], tame: Sequence[Case], wild: Sequence[Case]) -> None:
    print(f"{len(tame)} tame and {len(wild)} wild derivatives, all of them right\n")
    print(f"{'':38}{'false alarms %':>16}{'undecided %':>17}{'smallest':>10}{'CPU ms per':>12}")
    print(f"{'checker':38}{'tame':>8}{'wild':>8}{'tame':>9}{'wild':>8}{'caught':>10}{'derivative':>12}")
    for name, check in checkers.items():
        (alarms, undecided, ms), (wild_alarms, wild_undecided, _) = (shares(check, some) for some in (tame, wild))
        smallest = smallest_caught(check, tame)
        caught = f"{smallest:.0e}" if smallest < math.inf else f"> {EPSILONS[0]:.0e}"
        print(f"{name:38}{alarms:8.2f}{wild_alarms:8.2f}{undecided:9.2f}{wild_undecided:8.2f}{caught:>10}{ms:12.3f}")


def print_faults(checkers: Mapping[str, Checker], drawn: Sequence[Sequence[Graph]]) -> None:
    print(
        f"\nplanted faults: with how many of {len(drawn)} seeds each was found, in {len(drawn[0])} tame graphs a seed\n"
    )
    print(f"{'fault':28}" + "".join(f"{name.split()[0].strip(','):>10}" for name in checkers))
    score = dict.fromkeys(checkers, 0)
    for fault in FAULTS:
        found = {name: sum(finds(name, check, fault, graphs) for graphs in drawn) for name, check in checkers.items()}
        print(f"{fault.name:28}" + "".join(f"{number:10}" for number in found.values()))
        score = {name: score[name] + found[name] for name in checkers}
    print(f"{f'found, of {len(FAULTS) * len(drawn)}':28}" + "".join(f"{number:10}" for number in score.values()))
    flagged = [sum(finds(name, check, NONE, graphs) for graphs in drawn) for name, check in checkers.items()]
    print(f"{'nothing planted, flagged':28}" + "".join(f"{number:10}" for number in flagged))
    print("\nfaults that random graphs do not show, where their operations are taken\n")
    for fault in LATER:
        found = {name: finds(name, check, fault, places(fault, 0)) for name, check in checkers.items()}
        print(f"{fault.name:28}" + "".join(f"{number:10}" for number in found.values()))


def print_by_hand(runs: int) -> None:
    """Gradients by hand: faults found, right ones flagged at points drawn anew in each run, milliseconds, seconds."""
    print(
        f"\ngradients by hand: {len(WRITTEN)} faults; right ones flagged, of {runs} at random points; the time of one"
    )
    print(f"check, and of one of {', '.join(f'{size:,}' for size in SIZES)} parameters\n")
    columns = "".join(f"{f'{size:,}, s':>14}" for size in SIZES)
    print(f"{'checker':20}{'found':>8}{'flagged':>9}{'ms':>9}{columns}")
    few = [case for case in WRITTEN if case.x.size < SIZES[0]]
    for name, judge in judges().items():
        tried = WRITTEN if name in FAST else few
        missed = [case.name for case in tried if not judge(case.f, case.wrong, case.x)]
        start = time.process_time()
        for case in BY_HAND:
            judge(case.f, case.right, case.x)
        milliseconds = 1e3 * (time.process_time() - start) / len(BY_HAND)
        random = np.random.default_rng(0)
        flagged = 0
        for run in range(runs):
            case = BY_HAND[run % len(BY_HAND)]
            flagged += judge(case.f, case.right, case.x + random.uniform(-0.5, 0.5, 3))
        seconds = "".join(f"{_seconds(judge, size, name):>14}" for size in SIZES)
        print(f"{name:20}{len(tried) - len(missed):>8}{flagged:>9}{milliseconds:>9.2f}{seconds}")
        if missed:
            print(f"    not found: {', '.join(missed)}")
        if tried is few:
            print("    not tried, for its time: " + ", ".join(case.name for case in WRITTEN if case not in few))


def _seconds(judge: Judge, size: int, name: str) -> str:
    """The time of a check of that many parameters; a dash where n² numbers would be moved by a slow checker."""
    if size > SIZES[0] and name not in FAST:
        return "-"
    point = np.random.default_rng(0).normal(size=size)
    start = time.perf_counter()
    judge(lambda w: np.tanh(w).sum(), lambda w: 1 - np.tanh(w) ** 2, point)
    return f"{time.perf_counter() - start:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.checking", description=__doc__)
    options.add_argument("--seeds", type=int, default=10, help="how many seeds (10)")
    options.add_argument("--graphs", type=int, default=100, help="graphs for each seed (100)")
    options.add_argument("--flakes", type=int, default=1000, help="runs with right gradients by hand (1000)")
    chosen = options.parse_args(arguments)
    for name in ("seeds", "graphs", "flakes"):
        if getattr(chosen, name) < 1:
            options.error(f"--{name} must be at least 1")
    checkers, missing = installed()
    for package in missing:
        print(f"{package} is not installed (pip install {package}): going on without it", file=sys.stderr)
    warnings.simplefilter("ignore")
    tame = [draw_graphs(seed, chosen.graphs) for seed in range(chosen.seeds)]
    wild = [draw_graphs(seed, chosen.graphs, wild=True) for seed in range(chosen.seeds)]
    print(f"CPython {platform.python_version()} on {platform.machine()}")
    print_checkers(checkers, *(cases(graph for graphs in drawn for graph in graphs) for drawn in (tame, wild)))
    print_by_hand(chosen.flakes)
    print_faults({name: check for name, check in checkers.items() if name not in RECIPES}, tame)


if __name__ == "__main__":
    main()
