"""Laws of ``check_operation``, and the whole table put to it."""

import math

import pytest

from autodiff import OPERATIONS, Value, lookup, operation
from autodiff.checking import OperationError, UncheckableFunctionError, check_operation
from autodiff.registry import BUILT_IN
from benchmarks.faults import wrong_backward

mpmath = pytest.importorskip("mpmath", reason="mpmath is the reference of the values")

REFERENCES = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": mpmath.log1p, "sqrt": mpmath.sqrt,
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos,
    "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "erf": mpmath.erf,
    "erfc": mpmath.erfc, "power": mpmath.power, "add": mpmath.fadd, "subtract": mpmath.fsub,
    "multiply": mpmath.fmul, "divide": mpmath.fdiv, "negative": mpmath.fneg, "absolute": mpmath.fabs,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-mpmath.mpf(x))),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-mpmath.mpf(x))),
    "gelu": lambda x: x * mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2,
    "hypot": mpmath.hypot, "norm": lambda *xs: mpmath.norm(xs),
    "maximum": max, "minimum": min, "relu": lambda x: max(x, 0.0), "positive": lambda x: x,
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name in BUILT_IN])
def test_every_row_of_the_table_is_right(name):
    with mpmath.workdps(30):
        report = check_operation(OPERATIONS[name], REFERENCES.get(name))
    assert report.verdicts["pass"] >= 50
    if not OPERATIONS[name].kinks:
        assert report.verdicts == {"pass": report.verdicts["pass"], "fail": 0, "kink": 0, "inconclusive": 0}


@pytest.mark.parametrize(("name", "count"), [("total", 1), ("total", 2), ("total", 5), ("dot", 2), ("dot", 6)])
def test_variadic_rows_are_right_with_any_number_of_operands(name, count):
    report = check_operation(lookup(name), domain=[(-10, 10)] * count)
    assert report.verdicts["pass"] >= 20 * count
    assert report.verdicts["fail"] == report.verdicts["inconclusive"] == 0


WRONG = [
    ("sign flipped", math.sin, lambda x, y: -lookup("cos")(x)),
    ("scaled by its output", lambda x: max(x, 0.0), lambda x, y: y),
    ("factor ½", lambda x: x * x, lambda x, y: x),
    ("factor 2", lambda x: x, lambda x, y: 2.0),
    ("missing", lambda x: x, lambda x, y: 0.0),
    ("1.0001 times the right one", math.sin, lambda x, y: 1.0001 * lookup("cos")(x)),
]


@pytest.mark.parametrize(("named", "primal", "rule"), WRONG)
def test_the_fault_of_a_wrong_rule_is_named(named, primal, rule):
    wrong = operation("planted_rule", primal, rule, replace=True)
    with pytest.raises(OperationError) as caught:
        check_operation(wrong)
    assert named in caught.value.faults[0]


def test_a_rule_outside_of_both_sides_of_a_kink_is_wrong():
    wrong = operation("planted_kink", abs, lambda x, y: 1.0 if x > 0 else -1.0 if x < 0 else 5.0, replace=True)
    with pytest.raises(OperationError, match=r"operand 0: not between the one-sided derivatives.* \(at 0\)"):
        check_operation(wrong)


def test_each_wrong_derivative_is_named_once_by_what_all_points_show():
    twice = operation("planted_sum", lambda a, b: a + b, lambda a, b, y: 1.0, lambda a, b, y: 2.0, replace=True)
    with pytest.raises(OperationError) as caught:  # the output is 2 as well, at one of the points
        check_operation(twice)
    (fault,) = caught.value.faults
    assert fault.startswith("the derivative by operand 1: factor 2 (at ")
    varied = operation("planted_exp", math.exp, lambda x, y: x, replace=True)
    with pytest.raises(OperationError) as caught:
        check_operation(varied)
    (fault,) = caught.value.faults
    assert fault.startswith("the derivative by operand 0: ")


@pytest.mark.parametrize("order", [1, 2])
def test_a_right_rule_that_runs_on_floats_alone_is_no_fault_and_told(order):
    right = operation("planted_floats", math.sin, lambda x, y: math.cos(x), replace=True)
    for checked in (right, lambda x: right(x)):
        report = check_operation(checked, domain=[(-1, 1)], order=order)
        assert report.verdicts["fail"] == 0
        assert report.verdicts["pass"] >= 60
        assert ("float() of a Value" in report.skipped) == (order == 2)


def test_a_wrong_rule_that_runs_on_floats_alone_is_wrong():
    wrong = operation("planted_floats", math.sin, lambda x, y: -math.cos(x), replace=True)
    for checked in (wrong, lambda x: wrong(x)):
        with pytest.raises(OperationError, match="sign flipped"):
            check_operation(checked, domain=[(-1, 1)])


