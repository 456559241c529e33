"""A real browser for tests: the fixture ``browser``."""

from __future__ import annotations

import json
import re
import shutil
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE = (1280, 800), (390, 844)


class Browser:
    """Headless Chromium, driven by Selenium (``driver``), with what tests of pages ask for."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path, *, fragment: str = "", size: tuple[int, int] = DESKTOP, dark: bool = False,
             still: bool = True) -> None:  # fmt: skip
        """Load a file anew, in a window of that size, with the wishes of a reader."""
        self._set_size(size)
        wishes = {"prefers-color-scheme": "dark" if dark else "light",
                  "prefers-reduced-motion": "reduce" if still else "no-preference"}  # fmt: skip
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get("about:blank")
        self.errors(), self.requests()  # those of the page before are forgotten
        self.driver.get(page.resolve().as_uri() + fragment)
        self.run("return typeof begun === 'undefined' ? null : begun")  # a page that unpacks its contents

    def resize(self, size: tuple[int, int]) -> None:
        """Give the window another size, and the page the time to follow."""
        self._set_size(size)
        self.settle()

    def _set_size(self, size: tuple[int, int]) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script, such as ``return document.title``, returns."""
        return self.driver.execute_script(script, *arguments)

    def settle(self) -> None:
        """Wait until the page has drawn what was asked of it."""
        self.run("return new Promise((done) => { let left = 3;"
                 " (function next() { left ? (left -= 1, requestAnimationFrame(next)) : done(); })(); })")  # fmt: skip

    @contextmanager
    def inside(self, frame: Any) -> Iterator[None]:
        """In the block, everything is asked of a frame: its number in the page, or its element."""
        self.driver.switch_to.frame(frame)
        try:
            yield
        finally:
            self.driver.switch_to.default_content()

    def text(self, selector: str) -> str:
        """The text of the first element that the selector finds, hidden or not."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def texts(self, selector: str) -> list[str]:
        """The texts of all of them."""
        return list(self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector))

    def click(self, selector: str) -> None:
        """Click on the first one."""
        self.driver.find_element("css selector", selector).click()

    def press(self, *keys: str) -> None:
        """Type keys, as a reader who has chosen no element."""
        self.driver.find_element("css selector", "body").send_keys(*keys)

    def errors(self) -> list[str]:
        """What the console says since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses of everything that was loaded since it was asked last."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def contents(page: str) -> dict[str, Any]:
    """What a page of the player is about, of its text."""
    found = re.search(r'id="contents">([^<]*)<', page)
    assert found
    return dict(json.loads(zlib.decompress(b64decode(found[1]), -15)))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests; they are skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="no Selenium here: pip install selenium")
    driver_path = shutil.which("chromedriver")
    if driver_path is None:
        pytest.skip("no chromedriver here: on Debian, apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The path is given, so Selenium looks for no driver, here or elsewhere.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    yield Browser(driver)
    driver.quit()
