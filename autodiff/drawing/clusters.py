"""Which module of a network a node belongs to, read from the labels of the parameters.

The label ``layers.0.neurons.3.weights.1`` is that of a parameter of the module ``layers.0.neurons.3``, whose path
has two steps, ``layers.0`` and ``neurons.3``. All other nodes follow from their operands:

1. A result with parameters among its operands belongs to their deepest common module, wherever its other
   operands come from: the product of a weight and an activation is of the weight's neuron.
2. Any other result belongs to the deepest common module of the results among its operands: an activation is of the
   neuron whose sum it takes.
3. But a result that also takes a variable that is no parameter, or that is a difference with a plain number, is
   outside of all modules: there an output meets its target, and the loss begins.
4. A constant is where its results are, if that is one module. Inputs are outside: variables that are no parameters,
   and constants that are multiplied by parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.operations import CONSTANT, VARIABLE
from autodiff.rules import dot, multiply, subtract

if TYPE_CHECKING:
    from autodiff.value import Value

Path = tuple[str, ...]

_NAME = re.compile(r"[^\W\d]\w*(\.([^\W\d]\w*|\d+))+")
_STEP = re.compile(r"[^\W\d]\w*(?:\.\d+)*")


def module_of_parameter(label: str) -> Path:
    """The path of the module that a parameter of that label belongs to; empty if the label tells of none.

    >>> module_of_parameter("layers.0.neurons.3.weights.1")
    ('layers.0', 'neurons.3')
    >>> module_of_parameter("neurons.3.bias"), module_of_parameter("weights.1"), module_of_parameter("3.5")
    (('neurons.3',), (), ())
    """
    return tuple(_STEP.findall(label)[:-1]) if _NAME.fullmatch(label) else ()


def modules(order: Iterable[Value]) -> dict[Value, Path]:
    """The path of the module of every node of a topological order; empty for a node outside of all."""
    order = list(order)
    if not any(node.op is VARIABLE and module_of_parameter(node.label) for node in order if node.label):
        return dict.fromkeys(order, ())
    path: dict[Value, Path] = {}
    for node in order:
        if node.parents:
            path[node] = _module_of_result(node, path)
        elif node.op is VARIABLE:
            path[node] = module_of_parameter(node.label)
    placed: dict[Value, Path] = {}
    for node in order:
        weighs = node.op in (multiply, dot) and any(path.get(parent) for parent in node.parents if not parent.parents)
        for parent in node.parents:
            if parent.op is CONSTANT:
                same = not weighs and placed.get(parent, path[node]) == path[node]
                placed[parent] = path[node] if same else ()
    return {node: path[node] if node in path else placed.get(node, ()) for node in order}


def _module_of_result(node: Value, path: dict[Value, Path]) -> Path:
    parameters = [path[parent] for parent in node.parents if parent.op is VARIABLE and path[parent]]
    if parameters:
        return common(*parameters)
    if any(parent.op is VARIABLE for parent in node.parents):
        return ()
    if node.op is subtract and any(parent.op is CONSTANT for parent in node.parents):
        return ()
    results = [path[parent] for parent in node.parents if parent.parents]
    return common(*results) if results else ()


def common(first: Path, *others: Path) -> Path:
    """The deepest path that all the paths begin with.

    >>> common(("layers.0", "neurons.1"), ("layers.0", "neurons.2"))
    ('layers.0',)
    """
    for other in others:
        same = 0
        while same < min(len(first), len(other)) and first[same] == other[same]:
            same += 1
        first = first[:same]
    return first


class Folds:
    """What is to be folded: modules of a kind, such as "neuron" and "layer", or modules by their paths.

    Args:
        wanted: "neuron", "layer", another name of steps in the paths, or the path of a module; or several of them.
        paths: the paths that there are.

    Raises:
        TypeError: what is wanted is not a str, nor several.
        ValueError: there is nothing of that name.

    >>> Folds("neuron", [("layers.0", "neurons.1")]).folded(("layers.0", "neurons.1"))
    ('layers.0', 'neurons.1')
    """

    def __init__(self, wanted: str | Iterable[str] | None, paths: Iterable[Path]) -> None:
        if not (wanted is None or isinstance(wanted, (str, Iterable))):
            raise TypeError(f"fold must be a str or several, not {wanted!r}")
        self._wanted = {wanted} if isinstance(wanted, str) else set(wanted or ())
        self._found: dict[Path, Path] = {}
        if not self._wanted:
            return
        known = {"layer", "neuron", "layers", "neurons"}
        for path in dict.fromkeys(paths):
            for depth, step in enumerate(path, 1):
                known |= self._names(path[:depth], step)
        for name in self._wanted:
            if not isinstance(name, str):
                raise TypeError(f"fold must be a str or several, not {name!r}")
            if name not in known:
                allowed = ", ".join(map(repr, sorted(known - {"layers", "neurons"})))
                raise ValueError(f"there is nothing to fold of the name {name!r} (must be one of {allowed})")

    def folded(self, path: Path) -> Path:
        """The outermost module around the path that is folded; empty if none is."""
        found = self._found.get(path)
        if found is None:
            inside = (
                path[:depth] for depth, step in enumerate(path, 1) if self._names(path[:depth], step) & self._wanted
            )
            found = self._found[path] = next(inside, ())
        return found

    @staticmethod
    def _names(path: Path, step: str) -> set[str]:
        kind = step.partition(".")[0]
        return {".".join(path), kind, kind.removesuffix("s")}
