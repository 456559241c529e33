"""Laws of watching steps of the backward pass."""

import bdb
import linecache
import math
import sys
import warnings
from types import FrameType

import pytest

from autodiff import Step, Value
from autodiff.tracing import changes_sign, larger_than, non_finite, watch


def steps_seen(loss: Value, node: Value | str | None, **options: object) -> list[Step]:
    seen: list[Step] = []
    loss.backward(on_step=watch(node, seen.append, **options))  # type: ignore[arg-type]
    return seen


def loss_of(w: Value) -> Value:
    return w * 3.0 - w * 5.0 + w * 100.0


def test_only_the_steps_to_the_node_are_reported() -> None:
    w = Value(2.0, label="w")
    assert [step.contribution for step in steps_seen(loss_of(w), w)] == [100.0, -5.0, 3.0]
    assert [step.parent_name for step in steps_seen(loss_of(w), "w")] == ["w"] * 3
    assert len(steps_seen(loss_of(w), None)) == len(list(loss_of(w).backward_steps()))


def test_conditions_choose_the_steps() -> None:
    w = Value(2.0, label="w")
    w.grad = -50.0
    assert [step.after for step in steps_seen(loss_of(w), w, when=changes_sign)] == [50.0]
    w.grad = 0.0
    assert len(steps_seen(loss_of(w), w, when=larger_than(99))) == 1
    assert steps_seen(loss_of(w), None, when=non_finite) == []
    x = Value(0.0, label="x")
    assert [step.after for step in steps_seen(x.sqrt(), x, when=non_finite)] == [math.inf]
    assert len(steps_seen(Value(-1.0).sqrt(), None, when=larger_than(1e300))) == 1


def test_watching_changes_no_gradient() -> None:
    w, other = Value(2.0, label="w"), Value(2.0, label="w")
    steps_seen(loss_of(w), w)
    loss_of(other).backward()
    assert w.grad == other.grad


@pytest.mark.parametrize(("limit", "error"), [("a", TypeError), (math.nan, ValueError), (-1.0, ValueError)])
def test_a_limit_is_a_size(limit: float, error: type[Exception]) -> None:
    with pytest.raises(error):
        larger_than(limit)


def test_a_callback_may_stop_the_pass() -> None:
    def stop(step: Step) -> None:
        raise StopIteration(step.parent_name)

    w = Value(2.0, label="w")
    with pytest.raises(StopIteration, match="w"):
        loss_of(w).backward(on_step=watch(w, stop))


def test_it_stops_in_the_users_frame_with_its_variables_and_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[FrameType] = []
    monkeypatch.setattr(sys, "breakpointhook", lambda: frames.append(sys._getframe(1)))
    w = Value(2.0, label="w")
    loss_of(w).backward(on_step=watch(w, when=larger_than(99)))
    (frame,) = frames
    assert (frame.f_code.co_filename, frame.f_code.co_name) == (__file__, sys._getframe().f_code.co_name)
    assert "watch(w, when=larger_than(99))" in linecache.getline(__file__, frame.f_lineno)
    assert frame.f_locals["w"] is w
    assert frame.f_locals["step"].contribution == 100.0


def test_a_hook_that_raises_stops_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def quit_debugger() -> None:
        raise bdb.BdbQuit

    monkeypatch.setattr(sys, "breakpointhook", quit_debugger)
    with pytest.raises(bdb.BdbQuit):
        loss_of(Value(2.0, label="w")).backward(on_step=watch("w"))


def test_a_node_to_which_a_pass_has_no_step_is_warned_of_where_the_pass_was_run() -> None:
    w, loss = Value(2.0, label="weight"), Value(2.0, label="weight") * 3.0 + 1.0
    for node, hint in [("wieght", "did you mean 'weight'"), ("q", "it had steps to 'v2', 'weight'"), (w, "steps to")]:
        with pytest.warns(RuntimeWarning, match=f"had no step to the watched .*{hint}") as caught:
            assert steps_seen(loss, node) == []
        assert [each.filename for each in caught] == [__file__]
    with pytest.warns(RuntimeWarning, match="v4"):  # no step goes to the root
        steps_seen(loss, "v4")
    watching = watch("weight", lambda step: None, when=larger_than(1e9))  # meets the node, if not the condition
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss.backward(on_step=watching)
    with pytest.warns(RuntimeWarning, match="weight"):
        (Value(1.0, label="x") * 2.0).backward(on_step=watching)


def test_misuse_is_refused() -> None:
    with pytest.raises(TypeError, match="a Value, a name or None"):
        watch(3.0, print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="do must be a function"):
        watch(None, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="when must be a function"):
        watch(None, print, when="nan")  # type: ignore[arg-type]
