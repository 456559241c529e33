"""What a row of the table is, and how an operation is applied.

A row holds the *primal*, a function of floats, and one *local derivative* for each operand. The rules are plain
functions of the operands and of the output ``y``, written with arithmetic and with other rows of the table. So the
same text runs on floats (the backward pass), on ``Value``s (higher derivatives), and on any other number that knows how
to apply an operation (``__autodiff__``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from autodiff.documentation import Documentation, signature
from autodiff.ieee import Ieee, as_float, as_result
from autodiff.zeros import ZERO

if TYPE_CHECKING:
    from autodiff.declarations import Number, Plain
    from autodiff.value import Value

Rule = Callable[..., Any]


class Interval(NamedTuple):
    """A closed range of numbers that an operand may be tested on."""

    low: float
    high: float


class SingularPoint(NamedTuple):
    """What an operation gives at a point where mathematics has no derivative: its value and its local derivatives."""

    value: float
    local: tuple[float, ...]


REALS = Interval(-10.0, 10.0)


class Operation:
    __doc__ = Documentation(
        """One row of the table; calling it applies the operation to floats or to ``Value``s.

    >>> from autodiff import tanh
    >>> tanh(0.0)
    0.0
    >>> tanh.local_derivatives((0.0,), 0.0)
    (1.0,)

    Attributes:
        name: the name in the table; a ``Value`` has a method of this name if there is one operand.
        symbol: how drawings and traces write it.
        primal: the function of floats.
        derivatives: one rule ``(*operands, y)`` for each operand. A variadic operation has a single rule
            ``(operands, y)`` that returns the local derivatives of all its operands.
        arity: the number of operands; None if variadic.
        is_pair: whether it is built in and has two operands: its rules give floats, which a pass need not look at.
        domain: for each operand, the interval on which the operation may be tested.
        kinks: whether the operation is not differentiable somewhere inside its domain.
        singular_points: value and local derivatives by convention, at points where mathematics has none.
        defaults: numbers for the last operands, where they may be left out.
        ufunc: the name of NumPy's function of the same meaning, where it is another one.
    """
    )

    def __init__(
        self,
        name: str,
        primal: Rule | None = None,
        *derivatives: Rule,
        symbol: str = "",
        domain: Sequence[Interval] = (),
        kinks: bool = False,
        singular_points: Mapping[tuple[float, ...], SingularPoint] | None = None,
        variadic: bool = False,
        defaults: tuple[float, ...] = (),
        ufunc: str = "",
    ) -> None:
        self.name = name
        self.primal: Rule = primal or _leaves_have_no_primal
        self.derivatives = derivatives
        self.arity = None if variadic else len(derivatives)
        self.is_pair = False
        self.symbol = symbol or name
        self.domain = tuple(domain) or (REALS,) * len(derivatives)
        self.kinks = kinks
        self.singular_points = dict(singular_points or {})
        self.defaults = defaults
        self.ufunc = ufunc or name

    @overload
    def __call__(self, *operands: Plain) -> float: ...  # type: ignore[overload-overlap]  # if there are none
    @overload
    def __call__(self, *operands: Number) -> Value: ...
    def __call__(self, *operands: Any) -> Any:
        """Apply the operation: to floats it gives a float, to ``Value``s a recorded ``Value``."""
        if self.arity is not None and len(operands) != self.arity:
            given = len(operands)
            operands += self.defaults[given - self.arity :]
            if len(operands) != self.arity:
                raise TypeError(f"{self.name} takes {self.arity} operands, but {given} were given")
        for operand in operands:
            apply = getattr(type(operand), "__autodiff__", None)
            if apply is not None:
                return apply(self, operands)
        return self.evaluate([*map(as_float, operands)])

    def evaluate(self, operands: Sequence[float]) -> float:
        """The primal; where Python's floats raise, it is computed with IEEE 754 arithmetic instead."""
        try:
            found = self.primal(*operands)
            return found if found.__class__ is float else as_result(found, "primal", self.name)
        except ArithmeticError:
            return as_result(self.primal(*map(Ieee, operands)), "primal", self.name)

    def local_derivatives(self, operands: Sequence[Any], output: Any) -> tuple[Any, ...]:
        """The derivative of the output with respect to each operand, as the row states it."""
        try:
            return self._rules_on(operands, output)
        except ArithmeticError:
            return tuple(as_local(local, self) for local in self._rules_on([*map(Ieee, operands)], Ieee(output)))

    def _rules_on(self, operands: Sequence[Any], output: Any) -> tuple[Any, ...]:
        if self.arity is None:
            found = self.derivatives[0](operands, output)
            locals_ = tuple(found) if hasattr(found, "__iter__") else (found,)
            if len(locals_) != len(operands):
                counts = f"{len(locals_)} derivatives for {len(operands)} operands"
                raise ValueError(f"the rule of {self.name!r} gave {counts}: {found!r:.60}")
            return locals_
        return tuple(rule(*operands, output) for rule in self.derivatives)

    __signature__ = property(signature)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __str__(self) -> str:
        return self.name


def as_local(local: Any, op: Operation) -> float:
    """A local derivative as a float; a symbolic zero stays one."""
    return local if local is ZERO else as_result(local, "local derivative", op.name)


def _leaves_have_no_primal(*operands: float) -> float:
    raise TypeError("a leaf is not computed from anything")


VARIABLE = Operation("variable")
"""The operation of a leaf that gradients flow to."""

CONSTANT = Operation("constant")
"""The operation of a plain number in an expression: no gradient flows to it."""
