"""Laws of the recorded backward pass."""

import math

import pytest

from autodiff import NOT_COMPUTED, ZERO, Value, constant, topological_order, total, where
from autodiff.program.program import Program
from autodiff.tracing import dumps, loads, trace


def network() -> tuple[list[Value], Value]:
    w, x, b = Value(0.5, label="w"), Value(-2.0, label="x"), Value(0.1, label="b")
    h = (w * x + b).tanh()
    return [w, x, b], (h * h - 3 * w) ** 2 + total([w, w, b]) / x


def test_a_trace_leaves_the_gradients_of_leaves_alone() -> None:
    leaves, loss = network()
    first = trace(loss)
    assert not any(leaf.grad for leaf in leaves)
    loss.backward()
    before = [leaf.grad for leaf in leaves]
    again = trace(loss)
    assert [leaf.grad for leaf in leaves] == before == [first.node(leaf.label).gradient for leaf in leaves]
    assert again == first
    leaves[1].data = 7.0
    with pytest.raises(RuntimeError, match="changed"):
        trace(loss)
    assert [leaf.grad for leaf in leaves] == before


def test_a_trace_that_accumulates_leaves_every_gradient_as_backward_does() -> None:
    for seed in (1.0, -0.25):
        leaves, loss = network()
        others, other = network()
        for _ in range(3):
            trace(loss, seed, accumulate=True)
            other.backward(seed)
        ours = [node.grad for node in topological_order(loss)]
        assert ours == [node.grad for node in topological_order(other)]
        assert [leaf.grad for leaf in leaves] == [leaf.grad for leaf in others]


def test_a_trace_holds_the_steps_of_the_pass() -> None:
    steps = trace(network()[1])
    again = list(network()[1].backward_steps())
    assert [tuple(s)[3:] for s in steps] == [tuple(s)[2:8] for s in again]
    assert [(s.node.name, s.parent.name) for s in steps] == [(s.node_name, s.parent_name) for s in again]
    assert [str(s) for s in steps] == [str(s) for s in again]


def test_every_gradient_is_the_sum_of_its_contributions() -> None:
    leaves, loss = network()
    loss.backward()  # leaves begin with what they have
    recorded = trace(loss, accumulate=True)
    recorded.check()
    for node in topological_order(loss):
        parts = recorded.contributions(node)
        if node.op.name != "constant":
            assert parts.holds
            assert parts.total == node.grad
    assert recorded.contributions("w").node.initial == leaves[0].grad / 2


def test_the_check_finds_a_planted_fault() -> None:
    from dataclasses import replace

    good = trace(network()[1])
    for place, step in enumerate(good):
        for field in ("local", "upstream", "contribution", "before", "after"):
            bad = step._replace(**{field: getattr(step, field) + 0.125})
            with pytest.raises(AssertionError, match=rf"step {place}\b"):
                replace(good, steps=(*good.steps[:place], bad, *good.steps[place + 1 :])).check()
    for place, step in enumerate(good):
        if step.contribution:
            for zero in ({"local": ZERO}, {"upstream": NOT_COMPUTED}):
                bad = step._replace(**zero)
                with pytest.raises(AssertionError, match=rf"step {place}\b"):
                    replace(good, steps=(*good.steps[:place], bad, *good.steps[place + 1 :])).check()
    nodes = [*good.nodes[:-1], good.root._replace(gradient=2.0)]
    with pytest.raises(AssertionError, match=r"gradient of 'v\d+' is 2.0"):
        replace(good, nodes=tuple(nodes)).check()


def test_a_part_cannot_be_checked() -> None:
    recorded = trace(network()[1])
    assert recorded.is_whole
    assert not recorded[:-1].is_whole
    with pytest.raises(ValueError, match="part"):
        recorded[1:].check()


def test_a_line_reads_as_the_chain_rule() -> None:
    w, x = Value(-2.0, label="w"), Value(3.0, label="x")
    out = w * x
    out.label = "out"
    assert str(trace(out, -2.0)).splitlines() == [
        "L = out = −6.0, ∂L/∂out = −2.0, 2 steps back",
        "  0  ∂L/∂w += ∂out/∂w · ∂L/∂out = 3.0 × −2.0 = −6.0",
        "  1  ∂L/∂x += ∂out/∂x · ∂L/∂out = −2.0 × −2.0 = 4.0",
    ]


def test_a_trace_is_a_sequence() -> None:
    recorded = trace(network()[1])
    assert list(recorded) == [recorded[i] for i in range(len(recorded))]
    assert recorded[-1] == recorded[len(recorded) - 1]
    assert [s.place for s in recorded[2:5]] == [2, 3, 4]
    assert list(reversed(recorded)) == list(recorded)[::-1]
    assert recorded[3] in recorded


def test_an_index_out_of_range_says_how_many_steps_there_are() -> None:
    w = Value(2.0)
    with pytest.raises(IndexError, match="there is no step 2: this trace has 2, counted from 0"):
        trace(w * w)[2]


def test_until_ends_with_the_step_that_completes_the_gradient() -> None:
    leaves, loss = network()
    recorded = trace(loss, accumulate=True)
    for leaf in leaves:
        part = recorded.until(leaf)
        assert part[-1].parent.name == leaf.label
        assert part[-1].after == leaf.grad
        assert part.steps == recorded.until(leaf.label).steps
        assert all(step.parent.name != leaf.label for step in recorded[len(part) :])


