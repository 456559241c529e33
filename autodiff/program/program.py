"""``Program``: the flat form of a recorded graph, instructions over slots, as plain index arrays.

A slot holds one number. First come the slots of constants, then those of parameters, then those of inputs, then one for
the result of each instruction, so that an instruction's operands always stand before its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff import backward
from autodiff.operations import CONSTANT, VARIABLE, Operation
from autodiff.program.writers import PYTHON, Target, Text
from autodiff.provided import provided
from autodiff.registry import BUILT_IN, OPERATIONS, flows
from autodiff.rules import dot, norm, total
from autodiff.value import Value, node

if TYPE_CHECKING:
    from autodiff.program.exporting.c_source import CSource
    from autodiff.program.exporting.exported import Exported

OUTPUTS = Operation("outputs")
"""In a picture, what several outputs lead to."""
FEW = 4
"""The most names that are listed in full; of more, the first two and the last one are."""


class Instruction(NamedTuple):
    """An operation and the slots of its operands; its place among the instructions says where its result goes."""

    op: Operation
    operands: tuple[int, ...]


class Guard(NamedTuple):
    """A branch that was taken when the function was traced: the program is right only where it is taken again.

    The comparison, such as ``<=``, of the numbers in two slots was true, or was not.
    """

    comparison: str
    left: int
    right: int
    holds: bool

    def with_slots(self, moved: Mapping[int, int] | NDArray[np.int64]) -> Guard:
        """The guard of a program whose slots have these other numbers."""
        return self._replace(left=int(moved[self.left]), right=int(moved[self.right]))


@dataclass(frozen=True, eq=False)
class Program:
    """Instructions over slots; :func:`assemble` and :meth:`Program.from_graph` make one.

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
    """How many instructions, the first ones, depend on no input and are run once for all observations."""

    @staticmethod
    def from_graph(
        *roots: Value,
        inputs: Sequence[Value] = (),
        parameters: Sequence[Value] | None = None,
        freeze: bool = False,
    ) -> tuple[Program, dict[Value, int]]:
        """The program of a recorded graph, one slot for each node, and the slot of each node.

        The instructions stand in topological order, so that the backward pass of the program, from its last instruction
        to its first, takes the edges in the order of the eager one. Nothing is merged or left out.

        Args:
            *roots: the results; the first one is output 0.
            inputs: the leaves that are inputs.
            parameters: the leaves that are parameters, in the order of their slots; by default all other variables, in
                topological order.
            freeze: leaves that are neither inputs nor parameters become constants.

        Raises:
            ValueError: a leaf of the graph is neither an input nor a parameter, or one of these is no leaf.

        >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
        >>> program, slots = Program.from_graph(w * x + 1, inputs=[x])
        >>> print(program)
        parameters  w
        inputs      x
          v3 = w * x
          v4 = v3 + 1.0
        outputs     v4
        >>> slots[w], slots[x]
        (1, 2)
        """
        order = backward.topological_order(*roots)
        computed = [node for node in (*inputs, *(parameters or ())) if node.parents]
        if computed:
            what = ", ".join(backward.names(computed).values())
            raise ValueError(f"inputs and parameters are leaves, and these are computed from others: {what}")
        given = {*inputs, *(parameters or ())}
        others = [node for node in order if node.op is VARIABLE and node not in given]
        if parameters is None and not freeze:
            parameters, others = others, []
        if others and not freeze:
            name = backward.names(order)
            what = ", ".join(name[node] for node in others)
            raise ValueError(f"these leaves of the graph are neither inputs nor parameters: {what}")
        frozen = {*others}
        constants = [node for node in order if (node.op is CONSTANT and node not in given) or node in frozen]
        parameters = parameters or ()
        results = [node for node in order if node.parents]
        slots = {node: slot for slot, node in enumerate([*constants, *parameters, *inputs, *results])}
        program = assemble(
            [node.number for node in constants],
            [node.label or f"v{slots[node]}" for node in parameters],
            [node.label or f"v{slots[node]}" for node in inputs],
            [Instruction(node.op, tuple([slots[parent] for parent in node.parents])) for node in results],
            [slots[root] for root in roots],
            labels={slots[node]: node.label for node in results if node.label},
        )
        return program, slots

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
        for code, operands in self._codes():
            yield Instruction(self.operations[code], tuple(operands))

    @cached_property
    def instructions(self) -> tuple[Instruction, ...]:
        """The same, kept for a program that is run again and again."""
        return (*self,)

    def _codes(self) -> Iterator[tuple[int, list[int]]]:
        """Each instruction's operation, as its place in ``operations``, and operands."""
        operands, starts = self.operands.tolist(), self.starts.tolist()
        for code, start, end in zip(self.opcodes.tolist(), starts, starts[1:]):
            yield code, operands[start:end]

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
        return self._reached(on, {})

    def active(self, wrt: Sequence[int]) -> NDArray[np.bool_]:
        """(slots,): through which slots a gradient can flow to one of those given, themselves included."""
        places = [{at for at in range(op.arity or 0) if not flows(op, at)} for op in self.operations]
        return self._reached(wrt, {code: each for code, each in enumerate(places) if each})

    def _reached(self, origins: Sequence[int], closed: Mapping[int, set[int]]) -> NDArray[np.bool_]:
        """Which slots are reached, not through operands at the closed places of each operation."""
        reached = [False] * self.slots
        for slot in origins:
            reached[slot] = True
        for slot, (code, operands) in enumerate(self._codes(), self.first_result):
            if code in closed:
                operands = [each for at, each in enumerate(operands) if at not in closed[code]]
            if any(map(reached.__getitem__, operands)):
                reached[slot] = True
        return np.array(reached, bool)

    def needed(self) -> list[bool]:
        """For each slot, whether an output or a guard depends on it."""
        needed = [False] * self.slots
        for slot in (*self.outputs.tolist(), *(slot for each in self.guards for slot in (each.left, each.right))):
            needed[slot] = True
        operands, starts, first = self.operands.tolist(), self.starts.tolist(), self.first_result
        for place in reversed(range(len(self))):
            if needed[first + place]:
                for slot in operands[starts[place] : starts[place + 1]]:
                    needed[slot] = True
        return needed

    def without_unused(self) -> Program:
        """The program without whatever no output and no guard depends on, unused parameters and inputs included.

        >>> from autodiff import lookup
        >>> program = assemble([], ["w"], ["x", "y"], [Instruction(lookup("exp"), (at,)) for at in range(3)], [4])
        >>> program.without_unused().inputs
        ('x',)
        """
        kept = [slot for slot, needed in enumerate(self.needed()) if needed]
        if len(kept) == self.slots:
            return self
        moved = dict(zip(kept, range(len(kept))))

        def used(things: Iterable[Any], first: int) -> list[Any]:
            return [thing for slot, thing in enumerate(things, first) if slot in moved]

        return assemble(
            used(self.constants.tolist(), 0),
            used(self.parameters, self.first_parameter),
            used(self.inputs, self.first_input),
            [Instruction(op, tuple([moved[each] for each in slots])) for op, slots in used(self, self.first_result)],
            [moved[slot] for slot in self.outputs.tolist()],
            [guard.with_slots(moved) for guard in self.guards],
            {moved[slot]: label for slot, label in self.labels.items() if slot in moved},
            len(used(range(self.shared), self.first_result)),
        )

    def run(self, numbers: Sequence[Any]) -> list[Any]:
        """The number in every slot, by calls of the rows.

        One is given for each parameter and each input: floats, ``Value``s, or others that rows can be applied to.

        Raises:
            ValueError: there are too few or too many.

        >>> from autodiff import lookup
        >>> program = assemble([1.0], [], ["x"], [Instruction(lookup("add"), (1, 0))], [2])
        >>> program.run([2.0])
        [1.0, 2.0, 3.0]
        """
        slots = [*self.constants.tolist(), *numbers]
        if len(slots) != self.first_result:
            takes = self.first_result - self.first_parameter
            raise ValueError(f"the program takes {takes} numbers, its parameters and inputs, not {len(numbers)}")
        for op, operands in self.instructions:
            slots.append(op(*[slots[operand] for operand in operands]))
        return slots

    def to_graph(self, numbers: Sequence[float] | None = None) -> list[Value]:
        """A node for every slot, which holds that number, by default nan but for constants; nothing is computed.

        >>> w = Value(2.0, label="w")
        >>> [*map(str, Program.from_graph(w * 3)[0].to_graph())]
        ['3.0', 'nan', 'nan']
        """
        if numbers is None:
            numbers = [*self.constants.tolist(), *[math.nan] * (self.slots - self.first_parameter)]
        nodes = [node(CONSTANT, number, ()) for number in numbers[: self.first_parameter]]
        for slot in range(self.first_parameter, self.first_result):
            nodes.append(node(VARIABLE, numbers[slot], (), label=self.name(slot)))
        for slot, (op, operands) in enumerate(self, self.first_result):
            parents = tuple([nodes[operand] for operand in operands])
            nodes.append(node(op, numbers[slot], parents, label=self.name(slot)))
        return nodes

    def to_picture(self) -> Value:
        """The graph without numbers, as one node to be drawn; several outputs lead to one more."""
        nodes = self.to_graph()
        outputs = tuple([nodes[slot] for slot in self.outputs])
        return outputs[0] if len(outputs) == 1 else node(OUTPUTS, math.nan, outputs, label="outputs")

    def code(self, function_name: str = "f", imported: Iterable[str] = ()) -> str:
        """Python source of the function of its parameters and inputs that gives its outputs.

        It imports from ``autodiff`` what it uses, and these names as well.

        >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
        >>> print(Program.from_graph((w * x).tanh())[0].code())
        from autodiff import tanh
        <BLANKLINE>
        def f(w, x):
            v2 = w * x
            v3 = tanh(v2)
            return v3
        """
        used = {*imported}

        def function_of(kind: str, arity: int) -> str:
            has_function = kind in OPERATIONS and kind in BUILT_IN
            used.add(kind if has_function else "lookup")
            return kind if has_function else f"lookup({kind!r})"

        target = replace(PYTHON, function=function_of)
        lines = [
            f"    {self.name(slot)} = {self._written(each, target, len(self.operands))}"
            for slot, each in enumerate(self, self.first_result)
        ]
        lines.append(f"    return {', '.join([self.name(slot) for slot in self.outputs])}")
        head = [f"from autodiff import {', '.join(sorted(used))}", ""] if used else []
        if not np.isfinite(self.constants).all():
            head.insert(0, "from math import inf, nan")
        return "\n".join([*head, f"def {function_name}({', '.join([*self.parameters, *self.inputs])}):", *lines])

    # ── Taken along ──────────────────────────────────────────────────────────────────────────────

    def to_python(self, name: str = "f", parameters: Sequence[float] | None = None) -> str:
        """Python source of value and gradient, which needs nothing but NumPy.

        It defines ``value(parameters, inputs)`` and ``value_and_gradient(parameters, inputs)``. The latter gives the
        value, and a tuple of its gradients by the parameters and by the inputs. The parameters have the shape
        (parameters,). The inputs of one observation have the shape (inputs,); axes in front of that are observations,
        in results, too. Of a program with several outputs the value is (outputs,), and the gradient is that of their
        sum with weights (outputs,), the last argument. Where a guard does not hold, every number is nan.

        What ``to_c`` says of names, sizes and operations is true here, too.

        Args:
            name: of the function, for the documentation in the source.
            parameters: (parameters,) numbers that are written as ``PARAMETERS``; None to leave them out.

        Raises:
            UnwritableError: an operation of the user's own only runs on floats.
            TooLargeError: there are more than 50,000 operands in all instructions.
            ValueError: there is no output, or the numbers are not as many as the parameters.

        >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
        >>> source = Program.from_graph((w * x).tanh(), inputs=[x])[0].to_python()
        >>> print(source[source.index("        w = "):source.index("        result")])
                w = parameters[0]
                x = inputs[..., 0]
                v2 = w * x
                v3 = np.tanh(v2)
        <BLANKLINE>
        """
        from autodiff.program.exporting.numpy_source import numpy_source

        return numpy_source(self._exported(name, parameters))

    def to_c(self, name: str = "f", parameters: Sequence[float] | None = None) -> CSource:
        """One C99 file of value and gradient: no allocation, no state, nothing but ``math.h``.

        It defines ``int f_value(parameters, inputs, values)`` and ``int f_value_and_gradient(parameters, inputs,
        values, gradient_parameters, gradient_inputs)``, which take arrays of ``double`` and return 0; or 1, with NAN
        for every number, where a guard does not hold. With several outputs, the latter takes their weights after the
        inputs. Every operation is computed as the eager engine does it, so that numbers are the same as far as the C
        library agrees with Python's. Names of users become identifiers of ASCII letters, never code. The same program
        gives the same bytes.

        Args:
            name: of the function; an identifier is made of it.
            parameters: (parameters,) numbers that are written as the array ``f_parameters``; None to leave them out.

        Returns:
            The text of the file; its ``header`` is the part that other files include.

        Raises:
            UnwritableError, TooLargeError, ValueError: as of :meth:`to_python`.

        >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
        >>> source = Program.from_graph((w * x).tanh(), inputs=[x])[0].to_c("squash")
        >>> body = source[source.index("const double w"):]
        >>> print(body[:body.index("    values")])
        const double w = parameters[0];
            const double x = inputs[0];
            double v2 = w * x;
            double v3 = tanh(v2);
        <BLANKLINE>
        """
        from autodiff.program.exporting.c_source import c_source

        return c_source(self._exported(name, parameters))

    def to_javascript(self, name: str = "f", parameters: Sequence[float] | None = None) -> str:
        """An ES module for browsers and Node, without imports.

        It exports ``value(parameters, inputs)`` and ``valueAndGradient(parameters, inputs)``, which gives an object of
        ``value``, ``parameters`` and ``inputs``: the value, and its gradients as arrays; and ``parameters`` and
        ``parameterNames``. Where a guard does not hold, every number is NaN. With several outputs, the latter takes
        their weights as its last argument.

        Args:
            name: of the function, for a comment.
            parameters: (parameters,) numbers that are exported; None for ``null``.

        Raises:
            UnwritableError, TooLargeError, ValueError: as of :meth:`to_python`.

        >>> print(Program.from_graph(Value(2.0, label="w") * 3)[0].to_javascript().splitlines()[1])
        export const parameterNames = ["w"];
        """
        from autodiff.program.javascript import module

        return module(self._exported(name, parameters))

    def to_onnx(self, name: str = "f", parameters: Sequence[float] | None = None, dtype: str = "float64") -> Any:
        """The value as an ``onnx.ModelProto``, instruction by instruction; ``model.to_onnx()`` of ``nn`` keeps layers.

        Its input is ``inputs``, (observations, inputs), its output ``values``, (observations, outputs). Where a guard
        does not hold, they are nan. onnxruntime runs all that is written; but in float64 it lacks some functions, such
        as ``tan`` and ``erf``.

        Args:
            name: of the function, for errors.
            parameters: (parameters,) the numbers of the parameters.
            dtype: ``"float64"`` or ``"float32"``.

        Raises:
            ImportError: the package ``onnx`` is not installed.
            UnwritableError: ONNX has no operator for an operation, as for ``erfc`` and ``atan2``.
            TooLargeError, ValueError: as of :meth:`to_python`; a ValueError also if there are no numbers.
        """
        from autodiff.program.exporting.onnx_graph import onnx_model

        return onnx_model(self._exported(name, parameters), dtype)

    def to_jax(self) -> Callable[[Any, Any], Any]:
        """The program as a pure function of JAX, of ``(parameters, inputs)`` of one observation.

        It is for ``jit``, ``grad``, ``vmap`` and whatever JAX does with functions; its derivatives, of any order, are
        those of the table's rows. Where a guard does not hold, the result and its derivatives are nan.

        Returns:
            A function that gives a scalar, or of several outputs (outputs,).

        Raises:
            ImportError: JAX is not installed.
            UnwritableError: an operation of the user's own cannot be run on arrays of JAX.
        """
        return provided("jax")(self)  # type: ignore[no-any-return]

    def _exported(self, name: str, parameters: Sequence[float] | None) -> Exported:
        from autodiff.program.exporting.exported import Argument, Exported

        numbers = None if parameters is None else tuple(map(float, parameters))
        return Exported(name, (self,), (Argument("inputs", (len(self.inputs),)),), self.parameters, numbers)

    def __str__(self) -> str:
        lines = [
            f"parameters  {_listed(self.parameters)}",
            f"inputs      {_listed(self.inputs)}",
            *(
                f"  {self.name(slot)} = {self._written(each, PYTHON)}"
                for slot, each in enumerate(self, self.first_result)
            ),
            *(
                f"guard       {self.name(left)} {comparison} {self.name(right)} is {holds}"
                for comparison, left, right, holds in self.guards
            ),
            f"outputs     {_listed([*map(self.name, self.outputs)])}",
        ]
        return "\n".join(line.rstrip() for line in lines)

    def _written(self, instruction: Instruction, target: Target, few: int = FEW) -> str:
        op, operands = instruction
        texts = [
            target.number(float(self.constants[slot])) if slot < self.first_parameter else Text(self.name(slot))
            for slot in operands
        ]
        if op not in (dot, total, norm):  # Python's functions of that name take lists
            return target.apply(op.name, texts).text
        names = [text for text, _ in texts]
        lists = (names[: len(names) // 2], names[len(names) // 2 :]) if op is dot else (names,)
        return f"{target.function(op.name, 1)}({', '.join(f'[{_listed(each, few)}]' for each in lists)})"

    def __repr__(self) -> str:
        return (
            f"<program of {len(self)} instructions, {len(self.parameters)} parameters, {len(self.inputs)} inputs, "
            f"{len(self.outputs)} outputs>"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


def _listed(names: Sequence[str], few: int = FEW) -> str:
    """The names; of many, the first ones, the last one and how many they are."""
    if len(names) <= few:
        return ", ".join(names)
    return f"{', '.join(names[: few - 2])}, …, {names[-1]} ({len(names)})"


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
    """The program of these instructions; its other parts are described with the fields of :class:`Program`.

    Raises:
        ValueError: an operand does not stand before its instruction, or a slot does not exist.
    """
    codes: dict[Operation, int] = {}
    opcodes: list[int] = []
    flat: list[int] = []
    starts = [0]
    end = len(constants) + len(parameters) + len(inputs)
    for op, operands in instructions:
        if operands and not 0 <= min(operands) <= max(operands) < end:
            raise ValueError(f"the instruction of slot {end} takes an operand that does not stand before it")
        opcodes.append(codes.setdefault(op, len(codes)))
        flat += operands
        starts.append(len(flat))
        end += 1
    for slot in (*outputs, *(slot for guard in guards for slot in (guard.left, guard.right))):
        if not 0 <= slot < end:
            raise ValueError(f"there is no slot {slot} among {end}")
    return Program(
        np.array(constants, np.float64),
        tuple(parameters),
        tuple(inputs),
        tuple(codes),
        np.array(opcodes, np.int32),
        np.array(starts, np.int64),
        np.array(flat, np.int32),
        np.array(outputs, np.int32),
        tuple(guards),
        dict(labels or {}),
        shared,
    )
