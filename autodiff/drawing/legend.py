"""What stands below a picture: the caption of a pass, what was folded, what colours and edges mean."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.drawing.colours import FILLS, INK, NEGATIVE_FILLS, QUIET, Scale, text_on
from autodiff.drawing.text import html
from autodiff.text import short

GAP = "\u00a0\u00a0"  # keeps words apart even if the font is wider than Graphviz assumes
COLUMNS = 15
WIDTH, HEIGHT = 640.0, 16.0
"""The width of a legend, and the height of each of its rows, in points."""
CAPTION = 30
"""The height of a caption."""


def below(rows: Sequence[str]) -> str:
    """Rows as a HTML-like label of Graphviz."""
    table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{"".join(rows)}</table>'
    return f'<<font point-size="8" color="{QUIET}">{table}</font>>'


def caption_width(longest: int) -> int:
    """The width of a caption of so many letters: at 11 points, a letter is about 6 wide."""
    return round(longest * 6.1)


def caption_row(caption: str, longest: int) -> str:
    """The row of a caption, as wide as the longest one of a pass."""
    text = f'<font point-size="11" color="{INK}">{html(caption)}</font>'
    return (
        f'<tr><td colspan="{COLUMNS}" align="left" width="{caption_width(longest)}" height="{CAPTION}">{text}</td></tr>'
    )


def fold_row(count: int, folded: str) -> str:
    """The row that says what was folded, and how to see it."""
    text = f"{count} nodes; {folded} are drawn as one box each: fold=None draws all nodes"
    return f'<tr><td colspan="{COLUMNS}" align="left">{html(text)}</td></tr>'


def colours_row(colours: Scale | None, on_edges: bool) -> str:
    """The row that explains colours and edges.

    Args:
        colours: the scale; None before the gradients are computed.
        on_edges: whether numbers stand on the edges.
    """
    note = "edge: × local derivative" if on_edges else "edge: contribution to the gradient"
    cells = ""
    if colours is None:
        note += ";  gradients: not computed (call backward)"
    else:
        note += ",  += contribution to the operand's gradient" * on_edges
        cells = _swatches("gradient", colours) + "<td>    </td>"
    return f'<tr><td colspan="{COLUMNS}" height="8"></td></tr><tr>{cells}<td align="left">{html(note)}</td></tr>'


def weights_row(colours: Scale) -> str:
    """The row that explains the colours of weights and biases."""
    return f"<tr>{_swatches('weight, bias', colours)}</tr>"


def _swatches(what: str, colours: Scale) -> str:
    texts = ["0", f"&lt; {short(colours.bounds[0])}", *(f"≥ {short(bound)}" for bound in colours.bounds)]
    cells = f'<td align="left">size of {what}{GAP}</td>' + "".join(map(_swatch, FILLS, texts))
    return cells + f"<td>{GAP}if negative{GAP}</td>" + "".join(_swatch(fill, GAP) for fill in NEGATIVE_FILLS[1:])


def _swatch(fill: str, text: str) -> str:
    return f'<td bgcolor="{fill}" border="1" color="#d5dae1"><font color="{text_on(fill)}"> {text} </font></td>'
