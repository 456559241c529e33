"""What every demo shares: its options and its folder."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path


def parser(description: str, name: str) -> argparse.ArgumentParser:
    """The options that every demo has: ``--seed`` and ``--out``, a folder of its own by default."""
    for stream in (sys.stdout, sys.stderr):  # a pipe on Windows has the code page of the machine, without ∂
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    options = argparse.ArgumentParser(
        prog=f"python -m demos.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    options.add_argument("--seed", type=_seed, default=0, help="seed of all random numbers")
    options.add_argument("--out", type=Path, default=Path("out") / name, help="folder for what the demo writes")
    return options


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 on, not {text!r}")
    return int(text)


def folder(path: Path) -> Path:
    """The folder, made if it is missing.

    Raises:
        SystemExit: something else stands at that path.
    """
    if path.exists() and not path.is_dir():
        raise SystemExit(f"--out must be a folder, but {path} is a file: choose another name")
    path.mkdir(parents=True, exist_ok=True)
    return path
