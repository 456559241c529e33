"""Losses of one observation, their derivatives and their sums over a data set."""

import math

import numpy as np
import pytest

from autodiff import Value
from nn import (
    absolute_error,
    binary_cross_entropy,
    hinge,
    mean_over,
    softmax_cross_entropy,
    squared_error,
    sum_over,
)

EXACT = 1e-15


def gradient(loss, prediction, target):
    z = Value(prediction)
    loss(z, target).backward()
    return z.grad


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "value", "derivative"),
    [
        (absolute_error, 2.0, 3.5, 1.5, -1.0),
        (absolute_error, 2.0, 0.5, 1.5, 1.0),
        (squared_error, 2.0, 3.5, 2.25, -3.0),
        (hinge, 0.25, 1, 0.75, -1.0),
        (hinge, 0.25, -1, 1.25, 1.0),
        (hinge, 2.0, 1, 0.0, 0.0),
        (binary_cross_entropy, 0.0, 1, math.log(2), -0.5),
        (binary_cross_entropy, 0.0, 0.25, math.log(2), 0.25),
        (binary_cross_entropy, 800.0, 0, 800.0, 1.0),
        (binary_cross_entropy, -800.0, 1, 800.0, -1.0),
        (binary_cross_entropy, 800.0, 1, 0.0, 0.0),
    ],
)
def test_value_and_derivative_of_one_observation(loss, prediction, target, value, derivative):
    assert loss(Value(prediction), target).data == pytest.approx(value, rel=EXACT)
    assert loss(prediction, target) == pytest.approx(value, rel=EXACT)
    assert gradient(loss, prediction, target) == pytest.approx(derivative, rel=EXACT)


def test_binary_cross_entropy_keeps_its_digits_where_the_probability_rounds_to_one():
    assert binary_cross_entropy(50.0, 1) == pytest.approx(math.exp(-50.0), rel=EXACT)


def test_vectors_sum_over_their_components():
    assert absolute_error([Value(1.0), Value(2.0)], [0.0, 4.0]).data == 3.0
    assert squared_error(np.array([1.0, 2.0]), np.array([0.0, 4.0])) == 5.0


def test_softmax_cross_entropy_has_the_gradient_softmax_minus_one_hot():
    logits = [Value(z) for z in (1.0, 2.0, -0.5)]
    softmax_cross_entropy(logits, 1).backward()
    weights = [math.exp(z.data) for z in logits]
    for index, z in enumerate(logits):
        assert z.grad == pytest.approx(weights[index] / sum(weights) - (index == 1), rel=1e-14)


def test_softmax_cross_entropy_does_not_overflow():
    assert softmax_cross_entropy([5000.0, 0.0], np.int64(1)) == 5000.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: hinge(0.5, 0), ValueError, "must be -1 or 1, not 0"),
        (lambda: binary_cross_entropy(0.5, -1), ValueError, "between 0 and 1, not -1"),
        (lambda: binary_cross_entropy(0.5, math.nan), ValueError, "between 0 and 1, not nan"),
        (lambda: softmax_cross_entropy([0.0, 1.0], 2), ValueError, "label 2 is no index of 2 logits"),
        (lambda: softmax_cross_entropy([0.0, 1.0], -1), ValueError, "label -1 is no index"),
        (lambda: softmax_cross_entropy([0.0, 1.0], 0.5), ValueError, "label 0.5 is no index"),
        (lambda: softmax_cross_entropy([0.0, 1.0], math.nan), ValueError, "label nan is no index"),
        (lambda: softmax_cross_entropy([0.0, 1.0], "cat"), TypeError, r"not str 'cat': number the classes"),
        (lambda: softmax_cross_entropy(0.5, 0), TypeError, "one for each class, not 0.5: .* binary_cross_entropy"),
        (lambda: softmax_cross_entropy([0.5], 0), ValueError, r"one for each class, not \[0.5\]: .* a neuron for each"),
        (lambda: hinge(0.5, False), ValueError, r"not False \(for 0 and 1, or False and True, pass 2 \* label - 1\)"),
        (lambda: binary_cross_entropy(0.5, "cat"), TypeError, "not str 'cat': number the classes"),
        (lambda: binary_cross_entropy(0.5, 2), ValueError, "for more than two classes, use softmax_cross_entropy"),
        (lambda: binary_cross_entropy(0.5, [1.0]), TypeError, r"one number, not 1: .* pass .* targets\[:, 0\]"),
        (lambda: squared_error(0.5, [1.0]), ValueError, r"a scalar and 1 numbers: .* pass .* targets\[:, 0\]"),
        (lambda: squared_error([0.5], 1.0), ValueError, r"return the only number of the prediction, prediction\[0\]"),
        (lambda: squared_error([1.0], [1.0, 2.0]), ValueError, "not 1 numbers and 2 numbers"),
        (lambda: absolute_error([1.0], 2.0), ValueError, "not 1 numbers and a scalar"),
        (lambda: sum_over(squared_error, [], []), ValueError, "empty"),
        (lambda: mean_over(squared_error, [], []), ValueError, "empty"),
        (lambda: sum_over(squared_error, [1.0], [1.0, 2.0]), ValueError, "1 and 2 were given"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_sum_and_mean_over_a_data_set_are_one_graph():
    w = Value(2.0)
    inputs, targets = [1.0, 3.0], [2.0, 5.0]
    assert sum_over(absolute_error, (w * x for x in inputs), targets).data == 1.0
    loss = mean_over(squared_error, (w * x for x in inputs), targets)
    loss.backward()
    assert (loss.data, w.grad) == (0.5, 3.0)
