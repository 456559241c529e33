"""Laws of the player, seen in a real browser."""

import math
import re
import runpy
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autodiff import Value
from autodiff.drawing import find_dot
from autodiff.drawing.colours import (
    ACTIVE,
    FILLS,
    NEGATIVE_FILLS,
    NEGATIVE_STROKES,
    STROKES,
    contrast,
    luminance,
    scale,
)  # fmt: skip
from autodiff.drawing.text import span
from autodiff.text import number, short
from autodiff.tracing import Trace, dumps, explain, loads, record_sources, trace
from autodiff.tracing.player import html, layout
from tests.browser import DESKTOP, PHONE, Browser, contents

pytestmark = pytest.mark.slow  # in a browser

needs_dot = pytest.mark.skipif(find_dot() is None, reason="no dot on this machine: pip install graphviz-pure")
COLOUR = r"--([\w-]+): light-dark\(([^)]*)\)"
READABLE = 4.5
"""The contrast of text that WCAG 2.1 asks for (level AA)."""
PROJECTOR = (1920, 1080)
ZOOMED = (640, 400)
"""What is left of a window of 1280 × 800 at 200 %."""
LEFT, RIGHT, DOWN, HOME, END = "\ue012", "\ue014", "\ue015", "\ue011", "\ue010"


def network() -> Value:
    """Two inputs, three neurons, one neuron, a squared error: labels tell of modules."""
    signals = [Value(0.5, label="x1"), Value(-1.5, label="x2")]
    for layer, width in enumerate((3, 1)):
        signals = [neuron(f"layers.{layer}.neurons.{i}", signals) for i in range(width)]
    error = (signals[0] - Value(1.0, label="target")) ** 2
    error.label = "error"
    return error


def neuron(name: str, signals: list[Value]) -> Value:
    weighted = Value(0.1, label=f"{name}.bias")
    for i, signal in enumerate(signals):
        weighted = weighted + Value(0.3 - 0.2 * i + 0.05 * len(name), label=f"{name}.weights.{i}") * signal
    return weighted.tanh()


@pytest.fixture(scope="module")
def recorded() -> Trace:
    return trace(network())


