"""What is often written and is called otherwise here: the errors say what to write."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any, NoReturn, ParamSpec, TypeVar

from autodiff import Value, trees

P = ParamSpec("P")
T = TypeVar("T")

IN_THE_OPTIMIZER = "it is the optimizer's: optimizer=AdamW(model.parameters(), learning_rate=0.01, weight_decay=0.01)"
LOSSES = {
    "squared_error": ("mse", "l2", "mean_squared_error", "mse_loss", "squared_error"),
    "absolute_error": ("mae", "l1", "mean_absolute_error", "absolute_error"),
    "binary_cross_entropy": (
        "bce", "bce_with_logits", "binary_crossentropy", "binary_cross_entropy", "log_loss", "logistic",
    ),
    "softmax_cross_entropy": (
        "ce", "crossentropy", "cross_entropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "nll",
        "softmax", "softmax_cross_entropy",
    ),
    "hinge": ("hinge", "svm"),
    "accuracy": ("accuracy", "acc"),
}  # fmt: skip
"""Our losses and metrics, by the names that they have elsewhere."""
USAGE = "fit(model, inputs, targets, loss, optimizer=Adam(model.parameters()), epochs=100)"
AN_ACTIVATION = 'it is a name: "{}" in a Sequential, or activation="{}"'
A_LOSS = "it is the function nn.{}"
TAKEN_ALONG = "a compiled function has it: autodiff.compile(model, ndim=1).to_c(inputs[0])"
IN_A_LOOP = "nn has cells, RNNCell and GRUCell, which a loop in Python runs over a sequence"
ELSEWHERE = {
    **{name: AN_ACTIVATION.format(ours, ours) for name, ours in {
        "ReLU": "relu", "LeakyReLU": "leaky_relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "GELU": "gelu", "SiLU": "silu",
        "Softplus": "softplus",
    }.items()},
    **{name: A_LOSS.format(ours) for name, ours in {
        "MSELoss": "squared_error", "L1Loss": "absolute_error", "BCEWithLogitsLoss": "binary_cross_entropy",
        "BCELoss": "binary_cross_entropy", "CrossEntropyLoss": "softmax_cross_entropy", "NLLLoss":
        "softmax_cross_entropy", "MultiMarginLoss": "hinge", "cross_entropy": "softmax_cross_entropy",
        "mse_loss": "squared_error", "mean_squared_error": "squared_error", "mean_absolute_error": "absolute_error",
        "log_loss": "binary_cross_entropy",
    }.items()},
    "Dense": "it is called Linear(inputs, outputs), and Layer(inputs, outputs, activation)",
    "Softmax": "autodiff.softmax is a function of a list; softmax_cross_entropy takes the outputs without it",
    "Parameter": "assign an autodiff.Value to an attribute of a Module",
    "ModuleList": "assign a list to an attribute: the modules in it are found",
    "ModuleDict": "assign a dict to an attribute: the modules in it are found",
    "BatchNorm1d": "a model takes one observation at a time: LayerNorm is computed over its numbers",
    "Identity": "leave the part out",
    "Flatten": "a part takes a list of numbers",
    "EarlyStopping": "fit() has patience=, and callbacks= for other reasons to stop",
    "ModelCheckpoint": "fit() has checkpoint=",
    "ReduceLROnPlateau": "a callback of fit() may set epoch.optimizer.learning_rate",
    "CosineAnnealingLR": "it is called CosineDecay(rate, steps)",
    "StepLR": "it is called StepDecay(rate, steps, factor)",
    "LSTM": IN_A_LOOP, "LSTMCell": IN_A_LOOP, "GRU": IN_A_LOOP, "RNN": IN_A_LOOP,
    "clip_grad_norm_": "it is called clip_gradients(parameters, norm=...)",
    "clip_grad_value_": "it is called clip_gradients(parameters, value=...)",
    "functional": "they are functions of autodiff, such as autodiff.relu, and losses of nn",
    "optim": "they stand in nn itself, such as nn.Adam",
    "to_c": TAKEN_ALONG, "to_python": TAKEN_ALONG, "to_javascript": TAKEN_ALONG, "to_jax": TAKEN_ALONG,
}  # fmt: skip
"""What other libraries have in their ``nn``, and what serves here."""
IN_A_MODEL = {
    "fit": f"it is a function, {USAGE}",
    "compile": "loss and optimizer are arguments of fit(); autodiff.compile(model) is the model for whole batches",
    "train": "there is nothing to switch, since dropout() is at work in fit() and model(x) alone",
    "eval": "there is nothing to switch, since predict() and without_dropout() leave nothing out",
    "forward": "write model(x)",
    "backward": "it is the loss that has it: loss(model(x), y).backward()",
    "to": 'its parameters are Python floats; autodiff.compile(model, backend="jax") runs it on other devices',
    "cuda": 'its parameters are Python floats; autodiff.compile(model, backend="jax") runs it on other devices',
    "to_c": TAKEN_ALONG,
    "to_onnx": "it is a function, nn.to_onnx(model)",
    "summary": "print(model), or look at dict(model.named_parameters())",
    "add": "Sequential(*parts) takes all parts at once",
    "predict_proba": "apply autodiff.sigmoid, or autodiff.softmax for several classes, to the predictions, or take an "
    "MLPClassifier",
}
"""What models of other libraries have, and what serves here."""
OPTIMIZERS = {"SGD": ("sgd", "gd", "momentum"), "Adam": ("adam",), "AdamW": ("adamw",)}


def instead(usage: str = "", /, **advice: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator that refuses keywords which are others here or nowhere, and calls that fit nothing, in words.

    Args:
        usage: a call as it should be, shown where arguments are missing or too many.
        **advice: for a keyword that the function has not, what there is instead: its name, or a sentence.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        expected = signature(function)
        names = [each.name for each in expected.parameters.values() if each.name != "self"]
        of_a_class = function.__name__ == "__init__"

        @wraps(function)
        def checked(*args: P.args, **options: P.kwargs) -> T:
            for given in options:
                if given not in names:
                    raise TypeError(_no_such_option(called(args), given, names, advice, usage))
            if usage:
                try:
                    expected.bind(*args, **options)
                except TypeError as error:
                    raise TypeError(f"{called(args)}() got other arguments: {error}; write {usage}") from None
            return function(*args, **options)

        def called(args: Sequence[Any]) -> str:
            """What the user called: the class that is constructed, though it has the constructor of another."""
            return type(args[0]).__name__ if of_a_class else function.__name__

        return checked

    return decorate


def _no_such_option(called: str, given: str, names: Sequence[str], advice: Mapping[str, str], usage: str) -> str:
    text = advice.get(given, "")
    if text:
        return f"{given}= is called {text}= here" if text.isidentifier() else f"no {given}= here: {text}"
    near = get_close_matches(given, names, n=1)
    allowed = f"write {usage}" if usage else f"it takes {', '.join(names)}"
    return f"{called}() takes no {given}=: {f'did you mean {near[0]!r}?' if near else allowed}"


def no_such_name(name: str, module: str = "nn") -> str:
    """What to say of a name that the module has not."""
    return f"module {module!r} has no {name}" + (f": {ELSEWHERE[name]}" if name in ELSEWHERE else "")


class Absent:
    """An attribute that others have, and none here: where nobody defines it, the error says what serves."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__} has no {self.name} here: {self.advice}")


