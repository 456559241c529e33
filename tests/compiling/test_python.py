"""What Python, its library and NumPy do with a number: compiled, a function gives what it gives eagerly, or is refused.

A number gets out of a traced ``Value`` in many ways. Each has an entry in one of two tables: what is recorded, so that
it is right for every number; and what would freeze the first number, so that it is an error in the first call.
"""

import array
import bisect
import cmath
import copy
import csv
import ctypes
import dataclasses
import decimal
import fractions
import functools
import hashlib
import heapq
import io
import itertools
import json
import math
import operator
import pickle
import random
import statistics
import string
import struct
import threading

import numpy as np
import pytest

from autodiff import Value, compile
from autodiff.compiling import FrozenNumberError, StaleProgramError

PARAMETER = Value(2.0, label="w")
POINTS = [1.0, 2.0, 1.0, 3.5, 0.5]


@dataclasses.dataclass
class Holder:
    """A record with a number in it."""

    held: object


def or_else(first, then):
    try:
        return first()
    except Exception:
        return then


def in_thread(function):
    """What it returns in another thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def matched(x):
    match x:
        case 1.0:
            return x * 5.0
        case float():
            return x * 7.0
        case _ if x > 1.9:
            return x * 2.0
        case _:
            return x * 3.0


def matched_in_a_list(x):
    match [x, 1]:
        case [1.0, 1]:
            return x * 5.0
        case [first, 1]:
            return first * 3.0


def matched_by_attribute(x):
    match x:
        case Value(data=1.0):
            return x * 5.0
        case Value():
            return x * 3.0


def asserted(x):
    assert x < 5.0, f"{x} is large"
    return x * 2.0


def asserted_and_caught(x):
    try:
        assert x < 1.5, f"{x} is large"
    except AssertionError:
        return x * 7.0
    return x * 2.0


def digest(text):
    """Eight bytes: of one byte alone, one address in 256 has the same as another."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def put_into_an_array(x):
    numbers = np.zeros(2)
    numbers[0] = x
    return x * numbers[0]


def remembered(x, known={}):  # noqa: B006
    if x not in known:
        known[x] = x * 2.0
    return known[x]


@functools.cache
def cached(x):
    return x * 2.0


def printed(x):
    file = io.StringIO()
    print(x, file=file)
    return x * float(file.getvalue())


def written_as_csv(x):
    file = io.StringIO()
    csv.writer(file).writerow([x])
    return x * float(file.getvalue())


