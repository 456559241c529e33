"""The operations by name: declaring one, finding one, and the methods that numbers get from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any

from autodiff.operations import CONSTANT, VARIABLE, Interval, Operation, Rule
from autodiff.zeros import no_dependence

OPERATIONS: dict[str, Operation] = {}
"""Every operation by its name, in the order of the table."""

NOT_IN_TABLE = {row.name: row for row in (VARIABLE, CONSTANT)}
"""The operations that are no rows of the table, by name: they have no methods and no functions of their own."""

BUILT_IN: set[str] = set()
"""The names of the rows that the project has: they stay what they are."""

_with_methods: list[type] = []


def operation(name: str, primal: Rule, *derivatives: Rule, replace: bool = False, **row: Any) -> Operation:
    """Declare an operation: the public call, and the one that every row of the table is made with.

    Args:
        name: a Python identifier; ``Value`` gets a method of that name.
        primal: the operation on floats, one argument for each operand. Where it uses functions of the table
            in place of ``math``'s (``exp`` for ``math.exp``), it never raises.
        *derivatives: for each operand the local derivative, ``rule(*operands, y)``, where ``y`` is the output.
            Write them with arithmetic and the operations of the table; give ``ZERO`` where nothing depends.
        replace: allow a name that was declared before, but not a built-in one.
        **row: ``symbol``, ``domain``, ``kinks``, ``singular_points``, ``variadic``, ``defaults`` and ``ufunc``,
            as :class:`Operation` describes them.

    Raises:
        TypeError: the primal or a rule is not callable, or does not take that many arguments.
        ValueError: the name is no identifier, or is taken, by an operation or by an attribute of ``Value``; or the
            domain has not an interval for each operand.

    >>> square = operation("square_of", lambda x: x * x, lambda x, y: 2 * x)
    >>> square(3.0)
    9.0
    """
    if not (isinstance(name, str) and name.isidentifier()) or iskeyword(name) or name.startswith("__"):
        raise ValueError(f"an operation's name must be a Python identifier, not {name!r}")
    if name in BUILT_IN:
        raise ValueError(f"the operation {name!r} is built in; choose another name")
    if name in OPERATIONS and not replace:
        raise ValueError(f"the operation {name!r} is declared already; choose another name or pass replace=True")
    if not derivatives:
        raise TypeError(f"the operation {name!r} needs one local derivative for each operand, none was given")
    if "pinned" in row:
        raise TypeError("pinned= is called singular_points= now, with a SingularPoint for each point")
    new = Operation(name, primal, *derivatives, **row)
    for number in _with_methods:
        for method in (name, new.ufunc):
            own = getattr(getattr(number, method, None), "operation", None)
            if hasattr(number, method) and (own is None or own.name != name):
                raise ValueError(f"{method!r} is an attribute of {number.__name__} already; choose another name")
    _check_arguments("primal", primal, name, new.arity)
    for rule in derivatives:
        _check_arguments("local derivative", rule, name, (1 if new.arity is None else new.arity) + 1)
    _check_domain(name, new.domain, len(derivatives))
    OPERATIONS[name] = new
    for number in _with_methods:
        _add_methods(number, new, _method)
    return new


def _check_arguments(what: str, rule: Rule, name: str, takes: int | None) -> None:
    if not callable(rule):
        raise TypeError(f"the {what} of {name!r} must be callable, not {rule!r}")
    code = getattr(rule, "__code__", None)
    if takes is None or code is None or code.co_flags & 0x04:  # a variadic function takes any number
        return
    most = code.co_argcount - hasattr(rule, "__self__")
    least = most - len(rule.__defaults__ or ())
    if not least <= takes <= most:
        which = "operands, then the output y" if what != "primal" else "one for each local derivative that is given"
        raise TypeError(f"the {what} of {name!r} must take {takes} arguments ({which}), but takes {most}")


def _check_domain(name: str, domain: tuple[Any, ...], operands: int) -> None:
    if len(domain) != operands or not all(isinstance(each, (tuple, list)) and len(each) == 2 for each in domain):
        raise ValueError(
            f"the domain of {name!r} must have an interval for each operand, such as "
            f"{(Interval(-5.0, 5.0),) * operands}, not {domain!r}"
        )


def lookup(name: str) -> Operation:
    """The operation of that name.

    Raises:
        ValueError: there is none; the message suggests the nearest names.
    """
    found = OPERATIONS.get(name) or NOT_IN_TABLE.get(name)
    if found is None:
        near = get_close_matches(str(name), OPERATIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"must be one of {', '.join(OPERATIONS)}"
        raise ValueError(f"unknown operation {name!r} ({hint})")
    return found


def built_in() -> None:
    """Take all operations that there are by now for built in."""
    BUILT_IN.update(OPERATIONS, NOT_IN_TABLE)
    for row in (*OPERATIONS.values(), *NOT_IN_TABLE.values()):
        row.is_pair = row.arity == 2


def flows(row: Operation, place: int) -> bool:
    """Whether a gradient can flow to the operand at that place at all."""
    return row.arity is None or row.derivatives[place] is not no_dependence


def methods_for(number: type, unary: Callable[[Operation], Any]) -> None:
    """Give the type a method for every operation, by its own name and by NumPy's: now and of later ones.

    So ``Value(0.0).cos()`` works, and ``np.cos`` on a ``Value``, since NumPy calls the method of its own name.
    A method that the type writes out itself stays; ``unary`` makes that of a built-in row of one operand.
    """
    _with_methods.append(number)
    for row in OPERATIONS.values():
        _add_methods(number, row, unary if row.arity == 1 else _method)


def _method(row: Operation) -> Any:
    return lambda self, *operands: row(self, *operands)


def _add_methods(number: type, row: Operation, make: Callable[[Operation], Any]) -> None:
    if row.arity is None:
        return
    method = make(row)
    method.__qualname__ = f"{number.__name__}.{row.name}"
    method.__name__, method.operation = row.name, row  # the latter marks what may be replaced
    method.__doc__ = f"The operation {row.name!r} of the table, with this as its first operand."
    for name in {row.name, row.ufunc}:
        written = getattr(number, name, None)
        if written is None or hasattr(written, "operation"):
            setattr(number, name, method)


def give_arithmetic(number: type, rows: Mapping[str, Operation]) -> None:
    """Make the type's operators, and the reflected ones, apply the rows: ``add`` for ``__add__`` and so on."""
    for name, row in rows.items():
        setattr(number, f"__{name}__", lambda a, b, row=row: row(a, b))
        setattr(number, f"__r{name}__", lambda a, b, row=row: row(b, a))


def give_signs(number: type, rows: Mapping[str, Operation]) -> None:
    """Make the type's operators of one operand apply the rows."""
    for name, row in rows.items():
        setattr(number, f"__{name}__", lambda a, row=row: row(a))
