"""A compiled function is the eager function: same values, same gradients, nothing changed by an error."""

import copy
import math
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff
from autodiff import (
    NOT_COMPUTED,
    Value,
    compile,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    maximum,
    mean,
    select,
    softmax,
    total,
)  # fmt: skip
from autodiff.checking.strategies import graphs
from nn import MLP, Layer, Module, loss_landscape, moons, squared_error

BACKENDS = ["numpy", *(["native"] if find_spec("numba") else [])]
CLOSE = 1e-12
"""Elementary functions of arrays differ from ``math``'s by a few ulp, and sums over observations by their order."""


def eager(function, *batch):
    """Values and input gradients, observation by observation."""
    values, gradients = [], []
    for numbers in zip(*batch):
        nodes = [Value(x) for x in numbers]
        root = function(*nodes)
        root.backward()
        values.append(root.data)
        gradients.append([node.grad for node in nodes])
    return np.array(values), np.array(gradients, float)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 2**32))
def test_values_and_gradients_of_random_graphs_are_those_of_the_eager_engine(backend, graph, seed):
    nearby = np.random.default_rng(seed).normal(1.0, 0.01, (7, len(graph.inputs)))
    nearby[0] = 1.0
    batch = (nearby * graph.inputs).T
    compiled = compile(graph, backend=backend)
    values, gradients = eager(graph, *batch.tolist())
    if not (np.isfinite(values).all() and np.isfinite(gradients).all()):
        return  # the neighbour of a tame point need not be one; what is not finite has tests of its own
    np.testing.assert_allclose(compiled(*batch), values, rtol=1e-9, atol=CLOSE)
    wrt = tuple(range(len(batch)))
    value, found = compiled.value_and_grad(*batch, reduction="sum", wrt=wrt)
    assert value == pytest.approx(math.fsum(values), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(np.column_stack(found), gradients, rtol=1e-7, atol=1e-9)


def network():
    model = MLP(2, [4, 4, 1], rng=3)
    data = moons(20, rng=1)

    @compile
    def error(x, y):
        return (1 - y * model(x)).relu()

    return model, error, data.inputs, 2.0 * data.targets - 1


def test_backward_fills_the_gradients_as_the_eager_pass_does():
    model, error, xs, ys = network()
    found = error.backward(xs, ys, reduction="mean")
    gradients = [value.grad for value in model.parameters()]
    model.zero_grad()
    loss = mean([(1 - y * model(x)).relu() for x, y in zip(xs.tolist(), ys.tolist())])
    loss.backward()
    assert isinstance(found, float)
    assert found == pytest.approx(loss.data, rel=CLOSE)
    assert gradients == pytest.approx([value.grad for value in model.parameters()], rel=1e-10, abs=CLOSE)


def test_gradients_accumulate_over_calls_and_none_stands_for_zero():
    w, unused = Value(3.0), Value(1.0)
    error = compile(lambda x: w * x, parameters=[w, unused])
    error.backward([1.0, 2.0], reduction="sum")
    error.backward([1.0, 2.0], reduction="mean")
    assert w.grad == 4.5
    w.grad = None
    error.backward(2.0)
    assert w.grad == 2.0
    assert unused.grad is NOT_COMPUTED


def test_one_observation_gives_floats_and_a_batch_gives_arrays():
    f = compile(lambda x, y: {"sum": x[0] + y, "both": [x[0], (y, 2.0)]})
    assert f([1.0, 2.0], 3.0) == {"sum": 4.0, "both": [1.0, (3.0, 2.0)]}
    batch = f([[1.0, 2.0], [5.0, 6.0]], [3.0, 4.0])
    assert batch["sum"].tolist() == [4.0, 9.0]
    assert batch["both"][1][1].tolist() == [2.0, 2.0]


def test_the_value_is_reduced_as_asked():
    f = compile(lambda x: x * x)
    assert f.value([1.0, 2.0, 3.0]).tolist() == [1.0, 4.0, 9.0]
    assert f.value([1.0, 2.0, 3.0], reduction="sum") == 14.0
    assert f.value([1.0, 3.0], reduction="mean") == 5.0
    assert f.value(3.0) == f.value(3.0, reduction="mean") == 9.0


def test_the_flat_form_fits_what_optimizers_want():
    from scipy.optimize import minimize

    model, error, xs, ys = network()
    start = error.vector()
    assert [value.data for value in model.parameters()] == start.tolist()
    before = model.state_dict()
    found = minimize(
        lambda theta: error.value_and_grad(xs, ys, reduction="mean", at=theta), start, jac=True, options={"maxiter": 5}
    )
    assert found.fun < error.value(xs, ys, reduction="mean")
    assert model.state_dict() == before
    assert all(value.grad is NOT_COMPUTED for value in model.parameters())
    error.assign(found.x)
    assert error.value(xs, ys, reduction="mean") == pytest.approx(found.fun, rel=CLOSE)
    assert error.vector().tolist() == found.x.tolist()


def test_parameters_are_read_at_every_call():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    assert f(3.0) == 6.0
    w.data = 5.0
    assert f(3.0) == 15.0
    assert f.value_and_grad(3.0, at=[7.0]) == (21.0, [3.0])


def test_gradients_of_arguments_have_their_structure():
    w = Value(2.0)
    f = compile(lambda p, y: w * p["a"] * p["b"][1] + y, ndim=None)
    value, (of_w, of_p) = f.value_and_grad({"a": 3.0, "b": [4.0, 5.0]}, 1.0, wrt=("parameters", 0))
    assert (value, of_w.tolist(), of_p["a"], of_p["b"].tolist()) == (31.0, [15.0], 10.0, [0.0, 6.0])
    value, of_p = f.value_and_grad({"a": [3.0, 1.0], "b": [[4.0, 5.0], [1.0, 1.0]]}, [1.0, 0.0], wrt=0)
    assert of_p["a"].tolist() == [5.0, 1.0]  # of the mean
    assert of_p["b"].shape == (2, 2)


@pytest.mark.parametrize("derivative", [grad, hessian])
def test_derivatives_compile_without_a_program_for_every_pattern_of_signs(derivative):
    f = lambda x: (x[0].relu() * x[1].maximum(x[0])).tanh() + abs(x[0] - x[1]) ** 3
    batch = np.random.default_rng(0).normal(size=(50, 2))
    compiled = compile(derivative(f), ndim=1)
    found = compiled(batch)
    expected = np.array([derivative(f)(row) for row in batch])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=CLOSE)
    assert len(compiled.programs) == 1
    assert compiled.programs[0].guards == 0


