"""``Value`` as a number and as a node: operators, comparison, text, copies."""

import copy
import math
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from autodiff import Value, constant, topological_order

CHAIN = 100_000  # far beyond any recursion limit


@pytest.mark.parametrize(
    "number",
    [
        2,
        2.0,
        True,
        Fraction(1, 2),
        Decimal("0.5"),
        np.float64(2),
        np.float32(0.5),
        np.int64(3),
        np.array(2.0),
        np.bool_(1),
    ],
    ids=repr,
)
def test_real_numbers_are_accepted_as_data_and_as_operands(number):
    v = Value(number)
    assert type(v.data) is float
    assert v.data == float(number)
    assert (v + number).data == (number + v).data == 2 * float(number)


@pytest.mark.parametrize("thing", ["a", 1j, None, [1.0], np.array([1.0]), np.array(1j)], ids=repr)
def test_anything_else_is_refused_and_named(thing):
    message = rf"a real number is needed \(int, float.*0-d array\), not {type(thing).__name__}"
    with pytest.raises(TypeError, match=message):
        Value(thing)
    v = Value(1.0)
    with pytest.raises(TypeError, match=message):
        v.data = thing
    assert v.data == 1.0


def test_a_value_of_a_value_is_refused():
    with pytest.raises(TypeError, match=r"not Value .*: use .*\.detach"):
        Value(Value(1.0))


def test_a_label_is_text():
    assert Value(1.0, label="w").label == Value(1.0, "w").label == "w"
    with pytest.raises(TypeError, match=r"a label must be a str, not int 3"):
        Value(1.0, label=3)


def test_an_unknown_operand_is_refused():
    for formula in (lambda v: v + "a", lambda v: "a" + v, lambda v: v * None, lambda v: v**1j, lambda v: v < "a"):
        with pytest.raises(TypeError):
            formula(Value(1.0))


OPERATORS = [
    (lambda a, b: a + b, 8.0, 1.0, 1.0),
    (lambda a, b: a - b, 4.0, 1.0, -1.0),
    (lambda a, b: a * b, 12.0, 2.0, 6.0),
    (lambda a, b: a / b, 3.0, 0.5, -1.5),
    (lambda a, b: a**b, 36.0, 12.0, 36 * math.log(6)),
]


@pytest.mark.parametrize(("formula", "value", "da", "db"), OPERATORS)
def test_operators_on_values_and_on_numbers_from_both_sides(formula, value, da, db):
    a, b = Value(6.0), Value(2.0)
    both, right, left = formula(a, b), formula(Value(6.0), 2), formula(6, Value(2.0))
    assert both.data == right.data == left.data == value
    both.backward()
    assert (a.grad, b.grad) == pytest.approx((da, db), rel=1e-15)
    for y, place in ((right, 0), (left, 1)):
        y.backward()
        assert y.parents[place].grad == pytest.approx((da, db)[place], rel=1e-15)
        assert y.parents[1 - place].op.name == "constant"


def test_signs():
    v = Value(-3.0)
    ((-v) + (+v) * 10 + abs(v) * 100).backward()
    assert v.grad == -91.0


def test_sum_max_min_and_augmented_assignment():
    a, b = Value(1.0), Value(2.0)
    assert sum([a, b]).data == 3.0
    assert max(a, b) is b
    assert min([b, a, 3]) is a
    y = a
    y += b
    y *= 2
    assert (y.data, a.data) == (6.0, 1.0)


@pytest.mark.parametrize("number", [np.float64(2), np.float32(2), np.int64(2), np.array(2.0)], ids=repr)
def test_numpy_scalars_from_both_sides_give_one_value(number):
    v = Value(3.0)
    for y, expected in (
        (number * v, 6),
        (v * number, 6),
        (number - v, -1),
        (v**number, 9),
        (number**v, 8),
        (number / v, 2 / 3),
    ):
        assert type(y) is Value
        assert y.data == expected
    assert number < v


def test_arrays_give_arrays_of_values():
    v, array = Value(3.0), np.array([1.0, 2.0])
    for ys, expected in ((v * array, [3, 6]), (array * v, [3, 6]), (v - array, [2, 1]), (array / v, [1 / 3, 2 / 3])):
        assert ys.shape == (2,)
        assert all(type(y) is Value for y in ys)
        assert [y.data for y in ys] == expected
    (v * array).sum().backward()
    assert v.grad == 3.0
    assert (np.array([v, v]) @ array).data == 9.0


def test_comparisons_are_those_of_numbers():
    a, b = Value(1.0), Value(2.0)
    assert a < b <= 2 < 3.0 > b >= Value(2.0) > a
    assert a == Value(1.0) == 1 == a
    assert a != b
    assert a not in ("1", None)
    assert Value(math.nan) != Value(math.nan)
    assert (a == np.array([1.0, 2.0])).tolist() == [True, False]


def test_the_hash_is_by_identity():
    a, b = Value(1.0), Value(1.0)
    assert a == b
    assert len({a, b, a}) == 2
    assert {a: "a", b: "b"}[a] == "a"


def test_truth_is_not_zero():
    assert Value(0.1)
    assert not Value(0.0)
    assert Value(math.nan)


@pytest.mark.parametrize("cut", [float, math.exp, math.sqrt, np.float64, complex, lambda v: np.array([v], dtype=float)])
def test_no_silent_cut(cut):
    for v in (Value(1.0), Value(1.0) * 2):
        with pytest.raises(TypeError, match=r"use \.data"):
            cut(v)
    assert float(Value(1.5).detach()) == 1.5


