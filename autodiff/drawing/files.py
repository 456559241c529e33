"""``render`` and ``notebook_picture``: a picture, or the best there is without one, in a file or a notebook."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import graphviz

from autodiff.drawing.dot_text import draw
from autodiff.drawing.folding import READABLE
from autodiff.drawing.parameters import HasParameters
from autodiff.drawing.rendering import HINT, PICTURES, find_dot, image, run_dot, svg, told
from autodiff.drawing.scene import TooManyNodesError
from autodiff.drawing.text_tree import tree
from autodiff.program.program import Program
from autodiff.value import Value

SUFFIXES = (*PICTURES, ".dot", ".gv")
DEPTHS = (12, 8, 6, 5, 4, 3, 2, 1, 0)
"""How many steps from the root are drawn of a graph too large for a notebook: the most of these that can be read."""


def render(
    value: Value | Program | HasParameters | graphviz.Digraph,
    path: str | os.PathLike[str],
    *,
    dot: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Path:
    """Write the picture of a value's graph to a file, and return the path of the file that was written.

    Where there is no dot, a tree of plain text is written instead, to the same path with the suffix ``.txt``.

    Args:
        value: the root, or whatever else ``draw`` takes, or a ``graphviz.Digraph``, such as ``draw`` returns.
        path: ends in ``.svg`` or ``.png``; ``.dot`` and ``.gv`` are DOT text; ``.pdf`` needs a dot of the system.
        dot: the program to use, see :func:`find_dot`.
        **options: those of :func:`draw`, if the value is not a ``Digraph``.

    Raises:
        TypeError: the value is neither a ``Digraph`` nor what ``draw`` takes, or options come with a ``Digraph``.
        ValueError: the suffix is none of these, or as for ``draw``.
        RuntimeError: the dot failed, or as for ``draw``.

    >>> from pathlib import Path; from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder: render(Value(2.0) * 3, Path(folder) / "product.dot").name
    'product.dot'
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"the file must end in one of {', '.join(SUFFIXES)}, not {path.name!r}")
    if isinstance(value, graphviz.Digraph):
        if options:
            raise TypeError(f"a Digraph is drawn already: pass {', '.join(options)} to draw()")
        picture, root = value, getattr(value, "root", None)
    else:
        picture, root = draw(value, **options), value
    if suffix in (".dot", ".gv"):
        path.write_text(picture.source, encoding="utf-8")
        return path
    program = find_dot(dot)
    if program is not None:
        path.write_bytes(run_dot(program, picture.source, suffix[1:]))
        return path
    path = path.with_suffix(".txt")
    text = picture.source if root is None else tree(root) if isinstance(root, Value) else str(root)
    path.write_text(f"There is no dot on this machine; {HINT}\n\n{text}\n", encoding="utf-8")
    return path


def notebook_picture(value: Value) -> dict[str, str]:
    """The representations of a value by MIME type: a picture where that is possible, else text. It never raises.

    The ids of the SVG begin with a hash of what is drawn: figures on one page keep theirs apart, and the same
    figure has the same ids in every run.

    >>> sorted(notebook_picture(Value(2.0)))[-1]
    'text/plain'
    """
    try:
        if not value.parents:
            return {"text/plain": repr(value)}
        dot = find_dot()
        if dot is None:
            return {"text/plain": tree(value, max_nodes=30)}
        options, source = _readable(value)
        prefix = f"g{sha256(source.encode()).hexdigest()[:10]}-"
        picture = svg(dot, draw(value, prefix=prefix, **options).source)
    except Exception as error:  # a value that cannot be drawn must still be shown: the reason goes with it
        return {"text/plain": f"{value!r}\n(not drawn: {error})"}
    return {"text/plain": repr(value), "image/svg+xml": picture, "text/html": image(picture, told(value))}


def _readable(value: Value) -> tuple[dict[str, Any], str]:
    """The options of :func:`draw` for a picture that can be read, folded or of the last operations alone; its DOT."""
    for depth in (None, *DEPTHS):
        try:
            options: dict[str, Any] = {"max_nodes": READABLE, "depth": depth}
            return options, draw(value, **options).source
        except TooManyNodesError as error:
            refused = error
    raise refused
