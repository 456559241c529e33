"""Which fold of a network can be read: the one that leaves the most, of those with few enough boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from autodiff.backward import topological_order
from autodiff.drawing.clusters import kind_of, modules
from autodiff.drawing.scene import Scene, TooManyNodesError, scene
from autodiff.value import Value

READABLE = 100
"""Pictures with more boxes than these are too small to read."""


class Folded(NamedTuple):
    """A picture, and what is folded in it: the kinds of modules, such as "neuron"; empty if nothing is."""

    title: str
    picture: Scene
    fold: set[str] | None
    """What is folded, as :func:`scene` takes it."""


def foldings(root: Value, **options: Any) -> Iterator[Folded]:
    """The pictures of a graph with all its nodes, then folded at each depth of its modules, the deepest first.

    Those that have more nodes than ``max_nodes`` are left out; the options are those of :func:`scene`.

    Raises:
        TooManyNodesError: all have.
    """
    paths = set(modules(topological_order(root)).values())
    wanted: list[tuple[str, set[str] | None]] = [("", None)]
    for depth in range(max(map(len, paths)), 0, -1):
        deep = {path[:depth] for path in paths if len(path) >= depth}
        kinds = sorted({kind_of(path) for path in deep})
        wanted.append((" + ".join(kinds), {".".join(path) for path in deep}))
    error, found = None, False
    for title, fold in wanted:
        try:
            picture = scene(root, fold=fold, **options)
        except TooManyNodesError as refused:
            error = error or refused
            continue
        found = True
        yield Folded(title, picture, fold)
    if error and not found:
        raise error


def readable(root: Value, max_nodes: int | None, **options: Any) -> Folded:
    """The first of :func:`foldings` that can be read; if there is none, the first that ``max_nodes`` allows.

    Raises:
        TooManyNodesError: it allows none.
    """
    if max_nodes is None or max_nodes > READABLE:
        try:
            return next(foldings(root, max_nodes=READABLE, **options))
        except TooManyNodesError:
            pass
    return next(foldings(root, max_nodes=max_nodes, **options))
