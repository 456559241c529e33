"""Laws of differentiation and of accumulation, on random formulas and random shared graphs."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Value, lookup, topological_order

REL, ABS = 1e-9, 1e-9  # the two sides of a law round differently
LAWS = settings(deadline=None, derandomize=True, max_examples=60)

numbers = st.floats(-2.0, 2.0)
smooth = st.sampled_from(
    [Value.tanh, Value.sigmoid, Value.exp, lambda v: v.sin(), lambda v: v * v, lambda v: v.softplus(), lambda v: 3 - v]
)  # fmt: skip
unary = ["tanh", "sigmoid", "sin", "cos", "softplus", "relu", "negative", "absolute", "gelu"]
binary = ["add", "subtract", "multiply", "maximum", "minimum"]
steps = st.lists(st.tuples(st.sampled_from(unary + binary), st.booleans(), st.integers(0, 30)), min_size=1, max_size=25)
starts = st.lists(numbers, min_size=1, max_size=4)


def build(start, program):
    """A shared graph: each operation takes one of the two newest nodes, and any node."""
    nodes = [Value(number) for number in start]
    for name, newest, other in program:
        row = lookup(name)
        first = nodes[-1] if newest else nodes[-min(2, len(nodes))]
        nodes.append(row(first) if row.arity == 1 else row(first, nodes[other % len(nodes)]))
    return nodes[: len(start)], nodes[-1]


def derivative(formula, x):
    v = Value(x)
    formula(v).backward()
    return v.grad


def close(number):
    return pytest.approx(number, rel=REL, abs=ABS)


def forward(root, leaf):
    """∂root/∂leaf by forward mode."""
    tangents = {}
    for node in topological_order(root):
        locals_ = node.op.local_derivatives([p.data for p in node.parents], node.data) if node.parents else ()
        pairs = zip(locals_, node.parents)
        tangents[node] = float(node is leaf) + sum((d * tangents[p] for d, p in pairs if d and tangents[p]), 0.0)
    return tangents[root]


@LAWS
@given(smooth, smooth, numbers, numbers, numbers)
def test_the_derivative_is_linear(f, g, x, a, b):
    assert derivative(lambda v: a * f(v) + b * g(v), x) == close(a * derivative(f, x) + b * derivative(g, x))


@LAWS
@given(smooth, smooth, numbers)
def test_product_rule(f, g, x):
    expected = derivative(f, x) * g(Value(x)).data + f(Value(x)).data * derivative(g, x)
    assert derivative(lambda v: f(v) * g(v), x) == close(expected)


@LAWS
@given(smooth, smooth, numbers)
def test_quotient_rule(f, g, x):
    f0, g0 = f(Value(x)).data, g(Value(x)).data + 10
    expected = (derivative(f, x) * g0 - f0 * derivative(g, x)) / g0**2
    assert derivative(lambda v: f(v) / (g(v) + 10), x) == close(expected)


@LAWS
@given(smooth, smooth, numbers)
def test_chain_rule(f, g, x):
    assert derivative(lambda v: f(g(v)), x) == close(derivative(f, g(Value(x)).data) * derivative(g, x))


@LAWS
@given(starts, steps)
def test_reverse_equals_forward(start, program):
    leaves, root = build(start, program)
    root.backward()
    for leaf in leaves:
        assert leaf.grad == pytest.approx(forward(root, leaf), rel=1e-6, abs=1e-6, nan_ok=True)


@LAWS
@given(st.lists(numbers, min_size=1, max_size=8), st.permutations(range(8)))
def test_a_gradient_does_not_depend_on_the_order_of_accumulation(terms, order):
    x, y = Value(0.5), Value(0.5)
    sum(x * t for t in terms).backward()
    sum(y * terms[i] for i in order if i < len(terms)).backward()
    assert x.grad == close(y.grad)


@LAWS
@given(starts, steps, steps)
def test_the_gradient_of_a_sum_is_the_sum_of_the_gradients(start, first, second):
    leaves, f = build(start, first)
    f.backward()
    others, g = build(start, second)
    g.backward()
    both, root = build(start, first)
    nodes = list(both)
    for name, newest, other in second:
        row = lookup(name)
        a = nodes[-1] if newest else nodes[-min(2, len(nodes))]
        nodes.append(row(a) if row.arity == 1 else row(a, nodes[other % len(nodes)]))
    (root + nodes[-1]).backward()
    for a, b, c in zip(leaves, others, both):
        assert c.grad == pytest.approx(a.grad + b.grad, rel=1e-6, abs=1e-6, nan_ok=True)


@LAWS
@given(starts, steps)
def test_backward_twice_doubles_leaves_and_nothing_else(start, program):
    leaves, root = build(start, program)
    root.backward()
    before = {node: node.grad for node in topological_order(root)}
    root.backward()
    for node, gradient in before.items():
        factor = 1 if node.parents else 2
        assert node.grad == pytest.approx(factor * gradient, rel=0, abs=0, nan_ok=True)
    assert set(leaves) >= {node for node in before if not node.parents}


@LAWS
@given(starts, steps)
def test_steps_give_the_same_bits_as_the_fast_loop(start, program):
    _, one = build(start, program)
    _, other = build(start, program)
    one.backward()
    for _ in other.backward_steps():
        pass
    assert [n.grad.hex() for n in topological_order(one)] == [n.grad.hex() for n in topological_order(other)]


@LAWS
@given(starts, steps, st.sampled_from([-4.0, 0.5, 2.0]))
def test_the_seed_scales_every_gradient(start, program, seed):
    _, one = build(start, program)
    _, other = build(start, program)
    one.backward()
    other.backward(seed)
    for a, b in zip(topological_order(one), topological_order(other)):
        assert b.grad == pytest.approx(seed * a.grad, rel=1e-12, abs=1e-300, nan_ok=True)


@LAWS
@given(starts, steps)
def test_contributions_into_a_node_sum_to_its_gradient(start, program):
    _, root = build(start, program)
    sums = dict.fromkeys(topological_order(root), 0.0)
    sums[root] = 1.0
    for step in root.backward_steps():
        assert step.after == step.before + step.contribution or math.isnan(step.after)
        sums[step.parent] += step.contribution
    for node, expected in sums.items():
        assert node.grad == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


@LAWS
@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6))
def test_softmax_is_a_distribution_and_the_gradient_of_log_sum_exp(xs):
    leaves = [Value(x) for x in xs]
    ad.log_sum_exp(leaves).backward()
    shares = ad.softmax(xs)
    assert sum(shares) == pytest.approx(1.0, rel=1e-12)
    assert [leaf.grad for leaf in leaves] == pytest.approx(shares, rel=1e-9, abs=1e-300)
