"""``Graph``: a small program with the point to take it at, to be called, taken apart, printed as Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from autodiff.program.program import Instruction, Program
from autodiff.value import Value


@dataclass(frozen=True, repr=False)
class Graph:
    """A function of some inputs, with the point to take it at.

    It is called with one number or ``Value`` for each input, and gives the output of its program.

    >>> x, y = Value(2.0), Value(3.0)
    >>> graph = recorded((x * y).tanh(), [x, y])
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

    program: Program
    inputs: tuple[float, ...]

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        return self.program.instructions

    def __call__(self, *numbers: Any) -> Any:
        return self.program.run(numbers)[self.program.outputs[0]]

    def numbers(self) -> list[float]:
        """The number in every slot, at the point."""
        return self.program.run(self.inputs)

    def __str__(self) -> str:
        return self.code()

    def code(self, *imported: str) -> str:
        """Python code of the function and its point; it imports what it uses, and these names as well."""
        return f"{self.program.code('f', imported)}\n\npoint = {self.inputs!r}"

    def __repr__(self) -> str:
        count = len(self.instructions)
        return f"# a graph, {count} operation{'s' * (count != 1)}\n{self}\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What hypothesis shows of a failing example, and IPython: the code, not the fields."""
        printer.text(repr(self))


def recorded(root: Value, inputs: Sequence[Value]) -> Graph:
    """The graph of a recorded node; leaves that are none of the inputs become constants, and unused inputs are dropped.

    >>> x = Value(2.0)
    >>> [str(each.op) for each in recorded((x + 1) * x, [x]).instructions]
    ['add', 'multiply']
    """
    program, _ = Program.from_graph(root, inputs=inputs, parameters=(), freeze=True)
    return without_unused(program, [node.number for node in inputs])


def without_unused(program: Program, point: Sequence[float]) -> Graph:
    """The graph of a program at a point, without the instructions and inputs that the output does not depend on."""
    places = tuple(map(str, range(len(point))))
    used = replace(program, inputs=places, labels={}).without_unused()
    names = tuple(f"x{place}" for place in range(len(used.inputs)))
    return Graph(replace(used, inputs=names), tuple([point[int(place)] for place in used.inputs]))
