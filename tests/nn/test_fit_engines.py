"""Compiled training is eager training, only faster: the same model, the same report, the same errors."""

import itertools
import math
import os
from typing import Any, NamedTuple

import numpy as np
import pytest

from autodiff import Value, log, sqrt
from autodiff.compiling import StaleProgramError
from autodiff.compiling.descent import Descent
from nn import (
    MLP,
    SGD,
    Adam,
    Module,
    NonFiniteLossError,
    Optimizer,
    accuracy,
    binary_cross_entropy,
    fit,
    hinge,
    iris,
    moons,
    rule_engine,
    softmax_cross_entropy,
    squared_error,
)

CLOSE = 1e-9
"""How far the parameters of the two engines may be apart after some dozen steps: sums are rounded differently."""


class Sign(Optimizer):
    """An optimizer of a user's own, without a rule: each step has the length of the learning rate."""

    def moves(self, rate):
        return [-rate * math.copysign(1.0, value.grad) if value.grad else 0.0 for value in self.parameters]


class Clipped(SGD):
    """A step of a user's own around a rule that is there."""

    def step(self):
        for value in self.parameters:
            value.grad = max(-0.1, min(0.1, value.grad))
        super().step()


class OwnStep(SGD):
    """The same steps, taken outside of compiled code."""

    def step(self):
        super().step()


class GradientsKept(SGD):
    """Gradients of a user's own: the old ones are added to."""

    def zero_grad(self):
        pass


class Normed(SGD):
    """A rate of a user's own, by the parameters."""

    def rate(self, step):
        return 0.1 * sum(abs(value.data) for value in self.parameters)


def clipping(parameters):
    """An optimizer whose step was replaced."""
    optimizer = SGD(parameters, 0.5)
    step = optimizer.step

    def clipped():
        step()
        for value in parameters:
            value.data = max(-0.5, min(0.5, value.data))

    optimizer.step = clipped
    return optimizer


class RootMeanSquare(Optimizer):
    """A rule of a user's own."""

    states = 1

    def rule(self, gradient, rate, step, square):
        square = 0.9 * square + 0.1 * gradient * gradient
        return -rate * gradient / (sqrt(square) + 1e-6), square


def both(make_model, inputs, targets, loss, make_optimizer, **options):
    """The model and history of the compiled engine, then those of the eager one."""
    runs = []
    for engine in ("compiled", "eager"):
        model = make_model()
        history = fit(
            model, inputs, targets, loss, progress=False, engine=engine,
            **{"epochs": 5, "optimizer": make_optimizer(model.parameters()), **options},
        )  # fmt: skip
        assert (history.engine, history.engine_reason) == (engine, "")
        runs.append((model, history))
    return runs


def check_same(runs):
    (compiled, its), (eager, eagers) = runs
    names, numbers = zip(*compiled.state_dict().items())
    assert tuple(eager.state_dict()) == names
    assert numbers == pytest.approx(tuple(eager.state_dict().values()), rel=CLOSE, abs=CLOSE)
    for name in ("losses", "metrics", "validation_losses", "validation_metrics"):
        assert getattr(its, name) == pytest.approx(getattr(eagers, name), rel=CLOSE, abs=CLOSE)
    for name in ("metric_name", "best_epoch", "stopped_early", "epochs"):
        assert getattr(its, name) == getattr(eagers, name)


OPTIMIZERS = [
    lambda p: SGD(p, 0.1),
    lambda p: SGD(p, lambda step: 0.1 / (1 + step), momentum=0.9),
    lambda p: Adam(p, 0.01),
    lambda p: Sign(p, 0.01),
    lambda p: Clipped(p, 0.1),
    lambda p: RootMeanSquare(p, 0.01),
    lambda p: GradientsKept(p, 0.01),
    lambda p: Normed(p, 0.1),
    clipping,
    lambda p: SGD([*reversed(p)], 0.1),
    lambda p: SGD(p[5:], 0.1),
]


