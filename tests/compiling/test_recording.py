"""A call is recorded as it runs, with its branches, and the engine is as it was afterwards."""

import math
import threading

import numpy as np
import pytest

from autodiff import OPERATIONS, ZERO, Value, compile, grad, lookup, relu, tan, topological_order
from autodiff.compiling.recording import FrozenNumberError, is_recording, record
from autodiff.hooks import Observer, observed_by, watchers
from autodiff.operations import CONSTANT
from autodiff.rules import DETACHED, EQUAL, LESS, LESS_EQUAL, SELECT
from autodiff.value import Value as Engine


def recorded(function, *numbers, parameters=()):
    inputs = [Value(x, label=f"x{at}") for at, x in enumerate(numbers)]
    return record(function, inputs, {}, inputs, parameters)


def operations(recording):
    return [each.op.name for each in recording.program]


def test_a_call_is_a_program_over_its_inputs_and_parameters():
    w = Value(3.0, label="w")
    recording = recorded(lambda x: w * x + 2, 5.0)
    assert str(recording.program).split("\n") == [
        "parameters  w", "inputs      x0", "  v3 = w * x0", "  v4 = v3 + 2.0", "outputs     v4",
    ]  # fmt: skip
    assert (recording.result, recording.is_scalar, recording.parameters) == (0, True, [w])


def test_known_parameters_come_first_whether_they_are_used_or_not():
    unused, used, met = Value(1.0), Value(2.0), Value(3.0)
    recording = recorded(lambda x: met * x + used, 1.0, parameters=[unused, used])
    assert [*map(id, recording.parameters)] == [*map(id, [unused, used, met])]


def test_results_of_any_structure_become_numbers_of_outputs():
    recording = recorded(lambda x: {"a": x, "b": (x * 2, 3.0)}, 1.0)
    assert recording.result == {"a": 0, "b": (1, 2)}
    assert len(recording.program.outputs) == 3
    assert recorded(lambda x: np.array([[x, 1.0]]), 1.0).result.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("compare", "comparison", "holds"),
    [
        (lambda x: x < 1, "<", False),
        (lambda x: x <= 1, "<=", False),
        (lambda x: x > 1, ">", True),
        (lambda x: x >= 1, ">=", True),
        (lambda x: x == 2, "==", True),
        (lambda x: x != 2, "==", True),
        (lambda x: np.float64(1.0) < x, ">", True),
        (lambda x: bool(x), "!=", True),
        (lambda x: x in (3, 4), "==", False),
    ],
)
def test_a_comparison_is_a_guard(compare, comparison, holds):
    guards = recorded(lambda x: x * 2 if compare(x) else x, 2.0).program.guards
    assert {(guard.comparison, guard.holds) for guard in guards} == {(comparison, holds)}


def test_a_guard_is_listed_once_and_not_where_constants_decide():
    recording = recorded(lambda x: x if x > 0 and x > 0 and Value(1.0) < 2 and Value(3.0) else -x, 2.0)
    assert len(recording.program.guards) == 1


def test_detached_numbers_are_computed_in_every_call():
    recording = recorded(lambda x: x.detach() * x, 2.0)
    assert operations(recording) == ["detached", "multiply"]


def test_the_engine_is_as_it_was_before_also_after_an_error():
    before = dict(vars(Engine))

    def fails(x):
        assert is_recording()
        return x.data

    with pytest.raises(FrozenNumberError):
        recorded(fails, 1.0)
    assert not is_recording()
    assert dict(vars(Engine)) == before
    assert Value(2.0).detach().op is CONSTANT
    with pytest.raises(TypeError):
        [1, 2][Value(1.0)]


def test_other_threads_compare_and_read_as_always_meanwhile():
    seen = []

    def f(x):
        thread = threading.Thread(
            target=lambda: seen.append((Value(1.0).data, float(Value(2.0).detach()), Value(1.0) < 2))
        )
        thread.start()
        thread.join()
        return x * 2

    assert recorded(f, 1.0).program.guards == ()
    assert seen == [(1.0, 2.0, True)]


def test_numbers_may_be_looked_at_with_their_repr(capsys):
    recorded(lambda x: print([x]) or x * 2, 1.5)
    assert capsys.readouterr().out.startswith("[Value(1.5, label='x0')")


