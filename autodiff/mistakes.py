"""What is often written and is called otherwise here: the errors say what to write. Loaded where one is made."""

from __future__ import annotations

from typing import Any, NoReturn

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
    "stop_gradient": "value.detach() is a constant",
}
"""What other packages have, and what serves here."""


def no_such_name(name: str) -> AttributeError:
    """What is said of a name that ``autodiff`` has not.

    >>> print(no_such_name("jit"))
    module 'autodiff' has no attribute 'jit': it is called compile
    """
    found = AttributeError(
        f"module 'autodiff' has no attribute {name!r}" + (f": {ELSEWHERE[name]}" if name in ELSEWHERE else "")
    )
    found.name = name
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
