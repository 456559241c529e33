"""The training loop learns, stops early, and halts at the first number that is not finite."""

import math
import pickle

import pytest

from autodiff import Value, detect_anomaly, log
from nn import MLP, SGD, Adam, Module, NonFiniteLossError, accuracy, binary_cross_entropy, fit, moons, squared_error


def trained(**options):
    data = moons(60, noise=0.1, rng=3)
    model = MLP(2, [8, 8, 1], rng=3)
    history = fit(
        model, data.inputs, data.targets, binary_cross_entropy, metric=accuracy,
        **{"progress": False, "optimizer": Adam(model.parameters(), 0.05), "epochs": 60, **options},
    )  # fmt: skip
    return model, history, data


class Scale(Module):
    def __init__(self, w=1.0):
        self.w = Value(w)

    def __call__(self, x):
        return self.w * x


@pytest.mark.slow
def test_training_on_moons_reaches_a_high_accuracy():
    model, history, data = trained()
    assert sum(accuracy(model(x), y) for x, y in zip(data.inputs, data.targets)) / len(data) >= 0.98
    assert history.losses[-1] < 0.1 * history.losses[0]
    assert history.metrics[-1] >= 0.98
    assert history.epochs == len(history.metrics) == 60
    assert history.metric_name == "accuracy"


@pytest.mark.parametrize("batch_size", [None, 16])
def test_the_same_seed_gives_the_same_bits(batch_size):
    runs = [trained(epochs=3, batch_size=batch_size, rng=7) for _ in range(2)]
    assert runs[0][1] == runs[1][1]
    assert runs[0][0].state_dict() == runs[1][0].state_dict()


def test_a_batch_is_one_step_and_the_last_one_may_be_smaller():
    model = Scale()
    steps = SGD(model.parameters(), 1e-3)
    fit(model, [1.0] * 5, [0.0] * 5, squared_error, optimizer=steps, epochs=2, batch_size=2, progress=False)
    assert steps.steps == 6


def test_the_progress_bar_shows_loss_and_metric(capsys):
    trained(epochs=1, progress=True)
    shown = capsys.readouterr().err
    assert "loss=" in shown
    assert "accuracy=" in shown
    trained(epochs=1, progress=False)
    assert capsys.readouterr().err == ""


def run(model, rate=0.1, inputs=(1.0,), targets=(0.0,), loss=squared_error, **options):
    return fit(
        model, inputs, targets, loss, optimizer=SGD(model.parameters(), rate), progress=False,
        **{"epochs": 5, **options},
    )  # fmt: skip


def test_early_stopping_restores_the_parameters_with_the_best_validation_loss():
    model = Scale(0.0)  # w grows towards 2, and passes the validation's best, 1, on its way
    history = run(model, 0.05, targets=(2.0,), epochs=100, validation=([1.0], [1.0]), patience=3)
    assert history.stopped_early
    assert history.epochs == history.best_epoch + 3 < 100
    assert (model.w.data - 1.0) ** 2 == min(history.validation_losses)


def test_early_stopping_without_validation_goes_by_the_training_loss():
    model = Scale(1.0)
    history = run(model, 1.5, epochs=50, patience=2)  # each step of this rate doubles the error
    assert history.losses == [1.0, 4.0, 16.0]
    assert (history.stopped_early, history.best_epoch, model.w.data) == (True, 1, 1.0)


def test_a_loss_that_is_not_finite_names_its_first_culprit_and_leaves_the_good_parameters():
    model = Scale(1.0)  # the first step goes from 1 to 1 - 2 · ½ · 2 = -1, of which there is no logarithm
    with pytest.raises(NonFiniteLossError, match=r"epoch 2 at observation 1.* = log\(−1\.0\) = nan") as caught:
        run(model, 2.0, inputs=[0.0, 1.0], targets=[1.0, 0.0], loss=lambda p, t: 2 * log(p + t))
    error = caught.value
    assert (error.epoch, error.observation, error.node.op, error.node.parents[0].data) == (2, 1, log, -1.0)
    assert model.w.data == 1.0
    assert "detect_anomaly" in error.__notes__[0]
    with detect_anomaly(), pytest.raises(NonFiniteLossError, match=r"test_training\.py, line \d+: .*log\(p \+ t\)"):
        run(model, 2.0, inputs=[0.0, 1.0], targets=[1.0, 0.0], loss=lambda p, t: 2 * log(p + t))


