import inspect
import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from autodiff import OPERATIONS, Value, compile, dot, operation, select, sqrt, total
from autodiff.checking.strategies import TRUNK, draw_graphs
from autodiff.compiling.backends import cores, prepare
from autodiff.compiling.numpy.runner import NumpyRunner
from autodiff.program.expressions import COMPARISONS, rule_of_steps
from autodiff.program.lowering import PASSES, lower
from autodiff.program.program import Instruction, Program, assemble
from autodiff.registry import BUILT_IN, lookup
from autodiff.rules import DETACHED
from tests.compiling.programs import bits, eager, network, program_of

pytest.importorskip("numba", reason="the native backend needs numba")

from autodiff.compiling.native import NativeRunner, NotCompilableError, store
from autodiff.compiling.native.runner import WORK, rule_program

ROWS = [row for row in map(lookup, sorted(BUILT_IN)) if row.arity and row is not DETACHED]
RNG = np.random.default_rng(0)
SUMMED = 1e-12
"""How far apart sums may be that are taken in another order, over observations or uses of a parameter."""


def same(left, right):
    return np.array_equal(np.asarray(left), np.asarray(right), equal_nan=True)


def check(function, parameters, inputs, passes=()):
    """Values and gradients of the inputs to the last bit; those of the parameters up to the order of additions."""
    program = lower(program_of(function, [*parameters, *inputs[0]], len(parameters)), passes)
    runner = NativeRunner(program)
    values, gradient, input_gradient, total = runner.gradient(np.array(parameters), inputs, wrt_inputs=True)
    expected, expected_gradient, expected_input_gradient, expected_total = eager(function, parameters, inputs)
    assert same(values, expected)
    assert same(runner.values(np.array(parameters), inputs)[:, 0], expected)
    assert same(input_gradient, expected_input_gradient)
    assert np.isclose(total, expected_total, rtol=SUMMED, atol=SUMMED, equal_nan=True)
    assert np.allclose(gradient, expected_gradient, rtol=SUMMED, atol=SUMMED, equal_nan=True)
    again = runner.gradient(np.array(parameters), inputs)[1]
    assert np.allclose(again, expected_gradient, rtol=SUMMED, atol=SUMMED, equal_nan=True)


def points(row, observations):
    """Numbers from the row's domain, then its singular points, then zeros, infinities and nan."""
    drawn = [RNG.uniform(low, high, observations) for low, high in row.domain]
    extremes = [np.full(row.arity, number) for number in (0.0, -0.0, math.inf, -math.inf, math.nan, 1e308, 5e-324)]
    return np.array([*np.column_stack(drawn), *row.singular_points, *extremes])


# ── Operations ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_is_what_eager_makes_of_it(row):
    check(row, [], points(row, 11))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_of_one_observation_is_what_eager_makes_of_it(row):
    for point in points(row, 3):
        check(row, [], point[None])


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("parameters", [0, 1])
def test_random_graphs_are_what_eager_makes_of_them(parameters, wild):
    for graph in draw_graphs(seed=3, count=25, operations=TRUNK, min_size=20, wild=wild):
        parameters = min(parameters, len(graph.inputs) - 1)
        moved = RNG.normal(size=(10, len(graph.inputs) - parameters)) * np.r_[0.0, np.ones(9)][:, None]
        check(graph, graph.inputs[:parameters], np.array(graph.inputs[parameters:]) + moved)


VARIADIC = {
    "dot of parameters and inputs": lambda a, b, c, x, y, z: dot([a, b, c], [x, y, z]),
    "dot with the inputs on the left": lambda a, b, c, x, y, z: dot([x, b, z], [a, y, c]),
    "dot with a bias": lambda a, b, c, x, y, z: (dot([a, b], [x, z]) + c) * y,
    "dot of inputs": lambda a, b, c, x, y, z: dot([x, y, z, x], [z, x, z, a]),
    "dot that takes an input twice": lambda a, b, c, x, y, z: dot([a, b, c], [x, x, z]) * y,
    "dot with constants": lambda a, b, c, x, y, z: dot([a, 2.0, c, 3.0], [x, y, 1.5, 0.5]) * z,
    "dot of parameters": lambda a, b, c, x, y, z: dot([a, b, c], [b, b, c]) * dot([x, y], [y, z]),
    "empty dot": lambda a, b, c, x, y, z: dot([], []) + a * x * y * z * b * c,
    "total": lambda a, b, c, x, y, z: total([a, x, y, y, b, z, c]),
    "a layer": lambda a, b, c, x, y, z: dot(
        [a, b, c], [dot([a, b, c], [x, y, z]).tanh(), dot([c, b, a], [x, y, z]).tanh(), dot([b, a, c], [x, y, z])]
    ),
    "a layer with another reader of its row in between": lambda a, b, c, x, y, z: (
        dot([a, b], [x * y, z]).sin() + ((x * y).exp() + dot([b, c], [x * y, z])) * 0.1
    ),
    "a residual": lambda a, b, c, x, y, z: total([(dot([a, b, c], [x, y, z]) + x) * y, z]),
}


