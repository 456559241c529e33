"""Known failures of small autodiff engines: this one must not have any of them."""

import copy
import gc
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from autodiff import Value

DEEP = 200_000


def gradient(formula, x):
    v = Value(x)
    y = formula(v)
    y.backward()
    return y.data, v.grad


@pytest.mark.slow
def test_a_thousand_additions_and_far_more():
    y = x = Value(0.0)
    for _ in range(DEEP):
        y = y + 1
    y.backward()
    total = sum([x] * 1000)
    total.backward()
    assert (y.data, x.grad) == (DEEP, 1001.0)


def test_powers_with_a_value_or_an_array_scalar_in_the_exponent():
    assert gradient(lambda v: 2**v, 3.0) == (8.0, pytest.approx(8 * math.log(2), rel=1e-15))
    x, n = Value(2.0), Value(3.0)
    (x**n).backward()
    assert (x.grad, n.grad) == (12.0, pytest.approx(8 * math.log(2), rel=1e-15))
    assert gradient(lambda v: v ** np.int64(2), 3.0) == (9.0, 6.0)


def test_powers_of_zero():
    assert gradient(lambda v: v**0, 0.0) == (1.0, 0.0)
    assert gradient(lambda v: v**0.5, 0.0) == (0.0, math.inf)


def test_a_root_of_a_negative_number_is_nan_and_no_complex_number():
    y = Value(-1.0) ** 0.5
    assert type(y.data) is float
    assert math.isnan(y.data)


def test_a_quotient_of_equals_is_exactly_one():
    assert gradient(lambda v: v / v, 49.0) == (1.0, 0.0)
    tiny = Value(1e-320)
    assert (tiny / tiny).data == 1.0


def test_backward_twice_accumulates_leaves_only():
    a = Value(2.0)
    c = (a * a) * 3
    c.backward()
    c.backward()
    assert a.grad == 24.0
    a.grad = 0
    c.backward()
    assert a.grad == 12.0


def test_two_losses_share_a_node():
    w = Value(2.0)
    h = w * w
    (h * 3).backward()
    (h * 5).backward()
    assert w.grad == 32.0


def test_changed_data_never_gives_a_wrong_gradient():
    w = Value(2.0)
    y = w * w
    w.data = 100
    with pytest.raises(RuntimeError, match=r"was changed"):
        y.backward()


def test_gradient_bits_are_the_same_in_every_process():
    program = (
        "from autodiff import Value; junk = [Value(0.) for _ in range({})]; x = Value(.3)\n"
        "y = x*.1 + x*.2 + x*.3 + x*.7; y.backward(); print(x.grad.hex(), y.data.hex())"
    )
    texts = {
        subprocess.run([sys.executable, "-c", program.format(n)], capture_output=True, text=True, check=True).stdout
        for n in (0, 7, 1001)
    }
    assert len(texts) == 1
    assert len({gradient(lambda x: x * 0.1 + x * 0.2 + x * 0.3 + x * 0.7, 0.3) for _ in range(200)}) == 1


def test_both_edges_of_a_sum_with_itself_are_recorded():
    a = Value(1.0)
    assert (a + a).parents == (a, a)
    assert len(list((a + a).backward_steps())) == 2


def test_a_copied_graph_still_differentiates():
    a = Value(3.0)
    pair = copy.deepcopy({"y": a * a, "a": a})
    pair["y"].backward()
    assert (pair["a"].grad, a.grad) == (6.0, 0.0)


def test_a_value_is_pickled():
    assert pickle.loads(pickle.dumps(Value(1.0))).data == 1.0


def test_dropped_products_leave_nothing_behind():
    gc.collect()
    gc.disable()
    try:
        before = sum(type(thing) is Value for thing in gc.get_objects())
        for _ in range(1000):
            (Value(2.0) * Value(3.0)).backward()
        assert sum(type(thing) is Value for thing in gc.get_objects()) == before
    finally:
        gc.enable()


def test_relu_of_nan_is_nan():
    assert math.isnan(Value(math.nan).relu().data)


def test_far_arguments_do_not_overflow():
    assert gradient(lambda v: v.tanh(), 1000.0) == (1.0, 0.0)
    assert gradient(lambda v: v.sigmoid(), -1000.0) == (0.0, 0.0)


def test_values_compare_as_numbers():
    assert Value(3) == Value(3)
    assert not Value(0.0)
    assert Value(1) < Value(2)
    assert max(Value(1), Value(2)) == 2
    assert abs(Value(-1)) == 1
    assert +Value(1) == 1


def test_what_is_no_number_is_refused():
    for thing in ("a", Value(2.0)):
        with pytest.raises(TypeError, match=r"number is needed"):
            Value(thing)


def test_a_product_with_an_array_is_an_array_of_values():
    products = Value(2.0) * np.array([1, 2])
    assert [type(y) for y in products] == [Value, Value]
    assert [y.data for y in products] == [2.0, 4.0]


@pytest.mark.parametrize("x", [-2.5, -1.0, 0.5, 1.0, 3.0])
def test_relu_passes_on_the_gradient_unscaled(x):
    assert gradient(lambda v: v.relu() * 3, x) == (3 * max(x, 0), 3.0 if x > 0 else 0.0)


@pytest.mark.parametrize("wrong", [1, 5])
def test_a_network_refuses_a_wrong_number_of_inputs(wrong):
    nn = pytest.importorskip("nn")
    if not hasattr(nn, "MLP"):
        pytest.skip("there is no network yet")
    with pytest.raises((ValueError, TypeError), match=r"2"):
        nn.MLP(2, [4, 1])([1.0] * wrong)
