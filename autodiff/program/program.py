"""``Program``: the flat form of a recorded graph, instructions over slots, as plain index arrays.

A slot holds one number. First come the slots of constants, then those of parameters, then those of inputs, then one for
the result of each instruction, so that an instruction's operands always stand before its result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.operations import Operation
from autodiff.rules import DETACHED, dot, negative
from autodiff.value import Value, constant

OUTPUTS = Operation("outputs")
"""In a picture, what several outputs lead to."""
FEW = 4
"""So many names stand on a line; of more, the first two and the last one."""


class Instruction(NamedTuple):
    """An operation and the slots of its operands; its place among the instructions says where its result goes."""

    op: Operation
    operands: tuple[int, ...]


class Guard(NamedTuple):
    """A branch that was taken when the function was traced: the program is right only where it is taken again."""

    comparison: str
    """``<``, ``<=``, ``>``, ``>=``, ``==`` or ``!=``."""
    left: int
    """The slot on its left."""
    right: int
    """The slot on its right."""
    holds: bool
    """Whether the comparison was true."""


@dataclass(frozen=True, eq=False)
class Program:
    """Instructions over slots; :func:`assemble` makes one.

    It prints itself readably:

    >>> from autodiff import lookup
    >>> multiply, add = lookup("multiply"), lookup("add")
    >>> print(assemble([1.0], ["w"], ["x"], [Instruction(multiply, (1, 2)), Instruction(add, (3, 0))], [4]))
    parameters  w
    inputs      x
      v3 = w * x
      v4 = v3 + 1.0
    outputs     v4
    """

    constants: NDArray[np.float64]
    """(constants,): what is in the first slots."""
    parameters: tuple[str, ...]
    """The names of the parameters, in the order of their slots."""
    inputs: tuple[str, ...]
    """The names of the inputs of one observation, in the order of their slots."""
    operations: tuple[Operation, ...]
    """The operations that occur, each once."""
    opcodes: NDArray[np.int32]
    """(instructions,): each instruction's operation, as its place in ``operations``."""
    starts: NDArray[np.int64]
    """(instructions + 1,): where each instruction's operands begin in ``operands``, and where the last one's end."""
    operands: NDArray[np.int32]
    """The slots of all operands, instruction after instruction."""
    outputs: NDArray[np.int32]
    """The slots of the results that the function returned."""
    guards: tuple[Guard, ...] = ()
    labels: Mapping[int, str] = field(default_factory=dict)
    """The labels that the user gave to results, by slot."""
    shared: int = 0
    """So many instructions at the beginning depend on no input, and are run once for all observations."""

    @property
    def first_parameter(self) -> int:
        """The slot of the first parameter."""
        return len(self.constants)

    @property
    def first_input(self) -> int:
        """The slot of the first input."""
        return len(self.constants) + len(self.parameters)

    @property
    def first_result(self) -> int:
        """The slot of the first instruction's result."""
        return self.first_input + len(self.inputs)

    @property
    def slots(self) -> int:
        """How many slots there are in all."""
        return self.first_result + len(self)

    def __len__(self) -> int:
        return len(self.opcodes)

    def __iter__(self) -> Iterator[Instruction]:
        """The instructions, in the order in which they are run."""
        operands, starts = self.operands.tolist(), self.starts.tolist()
        for code, start, end in zip(self.opcodes.tolist(), starts, starts[1:]):
            yield Instruction(self.operations[code], tuple(operands[start:end]))

    def name(self, slot: int) -> str:
        """How a slot is written: a number, the name of a parameter or input, a label, or ``v`` and the slot."""
        if slot < self.first_parameter:
            return repr(float(self.constants[slot]))
        if slot < self.first_input:
            return self.parameters[slot - self.first_parameter]
        if slot < self.first_result:
            return self.inputs[slot - self.first_input]
        return self.labels.get(slot) or f"v{slot}"

    def depends(self, on: Sequence[int]) -> NDArray[np.bool_]:
        """(slots,): which slots depend on one of those given, themselves included."""
        return self._reached(on, None)

    def active(self, wrt: Sequence[int]) -> NDArray[np.bool_]:
        """(slots,): through which slots a gradient flows to one of those given, themselves included."""
        return self._reached(wrt, DETACHED)

    def _reached(self, origins: Sequence[int], stop: Operation | None) -> NDArray[np.bool_]:
        reached = [False] * self.slots
        for slot in origins:
            reached[slot] = True
        stops = [op is stop for op in self.operations]
        operands, starts = self.operands.tolist(), self.starts.tolist()
        codes = self.opcodes.tolist()
        for slot, (code, start, end) in enumerate(zip(codes, starts, starts[1:]), self.first_result):
            if not stops[code] and any(map(reached.__getitem__, operands[start:end])):
                reached[slot] = True
        return np.array(reached, bool)

    def __autodiff_graph__(self) -> Value:
        """The program as a recorded graph without numbers, for pictures; several outputs lead to one more node."""
        nodes = [constant(number) for number in self.constants.tolist()]
        nodes += [Value(math.nan, name) for name in (*self.parameters, *self.inputs)]
        for slot, (op, operands) in enumerate(self, self.first_result):
            nodes.append(_node(op, [nodes[operand] for operand in operands], self.name(slot)))
        outputs = [nodes[slot] for slot in self.outputs]
        return outputs[0] if len(outputs) == 1 else _node(OUTPUTS, outputs, "outputs")

    def __str__(self) -> str:
        lines = [
            f"parameters  {_listed(self.parameters)}",
            f"inputs      {_listed(self.inputs)}",
            *(f"  {self.name(slot)} = {self._written(each)}" for slot, each in enumerate(self, self.first_result)),
            *(
                f"guard       {self.name(left)} {comparison} {self.name(right)} is {holds}"
                for comparison, left, right, holds in self.guards
            ),
            f"outputs     {_listed([*map(self.name, self.outputs)])}",
        ]
        return "\n".join(line.rstrip() for line in lines)

    def _written(self, instruction: Instruction) -> str:
        op, operands = instruction
        names = [self.name(slot) for slot in operands]
        if op.arity == 2 and not op.symbol.isidentifier():
            return f"{names[0]} {op.symbol} {names[1]}"
        if op is negative:
            return f"-{names[0]}"
        if op is dot:
            return f"dot([{_listed(names[: len(names) // 2])}], [{_listed(names[len(names) // 2 :])}])"
        return f"{op.name}({_listed(names) if op.arity is None else ', '.join(names)})"

    def __repr__(self) -> str:
        return (
            f"<program of {len(self)} instructions, {len(self.parameters)} parameters, {len(self.inputs)} inputs, "
            f"{len(self.outputs)} outputs>"
        )


