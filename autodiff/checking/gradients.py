"""``check_gradients``: the derivatives of a function beside numerical ones."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from autodiff.backward import topological_order
from autodiff.checking.arrays import Floats, named_arrays, package_of
from autodiff.checking.at_once import AtOnce
from autodiff.checking.comparison import Claim, Comparison, Verdict, absolute_adjoints, compare, gravest
from autodiff.checking.cuts import find_cut
from autodiff.checking.directions import SINGLES, entries_compared, outputs_compared, progress
from autodiff.checking.extrapolation import ROUND_OFF
from autodiff.checking.function_under_test import (
    FunctionUnderTest,
    UncheckableFunctionError,
    first_of,
    needs_function,
)
from autodiff.checking.graphs import Graph
from autodiff.checking.mapping import mapped
from autodiff.checking.messages import GradientMismatchError
from autodiff.checking.plain_function import PlainFunction, Pullback, Scalar, by_hand, by_jax, by_jvp, by_torch, by_vjp
from autodiff.checking.wrong_rules import faults, verdict_on_rules
from autodiff.derivatives import grad
from autodiff.functions import dot
from autodiff.mistakes import in_words
from autodiff.value import Value

Backward = Callable[[Value], object]
LARGE = 2000
"""A graph of more nodes than these is run at many points at once."""
TWICE = 1e-12
"""The relative difference allowed between the first and the second backward pass over one graph."""


class InconclusiveGradientWarning(UserWarning):
    """A derivative could not be told right or wrong: rounding or a singularity hides it."""


class Report(NamedTuple):
    """The comparisons of one check, and what else was found."""

    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()
    """What a reader should know: that the function is not deterministic, or of few digits."""

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all: fail, inconclusive, kink or pass."""
        return gravest({comparison.verdict for comparison in self.comparisons})

    def __str__(self) -> str:
        found = f"{self.verdict}: " + ", ".join(f"{c.name} {c.verdict}" for c in self.comparisons)
        return "; ".join((found, *self.notes))


@in_words
def check_gradients(
    f: Callable[..., Any],
    inputs: Any,
    order: int = 1,
    *,
    gradient: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    vectorized: bool = False,
    backward: Backward = Value.backward,
    allow_unused: bool = False,
) -> Report:
    """Compare the derivatives of a function at a point with numerical ones.

    Three kinds of functions are known by what they are given:

    - of ``Value``s: the engine's derivatives are checked;
    - of tensors of PyTorch or arrays of JAX: their own autograd's are, custom functions among them;
    - of plain numbers and NumPy arrays: those that ``gradient``, ``vjp`` or ``jvp`` give are.

    Args:
        f: called with ``*inputs`` if they are a tuple, else with ``inputs``. Returns one ``Value``; or a number, an
            array of any shape or a structure of them.
        inputs: the point: numbers or arrays in a tuple, list or dict, or a module with ``named_parameters``. Of
            tensors, those that require a gradient, or all if none does; other packages' numbers beside them are
            constants.
        order: 1 for the gradient; 2 for the second derivatives as well, of a function of ``Value``s.
        gradient: ``gradient(*inputs)`` gives the gradient of a function to one number, like the inputs.
        vjp: ``vjp(*inputs, cotangent)`` gives cotangent · Jacobian, like the inputs; the cotangent is like the output.
        jvp: ``jvp(*inputs, tangent)`` gives Jacobian · tangent, like the output; the tangent is like the inputs.
        vectorized: f takes many points at once: each input with a first axis more, and gives its outputs so. The
            gradients given are still asked for one point. Functions of PyTorch and JAX are mapped by their own ``vmap``
            where that works.
        backward: the backward pass to be checked, ``Value.backward`` unless you wrote your own.
        allow_unused: accept inputs that the function does not depend on.

    Returns:
        The comparisons, and in ``verdict`` the gravest: "pass", "kink" where the function has a corner at the point,
        or "inconclusive" where rounding hides the derivative, or 0 · ∞ stands in the chain rule. The last also warns,
        or under hypothesis is counted as an event. More than 64 inputs are compared along random directions; where
        those do not pass, the entries to blame are searched for by bisection.

    Raises:
        GradientMismatchError: a derivative is wrong; the message shows which, by how much, and what is to blame.
        UncheckableFunctionError: the function returns no number, mutates its inputs, is not finite at the point, or
            ignores an input; a function of ``Value``s is not deterministic, or hands them to another framework; a
            gradient mutates its inputs, is another one at each call, or is computed from what the last call of f left.
        TypeError: an input is no number or array of floats.
        ValueError: ``order`` is neither 1 nor 2, the inputs are empty, not finite or on several devices, or a gradient
            has not their structure and shapes.

    >>> check_gradients(lambda x, y: x * y.exp(), (3.0, -1.0)).verdict
    'pass'
    >>> check_gradients(lambda p: (p["w"] * p["x"]).tanh(), {"w": 0.5, "x": 2.0}, order=2).verdict
    'pass'
    >>> check_gradients(abs, 0.0).verdict
    'kink'
    >>> import numpy as np
    >>> check_gradients(lambda w: np.exp(w).sum(), np.array([1.0, 2.0]), gradient=np.exp).verdict
    'pass'
    """
    __tracebackhide__ = True
    try:
        report = checked(
            f, inputs, order, gradient=gradient, vjp=vjp, jvp=jvp, vectorized=vectorized, backward=backward,
            allow_unused=allow_unused,
        )  # fmt: skip
    except (GradientMismatchError, UncheckableFunctionError) as error:
        raise error.with_traceback(None) from error.__cause__
    _count(report)
    return report


