"""A function of plain numbers and arrays, and its derivative: written by hand, or of PyTorch or JAX.

Whatever the inputs are, the checks see a point, one array of float64, and a :class:`Scalar`: one number as a function
of it, with the gradient that is to be checked. An output that is an array is multiplied by a cotangent.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from autodiff.checking.arrays import (
    AT_ONCE,
    Floats,
    Leaf,
    array_leaves,
    in_rows,
    joined,
    named_arrays,
    numbers_of,
    package_of,
    with_arrays,
)
from autodiff.checking.extrapolation import ROUND_OFF
from autodiff.checking.function_under_test import UncheckableFunctionError, needs_function
from autodiff.value import Value

REPEATS = 4
"""How often a function is called at the point, to see whether it gives the same."""
SPREAD = 3.0
"""The noise of a function that does not, in differences between calls."""
ELSEWHERE = (2.0**-9, 2.0**-12)
"""How far from the point, relatively and absolutely, a function is called to see whether anything is kept of that."""
CHANGED = 1e-3
"""A gradient of which two calls differ by a greater part than this is not the same function."""

Pullback = Callable[[Floats, Floats], Floats]
"""Gives the gradient of cotangent · f at a point, one number for each of the point's."""


@dataclass
class Scalar:
    """One number as a function of a point (n,), and the gradient that is said to be its own.

    Attributes:
        values: (points, n) → (points,).
        gradient_at: (n,) → (n,).
        point: where it is checked.
        name: gives the name of each input.
        rounded: what the inputs' dtypes make of a point.
        unit: the greatest relative error of one rounding of inputs or output.
        largest: the largest number that a gradient can be.
        spread: the noise of repeated calls.
        batched: whether many points cost little more than one.
        own_noises: (points, n) and a seed → (points,): the noise there, where it is known from elsewhere.
        adjoint: (n,), the gradient with nothing cancelled, where that is known.
    """

    values: Callable[[Floats], Floats]
    gradient_at: Callable[[Floats], Floats]
    point: Floats
    name: Callable[[int], str]
    rounded: Callable[[Floats], Floats] = lambda points: points
    unit: float = ROUND_OFF
    largest: float = sys.float_info.max
    spread: float = 0.0
    batched: bool = False
    own_noises: Callable[[Floats, int], Floats] | None = None
    adjoint: Floats | None = None
    _noises: dict[int, float] = field(default_factory=dict)

    @cached_property
    def gradient(self) -> Floats:
        """(n,): the gradient at the point."""
        return self.gradient_at(self.point)

    def gradient_near(self, point: Floats) -> Floats:
        """(n,): the gradient at another point; nan where it raises, outside of its domain."""
        try:
            return self.gradient_at(point)
        except UncheckableFunctionError:
            raise
        except (ArithmeticError, ValueError):
            return np.full(len(point), math.nan)

    def noise_here(self, seed: int) -> float:
        """The noise at the point, where it is known; the same along all lines through it."""
        if seed not in self._noises and self.own_noises is not None:
            self._noises[seed] = float(self.own_noises(self.point[None], seed)[0])
        return self._noises[seed]

    @cached_property
    def typical(self) -> float:
        """The greatest derivative by one input."""
        return float(np.max(np.abs(self.gradient[np.isfinite(self.gradient)]), initial=0.0))

    @cached_property
    def nearby(self) -> list[Floats]:
        """The gradient at points within a few roundings of the point."""
        random = np.random.default_rng(0)
        steps = 2 * self.unit * np.maximum(np.abs(self.point), np.finfo(np.float64).tiny)
        moved = [self.point + steps * random.choice([-2.0, -1.0, 1.0, 2.0], len(self.point)) for _ in range(3)]
        return [self.gradient_near(self.rounded(point)) for point in moved]


