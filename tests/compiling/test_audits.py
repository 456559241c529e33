"""What a compiled function reads outside and nothing compares is constant in its program, but not in silence."""

import math
import pickle
from collections import deque
from itertools import pairwise

import numpy as np
import pytest

from autodiff import Value, compile, log, maximum, select, total
from autodiff.compiling import FrozenNumberError, StaleProgramError
from autodiff.compiling import audits as module
from autodiff.compiling.audits import Audits, first_difference
from autodiff.compiling.recording import record


class Deep:
    """Numbers too far away to be compared in every call: behind a property, and deep in a collection."""

    def __init__(self, number=2.0):
        self.behind = type("Inner", (), {})()
        self.behind.inner = type("Inner", (), {})()
        self.inner.inner.number = number
        self.table = {"layers": [{"scale": {"number": {"deep": [[number]]}}}]}

    @property
    def inner(self):
        return self.behind


W = Value(2.0, label="w")


def changes_of_attributes():
    deep = Deep()
    return lambda x: W * x * deep.inner.inner.number, lambda: setattr(deep.inner.inner, "number", 3.0)


def changes_in_a_deep_collection():
    deep = Deep()
    at = deep.table["layers"][0]["scale"]["number"]["deep"][0]
    return lambda x: W * x * deep.table["layers"][0]["scale"]["number"]["deep"][0][0], lambda: at.__setitem__(0, 3.0)


def changes_in_a_large_array():
    numbers = np.full(10_000, 2.0)
    return lambda x: W * x * numbers[5000], lambda: numbers.fill(3.0)


def changes_in_a_large_list():
    numbers = [2.0] * 10_000
    return lambda x: W * x * numbers[5000], lambda: numbers.__setitem__(5000, 3.0)


def changes_of_what_is_computed():
    numbers = [2.0] * 10_000
    return lambda x: W * x * sum(numbers), lambda: numbers.append(1.0)


def changes_of_a_property():
    class Holder:
        count = [2.0] * 1000

        @property
        def number(self):
            return self.count[-1]

    holder = Holder()
    return lambda x: W * x * holder.number, lambda: holder.count.append(3.0)


def changes_of_a_getattr():
    class Holder:
        def __init__(self):
            self.store = dict.fromkeys(range(1000), 2.0)

        def __getattr__(self, name):
            return self.store[0]

    holder = Holder()
    return lambda x: W * x * holder.number, lambda: holder.store.update({0: 3.0})


def changes_of_a_flag_far_away():
    deep = Deep()
    function = lambda x: W * x if deep.inner.inner.number < 2.5 else W * x + x
    return function, lambda: setattr(deep.inner.inner, "number", 3.0)


def changes_of_how_often_it_loops():
    deep = Deep(2)
    function = lambda x: total([W * x for _ in range(deep.inner.inner.number)])
    return function, lambda: setattr(deep.inner.inner, "number", 3)


def changes_of_an_operation():
    deep = Deep(log)
    return lambda x: deep.inner.inner.number(W * x), lambda: setattr(deep.inner.inner, "number", maximum_with_1)


def maximum_with_1(x):
    return maximum(x, 1.0)


def changes_of_a_hidden_parameter():
    hidden = deque([Value(2.0)])
    return lambda x: W * x * hidden[0], lambda: hidden.__setitem__(0, Value(2.0))


def changes_of_a_random_draw():
    draws = iter([1.0] * 5 + [0.0] * 100)
    return lambda x: W * x * next(draws), lambda: None


def changes_of_a_threshold():
    deep = Deep()
    function = lambda x: W * x if x * 1.0 > deep.inner.inner.number else W * x + 1.0
    return function, lambda: setattr(deep.inner.inner, "number", 2.5)


def changes_of_the_last_bit():
    deep = Deep(0.0)
    return lambda x: W * x + deep.inner.inner.number, lambda: setattr(deep.inner.inner, "number", -0.0)


CHANGES = [
    changes_of_attributes, changes_in_a_deep_collection, changes_in_a_large_array, changes_in_a_large_list,
    changes_of_what_is_computed, changes_of_a_property, changes_of_a_getattr, changes_of_a_flag_far_away,
    changes_of_how_often_it_loops, changes_of_an_operation, changes_of_a_hidden_parameter, changes_of_a_random_draw,
    changes_of_a_threshold, changes_of_the_last_bit,
]  # fmt: skip


