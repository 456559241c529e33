"""The table of operations: one row each, and all that runs an operation derives from its row.

A row holds the *primal*, a function of floats, and one *local derivative* for each operand. The rules
are plain functions of the operands and of the output ``y``, written with arithmetic and with other
rows of this table, so that the same text runs on floats (the backward pass), on ``Value``s (higher
derivatives) and on any other number that knows how to apply an operation (``__autodiff__``).

Numbers follow IEEE 754 as NumPy's do: nothing overflows into an exception.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import reduce
from keyword import iskeyword
from numbers import Real
from operator import add as _add
from operator import mul as _multiply
from operator import neg as _negative
from operator import pos as _positive
from operator import sub as _subtract
from operator import truediv as _divide
from typing import Any, NamedTuple

inf, nan = math.inf, math.nan

Rule = Callable[..., Any]


class Interval(NamedTuple):
    """A closed range of numbers that an operand may be tested on."""

    low: float
    high: float


class Pinned(NamedTuple):
    """What an operation gives at a singular point: its value and its local derivatives there."""

    value: float
    local: tuple[float, ...]


REALS = Interval(-10.0, 10.0)


def _leaves_have_no_primal(*operands: float) -> float:
    raise TypeError("a leaf is not computed from anything")


class Operation:
    """One row of the table; calling it applies the operation to floats or to ``Value``s.

    >>> tanh(0.0)
    0.0
    >>> tanh.local_derivatives((0.0,), 0.0)
    (1.0,)

    Attributes:
        name: the name in the table; a ``Value`` has a method of this name if there is one operand.
        symbol: how drawings and traces write it.
        primal: the function of floats.
        derivatives: one rule ``(*operands, y)`` for each operand. A variadic operation has a single
            rule ``(operands, y)`` that returns the local derivatives of all its operands.
        arity: the number of operands; None if variadic.
        domain: for each operand, the interval on which the operation may be tested.
        kinks: whether the operation is not differentiable somewhere inside its domain.
        pinned: value and local derivatives by convention, at points where mathematics has none.
        defaults: numbers for the last operands, where they may be left out.
        ufunc: the name of NumPy's function of the same meaning, where it is another one.
    """

    __slots__ = (
        "arity", "defaults", "derivatives", "domain", "kinks", "name", "pinned", "primal", "symbol",
        "ufunc",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        primal: Rule | None = None,
        *derivatives: Rule,
        symbol: str = "",
        domain: Sequence[Interval] = (),
        kinks: bool = False,
        pinned: Mapping[tuple[float, ...], Pinned] | None = None,
        variadic: bool = False,
        defaults: tuple[float, ...] = (),
        ufunc: str = "",
    ) -> None:
        self.name = name
        self.primal: Rule = primal or _leaves_have_no_primal
        self.derivatives = derivatives
        self.arity = None if variadic else len(derivatives)
        self.symbol = symbol or name
        self.domain = tuple(domain) or (REALS,) * len(derivatives)
        self.kinks = kinks
        self.pinned = dict(pinned or {})
        self.defaults = defaults
        self.ufunc = ufunc or name

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
            return float(self.primal(*operands))
        except ArithmeticError:
            return float(self.primal(*map(Ieee, operands)))

    def local_derivatives(self, operands: Sequence[Any], output: Any) -> tuple[Any, ...]:
        """The derivative of the output with respect to each operand, as the row states it."""
        try:
            return self._rules_on(operands, output)
        except ArithmeticError:
            return tuple(map(float, self._rules_on([*map(Ieee, operands)], Ieee(output))))

    def _rules_on(self, operands: Sequence[Any], output: Any) -> tuple[Any, ...]:
        if self.arity is None:
            locals_ = tuple(self.derivatives[0](operands, output))
            if len(locals_) != len(operands):
                raise ValueError(
                    f"the rule of {self.name!r} gave {len(locals_)} derivatives for {len(operands)} operands"
                )
            return locals_
        return tuple(rule(*operands, output) for rule in self.derivatives)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], Operation], tuple[str]]:
        return lookup, (self.name,)


OPERATIONS: dict[str, Operation] = {}
"""Every operation by its name, in the order of the table."""

VARIABLE = Operation("variable")
"""The operation of a leaf that gradients flow to."""

CONSTANT = Operation("constant")
"""The operation of a plain number in an expression: no gradient flows to it."""

NOT_IN_TABLE = {row.name: row for row in (VARIABLE, CONSTANT)}
"""The operations that are no rows of the table, by name."""


def operation(name: str, primal: Rule, *derivatives: Rule, replace: bool = False, **row: Any) -> Operation:
    """Declare an operation: the public call, and the one that every row below is made with.

    Args:
        name: a Python identifier; ``Value`` gets a method of that name.
        primal: the operation on floats, one argument for each operand. Where it uses functions of this table
            in place of ``math``'s (``exp`` for ``math.exp``), it never raises.
        *derivatives: for each operand the local derivative, ``rule(*operands, y)``, where ``y`` is the
            output. Write them with arithmetic and the operations of this table.
        replace: allow a name that was declared before, but not a built-in one.
        **row: ``symbol``, ``domain``, ``kinks``, ``pinned``, ``variadic``, ``defaults`` and ``ufunc``,
            as :class:`Operation` describes them.

    Raises:
        TypeError: the primal or a rule is not callable, or does not take that many arguments.
        ValueError: the name is no identifier, or is taken, by an operation or by an attribute of ``Value``.

    >>> square = operation("square_of", lambda x: x * x, lambda x, y: 2 * x)
    >>> square(3.0)
    9.0
    """
    if not (isinstance(name, str) and name.isidentifier()) or iskeyword(name) or name.startswith("__"):
        raise ValueError(f"an operation's name must be a Python identifier, not {name!r}")
    if name in BUILT_IN or (name in OPERATIONS and not replace):
        raise ValueError(
            f"the operation {name!r} is built in; choose another name"
            if name in BUILT_IN
            else f"the operation {name!r} is declared already; choose another name or pass replace=True"
        )
    if not derivatives:
        raise TypeError(f"the operation {name!r} needs one local derivative for each operand, none was given")
    new = Operation(name, primal, *derivatives, **row)
    for number in _with_methods:
        for method in (name, new.ufunc):
            own = getattr(getattr(number, method, None), "operation", None)
            if hasattr(number, method) and (own is None or own.name != name):
                raise ValueError(f"{method!r} is an attribute of {number.__name__} already; choose another name")
    operands = 1 if new.arity is None else new.arity
    for what, rule, takes in [("primal", primal, new.arity)] + [
        ("local derivative", rule, operands + 1) for rule in derivatives
    ]:
        if not callable(rule):
            raise TypeError(f"the {what} of {name!r} must be callable, not {rule!r}")
        code = getattr(rule, "__code__", None)
        if takes is None or code is None or code.co_flags & 0x04:
            continue
        most = code.co_argcount - hasattr(rule, "__self__")
        least = most - len(rule.__defaults__ or ())
        if not least <= takes <= most:
            raise TypeError(
                f"the {what} of {name!r} must take {takes} arguments "
                f"({'operands, then the output y' if what != 'primal' else 'one for each operand'}), "
                f"but takes {most}"
            )
    OPERATIONS[name] = new
    for number in _with_methods:
        _add_methods(number, new)
    return new


def lookup(name: str) -> Operation:
    """The operation of that name.

    Raises:
        ValueError: there is none; the message suggests the nearest names.
    """
    found = OPERATIONS.get(name) or NOT_IN_TABLE.get(name)
    if found is None:
        near = get_close_matches(str(name), OPERATIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"must be one of {', '.join(OPERATIONS)}"
        raise ValueError(f"unknown operation {name!r} ({hint})")
    return found


def methods_for(number: type) -> None:
    """Give the type a method for every operation, by its own name and by NumPy's: now and of later ones.

    So ``Value(0.0).cos()`` works, and ``np.cos`` on a ``Value``, since NumPy calls the method of its own name.
    A method that the type writes out itself stays.
    """
    _with_methods.append(number)
    for row in OPERATIONS.values():
        _add_methods(number, row)


_with_methods: list[type] = []


def _add_methods(number: type, row: Operation) -> None:
    def method(self: Any, *operands: Any) -> Any:
        return row(self, *operands)

    method.__doc__ = f"The operation {row.name!r} of the table, with this as its first operand."
    if row.arity is not None:
        method.__name__ = row.name
        method.operation = row  # type: ignore[attr-defined]  # marks what may be replaced
        for name in {row.name, row.ufunc}:
            written = getattr(number, name, None)
            if written is None or hasattr(written, "operation"):
                setattr(number, name, method)


def as_float(number: object) -> float:
    """The number as a float, if it is a real one.

    Raises:
        TypeError: it is not a real number.
        OverflowError: it is an integer or fraction beyond the range of floats.
    """
    if type(number) is float:
        return number
    if isinstance(number, (Real, Decimal)) or (
        getattr(number, "shape", None) == () and getattr(getattr(number, "dtype", None), "kind", "") in set("biuf")
    ):
        try:
            return float(number)  # type: ignore[arg-type]  # a NumPy scalar or 0-d array
        except OverflowError:
            raise OverflowError(f"this {type(number).__name__} is too large for a float") from None
    raise TypeError(
        f"a real number is needed (int, float, bool, Fraction, Decimal, a NumPy scalar or 0-d array), "
        f"not {type(number).__name__} {number!r:.60}"
    )


class Ieee(float):
    """A float that divides and takes powers as IEEE 754 says, where Python's own floats raise.

    Its arithmetic is the table's: rules run on it at points such as the pole of ``1 / x``.
    """

    @staticmethod
    def __autodiff__(row: Operation, operands: Sequence[float]) -> Ieee:
        return Ieee(row.primal(*map(float, operands)))


def give_arithmetic(number: type, rows: Mapping[str, Operation]) -> None:
    """Make the type's operators, and the reflected ones, apply the rows: ``add`` for ``__add__`` and so on."""
    for name, row in rows.items():
        setattr(number, f"__{name}__", lambda a, b, row=row: row(a, b))
        setattr(number, f"__r{name}__", lambda a, b, row=row: row(b, a))


