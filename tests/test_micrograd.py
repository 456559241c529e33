"""Who comes from micrograd: the first two lectures run with imports changed, and errors name our names."""

import copy
import math
import pickle
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from autodiff import Value, draw, micrograd, operation, versions
from nn import MLP, Layer, Module, Neuron

# ── The first lecture: derivatives by hand, then by graph ────────────────────────────────────────


def parabola(x):
    return 3 * x**2 - 4 * x + 5


def test_a_slope_by_a_small_step_is_the_gradient():
    h = 1e-6
    for at in (3.0, -3.0, 2 / 3):
        x = Value(at)
        parabola(x).backward()
        assert x.grad == pytest.approx((parabola(at + h) - parabola(at)) / h, abs=1e-4)


def test_an_array_of_points_goes_through_the_same_function():
    xs = np.arange(-5, 5, 0.25)
    assert parabola(xs).tolist() == [parabola(x) for x in xs.tolist()]
    values = parabola(np.array([Value(x) for x in xs.tolist()]))
    assert [value.data for value in values] == parabola(xs).tolist()


def test_slopes_of_an_expression_with_three_inputs():
    a, b, c = Value(2.0), Value(-3.0), Value(10.0)
    d = a * b + c
    d.backward()
    assert (d.data, a.grad, b.grad, c.grad) == (4.0, -3.0, 2.0, 1.0)


def expression():
    a, b, c = (Value(number, label=label) for number, label in ((2.0, "a"), (-3.0, "b"), (10.0, "c")))
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    f = Value(-2.0, label="f")
    loss = d * f
    loss.label = "L"
    return loss, {each.label: each for each in (a, b, c, d, e, f, loss)}


def test_values_print_their_number_and_know_their_operands_and_operation():
    loss, v = expression()
    assert repr(loss).startswith("Value(-8.0, label='L'")
    assert loss.parents == (v["d"], v["f"])
    assert (str(loss.op), loss.op.symbol) == ("multiply", "*")


def test_the_graph_is_traced_by_its_parents_and_drawn_by_one_call():
    loss, v = expression()
    nodes, edges = set(), set()

    def build(node):
        if node not in nodes:
            nodes.add(node)
            for operand in node.parents:
                edges.add((operand, node))
                build(operand)

    build(loss)
    assert nodes == set(v.values())
    assert len(edges) == 6
    text = draw(loss).source
    assert all(label in text for label in v)


def test_gradients_filled_in_by_hand_are_those_of_backward():
    loss, v = expression()
    loss.grad = 1.0
    v["d"].grad, v["f"].grad = v["f"].data, v["d"].data
    v["c"].grad = v["e"].grad = v["d"].grad
    v["a"].grad, v["b"].grad = v["b"].data * v["e"].grad, v["a"].data * v["e"].grad
    by_hand = {name: value.grad for name, value in v.items()}
    again, w = expression()
    again.backward()
    assert {name: value.grad for name, value in w.items()} == by_hand
    assert by_hand == {"a": 6.0, "b": -4.0, "c": -2.0, "d": -2.0, "e": -2.0, "f": 4.0, "L": 1.0}


def test_a_nudge_along_the_gradient_raises_the_result():
    loss, v = expression()
    loss.backward()
    for name in "abcf":
        v[name].data += 0.01 * v[name].grad
    assert (v["a"] * v["b"] + v["c"]) * v["f"] > loss


def neuron(tanh):
    x1, x2, w1, w2 = Value(2.0, label="x1"), Value(0.0, label="x2"), Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = tanh(n)
    o.label = "o"
    o.backward()
    return [round(each.grad, 4) for each in (o, n, x1, w1, x2, w2)], round(o.data, 4)


@pytest.mark.parametrize(
    "tanh",
    [
        lambda n: n.tanh(),
        lambda n: ((2 * n).exp() - 1) / ((2 * n).exp() + 1),
        lambda n: np.tanh(n),
    ],
    ids=["at once", "by exponentials", "by NumPy"],
)
def test_a_neuron_has_one_gradient_however_tanh_is_written(tanh):
    assert neuron(tanh) == ([1.0, 0.5, -1.5, 1.0, 0.5, 0.0], 0.7071)


