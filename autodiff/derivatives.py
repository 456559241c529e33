"""Derivatives as functions of functions: ``grad``, ``value_and_grad``, ``jvp``, ``hvp``, ``jacobian``, ``hessian``.

Each takes a Python function, or a graph that is recorded already. No ``grad`` attribute is touched. The
gradient is computed with the rules of the table applied to the nodes themselves, so it is graph again and
can be differentiated again, to any order. A function is called with nodes of its own for the arguments, so
that nested derivatives never mistake each other's variables (no perturbation confusion).

Arguments are numbers, ``Value``s, nested tuples, lists and dicts of them, NumPy arrays, or ``nn`` modules;
gradients have the same structure (for a module: a dict by parameter name). Where plain numbers go in and
the result depends on nothing else, plain numbers come out; otherwise recorded ``Value``s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from autodiff.backward import check_unchanged, local_derivatives
from autodiff.composites import total
from autodiff.graph import topological_order
from autodiff.operations import CONSTANT, VARIABLE, as_float
from autodiff.value import Value, constant

Function = Callable[..., Any]


def grad(of: Function | Value, wrt: Any = 0) -> Any:
    """The gradient of a function, as a function; or of a recorded node, as nodes.

    Args:
        of: a function that returns one number, or a ``Value``.
        wrt: for a function, the position of the argument to differentiate by, or a tuple of positions;
            for a node, the nodes (or module) that it was computed from.

    Raises:
        TypeError: the function returns no number, or ``wrt`` holds no nodes.
        ValueError: there is no argument at that position.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda p: p["w"] * p["x"])({"w": 3.0, "x": 4.0})
    {'w': 4.0, 'x': 3.0}
    >>> a = Value(3.0)
    >>> print(grad(a * a, a))
    6.0
    """
    if isinstance(of, Value):
        return _rebuilt(wrt, iter(_gradients(of, _nodes(wrt), recorded=True)))
    both = value_and_grad(of, wrt)
    return lambda *arguments, **options: both(*arguments, **options)[1]


def value_and_grad(of: Function | Value, wrt: Any = 0) -> Any:
    """As :func:`grad`, with the value: ``(value, gradient)``.

    >>> value_and_grad(lambda x, y: x * y, wrt=(0, 1))(3.0, 4.0)
    (12.0, (4.0, 3.0))
    """
    if isinstance(of, Value):
        return of, grad(of, wrt)
    if not callable(of):
        raise TypeError(f"a function or a Value is needed, not {type(of).__name__} {of!r:.60}")

    def differentiated(*arguments: Any, **options: Any) -> tuple[Any, Any]:
        call = _Call(of, arguments, wrt, options)
        if not isinstance(call.result, Value):
            raise TypeError(
                f"the function must return one number or Value to be differentiated, not {call.result!r:.60}"
            )
        gradients = _gradients(call.result, call.nodes, call.recorded)
        call.close()
        return call.numbers(call.result, call.recorded), call.like_inputs(gradients)

    return differentiated


def jvp(of: Function | Any, inputs: Any, tangents: Any) -> tuple[Any, Any]:
    """Value and directional derivative, forward through the graph (a Jacobian-vector product).

    Args:
        of: a function, called with ``*inputs``; or a recorded node, or a structure of nodes.
        inputs: a tuple of all arguments; for nodes, the nodes to vary.
        tangents: the direction, of the same structure as ``inputs``.

    Returns:
        ``(value, tangent)``, both of the structure that the function returns.

    Raises:
        ValueError: ``tangents`` has not the structure of ``inputs``.

    >>> jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 10.0))
    (12.0, 34.0)
    """
    if not callable(of):
        nodes = _nodes(inputs)
        moved = _tangents(_leaves(of), nodes, _matching(inputs, tangents), recorded=True)
        return of, _rebuilt(of, iter(moved))
    directions = _matching(_arguments(inputs), tangents)
    call = _Call(of, inputs, tuple(range(len(inputs))), {})
    recorded = call.recorded or any(isinstance(direction, Value) for direction in directions)
    moved = _tangents(_leaves(call.result), call.nodes, directions, recorded)
    call.close()
    return call.numbers(call.result, recorded), call.numbers(_rebuilt(call.result, iter(moved)), recorded)


def hvp(of: Function | Value, inputs: Any, vector: Any) -> Any:
    """The Hessian times a vector, without the Hessian: the gradient of ∇f · vector.

    Args:
        of: a function that returns one number, called with ``*inputs``; or a recorded node.
        inputs: a tuple of all arguments; for a node, the nodes to vary.
        vector: of the same structure as ``inputs``.

    Raises:
        ValueError: ``vector`` has not the structure of ``inputs``.

    >>> hvp(lambda x, y: x * x * y, (3.0, 4.0), (1.0, 0.0))
    (8.0, 6.0)
    """
    directions = _matching(inputs, vector)

    def along(gradients: Any) -> Any:
        return total(g * v for g, v in zip(_leaves(gradients), directions))

    if isinstance(of, Value):
        return grad(along(grad(of, inputs)), inputs)
    positions = tuple(range(len(_arguments(inputs))))
    return grad(lambda *arguments: along(grad(of, positions)(*arguments)), positions)(*inputs)


def jacobian(of: Function | Any, wrt: Any = 0) -> Any:
    """The derivative of every output with respect to every input: one backward pass per output.

    Args:
        of: a function that returns a structure of numbers; or a structure of recorded nodes.
        wrt: as in :func:`grad`.

    Returns:
        The structure of the outputs, each number in it replaced by its gradient.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([3.0, 4.0])
    [[4.0, 3.0], [1.0, 1.0]]
    """
    if not callable(of):
        return _rebuilt(of, iter([grad(_node(output), wrt) for output in _leaves(of)]))

    def differentiated(*arguments: Any, **options: Any) -> Any:
        call = _Call(of, arguments, wrt, options)
        rows = [call.like_inputs(_gradients(output, call.nodes, call.recorded)) for output in _leaves(call.result)]
        call.close()
        return _rebuilt(call.result, iter(rows))

    return differentiated


def hessian(of: Function | Value, wrt: Any = 0) -> Any:
    """The second derivatives: the Jacobian of the gradient.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 4.0])
    [[8.0, 6.0], [6.0, 0.0]]
    """
    return jacobian(grad(of, wrt), wrt)


# ── Passes over the graph, forward and backward, that keep their results to themselves ───────────


def _gradients(root: Value, nodes: Sequence[Value], recorded: bool) -> list[Any]:
    """∂root/∂node for each node: floats, or nodes if recorded."""
    order, depends = _dependents([root], nodes)
    adjoint: dict[Value, Any] = {root: 1.0}
    for out in reversed(order):
        if out in adjoint and out in depends and out.parents:
            upstream = adjoint[out]
            for parent, local in zip(out.parents, _locals(out, depends, recorded)):
                if parent in depends:
                    contribution = _product(local, upstream)
                    adjoint[parent] = adjoint[parent] + contribution if parent in adjoint else contribution
    return [_finished(adjoint.get(node, 0.0), recorded) for node in nodes]


def _tangents(roots: Sequence[Value], nodes: Sequence[Value], directions: Sequence[Any], recorded: bool) -> list[Any]:
    """Σ ∂root/∂node · direction for each root: floats, or nodes if recorded."""
    order, depends = _dependents(roots, nodes)
    tangent: dict[Value, Any] = dict(zip(nodes, directions))
    for out in order:
        if out in depends and out not in tangent:
            locals_ = _locals(out, depends, recorded)
            tangent[out] = 0.0
            for parent, local in zip(out.parents, locals_):
                if parent in depends:
                    tangent[out] = tangent[out] + _product(local, tangent[parent])
    return [_finished(tangent.get(root, 0.0), recorded) for root in roots]


def _dependents(roots: Sequence[Value], nodes: Sequence[Value]) -> tuple[list[Value], set[Value]]:
    """The topological order, and those in it that depend on one of the nodes."""
    order = topological_order(*roots)
    check_unchanged(order)
    depends = set(nodes)
    for node in order:
        if not depends.isdisjoint(node.parents):
            depends.add(node)
    return order, depends


def _locals(out: Value, depends: set[Value], recorded: bool) -> Sequence[Any]:
    """The local derivatives of a node: as floats, or by the same rules applied to the nodes themselves."""
    if not recorded:
        return local_derivatives(out)
    if out.op.arity is None:
        return out.op.local_derivatives(out.parents, out)
    rules = zip(out.parents, out.op.derivatives)
    return [rule(*out.parents, out) if parent in depends else 0.0 for parent, rule in rules]


def _product(local: Any, upstream: Any) -> Any:
    """The product local · upstream. Nothing flows through a zero, as in the backward pass; 1 · x is x itself."""
    for factor, other in ((local, upstream), (upstream, local)):
        if not isinstance(factor, Value):
            if factor == 0:
                return 0.0
            if factor == 1:
                return other
    product = local * upstream
    return 0.0 if product != product and (local == 0 or upstream == 0) else product


def _finished(derivative: Any, recorded: bool) -> Any:
    return derivative if isinstance(derivative, Value) or not recorded else constant(derivative)


# ── Functions and the structures that they take ──────────────────────────────────────────────────


class _Call:
    """One call of a function with nodes in place of the numbers that it is differentiated by."""

    def __init__(self, function: Function, arguments: tuple[Any, ...], wrt: Any, options: dict[str, Any]) -> None:
        self.single = not isinstance(wrt, tuple)
        positions = (wrt,) if self.single else wrt
        for position in positions:
            if not (isinstance(position, int) and -len(arguments) <= position < len(arguments)):
                raise ValueError(
                    f"wrt must be a position among the {len(arguments)} arguments, or a tuple of positions; not {wrt!r}"
                )
        if len({position % len(arguments) for position in positions}) < len(positions):
            raise ValueError(f"wrt names an argument twice: {wrt!r}")
        self.inputs = tuple(arguments[position] for position in positions)
        self.given = _leaves(self.inputs)
        replaced = list(arguments)
        self.nodes: list[Value] = []
        for position, tree in zip(positions, self.inputs):
            fresh = _leaves(tree) if _is_module(tree) else [_independent(leaf) for leaf in _leaves(tree)]
            self.nodes.extend(fresh)
            replaced[position] = _rebuilt(tree, iter(fresh), keep_modules=True)
        result = function(*replaced, **options)
        self.result = _rebuilt(result, (_node(leaf) for leaf in _leaves(result)))
        own = set(self.nodes)
        self.recorded = any(isinstance(leaf, Value) for leaf in self.given) or any(
            node.op is VARIABLE and node not in own for node in topological_order(*_leaves(self.result))
        )

    def close(self) -> None:
        """The derivatives are taken: from here on, the node of a plain number is a constant like any other."""
        for leaf, node in zip(self.given, self.nodes):
            if not isinstance(leaf, Value):
                node.op = CONSTANT

    def numbers(self, tree: Any, recorded: bool) -> Any:
        """The structure with plain numbers for its nodes, unless recorded."""
        if recorded:
            return tree
        return _rebuilt(tree, (leaf.data if isinstance(leaf, Value) else leaf for leaf in _leaves(tree)))

    def like_inputs(self, gradients: Iterable[Any]) -> Any:
        trees = _rebuilt(self.inputs, iter(gradients))
        return trees[0] if self.single else trees


def _independent(leaf: Any) -> Value:
    """A node of its own for an argument; a ``Value`` keeps its history below it."""
    return +leaf if isinstance(leaf, Value) else Value(leaf)


def _node(leaf: Any) -> Value:
    return leaf if isinstance(leaf, Value) else constant(leaf)


def _nodes(tree: Any) -> list[Value]:
    leaves = _leaves(tree)
    for leaf in leaves:
        if not isinstance(leaf, Value):
            raise TypeError(f"a recorded graph is differentiated by its nodes (Values), not by {leaf!r:.60}")
    return leaves


def _arguments(inputs: Any) -> tuple[Any, ...]:
    if not isinstance(inputs, tuple):
        raise TypeError(f"inputs must be the tuple of all arguments, such as (x,); not {type(inputs).__name__}")
    return inputs


def _matching(inputs: Any, vector: Any) -> list[Any]:
    """The numbers of a vector that must have the structure of the inputs, in the inputs' order."""
    if _shape(inputs) != _shape(vector):
        raise ValueError(f"the vector must have the structure of the inputs, {_shape(inputs)}, not {_shape(vector)}")
    return [leaf if isinstance(leaf, Value) else as_float(leaf) for leaf in _leaves_in_order(vector, inputs)]


