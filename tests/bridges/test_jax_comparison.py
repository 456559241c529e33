"""Each primitive is compared with JAX's own: what is planted wrong is refused, and what is right is not."""

from contextlib import nullcontext

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
from jax import lax

from autodiff.bridges import arrays
from autodiff.bridges.agreement import DisagreementError
from autodiff.bridges.jax import record
from autodiff.bridges.jax.comparison import in_float64
from autodiff.bridges.jax.elementwise import OWN_ROWS
from autodiff.bridges.jax.primitives import PRIMITIVES, SAME

X = np.array([0.3, 0.9, 0.55, 0.7])
M = np.array([[4.0, 1.0], [0.5, 3.0]])


def window(init, combine):
    return lambda x: lax.reduce_window(x, init, combine, (2,), (1,), "VALID")


def condition(function):
    return lambda x: jnp.where(function(x > 0.5, x > 0.4), x, 2 * x)


FUNCTIONS = {
    **{
        name: lambda x, name=name: getattr(lax, name)(x)
        for name in (
            "abs", "acos", "asin", "asinh", "atan", "atanh", "cbrt", "ceil", "cos", "cosh", "digamma", "erf", "erf_inv",
            "erfc", "exp", "exp2", "expm1", "floor", "lgamma", "log", "log1p", "logistic", "neg", "rsqrt", "sign",
            "sin", "sinh", "sqrt", "square", "tan", "tanh", "cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp",
            "round", "sort",
        )
    },
    **{
        name: lambda x, name=name: getattr(lax, name)(x, x[::-1] + 0.1)
        for name in ("add", "atan2", "div", "max", "min", "mul", "pow", "rem", "sub")
    },
    **{
        name: lambda x, name=name: jnp.where(getattr(lax, name)(x, jnp.array([0.3, 0.5, 0.6, 0.7])), x, 2 * x)
        for name in ("eq", "ge", "gt", "le", "lt", "ne")
    },
    "acosh": lambda x: lax.acosh(x + 1),
    "add_any": jax.grad(lambda x: jnp.sum(jnp.sin(x) * x)),
    "and": condition(lax.bitwise_and),
    "or": condition(lax.bitwise_or),
    "xor": condition(lax.bitwise_xor),
    "not": condition(lambda a, b: ~a),
    "is_finite": lambda x: jnp.where(lax.is_finite(x), x, 2 * x),
    "clamp": lambda x: lax.clamp(0.4, x, 0.6),
    "integer_pow": lambda x: lax.integer_pow(x, 3),
    "convert_element_type": lambda x: x * (x > 0.5).astype(float),
    "select_n": lambda x: jnp.where(x > 0.5, x, 2 * x),
    "broadcast_in_dim": lambda x: jnp.broadcast_to(x[:, None], (4, 2)),
    "concatenate": lambda x: jnp.concatenate([x, x]),
    "dynamic_slice": lambda x: lax.dynamic_slice(x, (jnp.array(1),), (2,)),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:2], (jnp.array(2),)),
    "gather": lambda x: x[jnp.array([2, 0])],
    "pad": lambda x: jnp.pad(x, 1),
    "reshape": lambda x: x.reshape(2, 2),
    "rev": lambda x: lax.rev(x, (0,)),
    "scatter": lambda x: x.at[jnp.array([0, 2])].set(x[1:3]),
    "scatter-add": lambda x: x.at[jnp.array([0, 0])].add(x[1:3]),
    "scatter-max": lambda x: x.at[jnp.array([0, 0])].max(x[1:3]),
    "scatter-min": lambda x: x.at[jnp.array([1, 1])].min(x[1:3]),
    "scatter-mul": lambda x: x.at[jnp.array([0, 1])].multiply(x[1:3], unique_indices=True),
    "slice": lambda x: x[1:3],
    "split": lambda x: jnp.split(x, 2),
    "squeeze": lambda x: lax.squeeze(x[None], (0,)),
    "stack": lambda x: jnp.stack([x, x]),
    "tile": lambda x: jnp.tile(x, 2),
    "top_k": lambda x: lax.top_k(x, 2)[0],
    "transpose": lambda x: x.reshape(2, 2).T,
    "reduce_sum": lambda x: jnp.sum(x),
    "reduce_prod": lambda x: jnp.prod(x),
    "reduce_max": lambda x: jnp.max(x),
    "reduce_min": lambda x: jnp.min(x),
    "reduce_and": lambda x: jnp.where(jnp.all(x > 0.5), x, 2 * x),
    "reduce_or": lambda x: jnp.where(jnp.any(x > 0.5), x, 2 * x),
    "reduce_window_sum": window(0.0, lax.add),
    "reduce_window_max": window(-jnp.inf, lax.max),
    "reduce_window_min": window(jnp.inf, lax.min),
    "dot_general": lambda x: x @ x,
    "conv_general_dilated": lambda x: jnp.convolve(x, x[:2]),
    "triangular_solve": lambda x: jax.scipy.linalg.solve_triangular(M * x[0], x[:2]),
    "cholesky": lambda x: jnp.linalg.cholesky(M * x[0]),
    "lu": lambda x: lax.linalg.lu(M * x[0])[0],
}  # fmt: skip
"""For each primitive a function that uses it."""
NOT_EVERYWHERE = {
    *SAME,
    "stop_gradient",
    "unstack",
    "expand_dims",
}
"""Those that are no primitives of their own in every version of JAX, and those that compute nothing."""


