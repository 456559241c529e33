"""The language of compiled code: a small part of Python, written as LLVM's instructions.

A function's operands and its result have annotations out of ``machine.KINDS``. A value is an integer, a number, a
truth, a pointer, or a vector or tile as ``machine`` has them. There are assignments, ``if``, ``for`` over a ``range``
whose step is a constant or positive, ``break`` and ``return``; arithmetic, comparisons of two, ``and``, ``or``,
``not``, and choices, of which one side is computed; ``p[i]`` of a pointer; and calls: of words, of functions of
``math``, of other functions in this language, and of machine code at an :class:`Address`.

Arithmetic of a vector and a number is that of the vector and the number for each lane, and a choice by a vector takes
each lane from one side or the other. Numbers have the bits of IEEE 754: nothing is fused, reassociated or approximated,
and functions of ``math`` are those that Python calls, called for each lane.
"""

from __future__ import annotations

import ast
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from llvmlite import ir

from autodiff.compiling.native.machine import (
    BIT,
    DOUBLE,
    EIGHT,
    EIGHT_PLACES,
    KINDS,
    LANES,
    LONG,
    TILE,
    WIDTH,
    Word,
    intrinsic,
    spread_number,
)

Operands = tuple[Any, Any]
OF_NUMBERS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
OF_TRUTHS = {ast.BitOr: "or_", ast.BitAnd: "and_"}
OF_INTEGERS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", **OF_TRUTHS}
SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
OF_VECTORS = {"fabs": "llvm.fabs", "sqrt": "llvm.sqrt"}
"""Functions that processors compute, of whole vectors too, with the bits that IEEE 754 prescribes."""
PREFIX = "autodiff_"
"""What the names of functions begin with."""


class Address(NamedTuple):
    """Machine code that is there already: a function of numbers."""

    place: int
    is_number: bool = False
    """Whether what it gives is always a number: -0.0 is made 0.0, since it means that nothing depends."""


