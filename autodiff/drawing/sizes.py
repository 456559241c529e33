"""How large boxes are: there is room for the longest number that can appear, so that one layout serves all steps."""

from __future__ import annotations

from typing import TypeAlias
from unicodedata import east_asian_width

from autodiff.drawing.scene import Box
from autodiff.drawing.text import sign
from autodiff.text import one_line, short

Point: TypeAlias = tuple[float, float]

MAX_NAME = 24
LETTER = 8.0
"""The width of a letter of a name, a bold sans serif of 14 px, on the wide side."""
NUMBERS, RANGES = 132.0, 214.0
"""The width of a box with "not computed" in it, and of one with the range of several numbers."""
ROW, PAD = 18.0, 8.0
"""The height of a line of a box, and the room around its text."""


def box_size(box: Box) -> Point:
    """Width and height of a box whose text is 14 px high."""
    if box.kind == "constant":
        return 16 + LETTER * text_width(constant_text(box)), 24.0
    width = max(NUMBERS, 2 * PAD + LETTER * (2 + text_width(shown_name(box)) + text_width(shown_sign(box))))
    height = 3 * ROW + PAD
    if box.kind == "folded":
        width, height = max(width, RANGES if len(box.nodes) > 1 else NUMBERS), height + ROW
    if box.hidden_operands:
        width, height = max(width, RANGES), height + ROW
    return width, height


def constant_text(box: Box) -> str:
    """What a constant shows; it never changes."""
    name = f"{shortened(one_line(box.name))} = " if box.nodes[0].label else ""
    return f"{name}{short(box.nodes[0].data).replace('-', '−')}{f' ×{box.repeats}' * (box.repeats > 1)}"


def shown_name(box: Box) -> str:
    """The name of a box, inside the frames of its path."""
    return shortened(one_line(box.short_name))


def shown_sign(box: Box) -> str:
    """The sign of the operation that computes the node of a box; empty for a leaf and a folded module."""
    node = box.nodes[0]
    return sign(node.op) if node.parents and box.kind != "folded" else ""


def frame_name(name: str, width: float) -> str:
    """What a frame of that width shows at its top, at 14 px."""
    return shortened(one_line(name), min(MAX_NAME, int((width - 2 * PAD) / LETTER)))


def shortened(name: str, most: int = MAX_NAME) -> str:
    """The name, the middle of a long one left out."""
    half = max(1, most // 2 - 1)
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def text_width(text: str) -> float:
    """The width of a text in letters: East Asian ones count for two."""
    return sum(2.0 if east_asian_width(letter) in "WF" else 1.0 for letter in text)
