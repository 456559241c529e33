"""Operations that document themselves: docstring and signature of a row are made from the row."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.operations import Operation

describe: Callable[[Operation], str] = str
"""Makes the docstring of a row. The package registers one that writes formulas, which the engine cannot."""


def register(function: Callable[[Operation], str]) -> None:
    """Let the function make the docstrings of rows."""
    global describe
    describe = function


class Documentation:
    """The docstring of the class ``Operation``; that of a row is made when it is asked for."""

    def __init__(self, of_class: str) -> None:
        self.of_class = of_class

    def __get__(self, row: Operation | None, owner: type) -> str:
        return self.of_class if row is None else describe(row)


def operand_names(row: Operation) -> tuple[str, ...]:
    """The operands as the row's rules call them, if they name that many."""
    for rule in row.derivatives:
        code = getattr(rule, "__code__", None)
        named = code.co_varnames[: code.co_argcount - 1] if code else ()
        if len(named) == row.arity:
            return tuple(named)
    return tuple(f"x{place}" for place in range(row.arity or 0))


def signature(row: Any) -> Signature:
    """The operands of a row, with their defaults."""
    if row.arity is None:
        return Signature([Parameter("operands", Parameter.VAR_POSITIONAL)])
    defaults = (*(Parameter.empty,) * (row.arity - len(row.defaults)), *row.defaults)
    kind = Parameter.POSITIONAL_ONLY
    return Signature([Parameter(name, kind, default=each) for name, each in zip(operand_names(row), defaults)])
