"""The lesson as a talk and on a phone: slides that fit, a clicker, the address, what a class and a student would do."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from demos.lesson import network
from demos.lesson.language import languages
from demos.lesson.page import page
from nn import SGD, absolute_error, sum_over
from tests.browser import PHONE

pytestmark = pytest.mark.slow  # a browser

pytest.importorskip("sklearn", reason="the iris data comes with scikit-learn: pip install scikit-learn")

PROJECTORS = [(1280, 720), (1366, 768), (1920, 1080)]
PHONES = [PHONE, (360, 740)]
KEY = """const target = document.activeElement ?? document.body;
  target.dispatchEvent(new KeyboardEvent("keydown", { key: arguments[0], bubbles: true, cancelable: true }));
  draw();
  return [current().name, current().steps.get()];"""
HIDDEN = """const [article] = document.querySelectorAll(".slide.current");
  const shown = [...document.querySelectorAll(".slide.current *, section.current h2, #bar *, #weights *")]
    .filter((e) => e.getClientRects().length && !e.closest("svg *") && e.checkVisibility());
  const name = (e) => `${e.tagName} ${e.className} ${e.id} ${e.textContent.slice(0, 20)}`;
  const outside = shown.filter((e) => {
    const box = e.getBoundingClientRect();
    return box.bottom > innerHeight + 1 || box.right > innerWidth + 1 || box.top < -1 || box.left < -1;
  });
  const cut = shown.filter((e) => !(e instanceof SVGElement) && getComputedStyle(e).display !== "inline"
    && (e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2) && e.clientHeight
    && getComputedStyle(e).overflow !== "visible");
  const parts = [...article.children].filter((e) => e.getClientRects().length && e.tagName !== "H3");
  const boxes = parts.map((e) => e.getBoundingClientRect());
  const below = parts.filter((e, n) => n && boxes[n].top < boxes[n - 1].bottom - 1);
  const texts = [...article.querySelectorAll("text")].filter((e) => e.textContent.trim());
  const painted = article.getBoundingClientRect().bottom
    > Math.min(document.querySelector("#bar").getBoundingClientRect().top + 1, innerHeight);
  const size = (e) => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a;
  const words = shown.filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return {
    hidden: [...outside, ...cut, ...below].map(name).concat(painted ? ["behind the bar"] : []),
    smallest: Math.min(...texts.map(size), ...words.map((e) => parseFloat(getComputedStyle(e).fontSize))),
  };"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lesson")
    return {language: page(language).write(folder / f"{language}.html") for language in languages()}


@pytest.fixture
def talk(browser, pages):
    browser.open(pages["en"], fragment="#error?mode=slides", size=PROJECTORS[0])
    browser.settle()
    yield browser
    assert browser.errors() == []


def key(talk, name):
    return tuple(talk.run(KEY, name))


def slides(talk):
    return talk.run("return SLIDES.map(({ name, steps }) => [name, steps.count()])")


# ── On a projector ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("size", PROJECTORS)
def test_every_slide_fits_the_projector_with_nothing_hidden_and_is_read_in_the_last_row(browser, pages, size, language):
    browser.open(pages[language], fragment="#error?mode=slides", size=size)
    browser.settle()
    for name, steps in slides(browser):
        browser.run("goToSlide(arguments[0])", name)
        if name not in ("walk", "race"):
            browser.run("current().steps.set(arguments[0])", steps)
        for is_folded in (True, False):
            browser.run("fold(arguments[0])", is_folded)
            browser.settle()
            found = browser.run(HIDDEN)
            assert found["hidden"] == [], (name, is_folded)
            smallest = 0.0195 if is_folded else 0.014  # of the height of the screen; graphs shrink when all is open
            assert found["smallest"] >= smallest * size[1], (name, is_folded)
    assert browser.errors() == []


def test_a_clicker_goes_through_the_whole_talk_and_back(talk):
    expected = [(name, step) for name, steps in slides(talk) for step in range(steps + 1)]
    seen = [("error", 0)]
    for press in range(len(expected) + 3):
        seen.append(key(talk, ("PageDown", "ArrowRight", " ")[press % 3]))
    steady = [place for place in seen if place[0] != "race"]  # it runs by itself
    assert [*dict.fromkeys(steady)] == [place for place in expected if place[0] != "race"]
    assert seen[-1] == expected[-1]
    names = [expected[-1][0]]
    for press in range(len(expected) + 3):
        names.append(key(talk, ("PageUp", "ArrowLeft")[press % 2])[0])
    assert [*dict.fromkeys(names)] == [name for name, _ in slides(talk)][::-1]
    assert names[-1] == "error"


