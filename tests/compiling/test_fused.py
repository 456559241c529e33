"""Fused code has the bits of the instructions one by one, and of the eager engine."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autodiff
from autodiff import Value, dot, lookup, operation, total, where
from autodiff.checking.strategies import TRUNK, draw_graphs
from autodiff.program.lowering import lower
from autodiff.program.program import Program
from autodiff.registry import BUILT_IN
from autodiff.rules import DETACHED
from tests.compiling.programs import bits, eager, network, program_of, tangle

pytest.importorskip("numba", reason="the native backend needs numba")

from autodiff.compiling.inputs import Columns
from autodiff.compiling.native import NativeRunner, runner
from autodiff.compiling.native.fused import can_be_fused
from autodiff.compiling.native.layout import WHOLE, lay_out
from autodiff.compiling.native.runner import CHUNK, WORK

ROWS = [row for row in map(lookup, sorted(BUILT_IN)) if row.arity and row is not DETACHED]
RNG = np.random.default_rng(0)
FEW = 11


def plain(program, threads=1):
    """A runner that never fuses."""
    made = NativeRunner(program, threads)
    made.fused = None
    return made


def fused(program, threads=1):
    """A runner that fuses from the first observation on."""
    made = NativeRunner(program, threads)
    made.seen = math.inf
    assert made.fused is not None
    return made


def check(program, theta, inputs, weights=1.0):
    """Every bit is that of the instructions one by one: sums over observations too."""
    for wrt_inputs in (False, True):
        one, other = (each(program).gradient(theta, inputs, weights, wrt_inputs) for each in (plain, fused))
        assert [bits(each) for each in one if each is not None] == [bits(each) for each in other if each is not None]
    assert bits(plain(program).values(theta, inputs)) == bits(fused(program).values(theta, inputs))


def check_eager(function, inputs):
    """Values and gradients of each observation have the bits of the eager engine."""
    found = fused(lower(program_of(function, inputs[0]))).gradient(np.empty(0), inputs, wrt_inputs=True)
    wanted = eager(function, [], inputs)
    assert bits(found[0]) == bits(wanted[0])
    assert bits(found[2]) == bits(wanted[2])


def points(row):
    """Numbers from the row's domain, its singular points, zeros, infinities and nan."""
    drawn = [RNG.uniform(low, high, FEW) for low, high in row.domain]
    extremes = [np.full(row.arity, number) for number in (0.0, -0.0, math.inf, -math.inf, math.nan, 1e308, 5e-324)]
    return np.array([*np.column_stack(drawn), *row.singular_points, *extremes])


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_is_what_eager_makes_of_it(row):
    numbers = points(row)
    check_eager(row, numbers)
    for each in numbers:  # alone, so that no other observation asks for the careful pass
        check_eager(lambda *operands: row(*operands) * operands[0], np.array([each, each]))


@pytest.mark.parametrize("exponent", [0.0, -0.0, 1.0, 2.0, 3.0, 0.5, -1.0, -0.5, 2.5, 4.0, math.inf, math.nan])
def test_a_power_with_a_constant_has_the_bits_of_the_power(exponent):
    check_eager(lambda x: x**exponent * 0.7, np.array([[0.0], [-0.0], [1.1], [-2.3], [1e200], [5e-324], [math.inf]]))


@pytest.mark.slow
@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("parameters", [0, 2])
def test_random_programs(parameters, wild):
    for graph in draw_graphs(seed=5, count=12, operations=TRUNK, min_size=20, wild=wild):
        own = min(parameters, len(graph.inputs) - 1)
        inputs = np.array(graph.inputs[own:]) + RNG.normal(size=(FEW, len(graph.inputs) - own))
        for program in (program_of(graph, graph.inputs, own), lower(program_of(graph, graph.inputs, own))):
            check(program, np.array(graph.inputs[:own]), inputs, RNG.normal(size=FEW))
        check_eager(graph, inputs if own == 0 else np.array([graph.inputs] * 2))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_segments_between_sums_of_products(seed):
    function, numbers = tangle(seed)
    for program in (program_of(function, numbers, 2), lower(program_of(function, numbers, 2))):
        check(program, numbers[:2], np.linspace(0.5, 1.5, 300)[:, None] * numbers[2:])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("observations", [0, 1, 2, 7, 8, 9, 127, 128, 129, 257, 2 * CHUNK + 1])
def test_networks_of_any_number_of_observations(activation, observations):
    program, theta, _ = network([2, 9, 4, 1], activation=activation)
    inputs = RNG.normal(size=(observations, 3))
    check(lower(program), theta, inputs, RNG.normal(size=observations))


TWO_ZEROS = {
    "a branch that is not taken": lambda w, x, z: where(x, (w * x).log(), z * z),
    "a root of zero": lambda w, x, z: where(x, w / x, 0.0) + x.relu() * 0.0 + z,
    "zero times infinity": lambda w, x, z: (w * x).sqrt() ** 2 + z,
    "a sum of products": lambda w, x, z: dot([w, 0.0], [x, z.log()]) + total([x.sqrt() * 0.0, z, w]),
    "a maximum": lambda w, x, z: autodiff.maximum(x, 0.0) * w + autodiff.maximum(w * z, x),
}


@pytest.mark.parametrize("function", TWO_ZEROS.values(), ids=TWO_ZEROS)
def test_nothing_flows_where_nothing_depends_and_a_zero_is_a_number(function):
    inputs = np.array([[0.0, 0.0], [1.5, 2.0], [0.0, 3.0], [4.0, 0.0], [2.0, -1.0]])
    program = lower(program_of(function, [1.25, 1.0, 1.0], 1))
    check(program, np.array([1.25]), inputs)
    for observation in inputs:
        found = fused(program).gradient(np.array([1.25]), np.array([observation] * 2), np.array([1.0, 0.0]), True)
        wanted = eager(function, [1.25], [observation])
        assert bits(found[0][:1]) == bits(wanted[0])
        assert bits(found[2][:1]) == bits(wanted[2])


def test_nothing_flows_through_a_detached_number():
    program = program_of(lambda w, x: DETACHED(w * x) * x + DETACHED(x), [3.0, 2.0], 1)
    check(program, np.array([3.0]), RNG.normal(size=(FEW, 1)))
    check_eager(lambda x: DETACHED(x * x) * x + DETACHED(x), RNG.normal(size=(FEW, 1)))


def test_all_outputs_are_given_and_the_gradient_is_that_of_the_first():
    def function(w, x):
        hidden = (w * x).tanh()
        return [hidden, hidden * hidden, x, w, 2.5, hidden.exp() + x]

    check(lower(program_of(function, [0.5, 1.0], 1)), np.array([0.5]), RNG.normal(size=(300, 1)))


def test_the_output_may_be_any_slot():
    w, x = Value(3.0), Value(2.0)
    for root in (x, w, w * x, autodiff.constant(7.0), x.exp()):
        program, _ = Program.from_graph(root, x.sin(), inputs=[x], parameters=[w])
        check(program, np.array([3.0]), RNG.normal(size=(FEW, 1)), RNG.normal(size=FEW))


def test_what_all_observations_share_is_computed_once():
    program = lower(program_of(lambda w, v, x: (w * v).exp() * x.sin() + w * x + v.log() * (w * v), [0.5, 2.0, 1.0], 2))
    assert program.shared
    check(program, np.array([0.5, 2.0]), RNG.normal(size=(300, 1)))


def test_an_operation_of_ones_own_runs_between_segments():
    own = operation("fused_gamma", lambda x: math.lgamma(abs(x) + 1.0), lambda x, y: math.atan(x))
    try:
        assert not can_be_fused(own, (None,))
        check_eager(lambda x: (own(x.sin() * 2.0) + x.exp()).tanh() * x, RNG.normal(size=(FEW, 1)))
    finally:
        autodiff.OPERATIONS.pop("fused_gamma")


def test_a_value_that_is_not_finite_is_given_as_it_is():
    program = program_of(lambda w, x: w * x.exp(), [1.0, 1.0], 1)
    check(program, np.array([2.0]), np.array([[1.0], [1000.0], [math.nan], [-math.inf]]))


def test_threads_give_the_same_bits():
    program = lower(program_of(lambda w, v, x: (w * x).tanh() * v + x.sin() * w, [0.5, 2.0, 1.0], 2))
    theta, inputs = np.array([0.5, 2.0]), RNG.normal(size=(70 * CHUNK + 3, 1))
    assert len(inputs) * len(program.operands) > WORK
    alone = plain(program).gradient(theta, inputs, wrt_inputs=True)
    for threads in (1, 2, 5):
        assert [*map(bits, alone)] == [*map(bits, fused(program, threads).gradient(theta, inputs, wrt_inputs=True))]


@pytest.mark.parametrize("layout", [np.asfortranarray, np.float32, lambda inputs: np.repeat(inputs, 2, 1)[:, ::2]])
def test_inputs_of_any_layout(layout):
    program = lower(program_of(lambda w, x, z: (w * x).tanh() * z, [0.5, 2.0, 1.0], 1))
    inputs = RNG.normal(size=(2 * CHUNK + 3, 2)).astype(np.float32).astype(float)
    one, other = (fused(program).gradient(np.ones(1), each, wrt_inputs=True) for each in (inputs, layout(inputs)))
    assert [*map(bits, one)] == [*map(bits, other)]


@pytest.mark.parametrize("observations", [2, 7, 8, 9, 128, 131, 4096, 8193, 20_000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layout", ["rows", "columns", "apart", "two arrays", "every other", "backwards"])
def test_what_reads_inputs_alone_reads_them_where_they_are(layout, weighted, observations):
    """With the bits of the instructions one by one; of an input that nothing depends on, the gradient is 0."""
    program = lower(program_of(lambda a, b, c: (a + c - (a * c + c**3)) ** 2 / 2, RNG.standard_normal(3)))
    assert lay_out(program, wrt_inputs=True, fused=True).words[WHOLE]
    numbers = RNG.standard_normal((observations, 3))
    inputs = {
        "rows": numbers,
        "columns": np.asfortranarray(numbers),
        "apart": Columns([*numbers.T.copy()]),
        "two arrays": Columns([numbers[:, :2].copy(), numbers[:, 2].copy()]),
        "backwards": Columns([numbers[::-1].copy()[::-1]]),
        "every other": np.repeat(numbers, 2, axis=0)[::2],
    }[layout]
    weights = RNG.standard_normal(observations) if weighted else 0.5
    wanted = plain(program).gradient(np.empty(0), numbers, weights, True)
    for threads in (1, 2):
        found = fused(program, threads).gradient(np.empty(0), inputs, weights, True)
        assert [bits(each) for each in found] == [bits(each) for each in wanted]


def whole(a, b, c):
    return a * b + a


OUTPUTS = {
    "an input first": lambda a, b, c: [c, whole(a, b, c)],
    "an input after it": lambda a, b, c: [whole(a, b, c), c],
    "an input that stands before those that are read": lambda c, a, b: [whole(a, b, c), c],
    "a constant first": lambda a, b, c: [autodiff.constant(7.0), whole(a, b, c)],
    "a number twice": lambda a, b, c: [whole(a, b, c)] * 2,
}


@pytest.mark.parametrize("function", OUTPUTS.values(), ids=OUTPUTS)
def test_outputs_beside_what_reads_inputs_alone(function):
    for weights in (1.0, RNG.normal(size=20)):
        check(lower(program_of(function, [1.0, 2.0, 3.0])), np.empty(0), RNG.normal(size=(3, 20)).T, weights)


@pytest.mark.parametrize("weights", [[1.0, 2.0], np.ones((3, 1))])
def test_weights_that_do_not_fit_are_refused(weights):
    program = lower(program_of(lambda x: x * x, [1.0]))
    with pytest.raises(ValueError, match="one weight, or one for each of 3 observations"):
        fused(program).gradient(np.empty(0), np.ones((3, 1)), weights, True)


@pytest.mark.parametrize("sizes", [[1, 1], [8, 1], [3, 1, 2, 1], [9, 1, 130, 1]])
def test_steps_of_a_descent_whatever_the_sizes_of_its_batches(sizes):
    """The last batch of an epoch may be a single observation."""
    program = lower(program_of(lambda w, v, u, x, y: (v * x * x + w * x * y + u * y + w * v) ** 2, np.ones(5), 3))
    inputs, starts = RNG.normal(size=(sum(sizes), 2)), np.cumsum([0, *sizes])
    found = []
    for made in (plain(program), fused(program)):
        parameters, state = np.array([0.3, 0.4, 0.5]), np.empty((0, 3))
        errors, steps = made.descend(
            parameters, state, inputs, np.arange(len(inputs)), starts, np.full(len(sizes), 0.01), 1,
            lambda gradient, rate, step: (-rate * gradient,),
        )  # fmt: skip
        assert steps == len(sizes)
        found.append([bits(errors), bits(parameters)])
    assert found[0] == found[1]


@pytest.mark.parametrize("readable", [True, False])
def test_threads_give_the_same_bits_where_some_observations_need_care(readable):
    """The careful pass adds up in another order, so that it matters which observations it is given."""

    def function(w, v, x):
        return where(x, (w * x).log() * v, w) + dot([w, v] * 8, [x + each for each in range(16)])

    program = lower(program_of(function, [0.3, 0.4, 1.0], 2))
    theta, inputs = np.array([0.3, 0.4]), RNG.uniform(0.5, 1.5, (20 * CHUNK + 3, 1))
    inputs[[5, 13 * CHUNK]] = 0.0
    assert len(inputs) * len(program.operands) > WORK
    given = inputs if readable else inputs.astype(np.float32)
    alone = fused(program).gradient(theta, given, wrt_inputs=True)
    assert math.isfinite(alone[3])
    for threads in (2, 3, 5):
        assert [*map(bits, alone)] == [*map(bits, fused(program, threads).gradient(theta, given, wrt_inputs=True))]


@pytest.mark.parametrize("place", [0, 8, 16])
def test_of_one_that_is_not_finite_all_others_are_right(place):
    program = lower(program_of(lambda a: autodiff.sqrt(a) * 2.0, [1.0]))
    numbers = RNG.uniform(1.0, 2.0, (17, 1))
    numbers[place] = 0.0
    check(program, np.empty(0), numbers)


def test_nothing_changes_when_the_fused_code_arrives(monkeypatch):
    program = lower(program_of(lambda w, x: (w * x).tanh() * w + x.sin(), [0.5, 2.0], 1))
    monkeypatch.setattr(runner, "SHORT", 0)
    monkeypatch.setattr(runner, "HOT", 250)
    made, inputs = NativeRunner(program), RNG.normal(size=(100, 1))
    found = [made.gradient(np.ones(1), inputs, wrt_inputs=True) for _ in range(5)]
    assert made.fused.found
    assert made.parts.found
    assert all([*map(bits, each)] == [*map(bits, found[0])] for each in found)


def test_one_runner_serves_several_threads():
    program = lower(program_of(lambda w, x: (w * x).tanh() * w + x.sin(), [0.5, 2.0], 1))
    made, batches = fused(program), [RNG.normal(size=(size, 1)) for size in (2, 50, 3000, 700) * 3]
    wanted = [plain(program).gradient(np.ones(1), batch, wrt_inputs=True) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(wanted, pool.map(lambda batch: made.gradient(np.ones(1), batch, 1.0, True), batches)):
            assert [*map(bits, one)] == [*map(bits, other)]


def test_a_short_program_is_fused_at_once_a_single_observation_never():
    program = lower(program_of(lambda w, x: (w * x + 1.0) * x, [0.5, 2.0], 1))
    made = NativeRunner(program)
    made.gradient(np.ones(1), np.ones((1, 1)))
    assert made.parts.found
    assert not made.fused.found
    made.gradient(np.ones(1), np.ones((2, 1)))
    assert made.fused.found


GUARDED = {
    "a branch": lambda w, x, k: w * x if x > 0 else (w - x) * x * x,
    "branches in branches": lambda w, x, k: (w * x if x * w > 1 else x - w) if x > 0 else (x * x * w if x < -1 else -x),
    "a branch by a parameter": lambda w, x, k: (w * x) * x if w > 0 else x / w,
    "a choice by an index": lambda w, x, k: autodiff.select([w * x, w + x, x * x * w], k) * x + w,
    "a choice among parameters": lambda w, x, k: autodiff.select([w, w * w, 2.0], k) * x * x + w,
    "a branch beside a choice": lambda w, x, k: autodiff.select([w * x, x - w, x], k) * (x if x > 0 else w * x),
}


@pytest.mark.parametrize("function", GUARDED.values(), ids=GUARDED)
def test_guards_and_choices_beside_fused_code(function):
    w = Value(0.75)
    error = autodiff.compile(lambda x, k: function(w, x, k), parameters=[w], backend="native")
    xs, ks = np.linspace(-2.0, 2.0, 300), np.arange(300) % 3
    values, slopes = error.value_and_grad(xs, ks, wrt=0, reduction=None)
    for x, k, value, slope in zip(xs.tolist(), ks.tolist(), values, slopes):
        leaf = Value(x)
        out = function(w, leaf, Value(float(k)))
        out.backward()
        assert bits([out.data, leaf.grad]) == bits([value, slope])
    assert error.last.runner.fused.found