def test_hessian_vector_products_compile():
    f = lambda x, y: (x * y).sin() + x.relu() ** 2
    compiled = compile(lambda x, y: hvp(f, (x, y), (1.0, 2.0)))
    x, y = np.array([0.5, -1.0]), np.array([2.0, 0.3])
    found = compiled(x, y)
    expected = [hvp(f, (a, b), (1.0, 2.0)) for a, b in zip(x.tolist(), y.tolist())]
    np.testing.assert_allclose(np.column_stack(found), expected, rtol=1e-12)


def test_an_untaken_branch_gives_no_nan_in_compiled_derivatives():
    f = lambda x: autodiff.where(x, x.log(), 5.0 * x)
    assert compile(f).value_and_grad([0.0, 2.0], reduction="sum", wrt=0)[1].tolist() == [5.0, 0.5]
    assert compile(grad(f))([0.0, 2.0]).tolist() == [5.0, 0.5]
    assert compile(grad(grad(f)))([0.0, 2.0]).tolist() == [0.0, -0.25]


def test_an_integer_input_selects_without_a_retrace():
    rows = [[Value(float(10 * i + j)) for j in range(3)] for i in range(4)]
    f = compile(lambda k, x: total(select(rows, k)) * x)
    assert f([0, 3, 1], [1.0, 1.0, 2.0]).tolist() == [3.0, 93.0, 66.0]
    assert len(f.programs) == 1
    f.backward([0, 3, 3], [1.0, 1.0, 1.0], reduction="sum")
    assert [row[0].grad for row in rows] == [1.0, 0.0, 0.0, 2.0]


@pytest.mark.parametrize(("index", "error", "message"), [
    (4, ValueError, "the index 4 is none of 4 rows"),
    (-1, ValueError, "the index -1 is none of 4 rows"),
    (1.5, TypeError, "must be an integer, not 1.5"),
    (math.nan, TypeError, "must be an integer, not nan"),
    (math.inf, TypeError, "must be an integer, not inf"),
])  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_an_index_that_is_none_is_refused_with_its_observation(index, error, message, first):
    rows = [Value(float(i)) for i in range(4)]
    f = compile(lambda k: select(rows, k) ** 2)
    if not first:
        f.backward([0, 1, 2])
    before = [row.grad for row in rows]
    with pytest.raises(error, match=message) as caught:
        f.backward([0, 1, index])
    assert "observation 2" in "".join(caught.value.__notes__)
    assert [row.grad for row in rows] == before