@dataclass
class PlainFunction:
    """A function of numbers and arrays at a point.

    Args:
        f: called with ``*inputs`` if they are a tuple, else with ``inputs``.
        inputs: numbers, arrays, structures of them, or a module of PyTorch.
        vectorized: f takes many points at once: each input with a first axis more, and gives its outputs so.

    Raises:
        TypeError: f is no function, or an input is no number or array of floats.
        ValueError: there are no inputs, one is not finite, or they are on several devices.
    """

    f: Callable[..., Any]
    inputs: Any
    vectorized: bool = False
    at_once: Callable[[Floats], Floats] | None = None
    """(points, n) → (points, outputs): many points at once, where that can be."""
    leaves: list[Leaf] = field(init=False)
    template: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        needs_function(self.f, "f")
        self.leaves = named_arrays(self.inputs)
        self.package = next((leaf.package for leaf in self.leaves if leaf.package in ("torch", "jax")), "")
        self._choose()
        if not self.varying:
            raise ValueError(f"there is nothing to differentiate by: the inputs {self.inputs!r:.60} hold no numbers")
        self.point = joined([leaf.numbers() for leaf in self.varying])
        if not len(self.point):
            raise ValueError(f"there is nothing to differentiate by: the inputs {self.inputs!r:.60} hold no numbers")
        for at in np.flatnonzero(~np.isfinite(self.point))[:1].tolist():
            raise ValueError(f"the input {self.name(at)} must be finite, not {self.point[at]}")
        self.unit = max(leaf.unit for leaf in self.varying)
        if self.vectorized:
            self.at_once = self._batch

    def _choose(self) -> None:
        """Say by which inputs there are derivatives, and refuse what has none."""
        wanted = [leaf for leaf in self.leaves if leaf.package == "torch" and leaf.value.requires_grad]
        for leaf in self.leaves:
            if isinstance(leaf.value, Value):
                raise TypeError(f"the input {leaf.name} is a Value, which has no place among plain arrays: give .data")
            if self.package and leaf.package != self.package:
                leaf.varies = False  # a constant of a function of tensors
                continue
            if wanted and not leaf.value.requires_grad:
                leaf.varies = False
            elif leaf.package:
                self._needs_floats(leaf)
        devices = sorted({str(leaf.value.device) for leaf in self.leaves if leaf.package == "torch"})
        if len(devices) > 1:
            raise ValueError(
                f"the inputs are on several devices, {', '.join(devices)}: move them to one, by .to(device)"
            )

    @staticmethod
    def _needs_floats(leaf: Leaf) -> None:
        """Refuse an array of anything but floats."""
        advice = "x.double()" if leaf.package == "torch" else "x.astype(float)"
        if not leaf.is_float:
            raise TypeError(
                f"the input {leaf.name} is an array of {leaf.value.dtype}, by which there is no derivative: write "
                f"{advice}; or, if it is a constant, let f close over it (functools.partial)"
            )

    @cached_property
    def varying(self) -> list[Leaf]:
        return [leaf for leaf in self.leaves if leaf.varies]

    @cached_property
    def ends(self) -> list[int]:
        """Where the numbers of each varying leaf end in the point."""
        return np.cumsum([leaf.size for leaf in self.varying]).tolist()  # type: ignore[no-any-return]

    def name(self, at: int) -> str:
        """What one number of the point is called."""
        which = int(np.searchsorted(self.ends, at, side="right"))
        return self.varying[which].index(at - (self.ends[which - 1] if which else 0))

    def _pieces(self, points: Floats) -> list[Floats]:
        return np.split(points, self.ends[:-1], axis=-1) if len(self.ends) > 1 else [points]

    def rounded(self, points: Floats) -> Floats:
        """What the inputs' dtypes make of points (…, n)."""
        if self.unit == ROUND_OFF:
            return points
        pieces = zip(self.varying, self._pieces(points))
        return np.concatenate([leaf.rounded(piece) for leaf, piece in pieces], axis=-1)

    def arrays(self, points: Floats) -> list[Any]:
        """Each varying leaf at a point (n,), or at points (k, n)."""
        return [leaf.like(piece) for leaf, piece in zip(self.varying, self._pieces(points))]

    def call(self, arrays: Sequence[Any], f: Callable[..., Any] | None = None, *more: Any) -> Any:
        """The function, or another one of the same inputs, of these arrays in place of the varying ones."""
        new = iter(arrays)
        whole = [next(new) if leaf.varies else leaf.value for leaf in self.leaves]
        arguments = with_arrays(self.inputs, iter(whole))
        f = f or self.f
        with self._parameters(whole):
            return f(*arguments, *more) if isinstance(arguments, tuple) else f(arguments, *more)

    @contextmanager
    def _parameters(self, whole: Sequence[Any]) -> Iterator[None]:
        """The parameters of a module hold these numbers for a while."""
        held = [(leaf, leaf.value.detach().clone(), new) for leaf, new in zip(self.leaves, whole) if leaf.in_place]
        try:
            for leaf, _, new in held:
                if new is not leaf.value:
                    leaf.value.data.copy_(new.detach())
            yield
        finally:
            for leaf, before, _ in held:
                leaf.value.data.copy_(before)

    def outputs(self, point: Floats) -> Floats:
        """(m,): all numbers of the output at a point."""
        return self._numbers(self.call(self.arrays(point)))

    def _numbers(self, output: Any) -> Floats:
        leaves = [*array_leaves(output)]
        try:
            if any(isinstance(leaf.value, Value) for leaf in leaves):
                raise TypeError
            return joined([numbers_of(leaf.value) for leaf in leaves])
        except TypeError:
            raise UncheckableFunctionError(
                "returns no numbers",
                f"the function returned {type(output).__name__} {output!r:.60}: return a real number or an array, "
                "or a structure of them",
            ) from None

    def dots(self, cotangent: Floats) -> Callable[[Floats], Floats]:
        """Cotangent · f at points (k, n); nan where f raises, outside of its domain."""

        def at(point: Floats) -> float:
            try:
                found = self.outputs(point)
            except UncheckableFunctionError as error:
                if error.reason == "returns no numbers" and isinstance(error.__context__, TypeError):
                    return math.nan
                raise
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                return math.nan
            with np.errstate(all="ignore"):
                return float(cotangent @ found) if found.shape == cotangent.shape else math.nan

        def values(points: Floats) -> Floats:
            with np.errstate(all="ignore"):
                if self.at_once is None:
                    return np.array([at(point) for point in points])
                size = max(1, AT_ONCE // points.shape[1])
                found = [self.at_once(points[at : at + size]) @ cotangent for at in range(0, len(points), size)]
                return joined(found)

        return values

    def _batch(self, points: Floats) -> Floats:
        """(points, m): the outputs of a vectorised function."""
        leaves = [*array_leaves(self.call(self.arrays(points)))]
        for leaf in leaves:
            if leaf.shape[:1] != (len(points),):
                raise UncheckableFunctionError(
                    "not vectorized",
                    f"a vectorized function must give one output for each of {len(points)} points in the first axis, "
                    f"not an array of shape {leaf.shape}",
                )
        return in_rows([leaf.value for leaf in leaves], len(points))

    def one(self, arrays: Sequence[Any]) -> list[Any]:
        """The arrays of the output at one point; a vectorised function is given a batch of one."""
        if not self.vectorized:
            return [leaf.value for leaf in array_leaves(self.call(arrays))]
        return [leaf.value[0] for leaf in array_leaves(self.call([array[None] for array in arrays]))]

    def examine(self) -> tuple[Floats, float]:
        """The outputs at the point, and how far repeated calls of the function differ.

        Raises:
            UncheckableFunctionError: it gives no numbers, not finite ones, or changes its inputs.
        """
        given = self.arrays(self.point)
        if self.vectorized:
            self._batch(self.point[None])
            output = self.call(self.arrays(self.point[None]))
            self.template = with_arrays(output, iter([leaf.value[0] for leaf in array_leaves(output)]))
            whole = self._batch(np.repeat(self.point[None], 2, axis=0))
            found, others = whole[0], [whole[1], *(self._batch(self.point[None])[0] for _ in range(REPEATS - 2))]
        else:
            output = self.call(given)
            self.template = output
            found = self._numbers(output)
            others = [self.outputs(self.point) for _ in range(REPEATS - 1)]
            self._untouched(given, self.point, "the function")
            self.unit = max([self.unit, *(leaf.unit for leaf in array_leaves(output) if leaf.is_float)])
        if not np.isfinite(found).all():
            raise UncheckableFunctionError(
                "not finite", f"the function is {found[~np.isfinite(found)][0]} at this point: choose one in its domain"
            )
        if not len(found):
            raise UncheckableFunctionError("returns no numbers", "the function returned nothing")
        return found, max(float(np.abs(found - other).max()) for other in others)

    def _untouched(self, given: Sequence[Any], point: Floats, what: str) -> None:
        if (joined([numbers_of(each) for each in given]) != self.rounded(point)).any():
            raise UncheckableFunctionError("mutates its inputs", f"{what} changed its inputs: work on a copy of them")

    def derivative(self, point: Floats, f: Callable[..., Any], what: str, *more: Any) -> Any:
        """What the gradient, or another function that gives derivatives, gives at a point.

        Raises:
            UncheckableFunctionError: it changed its inputs.
        """
        arrays = self.arrays(point)
        with np.errstate(all="ignore"):
            found = self.call(arrays, f, *more)
        self._untouched(arrays, point, what)
        return found

    def elsewhere(self, way: float = 1.0) -> Floats:
        """(n,): a point close by, on either side."""
        relative, absolute = ELSEWHERE
        return self.rounded(self.point * (1 + way * relative) + way * absolute)

    def call_elsewhere(self) -> None:
        """Call the function close to the point, so that what it keeps of a call is not of the point."""
        moved = self.elsewhere()
        with suppress(Exception), np.errstate(all="ignore"):  # whatever it raises outside of its domain
            if self.vectorized:
                self._batch(moved[None])
            else:
                self.outputs(moved)

    def examine_derivative(self, pullback: Pullback, outputs: int, spread: float) -> float:
        """How far repeated calls of the gradient differ at the point.

        Raises:
            UncheckableFunctionError: it is another one after the function was called elsewhere, or at each call.
        """

        def asked() -> Floats:
            found = pullback(self.point, np.ones(outputs))
            return np.where(np.isfinite(found), found, 0.0)

        first, again = asked(), asked()
        self.call_elsewhere()
        later = asked()
        differ, kept = (float(np.abs(other - first).max()) for other in (again, later))
        least = CHANGED * float(np.abs(first).max())
        if differ > least and not spread:
            raise UncheckableFunctionError(
                "not deterministic",
                f"the gradient is not deterministic, and the function is: two calls at the same point differ by "
                f"{differ:.2g}; draw random numbers once, and let both use them",
            )
        if kept > max(least, SPREAD * differ) and not spread:
            raise UncheckableFunctionError(
                "keeps another point",
                f"the gradient at the point differs by {kept:.2g} after the function was called elsewhere: it is "
                "computed from what that call left; compute it from its own arguments",
            )
        return differ

    def examine_one_number(self) -> None:
        """Refuse a function that gives anything but one number at the point, be it a nan."""
        output = self.call(self.arrays(self.point))
        if not isinstance(output, complex) and len(self._numbers(output)) != 1:
            raise TypeError(f"the function must return one number, not {type(output).__name__} {output!r:.60}")
        self.unit = max([self.unit, *(leaf.unit for leaf in array_leaves(output) if leaf.is_float)])

    def scalar(self, pullback: Pullback, cotangent: Floats, spread: float) -> Scalar:
        """Cotangent · f, with its gradient."""
        return Scalar(
            self.dots(cotangent), lambda point: pullback(point, cotangent), self.point, self.name, self.rounded,
            self.unit, min(leaf.largest for leaf in self.varying), SPREAD * spread * float(np.abs(cotangent).sum()),
            self.at_once is not None,
        )  # fmt: skip

    def pieces(self, cotangent: Floats) -> Iterator[tuple[Leaf, Floats]]:
        """Each array or number of the output, and the part of a cotangent that is its own."""
        leaves = [*array_leaves(self.template)]
        return zip(leaves, np.split(cotangent, np.cumsum([leaf.size for leaf in leaves])[:-1]))

    def flat(self, gradient: Any, what: str) -> Floats:
        """(n,): a gradient of the structure of the inputs.

        Raises:
            TypeError: it holds what is no number.
        ValueError: it has another structure, or an array in it another shape.
        """
        if isinstance(self.inputs, tuple) and len(self.inputs) == 1 and not isinstance(gradient, (tuple, list)):
            gradient = (gradient,)
        found = named_arrays(tuple(gradient) if isinstance(self.inputs, tuple) else gradient)
        for leaf in found:
            if leaf.value is None or isinstance(leaf.value, (str, bytes)):
                raise TypeError(f"{what} gave {leaf.value!r:.60} for the input {leaf.name}: return numbers or arrays")
        wanted = [(leaf.name, leaf.shape) for leaf in self.varying]
        shapes = {leaf.name: leaf.shape for leaf in found}
        if isinstance(self.inputs, (list, dict, tuple)) or len(found) != 1:
            lacking = [name for name, _ in wanted if name not in shapes]
            if lacking or len(found) not in (len(self.varying), len(self.leaves)):
                raise ValueError(
                    f"{what} must give one number or array for each of {', '.join(name for name, _ in wanted)}, "
                    f"not {gradient!r:.80}"
                )
        pieces = []
        by_name = {leaf.name: leaf for leaf in found}
        for leaf in self.varying:
            other = by_name.get(leaf.name, found[0])
            if other.shape != leaf.shape:
                raise ValueError(
                    f"{what} gave an array of shape {other.shape} for the input {leaf.name} of shape {leaf.shape}: "
                    "it must have the same shape"
                )
            pieces.append(numbers_of(other.value))
        return joined(pieces)


def by_hand(function: PlainFunction, gradient: Callable[..., Any]) -> Pullback:
    """The gradient of a function that gives one number."""
    needs_function(gradient, "gradient")

    def pullback(point: Floats, cotangent: Floats) -> Floats:
        found = function.flat(function.derivative(point, gradient, "the gradient"), "gradient")
        with np.errstate(all="ignore"):
            return float(cotangent[0]) * found

    return pullback


def by_vjp(function: PlainFunction, vjp: Callable[..., Any]) -> Pullback:
    """``vjp(*inputs, cotangent)``: the cotangent is like the output, what it gives like the inputs."""
    needs_function(vjp, "vjp")

    def pullback(point: Floats, cotangent: Floats) -> Floats:
        upstream = with_arrays(
            function.template, iter([leaf.like(piece) for leaf, piece in function.pieces(cotangent)])
        )
        return function.flat(function.derivative(point, vjp, "vjp", upstream), "vjp")

    return pullback


def by_torch(function: PlainFunction) -> Pullback:
    """PyTorch's own gradient."""
    torch = sys.modules["torch"]

    def pullback(point: Floats, cotangent: Floats) -> Floats:
        with torch.enable_grad():
            tensors = [each.requires_grad_() for each in function.arrays(point)]
            found = function.one(tensors)
            tensors = [leaf.value if leaf.in_place else each for leaf, each in zip(function.varying, tensors)]
            depends = [
                (out, piece) for out, (_, piece) in zip(found, function.pieces(cotangent))
                if package_of(out) == "torch" and out.requires_grad
            ]  # fmt: skip
            if not depends:
                raise UncheckableFunctionError(
                    "needs no gradient",
                    "the result needs no gradient: the graph is cut (detach(), .data, .item(), .numpy(), no_grad()); "
                    "compute it with PyTorch's own functions of the inputs",
                )
            upstream = [
                torch.from_numpy(np.array(piece)).reshape(out.shape).to(out.dtype).to(out.device)
                for out, piece in depends
            ]
            given = torch.autograd.grad([out for out, _ in depends], tensors, upstream, allow_unused=True)
        zeros = [np.zeros(leaf.size) if g is None else numbers_of(g) for leaf, g in zip(function.varying, given)]
        return joined(zeros)

    return pullback


def by_jax(function: PlainFunction) -> Pullback:
    """JAX's own gradient."""
    jax = sys.modules["jax"]

    def of_varying(*arrays: Any) -> Any:
        return [each for each in function.one(arrays) if package_of(each) == "jax"]

    def pullback(point: Floats, cotangent: Floats) -> Floats:
        try:
            output, back = jax.vjp(of_varying, *function.arrays(point))
        except Exception as error:
            error.add_note("jax.vjp differentiates a function of JAX arrays: compute with jax.numpy, or give gradient=")
            raise
        pieces = [piece for leaf, piece in function.pieces(cotangent) if leaf.package == "jax"]
        jnp = sys.modules["jax.numpy"]
        upstream = [jnp.asarray(piece.reshape(out.shape), out.dtype) for out, piece in zip(output, pieces)]
        return joined([numbers_of(each) for each in back(upstream)])

    return pullback


def by_jvp(function: PlainFunction, jvp: Callable[..., Any]) -> Pullback:
    """``jvp(*inputs, tangent)``: the tangent is like the inputs, what it gives like the output. One call an input."""
    needs_function(jvp, "jvp")

    def pullback(point: Floats, cotangent: Floats) -> Floats:
        found = np.zeros(len(point))
        for at, unit in enumerate(np.eye(len(point))):
            tangent = with_arrays(function.inputs, iter(function.arrays(unit)))
            output = function.derivative(point, jvp, "jvp", tangent)
            moved = joined([numbers_of(leaf.value) for leaf in array_leaves(output)])
            if moved.shape != cotangent.shape:
                raise ValueError(f"jvp gave {len(moved)} numbers, and the function {len(cotangent)}")
            found[at] = cotangent @ moved
        return found

    return pullback
