"""Files of saved parameters: replaced when they are whole, and read with care, since a file may hold anything."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
import time
import zipfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

HEAD = 16384
"""Bytes that are granted to what stands around the numbers of a file, and of an array in it."""
FORGOTTEN = 3600.0
"""Seconds after which an unfinished file is that of a process that was killed."""
KINDS = {
    "a folder": stat.S_ISDIR, "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
    "a pipe": stat.S_ISFIFO, "a socket": stat.S_ISSOCK,
}  # fmt: skip


def replace_file(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside the old one, and let it take the old one's place, with its mode, when it is whole.

    Raises:
        OSError: the file cannot be written; the old one is as it was, and there is nothing else.
    """
    about = _regular(path, "replaced")
    target = Path(os.path.realpath(path))
    ours = f".{sha256(os.fsencode(target.name)).hexdigest()[:16]}-"
    temporary = target.with_name(f"{ours}{secrets.token_hex(8)}.tmp")
    try:
        # A file that only its owner may read must not be readable by others for a moment.
        opened = os.open(temporary, _NEW, 0o666 if about is None else 0o600)
        with open(opened, "wb") as file:
            write(file)
            file.flush()
            if about is not None:
                _like(temporary, about)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):
        _forget(target.parent, ours)


def saved_state(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, float]:
    """The numbers by name of a file of saved parameters, one that has room for these names at most.

    Raises:
        ValueError: it is no such file, or a larger one.
        OSError: it cannot be read.
    """
    sizes = {"names": HEAD + 4 * len(names) * max(map(len, names), default=1), "values": HEAD + 8 * len(names)}
    most = HEAD + sum(sizes.values())
    _regular(path, "read")
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is longer than the {most} bytes that {len(names)} parameters of these names can take")
    try:
        arrays = _arrays(content, sizes)
        found, values = arrays["names"].tolist(), arrays["values"].tolist()
    except ValueError:
        raise
    except Exception as error:  # the readers of zip, npy and text raise a dozen kinds
        raise ValueError(f"it is not a file of saved parameters ({error})") from error
    if not len(set(found)) == len(found) == len(values):
        raise ValueError(f"it has {len(set(found))} different names for {len(values)} values")
    return dict(zip(found, values))


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _regular(path: str | os.PathLike[str], action: str) -> os.stat_result | None:
    """What the system knows of a regular file; None if there is no file.

    Raises:
        OSError: it is something else.
    """
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(about.st_mode):
        kind = next((kind for kind, holds in KINDS.items() if holds(about.st_mode)), "something else")
        raise OSError(f"{os.fspath(path)!r} is {kind}: only a regular file can be {action}")
    return about


def _forget(folder: Path, start: str) -> None:
    """Remove what killed processes left of the files whose names begin so."""
    with os.scandir(folder) as entries:
        for entry in entries:
            named = entry.name.startswith(start) and entry.name.endswith(".tmp")
            if named and entry.stat(follow_symlinks=False).st_mtime < time.time() - FORGOTTEN:
                os.unlink(entry.path)


def _like(path: Path, about: os.stat_result) -> None:
    """Give a file the owner, as far as this user may, and the mode of another one."""
    mine = os.stat(path)
    if hasattr(os, "chown") and (mine.st_uid, mine.st_gid) != (about.st_uid, about.st_gid):
        with contextlib.suppress(OSError):
            os.chown(path, about.st_uid, about.st_gid)
    os.chmod(path, stat.S_IMODE(about.st_mode))


def _arrays(content: bytes, sizes: dict[str, int]) -> dict[str, NDArray[Any]]:
    """The arrays of a file, none of which takes more bytes than that."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if sorted(entry.filename for entry in entries) != sorted(f"{name}.npy" for name in sizes):
            raise ValueError("it is not a file of saved parameters (arrays 'names' and 'values' are needed, once each)")
        arrays = {}
        for entry in entries:
            name = entry.filename.removesuffix(".npy")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a bound
                raise ValueError(f"its {name!r} are packed in an unknown way ({entry.compress_type})")
            with archive.open(entry) as file:
                data = file.read(sizes[name] + 1)
            if len(data) > sizes[name]:
                raise ValueError(f"its {name!r} take more than {sizes[name]} bytes, the most that this module needs")
            arrays[name] = _row(name, data)
    return arrays


def _row(name: str, data: bytes) -> NDArray[Any]:
    """The array of a ``.npy`` file."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_head(file)
    fits = dtype.kind == "U" if name == "names" else dtype.kind == "f" and dtype.itemsize == 8
    if not fits or len(shape) != 1 or not dtype.itemsize:
        raise ValueError("its 'names' must be a row of strings and its 'values' a row of 64-bit floats")
    numbers = data[file.tell() :]
    if shape[0] * dtype.itemsize != len(numbers):
        raise ValueError(f"its {name!r} are damaged: {len(numbers)} bytes cannot be {shape[0]} of {dtype}")
    return np.frombuffer(numbers, dtype)
