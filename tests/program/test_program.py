"""Programs: what they are put together from, how they read, and that they survive pickling and drawing."""

import pickle
import re

import numpy as np
import pytest

import autodiff
from autodiff import Value, lookup, operation
from autodiff.compiling.numpy.runner import NumpyRunner
from autodiff.program.lowering import lower
from autodiff.program.program import Guard, Instruction, assemble
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
        "  sum = total(x0, x1, …, x8 (9))",
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
    assert autodiff.topological_order(program.__autodiff_graph__())[-1].op.name == "outputs"


def test_where_there_is_no_dot_a_program_is_written_as_text(tmp_path):
    program, _, _ = network([2, 2, 1])
    path = autodiff.render(program, tmp_path / "program.svg", dot="none")
    assert str(program) in path.read_text(encoding="utf-8")


def test_drawing_what_offers_no_graph_is_refused():
    with pytest.raises(TypeError, match="draw needs a Value, not int 3"):
        autodiff.draw(3)
    assert autodiff.draw(Value(2.0) * 3).source