def warm_up() -> None:
    """Do once what the first check is slower for, so that a deadline of hypothesis holds."""
    checked(lambda x, y: (x * y).tanh(), (0.5, 1.5), order=2, backward=Value.backward)


def checked(
    f: Callable[..., Any],
    inputs: Any,
    order: int = 1,
    *,
    gradient: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    vectorized: bool = False,
    backward: Backward = Value.backward,
    allow_unused: bool = False,
) -> Report:
    """As :func:`check_gradients`, but silent about what is inconclusive."""
    if order not in (1, 2) or isinstance(order, bool):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    given = {"gradient": gradient, "vjp": vjp, "jvp": jvp}
    packages = {package_of(leaf.value) for leaf in named_arrays(inputs)}
    if any(each is not None for each in given.values()) or packages & {"torch", "jax"}:
        if order == 2:
            raise ValueError("order=2 is for functions of Values: check the gradient itself, as f with a vjp or jvp")
        return _plain_checked(PlainFunction(f, inputs, vectorized), given)
    if vectorized:
        raise ValueError("vectorized=True is for functions of arrays: give their gradient=, vjp= or jvp=")
    needs_function(backward, "backward")
    under_test = FunctionUnderTest(f, inputs)
    try:
        try:
            root, nodes = under_test.examine()
        except (TypeError, AttributeError) as error:
            error.add_note(
                "inputs are one argument, or the tuple of all arguments: check_gradients(f, (x, y)). A function of "
                "plain numbers or NumPy arrays is checked with its gradient: check_gradients(f, x, gradient=g)"
            )
            raise
        used = {*topological_order(root)}
        unused = [name for name, node in zip(under_test.names, nodes) if node not in used]
        report = Report(tuple(_first(under_test, backward, root, nodes)))
        if report.verdict == "fail":
            raise GradientMismatchError(
                report.comparisons,
                under_test.graph(),
                partial(_first_fails, backward),
                cut=find_cut(under_test.root, under_test.point, under_test.names),
            )
        if order == 2:
            report = Report((*report.comparisons, *_second(under_test)))
        if report.verdict == "fail":
            raise GradientMismatchError(report.comparisons, under_test.graph(), partial(faults, second=True), order=2)
        if unused and not allow_unused:
            raise UncheckableFunctionError(
                "ignores an input",
                f"the function ignores its input {first_of(unused)}: its result does not depend on it at "
                f"{under_test.shown()}; leave it out, or pass allow_unused=True",
            )
    finally:
        under_test.give_parameters(under_test.point)
    return report


