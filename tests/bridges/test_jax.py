"""What JAX computes and differentiates, a recorded graph computes and differentiates as well."""

import copy
import importlib
import json
import pickle
import sys

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

import autodiff
from autodiff import (
    NonFiniteError,
    Value,
    check_gradients,
    detect_anomaly,
    draw,
    explain,
    hessian,
    leaves,
    topological_order,
    trace,
)
from autodiff.bridges.jax import TooLargeError, UnsupportedError, record
from autodiff.checking import GradientMismatchError
from autodiff.hooks import Observer, observed_by
from autodiff.tracing.player import html
from tests.bridges.jax_agreement import TOLERANCE, in_float64, variables
from tests.bridges.jax_models import MODELS

float64 = pytest.fixture(autouse=True)(in_float64)


def close(ours, theirs):
    scale = max(float(np.max(np.abs(theirs), initial=0.0)), 1.0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * scale)


def reference(function, inputs, forward):
    """Value and gradients by JAX; compiled as one, without optimization, which takes longer than these run."""
    every = tuple(range(len(inputs)))

    def both(*inputs):
        return function(*inputs), (jax.jacfwd if forward else jax.grad)(function, every)(*inputs)

    lowered = jax.jit(both).lower(*inputs)
    return lowered.compile(compiler_options={"xla_backend_optimization_level": 0})(*inputs)


@pytest.mark.parametrize("name", MODELS)
def test_values_and_gradients_are_jaxs(name):
    f, inputs, forward = MODELS[name]
    ours = variables(inputs)
    loss = record(f, *ours)
    value, gradients = reference(f, inputs, forward)
    close(loss.data, value)
    loss.backward()
    for array, expected in zip(jax.tree_util.tree_leaves(ours), jax.tree_util.tree_leaves(gradients)):
        close(np.array([v.grad for v in array.ravel()]).reshape(array.shape), expected)


# ── Singular points: what JAX has there ──────────────────────────────────────────────────────────

