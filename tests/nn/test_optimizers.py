"""Optimizers move parameters as their papers say, or not at all."""

import math

import pytest

from autodiff import Value, constant
from nn import MLP, SGD, Adam, Optimizer
from nn.optimizers import take_steps


def parameter(data, grad, label="w"):
    value = Value(data, label=label)
    value.grad = grad
    return value


def test_gradient_descent_subtracts_rate_times_gradient():
    w = parameter(1.0, 4.0)
    SGD([w], learning_rate=0.25).step()
    assert w.data == 0.0


def test_momentum_adds_up_the_gradients():
    w = parameter(0.0, 1.0)
    sgd = SGD([w], learning_rate=1.0, momentum=0.5)
    moved = []
    for _ in range(3):
        sgd.step()
        moved.append(w.data)
    assert moved == [-1.0, -2.5, -4.25]


def test_adam_follows_algorithm_1_of_its_paper():
    w, theta, m, v = parameter(0.0, 0.0), 0.0, 0.0, 0.0
    adam = Adam([w], learning_rate=0.1, beta1=0.8, beta2=0.9, epsilon=1e-6)
    for t, g in enumerate([1.0, -3.0, 0.5, 0.0], start=1):
        w.grad = g
        adam.step()
        m, v = 0.8 * m + (1 - 0.8) * g, 0.9 * v + (1 - 0.9) * g**2
        theta -= 0.1 * (m / (1 - 0.8**t)) / (math.sqrt(v / (1 - 0.9**t)) + 1e-6)
        assert w.data == pytest.approx(theta, rel=1e-14)


def test_a_schedule_is_asked_for_the_rate_of_each_step_from_zero():
    w, asked = parameter(0.0, 1.0), []
    sgd = SGD([w], learning_rate=lambda step: asked.append(step) or 1 / (step + 1))
    sgd.step()
    sgd.step()
    assert asked == [0, 1]
    assert w.data == -1.5


def test_zero_grad_zeroes_the_parameters():
    w = parameter(1.0, 2.0)
    SGD([w], 0.1).zero_grad()
    assert w.grad == 0.0


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_refused_before_any_parameter_changes(kind, bad):
    w, b = parameter(1.0, 2.0, "w"), parameter(3.0, bad, "layers.0.bias")
    optimizer = kind([w, b], learning_rate=0.5)
    with pytest.raises(FloatingPointError, match=r"'layers\.0\.bias'"):
        optimizer.step()
    assert (w.data, b.data) == (1.0, 3.0)
    b.grad = 0.0
    optimizer.step()
    assert w.data < 1.0
    assert b.data == 3.0


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_a_schedule_that_leaves_its_range_is_refused(rate):
    w = parameter(1.0, 2.0)
    with pytest.raises(ValueError, match="learning_rate"):
        SGD([w], learning_rate=lambda step: rate).step()
    assert w.data == 1.0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda w: SGD([w], learning_rate=0.0), ValueError, "learning_rate"),
        (lambda w: SGD([w], learning_rate=-0.1), ValueError, "learning_rate"),
        (lambda w: Adam([w], learning_rate=math.nan), ValueError, "learning_rate"),
        (lambda w: Adam([w], learning_rate=math.inf), ValueError, "learning_rate"),
        (lambda w: SGD([w], 0.1, momentum=1.0), ValueError, "momentum"),
        (lambda w: SGD([w], 0.1, momentum=-0.1), ValueError, "momentum"),
        (lambda w: Adam([w], beta1=1.0), ValueError, "beta1"),
        (lambda w: Adam([w], beta2=-0.5), ValueError, "beta2"),
        (lambda w: Adam([w], epsilon=0.0), ValueError, "epsilon"),
        (lambda w: SGD([], 0.1), ValueError, "no parameters"),
        (lambda w: SGD([w, w], 0.1), ValueError, "listed twice"),
        (lambda w: SGD([w + 1], 0.1), TypeError, "leaf Value"),
        (lambda w: SGD([constant(1.0)], 0.1), TypeError, "leaf Value"),
        (lambda w: SGD([1.0], 0.1), TypeError, "leaf Value"),
        (lambda w: SGD(MLP(1, [1]), 0.1), TypeError, r"such as model.parameters\(\), not MLP"),
    ],
)
def test_options_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(Value(1.0))


def test_an_optimizer_without_moves_says_so():
    with pytest.raises(NotImplementedError, match="moves"):
        Optimizer([parameter(1.0, 2.0)], 0.1).step()


def test_a_step_before_any_backward_pass_says_that_there_is_no_gradient():
    w = Value(1.0)
    sgd = SGD([w], 0.1)
    with pytest.raises(ValueError, match=r"no parameter has a gradient: run backward\(\) first"):
        sgd.step()
    assert (w.data, sgd.steps) == (1.0, 0)
    w.grad = 0.0  # a gradient of 0 is one
    sgd.step()


def test_the_loop_of_every_training_zeroes_differentiates_and_steps():
    called = []

    class Optimizing:
        def zero_grad(self):
            called.append("zero_grad")

        def step(self):
            called.append("step")

    take_steps(Optimizing(), [1, 2], lambda batch: called.append(f"backward {batch}"))
    assert called == ["zero_grad", "backward 1", "step", "zero_grad", "backward 2", "step"]