@pytest.mark.parametrize("run", ["call", "backward", "at", "descent"])
@pytest.mark.parametrize("make", CHANGES)
def test_a_change_outside_is_an_error_that_changes_nothing(make, run):
    function, change = make()
    error = compile(function)
    x = np.array([4.0, 3.0, 5.0])
    numbers = [2.0, 2.0] if make is changes_of_a_hidden_parameter else [2.0]
    W.grad = 0.0
    error(x)
    descent = error.descent(x, rule=lambda gradient, rate, step: (-rate * gradient,))
    call = {
        "call": lambda: error(x),
        "backward": lambda: error.backward(x),
        "at": lambda: error.value_and_grad(x, at=numbers),
        "descent": lambda: descent.run([0, 1, 2], [0, 3], [0.0]),
    }[run]
    call()
    change()

    def until_it_fails():
        for _ in range(5):
            W.grad = 0.0
            call()

    with pytest.raises(StaleProgramError, match=r"pass what changes as an argument|make a descent anew"):
        until_it_fails()
    assert W.grad == 0.0
    with pytest.raises(StaleProgramError):  # it stays so until the function does again what it did
        call()


def test_the_error_names_the_first_node_at_which_the_two_part():
    deep = Deep()
    f = compile(lambda x: (W * x * deep.inner.inner.number + 1.0) ** 2)
    f([1.0, 2.0])
    deep.inner.inner.number = 3.0
    with pytest.raises(StaleProgramError, match=r"v6 = v5 \* 2\.0 in the program, v6 = v5 \* 3\.0 now") as caught:
        f([1.0, 2.0])
    assert "at observation 0" in "".join(caught.value.__notes__)
    deep.inner.inner.number = 2.0
    assert f([1.0, 2.0]).tolist() == [25.0, 81.0]


READ = {
    "the text for debugging": lambda x: float(repr(x).split("(")[1].split(",")[0]),
    "the text of a parameter": lambda x: float(repr(W).split("(")[1].split(",")[0]),
    "a pickle": lambda x: pickle.loads(pickle.dumps(x)).number,
    "a pickle of a result": lambda x: pickle.loads(pickle.dumps(W * x)).number,
    "a private attribute": lambda x: x.number,
    "one of a parameter": lambda x: W.number,
    "one of a result": lambda x: (x * W).number,
}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
@pytest.mark.parametrize("number", [3.0, -1.0, 0.0, 1e300, 5e-324])
@pytest.mark.parametrize("branch", [False, True], ids=["straight", "branched"])
def test_a_constant_made_of_a_number_is_found_in_the_first_call(read, number, branch):
    f = compile(lambda x: x * read(x) if not branch or x * x > 1e-30 or x <= 1e-30 else x, backend="numpy")
    assert math.isfinite(number)
    with pytest.raises(FrozenNumberError, match="makes a constant of a number that it is called with"):
        f([number])


def test_numbers_that_must_be_exact_are_compared_as_they_are():
    calls = []

    def function(label, x):
        calls.append(label)
        if label not in (0, 1):
            raise ValueError("no such class")
        return select([x, x * x], label) + (1.0 if label == 1 else x)

    f = compile(function, backend="numpy")
    assert f([0, 1, 1], [2.0, 3.0, 4.0]).tolist() == [4.0, 10.0, 17.0]
    assert len(calls) == 2 * 2 + 1  # each of two programs is recorded twice, and once for the audit


def test_a_gradient_that_is_read_is_found_when_it_changes():
    w = Value(2.0)
    f = compile(lambda x: w * x + w.grad)
    f.backward([1.0])
    with pytest.raises(StaleProgramError, match=r"0\.0 in the program, .* 1\.0 now"):
        f.backward([1.0])
    assert w.grad == 1.0


def test_a_refusal_outlives_the_functions_own_except():
    def f(x):
        try:
            return x * x.data
        except Exception:
            return x * 1.0

    with pytest.raises(FrozenNumberError, match=r"reading \.data"):
        compile(f)([1.0, 2.0])


# ── When, and at what cost ───────────────────────────────────────────────────────────────────────


