"""Laws of functions of ``Value``s at many points at once: numbers and verdicts are those of the engine."""

import cProfile
import math
import sys

import numpy as np
import pytest

import autodiff
import nn
from autodiff import Value, grad, topological_order
from autodiff.checking import GradientMismatchError, UncheckableFunctionError, check_gradients, gradients
from autodiff.checking.at_once import AtOnce
from autodiff.checking.function_under_test import FunctionUnderTest
from autodiff.checking.gradients import checked
from autodiff.checking.noise import recorded_noise

POINT = (0.5, -1.25, 2.0)
POINTS = np.array(POINT) + np.random.default_rng(0).uniform(-0.4, 0.4, (9, 3))
scaled = autodiff.operation("tanh_by_math", lambda x: 1.5 * math.tanh(x), lambda x, y: 1.5 - y * y / 1.5)


def branches(x, y, z):
    return x.exp() if x > 0.5 else y * z


def inner_derivative(x, y, z):
    return grad(lambda a: a**3 * y)(x) + z.sin()


RECORDED = [
    pytest.param(lambda x, y, z: (x * y + z).tanh() / (1 + x * x), id="arithmetic"),
    pytest.param(lambda *p: autodiff.dot(p, p) + sum(p) + autodiff.norm(p), id="any number of operands"),
    pytest.param(lambda *p: autodiff.softmax([*p])[1] + autodiff.log_sum_exp(p), id="softmax"),
    pytest.param(lambda x, y, z: np.exp(x) * np.maximum(y, z) + abs(y), id="NumPy's functions"),
    pytest.param(lambda x, y, z: x.detach() * y + z, id="detached"),
    pytest.param(lambda x, y, z: scaled(x) * scaled(y + z), id="an operation of one's own"),
    pytest.param(branches, id="branches"),
    pytest.param(inner_derivative, id="a derivative inside"),
    pytest.param(lambda x, y, z: autodiff.select([y, z], 1) * x, id="a choice by a constant"),
]
NOT_RECORDED = [
    pytest.param(lambda x, y, z: x * float(repr(y.data)), id="data"),
    pytest.param(lambda x, y, z: x * [y, z][int(x.data > 0)], id="an index"),
    pytest.param(lambda x, y, z: Value(math.floor(x.data)) + y * z, id="math"),
]


def at_once(f, inputs=POINT):
    return AtOnce(FunctionUnderTest(f, inputs))


def by_engine(f, points):
    return np.array([f(*map(Value, point)).number for point in points.tolist()])


@pytest.mark.parametrize("f", RECORDED)
def test_numbers_are_those_of_the_engine(f):
    function = at_once(f)
    assert function.program is not None
    np.testing.assert_allclose(function.values(POINTS), by_engine(f, POINTS), rtol=1e-14)
    assert function.program is not None


@pytest.mark.parametrize("f", NOT_RECORDED)
def test_what_cannot_be_recorded_runs_in_the_engine(f):
    function = at_once(f)
    assert function.program is None
    np.testing.assert_array_equal(function.values(POINTS), by_engine(f, POINTS))


@pytest.mark.parametrize("f", RECORDED)
def test_the_noise_is_about_that_of_a_recorded_node(f):
    noises = at_once(f).noises(POINTS, 0)
    for point, noise in zip(POINTS.tolist(), noises):
        expected = recorded_noise(topological_order(f(*map(Value, point))))
        assert expected / 30 <= noise <= 30 * expected


def test_points_that_branch_otherwise_are_given_to_the_engine():
    calls = []

    def f(x, y, z):
        calls.append(x)
        return branches(x, y, z)

    function = at_once(f, (0.75, -1.25, 2.0))
    calls.clear()
    others = int((POINTS[:, 0] <= 0.5).sum())
    function.values(POINTS)
    assert 0 < others < len(POINTS)
    assert len(calls) == others + 1  # and one point of the batch, to look


def test_a_program_that_gives_other_numbers_is_given_up():
    outside = Value(1.5)

    def f(x, y, z):
        return (x * y).tanh() * outside + z

    function = at_once(f)
    function.values(POINTS)
    assert function.program is not None
    outside.data = 1.5 + 1e-9
    np.testing.assert_array_equal(function.values(POINTS), by_engine(f, POINTS))
    assert function.program is None


def test_what_counts_its_calls_is_no_program():
    calls = []

    def f(x, y, z):
        calls.append(x)
        return x * y if len(calls) < 3 else x * y * z

    function = at_once(f)
    calls.extend(range(9))
    np.testing.assert_array_equal(function.values(POINTS), POINTS.prod(axis=1))


@pytest.mark.parametrize("inputs", [[*POINT], {"a": POINT[0], "b": [*POINT[1:]]}, np.array(POINT)])
def test_structures_are_given_as_they_are(inputs):
    def f(p):
        parts = [p["a"], *p["b"]] if isinstance(p, dict) else p
        return parts[0] * parts[1].exp() - parts[2]

    function = at_once(f, inputs)
    assert function.program is not None
    np.testing.assert_allclose(function.values(POINTS), by_engine(lambda *p: f([*p]), POINTS), rtol=1e-14)


