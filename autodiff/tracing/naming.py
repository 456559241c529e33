"""``name_values``: labels from the names of variables, so that traces and drawings read like the program."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType

from autodiff.operations import CONSTANT
from autodiff.value import Value

SIMPLE = (int, str, float, NoneType)
"""Keys of these types have a repr that is short and says what they are."""


def name_values(variables: Mapping[str, object]) -> dict[str, Value]:
    """Label the values that have no label yet by the names of their variables.

    Values in lists, tuples and dicts are labelled by their place: ``w[0]``, ``p['bias']``. A label given by hand is
    never overwritten; a value with two names gets the first; a name that is a label already (of another value in
    ``variables``) is not given again. Names that begin with an underscore are left out, as are constants.

    Args:
        variables: names and what they stand for, such as ``locals()``.

    Returns:
        The names that were set, with their values.

    Raises:
        TypeError: ``variables`` is no mapping with strings for keys.

    >>> w, x = [Value(1.0), Value(2.0)], Value(3.0, label="input")
    >>> loss = w[0] * x + w[1]
    >>> list(name_values({"w": w, "x": x, "loss": loss}))
    ['w[0]', 'w[1]', 'loss']
    >>> print(loss.label, x.label)
    loss input
    """
    if not isinstance(variables, Mapping) or not all(isinstance(name, str) for name in variables):
        raise TypeError(f"name_values needs a dict of variables, such as locals(), not {variables!r:.60}")
    found: list[tuple[str, Value]] = []
    seen: set[int] = set()  # containers: one may hold itself
    stack: list[tuple[str, object]] = [(name, part) for name, part in variables.items() if not name.startswith("_")]
    stack.reverse()
    while stack:
        name, part = stack.pop()
        if isinstance(part, Value):
            if part.op is not CONSTANT:
                found.append((name, part))
        elif isinstance(part, (list, tuple, dict)) and id(part) not in seen:
            seen.add(id(part))
            items = list(part.items() if isinstance(part, dict) else enumerate(part))
            stack.extend((f"{name}[{key!r}]", item) for key, item in reversed(items) if isinstance(key, SIMPLE))
    taken = {value.label for _, value in found}
    given: dict[str, Value] = {}
    for name, value in found:
        if not value.label and name not in taken:
            value.label = name
            taken.add(name)
            given[name] = value
    return given
