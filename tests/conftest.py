"""Fixtures and options that tests of several folders share."""

import gc

import pytest

from tests.browser import browser as browser


@pytest.fixture(autouse=True, scope="module")
def _quick_collector():
    """From then on, the collector does not walk over what the tests of a module left behind, above all libraries."""
    yield
    gc.collect()
    gc.freeze()


def pytest_addoption(parser):
    parser.addoption("--fuzz", type=int, metavar="N", help="how many random functions test_fuzz.py tries")


def pytest_collection_modifyitems(items):
    """Numbers of thousands of digits come first: in a process that has loaded much, they take four times as long."""
    items.sort(key=lambda item: item.path.name != "test_accuracy.py")
