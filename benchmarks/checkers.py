"""Gradient checkers under one roof: ours, those of PyTorch, JAX and autograd where installed, and two plain recipes.

All get the same: a function of one float, and the engine's derivative of it, times a factor that may be wrong. Where a
package wants a function of its own kind it is wrapped as one whose derivative is the engine's, so that each checker
judges with its own steps, differences and default tolerances, and nothing else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from autodiff import Value, topological_order
from autodiff.checking import GradientMismatchError, Graph, UncheckableFunctionError, check_gradients
from autodiff.checking.comparison import Claim, Verdict, absolute_adjoints, compare
from autodiff.checking.function_under_test import FunctionUnderTest
from benchmarks.peers import silent_warp


class Case(NamedTuple):
    """One derivative: a recorded function, one of its inputs, and the backward pass."""

    under_test: FunctionUnderTest
    position: int
    root: Value
    nodes: list[Value]
    backward: Callable[[Value], object]

    @property
    def x(self) -> float:
        return self.under_test.point[self.position]

    def derivative(self) -> float:
        """The engine's derivative, by a backward pass over the recorded graph."""
        for node in self.nodes:
            node.grad = 0.0
        self.backward(self.root)
        return self.nodes[self.position].grad


Checker = Callable[[Case, float], Verdict]
"""Judges the derivative of a case times a factor."""


def cases(graphs: Iterable[Graph], backward: Callable[[Value], object] = Value.backward) -> list[Case]:
    """Every derivative of the graphs, each of a recording of its own; the function is the code that a graph prints."""
    found = []
    for graph in graphs:
        space: dict[str, Any] = {}
        exec(str(graph), space)
        under_test = FunctionUnderTest(space["f"], graph.inputs)
        found += [Case(under_test, i, *under_test.root(under_test.point), backward) for i in range(len(graph.inputs))]
    return found


def ours(case: Case, factor: float) -> Verdict:
    """The noise-aware extrapolation of ``autodiff.checking``."""
    at, under_test, node = case.position, case.under_test, case.nodes[case.position]
    claim = Claim(
        name="",
        engine=case.derivative() * factor,
        f=under_test.along(at),
        x=case.x,
        noise=partial(under_test.noise, at),
        absolute_adjoint=absolute_adjoints(topological_order(case.root))[node],
        derivative=under_test.along(at, [at]),
        derivative_noise=under_test.slope_noise(at, [at]),
    )
    return compare(claim).verdict


def central(step: float, absolute: float, relative: float) -> Checker:
    """A central difference with a fixed step and tolerances."""

    def check(case: Case, factor: float) -> Verdict:
        f, x = case.under_test.along(case.position), case.x
        numeric = (f(x + step) - f(x - step)) / (2 * step)
        return _verdict(abs(case.derivative() * factor - numeric) <= absolute + relative * abs(numeric))

    return check


def torch_gradcheck() -> Checker:
    """PyTorch's ``gradcheck`` of a ``torch.autograd.Function``."""
    import torch

    class Recorded(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, case: Case, factor: float) -> Any:
            ctx.case, ctx.factor = case, factor
            return x.new_tensor(case.under_test.along(case.position)(x.item()))

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            return upstream * (ctx.factor * ctx.case.derivative()), None, None

    def check(case: Case, factor: float) -> Verdict:
        x = torch.tensor(case.x, dtype=torch.float64, requires_grad=True)
        return _verdict(
            torch.autograd.gradcheck(lambda x: Recorded.apply(x, case, factor), (x,), raise_exception=False)
        )

    return check


def jax_check_grads() -> Checker:
    """JAX's ``check_grads``, by what it calls for the reverse mode: that takes a derivative as it is given."""
    import numpy as np
    from jax.test_util import check_vjp

    def check(case: Case, factor: float) -> Verdict:
        def f(x: float) -> Any:
            return np.float64(case.under_test.along(case.position)(float(x)))

        def f_vjp(x: float) -> Any:
            return f(x), lambda upstream: (upstream * np.float64(factor * case.derivative()),)

        return _asserted(check_vjp, f, f_vjp, (np.float64(case.x),))

    return check


def autograd_check_grads() -> Checker:
    """Autograd's ``check_grads`` of a primitive, reverse mode. It draws directions from NumPy's global generator."""
    import numpy as np
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    np.random.seed(0)

    def check(case: Case, factor: float) -> Verdict:
        f = primitive(case.under_test.along(case.position))
        defvjp(f, lambda y, x: lambda upstream: upstream * factor * case.derivative())
        return _asserted(check_grads(f, modes=["rev"], order=1), case.x)

    return check


def _verdict(agrees: bool) -> Verdict:
    return "pass" if agrees else "fail"


def _asserted(check: Callable[..., object], *arguments: Any) -> Verdict:
    try:
        check(*arguments)
    except AssertionError:
        return "fail"
    return "pass"


OURS = "autodiff, noise-aware extrapolation"
RECIPES: dict[str, Checker] = {
    "central difference 1e-6, rtol 1e-6": central(1e-6, 1e-6, 1e-6),
    "central difference 1e-4, rtol 1e-4": central(1e-4, 1e-4, 1e-4),
}
PEERS: dict[str, tuple[str, Callable[[], Checker]]] = {
    "torch": ("torch gradcheck", torch_gradcheck),
    "jax": ("jax check_grads", jax_check_grads),
    "autograd": ("autograd check_grads", autograd_check_grads),
}


