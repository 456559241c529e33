"""Operations on arrays of values: the same numbers as NumPy's, one node for each number."""

import numpy as np
import pytest

from autodiff import Value, maximum, minimum, tanh
from autodiff.bridges import arrays, labels
from autodiff.bridges.windows import OUTSIDE, convolve, pooled, window_places
from autodiff.rules import multiply

RNG = np.random.default_rng(0)


def values(*shape):
    return labels.variables(RNG.normal(size=shape), "x")


def gradient(output, array):
    output.backward()
    return np.array([v.grad for v in array.ravel()]).reshape(array.shape)


def close(recorded, expected):
    np.testing.assert_allclose(arrays.numbers(recorded), expected, rtol=1e-14, atol=1e-14)


SHAPES = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("plain", [None, 0, 1])
def test_matmul_is_numpys_with_one_node_for_each_result(left, right, plain):
    both = [values(*left), values(*right)]
    if plain is not None:
        both[plain] = arrays.numbers(both[plain])
    found = arrays.matmul(*both)
    close(found, np.matmul(*map(arrays.numbers, both)))
    assert {v.op.name for v in found.ravel()} == {"dot"}


def test_dot_general_has_batch_axes_first_then_the_others_of_left_and_right():
    a, b = values(2, 3, 4, 5), values(4, 6, 2, 3)
    found = arrays.dot_general(a, b, ((2, 1), (0, 3)), ((0,), (2,)))
    close(found, np.einsum("bcde,dfbc->bef", arrays.numbers(a), arrays.numbers(b)))


def test_what_depends_on_no_variable_stays_a_plain_number():
    mixed = arrays.recorded(np.array([[1.0, 2.0], [3.0, 4.0]]))
    mixed[1, 1] = Value(4.0)
    found = arrays.matmul(mixed, np.eye(2))
    assert [type(each) for each in found.ravel()] == [float, float, Value, Value]


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2), ()])
def test_reductions_are_numpys(axes):
    x = values(2, 3, 4)
    close(arrays.reduced(arrays.total, x, axes), arrays.numbers(x).sum(axes))
    close(arrays.reduced(arrays.product, x, axes), arrays.numbers(x).prod(axes))
    close(arrays.reduced(lambda row: arrays.largest(maximum, row), x, axes), arrays.numbers(x).max(axes))
    close(arrays.reduced(lambda row: arrays.largest(minimum, row), x, axes), arrays.numbers(x).min(axes))


def test_an_empty_sum_is_zero_and_an_empty_product_one():
    empty = np.empty((2, 0), object)
    close(arrays.reduced(arrays.total, empty, [1]), np.zeros(2))
    close(arrays.reduced(arrays.product, empty, [1]), np.ones(2))


@pytest.mark.parametrize("equal", [1, 2, 3, 5])
def test_the_gradient_of_the_largest_is_split_in_equal_shares(equal):
    x = arrays.recorded(np.array([2.0] * equal + [1.0]))
    x = labels.variables(arrays.numbers(x), "x")
    assert gradient(arrays.largest(maximum, x.tolist()), x).tolist() == pytest.approx([1 / equal] * equal + [0.0])


def test_the_derivative_of_a_product_is_right_beside_zeros():
    x = labels.variables(np.array([0.0, 2.0, 3.0]), "x")
    assert gradient(arrays.product(x.tolist()), x).tolist() == [6.0, 0.0, 0.0]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("reverse", [False, True])
def test_cumulative_products_are_numpys(axis, reverse):
    x = values(3, 4)
    flipped = np.flip(arrays.numbers(x), axis) if reverse else arrays.numbers(x)
    expected = np.cumprod(flipped, axis)
    found = arrays.cumulative(multiply, x, axis, reverse=reverse)
    close(found, np.flip(expected, axis) if reverse else expected)


def test_what_only_moves_takes_the_very_same_values():
    x, y = values(2, 2), np.array([7.0])
    places = np.concatenate([arrays.positions(x).T.ravel(), arrays.positions(y, x.size), [-1]])
    found = arrays.moved([x, y], places, np.nan)
    assert all(a is b for a, b in zip(found, x.T.ravel()))
    assert found[4] == 7.0
    assert np.isnan(found[5])