def test_an_index_that_is_computed_is_refused():
    with pytest.raises(TypeError, match="must be an input of the compiled function"):
        compile(lambda k: select([1.0, 2.0], 1 - k))([0, 1])


def test_the_issue_runs_word_for_word():
    model, optimizer_data = MLP(2, [3, 1], rng=1), moons(10)
    xs, ys = optimizer_data.inputs, 2 * optimizer_data.targets - 1

    @autodiff.compile
    def error(x, y):
        return (1 - y * model(x)).relu()

    errors = error(xs, ys)
    loss = error.backward(xs, ys, reduction="mean")
    assert errors.shape == (10,)
    assert loss == pytest.approx(errors.mean())
    value, gradient = error.value_and_grad(xs, ys, reduction="mean", at=error.vector())
    assert value == loss
    assert gradient.tolist() == [value.grad for value in model.parameters()]


def test_what_depends_on_parameters_alone_is_shared():
    w, v = Value(2.0), Value(3.0)
    error = compile(lambda x: w * x + 0.5 * (w * w + v * v))
    assert error([1.0, 2.0]).tolist() == [8.5, 10.5]
    assert error.program.shared > 0
    value, gradient = error.value_and_grad([1.0, 2.0])
    assert (value, gradient.tolist()) == (9.5, [3.5, 3.0])


def test_keyword_arguments_are_static_options():
    f = compile(lambda x, power=1: x**power)
    assert f(3.0, power=2) == 9.0
    assert f([3.0], power=3).tolist() == [27.0]
    assert [report.options for report in f.programs] == [{"power": 2}, {"power": 3}]
    with pytest.raises(TypeError, match=r"static options .* must be hashable"):
        f(3.0, power=[1])


def test_a_value_among_the_arguments_calls_the_function_itself():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    node = f(Value(3.0))
    assert isinstance(node, Value)
    node.backward()
    assert w.grad == 3.0
    assert grad(f)(5.0) == 2.0 or grad(f)(5.0).data == 2.0
    with pytest.raises(TypeError, match="x is a Value"):
        f.backward(Value(3.0))


def test_compiled_functions_may_call_each_other():
    w = Value(2.0)
    inner = compile(lambda x: w * x)
    outer = compile(lambda x: inner(x) * inner(3.0))
    assert outer([1.0, 2.0]).tolist() == [12.0, 24.0]
    assert outer.value_and_grad(1.0)[1].tolist() == [12.0]
    assert outer.parameters == [w]


def test_programs_are_kept_by_structure_within_a_bound():
    f = compile(lambda x: total(x), max_structures=3)
    for length in (1, 2, 3, 4, 5):
        assert f(np.ones((2, length))).tolist() == [length, length]
    assert [report.arguments for report in f.programs] == ["x: 3", "x: 4", "x: 5"]
    assert f(np.ones((2, 1))).tolist() == [1.0, 1.0]
    assert len(f.programs) == 3
    assert "x: 5" in str(f.programs)
    assert "compiled" in repr(f)


def test_a_program_pickles_and_prints():
    w = Value(2.0, label="w")
    f = compile(lambda x: w * x + 1)
    f(1.0)
    again = pickle.loads(pickle.dumps(f.program))
    assert str(again) == str(f.program)
    assert "w" in str(again)
    assert "x" in str(again)


def test_a_program_is_asked_for_too_early():
    with pytest.raises(RuntimeError, match="no program yet"):
        compile(lambda x: x).program  # noqa: B018


def test_threads_may_call_it_at_the_same_time():
    _, error, xs, ys = network()
    expected = error.value_and_grad(xs, ys)
    fresh = network()[1]
    started = threading.Barrier(8)

    def call(_):
        started.wait()
        return [fresh.value_and_grad(xs, ys)[0] for _ in range(20)] + [fresh(xs[:n], ys[:n]).shape for n in range(1, 5)]

    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(call, range(8)):
            assert result == [expected[0]] * 20 + [(n,) for n in range(1, 5)]


