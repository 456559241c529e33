"""Laws of finding the first number that is not finite."""

import math
import pickle

import pytest

from autodiff import Operation, Value, record_sources, topological_order, where
from autodiff.non_finite import NonFiniteError, check_finite, non_finite_error


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


@pytest.mark.parametrize(
    ("loss", "equation"),
    [
        (lambda x: x.sqrt() ** 2, "v1 = sqrt(x) = sqrt(0.0) = 0.0"),
        (lambda x: (x.log() + 1).exp(), "v1 = log(x) = log(0.0) = −inf"),
        (lambda x: 1 / (1 + 2 / x), "divide(2.0, 0.0) = inf"),
    ],
)
def test_a_zero_that_meets_an_infinity_is_explained_with_its_equation_and_line(loss, equation) -> None:
    x = Value(0.0, label="x")
    with record_sources():
        root = loss(x)
    root.backward()
    assert math.isnan(x.grad)
    error = non_finite_error(root, [x], 3)
    assert str(error).startswith("the gradient of observation 3 is not finite: ∂L/∂x += ∂v")
    assert "0 · ∞: the chain rule cannot tell" in str(error)
    assert equation in str(error)
    assert f"in {__file__}, line" in str(error)
    assert (error.node, error.observation, error.epoch) == (x, 3, None)


def test_a_nan_that_meets_a_zero_is_not_taken_for_an_infinity() -> None:
    row = Operation("lost_slope", lambda x: x, lambda x, y: math.nan)
    x = Value(1.0)
    with pytest.raises(NonFiniteError, match=r"nan × 0\.0 = nan") as found:
        check_finite(row(x) * 0.0)
    assert "∞" not in str(found.value)


def test_the_number_at_fault_of_an_observation_is_named() -> None:
    w, x = Value(-1.0, label="w"), Value(2.0, label="x")
    error = non_finite_error((w * x).log() + 1, [x], 5)
    assert str(error).startswith(
        "the value of observation 5 is nan: the first number that is not finite is v3 = log(v2) = log(−2.0) = nan"
    )
    assert (error.observation, error.epoch, error.node.op.name) == (5, None, "log")
    bad = Value(math.inf, label="x")
    assert str(non_finite_error(w * bad, [bad], 0)).startswith("the input x of observation 0 is inf")
    assert str(non_finite_error(math.nan, (), 7)).startswith("the value of observation 7 is nan: ")
    assert "the sum over the observations overflows" in str(non_finite_error(w * 1.0, (), 0))
    untaken = non_finite_error(where(1.0, (w + 1.0).sqrt(), (w + 1.0).log()), (), 0)
    assert "v2 = sqrt" not in str(untaken).partition("where")[0]
    assert "sqrt(0.0)" in str(
        untaken
    )  # its slope is infinite; the logarithm, on which nothing depends, is not at fault


def test_the_error_can_be_pickled_with_its_node() -> None:
    x = Value(0.0, label="x")
    error = non_finite_error(x.log(), [x], 1)
    error.epoch = 4
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.observation, copied.epoch) == (str(error), 1, 4)
    assert copied.path[0].parents[0].label == "x"


def test_what_a_pass_has_spoilt_is_explained_after_it_as_before():
    x = Value(0.0, label="x")
    loss = x.sqrt() * 0.0
    loss.backward()
    with pytest.raises(NonFiniteError, match="the chain rule cannot tell"):
        check_finite(loss)
    y = Value(2.0, label="y")
    y.grad = math.inf
    with pytest.raises(NonFiniteError, match="left by an earlier pass"):
        check_finite(y * 3.0)
