"""The source text of an operation's code, made from its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from autodiff.operations import Operation
from autodiff.program.expressions import COMPARISONS, Expression, called, called_derivatives, derivatives, primal
from autodiff.registry import BUILT_IN, lookup

SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", **{sign: sign for sign in COMPARISONS}}
PREFIXES = {"negative": "-", "positive": "+"}
HEAD = '''"""The code of the operation {name}."""

import math

from autodiff.compiling.native.machine import flow, operation
'''


MOST_OPERANDS = 16
"""An operation of any number of operands that has more has no machine code: its text grows with their square."""


class NotCompilable(TypeError):  # noqa: N818 - named for what it says of an operation
    """An operation of the user has too many operands for machine code."""


class Helper(NamedTuple):
    """A function of a user's row that cannot be written out."""

    function: Callable[..., float]
    arity: int
    evaluate: Callable[..., float]
    """The same function, but that it gives nan where the other raises."""


class Source(NamedTuple):
    """A module with the code of an operation, ``forward`` and ``backward``."""

    text: str
    helpers: dict[str, Helper]
    """What the text calls, by its name there."""


def source(row: Operation, arity: int) -> Source:
    """The module of an operation of that many operands.

    Raises:
        NotCompilable: they are too many.
    """
    helpers: dict[str, Helper] = {}
    if row.arity is None and arity > MOST_OPERANDS:
        raise NotCompilable(
            f"the operation {row.name!r} has {arity} operands, and there is machine code for {MOST_OPERANDS} at most"
        )
    names = range(arity)
    head = ["out = record[1] * stride", *(f"a{at} = record[{2 + 2 * at}] * stride" for at in names)]
    expression = primal(row, arity)
    value = _call(row, [f"x{at}" for at in names], helpers) if expression is None else _written(expression, helpers)
    forward = _loop([f"x{at} = v[a{at}{{i}}]" for at in names], f"v[out{{i}}] = {value}")
    backward = []
    for at, rule in enumerate(derivatives(row, arity)):
        if rule is None:
            local = f"derivative{at}({', '.join(f'x{place}' for place in names)}, y)"
            called = partial(_local, row, at)
            helpers[f"derivative{at}"] = Helper(row.derivatives[at] if row.arity else called, arity + 1, called)
        else:
            local = _written(rule, helpers)
        product = "upstream" if local == "1.0" else f"flow({local}, upstream)"
        loop = _loop(
            [*(f"x{place} = v[a{place}{{i}}]" for place in names), "y, upstream = v[out{i}], g[out{i}]"],
            f"g[d{{i}}] += {product}",
        )
        backward += [f"d = record[{3 + 2 * at}] * stride", "if d:", *(f"    {line}" for line in loop)]
    functions = _function("forward", head + forward) + _function("backward", head + backward)
    return Source(HEAD.format(name=row.name) + functions, helpers)


def _loop(numbers: Sequence[str], action: str) -> list[str]:
    """The action for one lane, or for many: the same lines twice, since a loop of one costs more than its action."""
    lines = [*numbers, action]
    return [
        "if lanes == 1:",
        *(f"    {line.format(i='')}" for line in lines),
        "else:",
        "    for i in range(lanes):",
        *(f"        {line.format(i=' + i')}" for line in lines),
    ]


def _function(name: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"\n\n@operation\ndef {name}(record, s, sg, v, g, stride, lanes):\n{body}\n"


def _call(row: Operation, operands: Sequence[str], helpers: dict[str, Helper]) -> str:
    """The call of an elementary operation; that of a user is noted as a helper."""
    if row.name in BUILT_IN:
        return f"math.{row.name}({', '.join(operands)})"
    helpers[f"primal_{row.name}"] = Helper(row.primal, len(operands), partial(_primal, row))
    return f"primal_{row.name}({', '.join(operands)})"


def _primal(row: Operation, *operands: float) -> float:
    return called(row, operands)


def _local(row: Operation, at: int, *operands_and_output: float) -> float:
    return called_derivatives(row, operands_and_output[:-1], operands_and_output[-1])[at]


def _written(expression: Expression, helpers: dict[str, Helper]) -> str:
    """An expression as Python text."""
    kind, parts = expression.kind, expression.parts
    if kind == "operand":
        return f"x{expression.number:.0f}"
    if kind == "output":
        return "y"
    if kind == "number":
        return _number(expression.number)
    texts = [_written(part, helpers) for part in parts]
    if kind == "choose":
        return f"({texts[1]} if {texts[0]} else {texts[2]})"
    if kind in SIGNS:
        return f"({texts[0]} {SIGNS[kind]} {texts[1]})"
    if kind in PREFIXES:
        return f"({PREFIXES[kind]}{texts[0]})"
    if kind == "absolute":
        return f"math.fabs({texts[0]})"
    if kind == "pow":  # times 1, of which the compiler does not know: it has other ideas of squares than libm
        return f"math.pow({texts[0]}, {texts[1]} * s[0])"
    return _call(lookup(kind), texts, helpers)


def _number(number: float) -> str:
    if math.isnan(number):
        return "math.nan"
    if math.isinf(number):
        return "math.inf" if number > 0 else "(-math.inf)"
    return repr(number) if math.copysign(1.0, number) > 0 else f"({number!r})"