def test_a_nan_input_is_found_in_the_first_epoch_by_its_index():
    model = Scale(1.0)
    with pytest.raises(NonFiniteLossError, match="epoch 1 at observation 2") as caught:
        run(model, inputs=[1.0, 2.0, math.nan], targets=[1.0, 1.0, 1.0])
    assert caught.value.node.op.name == "constant"
    assert model.w.data == 1.0
    assert caught.value.__notes__ == [
        "inputs[2] is nan: leave observations with missing numbers out, or fill these in, before the training",
        "the parameters are those of the last finite loss",
    ]
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.epoch, copied.observation, str(copied)) == (1, 2, str(caught.value))


def test_a_diverging_run_goes_back_to_the_last_good_parameters():
    model = Scale(1.0)
    with pytest.raises(FloatingPointError):
        run(model, 1e120, epochs=50)
    assert math.isfinite(squared_error(model(1.0), 0.0).data)


def test_a_gradient_that_is_not_finite_leaves_the_parameters():
    model = Scale(0.0)
    with pytest.raises(FloatingPointError, match="'w'"):
        run(model, loss=lambda prediction, target: prediction.sqrt())
    assert model.w.data == 0.0


def test_a_validation_loss_that_is_not_finite_is_said_to_be_one():
    with pytest.raises(NonFiniteLossError, match="the validation loss is nan"):
        run(Scale(), validation=([math.nan], [0.0]))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"inputs": [], "targets": []}, ValueError, "training data is empty"),
        ({"targets": [1.0, 2.0]}, ValueError, "1 inputs and 2 targets"),
        ({"validation": ([], [])}, ValueError, "validation data is empty"),
        ({"epochs": 0}, ValueError, "epochs must be a whole number of at least 1, not 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be a whole number of at least 1"),
        ({"epochs": 2.5}, ValueError, "epochs must be a whole number of at least 1, not 2.5"),
        ({"patience": 0}, ValueError, "patience must be a whole number of at least 1"),
        ({"loss": lambda prediction, target: 1.0}, TypeError, "must return a Value, not float"),
    ],
)
def test_bad_input_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        run(Scale(), **options)


def test_accuracy_reads_signs_and_greatest_logits():
    assert [accuracy(Value(0.5), y) for y in (0, 1, -1)] == [0.0, 1.0, 0.0]
    assert [accuracy([Value(0.5), Value(2.0)], y) for y in (0, 1)] == [0.0, 1.0]
    for prediction, target in ((0.5, 2), (Value(0.5), 0.5), ([0.1, 0.2], 2), ([0.1, 0.2], -1)):
        with pytest.raises(ValueError, match="the target must be one of"):
            accuracy(prediction, target)


# ── Callbacks ────────────────────────────────────────────────────────────────────────────────────


ENGINES = pytest.mark.parametrize("engine", ["eager", "compiled"])


@ENGINES
def test_a_callback_is_told_of_each_epoch_with_the_parameters_after_it(engine):
    seen = []
    model, history, _ = trained(
        epochs=4, engine=engine, validation=0.25,
        callbacks=[lambda epoch: seen.append((epoch, epoch.model.state_dict(), epoch.optimizer.steps))],
    )  # fmt: skip
    epochs = [epoch for epoch, _, _ in seen]
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4]
    assert [epoch.loss for epoch in epochs] == history.losses
    assert [epoch.metric for epoch in epochs] == history.metrics
    assert [epoch.validation_loss for epoch in epochs] == history.validation_losses
    assert [epoch.validation_metric for epoch in epochs] == history.validation_metrics
    assert seen[-1][1] == model.state_dict() != seen[0][1]
    assert [steps for _, _, steps in seen] == [1, 2, 3, 4]


def test_what_is_not_measured_is_nan():
    seen = []
    run(Scale(), callbacks=[seen.append])
    assert math.isnan(seen[0].metric + seen[0].validation_loss + seen[0].validation_metric)
    assert seen[0].loss == 1.0


@ENGINES
def test_a_callback_may_end_the_training(engine):
    called = []
    history = run(Scale(), epochs=50, engine=engine,
                  callbacks=[lambda epoch: epoch.loss < 0.5, lambda epoch: called.append(epoch.number)])  # fmt: skip
    assert history.stopped_early
    assert history.losses[-1] < 0.5 <= history.losses[-2]
    assert called == [*range(1, history.epochs + 1)]


