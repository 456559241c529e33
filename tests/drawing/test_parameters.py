"""Laws of the pictures of networks: every neuron and every weight, by sign and size; what is no network is refused."""

import re
from itertools import pairwise

import pytest

import nn
from autodiff import draw
from autodiff.drawing import find_dot
from autodiff.drawing.colours import scale, stroke_of
from autodiff.drawing.parameters import SHOWN, layers_of
from autodiff.drawing.rendering import run_dot


@pytest.mark.parametrize(
    ("module", "widths"),
    [
        (nn.MLP(2, [4, 3, 1]), (2, 4, 3, 1)),
        (nn.Layer(3, 2), (3, 2)),
        (nn.Linear(3, 2), (3, 2)),
        (nn.Neuron(5), (5, 1)),
        (nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 1)), (2, 3, 1)),
        (nn.MLP(1, [12, 1]), (1, 12, 1)),
    ],
    ids=str,
)
def test_a_network_has_its_neurons_and_its_weights(module: nn.Module, widths: tuple[int, ...]) -> None:
    layers = layers_of(module)
    assert (len(layers[0].weights[0]), *(len(layer.weights) for layer in layers)) == widths
    source = draw(module).source
    assert source.count(" -> ") == sum(a * b for a, b in pairwise(widths))
    weights = [weight for layer in layers for row in layer.weights for weight in row]
    biases = [bias for layer in layers for bias in layer.biases if bias is not None]
    assert {id(each) for each in weights + biases} == {id(each) for each in module.parameters()}
    colours = scale(each.data for each in weights + biases)
    for weight in weights:
        drawn = re.search(rf'color="(#\w+)"[^\]]*tooltip="[^"]* = {re.escape(repr(weight.data))}"', source)
        assert drawn
        assert drawn[1] == stroke_of(weight.data, colours.level(weight.data))


def test_of_a_wide_layer_the_middle_is_left_out_and_counted() -> None:
    source = draw(nn.MLP(2, [100, 1])).source
    assert f"… {100 - SHOWN} more" in source
    assert source.count(" -> ") == 3 * SHOWN


@pytest.mark.parametrize("module", [nn.LayerNorm(2), nn.Embedding(2, 2), nn.Dropout(0.5)], ids=str)
def test_what_is_no_network_is_refused_with_a_reason(module: nn.Module) -> None:
    with pytest.raises(ValueError, match="is drawn if it has neurons in layers, one after another: "):
        draw(module)


@pytest.mark.skipif(find_dot() is None, reason="there is no dot to draw with")
def test_every_place_is_that_of_the_layout() -> None:
    dot = find_dot()
    assert dot is not None
    drawn = run_dot(dot, draw(nn.MLP(2, [3, 1]), prefix="p-").source, "svg").decode()
    middles = re.findall(r'<ellipse[^>]*cx="([-\d.]+)" cy="([-\d.]+)"', drawn)
    assert len(middles) == len(set(middles)) == 6
    assert len({x for x, _ in middles}) == 3
    assert "p&#45;n1_2" in drawn or "p-n1_2" in drawn
