"""``compile``: a function of one observation, recorded once and run over batches, with its gradients."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import update_wrapper
from math import isfinite
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import derivatives
from autodiff.graph import topological_order
from autodiff.tape.diagnosis import NonFiniteResultError, explained
from autodiff.tape.inputs import Batch, Structure, ValueGiven, argument_names
from autodiff.tape.parameters import Parameters, ParametersFound
from autodiff.tape.program import Program
from autodiff.tape.recording import is_recording
from autodiff.tape.ways import Places, Way, Ways, at_numbers
from autodiff.value import Value

Floats = NDArray[np.float64]
T = TypeVar("T")

CHUNK = 16384
"""So many observations at a time are put into a matrix: memory is bounded by this, not by the data."""
PARAMETERS = "parameters"


def compile(
    function: Callable[..., Any] | None = None,
    *,
    parameters: Any = None,
    ndim: Sequence[int] | int | None = None,
    backend: str | None = None,
    max_structures: int = 128,
    max_branches: int = 32,
) -> Any:
    """The function of one observation, only faster: recorded as a program, and run over batches.

    Args:
        function: takes numbers, arrays of them, and lists, tuples and dicts of those, as positional arguments; keyword
            arguments are static options. It returns a scalar, or a structure of scalars. Without it, a decorator.
        parameters: a module or the leaf ``Value``s, in the order of all vectors; None to find those that the function
            refers to.
        ndim: how many dimensions the positional arguments of ONE observation have, such as ``(1, 0)``; an int if there
            is one argument. By default, a call is one observation if a plain number is among its arguments, else a
            batch, with the observations along the first axis of every array and list.
        backend: ``"numpy"`` or ``"native"``; None for the fastest that is installed.
        max_structures: so many structures and shapes of arguments are kept; the least recently used are forgotten.
        max_branches: so many ways through the function's branches are compiled for one structure; observations that go
            yet another way run eagerly, with a warning.

    Returns:
        A :class:`Compiled`.

    Raises:
        TypeError: there is no function, or ``parameters`` holds something else than leaves.

    >>> w = Value(2.0, label="w")
    >>> @compile
    ... def error(x, y):
    ...     return (w * x - y) ** 2
    >>> error([1.0, 2.0, 3.0], [0.0, 4.0, 7.0])
    array([4., 0., 1.])
    >>> error.backward([1.0, 2.0, 3.0], [0.0, 4.0, 7.0], reduce="sum"), w.grad
    (5.0, -2.0)
    """
    if function is None:
        return lambda of: compile(
            of,
            parameters=parameters,
            ndim=ndim,
            backend=backend,
            max_structures=max_structures,
            max_branches=max_branches,
        )
    return Compiled(function, parameters, ndim, backend, max_structures, max_branches)


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


class Gradient(NamedTuple):
    """What a pass over a batch gives."""

    values: Floats
    """(observations,)"""
    parameters: Floats
    """(parameters,): of Σ weight · value."""
    inputs: Floats | None
    """(observations, inputs)"""
    used: NDArray[np.bool_]
    """(parameters,): which parameters the function used."""


class Compiled:
    """A compiled function; :func:`compile` makes one.

    It is called like the function, and gives floats, or arrays with the observations in front. Where an argument is a
    ``Value``, and inside another compiled function, it is the function itself. Threads may call it at the same time.

    Numbers are the eager ones, observation by observation. Sums over observations are taken in another order. A
    parameter that is replaced by another ``Value`` is found where a module, a closure or a global of the function
    refers to it, though not in every call; one that is hidden elsewhere is not.
    """

    __name__: str

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Any,
        ndim: Sequence[int] | int | None,
        backend: str | None,
        max_structures: int,
        max_branches: int,
    ) -> None:
        if not callable(function):
            raise TypeError(f"a function is needed, not {type(function).__name__} {function!r:.60}")
        update_wrapper(self, function)
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.ndim = (ndim,) if isinstance(ndim, int) else None if ndim is None else tuple(ndim)
        self.backend = backend
        self.max_structures = max_structures
        self.max_branches = max_branches
        self.lock = threading.RLock()
        self._parameters = Parameters(function, parameters, self.lock)
        self._structures: OrderedDict[Hashable, Ways] = OrderedDict()
        self._by_shapes: dict[Hashable, Ways] = {}
        self._last: Way | None = None

    # ── What is run ──────────────────────────────────────────────────────────────────────────────

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """The results: of one observation as floats, of a batch as arrays with the observations in front.

        Raises:
            TypeError: an argument is no real number, or the function freezes a number.
            ValueError: the arguments do not fit together, a list is ragged, or the batch is empty.
        """
        if is_recording():
            return self.function(*arguments, **options)
        try:
            ways, leaves, count, is_batch = self._read(arguments, options)
        except ValueGiven:
            return self.function(*arguments, **options)
        values, way = self._run(None, lambda theta: self._values(ways, leaves, count, theta))
        return _shaped(way.result, values, is_batch)

    def value(self, *arguments: Any, reduce: str | None = None, **options: Any) -> Any:
        """The value of every observation, their ``"mean"`` or their ``"sum"``.

        Raises:
            TypeError, ValueError: as a call; also if the function does not return one scalar.
        """
        _check_reduce(reduce, ("mean", "sum", None))
        ways, leaves, count, is_batch = self._read(arguments, options)
        values, way = self._run(None, lambda theta: self._values(ways, leaves, count, theta))
        _check_scalar(way)
        if reduce is None:
            return _shaped(way.result, values, is_batch)
        total = float(np.add.reduce(values[:, 0]))
        return total / count if reduce == "mean" else total

    def backward(self, *arguments: Any, reduce: str = "mean", **options: Any) -> float:
        """The mean or sum of the values; its gradient is added to the ``grad`` of the parameters.

        Raises:
            TypeError, ValueError: as a call; also if the function does not return one scalar.
            NonFiniteResultError: a value or gradient is not finite. No gradient is changed.
        """
        value, gradient = self._reduced(arguments, options, reduce, None, False)
        self._parameters.add_gradient(gradient.parameters, gradient.used)
        return value

    def value_and_grad(
        self,
        *arguments: Any,
        reduce: str = "mean",
        wrt: str | int | tuple[str | int, ...] = PARAMETERS,
        at: ArrayLike | None = None,
        **options: Any,
    ) -> tuple[float, Any]:
        """The mean or sum of the values, and its gradient. Nothing is changed.

        Args:
            *arguments: one observation or a batch.
            reduce: ``"mean"`` or ``"sum"``.
            wrt: ``"parameters"``, the position of an argument, or a tuple of those.
            at: (parameters,) numbers to use for the parameters, in place of theirs.
            **options: static options of the function.

        Returns:
            The value and the gradient: of the parameters (parameters,) in the order of ``parameters``, of an argument
            in its structure, with arrays for lists; a tuple for a tuple.

        Raises:
            TypeError, ValueError: as a call; also if the function does not return one scalar.
            NonFiniteResultError: a value or gradient is not finite.

        >>> w = Value(2.0)
        >>> compile(lambda x: w * x * x).value_and_grad([1.0, 3.0], wrt=("parameters", 0))
        (10.0, (array([5.]), array([2., 6.])))
        """
        wanted = wrt if isinstance(wrt, tuple) else (wrt,)
        for each in wanted:
            if each != PARAMETERS and (type(each) is not int or not -len(arguments) <= each < len(arguments)):
                raise ValueError(
                    f"wrt must be 'parameters', a position among the {len(arguments)} arguments, or a tuple of them; "
                    f"not {wrt!r}"
                )
        wrt_inputs = wanted != (PARAMETERS,)
        value, gradient = self._reduced(arguments, options, reduce, at, wrt_inputs)
        if gradient.inputs is None:
            return value, gradient.parameters
        ways, _, _, is_batch = self._read(arguments, options)
        parts = tuple(
            gradient.parameters
            if each == PARAMETERS
            else ways.structure.gradients(int(each) % len(arguments), gradient.inputs, is_batch)
            for each in wanted
        )
        return value, parts if isinstance(wrt, tuple) else parts[0]

    # ── Parameters and programs ──────────────────────────────────────────────────────────────────

    @property
    def parameters(self) -> list[Value]:
        """The parameters, in the order of all vectors."""
        return [*self._parameters.known()]

    def vector(self) -> Floats:
        """(parameters,): the present numbers of the parameters."""
        self._parameters.known()
        self._parameters.check()
        return self._parameters.numbers().copy()

    def assign(self, vector: ArrayLike) -> None:
        """Give the parameters the numbers of a vector.

        Raises:
            ValueError: the vector is of another shape, or a number is not finite; no parameter is changed.
        """
        self._parameters.known()
        self._parameters.assign(vector)

    @property
    def program(self) -> Program:
        """The program that the last call ran last.

        Raises:
            RuntimeError: nothing was run so far.
        """
        if self._last is None:
            raise RuntimeError(f"{self.__name__} has no program yet: it is compiled in its first call")
        return self._last.program

    @property
    def programs(self) -> Programs:
        """All programs that are kept."""
        return Programs(
            ProgramReport(ways.described(), ways.options, len(way.recorded.guards), len(way.runner.program), way.runs)
            for ways in [*self._structures.values()]
            for way in ways.ways
        )

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}: {len(self.programs)} programs>"

    # ── For the ways ─────────────────────────────────────────────────────────────────────────────

    def known(self) -> list[Value]:
        """The parameters that are known."""
        return self._parameters.known()

    def meet(self, leaves: Sequence[Value]) -> None:
        """Parameters that were met in a recording."""
        self._parameters.meet(leaves)

    # ── Runs ─────────────────────────────────────────────────────────────────────────────────────

    def _read(self, arguments: Sequence[Any], options: dict[str, Any]) -> tuple[Ways, Sequence[Any], int, bool]:
        """The ways for these arguments, their leaves with the observations in front, how many, and if it is a batch."""
        shapes: Hashable = None
        if not options and all(map(_is_array, arguments)):
            shapes = tuple(map(_shape, arguments))
            ways = self._by_shapes.get(shapes)
            if ways is not None:
                count = len(arguments[0])
                if count and [*map(len, arguments)].count(count) == len(arguments):
                    return ways, arguments, count, True
        batch = Batch(arguments, self.ndim, argument_names(self.function, len(arguments)))
        ways = self._ways(batch.structure, options)
        if shapes is not None and batch.is_batch and all(leaf is array for leaf, array in zip(batch.leaves, arguments)):
            self._by_shapes[shapes] = ways
        return ways, batch.leaves, batch.observations, batch.is_batch

    def _ways(self, structure: Structure, options: dict[str, Any]) -> Ways:
        key = (structure, tuple(sorted(options.items())))
        try:
            hash(key)
        except TypeError:
            raise TypeError(
                "keyword arguments are static options of a compiled function and must be hashable, not "
                f"{options!r:.60}: pass numbers that vary as positional arguments"
            ) from None
        with self.lock:
            ways = self._structures.get(key)
            if ways is None:
                self._parameters.known()
                ways = self._structures[key] = Ways(self, structure, options)
                while len(self._structures) > self.max_structures:
                    _, forgotten = self._structures.popitem(last=False)
                    self._by_shapes = {
                        shapes: each for shapes, each in self._by_shapes.items() if each is not forgotten
                    }
            else:
                self._structures.move_to_end(key)
        return ways

    def _run(self, at: ArrayLike | None, run: Callable[[Floats], T]) -> T:
        """Run with the parameters' numbers; once more, if a recording found more parameters."""
        while True:
            try:
                return run(self._parameters.vector(at))
            except ParametersFound as found:
                if at is not None:
                    raise ValueError(
                        f"the function uses {found}, which could not be found before it was called: "
                        "pass parameters= to compile, or call it once before vector()"
                    ) from None

    def _chunks(self, ways: Ways, leaves: Sequence[Any], count: int, theta: Floats) -> Iterator[_Part]:
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            inputs = ways.structure.matrix(leaves, start, stop)
            for way, places in ways.split(theta, inputs, start):
                if way is not None:
                    self._last = way
                yield _Part(way, inputs, start, places)

    def _values(self, ways: Ways, leaves: Sequence[Any], count: int, theta: Floats) -> tuple[Floats, Way]:
        """(observations, outputs), and a way for the structure of the results, which is the same for all."""
        values: Floats | None = None
        for part in self._chunks(ways, leaves, count, theta):
            if part.way is not None:
                found = part.way.runner.values(theta[: part.way.size], part.rows)
                part.way.runs += len(found)
            else:
                found = np.array([self._eager_values(ways, row) for row in part.rows])
            if values is None:
                values = np.empty((count, found.shape[1]))
            values[part.at] = found
        assert values is not None  # a batch is never empty
        return values, ways.ways[0]

    def _eager_values(self, ways: Ways, row: Floats) -> list[float]:
        result, _ = ways.call(row)
        return [leaf.data if isinstance(leaf, Value) else leaf for leaf in derivatives._leaves(result)]

    def _reduced(
        self, arguments: Sequence[Any], options: dict[str, Any], reduce: str, at: ArrayLike | None, wrt_inputs: bool
    ) -> tuple[float, Gradient]:
        """The reduced value and its gradients, all of them finite."""
        _check_reduce(reduce, ("mean", "sum"))
        ways, leaves, count, _ = self._read(arguments, options)
        weight = 1.0 / count if reduce == "mean" else 1.0

        def run(theta: Floats) -> tuple[float, Gradient]:
            gradient = self._gradient(ways, leaves, count, theta, weight, wrt_inputs)
            value = float(np.add.reduce(gradient.values))
            if reduce == "mean":
                value /= count
            # A square overflows before the number does: only then, every number is looked at.
            if not (isfinite(value) and isfinite(gradient.parameters @ gradient.parameters)):
                self._check_finite(ways, leaves, count, theta, gradient)
            if gradient.inputs is not None and not np.isfinite(gradient.inputs).all():
                self._check_finite(ways, leaves, count, theta, gradient)
            return value, gradient

        return self._run(at, run)

    def _gradient(
        self, ways: Ways, leaves: Sequence[Any], count: int, theta: Floats, weight: float, wrt_inputs: bool
    ) -> Gradient:
        whole: Gradient | None = None
        for part in self._chunks(ways, leaves, count, theta):
            if part.way is not None:
                _check_scalar(part.way)
                way, rows = part.way, part.rows
                values, of_parameters, of_inputs = way.runner.gradient(theta[: way.size], rows, weight, wrt_inputs)
                way.runs += len(rows)
                if way.size == len(theta) and len(rows) == count:
                    return Gradient(values, of_parameters, of_inputs, way.used)
                found = Gradient(values, of_parameters, of_inputs, way.used)
            else:
                found = self._eager_gradient(ways, part.rows, theta, weight)
            if whole is None:
                inputs = np.empty((count, ways.structure.size)) if wrt_inputs else None
                whole = Gradient(np.empty(count), np.zeros(len(theta)), inputs, np.zeros(len(theta), bool))
            known = len(found.parameters)
            whole.values[part.at] = found.values
            whole.parameters[:known] += found.parameters
            whole.used[:known] |= found.used
            if whole.inputs is not None:
                whole.inputs[part.at] = found.inputs
        assert whole is not None  # a batch is never empty
        return whole

    def _eager_gradient(self, ways: Ways, rows: Floats, theta: Floats, weight: float) -> Gradient:
        """The same by the engine itself, observation by observation."""
        leaves = self._parameters.known()
        values, of_inputs = np.empty(len(rows)), np.empty(rows.shape)
        of_parameters, used = np.zeros(len(leaves)), np.zeros(len(leaves), bool)
        for place, row in enumerate(rows):
            with self.lock, at_numbers(leaves, theta):
                root, inputs = ways.call(row)
                if not isinstance(root, Value):
                    raise TypeError(_not_scalar(root))
                gradients = derivatives._gradients(root, [*leaves, *inputs], recorded=False)
                values[place] = root.data
            reached = set(topological_order(root))
            used |= [leaf in reached for leaf in leaves]
            of_parameters += np.multiply(weight, gradients[: len(leaves)])
            of_inputs[place] = np.multiply(weight, gradients[len(leaves) :])
        return Gradient(values, of_parameters, of_inputs, used)

    def _check_finite(self, ways: Ways, leaves: Sequence[Any], count: int, theta: Floats, gradient: Gradient) -> None:
        """Refuse a result that is not finite.

        Raises:
            NonFiniteResultError: it names the first observation at fault, and the node.
        """
        bad = np.flatnonzero(~np.isfinite(gradient.values))
        if len(bad):
            place = int(bad[0])
        elif not np.isfinite(gradient.parameters).all():
            place = self._first_bad_gradient(ways, leaves, count, theta)
        elif gradient.inputs is not None and not np.isfinite(gradient.inputs).all():
            place = int(np.flatnonzero(~np.isfinite(gradient.inputs).all(axis=1))[0])
        elif isfinite(np.add.reduce(gradient.values)):
            return
        else:
            raise NonFiniteResultError("the sum over the observations overflows, although every value is finite")
        row = ways.structure.matrix(leaves, place, place + 1)[0]
        with self.lock, at_numbers(self._parameters.known(), theta):
            raise explained(lambda: ways.call(row), place)

    def _first_bad_gradient(self, ways: Ways, leaves: Sequence[Any], count: int, theta: Floats) -> int:
        """The first observation with a gradient that is not finite, by halving; the last one if only the sum is not."""
        start, stop = 0, count
        while stop - start > 1:
            middle = (start + stop) // 2
            half = [leaf[start:middle] for leaf in leaves]
            found = self._gradient(ways, half, middle - start, theta, 1.0, False)
            if np.isfinite(found.parameters).all():
                start = middle
            else:
                stop = middle
        return start


