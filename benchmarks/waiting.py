"""What people wait for: recording, traces, pictures, pages, files and Hessians of networks of three sizes (W11)."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nn
from autodiff import draw, hessian, trace
from autodiff.backward import topological_order
from autodiff.tracing.loading import loads
from autodiff.tracing.storage import dumps

HIDDEN = (10, 27, 57)
"""The widths of two hidden layers, for networks of about 400, 2,400 and 10,000 nodes."""
POINT = [0.5, -1.5]


def w11(repeats: int = 3) -> list[dict[str, Any]]:
    """For each task and size, the median seconds, and microseconds per node: those are the same where it is linear."""
    rows = [row for hidden in HIDDEN for row in of_network(hidden, repeats)]
    return sorted(rows, key=lambda row: row["task"])


def of_network(hidden: int, repeats: int) -> list[dict[str, Any]]:
    """The tasks on one network, in which every product and every sum is a node."""
    model = nn.MLP(2, [hidden, hidden, 1], "tanh", expanded=True)

    def forward(inputs: Any = POINT) -> Any:
        return nn.squared_error(model(inputs), 1.0)

    loss = forward()
    loss.backward()
    recorded = trace(loss)
    text = dumps(recorded)
    with tempfile.TemporaryDirectory() as folder:
        tasks: dict[str, Callable[[], Any]] = {
            "forward": forward,
            "backward": loss.backward,
            "trace": lambda: trace(loss),
            "trace as text": lambda: dumps(recorded),
            "trace from text": lambda: loads(text),
            "draw": lambda: draw(loss),
            "page": lambda: recorded.to_html(Path(folder) / "pass.html"),
            "hessian of the inputs": lambda: hessian(forward)(POINT),
        }
        seconds = {task: statistics.median(_seconds(job) for _ in range(repeats)) for task, job in tasks.items()}
    nodes = len(topological_order(loss))
    return [
        {"task": task, "nodes": nodes, "seconds": each, "us per node": each / nodes * 1e6}
        for task, each in seconds.items()
    ]


def _seconds(job: Callable[[], Any]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start
