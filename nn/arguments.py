"""What parts of networks are given: counts, activations, and the inputs of one observation as nodes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autodiff import Operation, constant, lookup
from nn.losses import is_vector
from nn.observations import row

ActivationLike: TypeAlias = str | Callable[[Any], Any]
"""The name of an operation of one operand, or a function of a ``Value``."""
Inputs: TypeAlias = Sequence[Any] | NDArray[Any]


def activation_of(activation: ActivationLike) -> Callable[[Any], Any] | None:
    """The function of that name; None for "linear", which adds no node.

    Raises:
        TypeError: it is neither a str nor callable.
        ValueError: it is unknown, or has not one operand.
    """
    if isinstance(activation, str):
        if activation == "linear":
            return None
        activation = lookup(activation)
    if not callable(activation):
        raise TypeError(
            f"an activation must be a name or a function, not {type(activation).__name__} {activation!r:.60}"
        )
    if isinstance(activation, Operation):
        needed = None if activation.arity is None else activation.arity - len(activation.defaults)
        if needed != 1:
            raise ValueError(
                f"an activation must be an operation of one operand, and {activation.name!r} takes "
                f"{'any number' if needed is None else needed}"
            )
    return activation


def name_of(activation: Callable[[Any], Any] | None) -> str:
    """What the activation is called where a part is printed."""
    if activation is None:
        return "linear"
    return activation.name if isinstance(activation, Operation) else getattr(activation, "__name__", repr(activation))


def counted(what: str, number: Any) -> int:
    """The number as an int, at least 1.

    Raises:
        TypeError: it is no int.
        ValueError: it is less.
    """
    try:
        count = operator.index(number)
    except TypeError:
        raise TypeError(f"{what} must be an int, not {type(number).__name__} {number!r:.60}") from None
    if count < 1:
        raise ValueError(f"{what} must be at least 1, not {count}")
    return count


def check_one_list(model: object, others: tuple[Any, ...]) -> None:
    """Refuse inputs that are several arguments.

    Raises:
        TypeError: there are others beside the first.
    """
    if others:
        raise TypeError(
            f"{type(model).__name__} takes one observation as ONE list, model([x1, x2, …]), not as "
            f"{1 + len(others)} arguments; write model.predict(X) for many observations"
        )


def check_number(given: Sequence[Any], expected: int) -> None:
    """Refuse another number of inputs than the expected one.

    Raises:
        TypeError: they are several observations.
        ValueError: they are too many or too few.
    """
    if len(given) == expected:
        return
    if any(map(is_vector, given)):
        raise TypeError(_is_matrix(given))
    raise ValueError(f"{expected} input{'s' * (expected != 1)} expected, {len(given)} given")


def nodes(inputs: Inputs, expected: int) -> tuple[Any, ...]:
    """The inputs as nodes; a plain number becomes ONE constant, which all neurons of the layer share.

    Raises:
        TypeError: they are not a sequence of real numbers.
        ValueError: they are too many or too few.
    """
    given = row(inputs)
    given = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(given, Sequence) or isinstance(given, str):
        needed = f"{expected} number{'s' * (expected != 1)}"
        raise TypeError(
            f"a sequence of {needed} is needed, not {type(inputs).__name__} {inputs!r:.60}; the inputs of a data set "
            f"have the shape (observations, {expected}){', as X.reshape(-1, 1) has' * (expected == 1)}"
        )
    check_number(given, expected)
    try:
        return tuple([x if hasattr(type(x), "__autodiff__") else constant(x) for x in given])
    except TypeError:
        if any(map(is_vector, given)):
            raise TypeError(_is_matrix(given)) from None
        raise


def _is_matrix(given: Sequence[Any]) -> str:
    return (
        f"a model takes one observation, and {len(given)} were given: write model.predict(X) for their predictions as "
        "an array, or [model(x) for x in X] for Values"
    )
