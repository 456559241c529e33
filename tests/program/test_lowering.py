"""Every pass leaves the numbers as they are: values bit by bit, and gradients too, where it does not say otherwise."""

import time
from functools import partial

import numpy as np
import pytest

import nn
from autodiff import Value, constant, dot, exp, lookup, maximum, relu, softmax, tanh, total
from autodiff.checking.strategies import draw_graphs
from autodiff.compiling.numpy.runner import NumpyRunner
from autodiff.program.lowering import (
    PASSES,
    fold_constants,
    fuse_sums,
    group,
    hoist,
    lower,
    merge_repeated,
    only,
    without_dead_code,
)
from autodiff.program.program import Guard, Instruction, Program, assemble
from autodiff.rules import DETACHED
from tests.compiling.programs import bits, network, program_of, tangle

ROUNDING = 1e-12  # where gradients add up in another order
CANCELLED = 1e-9  # of contributions of up to 1e6 that cancel each other, this is left of their rounding
MANY = ["add", "multiply", "add", "multiply", "add", "exp", "tanh", "maximum"]  # sums of products, and repetitions
EVERY = [pytest.param([one], id=one.__name__) for one in PASSES] + [pytest.param(PASSES, id="all")]
GRAPHS = [
    *draw_graphs(1, 40),
    *draw_graphs(2, 40, wild=True),
    *draw_graphs(3, 60, operations=MANY, max_size=40),
    *draw_graphs(4, 40, operations=["add", "multiply"], max_size=60, max_inputs=6),
]
FUNCTIONS = [(graph, np.array(graph.inputs)) for graph in GRAPHS] + [tangle(seed) for seed in range(100, 120)]


def points(numbers):
    return np.array([numbers, *(np.random.default_rng(0).normal(size=(2, len(numbers))) * numbers)])


def names(program):
    return [each.op.name for each in program]


@pytest.mark.parametrize("passes", EVERY)
def test_values_and_gradients_of_inputs_keep_their_bits(passes):
    for function, numbers in FUNCTIONS:
        program = program_of(function, numbers)
        lowered = lower(program, passes)
        assert len(lowered) <= len(program)
        inputs = points(numbers)
        before, _, slopes, _ = NumpyRunner(program).gradient(np.zeros(0), inputs, wrt_inputs=True)
        after, _, lowered_slopes, _ = NumpyRunner(lowered).gradient(np.zeros(0), inputs, wrt_inputs=True)
        assert bits(before) == bits(after), function
        assert bits(slopes) == bits(lowered_slopes), function


@pytest.mark.parametrize("passes", EVERY)
def test_gradients_of_parameters_stay_the_same(passes):
    for function, numbers in FUNCTIONS:
        half = (len(numbers) + 1) // 2
        program = program_of(function, numbers, half)
        inputs = points(numbers)[:, half:]
        before, slope, *_ = NumpyRunner(program).gradient(numbers[:half], inputs)
        after, lowered, *_ = NumpyRunner(lower(program, passes)).gradient(numbers[:half], inputs)
        assert bits(before) == bits(after), function
        np.testing.assert_allclose(lowered, slope, rtol=ROUNDING, atol=CANCELLED, err_msg=str(function))


def test_a_pass_can_be_left_out():
    program = program_of(lambda w, v, x, y: w * x + v * y, [1.0, 2.0, 3.0, 4.0], 2)
    assert names(lower(program)) == ["dot"]
    assert names(lower(program, [each for each in PASSES if each is not fuse_sums])) == ["multiply", "multiply", "add"]
    assert lower(program, []) is program


@pytest.mark.parametrize("passes", EVERY)
def test_guards_and_labels_keep_what_they_name(passes):
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    unused, product = x - y, x * y
    product.label = "product"
    result = total([product, exp(x) * constant(2.0), product * y]) + (constant(1.0) + 2.0)
    program, slots = Program.from_graph(unused, result, inputs=[x, y])
    limit = slots[unused]
    program = lower(
        assemble(
            program.constants.tolist(), program.parameters, program.inputs, [*program], [slots[result]],
            [Guard("<", limit, slots[product], True), Guard("<", slots[y], limit, False)], program.labels,
        ),
        passes,
    )  # fmt: skip
    guards = [slot for guard in program.guards for slot in (guard.left, guard.right)]
    values = NumpyRunner(only(program, guards)).values(np.zeros(0), np.array([[2.0, 3.0], [5.0, 4.0]]))
    assert values.tolist() == [[-1.0, 6.0, 3.0, -1.0], [1.0, 20.0, 4.0, 1.0]]
    assert [(guard.comparison, guard.holds) for guard in program.guards] == [("<", True), ("<", False)]
    assert program.name(program.guards[0].right) == "product"