def test_where_keeps_the_order_and_the_indices() -> None:
    recorded = trace(network()[1])
    large = recorded.where(lambda step: abs(step.contribution) > 1)
    assert [s.place for s in large] == [i for i, s in enumerate(recorded) if abs(s.contribution) > 1]
    assert 0 < len(large) < len(recorded)


def test_a_condition_on_names_is_written_as_for_the_steps_of_the_pass() -> None:
    _, loss = network()
    passed = [step for step in loss.backward_steps() if "w" in step.parent_name or "v4" in step.node_name]
    found = trace(loss).where(lambda step: "w" in step.parent_name or "v4" in step.node_name)
    assert [*map(str, found)] == [*map(str, passed)]
    assert found


def test_unknown_foreign_and_ambiguous_nodes_are_refused() -> None:
    a, b = Value(1.0, label="a"), Value(2.0, label="a")
    recorded = trace(a * b)
    with pytest.raises(ValueError, match="no node is named 'q'"):
        recorded.node("q")
    with pytest.raises(ValueError, match="2 nodes are named 'a'"):
        recorded.until("a")
    with pytest.raises(ValueError, match="no part in L"):
        recorded.until(Value(1.0))
    with pytest.raises(ValueError, match="no step"):
        recorded.until("v2")
    with pytest.raises(TypeError, match="needs a Value"):
        trace(3.0)  # type: ignore[arg-type]


def test_parallel_edges_are_two_steps() -> None:
    a = Value(3.0, label="a")
    assert [(s.position, s.contribution) for s in trace(a * a)] == [(0, 3.0), (1, 3.0)]


def test_a_long_trace_is_cut_in_the_middle_with_a_note() -> None:
    value = Value(1.0, label="x")
    for _ in range(50_000):
        value = value + 1.0
    recorded = trace(value)
    lines = str(recorded).splitlines()
    assert len(lines) == 42
    assert "49960 more steps" in lines[21]
    assert lines[1].startswith("    0  ")
    assert lines[-1].startswith("49999  ∂L/∂x")
    assert len(recorded.table(max_steps=7).splitlines()) == 8
    recorded.check()


def test_the_graph_is_a_program_with_the_names_of_the_trace() -> None:
    w, x = Value(0.5, label="w"), Value(2.0)
    recorded = trace((w * x - 3) ** 2)
    assert str(recorded.program[0]).splitlines() == [
        "parameters  w, v1",
        "inputs",
        "  v2 = w * v1",
        "  v4 = v2 - 3.0",
        "  v6 = v4 ** 2.0",
        "outputs     v6",
    ]
    program, slots = Program.from_graph(next(node for node in recorded.places if recorded.places[node] == 6))
    assert [slots[node] for node in recorded.places] == recorded.program[1]
    assert program.instructions == recorded.program[0].instructions == loads(dumps(recorded)).program[0].instructions
    assert recorded[1:].program is not None


def test_a_graph_of_one_node_has_no_steps() -> None:
    x = Value(2.0, label="x")
    x.grad = 3.0
    recorded = trace(x, accumulate=True)
    assert (len(recorded), recorded.root.initial, x.grad) == (0, 4.0, 4.0)
    recorded.check()
    assert str(recorded) == "L = x = 2.0, ∂L/∂x = 1.0, 0 steps back"
    with pytest.raises(ValueError, match="constant"):
        trace(constant(2.0))


def test_numbers_that_are_not_finite_are_shown_and_satisfy_the_invariant() -> None:
    x = Value(0.0, label="x")
    recorded = trace(where(x, x.log(), 2 * x) + x)
    recorded.check()
    assert "∂v1/∂x · ∂L/∂v1 = inf × 0.0 = 0.0   (no dependence: nothing flows)" in str(recorded)
    assert recorded.root.gradient == 1.0
    assert recorded.node("x").gradient == 3.0
    lost = trace(x.sqrt() * 0.0)
    lost.check()
    assert math.isnan(lost[-1].contribution)
    assert "no dependence" not in str(lost)
    y = Value(-1.0, label="y")
    bad = trace(y.log().sqrt())
    bad.check()
    assert math.isnan(bad[-1].after)


def test_later_changes_do_not_reach_the_record() -> None:
    leaves, loss = network()
    recorded = trace(loss)
    text, gradient = str(recorded), recorded.node("w").gradient
    leaves[0].grad, leaves[0].data, leaves[0].label = 9.0, 9.0, "other"
    assert (str(recorded), recorded.node("w").gradient) == (text, gradient)


def test_a_changed_leaf_is_refused_and_nothing_is_touched() -> None:
    leaves, loss = network()
    trace(loss)
    before = [leaf.grad for leaf in leaves]
    leaves[1].data = 7.0
    with pytest.raises(RuntimeError, match="changed"):
        trace(loss)
    assert [leaf.grad for leaf in leaves] == before


def test_a_label_of_several_lines_stays_in_its_line() -> None:
    x = Value(2.0, label="a\nb\x1b[31m")
    assert len(str(trace(-x)).splitlines()) == 2
    assert "\x1b" not in str(trace(-x))
