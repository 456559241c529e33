"""``python -m benchmarks``: the eager engine beside its peers, as a table of ratios."""

from __future__ import annotations

import argparse
import json
import platform
import sys

from benchmarks.eager import micrograd, w3, w8

WORKLOADS = ("W3", "W8")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("workloads", nargs="*", metavar="W", help=f"which to run: {', '.join(WORKLOADS)} (all)")
    options.add_argument("--largest", type=int, default=1_000_000, help="nodes of the largest graph of W8 (1000000)")
    options.add_argument("--json", action="store_true", help="print the figures as JSON")
    chosen = options.parse_args()
    unknown = set(chosen.workloads) - set(WORKLOADS)
    if unknown:
        options.error(f"unknown workload {', '.join(sorted(unknown))}; choose from {', '.join(WORKLOADS)}")
    workloads = chosen.workloads or WORKLOADS
    if micrograd() is None:
        print("micrograd is not installed (pip install micrograd): going on without it", file=sys.stderr)
    figures = {name: w3() if name == "W3" else w8(chosen.largest) for name in workloads}
    if chosen.json:
        json.dump({"python": platform.python_version(), "machine": platform.machine(), **figures}, sys.stdout, indent=1)
        return
    print(f"CPython {platform.python_version()} on {platform.machine()}; medians of interleaved repeats")
    if "W3" in figures:
        print("\nW3: one value and gradient of an MLP 2-16-16-1 on 100 points")
        print(f"  {'engine':24}{'ms':>10}{'times as long':>16}")
        for row in figures["W3"]:
            print(f"  {row['engine']:24}{1e3 * row['seconds']:10.1f}{row['ratio']:16.2f}")
    if "W8" in figures:
        print("\nW8: growth, forward and backward and release")
        print(f"  {'shape':10}{'engine':12}{'nodes':>10}{'ns per node':>14}{'gc off':>10}{'bytes per node':>16}")
        for row in figures["W8"]:
            print(f"  {row['shape']:10}{row['engine']:12}{row['nodes']:10}{row['ns per node']:14.0f}"
                  f"{row['ns per node, gc off']:10.0f}{row['bytes per node']:16.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
