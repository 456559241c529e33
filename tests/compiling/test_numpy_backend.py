"""The NumPy backend gives what the eager engine gives: values and gradients."""

import math
from itertools import product

import numpy as np
import pytest

import autodiff
from autodiff import OPERATIONS, Value, lookup, operation
from autodiff.checking.strategies import draw_graphs
from autodiff.compiling.backends import BACKENDS, prepare
from autodiff.compiling.inputs import Columns
from autodiff.compiling.numpy import functions, straight
from autodiff.compiling.numpy import runner as numpy_backend
from autodiff.compiling.numpy.runner import NumpyRunner
from autodiff.program.lowering import hoist, lower
from autodiff.program.program import Program
from autodiff.registry import BUILT_IN
from autodiff.rules import SELECT
from tests.compiling.programs import bits, eager, network, program_of, tangle

ULP = 2.0**-52
SIMD = 8 * ULP  # NumPy's exp, tanh and the like may differ from math's in the last places
ROUNDING = 1e-12  # sums over observations, and over the uses of a parameter, are taken in another order
TABLE = [name for name in OPERATIONS if name in BUILT_IN]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-320, 1e300, -1e300, math.inf, -math.inf, math.nan]


@pytest.fixture
def functions_of_math(monkeypatch):
    """Elementary functions as ``math`` has them, so that every bit can be compared with the eager engine's."""

    def elementary(row):
        each = functions.elementwise(lambda operands: [row.evaluate(operands)], 1)
        return lambda *arrays: each(*arrays)[0]

    cached = (functions.primal_function, functions.contribution_function)
    monkeypatch.setattr(functions, "elementary", elementary)
    for each in cached:
        each.cache_clear()
    yield
    for each in cached:
        each.cache_clear()


def operand_rows(row):
    """Numbers for the operands of a row: inside its domain, where it is pinned, and special ones."""
    arity = row.arity or 4
    domain = row.domain * arity if row.arity is None else row.domain
    inside = [[low + (high - low) * share for low, high in domain] for share in (0.1, 0.35, 0.8)]
    special = [[*numbers] for numbers in product(SPECIAL, repeat=min(arity, 2))]
    return [
        *inside,
        *map(list, row.singular_points),
        *(numbers + [0.5] * (arity - len(numbers)) for numbers in special),
    ]


def test_a_power_is_not_a_root_where_that_is_another_number():
    runner = NumpyRunner(program_of(lambda x: x**0.5, [1.0]))
    found = runner.values(np.empty(0), np.array([[-math.inf], [-0.0], [4.0]]))
    assert bits(found[:, 0]) == bits([math.inf, 0.0, 2.0])


def test_a_rule_that_raises_where_no_gradient_flows_does_no_harm():
    try:
        root = operation("numpy_root", lambda x: math.fabs(x) ** 0.5, lambda x, y: 0.5 / math.sqrt(x))
        runner = NumpyRunner(program_of(lambda x: autodiff.where(x.relu(), root(x), 3.0 * x), [1.0]))
        values, _, slopes, _ = runner.gradient(np.empty(0), np.array([[-4.0]]), wrt_inputs=True)
        assert (values.tolist(), slopes.tolist()) == ([-12.0], [[3.0]])
    finally:
        del OPERATIONS["numpy_root"]


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("parameters", [0, 1])
@pytest.mark.usefixtures("functions_of_math")
def test_every_operation_has_the_bits_of_its_row_also_at_singular_points(name, parameters):
    row = lookup(name)
    rows = operand_rows(row)
    runner = NumpyRunner(program_of(row, [0.5] * len(rows[0]), parameters))
    for numbers in rows:
        theta, inputs = np.array(numbers[:parameters]), np.array([numbers[parameters:]])
        found = runner.gradient(theta, inputs, 1.0, True)
        assert [*map(bits, found)] == [*map(bits, eager(row, theta, inputs))], numbers


@pytest.mark.parametrize("name", TABLE)
def test_every_operation_is_close_to_its_row_with_functions_of_numpy(name):
    row = lookup(name)
    inputs = np.array(operand_rows(row)[:3])
    runner = NumpyRunner(program_of(row, inputs[0]))
    for found, wanted in zip(runner.gradient(np.zeros(0), inputs, 1.0, True), eager(row, [], inputs)):
        np.testing.assert_allclose(found, wanted, rtol=SIMD)