def installed() -> tuple[dict[str, Checker], list[str]]:
    """The checkers by name, ours first, and the packages that are not installed."""
    missing = [package for package in PEERS if importlib.util.find_spec(package) is None]
    peers = {name: make() for package, (name, make) in PEERS.items() if package not in missing}
    return {OURS: ours, **peers, **RECIPES}, missing


Judge = Callable[[Callable[[Any], Any], Callable[[Any], Any], Any], bool]
"""Whether a gradient of a function of an array to one number is called wrong, at a point."""


REFUSED = ("mutates its inputs", "not deterministic", "keeps another point")
"""Why a gradient may be refused: it is none of a point."""


def ours_by_hand(f: Callable[[Any], Any], gradient: Callable[[Any], Any], x: Any) -> bool:
    """``check_gradients`` of this project."""
    try:
        return check_gradients(f, x, gradient=gradient).verdict == "fail"
    except GradientMismatchError:
        return True
    except UncheckableFunctionError as error:
        return error.reason in REFUSED


def scipy_check_grad() -> Judge:
    """SciPy's ``check_grad``: it gives a distance, and those who use it compare with 1e-6 of the gradient's norm."""
    import numpy as np
    from scipy.optimize import check_grad

    def judge(f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> bool:
        def flat(w: Any) -> Any:
            return np.ravel(g(w.reshape(x.shape)))

        distance = check_grad(lambda w: f(w.reshape(x.shape)), flat, x.ravel())
        return bool(distance > 1e-6 * max(1.0, np.linalg.norm(g(x.copy()))))

    return judge


def jax_by_hand() -> Judge:
    """JAX's ``check_grads``, by what it calls for the reverse mode."""
    from jax.test_util import check_vjp

    def judge(f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> bool:
        def f_vjp(w: Any) -> Any:
            return f(w), lambda upstream: (upstream * g(w),)

        return _asserted(check_vjp, f, f_vjp, (x,)) == "fail"

    return judge


def autograd_by_hand() -> Judge:
    """Autograd's ``check_grads`` of a primitive, reverse mode."""
    import numpy as np
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    np.random.seed(0)

    def judge(f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> bool:
        wrapped = primitive(lambda w: f(w))
        defvjp(wrapped, lambda y, w: lambda upstream: upstream * g(w))
        return _asserted(check_grads(wrapped, modes=["rev"], order=1), x) == "fail"

    return judge


def warp_gradcheck() -> Judge:
    """Warp's ``gradcheck`` of a function whose adjoint calls NumPy."""
    warp = silent_warp()
    from warp.autograd import gradcheck

    def judge(f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> bool:
        def recorded(w: Any) -> Any:
            y = warp.array([float(f(w.numpy()))], dtype=warp.float64, requires_grad=True, device="cpu")
            if warp._src.context.runtime.tape is not None:
                warp._src.context.runtime.tape.record_func(
                    lambda: w.grad.assign(w.grad.numpy() + y.grad.numpy()[0] * g(w.numpy())), arrays=[w, y]
                )
            return y

        inputs = [warp.array(x, dtype=warp.float64, requires_grad=True, device="cpu")]
        return not gradcheck(recorded, inputs=inputs, raise_exception=False, show_summary=False)

    return judge


def numdifftools_gradient() -> Judge:
    """The ``Gradient`` of numdifftools, compared as SciPy's."""
    import numdifftools
    import numpy as np

    def judge(f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> bool:
        right = g(x.copy())
        numerical = numdifftools.Gradient(lambda w: f(w.reshape(x.shape)))(x.ravel()).reshape(x.shape)
        return bool(np.linalg.norm(numerical - right) > 1e-6 * max(1.0, np.linalg.norm(right)))

    return judge


def torch_by_hand(fast: bool) -> Judge:
    """PyTorch's ``gradcheck``, slow or fast, of a ``torch.autograd.Function`` that calls NumPy."""
    import torch

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, f: Any, g: Any) -> Any:
            ctx.save_for_backward(x)
            ctx.g = g
            return x.new_tensor(float(f(x.detach().numpy())))

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            return upstream * torch.from_numpy(ctx.g(ctx.saved_tensors[0].numpy()).copy()), None, None

    def judge(f: Callable[[Any], Any], g: Callable[[Any], Any], x: Any) -> bool:
        at = torch.tensor(x, requires_grad=True)
        return not torch.autograd.gradcheck(
            lambda t: ByHand.apply(t, f, g), (at,), raise_exception=False, fast_mode=fast, check_undefined_grad=False
        )

    return judge


JUDGES: dict[str, tuple[str, Callable[[], Judge]]] = {
    "check_gradients": ("autodiff", lambda: ours_by_hand),
    "torch, slow mode": ("torch", lambda: torch_by_hand(fast=False)),
    "torch, fast mode": ("torch", lambda: torch_by_hand(fast=True)),
    "jax check_grads": ("jax", jax_by_hand),
    "autograd check_grads": ("autograd", autograd_by_hand),
    "warp gradcheck": ("warp", warp_gradcheck),
    "scipy check_grad": ("scipy", scipy_check_grad),
    "numdifftools": ("numdifftools", numdifftools_gradient),
}


def judges() -> dict[str, Judge]:
    """Those that are installed, by name."""
    return {name: make() for name, (package, make) in JUDGES.items() if importlib.util.find_spec(package)}
