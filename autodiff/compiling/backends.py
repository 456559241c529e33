"""The backends that run a program: what each offers, and how one is chosen."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from autodiff.compiling.numpy.runner import NumpyRunner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from autodiff.program.program import Program

    Floats = NDArray[np.float64]


class Runner(Protocol):
    """A program made ready to run over batches of observations; threads may run it at the same time."""

    program: Program

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        """(observations, outputs): every output of every observation.

        Args:
            parameters: (parameters,) their numbers.
            inputs: (observations, inputs) of any layout; a ``numpy.memmap`` is read block by block.
        """

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None, float]:
        """Values and gradients of the first output; all arrays are fresh ones.

        Args:
            parameters: (parameters,) their numbers.
            inputs: (observations, inputs).
            weight: scalar or (observations,): how much an observation counts.
            wrt_inputs: compute the gradients of the inputs too.

        Returns:
            The values (observations,), the gradient (parameters,) of Σ weight · value over the observations, that of
            the inputs (observations, inputs) or None, and Σ value, or nan if a gradient is not finite.
        """

    def total(self, values: Floats) -> float:
        """The sum of (observations,), taken in the order in which ``gradient`` takes it."""


@runtime_checkable
class DescendingRunner(Runner, Protocol):
    """A runner that also takes the steps of an optimizer itself; for others, a loop over their gradients does."""

    def descend(
        self,
        parameters: Floats,
        state: Floats,
        inputs: Floats,
        order: NDArray[np.int64],
        starts: NDArray[np.int64],
        rates: Floats,
        first_step: int,
        rule: Callable[..., Sequence[Any]],
    ) -> tuple[Floats, int]:
        """Take the steps of whole epochs: batch k is the observations ``order[starts[k]:starts[k + 1]]``.

        A step takes the mean gradient of its batch; then for every parameter
        ``move, *state = rule(gradient, rate, step, *state)``, and the move is added to it. It stops before a step whose
        errors or gradient are not finite.

        Args:
            parameters: (parameters,) their numbers, changed in place.
            state: (states, parameters) what the rule remembers of every parameter, changed in place.
            inputs: (observations, inputs).
            order: places of observations, batch after batch.
            starts: (batches + 1,) where each batch begins in ``order``, and where the last one ends.
            rates: (batches,) the learning rate of each step.
            first_step: the number of the first step, which the rule is told: 1 for a new optimizer.
            rule: a function of numbers, written with arithmetic and operations of the table.

        Returns:
            The error of each observation of ``order`` as it was when its batch was run (nan for batches that were not),
            and how many steps were taken.
        """


def _native(program: Program, threads: int) -> Runner:
    from autodiff.compiling.native import NativeRunner

    return NativeRunner(program, threads)


def _jax(program: Program, threads: int) -> Runner:
    from autodiff.compiling.jax import JaxRunner

    return JaxRunner(program, threads)


BACKENDS: dict[str, Callable[[Program, int], Runner]] = {"native": _native, "numpy": NumpyRunner, "jax": _jax}
"""What makes a program ready, given the number of threads, by the name of the backend."""


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_backend(backend: str | None) -> None:
    """Refuse the name of a backend that there is none of.

    Raises:
        ValueError: there is none.
    """
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"unknown backend {backend!r} (must be one of {', '.join(map(repr, BACKENDS))}, or None)")


def prepare(program: Program, backend: str | None = None, threads: int | None = 1) -> Runner:
    """The program made ready by a backend.

    Args:
        program: what to run.
        backend: a name of ``BACKENDS``; None for the native one if LLVM is installed and can compile every operation,
            else NumPy.
        threads: over how many threads the native backend spreads large batches, None for one on each processor; the
            bits do not depend on it.

    Raises:
        ValueError: there is no backend of that name, or it runs on one thread only.
        ImportError: the native or the JAX backend was asked for, and llvmlite or JAX is not installed.
        NoDeviceError: the JAX backend was asked for, and JAX finds no device.
        UnwritableError: the JAX backend was asked for, and an operation of the user cannot be run on its arrays.
        NotCompilableError: the native backend was asked for, and an operation cannot be written as machine code.

    >>> import numpy as np
    >>> from autodiff import lookup
    >>> from autodiff.program.program import Instruction, assemble
    >>> program = assemble([], ["w"], ["x"], [Instruction(lookup("multiply"), (0, 1))], [2])
    >>> runner = prepare(program, "numpy")
    >>> runner.gradient(np.array([3.0]), np.array([[1.0], [2.0]]))
    (array([3., 6.]), array([3.]), None, 9.0)
    """
    if threads is None:
        threads = cores() if backend in (None, "native") else 1
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    if backend is not None:
        check_backend(backend)
        return BACKENDS[backend](program, threads)
    if find_spec("llvmlite") is None:
        return NumpyRunner(program)
    from autodiff.compiling.native import NotCompilableError

    try:
        return _native(program, threads)
    except NotCompilableError as reason:  # an operation without machine code is no error here, but is said
        warnings.warn(f"the NumPy backend runs this program: {reason}", RuntimeWarning, stacklevel=2)
        return NumpyRunner(program)
