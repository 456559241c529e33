"""The training loop: batches, progress, early stopping, and a halt at the first number that is not finite."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from nn.checkpoints import Checkpoint, Progress, digest, function_name
from nn.clipping import Clipping
from nn.datasets import Data, taken
from nn.eager_engine import Batches, Task
from nn.engines import engine_for
from nn.epoch_metrics import Callback, Epoch, EpochMetrics, Metric, called, check_callbacks
from nn.losses import Loss, is_vector
from nn.mistakes import (
    IN_THE_OPTIMIZER,
    USAGE,
    Renamed,
    check_function,
    check_model,
    check_optimizer,
    instead,
)
from nn.module import Module, assign, numbers
from nn.observations import observations
from nn.optimizers import OptimizerLike
from nn.seeding import Seed, generator


@dataclass(frozen=True)
class History:
    """What a training run saw, epoch by epoch.

    The loss of an epoch is the mean over its observations, each taken when its batch was run, before the step.
    """

    losses: list[float]
    metrics: list[float]
    validation_losses: list[float]
    validation_metrics: list[float]
    metric_name: str
    loss, history, val_loss = Renamed("losses"), Renamed("losses"), Renamed("validation_losses")
    best_epoch: int
    """The epoch, counted from 1, with the least validation loss, or training loss if there is no validation."""
    stopped_early: bool
    """Whether ``patience`` or a callback ended it."""
    engine: str = "eager"
    """Which engine ran: ``"compiled"`` or ``"eager"``."""
    engine_reason: str = ""
    """Why it was the eager one although another was wished for."""

    @property
    def epochs(self) -> int:
        """How many epochs were run."""
        return len(self.losses)

    def __repr__(self) -> str:
        stop = " (stopped early)" if self.stopped_early else ""
        engine = f"{self.engine}, since {self.engine_reason:.100}" if self.engine_reason else self.engine
        return f"History({self.epochs} epochs{stop}, loss {self.losses[0]:.4g} → {self.losses[-1]:.4g}, {engine})"


@instead(
    USAGE, lr=IN_THE_OPTIMIZER, learning_rate=IN_THE_OPTIMIZER, weight_decay=IN_THE_OPTIMIZER, verbose="progress",
    seed="rng", random_state="rng", validation_data="validation", validation_split="validation", criterion="loss",
    loss_fn="loss", metrics="metric", X="inputs", x="inputs", y="targets", labels="targets", steps="epochs",
    max_iter="epochs", n_epochs="epochs", num_epochs="epochs", early_stopping="patience", max_norm="clip_norm",
    shuffle="batches are shuffled in every epoch, where batch_size= is given",
    callback="callbacks", clipnorm="clip_norm", clipvalue="clip_value", checkpoint_path="checkpoint",
    resume="checkpoint= goes on from its file, if there is one",
)  # fmt: skip
def fit(
    model: Module,
    inputs: Data,
    targets: Data,
    loss: Loss,
    *,
    optimizer: OptimizerLike,
    epochs: int,
    batch_size: int | None = None,
    metric: Metric | None = None,
    validation: tuple[Data, Data] | float | None = None,
    patience: int | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
    rng: Seed = None,
    progress: bool = True,
    engine: str = "auto",
    executor: Any = None,
) -> History:
    """Train the model: for each batch, the mean loss, its gradient, one step of the optimizer.

    Ctrl-C, and whatever else ends it, comes between two steps: model and optimizer are left as one of them left them.

    Args:
        model: called with one observation at a time.
        inputs: (observations, features): an array, also of a file or another library; a table of pandas; a list of
            rows. Observations are taken by their place; labels of rows do not matter.
        targets: (observations,), as the inputs. Classes may be ints, floats or bools.
        loss: the error of one observation, ``loss(prediction, target)``. One that draws random numbers by itself is run
            eagerly, so that it draws anew in every call. What :func:`dropout` leaves out is drawn for compiled losses,
            and is the same in every engine.
        optimizer: its ``step()`` moves the model's parameters.
        epochs: how often the data set is gone through, at most.
        batch_size: how many observations a step is taken for; they are then shuffled in every epoch.
            None takes all of them, in order.
        metric: a number to report beside the loss, ``metric(prediction, target)``; it may be another loss.
        validation: inputs and targets on which loss and metric are computed after each epoch, without dropout; or a
            part of the observations, such as 0.2, which is drawn at random and held out.
        patience: stop after this many epochs without a new lowest loss (of the validation, else of the training)
            and go back to the parameters with the lowest. None never stops early.
        clip_norm, clip_value: the greatest norm of the gradient of a step, or the greatest absolute value of each of
            its parts; see :func:`clip_gradients`.
        callbacks: functions that are called with an :class:`Epoch` after each epoch, in order. They may change the
            optimizer's options and the parameters; where one returns True, the training ends.
        checkpoint: a file to which all that the training goes on from is written after an epoch. If there is such a
            file, it goes on from there, up to ``epochs`` in all, and its end has the same bits as that of a training
            which never broke off, as far as all that draws does it by ``rng`` or by random generators in attributes of
            the model's modules. What callbacks remember is theirs to save.
        checkpoint_every: after how many epochs the file is written; it always is at the end.
        rng: seed or generator of the shuffling, and of what is held out; None is the seed 0.
        progress: show a progress bar with loss and metric.
        engine: ``"eager"`` records a graph for each observation. ``"compiled"`` compiles the loss, and the steps too
            if the optimizer has a rule: far faster, and the same model except for rounding, since the sum over a batch
            is taken in another order. ``"auto"`` is compiled where the loss can be, else eager, and says why.

            Compiled steps leave the ``grad`` of the parameters alone, and give the parameters their numbers only
            between epochs. A schedule is asked for the rates of many steps in advance. A number near the loss,
            outside of the model, is seen by the next batch when it changes; a change further away is an error. Where
            the metric or the schedule refers to the parameters, as far as ``compile`` finds that, the optimizer takes
            its steps itself.
        executor: a ``concurrent.futures.Executor`` whose workers compute the gradients of large batches, as for
            ``value_and_grad`` of a compiled function; the model has the same bits for any number of workers. The
            optimizer takes its steps here. Metric and validation are computed here, too.

    Returns:
        The losses and metrics of all epochs.

    Raises:
        TypeError: the loss does not return a ``Value``, or something else is given than is asked for here; the message
            says what to write.
        ValueError: no observations, not one target for each, or an option out of range; an optimizer that moves no
            parameter of the model, or a loss that depends on none that it moves; a checkpoint of another training.
            Nothing was changed.
        OSError: the checkpoint can be neither read nor written.
        NonFiniteLossError: a loss is nan or infinite. The parameters are then those of the last finite loss.
        FloatingPointError: a gradient is not finite; the parameters are left as they were.
        StaleProgramError: an audit of a compiled loss found that it is another one than at the start.
        ExecutorError: the executor or its workers cannot go on. The steps before it are kept.
        Exception: model, loss, metric, optimizer or schedule raised it. The steps before it are kept.

    >>> from nn import MLP, SGD, squared_error
    >>> line = MLP(1, [1])
    >>> fit(line, [[0.0], [1.0]], [1.0, 3.0], squared_error, progress=False,
    ...     optimizer=SGD(line.parameters(), learning_rate=0.5), epochs=50).epochs
    50
    >>> print(f"{line([2.0]):.2f}")
    5.00
    """
    check_model(model, USAGE)
    check_function("loss", loss)
    if metric is not None:
        check_function("metric", metric)
    parameters = model.parameters()
    check_optimizer(optimizer, model, parameters)
    _check_options(executor, epochs=epochs, batch_size=batch_size, patience=patience, checkpoint_every=checkpoint_every)
    check_callbacks(callbacks)
    inputs, targets = _data(inputs, targets, "training")
    clipping = None if clip_norm is None and clip_value is None else Clipping(clip_norm, clip_value, "clip_")
    random = generator(rng)
    (inputs, targets), held_out = _shared_out(inputs, targets, validation, random)
    seen, checked = EpochMetrics(loss, metric), EpochMetrics(loss, metric, "validation ")
    means = (seen.losses, seen.metrics, checked.losses, checked.metrics)
    task = Task(model, parameters, loss, metric, optimizer, inputs, targets, held_out, seen, checked, executor,
                clipping)  # fmt: skip
    now, file = Progress(best_numbers=numbers(parameters)), None
    if checkpoint is not None:
        begun = {
            "training data": digest(inputs, targets), "validation data": digest(*held_out), "loss": function_name(loss),
            "metric": function_name(metric), "batch_size": batch_size, "clip_norm": clip_norm, "clip_value": clip_value,
            "engine": engine,
        }  # fmt: skip
        file = Checkpoint(checkpoint, model, optimizer, random, means, begun)
        if file.exists():
            now = file.load(epochs)
    run, reason = engine_for(task, engine)
    if file is not None:
        file.restore_generators()
    try:
        with tqdm(
            total=epochs, initial=now.epochs, desc=f"training, {run.name}", unit="epoch", disable=not progress
        ) as bar:
            while now.epochs < epochs and not now.stopped:
                start = run.numbers()
                run.train(_batches(len(inputs), batch_size, random), now.epochs + 1)
                if validation is not None:
                    run.validate(now.epochs + 1)
                bar.set_postfix(seen.shown() | checked.shown(), refresh=False)
                bar.update()
                # The training loss was measured during the epoch, beginning with the parameters at its start.
                losses, there = (checked.losses, run.numbers()) if checked.losses else (seen.losses, start)
                now.note(losses[-1], there, patience)
                with run.handed_over() if callbacks or file else nullcontext():
                    last = Epoch(now.epochs, *seen.last, *checked.last, model, optimizer)
                    now.stopped |= called(callbacks, last)
                    if file and (now.stopped or now.epochs == epochs or now.epochs % checkpoint_every == 0):
                        file.save(now)
    finally:
        run.finish()
    if patience is not None:
        assign(parameters, now.best_numbers)
    return History(*means, seen.metric_name, now.best_epoch, now.stopped, run.name, reason)


def accuracy(prediction: Any, target: Any) -> float:
    """1.0 if the prediction means the target's class, else 0.0: a metric whose mean is the accuracy.

    Args:
        prediction: a logit or score, whose sign is the class; or (classes,) of them, the greatest of which is.
        target: 0 or −1 and 1 for a single logit; else the index of the class.

    Raises:
        ValueError: there is no such class.

    >>> accuracy(-0.3, 0), accuracy(-0.3, 1), accuracy([0.1, 2.0, 0.3], 1)
    (1.0, 0.0, 1.0)
    """
    classes = range(len(prediction)) if is_vector(prediction) else (-1, 0, 1)
    if target not in classes:
        raise ValueError(f"the target must be one of {[*classes]!s:.60}, not {target!r:.60}")
    if is_vector(prediction):
        return float(max(range(len(prediction)), key=prediction.__getitem__) == target)
    return float((prediction > 0) == (target > 0))


def _check_options(executor: Any, **counts: int | None) -> None:
    if executor is not None and not callable(getattr(executor, "submit", None)):
        given = f"{type(executor).__name__} {executor!r:.60}"
        raise TypeError(f"executor must be a concurrent.futures.Executor, not {given}")
    for name, number in counts.items():
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {number!r}")


def _data(inputs: Any, targets: Any, what: str) -> tuple[Data, Data]:
    inputs, targets = observations(inputs, f"{what} inputs"), observations(targets, f"{what} targets")
    if len(inputs) != len(targets):
        raise ValueError(
            f"one target for each observation is needed: the {what} data has {len(inputs)} inputs "
            f"and {len(targets)} targets"
        )
    if not len(inputs):
        raise ValueError(f"the {what} data is empty: at least one observation is needed")
    return inputs, targets


def _shared_out(
    inputs: Data, targets: Data, validation: tuple[Data, Data] | float | None, random: np.random.Generator
) -> tuple[tuple[Data, Data], tuple[Data, Data]]:
    """What is trained on, and what is held out."""
    if validation is None:
        return (inputs, targets), ([], [])
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        return (inputs, targets), _data(*validation, "validation")
    if not isinstance(validation, (int, float, np.floating)):
        raise TypeError(
            f"validation must be a pair, (inputs, targets), or a part of the observations, such as 0.2, not "
            f"{type(validation).__name__} {validation!r:.60}"
        )
    count = round(validation * len(targets)) if 0 < validation < 1 else 0
    if not 0 < count < len(targets):
        raise ValueError(
            f"validation must be a part of the {len(targets)} observations between 0 and 1 that leaves some for "
            f"training and validation, not {validation!r}"
        )
    order = random.permutation(len(targets))
    rest, held_out = np.sort(order[count:]), np.sort(order[:count])
    return (taken(inputs, rest), taken(targets, rest)), (taken(inputs, held_out), taken(targets, held_out))


def _batches(observations: int, batch_size: int | None, random: np.random.Generator) -> Batches:
    if batch_size is None:
        return [np.arange(observations)]
    order = random.permutation(observations)
    return [order[start : start + batch_size] for start in range(0, observations, batch_size)]
