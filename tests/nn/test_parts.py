"""Parts of networks: what holds for each of them, and their numbers beside PyTorch's."""

import copy
import pickle

import numpy as np
import pytest

import autodiff
from autodiff import FrozenNumberError, Value, check_gradients, draw, relu, total
from autodiff.trees import leaves
from nn import (
    MLP,
    SGD,
    Activation,
    Dropout,
    Embedding,
    GRUCell,
    Layer,
    LayerNorm,
    Linear,
    Module,
    Neuron,
    RNNCell,
    Sequential,
    fit,
    squared_error,
)


class Sequence(Module):
    """A cell that runs over a sequence, and a last layer."""

    def __init__(self, cell):
        self.cell, self.last = cell, Linear(cell.size, 1, rng=9)

    def __call__(self, sequence):
        state = None
        for x in sequence:
            state = self.cell([x, 2.0 * x], state)
        return self.last(state)[0]


NUMBERS, SEQUENCE = np.array([0.5, -1.25, 2.0]), np.array([0.5, -1.25])
PARTS = {
    "neuron": (lambda: Neuron(3, "tanh", rng=1), NUMBERS),
    "neuron without bias": (lambda: Neuron(3, "tanh", rng=1, bias=False), NUMBERS),
    "layer": (lambda: Layer(3, 2, "sigmoid", rng=1), NUMBERS),
    "linear": (lambda: Linear(3, 2, rng=1), NUMBERS),
    "linear without bias": (lambda: Linear(3, 2, bias=False, rng=1), NUMBERS),
    "perceptron": (lambda: MLP(3, [4, 2], "tanh", rng=1), NUMBERS),
    "layer norm": (lambda: LayerNorm(3), NUMBERS),
    "embedding": (lambda: Embedding(4, 3, rng=1), 2),
    "embeddings": (lambda: Embedding(4, 3, rng=1), np.array([2, 0, 2])),
    "recurrent": (lambda: Sequence(RNNCell(2, 3, rng=1)), SEQUENCE),
    "gated": (lambda: Sequence(GRUCell(2, 2, rng=1)), SEQUENCE),
    "sequential": (
        lambda: Sequential(Linear(3, 4, rng=1), "tanh", LayerNorm(4), MLP(4, [2, 1], "tanh", rng=2), Linear(1, 2)),
        NUMBERS,
    ),
    "sequential of words": (lambda: Sequential(Embedding(4, 3, rng=1), "tanh", Linear(3, 1, rng=2)), 2),
    "dropout of none": (lambda: Sequential(Linear(3, 2, rng=1), Dropout(0.0), Linear(2, 1, rng=2)), NUMBERS),
}
CASES = [pytest.param(*case, id=name) for name, case in PARTS.items()]
every_part = pytest.mark.parametrize(("make", "x"), CASES)


def score(prediction):
    """One number of all outputs, each with a weight of its own."""
    return total((0.5 + place) * value for place, value in enumerate(leaves(prediction)))


def bits(tree):
    return [float(getattr(leaf, "data", leaf)).hex() for leaf in leaves(tree)]


@every_part
def test_gradients_are_those_of_finite_differences(make, x):
    model = make()
    for place, value in enumerate(model.parameters()):
        value.data += 0.01 * place  # LayerNorm begins at a point of symmetry

    def loss(numbers):
        moved = dict(zip(map(id, model.parameters()), numbers))
        return score(copy.deepcopy(model, moved)(x))

    values = [value.data for value in model.parameters()]
    assert check_gradients(loss, values, allow_unused="embedding" in repr(model).lower()).verdict == "pass"
    if x is not NUMBERS:
        return
    assert check_gradients(lambda inputs: score(model(inputs)), x.tolist()).verdict == "pass"


@every_part
def test_compiled_code_has_the_bits_of_eager_code(make, x):
    model = make()
    batch = np.stack([x] * 3) if np.ndim(x) == 0 else np.stack([x, x[::-1], 0 * x])
    compiled = autodiff.compile(lambda inputs: score(model(inputs)), parameters=model)
    assert bits(compiled(batch)) == bits([score(model(row)) for row in batch])
    model.zero_grad()
    score(model(x)).backward()
    expected = bits([value.grad for value in model.parameters()])
    model.zero_grad()
    compiled.backward(batch[:1])
    assert bits([value.grad for value in model.parameters()]) == expected


