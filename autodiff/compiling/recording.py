"""Recording one call of a Python function as a program, with a guard for every branch that it took.

The function runs as it is, on ``Value``s, while a recorder looks on: a comparison becomes a guard, and what would
freeze a number without a trace is an error that names the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from autodiff import trees
from autodiff.backward import topological_order
from autodiff.compiling.recorder import Comparison, Recorder, current
from autodiff.hooks import observed_by
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.program.program import Guard, Program
from autodiff.rules import SELECT
from autodiff.value import Value, constant


class Recording(NamedTuple):
    """What one call of a function did."""

    program: Program
    result: Any
    """What the function returned, with the number of an output in place of each ``Value`` or number."""
    is_scalar: bool
    """Whether it returned one ``Value``, which has a gradient."""
    parameters: list[Value]
    """The leaves that the program reads, in the order of its slots."""


def record(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    inputs: Sequence[Value],
    parameters: Sequence[Value],
) -> Recording:
    """The program of one call.

    Args:
        function: returns a number, a ``Value``, or a structure of them.
        arguments: what it is called with, made of the inputs.
        options: its keyword arguments.
        inputs: the nodes in the arguments, in the order of the program's inputs.
        parameters: those that are known; others that the function uses come after them, as they are met.

    Raises:
        FrozenNumberError: the function reads a number that is not the same in every call, even if it catches this.
        TypeError: it returns something else, or changes gradients.
    """
    recorder = Recorder()
    token = current.set(recorder)
    try:
        with observed_by(recorder):
            result = function(*arguments, **options)
    finally:
        current.reset(token)
    if recorder.refusal is not None:
        raise recorder.refusal
    fresh = [leaf for leaf in recorder.fresh if leaf.op is VARIABLE]
    try:
        for leaf in fresh:  # one that the function keeps is a variable again in its next call, which tells
            leaf.op = CONSTANT
        return _laid_flat(result, recorder.comparisons, inputs, parameters)
    finally:
        for leaf in fresh:
            leaf.op = VARIABLE


def _laid_flat(
    result: Any, comparisons: Sequence[Comparison], inputs: Sequence[Value], parameters: Sequence[Value]
) -> Recording:
    roots = [_output(leaf) for leaf in trees.leaves(result)]
    outputs = trees.with_leaves(result, iter(range(len(roots))))
    known = {*inputs, *parameters}
    order = topological_order(*roots, *(side for each in comparisons for side in (each.left, each.right)))
    met = [node for node in order if node.op is VARIABLE and node not in known]
    everything = [*parameters, *met]
    variable = known.union(met)
    for node in order:
        if not variable.isdisjoint(node.parents):
            variable.add(node)
    guarded = [each for each in comparisons if each.left in variable or each.right in variable]
    compared = [side for each in guarded for side in (each.left, each.right)]
    program, slots = Program.from_graph(*roots, *compared, inputs=inputs, parameters=everything)
    guards = dict.fromkeys(Guard(sign, slots[left], slots[right], holds) for sign, left, right, holds in guarded)
    program = replace(program, outputs=program.outputs[: len(roots)], guards=tuple(guards))
    for op, operands in program:
        if op is SELECT and not program.first_input <= operands[0] < program.first_result:
            raise TypeError(
                f"the index of select must be an input of the compiled function, not a number that it computes "
                f"({program.name(operands[0])}): compute it before, and pass it in"
            )
    return Recording(program, outputs, isinstance(result, Value), everything)


def _output(leaf: Any) -> Value:
    try:
        return leaf if isinstance(leaf, Value) else constant(leaf)
    except TypeError:
        raise TypeError(
            f"a compiled function must return a number or Value, or lists, tuples, dicts or arrays of them; "
            f"not {type(leaf).__name__} {leaf!r:.60}"
        ) from None
