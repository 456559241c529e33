"""What a function refers to outside of itself: its parameters, and numbers, functions and structures around them.

It is looked for in the function's closure and globals, in the order in which its code names them, in the object that it
is a method of, and from there in modules, lists, tuples, dicts, objects, and other functions: of the same file, and of
other files that do not belong to an installed library. What is further away, or large, is left to audits.
"""

from __future__ import annotations

import pickle
import random
from array import array
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dis import get_instructions
from enum import Enum
from functools import cached_property, lru_cache, partial
from inspect import getattr_static
from numbers import Number
from sysconfig import get_path
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiling.inputs import InputStamp
from autodiff.number_like import equalities
from autodiff.operations import VARIABLE, Operation
from autodiff.trees import is_module
from autodiff.value import Value

PLAIN = (int, float, str, type(None), np.number, np.bool_)
COMPARED = (*PLAIN, FunctionType, BuiltinFunctionType, type, Operation, Enum, Number, range, bytes)
"""What is a constant of the program: plain numbers, and functions, such as the activation of a network."""
SIMPLE = {float, int, bool, str, bytes, type(None), FunctionType, BuiltinFunctionType, Operation}
"""The most frequent of these types, which tell themselves apart."""
FLAT = (set, frozenset, deque, array, bytearray)
"""Collections that hold nothing but what is plain, if they are compared at all."""
CODE = (FunctionType, MethodType, partial)
FEW, DEEP = 256, 4
"""A collection that holds more numbers than this, or deeper ones, is data: it is not compared in every call."""
Read = Callable[[], Any]


class Captures:
    """What a function refers to, as it was at one moment.

    >>> def line(slope, offset):
    ...     return lambda x: slope * x + offset
    >>> w = Value(2.0)
    >>> captures = Captures(line(w, 3.0))
    >>> captures.leaves == [w], captures.numbers(), captures.are_current()
    (True, ('0x1.8000000000000p+1',), True)

    Nodes that depend on a variable, and inputs, count for nothing: a program can use none that was there before, so
    they are what the function itself has left outside when it was recorded. What it reads of them, audits tell.

    Args:
        *roots: the function, and a module if its parameters are given.
        by_identity: whether other leaves in the same places have another fingerprint.
    """

    def __init__(self, *roots: Any, by_identity: bool = False) -> None:
        self._roots, self._by_identity = roots, by_identity
        beside: list[
            Read
        ] = []  # parameters of classes and modules, and functions of modules; those of objects are known
        for _ in range(DEEP):
            before, visits = len(beside), _walk([*roots, *(read() for read in beside)])
            functions, near, attributes = _read_by(visits, roots)
            beside = [read for read in attributes if isinstance(held := read(), FunctionType) or _is_leaf(held)]
            if len(beside) == before:
                break
        self.leaves = [each.thing for each in visits if _is_leaf(each.thing)]
        """The variables among it, each once."""
        relevant = _relevant(visits)
        self.fingerprint, self._kept = _fingerprint(visits, relevant, by_identity)
        """Two captures of the same one have the same structure, of the same functions."""
        held = [(id(each.thing), each.contents) for each in visits if each.contents is not None]
        holders = [each for key, each in held if key in relevant or (key in near and len(each) <= FEW)]
        self._lists = [each for each in holders if isinstance(each, list)]
        self._dicts = [each for each in holders if isinstance(each, dict)]
        self._variables: list[Read] = [read for each in functions for read in _variables(each)]
        self._variables += [partial(_elements, each.thing) for each in visits if isinstance(each.thing, np.ndarray)]
        self._variables += beside
        self._note()
        plain = [*self._variables, *attributes]
        plain += [
            partial(_argument, each.thing, place) for each in visits for place in range(len(_arguments(each.thing)))
        ]
        self._plain = [read for read in plain if _content(read()) is not None]
        self._functions = functions
        self._options: dict[int, tuple[Any, list[Read]]] = {}
        """Objects that are static options, by id, and how what they hold is read."""
        self._find_generators = partial(_generators, visits, functions)

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
        asked = -1 if but_for else next(equalities)
        try:
            same = [read() for read in self._variables] == self._held and self._lists == self._listed
            same = same and (but_for == "attributes" or self._dicts == self._named)
        except Exception:  # what cannot be compared, such as an array with another one, is not the same
            return False
        if same and asked >= 0 and next(equalities) != asked + 1:  # one of equal number is yet another one
            same = False
        return same or self._only_plain_changed()

    def again(self) -> Captures:
        """What the function refers to now."""
        return Captures(*self._roots, by_identity=self._by_identity)

    def numbers(self) -> tuple[Hashable, ...]:
        """The plain things that are constants of the program, as they are at present: with their types and bits.

        They are those of closures, globals, defaults and arguments of ``partial``, and the attributes of objects,
        classes and modules there, and of these in turn, but for those that no code names: what an object counts makes
        no new program; also those in small arrays and collections. Numbers further away are left to audits.
        """
        return tuple([_content(read()) or () for read in self._plain]) if self._plain else ()

    def option(self, given: Any) -> Hashable:
        """A static option, told from others by type and bits; an object also by its attributes that code names."""
        found = exactly(given)
        if not _has_attributes(given):
            return found
        if id(given) not in self._options:
            if len(self._options) == FEW:
                self._options.clear()
            reads = [read for read in _attributes([given], self._functions) if _content(read()) is not None]
            self._options[id(given)] = given, reads
        return found, tuple([_content(read()) or () for read in self._options[id(given)][1]])

    @cached_property
    def _random(self) -> list[Any]:
        return [*self._find_generators()]

    def randomness(self) -> list[Any]:
        """The states of the random generators that the function can reach: they move when it draws."""
        return [_state(generator) for generator in self._random]

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
            now_and_then = ([id(each) for each in _values(held) if not _is_inert(each)] for held in (new, old))
            if next(now_and_then) != next(now_and_then):
                return False
        self._note()
        return True