def test_a_million_observations_are_run_in_chunks(monkeypatch):
    monkeypatch.setattr("autodiff.compiling.batches.CHUNK", 8)
    monkeypatch.setattr("autodiff.compiling.batches.NUMBERS", 8)
    w = Value(2.0)
    f = compile(lambda x, y: (w * x[0] - y) ** 2 if x[1] > 0 else w * x[1])
    rng = np.random.default_rng(0)
    xs, ys = rng.normal(size=(50, 2)), rng.normal(size=50)
    expected = [(2 * a - y) ** 2 if b > 0 else 2 * b for (a, b), y in zip(xs.tolist(), ys.tolist())]
    np.testing.assert_allclose(f(xs, ys), expected, rtol=CLOSE)
    value, (of_w, of_x) = f.value_and_grad(xs, ys, reduction="sum", wrt=("parameters", 0))
    slope = [2 * a * (2 * a - y) if b > 0 else b for (a, b), y in zip(xs.tolist(), ys.tolist())]
    assert of_w[0] == pytest.approx(sum(slope))
    assert of_x.shape == (50, 2)
    assert value == pytest.approx(sum(expected))


def test_arrays_on_disk_are_read(tmp_path):
    path = tmp_path / "x.dat"
    np.arange(12.0).tofile(path)
    xs = np.memmap(path, np.float64, "r", shape=(6, 2))
    w = Value(1.0)
    f = compile(lambda x: w * x[0] * x[1])
    assert f(xs).tolist() == [a * b for a, b in np.arange(12.0).reshape(6, 2).tolist()]
    assert f.backward(xs, reduction="sum") == f(xs).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint64, np.bool_, np.float16])
def test_arrays_of_every_real_type_are_taken(dtype):
    xs = np.array([[0, 1], [1, 1]], dtype)
    assert compile(lambda x: x[0] + 2 * x[1])(xs).tolist() == [2.0, 3.0]


# ── Bad input ────────────────────────────────────────────────────────────────────────────────────


def outputs_none(x):
    return None


BAD = [
    ((np.ones((3, 2)), np.ones(2)), ValueError, "x has 3, y has 2"),
    (
        ([[1.0, 2.0], [3.0]], [1.0, 1.0]),
        ValueError,
        r"ragged numbers: x\[1\] has the length 1, where the first part has the length 2",
    ),
    (([[1.0, 2.0], 3.0], [1.0, 1.0]), ValueError, r"ragged numbers: x\[1\] has no length"),
    (([1.0, [2.0]], [1.0, 1.0]), ValueError, r"ragged numbers: x\[1\] is a list"),
    ((np.ones((0, 2)), np.ones(0)), ValueError, "empty"),
    (([], []), ValueError, "empty"),
    ((np.ones((2, 2)), ["a", "b"]), TypeError, "y.*real number"),
    ((np.ones((2, 2)), [1j, 2j]), TypeError, "y.*real number"),
    ((np.ones((2, 2)) * 1j, np.ones(2)), TypeError, "x must be an array of real numbers, not of complex128"),
    ((np.array([["a", "b"]]), np.ones(1)), TypeError, "x must be an array of real numbers"),
    ((np.ones((2, 2)), None), TypeError, "by keyword"),
    ((np.ones((2, 2)), [None, None]), TypeError, "real number"),
    ((np.array([[math.nan, 1.0], [1.0, 1.0]]), np.ones(2)), FloatingPointError, r"x\[0\] of observation 0 is nan"),
    ((np.array([[1.0, 1.0], [1.0, math.inf]]), np.ones(2)), FloatingPointError, r"x\[1\] of observation 1 is inf"),
]


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments_are_refused_before_anything_changes(arguments, error, message, warm):
    w = Value(2.0)
    f = compile(lambda x, y: (w * x[0] * x[1] - y) ** 2, ndim=(1, 0) if warm == 2 else None)
    if warm:
        f.backward(np.ones((3, 2)), np.ones(3))
    before = w.grad
    for call in (f.backward, f.value_and_grad):
        with pytest.raises(error, match=message):
            call(*arguments)
    assert w.grad is before
    assert w.data == 2.0


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (outputs_none, TypeError, "must return a number or Value"),
        (lambda x: "a", TypeError, "must return a number or Value"),
        (lambda x: [x, x], TypeError, "one scalar Value .* not a list"),
        (lambda x: 3.0, TypeError, "not a plain number"),
        (
            lambda x: math.exp(x),
            TypeError,
            "float.* would freeze a number: use autodiff.s functions in place of math.s, detach",
        ),
        (lambda x: x * x.data, TypeError, r"reading \.data .* would freeze"),
        (lambda x: float(x) * x, TypeError, "would freeze"),
        (lambda x: x * int(x), TypeError, "would freeze"),
        (lambda x: x * [1.0, 2.0][x], TypeError, "would freeze.*select"),
        (lambda x: (x * x).backward(), TypeError, r"backward\(\) inside a compiled function"),
        (lambda x: [*(x * x).backward_steps()], TypeError, r"backward\(\) inside a compiled function"),
    ],
)
def test_bad_functions_are_refused(function, error, message):
    with pytest.raises(error, match=message):
        compile(function).backward([1.0, 1.0])


