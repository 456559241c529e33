"""5. Backpropagation (Fehlerrückführung): how the error finds its way back to each weight.

The demo runs the backward pass of one flower's error edge by edge, sums the gradients of all six, and compares them
with what a tiny step of each weight really does to the loss. The graph is written as a picture, and as a page in which
the pass can be played.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff import Value, constant, draw, render, trace
from demos.lesson import network
from demos.lesson._common import options
from demos.lesson.loss import evaluate
from demos.lesson.network import Setting
from nn import absolute_error

STEP = 1e-6


def error_of(flower: int, setting: Setting = network.FIRST) -> tuple[Value, list[Value]]:
    """The error of a flower as a graph with readable names, and the weights in it."""
    data, model = network.data(), network.network(setting)
    inputs = [constant(number) for number in data.inputs[flower]]
    inputs[0].label, inputs[1].label = "x₁", "x₂"
    prediction = model(inputs)
    error = absolute_error(prediction, int(data.targets[flower]))
    for name, node in {**network.named_nodes(prediction), "d": error.parents[0], "E": error}.items():
        node.label = name
    return error, model.parameters()


def gradients(setting: Setting = network.FIRST) -> np.ndarray:
    """(6, 5): the gradient of each flower's error for every weight, by ``backward()``."""
    rows = []
    for flower in range(len(network.FLOWERS)):
        error, weights = error_of(flower, setting)
        error.backward()
        rows.append([weight.grad for weight in weights])
    return np.array(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "backpropagation", arguments)
    flower = int(np.random.default_rng(chosen.seed).integers(len(network.FLOWERS)))
    error, _ = error_of(flower)
    print(f"Flower {flower + 1} with the lecture's 1st setting: error {error:.4f}")
    print("p₁ = w₁·x₁, p₂ = w₂·x₂, s = p₁ + p₂, z = s + b, h = tanh z, q = v·h, ŷ = q + c, d = y − ŷ, E = |d|\n")
    passed = trace(error, accumulate=True)
    print(passed)

    rows = gradients()
    print("\nThe gradient of every flower's error, and their sum:")
    print(f"{'':8}{''.join(f'{number:9}' for number in range(1, len(rows) + 1))}      sum")
    for place, name in enumerate(network.WEIGHT_NAMES):
        print(f"∂E/∂{name:4}{''.join(f'{number:9.4f}' for number in rows[:, place])}{rows[:, place].sum():9.4f}")

    print(f"\nWhat really happens to the loss if one weight goes up by {STEP}, divided by {STEP}:")
    start = evaluate(network.FIRST).loss
    for place, name in enumerate(network.WEIGHT_NAMES):
        moved = Setting(*(number + STEP * (place == at) for at, number in enumerate(network.FIRST)))
        print(
            f"  {name:3} {(evaluate(moved).loss - start) / STEP:9.4f}   by backpropagation {rows[:, place].sum():9.4f}"
        )

    print(f"\nThe graph with all gradients: {render(draw(error), chosen.out / 'backpropagation.svg').resolve()}")
    page = chosen.out / "backpropagation.html"
    passed.to_html(page)
    print(f"The pass to play, step by step: {page.resolve()}")


if __name__ == "__main__":
    main()
