"""Laws of files and of the way to a dot."""

import os
import re
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import graphviz
import pytest

from autodiff import Value
from autodiff.drawing import draw, find_dot, notebook_picture, render

SVG = "{http://www.w3.org/2000/svg}"
needs_dot = pytest.mark.skipif(find_dot() is None, reason="no dot on this machine: pip install graphviz-pure")
NASTY = [
    'say "hi"', "<b>bold</b>", "a & b &amp; &lt; &#955;", "{x|y}", r"\N \n \G \L \E \\ \l end\ "[:-1], "two\nlines",
    "λ ∂ 🙂 Ünï", "<", "-->", "]]>", "%d {0}", "'", "<TABLE>", "a\\",
]  # fmt: skip


def loss() -> Value:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    out = (a * b + 10).tanh()
    out.backward()
    return out


def texts(svg: bytes, node: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    group = next(g for g in root.iter(f"{SVG}g") if g.get("id") == node)
    return ["".join(text.itertext()).replace("\u00a0", " ") for text in group.iter(f"{SVG}text")]


@needs_dot
@pytest.mark.parametrize("label", NASTY)
def test_a_label_comes_out_as_typed(label: str, tmp_path: Path) -> None:
    leaf = Value(1.0, label=label)
    svg = render(leaf * 2.0, tmp_path / "label.svg").read_bytes()
    shown = texts(svg, "n0")
    lines = label.split("\n")
    assert shown[: len(lines)] == lines


@needs_dot
@pytest.mark.parametrize("label", ["\x00\x1b\x7f", "\ud800", "\ufffe", "\r\n", " ", "\t"])
def test_characters_that_no_xml_can_hold_do_not_break_the_picture(label: str, tmp_path: Path) -> None:
    svg = render(Value(1.0, label=label) * 2.0, tmp_path / "label.svg").read_bytes()
    assert texts(svg, "n0")


@needs_dot
def test_svg_elements_have_stable_ids_and_classes(tmp_path: Path) -> None:
    svg = render(loss(), tmp_path / "a.svg", prefix="p-").read_bytes()
    classes = {g.get("id"): set(g.get("class", "").split()) for g in ElementTree.fromstring(svg).iter(f"{SVG}g")}
    assert {"node", "variable"} < classes["p-n0"]
    assert {"node", "result", "op-multiply"} < classes["p-n2"]
    assert {"edge"} < classes["p-e2_0"]
    assert len(re.findall(rb'\bid="', svg)) == len(set(re.findall(rb'\bid="([^"]*)"', svg)))


@needs_dot
def test_png_and_svg_are_written_by_suffix(tmp_path: Path) -> None:
    assert render(loss(), tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in render(draw(loss()), tmp_path / "a.SVG").read_bytes()
    assert render(loss(), tmp_path / "a.gv", dot="none").read_text(encoding="utf-8") == draw(loss()).source


def test_other_formats_are_refused_with_those_that_are_allowed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg, \.png.*not 'a\.gif'"):
        render(loss(), tmp_path / "a.gif")
    with pytest.raises(TypeError, match="pass fold to draw"):
        render(draw(loss()), tmp_path / "a.svg", fold="neuron")


@pytest.mark.skipif(Path(find_dot() or "").stem != "graphviz-pure", reason="this dot writes pdf")
def test_pdf_is_refused_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not pdf: install Graphviz"):
        render(loss(), tmp_path / "a.pdf")


def test_without_a_dot_a_text_tree_is_written_that_says_how_to_get_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODIFF_DOT", "none")
    written = render(loss(), tmp_path / "a.svg")
    head, _, tree = written.read_text(encoding="utf-8").partition("\n\n")
    assert written == tmp_path / "a.txt"
    assert 'pip install "graphviz-pure<0.3"' in head
    assert tree.startswith("v5 = tanh")
    assert not (tmp_path / "a.svg").exists()
    assert render(draw(loss()), tmp_path / "b.png").read_text(encoding="utf-8").endswith(tree)
    assert set(notebook_picture(loss())) == {"text/plain"}


def test_no_dot_is_found_on_an_empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTODIFF_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert find_dot() is None


def test_a_setting_that_is_no_program_is_said_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="argument dot is '/no/such/dot'"):
        find_dot("/no/such/dot")
    monkeypatch.setenv("AUTODIFF_DOT", "/no/such/dot")
    with pytest.raises(FileNotFoundError, match="AUTODIFF_DOT is '/no/such/dot'"):
        find_dot()
    assert notebook_picture(loss())["text/plain"]


@needs_dot
def test_a_failing_dot_is_reported_with_what_it_said(tmp_path: Path) -> None:
    picture = draw(loss())
    picture.body.append("\t]]]\n")
    with pytest.raises(RuntimeError, match="syntax error"):
        render(picture, tmp_path / "a.svg")


@needs_dot
def test_threads_can_render_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda i: render(loss(), tmp_path / f"{i}.svg").read_bytes(), range(8)))
    assert len(set(written)) == 1


@needs_dot
def test_notebook_pictures_of_different_graphs_share_no_id_and_are_the_same_in_every_run() -> None:
    first, again = (notebook_picture(loss())["image/svg+xml"] for _ in range(2))
    other = notebook_picture(loss() * 2)["image/svg+xml"]
    ids = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (first, other)]
    assert first == again
    assert ids[0]
    assert not ids[0] & ids[1]
    assert first.startswith("<svg")


def test_a_leaf_is_shown_as_text() -> None:
    assert set(notebook_picture(Value(2.0))) == {"text/plain"}


@needs_dot
def test_of_a_graph_too_large_for_a_notebook_the_last_operations_are_shown() -> None:
    many = sum((Value(1.0) for _ in range(400)), Value(0.0))
    picture = notebook_picture(many)["image/svg+xml"]
    assert 20 < picture.count('class="node') <= 100
    assert re.search("operands?(&#160;| )not(&#160;| )drawn", picture)


@needs_dot
def test_a_setting_comes_before_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_dot()
    assert found is not None
    other = tmp_path / ("dot.bat" if os.name == "nt" else "dot")
    other.write_text("#!/bin/sh\n", encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_dot() == str(other)
    assert find_dot(found) == found
    monkeypatch.setenv("AUTODIFF_DOT", found)
    assert find_dot() == found


def test_a_text_tree_can_hold_every_label(tmp_path: Path) -> None:
    root = Value(1.0, label="\ud800\x00\n<λ>") * 2.0
    assert "<λ>" in render(root, tmp_path / "a.svg", dot="none").read_text(encoding="utf-8")


@needs_dot
def test_what_the_package_graphviz_does_with_a_drawing_needs_no_dot_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = draw(loss())
    assert picture.pipe().startswith(b"<?xml")
    assert Path(picture.render("picture", cleanup=True)).read_text(encoding="utf-8").startswith("<?xml")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.svg"]
    neuron = (Value(0.5, label="neurons.0.bias") * 2.0).tanh()
    for network in (picture, draw(neuron, fold="neuron")):
        assert "<svg" in network.pipe(format="svg", encoding="utf-8")
    assert capfd.readouterr().err == ""  # of fonts that graphviz-pure does not know, too
    monkeypatch.setenv("AUTODIFF_DOT", "none")
    with pytest.raises(RuntimeError, match="there is no dot to draw with; for pictures, install"):
        picture.render("other")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.svg"]


@needs_dot
def test_view_leaves_no_file_where_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr(graphviz.Digraph, "_view", lambda self, path, **_: opened.append(path))
    draw(loss()).view()
    assert [Path(path).suffix for path in opened] == [".svg"]
    assert list(tmp_path.iterdir()) == []
