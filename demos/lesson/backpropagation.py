"""5. Backpropagation (Fehlerrückführung): how the error finds its way back to each weight.

The demo runs the backward pass of one flower's error edge by edge, sums the gradients of all six, and compares them
with what a tiny step of each weight really does to the loss. The graph is written as a picture, and as a page in which
the pass can be played.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff import Value, constant, draw, render, trace
from autodiff.tracing.language import ENGLISH
from autodiff.tracing.language import languages as player_languages
from demos.lesson import network
from demos.lesson._common import options
from demos.lesson.content import RATES
from demos.lesson.language import Texts
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
    said: Texts = chosen.texts
    number = said.number
    flower = int(np.random.default_rng(chosen.seed).integers(len(network.FLOWERS)))
    error, _ = error_of(flower)
    print(said.say("say.backward.flower", number=flower + 1, error=number(error.data, 4)))
    print("p₁ = w₁·x₁, p₂ = w₂·x₂, s = p₁ + p₂, z = s + b, h = tanh z, q = v·h, ŷ = q + c, d = y − ŷ, L = E = |d|\n")
    passed = trace(error, accumulate=True)
    print(passed)

    rows = gradients()
    slope = rows.sum(axis=0)
    print("\n" + said["say.backward.each"])
    print(f"{'':8}{''.join(f'{place:9}' for place in range(1, len(rows) + 1))}{said['sum']:>9}")
    for place, name in enumerate(network.WEIGHT_NAMES):
        cells = "".join(f"{number(each, 4):>9}" for each in (*rows[:, place], slope[place]))
        print(f"∂L/∂{name:4}{cells}")

    print("\n" + said.say("say.backward.really", step=STEP))
    start = evaluate(network.FIRST).loss
    for place, name in enumerate(network.WEIGHT_NAMES):
        moved = Setting(*(weight + STEP * (place == at) for at, weight in enumerate(network.FIRST)))
        quotient = (evaluate(moved).loss - start) / STEP
        print(f"  {name:3} {number(quotient, 4):>9}   {said['say.backward.by']} {number(slope[place], 4):>9}")

    rate = RATES["sgd"]
    after = evaluate(Setting(*(np.array(network.FIRST) - rate * slope).tolist())).loss
    parts = {"rate": number(rate), "before": number(start, 4), "after": number(after, 4)}
    print("\n" + said.say("say.backward.update", **parts))
    picture = render(draw(error), chosen.out / "backpropagation.svg")
    print("\n" + said.say("say.backward.graph", path=picture.resolve()))
    page = chosen.out / "backpropagation.html"
    has_texts = said.language in player_languages()
    passed.to_html(page, language=said.language if has_texts else ENGLISH)
    print(said.say("say.backward.page", path=page.resolve()))
    if not has_texts:
        print(said["say.backward.english"])


if __name__ == "__main__":
    main()
