"""The calls of a compiled function: what its arguments are, and which programs run them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiling.captures import Captures
from autodiff.compiling.inputs import Batch, Observations, Structure, argument_names
from autodiff.compiling.parameters import Parameters, given_leaves, lock
from autodiff.compiling.specializations import Owner, Rows, Specializations
from autodiff.trees import is_module

MOST_SHAPES = 1024
"""How many shapes of batches are looked up without reading the arguments."""


Call = tuple[Specializations, Rows, int, bool]
"""The observations of a call: the programs for their structure, what gives their inputs as a matrix, how many they are,
and whether they are a batch."""


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
    """The programs of a compiled function by the structure of its arguments, its options, and what is outside.

    Args:
        owner: the compiled function.
        given: a module, or the parameters; None to find them: in the modules, lists and other functions that the
            function's closure, its globals and the object it is a method of refer to.
        ndim: the dimensions of the arguments of one observation, if they are stated.
        most: how many structures are kept.

    Raises:
        TypeError: something given is no leaf ``Value``.
        ValueError: a leaf is given twice.
    """

    def __init__(self, owner: Owner, given: Any, ndim: Sequence[int] | None, most: int) -> None:
        if given is not None:
            leaves = given_leaves(given)
            given = given if is_module(given) else leaves
        self.owner, self.given, self.ndim, self.most = owner, given, ndim, most
        self._structures: dict[Hashable, Specializations] = {}
        self._by_shapes: dict[Hashable, Specializations] = {}
        """The same for batches of plain arrays, which are looked up without reading the arguments."""
        self._outside: tuple[Captures, Parameters] | None = None
        self._parameters: dict[Captures, Parameters] = {}
        self._names: dict[int, list[str]] = {}
        self._count = 0

    def outside(self, but_for: str = "") -> tuple[Captures, Parameters]:
        """What the function refers to at present, and its parameters; see :meth:`Captures.are_current`.

        Programs of the same structure are used again, with the leaves that are there now. A list of parameters that was
        given stays: a function that refers to others is recorded anew, which tells.
        """
        now = self._outside
        if now is not None and now[0].are_current(but_for):
            return now
        with lock():
            is_list = self.given is not None and not is_module(self.given)
            roots = [self.owner.function] if is_list or self.given is None else [self.owner.function, self.given]
            captures = Captures(*roots, by_identity=is_list)
            leaves = captures.leaves if self.given is None else given_leaves(self.given)
            parameters = self._parameters.pop(captures, None)
            if parameters is None:
                parameters = Parameters(leaves, self.given is not None)
            elif not is_list:
                parameters.replaced_by(leaves)
            while len(self._parameters) >= self.most:
                del self._parameters[next(iter(self._parameters))]
            self._parameters[captures] = parameters
            self._outside = captures, parameters
            return self._outside

    def read(self, arguments: Sequence[Any], options: dict[str, Any], but_for: str = "") -> Call:
        """What the arguments of a call are; ``but_for`` as of :meth:`Captures.are_current`.

        Raises:
            TypeError: something in them is no real number, or an option is not hashable.
            ValueError: they do not fit together, a list is ragged, or there are no observations.
        """
        captures, parameters = self.outside(but_for)
        shapes: list[Hashable] = [parameters, captures.numbers()]
        for array in () if options else arguments:  # the calls of a training loop, as fast as can be
            if type(array) is not np.ndarray:
                break
            shapes += (array.shape, array.dtype)
        else:
            known = self._by_shapes.get(tuple(shapes))
            if known is not None:
                known.called = self._count = self._count + 1
                return known, Observations(known.structure, arguments), len(arguments[0]), True
        if options and not arguments:
            refuse_by_keyword(self.owner.function, options)
        if len(arguments) not in self._names:
            self._names[len(arguments)] = argument_names(self.owner.function, len(arguments))
        batch = Batch(arguments, self.ndim, self._names[len(arguments)])
        programs = self._programs(batch.structure, options, captures, parameters, shapes[1])
        are_arrays = len(shapes) == 2 + 2 * len(arguments) and [*map(id, batch.leaves)] == [*map(id, arguments)]
        if batch.is_batch and not options and are_arrays:
            if len(self._by_shapes) >= MOST_SHAPES:
                self._by_shapes.clear()
            self._by_shapes[tuple(shapes)] = programs
        return programs, Observations(batch.structure, batch.leaves), batch.observations, batch.is_batch

    def now(self, earlier: Specializations) -> Specializations:
        """The programs for calls like earlier ones, with what is outside as it is at present."""
        captures, parameters = self.outside()
        return self._programs(earlier.structure, earlier.options, captures, parameters, captures.numbers())

    def latest(self) -> Specializations | None:
        """The programs for the structure that was called last, with what is outside as it is at present; or None."""
        latest = max([*self._structures.values()], key=lambda each: each.called, default=None)
        return None if latest is None else self.now(latest)

    def is_batch(self, arguments: Sequence[Any]) -> bool:
        """Whether numbers are a batch of observations; errors as of :meth:`read`."""
        return Batch(arguments, self.ndim, argument_names(self.owner.function, len(arguments))).is_batch

    def programs(self) -> Programs:
        """All programs that are kept."""
        return Programs(
            ProgramReport(
                kept.described(), kept.options, len(each.recording.program.guards), len(each.runner.program), each.runs
            )
            for kept in [*self._structures.values()]
            for each in kept.all
        )

    def _programs(
        self,
        structure: Structure,
        options: dict[str, Any],
        captures: Captures,
        parameters: Parameters,
        outside: Hashable,
    ) -> Specializations:
        if "reduce" in options and not _takes(self.owner.function, "reduce"):
            raise TypeError("reduce= is called reduction= now")
        key = (
            structure,
            parameters,
            outside,
            tuple((name, captures.option(options[name])) for name in sorted(options)),
        )
        try:
            hash(key)
        except TypeError:
            raise TypeError(
                "keyword arguments are static options of a compiled function and must be hashable, not "
                f"{options!r:.60}: pass numbers that vary as positional arguments"
            ) from None
        with lock():
            found = self._structures.get(key)
            if found is None:
                if len(self._structures) >= self.most:
                    oldest = min(self._structures, key=lambda each: self._structures[each].called)
                    forgotten = self._structures.pop(oldest)
                    self._by_shapes = {
                        shapes: each for shapes, each in self._by_shapes.items() if each is not forgotten
                    }
                found = self._structures[key] = Specializations(self.owner, structure, options, captures, parameters)
                self.owner.structures = len(self._structures)
            found.called = self._count = self._count + 1
        return found


def refuse_by_keyword(function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse observations that are given by keyword, where no argument is given by position.

    Raises:
        TypeError: they are.
    """
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # some built-in callables have none
        return
    needed = [
        each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty
    ]
    if not options.keys().isdisjoint(needed):
        raise TypeError(
            "keyword arguments are static options of a compiled function, the same for all observations: pass "
            f"{', '.join(needed)} by position"
        )


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether the function has such a keyword argument."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # some built-in callables have none
        return False
    return any(each.name == name or each.kind is each.VAR_KEYWORD for each in parameters)
