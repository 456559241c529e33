"""``to_onnx``: a network as ONNX, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import OnnxGraph, UnwritableError
from nn.layers import MLP, Layer
from nn.module import Module
from nn.parts import Activation, Dropout, Embedding, LayerNorm, Sequential


def to_onnx(model: Module, dtype: str = "float64") -> Any:
    """A network as an ``onnx.ModelProto``, which onnxruntime and many others run.

    A layer is one product of matrices (Gemm), with its weights (outputs, inputs) and biases (outputs,) stored under the
    layer's name in the model, such as ``layers.0.weights``. The input ``inputs`` is (observations, inputs), or of an
    ``Embedding`` the whole numbers (observations,); any number of observations is taken. The output ``predictions`` has
    the shape that ``model.predict(inputs)`` gives. ``Dropout`` leaves nothing out.

    Args:
        model: an ``MLP``, ``Sequential``, ``Layer``, ``Linear``, or another part of those that are known; in it,
            activations are operations of the table, or functions made of them.
        dtype: ``"float64"`` or ``"float32"``, which runs faster, and has every function in onnxruntime: in float64 it
            lacks some, such as ``erf``, which ``gelu`` needs.

    Raises:
        ImportError: the package ``onnx`` is not installed.
        UnwritableError: a part is another module, or ONNX has no operator for an activation.
        ValueError: dtype is another one.

    >>> from nn import MLP, to_onnx
    >>> found = to_onnx(MLP(2, [16, 1]))
    >>> [node.op_type for node in found.graph.node]
    ['Gemm', 'Relu', 'Gemm', 'Squeeze', 'Identity']
    >>> [(each.name, list(each.dims)) for each in found.graph.initializer][:2]
    [('layers.0.weights', [16, 2]), ('layers.0.biases', [16])]
    """
    graph = OnnxGraph(dtype)
    first = _first(model)
    if isinstance(first, Embedding):
        given = graph.input("inputs", [], "int64")
    elif isinstance(first, (Layer, LayerNorm)):
        given = graph.input("inputs", [len(first.weights) if isinstance(first, LayerNorm) else first.inputs])
    else:
        raise UnwritableError(_refusal(first, "the first part, which says how many inputs there are,"))
    found = _written(graph, model, "", given)
    if _is_one_number(model):
        found = graph.node("Squeeze", found, graph.integers([1]))
    return graph.model({"predictions": found})


def _first(model: Module) -> Any:
    while isinstance(model, (Sequential, MLP)):
        model = model.layers[0]
    return model


def _is_one_number(model: Module) -> bool:
    """Whether a prediction is a number, and no list of one."""
    if isinstance(model, (Sequential, MLP)):
        last = [each for each in model.layers if not isinstance(each, (Activation, Dropout))][-1:]
        return bool(last) and (_is_one_number(last[0]) or (isinstance(last[0], Layer) and len(last[0].neurons) == 1))
    return False


def _written(graph: OnnxGraph, part: Module, name: str, given: str) -> str:
    """What a part makes of (observations, inputs): (observations, outputs)."""
    write = WRITERS.get(type(part).__call__)
    if write is None:
        raise UnwritableError(_refusal(part, f"the part {name!r}" if name else "the model"))
    return write(graph, part, f"{name}." if name else "", given)


def _refusal(part: Any, what: str) -> str:
    known = ", ".join(sorted({each.__qualname__.partition(".")[0] for each in WRITERS}))
    return (
        f"{what} is a {type(part).__name__}, whose layers are not known to to_onnx(), which knows {known}: "
        "autodiff.compile(model, parameters=model).to_onnx(x) writes any model, instruction by instruction"
    )


def _in_a_row(graph: OnnxGraph, part: Any, prefix: str, given: str) -> str:
    for at, layer in enumerate(part.layers):
        given = _written(graph, layer, f"{prefix}layers.{at}", given)
    return given


def _layer(graph: OnnxGraph, part: Any, prefix: str, given: str) -> str:
    """A product of matrices, as ONNX's Gemm has it, and the activation."""
    neurons = part.neurons
    weights = graph.array(f"{prefix}weights", _numbers([neuron.weights for neuron in neurons]))
    biases = (
        [] if neurons[0].bias is None else [graph.array(f"{prefix}biases", _numbers([each.bias for each in neurons]))]
    )
    found = graph.node("Gemm", given, weights, *biases, transB=1)
    activations = [neuron.activation for neuron in neurons]
    if all(each is activations[0] for each in activations):
        return found if activations[0] is None else graph.apply(activations[0], found)
    columns = [graph.node("Gather", found, graph.integers([at]), axis=1) for at in range(len(neurons))]
    pairs = zip(columns, activations)
    return graph.node("Concat", *(each if f is None else graph.apply(f, each) for each, f in pairs), axis=1)


def _activation(graph: OnnxGraph, part: Any, prefix: str, given: str) -> str:
    return given if part.function is None else graph.apply(part.function, given)


def _nothing(graph: OnnxGraph, part: Any, prefix: str, given: str) -> str:
    """Dropout leaves out nothing in a prediction."""
    return given


def _layer_norm(graph: OnnxGraph, part: Any, prefix: str, given: str) -> str:
    distances = graph.node("Sub", given, graph.node("ReduceMean", given, axes=[1], keepdims=1))
    variance = graph.node("ReduceMean", graph.node("Mul", distances, distances), axes=[1], keepdims=1)
    scaled = graph.node("Div", distances, graph.node("Sqrt", graph.node("Add", variance, graph.number(part.epsilon))))
    weighted = graph.node("Mul", scaled, graph.array(f"{prefix}weights", _numbers(part.weights)))
    return graph.node("Add", weighted, graph.array(f"{prefix}biases", _numbers(part.biases)))


def _embedding(graph: OnnxGraph, part: Any, prefix: str, given: str) -> str:
    return graph.node("Gather", graph.array(f"{prefix}weights", _numbers(part.weights)), given, axis=0)


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.array([[each.data for each in row] if isinstance(row, list) else row.data for row in values], float)


WRITERS: dict[Callable[..., Any], Callable[[OnnxGraph, Any, str, str], str]] = {
    MLP.__call__: _in_a_row, Sequential.__call__: _in_a_row, Layer.__call__: _layer, Activation.__call__: _activation,
    Dropout.__call__: _nothing, LayerNorm.__call__: _layer_norm, Embedding.__call__: _embedding,
}  # fmt: skip
"""What writes a part, by what computes it: a subclass that computes something else is none of these."""