def test_the_same_operand_twice_stays_inside_of_every_domain():
    logs = operation(
        "planted_domains", lambda x, y: x * math.log(y) if y > 0.005 else math.nan,
        lambda x, y, z: lookup("log")(y), lambda x, y, z: x / y, domain=[(-10, 10), (0.01, 10)], replace=True,
    )  # fmt: skip
    assert check_operation(logs).verdicts["fail"] == 0


def test_a_wrong_value_is_told_by_the_reference():
    wrong = operation("planted_value", lambda x: 1.5 * x, lambda x, y: 1.5, replace=True)
    with pytest.raises(OperationError, match=r"the value is .* but the reference gives"):
        check_operation(wrong, lambda x: x)


@pytest.mark.parametrize(
    ("fault", "backward"),
    [
        ("overwritten instead of accumulated", wrong_backward(overwrites="multiply")),
        ("missing upstream", wrong_backward(no_upstream="multiply")),
    ],
)
def test_a_fault_of_the_propagation_is_named(fault, backward):
    with pytest.raises(OperationError, match=fault):
        check_operation(lookup("multiply"), backward=backward)


def test_a_wrong_second_derivative_of_a_function_is_named():
    def cut(x: Value) -> Value:
        return half_cube(x)

    half_cube = operation("planted_cube", lambda x: x**3, lambda x, y: 3 * getattr(x, "data", x) * x, replace=True)
    with pytest.raises(OperationError, match=r"in op\(x\): the second derivative by operands 0, 0: factor ½"):
        check_operation(cut, domain=[(1, 2)])


def test_a_function_of_values_is_checked_over_a_given_domain():
    def softsign(x: Value) -> Value:
        return x / (1 + abs(x))

    assert check_operation(softsign, domain=[(-4, 4)]).verdicts["fail"] == 0
    assert check_operation(lambda x: x.tanh(), math.tanh, domain=[(-4, 4)]).verdicts["fail"] == 0
    with pytest.raises(ValueError, match="pass domain="):
        check_operation(softsign)


@pytest.mark.parametrize(
    ("op", "options", "message"),
    [
        ("tanh", {}, r"op must be an operation or a function, not its name: write check_operation\(lookup\('tanh'\)\)"),
        (lookup("tanh"), {"points": 0}, "points must be an int of at least 1, not 0"),
        (lookup("tanh"), {"points": 1.5}, "points must be an int"),
        (lookup("tanh"), {"domain": [(3, 1)]}, r"must be \(low, high\), both finite, not \(3, 1\)"),
        (lookup("tanh"), {"domain": [(0, math.inf)]}, "both finite"),
        (lookup("tanh"), {"domain": []}, "an interval for each operand, not 0 intervals"),
        (lookup("divide"), {"domain": [(0, 1)]}, "the domain of divide needs an interval for each operand"),
    ],
)
def test_options_out_of_range_are_refused(op, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_operation(op, **options)


@pytest.mark.parametrize(
    ("op", "reason"), [(lambda x: x.data, "returns no Value"), (lambda x: (-1 - x * x).log(), "not finite")]
)
def test_what_cannot_be_checked_is_named(op, reason):
    with pytest.raises(UncheckableFunctionError) as caught:
        check_operation(op, domain=[(-1, 1)])
    assert caught.value.reason == reason


def test_points_that_are_not_finite_are_left_out_and_counted():
    report = check_operation(lambda x: 1 / x, domain=[(-1, 1)])  # 0 is one of the simple numbers that are tried
    assert report.verdicts["inconclusive"] == 1
    assert report.verdicts["pass"] >= 50


@pytest.mark.parametrize(
    ("primal", "rule", "domain"),
    [
        (lambda x: math.log(1 + x), lambda x, y: 1 / (1 + x), (0, 1e-8)),
        (lambda x: (math.exp(x) - 1) / x, lambda x, y: 0.5 + x / 3 + x * x / 8, (1e-12, 1e-6)),
        (lambda x: math.sqrt(x * x + 1) - 1, lambda x, y: x / (1 + y), (-1e-6, 1e-6)),
        (lookup("sin").primal, lambda x, y: lookup("cos")(x), (-1e9, 1e9)),
    ],
)
def test_an_operation_whose_values_hide_its_derivative_is_not_called_wrong(primal, rule, domain):
    verdicts = check_operation(operation("hidden", primal, rule, replace=True), domain=[domain]).verdicts
    assert verdicts["fail"] == verdicts["kink"] == 0
    assert verdicts["inconclusive"] > 0


def test_an_operation_that_raises_outside_of_its_domain_is_checked_close_to_its_edge():
    root = operation("raising_root", math.sqrt, lambda x, y: 0.5 / y, replace=True)
    assert check_operation(root, domain=[(1e-4, 1e-3)]).verdicts["fail"] == 0
