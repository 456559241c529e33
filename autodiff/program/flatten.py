"""``flatten``: a recorded graph as a program, one slot for each node."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.backward import names, topological_order
from autodiff.operations import CONSTANT
from autodiff.program.program import Instruction, Program, assemble
from autodiff.value import Value


def flatten(
    *roots: Value, inputs: Sequence[Value] = (), parameters: Sequence[Value] | None = None
) -> tuple[Program, dict[Value, int]]:
    """The program of the graph of the roots, and the slot of each node.

    The instructions stand in topological order, so that the backward pass of the program, from its last instruction to
    its first, takes the edges in the order of the eager one. Nothing is merged or left out.

    Args:
        *roots: the results; the first one is output 0.
        inputs: the leaves that are inputs.
        parameters: the leaves that are parameters, in the order of their slots; by default all other variables, in
            topological order.

    Raises:
        ValueError: a leaf of the graph is neither an input nor a parameter, or one of these is no leaf.

    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> program, slots = flatten(w * x + 1, inputs=[x])
    >>> print(program)
    parameters  w
    inputs      x
      v3 = w * x
      v4 = v3 + 1.0
    outputs     v4
    >>> slots[w], slots[x]
    (1, 2)
    """
    order = topological_order(*roots)
    computed = [node for node in (*inputs, *(parameters or ())) if node.parents]
    if computed:
        what = ", ".join(names(computed).values())
        raise ValueError(f"inputs and parameters are leaves, and these are computed from others: {what}")
    given = set(inputs)
    leaves = [node for node in order if not node.parents and node.op is not CONSTANT and node not in given]
    if parameters is None:
        parameters = leaves
    missing = set(leaves).difference(parameters)
    if missing:
        what = ", ".join(name for node, name in names(order).items() if node in missing)
        raise ValueError(f"these leaves of the graph are neither inputs nor parameters: {what}")
    constants = [node for node in order if node.op is CONSTANT]
    results = [node for node in order if node.parents]
    slots = {node: slot for slot, node in enumerate([*constants, *parameters, *inputs, *results])}
    program = assemble(
        [node.data for node in constants],
        [node.label or f"v{slots[node]}" for node in parameters],
        [node.label or f"v{slots[node]}" for node in inputs],
        [Instruction(node.op, tuple(slots[parent] for parent in node.parents)) for node in results],
        [slots[root] for root in roots],
        labels={slots[node]: node.label for node in results if node.label},
    )
    return program, slots
