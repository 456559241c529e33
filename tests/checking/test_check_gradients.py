"""Laws of ``check_gradients``: verdicts, structures, bad input and messages."""

import math
import random
import re
import time

import numpy as np
import pytest

import nn
from autodiff import (
    Interval,
    Operation,
    Value,
    checking,
    cos,
    cosh,
    dot,
    exp,
    maximum,
    mean,
    operation,
    relu,
    sigmoid,
    sin,
    sqrt,
    tanh,
    total,
    where,
)
from autodiff.checking import (
    GradientMismatchError,
    InconclusiveGradientWarning,
    OperationError,
    UncheckableFunctionError,
    check_gradients,
    check_operation,
)
from autodiff.checking.comparison import Claim, compare


def corner(slope):
    """An operation with the one-sided derivatives 0.1 and 0.3 at 2, and a rule that gives the slope."""
    return Operation("corner", lambda x: 0.1 * x + 0.2 * max(x - 2.0, 0.0), lambda x, y: slope)


leaky = operation("checked_relu_scaled", lambda x: max(x, 0.0), lambda x, y: y, kinks=True, replace=True)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: x**3 - x**3 + 1e-9 * x, 3.0),
        (lambda x, y: (x * y).tanh() / y, (0.3, -2.0)),
        (lambda xs: xs[0] * xs[1] + xs[2].exp(), [1.0, 2.0, 3.0]),
        (lambda p: p["a"] * p["b"][0], {"a": 1.0, "b": (2.0,)}),
        (lambda a: (a * a).sum(), np.array([[1.0, 2.0], [3.0, 4.0]])),
        (lambda x: where(x > 0, x * x, -x), 2.0),
    ],
)
@pytest.mark.parametrize("order", [1, 2])
def test_a_right_gradient_passes(f, inputs, order):
    assert check_gradients(f, inputs, order).verdict == "pass"


def test_a_module_is_checked_per_named_parameter():
    model = nn.MLP(2, [3, 1], activation="tanh", rng=1)
    before = model.state_dict()
    report = check_gradients(lambda m: (m([0.5, -1.0]) - 1) ** 2, model)
    assert report.verdict == "pass"
    assert [c.name for c in report.comparisons] == list(before)
    assert model.state_dict() == before


def test_second_derivatives_of_a_module_are_checked_and_its_parameters_kept():
    model = nn.MLP(2, [1], activation="tanh", rng=1)
    before = model.state_dict()
    report = check_gradients(lambda m: (m([0.5, -1.0]) - 1) ** 2, model, order=2)
    assert report.verdict == "pass"
    assert len(report.comparisons) == len(before) + len(before) ** 2
    assert model.state_dict() == before


def test_a_kink_is_no_failure():
    assert check_gradients(lambda x: x.relu() * 2, 0.0).verdict == "kink"


def test_what_rounding_hides_is_inconclusive_and_warns():
    with pytest.warns(InconclusiveGradientWarning, match="neither right nor wrong: input 0"):
        assert check_gradients(lambda x: (1e100 * x).sin(), 1.0).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        pytest.param(lambda x: 1e17 + (1e9 * x).sin(), 0.3, id="oscillation below the rounding of the result"),
        pytest.param(lambda x: maximum(x.exp(), x.exp() - x).exp().exp().tanh(), 4.2e-5, id="corner within the noise"),
        pytest.param(lambda x, n: 1e4 / (x**n).sqrt(), (2.5e-6, -40.5), id="adjoint that underflows"),
        pytest.param(lambda x: (1e4 * x).tanh() ** 3, 1.45e-3, id="saturated tanh"),
    ],
)
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_a_right_gradient_that_values_cannot_show_is_not_called_wrong(f, inputs):
    assert check_gradients(f, inputs).verdict in ("pass", "kink", "inconclusive")


cubes = operation("checked_special_cube", lambda x: x**3, lambda x, y: 100.0 if x == 2 else 3 * x * x, replace=True)
exprel = operation(
    "checked_exprel",
    lambda x: math.expm1(x) / x if x else 1.0,
    lambda x, y: 0.0 if x == 0 else (exp(x) - y) / x,
    replace=True,
)
cubic = operation("checked_cubic", lambda x: x**3, lambda x, y: 3 * x * x if x != 1 else 3.0 + 0 * x, replace=True)


