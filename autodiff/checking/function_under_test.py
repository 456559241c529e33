"""The function under test at a point: called with fresh nodes each time, and found out where it cannot be checked."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from typing import Any

from autodiff.backward import topological_order
from autodiff.checking.graphs import Graph, recorded
from autodiff.checking.noise import recorded_noise
from autodiff.derivatives import grad
from autodiff.ieee import as_float
from autodiff.trees import leaves, named_leaves, parts, with_leaves
from autodiff.value import Value

FRAMEWORKS = {"torch", "jax", "autograd", "tensorflow"}
"""Packages that have derivatives of their own."""
LISTED = 6
"""How many inputs a message lists."""
FIRST = 16
"""How many things of a list are looked at."""


class UncheckableFunctionError(ValueError):
    """The function cannot be checked at this point.

    Attributes:
        reason: "not deterministic", "returns no Value", "mutates its inputs", "not finite", "ignores an input",
            "belongs to another framework"; of plain functions "returns no numbers", "needs no gradient",
            "keeps another point" or "not vectorized".
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def in_domain(f: Callable[[float], float]) -> Callable[[float], float]:
    """The function, but nan where it raises, outside of its domain."""

    def at(x: float) -> float:
        try:
            y = f(x)
            return math.nan if isinstance(y, complex) else y
        except UncheckableFunctionError:
            raise
        except (ArithmeticError, ValueError):
            return math.nan

    return at


def first_of(texts: Sequence[str]) -> str:
    """The texts in a row; of many, the first ones, and how many they are.

    >>> first_of(["a", "b"]), first_of([*map(str, range(100))])
    ('a, b', '0, 1, 2, 3, 4, 5, … (100 in all)')
    """
    more = f", … ({len(texts)} in all)" if len(texts) > LISTED else ""
    return ", ".join(texts[:LISTED]) + more


def needs_function(f: Any, name: str) -> None:
    """Refuse what cannot be called, with a TypeError that says what was given in the place of ``name``."""
    if not callable(f):
        raise TypeError(f"{name} must be a function, not {type(f).__name__} {f!r:.60}")


def number(leaf: Any) -> float:
    """The leaf as a float: a plain number, or what a ``Value`` holds."""
    return leaf.number if isinstance(leaf, Value) else as_float(leaf)


def named_inputs(inputs: Any) -> list[tuple[str, Any]]:
    """Every number of the inputs with the way to it; a tuple holds all arguments of a function.

    >>> named_inputs((1.0, [2.0, 3.0], {"w": 4.0}))
    [('0', 1.0), ('1[0]', 2.0), ('1[1]', 3.0), ("2['w']", 4.0)]
    """
    if isinstance(inputs, tuple):
        return [leaf for place, part in enumerate(inputs) for leaf in named_leaves(part, str(place))]
    return [(name or "0", leaf) for name, leaf in named_leaves(inputs)]


def parameters(inputs: Any) -> list[Value | None]:
    """For every number of the inputs the parameter of a module that holds it; None for a number outside of modules."""
    return leaves(with_leaves(inputs, repeat(None), keep_modules=True))


@contextmanager
def no_framework() -> Iterator[None]:
    """Refuse that a function hands ``Value``s to another framework, whose own derivatives would then not be seen.

    A ``torch.autograd.Function`` runs its ``forward`` on whatever it is given, and its ``backward`` would never be
    called. Nothing is looked at where no framework is loaded, or while a profiler such as cProfile looks itself.
    """
    before = sys.getprofile()
    if not FRAMEWORKS & sys.modules.keys() or not (before is None or callable(before)):
        yield
        return
    handed: list[str] = []
    innocent: set[Any] = set()

    def look(frame: Any, event: str, argument: Any) -> None:
        if event != "call" or frame.f_code in innocent:
            return
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in FRAMEWORKS:
            innocent.add(frame.f_code)
        elif not handed and _holds_value(list(frame.f_locals.values())) and not _is_bridged(frame):
            handed.append(module)

    sys.setprofile(look)
    try:
        yield
    except Exception as error:
        if not handed:
            raise
        raise _handed_over(handed[0]) from error
    finally:
        sys.setprofile(before)
    if handed:
        raise _handed_over(handed[0])