def test_what_a_lecturer_used_with_the_mouse_gives_the_keys_back_to_the_clicker(talk):
    talk.press("3")
    talk.press("w")
    talk.settle()
    talk.driver.find_element("css selector", "#weights input").click()
    weights = talk.run("return state.weights")
    talk.run("return new Promise((done) => setTimeout(done, 30))")
    assert key(talk, "ArrowRight")[0] == "gradient"
    assert talk.run("return state.weights") == weights


def test_who_uses_the_keyboard_keeps_the_arrow_keys_of_a_slider(talk):
    talk.press("3")
    talk.press("w")
    slider = talk.driver.find_element("css selector", "#weights input")
    talk.run("arguments[0].focus()", slider)
    slider.send_keys("\ue014")
    assert talk.run("return [current().name, state.weights[0]]") == ["mountain", pytest.approx(1.76)]


@pytest.mark.parametrize(("slide", "button"), [("walk", "#run"), ("race", "#race-run"), ("all", "[data-go=play]")])
@pytest.mark.parametrize("mode", ["slides", "read"])
def test_what_runs_stops_when_one_leaves_it(browser, pages, slide, button, mode):
    browser.open(pages["en"], fragment=f"#{slide}?mode={mode}", size=PROJECTORS[0])
    browser.settle()
    browser.run(f"document.querySelector('[data-slide={slide}] {button}').click()")
    assert browser.run("return state.running.name") == slide
    browser.run("goToSlide('error')")
    browser.settle()
    assert browser.run("return state.running") is None
    assert browser.errors() == []


def test_the_talk_is_entered_and_left_and_the_bar_folds(talk):
    hidden = "return !document.querySelector(arguments[0]).checkVisibility()"
    assert talk.run(hidden, "nav")
    assert talk.run(hidden, "#weights")
    talk.press("w")
    assert not talk.run(hidden, "#weights")
    talk.press("p")
    assert not talk.run(hidden, "nav")
    assert talk.run(hidden, "#bar")
    talk.press("p")
    assert talk.run(hidden, "nav")


def test_a_key_asks_for_the_full_screen(talk):
    talk.run("window.full = 0; Element.prototype.requestFullscreen = () => ((window.full += 1), Promise.resolve())")
    talk.press("f")
    assert talk.run("return window.full") == 1


@pytest.mark.parametrize("black", ["b", "."])
@pytest.mark.parametrize("back", ["b", ".", "PageDown", "Escape", "click"])
def test_a_black_screen_gives_back_the_slide_as_it_was(talk, black, back):
    talk.run("goToSlide('all'); current().steps.set(2)")
    before = talk.run("draw(); return [address(), state.mode]")
    talk.run("start('all', () => true, 10)")
    key(talk, black)
    whole = "const { width, height } = document.querySelector('#black').getBoundingClientRect(); return [width, height]"
    top = "return document.elementFromPoint(innerWidth / 2, 5).id"
    assert talk.run(whole) == list(PROJECTORS[0])
    assert talk.run(top) == "black"
    assert talk.text("#black").startswith("The screen is black")  # for those who hear it
    assert not talk.run("return isRunning('all')")
    if back == "click":
        talk.click("#black")
    else:
        key(talk, back)
    assert talk.run("draw(); return [address(), state.mode]") == before
    assert talk.run(whole) == [0, 0]
    assert key(talk, "PageDown") == ("all", 3)


def test_only_a_talk_has_a_black_screen(talk):
    talk.press("p")
    talk.press("b")
    assert talk.text("#black") == ""


def test_what_is_not_yet_told_is_covered_and_not_laid_out_anew(talk):
    covered = "return [...document.querySelectorAll('.slide.current .covered')].length"
    height = "return document.querySelector('.slide.current .flow').getBoundingClientRect().height"
    counts, heights = [talk.run(covered)], [talk.run(height)]
    for _ in range(5):
        key(talk, "PageDown")
        counts.append(talk.run(covered))
        heights.append(talk.run(height))
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0 < counts[0]
    assert len(set(heights)) == 1


