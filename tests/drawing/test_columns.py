"""Laws of the layout of networks: columns in order, nothing on top of anything, fast for many boxes."""

from itertools import combinations, pairwise

import pytest

from autodiff import Value, total
from autodiff.drawing import draw, find_dot
from autodiff.drawing.columns import STACK, columns, is_dense, natural, ranks
from autodiff.drawing.folding import READABLE, foldings
from autodiff.drawing.rendering import run_dot
from autodiff.drawing.scene import Arrow, Box, Scene, scene
from autodiff.drawing.sizes import Point, box_size


def box(number: int, kind: str = "folded", path: tuple[str, ...] = (), name: str = "") -> Box:
    return Box(f"n{number}", name or f"b{number}", kind, path, [Value(1.0)])


def arrow(tail: Box, head: Box) -> Arrow:
    return Arrow(f"e{tail.id}_{head.id}", tail, head, None, None, [])


def network(*widths: int) -> Scene:
    """Inputs and fully connected layers of folded neurons."""
    boxes = [[box(i, "variable") for i in range(widths[0])]]
    for layer, width in enumerate(widths[1:]):
        start = 1000 * (layer + 1)
        boxes.append(
            [box(start + i, path=(f"layers.{layer}",), name=f"layers.{layer}.neurons.{i}") for i in range(width)]
        )
    arrows = [arrow(tail, head) for before, after in pairwise(boxes) for tail in before for head in after]
    return Scene([each for layer in boxes for each in layer], arrows, {})


def rectangle(place: Point, size: Point) -> tuple[float, float, float, float]:
    return place[0] - size[0] / 2, place[0] + size[0] / 2, place[1] - size[1] / 2, place[1] + size[1] / 2


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


@pytest.mark.parametrize("down", [False, True], ids=["right", "down"])
@pytest.mark.parametrize("widths", [(2, 16, 16, 1), (3, 1), (2, 3 * STACK, 5), (1, 12, 2, 12)])
def test_boxes_and_frames_stand_apart_and_every_box_is_in_its_frame(widths: tuple[int, ...], down: bool) -> None:
    picture = network(*widths)
    found = columns(picture, box_size, down=down)
    rectangles = {each.id: rectangle(found.places[each.id], box_size(each)) for each in picture.boxes}
    assert not any(overlap(a, b) for a, b in combinations(rectangles.values(), 2))
    frames = {path: (x, x + width, y, y + height) for path, ((x, y), (width, height)) in found.frames.items()}
    assert not any(overlap(a, b) for a, b in combinations(frames.values(), 2))
    for each in picture.boxes:
        left, right, top, bottom = rectangles[each.id]
        assert 0 <= left < right <= found.size[0]
        assert 0 <= top < bottom <= found.size[1]
        for path, frame in frames.items():
            if each.path == path:
                assert frame[0] < left < right < frame[1]
                assert frame[2] < top < bottom < frame[3]
            else:
                assert not overlap(frame, rectangles[each.id])


def test_layers_are_columns_and_neurons_stand_in_the_order_of_their_numbers() -> None:
    picture = network(2, 12, 3)
    picture.boxes.reverse()
    places = columns(picture, box_size).places
    first = [places[f"n{1000 + i}"] for i in range(12)]
    assert len({x for x, _ in first}) == 1
    assert [y for _, y in first] == sorted(y for _, y in first)
    assert places["n0"][0] < places["n1000"][0] < places["n2000"][0]
    down = columns(picture, box_size, down=True).places
    assert down["n0"][1] < down["n1000"][1] < down["n2000"][1]


def test_frames_and_boxes_of_a_wide_network_have_one_middle() -> None:
    found = columns(network(200, 4, 1), box_size)
    middle = found.size[1] / 2
    assert [top + height / 2 for (_, top), (_, height) in found.frames.values()] == pytest.approx([middle, middle])


def test_the_name_of_a_frame_stays_in_it() -> None:
    loss = total(
        neuron for neuron in layer_of("a_module_of_quite_a_long_name_indeed.0", layer_of("layers.0", inputs(6)))
    )
    source = draw(loss, fold="neuron").source
    assert "label=<a_modu" in source
    assert "label=<a_module_of_quite_a_long_name_indeed.0>" not in source
    assert 'tooltip="a_module_of_quite_a_long_name_indeed.0"' in source


def test_a_network_is_no_longer_a_tower() -> None:
    """It was 1837 points wide and 16489 high."""
    width, height = columns(network(2, 16, 16, 1), box_size).size
    assert 0.5 < width / height < 2


def test_a_leaf_stands_beside_its_first_consumer_and_circles_end() -> None:
    a, b, c, target = box(0), box(1), box(2), box(3, "variable")
    chain = Scene([a, b, c, target], [arrow(a, b), arrow(b, c), arrow(target, c)], {})
    assert ranks(chain) == {"n0": 0, "n1": 1, "n2": 2, "n3": 1}
    chain.arrows += [arrow(c, a), arrow(b, a)]
    assert sorted(ranks(chain)) == ["n0", "n1", "n2", "n3"]
    assert columns(chain, box_size).places