@pytest.mark.parametrize(
    ("f", "x", "culprit"),
    [
        (cubes, 2.0, "'checked_special_cube' by operand 0: 8.33333 times the right one"),
        (lambda x: 3 * cubes(2 * x).tanh() + cubes(2 * x) - x, 1.0, "'checked_special_cube' by operand 0"),
        (exprel, 0.0, "'checked_exprel' by operand 0: missing"),
        (lambda x: relu(x) - relu(-x), 0.0, "no rule is wrong, but the derivative of 'relu' at a kink is a convention"),
    ],
)
def test_a_derivative_that_is_wrong_at_one_point_alone_fails(f, x, culprit):
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(f, x)
    assert culprit in str(caught.value)


def test_a_second_derivative_that_is_wrong_at_one_point_alone_fails():
    with pytest.raises(GradientMismatchError, match="input 0, 0"):
        check_gradients(cubic, 1.0, order=2)


@pytest.mark.parametrize("f", [relu, abs, lambda x: maximum(x, -2 * x), lambda x: where(x > 0, x, 3 * x)])
def test_a_kink_pinned_by_convention_does_not_fail(f):
    assert check_gradients(f, 0.0).verdict == "kink"


@pytest.mark.parametrize(
    ("f", "x"),
    [
        pytest.param(lambda x: x + 1e-12 * sin(1e12 * x), 1.0, id="oscillation"),
        pytest.param(lambda x: x + 1e-18 * tanh(1e18 * x), 0.0, id="step below the finest difference"),
        pytest.param(lambda x: x + 1e-18 * tanh(1e18 * (x - 1)), 1.0, id="step between two floats"),
        pytest.param(lambda x: x + relu(x - 1 + 1e-15) - relu(x - 1 - 1e-15), 1.0, id="corners close by"),
        pytest.param(lambda x: where(x > 0, abs(x) ** (1 / 3), -(abs(x) ** (1 / 3))), 0.0, id="vertical tangent"),
    ],
)
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_what_no_value_shows_is_neither_wrong_nor_passed(f, x):
    assert check_gradients(f, x).verdict == "inconclusive"


@pytest.mark.parametrize(("f", "x"), [(exp, 709.5), (cosh, 710.4), (lambda x: x * 1e300, 1.7e8)])
def test_a_gradient_close_to_overflow_passes(f, x):
    assert check_gradients(f, x).verdict == "pass"


LONG_SUMS = {
    "total": lambda x, k, n: total([k * x] * n),
    "dot": lambda x, k, n: dot([x] * n, [k] * n),
    "mean": lambda x, k, n: mean([sigmoid(k * x) for _ in range(n)]),
    "chain": lambda x, k, n: sum([k * x] * n),
    "cancelling": lambda x, k, n: total([k * x] * n) - total([k * x * x] * n),
}


