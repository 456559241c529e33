"""Laws of typed expressions: what they compute, and that nothing else is ever run."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import OPERATIONS, Value, topological_order
from autodiff.tracing import ExpressionError, evaluate
from autodiff.tracing.expressions import MAX_LENGTH

ANY = -1  # where Python's parser stumbles differs between its versions
POINT = {"w": 0.5, "x": 2.0, "b": -0.1}


@pytest.mark.parametrize(
    "text",
    [
        "w", "1", "-w", "+w - -x", "w + x * b", "w - x - b", "w / x / b", "x ** w ** b", "-x ** 2",
        "(w + x) * (b - 1e-3)",
        "2 * 3 + w", "((w))", "1_000 * w", "w*x\n + b",
    ],
)  # fmt: skip
def test_arithmetic_means_what_it_means_in_python(text: str) -> None:
    expected = eval(text.replace("\n", " "), {}, dict(POINT))
    assert evaluate(text, {name: Value(number) for name, number in POINT.items()}).data == expected


@pytest.mark.parametrize("name", [name for name, row in OPERATIONS.items() if row.arity])
def test_every_operation_of_the_table_is_there_by_name(name: str) -> None:
    row = OPERATIONS[name]
    assert row.arity is not None
    numbers = [interval.low / 3 + interval.high / 2 for interval in row.domain]
    variables = {f"a{i}": Value(number) for i, number in enumerate(numbers)}
    node = evaluate(f"{name}({', '.join(variables)})", variables)
    assert (node.op, node.data) == (row, row(*numbers))
    assert list(node.parents) == list(variables.values())


def test_variadic_operations_and_symbols_are_there_too() -> None:
    x = Value(2.0)
    assert evaluate("total(x, 1, 2) + dot(x, 1, 3, 4) + max(x, 7) + min(x, 1) + abs(-x)", {"x": x}).data == 25.0


def test_only_text_is_an_expression() -> None:
    with pytest.raises(TypeError, match="an expression is a str, not int 3"):
        evaluate(3, {})  # type: ignore[arg-type]


def test_numbers_that_depend_on_nothing_are_no_nodes() -> None:
    assert len(topological_order(evaluate("x * (2 + 3 * 4 - exp(0))", {"x": Value(2.0)}))) == 3


@pytest.mark.parametrize("text", ["9**9**9**9", "(9**9**9**9) ** (9**9**9)", "exp(exp(exp(99)))", "1e999"])
def test_towers_of_powers_are_harmless(text: str) -> None:
    assert evaluate(text, {}).data == math.inf


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("x + y", "the name 'y' has no value", 4),
        ("wx * 2", "did you mean 'x'", 0),
        ("x + tahn(x)", "unknown operation 'tahn' (did you mean 'tan' or 'tanh'?)", 4),
        ("__import__('os')", "unknown operation '__import__'", 0),
        ("x.real", "Attribute is not allowed", 0),
        ("tanh.primal(x)", "calling this is not allowed", 0),
        ("x * [1][0]", "Subscript is not allowed", 4),
        ("x + 'a'", "'a' is not allowed", 4),
        ("x + True", "True is not allowed", 4),
        ("x + 2j", "2j is not allowed", 4),
        ("x % 2", "this operator is not allowed", 2),
        ("1 + (x * (x + 1)) // 2", "this operator is not allowed", 18),
        ("x + ~x", "this operator is not allowed", 4),
        ("x if x else 1", "IfExp is not allowed", 0),
        ("1 < x", "Compare is not allowed", 0),
        ("(x := 2)", "NamedExpr is not allowed", 1),
        ("x + (lambda: 1)", "Lambda is not allowed", 5),
        ("[y for y in (1,)]", "ListComp is not allowed", 0),
        ("f'{x}'", "JoinedStr is not allowed", 0),
        ("tanh(*x)", "one after the other", 5),
        ("tanh(x=x)", "one after the other", 7),
        ("tanh(x, x)", "tanh takes 1 operands, but 2 were given", 0),
        ("dot(x, x, x)", "even number", 0),
        ("tanh * x", "'tanh' is an operation: write tanh(…)", 0),
        ("x +", "this is no expression: it ends too early", 3),
        ("", "this is no expression: it ends too early", 0),
        ("x = 2", "this is no expression", ANY),
        ("x; x", "this is no expression", ANY),
        ("1\0", "this is no expression", 0),
        ("x * " + "9" * 400, "does not fit into a float", 4),
        ("öä + x", "the name 'öä' has no value", 0),
        ("1 + x + ö", "the name 'ö' has no value", 8),
    ],
)
def test_anything_else_is_refused_with_a_caret_under_it(text: str, problem: str, column: int) -> None:
    with pytest.raises(ExpressionError) as refused:
        evaluate(text, {"x": Value(2.0)})
    assert problem in refused.value.problem
    assert column in (refused.value.column, ANY)
    *_, line, caret = str(refused.value).split("\n")
    assert caret == " " * (2 + min(refused.value.column, 50)) + "^"
    assert len(line) <= 102


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "x" + ")" * 5000, "-" * 9000 + "x", "x" + "**x" * 3000,
        "tanh(" * 190 + "x" + "+1" * 400 + ")" * 190,
        "x" + "+x" * 4900, "total(" + "x," * 4900 + "x)", "x" * (MAX_LENGTH + 1), "1" * 9000, "[" * 9000,
        "x" + "(" * 9000,
        "x.y" * 3000, "lambda:" * 1400 + "x",
    ],
)  # fmt: skip
def test_input_made_to_exhaust_the_machine_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, {"x": Value(2.0)})


@given(st.text(st.sampled_from("x01.e+-*/() ,[]{}'\"\\=<>!:;#%@~^&|_abftnß\n\t\0 "), max_size=40))
def test_any_text_gives_a_value_or_a_refusal(text: str) -> None:
    with suppress(ExpressionError):
        assert isinstance(evaluate(text, {"x": Value(2.0)}), Value)


@given(st.text(max_size=30))
def test_any_unicode_gives_a_value_or_a_refusal(text: str) -> None:
    with suppress(ExpressionError):
        assert isinstance(evaluate(text, {"x": Value(2.0)}), Value)
