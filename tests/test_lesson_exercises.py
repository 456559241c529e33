"""The exercise as a page: typed answers are checked, hints come one after another; the sheets have room to write."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from demos.lesson import sheets, tasks
from demos.lesson.language import texts
from tests.browser import PHONE

pytestmark = pytest.mark.slow  # a browser

SEED = 7


@pytest.fixture(scope="module", params=["de", "en"])
def said(request):
    return texts(request.param)


@pytest.fixture
def worksheet(browser, said, tmp_path):
    path = tmp_path / "exercise.html"
    path.write_text(sheets.worksheet(SEED, said), encoding="utf-8")
    browser.open(path, size=PHONE)
    yield browser
    assert browser.errors() == []
    assert len(browser.requests()) <= 1


def answers(said):
    task = tasks.exercise(SEED)
    return [*sheets.values(task, said), *sheets.contributions(task, said), *sheets.gradients(task, said)]


def fill(browser, place, text):
    browser.run(
        """const field = document.querySelector(`[data-blank="${arguments[0]}"]`);
        field.value = arguments[1];
        field.dispatchEvent(new Event("change"));""",
        place,
        text,
    )


def test_every_right_answer_is_right_however_its_minus_is_typed(worksheet, said):
    blanks = answers(said)
    for place, blank in enumerate(blanks):
        text = f"{blank.answer:.0f}"
        fill(worksheet, place, text.replace("-", "−") if place % 2 else f" {text},0 ")
    assert worksheet.text(".score") == said.say("task.score", right=len(blanks), all=len(blanks))
    assert worksheet.run("return document.querySelectorAll('input.right').length") == len(blanks)


def test_a_wrong_answer_and_what_is_no_number_are_not_right(worksheet, said):
    for text in ("99", "x", "1e0", "--1"):
        fill(worksheet, 0, text)
        assert said["task.wrong"] in worksheet.text("output")
        assert worksheet.run("return document.querySelector('input').ariaInvalid") == "true"
    fill(worksheet, 0, "")
    assert worksheet.text("output") == ""


def test_hints_come_one_after_another_and_the_answer_last(worksheet, said):
    place = len(sheets.values(tasks.exercise(SEED), said))
    blank = answers(said)[place]
    for count in range(1, len(blank.hints) + 1):
        worksheet.click(f'[data-hint="{place}"]')
        shown = worksheet.run("return document.querySelectorAll('output')[arguments[0]].textContent", place)
        assert shown == " ".join(blank.hints[:count])


@pytest.mark.parametrize("kind", ["worksheet", "sheets", "key"])
@pytest.mark.parametrize("size", [(1280, 720), PHONE])
@pytest.mark.parametrize("dark", [False, True])
def test_the_pages_have_no_barriers_and_fit(browser, said, tmp_path, kind, size, dark):
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("no axe-core here: pip install --no-deps axe-playwright-python")
    rules = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    path = tmp_path / "page.html"
    make = {"worksheet": lambda: sheets.worksheet(SEED, said), "sheets": lambda: sheets.sheets(range(1), said),
            "key": lambda: sheets.key(range(2), said)}  # fmt: skip
    path.write_text(make[kind](), encoding="utf-8")
    browser.open(path, size=size, dark=dark)
    browser.run(rules)
    violations = browser.driver.execute_async_script("""
        const done = arguments[0];
        axe.run(document).then((found) => done(found.violations.map(({id, nodes}) => [id, nodes[0].html])));
    """)
    assert violations == []
    assert browser.run("return document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("paper", [(688, 1016), (672, 910)])  # A4, and letter, within the margins
def test_a_printed_sheet_is_one_page_with_room_to_write(browser, said, tmp_path, paper):
    path = tmp_path / "sheets.html"
    path.write_text(sheets.sheets(range(20), said), encoding="utf-8")
    browser.open(path)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.resize(paper)
    try:
        found = browser.run(
            """return [...document.querySelectorAll(".sheet")].map((sheet) => [
              sheet.getBoundingClientRect().height, sheet.scrollHeight,
              Math.min(...[...sheet.querySelectorAll(".blank td:last-child")].map((cell) => cell.clientHeight)),
              sheet.scrollWidth - sheet.clientWidth])"""
        )
        for height, needed, room, beyond in found:
            assert needed <= height + 1
            assert height <= paper[1]
            assert room >= 26  # 7 mm
            assert beyond <= 0
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
