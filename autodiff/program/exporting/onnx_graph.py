"""ONNX: a graph that operations of the table are written into, and whole functions; by the expressions of the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autodiff.operations import Operation
from autodiff.program.exporting.exported import Exported
from autodiff.program.exporting.formulas import TERM_BY_TERM, whole
from autodiff.program.expressions import COMPARISONS, Expression, number, operand, traced
from autodiff.program.writers import UnwritableError, numbered
from autodiff.registry import BUILT_IN, lookup
from autodiff.rules import norm

OPSET = 17
"""The version of ONNX's operators that is written, of 2022: whatever reads ONNX knows it."""
ELEMENTWISE = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negative": "Neg", "positive": "Identity",
    "absolute": "Abs", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh",
    "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf", "pow": "Pow", "relu": "Relu", "sigmoid": "Sigmoid",
    "floor": "Floor", "ceil": "Ceil", "rint": "Round",
    "<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual", "==": "Equal",
}  # fmt: skip
"""What ONNX has an operator for."""


class OnnxGraph:
    """A graph of ONNX to which operations are added; names stand for arrays.

    Args:
        dtype: ``"float64"`` or ``"float32"``.

    Raises:
        ImportError: the package ``onnx`` is not installed.
        ValueError: dtype is another one.

    >>> import autodiff
    >>> graph = OnnxGraph("float64")
    >>> x = graph.input("x", [2])
    >>> model = graph.model({"y": graph.apply(autodiff.softplus, x)})
    >>> [each.name for each in model.graph.input], model.graph.node[0].op_type
    (['x'], 'Greater')
    """

    def __init__(self, dtype: str = "float64") -> None:
        if dtype not in ("float64", "float32"):
            raise ValueError(f"dtype must be 'float64' or 'float32', not {dtype!r}")
        self._onnx = _onnx()
        self.dtype = np.dtype(dtype)
        self._inputs: list[Any] = []
        self._nodes: list[Any] = []
        self._arrays: dict[str, Any] = {}
        self._count = 0

    # ── What a graph is made of ──────────────────────────────────────────────────────────────────

    def input(self, name: str, shape: Sequence[int], dtype: str | None = None) -> str:
        """An argument of the function: (observations, *shape), as many observations as a call has."""
        kind = self._kind(np.dtype(dtype) if dtype else self.dtype)
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, kind, ["observations", *shape]))
        return name

    def array(self, name: str, numbers: ArrayLike) -> str:
        """Numbers that are stored in the graph, of its type."""
        if name in self._arrays:
            raise ValueError(f"the graph has an array of the name {name!r} already")
        with np.errstate(over="ignore"):
            self._arrays[name] = self._onnx.numpy_helper.from_array(np.asarray(numbers, self.dtype), name)
        return name

    def integers(self, numbers: Sequence[int]) -> str:
        """Whole numbers: places, and shapes."""
        return self._stored(f"integers {[*numbers]}", np.array(numbers, np.int64))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """What an operator of ONNX gives."""
        self._count += 1
        name = f"{operator}_{self._count}"
        self._nodes.append(self._onnx.helper.make_node(operator, [*inputs], [name], name, **attributes))
        return name

    def apply(self, function: Callable[..., Any], *operands: str) -> str:
        """An operation of the table, one of the user's own, or a function made of them, of each number by itself.

        Raises:
            UnwritableError: it only runs on floats, or ONNX has no operator for it.
        """
        if isinstance(function, Operation):
            return self._row(function, operands)
        found = traced(function, len(operands), inline=False)
        if found is None:
            raise UnwritableError(
                f"the function {getattr(function, '__name__', function)!r} cannot be written in ONNX: it must be made "
                "of arithmetic, comparisons and operations of autodiff"
            )
        return self._expression(found, operands)

    def model(self, outputs: dict[str, str]) -> Any:
        """The whole as an ``onnx.ModelProto``, checked; outputs are (observations, …) arrays, by name."""
        helper = self._onnx.helper
        kind = self._kind(self.dtype)
        for name, found in outputs.items():
            self._nodes.append(helper.make_node("Identity", [found], [name], name))
        values = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
        graph = helper.make_graph(self._nodes, "autodiff", self._inputs, values, [*self._arrays.values()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="autodiff")
        model.ir_version = 8  # that of the operators' year
        model = self._onnx.shape_inference.infer_shapes(model)
        self._onnx.checker.check_model(model)
        return model

    # ── Formulas ─────────────────────────────────────────────────────────────────────────────────

    def _kind(self, dtype: Any) -> int:
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(dtype))

    def _stored(self, name: str, array: Any) -> str:
        if name not in self._arrays:
            self._arrays[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def number(self, value: float) -> str:
        """A constant."""
        with np.errstate(over="ignore"):
            return self._stored(f"number {value!r}", np.asarray(value, self.dtype))

    def _row(self, row: Operation, operands: Sequence[str]) -> str:
        missing = (row.arity or len(operands)) - len(operands)
        operands = [*operands, *map(self.number, row.defaults[len(row.defaults) - missing :] if missing else ())]
        if row.name in BUILT_IN and row.name in ELEMENTWISE:
            return self.node(ELEMENTWISE[row.name], *operands)
        arity = len(operands)
        if row.name in COMPOSED and row.name in BUILT_IN:
            found: Expression | None = COMPOSED[row.name](*map(operand, range(arity)))
        elif row in (norm, *TERM_BY_TERM):
            found = whole(row, arity)
        else:
            found = traced(row.primal, arity, inline=False)
        if found is None:
            raise UnwritableError(
                f"the operation {row.name!r} cannot be written in ONNX, which has no operator for it: to_c(), "
                "to_python(), to_javascript() and to_jax() can; an operation of your own must be written with "
                "arithmetic, comparisons and operations of autodiff"
            )
        return self._expression(found, operands)

    def _expression(self, expression: Expression, operands: Sequence[str]) -> str:
        order, (last,) = numbered([expression])
        found: list[str] = []
        for each, parts in order:
            given = [found[part] for part in parts]
            match each.kind:
                case "operand":
                    found.append(operands[int(each.number)])
                case "number":
                    found.append(self.number(each.number))
                case "choose":
                    found.append(self.node("Where", *given))
                case "!=":
                    found.append(self.node("Not", self.node("Equal", *given)))
                case "mod":
                    found.append(self._mod(*given))
                case kind if kind in COMPARISONS:
                    found.append(self.node(ELEMENTWISE[kind], *given))
                case kind:
                    found.append(self._row(lookup(kind), given))
        return found[last]

    def _mod(self, a: str, b: str) -> str:
        """The remainder with the sign of b; that of ONNX has the sign of a."""
        rest, zero = self.node("Mod", a, b, fmod=1), self.number(0.0)
        other = self.node("Xor", self.node("Less", b, zero), self.node("Less", rest, zero))
        moves = self.node("And", other, self.node("Not", self.node("Equal", rest, zero)))
        return self.node("Where", moves, self.node("Add", rest, b), rest)


def onnx_model(exported: Exported, dtype: str) -> Any:
    """A function as an ``onnx.ModelProto``; ``Program.to_onnx`` tells what it looks like.

    Raises:
        ImportError: the package ``onnx`` is not installed.
        UnwritableError: ONNX has no operator for an operation.
        ValueError: the function is empty, too large, or the numbers of its parameters are not known.
    """
    exported.check()
    if exported.parameters and exported.numbers is None:
        raise ValueError(f"{exported.name} has parameters, whose numbers a model holds: to_onnx(parameters=...)")
    graph = OnnxGraph(dtype)
    columns: list[str] = []
    front = ""
    for name, each in zip(exported.argument_names(), exported.arguments):
        given = graph.input(name, each.shape)
        flat = graph.node("Reshape", given, graph.integers([-1, each.size]))
        front = front or graph.node("Slice", graph.node("Shape", given), graph.integers([0]), graph.integers([1]))
        columns += [graph.node("Gather", flat, graph.integers([at]), axis=1) for at in range(each.size)]
    numbers = exported.numbers or ()
    labels = [f"{at}: {label}" for at, label in enumerate(exported.parameters)]
    parameters = [graph.array(label, [[each]]) for label, each in zip(labels, numbers)]
    found: list[str] = [graph.number(math.nan)] * exported.outputs
    for at in reversed(range(len(exported.ways))):
        way = exported.ways[at]
        slots = [*map(graph.number, way.constants.tolist()), *parameters[: len(way.parameters)], *columns]
        for row, operands in way:
            slots.append(graph.apply(row, *(slots[each] for each in operands)))
        outputs = [slots[slot] for slot in way.outputs.tolist()]
        holds = [_holds(graph, sign, slots[left], slots[right], holds) for sign, left, right, holds in way.guards]
        if exported.finite(at) and not np.isfinite(numbers[: len(way.parameters)]).all():
            continue
        if holds:
            taken = reduce(lambda a, b: graph.node("And", a, b), holds)
            outputs = [graph.node("Where", taken, *pair) for pair in zip(outputs, found)]
        found = outputs
    shape = graph.node("Concat", front or graph.integers([1]), graph.integers([1]), axis=0)
    rows = [graph.node("Expand", each, shape) for each in found]
    return graph.model({"values": graph.node("Concat", *rows, axis=1)})


def _holds(graph: OnnxGraph, sign: str, left: str, right: str, holds: bool) -> str:
    found = graph.node("Equal", left, right) if sign == "!=" else graph.node(ELEMENTWISE[sign], left, right)
    return found if holds is (sign != "!=") else graph.node("Not", found)


def _onnx() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as error:
        raise ImportError("to_onnx() needs the package onnx, which is not installed: pip install onnx") from error
    return onnx


# ── What ONNX has no operator for ────────────────────────────────────────────────────────────────


def _of(kind: str, *parts: Expression) -> Expression:
    return Expression(kind, parts)


ONE, INFINITE = number(1.0), number(math.inf)


def _log1p(x: Expression) -> Expression:
    """log(1 + x), by the rounded sum and what it was rounded by (W. Kahan; N. Higham 2002, problem 1.5)."""
    u = _of("add", ONE, x)
    found = _of("multiply", _of("log", u), _of("divide", x, _of("subtract", u, ONE)))
    return _of("choose", _of("==", u, ONE), x, _of("choose", _of("==", u, INFINITE), u, found))


def _expm1(x: Expression) -> Expression:
    """exp(x) - 1, likewise (N. Higham 2002, Accuracy and Stability of Numerical Algorithms, section 1.14.1)."""
    u = _of("exp", x)
    less = _of("subtract", u, ONE)
    found = _of("divide", _of("multiply", less, x), _of("log", u))
    found = _of("choose", _of("==", u, INFINITE), u, _of("choose", _of("==", less, number(-1.0)), less, found))
    return _of("choose", _of("==", u, ONE), x, found)


def _gelu(x: Expression) -> Expression:
    """As ONNX and PyTorch have it, x / 2 · (1 + erf(x / √2)): in the tail it is right to the digits of 1."""
    share = _of("add", ONE, _of("erf", _of("divide", x, number(math.sqrt(2)))))
    found = _of("multiply", _of("multiply", number(0.5), x), share)
    return _of("choose", _of("<", x, number(-40.0)), number(-0.0), found)  # as the row has it, also at -inf


def _trunc(x: Expression) -> Expression:
    return _of("choose", _of(">=", x, number(0.0)), _of("floor", x), _of("ceil", x))


COMPOSED: dict[str, Callable[..., Expression]] = {
    "log1p": _log1p, "expm1": _expm1, "gelu": _gelu, "trunc": _trunc,
    "log2": lambda x: _of("divide", _of("log", x), number(math.log(2))),
    "log10": lambda x: _of("divide", _of("log", x), number(math.log(10))),
    "mod": lambda a, b: _of("mod", a, b),
}  # fmt: skip
"""Operations as formulas of ONNX's."""