def test_setting_a_parameter_inside_is_refused():
    w = Value(1.0)

    def f(x):
        w.data = 2.0
        return w * x

    with pytest.raises(TypeError, match="cannot set the data"):
        compile(f)(1.0)
    assert w.data == 1.0


def test_a_function_that_is_not_deterministic_or_keeps_state_is_refused():
    rng = np.random.default_rng(0)
    calls = []

    def counting(x):
        calls.append(x)
        return x * len(calls)

    w = [Value(1.0)]

    def fresh(x):
        w.append(Value(2.0))
        return x * w[-1] * len(w)

    kept = {}

    def lazy(x):
        return x * kept.setdefault("w", Value(2.0))

    count = 0

    def numbering(x):
        nonlocal count
        count += 1
        return x * 2

    for function in (lambda x: x * rng.random(), counting, fresh, lazy, numbering):
        with pytest.raises(ValueError, match="not deterministic, or keeps state"):
            compile(function)([1.0, 2.0])


def test_a_leaf_that_is_made_inside_is_a_constant():
    f = compile(lambda x: Value(2.0) * x)
    assert f([1.0, 2.0]).tolist() == [2.0, 4.0]
    assert f.parameters == []


def test_a_module_that_grew_is_compiled_anew():
    model, error, xs, ys = network()
    error.backward(xs, ys)
    model.layers.append(Layer(1, 1))
    error.backward(xs, ys)
    assert {*error.parameters} == {*model.parameters()}


def test_a_parameter_that_is_not_used_may_be_replaced():
    pair = [Value(2.0), Value(3.0)]
    f = compile(lambda x: pair[0] * x)
    assert f(1.0) == 2.0
    pair[1] = Value(9.0)
    assert f(1.0) == 2.0


def test_a_parameter_that_is_only_compared_may_be_replaced():
    w = Value(1.0)
    f = compile(lambda x: x * 2 if w > 0 else x * 3)
    assert f([1.0]).tolist() == [2.0]
    w = Value(-1.0)
    assert f([1.0]).tolist() == [3.0]


@pytest.mark.parametrize(
    "function",
    [
        lambda w, v, x: w * x * v.detach(),
        lambda w, v, x: w * x if v * 2 > 0 else x,
        lambda w, v, x: w * x + 0 * v,
        lambda w, v, x: select([w, v], 0) * x,
    ],
    ids=["detached", "compared", "times 0", "not selected"],
)
def test_only_what_the_eager_pass_reaches_gets_a_gradient(function):
    def gradients(run):
        w, v = Value(2.0), Value(3.0)
        run(w, v)
        return [repr(each.grad) for each in (w, v)]

    expected = gradients(lambda w, v: function(w, v, Value(1.5)).backward())
    assert gradients(lambda w, v: compile(lambda x: function(w, v, x)).backward(1.5)) == expected


@pytest.mark.parametrize(
    "use",
    [
        lambda inner: inner.value(2.0),
        lambda inner: inner.backward(2.0),
        lambda inner: inner.value_and_grad(2.0)[0],
        lambda inner: inner.vector()[0],
    ],
    ids=["value", "backward", "value_and_grad", "vector"],
)
def test_numbers_of_another_compiled_function_are_not_frozen(use):
    w = Value(2.0)
    inner = compile(lambda x: w * x)
    inner(1.0)
    outer = compile(lambda x: x * use(inner))
    with pytest.raises(autodiff.compiling.FrozenNumberError, match="inside a compiled function would be frozen"):
        outer(1.0)
    assert w.grad is NOT_COMPUTED


def test_an_index_out_of_range_is_named_beside_a_branch_on_a_parameter():
    w = Value(1.0)
    f = compile(lambda i, x: select([w, w * 2], i) * x if w > 0 else x)
    f([0, 1], [1.0, 1.0])
    with pytest.raises(ValueError, match="the index 5 is none of 2 rows"):
        f([5, 6], [1.0, 1.0])


@pytest.mark.parametrize("changed", ["w", "unrelated"])
def test_a_recording_at_other_numbers_is_not_seen_by_another_function_of_the_same_parameters(changed):
    leaves = {"w": Value(2.0), "unrelated": Value(2.0)}
    w = leaves["w"]
    recording, other = threading.Event(), compile(lambda x: w * x)
    other(1.0)

    def slow(x):
        recording.set()
        time.sleep(0.05)
        return w * x

    with ThreadPoolExecutor() as pool:
        running = pool.submit(compile(slow, parameters=[w]).value, 1.0, at=[5.0])
        recording.wait()
        leaves[changed].data = 3.0  # so that the numbers are read anew
        assert other(1.0) == (3.0 if changed == "w" else 2.0)
        assert running.result() == 5.0
    assert w.data == (3.0 if changed == "w" else 2.0)