SINGULAR = {
    "abs": (lambda x: jnp.abs(x).sum(), [0.0, -0.0]),
    "relu": (lambda x: jax.nn.relu(x).sum(), [0.0, -0.0]),
    "relu6": (lambda x: jax.nn.relu6(x).sum(), [0.0, 6.0]),
    "leaky_relu": (lambda x: jax.nn.leaky_relu(x).sum(), [0.0]),
    "largest of three": (lambda x: jnp.max(x), [1.0, 1.0, 0.0, 1.0]),
    "least of five": (lambda x: jnp.min(x), [1.0] * 5),
    "maximum": (lambda x: jnp.maximum(x, 1.0).sum(), [1.0, 2.0]),
    "clip": (lambda x: jnp.clip(x, -1.0, 1.0).sum(), [1.0, -1.0]),
    "clamp": (lambda x: jax.lax.clamp(-1.0, x, 1.0).sum() + x.sum(), [1.0, -1.0]),
    "clamp between values": (lambda x: jax.lax.clamp(*x) + x.sum(), [1.0, 1.0, 2.0]),
    "sqrt": (lambda x: jnp.sqrt(x).sum(), [0.0]),
    "norm": (jnp.linalg.norm, [0.0, 0.0]),
    "square root of a square": (lambda x: jnp.sqrt(x**2).sum(), [0.0]),
    "log": (lambda x: jnp.log(x).sum(), [0.0, -1.0]),
    "power": (lambda x: (x**0).sum() + (x**2.0).sum() + (x**0.5).sum(), [0.0]),
    "window": (
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (3,), (1,), "VALID") @ jnp.arange(1.0, 4.0),
        [1.0, 1.0, 1.0, 2.0, 2.0],
    ),
    "cumulative": (lambda x: jax.lax.cummax(x) @ jnp.arange(1.0, 6.0), [1.0, 2.0, 2.0, 1.0, 2.0]),
    "order": (lambda x: jnp.sort(x) @ jnp.arange(1.0, 4.0) + x[jnp.argmax(x)], [1.0, 0.0, 1.0]),
    "log of a sum": (jax.nn.logsumexp, [-np.inf, 1.0]),
    "product": (jnp.prod, [0.0, 0.0, 2.0]),
    "untaken": (lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0).sum(), [0.0, 4.0]),
    "untaken twice": (lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0).sum(), [0.0, 4.0]),
    "masked": (lambda x: jnp.where(jnp.array([False, True]), jnp.log(x), 0.0).sum(), [0.0, 4.0]),
    "sinc": (lambda x: jnp.sinc(x).sum(), [0.0]),
    "far out": (lambda x: jax.nn.softplus(x).sum() + jax.nn.gelu(x).sum() + jax.nn.sigmoid(x).sum(), [1000.0, -1000.0]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_at_singular_points_the_gradient_is_jaxs_nan_included(name):
    f, point = SINGULAR[name]
    ours = variables(jnp.array(point))
    loss = record(f, ours)
    loss.backward()
    value, (expected,) = reference(f, (jnp.array(point),), forward=False)
    np.testing.assert_allclose(loss.data, value, rtol=TOLERANCE)
    np.testing.assert_allclose([v.grad for v in ours], expected, rtol=TOLERANCE)


FAR_OUT = [np.nan, np.inf, -np.inf, 300.7, -1.5, 1e30]
VALUES = {
    "relu6": jax.nn.relu6,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "clip": lambda x: jnp.clip(x, -1.0, 1.0),
    "clamp from": lambda x: jax.lax.clamp(x, jnp.zeros(6), jnp.ones(6)),
    "clamp to": lambda x: jax.lax.clamp(-jnp.ones(6), jnp.zeros(6), x),
    "largest": lambda x: jnp.max(x),
    "top": lambda x: jax.lax.top_k(x, 3),
    "top of zeros": lambda x: jax.lax.top_k(jnp.concatenate([0 * x[4:], -0.0 * x[3:4]]), 2)[1] * x[0],
    "halves": lambda x: jax.lax.round(jnp.array([0.49999999999999994, 0.5, -1.5, 2.5, -0.2, 1e30]) + 0 * x[4]),
    "order": jnp.sort,
    "place": lambda x: jnp.argmax(x) * jnp.ones(6) + x,
    **{kind: lambda x, kind=kind: x * 0 + x.astype(kind) for kind in ("int8", "uint8", "int32", "uint64", "bool")},
}


@pytest.mark.parametrize("name", VALUES)
def test_far_out_the_numbers_are_jaxs_nan_included(name):
    f, x = VALUES[name], jnp.array(FAR_OUT)
    for ours, theirs in zip(jax.tree.leaves(record(f, x)), jax.tree.leaves(f(x))):
        found = [getattr(each, "data", each) for each in np.ravel(ours).tolist()]
        np.testing.assert_allclose(np.array(found, float), np.ravel(theirs).astype(float), rtol=TOLERANCE)


# ── Structures, names and lines ──────────────────────────────────────────────────────────────────


def labels_of(root):
    return [v.label for v in leaves(root)]


def test_what_comes_back_has_the_structure_that_the_function_gives():
    found = record(
        lambda x: {"sum": x.sum(), "all": (x * 2, jnp.arange(2), 3.0), "at": jnp.argmax(x)}, [1.0, 5.0] @ EYE
    )
    assert isinstance(found["sum"], Value)
    assert [v.data for v in found["all"][0]] == [2.0, 10.0]
    assert found["all"][1].tolist() == [0, 1]
    assert found["all"][2] == 3.0
    assert found["at"] == 1


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("f", "inputs", "expected"),
    [
        (lambda x, y: x @ y, (EYE[0], EYE[1]), ["x[0]", "x[1]", "y[0]", "y[1]"]),
        (lambda x: x * x, (2.0,), ["x"]),
        (lambda p, x: p["w"] * x, ({"w": 2.0}, 3.0), ["w", "x"]),
        (lambda p, x: p["x"] * x, ({"x": 2.0}, 3.0), ["p.x", "x"]),
        (lambda layers: layers[0]["w"].sum(), ([{"w": EYE[:1]}],), ["layers[0].w[0,0]", "layers[0].w[0,1]"]),
        (lambda p: p["layers"][0]["w"] * p["mlp/b"], ({"layers": [{"w": 1.0}], "mlp/b": 2.0},),
         ["p.layers[0].w", "p['mlp/b']"]),
        (lambda *xs: xs[0] * xs[1], (1.0, 2.0), ["xs[0]", "xs[1]"]),
    ],
)  # fmt: skip
def test_inputs_are_labelled_by_their_place(f, inputs, expected):
    assert labels_of(record(f, *inputs)) == expected


