"""Inputs of any structure, numbers by name: tuples, lists, dicts, arrays and modules with named parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autodiff import Value
from autodiff.ieee import as_float


def named_leaves(inputs: Any) -> list[tuple[str, Any]]:
    """Every number of the inputs with the way to it; a tuple holds all arguments of a function.

    >>> named_leaves((1.0, [2.0, 3.0], {"w": 4.0}))
    [('0', 1.0), ('1[0]', 2.0), ('1[1]', 3.0), ("2['w']", 4.0)]
    """
    if isinstance(inputs, tuple):
        return [leaf for i, part in enumerate(inputs) for leaf in _named(part, str(i))]
    return list(_named(inputs, "")) if _parts(inputs) is not None else [("0", inputs)]


def _named(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    parts = _parts(tree)
    if parts is None:
        yield name, tree
    elif is_module(tree):
        yield from ((f"{name}.{key}" if name else key, value) for key, value in parts)
    else:
        for key, part in parts:
            yield from _named(part, f"{name}[{key!r}]")


def _parts(tree: Any) -> list[tuple[Any, Any]] | None:
    if is_module(tree):
        return list(tree.named_parameters())
    if isinstance(tree, dict):
        return list(tree.items())
    if isinstance(tree, (list, tuple)):
        return list(enumerate(tree))
    if getattr(tree, "shape", ()):
        return list(enumerate(tree.ravel().tolist()))
    return None


def is_module(tree: Any) -> bool:
    """Whether it has parameters by name, as a module of ``nn`` has."""
    return callable(getattr(type(tree), "named_parameters", None))


def holds_module(tree: Any) -> bool:
    """Whether it is a module, or one is somewhere in it."""
    return is_module(tree) or any(holds_module(part) for _, part in _parts(tree) or ())


def with_leaves(tree: Any, leaves: Iterator[Any]) -> Any:
    """The structure with these numbers in place of its own; a module stays as it is.

    >>> with_leaves({"a": 1, "b": [2, 3]}, iter("xyz"))
    {'a': 'x', 'b': ['y', 'z']}
    """
    if type(tree) is float:  # most of them are: a third of the time
        return next(leaves)
    if is_module(tree):
        for _ in tree.named_parameters():
            next(leaves)
        return tree
    if isinstance(tree, dict):
        return {key: with_leaves(part, leaves) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [with_leaves(part, leaves) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if getattr(tree, "shape", ()):
        flat = tree.ravel().astype(object)
        flat[:] = [next(leaves) for _ in range(tree.size)]
        return flat.reshape(tree.shape)
    return next(leaves)


def number(leaf: Any) -> float:
    """The leaf as a float: a plain number, or what a ``Value`` holds."""
    return leaf.data if isinstance(leaf, Value) else as_float(leaf)
