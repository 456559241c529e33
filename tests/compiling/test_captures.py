"""What a function refers to is found where Python keeps it, in the order of its code."""

import functools
import math
import time
from collections import deque
from enum import Enum
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from autodiff import Value, compile, constant, exp, grad, tanh
from autodiff.compiling import FrozenNumberError, StaleProgramError
from autodiff.compiling.captures import Captures
from nn import MLP

GLOBAL = Value(7.0)
SCALE = 2.0
shift = 4.0


def helper(x):
    return GLOBAL * x


def found(function):
    return [*map(id, Captures(function).leaves)]


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
    (lambda x: SCALE * x, [2.0]),
    (lambda x: helper(x), [helper]),
    (lambda x, power=3: x**power, [3]),
    (lambda shift: shift * 2, []),  # a parameter, not the global of its name
    (lambda shift: next(shift * n for n in (1, 2)), []),
])  # fmt: skip
def test_plain_numbers_are_those_that_code_reads_from_outside(function, numbers):
    assert [*Captures(function).numbers()] == [
        number.hex() if type(number) is float else (type(number), number) for number in numbers
    ]


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


BITS = {
    "the sign of a zero": (0.0, -0.0, lambda number, x: number * x),
    "True and 1": (1, True, lambda number, x: x * (3.0 if number is True else 1.0)),
    "an int and a float": (2, 2.0, lambda number, x: x * (3.0 if isinstance(number, float) else 1.0)),
    "single precision": (2.0, np.float32(2.0), lambda number, x: x * (3.0 if isinstance(number, np.float32) else 1.0)),
}


@pytest.mark.parametrize(("number", "other", "function"), BITS.values(), ids=BITS)
def test_numbers_outside_are_told_apart_by_type_and_bits(number, other, function):
    outside = number
    compiled = compile(lambda x: function(outside, x), backend="numpy")
    held = [number]
    from_list = compile(lambda x: function(held[0], x), backend="numpy")
    for outside in (number, other, number):
        held[0] = outside
        expected = function(outside, Value(2.0)).data
        for found in (compiled([2.0])[0], from_list([2.0])[0]):
            assert (found, np.signbit(found)) == (expected, np.signbit(expected))
    assert len(compiled.programs) == 2


def test_nan_outside_is_the_same_number_every_time():
    outside = math.nan
    compiled = compile(lambda x: outside * x)
    for _ in range(3):
        outside = float("nan")
        assert np.isnan(compiled([2.0])).all()
    assert len(compiled.programs) == 1


# ── Parameters are live ──────────────────────────────────────────────────────────────────────────


class Cell:
    """A neuron with an attribute and a list."""

    def __init__(self):
        self.weights, self.bias = [Value(2.0), Value(3.0)], Value(0.0)

    def __call__(self, x):
        return self.weights[0] * x + self.weights[1] * x * x + self.bias

    def parameters(self):
        return [*self.weights, self.bias]


def replace_weight(cell, new):
    cell.weights[1] = new


def replace_bias(cell, new):
    cell.bias = new


def replace_list(cell, new):
    cell.weights = [new, cell.weights[1]]


def insert(cell, new):
    cell.weights.insert(0, new)


def reverse(cell, new):
    cell.weights.reverse()


CHANGES = [replace_weight, replace_bias, replace_list, insert, reverse]


def eager_gradients(cell, x):
    before = [leaf.grad for leaf in cell.parameters()]
    for leaf in cell.parameters():
        leaf.grad = 0.0
    loss = cell(Value(x))
    loss.backward()
    found = loss.data, [leaf.grad for leaf in cell.parameters()]
    for leaf, earlier in zip(cell.parameters(), before):
        leaf.grad = earlier
    return found


