"""Structures of numbers: tuples, lists, dicts, arrays and modules, nested as you like. All else is a leaf.

A module is known by its ``named_parameters()``, an array by its ``shape``: neither ``nn`` nor NumPy is loaded for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def is_module(tree: Any) -> bool:
    """Whether it has parameters by name, as a module of ``nn`` has."""
    return callable(getattr(type(tree), "named_parameters", None))


def is_array(tree: Any) -> bool:
    """Whether it is an array of at least one dimension."""
    return bool(getattr(tree, "shape", ()))


def parts(tree: Any) -> dict[Any, Any] | None:
    """What a structure is made of, by key; None for a leaf. The elements of an array are counted from 0, row by row."""
    if type(tree) is float:  # most leaves are
        return None
    if is_module(tree):
        return dict(tree.named_parameters())
    if isinstance(tree, dict):
        return tree
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    return dict(enumerate(tree.ravel().tolist())) if is_array(tree) else None


def rebuilt(tree: Any, new: Iterable[Any]) -> Any:
    """A structure like this one, of other parts; of a module, a dict of them by name."""
    if is_module(tree):
        return dict(zip(dict(tree.named_parameters()), new))
    if isinstance(tree, dict):
        return dict(zip(tree, new))
    if isinstance(tree, (list, tuple)):
        return type(tree)(*new) if hasattr(tree, "_fields") else type(tree)(new)
    return _array(list(new), tree.shape)


def leaves(tree: Any) -> list[Any]:
    """All leaves, from left to right.

    >>> leaves({"a": 1.0, "b": (2.0, [3.0])})
    [1.0, 2.0, 3.0]
    """
    inside = parts(tree)
    return [tree] if inside is None else [leaf for part in inside.values() for leaf in leaves(part)]


def named_leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All leaves with the way to each, which begins with the name.

    >>> list(named_leaves({"w": [1.0, 2.0]}, "p"))
    [("p['w'][0]", 1.0), ("p['w'][1]", 2.0)]
    """
    inside = parts(tree)
    if inside is None:
        yield name, tree
    elif is_module(tree):
        yield from ((f"{name}.{key}" if name else key, leaf) for key, leaf in inside.items())
    else:
        indices = ("".join(f"[{index}]" for index in place) for place in places(getattr(tree, "shape", ())))
        keys = indices if is_array(tree) else (f"[{key!r}]" for key in inside)
        for key, part in zip(keys, inside.values()):
            yield from named_leaves(part, name + key)


def with_leaves(tree: Any, new: Iterator[Any], *, keep_modules: bool = False) -> Any:
    """The structure with these leaves in place of its own; a module becomes a dict of them by name, or stays.

    >>> with_leaves({"a": 1, "b": (2, 3)}, iter("xyz"))
    {'a': 'x', 'b': ('y', 'z')}
    """
    inside = parts(tree)
    if inside is None:
        return next(new)
    found = [with_leaves(part, new, keep_modules=keep_modules) for part in inside.values()]
    return tree if keep_modules and is_module(tree) else rebuilt(tree, found)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The structure with the function of each leaf in its place."""
    return with_leaves(tree, map(function, leaves(tree)))


def shape(tree: Any) -> Any:
    """The structure without its leaves, to be compared with another one, and printed."""
    if is_array(tree):
        return tuple(tree.shape)
    inside = parts(tree)
    return "·" if inside is None else {key: shape(part) for key, part in inside.items()}


def leaves_like(model: Any, tree: Any) -> list[Any]:
    """The leaves of a structure of the model's shape, in the model's order: dicts agree by key."""
    ours, theirs = parts(model), parts(tree)
    if ours is None or theirs is None:
        return [tree]
    return [leaf for key, part in ours.items() for leaf in leaves_like(part, theirs[key])]


def places(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The indices of an array of that shape, row by row."""
    if not shape:
        yield ()
        return
    for first in range(shape[0]):
        for rest in places(shape[1:]):
            yield (first, *rest)


def _array(found: list[Any], shape: tuple[int, ...]) -> Any:
    """An array of that shape, in front of the parts' own: of floats, ``Value``s, or arrays of them."""
    numpy = sys.modules["numpy"]  # an array was given, so it is loaded
    if any(isinstance(part, (dict, list, tuple)) for part in found):
        whole = numpy.empty(len(found), object)
        whole[:] = found
    else:
        whole = numpy.array(found)
    return whole.reshape(shape + whole.shape[1:])
