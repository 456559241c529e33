"""Layers compute what their formulas say, from seeded initial weights."""

import inspect
import math
import pydoc

import numpy as np
import pytest

import nn
from autodiff import Value, relu, tanh, topological_order


def test_a_neuron_is_its_activation_of_the_weighted_sum_and_bias():
    neuron = nn.Neuron(2, "tanh", rng=3)
    neuron.bias.data = 0.5
    w = [weight.data for weight in neuron.weights]
    assert neuron([2.0, -1.0]).data == math.tanh(w[0] * 2.0 + w[1] * -1.0 + 0.5)


def test_written_out_neurons_give_the_same_numbers_and_gradients():
    short, long = nn.MLP(3, [4, 2, 1], rng=5), nn.MLP(3, [4, 2, 1], rng=5, expanded=True)
    outputs = [model([0.3, -0.7, 1.1]) for model in (short, long)]
    for output in outputs:
        output.backward()
    assert outputs[0].data == outputs[1].data
    for a, b in zip(short.parameters(), long.parameters()):
        assert a.grad == b.grad
    used = {node.op.name for node in topological_order(outputs[1])}
    assert "dot" not in used
    assert {"multiply", "add"} <= used


def test_micrograd_code_runs():
    model = nn.MLP(2, [16, 16, 1])
    assert len(model.parameters()) == 337
    loss = sum(((1 - y * model(x)).relu() for x, y in (([1.0, 0.5], 1), ([-1.0, 2.0], -1))), 0)
    model.zero_grad()
    loss.backward()
    before = loss.data
    for p in model.parameters():
        p.data -= 0.01 * p.grad
    after = sum(((1 - y * model(x)).relu() for x, y in (([1.0, 0.5], 1), ([-1.0, 2.0], -1))), 0)
    assert after.data < before


def test_one_output_is_the_value_itself_and_more_are_a_list():
    assert isinstance(nn.MLP(2, [3, 1])([1.0, 2.0]), Value)
    assert [type(y) for y in nn.MLP(2, [1, 3])([1.0, 2.0])] == [Value] * 3


def test_hidden_layers_are_activated_and_the_last_is_linear():
    names = [layer.neurons[0].activation for layer in nn.MLP(1, [2, 2, 1], "tanh").layers]
    assert names == [tanh, tanh, None]


def test_plain_numbers_become_one_constant_each_and_values_stay():
    x = Value(0.5)
    inputs = [node for node in topological_order(*nn.Layer(2, 4)([x, 2.0])) if node.label == "" and not node.parents]
    assert inputs[0] is x
    assert [node.op.name for node in inputs] == ["variable", "constant"]


