"""Rows written as expressions: evaluated number by number, they have the bits of the row itself."""

import math
import operator
from functools import reduce
from itertools import product
from numbers import Real

import pytest

from autodiff import OPERATIONS, ZERO, Operation, Value, cos, exp, lookup, relu, sqrt, where
from autodiff.ieee import Ieee
from autodiff.program.expressions import (
    ARITHMETIC,
    COMPARISONS,
    MOST_BRANCHES,
    contributions,
    derivatives,
    primal,
    traced,
)
from autodiff.registry import BUILT_IN
from autodiff.rules import DETACHED
from tests.compiling.programs import bits

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-320, 1e300, -1e300, math.inf, -math.inf, math.nan]
ELEMENTARY = {
    "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "erf", "erfc", "log2", "log10", "asinh", "acosh", "atanh", "atan2", "mod",
}  # fmt: skip
OWN = [
    Operation("own_polynomial", lambda x: x**3 - 2 * x + 1 / x, lambda x, y: 3 * x * x - 2 - 1 / (x * x)),
    Operation("own_with_math", lambda x: math.exp(x) * x, lambda x, y: math.exp(x) * (1 + x)),
    Operation("own_with_rows", lambda x: exp(x) * sqrt(x), lambda x, y: y * (1 + 0.5 / x)),
    Operation(
        "own_with_zeros",
        lambda x, z: z if x > z else 2.0 * z,
        lambda x, z, y: ZERO,
        lambda x, z, y: ZERO if z > 1 else 2.0 * ZERO if x > z else y,
    ),
    Operation(
        "own_with_branches",
        lambda x, z: (x if x > z else -z) if z >= 0 and x != 1 else abs(x) + (x == z),
        lambda x, z, y: 1.0 if x > z else 0.0 if not x else -1.0,
        lambda x, z, y: max(x, z),
    ),
    Operation("own_constant", lambda x: 3, lambda x, y: 0),
    Operation("own_variadic", lambda *xs: reduce(operator.add, xs), lambda xs, y: [y - x for x in xs], variadic=True),
]
TABLE = [row for name, row in OPERATIONS.items() if name in BUILT_IN]
ROWS = [*TABLE, DETACHED, *OWN]


def arity_of(row):
    return row.arity or 4


def operand_rows(row):
    """Numbers for the operands: on a grid in the domain, where the row is pinned, and special ones."""
    arity = arity_of(row)
    domain = row.domain * (arity if row.arity is None else 1)
    grid = [[low + (high - low) * share for share in (0.05, 0.2, 0.5, 0.77, 1.0)] for low, high in domain]
    inside = product(*grid) if arity <= 2 else zip(*grid)
    special = product(SPECIAL, repeat=min(arity, 2))
    return [*inside, *row.singular_points, *(numbers + (0.5,) * (arity - len(numbers)) for numbers in special)]


def evaluate(expression, operands, output=None, upstream=None):
    """The number of an expression: arithmetic as IEEE 754 has it, and rows for what is elementary."""
    kind = expression.kind
    if kind == "operand":
        return operands[int(expression.number)]
    if kind == "number":
        return Ieee(expression.number)
    if kind == "output":
        return output
    if kind == "upstream":
        return upstream
    if kind == "zero":
        return ZERO
    if kind == "choose":
        condition, if_true, otherwise = expression.parts
        return evaluate(
            if_true if evaluate(condition, operands, output, upstream) else otherwise, operands, output, upstream
        )
    parts = [evaluate(part, operands, output, upstream) for part in expression.parts]
    if kind in COMPARISONS:
        return getattr(operator, COMPARISONS[kind])(*map(float, parts))
    return Ieee(lookup(kind).evaluate([*map(float, parts)]))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_primal_as_an_expression_has_the_bits_of_the_row(row):
    expression = primal(row, arity_of(row))
    if expression is None:
        assert row.name in ELEMENTARY | {"norm", "own_with_math"}
        return
    for numbers in operand_rows(row):
        assert bits(evaluate(expression, [*map(Ieee, numbers)])) == bits(row.evaluate(numbers)), numbers


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_local_derivatives_as_expressions_have_the_bits_of_the_row(row):
    expressions = derivatives(row, arity_of(row))
    assert len(expressions) == arity_of(row)
    if None in expressions:
        assert row.name == "own_with_math"
        return
    for numbers in operand_rows(row):
        y = row.evaluate(numbers)
        found = [evaluate(each, [*map(Ieee, numbers)], Ieee(y)) for each in expressions]
        right = row.local_derivatives(numbers, y)
        assert bits(found) == bits([*map(float, right)]), numbers
        assert [each is ZERO for each in found] == [each is ZERO for each in right], numbers


