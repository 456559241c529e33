"""Functions that are hard to differentiate by numbers: each verdict is an honest one."""

import math

import numpy as np
import pytest

import autodiff
from autodiff.checking import GradientMismatchError, UncheckableFunctionError, check_gradients

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(8, 3))
SQUARE = RANDOM.normal(size=(4, 4))
FIVE = RANDOM.normal(size=5)
MANY = RANDOM.normal(size=2000)
FLOATS = RANDOM.normal(size=5000).astype(np.float32)


def at(place, number, like):
    found = np.zeros_like(like)
    found[place] = number
    return found


def ranks(w):
    return np.argsort(np.argsort(w)).astype(float)


RIGHT = [
    ("the edge of a domain close by", lambda w: np.sqrt(w).sum(), [1e-6, 1.0], lambda w: 0.5 / np.sqrt(w), "pass"),
    ("sorted", lambda w: np.sort(w) @ np.arange(5.0), FIVE, ranks, "pass"),
    ("a tie, shared", lambda w: w.max(), [1.0, 1.0], lambda w: np.full(2, 0.5), "kink"),
    ("a tie, the first", lambda w: w.max(), [1.0, 1.0], lambda w: np.array([1.0, 0.0]), "kink"),
    ("eight corners at once", lambda v: np.maximum(WEIGHTS @ v, 0).sum(), np.zeros(3),
     lambda v: WEIGHTS.T @ (WEIGHTS @ v > 0), "kink"),
    ("a determinant", lambda a: np.linalg.slogdet(a)[1], SQUARE, lambda a: np.linalg.inv(a).T, "pass"),
    ("float32, thousands", lambda w: (w * w).sum(), FLOATS, lambda w: 2 * w, "pass"),
    ("float32, cancellation", lambda w: ((w - w.mean()) ** 2).sum(), FLOATS[:9] + 1000, lambda w: 2 * (w - w.mean()),
     "inconclusive"),
    ("a subnormal point", lambda x: 3 * x, 5e-324, lambda x: 3.0, "pass"),
    ("a square at a subnormal point", lambda x: x * x, 5e-324, lambda x: 2 * x, "inconclusive"),
    ("from 1e-300 to 1e300", lambda w: np.log(w).sum(), [1e-300, 1.0, 1e300], lambda w: 1 / w, "inconclusive"),
    ("the largest numbers", lambda x: x / 2, 1.7e308, lambda x: 0.5, "pass"),
    ("oscillating towards 0", lambda x: x * x * np.sin(1 / x), 1e-3, lambda x: 2 * x * np.sin(1 / x) - np.cos(1 / x),
     "pass"),
    ("a fast sine", lambda x: np.sin(1e6 * x), 0.5, lambda x: 1e6 * np.cos(1e6 * x), "pass"),
    ("the end of a domain", np.arccos, 1.0, lambda x: -np.inf, "inconclusive"),
    ("a hair from that", np.arccos, 1 - 1e-12, lambda x: -1 / np.sqrt(1 - x * x), "inconclusive"),
    ("a remainder", lambda x: x % 1.0, 7.25, lambda x: 1.0, "pass"),
    ("values that cancel", lambda x: (1 - np.cos(x)) / x**2, 1e-4, lambda x: -x / 12, "inconclusive"),
    ("one output in an array", lambda w: (w * w).sum(keepdims=True), [1.0, 2.0], lambda w: 2 * w, "pass"),
    ("a gradient in float32", lambda w: np.exp(w).sum(), [1.0, 2.0], lambda w: np.exp(w).astype(np.float32), "pass"),
]  # fmt: skip
WRONG = [
    ("the edge of a domain close by", RIGHT[0][1], [1e-6, 1.0], lambda w: 0.5 / np.sqrt(w) * [1.001, 1]),
    ("a tie, counted twice", lambda w: w.max(), [1.0, 1.0], lambda w: np.array([2.0, 0.0])),
    ("eight corners at once", RIGHT[4][1], np.zeros(3), lambda v: np.full(3, 9.0)),
    ("a transpose forgotten", RIGHT[5][1], SQUARE, np.linalg.inv),
    ("one of thousands, float32", RIGHT[6][1], FLOATS, lambda w: 2 * w + at(77, 3 * w[77], w)),
    ("a subnormal point", lambda x: 3 * x, 5e-324, lambda x: 3.1),
    ("1e300", np.log, 1e300, lambda x: 1.001 / x),
    ("1e-300", np.log, 1e-300, lambda x: 1.001 / x),
    ("a sign in an oscillation", RIGHT[12][1], 1e-3, lambda x: 2 * x * np.sin(1 / x) + np.cos(1 / x)),
    ("two errors that cancel", lambda w: np.tanh(w).sum(), MANY,
     lambda w: 1 - np.tanh(w) ** 2 + at(3, 1e-4, w) - at(5, 1e-4, w)),
    ("one of thousands by 1e-5", lambda w: np.tanh(w).sum(), MANY,
     lambda w: (1 - np.tanh(w) ** 2) * (1 + at(9, 1e-5, w))),
    ("shifted by one", lambda w: (np.arange(2000) * w**2).sum(), MANY, lambda w: np.roll(2 * np.arange(2000) * w, 1)),
    ("straight through stairs", lambda x: np.round(x), 0.25, lambda x: 1.0),
    ("nan", lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0.0), -1.0, lambda x: math.nan),
]  # fmt: skip


def named(cases):
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


def point(x):
    return np.array(x) if isinstance(x, list) else x


@pytest.mark.parametrize(("f", "x", "gradient", "verdict"), named(RIGHT))
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_a_right_gradient_is_called_what_values_can_tell(f, x, gradient, verdict):
    assert check_gradients(f, point(x), gradient=gradient).verdict == verdict


@pytest.mark.parametrize(("f", "x", "gradient"), named(WRONG))
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_a_wrong_gradient_is_called_wrong(f, x, gradient):
    with pytest.raises(GradientMismatchError):
        check_gradients(f, point(x), gradient=gradient)


OF_VALUES = [
    pytest.param(autodiff.norm, np.full(100, 1e200), "pass", id="a norm of 1e200"),
    pytest.param(autodiff.norm, np.full(100, 1e-200), "pass", id="a norm of 1e-200"),
    pytest.param(autodiff.norm, np.zeros(66), "kink", id="a norm of zeros"),
    pytest.param(autodiff.log_sum_exp, np.linspace(-1000, 1000, 100), "pass", id="log_sum_exp over 2000"),
    pytest.param(lambda w: sum(map(abs, w)), np.r_[np.zeros(3), np.ones(80)], "kink", id="corners among many"),
    pytest.param(lambda w: sum((x * x if x > 0 else -x) for x in w), MANY[:80], "pass", id="a hundred branches"),
    pytest.param(lambda w: sum((x * x if x > 1e-9 else -x) for x in w), MANY[:80] * 1e-9, "pass", id="close branches"),
    pytest.param(lambda w: sum(i * x for i, x in enumerate(sorted(w))), MANY[:80], "pass", id="sorted"),
]


@pytest.mark.parametrize(("f", "x", "verdict"), OF_VALUES)
def test_a_function_of_many_values_gets_its_verdict(f, x, verdict):
    assert check_gradients(f, x).verdict == verdict


def test_of_many_inputs_that_are_ignored_the_first_are_named():
    with pytest.raises(UncheckableFunctionError, match=r"\[6\], … \(79 in all\)") as caught:
        check_gradients(lambda w: w[0] * 2, np.ones(80))
    assert len(str(caught.value)) < 400
