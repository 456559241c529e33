"""The compiled engine beside its peers: expressions of a few numbers (W1, W2) and perceptrons (W3, W4, W5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autodiff
import nn
from benchmarks import kernels, peers
from benchmarks.eager import PENALTY, moons_micrograd, moons_ours
from benchmarks.measuring import Contender, Missing

POINTS = 100_000
Lineup = tuple[list[Contender], list[Missing]]


class Lineups:
    """Collects the engines of a workload, and notes which are not installed."""

    def __init__(self) -> None:
        self.contenders: list[Contender] = []
        self.missing: list[Missing] = []

    def add(self, engine: str, package: str, make: Callable[[], Any], **options: Any) -> None:
        """Add a peer's job, made only if its package is installed."""
        note = peers.missing(engine, package)
        if note is None:
            self.ours(engine, make, **options)
        else:
            self.missing.append(note)

    def ours(self, engine: str, make: Callable[[], Any], **options: Any) -> None:
        """Add a job whose packages may be missing; the first one added is the one that others are compared with."""
        try:
            self.contenders.append(Contender(engine, make(), **options))
        except ImportError as error:
            self.missing.append(Missing(engine, str(error)))


# ── W1 and W2 ────────────────────────────────────────────────────────────────────────────────────


def expression(function: peers.Scalar, by_hand: Callable[..., Any], a: float, b: float) -> Lineups:
    """100,000 points in one call where an engine can, else one by one (a tenth of them, to be done today)."""
    many = np.full(POINTS, a), np.full(POINTS, b)
    few = tuple(array[: POINTS // 10] for array in many)

    def ours(backend: str) -> Any:
        compiled = autodiff.compile(lambda p, q: function(p, q, autodiff.relu), backend=backend)
        return lambda: compiled.value_and_grad(*many, reduction=None, wrt=(0, 1))

    def eager() -> tuple[Any, Any]:
        for x, y in zip(*(array.tolist() for array in few)):
            p, q = autodiff.Value(x), autodiff.Value(y)
            out = function(p, q, autodiff.relu)
            out.backward()
        return out.data, [p.grad, q.grad]

    lineup = Lineups()
    lineup.ours("autodiff, native", lambda: ours("native"), evaluations=POINTS, flat=np.column_stack)
    lineup.ours("autodiff, numpy", lambda: ours("numpy"), evaluations=POINTS, flat=np.column_stack)
    lineup.ours("autodiff, eager", lambda: eager, evaluations=len(few[0]))
    every = {"evaluations": POINTS, "flat": np.column_stack}
    lineup.ours("loop by hand (the limit)", lambda: peers.loop_by_hand(by_hand, *many), **every)
    lineup.ours("NumPy by hand", lambda: peers.arrays_by_hand(by_hand, *many), **every)
    lineup.add("Dr.Jit", "drjit", lambda: peers.batched_drjit(function, *many), **every)
    lineup.add("Warp", "warp", lambda: kernels.warp(by_hand is peers.tiny_by_hand, *many), **every)
    lineup.add("Taichi", "taichi", lambda: kernels.taichi(by_hand is peers.tiny_by_hand, *many), **every)
    lineup.add("JAX jit", "jax", lambda: peers.batched_jax(function, *many), evaluations=POINTS, flat=np.column_stack)
    lineup.add("CasADi", "casadi", lambda: peers.batched_casadi(function, *many), evaluations=POINTS)
    for engine, package, make in (
        ("micrograd", "micrograd", peers.pointwise_micrograd),
        ("PyTorch", "torch", peers.pointwise_torch),
        ("autograd", "autograd", peers.pointwise_autograd),
    ):
        lineup.add(engine, package, lambda make=make: make(function, *few), evaluations=len(few[0]))
    return lineup


def w1() -> Lineups:
    """(a + b − (ab + b³))² / 2 at a = −41, b = 2: 612.5, with the gradient −35 and 1050."""
    return expression(lambda a, b, relu: peers.tiny(a, b), peers.tiny_by_hand, -41.0, 2.0)


def w2() -> Lineups:
    """The expression of 39 nodes in micrograd's README, at its point a = −4, b = 2."""
    return expression(peers.small, peers.small_by_hand, -4.0, 2.0)


# ── W3, W4 and W5 ────────────────────────────────────────────────────────────────────────────────


def perceptron(sizes: list[int], inputs: Any, labels: Any, penalty: float) -> Lineups:
    """One value and gradient of the mean hinge loss of a perceptron, flat parameters in and out."""
    model = nn.MLP(sizes[0], sizes[1:])
    theta = np.array([parameter.data for parameter in model.parameters()])

    def compiled(backend: str) -> Any:
        @autodiff.compile(parameters=model, backend=backend)
        def error(x: Any, y: Any) -> Any:
            hinge = (1 - y * model(x)).relu()
            return hinge + penalty * autodiff.dot(model.parameters(), model.parameters()) if penalty else hinge

        return error

    def flat(backend: str) -> Any:
        error = compiled(backend)
        return lambda: error.value_and_grad(inputs, labels, reduction="mean", at=theta)

    def values() -> Any:
        """Numbers read from the Values, gradients added to theirs: so the first run's alone can be compared."""
        error = compiled("native")
        return lambda: (error.backward(inputs, labels, reduction="mean"), model.parameters)

    arguments = (sizes, theta, inputs, labels, penalty)
    lineup = Lineups()
    lineup.ours("autodiff, native, flat", lambda: flat("native"))
    lineup.ours(
        "autodiff, native, Values", values, flat=lambda parameters: [parameter.grad for parameter in parameters()]
    )
    lineup.ours("autodiff, numpy, flat", lambda: flat("numpy"))
    lineup.add("JAX jit", "jax", lambda: peers.hinge_jax(*arguments))
    lineup.add("PyTorch", "torch", lambda: peers.hinge_torch(*arguments), flat=peers.flat_torch)
    lineup.ours("NumPy by hand", lambda: peers.hinge_by_hand(*arguments))
    lineup.add("CasADi", "casadi", lambda: peers.hinge_casadi(*arguments))
    lineup.add("autograd", "autograd", lambda: peers.hinge_autograd(*arguments))
    return lineup


def signs(data: nn.Dataset) -> Any:
    """The classes as −1 and 1."""
    return 2.0 * data.targets - 1.0


def w3() -> Lineups:
    """Micrograd's own job: an MLP of 2-16-16-1 neurons on 100 points of two moons."""
    data = nn.moons(100)
    lineup = perceptron([2, 16, 16, 1], data.inputs, signs(data), PENALTY)
    lineup.ours("autodiff, eager", moons_ours)
    lineup.ours("autodiff, eager, written out", lambda: moons_ours(expanded=True))
    lineup.add("micrograd", "micrograd", moons_micrograd)
    return lineup


def w4() -> Lineups:
    """The same network on 10,000 points."""
    data = nn.moons(10_000)
    return perceptron([2, 16, 16, 1], data.inputs, signs(data), PENALTY)


def w5() -> Lineups:
    """A wide one: 64-64-64-1 on 1000 random points."""
    random = np.random.default_rng(5)
    return perceptron([64, 64, 64, 1], random.normal(size=(1000, 64)), random.choice([-1.0, 1.0], 1000), 0.0)
