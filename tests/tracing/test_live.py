"""Laws of the live graph: its leaves take other numbers in a real browser, and the page shows what the engine says."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autodiff import OPERATIONS, Value, leaves, operation, topological_order
from autodiff.checking.comparison import absolute_adjoints
from autodiff.drawing import find_dot
from autodiff.program.javascript import UnwritableError
from autodiff.text import number, short
from autodiff.tracing import Trace, dumps, loads, trace
from tests.browser import DESKTOP, PHONE, Browser
from tests.program.test_javascript import SAME_BITS

pytestmark = pytest.mark.slow  # in a browser

needs_dot = pytest.mark.skipif(find_dot() is None, reason="no dot on this machine: pip install graphviz-pure")
UP, DOWN, PAGE_UP, SHIFT, ALT, ESCAPE = "\ue013", "\ue015", "\ue00e", "\ue008", "\ue00a", "\ue00c"
AGREE = 1e-9
"""Relative to the absolute adjoint: what some ten functions, each right to a few units in the last place, may lose."""
MODEL = """
    const text = (x) => (Object.is(x, -0) ? "-0" : String(x));
    return [
      player.model.nodes.map(({ data, gradient }) => [text(data), gradient === null ? "nan" : text(gradient)]),
      player.model.steps.map((step) => [
        [step.node.place, step.parent.place, step.position],
        [step.local, step.upstream, step.contribution, step.before, step.after].map(text),
      ]),
    ];
"""


def minus(text: str) -> str:
    """The text with a true minus sign."""
    return text.replace("-", "−")


def neuron(x: float = 2.0) -> Value:
    """The squared error of a single neuron."""
    w, x, b = Value(0.5, label="w"), Value(x, label="x"), Value(0.1, label="b")
    error = ((w * x + b).tanh() - 1.0) ** 2
    error.label = "L"
    return error


def shown(browser: Browser) -> tuple[list[float], list[list[int]], list[float]]:
    """The model of the page: data and gradient of every node, the edges of the steps, and the numbers of these."""
    nodes, steps = browser.run(MODEL)
    return (
        [float(x) for node in nodes for x in node],
        [edge for edge, _ in steps],
        [float(x) for _, of in steps for x in of],
    )


def eager(root: Value) -> tuple[list[float], list[list[int]], list[float]]:
    """The same from the engine; a constant has no gradient."""
    passed = trace(root)
    nodes = [x for node in passed.nodes for x in (node.data, math.nan if node.gradient is None else node.gradient)]
    edges = [[step.node.place, step.parent.place, step.position] for step in passed]
    return nodes, edges, [x for step in passed for x in step[4:]]


def give(browser: Browser, *numbers: float) -> None:
    browser.run("arguments[0].forEach((text, at) => live.set(live.leaves[at], parsed(text)))", [*map(repr, numbers)])


def typed(browser: Browser, place: int, *keys: str) -> None:
    """Choose the field of a leaf, with all that is in it, and type."""
    browser.run("const field = arguments[0]; field.focus(); field.select()", field(browser, place))
    field(browser, place).send_keys(*keys)


def field(browser: Browser, place: int) -> Any:
    return browser.driver.find_element("id", f"leaf-{place}")


def leaf(browser: Browser, place: int) -> float:
    return float(browser.run(f"return String(live.leafOf.get({place}).number)"))


def drag(browser: Browser, element: Any, by: int, kind: str = "mouse", release: bool = True) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    actions = ActionChains(browser.driver, duration=20, devices=[PointerInput(kind, kind)])
    actions.click_and_hold(element)
    for _ in range(5):
        actions.move_by_offset(by // 5, 0)
    if release:
        actions.release()
    actions.perform()


def same(a: float, b: float) -> bool:
    """The same bits, the sign of a zero included."""
    return (a != a and b != b) or (a == b and math.copysign(1.0, a) == math.copysign(1.0, b))


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Opens the page of a graph; at the end, nothing was loaded and the console is empty."""

    def opened(graph: Value | Trace, **options: Any) -> Browser:
        passed = graph if isinstance(graph, Trace) else trace(graph)
        page = passed.to_html(tmp_path / "page.html", live=True)
        browser.open(page, **options)
        return browser

    yield opened
    assert browser.errors() == []
    assert all(url.startswith("file:") for url in browser.requests())


