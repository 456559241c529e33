"""The source text of an operation's code, made from its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from autodiff.compiling.native.machine import CODE
from autodiff.operations import Operation
from autodiff.program.expressions import (
    NO_DEPENDENCE,
    Expression,
    called,
    called_derivatives,
    contributions,
    guarded,
    operand,
    primal,
)
from autodiff.program.writers import MACHINE, statements
from autodiff.registry import BUILT_IN, lookup
from autodiff.zeros import ZERO

MOST_OPERANDS = 16
"""An operation of any number of operands that has more has no machine code: its text grows with their square."""


class NotCompilableError(TypeError):
    """An operation of the user has too many operands for machine code."""


class Helper(NamedTuple):
    """A function of a user's row that cannot be written out."""

    function: Callable[..., float]
    arity: int
    evaluate: Callable[..., float]
    """The same function, but that it gives nan where the other raises, and -0.0 for ``ZERO``."""
    is_rule: bool = False
    """Whether it gives a local derivative, which is -0.0 only where nothing depends."""


def check_compilable(row: Operation, arity: int) -> None:
    """Refuse an operation that has no machine code.

    Raises:
        NotCompilableError: it is one of any number of operands, and they are too many.
    """
    if row.arity is None and arity > MOST_OPERANDS:
        raise NotCompilableError(
            f"the operation {row.name!r} has {arity} operands, and there is machine code for {MOST_OPERANDS} at most"
        )


def source(row: Operation, arity: int) -> tuple[str, dict[str, Helper]]:
    """The text of a module with the code of an operation, ``forward`` and ``backward``; and what it calls, by name.

    Raises:
        NotCompilableError: they are too many.
    """
    check_compilable(row, arity)
    helpers: dict[str, Helper] = {}

    def function_of(kind: str, count: int) -> str:
        """A function of ``math``; an operation of the user, noted as a helper."""
        if kind in BUILT_IN:
            return MACHINE.function(kind, count)
        own = row if kind == row.name else lookup(kind)
        name = f"primal_{kind}_{count}"
        helpers[name] = Helper(own.primal, count, partial(_primal, own))
        return name

    target = replace(MACHINE, function=function_of)

    def with_value_of(expression: Expression, action: str) -> list[str]:
        lines, (value,) = statements([expression], target)
        return [*lines, action.replace("{value}", value)]

    places = range(arity)
    head = ["out = take(record, 1) * stride", *(f"a{at} = take(record, {2 + 2 * at}) * stride" for at in places)]
    operands = [f"x{at} = v[a{at}{{i}}]" for at in places]
    value = primal(row, arity) or Expression(row.name, tuple(map(operand, places)))
    forward = _loop(operands, with_value_of(value, "v[out{i}] = {value}"))
    backward = []
    for at, contribution in enumerate(contributions(row, arity)):
        if contribution is None:
            rule = row.derivatives[at] if row.arity else partial(_local, row, at)
            helpers[f"derivative{at}"] = Helper(rule, arity + 1, partial(_local, row, at), is_rule=True)
            action = [
                f"local = derivative{at}({', '.join(f'x{place}' for place in places)}, y)",
                "g[d{i}] += -0.0 if unreached(local) | unreached(upstream) else local * upstream + 0.0",
            ]
        elif contribution == NO_DEPENDENCE:
            continue
        else:
            action = with_value_of(guarded(contribution), "g[d{i}] += {value}")
        loop = _loop([*operands, "y, upstream = v[out{i}], g[out{i}]"], action)
        backward += [f"d = take(record, {3 + 2 * at}) * stride", "if d:", *(f"    {line}" for line in loop)]
    return code_of("forward", head + forward) + code_of("backward", head + backward), helpers


def _loop(numbers: Sequence[str], action: Sequence[str]) -> list[str]:
    """The action for one lane, or for many: the same lines twice, since a loop of one costs more than its action."""
    lines = [*numbers, *action]
    return [
        "if lanes == 1:",
        *(f"    {line.format(i='')}" for line in lines),
        "else:",
        "    for i in range(lanes):",
        *(f"        {line.format(i=' + i')}" for line in lines),
    ]


def code_of(name: str, lines: Sequence[str]) -> str:
    """The text of a function that is the code of an operation."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"def {name}({CODE}):\n{body}\n\n\n"


def _primal(row: Operation, *operands: float) -> float:
    return called(row, operands)


def _local(row: Operation, at: int, *operands_and_output: float) -> float:
    local = called_derivatives(row, operands_and_output[:-1], operands_and_output[-1])[at]
    return -0.0 if local is ZERO else local + 0.0
