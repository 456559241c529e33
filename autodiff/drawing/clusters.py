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
from itertools import takewhile

from autodiff.operations import CONSTANT, VARIABLE
from autodiff.rules import dot, multiply, subtract
from autodiff.text import joined
from autodiff.value import Value

Path = tuple[str, ...]

_NAME = re.compile(r"[^\W\d]\w*(\.([^\W\d]\w*|\d+)|\[\d+\])+(\[\d+(,\d+)*\])?")
_STEP = re.compile(r"[^\W\d]\w*(?:\.\d+|\[\d+\])*")


def module_of_parameter(label: str) -> Path:
    """The path of the module that a parameter of that label belongs to; empty if the label tells of none.

    >>> module_of_parameter("layers.0.neurons.3.weights.1")
    ('layers.0', 'neurons.3')
    >>> module_of_parameter("layers.0.weight[3,1]"), module_of_parameter("layers[0].w"), module_of_parameter("x[3,1]")
    (('layers.0',), ('layers[0]',), ())
    >>> module_of_parameter("neurons.3.bias"), module_of_parameter("weights.1"), module_of_parameter("3.5")
    (('neurons.3',), (), ())
    """
    return tuple(_STEP.findall(label)[:-1]) if _NAME.fullmatch(label) else ()


def kind_of(path: Path) -> str:
    """What a module is one of several of.

    >>> kind_of(("layers.0", "neurons.3")), kind_of(("layers[0]",))
    ('neurons', 'layers')
    """
    return re.split(r"[.\[]", path[-1])[0]


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
    leaves = {parent.op for parent in node.parents}
    if not parameters and (VARIABLE in leaves or (node.op is subtract and CONSTANT in leaves)):
        return ()
    return common(*(parameters or [path[parent] for parent in node.parents if parent.parents]))


def common(*paths: Path) -> Path:
    """The deepest path that all the paths begin with; empty of none.

    >>> common(("layers.0", "neurons.1"), ("layers.0", "neurons.2"))
    ('layers.0',)
    """
    same = takewhile(lambda steps: len({*steps}) == 1, zip(*paths))
    return tuple(steps[0] for steps in same)


def folded_modules(
    wanted: str | Iterable[str] | None, paths: Iterable[Path], opened: str | Iterable[str] = ()
) -> dict[Path, Path]:
    """For each path the outermost module around it that is to be folded; empty if none is.

    Wanted are modules of a kind, such as "neuron", modules by their paths, or several of these. Instead of one that is
    opened, the modules in it are folded.

    Raises:
        TypeError: what is wanted, or opened, is not a str, nor several.
        ValueError: there is nothing of that name.

    >>> folded_modules("layer", [("layers.0", "neurons.1"), ("layers.1", "neurons.0")], "layers.1")
    {('layers.0', 'neurons.1'): ('layers.0',), ('layers.1', 'neurons.0'): ('layers.1', 'neurons.0')}
    """
    around = {path: [path[:depth] for depth in range(1, len(path) + 1)] for path in dict.fromkeys(paths)}
    known = {name for inside in around.values() for each in inside for name in _names(each)}
    folds, opens = _several("fold", wanted, known), _several("opened", opened, known)
    found = {}
    for path, inside in around.items():
        left = iter(inside)
        module = next((each for each in left if not _names(each).isdisjoint(folds)), ())
        while module and not _names(module).isdisjoint(opens):
            module = next(left, ())
        found[path] = module
    return found


def _several(option: str, given: str | Iterable[str] | None, known: set[str]) -> list[str]:
    """One name or several, if all are known."""
    several = [given] if isinstance(given, str) or not isinstance(given, Iterable) else [*given]
    several = [] if given is None else several
    if not all(isinstance(name, str) for name in several):
        raise TypeError(f"{option} must be a str or several, not {given!r}")
    for name in several:
        if name not in known:
            raise ValueError(f"there is nothing to fold of the name {name!r} ({_allowed(known)})")
    return several  # type: ignore[return-value]  # as was just checked


def _allowed(known: set[str]) -> str:
    """What may be folded, kinds of modules before single ones."""
    if not known:
        return "no label tells of a module, as that of a parameter does that nn labels: 'layers.0.neurons.3.bias'"
    kinds = {name for name in known if name.removesuffix("s") == name or name.removesuffix("s") not in known}
    return f"must be one of {joined([*map(repr, sorted(kinds, key=lambda name: ('.' in name, name)))])}"


def _names(path: Path) -> set[str]:
    kind = kind_of(path)
    return {".".join(path), kind, kind.removesuffix("s")}
