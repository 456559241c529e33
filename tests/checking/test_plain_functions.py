"""Laws of ``check_gradients`` for functions of plain numbers and NumPy arrays, with gradients by hand."""

import math

import numpy as np
import pytest

import autodiff
from autodiff.checking import (
    GradientMismatchError,
    InconclusiveGradientWarning,
    UncheckableFunctionError,
    check_gradients,
    numerical_derivative,
    numerical_gradient,
)

POINT = np.array([1.0, 2.0, -0.5])
MATRIX = np.array([[0.3, -1.2], [0.7, 2.0], [-0.1, 0.4]])
MANY = np.random.default_rng(0).normal(size=1000)
ALIKE = [
    pytest.param(lambda x: math.sin(x), lambda x: math.cos(x), 1.3, id="float"),
    pytest.param(lambda x: x * x, lambda x: 2 * x, np.float32(1.5), id="a NumPy scalar"),
    pytest.param(lambda x: np.sin(x), np.cos, np.array(0.3), id="no dimension"),
    pytest.param(lambda w: np.exp(w).sum(), np.exp, POINT, id="vector"),
    pytest.param(lambda w: np.exp(w).sum(), np.exp, MATRIX, id="matrix"),
    pytest.param(lambda w: np.exp(w).sum(), np.exp, MATRIX.astype(np.float32), id="float32"),
    pytest.param(lambda x, y: x * y**2, lambda x, y: (y**2, 2 * x * y), (2.0, 3.0), id="several arguments"),
    pytest.param(lambda p: p["a"] @ p["b"], lambda p: {"a": p["b"], "b": p["a"]}, {"a": POINT, "b": POINT}, id="dict"),
    pytest.param(lambda p: p[0] * p[1].sum(), lambda p: [p[1].sum(), np.full(3, p[0])], [2.0, POINT], id="list"),
    pytest.param(lambda w: np.tanh(w).sum(), lambda w: 1 - np.tanh(w) ** 2, MANY, id="a thousand"),
    pytest.param(lambda w: np.tanh(w).sum(), lambda w: 1 - np.tanh(w) ** 2, MANY.astype(np.float32), id="of float32"),
]  # fmt: skip


def times(structure, factor):
    """The structure with every number times the factor."""
    if isinstance(structure, dict):
        return {key: times(part, factor) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(times(part, factor) for part in structure)
    return structure * type(structure)(factor) if np.ndim(structure) == 0 else structure * structure.dtype.type(factor)


def precision(inputs):
    return 1e-2 if "float32" in str(getattr(inputs, "dtype", "")) else 1e-5


@pytest.mark.parametrize(("f", "gradient", "inputs"), ALIKE)
def test_a_right_gradient_by_hand_passes(f, gradient, inputs):
    assert check_gradients(f, inputs, gradient=gradient).verdict == "pass"


@pytest.mark.parametrize(("f", "gradient", "inputs"), ALIKE)
def test_a_small_error_of_a_gradient_by_hand_is_found(f, gradient, inputs):
    with pytest.raises(GradientMismatchError):
        check_gradients(f, inputs, gradient=lambda *at: times(gradient(*at), 1 + precision(inputs)))


@pytest.mark.parametrize("wrong", [[17], [17, 800], [0, 1, 2, 999]])
@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.001])
def test_of_many_entries_the_wrong_ones_are_named(wrong, factor):
    def gradient(w):
        found = 1 - np.tanh(w) ** 2
        found[wrong] *= factor
        return found

    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(lambda w: np.tanh(w).sum(), MANY, gradient=gradient)
    assert {c.name for c in caught.value.comparisons if c.verdict == "fail"} == {f"0[{at}]" for at in wrong}


def test_few_evaluations_name_a_wrong_entry_of_very_many():
    calls = 0
    point = np.random.default_rng(1).normal(size=10_000)

    def f(w):
        nonlocal calls
        calls += 1
        return float(np.sin(w).sum())

    def gradient(w):
        found = np.cos(w)
        found[1234] *= 1.01
        return found

    with pytest.raises(GradientMismatchError, match=r"fail +input 0\[1234\]"):
        check_gradients(f, point, gradient=gradient)
    assert calls < 10_000


