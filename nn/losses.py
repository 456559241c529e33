"""Losses: the error of ONE observation in plain scalars, and their sum or mean over a data set.

All work on ``Value``s, on which they record their graph, and on plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from autodiff import Value, absolute, log_sum_exp, mean, relu, select, softplus, total

Loss: TypeAlias = Callable[[Any, Any], Any]
"""A function ``(prediction, target) -> scalar`` of one observation."""


def absolute_error(prediction: Any, observation: Any) -> Any:
    """|observation − prediction|, summed over the components of a vector.

    Args:
        prediction: scalar, or (outputs,).
        observation: the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> absolute_error(2.5, 2.0), absolute_error([1.0, 2.0], [0.0, 4.0])
    (0.5, 3.0)
    """
    return _sum_of_components(lambda predicted, observed: absolute(observed - predicted), prediction, observation)


def squared_error(prediction: Any, observation: Any) -> Any:
    """(observation − prediction)², summed over the components of a vector.

    Args:
        prediction: scalar, or (outputs,).
        observation: the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> squared_error(2.5, 2.0), squared_error([1.0, 2.0], [0.0, 4.0])
    (0.25, 5.0)
    """
    return _sum_of_components(lambda predicted, observed: (observed - predicted) ** 2, prediction, observation)


def hinge(score: Any, label: Any) -> Any:
    """max(0, 1 − label · score): 0 where the score is on the right side by a margin of 1 (Cortes and Vapnik 1995).

    Args:
        score: scalar.
        label: −1 or 1.

    Raises:
        ValueError: the label is another number.

    >>> hinge(0.25, 1), hinge(0.25, -1), hinge(3.0, 1)
    (0.75, 1.25, 0.0)
    """
    _check_scalar(score, "score")
    _check_order(score, label, "hinge(score, label)")
    label = _checked(label, "label of the hinge loss")
    if abs(label) != 1:
        raise ValueError(
            f"a label of the hinge loss must be -1 or 1, not {label} (for 0 and 1, or False and True, pass "
            "2 * label - 1)"
        )
    return relu(1 - label * score)


def binary_cross_entropy(logit: Any, target: Any) -> Any:
    """−log of the probability that the logit gives to the target, without overflow or cancellation.

    The probability of class 1 is sigmoid(logit), and −log sigmoid(z) = softplus(−z)
    (Goodfellow, Bengio and Courville 2016, "Deep Learning", section 6.2.2.2).

    Args:
        logit: scalar.
        target: the class, 0 or 1, or a probability between them.

    Raises:
        ValueError: the target is not between 0 and 1.

    >>> f"{binary_cross_entropy(0.0, 1):.4f} {binary_cross_entropy(1000.0, 0):.1f} {binary_cross_entropy(50.0, 1):.3e}"
    '0.6931 1000.0 1.929e-22'
    """
    _check_scalar(logit, "logit")
    _check_order(logit, target, "binary_cross_entropy(logit, target)")
    target = _checked(target, "target of the binary cross-entropy")
    if not 0 <= target <= 1:
        raise ValueError(
            f"a target of the binary cross-entropy must be between 0 and 1, not {target} (for -1 and 1, pass "
            "(target + 1) / 2; for more than two classes, use softmax_cross_entropy)"
        )
    return target * softplus(-logit) + (1 - target) * softplus(logit)


def softmax_cross_entropy(logits: Sequence[Any], label: float) -> Any:
    """−log of the probability that softmax(logits) gives to the class, without overflow.

    It is log Σ exp(logits) − logits[label] (Goodfellow, Bengio and Courville 2016, section 6.2.2.3).

    Args:
        logits: (classes,).
        label: the index of the class, from 0: a whole number of whatever type, as tables have 1.0 for 1.

    Raises:
        TypeError: the label is no number, or the logits are not a list of them.
        ValueError: the label is no index of the logits, or there is one logit, whose class is certain.

    >>> f"{softmax_cross_entropy([0.0, 0.0], 1):.4f} {softmax_cross_entropy([1000.0, 0.0], 1):.1f}"
    '0.6931 1000.0'
    """
    if not is_vector(logits) or len(logits) == 1:
        raise (ValueError if is_vector(logits) else TypeError)(
            f"logits must be a list of numbers, one for each class, not {logits!s:.60}: let the last layer have a "
            "neuron for each class, or use binary_cross_entropy for two classes and one neuron"
        )
    label = _checked(label, "label of the softmax cross-entropy")
    if isinstance(label, Value):  # the label is an input of a compiled function
        return log_sum_exp(logits) - select(logits, label)
    if label not in range(len(logits)):
        raise ValueError(
            f"the label {label} is no index of {len(logits)} logits (from 0 to {len(logits) - 1}): number the classes "
            "from 0, and let the last layer have a neuron for each"
        )
    return log_sum_exp(logits) - logits[int(label)]


def sum_over(loss: Loss, predictions: Iterable[Any], targets: Iterable[Any]) -> Any:
    """The sum of the errors of all observations, as one node.

    Args:
        loss: the error of one observation.
        predictions: (observations,), such as ``map(model, inputs)``.
        targets: (observations,).

    Raises:
        ValueError: there are no observations, or not one target for each prediction.

    >>> sum_over(squared_error, [1.0, 2.0], [0.0, 4.0])
    5.0
    """
    return total(_errors(loss, predictions, targets))


def mean_over(loss: Loss, predictions: Iterable[Any], targets: Iterable[Any]) -> Any:
    """The mean of the errors of all observations; arguments and errors as :func:`sum_over`.

    >>> mean_over(squared_error, [1.0, 2.0], [0.0, 4.0])
    2.5
    """
    return mean(_errors(loss, predictions, targets))


def _errors(loss: Loss, predictions: Iterable[Any], targets: Iterable[Any]) -> list[Any]:
    predictions, targets = list(predictions), list(targets)
    if len(predictions) != len(targets):
        raise ValueError(f"one target for each prediction is needed: {len(predictions)} and {len(targets)} were given")
    if not predictions:
        raise ValueError("the data set is empty: at least one observation is needed")
    return [loss(prediction, target) for prediction, target in zip(predictions, targets)]


def _sum_of_components(error: Loss, prediction: Any, observation: Any) -> Any:
    lengths = [len(x) if is_vector(x) else None for x in (prediction, observation)]
    if lengths[0] != lengths[1]:
        shapes = ["a scalar" if length is None else f"{length} numbers" for length in lengths]
        advice = _ONE_COLUMN if lengths == [None, 1] else _ONE_NUMBER if lengths == [1, None] else ""
        advice = advice or ": is the last layer of as many neurons as a target has numbers?"
        raise ValueError(
            f"prediction and observation must have the same shape, not {shapes[0]} and {shapes[1]}{advice}"
        )
    if lengths[0] is None:
        return error(prediction, _checked(observation, "observation"))
    return total(map(error, prediction, observation))


def _check_scalar(x: object, name: str) -> None:
    if is_vector(x):
        raise TypeError(f"a {name} must be one number, not {len(x)}: is the last layer of one neuron?")  # type: ignore[arg-type]


def _check_order(prediction: object, target: object, call: str) -> None:
    """Refuse a plain number and what was computed in its place, as in libraries where the target comes first."""
    if isinstance(target, Value) and target.parents and not isinstance(prediction, Value):
        raise TypeError(
            f"the prediction comes first, {call}, and here it is {type(prediction).__name__} {prediction!r:.60}, "
            f"the target a Value that was computed by {target.op.name!r}: were they swapped?"
        )


def _checked(label: Any, name: str) -> Any:
    """The label, if it is one number. NumPy's becomes Python's, which is faster and does not wrap around."""
    if is_vector(label):
        advice = _ONE_COLUMN if len(label) == 1 else _ONE_HOT
        raise TypeError(f"a {name} must be one number, not {len(label)}{advice}")
    if isinstance(label, (str, bytes)):
        raise TypeError(
            f"a {name} must be a number, not {type(label).__name__} {label!r:.60}: number the classes, such as by "
            "names = sorted(set(targets)); targets = [names.index(name) for name in targets]"
        )
    return label.item() if isinstance(label, (np.generic, np.ndarray)) else label


_ONE_COLUMN = (
    ": of targets of the shape (observations, 1), pass the only column, targets[:, 0], or of a table targets.iloc[:, 0]"
)
_ONE_HOT = ": of a row for each observation, with a 1 in the place of its class, pass targets.argmax(axis=1)"
_ONE_NUMBER = ": return the only number of the prediction, prediction[0]"


def is_vector(x: object) -> bool:
    """Whether it is a sequence of numbers, not a scalar."""
    if isinstance(x, np.ndarray):
        return x.ndim > 0
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))
