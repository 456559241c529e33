"""Networks of PyTorch and of ours become each other, with the very same numbers, or are refused by name."""

import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.nn import (  # noqa: E402
    GELU,
    Conv2d,
    Dropout,
    Embedding,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)  # fmt: skip

import nn  # noqa: E402

TOLERANCE = 1e-12

NETWORKS = {
    "perceptron": (lambda: Sequential(Linear(2, 3), ReLU(), Linear(3, 4), ReLU(), Linear(4, 2)), nn.MLP),
    "shared activation": (lambda: Sequential(Linear(2, 3), s := Tanh(), Linear(3, 3), s, Linear(3, 1)), nn.MLP),
    "linear": (lambda: Sequential(Linear(2, 3), Linear(3, 2)), nn.MLP),
    "one layer": (lambda: Linear(2, 3), nn.MLP),
    "identities": (lambda: Sequential(Linear(2, 3), Identity(), Tanh(), Linear(3, 1), Identity()), nn.MLP),
    "active at the end": (lambda: Sequential(Linear(2, 3), ReLU(), Linear(3, 2), Sigmoid()), nn.Sequential),
    "several": (lambda: Sequential(*(part for activation in (SiLU(), GELU(), LeakyReLU(), Softplus())
                                     for part in (Linear(2, 2), activation))), nn.Sequential),
    "no biases": (lambda: Sequential(Linear(2, 3, bias=False), ReLU(), Linear(3, 1)), nn.Sequential),
    "nested": (lambda: Sequential(Sequential(Linear(2, 4), LayerNorm(4, eps=1e-3)), Dropout(0.1), Linear(4, 2)),
               nn.Sequential),
    "mixed": (lambda: Sequential(Linear(2, 3), ReLU(), Linear(3, 2), Linear(2, 2)), nn.Sequential),
}  # fmt: skip


def flat(prediction):
    return [value.data for value in (prediction if isinstance(prediction, list) else [prediction])]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_predicts_the_same_in_both(name):
    made, kind = NETWORKS[name]
    torch.manual_seed(0)
    theirs = made()
    for part in theirs.parameters():
        torch.nn.init.normal_(part)
    ours = nn.from_torch(theirs)
    assert type(ours) is kind
    back = nn.to_torch(ours)
    x = torch.randn(2, dtype=torch.float64)
    expected = theirs.double().eval()(x).tolist()
    with nn.without_dropout():
        assert flat(ours(x.tolist())) == pytest.approx(expected, rel=TOLERANCE)
    assert back.eval()(x).tolist() == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("name", NETWORKS)
def test_there_and_back_not_a_bit_is_lost(name):
    theirs = NETWORKS[name][0]()
    back = nn.to_torch(nn.from_torch(theirs))
    before, after = [*theirs.parameters()], [*back.parameters()]
    assert [each.tolist() for each in before] == [each.tolist() for each in after]
    again = nn.from_torch(back)
    assert again.state_dict() == nn.from_torch(theirs).state_dict()


def test_an_embedding_takes_an_index_in_both():
    theirs = Sequential(Embedding(4, 2), Linear(2, 3))
    assert flat(nn.from_torch(theirs)(2)) == pytest.approx(theirs.double()(torch.tensor(2)).tolist(), rel=TOLERANCE)


class Doubled(Linear):
    """A class of the user's own, which may compute anything."""

    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize("part", [
    Conv2d(1, 1, 2), GELU(approximate="tanh"), LeakyReLU(0.2), Softplus(beta=2.0), LayerNorm((2, 2)), Doubled(2, 2),
    LayerNorm(2, elementwise_affine=False), Embedding(3, 2, max_norm=1.0), Embedding(3, 2, padding_idx=0),
    torch.nn.ELU(),
    torch.nn.utils.parametrizations.weight_norm(Linear(2, 2)),
], ids=repr)  # fmt: skip
def test_what_has_no_counterpart_here_is_refused_by_name(part):
    with pytest.raises(ValueError, match=type(part).__name__) as error:
        nn.from_torch(Sequential(Linear(2, 2), part))
    assert "the part 1" in str(error.value)


def test_a_layer_that_stands_twice_is_refused():
    layer = Linear(2, 2)
    with pytest.raises(ValueError, match="the parts 0 and 2 are the same"):
        nn.from_torch(Sequential(layer, ReLU(), layer))


@pytest.mark.parametrize(
    "model", [nn.MLP(2, [2, 1], activation="sin"), nn.GRUCell(2, 3), nn.Activation(lambda x: x * 2)]
)
def test_what_has_no_counterpart_there_is_refused_by_name(model):
    with pytest.raises(ValueError, match=r"has no counterpart in torch\.nn"):
        nn.to_torch(model)


def test_a_missing_pytorch_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'torch>=2\.4'"):
        nn.to_torch(nn.MLP(2, [1]))


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        nn.from_torch(nn.MLP(2, [1]))
    with pytest.raises(TypeError, match="module of nn"):
        nn.to_torch(Linear(2, 1))
