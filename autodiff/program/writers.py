"""The one writer of formulas: expressions and instructions as text, with a small table for each target language.

:func:`statements` writes expressions so that what occurs in them more than once is computed once; ``Target.apply``
writes a single operation on operands that are written already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, NamedTuple, Protocol, TypeVar

SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/",
    "<": "<", "<=": "<=", ">": ">", ">=": ">=", "==": "==", "!=": "!=",
}  # fmt: skip
LEAVES = {"output": "y", "upstream": "upstream", "zero": "zero"}
"""The kinds of expressions that have no parts, beside operands and numbers, and what they are called."""
LONG = 400
"""The most characters of a text that is repeated rather than computed where it may not be needed."""


class Formula(Protocol):
    """An :class:`~autodiff.program.expressions.Expression`, which is written here and made there."""

    @property
    def kind(self) -> str: ...
    @property
    def parts(self) -> Sequence[Any]: ...
    @property
    def number(self) -> float: ...


F = TypeVar("F", bound=Formula)
Numbered = list[tuple[F, tuple[int, ...]]]


class UnwritableError(ValueError):
    """An operation cannot be written in the target language."""


class Text(NamedTuple):
    """What is written already."""

    text: str
    single: bool = True
    """Whether it is a name, a number or a call, which needs no brackets as the operand of an operator."""


def _bracketed(operand: Text) -> str:
    return operand.text if operand.single else f"({operand.text})"


@dataclass(frozen=True)
class Target:
    """How a language writes formulas."""

    infix: Mapping[str, str] = field(default_factory=lambda: SIGNS)
    """The signs between two operands, by the kind of expression."""
    prefix: Mapping[str, str] = field(default_factory=lambda: {"negative": "-", "positive": "+"})
    """The signs before a single operand."""
    choice: str = "{1} if {0} else {2}"
    """The second operand where the first is true, else the third."""
    choice_is_call: bool = False
    """Whether a choice needs no brackets, and computes all of its operands."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """Other operations, as formats of their operands."""
    function: Callable[[str, int], str] = lambda kind, arity: kind
    """What an operation is called, with that many operands, that stands in none of these tables."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What stands for the operands and the output, for the upstream gradient, for no dependence, for inf and nan."""
    assignment: str = "{} = {}"
    """A statement that gives a name to a part."""

    def number(self, number: float) -> Text:
        """A constant: the same bits, but for the payload of a nan."""
        if math.isfinite(number):
            text = repr(number).removesuffix(self.names.get("whole", ""))
        else:
            name = "nan" if math.isnan(number) else "inf"
            text = ("-" if number < 0 else "") + self.names.get(name, name)
        return Text(text, text[0] != "-")

    def apply(self, kind: str, operands: Sequence[Text]) -> Text:
        """An operation on operands, each of which is written already.

        >>> PYTHON.apply("multiply", [Text("x"), PYTHON.number(-1.0)]).text
        'x * (-1.0)'
        """
        if kind in self.infix:
            return Text(f" {self.infix[kind]} ".join(map(_bracketed, operands)), single=False)
        if kind in self.prefix:
            return Text(self.prefix[kind] + _bracketed(operands[0]), single=False)
        if kind == "choose" and not self.choice_is_call:
            return Text(self.choice.format(*map(_bracketed, operands)), single=False)
        texts = [operand.text for operand in operands]
        if kind == "choose" or kind in self.functions:
            return Text((self.choice if kind == "choose" else self.functions[kind]).format(*texts))
        return Text(f"{self.function(kind, len(texts))}({', '.join(texts)})")


PYTHON = Target(
    infix={**SIGNS, "power": "**", "pow": "**"},
    choice="choose({}, {}, {})",
    choice_is_call=True,
)
"""Formulas as this project's Python writes them."""

NUMPY = Target(
    choice="where({}, {}, {})",
    choice_is_call=True,
    functions={"unreached": "unreached({})"},
    names={"zero": "-0.0"},
)
"""Whole arrays. Here and in machine code -0.0 is the symbolic zero, see ``guarded``."""

MACHINE = Target(
    functions={
        "absolute": "math.fabs({})",
        "pow": "math.pow({}, ({}) * s[0])",  # s[0] is 1, unknown to the compiler, which squares otherwise than libm
        "unreached": "unreached({})",
    },
    function=lambda kind, arity: f"math.{kind}",
    names={"inf": "math.inf", "nan": "math.nan", "zero": "-0.0"},
)
"""Functions of floats that numba compiles."""

