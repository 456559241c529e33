"""One call of a function that is differentiated: nodes for its arguments, and the structures that they stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from autodiff import trees
from autodiff.backward import topological_order
from autodiff.ieee import as_float
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.value import Value, constant


class Call:
    """One call of a function with nodes in place of the numbers that it is differentiated by."""

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], wrt: Any, options: dict[str, Any]
    ) -> None:
        self.single = not isinstance(wrt, tuple)
        positions = checked_positions(wrt)
        for position in positions:
            if not -len(arguments) <= position < len(arguments):
                raise ValueError(
                    f"wrt must be a position among the {len(arguments)} arguments, or a tuple of positions; not {wrt!r}"
                )
        if len({position % len(arguments) for position in positions}) < len(positions):
            raise ValueError(f"wrt names an argument twice: {wrt!r}")
        self.inputs = tuple(arguments[position] for position in positions)
        self.given = trees.leaves(self.inputs)
        replaced = list(arguments)
        self.nodes: list[Value] = []
        for position, tree in zip(positions, self.inputs):
            given = trees.leaves(tree)
            fresh = given if trees.is_module(tree) else [_independent(leaf) for leaf in given]
            self.nodes.extend(fresh)
            replaced[position] = trees.with_leaves(tree, iter(fresh), keep_modules=True)
        self.result = trees.mapped(as_node, function(*replaced, **options))
        own = set(self.nodes)
        self.recorded = any(isinstance(leaf, Value) for leaf in self.given) or any(
            node.op is VARIABLE and node not in own for node in topological_order(*trees.leaves(self.result))
        )

    def close(self) -> None:
        """The derivatives are taken: from here on, the node of a plain number is a constant like any other."""
        for leaf, node in zip(self.given, self.nodes):
            if not isinstance(leaf, Value):
                node.op = CONSTANT

    def numbers(self, tree: Any, recorded: bool) -> Any:
        """The structure with plain numbers for its nodes, unless recorded."""
        return tree if recorded else trees.mapped(lambda x: x.number if isinstance(x, Value) else x, tree)

    def like_inputs(self, gradients: Iterable[Any]) -> Any:
        """The gradients in the structure of the inputs."""
        like = trees.with_leaves(self.inputs, iter(gradients))
        return like[0] if self.single else like


def _independent(leaf: Any) -> Value:
    """A node of its own for an argument; a ``Value`` keeps its history below it."""
    return +leaf if isinstance(leaf, Value) else Value(leaf)


def as_node(leaf: Any) -> Value:
    """The node itself, or a constant for a number."""
    return leaf if isinstance(leaf, Value) else constant(leaf)


def nodes_in(tree: Any) -> list[Value]:
    """The nodes of a structure, which may hold nothing else."""
    found = trees.leaves(tree)
    for leaf in found:
        if not isinstance(leaf, Value):
            raise TypeError(f"a recorded graph is differentiated by its nodes (Values), not by {leaf!r:.60}")
    return found


def all_arguments(inputs: Any) -> tuple[Any, ...]:
    """The inputs, which must be the tuple of all arguments."""
    if not isinstance(inputs, tuple):
        raise TypeError(f"inputs must be the tuple of all arguments, such as (x,); not {type(inputs).__name__}")
    return inputs


def matching(inputs: Any, vector: Any) -> list[Any]:
    """The numbers of a vector that must have the structure of the inputs, in the inputs' order."""
    ours, theirs = trees.shape(inputs), trees.shape(vector)
    if ours != theirs:
        raise ValueError(f"the vector must have the structure of the inputs, {ours}, not {theirs}")
    return [leaf if isinstance(leaf, Value) else as_float(leaf) for leaf in trees.leaves_like(inputs, vector)]


def checked_positions(wrt: Any) -> tuple[Any, ...]:
    """What a function is to be differentiated by, before it is called: positions of arguments.

    Raises:
        TypeError: it is something else, such as the arguments themselves.
    """
    positions = wrt if isinstance(wrt, tuple) else (wrt,)
    if not all(isinstance(position, int) for position in positions):
        raise TypeError(
            f"wrt must be the position of an argument of the function, or a tuple of positions, not {wrt!r:.60}: "
            "grad(f) is a function, to be called with the arguments, grad(f)(x)"
        )
    return positions
