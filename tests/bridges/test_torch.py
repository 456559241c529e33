"""What is recorded of PyTorch has its values and gradients, or is refused by name."""

import functools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from autodiff import (
    FrozenNumberError,
    NonFiniteError,
    Value,
    check_gradients,
    compile,
    detect_anomaly,
    dot,
    draw,
    explain,
    grad,
    leaves,
    topological_order,
    trace,
)  # fmt: skip
from autodiff.bridges.agreement import DisagreementError
from autodiff.bridges.limits import TooLargeError, UnsupportedError
from autodiff.hooks import Observer, observed_by

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from autodiff.bridges.torch import record  # noqa: E402
from autodiff.bridges.torch.comparison import PrecisionWarning  # noqa: E402
from autodiff.bridges.torch.rules import RULES  # noqa: E402
from tests.bridges.torch_agreement import TOLERANCE, assert_agrees, flat, in_float64  # noqa: E402
from tests.bridges.torch_models import MODELS  # noqa: E402
from tests.bridges.torch_operations import OPERATIONS, STEEP  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", MODELS)
def test_values_and_gradients_of_a_model_are_those_of_autograd(name):
    with in_float64():
        torch.manual_seed(0)
        assert_agrees(*MODELS[name]())


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_gradients_of_an_operation_are_those_of_autograd(name):
    with in_float64():
        torch.manual_seed(0)
        assert_agrees(*OPERATIONS[name])


@pytest.mark.parametrize("name", STEEP)
def test_what_is_not_used_has_the_gradient_0_and_nan_by_an_infinite_slope_as_in_autograd(name):
    assert_agrees(*STEEP[name])


def test_a_graph_without_infinite_slopes_has_nothing_beside_what_is_computed():
    x = torch.tensor([4.0, 1.0], dtype=torch.float64)
    names = [sorted(node.op.name for node in topological_order(record(lambda x: x.sqrt()[1], at))) for at in (x, x * 0)]
    assert names == [["sqrt", "variable"], ["choose", "constant", "sqrt", "sqrt", "total", "variable", "variable"]]


@pytest.mark.parametrize("function", [torch.digamma, torch.lgamma, torch.nn.functional.hardsigmoid])
def test_what_pytorch_itself_has_not_to_all_digits(function):
    """Its trigamma has 1e-10, and its derivative of hardsigmoid is the sixth of a float of 32 bits."""
    assert_agrees(function, torch.tensor([0.3, 0.7, 2.5], dtype=torch.float64), tolerance=1e-8)


# ── What is recorded ─────────────────────────────────────────────────────────────────────────────


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))

    def forward(self, x):
        y = self.layers(x)
        return torch.exp(y).sum()  # a line of the user's


def small():
    torch.manual_seed(0)
    return Small().double(), torch.tensor([[0.5, -1.0]], dtype=torch.float64)


def test_parameters_inputs_and_results_of_modules_have_names():
    loss = record(*small())
    assert {node.label for node in leaves(loss)} == {
        "x[0,0]", "x[0,1]", "layers.0.weight[0,0]", "layers.0.weight[0,1]", "layers.0.weight[1,0]",
        "layers.0.weight[1,1]", "layers.0.bias[0]", "layers.0.bias[1]", "layers.2.weight[0,0]", "layers.2.weight[0,1]",
        "layers.2.bias[0]",
    }  # fmt: skip
    results = {node.label for node in topological_order(loss) if node.parents and node.label}
    assert results >= {"layers.0[0,0]", "layers.0[0,1]", "layers.1[0,0]", "layers.2[0,0]"}


def test_a_network_that_numbers_its_parts_has_them_as_layers():
    net = torch.nn.Sequential(torch.nn.Linear(1, 1))
    assert [node.label for node in leaves(record(net, torch.ones(1))[0])] == [
        "input[0]", "layers.0.weight[0,0]", "layers.0.bias[0]",
    ]  # fmt: skip
    inside = record(lambda x: net(x)[0], torch.ones(1))
    assert [node.label for node in leaves(inside)] == ["x[0]", "net.0.weight[0,0]", "net.0.bias[0]"]


def test_structures_of_inputs_are_named_by_their_places():
    def loss(parameters, points):
        return (parameters["w"] * points[0]).sum() + points[1]

    found = record(loss, {"w": torch.ones(2)}, [torch.ones(2), torch.tensor(2.0)])
    assert [node.label for node in leaves(found)] == [
        "parameters.w[0]", "points[0][0]", "parameters.w[1]", "points[0][1]", "points[1]",
    ]  # fmt: skip