@pytest.mark.parametrize("passes", [(), PASSES], ids=["as recorded", "lowered"])
@pytest.mark.parametrize("observations", [1, 2, 9])
@pytest.mark.parametrize("function", VARIADIC.values(), ids=VARIADIC)
def test_sums_are_what_eager_makes_of_them(function, observations, passes):
    inputs = RNG.normal(size=(observations, 3))
    check(function, [0.3, -1.7, 0.9], inputs, passes)


def tangle(rng, parameters, inputs):
    """A function of many sums of products over few rows, some of them shared, and of what else reads these."""
    recipe = [(rng.integers(6), rng.integers(1, 10), rng.integers(0, 2**31)) for _ in range(25)]

    def function(*leaves):
        weights, nodes = [*leaves[:parameters], 0.5, -1.25], [*leaves[parameters:]]
        row = nodes
        for kind, size, salt in recipe:
            choose = np.random.default_rng(salt).choice
            if kind == 0:
                row = [nodes[at] for at in choose(len(nodes), min(size, len(nodes)), replace=False)]
            factors = [weights[at] for at in choose(len(weights), len(row))]
            if kind <= 3:
                node = dot(factors, row) if kind % 2 else dot(row, factors) + weights[salt % len(weights)]
            elif kind == 4:
                node = (nodes[-1] + row[0] * weights[salt % len(weights)]).tanh()
            else:
                node = total([*row, nodes[salt % len(nodes)]]) * 0.5
            nodes = [*nodes, node]
        return total(nodes[inputs:])

    return function


@pytest.mark.parametrize("passes", [(), PASSES], ids=["as recorded", "lowered"])
@pytest.mark.parametrize("seed", range(12))
def test_tangles_of_sums_are_what_eager_makes_of_them(seed, passes):
    rng = np.random.default_rng(seed)
    for observations in (1, 9):
        check(tangle(rng, 5, 3), [*rng.normal(size=5)], rng.normal(size=(observations, 3)), passes)


@pytest.mark.parametrize("observations", [1, 7])
@pytest.mark.parametrize("sizes", [[1, 1], [3, 8, 1], [9, 17, 8, 1], [16, 24, 7, 2, 1]])
def test_networks_are_what_eager_makes_of_them(sizes, observations):
    program, theta, model = network(sizes, activation="tanh")
    inputs = RNG.normal(size=(observations, sizes[0] + 1))
    values, gradient, _, _ = NativeRunner(lower(program)).gradient(theta, inputs)
    for row, value in zip(inputs, values):
        loss = (1 - row[-1] * model(row[:-1])).relu()
        loss.backward()
        assert loss.data == value
    expected = [parameter.grad for parameter in model.parameters()]
    if observations == 1:
        assert same(gradient, expected)
    assert np.allclose(gradient, expected, rtol=SUMMED, atol=SUMMED)


@pytest.mark.parametrize("rows_are_parameters", [True, False])
def test_select_takes_the_row_of_each_observation(rows_are_parameters):
    def function(a, b, c, x):
        rows = [a, b, 5.0, c] if rows_are_parameters else [a * x, b, x, c]
        return select(rows, index) * x

    index = Value(1.0)
    leaves = [Value(number) for number in (0.5, -1.5, 2.5, 3.5)]
    program = Program.from_graph(function(*leaves), inputs=[leaves[3], index], parameters=leaves[:3])[0]
    inputs = np.array([[2.0, 3.0], [1.0, 0.0], [4.0, 2.0], [3.0, 1.0], [5.0, 3.0]])
    native, numpy = (runner.gradient(np.array([0.5, -1.5, 2.5]), inputs, wrt_inputs=True) for runner in (
        NativeRunner(program), NumpyRunner(program)
    ))  # fmt: skip
    for left, right in zip(native, numpy):
        assert same(left, right)