def test_a_gradient_orthogonal_to_one_direction_is_found():
    right = np.cos(MANY)
    wrong = right + 1e-3 * np.where(np.arange(1000) % 2, 1.0, -1.0)
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda w: np.sin(w).sum(), MANY, gradient=lambda w: wrong)


@pytest.mark.parametrize("method", ["vjp", "jvp"])
@pytest.mark.parametrize("shape", [(3,), (2, 2)])
def test_a_function_to_arrays_is_checked_by_its_products(method, shape):
    point = np.linspace(-1.0, 1.5, math.prod(shape)).reshape(shape)
    assert check_gradients(np.sin, point, **{method: lambda w, u: u * np.cos(w)}).verdict == "pass"
    off = np.ones(shape)
    off[-1] *= 1.001
    with pytest.raises(GradientMismatchError, match=r"\(of output .*\) = .*: gradient .*numerical"):
        check_gradients(np.sin, point, **{method: lambda w, u: off * u * np.cos(w)})


def test_a_cotangent_is_like_the_output():
    def f(w):
        return {"s": np.sin(w), "n": w @ w}

    def vjp(w, u):
        assert u["s"].shape == w.shape
        return u["s"] * np.cos(w) + 2 * w * u["n"]

    assert check_gradients(f, POINT, vjp=vjp).verdict == "pass"


def test_a_vectorized_function_is_given_many_points_at_once():
    calls = []

    def f(w):
        calls.append(len(w))
        return np.tanh(w).sum(-1)

    assert check_gradients(f, MANY, gradient=lambda w: 1 - np.tanh(w) ** 2, vectorized=True).verdict == "pass"
    assert len(calls) < 20 < max(calls)


def test_a_function_called_vectorized_that_is_not_is_refused():
    with pytest.raises(UncheckableFunctionError, match="one output for each of"):
        check_gradients(lambda w: w.sum(), POINT, gradient=np.ones_like, vectorized=True)


def test_a_function_that_is_not_deterministic_is_judged_by_its_noise_and_told():
    numbers = np.random.default_rng(0)

    def f(w):
        return np.tanh(w).sum() + 1e-9 * numbers.normal()

    report = check_gradients(f, POINT, gradient=lambda w: 1 - np.tanh(w) ** 2)
    assert report.verdict == "pass"
    assert "not deterministic" in str(report)
    with pytest.raises(GradientMismatchError, match="not deterministic"):
        check_gradients(f, POINT, gradient=lambda w: 1.01 * (1 - np.tanh(w) ** 2))


def test_the_precision_of_float32_is_told():
    assert "one rounding is 6e-08" in str(check_gradients(lambda w: w.sum(), POINT.astype("f4"), gradient=np.ones_like))


@pytest.mark.parametrize(("claimed", "verdict"), [(-1.0, "kink"), (0.0, "kink"), (1.0, "kink"), (5.0, "fail")])
def test_at_a_kink_a_gradient_by_hand_lies_between_both_sides(claimed, verdict):
    def check():
        return check_gradients(lambda w: np.abs(w).sum(), np.array([0.0]), gradient=lambda w: np.array([claimed]))

    if verdict == "kink":
        assert check().verdict == "kink"
    else:
        with pytest.raises(GradientMismatchError, match="not between the one-sided derivatives"):
            check()


@pytest.mark.parametrize("x", [1e-3, 1e-7, 0.0])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_a_gradient_that_raises_beside_its_domain_is_judged_at_the_point(x):
    def check(factor):
        return check_gradients(lambda x: math.sqrt(x) * x, x, gradient=lambda x: factor * 1.5 * math.sqrt(x)).verdict

    assert check(1.0) in ("pass", "inconclusive")
    if x:
        with pytest.raises(GradientMismatchError):
            check(-2.0)


@pytest.mark.parametrize("x", [1e-200, 1e-30, 1e-12, 1e-8, -1e-8])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_an_oscillation_that_looks_like_a_corner_is_none(x):
    report = check_gradients(lambda x: x * math.sin(1 / x), x, gradient=lambda x: math.sin(1 / x) - math.cos(1 / x) / x)
    assert report.verdict in ("inconclusive", "kink")