# ── The walk ─────────────────────────────────────────────────────────────────────────────────────


class _Visit(NamedTuple):
    thing: Any
    children: Sequence[Any]
    """What it refers to."""
    contents: list[Any] | dict[Any, Any] | None
    """The list or dict that holds these, if it can change."""


def _walk(roots: Sequence[Any]) -> list[_Visit]:
    """Everything that is referred to, each thing once, the roots first."""
    seen: set[int] = set()
    parts: set[int] = set()  # what is inside of a module, the parameters of which are listed already
    found: list[_Visit] = []
    stack = [*reversed(roots)]
    while stack:
        thing = stack.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            is_part = id(thing) in parts
            visit = _visited(thing, is_part)
            found.append(visit)
            stack += [child for child in reversed(visit.children) if not _is_inert(child)]
            if is_part or is_module(thing):
                parts.update(map(id, visit.children))
    return found


def _visited(thing: Any, is_part: bool) -> _Visit:
    if isinstance(thing, Value):
        return _Visit(thing, (), None)
    if isinstance(thing, FunctionType):
        return _Visit(thing, [*(read() for read in _variables(thing)), *_arguments(thing)], None)
    if isinstance(thing, (ModuleType, COMPARED)):
        return _Visit(thing, (), None)
    if isinstance(thing, MethodType):
        return _Visit(thing, (thing.__self__, thing.__func__), None)
    if isinstance(thing, partial):
        return _Visit(thing, (thing.func, *_arguments(thing)), None)
    if isinstance(thing, np.ndarray):
        return _Visit(thing, _elements(thing), None)
    contents = thing if isinstance(thing, (list, dict, tuple)) else getattr(thing, "__dict__", None)
    if contents is None or (contents is thing and _is_data(thing)):
        return _Visit(thing, (), None)
    if contents is not thing and "__wrapped__" in contents:  # it is made of a function, as a compiled one is
        return _Visit(thing, (thing.__wrapped__,), None)
    children = [*_values(contents)]
    if is_module(thing):
        structures = (list, tuple, dict, np.ndarray)
        children = [each for each in children if isinstance(each, structures) or is_module(each) or _is_leaf(each)]
        children = children if is_part else [*thing.parameters(), *children]
    return _Visit(thing, children, None if isinstance(contents, tuple) else contents)


def _is_leaf(thing: Any) -> bool:
    return isinstance(thing, Value) and thing.op is VARIABLE and type(thing.stamp) is not InputStamp


def _is_inert(thing: Any) -> bool:
    """Whether no parameter is, or can come to be, in it."""
    if isinstance(thing, Value):
        return not _is_leaf(thing)
    return isinstance(thing, PLAIN) or (isinstance(thing, np.ndarray) and thing.dtype != object)


