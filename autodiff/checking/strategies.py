"""Hypothesis strategies: graphs with shared inner nodes, expressions, points and operations.

A graph is drawn as a *mixed tape*: a list of operations, each on one of the two newest nodes and on any node. So inner
nodes are shared, which a recursively drawn tree never has, and without which no error of order or accumulation shows.
Instructions that are invalid at the point take other operands; where none fit they are dropped, not assumed away; then
dead code is pruned.

Importing this module needs hypothesis: ``pip install hypothesis``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

try:
    import hypothesis
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("hypothesis is not installed: pip install hypothesis") from error

from autodiff.checking.function_under_test import UncheckableFunctionError, number
from autodiff.checking.gradients import check_gradients, warm_up
from autodiff.checking.graphs import Graph, recorded
from autodiff.operations import REALS, Operation
from autodiff.registry import BUILT_IN, OPERATIONS, lookup
from autodiff.value import Value

Operands = list[int | float]

SMOOTH_DISTANCE = 0.05
"""How far from a kink the operands of a tame graph stay."""
LARGEST = 1e3
"""The largest number in a tame graph."""
CHOICES = 16
"""In how many ways an instruction can take its operands, apart from their places."""
TRUNK = (
    "add", "subtract", "multiply", "divide", "power", "exp", "log", "tanh", "relu", "absolute", "sin", "sqrt",
    "maximum", "relu", "tanh",
)  # fmt: skip
"""The operations of graphs, unless others are asked for; those with two regimes twice, so that both are met."""


def operations(*, arity: int | None = None, kinks: bool = True) -> st.SearchStrategy[Operation]:
    """Built-in operations of the table, and those that you declared yourself before.

    Args:
        arity: only those of that many operands.
        kinks: also those that are not differentiable somewhere.
    """
    rows = [row for row in OPERATIONS.values() if row.name in BUILT_IN or row.arity is not None]
    chosen = [row for row in rows if (arity is None or row.arity == arity) and (kinks or not row.kinks)]
    if not chosen:
        raise ValueError(f"there is no operation of arity {arity}")
    return st.sampled_from(chosen)


def points(
    size: int = 1, *, min_value: float = -10.0, max_value: float = 10.0, wild: bool = False
) -> st.SearchStrategy[tuple[float, ...]]:
    """Points to take a function at: tuples of small round numbers or any floats in the range.

    Args:
        size: how many numbers.
        min_value: the least number.
        max_value: the greatest number.
        wild: draw magnitudes from 1e-8 to 1e4 instead, of either sign.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    return st.tuples(*[_numbers(min_value, max_value, wild)] * size)


def _numbers(min_value: float, max_value: float, wild: bool) -> st.SearchStrategy[float]:
    if not min_value <= max_value:
        raise ValueError(f"min_value must not be greater than max_value, but {min_value} > {max_value}")
    if wild:
        magnitude = st.floats(-8.0, 4.0, allow_subnormal=False).map(lambda power: 10.0**power)
        return st.builds(lambda size, sign: sign * size, magnitude, st.sampled_from([1.0, -1.0]))
    simple = [x for x in (1.0, 2.0, -1.0, 0.5, -2.0, 3.0, 1.5, -0.5) if min_value <= x <= max_value]
    floats = st.floats(min_value, max_value, allow_subnormal=False)
    return st.one_of(st.sampled_from(simple), floats) if simple else floats