class _Part(NamedTuple):
    """Observations of a chunk that go one way."""

    way: Way | None
    inputs: Floats
    start: int
    places: Places

    @property
    def rows(self) -> Floats:
        return self.inputs if self.places is None else self.inputs[self.places]

    @property
    def at(self) -> Any:
        """Where the observations stand in the whole batch."""
        if self.places is None:
            return slice(self.start, self.start + len(self.inputs))
        return self.places + self.start


def _is_array(argument: Any) -> bool:
    return type(argument) is np.ndarray


def _shape(array: NDArray[Any]) -> Hashable:
    return array.shape[1:] if array.ndim else None, array.dtype


def _check_reduce(reduce: Any, allowed: tuple[str | None, ...]) -> None:
    if reduce not in allowed:
        raise ValueError(f"reduce must be {' or '.join(map(repr, allowed))}, not {reduce!r}")


def _check_scalar(way: Way | None) -> None:
    if way is not None and not way.is_scalar:
        raise TypeError(_not_scalar(way.result))


def _not_scalar(result: Any) -> str:
    what = "a plain number" if isinstance(result, (int, float)) else f"a {type(result).__name__}"
    return (
        f"the function must return one scalar Value to have a value to reduce and a gradient, not {what}; "
        "a call of it gives results of any structure"
    )


def _shaped(result: Any, values: Floats, is_batch: bool) -> Any:
    """The structure of the results with the numbers of its outputs."""
    if not is_batch:
        return derivatives._rebuilt(result, iter(values[0].tolist()))
    return _columns(result, values)


def _columns(result: Any, values: Floats) -> Any:
    if isinstance(result, int):
        return values[:, result].copy()
    if isinstance(result, np.ndarray):
        return values[:, result.ravel()].reshape(len(values), *result.shape)
    if isinstance(result, dict):
        return {key: _columns(part, values) for key, part in result.items()}
    parts = [_columns(part, values) for part in result]
    return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
