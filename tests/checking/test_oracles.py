"""The engine and the ladder beside independent oracles: mpmath, the complex step, and PyTorch where it is installed."""

import cmath
import math

import pytest

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis draws the graphs")

from hypothesis import HealthCheck, given, settings  # noqa: E402  # only where it is installed

from autodiff import Value, lookup  # noqa: E402
from autodiff.checking import numerical_derivative  # noqa: E402
from autodiff.checking.strategies import graphs  # noqa: E402

QUIET = settings(deadline=None, max_examples=100, database=None, suppress_health_check=list(HealthCheck))
AGREE = 1e-9
"""Relative to the absolute adjoint: graphs of some ten operations lose a few digits at most."""


def arithmetic(library):
    return {
        "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b, "power": lambda a, b: a**b, "positive": lambda x: +x,
        "exp": library.exp, "log": library.log, "tanh": library.tanh, "sin": library.sin, "sqrt": library.sqrt,
    }  # fmt: skip


def run(graph, table, numbers, constant=float):
    slots = list(numbers)
    for step in graph.steps:
        slots.append(table[step.op.name](*[slots[at] if type(at) is int else constant(at) for at in step.operands]))
    return slots[-1]


def engine(graph):
    from autodiff import topological_order
    from autodiff.checking.comparison import absolute_adjoints

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


@QUIET
@given(graphs())
def test_the_engine_agrees_with_torch(graph):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    table = arithmetic(torch) | {"relu": torch.relu, "absolute": torch.abs, "maximum": torch.maximum}
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in graph.inputs]
    run(graph, table, leaves, lambda x: torch.tensor(x, dtype=torch.float64)).backward()
    for leaf, (gradient, allowed) in zip(leaves, engine(graph)):
        assert abs(gradient - float(leaf.grad)) <= allowed


@pytest.mark.parametrize(
    ("name", "x"), [("exp", 1.0), ("sin", 3.0), ("tanh", 2.0), ("log", 0.5), ("erf", 0.3), ("sqrt", 1e-3)]
)
def test_the_ladder_agrees_with_mpmath_within_its_error(name, x):
    mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle")
    found = numerical_derivative(lookup(name), x)
    with mpmath.workdps(40):
        exact = float(mpmath.diff(getattr(mpmath, name), mpmath.mpf(x)))
    assert abs(found.value - exact) <= 10 * found.error + 4 * math.ulp(exact)
