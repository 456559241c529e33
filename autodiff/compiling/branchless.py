"""Local derivatives without branches, where a function that takes derivatives is recorded.

A rule that branches on a number, as relu's does, would make each pattern of signs a program of its own. So what the
rule does is written out, with ``where`` for its branches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import isfinite
from typing import Any

from autodiff import derivatives
from autodiff.compiling.recorder import Session, current, is_recording
from autodiff.observing.interception import Replacement
from autodiff.operations import FLOW
from autodiff.program.expressions import COMPARISONS, Expression
from autodiff.program.expressions import derivatives as written_out
from autodiff.registry import lookup
from autodiff.rules import EQUAL, LESS, LESS_EQUAL, where
from autodiff.value import Value


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
    session = current.get()
    assert session is not None
    before = len(session.comparisons)
    local = rule(*out.parents, out)
    if all(session.is_fixed(side) for each in session.comparisons[before:] for side in (each.left, each.right)):
        return local
    written = written_out(out.op, len(out.parents), inline=False)[place]
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
    return side.number if isinstance(side, Value) else float(side)


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


BRANCHLESS = (
    Replacement(derivatives, "_locals", _locals_without_branches),
    Replacement(derivatives, "_product", _product_without_branches),
)
"""What is replaced while a function is recorded."""