def test_chance_in_a_branch_that_is_met_later_is_refused():
    rng = np.random.default_rng(0)
    f = compile(lambda x: x * rng.random() if x > 0 else x)
    with pytest.raises(ValueError, match="not deterministic"):
        f([-1.0, 1.0])


def test_a_function_that_uses_an_unlisted_parameter_is_refused():
    w, v = Value(1.0, label="w"), Value(2.0, label="v")
    with pytest.raises(ValueError, match="uses the parameter v beyond those of parameters="):
        compile(lambda x: w * x + v, parameters=[w])(1.0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reduction": "max"}, ValueError, "reduction must be 'mean' or 'sum', not 'max'"),
        ({"reduction": None}, ValueError, "reduction must be"),
        ({"wrt": 2}, ValueError, "wrt must be 'parameters', a position among the 1 arguments"),
        ({"wrt": "x"}, ValueError, "wrt must be"),
        ({"at": [1.0, 2.0]}, ValueError, "a vector of 1 parameters"),
        ({"at": "abc"}, ValueError, "could not convert"),
        ({"reduce": "sum"}, TypeError, "reduce= is called reduction= now"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    w = Value(1.0)
    with pytest.raises(error, match=message):
        compile(lambda x: w * x).value_and_grad([1.0], **options)


def test_an_option_of_the_function_may_be_called_reduce():
    assert compile(lambda x, reduce=1.0: x * reduce)(3.0, reduce=2.0) == 6.0


def test_parameters_that_are_given_by_an_iterator_are_copied_with_the_function():
    v, w = Value(2.0), Value(3.0)
    f = pickle.loads(pickle.dumps(compile(scaled, parameters=iter([v, w]))))
    assert f.vector().tolist() == [2.0, 3.0]


def test_a_directional_derivative_compiles():
    f = compile(lambda x: jvp(lambda z: z.relu() * z, (x,), (2.0,)), backend="numpy")
    values, slopes = f([1.0, -1.0, 3.0])
    assert (values.tolist(), slopes.tolist()) == ([1.0, 0.0, 9.0], [4.0, 0.0, 12.0])


def scaled(x):
    return 2.0 * x


def test_assigning_a_bad_vector_changes_nothing():
    v, w = Value(1.0), Value(2.0)
    f = compile(lambda x: v * w * x, parameters=[v, w])
    for bad in ([1.0], [1.0, math.nan], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match=r"parameter"):
            f.assign(bad)
    assert (v.data, w.data) == (1.0, 2.0)


@pytest.mark.parametrize("bad", [3, "f", None])
def test_only_functions_are_compiled(bad):
    if bad is None:
        assert callable(compile(bad))
        return
    with pytest.raises(TypeError, match="a function is needed"):
        compile(bad)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ndim": "x"}, ValueError, "ndim must be a number from 0"),
        ({"ndim": (1, -1)}, ValueError, "ndim must be a number from 0"),
        ({"max_branches": 0}, ValueError, "max_branches must be a whole number of at least 1, not 0"),
        ({"max_structures": 1.5}, ValueError, "max_structures must be a whole number"),
        ({"parameters": 3}, TypeError, "parameters must be a module or a list of leaf Values, not int 3"),
        ({"parameters": [3.0]}, TypeError, "a parameter must be a leaf Value"),
    ],
)
def test_bad_options_of_compile_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        compile(lambda x: x, **options)


def test_an_unknown_backend_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown backend 'gpu'"):
        compile(lambda x: x, backend="gpu")(1.0)


def test_methods_and_callable_objects_find_their_parameters():
    class Line(Module):
        def __init__(self):
            self.slope = Value(2.0)

        def __call__(self, x):
            return self.slope * x

        def error(self, x, y):
            return (self(x) - y) ** 2

    line = Line()
    assert compile(line.error).parameters == [line.slope]
    assert compile(line).parameters == [line.slope]
    assert compile(line)([1.0, 2.0]).tolist() == [2.0, 4.0]


