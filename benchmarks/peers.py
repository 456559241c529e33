"""The peers' side of the workloads: the same functions, written as each engine's users would write them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import Job, Missing

Array = NDArray[np.float64]
INSTALL = {name: name for name in ("torch", "casadi", "autograd", "micrograd", "drjit", "taichi")}
INSTALL |= {"jax": "jax jaxlib", "warp": "warp-lang"}


def missing(engine: str, package: str) -> Missing | None:
    """The note that a package is not installed; None if it is."""
    return None if find_spec(package) else Missing(engine, f"not installed (pip install {INSTALL[package]})")


def silent_warp() -> Any:
    """Warp, which prints what it does unless it is told not to: that would stand among our figures."""
    import warp

    if hasattr(warp.config, "log_level"):
        warp.config.log_level = warp.LOG_WARNING
    else:  # older ones
        warp.config.quiet = True
    warp.init()
    return warp


# ── Expressions of a few numbers (W1, W2), 100,000 points one after the other ─────────────────────


def tiny(a: Any, b: Any) -> Any:
    """W1: (a + b − (ab + b³))² / 2."""
    c = a + b
    d = a * b + b**3
    e = c - d
    f = e**2
    return f / 2


def small(a: Any, b: Any, relu: Callable[[Any], Any]) -> Any:
    """W2: the expression of 39 nodes in micrograd's README."""
    c = a + b
    d = a * b + b**3
    c = c + (c + 1)
    c = c + (1 + c + (-a))
    d = d + (d * 2 + relu(b + a))
    d = d + (3 * d + relu(b - a))
    e = c - d
    f = e**2
    g = f / 2.0
    return g + 10.0 / f


Scalar = Callable[[Any, Any, Callable[[Any], Any]], Any]


def pointwise_micrograd(function: Scalar, a: Array, b: Array) -> Job:
    """The last point's value and gradient, after all points one by one."""
    from micrograd.engine import Value

    def job() -> tuple[Any, Any]:
        for x, y in zip(a.tolist(), b.tolist()):
            p, q = Value(x), Value(y)
            out = function(p, q, Value.relu)
            out.backward()
        return out.data, [p.grad, q.grad]

    return job


def pointwise_torch(function: Scalar, a: Array, b: Array) -> Job:
    """As for micrograd."""
    import torch

    def job() -> tuple[Any, Any]:
        for x, y in zip(a.tolist(), b.tolist()):
            p = torch.tensor(x, dtype=torch.float64, requires_grad=True)
            q = torch.tensor(y, dtype=torch.float64, requires_grad=True)
            out = function(p, q, torch.relu)
            out.backward()
        return out.item(), [p.grad.item(), q.grad.item()]

    return job


def pointwise_autograd(function: Scalar, a: Array, b: Array) -> Job:
    """As for micrograd."""
    from autograd import value_and_grad
    from autograd.numpy import maximum

    both = value_and_grad(lambda point: function(point[0], point[1], lambda x: maximum(0.0, x)))

    def job() -> tuple[Any, Any]:
        for x, y in zip(a.tolist(), b.tolist()):
            value, gradient = both((x, y))
        return value, gradient

    return job


def batched_jax(function: Scalar, a: Array, b: Array) -> Job:
    """All points in one call."""
    import jax

    both = jax.jit(jax.vmap(jax.value_and_grad(lambda p, q: function(p, q, jax.nn.relu), argnums=(0, 1))))
    return lambda: jax.block_until_ready(both(a, b))


def batched_drjit(function: Scalar, a: Array, b: Array) -> Job:
    """All points in one kernel, which Dr.Jit keeps; it needs a shared library of LLVM.

    Raises:
        ImportError: there is none.
    """
    import drjit
    from drjit.llvm.ad import Float64

    try:
        p, q = Float64(a), Float64(b)
        drjit.eval(p + q)
    except Exception as error:
        raise ImportError(f"Dr.Jit does not run here: {error}") from error

    def job() -> tuple[Any, Any]:
        x, y = Float64(p), Float64(q)
        drjit.enable_grad(x, y)
        out = function(x, y, lambda z: drjit.select(z > 0.0, z, 0.0))
        drjit.backward(out)
        value, gradient = drjit.detach(out), [drjit.grad(x), drjit.grad(y)]
        drjit.eval(value, *gradient)
        drjit.sync_thread()
        return value, gradient

    return job


