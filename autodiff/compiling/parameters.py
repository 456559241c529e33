"""The parameters of a compiled function: an ordered list of leaves, and their numbers as one vector."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import versions
from autodiff.operations import VARIABLE
from autodiff.trees import is_module
from autodiff.value import Value

Floats = NDArray[np.float64]

_lock = threading.RLock()


def lock() -> threading.RLock:
    """Held while a function is recorded, which gives its parameters other numbers for a while: one for all compiled
    functions, since they may share parameters. A forked child has a new one.
    """
    return _lock


class MoreParametersError(Exception):
    """A recording met parameters that were not known before; what ran with fewer of them runs again."""

    def refused(self) -> ValueError:
        """The error where it cannot run again."""
        return ValueError(
            f"the function uses {self}, which could not be found before it was called: pass parameters= to compile, or "
            "call it once before"
        )


class Parameters:
    """The leaves in the order of all vectors.

    Args:
        leaves: those that are known.
        are_given: whether they are all there may be; else a recording adds what it meets.
    """

    _pack: Callable[..., bytes]
    _stamp: int
    _vector: Floats

    def __init__(self, leaves: Sequence[Value], are_given: bool) -> None:
        self.are_given = are_given
        self._known = len(leaves)
        self._hold(leaves)

    def register(self, leaves: Sequence[Value]) -> None:
        """Add those that a recording met beyond the known ones.

        Raises:
            MoreParametersError: there were some.
            ValueError: the parameters are given, and these are not among them.
        """
        new = [leaf for leaf in leaves if leaf not in self._members]
        if new and self.are_given:
            raise ValueError(f"the function uses {_listed(new)} beyond those of parameters=: list all of them there")
        if new:
            self._hold([*self.leaves, *new])
            raise MoreParametersError(_listed(new))

    def replaced_by(self, leaves: Sequence[Value]) -> None:
        """Let others take the places of those that were known at first."""
        self._hold([*leaves, *self.leaves[self._known :]])

    def numbers(self) -> Floats:
        """(parameters,): their present numbers."""
        if versions.now != self._stamp:
            stamp = versions.now
            with lock():  # a recording gives the leaves other numbers for a while
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
            name = repr(self.leaves[bad].label or bad)
            raise ValueError(f"the parameter {name} must be finite, not {numbers[bad]}; none was changed")
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

    @contextmanager
    def at(self, theta: Floats) -> Iterator[None]:
        """Give the parameters other numbers for a while: for the engine no data has changed."""
        numbers = theta.tolist()
        with lock():
            loan = _Loan(self.leaves, numbers)
            try:
                _loans.append(loan)
                for leaf, number in zip(loan.leaves, numbers):
                    leaf.number = number
                yield
            finally:
                try:
                    loan.end()
                except BaseException:  # an interrupt in the middle of it
                    loan.end()
                    raise
                finally:
                    _loans.remove(loan)

    def _hold(self, leaves: Sequence[Value]) -> None:
        self.leaves = [*leaves]
        self._members = set(leaves)
        self._pack = struct.Struct(f"{len(leaves)}d").pack
        self._stamp = -1


class _Loan:
    """Numbers that leaves have for a while."""

    def __init__(self, leaves: Sequence[Value], numbers: Sequence[float]) -> None:
        self.leaves, self.numbers = leaves, numbers
        self.before = [leaf.number for leaf in leaves]
        self.thread = threading.get_ident()

    def end(self) -> None:
        for leaf, number, earlier in zip(self.leaves, self.numbers, self.before):
            if leaf.number is number:  # else another thread has set it meanwhile
                leaf.number = earlier


_loans: list[_Loan] = []
"""Those that have not ended, the first one first."""


def _forked() -> None:
    """In a child that was forked while another thread was recording: that one will neither end its loans nor let go."""
    global _lock
    others = [loan for loan in _loans if loan.thread != threading.get_ident()]
    for loan in reversed(others):
        loan.end()
    _loans[:] = [loan for loan in _loans if loan not in others]
    if not _loans:
        _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def given_leaves(given: Any) -> list[Value]:
    """The leaves of a module, or those of a list.

    Raises:
        TypeError: something given is no leaf ``Value``.
        ValueError: a leaf is given twice.
    """
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