@pytest.mark.parametrize("name", LONG_SUMS)
@pytest.mark.parametrize("n", [3, 30, 1000, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_long_sum_of_equal_summands_passes(name, n):
    numbers = random.Random(n)
    for _ in range(3):
        x, k = numbers.uniform(0.1, 2), numbers.uniform(0.1, 3)
        assert check_gradients(lambda x, k=k: LONG_SUMS[name](x, k, n), x).verdict == "pass"


doubled = operation("checked_doubled", lambda x: x * 1.0, lambda x, y: 2.0, replace=True)


def test_an_error_in_a_long_sum_is_no_kink():
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(lambda x: total([0.1 * doubled(x)] * 3000), 1.0)
    assert caught.value.comparisons[0].estimate.value == pytest.approx(300.0)
    assert "'checked_doubled' by operand 0: factor 2" in str(caught.value)


@pytest.mark.slow
def test_one_wrong_operand_of_very_many_is_named_without_long_delay():
    wrong = operation(
        "checked_last", lambda *o: sum(o), lambda o, y: (*[1.0] * (len(o) - 1), 2.0), variadic=True, replace=True
    )
    start = time.process_time()
    with pytest.raises(GradientMismatchError, match="'checked_last' by operand 999: factor 2"):
        check_gradients(lambda x: wrong(*[x * k for k in range(1, 1001)]), 1.3)
    assert time.process_time() - start < 30


@pytest.mark.parametrize(
    ("f", "x", "note"),
    [
        (lambda x: sqrt(x - x), 1.0, "0 · ∞ or ∞ - ∞: the chain rule cannot tell"),
        (lambda x: 1 / (1 / x), 0.0, "0 · ∞ or ∞ - ∞: the chain rule cannot tell"),
        (lambda x: 1 / (1 + 2 / x), 0.0, "0 · ∞ or ∞ - ∞: the chain rule cannot tell"),
        (lambda x: sqrt(x * x), 0.0, "0 · ∞ or ∞ - ∞: the chain rule cannot tell"),
    ],
)
def test_nan_never_passes_and_says_why(f, x, note):
    with pytest.warns(InconclusiveGradientWarning, match=re.escape(note)):
        report = check_gradients(f, x)
    assert report.verdict == "inconclusive"
    assert [c.note for c in report.comparisons] == [note]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    "f",
    [lambda x: where(x < 1, 3 * x, 1 / x + sqrt(x)), lambda x: maximum(-1 / (x * x), x), lambda x: relu(-1 / x**2) + x],
)
def test_a_branch_that_is_not_taken_adds_nothing_however_infinite_it_is(f, order):
    assert check_gradients(f, 0.0, order).verdict == "pass"


def test_an_infinite_tolerance_decides_nothing():
    for engine in (1.0, 5.0):
        found = compare(
            Claim(name="x", engine=engine, f=float, x=1.0, noise=lambda s: lambda x: 0.0, absolute_adjoint=math.inf)
        )
        assert found.verdict == "inconclusive"


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_rule_that_gives_no_number_fails_alone_and_is_not_passed_in_a_graph(wrong):
    row = operation("checked_no_number", lambda x: 2 * x, lambda x, y: wrong, replace=True)
    with pytest.raises(OperationError, match=f"the derivative by operand 0: {wrong} where it is 2"):
        check_operation(row)
    with pytest.warns(InconclusiveGradientWarning, match="the chain rule cannot tell"):
        assert check_gradients(lambda x: row(3 * x).tanh(), 0.1).verdict == "inconclusive"


@pytest.mark.parametrize("x", [1e-6, 1.0, 1e3])
def test_a_small_error_is_caught_at_every_magnitude(x):
    wrong = operation(
        "checked_square", lambda x: x * x, lambda x, y: 2 * x * (1 + 2e-6), replace=True
    )  # fmt: skip
    with pytest.raises(GradientMismatchError):
        check_gradients(wrong, x)


@pytest.mark.parametrize("order", [1, 2])
def test_a_power_of_a_negative_number_is_no_excuse(order):
    assert check_gradients(lambda x: (x - 3) ** 2, 1.0, order).verdict == "pass"
    wrong = operation("checked_shift", lambda x: x - 3, lambda x, y: 1.1, replace=True)
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda x: wrong(x) ** 2, 1.0, order)


def test_a_wrong_rule_that_runs_on_floats_alone_is_caught():
    wrong = operation("checked_floats", math.sin, lambda x, y: -math.cos(x), replace=True)
    with pytest.raises(GradientMismatchError, match="sign flipped"):
        check_gradients(wrong, 1.0)


def test_an_orthogonal_error_is_caught():
    wrong = operation("checked_sum", lambda a, b: a + b, lambda a, b, y: 2.0, lambda a, b, y: 0.0, replace=True)
    with pytest.raises(GradientMismatchError):
        check_gradients(wrong, (1.0, 2.0))


@pytest.mark.parametrize("x", [1.0, math.pi / 2 - 1e-1, -1.0, 2.0])
@pytest.mark.parametrize("error", [2e-6, -1e-5])
def test_a_small_error_is_called_by_its_size_alone(x, error):
    small = operation("checked_small", math.sin, lambda x, y: (1 + error) * cos(x), replace=True)
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(small, x)
    message = str(caught.value)
    ratio = f"1 {'+' if error > 0 else '-'} {abs(error):.1g}"
    assert f"'checked_small' by operand 0: {ratio} times the right one" in message
    assert f"the engine has {ratio} times the derivative" in message


def test_a_wrong_second_derivative_is_caught():
    wrong = operation("checked_cube", lambda x: x**3, lambda x, y: 3 * getattr(x, "data", x) * x, replace=True)
    assert check_gradients(wrong, 1.5).verdict == "pass"
    with pytest.raises(GradientMismatchError, match="input 0, 0"):
        check_gradients(wrong, 1.5, order=2)


def test_a_failure_names_the_culprit_and_prints_code_to_paste():
    def loss(x, y):
        return leaky((x * y).tanh() + exp(y)) * x + y

    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(loss, (0.7, 1.3))
    message = str(caught.value)
    assert "Culprit: the derivative of 'checked_relu_scaled' by operand 0: scaled by its output" in message
    assert "reduced from 7 to 1 operation:" in message
    assert "@example(" in message
    assert "round-off" in message
    assert "D⁻" in message
    run_code_of(message)


def test_a_program_that_is_as_small_as_it_can_be_is_not_called_reduced():
    with pytest.raises(GradientMismatchError, match="a program that fails:") as caught:
        check_gradients(lambda x: leaky(x), 1.5)
    assert "reduced" not in str(caught.value)
    run_code_of(str(caught.value))


def test_the_message_is_made_when_it_is_printed():
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(lambda x: leaky(x * x), 1.5)
    assert not {"reduced", "culprit"} & vars(caught.value).keys()
    assert str(caught.value) == str(caught.value)
    assert {"reduced", "culprit"} <= vars(caught.value).keys()


def run_code_of(message):
    """The code that a failure prints fails itself, as it stands."""
    code = message[message.index("from autodiff") : message.index("as a hypothesis example")]
    with pytest.raises(GradientMismatchError):
        exec(code, {})


def test_a_wrong_second_derivative_is_reduced_to_code_that_shows_it():
    wrong = operation("checked_cube_too", lambda x: x**3, lambda x, y: 3 * getattr(x, "data", x) * x, replace=True)
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(lambda x, y: wrong(x) * y.exp() + x, (1.5, 2.0), order=2)
    message = str(caught.value)
    assert "Culprit: the second derivative of 'checked_cube_too' by operands 0, 0: factor ½" in message
    assert "reduced from 4 to 1 operation:" in message
    run_code_of(message)


def test_of_many_comparisons_the_wrong_ones_are_shown_and_the_others_counted():
    model = nn.MLP(2, [6, 1], activation=leaky, rng=1)
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(lambda m: (m([1.0, 2.0]) - 0.5) ** 2, model)
    lines = str(caught.value).splitlines()
    wrong = sum(c.verdict == "fail" for c in caught.value.comparisons)
    assert [line.split()[0] for line in lines if " input " in line] == ["fail"] * 6
    assert f"  … and {wrong - 6} more that are wrong, {25 - wrong} that are not wrong" in lines


def test_where_the_rules_are_right_the_propagation_is_to_blame():
    def once(root):
        root.backward()
        for node in root.parents:
            node.grad = 1.0

    with pytest.raises(GradientMismatchError, match="all rules are right: propagation"):
        check_gradients(lambda x: x * x, 3.0, backward=once)


def _counting():
    numbers = random.Random(0)
    return lambda x: x * numbers.random()


def _mutating(xs):
    xs[0] = xs[0] * 2
    return xs[0]


def _emptying(xs):
    xs[0] = None
    return Value(1.0)


def _growing(xs):
    xs.append(xs[0])
    return xs[0] * 2


def _shrinking(xs):
    return xs[0] * xs.pop()


def _rewriting(x):
    x.data = 5.0
    return x * 2


@pytest.mark.parametrize(
    ("f", "inputs", "reason"),
    [
        (_counting(), 1.0, "not deterministic"),
        (lambda x: x.data * 2, 1.0, "returns no Value"),
        (lambda x: None, 1.0, "returns no Value"),
        (lambda x: [x], 1.0, "returns no Value"),
        (_mutating, [1.0], "mutates its inputs"),
        (_rewriting, 1.0, "mutates its inputs"),
        (_emptying, [1.0], "mutates its inputs"),
        (_growing, [1.0], "mutates its inputs"),
        (_shrinking, [1.0, 2.0], "mutates its inputs"),
        (lambda x: x.log(), -1.0, "not finite"),
        (lambda x, y: x * 2, (1.0, 2.0), "ignores an input"),
    ],
)
def test_what_cannot_be_checked_is_named(f, inputs, reason):
    with pytest.raises(UncheckableFunctionError) as caught:
        check_gradients(f, inputs)
    assert caught.value.reason == reason


def test_an_input_that_is_cut_from_the_graph_is_a_wrong_gradient():
    with pytest.raises(GradientMismatchError, match="0 times the derivative: missing"):
        check_gradients(lambda x, y: x * y.data, (1.0, 2.0))


def test_an_unused_input_can_be_allowed():
    assert check_gradients(lambda x, y: x * 2, (1.0, 2.0), allow_unused=True).verdict == "pass"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (((lambda x: x), 1.0, 3), ValueError),
        (((lambda x: x), 1.0, True), ValueError),
        (((lambda x: x), []), ValueError),
        (((lambda x: x), float("nan")), ValueError),
        (((lambda x: x), "a"), TypeError),
        ((3, 1.0), TypeError),
        (((lambda x: x), 1j), TypeError),
    ],
)
def test_options_out_of_range_are_refused(arguments, error):
    with pytest.raises(error):
        check_gradients(*arguments)


def test_nodes_given_as_inputs_keep_their_gradients():
    x = Value(2.0)
    check_gradients(lambda x: x * x, x)
    assert x.grad == 0.0


