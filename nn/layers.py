"""Neurons, layers and multi-layer perceptrons, with seeded initial weights.

The initial weights keep the variance of the signal from layer to layer. Before a relu or one of its
smooth relatives they are normal with variance 2 / inputs (He et al. 2015, "Delving Deep into
Rectifiers", eq. 10); else they are uniform on ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010,
"Understanding the difficulty of training deep feedforward neural networks", eq. 16). Biases start at 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Never

import numpy as np

from autodiff import Value, dot
from nn.arguments import ActivationLike, Inputs, activation_of, check_number, check_one_list, counted, name_of, nodes
from nn.mistakes import Renamed, instead
from nn.module import Module
from nn.seeding import Seed, generator

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
        bias: whether a bias is added; without one, ``bias`` is None.
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
        activation: ActivationLike = "relu",
        rng: Seed = None,
        *,
        expanded: bool = False,
        bias: bool = True,
        fan_out: int = 1,
    ) -> None:
        inputs, fan_out = counted("inputs", inputs), counted("fan_out", fan_out)
        self.activation = activation_of(activation)
        rng = generator(rng)
        if self.activation is not None and name_of(self.activation) in RELU_LIKE:
            weights = rng.normal(0.0, np.sqrt(2 / inputs), inputs)
        else:
            limit = np.sqrt(6 / (inputs + fan_out))
            weights = rng.uniform(-limit, limit, inputs)
        self.weights = [Value(weight) for weight in weights]
        self.bias = Value(0.0) if bias else None
        self.expanded = expanded

    def __call__(self, inputs: Sequence[Any], *others: Never) -> Value:
        """The neuron's output, a scalar.

        Args:
            inputs: (inputs,) numbers or ``Value``s.

        Raises:
            ValueError: the number of inputs is not that of the weights.
        """
        check_one_list(self, others)
        check_number(inputs, len(self.weights))
        if self.expanded:
            weighted = self.weights[0] * inputs[0]
            for weight, x in zip(self.weights[1:], inputs[1:]):
                weighted = weighted + weight * x
        else:
            weighted = dot(self.weights, inputs)
        response: Value = weighted if self.bias is None else weighted + self.bias
        return response if self.activation is None else self.activation(response)

    def __repr__(self) -> str:
        return f"Neuron({len(self.weights)}, activation={name_of(self.activation)!r})"


class Layer(Module):
    """A row of neurons that all take the same inputs.

    Args:
        inputs: how many inputs it takes.
        outputs: how many neurons there are.
        activation, rng, expanded, bias: as for :class:`Neuron`.

    Raises:
        TypeError, ValueError: as :class:`Neuron`.

    >>> layer = Layer(2, 3)
    >>> layer
    Layer(2, 3, activation='relu')
    >>> len(layer([0.5, -1.0]))
    3
    """

    w, b = Renamed("neurons[…].weights"), Renamed("neurons[…].bias")

    @instead(**OTHERS)
    def __init__(
        self,
        inputs: int,
        outputs: int,
        activation: ActivationLike = "relu",
        rng: Seed = None,
        *,
        expanded: bool = False,
        bias: bool = True,
    ) -> None:
        rng, outputs = generator(rng), counted("outputs", outputs)
        self.neurons = [
            Neuron(inputs, activation, rng, expanded=expanded, bias=bias, fan_out=outputs) for _ in range(outputs)
        ]  # fmt: skip

    def __call__(self, inputs: Inputs, *others: Never) -> list[Value]:
        """The outputs of all neurons, always a list.

        Args:
            inputs: (inputs,) numbers or ``Value``s.

        Raises:
            TypeError: the inputs are not a sequence of real numbers.
            ValueError: there are too many or too few.
        """
        check_one_list(self, others)
        given = nodes(inputs, self.inputs)
        return [neuron(given) for neuron in self.neurons]

    @property
    def inputs(self) -> int:
        """How many inputs it takes."""
        return len(self.neurons[0].weights)

    def __repr__(self) -> str:
        first = self.neurons[0]
        return f"Layer({self.inputs}, {len(self.neurons)}, activation={name_of(first.activation)!r})"


class Linear(Layer):
    """A layer without an activation: ``weights @ inputs + biases``.

    Args:
        inputs: how many inputs it takes.
        outputs: how many outputs it has.
        bias: whether biases are added.
        rng: the seed or generator of the initial weights; None is the seed 0.

    Raises:
        TypeError, ValueError: as :class:`Neuron`.

    >>> linear = Linear(2, 3, bias=False)
    >>> linear
    Linear(2, 3, bias=False)
    >>> len(linear([0.5, -1.0]))
    3
    """

    weight, bias = Renamed("neurons[…].weights"), Renamed("neurons[…].bias")

    @instead(in_features="inputs", out_features="outputs", activation="Layer(inputs, outputs, activation)", **OTHERS)
    def __init__(self, inputs: int, outputs: int, bias: bool = True, rng: Seed = None) -> None:
        super().__init__(inputs, outputs, "linear", rng, bias=bias)

    def __repr__(self) -> str:
        without = "" if self.neurons[0].bias is not None else ", bias=False"
        return f"Linear({self.inputs}, {len(self.neurons)}{without})"


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
        activation: ActivationLike = "relu",
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
        rng, activation = generator(rng), activation_of(activation) or "linear"
        activations = [activation] * (len(sizes) - 2) + ["linear"]
        self.layers = [
            Layer(before, after, function, rng, expanded=expanded)
            for before, after, function in zip(sizes, sizes[1:], activations)
        ]

    def __call__(self, inputs: Inputs, *others: Never) -> Any:
        """The prediction: a scalar if the last layer has one neuron, else a list of scalars.

        Args:
            inputs: (inputs,) numbers or ``Value``s; plain numbers become constants.

        Raises:
            TypeError: the inputs are not a sequence of real numbers.
            ValueError: there are too many or too few.
        """
        check_one_list(self, others)
        signal: Any = inputs
        for layer in self.layers:
            signal = layer(signal)
        return signal[0] if len(signal) == 1 else signal

    def __repr__(self) -> str:
        layers = [f"{len(layer.neurons)} {name_of(layer.neurons[0].activation)}" for layer in self.layers]
        return f"MLP({' → '.join([str(self.layers[0].inputs), *layers])}, {len(self.parameters())} parameters)"
