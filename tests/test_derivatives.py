"""Laws of the derivatives of functions and of recorded graphs."""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import NOT_COMPUTED, OPERATIONS, Value, grad, hessian, hvp, jacobian, jvp, value_and_grad
from autodiff.registry import BUILT_IN
from nn import MLP

STEP = 1e-5
"""Of central differences: their error, about STEP² and 1e-16 / STEP, is far below LOOSE for functions of size 1."""
LOOSE = 1e-6
EXACT = 1e-12
"""Two ways to the same derivative that round differently."""

UNARY = [row for name, row in OPERATIONS.items() if row.arity == 1 and name in BUILT_IN]
points = st.lists(st.floats(-2, 2, allow_subnormal=False), min_size=3, max_size=3)


def smooth(p):
    """A function of three numbers in which every operand is used more than once."""
    x, y, z = p
    return (x * y).sin() + (y * z + x).tanh() * z + (x * x + 1).log() / (2 + y * y)


def central(f, x):
    return (f(x + STEP) - f(x - STEP)) / (2 * STEP)


@pytest.mark.parametrize("row", UNARY, ids=str)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_order_of_an_operation_is_the_slope_of_the_order_below(row, order):
    low, high = row.domain[0]
    f = row
    for _ in range(order - 1):
        f = grad(f)
    for x in (low + 0.37 * (high - low), low + 0.61 * (high - low)):
        x = max(-2.3, min(2.3, x))
        assert grad(f)(x) == pytest.approx(central(f, x), rel=1e-4, abs=LOOSE)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(points)
def test_grad_of_a_function_is_what_backward_gives(p):
    nodes = [Value(x) for x in p]
    smooth(nodes).backward()
    value, gradient = value_and_grad(smooth)(p)
    assert value == smooth([Value(x) for x in p]).data
    assert gradient == pytest.approx([node.grad for node in nodes], rel=EXACT, abs=EXACT)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(points, points)
def test_forward_and_reverse_mode_agree(p, direction):
    _, tangent = jvp(smooth, (p,), (direction,))
    assert tangent == pytest.approx(np.dot(grad(smooth)(p), direction), rel=EXACT, abs=EXACT)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(points, points)
def test_the_hessian_is_symmetric_and_hvp_is_its_product_with_a_vector(p, v):
    h = np.array(hessian(smooth)(p))
    assert h == pytest.approx(h.T, rel=1e-9, abs=EXACT)
    assert np.array(hvp(smooth, (p,), (v,))[0]) == pytest.approx(h @ v, rel=1e-9, abs=1e-9)


def test_rows_of_the_jacobian_are_the_gradients_of_the_outputs():
    def f(p):
        return {"sum": p[0] + p[1], "products": (p[0] * p[1], p[0] * p[0])}

    assert jacobian(f)([3.0, 4.0]) == {"sum": [1.0, 1.0], "products": ([4.0, 3.0], [6.0, 0.0])}


def test_nested_derivatives_do_not_mistake_each_others_variables():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(1.0))(3.0) == 6.0
    assert jvp(lambda x: jvp(lambda y: x * y * y, (3.0,), (1.0,))[1], (2.0,), (1.0,)) == (12.0, 6.0)


def test_an_argument_is_independent_of_what_it_was_computed_from():
    x = Value(2.0)
    square = x * x
    assert grad(lambda t: t * square)(x).data == 4.0


def test_numbers_in_numbers_out_and_values_where_more_than_the_arguments_is_involved():
    assert isinstance(grad(lambda x: x * x)(3.0), float)
    w = Value(5.0)
    slope = grad(lambda x: w * x)(3.0)
    slope.backward()
    assert (slope.data, w.grad) == (5.0, 1.0)


def test_no_grad_attribute_is_touched():
    w, x = Value(2.0), Value(3.0)
    loss = w * x * w
    grad(loss, [w, x]), hessian(loss, [w, x]), jvp(loss, [w, x], [1.0, 0.0]), hvp(loss, [w, x], [1.0, 0.0])
    assert all(node.grad is NOT_COMPUTED for node in (w, x, loss))


def test_recorded_graphs_have_all_derivatives_with_respect_to_any_of_their_nodes():
    a, b = Value(2.0), Value(3.0)
    inner = a * b
    loss = inner * b
    assert [g.data for g in grad(loss, [a, b, inner])] == [9.0, 12.0, 3.0]
    assert [[h.data for h in row] for row in hessian(loss, [a, b])] == [[0.0, 6.0], [6.0, 4.0]]
    assert jacobian([loss, inner], {"a": a})[1]["a"].data == 3.0
    assert jvp(loss, [a, b], [1.0, 10.0])[1].data == 129.0
    assert [g.data for g in hvp(loss, [a, b], [1.0, 1.0])] == [6.0, 10.0]
    assert grad(loss, Value(1.0)).data == 0.0


