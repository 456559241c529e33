"""2. Loss function (Loss-Funktion): a data set and a network; the sum of all errors, as a function of the weights.

The demo feeds the six flowers through the network with the lecture's two settings of the weights, prints the
lecture's table, and a third setting that makes no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from demos.lesson import network
from demos.lesson._common import options, write_pictures
from demos.lesson.network import Setting
from nn import absolute_error, sum_over
from nn.plots import COLOURS, MARKERS, new_figure


class Evaluation(NamedTuple):
    """What the network makes of the six flowers with a setting of its weights (*Bewertung*)."""

    labels: list[int]
    """The predictions, rounded to labels."""
    errors: list[int]
    """|true label − predicted label|"""
    predictions: list[float]
    """The predictions before rounding."""
    loss: float
    """The sum of their errors before rounding."""


def evaluate(setting: Setting) -> Evaluation:
    """Set the weights, feed forward, evaluate."""
    data, model = network.data(), network.network(setting)
    predictions = [model(features) for features in data.inputs]
    labels = [network.label_of(prediction) for prediction in predictions]
    errors = [abs(label - int(true)) for label, true in zip(labels, data.targets)]
    loss = sum_over(absolute_error, predictions, data.targets)
    return Evaluation(labels, errors, [prediction.data for prediction in predictions], loss.data)


SETTINGS = {"1st setting": network.FIRST, "2nd setting": network.SECOND, "3rd setting": network.VALLEY}


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "loss", arguments)
    data = network.data()
    print(f"Data set      six irises: {', '.join(data.class_names)}, two of each")
    print(f"Network       {network.network()!r}\n")
    print(f"{'true labels':24} {'  '.join(map(str, data.targets))}")
    for name, setting in SETTINGS.items():
        result = evaluate(setting)
        print(
            f"\n{name}: " + ", ".join(f"{weight} = {number}" for weight, number in zip(network.WEIGHT_NAMES, setting))
        )
        print(f"{'  predicted labels':24} {'  '.join(map(str, result.labels))}")
        print(f"{'  errors':24} {'  '.join(map(str, result.errors))}   sum {sum(result.errors)}")
        print(f"  before rounding          {'  '.join(f'{number:.2f}' for number in result.predictions)}   "
              f"sum of errors {result.loss:.4f}")  # fmt: skip
    print("\nSo the loss is (a) the sum of all errors, (b) a function of the weights.")
    write_pictures(chosen.out, {"loss": draw})


def draw() -> Any:
    """The six flowers with each setting: observation, prediction, and the error between them."""
    data = network.data()
    picture = new_figure(11.0, 3.8)
    axes = picture.subplots(1, len(SETTINGS), sharey=True)
    places = range(1, len(data) + 1)
    for axis, (name, setting) in zip(axes, SETTINGS.items()):
        result = evaluate(setting)
        axis.vlines(places, data.targets, result.predictions, color=COLOURS[5], linewidth=5)
        axis.plot(places, data.targets, MARKERS[1], color=COLOURS[2], markersize=10)
        axis.plot(places, result.predictions, MARKERS[0], color=COLOURS[0], markersize=8)
        axis.set_title(f"{name}\nsum of errors {result.loss:.2f}, of rounded errors {sum(result.errors)}")
        axis.set_xticks(places)
        axis.set_xlabel("flower")
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_yticks([1, 2, 3], labels=[f"{place} {name}" for place, name in enumerate(data.class_names, start=1)])
    lines = axes[0].get_lines()
    picture.legend([*lines, axes[0].collections[0]], ["observation", "prediction", "error"],
                   loc="outside lower center", ncols=3)  # fmt: skip
    return picture


if __name__ == "__main__":
    main()
