"""A data set read from a table: a CSV file with a line of names, a column of labels, and columns of numbers."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from nn import Dataset


def read_table(path: str | os.PathLike[str], label: str, features: Sequence[str]) -> Dataset:
    """The data set in a file.

    Columns are parted by commas, semicolons or tabs. Where they are not parted by commas, numbers may have a decimal
    comma, as German spreadsheets write them. Rows with nothing in a column that is needed are left out.

    Args:
        path: the file, in UTF-8.
        label: the column with the class of each row.
        features: the columns with the numbers.

    Raises:
        ValueError: the file cannot be read, a column is missing, or a cell is no number; the message names the line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no text in UTF-8: in a spreadsheet, save it as "CSV UTF-8" ({error})') from error
    lines = text.splitlines()
    if len(lines) < 3:
        raise ValueError(f"{path} has {len(lines)} lines: a line of names and at least two rows are needed")
    delimiter = max(",;\t", key=lines[0].count)
    rows = list(csv.reader(lines, delimiter=delimiter))
    names = [name.strip() for name in rows[0]]
    if not features or len(set(features)) < len(features) or label in features:
        raise ValueError(f"name each feature once, and not the label {label!r} among them: {', '.join(features)}")
    columns = [_column(name, names, path) for name in (label, *features)]
    classes: list[str] = []
    numbers: list[list[float]] = []
    for line, row in enumerate(rows[1:], start=2):
        cells = [row[column].strip() if column < len(row) else "" for column in columns]
        if not all(cells):
            continue
        classes.append(cells[0])
        numbers.append([_number(cell, delimiter, f"{path}, line {line}, {name}")
                        for name, cell in zip(features, cells[1:])])  # fmt: skip
    if len(numbers) < 2:
        raise ValueError(f"{path} has {len(numbers)} complete rows of {', '.join((label, *features))}: two are needed")
    found = sorted(set(classes), key=_order)
    targets = np.array([found.index(each) for each in classes])
    return Dataset(path.stem, np.array(numbers), targets, tuple(features), tuple(found))


def _column(name: str, names: list[str], path: Path) -> int:
    if name in names:
        return names.index(name)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, names))}"
    raise ValueError(f"{path} has no column {name!r}: {hint}")


def _number(cell: str, delimiter: str, where: str) -> float:
    try:
        number = float(cell.replace(",", ".") if delimiter != "," else cell)
    except ValueError:
        raise ValueError(f"{where}: {cell!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{where}: {cell!r} is not finite")
    return number


def _order(name: str) -> tuple[bool, float, str]:
    """Classes in the order of numbers, if they are numbers, else of the alphabet."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name