OPTIONS = [
    {},
    {"wild": True},
    {"operations": ["add", "multiply", "multiply", "divide", "maximum", "relu", "where"], "max_size": 60},
]


@pytest.mark.parametrize("lowered", [False, True], ids=["recorded", "lowered"])
@pytest.mark.parametrize("seed", range(len(OPTIONS)))
@pytest.mark.usefixtures("functions_of_math")
def test_random_graphs_have_the_bits_of_the_eager_engine(seed, lowered):
    for graph in draw_graphs(seed, 60, **OPTIONS[seed]):
        program = program_of(graph, graph.inputs)
        rng = np.random.default_rng(seed)
        inputs = np.array([graph.inputs, *(rng.normal(size=(2, len(graph.inputs))) * graph.inputs)])
        found = NumpyRunner(lower(program) if lowered else program).gradient(np.zeros(0), inputs, 1.0, True)
        values, _, slopes, _ = eager(graph, [], inputs)
        assert bits(found[0]) == bits(values), graph
        assert bits(found[2]) == bits(slopes), graph


@pytest.mark.parametrize("observations", [1, 5])
def test_random_graphs_with_parameters_give_the_gradient_of_the_eager_engine(observations):
    for graph in draw_graphs(7, 80):
        half = (len(graph.inputs) + 1) // 2
        theta = np.array(graph.inputs[:half])
        inputs = np.repeat([graph.inputs[half:]], observations, axis=0)
        weights = np.linspace(-1.0, 2.0, observations)
        runner = NumpyRunner(lower(program_of(graph, graph.inputs, half)))
        for found, wanted in zip(runner.gradient(theta, inputs, weights, True), eager(graph, theta, inputs, weights)):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9, err_msg=str(graph))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("observations", [1, 4])
@pytest.mark.parametrize("parameters", [0, 3])
def test_sums_of_products_over_shared_operands_have_the_bits_of_the_eager_engine(seed, observations, parameters):
    function, numbers = tangle(seed)
    inputs = np.linspace(0.5, 1.5, observations)[:, None] * numbers[parameters:]
    theta = numbers[:parameters]
    program = program_of(function, numbers, parameters)
    values, gradient, slopes, _ = eager(function, theta, inputs)
    for runner in (NumpyRunner(program), NumpyRunner(lower(program))):
        found = runner.gradient(theta, inputs, 1.0, True)
        assert bits(found[0]) == bits(values)
        assert bits(found[2]) == bits(slopes)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-10)


