"""``python -m docs.declarations`` writes ``autodiff/declarations.pyi`` anew: what type checkers know of operations.

Methods and functions of operations are made from the table while Python runs, where no type checker sees them. This
writes them down: for each row its function and its method, and the functions of several numbers with both of their
types, floats to floats and ``Value``s to ``Value``s. A test says so if the file is not that of the table.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import autodiff
from autodiff import functions
from autodiff.documentation import operand_names
from autodiff.operations import Operation
from autodiff.program.reference import describe
from autodiff.registry import BUILT_IN, OPERATIONS

FILE = Path(__file__).parents[1] / "autodiff" / "declarations.pyi"
HEAD = '''\
"""Made from the table by ``python -m docs.declarations``: what type checkers know of operations. Not to be edited."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from autodiff.operations import Operation
from autodiff.value import Value

Plain: TypeAlias = float | Fraction | Decimal | np.floating[Any] | np.integer[Any] | np.bool
"""A real number that records nothing."""
Number: TypeAlias = Value | Plain
"""What an operand may be."""
Values: TypeAlias = NDArray[np.object_]
"""An array of ``Value``s, as NumPy makes it of one and an array."""
'''
REFLECTED = ("add", "sub", "mul", "truediv", "pow", "mod", "floordiv")
ALONE = ("neg", "pos", "abs", "floor", "ceil", "trunc")
COMPARED = ("lt", "le", "gt", "ge")


def text() -> str:
    """The whole file."""
    rows = [row for row in OPERATIONS.values() if row.name in BUILT_IN]
    shapes = sorted({(row.arity, len(row.defaults)) for row in rows if row.arity is not None})
    several = [each for each in vars(functions).values() if _is_own(each)]
    exported = [row for row in rows if row.arity is not None and row.name in autodiff.__all__]
    names = sorted(["Declared", *(row.name for row in exported), *(each.__name__ for each in several)])
    lines = [HEAD, f"__all__ = {names}", "", "class Declared:"]
    for row in rows:
        for name in dict.fromkeys((row.name, row.ufunc)) if row.arity is not None else ():
            lines.append(f"    def {name}({', '.join(['self', *_operands(row, 'Number')[1:], '/'])}) -> Value: ...")
    lines += [f"    {line}" for line in _operators()]
    for arity, defaults in shapes:
        lines += ["", *_class(arity, defaults)]
    for row in exported:
        lines += ["", f"{row.name}: {_class_name(row.arity, len(row.defaults))}", _quoted(describe(row))]
    for function in several:
        lines += ["", *_overloads(function)]
    return "\n".join([*lines, ""])


def _is_own(thing: Any) -> bool:
    return inspect.isfunction(thing) and thing.__module__ == functions.__name__ and not thing.__name__.startswith("_")


def _operands(row: Operation, kind: str) -> list[str]:
    """The operands as parameters, with their defaults."""
    names = operand_names(row)
    later = [*[""] * (len(names) - len(row.defaults)), *(f" = {default!r}" for default in row.defaults)]
    return [f"{name}: {kind}{default}" for name, default in zip(names, later)]


def _operators() -> Iterator[str]:
    for name in REFLECTED:
        for each in (f"__{name}__", f"__r{name}__"):
            yield from _overloaded(each, [("other: Number, /", "Value"), ("other: NDArray[Any], /", "Values")])
    for name in ALONE:
        yield f"def __{name}__(self) -> Value: ..."
    for name in COMPARED:
        yield from _overloaded(
            f"__{name}__", [("other: Number, /", "bool"), ("other: NDArray[Any], /", "NDArray[np.bool]")]
        )


def _overloaded(name: str, kinds: list[tuple[str, str]]) -> Iterator[str]:
    for parameters, result in kinds:
        yield "@overload"
        yield f"def {name}(self, {parameters}) -> {result}: ..."


def _class_name(arity: int, defaults: int) -> str:
    words = {1: "Unary", 2: "Binary", 3: "Ternary"}
    return words[arity] + ("WithDefault" if defaults else "")


def _class(arity: int, defaults: int) -> list[str]:
    """An operation of so many operands: plain numbers give a float; one ``Value`` among them gives a ``Value``."""
    kinds = [["Plain"] * arity]
    kinds += [["Plain"] * at + ["Value"] + ["Number"] * (arity - at - 1) for at in range(arity)]
    lines = [f"class {_class_name(arity, defaults)}(Operation):"]
    for each, result in zip(kinds, ("float", *["Value"] * arity)):
        names = (f"x{at}: {kind}" + " = ..." * (at >= arity - defaults) for at, kind in enumerate(each))
        lines += ["    @overload", f"    def __call__(self, {', '.join(names)}, /) -> {result}: ..."]
    lines[1] += "  # type: ignore[override]"  # an operation takes any number of operands
    return lines


def _overloads(function: Callable[..., Any]) -> Iterator[str]:
    """The function of plain numbers and that of ``Value``s: ``Any`` in its signature is one, then the other."""
    head = re.match(r"def .*?:\n", inspect.getsource(function))
    assert head is not None
    parameters, result = head[0].rstrip().removesuffix(":").rsplit(" -> ", 1)
    for given, found in (("Plain", "float"), ("Number", "Value")):
        yield "@overload"
        ignored = "  # type: ignore[overload-overlap]" * (given == "Plain")  # of no values at all
        yield f"{parameters.replace('Any', given)} -> {result.replace('Any', found)}:{ignored}"
        yield f"    {_quoted((function.__doc__ or '').splitlines()[0])}"


def _quoted(documentation: str) -> str:
    return f'"""{documentation}"""'


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
