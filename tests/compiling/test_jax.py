"""Programs as functions of JAX: the values, the derivatives of any order and the refusals of the eager engine."""

import math
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

import autodiff
import nn
from autodiff import OPERATIONS, Value, compile, dot, exp, log, lookup, norm, operation, select, sqrt, total, where
from autodiff.program.lowering import lower
from autodiff.program.writers import UnwritableError
from autodiff.registry import BUILT_IN
from tests.compiling.programs import eager, program_of, tangle

jax = pytest.importorskip("jax", reason="the JAX backend needs it")
jnp = jax.numpy

from autodiff.compiling.jax import Function, JaxRunner  # noqa: E402 - it needs JAX
from autodiff.compiling.jax.rows import row_of  # noqa: E402

TABLE = [name for name in OPERATIONS if name in BUILT_IN and lookup(name).arity]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e300, -1e300, math.inf, -math.inf, math.nan]
"""No subnormal numbers: XLA takes them for 0."""
ROUNDING = 1e-11


@pytest.fixture
def float64():
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        yield


def close(found, wanted, tolerance=ROUNDING, **options):
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=tolerance, atol=tolerance, **options)


# ── The table ────────────────────────────────────────────────────────────────────────────────────


def points_of(row, special):
    """Numbers for the operands, one column each: inside the domain, where the row says what it gives, special ones."""
    inside = [[low + (high - low) * share for low, high in row.domain] for share in (0.1, 0.35, 0.8)]
    rows = [*inside, *map(list, row.singular_points)]
    if special:
        pairs = product(SPECIAL, repeat=min(row.arity, 2))
        rows += [[*numbers] + [0.5] * (row.arity - len(numbers)) for numbers in pairs]
    rows += [inside[0]] * ((160 if special else 16) - len(rows))  # one shape for all rows, for which JAX compiles once
    return [*np.array(rows).T]


def at_points(name, special):
    """The row of that name, its function of JAX, and operands, one column each, as NumPy's and as JAX's arrays."""
    row = lookup(name)
    columns = points_of(row, special)
    return row, row_of(row, row.arity), columns, [*map(jnp.asarray, columns)]


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.usefixtures("float64")
def test_every_operation_has_value_and_derivative_of_its_row_in_both_modes_also_at_singular_points(name):
    row, function, columns, arrays = at_points(name, special=True)
    outputs, pull = jax.vjp(function, *arrays)
    wanted = [row.evaluate(numbers) for numbers in zip(*map(np.ndarray.tolist, columns))]
    locals_ = [row.local_derivatives(numbers, y) for numbers, y in zip(zip(*map(np.ndarray.tolist, columns)), wanted)]
    close(outputs, wanted)
    ones = jnp.ones_like(outputs)
    for at, (backward, rule) in enumerate(zip(pull(ones), zip(*locals_))):
        _, forward = jax.jvp(lambda x, at=at: function(*arrays[:at], x, *arrays[at + 1 :]), [arrays[at]], [ones])
        close(backward, [*map(float, rule)], err_msg=f"backward, operand {at}")
        close(forward, [*map(float, rule)], err_msg=f"forward, operand {at}")


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.usefixtures("float64")
def test_every_operation_has_the_second_derivatives_of_its_row(name):
    row, function, columns, arrays = at_points(name, special=False)
    for first, second in product(range(row.arity), repeat=2):
        rule = autodiff.grad(autodiff.grad(row, first), second)
        wanted = np.array([rule(*numbers) for numbers in zip(*map(np.ndarray.tolist, columns))])

        def slope(*numbers, first=first):
            return jax.grad(lambda *numbers: function(*numbers).sum(), first)(*numbers)

        found = np.asarray(jax.grad(lambda *numbers: slope(*numbers).sum(), second)(*arrays))
        here = ~np.isnan(wanted)  # where the eager chain rule says 0 · ∞, this one may find the limit
        np.testing.assert_allclose(found[here], wanted[here], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in TABLE if lookup(name).arity == 1])
