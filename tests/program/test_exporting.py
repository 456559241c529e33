"""Programs taken along: C, Python and JavaScript compute what the eager engine does."""

import ctypes
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from itertools import cycle, islice

import numpy as np
import pytest

import autodiff as ad
from autodiff import OPERATIONS, Value, constant, lookup, operation
from autodiff.compiling.specializations import COMPARE
from autodiff.program import javascript, writers
from autodiff.program.exporting import c_source, exported, numpy_source
from autodiff.program.exporting.identifiers import identifier
from autodiff.program.program import Guard, Instruction, Program, assemble
from autodiff.program.writers import UnwritableError
from autodiff.rules import DETACHED, SELECT
from tests.compiling.programs import program_of
from tests.program.exports import CC, library_of, module_of, run, skip_without
from tests.program.rows import ROWS, ULPS, close, local_is_right, points

LANGUAGES = ("c", "python", "javascript")
MADE = {"c": Program.to_c, "python": Program.to_python, "javascript": Program.to_javascript}
ARITIES = {row.name: len(points(row)[0]) for row in ROWS}


def all_rows(rows):
    """One program of rows, each with inputs and an output of its own; and a matrix of points."""
    first = dict(zip(rows, np.cumsum([0, *(ARITIES[row.name] for row in rows)]).tolist()))
    count = sum(ARITIES[row.name] for row in rows)
    instructions = [Instruction(row, tuple(range(first[row], first[row] + ARITIES[row.name]))) for row in rows]
    program = assemble([], [], [f"x{at}" for at in range(count)], instructions, range(count, count + len(rows)))
    most = max(len(points(row)) for row in rows)
    matrix = np.concatenate([np.array([*islice(cycle(points(row)), most)], float) for row in rows], axis=1)
    return program, first, matrix


def found_at_points(language, rows):
    """What the language gives for every row at its points: by row, (point, value, gradient) each."""
    program, first, matrix = all_rows(rows)
    values, _, gradients = run(language, MADE[language](program), "f", [], matrix, len(rows), np.ones(len(rows)))
    found = {}
    for at, row in enumerate(rows):
        here = slice(len(points(row))), slice(first[row], first[row] + ARITIES[row.name])
        found[row] = [*zip(matrix[here].tolist(), values[here[0], at].tolist(), gradients[here].tolist())]
    return found


@cache
def found_in(language):
    """The same of the whole table."""
    return found_at_points(language, ROWS)


def faults(row, found, ulps):
    """The points at which value or gradient is not what the eager engine gives."""
    for point, value, gradient in found:
        if not close(value, row.evaluate(point), ulps):
            yield point, value, row.evaluate(point)
        for at, (local, right) in enumerate(zip(gradient, row.local_derivatives(point, value))):
            if not local_is_right(row, local, 0.0 + right):  # a gradient begins as 0.0
                yield point, at, local, right


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_row_agrees_with_the_eager_engine(language, row):
    skip_without(language)
    allowed = 0 if language == "c" else ULPS.get(row.name, 0)  # C calls the very functions that Python calls
    assert [*faults(row, found_in(language)[row], allowed)] == []


# ── Programs ─────────────────────────────────────────────────────────────────────────────────────


def attention(*numbers):
    queries, keys = numbers[:3], [numbers[3:6], numbers[6:9]]
    weights = ad.softmax([ad.dot([*queries], [*key]) for key in keys])
    return ad.dot(weights, [numbers[9], numbers[10]])


def recurrent(w, u, b, *inputs):
    state = 0.0
    for x in inputs:
        state = ad.tanh(w * x + u * state + b)
    return state


def gaussian_mixture(m, n, s, x):
    return -ad.logaddexp(-((x - m) ** 2) / 2, -((x - n) ** 2) / (2 * s * s) - ad.log(s))