def test_what_every_backend_must_have_is_arithmetic_and_the_elementary_operations():
    assert {row.name for row in TABLE if primal(row, arity_of(row)) is None} == ELEMENTARY | {"norm"}
    kinds = set()
    stack = [each for row in TABLE for each in (primal(row, arity_of(row)), *derivatives(row, arity_of(row)))]
    while stack:
        expression = stack.pop()
        if expression is not None:
            kinds.add(expression.kind)
            stack += expression.parts
    assert kinds <= ARITHMETIC | {*COMPARISONS} | ELEMENTARY | {"pow", "operand", "output", "number", "choose", "zero"}


def test_a_branch_becomes_a_choice_of_both_ways():
    assert str(traced(lambda x: x if x > 0 else 2 * x, 1)) == "choose(x0 > 0.0, x0, 2.0 * x0)"
    assert str(traced(lambda x: where(x, x, 0.0), 1)) == "choose(x0 != 0.0, x0, 0.0)"
    assert str(traced(lambda x: 1.0 if x else 0.0, 1)) == "choose(x0 != 0.0, 1.0, 0.0)"
    assert str(traced(lambda x: cos(x) if x > 0 and x < 1 else x, 1)) == (
        "choose(x0 > 0.0, choose(x0 < 1.0, cos(x0), x0), x0)"
    )


def test_a_function_that_asks_for_the_type_is_told_that_it_is_a_float():
    assert str(traced(lambda x: 2 * x if isinstance(x, float) else 0.0, 1)) == "2.0 * x0"
    assert str(traced(lambda x: 2 * x if isinstance(x, Real) and not isinstance(x, Value) else 0.0, 1)) == "2.0 * x0"


def test_the_same_condition_is_asked_once():
    assert str(traced(lambda x: (1 if x > 0 else 2) + (3 if x > 0 else 4), 1)) == "choose(x0 > 0.0, 4.0, 6.0)"


@pytest.mark.parametrize(
    "function",
    [
        lambda x: math.exp(x),
        lambda x: float(x),
        lambda x: [1.0, 2.0][x],
        lambda x: Value(1.0) * 2 if x > 0 else Value(2.0),
        lambda x: sum(x * at if x > at else at for at in range(MOST_BRANCHES.bit_length() + 1)),
        lambda x: x if x.is_integer() else 0.0,
        lambda x: refused(x) if x < 0 else x,
    ],
    ids=["math", "float", "index", "a Value", "too many branches", "a float's method", "an error of its own"],
)
def test_what_cannot_be_written_out_is_elementary(function):
    assert traced(function, 1) is None


def refused(x):
    raise ValueError("it must not be negative")


def test_operations_are_called_where_they_are_not_to_be_written_out():
    assert str(traced(lambda x: x * relu(x), 1, inline=False)) == "x0 * relu(x0)"
    assert str(derivatives(lookup("softplus"), 1, inline=False)[0]) == "sigmoid(x0)"


def test_an_expression_reads_as_a_formula():
    lines = {name: str(primal(lookup(name), arity_of(lookup(name)))) for name in ("relu", "dot", "total")}
    assert lines["relu"] == "choose(x0 <= 0.0, 0.0, x0)"
    assert lines["total"] == "0.0 + x0 + x1 + x2 + x3"
    assert lines["dot"] == "0.0 + x0 * x2 + x1 * x3"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_contributions_are_local_derivatives_times_upstream_and_nothing_where_nothing_depends(row):
    expressions = contributions(row, arity_of(row))
    if None in expressions:
        assert row.name == "own_with_math"
        return
    for numbers in operand_rows(row):
        y = row.evaluate(numbers)
        for upstream in (-3.0, 0.0, math.inf):
            found = [evaluate(each, [*map(Ieee, numbers)], Ieee(y), Ieee(upstream)) for each in expressions]
            locals_ = row.local_derivatives(numbers, y)
            assert bits(found) == bits([0.0 if local is ZERO else local * upstream for local in locals_]), numbers
            assert [each is ZERO for each in found] == [local is ZERO for local in locals_], numbers


def test_a_contribution_is_written_without_needless_products():
    lines = {name: [*map(str, contributions(lookup(name), 2))] for name in ("add", "multiply", "subtract")}
    assert lines == {
        "add": ["upstream", "upstream"],
        "multiply": ["x1 * upstream", "x0 * upstream"],
        "subtract": ["upstream", "-1.0 * upstream"],
    }
    assert str(contributions(lookup("relu"), 1)[0]) == ("choose(x0 > 0.0, upstream, choose(x0 <= 0.0, zero, nan))")
