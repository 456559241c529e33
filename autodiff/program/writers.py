"""The one writer of formulas: expressions and instructions as text, with a small table for each target language.

:func:`statements` writes expressions so that what occurs in them more than once is computed once; ``Target.apply``
writes a single operation on operands that are written already.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import NamedTuple

COMPARISONS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
"""The signs of comparisons, and what Python's methods for them are called."""
CHOICE, COMPARISON, SUM, PRODUCT, SIGN, POWER, SINGLE = range(7)
"""How tightly a text holds together: the strength of its operator. A name, a number and a call are single."""
STRENGTHS = {
    **dict.fromkeys(COMPARISONS, COMPARISON),
    "add": SUM, "subtract": SUM, "multiply": PRODUCT, "divide": PRODUCT, "power": POWER, "pow": POWER,
}  # fmt: skip
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", **{sign: sign for sign in COMPARISONS}}
PREFIXES = {"negative": "-", "positive": "+"}
LEAVES = {"output": "y", "upstream": "upstream", "zero": "zero"}
"""The kinds of expressions that have no parts, beside operands and numbers, and what they are called."""
LONG = 400
"""The most characters of a text that is repeated rather than named, where naming it would compute it in vain."""


class UnwritableError(ValueError):
    """An operation cannot be written in the target language."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula: what is done (``kind``), and to which expressions.

    The kinds are ``operand`` (its number counts from 0), ``output``, ``number``, ``upstream`` (the upstream gradient),
    ``zero`` (no dependence: what ``ZERO`` says in a rule), the comparisons (``<`` …, true or false), ``choose`` (a
    comparison, and what holds if it is true and if it is not), and the names of operations.

    >>> x, one = Expression("operand"), Expression("number", (), 1.0)
    >>> print(Expression("choose", (Expression("<", (x, one)), x, Expression("exp", (x,)))))
    choose(x0 < 1.0, x0, exp(x0))
    """

    kind: str
    parts: tuple[Expression, ...] = ()
    number: float = 0.0

    def __str__(self) -> str:
        return written(self, PYTHON)


class Text(NamedTuple):
    """What is written already, and how tightly it holds together."""

    text: str
    strength: int = SINGLE

    def of(self, least: int) -> str:
        """As an operand that must hold together at least that tightly: in brackets where it does not."""
        return self.text if self.strength >= least else f"({self.text})"


@dataclass(frozen=True)
class Target:
    """How a language writes formulas."""

    infix: Mapping[str, str] = field(default_factory=lambda: SIGNS)
    """The signs between two operands, by the kind of expression."""
    choice: str = "{1} if {0} else {2}"
    """The second operand where the first is true, else the third; unless that is one of the functions."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """Other operations, as formats of their operands."""
    function: Callable[[str, int], str] = lambda kind, arity: kind
    """What an operation is called, with that many operands, that stands in none of these tables."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What stands for the operands and the output, for the upstream gradient, for no dependence, for inf and nan."""
    called: Callable[[int], str] | None = None
    """What an operand is called, by its number, where that is none of ``names``."""
    assignment: str = "{} = {}"
    """A statement that gives a name to a part."""

    def number(self, number: float) -> Text:
        """A constant: the same bits, but for the payload of a nan."""
        if math.isfinite(number):
            text = repr(number).removesuffix(self.names.get("whole", ""))
        else:
            name = "nan" if math.isnan(number) else "inf"
            text = ("-" if number < 0 else "") + self.names.get(name, name)
        return Text(text, SIGN if text[0] == "-" else SINGLE)

    def operand(self, place: int) -> Text:
        """An operand, or whatever has that number."""
        return Text(self.called(place) if self.called else self.names.get("operand", "x{}").format(place))

    def apply(self, kind: str, operands: Sequence[Text]) -> Text:
        """An operation on operands, each of which is written already.

        Operators are read from left to right, so an operand on the right needs brackets where its operator is as
        strong: ``a - (b + c)``. Only a power is read from right to left, and a sign may stand in its exponent.

        >>> x, minus_x = Text("x"), Text("-x", SIGN)
        >>> PYTHON.apply("multiply", [minus_x, PYTHON.apply("multiply", [x, minus_x])]).text
        '-x * (x * -x)'
        """
        if kind in self.infix:
            own = STRENGTHS[kind]
            least = {COMPARISON: (SUM, SUM), POWER: (SINGLE, SIGN)}.get(own, (own, own + 1))
            return Text(f" {self.infix[kind]} ".join(map(Text.of, operands, least)), own)
        if kind in PREFIXES:
            return Text(PREFIXES[kind] + operands[0].of(POWER), SIGN)
        texts = [operand.text for operand in operands]
        if kind in self.functions:
            return Text(self.functions[kind].format(*texts))
        if kind == "choose":
            return Text(self.choice.format(*map(Text.of, operands, (COMPARISON, COMPARISON, CHOICE))), CHOICE)
        return Text(f"{self.function(kind, len(texts))}({', '.join(texts)})")