def test_audits_come_at_calls_1_2_4_8_and_so_on(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 1e9)
    runs = [0.0] * 300  # long enough not to be looked at

    def function(x):
        runs.append(0.0)
        return W * x

    f = compile(function)
    recordings = []
    for _ in range(70):
        before = len(runs)
        f(np.arange(10.0))
        recordings.append(len(runs) - before)
    assert recordings[0] == 3  # two that must agree, and another observation
    assert [call for call, count in enumerate(recordings, 1) if count] == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize(("cost", "pause"), [(0.001, 1.0), (0.5, 25.0)])
def test_audits_come_again_by_the_clock_as_often_as_their_cost_allows(monkeypatch, cost, pause):
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    audits = Audits()
    times = []
    while audits.calls < 1000:
        now[0] += 0.3
        if audits.is_due():
            now[0] += cost
            audits.done(now[0] - cost)
            times.append((audits.calls, now[0]))
    by_clock = [(then, at) for (_, then), (call, at) in pairwise(times) if call & (call - 1)]
    assert len(by_clock) > 3
    for then, at in by_clock:
        assert pause <= at - cost - then < pause + 0.4
    assert len(times) * cost < 0.1 * (now[0] - 100.0) + 11 * cost  # a few per cent, and calls 1, 2, 4, 8 and so on


def test_all_structures_of_a_function_together_are_audited_as_often_as_one(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    runs = [0.0] * 300
    counts = []

    def function(x):
        runs.append(0.0)
        return W * total(x)

    for structures in (1, 20):
        f = compile(function, ndim=1)
        for _ in range(64):
            for size in range(1, structures + 1):
                f(np.ones(size))
        del runs[300:]
        for call in range(2000):  # 20 seconds
            now[0] += 0.01
            f(np.ones(1 + call % structures))
        counts.append(len(runs) - 300)
    assert counts[0] > 15
    assert counts[1] <= counts[0] + 20  # calls 128


def test_every_audit_takes_another_observation():
    audits = Audits()
    places = []
    for _ in range(20):
        places.append(audits.place(1000))
        audits.done(0.0)
    assert places[0] == 999
    assert len({*places}) == 20
    assert all(0 <= place < 1000 for place in places)
    assert {Audits().place(1)} == {0}


# ── Never a false alarm ──────────────────────────────────────────────────────────────────────────


def run_often(function, *batch, **options):
    f = compile(function, **options)
    for _ in range(33):
        f(*batch)
    return f


def test_dicts_in_another_order_on_another_branch_are_the_same_result():
    run_often(lambda x: {"a": x, "b": x * 2} if x > 0 else {"b": x * 3, "a": x * 4}, np.linspace(-1, 1, 21))


def test_metrics_labels_and_constants_made_anew_are_no_change():
    metrics = {"calls": 0, "history": [0.0] * 300}

    def function(x):
        metrics["history"].append(repr(x))
        hidden = x * 2.0 + 2.0 * Value(2.0)
        hidden.label = f"hidden {len(metrics['history'])}"
        return hidden * 2.0 + 1.0

    run_often(function, np.linspace(-1, 1, 21))


def test_branches_and_parameters_that_move_are_no_change():
    w = Value(1.0)
    f = compile(lambda x: w * x if w * x > 0.5 else x * 2.0 if x.exp() > 1.0 else w)
    x = np.random.default_rng(0).normal(size=50)
    for step in range(40):
        w.data = math.sin(step)
        f.backward(x)


def test_a_tie_that_rounding_moves_is_no_change():
    f = compile(lambda x: x * 1.0 if x.exp() > np.exp(1.0) else x * 2.0, backend="numpy")
    x = np.concatenate([np.nextafter(1.0, [0.0, 2.0, 1.0]), np.linspace(0.9, 1.1, 100)])
    for _ in range(70):
        f(x)


def test_programs_of_different_texts_are_the_same_if_they_compute_the_same():
    def recorded(function):
        x = Value(2.0, label="x")
        return record(function, [x], {}, [x], [W])

    one = recorded(lambda x: (W * x) * 2.0 + (W * x) * 2.0)

    def shared(x):
        product = W * x
        return product * 2.0 + product * 2.0

    assert first_difference(one, recorded(shared)) is None
    for other in (lambda x: (W * x) * 2.0 + (W * x) * 3.0, lambda x: (x * W) * 2.0 + (W * x) * 2.0, lambda x: x * W):
        assert first_difference(one, recorded(other)) is not None
    difference = first_difference(recorded(lambda x: x if x > 1 else W), recorded(lambda x: x if x > 1.5 else W))
    assert "1.0 in the program" in difference
    assert "1.5 now" in difference