MODELS = {  # the function, how many of its numbers are parameters, and how many there are
    "a line": (lambda w, b, x, y: (w * x + b - y) ** 2, 2, 4),
    "a neuron": (lambda w, v, b, x, y: ad.sigmoid(w * x + v * y + b), 3, 5),
    "relus": (lambda a, b, c, x: ad.relu(a * x + 1) * b + ad.relu(c - x) - ad.leaky_relu(x), 3, 4),
    "attention": (attention, 9, 11),
    "a recurrent cell": (recurrent, 3, 8),
    "a mixture": (gaussian_mixture, 3, 4),
    "a hinge": (lambda w, v, x, y: ad.maximum(0.0, 1 - y * (w * x + v)), 2, 4),
    "a distance": (lambda a, b, c, x, y, z: ad.norm([a - x, b - y, c - z]) + ad.hypot(a, z), 3, 6),
    "a likelihood": (lambda a, b, x: (a - 1) * ad.log(x * x) - b * x * x + a * ad.log(b) - ad.lgamma(a), 2, 3),
    "a masked root": (lambda w, x: ad.where(ad.relu(x), ad.sqrt(x), 0.0) * w + ad.where(x, ad.exp(1 / x), w), 1, 2),
    "products of a constant": (lambda w, x: (2.0 * 3.0 + ad.exp(constant(0.5))) * w * x, 1, 2),
    "a choice that is decided": (lambda w, v, x: ad.where(constant(1.0), w, ad.exp(v)) * ad.maximum(x, 1.0), 2, 3),
    "an input alone": (lambda w, x: x, 1, 2),
    "two results": (lambda w, x: [w * x, ad.tanh(w + x)], 1, 2),
    "no inputs": (lambda w, v: w * ad.exp(v), 2, 2),
}
ROUNDING = 1e-13
"""Relative to the number, or to 1: what some tens of operations lose in another library of exponentials."""
SPECIAL = (0.0, -0.0, 1.0, -2.0, math.inf, -math.inf, math.nan)


def model(name):
    """The program of a model; its parameters, and inputs, some of them special."""
    function, parameters, count = MODELS[name]
    random = np.random.default_rng(len(name))
    theta = random.uniform(0.5, 2.0, parameters)
    inputs = random.normal(size=(12, count - parameters))
    inputs[4:11] = np.array(SPECIAL)[:, None]
    return program_of(function, [*theta, *inputs[0]], parameters), function, theta, inputs


def same(found, wanted, tolerance):
    """Whether numbers agree; the same ones are nan or infinite. The sign of a zero is that of the sum with 0."""
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_small_models_agree_with_the_eager_engine(language, name):
    program, function, theta, inputs = model(name)
    outputs = len(program.outputs)
    weights = None if outputs == 1 else np.arange(1.0, outputs + 1)
    found = run(language, MADE[language](program, "model"), "model", theta, inputs, outputs, weights)
    for row, values, by_parameters, by_inputs in zip(inputs, *found):
        leaves = [*map(Value, (*theta, *row))]
        result = function(*leaves)
        results = result if isinstance(result, list) else [result]
        sum(result * weight for result, weight in zip(results, [1.0] if weights is None else weights)).backward()
        tolerance = 0.0 if language == "c" else ROUNDING
        same(values, [each.data for each in results], tolerance)
        same([*by_parameters, *by_inputs], [0.0 + leaf.grad for leaf in leaves], tolerance)


@pytest.mark.parametrize("name", ["relus", "attention", "a masked root", "two results"])
def test_in_jax_small_models_agree_with_the_eager_engine(name):
    jax = pytest.importorskip("jax", reason="to_jax() needs it")
    program, function, theta, inputs = model(name)
    taken = program.to_jax()
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        values = jax.vmap(taken, in_axes=(None, 0))(theta, inputs)
        wanted = [[each.data for each in listed(function(*map(Value, (*theta, *row))))] for row in inputs]
        np.testing.assert_allclose(np.reshape(values, (len(inputs), -1)), wanted, rtol=1e-11, atol=1e-11)
        slopes = jax.vmap(jax.grad(lambda *given: taken(*given).sum()), in_axes=(None, 0))(theta, inputs[:4])
    for row, slope in zip(inputs[:4], np.asarray(slopes)):
        leaves = [*map(Value, (*theta, *row))]
        sum(listed(function(*leaves))).backward()
        np.testing.assert_allclose(slope, [0.0 + leaf.grad for leaf in leaves[: len(theta)]], rtol=1e-11, atol=1e-11)


