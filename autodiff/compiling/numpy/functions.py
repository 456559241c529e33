"""Functions of arrays, written from the expressions of rows: the one text of a rule, run on whole arrays at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.operations import Operation
from autodiff.program.expressions import (
    Expression,
    called,
    called_derivatives,
    contributions,
    guarded,
    primal,
    rule_of_steps,
)
from autodiff.program.writers import NUMPY, Target, statements
from autodiff.registry import BUILT_IN, lookup
from autodiff.rules import POW
from autodiff.zeros import ZERO

Floats = NDArray[np.float64]
Names = tuple[dict[str, Any], Callable[[str, int], str]]
"""What texts refer to, and the function that gives an operation its name in them and puts it there."""


def array_function(
    expressions: Sequence[Expression], arity: int, names: Names | None = None, target: Target = NUMPY
) -> Callable[..., tuple[Any, ...]]:
    """The function of ``arity`` operands, the output and the upstream gradient, all arrays, that gives each expression.

    Texts refer to functions of NumPy, or to other ``names`` for another target.

    What an expression has twice is computed once. Both sides of a choice are computed, and then one is taken for each
    element, so the function wants to be called with floating-point warnings silenced.

    >>> from autodiff import lookup
    >>> sigmoid = array_function([primal(lookup("sigmoid"), 1)], 1)
    >>> sigmoid(np.array([0.0, -4.0]))
    (array([0.5       , 0.01798621]),)
    """
    namespace, function_of = names or names_for()
    lines, results = statements(expressions, replace(target, function=function_of))
    head = ", ".join([*(f"x{place}" for place in range(arity)), "y=None", "upstream=None"])
    lines = [f"def function({head}):", *lines, f"return ({''.join(f'{each}, ' for each in results)})"]
    exec("\n    ".join(lines), namespace)
    return namespace["function"]  # type: ignore[no-any-return]


def names_for(function: Callable[[Operation], Callable[..., Any]] | None = None, where: Any = np.where) -> Names:
    """What texts refer to, and the function that gives an operation its name in them and puts it there.

    An operation's function is, by default, that of NumPy.
    """
    namespace: dict[str, Any] = {"where": where, "inf": np.inf, "nan": np.nan, "unreached": unreached}

    def function_of(kind: str, arity: int) -> str:
        name = f"call_{kind}"  # an operation may be named as an operand is
        if name not in namespace:
            namespace[name] = (function or elementary)(lookup(kind))
        return name

    return namespace, function_of


def unreached(adjoint: Floats) -> NDArray[np.bool_]:
    """Where an adjoint is -0.0, the symbolic zero of a careful pass: nothing has reached it."""
    nothing: NDArray[np.bool_] = (adjoint == 0) & np.signbit(adjoint)
    return nothing


def product(local: Any, upstream: Floats, careful: bool) -> Floats:
    """Local derivatives times upstream gradients; in a careful pass, a symbolic zero stays one."""
    found: Floats = local * upstream
    return np.where(unreached(upstream), -0.0, found + 0.0) if careful else found


def elementary(row: Operation) -> Callable[..., Any]:
    """The function of arrays for an operation that calls ``math``: NumPy's own, else its primal on each element.

    The error function is taken from ``math`` in any case, so that nothing depends on whether SciPy is there.
    """
    if row is POW:
        return _power
    if row.name in BUILT_IN or row.ufunc != row.name:  # a user's own may be called like one of NumPy's by chance
        known = getattr(np, row.ufunc, None)
        if isinstance(known, np.ufunc):
            return known
    each = elementwise(lambda operands: [called(row, operands)], 1)
    return lambda *arrays: each(*arrays)[0]


def elementwise(
    function: Callable[[tuple[float, ...]], Sequence[float]], results: int
) -> Callable[..., tuple[Floats, ...]]:
    """A function of floats that gives that many results, taken at each element."""

    def each(*arrays: Any) -> tuple[Floats, ...]:
        shape = np.broadcast_shapes(*map(np.shape, arrays))
        columns = [np.broadcast_to(array, shape).ravel().tolist() for array in arrays]
        found = np.array([function(numbers) for numbers in zip(*columns)], np.float64).reshape(-1, results)
        return tuple(found[:, at].reshape(shape) for at in range(results))

    return each


def _power(base: Any, exponent: Any) -> Any:
    """NumPy's power; of one exponent 0.5 for all, it would take the root, which of -0.0 and -inf is another number."""
    return np.power(base, exponent + np.zeros(np.shape(base)))


@cache
def primal_function(row: Operation, arity: int) -> Callable[..., Any]:
    """The row's primal on arrays."""
    expression = primal(row, arity)
    if expression is None:
        return elementary(row)
    function = array_function([expression], arity)
    return lambda *operands: function(*operands)[0]


@cache
def contribution_function(
    row: Operation, arity: int, wanted: tuple[int, ...], careful: bool
) -> Callable[..., tuple[Floats, ...]]:
    """What the row adds to the adjoint of each wanted operand, of arrays: operands, output, upstream gradient.

    Where there is no dependence, that is -0.0. A careful one lets nothing flow on from adjoints that are -0.0, see
    :func:`~autodiff.program.expressions.guarded`.
    """
    known = [each for each in (contributions(row, arity)[place] for place in wanted) if each is not None]
    if len(known) == len(wanted):
        return array_function([guarded(each) for each in known] if careful else known, arity)

    def locals_of(numbers: tuple[float, ...]) -> list[float]:
        found = called_derivatives(row, numbers[:-1], numbers[-1])
        return [number for place in wanted for number in (float(found[place]), found[place] is ZERO)]

    each = elementwise(locals_of, 2 * len(wanted))

    def contributions_of(*arrays: Floats) -> tuple[Floats, ...]:
        *operands, upstream = arrays
        found = each(*operands)
        pairs = zip(found[::2], found[1::2])
        return tuple(np.where(nothing, -0.0, product(local, upstream, careful)) for local, nothing in pairs)

    return contributions_of


def rule_function(rule: Callable[..., Sequence[Any]], states: int) -> Callable[..., tuple[Any, ...]]:
    """An optimizer's rule on arrays.

    Raises:
        TypeError: the rule asks for numbers, or branches too often.
    """
    return array_function(rule_of_steps(rule, states), 3 + states)