@every_part
def test_it_is_saved_copied_and_pickled_whole(make, x, tmp_path):
    model, other = make(), make()
    for value in model.parameters():
        value.data *= 1.5
    model.save(tmp_path / "model.npz")
    other.load(tmp_path / "model.npz")
    for twin in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert bits(twin(x)) == bits(model(x))
        assert repr(twin) == repr(model)
        assert [value.label for value in twin.parameters()] == [name for name, _ in model.named_parameters()]
        assert {*twin.parameters()}.isdisjoint(model.parameters())


@every_part
def test_predictions_have_the_observations_in_front(make, x):
    model = make()
    inputs = [x] * 20
    expected = np.array([bits(model(x))] * 20)
    found = model.predict(inputs)
    assert [bits(row) for row in found.reshape(20, -1)] == expected.tolist()
    assert found.shape[1:] in ((), np.shape(expected)[1:], (3, 3))


@every_part
def test_it_is_drawn_by_its_modules(make, x):
    model = Sequential(make())  # names of modules begin with the list that holds them
    loss = score(model(x))
    loss.backward()
    source = draw(loss, fold="layer").source
    assert "layers.0" in source
    assert source == draw(loss, fold="layer").source


TRAINED = [pytest.param(*case, id=name) for name, case in PARTS.items() if name not in ("layer norm", "embeddings")]


@pytest.mark.parametrize(("make", "x"), TRAINED)
def test_it_is_trained_inside_of_compiled_code(make, x):
    model = make()
    outputs = len(leaves(model(x)))
    targets = np.full((6, outputs), 0.25) if isinstance(model(x), list) else np.full(6, 0.25)
    inputs = [x] * 6 if np.ndim(x) == 0 else [scale * x for scale in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)]
    history = fit(model, inputs, targets, squared_error, optimizer=SGD(model.parameters(), 0.02), epochs=20,
                  progress=False, engine="compiled")  # fmt: skip
    assert history.engine == "compiled"
    assert history.losses[-1] < history.losses[0]


# ── Beside PyTorch ───────────────────────────────────────────────────────────────────────────────


def torch_or_skip():
    return pytest.importorskip("torch", reason="its layers are compared with")


def rows(neurons):
    return [[weight.data for weight in neuron.weights] for neuron in neurons]


def biases(neurons):
    return [neuron.bias.data for neuron in neurons]


def linear(torch):
    ours, theirs = Linear(3, 2, rng=1), torch.nn.Linear(3, 2)
    return ours, theirs, {"weight": rows(ours.neurons), "bias": biases(ours.neurons)}


def linear_without_bias(torch):
    ours, theirs = Linear(3, 2, bias=False, rng=1), torch.nn.Linear(3, 2, bias=False)
    return ours, theirs, {"weight": rows(ours.neurons)}


def layer_norm(torch):
    ours, theirs = LayerNorm(3), torch.nn.LayerNorm(3)
    for place, value in enumerate(ours.parameters()):
        value.data += 0.3 * place
    return ours, theirs, {"weight": [w.data for w in ours.weights], "bias": [b.data for b in ours.biases]}


def recurrent(torch):
    ours, theirs = RNNCell(3, 2, rng=1), torch.nn.RNNCell(3, 2)
    both = np.array(rows(ours.layer.neurons))
    return ours, theirs, {"weight_ih": both[:, :3], "weight_hh": both[:, 3:], "bias_ih": [0.1, -0.2],
                          "bias_hh": [0.2, 0.3]}  # fmt: skip


def gated(torch):
    ours, theirs = GRUCell(3, 2, rng=1), torch.nn.GRUCell(3, 2)
    gates = np.array(rows(ours.reset.neurons) + rows(ours.update.neurons))
    ours.from_state.neurons[0].bias.data = 0.75
    return ours, theirs, {
        "weight_ih": [*gates[:, :3], *rows(ours.from_inputs.neurons)],
        "weight_hh": [*gates[:, 3:], *rows(ours.from_state.neurons)],
        "bias_ih": [0.0] * 6, "bias_hh": [0.0] * 4 + [0.75, 0.0],
    }  # fmt: skip


