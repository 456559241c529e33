"""What the chapters share: their options, their language, and how a picture is written."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from demos._common import folder, parser
from demos.lesson.content import lecture, lesson_texts
from demos.lesson.language import Texts, languages, texts

Draw = Callable[[], Any]
COLUMN = 14
"""How wide the names are that stand before what is printed."""


def options(description: str, chapter: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a chapter, with its ``texts``; all chapters write into one folder by default, ``out/lesson``."""
    return chosen(chapter_parser(description, chapter), arguments)


def chapter_parser(description: str, chapter: str) -> argparse.ArgumentParser:
    """The options that every chapter has, for one that has more."""
    options = parser(description, f"lesson.{chapter}")
    options.set_defaults(out=Path("out") / "lesson")
    options.add_argument("--language", choices=languages(), default="en", help="of all that is printed and drawn")
    return options


def chosen(options: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was chosen, with the folder made and the texts read."""
    found = options.parse_args(arguments)
    found.out = folder(found.out)
    found.texts = lesson_texts(texts(found.language), lecture())
    if found.texts.note:
        print(found.texts.note)
    return found


def told(said: Texts, key: str, text: str) -> None:
    """Print a text behind its name."""
    print(f"{said[key]:{COLUMN}}{text}")


def listed(parts: Sequence[str], said: Texts) -> str:
    """The parts beside each other: with semicolons where the comma stands in the numbers."""
    return ("; " if said["language.decimal"] == "," else ", ").join(parts)


def write_pictures(out: Path, pictures: Mapping[str, Draw], said: Texts) -> None:
    """Draw and write each picture, or say how to get them."""
    for name, draw in pictures.items():
        try:
            figure = draw()
        except ImportError as error:
            print("\n" + said.say("say.pictures.none", reason=error))
            return
        localize(figure, said)
        figure.savefig(out / f"{name}.png")
        print("\n" + said.say("say.picture", path=(out / f"{name}.png").resolve()))


def localize(figure: Any, said: Texts) -> None:
    """Write a figure's numbers, and the words that ``nn`` gave it, as the language has them."""
    from matplotlib.ticker import FuncFormatter, ScalarFormatter

    words = {"loss": said["plot.loss"], "loss, logarithmic": said["plot.loss.log"]}
    words |= {f"direction {number}": said.say("plot.direction", number=number) for number in (1, 2)}
    for axes in figure.axes:
        for name in ("xaxis", "yaxis", "zaxis"):
            axis = getattr(axes, name, None)
            if axis is None:
                continue
            axis.set_label_text(words.get(axis.get_label_text(), axis.get_label_text()))
            if isinstance(axis.get_major_formatter(), ScalarFormatter):
                axis.set_major_formatter(FuncFormatter(lambda value, _: said.number(round(value, 9)).replace("-", "−")))
                continue
            labels = [label.get_text() for label in axis.get_ticklabels()]
            if any(re.fullmatch(r"\d*\.\d+", label) for label in labels):
                labels = [label.replace(".", said["language.decimal"]) for label in labels]
                axis.set_ticks(axis.get_majorticklocs(), labels=labels)
        title = axes.get_title()
        if "\nprojection: " in title:
            axes.set_title(title.replace("\nprojection: ", f"\n{said['plot.projection']}: "))
