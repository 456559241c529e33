"""What is often written and means something else here is refused before anything is changed, with what to write."""

import re

import numpy as np
import pytest

import nn
from autodiff import Value, compile, constant
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    History,
    Module,
    Optimizer,
    accuracy,
    binary_cross_entropy,
    descend,
    fit,
    hinge,
    loss_landscape,
    moons,
    squared_error,
)
from nn import softmax_cross_entropy as softmax_loss

ENGINES = ("auto", "compiled", "eager")
X, Y = [[0.0, 1.0], [1.0, 0.5], [2.0, 2.0]], [1.0, 0.0, 1.0]


class Forward(Module):
    """A module as another library wants it."""

    def forward(self, x):
        return x


class Foreign:
    """A module of another library: it has parameters by name, but they are no ``Value``s."""

    def named_parameters(self):
        return [("w", 1.0)]

    def parameters(self):
        return [1.0]


def once(optimizer):
    """What a training needs besides."""
    return {"optimizer": optimizer, "epochs": 1}


CALLS = {
    "loss": [
        (lambda m, o: fit(m, X, Y, "mse", **once(o)), TypeError,
         "loss must be a function .*, not str 'mse': write loss=squared_error, from nn import squared_error"),
        (lambda m, o: fit(m, X, Y, "MSELoss", **once(o)), TypeError, "write loss=squared_error"),
        (lambda m, o: fit(m, X, Y, "mae", **once(o)), TypeError, "write loss=absolute_error"),
        (lambda m, o: fit(m, X, Y, "cross-entropy", **once(o)), TypeError, "loss=softmax_cross_entropy"),
        (lambda m, o: fit(m, X, Y, "BCELoss", **once(o)), TypeError, "loss=binary_cross_entropy"),
        (lambda m, o: fit(m, X, Y, "hinge_loss", **once(o)), TypeError, "write loss=hinge"),
        (lambda m, o: fit(m, X, Y, "huber", **once(o)), TypeError, "write loss=squared_error"),
        (lambda m, o: fit(m, X, Y, None, **once(o)), TypeError, "not NoneType None: write loss="),
        (lambda m, o: fit(m, X, Y, squared_error(1.0, 2.0), **once(o)), TypeError, "not float 1.0: write"),
        (lambda m, o: fit(m, X, Y, loss_fn=squared_error, **once(o)), TypeError, "loss_fn= is called loss="),
        (lambda m, o: loss_landscape(m, X, Y, "mse"), TypeError, "write loss=squared_error"),
        (lambda m, o: descend(m, X, Y, "mse", optimizer=o, steps=1), TypeError, "write loss=squared_error"),
    ],
    "metric": [
        (lambda m, o: fit(m, X, Y, squared_error, metric="accuracy", **once(o)), TypeError,
         "metric must be a function .*, not str 'accuracy': write metric=accuracy, from nn import accuracy"),
        (lambda m, o: fit(m, X, Y, squared_error, metric="f1", **once(o)), TypeError, "metric=accuracy"),
        (lambda m, o: fit(m, X, Y, squared_error, metrics=[accuracy], **once(o)), TypeError,
         "metrics= is called metric= here"),
    ],
    "optimizer": [
        (lambda m, o: fit(m, X, Y, squared_error, optimizer="adam", epochs=1), TypeError,
         r"an object with zero_grad\(\) and step\(\), not str 'adam': write Adam\(model.parameters\(\), learning"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer="SGD", epochs=1), TypeError, r"write SGD\(model"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=SGD, epochs=1), TypeError,
         r"not the class SGD: write SGD\(model.parameters\(\)"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=None, epochs=1), TypeError, "None: write Adam"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=0.1, epochs=1), TypeError, "not float 0.1: write Adam"),
        (lambda m, o: fit(m, X, Y, squared_error, epochs=1), TypeError,
         r"missing a required argument: 'optimizer'; write fit\(model, inputs, targets, loss, optimizer=Adam"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=o, lr=0.1, epochs=1), TypeError,
         "no lr= here: it is the optimizer's: optimizer=Adam"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=o, learning_rate=0.1, epochs=1), TypeError,
         "no learning_rate= here: it is the optimizer's"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=o, weight_decay=0.1, epochs=1), TypeError,
         r"optimizer=AdamW\(model.parameters\(\), learning_rate=0.01, weight_decay=0.01\)"),
        (lambda m, o: SGD(m.parameters(), lr=0.1), TypeError, "lr= is called learning_rate= here"),
        (lambda m, o: Adam(m.parameters(), lr=0.1), TypeError, "lr= is called learning_rate= here"),
        (lambda m, o: SGD(m.parameters(), decay=0.1), TypeError, "decay= is called weight_decay= here"),
        (lambda m, o: Adam(m.parameters(), clipnorm=0.1), TypeError, "clip_norm="),
        (lambda m, o: AdamW(m.parameters(), lr=0.1), TypeError, "lr= is called learning_rate= here"),
        (lambda m, o: AdamW(m.parameters(), weight_decay=-0.1), ValueError, "at least 0, not -0.1"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer="AdamW", epochs=1), TypeError, r"write AdamW\(model"),
        (lambda m, o: SGD(m.parameters(), 0.1, nesterov=True), TypeError, "no nesterov= here"),
        (lambda m, o: Adam(m.parameters(), betas=(0.9, 0.99)), TypeError, "beta1=0.9 and beta2=0.999"),
        (lambda m, o: Adam(m.parameters(), eps=1e-8), TypeError, "eps= is called epsilon= here"),
        (lambda m, o: Adam(m.parameters(), momentum=0.9), TypeError, "momentum= is called beta1= here"),
        (lambda m, o: SGD(m.parameters(), "0.1"), TypeError, "learning_rate must be a number, not str '0.1'"),
        (lambda m, o: SGD(m.parameters(), 0.1, momentum=None), TypeError, "momentum must be a number, not NoneType"),
        (lambda m, o: SGD(m), TypeError, r"such as model.parameters\(\), not MLP"),
        (lambda m, o: SGD(m.parameters), TypeError, r"such as model.parameters\(\), not <bound method"),
        (lambda m, o: SGD(m.named_parameters(), 0.1), TypeError, r"write SGD\(model.parameters\(\), ...\)"),
        (lambda m, o: SGD(), TypeError, "parameters"),
        (lambda m, o: o.param_groups, AttributeError, "is called learning_rate, weight_decay and so on"),
    ],
    "model": [
        (lambda m, o: fit(X, Y, m), TypeError, r"write fit\(model, inputs, targets, loss, optimizer"),
        (lambda m, o: fit(X, Y, m, squared_error, **once(o)), TypeError,
         r"must be a Module of nn, and come first, not list .*: write fit\(model, inputs"),
        (lambda m, o: fit(MLP, X, Y, squared_error, **once(o)), TypeError, "not the class MLP: write fit"),
        (lambda m, o: fit(lambda x: m(x), X, Y, squared_error, **once(o)), TypeError, "not function"),
        (lambda m, o: fit(Module(), X, Y, squared_error, **once(o)), ValueError, "has no parameters to train"),
        (lambda m, o: fit(Foreign(), X, Y, squared_error, **once(o)), TypeError, "of another library"),
    ],
    "data": [
        (lambda m, o: fit(m, X, squared_error, **once(o)), TypeError, "'loss'; write fit"),
        (lambda m, o: fit(m, X, Y[:2], squared_error, **once(o)), ValueError, "3 inputs and 2 targets"),
        (lambda m, o: fit(m, [], [], squared_error, **once(o)), ValueError, "the training data is empty"),
        (lambda m, o: fit(m, X, None, squared_error, **once(o)), TypeError, "targets must have the observ"),
        (lambda m, o: fit(m, {"a": Y, "b": Y}, Y, squared_error, **once(o)), TypeError, "rows of its columns"),
        (lambda m, o: fit(m, zip(X), Y, squared_error, **once(o)), TypeError, "makes a list of an iterator"),
        (lambda m, o: fit(m, [0.0, 1.0, 2.0], Y, squared_error, **once(o)), TypeError,
         r"a sequence of 2 numbers is needed, not float 0.0; .* the shape \(observations, 2\)"),
        (lambda m, o: fit(m, np.ones(3), Y, squared_error, **once(o)), TypeError, "a sequence of 2 numbers"),
        (lambda m, o: fit(m, [[1.0]] * 3, Y, squared_error, **once(o)), ValueError, "2 inputs expected, 1 given"),
        (lambda m, o: fit(m, [X] * 3, Y, squared_error, **once(o)), TypeError, "a model takes one observation"),
        (lambda m, o: fit(m, X, [[y] for y in Y], squared_error, **once(o)), ValueError, r"targets\[:, 0\]"),
        (lambda m, o: fit(m, X, np.c_[Y], squared_error, **once(o)), ValueError, r"targets\[:, 0\]"),
        (lambda m, o: fit(m, X, np.c_[Y], hinge, **once(o)), TypeError, r"targets\[:, 0\]"),
        (lambda m, o: fit(m, X, np.c_[Y], binary_cross_entropy, **once(o)), TypeError, r"targets\[:, 0\]"),
        (lambda m, o: fit(m, X, np.c_[Y], lambda p, t: (p - t) ** 2, **once(o)), TypeError,
         r"must return a Value, not ndarray .* Pass targets\[:, 0\]"),
        (lambda m, o: fit(m, X, Y, softmax_loss, **once(o)), TypeError, "a neuron for each class, or use bin"),
        (lambda m, o: softmax_loss([1.0, 2.0, 3.0], np.eye(3)[0]), TypeError, r"targets.argmax\(axis=1\)"),
        (lambda m, o: softmax_loss([1.0, 2.0, 3.0], 3), ValueError, "classes from 0, and let the last layer"),
        (lambda m, o: squared_error([1.0, 2.0, 3.0], 1.0), ValueError, "as many neurons as a target has numbers"),
        (lambda m, o: fit(m, moons(9), moons(9), squared_error, **once(o)), TypeError, "data.inputs and data.targets"),
        (lambda m, o: fit(m, moons(9), squared_error, **once(o)), TypeError, "argument: 'loss'; write fit"),
        (lambda m, o: fit(m, np.transpose(X), Y, squared_error, **once(o)), ValueError, "2 inputs and 3 targets"),
        (lambda m, o: fit(m, np.zeros((3, 1, 2)), Y, squared_error, **once(o)), TypeError, "one observation"),
        (lambda m, o: fit(m, X, ["a", "b", "a"], binary_cross_entropy, **once(o)), TypeError,
         r"not str 'a': number the classes, such as by names = sorted\(set\(targets\)\)"),
        (lambda m, o: fit(m, X, ["a", "b", "a"], hinge, **once(o)), TypeError, "number the classes"),
        (lambda m, o: fit(m, X, ["a", "b", "a"], squared_error, **once(o)), TypeError, "number the classes"),
        (lambda m, o: fit(m, X, np.array(["a", "b", "a"]), hinge, **once(o)), TypeError, "number the classes"),
        (lambda m, o: fit(m, X, [False, True, True], hinge, **once(o)), ValueError, r"pass 2 \* label - 1"),
        (lambda m, o: fit(m, X, np.array([False, True, True]), hinge, **once(o)), ValueError, "False and True"),
        (lambda m, o: fit(m, X, [0, 1, 1], hinge, **once(o)), ValueError, r"pass 2 \* label - 1"),
        (lambda m, o: fit(m, X, [-1, 1, 1], binary_cross_entropy, **once(o)), ValueError, r"\(target \+ 1\) / 2"),
        (lambda m, o: fit(m, [["a", "b"]] * 3, Y, squared_error, **once(o)), TypeError, "a real number is needed"),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), validation="0.2"), TypeError, "must be a pair"),
    ],
    "the module": [
        (lambda m, o: m.fit(X, Y), AttributeError, r"MLP has no fit here: it is a function, fit\(model, inputs"),
        (lambda m, o: m.compile(optimizer="adam"), AttributeError, r"arguments of fit\(\)"),
        (lambda m, o: m.train(), AttributeError, r"nothing to switch, since dropout\(\)"),
        (lambda m, o: m.eval(), AttributeError, r"predict\(\) and without_dropout\(\)"),
        (lambda m, o: m.forward(X[0]), AttributeError, r"write model\(x\)"),
        (lambda m, o: m.backward(), AttributeError, r"loss\(model\(x\), y\).backward\(\)"),
        (lambda m, o: m.to("cuda"), AttributeError, 'backend="jax"'),
        (lambda m, o: m.cuda(), AttributeError, 'backend="jax"'),
        (lambda m, o: m.summary(), AttributeError, r"print\(model\)"),
        (lambda m, o: m.to_c(), AttributeError, r"MLP has no to_c here: .* autodiff\.compile\(model, ndim=1\)\.to_c"),
        (lambda m, o: m.to_onnx(), AttributeError, r"nn\.to_onnx\(model\)"),
        (lambda m, o: nn.mean_squared_error, AttributeError, "the function nn.squared_error"),
        (lambda m, o: nn.to_c, AttributeError, r"autodiff\.compile\(model, ndim=1\)\.to_c"),
        (lambda m, o: m.predict_proba(X), AttributeError, "autodiff.sigmoid, or autodiff.softmax"),
        (lambda m, o: Forward()(1.0), NotImplementedError, "rename its forward to __call__"),
        (lambda m, o: MLP(2, 16, 1), TypeError, r"a list of layer sizes such as \[16, 1\], not 16"),
        (lambda m, o: MLP([2, 16, 1]), TypeError, r"MLP\(\) got .*'outputs'; write MLP\(inputs, \[16, 16, outputs\]\)"),
        (lambda m, o: MLP(2, []), ValueError, "at least one layer"),
        (lambda m, o: MLP(2, [3, 1], activation="relu6"), ValueError, r"did you mean 'relu'\?"),
        (lambda m, o: SGD(Forward().parameters()), ValueError, "Values, and modules, that its __init__ assigns"),
        (lambda m, o: History([1.0], [], [2.0], [], "", 1, False).history, AttributeError, "is called losses here"),
        (lambda m, o: History([1.0], [], [2.0], [], "", 1, False).loss, AttributeError, "is called losses here"),
        (lambda m, o: History([1.0], [], [2.0], [], "", 1, False).val_loss, AttributeError, "validation_losses here"),
    ],
    "options": [
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=o), TypeError, "required argument: 'epochs'; write"),
        (lambda m, o: fit(m, X, Y, squared_error, o, 10), TypeError, "too many positional arguments; write fit"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=o, epochs="10"), ValueError, "must be a whole number"),
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=o, n_epochs=10), TypeError, "n_epochs= is called epochs="),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), verbose=0), TypeError, "is called progress="),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), shuffle=True), TypeError, "shuffled in every epoch"),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), seed=1), TypeError, "seed= is called rng= here"),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), validation_split=0.1), TypeError, "is called validation="),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), early_stopping=True), TypeError, "is called patience="),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), callback=print), TypeError, "is called callbacks="),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), clipnorm=1.0), TypeError, "is called clip_norm="),
        (lambda m, o: m.add(m), AttributeError, r"Sequential\(\*parts\) takes all parts"),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), resume=True), TypeError, "checkpoint= goes on from its"),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), validation_data=(X, Y)), TypeError, "validation="),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), callbacks=print), TypeError, "a list of functions"),
        (lambda m, o: fit(m, X, Y, squared_error, **once(o), colour=1), TypeError, "no colour=: write fit"),
    ],
    "what trains nothing": [
        (lambda m, o: fit(m, X, Y, squared_error, optimizer=SGD(MLP(2, [4, 1]).parameters()), epochs=1), ValueError,
         r"moves no parameter of the model MLP.*, but 17 others; .* made anew after the optimizer\? Write Adam\(model"),
        (lambda m, o: fit(m, X, Y, lambda p, t: Value((p.data - t) ** 2), **once(o)), ValueError,
         r"depends on no parameter that the optimizer moves.* cut off by .data, float\(\), detach\(\)"),
        (lambda m, o: fit(m, X, Y, lambda p, t: constant(1.0), **once(o)), ValueError, "depends on no parameter"),
        (lambda m, o: fit(m, X, Y, lambda p, t: p.detach() * t, **once(o)), ValueError, "depends on no param"),
        (lambda m, o: fit(m, X, Y, lambda p, t: (p.data - t) ** 2, **once(o)), TypeError,
         "must return a Value, not float"),
        (lambda m, o: fit(m, X, Y, lambda p, t: None, **once(o)), TypeError, "return a Value, not NoneType"),
        (lambda m, o: fit(m, X, Y, lambda p, t: m.parameters()[0] * 2,
                          optimizer=SGD(m.parameters()[1:]), epochs=1), ValueError, "no parameter that"),
        (lambda m, o: descend(m, X, Y, squared_error, optimizer=SGD(MLP(2, [1]).parameters()), steps=1), ValueError,
         "must move parameters of the model"),
        (lambda m, o: SGD(m.parameters()).step(), ValueError, r"no parameter has a gradient: run backward\(\) first"),
        (lambda m, o: Adam(m.parameters()).step(), ValueError, r"no parameter has a gradient: run backward\(\) first"),
    ],
}  # fmt: skip
CASES = [pytest.param(*case, id=f"{kind} {place}") for kind, cases in CALLS.items() for place, case in enumerate(cases)]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_a_mistake_is_named_before_anything_is_changed(call, error, message, capsys):
    model = MLP(2, [3, 1], rng=1)
    optimizer = Adam(model.parameters(), 0.1)
    before = [(value.data, value.grad) for value in model.parameters()]
    with pytest.raises(error, match=message):
        call(model, optimizer)
    assert [(value.data, value.grad) for value in model.parameters()] == before
    assert (optimizer.steps, optimizer.state) == (0, [[0.0] * 13, [0.0] * 13])
    assert "1/1" not in capsys.readouterr().err  # no epoch was run


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_depends_on_the_model_for_some_observations_is_trained_by(engine):
    def loss(prediction, target):
        return squared_error(prediction, target) if target else 0.0 * constant(1.0)

    model = MLP(2, [3, 1], rng=1)
    before = model.state_dict()
    fit(model, [[1.0, 2.0]] * 6, [0, 0, 0, 0, 0, 1], loss, optimizer=SGD(model.parameters(), 0.1), epochs=2,
        progress=False, engine=engine, batch_size=2)  # fmt: skip
    assert model.state_dict() != before


