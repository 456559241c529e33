"""Derivatives of derivatives, compiled: the rules of the table branch, and yet have derivatives of their own."""

import math

import numpy as np
import pytest

from autodiff import OPERATIONS, compile, grad, hessian, log, maximum, minimum, operation, sqrt, value_and_grad, where
from nn import MLP

POINTS = [[0.5, 2.0], [2.0, 2.0], [1.0, 1.0], [3.0, 3.0], [4.0, 1.0], [0.7, 3.0]]
"""Exponents among them at which the power takes a short cut."""


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_second_derivatives_of_powers_are_right_at_the_exponents_of_short_cuts(backend):
    if backend == "native":
        pytest.importorskip("numba", reason="the native backend needs it")
    second = hessian(lambda p: p[0] ** p[1])
    found = compile(second, backend=backend)([*POINTS])
    for place, point in enumerate(POINTS):
        expected = second(point)
        assert found[place].tolist() == [[pytest.approx(each, rel=1e-14) for each in row] for row in expected]


def test_the_third_derivative_of_a_power_is_right():
    third = grad(grad(grad(lambda x: x**x)))
    points = [1.0, 2.0, 3.0, 2.5]
    assert compile(third, backend="numpy")(points).tolist() == [pytest.approx(third(x), rel=1e-13) for x in points]


def test_an_operation_within_a_rule_that_branches_has_the_derivative_of_its_row():
    try:
        ramp = operation(
            "branchless_ramp", lambda x: x * x if x > 0 else 0.0, lambda x, y: x + maximum(x, 1.0) if x > 0 else 0.0
        )
        second = grad(grad(ramp))
        assert second(1.0) == 1.5  # maximum shares a tie
        assert compile(second, backend="numpy")([1.0, 2.0, 0.5, -1.0]).tolist() == [1.5, 2.0, 1.0, 0.0]
        assert math.isnan(compile(second, backend="numpy")(math.nan)) == math.isnan(second(math.nan))
    finally:
        del OPERATIONS["branchless_ramp"]


TWO_ZEROS = {
    "an untaken logarithm": lambda x: where(x, log(x), 5.0 * x),
    "a quotient behind relu": lambda x: 1.0 / (1.0 + 2.0 / (x.relu() + x)),
    "a root behind relu": lambda x: sqrt(x.relu()) * 3.0,
    "two branches of infinite slope": lambda x: where(x - 1.0, sqrt(x), sqrt(x * x * x)) + maximum(sqrt(x), x),
    "relu after relu": lambda x: sqrt((x.relu() - 1.0).relu()) + x,
    "shared by several uses": lambda x: (lambda h: where(x, h, x) + maximum(h, 2.0) + h.relu())(sqrt(x)),
    "the number zero meets infinity": lambda x: sqrt(x) * sqrt(x),
    "leaky and detached": lambda x: x.leaky_relu() * sqrt(x).detach() + minimum(log(x), x),
}


@pytest.mark.parametrize("derivative", [grad, lambda f: grad(grad(f)), lambda f: value_and_grad(grad(f))])
@pytest.mark.parametrize("name", TWO_ZEROS)
def test_nothing_flows_where_nothing_depends_and_a_number_zero_is_a_number(derivative, name):
    function = derivative(TWO_ZEROS[name])
    points = [0.0, -1.0, 1.0, 2.0, 0.5, -0.0, math.inf, math.nan]
    found = compile(function, backend="numpy")(points)
    expected = np.array([function(x) for x in points]).T
    np.testing.assert_allclose(np.array(found), expected, rtol=1e-12)


def test_a_derivative_inside_is_a_number_to_what_is_around_it():
    def f(x):
        slope = grad(lambda z: where(z, log(z), 5.0 * z))(x)  # 1/x, or 5 at 0
        return slope * sqrt(x)

    for function in (f, grad(f)):
        points = [0.0, 1.0, 4.0]
        expected = [function(x) for x in points]
        np.testing.assert_allclose(compile(function, backend="numpy")(points), expected, rtol=1e-12)


def test_the_derivative_of_a_network_chooses_for_each_neuron_and_not_for_each_weight():
    model = MLP(2, [8, 8, 1], rng=0)
    slopes = compile(lambda x: grad(model)(x), backend="numpy")
    points = np.random.default_rng(0).normal(size=(20, 2))
    expected = [[slope.data for slope in grad(model)(point)] for point in points.tolist()]
    np.testing.assert_allclose(slopes(points), expected)
    assert sum(op is where for op, _ in slopes.program) <= 4 * (8 + 8)
