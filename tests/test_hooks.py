"""Laws of observing a program: in any order of contexts, in its own thread or task alone, and without a trace after."""

import asyncio
import threading
from contextlib import ExitStack
from itertools import permutations

import pytest
from autodiff.observing import interception
from tests.observing.process import make_young

from autodiff import NonFiniteError, Value, derivatives, detect_anomaly, grad, record_sources
from autodiff.hooks import PASSES, RECORDING, Observer, observed_by

METHODS = (*RECORDING, *PASSES, "__init__", "data")


@pytest.fixture(autouse=True)
def young_process(monkeypatch):
    """As if no context had been opened so far, and no method were replaced."""
    make_young(monkeypatch)


class Diary(Observer):
    def __init__(self):
        self.events = []

    def recorded(self, node):
        self.events.append(("recorded", node.op.name))

    def given(self, node):
        self.events.append(("given", node.data))

    def begins(self, root, seed):
        self.events.append(("begins", seed))

    def differentiated(self, root, gradients):
        self.events.append(("differentiated", gradients))


def test_an_observer_is_told_of_each_event_once_and_in_order():
    diary = Diary()
    with observed_by(diary):
        w = Value(2.0)
        loss = (1 - w).cos()
        loss.backward(3.0)
        list(loss.backward_steps())
        w.data = 5
        assert grad(lambda x: x * 2)(1.0) == 2.0
    assert diary.events == [
        ("given", 2.0), ("recorded", "subtract"), ("recorded", "cos"), ("begins", 3.0), ("begins", 1.0), ("given", 5.0),
        ("given", 1.0), ("recorded", "multiply"), ("differentiated", [2.0]),
    ]  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_contexts_end_in_any_order_and_then_the_engine_is_as_before(order):
    methods = {name: vars(Value)[name] for name in METHODS}
    gradients = derivatives._gradients
    diaries = [Diary(), Diary(), Diary()]
    stacks = [ExitStack() for _ in diaries]
    for stack, diary in zip(stacks, diaries):
        stack.enter_context(observed_by(diary))
    for ended, place in enumerate(order, 1):
        stacks[place].close()
        Value(float(ended))
    assert [len(diaries[place].events) for place in order] == [0, 1, 2]
    assert {name: vars(Value)[name] for name in METHODS} == methods
    assert derivatives._gradients is gradients
    with observed_by(later := Diary()):
        Value(1.0)
    assert [len(diaries[place].events) for place in order] == [0, 1, 2]
    assert len(later.events) == 1


@pytest.mark.parametrize("contexts", list(permutations((record_sources, detect_anomaly))))
def test_sources_are_known_to_errors_however_contexts_are_nested(contexts):
    with contexts[0](), contexts[1](), pytest.raises(NonFiniteError) as found:
        Value(-1.0).log()
    assert found.value.source.text == "Value(-1.0).log()"


def test_another_thread_is_not_observed():
    diary = Diary()
    with observed_by(diary):
        thread = threading.Thread(target=lambda: (Value(1.0) + 1).backward())
        thread.start()
        thread.join()
    assert diary.events == []


def test_threads_may_open_and_close_contexts_of_their_own_at_the_same_time():
    methods = {name: vars(Value)[name] for name in METHODS}
    failures = []

    def work():
        try:
            for _ in range(40):
                diary = Diary()
                with observed_by(diary):
                    Value(1.0) * 2.0
                assert diary.events == [("given", 1.0), ("recorded", "multiply")]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {name: vars(Value)[name] for name in METHODS} == methods


def test_a_task_is_observed_by_its_own_contexts_alone():
    async def task(observed):
        diary = Diary()
        if not observed:
            await asyncio.sleep(0)
            return (Value(1.0) + 1).source
        with observed_by(diary), record_sources():
            await asyncio.sleep(0)
            return (Value(1.0) + 1).source

    async def both():
        return await asyncio.gather(task(True), task(False))

    watched, unwatched = asyncio.run(both())
    assert watched.text == "return (Value(1.0) + 1).source"
    assert unwatched is None


def test_a_program_that_opens_contexts_all_the_time_keeps_the_methods_and_can_still_observe(monkeypatch):
    methods = {name: vars(Value)[name] for name in METHODS}
    monkeypatch.setattr(interception, "_swaps", interception.MOST_SWAPS - 1)
    for _ in range(3):
        with observed_by(diary := Diary()):
            Value(1.0) + 1.0
        assert diary.events == [("given", 1.0), ("recorded", "add")]
        kept = {name: vars(Value)[name] for name in METHODS}
        assert kept != methods
        assert (Value(1.0) + 1.0).source is None
        assert len(diary.events) == 2
    assert {name: vars(Value)[name] for name in METHODS} == kept
    monkeypatch.setattr(interception, "_swaps", 0)
    with observed_by():
        pass
    assert {name: vars(Value)[name] for name in METHODS} == methods


def test_an_error_of_an_observer_reaches_the_program_and_closes_the_context():
    class Refusing(Observer):
        def recorded(self, node):
            raise KeyError("no")

    methods = {name: vars(Value)[name] for name in METHODS}
    with pytest.raises(KeyError, match="no"), observed_by(Refusing()):
        Value(1.0) + 1
    assert {name: vars(Value)[name] for name in METHODS} == methods
    assert (Value(1.0) + 1).data == 2.0
