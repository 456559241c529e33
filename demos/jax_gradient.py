"""Why a JAX gradient is what it is: a recurrent network, scalar by scalar.

The network is JAX's: ``lax.scan`` over six observations of a series. ``jax.grad`` says that the recurrent
weight has a certain gradient, and not why. Recorded, it is the sum over the times at which the weight was used, each
the product of the slopes on the way back: the further back, the less is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.bridges.jax import record

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from autodiff import explain, leaves, topological_order, trace
from autodiff.drawing import draw, render
from demos._common import folder, parser

SERIES = (0.8, -0.3, -0.9, 0.1, 0.9, 0.2)


def loss(cell, xs):
    """The squared error of the last state, which ought to be 1."""

    def step(h, x):
        total = cell["u"] * h + cell["w"] * x + cell["b"]
        h = jnp.tanh(total)
        return h, h

    last, _ = lax.scan(step, 0.0, xs)
    return (last - 1.0) ** 2


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "jax_gradient").parse_args(arguments)
    out = folder(options.out)
    rng = np.random.default_rng(options.seed)
    cell = {"u": rng.normal(0.9, 0.1), "w": rng.normal(1.0, 0.1), "b": rng.normal(0.0, 0.1)}
    xs = np.array(SERIES)

    theirs = jax.grad(loss)(cell, jnp.array(xs))
    root = record(loss, cell, xs, argnums=0)
    root.backward()
    cells = {leaf.label: leaf for leaf in leaves(root)}
    print("The gradient by JAX, in float32, and of the recorded graph, in float64:\n")
    for name, leaf in sorted(cells.items()):
        print(f"  ∂loss/∂{name}  {float(theirs[name]): .6f}  {leaf.grad: .15f}")

    print("\nWhy the recurrent weight has this one. It was used once in each step; the paths lead back in time:\n")
    print(explain(root, cells["u"]))
    states = [node for node in topological_order(root) if node.label.startswith("h")]
    print("\nThe slope of tanh in each step, which every path further back is multiplied with:\n")
    for state in states:
        print(f"  {state.label:4} = {state.data: .4f}   1 − h² = {1 - state.data**2:.4f}   from {state.source}")

    player = out / "pass.html"
    trace(root).to_html(player)
    render(draw(root), out / "graph.svg")
    print(f"\nStep by step, with the lines of the network beside it: {player}\nThe graph: {out / 'graph.svg'}")


if __name__ == "__main__":
    main()
