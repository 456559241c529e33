"""The chain rule, edge by edge."""

import copy
import math
import pickle

import pytest

import autodiff as ad
from autodiff import NOT_COMPUTED, Step, Value, constant


def test_leaf_gradients_accumulate_and_inner_ones_do_not():
    a = Value(2.0)
    inner = a * a
    root = inner * 3
    root.backward()
    root.backward()
    assert (a.grad, inner.grad, root.grad) == (24.0, 3.0, 1.0)


def test_two_losses_that_share_a_node_are_right():
    w = Value(2.0)
    h = w * w
    (h * 3).backward()
    (h * 5).backward()
    assert (w.grad, h.grad) == (32.0, 5.0)


def test_an_operand_used_twice_gets_both_contributions():
    a = Value(3.0)
    (a * a + a).backward()
    assert a.grad == 7.0


def test_a_leaf_that_is_the_root_gets_the_seed():
    a = Value(3.0)
    a.backward()
    a.backward(2.0)
    assert a.grad == 3.0


def test_the_seed_scales_and_must_be_a_number():
    a = Value(3.0)
    (a * a).backward(0.5)
    assert a.grad == 3.0
    with pytest.raises(TypeError, match=r"a real number is needed"):
        (a * a).backward("1")


def test_constants_get_no_gradient():
    c, a = constant(2.0), Value(3.0)
    y = a * c * 5
    y.backward()
    assert c.grad is NOT_COMPUTED
    assert all(step.parent.op.name != "constant" for step in y.backward_steps())


def test_detach_cuts_the_graph():
    a = Value(3.0)
    ((a * a).detach() * a).backward()
    assert a.grad == 9.0


def test_a_sum_of_two_whose_first_is_zero_passes_its_gradient_on():
    a, b = Value(0.0), Value(2.0)
    ad.total([a, b]).backward()
    assert (a.grad, b.grad) == (1.0, 1.0)


def test_nan_flows():
    x = Value(math.nan)
    (x * x).backward()
    assert math.isnan(x.grad)


def test_not_computed_differs_from_zero_only_in_what_it_shows():
    a, b = Value(2.0), Value(3.0)
    assert a.grad is NOT_COMPUTED
    assert a.grad == 0.0
    assert (repr(a.grad), str(a.grad)) == ("0.0 (not computed)", "0.0")
    (a + b * 0).backward()
    assert b.grad is not NOT_COMPUTED
    assert repr(b.grad) == "0.0"


def test_not_computed_keeps_its_identity_in_copies():
    assert pickle.loads(pickle.dumps(NOT_COMPUTED)) is NOT_COMPUTED
    assert copy.deepcopy(NOT_COMPUTED) is NOT_COMPUTED
    assert pickle.loads(pickle.dumps(Value(1.0))).grad is NOT_COMPUTED


def test_a_step_holds_one_product_of_the_chain_rule():
    w, x = Value(3.0, label="w"), Value(-2.0, label="x")
    w.grad = 10.0
    y = w * x
    first, second = y.backward_steps()
    assert first == Step(y, w, 0, -2.0, 1.0, -2.0, 10.0, 8.0, "v2", "w")
    assert str(second) == "∂L/∂x += ∂v2/∂x · ∂L/∂v2 = 3.0 × 1.0 = 3.0"
    assert (w.grad, x.grad) == (8.0, 3.0)


def test_steps_change_gradients_one_edge_at_a_time():
    a = Value(3.0)
    steps = (a * a).backward_steps()
    assert a.grad is NOT_COMPUTED
    next(steps)
    assert a.grad == 3.0
    next(steps)
    assert a.grad == 6.0
    assert next(steps, None) is None


def test_on_step_must_be_a_function():
    a = Value(3.0)
    with pytest.raises(TypeError, match="on_step must be a function of a step, not int 3"):
        (a * a).backward(on_step=3)
    assert a.grad == 0.0


def test_on_step_is_called_with_every_step():
    a, b = Value(3.0), Value(4.0)
    y = (a * b).tanh() + a
    seen = []
    y.backward(on_step=seen.append)
    gradients = a.grad, b.grad
    a.grad = b.grad = 0.0
    assert seen == list(y.backward_steps())
    assert (a.grad, b.grad) == gradients
    assert len(seen) == 5


def test_changing_a_leaf_after_the_forward_pass_is_an_error_that_names_it():
    w, h = Value(2.0, label="weight"), None
    h = w * w
    y = h + 1
    w.data = 100
    for differentiate in (y.backward, lambda: list(y.backward_steps()), h.backward):
        with pytest.raises(RuntimeError, match=r"'weight' was changed to 100.0 after .*multiply.* run the forward"):
            differentiate()
    assert w.grad is h.grad is y.grad is NOT_COMPUTED
    (w * w).backward()
    assert w.grad == 200.0


def test_a_result_of_the_old_and_the_new_data_is_refused():
    w = Value(2.0)
    old = w * w
    w.data = 3.0
    with pytest.raises(RuntimeError, match=r"was changed"):
        (old * w).backward()


def test_changing_other_leaves_does_no_harm():
    w, other = Value(2.0), Value(1.0)
    y = w * w
    other.data = 5.0
    (y + other * other).backward()
    assert (w.grad, other.grad) == (4.0, 10.0)


def test_a_leaf_changed_between_two_steps_is_named_where_it_would_make_the_rest_wrong():
    w, x = Value(3.0, label="w"), Value(2.0)
    loss = w * (w * x) ** 2 * w

    def descend_at_once(step):
        if step.parent is w:
            w.data -= 0.001 * step.contribution

    with pytest.raises(RuntimeError, match="'w'"):
        loss.backward(on_step=descend_at_once)


def test_a_constant_has_no_backward_pass():
    for detached in (Value(3.0).detach(), (Value(3.0) * 2).detach()):
        with pytest.raises(ValueError, match="constant"):
            detached.backward()
        assert detached.grad is NOT_COMPUTED


def test_a_gradient_of_none_counts_as_zero():
    w = Value(3.0)
    w.grad = None
    (w * w).backward()
    assert w.grad == 6.0