def _plain_checked(function: PlainFunction, given: dict[str, Callable[..., Any] | None]) -> Report:
    """The check of a function of plain numbers and arrays."""
    function.call_elsewhere()  # what is kept of the first call, and never renewed, is not of the point then
    found, spread = function.examine()
    if function.at_once is None and not spread:
        function.at_once = mapped(function)
    pullbacks: list[Pullback] = []
    if given["gradient"] is not None:
        if len(found) != 1:
            raise ValueError(
                f"gradient= is for a function of one number, and this one gives {len(found)}: give vjp= or jvp="
            )
        pullbacks.append(by_hand(function, given["gradient"]))
    if given["vjp"] is not None:
        pullbacks.append(by_vjp(function, given["vjp"]))
    if given["jvp"] is not None:
        pullbacks.append(by_jvp(function, given["jvp"]))
    if not pullbacks:
        pullbacks.append(by_torch(function) if function.package == "torch" else by_jax(function))
    comparisons: list[Comparison] = []
    differ = max(function.examine_derivative(pullback, len(found), spread) for pullback in pullbacks)
    for pullback in pullbacks:
        scalar_of = partial(function.scalar, pullback, spread=spread)
        comparisons += outputs_compared(scalar_of, len(found), lambda: "fail")
    notes = []
    if spread:
        notes.append(f"not deterministic: calls at the same point differ by {spread:.2g}, which is taken for noise")
    if differ:
        notes.append(f"the gradient is not deterministic: calls at the same point differ by {differ:.2g}")
    if function.unit > ROUND_OFF:
        notes.append(f"judged at the precision of its numbers: one rounding is {function.unit:.2g}")
    report = Report(tuple(comparisons), tuple(notes))
    if report.verdict == "fail":
        raise GradientMismatchError(report.comparisons, notes=report.notes, whose="gradient")
    return report


def _first(under_test: FunctionUnderTest, backward: Backward, root: Value, nodes: list[Value]) -> Iterator[Comparison]:
    """For each input the derivative, and whether a second backward pass over the same graph adds the same again."""
    gradients, left = _two_passes(root, nodes, backward)
    order = topological_order(root)
    adjoints = absolute_adjoints(order)
    rules = cache(lambda: verdict_on_rules(under_test.graph()))
    if len(nodes) > SINGLES or len(order) > LARGE:
        own = np.array(gradients), np.array([adjoints.get(node, 0.0) for node in nodes])
        yield from entries_compared(_scalar(under_test, backward, *own), rules)
        for i, node in enumerate(nodes):
            if abs(left[i]) > TWICE * max(adjoints.get(node, 0.0), abs(gradients[i])):
                yield _stale(_alone(under_test, i, gradients[i], adjoints.get(node, 0.0), rules), left[i])
                return
        return
    for i, node in enumerate(progress(nodes)):
        adjoint = adjoints.get(node, 0.0)
        found = _alone(under_test, i, gradients[i], adjoint, rules)
        if found.verdict == "pass" and abs(left[i]) > TWICE * max(adjoint, abs(gradients[i])):
            found = _stale(found, left[i])
        yield found


def _alone(
    under_test: FunctionUnderTest, i: int, gradient: float, adjoint: float, rules: Callable[[], Verdict]
) -> Comparison:
    """The derivative by one input."""
    return compare(
        Claim(
            name=under_test.names[i],
            engine=gradient,
            f=under_test.along(i),
            x=under_test.point[i],
            noise=partial(under_test.noise, i),
            absolute_adjoint=adjoint,
            derivative=under_test.along(i, [i]),
            derivative_noise=under_test.slope_noise(i, [i]),
            rules=rules,
        )
    )


def _stale(found: Comparison, left: float) -> Comparison:
    """A comparison that failed by what a second pass left."""
    note = "the second backward() on one graph: stale inner gradients"
    return found._replace(engine=found.engine + left, verdict="fail", note=note)