def test_an_object_that_is_called_has_names_from_its_attributes():
    class Model:
        def __init__(self):
            self.layer = torch.nn.Linear(1, 1, bias=False)

        def __call__(self, x):
            return self.layer(x).sum()

        def loss(self, x):
            return self(x)

    for function in (Model(), Model().loss, functools.partial(Model().loss)):
        assert {node.label for node in leaves(record(function, torch.ones(1)))} == {"x[0]", "layer.weight[0,0]"}


def test_every_result_knows_the_line_of_the_program():
    loss = record(*small())
    assert {node.source.file for node in topological_order(loss) if node.parents} == {__file__}
    assert "torch.exp(y).sum()" in loss.source.text
    assert (
        "self.layers(x)" in next(node for node in topological_order(loss) if node.label == "layers.2[0,0]").source.text
    )


def test_a_result_has_the_structure_that_the_function_returns():
    def several(x):
        return {"loss": x.sum(), "parts": [x * 2, (x > 0).sum()], "name": "x"}

    found = record(several, torch.tensor([1.0, -2.0]))
    assert isinstance(found["loss"], Value)
    assert [part.data for part in found["parts"][0]] == [2.0, -4.0]
    assert found["parts"][1] == 1
    assert found["name"] == "x"


def test_a_graph_goes_on_from_given_values():
    a, b = Value(0.5, "a"), Value(2.0, "b")
    loss = record(lambda x, y: (x * y).sum(), np.array([a * b, b], object), b)
    loss.backward()
    assert (loss.data, a.grad, b.grad) == (6.0, 4.0, 6.0)


def test_a_frozen_parameter_is_a_number_and_a_shared_one_is_one_variable():
    net = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
    net[1].weight = net[0].weight
    assert len(leaves(record(lambda x: net(x).sum(), torch.ones(1)))) == 2
    net.requires_grad_(False)
    assert [node.label for node in leaves(record(lambda x: net(x).sum(), torch.ones(1)))] == ["x[0]"]


def test_a_tensor_of_32_bits_is_recorded_in_64():
    x = torch.tensor([0.1, 0.7])
    loss = record(lambda x: torch.tanh(x).sum(), x)
    assert loss.data == pytest.approx(torch.tanh(x.double()).sum().item(), rel=1e-15)


# ── The program is left as it was ────────────────────────────────────────────────────────────────


def test_tensors_without_numbers_may_be_of_any_type():
    def sums(a, b, x):
        return a.double().sum() + torch.cat([b, x]).sum(), a, torch.nn.functional.linear(x[:, None][:, :0], WEIGHTS)

    total, empty, biases = record(sums, torch.zeros(0), torch.zeros(0).double(), torch.ones(2).double())
    assert (total.data, empty.shape, biases.tolist()) == (2, (0,), [[0, 0, 0]] * 2)


WEIGHTS = torch.zeros((3, 0), dtype=torch.float64, requires_grad=True)


def test_nothing_of_the_network_is_changed():
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    x = torch.randn(4, 2)
    record(lambda x: net(x).sum(), x)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())
    assert not x.requires_grad


def test_a_buffer_that_the_network_binds_anew_is_the_old_one_afterwards():
    class Counts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x):
            self.seen = self.seen + 1
            self.seen.mul_(3)
            return x * self.seen

    net = Counts()
    seen = net.seen
    assert record(net, torch.tensor(2.0)).item().data == 6
    assert net.seen is seen
    assert seen.item() == 0