PYTHON = Target(
    infix={**SIGNS, "power": "**", "pow": "**"},
    functions={"choose": "choose({}, {}, {})"},
)
"""Formulas as this project's Python writes them."""

NUMPY = Target(
    functions={"choose": "where({}, {}, {})", "unreached": "unreached({})"},
    names={"zero": "-0.0"},
)
"""Whole arrays. Here and in machine code -0.0 is the symbolic zero, see ``guarded``."""

MACHINE = Target(
    functions={
        "absolute": "math.fabs({})",
        "mod": "(({}) % ({}))",
        "pow": "math.pow({}, ({}) * s[0])",  # s[0] is 1, unknown to the compiler, which squares otherwise than libm
        "unreached": "unreached({})",
    },
    function=lambda kind, arity: f"math.{kind}",
    names={"inf": "math.inf", "nan": "math.nan", "zero": "-0.0"},
)
"""Functions of floats in the language of compiled code."""

_OF_MATH = (
    "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
)  # fmt: skip
_JAVASCRIPT_FUNCTIONS = {"absolute": "Math.abs", "pow": "power", "mod": "mod", "erf": "erf", "erfc": "erfc"}
_JAVASCRIPT_FUNCTIONS |= {name: f"Math.{name}" for name in _OF_MATH}


def _javascript_function(kind: str, arity: int) -> str:
    if kind not in _JAVASCRIPT_FUNCTIONS:
        raise UnwritableError(kind)
    return _JAVASCRIPT_FUNCTIONS[kind]


JAVASCRIPT = Target(
    infix={**SIGNS, "==": "===", "!=": "!=="},
    choice="{} ? {} : {}",
    function=_javascript_function,  # of its Math, or of runtime.js
    names={"operand": "x[{}]", "inf": "Infinity", "nan": "NaN", "zero": "null", "whole": ".0"},
    assignment="const {} = {};",
)


def _c_function(kind: str, arity: int) -> str:
    if kind not in _C_FUNCTIONS:
        raise UnwritableError(kind)
    return _C_FUNCTIONS[kind]


_C_FUNCTIONS = {name: name for name in (*_OF_MATH, "pow", "erf", "erfc")}  # of math.h, as C99 has it
_C_FUNCTIONS |= {"absolute": "fabs", "mod": "op_mod", "flow": "op_flow"}  # the last two are written into the file

C = Target(
    choice="{} ? {} : {}",
    function=_c_function,
    names={"inf": "INFINITY", "nan": "NAN", "zero": "-0.0"},
    assignment="const double {} = {};",
)
"""Floats in C99. Here and in NumPy's source -0.0 is the symbolic zero."""


def _numpy_function(kind: str, arity: int) -> str:
    if kind not in _NUMPY_FUNCTIONS:
        raise UnwritableError(kind)
    return _NUMPY_FUNCTIONS[kind]