@pytest.mark.parametrize("pair", [linear, linear_without_bias, layer_norm, recurrent, gated])
def test_values_and_gradients_are_those_of_pytorch(pair):
    torch = torch_or_skip()
    ours, theirs, parameters = pair(torch)
    if pair is recurrent:
        for neuron, bias in zip(ours.layer.neurons, (0.1 + 0.2, -0.2 + 0.3)):
            neuron.bias.data = bias
    theirs = theirs.double()
    theirs.load_state_dict({name: torch.tensor(np.array(data)) for name, data in parameters.items()})
    inputs, state = [Value(x) for x in NUMBERS], [Value(0.3), Value(-0.6)]
    given = torch.tensor(NUMBERS, requires_grad=True)
    if pair in (recurrent, gated):
        before = torch.tensor([0.3, -0.6], dtype=torch.float64, requires_grad=True)
        found, expected = ours(inputs, state), theirs(given, before)
    else:
        found, expected = ours(inputs), theirs(given)
    np.testing.assert_allclose([y.data for y in found], expected.detach().numpy(), rtol=1e-13, atol=1e-15)
    score(found).backward()
    (expected * (0.5 + torch.arange(len(found)))).sum().backward()
    np.testing.assert_allclose([x.grad for x in inputs], given.grad.numpy(), rtol=1e-12, atol=1e-15)
    if pair in (recurrent, gated):
        np.testing.assert_allclose([h.grad for h in state], before.grad.numpy(), rtol=1e-12, atol=1e-15)
    if pair is linear:
        weights = [[w.grad for w in neuron.weights] for neuron in ours.neurons]
        np.testing.assert_allclose(weights, theirs.weight.grad.numpy(), rtol=1e-12)


def test_an_embedding_is_the_row_of_its_index_as_in_pytorch():
    torch = torch_or_skip()
    ours, theirs = Embedding(4, 3, rng=1), torch.nn.Embedding(4, 3).double()
    weights = np.array([[w.data for w in row] for row in ours.weights])
    theirs.load_state_dict({"weight": torch.tensor(weights)})
    found, expected = ours([2, 0, 2]), theirs(torch.tensor([2, 0, 2]))
    assert [[x.data for x in row] for row in found] == expected.tolist()
    total(map(total, found)).backward()
    expected.sum().backward()
    gradients = [[float(w.grad or 0.0) for w in row] for row in ours.weights]
    assert gradients == theirs.weight.grad.tolist()


# ── Each by itself ───────────────────────────────────────────────────────────────────────────────


def test_a_linear_layer_is_a_layer_without_activation():
    for x in ([0.5, -1.0], [3.0, 0.25]):
        assert bits(Linear(2, 3, rng=7)(x)) == bits(Layer(2, 3, "linear", rng=7)(x))
    assert Linear(2, 3, bias=False).state_dict().keys().isdisjoint(f"neurons.{place}.bias" for place in range(3))


def test_a_row_of_linear_layers_and_activations_is_a_perceptron():
    perceptron, row = MLP(2, [4, 1], "tanh", rng=3), Sequential(Linear(2, 4), "tanh", Linear(4, 1))
    for value, other in zip(row.parameters(), perceptron.parameters()):
        value.data = other.data
    assert bits(row([0.5, -1.0])) == bits(perceptron([0.5, -1.0]))


def test_parts_of_a_row_are_counted_and_may_be_operations():
    model = Sequential(Linear(2, 3), relu, Activation(lambda x: 2 * x), Linear(3, 2))
    assert len(model) == 4
    assert [*model] == model.layers
    assert model[-1] is model.layers[3]
    assert isinstance(model([1.0, 2.0]), list)
    hidden = model[:-1]
    assert hidden.layers == model.layers[:3]
    assert bits(model[-1](hidden([1.0, 2.0]))) == bits(model([1.0, 2.0]))
    assert [value.label for value in model.parameters()] == [name for name, _ in model.named_parameters()]


def test_a_list_of_lists_stays_one():
    words = Sequential(Embedding(4, 3))
    assert [*map(len, words([1]))] == [3]


