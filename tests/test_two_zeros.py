"""The two zeros: the symbolic one, where nothing depends, stops the flow; the number 0.0 is a number: 0 · ∞ is nan."""

import copy
import math
import pickle
import statistics

import pytest

import autodiff as ad
from autodiff import NOT_COMPUTED, OPERATIONS, ZERO, Value, constant, grad, hypot, jvp, lookup, norm, where
from autodiff.operations import CONSTANT
from autodiff.registry import flows
from autodiff.rules import DETACHED, EQUAL, LESS, LESS_EQUAL, SELECT

QUIET = {  # function, point, and the derivative there: the other branch, or none
    "where": (lambda x: where(x > 0, ad.sqrt(x), 0.0), 0.0, 0.0),
    "where, the other way": (lambda x: where(x > 0, x.log(), x * 2), 0.0, 2.0),
    "a branch of a branch": (lambda x: where(x > 0, ad.exp(1 / x), 3 * x), 0.0, 3.0),
    "relu": (lambda x: ad.relu(ad.sqrt(x) - 1), 0.0, 0.0),
    "leaky_relu of the slope": (lambda x: ad.leaky_relu(2.0, ad.sqrt(x)), 0.0, 0.0),
    "maximum": (lambda x: ad.maximum(1.0, ad.sqrt(x)), 0.0, 0.0),
    "minimum": (lambda x: ad.minimum(-1.0, ad.sqrt(x)), 0.0, 0.0),
    "a constant": (lambda x: constant(4.0) * x + ad.sqrt(x).detach(), 0.0, 4.0),
    "the condition": (lambda x: where(ad.sqrt(x), 1.0, x), 0.0, 1.0),
}
NUMBERS = {  # 0 · ∞ on the way: by analysis 1, 0.5, b, 1
    "1/(1/x)": (lambda x: 1 / (1 / x), 0.0),
    "1/(1 + 2/x)": (lambda x: 1 / (1 + 2 / x), 0.0),
    "exp(log a + log b)": (lambda x: ad.exp(ad.log(x) + math.log(3.0)), 0.0),
    "sqrt(x)**2": (lambda x: ad.sqrt(x) ** 2, 0.0),
    "a product with 0": (lambda x: ad.sqrt(x) * 0, 0.0),
    "the root of a norm": (lambda x: ad.sqrt(abs(x)), 0.0),
}


def by_backward(f, x):
    leaf = Value(x)
    f(leaf).backward()
    return leaf.grad


def by_steps(f, x):
    leaf = Value(x)
    for _ in f(leaf).backward_steps():
        pass
    return leaf.grad


def by_grad(f, x):
    return grad(f)(x)


def by_recorded_grad(f, x):
    leaf = Value(x)
    return grad(f(leaf), leaf).number


def by_jvp(f, x):
    return jvp(f, (x,), (1.0,))[1]


MODES = [by_backward, by_steps, by_grad, by_recorded_grad, by_jvp]


@pytest.mark.parametrize("derivative", MODES)
@pytest.mark.parametrize(("f", "x", "expected"), QUIET.values(), ids=QUIET)
def test_nothing_flows_where_nothing_depends(derivative, f, x, expected):
    assert derivative(f, x) == expected


@pytest.mark.parametrize("derivative", MODES)
@pytest.mark.parametrize(("f", "x"), NUMBERS.values(), ids=NUMBERS)
def test_a_zero_that_was_computed_is_a_number(derivative, f, x):
    assert math.isnan(derivative(f, x))


@pytest.mark.parametrize("derivative", [lambda f, x: grad(grad(f))(x), lambda f, x: jvp(grad(f), (x,), (1.0,))[1]])
@pytest.mark.parametrize(("f", "x", "expected"), QUIET.values(), ids=QUIET)
def test_nothing_flows_in_second_order_either(derivative, f, x, expected):
    assert derivative(f, x) == 0.0


