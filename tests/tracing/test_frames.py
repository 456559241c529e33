"""Laws of the pictures of a pass: each step's picture shows that moment, and all have one layout."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from autodiff import Operation, Value, total
from autodiff.drawing import find_dot, render
from autodiff.drawing.colours import ACTIVE
from autodiff.text import short
from autodiff.tracing import Trace, dumps, loads, record_sources, trace

SVG = "{http://www.w3.org/2000/svg}"
needs_dot = pytest.mark.skipif(find_dot() is None, reason="no dot on this machine: pip install graphviz-pure")


def record() -> Trace:
    w, x, b = Value(0.5, label="w"), Value(-2.0, label="x"), Value(0.1, label="b")
    h = (w * x + b).tanh()
    return trace((h * h - 3 * w) ** 2 + w)


def boxes(svg: Path) -> dict[str, tuple[str, str]]:
    """The classes and the text of each node in a picture."""
    groups = ElementTree.parse(svg).getroot().iter(f"{SVG}g")
    found = [g for g in groups if (g.get("class") or "").startswith("node ")]
    return {
        g.attrib["id"]: (g.attrib["class"], " ".join("".join(g.itertext()).replace("\u00a0", " ").split()))
        for g in found
    }


@needs_dot
def test_each_picture_shows_the_gradients_of_its_moment(tmp_path: Path) -> None:
    recorded = record()
    frames = recorded.save_frames(tmp_path / "new")
    assert [path.name for path in frames] == [f"frame_{n:04}.svg" for n in range(len(recorded) + 1)]
    for taken, path in enumerate(frames):
        now = {recorded.root.place: 1.0} | {step.parent.place: step.after for step in recorded[:taken]}
        later = {step.parent.place for step in recorded[taken:]}
        for id_, (classes, text) in boxes(path).items():
            place = int(id_[1:])
            if recorded.nodes[place].op == "constant":
                continue
            if place not in now:
                assert "not computed" in text
            else:
                assert f"grad {short(now[place])}" in text
            assert ("+ …" in text) == (place in now and place in later)
            assert ("final" in classes.split()) == (place in now and place not in later)
        active = {int(id_[1:]) for id_, (classes, _) in boxes(path).items() if "active" in classes}
        step = recorded[taken - 1]
        assert active == ({step.node.place, step.parent.place} if taken else set())


@needs_dot
def test_all_pictures_of_a_pass_have_one_layout(tmp_path: Path) -> None:
    layouts = set()
    for path in record().save_frames(tmp_path):
        root = ElementTree.parse(path).getroot()
        outlines = [
            g.find(f".//{SVG}path").get("d")  # type: ignore[union-attr]
            for g in root.iter(f"{SVG}g") if (g.get("class") or "").startswith("node ")
        ]  # fmt: skip
        layouts.add((root.get("viewBox"), *outlines))
    assert len(layouts) == 1


@needs_dot
def test_the_same_program_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again = (record().save_frames(tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_a_picture_says_the_step_and_marks_its_edge() -> None:
    recorded = record()
    for place, step in enumerate(recorded):
        source = recorded.draw(place).source
        assert f"step {place}:  {step}" in source
        edge = next(line for line in source.splitlines() if f"id=e{step.node.place}_{step.position} " in f"{line} ")
        assert ACTIVE in edge
        assert "dir=back" in edge
        assert f"+= {short(step.contribution)}" in edge
    assert recorded.draw(-1).source == recorded.draw(len(recorded) - 1).source
    start = recorded.draw()
    assert "start:  L = " in start.source
    assert ACTIVE not in start.source
    assert "+= " not in start.source.replace("+= contribution", "")


def test_a_picture_says_the_line_that_computed_the_result() -> None:
    w = Value(3.0, label="w")
    with record_sources():
        recorded = trace(w * w)
    assert f"= 3.0   {recorded[0].node.source}<" in recorded.draw(0).source


def test_the_colours_mean_the_same_in_all_pictures() -> None:
    recorded = record()
    legends = {re.search(r"size of gradient.*", recorded.draw(k).source)[0] for k in range(len(recorded))}  # type: ignore[index]
    assert len(legends) == 1


def test_gradients_from_before_are_there_at_the_start() -> None:
    w = Value(3.0, label="w")
    w.grad = 5.0
    source = trace(w * 2.0, 0.5, accumulate=True).draw().source
    assert "5 + …" in source
    assert "∂L/∂v2 = 0.5" in source


def test_drawing_leaves_the_graph_alone() -> None:
    w = Value(3.0, label="w")
    loss = w * w
    recorded = trace(loss)
    w.data, w.grad = 7.0, 9.0
    assert "data 3.0" in recorded.draw(0).source
    assert (w.data, w.grad, loss.grad) == (7.0, 9.0, 1.0)


def test_a_loaded_trace_is_drawn_as_the_recorded_one() -> None:
    recorded = record()
    loaded = loads(dumps(recorded))
    assert [loaded.draw(k).source for k in range(len(loaded))] == [recorded.draw(k).source for k in range(len(loaded))]


def test_an_operation_that_is_not_declared_here_is_named() -> None:
    twice = Operation("twice_as_much", lambda x: x + x, lambda x, y: 2.0)
    saved = dumps(trace(twice(Value(1.0))))
    with pytest.raises(ValueError, match="unknown operation 'twice_as_much'"):
        loads(saved).draw(0)


def test_a_part_is_drawn_if_it_is_the_first() -> None:
    recorded = record()
    assert "step 2:" in recorded[:3].draw(-1).source
    with pytest.raises(ValueError, match=r"step 0 is not in this trace: .* such as trace\[:5\]"):
        recorded[1:].draw(0)


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (99, ValueError, "there is no step 99: this trace has 13, counted from 0"),
        (-14, ValueError, "no step -14"),
        ("w", TypeError, "a step is an int or None, not 'w'"),
        (True, TypeError, "not True"),
    ],
)
def test_a_step_that_is_not_there_is_refused(step: object, error: type[Exception], message: str) -> None:
    assert len(record()) == 13
    with pytest.raises(error, match=message):
        record().draw(step)  # type: ignore[arg-type]


def test_modules_are_folded_in_pictures_too() -> None:
    weights = [Value(0.5, label=f"layers.0.neurons.{i}.weights.0") for i in range(2)]
    x = Value(2.0, label="x")
    recorded = trace((weights[0] * x).tanh() + (weights[1] * x).tanh())
    assert "neurons.1" in recorded.draw(3, fold="neuron").source
    assert recorded.draw(3, fold="neuron", legend=False).source.count("->") < recorded.draw(3).source.count("->")


@needs_dot
@pytest.mark.parametrize("taken", [None, 0, 20])
def test_texts_of_a_folded_network_stay_in_their_boxes_and_the_caption_in_the_picture(
    tmp_path: Path, taken: int | None
) -> None:
    signals = [Value(0.3 * i - 0.4, label=f"x{i}") for i in range(4)]
    for layer in range(2):
        names = [f"layers.{layer}.neurons.{i}" for i in range(4)]
        signals = [
            total(Value(0.007, label=f"{name}.weights.{i}") * signal for i, signal in enumerate(signals)).tanh()
            for name in names
        ]
    root = ElementTree.parse(render(trace(total(signals)).draw(taken, fold="neuron"), tmp_path / "frame.svg")).getroot()
    left_edge = float(root.attrib["viewBox"].split()[0])
    boxes = [g for g in root.iter(f"{SVG}g") if (g.get("class") or "").startswith("node")]
    assert sum("folded" in g.attrib["class"] for g in boxes) == 8
    for group in boxes:
        texts = [float(text.attrib["x"]) for text in group.iter(f"{SVG}text")]
        outlines = [path.attrib["d"] for path in group.iter(f"{SVG}path")] if group.get("id") != "legend" else []
        across = [float(x) for outline in outlines for x in re.findall(r"(-?[\d.]+),", outline)]
        assert min(texts) > min(across, default=left_edge)


@needs_dot
def test_png_frames_and_an_animation_are_pictures(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="no Pillow here: pip install pillow")
    recorded = record()[:4]
    sizes = set()
    for path in recorded.save_frames(tmp_path / "png", suffix="png"):
        with image.open(path) as frame:
            assert frame.format == "PNG"
            sizes.add(frame.size)
    assert len(sizes) == 1
    path = recorded.save_gif(tmp_path / "pass.gif", seconds=0.25, width=400)
    with image.open(path) as animation:
        assert (animation.n_frames, animation.width, animation.info["loop"]) == (5, 400, 0)
        durations, pages = [], set()
        for place in range(animation.n_frames):
            animation.seek(place)
            durations.append(animation.info["duration"])
            page = animation.convert("RGB")
            assert page.getpixel((1, 1)) == (255, 255, 255)
            pages.add(page.tobytes())
    assert durations == [250] * 4 + [750]
    assert len(pages) == 5


@needs_dot
def test_wrong_options_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="no Pillow here: pip install pillow")
    recorded = record()
    with pytest.raises(ValueError, match="must be 'svg' or 'png', not 'pdf'"):
        recorded.save_frames(tmp_path / "frames", suffix="pdf")
    with pytest.raises(ValueError, match="direction must be one of"):
        recorded.save_frames(tmp_path / "frames", direction="up")
    with pytest.raises(ValueError, match=r"must end in \.gif, not 'a\.png'"):
        recorded.save_gif(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"seconds must be from 0\.01 to 600, not 0"):
        recorded.save_gif(tmp_path / "a.gif", seconds=0)
    with pytest.raises(ValueError, match="width must be an int from 1 on"):
        recorded.save_gif(tmp_path / "a.gif", width=0)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_said_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODIFF_DOT", "none")
    with pytest.raises(RuntimeError, match=r"no dot to draw frames with; .*pip install .graphviz-pure"):
        record().save_frames(tmp_path / "frames")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        record().save_gif(tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []
