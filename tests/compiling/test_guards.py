"""Branches: every observation goes the way that it goes eagerly, whatever the others do."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import Value, compile, grad, maximum

numbers = st.sampled_from([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, math.nan, math.inf, -math.inf])

BRANCHES = {
    "if": lambda x, y: x * y if x > 0 else y - x,
    "else-if": lambda x, y: x if x >= y else y * 2 if y <= 0 else x + y,
    "equality": lambda x, y: x * 3 if x == y else x - y if x != 0.5 else y,
    "nan": lambda x, y: y * 1.0 if x != x else x * 1.0,
    "max": lambda x, y: max(x, y, 0.25) * 2,
    "sorted": lambda x, y: sorted([x, y, x * y, 0.5])[1] * 1.0,
    "truth": lambda x, y: x + 1 if y else x - 1,
    "and": lambda x, y: x * 2 if 0 < x < 1 and y else y * 2,
    "in": lambda x, y: x * 2 if x in (1.0, 2.0) else y * 1.0,
    "assert": lambda x, y: [x * 2, y * 1.0][x > y],
}


def newton(x, y):
    """A square root by Newton's method: how often it loops depends on the number."""
    root = maximum(x, y)
    for _ in range(50):
        if not abs(root * root - x) > 1e-6:
            break
        root = 0.5 * (root + x / root)
    return root


@pytest.mark.parametrize("name", BRANCHES)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12))
def test_every_observation_goes_its_own_way(name, pairs):
    function = BRANCHES[name]
    x, y = (np.array(column) for column in zip(*pairs))
    compiled = compile(function)
    expected = np.array([function(a, b) for a, b in pairs], float)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x, y), expected)
    np.testing.assert_array_equal([compiled(a, b) for a, b in pairs], expected)


@pytest.mark.parametrize("name", BRANCHES)
def test_gradients_are_those_of_each_way(name):
    function = BRANCHES[name]
    x, y = np.random.default_rng(1).choice([-1.5, -0.5, 0.0, 0.5, 1.0, 2.0], size=(2, 40))
    compiled = compile(function)
    _, found = compiled.value_and_grad(x, y, reduction="sum", wrt=(0, 1))
    expected = [
        [float(g) if not isinstance(g, Value) else g.data for g in grad(function, (0, 1))(a, b)]
        for a, b in zip(x.tolist(), y.tolist())
    ]
    np.testing.assert_allclose(np.column_stack(found), expected, rtol=1e-12)
    assert len(compiled.programs) > (name != "nan")


def test_a_loop_that_ends_on_a_tolerance_has_a_program_for_each_length():
    x = np.array([0.01, 0.5, 2.0, 9.0, 100.0, 2.1])
    compiled = compile(newton)
    np.testing.assert_allclose(compiled(x, np.ones(6)), np.sqrt(x), rtol=1e-3)
    assert 2 <= len(compiled.programs) <= 6
    assert sum(report.runs for report in compiled.programs) == 6


def test_a_branch_on_a_parameter_is_checked_at_every_run():
    w = Value(1.0)
    f = compile(lambda x: x * 2 if w > 0 else x * w)
    assert f([3.0]).tolist() == [6.0]
    w.data = -1.0
    assert f([3.0]).tolist() == [-3.0]
    assert f.value_and_grad([3.0, 4.0], reduction="sum", at=[2.0])[0] == 14.0
    assert f.value_and_grad([3.0, 4.0], reduction="sum", at=[-2.0])[0] == -14.0
    assert w.data == -1.0
    assert len(f.programs) == 2


def test_a_way_that_is_first_met_at_other_numbers_of_the_parameters_is_recorded_there():
    w = Value(1.0)
    f = compile(lambda x: x * 2 if w > 0 else x * w)
    assert f.value_and_grad([3.0], at=[-2.0]) == (-6.0, [3.0])
    assert w.data == 1.0
    assert f([3.0]).tolist() == [6.0]


def test_a_branch_may_return_a_plain_number_to_which_no_gradient_flows():
    w = Value(2.0)
    for batches in ([[1.0, 0.1], [1.0, 2.0]], [[1.0, 2.0], [1.0, 0.1]]):
        f = compile(lambda x: max(0.0, 1 - w * x))
        found = [f.value_and_grad(batch, reduction="sum") for batch in batches]
        assert sorted((value, gradient.tolist()) for value, gradient in found) == [(0.0, [0.0]), (0.8, [-0.1])]