def test_data_are_the_inputs_that_argnums_leaves_out():
    loss = record(lambda w, x: w @ x, EYE[0], EYE[1], argnums=0)
    assert labels_of(loss) == ["w[0]", "w[1]"]
    with pytest.raises(ValueError, match="argnums counts the inputs of <lambda> from 0 to 0, and 1 is none of them"):
        record(lambda w: w, 1.0, argnums=(0, 1))


def network(w, x):
    h = jnp.tanh(w * x)
    h = helper(h)
    a, b = jnp.split(h, 2)
    m = jnp.mean(h)
    h *= 2.0
    carry, rows = jax.lax.scan(step, m, h)
    return rows.sum() + carry + a.sum() + b.sum() + jax.grad(lambda q: inner(q))(m)


def inner(q):
    squared = q * q
    return squared * q


def helper(h):
    return jnp.exp(h)


def step(carry, row):
    carry = carry * row
    return carry, carry + row


def test_what_the_function_assigns_is_named_as_there_and_counted():
    root = record(network, EYE[0] + 1, EYE[1] + 2)
    named = [v.label for v in topological_order(root) if v.parents and v.label]
    assert sorted(named) == sorted(
        ["h[0]", "h[1]", "h@2[0]", "h@2[1]", "m", "h@3[0]", "h@3[1]", "carry", "carry@2", "rows[0]", "rows[1]"]
    )


def test_the_lines_are_those_of_the_function():
    root = record(network, EYE[0] + 1, EYE[1] + 2)
    by_label = {v.label: v for v in topological_order(root)}
    assert by_label["h[0]"].source.text == "h = jnp.tanh(w * x)"
    assert by_label["h@2[1]"].source.text == "return jnp.exp(h)"
    assert by_label["carry@2"].source.text == "carry = carry * row"
    assert by_label["w[0]"].source.text == "root = record(network, EYE[0] + 1, EYE[1] + 2)"
    assert root.source.text.startswith("return rows.sum()")
    assert all(v.source for v in topological_order(root) if v.parents)


def test_the_same_function_gives_the_same_graph_again():
    """Also where JAX has traced a function before, and does not run it again."""
    jitted = jax.jit(helper)

    def f(x):
        y = jitted(x)
        return jnp.where(y > 0, y, 0.0).sum()

    first, again = (
        [(v.label, v.op.name, str(v.source)) for v in topological_order(record(f, EYE[0]))] for _ in range(2)
    )
    assert first == again
    assert ("y[0]", "exp", first[0][2]) not in first
    assert {label for label, op, _ in first if op == "exp"} == {"y[0]", "y[1]"}


# ── What all the rest of the project does with it ────────────────────────────────────────────────

PARAMS = {
    "layers": [{"w": np.array([[1.0, -2.0], [0.5, 1.5]]), "b": np.zeros(2)}, {"w": np.ones((1, 2)), "b": np.ones(1)}]
}


def two_layers(params, x):
    h = jax.nn.relu(params["layers"][0]["w"] @ x + params["layers"][0]["b"])
    out = params["layers"][1]["w"] @ h + params["layers"][1]["b"]
    return jnp.sum((out - 1.0) ** 2)


@pytest.fixture
def loss():
    return record(two_layers, PARAMS, np.array([2.0, 0.5]))


def test_it_is_traced_explained_and_drawn_by_its_layers(loss):
    table = str(trace(loss))
    assert "∂L/∂layers[0].w[0,1] +=" in table
    assert "test_jax.py:" in table
    w = next(v for v in leaves(loss) if v.label == "layers[0].w[0,1]")
    loss.backward()
    assert explain(loss, w).gradient == pytest.approx(w.grad)
    assert "h[0]" in str(explain(loss, w))
    folded = draw(loss, fold="layer").source
    assert "layers[0]" in folded
    assert "layers[0].w" not in folded


