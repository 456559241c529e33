"""Random functions, compiled and eager: the same values, gradients and errors.

A seed gives a function, made of Python closures: expressions with branches on numbers, loops, exceptions, derivatives
inside, choices, detached numbers, shared parameters, and structures of arguments and results. ``pytest --fuzz N``
tries N of them in place of a few.
"""

import math
import random
import warnings

import numpy as np
import pytest

from autodiff import (
    OPERATIONS,
    Value,
    compile,
    detect_anomaly,
    dot,
    grad,
    jvp,
    log,
    log_sum_exp,
    lookup,
    maximum,
    mean,
    norm,
    relu,
    select,
    softmax,
    sqrt,
    total,
    where,
)  # fmt: skip
from autodiff.compiling import NonFiniteError
from autodiff.operations import CONSTANT

UNARY = [row for row in OPERATIONS.values() if row.arity == 1]
BINARY = [row for row in OPERATIONS.values() if row.arity == 2]
NUMBERS = [-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0]
EDGES = [-0.0, 1e-8, -30.0, 40.0, 1e200, 5e-324, math.inf, -math.inf, math.nan]


class OwnError(LookupError):
    """Raised by a function that was made, and caught or not."""


class Maker:
    """Expressions of a seed: each is a function of ``numbers``, the inputs and what was computed from them so far."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.parameters = [Value(self.number()) for _ in range(self.random.randint(0, 3))]
        self.inputs = self.random.randint(1, 4)
        self.is_exact = True
        """Whether values must have the same bits: what holds a derivative may differ in the last place."""
        self.kinds = [
            *["leaf"] * 2, *["unary"] * 4, *["binary"] * 8, "several", "where", "branch", "branch", "loop", "until",
            "raises", "derivative", "second", "forward", "detached", "choice", "softmax", "ordered", "shared", "truth",
            "inside", "fails", "singular",
        ]  # fmt: skip

    def number(self):
        pool = EDGES if self.random.random() < 0.03 else NUMBERS
        return self.random.choice(pool) if self.random.random() < 0.7 else self.random.uniform(-3.0, 3.0)

    def expression(self, depth, inputs=None):
        """An expression of ``inputs`` numbers."""
        inputs = self.inputs if inputs is None else inputs
        kind = self.random.choice(self.kinds) if depth > 0 else "leaf"
        return getattr(self, f"a_{kind}")(depth - 1, inputs)

    def several(self, depth, inputs, least=1):
        return [self.expression(depth, inputs) for _ in range(self.random.randint(least, 4))]

    def comparison(self, depth, inputs):
        left, right = self.expression(depth, inputs), self.expression(0, inputs)
        compare = self.random.choice(
            [
                lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b, lambda a, b: a == b,
                lambda a, b: a != b, lambda a, b: not (a < b) and a != a + b, lambda a, b: 0 < a <= b or b < 0,
            ]
        )  # fmt: skip
        return lambda numbers: compare(left(numbers), right(numbers))

    def a_leaf(self, depth, inputs):
        kind = self.random.random()
        if self.parameters and kind < 0.3:
            leaf = self.random.choice(self.parameters)
            return lambda numbers: leaf
        if kind < 0.45:
            number = self.number()
            return lambda numbers: number
        at = 1 + self.random.randrange(inputs)
        return lambda numbers: numbers[at]

    def a_unary(self, depth, inputs):
        row, of = self.random.choice(UNARY), self.expression(depth, inputs)
        return lambda numbers: row(of(numbers))

    def a_binary(self, depth, inputs):
        operators = [
            lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lookup("divide"), lookup("power"),
            lambda a, b: -a * abs(b), *BINARY,
        ]  # fmt: skip
        apply = self.random.choice(operators)
        left, right = self.expression(depth, inputs), self.expression(depth, inputs)
        return lambda numbers: apply(left(numbers), right(numbers))

    def a_several(self, depth, inputs):
        of = self.several(depth, inputs)
        apply = self.random.choice(
            [total, mean, norm, log_sum_exp, lambda each: dot(each, each[::-1]), lambda each: sum(each)]
        )
        return lambda numbers: apply([each(numbers) for each in of])

    def a_softmax(self, depth, inputs):
        of = self.several(depth, inputs)
        self.is_exact = False
        return lambda numbers: softmax([each(numbers) for each in of])[-1]

    def a_where(self, depth, inputs):
        parts = [self.expression(depth, inputs) for _ in range(3)]
        return lambda numbers: where(*(part(numbers) for part in parts))

    def a_singular(self, depth, inputs):
        """Something whose derivative is infinite somewhere, behind a branch that is not taken there."""
        of, other, apply = self.expression(depth, inputs), self.expression(0, inputs), self.random.choice([sqrt, log])
        return self.random.choice(
            [
                lambda numbers: apply(relu(of(numbers))),
                lambda numbers: (lambda x: where(x, apply(x), other(numbers)))(of(numbers)),
                lambda numbers: maximum(apply(of(numbers)), other(numbers)),
                lambda numbers: 1.0 / (1.0 + 2.0 / (relu(of(numbers)) + other(numbers))),
            ]
        )

    def a_branch(self, depth, inputs):
        condition, a, b = self.comparison(depth, inputs), self.expression(depth, inputs), self.expression(depth, inputs)
        return lambda numbers: a(numbers) if condition(numbers) else b(numbers)

    def a_truth(self, depth, inputs):
        a, b = self.expression(depth, inputs), self.expression(depth, inputs)
        return self.random.choice([lambda numbers: a(numbers) or b(numbers), lambda numbers: a(numbers) and b(numbers)])

    def a_ordered(self, depth, inputs):
        of = self.several(depth, inputs, least=2)
        choose = self.random.choice([max, min, lambda each: sorted(each)[len(each) // 2]])
        return lambda numbers: choose([each(numbers) for each in of])

    def a_loop(self, depth, inputs):
        step, times, first = self.expression(depth, inputs + 1), self.random.randint(0, 3), self.expression(0, inputs)

        def run(numbers):
            found = first(numbers)
            for _ in range(times):
                found = step([*numbers, found])
            return found

        return run

    def a_until(self, depth, inputs):
        bound, factor, first = self.number(), self.random.choice([0.5, -0.5, 0.25]), self.expression(depth, inputs)

        def run(numbers):
            found = first(numbers)
            for _ in range(4):
                if not abs(found) > abs(bound):
                    break
                found = found * factor
            return found

        return run

    def a_raises(self, depth, inputs):
        condition, a, b = self.comparison(depth, inputs), self.expression(depth, inputs), self.expression(depth, inputs)

        def run(numbers):
            try:
                if condition(numbers):
                    raise OwnError
                return a(numbers)
            except OwnError:
                return b(numbers)

        return run

    def a_fails(self, depth, inputs):
        condition, a = self.comparison(depth, inputs), self.expression(depth, inputs)
        rarely = self.random.random() < 0.1

        def run(numbers):
            if rarely and condition(numbers):
                raise OwnError
            return a(numbers)

        return run

    def _inner(self, depth, inputs):
        """A function of one more number, and an expression for that."""
        of, at = self.expression(min(depth, 2), inputs + 1), self.expression(0, inputs)
        self.is_exact = False
        return (lambda numbers: lambda z: of([*numbers, z])), at

    def a_derivative(self, depth, inputs):
        of, at = self._inner(depth, inputs)
        return lambda numbers: grad(of(numbers))(at(numbers))

    def a_second(self, depth, inputs):
        of, at = self._inner(min(depth, 1), inputs)
        return lambda numbers: grad(grad(of(numbers)))(at(numbers))

    def a_forward(self, depth, inputs):
        of, at = self._inner(depth, inputs)
        direction = self.expression(0, inputs)
        return lambda numbers: jvp(of(numbers), (at(numbers),), (direction(numbers),))[1]

    def a_detached(self, depth, inputs):
        of = self.expression(depth, inputs)

        def run(numbers):
            found = of(numbers)
            return found.detach() if isinstance(found, Value) else found

        return run

    def a_choice(self, depth, inputs):
        """A choice by the first number, which is 0, 1 or 2."""
        of = [self.expression(depth, inputs) for _ in range(3)]
        return lambda numbers: select([each(numbers) for each in of], numbers[0])

    def a_shared(self, depth, inputs):
        first, then = self.expression(depth, inputs), self.expression(depth, inputs + 1)
        return lambda numbers: then([*numbers, first(numbers)])

    def a_inside(self, depth, inputs):
        of = self.expression(depth, inputs)
        inner = compile(lambda *numbers: of(numbers))
        return lambda numbers: inner(*numbers)

    def function(self):
        """The function, whose arguments hold its inputs in some structure, and what makes its arguments of numbers."""
        roots = [self.expression(self.random.randint(1, 5)) for _ in range(self.random.choice([1, 1, 1, 2, 3]))]
        shape = self.random.choice([tuple, list, lambda each: {"a": each[0], "b": each[1:]}, lambda each: [each, 1.0]])
        given = self.random.choice(["numbers", "a list", "a dict"])

        def function(index, *arguments):
            numbers = arguments
            if given == "a list":
                (numbers,) = arguments
            elif given == "a dict":
                numbers = [arguments[0]["first"], *arguments[0].get("others", ())]
            found = [root([index, *numbers]) for root in roots]
            return found[0] if len(found) == 1 else shape(found)

        def arguments(rows):
            """Of one observation, or of a batch: its columns."""
            if given == "a list":
                return [np.transpose(rows)]
            return [*rows] if given == "numbers" else [{"first": rows[0], "others": np.transpose(rows[1:])}]

        return function, arguments

    def observation(self):
        return [self.number() for _ in range(self.inputs)]


# ── Both ways ────────────────────────────────────────────────────────────────────────────────────


def leaves(result):
    """The numbers of a result, in order."""
    if isinstance(result, dict):
        return [leaf for key in sorted(result) for leaf in leaves(result[key])]
    if isinstance(result, (list, tuple)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def eagerly(function, arguments, index, row, parameters):
    """The values, whether the result is one scalar, and the gradients of the parameters and inputs then."""
    inputs = [*map(Value, row)]
    result = function(index, *arguments(inputs))
    values = [float(getattr(leaf, "number", leaf)) for leaf in leaves(result)]
    if isinstance(result, (dict, list, tuple)):
        return values, None
    if not isinstance(result, Value) or result.op is CONSTANT:
        return values, [0.0] * (len(parameters) + len(inputs))
    before = [leaf.grad for leaf in parameters]
    for leaf in parameters:
        leaf.grad = 0.0
    result.backward()
    gradient = [leaf.grad + 0.0 for leaf in (*parameters, *inputs)]
    for leaf, earlier in zip(parameters, before):
        leaf.grad = earlier
    return values, gradient


def outcome(run):
    """What it gives, or its error."""
    try:
        return run(), None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return None, error


def are_close(found, expected, tolerance=1e-9):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        scale = np.maximum(1.0, np.abs(expected))
        same = (
            (found == expected) | (np.isnan(found) & np.isnan(expected)) | (abs(found - expected) <= tolerance * scale)
        )
    return bool(same.all())


def is_touchy(run, rows, parameters):
    """Whether the eager numbers themselves change much where inputs and parameters move in the last places."""
    base = outcome(lambda: run(rows))
    numbers = [leaf.data for leaf in parameters]
    try:
        for move in (1.0 + 8e-16, 1.0 - 8e-16):
            for leaf, number in zip(parameters, numbers):
                leaf.data = number * move
            moved = (np.array(rows) * move).tolist()
            other = outcome(lambda moved=moved: run(moved))
            if base[1] is not None or other[1] is not None:
                if type(base[1]) is not type(other[1]):
                    return True
            elif not all(are_close(a, b, 1e-13) for a, b in zip(base[0], other[0])):
                return True
    finally:
        for leaf, number in zip(parameters, numbers):
            leaf.data = number
    return False


def difference(seed, backend):
    """In what a random function, compiled, differs from itself; "touchy" if it may by rounding, None if in nothing."""
    maker = Maker(seed)
    function, arguments = maker.function()
    compiled = compile(function, backend=backend, parameters=maker.parameters, max_branches=6)
    for _ in range(2):
        rows = [maker.observation() for _ in range(maker.random.choice([1, 3, 5]))]
        indices = [maker.random.randrange(3) for _ in rows]
        batch = [np.array(indices, float), *arguments(np.array(rows).T)]

        def eager(rows, indices=indices):
            found = [eagerly(function, arguments, *each, maker.parameters) for each in zip(indices, rows)]
            values = [values for values, _ in found]
            return values, [] if found[0][1] is None else [gradient for _, gradient in found]

        fault = _difference(maker, compiled, batch, rows, eager, backend)
        if fault is not None:
            return "touchy" if is_touchy(eager, rows, maker.parameters) else fault
        for leaf in maker.parameters:
            leaf.data = maker.number()
    return None


def _difference(maker, compiled, batch, rows, eager, backend):
    expected, failed = outcome(lambda: eager(rows))
    found, refused = outcome(lambda: compiled(*batch))
    if failed is not None or refused is not None:
        return None if type(failed) is type(refused) else f"error {failed!r} eagerly, {refused!r} compiled"
    values, gradients = expected
    columns = np.array([np.broadcast_to(column, len(rows)) for leaf in leaves(found) for column in _columns(leaf)]).T
    if backend == "native" and maker.is_exact:
        if not np.array_equal(columns + 0.0, np.array(values) + 0.0, equal_nan=True):
            return f"values {values} eagerly, {columns.tolist()} compiled"
    elif not are_close(columns, values):
        return f"values {values} eagerly, {columns.tolist()} compiled"
    if not gradients:
        return None
    wrt = ("parameters", *range(1, len(batch)))
    found, refused = outcome(lambda: compiled.value_and_grad(*batch, reduction="sum", wrt=wrt))
    is_finite = np.isfinite(values).all() and np.isfinite(gradients).all()
    if isinstance(refused, NonFiniteError):
        with np.errstate(all="ignore"):
            overflows = not np.isfinite(np.sum(values)) or not np.isfinite(np.sum(gradients, axis=0)).all()
        return None if overflows else f"{refused!r} compiled, finite numbers eagerly: {expected}"
    if isinstance(refused, TypeError) and "one scalar" in str(refused):  # a plain number in every observation
        return None if not np.any(gradients) else f"{refused!r} compiled, {expected} eagerly"
    if refused is not None:
        return f"{refused!r} compiled, {expected} eagerly"
    if not is_finite:
        return f"not finite eagerly: {expected}, {found} compiled"
    _, (of_parameters, *of_inputs) = found
    count = len(maker.parameters)
    columns = np.array([leaf for part in of_inputs for leaf in _columns(part)]).T
    if not are_close(columns, [each[count:] for each in gradients], 1e-7):
        return f"gradients of inputs {gradients} eagerly, {columns.tolist()} compiled"
    if not are_close(of_parameters, np.sum([each[:count] for each in gradients], axis=0), 1e-7):
        return f"gradients of parameters {gradients} eagerly, {of_parameters.tolist()} compiled"
    return None


def _columns(part):
    """The columns of a result or a gradient: a dict's in the order of its making."""
    if isinstance(part, dict):
        return [part["first"], *part["others"].T]
    return [*part.T] if np.ndim(part) == 2 else [part]