def test_a_comparison_of_constants_is_no_guard():
    f = compile(lambda x: x * 2 if Value(3.0) > 2 else x)
    f([1.0])
    assert [report.guards for report in f.programs] == [0]


def test_beyond_the_bound_the_rest_runs_eagerly_with_one_warning():
    def steps(x):
        result = x * 0.0
        while x > 0:
            result = result + x
            x = x - 1
        return result

    x = np.arange(9.0)
    w = Value(2.0)
    f = compile(lambda x: w * steps(x), max_branches=3)
    with pytest.warns(RuntimeWarning, match="in more than 3 ways.*maximum"):
        found = f(x)
    expected = 2.0 * x * (x + 1) / 2
    assert found.tolist() == expected.tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, (of_w, of_x) = f.value_and_grad(x, reduction="sum", wrt=("parameters", 0))
    assert (value, of_w.tolist()) == (expected.sum(), [expected.sum() / 2])
    assert of_x.tolist() == (2.0 * x).tolist()
    assert len(f.programs) == 3
    f.backward(x, reduction="sum")
    assert w.grad == expected.sum() / 2


def test_a_huge_integer_is_compared_as_it_is_eagerly():
    f = compile(lambda x: x * 2 if x < 10**400 else x)
    assert f([1.0, math.inf, -math.inf]).tolist() == [2.0, math.inf, -math.inf]


def test_results_of_different_structure_in_one_batch_are_refused():
    f = compile(lambda x: [x, x] if x > 0 else [x])
    assert f([1.0, 2.0]).tolist() == [[1.0, 1.0], [2.0, 2.0]]
    with pytest.raises(ValueError, match=r"results of one structure"):
        f([1.0, -1.0])


WAYS = {"compiled": {}, "the second way eagerly": {"max_branches": 1}}


@pytest.mark.filterwarnings("ignore:.* branched on its numbers in more than:RuntimeWarning")
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_dicts_of_different_ways_agree_by_key(options):
    f = compile(lambda x: {"a": x, "b": [2 * x, 3]} if x > 0 else {"b": [3 * x, 4], "a": x * 4}, **options)
    found = f([1.0, -2.0])
    assert (found["a"].tolist(), found["b"].tolist()) == ([1.0, -8.0], [[2.0, 3.0], [-6.0, 4.0]])
    assert f(-1.0) == {"a": -4.0, "b": [-3.0, 4.0]}


@pytest.mark.filterwarnings("ignore:.* branched on its numbers in more than:RuntimeWarning")
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("other", [lambda x: [x], lambda x: x, lambda x: {"a": x}])
def test_another_structure_is_refused_whoever_runs_it(other, options):
    f = compile(lambda x: [x, 10 * x] if x > 0 else other(x), **options)
    with pytest.raises(ValueError, match=r"results of one structure"):
        f([1.0, -1.0])


@pytest.mark.filterwarnings("ignore:.* branched on its numbers in more than:RuntimeWarning")
def test_a_structure_has_no_gradient_whoever_runs_it():
    f = compile(lambda x: x * 1.0 if x > 0 else [x], max_branches=1)
    assert f.value_and_grad(1.0, wrt=0) == (1.0, 1.0)
    with pytest.raises(TypeError, match="one scalar"):
        f.value_and_grad([1.0, -1.0], wrt=0)


@pytest.mark.filterwarnings("ignore:.* branched on its numbers in more than:RuntimeWarning")
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_a_function_without_parameters_has_gradients_of_its_inputs(options):
    f = compile(lambda x: x * 2 if x > 0 else x * 3, **options)
    assert f.value_and_grad([1.0, -1.0], reduction="sum", wrt=0)[1].tolist() == [2.0, 3.0]


def test_validation_in_the_function_reaches_the_caller_with_the_observation():
    def checked(x):
        if not 0 <= x <= 1:
            raise ValueError(f"not between 0 and 1: {x}")
        return x * 2

    f = compile(checked)
    assert f([0.5, 1.0]).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match=r"not between 0 and 1: 3\.0") as caught:
        f([0.0, 0.25, 3.0])
    assert "at observation 2, while checked was compiled for (x: number)" in caught.value.__notes__[0]


def test_a_tie_that_rounding_moves_does_not_loop_for_ever():
    f = compile(lambda x: x * 1.0 if x.exp() > np.exp(x.detach() if False else 1.0) else x * 2.0)
    x = np.nextafter(1.0, [0.0, 2.0, 1.0])
    assert f(x).shape == (3,)