@pytest.mark.parametrize("inputs", [[0.5, -1.0], (0.5, -1), np.array([0.5, -1.0]), np.array([0.5, -1], np.float32)])
def test_any_sequence_of_numbers_is_an_input(inputs):
    model = nn.MLP(2, [3, 1])
    assert model(inputs).data == model([Value(0.5), Value(-1.0)]).data


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MLP(2, [1])([1.0] * 5), ValueError, "2 inputs expected, 5 given"),
        (lambda: nn.MLP(1, [1])([]), ValueError, "1 input expected, 0 given"),
        (lambda: nn.Neuron(2)([1.0]), ValueError, "2 inputs expected, 1 given"),
        (lambda: nn.MLP(2, [1])(3.0), TypeError, "a sequence of 2 numbers is needed, not float"),
        (lambda: nn.MLP(2, [1])(["a", "b"]), TypeError, "a real number is needed"),
        (lambda: nn.MLP(2, [1])(np.zeros((2, 2))), TypeError, r"one observation, and 2 were given: .*predict\(X\)"),
        (lambda: nn.MLP(2, [1])([[0.0, 1.0]] * 3), TypeError, r"one observation, and 3 were given: .*predict\(X\)"),
        (lambda: nn.MLP(1, [1])(3.0), TypeError, r"\(observations, 1\), as X.reshape\(-1, 1\) has"),
        (lambda: nn.Neuron(2, nonlin=False), TypeError, "nonlin=False is activation='linear'"),
        (lambda: nn.Layer(2, 3, nonlin=True), TypeError, "nonlin=True is activation='relu'"),
        (lambda: nn.MLP(nin=2, nouts=[1]), TypeError, "nin= is called inputs= here|nouts= is called outputs= here"),
        (lambda: nn.Neuron(2).w, AttributeError, "w of a Neuron is called weights here"),
        (lambda: nn.Neuron(2).b, AttributeError, "b of a Neuron is called bias here"),
        (lambda: setattr(nn.Neuron(2), "w", []), AttributeError, "w of a Neuron is called weights here"),
        (lambda: nn.MLP(2, []), ValueError, "at least one layer"),
        (lambda: nn.MLP(2, 3), TypeError, "a list of layer sizes"),
        (lambda: nn.MLP(0, [1]), ValueError, "inputs must be at least 1, not 0"),
        (lambda: nn.MLP(2, [-1]), ValueError, "outputs must be at least 1, not -1"),
        (lambda: nn.Layer(2, 1.5), TypeError, "outputs must be an int, not float"),
        (lambda: nn.MLP(2, [2, 1], "rellu"), ValueError, "did you mean 'relu'"),
        (lambda: nn.MLP(2, [1], "rellu"), ValueError, "did you mean 'relu'"),
        (lambda: nn.Neuron(2, "multiply"), ValueError, "one operand, and 'multiply' takes 2"),
        (lambda: nn.Neuron(2, "dot"), ValueError, "takes any number"),
        (lambda: nn.Neuron(2, 3), TypeError, "a name or a function, not int"),
        (lambda: nn.Neuron(2, rng="a"), TypeError, "rng must be an int"),
        (lambda: nn.Neuron(2, rng=-1), ValueError, "must not be negative"),
    ],
)
def test_bad_input_is_refused_with_what_was_given_and_what_is_allowed(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_activation_may_be_an_operation_or_a_function():
    numbers = [nn.Neuron(2, act, rng=1)([1.0, 2.0]).data for act in ("relu", relu)]
    assert numbers[0] == numbers[1]
    doubled = nn.Neuron(2, lambda x: 2 * x, rng=1)([1.0, 2.0]).data
    assert doubled == 2 * nn.Neuron(2, "linear", rng=1)([1.0, 2.0]).data
    nn.Neuron(2, "leaky_relu")([1.0, 2.0]).backward()


def test_the_seed_decides_the_weights_and_none_is_the_seed_zero():
    def weights(rng):
        return [value.data for value in nn.MLP(2, [3, 1], rng=rng).parameters()]

    assert weights(None) == weights(0) == weights(np.random.default_rng(0))
    assert weights(1) == weights(1) != weights(0)


def test_initial_weights_have_the_variance_of_their_scheme():
    def variance(activation):
        layer = nn.Layer(100, 100, activation)
        assert all(neuron.bias.data == 0.0 for neuron in layer.neurons)
        return np.var([weight.data for neuron in layer.neurons for weight in neuron.weights])

    tolerance = 0.05  # the standard error of a variance of 10,000 numbers is 1.4 %
    assert variance("relu") == pytest.approx(2 / 100, rel=tolerance)
    assert variance("tanh") == pytest.approx(2 / 200, rel=tolerance)


def test_the_loops_of_micrograds_lectures_run():
    xs, ys = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]], [1.0, -1.0, -1.0, 1.0]
    n = nn.MLP(3, [4, 4, 1])
    losses = []
    for _ in range(20):
        ypred = [n(x) for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred))
        for p in n.parameters():
            p.grad = 0.0
        loss.backward()
        for p in n.parameters():
            p.data += -0.01 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.5 * losses[0]
    assert len(n.layers[0].neurons[0].weights) == 3


@pytest.mark.parametrize("kind", [nn.Neuron, nn.Layer, nn.MLP])
def test_names_of_other_engines_are_no_attributes_and_help_lists_them_quietly(kind):
    thing = kind(2) if kind is nn.Neuron else kind(2, 3) if kind is nn.Layer else kind(2, [3])
    for name in ("w", "b", "nonlin", "sz", "n"):
        assert not hasattr(thing, name)
    assert inspect.getmembers(kind)
    assert pydoc.render_doc(kind)
