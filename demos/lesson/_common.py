"""What the chapters share: their options, and how a picture is written."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from demos._common import folder, parser

Draw = Callable[[], Any]


def options(description: str, chapter: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a chapter; all chapters write into one folder by default, ``out/lesson``."""
    chapter_parser = parser(description, f"lesson.{chapter}")
    chapter_parser.set_defaults(out=Path("out") / "lesson")
    chosen = chapter_parser.parse_args(arguments)
    chosen.out = folder(chosen.out)
    return chosen


def write_pictures(out: Path, pictures: Mapping[str, Draw]) -> None:
    """Draw and write each picture, or say how to get them."""
    for name, draw in pictures.items():
        try:
            figure = draw()
        except ImportError as error:
            print(f"\nNo pictures: {error}")
            return
        figure.savefig(out / f"{name}.png")
        print(f"\nPicture: {(out / name).resolve()}.png")
