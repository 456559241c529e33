"""The rows of the table as expressions, from which every backend makes its own code.

A primal or a rule is run once with symbols in place of numbers, and what it did to them is written down. Where it
branches on a number, both paths are run, and the expression chooses between them. So a rule has one text, and eager
floats, arrays, machine code and the browser all follow it. What cannot be run with symbols, since it calls ``math``,
is *elementary*: a backend has a function of that name, or calls the primal itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from autodiff import rules
from autodiff.ieee import as_float
from autodiff.operations import Operation, as_local
from autodiff.program.writers import COMPARISONS as COMPARISONS
from autodiff.program.writers import Expression as Expression
from autodiff.program.writers import numbered
from autodiff.registry import give_arithmetic, give_signs, lookup
from autodiff.zeros import ZERO

ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "negative", "positive", "absolute"})
"""The operations that every backend writes with an operator of its own."""
MOST_BRANCHES = 64
"""A rule with more paths through its branches is called instead of written out."""


class NotSymbolicError(TypeError):
    """A primal or a rule asked for a number where there is only a symbol."""


OUTPUT, UPSTREAM, NO_DEPENDENCE = Expression("output"), Expression("upstream"), Expression("zero")


def operand(place: int) -> Expression:
    """The operand at that place."""
    return Expression("operand", (), place)


def number(value: float) -> Expression:
    """A constant."""
    return Expression("number", (), value)


@cache
def primal(row: Operation, arity: int) -> Expression | None:
    """The primal as an expression of that many operands; None if the operation is elementary.

    >>> print(primal(lookup("sigmoid"), 1))
    choose(x0 < 0.0, exp(x0) / (1.0 + exp(x0)), 1.0 / (1.0 + exp(-x0)))
    """
    if row.name in ARITHMETIC:
        return Expression(row.name, tuple(map(operand, range(arity))))
    return traced(row.primal, arity)


@cache
def derivatives(row: Operation, arity: int, inline: bool = True) -> tuple[Expression | None, ...]:
    """The local derivative for each of that many operands; None where its rule cannot be written out.

    >>> print(*derivatives(lookup("tan"), 1))
    1.0 + y * y
    """
    if row.arity is not None:
        return tuple(traced(rule, arity, True, inline) for rule in row.derivatives)
    rule = row.derivatives[0]
    return tuple(
        traced(lambda *symbols, at=at: rule(symbols[:-1], symbols[-1])[at], arity, True, inline) for at in range(arity)
    )


@cache
def contributions(row: Operation, arity: int, inline: bool = True) -> tuple[Expression | None, ...]:
    """What the chain rule adds to each of that many operands: local derivative times upstream gradient.

    Where the rule branches, so does this: a branch without dependence is ``zero``, whatever stands upstream. None where
    a rule cannot be written out.

    >>> print(*contributions(lookup("where"), 3), sep="; ")
    zero; choose(x0 != 0.0, upstream, zero); choose(x0 != 0.0, zero, upstream)
    """
    return tuple(None if local is None else _times_upstream(local) for local in derivatives(row, arity, inline))


def _times_upstream(local: Expression) -> Expression:
    if local.kind == "choose":
        condition, *branches = local.parts
        if_true, if_false = map(_times_upstream, branches)
        return if_true if if_true is if_false else Expression("choose", (condition, if_true, if_false))
    if local.kind == "zero" or (local.kind == "number" and math.isnan(local.number)):
        return local
    one = local.kind == "number" and local.number == 1.0
    return UPSTREAM if one else Expression("multiply", (local, UPSTREAM))


def guarded(contribution: Expression) -> Expression:
    """The contribution for flat arrays of adjoints, in which the number -0.0 is the symbolic zero.

    Where the upstream gradient is -0.0, which the kind ``unreached`` asks of its bits, or where nothing depends, the
    contribution is -0.0; and + 0.0 keeps what is computed from being that.

    >>> print(guarded(contributions(lookup("multiply"), 2)[0]))
    choose(unreached(upstream), zero, x1 * upstream + 0.0)
    """
    is_computed = False

    def kept(part: Expression) -> Expression:
        nonlocal is_computed
        if part.kind == "choose":
            return Expression("choose", (part.parts[0], *map(kept, part.parts[1:])))
        if part in (UPSTREAM, NO_DEPENDENCE):
            return part
        is_computed = True
        return Expression("add", (part, number(0.0)))

    result = kept(contribution)
    nothing = Expression("unreached", (UPSTREAM,))
    return Expression("choose", (nothing, NO_DEPENDENCE, result)) if is_computed else result


def traced(function: Callable[..., Any], arity: int, output: bool = False, inline: bool = True) -> Expression | None:
    """What a function of that many numbers does, as an expression; None if it cannot be run with symbols.

    It may take the output after them. Inline, the operations that it calls are written out, too.

    >>> print(traced(lambda x: x if x > 0 else 2 * x, 1))
    choose(x0 > 0.0, x0, 2.0 * x0)
    """
    leaves = [*map(operand, range(arity)), *([OUTPUT] if output else [])]
    try:
        return _explored(lambda path: function(*(Symbol(leaf, path) for leaf in leaves)), inline)
    except Exception:  # a NotSymbolicError, a method that only floats have, an error that the function itself raises
        return None


def rule_of_steps(rule: Callable[..., Sequence[Any]], states: int) -> list[Expression]:
    """The move and the new state of an optimizer's ``move, *state = rule(gradient, rate, step, *state)``.

    Raises:
        TypeError: the rule asks for numbers, or branches too often.
    """
    found = [traced(lambda *numbers, at=at: rule(*numbers)[at], 3 + states) for at in range(1 + states)]
    if None in found:
        raise TypeError("the rule of a step must be written with arithmetic and operations of autodiff alone")
    return [each for each in found if each is not None]


def applied(expressions: Sequence[Expression], operands: Sequence[Any]) -> list[Any]:
    """The expressions of these operands by calls of the rows, without branches: ``where`` chooses.

    >>> applied([traced(lambda x, z: x * z if x > z else x, 2)], [3.0, 2.0])
    [6.0]
    """
    order, places = numbered(expressions)
    found: list[Any] = []
    for expression, parts in order:
        given = [found[part] for part in parts]
        match expression.kind:
            case "operand":
                found.append(operands[int(expression.number)])
            case "number":
                found.append(expression.number)
            case "choose":
                found.append(rules.where(*given))
            case kind if kind in COMPARISONS:
                found.append(compared(kind, *given))
            case kind:
                found.append(lookup("power" if kind == "pow" else kind)(*given))
    return [found[place] for place in places]


def compared(sign: str, left: Any, right: Any) -> Any:
    """The comparison by a row: a number that is 1 where it is true, else 0."""
    if sign == "!=":
        return 1.0 - rules.EQUAL(left, right)
    row = rules.EQUAL if sign == "==" else rules.LESS_EQUAL if "=" in sign else rules.LESS
    return row(right, left) if ">" in sign else row(left, right)


def called(row: Operation, operands: Sequence[float]) -> float:
    """The primal, called where it is not written out; nan where it raises, as on the side that a choice leaves out."""
    try:
        return row.evaluate(operands)
    except Exception:
        return math.nan


def called_derivatives(row: Operation, operands: Sequence[float], output: float) -> tuple[float, ...]:
    """The local derivatives, called where they are not written out; nan where their rules raise."""
    try:
        return tuple(as_local(local, row) for local in row.local_derivatives(operands, output))
    except Exception:
        return (math.nan,) * len(operands)


class Symbol:
    """Stands for a number while a rule is run; it notes what is done to it."""

    __slots__ = ("expression", "path")

    def __init__(self, expression: Expression, path: _Path) -> None:
        self.expression = expression
        self.path = path

    @staticmethod
    def __autodiff__(row: Operation, operands: Sequence[Any]) -> Symbol:
        path = next(operand.path for operand in operands if isinstance(operand, Symbol))
        if path.inline and row.name not in ARITHMETIC and primal(row, len(operands)) is not None:
            return Symbol(_expression(row.primal(*(Symbol(_expression(operand), path) for operand in operands))), path)
        return Symbol(Expression(row.name, tuple(map(_expression, operands))), path)

    def __bool__(self) -> bool:
        if self.expression.kind in COMPARISONS:
            return self.path.decide(self.expression)
        return self.path.decide(Expression("!=", (self.expression, number(0.0))))

    def __float__(self) -> float:
        raise NotSymbolicError("a symbol has no number")

    __int__ = __index__ = __float__

    __hash__ = None  # type: ignore[assignment]  # equality is a comparison of numbers here

    __class__ = property(lambda self: float)  # what a rule is told by isinstance()


def _compare(sign: str) -> Callable[[Symbol, Any], Symbol]:
    def compare(self: Symbol, other: Any) -> Symbol:
        return Symbol(Expression(sign, (_expression(self), _expression(other))), self.path)

    return compare


for _sign, _name in COMPARISONS.items():
    setattr(Symbol, f"__{_name}__", _compare(_sign))
give_arithmetic(
    Symbol,
    {
        "add": rules.add, "sub": rules.subtract, "mul": rules.multiply, "truediv": rules.divide,
        "pow": rules.POW,  # as floats have it
    },
)  # fmt: skip
give_signs(Symbol, {"neg": rules.negative, "pos": rules.positive, "abs": rules.absolute})


class _Path:
    """One run of a function, along one of its paths: how its conditions are decided.

    The first decisions are prescribed; all further conditions are taken to be true.
    """

    def __init__(self, prescribed: Sequence[bool], inline: bool) -> None:
        self.prescribed = prescribed
        self.inline = inline
        self.taken: list[tuple[Expression, bool]] = []

    def decide(self, condition: Expression) -> bool:
        for decided, holds in self.taken:
            if decided == condition:
                return holds
        at = len(self.taken)
        if at == MOST_BRANCHES:
            raise NotSymbolicError(f"it asks more than {MOST_BRANCHES} questions")
        holds = self.prescribed[at] if at < len(self.prescribed) else True
        self.taken.append((condition, holds))
        return holds


def _explored(run: Callable[[_Path], Any], inline: bool) -> Expression:
    """The results of all paths through a function, as one expression that chooses between them."""
    paths = 0

    def tree(prescribed: list[bool]) -> Expression:
        nonlocal paths
        paths += 1
        if paths > MOST_BRANCHES:
            raise NotSymbolicError(f"there are more than {MOST_BRANCHES} paths through it")
        path = _Path(prescribed, inline)
        found = run(path)
        result = NO_DEPENDENCE if found is ZERO else _expression(found)
        decisions = [holds for _, holds in path.taken]
        for at in reversed(range(len(prescribed), len(path.taken))):
            otherwise = tree([*decisions[:at], False])
            result = Expression("choose", (path.taken[at][0], result, otherwise))
        return result

    return tree([])


def _expression(thing: Any) -> Expression:
    """As a number: a comparison is 1 where it is true, as Python's ``True`` is."""
    if not isinstance(thing, Symbol):
        return number(as_float(thing))
    if thing.expression.kind in COMPARISONS:
        return Expression("choose", (thing.expression, number(1.0), number(0.0)))
    return thing.expression
