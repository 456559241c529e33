"""What NumPy does with ``Value``s: its functions stay in the graph, or say what serves instead."""

import contextlib
import math
import statistics
import subprocess
import sys
import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff import OPERATIONS, Value, grad
from autodiff.registry import BUILT_IN

UFUNCS = sorted({each for each in vars(np).values() if isinstance(each, np.ufunc)}, key=lambda each: each.__name__)
ROWS = [
    row for row in OPERATIONS.values() if row.name in BUILT_IN and isinstance(getattr(np, row.ufunc, None), np.ufunc)
]
NUMBERS = (0.5, 0.25, 0.75)
PRODUCTS = {"matmul", "vecdot", "matvec", "vecmat"}
"""Of arrays alone: NumPy itself says that a number has too few dimensions."""


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_ufunc_of_values_numbers_and_arrays_is_the_row(row):
    numbers = [low + (high - low) * at for (low, high), at in zip(row.domain, NUMBERS)]
    ufunc = getattr(np, row.ufunc)
    for place in range(row.arity):
        operands = [Value(number) if at == place else number for at, number in enumerate(numbers)]
        result = ufunc(*operands)
        assert (result.op, result.data, type(result)) == (row, row(*numbers), Value)
        columns = [each if at == place else np.array([each, each]) for at, each in enumerate(operands)]
        found = ufunc(*columns)
        if row.arity > 1:
            assert found.shape == (2,)
            assert [each.data for each in found] == [row(*numbers)] * 2
            scalars = [each if at == place else np.float64(each) for at, each in enumerate(operands)]
            assert ufunc(*scalars).data == row(*numbers)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda each: each.__name__)
def test_every_ufunc_of_a_value_is_recorded_or_refused_in_words_and_never_cuts_the_graph(ufunc):
    for others in (Value(0.25), 0.25, np.array([0.5, 0.25])):
        operands = [Value(0.5), *[others] * (ufunc.nin - 1)]
        found, refusal = [], None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = ufunc(*operands)
        except (TypeError, ValueError) as error:
            refusal = str(error)
        if refusal is None:
            for each in np.ravel(np.array(found, dtype=object)).tolist():
                assert isinstance(each, Value | bool | np.bool_)
        else:
            assert ufunc.__name__ in PRODUCTS or ("autodiff" in refusal and ".data" in refusal)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda each: each.__name__)
def test_no_ufunc_of_an_array_of_values_ends_in_a_bare_attribute_error(ufunc):
    array = np.array([Value(0.5), Value(0.25)])
    with np.errstate(all="ignore"), contextlib.suppress(TypeError, ValueError):
        ufunc(*[array] * ufunc.nin)


def test_what_is_not_there_names_what_serves():
    v = Value(2.0)
    for call, name in [
        (lambda: np.fmax(v, 0.0), "maximum"), (lambda: np.logaddexp2(v, 1.0), "logaddexp"),
        (lambda: np.heaviside(v, 0.0), "where"), (lambda: np.signbit(v), "sign"), (lambda: np.modf(v), "trunc"),
        (lambda: np.nextafter(v, 1.0), "operation"),
    ]:  # fmt: skip
        with pytest.raises(TypeError, match=rf"np\.\w+ of a Value has no derivative here: autodiff\.{name}.*\.data"):
            call()


def test_an_array_of_numbers_cannot_take_values():
    array = np.array([1.0, 2.0])
    with pytest.raises(TypeError, match=r"np\.add cannot write Values into an array of numbers: make a new array"):
        array += Value(1.0)
    assert array.tolist() == [1.0, 2.0]


def test_the_maximum_with_a_number_is_recorded_and_flows():
    for number, slope in ((-1.0, 0.0), (2.0, 1.0), (0.0, 0.5)):
        v = Value(number)
        y = np.maximum(v, 0.0)
        y.backward()
        assert (y.op, y.data, v.grad) == (ad.maximum, max(number, 0.0), slope)
    assert math.isnan(np.maximum(Value(math.nan), 0.0).data)


def test_questions_are_answered_and_guarded():
    for number in (1.0, math.nan, math.inf, -math.inf):
        for question in (np.isnan, np.isfinite, np.isinf):
            assert question(Value(number)) is bool(question(number))
    compiled = ad.compile(lambda x: x * 2 if np.isnan(x) else x * 3)
    assert compiled(2.0) == 6.0
    assert math.isnan(compiled(math.nan))


