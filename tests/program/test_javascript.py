"""Programs as JavaScript, run by Node: values, gradients and steps are those of the eager engine."""

import json
import math
import shutil
import subprocess

import pytest

from autodiff import OPERATIONS, ZERO, Value, exp, operation, where
from autodiff.backward import topological_order
from autodiff.checking.comparison import absolute_adjoints
from autodiff.operations import CONSTANT
from autodiff.program.javascript import UnwritableError, javascript, literal
from autodiff.program.program import Instruction, Program, assemble
from autodiff.rules import DETACHED, SELECT
from tests.program.rows import ROWS, ULPS, close, local_is_right, points, single

node = shutil.which("node")
needs_node = pytest.mark.skipif(node is None, reason="Node runs the JavaScript, and there is none on the PATH")

AGREE = 1e-9
"""Relative to the absolute adjoint: graphs of some ten operations lose a few digits at most."""
SAME_BITS = [row.name for row in ROWS if row.name in OPERATIONS and row.arity and row.name not in ULPS]


def run(*tasks):
    """What Node gives for every task: a program, and for each call of it parameters, inputs and options.

    Values and gradients by slot, and the steps as tuples in the order of the fields of ``Step``.
    """
    lines = ["const show = (x) => (Object.is(x, -0) ? '-0' : String(x));", "const found = [];"]
    for program, *calls in tasks:
        lines.append(f"{{ const program = {javascript(program)};")
        for parameters, inputs, *options in calls:
            lines += [
                f"{{ const values = program.forward({listed(parameters)}, {listed(inputs)});",
                f"const {{ gradients, steps }} = program.backward(values, {json.dumps(*options or [{}])});",
                "found.push([[...values].map(show), [...gradients].map(show),",
                "steps.map((step) => Object.values(step).map(show))]); }",
            ]
        lines.append("}")
    lines.append("process.stdout.write(JSON.stringify(found));")
    result = subprocess.run([node, "-"], input="\n".join(lines), capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return [
        ([*map(float, values)], [*map(float, gradients)], [(*map(int, s[:3]), *map(float, s[3:])) for s in steps])
        for values, gradients, steps in json.loads(result.stdout)
    ]


def listed(numbers):
    return f"[{', '.join(map(literal, numbers))}]"


def flat(root):
    """A task for the graph of a root as it is, and the slot of each of its nodes."""
    program, slots = Program.from_graph(root)
    numbers = {slot: leaf.data for leaf, slot in slots.items()}
    return (program, ([numbers[slot] for slot in range(program.first_parameter, program.first_input)], [])), slots


def recorded(graph):
    return graph(*map(Value, graph.inputs))


def drawn(count, **options):
    strategies = pytest.importorskip("autodiff.checking.strategies", reason="hypothesis draws the graphs")
    return strategies.draw_graphs(3, count, **options)


@needs_node
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_agrees_with_the_eager_engine(row):
    at = points(row)
    for point, (values, _, steps) in zip(at, run((single(row, len(at[0])), *(((), point) for point in at)))):
        assert close(values[-1], row.evaluate(point), ULPS.get(row.name, 0)), point
        locals_ = row.local_derivatives(point, values[-1])
        for (_, operand, position, local, *_), right in zip(steps, locals_):
            assert operand == position
            assert local_is_right(row, local, right), (point, position)


@needs_node
def test_graphs_of_arithmetic_have_the_same_bits_in_values_gradients_and_steps():
    roots = [
        *map(recorded, drawn(60, operations=SAME_BITS)),
        *map(recorded, drawn(60, operations=SAME_BITS, wild=True)),
    ]
    tasks, places = zip(*map(flat, roots))
    for root, slots, (values, gradients, steps) in zip(roots, places, run(*tasks)):
        eager = [(slots[step.node], slots[step.parent], *step[2:-2]) for step in root.backward_steps()]
        assert [step[:3] for step in steps] == [step[:3] for step in eager]
        assert all(close(a, b) for ours, theirs in zip(steps, eager) for a, b in zip(ours[3:], theirs[3:]))
        for each, slot in slots.items():
            assert close(values[slot], each.data)
            assert close(gradients[slot], each.grad)


@needs_node
@pytest.mark.parametrize("wild", [False, True], ids=["tame", "wild"])
def test_every_node_and_step_of_a_graph_follows_from_those_before_it(wild):
    functions = [row.name for row in ROWS if row.name in OPERATIONS and row.arity]
    roots = [*map(recorded, drawn(60, wild=wild)), *map(recorded, drawn(60, operations=functions, wild=wild))]
    tasks, places = zip(*map(flat, roots))
    for root, slots, (values, gradients, steps) in zip(roots, places, run(*tasks)):
        for each in topological_order(root):
            if each.parents:
                right = each.op.evaluate([values[slots[parent]] for parent in each.parents])
                assert close(values[slots[each]], right, ULPS.get(each.op.name, 0))
        edges = [(slots[step.node], slots[step.parent], step.position) for step in root.backward_steps()]
        assert [step[:3] for step in steps] == edges
        row_of = {slot: each for each, slot in slots.items()}
        sums = [0.0] * len(values)
        sums[slots[root]] = 1.0
        reached = {slots[root]}
        for out, operand, position, local, upstream, contribution, before, after in steps:
            result = row_of[out]
            operands = [values[slots[parent]] for parent in result.parents]
            right = result.op.local_derivatives(operands, values[out])[position]
            assert local_is_right(result.op, local, right)
            assert close(upstream, sums[out])
            assert close(before, sums[operand])
            flows = out in reached and result.op.local_derivatives(operands, values[out])[position] is not ZERO
            assert close(contribution, local * upstream if flows else 0.0)
            reached.update([operand] if flows else [])
            sums[operand] += contribution
            assert close(after, sums[operand])
        assert all(map(close, gradients, sums))


@needs_node
def test_gradients_of_tame_graphs_agree_with_the_eager_engine():
    roots = [*map(recorded, drawn(100))]
    tasks, places = zip(*map(flat, roots))
    for root, slots, (_, gradients, _) in zip(roots, places, run(*tasks)):
        root.backward()
        allowed = absolute_adjoints(topological_order(root))
        for each, slot in slots.items():
            if each.op is not CONSTANT:
                assert abs(gradients[slot] - each.grad) <= AGREE * allowed[each] + 1e-12


@needs_node
def test_nothing_flows_along_a_branch_that_is_not_taken_and_no_gradient_to_a_constant():
    x = Value(0.0, label="x")
    root = where(x > 0, x.log(), x * 2.0) * math.inf
    task, slots = flat(root)
    [(_, gradients, steps)] = run(task)
    root.backward()
    assert gradients[slots[x]] == x.grad == math.inf
    assert [step[5] for step in steps if step[1] == slots[root.parents[0].parents[1]]] == [0.0]
    assert gradients[: task[0].first_parameter] == [0.0] * len(task[0].constants)


@needs_node
def test_options_say_the_seed_the_root_and_what_earlier_passes_left():
    x = Value(3.0, label="x")
    program, slots = Program.from_graph(x * x, x + 1.0)
    call = [3.0], []
    calls = [{"seed": 2.0}, {"output": 1}, {"initial": [10.0 if slot == slots[x] else 0.0 for slot in range(4)]}]
    seeded, other, again = run((program, *((*call, options) for options in calls)))
    assert seeded[1][slots[x]] == 12.0
    assert other[1][slots[x]] == 1.0
    assert len(other[2]) == 1  # the edges of another output are none of this pass
    assert again[1][slots[x]] == 16.0


@needs_node
def test_a_leaf_that_is_the_root_has_its_seed():
    x = Value(3.0, label="x")
    task, slots = flat(x)
    [(values, gradients, steps)] = run(task)
    assert (values[slots[x]], gradients[slots[x]], steps) == (3.0, 1.0, [])


@needs_node
def test_nothing_flows_through_a_detached_result():
    instructions = [
        Instruction(OPERATIONS["multiply"], (0, 0)),
        Instruction(DETACHED, (1,)),
        Instruction(OPERATIONS["multiply"], (0, 2)),
    ]
    [(values, gradients, steps)] = run((assemble([], ["x"], [], instructions, [3]), ([3.0], [])))
    assert values == [3.0, 9.0, 9.0, 27.0]
    assert gradients == [9.0, 0.0, 3.0, 1.0]
    assert [(*step[:3], step[5]) for step in steps] == [
        (3, 0, 0, 9.0), (3, 2, 1, 3.0), (2, 1, 0, 0.0), (1, 0, 0, 0.0), (1, 0, 1, 0.0),
    ]  # fmt: skip


@needs_node
def test_select_takes_the_choice_at_its_index():
    for index, (values, gradients, _) in enumerate(
        run((single(SELECT, 4), *(((), (i, 5.0, 6.0, 7.0)) for i in range(3))))
    ):
        assert values[-1] == 5.0 + index
        assert gradients[:4] == [0.0, *(float(place == index) for place in range(3))]


@needs_node
def test_the_wrong_number_of_parameters_is_refused():
    with pytest.raises(AssertionError, match="RangeError: the program takes 1 parameters and 0 inputs, not 2 and 0"):
        run((Program.from_graph(Value(1.0).exp())[0], ([1.0, 2.0], [])))


@pytest.fixture
def declared():
    """Declares operations for one test."""
    names = []

    def declare(name, *rules, **row):
        names.append(name)
        return operation(name, *rules, **row)

    yield declare
    for name in names:
        del OPERATIONS[name]


@needs_node
def test_operations_of_the_user_run_as_they_were_declared(declared):
    bump = declared("bump", lambda x, k: exp(-k * x**2) if x < 1 else 0.0,
                    lambda x, k, y: -2 * k * x * y, lambda x, k, y: -(x**2) * y)  # fmt: skip
    norm = declared(
        "norm_squared", lambda *xs: sum(x * x for x in xs), lambda xs, y: [2 * x for x in xs], variadic=True
    )
    x, k = Value(0.5, label="x"), Value(2.0, label="k")
    root = norm(bump(x, k), x, k) + norm(x, bump(x + 1, k))
    task, slots = flat(root)
    [(values, gradients, _)] = run(task)
    root.backward()
    assert values[-1] == pytest.approx(root.data, rel=1e-14)
    assert [gradients[slots[leaf]] for leaf in (x, k)] == pytest.approx([x.grad, k.grad], rel=1e-14)


@pytest.mark.parametrize(
    ("primal", "rule"),
    [
        (lambda x: math.sin(x), lambda x, y: x),
        (lambda x: x % 2.0, lambda x, y: 1.0),
        (lambda x: x, lambda x, y: math.cos(x)),
    ],
    ids=["primal", "operator", "rule"],
)
def test_an_operation_that_only_runs_on_floats_is_named(declared, primal, rule):
    row = declared("opaque", primal, rule)
    with pytest.raises(
        UnwritableError, match=r"'opaque' cannot be written in JavaScript: .* only runs on floats.*exp for"
    ):
        javascript(single(row, 1))


def test_a_rule_that_calls_an_operation_that_only_runs_on_floats_names_that(declared):
    opaque = declared("opaque", lambda x: math.sin(x), lambda x, y: x)
    outer = declared("outer", lambda x: 2 * opaque(x), lambda x, y: 2 * x)
    with pytest.raises(UnwritableError, match="'opaque' cannot"):
        javascript(single(outer, 1))


def test_what_occurs_more_than_once_is_written_once(declared):
    def power_of_two(x, times=60):
        for _ in range(times):
            x = x * x
        return x

    row = declared("huge_power", power_of_two, lambda x, y: 2.0**60 * power_of_two(x) / x)
    assert len(javascript(single(row, 1))) < 20_000


@needs_node
def test_names_are_data_whatever_is_in_them():
    label = "</script><!--\"'`${process.exit(1)}\\\u2028\ud800\n"
    task, _ = flat(Value(2.0, label=label) * 3.0)
    script = javascript(task[0])
    assert "</script" not in script
    assert "<!--" not in script
    [(values, *_)] = run(task)
    assert values[-1] == 6.0
