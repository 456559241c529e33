"""What a function refers to outside of itself: the leaves that it may use, and plain numbers.

It is looked for in the function's closure and globals, in the order in which its code names them, in the object that it
is a method of, and from there in modules, lists, tuples, dicts, and other functions of the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dis import get_instructions
from functools import lru_cache, partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff.operations import VARIABLE
from autodiff.value import Value

PLAIN = (int, float, str, type(None))


def leaves_of(function: Callable[..., Any]) -> Iterator[Value]:
    """The leaves that a function refers to, each once.

    >>> w, offset = Value(1.0), Value(2.0)
    >>> line = lambda x: w * x + offset
    >>> list(leaves_of(lambda x, y: (line(x) - y) ** 2)) == [w, offset]
    True
    """
    return (thing for thing in _reached(function) if isinstance(thing, Value) and thing.op is VARIABLE)


class PlainNumbers:
    """The plain numbers and strings that a function reads from outside, which its program has as constants.

    They are those of closures and globals, and those attributes of objects there that the code names, or that of their
    ``__call__``. Numbers further away, such as those of a module within a module, are not looked for.

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
        self._read = [read for read in reads if isinstance(read(), (int, float, str))]

    def __len__(self) -> int:
        return len(self._read)

    def now(self) -> tuple[Any, ...]:
        """What they are at present."""
        return tuple([read() for read in self._read])


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
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    for name in _names(function.__code__):
        thing = function.__globals__.get(name)
        if name in cells:
            yield partial(_content, cells[name])
        elif not isinstance(thing, FunctionType) or thing.__globals__ is function.__globals__:
            yield partial(function.__globals__.get, name)


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
        if not isinstance(thing, (type, ModuleType, FunctionType)):
            attributes = getattr(thing, "__dict__", {})
            called = getattr(type(thing).__call__, "__code__", None) if callable(thing) else None
            names = dict.fromkeys([*_names(function.__code__), *(_names(called) if called else ())])
            yield from (partial(attributes.get, name) for name in names if name in attributes)


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code reads, in the order in which it does; also those of the functions in it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    read = [each.argval for each in get_instructions(code) if each.opname.startswith("LOAD_")]
    names = [name for name in read if isinstance(name, str)]
    return tuple(dict.fromkeys([*names, *(name for part in inner for name in _names(part))]))