def test_a_module_keeps_its_parameters():
    model = nn.MLP(3, [8, 8, 1])
    before = [p.data for p in model.parameters()]
    assert len(before) > 64
    assert check_gradients(lambda m: m([0.5, -1.0, 2.0]) ** 2, model).verdict == "pass"
    assert [p.data for p in model.parameters()] == before


def network(theta):
    """A network of two hidden layers over six observations."""
    hidden = [autodiff.tanh(autodiff.dot(theta[3 * k : 3 * k + 2], (1.0, -0.5)) + theta[3 * k + 2]) for k in range(20)]
    outputs = [autodiff.dot(theta[60:80], hidden) * x + theta[80].sigmoid() for x in (0.5, -1.0, 2.0)]
    return autodiff.mean([(each - 0.3) ** 2 for each in outputs])


THETA = np.random.default_rng(1).normal(size=81)


def test_a_wrong_rule_is_found_in_what_runs_as_a_program(monkeypatch):
    assert at_once(network, THETA).program is not None
    row = autodiff.lookup("sigmoid")
    (right,) = row.derivatives
    assert check_gradients(network, THETA).verdict == "pass"
    monkeypatch.setattr(row, "derivatives", (lambda x, y: (1 + 1e-5) * right(x, y),))
    with pytest.raises(GradientMismatchError, match=r"input \[80\]"):
        check_gradients(network, THETA)


@pytest.mark.parametrize("size", [1 + 1e-4, 0.0])
def test_a_wrong_backward_pass_is_found_in_what_runs_as_a_program(size):
    def backward(root):
        root.backward()
        for node in topological_order(root):
            if node.op.name == "sigmoid":
                node.parents[0].grad *= size

    with pytest.raises(GradientMismatchError, match=r"input \[80\]"):
        check_gradients(network, THETA, backward=backward)


def test_second_derivatives_of_many_inputs_run_as_a_program_as_well(monkeypatch):
    assert check_gradients(network, THETA, order=2).verdict == "pass"
    row = autodiff.lookup("sigmoid")
    (right,) = row.derivatives
    # The first derivative stays right; that of the rule is wrong, as it holds y for a constant.
    monkeypatch.setattr(row, "derivatives", (lambda x, y: right(x, getattr(y, "detach", lambda: y)()),))
    with pytest.raises(GradientMismatchError):
        check_gradients(network, THETA, order=2)


@pytest.mark.slow
@pytest.mark.parametrize("wild", [False, True])
def test_verdicts_by_program_are_those_by_the_engine(wild, monkeypatch):
    pytest.importorskip("hypothesis", reason="hypothesis draws the graphs")
    from autodiff.checking.strategies import draw_graphs

    differ = []
    for graph in draw_graphs(0, 60, wild=wild):
        verdicts = []
        for large in (gradients.LARGE, 0):
            monkeypatch.setattr(gradients, "LARGE", large)
            verdicts.append(checked(graph, graph.inputs).verdict)
        differ += [verdicts] if verdicts[0] != verdicts[1] else []
        monkeypatch.undo()
    assert len(differ) <= (2 if wild else 0)
    assert not any("fail" in each for each in differ)


def test_a_large_graph_of_few_inputs_is_evaluated_few_times():
    calls = []

    def f(a, b):
        calls.append(a)
        return autodiff.mean([((a * x).tanh() + b - x) ** 2 for x in np.linspace(-1, 1, 500).tolist()])

    assert check_gradients(f, (0.5, 0.25)).verdict == "pass"
    assert len(calls) < 10


def test_a_check_can_be_profiled_where_a_framework_is_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", sys.modules.get("autograd", math))
    profile = cProfile.Profile()
    profile.enable()
    try:
        assert check_gradients(lambda x: x * x, 2.0).verdict == "pass"
    finally:
        profile.disable()


@pytest.mark.parametrize("count", [1, 3, 100])
def test_a_function_that_is_zero_around_has_the_gradient_zero(count):
    point = -np.ones(count)
    right = check_gradients(lambda w: np.maximum(w, 0).sum(), point, gradient=lambda w: 0.0 * w)
    assert right.verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda w: np.maximum(w, 0).sum(), point, gradient=lambda w: np.full_like(w, 1e-9))


def test_a_function_that_changes_between_calls_is_refused_first():
    numbers = iter(range(100))
    with pytest.raises(UncheckableFunctionError, match="not deterministic"):
        check_gradients(lambda w: w[0] * next(numbers), np.ones(80))


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError])
def test_a_function_that_raises_outside_of_its_domain_is_checked_inside(error):
    def f(w):
        if w[0] < 0.8:
            raise error("outside")
        return sum(x * x for x in w)

    assert check_gradients(f, np.ones(80)).verdict == "pass"


def test_points_close_to_the_largest_number_are_no_trouble():
    assert check_gradients(lambda w: autodiff.norm(w) / 4, np.r_[1.7e308, np.ones(79)]).verdict != "fail"
