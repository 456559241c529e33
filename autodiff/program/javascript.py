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

:func:`module` wraps programs into an ES module that chooses among the ways through a function's branches.

What is arithmetic gives the very bits of the eager engine; a function of JavaScript's ``Math`` can differ from C's in
the last ones. Names are data and never become code. Nothing here needs ``eval``, a library or the network.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.operations import Operation
from autodiff.program.exporting.exported import Exported
from autodiff.program.exporting.formulas import refusing
from autodiff.program.exporting.identifiers import commented
from autodiff.program.expressions import Expression, derivatives, operand, primal
from autodiff.program.writers import JAVASCRIPT, statements
from autodiff.program.writers import UnwritableError as UnwritableError
from autodiff.rules import SELECT, dot, norm, total

if TYPE_CHECKING:
    from autodiff.program.program import Program

VARIADIC = (total, dot, norm, SELECT)
"""The operations that ``runtime.js`` has for any number of operands."""


def javascript(program: Program) -> str:
    """The program as one JavaScript expression; see above for the object that it gives.

    Raises:
        UnwritableError: a primal or a rule of its operations only runs on floats: it calls Python's ``math``, say.

    >>> from autodiff import lookup
    >>> from autodiff.program.program import Instruction, assemble
    >>> script = javascript(assemble([], ["w"], ["x"], [Instruction(lookup("multiply"), (0, 1))], [2]))
    >>> print(next(line for line in script.splitlines() if line.startswith("{ value")))
    { value: (x) => x[0] * x[1], locals: (x, y) => [x[1], x[0]] },
    """
    data, rows = parts(program)
    return f"({runner(rows)})({_object(data)})"


def module(exported: Exported) -> str:
    """An ES module with the functions ``value`` and ``valueAndGradient``; ``Program.to_javascript`` tells of them.

    Raises:
        UnwritableError: as of :func:`javascript`.
        ValueError: it is empty, or too large to be written out.
    """
    exported.check()
    ways = []
    for at, program in enumerate(exported.ways):
        data, rows = parts(program)
        guards = [[each.comparison, each.left, each.right, each.holds] for each in program.guards]
        listed = "\n".join(f"{row}," for row in rows)
        ways.append(f"  {{ program: runner({_object(data)}, [\n{listed}\n]),")
        ways.append(f"    guards: {embedded(guards)}, needsFinite: {json.dumps(exported.finite(at))} }},")
    known = exported.numbers is not None
    numbers = f"[{', '.join(map(literal, exported.numbers or ()))}]" if known else "null"
    head = [
        f"// {commented(exported.name)} and its gradient, as a module without imports. Names of parameters:",
        f"export const parameterNames = {embedded(exported.parameters)};",
        "// The numbers that the parameters had; null where they were not known.",
        f"export const parameters = {numbers};",
        f"const inputCount = {exported.inputs};",
        f"const outputCount = {exported.outputs};",
    ]
    return "\n".join([*head, runtime(), "const ways = [", *ways, "];", "", module_runtime()])


def parts(program: Program) -> tuple[dict[str, Any], list[str]]:
    """The arrays of the program, for the function that :func:`runner` writes of its rows.

    Raises:
        UnwritableError: as for :func:`javascript`.
    """
    codes: dict[str, int] = {}
    arities = [0 if op in VARIADIC else len(operands) for op, operands in program]
    opcodes = [codes.setdefault(_row(op, arity), len(codes)) for (op, _), arity in zip(program, arities)]
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
        "constants": program.constants.tolist(),
    }
    return data, list(codes)


def _object(data: dict[str, Any]) -> str:
    """The arrays as an object, numbers of all kinds among them."""
    constants = ", ".join(map(literal, data["constants"]))
    fields = [f"{name}: {embedded(field)}," for name, field in data.items() if name != "constants"]
    return "\n".join(["{", *fields, f"constants: [{constants}],", "}"])


def runner(rows: Sequence[str]) -> str:
    """The JavaScript function that makes a program of its arrays; the rows compute each kind of operation."""
    listed = "\n".join(f"{row}," for row in rows)
    return f'(data) => {{\n"use strict";\n{runtime()}\nreturn runner(data, [\n{listed}\n]);\n}}'


@cache
def runtime() -> str:
    """The functions that every program is run by."""
    return Path(__file__).with_name("runtime.js").read_text(encoding="utf-8")


@cache
def module_runtime() -> str:
    """The functions of a module, which take the way whose branches are those that the numbers take."""
    return Path(__file__).with_name("module.js").read_text(encoding="utf-8")


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
    return JAVASCRIPT.number(number).text


@cache
def _row(op: Operation, arity: int) -> str:
    """The functions of an operation of that many operands, as ``runner`` takes them."""
    if op in VARIADIC:
        return f"variadic.{op.name}"
    forward = primal(op, arity) or Expression(op.name, tuple(map(operand, range(arity))))
    backward = [rule for rule in derivatives(op, arity) if rule is not None]
    with refusing("JavaScript"):
        if len(backward) < arity:
            raise UnwritableError(op.name)
        value, locals_ = _function("(x)", [forward], "{}"), _function("(x, y)", backward, "[{}]")
        return f"{{ value: {value}, locals: {locals_} }}"


def _function(arguments: str, results: Sequence[Expression], returned: str) -> str:
    """An arrow function that gives the results."""
    lines, texts = statements(results, JAVASCRIPT)
    result = returned.format(", ".join(texts))
    return f"{arguments} => {{ {' '.join(lines)} return {result}; }}" if lines else f"{arguments} => {result}"
