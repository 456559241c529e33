"""Functions of several numbers."""

import math

import numpy as np
import pytest
from mpmath import mp

import autodiff as ad
from autodiff import Value

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
    if math.inf not in numbers:  # where softmax is 0/0, so is the gradient
        finite = [*map(math.isfinite, ad.softmax(numbers))]
        assert [*map(math.isfinite, gradients(y, v))] == finite


def test_softmax_and_its_logarithm_of_extremes():
    assert ad.softmax([1000.0, 1000.0]) == [0.5, 0.5]
    assert ad.log_softmax([0.0, -2000.0]) == [0.0, -2000.0]
    for numbers in ([-math.inf, -math.inf], values(-math.inf, -math.inf)):
        assert all(map(math.isnan, (+p.data if isinstance(p, Value) else p for p in ad.softmax(numbers))))


def test_the_gradients_of_softmax_sum_to_zero():
    v = values(0.1, -2.0, 1.5)
    assert sum(gradients(ad.softmax(v)[1], v)) == pytest.approx(0.0, abs=1e-15)


def test_log_softmax_is_the_logarithm_of_softmax():
    numbers = [0.1, -2.0, 1.5]
    assert ad.log_softmax(numbers) == pytest.approx([math.log(p) for p in ad.softmax(numbers)], rel=REL)
