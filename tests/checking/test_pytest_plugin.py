"""Laws of the pytest fixture: it is there, for a whole session, and a failure prints its message alone."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PLUGIN = "autodiff.checking.pytest_plugin"
TESTS = """
import numpy as np
from autodiff import check_gradients, operation

wrong = operation("planted_sign", lambda x: x * x, lambda x, y: -2 * x)

def test_right(gradient_check):
    gradient_check(lambda x: x * x, 3.0, order=2)

def test_wrong(gradient_check):
    gradient_check(wrong, 3.0)

def test_wrong_without_the_fixture():
    check_gradients(np.sum, np.ones(2), gradient=lambda w: 2 * np.ones(2))
"""
UNDER_GIVEN = """
from hypothesis import given
from autodiff import operation
from autodiff.checking.strategies import arrays, expressions, gradients_match, points

wrong = operation("planted_sign", lambda x: x * x, lambda x, y: -2 * x)

@given(points(2))
def test_given(gradient_check, point):
    gradient_check(lambda x, y: (x * y).tanh(), point)

@given(expressions(arity=2, max_size=8), points(2, min_value=0.5, max_value=2.0))
def test_expressions(gradient_check, f, point):
    try:
        gradient_check(f, point, allow_unused=True)
    except ValueError as error:
        assert "not finite" in error.reason

test_one_line = gradients_match(lambda x, y: x.sin() * y, points(2))
test_arrays = gradients_match(lambda w: (w * w).sum(), arrays((2, 2)))
test_wrong = gradients_match(wrong, points(1, min_value=1.0))
"""


def run(text, folder):
    (folder / "test_user.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", f"--rootdir={folder}", folder],
        capture_output=True, text=True, cwd=folder,
    ).stdout  # fmt: skip


def test_pytest_finds_the_plugin_by_its_own_name():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}  # another name could not be asked for once more


def test_a_failure_shows_its_message_and_not_the_library(tmp_path):
    printed = run(TESTS, tmp_path)
    assert "2 failed, 1 passed" in printed
    assert "sign flipped" in printed
    assert "factor 2" in printed
    assert "gradients.py" not in printed
    assert "mistakes.py" not in printed
    assert len(printed.splitlines()) < 80


def test_it_can_be_used_under_given(tmp_path):
    pytest.importorskip("hypothesis", reason="hypothesis is not installed (pip install hypothesis)")
    printed = run(UNDER_GIVEN, tmp_path)
    assert "1 failed, 4 passed" in printed
    assert "sign flipped" in printed
    assert not re.search(r"(FailedHealthCheck|DeadlineExceeded|Flaky|gradients\.py)", printed)
