"""Fixtures that tests of several folders share."""

from tests.browser import browser as browser
