"""The language of compiled code: a function in it gives what Python makes of the same text."""

import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which comes with numba")

from autodiff.compiling.native import engine, machine
from autodiff.compiling.native.language import Text
from tests.compiling.programs import bits

RNG = np.random.default_rng(0)
NUMBERS = [0.0, -0.0, 1.0, -1.5, 3.0, 1e308, 5e-324, math.inf, -math.inf, math.nan, *RNG.normal(size=5).tolist()]
INTEGERS = [-17, -8, -1, 0, 1, 3, 8, 100]

OF_NUMBERS = {
    "arithmetic": "return (x + y) * x - y / 3.0",
    "a sign": "return -x + +y",
    "comparisons": "return 1.0 * (x < y) + 2.0 * (x <= y) + 4.0 * (x == y) + 8.0 * (x != y) + 16.0 * (x >= y)",
    "a choice": "return x if x > y else -1 if y > 0.0 else 2.5",
    "a choice by several": "return 1.0 if x > 0.0 and y > 0.0 or not x < 1.0 else 0.0",
    "names of two types": "t = x > y\n    u = 1.0 if t else 2.0\n    t = x * u\n    return t + u",
    "several names at once": "a, b = y, x\n    a, b = b, a\n    c = d = a\n    c += 1.0\n    return a - b * c + d",
    "a loop that ends early": "t = 0.0\n    for i in range(3, 20, 4):\n        t += x\n        if t > y:\n"
    "            break\n        t += 1.0 * i\n    return t",
    "a loop downwards": "t = y\n    for i in range(5, -1, -2):\n        t = t * 0.5 + x * i\n    return t",
    "returning early": "if x > y:\n        return x\n    else:\n        y = y + 1.0\n    return y",
    "functions of math": "return math.exp(x) + math.atan2(x, y) * math.sqrt(math.fabs(y))",
    "what is finite": "return 1.0 if math.isfinite(x) else y",
}  # fmt: skip


def compiled(text):
    """The function ``run`` of two numbers, as machine code."""
    call = "\n\ndef call(given: Longs) -> float:\n    p = floats(given, 0)\n    return run(p[0], p[1])\n"
    place = engine.address(Text(text + call, {**vars(machine), "math": math}), "call", kept=False)

    def run(*operands):
        numbers = np.array(operands, float)
        return engine.ENTRY(place)(np.array([numbers.ctypes.data]).tobytes())

    return run


def python(text):
    """The same as Python runs it, with nan and infinity where it raises."""
    namespace = {"math": machine_math, **dict.fromkeys(("Longs", "Floats"))}
    exec(text, namespace)
    return namespace["run"]


class machine_math:  # noqa: N801 - it stands for the module
    """Functions of ``math`` as IEEE 754 has them."""

    exp = staticmethod(lambda x: float(np.float64(math.inf)) if x > 709.8 else math.exp(x))
    atan2, fabs, isfinite = map(staticmethod, (math.atan2, math.fabs, math.isfinite))
    sqrt = staticmethod(math.sqrt)


@pytest.mark.parametrize("body", OF_NUMBERS.values(), ids=OF_NUMBERS)
def test_a_function_of_numbers_gives_what_python_gives(body):
    text = f"def run(x: float, y: float) -> float:\n    {body}"
    here, there = compiled(text), python(text)
    pairs = [(x, y) for x in NUMBERS for y in NUMBERS]
    assert bits([here(*pair) for pair in pairs]) == bits([float(there(*pair)) for pair in pairs])


@pytest.mark.parametrize(
    "body", ["a // b", "a % b", "a + b * a - b", "min(a, b)", "a / b", "-a", "a | b", "a & b + (6 | 1)"]
)
def test_integers_are_those_of_python(body):
    text = f"def of(a: int, b: int) -> float:\n    return float({body})\n\n"
    here = compiled(text + "def run(x: float, y: float) -> float:\n    return of(int(x), int(y))")
    for a in INTEGERS:
        for b in INTEGERS:
            if b:
                assert here(a, b) == float(eval(body))


def test_remainders_are_those_of_python():
    here = compiled("def run(x: float, y: float) -> float:\n    return x % y")
    for x in NUMBERS:
        for y in NUMBERS:
            wanted = math.nan if y == 0.0 or math.isinf(x) else x % y
            assert bits([here(x, y)]) == bits([wanted])


def test_a_vector_is_its_numbers():
    body = "x * 2.0 - y / x + (y if x < y else math.sin(x)) % 1.5 + math.sqrt(math.fabs(y))"
    lanes = f"""
def run(x: float, y: float) -> float:
    return {body}

def each(given: Longs) -> float:
    p, q, to = floats(given, 0), floats(given, 1), floats(given, 2)
    for i in range(WIDTH):
        to[i] = run(p[i], q[i])
    return 0.0

def all(given: Longs) -> float:
    x, y = load(floats(given, 0), 0), load(floats(given, 1), 0)
    store(floats(given, 2), 0, {body})
    return 0.0
"""
    text = Text(lanes, {**vars(machine), "math": math})
    x, y, one, other = np.array([NUMBERS[:8], NUMBERS[4:12], [0.0] * 8, [0.0] * 8])
    for name, to in (("each", one), ("all", other)):
        call = np.array([x.ctypes.data, y.ctypes.data, to.ctypes.data])
        engine.ENTRY(engine.address(text, name, kept=False))(call.tobytes())
    assert bits(one[: machine.WIDTH]) == bits(other[: machine.WIDTH])


REFUSED = {
    "a loop of its own": "while x > y:\n        x = y",
    "a list": "return [x]",
    "a power": "return x ** y",
    "an attribute": "x.y = 3.0",
    "exclusive or": "return int(x) ^ int(y)",
    "bits turned round": "return ~int(x)",
    "a shift": "return int(x) << int(y)",
    "operands with names": "return math.exp(x, key=y)",
    "a loop over anything": "for i in min(3, 4):\n        x += 1.0\n    return x",
    "what comes after a loop": "for i in range(3):\n        x += 1.0\n    else:\n        x = y\n    return x",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_the_language_does_not_have_is_refused(body):
    with pytest.raises((TypeError, KeyError)):
        compiled(f"def run(x: float, y: float) -> float:\n    {body}")


def test_a_word_is_not_run_by_python():
    with pytest.raises(TypeError, match="load is a word of compiled code, which Python cannot run"):
        machine.load(None, 0)
