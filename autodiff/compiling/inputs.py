"""What a compiled function is called with: which numbers one observation has, and those of a batch as a matrix."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter, signature
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import trees
from autodiff.ieee import as_float
from autodiff.value import Value

Floats = NDArray[np.float64]
FLOAT64 = np.dtype(np.float64)
NUMERIC = "fiub"
"""The kinds of NumPy's types that are real numbers."""


class ValueGivenError(TypeError):
    """There is a ``Value`` among the numbers."""


@dataclass(frozen=True)
class Leaf:
    """An array, a nested list of numbers, or a number, as it stands in the structure of the arguments."""

    dimensions: tuple[int, ...]
    """Those of one observation's part; () for a number."""
    containers: tuple[type, ...]
    """The types of the nested lists, from the outside in; what they hold is an array if it has dimensions still."""

    @property
    def size(self) -> int:
        """How many numbers one observation has of it."""
        return prod(self.dimensions)


class Structure:
    """The arguments of one observation. Two calls of the same structure can be run by the same program.

    Args:
        arguments: with a ``Leaf`` for each array, list of numbers, or number.
    """

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments = arguments
        self._key = _key(arguments)
        self.leaves: list[Leaf] = trees.leaves(arguments)
        """In the order of the columns."""

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._key == other._key

    @cached_property
    def _columns(self) -> list[tuple[Any, bool]]:
        """For each leaf the columns of the matrix, and whether it has that shape already."""
        ends = np.cumsum([0, *(leaf.size for leaf in self.leaves)]).tolist()
        return [
            ((slice(None), slice(start, end) if leaf.dimensions else start), len(leaf.dimensions) < 2)
            for leaf, start, end in zip(self.leaves, ends, ends[1:])
        ]

    @cached_property
    def _starts(self) -> list[int]:
        """The column where each argument begins."""
        return [sum(leaf.size for leaf in trees.leaves(self.arguments[:at])) for at in range(len(self.arguments))]

    @cached_property
    def size(self) -> int:
        """How many numbers an observation has."""
        return sum(leaf.size for leaf in self.leaves)

    def names(self, function: Callable[..., Any]) -> list[str]:
        """The name of every column: the function's argument, and where the number stands in it."""
        arguments = argument_names(function, len(self.arguments))
        return [
            name + "".join(f"[{at}]" for at in place)
            for argument, tree in zip(arguments, self.arguments)
            for name, leaf in trees.named_leaves(tree, argument)
            for place in np.ndindex(leaf.dimensions)
        ]

    def matrix(self, leaves: Sequence[Any], start: int, stop: int) -> Floats:
        """(stop - start, size): the numbers of the observations from ``start`` to before ``stop``."""
        count = stop - start
        matrix = np.empty((self.size, count)).T  # column by column, as backends read it
        for array, (columns, is_flat) in zip(leaves, self._columns):
            part = array if array.shape[0] == count else array[start:stop]
            matrix[columns] = part if is_flat else np.asarray(part).reshape(count, -1)
        return matrix

    def observation(self, numbers: Iterator[Any]) -> tuple[Any, ...]:
        """The arguments of one observation, with these in the places of its numbers."""
        return trees.mapped(lambda leaf: _nested(leaf, numbers), self.arguments)  # type: ignore[no-any-return]

    def gradients(self, position: int, matrix: Floats, batch: bool) -> Any:
        """The columns of one argument in its structure: of a batch, with the observations in front."""
        start, argument = self._starts[position], self.arguments[position]

        def columns(leaf: Leaf) -> Any:
            nonlocal start
            if not leaf.dimensions:
                part = matrix[:, start]
                start += 1
                return part if batch else float(part[0])
            part = matrix[:, start : start + leaf.size].reshape(len(matrix), *leaf.dimensions)
            start += leaf.size
            return part if batch else part[0]

        return columns(argument) if type(argument) is Leaf else trees.mapped(columns, argument)

    @property
    def described(self) -> list[str]:
        """The shapes of the arguments, such as ``2``, ``8×8`` or ``number``."""
        return [*map(_described, self.arguments)]


class Columns:
    """The inputs of a batch where they are: arrays of float64, (observations,) or (observations, columns), side by
    side.
    """

    __slots__ = ("arrays", "shape")

    def __init__(self, arrays: Sequence[Floats]) -> None:
        self.arrays = arrays
        self.shape = len(arrays[0]), sum(1 if array.ndim == 1 else array.shape[1] for array in arrays)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Floats]:
        """The columns, (observations,) each."""
        for array in self.arrays:
            yield from (array,) if array.ndim == 1 else array.T

    def __getitem__(self, rows: slice) -> Floats:
        """Some of the rows, as a matrix."""
        return np.column_stack([array[rows] for array in self.arrays])


