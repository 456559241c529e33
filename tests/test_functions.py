"""Functions of several numbers."""

import math

import numpy as np
import pytest
from mpmath import mp

import autodiff as ad
from autodiff import Value, compile, cumsum, grad, largest, prod, smallest, std, total, var

REL = 1e-12


def values(*numbers):
    return [Value(number) for number in numbers]


def gradients(root, nodes):
    root.backward()
    return [node.grad for node in nodes]


def test_a_total_is_one_node():
    v = values(1.0, 2.0, 3.5)
    y = ad.total(v)
    assert (y.data, y.parents) == (6.5, tuple(v))
    assert gradients(y, v) == [1.0, 1.0, 1.0]
    assert ad.total([]) == 0.0
    assert ad.total(np.arange(4)) == 6.0


def test_a_dot_is_one_node():
    a, b = values(1.0, 2.0), values(3.0, 4.0)
    y = ad.dot(a, b)
    assert (y.data, len(y.parents)) == (11.0, 4)
    assert gradients(y, a + b) == [3.0, 4.0, 1.0, 2.0]
    assert ad.dot(a, [5, 6]).data == 17.0
    same = values(2.0)[0]
    assert gradients(ad.dot([same, same], [same, 1.0]), [same]) == [5.0]
    with pytest.raises(ValueError, match=r"same length, not of 1 and 2"):
        ad.dot([1.0], [1.0, 2.0])


def test_a_mean_divides_by_the_number_of_values():
    v = values(1.0, 2.0, 6.0)
    y = ad.mean(iter(v))
    assert y.data == 3.0
    assert gradients(y, v) == pytest.approx([1 / 3] * 3, rel=REL)


@pytest.mark.parametrize("function", [ad.mean, ad.log_sum_exp, ad.softmax, ad.log_softmax])
def test_no_values_are_refused(function):
    with pytest.raises(ValueError, match=f"{function.__name__} of no values is not defined"):
        function([])


def test_log_sum_exp_and_its_gradient_agree_with_high_precision():
    numbers = (-3.0, 0.5, 2.0, 2.0)
    v = values(*numbers)
    y = ad.log_sum_exp(v)
    with mp.workdps(40):
        parts = [mp.exp(number) for number in numbers]
        expected, shares = float(mp.log(sum(parts))), [float(part / sum(parts)) for part in parts]
    assert y.data == pytest.approx(expected, rel=REL)
    assert gradients(y, v) == pytest.approx(shares, rel=REL)
    assert [s.data for s in ad.softmax(v)] == pytest.approx(shares, rel=REL)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1000.0, 1000.0), 1000 + math.log(2)),
        ((-1000.0, -1000.0), -1000 + math.log(2)),
        ((1000.0, -1000.0), 1000.0),
        ((-math.inf, -math.inf), -math.inf),
        ((-math.inf, 3.0), 3.0),
        ((math.inf, 3.0), math.inf),
    ],
)
def test_log_sum_exp_of_extremes(numbers, expected):
    assert ad.log_sum_exp(numbers) == expected
    v = values(*numbers)
    y = ad.log_sum_exp(v)
    assert y.data == expected
    assert gradients(y, v) == ad.softmax(numbers)


def test_softmax_and_its_logarithm_of_extremes():
    assert ad.softmax([1000.0, 1000.0]) == [0.5, 0.5]
    assert ad.log_softmax([0.0, -2000.0]) == [0.0, -2000.0]


def test_the_gradients_of_softmax_sum_to_zero():
    v = values(0.1, -2.0, 1.5)
    assert sum(gradients(ad.softmax(v)[1], v)) == pytest.approx(0.0, abs=1e-15)


def test_log_softmax_is_the_logarithm_of_softmax():
    numbers = [0.1, -2.0, 1.5]
    assert ad.log_softmax(numbers) == pytest.approx([math.log(p) for p in ad.softmax(numbers)], rel=REL)


def test_the_product_of_a_zero_keeps_the_derivatives_of_the_others():
    leaves = [Value(2.0), Value(0.0), Value(5.0)]
    prod(leaves).backward()
    assert [leaf.grad for leaf in leaves] == [0.0, 10.0, 0.0]
    assert prod([]) == 1.0


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("numbers", [[1.0, 2.0, 6.0], [1e8, 1e8 + 1, 1e8 + 2], [-3.0, 0.5]])
def test_variance_and_deviation_are_those_of_numpy_with_their_gradients(numbers, ddof):
    for ours, theirs in ((var, np.var), (std, np.std)):
        assert ours(numbers, ddof) == pytest.approx(theirs(numbers, ddof=ddof), rel=1e-15)
    center, count = np.mean(numbers), len(numbers) - ddof
    assert grad(var)(numbers, ddof) == pytest.approx([2 * (x - center) / count for x in numbers], rel=1e-12)
    deviation = np.std(numbers, ddof=ddof)
    assert grad(std)(numbers, ddof) == pytest.approx([(x - center) / count / deviation for x in numbers], rel=1e-12)


def test_the_deviation_of_equal_values_has_the_subgradient_0():
    assert grad(std)([2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("function", [var, std])
def test_a_variance_needs_more_values_than_degrees_of_freedom_that_are_taken(function):
    with pytest.raises(ValueError, match="of no values"):
        function([])
    with pytest.raises(ValueError, match="needs more than 1 values, not 1"):
        function([3.0], ddof=1)


def test_cumulative_sums_have_the_gradients_of_sums():
    leaves = [Value(1.0), Value(2.0), Value(4.0)]
    sums = cumsum(leaves)
    total(sums).backward()
    assert [each.data for each in sums] == [1.0, 3.0, 7.0]
    assert [leaf.grad for leaf in leaves] == [3.0, 2.0, 1.0]
    assert cumsum([]) == []


@pytest.mark.parametrize(("function", "sign"), [(largest, 1.0), (smallest, -1.0)])
def test_the_largest_and_the_smallest_share_ties_and_keep_nan(function, sign):
    leaves = [Value(sign * x) for x in (1.0, 6.0, 6.0, 2.0)]
    function(leaves).backward()
    assert [leaf.grad for leaf in leaves] == [0.0, 0.5, 0.5, 0.0]
    for numbers in ([math.nan, 1.0], [1.0, math.nan]):
        assert math.isnan(function([*map(Value, numbers)]).data)
    with pytest.raises(ValueError, match="of no values"):
        function([])
    assert compile(lambda *xs: function(xs))(1.0, 3.0, 2.0) == function([1.0, 3.0, 2.0])
