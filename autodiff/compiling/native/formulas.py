"""Straight-line formulas as machine code: the same statements for a vector of observations at a time.

The text is what ``program/writers`` writes for machine code, statement after statement:

- ``x3 = v[2]`` loads the row that word 2 of the record names, ``g3 = g[2]`` the row of its adjoint;
- ``x4 = x3 * 2.0 if x3 > 0.0 else math.exp(x3)`` computes; of a choice both sides are computed, and one is taken;
- ``v[5] = x4`` and ``g[2] = g3`` store.

Every name is a vector of observations that stays in a register. Numbers have the bits of one observation at a time:
nothing is fused, reassociated or approximated, and ``%`` and functions of ``math`` are called for each observation.
"""

from __future__ import annotations

import ast
import math
import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from autodiff.compiling.native.machine import FLOATS, INTEGERS, LANES, WIDTH, Function, as_vector, spread_number

ARITHMETIC = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
OF_VECTORS = {"fabs": "llvm.fabs", "sqrt": "llvm.sqrt"}
"""Functions that processors compute for whole vectors, with the bits that IEEE 754 prescribes."""
NUMBER = types.float64


def formulas(text: str) -> Function:
    """The word of compiled code that runs these statements on all lanes of a block."""
    statements = ast.parse(text).body

    @intrinsic  # type: ignore[untyped-decorator]
    def run(context: Any, record: Any, s: Any, v: Any, g: Any, stride: Any, lanes: Any) -> Any:
        def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            *pointers, lanes = arguments
            vectors = _Vectors(target, builder, *pointers)
            vectors.find_rows(statements)
            zero, width = lanes.type(0), lanes.type(WIDTH)
            with cgutils.for_range_slice(builder, zero, lanes, width, lanes.type) as (lane, _):
                for statement in statements:
                    vectors.run(statement, lane)
            return target.get_dummy_value()

        return types.void(INTEGERS, FLOATS, FLOATS, FLOATS, types.intp, types.intp), build

    return run  # type: ignore[no-any-return]


class _Vectors:
    """Writes statements with an LLVM builder."""

    def __init__(self, target: Any, builder: Any, record: Any, s: Any, v: Any, g: Any, stride: Any) -> None:
        self.target, self.builder = target, builder
        self.record, self.arrays, self.stride = record, {"v": v, "g": g}, stride
        self.s = s
        self.rows: dict[tuple[str, int], Any] = {}
        self.names: dict[str, Any] = {}
        self.lane: Any = None

    def find_rows(self, statements: list[ast.stmt]) -> None:
        """Where the rows begin, once for all lanes."""
        words: dict[int, Any] = {}
        for node in (node for statement in statements for node in ast.walk(statement)):
            if isinstance(node, ast.Subscript) and node.value.id in self.arrays:  # type: ignore[attr-defined]
                array, word = _named(node)
                if word not in words:
                    row = self.builder.load(self.builder.gep(self.record, [ir.IntType(64)(word)]))
                    words[word] = self.builder.mul(self.builder.zext(row, self.stride.type), self.stride)
                if (array, word) not in self.rows:
                    self.rows[array, word] = self.builder.gep(self.arrays[array], [words[word]])

    def run(self, statement: Any, lane: Any) -> None:
        """One statement, for the vector that begins at a lane."""
        self.lane = lane
        (to,) = statement.targets
        found = self.of(statement.value)
        if isinstance(to, ast.Name):
            self.names[to.id] = found
        else:
            self.builder.store(found, self.row(to), align=8)

    def row(self, node: Any) -> Any:
        """Where the numbers of a row stand."""
        return as_vector(self.builder, self.builder.gep(self.rows[_named(node)], [self.lane]))

    def of(self, node: Any) -> Any:
        """What an expression is: a vector of numbers, or of bits for a comparison."""
        match node:
            case ast.Name(id=name):
                return self.names[name]
            case ast.Constant(value=float(number)):
                return _constant(number)
            case ast.Attribute(attr=name):
                return _constant(getattr(math, name))
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return self.each(operator.mod, [self.of(left), self.of(right)])
            case ast.BinOp(left=left, op=op, right=right):
                return getattr(self.builder, ARITHMETIC[type(op)])(self.of(left), self.of(right))
            case ast.UnaryOp(op=op, operand=operand):
                return self.builder.fneg(self.of(operand)) if isinstance(op, ast.USub) else self.of(operand)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                compare = self.builder.fcmp_unordered if isinstance(op, ast.NotEq) else self.builder.fcmp_ordered
                return compare(COMPARISONS[type(op)], self.of(left), self.of(right))
            case ast.IfExp(test=test, body=if_true, orelse=if_false):
                return self.builder.select(self.of(test), self.of(if_true), self.of(if_false))
            case ast.Subscript(value=ast.Name(id="s"), slice=ast.Constant(value=at)):
                return spread_number(self.builder, self.builder.load(self.builder.gep(self.s, [ir.IntType(64)(at)])))
            case ast.Subscript():
                return self.builder.load(self.row(node), align=8)
            case ast.Call(func=ast.Attribute(attr=name), args=arguments):
                return self.call(name, [self.of(each) for each in arguments])
        raise TypeError(f"no formula: {ast.unparse(node)}")

    def call(self, name: str, operands: list[Any]) -> Any:
        """A function of ``math``, of vectors."""
        if name in OF_VECTORS:
            kind, name = ir.FunctionType(LANES, [LANES]), f"{OF_VECTORS[name]}.v{WIDTH}f64"
            return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), operands)
        return self.each(getattr(math, name), operands)

    def each(self, function: Any, operands: list[Any]) -> Any:
        """A function of numbers, of the numbers of vectors."""
        function = self.target.get_function(function, NUMBER(*[NUMBER] * len(operands)))
        found = ir.Constant(LANES, ir.Undefined)
        for lane in map(ir.IntType(32), range(WIDTH)):
            numbers = [self.builder.extract_element(each, lane) for each in operands]
            found = self.builder.insert_element(found, function(self.builder, numbers), lane)
        return found


def _named(node: Any) -> tuple[str, int]:
    """The array and the word of the record that ``v[2]`` names."""
    return node.value.id, node.slice.value


def _constant(number: float) -> Any:
    return ir.Constant(LANES, [float(number)] * WIDTH)
