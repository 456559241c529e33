"""What the site has beyond text: live players of graphs, and links into the repository.

A fence ``{player}`` holds a program that computes ``loss``. The page shows the program and, below it, the player of its
backward pass: a file of its own in an iframe, made when the site is built. With the option ``code`` the program stands
in the player, line by line beside the graph.
"""

from __future__ import annotations

import hashlib
import linecache
import re
from contextlib import nullcontext
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from autodiff import Value, name_values, record_sources, trace
from autodiff.drawing import find_dot
from autodiff.drawing.rendering import HINT
from docs.project import REPOSITORY

FOLDER = "players"
LITERAL = re.compile(r"(``.+?``)(\w?)|([^`]+)")
"""A name in quotes, with the letter after it; or other text."""
ROOT = Path(__file__).parents[1]


class Player(SphinxDirective):
    """The fence ``{player}``; its options are the title, the height in pixels, and where the program stands."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "title": directives.unchanged, "height": directives.positive_int, "code": directives.flag,
    }  # fmt: skip

    def run(self) -> list[nodes.Node]:
        """The program as a listing, and the player of what it computed."""
        code = "\n".join(self.content) + "\n"
        title = self.options.get("title", "The backward pass")
        name = f"{self.env.docname.replace('/', '-')}-{hashlib.sha256(code.encode()).hexdigest()[:8]}.html"
        folder = Path(self.config.players)
        if find_dot() is None:
            raise self.severe(f"there is no dot to draw with; {HINT}")
        in_player = "code" in self.options
        trace(computed(code, f"{self.env.docname}.py", in_player)).to_html(folder / name)
        up = "../" * self.env.docname.count("/")
        address, height = f"{up}{FOLDER}/{name}", self.options.get("height", 620)
        frame = (
            f'<figure class="player"><iframe src="{address}" title="{escape(title)}" loading="lazy" '
            f'style="height: {height}px"></iframe><figcaption>{escape(title)} · '
            f'<a href="{address}">open it alone</a></figcaption></figure>'
        )
        shown: list[nodes.Node] = []
        if not in_player:
            shown.append(nodes.literal_block(code.rstrip(), code.rstrip(), language="python"))
        return [*shown, nodes.raw("", frame, format="html")]


class Example(SphinxDirective):
    """The fence ``{example} Title``: a program for the page to try."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """A listing with the title, in the words of which the page offers it."""
        code, title = "\n".join(self.content), self.arguments[0]
        start = f'<div class="try-example" data-title="{escape(title)}">'
        return [
            nodes.raw("", start, format="html"),
            nodes.paragraph("", "", nodes.strong("", title)),
            nodes.literal_block(code, code, language="python"),
            nodes.raw("", "</div>", format="html"),
        ]


def computed(code: str, file: str, sources: bool = False) -> Value:
    """The ``loss`` of a program of this documentation, its variables for labels; its lines are recorded if wished for.

    Raises:
        ValueError: it computes no ``Value`` of that name.
    """
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    variables: dict[str, Any] = {"__name__": "__page__"}
    with record_sources() if sources else nullcontext():
        exec(compile(code, file, "exec"), variables)
    loss = variables.get("loss")
    if not isinstance(loss, Value):
        raise ValueError(f"{file}: a program for a player must compute loss, a Value")
    name_values({name: each for name, each in variables.items() if each is not loss})
    return loss


def into_the_repository(app: Sphinx, document: str, text: list[str]) -> None:
    """Links to files outside of ``docs/``, as a page has them in the repository, lead there from the site, too."""
    folder = (Path(app.srcdir) / document).parent

    def absolute(found: re.Match[str]) -> str:
        path = (folder / found[1]).resolve()
        if path.is_relative_to(ROOT) and path.exists() and (path.suffix != ".md" or path.parent == ROOT):
            return f"]({REPOSITORY}/blob/main/{path.relative_to(ROOT).as_posix()})"
        return found[0]

    text[0] = re.sub(r"\]\(((?:\.\./)+[^)#]+|[\w/]+\.py)\)", absolute, text[0])


def readable(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Docstrings as people write them, for docutils: a plural after a name in quotes, |x|, a star alone.

    Napoleon takes what stands before a colon, of an attribute or of what is returned, for a type; that is undone.
    """
    for kind, begins in ((":type: ", ""), (":rtype: ", ":returns: ")):
        for at, line in enumerate(lines):
            first = next((other for other in range(at) if lines[other].startswith(begins)), None)
            if line.startswith(kind) and first is not None:
                described = lines[first].removeprefix(begins)
                lines[first], lines[at] = f"{begins}{line.removeprefix(kind)}: {described}", ""
    for at, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[at] = LITERAL.sub(_escaped, line)


def _escaped(found: re.Match[str]) -> str:
    literal, after, other = found.groups()
    if literal is not None:
        return f"{literal}\\ {after}" if after else literal
    other = other.replace("|", r"\|")
    return re.sub(r"(?<!\\)\*", r"\*", other) if other.count("*") % 2 else other


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    players = Path(app.outdir) / FOLDER
    players.mkdir(parents=True, exist_ok=True)
    app.add_config_value("players", str(players), "env")
    app.add_directive("player", Player)
    app.add_directive("example", Example)
    app.connect("source-read", into_the_repository)
    app.connect("autodoc-process-docstring", readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