def test_kinks_among_many_entries_are_no_failure():
    point = MANY.copy()
    point[[3, 500, 501]] = 0.0
    report = check_gradients(lambda w: np.maximum(w, 0).sum(), point, gradient=lambda w: (w > 0) * 1.0)
    assert report.verdict == "kink"
    assert {c.name for c in report.comparisons if c.verdict == "kink"} == {"0[3]", "0[500]", "0[501]"}


def test_nan_never_passes():
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda x: x * x, 2.0, gradient=lambda x: math.nan)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_entry_that_nothing_depends_on_passes(dtype):
    point = POINT.astype(dtype)
    gradient = np.array([2.0, 0.0, 0.0], dtype)
    assert check_gradients(lambda w: w[0] ** 2, point, gradient=lambda w: w * gradient / dtype(1)).verdict == "pass"


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_a_tolerance_is_small_beside_the_function_or_nothing_is_passed(scale):
    """A derivative that noise hides is not passed, however small the function is."""

    def f(x):
        return scale * (1 + 1e-10 * math.sin(x) + 1e-12 * math.sin(1e12 * x))

    for factor in (-1.0, 2.0):
        try:
            verdict = check_gradients(f, 0.3, gradient=lambda x, k=factor: k * scale * 1e-10 * math.cos(x)).verdict
        except GradientMismatchError:
            continue
        assert verdict == "inconclusive"


@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_noise_above_everything_decides_nothing():
    numbers = np.random.default_rng(0)
    report = check_gradients(lambda x: x + numbers.normal(), 2.0, gradient=lambda x: 7.0)
    assert report.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("f", "inputs", "options", "error", "message"),
    [
        (np.sum, np.array([1, 2]), {"gradient": np.ones_like}, TypeError, r"array of int64.*x\.astype\(float\)"),
        (np.sum, POINT, {"gradient": lambda w: w[:2]}, ValueError, r"shape \(2,\) for the input 0 of shape \(3,\)"),
        (np.sin, POINT, {"gradient": np.cos}, ValueError, "gives 3: give vjp= or jvp="),
        (lambda a, b: a.sum() * b, (POINT, 1.0), {"gradient": lambda a, b: a}, ValueError, "one number or array"),
        (np.sum, POINT, {"gradient": lambda w: None}, TypeError, "gradient gave None for the input 0: return numbers"),
        (np.sin, POINT, {"vjp": lambda w, u: u[:2]}, ValueError, r"vjp gave an array of shape \(2,\) for the input 0"),
        (np.sin, POINT, {"jvp": lambda w, t: t[:2]}, ValueError, "jvp gave 2 numbers, and the function 3"),
        (lambda p: p["a"], {"a": 1.0}, {"gradient": lambda p: {"b": 1.0}}, ValueError, r"for each of 0\['a'\]"),
        (np.sum, POINT, {"gradient": lambda w: w * 1j}, TypeError, "real numbers are needed, not complex128"),
        (np.sum, np.array([1.0, "a"], object), {"gradient": lambda w: w}, TypeError, "an array of object"),
        (np.sum, POINT, {"gradient": 3}, TypeError, "gradient must be a function, not int 3"),
        (np.sum, POINT, {"gradient": np.ones_like, "order": 2}, ValueError, "order=2 is for functions of Values"),
        (np.sum, POINT, {"vectorized": True}, ValueError, "give their gradient="),
        (lambda x: x, [], {"gradient": lambda x: x}, ValueError, "nothing to differentiate by"),
        (lambda x: x, math.nan, {"gradient": lambda x: x}, ValueError, "must be finite, not nan"),
        (lambda x: "a", 1.0, {"gradient": lambda x: x}, UncheckableFunctionError, "returned str 'a'"),
        (lambda x: math.inf, 1.0, {"gradient": lambda x: x}, UncheckableFunctionError, "is inf at this point"),
    ],
)  # fmt: skip
def test_bad_input_says_what_to_write(f, inputs, options, error, message):
    with pytest.raises(error, match=message):
        check_gradients(f, inputs, **options)


