"""Statements of arithmetic as calls of NumPy's functions, each of which writes to a place that is there already.

A *place* is an array of the length of a block, kept from block to block: one of the results, or a register, which is
used again as soon as nothing needs what stands in it. So a block needs no memory of its own, and what it works on stays
in the cache.

>>> names = {"call_exp": np.exp}
>>> code = in_place(["t0 = x0 * 2.0", "y = call_exp(t0) + t0"], {"x0"}, ["y"], 1, names)
>>> print(*code.lines, sep="\\n")
v0 = multiply(x0, 2.0, r0)
v1 = call_exp(v0, r1)
v2 = add(v1, v0, o0)
>>> code.registers, code.results
(2, ['v2'])
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

OF_OPERATORS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.USub: "negative",
    ast.UAdd: "positive",
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal", ast.Eq: "equal",
    ast.NotEq: "not_equal",
}  # fmt: skip


def choose(condition: Any, yes: Any, no: Any, out: Any = None) -> Any:
    """``numpy.where`` into a place, which does not hold the first choice; of numbers, a number."""
    if out is None:
        return np.where(condition, yes, no)
    np.copyto(out, no)
    np.copyto(out, yes, where=condition)
    return out


FUNCTIONS: dict[str, Any] = {"choose": choose, **{name: getattr(np, name) for name in OF_OPERATORS.values()}}
"""What the lines refer to, beside the names that they are given."""
COMPARISONS = {OF_OPERATORS[sign] for sign in (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)}


class Code(NamedTuple):
    """The lines, what they need, and what they give."""

    lines: list[str]
    registers: int
    """How many there are: r0, r1 and so on."""
    results: list[str]
    """What each of the wanted names is: a number, or an array, which stands in its place where it could."""


class _Call(NamedTuple):
    function: str
    operands: list[str]


def in_place(
    lines: Sequence[str], arrays: Collection[str], wanted: Sequence[str], given: int, names: Mapping[str, Any]
) -> Code:
    """The lines, one call each.

    Args:
        lines: assignments of arithmetic, comparisons, and calls of functions.
        arrays: the names that stand for arrays at the beginning.
        wanted: the names whose last values are asked for.
        given: how many of these have places of their own, o0, o1 and so on.
        names: the functions that lines call.
    """
    flat = _Flat(arrays)
    for line in lines:
        flat.run(line)
    results = [flat.known.get(name, name) for name in wanted]
    last = {operand: place for place, call in enumerate(flat.calls) for operand in call.operands}
    last.update(dict.fromkeys(results, len(flat.calls)))
    places: dict[str, str] = {}  # the registers of results
    free: list[str] = []
    made = count()
    written: list[str] = []
    for at, (function, operands) in enumerate(flat.calls):
        name = f"v{at}"
        function, takes_place = _called(function, names)
        ended = [places[each] for each in dict.fromkeys(operands) if last.get(each) == at and each in places]
        if name in flat.arrays and takes_place:
            if name in results[:given]:
                place = f"o{results.index(name)}"
            else:
                left = ended if ended and function != "choose" else free
                place = places[name] = left.pop() if left else f"r{next(made)}"
            operands = [*operands, place]
        free += ended
        written.append(f"{name} = {function}({', '.join(operands)})")
    return Code(written, next(made), results)


def _called(function: str, names: Mapping[str, Any]) -> tuple[str, bool]:
    """What a function is called, and whether it writes to a place: NumPy's own do, but truths have no such places."""
    if function == "where":
        return "choose", True
    is_ufunc = isinstance(names.get(function, FUNCTIONS.get(function)), np.ufunc)
    return function, is_ufunc and function not in COMPARISONS


class _Flat:
    """Calls in their order, the results of which are v0, v1 and so on."""

    def __init__(self, arrays: Collection[str]) -> None:
        self.arrays = {*arrays}
        self.known: dict[str, str] = {}
        """What names stand for."""
        self.calls: list[_Call] = []

    def run(self, line: str) -> None:
        match ast.parse(line).body:
            case [ast.Assign(targets=[ast.Name(id=name)], value=value)]:
                self.known[name] = self.of(value)
            case _:
                raise ValueError(f"this is no assignment to a name: {line}")

    def of(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name):
                return self.known.get(name, name)
            case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
                return ast.unparse(node)
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.call(OF_OPERATORS[type(op)], left, right)
            case ast.UnaryOp(op=op, operand=operand):
                return self.call(OF_OPERATORS[type(op)], operand)
            case ast.Call(func=ast.Name(id=name), args=operands):
                return self.call(name, *operands)
        raise ValueError(f"no array function is known for {ast.unparse(node)}")

    def call(self, function: str, *operands: ast.expr) -> str:
        texts = [self.of(operand) for operand in operands]
        name = f"v{len(self.calls)}"
        self.calls.append(_Call(function, texts))
        if not self.arrays.isdisjoint(texts):
            self.arrays.add(name)
        return name