@pytest.mark.parametrize("calls", [1, 5, 20])
@pytest.mark.parametrize("equal", [True, False], ids=["of the same number", "of another number"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("make", [lambda cell: compile(lambda x: cell(x)), compile], ids=["closure", "object"])
def test_the_next_call_uses_the_parameters_that_are_there_now(make, change, equal, calls):
    cell = Cell()
    error = make(cell)
    for _ in range(calls):
        error.backward([1.5])
    change(cell, Value({replace_weight: 3.0, replace_bias: 0.0}.get(change, 2.0) if equal else 7.0))
    for leaf in cell.parameters():
        leaf.grad = 0.0
    expected = eager_gradients(cell, 1.5)
    assert error.value(1.5) == expected[0]
    assert error.backward([1.5]) == expected[0]
    assert [leaf.grad for leaf in cell.parameters()] == expected[1]
    assert {*error.parameters} == {*cell.parameters()}


@pytest.mark.parametrize(
    "how",
    ["a closure", "a global", "a module", "parameters=module", "a default's list", "a dict", "an array", "partial"],
)
def test_a_replaced_parameter_gets_the_gradient_wherever_it_is(monkeypatch, how):
    w, model, held = Value(2.0), MLP(1, [1], activation="linear", rng=0), [Value(2.0)]
    named, array = {"w": Value(2.0)}, np.array([[Value(2.0)]], object)
    monkeypatch.setitem(globals(), "GLOBAL", Value(2.0))
    error = {
        "a closure": compile(lambda x: w * x),
        "a global": compile(lambda x: GLOBAL * x),
        "a module": compile(lambda x: model([x])),
        "parameters=module": compile(lambda x: model([x]), parameters=model),
        "a default's list": compile(lambda x, held=held: held[0] * x),
        "a dict": compile(lambda x: named["w"] * x),
        "an array": compile(lambda x: array[0, 0] * x),
        "partial": compile(partial(lambda held, x: held[0] * x, held)),
    }[how]
    error.backward([3.0])
    new = Value(5.0)
    w = held[0] = named["w"] = array[0, 0] = model.layers[0].neurons[0].weights[0] = new
    monkeypatch.setitem(globals(), "GLOBAL", new)
    assert error.value_and_grad([3.0], at=error.vector())[1][0] == 3.0
    error.backward([3.0])
    assert new.grad == 3.0


def test_parameters_that_are_made_anew_in_every_step_need_one_program():
    w = Value(2.0)
    error = compile(lambda x: (w * x - 3.0) ** 2)
    for _ in range(50):
        error.backward([1.0])
        w = Value(w.data - 0.1 * w.grad)
    assert w.data == pytest.approx(3.0, rel=1e-4)
    assert len(error.programs) == 1


def test_one_leaf_in_two_places_is_another_structure_than_two():
    pair = [Value(2.0), Value(3.0)]
    product = compile(lambda x: pair[0] * pair[1] * x)
    assert product.backward([1.0]) == 6.0
    one = pair[1] = pair[0]
    one.grad = 0.0
    assert product.backward([1.0]) == 4.0
    assert one.grad == 4.0
    assert product.parameters == [one]


def test_a_list_of_parameters_that_is_given_stays():
    v, w = Value(2.0), Value(3.0)
    f = compile(lambda x: v * w * x, parameters=[v, w])
    assert f.backward([1.0]) == 6.0
    v, w = w, v
    v.grad = w.grad = 0.0
    assert f.value_and_grad([1.0])[1].tolist() == [3.0, 2.0]
    w = Value(7.0)
    with pytest.raises(ValueError, match="beyond those of parameters="):
        f.backward([1.0])


def test_what_objects_count_or_collect_compiles_nothing_anew():
    class Model:
        def __init__(self):
            self.w, self.calls, self.losses, self.batch = Value(2.0), 0, [], None
            self.error = compile(self.loss)

        def loss(self, x):
            return self.w * x

    model = Model()
    for step in range(20):
        model.calls += 1
        model.batch = np.arange(3.0) + step
        model.losses.append(model.error.backward(model.batch))
        model.last = model.w * step
    assert len(model.error.programs) == 1
    assert model.w.grad == sum(np.mean(np.arange(3.0) + step) for step in range(20))


def test_a_constant_of_other_data_is_another_constant():
    c = Value(2.0).detach()
    scaled = compile(lambda x: c * x)
    assert scaled([1.0]).tolist() == [2.0]
    c.data = 5.0
    assert scaled([1.0]).tolist() == [5.0]


def test_data_outside_costs_nothing_in_a_call():
    rows, table, w = [[1.0, 2.0]] * 100_000, [(1.0, "a")] * 100_000, Value(2.0)
    f = compile(lambda x: w * x * len(rows) * len(table))
    f.backward([1.0])
    start = time.perf_counter()
    for _ in range(100):
        f.backward([1.0])
    assert time.perf_counter() - start < 0.2  # a walk over the rows alone takes several ms


# ── What the function itself leaves outside ──────────────────────────────────────────────────────


class Kept:
    """What a function leaves in these when it is recorded is a number of that recording."""

    def __init__(self):
        self.listed, self.named, self.attribute, self.w = [], {}, None, Value(2.0)


LEFT = {
    "a result in a list": lambda kept, x: kept.listed.append(x * 2.0),
    "an input in a list": lambda kept, x: kept.listed.append(x),
    "results and inputs in a list": lambda kept, x: kept.listed.append([x, x * 2.0, (x, {"x": x})]),
    "a result in a dict": lambda kept, x: kept.named.update(h=x * 2.0),
    "results in a dict by new keys": lambda kept, x: kept.named.update({len(kept.named): x * 2.0}),
    "a result in an attribute": lambda kept, x: setattr(kept, "attribute", x * 2.0),
    "an input in an attribute": lambda kept, x: setattr(kept, "attribute", x),
    "results in an attribute": lambda kept, x: setattr(kept, "attribute", [x, x * 2.0]),
    "a result in an attribute that is new": lambda kept, x: setattr(kept, "new", [x * kept.w]),
    "a result of a parameter": lambda kept, x: kept.listed.append(kept.w * 2.0),
    "a result, in turn with an input": lambda kept, x: setattr(
        kept, "attribute", x if kept.attribute is None or kept.attribute.parents else x * 2.0
    ),
}


@pytest.mark.parametrize("method", [False, True], ids=["a closure", "a method"])
@pytest.mark.parametrize("leave", LEFT.values(), ids=LEFT)
def test_nodes_that_the_function_leaves_outside_need_no_other_program(leave, method):
    kept = Kept()

    def function(x):
        leave(kept, x)
        return x * kept.w * 3.0

    class Holding(Kept):
        def method(self, x):
            leave(self, x)
            return x * self.w * 3.0

    if method:
        kept = Holding()
    f = compile(kept.method if method else function, backend="numpy")
    for call in range(40):
        kept.w.data = 1.0 + call
        assert f([1.0, 2.0]).tolist() == [3.0 * kept.w.data, 6.0 * kept.w.data]
        assert f.parameters == [kept.w]
    assert len(f.programs) <= 2  # at first, there may be none of them
    kept.w = Value(7.0)
    assert f.backward([1.0]) == 21.0
    assert kept.w.grad == 3.0


def test_inputs_that_a_function_leaves_outside_where_it_runs_eagerly_are_no_parameters():
    kept, w = [], Value(2.0)

    def function(x):
        kept.append(x)
        return w * x if x > 0 else x * 2.0

    f = compile(function, backend="numpy", max_branches=1)
    with pytest.warns(RuntimeWarning, match="in more than 1 ways"):
        f([-1.0, 1.0])
    for _ in range(10):
        assert f([-1.0, 1.0]).tolist() == [-2.0, 2.0]
        assert f.backward([-1.0, 1.0]) == 0.0
    assert f.parameters == [w]
    assert len(f.programs) == 1


READ = {
    "its length": lambda kept, x: x * len(kept),
    "its length, compared": lambda kept, x: x * 2.0 if len(kept) > 3 else x * 3.0,
    "its truth": lambda kept, x: x * 2.0 if len(kept) > 1 else x * 3.0,
    "the first of it": lambda kept, x: kept[0] * 2.0,
    "the first of it, compared": lambda kept, x: x * (2.0 if kept[0] > 1.5 else 3.0),
    "one before": lambda kept, x: kept[-2] * 2.0 if len(kept) > 1 else x,
    "the first of it, detached": lambda kept, x: kept[0].detach() * 2.0,
    "the data of the first": lambda kept, x: x * kept[0].data,
    "a derivative of it": lambda kept, x: grad(lambda z: z * kept[0])(x),
    "the sum of it": lambda kept, x: sum(kept[:2]),
}


@pytest.mark.parametrize("leave", [lambda x: x, lambda x: x * 2.0, lambda x: [x * 2.0][0]])
@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_what_a_function_left_outside_and_reads_later_is_refused_or_told(read, leave):
    kept = []

    def function(x):
        kept.append(leave(x))
        return read(kept, x)

    f = compile(function, backend="numpy")
    with pytest.raises((StaleProgramError, FrozenNumberError)):
        deque(map(f, [[1.0, 2.0, 3.0]] * 9))


def test_the_last_that_a_function_left_outside_is_its_own():
    kept, w = [], Value(3.0)

    def function(x):
        kept.append(w * x)
        return kept[-1] * 2.0

    f = compile(function, backend="numpy")
    for _ in range(9):
        assert f([1.0, 2.0]).tolist() == [6.0, 12.0]
    assert len(f.programs) == 1


def test_leaves_that_a_function_makes_and_leaves_outside_are_refused():
    kept = []

    def function(x):
        kept.append(Value(1.0))
        return x * 2.0

    with pytest.raises(StaleProgramError, match=r"leaves .* outside"):
        compile(function, backend="numpy")([1.0])


def test_parameters_that_a_function_makes_in_its_first_call_are_there_in_the_next():
    kept = {}

    def function(x):
        if "w" not in kept:
            kept["w"] = Value(2.0)
        return kept["w"] * x

    f = compile(function, backend="numpy")
    with pytest.raises(StaleProgramError, match="two calls with the same numbers differ"):
        f([1.0])
    assert f.backward([3.0]) == 6.0
    assert kept["w"].grad == 3.0


def test_nodes_of_constants_outside_are_constants_that_are_seen_at_once():
    held = [constant(2.0) * 3.0]
    f = compile(lambda x: held[0] * x, backend="numpy")
    for number in (3.0, 4.0, 3.0):
        held[0] = constant(2.0) * number
        assert f([1.0]).tolist() == [2.0 * number]


def test_functions_of_no_module_are_looked_into():
    made = {"scale": 2.0, "weight": Value(3.0)}
    exec("def helper(x):\n    return x * scale * weight", made)
    helper = made["helper"]
    assert helper.__module__ is None
    f = compile(lambda x: helper(x), backend="numpy")
    for scale in (2.0, 5.0):
        made["scale"] = scale
        assert f([1.0]).tolist() == [scale * 3.0]
    made["weight"] = Value(7.0)
    assert f.backward([1.0]) == 35.0
    assert made["weight"].grad == 5.0