_OF_MATH = (
    "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
)  # fmt: skip
_JAVASCRIPT_FUNCTIONS = {"absolute": "Math.abs", "pow": "power", "erf": "erf", "erfc": "erfc"}
_JAVASCRIPT_FUNCTIONS |= {name: f"Math.{name}" for name in _OF_MATH}


def _javascript_function(kind: str, arity: int) -> str:
    if kind not in _JAVASCRIPT_FUNCTIONS:
        raise UnwritableError(kind)
    return _JAVASCRIPT_FUNCTIONS[kind]


JAVASCRIPT = Target(
    infix={**SIGNS, "==": "===", "!=": "!=="},
    choice="{0} ? {1} : {2}",
    function=_javascript_function,  # of its Math, or of runtime.js
    names={"operand": "x[{}]", "inf": "Infinity", "nan": "NaN", "zero": "null", "whole": ".0"},
    assignment="const {} = {};",
)


def numbered(expressions: Iterable[F]) -> tuple[Numbered[F], list[int]]:
    """Every expression that differs from all others, after its parts, with their places; and the places of those given.

    An expression can occur in another more often than could ever be written out: each is visited once, by a loop.
    """
    order: Numbered[F] = []
    place_of: dict[object, int] = {}
    visited: dict[int, int] = {}
    results = [*expressions]
    stack = results[::-1]
    while stack:
        expression = stack[-1]
        waiting = [part for part in reversed(expression.parts) if id(part) not in visited]
        if id(expression) in visited or not waiting:
            stack.pop()
            parts = tuple(visited[id(part)] for part in expression.parts)
            key = (expression.kind, parts, repr(expression.number))
            if key not in place_of:
                place_of[key] = len(order)
                order.append((expression, parts))
            visited[id(expression)] = place_of[key]
        else:
            stack += waiting
    return order, [visited[id(result)] for result in results]


def _needed_in_any_case(order: Numbered[F], places: Sequence[int]) -> list[bool]:
    """Which of them are computed whatever the choices are."""
    needs: list[int] = []  # for each, the places that it needs as the bits of an integer
    for place, (expression, parts) in enumerate(order):
        of_parts = [needs[part] for part in parts]
        if expression.kind == "choose":
            of_parts = [of_parts[0], of_parts[1] & of_parts[2]]
        needs.append(reduce(or_, of_parts, 1 << place))
    needed = reduce(or_, [needs[place] for place in places], 0)
    return [bool(needed >> place & 1) for place in range(len(order))]


def written(expression: Formula, target: Target) -> str:
    """The expression as one text."""
    return statements([expression], target, share=False)[1][0]


def statements(expressions: Iterable[Formula], target: Target, share: bool = True) -> tuple[list[str], list[str]]:
    """Statements that give names to what occurs more than once, and then the text of each expression.

    Of two branches only one is computed. So what may not be needed is written out again, unless it is long.

    Args:
        expressions: what is written.
        target: for which language.
        share: compute only once what occurs more than once.

    >>> from autodiff.program.expressions import traced
    >>> statements([traced(lambda x: x / (x + 1) if x > 0 else x + 1, 1)], MACHINE)
    (['t0 = x0 + 1.0'], ['(x0 / t0) if (x0 > 0.0) else t0'])
    """
    order, places = numbered(expressions)
    uses = [0] * len(order)
    for place in (*places, *(part for _, parts in order for part in parts)):
        uses[place] += 1
    needed = [True] * len(order) if target.choice_is_call else _needed_in_any_case(order, places)
    lines: list[str] = []
    texts: list[Text] = []
    for place, (expression, parts) in enumerate(order):
        kind = expression.kind
        if kind == "number":
            text = target.number(expression.number)
        elif kind == "operand":
            text = Text(target.names.get(kind, "x{}").format(int(expression.number)))
        elif kind in LEAVES:
            text = Text(target.names.get(kind, LEAVES[kind]))
        else:
            text = target.apply(kind, [texts[part] for part in parts])
        if share and parts and uses[place] > 1 and (needed[place] or len(text.text) > LONG):
            lines.append(target.assignment.format(f"t{len(lines)}", text.text))
            text = Text(f"t{len(lines) - 1}")
        texts.append(text)
    return lines, [texts[place].text for place in places]