class Text:
    """The text of functions, and what other names in it mean."""

    def __init__(self, source: str, names: Mapping[str, Any]) -> None:
        self.source, self.names = source, names

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The functions in this language; parsed when they are needed, by one thread at a time: Python trips else."""
        found = [each for each in ast.parse(self.source).body if isinstance(each, ast.FunctionDef)]
        return {each.name: each for each in found if not each.decorator_list}


@cache
def text_of(module: str) -> Text:
    """The text of a module that was imported."""
    found = sys.modules[module]
    return Text(Path(str(found.__file__)).read_text(encoding="utf-8"), vars(found))


def assembly(text: Text, name: str, symbol: str) -> str:
    """A function of the text, and the functions that it calls, as LLVM's assembly; it is called by the symbol there.

    >>> triple = Text("def triple(x: int) -> int:\\n    return 3 * x", {})
    >>> "mul i64 3" in assembly(triple, "triple", "by_three")
    True
    """
    functions = _Functions()
    functions.written(text, name, symbol)
    return str(functions.module)


class _Functions:
    """The functions of an LLVM module, each written once."""

    def __init__(self) -> None:
        self.module = ir.Module()
        self.made: dict[tuple[int, str], Any] = {}

    def written(self, text: Text, name: str, symbol: str = "") -> Any:
        """The function; without a symbol, a part of others."""
        key = id(text), name
        if key not in self.made:
            node = text.functions[name]
            operands = [KINDS[ast.unparse(each.annotation)] for each in node.args.args if each.annotation]
            kind = ir.FunctionType(KINDS[ast.unparse(node.returns)] if node.returns else ir.VoidType(), operands)
            made = self.made[key] = ir.Function(self.module, kind, symbol or f"{PREFIX}part{len(self.made)}")
            if not symbol:
                made.linkage = "internal"
                made.attributes.add("alwaysinline")
            _Writer(self, text, made).write(node)
        return self.made[key]

    def of_math(self, name: str, arity: int) -> Any:
        """A function of ``math``, under the name that it has in C; LLVM is to call it, not to replace it by others."""
        if name not in self.module.globals:
            made = ir.Function(self.module, ir.FunctionType(DOUBLE, [DOUBLE] * arity), name)
            made.attributes.add("nobuiltin")
        return self.module.globals[name]


class _Writer:
    """Writes a function with an LLVM builder.

    A value is one of LLVM's, or a Python number or a tuple of those where it is constant.
    """

    def __init__(self, functions: _Functions, text: Text, function: Any) -> None:
        self.functions, self.text, self.function = functions, text, function
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.variables: dict[str, Any] = {}
        """Where names stand that are given something more than once."""
        self.known: dict[str, Any] = {}
        """What the other names are."""
        self.times: Counter[str] = Counter()
        self.ends: list[Any] = []
        """Where a ``break`` leads to, in each loop."""

    def write(self, node: ast.FunctionDef) -> None:
        stored = [each for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        self.times = Counter([each.arg for each in node.args.args] + [each.id for each in stored])
        looped = [each for each in ast.walk(node) if isinstance(each, ast.For)]
        self.times.update(each.target.id for each in looped if isinstance(each.target, ast.Name))
        for each, value in zip(node.args.args, self.function.args):
            self.assign(ast.Name(each.arg), value)
        self.run_all(node.body)
        if not self.builder.block.is_terminated:
            self.builder.unreachable() if node.returns and ast.unparse(
                node.returns
            ) != "None" else self.builder.ret_void()

    # ── Statements ───────────────────────────────────────────────────────────────────────────────

    def run_all(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if self.builder.block.is_terminated:
                return  # what comes after it is never reached
            self.run(statement)

    def run(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                found = self.of(value)
                for target in targets:
                    self.assign(target, found)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.of(value))
            case ast.AugAssign(target=target, op=op, value=value):
                place = self.place(target)
                self.builder.store(self.arithmetic(op, self.load(place), self.of(value)), place)
            case ast.If(test=test, body=body, orelse=otherwise):
                self.branch(self.truth(test), lambda: self.run_all(body), lambda: self.run_all(otherwise))
            case ast.For(
                target=ast.Name() as target,
                iter=ast.Call(func=ast.Name(id="range"), args=bounds, keywords=[]),
                body=body,
                orelse=[],
            ):
                self.loop(target, [self.of(each) for each in bounds], body)
            case ast.Break():
                self.builder.branch(self.ends[-1])
            case ast.Return(value=ast.expr() as value):
                self.builder.ret(self.llvm(self.of(value), self.function.ftype.return_type))
            case ast.Return():
                self.builder.ret_void()
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(value=value):
                self.of(value)
            case _:
                raise TypeError(f"compiled code has no such statement: {ast.unparse(statement)}")

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Tuple):
            for each, part in zip(target.elts, value):
                self.assign(each, part)
            return
        if isinstance(target, ast.Name) and self.times[target.id] == 1:
            self.known[target.id] = value
            return
        if isinstance(target, ast.Name) and not self.fits(value, target.id):
            value = self.llvm(value)
            with self.builder.goto_entry_block():
                self.variables[target.id] = self.builder.alloca(value.type)
        place = self.place(target)
        self.builder.store(self.llvm(value, place.type.pointee), place)

    def fits(self, value: Any, name: str) -> bool:
        """Whether the name has a place, and for such a value; where it is used anew for another type, it gets one."""
        if name not in self.variables:
            return False
        kinds = self.llvm(value).type, self.variables[name].type.pointee
        return kinds[0] == kinds[1] or kinds in ((LONG, DOUBLE), (DOUBLE, LANES), (EIGHT, TILE))

    def place(self, target: ast.expr) -> Any:
        """Where a name or ``p[i]`` stands."""
        match target:
            case ast.Name(id=name):
                return self.variables[name]
            case ast.Subscript(value=pointer, slice=at):
                return self.builder.gep(self.of(pointer), [self.llvm(self.of(at), LONG)])
        raise TypeError(f"compiled code cannot assign to {ast.unparse(target)}")

    def branch(self, test: Any, body: Callable[[], None], otherwise: Callable[[], None]) -> None:
        if isinstance(test, bool):
            (body if test else otherwise)()
            return
        with self.builder.if_else(test) as (yes, no):
            with yes:
                body()
            with no:
                otherwise()

    def loop(self, target: ast.Name, bounds: list[Any], body: list[ast.stmt]) -> None:
        first, stop, step = [0, *bounds, 1] if len(bounds) == 1 else [*bounds, 1][:3]
        self.assign(target, first)
        stop, sign = self.llvm(stop, LONG), ">" if isinstance(step, int) and step < 0 else "<"
        head, inside, after, end = (self.function.append_basic_block() for _ in range(4))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        place = self.variables[target.id]
        self.builder.cbranch(self.builder.icmp_signed(sign, self.load(place), stop), inside, end)
        self.builder.position_at_end(inside)
        self.ends.append(end)
        self.run_all(body)
        self.ends.pop()
        if not self.builder.block.is_terminated:
            self.builder.branch(after)
        self.builder.position_at_end(after)
        self.builder.store(self.builder.add(self.load(place), self.llvm(step)), place)
        self.builder.branch(head)
        self.builder.position_at_end(end)

    # ── Expressions ──────────────────────────────────────────────────────────────────────────────

    def of(self, node: ast.expr) -> Any:
        """What an expression is."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self.variables:
                return self.load(self.variables[name])
            case ast.Name(id=name):
                return self.known[name] if name in self.known else self.text.names[name]
            case ast.Attribute(value=ast.Name(id="math"), attr=name):
                return getattr(math, name)
            case ast.Tuple(elts=parts):
                return tuple(self.of(each) for each in parts)
            case ast.BinOp(left=left, op=op, right=right):
                return self.arithmetic(op, self.of(left), self.of(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.builder.not_(self.llvm(self.truth(operand)))
            case ast.UnaryOp(op=ast.UAdd() | ast.USub() as op, operand=operand):
                return self.signed(op, self.of(operand))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.compared(op, self.of(left), self.of(right))
            case ast.BoolOp(op=op, values=[first, *rest]):
                others = rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
                parts = [others, ast.Constant(False)] if isinstance(op, ast.And) else [ast.Constant(True), others]
                return self.of(ast.IfExp(first, *parts))
            case ast.IfExp(test=test, body=body, orelse=otherwise):
                return self.chosen(self.truth(test), body, otherwise)
            case ast.Subscript():
                return self.load(self.place(node))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=name), args=operands, keywords=[]):
                return self.of_math(name, [self.of(each) for each in operands])
            case ast.Call(func=ast.Name(id=name), args=operands, keywords=[]):
                return self.called(name, [self.of(each) for each in operands])
        raise TypeError(f"compiled code has no such expression: {ast.unparse(node)}")

    def load(self, place: Any) -> Any:
        return self.builder.load(place)

    def llvm(self, value: Any, kind: Any = None) -> Any:
        """A value as one of LLVM's, of that type if there is one."""
        if isinstance(value, tuple):
            return ir.Constant(EIGHT if isinstance(value[0], float) else EIGHT_PLACES, [*value])
        if isinstance(value, bool):
            value = BIT(value)
        elif isinstance(value, int):
            value = (LONG if kind is None or kind == LONG else DOUBLE)(value)
        elif isinstance(value, float):
            value = DOUBLE(value)
        if kind is None or value.type == kind:
            return value
        if kind == LANES:
            return spread_number(self.builder, self.llvm(value, DOUBLE))
        if (value.type, kind) == (LONG, DOUBLE):
            return self.builder.sitofp(value, DOUBLE)
        if (value.type, kind) == (BIT, DOUBLE):
            return self.builder.uitofp(value, DOUBLE)
        if (value.type, kind) == (EIGHT, TILE):
            value = [spread_number(self.builder, self.builder.extract_value(value, at)) for at in range(EIGHT.count)]
            return self.together(value)
        raise TypeError(f"compiled code has no {kind} of a {value.type}")

    def alike(self, *values: Any) -> list[Any]:
        """Values as LLVM's, all of one type."""
        found = [self.llvm(each) for each in values]
        kinds = [each.type for each in found]
        kind = next((each for each in (LANES, DOUBLE, LONG) if each in kinds), kinds[0])
        return [self.llvm(each, kind) for each in found]

    def arithmetic(self, op: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int) and type(op) in OF_INTEGERS:
            return {
                ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right, ast.BitOr: left | right,
                ast.BitAnd: left & right,
            }[type(op)]  # fmt: skip
        left, right = self.alike(left, right)
        if left.type == BIT:
            return getattr(self.builder, OF_TRUTHS[type(op)])(left, right)
        if left.type == LONG and not isinstance(op, ast.Div):
            return self.of_integers(op, left, right)
        if left.type == LONG:
            left, right = self.llvm(left, DOUBLE), self.llvm(right, DOUBLE)
        return (
            self.remainder(left, right)
            if isinstance(op, ast.Mod)
            else getattr(self.builder, OF_NUMBERS[type(op)])(left, right)
        )

    def of_integers(self, op: ast.operator, left: Any, right: Any) -> Any:
        """Quotients are rounded down, as Python's."""
        builder = self.builder
        if type(op) in OF_INTEGERS:
            return getattr(builder, OF_INTEGERS[type(op)])(left, right)
        if not isinstance(op, (ast.FloorDiv, ast.Mod)):
            raise TypeError(f"compiled code has no {type(op).__name__} of integers")
        rest = builder.srem(left, right)
        signs_differ = builder.icmp_signed("<", builder.xor(rest, right), LONG(0))
        is_less = builder.and_(builder.icmp_signed("!=", rest, LONG(0)), signs_differ)
        if isinstance(op, ast.Mod):
            return builder.select(is_less, builder.add(rest, right), rest)
        quotient = builder.sdiv(left, right)
        return builder.select(is_less, builder.sub(quotient, LONG(1)), quotient)

    def remainder(self, left: Any, right: Any) -> Any:
        """Python's ``%``: with the sign of the divisor, a zero too."""
        builder, zero = self.builder, self.llvm(0.0, left.type)
        rest = builder.frem(left, right)
        negative = [builder.fcmp_ordered("<", each, zero) for each in (right, rest)]
        moved = builder.select(builder.xor(*negative), builder.fadd(rest, right), rest)
        none = self.intrinsic("llvm.copysign", [zero, right])
        return builder.select(builder.fcmp_unordered("!=", rest, zero), moved, none)

    def signed(self, op: ast.unaryop, value: Any) -> Any:
        if isinstance(op, ast.UAdd):
            return value
        if isinstance(value, (int, float)):
            return -value
        return self.builder.neg(value) if value.type == LONG else self.builder.fneg(value)

    def compared(self, op: ast.cmpop, left: Any, right: Any) -> Any:
        left, right = self.alike(left, right)
        if left.type == LONG:
            return self.builder.icmp_signed(SIGNS[type(op)], left, right)
        compare = self.builder.fcmp_unordered if isinstance(op, ast.NotEq) else self.builder.fcmp_ordered
        return compare(SIGNS[type(op)], left, right)

    def truth(self, node: ast.expr) -> Any:
        """Whether it is true, or not 0."""
        value = self.of(node)
        if isinstance(value, (bool, int)):
            return bool(value)
        return self.builder.icmp_signed("!=", value, LONG(0)) if value.type == LONG else value

    def chosen(self, test: Any, body: ast.expr, otherwise: ast.expr) -> Any:
        if isinstance(test, bool):
            return self.of(body if test else otherwise)
        if test.type != BIT:  # of a vector
            return self.builder.select(test, *(self.llvm(self.of(each), LANES) for each in (body, otherwise)))
        found: list[tuple[Any, Any]] = []

        def compute(node: ast.expr) -> None:
            found.append((self.of(node), self.builder.block))

        self.branch(test, lambda: compute(body), lambda: compute(otherwise))
        kind = self._kind([value for value, _ in found])
        phi = self.builder.phi(kind)
        for value, block in found:
            with self.builder.goto_block(block):
                phi.add_incoming(self.llvm(value, kind), block)
        return phi

    def _kind(self, values: Sequence[Any]) -> Any:
        """The type of what is one or the other."""
        kinds = [self.llvm(each).type for each in values]
        return next((kind for kind in (LANES, DOUBLE) if kind in kinds), kinds[0])

    def called(self, name: str, operands: list[Any]) -> Any:
        if name in self.text.functions:
            return self.part(self.text, name, operands)
        if name == "int":
            return self.builder.fptosi(operands[0], LONG)
        if name == "float":
            return self.llvm(operands[0], DOUBLE)
        if name == "min":
            left, right = self.alike(*operands)
            return self.builder.select(self.builder.icmp_signed("<", left, right), left, right)
        means = self.text.names[name]
        if isinstance(means, Word):
            found = means.write(self.builder, *map(self.llvm, operands))
            return self.together(found) if isinstance(found, list) else found
        if isinstance(means, Address):
            kind = ir.FunctionType(DOUBLE, [DOUBLE] * len(operands))
            place = self.builder.inttoptr(LONG(means.place), kind.as_pointer())
            result = self.builder.call(place, [self.llvm(each, DOUBLE) for each in operands])
            return self.builder.fadd(result, DOUBLE(0.0)) if means.is_number else result
        assert isinstance(means, FunctionType)
        return self.part(text_of(means.__module__), name, operands)

    def part(self, text: Text, name: str, operands: list[Any]) -> Any:
        """A call of a function in this language."""
        function = self.functions.written(text, name)
        return self.builder.call(function, [*map(self.llvm, operands, function.ftype.args)])

    def together(self, parts: Sequence[Any]) -> Any:
        """A tile of its parts."""
        kind = {LANES: TILE, DOUBLE: EIGHT, LONG: EIGHT_PLACES}[parts[0].type]
        tile = ir.Constant(kind, ir.Undefined)
        for at, part in enumerate(parts):
            tile = self.builder.insert_value(tile, part, at)
        return tile

    def of_math(self, name: str, operands: list[Any]) -> Any:
        if name == "isfinite":
            return self.compared(ast.Eq(), self.builder.fsub(operands[0], operands[0]), 0.0)
        operands = self.alike(*operands)
        if operands[0].type == LONG:
            operands = [self.llvm(each, DOUBLE) for each in operands]
        if name in OF_VECTORS:
            return self.intrinsic(OF_VECTORS[name], operands)
        function = self.functions.of_math(name, len(operands))
        if operands[0].type == DOUBLE:
            return self.builder.call(function, operands)
        found = ir.Constant(LANES, ir.Undefined)
        for lane in map(ir.IntType(32), range(WIDTH)):
            numbers = [self.builder.extract_element(each, lane) for each in operands]
            found = self.builder.insert_element(found, self.builder.call(function, numbers), lane)
        return found

    def intrinsic(self, name: str, operands: Sequence[Any]) -> Any:
        """What LLVM itself has, of numbers or vectors."""
        function = intrinsic(self.functions.module, name, operands[0].type, len(operands))
        return self.builder.call(function, operands)
