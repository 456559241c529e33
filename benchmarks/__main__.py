"""``python -m benchmarks``: the engine beside its peers, as tables of ratios."""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import compiled, networks
from benchmarks.eager import w8, w10
from benchmarks.measuring import Missing, one_core, race
from benchmarks.threads import w12
from benchmarks.waiting import w11
from benchmarks.whole_job import w9

RACES: dict[str, Callable[[], compiled.Lineups]] = {
    "W1": compiled.w1,
    "W2": compiled.w2,
    "W3": compiled.w3,
    "W4": compiled.w4,
    "W5": compiled.w5,
    "W6": networks.w6,
    "W7": networks.w7,
}
TITLES = {
    "W1": "a tiny expression, 100,000 times",
    "W2": "micrograd's README expression, 100,000 times",
    "W3": "an MLP 2-16-16-1 on 100 points of two moons",
    "W4": "the same network on 10,000 points",
    "W5": "an MLP 64-64-64-1 on 1000 points",
    "W6": "next letters, 1,079,003 parameters, a batch of 64",
    "W7": "a step of Adam on a small transformer",
    "W8": "growth of the eager engine: forward, backward and release",
    "W9": "100 steps of W3, from starting Python to the trained model",
    "W10": "the eager engine on W3, after 130 compilations and 130 record_sources()",
    "W11": "what people wait for, on networks of three sizes",
    "W12": "one thread and all processors, on the network of W4",
}
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (0.0, "ns"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the workloads asked for and print what was measured."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("workloads", nargs="*", metavar="W", help=f"which to run: {', '.join(TITLES)} (all)")
    options.add_argument("--largest", type=int, default=1_000_000, help="nodes of the largest graph of W8 (1000000)")
    options.add_argument("--repeats", type=int, default=7, help="interleaved repeats, whose median is given (7)")
    options.add_argument("--json", action="store_true", help="print the figures as JSON")
    options.add_argument("--plot", type=Path, metavar="FILE", help="write a bar chart of the ratios")
    chosen = options.parse_args(arguments)
    unknown = set(chosen.workloads) - set(TITLES)
    if unknown:
        options.error(f"unknown workload {', '.join(sorted(unknown))}; choose from {', '.join(TITLES)}")
    if chosen.repeats < 1:
        options.error(f"argument --repeats: must be at least 1, not {chosen.repeats}")
    processors = one_core()
    figures: dict[str, Any] = {"date": f"{datetime.date.today()}", "python": platform.python_version(),
                               "machine": machine()}  # fmt: skip
    if not chosen.json:
        print(f"CPython {figures['python']}, {figures['machine']}, {figures['date']}; one core, float64, "
              f"medians of {chosen.repeats} interleaved repeats")  # fmt: skip
    for name in chosen.workloads or TITLES:
        missing: list[Missing] = []
        if name in RACES:
            lineup = RACES[name]()
            missing = lineup.missing
            figures[name] = race(lineup.contenders, chosen.repeats)
        elif name == "W8":
            figures[name] = w8(chosen.largest)
        elif name == "W9":
            figures[name], missing = w9(min(chosen.repeats, 3))
        elif name == "W10":
            figures[name] = w10(chosen.repeats)
        elif name == "W11":
            figures[name] = w11(min(chosen.repeats, 3))
        else:
            figures[name] = w12(chosen.repeats, processors)
        if not chosen.json:
            report(name, figures[name])
        for engine, reason in missing:
            print(f"  without {engine}: {reason}", file=sys.stderr)
    if chosen.json:
        json.dump(figures, sys.stdout, indent=1)
    if chosen.plot:
        plot({name: figures[name] for name in figures if name in TITLES and name not in ("W8", "W11")}, chosen.plot)


def report(name: str, rows: list[dict[str, Any]]) -> None:
    """Print a workload's table."""
    print(f"\n{name}: {TITLES[name]}")
    if name == "W8":
        print(f"  {'shape':10}{'engine':12}{'nodes':>10}{'ns per node':>14}{'gc off':>10}{'bytes per node':>16}")
        for row in rows:
            print(f"  {row['shape']:10}{row['engine']:12}{row['nodes']:10}{row['ns per node']:14.0f}"
                  f"{row['ns per node, gc off']:10.0f}{row['bytes per node']:16.0f}")  # fmt: skip
        return
    if name == "W11":
        print(f"  {'task':24}{'nodes':>8}{'time':>12}{'µs per node':>14}")
        for row in rows:
            print(f"  {row['task']:24}{row['nodes']:8}{readable(row['seconds']):>12}{row['us per node']:14.1f}")
        return
    if not rows:
        print("  this system does not say on which processors a process runs")
        return
    memory = "megabytes" in rows[0]
    print(f"  {'engine':32}{'time':>12}{'times as long':>16}{'peak MB':>10}" if memory
          else f"  {'engine':32}{'time':>12}{'times as long':>16}")  # fmt: skip
    for row in rows:
        peak = f"{row['megabytes']:10.0f}" if memory else ""
        print(f"  {row['engine']:32}{readable(row['seconds']):>12}{row['ratio']:16.2f}{peak}")


def readable(seconds: float) -> str:
    """The time in the unit that suits it.

    >>> readable(0.0000142)
    '14.2 µs'
    """
    size, unit = next((size, unit) for size, unit in UNITS if seconds >= size)
    return f"{seconds / (size or 1e-9):.3g} {unit}"


def machine() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def plot(figures: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """Write a chart: for each workload the times of all engines, relative to ours."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1 + 0.28 * sum(map(len, figures.values()))), layout="constrained")
    axes = figure.subplots(len(figures), squeeze=False, gridspec_kw={"height_ratios": [*map(len, figures.values())]})
    for axis, (name, rows) in zip(axes.flat, figures.items()):
        engines = [row["engine"] for row in rows]
        bars = axis.barh(engines, [row["ratio"] for row in rows], color=["C1", *["C0"] * (len(rows) - 1)])
        axis.bar_label(bars, [readable(row["seconds"]) for row in rows], padding=3, fontsize=8)
        axis.set_xscale("log")
        axis.margins(x=0.2)
        axis.invert_yaxis()
        axis.set_title(f"{name}: {TITLES[name]} (times as long as the first)", loc="left", fontsize=9)
        axis.tick_params(labelsize=8)
    figure.savefig(file)


if __name__ == "__main__":
    main()
