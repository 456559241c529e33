"""``Exported``: what is taken along, whatever the language: programs, and what their numbers are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from autodiff.program.exporting.identifiers import Identifiers, identifier

if TYPE_CHECKING:
    from autodiff.program.program import Program

LARGEST = 50_000
"""The most operands of all instructions that are written out as text: compilers take minutes for more."""


class TooLargeError(ValueError):
    """A program has too many instructions to be written out one by one."""


class Argument(NamedTuple):
    """An argument of the function: an array of numbers of one observation, or a number, whose shape is ()."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{self.name}{[*self.shape]}" if self.shape else self.name


@dataclass(frozen=True)
class Exported:
    """A function as programs, one for each way through its branches; the first whose guards hold is right.

    All take the inputs in the same order, which is that of the arguments; of the parameters, the first ones.
    """

    name: str
    """Of the function; any text."""
    ways: tuple[Program, ...]
    arguments: tuple[Argument, ...]
    parameters: tuple[str, ...]
    """The labels of all parameters, in the order of their vector."""
    numbers: tuple[float, ...] | None
    """Those of the parameters at present, where they are known."""
    needs_finite: tuple[bool, ...] = ()
    """For each way, whether it is right only where all of its parameters are finite; by default none is."""

    def check(self) -> None:
        """Refuse what cannot be written out.

        Raises:
            ValueError: there is no output, or there are not as many numbers as parameters.
            TooLargeError: there are more than ``LARGEST`` operands.
        """
        if self.numbers is not None and len(self.numbers) != len(self.parameters):
            count = f"{len(self.numbers)} numbers are given for {len(self.parameters)} parameters"
            raise ValueError(f"{self.name}: {count}, which must be as many")
        if not self.ways or not self.outputs:
            raise ValueError(f"{self.name} has no output: there is nothing to be written")
        size = sum(len(way.operands) for way in self.ways)
        if size > LARGEST:
            raise TooLargeError(
                f"{self.name} has {size} operands in its instructions, and at most {LARGEST} are written out one by "
                "one: to_jax() and, for networks, to_onnx() keep layers as matrices; or record fewer observations at "
                "once, or fewer ways through the branches"
            )

    @cached_property
    def outputs(self) -> int:
        """How many results there are."""
        return len(self.ways[0].outputs)

    @property
    def inputs(self) -> int:
        """How many numbers an observation has."""
        return sum(each.size for each in self.arguments)

    @cached_property
    def identifier(self) -> str:
        """The function's name in code."""
        return identifier(self.name)

    @property
    def is_plain(self) -> bool:
        """Whether one program is right for all numbers."""
        return len(self.ways) == 1 and not self.ways[0].guards and not any(self.needs_finite)

    def finite(self, way: int) -> bool:
        """Whether a way is right only for finite parameters."""
        return bool(self.needs_finite) and self.needs_finite[way]

    def argument_names(self) -> tuple[str, ...]:
        """The identifiers of the arguments."""
        names = Identifiers()
        return tuple(names.of(each.name) for each in self.arguments)


def slot_names(program: Program, taken: Sequence[str] = (), given: Mapping[int, str] | None = None) -> list[str]:
    """The identifier of every slot that is no constant, other than those that are taken; "" for constants.

    Some inputs, counted from 0, have given ones.

    >>> from autodiff import Value
    >>> from autodiff.program.program import Program
    >>> w, x = Value(2.0, label="layer.w"), Value(3.0, label="x")
    >>> slot_names(Program.from_graph(w * x + 1)[0])
    ['', 'layer_w', 'x', 'v3', 'v4']
    """
    names = Identifiers()
    names.taken.update(taken)
    first = program.first_parameter
    fixed = {program.first_input + at: name for at, name in (given or {}).items()}
    return [""] * first + [fixed.get(slot) or names.of(program.name(slot)) for slot in range(first, program.slots)]
