"""Derivatives as functions of functions: ``grad``, ``value_and_grad``, ``jvp``, ``hvp``, ``jacobian``, ``hessian``.

Each takes a Python function, or a graph that is recorded already. No ``grad`` attribute is touched. The gradient is
computed with the rules of the table applied to the nodes themselves, so it is graph again and can be differentiated
again, to any order. A function is called with nodes of its own for the arguments, so that nested derivatives never
mistake each other's variables (no perturbation confusion).

Arguments are numbers, ``Value``s, nested tuples, lists and dicts of them, NumPy arrays, or ``nn`` modules; gradients
have the same structure (for a module: a dict by parameter name). Where plain numbers go in and the result depends on
nothing else, plain numbers come out; otherwise recorded ``Value``s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff import trees
from autodiff.backward import local_derivatives, topological_order
from autodiff.differentiated_call import Call, all_arguments, as_node, checked_positions, matching, nodes_in
from autodiff.functions import total
from autodiff.hooks import tell, watchers
from autodiff.mistakes import in_words
from autodiff.operations import Operation, as_local
from autodiff.value import Value, constant
from autodiff.versions import check_unchanged
from autodiff.zeros import ZERO

Function = Callable[..., Any]


@in_words
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
        return trees.with_leaves(wrt, iter(gradients(of, nodes_in(wrt), recorded=True)))
    both = value_and_grad(of, wrt)
    return lambda *arguments, **options: both(*arguments, **options)[1]


@in_words
def value_and_grad(of: Function | Value, wrt: Any = 0) -> Any:
    """As :func:`grad`, with the value: ``(value, gradient)``.

    >>> value_and_grad(lambda x, y: x * y, wrt=(0, 1))(3.0, 4.0)
    (12.0, (4.0, 3.0))
    """
    if isinstance(of, Value):
        return of, grad(of, wrt)
    if not callable(of):
        raise TypeError(f"a function or a Value is needed, not {type(of).__name__} {of!r:.60}")

    checked_positions(wrt)

    def differentiated(*arguments: Any, **options: Any) -> tuple[Any, Any]:
        call = Call(of, arguments, wrt, options)
        if not isinstance(call.result, Value):
            raise TypeError(f"the function must return one number to be differentiated, not {call.result!r:.60}")
        found = gradients(call.result, call.nodes, call.recorded)
        call.close()
        return call.numbers(call.result, call.recorded), call.like_inputs(found)

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
        nodes = nodes_in(inputs)
        moved = _tangents(trees.leaves(of), nodes, matching(inputs, tangents), recorded=True)
        return of, trees.with_leaves(of, iter(moved))
    directions = matching(all_arguments(inputs), tangents)
    call = Call(of, inputs, tuple(range(len(inputs))), {})
    recorded = call.recorded or any(isinstance(direction, Value) for direction in directions)
    moved = _tangents(trees.leaves(call.result), call.nodes, directions, recorded)
    call.close()
    return call.numbers(call.result, recorded), call.numbers(trees.with_leaves(call.result, iter(moved)), recorded)


def hvp(of: Function | Value, inputs: Any, vector: Any) -> Any:
    """The Hessian times a vector, without the Hessian: the gradient of ∇f · vector.

    Args:
        of: a function that returns one number; or a recorded node.
        inputs, vector: as ``inputs`` and ``tangents`` of :func:`jvp`, errors too.

    >>> hvp(lambda x, y: x * x * y, (3.0, 4.0), (1.0, 0.0))
    (8.0, 6.0)
    """
    directions = matching(inputs, vector)

    def along(found: Any) -> Any:
        return total(g * v for g, v in zip(trees.leaves(found), directions))

    if isinstance(of, Value):
        return grad(along(grad(of, inputs)), inputs)
    positions = tuple(range(len(all_arguments(inputs))))
    return grad(lambda *arguments: along(grad(of, positions)(*arguments)), positions)(*inputs)


@in_words
def jacobian(of: Function | Any, wrt: Any = 0) -> Any:
    """The derivative of every output with respect to every input: one backward pass per output.

    Args:
        of: a function that returns a structure of numbers; or a structure of recorded nodes.
        wrt: as in :func:`grad`.

    Returns:
        The structure of the outputs, with the gradient of each number in its place.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([3.0, 4.0])
    [[4.0, 3.0], [1.0, 1.0]]
    """
    if not callable(of):
        return trees.mapped(lambda output: grad(as_node(output), wrt), of)

    checked_positions(wrt)

    def differentiated(*arguments: Any, **options: Any) -> Any:
        call = Call(of, arguments, wrt, options)
        rows = trees.mapped(lambda output: call.like_inputs(gradients(output, call.nodes, call.recorded)), call.result)
        call.close()
        return rows

    return differentiated


@in_words
def hessian(of: Function | Value, wrt: Any = 0) -> Any:
    """The second derivatives: the Jacobian of the gradient.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 4.0])
    [[8.0, 6.0], [6.0, 0.0]]
    """
    return jacobian(grad(of, wrt), wrt)


# ── Passes over the graph, forward and backward, that keep their results to themselves ───────────


def gradients(root: Value, nodes: Sequence[Value], recorded: bool) -> list[Any]:
    """∂root/∂node for each node: floats, or nodes if recorded. A node that has no adjoint is a symbolic zero."""
    order, depends = _dependents([root], nodes)
    adjoint: dict[Value, Any] = {root: 1.0}
    for out in reversed(order):
        if out in adjoint and out in depends and out.parents:
            for parent, contribution in zip(out.parents, _contributions(out, adjoint[out], depends, recorded)):
                if parent in depends and contribution is not ZERO:
                    adjoint[parent] = adjoint[parent] + contribution if parent in adjoint else contribution
    found = [_finished(adjoint.get(node, 0.0), recorded) for node in nodes]
    if watchers:
        tell("differentiated", root, found)
    return found


def _tangents(roots: Sequence[Value], nodes: Sequence[Value], directions: Sequence[Any], recorded: bool) -> list[Any]:
    """Σ ∂root/∂node · direction for each root: floats, or nodes if recorded."""
    order, depends = _dependents(roots, nodes)
    tangent: dict[Value, Any] = dict(zip(nodes, directions))
    for out in order:
        if out in depends and out not in tangent:
            moving = [(at, parent) for at, parent in enumerate(out.parents) if parent in tangent]
            if recorded and watchers:
                moved = [_contributions(out, tangent[parent], {parent}, recorded)[at] for at, parent in moving]
            else:
                local = _locals(out, depends, recorded)
                moved = [ZERO if local[at] is ZERO else product(local[at], tangent[parent]) for at, parent in moving]
            for part in moved:
                if part is not ZERO:
                    tangent[out] = tangent[out] + part if out in tangent else part
    found = [_finished(tangent.get(root, 0.0), recorded) for root in roots]
    for root in roots if watchers else ():
        tell("differentiated", root, found)
    return found


def _dependents(roots: Sequence[Value], nodes: Sequence[Value]) -> tuple[list[Value], set[Value]]:
    """The topological order, and those in it that depend on one of the nodes."""
    order = topological_order(*roots)
    check_unchanged(order)
    depends = set(nodes)
    for node in order:
        if not depends.isdisjoint(node.parents):
            depends.add(node)
    return order, depends


def _contributions(out: Value, upstream: Any, depends: set[Value], recorded: bool) -> Sequence[Any]:
    """What a node passes on to each operand: local derivative times upstream gradient, or ``ZERO``."""
    if recorded and watchers:
        found = tell("contributions", out, upstream, [parent in depends for parent in out.parents])
        if found is not None:
            return found  # type: ignore[no-any-return]
    locals_ = _locals(out, depends, recorded)
    return [ZERO if local is ZERO else product(local, upstream) for local in locals_]


def _locals(out: Value, depends: set[Value], recorded: bool) -> Sequence[Any]:
    """The local derivatives of a node: as floats, or by the same rules applied to the nodes themselves."""
    if not recorded:
        return local_derivatives(out)
    if out.op.arity is None:
        found = out.op.local_derivatives(out.parents, out)
    else:
        rules = zip(out.parents, out.op.derivatives)
        found = tuple(rule(*out.parents, out) if parent in depends else ZERO for parent, rule in rules)
    return [as_factor(out.op, local) for local in found]


def as_factor(op: Operation, local: Any) -> Any:
    """What a rule gave for nodes: a node or a float."""
    return local if isinstance(local, Value) else as_local(local, op)


def product(local: Any, upstream: Any) -> Any:
    """The product of two factors, each a float or a node; 1 · x is x itself, so that graphs stay small."""
    if not isinstance(upstream, Value) and upstream == 1:
        return local
    return upstream if not isinstance(local, Value) and local == 1 else local * upstream


def _finished(derivative: Any, recorded: bool) -> Any:
    return derivative if isinstance(derivative, Value) or not recorded else constant(derivative)
