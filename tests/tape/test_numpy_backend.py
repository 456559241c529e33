"""The NumPy backend gives what the eager engine gives: values, gradients, and steps of descent."""

import math
from itertools import product

import numpy as np
import pytest

import autodiff
from autodiff import OPERATIONS, Value, lookup, operation
from autodiff.checking.strategies import draw_graphs
from autodiff.operations import SELECT
from autodiff.tape import numpy_backend, numpy_functions
from autodiff.tape.backends import BACKENDS, prepare
from autodiff.tape.lowering import lower
from autodiff.tape.numpy_backend import NumpyRunner
from autodiff.tape.program import Instruction, assemble
from tests.tape.programs import eager, network, program_of

ULP = 2.0**-52
SIMD = 8 * ULP  # NumPy's exp, tanh and the like may differ from math's in the last places
ROUNDING = 1e-12  # sums over observations are taken in another order
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-320, 1e300, -1e300, math.inf, -math.inf, math.nan]


def bits(array):
    """Numbers that can be compared for equality: all nan alike, 0.0 and -0.0 too."""
    array = np.asarray(array, float) + 0.0
    return np.where(np.isnan(array), np.nan, array).view(np.int64).tolist()


@pytest.fixture
def functions_of_math(monkeypatch):
    """Elementary functions as ``math`` has them, so that every bit can be compared with the eager engine's."""

    def elementary(row, arity):
        each = numpy_functions._each(lambda *operands: row.evaluate(operands), arity, 1)
        return lambda *arrays: each(*arrays)[0]

    monkeypatch.setattr(numpy_functions, "elementary", elementary)
    cached = (numpy_functions.primal_function, numpy_functions.derivative_function)
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
    return [*inside, *map(list, row.pinned), *(numbers + [0.5] * (arity - len(numbers)) for numbers in special)]


@pytest.mark.parametrize("name", [*OPERATIONS])
@pytest.mark.parametrize("parameters", [0, 1])
@pytest.mark.usefixtures("functions_of_math")
def test_every_operation_has_the_bits_of_its_row_also_at_singular_points(name, parameters):
    row = lookup(name)
    rows = operand_rows(row)
    runner = NumpyRunner(program_of(row, [0.5] * len(rows[0]), parameters))
    for numbers in rows:
        theta, X = np.array(numbers[:parameters]), np.array([numbers[parameters:]])
        found = runner.gradient(theta, X, 1.0, True)
        assert [*map(bits, found)] == [*map(bits, eager(row, theta, X))], numbers


@pytest.mark.parametrize("name", [*OPERATIONS])
def test_every_operation_is_close_to_its_row_with_functions_of_numpy(name):
    row = lookup(name)
    X = np.array(operand_rows(row)[:3])
    runner = NumpyRunner(program_of(row, X[0]))
    for found, wanted in zip(runner.gradient(np.zeros(0), X, 1.0, True), eager(row, [], X)):
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
        X = np.array([graph.inputs, *(rng.normal(size=(2, len(graph.inputs))) * graph.inputs)])
        found = NumpyRunner(lower(program) if lowered else program).gradient(np.zeros(0), X, 1.0, True)
        values, gradient, slopes = eager(graph, [], X)
        assert bits(found[0]) == bits(values), graph
        assert bits(found[2]) == bits(slopes), graph


@pytest.mark.parametrize("observations", [1, 5])
def test_random_graphs_with_parameters_give_the_gradient_of_the_eager_engine(observations):
    for graph in draw_graphs(7, 80):
        half = (len(graph.inputs) + 1) // 2
        theta = np.array(graph.inputs[:half])
        X = np.repeat([graph.inputs[half:]], observations, axis=0)
        weights = np.linspace(-1.0, 2.0, observations)
        runner = NumpyRunner(lower(program_of(graph, graph.inputs, half)))
        for found, wanted in zip(runner.gradient(theta, X, weights, True), eager(graph, theta, X, weights)):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9, err_msg=str(graph))


def tangle(seed, inputs=5, size=25):
    """A function of sums of products over operands that overlap, are repeated, and share rows or columns."""
    rng = np.random.default_rng(seed)
    recipe, count = [], inputs
    while len(recipe) < size:
        kind, width = rng.integers(5), int(rng.integers(1, 5))
        rows = rng.integers(0, count, (int(rng.integers(1, 6)), 2 * width))
        if kind == 1:
            rows[:, width:] = rows[0, width:]  # a layer
        elif kind == 2:
            rows[:, :width], rows[:, width:] = rng.integers(0, inputs, rows[:, :width].shape), rows[0, width:]
        elif kind == 3:
            rows = rng.permutation(count)[None, : 2 * (count // 2)]  # no slot twice
        recipe.append((("total", "dot", "dot", "dot", "relu")[kind], rows))
        count += len(rows)

    def function(*numbers):
        slots = list(numbers)
        for name, rows in recipe:
            new = [lookup(name)(*[slots[at] for at in (row[:1] if name == "relu" else row)]) for row in rows]
            slots += [each / 8.0 for each in new]
        return lookup("total")(*slots[-12:])

    return function, rng.normal(size=inputs)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("observations", [1, 4])
@pytest.mark.parametrize("parameters", [0, 3])
def test_sums_of_products_over_shared_operands_have_the_bits_of_the_eager_engine(seed, observations, parameters):
    function, numbers = tangle(seed)
    X = np.linspace(0.5, 1.5, observations)[:, None] * numbers[parameters:]
    theta = numbers[:parameters]
    program = program_of(function, numbers, parameters)
    values, gradient, slopes = eager(function, theta, X)
    for runner in (NumpyRunner(program), NumpyRunner(lower(program))):
        found = runner.gradient(theta, X, 1.0, True)
        assert bits(found[0]) == bits(values)
        assert bits(found[2]) == bits(slopes)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-10)
