"""Operations on arrays of ``Value``s, each number of a result one node: what the bridges to other frameworks share.

An array is *recorded* if it is a NumPy array of dtype object. Its elements are ``Value``s, and plain floats where a
number depends on no input. An array of another dtype is *plain*: a bridge computes with plain arrays in its own
framework, and comes here as soon as one operand is recorded. Results are recorded arrays, also those of no dimension.

What only moves numbers (reshape, slice, gather, pad, sort …) needs no operation here: run the framework's own one on
``positions`` in place of the numbers, and take the numbers from ``moved``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import accumulate
from math import isfinite, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from autodiff.backward import local_derivatives
from autodiff.more_rules import CHOOSE
from autodiff.operations import CONSTANT, Operation
from autodiff.rules import DISTANCE, add, divide, multiply
from autodiff.rules import dot as dot_row
from autodiff.rules import total as total_row
from autodiff.value import Value, constant

Array = npt.NDArray[Any]
Axes = tuple[int, ...]
Combine = Callable[[Any, Any], Any]
OUTSIDE = -1
"""The place of what stands in no array: padding, or what an index beyond the end gives."""


def is_recorded(array: Any) -> bool:
    """Whether it is an array of ``Value``s."""
    return isinstance(array, np.ndarray) and array.dtype.kind == "O"


def recorded(array: Any) -> Array:
    """The array with Python's floats as elements if it was plain; a single number as an array of no dimension."""
    if is_recorded(array):
        return array  # type: ignore[no-any-return]
    if isinstance(array, Value):
        found = np.empty((), object)
        found[()] = array
        return found
    return np.asarray(np.asarray(array, float).astype(object), object)


def numbers(array: Any) -> Array:
    """The numbers of a recorded array, in float64; a plain array as it is.

    They leave the graph, which observers are told: what is made of them does not follow when a leaf is changed.
    """
    if not is_recorded(array):
        return np.asarray(array)
    found = [each.data if isinstance(each, Value) else float(each) for each in array.ravel().tolist()]
    return np.array(found, float).reshape(array.shape)


def elementwise(function: Callable[..., Any], *arrays: Any) -> Array:
    """The function, a row of the table or one made of rows, of the elements at the same place.

    Shapes are broadcast as NumPy does it.

    >>> elementwise(multiply, np.array([1.0, 2.0]), 3.0)
    array([3.0, 6.0], dtype=object)
    """
    with np.errstate(all="ignore"):  # 1 / 0 is inf, and no fault
        return recorded(np.frompyfunc(function, len(arrays), 1)(*map(recorded, arrays)))


def positions(array: Any, first: int = 0) -> Array:
    """The places of the elements, row by row, counted from ``first``: what ``moved`` understands; int32."""
    return np.arange(first, first + np.size(array), dtype=np.int32).reshape(np.shape(array))


def moved(arrays: Sequence[Any], places: Any, outside: Any = 0.0) -> Array:
    """The numbers at those places of the arrays, one after the other; ``outside`` where a place is negative.

    >>> moved([np.array([1.0, 2.0]), np.array([3.0])], np.array([[2, 0], [-1, 1]]))
    array([[3.0, 1.0],
           [0.0, 2.0]], dtype=object)
    """
    pool = np.concatenate([*(recorded(array).ravel() for array in arrays), recorded(outside).ravel()])
    return recorded(pool[np.asarray(places)])


# ── Reductions ───────────────────────────────────────────────────────────────────────────────────


def reduced(function: Callable[[list[Any]], Any], array: Array, axes: Iterable[int]) -> Array:
    """The function of all elements along the axes; an empty row is handed on, too.

    Args:
        function: of a list of ``Value``s and floats, such as ``total``, ``product`` or ``largest`` below.
        array: recorded.
        axes: those that vanish.
    """
    gone = sorted(axis % array.ndim for axis in axes)
    kept = [axis for axis in range(array.ndim) if axis not in gone]
    shape = [array.shape[axis] for axis in kept]
    rows = array.transpose(*kept, *gone).reshape(prod(shape), -1 if array.size else 0)
    return filled((function(row) for row in rows.tolist()), shape)


def filled(elements: Iterable[Any], shape: Sequence[int]) -> Array:
    """A recorded array of these elements, row by row."""
    found = np.empty(prod(shape), object)
    for place, element in enumerate(elements):
        found[place] = element
    return found.reshape(tuple(shape))


def total(values: Iterable[Any]) -> Any:
    """The sum as one node; of a single number, itself. Plain zeros are left out."""
    parts = [each for each in values if each.__class__ is not float or each != 0]
    return parts[0] if len(parts) == 1 else total_row(*parts)


def product(values: Iterable[Any]) -> Any:
    """The product, factor by factor, so that its derivatives are right beside zeros."""
    values = list(values)
    return reduce(multiply, values) if values else 1.0


