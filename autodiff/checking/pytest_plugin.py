"""A pytest fixture, ``gradient_check``: pytest finds it where this package is installed.

It is the same for a whole session, so that it can be used under hypothesis' ``@given``::

    def test_my_loss(gradient_check):
        gradient_check(my_loss, (0.5, -1.0), order=2)

    @given(points(2))
    def test_my_loss_everywhere(gradient_check, point):
        gradient_check(my_loss, point)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import pytest
except ImportError as error:
    raise ImportError("pytest is not installed: pip install pytest") from error


@pytest.fixture(scope="session")
def gradient_check() -> Callable[..., Any]:
    """:func:`autodiff.checking.check_gradients`, warm; a failure shows its message and nothing of this library."""
    from autodiff.checking import gradients  # here: pytest loads this module whether the fixture is used or not

    gradients.warm_up()
    return gradients.check_gradients