@pytest.mark.parametrize("make_optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [None, 7, 1])
def test_every_optimizer_gives_the_same_model(make_optimizer, batch_size):
    data = moons(20, rng=3)
    runs = both(
        lambda: MLP(2, [5, 1], "tanh", rng=3), data.inputs, data.targets, binary_cross_entropy, make_optimizer,
        batch_size=batch_size,
    )  # fmt: skip
    check_same(runs)


@pytest.mark.parametrize("options", [
    {"metric": accuracy},
    {"metric": accuracy, "batch_size": 6},
    {"metric": accuracy, "batch_size": 6, "held_out": True},
    {"held_out": True, "patience": 2, "epochs": 30},
    {"patience": 2, "epochs": 30, "batch_size": 5},
])  # fmt: skip
def test_metrics_validation_and_patience_are_the_same(options):
    data = moons(24, rng=1)
    options = dict(options)
    if options.pop("held_out", False):
        more = moons(10, rng=2)
        options["validation"] = (more.inputs, 2 * more.targets - 1)
    runs = both(
        lambda: MLP(2, [6, 1], rng=3), data.inputs, 2 * data.targets - 1, hinge, lambda p: SGD(p, 0.7), **options
    )
    check_same(runs)


class Interval(NamedTuple):
    low: Any
    high: Any


@pytest.mark.parametrize("structure", [lambda *ends: ends, list, Interval, lambda *ends: {0: (ends[0],), 1: ends[1]},
                                       lambda *ends: np.array(ends)])  # fmt: skip
def test_a_metric_is_given_the_structure_that_the_model_returns(structure):
    class Pair(Module):
        def __init__(self):
            self.low, self.high = Value(0.0), Value(1.0)

        def __call__(self, x):
            ends = (self.low * x, self.high * x)
            return structure(ends) if structure is list else structure(*ends)

    def error(prediction, target):
        low, high = prediction.values() if isinstance(prediction, dict) else prediction
        return squared_error(low[0] if isinstance(low, tuple) else low, target - 1) + squared_error(high, target + 1)

    def metric(prediction, target):
        seen.add(type(prediction))
        return error(prediction, target)

    seen = set()
    check_same(both(Pair, [1.0, 2.0], [1.0, 2.0], error, lambda p: SGD(p, 0.05), metric=metric))
    assert len(seen) == 1


def test_another_loss_is_a_metric():
    runs = both(Scale, [1.0, 2.0], [1.0, -1.0], hinge, lambda p: SGD(p, 0.05), metric=squared_error)
    check_same(runs)
    assert runs[0][1].metrics[0] == 4.5
    assert runs[0][1].metric_name == "squared error"


@pytest.mark.parametrize("batch_size", [None, 32])
def test_classes_are_learned_from_integer_targets(batch_size):
    data = iris().standardized()
    runs = both(
        lambda: MLP(4, [5, 3], rng=1), data.inputs, data.targets, softmax_cross_entropy, lambda p: Adam(p, 0.02),
        metric=accuracy, batch_size=batch_size, epochs=3,
    )  # fmt: skip
    check_same(runs)


@pytest.mark.parametrize("inputs", [
    [[0.0, 1.0], [1.0, 2.0], [2.0, 0.5]],
    [(0.0, 1.0), (1.0, 2.0), (2.0, 0.5)],
    [np.array([0.0, 1.0]), np.array([1.0, 2.0]), np.array([2.0, 0.5])],
    ((0.0, 1.0), (1.0, 2.0), (2.0, 0.5)),
    np.array([[0, 1], [1, 2], [2, 0]]),
])  # fmt: skip
def test_observations_of_any_form_are_taken(inputs):
    check_same(both(lambda: MLP(2, [3, 1], rng=1), inputs, [1.0, 0.0, 2.0], squared_error, lambda p: SGD(p, 0.01)))


def test_an_optimizer_goes_on_where_it_was():
    data = moons(20)
    states = []
    for engine in ("compiled", "eager"):
        model = MLP(2, [4, 1], "tanh", rng=3)
        adam = Adam(model.parameters(), 0.01)
        for epochs in (2, 3):
            fit(model, data.inputs, data.targets, binary_cross_entropy, optimizer=adam, epochs=epochs, progress=False,
                engine=engine)  # fmt: skip
        assert adam.steps == 5
        states.append((adam.state, model.state_dict()))
    np.testing.assert_allclose(states[0][0], states[1][0], rtol=1e-8, atol=1e-12)
    assert states[0][1] == pytest.approx(states[1][1], rel=CLOSE)


# ── Functions of the user's that are called in between ───────────────────────────────────────────


class Scale(Module):
    def __init__(self, w=1.0):
        self.w = Value(w)

    def __call__(self, x):
        return self.w * x


def outcome(engine, make_optimizer=lambda p: Adam(p, 0.05), **options):
    """What a training leaves: its exception, then steps, state and parameters."""
    model = MLP(2, [4, 1], "tanh", rng=3)
    optimizer = make_optimizer(model.parameters())
    data, caught = moons(20, rng=3), None
    try:
        fit(model, data.inputs, data.targets, binary_cross_entropy, optimizer=optimizer, progress=False, engine=engine,
            **{"epochs": 5, "batch_size": 6, **options})  # fmt: skip
    except BaseException as error:
        caught = error
    return repr(caught), optimizer.steps, optimizer.state, [*model.state_dict().values()]


def check_same_outcome(make_options):
    """The exception and the number of steps."""
    (error, steps, *numbers), (eager_error, eager_steps, *eager_numbers) = (
        outcome(engine, **make_options()) for engine in ("compiled", "eager")
    )
    assert (error, steps) == (eager_error, eager_steps)
    for got, expected in zip(numbers, eager_numbers):
        np.testing.assert_allclose(got, expected, rtol=CLOSE, atol=CLOSE)
    return error, steps


def failing(call, error, result=1.0):
    """A function that raises the error when it is called so often."""
    calls = iter(range(1, call + 1))

    def function(*arguments):
        if next(calls) == call:
            raise error
        return result

    return function


@pytest.mark.parametrize("error", [RuntimeError("the user's"), KeyboardInterrupt(), StopIteration()])
@pytest.mark.parametrize("make_optimizer", [lambda p: Adam(p, 0.05), lambda p: OwnStep(p, 0.05)])
@pytest.mark.parametrize(("call", "steps"), [(1, 0), (6, 0), (7, 1), (20, 3), (21, 4), (59, 11)])
def test_a_metric_that_raises_keeps_the_steps_before(call, steps, error, make_optimizer):
    assert check_same_outcome(
        lambda: {"metric": failing(call, error), "make_optimizer": make_optimizer}
    ) == (repr(error), steps)  # fmt: skip


def test_a_metric_that_raises_in_the_validation_keeps_all_steps():
    data = moons(3, rng=5)
    options = {"validation": (data.inputs, data.targets), "batch_size": None}
    assert check_same_outcome(lambda: {"metric": failing(20 + 3 + 20 + 2, OSError()), **options}) == ("OSError()", 2)


def test_a_loss_that_raises_in_a_later_validation_keeps_the_steps():
    outcomes = []

    def loss(prediction):
        raise LookupError("none of that target")

    for engine in ("compiled", "eager"):
        model = Scale(0.0)
        optimizer = SGD(model.parameters(), 0.05)
        with pytest.raises(LookupError):
            run(model, lambda p, t: loss(p) if t == 7 and p > 0.9 else squared_error(p, t), engine=engine,
                inputs=[1.0] * 2, targets=[2.0] * 2, validation=([1.0], [7.0]), optimizer=optimizer, epochs=5,
                batch_size=1)  # fmt: skip
        outcomes.append((optimizer.steps, model.w.data))
    assert outcomes[0] == outcomes[1] == (6, pytest.approx(2 - 2 * 0.9**6))


@pytest.mark.parametrize("error", [RuntimeError("the user's"), KeyboardInterrupt()])
@pytest.mark.parametrize("metric", [None, lambda prediction, target: 1.0])
@pytest.mark.parametrize("batch_size", [None, 6])
@pytest.mark.parametrize("call", [1, 3, 5])
def test_a_schedule_that_raises_keeps_the_steps_before(call, batch_size, metric, error):
    def options():
        schedule = failing(call, error, 0.05)
        return {"make_optimizer": lambda p: Adam(p, schedule), "batch_size": batch_size, "metric": metric}

    if metric is None and batch_size and isinstance(error, KeyboardInterrupt):  # none of the epoch's steps was taken
        assert outcome("compiled", **options())[:2] == (repr(error), (call - 1) // 4 * 4)
    else:
        assert check_same_outcome(options) == (repr(error), call - 1)


def test_a_rate_that_is_refused_keeps_the_steps_before():
    error, steps = check_same_outcome(lambda: {"make_optimizer": lambda p: SGD(p, lambda step: 0.65 - 0.1 * step)})
    assert "learning_rate must be finite and at least 0 (it was asked for at step 7)" in error
    assert steps == 7


@pytest.mark.parametrize("batch_size", [None, 6])
def test_metrics_and_schedules_that_read_the_model_read_the_same(batch_size):
    data = moons(20, rng=3)
    seen = {}
    for engine in ("compiled", "eager"):
        model, read = MLP(2, [4, 1], "tanh", rng=3), []

        def rate(step, model=model, read=read):
            read.append(model.parameters()[0].data)
            return 0.1 / (1 + abs(read[-1]))

        optimizer = SGD(model.parameters(), rate, momentum=0.5)

        def metric(prediction, target, optimizer=optimizer):
            optimizer.momentum = 0.9 if optimizer.steps > 5 else 0.5
            return optimizer.parameters[3].data + optimizer.state[0][3]

        history = fit(model, data.inputs, data.targets, binary_cross_entropy, optimizer=optimizer, metric=metric,
                      epochs=5, batch_size=batch_size, validation=(data.inputs[:5], data.targets[:5]), progress=False,
                      engine=engine)  # fmt: skip
        assert history.engine == engine
        seen[engine] = [*read, *history.metrics, *history.validation_metrics, *model.state_dict().values()]
    assert seen["compiled"] == pytest.approx(seen["eager"], rel=CLOSE)


def test_what_reads_the_model_unseen_finds_the_numbers_of_the_beginning_of_the_epoch():
    class Hidden:
        __slots__ = ("value",)  # into which compile does not look

        def __call__(self, *arguments):
            return 0.1 + 0.1 * self.value.data

    seen = {}
    for engine in ("compiled", "eager"):
        model, hidden = Scale(0.0), Hidden()
        hidden.value = model.w
        history = fit(model, [1.0], [2.0], squared_error, optimizer=SGD(model.parameters(), hidden), metric=hidden,
                      epochs=4, validation=([1.0], [1.0]), progress=False, engine=engine)  # fmt: skip
        seen[engine] = history.metrics + history.validation_metrics
    assert seen["compiled"] == pytest.approx(seen["eager"], rel=CLOSE)


@pytest.mark.parametrize("kind", [SGD, OwnStep])
def test_a_number_near_the_loss_that_changes_between_batches_is_seen_by_the_next_one(kind):
    outside = {"weight": 1.0}

    def weight():
        return outside["weight"]

    seen = []
    for engine in ("compiled", "eager"):
        calls = itertools.count(1)
        outside["weight"] = 1.0

        def metric(prediction, target, calls=calls):
            outside["weight"] = 1.0 + next(calls) // 10 * 0.5  # the last observation of a batch
            return 1.0

        model = Scale(0.0)
        history = fit(model, [1.0, 2.0], [2.0, 1.0], lambda p, t: weight() * (p - t) ** 2, metric=metric, epochs=20,
                      optimizer=kind(model.parameters(), 0.01), progress=False, engine=engine)  # fmt: skip
        seen.append([*history.losses, model.w.data])
    assert seen[0] == pytest.approx(seen[1], rel=CLOSE)


@pytest.mark.parametrize("kind", [SGD, OwnStep])
def test_a_loss_that_changes_unseen_is_an_error_and_never_a_difference_in_silence(kind, monkeypatch):
    calls = itertools.count()
    monkeypatch.setenv("WEIGHT", "1.0")  # a number made of text, which no capture holds

    def metric(prediction, target):
        monkeypatch.setenv("WEIGHT", "1.0" if next(calls) < 5 else "2.0")
        return 1.0

    def loss(prediction, target):
        return float(os.environ["WEIGHT"]) * (prediction - target) ** 2

    model = Scale(0.0)
    with pytest.raises(StaleProgramError, match="does something else than when it was compiled") as caught:
        fit(model, [1.0], [2.0], loss, optimizer=kind(model.parameters(), 0.1), metric=metric, epochs=20,
            progress=False)  # fmt: skip
    assert 'fit(engine="eager") reads in every batch anew what is outside' in caught.value.__notes__


# ── Numbers that are not finite ──────────────────────────────────────────────────────────────────


FAILING = {
    "at the first batch": {"inputs": [1.0, math.nan], "targets": [1.0, 1.0], "loss": squared_error},
    "after a step": {"inputs": [0.0, 1.0], "targets": [1.0, 0.0], "loss": lambda p, t: 2 * log(p + t), "rate": 2.0},
    "after many steps": {"inputs": [1.0] * 8, "targets": [0.0] * 8, "loss": squared_error, "rate": 1e3, "epochs": 300},
    "a gradient": {"w": 0.0, "inputs": [1.0], "targets": [0.0], "loss": lambda p, t: p.sqrt()},
    "in the validation": {
        "inputs": [1.0], "targets": [0.0], "loss": squared_error, "validation": ([math.nan], [0.0]),
    },
    "in a later validation": {
        "inputs": [1.0], "targets": [2.0], "loss": squared_error, "validation": ([1e200], [0.0]),
        "w": 0.0, "rate": 0.25,
    },
}  # fmt: skip


@pytest.mark.parametrize("batch_size", [None, 1, 3])
@pytest.mark.parametrize("metric", [None, lambda p, t: 1.0])
@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("kind", [SGD, OwnStep])
def test_failures_are_the_same(name, batch_size, metric, kind):
    outcomes = []
    for engine in ("compiled", "eager"):
        options = dict(FAILING[name])
        model = Scale(options.pop("w", 1.0))
        optimizer = kind(model.parameters(), options.pop("rate", 0.1), momentum=0.5)
        with pytest.raises(FloatingPointError) as caught:
            fit(model, **{"epochs": 5, **options}, optimizer=optimizer, batch_size=batch_size, metric=metric,
                progress=False, engine=engine)  # fmt: skip
        error = caught.value
        where = (error.epoch, error.observation, error.node.op) if isinstance(error, NonFiniteLossError) else None
        outcomes.append((type(error), where, str(error), optimizer.steps, model.w.data))
    assert outcomes[0][:2] == outcomes[1][:2]
    assert outcomes[0][3] == outcomes[1][3]
    assert outcomes[0][4] == pytest.approx(outcomes[1][4], rel=1e-9, nan_ok=True)
    if math.isfinite(outcomes[1][4]) and "many" not in name:
        assert outcomes[0][2] == outcomes[1][2]


# ── Which engine runs ────────────────────────────────────────────────────────────────────────────


def run(model=None, loss=squared_error, inputs=((1.0, 2.0), (2.0, 1.0)), targets=(1.0, 0.0), **options):
    model = model or MLP(2, [2, 1], rng=1)
    options = {"optimizer": SGD(model.parameters(), 0.01), "epochs": 2, "progress": False, **options}
    return fit(model, inputs, targets, loss, **options)


def test_the_compiled_engine_is_used_by_default_and_said_to_be():
    history = run()
    assert history.engine == "compiled"
    assert repr(history).endswith(", compiled)")


def test_the_progress_bar_names_the_engine(capsys):
    run(progress=True)
    assert "training, compiled" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (lambda p, t: (p - t) ** 2 * (1 + 0 * float(p.data)), "reading .data inside a compiled function"),
        (lambda p, t: (p - t) ** 2 * np.random.default_rng().random(), "not deterministic"),
    ],
)
def test_what_cannot_be_compiled_runs_eagerly_and_says_why(loss, reason):
    history = run(loss=loss)
    assert history.engine == "eager"
    assert reason in history.engine_reason
    assert f", eager, since {history.engine_reason}"[:40] in repr(history)
    with pytest.raises((TypeError, ValueError), match=reason):
        run(loss=loss, engine="compiled")


