"""The runner of JAX: a program on batches of observations, on whatever device JAX has, in float64."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.compiling.jax.function import Function
from autodiff.compiling.numpy.runner import NumpyRunner
from autodiff.program.program import Program

Floats = NDArray[np.float64]
EXACT_SIZES, DIGITS = 8, 5
"""XLA compiles for each size of a batch: after so many sizes, batches are filled up to one of so many binary digits."""


class NoDeviceError(RuntimeError):
    """JAX has no device of the kind that it was asked for."""


class JaxRunner:
    """See :class:`~autodiff.compiling.backends.Runner`.

    It computes in float64, whatever JAX is set to elsewhere. Values and gradients are the eager ones to the last
    places. Where a gradient is not finite, the NumPy backend computes it again, which keeps the two zeros apart also
    where numbers overflow or data are nan.

    Raises:
        UnwritableError: an operation cannot be run on arrays.
        NoDeviceError: JAX finds no device.
        ValueError: more threads than one are asked for.
    """

    def __init__(self, program: Program, threads: int = 1) -> None:
        if threads > 1:
            raise ValueError(f"the JAX backend takes the threads that JAX has: leave out threads={threads}")
        check_device()
        self.program = program
        self.function = Function(program)
        self._sizes: set[int] = set()
        self._careful: NumpyRunner | None = None
        self._values = jax.jit(self._of_columns)
        self._gradient = jax.jit(self._pulled_back, static_argnums=3)

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        if not len(inputs):
            return np.empty((0, len(self.program.outputs)))
        with _float64():
            return np.array(self._values(_floats(parameters), self._columns(inputs)))[:, : len(inputs)].T

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None, float]:
        count = len(inputs)
        if not count:
            return np.empty(0), np.zeros(len(parameters)), np.empty(inputs.shape) if wrt_inputs else None, 0.0
        with _float64():
            columns = self._columns(inputs)
            weights = np.zeros(columns.shape[1])
            weights[:count] = weight
            found = jax.device_get(self._gradient(_floats(parameters), columns, weights, wrt_inputs))
        values, gradient, slopes, is_finite = found
        values = np.array(values[:count])
        if is_finite:
            return values, np.array(gradient), np.array(slopes[:, :count]).T if wrt_inputs else None, self.total(values)
        if self._careful is None:
            self._careful = NumpyRunner(self.program)
        _, gradient, slopes, total = self._careful.gradient(parameters, inputs, weight, wrt_inputs)
        return values, gradient, slopes, self.total(values) if math.isfinite(total) else total

    def total(self, values: Floats) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.add.reduce(values))

    def _of_columns(self, parameters: Any, columns: Any) -> Any:
        """(outputs, observations): the results."""
        return jax.vmap(lambda numbers: self.function(parameters, [numbers]), 0, 1)(columns.T)

    def _pulled_back(self, parameters: Any, columns: Any, weights: Any, wrt_inputs: bool) -> tuple[Any, Any, Any, Any]:
        """The first output, the gradients of parameters and columns, and whether these are finite."""

        def value(parameters: Any, columns: Any) -> Any:
            return self._of_columns(parameters, columns)[0]

        if wrt_inputs:
            found, pull = jax.vjp(value, parameters, columns)
        else:
            found, pull = jax.vjp(lambda parameters: value(parameters, columns), parameters)
        gradients = pull(weights)
        finite = jnp.array([jnp.isfinite(each).all() for each in gradients]).all()
        return found, gradients[0], gradients[1] if wrt_inputs else None, finite

    def _columns(self, inputs: Floats) -> Floats:
        """(inputs, size): the observations as columns; where their number is new, the first one again and again."""
        count = size = len(inputs)
        if len(self._sizes) < EXACT_SIZES:
            self._sizes.add(count)
        elif count not in self._sizes:
            unit = 1 << max(0, count.bit_length() - DIGITS)
            size = -(-count // unit) * unit
        if size == count:
            return np.ascontiguousarray(inputs.T, np.float64)
        columns = np.empty((inputs.shape[1], size))
        columns[:, :count], columns[:, count:] = inputs.T, inputs[:1].T
        return columns


def check_device() -> None:
    """Look whether JAX has a device.

    Raises:
        NoDeviceError: it has none of the kind that it was asked for.
    """
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter where the platform is known, but not installed
        reason = f" ({error})" if str(error) else ""
        raise NoDeviceError(
            f"JAX finds no device{reason}. JAX_PLATFORMS or jax_platforms asks for one that is not there: set it to "
            "'cpu' or leave it out; for a GPU, install its driver and pip install 'jax[cuda12]'"
        ) from error


def _floats(numbers: Floats) -> Floats:
    return np.asarray(numbers, np.float64)


def _float64() -> Any:
    """The context in which JAX computes in float64."""
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()
