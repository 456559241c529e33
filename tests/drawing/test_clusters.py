"""Laws of clusters and folds."""

import pytest

from autodiff import Value, total, trace
from autodiff.backward import topological_order
from autodiff.drawing import draw, folding
from autodiff.drawing.clusters import modules
from autodiff.drawing.scene import Box, Scene, scene


def network(outputs: int = 1) -> tuple[list[Value], list[Value]]:
    """Inputs and outputs of a network 2-3-outputs, tanh."""
    signals = inputs = [Value(0.5, label="x1"), Value(-1.5, label="x2")]
    for layer, width in enumerate((3, outputs)):
        signals = [neuron(f"layers.{layer}.neurons.{i}", signals) for i in range(width)]
    return inputs, signals


def neuron(name: str, signals: list[Value]) -> Value:
    weighted = Value(0.1, label=f"{name}.bias")
    for i, signal in enumerate(signals):
        weighted = weighted + Value(0.3 - 0.2 * i + 0.05 * len(name), label=f"{name}.weights.{i}") * signal
    return weighted.tanh()


def picture(root: Value, **options: object) -> Scene:
    defaults = {"fold": None, "constants": True, "merge": "constants", "depth": None, "clusters": True}
    return scene(root, **{**defaults, **options})  # type: ignore[arg-type]


def folded(root: Value, **options: object) -> dict[str, Box]:
    return {box.name: box for box in picture(root, **options).boxes if box.kind == "folded"}


def test_a_neuron_holds_its_products_sum_and_activation_but_not_inputs_or_the_loss() -> None:
    inputs, (out,) = network()
    loss = (out - 1.0) ** 2
    path = modules(topological_order(loss))
    assert path[out] == ("layers.1", "neurons.0")
    assert path[inputs[0]] == path[loss] == path[loss.parents[0]] == ()
    assert [list(path.values()).count(("layers.0", f"neurons.{i}")) for i in range(3)] == [8, 8, 8]
    assert list(path.values()).count(("layers.1", "neurons.0")) == 11


def test_inputs_that_are_plain_numbers_are_outside_and_other_numbers_are_where_they_are_used() -> None:
    weight = Value(0.5, label="layers.0.neurons.0.weights.0")
    response = (weight * 3.0).leaky_relu(0.01)
    path = modules(topological_order(response))
    product, slope = response.parents
    assert path[product.parents[1]] == ()
    assert path[slope] == path[response] == ("layers.0", "neurons.0")


def test_results_of_several_neurons_belong_to_their_common_module() -> None:
    _, outputs = network(outputs=2)
    both = outputs[0] + outputs[1]
    assert modules(topological_order(both))[both] == ("layers.1",)


def test_a_target_that_is_a_variable_begins_the_loss() -> None:
    _, (out,) = network()
    loss = out * Value(1.0, label="target")
    assert modules(topological_order(loss))[loss] == ()


def test_a_folded_neuron_shows_its_output_and_how_many_nodes_it_holds() -> None:
    _, (out,) = network()
    loss = (out - 1.0) ** 2
    loss.backward()
    boxes = folded(loss, fold="neuron")
    assert {name: box.count for name, box in boxes.items()} == {
        "layers.0.neurons.0": 8, "layers.0.neurons.1": 8, "layers.0.neurons.2": 8, "layers.1.neurons.0": 11,
    }  # fmt: skip
    assert boxes["layers.1.neurons.0"].nodes == [out]
    source = draw(loss, fold="neuron").source
    assert "8 nodes" in source
    assert f"{out.data:.4g}" in source
    assert f"{out.grad:.4g}" in source


def test_a_folded_layer_shows_the_range_of_its_outputs() -> None:
    _, (out,) = network()
    boxes = folded(out, fold="layer")
    assert {name: (box.count, len(box.nodes)) for name, box in boxes.items()} == {
        "layers.0": (24, 3), "layers.1": (11, 1),
    }  # fmt: skip
    assert "24 nodes, 3 outputs" in draw(out, fold="layer").source


def test_one_module_can_be_folded_by_its_path() -> None:
    _, (out,) = network()
    assert list(folded(out, fold="layers.0")) == ["layers.0"]
    assert list(folded(out, fold=["layers.0.neurons.2", "layers.1"])) == ["layers.0.neurons.2", "layers.1"]
    with pytest.raises(ValueError, match=r"'layers\.7' \(must be one of 'layer', 'neuron', 'layers\.0'"):
        draw(out, fold="layers.7")


