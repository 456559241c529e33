"""Numbers over the whole range of floats: values and two derivatives beside mpmath, in units of the last place.

The long run, beside NumPy, PyTorch and JAX, is ``python -m benchmarks.accuracy``.
"""

import math

import numpy as np
import pytest
from mpmath import mp

from autodiff import (
    OPERATIONS,
    atan,
    erf,
    gelu,
    grad,
    hessian,
    hypot,
    jacobian,
    log_softmax,
    log_sum_exp,
    logaddexp,
    power,
    relu,
    sigmoid,
    silu,
    softmax,
    tanh,
)
from autodiff.registry import BUILT_IN
from benchmarks import accuracy

POINTS = 60
"""Of a row; the benchmark tries 500."""
SLOW = {
    "power", "erf", "erfc", "erfcx", "erfinv", "erfcinv", "gelu", "softplus", "hypot", "logaddexp", "gamma", "digamma",
    "trigamma",
}  # fmt: skip
ROWS = [OPERATIONS[name] for name in accuracy.REFERENCES]
HONEST = {"divide": 2, "hypot": 2, "norm": 2, "copysign": 0}
"""Rows whose numbers may be lost at some points from this order on. Quotients of subnormal numbers have few digits, or
overflow, and the second derivatives of quotients are made of those; the largest of several operands cancels in the
second derivative of their norm; and a nan has a sign, which is what copysign reads."""
inf, nan = math.inf, math.nan


def second(function):
    return grad(grad(function))


def test_every_row_has_a_reference():
    assert {name for name in OPERATIONS if name in BUILT_IN} == set(accuracy.REFERENCES)


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=pytest.mark.slow) if row.name in SLOW else row for row in ROWS], ids=str
)
def test_values_and_two_derivatives_are_right_over_the_whole_range_of_floats(row):
    for found in accuracy.compare(row, POINTS):
        if found.order < HONEST.get(row.name, 3):
            assert found.disagreements == {"ours": 0}, found


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_nan_goes_into_every_derivative_that_depends_on_the_operand(row):
    arity = row.arity or accuracy.ARITIES[row.name]
    for place in range(arity):
        point = tuple(nan if at == place else 0.5 + 0.25 * at for at in range(arity))
        for given, expected in zip(accuracy.ours(row, point), accuracy.exact(row, point)):
            for number, exact in zip(given, expected):
                assert exact is None or math.isnan(number) or row.name == "copysign", (point, given)


@pytest.mark.parametrize(
    ("function", "x", "first", "second_one"),
    [
        (tanh, 18.0, 9.278e-16, -1.8556e-15),
        (tanh, 20.0, 1.69934e-17, -3.39868e-17),
        (tanh, -400.0, 0.0, 0.0),
        (tanh, 1e-17, 1.0, -2e-17),
        (tanh, inf, 0.0, 0.0),
        (sigmoid, 1e-10, 0.25, -1.25e-11),
        (sigmoid, -1e-200, 0.25, 1.25e-201),
        (sigmoid, 40.0, 4.24835e-18, -4.24835e-18),
        (silu, -inf, 0.0, 0.0),
        (silu, inf, 1.0, 0.0),
        (gelu, -inf, 0.0, 0.0),
        (gelu, inf, 1.0, 0.0),
        (atan, 1e155, 1e-310, 0.0),
        (atan, -1e105, 1e-210, 2e-315),
        (atan, inf, 0.0, 0.0),
        (erf, inf, 0.0, 0.0),
        (erf, 26.0, 2.94703e-294, -1.53246e-292),
        (lambda x: hypot(x, 1e10), 1e-10, 1e-20, 1e-10),
        (lambda x: hypot(x, 1e-10), 1e10, 1.0, 1e-50),
    ],
)
def test_derivatives_far_out_and_near_zero(function, x, first, second_one):
    assert grad(function)(x) == pytest.approx(first, rel=1e-3, abs=0)
    assert second(function)(x) == pytest.approx(second_one, rel=1e-3, abs=0)


