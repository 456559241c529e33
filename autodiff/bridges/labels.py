"""The names of inputs, as they stand in traces and drawings: ``layers[0].w[3,1]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from typing import Any

from autodiff.bridges.arrays import Array, filled
from autodiff.trees import places
from autodiff.value import Value


def path(keys: Iterable[Any], start: str = "") -> str:
    """The way to a part of a structure, from a start on: names with dots, all other keys in brackets.

    >>> path(["layers", 0, "w"]), path([0, "w"], "params"), path(["mlp/linear"])
    ('layers[0].w', 'params[0].w', "['mlp/linear']")
    """
    found = start
    for key in keys:
        named = isinstance(key, str) and key.isidentifier()
        found += (f".{key}" if found else key) if named else f"[{key!r}]"
    return found


def arguments(function: Callable[..., Any], count: int) -> list[str]:
    """What a function calls the inputs that are passed for its parameters.

    >>> arguments(lambda w, *x: w, 3), arguments(min, 1)
    (['w', 'x[0]', 'x[1]'], ['input_0'])
    """
    names: list[str] = []
    try:
        parameters = [*signature(function).parameters.values()]
    except (TypeError, ValueError):  # a function written in C
        parameters = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{at}]" for at in range(count - len(names))]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(parameter.name)
    return [*names, *(f"input_{at}" for at in range(len(names), count))][:count]


def element(name: str, place: Sequence[int]) -> str:
    """The name of a number of an array; of one without dimensions, the array's own.

    >>> element("w", (3, 1)), element("b", ())
    ('w[3,1]', 'b')
    """
    return f"{name}[{','.join(map(str, place))}]" if place else name


def variables(array: Any, name: str) -> Array:
    """A new variable for each number of a plain array, labelled by the name and its place.

    >>> import numpy as np
    >>> [v.label for v in variables(np.array([1.0, 2.0]), "x")]
    ['x[0]', 'x[1]']
    """
    numbers = zip(array.astype(float).ravel().tolist(), places(array.shape))
    return filled((Value(number, element(name, place)) for number, place in numbers), array.shape)


def is_new(array: Array) -> bool:
    """Whether there is a result in a recorded array that has no label yet."""
    return any(isinstance(value, Value) and value.parents and not value.label for value in array.ravel().tolist())


def name(array: Array, label: str) -> None:
    """Label the results in a recorded array that have no label yet; variables and constants keep what they have."""
    for value, place in zip(array.ravel().tolist(), places(array.shape)):
        if isinstance(value, Value) and value.parents and not value.label:
            value.label = element(label, place)
