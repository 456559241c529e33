"""Numbers and names as text that stays in its line.

A "-" can be copied into Python; the "−" of :func:`number` is for equations, which nobody copies.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

_SPELT = str.maketrans({
    "∂": "d", "²": "2", "·": "*", "×": "*", "÷": "/", "−": "-", "→": "->", "←": "<-", "…": "...", "≠": "!=", "∞": "inf",
    "│": "|", "├": "|", "└": "`", "─": "-",
})  # fmt: skip


def printable(text: str) -> str:
    """The text as standard output can show it: where its encoding lacks a sign, all signs are spelt in ASCII.

    So what prints here also prints into a pipe or a file of a Windows code page, which knows no ``∂``.
    """
    encoding = getattr(sys.stdout, "encoding", None)
    if text.isascii() or not isinstance(encoding, str):
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_SPELT).encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:  # a stream of another kind, whose encoding is none of Python's
        pass
    return text


def one_line(name: str) -> str:
    """The name in a single line: what cannot be printed is escaped.

    >>> one_line("two\\nlines")
    'two\\\\nlines'
    """
    return name if name.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def number(value: float) -> str:
    """The number with 6 significant digits and a true minus sign.

    >>> number(3.0), number(-2.0), number(1 / 3), number(float("-inf"))
    ('3.0', '−2.0', '0.333333', '−inf')
    """
    return f"{value:.6}".replace("-", "−")


def short(value: float) -> str:
    """The number with 4 significant digits.

    >>> short(1 / 3), short(-8.0), short(1.5e-7), short(float("-inf"))
    ('0.3333', '-8', '1.5e-07', '-inf')
    """
    return f"{value:.4g}"


def joined(parts: Sequence[str], separator: str = ", ", most: int = 12) -> str:
    """The parts in one line, the middle of a long row left out and counted.

    >>> joined(list("abcdef"), " ← ", most=4)
    'a ← b ← …2 more… ← e ← f'
    """
    if len(parts) > most:
        half = most // 2
        parts = [*parts[:half], f"…{len(parts) - 2 * half} more…", *parts[-half:]]
    return separator.join(parts)
