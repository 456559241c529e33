"""What JAX computes and differentiates, a recorded graph computes and differentiates as well."""

import numpy as np
import pytest

pytest.importorskip("jax")

import jax

from autodiff import Value
from autodiff.bridges.jax import record
from tests.bridges.jax_models import MODELS

TOLERANCE = 1e-12
"""Relative to the largest number of its kind: sums are taken in another order."""


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        yield


def gradient(output, inputs):
    """The gradients of a recorded number by arrays of values."""
    output.backward()
    return jax.tree_util.tree_map(lambda v: v.grad, inputs)


def variables(tree):
    """The arrays of a structure as arrays of values."""

    def array(leaf):
        found = np.empty(np.shape(leaf), object)
        for place in np.ndindex(found.shape):
            found[place] = Value(np.asarray(leaf)[place])
        return found

    return jax.tree_util.tree_map(array, tree)


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