def test_an_optimizer_may_move_numbers_of_the_loss_beside_those_of_the_model():
    model, scale = MLP(2, [1], rng=1), Value(1.0)
    before = model.state_dict()
    fit(model, X, Y, lambda p, t: squared_error(scale * p, t), progress=False, epochs=2,
        optimizer=SGD([*model.parameters(), scale], 0.1))  # fmt: skip
    assert scale.data != 1.0
    assert model.state_dict() != before


STEPS = {
    "zero_grad() after backward()": ["backward", "zero_grad", "step"],
    "no backward()": ["zero_grad", "step"],
    "backward without ()": ["zero_grad", "no call", "step"],
    "a second step": ["zero_grad", "backward", "step", "zero_grad", "step"],
}


@pytest.mark.parametrize("of_the_model", [False, True], ids=["optimizer", "model"])
@pytest.mark.parametrize("calls", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_step_that_no_gradient_has_come_to_since_zero_grad_is_an_error(calls, compiled, of_the_model):
    model = MLP(2, [3, 1], rng=1)
    adam = Adam(model.parameters(), 0.1)
    error = compile(lambda x, y: squared_error(model(x), y), parameters=model)

    def backward():
        return error.backward(X, Y) if compiled else squared_error(model(X[0]), Y[0]).backward()

    do = {"backward": backward, "no call": lambda: backward, "step": adam.step}
    do["zero_grad"] = model.zero_grad if of_the_model else adam.zero_grad
    for call in calls[:-1]:
        do[call]()
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"since zero_grad\(\): a step takes zero_grad\(\), then backward\(\)"):
        adam.step()
    assert model.state_dict() == before
    assert all(value.grad == 0.0 for value in model.parameters())


