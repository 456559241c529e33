"""The languages of the player: a file of texts each, ``player/texts/de.json`` say, by the English ones.

A new language is one more file: a copy of ``de.json`` whose values are translated. What a file lacks is said in
English.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import PurePath
from typing import Any

ENGLISH = "en"
_FOLDER: Any = files(__package__) / "player" / "texts"


def languages() -> tuple[str, ...]:
    """The languages that there are texts in.

    >>> languages()
    ('de', 'en')
    """
    return tuple(sorted({ENGLISH, *(PurePath(path.name).stem for path in _FOLDER.iterdir())}))


def texts(language: str) -> dict[str, str]:
    """The texts of a language by the English ones; of English, none.

    Raises:
        ValueError: there are no texts in it.

    >>> texts("de")["final"], texts("en")
    ('fertig', {})
    """
    if language not in languages():
        raise ValueError(f"language must be one of {', '.join(map(repr, languages()))}, not {language!r}")
    if language == ENGLISH:
        return {}
    table: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return table
