"""Arrays of files that are mapped into memory: they travel as the name of the file, where a worker has it, too."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class OtherFileError(OSError):
    """There is no such file here, or it is another one."""


class Mapped(NamedTuple):
    """A part of a file as an array, and how to tell that it is that file."""

    path: str
    size: int
    changed: int
    """When the file was changed last, in nanoseconds."""
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    samples: bytes
    """The first, the middle and the last of its observations."""


def by_name(array: NDArray[Any]) -> Mapped | None:
    """How an array with observations can be named; None if it is not one of a file that was opened to be read only."""
    whole: Any = array
    while isinstance(whole, np.ndarray) and isinstance(whole.base, np.ndarray):
        whole = whole.base
    if not isinstance(whole, np.memmap) or whole.mode != "r" or whole.filename is None or not array.size:
        return None
    path = os.fspath(whole.filename)
    try:
        found = os.stat(path)
    except OSError:  # it was removed since
        return None
    at = whole.offset + array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    size, changed = found.st_size, found.st_mtime_ns
    return Mapped(path, size, changed, array.dtype.str, at, array.shape, array.strides, _samples(array))


def opened(mapped: Mapped) -> NDArray[Any]:
    """The array, from the file as it is here.

    Raises:
        OtherFileError: there is none, or it is another one.
    """
    path, size, changed, dtype, offset, shape, strides, samples = mapped
    try:
        found = os.stat(path)
        if (found.st_size, found.st_mtime_ns) != (size, changed):
            raise OtherFileError(f"{path} is another file here")
        numbers = np.memmap(path, np.uint8, "r")
        array: NDArray[Any] = np.ndarray(shape, np.dtype(dtype), numbers, offset, strides)
    except (OSError, TypeError, ValueError) as error:
        raise OtherFileError(str(error)) from None
    if _samples(array) != samples:
        raise OtherFileError(f"{path} is another file here")
    return array


def _samples(array: NDArray[Any]) -> bytes:
    return b"".join(np.asarray(array[place]).tobytes() for place in (0, len(array) // 2, -1))