def give_signs(number: type, rows: Mapping[str, Operation]) -> None:
    """Make the type's operators of one operand apply the rows."""
    for name, row in rows.items():
        setattr(number, f"__{name}__", lambda a, row=row: row(a))


def _ieee(function: Rule, limit: Rule) -> Rule:
    """The function, with the result that IEEE 754 gives where Python's ``math`` raises."""

    def primal(*operands: float) -> float:
        try:
            return function(*operands)  # type: ignore[no-any-return]
        except (ArithmeticError, ValueError):
            return limit(*operands)  # type: ignore[no-any-return]

    return primal


def _quotient_by_zero(a: float, b: float) -> float:
    return nan if a == 0 or a != a else math.copysign(inf, a) * math.copysign(1.0, b)


def _power_limit(x: float, n: float) -> float:
    """The power x ** n where ``math.pow`` raises: a negative base, a pole at 0, or an overflow."""
    odd = n % 2 == 1
    if x == 0:
        return math.copysign(inf, x) if odd else inf
    if x < 0 and n != math.floor(n):
        return nan
    return -inf if x < 0 and odd else inf


def _power(x: float, n: float) -> float:
    """The power x ** n; the most frequent ones by multiplication: several times as quick, and exact but for cubes."""
    if n == 2:
        return x * x
    if n == 1:
        return x
    if n == 3:
        return x * x * x
    try:
        return POW.primal(x, n)  # type: ignore[no-any-return]
    except TypeError:  # numbers of another kind, which know how to apply an operation
        return POW(x, n)  # type: ignore[no-any-return]


