"""The table for people: what ``help()`` says of an operation, and the page of all of them, made from the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from autodiff.documentation import operand_names
from autodiff.operations import Operation
from autodiff.program.expressions import Expression, derivatives, traced
from autodiff.program.writers import PYTHON, written
from autodiff.registry import OPERATIONS

Say = Callable[[str], str]
"""What gives a text in the reader's language."""
FORMULA = replace(PYTHON, functions={"absolute": "abs({})"})
"""Formulas as a reader writes them."""
SHOWN = 4
"""How many operands stand for any number of them."""
LONGEST = 80
"""Characters of a primal that is written out."""


def describe(row: Operation) -> str:
    """The docstring of an operation: formula, derivatives, domain, kinks and singular points.

    >>> from autodiff import leaky_relu
    >>> print(describe(leaky_relu))
    The operation leaky_relu of 2 operands, x and slope, on floats or Values.
    <BLANKLINE>
    value:      slope * x if x <= 0.0 else x
    ∂/∂x:       1.0 if x > 0.0 else slope if x <= 0.0 else x * slope
    ∂/∂slope:   no dependence if x > 0.0 else x
    domain:     -10 <= x <= 10, 0.001 <= slope <= 0.5, where it is tested
    kinks:      it is not differentiable everywhere inside its domain
    at x = 0.0, slope = 0.01: value 0.0, derivatives 0.01 and 0.0, by convention
    """
    names = _names(row)
    count = f"{row.arity} operand{'s' * (row.arity != 1)}" if row.arity is not None else "any number of operands"
    listed = f", {' and '.join(names)}," if row.arity is not None else f" (here {', '.join(names)}),"
    return "\n".join([f"The operation {row.name} of {count}{listed} on floats or Values.", "", symbols(row)])


def symbols(row: Operation, say: Say = str) -> str:
    """The lines of it from the formula on; ``say`` gives each of their texts in another language.

    >>> from autodiff import relu
    >>> print(symbols(relu, lambda text: {"value": "Wert"}.get(text, text)).splitlines()[0])
    Wert:       0.0 if x <= 0.0 else x
    """
    names = _names(row)
    rows = [(say("value"), _value(row, names))]
    rows += [(f"∂/∂{name}", text) for name, text in zip(names, _derivatives(row, say))]
    if row.arity is not None:
        rows.append((say("domain"), say("{intervals}, where it is tested").format(intervals=_domain(row))))
    if row.kinks:
        rows.append((say("kinks"), say("it is not differentiable everywhere inside its domain")))
    lines = [f"{title + ':':<11} {text}" for title, text in rows]
    conjunction = say("and")
    for point, (value, local) in row.singular_points.items():
        where = ", ".join(f"{name} = {x!r}" for name, x in zip(names, point))
        found = f" {conjunction} ".join(map(repr, local))
        told = say("at {where}: value {value}, derivatives {derivatives}, by convention")
        lines.append(told.format(where=where, value=repr(value), derivatives=found))
    return "\n".join(lines)


def page() -> str:
    """All operations as a page of Markdown."""
    lines = [
        "# Operations",
        "",
        "Made from the table in `autodiff/rules.py` by `python -m docs.operations`. `y` is the output. *no dependence*",
        "is the symbolic zero: nothing flows to that operand, whatever stands upstream. *(kinks)* marks operations",
        "that are not differentiable everywhere; what they give there is a convention, listed below and held by tests.",
        "",
        "| operation | value | local derivatives | domain |",
        "|---|---|---|---|",
    ]
    for row in OPERATIONS.values():
        names = _names(row)
        call = f"`{row.name}({', '.join(names)}{', …' * (row.arity is None)})`" + " (kinks)" * row.kinks
        primal = f"`{_value(row, names)}`"
        locals_ = "; ".join(f"∂/∂{name}: `{text}`" for name, text in zip(names, _derivatives(row)))
        lines.append(f"| {call} | {primal} | {locals_} | {_domain(row) or 'any'} |")
    lines += ["", "## Singular points", "", "| operation | at | value | derivatives |", "|---|---|---|---|"]
    for row in OPERATIONS.values():
        for point, (value, local) in row.singular_points.items():
            lines.append(f"| `{row.name}` | {_listed(point)} | {value!r} | {_listed(local)} |")
    return "\n".join([*lines, ""])


def _names(row: Operation) -> tuple[str, ...]:
    return operand_names(row) if row.arity is not None else tuple(f"x{place}" for place in range(SHOWN))


def _value(row: Operation, names: Sequence[str]) -> str:
    """The primal in terms of other rows; the call of one that is elementary, or too long to be read."""
    primal = traced(row.primal, len(names), inline=False)
    text = "" if primal is None else _formula(primal, names)
    return text if 0 < len(text) <= LONGEST else f"{row.name}({', '.join(names)})"


def _derivatives(row: Operation, say: Say = str) -> list[str]:
    names = _names(row)
    found = derivatives(row, len(names), inline=False)
    called = say("computed by a function that only runs on floats")
    return [called if each is None else _formula(each, names, say) for each in found]


def _formula(expression: Expression, names: Sequence[str], say: Say = str) -> str:
    told = replace(FORMULA, names={"zero": say("no dependence")})
    return re.sub(r"\bx(\d+)\b", lambda found: names[int(found[1])], written(expression, told))


def _domain(row: Operation) -> str:
    intervals = zip(_names(row), row.domain) if row.arity is not None else ()
    return ", ".join(f"{low:g} <= {name} <= {high:g}" for name, (low, high) in intervals)


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(map(repr, numbers))
