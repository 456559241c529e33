"""``Value``: a float that remembers how it was computed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, SupportsFloat, cast

from autodiff import backward as _backward
from autodiff.backward import NOT_COMPUTED, Step
from autodiff.graph import topological_order
from autodiff.operations import (
    CONSTANT,
    VARIABLE,
    Operation,
    absolute,
    add,
    as_float,
    divide,
    exp,
    log,
    methods_for,
    multiply,
    negative,
    positive,
    power,
    relu,
    sigmoid,
    sqrt,
    subtract,
    tanh,
)

if TYPE_CHECKING:
    from autodiff.observing.sources import Source

_now = 0
"""How many times the data of a leaf was changed so far; each node is stamped with it when it is made."""
_clock = threading.Lock()
_shallow = threading.local()


def _operator(op: Operation) -> Callable[[Value, Any], Value]:
    """The operator that records ``op``. A graph is made here: one frame, and nothing looked up twice."""
    primal = op.primal

    def operator(self: Value, other: Any) -> Value:
        if other.__class__ is not Value:
            try:
                other = _operand(other)
            except TypeError:
                return NotImplemented  # type: ignore[no-any-return]
        node = _new(Value)
        node._data = primal(self._data, other._data)
        node.grad = NOT_COMPUTED
        node._first = self
        node._second = other
        node.op = op
        node.label = ""
        node.stamp = _now
        return node

    operator.__name__ = op.name
    return operator


def _reflected(op: Operation) -> Callable[[Value, Any], Value]:
    """The operator for a plain number on the left."""
    operator = _operator(op)

    def reflected(self: Value, other: Any) -> Value:
        try:
            return operator(_operand(other), self)
        except TypeError:
            return NotImplemented  # type: ignore[no-any-return]

    return reflected


def _method(op: Operation) -> Callable[[Value], Value]:
    """The method that records ``op``, an operation of one operand."""
    primal = op.primal

    def method(self: Value) -> Value:
        node = _new(Value)
        node._data = primal(self._data)
        node.grad = NOT_COMPUTED
        node._first = (self,)
        node._second = None
        node.op = op
        node.label = ""
        node.stamp = _now
        return node

    method.__name__ = op.name
    method.__doc__ = f"The operation {op.name!r} of the table."
    return method


_new = object.__new__


class Value:
    """A float that remembers how it was computed.

    Args:
        data: a real number: int, float, bool, Fraction, Decimal, a NumPy scalar or 0-d array.
        label: a name for drawings and traces.

    Raises:
        TypeError: ``data`` is anything else, or a ``Value`` already.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> loss = (a * b + 10).tanh()
    >>> loss.backward()
    >>> print(f"{loss:.4f}, ∂loss/∂a = {a.grad:.4f}, ∂loss/∂b = {b.grad:.4f}")
    0.9993, ∂loss/∂a = -0.0040, ∂loss/∂b = 0.0027
    """

    __slots__ = ("_data", "_first", "_second", "grad", "label", "op", "stamp")

    _data: float  # read directly by the engine; `data` checks what is written
    grad: float
    """The gradient of the last ``backward()``; on leaves, the sum over all calls since it was set to 0."""
    _first: Any  # of two operands, each has a slot: with a tuple for every node, a pass takes half as long again;
    _second: Any  # if there are not two, the first slot holds the tuple of all, and this one None
    op: Operation
    """The operation that made this node; ``variable`` or ``constant`` for a leaf."""
    label: str
    stamp: int
    """How often data had been changed when the number was made; while sources are recorded, it also knows where."""

    def __init__(self, data: SupportsFloat, label: str = "") -> None:
        if isinstance(data, Value):
            raise TypeError(
                "a number is needed, not a Value: use the Value itself, +value for a new node, or .detach()"
            )
        if not isinstance(label, str):
            raise TypeError(f"a label must be a str, not {type(label).__name__} {label!r:.60}")
        self._data = as_float(data)
        self.grad = NOT_COMPUTED
        self.parents = ()
        self.op = VARIABLE
        self.label = label
        self.stamp = _now

    @property
    def data(self) -> float:
        """The number. It can be set on a leaf; results computed before that are then out of date."""
        return self._data

    @data.setter
    def data(self, data: SupportsFloat) -> None:
        global _now
        number = as_float(data)
        if self.parents:
            name = self.label or repr(self)
            raise AttributeError(
                f"the data of {name} was computed by {self.op.name!r} and cannot be set: "
                "set that of a leaf, or go on with .detach()"
            )
        with _clock:
            _now += 1
            self._data = number
            self.stamp = _now

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, as they were written; empty for a leaf."""
        return self._first if self._second is None else (self._first, self._second)

    @parents.setter
    def parents(self, parents: tuple[Value, ...]) -> None:
        self._first, self._second = parents if len(parents) == 2 else (parents, None)

    @property
    def source(self) -> Source | None:
        """The user's line that the number came from; None unless that was inside of ``record_sources()``."""
        return getattr(self.stamp, "source", None)

    # ── Backward ─────────────────────────────────────────────────────────────────────────────────

    def backward(self, seed: float = 1.0, *, on_step: Callable[[Step], object] | None = None) -> None:
        """Compute the gradient of this node with respect to every node it was computed from.

        The ``grad`` of a leaf accumulates over calls; that of any other node is of this call only.

        Args:
            seed: the gradient that this node starts with.
            on_step: called with each :class:`Step`, as ``backward_steps`` yields them.

        Raises:
            RuntimeError: a leaf's data was changed since the forward pass.

        >>> w = Value(3.0)
        >>> loss = w * w
        >>> loss.backward()
        >>> w.grad
        6.0
        """
        _backward.backward(self, seed, on_step)

    def backward_steps(self, seed: float = 1.0) -> Iterator[Step]:
        """The backward pass as a generator of its steps, one per edge, with the same bits.

        >>> w = Value(3.0, label="w")
        >>> for step in (w ** 2).backward_steps(): print(step)
        ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = 6.0 × 1.0 = 6.0
        """
        return _backward.backward_steps(self, seed)

    def conjugate(self) -> Value:
        """The value itself, a real number: NumPy's ``var`` and ``std`` of arrays ask for it."""
        return self

    def detach(self) -> Value:
        """The number without its history: a constant, to which no gradient flows."""
        return constant(self._data)

    # ── Arithmetic ───────────────────────────────────────────────────────────────────────────────

    __add__, __radd__ = _operator(add), _reflected(add)
    __sub__, __rsub__ = _operator(subtract), _reflected(subtract)
    __mul__, __rmul__ = _operator(multiply), _reflected(multiply)
    __truediv__, __rtruediv__ = _operator(divide), _reflected(divide)
    __pow__, __rpow__ = _operator(power), _reflected(power)
    __neg__, __pos__, __abs__ = _method(negative), _method(positive), _method(absolute)

    exp, log, sqrt = _method(exp), _method(log), _method(sqrt)
    relu, tanh, sigmoid = _method(relu), _method(tanh), _method(sigmoid)

    if TYPE_CHECKING:  # methods_for() below adds a method for every other row of the table

        def __getattr__(self, name: str) -> Callable[..., Value]: ...

    @staticmethod
    def __autodiff__(op: Operation, operands: Sequence[Any]) -> Value:
        """Called by ``op(*operands)`` where one of the operands is a ``Value``."""
        return _record(op, tuple(map(_operand, operands)))

    # ── A number in every other respect ──────────────────────────────────────────────────────────

    def __lt__(self, other: Any) -> bool:
        return NotImplemented if (number := _number(other)) is None else self._data < number

    def __le__(self, other: Any) -> bool:
        return NotImplemented if (number := _number(other)) is None else self._data <= number

    def __gt__(self, other: Any) -> bool:
        return NotImplemented if (number := _number(other)) is None else self._data > number

    def __ge__(self, other: Any) -> bool:
        return NotImplemented if (number := _number(other)) is None else self._data >= number

    def __eq__(self, other: object) -> bool:
        return NotImplemented if (number := _number(other)) is None else self._data == number

    __hash__ = object.__hash__  # by identity, so that equal numbers remain different nodes in sets and dicts

    def __bool__(self) -> bool:
        return self._data != 0

    def __float__(self) -> float:
        if self.op is not CONSTANT:
            raise TypeError(
                "float() of a Value would cut the graph unseen: use .data for the number, "
                "and the functions of autodiff or NumPy in place of math's"
            )
        return self._data

    def __str__(self) -> str:
        return str(self._data)

    def __format__(self, spec: str) -> str:
        return format(self._data, spec)

    def __repr__(self) -> str:
        parts = [repr(self._data)]
        if self.label:
            parts.append(f"label={self.label!r}")
        if self.op is not VARIABLE:
            parts.append(f"op={self.op.name!r}")
        if self.grad is not NOT_COMPUTED:
            parts.append(f"grad={self.grad!r}")
        return f"Value({', '.join(parts)}) at {id(self):#x}" + (f" ({self.source})" if self.source else "")

    # ── Copies ───────────────────────────────────────────────────────────────────────────────────

    def __copy__(self) -> Value:
        return _node(self.op, self._data, self.parents, self.grad, self.label, self.stamp)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) not in memo:
                parents = tuple(memo[id(parent)] for parent in node.parents)
                memo[id(node)] = _node(node.op, node._data, parents, node.grad, node.label, node.stamp)
        return cast("Value", memo[id(self)])

    def __reduce__(self) -> tuple[Callable[..., Value], tuple[Any, ...]]:
        if self.parents and self is not getattr(_shallow, "node", None):
            return _last, ([*map(_Turn, topological_order(self))],)
        _shallow.node = None
        return _unpickled, (self.op, self._data, self.parents, self.grad, self.label, self.stamp)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the picture of the graph."""
        from autodiff.drawing import notebook_picture

        return notebook_picture(self)


def constant(number: Any) -> Value:
    """A plain number as a node, to which no gradient flows."""
    return _node(CONSTANT, as_float(number), (), NOT_COMPUTED, "", _now)


def _node(op: Operation, data: float, parents: tuple[Value, ...], grad: float, label: str, stamp: int) -> Value:
    node = _new(Value)
    node._data = data
    node.grad = grad
    node.parents = parents
    node.op = op
    node.label = label
    node.stamp = stamp
    return node


def _record(op: Operation, parents: tuple[Value, ...]) -> Value:
    data = op.evaluate([parent._data for parent in parents])
    return _node(op, data, parents, NOT_COMPUTED, "", _now)


def _operand(operand: Any) -> Value:
    return operand if isinstance(operand, Value) else constant(operand)


def _number(other: object) -> float | None:
    """The number that a comparison compares with; None if it is not one."""
    if isinstance(other, Value):
        return other._data
    try:
        return as_float(other)
    except TypeError:
        return None
    except OverflowError:  # an integer beyond every float
        return inf if other > 0 else -inf  # type: ignore[operator]


class _Turn:
    """A node as pickle meets it in topological order: its operands are pickled by then.

    So pickle never follows ``parents`` downwards, and a chain of a million nodes needs no recursion.
    """

    def __init__(self, node: Value) -> None:
        self.node = node

    def __reduce__(self) -> tuple[Callable[[Value], Value], tuple[Value]]:
        _shallow.node = self.node
        return _itself, (self.node,)


def _itself(node: Value) -> Value:
    return node


def _last(nodes: list[Value]) -> Value:
    return nodes[-1]


def _unpickled(op: Operation, data: float, parents: tuple[Value, ...], grad: float, label: str, stamp: int) -> Value:
    """A node with its stamp, which this process's clock must not lag behind."""
    global _now
    with _clock:
        _now = max(_now, int(stamp))
    return _node(op, data, parents, grad, label, stamp)


methods_for(Value)