def graphs(
    *,
    operations: Iterable[str | Operation] | None = TRUNK,
    min_size: int = 1,
    max_size: int = 32,
    max_inputs: int = 3,
    wild: bool = False,
) -> st.SearchStrategy[Graph]:
    """Graphs with a point to take them at, inner nodes shared; see :class:`autodiff.checking.Graph`.

    Args:
        operations: names or rows of the operations to use; None for all rows of the table with a number of operands.
        min_size: the least number of operations drawn; fewer can remain, since invalid and dead ones are dropped.
        max_size: the greatest number of operations.
        max_inputs: the greatest number of inputs.
        wild: numbers of any magnitude and operations anywhere in their domain; else numbers up to 10, and operations
            away from their kinks and the edges of their domains.
    """
    if operations is None:
        operations = [row for row in OPERATIONS.values() if row.name in BUILT_IN and row.arity]
    rows = tuple(lookup(row) if isinstance(row, str) else row for row in operations)
    if not rows or any(row.arity is None for row in rows):
        raise ValueError("graphs need at least one operation, and none of a variable number of operands")
    if not 1 <= min_size <= max_size:
        raise ValueError(f"1 <= min_size <= max_size is needed, not {min_size} and {max_size}")
    if max_inputs < 1:
        raise ValueError(f"max_inputs must be at least 1, not {max_inputs}")
    number = _numbers(-10.0, 10.0, wild)
    # Unique, since of other lists hypothesis makes three examples in four by copying one part over another, and half of
    # those are the same graph again.
    instruction = st.tuples(st.sampled_from(rows), st.integers(0, CHOICES * (max_size + max_inputs) - 1))
    least = [max(min_size, max_size * part // 4) for part in range(4)]  # a list is mostly not much longer than it must
    tape = st.one_of([st.lists(instruction, min_size=size, max_size=max_size, unique=True) for size in least])
    inputs = st.lists(number, min_size=1, max_size=max_inputs, unique=True)

    @st.composite
    def graph(draw: st.DrawFn) -> Graph:  # of st.builds() hypothesis would show the call, not the graph
        return assemble(draw(inputs), draw(tape), wild)

    return graph()


class Expression:
    """A drawn function of a given number of ``Value``s or floats, to be taken at any point; it prints as its graph."""

    def __init__(self, graph: Graph, arity: int) -> None:
        self.graph, self.arity = graph, arity

    def __call__(self, *numbers: Any) -> Any:
        if len(numbers) != self.arity:
            raise TypeError(f"this expression takes {self.arity} numbers, but {len(numbers)} were given: see arity=")
        return self.graph(*numbers[: len(self.graph.inputs)])

    def __repr__(self) -> str:
        return repr(self.graph)


def expressions(*, arity: int | None = None, **options: Any) -> st.SearchStrategy[Expression]:
    """Functions of that many ``Value``s or floats, to be taken at any point of :func:`points`.

    Args:
        arity: how many numbers they take, one by default; an expression may depend on fewer.
        **options: as of :func:`graphs`; ``max_inputs`` is another word for the arity.
    """
    alike = options.pop("max_inputs", 1)
    arity = alike if arity is None else arity
    if arity < 1:
        raise ValueError(f"arity must be at least 1, not {arity}")
    return graphs(max_inputs=arity, **options).map(lambda graph: Expression(graph, arity))


def arrays(
    shape: int | tuple[int, ...] | st.SearchStrategy[tuple[int, ...]],
    dtype: Any = np.float64,
    *,
    min_value: float = -10.0,
    max_value: float = 10.0,
    wild: bool = False,
) -> st.SearchStrategy[Any]:
    """NumPy arrays to take a function of tensors at, of numbers as :func:`points` draws them.

    Args:
        shape: of the arrays, or a strategy that draws it.
        dtype: of the arrays.
        min_value: the least number.
        max_value: the greatest number.
        wild: draw magnitudes from 1e-8 to 1e4 instead, of either sign.
    """
    if isinstance(shape, st.SearchStrategy):
        return shape.flatmap(lambda each: arrays(each, dtype, min_value=min_value, max_value=max_value, wild=wild))
    whole = (shape,) if isinstance(shape, int) else tuple(shape)
    size = math.prod(whole)
    numbers = st.lists(_numbers(min_value, max_value, wild), min_size=size, max_size=size)
    return numbers.map(lambda drawn: np.array(drawn, dtype=dtype).reshape(whole))


def gradients_match(f: Callable[..., Any], strategy: st.SearchStrategy[Any], **options: Any) -> Callable[[], None]:
    """A property test in one line: the gradients of a function are right at every point that is drawn.

    Points outside of the function's domain are passed over.

    Args:
        f: as of :func:`~autodiff.checking.check_gradients`.
        strategy: draws its inputs; a tuple holds all arguments.
        **options: of ``check_gradients``: ``order``, ``gradient``, ``vjp``, …

    >>> test_tanh = gradients_match(lambda x, y: (x * y).tanh(), points(2))
    >>> test_tanh()
    """
    warm_up()

    @hypothesis.given(strategy)
    def test(inputs: Any) -> None:
        __tracebackhide__ = True
        try:
            check_gradients(f, inputs, **options)
        except UncheckableFunctionError as error:
            if error.reason != "not finite":
                raise
            hypothesis.event("gradients: outside of the domain")

    return test


def assemble(inputs: Sequence[float], tape: Iterable[tuple[Operation, int]], wild: bool) -> Graph:
    """The graph of a drawn tape at the inputs; what its result does not depend on is left out.

    The number beside an operation says what its operands are: one of the two newest slots, and a slot that nothing uses
    yet, any slot, or a constant, in this order or turned. If it may be wild, whatever gives a finite number is taken.
    """
    nodes = [*map(Value, inputs)]
    used: set[int] = set()
    for row, choice in tape:
        place, way = divmod(choice, CHOICES)
        age, turned, among = way % 2, way // 2 % 2, way // 4
        operands: Operands = [max(0, len(nodes) - 1 - age)]
        for _ in range((row.arity or 1) - 1):
            loose = [slot for slot in range(len(nodes)) if among and slot not in used and slot not in operands]
            loose = loose or list(range(len(nodes)))
            operands.append(inputs[place % len(inputs)] if turned and among == 3 else loose[place % len(loose)])
        if turned:
            operands.reverse()
        elsewhere: list[Operands] = [[slot, *operands[1:]] for slot in reversed(range(len(nodes)))]
        for tried in (operands, operands[::-1], *elsewhere):
            slots = [at for at in tried if type(at) is int]
            taken = [nodes[at] if type(at) is int else at for at in tried]
            numbers = [*map(number, taken)]
            result = row(*numbers)
            same = len(slots) == len(tried) > len({*slots})
            if math.isfinite(result) and (wild or (abs(result) <= LARGEST and is_tame(row, numbers, same))):
                nodes.append(row(*taken))
                used.update(slots)
                break
    return recorded(nodes[-1] if len(nodes) > len(inputs) else +nodes[-1], nodes[: len(inputs)])


def is_tame(row: Operation, numbers: Sequence[float], same: bool = False) -> bool:
    """Whether the operands lie within the row's domain, and away from its kinks; a tie with itself is none."""
    for place, (x, interval) in enumerate(zip(numbers, row.domain)):
        if row.name == "divide" and place == 1:
            x = abs(x)
        least = -interval.high if interval == REALS else interval.low + SMOOTH_DISTANCE
        if not least <= x <= interval.high:
            return False
    if row.kinks:
        choice = row.name in ("maximum", "minimum")
        gap = abs(numbers[0] - numbers[1]) if choice else abs(numbers[0])
        return gap >= SMOOTH_DISTANCE or (choice and same)
    return True


def draw_graphs(seed: int, count: int, **options: Any) -> list[Graph]:
    """Graphs of :func:`graphs`: for the same seed, the same program draws the same ones.

    Hypothesis also draws numbers that it finds in the source of the modules loaded.

    Args:
        seed: of the drawing.
        count: how many graphs.
        **options: as of :func:`graphs`.
    """
    drawn: list[Graph] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(graphs(**options))
    def collect(graph: Graph) -> None:
        drawn.append(graph)

    collect()
    return drawn[:count]