def test_gradients_have_the_structure_of_the_argument():
    point = namedtuple("point", "x y")
    assert grad(lambda p: p.x * p.y)(point(2.0, 3.0)) == point(3.0, 2.0)
    assert grad(lambda p: p["w"][0] * p["b"], wrt=0)({"w": (2.0,), "b": 5.0}) == {"w": (5.0,), "b": 2.0}
    slope = grad(lambda w: (w * w).sum())(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert slope.dtype == float
    assert slope.tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert grad(lambda x, y: x * y, wrt=(1, 0))(2.0, 3.0) == (2.0, 3.0)
    assert grad(lambda x, scale: x * scale, wrt=0)(2.0, scale=3.0) == 3.0


def test_directions_go_with_the_keys_of_a_dict_not_with_their_order():
    def f(p):
        return 10 * p["a"] * p["a"] + p["b"]

    at, direction = {"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 0.0}
    assert jvp(f, (at,), (direction,))[1] == 1.0
    assert hvp(f, (at,), ({"b": 0.0, "a": 1.0},))[0] == {"a": 20.0, "b": 0.0}


def test_derivatives_of_arrays_are_arrays_that_numpy_can_calculate_with():
    def f(x):
        return x[0] ** 2 * x[1] + x[1] ** 3

    x = np.array([3.0, 4.0])
    assert hessian(f)(x).tolist() == [[8.0, 6.0], [6.0, 24.0]]
    assert jacobian(lambda x: 2 * x)(x).tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert np.linalg.solve(hessian(f)(x), grad(f)(x)).shape == (2,)
    assert hessian(lambda w: (w * w).sum())(np.ones((2, 2))).shape == (2, 2, 2, 2)


def test_a_module_is_differentiated_by_its_parameters():
    model = MLP(2, [3, 1], activation="tanh")
    model([0.5, -1.0]).backward()
    gradient = grad(lambda net: net([0.5, -1.0]))(model)
    assert list(gradient) == [name for name, _ in model.named_parameters()]
    assert [g.data for g in gradient.values()] == pytest.approx([p.grad for p in model.parameters()], rel=EXACT)
    vector = dict.fromkeys(gradient, 1.0)
    products = hvp(lambda net: net([0.5, -1.0]), (model,), (vector,))[0]
    assert sum(product.data for product in products.values()) != 0


def test_nothing_flows_through_an_untaken_branch():
    def root_or_zero(x):
        return ad.where(x > 0, ad.sqrt(x), 0.0)

    assert grad(root_or_zero)(0.0) == 0.0
    assert grad(root_or_zero)(4.0) == 0.25
    assert grad(ad.sqrt)(0.0) == math.inf


def test_a_zero_that_varies_still_has_its_second_derivative():
    assert hessian(lambda x: x * x)(0.0) == 2.0
    assert grad(grad(lambda x: x**2))(0.0) == 2.0
    assert grad(grad(grad(lambda x: x**3)))(0.0) == 6.0


def test_second_derivatives_of_a_power_are_right_where_its_exponent_is_zero():
    assert hessian(lambda p: p[0] ** p[1])([2.0, 0.0]) == [[0.0, 0.5], [0.5, math.log(2) ** 2]]
    assert grad(lambda x: x**0)(0.0) == 0.0


def test_constant_functions_have_derivative_zero():
    assert grad(lambda x: 5.0)(1.0) == 0.0
    assert grad(grad(lambda x: 3 * x))(1.0) == 0.0


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: grad("x"), TypeError, "function or a Value"),
        (lambda: grad(lambda x: [x])(1.0), TypeError, "one number"),
        (lambda: grad(lambda x: "loss")(1.0), TypeError, "real number"),
        (lambda: grad(lambda x: x, wrt=1)(1.0), ValueError, "position"),
        (lambda: grad(lambda x: x, wrt=(0, -1))(1.0), ValueError, "twice"),
        (lambda: grad(lambda x: x)("1"), TypeError, "real number"),
        (lambda: grad(Value(1.0), 0), TypeError, "nodes"),
        (lambda: jvp(lambda x: x, 1.0, 1.0), TypeError, "tuple"),
        (lambda: jvp(lambda x: x, (1.0,), ([1.0],)), ValueError, "structure"),
        (lambda: hvp(lambda x: x, ([1.0, 2.0],), ([1.0],)), ValueError, "structure"),
    ],
)
def test_bad_input_is_told_apart(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_a_graph_whose_leaf_was_changed_is_refused():
    w = Value(2.0, label="w")
    loss = w * w
    w.data = 3.0
    with pytest.raises(RuntimeError, match="'w'"):
        grad(loss, w)