@pytest.fixture(scope="module")
def page(recorded: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.to_html(tmp_path_factory.mktemp("player") / "network.html")


@pytest.fixture
def opened(browser: Browser, page: Path) -> Iterator[Browser]:
    browser.open(page)
    yield browser
    assert browser.errors() == []
    assert browser.requests() == [] or all(url.startswith("file:") for url in browser.requests())


def address(browser: Browser) -> str:
    """The end of the address, which follows the step a moment later."""
    browser.run("return new Promise((done) => setTimeout(done, 200))")
    return str(browser.run("return location.hash"))


def where(browser: Browser) -> str:
    return browser.text("#where")


def taken(count: int, recorded: Trace) -> str:
    """How the page counts: the last of so many steps is step ``count - 1``."""
    return f"{count} of {len(recorded)} steps taken"


def spoken(browser: Browser) -> str:
    return browser.text("#spoken")


def test_the_page_is_one_file_that_loads_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.errors() == []
    assert "default-src 'none'" in browser.run("return document.querySelector('meta[http-equiv]').content")


def test_buttons_step_to_and_fro(opened: Browser, recorded: Trace) -> None:
    assert where(opened) == taken(0, recorded)
    for place in range(3):
        opened.click("#next")
        assert where(opened) == taken(place + 1, recorded)
    opened.click("#back")
    assert where(opened) == taken(2, recorded)
    opened.click("#last")
    assert where(opened) == taken(len(recorded), recorded)
    assert not opened.driver.find_element("id", "next").is_enabled()
    opened.click("#first")
    assert where(opened) == taken(0, recorded)
    opened.click("#first")
    assert where(opened).startswith("forward: 0 of ")
    assert not opened.driver.find_element("id", "back").is_enabled()


def test_keys_step_play_and_change_the_colours(opened: Browser, recorded: Trace) -> None:
    opened.press(RIGHT, RIGHT, LEFT)
    assert where(opened) == taken(1, recorded)
    opened.press(END)
    assert where(opened) == taken(len(recorded), recorded)
    opened.press(HOME)
    assert where(opened) == taken(0, recorded)
    opened.press(" ")
    assert opened.run("return player.playing")
    opened.press(" ")
    assert not opened.run("return player.playing")
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = opened.run(paper)
    opened.press("d")
    assert opened.run(paper) != light
    opened.click("#theme")
    assert opened.run(paper) == light


def test_the_slider_goes_to_a_step_and_says_which(opened: Browser, recorded: Trace) -> None:
    opened.run("const s = arguments[0]; s.value = 5; s.dispatchEvent(new Event('input'))",
               opened.driver.find_element("id", "slider"))  # fmt: skip
    assert where(opened) == taken(5, recorded)
    assert opened.run("return slider.getAttribute('aria-valuetext')") == f"{taken(5, recorded)}, step 4: {recorded[4]}"
    opened.driver.find_element("id", "slider").send_keys(RIGHT)
    assert where(opened) == taken(6, recorded)


def test_playing_goes_through_all_steps_and_stops(opened: Browser, recorded: Trace) -> None:
    opened.run("const s = document.getElementById('speed'); s.options[3].value = '5'; s.selectedIndex = 3")
    opened.click("#play")
    assert opened.run("return document.getElementById('play').getAttribute('aria-label')") == "pause"
    assert opened.run("return document.getElementById('spoken').getAttribute('aria-live')") == "off"
    end = time.monotonic() + 20
    while opened.run("return player.playing") and time.monotonic() < end:
        time.sleep(0.02)
    assert where(opened) == taken(len(recorded), recorded)
    assert opened.run("return document.getElementById('play').getAttribute('aria-label')") == "play"
    assert opened.run("return document.getElementById('spoken').getAttribute('aria-live')") == "polite"


@pytest.mark.parametrize("fragment", ["#step=7", "#7"])
def test_the_address_leads_to_a_step(browser: Browser, page: Path, recorded: Trace, fragment: str) -> None:
    browser.open(page, fragment=fragment)
    assert where(browser) == taken(8, recorded)
    browser.press(RIGHT)
    assert address(browser) == "#step=8"
    change = "addEventListener('hashchange', () => done()); location.hash = '#step=2'"
    browser.run(f"return new Promise((done) => {{ {change} }})")
    assert where(browser) == taken(3, recorded)
    browser.open(page, fragment="#step=999999")
    assert where(browser) == taken(len(recorded), recorded)


def test_every_number_is_that_of_the_trace(opened: Browser, recorded: Trace) -> None:
    table = opened.run(
        "return [...document.querySelectorAll('#rows tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    for step, (place, _, *numbers) in zip(recorded, table, strict=True):
        assert place == str(step.place)
        assert numbers == [number(n) for n in (step.local, step.upstream, step.contribution, step.after)]
    for step in recorded:
        opened.run("player.go(arguments[0])", step.place + 1)
        assert f"Step {step.place}: {step}. The gradient of {step.parent.name} is now {number(step.after)}" in spoken(
            opened
        )
        shown = [opened.text(f"#{name}") for name in ("local", "upstream", "contribution")]
        assert shown == [number(n) for n in (step.local, step.upstream, step.contribution)]


def test_a_step_says_the_line_that_computed_its_result(browser: Browser, tmp_path: Path) -> None:
    w = Value(3.0, label="w")
    with record_sources():
        recorded = trace(w * w)
    browser.open(recorded.to_html(tmp_path / "sources.html"), fragment="#step=0")
    assert browser.text("#sum") == f"∂L/∂w: 0.0 → 3.0, 1 of 2 contributions. ({recorded[0].node.source})"
    told = browser.run("return describe(player.model.root, { gradient: 1 })")
    assert told.split("\n")[-1] == recorded[0].node.source
    browser.run("live.set(live.leaves[0], 5)")
    assert browser.text("#sum") == f"∂L/∂w: 0.0 → 5.0, 1 of 2 contributions. ({recorded[0].node.source})"


@needs_dot
def test_the_drawing_shows_the_gradients_as_of_the_step(opened: Browser, recorded: Trace) -> None:
    def drawn() -> dict[int, list[str]]:
        found = opened.run(
            "return [...document.querySelectorAll('svg.view:not([hidden]) .node[data-nodes]')].map(g => "
            "[g.dataset.nodes, g.querySelector('.data').textContent, g.querySelector('.grad').textContent, "
            "g.getAttribute('class')])"
        )
        return {int(nodes): [data, grad, classes] for nodes, data, grad, classes in found}

    for count in (0, 1, len(recorded) // 2, len(recorded)):
        opened.run("player.go(arguments[0])", count)
        now = {recorded.root.place: 1.0} | {step.parent.place: step.after for step in recorded[:count]}
        later = {step.parent.place for step in recorded[count:]}
        for place, (data, grad, classes) in drawn().items():
            assert data == short(recorded.nodes[place].data).replace("-", "−")
            known = short(now[place]).replace("-", "−") if place in now else "not computed"
            assert grad == known + (" + …" if place in now and place in later else "")
            assert ("final" in classes) == (place in now and place not in later)
            assert ("waiting" in classes) == (place not in now)
        active = [place for place, (_, _, classes) in drawn().items() if "active" in classes]
        step = recorded[count - 1] if count else None
        assert set(active) == ({step.node.place, step.parent.place} if step else set())


@needs_dot
def test_the_active_edge_is_marked_and_says_its_numbers(opened: Browser, recorded: Trace) -> None:
    for step in recorded[:10]:
        opened.run("player.go(arguments[0])", step.place + 1)
        found = opened.run(
            "return [...document.querySelectorAll('svg.view:not([hidden]) .edge.active')].map(g => "
            "[g.dataset.edges, ...[...g.querySelectorAll('text')].map(t => t.textContent)])"
        )
        local, contribution = (short(n).replace("-", "−") for n in (step.local, step.contribution))
        assert found == [[f"{step.node.place}_{step.position}", f"×{local}", f"+= {contribution}"]]


@needs_dot
def test_the_graph_is_folded_by_neuron_and_by_layer(opened: Browser, recorded: Trace) -> None:
    assert opened.texts("#views label") == ["all nodes", "neurons", "layers"]
    names: list[list[str]] = []
    for place in range(3):
        opened.driver.find_elements("css selector", "#views input")[place].click()
        names.append(opened.texts("svg.view:not([hidden]) .folded .name"))
        opened.press(END)
        assert opened.texts("svg.view:not([hidden]) .waiting") == []
    assert [len(folded) for folded in names] == [0, 4, 2]
    assert names[2] == ["layers.0", "layers.1"]
    outputs = [node for node in recorded.nodes if node.op == "tanh"][:3]
    shown = opened.text("svg.view:not([hidden]) .folded .data")
    assert shown == span([node.data for node in outputs]).replace("-", "−")


INSIDE = """
    const s = document.getElementById("stage").getBoundingClientRect();
    return [...document.querySelectorAll(`svg.view:not([hidden]) ${arguments[0]}`)].every((part) => {
      const b = part.getBoundingClientRect();
      return b.left >= s.left - 1 && b.right <= s.right + 1 && b.top >= s.top - 1 && b.bottom <= s.bottom + 1;
    });
"""


@needs_dot
def test_the_active_node_is_scrolled_into_view(browser: Browser, page: Path, recorded: Trace) -> None:
    browser.open(page, size=PHONE)
    for count in range(1, len(recorded), 7):
        browser.run("player.go(arguments[0])", count)
        assert browser.run(INSIDE, ".operand"), recorded[count - 1]


SMALLEST_TEXTS = """
    const size = (element) => parseFloat(getComputedStyle(element).fontSize);
    const drawn = [...document.querySelectorAll("svg.view:not([hidden]) text")].map((text) => {
      const matrix = text.getScreenCTM();
      return size(text) * Math.hypot(matrix.a, matrix.b);
    });
    const written = [...document.querySelectorAll("body *:not(script, noscript)")]
      .filter((element) => element.checkVisibility() && !element.closest("svg"))
      .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
    return [Math.min(...drawn), Math.min(...written.map(size))];
"""


@needs_dot
@pytest.mark.parametrize(("size", "smallest"), [(PHONE, 14), (DESKTOP, 14), (PROJECTOR, 19)])
def test_a_long_chain_is_read_from_afar_and_its_active_step_stays_in_view(
    browser: Browser, tmp_path: Path, size: tuple[int, int], smallest: float
) -> None:
    signal = Value(0.5, label="x")
    for layer in range(5):
        signal = (Value(-0.03, label=f"w{layer}") * signal).tanh()
    recorded = trace(signal)
    browser.open(recorded.to_html(tmp_path / "chain.html"), size=size)
    assert min(browser.run(SMALLEST_TEXTS)) >= smallest
    for count in range(len(recorded) + 1):
        browser.run("player.go(arguments[0])", count)
        assert browser.run(INSIDE, ".active"), count
    browser.resize((700, 500))
    assert browser.run(INSIDE, ".active")


@needs_dot
def test_a_small_graph_is_seen_whole(browser: Browser, tmp_path: Path) -> None:
    a, c = Value(2.0, label="a"), Value(-3.0, label="c")
    page = trace((a * c + a * a).tanh() * c).to_html(tmp_path / "small.html")
    for size, smallest in ((DESKTOP, 13.9), (PROJECTOR, 19)):
        browser.open(page, size=size)
        assert browser.run(INSIDE, ".node")
        assert browser.run(SMALLEST_TEXTS)[0] >= smallest


@needs_dot
def test_a_long_number_stays_in_its_box(browser: Browser, tmp_path: Path) -> None:
    w, x = Value(-1.234e-150, label="w"), Value(1.234e-5, label="x")
    browser.open(trace(w * x + w * 1.0 + w * x).to_html(tmp_path / "tiny.html"), fragment="#step=4")
    assert browser.run("""
        return [...document.querySelectorAll(".node[data-nodes]")].every((node) => {
          const wide = (text) => text.getBoundingClientRect();
          const label = [...node.querySelectorAll(".quiet")].at(-1);
          return wide(label).right < wide(node.querySelector(".grad")).left;
        });
    """)


@needs_dot
@pytest.mark.parametrize("live", [False, True])
def test_on_paper_there_is_everything_and_nothing_to_press(
    browser: Browser, recorded: Trace, tmp_path: Path, live: bool
) -> None:
    browser.open(recorded.to_html(tmp_path / "paper.html", live=live), size=(1046, 700), dark=True, fragment="#step=9")
    browser.press("d", "d")  # a chosen theme is not printed either
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    pressed = "return [...document.querySelectorAll('button, input, select')].filter((part) => part.checkVisibility())"
    assert browser.run(pressed) == []
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run(INSIDE, ".node")
    width, high, columns = browser.run("""
        const table = document.querySelector("#steps");
        const cells = [...table.querySelector("tr").cells].filter((cell) => cell.checkVisibility());
        return [document.documentElement.scrollWidth, table.scrollHeight - table.clientHeight, cells.length];
    """)
    assert width <= 1046
    assert (high, columns) == (0, 6)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@needs_dot
def test_a_click_on_a_node_shows_the_step_that_completes_it(opened: Browser, recorded: Trace) -> None:
    opened.click(f'.node[data-nodes="{recorded.node("target").place}"]')
    assert where(opened) == taken(len(recorded.until("target")), recorded)
    opened.click("#rows tr:nth-child(3)")
    assert where(opened) == taken(3, recorded)


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_follows_the_reader_s_colours_and_fits_a_phone(browser: Browser, page: Path, dark: bool) -> None:
    browser.open(page, size=PHONE, dark=dark, fragment="#step=9")
    red = int(re.findall(r"\d+", browser.run("return getComputedStyle(document.body).backgroundColor"))[0])
    assert (red < 128) == dark
    wide, window = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window == PHONE[0]


@needs_dot
def test_motion_is_reduced_for_those_who_ask_for_it(browser: Browser, page: Path) -> None:
    moving = "return getComputedStyle(document.querySelector('.edge.active path')).animationName"
    browser.open(page, fragment="#step=3", still=True)
    assert browser.run(moving) == "none"
    browser.open(page, fragment="#step=3", still=False)
    assert browser.run(moving) == "flow"


NASTY = ["</script><script>window.hit=1</script>", "<img src=x onerror=hit=1>", "<!--", "'\"&amp;", "{{TRACE}}",
         "\u202egnp", "a\x00b\nc", "</title></svg><script>hit=1</script>", "</style>", "λ ∂ 🙂"]  # fmt: skip


def test_labels_are_text_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    total = Value(1.0, label="</title><script>window.hit = 1</script>")
    for label in NASTY:
        total = total + Value(2.0, label=label)
    total.label = NASTY[0]
    browser.open(trace(total).to_html(tmp_path / "nasty.html"), fragment="#step=3")
    assert browser.run("return window.hit ?? null") is None
    assert browser.run("return document.querySelectorAll('script, img, style').length") == 3
    assert NASTY[0] in browser.text("#root")
    for name in NASTY:
        if name.isprintable():
            assert name in browser.run("return player.model.nodes.map(n => n.name)")
    assert browser.errors() == []


def test_numbers_are_written_as_python_writes_them(opened: Browser) -> None:
    values = [0.0, -0.0, 1.0, 0.5, 1e5, 99999.95, 999999.5, 123456.0, 1000.5, 1001.5, 2.5e-5, 1e-4, 9.9995, 1e16, 1e22,
              5e-324, 1.7976931348623157e308, 1 / 3, -2 / 3, 100.05, 0.00012345, 1e-5, 12345.65, 0.1 + 0.2]  # fmt: skip
    values += [math.sin(k) * 10.0 ** (k % 40 - 20) for k in range(400)] + [k / 8 for k in range(7990, 8200)]
    assert opened.run("return arguments[0].map(number)", values) == [number(v) for v in values]
    assert opened.run("return arguments[0].map(short)", values) == [short(v).replace("-", "−") for v in values]
    others = opened.run("return ['nan', 'inf', '-inf'].map(t => number(real(t)))")
    assert others == [number(v) for v in (math.nan, math.inf, -math.inf)]


def test_the_scale_of_colours_is_that_of_drawings(opened: Browser) -> None:
    many = [math.sin(k) * 10.0 ** (k % 7) for k in range(333)]
    for sizes in ([0.05, -3.0, 0.0], [1e-9, 1.0], [], [5.0], [1e-300, 1e300], [999.999, 1000.0], [math.pi] * 3, many):
        assert tuple(opened.run("return scale(arguments[0])", sizes)) == scale(sizes).bounds


def test_another_model_replaces_every_number(opened: Browser, recorded: Trace) -> None:
    opened.press(END)
    before = spoken(opened)
    opened.run("""return unpacked(document.getElementById("contents").textContent).then(({ pass }) => {
        const saved = expanded(pass);
        for (const step of saved.steps) for (const k of [6, 8]) step[k] = real(step[k]) * 100;
        for (const node of saved.nodes) node[2] += 1;
        player.setModel(new Model(saved));
        player.sight.settle();  // what is not seen is written a little later
    })""")
    assert where(opened) == taken(len(recorded), recorded)
    assert number(recorded[-1].after * 100) in spoken(opened) != before
    if find_dot() is not None:
        assert opened.text('.node[data-nodes="0"] .data') == short(recorded.nodes[0].data + 1).replace("-", "−")


def test_a_part_of_a_pass_is_played_from_its_start(browser: Browser, recorded: Trace, tmp_path: Path) -> None:
    part = recorded.until("target")
    browser.open(part.to_html(tmp_path / "part.html"), fragment="#step=9999")
    assert where(browser) == taken(len(part), part)
    with pytest.raises(ValueError, match=r"step 0 is not in this trace: take the whole trace"):
        recorded[2:].html()


def test_a_graph_of_one_node_is_shown(browser: Browser, tmp_path: Path) -> None:
    browser.open(trace(Value(2.0, label="x")).to_html(tmp_path / "one.html"))
    assert where(browser) == "0 of 0 steps taken"
    browser.click("#play")
    assert browser.errors() == []


def test_without_a_dot_the_picture_stands_in_columns(
    browser: Browser, recorded: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODIFF_DOT", "none")
    browser.open(recorded.to_html(tmp_path / "table.html"), fragment="#step=2")
    assert browser.run("return player.view.boxes.length") > 10
    assert len(browser.texts("#rows tr")) == len(recorded)
    browser.press(RIGHT, "+")
    assert where(browser) == taken(4, recorded)
    assert browser.errors() == []


@needs_dot
def test_two_players_in_frames_on_one_page_do_not_meet(browser: Browser, recorded: Trace, tmp_path: Path) -> None:
    w = Value(3.0, label="w")
    frames = [other._repr_mimebundle_()["text/html"] for other in (recorded, trace(w * w))]
    page = tmp_path / "notebook.html"
    page.write_text(f"<!DOCTYPE html><title>{escape('two')}</title>{''.join(frames)}", encoding="utf-8")
    browser.open(page)
    inner = browser.driver.find_elements("css selector", "iframe")
    for frame, count in zip(inner, (len(recorded), 2)):
        with browser.inside(frame):
            browser.click("#last")
            assert where(browser) == f"{count} of {count} steps taken"
            browser.run("document.querySelector('#rows a').click()")
            assert where(browser) == f"1 of {count} steps taken"
    assert browser.errors() == []
    assert {url.partition(":")[0] for url in browser.requests()} <= {"file", "about"}


@needs_dot
def test_three_hundred_nodes_stay_below_a_megabyte(browser: Browser, tmp_path: Path) -> None:
    x, total = Value(0.5, label="x"), Value(0.0, label="zero")
    for i in range(74):
        total = total + (Value(0.01 * i, label=f"w{i}") * x).tanh()
    recorded = trace(total)
    assert 290 <= len(recorded.nodes) <= 300
    page = recorded.to_html(tmp_path / "large.html")
    assert page.stat().st_size < 1_000_000
    browser.open(page)
    browser.press("\ue010")  # End
    assert browser.run("return player.taken") == len(recorded)


def test_what_is_too_large_or_no_page_is_refused(recorded: Trace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.html, not 'x\.htm\.txt'"):
        recorded.to_html(tmp_path / "x.htm.txt")
    for wrong in (-1, True, 2.5):
        with pytest.raises(ValueError, match="max_nodes must be an int from 0 on"):
            recorded.html(max_nodes=wrong)  # type: ignore[arg-type]
    value = Value(1.0, label="x")
    for _ in range(20_001):
        value = value + 1.0
    with pytest.raises(ValueError, match=r"20001 steps are too many for a page: .* trace\[:20000\]"):
        trace(value).html(max_nodes=0)
    assert list(tmp_path.iterdir()) == []


@needs_dot
def test_what_graphviz_cannot_lay_out_stands_in_columns(recorded: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> bytes:
        raise RuntimeError("dot failed with code 1: lost an edge")

    monkeypatch.setattr(layout, "run_dot", lost)
    view = contents(html(recorded))["drawing"]["views"][0]
    assert (view["title"], view["curves"]) == ("all nodes", {})
    assert sorted(node for box in view["boxes"] for node in box[7]) == [*range(len(recorded.nodes))]


def test_views_with_too_many_nodes_are_left_out() -> None:
    recorded = trace(network())
    drawings = {limit: contents(recorded.html(max_nodes=limit))["drawing"] for limit in (300, 20, 8, 0)}
    count = {limit: len(drawing["views"]) if drawing else 0 for limit, drawing in drawings.items()}
    assert count == {300: 3, 20: 2, 8: 1, 0: 0}
    with pytest.raises(ValueError, match=r"\d+ nodes are more than max_nodes=3, however the graph is folded"):
        recorded.html(max_nodes=3)


def test_the_same_trace_gives_the_same_bytes() -> None:
    assert html(trace(network())) == html(trace(network()))


def test_the_colours_are_those_of_drawings_and_text_on_them_can_be_read() -> None:
    style = (files("autodiff.tracing.player") / "player.css").read_text(encoding="utf-8")
    root, _, negative = style.partition(".negative {")
    pairs = dict(re.findall(COLOUR, root))
    light, dark = ({name: pair.split(", ")[at] for name, pair in pairs.items()} for at in (0, 1))
    assert tuple(light[f"fill-{level}"] for level in range(6)) == FILLS
    assert tuple(light[f"stroke-{level}"] for level in range(6)) == STROKES
    assert light["active"] == ACTIVE
    for theme in (light, dark):
        for level in range(6):
            assert contrast(theme[f"on-{level}"], theme[f"fill-{level}"]) >= READABLE
        for text, paper in (("ink", "page"), ("quiet", "panel"), ("quiet", "frame-3"), ("active", "active-soft")):
            assert contrast(theme[text], theme[paper]) >= READABLE, (text, paper)
        brightness = [luminance(theme[f"fill-{level}"]) for level in range(6)]
        assert brightness in (sorted(brightness), sorted(brightness, reverse=True))
    pairs = dict(re.findall(COLOUR, negative))
    for at, whole in enumerate((light, dark)):
        theme = whole | {name: pair.split(", ")[at] for name, pair in pairs.items()}
        fills = [theme[f"fill-{level}"] for level in range(6)]
        assert at or tuple(fills) == NEGATIVE_FILLS
        assert at or tuple(theme[f"stroke-{level}"] for level in range(6)) == NEGATIVE_STROKES
        assert [*map(luminance, fills)] == sorted(map(luminance, fills), reverse=not at)
        assert min(contrast(theme[f"on-{level}"], fill) for level, fill in enumerate(fills)) >= READABLE


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trace]:
    """A chain of 1500 operations: a table too long to make all of it, a graph too wide to see all of it."""
    signal = Value(0.5, label="x")
    for i in range(1500):
        signal = signal * Value(1.0 + 0.001 * (i % 3 - 1), label=f"w{i}")
    recorded = trace(signal)
    return recorded.to_html(tmp_path_factory.mktemp("player") / "large.html", max_nodes=0), recorded


def test_of_a_long_table_the_rows_around_the_step_are_there(browser: Browser, large: tuple[Path, Trace]) -> None:
    page, recorded = large
    assert len(recorded) == 3000
    browser.open(page)
    for count in (1, 700, 2999, 3000, 5, 1500):
        browser.run("player.go(arguments[0])", count)
        current = browser.text("tr[aria-current] a")
        assert current == str(count - 1)
        cells = browser.texts("tr[aria-current] td")
        assert cells[4:] == [number(recorded[count - 1].contribution), number(recorded[count - 1].after)]
        seen, rows = browser.run("""
            const [area, row] = [document.querySelector("#steps"), document.querySelector("tr[aria-current]")];
            const [a, b] = [area, row].map((part) => part.getBoundingClientRect());
            return [b.top >= a.top - 1 && b.bottom <= a.bottom + 1, document.querySelectorAll("#rows tr").length];
        """)
        assert seen
        assert rows <= 60
    browser.run("document.querySelector('tr[aria-current] a').focus()")
    browser.run("player.table.area.scrollTop += 25 * player.table.high")
    browser.settle()
    assert browser.run("return [document.activeElement.textContent, player.table.first]") == ["1499", 1495]
    browser.run("document.querySelector('#steps').scrollTop = 1e9")
    browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
    assert browser.texts("#rows tr a")[-1] == "2999"
    height = "return document.querySelector('#steps').scrollHeight"
    high = browser.run(height)
    browser.run("document.querySelector('#steps').scrollTop = 0")
    browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
    assert browser.texts("#rows tr a")[0] == "0"
    assert browser.run(height) == pytest.approx(high, rel=0.02)
    assert browser.errors() == []


def test_numbers_that_are_still_to_be_computed_are_hidden(opened: Browser, recorded: Trace) -> None:
    visible = """
        return [...document.querySelectorAll("#rows tr")].filter((row) => {
          return getComputedStyle(row.cells[5]).visibility === "visible";
        }).length;
    """
    leaves = "return [...document.querySelectorAll('#leaves .swatch')].map((swatch) => swatch.textContent)"
    for count in (0, 1, 7, len(recorded), 3):
        opened.run("player.go(arguments[0])", count)
        assert opened.run(visible) == count
        known = {step.parent.name for step in recorded[:count]}
        variables = [node.name for node in recorded.nodes if node.op == "variable"]
        assert sum(text != "–" for text in opened.run(leaves)) == len(known & {*variables})


SCALE = "return document.querySelector('svg.view').getBoundingClientRect().width / player.view.width"


def wheel(browser: Browser, delta: int, **more: int) -> None:
    browser.run("""
        const stage = document.querySelector("#stage"), box = stage.getBoundingClientRect();
        stage.dispatchEvent(new WheelEvent("wheel", {
          deltaY: arguments[0], clientX: box.left + 200, clientY: box.top + 100, bubbles: true, cancelable: true,
          ...arguments[1],
        }));
    """, delta, more)  # fmt: skip


POINT = """
    const stage = document.querySelector("#stage").getBoundingClientRect();
    const svg = document.querySelector("svg.view").getBoundingClientRect();
    return [(stage.left + 200 - svg.left) / svg.width, (stage.top + 100 - svg.top) / svg.height];
"""


@needs_dot
def test_the_wheel_makes_the_graph_larger_and_what_is_under_the_pointer_stays(opened: Browser) -> None:
    for _ in range(3):
        wheel(opened, -120)
    before, point = opened.run(SCALE), opened.run(POINT)
    wheel(opened, -240)
    assert opened.run(SCALE) == pytest.approx(before * math.exp(0.48), rel=0.01)
    assert opened.run(POINT) == pytest.approx(point, abs=0.005)
    wheel(opened, 240)
    assert opened.run(SCALE) == pytest.approx(before, rel=0.01)


@needs_dot
def test_a_drag_moves_the_graph_and_is_no_click(opened: Browser) -> None:
    for _ in range(6):
        wheel(opened, -200)
    opened.run("document.querySelector('#stage').scrollTo({left: 300, top: 200, behavior: 'instant'})")
    at = "const {scrollLeft, scrollTop} = document.querySelector('#stage'); return [scrollLeft, scrollTop]"
    left, top = opened.run(at)
    actions = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains(opened.driver)
    stage = opened.driver.find_element("id", "stage")
    taken_before = opened.run("return player.taken")
    actions.move_to_element(stage).click_and_hold().move_by_offset(-60, -40).move_by_offset(-20, 0).release().perform()
    assert opened.run(at) == pytest.approx([left + 80, top + 40], abs=6)
    assert opened.run("return player.taken") == taken_before


@needs_dot
def test_after_a_drag_that_is_broken_off_a_click_is_one(opened: Browser) -> None:
    opened.run("""
        const stage = document.querySelector("#stage");
        stage.setPointerCapture = () => {};
        const pointer = (type, clientX) => stage.dispatchEvent(new PointerEvent(type,
            { bubbles: true, clientX, clientY: 100, button: 0, buttons: 1, pointerId: 1, pointerType: "mouse" }));
        pointer("pointerdown", 300);
        pointer("pointermove", 330);
        pointer("pointercancel", 330);
        return new Promise((done) => setTimeout(done, 50));
    """)
    opened.run("document.querySelector('.node.result').dispatchEvent(new MouseEvent('click', { bubbles: true }))")
    assert opened.run("return document.querySelector('#details').checkVisibility()")


@needs_dot
def test_details_tell_no_number_before_the_forward_pass_computes_it(opened: Browser, recorded: Trace) -> None:
    opened.press(HOME, HOME)
    opened.run("player.explain(player.model.root.place)")
    assert opened.text("#numbers").startswith("data not computed yet, ")
    opened.press(END)
    assert opened.text("#numbers").startswith(f"data {recorded.root.data!r}, ")


@needs_dot
def test_fit_shows_all_of_the_graph_and_then_what_can_be_read(browser: Browser, page: Path) -> None:
    browser.open(page, size=(900, 500))
    overview = "return !document.querySelector('#overview').hasAttribute('hidden')"
    readable = browser.run(SCALE)
    assert browser.run(overview)
    browser.press("0")
    assert browser.run(INSIDE, ".node")
    assert browser.run(SCALE) < readable
    assert not browser.run(overview)
    browser.press("0")
    assert browser.run(SCALE) == pytest.approx(readable)


@needs_dot
def test_the_overview_leads_to_a_part_of_the_graph(browser: Browser, page: Path) -> None:
    browser.open(page, size=(900, 500))
    for corner, inside in (("left", True), ("right", False)):
        browser.run("""
            const map = document.querySelector("#overview"), box = map.getBoundingClientRect();
            const clientX = arguments[0] === "left" ? box.left + 3 : box.right - 3;
            const at = {buttons: 1, clientX, clientY: box.top + box.height / 2};
            map.dispatchEvent(new PointerEvent("pointermove", at));
        """, corner)  # fmt: skip
        assert (browser.run("return document.querySelector('#stage').scrollLeft") < 5) == inside
    assert browser.errors() == []


@needs_dot
def test_two_fingers_make_the_graph_larger(browser: Browser, page: Path) -> None:
    browser.open(page, size=PHONE)
    before = browser.run(SCALE)
    browser.run("""
        const stage = document.querySelector("#stage"), box = stage.getBoundingClientRect();
        const clientY = box.top + 50;
        const touch = (identifier, x) => new Touch({identifier, target: stage, clientX: box.left + x, clientY});
        for (const spread of [40, 60, 80]) {
          const touches = [touch(1, 100 - spread / 2), touch(2, 100 + spread / 2)];
          stage.dispatchEvent(new TouchEvent("touchmove", {touches, bubbles: true, cancelable: true}));
        }
    """)
    assert browser.run(SCALE) == pytest.approx(2 * before, rel=0.02)


def test_a_step_can_be_guessed_first(opened: Browser, recorded: Trace) -> None:
    opened.press("g")
    step = recorded[0]
    assert opened.text("#contribution") == opened.text("#local") == "?"
    assert opened.run("return document.activeElement.id") == "guessed"
    for wrong, told in (
        (step.contribution * 3 + 7, "Not yet"),
        (-step.contribution, "the sign is not"),
        ("many", "Type a number"),
    ):
        opened.run("document.querySelector('#guessed').value = arguments[0]", str(wrong))
        opened.click("#check")
        assert told in opened.text("#verdict")
        assert where(opened) == taken(0, recorded)
    opened.run("document.querySelector('#guessed').value = ''")
    opened.driver.find_element("id", "guessed").send_keys(f"{step.contribution * 1.004:.6g}\n")
    assert opened.text("#verdict").startswith("Right: ")
    assert where(opened) == taken(1, recorded)
    opened.click("#reveal")
    assert opened.text("#verdict").startswith("It is ")
    assert where(opened) == taken(2, recorded)
    opened.click("#next")
    assert where(opened) == taken(3, recorded)
    opened.click("#back")
    assert not opened.run("return document.querySelector('#question').checkVisibility()")
    assert opened.text("#contribution") == number(recorded[1].contribution)
    opened.run("player.go(arguments[0])", len(recorded) - 1)
    opened.click("#next")
    assert where(opened) == taken(len(recorded) - 1, recorded)
    opened.click("#next")
    assert where(opened) == taken(len(recorded), recorded)
    opened.click("#guess")
    assert opened.run("return document.querySelector('#guess').getAttribute('aria-pressed')") == "false"


@needs_dot
def test_a_question_stays_in_another_view_and_ends_the_forward_pass(opened: Browser, recorded: Trace) -> None:
    opened.press(HOME, "g")
    assert where(opened) == taken(0, recorded)
    opened.run("document.querySelector('#guessed').value = '7'; player.choose(player.views[1])")
    assert opened.run("return document.querySelector('#question').checkVisibility()")
    assert opened.run("return document.querySelector('#guessed').value") == "7"
    assert opened.text("#contribution") == "?"
    assert address(opened) == "#view=neurons"


@needs_dot
def test_a_question_is_in_sight_on_a_phone(browser: Browser, page: Path) -> None:
    browser.open(page, size=PHONE)
    browser.click("#guess")
    edges = """
        return [document.querySelector(arguments[0]), document.querySelector("#controls")]
            .map((part, at) => part.getBoundingClientRect()[at ? "top" : "bottom"]);
    """
    bottom, controls = browser.run(edges, "#question")
    assert bottom <= controls
    browser.click("#reveal")
    bottom, controls = browser.run(edges, "#verdict")
    assert bottom <= controls
    assert browser.errors() == []


def test_a_key_that_is_held_writes_no_more_addresses_than_browsers_take(opened: Browser, recorded: Trace) -> None:
    opened.run("for (let i = 0; i < 300; i += 1) player.go(i % 2 ? 3 : 5)")
    assert address(opened) == "#step=2"


@needs_dot
def test_what_is_found_follows_the_numbers(opened: Browser) -> None:
    opened.press("/")
    opened.driver.find_element("id", "search").send_keys("nan")
    assert opened.text("#matches") == "none"
    opened.run("live.set(live.leaves[0], NaN)")
    count = opened.run("return player.model.nodes.filter(matcher('nan')).length")
    assert opened.text("#matches").startswith(f"1 of {count}: ")
    assert opened.run("return document.querySelectorAll('svg.view:not([hidden]) .node.found').length") > 0
    opened.run("live.reset()")
    assert opened.text("#matches") == "none"
    assert opened.run("return document.querySelectorAll('.node.found').length") == 0


def test_a_long_table_is_printed_whole_and_without_gaps(browser: Browser, large: tuple[Path, Trace]) -> None:
    page, recorded = large
    browser.open(page)
    browser.run("player.go(2000); dispatchEvent(new Event('beforeprint'))")
    rows, above, below, last = browser.run("""
        const { body, above, below } = player.table;
        return [body.rows.length, above.offsetHeight, below.offsetHeight, body.lastElementChild.cells[5].textContent];
    """)
    assert (rows, above, below) == (len(recorded), 0, 0)
    assert last == number(recorded[-1].after)
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("return player.table.body.rows.length") < len(recorded)
    assert browser.errors() == []


def test_a_local_derivative_is_told_from_a_contribution(opened: Browser) -> None:
    judged = "return judged(arguments[0], {local: 2, upstream: 5, contribution: 10, before: 1, after: 11})"
    told = {number: opened.run(judged, number) for number in (10, 10.05, 2, 5, 11, -10, 7, 3)}
    assert [told[10], told[10.05]] == ["", ""]
    words = {2: "local derivative:", 5: "upstream gradient:", 11: "so far", -10: "sign", 7: "multiplies", 3: "Not yet"}
    assert all(word in told[number] for number, word in words.items())


@needs_dot
@pytest.mark.parametrize(
    "query", ["tanh", "NEURONS.1", "nan", "0", "> 0.1", ">0", ">= 0", "<1e-3", "<= 0", "nothing", "target"]
)
def test_nodes_are_found_by_name_operation_and_size(opened: Browser, recorded: Trace, query: str) -> None:
    def wanted(node: object) -> bool:
        name, op, gradient = node.name.lower(), node.op, node.gradient  # type: ignore[attr-defined]
        if query in ("nan", "0"):
            return op != "constant" and (gradient != gradient if query == "nan" else gradient == 0)
        if query[0] in "<>":
            size = float(query.lstrip("<>="))
            if op == "constant":
                return False
            if abs(gradient) == size:
                return "=" in query
            return bool(abs(gradient) > size if query[0] == ">" else abs(gradient) < size)
        return bool(query.lower() in (op, name) or query.lower() in name)

    found = [node.name for node in recorded.nodes if wanted(node)]
    opened.press("/")
    opened.driver.find_element("id", "search").send_keys(query)
    told = opened.text("#matches")
    assert told == (f"1 of {len(found)}: {found[0]}" if found else "none")
    marked = "return document.querySelectorAll('svg.view:not([hidden]) .node.found').length"
    assert opened.run(marked) == len(found)
    if len(found) > 1:
        opened.driver.find_element("id", "search").send_keys("\n")
        assert opened.text("#matches") == f"2 of {len(found)}: {found[1]}"
        assert opened.run(INSIDE, ".found-now")
        opened.run("player.go(5)")
        assert opened.run(marked) == len(found)
    opened.driver.find_element("id", "search").send_keys("\ue00c")
    assert opened.run(marked) == 0


@needs_dot
def test_a_click_on_a_node_tells_its_rule_and_the_sum_over_its_consumers(opened: Browser, recorded: Trace) -> None:
    node = next(node for node in recorded.nodes if node.op == "tanh")
    opened.click(f'.node[data-nodes="{node.place}"]')
    assert opened.text("#node").startswith(f"{node.name} = tanh(")
    assert "∂/∂x:" in opened.text("#rule")
    steps = [step for step in recorded if step.parent.place == node.place]
    assert [text.split(" through")[0] for text in opened.texts("#terms li")] == [f"step {s.place}" for s in steps]
    last = short(steps[-1].contribution).replace("-", "−")
    assert opened.texts("#terms li")[-1].endswith(f"= {last}")
    opened.press(END)
    for leaf in (node, recorded.node("x1"), recorded.node("layers.0.neurons.2.weights.0")):
        opened.run("player.explain(arguments[0])", leaf.place)
        nodes = recorded.graph()
        largest = explain(nodes[-1], nodes[leaf.place]).paths[0]
        names = [largest.edges[0].node, *(edge.parent for edge in largest.edges)]
        product = short(largest.product).replace("-", "−")
        assert opened.text("#path").endswith(f"the product of the local derivatives is {product}.")
        if len(names) <= 9:
            assert f"Most flows along {' → '.join(names)}:" in opened.text("#path")
    opened.run("player.explain(arguments[0]); player.go(0)", node.place)
    assert opened.text("#path") == ""
    assert all(text.endswith("still to come") for text in opened.texts("#terms li"))
    assert "not computed yet" in opened.text("#numbers")
    opened.click("#terms a")
    assert where(opened) == taken(steps[0].place + 1, recorded)
    opened.press("\ue00c")
    assert not opened.run("return document.querySelector('#details').checkVisibility()")


@needs_dot
def test_the_address_leads_to_a_view_and_keeps_it(browser: Browser, page: Path, recorded: Trace) -> None:
    browser.open(page, fragment="#step=3&view=layers")
    assert where(browser) == taken(4, recorded)
    assert browser.run("return player.view.title") == "layers"
    assert browser.run("return document.querySelector('#views :checked').parentElement.textContent") == "layers"
    browser.press(RIGHT)
    assert address(browser) == "#step=4&view=layers"
    change = "addEventListener('hashchange', () => done()); location.hash = '#step=2'"
    browser.run(f"return new Promise((done) => {{ {change} }})")
    assert browser.run("return player.view.title") == "all nodes"
    assert where(browser) == taken(3, recorded)


@needs_dot
def test_a_notebook_shows_a_page_or_of_a_long_pass_a_picture() -> None:
    x, total = Value(0.5, label="x"), Value(0.0, label="zero")
    for i in range(300):
        total = total + (Value(0.01 * i, label=f"layers.0.neurons.{i % 5}.weights.{i}") * x).tanh()
    shown = trace(total)._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html", "image/svg+xml"}
    assert shown["text/html"].startswith("<img")
    product = Value(1.0, label="layers.0.bias")
    for i in range(300):
        product = product * Value(1.01, label=f"layers.0.weights.{i}")
    assert set(trace(product)._repr_mimebundle_()) == {"text/plain", "text/html"}
    for _ in range(800):
        total = total * 1.0 + x
    shown = trace(total)._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html", "image/svg+xml"}
    assert shown["text/html"].startswith("<img")


@needs_dot
def test_the_forward_pass_is_stepped_before_the_backward_pass(opened: Browser, recorded: Trace) -> None:
    results = [node for node in recorded.nodes if node.operands]
    opened.press(HOME, HOME)
    data = (
        "return [...document.querySelectorAll('svg.view .node[data-nodes]')].map(g => "
        "[Number(g.dataset.nodes), g.querySelector('.data').textContent])"
    )
    for count, node in enumerate(["start", *results]):
        if isinstance(node, str):
            assert "Nothing is computed yet" in opened.text("#sum")
        else:
            opened.press(RIGHT)
            assert opened.text("#target") == node.name
            assert opened.text("#contribution") == number(node.data)
            heads = "return [...document.querySelectorAll('.edge.active')].map(g => g.dataset.edges)"
            wanted = {f"{node.place}_{i}" for i, at in enumerate(node.operands) if recorded.nodes[at].op != "constant"}
            assert {*opened.run(heads)} == wanted
        if count < len(results):
            assert where(opened) == f"forward: {count} of {len(results)}"
            for place, text in opened.run(data):
                known = not recorded.nodes[place].operands or recorded.nodes[place] in results[:count]
                assert text == (short(recorded.nodes[place].data).replace("-", "−") if known else "…")
        if count == len(results) - 1:
            break
    opened.press(RIGHT)
    assert where(opened) == taken(0, recorded)
    opened.press(LEFT)
    assert address(opened) == f"#forward={len(results) - 1}"
    assert set(opened.run("return player.model.at(-1).map(state => state.gradient)")) == {None}


@needs_dot
def test_a_token_travels_the_edge_while_the_pass_is_played(browser: Browser, page: Path) -> None:
    browser.open(page, still=False)
    browser.run("player.play(); player.go(5)")
    assert browser.run("return document.querySelectorAll('.token').length") == 1
    browser.run("player.go(-3)")
    assert browser.run("return document.querySelectorAll('.token').length") >= 2
    browser.run("""
        player.pause();
        for (const each of document.getAnimations()) if (each.effect.target.matches(".token")) each.finish();
    """)
    end = time.monotonic() + 10
    while browser.run("return document.querySelectorAll('.token').length") and time.monotonic() < end:
        time.sleep(0.02)
    assert browser.run("return document.querySelectorAll('.token').length") == 0
    assert browser.errors() == []


def test_the_code_is_beside_the_graph_and_a_click_on_a_line_leads_to_its_steps(
    browser: Browser, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text("""from autodiff import Value
w, x = Value(3.0, label="w"), Value(2.0, label="x")

# </script> is a comment
def square(a):
    return a * a

product = w * x
loss = square(product - 1.0)
""", encoding="utf-8")  # fmt: skip
    with record_sources():
        loss = runpy.run_path(str(script))["loss"]
    recorded = trace(loss)
    assert [line.text for line in recorded.code if line.line == 6] == ["    return a * a"]
    browser.open(recorded.to_html(tmp_path / "page.html"))
    current = "return document.querySelector('#lines [aria-current]')?.dataset.number ?? null"
    assert browser.run(current) is None
    for step in recorded:
        browser.press(RIGHT)
        assert f"train.py:{browser.run(current)}" == step.node.source
    assert "# </script> is a comment" in browser.texts("#lines button")
    steps = [step.place for step in recorded if step.node.source == "train.py:6"]
    for place in (*steps, steps[0]):
        browser.click("#lines button[data-number='6']")
        assert where(browser) == taken(place + 1, recorded)
    browser.press(HOME, HOME, RIGHT)
    assert browser.run(current) == "8"
    browser.click("#lines button[data-number='9']")
    assert browser.text("#target") == recorded.nodes[-2].name
    assert browser.errors() == []
    assert loads(dumps(recorded)) == recorded


@needs_dot
def test_updates_of_a_training_run_are_under_a_second_slider(browser: Browser, tmp_path: Path) -> None:
    w, x = Value(0.5, label="w"), Value(2.0, label="x")
    passes = []
    for _ in range(5):
        loss = (w * x - 3.0) ** 2
        w.grad = 0.0
        passes.append(trace(loss))
        w.data -= 0.05 * (passes[-1].node("w").gradient or 0.0)
    browser.open(passes[0].to_html(tmp_path / "run.html", updates=passes), fragment="#step=2")
    for at in (0, 3, 4, 1):
        browser.run("const s = document.querySelector('#update'); s.value = arguments[0];"
                    "s.dispatchEvent(new Event('input'))", at)  # fmt: skip
        root = passes[at].root
        assert browser.text("#update-where") == f"update {at} of 4, L = {number(root.data)}"
        assert browser.text("#root").endswith(number(root.data))
        assert browser.text("#contribution") == number(passes[at][2].contribution)
        assert browser.run("return live.leaves[0].number") == passes[at].node("w").data
    browser.press("]")
    assert browser.text("#update-where").startswith("update 2 of 4")
    browser.run("live.set(live.leaves[0], 7)")
    assert browser.text("#update-where").startswith("update 2 of 4, changed, L = ")
    assert browser.text("#update-where").endswith(browser.text("#root").split(" = ")[-1])
    browser.run("document.querySelector('#reset').click()")
    assert browser.text("#update-where") == f"update 0 of 4, L = {number(passes[0].root.data)}"
    assert browser.run("return document.querySelector('#update').value") == "0"
    assert browser.run("return document.querySelector('#curve polyline').points.length") == 5
    assert browser.errors() == []
    with pytest.raises(ValueError, match="update 1 is a pass over another graph"):
        passes[0].html(updates=[passes[0], trace(w * 2.0)])
    with pytest.raises(TypeError, match="updates must be traces"):
        passes[0].html(updates=[1.0])  # type: ignore[list-item]


def test_a_run_whose_losses_are_all_nan_has_a_flat_curve(browser: Browser, tmp_path: Path) -> None:
    passes = [trace(Value(math.nan, label="w") * 2.0) for _ in range(3)]
    browser.open(passes[0].to_html(tmp_path / "run.html", updates=passes, max_nodes=0))
    assert browser.text("#update-where") == "update 0 of 2, L = nan"
    assert browser.errors() == []


@needs_dot
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [PROJECTOR, DESKTOP, PHONE, ZOOMED])
def test_the_page_has_no_barriers(
    browser: Browser, page: Path, recorded: Trace, size: tuple[int, int], dark: bool
) -> None:
    """By the rules of axe-core, which is a script in a package that is not needed otherwise."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("no axe-core here: pip install --no-deps axe-playwright-python")
    rules = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    browser.open(page, size=size, dark=dark, fragment="#step=5")
    browser.run(rules)
    for state in ("", "player.guess.turn(true)", "player.explain(player.model.root.place)", "player.go(-2)",
                  "player.choose(player.views[1]); player.toggle(1)"):  # fmt: skip
        browser.run(state)
        violations = browser.driver.execute_async_script("""
            const done = arguments[0];
            axe.run(document).then((found) => done(found.violations.map(({id, nodes}) => [id, nodes[0].html])));
        """)
        assert violations == [], state
        assert browser.run("return document.documentElement.scrollWidth") <= size[0], state


@needs_dot
@pytest.mark.parametrize("dark", [False, True])
def test_a_step_is_saved_as_a_drawing_and_as_an_equation(
    browser: Browser, page: Path, recorded: Trace, dark: bool
) -> None:
    browser.open(page, dark=dark, fragment="#step=4")
    browser.run("player.export.save = async (blob, name) => {"
                "window.saved = [name, blob.type, blob.size, await blob.text()] }")  # fmt: skip
    choose = """
        window.saved = null;
        const [choice, done] = [document.querySelector("#export"), arguments[1]];
        choice.value = arguments[0];
        choice.dispatchEvent(new Event("change"));
        const wait = () => (window.saved ? done(window.saved) : setTimeout(wait, 20));
        wait();
    """
    name, kind, _, text = browser.driver.execute_async_script(choose, "svg")
    assert (name, kind) == ("step-5.svg", "image/svg+xml")
    drawn = ElementTree.fromstring(text)
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert short(recorded[4].contribution).replace("-", "−") in " ".join(filter(None, texts))
    rects = [element.get("fill") for element in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(set(rects)) > 3
    name, kind, size, text = browser.driver.execute_async_script(choose, "png")
    assert (name, kind) == ("step-5.png", "image/png")
    assert size > 5000
    name, kind, _, text = browser.driver.execute_async_script(choose, "latex")
    step = recorded[4]
    assert name == "step-5.tex"
    assert text.startswith(r"\frac{\partial L}{\partial ")
    assert text.strip().endswith(f"= {number(step.contribution)}".replace("−", "-"))
    assert browser.errors() == []


def test_names_and_numbers_are_set_by_latex(opened: Browser) -> None:
    names = {"v12": "v_{12}", "x": "x", "a_b": r"\mathrm{a\_b}", "{": r"\{", "w%$": r"\mathrm{w\%\$}"}
    assert {name: opened.run("return tex(arguments[0])", name) for name in names} == names
    figures = {1.5e-10: r"1.5 \cdot 10^{-10}", 2e30: r"2 \cdot 10^{30}", -3.0: "-3.0"}
    assert {value: opened.run("return figure(arguments[0])", value) for value in figures} == figures
    assert opened.run("return [figure(Infinity), figure(-Infinity), figure(NaN)]") == [
        r"\infty", r"-\infty", r"\mathrm{nan}",
    ]  # fmt: skip


HARNESS = """<!DOCTYPE html><title>widget</title><div id="cell"></div><script type="module">
import widget from "./widget.js";
const state = {step: 2, page: await (await fetch("page.txt")).text(), title: "pass"};
const listeners = [];
window.model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; for (const call of listeners) call(); },
  on: (event, call) => listeners.push(call),
  off: () => {},
  save_changes: () => (window.saved = state.step),
};
widget.render({model, el: document.querySelector("#cell")});
</script>"""


def test_in_a_widget_the_step_goes_to_and_fro(browser: Browser, recorded: Trace, tmp_path: Path) -> None:
    anywidget = pytest.importorskip("anywidget", reason="no anywidget here: pip install anywidget")
    traitlets = pytest.importorskip("traitlets")
    player = recorded.widget()
    assert isinstance(player, anywidget.AnyWidget)
    assert (player.step, player.page) == (-1, recorded.html())
    player.step = len(recorded) - 1
    with pytest.raises(traitlets.TraitError, match=f"there is no step {len(recorded)}: this pass has {len(recorded)}"):
        player.step = len(recorded)
    (tmp_path / "page.txt").write_text(player.page, encoding="utf-8")
    (tmp_path / "widget.js").write_text(player._esm, encoding="utf-8")
    (tmp_path / "index.html").write_text(HARNESS, encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.driver.get(f"http://127.0.0.1:{server.server_port}/index.html")

        def shown() -> str:
            browser.driver.switch_to.default_content()
            frames = browser.driver.find_elements("css selector", "iframe")
            if not frames:
                return ""
            browser.driver.switch_to.frame(frames[0])
            return str(browser.run("return document.querySelector('#where')?.textContent ?? ''"))

        def until(wanted: object, found: Callable[[], object]) -> None:
            end = time.monotonic() + 10
            while found() != wanted and time.monotonic() < end:
                time.sleep(0.02)
            assert found() == wanted

        until(taken(3, recorded), shown)  # the step of the model, as soon as the page is there
        browser.click("#next")
        until(taken(4, recorded), shown)
        browser.driver.switch_to.default_content()
        until(3, lambda: browser.run("return window.saved"))
        browser.run("model.set('step', 6)")
        until(taken(7, recorded), shown)
        browser.driver.switch_to.default_content()
        server.shutdown()


@pytest.mark.parametrize("size", [(1280, 720), (1181, 700), ZOOMED, PHONE])
@pytest.mark.parametrize("place", [0, 17_644, -9_644])
def test_a_place_in_a_long_pass_is_read_whole(browser: Browser, page: Path, size: tuple[int, int], place: int) -> None:
    browser.open(page, size=size)
    told = f"forward: {-place} of 9644" if place < 0 else f"{place} of 17644 steps taken"
    browser.run("document.querySelector('#where').textContent = arguments[0]", told)
    cut, right, others = browser.run("""
        const [where, controls] = [document.querySelector("#where"), document.querySelector("#controls")];
        const box = where.getBoundingClientRect();
        const met = [...controls.children].filter((each) => {
          const other = each.getBoundingClientRect();
          return each !== where && other.left < box.right - 1 && other.right > box.left + 1
            && other.top < box.bottom - 1 && other.bottom > box.top + 1;
        });
        return [where.scrollWidth - where.clientWidth, controls.scrollWidth - controls.clientWidth, met.length];
    """)
    assert (cut, right, others) == (0, 0, 0)
