"""Indices out of bounds: value and gradient are JAX's in every mode, or the primitive is refused with the line."""

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
from jax import lax

from autodiff import leaves
from autodiff.bridges.jax import UnsupportedError, record
from tests.bridges.jax_agreement import TOLERANCE, in_float64, variables

float64 = pytest.fixture(autouse=True)(in_float64)

X = np.array([0.5, -1.0, 2.0, 3.0, -0.25])
INDICES = {
    "inside": [3, 0, 2],
    "beyond the end": [5, 1, 3],
    "before the beginning": [-6, 1, 3],
    "counted from the end": [-1, -5, 2],
    "far out": [100, -100, 2],
    "repeated": [1, 1, 3],
}
PROMISED = "promise_in_bounds"


def read(function):
    return {mode: lambda x, i, mode=mode: function(x, i, mode) for mode in (None, "clip", "fill", PROMISED)}


def written(function):
    return {mode: lambda x, i, mode=mode: function(x, i, mode) for mode in (None, "clip", "drop", PROMISED)}


READ = {
    "x[i]": {None: lambda x, i: x[i]},
    "x[i[0]]": {None: lambda x, i: x[i[0]] * x},
    "take": {
        mode: lambda x, i, mode=mode: jnp.take(x, i, mode=mode, fill_value=7.0 if mode == "fill" else None)
        for mode in (None, "clip", "fill", "wrap")
    },
    "get": read(lambda x, i, mode: x.at[i].get(mode=mode)),
    "get of rows": read(lambda x, i, mode: jnp.outer(x, x[:2]).at[i].get(mode=mode)),
    "get of pairs": read(lambda x, i, mode: jnp.outer(x, x).at[i, i[::-1]].get(mode=mode)),
    "get of conditions": read(lambda x, i, mode: jnp.where((x > 0).at[i].get(mode=mode), x[:3], 2 * x[2:])),
    "take_along_axis": read(lambda x, i, mode: jnp.take_along_axis(jnp.outer(x[:2], x), i[None], 1, mode=mode)),
    "vmap": read(lambda x, i, mode: jax.vmap(lambda at: x.at[at].get(mode=mode) * x[0])(i)),
    "dynamic_slice": {None: lambda x, i: lax.dynamic_slice(x, (i[0],), (2,)) * x[:2]},
    "dynamic_slice of a matrix": {None: lambda x, i: lax.dynamic_slice(jnp.outer(x, x), (i[0], i[1]), (2, 3))},
    "dynamic_slice of each": {None: lambda x, i: jax.vmap(lambda at: lax.dynamic_slice(x, (at,), (2,)))(i)},
    "dynamic_index_in_dim": {None: lambda x, i: lax.dynamic_index_in_dim(x, i[0]) * x},
    "dynamic_update_slice": {None: lambda x, i: lax.dynamic_update_slice(x, x[:2] ** 2, (i[0],))},
}
WRITTEN = {
    "set": written(lambda x, i, mode: x.at[i].set(x[:3] ** 2, mode=mode)),
    "set of one": written(lambda x, i, mode: x.at[i[0]].set(x[1] ** 2, mode=mode)),
    "set of constants": written(lambda x, i, mode: x.at[i].set(5.0, mode=mode)),
    "set among constants": written(lambda x, i, mode: jnp.ones(5).at[i].set(x[:3] ** 2, mode=mode)),
    "set of rows": written(lambda x, i, mode: jnp.outer(x, x[:2]).at[i].set(x[:2], mode=mode)),
    "set of conditions": written(lambda x, i, mode: jnp.where((x > 0).at[i].set(x[:3] > 1, mode=mode), x, x**2)),
    "add": written(lambda x, i, mode: x.at[i].add(x[:3] ** 2, mode=mode)),
    "add of rows": written(lambda x, i, mode: jnp.outer(x, x[:2]).at[i].add(x[:2], mode=mode)),
    "multiply": written(lambda x, i, mode: x.at[i].multiply(x[:3], mode=mode, unique_indices=True)),
    "max": written(lambda x, i, mode: x.at[i].max(x[:3] * 2 + 0.1, mode=mode)),
    "min": written(lambda x, i, mode: x.at[i].min(x[:3] * 2 + 0.1, mode=mode)),
    "segment_sum": written(lambda x, i, mode: jax.ops.segment_sum(x[:3] ** 2, i, 5, mode=mode)),
    "segment_max": written(lambda x, i, mode: jnp.maximum(jax.ops.segment_max(x[:3], i, 5, mode=mode), -9.0)),
}
OTHER_KINDS = ("x[i]", "take", "set", "add")
"""Tried with other kinds of indices, too; negative ones become large ones among those without a sign."""
CASES = [
    (name, mode, kind, function)
    for table in (READ, WRITTEN)
    for name, modes in table.items()
    for mode, function in modes.items()
    for kind in (("int32", "int64", "uint8") if name in OTHER_KINDS else ("int32",))
]


