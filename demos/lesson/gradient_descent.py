"""4. Gradient descent (Gradientenabstieg): the fastest way into the valley, by the direction of the steepest descent.

The demo measures the slope of the error mountain in many directions, shows that none is steeper than the gradient, and
goes down with three optimizers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import cos, hypot, pi, sin
from typing import Any

import numpy as np

from autodiff import Value, grad, jvp
from demos.lesson import network
from demos.lesson._common import options, write_pictures
from demos.lesson.content import MOMENTUM, RATES
from demos.lesson.error_mountain import mountain
from demos.lesson.language import Texts
from demos.lesson.network import Setting
from nn import (
    SGD,
    Adam,
    Descent,
    Landscape,
    Optimizer,
    absolute_error,
    descend,
    loss_landscape,
    plot_contour,
    plot_surface,
    principal_directions,
    squared_error,
    sum_over,
)
from nn.plots import COLOURS, new_figure

STEPS = 60
OPTIMIZERS: dict[str, Callable[[list[Value]], Optimizer]] = {
    "sgd": lambda weights: SGD(weights, RATES["sgd"]),
    "momentum": lambda weights: SGD(weights, RATES["momentum"], momentum=MOMENTUM),
    "adam": lambda weights: Adam(weights, RATES["adam"]),
}


def loss(w1: Any, w2: Any) -> Any:
    """The height of the mountain: the sum of the errors of the six flowers, as a function of two weights."""
    data, model = network.data(), network.with_weights(network.network(), [w1, w2, *network.FIRST[2:]])
    return sum_over(absolute_error, map(model, data.inputs), data.targets)


def slopes(point: tuple[float, float], directions: int = 72) -> list[tuple[float, float]]:
    """(angle, slope) in that many directions: each by forward differentiation, which knows nothing of the gradient."""
    angles = [2 * pi * index / directions for index in range(directions)]
    return [(angle, jvp(loss, point, (cos(angle), sin(angle)))[1]) for angle in angles]


def descents(start: Setting = network.HILL, steps: int = STEPS) -> list[Descent]:
    """The path of each optimizer from the same start; only w₁ and w₂ move."""
    data, found = network.data(), []
    for name, optimizer in OPTIMIZERS.items():
        model = network.network(start)
        weights = model.parameters()[:2]
        found.append(
            descend(model, data.inputs, data.targets, absolute_error, optimizer=optimizer(weights), steps=steps,
                    reduction="sum", name=name)
        )  # fmt: skip
    return found


def projection(start: Setting = network.HILL, steps: int = STEPS) -> tuple[Landscape, Descent, float]:
    """All five weights descend: no mountain over two of them holds that path, but a plane nearly does.

    Returns:
        The loss over the plane in which the path went furthest, the path, and the part of it that lies in the plane.
    """
    data, model = network.data(), network.network(start)
    optimizer = SGD(model.parameters(), RATES["sgd"])
    path = descend(
        model, data.inputs, data.targets, squared_error, optimizer=optimizer, steps=steps, reduction="sum",
        name="all five weights",
    )  # fmt: skip
    directions, parts = principal_directions(path)
    end = network.network(Setting(*path.parameters[-1]))
    reach = np.abs((path.parameters - path.parameters[-1]) @ directions.T).max(axis=0) * 1.2
    land = loss_landscape(
        end, data.inputs, data.targets, squared_error, directions=directions, reduction="sum",
        projection=f"the two directions with {parts.sum():.0%} of the path",
        x_range=(-reach[0], reach[0]), y_range=(-reach[1], reach[1]),
    )  # fmt: skip
    return land, path, float(parts.sum())


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "gradient_descent", arguments)
    said: Texts = chosen.texts
    number = said.number
    point = network.FIRST.w1, network.FIRST.w2
    gradient = grad(loss, wrt=(0, 1))(*point)
    length = hypot(*gradient)
    print(said.say("say.descent.at", x=number(point[0]), y=number(point[1]), loss=number(loss(*point), 4)))
    parts = {"x": number(gradient[0], 4), "y": number(gradient[1], 4), "length": number(length, 4)}
    print(said.say("say.descent.gradient", **parts) + "\n")
    print(said["say.descent.every"])
    for angle, slope in slopes(point, 12):
        bar = "█" * round(20 * abs(slope) / length)
        left, right = (bar, "") if slope > 0 else ("", bar)
        print(f"  {angle * 180 / pi:4.0f}°  {number(slope, 4):>8}  {left:20}|{right}")
    rose = slopes(point)
    steepest = number(max(slope for _, slope in rose), 4)
    print(said.say("say.descent.steepest", count=len(rose), slope=steepest) + "\n")

    paths = [replace(path, name=said[f"descent.{key}"]) for key, path in zip(OPTIMIZERS, descents())]
    print(said.say("say.descent.from", x=number(network.HILL.w1), y=number(network.HILL.w2), steps=STEPS))
    for path in paths:
        data, model = network.data(), network.network(Setting(*path.parameters[-1]))
        right = sum(network.label_of(model(x)) == label for x, label in zip(data.inputs, data.targets))
        parts = {"first": number(path.losses[0], 4), "last": number(path.losses[-1], 4)}
        print(f"  {path.name:18} {said.say('say.descent.path', right=right, count=len(data), **parts)}")
    land_of_all, path_of_all, part = projection()
    parts = {"first": number(path_of_all.losses[0], 4), "last": number(path_of_all.losses[-1], 4)}
    name = said["say.descent.all"]
    print(f"  {name:18} {said.say('say.descent.all.path', **parts)}")
    land = mountain()
    land_of_all = replace(land_of_all, projection=said.say("plot.projection.is", part=number(100 * part, 0)))
    path_of_all = replace(path_of_all, name=name)
    write_pictures(
        chosen.out,
        {
            "descent": lambda: plot_surface(land, paths, title=said["plot.paths"]),
            "descent_map": lambda: plot_contour(land, paths, title=said["plot.paths.map"]),
            "projection": lambda: plot_contour(land_of_all, [path_of_all], title=said["plot.all"], log=True),
            "rose": lambda: draw_rose(rose, gradient, said),
        },
        said,
    )


def draw_rose(rose: Sequence[tuple[float, float]], gradient: Sequence[float], said: Texts) -> Any:
    """The slope in every direction as a spoke, and the gradient as an arrow; the circle is its length."""
    picture = new_figure(6.0, 6.0)
    axis = picture.subplots(subplot_kw={"projection": "polar"})
    angles, sizes = np.array(rose).T
    for chosen, colour, key in ((sizes > 0, COLOURS[1], "descent.up"), (sizes <= 0, COLOURS[0], "descent.down")):
        axis.bar(angles[chosen], np.abs(sizes[chosen]), width=0.05, color=colour, label=said[key])
    length = hypot(*gradient)
    axis.plot(np.linspace(0, 2 * pi, 200), np.full(200, length), color="0.3", linestyle="--", linewidth=1,
              label=said["plot.rose.length"])  # fmt: skip
    axis.annotate("", (np.arctan2(gradient[1], gradient[0]), length), (0, 0),
                  arrowprops={"color": COLOURS[5], "width": 2.5, "headwidth": 11})  # fmt: skip
    axis.set_xticks(np.linspace(0, 2 * pi, 8, endpoint=False))
    axis.set_title(said["plot.rose"])
    picture.legend(loc="outside lower center", ncols=3)
    return picture


if __name__ == "__main__":
    main()
