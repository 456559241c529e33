"""Oracles for the engine and for numerical derivatives: mpmath, the complex step; PyTorch and JAX where installed."""

import cmath
import math
from random import Random

import pytest

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis draws the graphs")

from hypothesis import HealthCheck, given, settings  # noqa: E402  # only where it is installed

from autodiff import OPERATIONS, Value, lookup, topological_order  # noqa: E402
from autodiff.checking import numerical_derivative  # noqa: E402
from autodiff.checking.comparison import absolute_adjoints  # noqa: E402
from autodiff.checking.strategies import graphs  # noqa: E402
from autodiff.registry import BUILT_IN  # noqa: E402

QUIET = settings(deadline=None, max_examples=100, database=None, suppress_health_check=list(HealthCheck))
ROWS = [row for name, row in OPERATIONS.items() if name in BUILT_IN]
AGREE = 1e-9
"""Relative to the absolute adjoint: graphs of some ten operations lose a few digits at most."""


def arithmetic(library):
    return {
        "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b, "power": lambda a, b: a**b, "positive": lambda x: +x,
        "exp": library.exp, "log": library.log, "tanh": library.tanh, "sin": library.sin, "sqrt": library.sqrt,
    }  # fmt: skip


def run(graph, table, numbers, constant=float):
    slots = [*map(constant, graph.program.constants.tolist()), *numbers]
    for op, operands in graph.instructions:
        slots.append(table[op.name](*[slots[at] for at in operands]))
    return slots[-1]


def engine(graph):
    nodes = [*map(Value, graph.inputs)]
    root = graph(*nodes)
    root.backward()
    adjoints = absolute_adjoints(topological_order(root))
    return [(node.grad, AGREE * adjoints[node] + 1e-12) for node in nodes]


@QUIET
@given(graphs())
def test_the_engine_agrees_with_mpmath(graph):
    mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle")
    table = arithmetic(mpmath) | {
        "relu": lambda x: x if x > 0 else mpmath.mpf(0),
        "absolute": abs,
        "maximum": lambda a, b: a if a >= b else b,
    }
    with mpmath.workdps(60):
        for i, (gradient, allowed) in enumerate(engine(graph)):
            ends = []
            for sign in (1, -1):
                point = [*map(mpmath.mpf, graph.inputs)]
                point[i] += sign * mpmath.mpf("1e-20")
                ends.append(run(graph, table, point))
            assert abs(gradient - float((ends[0] - ends[1]) / mpmath.mpf("2e-20"))) <= allowed


@QUIET
@given(graphs())
def test_the_engine_agrees_with_the_complex_step(graph):
    table = arithmetic(cmath) | {
        "relu": lambda x: x if complex(x).real > 0 else 0.0,
        "absolute": lambda x: x if complex(x).real > 0 else -x,  # the branch by the real part, not the modulus
        "maximum": lambda a, b: a if complex(a).real >= complex(b).real else b,
    }
    for i, (gradient, allowed) in enumerate(engine(graph)):
        point = [*map(complex, graph.inputs)]
        point[i] += 1e-200j
        assert abs(gradient - run(graph, table, point).imag / 1e-200) <= allowed


def with_torch():
    """PyTorch's functions by the names of our rows, and how it gives value and gradient of a function at a point."""
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")
    functions = torch.nn.functional
    table = {row.name: getattr(torch, row.ufunc) for row in ROWS if hasattr(torch, row.ufunc)} | {
        "power": torch.pow,
        "softplus": functions.softplus,
        "silu": functions.silu,
        "gelu": functions.gelu,
        "leaky_relu": lambda x, slope: torch.where(x <= 0, slope * x, x),  # its own takes a plain number as slope
        "where": lambda condition, a, b: torch.where(condition != 0, a, b),
        "norm": lambda *xs: torch.linalg.vector_norm(torch.stack(xs)),
        "total": lambda *xs: torch.stack(xs).sum(),
        "dot": lambda a, b, c, d: torch.dot(torch.stack([a, b]), torch.stack([c, d])),
    }

    def differentiated(function, point):
        leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
        result = function(*leaves)
        result.backward()
        return result.item(), [0.0 if leaf.grad is None else float(leaf.grad) for leaf in leaves]

    return table, differentiated, lambda x: torch.tensor(x, dtype=torch.float64)


