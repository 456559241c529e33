"""The programs for one structure of arguments: one for each way through the function, as its branches go."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from autodiff import derivatives
from autodiff.compiling.backends import Runner
from autodiff.compiling.captures import PlainNumbers
from autodiff.compiling.guards import GuardCheck
from autodiff.compiling.inputs import Structure, argument_names, nodes
from autodiff.compiling.parameters import ParametersFound
from autodiff.compiling.recording import Recording, record
from autodiff.program.lowering import lower, only
from autodiff.program.program import Program
from autodiff.rules import DETACHED, SELECT
from autodiff.value import Value

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Places = NDArray[np.int64] | None
"""Which observations of a batch; None for all of them."""


KEEPS_STATE = (
    "the function is not deterministic, or keeps state between its calls, so it cannot be compiled; pass what changes "
    "as an argument"
)


class Way:
    """One way through the function: its program, made ready to run."""

    def __init__(self, recording: Recording, prepare: Callable[[Program], Runner]) -> None:
        self.recorded = recording.program
        self.result = recording.result
        self.is_scalar = recording.is_scalar
        self.runs = 0
        """How many observations were run."""
        program = recording.program
        self.size = len(program.parameters)
        """How many of the compiled function's parameters, from the first, the program knows."""
        used = _differentiated(program)
        self.used = None if used.all() else used
        """(size,): the parameters that get a gradient, be it 0; None for all of them."""
        self.indices = _indices(program)
        self.guards = GuardCheck(program, prepare) if program.guards else None
        self.runner: Runner = prepare(lower(only(program, program.outputs.tolist())))

    def hold(self, theta: Floats, rows: Floats) -> Mask | None:
        """(observations,): for which observations the program is right; None for all of them."""
        fits: Mask | None = None
        if self.indices is not None:
            columns, choices = self.indices
            index = rows[:, columns]
            fits = ((index == np.floor(index)) & (index >= 0) & (index < choices)).all(axis=1)
            if fits.all():
                fits = None
            elif not fits.any():
                return fits
        if self.guards is None:
            return fits
        holds = self.guards.hold(theta[: self.size], rows if fits is None else rows[fits])
        if fits is None or holds is None:
            return fits if holds is None else holds
        fits[fits] = holds
        return fits

    @cached_property
    def program(self) -> Program:
        """The program as it is run, and the guards that say when."""
        return lower(self.recorded)


class Owner(Protocol):
    """What the ways of a compiled function need of it."""

    __name__: str
    function: Callable[..., Any]
    prepare: Callable[[Program], Runner]
    max_branches: int
    lock: threading.RLock
    last: Way | None

    def known(self) -> list[Value]:
        """The parameters that are known."""

    def meet(self, leaves: Sequence[Value], used: Mask) -> None:
        """Parameters that were met in a recording, and which of them it used."""


class Ways:
    """All ways through the function for arguments of one structure."""

    def __init__(self, owner: Owner, structure: Structure, options: Mapping[str, Any]) -> None:
        self.owner = owner
        self.structure = structure
        self.options = dict(options)
        self.names = structure.names(owner.function)
        self.ways: tuple[Way, ...] = ()
        self.called = 0
        """The number of the last call that needed them."""
        self.warned = False

    @property
    def result(self) -> Any:
        """The structure of the results, which is that of every way."""
        return self.ways[0].result

    def split(self, theta: Floats, inputs: Floats, first: int) -> Iterator[tuple[Way | None, Places]]:
        """The observations by the way that they go; None for those that must run eagerly, since there are too many.

        Args:
            theta: (parameters,).
            inputs: (observations, inputs).
            first: the number of the first observation, for errors.
        """
        left: Places = None
        for way in self.ways:
            if way.size > len(theta):  # another thread has met them meanwhile
                raise ParametersFound("parameters")
            holds = way.hold(theta, inputs if left is None else inputs[left])
            here, left = _parted(left, holds)
            if here is None or len(here):
                yield way, here
            if left is not None and not len(left):
                return
        while left is None or len(left):
            if len(self.ways) >= self.owner.max_branches:
                self._warn()
                yield None, np.arange(len(inputs)) if left is None else left
                return
            rows = inputs if left is None else inputs[left]
            way = self._new_way(theta, rows[0], first + (0 if left is None else int(left[0])))
            holds = way.hold(theta, rows)
            if holds is not None:
                holds[0] = True  # it is right for what it was recorded from, even if rounding moves a tie
            here, left = _parted(left, holds)
            yield way, here

    def _new_way(self, theta: Floats, row: Floats, observation: int) -> Way:
        with self.owner.lock:
            try:
                outside = PlainNumbers(self.owner.function)
                before = outside.now()
                recording = self.record(theta, row)
                _check_same(recording, self.record(theta, row))
                if self.ways:
                    order = self.leaves(recording.result)
                    program = replace(recording.program, outputs=recording.program.outputs[order])
                    recording = recording._replace(program=program, result=self.result)
                if outside.now() != before:
                    raise ValueError(f"{KEEPS_STATE}: it changes a number outside that it reads")
            except Exception as error:
                error.add_note(
                    f"  at observation {observation}, while {self.owner.__name__} was compiled for "
                    f"({self.described()}); ndim= states how many dimensions the arguments of one observation have"
                )
                raise
            for way in self.ways:
                if _difference(way.recorded, recording.program) is None:
                    return way
            self.owner.meet(recording.parameters, _read(recording.program))
            way = Way(recording, self.owner.prepare)
            self.ways = (*self.ways, way)
            return way

    def record(self, theta: Floats, row: Floats) -> Recording:
        """The program of one observation."""
        owner = self.owner
        inputs = nodes(self.names, row.tolist())
        arguments = self.structure.observation(iter(inputs))
        with owner.lock, at_numbers(owner.known(), theta):
            return record(owner.function, arguments, self.options, inputs, owner.known())

    def call(self, row: Floats) -> tuple[Any, list[Value]]:
        """The function itself on one observation: its result, and the nodes of the inputs."""
        inputs = nodes(self.names, row.tolist())
        return self.owner.function(*self.structure.observation(iter(inputs)), **self.options), inputs

    def leaves(self, result: Any) -> list[Any]:
        """The leaves of a result in the order of the outputs: dicts agree by key.

        Raises:
            ValueError: it is of another structure than the results before.
        """
        if derivatives._shape(result) != derivatives._shape(self.result):
            raise ValueError(
                f"{self.owner.__name__} must return results of one structure for all observations, and gives another "
                "one here than before"
            )
        return derivatives._leaves_in_order(result, self.result)

    def described(self) -> str:
        """The arguments of one observation, with their shapes."""
        arguments = argument_names(self.owner.function, len(self.structure.arguments))
        return ", ".join(f"{name}: {shape}" for name, shape in zip(arguments, self.structure.described))

    def _warn(self) -> None:
        if not self.warned:
            self.warned = True
            warnings.warn(
                f"{self.owner.__name__} branched on its numbers in more than "
                f"{self.owner.max_branches} ways; the rest of the observations run eagerly, which is right but slow: "
                "use maximum, where, select or softmax in place of branches, or raise max_branches",
                RuntimeWarning,
                stacklevel=2,
            )


