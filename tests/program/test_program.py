"""Programs: what they are put together from, how they read, and that they survive pickling and drawing."""

import math
import pickle
import re

import numpy as np
import pytest

import autodiff
from autodiff import Value, dot, lookup, maximum, norm, operation, total
from autodiff.compiling.numpy.runner import NumpyRunner
from autodiff.program.lowering import lower
from autodiff.program.program import Guard, Instruction, Program, assemble
from autodiff.rules import DETACHED, SELECT
from tests.compiling.programs import bits, network, program_of

ADD, EXP = lookup("add"), lookup("exp")


def fields(program):
    arrays = (program.constants, program.opcodes, program.starts, program.operands, program.outputs)
    rest = (program.parameters, program.inputs, program.operations, program.guards, program.labels, program.shared)
    return [*map(np.ndarray.tolist, arrays), *rest]


def test_slots_are_constants_parameters_inputs_and_results():
    program = assemble([1.0, 2.0], ["w"], ["x", "y"], [Instruction(ADD, (0, 3)), Instruction(EXP, (5,))], [6, 2])
    assert (program.first_parameter, program.first_input, program.first_result, program.slots) == (2, 3, 5, 7)
    assert [program.name(slot) for slot in range(7)] == ["1.0", "2.0", "w", "x", "y", "v5", "v6"]
    assert [*program] == [(ADD, (0, 3)), (EXP, (5,))]
    assert len(program) == 2


