"""Parts to build networks of, and ``Sequential``, which puts them in a row.

Like all modules they take ONE observation. A part takes a list of numbers and gives a list of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Never, overload

import numpy as np

from autodiff import Operation, Value, dot, mean, select, sqrt
from nn.arguments import ActivationLike, Inputs, activation_of, check_one_list, counted, name_of, nodes
from nn.dropping import check_probability, dropout
from nn.losses import is_vector
from nn.mistakes import Renamed, instead
from nn.module import Module
from nn.seeding import Seed, generator


class Activation(Module):
    """A function of each number by itself.

    Args:
        function: the name of an operation of one operand, or a function of a ``Value``.

    Raises:
        TypeError: it is neither a str nor callable.
        ValueError: the operation is unknown, or has not one operand.

    >>> Activation("relu")([-1.0, 2.0])
    [0.0, 2.0]
    """

    def __init__(self, function: ActivationLike) -> None:
        self.function = activation_of(function)

    def __call__(self, inputs: Any) -> Any:
        """(inputs,) numbers or ``Value``s → (inputs,); of one number the function of it."""
        if self.function is None:
            return inputs
        return [*map(self.function, inputs)] if is_vector(inputs) else self.function(inputs)

    def __repr__(self) -> str:
        return f"Activation({name_of(self.function)!r})"


class Sequential(Module):
    """Parts in a row: each takes what the one before it gives.

    Where a part gives one number, as ``MLP(2, [1])`` does, the next one takes a list of it.

    Args:
        *layers: modules; and activations, each the name of an operation of one operand, or the operation.

    Raises:
        TypeError: there is something else.
        ValueError: there are no parts, or an activation is unknown.

    >>> from nn import Linear
    >>> model = Sequential(Linear(2, 16), "relu", Linear(16, 1))
    >>> model
    Sequential(Linear(2, 16) → relu → Linear(16, 1), 65 parameters)
    >>> model([0.5, -1.0]).backward()
    >>> model[0].neurons[3].bias.label
    'layers.0.neurons.3.bias'
    """

    def __init__(self, *layers: Module | str | Operation) -> None:
        if not layers:
            raise ValueError("at least one part is needed: Sequential(Linear(2, 16), 'relu', Linear(16, 1))")
        self.layers = [_part(layer) for layer in layers]

    def __call__(self, inputs: Any, *others: Never) -> Any:
        """The prediction: a scalar if the last part gives one number, else what it gives.

        Args:
            inputs: what the first part takes.

        Raises:
            Exception: a part raised it.
        """
        check_one_list(self, others)
        first, *rest = self.layers
        signal = first(inputs)
        for layer in rest:
            signal = layer(signal if is_vector(signal) else [signal])
        return signal[0] if is_vector(signal) and len(signal) == 1 and not is_vector(signal[0]) else signal

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        """A part; or of a slice, such as ``model[:-1]``, those parts in a row, with the same parameters."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __repr__(self) -> str:
        parts = [name_of(layer.function) if isinstance(layer, Activation) else repr(layer) for layer in self.layers]
        return f"Sequential({' → '.join(parts)}, {len(self.parameters())} parameters)"


