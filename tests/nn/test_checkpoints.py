"""A training that broke off goes on from its checkpoint, and ends with the bits of one that never did."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from autodiff import Value
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    CosineDecay,
    Dropout,
    Linear,
    Module,
    Sequential,
    absolute_error,
    accuracy,
    binary_cross_entropy,
    fit,
    moons,
    squared_error,
)
from nn.checkpoints import digest, signed

DATA = moons(18, rng=2)
EPOCHS = 9


def perceptron():
    return MLP(2, [4, 1], "tanh", rng=1)


def dropping():
    return Sequential(Linear(2, 6, rng=1), "tanh", Dropout(0.3), Linear(6, 1, rng=2), Dropout(0.1, rng=5))


class Halving:
    """Halves the learning rate after some epochs."""

    def __call__(self, epoch):
        if epoch.number % 3 == 0:
            epoch.optimizer.learning_rate /= 2


def philox():
    return np.random.Generator(np.random.Philox(3))


def mersenne():
    return np.random.Generator(np.random.MT19937(3))


def sfc():
    return np.random.Generator(np.random.SFC64(3))


def adam(parameters):
    return Adam(parameters, 0.05)


TRAININGS = {
    "whole batches": (perceptron, adam, dict),
    "shuffled batches": (perceptron, adam, lambda: {"batch_size": 4, "rng": 3}),
    "eager": (perceptron, adam, lambda: {"batch_size": 4, "engine": "eager"}),
    "a part held out": (perceptron, adam, lambda: {"batch_size": 4, "validation": 0.25, "rng": 8}),
    "metric and validation": (
        perceptron,
        adam,
        lambda: {"metric": accuracy, "validation": (DATA.inputs, DATA.targets)},
    ),
    "patience": (perceptron, lambda p: SGD(p, 5.0, momentum=0.9), lambda: {"patience": 4, "batch_size": 4}),
    "momentum": (perceptron, lambda p: SGD(p, 0.05, momentum=0.9), lambda: {"batch_size": 4}),
    "weight decay": (perceptron, lambda p: AdamW(p, 0.05, weight_decay=0.1), lambda: {"batch_size": 4}),
    "schedule": (perceptron, lambda p: SGD(p, CosineDecay(0.1, 40)), lambda: {"batch_size": 4}),
    "clipped": (perceptron, adam, lambda: {"batch_size": 4, "clip_norm": 0.1}),
    "a callback that changes the rate": (perceptron, adam, lambda: {"batch_size": 4, "callbacks": [Halving()]}),
    "dropout": (dropping, adam, lambda: {"batch_size": 4}),
    "another generator": (perceptron, adam, lambda: {"batch_size": 4, "rng": philox()}),
    "an older generator": (perceptron, adam, lambda: {"batch_size": 4, "rng": mersenne()}),
    "a small generator": (perceptron, adam, lambda: {"batch_size": 4, "rng": sfc()}),
}
every_training = pytest.mark.parametrize(("model", "optimizer", "options"), TRAININGS.values(), ids=TRAININGS)


class BrokenError(Exception):
    """What ends a training."""


def trained(model, optimizer, options, epochs=EPOCHS, breaking=None, **more):
    """Train from the start, as a process of its own would."""
    made, options = model(), {"rng": 0, **options(), **more}
    moving = optimizer(made.parameters())
    if breaking is not None:

        def at(epoch):
            if epoch.number == breaking:
                raise BrokenError

        options["callbacks"] = [*options.get("callbacks", []), at]
    loss = options.pop("loss", binary_cross_entropy)
    history = fit(made, options.pop("inputs", DATA.inputs), options.pop("targets", DATA.targets), loss,
                  optimizer=moving, epochs=epochs, progress=False, **options)  # fmt: skip
    return made.state_dict(), moving.state_dict(), history


@every_training
@pytest.mark.parametrize("broken", [2, 5])
def test_a_training_that_broke_off_ends_with_the_bits_of_one_that_did_not(model, optimizer, options, broken, tmp_path):
    whole = trained(model, optimizer, options)
    with pytest.raises(BrokenError):
        trained(model, optimizer, options, breaking=broken, checkpoint=tmp_path / "run")
    seen = []
    again = trained(model, optimizer, options, checkpoint=tmp_path / "run",
                    callbacks=[*options().get("callbacks", []), lambda epoch: seen.append(epoch.number)])  # fmt: skip
    assert seen[:1] == [broken]  # whose checkpoint was not written: the one before is the last
    assert again == whole


@every_training
def test_a_training_may_be_made_longer_and_one_that_is_done_stays_as_it_is(model, optimizer, options, tmp_path):
    whole = trained(model, optimizer, options)
    trained(model, optimizer, options, epochs=4, checkpoint=tmp_path / "run")
    assert trained(model, optimizer, options, checkpoint=tmp_path / "run") == whole
    content = (tmp_path / "run").read_bytes()
    assert trained(model, optimizer, options, checkpoint=tmp_path / "run") == whole
    assert (tmp_path / "run").read_bytes() == content


def test_the_same_training_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        trained(*TRAININGS["dropout"], checkpoint=tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_the_file_is_written_after_so_many_epochs_and_at_the_end(tmp_path):
    written = []

    def look(epoch):
        content = json.loads(Path(tmp_path / "run").read_text()) if (tmp_path / "run").exists() else None
        written.append(content and content["progress"]["epochs"])

    trained(perceptron, adam, dict, epochs=5, checkpoint=tmp_path / "run", checkpoint_every=2, callbacks=[look])
    assert written == [None, None, 2, 2, 4]
    assert json.loads((tmp_path / "run").read_text())["progress"]["epochs"] == 5


def test_an_interrupt_inside_of_an_epoch_repeats_that_epoch(tmp_path):
    whole = trained(*TRAININGS["eager"], loss=noted)
    calls.clear()
    stop_at.append(80)
    with pytest.raises(KeyboardInterrupt):
        trained(*TRAININGS["eager"], loss=noted, checkpoint=tmp_path / "run")
    stop_at.clear()
    assert trained(*TRAININGS["eager"], loss=noted, checkpoint=tmp_path / "run") == whole


calls, stop_at = [], []


def noted(prediction, target):
    """A loss that is interrupted once."""
    calls.append(None)
    if stop_at and len(calls) == stop_at[0]:
        raise KeyboardInterrupt
    return binary_cross_entropy(prediction, target)


class Gaussian(Module):
    """It draws by itself, from a generator in an attribute."""

    def __init__(self):
        self.noise = np.random.default_rng(4)
        self.w = [Value(0.5), Value(0.25)]

    def __call__(self, x):
        return self.w[0] * x[0] + self.w[1] * x[1] + 0.1 * self.noise.standard_normal()


def test_generators_in_attributes_of_a_model_go_on(tmp_path):
    whole = trained(Gaussian, adam, dict)
    trained(Gaussian, adam, dict, epochs=3, checkpoint=tmp_path / "run")
    assert trained(Gaussian, adam, dict, checkpoint=tmp_path / "run") == whole


def test_numbers_that_the_optimizer_moves_besides_the_model_go_on(tmp_path):
    def moved(epochs, **options):
        model, scale = perceptron(), Value(1.0)
        fit(model, DATA.inputs, DATA.targets, lambda p, t: squared_error(scale * p, t), epochs=epochs, progress=False,
            optimizer=adam([*model.parameters(), scale]), clip_norm=0.5, **options)  # fmt: skip
        return model.state_dict(), scale.data

    whole = moved(EPOCHS)
    moved(4, checkpoint=tmp_path / "run")
    assert moved(EPOCHS, checkpoint=tmp_path / "run") == whole
    assert whole[1] != 1.0


OTHERS = {
    "model": ({"model": lambda: MLP(2, [3, 1], "tanh", rng=1)}, "missing .*|unexpected 'layers.0.neurons.3.weights.0'"),
    "names": (
        {"model": lambda: Sequential(Linear(2, 4), "tanh", Linear(4, 1))},
        "the model 'MLP, Layer, Neuron tanh, Layer, Neuron', and not 'Sequential, Linear",
    ),
    "activation": ({"model": lambda: MLP(2, [4, 1], "relu", rng=1)}, "Neuron tanh, .* and not .*Neuron relu"),
    "generators": ({"model": dropping}, "the model"),
    "optimizer": ({"optimizer": lambda p: SGD(p, 0.05)}, "the optimizer 'Adam', and not 'SGD'"),
    "rate": ({"optimizer": lambda p: Adam(p, 0.06)}, "the learning_rate of the optimizer 0.05, and not 0.06"),
    "inputs": ({"inputs": 2 * DATA.inputs}, "with the training data"),
    "targets": ({"targets": 1 - DATA.targets}, "with the training data"),
    "fewer": ({"inputs": DATA.inputs[:9], "targets": DATA.targets[:9]}, "with the training data"),
    "validation": ({"validation": 0.5}, "with the (training|validation) data"),
    "loss": ({"loss": squared_error}, "the loss 'binary_cross_entropy', and not 'squared_error'"),
    "metric": ({"metric": absolute_error}, "the metric None, and not 'absolute_error'"),
    "batch": ({"batch_size": 5}, "the batch_size 4, and not 5"),
    "clipping": ({"clip_norm": 1.0}, "the clip_norm None, and not 1.0"),
    "rng": ({"rng": 1}, "the rng"),
    "generator": ({"rng": philox()}, "the rng"),
    "engine": ({"engine": "eager"}, "the engine 'auto', and not 'eager'"),
    "epochs": ({"epochs": 2}, "it has 3 epochs, and not 2"),
}


@pytest.mark.parametrize(("change", "message"), OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_training_is_refused_and_nothing_is_changed(change, message, tmp_path):
    base = {
        "model": perceptron,
        "optimizer": adam,
        "options": lambda: {"batch_size": 4},
        "checkpoint": tmp_path / "run",
    }
    trained(**base, epochs=3)
    content = (tmp_path / "run").read_bytes()
    made = []

    def model():
        made.append(change.get("model", perceptron)())
        return made[0]

    expected = change.get("model", perceptron)().state_dict()
    with pytest.raises(ValueError, match=message) as caught:
        trained(**{**base, **change, "model": model})
    assert "or remove the file to begin anew" in str(caught.value)
    assert made[0].state_dict() == expected
    assert (tmp_path / "run").read_bytes() == content


@pytest.mark.parametrize(
    "damage",
    ["cut", "empty", "text", "list", "nan", "deep", "missing", "optimizer", "random", "large", "means", "digit"],
)
def test_a_damaged_checkpoint_is_refused_and_nothing_is_changed(damage, tmp_path):
    path = tmp_path / "run"
    trained(perceptron, adam, dict, epochs=3, checkpoint=path)
    whole = json.loads(path.read_text())
    written = whole.pop("digest")
    name = next(iter(whole["parameters"]))
    path.write_text({
        "cut": path.read_text()[:-200], "empty": "", "text": "PK\x03\x04", "list": "[]", "deep": "[" * 100_000,
        "nan": signed(whole | {"parameters": whole["parameters"] | {name: float("nan")}}),
        "missing": signed({key: part for key, part in whole.items() if key != "random"}),
        "optimizer": signed(whole | {"optimizer": whole["optimizer"] | {"state": [[1.0], [2.0]]}}),
        "random": signed(whole | {"random": {"bit_generator": "PCG64", "state": 5}}),
        "large": signed(whole | {"means": [[10**400] * 3, [], [], []]}),
        "digit": json.dumps({"digest": written} | whole | {"progress": whole["progress"] | {"best": 0.1}}),
        "means": signed(whole | {"means": [1.0]}),
    }[damage])  # fmt: skip
    model = perceptron()
    before, optimizer = model.state_dict(), adam(model.parameters())
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match="cannot go on from the checkpoint"):
        fit(model, DATA.inputs, DATA.targets, binary_cross_entropy, optimizer=optimizer, epochs=EPOCHS, progress=False,
            checkpoint=path)  # fmt: skip
    assert (model.state_dict(), optimizer.state_dict()) == (before, state)


def test_numbers_of_numpy_are_options_like_others(tmp_path):
    options = {"clip_norm": np.float32(0.5)}
    kind = lambda p: SGD(p, np.float32(0.05), momentum=np.float64(0.9))
    whole = trained(perceptron, kind, lambda: options)
    trained(perceptron, kind, lambda: options, epochs=4, checkpoint=tmp_path / "run")
    assert trained(perceptron, kind, lambda: options, checkpoint=tmp_path / "run") == whole


def test_generators_elsewhere_in_the_model_are_refused(tmp_path):
    def model():
        return Sequential(Linear(2, 1), Dropout(0.0))

    def without_generator():
        made = model()
        del made.layers[1].rng
        return made

    path = tmp_path / "run"
    trained(model, adam, dict, epochs=2, checkpoint=path, engine="eager")
    with pytest.raises(ValueError, match=r"it has \['layers.1.rng'\] random generators at, and not \[\]"):
        trained(without_generator, adam, dict, checkpoint=path, engine="eager")


def test_a_file_that_could_not_be_written_is_refused_before_the_first_step(tmp_path):
    called = []
    for path, error in ((tmp_path / "none" / "run", FileNotFoundError), (tmp_path, OSError)):
        with pytest.raises(error):
            trained(perceptron, adam, dict, checkpoint=path, callbacks=[called.append])
    assert called == []


class Stepping:
    """An optimizer of the user's own, without a state that could be saved."""

    def __init__(self, parameters):
        self.parameters = parameters

    def zero_grad(self):
        for value in self.parameters:
            value.grad = 0.0

    def step(self):
        for value in self.parameters:
            value.data -= 0.1 * value.grad


def test_an_optimizer_that_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"needs the state_dict\(\) of the optimizer, and Stepping has none"):
        trained(perceptron, Stepping, dict, checkpoint=tmp_path / "run")


@pytest.mark.parametrize(
    ("inputs", "other"),
    [
        ([[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.0], [2.0, 4.0]]),
        ([[0.0], [2.0, 3.0]], [[0.0, 2.0], [3.0]]),
        ([{"a": 1.0}, {"a": 2.0}], [{"b": 1.0}, {"a": 2.0}]),
        (["a", "b"], ["a", "c"]),
        (np.zeros((2, 2)), np.zeros((4, 1))),
        ([Value(1.0)], [Value(2.0)]),
    ],
)
def test_data_are_told_from_others(inputs, other):
    assert digest(inputs) == digest(inputs) != digest(other)