def test_a_decorated_method_is_refused_with_the_way_out():
    class Line:
        def __init__(self):
            self.slope = Value(2.0)
            self.plain = compile(self.plain)

        def plain(self, x):
            return self.slope * x

        @compile
        def decorated(self, x):
            return self.slope * x

    line = Line()
    assert line.plain([1.0, 2.0]).tolist() == [2.0, 4.0]
    with pytest.raises(TypeError, match=r"self\.decorated = compile\(self\.decorated\) in __init__"):
        line.decorated(1.0)
    assert repr(Line.decorated) == "<compiled decorated: 0 programs>"


def test_the_order_of_parameters_is_that_of_the_module():
    model, error, _, _ = network()
    assert [*map(id, error.parameters)] == [*map(id, model.parameters())]
    given = compile(lambda x: model(x), parameters=reversed(model.parameters()))
    assert [*map(id, given.parameters)] == [*map(id, reversed(model.parameters()))]


def test_a_parameter_in_a_hiding_place_is_met_in_the_first_call():
    hidden = deque([Value(3.0)])
    f = compile(lambda x: hidden[0] * x)
    assert f.parameters == []
    assert f.value_and_grad(2.0) == (6.0, [2.0])
    assert f.parameters == [*hidden]
    with pytest.raises(ValueError, match="could not be found before"):
        compile(lambda x: hidden[0] * x).value_and_grad(2.0, at=[])


def test_import_loads_no_numpy_backend_before_it_is_used():
    assert "compile" in autodiff._LAZY
    assert "autodiff" in sys.modules


def test_maximum_and_softmax_need_no_guards():
    f = compile(lambda x: softmax(x)[0] * maximum(x[1], 0.0) + log(1 + x[0] * x[0]))
    batch = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(
        f(batch), [(softmax(row)[0] * maximum(row[1], 0.0) + log(1 + row[0] * row[0])) for row in batch.tolist()]
    )
    assert [report.guards for report in f.programs] == [0]


def test_plain_numbers_from_outside_are_read_at_every_call():
    class Line:
        def __init__(self):
            self.slope, self.w = 2.0, Value(1.0)

        def at(self, x):
            return self.slope * self.w * x

        def __call__(self, x):
            return self.slope * x

    scale = 2.0
    line = Line()
    functions = [compile(lambda x: scale * x), compile(line.at), compile(lambda x: line.slope * x),
                 compile(lambda x: line(x)), compile(line)]  # fmt: skip
    for f in functions:
        assert f([1.0, 3.0]).tolist() == [2.0, 6.0]
    scale = line.slope = 5.0
    for f in functions:
        assert f([1.0, 3.0]).tolist() == [5.0, 15.0]
        assert f(np.ones(2)).tolist() == [5.0, 5.0]
    scale = line.slope = 2.0
    for f in functions:
        assert f(np.ones(2)).tolist() == [2.0, 2.0]


def test_anomaly_detection_and_sources_work_around_a_compiled_function():
    before = dict(vars(Value))
    f = compile(lambda x: log(x) if x < 5 else x * 2)
    with autodiff.record_sources(), autodiff.detect_anomaly():
        assert f([1.0, 6.0]).tolist() == [0.0, 12.0]
        with pytest.raises(autodiff.NonFiniteError, match="log"):
            compile(lambda x: log(x))([-1.0])
    assert dict(vars(Value)) == before


def test_a_program_that_knows_fewer_parameters_than_a_later_one_still_has_a_whole_gradient():
    hidden = deque([Value(2.0), Value(3.0)])
    w, v = [*hidden]
    f = compile(lambda *x: total(hidden[0] * each for each in x) + (hidden[1] if len(x) > 1 else 0))
    assert f.value_and_grad(1.0)[1].tolist() == [1.0]
    assert f.value_and_grad(1.0, 2.0)[1].tolist() == [3.0, 1.0]
    assert f.value_and_grad(1.0)[1].tolist() == [1.0, 0.0]
    f.backward(1.0)
    assert (w.grad, v.grad) == (1.0, 0.0)
    assert v.grad is NOT_COMPUTED


def test_threads_change_no_bit():
    pytest.importorskip("numba", reason="threads need machine code: pip install numba")
    model = MLP(2, [8, 1], "tanh", rng=3)
    inputs = np.random.default_rng(4).normal(size=(40_000, 2))
    gradients = [
        compile(lambda x: model(x) ** 2, parameters=model, threads=threads, backend="native").value_and_grad(inputs)
        for threads in (1, 2, 3)
    ]
    for value, gradient in gradients[1:]:
        assert value == gradients[0][0]
        assert gradient.tobytes() == gradients[0][1].tobytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    pytest.importorskip("numba", reason="threads need machine code: pip install numba")
    f = compile(lambda x: x * x, threads=2, backend="native")
    x = np.ones(10_000)
    f(x)
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if f(x).sum() == 10_000 else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    with pytest.raises(ValueError, match="threads must be a whole number of at least 1"):
        compile(lambda x: x, threads=threads)


