"""Runs over a batch: chunk by chunk, and in each the observations by the specialization that is right for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff import trees
from autodiff.backward import topological_order
from autodiff.compiling.inputs import Observations
from autodiff.compiling.specializations import Floats, Places, Rows, Specialization, Specializations
from autodiff.derivatives import gradients
from autodiff.non_finite import NonFiniteError, is_detecting, non_finite_error
from autodiff.sources import record_sources
from autodiff.value import Value

FEW = 1024
"""Inputs of fewer observations are copied sooner than looked at one by one."""
CHUNK, NUMBERS = 16384, 2**20
"""How many observations at a time are put into a matrix, or more as long as it holds no more numbers than this: memory
is bounded by this, not by the data."""


def rows_of(inputs: Floats) -> Rows:
    """The rows of a matrix that is there already."""
    return lambda start, stop: inputs[start:stop]


def chunk_of(programs: Specializations) -> int:
    """How many observations are put into a matrix."""
    return max(CHUNK, NUMBERS // max(1, programs.structure.size))


class Gradient(NamedTuple):
    """What a pass forward and backward gives."""

    values: Floats
    """(observations,); empty if they are not wanted."""
    parameters: Floats
    """(parameters,): of Σ weight · value."""
    inputs: Floats | None
    """(observations, inputs)"""
    used: NDArray[np.bool_] | None
    """(parameters,): which parameters the function used; None for all of them."""
    total: float
    """Σ value; not finite if that, a value or a gradient is not."""


Gradients = Callable[[Floats, Specializations, Rows, int, float, bool, bool], Iterator[tuple[Any, Gradient]]]
"""Takes what :func:`gradient_of` takes, and gives the gradients of the batch's parts, in a fixed order, and where the
observations of each stand in the batch."""


def _chunks(programs: Specializations, rows: Rows, count: int) -> Iterator[tuple[int, Floats]]:
    """The observations, some at a time: the place of the first one, and their inputs."""
    chunk = chunk_of(programs)
    for start in range(0, count, chunk):
        yield start, rows(start, min(start + chunk, count))


def _parts(
    theta: Floats, programs: Specializations, start: int, inputs: Floats, left: Places = None
) -> Iterator[tuple[Specialization | None, Floats, Any]]:
    """What runs some observations of a chunk, None for the eager engine; their inputs; and where they stand in the
    batch.
    """
    for by, places in programs.split(theta, inputs, start, left):
        part = inputs if places is None else inputs[places]
        if by is not None:
            by.runs += len(part)
            programs.owner.last = by
        yield by, part, slice(start, start + len(inputs)) if places is None else places + start


def _only_program(
    theta: Floats, programs: Specializations, rows: Rows, count: int
) -> tuple[Specialization, Floats] | None:
    """The specialization that is right for all observations of a single chunk, and their inputs."""
    if count > chunk_of(programs) or len(programs.all) != 1 or is_detecting():
        return None
    only = programs.all[0]
    inputs = _read(rows, only, count)
    if only.size != len(theta) or not only.is_right_at(theta) or only.satisfied(theta, inputs) is not None:
        return None
    only.runs += count
    programs.owner.last = only
    return only, inputs


def _read(rows: Rows, only: Specialization, count: int) -> Any:
    """The inputs of all observations: of many, and if nothing else looks at them, where they are."""
    as_they_are = count >= FEW and not only.reads_inputs and getattr(only.runner, "reads_columns", False)
    columns = rows.columns() if as_they_are and isinstance(rows, Observations) else None
    return rows(0, count) if columns is None else columns


def values_of(theta: Floats, programs: Specializations, rows: Rows, count: int) -> Floats:
    """(observations, outputs): the results of ``count`` observations, with the parameters' numbers ``theta``."""
    only = _only_program(theta, programs, rows, count)
    if only is not None:
        return only[0].runner.values(theta, only[1])
    values: Floats | None = None
    for chunk in _chunks(programs, rows, count):
        for by, part, at in _parts(theta, programs, *chunk):
            if by is not None:
                found = by.runner.values(theta[: by.size], part)
            else:
                found = np.array([_eager_values(theta, programs, *each) for each in zip(part, _places(at))])
            if values is None:
                values = np.empty((count, found.shape[1]))
            values[at] = found
    assert values is not None  # a batch is never empty
    return values