def test_settings_of_pytorch_are_what_they_were_also_after_an_error():
    before = torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled(), torch.is_grad_enabled()
    with pytest.raises(ZeroDivisionError):
        record(lambda x: x / (1 // 0), torch.ones(1))
    assert before == (torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled(), torch.is_grad_enabled())


def test_dropout_draws_what_pytorch_draws_of_the_same_seed():
    def dropped(x):
        return torch.nn.functional.dropout(x, 0.5)

    x = torch.ones(20)
    torch.manual_seed(3)
    expected = dropped(x).tolist()
    torch.manual_seed(3)
    assert [value.data if isinstance(value, Value) else value for value in record(dropped, x)] == expected


def test_a_program_takes_its_own_branches():
    def branching(x):
        return x * 2 if x.item() > 0 else x**3

    for x in (2.0, -2.0):
        assert_agrees(branching, torch.tensor(x, dtype=torch.float64))


# ── What is refused ──────────────────────────────────────────────────────────────────────────────


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, upstream):
        return -upstream


OUTSIDE = torch.ones(2, requires_grad=True) * 2
COMPLEX = torch.ones(2, dtype=torch.complex64, requires_grad=True)
REFUSED = {
    "svd": (lambda x: torch.linalg.svdvals(x.reshape(1, 2)), "svd"),
    "fft": (lambda x: torch.fft.fft(x).abs(), "fft"),
    "ctc": (lambda x: torch.nn.functional.ctc_loss(x.reshape(1, 1, 2), torch.tensor([[1]]), (1,), (1,)), "_ctc_loss"),
    "half of a float": (lambda x: x.view(torch.float16) * x.repeat(2), "view.dtype"),
    "bits": (lambda x: (x * 2).detach().view(torch.int32).add_(1) * x, "add_"),
    "by hand": (lambda x: Reversed.apply(x) * 2, "ReversedBackward"),
    "by hand, returned": (Reversed.apply, "ReversedBackward"),
    "from outside": (lambda x: x * OUTSIDE, "computed outside"),
    "a leaf in a leaf": (lambda x: x.detach().requires_grad_() * x, "shares its memory"),
    "random slopes": (lambda x: torch.nn.functional.rrelu(-x, training=True), "eval"),
    "memory": (lambda x: (y := x * 1, y.detach().numpy().__setitem__(0, 5.0), y.sum())[2], "shares the memory"),
    "cond": (lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)), "cond"),
    "complex": (lambda x: x * COMPLEX, "complex64"),
    "a hook": (lambda x: (y := x * 2, y.sin(), y.register_hook(lambda upstream: -upstream))[1], "register_hook"),
    "a hook, returned": (lambda x: (y := x * 2, y.register_hook(lambda upstream: -upstream))[0], "register_hook"),
    "by frequency": (
        lambda x: torch.nn.functional.embedding(torch.tensor([0, 0]), x[:, None], scale_grad_by_freq=True),
        "scale_grad_by_freq",
    ),
    "bags by frequency": (
        lambda x: torch.nn.functional.embedding_bag(torch.tensor([[0, 0]]), x[:, None], scale_grad_by_freq=True),
        "scale_grad_by_freq",
    ),
    "higher polygamma": (lambda x: torch.polygamma(2, x), r"polygamma\(0, x\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused_by_name_with_its_line(name):
    function, match = REFUSED[name]
    with pytest.raises(UnsupportedError, match=match) as error:
        record(function, torch.tensor([0.5, 1.5]))
    assert __file__ in str(error.value)


def test_what_is_refused_has_recorded_nothing():
    made = []

    class Looks(Observer):
        def recorded(self, node):
            made.append(node)

    with observed_by(Looks()), pytest.raises(UnsupportedError):
        record(lambda x: torch.linalg.svdvals((x * x).exp()), torch.eye(2))
    assert made == []


def test_a_graph_that_is_too_large_is_refused_before_it_is_made():
    with pytest.raises(TooLargeError, match=r"1,830,000 numbers.*limit=") as error:
        record(torch.nn.Linear(300, 300), torch.ones(100, 300))
    assert "addmm" in str(error.value)
    assert record(torch.nn.Linear(3, 3), torch.ones(1, 3), limit=100).shape == (1, 3)


@pytest.mark.parametrize(("function", "inputs", "kind", "match"), [
    (3, (), TypeError, "module or function"),
    (lambda x: x.detach(), (torch.ones(1),), ValueError, "no gradient can flow"),
    (lambda i: i * 2, (torch.tensor([1]),), ValueError, "no gradient can flow"),
    (lambda x, y: x.mul_(2) * y, (OUTSIDE.detach()[:1], OUTSIDE.detach()), ValueError, r"shares its memory.*clone\(\)"),
    (lambda pair: pair.x * 2, (SimpleNamespace(x=torch.ones(1)),), TypeError, "pair is a SimpleNamespace, .* lambda"),
    (lambda x: SimpleNamespace(x=x * 2), (torch.ones(1),), TypeError, "returns a SimpleNamespace, .* return a dict"),
])  # fmt: skip
def test_what_is_given_wrongly_is_refused(function, inputs, kind, match):
    with pytest.raises(kind, match=match):
        record(function, *inputs)


@pytest.mark.parametrize("name", ["tanh", "addmm", "_softmax", "cumsum", "index"])
def test_a_wrong_rule_is_found_by_its_numbers(monkeypatch, name):
    right = RULES[name]
    monkeypatch.setitem(RULES, name, lambda *args, **options: right(*args, **options) * 1.001)
    with pytest.raises(DisagreementError, match=name) as error:
        record(lambda x: torch.addmm(x, x, x).tanh().softmax(0).cumsum(0)[[0, 1]], torch.randn(3, 3))
    assert __file__ in str(error.value)


def test_a_decomposition_that_gives_other_numbers_is_refused(monkeypatch):
    """PyTorch 2.13 has one, of ``multilabel_margin_loss``."""
    monkeypatch.delitem(RULES, "mish")
    record(lambda x: torch.nn.functional.mish(x), torch.ones(2))
    wrong = {torch.ops.aten.mish.default: lambda x: x * 2}
    monkeypatch.setattr("autodiff.bridges.torch.tape.core_aten_decompositions", lambda: wrong)
    with pytest.raises(UnsupportedError, match=r"mish.*decomposition of it gives other numbers"):
        record(lambda x: torch.nn.functional.mish(x), torch.ones(2))


# ── Then all works on it ─────────────────────────────────────────────────────────────────────────


def test_the_first_nan_is_found_with_the_line_of_the_program():
    net, x = small()

    def loss(x):
        shifted = net.layers(x) - 10
        return shifted.log().sum()  # of a negative number

    with detect_anomaly(), pytest.raises(NonFiniteError, match="log") as error:
        record(loss, x)
    assert "shifted.log()" in error.value.source.text
    assert "layers.2[0,0]" not in error.value.node.label


def test_a_nan_of_the_backward_pass_is_found_with_the_line_of_the_program():
    def loss(x):
        length = (x * x).sum().sqrt()  # its derivative at 0 is infinite
        return length * 2

    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"sqrt\(0\.0\)") as error:
        record(loss, torch.zeros(2)).backward()
    assert "sum().sqrt()" in error.value.source.text


