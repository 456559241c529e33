"""Whatever a compiled function reads outside may change: it is noticed at once, or soon an error, and never silent."""

import array
import collections
import contextvars
import dataclasses
import datetime
import enum
import functools
import itertools
import math
import os
import random
import sys
import tempfile
import threading
import time
import types
import weakref
from contextlib import contextmanager, suppress
from decimal import Decimal, getcontext, localcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from autodiff import (
    NonFiniteError,
    Value,
    compile,
    constant,
    detect_anomaly,
    grad,
    jvp,
    log,
    log_sum_exp,
    norm,
    record_sources,
    softmax,
    total,
    where,
)  # fmt: skip
from autodiff.compiling import FrozenNumberError, StaleProgramError, audits
from autodiff.hooks import Observer, observed_by, watchers
from nn import Module
from tests.compiling.test_python import in_thread

W = Value(2.0, label="w")
GLOBAL = 2.0
SETTINGS = types.ModuleType("settings")
SETTINGS.sub = types.ModuleType("settings.sub")


def number():
    return 2.0


def other_number():
    return 3.0


class Thing:
    """An object with these attributes."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


@dataclasses.dataclass
class Fields:
    number: float = 2.0


@dataclasses.dataclass(slots=True)
class Slots:
    number: float = 2.0


class Pair(NamedTuple):
    first: float
    second: float


class Hiding:
    """An object that gives its parameter by a property."""

    def __init__(self):
        self.hidden = Value(2.0)

    @property
    def w(self):
        return self.hidden


class Line(Module):
    """A model with parameters in attributes and in a list."""

    def __init__(self, slope=2.0):
        self.w, self.weights, self.slope = Value(slope), [Value(1.0)], None

    def __call__(self, x):
        found = total([self.w * x, *(weight * x * x for weight in self.weights)])
        return found if self.slope is None else found * self.slope


OTHER_FILE = """
from autodiff import Value

scale, weight = 2.0, Value(2.0)

def scaled(x):
    return x * scale

def weighted(x):
    return x * weight