# ── The lecture's line ──────────────────────────────────────────────────────────────────────────────


def test_contributions_of_all_flowers_meet_in_the_weights_as_the_engine_adds_them(talk):
    data, model = network.data(), network.network()
    loss = sum_over(absolute_error, map(model, data.inputs), data.targets)
    engine = [(step.local, step.upstream, step.contribution) for step in loss.backward_steps()]
    found = talk.run("return graphs.all.steps.map((s) => [s.local, s.upstream, s.contribution])")
    assert len(found) == len(engine) == 84
    for mine, its in zip(found, engine):
        assert mine == pytest.approx(its, rel=1e-12)
    talk.run("goToSlide('all'); goTo('all', graphs.all.steps.length); draw()")
    shown = talk.run(
        """return lesson.weights.map((_, n) => {
          const slot = batch.firstParameter + n;
          return document.querySelector(`#all-graph [data-slot="${slot}"] .gradient`).textContent;
        })"""
    )
    weights = model.parameters()
    assert shown == [f"∂ {weight.grad:.2f}".replace("-", "−") for weight in weights]


def test_an_equation_says_what_was_there_and_what_is_together_now(talk):
    talk.run("goToSlide('all'); goTo('all', graphs.all.stops[3]); draw()")
    text = talk.text("[data-equation=all]")
    assert text.startswith("∂L/∂w₁ += ∂p₁/∂w₁ · ∂L/∂p₁ = ")
    assert "→" in text
    assert "Flower 5" in text


def test_a_step_of_all_weights_is_that_of_gradient_descent_and_leads_back_to_chapter_4(talk):
    key(talk, "5")
    talk.run("goToSlide('update'); fold(true)")
    data, model = network.data(), network.network()
    optimizer = SGD(model.parameters(), 0.05)
    sum_over(absolute_error, map(model, data.inputs), data.targets).backward()
    optimizer.step()
    talk.click("#update-step")
    assert talk.run("return state.weights") == pytest.approx([weight.data for weight in model.parameters()], rel=1e-12)
    talk.click("#to-walk")
    assert talk.run("return current().name") == "walk"


def test_a_step_that_goes_too_far_is_called_so(talk):
    talk.run("goToSlide('update'); setWeights([-2.7, 3.8, -0.1, -0.52, 1.5])")
    for rate, grown in (("-3", False), ("0", True)):
        set_rate = "const e = $('#update-rate'); e.value = arguments[0]; e.dispatchEvent(new Event('input')); draw()"
        talk.run(set_rate, rate)
        before, after = talk.run("return [state.weights, updated().weights].map((each) => loss(each, state.kind))")
        assert (after > before) is grown
        assert ("too far" in talk.text("[data-show=update-loss]")) is grown


def test_the_mountain_has_two_zoom_levels_and_its_height_has_numbers(talk):
    talk.press("3")
    written = """const write = CanvasRenderingContext2D.prototype.fillText;
      const texts = [];
      CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
        if (this.canvas === views[0].canvas) texts.push(text);
        write.call(this, text, ...rest);
      };
      draw();
      CanvasRenderingContext2D.prototype.fillText = write;
      return [texts, land.lowest, land.highest, plane.xs.at(-1) - plane.xs[0]];"""
    whole, _, highest, span = talk.run(written)
    assert {"5", "10"} <= set(whole)
    assert highest < 12
    talk.click("[data-zoom=near]")
    near, lowest, highest, near_span = talk.run(written)
    assert near_span == pytest.approx(span / 5)
    assert any(lowest <= float(text.replace("−", "-")) <= highest for text in near if text[0].isdigit())
    talk.click("[data-zoom=whole]")
    assert talk.run("return plane === lesson.plane")


@pytest.mark.parametrize("dark", [False, True])
def test_path_and_gradient_and_the_racers_have_colours_of_their_own(browser, pages, dark):
    browser.open(pages["en"], dark=dark)
    colours = browser.run("return ['gradient', 'path', 'path-2', 'path-3'].map(colour)")
    assert len(set(colours)) == 4