def test_text():
    v = Value(2.0, label="w")
    assert (str(v), f"{v}", f"{v:.3f}", f"{v:>6}") == ("2.0", "2.0", "2.000", "   2.0")
    assert repr(v).startswith("Value(2.0, label='w') at 0x")
    y = v * 3
    y.backward()
    assert repr(y).startswith("Value(6.0, op='multiply', grad=1.0) at 0x")
    assert "grad=3.0" in repr(v)
    assert repr(Value(1.0)) != repr(constant(1.0))
    a, b = Value(1.0), Value(1.0)
    assert repr(a) != repr(b)


def test_computed_data_cannot_be_set():
    y = Value(1.0, label="w") * 2
    with pytest.raises(AttributeError, match=r"computed by 'multiply' and cannot be set: set that of a leaf"):
        y.data = 3.0
    assert y.data == 2.0


def test_attributes_are_fixed():
    with pytest.raises(AttributeError):
        Value(1.0).gard = 0.0


def shared_graph():
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    inner = a * b
    return inner * inner + inner.tanh() - 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y)),
                                       lambda y: pickle._loads(pickle._dumps(y))])  # fmt: skip
def test_copies_of_a_shared_graph_have_the_same_shape_and_gradients(duplicate):
    y = shared_graph()
    other = duplicate(y)
    order, copied = topological_order(y), topological_order(other)
    assert [(n.data, n.op, n.label) for n in order] == [(n.data, n.op, n.label) for n in copied]
    assert not set(order) & set(copied)
    other.backward()
    assert repr(order[0].grad) == "0.0 (not computed)"
    y.backward()
    assert [n.grad for n in order] == [n.grad for n in copied]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_several_values_keep_what_they_share(duplicate):
    a = Value(2.0)
    inner = a * 3
    leaf, first, second = duplicate([a, inner * inner, inner + a])
    (first + second).backward()
    assert (first + second).parents[0].parents[0] is second.parents[0]
    assert (leaf.grad, a.grad) == (40.0, 0.0)


def test_a_shallow_copy_is_another_node_of_the_same_operands():
    y = Value(2.0) * 3
    other = copy.copy(y)
    assert other is not y
    assert (other.data, other.parents, other.op) == (y.data, y.parents, y.op)


@pytest.mark.parametrize("nodes", [2, 1000, 1001, 1002, 2001, pytest.param(CHAIN, marks=pytest.mark.slow)])
def test_chains_of_any_length_are_copied_without_recursion(nodes):
    y = Value(1.0)
    for _ in range(nodes - 1):
        y = -y
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        other.backward()
        assert len(topological_order(other)) == nodes
        assert topological_order(other)[0].grad == (-1.0) ** (nodes - 1)


def test_a_changed_leaf_is_noticed_in_copies_too():
    a = Value(2.0)
    leaf, y = pickle.loads(pickle.dumps([a, a * a]))
    y.backward()
    leaf.data = 5.0
    with pytest.raises(RuntimeError, match=r"was changed"):
        y.backward()


def test_numpy_finds_variance_and_deviation_of_values_with_their_gradient():
    values = [Value(x) for x in (1.0, 2.0, 6.0)]
    variance = np.array(values).var()
    variance.backward()
    assert variance.data == pytest.approx(np.var([1.0, 2.0, 6.0]))
    assert [v.grad for v in values] == pytest.approx([2 / 3 * (v.data - 3.0) for v in values])


STEPS = [
    (lambda v: v % 2.0, 1.5, 1.0), (lambda v: v // 2.0, -2.0, 0.0), (lambda v: 7.0 % v, -0.5, 2.0 + 1.0),
    (lambda v: 7.0 // v, -3.0, 0.0), (lambda v: divmod(v, 2.0)[0], -2.0, 0.0), (lambda v: divmod(v, 2.0)[1], 1.5, 1.0),
    (lambda v: divmod(7.0, v)[1], -0.5, 3.0), (round, -2.0, 0.0), (lambda v: round(v, 1), -2.5, 0.0),
    (lambda v: round(v, -1), -0.0, 0.0), (math.floor, -3.0, 0.0), (math.ceil, -2.0, 0.0), (math.trunc, -2.0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("step", "value", "slope"), STEPS)
def test_remainders_and_roundings_are_recorded_as_the_steps_that_they_are(step, value, slope):
    v = Value(-2.5)
    y = step(v)
    y.backward()
    assert type(y) is Value
    assert (y.data, v.grad) == (value, slope)
    if step is not round:
        assert y.data == float(step(-2.5))


def test_remainders_of_numbers_are_those_of_python():
    numbers = [0.0, -0.0, 1.0, -1.0, 2.5, -7.3, 1e300, -1e-300, 5e-324, math.inf, -math.inf, math.nan]
    for a in numbers:
        for b in numbers:
            ours = [(Value(a) // b).data, (a % Value(b)).data, *(each.data for each in divmod(Value(a), Value(b)))]
            if b:
                theirs = [a // b, a % b, *divmod(a, b)]
                if math.isinf(a):  # Python gives nan for the quotient of an infinity, as NumPy does
                    theirs[0] = theirs[2] = math.nan
            else:  # where Python raises
                with np.errstate(all="ignore"):
                    theirs = [np.floor_divide(a, b), math.nan] * 2
            assert [*map(repr, ours)] == [*map(repr, map(float, theirs))], (a, b)


def test_a_whole_number_is_not_made_of_a_value():
    for cut in (int, lambda v: [1, 2][v], lambda v: range(v)):
        with pytest.raises(TypeError, match=r"of a Value would cut the graph unseen: use \.data"):
            cut(Value(1.0))
