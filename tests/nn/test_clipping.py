"""Gradients are clipped by their norm or one by one, by hand and in a training."""

import math

import pytest

from autodiff import NOT_COMPUTED, Value
from nn import MLP, SGD, AdamW, clip_gradients, fit, moons, squared_error


def values(*gradients):
    made = [Value(1.0, label=f"x{place}") for place, _ in enumerate(gradients)]
    for value, gradient in zip(made, gradients):
        value.grad = gradient
    return made


def gradients(of):
    return [value.grad for value in of]


def test_clipping_by_norm_keeps_the_direction():
    x = values(3.0, -4.0, 0.0)
    assert clip_gradients(x, norm=2.5) == 5.0
    assert gradients(x) == [1.5, -2.0, 0.0]
    assert clip_gradients(x, norm=2.5) == 2.5
    assert gradients(x) == [1.5, -2.0, 0.0]


def test_clipping_by_value_cuts_each_off():
    x = values(3.0, -4.0, 0.5)
    assert clip_gradients(x, value=1.0) == math.hypot(3.0, 4.0, 0.5)
    assert gradients(x) == [1.0, -1.0, 0.5]


def test_large_gradients_do_not_overflow():
    x = values(1.5e308, -1.5e308)
    clip_gradients(x, norm=1.0)
    assert gradients(x) == pytest.approx([0.5**0.5, -(0.5**0.5)])


@pytest.mark.parametrize("limit", [{"norm": 1.0}, {"value": 1.0}])
def test_what_is_not_finite_stays_for_the_step_to_name(limit):
    x = values(3.0, math.inf)
    clip_gradients(x, **limit)
    assert gradients(x) == [3.0, math.inf]
    with pytest.raises(FloatingPointError, match="x1"):
        SGD(x).step()
    x = [Value(1.0)]
    assert clip_gradients(x, **limit) == 0.0
    assert x[0].grad is NOT_COMPUTED


@pytest.mark.parametrize("limit", [{"norm": 0.7}, {"value": 0.2}])
def test_it_is_pytorchs(limit):
    torch = pytest.importorskip("torch", reason="its clipping is compared with")
    x, theirs = values(0.6, -0.9, 0.1), torch.zeros(3, dtype=torch.float64, requires_grad=True)
    theirs.grad = torch.tensor(gradients(x), dtype=torch.float64)
    clip_gradients(x, **limit)
    if "norm" in limit:
        torch.nn.utils.clip_grad_norm_([theirs], limit["norm"])
    else:
        torch.nn.utils.clip_grad_value_([theirs], limit["value"])
    assert gradients(x) == pytest.approx(theirs.grad.tolist(), rel=2e-6)  # PyTorch adds 1e-6 to the norm


class Noting(SGD):
    """It keeps the norm of each step's gradients, and the largest of them."""

    def step(self):
        here = gradients(self.parameters)
        noted.append((math.hypot(*here), max(map(abs, here))))
        super().step()


noted = []


def trained(engine="auto", kind=SGD, **options):
    data, model = moons(12, rng=1), MLP(2, [4, 1], rng=1)
    optimizer = kind(model.parameters(), 0.1)
    history = fit(model, data.inputs, data.targets, squared_error, optimizer=optimizer, epochs=5, batch_size=4,
                  progress=False, engine=engine, **options)  # fmt: skip
    assert engine in ("auto", history.engine)
    return [*model.state_dict().values()]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("limit", [{"clip_norm": 0.05}, {"clip_value": 0.01}])
def test_no_step_of_a_training_exceeds_the_limit(engine, limit):
    noted.clear()
    trained(engine, Noting, **limit)
    assert len(noted) == 15
    assert max(noted)[0 if "clip_norm" in limit else 1] <= next(iter(limit.values())) * (1 + 1e-15)


@pytest.mark.parametrize("kind", [SGD, AdamW])
@pytest.mark.parametrize("limit", [{"clip_norm": 0.05}, {"clip_value": 0.01}])
def test_every_engine_clips_alike(limit, kind):
    class Stepping(kind):  # its own step(), so that it is not compiled
        def step(self):
            super().step()

    eager = trained("eager", kind, **limit)
    assert trained("compiled", kind, **limit) == pytest.approx(eager, rel=1e-9)
    assert trained("compiled", Stepping, **limit) == pytest.approx(eager, rel=1e-9)
    assert eager != pytest.approx(trained("eager", kind), rel=1e-3)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_limit_that_is_never_reached_changes_nothing(engine):
    assert trained(engine, clip_norm=1e9) == pytest.approx(trained(engine), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: clip_gradients(x), ValueError, "norm= or value=, not none"),
        (lambda x: clip_gradients(x, norm=1.0, value=1.0), ValueError, "not both"),
        (lambda x: clip_gradients(x, norm=0.0), ValueError, "norm must be positive, not 0.0"),
        (lambda x: clip_gradients(x, value=math.nan), ValueError, "value must be positive, not nan"),
        (lambda x: clip_gradients(x, max_norm=1.0), TypeError, "max_norm= is called norm= here"),
    ],
)
def test_limits_out_of_range_are_refused(call, error, message):
    x = values(3.0)
    with pytest.raises(error, match=message):
        call(x)
    assert gradients(x) == [3.0]
