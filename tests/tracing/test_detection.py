"""Laws of the anomaly mode: it stops at the first number, leaves no mark, and watches its own thread alone."""

import math
import threading

import pytest

from autodiff import OPERATIONS, Value, grad, total, where
from autodiff.tracing import NonFiniteError, detect_anomaly
from autodiff.tracing.recording import PASSES, RECORDING


def test_it_stops_where_the_first_number_is_made_and_names_the_line() -> None:
    x = Value(-1.0, label="x")
    with detect_anomaly():
        y = x * 2
        with pytest.raises(NonFiniteError) as found:
            y.log()
    assert "path" not in str(found.value)
    assert "= log(−2.0) = nan" in str(found.value)
    assert f"in {__file__}, line " in str(found.value)


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_every_operation_of_the_table_is_watched(name: str) -> None:
    row = OPERATIONS[name]
    operands = [Value(math.nan, label="origin")] * (row.arity or 2)
    if math.isnan(row(*operands).data):
        with pytest.raises(NonFiniteError, match="variable origin = nan"), detect_anomaly():
            row(*operands)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x + math.inf, lambda x: math.inf + x, lambda x: x - math.inf, lambda x: math.inf - x,
        lambda x: x * math.inf, lambda x: math.inf * x, lambda x: x / 0, lambda x: 1 / (x - x), lambda x: x**1e9,
        lambda x: 10**(x * 1e9), lambda x: (x * 1e9).exp(), lambda x: (-x).log(), lambda x: (-x).sqrt(),
        lambda x: (-x).log1p().cos(), lambda x: total([x, math.inf]), lambda x: abs(x * math.inf),
    ],
)  # fmt: skip
def test_every_operator_is_watched(compute: object) -> None:
    with pytest.raises(NonFiniteError), detect_anomaly():
        compute(Value(2.0))  # type: ignore[operator]


def test_a_number_from_outside_is_named_as_the_origin() -> None:
    bad = Value(-1.0, label="x").log()
    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"v1 = log\(x\)") as found:
        bad + 1.0
    assert found.value.node is bad
    assert "path to this result: v1 → v3" in str(found.value)


def test_a_loss_from_outside_never_passes() -> None:
    w = Value(-1.0, label="w")
    loss = w.sqrt() + w
    with detect_anomaly():
        with pytest.raises(NonFiniteError, match="sqrt"):
            loss.backward()
        with pytest.raises(NonFiniteError, match="sqrt"):
            loss.backward_steps()
    assert repr(w.grad) == "0.0 (not computed)"


def test_the_first_number_of_the_backward_pass_is_found() -> None:
    w = Value(0.0, label="w")
    with detect_anomaly():
        loss = w.sqrt() * 2.0
        with pytest.raises(NonFiniteError, match=r"∂L/∂w \+= ∂v1/∂w · ∂L/∂v1 = inf × 2.0 = inf"):
            loss.backward()
    loss.backward()
    assert w.grad == math.inf


def test_finite_programs_give_the_same_numbers() -> None:
    def run() -> tuple[float, float, float]:
        w = Value(0.5, label="w")
        loss = (2 - w * 3).tanh() / (1 + w**2) + where(w > 0, w, -w)
        loss.backward(2.0)
        second = grad(grad(loss, w), w).data
        return loss.data, w.grad, second

    expected = run()
    with detect_anomaly():
        assert run() == expected


def test_the_engine_is_as_before_when_no_context_is_open() -> None:
    before = {name: vars(Value)[name] for name in (*RECORDING, *PASSES)}
    with detect_anomaly(), detect_anomaly():
        assert vars(Value)["__add__"] is not before["__add__"]
    with pytest.raises(ZeroDivisionError), detect_anomaly():
        raise ZeroDivisionError
    assert {name: vars(Value)[name] for name in before} == before
    assert math.isnan((Value(math.inf) * 0).data)


def test_another_thread_is_not_watched() -> None:
    results: list[float] = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: results.append((Value(1.0) / 0).data))
        thread.start()
        thread.join()
    assert results == [math.inf]


def test_what_is_no_number_is_still_refused_by_python() -> None:
    with detect_anomaly(), pytest.raises(TypeError, match="unsupported operand"):
        Value(1.0) + "a"
