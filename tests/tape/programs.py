"""Programs for tests: recorded graphs laid flat, and what the eager engine says of them."""

import numpy as np

import nn
from autodiff import Value, constant, topological_order
from autodiff.operations import CONSTANT, VARIABLE
from autodiff.tape.program import Instruction, assemble


def bits(array):
    """Numbers that can be compared for equality: all nan alike, 0.0 and -0.0 too."""
    array = np.asarray(array, float) + 0.0
    return np.where(np.isnan(array), np.nan, array).view(np.int64).tolist()


def flatten(outputs, inputs, parameters=None):
    """The program of the graph of some nodes, whose other variables are parameters, in topological order."""
    order = topological_order(*outputs)
    if parameters is None:
        parameters = [node for node in order if node.op is VARIABLE and node not in set(inputs)]
    constants = [node for node in order if node.op is CONSTANT]
    results = [node for node in order if node.parents]
    slot = {node: at for at, node in enumerate([*constants, *parameters, *inputs, *results])}
    return assemble(
        [node.data for node in constants],
        [node.label or f"p{at}" for at, node in enumerate(parameters)],
        [node.label or f"x{at}" for at, node in enumerate(inputs)],
        [Instruction(node.op, tuple(slot[parent] for parent in node.parents)) for node in results],
        [slot[node] for node in outputs],
        labels={slot[node]: node.label for node in results if node.label},
    )


def program_of(function, numbers, parameters=0):
    """The program of a function of ``Value``s, traced at some numbers, of which the first are parameters."""
    leaves = [Value(number) for number in numbers]
    result = function(*leaves)
    results = result if isinstance(result, (list, tuple)) else [result]
    outputs = [each if isinstance(each, Value) else constant(each) for each in results]
    return flatten(outputs, leaves[parameters:], leaves[:parameters])


def eager(function, parameters, inputs, weight=1.0):
    """Values, gradient of the parameters and of the inputs, one observation at a time: what a runner must give."""
    values, gradients, input_gradients = [], np.zeros(len(parameters)), np.zeros(np.shape(inputs))
    weights = np.broadcast_to(weight, len(inputs))
    for row, (observation, seed) in enumerate(zip(inputs, weights)):
        leaves = [*map(Value, parameters)]
        own = [*map(Value, observation)]
        result = function(*leaves, *own)
        values.append(float(getattr(result, "data", result)))
        if isinstance(result, Value):
            result.backward(float(seed))
        gradients += [leaf.grad for leaf in leaves]
        input_gradients[row] = [leaf.grad for leaf in own]
    return np.array(values), gradients, input_gradients


def network(sizes, seed=0, activation="relu", error=lambda output, y: (1 - y * output).relu()):
    """The program of a network's error on one observation (the features, then y), its parameters and the model."""
    model = nn.MLP(sizes[0], sizes[1:], activation=activation, rng=seed)
    inputs = [Value(0.5, label=f"x{at}") for at in range(sizes[0])] + [Value(1.0, label="y")]
    program = flatten([error(model(inputs[:-1]), inputs[-1])], inputs, model.parameters())
    return program, np.array([parameter.data for parameter in model.parameters()]), model
