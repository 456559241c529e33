"""Optimizers move parameters as their papers say, or not at all."""

import json
import math
import pickle

import pytest

from autodiff import Value, constant
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    CosineDecay,
    Optimizer,
    StepDecay,
    Warmup,
    fit,
    moons,
    squared_error,
)
from nn.optimizers import take_steps


def parameter(data, grad, label="w"):
    value = Value(data, label=label)
    value.grad = grad
    return value


def test_gradient_descent_subtracts_rate_times_gradient():
    w = parameter(1.0, 4.0)
    SGD([w], learning_rate=0.25).step()
    assert w.data == 0.0


def test_momentum_adds_up_the_gradients():
    w = parameter(0.0, 1.0)
    sgd = SGD([w], learning_rate=1.0, momentum=0.5)
    moved = []
    for _ in range(3):
        sgd.step()
        moved.append(w.data)
    assert moved == [-1.0, -2.5, -4.25]


def test_adam_follows_algorithm_1_of_its_paper():
    w, theta, m, v = parameter(0.0, 0.0), 0.0, 0.0, 0.0
    adam = Adam([w], learning_rate=0.1, beta1=0.8, beta2=0.9, epsilon=1e-6)
    for t, g in enumerate([1.0, -3.0, 0.5, 0.0], start=1):
        w.grad = g
        adam.step()
        m, v = 0.8 * m + (1 - 0.8) * g, 0.9 * v + (1 - 0.9) * g**2
        theta -= 0.1 * (m / (1 - 0.8**t)) / (math.sqrt(v / (1 - 0.9**t)) + 1e-6)
        assert w.data == pytest.approx(theta, rel=1e-14)


def test_a_schedule_is_asked_for_the_rate_of_each_step_from_zero():
    w, asked = parameter(0.0, 1.0), []
    sgd = SGD([w], learning_rate=lambda step: asked.append(step) or 1 / (step + 1))
    sgd.step()
    sgd.step()
    assert asked == [0, 1]
    assert w.data == -1.5


def test_zero_grad_zeroes_the_parameters():
    w = parameter(1.0, 2.0)
    SGD([w], 0.1).zero_grad()
    assert w.grad == 0.0


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_refused_before_any_parameter_changes(kind, bad):
    w, b = parameter(1.0, 2.0, "w"), parameter(3.0, bad, "layers.0.bias")
    optimizer = kind([w, b], learning_rate=0.5)
    with pytest.raises(FloatingPointError, match=r"'layers\.0\.bias' is .*: no parameter .*detect_anomaly"):
        optimizer.step()
    assert (w.data, b.data) == (1.0, 3.0)
    b.grad = 0.0
    optimizer.step()
    assert w.data < 1.0
    assert b.data == 3.0


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_a_schedule_that_leaves_its_range_is_refused(rate):
    w = parameter(1.0, 2.0)
    with pytest.raises(ValueError, match="learning_rate"):
        SGD([w], learning_rate=lambda step: rate).step()
    assert w.data == 1.0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda w: SGD([w], learning_rate=0.0), ValueError, "learning_rate"),
        (lambda w: SGD([w], learning_rate=-0.1), ValueError, "learning_rate"),
        (lambda w: Adam([w], learning_rate=math.nan), ValueError, "learning_rate"),
        (lambda w: Adam([w], learning_rate=math.inf), ValueError, "learning_rate"),
        (lambda w: SGD([w], 0.1, momentum=1.0), ValueError, "momentum"),
        (lambda w: SGD([w], 0.1, momentum=-0.1), ValueError, "momentum"),
        (lambda w: Adam([w], beta1=1.0), ValueError, "beta1"),
        (lambda w: Adam([w], beta2=-0.5), ValueError, "beta2"),
        (lambda w: Adam([w], epsilon=0.0), ValueError, "epsilon"),
        (lambda w: SGD([], 0.1), ValueError, "no parameters"),
        (lambda w: SGD([w, w], 0.1), ValueError, "listed twice"),
        (lambda w: SGD([w + 1], 0.1), TypeError, "leaf Value"),
        (lambda w: SGD([constant(1.0)], 0.1), TypeError, "leaf Value"),
        (lambda w: SGD([1.0], 0.1), TypeError, "leaf Value"),
        (lambda w: SGD(MLP(1, [1]), 0.1), TypeError, r"such as model.parameters\(\), not MLP"),
    ],
)
def test_options_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(Value(1.0))


def test_an_optimizer_without_moves_says_so():
    with pytest.raises(NotImplementedError, match="moves"):
        Optimizer([parameter(1.0, 2.0)], 0.1).step()


