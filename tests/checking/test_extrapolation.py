"""Laws of noise-aware extrapolation and of the numerical derivatives built on it."""

import math

import pytest

import nn
from autodiff.checking import numerical_derivative, numerical_gradient

FUNCTIONS = [
    (math.exp, 1.0, math.e),
    (math.sin, 100.0, math.cos(100.0)),
    (math.log, 1e-3, 1e3),
    (lambda x: x**3, 1e4, 3e8),
    (lambda x: (x + 1e8) - 1e8, 1.0, 1.0),
    (lambda x: 7.0, 2.0, 0.0),
    (lambda x: x * x, 0.0, 0.0),
    (lambda x: math.sin(1e3 * x), 1.0, 1e3 * math.cos(1e3)),
]


@pytest.mark.parametrize(("f", "x", "derivative"), FUNCTIONS)
def test_the_error_estimate_holds_the_true_derivative(f, x, derivative):
    found = numerical_derivative(f, x)
    assert abs(found.value - derivative) <= 10 * found.error + 1e-14 * abs(derivative)
    assert found.error <= 1e-6 * max(1.0, abs(derivative))
    assert not found.kink


CANCELLING = {
    "(1 - cos x) / x²": (lambda x: (1 - math.cos(x)) / (x * x), lambda x: -x / 12 + x**3 / 180),
    "(exp x - 1) / x": (lambda x: (math.exp(x) - 1) / x, lambda x: 0.5 + x / 3 + x * x / 8 + x**3 / 30 + x**4 / 144),
    "log(1 + x)": (lambda x: math.log(1 + x), lambda x: 1 / (1 + x)),
    "sqrt(x² + 1) - 1": (lambda x: math.sqrt(x * x + 1) - 1, lambda x: x / math.sqrt(x * x + 1)),
}


@pytest.mark.parametrize("name", CANCELLING)
@pytest.mark.parametrize("x", [10.0**-k for k in range(2, 16)])
@pytest.mark.parametrize("factor", [1.0, 3.0, -2.7])
def test_near_0_an_inner_cancellation_is_known_to_hide_the_derivative(name, x, factor):
    f, derivative = CANCELLING[name]
    x *= factor
    found = numerical_derivative(f, x)
    assert found.error == math.inf or abs(found.value - derivative(x)) <= 10 * found.error + 1e-7 * abs(derivative(x))


@pytest.mark.parametrize("power", [-300, -100, -20, -10, -5, -3, 0, 3])
@pytest.mark.parametrize(
    ("f", "derivative"), [(math.log, lambda x: 1 / x), (math.sqrt, lambda x: 0.5 / math.sqrt(x)), (math.sin, math.cos)]
)
def test_at_the_scale_of_a_tiny_point_nothing_is_lost(power, f, derivative):
    x = 1.3 * 10.0**power
    found = numerical_derivative(f, x)
    assert found.error <= 1e-9 * abs(derivative(x))
    assert found.value == pytest.approx(derivative(x), rel=1e-9)


@pytest.mark.parametrize("x", [1e6, 1e8, 1e9, 3.3e10, 1e12])
def test_an_oscillation_too_fast_for_the_steps_is_not_known(x):
    found = numerical_derivative(lambda x: math.sin(100 * x), x)
    assert found.error == math.inf or abs(found.value - 100 * math.cos(100 * x)) <= 10 * found.error


@pytest.mark.parametrize("f", [abs, lambda x: max(x, 0.0), lambda x: max(3 * x, -x) + x * x])
def test_a_corner_is_a_kink(f):
    assert numerical_derivative(f, 0.0).kink


@pytest.mark.parametrize("f", [lambda x: x * abs(x), lambda x: max(x, 0.0) ** 2])
def test_a_corner_of_the_derivative_is_in_the_error(f):
    found = numerical_derivative(f, 0.0)
    assert not found.kink
    assert abs(found.value) <= 10 * found.error


@pytest.mark.parametrize("x", [1e-3, -1e-6, 1e-9])
def test_near_a_corner_is_no_kink(x):
    found = numerical_derivative(abs, x)
    assert not found.kink
    assert found.value == pytest.approx(math.copysign(1.0, x), rel=1e-6)


def test_the_edge_of_a_domain_has_no_derivative():
    found = numerical_derivative(math.sqrt, 0.0)
    assert math.isnan(found.value)
    assert found.error == math.inf


@pytest.mark.parametrize("x", [math.nan, math.inf, "a", None])
def test_a_point_that_is_no_finite_number_is_refused(x):
    with pytest.raises((TypeError, ValueError), match=r"must be finite|a real number is needed"):
        numerical_derivative(math.sin, x)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="f must be a function, not int 3"):
        numerical_derivative(3, 1.0)


def test_a_gradient_has_the_structure_of_the_inputs():
    found = numerical_gradient(lambda p: p["w"] * p["x"][0], {"w": 2.0, "x": [5.0]})
    assert found["w"].value == pytest.approx(5.0)
    assert found["x"][0].value == pytest.approx(2.0)


@pytest.mark.parametrize("inputs", [nn.MLP(1, [1], rng=0), (nn.MLP(1, [1], rng=0), 1.0)])
def test_a_numerical_gradient_takes_no_module(inputs):
    with pytest.raises(TypeError, match="takes numbers, not a module"):
        numerical_gradient(lambda *_: 1.0, inputs)


def test_a_numerical_gradient_takes_a_function():
    with pytest.raises(TypeError, match="f must be a function, not int 3"):
        numerical_gradient(3, [1.0])
