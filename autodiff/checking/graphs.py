"""``Graph``: a small graph as a recipe that can be called, taken apart and printed as Python code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import autodiff
from autodiff import Value, lookup, topological_order
from autodiff.operations import Operation

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}
PREFIX = {"negative": "-", "positive": "+"}


class Step(NamedTuple):
    """One operation of a graph: an operand is the number of a slot (int) or a constant (float)."""

    op: Operation
    operands: tuple[int | float, ...]


@dataclass(frozen=True, repr=False)
class Graph:
    """A function of some inputs, with the point to take it at: slots of inputs first, then of one step each.

    It is called with one number or ``Value`` for each input, and gives the last slot.

    >>> graph = Graph((2.0, 3.0), (Step(lookup("multiply"), (0, 1)), Step(lookup("tanh"), (2,))))
    >>> print(graph)
    from autodiff import tanh
    <BLANKLINE>
    def f(x0, x1):
        v2 = x0 * x1
        v3 = tanh(v2)
        return v3
    <BLANKLINE>
    point = (2.0, 3.0)
    >>> round(graph(*graph.inputs), 6)
    0.999988
    """

    inputs: tuple[float, ...]
    steps: tuple[Step, ...]

    def __call__(self, *numbers: Any) -> Any:
        return self._run(numbers)[-1]

    def values(self) -> list[float]:
        """The number in every slot, at the point."""
        return self._run(self.inputs)

    def _run(self, numbers: Sequence[Any]) -> list[Any]:
        slots = list(numbers)
        for op, operands in self.steps:
            slots.append(op(*[slots[at] if type(at) is int else at for at in operands]))
        return slots

    def pruned(self) -> Graph:
        """Without the steps and inputs that the result does not depend on."""
        first = len(self.inputs)
        needed = {first + len(self.steps) - 1}
        for slot in range(first + len(self.steps) - 1, first - 1, -1):
            if slot in needed:
                needed.update(at for at in self.steps[slot - first].operands if type(at) is int)
        moved = {old: new for new, old in enumerate(sorted(needed))}
        return Graph(
            tuple(x for slot, x in enumerate(self.inputs) if slot in needed),
            tuple(
                Step(step.op, tuple(moved[at] if type(at) is int else at for at in step.operands))
                for slot, step in enumerate(self.steps, first)
                if slot in needed
            ),
        )

    def shared(self) -> int:
        """How many of its steps' results are used more than once."""
        uses = [at for step in self.steps for at in step.operands if type(at) is int and at >= len(self.inputs)]
        return sum(uses.count(slot) > 1 for slot in set(uses))

    def __str__(self) -> str:
        return self.code()

    def code(self, *imported: str) -> str:
        """Python code of the function and its point; it imports what it uses, and these names as well."""
        names = [f"x{i}" for i in range(len(self.inputs))]
        lines = []
        for slot, step in enumerate(self.steps, len(names)):
            operands = [names[at] if type(at) is int else _literal(at) for at in step.operands]
            names.append(f"v{slot}")
            lines.append(f"    v{slot} = {_written(step.op, operands)}")
        used = sorted({*imported, *(_imported(step.op) for step in self.steps)} - {""})
        head = [f"from autodiff import {', '.join(used)}", ""] if used else []
        if any("inf" in line or "nan" in line for line in (*lines, repr(self.inputs))):
            head.insert(0, "from math import inf, nan")
        call = f"def f({', '.join(names[: len(self.inputs)])}):"
        return "\n".join([*head, call, *lines, f"    return {names[-1]}", "", f"point = {self.inputs!r}"])

    def __repr__(self) -> str:
        return f"# a graph, {len(self.steps)} operation{'s' * (len(self.steps) != 1)}\n{self}\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What hypothesis shows of a failing example, and IPython: the code, not the fields."""
        printer.text(repr(self))


def recorded(root: Value, inputs: Sequence[Value]) -> Graph:
    """The graph of a recorded node as a recipe; leaves that are none of the inputs become constants.

    >>> x = Value(2.0)
    >>> [str(step.op) for step in recorded((x + 1) * x, [x]).steps]
    ['add', 'multiply']
    """
    slots: dict[Value, int | float] = {node: slot for slot, node in enumerate(inputs)}
    steps: list[Step] = []
    for node in topological_order(root):
        if node not in slots:
            if node.parents:
                steps.append(Step(node.op, tuple(slots[parent] for parent in node.parents)))
                slots[node] = len(inputs) + len(steps) - 1
            else:
                slots[node] = node.data
    if not steps:  # the result is an input or a constant
        steps.append(Step(lookup("positive"), (slots[root],)))
    return Graph(tuple(node.data for node in inputs), tuple(steps)).pruned()


def _written(op: Operation, operands: list[str]) -> str:
    if op.name in INFIX:
        return f"{operands[0]} {INFIX[op.name]} {operands[1]}"
    if op.name in PREFIX:
        return PREFIX[op.name] + operands[0]
    if op.name == "dot":
        half = len(operands) // 2
        return f"dot([{', '.join(operands[:half])}], [{', '.join(operands[half:])}])"
    if op.name == "total":
        return f"total([{', '.join(operands)}])"
    if _imported(op) == "lookup":
        return f"lookup({op.name!r})({', '.join(operands)})"
    return f"{op.name}({', '.join(operands)})"


def _imported(op: Operation) -> str:
    if op.name in INFIX or op.name in PREFIX:
        return ""
    return op.name if op.name in autodiff.__all__ else "lookup"


def _literal(number: float) -> str:
    return f"({number!r})" if number < 0 else repr(number)
