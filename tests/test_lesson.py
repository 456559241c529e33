"""Each chapter of the lecture holds what it claims: the table, the mountain, the steepest direction, the way back."""

import doctest
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value, grad, jvp, topological_order
from autodiff.checking import check_gradients
from autodiff.drawing import find_dot
from autodiff.drawing.colours import contrast
from demos.lesson import (
    _common,
    backpropagation,
    content,
    error_mountain,
    gradient_descent,
    language,
    loss,
    network,
    order,
    own,
    sheets,
    tasks,
)
from demos.lesson import page as page_module
from demos.lesson.__main__ import main as make_page
from demos.lesson.graphs import KINDS
from nn import absolute_error, squared_error, sum_over

pytest.importorskip("sklearn", reason="the iris data comes with scikit-learn: pip install scikit-learn")

ROOT = Path(__file__).parent.parent
CHAPTERS = {
    "error": {"error"},
    "loss": {"loss"},
    "error_mountain": {"error_mountain", "error_map", "terraces"},
    "gradient_descent": {"descent", "descent_map", "projection", "rose"},
    "backpropagation": {"backpropagation"},
    "exercises": {"exercise", "solution", "exercise_graph", "solution_graph", "sheets", "key"},
    "order": {"order"},
}
ROUNDING = 1e-12
weights = st.floats(-3, 3)


def run(chapter, *arguments):
    importlib.import_module(f"demos.lesson.{chapter}").main([*arguments])


def total(w1, w2, error=absolute_error):
    """The loss of the six flowers, by the eager engine."""
    data, model = network.data(), network.network(network.FIRST._replace(w1=w1, w2=w2))
    return sum_over(error, [model(x) for x in data.inputs], data.targets)


# ── The table ───────────────────────────────────────────────────────────────────────────────────────


def test_the_lectures_table_is_made_by_a_real_network_on_real_flowers():
    assert network.data().targets.tolist() == [1, 1, 2, 2, 3, 3]
    first, second = loss.evaluate(network.FIRST), loss.evaluate(network.SECOND)
    assert first.labels == [1, 2, 2, 1, 2, 3]
    assert first.errors == [0, 1, 0, 1, 1, 0]
    assert sum(first.errors) == 3
    assert second.labels == [1, 1, 2, 2, 3, 1]
    assert second.errors == [0, 0, 0, 0, 0, 2]
    assert sum(second.errors) == 2


def test_a_third_setting_on_the_same_mountain_makes_no_error():
    assert loss.evaluate(network.VALLEY).errors == [0] * 6
    assert len({setting[2:] for setting in (network.FIRST, network.SECOND, network.VALLEY, network.HILL)}) == 1


@pytest.mark.slow
def test_the_search_finds_the_flowers_and_the_settings_that_are_kept():
    found = network.search(seed=0)
    assert found.flowers == network.FLOWERS
    assert found.settings == (network.FIRST, network.SECOND, network.VALLEY)
    assert found.worst < 0.25  # no prediction is near the border between two labels


