"""The parameters of a compiled function: which they are, and their numbers as one vector."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import value as engine
from autodiff.compiling.captures import groups_of, is_module, leaves_of
from autodiff.operations import VARIABLE
from autodiff.value import Value

Floats = NDArray[np.float64]

FIRST_CALLS, FEW = 16, 10_000
"""Each of so many first calls looks for parameters that were replaced, if there are few of them."""
SHARE = 0.05
"""Later calls spend at most this share of their time on it."""


class ParametersFound(Exception):  # noqa: N818 - a signal: what ran with fewer of them runs again
    """A recording met parameters that were not known before."""

    def refused(self) -> ValueError:
        """The error where it cannot run again."""
        return ValueError(
            f"the function uses {self}, which could not be found before it was called: pass parameters= to compile, or "
            "call it once before"
        )


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
        self._used: set[Value] = set()
        self._found: list[Value] | None = None
        self._calls = 0
        self._next_check = 0.0
        if self.fixed:
            self.leaves = _given(given)
            self._remember()

    def known(self) -> list[Value]:
        """Those that are known by now."""
        if self.fixed and not self.leaves:  # of a module that was still being copied
            self.leaves = _given(self.given)
            self._remember()
        if not self.fixed and self._found is None:
            self._found = list(leaves_of(self.function))
            self.leaves = self._found.copy()
            self._remember()
        return self.leaves

    def meet(self, leaves: Sequence[Value], used: NDArray[np.bool_]) -> None:
        """Add those that a recording met beyond the known ones, and note which it used.

        Raises:
            ParametersFound: there were some.
            ValueError: the parameters are given, and these are not among them.
        """
        new = [leaf for leaf in leaves if leaf not in self._members]
        if new and self.fixed:
            raise ValueError(f"the function uses {_listed(new)} beyond those of parameters=: list all of them there")
        self._used.update(leaf for leaf, is_used in zip(leaves, used.tolist()) if is_used)
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
        if (self._calls < FIRST_CALLS and len(self.leaves) < FEW) or monotonic() > self._next_check:
            start = monotonic()
            self.check()
            self._next_check = monotonic() + (monotonic() - start) / SHARE
        stamp = engine._now
        if stamp != self._stamp:
            with self.lock:  # a recording gives the leaves other numbers for a while
                self._vector = np.frombuffer(self._pack(*[leaf.number for leaf in self.leaves])).copy()
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
            try:
                leaf.grad += contribution
            except TypeError:  # None, as in PyTorch, stands for 0
                leaf.grad = contribution

    def name(self, place: int) -> str:
        """The label of a parameter, else its place."""
        return repr(self.leaves[place].label or place)

    def check(self) -> None:
        """Look whether the parameters that were used are still those that the function refers to.

        Raises:
            ValueError: one was replaced by another ``Value``, or there are new ones; they are named.
        """
        if self.fixed:
            expected = self.leaves
            present = set(_given(self.given) if is_module(self.given) else expected)
        else:
            expected = self._found or []
            present = set(leaves_of(self.function) if expected else ())
        gone = [leaf for leaf in expected if leaf in self._used and leaf not in present]
        if gone:
            raise ValueError(
                f"the function no longer refers to {_listed(gone)}, with which it was compiled: "
                "set the .data of a parameter in place of a new Value, or compile the function again"
            )
        if present <= self._members:
            return
        groups = [_given(self.given)] if self.fixed else groups_of(self.function)
        beside = [group for group in groups if not self._used.isdisjoint(group)]
        new = [leaf for group in beside for leaf in group if leaf not in self._members]
        if len(new) > len(set(expected) - present):  # others than those in whose places they are
            raise ValueError(f"the function refers to {_listed(new)} more than when it was compiled: compile it again")

    def _remember(self) -> None:
        self._members = set(self.leaves)
        self._pack = struct.Struct(f"{len(self.leaves)}d").pack
        self._stamp = -1


def _given(given: Any) -> list[Value]:
    if not is_module(given) and not isinstance(given, Iterable):
        raise TypeError(
            f"parameters must be a module or a list of leaf Values, not {type(given).__name__} {given!r:.60}"
        )
    leaves = list(given.parameters() if is_module(given) else given)
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not VARIABLE:
            raise TypeError(f"a parameter must be a leaf Value that gradients flow to, not {leaf!r:.80}")
    if len(set(leaves)) < len(leaves):
        raise ValueError("a parameter is listed twice")
    return leaves


def _listed(leaves: Sequence[Value]) -> str:
    names = ", ".join(leaf.label or repr(leaf) for leaf in leaves[:3])
    more = f" and {len(leaves) - 3} more" if len(leaves) > 3 else ""
    return f"the parameter{'s' * (len(leaves) > 1)} {names}{more}"