def test_nothing_flows_through_a_detached_number():
    program = assemble(
        [], ["w"], ["x"],
        [Instruction(DETACHED, (0,)), Instruction(DETACHED, (1,)), Instruction(lookup("dot"), (2, 0, 1, 3))], [4],
    )  # fmt: skip
    gradients = NativeRunner(program).gradient(np.array([3.0]), np.array([[2.0]]), wrt_inputs=True)[:3]
    assert [each.tolist() for each in gradients] == [[12.0], [2.0], [[3.0]]]


@pytest.mark.parametrize("observations", [1, 9])
def test_a_zero_that_is_computed_is_a_number(observations):
    inputs = np.array([[0.0, 1.0, 2.0]] * observations)
    check(lambda a, b, c, x, y, z: dot([a, b], [x.sqrt(), y]) * 0.0 + z * c, [0.5, 1.0, 2.0], inputs)
    check(lambda a, b, c, x, y, z: dot([a, 0.0, c], [y, x.log(), z]), [0.5, 1.0, 2.0], inputs)
    check(lambda a, b, c, x, y, z: dot([x.sqrt(), a], [b - b, c]) + y * z, [0.5, 1.0, 2.0], inputs)


def test_the_output_may_be_any_slot():
    for slot, expected in enumerate(([2.5, 2.5], [3.0, 3.0], [7.0, 8.0])):
        program = assemble([2.5], ["w"], ["x"], [], [slot])
        values, gradient, input_gradient, _ = NativeRunner(program).gradient(
            np.array([3.0]), np.array([[7.0], [8.0]]), np.array([10.0, 100.0]), wrt_inputs=True
        )
        assert values.tolist() == expected
        assert gradient.tolist() == [110.0 * (slot == 1)]
        assert input_gradient.tolist() == [[10.0 * (slot == 2)], [100.0 * (slot == 2)]]


# ── An operation of the user's own ───────────────────────────────────────────────────────────────


@pytest.fixture
def own():
    """Declares operations, and forgets them after the test."""
    declared = set()

    def declare(name, *rules, **row):
        declared.add(name)
        return operation(name, *rules, **row)

    yield declare
    for name in declared:
        OPERATIONS.pop(name)


def test_a_users_operation_runs_as_it_is_written(own):
    cube = own("native_cube", lambda x: x * x * x if x > 0 else 2 * x, lambda x, y: 3 * x * x if x > 0 else 2.0)
    check(lambda w, x: cube(w * x), [1.5], RNG.normal(size=(9, 1)))


def test_a_users_operation_may_call_functions_of_math(own):
    angle = own("native_angle", lambda x: 2 * math.atan(math.tanh(x / 2)), lambda x, y: 1 / math.cosh(x))
    check(lambda w, x: angle(w * x) * angle(x), [1.5], RNG.normal(size=(9, 1)))


def test_a_rule_that_gives_nothing_gives_nan(own):
    size = own("native_size", abs, lambda x, y: 1.0 if x > 0 else -1.0 if math.sin(x) < 0 else None)
    runner = NativeRunner(program_of(lambda x: size(x), [1.0]))
    slopes = runner.gradient(np.empty(0), np.array([[1.0], [0.0], [-2.0], [0.0]]), wrt_inputs=True)[2]
    assert bits(slopes[:, 0]) == bits([1.0, math.nan, -1.0, math.nan])


def test_an_operation_that_is_replaced_is_another_one(own):
    twice = own("native_times", lambda x: math.fabs(x) * 2.0, lambda x, y: 2.0)
    check(lambda w, x: twice(w * x), [1.5], np.ones((3, 1)))
    thrice = own("native_times", lambda x: math.fabs(x) * 3.0, lambda x, y: 3.0, replace=True)
    check(lambda w, x: thrice(w * x), [1.5], np.ones((3, 1)))


def not_negative(x):
    if x < 0:
        raise ValueError("it must not be negative")
    return math.sqrt(x)