class Dropout(Module):
    """:func:`dropout` as a part of a network: at work in ``fit``, and wherever the model is called by hand.

    ``predict``, the validation of a training and ``without_dropout()`` leave nothing out; there is nothing to switch.

    Args:
        p: the probability with which a number is left out, from 0 up to but not including 1.
        rng: the seed or generator of the draws. None is a seed made of the part's name in the model, so that two of
            them in a model draw differently, and the same in every run.

    Raises:
        TypeError: the seed is none.
        ValueError: p or the seed is out of range.

    >>> part = Dropout(0.5, rng=0)
    >>> part([1.0, 2.0, 3.0, 4.0])
    [2.0, 0.0, 0.0, 0.0]
    """

    @instead(inplace="a part gives a new list", rate="p", seed="rng")
    def __init__(self, p: float = 0.5, rng: Seed = None) -> None:
        check_probability(p)
        self.p = p
        self.seeded_by_name = rng is None
        self.rng = generator(rng)

    def placed(self, name: str) -> None:
        if self.seeded_by_name:
            self.rng = np.random.default_rng([0, *name.encode()])

    def __call__(self, values: Any) -> list[Any]:
        """(values,) numbers or ``Value``s → (values,).

        Raises:
            FrozenNumberError: as :func:`dropout`.
        """
        return dropout(values, self.p, rng=self.rng)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class LayerNorm(Module):
    """The numbers moved and scaled to a mean of 0 and a variance of 1, then by a weight and a bias of each.

    Ba, Kiros and Hinton 2016, "Layer Normalization", eq. 4, over one observation; ``epsilon`` is added to the variance.

    Args:
        inputs: how many numbers it takes.
        epsilon: a positive number that keeps the division finite.

    Raises:
        TypeError: inputs is not an int.
        ValueError: inputs is below 1, or epsilon is not positive.

    >>> LayerNorm(2)
    LayerNorm(2)
    >>> print(*(f"{y:.3f}" for y in LayerNorm(2)([1.0, 3.0])))
    -1.000 1.000
    """

    weight, bias = Renamed("weights"), Renamed("biases")

    @instead(
        normalized_shape="inputs", eps="epsilon", elementwise_affine="leave its weights and biases out of the optimizer"
    )
    def __init__(self, inputs: int, epsilon: float = 1e-5) -> None:
        inputs = counted("inputs", inputs)
        if not epsilon > 0:
            raise ValueError(f"epsilon must be positive, not {epsilon!r}")
        self.weights, self.biases = [Value(1.0) for _ in range(inputs)], [Value(0.0) for _ in range(inputs)]
        self.epsilon = epsilon

    def __call__(self, inputs: Inputs, *others: Never) -> list[Any]:
        """(inputs,) numbers or ``Value``s → (inputs,).

        Raises:
            TypeError: the inputs are not a sequence of real numbers.
            ValueError: there are too many or too few.
        """
        check_one_list(self, others)
        given = nodes(inputs, len(self.weights))
        center = mean(given)
        distances = [x - center for x in given]
        scale = 1 / sqrt(dot(distances, distances) / len(distances) + self.epsilon)
        return [weight * (x * scale) + bias for weight, x, bias in zip(self.weights, distances, self.biases)]

    def __repr__(self) -> str:
        return f"LayerNorm({len(self.weights)})"


class Embedding(Module):
    """A row of numbers for each of several things, such as words, chosen by an index.

    The initial numbers are normal with variance 1.

    Args:
        count: how many rows there are.
        size: of how many numbers a row is.
        rng: the seed or generator of the initial numbers; None is the seed 0.

    Raises:
        TypeError: a count is not an int.
        ValueError: a count is below 1.

    >>> embedding = Embedding(10, 3)
    >>> embedding
    Embedding(10, 3)
    >>> len(embedding(7)), len(embedding([7, 0]))
    (3, 2)
    """

    weight = Renamed("weights")

    @instead(num_embeddings="count", embedding_dim="size", input_dim="count", output_dim="size", seed="rng")
    def __init__(self, count: int, size: int, rng: Seed = None) -> None:
        numbers = generator(rng).standard_normal((counted("count", count), counted("size", size)))
        self.weights = [[Value(number) for number in row] for row in numbers]

    def __call__(self, index: Any) -> list[Any]:
        """The row of an index, (size,); of several indices, (indices,), the row of each, (indices, size).

        Args:
            index: a whole number from 0, of whatever type, as tables have 1.0 for 1; or a sequence of them.

        Raises:
            TypeError: it is no whole number.
            ValueError: there is no such row.
        """
        if is_vector(index):
            return [self(each) for each in index]
        whole = isinstance(index, (float, np.floating)) and float(index).is_integer()
        row: list[Any] = select(self.weights, int(index) if whole else index)
        return row

    def __repr__(self) -> str:
        return f"Embedding({len(self.weights)}, {len(self.weights[0])})"


def _part(given: Any) -> Module:
    if isinstance(given, Module):
        return given
    if isinstance(given, (str, Operation)):
        return Activation(given)
    what = f"the class {given.__name__}" if isinstance(given, type) else f"{type(given).__name__} {given!r:.60}"
    advice = (
        "write its arguments, such as Linear(2, 16)"
        if isinstance(given, type)
        else "Sequential(*layers) for a list of parts"
        if isinstance(given, (list, tuple))
        else "Activation(function) is a function of each number; write a Module with a __call__ for one of all of them"
    )
    raise TypeError(f"a part must be a module, or an operation or its name, not {what}: {advice}")
