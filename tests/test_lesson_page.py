"""The lecture's page in a real browser: everything moves together, its numbers are the engine's, nothing is loaded."""

import base64
import itertools
import re

import numpy as np
import pytest

from demos.lesson import error_mountain, network
from demos.lesson.content import MOMENTUM
from demos.lesson.graphs import KINDS
from demos.lesson.language import languages, texts
from demos.lesson.page import page
from nn import SGD, Adam, descend, sum_over
from tests.browser import PHONE

pytestmark = pytest.mark.slow  # a browser

pytest.importorskip("sklearn", reason="the iris data comes with scikit-learn: pip install scikit-learn")

BITS = 1e-13  # JavaScript's tanh may differ from C's in the last bits
PROJECTOR = (1920, 1080)
CHAPTERS = ("error", "loss", "mountain", "descent", "backward")
PLAYER = "[data-player=one]"
BOXES = """return [...document.querySelectorAll(arguments[0])].map((e) => {
  const { left, right, top, bottom } = e.getBoundingClientRect();
  return [e.textContent, left, right, top, bottom];
})"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lesson")
    return {language: page(language).write(folder / f"{language}.html") for language in languages()}


@pytest.fixture
def lesson(browser, pages):
    browser.open(pages["en"])
    browser.settle()
    yield browser
    assert browser.errors() == []


def settle(lesson):
    lesson.settle()


def painted(lesson, canvas):
    """What is painted on a canvas, if it is one, once it is on the screen."""
    lesson.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
    settle(lesson)
    return lesson.run("return arguments[0].toDataURL?.()", canvas)


def pictures(lesson):
    """Every picture on the page, by name: SVG as text, canvas as data."""
    found = {}
    for name in ("line", "network", "live-network", "forward-graph", "graph", "all-graph"):
        picture = lesson.driver.find_element("id", name)
        painted(lesson, picture.find_element("xpath", ".."))
        found[name] = picture.get_attribute("outerHTML")
    for place, canvas in enumerate(lesson.driver.find_elements("css selector", "canvas")):
        name = canvas.get_attribute("id") or f"{canvas.get_attribute('class')}{place}"
        found[name] = painted(lesson, canvas)
    return found


def click(lesson, selector):
    """Click in the middle of the window, where no bar lies over it; what it draws is then there."""
    script = "document.querySelector(arguments[0]).scrollIntoView({block: 'center', behavior: 'instant'})"
    lesson.run(script, selector)
    lesson.click(selector)
    settle(lesson)


def shown(lesson, name):
    return lesson.text(f'[data-show="{name}"]')


def boxes(lesson, selector):
    """What is written where: (text, left, right, top, bottom)."""
    return lesson.run(BOXES, selector)


def overlap(one, other):
    return min(one[2], other[2]) - max(one[1], other[1]) > 1 and min(one[4], other[4]) - max(one[3], other[3]) > 3


def collisions(found):
    return [(one[0], other[0]) for one, other in itertools.combinations(found, 2) if overlap(one, other)]


def eager(setting, kind):
    """The loss and its gradient by the eager engine."""
    data, model = network.data(), network.network(setting)
    result = sum_over(KINDS[kind], map(model, data.inputs), data.targets)
    result.backward()
    return result.data, [weight.grad for weight in model.parameters()]


def table(lesson):
    rows = lesson.run(
        "return [...document.querySelectorAll('#table tr')].map(r => [...r.children].map(c => c.textContent.trim()))"
    )
    return {row[0]: row[1:] for row in rows}


# ── Numbers ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_on_the_page_is_the_lectures(lesson):
    rows = table(lesson)
    assert rows["Label"][:6] == list("112233")
    assert rows["Prediction, rounded"][:6] == list("122123")
    assert rows["Error, rounded"] == ["0", "1", "0", "1", "1", "0", "3"]
    click(lesson, '[data-setting="second"]')
    rows = table(lesson)
    assert rows["Prediction, rounded"][:6] == list("112231")
    assert rows["Error, rounded"] == ["0", "0", "0", "0", "0", "2", "2"]


@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_gradients_are_the_engines(lesson, kind):
    rng = np.random.default_rng(4)
    settings = [network.FIRST, network.HILL, *(network.Setting(*row) for row in rng.uniform(-2, 2, (20, 5)).tolist())]
    found = lesson.run(
        "return arguments[0].map((w) => [loss(w, arguments[1]), ...gradient(w, arguments[1])])", settings, kind
    )
    for setting, (height, *slopes) in zip(settings, found):
        expected, gradient = eager(setting, kind)
        assert height == pytest.approx(expected, rel=BITS)
        assert slopes == pytest.approx(gradient, rel=1e-10, abs=1e-12)


def test_the_mountain_that_the_page_computes_is_the_engines(lesson):
    for kind, error in KINDS.items():
        land = error_mountain.mountain(error)
        assert lesson.run("return lesson.landscapes[arguments[0]].heights", kind) == land.heights.tolist()
        computed = lesson.run(
            "return plane.ys.map((y) => plane.xs.map((x) => loss(at(state.weights, x, y), arguments[0])))", kind
        )
        assert np.array(computed) == pytest.approx(land.heights, rel=BITS)
    terraces = error_mountain.terraces(error_mountain.mountain())
    assert lesson.run("return heights(state.weights, 'rounded', plane)") == terraces.heights.tolist()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sgd", lambda weights, rate: SGD(weights, rate)),
        ("momentum", lambda weights, rate: SGD(weights, rate, momentum=MOMENTUM)),
        ("adam", lambda weights, rate: Adam(weights, rate)),
    ],
)
def test_a_descent_on_the_page_is_the_optimizers_own(lesson, name, make):
    found = lesson.run(
        """document.querySelector("#optimizer").value = arguments[0];
        setKind("squared");
        setWeights(lesson.settings.hill);
        for (let n = 0; n < 40; n += 1) step();
        return [rateOf("#rate"), state.descent.path, state.descent.losses];""",
        name,
    )
    rate, path, losses = found
    data, model = network.data(), network.network(network.HILL)
    optimizer = make(model.parameters()[:2], rate)
    found = descend(model, data.inputs, data.targets, KINDS["squared"], optimizer=optimizer, steps=40, reduction="sum")
    assert np.array(path) == pytest.approx(found.parameters[:, :2], rel=1e-9)
    assert losses == pytest.approx(found.losses, rel=1e-9)


def test_no_slope_that_the_page_measures_exceeds_the_gradient(lesson):
    quotient = 1e-6  # the error of a difference quotient
    for setting in ("first", "second", "hill"):
        measured, gradient = lesson.run(
            """const weights = lesson.settings[arguments[0]];
            return [slopes(weights, "squared"), gradient(weights, "squared").slice(0, 2)]""",
            setting,
        )
        assert len(measured) == 72
        for each in measured:
            along = gradient[0] * np.cos(each["angle"]) + gradient[1] * np.sin(each["angle"])
            assert each["slope"] == pytest.approx(along, abs=quotient)
            assert each["slope"] <= np.hypot(*gradient) + quotient


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_whole_way_down_the_rose_says_what_is_true_or_that_it_is_flat(lesson, kind):
    lesson.run("setKind(arguments[0]); document.querySelector('#optimizer').value = 'momentum'", kind)
    said = lesson.run(
        """return Array.from({ length: 400 }, () => {
          step();
          drawMountains();
          const slope = gradient(state.weights, state.kind).slice(0, 2);
          const steepest = slopes(state.weights, state.kind).reduce((a, b) => (a.slope > b.slope ? a : b));
          return [shown("rose").textContent, ...slope, steepest.angle];
        })"""
    )
    for text, x, y, angle in said:
        measured, _, length = text.rstrip(".").split()[-3:]
        if measured == "less":
            assert np.hypot(x, y) < float(length)
        else:
            assert float(measured) <= float(length)
            assert np.cos(angle - np.arctan2(y, x)) >= np.cos(np.pi / 72) - 1e-3
    assert any("flat" in text for text, *_ in said) == (kind == "squared")


def test_where_it_is_flat_no_arrow_points_anywhere(lesson):
    arrows = """window.arrow = () => (window.drawn = (window.drawn ?? 0) + 1);
        setMode("slides");
        goToSlide("gradient");
        window.drawn = 0;
        draw();
        return window.drawn ?? 0;"""
    lesson.run("setKind('squared')")
    assert lesson.run(arrows) == 4  # two on the map, one on the rose and one in its legend
    assert "uphill" in shown(lesson, "arrows")
    lesson.run("document.querySelector('#optimizer').value = 'momentum'; for (let n = 0; n < 330; n += 1) step()")
    assert lesson.run(arrows) == 0
    assert "flat" in shown(lesson, "rose")
    assert shown(lesson, "arrows") == ""


def test_a_sum_is_called_what_it_is(lesson):
    absolute, squared, rounded = (texts("en")[f"mountain.{kind}"] for kind in ("absolute", "squared", "rounded"))

    def bar():
        return [shown(lesson, name) for name in ("sum-name", "sum", "other-sum-name", "other-sum")]

    assert bar() == [absolute, "3.47", rounded, "3"]
    assert "rounding" not in lesson.text('[data-slide="walk"]')
    click(lesson, '[data-kind="squared"]')
    assert bar()[0::2] == [squared, rounded]
    click(lesson, '[data-kind="rounded"]')
    assert bar() == [rounded, "3", absolute, "3.47"]
    assert "Loss (before rounding) 3.4704" in " ".join(lesson.text('[data-slide="walk"] .claim').split())
    assert "before rounding" in shown(lesson, "terrace")
    assert "before rounding" in shown(lesson, "curve")


def test_the_backward_pass_is_the_engines_edge_by_edge(lesson):
    from demos.lesson.backpropagation import error_of

    for flower in range(6):
        steps = lesson.run(
            "setFlower(arguments[0]); graphs.one.run(state.weights, state.inputs, 'absolute'); return graphs.one.steps",
            flower,
        )
        error, _ = error_of(flower)
        engine = list(error.backward_steps())
        assert [step["contribution"] for step in steps] == pytest.approx([s.contribution for s in engine], rel=1e-12)
        assert [step["local"] for step in steps] == pytest.approx([s.local for s in engine], rel=1e-12)


def test_predictions_are_rounded_as_python_rounds_them(lesson):
    numbers = [0.5, 1.5, 2.5, 2.4999999999999996, 2.51, -0.5, 1.0]
    assert lesson.run("return arguments[0].map(labelOf)", numbers) == [network.label_of(number) for number in numbers]


# ── Everything moves together ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", range(5))
def test_a_slider_moves_every_number_and_every_picture(lesson, place):
    before, numbers = pictures(lesson), {name: shown(lesson, name) for name in ("sum", "prediction", "error", "height")}
    lesson.run("document.querySelector('#weights details').open = true")
    sliders = lesson.driver.find_elements("css selector", "#weights input")
    sliders[place].send_keys("\ue012" * 20)  # the left arrow key
    settle(lesson)
    assert {name for name in numbers if shown(lesson, name) == numbers[name]} == set()
    after = pictures(lesson)
    still = {"race-map", "race-curve"} if place < 2 else set()  # a race starts in a place of its own
    assert {name for name in before if after[name] == before[name]} == still
    weights = lesson.run("return state.weights")
    assert weights[place] == pytest.approx(network.FIRST[place] - 0.2)
    assert float(shown(lesson, "sum")) == pytest.approx(eager(network.Setting(*weights), "absolute")[0], abs=0.005)
    assert sliders[place].get_attribute("aria-valuetext").startswith(network.WEIGHT_NAMES[place])


def test_the_mountain_is_turned_by_keys_and_by_dragging_and_the_map_stays(lesson):
    from selenium.webdriver import ActionChains

    before = pictures(lesson)
    view = lesson.driver.find_element("css selector", "#mountain .view")
    view.send_keys("\ue014")  # the right arrow key
    settle(lesson)
    turned = pictures(lesson)
    lesson.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", view)
    ActionChains(lesson.driver).drag_and_drop_by_offset(view, 60, 20).perform()
    settle(lesson)
    dragged = pictures(lesson)
    names = [name for name in before if name.startswith("view")]
    assert len(names) == 2
    for name in names:
        assert len({before[name], turned[name], dragged[name]}) == 3
    assert {name for name in before if before[name] != dragged[name]} == set(names)


def test_a_finger_turns_the_mountain(lesson):
    from selenium.webdriver.common.action_chains import ActionBuilder
    from selenium.webdriver.common.actions.interaction import POINTER_TOUCH
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    view = lesson.driver.find_element("css selector", "#mountain .view")
    before = painted(lesson, view), lesson.run("return views[0].azimuth")
    touch = ActionBuilder(lesson.driver, mouse=PointerInput(POINTER_TOUCH, "finger"))
    touch.pointer_action.move_to(view).pointer_down().move_to(view, 40, 0).move_to(view, 80, 0).pointer_up()
    touch.perform()
    after = painted(lesson, view), lesson.run("return views[0].azimuth")
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_the_map_moves_the_weights_by_click_and_by_keys(lesson):
    chart = lesson.driver.find_element("css selector", "#mountain .map")
    lesson.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    chart.click()
    settle(lesson)
    clicked = lesson.run("return state.weights")
    assert max(abs(weight) for weight in clicked[:2]) < 0.6  # near the middle
    chart.send_keys("\ue013")  # the up arrow key
    settle(lesson)
    assert lesson.run("return state.weights") == pytest.approx([clicked[0], clicked[1] + 0.05, *clicked[2:]])
    assert float(shown(lesson, "sum")) == pytest.approx(
        eager(network.Setting(*lesson.run("return state.weights")), "absolute")[0], abs=0.005
    )


def test_a_step_goes_down_and_back_returns_to_the_start(lesson):
    click(lesson, "#step")
    assert shown(lesson, "steps") == "1"
    assert float(shown(lesson, "loss")) < eager(network.FIRST, "absolute")[0]
    click(lesson, "#restart")
    assert lesson.run("return state.weights") == list(network.FIRST)
    assert shown(lesson, "steps") == "0"


def test_however_often_run_is_clicked_one_descent_runs(lesson):
    waiting = lesson.run(
        """const waiting = new Set();
        let timers = 0;
        window.setTimeout = () => (waiting.add((timers += 1)), timers);
        window.clearTimeout = (timer) => waiting.delete(timer);
        clearTimeout(writing);
        remember = () => {};
        for (let click = 0; click < 5; click += 1) document.querySelector("#run").click();
        return [waiting.size, state.descent.path.length - 1];"""
    )
    assert waiting == [1, 3]


def test_the_last_step_that_the_page_keeps_says_so(lesson):
    lesson.run("while (step()); changed()")
    settle(lesson)
    assert shown(lesson, "steps") == str(lesson.run("return MAX_STEPS"))
    assert "restart" in shown(lesson, "descent-note")
    assert lesson.run("return ['step', 'run'].every((id) => document.getElementById(id).disabled)")
    click(lesson, "#restart")
    assert shown(lesson, "descent-note") == ""
    assert not lesson.run("return ['step', 'run'].some((id) => document.getElementById(id).disabled)")


def test_where_a_path_leaves_the_map_and_comes_back_nothing_is_drawn_between(lesson):
    path = [[0, 0], [1, 1], [9, 9], [-9, 0], [2, 2], [3, 3], [4, 4]]
    assert lesson.run("return stretches(arguments[0])", path) == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]
    assert lesson.run("return stretches([[9, 9]])") == []


def test_a_descent_that_would_leave_every_finite_number_stops_and_says_so(lesson):
    stopped = lesson.run(
        """const slider = document.querySelector("#rate");
        slider.max = 308;
        slider.value = 308;
        while (step());
        changed();
        return [state.descent.stopped, state.weights.every(Number.isFinite), state.descent.path.length];"""
    )
    settle(lesson)
    assert stopped[:2] == [True, True]
    assert stopped[2] < 10
    assert "not be a finite number" in shown(lesson, "descent-note")


def test_the_backward_pass_is_stepped_and_an_input_changes_every_value_and_gradient(lesson):
    assert lesson.texts("#graph .gradient").count("∂ ?") == len(lesson.texts("#graph .gradient")) - 1
    for _ in range(3):
        click(lesson, f"{PLAYER} [data-go=next]")
    assert lesson.text(f"{PLAYER} output") == "3 of 13"
    assert "×" in lesson.text("[data-equation=one]")
    click(lesson, f"{PLAYER} [data-go=last]")
    assert "∂ ?" not in lesson.texts("#graph .gradient")
    # In flower 1 the features decide all that lies behind them: change the first, and compare all of it.
    before = lesson.run("return [Array.from(graphs.one.values), graphs.one.steps.map((s) => s.contribution)]")
    lesson.driver.find_element("css selector", ".inputs input").send_keys("\ue010")  # the end key
    settle(lesson)
    after = lesson.run("return [Array.from(graphs.one.values), graphs.one.steps.map((s) => s.contribution)]")
    slots = lesson.run("return lesson.graph.slots")
    assert all(before[0][slots[name]] != after[0][slots[name]] for name in ("p₁", "s", "z", "h", "q", "ŷ"))
    assert before[1] != after[1]
    assert lesson.text(f"{PLAYER} output") == "13 of 13"


def test_the_kind_of_height_changes_the_mountain_and_says_what_it_means(lesson):
    view = lesson.driver.find_element("css selector", "#mountain .view")
    notes, views = set(), [painted(lesson, view)]
    for choice in ('[data-kind="squared"]', '[data-kind="rounded"]', "#log", '[data-kind="absolute"]'):
        click(lesson, choice)
        notes.add(shown(lesson, "kind-note"))
        views.append(painted(lesson, view))
    assert len(notes) == 3
    assert len(set(views)) == len(views)


@pytest.mark.parametrize("step", range(1, 14))
def test_the_derivative_stands_at_its_own_edge_and_covers_nothing(lesson, step):
    lesson.run("goToSlide('one'); goTo('one', arguments[0])", step)
    settle(lesson)
    found = lesson.run(
        """const label = document.querySelector("#graph .local").getBBox();
        const [x, y] = [label.x + label.width / 2, label.y + label.height / 2];
        const points = (path) =>
          Array.from({ length: 101 }, (_, n) => path.getPointAtLength((path.getTotalLength() * n) / 100));
        const distance = (path) => Math.min(...points(path).map((p) => Math.hypot(p.x - x, p.y - y)));
        const inside = (p) => Math.abs(p.x - x) < label.width / 2 && Math.abs(p.y - y) < label.height / 2;
        const edges = [...document.querySelectorAll("#graph .edge")];
        const active = document.querySelector("#graph .edge.active");
        const others = edges.filter((path) => path !== active);
        return {
          own: distance(active),
          next: Math.min(...others.map(distance)),
          crossed: edges.filter((path) => points(path).some(inside)).length,
        };"""
    )
    assert found["own"] < found["next"]
    assert found["crossed"] == 0
    label = boxes(lesson, "#graph .local")[0]
    assert not [name for name, *box in boxes(lesson, "#graph rect, #graph .name") if overlap(label, [name, *box])]


ANGLES = [(azimuth / 4, elevation) for azimuth in range(26) for elevation in (0.12, 0.3, 0.6, 1.5)]


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_however_the_mountain_is_turned_no_tick_covers_another(browser, pages, size):
    browser.open(pages["de"], size=size)
    browser.settle()
    drawn = browser.run(
        """const write = CanvasRenderingContext2D.prototype.fillText;
        const view = views[0];
        let written;
        CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
          const { width } = this.measureText(text);
          const left = this.textAlign === "left" ? x : x - width / 2;
          const high = parseFloat(this.font) * 0.72;
          const isAxis = this.canvas === view.canvas && !this.font.startsWith("600"); // the numbers of the settings
          if (isAxis) written.push([text, left, left + width, y - high / 2, y + high / 2]);
          write.call(this, text, x, y);
        };
        document.querySelector("#mountain .view").scrollIntoView({ behavior: "instant", block: "center" });
        return arguments[0].map(([azimuth, elevation]) => {
          Object.assign(view, { azimuth, elevation });
          written = [];
          draw();
          return written;
        });""",
        ANGLES,
    )
    box = browser.run("return [views[0].canvas.clientWidth, views[0].canvas.clientHeight]")
    for angle, written in zip(ANGLES, drawn):
        texts = [text for text, *_ in written]
        assert {"w₁", "w₂"} < set(texts), angle
        assert len(written) >= 8, angle
        assert collisions(written) == [], angle
        assert all(left >= 0 and right <= box[0] and bottom <= box[1] for _, left, right, _, bottom in written), angle


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_wherever_the_page_stands_one_chapter_is_the_current_one_and_all_fits(browser, pages, size):
    browser.open(pages["de"], size=size)
    browser.settle()
    height, seen = browser.run("return document.documentElement.scrollHeight"), []
    for place in range(size[1] // 2, height, size[1] // 5):
        browser.run("window.scrollTo({top: arguments[0], behavior: 'instant'})", place)
        browser.settle()
        seen += browser.run("return [[...document.querySelectorAll('nav a[aria-current]')].map((link) => link.hash)]")
        assert browser.run("return document.documentElement.scrollWidth") <= size[0], place
    assert {len(current) for current in seen} == {1}
    assert [*dict.fromkeys(current for (current,) in seen)] == [f"#{chapter}" for chapter in CHAPTERS]


# ── For everybody ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("size", [(1280, 800), PHONE, PROJECTOR])
@pytest.mark.parametrize("dark", [False, True])
def test_no_size_overflows_nothing_is_loaded_and_nothing_fails(browser, pages, language, size, dark):
    browser.open(pages[language], size=size, dark=dark)
    browser.settle()
    for chapter in CHAPTERS:
        browser.run("document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})", chapter)
        assert browser.run("return document.documentElement.scrollWidth") <= size[0]
    cut = "return [...document.querySelectorAll('table')].filter(t => t.offsetWidth > t.parentElement.clientWidth)"
    assert browser.run(cut) == []
    assert browser.run("return document.documentElement.lang") == language
    assert browser.text("h1") == texts(language)["title"]
    assert browser.requests() == [pages[language].resolve().as_uri()]
    assert browser.errors() == []


@pytest.mark.parametrize("weights", [[1.75, 1.5, -0.5, 2, 4], [-3, -2.55, -0.5, -1.2, 2], [-3, -3, -1.5, -2, 0]])
@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_no_text_of_a_picture_covers_another_or_a_circle(browser, pages, size, weights):
    browser.open(pages["de"], size=size)
    browser.run("setWeights(arguments[0])", weights)
    for flower in range(6):
        browser.run("setFlower(arguments[0])", flower)
        browser.settle()
        for picture in ("#line", "#network", "#live-network"):
            assert collisions(boxes(browser, f"{picture} text")) == []
        circles = boxes(browser, "#live-network circle")
        for text in boxes(browser, "#live-network text"):
            middle = (text[1] + text[2]) / 2
            others = [circle for circle in circles if abs((circle[1] + circle[2]) / 2 - middle) > 3]
            assert not any(overlap(text, circle) for circle in others), text
    cells = browser.run(
        """return [...document.querySelectorAll("#gradients td, #table td")].map((cell) => {
          const range = document.createRange();
          range.selectNodeContents(cell);
          return cell.clientWidth - range.getBoundingClientRect().width;
        })"""
    )
    assert min(cells) >= 3


@pytest.mark.parametrize(("chapter", "result"), [("error", "#error .claim"), ("backward", "[data-equation=one]")])
def test_the_other_weights_cover_no_result(browser, pages, chapter, result):
    browser.open(pages["de"])
    browser.run("document.querySelector('#weights details').open = true")
    browser.run("document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})", chapter)
    browser.run("goTo('one', 6)")
    browser.settle()
    assert boxes(browser, result)[0][4] <= boxes(browser, "#weights")[0][3]
    sliders = boxes(browser, "#weights label")
    assert len(sliders) == 5
    assert all(bottom <= 800 and right <= 1280 for _, _, right, _, bottom in sliders)


def test_german_numbers_have_a_comma(browser, pages):
    browser.open(pages["de"])
    browser.settle()
    assert shown(browser, "sum") == "3,47"


def test_keys_go_to_the_chapters_and_change_the_theme(lesson):
    for place, chapter in enumerate(CHAPTERS, start=1):
        lesson.press(str(place))
        assert lesson.run("return current().chapter") == chapter
    lesson.driver.find_element("css selector", "#weights input").send_keys("2")  # also after a slider was moved
    assert lesson.run("return current().chapter") == "loss"
    background = "return getComputedStyle(document.body).backgroundColor"
    light = lesson.run(background)
    lesson.press("d")
    assert lesson.run(background) != light
    click(lesson, "#theme")
    assert lesson.run(background) == light


def test_everything_that_can_be_used_has_a_name(lesson):
    nameless = lesson.run(
        """const used = `button, input, select, canvas, svg[role], table, nav, section,
          [role=group], [tabindex="0"]`;
        return [...document.querySelectorAll(used)]
          .filter((e) => !(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
                           || (e.textContent.trim() && !e.matches("[role=group], [tabindex]"))
                           || e.closest("label")?.textContent.trim()))
          .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []


def test_what_is_heard_of_a_slider_is_what_is_seen(browser, pages):
    browser.open(pages["de"])
    browser.settle()
    heard = browser.run(
        """return [...document.querySelectorAll("input[type=range]")].map((e) =>
          [e.getAttribute("aria-valuetext"), e.nextElementSibling.textContent])"""
    )
    assert len(heard) == 13
    for valuetext, text in heard:
        assert valuetext.endswith(text)
        assert "." not in valuetext
    assert ["0,05", "0,05"] in heard


def test_on_a_phone_a_chapter_is_still_named(browser, pages):
    browser.open(pages["en"], size=PHONE)
    browser.settle()
    tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "link"]
    for place, chapter in enumerate(CHAPTERS, start=1):
        assert f"{place} {texts('en')[f'{chapter}.title']}" in names


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_read_in_a_lecture_is_large_enough(browser, pages, dark):
    browser.open(pages["de"], dark=dark)
    browser.settle()
    assert browser.run("return parseFloat(prepared(document.querySelector('canvas')).font)") >= 14
    small = browser.run(
        """return [...document.querySelectorAll("main *")]
          .filter((e) => !(e instanceof SVGElement) && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
          .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 14)
          .map((e) => e.textContent)"""
    )
    assert small == []


def test_flowers_of_a_species_have_its_number_of_petals(lesson):
    petals = "return flowers.map((flower) => [flower.label, glyph(flower).querySelectorAll('.petal').length])"
    assert all(label == number for label, number in lesson.run(petals))