def test_in_float32_an_operation_stays_in_float32_and_is_as_close_as_that_allows(name):
    row = lookup(name)
    (column,) = points_of(row, False)
    numbers = column[:3]
    found = row_of(row, 1)(jnp.asarray(numbers, jnp.float32))
    assert found.dtype == jnp.float32
    wanted = [row.evaluate([x]) for x in np.asarray(numbers, np.float32).tolist()]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


# ── Programs ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("parameters", [0, 3])
def test_sums_of_products_over_shared_operands_are_those_of_the_eager_engine(seed, parameters):
    function, numbers = tangle(seed)
    inputs = np.linspace(0.5, 1.5, 4)[:, None] * numbers[parameters:]
    theta, weights = numbers[:parameters], np.linspace(-1.0, 2.0, 4)
    runner = JaxRunner(lower(program_of(function, numbers, parameters)))
    for found, wanted in zip(runner.gradient(theta, inputs, weights, True), eager(function, theta, inputs, weights)):
        close(found, wanted)


@pytest.mark.parametrize("rows", [3, 40])
def test_layers_over_many_rows_are_products_of_matrices(rows):
    weights = np.random.default_rng(rows).normal(size=(2, 5))

    def function(*numbers):  # one matrix for many rows, as in a network over a sequence
        matrix = [numbers[:5], numbers[5:10]]
        columns = [[*numbers[10:14], float(at)] for at in range(rows)]
        return total([dot([*row], column).tanh() for column in columns for row in matrix])

    program = lower(program_of(function, [*weights.ravel(), 0.5, 1.0, -1.0, 2.0], 10))
    inputs = np.random.default_rng(1).normal(size=(3, 4))
    found = JaxRunner(program).gradient(weights.ravel(), inputs, 1.0, True)
    for each, wanted in zip(found, eager(function, weights.ravel(), inputs)):
        close(each, wanted)


BRANCHES = {
    "an untaken branch": lambda x, z: where((x - z).relu(), sqrt(x - z), 0.0) + x * z,
    "relu of a root": lambda x, z: (sqrt((x - z).relu()) - z).relu() + x * x * z,
    "a choice": lambda x, z: lookup("select")(1.0, log(x - x), x * z, sqrt(z - z)),
    "detached": lambda x, z: (sqrt(x - x) + z).detach() + autodiff.log_sum_exp([x, z, x * z]),
    "a length of zeros": lambda x, z: norm([x - x, z - z]) + norm([x, z]),
    "a minimum": lambda x, z: lookup("minimum")(log((x - z).relu()), z) * z,
    "a dot that is not taken": lambda x, z: where((x - z).relu(), dot([log(x - z), x], [2.0, z]), x * z),
}


@pytest.mark.parametrize("function", BRANCHES.values(), ids=BRANCHES)
@pytest.mark.usefixtures("float64")
def test_nothing_flows_where_nothing_depends_in_first_and_second_derivatives(function):
    points = np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]])
    run = Function(lower(program_of(function, points[0])))

    def value(x, z):
        return run(jnp.zeros(0), [jnp.array([x, z])])[0]

    def derivatives(x, z):
        slopes = [jax.grad(value, at) for at in (0, 1)]
        return value(x, z), *(
            (slope(x, z), jax.jacrev(slope, at)(x, z), jax.jacfwd(slope, at)(x, z)) for at, slope in enumerate(slopes)
        )

    outputs, *found = jax.jit(jax.vmap(derivatives))(*points.T)
    for row, (x, z) in enumerate(points.tolist()):
        for at, (slope, *second) in enumerate(found):
            close(slope[row], autodiff.grad(function, at)(x, z))
            wanted = autodiff.grad(autodiff.grad(function, at), at)(x, z)
            if math.isfinite(wanted) and math.isfinite(outputs[row]):
                close([each[row] for each in second], [wanted] * 2)


def test_zeros_of_both_signs_are_told_apart():
    for zero in (0.0, -0.0):
        runner = JaxRunner(lower(program_of(lambda x: 1 / (x * zero) + x / zero, [1.0])))  # noqa: B023
        assert runner.values(np.empty(0), np.array([[2.0]]))[0, 0] == math.copysign(math.inf, zero)


