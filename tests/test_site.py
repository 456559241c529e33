"""The documentation's site: built strictly, with no dead link; and its page that runs the engine, in a browser."""

import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the site needs Sphinx: pip install '.[docs]'")
pytest.importorskip("furo", reason="the site needs its theme: pip install '.[docs]'")
pytest.importorskip("myst_parser", reason="the site needs MyST: pip install '.[docs]'")

from selenium.webdriver.support.ui import WebDriverWait

from docs.build import faults

ROOT = Path(__file__).parents[1]

SECONDS = 120
"""Python of 13 MB is loaded and compiled by the browser; a machine that is busy takes its time."""


def test_dead_links_and_what_is_loaded_from_elsewhere_are_found(tmp_path):
    (tmp_path / "other.html").write_text('<h1 id="there">There</h1>')
    (tmp_path / "page.html").write_text(
        '<a href="other.html#there">fine</a> <a href="#top">fine</a> <a href="https://example.org">fine</a>'
        '<a href="gone.html">1</a> <a href="other.html#nowhere">2</a> <img src="gone.png">'
        '<script src="https://example.org/a.js"></script><a href="http://example.org">5</a>'
    )
    assert sorted(faults(tmp_path)) == [
        "page.html: gone.html leads nowhere",
        "page.html: gone.png leads nowhere",
        "page.html: http://example.org is not https",
        "page.html: loads https://example.org/a.js",
        "page.html: other.html#nowhere leads to no part of other.html",
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole site, served at an address of this machine."""
    if shutil.which("npm") is None:
        pytest.skip("the page to try needs npm")
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "docs.build", "--out", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if "npm has no" in built.stderr:
        pytest.skip(f"no Python for the browser: {built.stderr}")
    assert built.returncode == 0, built.stdout + built.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def finished(browser):
    """Wait until the program has ended, and return what the page says: its output, and whether there is a player."""
    WebDriverWait(browser.driver, SECONDS).until(
        lambda _: browser.run("return document.querySelector('#try-stop').disabled")
    )
    return browser.run(
        "return [document.querySelector('#try-output').textContent, document.querySelector('#try-player').srcdoc]"
    )


def write(browser, program):
    browser.run("document.querySelector('#try-program').value = arguments[0]", program)
    browser.click("#try-run")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_pages_have_no_barriers_and_fit(site, browser, size):
    """By the rules of axe-core, which is a script in a package that is not needed otherwise."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("no axe-core here: pip install --no-deps axe-playwright-python")
    rules = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    browser.resize(size)
    for page in ("index", "try", "lecture", "operations", "how_to/debuggers"):
        browser.driver.get(f"{site}/{page}.html")
        browser.run(rules)
        violations = browser.driver.execute_async_script("""
            const done = arguments[0];
            axe.run(document, { iframes: false }).then(
                (found) => done(found.violations.map(({id, nodes}) => [id, nodes[0].html])));
        """)  # players have tests of their own
        assert violations == [], page
        assert browser.run("return document.documentElement.scrollWidth") <= size[0], page


@pytest.mark.slow
def test_the_engine_runs_in_a_page(site, browser):
    browser.driver.get("about:blank")
    browser.requests()  # those of the window itself are forgotten
    browser.driver.get(f"{site}/try.html")
    output, player = finished(browser)
    assert output == "loss 0.2893, slope by w -1.6921\n"
    assert "new Live(" in player
    assert "<svg" in player  # laid out by Graphviz in the page

    titles = browser.texts("#try-examples option")
    for place, title in enumerate(titles):
        browser.run(
            "const list = document.querySelector('#try-examples'); list.selectedIndex = arguments[0]; list.onchange()",
            place,
        )
        output, player = finished(browser)
        assert ("Error" in output) == (not player) == (title == "Where a nan comes from"), output

    write(browser, "from autodiff import Value\nx = Value(2.0)\nx.tahn()")
    output, player = finished(browser)
    assert "line 3" in output
    assert "Did you mean" in output
    assert "value.py" not in output  # the frames of the engine are left out
    assert player == ""

    write(browser, "import nn")
    assert "nn needs NumPy, which this page does not have" in finished(browser)[0]

    write(browser, "while True: pass")
    browser.click("#try-stop")
    assert finished(browser)[0] == "stopped\n"  # and Python is loaded anew
    write(browser, "print(1 + 1)")
    assert finished(browser)[0] == "2\n"
    assert browser.errors() == []
    elsewhere = [each for each in browser.requests() if not each.startswith((site, "data:", "blob:", "about:"))]
    assert elsewhere == []
