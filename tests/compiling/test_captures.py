"""What a function refers to is found where Python keeps it, in the order of its code."""

import functools
from enum import Enum
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from autodiff import Value, compile, exp, grad, tanh
from autodiff.compiling.captures import Captures
from nn import MLP

GLOBAL = Value(7.0)
SCALE = 2.0
shift = 4.0


def helper(x):
    return GLOBAL * x


def found(function):
    return [*map(id, leaves_of(function))]


def test_leaves_are_found_wherever_a_function_may_keep_them():
    a, b = Value(1.0), Value(2.0)
    listed, named, array = [[a], (b,)], {"a": a, "b": b}, np.array([a, b], object)

    class Holder:
        def __init__(self):
            self.inner = [a, b]

        def method(self, x):
            return x

        def __call__(self, x):
            return x

    holder = Holder()
    for function in (
        lambda x: b * 0 if False else a * x + b, lambda x: listed, lambda x: named, lambda x: array, lambda x: holder,
        holder.method, holder, functools.partial(lambda p, q, x: x, a, b), lambda x, p=a, q=b: x,
        grad(lambda x: [a, b]), compile(lambda x: a * b), lambda x: [a for _ in [b]],
    ):  # fmt: skip
        assert set(found(function)) == {id(a), id(b)}


def test_leaves_come_in_the_order_of_the_code():
    z, y = Value(1.0), Value(2.0)
    assert found(lambda x: z * x + y) == [id(z), id(y)]
    model = MLP(2, [2, 1])
    assert found(lambda x: model(x) + y) == [*map(id, [*model.parameters(), y])]


def test_functions_of_the_same_file_are_looked_into():
    assert found(lambda x: helper(x)) == [id(GLOBAL)]


def test_results_are_no_leaves_and_unassigned_variables_no_error():
    a = Value(1.0)
    result = a * 2
    assert found(lambda x: result) == []
    assert found(lambda x: later) == []
    later = a
    assert found(lambda x: later) == [id(a)]


def test_a_cycle_ends():
    a = Value(1.0)
    cycle = [a]
    cycle.append(cycle)
    assert found(lambda x: cycle) == [id(a)]


@pytest.mark.parametrize(("function", "numbers"), [
    (lambda x: SCALE * x, (2.0,)),
    (lambda x: helper(x), (helper,)),
    (lambda x, power=3: x**power, (3,)),
    (lambda shift: shift * 2, ()),  # a parameter, not the global of its name
    (lambda shift: next(shift * n for n in (1, 2)), ()),
])  # fmt: skip
def test_plain_numbers_are_those_that_code_reads_from_outside(function, numbers):
    assert PlainNumbers(function).now() == numbers


class Colour(Enum):
    RED = 2.0
    BLUE = 3.0


class Settings:
    """Numbers in every place where a function may find them."""

    scale = 2.0

    def __init__(self):
        self.named, self.nested = {"scale": 2.0}, {"scale": [2.0, (1.0,)]}
        self.array, self.single = np.array([1.0, 2.0]), np.float32(2.0)
        self.missing = None
        self.activation = tanh
        self.empty, self.mixed = [], {"leaf": Value(2.0), "scale": 2.0, "leaves": [Value(1.0)]}
        self.fraction, self.enum, self.range = Fraction(1, 2), Colour.RED, range(2)

    def scaled(self, x):
        return self.twice(x) / 2

    def twice(self, x):
        return 2 * self.scale * x


SETTINGS = Settings()
GIVEN, HELD = [2.0], Settings()
PLACES = {
    "an attribute of a class": (lambda x: Settings.scale * x, lambda: setattr(Settings, "scale", 3.0)),
    "an attribute that hides one of a class": (lambda x: SETTINGS.scale * x, lambda: setattr(SETTINGS, "scale", 4.0)),
    "a dict": (lambda x: SETTINGS.named["scale"] * x, lambda: SETTINGS.named.update(scale=3.0)),
    "a list in a dict": (lambda x: SETTINGS.nested["scale"][0] * x, lambda: SETTINGS.nested.update(scale=[3.0])),
    "an array": (lambda x: SETTINGS.array[1] * x, lambda: SETTINGS.array.fill(3.0)),
    "a number of NumPy": (lambda x: SETTINGS.single * x, lambda: setattr(SETTINGS, "single", np.float32(3.0))),
    "None": (lambda x: (SETTINGS.missing or 2.0) * x, lambda: setattr(SETTINGS, "missing", 3.0)),
    "an empty list": (lambda x: x + sum(SETTINGS.empty), lambda: SETTINGS.empty.append(3.0)),
    "beside a Value": (lambda x: SETTINGS.mixed["scale"] * x, lambda: SETTINGS.mixed.update(scale=3.0)),
    "a fraction": (lambda x: SETTINGS.fraction * x, lambda: setattr(SETTINGS, "fraction", Fraction(5, 2))),
    "an enum": (lambda x: SETTINGS.enum.value * x, lambda: setattr(SETTINGS, "enum", Colour.BLUE)),
    "a range": (lambda x: len(SETTINGS.range) * x, lambda: setattr(SETTINGS, "range", range(5))),
    "an attribute that a method reads": (lambda x: SETTINGS.scaled(x), lambda: setattr(SETTINGS, "scale", 3.0)),
    "an object given to partial": (
        partial(lambda given, x: given.scale * x, HELD),
        lambda: setattr(HELD, "scale", 3.0),
    ),
    "the method of a partial": (partial(HELD.scaled), lambda: setattr(HELD, "scale", 3.0)),
    "a default": (lambda x, held=HELD: held.scale * x, lambda: setattr(HELD, "scale", 3.0)),
    "an argument of partial": (partial(lambda given, x: given[0] * x, GIVEN), lambda: GIVEN.__setitem__(0, 3.0)),
    "an operation": (lambda x: SETTINGS.activation(x), lambda: setattr(SETTINGS, "activation", exp)),
}


@pytest.mark.parametrize(("function", "change"), PLACES.values(), ids=PLACES)
def test_a_constant_outside_that_changes_is_another_one_in_the_next_call(monkeypatch, function, change):
    monkeypatch.setattr(Settings, "scale", 2.0)
    monkeypatch.setitem(globals(), "SETTINGS", Settings())
    HELD.scale = 2.0
    compiled = compile(function, backend="numpy")
    for _ in range(2):
        assert compiled([1.0]).tolist() == [pytest.approx(function(Value(1.0)).data, rel=1e-15)]
        change()