def dot(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """The sum of products as one node; a plain number if there is no ``Value`` among the factors."""
    if len(left) == 1:
        return multiply(left[0], right[0])
    if any(map(_is_live, left)) or any(map(_is_live, right)):
        return dot_row(*left, *right)
    return dot_row.evaluate([*map(number, left), *map(number, right)])


def cumulative(combine: Combine, array: Array, axis: int, *, reverse: bool = False) -> Array:
    """What the combination of the first element, of the first two, and so on, gives along the axis."""
    rows = np.moveaxis(array, axis, -1)
    ordered = rows[..., ::-1] if reverse else rows
    done = [list(accumulate(row, combine)) for row in ordered.reshape(-1, rows.shape[-1] or 1).tolist()]
    found = filled((each for row in done for each in row), rows.shape)
    return np.moveaxis(found[..., ::-1] if reverse else found, -1, axis)


# ── Products of arrays ───────────────────────────────────────────────────────────────────────────


def dot_general(left: Any, right: Any, contracted: tuple[Axes, Axes], batch: tuple[Axes, Axes] = ((), ())) -> Array:
    """The sums of products over the contracted axes, for each place along the batch axes: one ``dot`` node each.

    Args:
        left, right: recorded or plain.
        contracted: the axes of both that vanish, pair by pair.
        batch: the axes of both that go together, pair by pair.

    Returns:
        (batch axes, other axes of left, other axes of right), as ``jax.lax.dot_general`` has it.

    >>> dot_general(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), ((1,), (0,)))
    array([[11.0]], dtype=object)
    """
    left, right = shared(left), shared(right)
    a, shape, own = _rows(left, contracted[0], batch[0])
    b, _, other = _rows(right, contracted[1], batch[1])
    found = (dot(one, two) for ones, twos in zip(a, b) for one in ones for two in twos)
    return filled(found, (*shape, *own, *other))


def matmul(left: Any, right: Any) -> Array:
    """``left @ right``, as ``numpy.matmul`` has it: of vectors, matrices, and stacks of matrices that broadcast.

    >>> matmul(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([3.0, 4.0]))
    array([11.0, 4.0], dtype=object)
    """
    left, right = shared(left), shared(right)
    one, two = left.ndim == 1, right.ndim == 1
    left, right = left[None] if one else left, right[:, None] if two else right
    stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = (np.broadcast_to(each, (*stack, *each.shape[-2:])) for each in (left, right))
    axes, last = tuple(range(len(stack))), len(stack)
    found = dot_general(left, right, ((last + 1,), (last,)), (axes, axes))
    found = found[..., 0, :] if one else found
    return recorded(found[..., 0] if two else found)


def shared(array: Any) -> Array:
    """The recorded array with constants in place of plain floats: one node each, however often it is multiplied."""
    if is_recorded(array) and all(isinstance(each, Value) for each in array.ravel().tolist()):
        return recorded(array)
    return filled(
        (each if isinstance(each, Value) else constant(each) for each in recorded(array).ravel().tolist()),
        np.shape(array),
    )


def _rows(array: Array, contracted: Axes, batch: Axes) -> tuple[list[list[list[Any]]], list[int], list[int]]:
    """The elements as (batch, others, contracted); the shape of the batch; that of the others."""
    others = [axis for axis in range(array.ndim) if axis not in {*contracted, *batch}]
    shape, own = [array.shape[axis] for axis in batch], [array.shape[axis] for axis in others]
    size = prod(array.shape[axis] for axis in contracted)
    return array.transpose(*batch, *others, *contracted).reshape(prod(shape), prod(own), size).tolist(), shape, own


def choose(condition: Any, yes: Any, no: Any) -> Array:
    """``yes`` where the condition holds, else ``no``. A plain condition chooses for good; a recorded one is a node.

    What is not chosen gets the gradient 0 there, a number: 0 · ∞ is nan, as in the frameworks, where it hides the
    most frequent nan of a gradient. Where a plain condition should show it, too, pass ``recorded(condition)``.
    """
    if is_recorded(condition):
        return elementwise(CHOOSE, condition, yes, no)
    return recorded(np.where(np.asarray(condition, bool), recorded(yes), recorded(no)))


def is_singular(array: Any) -> bool:
    """Whether a local derivative of the results is not finite."""
    if not is_recorded(array):
        return False
    results = (each for each in array.ravel().tolist() if isinstance(each, Value) and each.parents)
    return not all(isfinite(local) for result in results for local in local_derivatives(result))


def extreme(row: Operation, values: Iterable[Any]) -> float:
    """The extreme number by ``maximum`` or ``minimum``."""
    return reduce(lambda a, b: row.evaluate((a, b)), map(number, values))


def largest(row: Operation, values: Sequence[Any]) -> Any:
    """The extreme number by ``maximum`` or ``minimum``, with the gradient in equal shares for all that are equal to it.

    A chain of the row alone would give three equal numbers a half, a quarter and a quarter. So where there are more
    than two, the chain takes the first plus the mean of the distances from it, which are 0.
    """
    found = extreme(row, values)
    equal = [each for each in values if number(each) == found]
    if len(equal) > 2:
        distances = [DISTANCE(each, equal[0]) for each in equal[1:]]
        mean = add(equal[0], divide(total_row(*distances), float(len(equal))))
        values = [mean, *(each for each in values if number(each) != found)]
    return reduce(row, values)


def number(element: Any) -> float:
    """The number of an element of a recorded array, to see whether it is equal to another one."""
    return element.number if isinstance(element, Value) else float(element)


def _is_live(element: Any) -> bool:
    return isinstance(element, Value) and element.op is not CONSTANT