class Observations:
    """The inputs of a batch, some rows at a time: ``observations(start, stop)`` is (stop - start, inputs)."""

    __slots__ = ("leaves", "structure")

    def __init__(self, structure: Structure, leaves: Sequence[Any]) -> None:
        self.structure, self.leaves = structure, leaves

    def __call__(self, start: int, stop: int) -> Floats:
        return self.structure.matrix(self.leaves, start, stop)

    def columns(self) -> Columns | None:
        """All rows without a copy; None where a leaf is no array of rows of float64, as machine code reads them."""
        for leaf in self.leaves:
            if type(leaf) is not np.ndarray or leaf.dtype is not FLOAT64 or leaf.ndim > 2 or leaf.strides[0] % 8:
                return None
        return Columns(self.leaves)


class Batch:
    """The arguments of a call: its structure, its leaves as arrays, and how many observations there are."""

    def __init__(self, arguments: Sequence[Any], ndim: Sequence[int] | None, names: Sequence[str]) -> None:
        """Read the arguments.

        Raises:
            TypeError: something in them is no real number.
            ValueError: they do not fit together, a list is ragged, or there are no observations.
        """
        self.leaves: list[NDArray[Any]] = []
        read = [_read(argument, name, self.leaves) for argument, name in zip(arguments, names)]
        if ndim is None:
            self.is_batch = bool(self.leaves) and all(leaf.ndim for leaf in self.leaves)
        else:
            self.is_batch = _is_batch(read, ndim, names)
        if self.is_batch:
            self.observations = _observations(read, names)
            self.structure = Structure(tuple(trees.mapped(_row, tree) for tree in read))
        else:
            self.observations = 1
            self.structure = Structure(tuple(read))
            self.leaves = [np.asarray(leaf)[np.newaxis] for leaf in self.leaves]


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the first positional arguments."""
    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in callables have none
        parameters = []
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [each.name for each in parameters if each.kind in positional]
    rest = next((each.name for each in parameters if each.kind is Parameter.VAR_POSITIONAL), "x")
    return [names[at] if at < len(names) else f"{rest}[{at - len(names)}]" for at in range(count)]


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def _read(tree: Any, name: str, leaves: list[NDArray[Any]]) -> Any:
    """The structure of an argument as it was given, observations included; its leaves are put into the list."""
    if isinstance(tree, dict):
        return {key: _read(part, f"{name}[{key!r}]", leaves) for key, part in tree.items()}
    if _are_rows(tree):
        leaves.append(np.array([_array(row, f"{name}[{at}]") for at, row in enumerate(tree)]))
        return Leaf(leaves[-1].shape, (list,))
    if isinstance(tree, (list, tuple)):
        if not _is_nested_numbers(tree):
            return trees.rebuilt(tree, [_read(part, f"{name}[{at}]", leaves) for at, part in enumerate(tree)])
        array, containers = _array_of_list(tree, name)
        leaves.append(array)
        return Leaf(array.shape, containers)
    leaves.append(_array(tree, name))
    return Leaf(leaves[-1].shape, ())


def _are_rows(tree: Any) -> bool:
    """Whether it is a list of arrays of one shape; others are structures, whose parts have an axis of their own."""
    shapes = {getattr(part, "shape", ()) for part in tree} if isinstance(tree, list) else set()
    return len(shapes) == 1 and shapes != {()}


def _is_nested_numbers(tree: Any) -> bool:
    """Whether it is a list or tuple of numbers, or of such lists; namedtuples have parts with names."""
    first = tree
    while isinstance(first, (list, tuple)) and first:
        if hasattr(first, "_fields"):
            return False
        first = first[0]
    return not any(isinstance(part, dict) or getattr(part, "shape", ()) for part in (first, *tree))


def _array_of_list(tree: Any, name: str) -> tuple[NDArray[Any], tuple[type, ...]]:
    """The numbers of a nested list, and the types of its levels; every part must have the shape of the first one."""
    containers: list[type] = []
    shape: list[int] = []
    first = tree
    while isinstance(first, (list, tuple)):
        containers.append(type(first))
        shape.append(len(first))
        if not first:
            break
        first = first[0]
    try:
        array = np.asarray(tree)
    except (ValueError, TypeError):  # ragged: the walk below says where
        array = np.empty(0, object)
    if array.dtype.kind not in NUMERIC or array.shape != tuple(shape):
        array = np.array([*_numbers(tree, name, shape)]).reshape(shape)
    return array, tuple(containers)


def _numbers(tree: Any, name: str, shape: Sequence[int]) -> Iterator[float]:
    if not shape:
        if isinstance(tree, (list, tuple)):
            raise ValueError(f"ragged numbers: {name} is a {type(tree).__name__}, where the first part has a number")
        yield _number(tree, name)
    elif not isinstance(tree, (list, tuple)) or len(tree) != shape[0]:
        given = f"the length {len(tree)}" if isinstance(tree, (list, tuple)) else "no length"
        raise ValueError(f"ragged numbers: {name} has {given}, where the first part has the length {shape[0]}")
    else:
        for at, part in enumerate(tree):
            yield from _numbers(part, f"{name}[{at}]", shape[1:])


def _number(thing: Any, name: str) -> float:
    if isinstance(thing, Value):
        raise ValueGivenError(
            f"{name} is a Value: a compiled function has gradients of numbers, with wrt= of its arguments"
        )
    try:
        return as_float(thing)
    except TypeError as error:
        raise TypeError(f"{name}: {error}; what is no number is passed by keyword, as a static option") from None


def _array(thing: Any, name: str) -> NDArray[Any]:
    if type(thing) is not np.ndarray and isinstance(thing, np.ma.MaskedArray) and np.ma.is_masked(thing):
        raise ValueError(f"{name} is masked in places, where it has no numbers: fill them, or leave these out")
    if isinstance(thing, np.ndarray) or hasattr(thing, "__array__"):
        array = thing if isinstance(thing, np.ndarray) or _is_chunked(thing) else np.asarray(thing)
        if array.dtype.kind in NUMERIC:
            return array
        if array.dtype.kind == "O":
            return np.array([_number(each, name) for each in array.ravel().tolist()]).reshape(array.shape)
        raise TypeError(f"{name} must be an array of real numbers, not of {array.dtype}")
    return np.asarray(_number(thing, name))


def _is_chunked(thing: Any) -> bool:
    """Whether it is an array of Dask, h5py or zarr, which need not fit into memory: it is read some rows at a time.

    Raises:
        ValueError: nobody knows how many rows it has, as of a filtered array of Dask.
    """
    if getattr(thing, "chunks", None) is None or not getattr(thing, "shape", ()) or not hasattr(thing, "dtype"):
        return False
    if not all(isinstance(length, (int, np.integer)) for length in thing.shape):
        raise ValueError(f"an array of the shape {thing.shape} has no known length: call its compute_chunk_sizes()")
    return True


def _is_batch(read: Sequence[Any], ndim: Sequence[int], names: Sequence[str]) -> bool:
    if len(ndim) != len(read):
        raise ValueError(f"ndim states the dimensions of {len(ndim)} arguments, but {len(read)} were given")
    kinds = set()
    for tree, dimensions, name in zip(read, ndim, names):
        for leaf in trees.leaves(tree):
            extra = len(leaf.dimensions) - dimensions
            if extra not in (0, 1):
                raise ValueError(
                    f"{name} has the shape {leaf.dimensions}: by ndim, one observation has {dimensions} dimensions, "
                    f"and a batch of them {dimensions + 1}"
                )
            kinds.add(extra == 1)
    if len(kinds) > 1:
        raise ValueError("some arguments are a batch and others one observation, as ndim states their dimensions")
    return True in kinds


def _observations(read: Sequence[Any], names: Sequence[str]) -> int:
    lengths = {
        name: leaf.dimensions[0]
        for tree, argument in zip(read, names)
        for name, leaf in trees.named_leaves(tree, argument)
    }
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"all arguments must have the same number of observations in front, but {listed}")
    count: int = next(iter(lengths.values()))
    if not count:
        raise ValueError("the batch is empty: at least one observation is needed")
    return count


# ── Structures ───────────────────────────────────────────────────────────────────────────────────


def _key(tree: Any) -> Hashable:
    """What two structures have in common if they are the same."""
    parts = trees.parts(tree)
    return tree if parts is None else (type(tree), *((key, _key(part)) for key, part in parts.items()))


def _row(leaf: Leaf) -> Leaf:
    """What it holds along its first axis."""
    return Leaf(leaf.dimensions[1:], leaf.containers[1:])


def _nested(leaf: Leaf, numbers: Iterator[Any]) -> Any:
    if leaf.containers:
        return leaf.containers[0](_nested(_row(leaf), numbers) for _ in range(leaf.dimensions[0]))
    if not leaf.dimensions:
        return next(numbers)
    array = np.empty(leaf.size, object)
    array[:] = [next(numbers) for _ in range(leaf.size)]
    return array.reshape(leaf.dimensions)


def _described(tree: Any) -> str:
    if isinstance(tree, Leaf):
        return "×".join(map(str, tree.dimensions)) or "number"
    parts = [_described(part) for part in trees.parts(tree).values()]  # type: ignore[union-attr]
    if isinstance(tree, dict):
        return f"{{{', '.join(f'{key!r}: {part}' for key, part in zip(tree, parts))}}}"
    return f"({', '.join(parts)})"


class InputStamp(int):
    """The stamp of a node that stands for a number of an observation: what a function keeps is no parameter thereby.

    As any stamp, it is lost when the node is given other data.
    """

    source: Any


def nodes(names: Sequence[str], numbers: Sequence[float]) -> list[Value]:
    """A node for every number of an observation."""
    found = [Value(number, label=name) for name, number in zip(names, numbers)]
    for each in found:
        stamp = InputStamp(each.stamp)
        stamp.source = each.source
        each.stamp = stamp
    return found
