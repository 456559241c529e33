"""Laws of ``check_gradients`` for functions of PyTorch and JAX: what is checked is their own autograd."""

import contextlib
import subprocess
import sys

import numpy
import pytest

from autodiff.checking import GradientMismatchError, UncheckableFunctionError, check_gradients, numerical_gradient
from autodiff.checking.mapping import mapped
from autodiff.checking.plain_function import PlainFunction


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is not installed (pip install torch)")


@pytest.fixture
def jax():
    jax = pytest.importorskip("jax", reason="jax is not installed (pip install jax)")
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        yield jax


def squares(torch, factor):
    """A function of PyTorch whose backward is off by a factor."""

    class Squares(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, upstream):
            return factor * 2 * ctx.saved_tensors[0] * upstream

    return Squares


def sines(jax, factor, kind):
    """A function of JAX whose rule is off by a factor."""
    if kind == "vjp":
        sine = jax.custom_vjp(jax.numpy.sin)
        sine.defvjp(lambda x: (jax.numpy.sin(x), x), lambda x, g: (factor * g * jax.numpy.cos(x),))
        return sine
    sine = jax.custom_jvp(jax.numpy.sin)
    sine.defjvp(lambda x, t: (sine(x[0]), factor * t[0] * jax.numpy.cos(x[0])))
    return sine


@pytest.mark.parametrize("outputs", ["one", "many"])
def test_a_function_of_tensors_is_checked_by_its_own_autograd(torch, outputs):
    x = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    reduce = torch.sum if outputs == "one" else lambda y: y
    assert check_gradients(lambda t: reduce(squares(torch, 1.0).apply(t)), x).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: reduce(squares(torch, 1 + 1e-5).apply(t)), x)
    assert x.grad is None
    assert not x.requires_grad


def test_float32_tensors_are_judged_at_their_precision(torch):
    x = torch.tensor([1.0, -2.0, 3.0])
    report = check_gradients(lambda t: squares(torch, 1.0).apply(t).sum(), x)
    assert report.verdict == "pass"
    assert "one rounding is 6e-08" in str(report)
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: squares(torch, 1 + 1e-2).apply(t).sum(), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_tensors_of_few_digits_are_judged_at_their_precision(torch, dtype):
    x = torch.tensor([0.9, -1.3, 0.4], dtype=getattr(torch, dtype))
    report = check_gradients(lambda t: squares(torch, 1.0).apply(t).sum(), x)
    assert any(c.verdict == "pass" for c in report.comparisons)
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: squares(torch, -1.0).apply(t).sum(), x)


def test_complex_tensors_are_refused(torch):
    with pytest.raises(TypeError, match=r"torch\.complex64, by which there is no derivative"):
        check_gradients(lambda t: t.abs().sum(), torch.tensor([1j]))
    with pytest.raises(UncheckableFunctionError, match="return a real number"):
        check_gradients(lambda t: (t * 1j).sum(), torch.ones(2))


def test_of_tensors_those_that_require_a_gradient_are_checked(torch):
    w, x = torch.ones(3, dtype=torch.float64, requires_grad=True), torch.arange(3)
    report = check_gradients(lambda w, x: (w.tanh() * x).sum(), (w, x))
    assert [c.name for c in report.comparisons] == ["0[0]", "0[1]", "0[2]"]


def test_a_module_of_pytorch_is_checked_and_keeps_its_parameters(torch):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 8), torch.nn.Linear(8, 1))
    model.double()
    before = {name: each.clone() for name, each in model.named_parameters()}
    x = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    assert check_gradients(lambda m: (m(x) - 1).pow(2).sum(), model).verdict == "pass"
    assert all(torch.equal(before[name], each) for name, each in model.named_parameters())
    assert all(each.grad is None for each in model.parameters())


def test_a_gradient_by_hand_of_a_function_of_tensors(torch):
    x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    assert check_gradients(lambda t: t.exp().sum(), x, gradient=torch.exp).verdict == "pass"


def test_tensors_that_need_no_gradient_say_what_to_write(torch):
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    with pytest.raises(UncheckableFunctionError, match="needs no gradient: the graph is cut"):
        check_gradients(lambda t: t.detach().sum(), x)
    with pytest.raises(TypeError, match=r"torch\.int64.*write x\.double\(\)"):
        check_gradients(lambda t: t.sum(), torch.tensor([1, 2]))


def test_tensors_on_several_devices_are_refused(torch):
    with pytest.raises(ValueError, match="several devices, cpu, meta"):
        check_gradients(lambda a, b: a.sum(), (torch.ones(2), torch.ones(2, device="meta")))


def test_a_value_handed_to_pytorch_is_refused(torch):
    wrong = squares(torch, 7.0)
    with pytest.raises(UncheckableFunctionError, match=r"hands a Value to torch.*torch\.tensor\(x"):
        check_gradients(lambda x: wrong.apply(x), 1.5)


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_function_of_jax_is_checked_by_its_own_rules(jax, kind, dtype):
    x = jax.numpy.array([1.0, 2.0, -0.3], dtype=dtype)
    error = 1e-5 if dtype == "float64" else 1e-2
    assert check_gradients(lambda t: sines(jax, 1.0, kind)(t).sum(), x).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: sines(jax, 1 + error, kind)(t).sum(), x)


def test_integers_of_jax_say_what_to_write(jax):
    with pytest.raises(TypeError, match=r"int64.*x\.astype\(float\)"):
        check_gradients(lambda t: t.sum(), jax.numpy.array([1, 2]))


def test_numpy_inside_of_a_function_of_jax_says_what_to_write(jax):
    with pytest.raises(jax.errors.TracerArrayConversionError) as caught:
        check_gradients(lambda t: numpy.sin(t).sum(), jax.numpy.array([1.0, 2.0]))
    assert any("compute with jax.numpy" in note for note in caught.value.__notes__)


