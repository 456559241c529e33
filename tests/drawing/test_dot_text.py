"""Laws of the DOT text."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autodiff import Value, constant, total, where
from autodiff.backward import local_derivatives, topological_order
from autodiff.drawing import draw
from autodiff.drawing.scene import scene

PROGRAM = """
from autodiff import Value
from autodiff.drawing import draw
x = Value(0.5, label="x")
hidden = [(Value(i - 1.5, label=f"layers.0.neurons.{i}.weights.0") * x
           + Value(0.1, label=f"layers.0.neurons.{i}.bias")).tanh() for i in range(12)]
loss = (sum(hidden[1:], hidden[0]) * Value(2.0, label="layers.1.neurons.0.weights.0") - 1.0) ** 2
loss.backward()
print(draw(loss).source, draw(loss, fold="neuron").source, draw(loss, fold="layer", merge="siblings").source)
"""
DEFAULTS = {"fold": None, "constants": True, "merge": "constants", "depth": None, "clusters": True}


def edges(source: str) -> list[str]:
    return [line for line in source.splitlines() if "->" in line]


def parabola() -> tuple[Value, Value]:
    a = Value(3.0, label="a")
    return a, a * a + 2 * a + 1


def test_the_same_program_gives_the_same_bytes_in_every_process() -> None:
    def run(seed: str) -> bytes:
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root, "PYTHONUTF8": "1"}
        return subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, env=environment).stdout

    first = run("1")
    assert first == run("2")
    assert b"neurons.11" in first


def test_a_square_by_multiplication_has_two_parallel_edges_in_operand_order() -> None:
    a = Value(3.0, label="a")
    source = draw(a * a).source
    assert [re.search(r"\be1_\d", edge)[0] for edge in edges(source)] == ["e1_0", "e1_1"]  # type: ignore[index]


def test_before_backward_gradients_are_not_computed_and_edges_carry_no_contribution() -> None:
    a, root = parabola()
    before = draw(root).source
    assert before.count("<i>not computed") == len([n for n in topological_order(root) if n.op.name != "constant"])
    assert "+= " not in before.replace("&gt;", "")
    (root * 0.0).backward()
    after = draw(root).source
    assert a.grad == 0
    assert "not computed" not in after
    assert "+= 0" in after


def test_a_node_made_after_backward_is_not_computed_and_the_others_are() -> None:
    _, root = parabola()
    root.backward()
    picture = scene(root * 5.0, **DEFAULTS)  # type: ignore[arg-type]
    assert [arrow.contribution for arrow in picture.arrows if arrow.head is picture.boxes[-1]] == [None, None]
    assert draw(root * 5.0).source.count("<i>not computed") == 1


@pytest.mark.parametrize("fold", [None, "neuron", "layer"])
def test_contributions_on_the_edges_of_a_node_sum_to_its_gradient(fold: str | None) -> None:
    x = Value(0.5, label="x")
    y = (Value(0.3, label="layers.0.neurons.0.weights.0") * x + Value(0.1, label="layers.0.neurons.0.bias")).tanh()
    z = (Value(-0.7, label="layers.0.neurons.1.weights.0") * x).sigmoid()
    loss = (y * z - 1.0) ** 2 + x * x
    loss.backward()
    picture = scene(loss, **{**DEFAULTS, "fold": fold})  # type: ignore[arg-type]
    checked = 0
    for box in picture.boxes[:-1]:
        if box.kind != "constant" and len(box.nodes) == 1:
            arrows = [arrow.contribution for arrow in picture.arrows if arrow.tail is box]
            assert sum(arrows) == pytest.approx(box.nodes[0].grad)  # type: ignore[arg-type]
            checked += 1
    assert checked >= 4


def test_an_edge_shows_the_local_derivative_of_its_operand() -> None:
    a, b = Value(3.0), Value(4.0)
    picture = scene(a / b, **DEFAULTS)  # type: ignore[arg-type]
    assert [arrow.local for arrow in picture.arrows] == list(local_derivatives(a / b))


def test_a_contribution_is_that_of_the_pass_where_infinities_are() -> None:
    a = Value(0.0, label="a")
    for branch in (0.0, 1.0):
        out = where(branch, (a.sqrt() + 1.0).sqrt() * a, a.sqrt() * 0.0)
        steps = {(step.node, step.position): step.contribution for step in out.backward_steps()}
        for arrow in scene(out, **DEFAULTS).arrows:  # type: ignore[arg-type]
            if arrow.contribution is not None:
                assert str(arrow.contribution + 0.0) == str(steps[arrow.edges[0]] + 0.0)


def test_infinities_and_nan_are_shown() -> None:
    source = draw(Value(float("inf")) * float("-inf") + Value(float("nan"))).source
    assert re.search(r">\W*inf\W*<", source)
    assert re.search(r">\W*-inf\W*<", source)
    assert "nan" in source


def test_a_constant_has_no_gradient_and_can_be_hidden() -> None:
    _, root = parabola()
    root.backward()
    assert draw(root).source.count("class=constant color") == 2
    assert "constant" not in draw(root, constants=False).source
    assert len(edges(draw(root, constants=False).source)) == len(edges(draw(root).source)) - 2
    assert "n0" in draw(constant(2.0), constants=False).source


def test_equal_constants_of_one_result_are_drawn_once_with_their_number() -> None:
    root = total([Value(1.0), 2.0, 2.0, 2.0, 3.0])
    assert "2 ×3" in draw(root).source
    assert "×3" not in draw(root, merge="nothing").source
    assert draw(root).source.count("class=constant color") == 2
    assert draw(root, merge="nothing").source.count("class=constant color") == 4


def test_more_nodes_than_the_limit_are_refused_with_the_ways_out() -> None:
    root = sum((Value(1.0) for _ in range(200)), Value(0.0))
    with pytest.raises(ValueError, match=r"401 nodes .* max_nodes=300.*fold='layer' or depth=3, or .*max_nodes"):
        draw(root)
    with pytest.raises(ValueError, match=r"302 nodes .*, constants=False or depth="):
        draw(total([*range(300), Value(1.0)]), merge="nothing", max_nodes=300)
    assert draw(root, max_nodes=401).source
    assert draw(root, max_nodes=None).source


def test_a_chain_of_100_000_nodes_is_drawn_in_part_quickly() -> None:
    value = Value(1.0)
    for _ in range(100_000):
        value = value * 1.0
    start = time.perf_counter()
    source = draw(value, depth=4).source
    assert time.perf_counter() - start < 5.0  # measured 0.4 s; a walk that squares with length takes hours
    assert source.count("op-multiply") == 5
    assert "operands not drawn" in source


def test_data_changed_since_the_forward_pass_are_refused() -> None:
    a, root = parabola()
    a.data = 4.0
    with pytest.raises(RuntimeError, match="'a' was changed"):
        draw(root)


@pytest.mark.parametrize(
    ("option", "given", "allowed"),
    [
        ("direction", "up", "'right', 'down'"),
        ("merge", "all", "'constants', 'siblings', 'nothing'"),
        ("fold", "nuron", "must be one of 'layer', 'neuron', 'layers.0', 'layers.0.neurons.0'"),
        ("constants", "no", "True, False"),
        ("clusters", 1, "True, False"),
        ("depth", -1, "from 0 on"),
        ("max_nodes", 0, "from 1 on"),
        ("prefix", 'a"b', "letters"),
    ],
)
def test_an_unknown_option_value_is_refused_with_what_is_allowed(option: str, given: object, allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed) as error:
        draw(Value(1.0, label="layers.0.neurons.0.bias"), **{option: given})  # type: ignore[arg-type]
    assert repr(given) in str(error.value)


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError, match=r"draw needs a Value, not float 2\.0"):
        draw(2.0)  # type: ignore[arg-type]


def test_ids_begin_with_the_prefix_and_keep_their_numbers() -> None:
    _, root = parabola()
    ids = re.findall(r'\bid="?([\w.-]+)', draw(root, prefix="fig1-").source)
    assert len(ids) == len(set(ids))
    assert {"fig1-n0", "fig1-e1_0", "fig1-graph"} <= set(ids)
    assert all(name.startswith("fig1-") for name in ids)


def test_the_direction_is_that_of_the_layout() -> None:
    _, root = parabola()
    assert "rankdir=LR" in draw(root).source
    assert "rankdir=TB" in draw(root, direction="down").source
