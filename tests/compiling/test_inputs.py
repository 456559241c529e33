"""What one observation is, and what a batch of them looks like."""

from collections import namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from autodiff import Value, compile, total
from autodiff.compiling.inputs import Batch

Point = namedtuple("Point", "x y")


def seen(*arguments, **options):
    """The types that the function meets."""
    met = []

    def look(*parts):
        met.append(parts)
        return total(x for part in parts for x in leaves(part))

    def leaves(part):
        if isinstance(part, dict):
            part = [*part.values()]
        if isinstance(part, np.ndarray):
            part = part.ravel().tolist()
        return [x for each in part for x in leaves(each)] if isinstance(part, (list, tuple)) else [part]

    result = compile(look, **options)(*arguments)
    return met[0], result


@pytest.mark.parametrize(
    ("arguments", "kinds", "result"),
    [
        ((2.0,), [Value], 2.0),
        ((np.float64(2.0),), [Value], 2.0),
        ((np.array(2.0),), [Value], 2.0),
        ((Fraction(1, 2), Decimal("0.25"), True), [Value, Value, Value], 1.75),
        (([1.0, 2.0], 3.0), [list, Value], 6.0),
        (((1.0, 2.0), 3.0), [tuple, Value], 6.0),
        ((np.array([1.0, 2.0]), 3), [np.ndarray, Value], 6.0),
        (([[1, 2], [3, 4]], 0), [list, Value], 10.0),
        (({"a": 1.0, "b": [2.0, 3.0]},), [dict], 6.0),
        ((Point(1.0, [2.0, 3.0]), 1.0), [Point, Value], 7.0),
        (([1.0, 2.0],), [Value], [1.0, 2.0]),
        (([[1.0, 2.0], [3.0, 4.0]],), [list], [3.0, 7.0]),
        (([(1.0, 2.0), (3.0, 4.0)],), [tuple], [3.0, 7.0]),
        ((np.arange(8.0).reshape(2, 2, 2),), [np.ndarray], [6.0, 22.0]),
        (([*np.arange(4.0).reshape(2, 2)],), [np.ndarray], [1.0, 5.0]),
        (([*np.arange(6.0).reshape(3, 2)], [1, 2, 3]), [np.ndarray, Value], [2.0, 7.0, 12.0]),
        (([*np.arange(4.0).reshape(2, 2)], 1.0), [list, Value], 7.0),
        (([np.array([1, 2], object), np.array([0.5, 0.5])],), [np.ndarray], [3.0, 1.0]),
        (([np.ones((2, 2)), np.ones(2)],), [list], [3.0, 3.0]),
        (({"a": [1.0, 2.0], "b": np.ones((2, 3))},), [dict], [4.0, 5.0]),
        (((np.ones((2, 3)), [5.0, 6.0]),), [tuple], [8.0, 9.0]),
        (([Fraction(1, 2), Decimal("0.5")],), [Value], [0.5, 0.5]),
        ((np.array([1, 2], object),), [Value], [1.0, 2.0]),
        ((Point(np.ones(2), np.ones((2, 1))),), [Point], [2.0, 2.0]),
    ],
)
def test_the_function_gets_what_it_would_get_eagerly(arguments, kinds, result):
    met, found = seen(*arguments)
    assert [type(part) for part in met] == kinds
    assert found == result if isinstance(found, float) else found.tolist() == result


def test_ndim_says_what_one_observation_is():
    assert seen([1.0, 2.0], ndim=1)[1] == 3.0
    assert seen(np.ones((4, 2)), ndim=1)[1].tolist() == [2.0] * 4
    assert seen([1.0, 2.0], [3.0, 4.0], ndim=(0, 0))[1].tolist() == [4.0, 6.0]
    assert seen({"a": [1.0, 2.0]}, ndim=1)[1] == 3.0


@pytest.mark.parametrize(
    ("arguments", "ndim", "message"),
    [
        (([1.0],), (1, 0), "dimensions of 2 arguments, but 1"),
        (([[[1.0]]],), (1,), r"x\[0\] has the shape \(1, 1, 1\)"),
        (([[1.0]], [1.0]), (1, 1), "some arguments are a batch"),
        (([[1.0]], [1.0, 2.0]), (1, 0), "x.* has 1, .* has 2"),
    ],
)
def test_arguments_that_ndim_does_not_allow_are_refused(arguments, ndim, message):
    with pytest.raises(ValueError, match=message):
        compile(lambda *x: total(x), ndim=ndim)(*arguments)


def test_a_function_of_no_numbers_is_one_observation():
    w = Value(3.0)
    f = compile(lambda: w * w)
    assert f() == 9.0
    assert f.backward() == 9.0
    assert w.grad == 6.0


def test_names_say_where_a_number_stands():
    batch = Batch([{"a": np.ones((2, 2))}, np.ones(2)], None, ["p", "y"])
    assert batch.structure.names(lambda p, y: 0) == ["p['a'][0]", "p['a'][1]", "y"]
    assert batch.structure.names(lambda *x: 0) == ["x[0]['a'][0]", "x[0]['a'][1]", "x[1]"]
    assert batch.structure.described == ["{'a': 2}", "number"]


def test_the_matrix_has_the_observations_asked_for():
    batch = Batch([np.arange(12.0).reshape(3, 2, 2), [5, 6, 7]], None, ["x", "y"])
    assert batch.structure.matrix(batch.leaves, 1, 3).tolist() == [[4, 5, 6, 7, 6], [8, 9, 10, 11, 7]]


def test_arrays_in_any_order_of_memory_are_taken():
    xs = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    assert compile(lambda x: x[0] - 10 * x[1])(xs).tolist() == [-10.0, -28.0, -46.0]
    assert compile(lambda x: x[0] - 10 * x[1])(xs[::-1]).tolist() == [-46.0, -28.0, -10.0]


def test_a_call_of_the_wrong_rank_says_how_it_was_taken():
    with pytest.raises(TypeError) as caught:
        compile(lambda x: x[0])([1.0, 2.0])
    assert "x: number" in caught.value.__notes__[0]
    assert "ndim" in caught.value.__notes__[0]


def test_an_argument_of_no_features_has_an_empty_gradient():
    value, (none, of_y) = compile(lambda x, y: y * y).value_and_grad(np.ones((3, 0)), np.ones(3), wrt=(0, 1))
    assert (value, none.shape, of_y.shape) == (1.0, (3, 0), (3,))


def test_an_empty_batch_is_refused_in_later_calls_too():
    f = compile(lambda x, y: x * y)
    for arguments in ((np.ones(5), np.ones(5)), (np.ones(0), np.ones(5)), (np.ones(0), np.ones(0))):
        if len(arguments[0]):
            f(*arguments)
        else:
            with pytest.raises(ValueError, match=r"same number of observations|batch is empty"):
                f(*arguments)


def test_namedtuples_in_a_list_keep_their_names():
    assert compile(lambda points, y: points[0].x * points[1].y + y)([Point(1.0, 2.0), Point(3.0, 4.0)], 0.5) == 4.5


def test_what_is_masked_is_no_number():
    with pytest.raises(ValueError, match="x is masked in places"):
        compile(lambda x: x * 2)(np.ma.array([1.0, 2.0], mask=[False, True]))
    assert compile(lambda x: x * 2)(np.ma.array([1.0, 2.0])).tolist() == [2.0, 4.0]
