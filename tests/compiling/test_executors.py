"""Batches over workers: the bits of any number of them, and of workers that die; data that does not fit into memory."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import autodiff
import nn
from autodiff import ExecutorError, NonFiniteError, Value, detect_anomaly, operation, tanh
from autodiff.checking.strategies import draw_graphs
from autodiff.compiling import executors, mapped
from autodiff.program import storage
from tests.compiling.programs import bits

RNG = np.random.default_rng(0)
POINTS = 6000
INPUTS, TARGETS = RNG.normal(size=(POINTS, 3)), RNG.choice([-1.0, 1.0], POINTS)
SUMMED = 1e-12
"""How far apart sums may be that are taken in another order."""


NEEDS_LLVM = pytest.mark.skipif(find_spec("llvmlite") is None, reason="the native backend needs llvmlite")
BACKENDS = ["numpy", pytest.param("native", marks=NEEDS_LLVM)]


class InThisProcess(Executor):
    """Runs a task when its result is asked for, or loses it as a worker that dies does."""

    def __init__(self, loses=lambda task: None, accepts=lambda task: True):
        self.loses, self.accepts, self.tasks, self.results = loses, accepts, 0, []

    def submit(self, function, task):
        if not self.accepts(self.tasks):
            raise BrokenExecutor("a process died abruptly")
        future, error = Future(), self.loses(self.tasks)
        self.tasks += 1
        if error is None:
            future.set_result(function(task))
        else:
            future.set_exception(error)
        return future


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Some dozens of chunks for the points of these tests."""
    monkeypatch.setattr(executors, "NUMBERS", 200)


def smooth(backend=None):
    model = nn.MLP(3, [8, 1], rng=0)
    return autodiff.compile(lambda x, y: (model(x) - y) ** 2, backend=backend), model


def branching(backend=None):
    model = nn.MLP(3, [4, 1], rng=1)

    def error(x, y):
        score = model(x)
        if x[0] > 1:
            score = score * score
        elif y * x[1] < 0:
            score = score + x[2] if x[2] > x[0] else score.exp()
        return (score - y) ** 2

    return autodiff.compile(error, backend=backend), model


FUNCTIONS = [pytest.param(smooth, id="smooth"), pytest.param(branching, id="branching")]


@contextmanager
def spawned(workers):
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        yield executor


def same(left, right):
    assert bits(left[0]) == bits(right[0])
    assert bits(left[1]) == bits(right[1])


def close(left, right):
    assert np.isclose(left[0], right[0], rtol=SUMMED)
    assert np.allclose(left[1], right[1], rtol=SUMMED, atol=SUMMED)


# ── The same numbers ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_workers_give_what_this_process_gives(function, backend):
    error, _ = function(backend)
    local, _ = function(backend)
    there = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    close(there, local.value_and_grad(INPUTS, TARGETS))
    same(there, error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess()))  # all branches are known by now
    wrt = {"wrt": (0, 1), "reduction": None}
    values, (of_x, of_y) = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess(), **wrt)
    here, (of_x_here, of_y_here) = local.value_and_grad(INPUTS, TARGETS, **wrt)
    assert bits(values) == bits(here)
    assert bits(of_x) == bits(of_x_here)
    assert bits(of_y) == bits(of_y_here)


def test_random_functions_are_the_same_over_workers():
    for graph in draw_graphs(seed=11, count=20, min_size=10):
        error = autodiff.compile(lambda x, graph=graph: graph(*[x[at % 3] for at in range(len(graph.inputs))]))
        found = []
        for executor in (None, InThisProcess()):
            try:
                values, slopes = error.value_and_grad(INPUTS[:300], wrt=0, reduction=None, executor=executor)
                found.append((bits(values), bits(slopes)))
            except NonFiniteError as caught:
                found.append(str(caught))
        assert found[0] == found[1]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_are_added_to_the_parameters_once(function):
    error, model = function()
    value = error.backward(INPUTS, TARGETS, reduction="sum", executor=InThisProcess())
    added = [parameter.grad for parameter in model.parameters()]
    same((value, added), error.value_and_grad(INPUTS, TARGETS, reduction="sum", executor=InThisProcess()))