def test_observations_that_are_no_arrays_run_eagerly():
    class Named(Scale):
        def __call__(self, x):
            return self.w * x["a"]

    history = run(Named(), inputs=[{"a": 1.0}, {"a": 2.0}])
    assert (history.engine, history.epochs) == ("eager", 2)


def test_a_loss_of_too_many_branches_runs_eagerly():
    def steps(p, t):
        while p > 0:
            p = p - 1
        return (p - t) ** 2

    with pytest.warns(RuntimeWarning, match="more than 32 ways"):
        history = run(Scale(), steps, inputs=[float(x) for x in range(50)], targets=[0.0] * 50)
    assert history.engine_reason == "RuntimeError: the loss branches in more than 32 ways"


def test_branches_on_parameters_give_the_same_model():
    def huber(p, t):
        error = p - t
        return error * error if abs(error) < 0.5 else abs(error) - 0.25

    x = np.linspace(-2, 2, 30)
    runs = both(Scale, x, 3 * x, huber, lambda p: SGD(p, 0.1), batch_size=4, epochs=20)
    check_same(runs)


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be 'auto', 'compiled' or 'eager', not 'gpu'"):
        run(engine="gpu")


@pytest.mark.parametrize("validation", [None, ([1.25], [2.0])])
@pytest.mark.parametrize("kind", [SGD, OwnStep])
def test_a_loss_that_fails_only_later_is_run_eagerly_there(kind, validation):
    def loss(p, t):
        return (p - t) ** 2 if p < 1.5 else (p - t) ** 2 * (1 + 0 * p.data)

    runs = []
    for engine in ("auto", "eager"):
        model = Scale(0.0)
        runs.append((model, run(model, loss, inputs=[1.0], targets=[2.0], epochs=30, engine=engine,
                                validation=validation, optimizer=kind(model.parameters(), 0.1))))  # fmt: skip
        assert runs[-1][1].engine == ("eager" if engine == "eager" else "compiled")
    check_same(runs)