def test_dead_code_goes_and_what_outputs_need_stays():
    x = Value(2.0)
    used, unused = x * 3.0, exp(x) * 4.0
    program, slots = Program.from_graph(unused, used, inputs=[x])
    alone = only(program, [slots[used]])
    assert names(alone) == ["multiply"]
    assert alone.constants.tolist() == [3.0]
    assert alone.inputs == program.inputs
    assert names(without_dead_code(program)) == names(program)
    assert (
        NumpyRunner(only(program, [slots[x], slots[x]])).values(np.zeros(0), np.ones((2, 1))).tolist() == [[1, 1]] * 2
    )


def test_what_constants_decide_is_a_constant():
    program = program_of(lambda x: x * exp(constant(1.0) + 1.0) + constant(2.0) * 3.0, [1.0])
    folded = fold_constants(program)
    assert names(folded) == ["multiply", "add"]
    assert folded.constants.tolist() == [exp(2.0), 6.0]
    assert fold_constants(program_of(lambda x: constant(1.0) / 0.0, [1.0])).outputs.tolist() == [0]


def test_equal_constants_are_one_but_zeros_of_either_sign_are_two():
    program = merge_repeated(program_of(lambda x: [x * 2.0, x + 2.0, x / 0.0, x / -0.0], [1.0]))
    assert sorted(map(str, program.constants.tolist())) == ["-0.0", "0.0", "2.0"]


def test_what_no_gradient_flows_through_is_computed_once():
    def function(x, y):
        return [DETACHED(x) * DETACHED(y), DETACHED(x) * DETACHED(y), exp(x) * y, exp(x) * y]

    program = program_of(function, [2.0, 3.0])
    exact, all_merged = merge_repeated(program), merge_repeated(program, exact=False)
    assert names(exact) == ["detached", "detached", "multiply", "exp", "multiply", "exp", "multiply"]
    assert names(all_merged) == ["detached", "detached", "multiply", "exp", "multiply"]
    assert exact.outputs[0] == exact.outputs[1]


def test_merging_all_that_is_repeated_keeps_values_and_rounds_gradients():
    for function, numbers in FUNCTIONS:
        program = program_of(function, numbers)
        found = [
            NumpyRunner(each).gradient(np.zeros(0), points(numbers), wrt_inputs=True)
            for each in (program, merge_repeated(program, exact=False))
        ]
        assert bits(found[0][0]) == bits(found[1][0])
        np.testing.assert_allclose(found[1][2], found[0][2], rtol=1e-8, atol=1e-8)


def test_what_parameters_alone_decide_stands_first_and_is_shared():
    program = hoist(program_of(lambda w, v, x: tanh(x) * exp(w) + exp(v) * v, [1.0, 2.0, 3.0], 2))
    assert names(program)[: program.shared] == ["exp", "exp", "multiply"]
    assert names(program)[program.shared :] == ["tanh", "multiply", "add"]
    assert group(program).shared == lower(program).shared == 3


@pytest.mark.parametrize(
    ("function", "operations"),
    [
        (lambda a, b, c, d: a * b + c * d, ["dot"]),
        (lambda a, b, c, d: a * b + d + c * c, ["dot"]),  # d as d * 1.0
        (lambda a, b, c, d: a * b + c * b, ["multiply", "multiply", "add"]),  # b is in two terms
        (lambda a, b, c, d: a * b + c * d + b, ["dot", "add"]),
        (lambda a, b, c, d: sum([a * b, c * d]), ["dot"]),  # begins with 0.0
        (lambda a, b, c, d: a * 2.0 + c * 2.0, ["dot"]),
        (lambda a, b, c, d: total([a * b, c, c * d]), ["multiply", "multiply", "total"]),
        (lambda a, b, c, d: total([a * a, b * b]), ["dot"]),
        (lambda a, b, c, d: total([a * a, b * b, c, d]), ["dot"]),
        (lambda a, b, c, d: a + b + c + d, ["total"]),
        (lambda a, b, c, d: a + b, ["add"]),
        (lambda a, b, c, d: a * b + c, ["multiply", "add"]),
        (lambda a, b, c, d: a - b + c, ["subtract", "add"]),
        (lambda a, b, c, d: [p := a * b, p + c * d], ["multiply", "multiply", "add"]),  # a part is used elsewhere
        (lambda a, b, c, d: a * b + tanh(a) * d, ["multiply", "tanh", "multiply", "add"]),  # a is used in between
        (lambda a, b, c, d: total([a * b]), ["multiply", "total"]),
    ],
)
def test_sums_of_products_are_dots_where_the_order_of_gradients_allows(function, operations):
    numbers = np.array([1.5, -2.5, 3.5, 0.3])
    program = program_of(function, numbers)
    fused = fuse_sums(merge_repeated(program))
    assert names(fused) == operations
    assert bits(NumpyRunner(fused).values([], numbers[None])) == bits(NumpyRunner(program).values([], numbers[None]))