@contextmanager
def at_numbers(parameters: Sequence[Value], theta: Floats) -> Iterator[None]:
    """Give the parameters other numbers for a while: for the engine no data has changed."""
    numbers = theta.tolist()
    before = [value.number for value in parameters]
    try:
        for value, number in zip(parameters, numbers):
            value.number = number
        yield
    finally:
        for value, number, earlier in zip(parameters, numbers, before):
            if value.number is number:  # else another thread has set it meanwhile
                value.number = earlier


def _read(program: Program) -> Mask:
    """(parameters,): whether the function used it at all."""
    read = np.zeros(program.slots, bool)
    read[program.operands] = read[program.outputs] = True
    read[[slot for guard in program.guards for slot in (guard.left, guard.right)]] = True
    return read[program.first_parameter : program.first_input]


def _differentiated(program: Program) -> Mask:
    """(parameters,): whether the eager backward pass would reach it, which goes through nothing that is detached."""
    reached = np.zeros(program.slots, bool)
    reached[program.outputs] = True
    stops = [op is DETACHED for op in program.operations]
    places = zip(program.opcodes.tolist(), program.starts.tolist(), program.starts[1:].tolist())
    for slot, (code, start, end) in zip(reversed(range(program.first_result, program.slots)), reversed([*places])):
        if reached[slot] and not stops[code]:
            reached[program.operands[start:end]] = True
    return reached[program.first_parameter : program.first_input]


def _parted(left: Places, holds: Mask | None) -> tuple[Places, Places]:
    """Of the places that are left, those where it holds, and those where it does not."""
    if holds is None:
        return left, np.empty(0, np.int64)
    if left is None:
        return np.flatnonzero(holds), np.flatnonzero(~holds)
    return left[holds], left[~holds]


def _indices(program: Program) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """The columns of the inputs that select among choices, and how many choices there are at least; None if none do."""
    choices: dict[int, int] = {}
    for op, operands in program:
        if op is SELECT:
            column = operands[0] - program.first_input
            choices[column] = min(len(operands) - 1, choices.get(column, len(operands)))
    return (np.array([*choices]), np.array([*choices.values()])) if choices else None


def _check_same(first: Recording, second: Recording) -> None:
    difference = _difference(first.program, second.program)
    if difference is None and [*map(id, first.parameters)] != [*map(id, second.parameters)]:
        difference = "a parameter was made anew"
    if difference is not None:
        raise ValueError(f"{KEEPS_STATE}: two calls with the same numbers did different things ({difference})")


def _difference(first: Program, second: Program) -> str | None:
    """The first lines in which two programs differ, or None if they do not."""
    arrays = ("constants", "opcodes", "starts", "operands", "outputs")
    same = all(getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in arrays) and (
        first.operations,
        first.parameters,
        first.guards,
    ) == (second.operations, second.parameters, second.guards)
    if same:
        return None
    lines = zip(str(first).split("\n"), str(second).split("\n"))
    return next((f"{a.strip()} | {b.strip()}" for a, b in lines if a != b), "one of them did more")
