"""1. Error (Fehler): one flower, its label, the prediction that the network makes of it, and how far the two are apart.

The demo takes one of the lecture's six flowers through the network and prints |observation − prediction|.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from demos.lesson import network
from demos.lesson._common import options, write_pictures
from nn import absolute_error
from nn.plots import COLOURS, MARKERS, new_figure


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "error", arguments)
    data = network.data()
    flower = int(np.random.default_rng(chosen.seed).integers(len(data)))
    features, label = data.inputs[flower], int(data.targets[flower])
    width, length = network.measures()[flower]
    setting = network.FIRST
    prediction = network.network(setting)(features)
    error = absolute_error(prediction, label)

    print(f"Observation   flower {flower + 1} of 6, Iris {data.class_names[label - 1]}: label {label}")
    print(f"Features      sepal width {width} cm, petal length {length} cm;")
    print(f"              with mean 0 and deviation 1: x₁ = {features[0]:.4f}, x₂ = {features[1]:.4f}")
    print(f"Weights       {', '.join(f'{name} = {number}' for name, number in zip(network.WEIGHT_NAMES, setting))}")
    print(f"Prediction    v · tanh(w₁·x₁ + w₂·x₂ + b) + c = {prediction:.4f}")
    print(f"Error         |observation − prediction| = |{label} − {prediction:.4f}| = {error:.4f}")

    names = [f"{place} {name}" for place, name in enumerate(data.class_names, start=1)]
    write_pictures(chosen.out, {"error": lambda: draw(label, prediction.data, names)})


def draw(label: int, prediction: float, names: Sequence[str]) -> Any:
    """Observation and prediction on the number line, with the error between them."""
    picture = new_figure(8.0, 2.6)
    axis = picture.subplots()
    axis.plot([label, prediction], [0, 0], color=COLOURS[5], linewidth=9, solid_capstyle="butt",
              label=f"error {abs(label - prediction):.2f}")  # fmt: skip
    axis.plot(label, 0, MARKERS[1], color=COLOURS[2], markersize=15, label=f"observation {label}")
    axis.plot(prediction, 0, MARKERS[0], color=COLOURS[0], markersize=13, label=f"prediction {prediction:.2f}")
    axis.axhline(0, color="0.6", linewidth=1, zorder=0)
    axis.set_xlim(0.5, 3.5)
    axis.set_ylim(-1, 1)
    axis.set_xticks([1, 2, 3], labels=names)
    axis.set_yticks([])
    axis.set_title("error = |observation − prediction|")
    picture.legend(loc="outside lower center", ncols=3)
    return picture


if __name__ == "__main__":
    main()
