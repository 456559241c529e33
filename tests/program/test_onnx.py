"""ONNX: every row that it has an operator for, programs with branches, and networks, as runtimes of ONNX run them."""

import math

import numpy as np
import pytest

import autodiff as ad
import nn
from autodiff import OPERATIONS, OnnxGraph, UnwritableError, Value, operation
from autodiff.program.exporting import onnx_graph
from autodiff.program.program import Guard, Instruction, Program, assemble
from tests.program.rows import ROWS, points, single

onnx = pytest.importorskip("onnx", reason="to_onnx() needs it")
reference = pytest.importorskip("onnx.reference", reason="it runs models in float64")

REFUSED = {
    "atan2", "asec", "acsc", "asecd", "acscd", "erfc", "erfcx", "erfinv", "erfcinv",
}  # fmt: skip
"""Rows that need a function which ONNX has no operator for."""
RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Formulas of logarithms in place of log1p, expm1 and others lose some digits; more beside their zeros."""
ROUGH = 1e-6, 1e-6
"""The evaluator's error function is good to seven digits."""


def run(model, *arrays):
    """The first output, by the package's own evaluator."""
    names = [each.name for each in model.graph.input]
    with np.errstate(all="ignore"):
        return reference.ReferenceEvaluator(model).run(None, dict(zip(names, arrays)))[0]


def run_fast(model, *arrays):
    """The first output, by onnxruntime."""
    runtime = pytest.importorskip("onnxruntime", reason="it runs models")
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip([each.name for each in session.get_inputs()], arrays)))[0]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_has_the_eager_values_or_is_refused_by_name(row):
    rows = np.array(points(row))
    program = single(row, rows.shape[1])
    if row.name in REFUSED:
        with pytest.raises(UnwritableError, match="cannot be written in ONNX, which has no operator for it"):
            program.to_onnx()
        return
    found = run(program.to_onnx(), rows)[:, 0]
    wanted = [row.evaluate(point) for point in rows.tolist()]
    np.testing.assert_allclose(found, wanted, *(ROUGH if row.name in ("erf", "gelu") else (RELATIVE, ABSOLUTE)))


def test_a_fault_in_the_table_of_operators_is_found(monkeypatch):
    for kind, other in (("sinh", "Cosh"), ("<=", "Less"), ("rint", "Floor"), ("asinh", "Atan")):
        monkeypatch.setitem(onnx_graph.ELEMENTWISE, kind, other)
        row = OPERATIONS.get(kind, OPERATIONS["leaky_relu"])
        program, rows = single(row, row.arity), np.array([[0.5, 2.0], [0.0, 3.0], [-2.5, 4.0]])[:, : row.arity]
        if kind == "<=":
            program = assemble([], [], ["x", "y"], [], [0], [Guard("<=", 0, 1, True)])
            rows = np.array([[2.0, 2.0]])
        found, wanted = run(program.to_onnx(), rows)[:, 0], [row.evaluate(point) for point in rows.tolist()]
        assert not np.allclose(found, wanted)
        monkeypatch.undo()


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("holds", [True, False])
def test_where_a_guard_does_not_hold_every_number_is_nan(sign, holds):
    from autodiff.compiling.specializations import COMPARE

    program = assemble([], ["w"], ["x"], [Instruction(OPERATIONS["add"], (0, 1))], [2, 1], [Guard(sign, 1, 0, holds)])
    rows = np.array([[1.0], [2.0], [3.0], [math.nan]])
    right = COMPARE[sign](rows, 2.0) == holds
    wanted = np.where(right, np.concatenate([rows + 2.0, rows], axis=1), math.nan)
    np.testing.assert_array_equal(run(program.to_onnx("f", [2.0]), rows), wanted)


def test_compiled_functions_keep_their_arguments_and_their_ways_through_branches():
    w = Value(2.0, label="w")

    @ad.compile
    def error(x, y):
        s = x[0] * w + x[1]
        return [s * s if s > y else ad.relu(s), y]

    x, y = np.random.default_rng(0).normal(size=(9, 2)), np.linspace(-1.0, 1.0, 9)
    model = error.to_onnx(x, y)
    assert [each.name for each in model.graph.input] == ["x", "y"]
    np.testing.assert_allclose(run(model, x, y), error(x, y), rtol=1e-15)
    np.testing.assert_allclose(run_fast(model, x, y), error(x, y), rtol=1e-15)
    np.testing.assert_allclose(run_fast(model, x[:1], y[:1]), error(x[:1], y[:1]), rtol=1e-15)


# ── Networks ─────────────────────────────────────────────────────────────────────────────────────


class Own(nn.Sequential):
    """A subclass that computes what its parent computes."""


