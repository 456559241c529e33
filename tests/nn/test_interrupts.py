"""An interrupt, wherever it comes, leaves all of a step or nothing of it: parameters, optimizer and number of steps."""

import os
import signal
import sys
import threading

import pytest

from autodiff import Value
from nn import MLP, SGD, Adam, Module, Optimizer, binary_cross_entropy, fit, moons, squared_error
from nn.interrupts import interrupts_held
from nn.module import assign

ENGINES = ("compiled", "eager")
DATA = moons(8, rng=3)


class Sign(Optimizer):
    """An optimizer with moves of its own, and an attribute that it gives another value in them."""

    average = 0.0

    def moves(self, rate):
        self.average = 0.9 * self.average + 0.1 * sum(value.grad for value in self.parameters)
        return [-rate if value.grad > 0 else rate for value in self.parameters]


OPTIMIZERS = [lambda p: SGD(p, 0.1, momentum=0.5), lambda p: Adam(p, 0.1), lambda p: Sign(p, 0.1)]


def state(model, optimizer):
    """All that a step changes."""
    return [*model.state_dict().values()], optimizer.state, optimizer.steps, getattr(optimizer, "average", None)


class Pair(Module):
    def __init__(self):
        self.a, self.b = Value(1.0), Value(-2.0)

    def __call__(self, x):
        return self.a * x + self.b


class Interrupting:
    """Presses Ctrl-C at the n-th instruction of ours: a signal, as the keyboard gives it."""

    def __init__(self, at, presses=1):
        self.at, self.presses, self.seen = at, presses, 0

    def __call__(self, frame, event, _argument):
        if f"{os.sep}nn{os.sep}" not in frame.f_code.co_filename or "tests" in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.seen += 1
            if self.at <= self.seen < self.at + self.presses:
                signal.raise_signal(signal.SIGINT)
        return self

    def run(self, function):
        """Whether the interrupt came through."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            function()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False


@pytest.fixture(autouse=True)
def handler():
    """Python's own handler, which raises ``KeyboardInterrupt``; it is there afterwards, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def one_step(make_optimizer):
    model = Pair()
    optimizer = make_optimizer(model.parameters())
    for value, gradient in zip(model.parameters(), (2.0, -3.0)):
        value.grad = gradient
    return model, optimizer


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("make_optimizer", OPTIMIZERS)
def test_a_step_that_is_interrupted_at_any_instruction_is_whole_or_undone(make_optimizer, presses):
    model, optimizer = one_step(make_optimizer)
    before = state(model, optimizer)
    optimizer.step()
    after = state(model, optimizer)
    at, came, outcomes = 0, True, []
    while came:
        at += 1
        model, optimizer = one_step(make_optimizer)
        came = Interrupting(at, presses).run(optimizer.step)
        outcomes.append(state(model, optimizer))
        assert outcomes[-1] in (before, after), f"at instruction {at}"
    assert at > 100
    assert {outcome == after for outcome in outcomes} == {True, False}


def test_numbers_are_given_to_all_parameters_or_to_none():
    at, came, seen = 0, True, set()
    while came:
        at += 1
        model = Pair()
        came = Interrupting(at).run(lambda model=model: assign(model.parameters(), [5.0, 6.0]))
        seen.add(tuple(model.state_dict().values()))
    assert seen == {(1.0, -2.0), (5.0, 6.0)}
    with pytest.raises(TypeError):
        assign(model.parameters(), [7.0, "a"])
    assert tuple(model.state_dict().values()) == (5.0, 6.0)