"""


class Colour(enum.Enum):
    RED, BLUE = 2.0, 3.0


class Descriptor:
    number = 2.0

    def __get__(self, instance, owner):
        return self.number


class Methods:
    """Numbers that classes give in all ways."""

    in_class = 2.0
    described = Descriptor()

    def __init__(self):
        self.stores = [2.0] * 1000

    def method(self):
        return 2.0

    @property
    def computed(self):
        return self.stores[-1]

    def __getattr__(self, name):
        return self.stores[-1]

    def __getitem__(self, at):
        return self.stores[-1]

    def __call__(self, x):
        return x * W * self.stores[-1]

    @classmethod
    def of_class(cls, x):
        return x * W * cls.in_class


class Meta(type):
    number = 2.0


class Made(metaclass=Meta):
    pass


def changed_default(x, given=2.0, *, named=2.0):
    return W * x * given * named


def set_global(name, value):
    globals()[name] = value


def cases(monkeypatch, tmp_path):
    """For each kind of thing outside: a function that reads it, and what changes it."""
    monkeypatch.setattr(Methods, "in_class", 2.0)
    monkeypatch.setattr(Methods, "method", Methods.method)
    monkeypatch.setattr(Descriptor, "number", 2.0)
    monkeypatch.setattr(Meta, "number", 2.0)
    monkeypatch.setattr(Made, "w", Value(2.0), raising=False)
    monkeypatch.setattr(SETTINGS, "number", 2.0, raising=False)
    monkeypatch.setattr(SETTINGS.sub, "number", 2.0, raising=False)
    monkeypatch.setattr(SETTINGS, "w", Value(2.0), raising=False)
    monkeypatch.setattr(changed_default, "__defaults__", (2.0,))
    monkeypatch.setattr(changed_default, "__kwdefaults__", {"named": 2.0})
    for name, value in (("GLOBAL", 2.0), ("number", number), ("MADE_LATER", 2.0)):
        monkeypatch.setitem(globals(), name, value)
    monkeypatch.setenv("A_NUMBER", "2")
    monkeypatch.chdir(tmp_path)
    file, marker = tmp_path / "number", tmp_path / "marker"
    file.write_text("2")
    far = Thing(a=Thing(b=Thing(c=2.0, w=Value(2.0), constant=constant(2.0))))
    near = Thing(
        zero=0.0, one=1, pair=(1,), key={1: 0}, decimal=Decimal("0"), colour=Colour.RED, frozen=frozenset({2.0})
    )
    near.of_type, near.complex = Fields, 0j
    methods, fields, slots, large = Methods(), Fields(), Slots(), np.full(10_000, 2.0)
    view, small, base = large[:], np.full(3, 2.0), np.full(1000, 2.0)
    view_of_few = base[3:5]
    few, many, rows = [1.0, 1.0], [1.0] * 1000, [(place, 2.0) for place in range(1000)]
    deep = {"a": {"b": {"c": {"d": {"e": {"f": 2.0}}}}}}
    queue, defaults, chained = collections.deque([2.0]), collections.defaultdict(lambda: 2.0), {}
    chain, ordered = collections.ChainMap(chained, {"k": 2.0}), collections.OrderedDict(a=2.0, b=3.0)
    proxied, user, bytes_, numbers = {"k": 2.0}, collections.UserDict(k=2.0), bytearray([2]), array.array("d", [2.0])
    proxy, memory, local = types.MappingProxyType(proxied), memoryview(bytes_), threading.local()
    local.number, variable, several = 2.0, contextvars.ContextVar("number", default=2.0), {2.0}
    weak, counts, draws = weakref.ref(fields), itertools.count(), iter(lambda: many[0], None)
    constant_here, leaf = constant(2.0), Value(0.0, label="2")
    leaf.grad = 2.0
    cached = functools.lru_cache(lambda: many[0] + 1.0)
    leaves, leaf_queue, leaf_set = [Value(2.0) for _ in range(7000)], collections.deque([Value(2.0)]), {Value(2.0)}
    mixed, nested = [2.0] * 1000 + [Value(2.0)], {"a": {"b": {"c": {"d": [Value(2.0)]}}}}
    keyword = functools.partial(lambda x, number: W * x * number, number=2.0)
    generator, hidden = random.Random(0), [[[[[[random.Random(0)]]]]]]

    def coroutine():
        current = 2.0
        while True:
            current = (yield current) or current

    talking = coroutine()
    next(talking)
    other_file = types.ModuleType("other_file")
    exec(OTHER_FILE, vars(other_file))
    imported, imported_parameter = other_file.scaled, other_file.weighted
    settings = Thing(model=Thing(scale=2.0, layers=[Thing(width=2.0)]), nested={"a": {"b": 2.0}}, on=True, mode="2")
    by_name, tuples, record = (
        {"f": lambda x: x * 2.0},
        [Pair(2.0, 3.0)],
        np.array([(2.0, 1)], [("a", float), ("b", int)]),
    )
    near.method = lambda x: x * 2.0
    tuple_of_list, square = (1.0, [2.0]), np.ones((2, 2))
    inside, slotted, hidden_by_property = compile(lambda x: x * near.one), Slots(Value(2.0)), Hiding()
    models = [Line() for _ in range(6)]
    in_dict = {"model": models[5]}

    def attributed(x):
        return W * x * attributed.number

    attributed.number = 2.0
    in_cell = 2.0

    def inner(x):
        return x * in_cell

    def middle(x):
        return inner(x)

    def assign():
        nonlocal in_cell
        in_cell = 3.0

    def rewritten():
        return 2.0

    return {
        "an attribute of an attribute": (lambda x: W * x * far.a.b.c, lambda: setattr(far.a.b, "c", 3.0)),
        "an attribute of a class": (lambda x: W * x * Methods.in_class, lambda: setattr(Methods, "in_class", 3.0)),
        "one read by an object": (lambda x: W * x * methods.in_class, lambda: setattr(Methods, "in_class", 3.0)),
        "one read by a class method": (Methods.of_class, lambda: setattr(Methods, "in_class", 3.0)),
        "one of a metaclass": (lambda x: W * x * Made.number, lambda: setattr(Meta, "number", 3.0)),
        "an attribute of a module": (lambda x: W * x * SETTINGS.number, lambda: setattr(SETTINGS, "number", 3.0)),
        "of a module in a module": (
            lambda x: W * x * SETTINGS.sub.number,
            lambda: setattr(SETTINGS.sub, "number", 3.0),
        ),
        "an element of a large array": (lambda x: W * x * large[77], lambda: large.__setitem__(77, 3.0)),
        "an element of a small array": (lambda x: W * x * small[1], lambda: small.__setitem__(1, 3.0)),
        "the base of a large view": (lambda x: W * x * view[5000], lambda: large.fill(3.0)),
        "the base of a small view": (lambda x: W * x * view_of_few[0], lambda: base.fill(3.0)),
        "a dict of dicts": (
            lambda x: W * x * deep["a"]["b"]["c"]["d"]["e"]["f"],
            lambda: deep["a"]["b"]["c"]["d"]["e"].update(f=3.0),
        ),
        "an environment variable": (
            lambda x: W * x * float(os.environ["A_NUMBER"]),
            lambda: monkeypatch.setenv("A_NUMBER", "3"),
        ),
        "a file": (lambda x: W * x * float(file.read_text()), lambda: file.write_text("3")),
        "whether a file exists": (lambda x: W * x * (2.0 + marker.exists()), marker.touch),
        "the working directory": (lambda x: W * x * len(os.getcwd()), lambda: monkeypatch.chdir("/")),
        "a closure of a closure": (lambda x: W * middle(x), assign),
        "a default": (changed_default, lambda: setattr(changed_default, "__defaults__", (3.0,))),
        "a named default": (changed_default, lambda: changed_default.__kwdefaults__.update(named=3.0)),
        "a mutable default": (lambda x, few=few: W * x * few[0], lambda: few.__setitem__(0, 3.0)),
        "a keyword of partial": (keyword, lambda: keyword.keywords.update(number=3.0)),
        "a property": (lambda x: W * x * methods.computed, lambda: methods.stores.append(3.0)),
        "__getattr__": (lambda x: W * x * methods.whatever, lambda: methods.stores.append(3.0)),
        "__getitem__, as of pandas": (lambda x: W * x * methods[0], lambda: methods.stores.append(3.0)),
        "a callable object's state": (methods, lambda: methods.stores.append(3.0)),
        "a descriptor": (lambda x: W * x * methods.described, lambda: setattr(Descriptor, "number", 3.0)),
        "a monkeypatched method": (
            lambda x: W * x * methods.method(),
            lambda: setattr(Methods, "method", lambda self: 3.0),
        ),
        "the class of an object": (lambda x: W * x * methods.method(), lambda: setattr(methods, "__class__", Threes)),
        "a global function": (lambda x: W * x * number(), lambda: set_global("number", other_number)),
        "a function's code": (
            lambda x: W * x * rewritten(),
            lambda: setattr(rewritten, "__code__", other_number.__code__),
        ),
        "a global number": (lambda x: W * x * GLOBAL, lambda: set_global("GLOBAL", 3.0)),
        "globals()": (lambda x: W * x * globals()["MADE_LATER"], lambda: set_global("MADE_LATER", 3.0)),
        "the length of a short list": (lambda x: W * x * len(few), lambda: few.append(1.0)),
        "the length of a long list": (lambda x: W * x * len(many), lambda: many.append(1.0)),
        "a sorted order": (lambda x: W * x * sorted(rows)[0][1], lambda: rows.append((-1, 3.0))),
        "a set": (lambda x: W * x * sum(several), lambda: several.add(1.0)),
        "a frozen set": (lambda x: W * x * sum(near.frozen), lambda: setattr(near, "frozen", frozenset({3.0}))),
        "a deque": (lambda x: W * x * queue[0], lambda: queue.__setitem__(0, 3.0)),
        "a default dict": (lambda x: W * x * defaults["k"], lambda: defaults.update(k=3.0)),
        "a chain of dicts": (lambda x: W * x * chain["k"], lambda: chained.update(k=3.0)),
        "the order of a dict": (lambda x: W * x * next(iter(ordered.values())), lambda: ordered.move_to_end("a")),
        "a proxy of a dict": (lambda x: W * x * proxy["k"], lambda: proxied.update(k=3.0)),
        "a dict in an object": (lambda x: W * x * user["k"], lambda: user.update(k=3.0)),
        "bytes": (lambda x: W * x * bytes_[0], lambda: bytes_.__setitem__(0, 3)),
        "a view of bytes": (lambda x: W * x * memory[0], lambda: bytes_.__setitem__(0, 3)),
        "Python's array": (lambda x: W * x * numbers[0], lambda: numbers.__setitem__(0, 3.0)),
        "a field of a dataclass": (lambda x: W * x * fields.number, lambda: setattr(fields, "number", 3.0)),
        "a slot": (lambda x: W * x * slots.number, lambda: setattr(slots, "number", 3.0)),
        "through a weak reference": (lambda x: W * x * weak().number, lambda: setattr(fields, "number", 3.0)),
        "an enum": (lambda x: W * x * near.colour.value, lambda: setattr(near, "colour", Colour.BLUE)),
        "isinstance": (
            lambda x: W * x * (2.0 + isinstance(fields, near.of_type)),
            lambda: setattr(near, "of_type", int),
        ),
        "a thread's own": (lambda x: W * x * local.number, lambda: setattr(local, "number", 3.0)),
        "a context variable": (lambda x: W * x * variable.get(), lambda: variable.set(3.0)),
        "the interpreter's state": (
            lambda x: W * x * sys.getrecursionlimit(),
            lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
        ),
        "NumPy's state": (lambda x: W * x * len(np.geterr()["divide"]), lambda: np.seterr(divide="ignore")),
        "the cache of a function": (
            lambda x: W * x * cached(),
            lambda: (many.__setitem__(0, 2.0), cached.cache_clear()),
        ),
        "a generator's state": (lambda x: W * x * talking.send(None), lambda: talking.send(3.0)),
        "an iterator": (lambda x: W * x * next(draws), lambda: many.__setitem__(0, 2.0)),
        "a count": (lambda x: W * x * next(counts), lambda: None),
        "the time": (lambda x: W * x * time.perf_counter(), lambda: None),
        "the date": (lambda x: W * x * datetime.datetime.now().timestamp(), lambda: None),
        "random": (lambda x: W * x * random.random(), lambda: None),
        "numpy.random": (lambda x: W * x * np.random.rand(), lambda: None),
        "a generator": (lambda x: W * x * generator.random(), lambda: None),
        "a hidden generator": (lambda x: W * x * hidden[0][0][0][0][0][0].random(), lambda: None),
        "the sign of a zero": (lambda x: W * x * near.zero, lambda: setattr(near, "zero", -0.0)),
        "the sign of a decimal zero": (
            lambda x: W * x * float(near.decimal),
            lambda: setattr(near, "decimal", Decimal("-0")),
        ),
        "the sign of a complex zero": (
            lambda x: W * x * near.complex.real,
            lambda: setattr(near, "complex", complex(-0.0, 0.0)),
        ),
        "1 and True": (lambda x: W * x * (2.0 + (near.one is True)), lambda: setattr(near, "one", True)),
        "1 and 1.0": (lambda x: W * x * (2.0 + isinstance(near.one, float)), lambda: setattr(near, "one", 1.0)),
        "1 and True in a tuple": (
            lambda x: W * x * (2.0 + (near.pair[0] is True)),
            lambda: setattr(near, "pair", (True,)),
        ),
        "1 and True as keys": (
            lambda x: W * x * (2.0 + (next(iter(near.key)) is True)),
            lambda: setattr(near, "key", {True: 0}),
        ),
        "the data of a constant": (lambda x: W * x * constant_here, lambda: setattr(constant_here, "data", 3.0)),
        "of a constant far away": (
            lambda x: W * x * far.a.b.constant,
            lambda: setattr(far.a.b.constant, "data", 3.0),
        ),
        "a gradient": (lambda x: W * x * leaf.grad, lambda: setattr(leaf, "grad", 3.0)),
        "a label": (lambda x: W * x * float(leaf.label), lambda: setattr(leaf, "label", "3")),
        "a comparison by another thread": (
            lambda x: W * x * (2.0 + in_thread(lambda: large[0] > 2.5)),
            lambda: large.fill(3.0),
        ),
        "a parameter of thousands": (lambda x: x * leaves[4000], lambda: leaves.__setitem__(4000, Value(3.0))),
        "one far away": (lambda x: x * far.a.b.w, lambda: setattr(far.a.b, "w", Value(3.0))),
        "one of a class": (lambda x: x * Made.w, lambda: setattr(Made, "w", Value(3.0))),
        "one of a module": (lambda x: x * SETTINGS.w, lambda: setattr(SETTINGS, "w", Value(3.0))),
        "one in dicts of dicts": (
            lambda x: x * nested["a"]["b"]["c"]["d"][0],
            lambda: nested["a"]["b"]["c"]["d"].reverse() or nested["a"]["b"]["c"].update(d=[Value(3.0)]),
        ),
        "one among numbers": (lambda x: x * mixed[-1], lambda: mixed.__setitem__(-1, Value(3.0))),
        "a configuration in one": (
            lambda x: W * x * settings.model.scale,
            lambda: setattr(settings.model, "scale", 3.0),
        ),
        "a configuration that is replaced": (
            lambda x: W * x * settings.model.scale,
            lambda: setattr(settings, "model", Thing(scale=3.0)),
        ),
        "a configuration in a list in one": (
            lambda x: W * x * settings.model.layers[0].width,
            lambda: setattr(settings.model.layers[0], "width", 3.0),
        ),
        "a dict in a configuration": (
            lambda x: W * x * settings.nested["a"]["b"],
            lambda: settings.nested["a"].update(b=3.0),
        ),
        "a flag": (lambda x: W * x if settings.on else x * 1.0, lambda: setattr(settings, "on", False)),
        "a text": (lambda x: W * x * float(settings.mode), lambda: setattr(settings, "mode", "3")),
        "whether there is an attribute": (
            lambda x: W * x * (2.0 + hasattr(settings, "late")),
            lambda: setattr(settings, "late", 1),
        ),
        "an attribute by a name that is made": (
            lambda x: W * x * getattr(settings, "la" + "ter", 2.0),
            lambda: setattr(settings, "later", 3.0),
        ),
        "an attribute of a function": (attributed, lambda: setattr(attributed, "number", 3.0)),
        "a function of another file": (
            lambda x: W * other_file.scaled(x),
            lambda: setattr(other_file, "scaled", lambda x: x * 3.0),
        ),
        "a number of another file": (lambda x: W * imported(x), lambda: setattr(other_file, "scale", 3.0)),
        "a parameter of another file": (imported_parameter, lambda: setattr(other_file, "weight", Value(3.0))),
        "a function in a dict": (lambda x: W * by_name["f"](x), lambda: by_name.update(f=lambda x: x * 3.0)),
        "a method of one object": (lambda x: W * near.method(x), lambda: setattr(near, "method", lambda x: x * 3.0)),
        "a named tuple": (lambda x: W * x * tuples[0].first, lambda: tuples.__setitem__(0, Pair(3.0, 3.0))),
        "a list in a tuple": (lambda x: W * x * tuple_of_list[1][0], lambda: tuple_of_list[1].__setitem__(0, 3.0)),
        "a structured array": (lambda x: W * x * record["a"][0], lambda: record["a"].fill(3.0)),
        "an array that is resized": (lambda x: W * x * len(square), lambda: square.resize((4, 1), refcheck=False)),
        "a compiled function's object": (lambda x: W * inside(x), lambda: setattr(near, "one", 3)),
        "the precision of decimals": (
            lambda x: W * x * float(Decimal(1) / Decimal(3)),
            lambda: setattr(getcontext(), "prec", 3),
        ),
        "what is popped": (lambda x: W * x * many.pop(), lambda: many.__setitem__(slice(None), [2.0] * 100)),
        "a parameter that is added": (lambda x: models[0](x), lambda: setattr(models[0], "slope", Value(3.0))),
        "one that is added to a list": (lambda x: models[1](x), lambda: models[1].weights.append(Value(3.0))),
        "one that is removed": (lambda x: models[2](x), lambda: models[2].weights.pop()),
        "one that is frozen": (lambda x: models[3](x), lambda: setattr(models[3], "w", constant(3.0))),
        "one that becomes a number": (lambda x: models[4](x), lambda: setattr(models[4], "w", 3.0)),
        "a module that is replaced": (lambda x: in_dict["model"](x), lambda: in_dict.update(model=Line(3.0))),
        "a slot's parameter": (lambda x: x * slotted.number, lambda: setattr(slotted, "number", Value(3.0))),
        "a property's parameter": (
            lambda x: x * hidden_by_property.w,
            lambda: setattr(hidden_by_property, "hidden", Value(3.0)),
        ),
        "one in a deque": (lambda x: x * leaf_queue[0], lambda: leaf_queue.__setitem__(0, Value(3.0))),
        "one in a set": (lambda x: x * next(iter(leaf_set)), lambda: (leaf_set.clear(), leaf_set.add(Value(3.0)))),
    }


class Threes(Methods):
    def method(self):
        return 3.0


with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
    NAMES = [*cases(patch, Path(folder))]
AT_ONCE = {
    "an attribute of a class", "one read by an object", "one read by a class method", "one of a metaclass",
    "an attribute of a module", "an element of a small array", "the base of a small view", "a closure of a closure",
    "an attribute of an attribute", "of a module in a module", "a set", "a frozen set", "a deque", "bytes",
    "Python's array", "a context variable", "a configuration in one", "a configuration that is replaced",
    "a dict in a configuration", "an attribute of a function", "a function of another file",
    "a number of another file", "a parameter of another file", "a function in a dict", "a method of one object",
    "a named tuple", "a list in a tuple", "a structured array", "an array that is resized", "a flag", "a text",
    "a compiled function's object", "a parameter that is added", "one that is added to a list", "one that is removed",
    "one that is frozen", "one that becomes a number", "a module that is replaced", "a slot's parameter",
    "a property's parameter", "a default", "a named default", "a mutable default", "a keyword of partial",
    "a global function", "a global number", "the length of a short list", "a field of a dataclass", "a slot",
    "an enum", "the sign of a zero", "the sign of a decimal zero", "the sign of a complex zero", "1 and True",
    "1 and 1.0", "1 and True in a tuple", "the data of a constant", "a parameter of thousands", "one far away",
    "one of a class", "one of a module", "one in dicts of dicts", "a monkeypatched method", "the class of an object",
    "a default dict", "the order of a dict", "isinstance", "of a constant far away",
}  # fmt: skip


@contextmanager
def state_kept():
    limit = sys.getrecursionlimit()
    with np.errstate(), localcontext():
        try:
            yield
        finally:
            sys.setrecursionlimit(limit)


@pytest.mark.parametrize("before", [1, 3, 8])
@pytest.mark.parametrize("name", NAMES)
def test_a_change_outside_is_noticed_at_once_or_an_error_before_twice_as_many_calls(
    name, before, monkeypatch, tmp_path
):
    monkeypatch.setattr(audits, "PAUSE", 1e9)  # by the clock, it is an error after a second
    x, found = [4.0, 3.0, 5.0], []
    with state_kept(), suppress(StaleProgramError):
        function, change = cases(monkeypatch, tmp_path)[name]
        compiled = compile(function, backend="numpy")
        for _ in range(before):
            compiled(x)
        change()
        for _ in range(before + 1):
            found.append(compiled(x).tolist())
        expected = [function(Value(each)).number for each in x]
        assert [np.array(each).tobytes() for each in found] == [np.array(expected).tobytes()] * len(found)
    assert len(found) == before + 1 or name not in AT_ONCE


# ── Random draws ─────────────────────────────────────────────────────────────────────────────────

DRAWS = {
    "random": lambda seed: (random.seed(seed), lambda: random.random())[1],
    "a function of random": lambda seed: (random.seed(seed), random.random)[1],
    "numpy.random": lambda seed: (np.random.seed(seed), lambda: np.random.rand())[1],
    "a generator's method": lambda seed: np.random.default_rng(seed).random,
    "a generator": lambda seed: (lambda rng: lambda: rng.random())(np.random.default_rng(seed)),
    "an attribute": lambda seed: (lambda held: lambda: held.rng.random())(Thing(rng=random.Random(seed))),
    "a legacy state": lambda seed: np.random.RandomState(seed).rand,
}


@pytest.mark.parametrize("make", DRAWS.values(), ids=DRAWS)
def test_dropout_of_a_tenth_is_found_in_the_first_call_for_every_seed(make):
    for seed in range(40):
        draw = make(seed)
        with pytest.raises(StaleProgramError, match=r"it draws random numbers|two calls with the same numbers differ"):
            compile(lambda x, draw=draw: x * (draw() > 0.1), backend="numpy")(np.ones(4))


def test_dropout_from_a_generator_out_of_sight_is_found_for_most_seeds_within_eight_calls():
    found = 0
    for seed in range(40):
        hidden = [[[[[[random.Random(seed)]]]]]]
        f = compile(
            lambda x, hidden=hidden: total([each * (hidden[0][0][0][0][0][0].random() > 0.1) for each in x]),
            backend="numpy",
        )
        with suppress(StaleProgramError):
            for _ in range(8):
                f(np.ones((8, 4)))
            continue
        found += 1
    assert found >= 32


def test_draws_of_a_seed_that_the_function_sets_itself_are_the_same_in_every_call():
    def seeded(x):
        rng = np.random.default_rng(0)
        random.seed(0)
        return x * rng.random() * random.random()

    state = random.getstate()
    try:
        f = compile(seeded, backend="numpy")
        assert {f([2.0])[0] for _ in range(9)} == {seeded(Value(2.0)).number}
    finally:
        random.setstate(state)


def test_draws_of_another_thread_do_no_harm():
    stop = threading.Event()

    def draw():
        while not stop.wait(0.001):
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(20):
            assert compile(lambda x: x * (2.0 if random else 3.0), backend="numpy")([2.0]).tolist() == [4.0]
    finally:
        stop.set()
        thread.join()


# ── Text of a number: what else takes one out is in test_python ──────────────────────────────────


def test_the_text_of_an_error_reaches_the_caller():
    def careful(x):
        if x > 2.0:
            raise ValueError(f"too large: {x:.1f}")
        return x

    with pytest.raises(ValueError, match=r"too large: 3\.0"):
        compile(careful)([1.0, 3.0])


def test_the_text_of_an_error_that_the_function_catches_is_refused_with_the_way_out():
    def catching(text):
        def function(x):
            try:
                if x > 2.0:
                    raise ValueError(f"too large: {text(x)}")
            except ValueError:
                return x * 0.0
            return x * 3.0

        return compile(function, backend="numpy")

    with pytest.raises(FrozenNumberError, match=r"message of an error that the function itself catches.*f'\{x!r\}'"):
        catching(str)([1.0, 3.0])
    assert catching(repr)([1.0, 3.0]).tolist() == [3.0, 0.0]


def test_text_of_what_is_fixed_is_no_matter():
    assert compile(lambda x: x * float(str(Value(2.0) * 2.0)))([3.0]).tolist() == [12.0]


# ── Nodes outside, options, contexts ─────────────────────────────────────────────────────────────


def test_a_node_computed_outside_from_a_parameter_is_refused():
    w = Value(2.0, label="w")
    outside = w * 2.0
    with pytest.raises(FrozenNumberError, match=r"computed outside of the compiled function.*compute it inside"):
        compile(lambda x: outside * x)([1.0])
    kept = outside.detach()
    assert compile(lambda x: kept * x)([1.0]).tolist() == [4.0]
    of_constants = constant(2.0) * 3.0
    assert compile(lambda x: of_constants * x)([1.0]).tolist() == [6.0]


OPTIONS = {
    "the sign of a zero": (0.0, -0.0, lambda x, given: x * given),
    "1 and True": (1, True, lambda x, given: x * (2.0 if given is True else 3.0)),
    "1 and 1.0": (1, 1.0, lambda x, given: x * (2.0 if isinstance(given, float) else 3.0)),
    "in a tuple": ((1, (0.0,)), (1, (-0.0,)), lambda x, given: x * given[1][0]),
    "in a frozen set": (frozenset({1}), frozenset({True}), lambda x, given: x * (2.0 if True in map(id, given) else 1)),
    "a decimal": (Decimal("0"), Decimal("-0"), lambda x, given: x * float(given)),
}


@pytest.mark.parametrize(("one", "other", "function"), OPTIONS.values(), ids=OPTIONS)
def test_static_options_are_told_apart_by_type_and_bits(one, other, function):
    f = compile(lambda x, *, given: function(x, given), backend="numpy")
    for given in (one, other, one, other):
        assert f([2.0], given=given).tobytes() == np.array([function(Value(2.0), given).number]).tobytes()
    assert len(f.programs) == 2


def test_an_object_that_is_a_static_option_may_change():
    w, settings = Value(2.0), Thing(scale=2.0, inner=Thing(shift=1.0), calls=0)
    f = compile(lambda x, *, given: w * x * given.scale + given.inner.shift, backend="numpy")
    for scale, shift in [(2.0, 1.0), (3.0, 1.0), (3.0, -0.0), (2.0, 1.0)]:
        settings.scale, settings.inner = scale, Thing(shift=shift)
        for _ in range(5):
            settings.calls += 1
            assert f([1.0], given=settings).tolist() == [2.0 * scale + shift]
    assert len(f.programs) == 3


def test_a_nan_as_an_option_is_one_option():
    f = compile(lambda x, *, given: x * given, backend="numpy")
    for _ in range(3):
        assert np.isnan(f([1.0], given=float("nan"))).all()
    assert len(f.programs) == 1


def test_inside_another_one_a_compiled_function_is_itself_and_refuses_a_batch():
    inner = compile(lambda v: v[0] * W + v[1] if v[0] > 0 else v[1] * 1.0)
    outer = compile(lambda x: inner([x, x * 2.0]) + inner([x, 1.0]))
    assert outer([1.0, -1.0]).tolist() == [7.0, -1.0]
    for arguments in ([1.0, 2.0], np.ones((3, 2))):
        with pytest.raises(FrozenNumberError, match="a batch of <lambda> inside a compiled function"):
            compile(lambda x, arguments=arguments: x * inner(arguments))([1.0])


CONTEXTS = {
    "record_sources": record_sources,
    "detect_anomaly": detect_anomaly,
    "an observer": lambda: observed_by(Observer()),
}


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("derivative", [lambda f: f, grad], ids=["values", "gradients"])
def test_contexts_inside_of_a_recording_and_around_it_change_nothing(context, derivative):
    function = derivative(lambda x: (log(x) if x > 0 else x * x).relu() * W.detach())

    def inside(x):
        with context():
            return function(x)

    points = [0.5, -2.0, 3.0]
    expected = [function(Value(x)).number for x in points]
    assert compile(inside, backend="numpy")(points).tolist() == pytest.approx(expected)
    with context():
        for f in (function, inside):
            assert compile(f, backend="numpy")(points).tolist() == pytest.approx(expected)
    assert not watchers


def test_a_number_that_is_not_finite_is_found_in_a_recording_too():
    def inside(x):
        with detect_anomaly():
            return log(x)

    with pytest.raises(FloatingPointError, match="log"):
        compile(inside)([1.0, -2.0, -3.0][1:])


DETECTED = {
    "an untaken branch": lambda z: where(z, log(abs(z) + 1.0), z * z),
    "a root of nothing": lambda z: where(z, z.sqrt(), z * 3.0),
    "the greater one": lambda z: (z * z * z).maximum(abs(z).sqrt()),
    "a norm": lambda z: norm([z, z * 2.0]) * z.relu(),
    "an absolute": lambda z: abs(z) * z,
    "a power": lambda z: z.relu() ** 1.5,
    "a root": lambda z: z.relu().sqrt(),
    "an entropy": lambda z: where(z, z * log(z), 0.0),
    "an inverse": lambda z: where(z, 1.0 / z, z),
    "0 times infinity": lambda z: 1.0 / (1.0 + 2.0 / z),
    "a softplus": lambda z: (z * 1e3).softplus(),
    "a sum of exponentials": lambda z: log_sum_exp([z, -1e3 * z]),
    "a softmax": lambda z: softmax([z, z * 2.0])[0],
    "what is detached": lambda z: z.detach().relu() * z.relu(),
    "a remainder": lambda z: (z % 2.0) * z,
    "a quotient by a constant": lambda z: where(z, z // 3.0, 2.0) * z,
}
ORDERS = {
    "values": lambda f: f,
    "first": grad,
    "second": lambda f: grad(grad(f)),
    "forward": lambda f: lambda x: jvp(f, (x,), (1.0,))[1],
    "forward over reverse": lambda f: lambda x: jvp(grad(f), (x,), (x * 2.0,))[1],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("function", DETECTED.values(), ids=DETECTED)
def test_anomalies_are_detected_in_a_recording_and_around_a_call_as_they_are_eagerly(function, order):
    derivative = order(function)

    def inside(x):
        with detect_anomaly():
            return derivative(x)

    compiled = compile(derivative, backend="numpy")
    compiled([0.5])
    for point in (0.0, -1.0, 2.0, 1e-300, -0.0, 1e3, math.inf, -math.inf):
        expected = number_or_error(lambda: inside(Value(point)).number)  # noqa: B023
        assert number_or_error(lambda: compile(inside, backend="numpy")(point)) == expected  # noqa: B023
        with detect_anomaly():
            assert number_or_error(lambda: compiled([0.5, point])[1]) == expected  # noqa: B023


def number_or_error(run):
    try:
        return pytest.approx(run(), rel=1e-12, nan_ok=True)
    except NonFiniteError:
        return "not finite"


@pytest.mark.parametrize("run", ["call", "value", "backward", "gradients of inputs"])
def test_around_a_call_every_observation_is_looked_at_and_the_line_is_named(run):
    w = Value(1.0, label="w")
    f = compile(lambda x: 1.0 / (1.0 + 2.0 / (w * x)), backend="numpy")  # here
    x = [1.0, 2.0, 0.0, 3.0]
    call = {
        "call": lambda: f(x),
        "value": lambda: f.value(x, reduction="mean"),
        "backward": lambda: f.backward(x),
        "gradients of inputs": lambda: f.value_and_grad(x, wrt=0),
    }[run]
    f(x[:2])
    assert f(x)[2] == 0.0  # which is finite, but not how it comes about
    with pytest.raises(NonFiniteError, match="= inf") as caught, detect_anomaly():
        call()
    assert caught.value.observation == 2
    assert "# here" in str(caught.value)
    assert any("observation 2" in note for note in caught.value.__notes__)
    assert w.grad == 0.0
    x[2] = 4.0
    alone = call()
    with detect_anomaly():
        looked_at = call()
    for found, expected in zip(looked_at, alone) if isinstance(alone, tuple) else [(looked_at, alone)]:
        np.testing.assert_allclose(found, expected, rtol=1e-12)


# ── Derivatives inside ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("backend", ["numpy", "native", "jax"])
@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, 2.0])
def test_a_parameter_that_is_not_finite_behind_an_untaken_branch_is_no_matter(number, backend):
    if backend != "numpy":
        pytest.importorskip({"native": "numba"}.get(backend, backend), reason="the backend needs it")
    w = Value(1.0)
    slope = grad(lambda z: where(z, z * w, 3.0 * z) + (w * z.relu()) + (z * w).minimum(z * 2.0))
    f = compile(lambda x: slope(x), backend=backend)
    points = [0.0, -1.0, 1.0, 2.0]
    for w.data in (number, 1.0, number):
        expected = [slope(x).number for x in points]
        np.testing.assert_array_equal(f(points), expected)
        np.testing.assert_array_equal(f.value(points, at=[w.data]), expected)


JVP = {
    "relu": lambda z: z.relu() * z,
    "absolute": lambda z: abs(z - 0.5) * W,
    "maximum": lambda z: z.maximum(0.5).minimum(z * z),
    "where": lambda z: where(z, log(z), 5.0 * z),
    "total": lambda z: total([z.relu(), z, 1.0, z * z]),
    "leaky": lambda z: z.leaky_relu() * z.relu(),
}


@pytest.mark.parametrize("function", JVP.values(), ids=JVP)
def test_a_forward_derivative_inside_takes_no_guard_as_a_backward_one(function):
    points = [0.0, -1.0, 0.5, 2.0, 0.25]
    for derivative in (
        lambda x: jvp(function, (x,), (1.0,))[1],
        lambda x: jvp(lambda z: jvp(function, (z,), (1.0,))[1], (x,), (x * 2.0,))[1],
        lambda x: grad(lambda z: jvp(function, (z,), (z * 3.0,))[1])(x),
        lambda x: jvp(grad(function), (x,), (2.0,))[1],
    ):
        f = compile(derivative, backend="numpy")
        expected = [float(getattr(y, "number", y)) for y in map(derivative, points)]
        np.testing.assert_allclose(f(points), expected, rtol=1e-12)
        assert [report.guards for report in f.programs] == [0]


# ── Descents ─────────────────────────────────────────────────────────────────────────────────────


def descent_of(function, **options):
    return compile(function, **options).descent([1.0, 2.0], rule=lambda gradient, rate, step: (-rate * gradient,))


@pytest.mark.parametrize("backend", ["numpy", "native", "jax"])
def test_a_descent_sees_what_changes_outside(backend):
    if backend != "numpy":
        pytest.importorskip({"native": "numba"}.get(backend, backend), reason="the backend needs it")
    w, scale = Value(1.0), 2.0
    descent = descent_of(lambda x: w * x * scale, backend=backend)
    for scale in (2.0, 3.0, -0.0, 5.0):
        before = descent.parameters.copy()
        errors, steps = descent.run([0, 1], [0, 1, 2], [0.5, 0.5])
        assert steps == 2
        assert errors[0] == before[0] * scale
        assert descent.parameters[0] == before[0] - 0.5 * scale - 0.5 * 2.0 * scale


def test_a_descent_refuses_other_parameters_than_its_own():
    held = [Value(1.0)]
    descent = descent_of(lambda x: held[0] * x, backend="numpy")
    descent.run([0, 1], [0, 2], [0.5])
    before = descent.parameters.copy()
    held[0] = Value(1.0)
    with pytest.raises(StaleProgramError, match="other parameters than when the descent was made"):
        descent.run([0, 1], [0, 2], [0.5])
    assert descent.parameters.tolist() == before.tolist()