PRIMALS = {
    "math": lambda x: math.atan(x) / math.exp(max(-700.0, min(x, 700.0))),
    "integers without bounds": lambda x: x - math.floor(x),
    "a rounded number": lambda x: float(round(x)) + int(x),
    "a factorial": lambda x: sum(math.sin(x) / math.factorial(n) for n in range(1, 30)),
    "a square beside math": lambda x: math.sin(x) ** 2 + x**3,
    "a function that numba has another way": lambda x: math.hypot(x, 1.3) + math.lgamma(math.fabs(x) + 0.1),
    "a function that numba does not know": lambda x: math.fsum([x, 1e16, -1e16]),
    "a string": lambda x: float(str(float(x))),
    "a method of floats": lambda x: x if x.is_integer() else 0.5,
}


@pytest.mark.parametrize("primal", PRIMALS.values(), ids=PRIMALS)
def test_a_users_primal_has_pythons_bits_whatever_it_calls(own, primal):
    row = own("native_own", primal, lambda x, y: primal(x))
    numbers = np.array([[0.3], [-1.7], [2.5], [7.0], [1e20], [-1e20], [0.0], *RNG.normal(size=(500, 1)) * 30])
    runner = NativeRunner(program_of(row, [0.5]))
    expected = [primal(x) for x in numbers[:, 0].tolist()]
    values, _, slopes, _ = runner.gradient(np.empty(0), numbers, wrt_inputs=True)
    assert bits(values) == bits(expected)
    assert bits(slopes[:, 0]) == bits(expected)


def test_a_users_primal_that_raises_gives_nan(own):
    root = own("native_root", not_negative, lambda x, y: 0.5 / y)
    runner = NativeRunner(program_of(lambda x: root(x), [1.0]))
    found = runner.values(np.empty(0), np.array([[4.0], [-4.0], [9.0]]))
    assert bits(found[:, 0]) == bits([2.0, math.nan, 3.0])


def test_an_operation_that_was_replaced_before_it_was_compiled_is_still_itself(own):
    twice = own("native_early", lambda x: math.fabs(x) * 2.0, lambda x, y: 2.0)
    own("native_early", lambda x: math.fabs(x) * 3.0, lambda x, y: 3.0, replace=True)
    check(lambda w, x: twice(w * x), [1.5], np.ones((3, 1)))


def products_of_others(xs, y):
    return [math.prod(xs[:at] + xs[at + 1 :]) for at in range(len(xs))]


VARIADIC = {
    "written out": (lambda *xs: math.prod(xs), products_of_others),
    "with branches": (lambda *xs: max(xs), lambda xs, y: [1.0 if x == y else 0.0 for x in xs]),
    "with math": (lambda *xs: math.log(math.fsum(map(math.exp, xs))), lambda xs, y: [math.exp(x - y) for x in xs]),
}


@pytest.mark.parametrize("rules", VARIADIC.values(), ids=VARIADIC)
def test_an_operation_of_any_number_of_operands_has_code_for_each_number(own, rules):
    row = own("native_any", *rules, variadic=True)
    inputs = RNG.normal(size=(11, 3))
    check(lambda w, x, y, z: row(w, x) * row(x, y, w, z, x) + row(z) * row(w, w, y), [0.5], inputs)


def test_an_operation_of_too_many_operands_runs_on_numpy_and_says_so(own):
    product = own("native_product", lambda *xs: math.prod(xs), products_of_others, variadic=True)
    program = program_of(lambda *xs: product(*xs), [1.0] * 17)
    with pytest.raises(
        NotCompilableError, match="'native_product' has 17 operands, and there is machine code for 16 at"
    ):
        prepare(program, "native")
    with pytest.warns(RuntimeWarning, match="the NumPy backend runs this program: .*'native_product'"):
        assert isinstance(prepare(program), NumpyRunner)
    prepare(program_of(lambda *xs: product(*xs), [1.0] * 16), "native")


# ── Observations: how many, how they are cut, over how many threads ──────────────────────────────


@pytest.mark.parametrize("observations", [0, 1, 2, 7, 8, 9, 127, 128, 129, 256, 257, 1000, 8191, 8192])
def test_any_number_of_observations(observations):
    program, theta, _ = network([2, 9, 1])
    inputs = RNG.normal(size=(observations, 3))
    weights = RNG.normal(size=observations)
    native, numpy = (
        kind(program).gradient(theta, inputs, weights, wrt_inputs=True) for kind in (NativeRunner, NumpyRunner)
    )
    assert same(native[0], numpy[0])
    assert same(native[2], numpy[2])
    assert np.allclose(native[1], numpy[1], rtol=SUMMED, atol=SUMMED)
    assert same(NativeRunner(program).values(theta, inputs)[:, 0], numpy[0])


def test_threads_give_the_same_bits():
    program, theta, _ = network([2, 9, 1])
    inputs = RNG.normal(size=(50_000, 3))
    assert inputs.shape[0] * len(program.operands) > WORK
    alone, *others = (NativeRunner(program, threads).gradient(theta, inputs, wrt_inputs=True) for threads in (1, 2, 5))
    for other in others:
        assert all(map(same, alone, other))
    assert same(NativeRunner(program, 3).values(theta, inputs), NativeRunner(program).values(theta, inputs))


def test_one_runner_serves_several_threads():
    from concurrent.futures import ThreadPoolExecutor

    program, theta, _ = network([2, 9, 1])
    runner = NativeRunner(program)
    batches = [RNG.normal(size=(size, 3)) for size in (1, 50, 3000, 700) * 5]
    expected = [runner.gradient(theta, batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for left, right in zip(expected, pool.map(lambda batch: runner.gradient(theta, batch), batches)):
            assert all(map(same, left[:2], right[:2]))


@pytest.mark.slow
def test_other_threads_run_while_machine_code_does():
    program, theta, _ = network([2, 9, 1])
    runner = NativeRunner(program)

    def descend(steps):
        order, starts, rates = np.zeros(steps, np.int64), np.arange(steps + 1), np.zeros(steps)
        runner.descend(theta, np.zeros((1, len(theta))), np.ones((1, 3)), order, starts, rates, 1, momentum)

    descend(1)  # now it is compiled
    descent = threading.Thread(target=descend, args=(200_000,))
    turns = 0
    descent.start()
    while descent.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 5  # the descent takes about 200 milliseconds


def test_threads_are_chosen_where_a_program_is_prepared():
    program, _, _ = network([1, 1])
    assert prepare(program, threads=3).threads == prepare(program, "native", threads=3).threads == 3
    assert prepare(program, threads=None).threads == cores()
    with pytest.raises(ValueError, match="threads must be at least 1, not 0"):
        prepare(program, threads=0)
    with pytest.raises(ValueError, match="the NumPy backend runs on one thread, not on 2"):
        prepare(program, "numpy", threads=2)


def read_only(inputs):
    inputs = inputs.copy()
    inputs.flags.writeable = False
    return inputs


LAYOUTS = [
    np.asfortranarray,
    read_only,
    lambda inputs: inputs.astype(np.float32),
    lambda inputs: np.repeat(inputs, 2, 1)[:, ::2],
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["columns", "read only", "float32", "strided"])
def test_inputs_of_any_layout(layout):
    program, theta, _ = network([2, 9, 1])
    inputs = RNG.normal(size=(10_000, 3)).astype(np.float32).astype(np.float64)
    runner = NativeRunner(program)
    expected = [*runner.gradient(theta, inputs)[:2], runner.values(theta, inputs)]
    given = [*runner.gradient(read_only(theta), layout(inputs))[:2], runner.values(read_only(theta), layout(inputs))]
    assert all(map(same, expected, given))


@pytest.mark.parametrize("observations", [1, 1023, 1024, 10_000])
def test_columns_are_read_where_they_are(observations):
    a, b, c = RNG.normal(size=(3, observations))
    w = Value(1.5)
    for function in (lambda x, y, z: w * x * y - z, lambda x, y, z: w * x * y if w > 0 else z):
        error = compile(function, parameters=[w], backend="native")
        for arrays in ((a, b, c), (a[::-1], b, c), (a, b.tolist(), c), (a, b, np.arange(observations))):
            numbers = [np.array(each, float) for each in arrays]
            value, gradients = error.value_and_grad(*arrays, reduction="sum", wrt=("parameters", 0, 1))
            stacked = error.value_and_grad(*numbers, reduction="sum", wrt=("parameters", 0, 1))
            assert value == stacked[0]
            assert [*map(bits, gradients)] == [*map(bits, stacked[1])]
            assert same(error(*arrays), error.value(*numbers))
            assert (
                value == NativeRunner(error.last.runner.program).gradient(np.array([1.5]), np.column_stack(numbers))[3]
            )


def test_inputs_in_a_file(tmp_path):
    program, theta, _ = network([2, 9, 1])
    inputs = RNG.normal(size=(10_000, 3))
    inputs.tofile(tmp_path / "numbers")
    on_disk = np.memmap(tmp_path / "numbers", np.float64, "r", shape=inputs.shape)
    runner = NativeRunner(program)
    assert all(map(same, runner.gradient(theta, inputs)[:2], runner.gradient(theta, on_disk)[:2]))


def test_all_outputs_are_given():
    def function(a, b, x, y):
        hidden = dot([a, b], [x, y])
        biased = hidden + a
        return [biased.tanh(), hidden, biased, a * b, x, a, 2.5]

    inputs = RNG.normal(size=(9, 2))
    native, numpy = (
        kind(lower(program_of(function, [0.5, -1.5, *inputs[0]], 2))).values(np.array([0.5, -1.5]), inputs)
        for kind in (NativeRunner, NumpyRunner)
    )
    assert native.shape == (9, 7)
    assert same(native[:, 1:], numpy[:, 1:])  # NumPy has a tanh of its own
    assert np.allclose(native, numpy, rtol=SUMMED)


# ── Descent ──────────────────────────────────────────────────────────────────────────────────────


def momentum(gradient, rate, step, velocity):
    velocity = 0.9 * velocity + gradient
    return -rate * velocity, velocity


def adam(gradient, rate, step, first, second):
    first = 0.9 * first + (1 - 0.9) * gradient
    second = 0.999 * second + (1 - 0.999) * gradient * gradient
    return -rate * (first / (1 - 0.9**step)) / (sqrt(second / (1 - 0.999**step)) + 1e-8), first, second


def clipped(gradient, rate, step):
    return [-rate * (0.01 if gradient > 0.01 else gradient if gradient >= -0.01 else -0.01)]


def plain(rule, runner, theta, states, inputs, order, starts, rates, first_step):
    """The same descent as a loop over floats."""
    theta, state, errors = theta.copy(), np.zeros((states, len(theta))), []
    for step, (first, last, rate) in enumerate(zip(starts, starts[1:], rates.tolist()), first_step):
        values, gradient, _, _ = runner.gradient(theta, inputs[order[first:last]])
        errors += [*values]
        for at, slope in enumerate((gradient / (last - first)).tolist()):
            move, *state[:, at] = rule(slope, rate, step, *state[:, at].tolist())
            theta[at] += move
    return theta, state, errors


@pytest.mark.parametrize("batch", [1, 5, 40])
@pytest.mark.parametrize("rule", [momentum, adam, clipped], ids=lambda rule: rule.__name__)
def test_descent_is_that_of_a_plain_loop(rule, batch):
    program, theta, _ = network([2, 9, 1], activation="tanh")
    runner, states = NativeRunner(program), len(inspect.signature(rule).parameters) - 3
    inputs = RNG.normal(size=(40, 3))
    order = np.concatenate([RNG.permutation(40) for _ in range(3)])
    starts = np.append(np.arange(0, 120, batch), 120)
    rates = np.linspace(0.1, 0.01, len(starts) - 1)
    moved, state = theta.copy(), np.zeros((states, len(theta)))
    errors, steps = runner.descend(moved, state, inputs, order, starts, rates, 4, rule)
    expected = plain(rule, runner, theta, states, inputs, order, starts, rates, 4)
    assert steps == len(rates)
    assert same(moved, expected[0])
    assert same(state, expected[1])
    assert same(errors, expected[2])


def test_descent_stops_before_a_step_that_is_not_finite():
    program = program_of(lambda w, x: (w * x).log(), [1.0, 1.0], 1)
    w, nothing = np.array([1.0]), np.empty((0, 1))
    inputs = np.array([[1.0], [2.0], [-1.0], [1.0]])
    errors, steps = NativeRunner(program).descend(
        w,
        nothing,
        inputs,
        np.arange(4),
        np.arange(5),
        np.full(4, 0.125),
        1,
        lambda gradient, rate, step: [-rate * gradient],
    )
    assert steps == 2
    assert w[0] == 1.0 - 0.125 - 0.125 / 0.875
    assert np.isnan(errors).tolist() == [False, False, True, True]


def test_descent_refuses_what_it_cannot_change_in_place():
    runner = NativeRunner(network([1, 1])[0])
    batch = np.ones((1, 2)), np.arange(1), np.arange(2), np.ones(1), 1, lambda slope, rate, step: [slope]
    with pytest.raises(ValueError, match="parameters and state are changed in place"):
        runner.descend(np.ones(2, np.float32), np.empty((0, 2)), *batch)


@pytest.mark.parametrize("sign", COMPARISONS)
def test_a_rule_may_compare(sign):
    compare = eval(f"lambda slope, rate, step: [3.0 if slope {sign} 0.5 else slope]")
    slopes = np.array([[0.0], [0.5], [1.0], [math.nan]])
    moves = NativeRunner(rule_program(rule_of_steps(compare, 0))).values(np.ones(2), slopes)
    assert same(moves, [compare(slope, 1.0, 1.0) for [slope] in slopes.tolist()])


def test_a_rule_that_asks_for_numbers_is_refused():
    with pytest.raises(TypeError, match="must be written with arithmetic"):
        rule_of_steps(lambda gradient, rate, step: [math.exp(gradient)], 0)


# ── Machine code on disk ─────────────────────────────────────────────────────────────────────────

SCRIPT = """
import time, numpy as np
from autodiff import lookup
from autodiff.compiling.backends import prepare
from autodiff.program.program import Instruction, assemble
from autodiff.compiling.native import engine
made, compiled_by_llvm = [], engine.machine_code
engine.machine_code = lambda *given: made.append(given) or compiled_by_llvm(*given)
program = assemble([], ["w"], ["x"], [Instruction(lookup("multiply"), (0, 1)), Instruction(lookup("sin"), (2,))], [3])
print(prepare(program, "native").gradient(np.array([0.5]), np.array([[0.0], [0.0]])))
print(len(made) > 0)
"""


def run(folder, **environment):
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True,
        env={**os.environ, "AUTODIFF_CACHE": str(folder), **environment},
    )  # fmt: skip
    return answer.stdout.split("\n")[:2]


RESULT = "(array([0., 0.]), array([0.]), None, 0.0)"


@pytest.mark.slow
def test_a_second_process_finds_the_machine_code(tmp_path):
    assert run(tmp_path / "new") == [RESULT, "True"]
    assert run(tmp_path / "new") == [RESULT, "False"]


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path):
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    assert run(file / "folder") == [RESULT, "True"]


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "caches"}, "caches/autodiff"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/autodiff"),
        ("linux", {}, "home/.cache/autodiff"),
        ("darwin", {}, "home/Library/Caches/autodiff"),
        ("win32", {}, "home/AppData/Local/autodiff"),
        ("win32", {"AUTODIFF_CACHE": "own"}, "own"),
    ],
)
def test_the_folder_is_that_of_the_platform(monkeypatch, platform, environment, expected):
    for name in ("AUTODIFF_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(store.Path, "home", lambda: store.Path("home"))
    assert store.folder().as_posix() == expected


WITHOUT_LLVM = """
import sys
sys.modules["llvmlite"] = None
from autodiff.compiling.backends import prepare
from autodiff.program.program import assemble
program = assemble([], [], ["x"], [], [0])
print(type(prepare(program)).__name__)
try:
    prepare(program, "native")
except ImportError as error:
    print(error)
"""


def test_without_llvm_numpy_runs_and_the_native_backend_names_what_is_missing():
    answer = subprocess.run([sys.executable, "-c", WITHOUT_LLVM], capture_output=True, text=True, check=True)
    missing = "the native backend needs llvmlite, which comes with numba: pip install numba"
    assert answer.stdout.split("\n")[:2] == ["NumpyRunner", missing]


QUICK_TO_BEGIN = """
import sys
from autodiff import compile
print(compile(lambda x: (x * x).tanh() / x, backend="native")([1.0, 2.0]).tolist()[0] > 0.7, "numba" in sys.modules)
"""


def test_numba_which_takes_long_to_load_is_loaded_for_functions_of_the_user_alone():
    answer = subprocess.run([sys.executable, "-c", QUICK_TO_BEGIN], capture_output=True, text=True, check=True)
    assert answer.stdout == "True False\n"


WITHOUT_NUMBA = """
import math, sys
sys.modules["numba"] = None
from autodiff import compile, operation
own = operation("own_angle", lambda x: math.atan(x), lambda x, y: 1.0 / (1.0 + x * x) * math.exp(0.0))
print(compile(lambda x: own(x) * x, backend="native").value_and_grad(2.0, wrt=0))
"""


def test_without_numba_a_users_functions_of_math_are_called():
    answer = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True, check=True)
    assert answer.stdout == f"({2.0 * math.atan(2.0)}, {0.4 + math.atan(2.0)})\n"
