"""The source text of a kernel: the interpreter, with a branch for each operation, made from its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from autodiff.operations import BUILT_IN, Operation
from autodiff.tape.expressions import COMPARISONS, Expression, derivatives, primal
from autodiff.tape.native.layout import FIRST_ROW

SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", **{sign: sign for sign in COMPARISONS}}
PREFIXES = {"negative": "-", "positive": "+"}
INTERPRETER = Path(__file__).with_name("interpreter.py")
PRIMALS = "        # a branch for each operation: its primal\n"
DERIVATIVES = "        # a branch for each operation: its local derivatives\n"


class NotCompilable(TypeError):  # noqa: N818 - named for what it says of an operation
    """An operation is written with something that has no machine code."""


def kernel_source(operations: Sequence[Operation]) -> str:
    """The text of a kernel whose operations have the numbers from ``FIRST_ROW`` on, in this order."""
    forward, backward = [], []
    for opcode, row in enumerate(operations, FIRST_ROW):
        forward.append(f"        elif op == {opcode}:  # {row.name}\n{_forward(row)}")
        backward.append(f"        elif op == {opcode}:  # {row.name}\n{_backward(row)}")
    text = INTERPRETER.read_text(encoding="utf-8")
    return text.replace(PRIMALS, "".join(forward)).replace(DERIVATIVES, "".join(backward))


def _arity(row: Operation) -> int:
    if row.arity is None:
        raise NotCompilable(f"{row.name!r} takes any number of operands")
    return row.arity


def _forward(row: Operation) -> str:
    arity = _arity(row)
    rows = "".join(f"            a{at} = code[p + {2 + 2 * at}]\n" for at in range(arity))
    numbers = "".join(f"                x{at} = v[a{at}, i]\n" for at in range(arity))
    value = _written(primal(row, arity) or _called(row, arity))
    return f"{rows}            for i in range(count(lanes)):\n{numbers}                v[out, i] = {value}\n"


def _backward(row: Operation) -> str:
    arity = _arity(row)
    lines = [f"            a{at} = code[p + {2 + 2 * at}]\n" for at in range(arity)]
    for at, rule in enumerate(derivatives(row, arity)):
        if rule is None:
            raise NotCompilable(f"derivative {at} of {row.name!r} cannot be written out")
        local = _written(rule)
        product = "upstream" if rule == Expression("number", (), 1.0) else f"kernels.flow({local}, upstream)"
        lines += [
            f"            d = code[p + {3 + 2 * at}]\n",
            "            if d:\n",
            "                for i in range(count(lanes)):\n",
            *(f"                    x{place} = v[a{place}, i]\n" for place in range(arity)),
            "                    y, upstream = v[out, i], g[out, i]\n",
            f"                    g[d, i] += {product}\n",
        ]
    return "".join(lines)


def _called(row: Operation, arity: int) -> Expression:
    return Expression(row.name, tuple(Expression("operand", (), at) for at in range(arity)))


def _written(expression: Expression) -> str:
    """An expression as Python text."""
    kind, parts = expression.kind, expression.parts
    if kind == "operand":
        return f"x{expression.number:.0f}"
    if kind == "output":
        return "y"
    if kind == "number":
        return _number(expression.number)
    texts = [_written(part) for part in parts]
    if kind == "choose":
        return f"({texts[1]} if {texts[0]} else {texts[2]})"
    if kind in SIGNS:
        return f"({texts[0]} {SIGNS[kind]} {texts[1]})"
    if kind in PREFIXES:
        return f"({PREFIXES[kind]}{texts[0]})"
    if kind == "absolute":
        return f"math.fabs({texts[0]})"
    if kind == "power":  # times 1, of which the compiler does not know: it has other ideas of squares than libm
        return f"math.pow({texts[0]}, {texts[1]} * s[0])"
    if kind in BUILT_IN:
        return f"math.{kind}({', '.join(texts)})"
    raise NotCompilable(f"{kind!r} calls what cannot be written out")


def _number(number: float) -> str:
    if math.isnan(number):
        return "math.nan"
    if math.isinf(number):
        return "math.inf" if number > 0 else "(-math.inf)"
    return repr(number) if math.copysign(1.0, number) > 0 else f"({number!r})"
