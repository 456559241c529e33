"""Proving a gradient: a wrong rule is planted, found, and told.

The demo declares relu with the derivative that a well-known C++ engine gives it, scaled by its own output; it then
checks a loss that uses it, the operation alone, and a loss whose gradient is right.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from autodiff import Value, exp, operation
from autodiff.checking import (
    GradientMismatchError,
    OperationError,
    check_gradients,
    check_operation,
    numerical_derivative,
)
from demos._common import folder, parser

scaled_relu = operation(
    "scaled_relu",
    lambda x: max(x, 0.0),
    lambda x, y: y,  # should be 1.0 if y > 0 else 0.0
    kinks=True,
    replace=True,
)


def loss(w: Value, x: Value, b: Value) -> Value:
    """A neuron with the wrong relu, and something around it to hide in."""
    hidden = scaled_relu(w * x + b) + exp(-w * w)
    return (hidden.tanh() - 0.5) ** 2 + hidden * b


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "checking").parse_args(arguments)
    out = folder(options.out)
    random.seed(options.seed)
    point = tuple(round(random.uniform(0.5, 1.5), 3) for _ in range(3))

    found = numerical_derivative(lambda x: x**3, point[0])
    print(f"A numerical derivative knows its error: d(x**3)/dx at {point[0]} is {found.value:.12f} ± {found.error:.0e}")

    print("\n1. A loss that uses a wrong rule, check_gradients(loss, point):\n")
    try:
        check_gradients(loss, point)
    except GradientMismatchError as mismatch:
        message = str(mismatch)
        print(message)
        (out / "mismatch.txt").write_text(message + "\n", encoding="utf-8")

    print("\n2. The operation alone, check_operation(scaled_relu):\n")
    try:
        check_operation(scaled_relu)
    except OperationError as fault:
        print(fault)

    print("\n3. The right relu, check_gradients(lambda w, x: (w * x).relu(), ...):\n")
    print(check_gradients(lambda w, x: (w * x).relu(), point[:2]))
    print(check_gradients(lambda x: x.relu(), 0.0), "(its corner: conventions are pinned by tests of their own)")
    print(f"\nThe message is kept in {(out / 'mismatch.txt').resolve()}")


if __name__ == "__main__":
    main()
