"""A descent takes the steps that a loop over batches would take, whether they run in compiled code or not."""

import math
from itertools import pairwise

import numpy as np
import pytest

from autodiff import Value, compile, sqrt

CLOSE = 1e-12


def momentum(gradient, rate, step, velocity):
    velocity = 0.9 * velocity + gradient / sqrt(step)
    return -rate * velocity, velocity


def one_way(w, v):
    return lambda x, y: (w * x + v - y).tanh() ** 2


def guarded_by_inputs(w, v):
    return lambda x, y: (w * x + v - y).tanh() ** 2 if x * x >= 0 else w


def branching_on_inputs(w, v):
    return lambda x, y: (w * x + v - y).tanh() ** 2 if x > 0 else (w * x - y) ** 2


def branching_on_parameters(w, v):
    return lambda x, y: (w * x + v - y).tanh() ** 2 if w * x > 0.3 else (w * x - y) ** 2


@pytest.mark.parametrize("make", [one_way, guarded_by_inputs, branching_on_inputs, branching_on_parameters])
def test_the_steps_are_those_of_a_loop(make):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 12))
    w, v = Value(0.5, label="w"), Value(0.1, label="v")
    error = compile(make(w, v), parameters=[w, v])
    descent = error.descent(x, y, rule=momentum, state=np.zeros((1, 2)))
    order = np.concatenate([rng.permutation(12) for _ in range(3)])
    starts = [*range(0, 36, 5), 36]
    rates = 0.3 / np.arange(1, len(starts))
    errors, steps = descent.run(order, starts, rates)

    parameters, velocity, expected = np.array([0.5, 0.1]), np.zeros(2), []
    for step, (first, last) in enumerate(pairwise(starts)):
        batch = order[first:last]
        w.data, v.data = parameters.tolist()
        expected += [float(error.function(Value(a), Value(b)).data) for a, b in zip(x[batch], y[batch])]
        gradient = np.zeros(2)
        for a, b in zip(x[batch].tolist(), y[batch].tolist()):
            w.grad = v.grad = 0.0
            error.function(a, b).backward()
            gradient += [w.grad, v.grad]
        velocity = 0.9 * velocity + gradient / len(batch) / math.sqrt(step + 1)
        parameters = parameters - rates[step] * velocity
    assert steps == descent.steps == len(starts) - 1
    np.testing.assert_allclose(errors, expected, rtol=1e-9, atol=CLOSE)
    np.testing.assert_allclose(descent.parameters, parameters, rtol=1e-9)
    np.testing.assert_allclose(descent.state[0], velocity, rtol=1e-9, atol=CLOSE)


def test_a_descent_touches_no_value_until_it_is_asked_to():
    w = Value(2.0)
    error = compile(lambda x: w * w * x)
    descent = error.descent([1.0, 2.0], rule=lambda gradient, rate, step: (-rate * gradient,))
    descent.run([0, 1], [0, 2], [0.1])
    assert w.data == 2.0
    assert descent.parameters[0] == pytest.approx(2.0 - 0.1 * 6.0)
    error.assign(descent.parameters)
    assert w.data == descent.parameters[0]


@pytest.mark.parametrize("branch", [False, True])
def test_it_stops_before_a_step_that_is_not_finite(branch):
    w = Value(1.0)
    error = compile(lambda x: (w * x).log() if not branch or w > 5 else (w * x).log() * 1)
    descent = error.descent([1.0, 2.0, -1.0, 1.0], rule=lambda gradient, rate, step: (-rate * gradient,))
    errors, steps = descent.run([0, 1, 2, 3], [0, 1, 2, 3, 4], [0.1] * 4)
    assert steps == descent.steps == 2
    assert np.isfinite(errors[:2]).all()
    assert np.isnan(errors[2:]).all()
    assert math.isfinite(descent.parameters[0])


def test_steps_go_on_counting():
    w = Value(1.0)
    error = compile(lambda x: w * x)
    descent = error.descent([1.0], rule=lambda gradient, rate, step: (step,), steps=10)
    descent.run([0], [0, 1], [0.1])
    descent.run([0, 0], [0, 1, 2], [0.1, 0.1])
    assert descent.parameters[0] == 1.0 + 11 + 12 + 13
    assert descent.steps == 13


