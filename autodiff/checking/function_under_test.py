"""The function under test at a point: called with fresh nodes each time, and found out where it cannot be checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import Value, grad, topological_order
from autodiff.checking.graphs import Graph, recorded
from autodiff.checking.noise import recorded_noise
from autodiff.checking.structures import is_module, named_leaves, number, with_leaves


def in_domain(f: Callable[[float], float]) -> Callable[[float], float]:
    """The function, but nan where it raises: ``math.log(-1.0)`` is outside of its domain."""

    def at(x: float) -> float:
        try:
            return f(x)
        except UncheckableFunction:
            raise
        except (ArithmeticError, ValueError):
            return math.nan

    return at


class UncheckableFunction(ValueError):  # noqa: N818  # it says what the function is, not that an error occurred
    """The function cannot be checked at this point.

    Attributes:
        reason: "not deterministic", "returns no Value", "mutates its inputs", "not finite" or "ignores an input".
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def needs_function(f: Any, name: str) -> None:
    """Refuse what cannot be called.

    Raises:
        TypeError: it cannot; the message says what was given in the place of ``name``.
    """
    if not callable(f):
        raise TypeError(f"{name} must be a function, not {type(f).__name__} {f!r:.60}")


class Subject:
    """A function and a point, with the inputs' names.

    Args:
        f: called with ``*inputs`` if they are a tuple, else with ``inputs`` itself.
        inputs: numbers or ``Value``s in a tuple, list, dict, array, or a module; nested as you like.

    Raises:
        TypeError: ``f`` is not callable, or a leaf of the inputs is no real number.
        ValueError: there are no inputs, or one of them is not finite.
    """

    def __init__(self, f: Callable[..., Any], inputs: Any) -> None:
        needs_function(f, "f")
        self.f, self.inputs = f, inputs
        named = named_leaves(inputs)
        if not named:
            raise ValueError(f"there is nothing to differentiate by: the inputs {inputs!r:.60} hold no numbers")
        self.names = [name for name, _ in named]
        self.point = tuple(number(leaf) for _, leaf in named)
        for name, x in zip(self.names, self.point):
            if not math.isfinite(x):
                raise ValueError(f"the input {name} must be finite, not {x}")
        self._noise: dict[int, float] = {}
        self._parameters: list[Value | None] = []
        self._collect(inputs, iter([leaf for _, leaf in named]))

    def _collect(self, tree: Any, leaves: Any) -> None:
        """Which leaves are parameters of a module: those keep their nodes, and get other data."""
        if is_module(tree):
            self._parameters.extend(next(leaves) for _ in tree.named_parameters())
        elif isinstance(tree, dict):
            for part in tree.values():
                self._collect(part, leaves)
        elif isinstance(tree, (list, tuple)):
            for part in tree:
                self._collect(part, leaves)
        else:
            for _ in range(getattr(tree, "size", 1) if getattr(tree, "shape", ()) else 1):
                next(leaves)
                self._parameters.append(None)

    def call(self, point: Sequence[float]) -> tuple[Any, list[Value], Any]:
        """Result, nodes and arguments of one call at a point; the nodes of parameters are the module's own."""
        nodes = []
        for parameter, x in zip(self._parameters, point):
            if parameter is None:
                nodes.append(Value(x))
            else:
                if parameter.data != x:
                    parameter.data = x
                nodes.append(parameter)
        arguments = with_leaves(self.inputs, iter(nodes))
        result = self.f(*arguments) if isinstance(arguments, tuple) else self.f(arguments)
        return result, nodes, arguments

    def root(self, point: Sequence[float]) -> tuple[Value, list[Value]]:
        """The recorded result at a point, and the nodes of the inputs."""
        result, nodes, _ = self.call(point)
        if not isinstance(result, Value):
            raise UncheckableFunction("returns no Value", self._no_value(result))
        return result, nodes

    def graph(self) -> Graph:
        """The recorded function at the point."""
        return recorded(*self.root(self.point))

    def restore(self) -> None:
        """Give the parameters of modules their numbers back."""
        for parameter, x in zip(self._parameters, self.point):
            if parameter is not None and parameter.data != x:
                parameter.data = x

    def along(self, position: int) -> Callable[[float], float]:
        """The function of one input alone, as a function of floats."""
        before, after = self.point[:position], self.point[position + 1 :]
        return lambda x: self.root((*before, x, *after))[0].data

    def derivative(self, *positions: int, moved: int) -> Callable[[float], Value]:
        """The engine's derivative by these inputs, one after the other, recorded, as a function of one input."""
        before, after = self.point[:moved], self.point[moved + 1 :]

        def at(x: float) -> Value:
            node, nodes = self.root((*before, x, *after))
            for position in positions:
                node = grad(node, [nodes[position]])[0]
            return node

        return at

    def noise(self, position: int, seed: int = 0) -> Callable[[float], float]:
        """The noise of :meth:`along`."""
        before, after = self.point[:position], self.point[position + 1 :]
        return lambda x: self._noise_at((*before, x, *after), seed)

    def _noise_at(self, point: tuple[float, ...], seed: int) -> float:
        if point != self.point:
            return recorded_noise(topological_order(self.root(point)[0]), seed)
        if seed not in self._noise:  # at the point itself it is the same for every input
            self._noise[seed] = recorded_noise(topological_order(self.root(point)[0]), seed)
        return self._noise[seed]

    def examine(self) -> None:
        """Call the function at the point, and refuse what cannot be checked.

        Raises:
            UncheckableFunction: it says why, and what to do.
        """
        result, nodes, arguments = self.call(self.point)
        after = [leaf for _, leaf in named_leaves(arguments)]
        for name, node, held, x in zip(self.names, nodes, after, self.point):
            if held is not node or node.data != x:
                now = held.data if isinstance(held, Value) else held
                raise UncheckableFunction(
                    "mutates its inputs",
                    f"the function changed its input {name}: it was {x}, and is {now!r:.60} after the call; "
                    "work on a copy",
                )
        if len(after) != len(nodes):
            raise UncheckableFunction(
                "mutates its inputs",
                f"the function was given {len(nodes)} numbers, and its inputs hold {len(after)} after the call; "
                "work on a copy",
            )
        if not isinstance(result, Value):
            raise UncheckableFunction("returns no Value", self._no_value(result))
        again = self.root(self.point)[0].data
        if again != result.data and not (math.isnan(again) and math.isnan(result.data)):
            raise UncheckableFunction(
                "not deterministic",
                f"the function is not deterministic: two calls with the same inputs gave {result.data!r} and "
                f"{again!r}; seed its random numbers inside the function",
            )
        if not math.isfinite(result.data):
            raise UncheckableFunction(
                "not finite",
                f"the function is {result.data} at this point, {self.shown()}: choose a point in its domain",
            )

    def unused(self) -> set[int]:
        """The positions of the inputs that the recorded result does not depend on."""
        root, nodes = self.root(self.point)
        order = set(topological_order(root))
        return {i for i, node in enumerate(nodes) if node not in order}

    def shown(self) -> str:
        """The point, by the inputs' names."""
        return ", ".join(f"{name} = {x!r}" for name, x in zip(self.names, self.point))

    @staticmethod
    def _no_value(result: Any) -> str:
        what = f"{type(result).__name__} {result!r:.60}"
        hint = (
            "the graph was cut on the way (.data, float(), math): use the functions of autodiff"
            if isinstance(result, (int, float))
            else "return one Value, such as the sum of the outputs"
        )
        return f"the function returned {what}, not a Value: {hint}"
