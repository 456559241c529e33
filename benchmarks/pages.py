"""How quickly the browser player follows: ``python -m benchmarks.pages``, for a network of about 300 nodes.

It needs Chromium, its driver and Selenium. Times include the browser's layout; the goal is a frame, 16 ms.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import nn
from autodiff import trace

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
TIMED = """
    const times = [];
    for (let turn = 0; turn < 60; turn += 1) {
      const start = performance.now();
      %s;
      document.body.offsetHeight, player.view.svg.getBBox();
      times.push(performance.now() - start);
    }
    return times;
"""
ACTIONS = {
    "a step": "player.go(turn * 7 % player.model.steps.length)",
    "a change of a leaf": "live.set(live.leaves[turn % 5], turn / 60)",
}


def page(folder: Path) -> tuple[Path, int]:
    """The player of a network of about 300 nodes, and how many there are."""
    model = nn.MLP(2, [8, 8, 1], "tanh", expanded=True)
    recorded = trace(nn.squared_error(model([0.5, -1.5]), 1.0))
    return recorded.to_html(folder / "player.html", max_nodes=1000), len(recorded.nodes)


def main() -> None:
    """Print the median milliseconds of a step and of a change, and the page's size."""
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
        file, nodes = page(Path(folder))
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
        try:
            driver.get(file.as_uri())
            print(f"{nodes} nodes, {file.stat().st_size / 1000:.0f} kB")
            for what, action in ACTIONS.items():
                times = driver.execute_script(TIMED % action)
                print(f"{what:20}{statistics.median(times):8.1f} ms")
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