def test_a_step_before_any_backward_pass_says_that_there_is_no_gradient():
    w = Value(1.0)
    sgd = SGD([w], 0.1)
    with pytest.raises(ValueError, match=r"no parameter has a gradient: run backward\(\) first"):
        sgd.step()
    assert (w.data, sgd.steps) == (1.0, 0)
    w.grad = 0.0  # a gradient of 0 is one
    sgd.step()


def test_the_loop_of_every_training_zeroes_differentiates_and_steps():
    called = []

    class Optimizing:
        def zero_grad(self):
            called.append("zero_grad")

        def step(self):
            called.append("step")

    take_steps(Optimizing(), [1, 2], lambda batch: called.append(f"backward {batch}"))
    assert called == ["zero_grad", "backward 1", "step", "zero_grad", "backward 2", "step"]


# ── Weight decay, and PyTorch's numbers ──────────────────────────────────────────────────────────


KINDS = {
    "SGD": (SGD, {"learning_rate": 0.05}, {"lr": 0.05}),
    "SGD with momentum": (SGD, {"learning_rate": 0.05, "momentum": 0.9}, {"lr": 0.05, "momentum": 0.9}),
    "SGD with decay": (SGD, {"learning_rate": 0.05, "momentum": 0.5, "weight_decay": 0.1},
                       {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1}),
    "Adam": (Adam, {"learning_rate": 0.05}, {"lr": 0.05}),
    "Adam with decay": (Adam, {"learning_rate": 0.05, "weight_decay": 0.1}, {"lr": 0.05, "weight_decay": 0.1}),
    "AdamW": (AdamW, {"learning_rate": 0.05}, {"lr": 0.05}),
    "AdamW with decay": (AdamW, {"learning_rate": 0.05, "beta2": 0.99, "weight_decay": 0.3},
                         {"lr": 0.05, "betas": (0.9, 0.99), "weight_decay": 0.3}),
}  # fmt: skip
every_kind = pytest.mark.parametrize(("kind", "options", "theirs"), KINDS.values(), ids=KINDS)


@every_kind
def test_fifty_steps_are_those_of_pytorch(kind, options, theirs):
    torch = pytest.importorskip("torch", reason="its optimizers are compared with")
    x, y = Value(1.5), Value(-0.75)
    a, b = (torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (1.5, -0.75))
    ours, others = kind([x, y], **options), getattr(torch.optim, kind.__name__)([a, b], **theirs)
    for _ in range(50):
        for optimizer, (p, q) in ((ours, (x, y)), (others, (a, b))):
            optimizer.zero_grad()
            ((p * p * q - 1) ** 2 + 0.1 * q**4).backward()
            optimizer.step()
        assert [x.data, y.data] == pytest.approx([a.item(), b.item()], rel=1e-12)


@every_kind
@pytest.mark.parametrize("batch_size", [None, 4])
def test_compiled_steps_are_those_that_the_optimizer_takes_itself(kind, options, theirs, batch_size):
    class Stepping(kind):  # its own step(), so that it is not compiled
        def step(self):
            super().step()

    data, found = moons(10, rng=1), []
    for each in (kind, Stepping):
        model = MLP(2, [3, 1], "tanh", rng=1)
        optimizer = each(model.parameters(), **options)
        fit(model, data.inputs, data.targets, squared_error, optimizer=optimizer, epochs=5, batch_size=batch_size,
            progress=False, engine="compiled")  # fmt: skip
        found.append((model.state_dict(), optimizer.state, optimizer.steps))
    for ours, others in zip(found[0][0].values(), found[1][0].values()):
        assert ours == pytest.approx(others, rel=1e-12)
    assert found[0][2] == found[1][2]
    for row, other in zip(found[0][1], found[1][1]):
        assert row == pytest.approx(other, rel=1e-11, abs=1e-300)


def test_weight_decay_is_half_the_sum_of_squares_in_the_loss():
    def moved(optimizer, loss):
        w = Value(2.0)
        sgd = optimizer([w])
        for _ in range(3):
            sgd.zero_grad()
            loss(w).backward()
            sgd.step()
        return w.data

    decayed = moved(lambda w: SGD(w, 0.1, weight_decay=0.5), lambda w: (w - 1) ** 2)
    assert decayed == pytest.approx(moved(lambda w: SGD(w, 0.1), lambda w: (w - 1) ** 2 + 0.25 * w * w), rel=1e-15)


def test_a_rule_of_the_users_own_decays_as_well():
    class Signs(Optimizer):
        def rule(self, gradient, rate, step):
            return (-rate * gradient,)

    w = parameter(2.0, 1.0)
    Signs([w], 0.5, weight_decay=0.25).step()
    assert w.data == 2.0 - 0.5 * (1.0 + 0.25 * 2.0)


