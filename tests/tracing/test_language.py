"""Laws of the languages of the player: no text is missing or left over, and a page says what its language has."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from autodiff.__main__ import main
from autodiff.tracing import Trace, trace
from autodiff.tracing.language import ENGLISH, languages, texts
from autodiff.tracing.player.page import NOSCRIPT, PROGRAM, TITLE
from tests.browser import Browser, contents
from tests.tracing.test_player import END, RIGHT, network

OTHERS = [language for language in languages() if language != ENGLISH]
FOLDER = files("autodiff.tracing.player")


def said() -> set[str]:
    """The English texts of the page: those of its template, and those that its program says."""
    scripts = [*PROGRAM, "live.js", "updates.js", "start.js"]
    program = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in scripts)
    literals = {literal.replace("\\n", "\n") for literal in re.findall(r'"((?:[^"\\\n]|\\n)*)"', program)}
    template = (FOLDER / "player.html").read_text(encoding="utf-8").replace("&gt;", ">")
    shown = {text.strip() for text in re.findall(r">([^<>{}]+)<", template)}
    shown |= set(re.findall(r'(?:title|aria-label|placeholder)="([^"]+)"', template))
    return literals | {text for text in shown if text} | {TITLE, NOSCRIPT}


def needed() -> set[str]:
    """What must be there: the arguments of ``say``, and the template's texts that have words."""
    scripts = [*PROGRAM, "live.js", "updates.js"]
    program = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in scripts)
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
    browser.press(END, RIGHT)
    rest = browser.run("return document.body.innerText")
    for english in ("gradient", "steps", "forward", "local", "contribution", "save", "Leaves"):
        assert english not in rest, english
    assert browser.errors() == []