def test_observations_beyond_the_bound_run_eagerly_here():
    model = nn.MLP(3, [4, 1], rng=1)
    error = autodiff.compile(lambda x, y: model(x) * (x[0] if x[1] > y else x[2] if x[2] > y else y), max_branches=2)
    with pytest.warns(RuntimeWarning, match="more than 2 ways"):
        there = error.value_and_grad(INPUTS[:400], TARGETS[:400], executor=InThisProcess())
    close(there, error.value_and_grad(INPUTS[:400], TARGETS[:400]))


def test_parameters_that_the_first_call_meets_are_among_the_gradients():
    hidden = {"w": Value(0.5)}

    class Odd:
        __slots__ = ("inner",)

        def __call__(self, x):
            return x * self.inner()

    odd = Odd()
    odd.inner = lambda: hidden["w"]
    error = autodiff.compile(lambda x: odd(x) ** 2)
    value, gradient = error.value_and_grad(INPUTS[:, 0], executor=InThisProcess())
    assert np.isclose(gradient[0], 2 * value / 0.5)


def test_a_batch_that_is_one_chunk_runs_here_and_the_first_of_all():
    error, _ = branching()
    executor = InThisProcess()
    same(*(error.value_and_grad(INPUTS, TARGETS, executor=executor) for _ in range(2)))
    assert executor.tasks == 39 + 40
    error, _ = smooth()
    executor = InThisProcess()
    same(
        error.value_and_grad(INPUTS[:40], TARGETS[:40], executor=executor),
        error.value_and_grad(INPUTS[:40], TARGETS[:40]),
    )
    assert executor.tasks == 0


@pytest.mark.slow
@pytest.mark.parametrize("function", FUNCTIONS)
def test_any_number_of_spawned_processes_gives_the_same_bits(function):
    found = []
    for workers in (1, 2, 3):
        error, _ = function()
        with spawned(workers) as executor:
            found += [error.value_and_grad(INPUTS, TARGETS, executor=executor) for _ in range(2)]
    for other in (*found[1:], function()[0].value_and_grad(INPUTS, TARGETS, executor=InThisProcess())):
        same(found[0], other)


def test_threads_are_workers_too():
    error, _ = branching()
    with ThreadPoolExecutor(3) as executor:
        there = [error.value_and_grad(INPUTS, TARGETS, executor=executor) for _ in range(2)]
    same(*there)
    same(there[0], error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess()))


@pytest.mark.slow
def test_loky():
    loky = pytest.importorskip("loky", reason="loky is missing")
    error, _ = branching()
    there = error.value_and_grad(INPUTS, TARGETS, executor=loky.get_reusable_executor(2))
    same(there, error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess()))
    loky.get_reusable_executor().shutdown(kill_workers=True)


SCRIPT = """
import autodiff
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from autodiff.compiling import executors, mapped

executors.NUMBERS = 1000
cube = autodiff.operation("cube", lambda x: x**3, lambda x, y: 3 * x**2)
w = autodiff.Value(0.5)

@autodiff.compile
def error(x):
    return cube(w * x) if x > 0 else w * x

if {guard}:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        print(error.value_and_grad([-1.0, 1.0] * 2000, executor=executor))
"""


