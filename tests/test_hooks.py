"""Laws of observing a program: in any order of contexts, in its own thread or task alone, and without a trace after."""

import asyncio
import gc
import sys
import threading
from contextlib import ExitStack
from contextvars import ContextVar
from dis import get_instructions
from itertools import permutations

import pytest

from autodiff import NonFiniteError, Value, compile, detect_anomaly, grad, record_sources
from autodiff.hooks import Observer, during, observed_by, watchers


@pytest.fixture(autouse=True)
def nobody_looks_before_and_after():
    if watchers:
        gc.collect()  # of a test before, whose generator was left open
    assert watchers == []
    methods = dict(vars(Value))
    yield
    if watchers:
        gc.collect()
    assert watchers == []
    assert dict(vars(Value)) == methods


class Diary(Observer):
    def __init__(self):
        self.events = []

    def recorded(self, node):
        self.events.append(("recorded", node.op.name))

    def given(self, node):
        self.events.append(("given", node.number))

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
    diaries = [Diary(), Diary(), Diary()]
    stacks = [ExitStack() for _ in diaries]
    for stack, diary in zip(stacks, diaries):
        stack.enter_context(observed_by(diary))
    for ended, place in enumerate(order, 1):
        stacks[place].close()
        Value(float(ended))
    assert [len(diaries[place].events) for place in order] == [0, 1, 2]
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


def test_however_many_contexts_were_open_the_engine_is_the_same():
    for _ in range(300):
        with record_sources(), observed_by(diary := Diary()):
            Value(1.0) + 1.0
        assert diary.events == [("given", 1.0), ("recorded", "add")]
    assert (Value(1.0) + 1.0).source is None
    assert len(diary.events) == 2


def test_compilations_leave_nothing_behind():
    for scale in range(20):
        assert compile(lambda x, scale=scale: scale * x, backend="numpy")([1.0]).tolist() == [scale]


def test_a_context_that_is_dropped_by_an_interrupt_ends():
    def interrupted():
        context = observed_by(Diary())
        context.__enter__()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


class Numbers(Observer):
    """Told where numbers decide, and where they leave the graph."""

    def __init__(self):
        self.events = []

    def compared(self, sign, left, right, holds):
        self.events.append((sign, left.number, right, holds))

    def read(self, node, how):
        self.events.append((how, node.number))

    def changes(self, leaf):
        self.events.append(("changes", leaf.number))

    def detached(self, node):
        return node * 10


def test_an_observer_is_told_where_a_number_decides_or_leaves_the_graph():
    x = Value(2.0)
    with observed_by(numbers := Numbers()):
        assert (x < 3, x >= 3, x == 2, bool(x)) == (True, False, True, True)
        x.data += 1
        for convert in (float, int, Value.as_integer_ratio):
            with pytest.raises(TypeError):
                convert(x)
        assert x.detach().number == 30.0
    assert numbers.events == [
        ("<", 2.0, 3, True), (">=", 2.0, 3, False), ("==", 2.0, 2, True), ("!=", 2.0, 0.0, True),
        ("reading .data", 2.0), ("changes", 2.0), ("float()", 3.0), ("int()", 3.0), ("a fraction", 3.0),
    ]  # fmt: skip


def test_an_observer_may_say_what_a_recorded_derivative_passes_on():
    class Doubling(Observer):
        def contributions(self, out, upstream, wanted):
            return [2 * upstream if each else None for each in wanted]

    a, b = Value(3.0), Value(4.0)
    product = a * b
    with observed_by(Doubling()):
        assert [each.number for each in grad(product, [a, b])] == [2.0, 2.0]
    assert [each.number for each in grad(product, [a, b])] == [4.0, 3.0]


def test_an_error_of_an_observer_reaches_the_program_and_closes_the_context():
    class Refusing(Observer):
        def recorded(self, node):
            raise KeyError("no")

    with pytest.raises(KeyError, match="no"), observed_by(Refusing()):
        Value(1.0) + 1
    assert (Value(1.0) + 1).data == 2.0


def test_a_variable_has_what_it_had_before_after_whatever_call_an_interrupt_comes():
    variable, at, ended = ContextVar("a test's", default=0), 0, False
    while not ended:
        at, seen = at + 1, 0

        def interrupt(frame, event, _argument):
            nonlocal seen
            if not frame.f_code.co_filename.endswith("hooks.py"):
                return None
            frame.f_trace_opcodes = True
            names = {each.offset: each.opname for each in get_instructions(frame.f_code)}
            before = max((offset for offset in names if offset < frame.f_lasti), default=None)
            if event == "opcode" and names.get(before, "").startswith("CALL"):
                seen += 1
                if seen == at:  # noqa: B023  # called in this turn alone
                    raise KeyboardInterrupt
            return interrupt

        sys.settrace(interrupt)
        try:
            with during(variable, 1):
                pass
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert variable.get() == 0, f"after call {at}"
        ended = seen < at
    assert at > 3
