"""Processes and streams: forks, interrupts, workers, pipes and closed streams do no harm."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from autodiff import Value, __version__, compile, record_sources, trace, versions
from autodiff.compiling import parameters
from autodiff.hooks import Observer, observed_by, watchers

ROOT = Path(__file__).parents[1]
HAS_NUMBA = bool(pytest.importorskip("importlib.util").find_spec("numba"))
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
posix = pytest.mark.skipif(os.name != "posix", reason="signals and shells are those of POSIX")
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def python(code, *arguments, **options):
    """A process that runs the code with this project, and has ended."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, *(["-c", textwrap.dedent(code)] if code else []), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120, **options)


# ── Forks ────────────────────────────────────────────────────────────────────────────────────────


def in_child(work, seconds=60):
    """What the work gives in a forked child, which is killed if it hangs."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(seconds)
            os.write(writing, pickle.dumps(work()))
        except BaseException as error:
            os.write(writing, pickle.dumps(repr(error)))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    assert text, "the child hung or crashed"
    return pickle.loads(text)


def while_another_thread(work, then):
    """Run ``work(arrived, leave)`` in a thread, and the rest once it has arrived; what that gives."""
    arrived, leave = threading.Event(), threading.Event()
    thread = threading.Thread(target=work, args=(arrived, leave))
    thread.start()
    try:
        assert arrived.wait(60)
        return then()
    finally:
        leave.set()
        thread.join()


def everything():
    """A bit of all that takes a lock or looks on."""
    w = Value(2.0, label="w")
    w.data = 3.0
    with record_sources():
        loss = w * w
    loss.backward()
    f = compile(lambda x: w * x + 1, backend="numpy")
    return w.grad, f(2.0), loss.source is not None, f.value_and_grad([1.0, 3.0])[0]


RIGHT = (6.0, 7.0, True, 7.0)


@forks
def test_a_child_works():
    assert in_child(everything) == RIGHT


@forks
def test_a_child_works_while_another_thread_records_sources():
    def look(arrived, leave):
        with record_sources():
            arrived.set()
            leave.wait(60)

    assert while_another_thread(look, lambda: in_child(lambda: (everything(), len(watchers)))) == (RIGHT, 0)


@forks
def test_a_child_of_a_context_is_still_in_it():
    seen = []

    class Looker(Observer):
        def recorded(self, node):
            seen.append(node.op.name)

    def work():
        Value(1.0) + 1
        return seen, len(watchers)

    with observed_by(Looker()):
        assert in_child(work) == (["add"], 1)
    assert not watchers


@forks
def test_a_child_works_while_another_thread_compiles_and_has_the_numbers_of_the_parameters_as_they_are():
    w = Value(2.0, label="w")

    def record(arrived, leave):
        def slow(x):
            arrived.set()
            leave.wait(60)
            return w * x

        compile(slow, parameters=[w], backend="numpy").value(1.0, at=[50.0])

    def child():
        return w.data, compile(lambda x: w * x, backend="numpy")(1.0), everything()

    assert while_another_thread(record, lambda: in_child(child)) == (2.0, 2.0, RIGHT)
    assert w.data == 2.0


@forks
def test_a_function_that_forks_while_it_is_recorded_goes_on():
    w = Value(2.0)

    def child():
        with parameters.lock():
            return True

    def forking(x):
        assert in_child(child)
        return w * x

    assert compile(forking, backend="numpy")(3.0) == 6.0


@forks
def test_a_child_works_while_another_thread_changes_data():
    w = Value(2.0)

    def change(arrived, leave):
        arrived.set()
        while not leave.is_set():
            w.data = 5.0

    def children():
        return {in_child(lambda: (everything(), changed_gradient(w))) for _ in range(20)}

    assert while_another_thread(change, children) == {(RIGHT, 2.0)}


def changed_gradient(leaf):
    leaf.grad = 0.0
    (leaf * 2).backward()
    return leaf.grad


@forks
def test_a_child_forked_in_the_middle_of_a_change_takes_the_leaf_as_it_is():
    leaf = Value(2.0)
    leaf.stamp = versions.now + 1  # as far as another thread had come

    assert in_child(lambda: changed_gradient(leaf)) == 2.0


@forks
@pytest.mark.slow
@pytest.mark.skipif(not HAS_NUMBA, reason="the native backend needs numba")
def test_a_child_makes_machine_code_while_another_thread_does(tmp_path):
    run = python(
        """
        import os, signal, threading, time, warnings
        warnings.simplefilter("ignore")
        from autodiff import Value, compile
        import autodiff.compiling.native, numpy.random  # a child that is forked during an import waits for it
        w = Value(0.5)
        thread = threading.Thread(target=lambda: compile(lambda x: (w * x).tanh(), backend="native")([1.0, 2.0]))
        thread.start()
        children = []
        while thread.is_alive() or not children:
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                print(compile(lambda x: (w * x).sin(), backend="native")([0.0, 0.0]), flush=True)
                os._exit(0)
            children.append(child)
            time.sleep(0.7)
        print({os.waitpid(child, 0)[1] for child in children}, len(children) > 0)
        """,
        env={"AUTODIFF_CACHE": str(tmp_path)},
        text=True,
    )
    *children, last = run.stdout.splitlines()
    assert (set(children), last) == ({"[0. 0.]"}, "{0} True"), run.stderr


# ── Interrupts ───────────────────────────────────────────────────────────────────────────────────

INTERRUPTED = """
import random, signal, sys, warnings
from autodiff import Value, compile, detect_anomaly, grad, record_sources
from autodiff.hooks import watchers