def test_every_node_that_is_reached_keeps_its_gradient():
    w, v = Value(2.0), Value(3.0)
    inner = w * v
    inner.backward()
    held = [node.grad for node in (w, v, inner)]
    check_gradients(lambda x: w * x + inner, 1.0, order=2)
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(lambda x: cubes(w * x) * inner, 1.0)
    assert str(caught.value)
    assert [node.grad for node in (w, v, inner)] == held


@pytest.mark.parametrize(
    ("primal", "rule", "x"),
    [
        (math.log, lambda x, y: -1 / x, 0.1),
        (math.asin, lambda x, y: -((1 - x * x) ** -0.5), 0.9),
        (math.sqrt, lambda x, y: 2 / y, 1e-4),
    ],
)
def test_a_wrong_rule_is_told_close_to_the_edge_of_the_domain(primal, rule, x):
    row = Operation("edge", primal, rule, domain=(Interval(1e-6, 0.99),))
    with pytest.raises(GradientMismatchError, match="'edge' by operand 0"):
        check_gradients(lambda v: row(v), x)


@pytest.mark.parametrize("slope", [0.1, 0.2, 0.3])
def test_at_a_kink_a_convention_lies_between_the_sides(slope):
    assert check_gradients(corner(slope), 2.0).verdict == "kink"


@pytest.mark.parametrize("slope", [-1.0, 0.4, 5.0])
@pytest.mark.parametrize("f", [lambda row: row, lambda row: lambda x: (3 * row(x)).tanh()])
def test_at_a_kink_a_rule_outside_of_both_sides_fails_and_says_so(slope, f):
    with pytest.raises(GradientMismatchError, match="'corner' by operand 0: not between the one-sided derivatives"):
        check_gradients(f(corner(slope)), 2.0)


def test_at_a_kink_right_rules_that_lead_outside_of_both_sides_are_inconclusive():
    with pytest.warns(InconclusiveGradientWarning, match="not between the one-sided derivatives"):
        assert check_gradients(lambda x: relu(x) - relu(-x) + 0.1 * abs(x), 0.0).verdict == "inconclusive"


@pytest.mark.parametrize("slope", [math.nan, math.inf])
def test_no_number_at_a_kink_is_inconclusive(slope):
    with pytest.warns(InconclusiveGradientWarning, match="the chain rule cannot tell"):
        assert check_gradients(corner(slope), 2.0).verdict == "inconclusive"


@pytest.mark.parametrize("old", ["GradientMismatch", "OperationFault", "UncheckableFunction"])
def test_the_old_name_of_an_exception_warns_and_gives_the_new_one(old):
    new = {"OperationFault": "OperationError"}.get(old, f"{old}Error")
    with pytest.warns(DeprecationWarning, match=f"{old} is called {new} now"):
        assert getattr(checking, old) is getattr(checking, new)


def test_a_second_derivative_that_a_branch_hides_is_wrong():
    with pytest.raises(GradientMismatchError, match="0 times the derivative: missing"):
        check_gradients(lambda x: sin(x) / x if x != 0 else 1 + 0 * x, 0.0, order=2)


def test_a_cut_graph_is_named_with_a_program_that_fails():
    for f in (lambda x, y: x * x.data * y, lambda x, y: x * (y.data**2 + x.data)):
        with pytest.raises(
            GradientMismatchError, match="Culprit: the graph is cut at operand 1 of 'multiply'"
        ) as caught:
            check_gradients(f, (3.0, 2.0))
        code = str(caught.value).partition("a program that fails:")[2]
        with pytest.raises(GradientMismatchError, match="the graph is cut at"):
            exec(code, {})


@pytest.mark.parametrize("wrong", [None, "layers.1.neurons.3.bias"])
def test_a_module_of_many_parameters_is_checked_along_directions(wrong):
    model = nn.MLP(2, [16, 16, 1], activation="tanh", rng=1)
    before = model.state_dict()

    def backward(root):
        root.backward()
        if wrong:
            dict(model.named_parameters())[wrong].grad *= 1.001

    def check():
        return check_gradients(lambda m: (m([0.5, -1.0]) - 1) ** 2, model, backward=backward)

    if wrong is None:
        assert check().verdict == "pass"
        assert len(check().comparisons) == 3
        assert check_gradients(lambda m: (m([0.5, -1.0]) - 1) ** 2, model, order=2).verdict == "pass"
    else:
        with pytest.raises(GradientMismatchError) as caught:
            check()
        assert {c.name for c in caught.value.comparisons if c.verdict == "fail"} == {wrong}
    assert model.state_dict() == before