def with_jax():
    """The same of JAX."""
    jax = pytest.importorskip("jax", reason="jax is not installed (pip install jax)")
    special, layers, numbers = jax.scipy.special, jax.nn, jax.numpy
    table = {row.name: getattr(numbers, row.ufunc) for row in ROWS if hasattr(numbers, row.ufunc)} | {
        "erf": special.erf,
        "erfc": special.erfc,
        "sigmoid": layers.sigmoid,
        "softplus": layers.softplus,
        "silu": layers.silu,
        "gelu": lambda x: layers.gelu(x, approximate=False),
        "relu": layers.relu,
        "leaky_relu": layers.leaky_relu,
        "where": lambda condition, a, b: numbers.where(condition != 0, a, b),
        "norm": lambda *xs: numbers.linalg.norm(numbers.stack(xs)),
        "total": lambda *xs: numbers.sum(numbers.stack(xs)),
        "dot": lambda a, b, c, d: numbers.dot(numbers.stack([a, b]), numbers.stack([c, d])),
    }

    def differentiated(function, point):
        with jax.enable_x64(True):
            value, gradient = jax.value_and_grad(function, argnums=tuple(range(len(point))))(*point)
        return float(value), [*map(float, gradient)]

    return table, differentiated, float


LIBRARIES = [pytest.param(with_torch, id="torch"), pytest.param(with_jax, id="jax")]


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_row_agrees_with_other_libraries(library):
    table, differentiated, _ = library()
    random = Random(0)
    rows = [row for row in ROWS if row.name in table and row.name != "floor_divide"]  # torch has no derivative of it
    assert len(rows) > len(ROWS) / 2
    for row in rows:
        for _ in range(20):
            point = [random.uniform(*interval) for interval in (row.domain if row.arity else row.domain * 4)]
            nodes = [*map(Value, point)]
            result = row(*nodes)
            result.backward()
            value, gradient = differentiated(table[row.name], point)
            ours = [result.data, *[node.grad for node in nodes]]
            assert ours == pytest.approx([value, *gradient], rel=AGREE, abs=AGREE), (row, point)


@pytest.mark.parametrize("library", LIBRARIES)
@settings(QUIET, max_examples=50)
@given(graph=graphs())
def test_random_graphs_agree_with_other_libraries(library, graph):
    table, differentiated, constant = library()
    value, gradient = differentiated(lambda *xs: run(graph, table, xs, constant), graph.inputs)
    assert graph(*graph.inputs) == pytest.approx(value, rel=AGREE, abs=AGREE)
    for other, (ours, allowed) in zip(gradient, engine(graph)):
        assert abs(ours - other) <= allowed


def test_conventions_at_singular_points_are_those_of_torch():
    table, differentiated, _ = with_torch()
    for row in ROWS:
        if row.name in ("atan2", "hypot", "xlogy") or row.name not in table:
            continue  # at the origin, torch has nan and -inf there; its norm has the subgradient 0, as all of ours have
        for point, pinned in row.singular_points.items():
            value, gradient = differentiated(table[row.name], point)
            assert [value, *gradient] == pytest.approx([pinned.value, *pinned.local], nan_ok=True), (row, point)


@pytest.mark.parametrize(
    ("name", "x"), [("exp", 1.0), ("sin", 3.0), ("tanh", 2.0), ("log", 0.5), ("erf", 0.3), ("sqrt", 1e-3)]
)
def test_the_numerical_derivative_agrees_with_mpmath_within_its_error(name, x):
    mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle")
    found = numerical_derivative(lookup(name), x)
    with mpmath.workdps(40):
        exact = float(mpmath.diff(getattr(mpmath, name), mpmath.mpf(x)))
    assert abs(found.value - exact) <= 10 * found.error + 4 * math.ulp(exact)
