"""The languages of the lesson: one file of texts each, ``texts/de.json`` say; what a file lacks is said in English.

A new language is one more file: a copy of ``texts/en.json`` whose values are translated. Keys stay, and so do the
parts in braces; a key may be left out until somebody has the word for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

FALLBACK = "en"
SAID = ("say.", "plot.", "task.")
"""How keys begin whose parts are filled in by the program that says them."""
_FOLDER: Any = files(__package__) / "texts"


@dataclass(frozen=True)
class Texts:
    """The texts of a language by key."""

    language: str
    table: Mapping[str, str]
    missing: tuple[str, ...]
    """The keys that the language has no text for; the table has the English ones."""

    def __getitem__(self, key: str) -> str:
        return self.table[key]

    def say(self, key: str, **parts: Any) -> str:
        """The text with the parts in braces filled in; what is not given stays.

        >>> texts("en").say("forward.rounded", label=2)
        'rounded: label 2'
        """
        return _filled(self.table[key], parts)

    def number(self, value: float, decimals: int | None = None) -> str:
        """A number as the language writes it, with "-" for a minus, as terminals do.

        >>> texts("de").number(-1.5, 2), texts("en").number(0.25)
        ('-1,50', '0.25')
        """
        written = repr(float(value)) if decimals is None else f"{value:.{decimals}f}"
        written = written.removesuffix(".0") if decimals is None else written
        if re.fullmatch(r"-0\.?0*", written):
            written = written[1:]
        return written.replace(".", self.table["language.decimal"])

    def count(self, number: int) -> str:
        """A small number as a word, a larger one in digits."""
        return self.table.get(f"count.{number}", str(number))

    def told(self, own: bool, **parts: Any) -> Texts:
        """The texts for a lesson: with its parts filled in; if it is not the lecture's own, with what is said then."""
        table = {key: text for key, text in self.table.items() if not key.startswith("own.")}
        if own:
            table |= {key[4:]: text for key, text in self.table.items() if key.startswith("own.")}
        parts = {"things": table["things"], **parts}
        known = {key: text if key.startswith(SAID) else _filled(text, parts) for key, text in table.items()}
        return Texts(self.language, known, self.missing)

    @property
    def note(self) -> str:
        """That some texts are English, or nothing."""
        return self.say("language.fallback", missing=len(self.missing)) if self.missing else ""


def languages() -> tuple[str, ...]:
    """The languages that there are texts in."""
    return tuple(sorted(Path(path.name).stem for path in _FOLDER.iterdir() if path.name.endswith(".json")))


def texts(language: str) -> Texts:
    """The texts of a language.

    Raises:
        ValueError: there is no file of that language, or it has keys that mean nothing.
    """
    if language not in languages():
        raise ValueError(
            f"there are texts in {' or '.join(languages())}, not in {language!r}: "
            f"a language is one file, {_FOLDER}/<language>.json, translated from {FALLBACK}.json"
        )
    english, own = _table(FALLBACK), _table(language)
    unknown = sorted(set(own) - set(english))
    if unknown:
        raise ValueError(f"{language}.json has keys that {FALLBACK}.json does not have: {', '.join(unknown)}")
    table = {**english, **own}
    table["language.fallback"] = english["language.fallback"]
    return Texts(language, table, tuple(key for key in english if key not in own))


def _table(language: str) -> dict[str, str]:
    table: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return table


def _filled(text: str, parts: Mapping[str, Any]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: str(parts.get(found[1], found[0])), text)