def test_the_player_is_live_and_shows_the_code(loss, tmp_path):
    page = html(trace(loss), live=True)
    assert "h = jax.nn.relu" in json.dumps([line.text for line in trace(loss).code])
    assert "<title>Backward pass of" in page


def test_the_first_nan_is_found_with_the_line_of_the_users_code():
    def model(w):
        h = w * 2.0
        z = jnp.log(h)
        return z.sum()

    with pytest.raises(NonFiniteError, match=r"log\(h\[1\]\) = log\(−2\.0\) = nan") as caught, detect_anomaly():
        record(model, np.array([1.0, -1.0]))
    assert caught.value.source.text == "z = jnp.log(h)"


def test_a_nan_of_the_backward_pass_that_jax_hides_in_a_choice_is_explained():
    loss = record(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), 0.0)
    with pytest.raises(NonFiniteError, match="0 · ∞: the chain rule cannot tell") as caught, detect_anomaly():
        loss.backward()
    assert "jnp.sqrt(x)" in caught.value.source.text


@pytest.mark.slow
def test_gradients_are_checked_and_a_wrong_rule_is_found():
    assert (
        check_gradients(lambda w: record(lambda w: jnp.sum(jnp.tanh(w) ** 2), w), np.array([0.5, -1.0])).verdict
        == "pass"
    )

    @jax.custom_jvp
    def cube(x):
        return x**3

    cube.defjvp(lambda primals, tangents: (cube(*primals), 2.9 * primals[0] ** 2 * tangents[0]))
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda w: record(lambda w: jnp.sum(cube(w)), w), np.array([0.5, -1.0]))


def test_conditions_follow_when_a_number_is_changed_and_what_is_frozen_is_refused():
    f = lambda x: jnp.where(x > 1, x**2, jnp.maximum(-x, 0.5)) * jnp.tanh(x)
    many = np.linspace(-3, 3, 25)
    compiled = autodiff.compile(lambda x: record(f, x), backend="numpy")
    np.testing.assert_allclose(compiled(many), f(many), rtol=TOLERANCE)
    with pytest.raises(autodiff.FrozenNumberError):
        autodiff.compile(lambda x: record(lambda x: jnp.arange(5.0)[x.astype(int)] * x, x))(np.array([1.0, 2.0]))


def test_second_derivatives_are_jaxs():
    f = lambda x: jnp.sum(jax.nn.softplus(x) * jnp.sin(x)) + jnp.linalg.norm(x) + jnp.sinc(x[1])
    point = np.array([0.5, 0.0])
    close(hessian(lambda x: record(f, x))(point), jax.jit(jax.hessian(f))(point))


# ── Rules of the user's own ──────────────────────────────────────────────────────────────────────


def test_a_rule_of_the_users_own_is_followed_unless_one_looks_inside():
    f = MODELS["safe_logarithm"].function
    root = record(f, np.array([2.0, -2.0]))
    assert [str(v.op.symbol) for v in topological_order(root) if "@jax" in v.op.name] == ["safe_log"] * 2
    assert {"log", "choose"} <= {v.op.name for v in topological_order(record(f, EYE[0], custom_rules=False))}
    assert "<title>Backward pass" in html(trace(root))
    with pytest.raises(ValueError, match="safe_log@jax"):
        html(trace(root), live=True)
    assert copy.deepcopy(root).data == root.data
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(root)
    with pytest.raises(NotImplementedError, match="no second derivative here"):
        hessian(lambda x: record(f, x))(np.array([2.0, -2.0]))


def test_a_rule_is_asked_again_at_other_numbers():
    root = record(MODELS["safe_logarithm"].function, np.array([2.0, -2.0]))
    row = next(v.op for v in topological_order(root) if "@jax" in v.op.name)
    assert row.evaluate([4.0]) == pytest.approx(np.log(4.0))
    assert row.local_derivatives([4.0], np.log(4.0)) == pytest.approx((0.25,))
    assert row.local_derivatives([-1.0], 0.0) == pytest.approx((0.25,))
    whole = record(MODELS["rule_of_whole_arrays"].function, np.arange(1.0, 4.0), np.ones(2))
    row = next(v.op for v in topological_order(whole) if "@jax" in v.op.name)
    assert row.evaluate([3.0, 0.0, 4.0, 1.0, 1.0]) == pytest.approx(0.6)
    assert row.local_derivatives([3.0, 0.0, 4.0, 1.0, 1.0], 0.6) == pytest.approx((2.0, 0.0, 0.0, 0.0, 0.0))