def _holds_value(things: Sequence[Any]) -> bool:
    return any(
        isinstance(each, Value) or (type(each) in (tuple, list) and _holds_value(each[:FIRST])) for each in things
    )


def _is_bridged(frame: Any) -> bool:
    """Whether a bridge of ours called the framework: it records what that computes."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith("autodiff.bridges."):
            return True
        frame = frame.f_back
    return False


def _handed_over(module: str) -> UncheckableFunctionError:
    package = module.partition(".")[0]
    instead = {"torch": "torch.tensor(x, dtype=torch.float64)", "jax": "jax.numpy.array(x)"}.get(package)
    advice = f"give it its own arrays, check_gradients(f, {instead})" if instead else "pass gradient= or vjp="
    return UncheckableFunctionError(
        "belongs to another framework",
        f"the function hands a Value to {package}, whose derivatives are not those of this engine: {advice}",
    )


class FunctionUnderTest:
    """A function and a point, with the inputs' names. A tuple holds all arguments, anything else is the only one.

    Raises:
        TypeError: ``f`` is not callable, or a leaf of the inputs is no real number.
        ValueError: there are no inputs, or one of them is not finite.
    """

    def __init__(self, f: Callable[..., Any], inputs: Any) -> None:
        needs_function(f, "f")
        self.f, self.inputs = f, inputs
        named = named_inputs(inputs)
        if not named:
            raise ValueError(f"there is nothing to differentiate by: the inputs {inputs!r:.60} hold no numbers")
        self.names = [name for name, _ in named]
        self.point = tuple(number(leaf) for _, leaf in named)
        for name, x in zip(self.names, self.point):
            if not math.isfinite(x):
                raise ValueError(f"the input {name} must be finite, not {x}")
        self._noise: dict[int, float] = {}
        self._parameters = parameters(inputs)
        self._kept = [kept for kept in self._parameters if kept is not None]
        self._plain = type(inputs) is tuple and all(parts(part) is None for part in inputs)

    def call(self, point: Sequence[float]) -> tuple[Any, list[Value], Any]:
        """Result, nodes and arguments of one call at a point; the nodes of parameters are the module's own."""
        arguments, nodes = self.arguments(point)
        return self.f(*arguments), nodes, arguments

    def arguments(self, point: Sequence[float]) -> tuple[tuple[Any, ...], list[Value]]:
        """What the function is called with at a point, and the nodes in it."""
        if self._plain:  # most points are a tuple of numbers: a tenth less time for a check
            nodes = [*map(Value, point)]
            return tuple(nodes), nodes
        self.give_parameters(point)
        if len(self._kept) == len(self.names) and not isinstance(self.inputs, (tuple, list, dict)):
            return (self.inputs,), [*self._kept]  # a module: nothing is to be put in its place
        nodes = [Value(x) if kept is None else kept for kept, x in zip(self._parameters, point)]
        arguments = with_leaves(self.inputs, iter(nodes), keep_modules=True)
        return arguments if isinstance(arguments, tuple) else (arguments,), nodes

    def root(self, point: Sequence[float]) -> tuple[Value, list[Value]]:
        """The recorded result at a point, and the nodes of the inputs."""
        result, nodes, _ = self.call(point)
        return self.value(result), nodes

    def graph(self) -> Graph:
        """The recorded function at the point."""
        return recorded(*self.root(self.point))

    def give_parameters(self, point: Sequence[float]) -> None:
        """Give the parameters of modules these numbers."""
        for parameter, x in zip(self._parameters, point):
            if parameter is not None and parameter.number != x:
                parameter.data = x

    def at(self, position: int, x: float) -> tuple[float, ...]:
        """The point with another number for one input."""
        return (*self.point[:position], x, *self.point[position + 1 :])

    def derivative(self, moved: int, wrt: Sequence[int] = ()) -> Callable[[float], Value]:
        """The engine's derivative by these inputs, one after the other, recorded, as a function of the input moved.

        By no inputs it is the function itself.
        """

        def recorded_at(x: float) -> Value:
            node, nodes = self.root(self.at(moved, x))
            for position in wrt:
                node = grad(node, [nodes[position]])[0]
            return node

        return recorded_at

    def slope_noise(self, moved: int, wrt: Sequence[int]) -> Callable[[], float]:
        """The noise of :meth:`along` at the point."""
        recorded_at = self.derivative(moved, wrt)
        return lambda: recorded_noise(topological_order(recorded_at(self.point[moved])))

    def along(self, moved: int, wrt: Sequence[int] = ()) -> Callable[[float], float]:
        """The same as a function of floats."""
        recorded_at = self.derivative(moved, wrt)
        return lambda x: recorded_at(x).number

    def noise(self, moved: int, seed: int, wrt: Sequence[int] = ()) -> Callable[[float], float]:
        """The noise of :meth:`along`."""
        recorded_at = self.derivative(moved, wrt)

        def noise_at(x: float) -> float:
            if not wrt and x == self.point[moved]:  # at the point itself it is the same for every input
                if seed not in self._noise:
                    self._noise[seed] = recorded_noise(topological_order(recorded_at(x)), seed)
                return self._noise[seed]
            return recorded_noise(topological_order(recorded_at(x)), seed)

        return noise_at

    def examine(self) -> tuple[Value, list[Value]]:
        """Call the function at the point, and refuse what cannot be checked.

        Returns:
            The recorded result there, and the nodes of the inputs.

        Raises:
            UncheckableFunctionError: it says why, and what to do.
        """
        with no_framework():
            result, nodes, arguments = self.call(self.point)
        after = leaves(arguments)
        mutated, advice = partial(UncheckableFunctionError, "mutates its inputs"), "after the call; work on a copy"
        for name, node, held, x in zip(self.names, nodes, after, self.point):
            if held is not node or node.number != x:
                now = held.number if isinstance(held, Value) else held
                raise mutated(f"the function changed its input {name}: it was {x}, and is {now!r:.60} {advice}")
        if len(after) != len(nodes):
            raise mutated(f"the function was given {len(nodes)} numbers, and its inputs hold {len(after)} {advice}")
        root, nodes = self.root(self.point)
        found, again = self.value(result).number, root.number
        if again != found and not (math.isnan(again) and math.isnan(found)):
            raise UncheckableFunctionError(
                "not deterministic",
                f"the function is not deterministic: two calls with the same inputs gave {found!r} and {again!r}; "
                "seed its random numbers inside the function",
            )
        if not math.isfinite(found):
            raise UncheckableFunctionError(
                "not finite", f"the function is {found} at this point, {self.shown()}: choose a point in its domain"
            )
        return root, nodes

    def shown(self) -> str:
        """The point, by the inputs' names."""
        return first_of([f"{name} = {x!r}" for name, x in zip(self.names, self.point)])

    @staticmethod
    def value(result: Any) -> Value:
        """The result, if it is a ``Value``."""
        if isinstance(result, Value):
            return result
        hint = (
            "the graph was cut on the way (.data, float(), math): use the functions of autodiff"
            if isinstance(result, (int, float))
            else "return one Value, such as the sum of the outputs"
        ) + "; or, if it is a function of plain numbers, give its gradient: check_gradients(f, x, gradient=g)"
        raise UncheckableFunctionError(
            "returns no Value",
            f"the function returned {type(result).__name__} {result!r:.60}, not a Value: {hint}",
        )
