"""What a notebook shows of a ``Value``."""

from __future__ import annotations

from hashlib import sha256

from autodiff.drawing.dot_text import draw
from autodiff.drawing.rendering import find_dot, svg
from autodiff.drawing.text_tree import tree
from autodiff.value import Value

MAX_NODES = 100
"""Limit of the picture that a notebook shows by itself: with more nodes it is too small to read in a cell."""


def notebook_picture(value: Value) -> dict[str, str]:
    """The representations of a value by MIME type: a picture where that is possible, else text. It never raises.

    The ids of the SVG begin with a hash of what is drawn: figures on one page keep theirs apart, and the same
    figure has the same ids in every run.

    >>> sorted(notebook_picture(Value(2.0)))[-1]
    'text/plain'
    """
    try:
        return _picture(value)
    except Exception as error:  # a value that cannot be drawn must still be shown: the reason goes with it
        return {"text/plain": f"{value!r}\n(not drawn: {error})"}


def _picture(value: Value) -> dict[str, str]:
    if not value.parents:
        return {"text/plain": repr(value)}
    dot = find_dot()
    if dot is None:
        return {"text/plain": tree(value, max_nodes=30)}
    source = draw(value, max_nodes=MAX_NODES).source
    prefix = f"g{sha256(source.encode()).hexdigest()[:10]}-"
    return {
        "text/plain": repr(value),
        "image/svg+xml": svg(dot, draw(value, max_nodes=MAX_NODES, prefix=prefix).source),
    }
