"""Every demo runs headless, says what it shows, and writes nothing but its own files."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DEMOS = {
    "backpropagation": {"before", "after"},
    "checking": {"mismatch"},
    "city_names": {"invented"},
    "custom_operation": {"softsign"},
    "debugger": {"session", "train"},
    "digits": {"mistakes"},
    "higher_order": {"second_derivative"},
    "jax_gradient": {"graph", "pass"},
    "moons": {"decision_boundary", "loss_curve"},
    "take_along": {"main", "network"},
    "torch_nan": {"nan", "network", "pass"},
}
NEEDED = {"jax_gradient": "jax", "torch_nan": "torch"}
"""What a demo needs beside the extra of the demos."""
QUICK = {
    "city_names": ["--epochs", "1", "--longest", "3", "--names", "3"],
    "digits": ["--epochs", "1"],
    "moons": ["--epochs", "3"],
}


def demo(name):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name], reason=f"{NEEDED[name]} is not installed")
    return importlib.import_module(f"demos.{name}")


def run(name, *arguments):
    demo(name).main([*arguments, *QUICK.get(name, [])])


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_writes_its_own_files_and_no_other(name, tmp_path, capsys):
    other = tmp_path / "mine.txt"
    other.write_text("keep", encoding="utf-8")
    run(name, "--out", str(tmp_path))
    assert {path.stem for path in tmp_path.iterdir()} == DEMOS[name] | {"mine"}
    assert all(path.stat().st_size for path in tmp_path.iterdir())
    assert other.read_text(encoding="utf-8") == "keep"
    assert str(tmp_path) in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", DEMOS)
def test_the_same_seed_gives_the_same_output(name, tmp_path, capsys):
    outputs = []
    for _ in range(2):
        run(name, "--seed", "3", "--out", str(tmp_path))
        outputs.append(re.sub(r" *\d+(\.\d+)? ?m?s\b", "", capsys.readouterr().out))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("name", DEMOS)
def test_help_names_the_options(name, capsys):
    with pytest.raises(SystemExit) as stop:
        demo(name).main(["--help"])
    assert stop.value.code == 0
    assert {"--seed", "--out"} <= set(capsys.readouterr().out.replace(",", " ").split())


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path):
    file = tmp_path / "file"
    file.write_text("keep", encoding="utf-8")
    with pytest.raises(SystemExit, match="is a file"):
        run("backpropagation", "--out", str(file))
    assert file.read_text(encoding="utf-8") == "keep"


def test_the_main_job_shows_the_chain_rule_in_numbers_and_the_error_falling(tmp_path, capsys):
    run("backpropagation", "--out", str(tmp_path))
    text = capsys.readouterr().out
    steps = re.findall(r"(-?[\d.]+) × +(-?[\d.]+) = +(-?[\d.]+) →", text)
    assert len(steps) == 24
    for local, upstream, contribution in steps:
        assert float(local) * float(upstream) == pytest.approx(float(contribution), abs=6e-4)  # printed to 4 digits
    losses = [float(loss) for loss in re.findall(r"step +\d+ +([\d.]+)", text)]
    assert len(losses) == 11
    assert losses == sorted(losses, reverse=True)


def test_the_session_of_the_debugger_stops_where_it_should_and_shows_the_steps(tmp_path, capsys):
    run("debugger", "--out", str(tmp_path))
    text = (tmp_path / "session.txt").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert re.findall(r"^> train\.py\((\d+)\)", text, re.MULTILINE) == ["1", "11", "12", "11", "12", "12", "14", "1"]
    assert len(re.findall(r"^∂L/∂.+ = -?\S+ × \S+ = \S+$", text.replace("−", "-"), re.MULTILINE)) == 4
    assert not re.search("Error|0x[0-9a-f]", text)


def test_a_nan_of_pytorch_is_found_with_its_numbers_and_its_line(tmp_path, capsys):
    run("torch_nan", "--out", str(tmp_path))
    text = capsys.readouterr().out
    assert re.search(r"[1-9]\d* of 17 gradients are nan", text)
    assert re.search(
        r"where v\d+ = sqrt\(v\d+\) = sqrt\(0\.0\) = 0\.0\n  in .*torch_nan\.py, line \d+: distance = ", text
    )
    assert "All 17 gradients are finite" in text


def test_without_a_dot_the_main_job_writes_text_and_says_how_to_get_pictures(tmp_path, capsys, monkeypatch):
    from autodiff.drawing import files, rendering

    monkeypatch.setattr(rendering, "find_dot", lambda *_: None)
    monkeypatch.setattr(files, "find_dot", lambda *_: None, raising=False)
    run("backpropagation", "--out", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"before.txt", "after.txt"}
    assert 'pip install "graphviz-pure<0.3"' in capsys.readouterr().out


def test_output_can_be_piped_where_the_machine_has_an_old_code_page(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "demos.custom_operation", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, cwd=Path(__file__).parent.parent)
    assert done.returncode == 0, done.stderr.decode()
    assert "softsign" in done.stdout.decode("utf-8")