class Interrupt(BaseException): pass
def interrupt(*_): raise Interrupt
signal.signal(signal.SIGALRM, interrupt)
chance = random.Random(int(sys.argv[1]))
w = Value(2.0, label="w")
hits = 0
def work():
    f = compile(lambda x: w * x * x if x > 1 else w + x, backend="numpy")
    with record_sources(), detect_anomaly():
        loss = (w * w).tanh() * w
        loss.backward()
    f.backward([0.5, 3.0])
    f.value([0.5, 3.0], at=[7.0])
work()  # what is imported late is imported
for _ in range(int(sys.argv[2])):
    w.grad, w.data = 0.0, 2.0
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 6e-3))
            work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupt:
        hits += 1
    assert w.number == 2.0
w.grad = 0.0
work()
assert w.data == 2.0
print(hits > 0, len(watchers), compile(lambda x: w * x, backend="numpy")(2.0))
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_an_interrupt_at_any_moment_leaves_everything_usable(seed):
    run = python(INTERRUPTED, str(seed), "200", text=True)
    assert run.stdout == "True 0 4.0\n", run.stderr


@pytest.mark.skipif(not HAS_NUMBA, reason="the native backend needs numba")
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_machine_code_whose_making_was_interrupted_is_made_anew(error, monkeypatch, tmp_path):
    from autodiff.compiling.native import engine, language

    def interrupt(*_):
        raise error

    monkeypatch.setenv("AUTODIFF_CACHE", str(tmp_path))
    text = language.Text(f"def five(given: Longs) -> float:\n    return 5.0  # {error}", {})
    for owner, name in ((engine, "machine_code"), (engine.store, "write"), (engine.binding.ObjectFileRef, "from_data")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupt)
            with pytest.raises(error):
                engine.address(text, "five")
    assert engine.ENTRY(engine.address(text, "five"))(b"") == 5.0


def test_a_context_that_is_interrupted_while_it_opens_is_closed(monkeypatch):
    from autodiff import hooks

    class Interrupting(list):
        def append(self, context):
            super().append(context)
            raise KeyboardInterrupt

    looking = Observer()
    with observed_by(looking):
        monkeypatch.setattr(hooks, "watchers", Interrupting(watchers))
        with pytest.raises(KeyboardInterrupt), observed_by(looking):
            pass
        assert len(hooks.watchers) == 1
        monkeypatch.undo()
    assert not watchers


# ── Workers ──────────────────────────────────────────────────────────────────────────────────────

