"""3. Error mountain (Fehlerberg): two weights span a plane, and the loss stands over it as a height.

The demo evaluates the loss on a grid over w₁ and w₂, finds the lecture's settings on it, and draws the mountain from
aside, from above, and as the terraces that rounded errors would make of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from demos.lesson import network
from demos.lesson._common import options, write_pictures
from demos.lesson.content import landscape, lecture
from demos.lesson.language import Texts
from demos.lesson.loss import SETTINGS, evaluate
from nn import Landscape, absolute_error, plot_contour, plot_surface
from nn.losses import Loss


def mountain(loss: Loss = absolute_error) -> Landscape:
    """The sum of the errors of the six flowers over w₁ and w₂; b, v and c are those of the lecture's settings."""
    return landscape(lecture(), loss)


def terraces(land: Landscape) -> Landscape:
    """The same with every prediction rounded to a label first, as in the lecture's table: steps without a slope."""
    data = network.data()
    xs, ys = np.meshgrid(land.xs, land.ys)
    plane = np.stack([xs.ravel(), ys.ravel()], axis=1)
    predictions = network.predict_all(plane, network.FIRST.b, network.FIRST.v, data.inputs)
    heights = np.abs(np.rint(predictions) - data.targets).sum(axis=1)
    return replace(land, heights=heights.reshape(xs.shape), gradients=np.zeros_like(land.gradients))


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "error_mountain", arguments)
    said: Texts = chosen.texts
    land = mountain()
    number = said.number
    lowest, highest = number(land.heights.min(), 4), number(land.heights.max(), 4)
    print(said.say("say.mountain.range", low=lowest, high=highest) + "\n")
    for name, setting in SETTINGS.items():
        height, loss = number(float(land.height_at(setting[:2])), 4), number(evaluate(setting).loss, 4)
        where = f"w₁ = {number(setting.w1):>5}   w₂ = {number(setting.w2):>5}"
        print(f"{said[f'setting.{name}']:15} {where}   {said.say('say.mountain.height', height=height, loss=loss)}")
    row, column = np.unravel_index(land.heights.argmin(), land.heights.shape)
    x, y = number(land.xs[column], 1), number(land.ys[row], 1)
    print("\n" + said.say("say.mountain.lowest", x=x, y=y, height=lowest))
    steps = terraces(land)
    flat = np.mean(
        (steps.heights[:-1, :-1] == steps.heights[1:, :-1]) & (steps.heights[:-1, :-1] == steps.heights[:-1, 1:])
    )
    print(said.say("say.mountain.terraces", count=len(np.unique(steps.heights)), part=number(100 * flat, 0)))
    write_pictures(
        chosen.out,
        {
            "error_mountain": lambda: plot_surface(land, title=said["plot.mountain"]),
            "error_map": lambda: plot_contour(land, title=said["plot.map"]),
            "terraces": lambda: plot_surface(steps, title=said["plot.terraces"]),
        },
        said,
    )


if __name__ == "__main__":
    main()
