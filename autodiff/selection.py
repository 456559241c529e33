"""``select``: the row at an index, which a compiled function can also take of an integer input."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from autodiff.primals import chosen
from autodiff.rules import SELECT


def select(rows: Sequence[Any], index: Any) -> Any:
    """The row at an index: ``rows[index]``, which a compiled function can also take of an integer input.

    Args:
        rows: (rows,) numbers or ``Value``s; or (rows, columns), for which a list of the row's columns is returned.
        index: an int from 0.

    Raises:
        TypeError: the index is not an integer.
        ValueError: there is no such row, or the rows differ in length.

    >>> select([10.0, 20.0, 30.0], 1), select([[1.0, 2.0], [3.0, 4.0]], 1)
    (20.0, [3.0, 4.0])
    """
    columns = [tuple(row) for row in rows if hasattr(row, "__len__")]
    if columns:
        if len({len(rows), len(columns)}) > 1 or len({*map(len, columns)}) > 1:
            raise ValueError("the rows to select from must all be numbers, or all of the same length")
        return [select(column, index) for column in zip(*columns)]
    if hasattr(type(index), "__autodiff__"):
        return SELECT(index, *rows)
    try:
        place = operator.index(index)
    except TypeError:
        raise TypeError(f"an index must be an integer, not {type(index).__name__} {index!r:.60}") from None
    return chosen(place, *rows)
