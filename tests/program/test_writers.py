"""The writer of formulas: what it writes computes what the expression says, in every target that Python can run."""

import ast
import math
import re
from dataclasses import replace

import pytest

from autodiff import OPERATIONS
from autodiff.ieee import Ieee
from autodiff.program.expressions import applied, derivatives, guarded, number, primal, traced
from autodiff.program.writers import (
    COMPARISON,
    JAVASCRIPT,
    MACHINE,
    NUMPY,
    PYTHON,
    Expression,
    Text,
    numbered,
    statements,
    written,
)
from autodiff.registry import BUILT_IN, NOT_IN_TABLE
from autodiff.rules import negative
from tests.compiling.programs import bits
from tests.program.test_expressions import evaluate, operand_rows

ROWS = [row for name, row in OPERATIONS.items() if name in BUILT_IN and row.arity]


def choose(condition, if_true, if_false):
    return if_true if condition else if_false


NAMES = {**{row.name: row for row in [*OPERATIONS.values(), *NOT_IN_TABLE.values()]}, "abs": abs, "choose": choose}
NAMES |= {"inf": math.inf, "nan": math.nan, "zero": 0.0}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_written_in_python_computes_what_the_expression_says(row):
    expressions = [each for each in (primal(row, row.arity), *derivatives(row, row.arity)) if each is not None]
    lines, texts = statements(expressions, PYTHON)
    in_lines = compile("\n".join(lines), "lines", "exec")
    at_the_end = [compile(text, "text", "eval") for text in texts]
    in_one = [str(each).partition(", where ") for each in expressions]
    for numbers in operand_rows(row)[:40]:
        y = row.evaluate(numbers)
        given = {f"x{place}": Ieee(each) for place, each in enumerate(numbers)} | {"y": Ieee(y)}
        expected = [float(evaluate(each, [*map(Ieee, numbers)], Ieee(y))) for each in expressions]
        for (formula, _, named), wanted in zip(in_one, expected):
            names = dict(given)
            exec("\n".join(named.split("; ")), NAMES, names)
            assert bits([float(eval(formula, NAMES, names))]) == bits([wanted])
        exec(in_lines, NAMES, given)
        assert bits([float(eval(each, NAMES, given)) for each in at_the_end]) == bits(expected)


def test_an_operand_of_an_operator_is_in_brackets_only_where_it_binds_less_tightly():
    text = traced(lambda x, z: -(x + z) * (x - -z) / (x * -2.0) - abs(x - z), 2)
    assert str(text) == "-(x0 + x1) * (x0 - -x1) / (x0 * -2.0) - absolute(x0 - x1)"
    assert written(text, MACHINE).endswith(" - math.fabs(x0 - x1)")
    sums = traced(lambda x, z: (((x + z) - x) - (z - x)) * ((x * z) * (x * z)), 2)
    assert str(sums) == "(x0 + x1 - x0 - (x1 - x0)) * (x0 * x1 * (x0 * x1))"
    assert written(traced(lambda x, z: negative(-x) if x > z else z if z > 2 else x, 2), JAVASCRIPT) == (
        "x[0] > x[1] ? -(-x[0]) : x[1] > 2 ? x[1] : x[0]"
    )


def test_brackets_that_are_left_out_change_nothing_of_what_is_read():
    """Every pair of operators, each as either operand of the other, is read by Python as what was written."""
    x, z = Expression("operand"), Expression("operand", (), 1)
    kinds = ["add", "subtract", "multiply", "divide", "pow", "negative", "choose", "<"]

    def of(kind, *parts):
        if kind == "negative":
            return Expression(kind, parts[:1])
        return Expression(kind, (Expression("<", parts), *parts) if kind == "choose" else parts)

    target = replace(PYTHON, functions={})
    bracketed = {
        **dict.fromkeys(["add", "subtract", "multiply", "divide", "pow", "<"], "({} {} {})"),
        "negative": "(-{1})",
    }
    signs = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "pow": "**", "<": "<", "negative": "-"}

    def all_brackets(each):
        if each.kind == "operand":
            return f"x{int(each.number)}"
        parts = [all_brackets(part) for part in each.parts]
        if each.kind == "choose":
            return "({1} if {0} else {2})".format(*parts)
        return bracketed[each.kind].format(parts[0], parts[0] if len(parts) == 1 else signs[each.kind], parts[-1])

    for outer in kinds:
        for inner in kinds:
            for parts in ((of(inner, x, z), x), (x, of(inner, x, z)), (of(inner, x, z), of(inner, z, x))):
                each = of(outer, *parts)
                assert ast.dump(ast.parse(written(each, target))) == ast.dump(ast.parse(all_brackets(each)))