def worse(found):
    """A result that is wrong by a ten thousandth; the opposite of a condition."""
    if isinstance(found, list):
        return [worse(found[0]), *found[1:]]
    is_condition = {arrays.number(each) for each in found.ravel().tolist()} <= {0.0, 1.0}
    return arrays.elementwise(lambda x: 1.0 - x if is_condition else x * 1.0001, found)


def used(function):
    jaxpr = jax.make_jaxpr(function)(X)
    found, stack = set(), [jaxpr.jaxpr]
    while stack:
        for equation in stack.pop().eqns:
            found.add(equation.primitive.name)
            stack += [getattr(each, "jaxpr", each) for each in equation.params.values() if hasattr(each, "eqns")]
            stack += [each.jaxpr for each in equation.params.values() if hasattr(each, "jaxpr")]
    return found


def test_there_is_a_function_for_every_primitive():
    assert {*PRIMITIVES} - NOT_EVERYWHERE <= {*FUNCTIONS}


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_primitive_is_refused_by_name_with_the_line(monkeypatch, name, kind):
    with in_float64() if kind == "float64" else nullcontext():
        f = FUNCTIONS[name]
        if name not in used(f):
            pytest.skip(f"this version of JAX has no {name} here")
        record(f, X)
        right = PRIMITIVES[name]
        monkeypatch.setitem(PRIMITIVES, name, right._replace(run=lambda *args: worse(right.run(*args))))
        with pytest.raises(
            DisagreementError, match=rf"JAX's {name} gives .* was recorded, and .* differ by up to"
        ) as error:
            record(f, X)
        assert "test_jax_comparison.py" in str(error.value)


ROWS = {
    "relu": jax.nn.relu, "relu6": jax.nn.relu6, "sinc": jnp.sinc, "logaddexp": lambda x: jnp.logaddexp(x, x[::-1]),
    "logit": jax.scipy.special.logit, "xlogy": lambda x: jax.scipy.special.xlogy(x, x[::-1]),
    "xlog1py": lambda x: jax.scipy.special.xlog1py(x, x[::-1]), "_xlogx": jax.scipy.special.entr,
    "_erfcx": getattr(jax.scipy.special, "erfcx", None),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN_ROWS)
def test_a_wrong_row_for_a_function_of_jaxs_own_is_refused(monkeypatch, name):
    f, right = ROWS[name], OWN_ROWS[name]
    if f is None:
        pytest.skip(f"this version of JAX has no {name}")
    record(f, X)
    monkeypatch.setitem(OWN_ROWS, name, lambda *x: right(*x) * 1.0001)
    with pytest.raises(DisagreementError, match=name):
        record(f, X)


def test_of_repeated_steps_each_that_goes_element_by_element_is_compared(monkeypatch):
    right = PRIMITIVES["sin"].run

    def wrong_far_out(equation, operands):
        found = right(equation, operands)
        return found if arrays.number(operands[0][()]) < 9 else arrays.elementwise(lambda x: x * 1.0001, found)

    monkeypatch.setitem(PRIMITIVES, "sin", PRIMITIVES["sin"]._replace(run=wrong_far_out))
    f = lambda x, length: lax.scan(lambda carry, _: (carry + 1, jnp.sin(carry)), x, None, length)[1].sum()
    record(lambda x: f(x, 9), 0.5)
    with pytest.raises(DisagreementError, match="1 of 10 numbers differ"):
        record(lambda x: f(x, 10), 0.5)


RIGHT = {
    "subnormal numbers": (lambda x: jnp.log(x * 1e-310) + jnp.where(x * 1e-310 > 0, x, 1.0), X),
    "overflow": (lambda x: jnp.exp(x * 2000) - lax.integer_pow(x * 1e30, 11) + 1 / (x - 0.3), X),
    "beside poles": (lambda x: lax.digamma(x - 0.3 - 3e-9) + lax.lgamma(x - 0.3 - 3e-9) + jnp.tan(x * 1e15), X),
    "chaos": (lambda x: lax.fori_loop(0, 200, lambda _, x: 3.99 * x * (1 - x), x), X),
    "cancellation": (lambda x: (x * 1e8) @ (x[::-1] * 1e8) - (x @ x[::-1]) * 1e16 + jnp.sum(x * 1e12 - 1e12), X),
    "pivots that are as good": (lambda x: jnp.linalg.inv(jnp.array([[1, 1, 0], [1, -1, 1], [-1, 1, 1]]) * x[0] / 3), X),
    "not positive definite": (lambda x: jnp.linalg.cholesky(M - 4 * x[0]), X),
    "float32 that overflows": (lambda x: jnp.exp(x.astype(jnp.float32) * 200) * x.astype(jnp.float32), X),
    "float16 that overflows": (lambda x: (x.astype(jnp.float16) * jnp.float16(6e4) * jnp.float16(9)).sum(), X),
    "bfloat16": (lambda x: jnp.tanh(x.astype(jnp.bfloat16) @ x.astype(jnp.bfloat16)).astype(float) + x[0], X),
    "scatter of float16": (lambda x: x.astype(jnp.float16).at[jnp.array([0, 0, 1])].add(x.astype(jnp.float16)[:3]), X),
    "of no numbers": (lambda x: jnp.sin(x[:0]).sum() + jnp.sort(x[:0]).sum() + x[:0] @ x[:0] + x[0], X),
    "one number": (lambda x: jnp.sin(x) * jnp.where(x > 0, x, 0.0), 0.5),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_nothing_right_is_refused(name, kind):
    with in_float64() if kind == "float64" else nullcontext():
        function, x = RIGHT[name]
        record(function, x)
