import json
import math
import zlib

import numpy as np
import pytest

from autodiff import Value, dot, operation, select, tanh, total
from autodiff.checking.strategies import draw_graphs
from autodiff.compiling.backends import prepare
from autodiff.compiling.recording import record
from autodiff.program.lowering import lower
from autodiff.program.program import Instruction, Program, assemble
from autodiff.program.storage import VERSION, dumps, loads
from autodiff.program.writers import UnwritableError
from autodiff.registry import BUILT_IN, lookup

RNG = np.random.default_rng(0)


def program_of(function, count):
    inputs = [Value(number, label=f"x{at}") for at, number in enumerate(RNG.normal(size=count))]
    return record(function, inputs, {}, inputs, []).program


def same(program, other):
    assert str(program) == str(other)
    assert program.instructions == other.instructions
    assert program.guards == other.guards
    assert program.shared == other.shared
    assert program.constants.tobytes() == other.constants.tobytes()
    assert program.outputs.tolist() == other.outputs.tolist()
    assert dumps(other) == dumps(loads(dumps(other)))


def test_random_programs_come_back_as_they_were():
    for graph in draw_graphs(seed=5, count=20, min_size=15):
        program = program_of(graph, len(graph.inputs))
        same(program, loads(dumps(program)))
        same(lower(program), loads(dumps(lower(program))))


def test_every_operation_guard_and_number_comes_back():
    rows = [lookup(name) for name in sorted(BUILT_IN - {"variable", "constant"})]
    instructions = [Instruction(row, (0,) * (2 if row.arity is None else row.arity)) for row in rows]
    numbers = [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308]
    program = assemble(numbers, ["w", "ω\n\ud800"], ["x"], instructions, [20, 3], labels={12: "h"}, shared=2)
    same(program, loads(dumps(program)))
    branching = program_of(lambda x, y: x * y if x > y else y, 2)
    assert branching.guards
    same(branching, loads(dumps(branching)))


def test_an_operation_of_the_users_own_travels_as_its_formulas():
    odd = operation(
        "odd_one", lambda x, y: x * tanh(y) if x > 0 else y / x, lambda x, y, out: out + y, lambda x, y, out: out * x
    )
    sums = operation("sums", lambda *x: total(x) * 2, lambda x, y: [2.0 * y for _ in x], variadic=True)
    program = program_of(lambda x, y, z: odd(x, y) + sums(x, z) * sums(x, y, z) + odd(z, z), 3)
    there = loads(dumps(program))
    assert str(there) == str(program)
    assert {*there.operations}.isdisjoint({odd, sums})
    points = RNG.normal(size=(50, 3))
    points[0] = 0.0
    for here, theirs in zip(
        prepare(program, "numpy").gradient(np.empty(0), points, wrt_inputs=True),
        prepare(there, "numpy").gradient(np.empty(0), points, wrt_inputs=True),
    ):
        assert np.array_equal(here, theirs, equal_nan=True)


def test_an_operation_that_is_no_formula_is_refused():
    opaque = operation("opaque", lambda x: math.floor(x) * 1.0, lambda x, y: 1.0)
    with pytest.raises(UnwritableError, match=r"'opaque' cannot travel .* arithmetic and the operations of autodiff"):
        dumps(program_of(lambda x: opaque(x) * 2, 1))


def test_what_is_no_program_or_another_version_is_refused():
    data = dumps(program_of(lambda x, y: dot([x, y], [y, x]) + select([x, y], 1), 2))
    with pytest.raises(ValueError, match="no program"):
        loads(b"{}")
    with pytest.raises(ValueError, match=f"format {VERSION + 1} cannot .* format is {VERSION}: the same version"):
        loads(data.replace(b" %d\n" % VERSION, b" %d\n" % (VERSION + 1), 1))
    head, _, packed = data.partition(b"\n")
    told = json.loads(zlib.decompress(packed))
    for key, bad in (("operands", [99] * 9), ("operations", ["nothing"]), ("opcodes", [0, 7]), ("constants", "0")):
        with pytest.raises(ValueError, match="damaged"):
            loads(head + b"\n" + zlib.compress(json.dumps({**told, key: bad}).encode()))
    for cut in range(len(head) + 1, len(data), 7):
        with pytest.raises(ValueError, match="damaged"):
            loads(data[:cut])


def test_programs_of_graphs_too():
    program, _ = Program.from_graph((Value(2.0, label="w") * 3).tanh())
    same(program, loads(dumps(program)))