def _sum(*numbers: float) -> float:
    # From left to right: the built-in sum() of Python 3.12 and later compensates and gives other bits.
    return reduce(_add, numbers, 0.0)


def _dot(*operands: float) -> float:
    half, odd = divmod(len(operands), 2)
    if odd:
        raise TypeError(f"dot takes all left factors, then as many right ones: an even number, not {len(operands)}")
    return reduce(_add, map(_multiply, operands[:half], operands[half:]), 0.0)


def _swapped_halves(operands: Sequence[Any]) -> tuple[Any, ...]:
    half = len(operands) // 2
    return (*operands[half:], *operands[:half])


BUILT_IN: frozenset[str] = frozenset()
TINY = 1e-300
UNIT, POSITIVE, BASE = Interval(-0.99, 0.99), Interval(0.01, 10.0), Interval(0.1, 4.0)
SPLIT_TIE = {(1.0, 1.0): Pinned(1.0, (0.5, 0.5)), (0.0, 0.0): Pinned(0.0, (0.5, 0.5))}

# ── The table ────────────────────────────────────────────────────────────────────────────────────
# name, primal, local derivative for each operand; y is the output.
# fmt: off
power: Operation
log: Operation
cos: Operation
cosh: Operation
sigmoid: Operation
where: Operation  # named by rules that stand before their own row