RIGHT = {
    # rounding and remainders
    "round()": lambda x: x * round(x),
    "round() to a digit": lambda x: x * round(x, 1),
    "math.floor": lambda x: x * math.floor(x),
    "math.ceil": lambda x: x * math.ceil(x),
    "math.trunc": lambda x: x * math.trunc(x),
    "divmod()": lambda x: divmod(x, 1.0)[1] * x,
    "a remainder": lambda x: x % 0.75 * x,
    "a whole quotient": lambda x: x // 0.75 * x,
    "math.prod": lambda x: x * math.prod([x, 2.0]),
    "conjugate()": lambda x: x * x.conjugate(),
    # comparing and searching
    "in a set of numbers": lambda x: x * (2.0 if x in {1.0, 2.0} else 3.0),
    "in a list of numbers": lambda x: x * (2.0 if x in [1.0, 2.0] else 3.0),
    "in a tuple of itself": lambda x: x * (2.0 if x in (x,) else 3.0),
    "list.index": lambda x: x * [0.5, 1.0, 2.0, 3.5].index(x),
    "list.count": lambda x: x * [1.0, 2.0, 2.0, 7.5].count(x),
    "dict.get by number": lambda x: x * {1.0: 5.0}.get(x, 3.0),
    "a dict by itself": lambda x: x * {x: 5.0}[x],
    "a set of two": lambda x: x * len({x, x * 1.0}),
    "sorted()": lambda x: sorted([x, 1.5, x * x])[1],
    "sorted() by a key": lambda x: sorted([1.0, 2.0, 3.0], key=lambda each: abs(each - x))[0] * x,
    "sorted() backwards": lambda x: sorted([x, 1.5], reverse=True)[0] * x,
    "min()": lambda x: min(x, 1.5) * x,
    "max()": lambda x: max([x, 1.5, x * x]) * x,
    "min() by a key": lambda x: min([1.0, 2.0, 3.0], key=lambda each: (each - x) ** 2) * x,
    "max() of nothing": lambda x: max([], default=x) * 2.0,
    "equal lists": lambda x: x * (2.0 if [x] == [1.0] else 3.0),
    "ordered tuples": lambda x: x * (2.0 if (x, 1) < (1.5, 0) else 3.0),
    "equal records": lambda x: x * (2.0 if Holder(x) == Holder(1.0) else 3.0),
    "match": matched,
    "match in a list": matched_in_a_list,
    "assert": asserted,
    "bisect": lambda x: x * bisect.bisect([1.0, 2.0, 3.0], x),
    "heapq": lambda x: heapq.nsmallest(1, [x, 1.5, 2.5])[0] * x,
    "statistics.median": lambda x: statistics.median([x, 1.0, 1.5]) * x,
    # truth
    "if": lambda x: x * (2.0 if x else 3.0),
    "not": lambda x: x * (2.0 if not x - 1.0 else 3.0),
    "and": lambda x: (x and 2.0) * x,
    "a chain of comparisons": lambda x: x * (2.0 if 0.5 < x < 1.5 else 3.0),
    "operator.truth": lambda x: x * (2.0 if operator.truth(x - 1.0) else 3.0),
    "filter()": lambda x: x * len(list(filter(None, [x, x - 1.0]))),
    "isinstance()": lambda x: x * (2.0 if isinstance(x, float) else 3.0),
    "is": lambda x: x * (2.0 if x is x else 3.0),
    # collecting
    "sum()": lambda x: sum([x, 1.0], 0.0) * x,
    "accumulate": lambda x: list(itertools.accumulate([x, 1.0]))[1] * x,
    "groupby": lambda x: x * len(list(itertools.groupby([x, x * 1.0, 2.0]))),
    "takewhile": lambda x: x * len(list(itertools.takewhile(lambda each: each < x, [0.5, 1.5]))),
    "itemgetter": lambda x: operator.itemgetter(0)([x]) * x,
    "dataclasses.replace": lambda x: dataclasses.replace(Holder(x), held=x * 2.0).held,
    "a dict as a cache": lambda x: x * remembered(x),
    "functools.cache": lambda x: cached(x) * x,
    "its gradient": lambda x: x * x.grad,
    "a draw of a fixed seed, scaled": lambda x: x * random.Random(3).uniform(0, x),
    "a normal draw of a fixed seed": lambda x: x * random.Random(3).gauss(x, 1.0),
    # NumPy
    "np.bool_": lambda x: x * (2.0 if np.bool_(x) else 3.0),
    "an array of objects": lambda x: x * np.array([x, 1.0])[0],
    "np.searchsorted": lambda x: x * np.searchsorted([1.0, 2.0, 3.0], x),
    "np.argmax": lambda x: x * np.argmax([x, 1.5]),
    "np.argsort": lambda x: x * np.argsort(np.array([x, 1.5], object))[0],
    "np.sort": lambda x: x * np.sort(np.array([x, 1.5], object))[0],
    "np.max": lambda x: x * np.max(np.array([x, 1.5], object)),
    "np.where": lambda x: x * np.where(np.array([x], object) > 1.5, 2.0, 3.0)[0],
    "np.any": lambda x: x * (2.0 if np.any(np.array([x], object) > 1.5) else 3.0),
    "np.isclose": lambda x: x * (2.0 if np.isclose(x, 1.0) else 3.0),
    "np.round": lambda x: x * np.round(x),
    "np.sum": lambda x: np.sum([x, 1.5]) * x,
    "np.mean": lambda x: np.mean([x, 1.5]) * x,
    "np.dot": lambda x: np.dot([x, 1.5], [x, 2.0]) * x,
    "np.unique": lambda x: x * len(np.unique(np.array([x, 1.0], object))),
    "np.real": lambda x: x * np.real(x),
}