def _is_data(thing: Any) -> bool:
    """Whether it is a long collection of plain numbers, or of rows of them; they hold no parameters."""
    first = thing if len(thing) > FEW else None
    for _ in range(DEEP):
        if isinstance(first, (list, tuple, dict)) and first:
            first = next(iter(_values(first)))
    return first is not None and _is_inert(first)


def _values(thing: Any) -> Iterable[Any]:
    return thing.values() if isinstance(thing, dict) else thing


def _elements(array: Any) -> list[Any]:
    return array.ravel().tolist() if array.dtype == object else []


def _arguments(thing: Any) -> tuple[Any, ...]:
    """What a function has as defaults, and ``partial`` as arguments."""
    if isinstance(thing, partial):
        return (*thing.args, *thing.keywords.values())
    if isinstance(thing, FunctionType):
        return (*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values())
    return ()


def _argument(thing: Any, place: int) -> Any:
    found = _arguments(thing)
    return found[place] if place < len(found) else None


def _read_by(visits: Sequence[_Visit], roots: Sequence[Any]) -> tuple[list[FunctionType], dict[int, Any], list[Read]]:
    """The functions, the things near them, by id, and how those attributes of these are read that code names."""
    functions = [each.thing for each in visits if isinstance(each.thing, FunctionType)]
    of_code = [child for each in visits if isinstance(each.thing, CODE) for child in each.children]
    near = {id(thing): thing for thing in (*of_code, *roots)}
    things = [thing for thing in near.values() if not isinstance(thing, (Value, *PLAIN, MethodType, partial))]
    things = [thing for thing in things if not isinstance(thing, FunctionType) or vars(thing)]
    variables = [partial(thing.get, None) for thing in things if isinstance(thing, ContextVar)]
    return functions, near, [*_attributes(things, functions), *variables]


def _relevant(visits: Sequence[_Visit]) -> set[int]:
    """The ids of the leaves and functions, and of the things that hold one, directly or further down."""
    users: dict[int, list[int]] = {}
    for thing, children, _ in visits:
        for child in children:
            users.setdefault(id(child), []).append(id(thing))
    relevant: set[int] = set()
    stack = [id(each.thing) for each in visits if _is_leaf(each.thing) or isinstance(each.thing, CODE)]
    while stack:
        each = stack.pop()
        if each not in relevant:
            relevant.add(each)
            stack += users.get(each, ())
    return relevant


def _fingerprint(
    visits: Sequence[_Visit], relevant: set[int], by_identity: bool
) -> tuple[tuple[Hashable, ...], list[Any]]:
    """The structure of what is relevant, with the places of the leaves and the ids of functions; and what has these."""
    holders = [each for each in visits if id(each.thing) in relevant]
    number = {
        id(each.thing): id(each.thing) if by_identity and _is_leaf(each.thing) else place
        for place, each in enumerate(holders)
    }
    marks: list[Hashable] = []
    kept: list[Any] = []
    for thing, children, _ in holders:
        kept.append(thing.__code__ if isinstance(thing, FunctionType) else type(thing))
        marks.append(id(kept[-1]))
        for child in children:
            if id(child) in number:
                marks.append(number[id(child)])
            elif not _is_inert(child):
                kept.append(child if isinstance(child, COMPARED) else type(child))
                marks.append(id(kept[-1]))
    return tuple(marks), kept


# ── What code reads ──────────────────────────────────────────────────────────────────────────────


def _variables(function: FunctionType) -> Iterator[Read]:
    """How the variables outside of a function that its code names are read, but for functions of libraries."""
    cells, variables = dict(zip(function.__code__.co_freevars, function.__closure__ or ())), function.__globals__
    if str(variables.get("__name__")).startswith("autodiff."):  # such as that of grad(f), of which f is in a cell
        variables = {}
    for name in _names(function.__code__):
        if name in cells:
            yield partial(_in_cell, cells[name])
        elif name in variables:
            thing = variables[name]
            if getattr(thing, "__globals__", variables) is variables or _is_users(thing):
                yield partial(variables.get, name)


