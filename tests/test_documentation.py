"""Every program in the documentation runs as its reader would run it, and the checks of the site find what is wrong."""

import re
from pathlib import Path

import pytest

import autodiff
import nn
from autodiff import checking, compiling, tracing
from autodiff.registry import BUILT_IN, OPERATIONS
from docs.snippets import run, snippets

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if snippets(path)]
NEEDS = {
    "bridges.md": "jax torch",
    "gpu.md": "jax",
    "rules.md": "torch",
    "how_to/data.md": "pandas",
    "how_to/scikit_learn.md": "sklearn",
    "how_to/checking.md": "hypothesis",
}


@pytest.fixture
def no_operations_of_others():
    """Pages declare operations by names that other pages and the README use, too."""
    others = {name: OPERATIONS.pop(name) for name in [*OPERATIONS] if name not in BUILT_IN}
    yield
    for name in [*OPERATIONS]:
        if name not in BUILT_IN:
            del OPERATIONS[name]
    OPERATIONS.update(others)


@pytest.mark.slow
@pytest.mark.usefixtures("no_operations_of_others")
@pytest.mark.parametrize("page", [pytest.param(path, id=path.relative_to(DOCS).as_posix()) for path in PAGES])
def test_the_programs_of_a_page_run(page, tmp_path, monkeypatch):
    for needed in NEEDS.get(page.relative_to(DOCS).as_posix(), "").split():
        pytest.importorskip(needed, reason=f"{page.name} needs {needed}")
    monkeypatch.chdir(tmp_path)
    assert run(page)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_outside_of_the_site_lead_somewhere(name):
    text = (DOCS.parent / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert links
    assert [link for link in links if not (DOCS.parent / link).exists()] == []


def test_every_public_name_is_in_the_reference():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((DOCS / "reference").glob("*.md")))
    listed = {name.rpartition(".")[2] for name in re.findall(r"^\.\. auto\w+:: ([\w.]+)", text, re.MULTILINE)}
    public = [(module, name) for module in (autodiff, nn, tracing, checking, compiling) for name in module.__all__]
    names = {getattr(getattr(module, name), "__name__", name) for module, name in public}  # an alias is its own name
    constants = {"NOT_COMPUTED", "OPERATIONS", "ZERO"}
    assert names - listed - {*OPERATIONS} - constants == set()


def test_a_page_has_programs_of_each_kind_and_knows_their_lines(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n<!-- run\nx = 1\n-->\n\n```python\ny = x + 1\n```\n\n```pycon\n>>> y\n2\n```\n\n"
        "```{player}\n:title: It\nloss = 1\n```\n\n```python\n1 / 0  # raises ZeroDivisionError\n```\n"
    )
    found = [(snippet.kind, snippet.line, snippet.raises) for snippet in snippets(page)]
    assert found == [
        ("python", 4, ""), ("python", 8, ""), ("pycon", 12, ""), ("player", 18, ""),
        ("python", 22, "ZeroDivisionError"),
    ]  # fmt: skip
    assert run(page) == 5


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("```pycon\n>>> 1 + 1\n3\n```\n", AssertionError),
        ("```python\n1 / 0\n```\n", ZeroDivisionError),
        ("```python\n1 + 1  # raises ValueError\n```\n", AssertionError),
        ("```python\n1 / 0  # raises ValueError\n```\n", ZeroDivisionError),
    ],
)
def test_a_wrong_program_in_a_page_is_found(program, error, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(program)
    with pytest.raises(error):
        run(page)
