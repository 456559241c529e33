"""1. Error (Fehler): one flower, its label, the prediction that the network makes of it, and how far the two are apart.

The demo takes one of the lecture's six flowers through the network and prints |observation − prediction|.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from demos.lesson import network
from demos.lesson._common import listed, options, told, write_pictures
from demos.lesson.language import Texts
from nn import absolute_error
from nn.plots import COLOURS, MARKERS, new_figure


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "error", arguments)
    said: Texts = chosen.texts
    data = network.data()
    flower = int(np.random.default_rng(chosen.seed).integers(len(data)))
    features, label = data.inputs[flower], int(data.targets[flower])
    setting = network.FIRST
    prediction = network.network(setting)(features)
    error = absolute_error(prediction, label)
    species = [said[f"species.{place}"] for place in (1, 2, 3)]

    measures = [f"{said[f'feature.{place}']} {said.number(measure)} cm"
                for place, measure in enumerate(network.measures()[flower], start=1)]  # fmt: skip
    numbers = [f"x{'₁₂'[place]} = {said.number(feature, 4)}" for place, feature in enumerate(features)]
    weights = [f"{name} = {said.number(number)}" for name, number in zip(network.WEIGHT_NAMES, setting)]
    parts = {"number": flower + 1, "count": len(data), "species": species[label - 1], "label": label}
    told(said, "error.observation", said.say("say.error.observation", **parts))
    parts = {"names": listed(measures, said), "numbers": listed(numbers, said)}
    told(said, "error.features", said.say("say.error.features", **parts))
    told(said, "say.weights", listed(weights, said))
    told(said, "error.prediction", f"v · tanh(w₁·x₁ + w₂·x₂ + b) + c = {said.number(prediction.data, 4)}")
    parts = {"label": label, "prediction": said.number(prediction.data, 4), "error": said.number(error.data, 4)}
    told(said, "loss.error", said.say("say.error.is", **parts))
    write_pictures(chosen.out, {"error": lambda: draw(label, prediction.data, species, said)}, said)


def draw(label: int, prediction: float, species: Sequence[str], said: Texts) -> Any:
    """Observation and prediction on the number line, with the error between them."""
    picture = new_figure(8.0, 2.6)
    axis = picture.subplots()
    axis.plot([label, prediction], [0, 0], color=COLOURS[5], linewidth=9, solid_capstyle="butt",
              label=f"{said['loss.error']} {said.number(abs(label - prediction), 2)}")  # fmt: skip
    observed, predicted = said["error.observation"], said["error.prediction"]
    axis.plot(label, 0, MARKERS[1], color=COLOURS[2], markersize=15, label=f"{observed} {label}")
    axis.plot(prediction, 0, MARKERS[0], color=COLOURS[0], markersize=13,
              label=f"{predicted} {said.number(prediction, 2)}")  # fmt: skip
    axis.axhline(0, color="0.6", linewidth=1, zorder=0)
    axis.set_xlim(0.5, 3.5)
    axis.set_ylim(-1, 1)
    axis.set_xticks([1, 2, 3], labels=[f"{place} {name}" for place, name in enumerate(species, start=1)])
    axis.set_yticks([])
    axis.set_title(said["error.formula"])
    picture.legend(loc="outside lower center", ncols=3)
    return picture


if __name__ == "__main__":
    main()
