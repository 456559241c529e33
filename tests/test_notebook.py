"""Laws of what notebooks show, and of the notebook among the demos."""

import re
from pathlib import Path
from typing import Any

import pytest

import nn
from autodiff import Value, trace
from autodiff.drawing import find_dot
from nn import MLP, Module, squared_error
from tests.browser import Browser

DEMO = Path(__file__).parents[1] / "demos" / "step_and_see.ipynb"
needs_dot = pytest.mark.skipif(find_dot() is None, reason="no dot on this machine: pip install graphviz-pure")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The outputs of the demo, from a notebook that was run, saved and read again."""
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here: pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="no nbclient here: pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="no ipykernel here: pip install nbclient ipykernel")
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(DEMO, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / "executed.ipynb")
    saved = nbformat.read(folder / "executed.ipynb", as_version=4)
    assert [path.name for path in folder.iterdir()] == ["executed.ipynb"]
    return [output for cell in saved.cells if cell.cell_type == "code" for output in cell.outputs]


def shown(outputs: list[dict[str, Any]], kind: str) -> list[str]:
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def test_the_demo_is_kept_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here: pip install nbclient ipykernel")
    notebook = nbformat.read(DEMO, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_demo_runs_and_prints_the_chain_rule(executed: list[dict[str, Any]]) -> None:
    printed = "".join(output["text"] for output in executed if output.get("name") == "stdout")
    assert "stderr" not in {output.get("name") for output in executed}
    assert "∂L/∂w += ∂v2/∂w · ∂L/∂v2 = 2.0 × −0.846033 = −1.69207" in printed
    assert "the sum over 3 paths" in printed
    assert printed.rstrip().splitlines()[-1].startswith("∂L/∂u += ")


@needs_dot
def test_a_saved_notebook_has_pictures_players_and_modules(executed: list[dict[str, Any]]) -> None:
    assert len(shown(executed, "image/svg+xml")) == 2
    players = [html for html in shown(executed, "text/html") if "<iframe" in html]
    assert len(players) == 2
    assert all("srcdoc=" in player and 'sandbox="allow-scripts"' in player for player in players)
    assert sum("<caption>MLP(2 → 3 tanh → 1" in html for html in shown(executed, "text/html")) == 1


@needs_dot
def test_figures_on_one_page_share_no_id(executed: list[dict[str, Any]]) -> None:
    outside = shown(executed, "image/svg+xml") + [re.sub(r'srcdoc=".*?"', "", h, flags=re.S)
                                                  for h in shown(executed, "text/html")]  # fmt: skip
    ids = [name for figure in outside for name in re.findall(r'\bid="([^"]*)"', figure)]
    assert len(ids) == len(set(ids)) > 0


@needs_dot
def test_the_outputs_work_on_one_page(executed: list[dict[str, Any]], browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "outputs.html"
    parts = shown(executed, "image/svg+xml") + shown(executed, "text/html")
    page.write_text('<!DOCTYPE html><meta charset="utf-8">' + "\n".join(parts), encoding="utf-8")
    browser.open(page)
    for frame in browser.driver.find_elements("css selector", "iframe"):
        with browser.inside(frame):
            browser.click("#next")
            assert browser.text("#where").startswith("1 of ")
    assert browser.errors() == []


def test_a_trace_is_shown_whatever_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(2.0, label="x")
    whole = trace(x * x + x)
    assert set(whole._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert set(whole[1:]._repr_mimebundle_()) == {"text/plain"}
    long = x
    for _ in range(401):
        long = long + 1.0
    assert set(trace(long)._repr_mimebundle_()) <= {"text/plain", "text/html", "image/svg+xml"}
    monkeypatch.setenv("AUTODIFF_DOT", "/no/such/dot")
    assert "not drawn: the environment variable AUTODIFF_DOT" in whole._repr_mimebundle_()["text/plain"]


def test_a_module_shows_its_numbers_and_no_markup_of_names() -> None:
    model = MLP(2, [2, 1], rng=1)
    before = model._repr_html_()
    assert before.count("<tr>") == 4
    assert before.count("not computed") == 3
    squared_error(model([1.0, 2.0]), 1.0).backward()
    assert "not computed" not in model._repr_html_()
    assert f"{model.parameters()[0].data:.4g}".replace("-", "−") in before
    assert "… 22 more" in MLP(2, [16, 16, 2])._repr_html_()

    if find_dot() is not None:
        assert before.startswith('<img src="data:image/svg+xml;base64,')
    assert not nn.LayerNorm(2)._repr_html_().startswith("<img")  # no neurons

    class Odd(Module):
        def __init__(self) -> None:
            self.parts = {"<b>": MLP(1, [1])}
            self.number = Value(1.0)

    Odd().number.grad = None  # type: ignore[assignment]
    assert "<b>" not in Odd()._repr_html_()
    assert "&lt;b&gt;" in Odd()._repr_html_()
