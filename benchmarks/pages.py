"""How quickly the browser player opens and follows: ``python -m benchmarks.pages``, for networks of 10 to 10,000 nodes.

It needs Chromium, its driver and Selenium. Times include the browser's layout; the goal is a frame, 16 ms, and a
second to open.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import nn
from autodiff import trace
from autodiff.tracing import Trace

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
OPENED = "return begun.then(() => performance.now())"
TIMED = """
    const times = [];
    for (let turn = 0; turn < 20; turn += 1) {
      const start = performance.now();
      %s;
      document.body.offsetHeight, player.view.svg.getBBox();
      times.push(performance.now() - start);
    }
    return times;
"""
ACTIONS = {
    "a step": "player.go(Math.floor(player.model.steps.length / 3) + turn)",
    "a jump": "player.go(turn * 7919 % player.model.steps.length)",
    "a leaf": "live.set(live.leaves[turn % live.leaves.length], turn / 20)",
}
NETWORKS = ([1, 1], [2, 16, 16, 1], [8, 40, 40, 1], [8, 90, 90, 1])
"""The widths of networks: of about 10, 440, 2300 and 9600 nodes."""


def recorded(widths: list[int]) -> Trace:
    """The backward pass of a network's squared error."""
    model = nn.MLP(widths[0], widths[1:], "tanh")
    return trace(nn.squared_error(model([0.5 - 0.1 * i for i in range(widths[0])]), 1.0))


def main() -> None:
    """Print the time to write a page and to open it, its size, and the median milliseconds of what readers do."""
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        raise SystemExit("Selenium is not installed: pip install selenium") from None
    driver_path = shutil.which("chromedriver")
    if driver_path is None:
        raise SystemExit("there is no chromedriver: on Debian, apt install chromium chromium-driver")
    options: Any = webdriver.ChromeOptions()
    with tempfile.TemporaryDirectory() as folder:
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
        file = Path(folder) / "player.html"
        heads = ("write s", "size kB", "open s", *(f"{what} ms" for what in ACTIONS))
        print(f"{'nodes':>8}{'steps':>8}" + "".join(f"{head:>12}" for head in heads))
        try:
            for widths in NETWORKS:
                steps = recorded(widths)
                start = time.perf_counter()
                steps.to_html(file)
                written = time.perf_counter() - start
                driver.get(file.as_uri())
                opened = driver.execute_script(OPENED) / 1000
                times = [statistics.median(driver.execute_script(TIMED % action)) for action in ACTIONS.values()]
                sizes = f"{len(steps.nodes):8}{len(steps):8}{written:12.2f}{file.stat().st_size / 1000:12.0f}"
                print(f"{sizes}{opened:12.2f}" + "".join(f"{each:12.1f}" for each in times))
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