def _in_cell(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that is not assigned yet
        return None


def _is_users(thing: Any) -> bool:
    """Whether it is a function of the user's own, not of an installed library."""
    return (
        isinstance(thing, FunctionType)
        and not str(thing.__module__).startswith(("autodiff.", "nn."))
        and not _is_installed(thing.__code__.co_filename)
    )


@lru_cache(maxsize=1024)
def _is_installed(path: str) -> bool:
    return path.startswith(("<frozen ", *{get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}))


def _attributes(near: Sequence[Any], functions: Sequence[FunctionType]) -> Iterator[Read]:
    """How those attributes of objects, classes and modules are read that the functions name, or methods named there.

    An attribute that is an object, a class or a module has attributes in turn, as far as ``DEEP``.
    """
    things: dict[int, Any] = {id(thing): thing for thing in near}
    new: list[tuple[Any, Read | None]] = [(thing, None) for thing in near]
    for _ in range(DEEP):
        names = _named_by(functions, dict.fromkeys(map(type, things.values())))
        reads = [
            partial(getattr, thing, name, None) if of is None else partial(_attribute, of, name)
            for thing, of in new
            for name in _stored(thing, names)
        ]
        yield from reads
        for thing in (thing for thing, of in new if of is None and not isinstance(thing, ModuleType)):
            kind = thing if isinstance(thing, type) else type(thing)
            yield from (partial(getattr, kind, name, None) for name in names if _is_users(getattr(kind, name, None)))
            if kind is not thing:
                yield partial(type, thing)
        new = []
        for held, read in [(read(), read) for read in reads]:
            if id(held) not in things and _has_attributes(held):
                things[id(held)] = held
                new.append((held, read))
        if not new:
            return


def _attribute(of: Read, name: str) -> Any:
    return getattr(of(), name, None)


def _named_by(functions: Sequence[FunctionType], kinds: Iterable[type]) -> list[str]:
    """The names in the functions, and in those methods of the classes that are named."""
    names: dict[str, None] = {}
    places = [vars(base) for base in dict.fromkeys(base for kind in kinds for base in kind.__mro__)]
    left = ["__call__", *(name for each in functions for name in _names(each.__code__))]
    while left:
        name = left.pop()
        if name not in names:
            names[name] = None
            methods = [place[name] for place in places if name in place]
            left += [each for method in methods if isinstance(method, FunctionType) for each in _names(method.__code__)]
    return [*names]


def _stored(thing: Any, names: Iterable[str]) -> Iterator[str]:
    """Those of the names that are attributes which are not computed, as by a property or a method."""
    kinds = (*type(thing).__mro__, *(thing.__mro__ if isinstance(thing, type) else ()))
    places = [vars(kind) for kind in kinds] + [getattr(thing, "__dict__", {})]
    for name in names:
        if any(name in place for place in places):
            attribute = getattr_static(thing, name, property())  # it is not found where it is a thread's own
            is_computed = hasattr(type(attribute), "__get__") and not isinstance(attribute, MemberDescriptorType)
            if _is_users(attribute) if isinstance(thing, ModuleType) and callable(attribute) else not is_computed:
                yield name


def _has_attributes(thing: Any) -> bool:
    if isinstance(thing, (type, ModuleType)):
        return True
    others = (Value, list, tuple, dict, np.ndarray, *COMPARED, *CODE)
    return not isinstance(thing, others) and (hasattr(thing, "__dict__") or hasattr(thing, "__slots__"))


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code reads, in the order in which it does; also those of the functions in it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    read = [each for each in get_instructions(code) if each.opname.startswith("LOAD_")]
    names = [each.argval for each in read if not each.opname.startswith(("LOAD_FAST", "LOAD_CONST"))]
    names += [name for part in inner for name in _names(part) if name not in code.co_cellvars]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name not in code.co_cellvars))


# ── Random generators ────────────────────────────────────────────────────────────────────────────


def _generators(visits: Sequence[_Visit], functions: Sequence[FunctionType]) -> Iterator[Any]:
    """The generators among all that is held, those of bound methods such as ``rng.normal``, and those of modules."""
    modules = {id(random): random.random.__self__, id(np.random): np.random.rand.__self__}  # type: ignore[attr-defined]
    held = {id(each.thing): each.thing for each in visits if not isinstance(each.thing, Value)}
    for module in (each.thing for each in visits if is_module(each.thing)):  # of which the walk sees a part
        held.update((id(part), part) for part in getattr(module, "__dict__", {}).values())
    names = {name for function in functions for name in _names(function.__code__)}
    for function in functions:
        outside = (function.__globals__.get(name) for name in names)
        held.update((id(thing), thing) for thing in outside if thing is not None)
    if id(np) in held and "random" in names:
        held[id(np.random)] = np.random
    for thing in held.values():
        thing = modules.get(id(thing), thing)
        owner = getattr(thing, "__self__", thing) if isinstance(thing, (*CODE, BuiltinFunctionType)) else thing
        if isinstance(owner, (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)):
            yield owner