def test_a_gradient_of_zero_is_a_gradient():
    model = MLP(2, [3, 1], rng=1)
    momentum = SGD(model.parameters(), 0.1, momentum=0.5)
    momentum.zero_grad()
    (0.0 * model([1.0, 2.0])).backward()
    momentum.step()
    assert momentum.steps == 1


def test_an_optimizer_of_a_part_that_was_made_anew_is_warned_of():
    model = MLP(2, [3, 1], rng=1)
    adam = Adam(model.parameters(), 0.1)
    model.layers[1] = MLP(3, [1], rng=2).layers[0]
    with pytest.warns(
        RuntimeWarning, match=r"does not move 4 of the 13 parameters .* but 4 others; was some of it made"
    ):
        fit(model, X, Y, squared_error, optimizer=adam, epochs=1, progress=False)
    frozen = Adam(model.layers[1].parameters(), 0.1)  # which is no mistake
    fit(model, X, Y, squared_error, optimizer=frozen, epochs=1, progress=False)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_grew_until_it_was_not_finite_says_so(engine):
    model = MLP(2, [3, 1], rng=1)
    with pytest.raises(FloatingPointError) as caught:
        fit(model, np.multiply(X, 1e3), Y, squared_error, optimizer=SGD(model.parameters(), 1e3), epochs=90,
            progress=False, engine=engine)  # fmt: skip
    assert any("take a smaller learning_rate" in note for note in caught.value.__notes__), caught.value.__notes__


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_an_error_says_at_which_observation(engine):
    model = MLP(2, [3, 1], rng=1)
    with pytest.raises(TypeError, match="number the classes") as caught:
        fit(model, X, [1.0, 0.0, "b"], squared_error, optimizer=SGD(model.parameters()), epochs=1, progress=False,
            engine=engine)  # fmt: skip
    assert caught.value.__notes__ == ["at observation 2: inputs[2] and targets[2]"]