@pytest.mark.parametrize(
    ("labels", "there_are"),
    [
        (["w1", "w2"], r"no label tells of a module, .*'layers\.0\.neurons\.3\.bias'"),
        (["blocks.0.w", "blocks.1.w"], r"must be one of 'block', 'blocks\.0', 'blocks\.1'\)"),
        ([f"blocks.{i}.w" for i in range(90)], r"must be one of 'block', 'blocks\.0', .* …79 more…, .*'blocks\.9'\)"),
    ],
)
def test_a_fold_that_folds_nothing_is_refused_with_those_there_are(labels: list[str], there_are: str) -> None:
    loss = total([Value(1.0, label=label) * 2.0 for label in labels])
    for fold in ("layer", "neuron", ["layers"]):
        with pytest.raises(ValueError, match=f"there is nothing to fold of the name '(layers?|neuron)' .{there_are}"):
            draw(loss, fold=fold)
        with pytest.raises(ValueError, match=there_are):
            trace(loss).draw(0, fold=fold)


@pytest.mark.parametrize(
    ("fold", "opened", "expected"),
    [
        ("layer", "layers.1", ["layers.0", "layers.1.neurons.0"]),
        ("layer", ["layers.1", "neuron"], ["layers.0"]),
        ("neuron", "layers.0.neurons.1", ["layers.0.neurons.0", "layers.0.neurons.2", "layers.1.neurons.0"]),
        ("layer", "layers.0.neurons.1", ["layers.0", "layers.1"]),
    ],
)
def test_what_is_opened_shows_what_is_in_it(fold: str, opened: str | list[str], expected: list[str]) -> None:
    _, (out,) = network()
    assert sorted(folded(out, fold=fold, opened=opened)) == expected
    with pytest.raises(ValueError, match=r"nothing to fold of the name 'layers\.7'"):
        draw(out, fold=fold, opened="layers.7")


def test_a_module_can_be_opened_in_the_fold_that_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "READABLE", 10)  # neurons can be read, all nodes cannot
    _, (out,) = network()
    assert draw(out).source.count('class="folded') == 4
    assert draw(out, opened="layers.0.neurons.1").source.count('class="folded') == 3


def test_siblings_that_are_alike_are_merged_with_their_number() -> None:
    _, (out,) = network()
    boxes = folded(out, fold="neuron", merge="siblings")
    assert {name: box.repeats for name, box in boxes.items()} == {"layers.0.neurons": 3, "layers.1.neurons.0": 1}
    assert "neurons ×3" in draw(out, fold="neuron", merge="siblings").source


def test_outputs_of_equal_data_are_counted_each() -> None:
    outputs = [neuron(f"layers.0.neurons.{i}", [Value(0.0)]) for i in range(3)]
    loss = outputs[0] * outputs[1] * outputs[2] * Value(1.0, label="target")
    assert len({out.data for out in outputs}) == 1
    assert len(folded(loss, fold="neuron")) == 3
    assert len(folded(sum(outputs, Value(0.0)), fold="layer")["layers.0"].nodes) == 3


def test_edges_into_merged_siblings_sum_their_contributions() -> None:
    inputs, (out,) = network()
    out.backward()
    arrows = [a for a in picture(out, fold="neuron", merge="siblings").arrows if a.tail.nodes == [inputs[0]]]
    assert [(len(a.edges), a.contribution) for a in arrows] == [(3, pytest.approx(inputs[0].grad))]


def test_frames_are_nested_and_can_be_left_out() -> None:
    _, (out,) = network()
    source = draw(out).source
    assert source.index('"cluster_layers.0"') < source.index('"cluster_layers.0.neurons.0"')
    assert "subgraph" not in draw(out, clusters=False).source
    assert "layers.0.neurons.0.bias" in draw(out, clusters=False).source


def test_neuron_10_comes_after_neuron_9() -> None:
    outputs = [neuron(f"layers.0.neurons.{i}", [Value(1.0)]) for i in range(12)]
    source = draw(sum(outputs[1:], outputs[0])).source
    places = [source.index(f'"cluster_layers.0.neurons.{i}"') for i in range(12)]
    assert places == sorted(places)


def test_equal_constants_of_a_folded_module_are_drawn_once() -> None:
    weight = Value(0.5, label="layers.0.neurons.0.weights.0")
    root = (weight * 1.0 + weight * 1.0 + weight * 2.0).tanh()
    drawn = [(box.nodes[0].data, box.repeats) for box in picture(root, fold="neuron").boxes if box.kind == "constant"]
    assert drawn == [(1.0, 2), (2.0, 1)]


def test_names_of_modules_may_be_of_any_script() -> None:
    label = "ebenen.0.größe².gewicht"
    assert "größe²" in draw(Value(1.0, label=label) * 2.0).source
