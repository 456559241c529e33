"""Recorded derivatives without branches.

A rule that branches on a number, as relu's does, would make each pattern of signs a program of its own. So all of its
branches are recorded, and ``where`` chooses. Where a branch says ``ZERO``, nothing flows, whatever stands further down:
such a contribution goes with a node that is 1 where there is one, and that node chooses further down, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from math import isfinite
from typing import Any

from autodiff.program.expressions import COMPARISONS, Expression
from autodiff.program.expressions import contributions as written_out
from autodiff.registry import lookup
from autodiff.rules import EQUAL, LESS, LESS_EQUAL, add, where
from autodiff.value import Value
from autodiff.zeros import ZERO

Flows = Any
"""Whether there is a contribution at all: True, False, or a node that is 1 or 0."""


class Branchless:
    """The contributions of one recorded derivative after the other.

    Args:
        is_fixed: whether a node is the same in every call, so that its comparisons may be decided now.
    """

    def __init__(self, is_fixed: Callable[[Value], bool]) -> None:
        self.is_fixed = is_fixed
        self._flows: dict[Value, Value] = {}
        """Where the contribution exists; those that always do are not listed."""
        self._either: dict[tuple[Value, Value], Value] = {}

    def contributions(self, out: Value, upstream: Any, wanted: Sequence[bool]) -> list[Any]:
        """Local derivative times upstream gradient for each wanted operand, or ``ZERO``."""
        flows = self._flows_of(upstream)
        if out.op.arity is None:  # to write it out for very many operands takes very long, and few rules branch
            found = [_by_rule(local, upstream) for local in out.op.local_derivatives(out.parents, out)]
        else:
            written = written_out(out.op, out.op.arity, inline=False)
            found = [
                (ZERO, False, True) if not is_wanted
                else _by_rule(out.op.derivatives[place](*out.parents, out), upstream) if each is None
                else (*self._recorded(each, out, upstream), _keeps_zero(each))
                for place, (each, is_wanted) in enumerate(zip(written, wanted))
            ]  # fmt: skip
        return [self._limited(*each, flows) if wish else ZERO for each, wish in zip(found, wanted)]

    def done(self) -> None:
        """The derivative is taken: its contributions are numbers like others from here on."""
        self._flows.clear()

    def _limited(self, number: Any, reached: Flows, keeps_zero: bool, flows: Flows) -> Any:
        """The contribution where the upstream gradient exists, else 0."""
        if number is ZERO:
            return ZERO
        if flows is not True:
            number = number if keeps_zero else where(flows, number, 0.0)
            reached = flows if reached is True else where(flows, reached, 0.0)
        if reached is not True:
            self._flows[number] = reached
        return number

    def _flows_of(self, upstream: Any) -> Flows:
        """Whether any of the contributions that the upstream gradient is the sum of exists."""
        found: list[Flows] = []
        while isinstance(upstream, Value) and upstream not in self._flows and upstream.op is add:
            found.append(self._flows.get(upstream.second, True))
            upstream = upstream.first
        found.append(self._flows.get(upstream, True))
        return True if any(each is True for each in found) else reduce(self._one_of, reversed(found))

    def _one_of(self, a: Value, b: Value) -> Value:
        if (a, b) not in self._either:
            self._either[a, b] = a if a is b else where(a, 1.0, b)
        return self._either[a, b]

    def _recorded(self, written: Expression, out: Value, upstream: Any) -> tuple[Any, Flows]:
        """What the expression does with the nodes, and whether it flows."""
        done: dict[Expression, tuple[Any, Flows]] = {}

        def result(expression: Expression) -> tuple[Any, Flows]:
            if expression not in done:
                done[expression] = compute(expression)
            return done[expression]

        def compute(expression: Expression) -> tuple[Any, Flows]:
            match expression.kind:
                case "operand":
                    return out.parents[int(expression.number)], True
                case "output":
                    return out, True
                case "upstream":
                    return upstream, True
                case "number" if expression.number != expression.number:  # nan, whatever the gradient
                    return product(expression.number, upstream), True
                case "number":
                    return expression.number, True
                case "zero":
                    return ZERO, False
                case "choose":
                    condition, if_true, if_false = expression.parts
                    holds = self._compared(condition.kind, *(result(side)[0] for side in condition.parts))
                    if isinstance(holds, bool):
                        return result(if_true if holds else if_false)
                    (a, a_flows), (b, b_flows) = result(if_true), result(if_false)
                    return where(holds, a, b), a_flows if a_flows is b_flows else where(holds, a_flows, b_flows)
                case "multiply":
                    return product(*(result(part)[0] for part in expression.parts)), True
                case kind:
                    row = lookup("power" if kind == "pow" else kind)
                    return row(*(result(part)[0] for part in expression.parts)), True

        return result(written)

    def _compared(self, sign: str, left: Any, right: Any) -> Any:
        """The comparison, decided where both sides are fixed; else a node that is 1 where it holds."""
        sides = left, right
        if all(not isinstance(side, Value) or self.is_fixed(side) for side in sides):
            return getattr(float, f"__{COMPARISONS[sign]}__")(*(getattr(side, "number", side) for side in sides))
        row, swapped = _COMPARED[sign]
        found = row(*(reversed(sides) if swapped else sides))
        return 1.0 - found if sign == "!=" else found


_COMPARED = {
    "<": (LESS, False), "<=": (LESS_EQUAL, False), "==": (EQUAL, False),
    ">": (LESS, True), ">=": (LESS_EQUAL, True), "!=": (EQUAL, False),
}  # fmt: skip
"""The row of each comparison, and whether its sides change places."""


def product(local: Any, upstream: Any) -> Any:
    """The product of two factors, each a float or a node; 1 · x is x itself, so that programs stay small."""
    for factor, other in ((local, upstream), (upstream, local)):
        if not isinstance(factor, Value) and factor == 1:
            return other
    return local * upstream


def _by_rule(local: Any, upstream: Any) -> tuple[Any, Flows, bool]:
    """The contribution, whether it flows, and whether it is 0 where the upstream gradient is."""
    if local is ZERO:
        return ZERO, False, True
    return product(local, upstream), True, not isinstance(local, Value) and isfinite(local)


@cache
def _keeps_zero(written: Expression) -> bool:
    """Whether the contribution is 0 where the upstream gradient is: no factor can be infinite."""
    match written.kind:
        case "upstream" | "zero":
            return True
        case "multiply":
            factor, rest = written.parts
            return factor.kind == "number" and isfinite(factor.number) and _keeps_zero(rest)
        case "choose":
            return all(map(_keeps_zero, written.parts[1:]))
    return False