def drawn(count: int, **options: Any) -> Any:
    strategies = pytest.importorskip("autodiff.checking.strategies", reason="hypothesis draws the graphs")
    return strategies.draw_graphs(5, count, max_size=16, **options)


def at(graph: Any, numbers: list[float]) -> tuple[Value, list[Value]]:
    """The recorded graph at a point, and its leaves as the page has them: in topological order."""
    root = graph(*map(Value, numbers))
    return root, leaves(root)


def test_graphs_of_arithmetic_show_the_very_bits_of_the_engine(visit: Callable[..., Browser]) -> None:
    for graph in drawn(12, operations=SAME_BITS):
        browser = visit(graph(*map(Value, graph.inputs)))
        for numbers in ([x + 0.25 for x in graph.inputs], [-x for x in graph.inputs], [math.inf, 0.0, math.nan]):
            root, own = at(graph, numbers[: len(graph.inputs)])
            give(browser, *(node.data for node in own))
            nodes, edges, steps = shown(browser)
            right_nodes, right_edges, right_steps = eager(root)
            assert edges == right_edges
            assert all(map(same, nodes, right_nodes))
            assert all(map(same, steps, right_steps))


def test_graphs_of_functions_agree_with_the_engine(visit: Callable[..., Browser]) -> None:
    for graph in drawn(8):
        browser = visit(graph(*map(Value, graph.inputs)))
        root, own = at(graph, [1.0001 * x for x in graph.inputs])
        give(browser, *(node.data for node in own))
        root.backward()
        found, order = shown(browser)[0], topological_order(root)
        allowed = absolute_adjoints(order)
        for node, data, gradient in zip(order, found[::2], found[1::2], strict=True):
            assert data == pytest.approx(node.data, rel=AGREE, abs=1e-12)
            if node.op.name != "constant":
                assert abs(gradient - node.grad) <= AGREE * allowed[node] + 1e-12


