"""Numbers and labels as text: short, and never mistaken for markup."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.operations import Operation

# XML has no room for control characters, not even escaped: they are shown by their pictures ␀ to ␟ and ␡.
_UNPRINTABLE = {code: 0x2400 + code for code in range(32)} | {127: 0x2421}
_UNPRINTABLE |= dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)
_UNPRINTABLE |= {ord("\t"): 0x20}
# Graphviz decodes entities first and replaces \N, \G, \L and the like by names afterwards: so \ is doubled.
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "\\\\"}
_ESCAPED = str.maketrans(_MARKUP)


def short(number: float) -> str:
    """The number with 4 significant digits.

    >>> short(1 / 3), short(-8.0), short(1.5e-7), short(float("-inf"))
    ('0.3333', '-8', '1.5e-07', '-inf')
    """
    return f"{number:.4g}"


def span(numbers: Sequence[float]) -> str:
    """One number as it is, several from the least to the greatest.

    >>> span([2.0, -1.0, 0.5])
    '-1 … 2'
    """
    least, greatest = short(min(numbers)), short(max(numbers))
    if any(number != number for number in numbers):
        return "nan"
    return least if least == greatest else f"{least} … {greatest}"


def sign(op: Operation) -> str:
    """How pictures write an operation: its symbol, but × and − for the keyboard's, and a word for the small ·."""
    return {"*": "×", "-": "−", "·": "dot"}.get(op.symbol, op.symbol)


def html(text: str) -> str:
    """The text inside a HTML-like label of Graphviz: what is typed is what is shown.

    >>> html('<b> & "\\\\N"')
    '&lt;b&gt; &amp; &quot;\\\\\\\\N&quot;'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    escaped = [line.translate(_UNPRINTABLE).translate(_ESCAPED) for line in lines]
    return escaped[0] if len(lines) == 1 else "".join(f'{line}<br align="left"/>' for line in escaped)


def one_line(text: str) -> str:
    """The text in a single line of plain text, control characters made visible."""
    return text.translate(_UNPRINTABLE)
