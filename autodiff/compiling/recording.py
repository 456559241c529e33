"""Recording one call of a Python function as a program, with a guard for every branch that it took.

The function runs as it is, on ``Value``s. While it does, the methods of ``Value`` that look at a number are replaced:
a comparison is noted as a guard, and what would freeze a number without a trace is an error that names the way out.
Local derivatives that are taken inside are written without branches, so that they need no guards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import CodeType, MemberDescriptorType
from typing import Any, NamedTuple

from autodiff import derivatives
from autodiff.backward import topological_order
from autodiff.compiling.branchless import BRANCHLESS
from autodiff.compiling.recorder import Comparison, Session, current, is_recording
from autodiff.observing.interception import Replacement, replaced
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.program.expressions import COMPARISONS
from autodiff.program.flatten import flatten
from autodiff.program.program import Guard, Program
from autodiff.rules import DETACHED, SELECT
from autodiff.value import Value, constant

WAYS_OUT = (
    "use autodiff's functions in place of math's, detach() for a number that no gradient flows to, maximum, where or "
    "softmax in place of a choice, select for a row at an index; or pass the number in as an input, or, if there are "
    "few of them, by keyword as a static option"
)


class FrozenNumberError(TypeError):
    """A compiled function asked for a number that will be another one in the next call."""


class Recording(NamedTuple):
    """What one call of a function did."""

    program: Program
    result: Any
    """What the function returned, with the number of an output in place of each ``Value`` or number."""
    is_scalar: bool
    """Whether it returned one ``Value``, which has a gradient."""
    parameters: list[Value]
    """The leaves that the program reads, in the order of its slots."""


_PACKAGE = str(Path(__file__).parents[1]) + os.sep


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
        FrozenNumberError: the function reads a number that is not the same in every call.
        TypeError: it returns something else, or changes gradients.
    """
    session = Session()
    token = current.set(session)
    try:
        with replaced(_REPLACEMENTS):
            result = function(*arguments, **options)
    finally:
        current.reset(token)
    fresh = [leaf for leaf in session.fresh if leaf.op is VARIABLE]
    try:
        for leaf in fresh:  # one that the function keeps is a variable again in its next call, which tells
            leaf.op = CONSTANT
        return _laid_flat(result, session.comparisons, inputs, parameters)
    finally:
        for leaf in fresh:
            leaf.op = VARIABLE


def _laid_flat(
    result: Any, comparisons: Sequence[Comparison], inputs: Sequence[Value], parameters: Sequence[Value]
) -> Recording:
    roots = [_output(leaf) for leaf in derivatives._leaves(result)]
    outputs = derivatives._rebuilt(result, iter(range(len(roots))))
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
    program, slots = flatten(*roots, *compared, inputs=inputs, parameters=everything)
    guards = dict.fromkeys(Guard(sign, slots[left], slots[right], holds) for sign, left, right, holds in guarded)
    program = replace(program, outputs=program.outputs[: len(roots)], guards=tuple(guards))
    _check_indices(program)
    return Recording(program, outputs, isinstance(result, Value), everything)


def _output(leaf: Any) -> Value:
    try:
        return leaf if isinstance(leaf, Value) else constant(leaf)
    except TypeError:
        raise TypeError(
            f"a compiled function must return a number or Value, or lists, tuples, dicts or arrays of them; "
            f"not {type(leaf).__name__} {leaf!r:.60}"
        ) from None


def _check_indices(program: Program) -> None:
    for op, operands in program:
        if op is SELECT and not program.first_input <= operands[0] < program.first_result:
            raise TypeError(
                f"the index of select must be an input of the compiled function, not a number that it computes "
                f"({program.name(operands[0])}): compute it before, and pass it in"
            )


# ── What is replaced while a function is recorded ────────────────────────────────────────────────


def _comparing(sign: str) -> Callable[[Any], Any]:
    def wrap(original: Callable[[Value, Any], Any]) -> Callable[[Value, Any], Any]:
        @wraps(original)
        def compare(self: Value, other: Any) -> Any:
            holds = original(self, other)
            session = current.get()
            if session is not None and holds is not NotImplemented:
                session.compared(sign, self, other, holds)
            return holds

        return compare

    return wrap


def _truth(original: Callable[[Value], bool]) -> Callable[[Value], bool]:
    @wraps(original)
    def truth(self: Value) -> bool:
        holds = original(self)
        session = current.get()
        if session is not None:
            session.compared("!=", self, 0.0, holds)
        return holds

    return truth


def _is_ours(code: CodeType) -> bool:
    """Whether it is the engine that looks, such as for anomalies: that changes nothing."""
    return code.co_filename.startswith(_PACKAGE)


def _refusing(what: str) -> Callable[[Any], Any]:
    def wrap(original: Callable[..., Any] | None) -> Callable[..., Any]:
        def refuse(self: Value, *arguments: Any) -> Any:
            session = current.get()
            if session is not None and not session.is_fixed(self) and not _is_ours(sys._getframe(1).f_code):
                raise FrozenNumberError(f"{what} inside a compiled function would freeze a number: {WAYS_OUT}")
            if original is None:
                raise TypeError(f"{what} of a Value is not defined: use .data for the number")
            return original(self, *arguments)

        return refuse

    return wrap


def _data(original: property) -> property:
    def set_data(self: Value, data: Any) -> None:
        if is_recording():
            raise TypeError("a compiled function cannot set the data of a Value: change parameters between its calls")
        original.__set__(self, data)

    return property(_refusing("reading .data")(original.fget), set_data, doc=original.__doc__)


def _grad(original: MemberDescriptorType) -> property:
    return property(_refusing("reading .grad")(original.__get__), original.__set__)


def _detaching(original: Callable[[Value], Value]) -> Callable[[Value], Value]:
    @wraps(original)
    def detach(self: Value) -> Value:
        return original(self) if current.get() is None or self.op is CONSTANT else Value.__autodiff__(DETACHED, (self,))

    return detach


def _no_pass(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def run(self: Value, *arguments: Any, **options: Any) -> Any:
        if is_recording():
            raise TypeError(
                "backward() inside a compiled function would change gradients only once: call the compiled function's "
                "own backward(), or use grad() inside, whose result is graph"
            )
        return original(self, *arguments, **options)

    return run


def _noting(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def init(self: Value, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        session = current.get()
        if session is not None:
            session.fresh.add(self)

    return init


_REPLACEMENTS = (
    *(Replacement(Value, f"__{name}__", _comparing(sign)) for sign, name in COMPARISONS.items() if sign != "!="),
    Replacement(Value, "__bool__", _truth),
    *(Replacement(Value, f"__{name}__", _refusing(f"{name}()")) for name in ("float", "int", "round")),
    *(Replacement(Value, f"__{name}__", _refusing(f"math.{name}()")) for name in ("floor", "ceil", "trunc")),
    Replacement(Value, "__index__", _refusing("an index")),
    Replacement(Value, "data", _data),
    Replacement(Value, "grad", _grad),
    Replacement(Value, "detach", _detaching),
    Replacement(Value, "backward", _no_pass),
    Replacement(Value, "backward_steps", _no_pass),
    Replacement(Value, "__init__", _noting),
    *BRANCHLESS,
)
