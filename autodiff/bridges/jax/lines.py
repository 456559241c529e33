"""Where the equations of a jaxpr come from in the user's program, and how their results are called there."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

from autodiff.sources import Source, is_users

RETURNED = "return"
"""In place of names: what the expression gives is what the function gives. No variable can be called so."""


class Place(NamedTuple):
    """An expression in a file, as Python's own positions have it: columns count bytes."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


def source(equation: Any) -> Source | None:
    """The innermost line of the user's program; None inside of a function of a library."""
    found = next(_places(equation), None)
    return Source(found.file, found.line) if found else None


def names(equations: list[Any]) -> list[tuple[str, ...]]:
    """For each equation the names of the variables that its results are assigned to as they are; empty if to none.

    A line such as ``h = jnp.mean(x)`` makes several equations, of which the last is ``h``. What belongs to derivatives
    that the program takes itself has the lines of the function that is differentiated, but not its names.
    """
    found: list[tuple[str, ...]] = []
    ways = [tuple(_places(equation)) for equation in equations]
    for at, (equation, way) in enumerate(zip(equations, ways)):
        last = at + 1 == len(ways) or ways[at + 1] != way
        transformed = "jvp(" in str(equation.source_info.name_stack)
        name = _assigned(way) if last and not transformed else ()
        found.append(name if len(name) == len(equation.outvars) else ())
    return found


def _places(equation: Any) -> Iterator[Place]:
    """The expressions of the user's program under way, the innermost first, up to the first call from a library.

    What stands before JAX began to trace a function called that function, and is no part of it: traces are kept, and
    taken for other calls, too.
    """
    traceback = equation.source_info.traceback
    begun = False
    for code, last in zip(*traceback.raw_frames()) if traceback is not None else ():
        if is_users(code.co_filename):
            begun = True
            yield _place(code, last)
        elif begun or code.co_name.startswith("trace_to_jaxpr"):
            return


@lru_cache(maxsize=4096)
def _place(code: CodeType, last: int) -> Place:
    """The expression that an instruction belongs to."""
    for at, (line, end_line, column, end_column) in enumerate(code.co_positions()):
        if at == last // 2:
            return Place(code.co_filename, line or code.co_firstlineno, column or 0, end_line or 0, end_column or 0)
    return Place(code.co_filename, code.co_firstlineno, 0, 0, 0)


def _assigned(way: tuple[Place, ...]) -> tuple[str, ...]:
    """The names that the innermost expression is assigned to, be it by way of functions that return it."""
    for place in way:
        targets = _targets("".join(linecache.getlines(place.file))).get(place[1:], ())
        if targets != (RETURNED,):
            return targets
    return ()


@lru_cache(maxsize=16)
def _targets(text: str) -> dict[tuple[int, ...], tuple[str, ...]]:
    """The names that expressions of a program are assigned to, by their places; ``RETURNED`` for what is returned."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    found: dict[tuple[int, ...], tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            found[_at(node.value)] = tuple(_names(node.targets[0]))
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            found[_at(node.value)] = tuple(_names(node.target))
        elif isinstance(node, ast.AugAssign):
            found[_at(node)] = tuple(_names(node.target))
        elif isinstance(node, ast.Return) and node.value is not None:
            found[_at(node.value)] = (RETURNED,)
        elif isinstance(node, ast.Lambda):
            found[_at(node.body)] = (RETURNED,)
    return found


def _at(node: Any) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _names(target: ast.expr) -> Iterator[str]:
    """The names of a target, of nested tuples from left to right; the empty name for what has none."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from _names(each)
    else:
        yield target.id if isinstance(target, ast.Name) else ""