def listed(result):
    return result if isinstance(result, list) else [result]


@pytest.mark.parametrize("language", LANGUAGES)
def test_large_layers_and_long_sums_are_written_in_statements_that_compilers_take(language):
    count = 330  # more than stand in one statement
    weights = [Value(0.5 + at / count, label=f"w{at}") for at in range(count)]
    inputs = [Value(1.0) for _ in range(count)]
    program, _ = Program.from_graph(ad.dot(weights, inputs) + ad.total(inputs), inputs=inputs, parameters=weights)
    theta, row = np.array([each.data for each in weights]), np.linspace(-1.0, 1.0, count)
    values, by_parameters, by_inputs = run(language, MADE[language](program), "f", theta, row[None])
    assert values[0, 0] == ad.dot(theta.tolist(), row.tolist()) + ad.total(row.tolist())
    np.testing.assert_array_equal(by_parameters[0], row)
    np.testing.assert_array_equal(by_inputs[0], theta + 1)
    rows = np.array([[0.0], [59.0], [60.0], [329.0], [330.0]])
    chosen = assemble(
        [], [f"w{at}" for at in range(count)], ["at"], [Instruction(SELECT, (count, *range(count)))], [count + 1]
    )
    values, by_parameters, _ = run(language, MADE[language](chosen), "f", theta, rows)
    np.testing.assert_array_equal(values[:, 0], [*theta[[0, 59, 60, 329]], math.nan])
    np.testing.assert_array_equal(by_parameters[:4].argmax(axis=1), rows[:4, 0])


# ── Branches ─────────────────────────────────────────────────────────────────────────────────────


def guarded_program():
    """X + w where x < w, and nothing else."""
    instructions = [Instruction(OPERATIONS["add"], (0, 1))]
    return assemble([], ["w"], ["x"], instructions, [2], [Guard("<", 1, 0, True)])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("holds", [True, False])
def test_where_a_guard_does_not_hold_every_number_is_nan(language, sign, holds):
    program = replace(guarded_program(), guards=(Guard(sign, 1, 0, holds),))
    rows = [[1.0], [2.0], [3.0], [math.nan]]
    compare = COMPARE[sign]
    right = np.array([bool(compare(row[0], 2.0)) is holds for row in rows])
    values, by_parameters, by_inputs = run(language, MADE[language](program), "f", [2.0], rows)
    for found, wanted in (
        (values[:, 0], np.array(rows)[:, 0] + 2.0),
        (by_parameters[:, 0], 1.0),
        (by_inputs[:, 0], 1.0),
    ):
        np.testing.assert_array_equal(found, np.where(right, wanted, math.nan))


def test_in_jax_too():
    jax = pytest.importorskip("jax", reason="to_jax() needs it")
    taken = guarded_program().to_jax()
    found = [(float(taken([2.0], [x])), float(jax.grad(taken)(np.array([2.0]), np.array([x]))[0])) for x in (1.0, 3.0)]
    assert found[0] == (3.0, 1.0)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_flows_through_a_detached_result_and_select_takes_the_choice_at_its_index(language):
    detached = assemble([], ["x"], [], [
        Instruction(OPERATIONS["multiply"], (0, 0)), Instruction(DETACHED, (1,)),
        Instruction(OPERATIONS["multiply"], (0, 2)),
    ], [3])  # fmt: skip
    assert [each.tolist() for each in run(language, MADE[language](detached), "f", [3.0], [[]])][:2] == [
        [[27.0]],
        [[9.0]],
    ]
    chosen = assemble([], ["a", "b"], ["at"], [Instruction(SELECT, (2, 0, 1))], [3])
    values, by_parameters, _ = run(language, MADE[language](chosen), "f", [5.0, 6.0], [[0.0], [1.0], [2.0], [0.5]])
    np.testing.assert_array_equal(values[:, 0], [5.0, 6.0, math.nan, math.nan])
    np.testing.assert_array_equal(by_parameters[:2], [[1.0, 0.0], [0.0, 1.0]])


