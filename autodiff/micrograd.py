"""Coming from micrograd or PyTorch: their names, and what their calls take, are answered with what to write here.

A misspelt name is Python's own to answer ("Did you mean: 'tanh'?"): a ``__getattr__`` would make every pass slower by
half, since Python then looks up each attribute the long way.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

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
    "requires_grad": "every Value has a gradient; detach() gives one without",
    "zero_grad": "write value.grad = 0.0, or zero_grad() of a model or an optimizer",
    "clone": "+value is a new node, copy.copy(value) a leaf of its own",
    "sum": "a Value is one number; total(values) and Python's sum add many",
    "mean": "a Value is one number; autodiff.mean takes a list of them",
}
"""What tensors have, and what serves here."""
RECORDED = (
    "operands and operation are recorded when it is computed, as in a + b; autodiff.operation(name, primal, *rules) "
    "declares an operation of your own"
)
ONE_FLOAT = "a Value is one float of 64 bits, in the memory of Python; compile() is for speed"
OPTIONS = {
    "requires_grad": OF_TENSORS["requires_grad"],
    **dict.fromkeys(("_children", "children", "_prev", "parents", "_op", "op"), RECORDED),
    "grad": "set it afterwards, value.grad = 0.0",
    "name": "it is called label=",
    "dtype": ONE_FLOAT, "device": ONE_FLOAT,
    "gradient": "it is called seed=",
    "grad_output": "it is called seed=",
    "retain_graph": "nothing is freed: a graph can be passed again, and the gradients of its leaves add up",
    "create_graph": "grad(loss, parameters) gives gradients that are Values, to be differentiated again",
    "inputs": "every leaf gets its gradient; grad(loss, parameters) gives those that you name",
}  # fmt: skip
"""Keywords that others have where a value is made or passed, and what serves here."""


class _Private:
    """A name of micrograd, as an attribute that is not there."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: object, owner: type) -> NoReturn:
        raise self._refused()

    def __set__(self, node: object, given: object) -> NoReturn:
        raise self._refused()

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


def refused_arguments(label: object, others: tuple[Any, ...], options: Iterable[str]) -> TypeError:
    """What is said of a second argument that is no label, and of more.

    >>> print(refused_arguments((), ("+",), {}))
    a Value takes a number and a label, Value(2.0, label="x"): operands and operation are recorded when it is \
computed, as in a + b; autodiff.operation(name, primal, *rules) declares an operation of your own
    """
    if options:
        return refused_option("Value", options, "data", "label")
    if others or isinstance(label, (tuple, list, set, frozenset)):
        return TypeError(f'a Value takes a number and a label, Value(2.0, label="x"): {RECORDED}')
    return TypeError(f"a label must be a str, not {type(label).__name__} {label!r:.60}")


def refused_option(call: str, options: Iterable[str], *allowed: str) -> TypeError:
    """What is said of keywords that a call has not.

    >>> print(refused_option("Value", {"requires_grad": True}, "data", "label"))
    Value() takes no requires_grad=: every Value has a gradient; detach() gives one without
    >>> print(refused_option("Value", {"lable": "x"}, "data", "label"))
    Value() takes no lable=: did you mean 'label'?
    """
    given = next(iter(options))
    near = get_close_matches(given, allowed, n=1)
    instead = f"did you mean {near[0]!r}?" if near else f"it takes {' and '.join(f'{each}=' for each in allowed)}"
    return TypeError(f"{call}() takes no {given}=: {OPTIONS.get(given, instead)}")