def test_a_function_of_the_users_own_is_not_taken_for_one_of_jaxs_of_the_same_name():
    @jax.custom_jvp
    def relu(x):
        return x * 5.0

    relu.defjvp(lambda primals, tangents: (relu(*primals), 7.0 * tangents[0]))
    root = record(lambda x: relu(x), 2.0)
    root.backward()
    assert (root.data, leaves(root)[0].grad) == (10.0, 7.0)
    assert trace(root).graph()[-1].op is root.op


def test_a_rule_may_take_a_condition_of_the_inputs():
    @jax.custom_vjp
    def kept(x, condition):
        return jnp.where(condition, x, 0.0)

    kept.defvjp(lambda x, c: (kept(x, c), c), lambda c, g: (jnp.where(c, 2 * g, 0.0), None))
    x = variables(jnp.array([1.0, -1.0]))
    record(lambda x: kept(x, x > 0).sum(), x).backward()
    assert [v.grad for v in x] == [2.0, 0.0]
    x = variables(jnp.array([1.0, -1.0]))
    record(lambda x: kept(jnp.ones(2), x > 0).sum() * x.sum(), x).backward()
    assert [v.grad for v in x] == [1.0, 1.0]


def test_a_custom_vmap_is_looked_into():
    doubled = jax.custom_batching.custom_vmap(lambda x: 2.0 * x)
    doubled.def_vmap(lambda size, batched, x: (doubled(x), batched[0]))
    assert record(lambda x: doubled(x).sum(), EYE[0] + 1).data == 6.0


def test_a_rule_that_clips_gradients_is_no_local_derivative_and_refused():
    @jax.custom_vjp
    def clipped(x):
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, g: (jnp.clip(g, -1.0, 1.0),))
    with pytest.raises(UnsupportedError, match="not linear in the gradient that comes in") as caught:
        record(lambda x: clipped(x).sum(), EYE[0])
    assert "record(lambda x: clipped(x).sum(), EYE[0])" in str(caught.value)
    assert record(lambda x: clipped(x).sum(), EYE[0], custom_rules=False).data == 1.0


# ── What is refused, before anything is run ──────────────────────────────────────────────────────


class Nothing(Observer):
    """Nobody may make a number."""

    def given(self, leaf):
        raise AssertionError("a variable was made")

    recorded = given


