"""Machine code in files: written whole, and read only if it is, byte for byte, what this user has written.

A file holds the code of one function. Its name is the hash of all that the code depends on: the text of the module and
of what it calls, the versions, the processor. It begins with the hash of that name and of the code, and is not run
before both are found to agree. A file that is damaged, cut short, foreign, or that another user owns or may write, is
as good as none: it is made anew. Where no file can be read or written, machine code lives as long as the process.

Environment variables:
    AUTODIFF_CACHE: the folder; by default ``autodiff`` in the platform's folder for caches.
    AUTODIFF_CACHE_SIZE: how many megabytes the files take at most, 256 by default; the least recently used are removed.
        With 0 nothing is kept.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
import time
from hashlib import sha256
from math import isfinite
from pathlib import Path

MAGIC = b"autodiff machine code 2\n"
SIZE = 256.0
"""Megabytes that all files take at most, unless AUTODIFF_CACHE_SIZE says otherwise."""
SUFFIX, UNFINISHED = ".code", ".new"
FORGOTTEN = 3600.0
"""Seconds after which an unfinished file is that of a process that was killed."""


def folder() -> Path:
    """Where machine code is kept: ``AUTODIFF_CACHE`` if it is set, else the platform's folder for caches.

    Raises:
        RuntimeError: this user has no home.
    """
    chosen = os.environ.get("AUTODIFF_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "autodiff"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "autodiff"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autodiff"


def largest() -> int:
    """How many bytes the files may take together.

    Raises:
        ValueError: AUTODIFF_CACHE_SIZE is no number of megabytes.
    """
    given = os.environ.get("AUTODIFF_CACHE_SIZE") or SIZE
    try:
        megabytes = float(given)
    except ValueError:
        megabytes = -1.0
    if not (isfinite(megabytes) and megabytes >= 0):
        raise ValueError(f"AUTODIFF_CACHE_SIZE must be a number of megabytes, such as 256, or 0; not {given!r:.60}")
    return int(megabytes * 1e6)


# ── Files ────────────────────────────────────────────────────────────────────────────────────────


def read(name: str) -> bytes | None:
    """What was written by that name; None if there is nothing, or something else."""
    bound = largest()
    try:
        path = folder() / name
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(path, flags), "rb") as file:  # a pipe or a device is opened, too, but not waited for
            about = os.fstat(file.fileno())
            if not (stat.S_ISREG(about.st_mode) and _is_own(about)):
                return None
            content = file.read(bound + 1)
        if len(content) > bound or content[: len(MAGIC)] != MAGIC:
            return None
        digest, data = content[len(MAGIC) : len(MAGIC) + 32], content[len(MAGIC) + 32 :]
        if digest != _digest(name, data):
            return None
        os.utime(path)  # used last
    except (OSError, RuntimeError):
        return None
    return data


def write(name: str, data: bytes) -> None:
    """Keep the data by that name, if it can be, and forget what was not used for longest."""
    bound = largest()
    content = MAGIC + _digest(name, data) + data
    if len(content) > bound:
        return
    try:
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = place / f"{secrets.token_hex(8)}{UNFINISHED}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with open(os.open(new, flags, 0o600), "wb") as file:
                file.write(content)
            os.replace(new, place / name)  # at once: another process may be reading
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _forget(place, bound)
    except (OSError, RuntimeError):
        return


def _digest(name: str, data: bytes) -> bytes:
    return sha256(name.encode() + b"\0" + data).digest()


def _is_own(about: os.stat_result) -> bool:
    """Whether nobody but this user can have written the file; in Windows the folder itself is the user's own."""
    return not hasattr(os, "geteuid") or (about.st_uid == os.geteuid() and not about.st_mode & 0o022)


def _forget(place: Path, bound: int) -> None:
    """Remove the files that were not used for longest, until the others take less than the bound."""
    files = []
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.endswith((SUFFIX, UNFINISHED)) and entry.is_file(follow_symlinks=False):
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # another process has removed it
                    continue
                if entry.name.endswith(SUFFIX):
                    files.append((about.st_mtime, about.st_size, entry.path))
                elif about.st_mtime < time.time() - FORGOTTEN:
                    Path(entry.path).unlink(missing_ok=True)
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= bound:
            break
        Path(path).unlink(missing_ok=True)  # another process may have done so
        total -= size