def test_a_function_that_changes_its_inputs_is_refused():
    def f(w):
        w *= 2
        return w.sum()

    with pytest.raises(UncheckableFunctionError, match="changed its inputs"):
        check_gradients(f, POINT, gradient=np.ones_like)


@pytest.mark.parametrize("method", ["gradient", "vjp", "jvp"])
def test_a_gradient_that_changes_its_inputs_is_refused(method):
    def derivative(w, *more):
        w *= 2
        return 0.5 * w if method == "gradient" else more[0] * 1.0 if method == "vjp" else (more[0] * 1.0).sum()

    with pytest.raises(UncheckableFunctionError, match=f"{method} changed its inputs"):
        check_gradients(lambda w: w.sum(), POINT, **{method: derivative})


@pytest.mark.parametrize("renewed", [True, False])
def test_a_gradient_of_what_another_call_left_is_found(renewed):
    """A layer keeps what its last call, or its first one, was given."""
    kept = []

    def f(w):
        if renewed or not kept:
            kept[:] = [w.copy()]
        return float(np.sin(w).sum())

    with pytest.raises((UncheckableFunctionError, GradientMismatchError)):
        check_gradients(f, POINT, gradient=lambda w: np.cos(kept[0]))


def test_a_gradient_that_is_another_one_each_time_is_refused_and_a_little_noise_is_told():
    random = np.random.default_rng(0)

    def gradient(noise):
        return lambda w: np.cos(w) * (1 + noise * random.normal(size=w.shape))

    with pytest.raises(UncheckableFunctionError, match="the gradient is not deterministic, and the function is"):
        check_gradients(lambda w: np.sin(w).sum(), POINT, gradient=gradient(0.1))
    assert "the gradient is not deterministic" in str(
        check_gradients(lambda w: np.sin(w).sum(), POINT, gradient=gradient(1e-10))
    )


def test_a_function_of_math_without_a_gradient_says_what_to_write():
    with pytest.raises(TypeError) as caught:
        check_gradients(lambda x: math.sin(x), 1.0)
    assert "check_gradients(f, x, gradient=g)" in caught.value.__notes__[0]
    with pytest.raises(UncheckableFunctionError, match=r"check_gradients\(f, x, gradient=g\)"):
        check_gradients(lambda x: x.data * 2, 1.0)
    with pytest.raises(AttributeError) as caught:
        check_gradients(lambda w: w.tanh(), POINT)
    assert "check_gradients(f, x, gradient=g)" in caught.value.__notes__[0]


def test_a_compiled_function_is_checked_as_one_batch():
    f = autodiff.compile(lambda x, y: (x * y).tanh() + x, backend="numpy")
    gradient = autodiff.grad(lambda x, y: (x * y).tanh() + x, (0, 1))
    assert check_gradients(f, (0.5, -2.0), gradient=gradient, vectorized=True).verdict == "pass"


def test_a_corner_close_to_a_direction_hides_nothing_of_its_halves():
    """Along all entries together the corner is met within the steps; of each half alone it is not."""
    point = np.random.default_rng(3).normal(size=300)

    def f(w):
        return float(np.tanh(w).sum() + abs(w[:150].sum() - w[150:].sum() - shift))

    def gradient(w):
        sign = np.sign(w[:150].sum() - w[150:].sum() - shift)
        return 1 - np.tanh(w) ** 2 + sign * np.repeat([1.0, -1.0], 150)

    for distance in (1e-3, 1e-2, 1e-1, 1.0):
        shift = point[:150].sum() - point[150:].sum() - distance
        assert check_gradients(f, point, gradient=gradient).verdict == "pass"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_numerical_gradient_hands_the_function_arrays_of_the_callers_kind(dtype):
    kinds = set()

    def f(w):
        kinds.add((type(w), w.dtype, w.shape))
        return float(np.exp(w).sum())

    found = numerical_gradient(f, MATRIX.astype(dtype))
    assert kinds == {(np.ndarray, np.dtype(dtype), (3, 2))}
    assert found.shape == (3, 2)
    for estimate, right in zip(found.ravel(), np.exp(MATRIX).ravel()):
        assert abs(estimate.value - right) <= 10 * estimate.error + 1e-6 * right


