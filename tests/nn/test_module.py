"""Modules name, list, save and load their parameters."""

import copy
import os
import pickle
from inspect import signature

import numpy as np
import pytest

from autodiff import Value, constant
from nn import MLP, Layer, Module, Neuron


class Box(Module):
    def __init__(self, **parts):
        vars(self).update(parts)


def bits(module):
    return [value.data.hex() for value in module.parameters()]


def test_parameters_are_found_in_attributes_and_containers_in_definition_order():
    box = Box(
        b=Value(1.0), a=[Value(2.0), (Value(3.0),)], d={"x": Value(4.0), 1: Box(w=Value(5.0))},
        grid=np.array([[Value(6.0)]], dtype=object), name="text", rows=np.zeros(3),
    )  # fmt: skip
    assert box.state_dict() == {"b": 1.0, "a.0": 2.0, "a.1.0": 3.0, "d.x": 4.0, "d.1.w": 5.0, "grid.0.0": 6.0}


def test_names_of_an_mlp_are_the_paths_to_its_parameters():
    names = [name for name, _ in MLP(2, [4, 1]).named_parameters()]
    assert names[:4] == [
        "layers.0.neurons.0.weights.0", "layers.0.neurons.0.weights.1", "layers.0.neurons.0.bias",
        "layers.0.neurons.1.weights.0",
    ]  # fmt: skip
    assert "layers.0.neurons.3.weights.1" in names


def test_a_shared_parameter_is_listed_once():
    shared = Value(1.0)
    assert [name for name, _ in Box(a=shared, b=[shared, Value(1.0)]).named_parameters()] == ["a", "b.1"]


def test_constants_and_results_are_not_parameters():
    w = Value(2.0)
    assert Box(w=w, c=constant(1.0), last=w * 3).parameters() == [w]


def test_cycles_between_modules_and_containers_end():
    parent = Box(w=Value(1.0))
    parent.child = Box(parent=parent, v=Value(2.0))
    parent.items = [parent]
    parent.items.append(parent.items)
    assert list(parent.state_dict()) == ["w", "child.v"]


def test_two_parameters_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"name 'a\.b'"):
        Box(**{"a": {"b": Value(1.0)}, "a.b": Value(2.0)})


def test_labels_are_names_seen_from_the_outermost_module():
    model = MLP(2, [2, 1])
    assert all(value.label == name for name, value in model.named_parameters())


def test_a_label_given_by_hand_stays():
    neuron = Neuron(2)
    neuron.bias.label = "my bias"
    outer = Box(part=neuron, own=Value(1.0, label="own label"))
    assert [value.label for value in outer.parameters()] == ["part.weights.0", "part.weights.1", "my bias", "own label"]


def test_the_signature_of_a_module_is_that_of_its_constructor():
    assert str(signature(Box)) == "(**parts)"
    assert str(signature(MLP)).startswith("(inputs: 'int', outputs:")


def test_named_modules_starts_with_the_module_itself():
    model = MLP(1, [2])
    modules = dict(model.named_modules())
    assert list(modules) == ["", "layers.0", "layers.0.neurons.0", "layers.0.neurons.1"]
    assert modules[""] is model


def test_zero_grad_sets_every_gradient_to_zero():
    model = MLP(2, [3, 1])
    model([1.0, 2.0]).backward()
    assert any(value.grad for value in model.parameters())
    model.zero_grad()
    assert all(value.grad == 0.0 and repr(value.grad) == "0.0" for value in model.parameters())


def test_repr_is_readable():
    assert repr(MLP(2, [16, 1])) == "MLP(2 → 16 relu → 1 linear, 65 parameters)"
    assert repr(Box(w=Value(1.0))) == "Box(1 parameter)"
    assert repr(Layer(2, 3, "tanh")) == "Layer(2, 3, activation='tanh')"


