"""What is often written and is called otherwise here: the errors say what to write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

AN_ARRAY = "numbers are plain or Values, and arrays of them NumPy's: import numpy"
A_FACTOR = "of lists, dot and total add; NumPy's functions take arrays of Values: import numpy"
SEEDED = "models and optimizers are seeded by rng=, such as nn.MLP(2, [16, 1], rng=0)"
AN_OPERATOR = "write it with Python's operators, as in a + b"

ELSEWHERE = {
    "Tensor": "write Value(2.0), one number; of arrays, an object array of Values, or compile() for whole batches",
    "Variable": "write Value(2.0)",
    "tensor": "write Value(2.0), one number; of arrays, an object array of Values, or compile() for whole batches",
    "no_grad": "numbers that need no gradient are plain: model.predict(X), value.data, value.detach()",
    "jit": "it is called compile",
    "vmap": "compile(f) takes a batch; of Values, write [f(x) for x in xs]",
    "gradient": "it is called grad",
    "derivative": "it is called grad",
    "elementwise_grad": "it is called grad; compile(grad(f)) takes a batch",
    "draw_dot": "it is called draw",
    "engine": "it is all in autodiff: from autodiff import Value",
    "nn": "it is a package beside it: import nn",
    "optim": "optimizers stand in nn: from nn import SGD, Adam",
    "numpy": "NumPy's functions take Values and arrays of them: import numpy",
    "sum": "Python's sum and autodiff.total add Values",
    "max": "Python's max compares Values; autodiff.maximum is the operation of two, autodiff.largest that of many",
    "min": "Python's min compares Values; autodiff.minimum is the operation of two",
    "abs": "Python's abs takes Values; the operation is called absolute",
    "ln": "it is called log",
    "arctan": "it is called atan",
    "gradcheck": "it is called check_gradients",
    "check_grads": "it is called check_gradients",
    "check_grad": "it is called check_gradients",
    "numerical_grad": "it is called numerical_gradient",
    "custom_vjp": "operation(name, primal, *rules) declares an operation with its derivatives",
    "custom_jvp": "operation(name, primal, *rules) declares an operation with its derivatives",
    "Function": "operation(name, primal, *rules) declares an operation with its derivatives",
    **dict.fromkeys(("ones", "randn", "rand", "arange", "linspace", "from_numpy", "array", "stack", "cat"), AN_ARRAY),
    **dict.fromkeys(("matmul", "einsum", "mm", "bmm"), A_FACTOR),
    **dict.fromkeys(("manual_seed", "seed", "set_seed", "random"), SEEDED),
    **dict.fromkeys(("add", "sub", "subtract", "mul", "multiply", "div", "divide", "neg", "pow"), AN_OPERATOR),
    "autograd": "it is all in autodiff itself: grad, jacobian, hessian, check_gradients",
    "functional": "they are functions of autodiff itself, such as autodiff.relu, and losses of nn",
    "F": "they are functions of autodiff itself, such as autodiff.relu, and losses of nn",
    "clamp": "it is called clip",
    "logsumexp": "it is called log_sum_exp",
    "round": "Python's round takes Values; the operation is called rint",
    "jacrev": "it is called jacobian",
    "jacfwd": "it is called jacobian",
    "vjp": "value.backward(seed), or grad of the sum of outputs times their upstream gradients",
    "Parameter": "write Value(2.0): every Value has a gradient",
    "save": "a model has save(path) and load(path); a Value can be pickled",
    "load": "a model has save(path) and load(path); a Value can be pickled",
    "inf": "it is math.inf",
    "nan": "it is math.nan",
    "pi": "it is math.pi",
    "e": "it is math.e",
    "stop_gradient": "value.detach() is a constant",
}
"""What other packages have, and what serves here."""
RECORDED = (
    "operands and operation are recorded when it is computed, as in a + b; autodiff.operation(name, primal, *rules) "
    "declares an operation of your own"
)
ONE_FLOAT = "a Value is one float of 64 bits, in the memory of Python; compile() is for speed"
OPTIONS = {
    "requires_grad": "every Value has a gradient; detach() gives one without",
    **dict.fromkeys(("_children", "children", "_prev", "parents", "_op", "op"), RECORDED),
    "grad": "set it afterwards, value.grad = 0.0",
    "name": "it is called label=",
    "dtype": ONE_FLOAT, "device": ONE_FLOAT,
    "gradient": "it is called seed=",
    "grad_output": "it is called seed=",
    "retain_graph": "nothing is freed: a graph can be passed again, and the gradients of its leaves add up",
    "create_graph": "grad(loss, parameters) gives gradients that are Values, to be differentiated again",
    "argnums": "it is called wrt=", "argnum": "it is called wrt=",
    "rankdir": 'it is called direction=, "right" or "down"',
    **dict.fromkeys(("format", "filename", "file", "path"), 'render(draw(value), "picture.png") writes a file'),
    "fold": 'a page has every fold, of which its reader takes one; trace.draw(step, fold="layer") is one picture',
    "inputs": "every leaf gets its gradient; grad(loss, parameters) gives those that you name",
}  # fmt: skip
"""Keywords that others have where a value is made or passed, and what serves here."""


def no_such_name(name: str) -> AttributeError:
    """What is said of a name that ``autodiff`` has not.

    >>> print(no_such_name("jit"))
    module 'autodiff' has no attribute 'jit': it is called compile
    """
    found = AttributeError(
        f"module 'autodiff' has no attribute {name!r}" + (f": {ELSEWHERE[name]}" if name in ELSEWHERE else "")
    )
    found.name, found.obj = name, sys.modules["autodiff"]  # so that Python suggests the nearest name
    return found


def needs_value(what: str, given: Any) -> NoReturn:
    """Refuse what is no ``Value``, where one is drawn, traced or printed.

    >>> needs_value("draw", 2.0)
    Traceback (most recent call last):
    TypeError: draw needs a Value, not float 2.0: a plain number has no graph, as .data has none
    """
    advice = ""
    if isinstance(given, (int, float)):
        advice = ": a plain number has no graph, as .data has none"
    elif isinstance(given, (list, tuple)):
        advice = ": take one of them, or what is made of them all, such as total(values)"
    elif hasattr(given, "parameters"):
        advice = ": a model has no graph before it is called, as model(x)"
    elif callable(given):
        advice = ": call it with Values first"
    raise TypeError(f"{what} needs a Value, not {type(given).__name__} {given!r:.60}{advice}")


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
    instead = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(f'{each}=' for each in allowed)}"
    return TypeError(f"{call}() takes no {given}=: {OPTIONS.get(given, instead)}")


def in_words(function: Callable[P, T]) -> Callable[P, T]:
    """A decorator: a keyword that the function has not is answered with what serves.

    >>> in_words(lambda of, wrt=0: of)(abs, argnums=1)
    Traceback (most recent call last):
    TypeError: <lambda>() takes no argnums=: it is called wrt=
    """
    names = [*signature(function).parameters]

    @wraps(function)
    def checked(*args: P.args, **options: P.kwargs) -> T:
        __tracebackhide__ = True
        for given in options:
            if given not in names:
                raise refused_option(function.__name__, [given], *names)
        return function(*args, **options)

    return checked
