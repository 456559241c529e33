"""What the tests of the JAX bridge compare with: JAX in float64, and arrays of values."""

import jax
import numpy as np

from autodiff import Value

TOLERANCE = 1e-12
"""Relative to the largest number of its kind: sums are taken in another order."""


def in_float64():
    """The body of a fixture: within a test, JAX's floats have 64 bits."""
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        yield


def variables(tree):
    """The arrays of a structure as arrays of values."""

    def array(leaf):
        found = np.empty(np.shape(leaf), object)
        for place in np.ndindex(found.shape):
            found[place] = Value(np.asarray(leaf)[place])
        return found

    return jax.tree_util.tree_map(array, tree)
