"""Laws of finding the first number that is not finite."""

import math

import pytest

from autodiff import Value, topological_order, where
from autodiff.tracing import NonFiniteError, check_finite


def test_only_a_value_is_looked_at() -> None:
    with pytest.raises(TypeError, match="check_finite needs a Value, not float nan"):
        check_finite(math.nan)  # type: ignore[arg-type]


def test_finite_graphs_pass_and_no_gradient_is_touched() -> None:
    w = Value(0.5, label="w")
    loss = (w * w).tanh() / w
    check_finite(loss)
    assert repr(w.grad) == "0.0 (not computed)"
    loss.backward()
    before = [node.grad for node in topological_order(loss)]
    check_finite(loss, -3.0)
    assert [node.grad for node in topological_order(loss)] == before


def test_the_first_node_is_named_not_the_last() -> None:
    w = Value(-1.0, label="w")
    first = w.log()
    first.label = "first"
    loss = (first * 2 + 1).exp() + w
    with pytest.raises(NonFiniteError) as found:
        check_finite(loss)
    assert found.value.node is first
    assert found.value.path[0] is first
    assert found.value.path[-1] is loss
    assert all(a in list(map(id, b.parents)) for a, b in zip(map(id, found.value.path), found.value.path[1:]))
    assert "first = log(w) = log(−1.0) = nan" in str(found.value)
    assert "path to the loss: first → " in str(found.value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_leaf_or_a_loss_that_is_not_finite_never_passes(number: float) -> None:
    x = Value(number, label="x")
    with pytest.raises(NonFiniteError, match="variable x = "):
        check_finite(x)
    with pytest.raises(NonFiniteError, match="variable x = "):
        check_finite(where(1.0, Value(2.0), x * 0.0), backward=False)


def test_the_first_contribution_that_is_not_finite_is_named() -> None:
    x = Value(0.0, label="x")
    loss = x.sqrt() * 3.0 + x
    check_finite(loss, backward=False)
    with pytest.raises(NonFiniteError) as found:
        check_finite(loss)
    assert found.value.node is x
    assert "∂L/∂x += ∂v1/∂x · ∂L/∂v1 = inf × 3.0 = inf" in str(found.value)
    assert "v1 = sqrt(x) = sqrt(0.0) = 0.0" in str(found.value)


def test_a_sum_that_overflows_is_named_though_its_terms_are_finite() -> None:
    x = Value(1e-10, label="x")
    loss = x * 1.5e308 + x * 1.5e308
    with pytest.raises(NonFiniteError, match=r"adds up to inf with 1\.5e\+308 from before"):
        check_finite(loss)


def test_an_untaken_branch_is_no_anomaly_of_the_backward_pass() -> None:
    x = Value(0.0, label="x")
    check_finite(where(1.0, 2 * x, x.sqrt()))


def test_a_seed_that_is_not_finite_is_named() -> None:
    with pytest.raises(NonFiniteError, match="the seed"):
        check_finite(Value(1.0), math.nan)


def test_deep_graphs_need_no_recursion() -> None:
    h = x = Value(-1.0, label="x")
    h = h.log()
    for _ in range(30_000):
        h = h + 1.0
    with pytest.raises(NonFiniteError) as found:
        check_finite(h)
    assert len(found.value.path) == 30_001
    assert len(str(found.value)) < 400
    assert found.value.node.parents == (x,)


def test_numbers_changed_since_the_forward_pass_are_refused() -> None:
    x = Value(1.0)
    y = x * x
    x.data = 2.0
    with pytest.raises(RuntimeError, match="changed"):
        check_finite(y)
