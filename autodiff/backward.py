"""The chain rule, edge by edge: how the error at the root finds its way back to every leaf.

For each edge from a result ``out`` to its operand ``parent``::

    parent.grad += local * out.grad

where ``local`` is the local derivative ∂out/∂parent. The edges are taken in reverse topological order, so that a
node's gradient is complete before it is passed on. Nothing flows where nothing depends: to a constant, along an edge
whose rule says ``ZERO``, and on from a node that nothing has reached. A number 0.0 is a number, and 0 · ∞ is nan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from autodiff.hooks import tell, watchers
from autodiff.ieee import as_float
from autodiff.operations import CONSTANT, VARIABLE, as_local
from autodiff.text import printable
from autodiff.versions import check_operands, check_unchanged
from autodiff.zeros import NOT_COMPUTED, ZERO

if TYPE_CHECKING:
    from autodiff.value import Value


def topological_order(*roots: Value) -> list[Value]:
    """Every node that the roots were computed from, and the roots: operands always before results.

    The order is that of a depth-first walk that takes operands as they were written, so that the same program gives the
    same order in every run. It is a loop, so that a chain of a million nodes is walked like one of three.

    >>> from autodiff import Value
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> [str(node) for node in topological_order(a * b + a)]
    ['2.0', '3.0', '6.0', '8.0']
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Value | None] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node is None:  # all operands of the node below this mark are in the order by now
            order.append(stack.pop())  # type: ignore[arg-type]  # a mark is never put on a mark
        elif node not in seen:
            seen.add(node)
            if node.second is not None:
                stack += (node, None, node.second, node.first)
            elif node.first:
                stack += (node, None, *reversed(node.first))
            else:
                order.append(node)
    return order


def leaves(*roots: Value) -> list[Value]:
    """The variables that the roots were computed from, in topological order; constants are not among them."""
    return [node for node in topological_order(*roots) if node.op is VARIABLE]


def names(order: Iterable[Value]) -> dict[Value, str]:
    """A name for each node: its label, else ``v`` and its place in the order, counted from 0.

    >>> from autodiff import Value
    >>> a = Value(2.0, label="a")
    >>> list(names(topological_order(a * a + 1)).values())
    ['a', 'v1', 'v2', 'v3']
    """
    return {node: node.label or f"v{place}" for place, node in enumerate(order)}


class Step(NamedTuple):
    """One step of the backward pass: the chain rule on one edge.

    >>> from autodiff import Value
    >>> w, x = Value(3.0, label="w"), Value(-2.0, label="x")
    >>> for step in (w * x).backward_steps(): print(step)
    ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = −2.0 × 1.0 = −2.0
    ∂L/∂x += ∂v2/∂x · ∂L/∂v2 = 3.0 × 1.0 = 3.0
    """

    node: Value
    """The result whose gradient is passed on."""
    parent: Value
    """The operand that receives the contribution."""
    position: int
    """The operand's place among ``node.parents``."""
    local: float
    """The local derivative ∂node/∂parent; ``ZERO`` if there is no dependence."""
    upstream: float
    """The gradient of the node, complete by now; ``NOT_COMPUTED`` if nothing has reached it."""
    contribution: float
    """local · upstream; 0.0 where nothing flows."""
    before: float
    """The operand's gradient before this step."""
    after: float
    """The operand's gradient after this step: before + contribution."""
    node_name: str
    """The node's label, else its stable number."""
    parent_name: str
    """The operand's label, else its stable number."""

    def __str__(self) -> str:
        out, parent, product = self.node_name, self.parent_name, self.local * self.upstream
        numbers = f"{self.local:.6} × {self.upstream:.6} = {self.contribution:.6}".replace("-", "−")
        note = "   (no dependence: nothing flows)" if product != product and self.contribution == 0 else ""
        return printable(f"∂L/∂{parent} += ∂{out}/∂{parent} · ∂L/∂{out} = {numbers}{note}")


UNREACHED = float("0.0")  # an object of its own; to add to NOT_COMPUTED, a subclass of float, takes a tenth longer