def test_a_numerical_gradient_hands_a_function_tensors(torch):
    x = torch.tensor([1.0, 2.0])
    found = numerical_gradient(lambda t: (t.dtype == torch.float32) * t.exp().sum(), x)
    assert found[1].value == pytest.approx(7.389, rel=1e-3)


def test_a_numerical_gradient_hands_a_function_arrays_of_jax(jax):
    found = numerical_gradient(lambda t: jax.numpy.exp(t).sum(), jax.numpy.array([1.0, 2.0]))
    assert found[1].value == pytest.approx(7.389056099)


def test_neither_package_is_imported():
    code = (
        "import sys, numpy as np\n"
        "from autodiff import check_gradients\n"
        "check_gradients(lambda w: np.exp(w).sum(), np.ones(2), gradient=np.exp)\n"
        "assert not {'torch', 'jax'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def counted(f):
    """The function, and a list with the shape that each call was given."""
    shapes = []

    def g(t):
        shapes.append(tuple(t.shape))
        return f(t)

    return g, shapes


def numpys_sine(torch, rule):
    """Sine by NumPy, which ``vmap`` has no rule for."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(numpy.sin(x.detach().numpy()))

        @staticmethod
        def backward(ctx, upstream):
            return upstream * rule * ctx.saved_tensors[0].cos()

    return Sine


SINGLE_CALLS = 30
"""More calls than these are those of single points."""


def test_many_points_of_tensors_are_mapped(torch):
    f, shapes = counted(lambda t: (t.tanh() * t).sum())
    x = torch.linspace(-1, 1, 20, dtype=torch.float64)
    assert check_gradients(f, x).verdict == "pass"
    assert len(shapes) < 4 * len(x)


def test_many_points_of_arrays_of_jax_are_mapped(jax):
    f, shapes = counted(lambda t: (jax.numpy.tanh(t) * t).sum())
    x = jax.numpy.linspace(-1, 1, 20)
    assert check_gradients(f, x).verdict == "pass"
    assert len(shapes) < 4 * len(x)


NOT_MAPPED_BY_TORCH = [
    pytest.param(lambda torch, t: numpys_sine(torch, 1.0).apply(t).sum(), id="a Function without a rule for vmap"),
    pytest.param(lambda torch, t: t.exp().sum() if t[0] > 0 else t.sum(), id="a branch"),
    pytest.param(lambda torch, t: t.sum() * t[1].item() / t[1], id="a number taken out"),
    pytest.param(lambda torch, t: (t * t.detach().numpy().shape[0]).sum(), id="an array taken out"),
    pytest.param(lambda torch, t: [t.sum(), 2.0], id="a plain number among the outputs"),
]


@pytest.mark.parametrize("f", NOT_MAPPED_BY_TORCH)
@pytest.mark.filterwarnings("ignore::autodiff.checking.InconclusiveGradientWarning")
def test_what_cannot_be_mapped_is_called_at_single_points(torch, f):
    x = torch.tensor([0.5, 1.5, -2.0], dtype=torch.float64)
    assert mapped(PlainFunction(lambda t: f(torch, t), x)) is None
    counting, shapes = counted(lambda t: f(torch, t))
    with contextlib.suppress(GradientMismatchError):  # the one that takes a number out has a wrong gradient
        check_gradients(counting, x)
    assert len(shapes) > SINGLE_CALLS


def test_a_function_without_a_rule_for_vmap_is_checked_all_the_same(torch):
    x = torch.tensor([0.5, 1.5, -2.0], dtype=torch.float64)
    assert check_gradients(lambda t: numpys_sine(torch, 1.0).apply(t).sum(), x).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: numpys_sine(torch, 1 + 1e-5).apply(t).sum(), x)


def test_a_branch_of_jax_on_a_number_is_called_at_single_points(jax):
    x = jax.numpy.array([0.5, 1.5])
    assert mapped(PlainFunction(lambda t: t.sum() if float(t[0]) > 0 else t.prod(), x)) is None


def test_numbers_that_vmap_gives_otherwise_are_not_taken(torch):
    x = torch.tensor([0.5, 1.5], dtype=torch.float64)

    def f(t):
        return t.sum() * (2.0 if torch._C._functorch.is_batchedtensor(t) else 1.0)

    assert mapped(PlainFunction(f, x)) is None
    assert check_gradients(f, x).verdict == "pass"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("error", [0.0, 1e-2])
def test_outputs_of_several_shapes_are_mapped(torch, dtype, error):
    wrong = squares(torch, 1 + error)
    x = torch.tensor([[0.5, 1.5], [0.25, -1.0]], dtype=getattr(torch, dtype))

    def f(t):
        return {"a": t.sin(), "b": (t @ t).sum(), "c": [t[0] * t[1]]}

    assert mapped(PlainFunction(f, x)) is not None
    assert check_gradients(f, x).verdict == "pass"
    if error:
        with pytest.raises(GradientMismatchError):
            check_gradients(lambda t: [f(t), wrong.apply(t)], x)


def test_plain_numbers_among_the_outputs_are_constants(torch, jax):
    x = torch.tensor([0.5, 1.5], dtype=torch.float64)
    assert check_gradients(lambda t: [2.0, t.sin(), 3], x).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: [2.0, squares(torch, 1.01).apply(t)], x)
    y = jax.numpy.array([0.5, 1.5])
    assert check_gradients(lambda t: (2.0, jax.numpy.sin(t), 3), y).verdict == "pass"
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda t: (2.0, sines(jax, 1.01, "vjp")(t)), y)