# Arithmetic. The quotient's rule -y/b stays right where -a/(b*b) underflows.
add = operation("add", _add, lambda a, b, y: 1.0, lambda a, b, y: 1.0, symbol="+")
subtract = operation("subtract", _subtract, lambda a, b, y: 1.0, lambda a, b, y: -1.0, symbol="-")
multiply = operation("multiply", _multiply, lambda a, b, y: b, lambda a, b, y: a, symbol="*")
divide = operation("divide", _ieee(_divide, _quotient_by_zero), lambda a, b, y: 1 / b, lambda a, b, y: -y / b,
                   symbol="/", domain=(REALS, POSITIVE))
negative = operation("negative", _negative, lambda x, y: -1.0, symbol="neg")
positive = operation("positive", _positive, lambda x, y: 1.0, symbol="pos")
power = operation("power", _power,
                  lambda x, n, y: 0.0 if n == 0 and -TINY < x < TINY else n * power(x, n - 1),  # 0, not 0·inf
                  lambda x, n, y: 0.0 if x == 0 and n >= 0 else y * log(x),
                  symbol="**", domain=(BASE, Interval(-3.0, 3.0)),
                  pinned={(0.0, 0.0): Pinned(1.0, (0.0, 0.0)), (0.0, 0.5): Pinned(0.0, (inf, 0.0)),
                          (0.0, 1.0): Pinned(0.0, (1.0, 0.0)), (0.0, 2.0): Pinned(0.0, (0.0, 0.0)),
                          (0.0, -1.0): Pinned(inf, (-inf, -inf)), (-2.0, 3.0): Pinned(-8.0, (12.0, nan)),
                          (-1.0, 0.5): Pinned(nan, (nan, nan))})

# Exponentials and logarithms.
exp = operation("exp", _ieee(math.exp, lambda x: inf), lambda x, y: y)
expm1 = operation("expm1", _ieee(math.expm1, lambda x: inf), lambda x, y: exp(x))
log = operation("log", _ieee(math.log, lambda x: -inf if x == 0 else nan), lambda x, y: 1 / x, domain=(POSITIVE,),
                pinned={(0.0,): Pinned(-inf, (inf,)), (-1.0,): Pinned(nan, (-1.0,))})
log1p = operation("log1p", _ieee(math.log1p, lambda x: -inf if x == -1 else nan), lambda x, y: 1 / (1 + x),
                  domain=(Interval(-0.9, 10.0),), pinned={(-1.0,): Pinned(-inf, (inf,))})
sqrt = operation("sqrt", _ieee(math.sqrt, lambda x: nan), lambda x, y: 0.5 / y, domain=(POSITIVE,),
                 pinned={(0.0,): Pinned(0.0, (inf,)), (-1.0,): Pinned(nan, (nan,))})

