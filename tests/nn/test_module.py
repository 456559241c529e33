"""Modules name, list, save and load their parameters."""

import contextlib
import copy
import io
import os
import pickle
import stat
import subprocess
import sys
import zipfile
from inspect import signature
from pathlib import Path

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


KILLED = """
import os, signal, sys
from nn import MLP
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
MLP(2, [3, 1], rng=2).save(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="only POSIX has SIGKILL")
def test_what_a_killed_process_left_is_removed_by_a_later_one(tmp_path):
    path = tmp_path / "model.npz"
    MLP(2, [3, 1], rng=1).save(path)
    old = path.read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, check=False).returncode < 0
    assert path.read_bytes() == old
    (left,) = {*os.listdir(tmp_path)} - {"model.npz"}
    MLP(2, [3, 1], rng=3).save(path)
    assert left in os.listdir(tmp_path)  # it may be of a process that is at work
    os.utime(tmp_path / left, (0, 0))
    MLP(2, [3, 1], rng=3).save(tmp_path / "other.npz")
    assert left in os.listdir(tmp_path)
    MLP(2, [3, 1], rng=3).save(path)
    assert sorted(os.listdir(tmp_path)) == ["model.npz", "other.npz"]


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


# ── Hostile files and places ─────────────────────────────────────────────────────────────────────

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links, pipes and devices are those of POSIX")
OTHERS = {
    "a folder": os.mkdir,
    "a pipe": getattr(os, "mkfifo", None),
    "a device": lambda at: os.symlink("/dev/null", at),
}


@posix
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("action", ["save", "load"])
def test_what_is_no_regular_file_is_refused_and_stays(tmp_path, kind, action):
    path = tmp_path / "model.npz"
    OTHERS[kind](path)
    before = os.lstat(path)
    with pytest.raises(OSError, match=f"is {kind}: only a regular file can be"):
        getattr(Box(w=Value(1.0)), action)(path)
    assert os.lstat(path) == before
    assert os.listdir(tmp_path) == ["model.npz"]
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o444])
def test_a_file_keeps_its_mode_when_it_is_replaced(tmp_path, mode):
    path = tmp_path / "model.npz"
    path.touch()
    path.chmod(mode)
    Box(w=Value(1.0)).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_of_this_process(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        Box(w=Value(1.0)).save(tmp_path / "model.npz")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model.npz").stat().st_mode) == mode


@posix
def test_a_private_file_is_private_while_it_is_written(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    path.touch()
    path.chmod(0o600)
    seen = []

    def look(*_, **__):
        seen.extend(stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir())

    monkeypatch.setattr(np, "savez", look)
    Box(w=Value(1.0)).save(path)
    assert seen == [0o600, 0o600]


@posix
def test_links_are_followed(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    link = tmp_path / "latest.npz"
    link.symlink_to(folder / "model.npz")
    for number in (1.0, 2.0):  # to a file that there is not yet, and to one that there is
        Box(w=Value(number)).save(link)
        box = Box(w=Value(0.0))
        box.load(folder / "model.npz")
        assert box.w.data == number
    assert link.is_symlink()
    assert os.listdir(folder) == ["model.npz"]


@posix
def test_the_longest_name_that_a_file_may_have_is_no_trouble(tmp_path):
    path = tmp_path / ("m" * 251 + ".npz")
    Box(w=Value(1.0)).save(path)
    assert os.listdir(tmp_path) == [path.name]


FULL = """
import os, resource, signal, sys
from autodiff import Value
from nn import MLP
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    MLP(20, [20, 1], rng=2).save(sys.argv[1])
except OSError as error:
    print(os.listdir(os.path.dirname(sys.argv[1])))