def test_several_optimizers_race_from_one_place(talk):
    talk.run("goToSlide('race'); raceTo(60); draw()")
    starts, names, last = talk.run(
        "return [race().map((r) => r.path[0]), race().map((r) => r.name), race().map((r) => r.losses.at(-1))]"
    )
    assert names == ["sgd", "momentum", "adam"]
    assert starts == [list(network.HILL[:2])] * 3
    assert len(set(last)) == 3
    assert max(last) < talk.run("return race()[0].losses[0]")


# ── The address ─────────────────────────────────────────────────────────────────────────────────────

STATES = [
    "setFlower(3); goToSlide('one'); goTo('one', 7)",
    "setWeights([0.5, -1.25, 0.1, 1, 2]); goToSlide('all'); goTo('all', 30)",
    "setKind('squared'); setZoom([1, 1]); goToSlide('mountain')",
    "setWeights(lesson.settings.hill); $('#optimizer').value = 'adam'; while (descent().path.length < 9) step(); "
    "goToSlide('walk')",
    "setMode('slides'); goToSlide('table'); current().steps.set(3)",
    "goToSlide('race'); raceTo(17)",
]
SEEN = """draw(); return [state.weights, state.kind, state.flower, state.zoom, state.mode, state.slide, state.inputs,
  descent().path, race().map(({ path }) => path), Object.values(graphs).map(({ taken }) => taken), state.reveal]"""


@pytest.mark.parametrize("doing", STATES)
def test_a_link_restores_what_the_class_saw(browser, pages, doing):
    browser.open(pages["de"])
    browser.settle()
    browser.run(doing)
    browser.settle()
    address, before = browser.run("return address()"), browser.run(SEEN)
    browser.open(pages["de"], fragment=address)
    browser.settle()
    assert browser.run(SEEN) == before
    browser.run("return new Promise((done) => setTimeout(done, 400))")
    assert browser.run("return decodeURIComponent(location.hash)") == address
    assert browser.errors() == []


@pytest.mark.parametrize(
    "address", ["#nothing", "#all?step=x&w=1,2", "#one?step=999&flower=99&kind=no&zoom=a", "#%E0%A4%A"]
)
def test_an_address_that_says_nothing_right_opens_the_page(browser, pages, address):
    browser.open(pages["en"], fragment=address)
    browser.settle()
    assert browser.run("return [state.weights, state.kind]") == [list(network.FIRST), "absolute"]
    assert browser.errors() == []


def test_a_frame_shows_the_slide_that_its_address_names(browser, pages, tmp_path):
    outer = tmp_path / "talk.html"
    address = pages["de"].resolve().as_uri() + "#all?step=12&mode=slides"
    outer.write_text(f'<!DOCTYPE html><iframe src="{address}" width="900" height="560"></iframe>', encoding="utf-8")
    browser.open(outer)
    with browser.inside(0):
        browser.settle()
        assert browser.run("return [current().name, graphs.all.taken]") == ["all", 12]


def test_in_a_notebook_a_page_opens_where_it_was_asked_to(browser, tmp_path):
    made = page("en", start="#one?step=4&mode=slides")
    outer = tmp_path / "notebook.html"
    outer.write_text("<!DOCTYPE html>" + made._repr_html_(), encoding="utf-8")
    browser.open(outer)
    with browser.inside(0):
        browser.settle()
        assert browser.run("return [current().name, graphs.one.taken]") == ["one", 4]
    assert browser.errors() == []


# ── On a phone ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("size", PHONES)
def test_on_a_phone_the_graphs_stand_upright_and_nothing_is_wider_than_the_screen(browser, pages, size, language):
    browser.open(pages[language], size=size)
    browser.settle()
    for name in ("forward", "one", "all"):
        browser.run("goToSlide(arguments[0]); goTo(arguments[0], 8)", name)
        browser.settle()
        wide, high, frame = browser.run(
            """const picture = graphs[arguments[0]].picture;
            const { width, height } = picture.getBoundingClientRect();
            return [width, height, picture.parentElement.scrollWidth]""",
            name,
        )
        assert high > wide
        assert frame <= size[0]
        assert browser.run("return document.documentElement.scrollWidth") <= size[0]
    cut = "return [...document.querySelectorAll('table')].filter(t => t.offsetWidth > t.parentElement.clientWidth)"
    assert browser.run(cut) == []
    assert browser.errors() == []


