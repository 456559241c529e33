"""A lesson of other data and other networks: made for what can become one, with sentences that are true of it."""

import json
import re

import numpy as np
import pytest

from demos.lesson import lesson
from demos.lesson.__main__ import main
from demos.lesson.content import Content
from demos.lesson.graphs import all_errors, named_nodes, one_error
from demos.lesson.own import own_content
from demos.lesson.page import page
from demos.lesson.table import read_table
from nn import MLP, Dataset, absolute_error, moons, sum_over

SHAPES = [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2), (2, 3), (4, 2)]
ROUNDING = 1e-12


def blobs(features=2, classes=3, rows=30, seed=1):
    """Classes beside each other along a line, with some noise."""
    rng = np.random.default_rng(seed)
    targets = np.arange(rows) % classes
    inputs = targets[:, None] * rng.uniform(0.5, 2, features) + rng.normal(0, 0.25, (rows, features))
    names = tuple(f"feature {letter}" for letter in "abcdefg"[:features])
    return Dataset("blobs", inputs, targets, names, tuple("klmnopq"[:classes]))


def write(path, data, delimiter=",", comma=False):
    rows = [[*data.feature_names, "kind"]]
    for x, target in zip(data.inputs, data.targets):
        numbers = [str(round(number, 3)) for number in x]
        rows.append([*(number.replace(".", ",") if comma else number for number in numbers), data.class_names[target]])
    path.write_text("\n".join(delimiter.join(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=SHAPES)
def content(request):
    features, hidden = request.param
    return own_content(blobs(features), hidden, observations=5)


# ── The search ──────────────────────────────────────────────────────────────────────────────────────


def test_two_settings_with_telling_errors_are_found_on_one_mountain(content):
    first, second, valley = (sum(content.errors(name)) for name in ("first", "second", "valley"))
    assert first > second > valley
    assert second >= 1
    assert 0 < sum(error > 0 for error in content.errors("first")) < len(content.data)
    assert len({setting[2:] for setting in content.settings.values()}) == 1
    for setting in content.settings.values():
        assert np.abs(setting[:2]).max() <= content.reach


def test_the_same_seed_makes_the_same_page():
    made = [lesson(blobs(), 1, language="en", seed=3).html for _ in range(2)]
    assert made[0] == made[1]
    assert made[0] != lesson(blobs(), 1, language="en", seed=4).html


def test_settings_that_are_given_are_told_of():
    settings = [(1.0, 0.5, 0.1, 1.0, 2.0), (-1.0, 2.0, 0.1, 1.0, 2.0)]
    found = own_content(blobs(), 1, settings)
    assert [found.settings["first"], found.settings["second"]] == settings


def test_a_model_that_is_given_keeps_its_numbers_and_reads_the_features_as_they_are():
    model = MLP(2, [1, 1], activation="tanh")
    for value, number in zip(model.parameters(), (1.5, 0.5, -1.5, 1.2, 2.0)):
        value.data = number
    before = [value.data for value in model.parameters()]
    data = blobs()
    found = own_content(data, model)
    assert [value.data for value in model.parameters()] == before
    assert found.settings["first"][2:] == tuple(before[2:])
    assert not found.is_standardized
    assert np.array_equal(found.data.inputs, found.measures)
    assert "deviation 1" not in page("en", found).html.partition('<script type="application/json"')[0]


# ── What is said ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["de", "en"])
def test_what_is_said_is_true_of_these_data(content, language):
    html = page(language, content, source="mine.csv").html
    told = html.partition('<script type="application/json"')[0].partition("</style>")[2]
    assert not re.search(r"{{|\{\w+\}", told)
    carried = json.loads(re.search(r'id="lesson">(.*?)</script>', html, re.DOTALL)[1])
    parts = [each for pair in re.findall(r'>([^<]+)<|aria-label="([^"]*)"', told) for each in pair]
    for text in (*parts, *carried["texts"].values()):
        assert not re.search("blume|flower|fisher|iris|sepal|kelch", text, re.IGNORECASE), text
    assert "mine.csv" in told
    sums = [sum(content.errors(name)) for name in ("first", "second")]
    assert re.search(rf"\b{sums[0]}\b.*\b{sums[1]}\b", told)
    has_third = re.search("eine dritte|a third", told)
    assert bool(has_third) == (sum(content.errors("valley")) == 0)
    assert len(carried["weights"]) == len(content.weight_names)
    assert len(html.encode()) < 2_000_000


def test_a_name_with_markup_stays_a_name():
    data = blobs()
    names = ("<img src=x onerror=alert(1)>", "</script><b>")
    named = Dataset("x", data.inputs, data.targets, names, ("<i>", "&amp;", "}}"))
    html = lesson(named, 1, source="<b>.csv").html
    assert "<img" not in html
    assert "</script><b>" not in html
    assert "<b>.csv" not in html


# ── The graphs ──────────────────────────────────────────────────────────────────────────────────────


def test_the_graph_of_all_errors_is_the_engines_loss(content):
    program, _ = all_errors(content)
    inputs = np.column_stack([content.data.inputs, content.data.targets]).ravel()
    model = content.network()
    loss = sum_over(absolute_error, map(model, content.data.inputs), content.data.targets)
    found = program.run([*content.settings["first"], *inputs])
    assert found[program.outputs[0]] == pytest.approx(loss.data, rel=ROUNDING)


def test_every_node_that_is_drawn_has_a_name_and_a_place_of_its_own(content: Content):
    for make in (one_error, all_errors):
        program, graph = make(content)
        places = {}
        for box in graph["boxes"]:
            assert graph["names"][box["slot"]]
            places.setdefault((box["column"], box["row"]), set()).add(graph["names"][box["slot"]])
        assert all(len(names) == 1 for names in places.values())
        drawn = {graph["names"][box["slot"]] for box in graph["boxes"]}
        assert {*content.weight_names, "ŷ", "d", "E"} <= drawn
        assert program.first_result > 0
    model = content.network()
    prediction = model(content.data.inputs[0])
    for entry in named_nodes(content, prediction):
        assert entry.node.parents


# ── Tables ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("delimiter", "comma"), [(",", False), (";", False), (";", True), ("\t", True)])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, delimiter, comma):
    data = blobs()
    found = read_table(write(tmp_path / "t.csv", data, delimiter, comma), "kind", ["feature b", "feature a"])
    assert np.array_equal(found.inputs, data.inputs.round(3)[:, ::-1])
    assert found.targets.tolist() == data.targets.tolist()
    assert found.class_names == data.class_names


def test_classes_that_are_numbers_are_in_the_order_of_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,10\n2,9\n3,10\n4,\n,9\n", encoding="utf-8")
    found = read_table(path, "y", ["x"])
    assert found.class_names == ("9", "10")
    assert found.inputs.tolist() == [[1], [2], [3]]  # rows that are not complete are left out


FAULTS = {
    "no column 'feature x': did you mean": (blobs(), ["--features", "feature x,feature b"]),
    "is not a number": (blobs(), ["--features", "feature a,kind2", "--label", "kind"]),
    "1 to 4 features, not 5": (blobs(5), ["--features", ",".join(f"feature {c}" for c in "abcde")]),
    "2 to 6 classes, not 7": (blobs(classes=7), []),
    "2 to 6 classes, not 1": (blobs(classes=1), []),
    "1 to 3 hidden neurons, not 4": (blobs(), ["--hidden", "4"]),
    "room for 13": (blobs(4), ["--features", ",".join(f"feature {c}" for c in "abcd"), "--hidden", "3"]),
    "2 to 8 observations, not 9": (blobs(), ["--observations", "9"]),
    "cannot show all 6 classes": (blobs(classes=6), ["--observations", "5"]),
    "two settings with 5 numbers": (blobs(), ["--first", "1,2", "--second", "1,2"]),
    "agree in all weights but": (blobs(), ["--first", "1,2,3,4,5", "--second", "1,2,3,4,6"]),
    "numbers with commas between them": (blobs(), ["--first", "1,x", "--second", "1,2"]),
    "given together": (blobs(), ["--first", "1,2,3,4,5"]),
    "as many units": (blobs(), ["--units", "cm"]),
}


@pytest.mark.parametrize("message", FAULTS)
def test_what_cannot_become_a_lesson_is_an_error_that_says_what_to_do(message, tmp_path, capsys):
    data, arguments = FAULTS[message]
    path = write(tmp_path / "t.csv", data)
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([text[0] + ",kind2", *(line + ",z" for line in text[1:])]), encoding="utf-8")
    defaults = ["--data", str(path), "--label", "kind", "--features", "feature a,feature b", "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as stop:
        main([*defaults, *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "lesson.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "kind"], "give them with --data"),
        (["--data", "nothing.csv", "--label", "k", "--features", "a"], "nothing.csv cannot be read: No such file"),
        (["--data", "nothing.csv"], "needs --label and --features"),
    ],
)
def test_options_that_do_not_go_together_are_named(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([*arguments, "--out", str(tmp_path)])
    assert message in capsys.readouterr().err


def test_a_table_that_a_spreadsheet_wrote_in_another_encoding_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "ansi.csv"
    path.write_bytes("Größe;b;k\n1;2;x\n2;1;y\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r'ansi\.csv is no text in UTF-8: in a spreadsheet, save it as "CSV UTF-8"'):
        read_table(path, "k", ("Größe", "b"))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MLP(2, [1, 1]), "tanh neurons"),
        (MLP(2, [1, 1, 1], activation="tanh"), "one hidden layer"),
        (MLP(2, [4, 1], activation="tanh"), "1 to 3 tanh"),
        (MLP(2, [1, 2], activation="tanh"), "one linear output"),
        (MLP(3, [1, 1], activation="tanh"), "reads 3 features, the data have 2"),
    ],
)
def test_a_network_that_the_page_cannot_show_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        lesson(blobs(), model)


def test_numbers_that_say_nothing_are_refused():
    data = blobs()
    flat = Dataset(
        "x", np.column_stack([data.inputs[:, 0], np.ones(len(data))]), data.targets, ("a", "b"), ("k", "l", "m")
    )
    with pytest.raises(ValueError, match="'b' is 1 everywhere"):
        lesson(flat)
    wild = Dataset("x", np.where(data.inputs > 1, np.inf, data.inputs), data.targets, ("a", "b"), ("k", "l", "m"))
    with pytest.raises(ValueError, match="finite"):
        lesson(wild)


# ── In a browser ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (2, 3), (4, 2)])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_other_lessons_work_in_a_browser_and_fit(browser, tmp_path, shape, size):
    features, hidden = shape
    content = own_content(blobs(features), hidden, observations=8)
    path = page("de", content).write(tmp_path / "own.html")
    mode = "slides" if size[0] > 600 else "read"
    browser.open(path, fragment=f"#error?mode={mode}", size=size)
    for name in browser.run("return SLIDES.map(({ name }) => name)"):
        browser.run("goToSlide(arguments[0]); if (graphs[arguments[0]]) goTo(arguments[0], 5)", name)
        browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert browser.run("return document.documentElement.scrollWidth") <= size[0], name
        if mode == "slides":
            beyond = browser.run(
                """return [...document.querySelectorAll(".slide.current > *")].filter((e) => e.getClientRects().length)
                  .map((e) => e.getBoundingClientRect()).filter((box) => box.bottom > innerHeight - 20)"""
            )
            assert beyond == [], name
    expected = [sum(content.errors(name)) for name in ("first", "second")]
    found = browser.run("return ['first', 'second'].map((name) => loss(lesson.settings[name], 'rounded'))")
    assert found == expected
    model = content.network()
    sum_over(absolute_error, map(model, content.data.inputs), content.data.targets).backward()
    slope = browser.run("return gradient(lesson.settings.first, 'absolute')")
    assert slope == pytest.approx([value.grad for value in model.parameters()], rel=1e-9, abs=1e-12)
    assert browser.errors() == []


def test_a_table_becomes_a_page(tmp_path, capsys):
    path = write(tmp_path / "moons.csv", moons(30))
    names = ",".join(moons(30).feature_names)
    main(["--data", str(path), "--label", "kind", "--features", names, "--hidden", "2", "--out", str(tmp_path / "out")])
    assert "moons.csv" in (tmp_path / "out" / "lesson.html").read_text(encoding="utf-8")


SEEN = """
    const graph = graphs.all, step = graph.steps[graph.taken - 1], { picture, boxes } = graph;
    const size = (text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
    const rects = [...picture.querySelectorAll(".node rect")].map((rect) => rect.getBoundingClientRect());
    return {
      open: graph.open,
      lane: step ? graph.laneOf(step) : flowers.length,
      lines: boxes.map(({ lane, slot }) => [lane, picture.querySelector(`[data-slot="${slot}"]`).querySelectorAll("text").length]),
      letters: Math.min(...[...picture.querySelectorAll(".node text:not(.name)")].map(size)),
      rects: rects.map(({ left, top, right, bottom }) => [left, top, right, bottom]),
    };
"""  # noqa: E501


@pytest.mark.slow
@pytest.mark.parametrize("observations", [6, 8])
def test_of_many_observations_that_of_the_step_is_whole_and_all_are_read_from_afar(browser, tmp_path, observations):
    made = lesson(blobs(4), 2, observations=observations, language="en")
    browser.open(made.write(tmp_path / "page.html"), fragment="#all?mode=slides", size=(1366, 768))
    count = browser.run("return graphs.all.steps.length")
    for taken in (0, 1, observations, observations + 1, count // 2, count):
        browser.run("graphs.all.taken = arguments[0]; draw()", taken)
        seen = browser.run(SEEN)
        assert seen["open"] == seen["lane"]
        assert all(lines == (2 if lane in (0, seen["lane"]) else 1) for lane, lines in seen["lines"])
        assert seen["letters"] >= 768 / 52  # the height of the window
        for at, (left, top, right, bottom) in enumerate(seen["rects"]):
            for other in seen["rects"][:at]:
                assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    browser.run("setMode('read'); draw()")
    assert browser.run("return graphs.all.open") == 0
    assert browser.errors() == []


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "least"), [((4, 2), 1 / 60), ((2, 3), 1 / 66)])
def test_the_graph_of_one_observation_is_read_from_afar_and_its_texts_stay_in_their_boxes(
    browser, tmp_path, shape, least
):
    features, hidden = shape
    browser.open(lesson(blobs(features), hidden, language="de").write(tmp_path / "page.html"), size=(1280, 720))
    for name in ("one", "forward"):
        browser.run("restore(`#${arguments[0]}?mode=slides`); goTo(arguments[0], 9); draw()", name)
        letters, beyond = browser.run(
            """const nodes = [...graphs[arguments[0]].picture.querySelectorAll(".node")];
            const size = (text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
            const texts = (node) => [...node.querySelectorAll("text")];
            const reach = (e) => e.getBoundingClientRect();
            return [
              Math.min(...nodes.flatMap(texts).filter((text) => !text.matches(".name")).map(size)),
              nodes.flatMap((node) => texts(node)
                .filter((text) => reach(text).width > reach(node.querySelector("rect")).width)
                .map((text) => text.textContent)),
            ];""",
            name,
        )
        assert beyond == []
        assert letters >= least * 720
    assert browser.errors() == []
