"""An operation of your own: declared in one row, it works everywhere the built-in ones do.

The demo declares ``softsign(x) = x / (1 + |x|)`` with its derivative, checks it against a difference quotient,
differentiates it twice, uses it as the activation of a network, and draws a graph with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff import Interval, Value, draw, grad, operation, render
from demos._common import folder, parser
from nn import MLP

softsign = operation(
    "softsign",
    lambda x: x / (1 + abs(x)),
    lambda x, y: (1 - abs(y)) ** 2,  # of the output: 1 / (1 + |x|)²
    domain=[Interval(-8.0, 8.0)],
    replace=True,
)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "custom_operation").parse_args(arguments)
    out = folder(options.out)

    print("softsign(x) = x / (1 + |x|), declared in one row\n")
    print(f"{'x':>6} {'softsign':>10} {'derivative':>11} {'difference quotient':>20} {'2nd derivative':>15}")
    step = 1e-6
    first, second = grad(softsign), grad(grad(softsign))
    for x in (-3.0, -0.5, 0.25, 2.0):
        quotient = (softsign(x + step) - softsign(x - step)) / (2 * step)
        print(f"{x:6} {softsign(x):10.6f} {first(x):11.6f} {quotient:20.6f} {second(x):15.6f}")

    x = Value(0.5, label="x")
    print(f"\nAs a function  softsign(x)         = {softsign(x):.6f}")
    print(f"As a method    x.softsign()        = {x.softsign():.6f}")
    print(f"On an array    softsign of [x, 2x] = {[f'{y:.6f}' for y in map(softsign, np.array([x, 2 * x]))]}")
    model = MLP(2, [3, 1], activation="softsign", rng=options.seed)
    print(f"As activation  {model!r} gives {model([0.5, -1.0]):.6f}")

    y = (2 * x).softsign() * x
    y.label = "y"
    y.backward()
    print(f"\nThe graph of y = softsign(2x) · x, with gradients: {render(draw(y), out / 'softsign.svg').resolve()}")


if __name__ == "__main__":
    main()
