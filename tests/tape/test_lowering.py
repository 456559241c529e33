"""Every pass leaves the numbers as they are: values bit by bit, gradients too, where it does not say otherwise."""

from functools import partial

import numpy as np
import pytest

import autodiff
from autodiff import Value, lookup, maximum, softmax
from autodiff.checking.strategies import draw_graphs
from autodiff.operations import DETACHED, SELECT
from autodiff.tape import lowering
from autodiff.tape.lowering import PASSES, lower, merge_repeated, only
from autodiff.tape.numpy_backend import NumpyRunner
from autodiff.tape.program import Guard, Instruction, assemble
from tests.tape.programs import flatten, network, program_of

ROUNDING = 1e-12  # where gradients add up in another order
EVERY = [pytest.param([one], id=one.__name__) for one in PASSES] + [pytest.param(PASSES, id="all")]
MANY = ["add", "multiply", "add", "multiply", "add", "exp", "tanh", "maximum"]  # sums of products, and repetitions


def graphs():
    return [
        *draw_graphs(1, 60),
        *draw_graphs(2, 60, wild=True),
        *draw_graphs(3, 60, operations=MANY, max_size=40),
        *draw_graphs(4, 30, operations=["add", "multiply"], max_size=60, max_inputs=6),
    ]


GRAPHS = graphs()


def bits(array):
    """Numbers that can be compared for equality: all nan alike, 0.0 and -0.0 too."""
    array = np.asarray(array) + 0.0
    return np.where(np.isnan(array), np.nan, array).view(np.int64).tolist()


def points(graph, count=3):
    rng = np.random.default_rng(0)
    return np.array([graph.inputs, *(rng.normal(size=(count - 1, len(graph.inputs))) * graph.inputs)])


@pytest.mark.parametrize("passes", EVERY)
def test_values_and_gradients_of_inputs_keep_their_bits(passes):
    for graph in GRAPHS:
        program = program_of(graph, graph.inputs)
        lowered = lower(program, passes)
        assert len(lowered) <= len(program)
        X = points(graph)
        before, _, slopes = NumpyRunner(program).gradient(np.zeros(0), X, wrt_inputs=True)
        after, _, lowered_slopes = NumpyRunner(lowered).gradient(np.zeros(0), X, wrt_inputs=True)
        assert bits(before) == bits(after), graph
        assert bits(slopes) == bits(lowered_slopes), graph


@pytest.mark.parametrize("passes", EVERY)
def test_gradients_of_parameters_stay_the_same(passes):
    for graph in GRAPHS:
        half = (len(graph.inputs) + 1) // 2
        program = program_of(graph, graph.inputs, half)
        X = points(graph)[:, half:]
        before, slope, _ = NumpyRunner(program).gradient(np.array(graph.inputs[:half]), X)
        after, lowered, _ = NumpyRunner(lower(program, passes)).gradient(np.array(graph.inputs[:half]), X)
        assert bits(before) == bits(after), graph
        np.testing.assert_allclose(lowered, slope, rtol=ROUNDING, err_msg=str(graph))