EVERYWHERE = [0.0, 5e-324, -5e-324, 1e-310, 1e-300, 1e300, 1.7e308, -1.7e308]


@pytest.mark.parametrize("x", EVERYWHERE)
@pytest.mark.parametrize(
    "f", [lambda x: x * x, lambda x: x, math.atan, lambda x: 1 / x, lambda x: x**0.5, lambda x: 7.0]
)
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_every_loop_over_steps_ends(f, x):
    found = numerical_derivative(f, x)
    assert not found.error < 0
    assert numerical_derivative(lambda x: x * x, 5e-324).value == 0.0


def test_a_complex_result_is_outside_of_the_domain():
    assert numerical_derivative(lambda x: x**0.5, 1e-3).value == pytest.approx(0.5 * 1e-3**-0.5)
    with pytest.warns(InconclusiveGradientWarning):
        check_gradients(lambda x: x**0.5, 0.0, gradient=lambda x: 1.0)


@pytest.mark.parametrize("x", [34.7, 139.97, 542.67])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_a_derivative_below_the_rounding_of_intermediate_results_is_not_called_wrong(x):
    for at in (x, x + 3):
        report = check_gradients(lambda x: -math.log(1 + math.exp(-x)), at, gradient=lambda x: 1 / (1 + math.exp(x)))
        assert report.verdict in ("pass", "inconclusive")


@pytest.mark.parametrize("x", [5.5, 6.2, 6.88844, 7.3, 7.9])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_stairs_of_an_intermediate_rounding_call_nothing_wrong(x):
    """log(1 - 2.8e-12) has treads that are wider than the finest steps."""
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    report = check_gradients(lambda x: math.log(1 - 0.5 * math.erfc(x / math.sqrt(2))), x, gradient=lambda x: density)
    assert report.verdict in ("pass", "inconclusive")
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: 1 + 1e-6 * t, x, gradient=lambda t: 2e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20])
def test_a_wrong_gradient_of_a_function_of_any_scale_is_found(scale):
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda x: scale * x * x, 1.3, gradient=lambda x: 2.001 * scale * x)