def test_an_interrupted_run_leaves_the_parameters_of_its_last_step():
    model = Scale(0.0)
    seen = []

    def metric(prediction, target):
        seen.append(prediction.data)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        run(model, inputs=[1.0], targets=[2.0], metric=metric, epochs=9, optimizer=SGD(model.parameters(), 0.1))
    assert model.w.data != 0.0


@pytest.mark.parametrize("rate", [0.1, lambda step: 0.1 / (1 + step)])
def test_the_calls_in_which_steps_are_taken_change_no_bit(rate, monkeypatch):
    options = {"make_optimizer": lambda p: SGD(p, rate, momentum=0.9), "batch_size": 1}
    at_once = outcome("compiled", **options)
    monkeypatch.setattr(rule_engine, "AT_ONCE", 7)
    assert outcome("compiled", **options) == at_once


def test_an_interrupt_of_machine_code_leaves_parameters_and_optimizer_of_one_moment(monkeypatch):
    run_uninterrupted, calls = Descent.run, iter((False, True))

    def run(self, *batches):
        steps = self.steps
        found = run_uninterrupted(self, *batches)
        if next(calls):
            self.steps = steps  # an interrupt is raised where the call returns, before the steps are counted
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(Descent, "run", run)
    error, *left = outcome("compiled")
    monkeypatch.undo()
    assert error == "KeyboardInterrupt()"
    assert left == [*outcome("compiled", epochs=1)[1:]]


def test_batches_of_one_cost_no_python_for_each(monkeypatch):
    run_counted, calls = Descent.run, []
    monkeypatch.setattr(Descent, "run", lambda self, *batches: calls.append(1) or run_counted(self, *batches))
    data = moons(2 * rule_engine.AT_ONCE)
    model = MLP(2, [4, 1], rng=1)
    fit(model, data.inputs, data.targets, binary_cross_entropy, optimizer=SGD(model.parameters(), 0.01), epochs=1,
        batch_size=1, progress=False)  # fmt: skip
    assert len(calls) == 2