def _state(generator: Any) -> Any:
    try:
        return pickle.dumps(generator)
    except NotImplementedError:  # random numbers of the operating system have no state
        return None


# ── Plain things ─────────────────────────────────────────────────────────────────────────────────


def _content(thing: Any) -> Hashable:
    """What is the same later only if the thing is, made of what is plain in it.

    None if nothing is, or too much; () if nothing is, but an empty list, or one of nodes, may come to hold something.
    """
    if type(thing) in SIMPLE or isinstance(thing, type):
        return _scalar(thing)
    if isinstance(thing, FLAT):
        scalars = [*map(_scalar, thing)] if len(thing) <= FEW else [None]
        gather = frozenset if isinstance(thing, (set, frozenset)) else tuple
        return None if None in scalars else (type(thing), gather(scalars))
    if not isinstance(thing, (list, tuple, dict)):
        return _scalar(thing)
    found: list[Hashable] = []
    is_plain, is_empty, left = False, False, [(thing, DEEP)]
    while left:
        each, depth = left.pop()
        if isinstance(each, (list, tuple, dict)):
            if (each and not depth) or len(each) + len(left) + len(found) > FEW:
                return None
            kinds = {*map(type, _values(each))}
            counted = each
            if any(issubclass(kind, (Value, list, tuple, dict)) for kind in kinds):
                parts = each.items() if isinstance(each, dict) else enumerate(each)
                counted = {key: part for key, part in parts if not _is_left(part)}
            found.append((type(each), len(counted), *(counted if isinstance(each, dict) else ())))
            if kinds == {float}:  # the most frequent ones, made as fast as can be
                found.append((*map(float.hex, _values(each)),))
                is_plain = True
            else:
                left += [(part, depth - 1) for part in _values(counted)]
            is_empty = is_empty or not counted
        else:
            found.append(_scalar(each))
            is_plain = is_plain or found[-1] is not None
    return tuple(found) if is_plain else () if is_empty else None


def _is_left(thing: Any, depth: int = DEEP) -> bool:
    """Whether it is a node that depends on a variable, or an input; or a collection that holds only such nodes."""
    if isinstance(thing, (list, tuple, dict)):
        few = depth > 0 and 0 < len(thing) <= FEW
        return few and all(_is_left(part, depth - 1) for part in _values(thing))
    if not isinstance(thing, Value) or _is_leaf(thing):
        return False
    stack, seen = [thing], {thing}
    while stack:
        each = stack.pop()
        if each.op is VARIABLE:
            return True
        new = [parent for parent in each.parents if parent not in seen]
        seen.update(new)
        stack += new
    return False


def exactly(option: Any) -> Hashable:
    """A static option, told from others by types and bits, as captures are: -0.0 is not 0.0, and True is not 1."""
    if isinstance(option, (tuple, frozenset)):
        return type(option), option, (tuple if isinstance(option, tuple) else frozenset)(map(exactly, option))
    found = _scalar(option)
    return (type(option), option) if found is None else found


def _scalar(thing: Any) -> Hashable:
    """Numbers by type and bits, functions as they are; None for what is no constant."""
    kind = type(thing)
    if kind is float:
        return thing.hex()  # type: ignore[no-any-return]
    if kind in SIMPLE or isinstance(thing, type):
        return kind, thing
    if isinstance(thing, Number) and not isinstance(thing, (int, np.generic)):  # Decimal("-0") equals Decimal("0")
        return kind, thing, repr(thing)
    if isinstance(thing, (np.generic, np.ndarray)):
        return None if thing.dtype == object or thing.size > FEW else (kind, thing.shape, thing.dtype, thing.tobytes())
    if isinstance(thing, COMPARED):
        return kind, thing
    if isinstance(thing, Value) and not _is_leaf(thing):
        return () if _is_left(thing) else (kind, thing.number.hex())
    return None