@pytest.mark.parametrize("mode", [jax.grad, jax.jacfwd])
@pytest.mark.usefixtures("float64")
def test_a_zero_that_is_computed_is_a_number_and_times_infinity_it_is_nan(mode):
    for function in (lambda x: sqrt(x) ** 2, lambda x: exp(log(x) + log(3.0 * x)), lambda x: 1 / (1 + 2 / x)):
        run = Function(lower(program_of(function, [1.0])))
        assert math.isnan(mode(lambda x: run(jnp.zeros(0), [x[None]])[0])(jnp.array(0.0)))  # noqa: B023


# ── to_jax() ─────────────────────────────────────────────────────────────────────────────────────


def network(activation="tanh"):
    model = nn.MLP(2, [4, 1], activation=activation, rng=1)
    error = compile(lambda x, y: (model(x) - y) ** 2, parameters=model, backend="numpy")
    random = np.random.default_rng(2)
    return error, random.normal(size=(6, 2)), random.normal(size=6)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_jit_vmap_grad_and_hessian_are_those_of_the_engine():
    error, inputs, targets = network()
    one, theta = error.to_jax(inputs, targets), jnp.asarray(error.vector())
    many = jax.jit(jax.vmap(one, (None, 0, 0)))
    close(many(theta, inputs, targets), error(inputs, targets))
    value, gradient = jax.jit(jax.value_and_grad(lambda theta: many(theta, inputs, targets).mean()))(theta)
    wanted = error.value_and_grad(inputs, targets)
    close(value, wanted[0])
    close(gradient, wanted[1])
    both = error.value_and_grad(inputs, targets, reduction=None, wrt=(0, 1))[1]
    for found, each in zip(jax.vmap(jax.grad(one, (1, 2)), (None, 0, 0))(theta, inputs, targets), both):
        close(found, each)
    x, y = [*map(float, inputs[0])], float(targets[0])
    second = [[each.data for each in row] for row in autodiff.hessian(lambda x: error.function(x, y))(x)]
    for hessian in (jax.hessian(one, 1), jax.jacrev(jax.jacfwd(one, 1), 1)):
        close(jax.jit(hessian)(theta, inputs[0], y), second)
    close(jax.jvp(one, (theta, inputs[0], y), (theta, inputs[0], 0.0))[1],
          jax.grad(one)(theta, inputs[0], y) @ theta + both[0][0] @ inputs[0])  # fmt: skip


def test_it_computes_in_the_type_of_what_it_is_given():
    error, inputs, targets = network("relu")
    one = error.to_jax(inputs, targets)
    theta = jnp.asarray(error.vector(), jnp.float32)
    value, gradient = jax.value_and_grad(one)(theta, jnp.asarray(inputs[0], jnp.float32), jnp.float32(targets[0]))
    assert (value.dtype, gradient.dtype) == (jnp.float32, jnp.float32)
    close(value, error(inputs, targets)[0], 1e-5)
    close(gradient, error.value_and_grad(inputs[:1], targets[:1])[1], 1e-4)


@pytest.mark.usefixtures("float64")
def test_other_ways_through_the_branches_give_nan_and_never_a_number():
    w, unused = Value(2.0), Value(1.0)
    f = compile(
        lambda x: (w * x).log() if x > 0 else (w * x).relu() * unused if x > -1 else unused * sqrt(w),
        parameters=[w, unused],
        backend="numpy",
    )
    theta, points = jnp.array([2.0, 1.0]), jnp.array([1.0, -0.5, -3.0, 2.0, 0.0])
    of_two = jax.jit(jax.vmap(jax.value_and_grad(f.to_jax([1.0, -0.5]), (0, 1)), (None, 0)))
    value, (gradient, slope) = of_two(theta, points)
    close(value, [math.log(2.0), 0.0, math.nan, math.log(4.0), 0.0])
    close(gradient, [[0.5, 0.0], [0.0, 0.0], [math.nan, math.nan], [0.5, 0.0], [0.0, 0.0]])
    close(slope, [1.0, 0.0, math.nan, 0.5, 0.0])
    assert np.isfinite(np.asarray(jax.vmap(f.to_jax(points.tolist()), (None, 0))(theta, points))).all()
    assert math.isnan(jax.grad(f.to_jax(-0.5), 1)(jnp.array([2.0, 1.0]), -3.0)) is (len(f.programs) < 3)