def test_two_flowers_are_of_each_species():
    assert len(set(network.FLOWERS)) == 6
    assert [flower // 50 + 1 for flower in network.FLOWERS] == list(network.LABELS)


# ── The mountain, and the gradient on it ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("error", [absolute_error, squared_error])
def test_the_heights_of_the_mountain_are_the_eager_loss(error):
    land = error_mountain.mountain(error)
    for row, column in [(0, 0), (17, 42), (60, 60), (31, 5), (12, 58)]:
        eager = total(land.xs[column], land.ys[row], error)
        assert land.heights[row, column] == pytest.approx(eager.data, rel=ROUNDING)


def test_terraces_are_the_sums_of_the_table():
    land = error_mountain.terraces(error_mountain.mountain())
    places = {round(float(x), 1): at for at, x in enumerate(land.xs)}
    assert {float(height) for height in land.heights.ravel()} <= set(map(float, range(13)))
    assert land.heights[places[0.5], places[-1.5]] == sum(loss.evaluate(network.SECOND).errors)


@pytest.mark.slow
@given(w1=weights, w2=weights, angle=st.floats(0, 2 * np.pi))
def test_no_direction_is_steeper_than_the_gradient(w1, w2, angle):
    gradient = grad(gradient_descent.loss, wrt=(0, 1))(w1, w2)
    _, slope = jvp(gradient_descent.loss, (w1, w2), (np.cos(angle), np.sin(angle)))
    length = np.hypot(*gradient)
    assert slope <= length * (1 + ROUNDING) + ROUNDING
    along = jvp(gradient_descent.loss, (w1, w2), tuple(part / length for part in gradient))[1] if length else 0.0
    assert along == pytest.approx(length, rel=1e-9)


def test_every_descent_lies_on_the_surface_and_ends_where_every_flower_is_right():
    land = error_mountain.mountain()
    crease = 0.05  # the mesh is straight between its points, and the mountain has creases
    for path in gradient_descent.descents():
        points = land.coordinates(path.parameters)
        assert np.array_equal(points, path.parameters[:, :2])
        assert land.height_at(points) == pytest.approx(path.losses, abs=crease)
        assert loss.evaluate(network.Setting(*path.parameters[-1])).errors == [0] * 6


def test_a_descent_of_all_weights_is_shown_as_a_projection_that_holds_most_of_it():
    land, path, part = gradient_descent.projection()
    assert 0.985 < part <= 1
    assert land.projection
    assert land.coordinates(path.parameters[-1]) == pytest.approx([0.0, 0.0])
    assert np.isfinite(land.height_at(land.coordinates(path.parameters))).all()
    assert path.losses[-1] < gradient_descent.descents()[0].losses[-1]


# ── The way back ────────────────────────────────────────────────────────────────────────────────────


def test_the_gradients_of_the_six_errors_add_up_to_that_of_the_loss():
    data, model = network.data(), network.network()
    sum_over(absolute_error, map(model, data.inputs), data.targets).backward()
    expected = [weight.grad for weight in model.parameters()]
    assert backpropagation.gradients().sum(axis=0) == pytest.approx(expected, rel=ROUNDING, abs=ROUNDING)


def test_the_checker_agrees_with_the_gradient_of_the_loss():
    assert check_gradients(gradient_descent.loss, (network.HILL.w1, network.HILL.w2)).verdict == "pass"


def test_shortcuts_fail_where_the_order_matters_and_only_there():
    root, leaf = order.graph(2.0)
    root.backward()
    found = {name: shortcut(root)[leaf] for name, shortcut in order.SHORTCUTS.items()}
    right = {name for name, gradient in found.items() if gradient == leaf.grad}
    assert right == {"engine", "path"}
    x = Value(2.0)
    chain = (x * 3 + 1).tanh()
    chain.backward()
    for shortcut in order.SHORTCUTS.values():
        assert shortcut(chain)[x] == x.grad


@pytest.mark.parametrize("seed", range(30))
def test_an_exercise_can_be_done_by_hand_and_its_solution_is_right(seed):
    task, said = tasks.exercise(seed), language.texts("en")
    assert tasks.question(task, said) == tasks.question(tasks.exercise(seed), said)
    assert len({line.partition(" = ")[2] for line in task.lines}) == len(task.lines)
    nodes = topological_order(task.root)
    assert all(node.data == round(node.data) and abs(node.data) <= tasks.GREATEST for node in nodes)
    solution = tasks.answer(task, said)
    given_ = {leaf.label: leaf.data for leaf in task.leaves}

    def by_hand(**numbers):
        for line in task.lines:
            name, formula = line.split(" = ")
            formula = formula.replace("·", "*").replace("−", "-").replace("²", "**2")
            numbers[name] = eval(formula, {}, dict(numbers))  # the exercise's own text
        return numbers

    forward = by_hand(**given_)
    assert forward["L"] == task.root.data
    for name in set(forward) - set(given_):
        assert f"  {name} = {forward[name]:.0f}\n".replace("-", "−") in solution
    for leaf in task.leaves:
        up, down = (by_hand(**given_ | {leaf.label: leaf.data + step})["L"] for step in (1e-4, -1e-4))
        assert leaf.grad == round(leaf.grad)
        assert leaf.grad == pytest.approx((up - down) / 2e-4, rel=1e-5)
        assert f"∂L/∂{leaf.label} = {leaf.grad:.0f}".replace("-", "−") in solution


@pytest.mark.parametrize("seed", range(100))
def test_in_every_exercise_a_result_goes_into_two_others_or_twice_into_one(seed):
    task = tasks.exercise(seed)
    operands = re.findall("[a-g]", " ".join(line.partition(" = ")[2] for line in task.lines))
    assert any(operands.count(name) > 1 for name in "def")


@pytest.mark.parametrize("name", ["de", "en"])
def test_each_student_gets_a_sheet_and_the_lecturer_the_key_to_all(name):
    said = language.texts(name)
    paper, key = sheets.sheets(range(5, 35), said), sheets.key(range(5, 35), said)
    assert paper.count('class="sheet"') == key.count('class="solution"') == 30
    assert len(set(re.findall(r'<ul class="lines">.*?</ul>', paper))) == 30
    for seed in (5, 34):
        title = said.say("task.title", seed=seed)
        assert f">{title}<" in paper
        assert f">{title}<" in key
        for step in tasks.steps(tasks.exercise(seed)):
            assert tasks.equation(step) in key
            assert tasks.equation(step) not in paper
    assert paper == sheets.sheets(range(5, 35), said)


@pytest.mark.parametrize("seed", range(20))
def test_the_answers_that_are_checked_are_those_of_the_solution(seed):
    task, said = tasks.exercise(seed), language.texts("en")
    back = sheets.contributions(task, said)
    sums = {leaf.label: 0.0 for leaf in task.leaves}
    for blank in back:
        name = re.match(r"∂L/∂(\w)", blank.before)[1]
        if name in sums:
            sums[name] += blank.answer
    assert [blank.answer for blank in sheets.gradients(task, said)] == [*sums.values()]
    for blank in (*sheets.values(task, said), *back, *sheets.gradients(task, said)):
        assert tasks.written(blank.answer) in blank.hints[-1]
        assert len(blank.hints) > 1
        assert all("{" not in hint for hint in blank.hints)


def test_a_number_of_sheets_that_cannot_be_is_refused(capsys):
    for number in ("0", "-1", "many", "501"):
        with pytest.raises(SystemExit):
            run("exercises", "--sheets", number)
        assert "from 1 to 500" in capsys.readouterr().err


@pytest.mark.skipif(find_dot() is None, reason="no dot on this machine: pip install graphviz-pure")
def test_the_picture_of_an_exercise_does_not_give_the_answer_away(tmp_path):
    run("exercises", "--out", str(tmp_path))
    exercise, solution = (
        set(re.findall(r"<text[^>]*>([^<]+)<", (tmp_path / f"{name}_graph.svg").read_text(encoding="utf-8")))
        for name in ("exercise", "solution")
    )
    assert {text for text in exercise if text.strip()} == {*"abcdefL+×"}
    assert {"data", "grad"} < solution


# ── The programs ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_writes_its_own_files_and_no_other_and_repeats_itself(chapter, tmp_path, capsys):
    other = tmp_path / "mine.txt"
    other.write_text("keep", encoding="utf-8")
    outputs = []
    for _ in range(2):
        run(chapter, "--seed", "3", "--out", str(tmp_path))
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert str(tmp_path) in outputs[0]
    assert {path.stem for path in tmp_path.iterdir()} == CHAPTERS[chapter] | {"mine"}
    assert other.read_text(encoding="utf-8") == "keep"


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_speaks_german_with_german_numbers(chapter, tmp_path, capsys, monkeypatch):
    drawn = []

    def texts(figure, said):
        localize(figure, said)
        figure.canvas.draw()
        drawn.extend(text.get_text() for text in figure.findobj(pytest.importorskip("matplotlib.text").Text))

    localize = _common.localize
    monkeypatch.setattr(_common, "localize", texts)
    run(chapter, "--language", "de", "--out", str(tmp_path))
    said = capsys.readouterr().out
    parts = said.splitlines()
    own = [line for line in parts if "∂L/∂" not in line and "d = y − ŷ" not in line and str(tmp_path) not in line]
    english = re.compile(r"\b(the|error|weights?|loss is|height|slope|picture|path|flower|with|find|given)\b")
    assert not [line for line in own if english.search(line)]
    assert not [line for line in own if re.search(r"\d\.\d", line)]
    assert not [text for text in drawn if re.search(r"\d\.\d", text) or english.search(text)]


@pytest.mark.parametrize("chapter", ["error", "loss", "error_mountain", "gradient_descent"])
def test_without_matplotlib_a_chapter_still_prints_and_says_how_to_get_pictures(chapter, tmp_path, capsys, monkeypatch):
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
    run(chapter, "--out", str(tmp_path))
    assert "pip install matplotlib" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chapter", [*CHAPTERS, "__main__"])
def test_help_names_the_options(chapter, capsys):
    with pytest.raises(SystemExit) as stop:
        run(chapter, "--help")
    assert stop.value.code == 0
    assert {"--seed", "--out"} <= set(capsys.readouterr().out.replace(",", " ").split())


@pytest.mark.slow
def test_a_chapter_can_be_piped_where_the_machine_has_an_old_code_page(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "demos.lesson.loss", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    assert "w₁ = 1.75" in done.stdout.decode("utf-8")


# ── The page's text ─────────────────────────────────────────────────────────────────────────────────


def test_all_languages_have_the_same_texts_and_all_are_used():
    english = language.texts("en").table
    for name in language.languages():
        assert language.texts(name).missing == (), name
        assert all(text.strip() for key, text in language.texts(name).table.items() if key != "language.fallback")
        for key, text in language.texts(name).table.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), (name, key)
    scripts = "\n".join(map(page_module.asset, (*page_module.SCRIPTS, "page.html")))
    programs = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "demos" / "lesson").glob("*.py")).replace(
        "'", '"'
    )
    named = re.findall(r"\{\{text:([\w.-]+)\}\}", scripts) + re.findall(r'texts\["([\w.-]+)"\]', scripts)
    assert set(named) <= set(english)
    built = [
        re.sub(r"(\\\$)?\\\{.*?\\\}", r"[\\w.]+", re.escape(key))
        for key in re.findall(r"[`\"]([a-z]+\.[\w.${}-]*\{[\w.${}-]*)[`\"]", scripts + programs)
    ]
    for key in english:
        plain = key.removeprefix("own.")
        quoted = plain in named or f'"{plain}"' in scripts + programs or f"texts.{plain}" in scripts
        assert quoted or any(re.fullmatch(pattern, plain) for pattern in built), key