_NUMPY_FUNCTIONS = {name: f"np.{re.sub('^a(?=cos|sin|tan)', 'arc', name)}" for name in _OF_MATH}
_NUMPY_FUNCTIONS |= {"absolute": "np.abs", "mod": "np.remainder"}
_NUMPY_FUNCTIONS |= {name: f"_{name}" for name in ("pow", "erf", "erfc", "flow")}  # written into the source

NUMPY_SOURCE = Target(
    functions={"choose": "np.where({}, {}, {})"},
    function=_numpy_function,
    names={"inf": "np.inf", "nan": "np.nan", "zero": "-0.0"},
)
"""Whole arrays in a source of its own, for which nothing but NumPy is there."""


Numbered = list[tuple[Expression, tuple[int, ...]]]
"""Expressions, each after its parts, with the places of these."""


def numbered(expressions: Iterable[Expression]) -> tuple[Numbered, list[int]]:
    """Every expression that differs from all others, after its parts, with their places; and the places of those given.

    An expression can occur in another more often than could ever be written out: each is visited once, by a loop.
    """
    order: Numbered = []
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


def _needed_in_any_case(order: Numbered, places: Sequence[int]) -> list[bool]:
    """Which of them are computed whatever the choices are."""
    needs: list[int] = []  # for each, the places that it needs as the bits of an integer
    for place, (expression, parts) in enumerate(order):
        of_parts = [needs[part] for part in parts]
        if expression.kind == "choose":
            of_parts = [of_parts[0], of_parts[1] & of_parts[2]]
        needs.append(reduce(or_, of_parts, 1 << place))
    needed = reduce(or_, [needs[place] for place in places], 0)
    return [bool(needed >> place & 1) for place in range(len(order))]


def written(expression: Expression, target: Target) -> str:
    """The expression as one text. What is long and occurs more than once has a name: written out, erfinv is ten million
    characters long.

    >>> from autodiff.program.expressions import traced
    >>> print(traced(lambda x: (x + 1) * (x + 1), 1))
    (x0 + 1.0) * (x0 + 1.0)
    >>> text = str(traced(lambda x: sum([x] * 200) ** 2 / sum([x] * 200), 1))
    >>> text[:45], len(text) < 1100
    ('t0 ** 2.0 / t0, where t0 = 0.0 + x0 + x0 + x0', True)
    """
    lines, (text,) = statements([expression], target, named_from=LONG + 1)
    return f"{text}, where {'; '.join(lines)}" if lines else text


def statements(expressions: Iterable[Expression], target: Target, named_from: int = 0) -> tuple[list[str], list[str]]:
    """Statements that name what occurs more than once and has at least so many characters; each expression's text.

    Of two branches only one is computed. So what may not be needed is written out again, unless it is long.

    >>> from autodiff.program.expressions import traced
    >>> statements([traced(lambda x: x / (x + 1) if x > 0 else x + 1, 1)], MACHINE)
    (['t0 = x0 + 1.0'], ['x0 / t0 if x0 > 0.0 else t0'])
    """
    order, places = numbered(expressions)
    uses = [0] * len(order)
    for place in (*places, *(part for _, parts in order for part in parts)):
        uses[place] += 1
    needed = [True] * len(order) if "choose" in target.functions else _needed_in_any_case(order, places)
    lines: list[str] = []
    texts: list[Text] = []
    for place, (expression, parts) in enumerate(order):
        kind = expression.kind
        if kind == "number":
            text = target.number(expression.number)
        elif kind == "operand":
            text = target.operand(int(expression.number))
        elif kind in LEAVES:
            text = Text(target.names.get(kind, LEAVES[kind]))
        else:
            text = target.apply(kind, [texts[part] for part in parts])
        least = named_from if needed[place] else max(named_from, LONG + 1)
        if parts and uses[place] > 1 and len(text.text) >= least:
            lines.append(target.assignment.format(f"t{len(lines)}", text.text))
            text = Text(f"t{len(lines) - 1}")
        texts.append(text)
    return lines, [texts[place].text for place in places]
