"""Pictures of a training run and of what a model has learned; they need matplotlib.

The colours are Okabe and Ito's (2008, "Color Universal Design"), which colour-blind people can tell
apart; classes also differ in their markers and lines in their dashes, so that a grey print is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nn.datasets import Dataset
from nn.losses import is_vector
from nn.training import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")


def plot_loss(history: History, *, title: str = "Training", log: bool = False) -> Figure:
    """The loss of each epoch, and under it the metric if one was recorded.

    Args:
        history: what ``fit`` returned.
        title: of the picture.
        log: draw the loss on a logarithmic axis.

    Returns:
        A figure that no window holds; ``figure.savefig("loss.png")`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history has no epochs.

    >>> history = History([1.0, 0.5], [], [], [], "", 2, False)
    >>> plot_loss(history).axes[0].get_ylabel()
    'mean loss'
    """
    if not history.losses:
        raise ValueError("the history has no epochs to plot")
    panels = [("mean loss", history.losses, history.validation_losses)]
    if history.metrics:
        panels.append((f"mean {history.metric_name}", history.metrics, history.validation_metrics))
    figure = _figure(7.0, 2.8 * len(panels) + 0.6)
    figure.suptitle(title)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    epochs = range(1, history.epochs + 1)
    for axis, (name, training, validation) in zip(axes, panels):
        axis.plot(epochs, training, color=COLOURS[0], label="training")
        if validation:
            axis.plot(epochs, validation, color=COLOURS[1], linestyle="--", label="validation")
        if history.stopped_early:
            axis.axvline(history.best_epoch, color="0.4", linestyle=":", label=f"best epoch, {history.best_epoch}")
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
        axis.legend()
    if log:
        axes[0].set_yscale("log")
    figure.align_ylabels()
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    return figure


def plot_decision_boundary(
    model: Callable[[Any], Any], data: Dataset, *, title: str = "", resolution: int = 80, margin: float = 0.3
) -> Figure:
    """The classes that a model gives to the plane, and the observations with their true classes.

    Args:
        model: gives a logit for class 1, or (classes,) logits, for an input of shape (2,).
        data: observations of two features.
        title: of the picture; the name of the data if it is empty.
        resolution: the model is evaluated on resolution × resolution points.
        margin: how much further than the observations the plane goes, in the features' units.

    Returns:
        A figure that no window holds; ``figure.savefig("boundary.png")`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the data has not two features, or more classes than there are colours, or the resolution
            is below 2.

    >>> from nn import MLP, moons
    >>> plot_decision_boundary(MLP(2, [1]), moons(20), resolution=5).axes[0].get_title()
    'two moons'
    """
    if data.inputs.shape[1] != 2:
        raise ValueError(f"a plane has 2 features, and the data {data.inputs.shape[1]}: choose two of them")
    if len(data.class_names) > len(COLOURS):
        raise ValueError(f"at most {len(COLOURS)} classes can be told apart, not {len(data.class_names)}")
    if resolution < 2:
        raise ValueError(f"resolution must be at least 2, not {resolution}")
    figure = _figure(7.0, 5.5)
    axis = figure.subplots()
    low, high = data.inputs.min(axis=0) - margin, data.inputs.max(axis=0) + margin
    xs, ys = np.linspace(low, high, resolution).T
    logits = np.array([[_logits(model([x, y])) for x in xs.tolist()] for y in ys.tolist()])
    classes = logits.argmax(axis=-1)
    levels = np.arange(logits.shape[-1] + 1) - 0.5
    axis.contourf(xs, ys, classes, levels=levels, colors=COLOURS[: len(levels) - 1], alpha=0.25)
    for index in range(logits.shape[-1]):
        others = np.delete(logits, index, axis=-1).max(axis=-1)
        lead = logits[..., index] - others
        if lead.min() < 0 < lead.max() and (index or logits.shape[-1] > 2):
            axis.contour(xs, ys, lead, levels=[0.0], colors="black", linewidths=1.2)
    for index, name in enumerate(data.class_names):
        x, y = data.inputs[data.targets == index].T
        axis.scatter(
            x, y, color=COLOURS[index], marker=MARKERS[index], edgecolors="black", linewidths=0.6, s=36, label=name
        )
    axis.plot([], [], color="black", linewidth=1.2, label="decision boundary")
    axis.set_xlabel(data.feature_names[0])
    axis.set_ylabel(data.feature_names[1])
    axis.set_title(title or data.name)
    axis.set_aspect("equal")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _logits(prediction: Any) -> list[float]:
    """One logit for each class; a single logit z is that of class 1, and class 0 has 0."""
    logits = prediction if is_vector(prediction) else [0.0, prediction]
    return [getattr(logit, "data", logit) for logit in logits]


def _figure(width: float, height: float) -> Figure:
    """A figure of its own, drawn without a display: pyplot's global state is not touched."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a picture needs matplotlib: pip install matplotlib", name="matplotlib") from error
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
