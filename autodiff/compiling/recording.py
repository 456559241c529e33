"""Recording one call of a Python function as a program, with a guard for every branch that it took.

The function runs as it is, on ``Value``s, while a recorder looks on: a comparison becomes a guard, and what would
freeze a number without a trace is an error that names the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, ContextVar
from dataclasses import replace
from math import inf
from typing import Any, NamedTuple, TypeVar

from autodiff import trees
from autodiff.backward import topological_order
from autodiff.compiling.branchless import Branchless
from autodiff.hooks import Observer, observed_by, tell
from autodiff.number_like import TEXT
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.program.program import Guard, Program
from autodiff.rules import DETACHED, SELECT, where
from autodiff.value import Value, constant

E = TypeVar("E", bound=TypeError)
T = TypeVar("T")

WAYS_OUT = (
    "use autodiff's functions in place of math's, detach() for a number that no gradient flows to, maximum, where or "
    "softmax in place of a choice, select for a row at an index; or pass the number in as an input, or, if there are "
    "few of them, by keyword as a static option"
)


class FrozenNumberError(TypeError):
    """A compiled function asked for a number that will be another one in the next call."""


class Recording(NamedTuple):
    """What one call of a function did."""

    program: Program
    result: Any
    """What the function returned, with the number of an output in place of each ``Value`` or number."""
    is_scalar: bool
    """Whether it returned one ``Value``, which has a gradient."""
    parameters: list[Value]
    """The leaves that the program reads, in the order of its slots."""
    needs_finite_parameters: bool
    """Whether the program is right only where all parameters are finite: see :class:`Branchless`."""


def record(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    inputs: Sequence[Value],
    parameters: Sequence[Value],
) -> Recording:
    """The program of one call.

    Args:
        function: returns a number, a ``Value``, or a structure of them.
        arguments: what it is called with, made of the inputs.
        options: its keyword arguments.
        inputs: the nodes in the arguments, in the order of the program's inputs.
        parameters: those that are known; others that the function uses come after them, as they are met.

    Raises:
        FrozenNumberError: the function reads a number that is not the same in every call, even if it catches this; or
            uses a node that was computed outside of it.
        TypeError: it returns something else, or changes gradients.
    """
    recorder = Recorder(inputs)
    before = current.get()
    try:
        current.set(recorder)
        with observed_by(recorder):
            result = function(*arguments, **options)
    finally:
        current.set(before)  # this, other than reset(), is right wherever an interrupt has come
    if recorder.refusal is not None:
        raise recorder.refusal
    fresh = [leaf for leaf in recorder.fresh if leaf.op is VARIABLE]
    try:
        for leaf in fresh:  # one that the function keeps is a variable again in its next call, which tells
            leaf.op = CONSTANT
        return _laid_flat(result, recorder, inputs, parameters)
    finally:
        for leaf in fresh:
            leaf.op = VARIABLE


Comparison = tuple[str, Value, Value, bool]
"""Made while a function was recorded: the sign, both sides, and whether it holds."""


class Recorder(Observer):
    """Notes comparisons and leaves that are made, and refuses what would freeze a number without a trace."""

    def __init__(self, inputs: Sequence[Value]) -> None:
        self.comparisons: list[Comparison] = []
        self.fresh: set[Value] = set()
        """Leaves that were made inside: constants of the program."""
        self.computed: set[Value] = set()
        """The nodes that were computed inside, by this thread."""
        self.refusal: TypeError | None = None
        """The first refusal. It holds even if the function caught it, since the function then went another way."""
        self._numbers: dict[str, Value] = {}
        self._inputs = set(inputs)
        self._fixed: set[Value] = set()
        self._varying: set[Value] = set()
        self.branchless = Branchless(self.is_fixed, self.is_parameter)
        self.hidden: set[Value] = set()
        """The nodes of derivatives on branches that are not taken, those of choosing among them, and sums of these."""
        self._choices: set[Value] = set()
        """Those among them, and among what they gave, that choose a branch."""
        self._hides = False

    def is_fixed(self, node: Value) -> bool:
        """Whether the node depends on nothing that comes from outside."""
        stack, seen = [node], {node}
        while stack:
            each = stack.pop()
            if each in self._varying or (each.op is VARIABLE and each not in self.fresh):
                self._varying.add(node)
                return False
            new = [parent for parent in each.parents if parent not in seen and parent not in self._fixed]
            seen.update(new)
            stack += new
        self._fixed |= seen
        return True

    def is_parameter(self, node: Value) -> bool:
        """Whether it is a leaf from outside, and no input."""
        return node.op is VARIABLE and node not in self.fresh and node not in self._inputs

    def refuse(self, refusal: E) -> E:
        """Note a refusal, for whoever raises it."""
        self.refusal = self.refusal or refusal
        return refusal

    def recorded(self, node: Value) -> None:
        self.computed.add(node)
        if self._hides and node.op is where:
            self._choices.add(node)
        if self._hides or self._is_hidden(node):
            self.hidden.add(node)

    def given(self, leaf: Value) -> None:
        self.fresh.add(leaf)

    def compared(self, sign: str, left: Value, right: Any, holds: bool) -> None:
        if not isinstance(right, Value):
            try:
                number = constant(right)
            except OverflowError:  # an integer beyond every float
                number = constant(inf if right > 0 else -inf)
            right = self._numbers.setdefault(repr(number.number), number)
        self.comparisons.append((sign, left, right, holds))

    def read(self, node: Value, how: str) -> None:
        if self.is_fixed(node):
            return
        look = (
            "; in a text that decides nothing, printed or in the message of an error that the function itself catches, "
            "write the number's repr(), as in f'{x!r}'"
            if how == TEXT
            else ""
        )
        refusal = self.refuse(
            FrozenNumberError(f"{how} inside a compiled function would freeze a number: {WAYS_OUT}{look}")
        )
        if how != TEXT:  # which may belong to an error that the function raises
            raise refusal

    def changes(self, leaf: Value) -> None:
        raise self.refuse(
            TypeError("a compiled function cannot set the data of a Value: change parameters between its calls")
        )

    def begins(self, root: Value, seed: float) -> None:
        raise self.refuse(
            TypeError(
                "backward() inside a compiled function would change gradients only once: call the compiled function's "
                "own backward(), or use grad() inside, whose result is graph"
            )
        )

    def detached(self, node: Value) -> Value | None:
        if node.op is CONSTANT:
            return None
        return Context().run(self._alone, lambda: DETACHED(node))  # to others, it is a constant

    def contributions(self, out: Value, upstream: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        """The contributions, on all branches: to other observers, those that are not taken would look like faults."""
        found = Context().run(self._hidden, out, upstream, wanted)
        for each in () if out in self.hidden else found:
            if each in self.hidden:
                self.hidden.discard(each)
                tell("recorded", each)
        return found

    def _hidden(self, out: Value, upstream: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        self._hides = True
        try:
            return self._alone(self.branchless.contributions, out, upstream, wanted)
        finally:
            self._hides = False

    def _alone(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function gives while the recorder alone looks on."""
        with observed_by(self):
            return function(*arguments)

    def _is_hidden(self, node: Value) -> bool:
        return not self.hidden.isdisjoint(node.parents)

    def visible(self, order: list[Value]) -> list[Value]:
        # Observers that were there before the recorder are told of a node before it is.
        told = [node for node in order if node in self.computed or not self._is_hidden(node)]
        used: set[Value] = set()
        reached, stack = {order[-1]}, [order[-1]]
        while stack:
            node = stack.pop()
            parents = self._chosen_parents(node)
            if node not in self.hidden:
                used.update(parents)
            stack += [parent for parent in parents if parent not in reached]
            reached.update(parents)
        found = [node for node in told if node in reached and node not in self.hidden]
        return [node for node in found if node.op is not CONSTANT or node in used]

    def _chosen_parents(self, node: Value) -> Sequence[Value]:
        """Those that the eager engine would have, which makes no node of a choice, and none of what it detaches."""
        if node.op is SELECT:
            return (node.parents[1 + int(node.parents[0].number)],)
        if node in self._choices:
            condition, if_true, if_false = node.parents
            return (if_true if condition.number else if_false,)
        return () if node.op is DETACHED else node.parents

    def differentiated(self, root: Value, gradients: Sequence[Any]) -> None:
        self.branchless.done()
        self.hidden.difference_update(gradients)


