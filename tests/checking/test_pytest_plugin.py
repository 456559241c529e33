"""Laws of the pytest fixture: it is there where asked for, and a failure prints its message."""

import subprocess
import sys

import pytest

TESTS = """
from autodiff import operation

wrong = operation("planted_sign", lambda x: x * x, lambda x, y: -2 * x)

def test_right(gradient_check):
    gradient_check(lambda x: x * x, 3.0, order=2)

def test_wrong(gradient_check):
    gradient_check(wrong, 3.0)
"""


@pytest.mark.parametrize("asked", [True, False])
def test_the_fixture_is_there_only_where_asked_for(asked, tmp_path):
    (tmp_path / "test_user.py").write_text(TESTS)
    plugin = ["-p", "autodiff.checking.pytest_plugin"] if asked else []
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", f"--rootdir={tmp_path}", tmp_path],
        capture_output=True, text=True,
    )  # fmt: skip
    if asked:
        assert "1 failed, 1 passed" in run.stdout
        assert "sign flipped" in run.stdout
    else:
        assert "fixture 'gradient_check' not found" in run.stdout
