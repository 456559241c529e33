"""The calls of a compiled function: what its arguments are, and which programs run them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiling.batches import Rows
from autodiff.compiling.captures import PlainNumbers
from autodiff.compiling.inputs import Batch, Structure, argument_names
from autodiff.compiling.specializations import Owner, Ways


class Call(NamedTuple):
    """The observations of a call."""

    ways: Ways
    """The programs for their structure."""
    rows: Rows
    """Gives their inputs, as a matrix."""
    observations: int
    is_batch: bool


class ProgramReport(NamedTuple):
    """A program of a compiled function, as ``error.programs`` lists it."""

    arguments: str
    """The arguments of one observation, with their shapes."""
    options: dict[str, Any]
    guards: int
    """How many branches the program takes."""
    instructions: int
    runs: int
    """How many observations it has run."""

    def __str__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return (
            f"({self.arguments}{options}): {self.instructions} instructions, {self.guards} guards, "
            f"{self.runs} observations run"
        )


class Programs(tuple[ProgramReport, ...]):
    """The programs that a compiled function keeps; prints one line for each."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "nothing is compiled yet"


class Calls:
    """The programs of a compiled function by the structure of its arguments, its options, and plain numbers outside.

    Args:
        owner: the compiled function.
        ndim: the dimensions of the arguments of one observation, if they are stated.
        most: so many structures are kept.
    """

    def __init__(self, owner: Owner, ndim: Sequence[int] | None, most: int) -> None:
        self.owner, self.ndim, self.most = owner, ndim, most
        self._structures: dict[Hashable, Ways] = {}
        self._by_shapes: dict[Hashable, Ways] = {}
        """The same for batches of plain arrays, which are looked up without reading the arguments."""
        self._outside: PlainNumbers | None = None
        self._names: dict[int, list[str]] = {}
        self._count = 0

    def read(self, arguments: Sequence[Any], options: dict[str, Any]) -> Call:
        """What the arguments are.

        Raises:
            TypeError: something in them is no real number, or an option is not hashable.
            ValueError: they do not fit together, a list is ragged, or there are no observations.
        """
        shapes: list[Hashable] = []
        count: int | None = None
        for array in () if options else arguments:  # the calls of a training loop, as fast as can be
            shape = array.shape if type(array) is np.ndarray else ()
            if not shape or shape[0] != (shape[0] if count is None else count):
                break
            count = shape[0]
            shapes += (shape[1:], array.dtype)
        else:
            if self._outside is None or self._outside:
                shapes += self._numbers()
            known = self._by_shapes.get(tuple(shapes))
            if known is not None and count:
                known.called = self._count = self._count + 1
                return Call(known, partial(known.structure.matrix, arguments), count, True)
        if len(arguments) not in self._names:
            self._names[len(arguments)] = argument_names(self.owner.function, len(arguments))
        batch = Batch(arguments, self.ndim, self._names[len(arguments)])
        ways = self._ways(batch.structure, options)
        if batch.is_batch and not options and [*map(id, batch.leaves)] == [*map(id, arguments)]:
            self._by_shapes[tuple(shapes)] = ways
        return Call(ways, partial(batch.structure.matrix, batch.leaves), batch.observations, batch.is_batch)

    def programs(self) -> Programs:
        """All programs that are kept."""
        return Programs(
            ProgramReport(ways.described(), ways.options, len(way.recorded.guards), len(way.runner.program), way.runs)
            for ways in [*self._structures.values()]
            for way in ways.ways
        )

    def _ways(self, structure: Structure, options: dict[str, Any]) -> Ways:
        key = (
            structure,
            self._numbers(),
            tuple((name, type(options[name]), options[name]) for name in sorted(options)),
        )
        try:
            hash(key)
        except TypeError:
            raise TypeError(
                "keyword arguments are static options of a compiled function and must be hashable, not "
                f"{options!r:.60}: pass numbers that vary as positional arguments"
            ) from None
        with self.owner.lock:
            ways = self._structures.get(key)
            if ways is None:
                self.owner.known()
                if len(self._structures) >= self.most:
                    oldest = min(self._structures, key=lambda each: self._structures[each].called)
                    forgotten = self._structures.pop(oldest)
                    self._by_shapes = {
                        shapes: each for shapes, each in self._by_shapes.items() if each is not forgotten
                    }
                ways = self._structures[key] = Ways(self.owner, structure, options)
            ways.called = self._count = self._count + 1
        return ways

    def _numbers(self) -> tuple[Any, ...]:
        """The plain numbers that the function reads from outside: constants of its programs."""
        if self._outside is None:
            self._outside = PlainNumbers(self.owner.function)
        return self._outside.now()