def test_a_label_within_a_sum_is_kept():
    x, y, z = Value(1.0), Value(2.0), Value(3.0)
    part = x * y + y * z
    part.label = "part"
    program = fuse_sums(Program.from_graph(part + x * z + z * z, inputs=[x, y, z])[0])
    assert "part" in program.labels.values()


def test_products_of_parameters_alone_are_left_to_be_hoisted():
    program = lower(program_of(lambda w, v, x: x + w * w + v * v, [1.0, 2.0, 3.0], 2))
    assert names(program) == ["multiply", "multiply", "total"]
    assert program.shared == 2


def test_a_negative_zero_becomes_zero_in_a_sum_of_products():
    program = program_of(lambda a, b, c, d: a * b + c * d, [1.0] * 4)
    inputs = np.array([[0.0, -1.0, -1.0, 0.0]])
    assert str(NumpyRunner(program).values(np.zeros(0), inputs)[0, 0]) == "-0.0"
    assert str(NumpyRunner(fuse_sums(program)).values(np.zeros(0), inputs)[0, 0]) == "0.0"


def test_the_dots_of_a_layer_stand_together_and_have_their_weights_on_the_left():
    expected = ["dot"] * 3 + ["add"] * 3 + ["relu"] * 3 + ["dot", "add", "multiply", "subtract", "relu"]
    assert names(lower(network([2, 3, 1])[0])) == expected
    program = group(program_of(lambda w, v, x, y: relu(dot([x, y], [w, v])) + dot([x, y], [v, w]), [1.0] * 4, 2))
    assert names(program) == ["dot", "dot", "relu", "add"]
    assert [each.operands for each in program][:2] == [(0, 1, 2, 3), (1, 0, 2, 3)]


def test_dots_of_the_same_inputs_stand_together_where_others_are_between_them():
    def function(*numbers):
        weights, x, y = numbers[:4], numbers[4:6], numbers[6:]
        dots = [dot(row, column) for row in (weights[:2], weights[2:]) for column in (x, y)]
        return total(dots)

    rows = [each.operands[2:] for each in group(program_of(function, [1.0] * 8, 4))][:4]
    assert rows == [(4, 5), (4, 5), (6, 7), (6, 7)]


def test_a_network_written_out_in_products_is_lowered_to_that_of_dots():
    x = [Value(0.5), Value(-1.0)]
    sizes = []
    for expanded in (False, True):
        model = nn.MLP(2, [4, 4, 1], rng=0, expanded=expanded)
        program = lower(Program.from_graph(model(x), inputs=x, parameters=model.parameters())[0])
        sizes.append((len(program), names(program).count("dot")))
        values = NumpyRunner(program).values(np.array([p.data for p in model.parameters()]), np.array([[0.5, -1.0]]))
        assert values[0, 0] == model(x).data
    assert sizes[0][1] == sizes[1][1] == 9
    assert sizes[1][0] <= sizes[0][0]


def test_softmax_computes_its_shift_once():
    def function(*numbers):
        shift = maximum(DETACHED(numbers[0]), DETACHED(numbers[1]))
        again = maximum(DETACHED(numbers[0]), DETACHED(numbers[1]))
        return exp(numbers[0] - shift) + exp(numbers[1] - again)

    assert names(lower(program_of(function, [1.0, 2.0]))).count("maximum") == 1
    assert names(lower(program_of(lambda *numbers: softmax(numbers), [1.0, 2.0]))).count("divide") == 2


def test_lowering_takes_time_in_proportion_to_the_operands():
    add, multiply = lookup("add"), lookup("multiply")
    chain = [Instruction(multiply, (0, 1)) if at % 2 else Instruction(add, (at + 1, 0)) for at in range(40_000)]
    wide = [Instruction(lookup("dot"), tuple(range(1000))) for _ in range(500)]
    for program in (
        assemble([], [], ["x", "y"], chain, [40_001]),
        assemble([], [f"w{at}" for at in range(500)], [f"x{at}" for at in range(500)], wide, [1499]),
    ):
        start = time.process_time()
        for each in (*PASSES, partial(merge_repeated, exact=False)):
            each(program)
        assert time.process_time() - start < 5.0  # about 0.5 s; quadratic, it would be minutes