def test_what_a_language_lacks_is_english_and_said(tmp_path, monkeypatch):
    for name in ("en", "de"):
        shutil.copy(ROOT / "demos" / "lesson" / "texts" / f"{name}.json", tmp_path)
    texts = {"title": "Rétropropagation", "language.decimal": ","}
    (tmp_path / "fr.json").write_text(json.dumps(texts), encoding="utf-8")
    monkeypatch.setattr(language, "_FOLDER", tmp_path)
    french = language.texts("fr")
    assert french["title"] == "Rétropropagation"
    assert french["error.title"] == "Error"
    assert french.number(0.5, 2) == "0,50"
    assert str(len(french.missing)) in french.note
    html = page_module.page("fr").html
    assert '<html lang="fr">' in html
    assert french.note in html
    (tmp_path / "fr.json").write_text(json.dumps({"titel": "?"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"keys that en\.json does not have: titel"):
        language.texts("fr")


def test_the_player_of_a_chapter_speaks_the_language_if_it_can_and_says_so_if_it_cannot(tmp_path, capsys, monkeypatch):
    for name in ("de", "en"):
        run("backpropagation", "--language", name, "--out", str(tmp_path))
        assert f'<html lang="{name}"' in (tmp_path / "backpropagation.html").read_text(encoding="utf-8")
    assert "speaks English" not in capsys.readouterr().out
    monkeypatch.setattr(backpropagation, "player_languages", lambda: ("en",))
    run("backpropagation", "--language", "de", "--out", str(tmp_path))
    assert "spricht Englisch" in capsys.readouterr().out


def test_german_is_written_as_germans_write():
    for key, text in language.texts("de").table.items():
        assert not re.search(r'["\u201d]|\u201c\w', text), key  # „so“, and nothing else
        assert not re.search(r"\d\.\d", text), key


def test_the_page_is_one_file_that_loads_nothing(tmp_path, capsys):
    for name in ("de", "en"):
        make_page(["--language", name, "--out", str(tmp_path)])
        text = (tmp_path / "lesson.html").read_text(encoding="utf-8")
        assert f'<html lang="{name}">' in text
        assert len(text.encode()) < 2_000_000
        assert not re.search(r'\b(src|href)="(?!#)', text)
        assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", text)
        assert "default-src 'none'" in text
        assert "{{" not in text.partition('<script type="application/json"')[0]
        assert [path.name for path in tmp_path.iterdir()] == ["lesson.html"]
    with pytest.raises(ValueError, match="de or en"):
        page_module.page("fr")
    with pytest.raises(SystemExit):
        make_page(["--language", "fr"])


def test_one_notation_on_every_page():
    html = page_module.page("en").html
    assert "∂E/∂" not in html
    assert "∂L/∂" in html


@pytest.mark.parametrize("theme", [0, 1])
def test_text_can_be_read_from_the_last_row_in_both_themes(theme):
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", page_module.asset("style.css"))
    colours = {name: pair[theme] for name, *pair in found}
    for ground in ("paper", "card"):
        for text in ("ink", "quiet", "accent", "error", "observed", *(f"species-{label}" for label in range(1, 7))):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)  # WCAG 2.1, 1.4.3
        for spoke in ("uphill", "downhill", "gradient", "path", "path-2", "path-3"):
            assert contrast(colours[spoke], colours[ground]) >= 3, (spoke, ground)  # 1.4.11
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["error"], colours["error-soft"]) >= 4.5


def test_the_same_program_writes_the_same_page():
    assert page_module.page("de").html == page_module.page("de").html


def test_the_page_carries_the_landscapes_of_the_engine():
    text = page_module.page("en").html
    carried = json.loads(re.search(r'id="lesson">(.*?)</script>', text, re.DOTALL)[1])
    for kind, error in KINDS.items():
        land = error_mountain.mountain(error)
        assert np.array_equal(np.array(carried["landscapes"][kind]["heights"]), land.heights)
    assert carried["settings"]["first"] == list(network.FIRST)


@pytest.mark.parametrize("module", [content, language, own, page_module])
def test_the_examples_in_the_docstrings_run(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
