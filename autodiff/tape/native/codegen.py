"""The source text of an operation's code, made from its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from autodiff.operations import BUILT_IN, Operation, lookup
from autodiff.tape.expressions import COMPARISONS, Expression, derivatives, primal

SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", **{sign: sign for sign in COMPARISONS}}
PREFIXES = {"negative": "-", "positive": "+"}
HEAD = '''"""The code of the operation {name}."""

import math

from autodiff.tape.native.machine import flow, operation
'''


class NotCompilable(TypeError):  # noqa: N818 - named for what it says of an operation
    """An operation is written with something that has no machine code."""


class Source(NamedTuple):
    """A module with the code of an operation, ``forward`` and ``backward``."""

    text: str
    helpers: dict[str, Callable[..., float]]
    """Functions of numbers that the text calls: those of a user's row that cannot be written out."""


def source(row: Operation) -> Source:
    """The module of an operation.

    Raises:
        NotCompilable: it takes any number of operands.
    """
    helpers: dict[str, Callable[..., float]] = {}
    if row.arity is None:
        raise NotCompilable(f"the operation {row.name!r} takes any number of operands")
    rows = [f"a{at} = record[{2 + 2 * at}] * stride" for at in range(row.arity)]
    head = ["out = record[1] * stride", *rows]
    names = range(row.arity)
    value = _written(primal(row, row.arity) or _called(row, row.arity), helpers)
    forward = _loop([f"x{at} = v[a{at}{{i}}]" for at in names], f"v[out{{i}}] = {value}")
    backward = []
    for at, rule in enumerate(derivatives(row, row.arity)):
        if rule is None:
            local = f"derivative{at}({', '.join(f'x{place}' for place in names)}, y)"
            helpers[f"derivative{at}"] = row.derivatives[at]
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


def _called(row: Operation, arity: int) -> Expression:
    return Expression(row.name, tuple(Expression("operand", (), at) for at in range(arity)))


def _written(expression: Expression, helpers: dict[str, Callable[..., float]]) -> str:
    """An expression as Python text; the primals that it has to call are noted as helpers."""
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
    if kind in BUILT_IN:
        return f"math.{kind}({', '.join(texts)})"
    helpers[f"primal_{kind}"] = lookup(kind).primal
    return f"primal_{kind}({', '.join(texts)})"


def _number(number: float) -> str:
    if math.isnan(number):
        return "math.nan"
    if math.isinf(number):
        return "math.inf" if number > 0 else "(-math.inf)"
    return repr(number) if math.copysign(1.0, number) > 0 else f"({number!r})"
