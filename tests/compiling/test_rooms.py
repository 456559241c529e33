"""Machine code writes into rooms whose sizes are reckoned beforehand, and nowhere else.

Each room, and each array of results, stands between guards: numbers that must be what they were. All are nan, so that
what is read before it was written, or from beyond, is found as well.
"""

import math

import numpy as np
import pytest

from autodiff import constant, total
from autodiff.program.lowering import lower
from tests.compiling.programs import bits, network, program_of, tangle

pytest.importorskip("numba", reason="the native backend needs numba")

from autodiff.compiling.inputs import Columns
from autodiff.compiling.native import NativeRunner, runner
from autodiff.compiling.native.machine import WIDTH
from autodiff.compiling.native.runner import CHUNK

GUARD, LINE = np.array(0x7FF8_0123_4567_89AB).view(np.float64), 64
ROOM = runner._Room
RNG = np.random.default_rng(0)


class Guards:
    """Stands for NumPy where machine code is called: its new arrays are guarded."""

    def __init__(self):
        self.around = []

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape):
        size = math.prod(np.atleast_1d(shape).tolist())
        numbers = np.full(size + 3 * LINE, GUARD)
        first = LINE + -numbers.ctypes.data // 8 % 8
        self.around += [numbers[:first], numbers[first + size :]]
        return numbers[first : first + size].reshape(shape)

    def full(self, shape, number):
        numbers = self.empty(shape)
        numbers[...] = number
        return numbers

    def room(self, size, rest):
        """In place of ``_Room``, without a gap between its parts or behind them."""
        room = object.__new__(ROOM)
        room.size, room.numbers = size, (self.empty(size), self.empty(rest))
        room.place, room.rest = (each.ctypes.data for each in room.numbers)
        return room

    def check(self):
        for each in self.around:
            assert (each.view(np.int64) == GUARD.view(np.int64)).all()


@pytest.fixture
def guards(monkeypatch):
    made = Guards()
    monkeypatch.setattr(runner, "np", made)
    monkeypatch.setattr(runner, "_Room", made.room)
    yield made
    made.check()


def shared(w, v, x):
    return (w * v).exp() * x.sin() + w * x + v.log() * (w * v)


PROGRAMS = {
    "a whole segment": (lambda a, b, c: (a + c - (a * c + c**3)) ** 2 / 2, 3, 0),
    "a whole segment of one input": (lambda a: a * a, 1, 0),
    "a whole segment, and a parameter that nothing reads": (lambda w, a, b: a * b + b, 3, 1),
    "a segment with parameters": (lambda w, v, x: (w * x + v) * x, 3, 2),
    "segments and functions": (lambda w, v, x, y: (w * x).tanh() * v + (x * y).exp() * w, 4, 2),
    "what is shared": (shared, 3, 2),
    "no parameters": (lambda x, y: x.exp() * y, 2, 0),
    "no input is read": (lambda w, x: w * w, 2, 1),
    "nothing is read": (lambda w, x: constant(2.0), 2, 1),
    "an input itself": (lambda w, x: x, 2, 1),
    "a sum": (lambda *x: total([each * each for each in x]), 20, 3),
    **{f"sums of products {seed}": (tangle(seed)[0], 5, 2) for seed in range(3)},
}
COUNTS = [1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 15, 16, 17, 127, 128, 129, 255, 257]
CHUNKS = [CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK, 3 * CHUNK - 1, 3 * CHUNK + 9]


def program_called(name):
    function, numbers, parameters = PROGRAMS[name]
    return lower(program_of(function, RNG.uniform(0.5, 1.5, numbers), parameters))


def runs(program, fused, threads=1):
    made = NativeRunner(program, threads)
    made.seen = math.inf
    made.fused = made.fused if fused else None
    return made


def results(made, theta, inputs):
    """What it gives, one thing after the other with the same rooms."""
    weights = np.linspace(0.5, 1.5, len(inputs))
    found = [made.values(theta, inputs)]
    for wrt_inputs in (True, False):
        for weight in (1.0, weights):
            found += made.gradient(theta, inputs, weight, wrt_inputs)
    return [bits(each) for each in found if each is not None]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_written_beyond(guards, monkeypatch, name, fused):
    program = program_called(name)
    made, theta = runs(program, fused), RNG.uniform(0.5, 1.5, len(program.parameters))
    for count in COUNTS[::-1] + COUNTS[::3]:
        inputs = RNG.uniform(0.5, 1.5, (len(program.inputs), count)).T
        with monkeypatch.context() as free:
            free.setattr(runner, "np", np)
            free.setattr(runner, "_Room", ROOM)
            wanted = results(runs(program, False), theta, inputs)
        for given in (inputs, np.ascontiguousarray(inputs), Columns([*inputs.T])):
            assert results(made, theta, given) == wanted


@pytest.mark.parametrize("name", ["a whole segment", "a segment with parameters", "a sum"])
@pytest.mark.parametrize("count", CHUNKS)
def test_nothing_is_written_beyond_where_there_are_chunks_and_threads(guards, monkeypatch, name, count):
    monkeypatch.setattr(runner, "WORK", 1)
    program = program_called(name)
    theta = RNG.uniform(0.5, 1.5, len(program.parameters))
    inputs = RNG.uniform(0.5, 1.5, (len(program.inputs), count)).T
    wanted = results(runs(program, False), theta, inputs)
    for threads in (1, 2, 3):
        made = runs(program, True, threads)
        for given in (inputs, Columns([*inputs.T]), inputs.astype(np.longdouble)):
            assert results(made, theta, given) == wanted


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_nothing_is_written_beyond_in_networks(guards, fused, careful):
    program, theta, _ = network([9, 33, 7, 1])
    program = lower(program)
    made = runs(program, fused)
    for count in (200, 1, 2, 9, 129):
        inputs = RNG.normal(size=(count, 10))
        inputs[0, 0] = math.inf if careful else 1.0
        made.gradient(theta, inputs, 1.0, True)
        made.gradient(theta, inputs, np.ones(count), False)


@pytest.mark.parametrize("parameters", [1, 7, 8, 9, 130])
@pytest.mark.parametrize("fused", [False, True])
def test_nothing_is_written_beyond_in_descents(guards, fused, parameters):
    def function(*x):
        return total([w * w * x[-1] + w * x[-2] for w in x[:-2]]) ** 2

    program = lower(program_of(function, np.ones(parameters + 2), parameters))
    made = runs(program, fused)
    inputs = RNG.normal(size=(300, 2)) / 100
    for sizes in ([1, 1], [8, 1], [130, 7, 1, 2], [300]):
        starts = np.cumsum([0, *sizes])
        theta, state = np.ones(parameters), np.zeros((2, parameters))
        _, steps = made.descend(
            theta, state, inputs, np.arange(300), starts, np.full(len(sizes), 1e-3), 1,
            lambda gradient, rate, step, one, two: (-rate * gradient * one, one + gradient, two + one),
        )  # fmt: skip
        assert steps == len(sizes)
        assert np.isfinite(theta).all()


@pytest.mark.parametrize("smaller", [{"once": 0}, {"each": 8}], ids=str)
def test_a_room_that_is_too_small_is_found(monkeypatch, smaller):
    made, guards = runs(program_called("a whole segment"), True), Guards()
    monkeypatch.setattr(runner, "_Room", guards.room)
    code = made.fused.code(True, runner.QUICK)
    assert code.each == 9
    made.fused.found[True, runner.QUICK] = code._replace(**smaller)
    made.gradient(np.empty(0), np.ones((9, 3)), 1.0, True)
    with pytest.raises(AssertionError):
        guards.check()