def test_a_plain_condition_chooses_for_good_and_a_recorded_one_is_a_node():
    x, y = values(2), values(2)
    assert [*arrays.choose(np.array([True, False]), x, y)] == [x[0], y[1]]
    condition = arrays.recorded(Value(1.0))
    assert arrays.choose(condition, x, y)[0].op.name == "choose"


def test_a_row_of_the_table_is_broadcast_and_recorded():
    x = values(2, 1)
    close(arrays.elementwise(tanh, x), np.tanh(arrays.numbers(x)))
    found = arrays.elementwise(multiply, x, np.arange(3.0))
    close(found, arrays.numbers(x) * np.arange(3.0))
    assert arrays.elementwise(tanh, arrays.recorded(Value(0.5))).shape == ()


ONE = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "base_dilation": (1, 1)}
SLIDING = [
    ONE,
    ONE | {"stride": (2, 1)},
    ONE | {"padding": ((1, 2), (0, 3))},
    ONE | {"dilation": (1, 2)},
    ONE | {"base_dilation": (2, 3), "padding": ((1, 1), (2, 2))},
    ONE | {"padding": ((-1, 0), (0, -1))},
]


@pytest.mark.parametrize("options", SLIDING)
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_is_the_sum_over_what_its_window_sees(options, groups):
    x, w = values(2, 4, 5, 6), values(6, 4 // groups, 2, 3)
    found = convolve(x, w, **options, groups=groups)
    close(found, by_hand(arrays.numbers(x), arrays.numbers(w), groups=groups, **options))
    assert {v.op.name for v in found.ravel() if isinstance(v, Value)} <= {"dot", "multiply"}


def by_hand(x, w, *, stride, padding, dilation, base_dilation, groups):
    """The definition: pad, spread, slide."""
    spread = np.zeros((*x.shape[:2], *((n - 1) * b + 1 for n, b in zip(x.shape[2:], base_dilation))))
    spread[:, :, :: base_dilation[0], :: base_dilation[1]] = x
    spread = np.pad(spread, ((0, 0), (0, 0), *((max(lo, 0), max(hi, 0)) for lo, hi in padding)))
    cuts = [slice(max(-lo, 0), n - max(-hi, 0)) for (lo, hi), n in zip(padding, spread.shape[2:])]
    spread = spread[:, :, cuts[0], cuts[1]]
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation)]
    rows, columns = ((n - r) // s + 1 for n, r, s in zip(spread.shape[2:], reach, stride))
    found = np.zeros((len(x), len(w), rows, columns))
    each, features = w.shape[1], len(w) // groups
    for n, f, i, j in np.ndindex(found.shape):
        top, left, g = i * stride[0], j * stride[1], f // features
        fed = spread[n, g * each : (g + 1) * each]
        seen = fed[:, top : top + reach[0] : dilation[0], left : left + reach[1] : dilation[1]]
        found[n, f, i, j] = (seen * w[f]).sum()
    return found


def test_pooling_leaves_padding_out():
    x = values(3, 3)
    options = ONE | {"padding": ((1, 0), (0, 1)), "stride": (2, 2)}
    found = pooled(arrays.total, x, (2, 2), **options)
    padded = np.pad(arrays.numbers(x), ((1, 0), (0, 1)))
    close(found, [[padded[i : i + 2, j : j + 2].sum() for j in (0, 2)] for i in (0, 2)])


def test_a_window_without_room_sees_nothing():
    places, shape = window_places([2], [3], stride=[1], padding=[(0, 0)], dilation=[1], base_dilation=[1])
    assert shape == (0,)
    assert places.shape == (0, 3)
    assert OUTSIDE < 0


def test_labels_name_results_and_leave_variables_alone():
    x = values(2)
    y = arrays.elementwise(tanh, x)
    labels.name(y, "h")
    labels.name(x, "other")
    labels.name(y, "later")
    assert [v.label for v in (*y, *x)] == ["h[0]", "h[1]", "x[0]", "x[1]"]
