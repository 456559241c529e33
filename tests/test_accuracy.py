"""Numbers over the whole range of floats: values and two derivatives beside mpmath, in units of the last place.

The long run, beside NumPy, PyTorch and JAX, is ``python -m benchmarks.accuracy``.
"""

import math

import pytest
from mpmath import mp

from autodiff import OPERATIONS, atan, erf, gelu, grad, hypot, log_sum_exp, power, relu, sigmoid, silu, tanh
from benchmarks import accuracy

POINTS = 60
"""Of a row; the benchmark tries 1200."""
SLOW = {"power", "erf", "erfc", "gelu", "softplus", "hypot"}
ROWS = [OPERATIONS[name] for name in accuracy.REFERENCES]
FAR_OUT = {"acoth", "acsc", "acsch", "asec", "asech", "acosh", "coth", "logaddexp"}
"""Rows whose second derivative is nan at some infinite, huge or subnormal numbers: 0 · inf in its own rule."""
HONEST = {
    "divide": 1, "power": 1, "hypot": 2, "norm": 2, "leaky_relu": 2, "cbrt": 1, "logit": 2, "atan2": 0, "acot": 0,
}  # fmt: skip
"""Rows whose numbers may be lost at some points from this order on: where two operands are far apart or subnormal, at a
vertical tangent, or where the sign of a zero decides."""
inf, nan = math.inf, math.nan


def second(function):
    return grad(grad(function))


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=pytest.mark.slow) if row.name in SLOW else row for row in ROWS], ids=str
)
def test_values_and_two_derivatives_are_right_over_the_whole_range_of_floats(row):
    for found in accuracy.compare(row, POINTS):
        if found.order < HONEST.get(row.name, 2 if row.name in FAR_OUT else 3):
            assert found.disagreements == {"ours": 0}, found


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_nan_goes_into_every_derivative_that_depends_on_the_operand(row):
    arity = row.arity or accuracy.ARITIES[row.name]
    for place in range(arity):
        point = tuple(nan if at == place else 0.5 + 0.25 * at for at in range(arity))
        for given, expected in zip(accuracy.ours(row, point), accuracy.exact(row, point)):
            for number, exact in zip(given, expected):
                assert exact is None or math.isnan(number), (point, given)


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


def test_units_in_the_last_place_are_counted_from_the_exact_number():
    assert accuracy.ulps(1.0, mp.mpf(1)) == 0
    assert accuracy.ulps(1 + 2**-52, mp.mpf(1)) == 1
    assert accuracy.ulps(0.0, mp.mpf(5e-324)) == 1
    assert accuracy.ulps(nan, mp.mpf(1)) == accuracy.ulps(1.0, nan) == inf
    assert accuracy.ulps(nan, nan) == accuracy.ulps(inf, mp.inf) == 0
    assert accuracy.ulps(inf, mp.mpf(1)) > accuracy.BOUND


def test_a_wrong_derivative_is_found():
    """The comparison itself is tested with a planted fault: three percent in the second derivative's tail."""
    with mp.workdps(accuracy.DIGITS[1]):
        (value,), (first,), (second_one,) = accuracy.exact(tanh, (20.0,))
    assert accuracy.ulps(tanh(20.0), value) < 2
    assert accuracy.ulps(0.0, first) > accuracy.BOUND  # what 1 - tanh(x) ** 2 gives
    assert accuracy.ulps(float(second_one) * 1.03, second_one) > accuracy.BOUND


def test_the_gradient_of_log_sum_exp_at_an_infinity_is_right_or_nan():
    of_inf, of_zero = grad(log_sum_exp)([inf, 0.0])
    assert of_zero == 0
    assert of_inf == 1 or math.isnan(of_inf)
    assert grad(log_sum_exp)([-inf, 0.0]) == [0.0, 1.0]
    assert all(map(math.isnan, grad(log_sum_exp)([-inf, -inf])))