MAIN = """
import pickle, subprocess, sys
import {library} as library
from autodiff import Value, compile

w = Value(3.0, label="w")

@compile
def line(x):
    return w * x + 1

square = compile(lambda x: w * x * x)

if __name__ == "__main__":
    {work}
"""
CLOUDPICKLE = """
    text = library.dumps((w, line, square))
    other = 'import pickle, sys; w, f, g = pickle.load(sys.stdin.buffer); w.data = 5.0; print(f(2.0), g([1.0, 2.0]), f)'
    print(subprocess.run([sys.executable, "-c", other], input=text, capture_output=True, check=True).stdout.decode())
    assert pickle.loads(pickle.dumps(line)) is line  # by name, as ever
"""
JOBLIB = """
    print(library.Parallel(2)(library.delayed(f)(x) for f in (line, square) for x in (1.0, 2.0)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "work", "printed"),
    [
        ("cloudpickle", CLOUDPICKLE, "11.0 [ 5. 20.] <compiled line: 1 programs>\n\n"),
        ("joblib", JOBLIB, "[4.0, 7.0, 3.0, 12.0]\n"),
    ],
)
def test_a_compiled_function_of_the_main_program_works_in_a_worker(library, work, printed, tmp_path):
    pytest.importorskip(library)
    script = tmp_path / "main.py"
    script.write_text(MAIN.format(library=library, work=work.strip()), encoding="utf-8")
    run = python("", str(script), text=True)
    assert run.stdout == printed, run.stderr


def test_pickle_itself_writes_the_name_of_a_compiled_function_of_the_main_program(monkeypatch):
    main = sys.modules["__main__"]
    w = Value(3.0)
    line = compile(lambda x: w * x)
    line.__module__, line.__name__ = "__main__", "line_of_main"
    monkeypatch.setattr(main, "line_of_main", line, raising=False)
    assert pickle.loads(pickle.dumps(line)) is line


# ── Streams ──────────────────────────────────────────────────────────────────────────────────────

EVERYTHING_PRINTED = """
from autodiff import Value, explain, trace, tree
from autodiff.tracing import compare
w, x = Value(2.0, label="w"), Value(0.0, label="x")
loss = (w * x - 3) ** 2 + w
for shown in (*loss.backward_steps(), trace(loss), trace(loss)[0], trace(loss).table(4), explain(loss, w),
              explain(loss, Value(1.0)) if False else explain(loss, w).paths[0], tree(loss),
              trace(loss).contributions("w"), compare(trace(loss), trace(w * x))):
    print(shown)
"""


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "latin-1", "utf-8", "utf-16"])
def test_what_is_printed_can_be_printed_in_any_code_page(encoding):
    run = python(EVERYTHING_PRINTED, env={"PYTHONIOENCODING": encoding})
    assert run.returncode == 0, run.stderr
    text = run.stdout.decode(encoding)
    assert ("∂L/∂w" if encoding.startswith("utf") else "dL/dw") in text
    assert "\\u" not in text


def test_a_name_that_the_code_page_lacks_is_escaped():
    code = "from autodiff import *; w = Value(2.0, label='ж'); print(trace(w * w))"
    run = python(code, env={"PYTHONIOENCODING": "cp1252"})
    assert rb"dL/d\u0436 += dv1/d\u0436 * dL/dv1" in run.stdout


def test_where_signs_can_be_shown_they_are(capsys):
    w = Value(2.0, label="w")
    print(trace(w * w))
    assert "∂L/∂w += ∂v1/∂w · ∂L/∂v1 = 2.0 × 1.0 = 2.0" in capsys.readouterr().out


def test_a_program_without_a_standard_output_still_makes_text(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    w = Value(2.0, label="w")
    assert "∂L/∂w" in str(trace(w * w))


NEURON = ["-m", "autodiff", "tanh(w*x + b)", "w=0.5", "x=2", "b=0.1"]


def test_the_command_line_says_its_version():
    run = python("", "-m", "autodiff", "--version", text=True)
    assert (run.stdout, run.returncode) == (f"autodiff {__version__}\n", 0)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_the_command_line_prints_in_any_code_page(encoding):
    run = python("", *NEURON, "--explain", "w", "--order", "2", env={"PYTHONIOENCODING": encoding})
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"dL/dw = " in run.stdout
    assert b"d2L/dwdw = " in run.stdout
    assert b"\\u" not in run.stdout


def shell(line, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PY": sys.executable}
    command = ["sh", "-c", line, "sh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@posix
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_has_seen_enough_ends_it_quietly(reader):
    run = shell(f'"$PY" -m autodiff "{"w+" * 300}w" w=0.5 --order 2 --explain w | {reader}')
    assert run.stderr == ""
    run = shell(f'"$PY" -m autodiff --help | {reader}')
    assert run.stderr == ""


@posix
@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ('"$PY" -m autodiff "w*w" w=0.5 >&-', 0, ""),
        ('"$PY" -m autodiff "w*w" w=0.5 <&- >&- 2>&-', 0, ""),
        ('"$PY" -m autodiff "w*q" w=0.5 >&- 2>&-', 2, ""),
        ('"$PY" -m autodiff - w=0.5 <&-', 2, "there is no standard input"),
        ('printf "" | "$PY" -m autodiff - w=0.5', 2, "error"),
        ('printf "\\377" | PYTHONIOENCODING=:strict "$PY" -m autodiff - w=0.5', 2, "standard input cannot be read"),
    ],
)
def test_closed_and_foreign_streams_are_answered(line, code, error):
    run = shell(line)
    assert run.returncode == code
    assert "Traceback" not in run.stderr
    assert error in run.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a full device")
def test_an_output_that_is_full_is_told():
    run = shell('"$PY" -m autodiff "w*w" w=0.5 >/dev/full')
    assert run.returncode == 1
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr
