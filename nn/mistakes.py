"""What is often written and is called otherwise here: the errors say what to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from inspect import signature
from typing import Any, NoReturn, ParamSpec, TypeVar

from autodiff import Value, trees

P = ParamSpec("P")
T = TypeVar("T")

IN_THE_OPTIMIZER = "the learning rate is the optimizer's: optimizer=Adam(model.parameters(), learning_rate=0.01)"
NO_DECAY = "add it to the loss, such as decay * total(p * p for p in model.parameters()), or write a rule() of your own"
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
OPTIMIZERS = {"SGD": ("sgd", "gd", "momentum"), "Adam": ("adam", "adamw")}


def instead(usage: str = "", /, **advice: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator that refuses keywords which are others here, and calls that fit nothing, and says what to write.

    Args:
        usage: a call as it should be, shown where arguments are missing or too many.
        **advice: for a keyword that the function has not, what there is instead: its name, or a sentence.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        expected = signature(function)

        @wraps(function)
        def checked(*args: P.args, **options: P.kwargs) -> T:
            for name in advice.keys() & options.keys() if options else ():
                text = advice[name]
                raise TypeError(
                    f"{name}= is called {text}= here" if text.isidentifier() else f"no {name}= here: {text}"
                )
            if usage:
                try:
                    expected.bind(*args, **options)
                except TypeError as error:
                    raise TypeError(f"{function.__name__}() got other arguments: {error}; write {usage}") from None
            return function(*args, **options)

        return checked

    return decorate


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
    first = next(_values(model), None)
    if first is None:
        raise ValueError(
            f"the model {model!r:.60} has no parameters to train: assign Values, or modules, to its attributes"
        )
    if not isinstance(first, Value):
        raise TypeError(
            f"the parameters of the model must be Values of autodiff, not {type(first).__name__}: "
            "the model is one of another library"
        )


def check_optimizer(optimizer: Any, model: Any) -> None:
    """Refuse what takes no steps, and what would move nothing of the model.

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
    if moved is not None and not any(each in moved for each in _values(model)):
        raise ValueError(
            f"the optimizer moves no parameter of the model {model!r:.60}, but {len(moved)} others; was the model, or "
            f"a part of it, made anew after the optimizer? Write {example}"
        )


def moved_by(optimizer: Any) -> set[Value] | None:
    """The parameters that the optimizer moves, as far as it says which."""
    given = getattr(optimizer, "parameters", None)
    if not isinstance(given, (list, tuple, set)):
        return None
    return {each for each in given if isinstance(each, Value)}


def _values(model: Any) -> Iterator[Any]:
    """The parameters, as they are met: the first is mostly enough, and a walk over thousands takes its time."""
    return (value for _, value in model.named_parameters())


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_").removesuffix("_loss").removesuffix("loss") or name.lower()
