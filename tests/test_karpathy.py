"""Scalar code as people write it for small engines: it runs here, with the numbers they know."""

import math
import random
from itertools import pairwise

import pytest

from autodiff import Value

REL = 1e-9  # the reference rounds its powers and quotients differently


class Reference:
    """A tiny independent engine: local derivatives stored at once, a plain sort, no table."""

    def __init__(self, data, edges=()):
        self.data, self.grad, self.edges = data, 0.0, edges

    @staticmethod
    def of(x):
        return x if isinstance(x, Reference) else Reference(x)

    def __add__(self, other):
        other = self.of(other)
        return Reference(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = self.of(other)
        return Reference(self.data * other.data, ((self, other.data), (other, self.data)))

    def __pow__(self, n):
        return Reference(self.data**n, ((self, n * self.data ** (n - 1)),))

    def exp(self):
        y = math.exp(self.data)
        return Reference(y, ((self, y),))

    def log(self):
        return Reference(math.log(self.data), ((self, 1 / self.data),))

    def relu(self):
        return Reference(max(0.0, self.data), ((self, float(self.data > 0)),))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -self.of(other)

    def __truediv__(self, other):
        return self * self.of(other) ** -1

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for parent, _ in node.edges:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, local in node.edges:
                parent.grad += local * node.grad


def test_the_expression_of_micrograds_readme():
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_a_neuron_as_it_is_taught():
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    o = (x1 * w1 + x2 * w2 + Value(6.8813735870195432, label="b")).tanh()
    o.backward()
    assert [round(v.grad, 6) for v in (x1, w1, x2, w2)] == [-1.5, 1.0, 0.5, 0.0]


def linear(x, w):
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]


def rms_norm(x):
    scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def softmax(logits):
    greatest = max(logit.data for logit in logits)
    exps = [(logit - greatest).exp() for logit in logits]
    return [e / sum(exps) for e in exps]


def attend(queries, keys, values):
    weights = softmax([sum(q * k for q, k in zip(queries, key)) / len(key) ** 0.5 for key in keys])
    return [sum(w * v[j] for w, v in zip(weights, values)) for j in range(len(values[0]))]


def train(number, word, steps):
    """Losses and last gradients of a one-layer attention model that learns the next letter of a word."""
    letters, width, rng = sorted(set(word)), 4, random.Random(3)

    def matrix(rows, columns):
        return [[number(rng.gauss(0, 0.4)) for _ in range(columns)] for _ in range(rows)]

    shapes = {"embed": (len(letters), width), "q": (width, width), "k": (width, width), "v": (width, width),
              "up": (2 * width, width), "down": (width, 2 * width), "head": (len(letters), width)}  # fmt: skip
    state = {name: matrix(*shape) for name, shape in shapes.items()}
    parameters = [p for rows in state.values() for row in rows for p in row]
    first, second = [0.0] * len(parameters), [0.0] * len(parameters)
    losses, gradients = [], []
    for step in range(1, steps + 1):
        keys, values, errors = [], [], []
        for here, following in pairwise(word):
            x = rms_norm(state["embed"][letters.index(here)])
            keys.append(linear(x, state["k"]))
            values.append(linear(x, state["v"]))
            x = [a + b for a, b in zip(x, attend(linear(x, state["q"]), keys, values))]
            hidden = [h.relu() for h in linear(rms_norm(x), state["up"])]
            x = [a + b for a, b in zip(x, linear(hidden, state["down"]))]
            errors.append(-softmax(linear(x, state["head"]))[letters.index(following)].log())
        loss = sum(errors) / len(errors)
        loss.backward()
        losses.append(loss.data)
        gradients = [p.grad for p in parameters]
        for i, p in enumerate(parameters):
            first[i] = 0.9 * first[i] + 0.1 * p.grad
            second[i] = 0.99 * second[i] + 0.01 * p.grad**2
            p.data -= 0.05 * (first[i] / (1 - 0.9**step)) / ((second[i] / (1 - 0.99**step)) ** 0.5 + 1e-8)
            p.grad = 0
    return losses, gradients


def test_a_tiny_language_model_learns_with_the_same_numbers_as_an_independent_engine():
    losses, gradients = train(Value, "gradients", 12)
    expected_losses, expected_gradients = train(Reference, "gradients", 12)
    assert losses == pytest.approx(expected_losses, rel=REL)
    assert gradients == pytest.approx(expected_gradients, rel=1e-6, abs=1e-9)  # twelve steps amplify roundings
    assert losses[-1] < losses[0] / 2


def test_micrograd_itself_gives_the_same_gradients():
    engine = pytest.importorskip("micrograd.engine")

    def both(number):
        w = [number(x) for x in (0.3, -0.7, 1.1)]
        y = (w[0] * w[1] + w[2] ** 2).relu() / (w[0] + 2) - w[1] * 3
        y.backward()
        return [y.data, *(x.grad for x in w)]

    assert both(Value) == pytest.approx(both(engine.Value), rel=REL)