@pytest.mark.usefixtures("float64")
def test_arguments_and_results_keep_their_structure():
    w = Value(3.0, label="w")
    f = compile(lambda pair, at: {"sum": w * (pair[0][1] + at["z"]), "both": [pair[1], w]}, parameters=[w])
    arguments = ((np.array([1.0, 2.0]), 4.0), {"z": 5.0})
    found = f.to_jax(*arguments)(jnp.array([3.0]), *arguments)
    assert {name: np.asarray(each).tolist() for name, each in found.items()} == {"sum": 21.0, "both": [4.0, 3.0]}
    with pytest.raises(ValueError, match=r"argument 0.*another structure"):
        f.to_jax(*arguments)(jnp.array([3.0]), 1.0, {"z": 5.0})


def test_what_does_not_fit_is_refused_and_says_what_to_do():
    error, inputs, targets = network()
    with pytest.raises(RuntimeError, match="call it once before"):
        error.to_jax()
    one, theta = error.to_jax(inputs, targets), jnp.asarray(error.vector())
    with pytest.raises(ValueError, match=r"has 17 parameters.*shape \(3,\)"):
        one(theta[:3], inputs[0], targets[0])
    with pytest.raises(ValueError, match=r"ONE observation.*jax\.vmap"):
        one(theta, inputs, targets)
    with pytest.raises(TypeError, match="not 1 arguments"):
        one(theta, inputs[0])
    with pytest.raises(ValueError, match="leave out threads=2"):
        compile(lambda x: x, backend="jax", threads=2)(1.0)


def test_without_arguments_it_is_what_was_called_last_with_what_is_outside_now():
    scale = [2.0]
    f = compile(lambda x: x * scale[0], backend="numpy")
    f([1.0, 2.0])
    assert float(f.to_jax()(jnp.zeros(0), 3.0)) == 6.0
    scale[0] = 5.0
    with pytest.raises(RuntimeError, match="what is outside of it now"):
        f.to_jax()
    f(1.0)
    assert float(f.to_jax()(jnp.zeros(0), 3.0)) == 15.0


@pytest.fixture
def own():
    yield operation
    for name in ("own_root", "own_curve", "own_bend"):
        OPERATIONS.pop(name, None)


def test_own_operations_run_if_they_are_written_with_operations(own):
    curve = own("own_curve", lambda x: exp(x) * x, lambda x, y: y + exp(x))
    f = compile(lambda x: curve(x), backend="jax")
    close(f.value_and_grad([0.5, 2.0], reduction=None, wrt=0)[1], [1.5 * math.exp(0.5), 3.0 * math.exp(2.0)])
    root = own("own_root", math.sqrt, lambda x, y: 0.5 / y)
    bend = own("own_bend", lambda x: x * x, lambda x, y: 2.0 * root(x * x))
    for each, name in ((root, "own_root"), (bend, "own_root")):
        for ask in (compile(lambda x, each=each: each(x), backend="numpy").to_jax, compile(each, backend="jax")):
            with pytest.raises(UnwritableError, match=rf"{name}.*exp in place of math\.exp.*backend='numpy'"):
                ask(4.0)


# ── backend="jax" ────────────────────────────────────────────────────────────────────────────────


