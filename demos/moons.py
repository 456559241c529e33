"""Train a small network on two moons and draw what it has learned: ``python -m demos.moons``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from demos._common import folder, parser
from nn import MLP, Adam, Dataset, History, accuracy, binary_cross_entropy, fit, moons
from nn.plots import plot_decision_boundary, plot_loss


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print loss and accuracy before and after, write two pictures."""
    options = parser("Train a small network on two moons and draw what it has learned.", "moons")
    options.add_argument("--epochs", type=_positive, default=80, help="how often the data is gone through")
    chosen = options.parse_args(arguments)
    if chosen.seed < 0:
        options.error(f"argument --seed: must not be negative, not {chosen.seed}")
    out = folder(chosen.out)

    data = moons(100, noise=0.1, rng=chosen.seed)
    model = MLP(2, [16, 16, 1], rng=chosen.seed)
    print(data)
    print(model)
    print(f"before: {report(model, data)}")

    start = time.perf_counter()
    history = fit(
        model,
        data.inputs,
        data.targets,
        binary_cross_entropy,
        optimizer=Adam(model.parameters(), learning_rate=0.02),
        epochs=chosen.epochs,
        metric=accuracy,
    )
    seconds = time.perf_counter() - start
    print(f"after:  {report(model, data)} ({history.epochs} epochs, {seconds:.1f} s)")
    write_pictures(model, data, history, out)


def report(model: MLP, data: Dataset) -> str:
    """Loss and accuracy on the whole data set."""
    logits = [model(x).data for x in data.inputs]
    loss = sum(map(binary_cross_entropy, logits, data.targets)) / len(data)
    correct = sum(map(accuracy, logits, data.targets)) / len(data)
    return f"loss {loss:.4f}, accuracy {correct:.0%}"


def write_pictures(model: MLP, data: Dataset, history: History, out: Path) -> None:
    """Write the decision boundary and the loss curve, or say how to get them."""
    try:
        figures = {
            "decision_boundary.png": plot_decision_boundary(model, data, title="What the network learned of two moons"),
            "loss_curve.png": plot_loss(history, title="Training on two moons"),
        }
    except ImportError as error:
        print(f"no pictures: {error}")
        return
    for name, figure in figures.items():
        figure.savefig(out / name)
        print(f"wrote {out / name}")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


if __name__ == "__main__":
    main()
