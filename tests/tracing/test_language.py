"""Laws of the languages of the player: no text is missing or left over, and a page says what its language has."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from autodiff.__main__ import main
from autodiff.program.reference import symbols
from autodiff.registry import NOT_IN_TABLE, OPERATIONS
from autodiff.tracing import Trace, trace
from autodiff.tracing.language import ENGLISH, languages, texts
from autodiff.tracing.player.page import NOSCRIPT, PROGRAM, TITLE
from tests.browser import PHONE, Browser, contents
from tests.tracing.test_player import END, RIGHT, network

OTHERS = [language for language in languages() if language != ENGLISH]
FOLDER = files("autodiff.tracing.player")


def programs(*more: str) -> str:
    """All that calls ``say``: the program of the page, and what writes rules in symbols."""
    scripts = [FOLDER / name for name in (*PROGRAM, "live.js", "updates.js", *more)]
    rules = files("autodiff.program") / "reference.py"
    return "\n".join(file.read_text(encoding="utf-8") for file in (*scripts, rules))


def said() -> set[str]:
    """The English texts of the page: those of its template, and those that its program says."""
    program = programs("start.js")
    literals = {literal.replace("\\n", "\n") for literal in re.findall(r'"((?:[^"\\\n]|\\n)*)"', program)}
    template = (FOLDER / "player.html").read_text(encoding="utf-8").replace("&gt;", ">")
    shown = {text.strip() for text in re.findall(r">([^<>{}]+)<", template)}
    shown |= set(re.findall(r'(?:title|aria-label|placeholder)="([^"]+)"', template))
    return literals | {text for text in shown if text} | {TITLE, NOSCRIPT}


def needed() -> set[str]:
    """What must be there: the arguments of ``say``, and the template's texts that have words."""
    program = programs()
    calls = re.findall(r'(?<!\.)\bsay\("((?:[^"\\\n]|\\n)*)"', program)
    calls += [text for pair in re.findall(r'(?<!\.)\bsay\([^"(]*\? "([^"]*)" : "([^"]*)"', program) for text in pair]
    calls += re.findall(r'(?:told|sum|asked) = (?:[^;"]* \? )?"([^"]+)"', program)
    return {each.replace("\\n", "\n") for each in calls} | {TITLE, NOSCRIPT}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_there_once_with_the_same_parts(language: str) -> None:
    table = texts(language)
    views = {"neurons", "layers", "all nodes"}  # of networks of nn
    assert {key for key in needed() if re.search("[a-zA-Z]{2}", key)} - table.keys() == set()
    assert table.keys() - said() - views == set()
    for english, own in table.items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", own)), english
        assert own


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="language must be one of 'de', 'en', not 'xx'"):
        trace(network()).to_html(tmp_path / "page.html", language="xx")
    assert not (tmp_path / "page.html").exists()


def test_the_command_line_chooses_the_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["w * 3", "w=2", "--html", str(page), "--language", "de"]) == 0
    assert '<html lang="de">' in page.read_text(encoding="utf-8")
    assert contents(page.read_text(encoding="utf-8"))["texts"] == texts("de")
    capsys.readouterr()


@pytest.fixture(scope="module")
def recorded() -> Trace:
    return trace(network())


@pytest.mark.slow
def test_a_page_speaks_its_language(browser: Browser, recorded: Trace, tmp_path: Path) -> None:
    browser.open(recorded.to_html(tmp_path / "page.html", language="de"), fragment="#view=layers")
    assert browser.text("h1").startswith("Rückwärtsdurchlauf von L = ")
    assert browser.run("return document.title") == "Rückwärtsdurchlauf von error"
    assert browser.text("#where") == f"0 / {len(recorded)} Schritte"
    assert browser.texts("#views label") == ["alle Knoten", "Neuronen", "Schichten"]
    assert browser.run("return document.querySelector('#next').title") == "weiter (→)"
    assert browser.run("return document.querySelector('.toggle').getAttribute('aria-label')") == "layers.0 öffnen"
    browser.press("g")
    browser.run("document.querySelector('#guessed').value = 'x'")
    browser.click("#check")
    assert browser.text("#verdict").startswith("Tippe eine Zahl")
    browser.press("g")
    browser.run("player.explain(player.model.root.place); player.go(1)")
    assert browser.text("#numbers").startswith("Wert ")
    assert browser.text("#spoken").startswith("Schritt 0: ")
    assert browser.text("#rule").startswith("Wert: ")
    browser.press(END, RIGHT)
    rest = browser.run("return document.body.innerText")
    for english in ("gradient", "steps", "forward", "local", "contribution", "save", "Leaves"):
        assert english not in rest, english
    assert browser.errors() == []


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 720), PHONE])
@pytest.mark.parametrize("language", languages())
def test_the_hint_of_the_search_field_is_seen_whole(
    browser: Browser, recorded: Trace, tmp_path: Path, language: str, size: tuple[int, int]
) -> None:
    browser.open(recorded.to_html(tmp_path / "page.html", language=language), size=size)
    room, needed = browser.run("""
        const field = document.querySelector("#search"), style = getComputedStyle(field);
        const drawn = document.createElement("canvas").getContext("2d");
        drawn.font = style.font;
        const clear = parseFloat(style.fontSize); // the cross at its end has a place of its own
        const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
        return [field.clientWidth - padding - clear, drawn.measureText(field.placeholder).width];
    """)
    assert 0 < needed < room


@pytest.mark.parametrize("language", OTHERS)
def test_rules_in_symbols_have_no_word_of_another_language(language: str) -> None:
    table = texts(language)
    for row in {**OPERATIONS, **NOT_IN_TABLE}.values():
        own = symbols(row, table.__getitem__)
        for text in ("value:", "domain:", "no dependence", "tested", "convention", "differentiable everywhere"):
            assert text not in own, row.name
