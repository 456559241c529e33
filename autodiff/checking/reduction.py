"""Making a failing graph small: the same failure, in as few operations as can be.

Hypothesis shrinks the choices that a graph was drawn from, and stalls on large graphs; the moves here know that it is a
graph: an inner node becomes the result, a node is bypassed or becomes an input of its value, two inputs become one,
numbers become simple.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from autodiff.checking.graphs import Graph, Step

WORK = 100_000
"""How many operands all the graphs that are tried may have: some seconds."""
BUILDING = 32
"""So many steps of a graph cost as much to build as one operand costs to try."""


def reduced(graph: Graph, fails: Callable[[Graph], bool]) -> Graph:
    """A minimal graph that still fails: none of the moves leads to a smaller failing one, if the graph is not huge.

    >>> from autodiff import lookup
    >>> exp, tanh, add = map(lookup, ("exp", "tanh", "add"))
    >>> big = Graph((1.7,), (Step(exp, (0,)), Step(tanh, (1,)), Step(add, (1, 2)), Step(tanh, (3,))))
    >>> reduced(big, lambda graph: any(step.op is exp for step in graph.steps)).steps
    (Step(op=<operation exp>, operands=(0,)),)
    """
    graph = graph.pruned()
    work = 0
    again = True
    while again:
        again = False
        for smaller in _moves(graph):
            work += len(graph.steps) // BUILDING + sum(len(step.operands) for step in smaller.steps)
            if work > WORK:
                return graph
            if smaller.inputs and smaller.steps and _cost(smaller) < _cost(graph) and fails(smaller):
                graph, again = smaller, True
                break
    return graph


def _cost(graph: Graph) -> tuple[float, ...]:
    constants = [at for step in graph.steps for at in step.operands if type(at) is float]
    numbers = (*graph.inputs, *constants)
    return (len(graph.steps), len(graph.inputs) + len(constants), sum(map(_complexity, numbers)))


def _complexity(x: float) -> int:
    return len(repr(x)) + (x < 0)


def _moves(graph: Graph) -> Iterator[Graph]:
    first, values = len(graph.inputs), graph.values()
    for last in range(1, len(graph.steps)):  # an inner node becomes the result
        yield Graph(graph.inputs, graph.steps[:last]).pruned()
    for at in reversed(range(len(graph.steps))):
        for operand in dict.fromkeys(graph.steps[at].operands):  # a node is bypassed
            yield _replaced(graph, first + at, operand)
        if math.isfinite(values[first + at]):  # a node becomes an input of its value
            yield _cut(graph, at, values[first + at])
    for one in range(first):
        for other in range(one):  # two inputs become one
            yield _replaced(graph, one, other)
        for simple in _simpler(graph.inputs[one]):
            yield Graph((*graph.inputs[:one], simple, *graph.inputs[one + 1 :]), graph.steps)
    for at, step in enumerate(graph.steps):
        for place, operand in enumerate(step.operands):
            if type(operand) is float:
                for simple in _simpler(operand):
                    operands = (*step.operands[:place], simple, *step.operands[place + 1 :])
                    yield Graph(graph.inputs, (*graph.steps[:at], Step(step.op, operands), *graph.steps[at + 1 :]))


def _replaced(graph: Graph, slot: int, by: int | float) -> Graph:
    """Every use of a slot, as operand or result, becomes one of an earlier slot or a constant."""
    steps = tuple(
        Step(step.op, tuple(by if type(at) is int and at == slot else at for at in step.operands))
        for step in graph.steps
    )
    if slot == len(graph.inputs) + len(steps) - 1:  # the result itself: let the one that replaces it be the last
        if type(by) is not int or by < len(graph.inputs):
            return graph
        steps = steps[: by - len(graph.inputs) + 1]
    return Graph(graph.inputs, steps).pruned()


def _cut(graph: Graph, at: int, value: float) -> Graph:
    """A step becomes a new input."""
    first = len(graph.inputs)
    if at == len(graph.steps) - 1:
        return graph

    def moved(slot: int | float) -> int | float:
        if type(slot) is not int or slot < first:
            return slot
        return first if slot == first + at else slot + (slot < first + at)

    steps = tuple(
        Step(step.op, tuple(map(moved, step.operands))) for i, step in enumerate(graph.steps) if i != at
    )  # fmt: skip
    return Graph((*graph.inputs, value), steps).pruned()


def _simpler(x: float) -> Iterator[float]:
    for simple in (1.0, 2.0, 0.5, float(round(x)) if abs(x) < 1e15 else x, round(x, 1), round(x, 2), -x):
        if _complexity(simple) < _complexity(x):
            yield simple
