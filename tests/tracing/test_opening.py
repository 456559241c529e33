"""Laws of the player's page: its contents are the pass, bit for bit; folded boxes open and close one by one."""

import json
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

import nn
from autodiff import Value, where
from autodiff.drawing.routes import Routes
from autodiff.drawing.sizes import Point
from autodiff.tracing import Trace, trace
from autodiff.tracing.storage import dumps
from tests.browser import PHONE, Browser, contents
from tests.drawing.test_routes import grid
from tests.tracing.test_player import DOWN, END, address, network

pytestmark = pytest.mark.slow  # in a browser

TAB, ENTER, UP = "\ue004", "\ue007", "\ue013"
MODULE = "player.modules.findIndex(([name]) => name === arguments[0])"


def residual() -> Value:
    """Two layers of four neurons, with a skip connection over each."""
    signals = [Value(0.3 * i - 0.5, label=f"x{i}") for i in range(4)]
    for layer in range(2):
        outputs = []
        for place in range(4):
            name = f"layers.{layer}.neurons.{place}"
            weighted = Value(0.1, label=f"{name}.bias")
            for i, signal in enumerate(signals):
                weighted = weighted + Value(0.4 - 0.3 * ((i + place) % 3), label=f"{name}.weights.{i}") * signal
            outputs.append(weighted.tanh())
        signals = [signal + output for signal, output in zip(signals, outputs)]
    loss = (signals[0] * signals[1] * signals[2] * signals[3] - Value(1.0, label="target")) ** 2
    loss.label = "L"
    return loss


def unreached() -> Value:
    """Untaken branches, infinities, nan and zeros of both signs."""
    x, y = Value(-0.0, label="x"), Value(2.0, label="y")
    return where(y > 1.0, x * y, (x.log() * y).sqrt()) + y * math.inf + y * Value(-0.0, label="z")


def classifier() -> Value:
    """The loss of three classes, whose sum of exponentials is in the last layer."""
    model = nn.MLP(4, [5, 3], "tanh")
    return nn.softmax_cross_entropy(model([5.1, 3.5, 1.4, 0.2]), 1)


def recurrent() -> Value:
    """A cell over four steps: its neurons are in circles."""
    cell = nn.RNNCell(1, 3)
    state: list[Value] = [Value(0.0, label=f"h{i}") for i in range(3)]
    for number in (0.5, -1.0, 0.25, 2.0):
        state = cell([number], state)
    return (state[0] + state[1] * state[2] - 1.0) ** 2


