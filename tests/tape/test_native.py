import numpy as np
import pytest

from autodiff import OPERATIONS, Value, dot, select, total
from autodiff.checking.strategies import TRUNK, draw_graphs
from tests.tape.programs import eager, network, program_of

pytest.importorskip("numba", reason="the native backend needs numba")

from autodiff.tape.backends import prepare
from autodiff.tape.native import NativeRunner

ROWS = [row for row in OPERATIONS.values() if row.arity is not None]
RNG = np.random.default_rng(0)


def same(left, right):
    return np.array_equal(np.asarray(left), np.asarray(right), equal_nan=True)


def check(function, parameters, inputs):
    """Values and gradients of the inputs to the last bit; those of the parameters up to the order of their sum."""
    runner = NativeRunner(program_of(function, [*parameters, *inputs[0]], len(parameters)))
    values, gradient, input_gradient = runner.gradient(np.array(parameters), inputs, wrt_inputs=True)
    expected, expected_gradient, expected_input_gradient = eager(function, parameters, inputs)
    assert same(values, expected)
    assert same(runner.values(np.array(parameters), inputs)[:, 0], expected)
    assert same(input_gradient, expected_input_gradient)
    assert np.allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-12, equal_nan=True)


def points(row, observations):
    """Numbers from the row's domain, then its singular points."""
    drawn = [RNG.uniform(low, high, observations) for low, high in row.domain]
    return np.concatenate([np.column_stack(drawn), *(np.array([point]) for point in row.pinned)])


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_is_what_eager_makes_of_it(row):
    check(row, [], points(row, 11))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_of_one_observation_is_what_eager_makes_of_it(row):
    for point in points(row, 3):
        check(row, [], point[None])


@pytest.mark.parametrize("parameters", [0, 1])
def test_random_graphs_are_what_eager_makes_of_them(parameters):
    for graph in draw_graphs(seed=3, count=6, operations=TRUNK, min_size=20, wild=True):
        parameters = min(parameters, len(graph.inputs) - 1)
        inputs = np.array(graph.inputs[parameters:]) + np.vstack([np.zeros(3), RNG.normal(size=(9, 3))])[:, : len(graph.inputs) - parameters]
        check(graph, graph.inputs[:parameters], inputs)