# ── Faults that are planted ──────────────────────────────────────────────────────────────────────


TARGETS = {"c": "C", "python": "NUMPY_SOURCE", "javascript": "JAVASCRIPT"}


def renamed(target, kind, other):
    """The target with another function for one kind."""
    return replace(target, function=lambda each, arity: target.function(other if each == kind else each, arity))


PLANTED = {
    "a sign": lambda target: replace(target, infix={**target.infix, "subtract": "+"}),
    "a comparison": lambda target: replace(target, infix={**target.infix, "<=": "<"}),
    "a function": lambda target: renamed(target, "sinh", "sin"),
    "one that differs little": lambda target: renamed(target, "log1p", "log"),
    "a constant": lambda target: replace(target, names={**target.names, "inf": target.names["nan"]}),
}


@pytest.mark.parametrize("fault", PLANTED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fault_in_the_table_of_a_writer_is_found(language, fault, monkeypatch):
    skip_without(language)
    target = PLANTED[fault](getattr(writers, TARGETS[language]))
    module = {"c": c_source, "python": numpy_source, "javascript": javascript}[language]
    monkeypatch.setattr(module, TARGETS[language], target)
    rows = [lookup(name) for name in ("subtract", "relu", "sinh", "log1p", "hypot")]
    javascript._row.cache_clear()
    try:
        found = found_at_points(language, rows)
        assert any(next(faults(row, found[row], 1000), None) for row in rows)
    finally:
        javascript._row.cache_clear()


@pytest.mark.parametrize("language", ["c", "python"])
def test_a_number_in_place_of_the_symbolic_zero_is_found(language, monkeypatch):
    skip_without(language)
    target = getattr(writers, TARGETS[language])
    module = {"c": c_source, "python": numpy_source}[language]
    monkeypatch.setattr(module, TARGETS[language], replace(target, names={**target.names, "zero": "0.0"}))
    program, _, theta, inputs = model("a masked root")
    found = run(language, MADE[language](program, "model"), "model", theta, inputs)
    monkeypatch.undo()
    right = run(language, MADE[language](program, "model"), "model", theta, inputs)
    assert not np.array_equal(found[2], right[2], equal_nan=True)


# ── Text ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_program_gives_the_same_bytes_in_every_process(language):
    code = (
        "from autodiff import Value, sigmoid; from autodiff.program.program import Program;"
        "w, x = Value(2.0, label='w'), Value(3.0, label='x');"
        "program, _ = Program.from_graph(sigmoid(w * x).relu() * x.lgamma(), inputs=[x]);"
        f"print(program.to_{language}('f', [2.0]))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


EVIL = [
    "*/ int main(void) { return 1; } /*", '"""; raise SystemExit(3); """', "w\n#error w", "__import__('os')", "while",
    "</script>", "${process.exit(3)}", "x0", "t0", "y", "upstream", "exp", "np", "d_w", "w", "w", "", "σ", "\\", "??/",
    "op_flow", "parameters", "inputs", "values", "front", "NAN", "way_1_value", "\ud800", "a  # b", "holds",
]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_users_never_become_code(language):
    leaves = [Value(0.5 + at, label=label) for at, label in enumerate(EVIL)]
    inputs = [Value(1.0, label=label) for label in EVIL[::-1]]
    results = [ad.relu(leaf * x).exp() for leaf, x in zip(leaves, inputs)]
    for result, label in zip(results, EVIL):
        result.label = label
    program, _ = Program.from_graph(ad.total(results), inputs=inputs, parameters=leaves)
    theta = np.array([leaf.data for leaf in leaves])
    for name in EVIL[:4]:
        source = MADE[language](program, name, theta)
        values, by_parameters, _ = run(language, source, identifier(name), theta, np.full((1, len(EVIL)), 0.1))
        assert values[0, 0] == pytest.approx(np.exp(theta * 0.1).sum(), rel=1e-14)
        np.testing.assert_allclose(by_parameters[0], 0.1 * np.exp(theta * 0.1), rtol=1e-14)


def test_the_numbers_of_parameters_are_taken_along_to_the_last_bit():
    theta = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan]
    leaves = [Value(1.0) for _ in theta]
    program, _ = Program.from_graph(ad.total(leaves))
    assert [*map(repr, module_of(program.to_python("f", theta)).PARAMETERS.tolist())] == [*map(repr, theta)]
    if CC is not None and sys.platform != "win32":
        with tempfile.TemporaryDirectory() as folder:
            library = library_of(program.to_c("f", theta), folder)
        assert [*map(repr, (ctypes.c_double * len(theta)).in_dll(library, "f_parameters"))] == [*map(repr, theta)]


def test_the_header_is_the_part_of_the_file_that_others_include():
    source = guarded_program().to_c("line")
    assert source.startswith(source.header)
    assert "int line_value(const double *parameters, const double *inputs, double *values);" in source.header
    assert "{\n    const" not in source.header


def test_the_source_says_which_shape_does_not_fit():
    module = module_of(guarded_program().to_python())
    with pytest.raises(ValueError, match=r"parameters must have the shape \(1,\), not \(2,\)"):
        module.value([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"inputs must have the shape \(\.\.\., 1\), not \(4, 3\)"):
        module.value([1.0], np.zeros((4, 3)))


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def opaque():
    yield operation("opaque", lambda x: math.sin(x), lambda x, y: math.cos(x))
    del OPERATIONS["opaque"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operation_that_only_runs_on_floats_is_named(language, opaque):
    program = Program.from_graph(opaque(Value(1.0)))[0]
    with pytest.raises(UnwritableError, match=r"'opaque' cannot be written in .* only runs on floats.*autodiff.exp"):
        MADE[language](program)


@pytest.mark.parametrize("language", LANGUAGES)
def test_empty_and_too_large_programs_and_other_counts_of_numbers_are_refused(language, monkeypatch):
    with pytest.raises(ValueError, match="f has no output"):
        MADE[language](assemble([], [], [], [], []))
    program = Program.from_graph(Value(1.0) * 2.0)[0]
    with pytest.raises(ValueError, match="2 numbers are given for 1 parameter"):
        MADE[language](program, "f", [1.0, 2.0])
    monkeypatch.setattr(exported, "LARGEST", 1)
    with pytest.raises(exported.TooLargeError, match=r"f has 2 operands .* at most 1 .*to_jax\(\) and"):
        MADE[language](program)


@pytest.mark.slow
@pytest.mark.parametrize("wild", [False, True], ids=["tame", "wild"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_random_graphs_agree_with_the_eager_engine(language, wild):
    strategies = pytest.importorskip("autodiff.checking.strategies", reason="hypothesis draws the graphs")
    graphs = strategies.draw_graphs(11, 25, operations=[row.name for row in ROWS if row.name not in ULPS and row.arity
                                                        and row.name in OPERATIONS], wild=wild)  # fmt: skip
    for graph in graphs:
        root = graph(*map(Value, graph.inputs))
        program, slots = Program.from_graph(root)
        leaves = [leaf for leaf in slots if program.first_parameter <= slots[leaf] < program.first_input]
        leaves.sort(key=slots.__getitem__)
        root.backward()
        values, by_parameters, _ = run(language, MADE[language](program), "f", [leaf.data for leaf in leaves], [[]])
        same(values[0, 0], root.data, 0.0)
        same(by_parameters[0], [0.0 + leaf.grad for leaf in leaves], 0.0)