REFUSED = {
    "eigh": lambda x: jnp.linalg.eigh(jnp.outer(x, x))[0].sum(),
    "convert_element_type": lambda x: jnp.abs(jnp.fft.fft(x)).sum(),
    "igamma": lambda x: jax.scipy.special.gammainc(2.0, x).sum(),
    "lu": lambda x: jax.lax.linalg.lu(x[None])[0].sum(),
    "qr": lambda x: jax.lax.fori_loop(0, 2, lambda _, s: jnp.linalg.qr(jnp.outer(s, s))[1][0], x).sum(),
    "svd": lambda x: jax.lax.cond(x[0] > 0, lambda: jnp.linalg.svd(x[:, None])[1].sum(), lambda: 0.0),
    "scatter": lambda x: x.at[:1].apply(lambda y: y * 2).sum(),
    "random_gamma": lambda x: jax.random.gamma(jax.random.key(1), x + 1).sum(),
    "custom_linear_solve": lambda x: jax.scipy.sparse.linalg.cg(lambda v: v * (x + 2), jnp.ones(2))[0].sum(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unknown_primitive_is_refused_by_name_with_the_line_before_anything_is_run(name):
    with (
        pytest.raises(UnsupportedError, match=f"the JAX operation '{name}' cannot be recorded") as caught,
        observed_by(Nothing()),
    ):
        record(REFUSED[name], EYE[0])
    assert f'"{name}": lambda' in str(caught.value)


def test_too_many_numbers_are_refused_before_anything_is_run():
    def large(x):
        y = jnp.tile(x, 150_000)
        return jnp.sum(jnp.tanh(y))

    with (
        pytest.raises(
            TooLargeError, match=r"large computes about 3\d\d,\d+ numbers, and a graph of more than 200,000"
        ) as caught,
        observed_by(Nothing()),
    ):
        record(large, EYE[0])
    assert "come from 'tanh'" in str(caught.value)
    assert "return jnp.sum(jnp.tanh(y))" in str(caught.value)
    with pytest.raises(TooLargeError, match="dot_general"), observed_by(Nothing()):
        record(lambda x: (x @ x).sum(), np.ones((200, 200)))
    with pytest.raises(TooLargeError, match="inputs"), observed_by(Nothing()):
        record(jnp.sum, np.ones(300_000))
    with pytest.raises(TooLargeError, match="more than 10 "):
        record(lambda x: jax.lax.scan(lambda c, _: (jnp.sin(c), None), x, None, 12)[0], 1.0, limit=10)


def test_a_loop_without_end_is_stopped_by_the_limit():
    with pytest.raises(TooLargeError, match=r"most of them|come from|is too large"):
        record(lambda x: jax.lax.while_loop(lambda s: s < 9, lambda s: jnp.sin(s), x), 1.0, limit=100)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "record needs a function of arrays", lambda: record(3.0, 1.0)),
        (
            TypeError,
            r"config\.name is str 'relu'",
            lambda: record(lambda w, config: w, 1.0, {"a b": 1, "name": "relu"}),
        ),
        (TypeError, "objects that are no numbers", lambda: record(jnp.sum, np.array(["a", None], object))),
        (TypeError, "complex", lambda: record(jnp.sum, np.ones(2, complex))),
        (ValueError, "no input of <lambda> is a float", lambda: record(lambda x: x, np.arange(3))),
        (ValueError, "nothing that <lambda> gives depends on its inputs", lambda: record(lambda x: jnp.ones(2), 1.0)),
        (ValueError, "nothing that <lambda> gives", lambda: record(lambda x: jax.lax.stop_gradient(x) > 0, 1.0)),
    ],
)
def test_mistakes_are_answered(error, match, call):
    with pytest.raises(error, match=match):
        call()


def test_without_jax_the_install_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "autodiff.bridges.jax")
    with pytest.raises(ImportError, match="pip install jax"):
        importlib.import_module("autodiff.bridges.jax")


def test_windows_and_sums_of_nothing_are_what_jax_begins_with():
    f = lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (2,), ((2, 0),))
    assert [getattr(v, "data", v) for v in record(f, EYE[0])] == f(EYE[0]).tolist() == [-np.inf, 1.0]
    assert record(lambda x: jnp.sum(x[:0]) + jnp.prod(x[2:]) + jnp.cumsum(x[:0]).sum() + x[1], EYE[1]).data == 2.0


def test_float32_arrays_are_computed_in_float64():
    with jax.enable_x64(False) if hasattr(jax, "enable_x64") else jax.experimental.disable_x64():
        x = jnp.array([0.1, 0.7], jnp.float32)
        found = record(lambda x: jnp.sum(jnp.exp(x)), x)
        exact = np.exp(np.asarray(x, float)).sum()
        assert found.data == pytest.approx(exact, rel=1e-15)
        assert float(jnp.sum(jnp.exp(x))) == pytest.approx(exact, rel=1e-6)


def test_given_values_go_on_in_the_graph():
    w = Value(0.5, label="w")
    mixed = np.array([w * w, 2.0], object)
    y = record(lambda x: jnp.prod(x), mixed) * 3.0
    y.backward()
    assert w.grad == 6.0


def test_the_path_of_a_nan_is_one_that_its_gradient_can_flow_along():
    def penalty(x):
        root = jnp.sqrt(x)
        return jnp.where(x > 0, root, 0.0)

    y = record(penalty, 0.0)
    with pytest.raises(NonFiniteError) as caught:
        autodiff.check_finite(y)
    assert [node.op.name for node in caught.value.path] == ["variable", "sqrt", "choose"]