# ── Copies ───────────────────────────────────────────────────────────────────────────────────────


class Line(Module):
    """A module with a method compiled as the error for methods says."""

    def __init__(self):
        self.slope, self.offset = Value(2.0), Value(0.0)
        self.error = compile(self.error)

    def __call__(self, x):
        return self.slope * x[0] + self.offset

    def error(self, x, y):
        return (self(x) - y) ** 2


@compile
def doubled(x):
    return 2 * x


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_compiled_method_is_copied_with_its_object(copied):
    line = Line()
    assert line.error([[1.0], [2.0]], [1.0, 1.0]).tolist() == [1.0, 9.0]
    other = copied(line)
    other.slope.data = 3.0
    assert other.error([[1.0], [2.0]], [1.0, 1.0]).tolist() == [4.0, 25.0]
    assert {*other.error.parameters} == {other.slope, other.offset}
    assert line.error([[1.0], [2.0]], [1.0, 1.0]).tolist() == [1.0, 9.0]
    assert copied(doubled) is doubled


class Given(Module):
    """The same with its parameters given."""

    def __init__(self):
        self.w = Value(2.0)
        self.error = compile(self.loss, parameters=self)

    def loss(self, x):
        return self.w * x


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copied_method_has_the_parameters_of_the_copy(copied):
    other = copied(Given())
    other.w.data = 3.0
    assert other.error.vector().tolist() == [3.0]
    assert other.error([1.0, 2.0]).tolist() == [3.0, 6.0]


def test_a_function_of_its_own_is_copied_as_functions_are():
    w = Value(2.0)
    f = compile(lambda x: w * x, parameters=[w])
    assert copy.deepcopy(f) is f


def test_the_landscape_of_a_module_with_a_compiled_method():
    mountain = loss_landscape(Line(), [[1.0], [2.0]], [1.0, 2.0], squared_error, resolution=3)
    assert mountain.heights[1].tolist() == [mean([(s * x - x) ** 2 for x in (1.0, 2.0)]) for s in mountain.xs]


# ── The structure of results ─────────────────────────────────────────────────────────────────────

STRUCTURES = {
    "a number": (lambda x: x, (3,)),
    "a list": (lambda x: [x, 2.0, x * x], (3, 3)),
    "a list of one": (lambda x: [x], (3, 1)),
    "an empty list": (lambda x: [], (3, 0)),
    "lists of one shape": (lambda x: [[x, 1.0, x], [x, x * x, 2.0]], (3, 2, 3)),
    "an array": (lambda x: np.array([[x], [x * x]]), (3, 2, 1)),
    "a model": (MLP(1, [3, 2], rng=0), (3, 2)),
    "a model of one output": (MLP(1, [3, 1], rng=0), (3,)),
    "a Jacobian": (jacobian(lambda x: [x, x * x]), (3, 2)),
}


@pytest.mark.parametrize(("function", "shape"), STRUCTURES.values(), ids=STRUCTURES)
def test_lists_of_numbers_are_arrays_with_the_observations_in_front(function, shape):
    x = np.array([0.5, -1.0, 2.0])
    of = (lambda x: function([x])) if isinstance(function, MLP) else function
    found = compile(of, backend="numpy")(x)
    assert (type(found), found.shape) == (np.ndarray, shape)
    for each, at in zip(found, x):
        one = compile(of, backend="numpy")(float(at))
        assert each.tolist() == (one.tolist() if isinstance(one, np.ndarray) else one)
    if isinstance(function, MLP):
        np.testing.assert_array_equal(found, function.predict(x.reshape(-1, 1)))


def test_other_structures_hold_an_array_for_each_part():
    x = np.array([0.5, -1.0])
    a, b = compile(lambda x: (x, [x, 1.0]), backend="numpy")(x)
    assert (a.tolist(), b.tolist()) == ([0.5, -1.0], [[0.5, 1.0], [-1.0, 1.0]])
    ragged = compile(lambda x: [x, [x, 1.0], (x, 2.0)], backend="numpy")(x)
    assert [type(part) for part in ragged] == [np.ndarray, np.ndarray, tuple]
    assert compile(lambda x: {"a": [x, x]}, backend="numpy")(x)["a"].shape == (2, 2)
