"""Recording one call of a Python function as a program, with a guard for every branch that it took.

The function runs as it is, on ``Value``s. While it does, the methods of ``Value`` that look at a number are replaced:
a comparison is noted as a guard, and what would freeze a number without a trace is an error that names the way out.
Local derivatives that are taken inside are written without branches, so that they need no guards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from math import inf, isfinite
from pathlib import Path
from types import CodeType, MemberDescriptorType
from typing import Any, NamedTuple

from autodiff import derivatives
from autodiff.graph import topological_order
from autodiff.operations import (
    CONSTANT,
    DETACHED,
    EQUAL,
    FLOW,
    LESS,
    LESS_EQUAL,
    SELECT,
    VARIABLE,
    lookup,
    where,
)
from autodiff.tape.expressions import COMPARISONS, Expression
from autodiff.tape.expressions import derivatives as written_out
from autodiff.tape.flatten import flatten
from autodiff.tape.interception import Replacement, replaced
from autodiff.tape.program import Guard, Program
from autodiff.value import Value, constant

WAYS_OUT = (
    "use autodiff's functions in place of math's, detach() for a number that no gradient flows to, maximum, where or "
    "softmax in place of a choice, select for a row at an index; or pass the number in as an input, or, if there are "
    "few of them, by keyword as a static option"
)


class FrozenNumberError(TypeError):
    """A compiled function asked for a number that will be another one in the next call."""


class Comparison(NamedTuple):
    """A comparison that a function made while it was recorded."""

    sign: str
    left: Value
    right: Value
    holds: bool


class Recording(NamedTuple):
    """What one call of a function did."""

    program: Program
    result: Any
    """What the function returned, with the number of an output in place of each ``Value`` or number."""
    is_scalar: bool
    """Whether it returned one ``Value``, which has a gradient."""
    parameters: list[Value]
    """The leaves that the program reads, in the order of its slots."""


class Session:
    """What is noted while a function runs."""

    def __init__(self) -> None:
        self.comparisons: list[Comparison] = []
        self.fresh: set[Value] = set()
        """Leaves that were made inside: constants of the program."""
        self._numbers: dict[str, Value] = {}

    def compared(self, sign: str, left: Value, right: Any, holds: bool) -> None:
        """Note a comparison with a ``Value`` or number."""
        if not isinstance(right, Value):
            try:
                number = constant(right)
            except OverflowError:  # an integer beyond every float
                number = constant(inf if right > 0 else -inf)
            right = self._numbers.setdefault(repr(number._data), number)
        self.comparisons.append(Comparison(sign, left, right, holds))

    def is_fixed(self, node: Value) -> bool:
        """Whether the node depends on nothing that comes from outside."""
        stack, seen = [node], {node}
        while stack:
            each = stack.pop()
            if each.op is VARIABLE and each not in self.fresh:
                return False
            stack.extend(parent for parent in each.parents if parent not in seen)
            seen.update(each.parents)
        return True


_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_session: ContextVar[Session | None] = ContextVar("session", default=None)


def is_recording() -> bool:
    """Whether a function is being recorded by this thread."""
    return _session.get() is not None


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
    token = _session.set(session)
    try:
        with replaced(_REPLACEMENTS):
            result = function(*arguments, **options)
    finally:
        _session.reset(token)
    for leaf in session.fresh:
        leaf.op = CONSTANT
    roots = [_output(leaf) for leaf in derivatives._leaves(result)]
    outputs = derivatives._rebuilt(result, iter(range(len(roots))))
    known = {*inputs, *parameters}
    order = topological_order(*roots, *(side for each in session.comparisons for side in (each.left, each.right)))
    met = [node for node in order if node.op is VARIABLE and node not in known]
    everything = [*parameters, *met]
    variable = known.union(met)
    for node in order:
        if not variable.isdisjoint(node.parents):
            variable.add(node)
    guarded = [each for each in session.comparisons if each.left in variable or each.right in variable]
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


# ── Derivatives without branches ─────────────────────────────────────────────────────────────────


def _locals_without_branches(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def locals_(out: Value, depends: set[Value], recorded: bool) -> Any:
        if not (recorded and is_recording()) or out.op.arity is None:
            return original(out, depends, recorded)
        places = enumerate(zip(out.parents, out.op.derivatives))
        return [_local(rule, out, place) if parent in depends else 0.0 for place, (parent, rule) in places]

    return locals_


def _local(rule: Callable[..., Any], out: Value, place: int) -> Any:
    """The rule applied to the nodes; if it branches on them, what it does, with ``where`` for its branches."""
    session = _session.get()
    assert session is not None
    before = len(session.comparisons)
    local = rule(*out.parents, out)
    if all(session.is_fixed(side) for each in session.comparisons[before:] for side in (each.left, each.right)):
        return local
    written = written_out(out.op, len(out.parents))[place]
    if written is None:
        return local
    del session.comparisons[before:]
    return _without_branches(written, out, session)


def _without_branches(written: Expression, out: Value, session: Session) -> Any:
    done: dict[Expression, Any] = {}

    def result(expression: Expression) -> Any:
        if expression not in done:
            done[expression] = compute(expression)
        return done[expression]

    def compute(expression: Expression) -> Any:
        match expression.kind:
            case "operand":
                return out.parents[int(expression.number)]
            case "output":
                return out
            case "number":
                return expression.number
            case "choose":
                condition, if_true, if_false = expression.parts
                holds = decided(condition)
                if isinstance(holds, bool):
                    return result(if_true if holds else if_false)
                return where(holds, result(if_true), result(if_false))
            case kind:
                return lookup("power" if kind == "pow" else kind)(*map(result, expression.parts))

    def decided(condition: Expression) -> Any:
        """The comparison: decided where both sides are fixed, else a node that is 1 where it holds."""
        left, right = map(result, condition.parts)
        if all(not isinstance(side, Value) or session.is_fixed(side) for side in (left, right)):
            return bool(_COMPARE[condition.kind](_number(left), _number(right)))
        match condition.kind:
            case "<":
                return LESS(left, right)
            case "<=":
                return LESS_EQUAL(left, right)
            case ">":
                return LESS(right, left)
            case ">=":
                return LESS_EQUAL(right, left)
            case "==":
                return EQUAL(left, right)
            case _:
                return 1.0 - EQUAL(left, right)

    return result(written)


_COMPARE = {sign: getattr(float, f"__{name}__") for sign, name in COMPARISONS.items()}


def _number(side: Any) -> float:
    return side._data if isinstance(side, Value) else float(side)


def _product_without_branches(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def product(local: Any, upstream: Any) -> Any:
        numbers = [factor for factor in (local, upstream) if not isinstance(factor, Value)]
        if not is_recording() or len(numbers) == 2 or any(factor in (0, 1) for factor in numbers):
            return original(local, upstream)
        if numbers and isfinite(numbers[0]):
            return local * upstream  # nan only where the other factor is
        return FLOW(local, upstream)

    return product


# ── What is replaced while a function is recorded ────────────────────────────────────────────────


def _comparing(sign: str) -> Callable[[Any], Any]:
    def wrap(original: Callable[[Value, Any], Any]) -> Callable[[Value, Any], Any]:
        @wraps(original)
        def compare(self: Value, other: Any) -> Any:
            holds = original(self, other)
            session = _session.get()
            if session is not None and holds is not NotImplemented:
                session.compared(sign, self, other, holds)
            return holds

        return compare

    return wrap


def _truth(original: Callable[[Value], bool]) -> Callable[[Value], bool]:
    @wraps(original)
    def truth(self: Value) -> bool:
        holds = original(self)
        session = _session.get()
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
            session = _session.get()
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
        return (
            original(self) if _session.get() is None or self.op is CONSTANT else Value.__autodiff__(DETACHED, (self,))
        )

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
        session = _session.get()
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
    Replacement(derivatives, "_locals", _locals_without_branches),
    Replacement(derivatives, "_product", _product_without_branches),
)
