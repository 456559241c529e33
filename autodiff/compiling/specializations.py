"""The programs for one structure of arguments: one specialization for each way that its branches can go."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from time import monotonic
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from autodiff import trees
from autodiff.compiling.audits import Audits, StaleProgramError, first_difference
from autodiff.compiling.backends import DescendingRunner, Runner
from autodiff.compiling.captures import Captures
from autodiff.compiling.inputs import Structure, argument_names, nodes
from autodiff.compiling.parameters import MoreParametersError, Parameters, lock
from autodiff.compiling.recording import WAYS_OUT, FrozenNumberError, Recording, record
from autodiff.non_finite import is_detecting
from autodiff.program.lowering import lower, only
from autodiff.program.program import Guard, Program
from autodiff.rules import DETACHED, EQUAL, LESS, LESS_EQUAL, SELECT
from autodiff.value import Value

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = Callable[[int, int], Floats]
"""Gives the inputs, (observations, inputs), of the observations from a first one to before a last one."""
Places = NDArray[np.int64] | None
"""Which observations of a batch; None for all of them."""

COMPARE = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
KEEPS_STATE = (
    "the function is not deterministic, or keeps state between its calls, so it cannot be compiled; pass what changes "
    "as an argument"
)

HAIR, TINY = 2.0**-45, 1e-290
"""How far a number is moved, of itself and at least, to see what depends on it: so little that few branches do."""
DRAWS = 3
"""How often a generator must have moved while the function ran, since another thread may draw, too."""


class Specialization:
    """The program of the function for one way that its branches go, made ready to run."""

    def __init__(self, recording: Recording, prepare: Callable[[Program], Runner]) -> None:
        self.recording = recording
        self.result = recording.result
        self.is_scalar = recording.is_scalar
        self.needs_finite = recording.needs_finite_parameters
        self.runs = 0
        """How many observations were run."""
        program = recording.program
        self.size = len(program.parameters)
        """How many of the compiled function's parameters, from the first, the program knows."""
        used = _differentiated(program)
        self.used = None if used.all() else used
        """(size,): the parameters that get a gradient, be it 0; None for all of them."""
        self._indices = _indices(program)
        varying = program.depends(range(program.first_input, program.first_result))
        of_inputs = [guard for guard in program.guards if varying[guard.left] or varying[guard.right]]
        of_parameters = [guard for guard in program.guards if guard not in set(of_inputs)]
        self._of_inputs = _Guards(program, of_inputs, prepare) if of_inputs else None
        self._of_parameters = _Guards(program, of_parameters, prepare) if of_parameters else None
        guards = [part for part in (self._of_inputs, self._of_parameters) if part is not None]
        self.reads_inputs = self._of_inputs is not None or self._indices is not None
        """Whether it depends on the inputs if it is right for an observation."""
        self.may_end = any(part.depends_on_parameters for part in guards)
        """Whether a guard can fail when nothing but the parameters has changed."""
        self.runner: Runner = prepare(lower(only(program, program.outputs.tolist())))

    def is_right_at(self, theta: Floats) -> bool:
        """Whether it may run with these parameters at all; if not, no other program may, and the engine runs."""
        return not self.needs_finite or bool(np.isfinite(theta[: self.size]).all())

    def satisfied(self, theta: Floats, rows: Floats) -> Mask | None:
        """(observations,): for which observations the program is right; None for all of them."""
        fits: Mask | None = None
        if self._indices is not None:
            columns, choices = self._indices
            index = rows[:, columns]
            fits = ((index == np.floor(index)) & (index >= 0) & (index < choices)).all(axis=1)
            if fits.all():
                fits = None
            elif not fits.any():
                return fits
        if self._of_parameters is not None and not self._of_parameters.satisfied(theta[: self.size], rows[:1])[0]:
            return np.zeros(len(rows), bool)
        if self._of_inputs is not None:
            holds = self._of_inputs.satisfied(theta[: self.size], rows if fits is None else rows[fits])
            if fits is not None:
                fits[fits] = holds
            elif not holds.all():
                return holds
        return fits

    @cached_property
    def descending(self) -> DescendingRunner | None:
        """The runner, if it takes the steps of an optimizer itself."""
        return self.runner if isinstance(self.runner, DescendingRunner) else None

    @cached_property
    def program(self) -> Program:
        """The program as it is run, and the guards that say when."""
        return lower(self.recording.program)


