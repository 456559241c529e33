"""Finding a ``dot`` and running it: the one place where pictures leave Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import graphviz
from graphviz.backend import dot_command

from autodiff.text import one_line, short
from autodiff.value import Value

SETTING = "AUTODIFF_DOT"
HINT = 'for pictures, install Graphviz or: pip install "graphviz-pure<0.3"'
PICTURES = (".svg", ".png", ".pdf")
COLUMN = 650
"""Points: about the width of a notebook's column."""
TIMEOUT = 120.0
"""Seconds; a graph of 3000 nodes takes about 6."""


def find_dot(setting: str | os.PathLike[str] | None = None) -> str | None:
    """The path of the program that lays out graphs; None if there is none.

    It is the setting, else the environment variable AUTODIFF_DOT ("none" for no program at all), else a ``dot`` of the
    system, else the ``graphviz-pure`` beside this Python, else one on the PATH.

    Raises:
        FileNotFoundError: the setting or AUTODIFF_DOT is the path of no program.
    """
    wanted = os.fspath(setting) if setting is not None else os.environ.get(SETTING, "")
    if wanted.lower() == "none":
        return None
    if wanted:
        found = shutil.which(wanted)
        if found is None:
            source = "the argument dot" if setting is not None else f"the environment variable {SETTING}"
            raise FileNotFoundError(
                f"{source} is {wanted!r}, which is no program: give the path of Graphviz's dot, or 'none'"
            )
        return found
    beside = Path(sys.executable).parent
    places = os.pathsep.join(map(str, (beside, beside / "Scripts")))
    return shutil.which("dot") or shutil.which("graphviz-pure", path=places) or shutil.which("graphviz-pure")


def run_dot(dot: str, source: str, suffix: str) -> bytes:
    """The picture of DOT text, in the format of that name: "svg", "png" or, with a dot of the system, "pdf".

    "json0" gives the places of everything instead, in points.

    Raises:
        ValueError: this dot does not write that format.
        RuntimeError: the dot failed, or took longer than 120 s.
    """
    if suffix == "pdf" and Path(dot).stem == "graphviz-pure":
        raise ValueError(f"{dot} writes svg and png, not pdf: install Graphviz for that")
    command = [dot, f"-T{suffix}"] + (["-Gdpi=144"] if suffix == "png" else [])
    try:
        ran = subprocess.run(command, input=source.encode(), capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        what = f"{dot} took longer than {TIMEOUT:.0f} s"
        raise RuntimeError(f"{what}: draw less, with fold=, constants=False or depth=") from None
    if ran.returncode or not ran.stdout:
        raise RuntimeError(f"{dot} failed with code {ran.returncode}: {ran.stderr.decode(errors='replace').strip()}")
    return ran.stdout


_lock = threading.Lock()


@contextmanager
def _found_dot() -> Iterator[None]:
    """Let the package graphviz run the dot that :func:`find_dot` finds.

    Raises:
        RuntimeError: there is none.
    """
    dot = find_dot()
    if dot is None:
        raise RuntimeError(f"there is no dot to draw with; {HINT}")
    with _lock:
        before, dot_command.DOT_BINARY = dot_command.DOT_BINARY, Path(dot)
        try:
            yield
        finally:
            dot_command.DOT_BINARY = before


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # graphviz ships no types
    """A ``graphviz.Digraph`` that is rendered, viewed and shown in notebooks with whatever dot there is."""

    def __init__(self, *arguments: Any, root: Any = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.root = root
        """What was drawn, for the text where there is no dot."""

    def copy(self) -> Any:
        """A copy, of the same root."""
        copied = super().copy()
        copied.root = self.root
        return copied

    def render(self, *arguments: Any, **options: Any) -> Any:
        """As ``graphviz.Digraph.render``: write the picture, as SVG unless another format is asked for.

        What the dot says of fonts it has not is of no use to the reader, and is shown with ``quiet=False`` alone.

        Raises:
            RuntimeError: there is no dot.
        """
        with _found_dot():
            return super().render(*arguments, **{"quiet": True, **options})

    def pipe(self, *arguments: Any, **options: Any) -> Any:
        """As ``graphviz.Digraph.pipe``: the picture as bytes, or with ``encoding=`` as text.

        Raises:
            RuntimeError: there is no dot.
        """
        with _found_dot():
            return super().pipe(*arguments, **{"quiet": True, **options})

    def save(self, filename: Any = None, *arguments: Any, **options: Any) -> Any:
        """As ``graphviz.Digraph.save``: write the DOT text.

        Raises:
            ValueError: the name is that of a picture.
        """
        if filename is not None and Path(filename).suffix in PICTURES:
            raise ValueError(f"save() writes DOT text: write render(drawing, {str(filename)!r}) for the picture")
        return super().save(filename, *arguments, **options)

    def view(self, filename: Any = None, directory: Any = None, cleanup: bool | None = None, **options: Any) -> Any:
        """As ``graphviz.Digraph.view``: open the picture; without a name, it is in a temporary folder.

        Raises:
            RuntimeError: there is no dot.
        """
        if filename is None and directory is None:
            directory, cleanup = tempfile.mkdtemp(prefix="autodiff-"), True if cleanup is None else cleanup
        return self.render(filename=filename, directory=directory, view=True, cleanup=bool(cleanup), **options)

    def _repr_mimebundle_(self, *_: object, **__: object) -> dict[str, str]:
        dot = find_dot()
        if dot is None:
            return {"text/plain": f"{self.source}\n{HINT}"}
        picture = svg(dot, self.source)
        return {"text/plain": repr(self), "image/svg+xml": picture, "text/html": image(picture, told(self.root))}


def told(root: Any) -> str:
    """What a picture is of, for those who do not see it."""
    if isinstance(root, Value):
        return f"computation graph of {one_line(root.label) or 'a value'}, {short(root.number)}"
    return f"picture of {type(root).__name__}" if root is not None else "picture of a graph"


def image(picture: str, text: str) -> str:
    """The picture as an image in HTML, which a notebook shows even where it is not trusted, as wide as its column."""
    data = b64encode(picture.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(text)}" style="max-width: 100%">'


def svg(dot: str, source: str) -> str:
    """The ``<svg>`` element as a page needs it: without the head of an XML file, and never wider than the page.

    Notebooks that show it as an image heed no style in it: one that is wider than their column has no width of its own.
    """
    text = run_dot(dot, source, "svg").decode()
    head, rest = text[text.index("<svg") + 4 :].split(">", 1)
    found = re.search(r'width="(\d+)pt"\s+height="\d+pt"', head)
    if found is None or int(found[1]) <= COLUMN:
        return f'<svg style="max-width: 100%; height: auto"{head}>{rest}'
    head = head.replace(found[0], 'width="100%"')
    return f'<svg style="max-width: {found[1]}pt; height: auto"{head}>{rest}'