def gradient_of(
    theta: Floats,
    programs: Specializations,
    rows: Rows,
    count: int,
    weight: float,
    wrt_inputs: bool,
    with_values: bool = True,
    by: Gradients | None = None,
) -> Gradient:
    """The values of a function of one result, and the gradient of Σ weight · value; of the inputs too if wanted.

    Parts of the batch are added up in their order. What computes them is this process, or ``by``. Without the values
    their sum is that of the parts' sums.

    Raises:
        TypeError: the function does not return one scalar. A plain number, to which no gradient flows, is one where the
            function branched: it may return a ``Value`` for another observation, as ``max(0, x)`` does.
    """
    if by is None or is_detecting():
        only = _only_program(theta, programs, rows, count)
        if only is not None and only[0].is_scalar:  # nothing has to be added up
            values, of_theta, slopes, total = only[0].runner.gradient(theta, only[1], weight, wrt_inputs)
            return Gradient(values, of_theta, slopes, only[0].used, total)
        by = _gradients
    values, total = np.empty(count if with_values else 0), 0.0
    of_parameters, used = np.zeros(len(theta)), np.zeros(len(theta), bool)
    of_inputs = np.empty((programs.structure.size, count)).T if wrt_inputs else None
    for at, found in by(theta, programs, rows, count, weight, wrt_inputs, with_values):
        total += found.total
        if with_values:
            values[at] = found.values
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is an error, with more to say
            of_parameters[: len(found.parameters)] += found.parameters
        used[: len(found.parameters)] |= True if found.used is None else found.used
        if of_inputs is not None:
            of_inputs[at] = found.inputs
    if not any(each.is_scalar or each.recording.program.guards for each in programs.all):
        raise TypeError(_not_scalar(0.0))
    finite = np.isfinite(of_parameters).all() and (of_inputs is None or np.isfinite(of_inputs).all())
    if with_values:
        total = total_of(programs, values)
    return Gradient(values, of_parameters, of_inputs, used, total if finite else nan)


def _gradients(
    theta: Floats, programs: Specializations, rows: Rows, count: int, weight: float, wrt_inputs: bool, _: bool
) -> Iterator[tuple[Any, Gradient]]:
    for start, inputs in _chunks(programs, rows, count):
        yield from gradients_in(theta, programs, start, inputs, weight, wrt_inputs)


def gradients_in(
    theta: Floats,
    programs: Specializations,
    start: int,
    inputs: Floats,
    weight: float,
    wrt_inputs: bool,
    left: Places = None,
) -> Iterator[tuple[Any, Gradient]]:
    """Where the observations of a chunk stand in the batch, and their gradients: of a part by each specialization.

    Args:
        theta, weight, wrt_inputs: as of :func:`gradient_of`.
        start: the place of the chunk's first observation in the batch.
        inputs: (observations, inputs) those of the chunk.
        left: which observations of the chunk are run; None for all.
    """
    for by, part, at in _parts(theta, programs, start, inputs, left):
        if by is None:
            yield at, _eager_gradient(theta, programs, part, weight, _places(at))
        else:
            check_scalar(by.result)
            values, of_theta, slopes, total = by.runner.gradient(theta[: by.size], part, weight, wrt_inputs)
            yield at, Gradient(values, of_theta, slopes, by.used, total)


def finite_gradient(
    theta: Floats,
    programs: Specializations,
    rows: Rows,
    count: int,
    reduction: str | None,
    wrt_parameters: bool,
    wrt_inputs: bool,
    by: Gradients | None = None,
) -> tuple[float, Gradient]:
    """The mean or sum of the values, and its gradient; without a reduction, each observation counts as in a sum.

    ``by`` as of :func:`gradient_of`.

    Raises:
        TypeError: as of :func:`gradient_of`.
        NonFiniteError: a value, or a gradient that is asked for, is not finite.
    """
    task = theta, programs, rows, count, 1.0 / count if reduction == "mean" else 1.0, wrt_inputs
    with_values = by is None or wrt_inputs  # they are there anyway, or what is asked for
    gradient = gradient_of(*task, with_values, by)
    total = gradient.total
    if not isfinite(total):
        if not with_values:
            gradient = gradient_of(*task, True, by)
        total = _check_finite(theta, programs, rows, count, gradient, reduction, wrt_parameters)
    return total / count if reduction == "mean" else total, gradient