def _scalar(under_test: FunctionUnderTest, backward: Backward, gradient: Floats, adjoint: Floats) -> Scalar:
    """A function of many ``Value``s, for directions, with its gradient at the point."""
    function = AtOnce(under_test)
    scalar = Scalar(
        function.values,
        lambda point: np.array(_two_passes(*function.root(point), backward)[0]),
        np.array(under_test.point),
        under_test.names.__getitem__,
        batched=function.program is not None,
        own_noises=function.noises,
        adjoint=adjoint,
    )
    scalar.gradient = gradient
    return scalar


def _second_scalar(under_test: FunctionUnderTest) -> Scalar:
    """The engine's gradient along a random direction, with Hessian · direction as its gradient."""
    vector = np.random.default_rng(0).choice([-1.0, 1.0], len(under_test.point)).tolist()
    function = AtOnce(under_test, lambda root, nodes: dot(grad(root, nodes), vector))
    return Scalar(
        function.values,
        lambda point: np.array([each.number for each in grad(*function.root(point))]),
        np.array(under_test.point),
        lambda at: f"∇f · v, {under_test.names[at]}",
        batched=function.program is not None,
    )


def _two_passes(root: Value, nodes: list[Value], backward: Backward) -> tuple[list[float], list[float]]:
    """The gradients, and what a second pass that begins with minus them leaves of that: nothing, if it is right.

    Every node keeps the gradient that it had, those that the function closes over as well.
    """
    held = [(node, node.grad) for node in (*topological_order(root), *nodes)]
    try:
        for node in nodes:
            node.grad = 0.0
        backward(root)
        gradients = [node.grad for node in nodes]
        for node, gradient in zip(nodes, gradients):
            node.grad = -gradient
        backward(root)
        return gradients, [node.grad for node in nodes]
    finally:
        for node, gradient in held:
            node.grad = gradient


def _second(under_test: FunctionUnderTest) -> Iterator[Comparison]:
    """The derivatives of the engine's gradient, by the engine and by numbers; of many inputs, along directions."""
    if len(under_test.point) > SINGLES:
        rules = cache(lambda: verdict_on_rules(under_test.graph(), second=True))
        yield from entries_compared(_second_scalar(under_test), rules)
        return
    root, nodes = under_test.root(under_test.point)
    firsts = grad(root, nodes)
    # All of them before the first comparison, which moves the parameters of a module.
    seconds = [grad(first, nodes) for first in firsts]
    adjoints = [absolute_adjoints(topological_order(first)) for first in firsts]
    rules = cache(lambda: verdict_on_rules(under_test.graph(), second=True))
    for i, j in progress([*product(range(len(nodes)), repeat=2)]):
        yield compare(
            Claim(
                name=f"{under_test.names[i]}, {under_test.names[j]}",
                engine=seconds[i][j].number,
                f=under_test.along(j, [i]),
                x=under_test.point[j],
                noise=partial(under_test.noise, j, wrt=[i]),
                absolute_adjoint=adjoints[i].get(nodes[j], 0.0),
                derivative=under_test.along(j, [i, j]),
                derivative_noise=under_test.slope_noise(j, [i, j]),
                rules=rules,
            )
        )


def _first_fails(backward: Backward, graph: Graph) -> bool:
    under_test = FunctionUnderTest(graph, graph.inputs)
    compared = _first(under_test, backward, *under_test.root(under_test.point))
    return any(found.verdict == "fail" for found in compared)


def _count(report: Report) -> None:
    """Let nobody take an inconclusive check for a passed one."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and hypothesis.currently_in_test_context():
        hypothesis.event(f"gradients: {report.verdict}")
    elif report.verdict == "inconclusive":
        undecided = "; ".join(_undecided(c) for c in report.comparisons if c.verdict == "inconclusive")
        warnings.warn(
            f"the gradient could be told neither right nor wrong: {undecided}",
            InconclusiveGradientWarning,
            stacklevel=3,
        )


def _undecided(c: Comparison) -> str:
    numerical = f"{c.estimate.value:.6g}"
    error = f"± {c.estimate.error:.1g}" if math.isfinite(c.estimate.error) else "(no step gives a derivative)"
    return f"input {c.name}: claimed {c.engine:.6g}, numerical {numerical} {error}" + (f" ({c.note})" if c.note else "")
