"""Operations as functions of JAX arrays, with the derivatives of their rows in place of JAX's.

The text is that of the NumPy backend, run with JAX's functions. A row's rules are given to JAX as its derivatives
(``custom_jvp``), and what they call has rules in turn: so forward and reverse mode, ``vmap`` and derivatives of any
order follow the table. A branch that is not taken is run with *safe* numbers, at which nothing is infinite: else JAX
would multiply an infinity there with the 0 that flows back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial, reduce
from itertools import product
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from autodiff.compiling.numpy.functions import array_function, names_for
from autodiff.operations import REALS, Interval, Operation
from autodiff.program.expressions import (
    ARITHMETIC,
    NO_DEPENDENCE,
    UPSTREAM,
    Expression,
    applied,
    derivatives,
    number,
    operand,
    primal,
    traced,
)
from autodiff.program.lowering.straight import called, placed
from autodiff.program.writers import NUMPY, UnwritableError, numbered
from autodiff.registry import BUILT_IN, lookup

NATIVE = frozenset({"add", "subtract", "negative", "positive", "multiply"})
"""Operations that JAX differentiates as their rows do."""
RULES = replace(NUMPY, infix={sign: text for sign, text in NUMPY.infix.items() if sign != "divide"})
"""How rules are written: what JAX differentiates otherwise than the table is a function, which has a rule in turn."""
TRIED = (-1e3, -3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 1e-3, 0.5, 1.0, 2.0, 3.0, 1e3)
"""Numbers by which it is told whether an operation is tame."""


def _norms(terms: Any) -> Any:
    """The norm along the last axis, of numbers scaled by the largest; the derivative at zeros is 0."""
    sizes = jnp.abs(terms)
    largest = jnp.max(jnp.where(jnp.isnan(sizes), 0.0, sizes), axis=-1, initial=0.0)
    scaled = sizes / largest[..., None]
    found = jnp.where(largest == 0, sizes.sum(-1), largest * jnp.sqrt((scaled * scaled).sum(-1)))  # 0, or nan among 0
    return jnp.where(largest == jnp.inf, largest, found)


def _norms_passed(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    (terms,), (tangent,) = primals, tangents
    output = norms(terms)
    at_zero = (output == 0)[..., None]
    local = jnp.where(at_zero, 1.0, terms) / jnp.where(at_zero, 1.0, output[..., None])
    return output, (jnp.where(at_zero, 0.0, local) * tangent).sum(-1)


norms: Callable[[Any], Any] = jax.custom_jvp(_norms)
norms.defjvp(_norms_passed)  # type: ignore[attr-defined]
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": jnp.exp, "expm1": jnp.expm1, "log": jnp.log, "log1p": jnp.log1p, "log2": jnp.log2, "log10": jnp.log10,
    "sqrt": jnp.sqrt, "sin": jnp.sin, "cos": jnp.cos, "tan": jnp.tan, "asin": jnp.arcsin, "acos": jnp.arccos,
    "atan": jnp.arctan, "atan2": jnp.arctan2, "sinh": jnp.sinh, "cosh": jnp.cosh, "tanh": jnp.tanh,
    "asinh": jnp.arcsinh, "acosh": jnp.arccosh, "atanh": jnp.arctanh, "erf": jax.scipy.special.erf,
    "erfc": jax.scipy.special.erfc, "gamma": jax.scipy.special.gamma,
    "mod": jnp.remainder, "pow": jnp.float_power, "absolute": jnp.abs,
    "norm": lambda *terms: norms(jnp.stack(jnp.broadcast_arrays(*terms), -1)),
    "rint": jnp.rint, "floor": jnp.floor, "ceil": jnp.ceil, "trunc": jnp.trunc, "cbrt": jnp.cbrt,
}  # fmt: skip
"""What the operations are that call ``math``, or whose text is right for 64 bits only."""


class Row:
    """An operation on arrays, differentiable, of which some operands are known numbers.

    Args:
        row: the operation.
        known: for each operand, its number if it is known, else None.

    Raises:
        UnwritableError: it cannot be run on arrays.

    >>> from autodiff import lookup
    >>> Row(lookup("power"), (None, 2.0))(jnp.array([3.0])).tolist()
    [9.0]
    """

    def __init__(self, row: Operation, known: tuple[float | None, ...]) -> None:
        check_writable(row, len(known))
        self.row, self.known = row, known
        self.wanted = [at for at, each in enumerate(known) if each is None]
        """The places of the operands that vary."""
        given = self._with_known([*map(operand, range(len(self.wanted)))])
        self._value = _function(placed([_primal(row, len(known))], given)[0], len(self.wanted), value_of)
        locals_ = [each for each in derivatives(row, len(known), inline=False) if each is not None]
        self._rules = placed([locals_[at] for at in self.wanted], given, operand(len(self.wanted)))
        self.safe = self._safe()
        """Numbers for the operands that vary at which value and derivatives are finite."""
        self.always = [_flow(rule) == UPSTREAM for rule in self._rules]
        """For each operand that varies, whether the output depends on it in any case."""
        self.is_linear = all(rule.kind == "number" and math.isfinite(rule.number) for rule in self._rules)
        """Whether the local derivatives are constants."""
        self._with_rules = jax.custom_jvp(self._run)
        self._with_rules.defjvp(self._tangent, symbolic_zeros=True)

    def __call__(self, *operands: Any) -> Any:
        """The operation on the operands that vary."""
        return self._run(*operands) if self.row.name in NATIVE else self._with_rules(*operands)

    def reached(self, operands: Sequence[Any], upstream: Sequence[Any]) -> Any:
        """The sum of a number for each operand that varies, where the output depends on it."""
        given = (*operands, self._run(*operands))
        flows = [_function(_flow(rule), len(given), value_of) for rule in self._rules]
        return reduce(add, [flow(*given, upstream=each) for flow, each in zip(flows, upstream)])

    def _run(self, *operands: Any) -> Any:
        found = jnp.asarray(self._value(*operands), jnp.result_type(*operands))
        return jnp.broadcast_to(found, jnp.broadcast_shapes(*map(jnp.shape, operands)))

    def _tangent(self, operands: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        output = self(*operands)
        found = jnp.zeros_like(output)
        for passed, tangent in zip(self._passed, tangents):
            if type(tangent) is not SymbolicZero:
                found += jnp.asarray(passed(*operands, output, upstream=tangent), output.dtype)
        return output, found

    @cached_property
    def _passed(self) -> list[Callable[..., Any]]:
        """For each operand that varies, the function of the operands and the output that passes a tangent on."""
        return [_function(self._contribution(rule, ()), len(self.wanted) + 1, rule_of) for rule in self._rules]

    def _contribution(self, rule: Expression, taken: tuple[tuple[Expression, bool], ...]) -> Expression:
        """Local derivative times upstream gradient; each branch has safe numbers where it is not taken."""
        if rule.kind == "choose":
            condition, *branches = rule.parts
            sides = [self._contribution(each, (*taken, (condition, at == 0))) for at, each in enumerate(branches)]
            return Expression("choose", (condition, *sides))
        if rule in (NO_DEPENDENCE, number(1.0)):
            return NO_DEPENDENCE if rule == NO_DEPENDENCE else UPSTREAM
        if rule.kind == "number":
            return Expression("multiply", (_where(taken, rule, 0.0), UPSTREAM))
        given = [*map(operand, range(len(self.wanted) + 1))]
        if taken:
            given[:-1] = map(partial(_where, taken), given, self._safe(rule))
            given[-1] = Expression(self.row.name, tuple(self._with_known(given[:-1])))
        return Expression("multiply", (placed([rule], given)[0], UPSTREAM))

    def _safe(self, local: Expression | None = None) -> list[float]:
        """Numbers for the operands that vary at which value and derivatives, or this expression, are finite."""
        domain = self.row.domain or (REALS,) * len(self.known)
        inside = [_inside(domain[at], at) for at in self.wanted]
        is_needed = local is None or operand(len(inside)) in [
            each for each, _ in numbered([local])[0] if not each.parts
        ]
        for signs in product((1.0, -1.0, 0.1, -0.1), repeat=min(len(inside), 3)):
            point = [sign * each for sign, each in zip((*signs, *[1.0] * len(inside)), inside)]
            numbers = [each.number for each in self._with_known([*map(number, point)])]
            output = self.row.evaluate(numbers)
            found = [output, *self.row.local_derivatives(numbers, output)] if is_needed else []
            found += applied([local], [*point, output]) if local else []
            if all(map(math.isfinite, found)):
                return point
        return inside

    def _with_known(self, varying: Sequence[Expression]) -> list[Expression]:
        """All operands: these, and the numbers that are known."""
        each = iter(varying)
        return [next(each) if known is None else number(known) for known in self.known]


def rule_of(row: Operation) -> Callable[..., Any]:
    """The operation as rules call it: a function with a rule."""
    return lambda *operands: row_of(row, len(operands))(*map(jnp.asarray, operands))


def value_of(row: Operation) -> Callable[..., Any]:
    """The operation as primals call it: a function without a rule."""
    if row.name in FUNCTIONS and row.name in BUILT_IN:
        return FUNCTIONS[row.name]
    return lambda *operands: _primal_function(row, len(operands))(*map(jnp.asarray, operands))


@cache
def row_of(row: Operation, arity: int) -> Row:
    """The operation on that many operands that vary, made once."""
    return Row(row, (None,) * arity)


def check_writable(row: Operation, arity: int) -> None:
    """Refuse an operation that JAX cannot run.

    Raises:
        UnwritableError: its primal or a rule asks for numbers.
    """
    waiting, seen = [(row, arity)], {*BUILT_IN}
    while waiting:
        row, arity = waiting.pop()
        if row.name in seen:
            continue
        seen.add(row.name)
        rules = derivatives(row, arity, inline=False)
        for what, each in (("primal", primal(row, arity)), *(("local derivative", rule) for rule in rules)):
            if each is None:
                raise UnwritableError(
                    f"the JAX backend cannot write the operation {row.name!r}: its {what} asks for numbers, as "
                    "functions of math do. Write it with arithmetic and operations of autodiff (exp in place of "
                    "math.exp), or compile with backend='numpy' or 'native', which call it"
                )
            parts = [part for part, _ in numbered([each])[0] if part.kind in called(each)]
            waiting += [(lookup(part.kind), len(part.parts)) for part in parts]


def _inside(interval: Interval, place: int) -> float:
    """A number inside, another one for each place, and no special one."""
    return interval.low + (interval.high - interval.low) * (0.618 + 0.047 * (place % 8))


def _primal(row: Operation, arity: int) -> Expression:
    """What the operation computes; what it calls stays a call.

    Raises:
        UnwritableError: JAX has no such function.
    """
    if row.name in FUNCTIONS and row.name in BUILT_IN:
        return Expression(row.name, tuple(map(operand, range(arity))))
    found = traced(row.primal, arity, inline=False) if row.name not in ARITHMETIC else None
    found = found or primal(row, arity)
    if found is None:
        raise UnwritableError(f"the JAX backend has no function for the operation {row.name!r}")
    return found


@cache
def _primal_function(row: Operation, arity: int) -> Callable[..., Any]:
    return _function(_primal(row, arity), arity, value_of)


def _function(
    expression: Expression, arity: int, function: Callable[[Operation], Callable[..., Any]]
) -> Callable[..., Any]:
    """The expression of so many arrays, the last of which may be the output; ``function`` gives what it calls."""
    target = RULES if function is rule_of else NUMPY
    written = array_function([expression], arity, names_for(function, jnp.where), target)
    return lambda *operands, **upstream: written(*operands, **upstream)[0]


def _where(taken: Sequence[tuple[Expression, bool]], expression: Expression, safe: float) -> Expression:
    """The expression where the conditions are as they were, else a safe number."""
    for condition, holds in taken:
        pair = (expression, number(safe)) if holds else (number(safe), expression)
        expression = Expression("choose", (condition, *pair))
    return expression


def _flow(rule: Expression) -> Expression:
    """The upstream gradient where there is dependence, and nothing elsewhere."""
    if rule.kind != "choose":
        return NO_DEPENDENCE if rule == NO_DEPENDENCE else UPSTREAM
    condition, *branches = rule.parts
    if_true, if_false = map(_flow, branches)
    return if_true if if_true == if_false else Expression("choose", (condition, if_true, if_false))


@cache
def is_tame(row: Operation, known: tuple[float | None, ...]) -> bool:
    """Whether value and local derivatives are finite where the operands are of moderate size, as far as that is tried.

    >>> from autodiff import lookup
    >>> [is_tame(lookup(name), (None,)) for name in ("tanh", "relu", "exp", "sqrt")]
    [True, True, False, False]
    >>> is_tame(lookup("divide"), (None, 2.0)), is_tame(lookup("divide"), (None, None))
    (True, False)
    """
    if row.name not in BUILT_IN or len(known) > 3:
        return False
    for numbers in product(*(TRIED if each is None else (each,) for each in known)):
        try:
            output = row.evaluate(numbers)
            locals_ = row.local_derivatives(numbers, output)
        except Exception:
            return False
        if not all(map(math.isfinite, (output, *map(float, locals_)))):
            return False
    return True
