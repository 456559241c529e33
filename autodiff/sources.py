"""``record_sources``: where in the user's program the number of each node came from."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from autodiff.backward import topological_order
from autodiff.hooks import Observer, during, observed_by
from autodiff.text import one_line, printable
from autodiff.value import Value
from autodiff.versions import check_operands


class Source(NamedTuple):
    """A line of the user's program: prints as ``train.py:12``."""

    file: str
    """The path as Python knows it."""
    line: int

    @property
    def text(self) -> str:
        """What stands there, without indentation; empty if the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def quoted(self) -> str:
        """The whole path, the line and its text, as errors show them."""
        return one_line(f"{self.file}, line {self.line}" + (f": {self.text}" if self.text else ""))

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


class CodeLine(NamedTuple):
    """A line of the user's program as it stands in the file."""

    file: str
    """The name of the file, without its folder."""
    line: int
    text: str


AROUND = 2
"""How many lines a listing has before and after each that computed something."""


def listing(sources: Iterable[Source]) -> tuple[CodeLine, ...]:
    """The lines of the user's program that computed something, and those around them, file by file."""
    wanted: dict[str, set[int]] = {}
    for file, line in set(sources):
        wanted.setdefault(file, set()).update(range(line - AROUND, line + AROUND + 1))
    found = []
    for file in sorted(wanted):
        lines = linecache.getlines(file)
        for line in sorted(wanted[file] & {*range(1, len(lines) + 1)}):
            found.append(CodeLine(os.path.basename(file), line, printable(lines[line - 1].rstrip().expandtabs(4))))
    return tuple(found)


class Stamp(int):
    """The stamp of a node, a count, that also says where the node's number came from.

    Every node has a stamp. So a source needs no memory where none is recorded, copies and pickles of a node keep it,
    and a leaf loses it when it is given other data.
    """

    source: Source

    def __reduce__(self) -> tuple[Callable[..., Stamp], tuple[int, str, int]]:
        return _stamp, (int(self), *self.source)


@lru_cache(maxsize=1024)
def _stamp(count: int, file: str, line: int) -> Stamp:
    """One object for all nodes of a line, as long as no data is changed."""
    stamp = Stamp(count)
    stamp.source = Source(file, line)
    return stamp


class _Recorder(Observer):
    def recorded(self, node: Value) -> None:
        source = _replayed.get() or user_line()
        if source is not None:
            node.stamp = _stamp(int(node.stamp), *source)

    def given(self, leaf: Value) -> None:
        self.recorded(leaf)

    def begins(self, root: Value, seed: float) -> None:
        order = topological_order(root)
        for node in order:
            try:
                check_operands(node, order)
            except RuntimeError as error:
                leaf = max(node.parents, key=lambda parent: -1 if parent.parents else parent.stamp)
                for what, source in (("changed", leaf.source), ("computed from the old data", node.source)):
                    if source:
                        error.add_note(f"  {what} in {source.quoted}")
                raise


_replayed: ContextVar[Source | None] = ContextVar("replayed", default=None)
RECORDER = _Recorder()


@contextmanager
def record_sources() -> Iterator[None]:
    """Remember for each number that is computed inside, or given to a leaf, the line of the user's program.

    It is ``node.source``, and shown in the node's repr, in traces, drawings and errors. The user's program is all
    that is not this package, ``nn``, the standard library or an installed package: of a network's node it is the line
    that called the network, of a trained parameter the one that called the optimizer. Copies and pickles of a node
    keep its source; numbers in an expression, which are constants, have none.

    >>> w = Value(3.0, label="w")
    >>> with record_sources():
    ...     exec(compile("loss = w * w", "train.py", "exec"))
    >>> print(loss.source, w.source)
    train.py:1 None
    """
    with observed_by(RECORDER):
        yield


@contextmanager
def replaying(source: Source | None) -> Iterator[None]:
    """What is computed inside came from this line, not from the one that runs now: the line is of a program that
    another framework has recorded, and that is replayed on ``Value``s. None for the line that runs.

    >>> with record_sources(), replaying(Source("model.py", 3)): y = Value(2.0) ** 2
    >>> print(y.source)
    model.py:3
    """
    with during(_replayed, source):
        yield


def user_frame() -> FrameType | None:
    """The innermost frame of the user's own code; None if there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_line() -> Source | None:
    """Where the user's program is."""
    frame = user_frame()
    return frame and Source(frame.f_code.co_filename, frame.f_lineno)


_PACKAGE = Path(__file__).parent
_INSTALLED = map(sysconfig.get_path, ("stdlib", "platstdlib", "scripts"))
_LIBRARIES = tuple(
    os.path.normcase(folder) + os.sep for folder in (str(_PACKAGE), str(_PACKAGE.with_name("nn")), *_INSTALLED)
)


@lru_cache(maxsize=4096)
def is_users(file: str) -> bool:
    """Whether a file is what debuggers call "my code": a cell of a notebook is, code made from a string is not."""
    if file.startswith("<"):
        return file in linecache.cache
    installed = {"site-packages", "dist-packages"}.intersection(Path(file).parts)
    return not installed and not os.path.normcase(file).startswith(_LIBRARIES)
