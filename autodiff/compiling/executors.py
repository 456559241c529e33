"""Batches over many processes and machines, by any ``concurrent.futures.Executor``.

What travels to a worker is the programs as bytes, the parameters and some of the observations; never the user's code.
Of a file that is mapped into memory, its name travels, and the numbers only where a worker does not have that file.
What comes back is values, gradients, and which observations take a branch that no program takes: these are run here.
All of it is plain tuples of arrays, numbers and bytes.

How a batch is cut into chunks depends on how many observations and numbers it has, and on the size of the function's
first program; chunks are added up in their order. So the bits do not depend on how many workers there are, nor on
which of them did what or died.
"""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from math import isqrt
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from autodiff.compiling.backends import prepare
from autodiff.compiling.batches import Gradient, check_scalar, gradients_in
from autodiff.compiling.inputs import Leaf, Observations, Structure
from autodiff.compiling.mapped import Mapped, OtherFileError, by_name, opened
from autodiff.compiling.parameters import MoreParametersError
from autodiff.compiling.recording import Recording
from autodiff.compiling.specializations import Floats, Places, Rows, Specialization, Specializations, parted
from autodiff.program.program import Program
from autodiff.program.storage import VERSION, check_version, dumps, loads
from autodiff.program.writers import UnwritableError

WORK, PER_PARAMETER = 2**26, 2**12
"""How much work a chunk is at least, in operands of instructions, for all its observations: some milliseconds. Per
parameter there is more, since a chunk carries the parameters there and the gradient back."""
NUMBERS, MOST_NUMBERS = 2**18, 2**23
"""How many numbers of inputs make a chunk, too, if they are less work, 2 MB; and how many it has at most, 64 MB, unless
one observation has more."""
IN_FLIGHT = 2**30
"""How many bytes of observations are on their way at a time: memory is bounded by this, not by the data."""
ATTEMPTS = 3
"""How often a chunk is sent whose worker dies."""
KEPT = 64
"""How many programs a worker keeps ready, unless one function has more."""
LOST = (BrokenExecutor, CancelledError, ConnectionError, EOFError)
LOST_BY_NAME = {"KilledWorker", "FutureCancelledError", "FutureLostError", "CommClosedError"}
"""The errors that say that a worker died, not that it failed: of Python, and of Dask, which is not imported here."""
FAILED, UNCHANGED = "a worker could not do its part", "nothing was changed"
FIT = "Workers need autodiff in the same version, with the same extras"


class ExecutorError(RuntimeError):
    """An executor cannot run what it was given: it was shut down, it is broken, or its workers are not fit."""


class Parcel(NamedTuple):
    """A program on its way to a worker."""

    digest: bytes
    program: bytes
    needs_finite_parameters: bool
    runner: str
    """The kind of runner that has it here: a worker must have the same, else the bits would depend on the worker."""


class Outcome(NamedTuple):
    """What a worker gives back."""

    failure: str
    """Why it could not do its part; "" if it could."""
    parts: Sequence[tuple[int, Places, Floats, Floats, Floats | None, float]]
    """Which program ran which observations of the chunk (None for all), and what its runner gave."""
    left: Places
    """The observations that none of the programs is right for; None for all."""
    lacks_file: bool = False
    """Whether it has not the file that the observations are in."""


class Workers:
    """The workers of an executor, as what computes the gradients of a batch: see ``Gradients`` in ``batches``.

    Args:
        executor: any ``concurrent.futures.Executor``.
        backend: that of the compiled function.

    Raises:
        TypeError: it has no ``submit``.
    """

    def __init__(self, executor: Any, backend: str | None) -> None:
        if not callable(getattr(executor, "submit", None)) or not callable(getattr(executor, "shutdown", None)):
            name = type(executor).__name__
            raise TypeError(
                f"executor must be a concurrent.futures.Executor, such as a ProcessPoolExecutor, not {name} "
                f"{executor!r:.60}; a Dask client gives one with get_executor()"
            )
        self._executor = executor
        self._backend = backend

    def __call__(
        self,
        theta: Floats,
        programs: Specializations,
        rows: Rows,
        count: int,
        weight: float,
        wrt_inputs: bool,
        with_values: bool,
    ) -> Iterator[tuple[Any, Gradient]]:
        """The gradients of the batch's chunks, in their order.

        A batch that is one chunk is run here; so is the first chunk of all, which records the ways through it: workers
        leave to this process what goes a way that they do not know.

        Raises:
            ExecutorError: the executor was shut down, or broke before; a worker failed, or chunks kill their workers;
                an operation of the user's own cannot travel.
        """
        is_new = not programs.all
        if is_new:
            for _ in programs.split(theta, rows(0, 1), 0):
                pass
        bounds = _bounds(programs.all[0].recording.program, count)
        if is_new or len(bounds) == 1:
            start, stop = bounds.pop(0)
            yield from gradients_in(theta, programs, start, rows(start, stop), weight, wrt_inputs)
        sent = _Sent(self._executor)
        waiting: deque[_Chunk] = deque()

        def found() -> Iterator[tuple[Any, Gradient]]:
            chunk = waiting.popleft()
            outcome = sent.outcome(chunk)
            sent.bytes -= chunk.bytes
            left: Places = None
            if outcome is not None:
                left = outcome.left
                for which, places, values, of_theta, slopes, total in outcome.parts:
                    by = chunk.known[which]
                    check_scalar(by.result)
                    by.runs += chunk.stop - chunk.start if places is None else len(places)
                    programs.owner.last = by
                    at = slice(chunk.start, chunk.stop) if places is None else places + chunk.start
                    yield at, Gradient(values, of_theta, slopes, by.used, total)
            if left is None or len(left):
                inputs = rows(chunk.start, chunk.stop)
                yield from gradients_in(theta, programs, chunk.start, inputs, weight, wrt_inputs, left)

        try:
            for start, stop in bounds:
                while sent.bytes > IN_FLIGHT:
                    yield from found()
                known = programs.all
                if any(each.size > len(theta) for each in known):  # another thread has met them meanwhile
                    raise MoreParametersError("parameters")
                parcels = [tuple(_parcel(each)) for each in known]
                head = VERSION, parcels, self._backend, theta, weight, wrt_inputs, with_values
                chunk = _Chunk(start, stop, known, head, rows)
                chunk.future = sent.submit(chunk, 0)
                waiting.append(chunk)
            while waiting:
                yield from found()
        finally:
            for chunk in waiting:
                if chunk.future is not None:
                    chunk.future.cancel()