def states_of_steps(engine, make_optimizer, **options):
    """What a training that stops after 0, 1, 2 … epochs, of one step each, leaves."""
    found = []
    for epochs in range(5):
        model = MLP(2, [2, 1], "tanh", rng=3)
        optimizer = make_optimizer(model.parameters())
        if epochs:
            fit(model, DATA.inputs, DATA.targets, binary_cross_entropy, optimizer=optimizer, epochs=epochs,
                progress=False, engine=engine, **options)  # fmt: skip
        found.append(state(model, optimizer))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("make_optimizer", OPTIMIZERS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("presses", [1, 2])
def test_a_training_that_is_interrupted_at_any_instruction_leaves_whole_steps(engine, make_optimizer, presses):
    allowed = states_of_steps(engine, make_optimizer)
    total = 0
    for at in range(1, 200_000, 397 if engine == "eager" else 149):
        model = MLP(2, [2, 1], "tanh", rng=3)
        optimizer = make_optimizer(model.parameters())
        came = Interrupting(at, presses).run(
            lambda model=model, optimizer=optimizer: fit(
                model, DATA.inputs, DATA.targets, binary_cross_entropy, optimizer=optimizer, epochs=4, progress=False,
                engine=engine,
            )
        )  # fmt: skip
        assert state(model, optimizer) in allowed, f"at instruction {at}"
        total += came
        if not came:
            break
    assert total > 30


def ctrl_c(at):
    """A function of the user's during whose n-th call Ctrl-C is pressed."""
    calls = iter(range(1, at + 1))

    def function(*_arguments):
        if next(calls, None) == at:
            signal.raise_signal(signal.SIGINT)
        return 0.1

    return function


@pytest.mark.parametrize("make_optimizer", OPTIMIZERS[:2])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("where", ["metric", "schedule", "loss", "model"])
@pytest.mark.parametrize("at", [1, 2, 9, 17, 30])
def test_ctrl_c_in_a_function_of_the_users_leaves_whole_steps(where, at, engine, make_optimizer):
    called = ctrl_c(at)

    class Model(MLP):
        def __call__(self, x):
            if where == "model":
                called()
            return super().__call__(x)

    def loss(prediction, target):
        if where == "loss":
            called()
        return binary_cross_entropy(prediction, target)

    allowed = states_of_steps(engine, make_optimizer)
    model = Model(2, [2, 1], "tanh", rng=3)
    optimizer = make_optimizer(model.parameters())
    if where == "schedule":
        optimizer.learning_rate = called
    options = {"metric": called} if where == "metric" else {}
    try:
        fit(model, DATA.inputs, DATA.targets, loss, optimizer=optimizer, epochs=4, progress=False, engine=engine,
            **options)  # fmt: skip
    except KeyboardInterrupt:
        pass
    else:
        assert where != "metric"  # the others are called less often where they are compiled
    numbers, *rest = state(model, optimizer)
    steps = optimizer.steps
    assert rest == list(allowed[steps][1:]) if where != "schedule" else steps <= 4
    if where != "schedule":
        assert numbers == allowed[steps][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(engine):
    def run(*epochs, stop=None):
        model = MLP(2, [2, 1], "tanh", rng=3)
        adam = Adam(model.parameters(), 0.05)
        for number in epochs:
            options = {"metric": ctrl_c(stop)} if stop else {}
            try:
                fit(model, DATA.inputs, DATA.targets, binary_cross_entropy, optimizer=adam, epochs=number,
                    progress=False, engine=engine, **options)  # fmt: skip
            except KeyboardInterrupt:
                stop = None
        return state(model, adam)

    assert run(9, 3, stop=8 * 4 + 5) == run(4, 3)


# ── Holding ──────────────────────────────────────────────────────────────────────────────────────


def test_an_interrupt_waits_for_the_end_of_the_block():
    seen = []

    def block():
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            seen.append("end")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert seen == ["end"]


def test_blocks_in_blocks_wait_for_the_outermost():
    seen = []

    def blocks():
        with interrupts_held():
            with interrupts_held():
                signal.raise_signal(signal.SIGINT)
                seen.append("inner")
            seen.append("outer")

    with pytest.raises(KeyboardInterrupt):
        blocks()
    assert seen == ["inner", "outer"]


def test_a_second_interrupt_ends_a_block_that_never_would():
    def block():
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("it went on")

    with pytest.raises(KeyboardInterrupt):
        block()


def test_a_handler_of_the_users_is_called_once_and_stays():
    called = []
    signal.signal(signal.SIGINT, lambda number, frame: called.append(number))
    with interrupts_held():
        signal.raise_signal(signal.SIGINT)
        assert called == []
    assert called == [signal.SIGINT]
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("handler_of_all", [signal.SIG_IGN, signal.SIG_DFL])
def test_where_interrupts_are_none_of_pythons_nothing_is_changed(handler_of_all):
    signal.signal(signal.SIGINT, handler_of_all)
    with interrupts_held():
        assert signal.getsignal(signal.SIGINT) is handler_of_all
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_steps_are_taken_in_other_threads_too():
    model = Pair()
    threads = [
        threading.Thread(
            target=fit, args=(model, [1.0], [2.0], squared_error),
            kwargs={"optimizer": SGD(model.parameters(), 0.1), "epochs": 3, "progress": False, "engine": engine},
        )
        for engine in ENGINES
    ]  # fmt: skip
    for thread in threads:
        thread.start()
        thread.join()
    assert model.a.data != 1.0