@pytest.mark.parametrize(
    ("instructions", "outputs", "guards", "message"),
    [
        ([(ADD, (0, 1))], [0], [], "the instruction of slot 1 takes an operand that does not stand before it"),
        ([(ADD, (0, -1))], [0], [], "the instruction of slot 1 takes an operand that does not stand before it"),
        ([(EXP, (0,)), (EXP, (2,))], [0], [], "the instruction of slot 2 takes an operand"),
        ([(EXP, (0,))], [2], [], "there is no slot 2 among 2"),
        ([], [0], [Guard("<", 0, 5, True)], "there is no slot 5 among 1"),
    ],
)
def test_a_slot_must_stand_before_what_uses_it(instructions, outputs, guards, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        assemble([], [], ["x"], [Instruction(*each) for each in instructions], outputs, guards)


def test_what_depends_on_a_slot_and_where_gradients_flow():
    program = assemble(
        [1.0], ["w"], ["x"],
        [Instruction(EXP, (1,)), Instruction(DETACHED, (3,)), Instruction(ADD, (4, 2)), Instruction(ADD, (3, 0))],
        [5, 6],
    )  # fmt: skip
    assert np.flatnonzero(program.depends([1])).tolist() == [1, 3, 4, 5, 6]
    assert np.flatnonzero(program.active([1])).tolist() == [1, 3, 6]
    assert np.flatnonzero(program.depends([3])).tolist() == [3, 4, 5, 6]


def test_a_network_reads_line_by_line():
    program, _, _ = network([2, 2, 1])
    assert (
        str(lower(program))
        == """\
parameters  layers.0.neurons.0.weights.0, layers.0.neurons.0.weights.1, …, layers.1.neurons.0.bias (9)
inputs      x0, x1, y
  v13 = dot([layers.0.neurons.0.weights.0, layers.0.neurons.0.weights.1], [x0, x1])
  v14 = dot([layers.0.neurons.1.weights.0, layers.0.neurons.1.weights.1], [x0, x1])
  v15 = v13 + layers.0.neurons.0.bias
  v16 = v14 + layers.0.neurons.1.bias
  v17 = relu(v15)
  v18 = relu(v16)
  v19 = dot([layers.1.neurons.0.weights.0, layers.1.neurons.0.weights.1], [v17, v18])
  v20 = v19 + layers.1.neurons.0.bias
  v21 = y * v20
  v22 = 1.0 - v21
  v23 = relu(v22)
outputs     v23"""
    )
    assert repr(program) == "<program of 11 instructions, 9 parameters, 3 inputs, 1 outputs>"


def test_labels_guards_and_long_lists_are_printed():
    program = assemble(
        [], [], [f"x{at}" for at in range(9)],
        [Instruction(lookup("total"), tuple(range(9))), Instruction(lookup("maximum"), (0, 9))],
        [10],
        [Guard("<", 9, 0, False)],
        {9: "sum"},
    )  # fmt: skip
    assert str(program).splitlines()[2:] == [
        "  sum = total([x0, x1, …, x8 (9)])",
        "  v10 = maximum(x0, sum)",
        "guard       sum < x0 is False",
        "outputs     v10",
    ]


def test_a_program_pickles_with_operations_by_name():
    own = operation("cubed_in_a_pickle", lambda x: x * x * x, lambda x, y: 3 * x * x)
    try:
        program = program_of(lambda w, x, i: own(w * x) + SELECT(i, x, 2.0) - DETACHED(x), [2.0, 3.0, 1.0], 1)
        program = lower(program)
        copy = pickle.loads(pickle.dumps(program))
        assert fields(copy) == fields(program)
        assert str(copy) == str(program)
        theta, inputs = np.array([2.0]), np.array([[3.0, 0.0], [1.5, 1.0]])
        assert bits(NumpyRunner(copy).values(theta, inputs)) == bits(NumpyRunner(program).values(theta, inputs))
        written = pickle.dumps(program)
    finally:
        autodiff.OPERATIONS.pop("cubed_in_a_pickle")
    with pytest.raises(ValueError, match="unknown operation 'cubed_in_a_pickle'"):
        pickle.loads(written)


def test_a_program_is_drawn_with_its_names_and_without_numbers():
    program, _, _ = network([2, 2, 1])
    source = autodiff.draw(program).source
    for name in ("weights.0", "neurons.1", "x0", ">y<", "relu", "v23"):
        assert name in source
    assert "nan" not in source
    assert "not computed" not in source
    assert source.count("->") == sum(len(each.operands) for each in program)
    assert autodiff.draw(program, fold="layer").source.count("->") < 10


def test_several_outputs_are_drawn_as_operands_of_one_node():
    program = program_of(lambda x: [x * 2.0, x + 1.0], [1.0])
    assert "outputs" in autodiff.draw(program).source
    assert autodiff.topological_order(program.to_picture())[-1].op.name == "outputs"


def test_where_there_is_no_dot_a_program_is_written_as_text(tmp_path):
    program, _, _ = network([2, 2, 1])
    path = autodiff.render(program, tmp_path / "program.svg", dot="none")
    assert str(program) in path.read_text(encoding="utf-8")


def test_drawing_what_offers_no_graph_is_refused():
    with pytest.raises(TypeError, match="draw needs a Value, not int 3"):
        autodiff.draw(3)
    assert autodiff.draw(Value(2.0) * 3).source


def test_a_program_runs_on_floats_and_on_values_with_the_bits_of_the_graph():
    root = (Value(2.0) * 3.0).tanh() + dot([Value(1.0), Value(-2.0)], [Value(0.5), Value(0.25)])
    program, slots = Program.from_graph(root)
    given = [leaf for leaf in slots if program.first_parameter <= slots[leaf] < program.first_result]
    numbers = program.run([leaf.data for leaf in given])
    assert numbers == [node.data for node in sorted(slots, key=slots.__getitem__)]
    results = program.run(given)
    results[-1].backward()
    root.backward()
    assert results[-1].data == root.data
    with pytest.raises(ValueError, match="takes 5 numbers, its parameters and inputs, not 1"):
        program.run([1.0])


def test_a_graph_made_of_a_program_is_the_one_that_the_program_was_made_of():
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    root = (w * x + 1.0).relu()
    root.label = "root"
    program, slots = Program.from_graph(root)
    for numbers in (None, program.run([2.0, 3.0])):
        nodes = program.to_graph(numbers)
        for node, slot in slots.items():
            made = nodes[slot]
            assert (made.op, made.parents) == (node.op, tuple(nodes[slots[parent]] for parent in node.parents))
            assert made.label in (node.label, f"v{slot}")
            assert made.data == node.data or (numbers is None and math.isnan(made.data))
    nodes[slots[root]].backward()
    assert nodes[slots[w]].grad == 3.0


def test_a_program_as_python_code_computes_what_it_computes():
    own = operation("own_in_code", lambda x: x * x, lambda x, y: 2 * x)
    try:
        x, z = Value(0.5, label="x"), Value(-2.0, label="z")
        root = own(x) ** 3 - total([z, -x, +x]) / dot([x, 2.0], [z, -1.5]) * norm([x, z]) + maximum(x, -math.inf)
        program, _ = Program.from_graph(DETACHED(root))
        namespace = {}
        exec(program.code("g", ["Value"]), namespace)
        assert namespace["g"](0.5, -2.0) == root.data
        assert namespace["g"](Value(0.5), -2.0).op is DETACHED
        assert program.code("g", ["Value"]).splitlines()[:4] == [
            "from math import inf, nan",
            "from autodiff import Value, dot, lookup, maximum, norm, total",
            "",
            "def g(x, z):",
        ]
    finally:
        del autodiff.OPERATIONS["own_in_code"]


def test_what_is_unused_goes_and_the_rest_keeps_its_order_and_labels():
    program = assemble(
        [1.0, 2.0], ["w", "v"], ["x", "y"],
        [Instruction(EXP, (2,)), Instruction(EXP, (4,)), Instruction(ADD, (1, 6)), Instruction(ADD, (8, 5))],
        [9],
        [Guard("<", 8, 2, True)],
        {8: "kept", 7: "gone"},
        2,
    )  # fmt: skip
    used = program.without_unused()
    assert str(used).splitlines() == [
        "parameters  w",
        "inputs      y",
        "  v3 = exp(w)",
        "  kept = 2.0 + v3",
        "  v5 = kept + y",
        "guard       kept < w is True",
        "outputs     v5",
    ]
    assert used.shared == 1
    assert used.without_unused() is used
