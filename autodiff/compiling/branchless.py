"""Recorded derivatives without branches.

A rule that branches on a number, as relu's does, would make each pattern of signs a program of its own. So all of its
branches are recorded, and ``where`` chooses; a branch that says ``ZERO`` gives the number 0. Further down that is still
nothing, since 0 times a finite local derivative is 0. Only where a local derivative may be infinite, as that of sqrt, a
node that is 1 where something flows is asked. Parameters count as finite; a program that counts on it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import isfinite
from typing import Any

from autodiff.derivatives import as_factor
from autodiff.program.expressions import COMPARISONS, Expression, compared
from autodiff.program.expressions import contributions as written_out
from autodiff.registry import lookup
from autodiff.rules import add, where
from autodiff.value import Value
from autodiff.zeros import ZERO

Flows = Any
"""Whether there is a contribution at all: True, False, or a node that is 1 or 0."""
NOTHING: tuple[Any, Flows, bool] = ZERO, False, True
"""Of an operand that the output does not depend on; as of ``Branchless._product``."""


class Branchless:
    """The contributions of one recorded derivative after the other.

    Comparisons of nodes that are fixed, the same in every call, are decided now.
    """

    def __init__(self, is_fixed: Callable[[Value], bool], is_parameter: Callable[[Value], bool]) -> None:
        self.is_fixed, self.is_parameter = is_fixed, is_parameter
        self.parameters_are_finite = False
        """Whether what was recorded so far is right only then."""
        self._flows: dict[Value, Value] = {}
        """Where the contribution exists; those that always do are not listed."""
        self._either: dict[tuple[Value, Value], Value] = {}
        self._variadic: tuple[Value | None, Sequence[Any]] = None, ()

    def contributions(self, out: Value, upstream: Any, wanted: Sequence[bool]) -> list[Any]:
        """Local derivative times upstream gradient, or tangent, for each wanted operand, or ``ZERO``."""
        if out.op.arity is None:  # to write it out for very many operands takes very long, and few rules branch
            if self._variadic[0] is not out:  # a tangent asks for one operand after the other
                locals_ = out.op.local_derivatives(out.parents, out)
                self._variadic = out, [as_factor(out.op, local) for local in locals_]
            found: list[tuple[Any, Flows, bool]] = [
                self._product(local, upstream) if wish else NOTHING for local, wish in zip(self._variadic[1], wanted)
            ]
        else:
            rules = zip(written_out(out.op, out.op.arity, inline=False), out.op.derivatives, wanted)
            found = [
                NOTHING if not wish
                else self._product(as_factor(out.op, rule(*out.parents, out)), upstream) if written is None
                else self._recorded(written, out, upstream)
                for written, rule, wish in rules
            ]  # fmt: skip
        flows = self._flows_of(upstream)
        return [self._limited(*each, flows) for each in found]

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

    def _product(self, local: Any, upstream: Any) -> tuple[Any, Flows, bool]:
        """The contribution, whether it flows, and whether it is 0 where the upstream gradient is.

        1 · x is x itself, so that programs stay small.
        """
        if local is ZERO:
            return NOTHING
        for factor, other in ((local, upstream), (upstream, local)):
            if not isinstance(factor, Value) and factor == 1:
                return other, True, factor is local
        return local * upstream, True, self._is_finite(local)

    def _is_finite(self, local: Any) -> bool:
        if not isinstance(local, Value):
            return isfinite(local)
        if self.is_parameter(local):
            self.parameters_are_finite = True
            return True
        return self.is_fixed(local) and isfinite(local.number)

    def _recorded(self, written: Expression, out: Value, upstream: Any) -> tuple[Any, Flows, bool]:
        """What the expression of a contribution does with the nodes; as of ``_product``."""
        done: dict[Expression, tuple[Any, Flows, bool]] = {}

        def result(expression: Expression) -> tuple[Any, Flows, bool]:
            if expression not in done:
                done[expression] = compute(expression)
            return done[expression]

        def compute(expression: Expression) -> tuple[Any, Flows, bool]:
            match expression.kind:
                case "operand":
                    return out.parents[int(expression.number)], True, False
                case "output":
                    return out, True, False
                case "upstream":
                    return upstream, True, True
                case "number" if expression.number != expression.number:  # nan, whatever the gradient
                    return self._product(expression.number, upstream)
                case "number":
                    return expression.number, True, False
                case "zero":
                    return NOTHING
                case "choose":
                    condition, if_true, if_false = expression.parts
                    holds = self._compared(condition.kind, *(result(side)[0] for side in condition.parts))
                    if isinstance(holds, bool):
                        return result(if_true if holds else if_false)
                    (a, a_flows, a_keeps), (b, b_flows, b_keeps) = result(if_true), result(if_false)
                    flows = a_flows if a_flows is b_flows else where(holds, a_flows, b_flows)
                    return where(holds, a, b), flows, a_keeps and b_keeps
                case "multiply" if expression.parts[1].kind == "upstream":
                    return self._product(result(expression.parts[0])[0], upstream)
                case kind:
                    row = lookup("power" if kind == "pow" else kind)
                    return row(*(result(part)[0] for part in expression.parts)), True, False

        return result(written)

    def _compared(self, sign: str, left: Any, right: Any) -> Any:
        """The comparison, decided where both sides are fixed; else a node that is 1 where it holds."""
        sides = left, right
        if all(not isinstance(side, Value) or self.is_fixed(side) for side in sides):
            return getattr(float, f"__{COMPARISONS[sign]}__")(*(getattr(side, "number", side) for side in sides))
        return compared(sign, left, right)
