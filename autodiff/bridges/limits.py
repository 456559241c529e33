"""What a bridge refuses, and when: before anything is run, if the shapes or the names of operations tell.

Progress is shown once recording takes longer than a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tqdm import tqdm

from autodiff.sources import Source

LIMIT = 200_000
"""How many numbers a graph may have, unless one asks for more: about 100 MB with their gradients and pictures."""
DELAY = 1.0
"""After how many seconds the bar is shown."""
OPERANDS = 10
"""So many operands of a ``dot`` node take the memory of one more node."""


class UnsupportedError(NotImplementedError):
    """A function uses an operation that the bridge does not know."""


class TooLargeError(ValueError):
    """A function computes more numbers than a graph may have."""


class Part(NamedTuple):
    """What one operation of a function will record."""

    operation: str
    """How the framework calls it."""
    source: Source | None
    """The line of the user's program that calls it."""
    results: int
    """How many numbers it records, in all its repetitions."""
    operands: int = 0
    """How many operands these have together, if they have many."""

    @property
    def size(self) -> int:
        """The results, and what their operands take."""
        return max(self.results, self.operands // OPERANDS)


def unsupported(framework: str, operation: str, source: Source | None, instead: str = "") -> UnsupportedError:
    """The error for an operation that is not known; it is given, not raised.

    >>> print(unsupported("JAX", "eigh", Source("model.py", 3), "take cholesky"))
    the JAX operation 'eigh' cannot be recorded: take cholesky
      in model.py, line 3
    """
    what = instead or "compute it outside of the function and pass the result as an input"
    line = f"\n  in {source.quoted}" if source else ""
    return UnsupportedError(f"the {framework} operation {operation!r} cannot be recorded: {what}{line}")


def check_size(parts: Iterable[Part], limit: int, function: str) -> int:
    """How many numbers the parts record; what is known before anything is run.

    Raises:
        TooLargeError: they are more than the limit.
    """
    parts = list(parts)
    size = sum(part.size for part in parts)
    if size > limit:
        raise too_large(size, limit, function, max(parts, key=lambda part: part.size))
    return size


def too_large(size: int, limit: int, function: str, largest: Part | None = None) -> TooLargeError:
    """The error for a graph beyond the limit; it is given, not raised."""
    lines = [
        f"{function} computes about {size:,} numbers, and a graph of more than {limit:,} is too large to look at: "
        "pass fewer observations or a smaller network, or limit= a larger number"
    ]
    if largest is not None:
        lines.append(f"  most of them, {largest.size:,}, come from {largest.operation!r}")
        lines += [f"  in {largest.source.quoted}"] if largest.source else []
    return TooLargeError("\n".join(lines))


class Progress:
    """How many numbers were recorded so far, shown by a bar, and held against the limit.

    What is repeated for as long as a condition holds cannot be counted beforehand.
    """

    def __init__(self, bar: Any, limit: int, function: str) -> None:
        self.bar, self.limit, self.function, self.size = bar, limit, function, 0

    def add(self, part: Part) -> None:
        """So much more is recorded now.

        Raises:
            TooLargeError: it is more than the limit.
        """
        self.size += part.size
        if self.size > self.limit:
            raise too_large(self.size, self.limit, self.function, part)
        self.bar.update(part.size)


@contextmanager
def progress(size: int, limit: int, function: str) -> Iterator[Progress]:
    """The progress of recording a function of so many numbers; its bar is shown after a second."""
    with tqdm(total=size, desc=f"recording {function}", unit=" numbers", delay=DELAY, leave=False) as bar:
        yield Progress(bar, limit, function)