def test_a_module_without_call_says_so():
    with pytest.raises(NotImplementedError, match="__call__"):
        Box()([1.0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_compute_the_same_and_are_independent(copied):
    model = MLP(2, [3, 1], "tanh")
    twin = copied(model)
    assert twin([0.5, 1.0]).data == model([0.5, 1.0]).data
    assert [v.label for v in twin.parameters()] == [v.label for v in model.parameters()]
    before = bits(model)
    twin.parameters()[0].data = 9.0
    assert bits(model) == before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state: state.pop("w"), ValueError, "missing 'w'"),
        (lambda state: state.update(z=1.0), ValueError, "unexpected 'z'"),
        (lambda state: (state.pop("v"), state.update(z=1.0)), ValueError, "missing 'v'; unexpected 'z'"),
        (lambda state: state.update(v=float("nan")), ValueError, "'v' must be finite, not nan"),
        (lambda state: state.update(v=np.zeros(2)), TypeError, "'v' must be a number"),
        (lambda state: state.update(v="1.0"), TypeError, "'v' must be a number"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_before_anything_is_changed(change, error, message):
    box = Box(w=Value(1.0), v=Value(2.0))
    state = {"w": 5.0, "v": 6.0}
    change(state)
    with pytest.raises(error, match=message):
        box.load_state_dict(state)
    assert box.state_dict() == {"w": 1.0, "v": 2.0}


def test_many_missing_names_are_cut_short():
    with pytest.raises(ValueError, match="and 12 more"):
        MLP(2, [4, 1]).load_state_dict({})


def test_saved_parameters_come_back_bit_for_bit(tmp_path):
    model, other = MLP(2, [5, 1], rng=1), MLP(2, [5, 1], rng=2)
    assert bits(model) != bits(other)
    model.save(tmp_path / "model.npz")
    other.load(tmp_path / "model.npz")
    assert bits(model) == bits(other)


def test_the_same_parameters_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        MLP(2, [3, 1], rng=4).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("failing", ["replace", "fsync"])
def test_a_crash_while_saving_leaves_the_old_file_whole_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "model.npz"
    MLP(2, [3, 1], rng=1).save(path)
    old = path.read_bytes()

    def crash(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, failing, crash)
    with pytest.raises(OSError, match="no space left"):
        MLP(2, [3, 1], rng=2).save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["model.npz"]


def test_parameters_that_are_not_finite_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="'w' must be finite"):
        Box(w=Value(float("inf"))).save(tmp_path / "model.npz")
    assert not os.listdir(tmp_path)


def npz(path, **arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no archive"),
        lambda path: path.write_bytes(b"PK\x03\x04 broken"),
        lambda path: path.write_bytes(pickle.dumps({"w": 1.0})),
        lambda path: path.write_bytes(b"\x93NUMPY\x01\x00"),
        lambda path: npz(path, weights=np.zeros(2)),
        lambda path: npz(path, names=np.array(["w"], dtype=object), values=np.zeros(1)),
        lambda path: npz(path, names=np.array(["w"]), values=np.array(["1"])),
        lambda path: npz(path, names=np.array(["w"]), values=np.zeros(2)),
        lambda path: npz(path, names=np.array(["w", "w"]), values=np.zeros(2)),
        lambda path: npz(path, names=np.array("w"), values=np.array(1.0)),
        lambda path: npz(path, names=np.array(["other"]), values=np.zeros(1)),
        lambda path: npz(path, names=np.array(["w"]), values=np.array([np.nan])),
    ],
)
def test_an_unreadable_or_foreign_file_is_a_value_error_that_names_it(tmp_path, write):
    path = tmp_path / "model.npz"
    write(path)
    box = Box(w=Value(1.0))
    with pytest.raises(ValueError, match=r"cannot load '.*model\.npz'"):
        box.load(path)
    assert box.w.data == 1.0


def test_a_truncated_file_is_a_value_error(tmp_path):
    path = tmp_path / "model.npz"
    box = Box(w=Value(1.0))
    box.save(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="cannot load"):
        box.load(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        Box(w=Value(1.0)).load(tmp_path / "none.npz")
