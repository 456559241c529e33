"""The parameters of a compiled function: which they are, and their numbers as one vector."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dis import get_instructions
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import value as engine
from autodiff.operations import VARIABLE
from autodiff.value import Value

Floats = NDArray[np.float64]

OFTEN = 16
"""So many calls look for parameters that were replaced; of the later ones, one in ``RARELY`` does."""
RARELY = 256


class ParametersFound(Exception):  # noqa: N818 - a signal: what ran with fewer of them runs again
    """A recording met parameters that were not known before."""


class Parameters:
    """An ordered list of leaves, to which a recording may add what it meets.

    Args:
        function: whose parameters they are.
        given: a module, or the leaves; None to find them: in the modules, lists and other functions that the function's
            closure, its globals and the object it is a method of refer to.

    Raises:
        TypeError: something given is no leaf ``Value``.
        ValueError: a leaf is given twice.
    """

    _pack: Callable[..., bytes]
    _stamp: int
    _vector: Floats

    def __init__(self, function: Callable[..., Any], given: Any, lock: threading.RLock) -> None:
        self.function = function
        self.lock = lock
        self.given = given
        self.fixed = given is not None
        self.leaves: list[Value] = []
        self._members: set[Value] = set()
        self._found: list[Value] | None = None
        self._calls = 0
        if self.fixed:
            self.leaves = _given(given)
            self._remember()

    def known(self) -> list[Value]:
        """Those that are known by now."""
        if not self.fixed and self._found is None:
            self._found = list(_reached(self.function))
            self.leaves = self._found.copy()
            self._remember()
        return self.leaves

    def meet(self, leaves: Sequence[Value]) -> None:
        """Add those that a recording met beyond the known ones.

        Raises:
            ParametersFound: there were some.
            ValueError: the parameters are given, and these are not among them.
        """
        new = [leaf for leaf in leaves if leaf not in self._members]
        if new and self.fixed:
            raise ValueError(
                f"the function uses {_listed(new)}, which is not among parameters=: list it there too, "
                "or use its detach() if no gradient shall flow to it"
            )
        if new:
            self.leaves = [*self.leaves, *new]
            self._remember()
            raise ParametersFound(_listed(new))

    def numbers(self) -> Floats:
        """(parameters,): their present numbers.

        Raises:
            ValueError: a parameter was replaced by another ``Value``.
        """
        self._calls += 1
        if self._calls < OFTEN or not self._calls % RARELY:
            self.check()
        stamp = engine._now
        if stamp != self._stamp:
            with self.lock:  # a recording gives the leaves other numbers for a while
                self._vector = np.frombuffer(self._pack(*[leaf._data for leaf in self.leaves])).copy()
            self._stamp = stamp
        return self._vector

    def vector(self, at: Any) -> Floats:
        """The numbers at which to run: those given, or the present ones for None.

        Raises:
            TypeError, ValueError: what is given is no vector of one number for each parameter.
        """
        if at is None:
            return self.numbers()
        vector = np.ascontiguousarray(at, np.float64)
        if vector.shape != (len(self.leaves),):
            raise ValueError(f"at must be a vector of {len(self.leaves)} parameters, not of the shape {vector.shape}")
        return vector

    def assign(self, vector: Any) -> None:
        """Give every parameter its number from the vector."""
        if not np.isfinite(numbers := self.vector(vector)).all():
            bad = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise ValueError(f"the parameter {self.name(bad)} must be finite, not {numbers[bad]}; none was changed")
        self.check()
        for leaf, number in zip(self.leaves, numbers.tolist()):
            leaf.data = number

    def add_gradient(self, gradient: Floats, used: NDArray[np.bool_] | None) -> None:
        """Add to the gradients of the leaves, or of those that are used, as ``Value.backward()`` does."""
        leaves = self.leaves
        if used is not None and not used.all():
            places = np.flatnonzero(used)
            leaves, gradient = [leaves[place] for place in places.tolist()], gradient[places]
        for leaf, contribution in zip(leaves, gradient.tolist()):
            leaf.grad = (leaf.grad or 0.0) + contribution  # None, as in PyTorch, stands for 0

    def name(self, place: int) -> str:
        """The label of a parameter, else its place."""
        return repr(self.leaves[place].label or place)

    def check(self) -> None:
        """Look whether the parameters are still those that the function refers to.

        Raises:
            ValueError: one was replaced by another ``Value``; it is named.
        """
        if self.fixed:
            present = set(_given(self.given)) if _is_module(self.given) else self._members
            expected = self.leaves
        else:
            expected = self._found or []
            present = set(_reached(self.function)) if expected else set()
        gone = [leaf for leaf in expected if leaf not in present]
        if gone:
            raise ValueError(
                f"{_listed(gone)} was replaced by another Value after the function was compiled: "
                "set its .data instead, or compile the function again"
            )

    def _remember(self) -> None:
        self._members = set(self.leaves)
        self._pack = struct.Struct(f"{len(self.leaves)}d").pack
        self._stamp = -1


def _given(given: Any) -> list[Value]:
    leaves = list(given.parameters() if _is_module(given) else given)
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not VARIABLE:
            raise TypeError(f"a parameter must be a leaf Value that gradients flow to, not {leaf!r:.80}")
    if len(set(leaves)) < len(leaves):
        raise ValueError("a parameter is listed twice")
    return leaves


def _is_module(thing: Any) -> bool:
    return callable(getattr(type(thing), "named_parameters", None))


def _reached(function: Callable[..., Any]) -> Iterator[Value]:
    """The leaves that a function refers to, each once."""
    seen: dict[int, Any] = {}
    stack: list[Any] = [function]
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, Value):
            if thing.op is VARIABLE:
                yield thing
        else:
            stack.extend(reversed([*_references(thing)]))


def _references(thing: Any) -> Iterable[Any]:
    if _is_module(thing):
        return thing.parameters()  # type: ignore[no-any-return]
    if isinstance(thing, dict):
        return thing.values()
    if isinstance(thing, (list, tuple)):
        return () if thing and isinstance(thing[0], (int, float, str)) else thing  # data holds no parameters
    if isinstance(thing, np.ndarray):
        return thing.ravel().tolist() if thing.dtype == object else ()
    if isinstance(thing, MethodType):
        return (thing.__self__, thing.__func__, *getattr(thing.__self__, "__dict__", {}).values())
    if isinstance(thing, partial):
        return (thing.func, *thing.args, *thing.keywords.values())
    if isinstance(thing, FunctionType):
        return _references_of_function(thing)
    wrapped = getattr(thing, "__dict__", {}).get("__wrapped__")
    return () if wrapped is None else (wrapped,)


def _references_of_function(function: FunctionType) -> Iterator[Any]:
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    for name in _names(function.__code__):
        if name in cells:
            try:
                yield cells[name].cell_contents
            except ValueError:  # a variable that is not assigned yet
                continue
        else:
            thing = function.__globals__.get(name)
            if not isinstance(thing, FunctionType) or thing.__globals__ is function.__globals__:
                yield thing
    yield from function.__defaults__ or ()


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code reads, in the order in which it does; also those of the functions in it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    read = [each.argval for each in get_instructions(code) if each.opname.startswith("LOAD_")]
    names = [name for name in read if isinstance(name, str)]
    return tuple(dict.fromkeys([*names, *(name for part in inner for name in _names(part))]))


def _listed(leaves: Sequence[Value]) -> str:
    names = ", ".join(leaf.label or repr(leaf) for leaf in leaves[:3])
    more = f" and {len(leaves) - 3} more" if len(leaves) > 3 else ""
    return f"the parameter{'s' * (len(leaves) > 1)} {names}{more}"
