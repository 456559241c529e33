r"""``javascript``: a program as JavaScript that runs it forward and backward, for a page that works on its own.

The text is one expression. Its value is an object::

    const program = …;
    const values = program.forward(parameters, inputs);     // Float64Array: the number in every slot
    const { gradients, steps } = program.backward(values);  // of output 0

``parameters`` and ``inputs`` are arrays of numbers, one for each parameter and each input of the program.
``backward(values, { seed: 1, output: 0, initial: null })`` takes options: the gradient that the root starts with, which
of the outputs is the root, and the gradients by slot that earlier passes left in the leaves. ``gradients`` is a
Float64Array by slot, and ``steps`` are those of ``Value.backward_steps``, in its order: objects
``{ node, operand, position, local, upstream, contribution, before, after }``, the first two of which are slots.
``program.names`` has the name of every slot; ``slots``, ``firstParameter``, ``firstInput``, ``firstResult`` and
``outputs`` mean what they mean on ``Program``; ``operandsOf(slot)`` gives the slots that a result was computed from.

What is arithmetic gives the very bits of the eager engine; a function of JavaScript's ``Math`` can differ from C's in
the last ones. Names are data and never become code. Nothing here needs ``eval``, a library or the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from math import copysign, isinf, isnan
from pathlib import Path
from typing import Any

from autodiff.operations import Operation
from autodiff.program.expressions import COMPARISONS, Expression, derivatives, primal
from autodiff.program.program import Program
from autodiff.rules import DETACHED, SELECT, dot, total

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "==": "===", "!=": "!=="}
INFIX |= {sign: sign for sign in COMPARISONS if sign not in INFIX}
FUNCTIONS = {"absolute": "Math.abs", "pow": "power", "erf": "erf", "erfc": "erfc"}
FUNCTIONS |= {
    name: f"Math.{name}"
    for name in (
        "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
    )
}  # fmt: skip
"""How JavaScript calls the elementary functions: by its ``Math``, or by a function of ``runtime.js``."""
VARIADIC = (total, dot, SELECT)
"""The operations that ``runtime.js`` has for any number of operands."""


class Unwritable(ValueError):  # noqa: N818 - read as a word: "except Unwritable"
    """An operation of the program cannot be written in JavaScript."""


def javascript(program: Program) -> str:
    """The program as one JavaScript expression; see above for the object that it gives.

    Raises:
        Unwritable: the primal or a rule of one of its operations only runs on floats: it calls Python's ``math``, say.

    >>> from autodiff import lookup
    >>> from autodiff.program.program import Instruction, assemble
    >>> script = javascript(assemble([], ["w"], ["x"], [Instruction(lookup("multiply"), (0, 1))], [2]))
    >>> print(script.splitlines()[-3])
    { value: (x) => x[0] * x[1], locals: (x, y) => [x[1], x[0]] },
    """
    codes: dict[str, int] = {}
    opcodes = [codes.setdefault(_row(op, _arity(op, operands)), len(codes)) for op, operands in program]
    data = {
        "slots": program.slots,
        "firstParameter": program.first_parameter,
        "firstInput": program.first_input,
        "firstResult": program.first_result,
        "names": [program.name(slot) for slot in range(program.slots)],
        "opcodes": opcodes,
        "starts": program.starts.tolist(),
        "operands": program.operands.tolist(),
        "outputs": program.outputs.tolist(),
    }
    fields = [f"{name}: {embedded(field)}," for name, field in data.items()]
    constants = ", ".join(map(literal, program.constants.tolist()))
    return "\n".join(
        ["(() => {", '"use strict";', runtime(), "return runner({", *fields, f"constants: [{constants}],", "}, ["]
        + [f"{row}," for row in codes]
        + ["]);", "})()"]
    )


@cache
def runtime() -> str:
    """The functions that every program is run by."""
    return Path(__file__).with_name("runtime.js").read_text(encoding="utf-8")


def embedded(data: Any) -> str:
    """Data as JSON that can stand inside a ``<script>`` of a page: no text in it ends or begins an element.

    >>> print(embedded({"name": "</script>"}))
    {"name":"\\u003c/script>"}
    """
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def literal(number: float) -> str:
    """The number as JavaScript writes it: the same bits, but for the payload of a nan.

    >>> literal(0.1), literal(-0.0), literal(float("-inf"))
    ('0.1', '-0', '-Infinity')
    """
    if isnan(number):
        return "NaN"
    if isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return ("-" if copysign(1.0, number) < 0 else "") + repr(abs(number)).removesuffix(".0")


def _arity(op: Operation, operands: tuple[int, ...]) -> int:
    return 0 if op in VARIADIC else len(operands)


@cache
def _row(op: Operation, arity: int) -> str:
    """The functions of an operation of that many operands, as ``runner`` takes them."""
    if op in VARIADIC:
        return f"variadic.{op.name}"
    forward = primal(op, arity) or _elementary(op)
    value = f"value: {_function('(x)', [forward], '{}')}"
    if op is DETACHED:
        return f"{{ {value} }}"
    backward = derivatives(op, arity)
    if any(rule is None for rule in backward):
        raise _unwritable(op.name, "a rule of its derivatives")
    return f"{{ {value}, locals: {_function('(x, y)', backward, '[{}]')} }}"  # type: ignore[arg-type]  # no None left


def _elementary(op: Operation) -> Expression:
    """The call of an elementary function of JavaScript.

    Raises:
        Unwritable: there is no function of that name.
    """
    if op.name not in FUNCTIONS:
        raise _unwritable(op.name, "its primal")
    return Expression(op.name, tuple(Expression("operand", (), place) for place in range(op.arity or 0)))


def _unwritable(name: str, what: str) -> Unwritable:
    return Unwritable(
        f"the operation {name!r} cannot be written in JavaScript: {what} only runs on floats, for instance because it "
        "calls Python's math; write it with arithmetic, comparisons and operations of the table (autodiff.exp for "
        "math.exp)"
    )


def _function(arguments: str, results: Sequence[Expression], returned: str) -> str:
    """An arrow function that gives the results; what occurs in them more than once is computed once."""
    order, places = _numbered(results)
    uses = [0] * len(order)
    for place in (*places, *(part for _, parts in order for part in parts)):
        uses[place] += 1
    lines: list[str] = []
    texts: list[str] = []
    for (expression, parts), count in zip(order, uses):
        text = _text(expression, [(order[part][0], texts[part]) for part in parts])
        if count > 1 and parts:
            lines.append(f"const t{len(lines)} = {text};")
            text = f"t{len(lines) - 1}"
        texts.append(text)
    result = returned.format(", ".join(texts[place] for place in places))
    return f"{arguments} => {{ {' '.join(lines)} return {result}; }}" if lines else f"{arguments} => {result}"


def _numbered(results: Iterable[Expression]) -> tuple[list[tuple[Expression, tuple[int, ...]]], list[int]]:
    """Every expression that differs from all others, after its parts; and the places of the results.

    An expression can occur in another more often than could ever be written out: each is met once, by a loop.
    """
    order: list[tuple[Expression, tuple[int, ...]]] = []
    place_of: dict[object, int] = {}
    met: dict[int, int] = {}
    results = list(results)
    stack = results[::-1]
    while stack:
        expression = stack[-1]
        waiting = [part for part in expression.parts if id(part) not in met]
        if id(expression) in met or not waiting:
            stack.pop()
            parts = tuple(met[id(part)] for part in expression.parts)
            key = (expression.kind, parts, repr(expression.number))
            if key not in place_of:
                place_of[key] = len(order)
                order.append((expression, parts))
            met[id(expression)] = place_of[key]
        else:
            stack += waiting
    return order, [met[id(result)] for result in results]


def _text(expression: Expression, parts: list[tuple[Expression, str]]) -> str:
    """One expression, in the texts of its parts."""
    kind = expression.kind
    if kind == "operand":
        return f"x[{expression.number:.0f}]"
    if kind == "output":
        return "y"
    if kind == "number":
        return literal(expression.number)
    if kind in INFIX:
        return f" {INFIX[kind]} ".join(_bracketed(*part) for part in parts)
    if kind == "choose":
        return "{} ? {} : {}".format(*(_bracketed(*part) for part in parts))
    if kind == "negative":
        return f"-{_bracketed(*parts[0])}"
    if kind == "positive":
        return _bracketed(*parts[0])
    if kind not in FUNCTIONS:
        raise _unwritable(kind, "its primal")
    return f"{FUNCTIONS[kind]}({', '.join(text for _, text in parts)})"


def _bracketed(expression: Expression, text: str) -> str:
    """The text as a part of an operator: in brackets unless it is a single thing."""
    single = text.isidentifier() or (text[0] != "-" and expression.kind not in (*INFIX, "choose"))
    return text if single else f"({text})"
