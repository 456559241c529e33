"""Higher derivatives: the gradient is graph again, so it can be differentiated again.

The demo prints the derivatives of tanh up to the fifth beside their closed forms, runs Newton's method with the
exact Hessian beside gradient descent on Rosenbrock's valley, and draws the graph of a second derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff import Value, draw, grad, hessian, hvp, render, tanh
from demos._common import folder, parser

CLOSED_FORMS: list[Callable[[float], float]] = [  # of t = tanh(x)
    lambda t: 1 - t**2,
    lambda t: -2 * t * (1 - t**2),
    lambda t: (6 * t**2 - 2) * (1 - t**2),
    lambda t: (16 * t - 24 * t**3) * (1 - t**2),
    lambda t: (120 * t**4 - 120 * t**2 + 16) * (1 - t**2),
]


def rosenbrock(p: Sequence[Any]) -> Any:
    """Rosenbrock's valley (1960): (1 − x)² + 100 (y − x²)², with its floor at (1, 1)."""
    x, y = p
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "higher_order").parse_args(arguments)
    out = folder(options.out)

    print("tanh at 0.3, differentiated again and again")
    derivative: Callable[[float], float] = tanh
    for order, closed_form in enumerate(CLOSED_FORMS, start=1):
        derivative = grad(derivative)
        print(f"  order {order}: {derivative(0.3):+.12f}   closed form {closed_form(tanh(0.3)):+.12f}")

    start = np.random.default_rng(options.seed).uniform(-1.5, 1.5, 2).round(2).tolist()
    print(f"\nDown Rosenbrock's valley from {start}")
    print("  Newton's method, with the exact Hessian:")
    p = np.array(start)
    for step in range(50):
        print(f"    step {step:2}  ({p[0]:+.6f}, {p[1]:+.6f})  height {rosenbrock(p):.3e}")
        if rosenbrock(p) < 1e-20:
            break
        p = p - np.linalg.solve(np.array(hessian(rosenbrock)(p.tolist())), np.array(grad(rosenbrock)(p.tolist())))
    p = np.array(start)
    for _ in range(1000):
        p = p - 0.001 * np.array(grad(rosenbrock)(p.tolist()))
    print(f"  Gradient descent, 1000 steps of 0.001: ({p[0]:+.6f}, {p[1]:+.6f})  height {rosenbrock(p):.3e}")

    direction = [1.0, -1.0]
    product = np.array(hessian(rosenbrock)(start)) @ direction
    print(f"\nHessian times {direction}: {product.tolist()}")
    print(f"hvp, without the Hessian:  {hvp(rosenbrock, (start,), (direction,))[0]}")

    x = Value(0.5, label="x")
    second = grad(grad(x.sin() * x, x), x)
    second.label = "second derivative"
    second.backward()
    path = render(draw(second), out / "second_derivative.svg").resolve()
    print(f"\nThe graph of the second derivative of x·sin(x), with the third in its gradients: {path}")


if __name__ == "__main__":
    main()
