"""A recorded graph, laid flat: one slot for each node, in the order of the eager engine."""

import pytest

from autodiff import Value, topological_order
from autodiff.operations import CONSTANT
from autodiff.program.program import Program


def graph():
    w, x, b = Value(2.0, label="w"), Value(3.0, label="x"), Value(0.5)
    return (w * x + b).tanh() * w + 1.0, w, x, b


def test_every_node_has_a_slot_with_its_operation_and_operands():
    root, *_ = graph()
    program, slots = Program.from_graph(root)
    order = topological_order(root)
    assert sorted(slots.values()) == list(range(len(order)))
    results = [node for node in order if node.parents]
    assert [slots[node] for node in results] == list(range(program.first_result, program.slots))
    for node, instruction in zip(results, program):
        assert instruction.op is node.op
        assert instruction.operands == tuple(slots[parent] for parent in node.parents)
    assert program.outputs.tolist() == [slots[root]]
    assert program.constants.tolist() == [node.data for node in order if node.op is CONSTANT]


def test_leaves_are_parameters_unless_they_are_given_as_inputs():
    root, _, x, _ = graph()
    assert Program.from_graph(root)[0].parameters == ("w", "x", "v3")  # after the constant in slot 0
    program, slots = Program.from_graph(root, inputs=[x])
    assert (program.parameters, program.inputs) == (("w", "v2"), ("x",))
    assert slots[x] == program.first_input


def test_parameters_keep_the_order_in_which_they_are_given():
    root, w, x, b = graph()
    unused = Value(7.0, label="unused")
    program, slots = Program.from_graph(root, inputs=[x], parameters=[b, unused, w])
    assert program.parameters == ("v1", "unused", "w")
    assert [slots[leaf] for leaf in (b, unused, w)] == [1, 2, 3]


def test_a_leaf_without_a_place_is_refused_by_name():
    root, w, x, _ = graph()
    with pytest.raises(ValueError, match=r"neither inputs nor parameters: v3$"):
        Program.from_graph(root, inputs=[x], parameters=[w])


@pytest.mark.parametrize("given", ["inputs", "parameters"])
def test_a_result_is_neither_an_input_nor_a_parameter(given):
    w = Value(2.0, label="w")
    square = w * w
    square.label = "square"
    with pytest.raises(ValueError, match=r"computed from others: square$"):
        Program.from_graph(square + 1.0, **{given: [square]})


def test_several_roots_share_their_nodes():
    w = Value(2.0, label="w")
    square = w * w
    program, slots = Program.from_graph(square + 1.0, square)
    assert len(program) == 2
    assert program.outputs.tolist() == [slots[square] + 1, slots[square]]


def test_frozen_leaves_are_constants():
    root, w, x, _ = graph()
    program, slots = Program.from_graph(root, inputs=[x], freeze=True)
    assert program.parameters == ()
    assert sorted(program.constants.tolist()) == [0.5, 1.0, 2.0]
    assert program.run([3.0])[slots[root]] == root.data
    program, _ = Program.from_graph(root, inputs=[x], parameters=[w], freeze=True)
    assert (program.parameters, program.inputs) == (("w",), ("x",))
