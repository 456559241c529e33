"""Dropout draws anew in every call of a training, leaves nothing out where it is measured, and is never frozen."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autodiff
from autodiff import FrozenNumberError, Value
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    Layer,
    Module,
    dropout,
    fit,
    loss_landscape,
    moons,
    squared_error,
    without_dropout,
)


class Dropping(Module):
    """A network with dropout between its layers."""

    def __init__(self, p=0.1, seed=0):
        self.hidden, self.last = Layer(2, 8, "tanh", rng=1), Layer(8, 1, "linear", rng=2)
        self.p, self.rng = p, np.random.default_rng(seed)

    def __call__(self, x):
        return self.last(dropout(self.hidden(x), self.p, rng=self.rng))[0]


DATA = moons(12, rng=3)


def trained(model, engine="auto", loss=squared_error, **options):
    return fit(model, DATA.inputs, DATA.targets, loss, engine=engine, progress=False,
                  **{"optimizer": SGD(model.parameters(), 0.05), "epochs": 4, **options})  # fmt: skip


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_part_that_is_left_out_is_p_and_the_mean_stays(p):
    values = dropout([1.0] * 10_000, p, rng=np.random.default_rng(0))
    assert set(values) == {0.0, 1.0 / (1.0 - p)}
    assert values.count(0.0) / 10_000 == pytest.approx(p, abs=0.02)  # four standard deviations
    assert sum(values) / 10_000 == pytest.approx(1.0, abs=0.15)


def test_gradients_flow_through_what_is_kept():
    values = [Value(1.0) for _ in range(20)]
    dropped = dropout(values, 0.5, rng=np.random.default_rng(0))
    sum(dropped).backward()
    assert [value.grad for value in values] == [2.0 if each.parents else 0.0 for each in dropped]
    assert isinstance(dropout(values, 0.999, rng=np.random.default_rng(0))[0], Value)


def test_nothing_is_left_out_inside_of_without_dropout_nor_for_p_of_zero():
    values, rng = [Value(1.0) for _ in range(20)], np.random.default_rng(0)
    before = rng.bit_generator.state
    with without_dropout():
        assert dropout(values, 0.9, rng=rng) == values
        with without_dropout():
            pass
        assert dropout(values, 0.9, rng=rng) == values
    assert dropout(values, 0.0, rng=rng) == values
    assert rng.bit_generator.state == before
    assert dropout(values, 0.9, rng=rng) != values


class Twice(Module):
    """Two dropouts of one generator around one of another, on the inputs as well."""

    def __init__(self, seed=0):
        self.hidden, self.last = Layer(2, 8, "tanh", rng=1), Layer(8, 1, "linear", rng=2)
        self.rng, self.other = np.random.default_rng(seed), np.random.Generator(np.random.MT19937(seed))

    def __call__(self, x):
        hidden = dropout(self.hidden(dropout(x, 0.2, rng=self.rng)), 0.5, rng=self.other)
        return dropout(self.last(dropout(hidden, 0.3, rng=self.rng)), 0.1, rng=self.rng)[0]


def states(model):
    """Those of the generators of a model."""
    return [repr(each.bit_generator.state) for each in vars(model).values() if isinstance(each, np.random.Generator)]


OPTIMIZERS = {
    "rule": lambda p: Adam(p, 0.05),
    "decay": lambda p: AdamW(p, 0.05),
    "own steps": lambda p: type("Own", (SGD,), {"step": lambda self: SGD.step(self)})(p, 0.05),
}


@pytest.mark.parametrize("make", [Dropping, Twice])
@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("metric", [None, squared_error])
def test_compiled_training_leaves_out_the_very_numbers_that_the_eager_one_does(make, batch_size, optimizer, metric):
    found = []
    for engine in ("eager", "compiled"):
        model = make(seed=3)
        history = trained(model, engine, optimizer=optimizer(model.parameters()), batch_size=batch_size, metric=metric,
                          validation=0.25, epochs=5)  # fmt: skip
        assert history.engine == engine
        numbers = [*model.state_dict().values(), *history.losses, *history.metrics, *history.validation_losses]
        found.append((numbers, states(model)))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-11)
    assert found[1][1] == found[0][1] != states(make(seed=3))


def test_dropout_is_compiled_by_itself():
    model = Dropping()
    history = trained(model)
    assert (history.engine, history.engine_reason) == ("compiled", "")


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_probability_that_a_callback_sets_holds_from_the_next_epoch_on(optimizer):
    def change(epoch):
        epoch.model.p = (0.0, 0.3, 0.6)[epoch.number % 3]

    found = []
    for engine in ("eager", "compiled"):
        model = Dropping(p=0.3)
        history = trained(model, engine, optimizer=optimizer(model.parameters()), epochs=7, callbacks=[change])
        found.append((history.losses, states(model)))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-11)
    assert found[1][1] == found[0][1]


def test_workers_leave_out_the_same_numbers():
    models = Dropping(), Dropping()
    trained(models[0], "eager", batch_size=6)
    with ThreadPoolExecutor(2) as executor:
        trained(models[1], batch_size=6, executor=executor)
    expected = [*models[0].state_dict().values()]
    assert [*models[1].state_dict().values()] == pytest.approx(expected, rel=1e-11)


class Sometimes(Dropping):
    """It drops for some observations alone."""

    def __call__(self, x):
        return super().__call__(x) if x[0] > 0 else self.last(self.hidden(x))[0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_model_that_draws_otherwise_for_some_observations_runs_eagerly_and_says_so(sign):
    model, inputs = Sometimes(), sign * np.array([[1.0, 0.5], [-1.0, 0.5], [2.0, 1.0]])
    history = fit(model, inputs, [1.0, 2.0, 3.0], squared_error, optimizer=SGD(model.parameters(), 0.01), epochs=2,
                  progress=False)  # fmt: skip
    assert history.engine == "eager"
    assert "dropout draws otherwise for some observations" in history.engine_reason


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_number_that_is_not_finite_is_found_with_dropout_too(engine):
    model, targets = Dropping(), DATA.targets.astype(float)
    targets[7] = np.nan
    with pytest.raises(FloatingPointError, match="at observation 7"):
        fit(model, DATA.inputs, targets, squared_error, optimizer=SGD(model.parameters()), epochs=2, batch_size=5,
            progress=False, engine=engine)  # fmt: skip


def test_the_errors_of_a_network_that_stands_still_differ_from_epoch_to_epoch():
    model = Dropping(p=0.5)
    losses = trained(model, optimizer=SGD(model.parameters(), 1e-300), epochs=6).losses
    assert len(set(losses)) == 6


def test_dropout_in_a_compiled_function_is_refused():
    weights, rng = [Value(1.0) for _ in range(3)], np.random.default_rng(0)
    for swallowing in (False, True):

        def error(x, swallowing=swallowing):
            try:
                return sum(dropout([weight * x for weight in weights], 0.5, rng=rng)) + x
            except TypeError:
                if not swallowing:
                    raise
                return x * 2

        with pytest.raises(FrozenNumberError):
            autodiff.compile(error)([1.0, 2.0])

    def off(x):
        with without_dropout():
            return sum(dropout([weight * x for weight in weights], 0.5, rng=rng))

    assert autodiff.compile(off)([1.0, 2.0]).tolist() == [3.0, 6.0]


def test_predictions_validation_and_landscapes_leave_nothing_out():
    model = Dropping(p=0.5)
    with without_dropout():
        expected = [model(x).data for x in DATA.inputs]
    assert model.predict(DATA.inputs).tolist() == expected
    np.testing.assert_allclose(model.predict(np.tile(DATA.inputs, (3, 1)))[:12], expected, rtol=1e-15)
    history = trained(model, epochs=1, optimizer=SGD(model.parameters(), 1e-300),
                      validation=(DATA.inputs, DATA.targets))  # fmt: skip
    errors = [(target - z) ** 2 for z, target in zip(expected, DATA.targets)]
    assert history.validation_losses == [pytest.approx(np.mean(errors))]
    mountain = loss_landscape(model, DATA.inputs, DATA.targets, squared_error, resolution=3)
    still = Dropping(p=0.0)
    flat = loss_landscape(still, DATA.inputs, DATA.targets, squared_error, resolution=3)
    np.testing.assert_array_equal(mountain.heights, flat.heights)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dropout([1.0], 0.5), TypeError, "rng"),
        (lambda: dropout([1.0], 0.5, rng=0), TypeError, "made once.* not int 0: a seed would draw the same"),
        (lambda: dropout([1.0], 0.5, rng=None), TypeError, "not NoneType None"),
        (lambda: dropout([1.0], 1.0, rng=np.random.default_rng()), ValueError, "at least 0 and below 1, not 1.0"),
        (lambda: dropout([1.0], -0.1, rng=np.random.default_rng()), ValueError, "at least 0 and below 1, not -0.1"),
        (lambda: dropout([1.0], float("nan"), rng=np.random.default_rng()), ValueError, "not nan"),
    ],
)
def test_bad_options_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ── Draws of the user's own ──────────────────────────────────────────────────────────────────────


def by_python(rng):
    return random.random()


def by_numpy(rng):
    return np.random.random()


def by_generator(rng):
    return rng.random()


def by_fresh_generator(rng):
    return np.random.default_rng().random()


@pytest.mark.parametrize("draw", [by_python, by_numpy, by_generator, by_fresh_generator])
@pytest.mark.parametrize("seed", range(10))
def test_a_loss_that_draws_is_run_eagerly_and_draws_anew(draw, seed):
    rng = np.random.default_rng(seed)
    random.seed(seed)
    np.random.seed(seed)
    drawn = []

    def loss(prediction, target):
        drawn.append(draw(rng) < 0.1)
        return (0.0 if drawn[-1] else 1.0) * (prediction - target) ** 2

    model = MLP(2, [1])
    history = trained(model, loss=loss, epochs=40, optimizer=Adam(model.parameters(), 1e-300))
    assert history.engine == "eager"
    assert len(drawn) >= 40 * len(DATA)
    assert len(set(history.losses)) > 10