def test_the_backend_calls_differentiates_and_trains_as_the_others():
    found = []
    for backend in ("jax", "numpy"):
        model = nn.MLP(2, [4, 1], rng=3)
        error = compile(lambda x, y: (1 - y * model(x)).relu() ** 2, parameters=model, backend=backend)  # noqa: B023
        inputs, targets = np.random.default_rng(4).normal(size=(20, 2)), np.where(np.arange(20) % 3, 1.0, -1.0)
        value, slopes = error.value_and_grad(inputs, targets, reduction=None, wrt=(0, 1))
        loss = error.backward(inputs, targets)
        nn.SGD(model.parameters(), 0.1).step()
        descent = error.descent(inputs, targets, rule=lambda gradient, rate, step: (-rate * gradient,))
        errors, steps = descent.run(order=[*range(20)], starts=[0, 7, 14, 20], rates=[0.1] * 3)
        found.append([error(inputs, targets), value, *slopes, loss, errors, steps, descent.parameters])
    for ours, theirs in zip(*found):
        close(ours, theirs)


def test_branches_choices_and_zeros_are_those_of_the_eager_engine():
    table = [Value(1.0), Value(-2.0), Value(0.0)]

    def function(x, k):
        chosen = select(table, k)
        return (
            norm([x - x, chosen]) if x > 1 else where(x.relu(), sqrt(x), chosen * x) + autodiff.softmax([x, chosen])[0]
        )

    f = compile(function, parameters=table, backend="jax")
    points, places = np.array([0.0, 2.0, -1.0, 0.5, 3.0]), np.array([0, 2, 1, 1, 0])
    value, gradient = f.value_and_grad(points, places, reduction="sum")
    wanted, slopes = 0.0, np.zeros(3)
    for x, k in zip(points.tolist(), places.tolist()):
        for leaf in table:
            leaf.grad = 0.0
        result = function(Value(x), k)
        result.backward()
        wanted, slopes = wanted + result.data, slopes + [leaf.grad for leaf in table]
    close(value, wanted)
    close(gradient, slopes)
    assert len(f.programs) == 2


def test_batches_of_any_size_are_run_also_those_that_are_filled_up():
    f = compile(lambda x: x * x, backend="jax")
    for size in [*range(1, 12), 1000, 1001, 1023]:
        points = np.arange(float(size))
        value, slopes = f.value_and_grad(points, reduction=None, wrt=0)
        assert (value.tolist(), slopes.tolist()) == ((points**2).tolist(), (2 * points).tolist())


def test_where_nothing_is_there_to_do_nothing_is_run():
    runner = JaxRunner(lower(program_of(lambda w, x: w * x, [1.0, 2.0], 1)))
    values, gradient, slopes, value = runner.gradient(np.ones(1), np.empty((0, 1)), 1.0, True)
    assert (values.size, gradient.tolist(), slopes.shape, value) == (0, [0.0], (0, 1), 0.0)
    assert runner.values(np.ones(1), np.empty((0, 1))).shape == (0, 1)


def run(code, **environment):
    import os

    environment = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


def test_a_device_that_is_not_there_and_a_jax_that_is_not_installed_say_what_to_do():
    code = "from autodiff import compile; compile(lambda x: x, backend='jax')(1.0)"
    without_device = run(code, JAX_PLATFORMS="cuda")
    if jax.default_backend() == "cpu":
        assert "NoDeviceError" in without_device.stderr
        assert "pip install 'jax[cuda12]'" in without_device.stderr
    hidden = "import sys; sys.modules['jax'] = None; "
    for each in (code, "from autodiff import compile; compile(lambda x: x, backend='numpy').to_jax(1.0)"):
        assert "ImportError: JAX is needed, and is not installed: pip install jax" in run(hidden + each).stderr


# ── The benchmark ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.usefixtures("float64")
def test_the_benchmark_times_what_gives_the_same_results_as_jax_by_hand(dtype):
    from benchmarks import gpu
    from benchmarks.measuring import check_equal

    points = np.random.default_rng(5).normal(size=(20, 2))
    network = gpu.perceptron([2, 3, 1], points, np.sign(points[:, 0]), 1e-3, dtype)
    for contenders in (network, gpu.expression(30, dtype)):
        check_equal(contenders)
        assert "to_jax()" in {contender.engine for contender in contenders}
