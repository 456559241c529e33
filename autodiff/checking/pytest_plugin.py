"""A pytest fixture, ``gradient_check``. It is there only where it is asked for.

In a ``conftest.py`` write ``pytest_plugins = ["autodiff.checking.pytest_plugin"]``, or run
``pytest -p autodiff.checking.pytest_plugin``; then::

    def test_my_loss(gradient_check):
        gradient_check(my_loss, (0.5, -1.0), order=2)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import pytest
except ImportError as error:
    raise ImportError("pytest is not installed: pip install pytest") from error

from autodiff.checking.gradients import Report, check_gradients
from autodiff.checking.messages import GradientMismatchError


@pytest.fixture
def gradient_check() -> Callable[..., Report]:
    """:func:`autodiff.checking.check_gradients`, with a failure that prints its message alone."""

    def check(f: Callable[..., Any], inputs: Any, order: int = 1, **options: Any) -> Report:
        __tracebackhide__ = True
        try:
            return check_gradients(f, inputs, order, **options)
        except GradientMismatchError as mismatch:
            message = str(mismatch)
        pytest.fail(message, pytrace=False)

    return check
