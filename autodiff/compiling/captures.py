"""What a function refers to outside of itself: its parameters, and numbers, functions and structures around them.

It is looked for in the function's closure and globals, in the order in which its code names them, in the object that it
is a method of, and from there in modules, lists, tuples, dicts, objects, and other functions of the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dis import get_instructions
from enum import Enum
from functools import lru_cache, partial
from inspect import getattr_static
from itertools import islice, repeat
from numbers import Number
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff.hooks import Observer, observed_by
from autodiff.operations import VARIABLE, Operation
from autodiff.trees import is_module
from autodiff.value import Value

PLAIN = (int, float, str, type(None), np.number, np.bool_)
COMPARED = (*PLAIN, FunctionType, BuiltinFunctionType, type, Operation, Enum, Number, range, bytes)
"""What is a constant of the program: plain numbers, and functions, such as the activation of a network."""
FEW = 256
"""A collection that holds more numbers than this is data: it is not compared in every call."""


class Captures:
    """What a function refers to, as it was at one moment.

    >>> def line(slope, offset):
    ...     return lambda x: slope * x + offset
    >>> w = Value(2.0)
    >>> captures = Captures(line(w, 3.0))
    >>> captures.leaves == [w], captures.numbers(), captures.are_current()
    (True, ('0x1.8000000000000p+1',), True)

    Args:
        *roots: the function, and a module if its parameters are given.
        by_identity: whether other leaves in the same places have another fingerprint.
    """

    def __init__(self, *roots: Any, by_identity: bool = False) -> None:
        visited = _visited(roots)
        self.leaves = [thing for thing, _ in visited if _is_leaf(thing)]
        """The variables among it, each once."""
        held = [child for thing, children in visited if isinstance(thing, _CODE) for child in children]
        near = {id(thing): thing for thing in [*held, *roots]}
        relevant = _relevant(visited)
        places = {id(leaf): id(leaf) if by_identity else place for place, leaf in enumerate(self.leaves)}
        self.fingerprint, self._kept = _fingerprint(visited, relevant, places)
        """Two captures of the same one have the same structure, of the same functions."""
        holders = {id(thing): _contents(thing) for thing, _ in visited if id(thing) in relevant or id(thing) in near}
        contents = [each for key, each in holders.items() if each is not None and (key in relevant or len(each) <= FEW)]
        self._lists = [each for each in contents if isinstance(each, list)]
        self._dicts = [each for each in contents if not isinstance(each, list)]
        functions = [thing for thing, _ in visited if isinstance(thing, FunctionType)]
        self._variables: list[Read] = [read for each in functions for read in _variables(each)]
        self._variables += [partial(_elements, thing) for thing, _ in visited if isinstance(thing, np.ndarray)]
        self._note()
        given = [thing for each in functions for thing in each.__defaults__ or ()]
        given += [thing for each, _ in visited if isinstance(each, partial) for thing in _arguments(each)]
        plain: list[Read] = [*self._variables, *(partial(_itself, thing) for thing in given)]
        plain += [read for thing in near.values() for read in _attributes(thing, functions)]
        self._plain = [read for read in plain if _is_compared(read())]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Captures) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def are_current(self, but_for: str = "") -> bool:
        """Whether every variable, list, dict and object holds the very things that it held, but for plain ones.

        Lists and dicts are compared in C, by identity first: only a ``Value`` that was replaced is compared by number.

        Args:
            but_for: ``"equals"`` where a ``Value`` of the same number will do, as it does if only values are computed;
                ``"attributes"`` where, besides, the numbers of all parameters are given, so that another ``Value`` in
                an attribute does not matter, and only lists and variables are looked at.
        """
        try:
            if but_for:
                same = [read() for read in self._variables] == self._held and self._lists == self._listed
                same = same and (but_for == "attributes" or self._dicts == self._named)
            else:
                asked = _Asked()
                with observed_by(asked):
                    same = [read() for read in self._variables] == self._held and self._lists == self._listed
                    same = same and self._dicts == self._named and not asked.by_value
        except Exception:  # what cannot be compared, such as an array with another one, is not the same
            return False
        return same or self._only_plain_changed()

    def numbers(self) -> tuple[Hashable, ...]:
        """The plain things that are constants of the program, as they are at present: with their types and bits.

        They are those of closures, globals, defaults and arguments of ``partial``, and those attributes of objects,
        classes and modules there that the code names, or that of their ``__call__`` and of methods that it names; also
        those in small arrays, lists and dicts. Numbers further away are left to audits.
        """
        return tuple([_present(read()) for read in self._plain]) if self._plain else ()

    def _note(self) -> None:
        self._held = [read() for read in self._variables]
        self._listed = [each.copy() for each in self._lists]
        self._named = [each.copy() for each in self._dicts]

    def _only_plain_changed(self) -> bool:
        """Whether nothing was replaced but plain things by plain things; if so, they are noted."""
        now = [[read() for read in self._variables], *self._lists, *self._dicts]
        for new, old in zip(now, [self._held, *self._listed, *self._named]):
            if isinstance(new, dict) and [*new] != [*old]:
                return False
            if [id(each) for each in _values(new) if not _is_inert(each)] != [
                id(each) for each in _values(old) if not _is_inert(each)
            ]:
                return False
        self._note()
        return True


class _Asked(Observer):
    """Whether a ``Value`` was compared: one of equal number is yet another one."""

    by_value = False

    def compared(self, sign: str, left: Value, right: Any, holds: bool) -> None:
        self.by_value = True


# ── The walk ─────────────────────────────────────────────────────────────────────────────────────

_CODE = (FunctionType, MethodType, partial)
Read = Callable[[], Any]
Visited = list[tuple[Any, Sequence[Any]]]
"""Things, and what each refers to."""


def _is_leaf(thing: Any) -> bool:
    return isinstance(thing, Value) and thing.op is VARIABLE


def _is_inert(thing: Any) -> bool:
    """Whether no parameter is, or can come to be, in it."""
    if isinstance(thing, Value):
        return thing.op is not VARIABLE
    return isinstance(thing, PLAIN) or (isinstance(thing, np.ndarray) and thing.dtype != object)


def _visited(roots: Sequence[Any]) -> Visited:
    """Everything that is referred to, each thing once, the roots first."""
    seen: set[int] = set()
    parts: set[int] = set()  # what is inside of a module, the parameters of which are listed already
    found: Visited = []
    stack = [*reversed(roots)]
    while stack:
        thing = stack.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            is_part = id(thing) in parts
            children = () if type(thing) is Value else _references(thing, is_part)
            found.append((thing, children))
            stack += [child for child in reversed(children) if not _is_inert(child)]
            if is_part or is_module(thing):
                parts.update(map(id, children))
    return found


def _references(thing: Any, is_part: bool) -> Sequence[Any]:
    if isinstance(thing, FunctionType):
        return [*(read() for read in _variables(thing)), *(thing.__defaults__ or ())]
    if isinstance(thing, (Value, ModuleType, *COMPARED)):
        return ()
    if isinstance(thing, MethodType):
        return (thing.__self__, thing.__func__)
    if isinstance(thing, partial):
        return (thing.func, *_arguments(thing))
    if isinstance(thing, np.ndarray):
        return _elements(thing)
    if isinstance(thing, tuple):
        return () if _is_data(thing) else thing
    if _is_wrapper(thing):
        return (thing.__wrapped__,)
    contents = _contents(thing)
    if contents is None:
        return ()
    values = [*_values(contents)]
    if is_module(thing):
        values = [each for each in values if _is_structure(each) or _is_leaf(each)]
        return values if is_part else [*thing.parameters(), *values]
    return values


def _contents(thing: Any) -> list[Any] | dict[Any, Any] | None:
    """The list or dict that holds what it refers to, if it has one that can change."""
    if isinstance(thing, (Value, ModuleType, np.ndarray, tuple, *_CODE, *COMPARED)) or _is_wrapper(thing):
        return None
    if isinstance(thing, (list, dict)):
        return None if _is_data(thing) else thing
    return getattr(thing, "__dict__", None)


def _is_wrapper(thing: Any) -> bool:
    """Whether it is made of a function, as a compiled function is."""
    return "__wrapped__" in getattr(thing, "__dict__", ())


def _is_data(thing: Any) -> bool:
    """Whether it is a long collection of plain numbers, or of rows of them; they hold no parameters."""
    first = thing if len(thing) > FEW else None
    for _ in range(4):
        if isinstance(first, (list, tuple, dict)) and first:
            first = next(iter(_values(first)))
    return first is not None and _is_inert(first)


def _values(thing: Any) -> Iterable[Any]:
    return thing.values() if isinstance(thing, dict) else thing


def _is_structure(thing: Any) -> bool:
    return isinstance(thing, (list, tuple, dict, np.ndarray)) or is_module(thing)


def _arguments(given: partial[Any]) -> Iterable[Any]:
    return (*given.args, *given.keywords.values())


def _elements(array: Any) -> list[Any]:
    return array.ravel().tolist() if array.dtype == object else []


def _relevant(visited: Visited) -> set[int]:
    """The ids of the leaves and functions, and of the things that hold one, directly or further down."""
    relevant = {id(thing) for thing, _ in visited if _is_leaf(thing) or isinstance(thing, _CODE)}
    before = -1
    while len(relevant) > before:  # a thing may refer to one that was visited before it
        before = len(relevant)
        for thing, children in reversed(visited):
            if not relevant.isdisjoint(map(id, children)):
                relevant.add(id(thing))
    return relevant


def _fingerprint(
    visited: Visited, relevant: set[int], places: dict[int, int]
) -> tuple[tuple[Hashable, ...], list[Any]]:
    """The structure of what is relevant, with the places of the leaves and the ids of functions; and what has these."""
    holders = [each for each in visited if id(each[0]) in relevant and id(each[0]) not in places]
    number = {id(thing): -1 - place for place, (thing, _) in enumerate(holders)} | places
    kept: list[Any] = []

    def mark(thing: Any) -> Any:
        if id(thing) in number:
            return number[id(thing)]
        if not isinstance(thing, COMPARED):
            return type(thing)
        kept.append(thing)
        return id(thing)

    marks: list[Hashable] = []
    for thing, children in holders:
        what = thing.__code__ if isinstance(thing, FunctionType) else type(thing)
        marks += [id(what), *[mark(child) for child in children if not _is_inert(child)]]
        kept.append(what)
    return tuple(marks), kept


# ── What code reads ──────────────────────────────────────────────────────────────────────────────


def _variables(function: FunctionType) -> Iterator[Read]:
    """How the variables outside of a function that its code names are read; not those that are imported functions."""
    cells, variables = dict(zip(function.__code__.co_freevars, function.__closure__ or ())), function.__globals__
    if str(variables.get("__name__")).startswith("autodiff."):  # such as that of grad(f), of which f is in a cell
        variables = {}
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


def _attributes(thing: Any, functions: Sequence[FunctionType]) -> Iterator[Read]:
    """How the attributes of an object are read that the functions name, or its methods of these names."""
    if isinstance(thing, (Value, *PLAIN, *_CODE)):
        return
    names = dict.fromkeys(name for each in functions for name in _names(each.__code__))
    left = [*names, "__call__"]
    while left:
        method = getattr_static(type(thing), left.pop(), None)
        new = (
            [name for name in _names(method.__code__) if name not in names] if isinstance(method, FunctionType) else []
        )
        names.update(dict.fromkeys(new))
        left += new
    for name in names:
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
    read = [each for each in get_instructions(code) if each.opname.startswith("LOAD_")]
    names = [each.argval for each in read if not each.opname.startswith(("LOAD_FAST", "LOAD_CONST"))]
    names += [name for part in inner for name in _names(part) if name not in code.co_cellvars]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name not in code.co_cellvars))


def _itself(thing: Any) -> Any:
    return thing


# ── Plain numbers ────────────────────────────────────────────────────────────────────────────────


def _is_compared(thing: Any) -> bool:
    """Whether there is something plain in it, and not too much of anything."""
    parts = [*islice(_parts(thing), FEW + 1)]
    return any(parts) and len(parts) <= FEW


def _parts(thing: Any, depth: int = 4) -> Iterator[bool]:
    """For each thing in it, whether it is plain; an empty collection is, and one too deep is too much."""
    if isinstance(thing, np.ndarray):
        yield from repeat(thing.dtype != object, thing.size)
    elif not isinstance(thing, (list, tuple, dict)):
        yield isinstance(thing, COMPARED) or (isinstance(thing, Value) and thing.op is not VARIABLE)
    elif thing and depth:
        for part in _values(thing):
            yield from _parts(part, depth - 1)
    else:
        yield from repeat(False, FEW + 1) if thing else (True,)


def _present(thing: Any) -> Hashable:
    """What is the same later only if the thing is: numbers by type and bits, collections by their plain parts."""
    kind = type(thing)
    if kind is float:
        return thing.hex()  # type: ignore[no-any-return]
    if isinstance(thing, (np.generic, np.ndarray)):
        if kind is np.ndarray and thing.dtype == object:
            return None
        return kind, thing.shape, thing.dtype, thing.tobytes() if thing.size <= FEW else None
    if isinstance(thing, COMPARED):
        return kind, thing
    if isinstance(thing, dict):
        named = tuple((key, _present(part)) for key, part in islice(thing.items(), FEW))
        return named if any(part is not None for _, part in named) else None
    if isinstance(thing, (list, tuple)):
        found = tuple(map(_present, islice(thing, FEW)))
        return found if any(part is not None for part in found) else None
    if isinstance(thing, Value) and thing.op is not VARIABLE:
        return id(thing) if thing.parents else kind, thing.number.hex()
    return None
