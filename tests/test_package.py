"""The package as people find it: names, metadata, files; `tests/wheels.py` installs it on every Python there is."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import autodiff
import autodiff.nn
import nn
from docs import project

ROOT = Path(__file__).parents[1]
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_nn_has_a_second_name_and_is_one_module():
    from autodiff.nn.layers import Layer

    from autodiff.nn import MLP

    assert autodiff.nn is nn
    assert (MLP, Layer) == (nn.MLP, nn.Layer)


def test_another_nn_is_named(tmp_path):
    (tmp_path / "nn.py").write_text("")
    path = [str(tmp_path), str(ROOT)]
    code = f"import sys; sys.path[:0] = {path}; import autodiff.nn"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert f"finds another one first, {tmp_path / 'nn.py'}: rename that" in run.stderr


def test_the_version_is_one():
    assert METADATA["version"] == autodiff.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [autodiff.__version__]


def test_where_the_project_is_at_home_is_one_line(tmp_path, monkeypatch):
    assert set(METADATA["urls"].values()) == {
        project.SITE, project.REPOSITORY, project.ISSUES, f"{project.REPOSITORY}/blob/main/CHANGELOG.md",
    }  # fmt: skip
    for name in project.PLACES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for home in ("https://somewhere.example/here", "https://elsewhere.example"):  # it can move again
        monkeypatch.setattr(project, "HOME", home)
        project.main(tmp_path)
        for name in project.PLACES:
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert home in text, name
            host = re.compile(r"https://\w+\.example\b")
            assert {*host.findall(text)} == {*host.findall(home)}  # and of the one before, nothing is left


def test_every_python_that_is_promised_has_its_classifier():
    promised = [each.rpartition(" ")[2] for each in METADATA["classifiers"] if re.search(r":: 3\.\d+$", each)]
    assert promised[0] == METADATA["requires-python"].removeprefix(">=")
    assert promised == [f"3.{minor}" for minor in range(11, 11 + len(promised))]
