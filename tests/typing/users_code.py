"""Users' code, for type checkers: each line with the comment "error" must be one, and no other. ``right`` runs, too."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Compiled, Value, check_gradients, exp, grad, mean, operation, softmax, tanh, total, trace, where
from nn import MLP, SGD, Layer, Neuron, fit, squared_error


def right() -> None:
    v, w = Value(2.0, label="v"), Value(3)
    assert_type(exp(0.5), float)
    assert_type(exp(Fraction(1, 2)), float)
    assert_type(exp(np.float32(0.5)), float)
    assert_type(exp(v), Value)
    assert_type(autodiff.maximum(1.0, v), Value)
    assert_type(autodiff.maximum(1.0, 2.0), float)
    assert_type(where(v > 0, v, 0.0), Value)
    assert_type(autodiff.leaky_relu(v), Value)
    assert_type(autodiff.leaky_relu(0.5, 0.1), float)
    assert_type(v.exp().tanh().leaky_relu(0.1), Value)
    assert_type(v.maximum(1.0), Value)
    assert_type(v.arctan2(w), Value)
    assert_type(2 * v + w / 3 - v**2 // 2, Value)
    assert_type(-abs(v), Value)
    assert_type(round(v, 2), Value)
    assert_type(math.floor(v), Value)
    assert_type(divmod(v, 2), tuple[Value, Value])
    assert_type(v < w, bool)
    assert_type(v == 2.0, bool)
    assert_type(v * np.array([1.0, 2.0]), NDArray[np.object_])
    assert_type(v < np.array([1.0, 2.0]), NDArray[np.bool])
    assert_type(total([v, w, 1.0]), Value)
    assert_type(mean([1.0, 2]), float)
    assert_type(softmax([v, w]), list[Value])
    assert_type(v.data, float)
    assert_type(v.parents, tuple[Value, ...])
    v.data += 0.5
    np.exp(v)
    either: float | Value = v if v > 0 else 0.0
    assert_type(tanh(either), float | Value)

    cube = operation("cube_of_users", lambda x: x**3, lambda x, y: 3 * x**2, replace=True)
    assert_type(cube(2.0), float)
    assert_type(cube(v), Value)
    assert grad(cube)(2.0) == 12.0
    assert check_gradients(tanh, 0.5).verdict == "pass"

    neuron, layer, model = Neuron(2, activation=tanh), Layer(2, 3, activation="tanh"), MLP(2, [3, 1])
    assert_type(neuron([1.0, v]), Value)
    assert_type(layer([1.0, v]), list[Value])
    assert_type(model, MLP)
    model([1.0, 2.0]).backward()
    assert_type(model.parameters(), list[Value])
    inputs, y = np.zeros((4, 2)), np.zeros(4)
    fit(model, inputs, y, squared_error, optimizer=SGD(model.parameters(), learning_rate=0.1), epochs=1, progress=False)
    trace(model([1.0, 2.0])).until("layers.0.neurons.0.bias")

    @autodiff.compile
    def error(x: float, y: float, *, scale: float = 1.0) -> Value:
        return scale * (v * x - y) ** 2

    @autodiff.compile(ndim=(0, 0))
    def decorated(x, y):  # type: ignore[no-untyped-def]  # as most write it
        return v * x * y

    squared: Compiled[Any] = autodiff.compile(lambda x: v * x**2)
    error([1.0, 2.0], y[:2])
    error(1.0, 2.0, scale=2.0)
    decorated(y, y)
    squared(y)
    assert_type(error.backward(y, y, reduction="sum"), float)
    rule: Callable[[float], float] = exp
    assert rule(0.0) == 1.0


def wrong(v: Value) -> None:
    v.tahn()  # error
    v.graad  # error  # noqa: B018
    v.exp(2.0)  # error
    v.maximum()  # error
    autodiff.tahn(v)  # error
    exp()  # error
    exp(v, v)  # error
    exp("1")  # error
    v + "1"  # error
    math.exp(v)  # error
    float(v)  # error
    Value("1")  # error
    Value(1.0, requires_grad=True)  # error
    Value(1.0, "a", ())  # error
    v.parents = ()  # error
    v.backward(retain_graph=True)  # error
    total(v)  # error
    softmax([v])[0].tahn()  # error
    Neuron(2)([v, v]).tahn()  # error
    Layer(2, 3)([v, v]).backward()  # error
    MLP(2, [1]).paramters()  # error
    SGD([v]).step(0.1)  # error

    @autodiff.compile
    def error(x: float, y: float, *, scale: float = 1.0) -> Value:
        return scale * (v * x - y) ** 2

    error([1.0])  # error
    error([1.0], [2.0], [3.0])  # error
    error([1.0], [2.0], scael=2.0)  # error
    error.bakward([1.0], [2.0])  # error
    error([1.0], [2.0], scale="large")  # error
