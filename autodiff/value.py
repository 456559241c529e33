"""``Value``: a float that remembers how it was computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Never, SupportsFloat

from autodiff import backward as _passes
from autodiff import more_rules, rules, versions
from autodiff.backward import Step
from autodiff.hooks import tell, watchers
from autodiff.ieee import as_float
from autodiff.micrograd import FromMicrograd
from autodiff.mistakes import refused_arguments, refused_option
from autodiff.number_like import NumberLike
from autodiff.numpy_protocol import NumpyProtocol
from autodiff.operations import CONSTANT, VARIABLE, Operation
from autodiff.registry import methods_for
from autodiff.zeros import NOT_COMPUTED

if TYPE_CHECKING:
    from autodiff.sources import Source

_new = object.__new__


def _operator(op: Operation) -> Callable[[Value, Any], Value]:
    """The operator that records ``op``. Graphs are made here: written out, it takes 0.7 of the time of ``node()``."""
    primal = op.primal

    def operator(self: Value, other: Any) -> Value:
        if other.__class__ is not Value:
            try:
                other = _operand(other)
            except TypeError:
                return NotImplemented  # type: ignore[no-any-return]
        node = _new(Value)
        node.number = primal(self.number, other.number)
        node.grad = NOT_COMPUTED
        node.first = self
        node.second = other
        node.op = op
        node.label = ""
        node.stamp = versions.now
        if watchers:
            tell("recorded", node)
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
        node.number = primal(self.number)
        node.grad = NOT_COMPUTED
        node.first = (self,)
        node.second = None
        node.op = op
        node.label = ""
        node.stamp = versions.now
        if watchers:
            tell("recorded", node)
        return node

    return method


class Value(NumpyProtocol, NumberLike, FromMicrograd):
    """A float that remembers how it was computed.

    Args:
        data: a real number: int, float, bool, Fraction, Decimal, a NumPy scalar or 0-d array.
        label: a name for drawings and traces.

    ``//``, ``round()``, ``math.floor``, ``math.ceil`` and ``math.trunc`` give ``Value``s too. They are constant between
    their jumps, so their derivative is the number 0; that of ``x % n`` by ``x`` is 1. At the jumps it is the same.

    Raises:
        TypeError: ``data`` is anything else, or a ``Value`` already.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> loss = (a * b + 10).tanh()
    >>> loss.backward()
    >>> print(f"{loss:.4f}, ∂loss/∂a = {a.grad:.4f}, ∂loss/∂b = {b.grad:.4f}")
    0.9993, ∂loss/∂a = -0.0040, ∂loss/∂b = 0.0027
    """

    __slots__ = ("first", "grad", "label", "number", "op", "second", "stamp")

    number: float
    """What ``data`` shows: the engine reads it here, and nobody may set it."""
    grad: float
    """The gradient of the last ``backward()``; on leaves, the sum over all calls since it was set to 0."""
    first: Any  # of two operands, each has a slot: with a tuple for every node, a pass takes half as long again;
    second: Any  # if there are not two, the first slot holds the tuple of all, and this one None
    op: Operation
    """The operation that made this node; ``variable`` or ``constant`` for a leaf."""
    label: str
    stamp: int
    """How often the data of leaves had been changed when this number was made. It may know its source, too."""

    def __init__(self, data: SupportsFloat, label: str = "", *others: Never, **options: Never) -> None:
        if others or options or not isinstance(label, str):
            raise refused_arguments(label, others, options)
        self.number = data if data.__class__ is float else as_float(data)
        self.grad = NOT_COMPUTED
        self.first, self.second = (), None
        self.op = VARIABLE
        self.label = label
        self.stamp = versions.now
        if watchers:
            tell("given", self)

    @property
    def data(self) -> float:
        """The number. It can be set on a leaf; results computed before that are then out of date."""
        if watchers:
            tell("read", self, "reading .data")
        return self.number

    @data.setter
    def data(self, data: SupportsFloat) -> None:
        number = as_float(data)
        if self.parents:
            raise AttributeError(
                f"the data of {self.label or repr(self)} was computed by {self.op.name!r} and cannot be set: "
                "set that of a leaf, or go on with .detach()"
            )
        if watchers:
            tell("changes", self)
        versions.change(self, number)
        if watchers:
            tell("given", self)

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, as they were written; empty for a leaf."""
        return self.first if self.second is None else (self.first, self.second)

    @property
    def source(self) -> Source | None:
        """The user's line that the number came from; None unless that was inside of ``record_sources()``."""
        return getattr(self.stamp, "source", None)

    # ── Backward ─────────────────────────────────────────────────────────────────────────────────

    def backward(self, seed: float = 1.0, *, on_step: Callable[[Step], object] | None = None, **others: Never) -> None:
        """Compute the gradient of this node with respect to every node it was computed from.

        The ``grad`` of a leaf accumulates over calls; that of any other node is of this call only.

        Args:
            seed: the gradient that this node starts with.
            on_step: called with each :class:`Step`, as ``backward_steps`` yields them.

        Raises:
            RuntimeError: a leaf's data was changed since the forward pass.
        """
        if others:
            raise refused_option("backward", others, "seed", "on_step")
        _passes.backward(self, seed, on_step)

    def backward_steps(self, seed: float = 1.0) -> Iterator[Step]:
        """The backward pass as a generator of its steps, one per edge, with the same bits.

        >>> w = Value(3.0, label="w")
        >>> for step in (w ** 2).backward_steps(): print(step)
        ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = 6.0 × 1.0 = 6.0
        """
        return _passes.backward_steps(self, seed)

    def detach(self) -> Value:
        """The number without its history: a constant, to which no gradient flows."""
        answer = tell("detached", self) if watchers else None
        return constant(self.number) if answer is None else answer

    # ── Arithmetic ───────────────────────────────────────────────────────────────────────────────

    if not TYPE_CHECKING:  # declared with their types in declarations.pyi
        __add__, __radd__ = _operator(rules.add), _reflected(rules.add)
        __sub__, __rsub__ = _operator(rules.subtract), _reflected(rules.subtract)
        __mul__, __rmul__ = _operator(rules.multiply), _reflected(rules.multiply)
        __truediv__, __rtruediv__ = _operator(rules.divide), _reflected(rules.divide)
        __pow__, __rpow__ = _operator(rules.power), _reflected(rules.power)
        __mod__, __rmod__ = _operator(more_rules.mod), _reflected(more_rules.mod)
        __floordiv__, __rfloordiv__ = _operator(more_rules.floor_divide), _reflected(more_rules.floor_divide)
        __neg__, __pos__, __abs__ = _method(rules.negative), _method(rules.positive), _method(rules.absolute)
        __floor__, __ceil__, __trunc__ = _method(more_rules.floor), _method(more_rules.ceil), _method(more_rules.trunc)

    def __divmod__(self, other: Any) -> tuple[Value, Value]:
        """``self // other`` and ``self % other``: of the first all derivatives are 0, of the second ∂/∂self is 1."""
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Value:
        """The nearest number of that many decimals: a ``Value``, constant in steps, so that its derivative is 0."""
        return self.rint() if digits is None else (self * 10.0**digits).rint() / 10.0**digits

    @staticmethod
    def __autodiff__(op: Operation, operands: Sequence[Any]) -> Value:
        """Called by ``op(*operands)`` where one of the operands is a ``Value``."""
        parents = tuple(map(_operand, operands))
        made = node(op, op.evaluate([parent.number for parent in parents]), parents)
        if watchers:
            tell("recorded", made)
        return made

    def __repr__(self) -> str:
        parts = [repr(self.number)]
        if self.label:
            parts.append(f"label={self.label!r}")
        if self.op is not VARIABLE:
            parts.append(f"op={self.op.name!r}")
        if self.grad is not NOT_COMPUTED:
            parts.append(f"grad={self.grad!r}")
        return f"Value({', '.join(parts)}) at {id(self):#x}" + (f" ({self.source})" if self.source else "")


def constant(number: Any) -> Value:
    """A plain number as a node, to which no gradient flows."""
    return node(CONSTANT, as_float(number), ())


def node(
    op: Operation, number: float, parents: tuple[Value, ...],
    grad: float = NOT_COMPUTED, label: str = "", stamp: int | None = None,
) -> Value:  # fmt: skip
    """A node as it is said to be; nothing is computed, and nobody is told."""
    made = _new(Value)
    made.number = number
    made.grad = grad
    made.first, made.second = parents if len(parents) == 2 else (parents, None)
    made.op = op
    made.label = label
    made.stamp = versions.now if stamp is None else stamp
    return made


def _operand(operand: Any) -> Value:
    return operand if isinstance(operand, Value) else constant(operand)


methods_for(Value, unary=_method)