class Renamed:
    """An attribute that other engines have: to read or set it is an error that says what it is called here."""

    def __init__(self, here: str) -> None:
        self.here = here

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{self.name} of a {owner.__name__} is called {self.here} here")

    def __set__(self, instance: object, value: object) -> NoReturn:
        self.__get__(instance, type(instance))


def check_function(what: str, given: Any, known: Mapping[str, Sequence[str]] = LOSSES) -> None:
    """Refuse a loss or a metric that is no function; a name gets the function that has it.

    Raises:
        TypeError: it is none.
    """
    if callable(given):
        return
    found = [ours for ours, names in known.items() if isinstance(given, str) and _plain(given) in names]
    example = found[0] if found else {"loss": "squared_error", "metric": "accuracy"}[what]
    raise TypeError(
        f"{what} must be a function of a prediction and a target, not {type(given).__name__} {given!r:.60}: "
        f"write {what}={example}, from nn import {example}"
    )


def check_model(model: Any, call: str) -> None:
    """Refuse what is no module with parameters.

    Raises:
        TypeError: it is none.
        ValueError: it has no parameters.
    """
    if isinstance(model, type) or not trees.is_module(model):
        what = f"the class {model.__name__}" if isinstance(model, type) else f"{type(model).__name__} {model!r:.60}"
        raise TypeError(f"the model must be a Module of nn, and come first, not {what}: write {call}")
    first = next((value for _, value in model.named_parameters()), None)
    if first is None:
        raise ValueError(
            f"the model {model!r:.60} has no parameters to train: assign Values, or modules, to its attributes"
        )
    if not isinstance(first, Value):
        raise TypeError(
            f"the parameters of the model must be Values of autodiff, not {type(first).__name__}: "
            "the model is one of another library"
        )


def check_optimizer(optimizer: Any, model: Any, parameters: Sequence[Value]) -> None:
    """Refuse what takes no steps, and what would move nothing of the model; warn of what moves a part of an older one.

    Raises:
        TypeError: it is no optimizer.
        ValueError: it shares no parameter with the model.
    """
    name = optimizer.__name__ if isinstance(optimizer, type) else optimizer
    found = [ours for ours, names in OPTIMIZERS.items() if isinstance(name, str) and _plain(name) in names]
    example = f"{found[0] if found else 'Adam'}(model.parameters(), learning_rate=0.01)"
    if isinstance(optimizer, type) or not all(
        callable(getattr(optimizer, each, None)) for each in ("zero_grad", "step")
    ):
        what = f"the class {name}" if isinstance(optimizer, type) else f"{type(optimizer).__name__} {optimizer!r:.60}"
        raise TypeError(f"the optimizer must be an object with zero_grad() and step(), not {what}: write {example}")
    moved = moved_by(optimizer)
    if moved is None:
        return
    missed, strange = [each for each in parameters if each not in moved], moved.difference(parameters)
    if len(missed) == len(parameters):
        raise ValueError(
            f"the optimizer moves no parameter of the model {model!r:.60}, but {len(moved)} others; was the model, or "
            f"a part of it, made anew after the optimizer? Write {example}"
        )
    if missed and strange:
        warnings.warn(
            f"the optimizer does not move {len(missed)} of the {len(parameters)} parameters of the model "
            f"{model!r:.60}, but {len(strange)} others; was some of it made anew after the optimizer? Write {example}",
            RuntimeWarning,
            stacklevel=4,
        )


def moved_besides(optimizer: Any, parameters: Sequence[Value]) -> list[Value]:
    """What the optimizer moves besides these parameters of a model, such as numbers of the loss, in its order."""
    moved, known = moved_by(optimizer) or set(), {*parameters}
    return [each for each in getattr(optimizer, "parameters", ()) if each in moved - known] if moved else []


def moved_by(optimizer: Any) -> set[Value] | None:
    """The parameters that the optimizer moves, as far as it says which."""
    given = getattr(optimizer, "parameters", None)
    if not isinstance(given, (list, tuple, set)):
        return None
    return {each for each in given if isinstance(each, Value)}


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_").removesuffix("_loss").removesuffix("loss") or name.lower()
