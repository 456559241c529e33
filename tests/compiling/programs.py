"""Programs for tests: recorded graphs laid flat, and what the eager engine says of them."""

import math

import numpy as np

import nn
from autodiff import Value, constant, lookup
from autodiff.program.program import Program


def bits(array):
    """Numbers that can be compared for equality: all nan alike, 0.0 and -0.0 too."""
    array = np.asarray(array, float) + 0.0
    return np.where(np.isnan(array), np.nan, array).view(np.int64).tolist()


def program_of(function, numbers, parameters=0):
    """The program of a function of ``Value``s, traced at some numbers, of which the first are parameters."""
    leaves = [Value(number) for number in numbers]
    result = function(*leaves)
    results = result if isinstance(result, (list, tuple)) else [result]
    outputs = [each if isinstance(each, Value) else constant(each) for each in results]
    return Program.from_graph(*outputs, inputs=leaves[parameters:], parameters=leaves[:parameters])[0]


def eager(function, parameters, inputs, weight=1.0):
    """What a runner must give, one observation at a time: values, gradients of parameters and inputs, Σ value."""
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
    finite = np.isfinite(gradients).all() and np.isfinite(input_gradients).all()
    return np.array(values), gradients, input_gradients, sum(values) if finite else math.nan


def network(sizes, seed=0, activation="relu", error=lambda output, y: (1 - y * output).relu()):
    """The program of a network's error on one observation (the features, then y), its parameters and the model."""
    model = nn.MLP(sizes[0], sizes[1:], activation=activation, rng=seed)
    inputs = [Value(0.5, label=f"x{at}") for at in range(sizes[0])] + [Value(1.0, label="y")]
    program, _ = Program.from_graph(error(model(inputs[:-1]), inputs[-1]), inputs=inputs, parameters=model.parameters())
    return program, np.array([parameter.data for parameter in model.parameters()]), model


def tangle(seed, leaves=5, size=25):
    """A function of sums of products over operands that overlap, are repeated, and share rows or columns."""
    rng = np.random.default_rng(seed)
    recipe, count = [], leaves
    while len(recipe) < size:
        kind, width = rng.integers(6), int(rng.integers(1, 5))
        rows = rng.integers(0, count, (int(rng.integers(1, 6)), 2 * width))
        if kind == 1:
            rows[:, width:] = rows[0, width:]  # a layer
        elif kind == 2:
            rows[:, :width], rows[:, width:] = rng.integers(0, 3, rows[:, :width].shape), rows[0, width:]
        elif kind == 3:
            rows = rng.permutation(count)[None, : 2 * (count // 2)]  # no slot twice
        name = ("total", "dot", "dot", "dot", "relu", "multiply")[kind]
        recipe.append((name, rows[:, : lookup(name).arity]))
        count += len(rows)

    def function(*numbers):
        slots = list(numbers)
        for name, rows in recipe:
            new = [lookup(name)(*[slots[at] for at in row]) for row in rows]
            slots += [each / 8.0 for each in new]
        return lookup("total")(*slots[-12:])

    return function, rng.normal(size=leaves)