# Trigonometric and hyperbolic functions. (1 - x) * (1 + x) keeps the digits that 1 - x*x loses.
sin = operation("sin", _ieee(math.sin, lambda x: nan), lambda x, y: cos(x))
cos = operation("cos", _ieee(math.cos, lambda x: nan), lambda x, y: -sin(x))
tan = operation("tan", _ieee(math.tan, lambda x: nan), lambda x, y: 1 + y * y, domain=(Interval(-1.5, 1.5),))
asin = operation("asin", _ieee(math.asin, lambda x: nan), lambda x, y: 1 / sqrt((1 - x) * (1 + x)), domain=(UNIT,),
                 pinned={(1.0,): Pinned(math.pi / 2, (inf,))}, ufunc="arcsin")
acos = operation("acos", _ieee(math.acos, lambda x: nan), lambda x, y: -1 / sqrt((1 - x) * (1 + x)), domain=(UNIT,),
                 pinned={(1.0,): Pinned(0.0, (-inf,))}, ufunc="arccos")
atan = operation("atan", math.atan, lambda x, y: 1 / (1 + x * x), ufunc="arctan")
sinh = operation("sinh", _ieee(math.sinh, lambda x: math.copysign(inf, x)), lambda x, y: cosh(x))
cosh = operation("cosh", _ieee(math.cosh, lambda x: inf), lambda x, y: sinh(x))
tanh = operation("tanh", math.tanh, lambda x, y: (1 - y) * (1 + y))

# Error function and activations. sigmoid(-x) is 1 - sigmoid(x) without its cancellation.
erf = operation("erf", math.erf, lambda x, y: 2 / math.sqrt(math.pi) * exp(-x * x))
erfc = operation("erfc", math.erfc, lambda x, y: -2 / math.sqrt(math.pi) * exp(-x * x))
sigmoid = operation("sigmoid", lambda x: exp(x) / (1 + exp(x)) if x < 0 else 1 / (1 + exp(-x)),
                    lambda x, y: y * sigmoid(-x), symbol="σ")
softplus = operation("softplus", lambda x: x + log1p(exp(-x)) if x > 0 else log1p(exp(x)), lambda x, y: sigmoid(x))
silu = operation("silu", lambda x: x * sigmoid(x), lambda x, y: sigmoid(x) + y * sigmoid(-x))
gelu = operation("gelu", lambda x: 0.5 * x * erfc(-x / math.sqrt(2)),
                 lambda x, y: 0.5 * erfc(-x / math.sqrt(2)) + x * exp(-0.5 * x * x) / math.sqrt(2 * math.pi))
relu = operation("relu", lambda x: 0.0 if x <= 0 else x, lambda x, y: 0.0 if x <= 0 else 1.0, kinks=True,
                 pinned={(0.0,): Pinned(0.0, (0.0,))})
leaky_relu = operation("leaky_relu", lambda x, slope: slope * x if x <= 0 else x,
                       lambda x, slope, y: slope if x <= 0 else 1.0, lambda x, slope, y: x if x <= 0 else 0.0,
                       kinks=True, domain=(REALS, Interval(0.001, 0.5)), defaults=(0.01,),
                       pinned={(0.0, 0.01): Pinned(0.0, (0.01, 0.0))})

# Choices. A tie of maximum and minimum splits the gradient in halves, so that maximum(x, x) has derivative 1.
absolute = operation("absolute", abs, lambda x, y: 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else nan,
                     symbol="abs", kinks=True,
                     pinned={(0.0,): Pinned(0.0, (0.0,))})
maximum = operation("maximum", lambda a, b: a if a >= b or a != a else b,
                    lambda a, b, y: 1.0 if a > b else 0.5 if a == b else 0.0 if b > a else nan,
                    lambda a, b, y: 1.0 if b > a else 0.5 if a == b else 0.0 if a > b else nan,
                    symbol="max", kinks=True, pinned=SPLIT_TIE)
