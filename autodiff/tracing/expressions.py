"""``evaluate``: an expression typed by anybody, computed without ever running it as Python.

The text is parsed with ``ast`` and walked by the loop below. It knows numbers, names, ``+ - * / **`` and the
operations of the table, and nothing else; length, nesting and size have limits; and all numbers are floats, so that
``9**9**9**9`` is inf at once.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Mapping
from difflib import get_close_matches

from autodiff.operations import Operation
from autodiff.registry import OPERATIONS
from autodiff.text import one_line
from autodiff.value import Value, constant

MAX_LENGTH, MAX_DEPTH, MAX_NODES = 10_000, 500, 4_000
CONSTANTS = {"pi": math.pi, "e": math.e}
"""What these names stand for, if they are given no number."""
ALLOWED = "only numbers, names, + - * / ** and the operations of the table are"
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
    ast.UAdd: "positive", ast.USub: "negative",
}  # fmt: skip


class ExpressionError(ValueError):
    """An expression that is refused; the message has a caret under the offending place."""

    def __init__(self, problem: str, text: str, column: int) -> None:
        start = max(0, min(column, len(text)) - 50)
        window = "".join(c if c.isprintable() else "?" for c in text[start : start + 100])
        super().__init__(f"{problem}\n  {window}\n  {' ' * (column - start)}^")
        self.problem = problem
        self.column = column
        """The place in the text, counted from 0."""


def evaluate(text: str, variables: Mapping[str, Value | float]) -> Value:
    """The value of an expression, recorded for a backward pass.

    Args:
        text: such as ``"tanh(w*x + b)"``; operations by their names, and ``abs``, ``max`` and ``min``; ``pi`` and
            ``e``; ``^`` means ``**``.
        variables: what the names stand for.

    Raises:
        TypeError: the text is no str, or what a name stands for no number.
        ExpressionError: the text is no such expression, or is larger than an honest one.

    >>> evaluate("max(2*x, 1) ** 2", {"x": Value(3.0)}).data
    36.0
    >>> evaluate("2 + tahn(1)", {})
    Traceback (most recent call last):
    autodiff.tracing.expressions.ExpressionError: unknown operation 'tahn' (did you mean 'tan' or 'tanh'?)
      2 + tahn(1)
          ^
    """
    if not isinstance(text, str):
        raise TypeError(f"an expression is a str, not {type(text).__name__} {text!r:.60}")
    text = _plain(text)
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters, not {len(text)}", text, MAX_LENGTH)
    tree = _parsed(text)
    results: list[Value | float] = []
    stack: list[tuple[ast.expr, int, Operation | None]] = [(tree, 1, None)]  # with its operation, operands are done
    count = 0
    while stack:
        node, depth, row = stack.pop()
        if row is not None:
            first = len(results) - len(_operands(node))
            results[first:] = [_applied(row, results[first:], node, text)]
            continue
        count += 1
        if depth > MAX_DEPTH or count > MAX_NODES:
            limit = f"nested {MAX_DEPTH} deep" if depth > MAX_DEPTH else f"of {MAX_NODES} parts"
            raise ExpressionError(f"the expression is too large: at most one {limit} is allowed", text, _at(node, text))
        if isinstance(node, (ast.Constant, ast.Name)):
            results.append(_leaf(node, variables, text))
        else:
            stack.append((node, depth, _row(node, text)))
            stack.extend((operand, depth + 1, None) for operand in reversed(_operands(node)))
    (result,) = results
    return result if isinstance(result, Value) else constant(result)


def used_names(text: str) -> set[str]:
    """The names of the variables in an expression that :func:`evaluate` accepts.

    >>> sorted(used_names("tanh(w*x + b)"))
    ['b', 'w', 'x']
    """
    nodes = list(ast.walk(_parsed(_plain(text))))
    functions = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in functions}


def _plain(text: str) -> str:
    """The text in one line; powers as Python writes them, since its ``^`` binds less than ``+``."""
    return " ".join(text.split("\n")).strip().replace("^", "**")


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on style, such as on 1if
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        if error.offset == 0:  # Python's parser has come to the end of the line
            raise ExpressionError("this is no expression: it ends too early", text, len(text)) from None
        column = min((error.offset or 1) - 1, len(text))
        raise ExpressionError(f"this is no expression: {error.msg}", text, column) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(f"the expression is nested too deep: at most {MAX_DEPTH} deep", text, 0) from None
    except ValueError as error:  # null bytes, surrogates
        raise ExpressionError(f"this is no expression: {error}", text, 0) from None


def _at(node: ast.expr, text: str) -> int:
    """The column of a node in characters; ``ast`` counts bytes."""
    return len(text.encode()[: node.col_offset].decode())


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    return [node.operand] if isinstance(node, ast.UnaryOp) else node.args if isinstance(node, ast.Call) else []


def _leaf(node: ast.Constant | ast.Name, variables: Mapping[str, Value | float], text: str) -> Value | float:
    if isinstance(node, ast.Name):
        if node.id in variables:
            return variables[node.id]
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if node.id in _functions():
            raise ExpressionError(f"{node.id!r} is an operation: write {node.id}(…)", text, _at(node, text))
        near = get_close_matches(node.id, variables, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"give it one: {node.id}=0.5"
        raise ExpressionError(f"the name {one_line(node.id)!r} has no value ({hint})", text, _at(node, text))
    if type(node.value) not in (int, float):
        raise ExpressionError(f"{node.value!r:.30} is not allowed here: {ALLOWED}", text, _at(node, text))
    try:
        return float(node.value)  # type: ignore[arg-type]  # an int or float, as was just checked
    except OverflowError:
        raise ExpressionError("this number does not fit into a float", text, _at(node, text)) from None


def _functions() -> dict[str, Operation]:
    """Operations by what may be typed for them: their names, and symbols such as ``max``."""
    symbols = {row.symbol: row for row in OPERATIONS.values() if row.symbol.isidentifier()}
    return {**symbols, **OPERATIONS}


def _row(node: ast.expr, text: str) -> Operation:
    """The operation of a node that is not a leaf, which is refused if it has none."""
    if isinstance(node, (ast.BinOp, ast.UnaryOp)) and type(node.op) in _OPERATORS:
        return OPERATIONS[_OPERATORS[type(node.op)]]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        functions = _functions()
        wrong = [argument for argument in node.args if isinstance(argument, ast.Starred)]
        for argument in [*wrong, *(keyword.value for keyword in node.keywords)]:
            problem = f"operands of {node.func.id!r} are given one after the other, without * or names"
            raise ExpressionError(problem, text, _at(argument, text))
        if node.func.id in functions:
            return functions[node.func.id]
        near = get_close_matches(node.func.id, functions, n=2)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(OPERATIONS)}"
        raise ExpressionError(f"unknown operation {node.func.id!r} ({hint})", text, _at(node, text))
    what = {"BinOp": "this operator", "UnaryOp": "this operator", "Call": "calling this"}.get(type(node).__name__)
    column = _at(node, text)
    if isinstance(node, ast.BinOp):  # it begins with its left side
        left = text.encode()[: node.left.end_col_offset].decode()
        column = len(text) - len(text[len(left) :].lstrip(" )"))
    raise ExpressionError(f"{what or type(node).__name__} is not allowed here: {ALLOWED}", text, column)


def _applied(row: Operation, operands: list[Value | float], node: ast.expr, text: str) -> Value | float:
    if row.name == "dot" and len(operands) % 2:
        raise ExpressionError("dot takes an even number of operands: first all left factors", text, _at(node, text))
    try:
        result: Value | float = row(*operands)
    except TypeError as error:
        raise ExpressionError(str(error), text, _at(node, text)) from None
    return result