def test_several_indices_may_be_numbers_as_tables_have_them():
    embedding = Embedding(4, 2)
    assert embedding(1.0) == embedding(np.int64(1)) == embedding(np.float32(1.0)) == embedding.weights[1]
    for bad, error in ((1.5, TypeError), (4, ValueError), (-1, ValueError), ("a", TypeError), (np.nan, TypeError)):
        with pytest.raises(error):
            embedding(bad)


def test_dropouts_of_a_model_draw_differently_and_the_same_in_every_run():
    def drawn():
        model = Sequential(Dropout(), Sequential(Dropout(), Dropout()))
        return [tuple(part([1.0] * 30)) for part in (model[0], *model[1])]

    assert len({*drawn()}) == 3
    assert drawn() == drawn()
    assert Dropout(rng=3)([1.0] * 30) == Sequential(Dropout(rng=3))([1.0] * 30)


def test_dropout_is_at_work_in_a_training_and_nowhere_else():
    model = Sequential(Linear(3, 8, rng=1), "tanh", Dropout(0.5), Linear(8, 1, rng=2))
    inputs = np.tile(NUMBERS, (20, 1))
    assert len({*model.predict(inputs).tolist()}) == 1
    assert len({model(x).data for x in inputs}) > 1
    history = fit(model, inputs, np.ones(20), squared_error, optimizer=SGD(model.parameters(), 1e-300), epochs=3,
                  validation=(inputs, np.ones(20)), progress=False)  # fmt: skip
    assert len({*history.losses}) == 3
    assert len({*history.validation_losses}) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Linear(in_features=2, out_features=3), TypeError, "is called (inputs|outputs)= here"),
        (lambda: Linear(2, 3, activation="relu"), TypeError, r"Layer\(inputs, outputs, activation\)"),
        (lambda: Linear(2, 3).weight, AttributeError, "neurons"),
        (lambda: setattr(Linear(2, 3), "bias", None), AttributeError, "neurons"),
        (lambda: Sequential(), ValueError, "at least one part"),
        (lambda: Sequential(Linear), TypeError, r"not the class Linear: write its arguments"),
        (lambda: Sequential([Linear(2, 1)]), TypeError, r"Sequential\(\*layers\)"),
        (lambda: Sequential(lambda x: x), TypeError, r"Activation\(function\)"),
        (lambda: Sequential("rellu"), ValueError, "did you mean 'relu'"),
        (lambda: Sequential(Linear(2, 3), Linear(2, 1))([1.0, 2.0]), ValueError, "2 inputs expected, 3 given"),
        (lambda: Dropout(1.0), ValueError, "below 1"),
        (lambda: Dropout(rate=0.5), TypeError, "rate= is called p="),
        (lambda: autodiff.compile(Dropout(0.5))([[1.0, 2.0]]), FrozenNumberError, "dropout draws anew"),
        (lambda: LayerNorm(0), ValueError, "at least 1"),
        (lambda: LayerNorm(2, epsilon=0.0), ValueError, "must be positive, not 0.0"),
        (lambda: LayerNorm(2, eps=1e-3), TypeError, "eps= is called epsilon="),
        (lambda: LayerNorm(2)([1.0]), ValueError, "2 inputs expected, 1 given"),
        (lambda: LayerNorm(2).bias, AttributeError, "is called biases here"),
        (lambda: Embedding(0, 2), ValueError, "count must be at least 1"),
        (lambda: Embedding(2, embedding_dim=2), TypeError, "embedding_dim= is called size="),
        (lambda: RNNCell(2, hidden_size=3), TypeError, "hidden_size= is called size="),
        (lambda: RNNCell(2, 3)([1.0]), ValueError, "2 inputs expected, 1 given"),
        (lambda: RNNCell(2, 3)([1.0, 2.0], [0.0]), ValueError, "3 inputs expected, 1 given"),
        (lambda: GRUCell(2, 3)(1.0), TypeError, "a sequence of 2 numbers"),
    ],
)
def test_bad_input_is_refused_with_what_was_given_and_what_is_allowed(call, error, message):
    with pytest.raises(error, match=message):
        call()
