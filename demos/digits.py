"""Teach a network to read handwritten digits, and draw what it gets wrong: ``python -m demos.digits``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import autodiff
from demos._common import folder, parser
from nn import MLP, Adam, Dataset, accuracy, digits, fit, softmax_cross_entropy

SHOWN = 24
"""The most digits that are drawn, of those that were read wrong."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on four fifths of the digits, read the rest, draw the mistakes."""
    options = parser("Teach a network to read handwritten digits, and draw what it gets wrong.", "digits")
    options.add_argument("--epochs", type=int, default=40, help="how often the data is gone through")
    chosen = options.parse_args(arguments)
    if chosen.epochs < 1:
        options.error(f"argument --epochs: must be at least 1, not {chosen.epochs}")
    out = folder(chosen.out)

    training, held_out = scaled(digits()).split(0.8, rng=chosen.seed)
    model = MLP(64, [32, 10], rng=chosen.seed)
    print(training)
    print(model)
    start = time.perf_counter()
    history = fit(
        model,
        training.inputs,
        training.targets,
        softmax_cross_entropy,
        optimizer=Adam(model.parameters(), learning_rate=0.005),
        epochs=chosen.epochs,
        batch_size=32,
        metric=accuracy,
        rng=chosen.seed,
    )
    print(f"{history} in {time.perf_counter() - start:.1f} s")

    scores = autodiff.compile(model, ndim=(1,))(held_out.inputs)
    guesses = np.argmax(scores, axis=1)
    wrong = np.flatnonzero(guesses != held_out.targets)
    print(f"held-out digits read right: {1 - len(wrong) / len(held_out):.1%} of {len(held_out)}")
    try:
        picture = out / "mistakes.png"
        draw_mistakes(held_out, guesses, wrong, picture)
        print(f"wrote {picture}")
    except ImportError as error:
        print(f"no picture: {error}")


def scaled(data: Dataset) -> Dataset:
    """The same digits with their shades of grey, 0 to 16, brought to the range from 0 to 1."""
    return replace(data, inputs=data.inputs / 16)


def draw_mistakes(data: Dataset, guesses: NDArray[np.int64], wrong: NDArray[np.int64], path: Path) -> None:
    """Write a picture of the digits that were read wrong: as what, and what they are.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("matplotlib is not installed: pip install matplotlib") from None
    columns = 8
    rows = max(1, -(-len(wrong[:SHOWN]) // columns))
    figure = Figure(figsize=(1.2 * columns, 1.55 * rows + 0.4), layout="constrained")
    figure.suptitle(f"{len(wrong)} of {len(data)} held-out digits are read wrong", fontsize=11)
    axes: Any = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, place in zip(axes.flat, wrong):
        axis.imshow(data.inputs[place].reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
        axis.set_title(f"read {guesses[place]}, is {data.targets[place]}", fontsize=8)
    figure.savefig(path)


if __name__ == "__main__":
    main()
