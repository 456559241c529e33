"""The two zeros, on every backend: nothing flows where nothing depends, and a number 0 times infinity is nan."""

import json
import math
import random
import shutil
import subprocess
from importlib.util import find_spec

import numpy as np
import pytest

from autodiff import OPERATIONS, ZERO, Value, dot, exp, hypot, log, lookup, norm, operation, sqrt, total, where
from autodiff.compiling.numpy.runner import NumpyRunner
from autodiff.program.javascript import javascript
from autodiff.program.lowering import lower
from autodiff.program.program import Program
from autodiff.program.writers import JAVASCRIPT
from tests.compiling.programs import program_of

node = shutil.which("node")
ROUNDING = 1e-9
"""Relative: elementary functions of NumPy and JavaScript differ in the last places, and graphs are short."""


def of_runner(kind):
    def gradients(function, points):
        found = []
        for passes in (None, ()):
            program = program_of(function, points[0])
            runner = kind(program if passes is None else lower(program))
            each = [runner.gradient(np.empty(0), np.array([point]), wrt_inputs=True)[2][0] for point in points]
            together = runner.gradient(np.empty(0), np.array(points), wrt_inputs=True)[2]
            found += [each, together]
        runner = kind(lower(program_of(function, points[0], 1)))  # what is computed of the parameter alone is shared
        each = [runner.gradient(np.array(point[:1]), np.array([point[1:]]), wrt_inputs=True) for point in points]
        return [*found, [[*gradient, *slopes[0]] for _, gradient, slopes, _ in each]]

    return gradients


def native(function, points):
    from autodiff.compiling.native import NativeRunner

    return of_runner(NativeRunner)(function, points)


def browser(function, points):
    leaves = [*map(Value, points[0])]
    program, _ = Program.from_graph(function(*leaves), parameters=leaves)
    first, end = program.first_parameter, program.first_input
    listed = [", ".join(JAVASCRIPT.number(x).text for x in point) for point in points]
    script = f"""const program = {javascript(program)};
    const found = [{", ".join(f"[{each}]" for each in listed)}].map((point) =>
      [...program.backward(program.forward(point)).gradients].slice({first}, {end}).map(String));
    process.stdout.write(JSON.stringify(found));"""
    result = subprocess.run([node, "-"], input=script, capture_output=True, encoding="utf-8", check=True)
    return [[[*map(float, row)] for row in json.loads(result.stdout)]]


def jax(function, points):
    from autodiff.compiling.jax import JaxRunner

    return of_runner(JaxRunner)(function, points)


BACKENDS = {"numpy": of_runner(NumpyRunner)}
if find_spec("jax"):
    BACKENDS["jax"] = jax
if find_spec("numba"):
    BACKENDS["native"] = native
if node:
    BACKENDS["browser"] = browser
on_every_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def eager(function, points):
    found = []
    for point in points:
        leaves = [*map(Value, point)]
        function(*leaves).backward()
        found.append([leaf.grad for leaf in leaves])
    return found


def agree(backend, function, points):
    wanted = eager(function, points)
    for found in backend(function, points):
        np.testing.assert_allclose(found, wanted, rtol=ROUNDING, atol=ROUNDING)
    return wanted


def is_positive(x):
    """1 where x is positive, recorded as a branch within the graph."""
    return lookup("where")(x.relu(), 1.0, 0.0)


def maximum(a, b):
    return lookup("maximum")(a, b)


QUIET = {
    "an untaken branch": lambda x: where(is_positive(x), sqrt(x), 0.0),
    "relu below": lambda x: (sqrt(x) - 1.0).relu(),
    "relu of a root": lambda x: sqrt(x).relu(),
    "the loser": lambda x: maximum(sqrt(x), x + 1.0),
    "a branch within a branch": lambda x: where(is_positive(x), log(x), where(is_positive(x), 1.0 / x, x * 0.0)),
    "a dot that is not taken": lambda x: where(is_positive(x), dot([log(x), sqrt(x)], [2.0, x]), 0.0 * x),
}


@on_every_backend
@pytest.mark.parametrize("function", QUIET.values(), ids=QUIET)
def test_nothing_flows_along_a_branch_that_is_not_taken(backend, function):
    [[at_zero], *_] = agree(backend, function, [[0.0], [2.0], [0.0], [-0.0], [0.25]] + [[0.0]] * 6)
    assert math.isfinite(at_zero)