class _Guards:
    """Some guards, and the program that computes what they compare."""

    def __init__(self, program: Program, guards: Sequence[Guard], prepare: Callable[[Program], Runner]) -> None:
        slots = sorted({slot for guard in guards for slot in (guard.left, guard.right)})
        column = {slot: place for place, slot in enumerate(slots)}
        compared = lower(only(program, slots))
        self.runner = prepare(compared)
        wrt = range(compared.first_parameter, compared.first_input)
        self.depends_on_parameters = bool(compared.depends(wrt)[compared.outputs].any())
        self.by_sign = []
        for sign in sorted({guard.comparison for guard in guards}):
            same = [guard for guard in guards if guard.comparison == sign]
            left, right = np.array([[column[each.left], column[each.right]] for each in same]).T
            self.by_sign.append((COMPARE[sign], left, right, np.array([each.holds for each in same])))

    def satisfied(self, parameters: Floats, inputs: Floats) -> Mask:
        """(observations,): whether all of them hold."""
        values = self.runner.values(parameters, inputs)
        holds = np.ones(len(inputs), bool)
        for compare, left, right, expected in self.by_sign:
            holds &= (compare(values[:, left], values[:, right]) == expected).all(axis=1)
        return holds


class Owner(Protocol):
    """What the specializations need of the compiled function."""

    __name__: str
    function: Callable[..., Any]
    prepare: Callable[[Program], Runner]
    max_branches: int
    last: Specialization | None
    structures: int
    """How many structures of arguments it is compiled for."""


class Specializations:
    """All programs of the function for arguments of one structure, and one state of what is outside."""

    def __init__(
        self, owner: Owner, structure: Structure, options: Mapping[str, Any], outside: Captures, parameters: Parameters
    ) -> None:
        self.owner = owner
        self.structure = structure
        self.options = dict(options)
        self.outside = outside
        self.parameters = parameters
        self.names = structure.names(owner.function)
        self.all: tuple[Specialization, ...] = ()
        self.called = 0
        """The number of the last call that needed them."""
        self.audits = Audits()
        self.warned = False

    @property
    def result(self) -> Any:
        """The structure of the results, which is that of every specialization."""
        return self.all[0].result

    def split(
        self, theta: Floats, inputs: Floats, first: int, left: Places = None
    ) -> Iterator[tuple[Specialization | None, Places]]:
        """The observations by the specialization that runs them; None for those that run eagerly: beyond the bound, or
        all of them while anomalies are detected.

        Only those that are ``left`` are looked at; None for all. Errors count observations from ``first``.
        """
        if is_detecting():  # every number is to be looked at
            if not self.all:
                self._new(theta, inputs[0], first)
            yield None, left
            return
        known = self.all
        if any(each.size > len(theta) for each in known):  # another thread has met them meanwhile
            raise MoreParametersError("parameters")
        found, left = parted(known, theta, inputs, left)
        yield from found
        while left is None or len(left):
            if len(self.all) >= self.owner.max_branches:
                self._warn()
                yield None, np.arange(len(inputs)) if left is None else left
                return
            rows = inputs if left is None else inputs[left]
            each = self._new(theta, rows[0], first + (0 if left is None else int(left[0])))
            holds = each.satisfied(theta, rows)
            if holds is not None:
                holds[0] = True  # it is right for what it was recorded from, even if rounding moves a tie
            here, left = _parted(left, holds)
            yield each if each.is_right_at(theta) else None, here

    def _new(self, theta: Floats, row: Floats, observation: int) -> Specialization:
        with lock():
            try:
                recording = self.record(theta, row)
                before = self.outside.numbers()  # the first time, it may well fill a cache
                outside = self.outside if self.outside.are_current() else self.outside.again()
                self._check_repeats(recording, theta, row)
                if self.outside.numbers() != before:
                    raise StaleProgramError(f"{KEEPS_STATE}: it changes a number outside that it reads")
                if not outside.are_current() and outside.again() != outside:
                    raise StaleProgramError(
                        f"{KEEPS_STATE}: it makes Values and leaves them outside, where they are parameters; leave "
                        "what is computed from them, or detach() them"
                    )
            except Exception as error:
                error.add_note(self._note(observation, "compiled"))
                raise
            for each in self.all:
                if first_difference(self._now(each), recording) is None and not _ties(each.recording, recording):
                    return each
            self.parameters.register(recording.parameters)
            made = Specialization(recording, self.owner.prepare)
            self.all = (*self.all, made)
            return made

    def _check_repeats(self, recording: Recording, theta: Floats, row: Floats) -> None:
        """Record once more, with numbers a hair beside the ones before: only they may differ, and no constant.

        Raises:
            FrozenNumberError: a constant differs, so it was made of a number.
            StaleProgramError: the function does not do the same with the same numbers.
        """
        try:
            nearby = self._record_again(*_nearby(recording.program, theta, row))
            answers_are_same = not _ties(recording, nearby)
            difference = first_difference(recording, nearby)
        except Exception:  # of a number that must be exact, or in every case: the same numbers tell
            answers_are_same, difference = False, None
        if answers_are_same and difference is None:
            return
        same = first_difference(recording, self._record_again(theta, row))
        if same is not None:
            raise StaleProgramError(f"{KEEPS_STATE}: two calls with the same numbers differ ({same})")
        if difference is not None:
            raise FrozenNumberError(
                f"{self.owner.__name__} makes a constant of a number that it is called with, from its repr(), a copy "
                f"or a pickle of it ({difference}): {WAYS_OUT}"
            )

    def audit(self, theta: Floats, rows: Rows, observations: int) -> None:
        """Record an observation anew: the function must do what its program does.

        Raises:
            StaleProgramError: it does something else.
        """
        audits, start = self.audits, monotonic()
        place = audits.place(observations)
        row = rows(place, place + 1)
        its = next((each for each in self.all if each.satisfied(theta, row) is None), None)
        if its is not None and not (audits.calls == 1 and observations == 1):  # it has just been recorded
            try:
                difference = first_difference(self._now(its), self._record_again(theta, row[0]))
                if difference is not None:
                    raise StaleProgramError(
                        f"{self.owner.__name__} does something else than when it was compiled: {difference}. What it "
                        "reads outside has changed, or is drawn at random: pass what changes as an argument, or as a "
                        "keyword option; or compile the function again. This call changed nothing"
                    )
            except Exception as error:
                error.add_note(self._note(place, "audited"))
                raise
        audits.done(start, self.owner.structures)

    def _record_again(self, theta: Floats, row: Floats) -> Recording:
        """As ``record``, of what was recorded before.

        Raises:
            StaleProgramError: it draws random numbers. It is not the first time, so a seed that it sets is set again.
        """
        for _ in range(DRAWS):
            before = self.outside.randomness()
            recording = self.record(theta, row)
            if self.outside.randomness() == before:
                return recording
        raise StaleProgramError(f"{KEEPS_STATE}: it draws random numbers, which would be the same in every call")

    def record(self, theta: Floats, row: Floats) -> Recording:
        """The program of one observation, with the outputs in the order of the results before."""
        inputs = nodes(self.names, row.tolist())
        arguments = self.structure.observation(iter(inputs))
        with self.parameters.at(theta):
            recording = record(self.owner.function, arguments, self.options, inputs, self.parameters.leaves)
        if not self.all:
            return recording
        order = self.leaves(recording.result)
        program = replace(recording.program, outputs=recording.program.outputs[order])
        return recording._replace(program=program, result=self.result)

    def _now(self, each: Specialization) -> Recording:
        """What it was recorded as, with the leaves that are the parameters now."""
        return each.recording._replace(parameters=self.parameters.leaves[: each.size])

    def call(self, row: Floats) -> tuple[Any, list[Value]]:
        """The function itself on one observation: its result, and the nodes of the inputs."""
        inputs = nodes(self.names, row.tolist())
        return self.owner.function(*self.structure.observation(iter(inputs)), **self.options), inputs

    def leaves(self, result: Any) -> list[Any]:
        """The leaves of a result in the order of the outputs: dicts agree by key.

        Raises:
            ValueError: it is of another structure than the results before.
        """
        if trees.shape(result) != trees.shape(self.result):
            raise ValueError(
                f"{self.owner.__name__} must return results of one structure for all observations, and gives another "
                "one here than before"
            )
        return trees.leaves_like(self.result, result)

    def described(self) -> str:
        """The arguments of one observation, with their shapes."""
        arguments = argument_names(self.owner.function, len(self.structure.arguments))
        return ", ".join(f"{name}: {shape}" for name, shape in zip(arguments, self.structure.described))

    def _note(self, observation: int, what: str) -> str:
        return (
            f"  at observation {observation}, while {self.owner.__name__} was {what} for ({self.described()}); "
            "ndim= states how many dimensions the arguments of one observation have"
        )

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