def test_an_overflow_of_32_bits_alone_is_told():
    x = torch.tensor([100.0])
    with pytest.warns(PrecisionWarning, match=r"float32.*exp.*inf.*e\+43"):
        record(lambda x: x.exp().log(), x)
    with detect_anomaly(), pytest.raises(NonFiniteError, match="float32 alone") as error:
        record(lambda x: x.exp().log(), x)
    assert "x.exp().log()" in error.value.source.text


def test_a_gradient_is_explained_by_paths_through_modules():
    loss = record(*small())
    text = str(explain(loss, next(node for node in leaves(loss) if node.label == "layers.2.bias[0]")))
    assert "layers.2[0,0] → layers.2.bias[0]" in text


def test_a_picture_is_folded_by_modules():
    loss = record(*small())
    loss.backward()
    text = draw(loss, fold="layer").source
    assert "layers.0" in text
    assert "layers.2" in text
    assert "weight[0,1]" not in text


def test_a_recorded_function_is_checked():
    net, _ = small()
    report = check_gradients(lambda x: record(lambda x: net(x), np.array([x], object)), [0.5, -1.0])
    assert report.verdict == "pass"


def test_derivatives_of_a_recorded_function_have_any_order_and_a_compiled_one_is_refused():
    def f(x):
        return record(lambda x: torch.sin(x) * x * x, x)

    assert grad(grad(f))(2.0) == pytest.approx(2 * np.sin(2) + 8 * np.cos(2) - 4 * np.sin(2), rel=TOLERANCE)
    with pytest.raises(FrozenNumberError):
        compile(f)(np.array([1.0, 2.0]))


@pytest.mark.parametrize("name", ["perceptron", "lenet", "encoder_layer", "spectral_norm", "triplet_loss"])
def test_a_recorded_model_is_traced_and_played(name, tmp_path):
    torch.manual_seed(0)
    with in_float64():
        found = record(*MODELS[name]())
    numbers = [value for value in flat(found) if isinstance(value, Value)]
    loss = dot(numbers, [1.0] * len(numbers))
    recorded = trace(loss)
    loss.backward()
    gradients = {step.parent: step.after for step in recorded}
    assert all(gradients[leaf] == leaf.grad for leaf in leaves(loss) if leaf in gradients)
    page = tmp_path / "page.html"
    recorded.to_html(page, max_nodes=None if len(recorded) < 1000 else 0)
    assert page.stat().st_size > 10_000


# ── Nothing is loaded unless used ────────────────────────────────────────────────────────────────


def python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_pytorch_is_loaded_with_its_bridge_alone():
    assert python("import sys, autodiff, autodiff.bridges, nn; print('torch' in sys.modules)") == "False\n"


def test_a_missing_pytorch_is_named_with_its_install_line():
    code = (
        "import sys; sys.modules['torch'] = None\ntry: import autodiff.bridges.torch\nexcept ImportError as e: print(e)"
    )
    assert "pip install 'torch>=2.4'" in python(code)