current: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
"""The recorder of this thread, if a function is being recorded."""


def is_recording() -> bool:
    """Whether a function is being recorded by this thread."""
    return current.get() is not None


def refuse_inside(name: str) -> None:
    """Inside another compiled function, a function is its graph; its numbers would be frozen.

    Raises:
        FrozenNumberError: a function is being recorded.
    """
    recorder = current.get()
    if recorder is not None:
        raise recorder.refuse(
            FrozenNumberError(
                f"the numbers of {name} inside a compiled function would be frozen, and its gradients be taken only "
                f"once: call {name} itself there, or use grad() of it, whose results are graph"
            )
        )


def _laid_flat(result: Any, recorder: Recorder, inputs: Sequence[Value], parameters: Sequence[Value]) -> Recording:
    comparisons = recorder.comparisons
    roots = [_output(leaf) for leaf in trees.leaves(result)]
    outputs = trees.with_leaves(result, iter(range(len(roots))))
    known = {*inputs, *parameters}
    order = topological_order(*roots, *(side for each in comparisons for side in each[1:3]))
    met = [node for node in order if node.op is VARIABLE and node not in known]
    everything = [*parameters, *met]
    variable = known.union(met)
    for node in order:
        if not variable.isdisjoint(node.parents):
            variable.add(node)
            if node not in recorder.computed:
                raise FrozenNumberError(
                    f"{node!r:.80} was computed outside of the compiled function, or by another thread, and depends on "
                    "a leaf that may change: compute it inside, in the function's own thread; or detach() it before"
                )
    guarded = [each for each in comparisons if each[1] in variable or each[2] in variable]
    compared = [side for each in guarded for side in each[1:3]]
    program, slots = Program.from_graph(*roots, *compared, inputs=inputs, parameters=everything)
    guards = dict.fromkeys(Guard(sign, slots[left], slots[right], holds) for sign, left, right, holds in guarded)
    program = replace(program, outputs=program.outputs[: len(roots)], guards=tuple(guards))
    for op, operands in program:
        if op is SELECT and not program.first_input <= operands[0] < program.first_result:
            raise TypeError(
                f"the index of select must be an input of the compiled function, not a number that it computes "
                f"({program.name(operands[0])}): compute it before, and pass it in"
            )
    needs_finite = recorder.branchless.parameters_are_finite
    return Recording(program, outputs, isinstance(result, Value), everything, needs_finite)


def _output(leaf: Any) -> Value:
    try:
        return leaf if isinstance(leaf, Value) else constant(leaf)
    except TypeError:
        raise TypeError(
            f"a compiled function must return a number or Value, or lists, tuples, dicts or arrays of them; "
            f"not {type(leaf).__name__} {leaf!r:.60}"
        ) from None