def test_moves_that_are_not_one_for_each_parameter_are_refused():
    class Few(Optimizer):
        def moves(self, rate):
            return [rate]

    model = MLP(2, [1], rng=1)
    few = Few(model.parameters(), 0.1)
    model([1.0, 2.0]).backward()
    before = model.state_dict()
    with pytest.raises(ValueError, match="1 moves of 3 parameters"):
        few.step()
    assert (model.state_dict(), few.steps) == (before, 0)


@pytest.mark.parametrize(
    ("inputs", "targets", "note"),
    [
        ([[0.0, 1.0], [np.nan, 1.0]], [1.0, 2.0], r"inputs\[1\] is \[nan, 1.0\]: leave"),
        (np.array([[0.0, 1.0], [np.inf, 1.0]]), [1.0, 2.0], r"inputs\[1\] is array\(\[inf,  1.\]\): leave"),
        (np.ones((2, 2), np.float32), np.array([1.0, np.nan], np.float32), r"targets\[1\] is .*nan.*: leave"),
        (np.ones((2, 2)), np.array([1.0, np.nan]), r"targets\[1\] is .*nan.*: leave"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_number_that_is_missing_in_the_data_is_named(inputs, targets, note, engine):
    model = MLP(2, [1], rng=1)
    before = model.state_dict()
    with pytest.raises(FloatingPointError, match="at observation 1") as caught:
        fit(model, inputs, targets, squared_error, optimizer=SGD(model.parameters()), epochs=1, progress=False,
            engine=engine)  # fmt: skip
    assert any(re.search(note, each) for each in caught.value.__notes__)
    assert model.state_dict() == before
    assert caught.value.observation == 1
