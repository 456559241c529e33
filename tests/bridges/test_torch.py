"""What is recorded of PyTorch has its values and gradients, or is refused by name."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from tests.bridges.torch_agreement import assert_agrees, in_float64  # noqa: E402
from tests.bridges.torch_models import MODELS  # noqa: E402
from tests.bridges.torch_operations import OPERATIONS  # noqa: E402


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


@pytest.mark.parametrize("function", [torch.digamma, torch.lgamma, torch.nn.functional.hardsigmoid])
def test_what_pytorch_itself_has_not_to_all_digits(function):
    """Its trigamma has 1e-10, and its derivative of hardsigmoid is the sixth of a float of 32 bits."""
    assert_agrees(function, torch.tensor([0.3, 0.7, 2.5], dtype=torch.float64), tolerance=1e-8)
