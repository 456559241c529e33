"""A compiled function: what is called over batches, gives gradients, and shows its programs."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from autodiff import trees
from autodiff.compiling.backends import Runner, check_backend, prepare
from autodiff.compiling.batches import Gradient, check_scalar, finite_gradient, total_of, values_of
from autodiff.compiling.blocks import are_blocks, over_blocks
from autodiff.compiling.calls import Call, Calls, Programs
from autodiff.compiling.descent import Descent, Rule
from autodiff.compiling.executors import Workers
from autodiff.compiling.exports import Exports
from autodiff.compiling.inputs import ValueGivenError
from autodiff.compiling.parameters import Floats, MoreParametersError, Parameters
from autodiff.compiling.recording import is_recording, refuse_inside
from autodiff.compiling.specializations import Specialization, Specializations, record_ways
from autodiff.pickling import is_pickled_by_value
from autodiff.program.program import Program
from autodiff.value import Value

P = ParamSpec("P")
T = TypeVar("T")

PARAMETERS = "parameters"


class Compiled(Exports, Generic[P]):
    """A compiled function; :func:`autodiff.compile` makes one.

    It is called like the function, and gives floats; of a batch, arrays with the observations in front: (observations,)
    for a number, (observations, k) for a list of k numbers, as a network returns it, and tuples and dicts of arrays for
    those, so that a function which returns two things returns a tuple. Where an argument is a ``Value``, and inside
    another compiled function, it is the function itself. Threads may call it at the same time;
    while one of them compiles for numbers given with ``at=``, the parameters hold these, and others must not use them.

    Numbers are the eager ones, observation by observation, but for the sign of a zero and for the last place of a
    gradient that comes together around a ``detach()``, as in ``softmax``, or a ``select``, and of second derivatives
    whose rules branch. Sums over observations, and over several uses of a parameter, are taken in another order.

    Parameters are live: where a module, list, attribute, closure or global of the function refers to another ``Value``
    than before, the next call uses that one. Numbers, functions and classes that its code names are compared in every
    call, too, also in attributes of attributes and in other files of yours, and the function is compiled anew where
    they have changed. All else that it reads outside is constant in its programs, but not in silence: calls 1, 2, 4, 8
    and so on, and one after each second, also record an observation anew, and raise :class:`StaleProgramError` if that
    gives another program. Arguments of several structures are counted apart, and n of them come again after n seconds.
    What would freeze a number is refused in the first call: reading ``data``, ``float()``, text
    (but for ``repr()``, to look at numbers), random draws, and nodes that were computed outside from a parameter. To
    find the rest there, as what is made of a ``repr()``, the function is recorded twice, the second time with numbers a
    hair beside.
    """

    __name__: str

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Any,
        ndim: Sequence[int] | int | None,
        backend: str | None,
        threads: int | None,
        max_structures: int,
        max_branches: int,
    ) -> None:
        if not callable(function):
            raise TypeError(f"a function is needed, not {type(function).__name__} {function!r:.60}")
        dimensions = (ndim,) if isinstance(ndim, int) else ndim
        if dimensions is not None and not all(isinstance(each, int) and each >= 0 for each in dimensions):
            raise ValueError(f"ndim must be a number from 0 for each positional argument, such as (1, 0); not {ndim!r}")
        several = 1 if threads is None else threads
        for name, bound in (("threads", several), ("max_structures", max_structures), ("max_branches", max_branches)):
            if not isinstance(bound, int) or bound < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {bound!r}")
        check_backend(backend)
        update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.prepare: Callable[[Program], Runner] = partial(prepare, backend=backend, threads=threads)
        self.max_branches = max_branches
        self._calls = Calls(self, parameters, None if dimensions is None else tuple(dimensions), max_structures)
        self._made_of = (function, self._calls.given, ndim, backend, threads, max_structures, max_branches)
        self.last: Specialization | None = None
        """The specialization that was run last."""
        self.structures = 0
        """How many structures of arguments it is compiled for."""

    # ── What is run ──────────────────────────────────────────────────────────────────────────────

    def __call__(self, *arguments: P.args, **options: P.kwargs) -> Any:
        """The results: of one observation as floats, of a batch as arrays with the observations in front.

        Raises:
            TypeError: an argument is no real number, or the function freezes a number.
            ValueError: the arguments do not fit together, a list is ragged, or the batch is empty.
        """
        try:
            if is_recording():
                if self._calls.is_batch(arguments):
                    refuse_inside(f"a batch of {self.__name__}")
                return self.function(*arguments, **options)
            call = self._calls.read(arguments, options, "equals")
        except ValueGivenError:
            return self.function(*arguments, **options)
        return _shaped(call, self._run(None, values_of, call))

    def value(self, *arguments: Any, reduction: str | None = None, at: ArrayLike | None = None, **options: Any) -> Any:
        """The results of every observation, as a call gives them; or the ``"mean"`` or ``"sum"`` of scalars.

        Args:
            *arguments: one observation or a batch.
            reduction: ``"mean"``, ``"sum"`` or None.
            at: (parameters,) numbers to use for the parameters, in place of theirs.
            **options: static options of the function.

        Raises:
            TypeError, ValueError: as a call; also if results that are no scalars are to be reduced.
        """
        _check_reduction(reduction, ("mean", "sum", None))
        refuse_inside(self.__name__)
        call = self._calls.read(arguments, options, "equals" if at is None else "attributes")
        values = self._run(at, values_of, call)
        if reduction is None:
            return _shaped(call, values)
        programs, _, observations, _ = call
        check_scalar(programs.result)
        total = total_of(programs, values[:, 0])
        return total / observations if reduction == "mean" else total

    def backward(self, *arguments: Any, reduction: str = "mean", executor: Any = None, **options: Any) -> float:
        """The mean or sum of the values; its gradient is added to the ``grad`` of the parameters.

        Args:
            *arguments, executor: as of :meth:`value_and_grad`.
            reduction: ``"mean"`` or ``"sum"``.
            **options: static options of the function.

        Raises:
            TypeError, ValueError: as a call; also if the function does not return one scalar.
            NonFiniteError: a value or gradient is not finite. No gradient is changed.
            ExecutorError: as of :meth:`value_and_grad`. No gradient is changed.
        """
        _check_reduction(reduction, ("mean", "sum"))
        value, gradient, parameters = self._of_parameters(arguments, options, reduction, None, executor, "")
        parameters.add_gradient(gradient.parameters, gradient.used)
        return value

    def value_and_grad(
        self,
        *arguments: Any,
        reduction: str | None = "mean",
        wrt: str | int | tuple[str | int, ...] = PARAMETERS,
        at: ArrayLike | None = None,
        executor: Any = None,
        **options: Any,
    ) -> tuple[Any, Any]:
        """The mean or sum of the values, and its gradient. Nothing is changed.

        A ``numpy.memmap``, and an array with chunks, as Dask, h5py and zarr have them, is read some observations at a
        time, so it may be larger than memory. So may a batch in blocks: an iterable, such as a generator, of tuples of
        the arguments.

        Over an executor, a batch is cut into chunks by its size and that of the program; they are added up in their
        order. So the bits are the same for any number of workers. Without an executor the sums over the observations
        are taken in another order: the value and the gradient of the parameters may differ in their last places, what
        is of single observations has the same bits. What a worker loses by dying is computed again.

        Args:
            *arguments: one observation or a batch; or an iterable of blocks, for the gradient of parameters.
            reduction: ``"mean"`` or ``"sum"``; or None for every observation's own, of arguments only.
            wrt: ``"parameters"``, the position of an argument, or a tuple of those.
            at: (parameters,) numbers to use for the parameters, in place of theirs.
            executor: a ``concurrent.futures.Executor``, whose workers compute: processes, loky's, MPI's, or that of a
                Dask client, ``client.get_executor()``. They get programs and numbers, and none of the user's code.
            **options: static options of the function.

        Returns:
            The value and the gradient: of the parameters (parameters,) in the order of ``parameters``, of an argument
            in its structure, with arrays for lists; a tuple for a tuple.

        Raises:
            TypeError, ValueError: as a call; also if the function does not return one scalar.
            NonFiniteError: a value or gradient is not finite.
            ExecutorError: the executor was shut down or is broken, its workers have another version of autodiff or
                fail, chunks kill them again and again, or an operation of the user's own cannot travel to them; it
                says what to do.

        >>> from autodiff import compile
        >>> w = Value(2.0)
        >>> square = compile(lambda x: w * x * x)
        >>> square.value_and_grad([1.0, 3.0], wrt=("parameters", 0))
        (10.0, (array([5.]), array([2., 6.])))
        >>> square.value_and_grad(([x, x + 1.0],) for x in (1.0, 3.0))  # two blocks
        (15.0, array([7.5]))
        """
        if wrt == PARAMETERS:
            _check_reduction(reduction, ("mean", "sum"))
            but_for = "equals" if at is None else "attributes"
            value, gradient, _ = self._of_parameters(arguments, options, reduction, at, executor, but_for)
            return value, gradient.parameters
        refuse_inside(self.__name__)
        _check_reduction(reduction, ("mean", "sum", None))
        wanted = wrt if isinstance(wrt, tuple) else (wrt,)
        for each in wanted:
            if each != PARAMETERS and (type(each) is not int or not -len(arguments) <= each < len(arguments)):
                raise ValueError(
                    f"wrt must be 'parameters', a position among the {len(arguments)} arguments, or a tuple of them; "
                    f"not {wrt!r}"
                )
        if are_blocks(arguments):
            raise ValueError("a batch in blocks has the gradient of parameters alone: wrt must be 'parameters'")
        if reduction is None and PARAMETERS in wanted:
            raise ValueError("the gradient of parameters is reduced: reduction must be 'mean' or 'sum', not None")
        call = self._calls.read(arguments, options, "equals" if at is None else "attributes")
        by = None if executor is None else self._workers(executor)
        value, gradient = self._run(at, finite_gradient, call, reduction, PARAMETERS in wanted, True, by)
        assert gradient.inputs is not None  # they were asked for
        programs, _, _, is_batch = call
        parts = tuple(
            gradient.parameters
            if each == PARAMETERS
            else programs.structure.gradients(int(each) % len(arguments), gradient.inputs, is_batch)
            for each in wanted
        )
        values = gradient.values if reduction is None and is_batch else value
        return values, parts if isinstance(wrt, tuple) else parts[0]

    def descent(self, *arguments: Any, rule: Rule, state: ArrayLike = (), steps: int = 0, **options: Any) -> Descent:
        """The steps of an optimizer over a batch, ready to run for whole epochs: see :class:`Descent`.

        Args:
            *arguments: the data set, a batch.
            rule: a function of numbers, ``(gradient, rate, step, *state) -> (move, *state)``, where ``step`` counts
                from 1; written with arithmetic and operations of autodiff.
            state: (states, parameters) what the rule remembers of each parameter.
            steps: how many steps were taken so far.
            **options: static options of the function.

        Raises:
            TypeError, ValueError: as a call.

        >>> from autodiff import compile
        >>> w = Value(0.0)
        >>> error = compile(lambda x, y: (w * x - y) ** 2)
        >>> descent = error.descent([1.0, 2.0], [3.0, 6.0], rule=lambda gradient, rate, step: (-rate * gradient,))
        >>> errors, steps = descent.run(order=[0, 1, 1, 0], starts=[0, 2, 4], rates=[0.1, 0.1])
        >>> errors, steps, descent.parameters
        (array([ 9.  , 36.  ,  9.  ,  2.25]), 2, array([2.25]))
        """
        refuse_inside(self.__name__)
        call = self._calls.read(arguments, options)
        inputs = call[1](0, call[2])

        def descent(theta: Floats, programs: Specializations, *_: Any) -> Descent:
            return Descent(theta, programs, inputs, rule, state, steps, self._calls.now)

        return self._run(None, descent, call)

    def _ways(self, arguments: tuple[Any, ...], options: dict[str, Any], what: str) -> Specializations:
        refuse_inside(self.__name__)
        if arguments or options:
            call = self._calls.read(arguments, options, "equals")
            self._run(None, record_ways, call)
            return call[0]
        latest = self._calls.latest()
        if latest is None or not latest.all:
            raise RuntimeError(
                f"{self.__name__} has no program for what is outside of it now: call it once before, or write "
                f"{self.__name__}.{what}(...) with the arguments of one observation or a batch"
            )
        return latest

    def __get__(self, instance: Any, owner: type) -> Compiled[P]:
        """The compiled function of a class; a method is compiled for its object.

        Raises:
            TypeError: it was asked for as a method.
        """
        if instance is not None:
            raise TypeError(
                f"{self.__name__} is compiled for no object: in place of a decorator, write "
                f"self.{self.__name__} = compile(self.{self.__name__}) in __init__"
            )
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled[P]:
        """Itself; if it is compiled for an object that is copied, too, the same for the copy."""
        function = copy.deepcopy(self.function, memo)
        return self if function is self.function else Compiled(function, *copy.deepcopy(self._made_of[1:], memo))

    def __reduce__(self) -> tuple[Any, ...] | str:
        by_name = getattr(sys.modules.get(self.__module__), self.__name__, None) is self
        if by_name and not (self.__module__ == "__main__" and is_pickled_by_value()):
            return str(self.__name__)  # as functions are pickled
        return Compiled, self._made_of

    # ── Parameters and programs ──────────────────────────────────────────────────────────────────

    @property
    def parameters(self) -> list[Value]:
        """The parameters, in the order of all vectors."""
        return [*self._calls.outside()[1].leaves]

    def vector(self) -> Floats:
        """(parameters,): the present numbers of the parameters."""
        refuse_inside(self.__name__)
        return self._calls.outside()[1].numbers().copy()

    def assign(self, vector: ArrayLike) -> None:
        """Give the parameters the numbers of a vector.

        Raises:
            ValueError: the vector is of another shape, or a number is not finite; no parameter is changed.
        """
        self._calls.outside()[1].assign(vector)

    @property
    def program(self) -> Program:
        """The program that the last call ran last.

        Raises:
            RuntimeError: nothing was run so far.
        """
        if self.last is None:
            raise RuntimeError(f"{self.__name__} has no program yet: it is compiled in its first call")
        return self.last.program

    @property
    def programs(self) -> Programs:
        """All programs that are kept."""
        return self._calls.programs()

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}: {len(self.programs)} programs>"

    # ── Runs ─────────────────────────────────────────────────────────────────────────────────────

    def _workers(self, executor: Any) -> Workers:
        return Workers(executor, self._made_of[3])

    def _of_parameters(
        self,
        arguments: Sequence[Any],
        options: dict[str, Any],
        reduction: str | None,
        at: ArrayLike | None,
        executor: Any,
        but_for: str,
    ) -> tuple[float, Gradient, Parameters]:
        """The mean or sum over a batch, or over blocks; its gradient, and the parameters that it is of."""
        refuse_inside(self.__name__)
        by = None if executor is None else self._workers(executor)
        if not are_blocks(arguments):
            call = self._calls.read(arguments, options, but_for)
            value, gradient = self._run(at, finite_gradient, call, reduction, True, False, by)
            return value, gradient, call[0].parameters

        def run(block: Sequence[Any]) -> tuple[Call, float, Gradient]:
            call = self._calls.read(block, options, but_for)
            return call, *self._run(at, finite_gradient, call, "sum", True, False, by)

        return over_blocks(arguments[0], reduction == "mean", run)

    def _run(self, at: ArrayLike | None, run: Callable[..., T], call: Call, *arguments: Any) -> T:
        """Run with the parameters' numbers first; once more, if a recording found more parameters. Audit now and then.

        Raises:
            StaleProgramError: the function does something else than its program.
        """
        programs, rows, count, _ = call
        while True:
            try:
                theta = programs.parameters.vector(at)
                found = run(theta, programs, rows, count, *arguments)
                break
            except MoreParametersError as more:
                if at is not None:
                    raise more.refused() from None
        if programs.audits.is_due() and self._calls.outside()[1] is programs.parameters:  # else the next call is
            programs.audit(theta, rows, count)
        return found


def _check_reduction(reduction: Any, allowed: tuple[str | None, ...]) -> None:
    if reduction not in allowed:
        raise ValueError(f"reduction must be {' or '.join(map(repr, allowed))}, not {reduction!r}")


def _shaped(call: Call, values: Floats) -> Any:
    """The structure of the results with the numbers of its outputs; of a batch, the observations in front."""
    programs, _, _, is_batch = call
    return (
        _columns(programs.result, values) if is_batch else trees.with_leaves(programs.result, iter(values[0].tolist()))
    )


def _columns(result: Any, values: Floats) -> Any:
    if isinstance(result, int):
        return values[:, 0] if values.shape[1] == 1 else values[:, result].copy()
    shape = _shape(result)
    if shape is not None:
        return values[:, trees.leaves(result)].reshape(len(values), *shape)
    if isinstance(result, np.ndarray):
        return values[:, result.ravel()].reshape(len(values), *result.shape)
    return trees.rebuilt(result, [_columns(part, values) for part in trees.parts(result).values()])  # type: ignore[union-attr]


def _shape(result: Any) -> tuple[int, ...] | None:
    """The shape of a list of outputs, or of lists of one shape, or () of an output; None for another structure."""
    if isinstance(result, int):
        return ()
    shapes = {_shape(part) for part in result} if type(result) is list else {None}
    if None in shapes or len(shapes) > 1:
        return None
    return (len(result), *next(iter(shapes), ()))  # type: ignore[misc]