@pytest.mark.parametrize("order", [None, 1, 2, 3, 2.5, -1, math.inf, -math.inf])
def test_the_norm_of_any_order_has_its_gradient(order):
    numbers = [1.5, -2.0, 3.0]
    leaves = [*map(Value, numbers)]
    result = np.linalg.norm(np.array(leaves), order)
    result.backward()
    assert result.data == pytest.approx(np.linalg.norm(numbers, order), rel=1e-14)
    for place, leaf in enumerate(leaves):
        moved = [np.linalg.norm(np.array(numbers) + 1e-6 * sign * np.eye(3)[place], order) for sign in (1, -1)]
        assert leaf.grad == pytest.approx((moved[0] - moved[1]) / 2e-6, abs=1e-8)


FUNCTIONS = [
    np.sum, np.prod, np.mean, np.var, np.std, np.cumsum, np.diff, np.median, np.ptp, np.trace, np.square,
    np.linalg.norm,
    lambda a: np.dot(a, a), lambda a: a @ a, lambda a: np.where(a > 1, a, 0.0), lambda a: np.concatenate([a, a]),
    lambda a: np.stack([a, a]), lambda a: np.outer(a, a), lambda a: np.einsum("i,i->", a, a), lambda a: np.round(a, 1),
    lambda a: np.average(a), lambda a: np.max(a), lambda a: np.sort(a),
    lambda a: np.floor(a) + np.ceil(a) + np.trunc(a),
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_arrays_of_values_compute_what_they_compute_of_numbers(function):
    numbers = np.array([1.25, 2.5, -3.0])
    if function is np.trace:
        numbers = np.diag(numbers)
    values = np.vectorize(Value, otypes=[object])(numbers)
    found = np.ravel(np.array(function(values), dtype=object))
    assert [getattr(each, "data", each) for each in found] == pytest.approx(np.ravel(function(numbers)), rel=1e-14)


def test_functions_of_a_single_value_are_intercepted():
    v = Value(2.5)
    for result, number, slope in [
        (np.where(v > 1, v * v, 0.0), 6.25, 5.0), (np.clip(v, 0.0, 3.0), 2.5, 1.0), (np.clip(v, None, 2.0), 2.0, 0.0),
        (np.clip(v, 3.0, None), 3.0, 0.0), (np.clip(v, min=1.0, max=4.0), 2.5, 1.0), (np.round(v), 2.0, 0.0),
        (np.round(v, 1), 2.5, 0.0), (np.sum(v), 2.5, 1.0), (np.mean(v), 2.5, 1.0), (np.dot(v, 3.0), 7.5, 3.0),
        (np.sum(np.stack([v, v * v])), 8.75, 6.0), (np.sum(np.dot(v, np.array([1.0, 2.0]))), 7.5, 3.0),
        (np.sum(v * np.array([1.0, 2.0])), 7.5, 3.0), (np.float64(2) * v, 5.0, 2.0),
        (np.degrees(v), None, 180 / math.pi),
        (np.radians(v), None, math.pi / 180), (np.fabs(v), 2.5, 1.0), (np.float_power(v, 2.0), 6.25, 5.0),
        (np.sinc(v), np.sinc(2.5), grad(ad.sinc)(2.5)),
    ]:  # fmt: skip
        v.grad = 0.0
        result.backward()
        assert number is None or result.data == pytest.approx(number, rel=1e-14)
        assert v.grad == pytest.approx(slope, rel=1e-14)


def test_outer_products_and_reductions_of_ufuncs_with_values():
    v = Value(2.0)
    assert [each.data for each in np.multiply.outer(v, np.array([1.0, 3.0]))] == [2.0, 6.0]
    assert np.add.reduce([v, v, 1.0]).data == 5.0


def test_statistics_works_or_says_what_serves():
    values = [Value(1.0), Value(2.0), Value(6.0)]
    assert statistics.median(values) is values[1]
    for function in (statistics.mean, statistics.variance, statistics.stdev):
        with pytest.raises(TypeError, match=r"use \.data for the number, and mean, var and std of autodiff"):
            function(values)
    with pytest.raises(TypeError, match=r"use \.data for the number"):
        statistics.fmean(values)


def test_numpy_is_not_loaded_with_the_engine():
    code = "import sys, autodiff; autodiff.Value(2.0) % 1.5; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
