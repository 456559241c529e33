"""Files: what is kept on disk is whole or not there, belongs to this user, and is bounded; nothing else is touched."""

import os
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="owners, modes and pipes are those of POSIX")


# ── Machine code ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def store(tmp_path, monkeypatch):
    pytest.importorskip("numba")
    from autodiff.compiling.native import store

    monkeypatch.setenv("AUTODIFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTODIFF_CACHE_SIZE", raising=False)
    return store


NAME = "a.code"


def test_what_is_kept_is_read_again(store):
    assert store.read(NAME) is None
    store.write(NAME, b"machine code")
    assert store.read(NAME) == b"machine code"
    store.write(NAME, b"other")
    assert store.read(NAME) == b"other"
    assert os.listdir(store.folder()) == [NAME]


@posix
def test_the_folder_and_the_files_are_the_users_alone(store):
    store.write(NAME, b"machine code")
    assert stat.S_IMODE(store.folder().stat().st_mode) == 0o700
    assert stat.S_IMODE((store.folder() / NAME).stat().st_mode) == 0o600


def test_every_single_damaged_byte_and_every_cut_is_found(store):
    store.write(NAME, b"machine code")
    path = store.folder() / NAME
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place])
        assert store.read(NAME) is None
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert store.read(NAME) is None
    path.write_bytes(whole + b"\0")
    assert store.read(NAME) is None
    store.write(NAME, b"machine code")
    assert path.read_bytes() == whole


def test_a_file_is_no_other_function_by_another_name(store):
    store.write(NAME, b"machine code")
    os.rename(store.folder() / NAME, store.folder() / "b.code")
    assert store.read("b.code") is None


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_is_not_read(store, mode):
    store.write(NAME, b"machine code")
    os.chmod(store.folder() / NAME, mode)
    assert store.read(NAME) is None
    store.write(NAME, b"machine code")  # made anew, it is the user's alone
    assert store.read(NAME) == b"machine code"


@posix
def test_what_belongs_to_another_user_is_not_read(store, monkeypatch):
    store.write(NAME, b"machine code")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert store.read(NAME) is None


@posix
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path),
                                  lambda path: os.symlink(path, path)])  # fmt: skip
def test_what_is_no_regular_file_is_neither_read_nor_waited_for(store, make):
    store.folder().mkdir()
    make(store.folder() / NAME)
    assert store.read(NAME) is None
    store.write(NAME, b"machine code")
    assert store.read(NAME) in (b"machine code", None)  # a folder of that name stays
    assert len(os.listdir(store.folder())) == 1


@pytest.mark.parametrize("failing", ["replace", "open", "fdopen"])
def test_a_disk_that_takes_nothing_does_no_harm(store, monkeypatch, failing):
    store.folder().mkdir()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    store.write(NAME, b"machine code")
    monkeypatch.undo()
    assert not list(store.folder().glob("*.new"))


