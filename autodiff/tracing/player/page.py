"""The page as one text: the drawing, the saved trace, style and program."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from autodiff.drawing import find_dot, notebook_picture
from autodiff.drawing.scene import TooManyNodesError
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.program.javascript import parts, runner
from autodiff.program.reference import symbols
from autodiff.registry import NOT_IN_TABLE, OPERATIONS
from autodiff.text import one_line
from autodiff.tracing.frames import check_begins
from autodiff.tracing.language import ENGLISH, texts
from autodiff.tracing.player.contents import drawing_data, packed, pass_data
from autodiff.tracing.recorded_pass import RecordedPass
from autodiff.tracing.steps import TracedNode
from autodiff.tracing.storage import plain

MAX_STEPS = 20_000
PROGRAM = (
    "language.js", "numbers.js", "data.js", "model.js", "arrangement.js", "drawing.js", "view.js", "stage.js",
    "toggles.js", "table.js", "search.js", "guess.js", "details.js", "code.js", "export.js", "equation.js", "player.js",
)  # fmt: skip
TITLE = "Backward pass of {name}"
NOSCRIPT = "The steps of this page are played by a program that this browser does not run: allow JavaScript."
NOTEBOOK_NODES = 100
NOTEBOOK_STEPS = 2000
"""Limits of the page that a notebook shows by itself, which is stored in its file; of more, it shows a picture."""


def html(
    trace: RecordedPass,
    *,
    max_nodes: int | None = 300,
    live: bool | None = None,
    updates: Sequence[RecordedPass] = (),
    language: str = ENGLISH,
) -> str:
    """The page as HTML text. See :meth:`~autodiff.tracing.Trace.to_html`."""
    if max_nodes is not None and (not isinstance(max_nodes, int) or isinstance(max_nodes, bool) or max_nodes < 0):
        raise ValueError(f"max_nodes must be an int from 0 on, or None, not {max_nodes!r}")
    check_begins(trace)
    said = texts(language)
    if len(trace) > MAX_STEPS:
        raise ValueError(f"{len(trace)} steps are too many for a page: play the first of them, trace[:{MAX_STEPS}]")
    numbers = leaves_of_updates(trace, updates) if updates else None
    if updates and live is False:
        raise ValueError("updates need a live page, whose numbers change: leave out live=False")
    contents: dict[str, Any] = {
        "pass": pass_data(trace), "drawing": _drawing(trace, max_nodes), "rules": _rules(trace, said),
        "code": [*trace.code], "texts": said,
    }  # fmt: skip
    sheets, scripts, rows = ["player.css"], [*PROGRAM], None
    if live is not False and (found := _live(trace, required=bool(live or updates))):
        data, rows, contents["slots"] = found
        contents["program"] = data | {"constants": plain(data["constants"]), "names": []}
        contents["updates"] = numbers
        sheets, scripts = [*sheets, "live.css"], [*scripts, "live.js", *(["updates.js"] if updates else [])]
    style, program = ("\n".join(map(_asset, names)) for names in (sheets, [*scripts, "start.js"]))
    program += f"\nconst program = {runner(rows)};" if rows is not None else ""
    pieces = {
        "LANGUAGE": language,
        "TITLE": escape(said.get(TITLE, TITLE).replace("{name}", one_line(trace.root.name))),
        "NOSCRIPT": escape(said.get(NOSCRIPT, NOSCRIPT)),
        "POLICY": _policy(style, program),
        "STYLE": style,
        "CONTENTS": packed(contents),
        "PROGRAM": program,
    }
    # One pass over the template, so that text inside a part is never taken for a placeholder.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: pieces[found[1]], _asset("player.html"))


def leaves_of_updates(trace: RecordedPass, updates: Sequence[RecordedPass]) -> list[list[float | str]]:
    """The numbers of the leaves at each update.

    Raises:
        TypeError: an update is no trace.
        ValueError: one is a pass over another graph, or one with other constants.
    """
    for at, update in enumerate(updates):
        if not isinstance(update, RecordedPass):
            raise TypeError(f"updates must be traces, such as trace(loss), not {type(update).__name__}")
        if [_fixed(node) for node in update.nodes] != [_fixed(node) for node in trace.nodes]:
            raise ValueError(
                f"update {at} is a pass over another graph: all must have the same operations, labels and constants "
                "(make data that changes between updates a Value, not a plain number)"
            )
    return [[plain(node.data) for node in update.nodes if node.op == VARIABLE.name] for update in updates]


def _fixed(node: TracedNode) -> tuple[object, ...]:
    """What updates have in common; a nan is itself."""
    number = repr(node.data) if node.op == CONSTANT.name else None
    return node.op, node.operands, node.name, number


def save_html(
    trace: RecordedPass,
    path: str | os.PathLike[str],
    max_nodes: int | None,
    live: bool | None,
    updates: Sequence[RecordedPass],
    language: str,
) -> Path:
    """See :meth:`~autodiff.tracing.Trace.to_html`."""
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the file must end in .html, not {path.name!r}")
    page = html(trace, max_nodes=max_nodes, live=live, updates=updates, language=language)
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


def notebook(trace: RecordedPass) -> dict[str, str]:
    """What a notebook shows, by MIME type: the table, and the page in a frame of its own. It never raises.

    In frames, the ids, styles and programs of several pages never meet, and a saved notebook keeps them.
    """
    table = str(trace)
    if any(step.place != place for place, step in enumerate(trace)):
        return {"text/plain": table}
    try:
        if len(trace) > NOTEBOOK_STEPS:
            return _picture(trace)
        page = html(trace, max_nodes=NOTEBOOK_NODES)
    except TooManyNodesError:
        return _picture(trace)
    except Exception as error:  # a trace that cannot be drawn must still be shown: the reason goes with it
        return {"text/plain": f"{table}\n(not drawn: {error})"}
    name = escape(one_line(trace.root.name), quote=True)
    # Where a notebook is not trusted, it leaves out the frame and the style: then the table is seen.
    frame = (
        f"<style>.autodiff-player + pre {{ display: none }}</style>"
        f'<iframe class="autodiff-player" title="Backward pass of {name}, step by step" sandbox="allow-scripts" '
        f'style="box-sizing: border-box; width: 100%; height: 640px; border: 1px solid #8884; border-radius: 8px" '
        f'srcdoc="{escape(page, quote=True)}"></iframe>'
        f"<pre>{escape(table)}\n\nThe player is in this notebook, which must be trusted to show it.</pre>"
    )
    return {"text/plain": table, "text/html": frame}


def _picture(trace: RecordedPass) -> dict[str, str]:
    """What a notebook shows of a pass that is too large for a page in it."""
    return notebook_picture(trace.graph()[-1]) | {"text/plain": str(trace)}


def _drawing(trace: RecordedPass, max_nodes: int | None) -> dict[str, Any] | None:
    return None if max_nodes == 0 else drawing_data(trace.graph(), find_dot(), max_nodes)


def _rules(trace: RecordedPass, said: Mapping[str, str]) -> dict[str, str]:
    """The rules of the operations of a trace, in symbols, as far as they are declared here, with these texts."""
    rows = NOT_IN_TABLE | OPERATIONS
    names = sorted({node.op for node in trace.nodes if node.operands} & rows.keys())
    return {name: symbols(rows[name], lambda text: said.get(text, text)) for name in names}


def _live(trace: RecordedPass, required: bool) -> tuple[dict[str, Any], list[str], list[int]] | None:
    """The arrays and the rows of the program that makes the page live, and the slots of the nodes.

    None if it cannot be live, and need not be.
    """
    try:
        program, slots = trace.program
        if not program.parameters:
            raise ValueError("there is no variable in the graph, so no number to change")
        return *parts(program), slots
    except ValueError:
        if required:
            raise
        return None


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _policy(style: str, program: str) -> str:
    """The rules for the browser: this style and this program, and nothing from anywhere else."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, program)]
    return f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
