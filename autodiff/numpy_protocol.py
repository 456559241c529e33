"""What NumPy asks of a ``Value``: its functions stay in the graph where one is an operand, or say what serves instead.

NumPy is loaded when it asks, not with the engine. What it does inside of arrays of dtype object it does by itself: it
calls operators and methods there, which record, and it compares, which does not. So ``np.max`` and ``np.maximum`` of an
array of ``Value``s give one of them, with its gradient, but pass over nan and do not split ties: ``largest`` and
``smallest`` of autodiff do. And ``np.isnan`` and ``np.logaddexp`` have no loop for arrays of objects at all: take the
functions of autodiff on each element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

from autodiff.registry import lookup

OPERATORS = {
    "add", "subtract", "multiply", "divide", "power", "remainder", "floor_divide", "divmod", "negative", "positive",
    "absolute", "matmul", "vecdot", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "conjugate",
}  # fmt: skip
"""What NumPy computes with Python's operators in arrays of objects, as fast as nothing else."""
SAME = {"fabs": "absolute", "float_power": "power", "degrees": "rad2deg", "radians": "deg2rad"}
"""The rows that NumPy has a second function for."""
QUESTIONS: Mapping[str, Callable[[Any], bool]] = {
    "isnan": lambda x: x != x,
    "isfinite": lambda x: -inf < x < inf,
    "isinf": lambda x: x in (inf, -inf),
}
INSTEAD = {
    "fmax": "maximum", "fmin": "minimum", "logaddexp2": "logaddexp", "ldexp": "exp2", "heaviside": "where",
    "signbit": "sign", "modf": "trunc", "logical_not": "where", "logical_and": "where", "logical_or": "where",
    "logical_xor": "where", "max": "largest", "amax": "largest", "min": "smallest", "amin": "smallest",
    "nanmax": "largest", "nanmin": "smallest",
}  # fmt: skip
"""What autodiff has in place of functions that cannot be differentiated through."""


class NumpyProtocol:
    """The part of a ``Value`` that NumPy calls.

    >>> import numpy as np
    >>> from autodiff import Value
    >>> v = Value(-2.0)
    >>> y = np.maximum(v, 0.5) + (np.arctan2(v, [1.0, 3.0]) ** 2).sum()
    >>> y.op.name, np.isnan(v), (v * np.array([1.0, 2.0])).shape
    ('add', False, (2,))
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        """Called in place of a ufunc: its row on numbers; element by element on arrays.

        Raises:
            TypeError: the ufunc has no row, or is to write ``Value``s into an array of numbers.
        """
        row = _row_of(type(self), ufunc)
        if row is not None and method == "__call__" and not options and all(map(_is_number, operands)):
            return row(*operands)
        return _called(getattr(_elementwise(row, ufunc), method), ufunc.__name__, operands, options)

    def __array_function__(self, function: Any, types: Any, operands: Sequence[Any], options: Any) -> Any:
        """Called in place of another function of NumPy, which gets arrays of ``Value``s, and computes with these.

        Raises:
            TypeError: the function does what ``Value``s cannot.
        """
        found = _FUNCTIONS.get(getattr(function, "__name__", ""), function)
        return _called(found, getattr(function, "__name__", str(function)), operands, options)

    @property
    def dtype(self) -> Any:
        """NumPy's type of objects: ``np.linalg.norm`` asks the norm of an array of ``Value``s for it."""
        import numpy as np

        return np.dtype(object)

    def logical_xor(self, other: Any) -> Any:
        """Refused, as what NumPy asks elements of arrays that have no such method.

        Raises:
            TypeError: always.
        """
        raise _refusal("logical_xor")

    def fabs(self: Any) -> Any:
        """``np.fabs``: the absolute value."""
        return lookup("absolute")(self)

    def degrees(self: Any) -> Any:
        """``np.degrees``: the angle in degrees."""
        return lookup("rad2deg")(self)

    def radians(self: Any) -> Any:
        """``np.radians``: the angle in radians."""
        return lookup("deg2rad")(self)


def _is_number(operand: Any) -> bool:
    if isinstance(operand, (NumpyProtocol, float, int)):
        return True
    return hasattr(type(operand), "__float__") and getattr(operand, "ndim", 0) == 0


def _called(function: Callable[..., Any], name: str, operands: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """The function of arrays, and what is an array of one number as that number."""
    try:
        found = function(*map(_as_arrays, operands), **{key: _as_arrays(each) for key, each in options.items()})
    except TypeError as error:
        if "Cannot cast ufunc" in str(error):
            raise TypeError(
                f"np.{name} cannot write Values into an array of numbers: make a new array, a = a + value, or one of "
                "dtype object"
            ) from error
        if "ufunc" in str(error):
            raise _refusal(name) from error
        raise
    return found[()] if getattr(found, "ndim", None) == 0 else found


def _as_arrays(thing: Any) -> Any:
    """``Value``s, in lists, tuples and dicts too, as arrays of one object."""
    import numpy as np

    if isinstance(thing, NumpyProtocol):
        array = np.empty((), object)
        array[()] = thing
        return array
    if isinstance(thing, (list, tuple)) and type(thing) in (list, tuple):
        return type(thing)(map(_as_arrays, thing))
    return thing


def _row_of(number: type, ufunc: Any) -> Any:
    """The row whose method NumPy's name belongs to, of the user's own rows too; None if there is none."""
    name = SAME.get(ufunc.__name__, ufunc.__name__)
    return getattr(getattr(number, name, None), "operation", None)


def _elementwise(row: Any, ufunc: Any) -> Any:
    """The ufunc for arrays of objects."""
    import numpy as np

    if ufunc.__name__ in QUESTIONS:
        return _Asked(np.frompyfunc(QUESTIONS[ufunc.__name__], 1, 1))
    if ufunc.__name__ in OPERATORS:
        return ufunc
    if row is not None:
        return np.frompyfunc(row, row.arity, 1)
    raise _refusal(ufunc.__name__)


class _Asked:
    """A question to every element of an array, answered by an array of bools."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *operands: Any) -> Any:
        import numpy as np

        with np.errstate(invalid="ignore"):  # to compare nan is no fault here
            found = self.function(*operands)
        return found.astype(bool) if hasattr(found, "astype") else bool(found)


def _refusal(name: str) -> TypeError:
    instead = INSTEAD.get(name)
    what = f"autodiff.{instead} serves instead" if instead else "autodiff.operation() declares one"
    return TypeError(f"np.{name} of a Value has no derivative here: {what}, and .data is the number")


def _where(condition: Any, *choices: Any) -> Any:
    import numpy as np

    if len(choices) != 2:
        raise TypeError("np.where of a Value needs both choices, np.where(condition, a, b): use .data for an index")
    return np.frompyfunc(lookup("where"), 3, 1)(condition, *choices)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    import numpy as np

    low, high = a_min if min is None else min, a_max if max is None else max
    if low is not None and high is not None:
        return np.frompyfunc(lookup("clip"), 3, 1)(a, low, high)
    a = a if low is None else np.frompyfunc(lookup("maximum"), 2, 1)(a, low)
    return a if high is None else np.frompyfunc(lookup("minimum"), 2, 1)(a, high)


def _sinc(x: Any) -> Any:
    import numpy as np

    return np.frompyfunc(lookup("sinc"), 1, 1)(x)


def _round(a: Any, decimals: int = 0) -> Any:
    import numpy as np

    return np.frompyfunc(lambda x: round(x, decimals), 1, 1)(a)


_FUNCTIONS = {"where": _where, "clip": _clip, "sinc": _sinc, "round": _round, "around": _round}
"""The functions that are no ufuncs, and have rows."""
