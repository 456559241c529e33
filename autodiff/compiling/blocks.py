"""Batches in blocks: an iterable of tuples of arguments, for data that does not fit into memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from autodiff.compiling.batches import Gradient
from autodiff.compiling.calls import Call
from autodiff.compiling.parameters import Parameters
from autodiff.non_finite import NonFiniteError
from autodiff.value import Value

Run = Callable[[Sequence[Any]], tuple[Call, float, Gradient]]
"""Runs a block, and gives the sum of the values and its gradient."""


def are_blocks(arguments: Sequence[Any]) -> bool:
    """Whether the arguments are a single iterable that is no array, list, tuple, dict or text.

    >>> are_blocks([iter([([1.0],)])]), are_blocks([[1.0]]), are_blocks([np.ones(3)]), are_blocks([2.0])
    (True, False, False, False)
    """
    if len(arguments) != 1 or hasattr(arguments[0], "__getitem__"):
        return False
    return isinstance(arguments[0], Iterable) and not isinstance(arguments[0], Value)


def over_blocks(blocks: Iterable[Any], mean: bool, run: Run) -> tuple[float, Gradient, Parameters]:
    """The sum or mean over all blocks, its gradient, and the parameters that it is of. Blocks are added in their order.

    Raises:
        TypeError: a block is no tuple of arguments.
        ValueError: there are no blocks, a block is no batch, or the parameters are replaced while they are run.
        NonFiniteError: the sum overflows; or as ``run``, with a note that says which block it is.
    """
    total, count, parameters = 0.0, 0, None
    of_parameters, used = np.zeros(0), np.zeros(0, bool)
    for number, block in enumerate(blocks):
        if not isinstance(block, (tuple, list)):
            raise TypeError(
                f"a block must be a tuple of the arguments, such as (X, Y) or (X,), with some observations of each; "
                f"block {number} is a {type(block).__name__} {block!r:.60}"
            )
        try:
            (programs, _, observations, is_batch), value, gradient = run(block)
        except NonFiniteError as error:
            error.add_note(f"  in block {number}, whose first observation is number {count} of all")
            raise
        if not is_batch:
            raise ValueError(f"block {number} is one observation: a block must have some along the first axis")
        if parameters not in (None, programs.parameters):
            raise ValueError(f"the function refers to other parameters in block {number} than before")
        parameters = programs.parameters
        total, count = total + value, count + observations
        size = len(gradient.parameters)
        of_parameters, used = _longer(of_parameters, size), _longer(used, size)
        with np.errstate(over="ignore", invalid="ignore"):
            of_parameters += gradient.parameters
        used |= True if gradient.used is None else gradient.used
    if parameters is None:
        raise ValueError(
            "there are no blocks: at least one is needed. A generator can be gone through once; make a new one for "
            "each call"
        )
    if not (isfinite(total) and np.isfinite(of_parameters).all()):
        raise NonFiniteError("the sum over the blocks overflows, although that of each block is finite")
    if mean:
        total, of_parameters = total / count, of_parameters / count
    return total, Gradient(np.empty(0), of_parameters, None, used, total), parameters


def _longer(array: Any, size: int) -> Any:
    """With zeros for the parameters that a later block has met."""
    return np.concatenate([array, np.zeros(size - len(array), array.dtype)])