def _leaves_in_order(tree: Any, model: Any) -> list[Any]:
    """The leaves of a structure in the order of another one of the same shape: dicts agree by key."""
    items, parts = _items(model), _items(tree)
    if items is None or parts is None:
        return [tree]
    return [leaf for key, part in items.items() for leaf in _leaves_in_order(parts[key], part)]


def _is_module(tree: Any) -> bool:
    return callable(getattr(type(tree), "named_parameters", None))


def _is_array(tree: Any) -> bool:
    return bool(getattr(tree, "shape", ()))


def _items(tree: Any) -> dict[Any, Any] | None:
    """The parts of a structure by key; None for a single number."""
    if _is_module(tree):
        return dict(tree.named_parameters())
    if isinstance(tree, dict):
        return tree
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    return dict(enumerate(tree.ravel().tolist())) if _is_array(tree) else None


def _leaves(tree: Any) -> list[Any]:
    items = _items(tree)
    return [tree] if items is None else [leaf for part in items.values() for leaf in _leaves(part)]


def _shape(tree: Any) -> Any:
    """The structure without its numbers: what must agree between inputs and a vector."""
    if _is_array(tree):
        return tuple(tree.shape)
    items = _items(tree)
    return "·" if items is None else {key: _shape(part) for key, part in items.items()}


def _rebuilt(tree: Any, leaves: Iterator[Any], keep_modules: bool = False) -> Any:
    """The structure with these leaves; a module becomes a dict of them by name, or stays."""
    items = _items(tree)
    if items is None:
        return next(leaves)
    parts = {key: _rebuilt(part, leaves, keep_modules) for key, part in items.items()}
    if _is_module(tree):
        return tree if keep_modules else parts
    if isinstance(tree, dict):
        return parts
    if isinstance(tree, (list, tuple)):
        return type(tree)(*parts.values()) if hasattr(tree, "_fields") else type(tree)(parts.values())
    return _array(list(parts.values()), tree.shape)


def _array(parts: list[Any], shape: tuple[int, ...]) -> Any:
    """An array of that shape, in front of the parts' own: of floats, ``Value``s, or arrays of them."""
    numpy = sys.modules["numpy"]  # an array was given, so it is loaded
    if any(isinstance(part, (dict, list, tuple)) for part in parts):
        whole = numpy.empty(len(parts), object)
        whole[:] = parts
    else:
        whole = numpy.array(parts)
    return whole.reshape(shape + whole.shape[1:])