@pytest.mark.parametrize("claimed", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("x", [0.5003123456, 1.7])
@pytest.mark.parametrize("stairs", [1e5, 3e5, 1e6])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_stairs_that_steps_cross_decide_nothing(x, claimed, stairs):
    """Flat between, and climbing with all of them: neither derivative is called wrong, and none but those is passed."""
    try:
        report = check_gradients(lambda x: math.floor(stairs * x) / stairs, x, gradient=lambda x: claimed)
    except GradientMismatchError:
        assert claimed == 5.0
    else:
        assert claimed != 5.0 or report.verdict == "inconclusive"


def test_wide_stairs_are_flat():
    def check(claimed):
        return check_gradients(lambda x: math.floor(100 * x), 0.5031, gradient=lambda x: claimed)

    assert check(0.0).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check(100.0)


@pytest.mark.parametrize("x", [0.7, 1.3, 1e-3])
def test_float32_inside_of_a_function_is_noise(x):
    def check(factor):
        return check_gradients(lambda x: float(np.sin(np.float32(x))), x, gradient=lambda x: factor * math.cos(x))

    assert check(1.0).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check(1.01)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_numbers_of_few_digits_are_judged_at_their_precision(dtype):
    number = np.float16 if dtype == "float16" else pytest.importorskip("ml_dtypes", reason="no bfloat16").bfloat16
    point = np.array([0.9, -1.3, 0.4]).astype(number)

    def check(factor):
        return check_gradients(
            lambda w: (w * w).sum(), point, gradient=lambda w: (number(factor) * number(2) * w).astype(number)
        )

    report = check(1.0)
    assert report.verdict in ("pass", "inconclusive")
    assert any(c.verdict == "pass" for c in report.comparisons)
    assert "judged at the precision of its numbers" in str(report)
    with pytest.raises(GradientMismatchError):
        check(-1.0)


@pytest.mark.parametrize("output", [1 + 1j, np.array([1 + 1j]), np.complex128(1j)])
def test_complex_numbers_are_refused(output):
    with pytest.raises(UncheckableFunctionError, match="return a real number"):
        check_gradients(lambda w: output, POINT, vjp=lambda w, u: w)
    with pytest.raises(TypeError, match="complex128, by which there is no derivative"):
        check_gradients(lambda w: 1.0, POINT * (1 + 0j), gradient=lambda w: w)


def test_when_enough_wrong_entries_are_named_the_check_ends():
    calls = 0

    def f(w):
        nonlocal calls
        calls += 1
        return float(np.sin(w).sum())

    with pytest.raises(GradientMismatchError) as caught:
        check_gradients(f, MANY, gradient=lambda w: -np.cos(w))
    assert sum(c.verdict == "fail" for c in caught.value.comparisons) >= 8
    assert calls < 10_000 < 35 * len(MANY)


SAWTEETH = [1e6 + 0.3, 1e8 + 0.3, -1e8 - 0.3, 1e10 + 0.3]


@pytest.mark.parametrize("x", SAWTEETH)
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_a_gradient_that_is_right_between_close_jumps_is_not_called_wrong(x):
    def f(x):
        return np.floor(x) / x

    assert check_gradients(f, x, gradient=lambda x: -np.floor(x) / x**2).verdict == "inconclusive"
    with pytest.raises(GradientMismatchError):
        check_gradients(f, x, gradient=lambda x: -1.1 * np.floor(x) / x**2)
    assert check_gradients(lambda x: x - np.floor(x), x, gradient=lambda x: 1.0).verdict == "inconclusive"


def test_rounding_on_the_way_excuses_no_other_gradient():
    def rounds(x):
        return ((x + 1e8) - 1e8) * x

    assert check_gradients(rounds, 1.0, gradient=lambda x: 2.0).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(rounds, 1.0, gradient=lambda x: 2.1)


@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
@pytest.mark.parametrize(("factor", "verdict"), [(1e19, "inconclusive"), (1e18, "pass")])
def test_a_gradient_beyond_the_largest_float32_is_undecided(factor, verdict):
    large, factor = np.float32(1e20), np.float32(factor)

    def f(w):
        return large * (factor * w).sum()

    def gradient(w):
        with np.errstate(over="ignore"):
            return large * factor * np.ones_like(w)

    assert check_gradients(f, np.array([1e-3], np.float32), gradient=gradient).verdict == verdict
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda w: f(w) * np.float32(1e-5), np.array([1e-3], np.float32), gradient=gradient)


@pytest.mark.parametrize("claimed", [np.inf, np.nan])
def test_a_number_that_overflowed_on_the_way_is_a_wrong_gradient(claimed):
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda x: np.logaddexp(x, 0.0), 800.0, gradient=lambda x: claimed)


def test_a_gradient_close_to_the_largest_number_passes():
    assert check_gradients(lambda x: x * x, 1e154, gradient=lambda x: 2 * x).verdict == "pass"
    assert check_gradients(np.exp, 709.5, gradient=np.exp).verdict == "pass"


@pytest.mark.parametrize("slope", [1e-8, 1e-10, 1e-12])
@pytest.mark.parametrize("beside", [0.0, 1.0])
def test_a_small_derivative_is_not_zero(slope, beside):
    def f(x):
        return beside + slope * x

    assert check_gradients(f, 0.5, gradient=lambda x: slope).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(f, 0.5, gradient=lambda x: 0.0)


FLAT_AT_ZERO = [
    pytest.param(lambda x: np.where(np.abs(x) > 0.5, x, 0.0), 1e-8, lambda x: 0.0, id="zero within a half"),
    pytest.param(lambda x: np.floor(x), 1e-8, lambda x: 0.0, id="zero down to 0"),
    pytest.param(lambda x: 0.0174 + 0.0 * x, 0.0, lambda x: 0.0, id="a constant"),
    pytest.param(lambda x: math.erf(x), 6.9, lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x), id="saturated"),
]


@pytest.mark.parametrize(("f", "x", "gradient"), FLAT_AT_ZERO)
def test_a_function_that_stays_the_same_is_flat(f, x, gradient):
    assert check_gradients(f, x, gradient=gradient).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(f, x, gradient=lambda x: gradient(x) + 1e-9)