@pytest.mark.parametrize("size", range(1, 6))
def test_the_norm_of_zeros_keeps_its_subgradient(size):
    assert grad(norm)([0.0] * size) == [0.0] * size
    leaves = [Value(0.0) for _ in range(size)]
    norm(leaves).backward()
    assert [leaf.grad for leaf in leaves] == [0.0] * size
    assert grad(hypot, (0, 1))(0.0, 0.0) == (0.0, 0.0)
    assert grad(hypot, (0, 1))(3.0, -4.0) == (0.6, -0.8)


@pytest.mark.parametrize("numbers", [(3e200, 4e200), (3e-200, 4e-200), (5e-324, 0.0), (math.inf, math.nan), (1.0,) * 9])
def test_the_norm_neither_over_nor_underflows(numbers):
    assert norm(numbers) == pytest.approx(math.hypot(*numbers), rel=1e-15)
    assert hypot(*numbers[:2]) == pytest.approx(math.hypot(*numbers[:2]), rel=1e-15)


def test_the_rows_that_never_flow_say_so():
    silent = {
        (row.name, place) for row in OPERATIONS.values() for place in range(row.arity or 0) if not flows(row, place)
    }
    assert silent == {("where", 0)}
    for row in (DETACHED, LESS, LESS_EQUAL, EQUAL):
        assert row.local_derivatives((1.0, 2.0)[: row.arity], 0.0) == (ZERO,) * row.arity
    assert [local is ZERO for local in SELECT.local_derivatives((1.0, 5.0, 6.0), 6.0)] == [True, True, False]


@pytest.mark.parametrize("row", [row for row in OPERATIONS.values() if row.arity], ids=str)
def test_a_rule_gives_a_symbolic_zero_only_where_the_output_does_not_depend_on_the_operand(row):
    points = [tuple(low + (high - low) * part for low, high in row.domain) for part in (0.1, 0.35, 0.6, 0.9)]
    points += [point[::-1] if row.arity == 2 else point for point in points]
    for point in points:
        for place, local in enumerate(row.local_derivatives(point, row(*point))):
            if local is ZERO:
                moved = [x * (1 + 1e-9) if at == place else x for at, x in enumerate(point)]
                assert row(*moved) == row(*point)


def test_a_symbolic_zero_is_told_from_the_number_by_its_identity():
    assert ZERO == NOT_COMPUTED == 0.0
    assert (repr(ZERO), str(ZERO)) == ("0.0 (no dependence)", "0.0")
    for zero in (ZERO, NOT_COMPUTED):
        assert pickle.loads(pickle.dumps(zero)) is zero
        assert copy.deepcopy([zero])[0] is zero
        assert type(zero + 1.0) is float


def test_steps_tell_which_zero_it_is():
    x = Value(0.0, label="x")
    steps = list(where(x > 0, x.log(), 2 * x).backward_steps())
    untaken, taken, of_log, of_product = steps
    assert untaken.local is ZERO
    assert (untaken.contribution, taken.local, taken.contribution) == (0.0, 1.0, 1.0)
    by_name = {step.node.op.name: step for step in (of_log, of_product)}
    assert by_name["log"].upstream is NOT_COMPUTED
    assert (by_name["log"].local, by_name["log"].contribution) == (math.inf, 0.0)
    assert by_name["multiply"].contribution == 2.0
    assert type(by_name["log"].node.grad) is float  # reached by nothing, it is 0 when the pass is over


def test_a_rule_of_the_users_may_say_that_nothing_depends():
    step = ad.operation("step_of", lambda x: 1.0 if x > 0 else 0.0, lambda x, y: ZERO, replace=True)
    assert by_backward(lambda x: step(x.log()), 0.0) == 0.0
    assert lookup("step_of") is step
    assert all(parent.op is not CONSTANT for parent in step(Value(2.0)).parents)


def test_a_symbolic_zero_makes_plain_numbers_of_its_type():
    assert statistics.mean([Value(1.0).grad, Value(2.0).grad]) == 0.0
    assert type(type(NOT_COMPUTED)(2)) is float


def test_a_step_from_which_nothing_flows_says_so():
    x = Value(0.0, label="x")
    printed = [str(step) for step in where(0.0, x.sqrt(), x).backward_steps()]
    assert [line.endswith("(no dependence: nothing flows)") for line in printed] == [False, False, True]
