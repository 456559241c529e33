"""Whether what is recorded has JAX's numbers: each primitive is run by JAX as well, on the same operands, in float64.

JAX compiles a primitive for every shape, which takes longer than to record it. So all equations of a primitive that
goes element by element are compared together, in batches of few sizes, and any other kind a few times alone.

Loops and branches are compared equation by equation, inside: compared as a whole, they would be compiled anew for each
function, and a loop may enlarge what two orders of a sum differ by without a bound. Draws of random numbers take keys
alone, and are JAX's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autodiff.bridges.agreement import CLOSE, apart, disagreement, largest, seen
from autodiff.bridges.arrays import Array
from autodiff.bridges.jax.elementwise import ELEMENTWISE
from autodiff.bridges.jax.equations import evaluated, is_float, is_inexact
from autodiff.bridges.jax.plan import CALLS, CUSTOM, called, function_name, opened
from autodiff.bridges.jax.primitives import SAME
from autodiff.sources import Source

BY_ELEMENT = {*ELEMENTWISE, "integer_pow", "round", "select_n", "convert_element_type"}
"""The primitives each of whose results is made of the operands at its place."""
PIVOTED = ("lu",)
"""Those whose integers say in which order the floats stand: of two rows that are as good, each may take another one."""
LOWER = ("cholesky",)
"""Those of which JAX leaves in the upper triangle whatever it was given; it is cleared by another primitive."""
TIMES = 4
"""How often a kind of equation is compared, unless it goes element by element."""
BATCH = 16
"""The sizes of batches are its powers."""
LEAST_NORMAL = np.finfo(float).tiny
"""JAX takes what is less for 0."""


class Taken(NamedTuple):
    """An equation as it was recorded."""

    equation: Any
    given: Sequence[Any]
    found: Sequence[Any]
    line: Source | None


class Comparison:
    """What was recorded, to be compared at the end."""

    def __init__(self) -> None:
        self._taken: dict[Any, list[Taken]] = defaultdict(list)
        self._times: Counter[Any] = Counter()

    def note(self, equation: Any, given: Sequence[Any], found: Sequence[Any], line: Source | None) -> None:
        """An equation of a primitive was recorded, of these operands, with these results."""
        name = equation.primitive.name
        if name in SAME:
            return
        kind = _kind(equation, by_element := name in BY_ELEMENT)
        self._times[kind] += 1
        if by_element or self._times[kind] <= TIMES:
            self._taken[kind].append(Taken(equation, given, found, line))

    def check(self) -> None:
        """Compare all that was noted.

        Raises:
            DisagreementError: JAX's numbers are others.
        """
        with in_float64():
            for takens in self._taken.values():
                if takens[0].equation.primitive.name in BY_ELEMENT:
                    _check_elements(takens)
                else:
                    for taken in takens:
                        _check(taken)


def in_float64() -> Any:
    """A context in which JAX has floats of 64 bits."""
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def _kind(equation: Any, by_element: bool) -> Any:
    """Equations of one kind are computed in the same way; the shapes do not matter to what goes element by element."""
    avals = [variable.aval for variable in equation.invars]
    types = tuple(aval.dtype if by_element else (aval.dtype, aval.shape) for aval in avals)
    name = equation.primitive.name
    how = [*equation.params.items()] if name not in (*CALLS, *CUSTOM) else [function_name(equation)]
    kind = (name, types, *how)
    try:
        hash(kind)
    except TypeError:
        return id(equation)  # which is kept alive by what is noted of it
    return kind


def _check_elements(takens: list[Taken]) -> None:
    """Compare all equations of one kind that go element by element."""
    rows = []
    for taken in takens:
        rows.append([each.ravel() for each in np.broadcast_arrays(*_operands(taken), *map(seen, taken.found))])
    *operands, ours = (np.concatenate(column) for column in zip(*rows))
    if not ours.size:
        return
    size = BATCH
    while size < ours.size:
        size *= BATCH
    equation = takens[0].equation
    (theirs,) = _in_double(equation, [np.resize(each, size) for each in operands])
    theirs = np.asarray(theirs)[: ours.size].astype(float)
    differs = apart(ours.astype(float), theirs, lambda: CLOSE) & ~np.any([*map(_is_tiny, operands)], axis=0)
    if differs.any():
        first = np.searchsorted(np.cumsum([len(row[0]) for row in rows]), np.argmax(differs), side="right")
        raise disagreement(_told(equation), theirs, ours, differs, takens[first].line)


def _check(taken: Taken) -> None:
    """Compare an equation alone."""
    equation, operands = taken.equation, _operands(taken)
    name = equation.primitive.name
    is_function = name in (*CALLS, *CUSTOM)
    if any(_is_tiny(operand).any() for operand in operands):
        return
    expected = [np.asarray(each) for each in _in_double(equation, operands)]
    found = [*zip(map(seen, taken.found), expected, equation.outvars)]
    if name in PIVOTED and not all(is_float(out) or np.array_equal(ours, theirs) for ours, theirs, out in found):
        return
    size = (lambda: 1.0) if is_function else (lambda: _size(operands))
    for ours, theirs, out in found:
        if name in LOWER:
            ours, theirs = np.tril(ours), np.tril(theirs)
        kind = out.aval.dtype if is_function else theirs.dtype  # it may approximate in the type of its own
        close = max(CLOSE, 16 * float(jnp.finfo(kind).eps)) if is_inexact(kind) else CLOSE
        differs = apart(ours.astype(float), theirs.astype(float), size, close)
        if differs.any():
            raise disagreement(_told(equation), theirs, ours, differs, taken.line)


def _size(operands: Sequence[Array]) -> float:
    return largest(each for each in operands if each.dtype.kind == "f")


def _operands(taken: Taken) -> list[Array]:
    """The numbers of the operands, floats with 64 bits, conditions as such."""
    found = []
    for operand, variable in zip(taken.given, taken.equation.invars):
        array = np.asarray(seen(operand))
        found.append(array.astype(float if is_float(variable) else variable.aval.dtype))
    return found


def _in_double(equation: Any, operands: Sequence[Any]) -> list[Any]:
    """What JAX computes of plain operands in float64; where a parameter holds a function, in the types of that."""
    params = equation.params
    if equation.primitive.name in (*CALLS, *CUSTOM):
        return _inside(called(equation), operands)
    if any(hasattr(opened(param), "eqns") for param in params.values()):
        return evaluated(equation, [each.astype(var.aval.dtype) for each, var in zip(operands, equation.invars)])
    return evaluated(equation.replace(params={key: _doubled(param) for key, param in params.items()}), operands)


def _inside(jaxpr: Any, inputs: Sequence[Any]) -> list[Any]:
    """The results of a jaxpr, primitive by primitive, in float64."""
    inner = opened(jaxpr)
    known = dict(zip((*inner.constvars, *inner.invars), (*getattr(jaxpr, "consts", ()), *inputs)))

    def read(variable: Any) -> Array:
        array = np.asarray(variable.val if hasattr(variable, "val") else known[variable])
        return array.astype(float if is_float(variable) else variable.aval.dtype)

    for equation in inner.eqns:
        known.update(zip(equation.outvars, _in_double(equation, [*map(read, equation.invars)])))
    return [*map(read, inner.outvars)]


def _doubled(param: Any) -> Any:
    """A parameter; float64 in place of another type of floats."""
    return np.dtype(float) if isinstance(param, np.dtype) and is_inexact(param) else param


def _is_tiny(array: Array) -> Array:
    """Where numbers are so small that JAX takes them for 0."""
    return (array != 0) & (np.abs(array) < LEAST_NORMAL) if array.dtype.kind == "f" else np.zeros(array.shape, bool)


def _told(equation: Any) -> str:
    name = equation.primitive.name
    return f"JAX's {function_name(equation)[0] if name in (*CALLS, *CUSTOM) else name}"
