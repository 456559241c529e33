"""Neurons, layers and multi-layer perceptrons, with seeded initial weights.

The initial weights keep the variance of the signal from layer to layer. Before a relu or one of its
smooth relatives they are normal with variance 2 / inputs (He et al. 2015, "Delving Deep into
Rectifiers", eq. 10); else they are uniform on ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010,
"Understanding the difficulty of training deep feedforward neural networks", eq. 16). Biases start at 0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autodiff import Operation, Value, constant, dot, lookup
from nn.losses import is_vector
from nn.mistakes import Renamed, instead
from nn.module import Module
from nn.observations import row
from nn.seeding import Seed, generator

Activation: TypeAlias = str | Callable[[Any], Any]
Inputs: TypeAlias = Sequence[Any] | NDArray[Any]

RELU_LIKE = frozenset({"relu", "leaky_relu", "silu", "gelu", "softplus"})
OTHERS = {
    "nonlin": "nonlin=False is activation='linear', nonlin=True is activation='relu'",
    "nin": "inputs", "nout": "outputs", "nouts": "outputs", "seed": "rng",
}  # fmt: skip
"""Options that the layers of other engines have."""


class Neuron(Module):
    """One neuron: ``activation(dot(weights, inputs) + bias)``.

    Args:
        inputs: how many inputs it takes.
        activation: "linear", the name of an operation of one operand, or a function of a ``Value``.
        rng: the seed or generator of the initial weights; None is the seed 0.
        expanded: write the dot product out in products and sums, one node each, as a lecture does.
        fan_out: how many neurons there are in its layer; see the scheme of this module.

    Raises:
        TypeError: a count is not an int, or the activation is neither a str nor callable.
        ValueError: a count is below 1, or the activation is unknown or has not one operand.

    >>> neuron = Neuron(2, activation="tanh", rng=7)
    >>> neuron
    Neuron(2, activation='tanh')
    >>> neuron.weights[0].data, neuron.weights[1].data, neuron.bias.data = 0.5, -1.0, 0.25
    >>> print(neuron([1.0, 0.75]))
    0.0
    """

    w, b, nonlin = Renamed("weights"), Renamed("bias"), Renamed("activation")

    @instead(**OTHERS)
    def __init__(
        self,
        inputs: int,
        activation: Activation = "relu",
        rng: Seed = None,
        *,
        expanded: bool = False,
        fan_out: int = 1,
    ) -> None:
        inputs, fan_out = _count("inputs", inputs), _count("fan_out", fan_out)
        self.activation = _activation(activation)
        rng = generator(rng)
        if self.activation is not None and _name(self.activation) in RELU_LIKE:
            weights = rng.normal(0.0, np.sqrt(2 / inputs), inputs)
        else:
            limit = np.sqrt(6 / (inputs + fan_out))
            weights = rng.uniform(-limit, limit, inputs)
        self.weights = [Value(weight) for weight in weights]
        self.bias = Value(0.0)
        self.expanded = expanded

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """The neuron's output, a scalar.

        Args:
            inputs: (inputs,) numbers or ``Value``s.

        Raises:
            ValueError: the number of inputs is not that of the weights.
        """
        _check_number(inputs, len(self.weights))
        if self.expanded:
            weighted = self.weights[0] * inputs[0]
            for weight, x in zip(self.weights[1:], inputs[1:]):
                weighted = weighted + weight * x
        else:
            weighted = dot(self.weights, inputs)
        response = weighted + self.bias
        return response if self.activation is None else self.activation(response)

    def __repr__(self) -> str:
        return f"Neuron({len(self.weights)}, activation={_name(self.activation)!r})"


class Layer(Module):
    """A row of neurons that all take the same inputs.

    Args:
        inputs: how many inputs it takes.
        outputs: how many neurons there are.
        activation, rng, expanded: as for :class:`Neuron`.

    Raises:
        TypeError, ValueError: as :class:`Neuron`.

    >>> layer = Layer(2, 3)
    >>> layer
    Layer(2, 3, activation='relu')
    >>> len(layer([0.5, -1.0]))
    3
    """

    @instead(**OTHERS)
    def __init__(
        self, inputs: int, outputs: int, activation: Activation = "relu", rng: Seed = None, *, expanded: bool = False
    ) -> None:
        rng = generator(rng)
        outputs = _count("outputs", outputs)
        self.neurons = [
            Neuron(inputs, activation, rng, expanded=expanded, fan_out=outputs) for _ in range(outputs)
        ]  # fmt: skip

    def __call__(self, inputs: Inputs) -> list[Any]:
        """The outputs of all neurons, always a list.

        Args:
            inputs: (inputs,) numbers or ``Value``s.

        Raises:
            TypeError: the inputs are not a sequence of real numbers.
            ValueError: there are too many or too few.
        """
        nodes = _nodes(inputs, len(self.neurons[0].weights))
        return [neuron(nodes) for neuron in self.neurons]

    def __repr__(self) -> str:
        first = self.neurons[0]
        return f"Layer({len(first.weights)}, {len(self.neurons)}, activation={_name(first.activation)!r})"


class MLP(Module):
    """A multi-layer perceptron: layers in a row, the last of them linear.

    Args:
        inputs: how many inputs it takes.
        outputs: the number of neurons of each layer, such as ``[16, 16, 1]``.
        activation: of all layers but the last; as for :class:`Neuron`.
        rng, expanded: as for :class:`Neuron`.

    Raises:
        TypeError, ValueError: as :class:`Neuron`; a ValueError also if there are no layers.

    >>> model = MLP(2, [16, 16, 1])
    >>> model
    MLP(2 → 16 relu → 16 relu → 1 linear, 337 parameters)
    >>> prediction = model([0.5, -1.0])
    >>> prediction.backward()
    >>> model.parameters()[0].label
    'layers.0.neurons.0.weights.0'
    >>> model([1.0, 2.0, 3.0])
    Traceback (most recent call last):
    ValueError: 2 inputs expected, 3 given
    """

    sz = Renamed("layers")

    @instead("MLP(inputs, [16, 16, outputs])", **OTHERS)
    def __init__(
        self,
        inputs: int,
        outputs: Iterable[int],
        activation: Activation = "relu",
        rng: Seed = None,
        *,
        expanded: bool = False,
    ) -> None:
        try:
            sizes = [inputs, *outputs]
        except TypeError:
            raise TypeError(f"outputs must be a list of layer sizes such as [16, 1], not {outputs!r:.60}") from None
        if len(sizes) == 1:
            raise ValueError("at least one layer is needed: outputs such as [16, 1]")
        rng, activation = generator(rng), _activation(activation) or "linear"
        activations = [activation] * (len(sizes) - 2) + ["linear"]
        self.layers = [
            Layer(before, after, function, rng, expanded=expanded)
            for before, after, function in zip(sizes, sizes[1:], activations)
        ]

    def __call__(self, inputs: Inputs) -> Any:
        """The prediction: a scalar if the last layer has one neuron, else a list of scalars.

        Args:
            inputs: (inputs,) numbers or ``Value``s; plain numbers become constants.

        Raises:
            TypeError: the inputs are not a sequence of real numbers.
            ValueError: there are too many or too few.
        """
        signal: Any = inputs
        for layer in self.layers:
            signal = layer(signal)
        return signal[0] if len(signal) == 1 else signal

    def __repr__(self) -> str:
        inputs = len(self.layers[0].neurons[0].weights)
        layers = [f"{len(layer.neurons)} {_name(layer.neurons[0].activation)}" for layer in self.layers]
        return f"MLP({' → '.join([str(inputs), *layers])}, {len(self.parameters())} parameters)"


def _activation(activation: Activation) -> Callable[[Any], Any] | None:
    """The function of that name; None for "linear", which adds no node."""
    if isinstance(activation, str):
        if activation == "linear":
            return None
        activation = lookup(activation)
    if not callable(activation):
        raise TypeError(
            f"an activation must be a name or a function, not {type(activation).__name__} {activation!r:.60}"
        )
    if isinstance(activation, Operation):
        needed = None if activation.arity is None else activation.arity - len(activation.defaults)
        if needed != 1:
            raise ValueError(
                f"an activation must be an operation of one operand, and {activation.name!r} takes "
                f"{'any number' if needed is None else needed}"
            )
    return activation


def _name(activation: Callable[[Any], Any] | None) -> str:
    if activation is None:
        return "linear"
    return activation.name if isinstance(activation, Operation) else getattr(activation, "__name__", repr(activation))


def _count(what: str, number: Any) -> int:
    try:
        count = operator.index(number)
    except TypeError:
        raise TypeError(f"{what} must be an int, not {type(number).__name__} {number!r:.60}") from None
    if count < 1:
        raise ValueError(f"{what} must be at least 1, not {count}")
    return count


def _check_number(given: Sequence[Any], expected: int) -> None:
    if len(given) == expected:
        return
    if any(map(is_vector, given)):
        raise TypeError(_is_matrix(given))
    raise ValueError(f"{expected} input{'s' * (expected != 1)} expected, {len(given)} given")


def _nodes(inputs: Inputs, expected: int) -> tuple[Any, ...]:
    """The inputs as nodes; a plain number becomes ONE constant, which all neurons of the layer share."""
    given = row(inputs)
    given = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(given, Sequence) or isinstance(given, str):
        needed = f"{expected} number{'s' * (expected != 1)}"
        raise TypeError(
            f"a sequence of {needed} is needed, not {type(inputs).__name__} {inputs!r:.60}; the inputs of a data set "
            f"have the shape (observations, {expected}){', as X.reshape(-1, 1) has' * (expected == 1)}"
        )
    _check_number(given, expected)
    try:
        return tuple([x if hasattr(type(x), "__autodiff__") else constant(x) for x in given])
    except TypeError:
        if any(map(is_vector, given)):
            raise TypeError(_is_matrix(given)) from None
        raise


def _is_matrix(given: Sequence[Any]) -> str:
    return (
        f"a model takes one observation, and {len(given)} were given: write model.predict(X) for their predictions as "
        "an array, or [model(x) for x in X] for Values"
    )
