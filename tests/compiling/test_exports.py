"""Compiled functions taken along: their arguments, their ways through branches, and what is outside of them now."""

import math

import numpy as np
import pytest

import autodiff as ad
import nn
from autodiff import Value, compile
from tests.program.exports import module_of, run

LANGUAGES = ("c", "python", "javascript")
ROUNDING = 1e-13


def made(function, language, *arguments, **options):
    return getattr(function, f"to_{language}")(*arguments, **options)


def gradient_of(function, *arguments):
    """The gradient of each observation by the parameters, (observations, parameters)."""
    rows = zip(*arguments)
    return [function.value_and_grad(*(np.asarray([each]) for each in row))[1] for row in rows]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_way_through_the_branches_is_taken_along_and_others_are_nan(language):
    w, b = Value(1.5, label="w"), Value(-0.5, label="b")

    @compile
    def piecewise(x, y):
        s = w * x + b
        if s > y:
            return s * s
        return ad.exp(s) if y < 0 else s * y

    x, y = np.array([2.0, 0.1, -1.0, 3.0]), np.array([1.0, -0.9, 2.0, 0.0])
    rows = np.stack([x, y], axis=1)
    values, by_parameters, by_inputs = run(language, made(piecewise, language, x, y), "piecewise", [1.5, -0.5], rows)
    tolerance = 0.0 if language == "c" else ROUNDING
    np.testing.assert_allclose(values[:, 0], piecewise(x, y), tolerance)
    np.testing.assert_allclose(by_parameters, gradient_of(piecewise, x, y), tolerance)
    slopes = piecewise.value_and_grad(x, y, reduction=None, wrt=(0, 1))[1]
    np.testing.assert_allclose(by_inputs, np.stack(slopes, axis=1), tolerance)
    one = run(language, made(piecewise, language, x[:1], y[:1]), "piecewise", [1.5, -0.5], rows)[0]
    taken = [s > at for s, at in zip(1.5 * x - 0.5, y)]
    assert np.isfinite(run(language, made(piecewise, language), "piecewise", [1.5, -0.5], rows)[0]).all()
    np.testing.assert_array_equal(np.isfinite(one[:, 0]) | ~np.array(taken), True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_recorded_way_gives_numbers(language):
    fresh = compile(lambda x: x * x if x > 0 else -x)
    values, _, slopes = run(language, made(fresh, language, 2.0), "f", [], [[3.0], [-3.0], [0.0], [math.nan]])
    np.testing.assert_array_equal(values[:, 0], [9.0, math.nan, math.nan, math.nan])
    np.testing.assert_array_equal(slopes[:, 0], [6.0, math.nan, math.nan, math.nan])


@pytest.mark.parametrize("language", LANGUAGES)
def test_structures_become_arguments_of_their_own_and_several_results_have_weights(language):
    w = Value(2.0, label="w")

    @compile
    def both(data, shift):
        return {"a": ad.dot(data["x"], [w, w * w]), "b": [data["y"] * shift, shift]}

    data = {"x": np.array([[1.0, 2.0], [-1.0, 0.5]]), "y": np.array([3.0, 4.0])}
    shift = np.array([0.5, -0.5])
    source = made(both, language, data, shift)
    rows = np.column_stack([data["x"], data["y"], shift])
    values, by_parameters, by_inputs = run(language, source, "both", [2.0], rows, 3, [1.0, 10.0, 100.0])
    found = both(data, shift)
    np.testing.assert_allclose(values, np.column_stack([found["a"], found["b"]]), rtol=1e-15)
    np.testing.assert_allclose(by_parameters[:, 0], [1.0 + 2.0 * 4.0, -1.0 + 0.5 * 4.0])
    np.testing.assert_allclose(by_inputs, [[2.0, 4.0, 5.0, 130.0], [2.0, 4.0, -5.0, 140.0]])
    if language == "python":
        assert module_of(source).ARGUMENTS == {"data_x": (2,), "data_y": (), "shift": ()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_networks_and_derivatives_inside_a_function_are_taken_along(language):
    model = nn.Sequential(nn.Linear(2, 4), "tanh", nn.LayerNorm(4), nn.MLP(4, [3, 1]))
    bend = compile(lambda x: ad.grad(lambda z: model([z, x]))(0.5) ** 2 + model([x, x]).relu(), parameters=model)
    x = np.linspace(-1.0, 1.0, 5)
    theta = [parameter.data for parameter in model.parameters()]
    values, by_parameters, by_inputs = run(language, made(bend, language, x), "f", theta, x[:, None])
    np.testing.assert_allclose(values[:, 0], bend(x), rtol=1e-11)
    np.testing.assert_allclose(by_parameters.mean(axis=0), bend.value_and_grad(x)[1], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(by_inputs[:, 0], bend.value_and_grad(x, reduction=None, wrt=0)[1], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_way_that_counts_on_finite_parameters_gives_nan_without_them(language):
    w = Value(1.0, label="w")
    slope = compile(lambda x: ad.grad(lambda z: ad.relu(w * z) * z)(x))
    values = [run(language, made(slope, language, 2.0), "f", [each], [[2.0]])[0][0, 0] for each in (1.0, math.inf)]
    assert values[0] == slope(2.0)
    assert math.isnan(values[1])


def test_the_numbers_are_the_present_ones_and_names_those_of_the_function():
    w = Value(2.0, label="w")

    @compile
    def line(x):
        return w * x

    line(1.0)
    assert module_of(line.to_python()).PARAMETERS.tolist() == [2.0]
    w.data = 3.0
    assert module_of(line.to_python()).PARAMETERS.tolist() == [3.0]
    assert "int line_value(" in line.to_c()


@pytest.mark.parametrize("language", [*LANGUAGES, "onnx", "jax"])
def test_without_a_call_before_arguments_are_asked_for(language):
    pytest.importorskip("jax", reason="to_jax() needs it")
    fresh = compile(lambda x: x)
    with pytest.raises(RuntimeError, match=rf"call it once before, or write <lambda>\.to_{language}\(\.\.\.\)"):
        made(fresh, language)
