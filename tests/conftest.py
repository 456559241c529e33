"""Fixtures and options that tests of several folders share."""

from tests.browser import browser as browser


def pytest_addoption(parser):
    parser.addoption("--fuzz", type=int, metavar="N", help="how many random functions test_fuzz.py tries")
