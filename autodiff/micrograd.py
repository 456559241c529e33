"""Coming from micrograd or PyTorch: the names that their numbers have are answered with what to write here.

A misspelt name is Python's own to answer ("Did you mean: 'tanh'?"): a ``__getattr__`` would make every pass slower by
half, since Python then looks up each attribute the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff.mistakes import OPTIONS

INSTEAD = {
    "_prev": "the operands are .parents, in the order in which they were written; autodiff.draw(value) draws the graph",
    "_children": "the operands are .parents, in the order in which they were written",
    "_op": 'the operation is .op; it prints as its name, such as "multiply", and .op.symbol is the sign, such as "*"',
    "_backward": (
        "the derivatives of an operation are one row of a table, not a function of each node. value.backward() runs "
        "the whole pass, value.backward_steps() gives its steps, autodiff.operation(name, primal, *rules) makes a row"
    ),
}
"""micrograd's names, and what serves here."""
OF_TENSORS = {
    "item": ".data is the number",
    "numpy": ".data is the number",
    "tolist": ".data is the number",
    "value": ".data is the number",
    "gradient": ".grad is the gradient",
    "requires_grad": OPTIONS["requires_grad"],
    "zero_grad": "write value.grad = 0.0, or zero_grad() of a model or an optimizer",
    "requires_grad_": OPTIONS["requires_grad"],
    "retain_grad": "every Value keeps its gradient: .grad, after backward()",
    "register_hook": "value.backward(on_step=function) calls it with each step",
    "grad_fn": "the operation is .op, the operands are .parents",
    "is_leaf": "a leaf has no .parents",
    "name": "it is called .label",
    "abs": "write abs(value)",
    "pow": "write value ** 2",
    "clamp": "it is called clip",
    "cpu": OPTIONS["device"],
    "to": OPTIONS["device"],
    "clone": "+value is a new node, copy.copy(value) a leaf of its own",
    "sum": "a Value is one number; total(values) and Python's sum add many",
    "mean": "a Value is one number; autodiff.mean takes a list of them",
}
"""What tensors have, and what serves here."""


class _Private:
    """A name of micrograd, as an attribute that is not there."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: object, owner: type) -> Any:
        own = getattr(node, "__dict__", {})  # a subclass may have such an attribute of its own
        if self.name in own:
            return own[self.name]
        raise self._refused()

    def __set__(self, node: object, given: object) -> None:
        if not hasattr(node, "__dict__"):
            raise self._refused()
        node.__dict__[self.name] = given

    def _refused(self) -> AttributeError:
        if self.name in OF_TENSORS:
            return AttributeError(f"a Value has no {self.name}: {OF_TENSORS[self.name]}")
        return AttributeError(f"there is no {self.name}, as in micrograd: {INSTEAD[self.name]}")


class FromMicrograd:
    """The part of a ``Value`` that answers those who come from there.

    >>> from autodiff import Value
    >>> Value(2.0)._prev
    Traceback (most recent call last):
    AttributeError: there is no _prev, as in micrograd: the operands are .parents, in the order in which they were \
written; autodiff.draw(value) draws the graph
    """

    __slots__ = ()

    _prev, _children, _op, _backward = _Private(), _Private(), _Private(), _Private()
    if not TYPE_CHECKING:  # to a type checker, they are not there
        item, numpy, tolist, value, gradient = [_Private() for _ in range(5)]
        requires_grad, zero_grad, clone, sum, mean = [_Private() for _ in range(5)]
        requires_grad_, retain_grad, register_hook, grad_fn, is_leaf = [_Private() for _ in range(5)]
        name, abs, pow, clamp, cpu, to = [_Private() for _ in range(6)]
