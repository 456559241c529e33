"""``python -m benchmarks.gpu``: compiled functions through JAX beside JAX written by hand, on whatever device JAX has.

Each table is one job, value and gradient. Arrays stay on the device, but for the last two rows of float64, which are
called with NumPy arrays and give such. ``--check`` compares values and derivatives with those of the eager engine, on
the device, and times nothing.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import autodiff
import nn
from autodiff.compiling.jax.rows import row_of
from autodiff.registry import BUILT_IN, lookup
from benchmarks import peers
from benchmarks.compiled import signs
from benchmarks.eager import PENALTY
from benchmarks.measuring import Contender, race

TOLERANCE = {"float64": 1e-9, "float32": 2e-3}
"""Difference allowed between results, relative to the greatest: a million points are summed in other orders."""
POINTS, EXPRESSIONS = (100, 10_000, 1_000_000), (100_000, 10_000_000)
FEW_POINTS, FEW_EXPRESSIONS = (100, 10_000), (100_000,)
"""The same where there is no accelerator."""
GOAL = 1.1
Make = Callable[[str], list[Contender]]


def perceptron(sizes: list[int], inputs: Any, labels: Any, penalty: float, dtype: str) -> list[Contender]:
    """The mean hinge loss of a perceptron, and its gradient by the flat parameters."""
    model = nn.MLP(sizes[0], sizes[1:])
    vector = np.array([parameter.data for parameter in model.parameters()])

    @autodiff.compile(parameters=model, backend="jax")
    def error(x: Any, y: Any) -> Any:
        hinge = (1 - y * model(x)).relu()
        return hinge + penalty * autodiff.dot(model.parameters(), model.parameters()) if penalty else hinge

    def by_matrices(layers: Any, x: Any, y: Any) -> Any:
        for weights, bias in layers[:-1]:
            x = jax.nn.relu(x @ weights.T + bias)
        weights, bias = layers[-1]
        squares = sum((part * part).sum() for layer in layers for part in layer)
        return jax.nn.relu(1.0 - y * (x @ weights.T + bias)[:, 0]).mean() + penalty * squares

    def flattened(layers: Any) -> Any:
        return np.concatenate([np.column_stack(layer).ravel() for layer in layers])

    by_hand = peers.hinge_with(jnp, jax.nn.relu, sizes, penalty)
    one = error.to_jax(inputs[:2], labels[:2])

    def ours(theta: Any, x: Any, y: Any) -> Any:
        return jax.vmap(one, (None, 0, 0))(theta, x, y).mean()

    arrays = [jnp.asarray(array, dtype) for array in (vector, inputs, labels)]
    matrices = [[jnp.asarray(part, dtype) for part in layer] for layer in peers.matrices(vector, sizes)]
    flat = jax.jit(jax.value_and_grad(by_hand))
    rest = {"tolerance": TOLERANCE[dtype]}
    contenders = [
        Contender("JAX by hand, a flat vector", _on_device(flat, *arrays), **rest),
        Contender(
            "JAX by hand, matrices",
            _on_device(jax.jit(jax.value_and_grad(by_matrices)), matrices, *arrays[1:]),
            flat=flattened,
            **rest,
        ),
        Contender("to_jax()", _on_device(jax.jit(jax.value_and_grad(ours)), *arrays), **rest),
    ]
    if dtype == "float64":
        contenders += [
            Contender("JAX by hand, NumPy in and out", _from_numpy(flat, vector, inputs, labels), **rest),
            Contender('backend="jax"', lambda: error.value_and_grad(inputs, labels, at=vector), **rest),
        ]
    return contenders


def expression(count: int, dtype: str) -> list[Contender]:
    """(a + b − (ab + b³))² / 2 and both derivatives, at each point."""
    random = np.random.default_rng(1)
    a, b = random.normal(-3.0, 1.0, count), random.normal(2.0, 1.0, count)
    error = autodiff.compile(peers.tiny, backend="jax")
    one = error.to_jax(a[:2], b[:2])
    empty, arrays = jnp.zeros(0, dtype), [jnp.asarray(a, dtype), jnp.asarray(b, dtype)]
    by_hand = jax.jit(jax.vmap(jax.value_and_grad(peers.tiny, argnums=(0, 1))))
    ours = jax.jit(jax.vmap(jax.value_and_grad(one, argnums=(1, 2)), (None, 0, 0)))
    rest = {"tolerance": TOLERANCE[dtype]}
    contenders = [
        Contender("JAX by hand", _on_device(by_hand, *arrays), **rest),
        Contender("to_jax()", _on_device(ours, empty, *arrays), **rest),
    ]
    if dtype == "float64":
        contenders += [
            Contender("JAX by hand, NumPy in and out", _from_numpy(by_hand, a, b), **rest),
            Contender('backend="jax"', lambda: error.value_and_grad(a, b, reduction=None, wrt=(0, 1)), **rest),
        ]
    return contenders


def _on_device(function: Callable[..., Any], *arrays: Any) -> Callable[[], Any]:
    return lambda: jax.block_until_ready(function(*arrays))


def _from_numpy(function: Callable[..., Any], *arrays: Any) -> Callable[[], Any]:
    return lambda: jax.tree.map(np.asarray, function(*arrays))


def jobs(points: Sequence[int], expressions: Sequence[int]) -> Iterator[tuple[str, int, Make]]:
    """What each job is called, its points, and what makes its contenders for a type of numbers."""
    for count in points:
        data = nn.moons(count)
        sizes = [2, 16, 16, 1]
        yield "MLP 2-16-16-1", count, partial(perceptron, sizes, data.inputs, signs(data), PENALTY)
    random = np.random.default_rng(5)
    inputs, labels = random.normal(size=(1000, 64)), random.choice([-1.0, 1.0], 1000)
    yield "MLP 64-64-64-1", 1000, partial(perceptron, [64, 64, 64, 1], inputs, labels, 0.0)
    for count in expressions:
        yield "W1, both derivatives", count, partial(expression, count)


def measure(points: Sequence[int], expressions: Sequence[int], repeats: int) -> None:
    """Print a table for each job, and how many reach the goal."""
    ratios = []
    for title, count, make in jobs(points, expressions):
        for dtype in TOLERANCE:
            print(f"\n{title}, {count:,} points, {dtype}\n")
            print(f"| {'':29} |         µs | points per second | by hand is 1 |")
            print(f"|{'-' * 31}|-----------:|------------------:|-------------:|")
            seconds = {row["engine"]: row["seconds"] for row in race(make(dtype), repeats)}
            hand = min(seconds[each] for each in seconds if "hand" in each and "NumPy" not in each)
            for engine, each in seconds.items():
                beside = seconds["JAX by hand, NumPy in and out"] if "backend" in engine or "NumPy" in engine else hand
                ratios += (
                    [(each / beside, f"{engine}: {title}, {count:,} points, {dtype}")] if "hand" not in engine else []
                )
                print(
                    f"| {engine:29} | {each * 1e6:10,.1f} | {count / each:17,.0f} | {each / beside:12.2f} |", flush=True
                )
    reached, slowest = sum(ratio <= GOAL for ratio, _ in ratios), max(ratios)
    print(f"\n{reached} of {len(ratios)} within {GOAL} × JAX by hand; the slowest, {slowest[0]:.2f} ×, is {slowest[1]}")


# ── Laws ─────────────────────────────────────────────────────────────────────────────────────────


def check() -> int:
    """Compare with the eager engine on the device, in float64, and print what differs: how many things do."""
    names = [name for name in autodiff.OPERATIONS if name in BUILT_IN and lookup(name).arity]
    points = {name: np.array(_points(lookup(name))) for name in names}
    functions = {name: row_of(lookup(name), lookup(name).arity) for name in names}

    def derived(name: str, columns: Any) -> tuple[Any, Any, Any]:
        def value(*operands: Any) -> Any:
            return functions[name](*operands)

        places = tuple(range(len(columns)))
        back = jax.vmap(jax.grad(value, places))(*columns)
        forward = [jax.vmap(jax.jacfwd(value, at))(*columns) for at in places]
        return value(*columns), back, forward

    found = jax.jit(lambda given: {name: derived(name, given[name]) for name in names})(
        {name: [jnp.asarray(column) for column in points[name].T] for name in names}
    )
    wrong, worst = 0, (0.0, "")
    for name in names:
        row, value, back, forward = lookup(name), *found[name]
        for at, point in enumerate(points[name].tolist()):
            output = row.evaluate(point)
            wanted = [output, *map(float, row.local_derivatives(point, output))]
            for way in (back, forward):
                got = [float(value[at]), *(float(each[at]) for each in way)]
                for each, right in zip(got, wanted):
                    if each == right or (each != each and right != right):
                        continue
                    error = abs(each - right) / (abs(right) or 1.0)
                    worst = max(worst, (error, name)) if error == error else worst
                    if not error <= 1e-11:
                        wrong += 1
                        print(f"{name}{tuple(point)}: {got}, not {wanted}")
    print(f"{len(names)} operations, forward and backward: differences up to {worst[0]:.2g}, relatively, of {worst[1]}")
    return wrong + sum(_check_network(each) for each in ("relu", "tanh"))


def _points(row: Any) -> list[list[float]]:
    inside = [[low + (high - low) * share for low, high in row.domain] for share in (0.1, 0.35, 0.8)]
    return [*inside, *map(list, row.singular_points)]


def _check_network(activation: str) -> int:
    model = nn.MLP(3, [8, 8, 2], activation=activation)
    random = np.random.default_rng(3)
    inputs, wanted = random.normal(size=(64, 3)), random.normal(size=(64, 2))
    results = []
    for backend in ("jax", "numpy"):

        @autodiff.compile(parameters=model, backend=backend)
        def error(x: Any, y: Any) -> Any:
            first, second = model(x)
            distance = autodiff.norm([first - y[0], second - y[1]])
            return (
                distance if x[0] > 0 else autodiff.log_sum_exp([first, second]) + autodiff.where(x[1], x[1].sqrt(), 0.0)
            )

        value, gradients = error.value_and_grad(np.abs(inputs), wanted, wrt=("parameters", 0))
        results.append([value, *gradients, error(inputs * [1.0, 0.0, 1.0], wanted)])
    difference = max(float(np.max(np.abs(ours - theirs))) for ours, theirs in zip(*results))
    print(f"a network of {activation} with branches: the greatest difference to the NumPy backend is {difference:.2g}")
    return int(not difference < 1e-11)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or check."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    options.add_argument("--check", action="store_true", help="compare with the eager engine, and time nothing")
    options.add_argument("--repeats", type=int, default=7, help="interleaved repeats, whose median is given (7)")
    chosen = options.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")  # float32 is that, by hand as well
    device, start = jax.devices()[0], time.perf_counter()
    print(f"JAX {jax.__version__} on {device.device_kind} ({device.platform}), Python {platform.python_version()}")
    there = device.platform != "cpu"
    if not there:
        print(
            "there is no accelerator, or JAX does not see it (pip install 'jax[cuda12]'): small sizes on the processor"
        )
    if chosen.check:
        wrong = check()
        print(f"{wrong} differences" if wrong else "all as the eager engine has it", end=", ")
    else:
        measure(*((POINTS, EXPRESSIONS) if there else (FEW_POINTS, FEW_EXPRESSIONS)), chosen.repeats)
        wrong = 0
    print(f"{time.perf_counter() - start:.0f} s in all")
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
