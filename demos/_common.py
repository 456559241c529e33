"""What every demo shares: its options and its folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(description: str, name: str) -> argparse.ArgumentParser:
    """The options that every demo has: ``--seed`` and ``--out``, a folder of its own by default."""
    options = argparse.ArgumentParser(
        prog=f"python -m demos.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    options.add_argument("--seed", type=int, default=0, help="seed of all random numbers")
    options.add_argument("--out", type=Path, default=Path("out") / name, help="folder for what the demo writes")
    return options


def folder(path: Path) -> Path:
    """The folder, made if it is missing.

    Raises:
        SystemExit: something else stands at that path.
    """
    if path.exists() and not path.is_dir():
        raise SystemExit(f"--out must be a folder, but {path} is a file: choose another name")
    path.mkdir(parents=True, exist_ok=True)
    return path