COMPUTED = {
    "a quotient": lambda x: 1 / (1 + 2 / x),
    "a sum of logarithms": lambda x: exp(log(x) + log(3.0 * x)),
    "a squared root": lambda x: sqrt(x) ** 2,
    "a product with 0": lambda x: sqrt(x) * 0.0,
    "a dot with 0": lambda x: dot([sqrt(x), x], [0.0, 2.0]),
    "a length written out": lambda x: sqrt(x * x + 4.0 * x * x),
}


@on_every_backend
@pytest.mark.parametrize("function", COMPUTED.values(), ids=COMPUTED)
def test_a_zero_that_is_computed_is_a_number_and_times_infinity_it_is_nan(backend, function):
    [[at_zero], *_] = agree(backend, function, [[0.0], [2.0], [0.0], [0.25]] + [[0.0]] * 6)
    assert math.isnan(at_zero)


@on_every_backend
@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_the_norm_of_zeros_has_the_gradient_zero(backend, size):
    points = [[0.0] * size, [*range(size)], [-0.0] * size, [math.inf] * size, [math.nan] + [0.0] * (size - 1)]
    wanted = agree(backend, lambda *numbers: norm(numbers), [*points, [1e200] * size, [1e-200] * size])
    assert wanted[0] == [0.0] * size


@on_every_backend
def test_the_length_of_two_zeros_has_the_gradient_zero(backend):
    wanted = agree(backend, lambda a, b: hypot(a, b), [[0.0, 0.0], [3.0, -4.0], [0.0, 2.0], [1e200, 1e-200]])
    assert wanted[0] == [0.0, 0.0]


ROWS = ["add", "multiply", "divide", "subtract", "sqrt", "relu", "maximum", "where", "hypot", "norm", "dot", "total"]
ROWS += ["absolute", "negative", "minimum", "leaky_relu", "log", "select"]
SPECIAL = [0.0, 0.0, -0.0, 1.0, 2.0, -1.0, math.inf, 0.5]


def graph(seed):
    """A small graph in which zeros, infinities and branches meet, and points that are full of them."""
    draw = random.Random(seed)
    recipe = []
    for size in range(3, draw.randint(6, 16)):
        row = lookup(draw.choice(ROWS))
        arity = row.arity or draw.choice([2, 4, 6])
        near = [draw.randrange(max(0, size - 6), size) for _ in range(arity)]
        operands = [at if draw.random() < 0.8 else draw.choice([0.0, 2.0, -1.0]) for at in near]
        if row.name == "select":
            operands[0] = float(draw.randrange(arity - 1))
        recipe.append((row, operands))

    def function(*numbers):
        slots = [*numbers]
        for row, operands in recipe:
            slots.append(row(*[slots[at] if type(at) is int else at for at in operands]))
        return total([*slots[-3:], numbers[0] * 1.0])

    return function, [[draw.choice(SPECIAL) for _ in range(3)] for _ in range(draw.choice([1, 3, 9]))]


@on_every_backend
def test_random_graphs_with_zeros_and_infinities_have_the_gradients_of_the_eager_engine(backend):
    known = 0
    seeds = {browser: 25, jax: 4}.get(backend, 150)  # the others are quicker
    for seed in range(seeds):
        wanted = agree(backend, *graph(seed))
        known += np.isfinite(wanted).any() and not np.isfinite(wanted).all()
    assert known > seeds // 50


@pytest.fixture
def own():
    """Operations whose rules call ``math``, and say that there is no dependence where x is not positive."""
    yield [
        operation("own_root", lambda x: math.sqrt(max(x, 0.0)), lambda x, y: 0.5 / math.sqrt(x) if x > 0 else ZERO),
        operation("own_length", lambda x, z: math.hypot(x, z), lambda x, z, y: nothing_at(x), lambda x, z, y: z / y),
    ]
    del OPERATIONS["own_root"], OPERATIONS["own_length"]


def nothing_at(x):
    return math.copysign(1.0, x) * 0.0 if x else ZERO


@pytest.mark.parametrize("backend", [each for name, each in BACKENDS.items() if name in ("numpy", "native")])
def test_rules_that_are_called_say_zero_too(backend, own):
    root, length = own
    for function in (
        lambda x, z: root(log(x)) + z,
        lambda x, z: root(x) + length(sqrt(x), z + 1.0),
        lambda x, z: length(x, 1.0) * math.inf,
    ):
        agree(backend, function, [[0.0, 1.0], [0.5, 2.0], [3.0, 0.0], [-2.0, 1.0], [0.0, 0.0]])