@dataclass
class _Chunk:
    """Some observations on their way."""

    start: int
    stop: int
    known: Sequence[Specialization]
    head: tuple[Any, ...]
    """What travels beside the observations."""
    rows: Rows
    future: Future[Any] | None = None
    """None if the executor took no more."""
    bytes: int = 0
    """How many bytes of observations were sent last."""

    def task(self, with_files: bool) -> tuple[Any, ...]:
        """What travels: the observations leaf by leaf, each in its own type, with the shapes of one observation's."""
        if isinstance(self.rows, Observations):
            shapes = [leaf.dimensions for leaf in self.rows.structure.leaves]
            leaves = [leaf[self.start : self.stop] for leaf in self.rows.leaves]
        else:
            leaves = [self.rows(self.start, self.stop)]
            shapes = [leaves[0].shape[1:]]
        named = [by_name(leaf) if with_files else None for leaf in leaves]
        return *self.head, shapes, [tuple(name) if name else np.asarray(leaf) for name, leaf in zip(named, leaves)]


_without_files: WeakSet[Any] = WeakSet()
"""The executors whose workers have not the files that this process maps."""


class _Sent:
    """What an executor was given of one batch."""

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self.tasks = self.bytes = 0
        self.is_broken = False

    def submit(self, chunk: _Chunk, attempt: int) -> Future[Any] | None:
        """Send a chunk; None if the executor broke meanwhile, so that it is done here.

        Raises:
            ExecutorError: it was shut down, or was broken before.
        """
        if self.is_broken:
            return None
        task = chunk.task(with_files=self.executor not in _without_files)
        try:
            # Dask takes equal tasks for the same one, so another attempt must be another task.
            future: Future[Any] = self.executor.submit(gradients_in_worker, (*task, attempt))
        except BrokenExecutor as error:
            if not self.tasks:
                raise ExecutorError(
                    f"the executor is broken, since one of its workers died before: {error}. Make a new executor and "
                    f"call again; {UNCHANGED}"
                ) from error
            self.is_broken = True
            warnings.warn(
                "a worker died, and the executor takes no more tasks: the rest of this batch is computed here. Nothing "
                "is lost, and nothing counted twice; make a new executor for the next call",
                RuntimeWarning,
                stacklevel=2,
            )
            return None
        except Exception as error:
            raise ExecutorError(
                f"the executor takes no tasks: {type(error).__name__}: {error}. If it was shut down, make a new one, "
                f"or call inside of its with statement; {UNCHANGED}"
            ) from error
        self.tasks += 1
        now = sum(leaf.nbytes for leaf in task[-1] if isinstance(leaf, np.ndarray))
        self.bytes += now - chunk.bytes
        chunk.bytes = now
        return future

    def outcome(self, chunk: _Chunk) -> Outcome | None:
        """What a worker made of a chunk, in the end; None if it is to be done here.

        Raises:
            ExecutorError: the worker failed, or the chunk kills its workers.
        """
        future, deaths, attempt = chunk.future, 0, 0
        while future is not None:
            try:
                outcome = Outcome(*future.result())
            except Exception as error:
                if not isinstance(error, LOST) and type(error).__name__ not in LOST_BY_NAME:
                    raise ExecutorError(f"{FAILED}: {type(error).__name__}: {error}. {FIT}; {UNCHANGED}") from error
                deaths += 1
                if deaths == ATTEMPTS:
                    raise ExecutorError(
                        f"{ATTEMPTS} workers died of observations {chunk.start} to {chunk.stop - 1} "
                        f"({type(error).__name__}: {error}): have they enough memory? {UNCHANGED.capitalize()}"
                    ) from error
            else:
                if outcome.failure:
                    raise ExecutorError(f"{FAILED}: {outcome.failure}; {UNCHANGED}")
                if not outcome.lacks_file:
                    return outcome
                _without_files.add(self.executor)
            attempt += 1
            future = self.submit(chunk, attempt)
        return None


def _bounds(program: Program, count: int) -> list[tuple[int, int]]:
    """Where the chunks of so many observations begin and end.

    Of many, there are as the square root of the work: with a worker for each, packing takes as long as working. The
    size of the program is taken roughly, since it may have been recorded on another way through the function.
    """
    operands = 1 << len(program.operands).bit_length()
    work = max(WORK, PER_PARAMETER * len(program.parameters))
    size = max(1, len(program.inputs))
    least = max(1, min(work // operands, NUMBERS // size))
    chunks = -(-count // least)
    chunks = max(min(chunks, 4 * isqrt(chunks)), -(-count // max(1, MOST_NUMBERS // size)))
    return [*pairwise(count * chunk // chunks for chunk in range(chunks + 1))]


_parcels: WeakKeyDictionary[Specialization, Parcel] = WeakKeyDictionary()


def _parcel(each: Specialization) -> Parcel:
    """The specialization's program, without the names, which nobody reads there.

    Raises:
        ExecutorError: an operation of the user's own cannot travel.
    """
    if each not in _parcels:
        program = each.recording.program
        sizes = len(program.parameters), len(program.inputs)
        nameless = replace(program, parameters=("",) * sizes[0], inputs=("",) * sizes[1], labels={})
        try:
            data, runner = dumps(nameless), type(each.runner).__name__
        except UnwritableError as error:
            raise ExecutorError(f"{error}. Or run it without the executor; {UNCHANGED}") from error
        digest = blake2b(data + runner.encode(), digest_size=16).digest()
        _parcels[each] = Parcel(digest, data, each.needs_finite, runner)
    return _parcels[each]


# ── In a worker ──────────────────────────────────────────────────────────────────────────────────


_ready: dict[tuple[bytes, str | None], Specialization] = {}
_turn = threading.Lock()


def gradients_in_worker(task: tuple[Any, ...]) -> tuple[Any, ...]:
    """Run a chunk, and give the parts of an :class:`Outcome`. Errors are told, since not every one can be pickled."""
    try:
        check_version(task[0])
        _, parcels, backend, theta, *asked, shapes, leaves, _ = task
        with _turn:
            known = [_unpacked(Parcel(*parcel), backend) for parcel in parcels]
            for forgotten in [*_ready][: -max(KEPT, len(known))]:
                del _ready[forgotten]
        arrays = [opened(Mapped(*leaf)) if isinstance(leaf, tuple) else leaf for leaf in leaves]
        structure = Structure(tuple(Leaf(shape, ()) for shape in shapes))
        inputs = structure.matrix(arrays, 0, len(arrays[0]))
        return tuple(_gradients(known, theta, inputs, *asked))
    except OtherFileError:
        return tuple(Outcome("", (), None, lacks_file=True))
    except Exception as error:
        return tuple(Outcome(f"{type(error).__name__}: {error}", (), None))


def _gradients(
    known: Sequence[Specialization],
    theta: Floats,
    inputs: Floats,
    weight: float,
    wrt_inputs: bool,
    with_values: bool,
) -> Outcome:
    if not all(each.is_right_at(theta) for each in known):
        return Outcome("", (), None)
    found, left = parted(known, theta, inputs, None)
    parts = []
    for by, places in found:
        assert by is not None  # they are right
        part = inputs if places is None else inputs[places]
        values, of_theta, slopes, total = by.runner.gradient(theta[: by.size], part, weight, wrt_inputs)
        parts.append((known.index(by), places, values if with_values else values[:0], of_theta, slopes, total))
    return Outcome("", parts, left)


def _unpacked(parcel: Parcel, backend: str | None) -> Specialization:
    """The program made ready, or as it was made ready before.

    Raises:
        ValueError: it was written by another version.
        RuntimeError: it would be run by another backend than in the process that sent it.
    """
    key = parcel.digest, backend
    made = _ready.pop(key, None)
    if made is None:
        recording = Recording(loads(parcel.program), 0, True, [], parcel.needs_finite_parameters)
        made = Specialization(recording, partial(prepare, backend=backend))
        runner = type(made.runner).__name__
        if runner != parcel.runner:
            raise RuntimeError(
                f"this worker runs the program with a {runner}, and the process that sent it with a {parcel.runner}: "
                "install the same extras on both sides, or choose one with compile(backend=...)"
            )
    _ready[key] = made  # the latest stands last
    return made
