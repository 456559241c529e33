"""``tree``: the graph as lines of plain text."""

from __future__ import annotations

from autodiff.backward import names, topological_order
from autodiff.drawing.text import sign
from autodiff.mistakes import in_words, needs_value
from autodiff.operations import CONSTANT
from autodiff.text import one_line, printable, short
from autodiff.value import Value
from autodiff.zeros import NOT_COMPUTED


@in_words
def tree(value: Value, *, constants: bool = True, max_nodes: int = 100) -> str:
    """The graph that a value was computed from, as a tree of text: each result above its operands.

    A node that is used more than once is shown in full once.

    Args:
        value: the root, a scalar.
        constants: False hides them.
        max_nodes: the greatest number of nodes to show; the others are counted.

    Raises:
        TypeError: the value is not a ``Value``.
        ValueError: ``max_nodes`` is not an int from 1 on.

    >>> a = Value(3.0, label="a")
    >>> loss = a * a + 1
    >>> loss.backward()
    >>> print(tree(loss))
    v3 = +   data 10, grad 1
    ├─ v1 = ×   data 9, grad 1
    │  ├─ a   data 3, grad 6
    │  └─ a (see above)
    └─ 1
    """
    if not isinstance(value, Value):
        needs_value("tree", value)
    if not isinstance(max_nodes, int) or isinstance(max_nodes, bool) or max_nodes < 1:
        raise ValueError(f"max_nodes must be an int from 1 on, not {max_nodes!r}")
    order = topological_order(value)
    name = names(order)
    lines: list[str] = []
    shown: set[Value] = set()
    stack = [(value, "", "")]
    while stack:
        node, branch, below = stack.pop()
        if node in shown and node.op is not CONSTANT:
            lines.append(f"{branch}{one_line(name[node])} (see above)")
            continue
        if len(shown) == max_nodes:
            total = sum(constants or node is value or node.op is not CONSTANT for node in order)
            rest = total - len(shown)
            lines.append(f"… {rest} more node{'s' * (rest > 1)}")
            break
        shown.add(node)
        lines.append(branch + _line(node, one_line(name[node])))
        operands = [parent for parent in node.parents if constants or parent.op is not CONSTANT]
        for place, parent in reversed(list(enumerate(operands, 1))):
            corner, bar = ("└─ ", "   ") if place == len(operands) else ("├─ ", "│  ")
            stack.append((parent, below + corner, below + bar))
    return printable("\n".join(lines))


def _line(node: Value, name: str) -> str:
    if node.op is CONSTANT:
        return f"{name} = {short(node.number)}" if node.label else short(node.number)
    gradient = "not computed" if node.grad is NOT_COMPUTED else short(node.grad)
    return f"{name}{f' = {sign(node.op)}' if node.parents else ''}   data {short(node.number)}, grad {gradient}"