EXPECTED = "(-0.1875, array([-0.125]))"
"""((−w) + w³) / 2 at 0.5, and its derivative."""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["script", "stdin"])
def test_what_is_defined_in_main_does_not_travel(how, tmp_path):
    (tmp_path / "main.py").write_text(SCRIPT.format(guard="__name__ == '__main__'"))
    given = [str(tmp_path / "main.py")] if how == "script" else ["-"]
    text = SCRIPT.format(guard="True") if how == "stdin" else None
    run = subprocess.run([sys.executable, *given], input=text, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == EXPECTED


@pytest.mark.slow
def test_mpi(tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is missing")
    run = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if run is None:
        pytest.skip("there is no mpiexec")
    script = SCRIPT.format(guard="__name__ == '__main__'")
    script = script.replace('ProcessPoolExecutor(2, mp_context=get_context("spawn"))', "MPIPoolExecutor()")
    (tmp_path / "main.py").write_text("from mpi4py.futures import MPIPoolExecutor\n" + script)
    command = [run, "-n", "3", sys.executable, "-m", "mpi4py.futures", str(tmp_path / "main.py")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == EXPECTED


def test_an_operation_of_ones_own_travels_as_formulas_or_says_that_it_cannot():
    bent = operation("bent_there", lambda x: x * tanh(x) if x > 0 else -x, lambda x, y: x + y if x > 0 else 2 * y)
    w = Value(0.7)
    error = autodiff.compile(lambda x: bent(w * x), backend="numpy")
    points = INPUTS[:, 0]
    close(error.value_and_grad(points, executor=InThisProcess()), error.value_and_grad(points))
    opaque = operation("opaque_there", lambda x: float(str(x)), lambda x, y: 1.0)
    with pytest.raises(ExecutorError, match=r"'opaque_there' cannot travel.* without the executor"):
        autodiff.compile(lambda x: opaque(w * x), backend="numpy").value_and_grad(points, executor=InThisProcess())


# ── Errors as here ───────────────────────────────────────────────────────────────────────────────


def test_what_is_not_finite_is_named_as_here():
    w = Value(1.0)
    error = autodiff.compile(lambda x: (w * x).log())
    points = np.abs(INPUTS[:, 0])
    points[4321] = -1.0
    messages = []
    for executor in (None, InThisProcess()):
        with pytest.raises(NonFiniteError, match="observation 4321") as caught:
            error.backward(points, executor=executor)
        messages.append(str(caught.value))
        assert w.grad == 0.0
    assert messages[0] == messages[1]


def test_anomalies_are_detected_here():
    w = Value(1.0)
    error = autodiff.compile(lambda x: (w * x).log() * 0.0)
    points = np.abs(INPUTS[:300, 0])
    points[123] = -1.0
    with detect_anomaly(), pytest.raises(NonFiniteError) as caught:
        error.backward(points, executor=InThisProcess())
    assert caught.value.observation == 123


def test_an_error_in_a_worker_keeps_its_message(monkeypatch):
    error, model = smooth()
    error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    monkeypatch.setattr(executors, "parted", lambda *_: {}["what a worker says"])
    with pytest.raises(ExecutorError, match=r"KeyError: 'what a worker says'; nothing was changed"):
        error.backward(INPUTS, TARGETS, executor=InThisProcess())
    assert model.parameters()[0].grad == 0.0


def test_a_worker_of_another_version_says_so():
    class Older(InThisProcess):
        def submit(self, function, task):
            return super().submit(function, (storage.VERSION + 1, "whatever", "came", "later"))

    error, _ = smooth()
    with pytest.raises(ExecutorError, match=f"format {storage.VERSION + 1} cannot .* the same version of autodiff"):
        error.value_and_grad(INPUTS, TARGETS, executor=Older())


def test_a_worker_with_another_backend_says_so():
    class Poorer(InThisProcess):
        def submit(self, function, task):
            version, parcels, *rest = task
            parcels = [(b"", program, is_finite, "Other") for _, program, is_finite, _ in parcels]
            return super().submit(function, (version, parcels, *rest))

    error, _ = smooth("numpy")
    with pytest.raises(ExecutorError, match=r"NumpyRunner, and .* a Other: install the same extras"):
        error.value_and_grad(INPUTS, TARGETS, executor=Poorer())


def test_an_executor_that_was_shut_down_says_so():
    error, model = smooth()
    with ThreadPoolExecutor(1) as executor:
        pass
    with pytest.raises(ExecutorError, match=r"after shutdown.*make a new one"):
        error.backward(INPUTS, TARGETS, executor=executor)
    with pytest.raises(ExecutorError, match=r"broken.*Make a new executor"):
        error.backward(INPUTS, TARGETS, executor=InThisProcess(accepts=lambda task: False))
    assert model.parameters()[0].grad == 0.0
    with pytest.raises(TypeError, match=r"concurrent.futures.Executor.*not int 2.*get_executor\(\)"):
        error.backward(INPUTS, TARGETS, executor=2)


# ── Workers that die ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "kind", [BrokenExecutor, CancelledError, ConnectionResetError, type("KilledWorker", (Exception,), {})]
)
def test_a_chunk_that_is_lost_is_done_again(function, kind):
    error, _ = function()
    whole = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    lossy = InThisProcess(loses=lambda task: kind("lost") if task % 3 == 1 else None)
    same(whole, error.value_and_grad(INPUTS, TARGETS, executor=lossy))
    assert lossy.tasks > 50


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("last", [1, 5])
def test_what_a_broken_executor_leaves_is_done_here(function, last):
    error, _ = function()
    whole = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    breaking = InThisProcess(
        lambda task: BrokenExecutor("died") if task >= last - 1 else None, lambda task: task < last
    )
    with pytest.warns(RuntimeWarning, match=r"the rest of this batch is computed here.*make a new executor"):
        same(whole, error.value_and_grad(INPUTS, TARGETS, executor=breaking))


def test_observations_that_kill_every_worker_are_named():
    error, model = smooth()
    deadly = InThisProcess(loses=lambda task: BrokenExecutor("out of memory"))
    with pytest.raises(
        ExecutorError, match=r"3 workers died of observations 150 to 299 .*out of memory.* enough memory"
    ):
        error.backward(INPUTS, TARGETS, executor=deadly)
    assert model.parameters()[0].grad == 0.0


KILLS = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are not killed by signals here")


@KILLS
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_is_killed_in_the_middle_loses_nothing(workers):
    error, _ = smooth("numpy")
    whole = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    with spawned(workers) as executor:
        same(whole, error.value_and_grad(INPUTS, TARGETS, executor=executor))
        victim = next(iter(executor._processes))

        class Deadly(InThisProcess):
            """Kills a process of the pool when some chunks are on their way."""

            def submit(self, function, task):
                self.tasks += 1
                if self.tasks == 10:
                    os.kill(victim, signal.SIGKILL)
                return executor.submit(function, task)

        with pytest.warns(RuntimeWarning, match="a worker died"):
            same(whole, error.value_and_grad(INPUTS, TARGETS, executor=Deadly()))
        with pytest.raises(ExecutorError, match="is broken"):
            error.value_and_grad(INPUTS, TARGETS, executor=executor)


@KILLS
@pytest.mark.slow
def test_a_cluster_of_dask_whose_workers_are_killed_loses_nothing(tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is missing")
    array = pytest.importorskip("dask.array", reason="dask[distributed] is missing")
    error, model = smooth()
    here = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path),
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        warnings.simplefilter("ignore")  # of Dask and its servers
        executor = client.get_executor()
        same(here, error.value_and_grad(INPUTS, TARGETS, executor=executor))
        chunked = array.from_array(INPUTS, chunks=(700, 2)), array.from_array(TARGETS, chunks=900)
        same(here, error.value_and_grad(*chunked, executor=executor))
        pids = [*client.run(os.getpid).values()]
        killer = threading.Timer(0.05, lambda: [os.kill(pid, signal.SIGKILL) for pid in pids[:1]])
        killer.start()
        for _ in range(5):
            same(here, error.value_and_grad(INPUTS, TARGETS, executor=executor))
        killer.join()
        client.wait_for_workers(2)
        assert pids[0] not in client.run(os.getpid).values()
        optimizer = nn.SGD(model.parameters(), learning_rate=0.1)
        history = nn.fit(
            model, INPUTS, TARGETS, nn.squared_error, optimizer=optimizer, epochs=2, progress=False, executor=executor
        )
        assert history.engine == "compiled"
        executor.shutdown()
        with pytest.raises(ExecutorError, match="shutdown"):
            error.value_and_grad(INPUTS, TARGETS, executor=executor)


# ── Training ─────────────────────────────────────────────────────────────────────────────────────


def trained(executor, batch_size=None, optimizer=nn.Adam, **options):
    model = nn.MLP(3, [8, 1], rng=0)
    history = nn.fit(
        model, INPUTS, TARGETS, nn.squared_error, optimizer=optimizer(model.parameters(), learning_rate=0.05),
        epochs=3, batch_size=batch_size, progress=False, executor=executor, **options,
    )  # fmt: skip
    return history, [parameter.data for parameter in model.parameters()]


@pytest.mark.parametrize("batch_size", [None, 2500, POINTS])
def test_fit_with_an_executor_is_fit_without(batch_size):
    def metric(prediction, target):
        return float(prediction.data * target > 0)

    executor = InThisProcess()
    there, parameters = trained(executor, batch_size, metric=metric)
    here, expected = trained(None, batch_size, metric=metric)
    assert executor.tasks
    assert there.engine == "compiled"
    assert np.allclose(parameters, expected, rtol=1e-9)
    assert np.allclose(there.losses, here.losses, rtol=1e-9)
    assert there.metrics == here.metrics
    assert trained(InThisProcess(), batch_size)[1] == trained(InThisProcess(), batch_size)[1]


@pytest.mark.slow
def test_fit_over_processes_has_the_same_bits_for_any_number():
    found = []
    for workers in (1, 2):
        with spawned(workers) as executor:
            found.append(trained(executor, 2500)[1])
    assert found[0] == found[1] == trained(InThisProcess(), 2500)[1]


def test_fit_ends_when_the_executor_does_and_keeps_its_steps():
    model = nn.MLP(3, [8, 1], rng=0)
    optimizer = nn.SGD(model.parameters(), learning_rate=0.05)
    one = trained(InThisProcess(), optimizer=nn.SGD)[1]
    chunks = InThisProcess()
    error = autodiff.compile(lambda x, y: (model(x) - y) ** 2)
    error(INPUTS[:1], TARGETS[:1])
    error.value_and_grad(INPUTS, TARGETS, executor=chunks)

    class Ends(InThisProcess):
        def submit(self, function, task):
            if self.tasks == 3 * chunks.tasks:
                raise RuntimeError("cannot schedule new futures after shutdown")
            return super().submit(function, task)

    with pytest.raises(ExecutorError, match="after shutdown"):
        nn.fit(model, INPUTS, TARGETS, nn.squared_error, optimizer=optimizer, epochs=9, progress=False, executor=Ends())
    assert [parameter.data for parameter in model.parameters()] == one


def test_fit_leaves_a_file_where_it_is(tmp_path):
    looks = Looks()
    model = nn.MLP(3, [8, 1], rng=0)
    data = in_a_file(tmp_path / "inputs", INPUTS), in_a_file(tmp_path / "targets", TARGETS)
    nn.fit(
        model, *data, nn.squared_error, optimizer=nn.Adam(model.parameters(), learning_rate=0.05), epochs=3,
        progress=False, executor=looks,
    )  # fmt: skip
    assert looks.results == [[tuple, tuple]] * looks.tasks
    assert [parameter.data for parameter in model.parameters()] == trained(InThisProcess())[1]


@pytest.mark.filterwarnings("ignore:the NumPy backend runs this program")
def test_an_executor_needs_a_compiled_loss():
    with pytest.raises(TypeError, match=r"executor must be a concurrent\.futures\.Executor, not int 2"):
        trained(2)
    opaque = operation("opaque_in_fit", lambda x: float(str(x)), lambda x, y: 1.0)
    model = nn.MLP(3, [1], rng=0)
    with pytest.raises(ExecutorError, match="'opaque_in_fit' cannot travel"):
        nn.fit(
            model, INPUTS, TARGETS, lambda p, y: opaque(p - y) ** 2, epochs=1, progress=False,
            optimizer=nn.SGD(model.parameters(), learning_rate=0.1), executor=InThisProcess(),
        )  # fmt: skip
    with pytest.raises(ValueError, match="an executor runs compiled losses alone"):
        trained(InThisProcess(), engine="eager")
    model = nn.MLP(3, [1], rng=0)
    with pytest.raises(TypeError, match="would freeze a number"):
        nn.fit(
            model, INPUTS, TARGETS, lambda p, y: (p - y) ** 2 * (1 if p.data else 2), epochs=1, progress=False,
            optimizer=nn.SGD(model.parameters(), learning_rate=0.1), executor=InThisProcess(),
        )  # fmt: skip


# ── Data larger than memory ──────────────────────────────────────────────────────────────────────


class Chunked:
    """An array that is read some rows at a time, as those of zarr are: it notes how many."""

    chunks = (500, 3)

    def __init__(self, array):
        self.array, self.read = array, []
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, rows):
        self.read.append(len(self.array[rows]))
        return self.array[rows]

    def __array__(self, dtype=None, copy=None):
        raise MemoryError("all of it")


@pytest.mark.parametrize("executor", [None, InThisProcess()], ids=["here", "executor"])
def test_an_array_in_a_file_is_read_chunk_by_chunk(executor, tmp_path, monkeypatch):
    monkeypatch.setattr("autodiff.compiling.batches.CHUNK", 500)
    monkeypatch.setattr("autodiff.compiling.batches.NUMBERS", 1000)
    error, _ = branching()
    whole = error.value_and_grad(INPUTS, TARGETS, executor=executor)
    mapped = np.memmap(tmp_path / "inputs", mode="w+", dtype=np.float64, shape=INPUTS.shape)
    mapped[:] = INPUTS
    same(whole, error.value_and_grad(mapped, TARGETS, executor=executor))
    chunked = Chunked(INPUTS)
    same(whole, error.value_and_grad(chunked, TARGETS, executor=executor))
    assert max(chunked.read) <= 500
    chunked.shape = (np.nan, 3)
    with pytest.raises(ValueError, match="no known length: call its compute_chunk_sizes"):
        error.value_and_grad(chunked, TARGETS)


def in_a_file(path, array):
    array.tofile(path)
    return np.memmap(path, array.dtype, "r", shape=array.shape)


class Looks(InThisProcess):
    """Notes how observations travel."""

    def submit(self, function, task):
        self.results.append([type(leaf) for leaf in task[-2]])
        assert type(task) is tuple
        return super().submit(function, task)


def test_a_file_travels_by_its_name_and_its_numbers_where_a_worker_has_another(tmp_path, monkeypatch):
    error, _ = branching()
    whole = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    inputs = in_a_file(tmp_path / "inputs", np.column_stack([TARGETS, INPUTS]))[:, 1:]
    targets = in_a_file(tmp_path / "targets", TARGETS.astype(np.int8))
    looks = Looks()
    same(whole, error.value_and_grad(inputs, targets, executor=looks))
    assert looks.results == [[tuple, tuple]] * looks.tasks
    chunks = looks.tasks

    looks = Looks()
    same(whole, error.value_and_grad(INPUTS, targets, executor=looks))
    assert looks.results == [[np.ndarray, tuple]] * chunks

    def opened(named):
        raise mapped.OtherFileError("no such file here")

    monkeypatch.setattr(executors, "opened", opened)
    looks = Looks()
    for _ in range(2):
        same(whole, error.value_and_grad(inputs, targets, executor=looks))
    assert looks.results == [[tuple, tuple]] * chunks + [[np.ndarray, np.ndarray]] * 2 * chunks


@pytest.mark.parametrize("how", ["removed", "longer", "later", "other numbers"])
def test_another_file_of_that_name_is_not_read(how, tmp_path):
    array = in_a_file(tmp_path / "numbers", INPUTS)[5:]
    named = mapped.by_name(array)
    assert np.array_equal(mapped.opened(named), INPUTS[5:])
    path, state = tmp_path / "numbers", os.stat(tmp_path / "numbers")
    if how == "removed":
        path.unlink()
    elif how == "longer":
        path.write_bytes(path.read_bytes() + b"0")
    elif how == "later":
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    else:
        changed = INPUTS.copy()
        changed[5] = 0.0
        changed.tofile(tmp_path / "new")
        os.replace(tmp_path / "new", path)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(mapped.OtherFileError):
        mapped.opened(named)


@pytest.mark.parametrize("order", ["C", "F"])
def test_any_part_of_a_file_can_be_named(order, tmp_path):
    in_a_file(tmp_path / "numbers", np.r_[np.zeros(3), INPUTS.ravel(order)])
    array = np.memmap(tmp_path / "numbers", np.float64, "r", offset=24, shape=INPUTS.shape, order=order)
    for part in (
        array,
        np.asarray(array),
        array[7:],
        array[::-1],
        array[3:900:7, 1:],
        array.T,
        array[5],
        array[1:][2:],
    ):
        assert np.array_equal(mapped.opened(mapped.by_name(part)), part)
    writable = np.memmap(tmp_path / "numbers", np.float64, "c")
    for other in (array + 1, np.array(array), array[:0], writable, INPUTS):
        assert mapped.by_name(other) is None


def blocks(size=1700, inputs=INPUTS):
    for start in range(0, len(inputs), size):
        yield inputs[start : start + size], TARGETS[start : start + size]


@pytest.mark.parametrize("executor", [None, InThisProcess()], ids=["here", "executor"])
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_blocks_are_the_batch(function, reduction, executor):
    error, model = function()
    value, gradient = error.value_and_grad(INPUTS, TARGETS, reduction=reduction)
    there = error.value_and_grad(blocks(), reduction=reduction, executor=executor)
    assert np.isclose(there[0], value, rtol=SUMMED)
    assert np.allclose(there[1], gradient, rtol=SUMMED, atol=SUMMED)
    same(there, error.value_and_grad(blocks(), reduction=reduction, executor=executor, at=error.vector()))
    assert error.backward(blocks(), reduction=reduction, executor=executor) == there[0]
    assert bits([parameter.grad for parameter in model.parameters()]) == bits(there[1])


def test_blocks_that_are_wrong_say_so():
    error, model = smooth()
    used = blocks()
    error.backward(used)
    before = [parameter.grad for parameter in model.parameters()]
    with pytest.raises(ValueError, match=r"no blocks.*make a new one"):
        error.backward(used)
    with pytest.raises(TypeError, match=r"tuple of the arguments, such as \(X, Y\).*block 0 is a ndarray"):
        error.backward(iter([INPUTS]))
    with pytest.raises(ValueError, match="block 1 is one observation"):
        error.backward(iter([(INPUTS, TARGETS), (INPUTS[0], TARGETS[0])]))
    spoilt = INPUTS.copy()
    spoilt[1800] = np.nan
    with pytest.raises(NonFiniteError, match="observation 100") as caught:
        error.backward(blocks(inputs=spoilt))
    assert "block 1, whose first observation is number 1700" in caught.value.__notes__[0]
    assert [parameter.grad for parameter in model.parameters()] == before
    with pytest.raises(ValueError, match="gradient of parameters alone"):
        error.value_and_grad(blocks(), wrt=0)


def test_memory_on_the_way_is_bounded(monkeypatch):
    monkeypatch.setattr(executors, "IN_FLIGHT", 20_000)
    waiting = []

    class Slow(InThisProcess):
        def submit(self, function, task):
            future = super().submit(function, task)
            waiting.append(future)
            take = future.result

            def result(timeout=None):
                waiting.remove(future)
                return take(timeout)

            future.result = result
            most.append(len(waiting))
            return future

    most = []
    error, _ = smooth()
    whole = error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
    same(whole, error.value_and_grad(INPUTS, TARGETS, executor=Slow()))
    assert max(most) == 5  # of 150 · 4 · 8 bytes each
    assert len(most) == 40


def test_large_data_has_more_and_larger_chunks(monkeypatch):
    monkeypatch.setattr(executors, "NUMBERS", 1000)
    error, _ = smooth()
    sizes = []
    for most in (2**23, 500):
        monkeypatch.setattr(executors, "MOST_NUMBERS", most)
        for count in (200, 500, 6000):
            executor = InThisProcess()
            error.value_and_grad(INPUTS[:count], TARGETS[:count], executor=executor)
            sizes.append(executor.tasks)
    assert sizes == [0, 2, 16, 2, 4, 48]


def test_a_worker_keeps_a_bounded_number_of_programs(monkeypatch):
    monkeypatch.setattr(executors, "KEPT", 3)
    monkeypatch.setattr(executors, "_ready", {})
    for _ in range(3):
        error, _ = branching("numpy")
        for _ in range(2):
            error.value_and_grad(INPUTS, TARGETS, executor=InThisProcess())
        assert len(executors._ready) == len(error.programs) == 4
    w = Value(1.0)
    for power in range(5):
        autodiff.compile(lambda x, n=power: w * x**n).value_and_grad(INPUTS[:, 0], executor=InThisProcess())
    assert len(executors._ready) == 3