@pytest.mark.parametrize("observations", [1, 2, 9])
@pytest.mark.parametrize(("dots", "width"), [(40, 1), (1, 40), (40, 40)])
def test_a_wide_layer_adds_in_the_order_of_the_eager_engine(dots, width, observations):
    rng = np.random.default_rng(dots)
    theta, inputs = rng.normal(size=dots * width), rng.normal(size=(observations, width))

    def function(*numbers):
        rows = [numbers[at * width : (at + 1) * width] for at in range(dots)]
        return autodiff.total([autodiff.dot(row, numbers[dots * width :]) for row in rows])

    found = NumpyRunner(lower(program_of(function, [*theta, *inputs[0]], len(theta)))).gradient(
        theta, inputs, 1.0, True
    )
    wanted = eager(function, theta, inputs)
    assert bits(found[0]) == bits(wanted[0])
    assert bits(found[2]) == bits(wanted[2])
    np.testing.assert_allclose(found[1], wanted[1], rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("parameters", [0, 2])
def test_one_function_of_a_small_program_has_the_bits_of_its_kernels(options, parameters, monkeypatch):
    monkeypatch.setattr(straight, "NUMBERS", 1)
    monkeypatch.setattr(straight, "LEAST", 4)
    found = 0
    for graph in draw_graphs(11, 40, **options):
        own = min(parameters, len(graph.inputs) - 1)
        program = lower(program_of(graph, graph.inputs, own))
        theta, inputs = np.array(graph.inputs[:own]), np.array([graph.inputs[own:]] * 9) * np.linspace(0, 2, 9)[:, None]
        for wrt_inputs, weights in product((False, True), (0.5, np.linspace(-1.0, 2.0, 9))):
            monkeypatch.setattr(numpy_backend, "FEWEST", 10)
            kernels = NumpyRunner(program)
            wanted, outputs = kernels.gradient(theta, inputs, weights, wrt_inputs), kernels.values(theta, inputs)
            monkeypatch.setattr(numpy_backend, "FEWEST", 1)
            runner = NumpyRunner(program)
            values, gradient, slopes, total = runner.gradient(theta, inputs, weights, wrt_inputs)
            found += bool(runner._straight)
            assert bits(values) == bits(wanted[0])
            assert wrt_inputs == (slopes is not None)
            assert slopes is None or bits(slopes) == bits(wanted[2])
            np.testing.assert_allclose(gradient, wanted[1], rtol=1e-9, atol=1e-9)
            assert bits(total) == bits(wanted[3])
            assert bits(runner.values(theta, inputs)) == bits(outputs)
            apart = runner.gradient(theta, Columns([*inputs.T.copy()]), weights, wrt_inputs)
            assert [bits(each) for each in apart if each is not None] == [
                bits(each) for each in (values, gradient, slopes, total) if each is not None
            ]
    assert found > 20


@pytest.mark.parametrize("slot", range(3))
def test_one_function_gives_any_slot(slot, monkeypatch):
    monkeypatch.setattr(numpy_backend, "FEWEST", 1)
    w, x = Value(3.0), Value(2.0)
    program, _ = Program.from_graph((x, w, autodiff.constant(-math.inf))[slot], inputs=[x], parameters=[w])
    values, gradient, slopes, _ = NumpyRunner(program).gradient(np.array([3.0]), np.array([[7.0], [8.0]]), 1.0, True)
    assert values.tolist() == ([7.0, 8.0], [3.0, 3.0], [-math.inf, -math.inf])[slot]
    assert gradient.tolist() == [2.0 * (slot == 1)]
    assert slopes.tolist() == [[1.0 * (slot == 0)]] * 2


@pytest.mark.parametrize("fewest", [1, 10])
def test_a_gradient_of_zero_is_no_symbolic_zero(fewest, monkeypatch):
    monkeypatch.setattr(numpy_backend, "FEWEST", fewest)
    program = lower(program_of(lambda x, y: x * y, [1.0, 2.0]))
    slopes = NumpyRunner(program).gradient(np.empty(0), np.array([[-0.0, 3.0], [2.0, -0.0]]), 1.0, True)[2]
    assert str(slopes.tolist()) == "[[3.0, 0.0], [0.0, 2.0]]"


def moons(observations):
    """The moons' network of micrograd: program, parameters and inputs."""
    program, theta, _ = network([2, 16, 16, 1])
    inputs = np.random.default_rng(1).normal(size=(observations, 3))
    inputs[:, 2] = np.sign(inputs[:, 2])
    return lower(program), theta, inputs


def test_blocks_change_nothing_but_the_order_of_sums(monkeypatch):
    program, theta, inputs = moons(30)
    runner = NumpyRunner(program)
    values, gradient, slopes, _ = runner.gradient(theta, inputs, 1.0, True)
    outputs = runner.values(theta, inputs)
    for block in (1, 7, 29, 30, 31):
        monkeypatch.setattr(numpy_backend, "BLOCK", block * runner.schedule(wrt_inputs=True).rows)
        found = runner.gradient(theta, inputs, 1.0, True)
        assert bits(found[0]) == bits(values)
        assert bits(found[2]) == bits(slopes)
        np.testing.assert_allclose(found[1], gradient, rtol=ROUNDING, atol=ROUNDING)
        assert bits(runner.values(theta, inputs)) == bits(outputs) == bits(values[:, None])


def test_no_observations_give_no_values_and_no_gradient():
    program, theta, inputs = moons(0)
    values, gradient, slopes, _ = NumpyRunner(program).gradient(theta, inputs, 1.0, True)
    assert (values.shape, slopes.shape) == ((0,), (0, 3))
    assert gradient.tolist() == [0.0] * len(theta)
    assert NumpyRunner(program).values(theta, inputs).shape == (0, 1)


def test_an_observation_counts_as_much_as_its_weight():
    program, theta, inputs = moons(4)
    runner = NumpyRunner(program)
    weights = np.array([1.0, 0.0, -2.0, 0.5])
    each = [runner.gradient(theta, row[None], 1.0, True) for row in inputs]
    values, gradient, slopes, _ = runner.gradient(theta, inputs, weights, True)
    assert bits(values) == bits([one[0][0] for one in each])
    np.testing.assert_allclose(gradient, sum(w * one[1] for w, one in zip(weights, each)), rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_allclose(slopes, [w * one[2][0] for w, one in zip(weights, each)], rtol=ROUNDING, atol=ROUNDING)


def test_inputs_may_be_a_memory_map_of_any_layout(tmp_path):
    program, theta, inputs = moons(20)
    mapped = np.memmap(tmp_path / "inputs", np.float64, "w+", shape=inputs.shape, order="F")
    mapped[:] = inputs
    runner = NumpyRunner(program)
    assert bits(runner.values(theta, mapped)) == bits(runner.values(theta, inputs))


def test_results_are_fresh_and_arguments_stay_as_they_were():
    program, theta, inputs = moons(5)
    runner, before = NumpyRunner(program), (theta.copy(), inputs.copy())
    first = runner.gradient(theta, inputs, 1.0, True)
    kept = [np.copy(each) for each in first]
    runner.gradient(2 * theta, inputs, 1.0, True)
    assert [*map(bits, first)] == [*map(bits, kept)]
    assert [*map(bits, (theta, inputs))] == [*map(bits, before)]


def test_what_parameters_alone_decide_is_computed_once(monkeypatch):
    calls = []

    def squared(x):
        calls.append(x)
        return float(x) * float(x)

    own = operation("squared_of_t1", squared, lambda x, y: 2 * x)
    program = hoist(program_of(lambda w, x: own(w) * x, [3.0, 2.0], 1))
    runner = NumpyRunner(program)
    monkeypatch.setattr(numpy_backend, "BLOCK", 4 * runner.schedule(wrt_inputs=False).rows)
    calls.clear()
    values, gradient, _, _ = runner.gradient(np.array([3.0]), np.ones((10, 1)))
    assert program.shared == 1
    assert len(calls) == 1
    assert values.tolist() == [9.0] * 10
    assert gradient.tolist() == [60.0]
    autodiff.OPERATIONS.pop("squared_of_t1")


@pytest.mark.parametrize(
    "row",
    [
        ("with_math", lambda x: math.exp(x) * x, lambda x, y: math.exp(x) * (1 + x)),
        ("with_branches", lambda x: x * x if x > 0 else -3 * x, lambda x, y: 2 * x if x > 0 else -3.0),
        ("with_two", lambda x, z: math.hypot(x, z), lambda x, z, y: x / y, lambda x, z, y: z / y),
        ("spacing", lambda x: math.copysign(7.0, x), lambda x, y: 0.25),  # as one of NumPy's is called, by chance
    ],
    ids=lambda row: row[0],
)
def test_operations_of_ones_own_run(row):
    own = operation(*row)
    try:
        inputs = np.array([[0.5, 2.0], [-1.5, 0.25], [0.0, 1.0]])[:, : own.arity]
        found = NumpyRunner(program_of(own, inputs[0])).gradient(np.zeros(0), inputs, 1.0, True)
        assert [*map(bits, found)] == [*map(bits, eager(own, [], inputs))]
    finally:
        autodiff.OPERATIONS.pop(row[0])


def test_the_side_of_a_choice_that_is_not_taken_may_raise():
    inner = operation("log_of_math", lambda x: math.log(x), lambda x, y: 1 / x)
    own = operation("log_or_zero", lambda x: inner(x) if x > 0 else 0.0, lambda x, y: 1 / x if x > 0 else 0.0)
    try:
        inputs = np.array([[-1.0], [2.0], [0.0]])
        found = NumpyRunner(program_of(own, inputs[0])).gradient(np.zeros(0), inputs, 1.0, True)
        assert [*map(bits, found)] == [*map(bits, eager(own, [], inputs))]
    finally:
        autodiff.OPERATIONS.pop("log_of_math")
        autodiff.OPERATIONS.pop("log_or_zero")


def test_an_operation_of_any_number_of_operands_of_ones_own_runs():
    own = operation(
        "sum_of_squares",
        lambda *xs: math.fsum(x * x for x in xs),
        lambda xs, y: [2 * x for x in xs],
        variadic=True,
    )
    try:
        inputs = np.random.default_rng(0).normal(size=(2, 100))
        found = NumpyRunner(program_of(own, inputs[0])).gradient(np.zeros(0), inputs, 1.0, True)
        assert [*map(bits, found)] == [*map(bits, eager(own, [], inputs))]
    finally:
        autodiff.OPERATIONS.pop("sum_of_squares")


@pytest.mark.parametrize("observations", [1, 4])
def test_a_selection_takes_and_gives_where_the_index_says(observations):
    def function(w, v, index, x):  # twice from parameters and inputs mixed, once from results
        first, second = SELECT(index, w, x, 2.0, w), SELECT(index, x, x * w, v, v * v)
        return SELECT(index, first * second, second, first, x) + first

    theta = np.array([1.5, -0.5])
    inputs = np.array([[index % 4, 0.25 * index + 1] for index in range(observations)])
    runner = NumpyRunner(lower(program_of(function, [*theta, 0.0, 1.0], 2)))
    found, wanted = runner.gradient(theta, inputs, 1.0, True), eager(function, theta, inputs)
    assert bits(found[0]) == bits(wanted[0])
    assert bits(found[2]) == bits(wanted[2])
    np.testing.assert_allclose(found[1], wanted[1], rtol=ROUNDING)


def test_nothing_flows_where_nothing_depends_and_a_zero_times_infinity_is_nan():
    def function(w, x):
        return autodiff.where(x, w / x, 0.0) + autodiff.relu(x) * 0.0 + autodiff.dot([w, 0.0], [x, autodiff.log(x)])

    theta, inputs = np.array([2.0]), np.array([[0.0], [3.0], [1.0]])
    runner = NumpyRunner(program_of(function, [2.0, 1.0], 1))
    found, wanted = runner.gradient(theta, inputs, 1.0, True), eager(function, theta, inputs)
    assert bits(found[2]) == bits(wanted[2])
    np.testing.assert_allclose(found[1], wanted[1], rtol=ROUNDING)


def test_outputs_can_be_any_slots():
    w, x = Value(2.0), Value(3.0)
    program, _ = Program.from_graph(x, w, w * x, autodiff.constant(7.0), w * w, inputs=[x])
    theta, inputs = np.array([2.0]), np.array([[3.0], [4.0]])
    for each in (program, lower(program)):
        assert NumpyRunner(each).values(theta, inputs).tolist() == [
            [3.0, 2.0, 6.0, 7.0, 4.0],
            [4.0, 2.0, 8.0, 7.0, 4.0],
        ]
        assert NumpyRunner(each).gradient(theta, inputs, 1.0, True)[2].tolist() == [[1.0], [1.0]]


def test_the_gradient_is_that_of_the_first_output_also_where_others_are_computed_from_it():
    def function(w, v, x):
        first = autodiff.tanh(x)
        return [first, autodiff.dot([w, v], [first, x]), autodiff.dot([v, w], [first, x])]

    program = program_of(function, [2.0, 3.0, 0.5], 2)
    for each in (program, lower(program)):
        _, gradient, slopes, _ = NumpyRunner(each).gradient(np.array([2.0, 3.0]), np.array([[0.5], [-1.0]]), 1.0, True)
        assert gradient.tolist() == [0.0, 0.0]
        np.testing.assert_allclose(slopes[:, 0], 1 - np.tanh([0.5, -1.0]) ** 2, rtol=SIMD)


def momentum(gradient, rate, step, velocity):
    velocity = 0.9 * velocity + gradient * autodiff.sqrt(1.0 / step)
    return -rate * velocity, velocity


def test_an_optimizers_rule_runs_on_arrays():
    rng = np.random.default_rng(0)
    gradient, velocity = rng.normal(size=(2, 5))
    move, moved = functions.rule_function(momentum, 1)(gradient, 0.1, 4.0, velocity)
    wanted = [momentum(float(g), 0.1, 4.0, float(v)) for g, v in zip(gradient, velocity)]
    assert bits([move, moved]) == bits(np.transpose(wanted))


def test_a_rule_that_calls_math_is_refused():
    with pytest.raises(TypeError, match="written with arithmetic and operations of autodiff"):
        functions.rule_function(lambda gradient, rate, step: (-rate * math.tanh(gradient),), 0)


def test_a_backend_is_chosen_by_name():
    program, _, _ = moons(1)
    assert isinstance(prepare(program, "numpy"), NumpyRunner)
    assert {"numpy"} <= {*BACKENDS}
    with pytest.raises(ValueError, match=r"unknown backend 'numpi' \(must be one of .*'numpy'"):
        prepare(program, "numpi")