@pytest.mark.parametrize("size", PHONES)
def test_on_a_phone_the_equation_stays_in_sight_with_its_step(browser, pages, size):
    browser.open(pages["de"], size=size)
    browser.settle()
    for step in (1, 5, 9, 13):
        browser.run("goToSlide('one'); goTo('one', arguments[0])", step)
        browser.settle()
        equation, node, player, bar = browser.run(
            """const parts = ["[data-equation=one]", "#graph .node.active", "[data-player=one]", "#weights"];
            return parts.map((selector) => {
              const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
              return [top, bottom];
            })"""
        )
        order = (0, *equation, node[0] + 1, node[1], player[0] + 1, player[1], bar[0] + 3, size[1])
        assert list(order) == sorted(order), step


def test_a_finger_that_swipes_over_a_map_scrolls_and_one_that_taps_moves_the_weights(browser, pages):
    browser.open(pages["en"], size=PHONE)
    browser.settle()
    chart = browser.driver.find_element("css selector", "#mountain .map")
    assert browser.run("return [...document.querySelectorAll('canvas[tabindex]')].every((c) => "
                       "getComputedStyle(c).touchAction === 'pan-y')")  # fmt: skip
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    send = """const box = arguments[0].getBoundingClientRect();
      const event = (name) => new PointerEvent(name, { pointerId: 1, pointerType: "touch", bubbles: true,
        clientX: box.left + box.width / 2, clientY: box.top + box.height / 3 });
      arguments[0].setPointerCapture = () => {};
      for (const name of arguments[1]) arguments[0].dispatchEvent(event(name));
      return state.weights;"""
    before = browser.run("return state.weights")
    assert browser.run(send, chart, ["pointerdown", "pointercancel"]) == before
    assert browser.run(send, chart, ["pointerdown", "pointerup"]) != before


# ── For everybody, and on paper ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("size", "mode", "language", "dark"),
    [
        (PROJECTORS[0], "slides", "de", False),
        (PROJECTORS[0], "slides", "en", True),
        (PROJECTORS[2], "read", "de", True),
        (PHONE, "read", "en", False),
        (PHONE, "read", "de", True),
    ],
)
def test_the_page_has_no_barriers(browser, pages, size, mode, dark, language):
    """By the rules of axe-core, which is a script in a package that is not needed otherwise."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("no axe-core here: pip install --no-deps axe-playwright-python")
    rules = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    browser.open(pages[language], size=size, dark=dark, fragment=f"#error?mode={mode}")
    browser.settle()
    browser.run(rules)
    for slide in ("table", "mountain", "walk", "one", "all", "update") if mode == "slides" else ("all",):
        browser.run("goToSlide(arguments[0]); if (current().name !== 'walk') current().steps.set(2)", slide)
        browser.settle()
        violations = browser.driver.execute_async_script("""
            const done = arguments[0];
            axe.run(document).then((found) => done(found.violations.map(({id, nodes}) => [id, nodes[0].html])));
        """)
        assert violations == [], slide


@pytest.mark.parametrize(("paper", "language"), [((688, 1016), "de"), ((1016, 688), "en")])
def test_on_paper_a_chapter_fills_its_page_and_nothing_is_cut(browser, pages, paper, language):
    browser.open(pages[language], fragment="#error?mode=slides")  # also out of a talk
    browser.settle()
    browser.run("raceTo(40); for (const name in graphs) goTo(name, 30); dispatchEvent(new Event('beforeprint'))")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.resize(paper)
    try:
        pages_ = browser.run(
            """return [...document.querySelectorAll("main section")].map((section) => {
              const { top, height, right } = section.getBoundingClientRect();
              const inside = [...section.querySelectorAll("*")].filter((e) => e.getClientRects().length);
              const boxes = inside.filter((e) => !e.closest("svg *")).map((e) => e.getBoundingClientRect());
              return [section.id, height, Math.max(...boxes.map((box) => box.bottom)) - top,
                      Math.max(...boxes.map((box) => box.right)) - right];
            })"""
        )
        assert len(pages_) == 5
        for chapter, height, bottom, beyond in pages_:
            assert 0.8 * height < bottom <= height + 1, chapter
            assert beyond <= 1, chapter
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("return state.mode") == "slides"
