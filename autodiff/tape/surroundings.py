"""What a function refers to outside of itself: the leaves that it may use, and plain numbers.

It is looked for in the function's closure and globals, in the order in which its code names them, in the object that it
is a method of, and from there in modules, lists, tuples, dicts, and other functions of the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dis import get_instructions
from functools import lru_cache, partial
from inspect import getattr_static
from itertools import islice
from math import inf
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from autodiff.operations import VARIABLE, Operation
from autodiff.value import Value

PLAIN = (int, float, str, type(None), np.number, np.bool_)
FEW = 256
"""Collections outside are compared in every call if they hold at most so many numbers."""


def leaves_of(function: Callable[..., Any]) -> Iterator[Value]:
    """The leaves that a function refers to, each once.

    >>> w, offset = Value(1.0), Value(2.0)
    >>> line = lambda x: w * x + offset
    >>> list(leaves_of(lambda x, y: (line(x) - y) ** 2)) == [w, offset]
    True
    """
    return (thing for thing in _reached(function) if isinstance(thing, Value) and thing.op is VARIABLE)


def modules_of(function: Callable[..., Any]) -> Iterator[Any]:
    """The modules that a function refers to, each once."""
    return (thing for thing in _reached(function) if is_module(thing))


class PlainNumbers:
    """The plain numbers, strings and functions that a function uses from outside, which its program has as constants.

    They are those of closures and globals, and those attributes of objects, classes and modules there that the code
    names, or that of their ``__call__``; also those in small arrays, lists and dicts. Numbers further away, such as
    those of a module within a module, are not looked for.

    >>> scale = 2.0
    >>> f = lambda x: scale * x
    >>> numbers = PlainNumbers(f)
    >>> before = numbers.now()
    >>> scale = 3.0
    >>> before, numbers.now()
    ((2.0,), (3.0,))
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functions = [thing for thing in _reached(function, code_only=True) if isinstance(thing, FunctionType)]
        bound = getattr(function, "__self__", None)
        call = type(function).__call__
        if isinstance(call, FunctionType):  # an object that is called
            functions, bound = [*functions, call], function
        reads = [read for each in functions for read in _reads(each, bound)]
        self._read = [read for read in reads if 0 < _count(read()) <= FEW]

    def __len__(self) -> int:
        return len(self._read)

    def now(self) -> tuple[Any, ...]:
        """What they are at present."""
        return tuple([_present(read()) for read in self._read])


def _count(thing: Any, depth: int = 4) -> float:
    """How many plain things it holds; infinity if it holds others, too."""
    if isinstance(thing, (list, tuple, dict)):
        parts = thing.values() if isinstance(thing, dict) else thing
        return sum(_count(part, depth - 1) for part in parts) if depth and len(thing) <= FEW else inf
    if isinstance(thing, np.ndarray):
        return thing.size if thing.dtype != object else inf
    return 1 if isinstance(thing, _COMPARED) else inf


def _present(thing: Any) -> Any:
    """What can be compared with what it is later."""
    if isinstance(thing, _COMPARED):
        return thing
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.dtype, thing.tobytes() if thing.size <= FEW else None
    if isinstance(thing, dict):
        return tuple((key, _present(part)) for key, part in islice(thing.items(), FEW))
    if isinstance(thing, (list, tuple)):
        return tuple(map(_present, islice(thing, FEW)))
    return None


_COMPARED = (*PLAIN, FunctionType, BuiltinFunctionType, type, Operation)
"""What is compared as it is: numbers, and functions, such as the activation of a network, that equal themselves alone.
"""


def is_module(thing: Any) -> bool:
    """Whether it has named parameters, as modules of ``nn`` do."""
    return callable(getattr(type(thing), "named_parameters", None))


def _reached(function: Callable[..., Any], code_only: bool = False) -> Iterator[Any]:
    """Everything that a function refers to, each once, the function first; or, of all that, only what has code."""
    seen: dict[int, Any] = {}
    stack: list[Any] = [function]
    while stack:
        thing = stack.pop()
        if id(thing) not in seen and (not code_only or callable(thing)):
            seen[id(thing)] = thing
            yield thing
            if not code_only or not is_module(thing):
                stack.extend(reversed([*_references(thing)]))


def _references(thing: Any) -> Iterable[Any]:
    if isinstance(thing, (Value, *PLAIN, type, ModuleType)):
        return ()
    if is_module(thing):
        return thing.parameters()  # type: ignore[no-any-return]
    if isinstance(thing, dict):
        return thing.values()
    if isinstance(thing, (list, tuple)):
        return () if thing and isinstance(thing[0], PLAIN) else thing  # data holds no parameters
    if isinstance(thing, np.ndarray):
        return thing.ravel().tolist() if thing.dtype == object else ()
    if isinstance(thing, MethodType):
        return (thing.__self__, thing.__func__)
    if isinstance(thing, partial):
        return (thing.func, *thing.args, *thing.keywords.values())
    if isinstance(thing, FunctionType):
        return [*(read() for read in _variables(thing)), *(thing.__defaults__ or ())]
    return getattr(thing, "__dict__", {}).values()


def _variables(function: FunctionType) -> Iterator[Callable[[], Any]]:
    """How the variables outside of a function that its code names are read; not those that are imported functions."""
    cells, variables = dict(zip(function.__code__.co_freevars, function.__closure__ or ())), function.__globals__
    for name in _names(function.__code__):
        if name in cells:
            yield partial(_content, cells[name])
        elif name in variables and getattr(variables[name], "__globals__", variables) is variables:
            yield partial(variables.get, name)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that is not assigned yet
        return None


def _reads(function: FunctionType, bound: Any) -> Iterator[Callable[[], Any]]:
    """How its variables are read, and the attributes that it may read of objects: of those, and of its ``self``."""
    objects = [bound]
    for read in _variables(function):
        yield read
        objects.append(read())
    for thing in objects:
        if not isinstance(thing, (Value, *PLAIN, FunctionType)):
            called = getattr(type(thing).__call__, "__code__", None) if callable(thing) else None
            for name in dict.fromkeys([*_names(function.__code__), *(_names(called) if called else ())]):
                attribute = getattr_static(thing, name, _MISSING)
                computed = hasattr(type(attribute), "__get__") and not isinstance(attribute, MemberDescriptorType)
                if not (computed or (isinstance(thing, ModuleType) and callable(attribute))):
                    yield partial(getattr, thing, name, None)


_MISSING = property()
"""Stands for an attribute that is not there: like one that is computed, it is not read."""


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code reads, in the order in which it does; also those of the functions in it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    read = [each.argval for each in get_instructions(code) if each.opname.startswith("LOAD_")]
    names = [name for name in read if isinstance(name, str)]
    return tuple(dict.fromkeys([*names, *(name for part in inner for name in _names(part))]))
