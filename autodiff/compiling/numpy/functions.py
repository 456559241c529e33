"""Functions of arrays, written from the expressions of rows: the one text of a rule, run on whole arrays at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.operations import Operation
from autodiff.program.expressions import COMPARISONS, Expression, called, called_derivatives, derivatives, primal
from autodiff.registry import BUILT_IN, lookup
from autodiff.rules import POW

Floats = NDArray[np.float64]
OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", **{sign: sign for sign in COMPARISONS}}
SIGNS = {"negative": "-", "positive": "+"}


def array_function(expressions: Sequence[Expression], arity: int) -> Callable[..., tuple[Any, ...]]:
    """The function of ``arity`` operands and, after them, the output, all arrays, that gives each expression's value.

    What an expression has twice is computed once. Both sides of a choice are computed, and then one is taken for each
    element, so the function wants to be called with floating-point warnings silenced.

    >>> from autodiff import lookup
    >>> sigmoid = array_function([primal(lookup("sigmoid"), 1)], 1)
    >>> sigmoid(np.array([0.0, -4.0]))
    (array([0.5       , 0.01798621]),)
    """
    text = _Text()
    results = [text.name(expression) for expression in expressions]
    head = ", ".join([*(f"x{place}" for place in range(arity)), "y=None"])
    source = "\n    ".join(
        [f"def function({head}):", *text.lines, f"return ({''.join(f'{each}, ' for each in results)})"]
    )
    exec(source, text.namespace)
    function: Callable[..., tuple[Any, ...]] = text.namespace["function"]
    return function


class _Text:
    """The lines of a function, each of which gives a name to one part of an expression."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {"where": np.where, "inf": np.inf, "nan": np.nan}
        self.names: dict[str, str] = {}

    def name(self, expression: Expression) -> str:
        if expression.kind in ("operand", "output", "number"):
            return f"({expression})" if expression.kind == "number" else str(expression)
        written = self.written(expression.kind, [self.name(part) for part in expression.parts])
        if written not in self.names:
            self.names[written] = f"v{len(self.names)}"
            self.lines.append(f"{self.names[written]} = {written}")
        return self.names[written]

    def written(self, kind: str, parts: list[str]) -> str:
        if kind in OPERATORS:
            return f" {OPERATORS[kind]} ".join(parts)
        if kind in SIGNS:
            return f"{SIGNS[kind]}{parts[0]}"
        if kind == "choose":
            return f"where({', '.join(parts)})"
        called = f"call_{kind}"  # an operation may be named as an operand is
        if called not in self.namespace:
            self.namespace[called] = elementary(lookup(kind))
        return f"{called}({', '.join(parts)})"


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
    each = _each(lambda operands: [called(row, operands)], 1)
    return lambda *arrays: each(*arrays)[0]


def _each(function: Callable[[tuple[float, ...]], Sequence[float]], results: int) -> Callable[..., tuple[Floats, ...]]:
    """A function of floats that gives so many results, taken at each element."""

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
def derivative_function(row: Operation, arity: int, wanted: tuple[int, ...]) -> Callable[..., tuple[Any, ...]]:
    """The row's local derivatives on arrays, of the operands and the output: an array or a number for each wanted."""
    expressions = derivatives(row, arity)
    known = [each for each in (expressions[place] for place in wanted) if each is not None]
    if len(known) == len(wanted):
        return array_function(known, arity)
    each = _each(lambda numbers: called_derivatives(row, numbers[:-1], numbers[-1]), arity)
    return lambda *arrays: tuple(each(*arrays)[place] for place in wanted)
