"""The rows as straight-line code takes them: what is computed, and whether a gradient flows on to each operand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial, reduce

from autodiff.ieee import inf, nan
from autodiff.operations import Operation
from autodiff.program.expressions import NO_DEPENDENCE, OUTPUT, Expression, derivatives, number, operand
from autodiff.program.lowering.straight import formula
from autodiff.program.writers import UnwritableError
from autodiff.rules import SELECT, dot, norm, total

TERM_BY_TERM = (total, dot, SELECT)
"""Operations of so many operands that they take several statements."""
NEVER, SOMETIMES, ALWAYS = range(3)
"""Whether a gradient flows on to an operand; sometimes, where the rule branches."""


def term_by_term(
    row: Operation, operands: Sequence[Expression]
) -> tuple[Expression, list[Callable[[Expression], Expression]]]:
    """What such an operation begins with, and what each of its terms makes of what was found before it."""
    if row is SELECT:
        index, *choices = operands
        here = [Expression("==", (index, number(float(place)))) for place in range(len(choices))]
        return number(nan), [partial(_chosen, *pair) for pair in zip(here, choices)]
    terms = [*operands]
    if row is dot:
        half = len(terms) // 2
        terms = [Expression("multiply", pair) for pair in zip(terms[:half], terms[half:])]
    return number(0.0), [partial(_added, term) for term in terms]


def _chosen(here: Expression, choice: Expression, found: Expression) -> Expression:
    return Expression("choose", (here, choice, found))


def _added(term: Expression, found: Expression) -> Expression:
    return Expression("add", (found, term))


@cache
def whole(row: Operation, arity: int) -> Expression:
    """What an operation computes, in terms of arithmetic and of functions that every language has."""
    operands = [*map(operand, range(arity))]
    if row is norm:
        return _norm(operands)
    if row in TERM_BY_TERM:
        found, terms = term_by_term(row, operands)
        return reduce(lambda found, term: term(found), terms, found)
    return formula(row, arity)


@cache
def locals_of(row: Operation, arity: int) -> tuple[Expression, ...]:
    """The local derivative for each operand.

    Raises:
        UnwritableError: one only runs on floats.
    """
    operands = [*map(operand, range(arity))]
    if row is total:  # rules of very many operands take long to be run with symbols
        return (number(1.0),) * arity
    if row is dot:
        return (*operands[arity // 2 :], *operands[: arity // 2])
    if row is norm:
        at_zero = Expression("==", (OUTPUT, number(0.0)))
        quotients = [Expression("divide", (each, OUTPUT)) for each in operands]
        return tuple(Expression("choose", (at_zero, number(0.0), each)) for each in quotients)
    if row is SELECT:
        chosen = [Expression("==", (operands[0], number(float(place)))) for place in range(arity - 1)]
        return NO_DEPENDENCE, *(Expression("choose", (each, number(1.0), NO_DEPENDENCE)) for each in chosen)
    found = derivatives(row, arity)
    if None in found:
        raise UnwritableError(row.name)
    return tuple(each for each in found if each is not None)


@cache
def flows(row: Operation, arity: int) -> tuple[int, ...]:
    """For each operand whether a gradient flows on to it: never, sometimes, always."""
    return tuple(
        NEVER if local == NO_DEPENDENCE else SOMETIMES if _has_zero(local) else ALWAYS
        for local in locals_of(row, arity)
    )


def _has_zero(local: Expression) -> bool:
    return local == NO_DEPENDENCE or (local.kind == "choose" and any(map(_has_zero, local.parts[1:])))


def product(local: Expression, upstream: Expression, is_reached: bool) -> Expression:
    """Local derivative times upstream gradient, where it is certain that something has reached the output, or not."""
    if local == number(1.0):
        return upstream
    return Expression("multiply" if is_reached else "flow", (local, upstream))


def flowing(local: Expression, upstream: Expression) -> Expression:
    """The contribution where the rule branches, and where nothing may have reached the output."""
    if local.kind == "choose":
        return Expression("choose", (local.parts[0], *(flowing(each, upstream) for each in local.parts[1:])))
    return local if local == NO_DEPENDENCE else product(local, upstream, False)


def _norm(operands: Sequence[Expression]) -> Expression:
    """As ``primals.norm``: the root of the sum of squares, of numbers scaled by the largest."""
    sizes = [Expression("absolute", (each,)) for each in operands]
    largest = number(0.0)
    for each in sizes:
        largest = Expression("choose", (Expression(">", (each, largest)), each, largest))

    def sum_of(terms: Sequence[Expression]) -> Expression:
        return reduce(lambda sum_, term: Expression("add", (sum_, term)), terms, number(0.0))

    scaled = [Expression("divide", (each, largest)) for each in operands]
    root = Expression("sqrt", (sum_of([Expression("multiply", (each, each)) for each in scaled]),))
    found = Expression("multiply", (largest, root))
    for limit, otherwise in ((inf, number(inf)), (0.0, sum_of(sizes))):  # nan where there is nothing but nan and 0
        found = Expression("choose", (Expression("==", (largest, number(limit))), otherwise, found))
    return found


@contextmanager
def refusing(language: str) -> Iterator[None]:
    """Say of an operation that cannot be written what to do.

    Raises:
        UnwritableError: there was one.
    """
    try:
        yield
    except UnwritableError as error:
        raise UnwritableError(
            f"the operation {str(error)!r} cannot be written in {language}: it only runs on floats, for instance "
            "because it calls Python's math; write it with arithmetic, comparisons and operations of the table "
            "(autodiff.exp for math.exp)"
        ) from None
