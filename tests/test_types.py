"""What type checkers say is what runs: mypy and pyright check users' code, and declarations are those of the table."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import autodiff
from autodiff import Value
from docs import declarations
from tests.typing import users_code

FILE = Path(users_code.__file__)
ROOT = FILE.parents[2]
EXPECTED = [at for at, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1) if "  # error" in line]


def test_the_declarations_are_those_of_the_table():
    assert declarations.FILE.read_text(encoding="utf-8") == declarations.text(), "run python -m docs.declarations"


def test_what_is_declared_is_there():
    stub = declarations.FILE.read_text(encoding="utf-8")
    methods = set(re.findall(r"^    def (\w+)\(", stub.partition("class Unary")[0], re.MULTILINE))
    assert len(methods) > 100
    assert {name for name in methods if not hasattr(Value, name)} == set()
    functions = set(re.findall(r"^(\w+): \w+$|^def (\w+)\(", stub, re.MULTILINE))
    assert {name for pair in functions for name in pair if name and not hasattr(autodiff, name)} == set()


def test_code_that_type_checkers_accept_runs():
    users_code.right()


def test_an_array_times_a_value_has_the_declared_type():
    assert (Value(2.0) * np.array([1.0, 2.0])).dtype == object
    assert (Value(2.0) < np.array([1.0, 3.0])).dtype == bool


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_finds_the_errors_in_users_code_and_no_others():
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(FILE)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = {int(at) for at in re.findall(rf"^\S*{FILE.name}:(\d+): error:", run.stdout, re.MULTILINE)}
    assert sorted(found) == EXPECTED, run.stdout + run.stderr


def _pyright() -> str:
    """Why pyright cannot be run here; it brings its own node from the network unless there is one on the PATH."""
    if find_spec("pyright") is None:
        return "pyright is not installed"
    if shutil.which("node") is None:
        return "pyright needs node"
    command = [sys.executable, "-m", "pyright", "--version"]
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    except subprocess.TimeoutExpired:
        return "pyright does not answer"
    return "" if run.returncode == 0 else f"pyright does not run here: {run.stderr[-200:]}"


@pytest.mark.slow
def test_pyright_finds_the_errors_in_users_code_and_no_others():
    if reason := _pyright():
        pytest.skip(reason)
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(FILE)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    told = json.loads(run.stdout)["generalDiagnostics"]
    found = {each["range"]["start"]["line"] + 1 for each in told if each["severity"] == "error"}
    assert sorted(found) == EXPECTED, run.stdout