GRAPHS = {
    "network": network,
    "residual": residual,
    "unreached": unreached,
    "classifier": classifier,
    "recurrent": recurrent,
    "one": lambda: Value(2.0, label="x"),
}


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_contents_of_a_page_are_the_pass_to_the_bit(
    browser: Browser, tmp_path: Path, name: str, accumulate: bool
) -> None:
    loss = GRAPHS[name]()
    loss.backward()
    recorded = trace(loss, 0.1, accumulate=accumulate)
    for part in (recorded, recorded[: len(recorded) // 2]):
        browser.open(part.to_html(tmp_path / "page.html"))
        shown = browser.run("""return unpacked(document.getElementById("contents").textContent).then(({ pass }) => {
            const spelt = (each) => (Object.is(each, -0) ? "-0" : Array.isArray(each) ? each : String(each));
            const told = (row) => row.map(spelt);
            const { nodes, steps, seed } = expanded(pass);
            return { nodes: nodes.map((row) => told(row.slice(0, 6))), steps: steps.map(told), seed };
        })""")  # fmt: skip
        saved = json.loads(dumps(part))
        for rows in (shown["nodes"], shown["steps"], saved["nodes"], saved["steps"]):
            rows[:] = [[spelt(each) for each in row[:9]] for row in rows]
        assert shown["seed"] == saved["seed"] == 0.1
        assert shown["nodes"] == saved["nodes"]
        assert shown["steps"] == saved["steps"]
    assert browser.errors() == []


def spelt(number: object) -> object:
    """A number as both sides write it; what is no number as it is."""
    if number is None or number == "null":
        return "null"
    if isinstance(number, bool | list):
        return number
    try:
        value = float(str(number).replace("Infinity", "inf"))
    except ValueError:
        return number
    return repr(value)


def test_a_trace_that_was_changed_shows_its_own_numbers(browser: Browser, tmp_path: Path) -> None:
    recorded = trace(network())
    steps = list(recorded.steps)
    steps[3] = steps[3]._replace(contribution=123.0)
    changed = replace(recorded, steps=tuple(steps))
    browser.open(changed.to_html(tmp_path / "page.html", live=False), fragment="#step=3")
    assert browser.text("#contribution") == "123.0"
    assert browser.run("return player.model.steps[4].contribution") == steps[4].contribution


@pytest.mark.parametrize(
    ("widths", "most"), [([2, 16, 16, 1], 200_000), ([8, 40, 40, 1], 300_000), ([8, 90, 90, 1], 700_000)]
)
def test_pages_of_networks_are_small(browser: Browser, tmp_path: Path, widths: list[int], most: int) -> None:
    """Ten thousand nodes in less than a megabyte."""
    model = nn.MLP(widths[0], widths[1:], "tanh")
    recorded = trace(nn.squared_error(model([0.1 * i for i in range(widths[0])]), 1.0))
    page = recorded.to_html(tmp_path / "page.html")
    assert page.stat().st_size < most
    browser.open(page)
    browser.press(END)
    assert browser.run("return player.taken") == len(recorded)
    browser.run(f"player.toggle({MODULE})", "layers.1")
    assert len(browser.texts("svg.view:not([hidden]) .toggle")) > widths[2]
    assert browser.errors() == []


def opened_page(browser: Browser, tmp_path: Path, recorded: Trace, fragment: str = "", **more: object) -> None:
    browser.open(recorded.to_html(tmp_path / "page.html"), fragment=fragment, **more)  # type: ignore[arg-type]


def toggle(name: str) -> str:
    return f"svg.view:not([hidden]) .toggle[aria-label$=' {name}']"


def expanded(browser: Browser, name: str) -> str:
    return str(browser.run("return document.querySelector(arguments[0]).getAttribute('aria-expanded')", toggle(name)))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_a_click_opens_a_box_and_closes_it(browser: Browser, tmp_path: Path, size: tuple[int, int], dark: bool) -> None:
    recorded = trace(network())
    opened_page(browser, tmp_path, recorded, "#step=20&view=layers", size=size, dark=dark)
    before = browser.run("return [player.view.width, player.view.boxes.length]")
    assert expanded(browser, "layers.0") == "false"
    browser.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center', inline: 'center'})",
                toggle("layers.0"))  # fmt: skip
    browser.click(toggle("layers.0"))
    assert expanded(browser, "layers.0") == "true"
    assert browser.run("return document.activeElement.getAttribute('aria-label')") == "close layers.0"
    names = browser.texts("svg.view:not([hidden]) .folded .name")
    assert names == ["neurons.0", "neurons.1", "neurons.2", "layers.1"]
    assert address(browser) == "#step=20&view=layers&open=layers.0"
    browser.run(f"player.toggle({MODULE})", "layers.0.neurons.1")
    assert {"weights.0", "weights.1", "bias"} <= set(browser.texts("svg.view:not([hidden]) .variable .name"))
    tanh = next(node for node in recorded.nodes if node.op == "tanh" and node.place > 20)
    assert browser.run("return player.view.boxOf.get(arguments[0]).nodes", tanh.place)
    assert browser.run("return player.taken") == 21  # opening is no step
    browser.run(
        f"player.toggle({MODULE}); player.toggle({MODULE})".replace("[0]", "[1]", 1), "layers.0", "layers.0.neurons.1"
    )
    browser.open(tmp_path / "page.html", fragment="#step=20&view=layers")
    assert browser.run("return [player.view.width, player.view.boxes.length]") == before
    assert browser.errors() == []


def test_keys_open_boxes_and_go_from_one_to_the_next(browser: Browser, tmp_path: Path) -> None:
    opened_page(browser, tmp_path, trace(network()), "#step=3&view=layers")
    browser.run("document.querySelector('#stage').focus()")
    active = browser.driver.switch_to
    active.active_element.send_keys(TAB)
    label = "return document.activeElement.getAttribute('aria-label')"
    assert browser.run(label) == "open layers.0"
    active.active_element.send_keys(DOWN)
    assert browser.run(label) == "open layers.1"
    active.active_element.send_keys(DOWN)
    assert browser.run(label) == "open layers.0"
    active.active_element.send_keys(ENTER)
    assert browser.run(label) == "close layers.0"
    active.active_element.send_keys(UP)
    assert browser.run(label) == "open layers.1"
    active.active_element.send_keys(DOWN, " ")
    assert browser.run(label) == "open layers.0"
    assert not browser.run("return player.playing")
    assert browser.run("return document.querySelectorAll('.toggle[tabindex=\"0\"]').length") == 1
    assert browser.run("return player.taken") == 4
    assert browser.errors() == []


def test_the_address_leads_to_open_boxes(browser: Browser, tmp_path: Path) -> None:
    opened_page(browser, tmp_path, trace(network()), "#step=3&view=layers&open=layers.0,layers.0.neurons.2,nothing")
    assert browser.texts("svg.view:not([hidden]) .folded .name") == ["neurons.0", "neurons.1", "layers.1"]
    change = "addEventListener('hashchange', () => done()); location.hash = '#step=3&view=layers&open=layers.1'"
    browser.run(f"return new Promise((done) => {{ {change} }})")
    assert browser.texts("svg.view:not([hidden]) .folded .name") == ["layers.0", "neurons.0"]
    assert browser.errors() == []


def test_a_module_of_too_many_nodes_has_no_button(tmp_path: Path) -> None:
    drawing = contents(trace(network()).html(max_nodes=8))["drawing"]
    names = [drawing["modules"][row[0]][0] for row in drawing["insides"]]
    assert "layers.0.neurons.0" in names
    assert "layers.1.neurons.0" not in names


ARRANGED = """
    const drawing = player.views[0].drawing, data = player.views.find(({ title }) => title === arguments[0]).data;
    const found = new Arrangement(drawing, data, new Set(arguments[1]));
    const rect = ({ x, y, width, height, members }) => [x, y, x + width, y + height, members ?? []];
    return {
      size: [found.width, found.height], boxes: found.boxes.map(rect), frames: found.frames.map(rect),
      arrows: found.arrows(player.model.nodes).map(({ edges, points }) => [edges, points]),
    };
"""


@pytest.mark.parametrize("without_dot", [False, True])
@pytest.mark.parametrize("name", ["network", "residual", "classifier", "recurrent"])
def test_what_opens_covers_nothing_and_loses_nothing(
    browser: Browser, tmp_path: Path, name: str, without_dot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if without_dot:
        monkeypatch.setenv("AUTODIFF_DOT", "none")
    recorded = trace(GRAPHS[name]())
    opened_page(browser, tmp_path, recorded)
    modules = browser.run("return player.modules.map(([name]) => name)")
    edges = {f"{node.place}_{at}" for node in recorded.nodes for at in range(len(node.operands))}
    every = list(range(len(modules)))
    for view in browser.run("return player.views.map(({ title }) => title)"):
        for chosen in ([], *([each] for each in every), every[:2], every[1:4], every):
            found = browser.run(ARRANGED, view, chosen)
            for a, b in combinations(found["boxes"], 2):
                assert not overlap(a, b), (view, chosen, a, b)
            for box in found["boxes"]:
                assert inside(box, [0, 0, *found["size"]])
                for frame in found["frames"]:
                    assert inside(box, frame) or not overlap(box, frame), (view, chosen, box, frame)
            assert sorted(node for box in found["boxes"] for node in box[4]) == [*range(len(recorded.nodes))]
            shown = {edge for drawn, _ in found["arrows"] for edge in drawn}
            assert shown <= edges
            at = {node: number for number, box in enumerate(found["boxes"]) for node in box[4]}
            hidden = {edge for edge in edges - shown for out, k in [map(int, edge.split("_"))]
                      if at[out] == at[recorded.nodes[out].operands[k]]}  # fmt: skip
            assert shown | hidden == edges
    assert browser.errors() == []


def overlap(a: list[float], b: list[float]) -> bool:
    return a[0] < b[2] - 0.3 and b[0] < a[2] - 0.3 and a[1] < b[3] - 0.3 and b[1] < a[3] - 0.3


def inside(a: list[float], b: list[float]) -> bool:
    return a[0] >= b[0] - 0.3 and a[1] >= b[1] - 0.3 and a[2] <= b[2] + 0.3 and a[3] <= b[3] + 0.3


def test_arrows_take_the_ways_that_drawings_give_them(browser: Browser, tmp_path: Path) -> None:
    opened_page(browser, tmp_path, trace(network()))
    for seed in range(4):
        boxes = grid(seed)
        rows = {name: {"x": x - w / 2, "y": y - h / 2, "width": w, "height": h}
                for name, ((x, y), (w, h)) in boxes.items()}  # fmt: skip
        pairs = [(tail, head) for tail in boxes for head in boxes if tail != head]
        shown = browser.run("""
            const [rows, pairs] = arguments, routes = new Routes(Object.values(rows));
            return pairs.map(([tail, head]) => routes.curve(rows[tail], rows[head]));
        """, rows, pairs)  # fmt: skip
        routes = Routes(boxes)
        for (tail, head), curve in zip(pairs, shown, strict=True):
            expected: tuple[Point, ...] = routes.curve(tail, head)
            assert [number for point in curve for number in point] == pytest.approx(
                [number for point in expected for number in point]
            )
