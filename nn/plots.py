"""Pictures of a training run, of what a model has learned, and of the error mountain; they need matplotlib.

The colours are Okabe and Ito's (2008, "Color Universal Design"), which colour-blind people can tell
apart; classes also differ in their markers and lines in their dashes, so that a grey print is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nn.datasets import Dataset
from nn.descent import Descent
from nn.dropping import without_dropout
from nn.landscape import Landscape
from nn.losses import is_vector
from nn.objective import Array
from nn.training import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
PATHS = ("#D55E00", "#000000", "#CC79A7", "#56B4E9")
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
    figure = new_figure(7.0, 2.8 * len(panels) + 0.6)
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
    figure = new_figure(7.0, 5.5)
    axis = figure.subplots()
    low, high = data.inputs.min(axis=0) - margin, data.inputs.max(axis=0) + margin
    xs, ys = np.linspace(low, high, resolution).T
    with without_dropout():
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


def plot_contour(
    landscape: Landscape,
    descents: Sequence[Descent] = (),
    *,
    title: str = "",
    filled: bool = True,
    log: bool = False,
    floor: float = 1e-3,
    levels: int = 16,
) -> Figure:
    """A landscape from above, with the paths of descents over it.

    Args:
        landscape: what ``loss_landscape`` returned.
        descents: of the same model; each is drawn where it stands on the plane.
        title: of the picture.
        filled: fill between the contour lines.
        log: space the lines by the logarithm of the loss.
        floor: what is lower is drawn as high as this, on a logarithmic scale.
        levels: how many contour lines.

    Returns:
        A figure that no window holds.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no height is finite, or the floor is not positive.

    >>> from nn import MLP, loss_landscape, squared_error
    >>> mountain = loss_landscape(MLP(1, [1]), [[0.0], [1.0]], [1.0, 3.0], squared_error, resolution=5)
    >>> plot_contour(mountain).axes[0].get_xlabel()
    'layers.0.neurons.0.weights.0'
    """
    heights, ticks = _heights(landscape, log, floor)
    figure = new_figure(7.0, 5.8)
    axis = figure.subplots()
    draw = axis.contourf if filled else axis.contour
    drawn = draw(landscape.xs, landscape.ys, heights, levels=levels, cmap="viridis")
    if filled:
        lines: dict[str, Any] = {"colors": "white", "linewidths": 0.4, "linestyles": "solid", "alpha": 0.6}
        axis.contour(landscape.xs, landscape.ys, heights, levels=drawn.levels, **lines)
    bar = figure.colorbar(drawn, label="loss" + (", logarithmic" if log else ""))
    if log:
        bar.set_ticks(list(ticks), labels=list(ticks.values()))
    for index, descent in enumerate(descents):
        _draw_path(axis, [*landscape.coordinates(descent.parameters).T], index, descent.name)
    axis.set_xlim(landscape.xs[0], landscape.xs[-1])
    axis.set_ylim(landscape.ys[0], landscape.ys[-1])
    _name_axes(figure, axis, landscape, title, descents)
    return figure


def plot_surface(
    landscape: Landscape,
    descents: Sequence[Descent] = (),
    *,
    title: str = "",
    log: bool = False,
    floor: float = 1e-3,
    elevation: float = 38.0,
    azimuth: float = 60.0,
) -> Figure:
    """A landscape as a mountain in 3-D, its contour lines on the ground, and descents on both.

    A path is drawn a little above the mesh, which would hide it otherwise; where it leaves the plane it is not drawn.

    Args:
        landscape, descents, title, log, floor: as for :func:`plot_contour`.
        elevation, azimuth: where it is looked at from, in degrees.

    Returns:
        A figure that no window holds.

    Raises:
        ImportError, ValueError: as :func:`plot_contour`.

    >>> from nn import MLP, loss_landscape, squared_error
    >>> mountain = loss_landscape(MLP(1, [1]), [[0.0], [1.0]], [1.0, 3.0], squared_error, resolution=5)
    >>> plot_surface(mountain, title="A valley").axes[0].get_title()
    'A valley'
    """
    heights, ticks = _heights(landscape, log, floor)
    low, high = float(heights.min()), float(heights.max())
    depth = (high - low or 1.0) * 0.6
    figure = new_figure(8.0, 6.4)
    axis = figure.add_subplot(projection="3d", computed_zorder=False)
    xs, ys = np.meshgrid(landscape.xs, landscape.ys)
    axis.contour(xs, ys, heights, levels=16, cmap="viridis", offset=low - depth, linewidths=1.0, zorder=1)
    rows, columns = heights.shape
    axis.plot_surface(
        xs, ys, heights, cmap="viridis", rcount=rows, ccount=columns, linewidth=0, antialiased=False, zorder=3
    )
    drawn = replace(landscape, heights=heights)
    for index, descent in enumerate(descents):
        points = landscape.coordinates(descent.parameters)
        above = drawn.height_at(points) + 0.02 * (high - low)
        ground = np.where(np.isfinite(above), low - depth, np.nan)
        _draw_path(axis, [*points.T, ground], index, zorder=2)
        _draw_path(axis, [*points.T, above], index, descent.name, zorder=4)
    axis.set_zlim(low - depth, high)
    if log:
        axis.set_zticks(list(ticks), labels=list(ticks.values()))
    else:
        axis.set_zticks([tick for tick in axis.get_zticks() if low <= tick <= high])
    axis.set_zlabel("loss" + (", logarithmic" if log else ""))
    axis.view_init(elev=elevation, azim=azimuth)
    axis.set_box_aspect((1, 1, 0.75), zoom=0.92)
    _name_axes(figure, axis, landscape, title, descents)
    return figure


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, drawn without a display: pyplot's global state is not touched. Notebooks show it by itself.

    Args:
        width, height: in inches, of 120 dots each.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        from nn.notebook_figure import NotebookFigure
    except ImportError as error:
        raise ImportError("a picture needs matplotlib: pip install matplotlib", name="matplotlib") from error
    figure = NotebookFigure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _heights(landscape: Landscape, log: bool, floor: float) -> tuple[Array, dict[float, str]]:
    """The heights to draw, what is not finite as high as the highest; and the round numbers of a logarithmic scale."""
    finite = landscape.heights[np.isfinite(landscape.heights)]
    if not finite.size:
        raise ValueError("there is nothing to draw: no height of the landscape is finite")
    heights = np.nan_to_num(landscape.heights, nan=finite.max(), posinf=finite.max(), neginf=finite.min())
    if not log:
        return heights, {}
    if not floor > 0:
        raise ValueError(f"floor must be positive, not {floor}")
    heights = np.log10(np.maximum(heights, floor))
    exponents = range(int(np.floor(heights.min())), int(np.ceil(heights.max())) + 1)
    numbers = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
    ticks = {float(np.log10(number)): f"{number:g}" for number in numbers}
    return heights, {tick: name for tick, name in ticks.items() if heights.min() <= tick <= heights.max()}


def _name_axes(figure: Figure, axis: Any, landscape: Landscape, title: str, descents: Sequence[Descent]) -> None:
    axis.set_xlabel(landscape.axis_names[0])
    axis.set_ylabel(landscape.axis_names[1])
    kind = f"projection: {landscape.projection}" if landscape.projection else ""
    axis.set_title("\n".join(filter(None, (title, kind))))
    if descents:
        figure.legend(loc="outside lower center", ncols=3)


def _draw_path(axis: Any, points: Sequence[Array], index: int, name: str = "", **options: Any) -> None:
    """A descent, with a white rim so that it is seen on light and dark ground, and a large marker where it ends."""
    style = {"color": PATHS[index % len(PATHS)], "marker": MARKERS[index % len(MARKERS)], **options}
    axis.plot(*points, color="white", linewidth=4.0, **options)
    axis.plot(*points, **style, linestyle=("-", "--", ":", "-.")[index % 4], linewidth=2.0, markersize=3.5, label=name)
    axis.plot(*(each[-1:] for each in points), **style, markersize=9.0, markeredgecolor="white")


def _logits(prediction: Any) -> list[float]:
    """One logit for each class; a single logit z is that of class 1, and class 0 has 0."""
    logits = prediction if is_vector(prediction) else [0.0, prediction]
    return [getattr(logit, "data", logit) for logit in logits]