def backward(root: Value, seed: float = 1.0, on_step: Callable[[Step], object] | None = None) -> None:
    """Add ∂root/∂leaf · seed to the gradient of every leaf, and set that of every node between."""
    if on_step is not None:
        if not callable(on_step):
            raise TypeError(f"on_step must be a function of a step, not {type(on_step).__name__} {on_step!r:.60}")
        for step in backward_steps(root, seed):
            on_step(step)
        if hasattr(on_step, "ended"):  # a watch
            on_step.ended(root)
        return
    for out in reversed(ready(root, seed, UNREACHED)):
        if (op := out.op).is_pair and (upstream := out.grad) is not UNREACHED:
            # Two operands are the bulk of a graph: the loop below written out, a sixth faster in all.
            a, b, (rule_a, rule_b) = out.first, out.second, op.derivatives
            try:
                local_a = ZERO if a.op is CONSTANT else rule_a(a.number, b.number, out.number)
                local_b = ZERO if b.op is CONSTANT else rule_b(a.number, b.number, out.number)
            except ArithmeticError:
                local_a, local_b = local_derivatives(out)
            if local_a is not ZERO:
                a.grad += local_a * upstream
            if local_b is not ZERO:
                b.grad += local_b * upstream
        elif op is not VARIABLE and op is not CONSTANT and (upstream := out.grad) is not UNREACHED:
            for parent, local in zip(out.parents, local_derivatives(out)):
                if local is not ZERO:
                    parent.grad += local * upstream


def backward_steps(root: Value, seed: float = 1.0) -> Iterator[Step]:
    """The same pass as a generator: it stops after every edge. See :class:`Step`.

    One pass at a time may be under way over the nodes of a graph. A pass that is abandoned leaves what it has
    contributed so far in the gradients.
    """
    order = ready(root, seed, NOT_COMPUTED)
    name = names(order)
    for node in reversed(order):
        check_operands(node, order)  # the caller's code ran since the last step
        upstream = node.grad
        for out, position, parent, local in edges([node]):
            before, contribution = parent.grad + 0.0, 0.0
            if local is not ZERO and upstream is not NOT_COMPUTED:
                contribution = local * upstream
                parent.grad += contribution
            after = before + contribution
            yield Step(out, parent, position, local, upstream, contribution, before, after, name[out], name[parent])
        if node.parents and node.grad is NOT_COMPUTED:
            node.grad = 0.0


def ready(root: Value, seed: float, unreached: float) -> list[Value]:
    """The topological order, with every gradient where it must be when the pass begins.

    Leaves keep what earlier passes gave them, all other nodes start as unreached.

    Raises:
        TypeError: the seed is not a number.
        ValueError: the root is a constant.
        RuntimeError: a leaf was changed since the forward pass.
    """
    seed = as_float(seed)
    if watchers:
        tell("begins", root, seed)
    if root.op is CONSTANT:
        raise ValueError(f"no gradient flows to a constant, and {root!r} is one: was it detached?")
    order = topological_order(root)
    check_unchanged(order)
    for node in order:
        if node.op is VARIABLE:
            node.grad = (node.grad or 0.0) + 0.0  # None, as in PyTorch, stands for 0
        elif node.op is not CONSTANT:
            node.grad = unreached
    root.grad += seed
    return order


def edges(order: list[Value]) -> Iterator[tuple[Value, int, Value, float]]:
    """Each edge as ``(out, position, parent, local)``, from the root down; a constant has no edge."""
    for out in reversed(order):
        for position, (parent, local) in enumerate(zip(out.parents, local_derivatives(out))):
            if parent.op is not CONSTANT:
                yield out, position, parent, local


def local_derivatives(out: Value) -> Sequence[float]:
    """The derivative of a node with respect to each of its operands, from its row; ``ZERO`` for a constant."""
    op, parents, y = out.op, out.parents, out.number
    operands = [parent.number for parent in parents]
    try:
        if op.arity is not None:
            return [
                ZERO if parent.op is CONSTANT
                else local if (local := rule(*operands, y)).__class__ is float else as_local(local, op)
                for parent, rule in zip(parents, op.derivatives)
            ]  # fmt: skip
    except ArithmeticError:
        pass  # Python's floats raise where IEEE 754 has an answer, which the general form below gives
    return [
        ZERO if parent.op is CONSTANT else local if local.__class__ is float else as_local(local, op)
        for parent, local in zip(parents, op.local_derivatives(operands, y))
    ]