def test_activations_have_their_limits():
    assert (silu(-inf), gelu(-inf), silu(inf), gelu(inf)) == (0.0, 0.0, inf, inf)
    assert math.isnan(silu(nan))
    assert math.isnan(gelu(nan))


def test_relu_of_nan_has_no_derivative():
    assert math.isnan(relu(nan))
    assert math.isnan(grad(relu)(nan))


def test_a_derivative_of_a_power_does_not_overflow_on_the_way():
    assert grad(lambda x: x**1e-300)(5e-324) == pytest.approx(1e-300 / 5e-324, rel=1e-12)
    assert grad(lambda x: power(x, 0.0))(5e-324) == 0.0
    assert grad(lambda x: x**0.5)(0.0) == inf
    assert grad(power, (0, 1))(0.0, 0.0) == (0.0, 0.0)


@pytest.mark.parametrize("n", [2.0**53, 2.0**53 + 2, -(2.0**53), 1e17, 1e308])
def test_an_exponent_that_is_even_and_huge_has_an_odd_derivative(n):
    """Its predecessor is odd, but no float."""
    assert grad(power)(-1.0, n) == -n
    assert grad(grad(power))(-1.0, n) == grad(grad(power))(1.0, n)


def test_units_in_the_last_place_are_counted_from_the_exact_number():
    assert accuracy.ulps(1.0, mp.mpf(1)) == 0
    assert accuracy.ulps(1 + 2**-52, mp.mpf(1)) == 1
    assert accuracy.ulps(0.0, mp.mpf(5e-324)) == 1
    assert accuracy.ulps(nan, mp.mpf(1)) == accuracy.ulps(1.0, nan) == inf
    assert accuracy.ulps(nan, nan) == accuracy.ulps(inf, mp.inf) == 0
    assert accuracy.ulps(inf, mp.mpf(1)) > accuracy.BOUND


def test_a_wrong_derivative_is_found():
    """The comparison itself is tested with a planted fault: three percent in the second derivative's tail."""
    with mp.workdps(accuracy.DIGITS):
        (value,), (first,), (second_one,) = accuracy.exact(tanh, (20.0,))
    assert accuracy.ulps(tanh(20.0), value) < 2
    assert accuracy.ulps(0.0, first) > accuracy.BOUND  # what 1 - tanh(x) ** 2 gives
    assert accuracy.ulps(float(second_one) * 1.03, second_one) > accuracy.BOUND


@pytest.mark.parametrize(
    ("values", "shares", "logarithms"),
    [
        ([inf, 0.0], [1.0, 0.0], [0.0, -inf]),
        ([0.0, inf, -inf], [0.0, 1.0, 0.0], [-inf, 0.0, -inf]),
        ([-inf, 0.0], [0.0, 1.0], [-inf, 0.0]),
        ([inf, inf], [0.5, 0.5], [-math.log(2)] * 2),
        ([-inf, -inf], [0.5, 0.5], [-math.log(2)] * 2),
        ([inf, nan], [nan, nan], [nan, nan]),
    ],
)
def test_of_infinities_the_greatest_takes_all_and_equal_ones_share(values, shares, logarithms):
    def same(given, expected):
        return np.allclose(given, expected, rtol=1e-15, atol=0, equal_nan=True)

    assert same(log_sum_exp(values), nan if nan in values else max(values))
    assert same(grad(log_sum_exp)(values), shares)
    assert same(softmax(values), shares)
    assert same(log_softmax(values), logarithms)
    away = np.eye(len(values)) - shares
    assert same(jacobian(log_softmax)(values), away)
    assert same(hessian(log_sum_exp)(values), np.array(shares)[:, None] * away)
    if len(values) == 2:
        assert same(logaddexp(*values), log_sum_exp(values))
        assert same(grad(logaddexp, (0, 1))(*values), tuple(shares))
