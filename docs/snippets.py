"""The programs of the documentation: found in its pages, and run as a reader would run them, from top to bottom.

A fence ``python`` is run in the namespace of its page, ``pycon`` there too, as a doctest; those of ``{player}`` and
``{example}`` are programs of their own. One that is to end with an error says so in its last line, ``# raises
NameOfTheError``. A comment ``<!-- run`` holds what a page needs besides, and does not show.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FENCE = re.compile(r"^(`{3,})(python|pycon|\{player\}|\{example\})([^\n]*)\n(.*?)^\1 *$", re.MULTILINE | re.DOTALL)
HIDDEN = re.compile(r"^<!-- run\n(.*?)^-->$", re.MULTILINE | re.DOTALL)


class Snippet(NamedTuple):
    """A program in a page."""

    kind: str
    line: int
    """Of the page, counted from 1: that of its first line."""
    code: str
    raises: str
    """The name of the error that it ends with; empty if it is to end well."""


def snippets(page: Path) -> list[Snippet]:
    """All programs of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return sorted([*_fences(text), *_hidden(text)], key=lambda snippet: snippet.line)


def _fences(text: str) -> Iterator[Snippet]:
    for found in FENCE.finditer(text):
        code = re.sub(r"\A(:[\w-]+:[^\n]*\n)*", "", found[4])  # without the options
        line = text.count("\n", 0, found.end() - len(code) - len(found[1])) + 1
        raises = re.search(r"# raises (\w+)\n\Z", code)
        yield Snippet(found[2].strip("{}"), line, code, raises[1] if raises else "")


def _hidden(text: str) -> Iterator[Snippet]:
    for found in HIDDEN.finditer(text):
        yield Snippet("python", text.count("\n", 0, found.start()) + 2, found[1], "")


def run(page: Path) -> int:
    """Run the programs of a page in the present folder, and return how many there are.

    Raises:
        AssertionError: a doctest printed something else, or a program did not end as the page says.
        Exception: whatever a program raised that the page does not speak of.
    """
    shared: dict[str, Any] = {"__name__": "__page__"}
    found = snippets(page)
    for snippet in found:
        if snippet.kind == "pycon":
            _doctest(snippet, page, shared)
        else:
            _program(snippet, page, shared if snippet.kind == "python" else {"__name__": "__page__"})
    return len(found)


def _program(snippet: Snippet, page: Path, names: dict[str, Any]) -> None:
    code = "\n" * (snippet.line - 1) + snippet.code
    name = f"{page.parent.name}/{page.name}"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, name, "exec", dont_inherit=True), names)
    except Exception as error:
        if type(error).__name__ != snippet.raises:
            raise
    else:
        assert not snippet.raises, f"{name}, line {snippet.line}: it was to raise {snippet.raises}"


def _doctest(snippet: Snippet, page: Path, names: dict[str, Any]) -> None:
    parsed = doctest.DocTestParser().get_doctest(snippet.code, names, page.name, str(page), snippet.line - 1)
    parsed.globs = names
    told: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(parsed, out=told.append, clear_globs=False)
    assert not runner.failures, "".join(told)
