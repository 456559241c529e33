"""Recurrent cells: what a network remembers of a sequence, renewed by each of its elements.

A cell takes one element and the state so far, and gives the new state; a loop in Python runs it over a sequence:

>>> from nn import Linear, Module
>>> class LastWord(Module):
...     def __init__(self):
...         self.cell, self.last = GRUCell(1, 4), Linear(4, 1)
...     def __call__(self, sequence):
...         state = None
...         for x in sequence:
...             state = self.cell([x], state)
...         return self.last(state)[0]
>>> LastWord().predict([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]).shape
(2,)
"""

from __future__ import annotations

from typing import Any

from autodiff import tanh
from nn.arguments import ActivationLike, Inputs, nodes
from nn.layers import Layer, Linear
from nn.mistakes import instead
from nn.module import Module
from nn.seeding import Seed, generator

OTHERS = {"input_size": "inputs", "hidden_size": "size", "nonlinearity": "activation", "seed": "rng",
          "bias": "the neurons of a cell have biases; set them to 0 and leave them out of the optimizer"}  # fmt: skip


class RNNCell(Module):
    """A layer of neurons that take the inputs and their own last outputs.

    Elman 1990, "Finding Structure in Time": state ← tanh(W · inputs + U · state + b), each neuron with its rows of W
    and U side by side.

    Args:
        inputs: how many numbers an element has.
        size: how many numbers the state has.
        activation: as for :class:`Neuron`.
        rng: the seed or generator of the initial weights; None is the seed 0.

    Raises:
        TypeError, ValueError: as :class:`Neuron`.

    >>> cell = RNNCell(2, 3)
    >>> cell
    RNNCell(2, 3, activation='tanh')
    >>> state = cell([0.5, -1.0])
    >>> len(cell([1.0, 0.0], state))
    3
    """

    @instead(**OTHERS)
    def __init__(self, inputs: int, size: int, activation: ActivationLike = "tanh", rng: Seed = None) -> None:
        self.layer = Layer(inputs + size, size, activation, rng)
        self.inputs, self.size = inputs, size

    def __call__(self, inputs: Inputs, state: Inputs | None = None) -> list[Any]:
        """The new state, (size,).

        Args:
            inputs: (inputs,) numbers or ``Value``s.
            state: (size,), what the cell gave before; None is the beginning, all zeros.

        Raises:
            TypeError: they are not sequences of real numbers.
            ValueError: there are too many or too few.
        """
        return self.layer((*nodes(inputs, self.inputs), *_state(state, self.size)))

    def __repr__(self) -> str:
        _, _, activation = repr(self.layer).split(", ")
        return f"RNNCell({self.inputs}, {self.size}, {activation}"


class GRUCell(Module):
    """A gated recurrent unit: gates decide how much of the state is seen, and how much of it stays.

    Cho et al. 2014, "Learning Phrase Representations using RNN Encoder–Decoder for Statistical Machine Translation",
    eqs. 5 to 8, with the reset gate r after the product, as PyTorch has it:

        n ← tanh(W · inputs + b + r · (U · state + c))
        state ← (1 − z) · n + z · state

    Args:
        inputs, size, rng: as for :class:`RNNCell`.

    Raises:
        TypeError, ValueError: as :class:`Neuron`.

    >>> GRUCell(2, 3)
    GRUCell(2, 3)
    >>> len(GRUCell(2, 3)([0.5, -1.0]))
    3
    """

    @instead(**OTHERS)
    def __init__(self, inputs: int, size: int, rng: Seed = None) -> None:
        rng = generator(rng)
        self.reset, self.update = (Layer(inputs + size, size, "sigmoid", rng) for _ in range(2))
        self.from_inputs, self.from_state = Linear(inputs, size, rng=rng), Linear(size, size, rng=rng)
        self.inputs, self.size = inputs, size

    def __call__(self, inputs: Inputs, state: Inputs | None = None) -> list[Any]:
        """The new state, (size,); arguments and errors as of :class:`RNNCell`."""
        given, before = nodes(inputs, self.inputs), _state(state, self.size)
        seen, kept = self.reset((*given, *before)), self.update((*given, *before))
        parts = zip(self.from_inputs(given), seen, self.from_state(before))
        new = [tanh(x + r * h) for x, r, h in parts]
        return [(1 - z) * n + z * h for z, n, h in zip(kept, new, before)]

    def __repr__(self) -> str:
        return f"GRUCell({self.inputs}, {self.size})"


def _state(state: Inputs | None, size: int) -> tuple[Any, ...]:
    return nodes([0.0] * size if state is None else state, size)
