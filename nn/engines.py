"""Which engine trains a model: the eager one, or one that runs its loss compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autodiff
from autodiff import Value
from nn.eager_engine import EagerEngine, Task
from nn.epoch_metrics import check_scalar, note
from nn.gradient_engine import GradientEngine
from nn.mistakes import moved_by
from nn.optimizers import Optimizer
from nn.rule_engine import RuleEngine, asked_between_steps


def engine_for(task: Task, wanted: str) -> tuple[EagerEngine, str]:
    """The engine that trains, and why it is the eager one if another was wished for.

    Args:
        task: what is to be trained.
        wanted: ``"auto"``, ``"compiled"`` or ``"eager"``; with an executor, ``"auto"`` is compiled.

    Raises:
        ValueError: it is none of these, or eager with an executor; or the loss depends on no parameter that is moved.
        TypeError: the loss returns no ``Value``.
        Exception: ``"compiled"`` is wanted, and the loss cannot be compiled; it says why.
    """
    if wanted not in ("auto", "compiled", "eager"):
        raise ValueError(f"engine must be 'auto', 'compiled' or 'eager', not {wanted!r}")
    if wanted == "eager" and task.executor is not None:
        raise ValueError("an executor runs compiled losses alone: engine must be 'auto' or 'compiled', not 'eager'")
    _check_depends(task)
    if wanted == "eager":
        return EagerEngine(task), ""
    if task.executor is not None:
        return GradientEngine(task), ""
    try:
        optimizer = task.optimizer
        if isinstance(optimizer, Optimizer) and _goes_by_its_rule(optimizer, task):
            return RuleEngine(task, optimizer), ""
        return GradientEngine(task), ""
    except Exception as error:  # whatever a model or loss may raise: run eagerly, it says so itself if it is wrong
        if wanted == "compiled":
            raise
        return EagerEngine(task), f"{type(error).__name__}: {error}".split("\n")[0]


def _check_depends(task: Task) -> None:
    """Refuse a loss that no step could lower; mostly one observation tells."""
    moved = moved_by(task.optimizer)
    parameters = {*task.parameters} if moved is None else moved
    error = None
    for index, (x, target) in enumerate(zip(task.inputs, task.targets)):
        try:
            error = task.loss(task.model(x), target)
        except Exception as raised:
            note(raised, index)
            raise
        if isinstance(error, Value) and _depends(error, parameters):
            return
    check_scalar(error)
    raise ValueError(
        "the loss depends on no parameter that the optimizer moves, for none of the observations: was it computed from "
        "predictions cut off by .data, float(), detach() or numpy, or not from the prediction at all? Write it with "
        "arithmetic and functions of autodiff"
    )


def _depends(error: Value, parameters: set[Value]) -> bool:
    """Whether one of the parameters is among what the error was computed from: the first that is met will do."""
    stack, seen = [error], {error}
    while stack:
        node = stack.pop()
        if node in parameters:
            return True
        new = [parent for parent in node.parents if parent not in seen]
        seen.update(new)
        stack += new
    return False


def _goes_by_its_rule(optimizer: Optimizer, task: Task) -> bool:
    """Whether its steps are those of its rule, and nothing that is called between them refers to the parameters."""
    parameters = task.parameters
    return (
        optimizer.has_rule
        and [*map(id, optimizer.parameters)] == [*map(id, parameters)]
        and not any(_refers_to(each, parameters) for each in asked_between_steps(task.metric, optimizer))
    )


def _refers_to(function: Callable[..., Any], parameters: Sequence[Value]) -> bool:
    return not {*autodiff.compile(function).parameters}.isdisjoint(parameters)