def test_in_print_the_tools_are_gone_and_the_pictures_stay(lesson):
    lesson.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        hidden = "return [...document.querySelectorAll(arguments[0])].every((e) => e.getClientRects().length === 0)"
        assert lesson.run(hidden, "nav, #weights, #bar, button, select")
        assert not lesson.run(hidden, "canvas, #graph, #table")
    finally:
        lesson.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_in_print_the_ticks_of_the_pictures_can_be_read(lesson):
    lesson.run("dispatchEvent(new Event('beforeprint')); asked = true")  # nothing is drawn anew for the page's size
    drawn = lesson.run("return [PAPER.width, PAPER.height, parseFloat(prepared(views[0].canvas).font)]")
    a4 = {"width": 688, "height": 1016, "deviceScaleFactor": 1, "mobile": False}  # within the margins, in CSS pixels
    lesson.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", a4)
    lesson.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        sizes = lesson.run(
            "return [...document.querySelectorAll('canvas')].map((c) => [c.clientWidth, c.clientHeight])"
        )
        for width, height in sizes:
            points = 0.75 * drawn[2] * min(width / drawn[0], height / drawn[1])
            assert points >= 4.5  # three beside each other; a page of one chapter has no room for more
    finally:
        lesson.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        lesson.run("dispatchEvent(new Event('afterprint'))")


@pytest.mark.parametrize("landscape", [False, True])
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_every_chapter_is_printed_on_a_page_of_its_own(browser, pages, language, landscape, size):
    browser.open(pages[language], size=size)
    browser.settle()
    browser.run(
        "setKind('rounded'); while (step()); raceTo(60); for (const name in graphs) goTo(name, 99); changed()"
    )  # the longest texts
    browser.settle()
    a4 = {"paperWidth": 8.27, "paperHeight": 11.69, "landscape": landscape, "printBackground": True}
    document = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", a4)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", document)) == len(CHAPTERS)
