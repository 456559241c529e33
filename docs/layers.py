"""The layers of the project, read from its imports: ``python -m docs.layers`` draws them anew.

It writes ``docs/layers.dot`` and, with a Graphviz, ``docs/layers.svg``. The architecture test reads imports by the same
functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("autodiff", "nn")
READING_LIST = ("rules", "operations", "value", "backward", "functions", "derivatives")
"""The files of the engine for those who want to understand it, in this order."""
TOP = ("__init__", "__main__")


@cache
def modules() -> dict[str, Path]:
    """Every module of the packages, by its dotted name; a package is the module of its ``__init__``."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


@cache
def imported(path: Path) -> set[str]:
    """The modules of the packages that a file imports, also inside of functions, but not those for types alone."""
    known = modules()
    found: set[str] = set()
    for node in _executed(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in known else node.module)
        elif isinstance(node, ast.Constant) and node.value in known and node.value not in PACKAGES:
            found.add(node.value)  # what the package loads by name, when it is first used
    return found & known.keys()


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _executed(other)
        else:
            yield child
            yield from _executed(child)


def layer(module: str) -> str:
    """The layer of a module: a folder, or one of the three parts of the engine's own."""
    package, *rest = module.split(".")
    if package != "autodiff":
        return package
    if not rest or rest[0] in TOP:
        return "autodiff"
    if rest[0] == "nn":  # its second name
        return "nn"
    if (ROOT / "autodiff" / rest[0]).is_dir():
        return rest[0]
    return "reading list" if rest[0] in READING_LIST else "beside it"


def arrows() -> dict[tuple[str, str], int]:
    """How many imports there are from one layer to another."""
    found: dict[tuple[str, str], int] = {}
    for name, path in modules().items():
        for other in imported(path):
            edge = (layer(name), layer(other))
            if edge[0] != edge[1]:
                found[edge] = found.get(edge, 0) + 1
    return dict(sorted(found.items()))


def dot() -> str:
    """The picture as DOT text."""
    files: dict[str, list[str]] = {}
    for name in modules():
        files.setdefault(layer(name), []).append(name)
    lines = ["digraph layers {", 'rankdir=TB; ranksep=0.5; edge [color="#9aa0a6", arrowsize=0.6]']
    lines.append('node [shape=box, style="rounded,filled", fillcolor="#f6f7f9", fontname="Helvetica", fontsize=11]')
    for each, names in files.items():
        title = {"reading list": "engine: the reading list", "beside it": "engine: beside it"}.get(each, each)
        lines.append(f'"{each}" [label="{title}\\n{len(names)} files"]')
    # The engine's two parts import each other file by file; below the folders, an arrow between them says nothing.
    engine = {"reading list", "beside it"}
    lines += [f'"{a}" -> "{b}"' for a, b in arrows() if not {a, b} <= engine and a != "autodiff"]
    lines += [f'"autodiff" -> "{b}" [style=dashed]' for a, b in arrows() if a == "autodiff"]
    return "\n".join([*lines, '"reading list" -> "beside it" [dir=both]', "}", ""])


def main() -> None:
    """Write the picture."""
    from autodiff.drawing.rendering import find_dot, run_dot

    folder = Path(__file__).parent
    (folder / "layers.dot").write_text(dot(), encoding="utf-8", newline="\n")
    program = find_dot()
    if program is not None:
        (folder / "layers.svg").write_bytes(run_dot(program, dot(), "svg"))


if __name__ == "__main__":
    main()