def loss(function):
    def found(x, i):
        y = function(x, i).ravel()
        return y @ jnp.arange(1.0, 1 + y.size) + (y**2).sum() + x.sum()

    return found


def is_refused(name, mode, i):
    """Where JAX's gradient is not that of its value."""
    first = 0 if name.startswith("segment") else -5  # segments are not counted from the end
    written = [*i[:1]] if name == "set of one" else [*i]
    inside = [at % 5 for at in written if first <= at < 5]
    outside = [min(max(at, 0), 4) for at in written if not first <= at < 5]
    if name == "multiply":
        places = inside + (outside if mode == "clip" else [])
        return len(places) > len({*places}) or bool(outside and mode == PROMISED)
    return bool(outside) and (mode == PROMISED or (mode == "clip" and name in ("max", "min", "segment_max")))


@pytest.mark.parametrize(
    ("name", "mode", "kind", "function"), CASES, ids=[", ".join(map(str, case[:3])) for case in CASES]
)
def test_value_and_gradient_are_jaxs_wherever_an_index_points(name, mode, kind, function):
    f = loss(function)
    lowered = jax.jit(jax.value_and_grad(f)).lower(X, np.array([0, 0, 0]).astype(kind))
    reference = lowered.compile(compiler_options={"xla_backend_optimization_level": 0})
    for numbers in INDICES.values():
        i = np.array(numbers).astype(kind)
        x = variables(X)
        if name in WRITTEN and is_refused(name, mode, i):
            with pytest.raises(UnsupportedError, match="the JAX operation 'scatter") as caught:
                record(f, x, i, argnums=0)
            assert "test_jax_indices.py" in str(caught.value)
            continue
        value, gradient = reference(X, i)
        root = record(f, x, i, argnums=0)
        root.backward()
        np.testing.assert_allclose(root.data, value, rtol=TOLERANCE, err_msg=str(i))
        np.testing.assert_allclose([v.grad for v in x], gradient, rtol=TOLERANCE, atol=TOLERANCE, err_msg=str(i))


def test_what_a_broken_promise_reads_follows_its_number_without_a_gradient():
    root = record(lambda x: x[jnp.array([7])][0] * x[0], np.array([2.0, 3.0]))
    root.backward()
    assert root.data == 6.0
    assert {leaf.label: leaf.grad for leaf in leaves(root)} == {"x[0]": 3.0, "x[1]": 0.0}


def test_a_write_that_jax_has_no_gradient_of_is_told_with_what_to_do():
    with pytest.raises(
        UnsupportedError, match="mode='promise_in_bounds' has no gradient in JAX then: take mode='drop'"
    ):
        record(lambda x: x.at[jnp.array([7])].add(x[:1], mode=PROMISED).sum(), X)
    with pytest.raises(UnsupportedError, match="indices repeat, and unique_indices=True says that they do not"):
        record(lambda x: x.at[jnp.array([1, 1])].multiply(x[:2], unique_indices=True).sum(), X)
