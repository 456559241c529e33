"""Data sets as their users have them: arrays, tables and lists. Observations are taken by place, never by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import Value

NUMERIC = "fiub"
"""The kinds of NumPy's types that are real numbers."""


def observations(data: Any, name: str) -> NDArray[Any] | list[Any]:
    """The observations of a data set, in order: an array of real numbers, or a list of whatever else they are.

    Args:
        data: (observations, …): an array, also of a file or another library; a table or column of pandas, whose labels
            do not matter; a list or tuple; any sequence.
        name: what errors call it.

    Raises:
        TypeError: there is no first axis along which observations could be taken.
        ValueError: an array is masked in places.

    >>> observations(((1.0, 2.0), (3.0, 4.0)), "inputs")
    [(1.0, 2.0), (3.0, 4.0)]
    """
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError(f"the {name} are masked in places, where they have no numbers: fill them, or leave these out")
    if hasattr(data, "toarray"):  # a sparse matrix
        raise TypeError(f"the {name} are a sparse {type(data).__name__}: write {name}.toarray()")
    if _is_table(data):
        rows = _array(data)
        if rows is None:
            return [row(data.iloc[place]) for place in range(len(data))]
        if not rows.ndim:
            raise TypeError(_unfit(data, name))
        return _of_numbers(rows)
    if isinstance(data, (str, bytes, Mapping, Value)) or not (
        hasattr(data, "__len__") and hasattr(data, "__getitem__")
    ):
        raise TypeError(_unfit(data, name))
    return [*map(row, data if isinstance(data, Iterable) else map(data.__getitem__, range(len(data))))]


def are_arrays(rows: NDArray[Any] | list[Any]) -> bool:
    """Whether each observation is a number, an array, or a nested list of numbers: what one array could hold.

    A compiled function takes a batch of those along the first axis; in a list of other structures, such as dicts or
    lists of arrays, each array would have an axis of its own.
    """
    return isinstance(rows, np.ndarray) or all(map(_is_array, rows))


def _is_array(row: Any) -> bool:
    if isinstance(row, (np.ndarray, np.generic)):
        return True
    while isinstance(row, (list, tuple)) and row and not hasattr(row, "_fields"):
        row = row[0]
    return isinstance(row, (int, float, np.generic))


def _is_table(data: Any) -> bool:
    """Whether it has an axis to count along, whatever its ``[]`` and its ``iter`` do."""
    return hasattr(data, "__array__") or hasattr(data, "iloc")


def _array(data: Any) -> NDArray[Any] | None:
    """A plain array of it; None if it cannot be one."""
    if hasattr(data, "iloc") and hasattr(data, "to_numpy"):
        return np.asarray(data.to_numpy())
    return np.asarray(data) if hasattr(data, "__array__") else None


def _of_numbers(rows: NDArray[Any]) -> NDArray[Any] | list[Any]:
    """The array if it is one of numbers, else its rows. NumPy makes objects of a table of floats and bools."""
    if rows.dtype.kind in NUMERIC:
        return rows
    numbers = (int, float, np.integer, np.floating, np.bool_)
    if rows.dtype.kind == "O" and all(isinstance(each, numbers) for each in rows.ravel().tolist()):
        return rows.astype(np.float64)
    return [*rows]


def row(given: Any) -> Any:
    """One observation of a list: another library's array, column or number becomes NumPy's."""
    if isinstance(given, (float, int, Sequence, np.ndarray, np.generic, Value)) or not _is_table(given):
        return given
    found = _array(given)
    if found is None:
        return [given.iloc[place] for place in range(len(given))]
    return _of_numbers(found) if found.ndim else found[()]


def _unfit(data: Any, name: str) -> str:
    instead = (
        "pass its inputs and its targets, data.inputs and data.targets"
        if hasattr(data, "inputs") and hasattr(data, "targets")
        else f"list(zip(*{name}.values())) makes rows of its columns"
        if isinstance(data, Mapping)
        else f"list({name}) makes a list of an iterator"
        if isinstance(data, Iterable) and not isinstance(data, (str, bytes))
        else "pass an array, a table or a list"
    )
    return f"the {name} must have the observations in front, not be a {type(data).__name__} {data!r:.60}: {instead}"