@ENGINES
def test_a_callback_changes_nothing_by_being_there(engine):
    plain, watched = (trained(epochs=5, batch_size=16, engine=engine, callbacks=callbacks) for callbacks in
                      ([], [lambda epoch: False]))  # fmt: skip
    assert plain[0].state_dict() == watched[0].state_dict()
    assert plain[1] == watched[1]


def changing(change):
    """The numbers after some epochs, before each of which but the first something is changed, in each engine."""
    found = []
    for engine in ("eager", "compiled"):
        model = Scale(1.0)
        optimizer = Adam(model.parameters(), 0.1)
        history = fit(model, [1.0, 2.0], [0.0, 1.0], squared_error, optimizer=optimizer, epochs=6, progress=False,
                      engine=engine, callbacks=[change])  # fmt: skip
        assert history.engine == engine
        found.append([model.w.data, *(row[0] for row in optimizer.state)])
    return found


@pytest.mark.parametrize(
    ("name", "values"), [("learning_rate", (0.02, 0.3)), ("beta1", (0.5, 0.7)), ("weight_decay", (0.5, 0.0))]
)
def test_what_a_callback_changes_of_the_optimizer_holds_from_the_next_epoch_on(name, values):
    def change(epoch):
        setattr(epoch.optimizer, name, values[epoch.number % 2])

    eager, compiled = changing(change)
    assert compiled == pytest.approx(eager, rel=1e-13)
    assert compiled != pytest.approx(changing(lambda epoch: None)[1], rel=1e-3)


def test_what_a_callback_changes_of_the_parameters_holds_from_the_next_epoch_on():
    def clamp(epoch):
        epoch.model.w.data = max(epoch.model.w.data, 0.85)

    eager, compiled = changing(clamp)
    assert eager[0] == compiled[0] == 0.85
    assert compiled == pytest.approx(eager, rel=1e-13)


@ENGINES
def test_an_exception_of_a_callback_ends_the_training_after_its_epoch(engine):
    model = Scale(1.0)

    def fail(epoch):
        if epoch.number == 3:
            raise RuntimeError("enough")

    optimizer = SGD(model.parameters(), 0.1)
    with pytest.raises(RuntimeError, match="enough"):
        fit(model, [1.0], [0.0], squared_error, optimizer=optimizer, epochs=9, progress=False, engine=engine,
            callbacks=[fail])  # fmt: skip
    assert optimizer.steps == 3
    assert model.w.data == pytest.approx(0.8**3)


def test_a_part_that_is_held_out_is_the_same_in_every_run_and_none_of_it_is_trained_on():
    def drawn(**options):
        seen = set()

        def loss(prediction, target):
            seen.add(float(target))
            return squared_error(prediction, target)

        targets = [float(place) for place in range(20)]
        history = run(Scale(0.0), 1e-300, inputs=[1.0] * 20, targets=targets, loss=loss, engine="eager", epochs=1,
                      **options)  # fmt: skip
        return history.losses[0] * 15 + history.validation_losses[0] * 5, history.validation_losses

    total, held_out = drawn(validation=0.25)
    assert total == pytest.approx(sum(place**2 for place in range(20)))
    assert drawn(validation=0.25)[1] == held_out == drawn(validation=0.25, rng=0)[1]
    assert drawn(validation=0.25, rng=1)[1] != held_out


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"validation": 0.2}, ValueError, "a part of the 1 observations between 0 and 1 that leaves some"),
        ({"validation": 1.5}, ValueError, "not 1.5"),
        ({"validation": -0.1}, ValueError, "not -0.1"),
        ({"validation": math.nan}, ValueError, "not nan"),
        ({"validation": "0.2"}, TypeError, "a pair, .*, or a part of the observations, such as 0.2, not str"),
        ({"callbacks": print}, TypeError, r"a list of functions of an epoch, such as \[lambda"),
        ({"callbacks": [1]}, TypeError, r"not list \[1\]"),
        ({"callbacks": [lambda epoch: epoch.loss]}, TypeError, "return True to end the training, .* not float 1.0"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, ValueError, "clip_norm= or clip_value=, not both"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm must be positive, not -1.0"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be a whole number"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        run(Scale(), **options)
