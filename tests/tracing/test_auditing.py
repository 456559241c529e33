"""Laws of the checked mode: it reports each mistake of a training loop once, by names and lines, and nothing else."""

import warnings

import pytest

from autodiff import Value, check_training, constant
from autodiff.tracing import TrainingWarning
from nn import MLP, SGD, Adam, fit, moons, squared_error


def line(text):
    """The line that a quote ends with, whatever its number."""
    return text.rpartition(": ")[2]


def reported(loop, *of):
    """The warnings of a loop, as texts."""
    with warnings.catch_warnings(record=True) as caught, check_training(*of) as found:
        warnings.simplefilter("always")
        loop()
    assert [warning.message for warning in caught] == found
    assert {warning.filename for warning in caught} <= {__file__}
    return [str(warning) for warning in found]


def test_a_right_loop_is_silent():
    model = MLP(2, [3, 1], rng=0)
    optimizer = Adam(model.parameters())

    def loop():
        for _ in range(3):
            optimizer.zero_grad()
            squared_error(model([1.0, 2.0]), 1.0).backward()
            squared_error(model([0.5, 2.0]), 0.0).backward()  # two passes add up to one step: that is meant
            optimizer.step()

    assert reported(loop, model, optimizer) == []
    data = moons(8, rng=0)
    assert reported(lambda: fit(model, data.inputs, data.targets, squared_error, optimizer=optimizer, epochs=2,
                                batch_size=4, progress=False), model) == []  # fmt: skip


def test_a_gradient_that_is_never_zeroed_is_reported_once_with_the_lines():
    w, b = Value(3.0, label="w"), Value(1.0, label="b")
    optimizer = SGD([w, b], 0.1)

    def loop():
        for _ in range(5):
            loss = (w * 2 + b) ** 2
            loss.backward()
            b.grad = 0
            optimizer.step()

    (message,) = reported(loop, optimizer)
    what, advice, used, added = message.split("\n")
    assert what == "1 parameter still has the gradient of an earlier step: w"
    assert "zero_grad()" in advice
    assert used.startswith("  used by ")
    assert (line(used), line(added)) == ("optimizer.step()", "loss.backward()")


@pytest.mark.parametrize("zero", [0, 0.0, None])
def test_any_way_to_zero_will_do_and_so_will_steps_by_hand(zero):
    w = Value(3.0, label="w")

    def loop():
        for _ in range(3):
            (w * w).backward()
            w.data -= 0.1 * w.grad
            w.grad = zero

    assert reported(loop, w) == []


def test_a_parameter_that_the_loss_does_not_depend_on_is_reported_at_the_next_pass_or_the_end():
    used, unused, cut = Value(3.0, label="used"), Value(1.0, label="unused"), Value(2.0)

    def once():
        loss = used * cut.detach()
        loss.backward()

    (message,) = reported(once, [used, unused, cut])
    what, advice, last = message.split("\n")
    assert what == "the loss does not depend on 2 of 3 parameters: unused, parameter 2"
    assert "detach()" in advice
    assert line(last) == "loss.backward()"

    def often():
        for _ in range(3):
            once()
            used.data += 1.0
            used.grad = 0.0

    assert reported(often, [used, unused, cut]) == [message]


def test_passes_of_one_step_are_taken_together():
    a, b = Value(1.0, label="a"), Value(2.0, label="b")

    def loop():
        for _ in range(2):
            for parameter in (a, b):
                (parameter * 2).backward()
            for parameter in (a, b):
                parameter.data -= parameter.grad
                parameter.grad = 0.0

    assert reported(loop, [a, b]) == []


def test_stale_data_is_an_error_with_the_lines():
    w = Value(3.0, label="w")
    with check_training(w) as found:
        loss = w * w
        w.data = 4.0
        with pytest.raises(RuntimeError, match="'w' was changed") as refused:
            loss.backward()
    assert [line(note) for note in refused.value.__notes__] == ["w.data = 4.0", "loss = w * w"]
    assert found == []


def test_as_an_error_it_comes_before_anything_changes():
    w = Value(3.0, label="w")
    (w * w).backward()
    with warnings.catch_warnings(), check_training(w):
        warnings.simplefilter("error", TrainingWarning)
        w.data -= 0.1 * w.grad
        with pytest.raises(TrainingWarning, match="an earlier step: w") as found:
            (w * w).backward()
    assert w.grad == 6.0
    assert found.value.parameters == (w,)


def test_after_an_error_of_the_program_nothing_is_added():
    def loop():
        Value(2.0).backward()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reported(loop, Value(1.0))


def test_long_lists_of_names_are_cut_and_lines_kept_whole():
    many = [Value(1.0, label=f"w\n{place}") for place in range(100)]
    (message,) = reported(lambda: Value(1.0).backward(), {"all": many})
    first, *_ = message.split("\n")
    assert first.startswith("the loss does not depend on 100 of 100 parameters: w\\n0, w\\n1, ")
    assert "…88 more…" in first


@pytest.mark.parametrize("of", [(), ([],), (MLP(1, [1]).parameters()[:0],)])
def test_no_parameters_are_refused(of):
    with pytest.raises(ValueError, match="pass an optimizer, a module"), check_training(*of):
        pass


@pytest.mark.parametrize("thing", [3.0, "w", None, Value(1.0) * 2, constant(1.0)])
def test_what_is_no_parameter_is_refused(thing):
    with pytest.raises(TypeError, match="must be a leaf Value"), check_training([Value(1.0), thing]):
        pass