"""


@posix
def test_a_full_disk_leaves_the_old_file_whole_and_nothing_else(tmp_path):
    path = tmp_path / "model.npz"
    model = MLP(20, [20, 1], rng=1)
    model.save(path)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", FULL, path]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "['model.npz']\n"
    before = bits(model)
    model.load(path)
    assert bits(model) == before


def test_an_interrupt_while_saving_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    Box(w=Value(1.0)).save(path)
    old = path.read_bytes()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Box(w=Value(2.0)).save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["model.npz"]


def test_a_name_that_the_file_could_not_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must not end in a zero byte"):
        Box(d={"w\0": Value(1.0)}).save(tmp_path / "model.npz")
    assert not os.listdir(tmp_path)


def test_any_names_and_numbers_come_back(tmp_path):
    box = Box(d={name: Value(number) for name, number in
                 (("ü", 5e-324), ("\ud800", -0.0), ("", 1.7e308), ("a\0b", 0.1), ("x" * 5000, -1.0))})  # fmt: skip
    before = bits(box)
    box.save(tmp_path / "model.npz")
    for value in box.parameters():
        value.data = 3.0
    box.load(tmp_path / "model.npz")
    assert bits(box) == before


def test_a_module_without_parameters_is_saved_and_loaded(tmp_path):
    Box().save(tmp_path / "model.npz")
    Box().load(tmp_path / "model.npz")


def array(head, data=b""):
    text = repr(head).encode() if isinstance(head, dict) else head
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def head(descr, *shape):
    return {"descr": descr, "fortran_order": False, "shape": shape}


def archive(*entries, packed=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as into:
        for name, data in entries:
            into.writestr(name, data)
    return file.getvalue()


def good(name):
    return array(head("<U1", 1), "w".encode("utf-32-le")) if name == "names" else array(head("<f8", 1), bytes(8))


NAMES, VALUES = ("names.npy", good("names")), ("values.npy", good("values"))
MIB = bytes(2**20)
HOSTILE = {
    "a zip bomb": archive(NAMES, ("values.npy", array(head("<f8", 2**21), MIB * 16)), packed=zipfile.ZIP_DEFLATED),
    "a bomb of names": archive(("names.npy", array(head("<U1", 2**22), MIB * 16)), VALUES, packed=zipfile.ZIP_DEFLATED),
    "packed by bzip2": archive(NAMES, ("values.npy", MIB), packed=zipfile.ZIP_BZIP2),
    "packed by lzma": archive(NAMES, ("values.npy", MIB), packed=zipfile.ZIP_LZMA),
    "a claim of many numbers": archive(NAMES, ("values.npy", array(head("<f8", 10**15)))),
    "a claim of a long name": archive(("names.npy", array(head("<U100000000", 1))), VALUES),
    "a claim of nothing, very often": archive(("names.npy", array(head("<U0", 10**15))), VALUES),
    "a negative shape": archive(NAMES, ("values.npy", array(head("<f8", -1), bytes(8)))),
    "a name that is no text": archive(("names.npy", array(head("<U1", 1), b"\xff" * 4)), VALUES),
    "an array of objects": archive(NAMES, ("values.npy", array(head("|O", 1), pickle.dumps([1.0])))),
    "a nested head": archive(NAMES, ("values.npy", array(b"(" * 9000))),
    "a head that runs": archive(NAMES, ("values.npy", array(b"__import__('os').abort()"))),
    "an unknown version": archive(NAMES, ("values.npy", b"\x93NUMPY\x07\x00" + bytes(8))),
    "a great file": MIB,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_and_costs_little(tmp_path, kind):
    tracemalloc = pytest.importorskip("tracemalloc")
    path = tmp_path / "model.npz"
    path.write_bytes(HOSTILE[kind])
    box = Box(w=Value(1.0))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cannot load"):
            box.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert box.w.data == 1.0


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # of zipfile, when it makes one
@pytest.mark.parametrize("twice", [NAMES, VALUES])
def test_an_entry_that_is_there_twice_is_refused(tmp_path, twice):
    path = tmp_path / "model.npz"
    path.write_bytes(archive(NAMES, VALUES))
    box = Box(w=Value(1.0))
    box.load(path)
    assert box.w.data == 0.0
    path.write_bytes(archive(NAMES, VALUES, twice))
    with pytest.raises(ValueError, match="once each"):
        box.load(path)


def test_every_cut_and_flipped_byte_is_refused_or_changes_nothing(tmp_path):
    path = tmp_path / "model.npz"
    box = Box(w=Value(0.1), v=Value(0.7))
    box.save(path)
    whole = path.read_bytes()
    before = bits(box)
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            with contextlib.suppress(ValueError):
                box.load(path)
            assert bits(box) == before


def test_numbers_of_the_other_byte_order_are_read(tmp_path):
    path = tmp_path / "model.npz"
    npz(path, names=np.array(["w"], ">U1"), values=np.array([0.1], ">f8"))
    box = Box(w=Value(1.0))
    box.load(path)
    assert box.w.data == 0.1