def loop_by_hand(formulas: Callable[..., tuple[Any, Any, Any]], a: Array, b: Array) -> Job:
    """The limit: value and both derivatives written by hand, as one loop of machine code (numba).

    Raises:
        ImportError: numba is not installed.
    """
    import numba

    each = numba.njit(inline="always", error_model="numpy")(formulas)

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def loop(a: Array, b: Array) -> tuple[Array, Array, Array]:
        value, by_a, by_b = np.empty(len(a)), np.empty(len(a)), np.empty(len(a))
        for i in range(len(a)):
            value[i], by_a[i], by_b[i] = each(a[i], b[i])
        return value, by_a, by_b

    return lambda: (lambda value, *gradient: (value, gradient))(*loop(a, b))


def arrays_by_hand(formulas: Callable[..., tuple[Any, Any, Any]], a: Array, b: Array) -> Job:
    """The same formulas on whole arrays, with NumPy."""
    return lambda: (lambda value, *gradient: (value, gradient))(*formulas(a, b))


def tiny_by_hand(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Value and derivatives of W1."""
    e = a + b - (a * b + b * b * b)
    return e * e / 2.0, e * (1.0 - b), e * (1.0 - (a + 3.0 * (b * b)))


def small_by_hand(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Value and derivatives of W2."""
    plus, minus = b + a, b - a
    c = 4.0 * plus + 3.0 - a
    d = a * b + b * b * b
    e = c - (4.0 * (3.0 * d + plus * (plus > 0.0)) + minus * (minus > 0.0))
    f = e * e
    by_e = (0.5 - 10.0 / (f * f)) * 2.0 * e
    by_a = 3.0 - 4.0 * (3.0 * b + 1.0 * (plus > 0.0)) + 1.0 * (minus > 0.0)
    by_b = 4.0 - 4.0 * (3.0 * (a + 3.0 * (b * b)) + 1.0 * (plus > 0.0)) - 1.0 * (minus > 0.0)
    return f / 2.0 + 10.0 / f, by_e * by_a, by_e * by_b


def batched_casadi(function: Scalar, a: Array, b: Array) -> Job:
    """All points in one call of a mapped function."""
    import casadi

    p, q = casadi.SX.sym("a"), casadi.SX.sym("b")
    out = function(p, q, lambda x: casadi.fmax(0, x))
    both = casadi.Function("both", [p, q], [out, casadi.gradient(out, casadi.vertcat(p, q))]).map(len(a))

    def job() -> tuple[Any, Any]:
        value, gradient = both(a, b)
        return np.asarray(value).ravel(), np.asarray(gradient).T

    return job


# ── Perceptrons with hinge loss (W3, W4, W5): flat parameters in the order of nn.MLP ──────────────


def matrices(theta: Any, sizes: Sequence[int]) -> list[tuple[Any, Any]]:
    """Weights (outputs, inputs) and biases (outputs,) of each layer, cut out of the flat vector."""
    layers, at = [], 0
    for before, after in itertools.pairwise(sizes):
        rows = theta[at : at + after * (before + 1)].reshape(after, before + 1)  # a neuron's weights, then its bias
        layers.append((rows[:, :-1], rows[:, -1]))
        at += after * (before + 1)
    return layers


def hinge_with(library: Any, relu: Callable[[Any], Any], sizes: Sequence[int], penalty: float) -> Callable[..., Any]:
    """The mean hinge loss of a perceptron plus a penalty, with the functions of that library."""

    def loss(theta: Any, inputs: Any, labels: Any) -> Any:
        x = inputs
        layers = matrices(theta, sizes)
        for weights, bias in layers[:-1]:
            x = relu(x @ weights.T + bias)
        weights, bias = layers[-1]
        scores = (x @ weights.T + bias)[:, 0]
        return relu(1.0 - labels * scores).mean() + penalty * (theta * theta).sum()

    return loss


def hinge_torch(sizes: Sequence[int], theta: Array, inputs: Array, labels: Array, penalty: float) -> Job:
    """PyTorch, eager, a weight matrix and a bias for each layer."""
    import torch

    x, y = torch.from_numpy(inputs), torch.from_numpy(labels)
    layers = [[torch.tensor(part, requires_grad=True) for part in layer] for layer in matrices(theta, sizes)]
    parameters = [part for layer in layers for part in layer]

    def job() -> tuple[Any, Any]:
        for part in parameters:
            part.grad = None
        activations = x
        for weights, bias in layers[:-1]:
            activations = torch.relu(torch.nn.functional.linear(activations, weights, bias))
        scores = torch.nn.functional.linear(activations, *layers[-1])[:, 0]
        value = torch.relu(1.0 - y * scores).mean()
        if penalty:
            value = value + penalty * sum((part * part).sum() for part in parameters)
        value.backward()
        return value.item(), [part.grad for part in parameters]

    return job


def flat_torch(gradients: Sequence[Any]) -> Array:
    """Gradients of weights and biases, layer by layer, in the order of nn.MLP."""
    pairs = zip(gradients[::2], gradients[1::2])
    return np.concatenate([np.column_stack([weights, bias]).ravel() for weights, bias in pairs])


def hinge_jax(sizes: Sequence[int], theta: Array, inputs: Array, labels: Array, penalty: float) -> Job:
    """JAX, compiled, arrays that stay on its side."""
    import jax

    both = jax.jit(jax.value_and_grad(hinge_with(jax.numpy, jax.nn.relu, sizes, penalty)))
    x, y, parameters = (jax.numpy.asarray(array) for array in (inputs, labels, theta))

    def job() -> tuple[Any, Any]:
        return jax.block_until_ready(both(parameters, x, y))

    return job


def hinge_autograd(sizes: Sequence[int], theta: Array, inputs: Array, labels: Array, penalty: float) -> Job:
    """Autograd over NumPy."""
    from autograd import numpy, value_and_grad

    both = value_and_grad(hinge_with(numpy, lambda x: numpy.maximum(0.0, x), sizes, penalty))
    return lambda: both(theta, inputs, labels)


def hinge_casadi(sizes: Sequence[int], theta: Array, inputs: Array, labels: Array, penalty: float) -> Job:
    """CasADi: the error of one observation in scalars (SX), mapped over all, and its gradient summed."""
    import casadi

    p, x, y = casadi.SX.sym("p", len(theta)), casadi.SX.sym("x", sizes[0]), casadi.SX.sym("y")
    activations, at = x, 0
    for before, after in itertools.pairwise(sizes):
        rows = casadi.reshape(p[at : at + after * (before + 1)], before + 1, after).T
        activations = casadi.mtimes(rows[:, :-1], activations) + rows[:, -1]
        activations = casadi.fmax(0, activations) if at + after * (before + 1) < len(theta) else activations
        at += after * (before + 1)
    error = casadi.fmax(0, 1 - y * activations)
    one = casadi.Function("one", [p, x, y], [error, casadi.gradient(error, p)])
    every = one.map(len(inputs))
    columns, rows_of_labels = np.ascontiguousarray(inputs.T), labels.reshape(1, -1)

    def job() -> tuple[Any, Any]:
        errors, gradients = every(casadi.repmat(casadi.DM(theta), 1, len(inputs)), columns, rows_of_labels)
        gradient = np.asarray(casadi.sum2(gradients)).ravel() / len(inputs) + 2 * penalty * theta
        return float(casadi.sum2(errors)) / len(inputs) + penalty * theta @ theta, gradient

    return job


def hinge_by_hand(sizes: Sequence[int], theta: Array, inputs: Array, labels: Array, penalty: float) -> Job:
    """NumPy with the backward pass written by hand."""
    layers = matrices(theta, sizes)

    def job() -> tuple[Any, Any]:
        activations = [inputs]
        for weights, bias in layers[:-1]:
            activations.append(np.maximum(0.0, activations[-1] @ weights.T + bias))
        weights, bias = layers[-1]
        margins = 1.0 - labels * (activations[-1] @ weights.T + bias)[:, 0]
        value = np.maximum(0.0, margins).mean() + penalty * (theta @ theta)
        upstream = (np.where(margins > 0, -labels, 0.0) / len(labels))[:, None]
        gradients = []
        for (weights, _), x in zip(reversed(layers), reversed(activations)):
            gradients.append(np.concatenate([upstream.T @ x, upstream.sum(0)[:, None]], axis=1).ravel())
            if x is not inputs:
                upstream = (upstream @ weights) * (x > 0)
        return value, np.concatenate(gradients[::-1]) + 2 * penalty * theta

    return job