def test_numbers_that_are_the_same_in_every_call_may_be_read():
    assert operations(recorded(lambda x: x * (Value(2.0) * 3).data, 1.0)) == ["multiply"]


@pytest.mark.parametrize("name", [name for name, row in OPERATIONS.items() if row.arity is not None])
def test_derivatives_are_recorded_without_branches_and_with_the_same_numbers(name):
    row = lookup(name)
    first = lambda *x: grad(row, 0)(*x)
    second = lambda *x: grad(first, 0)(*x)
    for function in (first, second):
        for factor in (1.0, -1.0):
            numbers = [factor * min(max(0.4 + 0.2 * at, low), high) for at, (low, high) in enumerate(row.domain)]
            if function is second and not all(np.isfinite(np.array([grad(row, 0)(*numbers)], float))):
                continue
            recording = recorded(function, *numbers)
            assert recording.program.guards == () or row.name in ("power",)
            eager = function(*map(Value, numbers)).data
            slots = [*recording.program.constants.tolist(), *numbers]
            for op, operands in recording.program:
                slots.append(op.evaluate([slots[at] for at in operands]))
            assert slots[recording.program.outputs[0]] == pytest.approx(eager, rel=1e-12, nan_ok=True)


def test_a_rule_that_does_not_branch_is_recorded_as_it_is():
    assert "where" not in operations(recorded(grad(tan), 0.5))
    assert {*operations(recorded(grad(relu), 0.5))} == {"positive", "less", "less_equal", "where"}


@pytest.mark.parametrize("row", [DETACHED, SELECT, LESS, LESS_EQUAL, EQUAL])
def test_the_rows_of_programs_have_the_derivatives_that_they_say(row):
    operands = (1.0, 2.0, 3.0)[: row.arity or 3]
    y = row(*operands)
    locals_ = row.local_derivatives(operands, y)
    for place, local in enumerate(locals_):
        if row is SELECT and place == 0:
            assert local is ZERO
            continue
        moved = [x + 1e-6 * (at == place) for at, x in enumerate(operands)]
        expected = 0.0 if row is DETACHED else (row(*moved) - y) / 1e-6
        assert local == pytest.approx(expected, abs=1e-6)


REFUSED = {
    "data": lambda x: x * x.data,
    "float": lambda x: x * math.exp(x),
    "an index": lambda x: x * [1.0, 2.0][x],
    "backward": lambda x: (x * x).backward() or x,
    "setting data": lambda x: setattr(x, "data", 2.0) or x,
    "a compiled function's number": lambda x: x * compile(lambda y: y * y).value(2.0),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_refusal_outlives_the_functions_own_except(refused):
    def careful(x):
        try:
            return refused(x)
        except Exception:
            return x * 7.0

    with pytest.raises(TypeError, match=r"would freeze|would change gradients|cannot set the data|would be frozen"):
        recorded(careful, 1.0)
    assert not is_recording()


def test_an_error_of_the_function_itself_reaches_the_caller():
    def careful(x):
        try:
            return x * x.data
        except TypeError:
            raise LookupError("mine") from None

    with pytest.raises(LookupError, match="mine"):
        recorded(careful, 1.0)


def test_the_engine_is_as_fast_and_as_it_was_after_any_number_of_recordings():
    before = dict(vars(Engine))
    for _ in range(300):
        recorded(lambda x: x * 2 if x > 0 else x, 1.0)
    assert dict(vars(Engine)) == before
    assert not watchers


def test_recordings_may_be_nested_in_observers_and_in_threads():
    class Counter(Observer):
        def __init__(self):
            self.nodes = 0

        def recorded(self, node):
            self.nodes += 1

    counter = Counter()
    with observed_by(counter):
        threads = [
            threading.Thread(target=lambda: recorded(lambda x: x * x + 1 if x > 0 else x, 1.0)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        assert len(recorded(lambda x: x * x + 1 if x > 0 else x, 1.0).program.guards) == 1
        for thread in threads:
            thread.join()
    assert counter.nodes == 2
    assert not watchers


def test_the_graph_of_the_recorded_call_is_no_part_of_the_users_own():
    w = Value(2.0)
    recorded(lambda x: w * x, 1.0)
    assert w.grad == 0.0
    assert [str(node) for node in topological_order(w * 3)] == ["2.0", "3.0", "6.0"]