REFUSED = {
    # text
    "an f-string": lambda x: x * len(f"{x}"),
    "format()": lambda x: x * float(format(x, ".2f")),
    "%": lambda x: x * float("%f" % x),  # noqa: UP031
    "string.Template": lambda x: x * float(string.Template("$number").substitute(number=x)),
    "join": lambda x: x * float("".join(map(str, [x]))),
    "print()": lambda x: (print(x, file=io.StringIO()), x * 2.0)[1],
    "print() that is read": printed,
    "csv": written_as_csv,
    "an assert that is caught": asserted_and_caught,
    "an int of its text": lambda x: x * int(str(x).split(".")[0]),
    "its text compared": lambda x: x * 2.0 if str(x) == "7.5" else x * 3.0,
    "its text as a key": lambda x: x * {"7.5": 2.0}.get(str(x), 3.0),
    "its text, caught": lambda x: x * or_else(lambda: float(str(x)), 3.0),
    "json of its text": lambda x: x * float(json.loads(json.dumps(x, default=str))),
    "the hash of its text": lambda x: x * digest(str(x)),
    "the hash of its repr": lambda x: x * digest(repr(x)),
    "float.hex": lambda x: x * float.fromhex(x.hex()),
    # its number
    "data": lambda x: x * x.data,
    "data, caught": lambda x: or_else(lambda: x * x.data, x * 1.0),
    "getattr()": lambda x: x * getattr(x, "data"),  # noqa: B009
    "the property of data": lambda x: x * type(x).data.fget(x),
    "match by data": matched_by_attribute,
    "real": lambda x: x * x.real,
    "is_integer()": lambda x: x * (2.0 if x.is_integer() else 3.0),
    "as_integer_ratio()": lambda x: x * x.as_integer_ratio()[0],
    # copies
    "pickle": lambda x: x * pickle.loads(pickle.dumps(x)),
    "the number in a pickle": lambda x: x * pickle.loads(pickle.dumps(x)).number,
    "copy": lambda x: copy.copy(x) * x,
    "deepcopy": lambda x: copy.deepcopy([x])[0] * x,
    "deepcopy of a result": lambda x: x * copy.deepcopy(x * 2.0),
    "copy of a parameter": lambda x: x * copy.copy(PARAMETER),
    "a node of another thread": lambda x: x * in_thread(lambda: x * 2.0),
    "dataclasses.asdict": lambda x: dataclasses.asdict(Holder(x))["held"] * x,
    "json": lambda x: x * json.loads(json.dumps(x)),
    "json with a default": lambda x: x * json.loads(json.dumps([x], default=float))[0],
    # identity
    "hash()": lambda x: x * (hash(x) % 1_000_003),
    "id()": lambda x: x * (id(x) % 1_000_003),
    # other numbers
    "int()": lambda x: x * int(x),
    "complex()": lambda x: abs(complex(x, 1.0)) * x,
    "times a complex number": lambda x: abs(x * 1j) * 1.0,
    "Decimal": lambda x: x * float(decimal.Decimal(x)),
    "Decimal of its text": lambda x: x * float(decimal.Decimal(str(x))),
    "Fraction": lambda x: x * float(fractions.Fraction(x)),
    "float.__add__": lambda x: x * float.__add__(1.0, x),
    "a float's method": lambda x: x * (1.0).__mul__(x),
    "struct": lambda x: x * struct.unpack("d", struct.pack("d", x))[0],
    "array": lambda x: x * array.array("d", [x])[0],
    "ctypes": lambda x: x * ctypes.c_double(x).value,
    "bytes()": lambda x: x * len(bytes(x)),
    "chr()": lambda x: x * ord(chr(x)),
    # whole numbers
    "an index": lambda x: [1.0, 2.0, 3.0, 4.0][x] * x,
    "a slice": lambda x: x * len([1, 2, 3][:x]),
    "range()": lambda x: x * len(range(x)),
    "a repeated text": lambda x: x * len("a" * x),
    "islice": lambda x: x * sum(itertools.islice([1.0, 2.0], x)),
    "operator.index": lambda x: operator.index(x) * x,
    # mathematics of floats
    "math.sin": lambda x: x * math.sin(x),
    "math.exp": lambda x: x * math.exp(x),
    "math.isnan": lambda x: x * (2.0 if math.isnan(x) else 3.0),
    "math.isclose": lambda x: x * (2.0 if math.isclose(x, 1.0) else 3.0),
    "math.fsum": lambda x: x * math.fsum([x, 1.0]),
    "math.copysign": lambda x: x * math.copysign(1.0, x),
    "math.hypot": lambda x: x * math.hypot(x, 1.0),
    "math.dist": lambda x: x * math.dist([x], [1.0]),
    "math.frexp": lambda x: x * math.frexp(x)[0],
    "math.fmod": lambda x: x * math.fmod(x, 1.0),
    "math.pow": lambda x: x * math.pow(x, 2),
    "math.sqrt": lambda x: x * math.sqrt(x),
    "cmath.exp": lambda x: x * cmath.exp(x).real,
    "statistics.mean": lambda x: statistics.mean([x, 1.0]) * x,
    "statistics.fmean": lambda x: statistics.fmean([x, 1.0]) * x,
    "statistics.stdev": lambda x: statistics.stdev([x, 1.0]) * x,
    # seeds
    "random.seed": lambda x: (random.seed(x), x * random.random())[1],
    "random.Random": lambda x: x * random.Random(x).random(),
    "randrange": lambda x: x * random.Random(3).randrange(x),
    "weights of choices": lambda x: x * random.Random(3).choices([1.0, 2.0], weights=[x, 1.0])[0],
    # NumPy
    "np.float64": lambda x: x * np.float64(x),
    "np.float32": lambda x: x * np.float32(x),
    "np.int64": lambda x: x * np.int64(x),
    "an array of floats": lambda x: x * np.array([x], float)[0],
    "np.asarray": lambda x: x * np.asarray(x, dtype=float),
    "astype": lambda x: x * np.array([x]).astype(float)[0],
    "np.full": lambda x: x * np.full(2, x, dtype=float)[0],
    "np.fromiter": lambda x: x * np.fromiter([x], float)[0],
    "an element set": put_into_an_array,
    "np.frombuffer": lambda x: x * np.frombuffer(struct.pack("d", x))[0],
    "np.interp": lambda x: x * np.interp(x, [0.0, 3.0], [0.0, 5.0]),
    "np.polyval": lambda x: np.polyval([1.0, 2.0], x),
    "np.histogram": lambda x: x * np.histogram([x], bins=3, range=(0, 3))[0][1],
}


@pytest.mark.parametrize("batch", [POINTS, POINTS[::-1]], ids=["forwards", "backwards"])
@pytest.mark.parametrize("function", RIGHT.values(), ids=RIGHT)
def test_what_is_recorded_is_right_for_every_number(function, batch):
    expected = [float(getattr(each, "number", each)) for each in map(function, map(Value, batch))]
    found = compile(lambda x: function(x), backend="numpy")(batch)
    assert np.ravel(found).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.filterwarnings("ignore:.*invalid value:RuntimeWarning")
@pytest.mark.parametrize("batch", [[2.0], POINTS, POINTS[::-1]], ids=["one", "forwards", "backwards"])
@pytest.mark.parametrize("function", REFUSED.values(), ids=REFUSED)
def test_what_would_freeze_a_number_is_an_error_in_the_first_call(function, batch):
    try:
        for x in batch:
            function(Value(x))
        errors = (FrozenNumberError, StaleProgramError, TypeError)
    except Exception:  # then it is none of ours alone
        errors = Exception
    with pytest.raises(errors):
        compile(lambda x: function(x), backend="numpy")(batch)
