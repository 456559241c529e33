"""A result that is not finite is traced back to its observation, its node and the user's line."""

import math
from importlib.util import find_spec

import numpy as np
import pytest

from autodiff import Value, compile, log, sqrt
from autodiff.compiling import NonFiniteError

BACKENDS = ["numpy", *(["native"] if find_spec("numba") else [])]


def test_the_first_bad_observation_and_node_are_named_with_the_line():
    w = Value(1.0, label="w")

    def f(x):
        scaled = w * x
        return log(scaled) + 1  # here

    with pytest.raises(NonFiniteError) as caught:
        compile(f).backward([1.0, 2.0, -3.0, -4.0])
    error = caught.value
    assert (error.observation, error.node.op, error.node.data) == (2, log, pytest.approx(math.nan, nan_ok=True))
    assert "observation 2 is nan" in str(error)
    assert "log(v2) = log(−3.0)" in str(error)
    assert f"in {__file__}, line" in str(error)
    assert "# here" in str(error)
    assert w.grad == 0.0
    assert "not computed" in repr(w.grad)


def test_a_gradient_that_is_not_finite_is_found_by_its_observation():
    w = Value(0.0, label="w")
    f = compile(lambda x: (w * x).sqrt())
    x = np.ones(37)
    with pytest.raises(NonFiniteError, match=r"gradient of observation 0.*∂L/∂v2 \+= ∂v3/∂v2 · ∂L/∂v3 = inf × 1\.0"):
        f.backward(x)
    g = compile(lambda x, y: x * x if y > 0 else x.sqrt() * y)
    y = np.ones(37)
    y[23], x[23] = -1.0, 0.0
    with pytest.raises(NonFiniteError, match="gradient of observation 23") as caught:
        g.value_and_grad(x, y, wrt=0)
    assert caught.value.observation == 23
    assert w.grad == 0.0


def test_the_parameters_asked_for_are_those_that_are_diagnosed():
    w = Value(1.0)
    f = compile(lambda x: log(w * x))
    assert f.value_and_grad([1.0], at=[2.0])[0] == math.log(2.0)
    with pytest.raises(NonFiniteError, match=r"log\(−2\.0\)"):
        f.value_and_grad([1.0], at=[-2.0])
    with pytest.raises(NonFiniteError, match="nan"):
        f.value_and_grad([1.0], at=[math.nan])
    assert w.data == 1.0


def test_a_sum_that_overflows_is_said_to_be_one():
    with pytest.raises(NonFiniteError, match="sum over the observations overflows"):
        compile(lambda x: x * 1.0).value_and_grad([1e308, 1e308], reduction="sum")
    w = Value(1.0)
    with pytest.raises(NonFiniteError, match="sum"):
        compile(lambda x, y: w * x - w.detach() * x).value_and_grad([1e308, 1e308], [1.0, 1.0], reduction="sum")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("observations", [2, 9000, 40_000])
@pytest.mark.parametrize("branches", [False, True])
@pytest.mark.parametrize(("what", "number"), [("value", 1e308), ("gradient", 1e308), ("slope", 0.0)], ids=str)
def test_nothing_that_is_not_finite_passes_however_a_batch_is_cut(backend, observations, branches, what, number):
    w = Value(1.0)

    def f(x, y):
        result = {"value": w.detach() * x, "gradient": w * x - w.detach() * x, "slope": w * sqrt(x)}[what]
        return result if branches and y > 0 else 1.0 * result

    error = compile(f, parameters=[w], backend=backend)
    x, y = np.ones(observations), np.arange(observations) % 2
    assert math.isfinite(error.value_and_grad(x, y, reduction="sum", wrt=("parameters", 0))[0])
    x[0] = x[-1] = number  # the sum of the two overflows, or a slope is infinite where the value is not
    with pytest.raises(NonFiniteError):
        error.value_and_grad(x, y, reduction="sum", wrt=("parameters", 0))


def test_only_what_is_asked_for_has_to_be_finite():
    w = Value(1.0)
    f = compile(lambda x: w * x - x)
    large = np.full(3, 1e308)
    assert f.value_and_grad(large, reduction="sum", wrt=0) == (0.0, pytest.approx([0.0, 0.0, 0.0]))
    values, slopes = compile(lambda x: x * 1e308).value_and_grad([1.0, 1.0], reduction=None, wrt=0)
    assert (values.tolist(), slopes.tolist()) == ([1e308] * 2, [1e308] * 2)
    assert compile(lambda x: x * 1.0).value(large, reduction="mean") == math.inf
    with pytest.raises(NonFiniteError):
        f.value_and_grad(large, reduction="sum", wrt=("parameters", 0))


def test_a_plain_number_that_is_not_finite_is_named():
    with pytest.raises(NonFiniteError, match="value of observation 1 is inf"):
        compile(lambda x: x * 2.0 if x > 0 else math.inf).backward([1.0, -1.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sum_is_the_same_with_its_gradient_and_without(backend):
    f = compile(lambda x: x * 1.0 if x < 9 else x * 1.5, backend=backend)
    rng = np.random.default_rng(0)
    for count in (1, 7, 8, 9, 100, 1000, 9000, 20_000):
        x = rng.normal(size=count) * 10.0 ** rng.integers(-8, 2, count)
        assert f.value(x, reduction="sum") == f.value_and_grad(x, reduction="sum", wrt=0)[0]


def test_values_alone_may_be_what_they_are():
    f = compile(lambda x: log(x))
    assert f([0.0, -1.0, 1.0]).tolist() == pytest.approx([-math.inf, math.nan, 0.0], nan_ok=True)
    assert math.isnan(f.value([0.0, -1.0], reduction="sum"))


def test_large_gradients_that_are_finite_pass():
    w = Value(1.0)
    assert compile(lambda x: w * x).value_and_grad([1e200])[1].tolist() == [1e200]


def test_nan_that_reaches_nothing_passes():
    w = Value(1.0)
    assert compile(lambda x: w * x[0]).backward([[1.0, math.nan]]) == 1.0
