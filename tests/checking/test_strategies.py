"""Laws of the hypothesis strategies, and the engine under random graphs."""

from collections import Counter

import pytest

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis draws the graphs")

from hypothesis import HealthCheck, given, settings  # noqa: E402  # only where it is installed

from autodiff import Value, topological_order  # noqa: E402
from autodiff.checking import GradientMismatchError, check_gradients  # noqa: E402
from autodiff.checking.graphs import recorded  # noqa: E402
from autodiff.checking.reduction import reduced  # noqa: E402
from autodiff.checking.strategies import expressions, graphs, operations, points  # noqa: E402


def shared(graph):
    """How many of its results are used more than once."""
    uses = Counter(slot for _, operands in graph.instructions for slot in operands)
    return sum(uses[slot] > 1 for slot in range(graph.program.first_result, graph.program.slots))


QUIET = settings(deadline=None, max_examples=60, database=None, suppress_health_check=list(HealthCheck))


def gradients(graph, backward=Value.backward):
    nodes = [*map(Value, graph.inputs)]
    backward(graph(*nodes))
    return [node.grad for node in nodes]


@QUIET
@given(graphs())
def test_a_printed_graph_is_code_that_gives_the_same_bits(graph):
    space = {}
    exec(repr(graph), space)
    assert space["point"] == graph.inputs
    assert space["f"](*map(Value, graph.inputs)).data == graph(*graph.inputs)


@QUIET
@given(graphs(min_size=45, max_size=80).filter(lambda graph: len(graph.instructions) >= 30 and shared(graph)))
def test_the_engine_is_right_on_large_graphs_with_shared_nodes(graph):
    check_gradients(graph, graph.inputs)


@QUIET
@given(graphs(wild=True))
def test_no_right_gradient_is_flagged_on_wild_graphs(graph):
    check_gradients(graph, graph.inputs)


@QUIET
@given(graphs(max_size=6))
def test_second_derivatives_are_right(graph):
    check_gradients(graph, graph.inputs, order=2)


@QUIET
@given(graphs())
def test_recording_gives_the_graph_back(graph):
    nodes = [*map(Value, graph.inputs)]
    again = recorded(graph(*nodes), nodes)
    assert again(*again.inputs) == graph(*graph.inputs)
    assert len(again.instructions) == len(graph.instructions)


def test_inner_nodes_are_shared_in_many_graphs():
    found = []

    @settings(QUIET, max_examples=200)
    @given(graphs())
    def collect(graph):
        found.append(shared(graph) > 0)

    collect()
    assert sum(found) >= 0.3 * len(found)


@QUIET
@given(graphs(min_size=20, max_size=40))
def test_reduction_ends_in_a_failing_graph_that_is_no_larger(graph):
    def uses_multiply(smaller):
        return any(op.name == "multiply" for op, _ in smaller.instructions)

    if uses_multiply(graph):
        small = reduced(graph, uses_multiply)
        assert len(small.instructions) == 1
        assert uses_multiply(small)


@QUIET
@given(points(3, min_value=-1.0, max_value=2.0), operations(arity=1, kinks=False), expressions(max_inputs=1))
def test_points_operations_and_expressions_keep_their_bounds(point, row, expression):
    assert all(-1.0 <= x <= 2.0 for x in point)
    assert row.arity == 1
    assert not row.kinks
    assert isinstance(expression(1.0), float)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: graphs(min_size=0),
        lambda: graphs(min_size=3, max_size=2),
        lambda: graphs(max_inputs=0),
        lambda: graphs(operations=["dot"]),
        lambda: graphs(operations=["tahn"]),
        lambda: points(0),
        lambda: points(min_value=2, max_value=1),
        lambda: operations(arity=7),
    ],
)
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r".+"):
        wrong()


def test_a_large_order_bug_is_reduced_to_a_few_operations():
    from benchmarks.faults import FAULTS

    preorder = next(fault for fault in FAULTS if fault.name == "preorder")
    x = Value(0.5)
    y = x
    for _ in range(10):
        y = (y * 0.9).tanh() + y * x
    graph = recorded(y, [x])
    assert len(graph.instructions) == 40
    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(graph, graph.inputs, backward=preorder.backward)
    assert len(caught.value.reduced.instructions) <= 4
    assert len(topological_order(y)) > 40