def test_a_folder_that_cannot_be_does_no_harm(store, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTODIFF_CACHE", str(tmp_path / "file" / "cache"))
    store.write(NAME, b"machine code")
    assert store.read(NAME) is None


def test_a_user_without_a_home_does_without(store, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("AUTODIFF_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(store.Path, "home", homeless)
    store.write(NAME, b"machine code")
    assert store.read(NAME) is None


def test_the_least_recently_used_are_removed_above_the_bound(store, monkeypatch):
    monkeypatch.setenv("AUTODIFF_CACHE_SIZE", "0.01")  # 10,000 bytes
    for place, name in enumerate("abc"):
        store.write(f"{name}.code", bytes(3000))
        os.utime(store.folder() / f"{name}.code", (place, place))
    foreign = store.folder() / "notes.txt"
    foreign.write_bytes(bytes(20_000))
    assert store.read("a.code") == bytes(3000)  # used just now
    store.write("d.code", bytes(3000))
    assert sorted(os.listdir(store.folder())) == ["a.code", "c.code", "d.code", "notes.txt"]
    store.write("e.code", bytes(20_000))  # larger than all may be
    assert store.read("e.code") is None


def test_a_file_that_another_process_removes_meanwhile_is_no_matter(store, monkeypatch):
    for number in range(5):
        store.write(f"{number}.code", bytes(1000))
    scandir, closed = os.scandir, []

    class Gone:
        name, path = "gone.code", str(store.folder() / "gone.code")

        def is_file(self, follow_symlinks):
            return True

        def stat(self, follow_symlinks):
            raise FileNotFoundError(self.path)

    @contextmanager
    def listed(place):
        with scandir(place) as entries:
            yield [Gone(), *entries]
        closed.append(place)

    monkeypatch.setattr(store.os, "scandir", listed)
    monkeypatch.setenv("AUTODIFF_CACHE_SIZE", "0.002")
    store.write(NAME, bytes(100))
    assert closed == [store.folder()]
    assert sum(path.stat().st_size for path in store.folder().iterdir()) <= 2000


def test_with_a_size_of_0_nothing_is_kept(store, monkeypatch):
    monkeypatch.setenv("AUTODIFF_CACHE_SIZE", "0")
    store.write(NAME, b"machine code")
    assert not store.folder().exists()


@pytest.mark.parametrize("size", ["much", "-1", "nan", "inf"])
def test_a_size_that_is_none_is_refused(store, monkeypatch, size):
    monkeypatch.setenv("AUTODIFF_CACHE_SIZE", size)
    with pytest.raises(ValueError, match="AUTODIFF_CACHE_SIZE must be a number of megabytes"):
        store.largest()


def test_what_killed_processes_left_is_removed(store):
    store.write(NAME, b"machine code")
    left, at_work = store.folder() / "1.new", store.folder() / "2.new"
    for path in (left, at_work):
        path.write_bytes(b"half")
    os.utime(left, (time.time() - 7200,) * 2)
    store.write("b.code", b"machine code")
    assert sorted(os.listdir(store.folder())) == ["2.new", "a.code", "b.code"]


COMPILED = """
import sys
from autodiff import Value, compile
from autodiff.compiling.native import engine
made, compiled_by_llvm = [], engine.machine_code
engine.machine_code = lambda *given: made.append(given) or compiled_by_llvm(*given)
w = Value(0.5)
print(compile(lambda x: (w * x).sin(), backend="native").value_and_grad([0.0, 0.0]))
print(len(made) > 0)
"""
ANSWER = "(0.0, array([0.]))"


def compiled(folder, **environment):
    """What a process says that compiles with that folder: its result, and whether it compiled anything."""
    return finished(started(folder, **environment))


def started(folder, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AUTODIFF_CACHE": str(folder), **environment}
    return subprocess.Popen([sys.executable, "-c", COMPILED], env=environment, stdout=subprocess.PIPE, text=True)


def finished(process):
    out, _ = process.communicate()
    assert process.returncode == 0
    return out.splitlines()


@pytest.mark.slow
def test_a_cache_heals_itself_whatever_is_in_its_files(store):
    folder = store.folder()
    assert compiled(folder) == [ANSWER, "True"]
    assert compiled(folder) == [ANSWER, "False"]
    files = sorted(folder.iterdir())
    assert len(files) > 3
    whole = [path.read_bytes() for path in files]
    for place, path in enumerate(files):
        path.write_bytes([b"", whole[place][:-100], whole[place - 1], b"raise SystemExit"][place % 4])
    assert compiled(folder) == [ANSWER, "True"]
    assert compiled(folder) == [ANSWER, "False"]
    for path in files:
        store.write(path.name, b"what is it?")  # whole, and the user's own, yet no machine code
    assert compiled(folder) == [ANSWER, "True"]
    assert compiled(folder) == [ANSWER, "False"]


@pytest.mark.slow
def test_two_processes_at_once_share_a_cache(store):
    both = [started(store.folder()) for _ in range(2)]
    assert [finished(process)[0] for process in both] == [ANSWER] * 2
    assert compiled(store.folder()) == [ANSWER, "False"]
    assert not list(store.folder().glob("*.new"))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a full device")
def test_a_process_without_a_place_for_files_compiles_in_memory():
    assert compiled("/dev/full") == [ANSWER, "True"]
    assert compiled("/proc/1/cache", HOME="/nonexistent") == [ANSWER, "True"]
