"""Fixtures and options that tests of several folders share."""

import gc

import pytest

from tests.browser import browser as browser


@pytest.fixture(autouse=True, scope="module")
def _quick_collector():
    """What the tests of a module leave behind, above all libraries, is not walked over by the collector from then on."""
    yield
    gc.collect()
    gc.freeze()


def pytest_addoption(parser):
    parser.addoption("--fuzz", type=int, metavar="N", help="how many random functions test_fuzz.py tries")