def test_the_neurons_of_a_recurrent_layer_are_one_column() -> None:
    """Those of a decoder after an encoder, in circles, are two; modules one after another stay so."""
    first = [box(i, path=("enc",), name=f"enc.neurons.{i}") for i in range(3)]
    second = [box(10 + i, path=("dec",), name=f"dec.neurons.{i}") for i in range(3)]
    inputs, end = box(20, "variable"), box(21, "result")

    def all_to_all(tails: list[Box], heads: list[Box]) -> list[Arrow]:
        return [arrow(tail, head) for tail in tails for head in heads]

    recurrent = Scene([inputs, *first, end], all_to_all([inputs], first) + all_to_all(first, [*first, end]), {})
    assert [*ranks(recurrent).values()] == [0, 1, 1, 1, 2]
    arrows = all_to_all([inputs], first) + all_to_all(first, second) + all_to_all(second, [*first, end])
    assert [*ranks(Scene([inputs, *first, *second, end], arrows, {})).values()] == [0, 1, 1, 1, 2, 2, 2, 3]
    chain = [arrow(a, b) for a, b in pairwise(first)] + [arrow(first[-1], first[0])]
    assert sorted(ranks(Scene(first, chain, {})).values()) == [0, 1, 2]


def test_numbers_in_names_are_ordered_as_numbers() -> None:
    names = ["layers.10.neurons.2", "layers.2.neurons.10", "layers.2.neurons.9", "head"]
    assert sorted(names, key=lambda name: natural([name])) == [names[3], names[2], names[1], names[0]]


def inputs(count: int) -> list[Value]:
    return [Value(0.1 * i + 0.3, label=f"x{i}") for i in range(count)]


def layer_of(name: str, signals: list[Value], width: int = 6) -> list[Value]:
    outputs = []
    for neuron in range(width):
        own = f"{name}.neurons.{neuron}"
        sum_ = Value(0.1, label=f"{own}.bias")
        for i, signal in enumerate(signals):
            sum_ = sum_ + Value(0.3 - 0.17 * ((i * 7 + neuron * 3) % 5), label=f"{own}.weights.{i}") * signal
        outputs.append(sum_.tanh())
    return outputs


def mlp(*widths: int) -> Value:
    """The squared error of a network with labels as those of ``nn``, for one observation."""
    signals = inputs(widths[0])
    for layer, width in enumerate(widths[1:]):
        signals = layer_of(f"layers.{layer}", signals, width)
    loss = (signals[0] - 1.0) ** 2
    loss.backward()
    return loss


@pytest.mark.skipif(find_dot() is None, reason="there is no dot to draw with")
@pytest.mark.parametrize("direction", ["right", "down"])
def test_a_drawn_network_has_every_box_and_every_arrow_where_the_layout_puts_it(direction: str) -> None:
    loss = mlp(2, 8, 8, 1)
    picture = scene(loss, fold="neuron")
    assert is_dense(picture)
    source = draw(loss, fold="neuron", direction=direction).source
    dot = find_dot()
    assert dot is not None
    drawn = run_dot(dot, source, "svg").decode()
    assert drawn.count('class="edge') == len(picture.arrows)
    assert drawn.count('class="node') == len(picture.boxes) + 1  # the legend
    assert "+=" not in drawn
    assert "edge: contribution" in drawn.replace("&#45;", "-").replace("&#160;", " ")


def test_draw_chooses_a_fold_that_can_be_read_and_says_so() -> None:
    large, small = mlp(2, 16, 16, 1), mlp(2, 3, 1)
    assert draw(large).source.count('class="folded') == 33
    assert "neurons are drawn as one box each: fold=None" in draw(large).source
    assert "fold=None" not in draw(small).source
    assert draw(small).source == draw(small, fold=None).source
    assert draw(large, fold=None, max_nodes=None).source.count('class="folded') == 0
    assert len(next(iter(foldings(large, max_nodes=READABLE))).picture.boxes) <= READABLE
    whole = mlp(2, 120, 1)
    assert "layers are drawn as one box each" in draw(whole).source
    with pytest.raises(ValueError, match="nodes are more than max_nodes=2"):
        draw(large, max_nodes=2)


def test_without_modules_nothing_is_folded() -> None:
    chain = Value(1.0)
    for _ in range(120):
        chain = chain * 1.5
    assert draw(chain).source == draw(chain, fold=None).source


def test_an_arrow_of_several_operands_has_the_colour_of_the_strongest() -> None:
    first, second = (Value(number, label=f"layers.{i}.neurons.0.weights.0") for i, number in enumerate((2.0, 3.0)))
    hidden = [first * Value(x, label="x") for x in (0.1, -0.3)]
    outputs = [second * each for each in hidden]
    loss = total(output * Value(t, label="t") for output, t in zip(outputs, (1.0, -5.0)))
    loss.backward()
    (bundle,) = [each for each in scene(loss, fold="neuron").arrows if {each.tail.kind, each.head.kind} == {"folded"}]
    assert bundle.contribution is None
    assert bundle.strongest == hidden[1].grad == -15.0
