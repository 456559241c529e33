"""Functions with a derivative of the user's own (``custom_jvp``, ``custom_vjp``) as operations of their own.

Value and derivative are JAX's, in JAX's precision: the user's rule is what ``jax.vjp`` gives of the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autodiff.bridges import arrays
from autodiff.bridges.arrays import Array, is_recorded, numbers
from autodiff.bridges.jax.equations import evaluated, is_float, plain
from autodiff.bridges.limits import UnsupportedError
from autodiff.operations import Operation
from autodiff.sources import Source

MOST = 1_000_000
"""How many derivatives a function may have, each result by each operand, where they do not go element by element."""
SCALES = (1.0, 1e-4, 1e4)
"""A rule that clips or normalises what comes in is not linear in it: it is asked at these sizes."""


class CustomRule(Operation):
    """An operation whose number and derivatives are those of a function of JAX.

    Args:
        name: what the user calls the function.
        number: its result of the numbers of the operands.
        derivatives: the local derivatives of that result.
        known: results and derivatives that were computed already, by the operands.
    """

    def __init__(
        self,
        name: str,
        number: Callable[[tuple[float, ...]], float],
        derivatives: Callable[[tuple[float, ...]], tuple[float, ...]],
        known: dict[tuple[float, ...], tuple[float, tuple[float, ...]]],
    ) -> None:
        def primal(*operands: float) -> float:
            return known[operands][0] if operands in known else number(operands)

        def rule(operands: Sequence[Any], y: Any) -> tuple[Any, ...]:
            at = tuple(operands)
            if not all(isinstance(each, float) for each in at):
                return tuple(_derivative(name, rule, place)(*at) for place in range(len(at)))
            return known[at][1] if at in known else derivatives(at)

        super().__init__(f"{name}@jax", primal, rule, symbol=name, variadic=True)

    def __reduce__(self) -> str:
        raise TypeError(f"the operation {self.name!r} is a function of JAX in this process: it cannot be pickled")

    def __deepcopy__(self, memo: Any) -> CustomRule:
        return self


def _derivative(name: str, rule: Callable[..., tuple[Any, ...]], place: int) -> Operation:
    """The derivative by one operand as an operation, where a gradient is to be graph again. It has none of its own."""

    def refused(operands: Sequence[Any], y: Any) -> tuple[Any, ...]:
        raise NotImplementedError(
            f"the rule of {name!r} is JAX's, and has no second derivative here: record with custom_rules=False for "
            "that of what the function computes"
        )

    return Operation(f"{name}'@jax", lambda *at: rule(at, None)[place], refused, symbol=f"{name}'", variadic=True)


def by_rule(equation: Any, given: list[Any], name: str, line: Source | None) -> list[Any]:
    """The results of a function with a derivative of its own, one node each. Conditions that it is given are constants.

    Raises:
        UnsupportedError: its rule is not linear in the gradient that comes in; or there are too many derivatives.
    """
    inputs = [plain(each, variable) for each, variable in zip(given, equation.invars)]
    live = [at for at, each in enumerate(given) if is_recorded(each) and is_float(equation.invars[at])]
    wanted = [at for at, variable in enumerate(equation.outvars) if is_float(variable)]

    def function(*some: Any) -> list[Any]:
        whole = list(inputs)
        for at, each in zip(live, some):
            whole[at] = each
        found = evaluated(equation, whole)
        return [found[at] for at in wanted]

    everything = evaluated(equation, inputs)
    if not live:
        return everything
    points = [jnp.asarray(inputs[at]) for at in live]
    operands = [given[at] for at in live]
    rule = _Rule(function, points)
    made = _by_element(rule, operands, name) or _by_result(rule, operands, name, line)
    for at, array in zip(wanted, made):
        everything[at] = array
    return everything


class _Rule:
    """The function and its reverse derivative, at a point."""

    def __init__(self, function: Callable[..., list[Any]], points: list[Any]) -> None:
        self.function, self.points = function, points
        self.results, self.pull = jax.vjp(function, *points)
        self.tolerance = 1e-9 if all(each.dtype == np.float64 for each in self.results) else 1e-4

    def gradients(self, upstream: Sequence[Any]) -> list[Array]:
        """What comes out by each operand for gradients that come in, as float64."""
        given = [jnp.asarray(each, result.dtype) for each, result in zip(upstream, self.results)]
        return [np.asarray(each, float) for each in self.pull(given)]

    def random(self, scale: float) -> list[Array]:
        """Gradients to try it with, the same in every run."""
        rng = np.random.default_rng(0)
        return [scale * rng.normal(size=result.shape) for result in self.results]

    def agrees(self, gradients: Callable[[list[Array]], list[Array]], size: float) -> bool:
        """Whether the rule gives these for all that may come in."""
        for scale in SCALES:
            upstream = self.random(scale)
            for ours, theirs in zip(gradients(upstream), self.gradients(upstream)):
                close = np.abs(ours - theirs) <= self.tolerance * scale * max(size, 1e-300)
                if not (close | ~np.isfinite(theirs)).all():
                    return False
        return True


def _by_element(rule: _Rule, operands: list[Array], name: str) -> list[Array] | None:
    """One operation of the elements at the same place; None if the function is not of that kind."""
    if len(rule.results) != 1 or {point.shape for point in rule.points} != {rule.results[0].shape}:
        return None
    slopes = rule.gradients([np.ones(rule.results[0].shape)])
    size = max((float(np.nanmax(np.abs(each), initial=0.0)) for each in slopes), default=0.0)
    if not rule.agrees(lambda upstream: [slope * upstream[0] for slope in slopes], size):
        return None

    def alone(at: tuple[float, ...]) -> list[Any]:
        """Arrays that hold nothing else."""
        return [jnp.full(point.shape, number, point.dtype) for point, number in zip(rule.points, at)]

    def number(at: tuple[float, ...]) -> float:
        return float(np.ravel(rule.function(*alone(at))[0])[0])

    def derivatives(at: tuple[float, ...]) -> tuple[float, ...]:
        there = _Rule(rule.function, alone(at))
        return tuple(float(each.ravel()[0]) for each in there.gradients([np.ones(there.results[0].shape)]))

    places = [*zip(*(numbers(each).ravel().tolist() for each in operands))]
    locals_ = [*zip(*(each.ravel().tolist() for each in slopes))]
    known = dict(zip(places, zip(np.asarray(rule.results[0], float).ravel().tolist(), locals_)))
    row = CustomRule(name, number, derivatives, known)
    return [arrays.elementwise(row, *operands)]


def _by_result(rule: _Rule, operands: list[Array], name: str, line: Source | None) -> list[Array]:
    """An operation for each result, of all operands."""
    flat = [each for operand in operands for each in operand.ravel().tolist()]
    at = tuple(map(arrays.number, flat))
    count = sum(result.size for result in rule.results)
    if count * len(flat) > MOST:
        raise UnsupportedError(
            f"{name} has {count * len(flat):,} derivatives, {count:,} results by {len(flat):,} operands, and more than "
            f"{MOST:,} are too many: map it over smaller arrays, or record with custom_rules=False{_at(line)}"
        )

    def units() -> Any:
        for which, result in enumerate(rule.results):
            for place in np.ndindex(result.shape):
                upstream = [np.zeros(each.shape) for each in rule.results]
                upstream[which][place] = 1.0
                yield upstream

    rows = np.array([_joined(rule.gradients(unit)) for unit in units()]).reshape(count, len(flat))
    size = float(np.nanmax(np.abs(rows).sum(0), initial=0.0))
    if not rule.agrees(lambda upstream: _split(_joined(upstream) @ rows, rule.points), size):
        raise UnsupportedError(
            f"the derivative of {name} is not linear in the gradient that comes in (does it clip or normalise it?), so "
            f"that it is no local derivative: record with custom_rules=False for that of the function{_at(line)}"
        )

    def row(which: int) -> CustomRule:
        def number(there: tuple[float, ...]) -> float:
            found = rule.function(*_typed(_split(np.array(there), rule.points), rule.points))
            return float(_joined(found)[which])

        def derivatives(there: tuple[float, ...]) -> tuple[float, ...]:
            moved = _Rule(rule.function, _typed(_split(np.array(there), rule.points), rule.points))
            unit = np.zeros(count)
            unit[which] = 1.0
            return tuple(_joined(moved.gradients(_split(unit, rule.results))).tolist())

        known = {at: (float(_joined(rule.results)[which]), tuple(rows[which].tolist()))}
        return CustomRule(name, number, derivatives, known)

    found = np.empty(count, object)
    for which in range(count):
        found[which] = row(which)(*flat)
    return _split(found, rule.results)


def _joined(each: Sequence[Any]) -> Array:
    return np.concatenate([np.ravel(np.asarray(part, float)) for part in each])


def _split(flat: Array, like: Sequence[Any]) -> list[Array]:
    ends = np.cumsum([part.size for part in like])
    return [part.reshape(shape.shape) for part, shape in zip(np.split(flat, ends[:-1]), like)]


def _typed(each: Sequence[Array], like: Sequence[Any]) -> list[Any]:
    return [jnp.asarray(part, kind.dtype) for part, kind in zip(each, like)]


def _at(line: Source | None) -> str:
    return f"\n  in {line.quoted}" if line else ""