def test_numbers_keep_their_bits_in_every_target():
    numbers = [0.1, -0.0, 1e300, 5e-324, -math.inf, math.inf, math.nan]
    for target, names in ((PYTHON, NAMES), (NUMPY, NAMES), (MACHINE, {"math": math})):
        assert [repr(eval(target.number(each).text, dict(names))) for each in numbers] == [*map(repr, numbers)]
    assert [JAVASCRIPT.number(each).text for each in (2.0, -0.0, -math.inf, math.nan)] == [
        "2",
        "-0",
        "-Infinity",
        "NaN",
    ]


def test_what_is_needed_in_any_case_is_computed_once_and_what_is_not_only_where_it_is_needed():
    once = traced(lambda x: (x + 1) * (x + 1), 1)
    assert statements([once], MACHINE) == (["t0 = x0 + 1.0"], ["t0 * t0"])
    branch = traced(lambda x: (x + 1) * (x + 1) if x > 0 else x, 1)
    assert statements([branch], MACHINE) == ([], ["(x0 + 1.0) * (x0 + 1.0) if x0 > 0.0 else x0"])
    assert statements([branch], NUMPY) == (["t0 = x0 + 1.0"], ["where(x0 > 0.0, t0 * t0, x0)"])


def test_what_would_be_long_is_never_repeated():
    def tower(x):
        for _ in range(60):
            x = x * x + 1.0
        return x

    branch = traced(lambda x: tower(x) if x > 0 else x, 1)
    for target in (PYTHON, NUMPY, MACHINE, JAVASCRIPT):
        lines, texts = statements([branch], target)
        assert sum(map(len, lines + texts)) < 20_000


def test_operations_are_applied_to_what_is_written_already():
    assert PYTHON.apply("power", [Text("x"), PYTHON.number(-1.0)]).text == "x ** -1.0"
    assert JAVASCRIPT.apply("choose", [Text("a === b", COMPARISON), Text("a"), Text("b")]).text == "a === b ? a : b"
    assert NUMPY.apply("choose", [Text("a == b", COMPARISON), Text("a"), Text("b")]).text == "where(a == b, a, b)"


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_an_expression_is_applied_to_numbers_with_where_for_its_branches(sign):
    function = eval(f"lambda x, z: x * 2.0 if x {sign} z else z - 1.0")
    for x, z in ((1.0, 2.0), (2.0, 2.0), (3.0, 2.0), (math.nan, 2.0)):
        assert bits(applied([traced(function, 2)], [x, z])) == bits([function(x, z)])


def test_what_is_computed_is_never_the_symbolic_zero_of_flat_arrays():
    zero = guarded(traced(lambda x: x, 1))
    assert str(zero) == "choose(unreached(upstream), zero, x0 + 0.0)"
    assert written(guarded(number(-0.0)), NUMPY) == "where(unreached(upstream), -0.0, -0.0 + 0.0)"


@pytest.mark.parametrize("name", [name for name, row in OPERATIONS.items() if row.arity])
def test_the_text_of_an_expression_is_no_longer_than_its_parts(name):
    row = OPERATIONS[name]
    for expression in (primal(row, row.arity), *derivatives(row, row.arity)):
        if expression is not None:
            order, _ = numbered([expression])
            text = str(expression)
            assert len(text) <= 100 * len(order)
            formula, _, named = text.partition(", where ")
            assert re.findall(r"\b(t\d+) = ", named) == [f"t{at}" for at in range(named.count(" = "))]
            assert ("t0" in formula) <= bool(named)
