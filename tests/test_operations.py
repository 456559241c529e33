"""Every row of the table against references of its own, at singular points, and through every way to call it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp

import autodiff as ad
from autodiff import OPERATIONS, Operation, Value, grad, operation, trace
from autodiff.ieee import as_float
from autodiff.operations import REALS, Interval
from autodiff.registry import BUILT_IN, lookup
from autodiff.tracing import dumps, loads
from autodiff.zeros import ZERO

RELATIVE, ABSOLUTE = 1e-9, 1e-12  # a few roundings of the rule, and what (1 - y) loses at tanh's tails
SECOND = 1e-6  # of the second derivative: the first one's rounding, amplified


def mp_sigmoid(x):
    return 1 / (1 + mp.exp(-x))


REFERENCES = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "power": lambda x, n: x**n,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": lambda x: mp.log(1 + x),
    "sqrt": mp.sqrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "sigmoid": mp_sigmoid,
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "silu": lambda x: x * mp_sigmoid(x),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "relu": lambda x: max(x, mp.mpf(0)),
    "leaky_relu": lambda x, slope: slope * x if x <= 0 else x,
    "absolute": abs,
    "maximum": max,
    "minimum": min,
    "where": lambda condition, a, b: a if condition else b,
    "total": lambda *xs: sum(xs, mp.mpf(0)),
    "hypot": mp.hypot,
    "norm": lambda *xs: mp.sqrt(sum((x * x for x in xs), mp.mpf(0))),
    "dot": lambda *xs: sum((a * b for a, b in zip(xs[: len(xs) // 2], xs[len(xs) // 2 :])), mp.mpf(0)),
    "floor": mp.floor,
    "ceil": mp.ceil,
    "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
    "rint": mp.nint,
    "sign": mp.sign,
    "mod": lambda a, b: a - b * mp.floor(a / b),
    "fmod": lambda a, b: mp.sign(a) * (abs(a) % abs(b)),
    "floor_divide": lambda a, b: mp.floor(a / b),
    "copysign": lambda a, b: abs(a) * mp.sign(b),
    "clip": lambda x, low, high: min(max(x, low), high),
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "cbrt": mp.cbrt,
    "exp2": lambda x: mp.mpf(2) ** x,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "logaddexp": lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
    "log1mexp": lambda x: mp.log(1 - mp.exp(x)),
    "logit": lambda x: mp.log(x / (1 - x)),
    "xlogy": lambda x, y: x * mp.log(y),
    "atan2": mp.atan2,
    "sinpi": mp.sinpi,
    "cospi": mp.cospi,
    "sinc": mp.sincpi,
    "deg2rad": mp.radians,
    "rad2deg": mp.degrees,
    "lgamma": mp.loggamma,
    "digamma": mp.digamma,
    "trigamma": lambda x: mp.psi(1, x),
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "erfinv": mp.erfinv,
    "erfcinv": lambda x: mp.erfinv(1 - x),
    "gamma": mp.gamma,
    "exp10": lambda x: mp.mpf(10) ** x,
    "xlog1py": lambda x, y: x * mp.log1p(y),
    "xlogx": lambda x: x * mp.log(x),
    "logsubexp": lambda a, b: mp.log(abs(mp.exp(a) - mp.exp(b))),
    "logexpm1": lambda x: mp.log(mp.exp(x) - 1),
    "log2mexp": lambda x: mp.log(2 - mp.exp(x)),
    "log1psq": lambda x: mp.log(1 + x * x),
    "log1pmx": lambda x: mp.log(1 + x) - x,
    "logmxp1": lambda x: mp.log(x) - x + 1,
}
SAME_NAME = (
    "sec", "csc", "cot", "sech", "csch", "coth", "asec", "acsc", "acot", "asinh", "acosh", "atanh", "asech", "acsch",
    "acoth",
)  # fmt: skip
REFERENCES |= {name: getattr(mp, name) for name in SAME_NAME}
for sine in ("sin", "cos", "tan", "sec", "csc", "cot"):
    REFERENCES[f"{sine}d"] = lambda x, of=getattr(mp, sine): of(mp.radians(x))  # noqa: B008
    REFERENCES[f"a{sine}d"] = lambda x, of=getattr(mp, f"a{sine}"): mp.degrees(of(x))  # noqa: B008
BUILT_IN_ROWS = [row for row in OPERATIONS.values() if row.name in BUILT_IN]
ROWS = pytest.mark.parametrize("row", BUILT_IN_ROWS, ids=str)


def domains(row):
    return row.domain if row.arity is not None else (REALS,) * 4


def points(row, count=25):
    """Reproducible points inside the domain, away from kinks at 0 and at ties."""
    random = np.random.default_rng(sum(map(ord, row.name)))
    found = []
    while len(found) < count:
        point = tuple(float(random.uniform(low, high)) for low, high in domains(row))
        distances = [*map(abs, point), *(abs(a - b) for i, a in enumerate(point) for b in point[:i])]
        if not row.kinks or min(distances) > 0.01 or (row.name == "leaky_relu" and abs(point[0]) > 0.01):
            found.append(point)
    return found


def exact(row, point):
    with mp.workdps(40):
        return float(REFERENCES[row.name](*map(mp.mpf, point)))


def exact_derivative(row, point, order):
    with mp.workdps(60):
        return float(mp.diff(REFERENCES[row.name], tuple(map(mp.mpf, point)), order))


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def gradients(row, point):
    operands = [*map(Value, point)]
    row(*operands).backward()
    return [operand.grad for operand in operands]


def test_every_built_in_operation_has_a_reference():
    assert {row.name for row in BUILT_IN_ROWS} == set(REFERENCES)


@ROWS
def test_values_agree_with_the_reference(row):
    for point in points(row):
        assert row(*point) == pytest.approx(exact(row, point), rel=RELATIVE, abs=ABSOLUTE)


@ROWS
def test_first_derivatives_agree_with_the_reference(row):
    for point in points(row, 8):
        for place, gradient in enumerate(gradients(row, point)):
            order = tuple(int(place == other) for other in range(len(point)))
            assert gradient == pytest.approx(exact_derivative(row, point, order), rel=RELATIVE, abs=ABSOLUTE)


@ROWS
def test_rules_on_values_give_second_derivatives(row):
    for point in points(row, 4):
        operands = [*map(Value, point)]
        for first, local in enumerate(row.local_derivatives(operands, row(*operands))):
            if not isinstance(local, Value):
                continue
            for operand in operands:
                operand.grad = 0.0
            local.backward()
            for second, operand in enumerate(operands):
                order = tuple(int(first == place) + int(second == place) for place in range(len(point)))
                assert operand.grad == pytest.approx(exact_derivative(row, point, order), rel=SECOND, abs=SECOND)


@pytest.mark.parametrize(
    ("row", "point", "pinned"),
    [(row, point, pinned) for row in BUILT_IN_ROWS for point, pinned in row.singular_points.items()],
    ids=str,
)
def test_singular_points_are_as_pinned(row, point, pinned):
    assert same(row(*point), pinned.value)
    assert same(row(*map(Value, point)).data, pinned.value)
    assert all(map(same, gradients(row, point), pinned.local))


@ROWS
def test_floats_in_floats_out(row):
    for point in points(row, 3):
        assert type(row(*point)) is float
        assert all(type(local) is float or local is ZERO for local in row.local_derivatives(point, row(*point)))


@ROWS
def test_method_function_and_ufunc_agree_bit_for_bit(row):
    for point in points(row, 3):
        operands = [*map(Value, point)]
        expected = row(*point)
        assert row(*operands).data == expected
        if row.arity is None:
            continue
        assert getattr(operands[0], row.name)(*operands[1:]).data == expected
        ufunc = getattr(np, row.ufunc, None)
        if isinstance(ufunc, np.ufunc):
            assert ufunc(*operands).data == expected
            if row.name in NO_LOOP:
                continue
            arrays = [np.array([operand, operand], dtype=object) for operand in operands]
            assert [node.data for node in ufunc(*arrays)] == [expected, expected]


NO_LOOP = {"sign", "copysign", "logaddexp"}
"""What NumPy compares by itself, or does not compute at all, in arrays of objects."""


def test_numpy_names_of_inverse_functions_stay_in_the_graph():
    v = Value(0.5)
    for ufunc, row in [(np.arcsin, ad.asin), (np.arccos, ad.acos), (np.arctan, ad.atan)]:
        assert ufunc(v).op is row


@ROWS
def test_operations_name_themselves_and_are_found_by_name(row):
    assert lookup(row.name) is row
    assert str(row) == row.name
    assert repr(row) == f"<operation {row.name}>"


def test_an_unknown_operation_is_answered_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"unknown operation 'sigmoyd' .did you mean 'sigmoid'"):
        lookup("sigmoyd")


def test_a_wrong_number_of_operands_is_refused():
    with pytest.raises(TypeError, match=r"exp takes 1 operands, but 2 were given"):
        ad.exp(1.0, 2.0)
    with pytest.raises(TypeError, match=r"maximum takes 2 operands, but 1 were given"):
        ad.maximum(1.0)
    with pytest.raises(TypeError, match=r"leaky_relu takes 2 operands, but 0 were given"):
        ad.leaky_relu()


def test_the_default_slope_may_be_left_out():
    assert ad.leaky_relu(-2.0) == Value(-2.0).leaky_relu() == -0.02
    assert ad.leaky_relu(-2.0, 0.5) == -1.0


STABLE = [
    (ad.tanh, 1000.0, 1.0), (ad.tanh, -1000.0, -1.0), (ad.sigmoid, 1000.0, 1.0), (ad.sigmoid, -1000.0, 0.0),
    (ad.softplus, 1000.0, 1000.0), (ad.softplus, -1000.0, 0.0), (ad.expm1, 1e-18, 1e-18), (ad.log1p, 1e-18, 1e-18),
    (ad.erf, 1000.0, 1.0), (ad.erf, 1e-300, 2 / math.sqrt(math.pi) * 1e-300), (ad.silu, -1000.0, 0.0),
    (ad.silu, 1000.0, 1000.0), (ad.gelu, 1000.0, 1000.0), (ad.gelu, -1000.0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("row", "x", "expected"), STABLE, ids=str)
def test_far_and_tiny_arguments_keep_their_digits(row, x, expected):
    v = Value(x)
    y = row(v)
    y.backward()
    assert y.data == pytest.approx(expected, rel=1e-15)
    assert math.isfinite(v.grad)


def test_gelu_far_left_keeps_its_relative_precision():
    for x in (-5.0, -10.0, -20.0):
        assert ad.gelu(x) == pytest.approx(exact(lookup("gelu"), (x,)), rel=1e-12, abs=0)


IEEE = [
    (lambda a: a / 0, 1.0, math.inf), (lambda a: a / 0, -1.0, -math.inf), (lambda a: a / 0, 0.0, math.nan),
    (lambda a: 1 / a, -0.0, -math.inf), (lambda a: a.log(), -1.0, math.nan), (lambda a: a**-1, 0.0, math.inf),
    (lambda a: a ** (1 / 3), -8.0, math.nan), (lambda a: a.exp(), 1000.0, math.inf), (lambda a: a**400, 10.0, math.inf),
    (lambda a: a**401, -10.0, -math.inf), (lambda a: a.sinh(), -1000.0, -math.inf), (lambda a: a.cosh(), 1e3, math.inf),
    (lambda a: a.expm1(), 1000.0, math.inf), (lambda a: a.log1p(), -1.0, -math.inf),
    (lambda a: a.sin(), math.inf, math.nan),
    (lambda a: a * a, 1e200, math.inf), (lambda a: a.acos(), 2.0, math.nan), (lambda a: a.relu(), math.nan, math.nan),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "x", "expected"), IEEE)
def test_numbers_follow_ieee_754_forward_and_backward(formula, x, expected):
    v = Value(x)
    y = formula(v)
    assert same(y.data, expected)
    y.backward()  # raises nothing either


def test_only_real_numbers_become_floats():
    with pytest.raises(TypeError, match=r"a real number is needed .* not str 'a'"):
        as_float("a")
    with pytest.raises(OverflowError, match=r"this int is too large for a float"):
        as_float(10**400)


@pytest.fixture
def declare():
    """``operation``, whose declarations are taken back after the test."""
    before = dict(OPERATIONS)
    yield operation
    for name in set(OPERATIONS) - set(before):
        del OPERATIONS[name]
        if hasattr(getattr(Value, name, None), "operation"):
            delattr(Value, name)
    assert before == OPERATIONS


def test_an_own_operation_is_a_function_and_a_method_with_a_gradient(declare):
    cube = declare("cube", lambda x: x**3, lambda x, y: 3 * x**2)
    assert cube(2.0) == 8.0
    for y, v in [(cube(v), v) for v in [Value(2.0)]] + [(v.cube(), v) for v in [Value(2.0)]]:
        y.backward()
        assert (y.data, v.grad, y.op) == (8.0, 12.0, cube)


@pytest.mark.parametrize(
    ("rule", "pole"),
    [(lambda x, y: 1 / x, math.inf), (lambda x, y: 1 / -x, -math.inf), (lambda x, y: 1 / abs(x), math.inf)],
)
def test_an_own_rule_with_plain_division_gives_infinity_at_its_pole(declare, rule, pole):
    own = declare("own", lambda x: x, rule)
    v = Value(0.0)
    own(v).backward()
    assert v.grad == pole


def test_an_own_rule_that_raises_still_raises_its_own_error(declare):
    own = declare("own", lambda x: x, lambda x, y: math.exp(x))
    with pytest.raises(OverflowError, match=r"math range error"):
        own(Value(1000.0)).backward()


def test_an_own_operation_may_be_replaced_on_request(declare):
    declare("own", lambda x: x, lambda x, y: 1.0)
    with pytest.raises(ValueError, match=r"declared already.*replace=True"):
        declare("own", lambda x: 2 * x, lambda x, y: 2.0)
    declare("own", lambda x: 2 * x, lambda x, y: 2.0, replace=True)
    assert Value(3.0).own().data == 6.0


def test_an_own_operation_may_be_built_from_methods_and_defaults(declare):
    class Scale:
        factor = 3.0

        def primal(self, x):
            return self.factor * x

        def rule(self, x, y):
            return self.factor

    scale = Scale()
    assert declare("scaled", scale.primal, scale.rule)(2.0) == 6.0
    assert declare("doubled", lambda x, c=2: c * x, lambda x, y, c=2: c)(2.0) == 4.0


def test_a_bad_declaration_is_refused(declare):
    one = lambda x, y: 1.0
    for name in ("exp", "variable", "constant"):
        with pytest.raises(ValueError, match=f"{name}.* is built in"):
            declare(name, lambda x: x, one, replace=True)
    with pytest.raises(ValueError, match=r"must be a Python identifier"):
        declare("no name", lambda x: x, one)
    with pytest.raises(TypeError, match=r"primal of 'own' must be callable"):
        declare("own", 1.0, one)
    with pytest.raises(TypeError, match=r"local derivative of 'own' must be callable"):
        declare("own", lambda x: x, 1.0)
    with pytest.raises(TypeError, match=r"primal of 'own' must take 1 arguments .one for each local derivative"):
        declare("own", lambda a, b: a, one)
    with pytest.raises(TypeError, match=r"local derivative of 'own' must take 2 arguments .operands, then the output"):
        declare("own", lambda x: x, lambda x: 1.0)
    with pytest.raises(TypeError, match=r"needs one local derivative"):
        declare("own", lambda x: x)
    for domain in (Interval(0.0, 1.0), (0.0, 1.0), [Interval(0.0, 1.0)] * 2):
        with pytest.raises(ValueError, match=r"domain of 'own' must have an interval for each operand"):
            declare("own", lambda x: x, one, domain=domain)


@pytest.mark.parametrize("name", ["data", "detach", "backward", "arctan", "__len__"])
def test_an_operation_cannot_take_the_name_of_an_attribute_of_value(name):
    with pytest.raises(ValueError, match="attribute" if not name.startswith("__") else "name"):
        operation(name, lambda x: x, lambda x, y: 1.0)
    assert name not in OPERATIONS


def test_an_operation_cannot_take_the_method_of_another_as_its_ufunc():
    before = np.sin(Value(1.0)).data
    with pytest.raises(ValueError, match="'sin' is an attribute of Value already"):
        operation("own", lambda x: 10 * x, lambda x, y: 10.0, ufunc="sin")
    assert "own" not in OPERATIONS
    assert np.sin(Value(1.0)).data == Value(1.0).sin().data == before


@pytest.mark.parametrize("two", [2, True + 1, Fraction(2), np.float32(2.0), np.array(2.0)])
def test_a_rule_may_give_any_real_number(declare, two):
    twice = declare("twice", lambda x: 2 * x, lambda x, y: two)
    x = Value(3.0, label="x")
    recorded = trace(twice(x), accumulate=True)
    (step,) = recorded.steps
    assert str(step) == "∂L/∂x += ∂v1/∂x · ∂L/∂v1 = 2.0 × 1.0 = 2.0"
    assert [type(number) for number in (step.local, step.contribution, x.grad, grad(twice)(3.0))] == [float] * 4
    assert loads(dumps(recorded)) == recorded


def test_a_rule_that_gives_nothing_is_an_error(declare):
    nothing = declare("nothing", lambda x: x, lambda x, y: None)
    both = declare("both", lambda a, b: a * b, lambda a, b, y: None, lambda a, b, y: a)
    for root in (nothing(Value(1.0)), both(Value(1.0), Value(2.0))):
        with pytest.raises(TypeError, match="None"):
            root.backward()
        with pytest.raises(TypeError, match="None"):
            trace(root)


def test_a_variadic_rule_must_give_a_derivative_for_every_operand():
    row = Operation("short", lambda *xs: sum(xs), lambda xs, y: (1.0,), variadic=True)
    with pytest.raises(ValueError, match="1 derivatives for 2 operands"):
        row(Value(1.0), Value(2.0)).backward()