@needs_dot
def test_picture_equation_table_and_list_follow_at_once(visit: Callable[..., Browser]) -> None:
    browser = visit(neuron(), fragment="#step=6")
    typed(browser, 1, "-3.25")
    browser.run("player.sight.settle()")
    root = neuron(-3.25)
    passed = trace(root)
    for node in passed.nodes:
        if node.gradient is not None:
            box = f'.node[data-nodes="{node.place}"]'
            assert browser.text(f"{box} .data") == minus(short(node.data))
            assert browser.text(f"{box} .grad") == minus(short(node.gradient))
    assert browser.text("#root") == f"L = {number(root.data)}"
    assert browser.text("#local") == number(passed[6].local)
    assert browser.text("#contribution") == number(passed[6].contribution)
    rows = browser.run(
        "return [...document.querySelectorAll('#rows tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    for step, (_, _, *numbers) in zip(passed, rows, strict=True):
        assert numbers == [number(x) for x in (step.local, step.upstream, step.contribution, step.after)]
    gradients = {node.name: node.gradient for node in passed.nodes}
    assert browser.texts("#leaves .swatch") == [minus(short(gradients[name])) for name in "wxb"]
    assert browser.text("#spoken") == f"L is {number(root.data)}, the gradient of x is {number(gradients['x'])}."
    assert browser.run("return player.taken") == 7  # the reader stays where they are


def test_a_number_is_typed_as_people_write_it(visit: Callable[..., Browser]) -> None:
    browser = visit(neuron())
    for text, value in (("1e-3", 1e-3), ("−2", -2.0), ("0,5", 0.5), (".25", 0.25), ("-inf", -math.inf), ("3", 3.0)):
        typed(browser, 0, text)
        assert leaf(browser, 0) == value
    for text in ("x3", "--1", "alert(1)", " "):
        typed(browser, 0, text)
        assert field(browser, 0).get_attribute("aria-invalid") == "true"
    assert leaf(browser, 0) == 3.0  # what is no number changes nothing
    browser.click("#sum")
    assert field(browser, 0).get_attribute("value") == "3"
    assert field(browser, 0).get_attribute("aria-invalid") is None


def test_keys_change_a_number_by_steps(visit: Callable[..., Browser]) -> None:
    browser = visit(neuron())
    typed(browser, 0, UP, UP, DOWN)
    assert leaf(browser, 0) == 0.6
    typed(browser, 0, PAGE_UP)
    assert leaf(browser, 0) == 1.6
    typed(browser, 0, SHIFT + UP)
    assert leaf(browser, 0) == 2.6
    typed(browser, 0, ALT + DOWN)
    assert leaf(browser, 0) == 2.59
    assert field(browser, 0).get_attribute("aria-valuenow") == "2.59"
    assert browser.text("#where") == "0 of 7 steps taken"  # the keys of the player are not meant


@needs_dot
@pytest.mark.parametrize("where", ["list", "graph"])
def test_a_leaf_is_dragged_to_and_fro(visit: Callable[..., Browser], where: str) -> None:
    browser = visit(neuron())
    place = 'label[for="leaf-1"]' if where == "list" else '.node[data-nodes="1"] rect'
    name = browser.driver.find_element("css selector", place)
    drag(browser, name, 40)
    assert leaf(browser, 1) == 2.4
    drag(browser, name, -20)
    assert leaf(browser, 1) == 2.2
    assert browser.text("#where") == "0 of 7 steps taken"  # a drag is no click
    drag(browser, name, 30, release=False)
    browser.press(ESCAPE)
    assert leaf(browser, 1) == 2.2
    drag(browser, name, 0)
    assert leaf(browser, 1) == 2.2
    if where == "graph":  # and a click is no drag: it shows the step that completes the gradient
        assert browser.text("#where") == "7 of 7 steps taken"


@needs_dot
def test_a_finger_drags_on_a_phone(visit: Callable[..., Browser]) -> None:
    browser = visit(neuron(), size=PHONE)
    assert not browser.driver.find_element("id", "leaves").is_displayed()
    browser.click("#fold")
    assert browser.run("return document.getElementById('fold').getAttribute('aria-expanded')") == "true"
    drag(browser, browser.driver.find_element("css selector", 'label[for="leaf-1"]'), 50, "touch")
    assert leaf(browser, 1) == 2.5
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_the_list_of_leaves_folds_where_it_would_hide_the_graph(visit: Callable[..., Browser]) -> None:
    browser = visit(neuron(), size=PHONE)
    leaves = browser.driver.find_element("id", "leaves")
    assert not leaves.is_displayed()
    browser.resize(DESKTOP)
    assert leaves.is_displayed()
    browser.resize(PHONE)
    assert not leaves.is_displayed()


def test_reset_gives_back_what_was_recorded(visit: Callable[..., Browser]) -> None:
    browser = visit(neuron())
    text = "return ['scene', 'equation', 'steps'].map((id) => document.getElementById(id).innerText)"
    before = browser.run(text), str(shown(browser))
    assert not browser.driver.find_element("id", "reset").is_enabled()
    give(browser, 1.0, -1.0, 0.3)
    assert str(shown(browser)) != before[1]
    assert len(browser.texts("#leaves .changed")) == 3
    browser.click("#reset")
    browser.run("player.sight.settle(); document.activeElement.blur()")
    assert (browser.run(text), str(shown(browser))) == before
    assert browser.texts("#leaves .changed") == []


def test_the_first_number_that_is_not_finite_is_named(visit: Callable[..., Browser]) -> None:
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    browser = visit(x.log() * y.sqrt())
    note = browser.driver.find_element("id", "note")
    assert not note.is_displayed()
    typed(browser, 0, "-1")
    assert note.text == "v1 = log(−1.0) = nan is the first number that is not finite."
    typed(browser, 0, "1")
    assert not note.is_displayed()
    typed(browser, 2, "0")
    text = "Step 2, ∂L/∂y += ∂v3/∂y · ∂L/∂v3 = inf × 0.0 = nan, gives the first gradient that is not finite"
    assert note.text == f"{text}: 0 · ∞, the chain rule cannot tell."
    typed(browser, 0, "2")
    assert note.text.startswith("Step 2, ∂L/∂y += ∂v3/∂y · ∂L/∂v3 = inf × 0.693147 = inf, gives the first gradient")


@needs_dot
def test_folded_views_follow_too(visit: Callable[..., Browser]) -> None:
    root = Value(0.0)
    for place in range(2):
        w, x = (Value(0.5 + place, label=f"neurons.{place}.{name}") for name in ("weights.0", "bias"))
        root = root + (w * x).tanh()
    browser = visit(root)
    assert browser.texts("#leaves .module") == ["neurons.0", "neurons.1"]
    assert browser.texts("#leaves label")[1:] == ["weights.0", "bias"] * 2
    browser.run("document.querySelectorAll('#views input')[1].click()")
    give(browser, 0.0, 0.0)
    browser.run("player.sight.settle()")
    assert browser.text("svg.view:not([hidden]) .folded .data") == "0"


def test_accumulated_gradients_and_the_seed_are_kept(visit: Callable[..., Browser]) -> None:
    w = Value(3.0, label="w")
    (w * w).backward()
    browser = visit(trace(w * w * 2.0, seed=0.5, accumulate=True))
    give(browser, 5.0)
    assert shown(browser)[0][1] == 6.0 + 0.5 * 2 * 2 * 5.0  # of the pass before, and of this one


def test_operations_of_the_user_are_live(visit: Callable[..., Browser]) -> None:
    operation("live_cube", lambda x: x * x * x, lambda x, y: 3 * x * x)
    try:
        x = Value(2.0, label="x")
        browser = visit(OPERATIONS["live_cube"](x))
        give(browser, -1.5)
        assert shown(browser)[0] == [-1.5, 6.75, -3.375, 1.0]
    finally:
        del OPERATIONS["live_cube"]


def test_labels_are_text_and_nothing_else(visit: Callable[..., Browser]) -> None:
    label = '</script><img src=x onerror="hit=1">\'`${hit=1}\\'
    browser = visit(Value(1.0, label=label) * Value(2.0, label="layers.0.<b>"))
    typed(browser, 0, "nan")
    assert browser.run("return typeof hit") == "undefined"
    assert label in browser.text("#note")
    assert browser.driver.find_elements("css selector", "#live b, #live img") == []


def test_every_field_has_its_name_and_says_its_number(visit: Callable[..., Browser]) -> None:
    browser = visit(neuron())
    for place, name in ((0, "w"), (1, "x"), (3, "b")):
        assert field(browser, place).accessible_name == name
        assert field(browser, place).aria_role == "spinbutton"


def test_a_part_of_a_pass_and_a_loaded_trace_are_live(visit: Callable[..., Browser]) -> None:
    browser = visit(loads(dumps(trace(neuron())))[:3])
    give(browser, 1.0, 1.0, 1.0)
    _, edges, numbers = shown(browser)
    assert len(edges) == 3
    assert numbers[0] == pytest.approx(2 * (math.tanh(2.0) - 1.0), rel=AGREE)


def test_a_graph_that_cannot_be_live_is_played_without(browser: Browser, tmp_path: Path) -> None:
    operation("live_opaque", lambda x: math.floor(x), lambda x, y: 1.0)
    try:
        passed = trace(OPERATIONS["live_opaque"](Value(2.5)))
        with pytest.raises(UnwritableError, match="'live_opaque' cannot be written in JavaScript"):
            passed.html(live=True)
        browser.open(passed.to_html(tmp_path / "page.html"))
    finally:
        del OPERATIONS["live_opaque"]
    assert not browser.driver.find_element("id", "live").is_displayed()
    assert browser.errors() == []


def test_without_a_variable_there_is_nothing_to_change() -> None:
    with pytest.raises(ValueError, match="no variable in the graph"):
        trace(Value(1.0).detach() + Value(2.0).detach()).html(live=True)


def test_live_is_left_out_where_it_is_not_wanted() -> None:
    passed = trace(neuron())
    assert "class Live" in passed.html()
    assert "class Live" not in passed.html(live=False)
    assert "runner" not in passed.html(live=False)


@needs_dot
def test_three_hundred_nodes_follow(visit: Callable[..., Browser]) -> None:
    signals = [Value(0.5), Value(-1.5)]
    for layer, width in enumerate((8, 8, 1)):
        signals = [
            sum(
                (signal * Value(0.1 * (at - place), label=f"layers.{layer}.neurons.{place}.weights.{at}")
                 for at, signal in enumerate(signals)),
                Value(0.1, label=f"layers.{layer}.neurons.{place}.bias"),
            ).tanh()
            for place in range(width)
        ]  # fmt: skip
    browser = visit(signals[0], fragment="#step=9999")
    assert browser.run("return player.model.nodes.length") >= 300
    browser.run("for (let turn = 0; turn < 40; turn += 1) live.set(live.leaves[turn % 5], turn / 40)")
    followed = browser.run("return live.leaves.slice(0, 5).map(leaf => player.model.nodes[leaf.place].data)")
    assert followed == [35 / 40, 36 / 40, 37 / 40, 38 / 40, 39 / 40]
    assert browser.errors() == []
