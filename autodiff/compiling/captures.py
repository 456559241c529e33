"""What a function refers to outside of itself: the leaves that it may use, and plain numbers.

It is looked for in the function's closure and globals, in the order in which its code names them, in the object that it
is a method of, and from there in modules, lists, tuples, dicts, and other functions of the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dis import get_instructions
from enum import Enum
from functools import lru_cache, partial
from inspect import getattr_static
from itertools import islice, repeat
from numbers import Number
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


def groups_of(function: Callable[..., Any]) -> Iterator[list[Value]]:
    """The leaves that stand together, in a module or a collection that a function refers to."""
    for thing in _reached(function):
        if is_module(thing) or isinstance(thing, (list, tuple, dict)):
            yield [each for each in _references(thing) if isinstance(each, Value) and each.op is VARIABLE]


class PlainNumbers:
    """The plain numbers, strings and functions that a function uses from outside, which its program has as constants.

    They are those of closures, globals and arguments of ``partial``, and those attributes of objects, classes and
    modules there that the code names, or that of their ``__call__`` and of methods that it names; also those in small
    arrays, lists and dicts. Numbers further away, such as those of a module within a module, are not looked for.

    >>> scale = 2.0
    >>> f = lambda x: scale * x
    >>> numbers = PlainNumbers(f)
    >>> before = numbers.now()
    >>> scale = 3.0
    >>> before, numbers.now()
    ((2.0,), (3.0,))
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        reached = [*_reached(function, code_only=True)]
        functions = [thing for thing in reached if isinstance(thing, FunctionType)]
        given = [value for thing in reached if isinstance(thing, partial) for value in _arguments(thing)]
        given += [value for each in functions for value in each.__defaults__ or ()]
        objects = [*given, *(thing.__self__ for thing in reached if isinstance(thing, MethodType))]
        call = type(function).__call__
        if isinstance(call, FunctionType):  # an object that is called
            functions.append(call)
            objects.append(function)
        reads = [read for each in functions for read in _reads(each, objects)]
        reads += [partial(_itself, value) for value in given]
        self._read = [read for read in reads if _is_compared(read())]

    def __len__(self) -> int:
        return len(self._read)

    def now(self) -> tuple[Any, ...]:
        """What they are at present."""
        return tuple([_present(read()) for read in self._read])


def _is_compared(thing: Any) -> bool:
    """Whether there is something plain in it, and not too much of anything."""
    parts = [*islice(_parts(thing), FEW + 1)]
    return any(parts) and len(parts) <= FEW


def _parts(thing: Any, depth: int = 4) -> Iterator[bool]:
    """For each thing in it, whether it is plain; an empty collection is, and one too deep is too much."""
    if isinstance(thing, np.ndarray):
        yield from repeat(thing.dtype != object, thing.size)
    elif not isinstance(thing, (list, tuple, dict)):
        yield isinstance(thing, _COMPARED)
    elif thing and depth:
        for part in thing.values() if isinstance(thing, dict) else thing:
            yield from _parts(part, depth - 1)
    else:
        yield from repeat(False, FEW + 1) if thing else (True,)


def _present(thing: Any) -> Any:
    """What can be compared with what it is later; of a collection of other things, that it holds nothing plain."""
    if isinstance(thing, PLAIN):
        return thing
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        return thing.shape, thing.dtype, thing.tobytes() if thing.size <= FEW else None
    if isinstance(thing, dict):
        parts = tuple((key, _present(part)) for key, part in islice(thing.items(), FEW))
        return parts if any(part is not _NOTHING for _, part in parts) else _NOTHING
    if isinstance(thing, (list, tuple)):
        found = tuple(map(_present, islice(thing, FEW)))
        return found if any(part is not _NOTHING for part in found) else _NOTHING
    return thing if isinstance(thing, _COMPARED) else _NOTHING


_NOTHING = object()
_COMPARED = (*PLAIN, FunctionType, BuiltinFunctionType, type, Operation, Enum, Number, range, bytes)
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
        return (thing.func, *_arguments(thing))
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


def _reads(function: FunctionType, given: Iterable[Any]) -> Iterator[Callable[[], Any]]:
    """How its variables are read, and the attributes that it may read of objects: of those, and of what it is given."""
    objects = [*given]
    for read in _variables(function):
        yield read
        objects.append(read())
    for thing in objects:
        if not isinstance(thing, (Value, *PLAIN, FunctionType)):
            called = getattr(type(thing).__call__, "__code__", None) if callable(thing) else None
            for name in _names_within(thing, [*_names(function.__code__), *(_names(called) if called else ())]):
                attribute = getattr_static(thing, name, _MISSING)
                computed = hasattr(type(attribute), "__get__") and not isinstance(attribute, MemberDescriptorType)
                if not (computed or (isinstance(thing, ModuleType) and callable(attribute))):
                    yield partial(getattr, thing, name, None)


def _names_within(thing: Any, names: list[str]) -> list[str]:
    """The names, and those that the object's methods of these names read."""
    known, left = dict.fromkeys(names), [*names]
    while left:
        method = getattr_static(type(thing), left.pop(), None)
        read = _names(method.__code__) if isinstance(method, FunctionType) else ()
        new = [name for name in read if name not in known]
        known.update(dict.fromkeys(new))
        left += new
    return [*known]


def _arguments(given: partial[Any]) -> Iterable[Any]:
    return (*given.args, *given.keywords.values())


def _itself(thing: Any) -> Any:
    return thing


_MISSING = property()
"""Stands for an attribute that is not there: like one that is computed, it is not read."""


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code reads, in the order in which it does; also those of the functions in it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    read = [each for each in get_instructions(code) if each.opname.startswith("LOAD_")]
    names = [each.argval for each in read if not each.opname.startswith(("LOAD_FAST", "LOAD_CONST"))]
    names += [name for part in inner for name in _names(part) if name not in code.co_cellvars]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name not in code.co_cellvars))