def _listed(names: Sequence[str]) -> str:
    """The names; of many, the first ones, the last one and how many they are."""
    if len(names) <= FEW:
        return ", ".join(names)
    return f"{', '.join(names[: FEW - 2])}, …, {names[-1]} ({len(names)})"


def _node(op: Operation, operands: Sequence[Value], label: str) -> Value:
    """A node that was not computed."""
    node = Value(math.nan, label)
    node.op, node.parents = op, tuple(operands)
    return node


def assemble(
    constants: Sequence[float],
    parameters: Sequence[str],
    inputs: Sequence[str],
    instructions: Sequence[Instruction],
    outputs: Sequence[int],
    guards: Sequence[Guard] = (),
    labels: Mapping[int, str] | None = None,
    shared: int = 0,
) -> Program:
    """The program of these instructions.

    Args:
        constants: the numbers in the first slots.
        parameters: the names of the parameters, whose slots follow.
        inputs: the names of the inputs, whose slots follow.
        instructions: each takes operands from the slots before its own.
        outputs: the slots of the results.
        guards: what must hold for the program to be right.
        labels: names of results by slot.
        shared: how many instructions at the beginning depend on no input.

    Raises:
        ValueError: an operand does not stand before its instruction, or a slot does not exist.
    """
    codes: dict[Operation, int] = {}
    opcodes = [codes.setdefault(each.op, len(codes)) for each in instructions]
    starts = np.zeros(len(instructions) + 1, np.int64)
    np.cumsum([len(each.operands) for each in instructions], out=starts[1:])
    first = len(constants) + len(parameters) + len(inputs)
    flat = np.fromiter((slot for each in instructions for slot in each.operands), np.int32, int(starts[-1]))
    own = np.repeat(np.arange(len(instructions), dtype=np.int64) + first, np.diff(starts))
    if flat.size and not (flat.min() >= 0 and (flat < own).all()):
        bad = int(own[int(np.argmax((flat < 0) | (flat >= own)))])
        raise ValueError(f"the instruction of slot {bad} takes an operand that does not stand before it")
    slots = first + len(instructions)
    for slot in (*outputs, *(slot for guard in guards for slot in (guard.left, guard.right))):
        if not 0 <= slot < slots:
            raise ValueError(f"there is no slot {slot} among {slots}")
    return Program(
        np.array(constants, np.float64),
        tuple(parameters),
        tuple(inputs),
        tuple(codes),
        np.array(opcodes, np.int32),
        starts,
        flat,
        np.array(outputs, np.int32),
        tuple(guards),
        dict(labels or {}),
        shared,
    )