def check(seeds, backend):
    faults = {}
    touchy = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*branched on its numbers in more than", RuntimeWarning)
        for seed in seeds:
            fault = difference(seed, backend)
            if fault == "touchy":
                touchy += 1
            elif fault is not None:
                faults[seed] = fault
    assert not faults, "\n".join(f"seed {seed}: {fault}" for seed, fault in [*faults.items()][:20])
    assert touchy <= max(3, len(seeds) // 20)


def anomalies(seed):
    """What a random function gives, or that a number is not finite: eagerly, in a recording, and compiled."""
    maker = Maker(seed)
    maker.kinds.remove("choice")  # of plain numbers, the eager engine makes no node
    function, arguments = maker.function()
    compiled = compile(function, backend="numpy", parameters=maker.parameters)

    def inside(*arguments):
        with detect_anomaly():
            return function(*arguments)

    def around(*arguments):
        with detect_anomaly():
            return compiled(*arguments)

    for _ in range(2):
        row = maker.observation()
        runs = {
            "eagerly": lambda row=row: inside(Value(0.0), *arguments([*map(Value, row)])),
            "in a recording": lambda row=row: compile(inside, backend="numpy", parameters=maker.parameters)(
                0.0, *arguments(row)
            ),
            "compiled": lambda row=row: around(0.0, *arguments(row)),
        }
        yield {how: outcome(lambda run=run: [float(getattr(leaf, "number", leaf)) for leaf in leaves(run())])
               for how, run in runs.items()}  # fmt: skip


def test_random_functions_meet_the_same_anomalies_when_they_are_compiled(request):
    for seed in range(request.config.getoption("--fuzz") or 60):
        for found in anomalies(seed):
            (expected, failed), *others = found.values()
            if failed is None and not np.isfinite(expected).all():  # of plain numbers, such as a derivative of nothing
                continue
            for values, refused in others:
                assert type(refused) is type(failed), (seed, found)
                assert failed is not None or are_close(values, expected), (seed, found)


def test_random_functions_are_themselves_when_they_are_compiled(request):
    check(range(request.config.getoption("--fuzz") or 60), "numpy")


@pytest.mark.slow
def test_random_functions_are_themselves_in_machine_code(request):
    pytest.importorskip("numba", reason="the native backend needs it")
    check(range(request.config.getoption("--fuzz") or 300), "native")
