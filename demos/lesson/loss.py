"""2. Loss function (Loss-Funktion): a data set and a network; the sum of all errors, as a function of the weights.

The demo feeds the six flowers through the network with the lecture's two settings of the weights, prints the
lecture's table, and a third setting that makes no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from demos.lesson import network
from demos.lesson._common import listed, options, told, write_pictures
from demos.lesson.language import Texts
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


SETTINGS = {"first": network.FIRST, "second": network.SECOND, "valley": network.VALLEY}


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "loss", arguments)
    said: Texts = chosen.texts
    data = network.data()
    species = ", ".join(said[f"species.{place}"] for place in (1, 2, 3))
    told(said, "say.loss.data", said.say("say.loss.data.is", count=said.count(len(data)), species=species))
    told(said, "say.loss.network", repr(network.network()))

    def row(key: str, numbers: Sequence[Any], after: str = "") -> None:
        print(f"  {said[key]:22} {'  '.join(map(str, numbers))}   {after}".rstrip())

    print()
    row("say.loss.true", data.targets)
    for name, setting in SETTINGS.items():
        result = evaluate(setting)
        weights = [f"{weight} = {said.number(number)}" for weight, number in zip(network.WEIGHT_NAMES, setting)]
        print(f"\n{said[f'setting.{name}']}: {listed(weights, said)}")
        row("say.loss.predicted", result.labels)
        row("say.loss.errors", result.errors, said.say("say.loss.sum", sum=sum(result.errors)))
        predictions = [said.number(number, 2) for number in result.predictions]
        row("say.loss.before", predictions, said.say("say.loss.before.sum", sum=said.number(result.loss, 4)))
    print("\n" + said["say.loss.so"])
    write_pictures(chosen.out, {"loss": lambda: draw(said)}, said)


def draw(said: Texts) -> Any:
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
        parts = {"sum": said.number(result.loss, 2), "rounded": sum(result.errors)}
        axis.set_title(said.say("plot.loss.title", setting=said[f"setting.{name}"], **parts))
        axis.set_xticks(places)
        axis.set_xlabel(said["flower"])
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_yticks([1, 2, 3], labels=[f"{place} {said[f'species.{place}']}" for place in (1, 2, 3)])
    lines = axes[0].get_lines()
    names = [said[key] for key in ("error.observation", "error.prediction", "loss.error")]
    picture.legend([*lines, axes[0].collections[0]], names, loc="outside lower center", ncols=3)
    return picture


if __name__ == "__main__":
    main()