@every_kind
def test_an_optimizer_goes_on_from_a_state_as_json(kind, options, theirs):
    def steps(optimizer, x, count):
        for _ in range(count):
            optimizer.zero_grad()
            ((x - 1) ** 2).backward()
            optimizer.step()

    x, y = Value(3.0), Value(3.0)
    whole, first = kind([x], **options), kind([y], **options)
    steps(whole, x, 7)
    steps(first, y, 4)
    second = kind([y], learning_rate=0.77)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    steps(second, y, 3)
    assert (y.data.hex(), second.state) == (x.data.hex(), whole.state)


def test_a_state_without_a_rate_leaves_the_schedule_as_it_is():
    first, second = (SGD([parameter(1.0, 1.0)], lambda step: 0.5, momentum=m) for m in (0.9, 0.0))
    first.step()
    second.load_state_dict(first.state_dict())
    assert (second.steps, second.momentum, second.rate(1)) == (1, 0.9, 0.5)


class Remembering(SGD):
    """It has an attribute that is no number."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.seen = []


OPTIONS = {"learning_rate": 0.01, "weight_decay": 0.0, "momentum": 0.0}
STATE = {"kind": "SGD", "options": OPTIONS, "steps": 0, "state": [[0.0]]}


def without(name):
    return {each: option for each, option in OPTIONS.items() if each != name}


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({}, TypeError, r"what state_dict\(\) of an optimizer gives, not {}"),
        (None, TypeError, "not None"),
        (STATE | {"kind": "Adam"}, ValueError, "the state of Adam, and this is SGD"),
        (
            STATE | {"state": [[0.0, 0.0]]},
            ValueError,
            r"has \[2\] numbers, and this SGD \[1\]",
        ),
        (STATE | {"state": []}, ValueError, "of other parameters"),
        (STATE | {"steps": -1}, TypeError, "steps must be an int from 0, not int -1"),
        (STATE | {"state": [["a"]]}, TypeError, "a state must be of numbers, not str 'a'"),
        (
            STATE | {"options": {"learning_rate": "0.1", "weight_decay": 0.0, "momentum": 0.0}},
            TypeError,
            "learning_rate",
        ),
        (
            STATE | {"options": {"learning_rate": 0.1, "weight_decay": 0.0}},
            ValueError,
            "momentum of 0.0, and the state",
        ),
        (STATE | {"options": without("learning_rate")}, ValueError, "the state has a schedule"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_changed(state, error, message):
    sgd = SGD([parameter(1.0, 1.0)])
    before = sgd.state_dict()
    with pytest.raises(error, match=message):
        sgd.load_state_dict(state)
    assert sgd.state_dict() == before


def test_what_cannot_be_saved_is_named():
    with pytest.raises(ValueError, match=r"the attribute seen of Remembering is no number, but list \[\]"):
        Remembering([Value(1.0)]).state_dict()


# ── Schedules ────────────────────────────────────────────────────────────────────────────────────


def test_schedules_are_pytorchs():
    torch = pytest.importorskip("torch", reason="its schedules are compared with")

    def rates(schedule, steps=25):
        sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.8)
        running, found = schedule(sgd), []
        for _ in range(steps):
            found.append(sgd.param_groups[0]["lr"])
            sgd.step()
            running.step()
        return found

    of = torch.optim.lr_scheduler
    cosine = rates(lambda sgd: of.CosineAnnealingLR(sgd, 24, eta_min=0.1))
    assert [CosineDecay(0.8, 24, lowest=0.1)(step) for step in range(25)] == pytest.approx(cosine, rel=1e-12)
    stairs = rates(lambda sgd: of.StepLR(sgd, 7, gamma=0.3))
    assert [StepDecay(0.8, 7, factor=0.3)(step) for step in range(25)] == pytest.approx(stairs, rel=1e-12)
    warm = rates(lambda sgd: of.LinearLR(sgd, 1 / 5, 1.0, 4))
    assert [Warmup(0.8, 4)(step) for step in range(25)] == pytest.approx(warm, rel=1e-12)


def test_a_schedule_is_compiled_and_pickled():
    schedule = Warmup(CosineDecay(0.1, 20), 5)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    model, data = MLP(2, [3, 1], rng=1), moons(10, rng=1)
    history = fit(model, data.inputs, data.targets, squared_error, optimizer=SGD(model.parameters(), schedule),
                  epochs=4, progress=False)  # fmt: skip
    assert history.engine == "compiled"
    for bad in (lambda: CosineDecay(-1.0, 5), lambda: StepDecay(0.1, 0), lambda: Warmup(math.nan, 3)):
        with pytest.raises(ValueError, match="must be"):
            bad()