NETWORKS = {
    "a neuron's layer": lambda: nn.Layer(3, 2, "tanh"),
    "linear": lambda: nn.Linear(3, 2, bias=False),
    **{f"mlp of {name}": lambda name=name: nn.MLP(3, [5, 4, 1], activation=name, rng=1)
       for name in ("relu", "tanh", "sigmoid", "silu", "softplus", "leaky_relu", "linear", "sin")},
    "two outputs": lambda: nn.MLP(3, [4, 2], rng=2),
    "a function": lambda: nn.MLP(3, [4, 1], activation=lambda x: x * ad.sigmoid(2 * x), rng=3),
    "expanded": lambda: nn.MLP(3, [4, 1], expanded=True, rng=3),
    "a row of parts": lambda: nn.Sequential(
        nn.Linear(3, 6), nn.LayerNorm(6), "silu", nn.Dropout(0.5), nn.MLP(6, [4, 3]), nn.Activation("tanh"),
        nn.Linear(3, 1)
    ),
    "a norm first": lambda: Own(nn.LayerNorm(3), nn.Linear(3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_networks_predict_what_they_predict_here(name, dtype):
    model = NETWORKS[name]()
    rng = np.random.default_rng(5)
    for parameter in model.parameters():
        parameter.data += rng.normal(0.0, 0.1)  # biases and norms that are not 0 and 1
    inputs = rng.normal(size=(7, 3))
    found = nn.to_onnx(model, dtype)
    assert [each.name for each in found.graph.input] == ["inputs"]
    for count in (7, 1):
        got = run_fast(found, inputs[:count].astype(dtype))
        wanted = model.predict(inputs[:count])
        assert got.shape == wanted.shape
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, *((1e-12, 1e-14) if dtype == "float64" else (1e-4, 1e-5)))


def test_gelu_runs_in_float32_and_in_the_evaluator_of_onnx():
    model, inputs = nn.MLP(2, [4, 1], activation="gelu"), np.random.default_rng(0).normal(size=(5, 2))
    found = run_fast(nn.to_onnx(model, "float32"), inputs.astype("float32"))
    np.testing.assert_allclose(found, model.predict(inputs), 1e-4, 1e-5)
    np.testing.assert_allclose(run(nn.to_onnx(model), inputs), model.predict(inputs), *ROUGH)


def test_an_embedding_takes_whole_numbers():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    places = np.array([4, 0, 0, 2])
    np.testing.assert_allclose(run_fast(nn.to_onnx(model), places), model.predict(places), rtol=1e-14)


def test_weights_are_matrices_with_the_names_of_their_layers():
    model = nn.Sequential(nn.MLP(2, [3, 2]), "tanh", nn.LayerNorm(2))
    found = {each.name: onnx.numpy_helper.to_array(each) for each in nn.to_onnx(model).graph.initializer}
    assert {name: array.shape for name, array in found.items() if name.startswith("layers")} == {
        "layers.0.layers.0.weights": (3, 2), "layers.0.layers.0.biases": (3,), "layers.0.layers.1.weights": (2, 3),
        "layers.0.layers.1.biases": (2,), "layers.2.weights": (2,), "layers.2.biases": (2,),
    }  # fmt: skip
    first = model[0].layers[0].neurons
    assert found["layers.0.layers.0.weights"].tolist() == [[each.data for each in neuron.weights] for neuron in first]


def test_the_same_model_gives_the_same_bytes():
    texts = {nn.to_onnx(nn.MLP(2, [3, 1], rng=1)).SerializeToString(deterministic=True) for _ in range(2)}
    assert len(texts) == 1


class Odd(nn.Module):
    """A model that computes something of its own."""

    def __init__(self):
        self.inner = nn.MLP(2, [3, 1])

    def __call__(self, inputs):
        return self.inner(inputs) * inputs[0]


class Doubled(nn.Linear):
    """A layer that computes something else than its parent."""

    def __call__(self, inputs):
        return [2 * each for each in super().__call__(inputs)]


def test_what_cannot_be_written_is_refused_by_name_with_what_to_do():
    with pytest.raises(UnwritableError, match=r"is a Odd, .* knows Activation, .*compile\(model, parameters=model"):
        nn.to_onnx(Odd())
    with pytest.raises(UnwritableError, match=r"the part 'layers\.1' is a Doubled"):
        nn.to_onnx(nn.Sequential(nn.Linear(2, 2), Doubled(2, 2)))
    with pytest.raises(UnwritableError, match="the operation 'erfc' cannot be written in ONNX"):
        nn.to_onnx(nn.MLP(2, [2, 1], activation="erfc"))
    with pytest.raises(UnwritableError, match="'<lambda>' cannot be written in ONNX"):
        nn.to_onnx(nn.MLP(2, [2, 1], activation=lambda x: x.data))
    with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32', not 'half'"):
        nn.to_onnx(nn.MLP(2, [1]), "half")
    with pytest.raises(ValueError, match=r"f has parameters, whose numbers a model holds"):
        Program.from_graph(Value(1.0) * 2.0)[0].to_onnx()


def test_a_model_of_ones_own_is_written_number_by_number():
    model = Odd()
    inputs = np.random.default_rng(0).normal(size=(4, 2))
    found = ad.compile(model, parameters=model).to_onnx(inputs)
    np.testing.assert_allclose(run_fast(found, inputs)[:, 0], model.predict(inputs), rtol=1e-14)


def test_an_operation_of_ones_own_is_written_by_its_formula():
    own = operation("softsign_here", lambda x: x / (1 + abs(x)), lambda x, y: (1 - abs(y)) ** 2)
    try:
        model = nn.MLP(2, [3, 1], activation=own)
        inputs = np.random.default_rng(0).normal(size=(4, 2))
        np.testing.assert_allclose(run_fast(nn.to_onnx(model), inputs), model.predict(inputs), rtol=1e-14)
    finally:
        del OPERATIONS["softsign_here"]


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        OnnxGraph()