@pytest.mark.parametrize(("order", "starts", "rates", "message"), [
    ([0, 7], [0, 2], [0.1], "order must hold places of the 2 observations, not 7"),
    ([-1], [0, 1], [0.1], "order must hold places of the 2 observations, not -1"),
    ([0.5], [0, 1], [0.1], "order must hold places of the 2 observations, not 0.5"),
    ([0, 1], [0, 3], [0.1], "starts must rise from 0 to at most the 2 places in order"),
    ([0, 1], [-1, 2], [0.1], "starts must rise from 0"),
    ([0, 1], [0, 0, 2], [0.1, 0.1], "starts must rise from 0"),
    ([0, 1], [0, 1, 2], [0.1], "one batch for each of the 1 rates"),
    ([0, 1], [0, 1], [0.1, 0.1], "one batch for each of the 2 rates"),
    ([0, 1], [0, 1.5], [0.1], r"starts must rise .* not \[0.0, 1.5\]"),
    ([[0, 1]], [0, 1], [0.1], "order must be a list of finite numbers"),
    ([0, 1], [0, 1], 0.1, "rates must be a list of finite numbers, not 0.1"),
    ([0, 1], [0, 1], [math.nan], "rates must be a list of finite numbers"),
])  # fmt: skip
def test_batches_that_do_not_fit_are_refused(order, starts, rates, message):
    w = Value(1.0)
    descent = compile(lambda x: w * x).descent([1.0, 2.0], rule=lambda g, rate, step: (g,))
    with pytest.raises(ValueError, match=message):
        descent.run(order, starts, rates)
    assert descent.parameters.tolist() == [1.0]
    assert descent.steps == 0


def test_what_a_rule_reads_may_change_between_runs():
    class Rule:
        share = 0.0

        def __call__(self, gradient, rate, step, velocity):
            velocity = self.share * velocity + gradient
            return -rate * velocity, velocity

    w, rule = Value(1.0), Rule()
    descent = compile(lambda x: w * x).descent([1.0], rule=rule, state=np.zeros((1, 1)))
    descent.run([0], [0, 1], [0.1])
    rule.share = 0.5
    descent.run([0], [0, 1], [0.1])
    assert descent.parameters[0] == 1.0 - 0.1 - 0.1 * 1.5


def test_a_parameter_that_is_met_on_the_way_is_an_error_that_takes_no_step():
    w, hidden = Value(1.0), [*[0.0] * 300, Value(3.0)]
    error = compile(lambda x: w * x if x > 0 else hidden[-1] * x)
    descent = error.descent([1.0, -1.0], rule=lambda gradient, rate, step: (-rate * gradient,))
    with pytest.raises(ValueError, match="could not be found before it was called"):
        descent.run([0, 1], [0, 1, 2], [0.1, 0.1])
    assert (descent.parameters.tolist(), descent.steps) == ([1.0], 0)


def test_a_rule_that_is_no_formula_is_refused():
    w = Value(1.0)
    descent = compile(lambda x: w * x).descent([1.0], rule=lambda g, rate, step: (math.sin(g),))
    with pytest.raises(TypeError, match="rule"):
        descent.run([0], [0, 1], [0.1])
    assert descent.parameters.tolist() == [1.0]


def test_a_function_of_several_results_is_refused():
    w = Value(1.0)
    with pytest.raises(TypeError, match="one scalar Value"):
        compile(lambda x: [w * x]).descent([1.0], rule=lambda g, rate, step: (g,))


@pytest.mark.parametrize("make", [one_way, branching_on_inputs])
def test_each_gradient_may_be_made_another_before_its_step(make):
    def run(clip, rates):
        w, v = Value(0.5, label="w"), Value(0.1, label="v")
        x, y = np.random.default_rng(0).normal(size=(2, 12))
        descent = compile(make(w, v), parameters=[w, v]).descent(x, y, rule=momentum, state=np.zeros((1, 2)))
        descent.clip = clip
        errors, steps = descent.run(np.arange(12), [0, 5, 9, 12], rates)
        assert steps == descent.steps == 3
        return errors.tolist(), descent.parameters.tolist()

    plain, same = run(None, [0.1] * 3), run(lambda gradient: gradient, [0.1] * 3)
    np.testing.assert_allclose(same[0], plain[0], rtol=CLOSE)
    np.testing.assert_allclose(same[1], plain[1], rtol=CLOSE)
    np.testing.assert_allclose(run(lambda gradient: gradient / 2, [0.2] * 3)[1], plain[1], rtol=CLOSE)