def record_ways(theta: Floats, programs: Specializations, rows: Rows, count: int) -> None:
    """See to it that there are programs for the ways that these observations go."""
    for _ in programs.split(theta, rows(0, count), 0):
        pass


def _nearby(program: Program, theta: Floats, row: Floats) -> tuple[Floats, Floats]:
    """Parameters and inputs a hair beside those that the program was recorded with, but for indices and classes.

    Those are what chooses in a ``select``, and what was found to equal something.
    """
    exact = [operands[0] for op, operands in program if op is SELECT] if SELECT in program.operations else []
    for guard in program.guards:
        if (guard.comparison, guard.holds) in (("==", True), ("!=", False)):
            exact += [guard.left, guard.right]

    def moved(numbers: Floats, first: int) -> Floats:
        found = numbers * (1.0 - HAIR) + (np.abs(numbers) < TINY) * TINY
        places = [slot - first for slot in exact if first <= slot < first + len(numbers)]
        found[places] = numbers[places]
        return found

    return moved(theta, program.first_parameter), moved(row, program.first_input)


def parted(
    programs: Sequence[Specialization], theta: Floats, inputs: Floats, left: Places
) -> tuple[list[tuple[Specialization | None, Places]], Places]:
    """The observations by the first program that is right for them, None for those that run eagerly; and those that are
    left. Only those that are ``left`` before are looked at; None for all.
    """
    found: list[tuple[Specialization | None, Places]] = []
    for each in programs:
        if left is not None and not len(left):
            break
        holds = each.satisfied(theta, inputs if left is None else inputs[left])
        here, left = _parted(left, holds)
        if here is None or len(here):
            found.append((each if each.is_right_at(theta) else None, here))
    return found, left


def _ties(before: Recording, now: Recording) -> bool:
    """Whether a question of one of them is answered otherwise by the other."""
    pairs = zip(before.program.guards, now.program.guards)
    return any(a.holds != b.holds for a, b in pairs)


def _differentiated(program: Program) -> Mask:
    """(parameters,): whether the eager backward pass would reach it, where nothing is detached or compared."""
    reached = [False] * program.slots
    for output in program.outputs.tolist():
        reached[output] = True
    for slot, (op, operands) in zip(
        reversed(range(program.first_result, program.slots)), reversed(program.instructions)
    ):
        if reached[slot] and op not in (DETACHED, LESS, LESS_EQUAL, EQUAL):
            for operand in operands:
                reached[operand] = True
    return np.array(reached[program.first_parameter : program.first_input], bool)


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
