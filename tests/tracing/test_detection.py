"""Laws of the anomaly mode: it stops at the first number, leaves no mark, and watches its own thread alone."""

import math
import threading
from collections.abc import Callable

import pytest

from autodiff import OPERATIONS, Value, grad, hooks, total, trace, value_and_grad, where
from autodiff.tracing import NonFiniteError, detect_anomaly


def test_it_stops_where_the_first_number_is_made_and_names_the_line() -> None:
    x = Value(-1.0, label="x")
    with detect_anomaly():
        y = x * 2
        with pytest.raises(NonFiniteError) as found:
            y.log()
    assert "path" not in str(found.value)
    assert "= log(−2.0) = nan" in str(found.value)
    assert f"in {__file__}, line " in str(found.value)
    assert found.value.source.text == "y.log()"


def test_the_line_is_that_of_the_node_at_fault_and_not_the_one_that_runs() -> None:
    w = Value(0.0, label="w")
    with detect_anomaly():
        h = w.sqrt()
        loss = h * 2.0
        with pytest.raises(NonFiniteError) as found:
            loss.backward()
    equation, where, line, path = str(found.value).split("\n")
    assert equation.endswith("∂L/∂w += ∂v1/∂w · ∂L/∂v1 = inf × 2.0 = inf")
    assert where == "  where v1 = sqrt(w) = sqrt(0.0) = 0.0"
    assert line.endswith(": h = w.sqrt()")
    assert path == "  path to the loss: w → v1 → v3"
    assert found.value.source == h.source


def test_a_leaf_that_was_given_a_bad_number_is_named_with_the_line_that_gave_it() -> None:
    w = Value(1.0, label="w")
    with detect_anomaly():
        w.data = math.inf
        with pytest.raises(NonFiniteError, match=r"variable w = inf\n.*: w\.data = math\.inf"):
            w + 1.0


NAN = math.nan
NAN_LOSSES = {
    "a leaf": lambda: Value(NAN),
    "computed": lambda: Value(-1.0).log(),
    "from a nan": lambda: Value(NAN) * 2.0,
    "a lost branch": lambda: where(0.0, Value(NAN), Value(1.0)),
    "0 times inf": lambda: (Value(1e308) * 10.0) * 0.0,
    "a power": lambda: Value(-1.0) ** 0.5,
    "a sum": lambda: total([Value(1.0), Value(math.inf), Value(-math.inf)]),
    "the root of a chain": lambda: Value(NAN) + 1.0 - 1.0 * Value(2.0).tanh(),
}
PASSES_OF = {
    "backward": lambda loss: loss.backward(),
    "backward with a callback": lambda loss: loss.backward(on_step=print),
    "backward_steps": lambda loss: list(loss.backward_steps()),
    "trace": lambda loss: trace(loss),
    "grad": lambda loss: grad(loss, loss),
    "value_and_grad": lambda loss: value_and_grad(loss, [loss]),
}


@pytest.mark.parametrize("run", PASSES_OF.values(), ids=PASSES_OF)
@pytest.mark.parametrize("make", NAN_LOSSES.values(), ids=NAN_LOSSES)
def test_a_nan_loss_never_passes(make: Callable[[], Value], run: Callable[[Value], object]) -> None:
    loss = make()
    with pytest.raises(NonFiniteError), detect_anomaly():
        run(loss)


def test_a_gradient_of_a_function_that_is_not_finite_never_passes() -> None:
    with detect_anomaly():
        with pytest.raises(NonFiniteError, match="inf"):
            grad(lambda x: x.sqrt())(0.0)
        assert grad(lambda x: x.relu())(0.0) == 0.0


def test_what_an_earlier_pass_left_is_named_as_that() -> None:
    w = Value(1.0, label="w")
    w.grad = math.nan
    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"∂L/∂w = nan, left by an earlier pass"):
        (w * 1.0).backward()
    w.grad = 1e308
    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"adds up to inf with 1e\+308 from before"):
        (w * 1e308).backward()


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
            next(loss.backward_steps())
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


def test_nobody_looks_when_no_context_is_open() -> None:
    with detect_anomaly(), detect_anomaly():
        assert len(hooks.watchers) == 2
    with pytest.raises(ZeroDivisionError), detect_anomaly():
        raise ZeroDivisionError
    assert hooks.watchers == []
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