def test_a_value_that_is_used_twice_has_the_sum():
    a = Value(3.0)
    (a + a).backward()
    assert a.grad == 2.0
    a, b = Value(-2.0), Value(3.0)
    ((a * b) * (a + b)).backward()
    assert (a.grad, b.grad) == (-3.0, -8.0)


def test_numbers_stand_on_either_side():
    a = Value(2.0)
    assert [each.data for each in (a + 1, 1 + a, a * 2, 2 * a, a / 4, 4 / a, a - 1, 1 - a, a**3, -a)] == [
        3.0, 3.0, 4.0, 4.0, 0.5, 2.0, 1.0, -1.0, 8.0, -2.0,
    ]  # fmt: skip


def test_an_operation_of_ones_own_is_one_row():
    own = operation("lecture_tanh", lambda x: math.tanh(x), lambda x, y: 1 - y**2, replace=True)
    x = Value(0.5)
    own(x).backward()
    assert x.grad == 1 - math.tanh(0.5) ** 2


# ── The second lecture: neuron, layer, network, training ─────────────────────────────────────────


class OwnNeuron(Module):
    """As it is written on the board."""

    def __init__(self, inputs):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(inputs)]
        self.b = Value(random.uniform(-1, 1))

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b).tanh()


class OwnLayer(Module):
    def __init__(self, inputs, outputs):
        self.neurons = [OwnNeuron(inputs) for _ in range(outputs)]

    def __call__(self, x):
        outputs = [each(x) for each in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs


class OwnMLP(Module):
    def __init__(self, inputs, outputs):
        sizes = [inputs, *outputs]
        self.layers = [OwnLayer(*pair) for pair in pairwise(sizes)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


POINTS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
WANTED = [1.0, -1.0, -1.0, 1.0]


@pytest.mark.parametrize("make", [OwnMLP, lambda *sizes: MLP(*sizes, activation="tanh", rng=1)], ids=["own", "nn"])
def test_the_training_loop_of_four_points(make):
    random.seed(1)
    model = make(3, [4, 4, 1])
    assert len(model.parameters()) == 41
    losses = []
    for _ in range(60):
        predictions = [model(x) for x in POINTS]
        loss = sum((out - wanted) ** 2 for wanted, out in zip(WANTED, predictions))
        for p in model.parameters():
            p.grad = 0.0
        loss.backward()
        for p in model.parameters():
            p.data += -0.05 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.1 < losses[0]


def test_the_demo_of_a_margin_loss_on_batches():
    rng = np.random.default_rng(1337)
    X = rng.uniform(-1, 1, (40, 2))  # noqa: N806 - as it is called there
    y = np.where(X[:, 0] * X[:, 1] > 0, 1, -1)
    model = MLP(2, [8, 1], rng=2)

    def loss(batch_size=None):
        rows = rng.permutation(len(X))[:batch_size]
        scores = [model([Value(x) for x in X[row]]) for row in rows]
        losses = [(1 + -int(y[row]) * score).relu() for row, score in zip(rows, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        accuracy = [(y[row] > 0) == (score.data > 0) for row, score in zip(rows, scores)]
        return data_loss + reg_loss, sum(accuracy) / len(accuracy)

    first, _ = loss()
    for k in range(30):
        total, _ = loss(20)
        model.zero_grad()
        total.backward()
        rate = 0.5 - 0.45 * k / 30
        for p in model.parameters():
            p.data -= rate * p.grad
    last, accuracy = loss()
    assert last.data < first.data
    assert accuracy > 0.6


# ── What is called otherwise ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "serves"), [("_prev", ".parents"), ("_children", ".parents"), ("_op", ".op"), ("_backward", "backward")]
)
def test_private_names_of_micrograd_answer_with_ours(name, serves):
    out = Value(2.0) * 3
    for touch in (lambda: getattr(out, name), lambda: setattr(out, name, lambda: None)):
        with pytest.raises(AttributeError, match=rf"there is no {name}, as in micrograd: .*{serves}"):
            touch()
    assert not hasattr(out, name)


@pytest.mark.parametrize(
    "arguments", [((), "+"), ((Value(1.0),), "relu"), ("x", "+"), ({Value(1.0)},), ([],), ((), "", "x")]
)
def test_the_constructor_of_micrograd_answers_with_ours(arguments):
    with pytest.raises(TypeError, match="a Value takes a number and a label"):
        Value(1.0, *arguments)


def test_a_label_that_is_no_text_is_refused_by_its_kind():
    with pytest.raises(TypeError, match="a label must be a str, not int 3"):
        Value(1.0, 3)


@pytest.mark.parametrize(
    "name", ["__array__", "__len__", "__array_interface__", "__dataframe__", "_repr_png_", "shape"]
)
def test_what_libraries_ask_for_is_a_plain_absence(name):
    with pytest.raises(AttributeError) as raised:
        getattr(Value(1.0), name)
    assert str(raised.value) == f"'Value' object has no attribute {name!r}"


def test_a_value_of_another_kind_stays_one():
    """Python's own answer to a misspelt name needs the attributes that a class has, and no ``__getattr__``."""
    assert not hasattr(Value, "__getattr__")


def test_neurons_answer_too():
    with pytest.raises((TypeError, AttributeError), match="activation"):
        Neuron(2, nonlin=False)
    with pytest.raises(AttributeError, match="weights"):
        Neuron(2).w  # noqa: B018 - it is the name that is asked for
    assert len(Layer(2, 3)([1.0, 2.0])) == 3


# ── Classes of one's own ─────────────────────────────────────────────────────────────────────────


class Named(Value):
    """A subclass without slots, which holds more."""


class Slotted(Value):
    __slots__ = ("note",)


class Guarded(Value):
    """A subclass that says itself what it holds."""

    def __getstate__(self):
        return {"kept": self.note}

    def __setstate__(self, state):
        self.note = state["kept"]


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.mark.parametrize("kind", [Named, Slotted, Guarded])
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, *(lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in PROTOCOLS)]
)
def test_a_subclass_keeps_its_class_its_gradient_and_what_it_holds(kind, copied):
    value = kind(2.0, label="x")
    value.note = ["mine"]
    (value * 3).backward()
    twin = copied(value)
    assert type(twin) is kind
    assert (twin.data, twin.grad, twin.label, twin.note) == (2.0, 3.0, "x", ["mine"])
    twin.data = 5.0
    assert value.data == 2.0
    (twin * 2).backward()  # a leaf like any other
    assert twin.grad == 5.0


def test_a_subclass_from_another_process_is_not_newer_than_what_is_computed_from_it():
    value = Named(2.0)
    value.stamp = versions.now + 100  # there, more changes were counted
    twin = pickle.loads(pickle.dumps(value))
    (twin * 2).backward()
    assert twin.grad == 2.0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_graph_over_subclasses_keeps_them_and_its_gradients(copied):
    a, b = Named(2.0, label="a"), Value(3.0, label="b")
    loss = (a * b + a).tanh()
    loss.backward()
    twin = copied(loss)
    total = twin.parents[0]
    kept = total.parents[1]
    assert type(kept) is Named
    assert kept is total.parents[0].parents[0]
    assert (twin.grad, kept.grad, total.grad) == (1.0, a.grad, loss.parents[0].grad)
    twin.backward()
    assert kept.grad == 2 * a.grad


# ── The page ─────────────────────────────────────────────────────────────────────────────────────


def test_the_page_names_what_the_errors_name():
    text = (Path(__file__).parents[1] / "docs" / "micrograd.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `")}
    for name, serves in (("_prev", ".parents"), ("_op", ".op"), ("_backward", "operation(")):
        (row,) = (line for first, line in rows.items() if f".{name}" in first)
        assert serves in row
        assert serves.strip("(") in micrograd.INSTEAD[name]
    neuron = Neuron(2, activation="linear")
    assert (len(neuron.weights), neuron.bias.data) == (2, 0.0)
    for code in ("neuron.weights", "neuron.bias", 'Neuron(2, activation="linear")'):
        assert code in text