def total_of(programs: Specializations, values: Floats) -> float:
    """Σ value, in the order in which gradients come with it."""
    return programs.all[0].runner.total(values)


def check_scalar(result: Any) -> None:
    """Refuse a structure of results: only a scalar has a gradient.

    Raises:
        TypeError: it is one.
    """
    if not isinstance(result, int):
        raise TypeError(_not_scalar(result))


def _not_scalar(result: Any) -> str:
    what = "a plain number" if isinstance(result, float) else f"a {type(result).__name__}"
    return (
        f"the function must return one scalar Value to have a value to reduce and a gradient, not {what}; "
        "a call of it gives results of any structure"
    )


def _check_finite(
    theta: Floats,
    programs: Specializations,
    rows: Rows,
    count: int,
    gradient: Gradient,
    reduction: str | None,
    wrt_parameters: bool,
) -> float:
    """Refuse what is not finite: the error names the first observation at fault, and the node. Else Σ value."""
    total = total_of(programs, gradient.values)
    bad_values = ~np.isfinite(gradient.values)
    bad_inputs = None if gradient.inputs is None else ~np.isfinite(gradient.inputs).all(axis=1)
    if bad_values.any():
        place = int(bad_values.argmax())
    elif bad_inputs is not None and bad_inputs.any():
        place = int(bad_inputs.argmax())
    elif wrt_parameters and not np.isfinite(gradient.parameters).all():
        place = _first_bad_gradient(theta, programs, rows, count)
    elif reduction and not isfinite(total):
        raise NonFiniteError("the sum over the observations overflows, although every value is finite")
    else:
        return total
    with programs.parameters.at(theta), record_sources():
        root, inputs = programs.call(rows(place, place + 1)[0])
        raise non_finite_error(root, inputs, observation=place)


def _first_bad_gradient(theta: Floats, programs: Specializations, rows: Rows, count: int) -> int:
    """The first observation with a gradient that is not finite, by halving; the last one if only the sum is not."""
    start, stop = 0, count
    while stop - start > 1:
        middle = (start + stop) // 2
        half = gradient_of(theta, programs, partial(_from, rows, start), middle - start, 1.0, False)
        if np.isfinite(half.parameters).all():
            start = middle
        else:
            stop = middle
    return start


def _from(rows: Rows, offset: int, start: int, stop: int) -> Floats:
    return rows(offset + start, offset + stop)


# ── By the engine itself, where there are too many specializations ───────────────────────────────


def _places(at: Any) -> list[int]:
    """Where some observations stand in the batch."""
    return [*range(at.start, at.stop)] if isinstance(at, slice) else at.tolist()


@contextmanager
def _eagerly(theta: Floats, programs: Specializations, observation: int) -> Iterator[None]:
    """One observation runs with these numbers of the parameters; an anomaly that is detected in it says which it is."""
    with programs.parameters.at(theta):
        try:
            yield
        except NonFiniteError as error:
            error.observation = observation
            error.add_note(f"  at observation {observation} of {programs.owner.__name__}")
            raise


def _eager_values(theta: Floats, programs: Specializations, row: Floats, observation: int) -> list[float]:
    with _eagerly(theta, programs, observation):
        result, _ = programs.call(row)
        return [leaf.number if isinstance(leaf, Value) else leaf for leaf in programs.leaves(result)]


def _eager_gradient(
    theta: Floats, programs: Specializations, rows: Floats, weight: float, places: list[int]
) -> Gradient:
    leaves = programs.parameters.leaves
    values, of_inputs = np.empty(len(rows)), np.zeros(rows.shape)
    of_parameters, used = np.zeros(len(leaves)), np.zeros(len(leaves), bool)
    for place, row in enumerate(rows):
        with _eagerly(theta, programs, places[place]):
            root, inputs = programs.call(row)
            if trees.parts(root) is not None:
                raise TypeError(_not_scalar(root))
            values[place] = root.number if isinstance(root, Value) else root
            if isinstance(root, Value):
                found = gradients(root, [*leaves, *inputs], recorded=False)
                reached = set(topological_order(root))
                used |= np.array([leaf in reached for leaf in leaves], bool)
                of_parameters += np.multiply(weight, found[: len(leaves)])
                of_inputs[place] = np.multiply(weight, found[len(leaves) :])
    return Gradient(values, of_parameters, of_inputs, used, sum(values.tolist()))