minimum = operation("minimum", lambda a, b: a if a <= b or a != a else b,
                    lambda a, b, y: 1.0 if a < b else 0.5 if a == b else 0.0 if b < a else nan,
                    lambda a, b, y: 1.0 if b < a else 0.5 if a == b else 0.0 if a < b else nan,
                    symbol="min", kinks=True, pinned=SPLIT_TIE)
where = operation("where", lambda condition, a, b: a if condition else b,
                  lambda condition, a, b, y: 0.0, lambda condition, a, b, y: 1.0 if condition else 0.0,
                  lambda condition, a, b, y: 0.0 if condition else 1.0, kinks=True)

# Any number of operands in ONE node: a sum, and a sum of products (first all left factors, then all right ones).
total = operation("total", _sum, lambda operands, y: (1.0,) * len(operands), symbol="Σ", variadic=True)
dot = operation("dot", _dot, lambda operands, y: _swapped_halves(operands), symbol="·", variadic=True)
# fmt: on


# ── Beside the table ─────────────────────────────────────────────────────────────────────────────
# What only recorded programs hold (autodiff/tape): no functions of mathematics, and no methods of ``Value``.
def chosen(index: float, *choices: Any) -> Any:
    """The choice at that place.

    Raises:
        TypeError: the index is not a whole number.
        ValueError: there is no such choice.
    """
    place = int(index) if index == index and abs(index) < inf else 0
    if place != index:
        raise TypeError(f"an index must be an integer, not {index!r}")
    if not 0 <= place < len(choices):
        raise ValueError(f"the index {place} is none of {len(choices)} rows (from 0 to {len(choices) - 1})")
    return choices[place]


def _choice_rule(operands: Sequence[Any], y: Any) -> tuple[Any, ...]:
    return (0.0, *(where(operands[0] - place, 0.0, 1.0) for place in range(len(operands) - 1)))


# fmt: off
# The power with any exponent, as math and floats have it: what is elementary in the row above.
POW = Operation("pow", _ieee(math.pow, _power_limit), *power.derivatives, ufunc="power")
# The number that an index chooses among the other operands; and a number whose history no gradient flows to.
SELECT = Operation("select", chosen, _choice_rule, variadic=True)
DETACHED = Operation("detached", lambda x: x, lambda x, y: 0.0)
# Comparisons as numbers: the conditions of rules that branch.
LESS = Operation("less", lambda a, b: 1.0 if a < b else 0.0, lambda a, b, y: 0.0, lambda a, b, y: 0.0)
LESS_EQUAL = Operation("less_equal", lambda a, b: 1.0 if a <= b else 0.0, lambda a, b, y: 0.0, lambda a, b, y: 0.0)
EQUAL = Operation("equal", lambda a, b: 1.0 if a == b else 0.0, lambda a, b, y: 0.0, lambda a, b, y: 0.0)
# The product of the chain rule, through whose zeros nothing flows; and where that makes a difference.
STOPPED = Operation("stopped", lambda a, b: 1.0 if a * b != a * b and (a == 0 or b == 0) else 0.0,
                    lambda a, b, y: 0.0, lambda a, b, y: 0.0)
FLOW = Operation("flow", lambda a, b: 0.0 if STOPPED(a, b) else a * b,
                 lambda a, b, y: where(STOPPED(a, b), 0.0, b), lambda a, b, y: where(STOPPED(a, b), 0.0, a))
# fmt: on

NOT_IN_TABLE.update({row.name: row for row in (POW, SELECT, DETACHED, LESS, LESS_EQUAL, EQUAL, STOPPED, FLOW)})
BUILT_IN = frozenset({*OPERATIONS, *NOT_IN_TABLE})
give_arithmetic(Ieee, {"add": add, "sub": subtract, "mul": multiply, "truediv": divide, "pow": power})
give_signs(Ieee, {"neg": negative, "pos": positive, "abs": absolute})
