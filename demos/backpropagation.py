"""Backpropagation on real measurements: one flower forward, its error back to every weight, edge by edge.

A network of 2-2-1 neurons, written out in products and sums, tells two species of iris apart by their petals.
The demo prints the prediction and its error, then every step of the backward pass, draws the graph before and
after it, and takes a few steps of gradient descent on all flowers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autodiff import Value, constant, draw, render
from demos._common import folder, parser
from nn import MLP, SGD, iris, mean_over, squared_error

PETAL = slice(2, 4)
VERSICOLOR, VIRGINICA = 1, 2
DESCENT_STEPS, LEARNING_RATE = 10, 0.3


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "backpropagation").parse_args(arguments)
    out = folder(options.out)

    data = iris()
    chosen = data.targets != 0
    petals = data.inputs[chosen, PETAL]
    scaled = (petals - petals.mean(axis=0)) / petals.std(axis=0)
    observations = np.where(data.targets[chosen] == VIRGINICA, 1.0, -1.0)
    flower = int(np.random.default_rng(options.seed).integers(len(petals)))
    species = data.class_names[VIRGINICA if observations[flower] > 0 else VERSICOLOR]
    print(f"Iris: {len(petals)} flowers, {data.class_names[VERSICOLOR]} (-1) and {data.class_names[VIRGINICA]} (+1).")
    print(f"Flower {flower}, {species}: petal {petals[flower][0]} cm long and {petals[flower][1]} cm wide,")
    print(f"scaled to mean 0 and deviation 1: {scaled[flower][0]:.4f} and {scaled[flower][1]:.4f}.\n")

    model = MLP(2, [2, 1], activation="tanh", rng=options.seed, expanded=True)
    inputs = [constant(number) for number in scaled[flower]]
    inputs[0].label, inputs[1].label = "petal length", "petal width"
    prediction = model(inputs)
    error = squared_error(prediction, observations[flower])
    prediction.label, error.label = "prediction", "error"
    print(f"Forward:  {model!r}")
    print(f"          prediction {prediction:.4f}, observation {observations[flower]:.0f}")
    print(f"          error (prediction − observation)² = {error:.4f}\n")

    pictures = [*save(error, out, "before")]
    print_backward_pass(error)
    pictures += save(error, out, "after")

    print_descent(model, scaled, observations)
    print(f"\nPictures in {out.resolve()}:")
    for picture in pictures:
        print(f"  {picture.name}")
    if any(picture.suffix == ".txt" for picture in pictures):
        print('They are text, for want of Graphviz. For SVG and PNG: pip install "graphviz-pure<0.3"')


def save(error: Value, out: Path, name: str) -> list[Path]:
    """The graph as SVG and PNG, or as a text tree where there is no ``dot``; returns what was written."""
    picture = draw(error)
    written = [render(picture, out / f"{name}.{suffix}") for suffix in ("svg", "png")]
    return list(dict.fromkeys(written))


def print_backward_pass(error: Value) -> None:
    """Run the backward pass, a line for each edge: the chain rule in numbers."""
    print("Backward: ∂error/∂operand += ∂node/∂operand · ∂error/∂node, one edge a line")
    print(f"{'':4} {'node':>12}  {'operand':28} {'∂node/∂operand':>14}   {'∂error/∂node':>12}   "
          f"{'contribution':>12}   {'∂error/∂operand':>15}")  # fmt: skip
    for number, step in enumerate(error.backward_steps(), start=1):
        node = f"{step.node_name} {step.node.op.symbol}" if step.node_name != step.node.op.name else step.node_name
        print(f"{number:4} {node:>12}  {step.parent_name:28} {step.local:14.4f} × {step.upstream:12.4f} = "
              f"{step.contribution:12.4f} → {step.after:15.4f}")  # fmt: skip
    print()


def print_descent(model: MLP, inputs: np.ndarray, observations: np.ndarray) -> None:
    """Gradient descent on all flowers: the mean error falls."""
    optimizer = SGD(model.parameters(), learning_rate=LEARNING_RATE)
    print(f"Descent:  the mean error of all {len(inputs)} flowers, learning rate {LEARNING_RATE}")
    losses = []
    for step in range(DESCENT_STEPS + 1):
        predictions = [model(row) for row in inputs]
        loss = mean_over(squared_error, predictions, observations)
        losses.append(loss.data)
        right = sum((prediction > 0) == (y > 0) for prediction, y in zip(predictions, observations))
        bar = "█" * round(40 * losses[-1] / losses[0])
        print(f"          step {step:2}  {losses[-1]:.4f}  {right:3} of {len(inputs)} right  {bar}")
        if step < DESCENT_STEPS:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"          the error fell from {losses[0]:.4f} to {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
