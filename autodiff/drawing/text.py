"""Numbers and names in pictures: never mistaken for markup."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.operations import Operation
from autodiff.text import one_line, short

# Graphviz decodes entities first and replaces \N, \G, \L and the like by names afterwards: so \ is doubled.
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "\\\\"})


def span(numbers: Sequence[float]) -> str:
    """One number as it is, several from the least to the greatest.

    >>> span([2.0, -1.0, 0.5])
    '-1 … 2'
    """
    if any(number != number for number in numbers):
        return "nan"
    least, greatest = short(min(numbers)), short(max(numbers))
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
    escaped = [one_line(line).translate(_ESCAPED) for line in lines]
    return escaped[0] if len(lines) == 1 else "".join(f'{line}<br align="left"/>' for line in escaped)
