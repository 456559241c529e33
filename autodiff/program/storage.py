"""``dumps`` and ``loads``: programs as bytes, for other processes and machines. No code travels, and none is run.

An operation of the table travels as its name; one of the user's own as the formulas of its primal and of its rules.
"""

from __future__ import annotations

import json
import operator
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.operations import Operation
from autodiff.program.expressions import COMPARISONS, derivatives, primal
from autodiff.program.program import Guard, Instruction, Program, assemble
from autodiff.program.writers import Expression, UnwritableError, numbered
from autodiff.registry import BUILT_IN, lookup
from autodiff.zeros import ZERO

FORMAT, VERSION = b"autodiff-program", 1
"""What the bytes begin with. The version is raised when the bytes, or the numbers that a row gives, become others."""
LARGEST = 2**31
"""The most bytes of a program, unpacked, that is read."""


def dumps(program: Program) -> bytes:
    """The program as bytes, the same for the same program.

    Raises:
        UnwritableError: it has an operation of the user's own that cannot be written as formulas.

    >>> from autodiff import Value
    >>> program, _ = Program.from_graph(Value(2.0, label="w") * 3)
    >>> print(loads(dumps(program)))
    parameters  w
    inputs
      v2 = w * 3.0
    outputs     v2
    """
    counts = np.diff(program.starts)
    arities: dict[int, set[int]] = {}
    for code, count in zip(program.opcodes.tolist(), counts.tolist()):
        arities.setdefault(code, set()).add(count)
    told = {
        "constants": program.constants.astype("<f8").tobytes().hex(),
        "parameters": program.parameters,
        "inputs": program.inputs,
        "operations": [_told(row, sorted(arities.get(code, ()))) for code, row in enumerate(program.operations)],
        "opcodes": program.opcodes.tolist(),
        "counts": counts.tolist(),
        "operands": program.operands.tolist(),
        "outputs": program.outputs.tolist(),
        "guards": program.guards,
        "labels": sorted(program.labels.items()),
        "shared": program.shared,
    }
    head = b"%s %d\n" % (FORMAT, VERSION)
    return head + zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 1)


def loads(data: bytes) -> Program:
    """The program of bytes that :func:`dumps` gave.

    Raises:
        ValueError: they are no program, one of another version, or damaged.
    """
    head, _, packed = data.partition(b"\n")
    name, _, version = head.partition(b" ")
    if name != FORMAT:
        raise ValueError("these bytes are no program")
    check_version(int(version) if version.isdigit() else version)
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, LARGEST)
        if not unpacking.eof:
            raise ValueError("it is cut short, or too long")
        told = json.loads(text)
        operations = [*map(_operation, told["operations"])]
        operands = iter(told["operands"])
        instructions = [
            Instruction(operations[code], tuple([next(operands) for _ in range(count)]))
            for code, count in zip(told["opcodes"], told["counts"], strict=True)
        ]
        return assemble(
            np.frombuffer(bytes.fromhex(told["constants"]), "<f8").tolist(),
            told["parameters"],
            told["inputs"],
            instructions,
            told["outputs"],
            [Guard(*guard) for guard in told["guards"]],
            dict(told["labels"]),
            told["shared"],
        )
    except (zlib.error, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise ValueError(f"this program is damaged: {error}") from None


def check_version(version: Any) -> None:
    """Refuse what another version of the package has written.

    Raises:
        ValueError: it is another one.
    """
    if version != VERSION:
        raise ValueError(
            f"a program of the format {version!r} cannot be read here, where the format is {VERSION}: the same version "
            "of autodiff must be installed on both sides"
        )


# ── Operations of the user's own ─────────────────────────────────────────────────────────────────


def _told(row: Operation, arities: Sequence[int]) -> Any:
    """The name of a row of the table; of another one its name and, for each number of operands, its formulas."""
    if row.name in BUILT_IN:
        return row.name
    return [row.name, row.arity is None, [[arity, *_formulas(row, arity)] for arity in arities]]


def _formulas(row: Operation, arity: int) -> tuple[list[Any], list[int]]:
    """Primal and local derivatives: every part, each after its own parts, and the places of the results."""
    written = [primal(row, arity), *derivatives(row, arity)]
    results = [each for each in written if each is not None]
    if len(results) < len(written):
        raise UnwritableError(
            f"the operation {row.name!r} cannot travel to other processes, since it is no formula: write its primal "
            "and its rules with arithmetic and the operations of autodiff, in place of math's"
        )
    order, places = numbered(results)
    return [[each.kind, parts, repr(each.number)] for each, parts in order], places


def _operation(told: Any) -> Operation:
    if isinstance(told, str):
        return lookup(told)
    name, is_variadic, formulas = told
    by_arity = {arity: [*_functions(parts, places)] for arity, parts, places in formulas}
    if not is_variadic:
        ((computed, *rules),) = by_arity.values()
        return Operation(name, computed, *rules)
    return Operation(
        name,
        lambda *operands: by_arity[len(operands)][0](*operands),
        lambda operands, y: [rule(*operands, y) for rule in by_arity[len(operands)][1:]],
        variadic=True,
    )


def _functions(parts: Sequence[Any], places: Sequence[int]) -> Iterator[Callable[..., Any]]:
    found: list[Expression] = []
    for kind, operands, number in parts:
        found.append(Expression(kind, tuple([found[place] for place in operands]), float(number)))
    for place in places:
        yield lambda *numbers, result=found[place]: _evaluated(result, numbers)


def _evaluated(expression: Expression, numbers: Sequence[Any]) -> Any:
    """The formula of these numbers, the output last: by calls of the rows, and only of the branches that are taken."""
    known: dict[int, Any] = {}

    def value(part: Expression) -> Any:
        if id(part) not in known:
            known[id(part)] = _computed(part, numbers, value)
        return known[id(part)]

    return value(expression)


def _computed(part: Expression, numbers: Sequence[Any], value: Callable[[Expression], Any]) -> Any:
    match part.kind:
        case "operand":
            return numbers[int(part.number)]
        case "output":
            return numbers[-1]
        case "number":
            return part.number
        case "zero":
            return ZERO
        case "choose":
            condition, if_true, if_false = part.parts
            return value(if_true) if value(condition) else value(if_false)
        case kind if kind in COMPARISONS:
            return getattr(operator, COMPARISONS[kind])(*map(value, part.parts))
        case kind:
            return lookup(kind)(*map(value, part.parts))
