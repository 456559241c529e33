"""Small models and functions of JAX, as people write them: each a loss of a structure of arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Model(NamedTuple):
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    forward: bool = False
    """Whether JAX differentiates it in forward mode alone."""


MODELS: dict[str, Model] = {}
RNG = np.random.default_rng(0)
KEY = np.array([0, 7], np.uint32)


def normal(*shape, scale=1.0):
    return scale * RNG.normal(size=shape)


def model(*inputs, forward=False):
    """Enter a function into the table."""

    def entered(function):
        MODELS[function.__name__] = Model(function, inputs, forward)
        return function

    return entered


# ── Networks ─────────────────────────────────────────────────────────────────────────────────────

X, Y = normal(5, 3), RNG.integers(0, 3, 5)


@model({"w": normal(3), "b": normal()}, X, normal(5))
def linear_regression(params, x, y):
    return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)


@model({"layers": [{"w": normal(n, m), "b": normal(m)} for n, m in ((3, 4), (4, 4), (4, 3))]})
def multilayer_perceptron(params):
    h = X
    for layer in params["layers"][:-1]:
        h = jnp.tanh(h @ layer["w"] + layer["b"])
    logits = h @ params["layers"][-1]["w"] + params["layers"][-1]["b"]
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(5), Y])


@model({"kernel": normal(3, 3, 1, 2), "dense": normal(8, 3)}, normal(2, 6, 6, 1))
def convolutional_network(params, images):
    h = lax.conv_general_dilated(images, params["kernel"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    h = jax.nn.relu(h)
    h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    logits = h.reshape(2, -1) @ params["dense"]
    return jax.nn.logsumexp(logits, axis=1).sum() - logits[:, 0].sum()


@model(normal(2, 4, 7, 5), normal(6, 2, 3, 2))
def strided_dilated_grouped_convolution(x, kernel):
    y = lax.conv_general_dilated(x, kernel, (2, 1), ((1, 2), (0, 1)), rhs_dilation=(2, 1), feature_group_count=2)
    return jnp.sum(jnp.sin(y))


@model(normal(1, 4, 3, 2), normal(3, 3, 2, 2))
def transposed_convolution(x, kernel):
    return jnp.sum(lax.conv_transpose(x, kernel, (2, 2), "SAME") ** 2)


@model(normal(2, 9), normal(3))
def convolution_of_signals(x, kernel):
    each = jax.vmap(lambda row: jnp.convolve(row, kernel, mode="same"))(x)
    return jnp.sum(jnp.tanh(each))


@model(normal(1, 6, 6, 2))
def average_and_least_pooling(x):
    mean = lax.reduce_window(x, 0.0, lax.add, (1, 2, 3, 1), (1, 2, 2, 1), "SAME") / 6
    least = lax.reduce_window(x, jnp.inf, lax.min, (1, 2, 2, 1), (1, 1, 1, 1), "VALID")
    return jnp.sum(mean**2) + jnp.sum(least**3)


@model({"u": normal(3, 3, scale=0.5), "w": normal(2, 3), "b": normal(3), "v": normal(3)}, normal(6, 2))
def elman_network(params, xs):
    def step(h, x):
        h = jnp.tanh(h @ params["u"] + x @ params["w"] + params["b"])
        return h, h @ params["v"]

    _, outputs = lax.scan(step, jnp.zeros(3), xs)
    return jnp.mean((outputs - 1.0) ** 2)


@model({name: normal(5, 3, scale=0.7) for name in "zrh"}, normal(4, 2))
def gated_recurrent_unit(params, xs):
    def step(h, x):
        joined = jnp.concatenate([x, h])
        z, r = jax.nn.sigmoid(joined @ params["z"]), jax.nn.sigmoid(joined @ params["r"])
        proposed = jnp.tanh(jnp.concatenate([x, r * h]) @ params["h"])
        h = (1 - z) * h + z * proposed
        return h, None

    h, _ = lax.scan(step, jnp.zeros(3), xs, reverse=True)
    return jnp.sum(h**2)


class Carry(NamedTuple):
    h: Any
    c: Any


@model(normal(5, 12, scale=0.6), normal(4, 2))
def long_short_term_memory(w, xs):
    def step(carry, x):
        i, f, g, o = jnp.split(jnp.concatenate([x, carry.h]) @ w, 4)
        c = jax.nn.sigmoid(f + 1.0) * carry.c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return Carry(jax.nn.sigmoid(o) * jnp.tanh(c), c), c.sum()

    carry, sums = lax.scan(step, Carry(jnp.zeros(3), jnp.zeros(3)), xs)
    return carry.h.sum() + jnp.prod(sums)


@model({name: normal(4, 4, scale=0.5) for name in "qkvo"}, normal(5, 4))
def causal_attention(params, x):
    q, k, v = (jnp.einsum("td,dhe->hte", x, params[name].reshape(4, 2, 2)) for name in "qkv")
    scores = jnp.einsum("hte,hse->hts", q, k) / jnp.sqrt(2.0)
    scores = jnp.where(jnp.tril(jnp.ones((5, 5), bool)), scores, -jnp.inf)
    mixed = jnp.einsum("hts,hse->the", jax.nn.softmax(scores), v).reshape(5, 4)
    return jnp.sum(jnp.sin(mixed @ params["o"]))


def layer_norm(x, scale, shift):
    mean = jnp.mean(x, -1, keepdims=True)
    variance = jnp.var(x, -1, keepdims=True)
    return scale * (x - mean) * lax.rsqrt(variance + 1e-5) + shift


@model({"norm": {"scale": normal(4), "shift": normal(4)}, "up": normal(4, 6), "down": normal(6, 4)}, normal(3, 4))
def block_of_a_transformer(params, x):
    h = layer_norm(x, **params["norm"])
    x = x + jax.nn.gelu(h @ params["up"]) @ params["down"]
    return jnp.sum(jnp.abs(x))


@model(normal(6, 3), normal(3), normal(3))
def batch_norm(x, scale, shift):
    normed = (x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-3)
    return jnp.sum(jax.nn.relu(scale * normed + shift) ** 2)


@model(normal(7, 3), normal(3))
def embedding(table, w):
    tokens = jnp.array([[1, 4, 1], [6, 0, 4]])
    return jnp.sum(jax.nn.softplus(table[tokens] @ w))


@model(normal(4, 3), {"message": normal(3, 3), "update": normal(3, 3)})
def graph_network(nodes, params):
    senders, receivers = jnp.array([0, 1, 2, 2, 3]), jnp.array([1, 2, 0, 3, 3])
    messages = jnp.tanh(nodes @ params["message"])[senders]
    gathered = jax.ops.segment_sum(messages, receivers, 4)
    return jnp.sum((nodes @ params["update"] + gathered) ** 2)


@model({"w": normal(3, 4), "v": normal(4)})
def dropout_with_a_fixed_key(params):
    key = jax.random.wrap_key_data(KEY)
    h = jnp.tanh(X @ params["w"])
    kept = jax.random.bernoulli(key, 0.6, h.shape)
    return jnp.sum(jnp.where(kept, h / 0.6, 0.0) @ params["v"])


@model({"encoder": normal(3, 4, scale=0.4), "decoder": normal(2, 3)})
def variational_autoencoder(params):
    mean, log_variance = jnp.split(X @ params["encoder"], 2, axis=1)
    noise = jax.random.normal(jax.random.wrap_key_data(KEY), mean.shape)
    decoded = (mean + jnp.exp(log_variance / 2) * noise) @ params["decoder"]
    divergence = -0.5 * jnp.sum(1 + log_variance - mean**2 - jnp.exp(log_variance))
    return jnp.sum(optimal_cross_entropy(decoded, X > 0)) + divergence


def optimal_cross_entropy(logits, labels):
    return jnp.maximum(logits, 0) - logits * labels + jnp.log1p(jnp.exp(-jnp.abs(logits)))


@model(normal(4, 6, scale=0.5), normal(4))
def highway_by_switch(w, x):
    branches = [jnp.tanh, lambda h: h * jax.nn.sigmoid(h), lambda h: jnp.sin(h) + h]
    for layer in range(3):
        h = x @ w[:, 2 * layer : 2 * layer + 2]
        h = lax.switch(layer, branches, h)
        x = jnp.concatenate([x[2:], h])
    return x.sum()


@model({"w": [normal(3, 3, scale=0.6) for _ in range(3)]}, normal(3))
def checkpointed_network(params, x):
    layer = jax.checkpoint(lambda w, h: jnp.sin(w @ h))
    for w in params["w"]:
        x = layer(w, x)
    return x.sum()


@model(normal(4), normal(3, 4))
def spectral_norm(v, w):
    v = lax.stop_gradient(v)
    for _ in range(2):
        u = w @ v / jnp.linalg.norm(w @ v)
        v = w.T @ u / jnp.linalg.norm(w.T @ u)
    return u @ w @ v


# ── Losses ───────────────────────────────────────────────────────────────────────────────────────


@model(normal(4, 3))
def masked_cross_entropy(logits):
    labels, mask = jnp.array([0, 2, 1, 2]), jnp.array([True, True, False, True])
    each = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)[:, 0]
    return jnp.sum(jnp.where(mask, each, 0.0)) / mask.sum()


@model(normal(6), normal(6))
def hinge_and_huber(x, y):
    error = x - y
    huber = jnp.where(jnp.abs(error) < 1, 0.5 * error**2, jnp.abs(error) - 0.5)
    return jnp.maximum(0.0, 1 - x * y).sum() + huber.sum() + jnp.clip(error, -0.5, 0.5).sum()


@model({"weight": normal(3), "mean": normal(3), "scale": normal(3)}, normal(5))
def mixture_density(params, x):
    logits = jax.nn.log_softmax(params["weight"])
    parts = jax.scipy.stats.norm.logpdf(x[:, None], params["mean"], jnp.exp(params["scale"]))
    return -jnp.mean(jax.nn.logsumexp(logits + parts, axis=1))


@model(normal(3, 3), normal(3), normal(4, 3))
def hidden_markov_model(transition, start, observed):
    log_a = jax.nn.log_softmax(transition, axis=1)

    def step(alpha, evidence):
        alpha = jax.nn.logsumexp(alpha[:, None] + log_a, axis=0) + evidence
        return alpha, None

    alpha, _ = lax.scan(step, jax.nn.log_softmax(start), observed)
    return -jax.nn.logsumexp(alpha)


@model(normal(6), normal(6))
def triplet_and_contrastive(a, b):
    similarity = a[:, None] * b[None, :]
    hardest = jnp.max(jnp.where(jnp.eye(6, dtype=bool), -jnp.inf, similarity), axis=1)
    return jnp.sum(jax.nn.relu(hardest - jnp.diagonal(similarity) + 0.2))


@model(normal(8))
def ordered_statistics(x):
    return jnp.median(x) + jnp.quantile(x, 0.3) * 2 + jnp.sort(x)[::-1][:3] @ jnp.arange(3.0) + x[jnp.argsort(x)[2]]


@model(normal(3, 5))
def largest_of_all(x):
    best, _ = lax.top_k(x, 2)
    return jnp.sum(best**2) + x[jnp.arange(3), jnp.argmax(x, axis=1)].sum() + jnp.min(x) * jnp.max(x, axis=0).prod()


@model(normal(4, 3), normal(4, 3))
def kernel_distance(a, b):
    squares = jnp.sum((a[:, None] - b[None]) ** 2, -1)
    return jnp.exp(-squares / 2).mean() + jnp.linalg.norm(a - b, axis=1).sum()


# ── Flows, dynamics, iterations ──────────────────────────────────────────────────────────────────


@model({"u": normal(3), "w": normal(3), "b": normal()}, normal(4, 3))
def planar_flow(params, z):
    inner = jnp.tanh(z @ params["w"] + params["b"])
    moved = z + params["u"] * inner[:, None]
    slope = 1 + (params["u"] @ params["w"]) * (1 - inner**2)
    return 0.5 * jnp.sum(moved**2) - jnp.sum(jnp.log(jnp.abs(slope)))


@model({"scale": normal(2, 2), "shift": normal(2, 2)}, normal(3, 4))
def coupling_flow(params, x):
    a, b = jnp.split(x, 2, axis=1)
    log_scale = jnp.tanh(a @ params["scale"])
    b = b * jnp.exp(log_scale) + a @ params["shift"]
    z = jnp.flip(jnp.concatenate([a, b], axis=1), axis=1)
    return 0.5 * jnp.sum(z**2) - log_scale.sum()


@model(normal(2, 2), normal(2))
def ordinary_differential_equation(a, x):
    def rate(x):
        return jnp.tanh(a @ x)

    def step(_, x):
        k1 = rate(x)
        k2 = rate(x + 0.05 * k1)
        k3 = rate(x + 0.05 * k2)
        k4 = rate(x + 0.1 * k3)
        return x + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return jnp.sum(lax.fori_loop(0, 5, step, x) ** 2)


@model(2.0, 1.3, forward=True)
def newton_until_it_stands_still(a, start):
    def step(state):
        x, _ = state
        new = x - (x**3 - a) / (3 * x**2)
        return new, jnp.abs(new - x)

    x, _ = lax.while_loop(lambda state: state[1] > 1e-3, step, (start, jnp.inf))
    return x


@model(normal(4))
def hamiltonian_with_a_gradient_inside(state):
    def energy(q, p):
        return 0.5 * p @ p + jnp.sum(jnp.cos(q)) + q[0] * q[1]

    q, p = state[:2], state[2:]
    for _ in range(3):
        p = p - 0.1 * jax.grad(energy, 0)(q, p)
        q = q + 0.1 * jax.grad(energy, 1)(q, p)
    return energy(q, p)


@model(normal(3, 2, scale=0.5), normal(5, 2), normal(5))
def each_observation_by_vmap(w, xs, ys):
    def loss(x, y):
        h = jax.nn.elu(w @ x)
        return jnp.where(y > 0, jnp.sum(h), jnp.prod(h))

    return jax.vmap(loss)(xs, ys).mean()


@model(2.5, normal(3))
def branch_by_cond(x, ys):
    return lax.cond(ys.sum() > -100, lambda: x * jnp.sum(ys**2), lambda: -x) + jnp.where(x > 2, x, x**2)


# ── Linear algebra ───────────────────────────────────────────────────────────────────────────────


@model(normal(4), normal(2), normal(4))
def gaussian_process(x, log_params, y):
    length, noise = jnp.exp(log_params)
    kernel = jnp.exp(-0.5 * (x[:, None] - x[None]) ** 2 / length**2) + (noise + 0.1) * jnp.eye(4)
    factor = jnp.linalg.cholesky(kernel)
    alpha = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    return 0.5 * alpha @ alpha + jnp.sum(jnp.log(jnp.diagonal(factor)))


@model(normal(3, 3), normal(3, 2))
def linear_system_and_determinant(a, b):
    return jnp.sum(jnp.linalg.solve(a, b) ** 2) + jnp.linalg.slogdet(a)[1] + jnp.linalg.det(a) + jnp.linalg.inv(a).sum()


@model(normal(2, 3, 4), normal(4, 3, 2), normal(2, 5))
def tensor_contraction(a, b, c):
    return jnp.einsum("ijk,kjl,lm->im", a, b, c).sum() + jnp.tensordot(a, b, ((1, 2), (1, 0))).prod()


# ── Functions with a derivative of their own ─────────────────────────────────────────────────────


@jax.custom_jvp
def safe_log(x):
    return jnp.log(jnp.where(x > 0, x, 1.0))


@safe_log.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return safe_log(x), jnp.where(x > 0, t / jnp.where(x > 0, x, 1.0), 0.25 * t)


@model(normal(5))
def safe_logarithm(x):
    return jnp.sum(safe_log(x) * x)


@jax.custom_vjp
def straight_through(x):
    return jnp.round(x)


straight_through.defvjp(lambda x: (jnp.round(x), None), lambda _, g: (g,))


@model(normal(4, scale=3), normal(4))
def quantised(x, w):
    return jnp.sum(straight_through(x) * w) ** 2


@jax.custom_vjp
def normed(x, y):
    return x / jnp.linalg.norm(x), y.sum() * x[0]


def _normed_forward(x, y):
    return normed(x, y), (x, y)


def _normed_backward(kept, upstream):
    x, y = kept
    g, s = upstream
    return 2.0 * g + jnp.flip(x) * s, jnp.full_like(y, s * x[0])


normed.defvjp(_normed_forward, _normed_backward)


@model(normal(3), normal(2))
def rule_of_whole_arrays(x, y):
    direction, number = normed(x, y)
    return direction @ jnp.arange(1.0, 4.0) + number**2


# ── Activations and functions, each number by itself ─────────────────────────────────────────────

ACTIVATIONS = (
    jax.nn.relu, jax.nn.relu6, jax.nn.leaky_relu, jax.nn.elu, jax.nn.selu, jax.nn.celu, jax.nn.gelu, jax.nn.silu,
    jax.nn.softplus, jax.nn.sigmoid, jax.nn.log_sigmoid, jax.nn.soft_sign, jax.nn.hard_tanh, jax.nn.hard_swish,
    jax.nn.mish, jax.nn.squareplus, jax.nn.swish, partial(jax.nn.gelu, approximate=False),
)  # fmt: skip


@model(normal(6))
def activations(x):
    return sum(jnp.sum(function(x) * (at + 1)) for at, function in enumerate(ACTIVATIONS))


ELEMENTWISE = (
    jnp.abs, jnp.arctan, jnp.arcsinh, jnp.cbrt, jnp.cos, jnp.cosh, jnp.exp, jnp.exp2, jnp.expm1, jnp.sin, jnp.sinh,
    jnp.tan, jnp.tanh, jnp.sinc, jnp.square, jnp.floor, jnp.ceil, jnp.round, jnp.sign, jnp.rad2deg, lax.erf, lax.erfc,
    lax.logistic, lambda x: jnp.arcsin(x / 9), lambda x: jnp.arccos(x / 9), lambda x: jnp.arctanh(x / 9),
    lambda x: lax.erf_inv(x / 9), lambda x: jnp.arccosh(x**2 + 1.5), lambda x: jnp.log(x**2), lambda x: x**-3,
    lambda x: jnp.log1p(x**2), lambda x: jnp.log2(x**2 + 1), lambda x: jnp.log10(x**2 + 1), lambda x: jnp.sqrt(x**2),
    lambda x: lax.rsqrt(x**2 + 1), lambda x: jnp.abs(x) ** 1.7, lambda x: 2.0**x, lambda x: 1 / x, lambda x: x % 0.7,
    lambda x: jnp.fmod(x, 0.7), lambda x: x // 0.7, lambda x: jnp.arctan2(x, 2.0), lambda x: jnp.hypot(x, 1.5),
    lambda x: jnp.logaddexp(x, 0.3), lambda x: lax.clamp(-0.5, x, 0.5), lambda x: lax.lgamma(x**2 + 0.5),
    lambda x: lax.digamma(x**2 + 0.5), lambda x: jax.scipy.special.xlogy(x, x**2), lambda x: jnp.nan_to_num(x),
    lambda x: jnp.where(jnp.isnan(x) | (x > 0) & ~(x > 1), x, -x), lambda x: x * (x > 0.1).astype(float),
    lambda x: jnp.where(jnp.isfinite(x), x, 0.0), lambda x: lax.reduce_precision(x, 11, 52), jnp.positive,
)  # fmt: skip


@model(normal(5))
def element_by_element(x):
    return sum(jnp.sum(function(x)) / (at + 1) for at, function in enumerate(ELEMENTWISE))


@model(normal(3, 4))
def what_only_moves(x):
    moved = jnp.roll(jnp.pad(x, ((1, 0), (0, 2)), constant_values=0.5), 1, 0)
    set_ = moved.at[0, 1:3].set(x[1, :2]).at[1].add(x[0, 0]).at[:, 2].multiply(3.0).at[2, 2].max(0.0).at[3, 0].min(0.1)
    cut = lax.dynamic_slice(set_, (1, x.argmax() % 2), (2, 3))
    put = lax.dynamic_update_slice(set_, cut * 2, (0, 2))
    taken = jnp.take(x, jnp.array([0, 3, 9]), axis=1, mode="fill", fill_value=0.25)
    return jnp.sum(put**2) + jnp.sum(jnp.tile(x.T, (2, 1)).reshape(2, -1)[:, ::3] ** 3) + jnp.sum(taken**2)


@model(normal(3, 4, scale=0.5))
def cumulative(x):
    return (
        jnp.sum(jnp.cumsum(x, 0) ** 2)
        + jnp.sum(jnp.cumprod(x, 1))
        + jnp.sum(lax.cummax(x, 1) * x)
        + jnp.sum(lax.cummin(x, 0, reverse=True) ** 3)
        + jnp.sum(lax.cumlogsumexp(x, 1))
        + jnp.sum(lax.associative_scan(jnp.multiply, x))
    )


@model(normal(2, 3), 0.5)
def reductions(x, y):
    mean, spread = jnp.mean(x, axis=0), jnp.std(x, axis=1, ddof=1)
    some = jnp.any(x > 0, axis=1) & jnp.all(x < 9, axis=1)
    return jnp.sum(mean**2) + jnp.prod(spread) + jnp.sum(jnp.where(some, x.max(1), y)) + jnp.sum(x > 0) * y


# ── What JAX offers beside ───────────────────────────────────────────────────────────────────────


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def scaled_power(n, x, kept):
    return jnp.where(kept, x**n, 0.0)


scaled_power.defvjp(
    lambda n, x, kept: (scaled_power(n, x, kept), (x, kept)),
    lambda n, held, g: (jnp.where(held[1], 2 * g * n * held[0] ** (n - 1), 0.0), None),
)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def tripled(x, f):
    return f(x)


tripled.defjvp(lambda f, primals, tangents: (f(*primals), 3 * tangents[0]))


@model(normal(4), 1.3)
def rules_of_all_kinds(x, start):
    kept = jnp.array([True, False, True, True])
    mapped = jax.vmap(tripled, (0, None))(x[:, None] * jnp.ones(3), jnp.sin)
    last, _ = lax.scan(lambda carry, row: (tripled(carry * row, jnp.tanh), None), start, x)
    return scaled_power(3, x, kept).sum() + mapped.sum() + last + jax.jit(safe_log)(x).sum()


@model(normal(4))
def branches_and_indices_of_the_numbers(x):
    found = lax.cond(x.sum() > 0, jnp.sum, lambda x: jnp.sum(x**2), x)
    found += lax.switch(jnp.argmax(x), [jnp.sin, jnp.cos, jnp.exp, jnp.tanh], x).sum()
    found += lax.select_n(jnp.array([0, 2, 1, 0]), x, x**2, jnp.sin(x)).prod()
    found += jnp.interp(x, jnp.array([-3.0, -1.0, 0.5, 3.0]), jnp.array([0.0, 1.0, 4.0, 9.0])).sum()
    return found * x[jnp.searchsorted(jnp.sort(x), 0.1)] + lax.dynamic_slice(x, ((x[0] * 9).astype(int),), (2,)).sum()


@model(normal(3), normal(3))
def learning_to_learn(w, x):
    for _ in range(2):
        w = w - 0.1 * jax.grad(lambda w: jnp.sum(jnp.sin(w * x)))(w)
    return jnp.sum(w**2) + jnp.sum(jax.hessian(lambda w: jnp.prod(jnp.sin(w)))(w) ** 2)


@model(Carry(normal(2), normal(2)), normal(3, 2))
def structures_keys_and_maps(carry, rows):
    def noisy(key, row):
        return row @ carry.h + jax.random.normal(key) * carry.c[0]

    keys = jax.random.split(jax.random.wrap_key_data(KEY), 3)
    jax.debug.print("{}", carry.c)
    return jnp.prod(jax.vmap(noisy)(keys, rows)) + lax.map(lambda row: jnp.sin(row) @ carry.c, rows).sum()
