"""Making a failing graph small: the same failure, in as few operations as can be.

Hypothesis shrinks the choices that a graph was drawn from, and stalls on large graphs; the moves here know that it is a
graph: an inner node becomes the result, a node is bypassed or becomes an input of its value, two inputs become one,
numbers become simple.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.checking.graphs import Graph, without_unused

WORK = 100_000
"""How many operands all the graphs that are tried may have: some seconds."""
BUILDING = 32
"""The number of instructions that cost as much to build as one operand costs to try."""


def reduced(graph: Graph, fails: Callable[[Graph], bool]) -> Graph:
    """A minimal graph that still fails: none of the moves leads to a smaller failing one, if the graph is not huge.

    >>> from autodiff import Value
    >>> from autodiff.checking.graphs import recorded
    >>> x = Value(1.7)
    >>> big = recorded((x.exp() + x.exp().tanh()).tanh(), [x])
    >>> print(reduced(big, lambda graph: any(each.op.name == "exp" for each in graph.instructions)))
    from autodiff import exp
    <BLANKLINE>
    def f(x0):
        v1 = exp(x0)
        return v1
    <BLANKLINE>
    point = (1.7,)
    """
    work = 0
    again = True
    while again:
        again, cost = False, _cost(graph)
        for smaller in _moves(graph):
            work += len(graph.instructions) // BUILDING + len(smaller.program.operands)
            if work > WORK:
                return graph
            if smaller.inputs and smaller.instructions and _cost(smaller) < cost and fails(smaller):
                graph, again = smaller, True
                break
    return graph


def _cost(graph: Graph) -> tuple[int, ...]:
    numbers = [*graph.inputs, *graph.program.constants.tolist()]
    return len(graph.instructions), len(numbers), sum(map(_complexity, numbers))


def _complexity(x: float) -> int:
    return len(repr(x)) + (x < 0)


def _moves(graph: Graph) -> Iterator[Graph]:
    program, point, numbers = graph.program, graph.inputs, graph.numbers()
    first = program.first_result
    output = int(program.outputs[0])
    for slot in range(first, output):  # an inner node becomes the result
        yield _replaced(graph, output, slot)
    for slot in reversed(range(first, program.slots)):
        for operand in dict.fromkeys(graph.instructions[slot - first].operands):  # a node is bypassed
            yield _replaced(graph, slot, operand)
        if math.isfinite(numbers[slot]):  # a node becomes an input of its value
            yield _cut(graph, slot, numbers[slot])
    for one in range(len(point)):
        for other in range(one):  # two inputs become one
            yield _replaced(graph, program.first_input + one, program.first_input + other)
        for simple in _simpler(point[one]):
            yield Graph(program, (*point[:one], simple, *point[one + 1 :]))
    for place, number in enumerate(program.constants.tolist()):
        for simple in _simpler(number):
            constants = program.constants.copy()
            constants[place] = simple
            yield Graph(replace(program, constants=constants), point)


def _replaced(graph: Graph, slot: int, by: int) -> Graph:
    """Every use of a slot, as operand or output, becomes one of an earlier slot."""
    return _renumbered(graph, lambda slots: np.where(slots == slot, by, slots), graph.inputs)


def _cut(graph: Graph, slot: int, number: float) -> Graph:
    """The result of an instruction becomes a new input, the last one."""
    new = graph.program.first_result  # from here on, every slot is one more
    return _renumbered(
        graph, lambda slots: np.where(slots == slot, new, slots + (slots >= new)), (*graph.inputs, number)
    )


def _renumbered(graph: Graph, renumber: Callable[[NDArray[np.int32]], NDArray[Any]], point: tuple[float, ...]) -> Graph:
    """The graph with other slots for operands and output; what is unused then is left out."""
    program = graph.program
    operands, outputs = renumber(program.operands), renumber(program.outputs)
    return without_unused(replace(program, operands=operands, outputs=outputs), point)


def _simpler(x: float) -> Iterator[float]:
    for simple in (1.0, 2.0, 0.5, float(round(x)) if abs(x) < 1e15 else x, round(x, 1), round(x, 2), -x):
        if _complexity(simple) < _complexity(x):
            yield simple
