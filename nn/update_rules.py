"""SGD, Adam and AdamW: the rules by which a parameter moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autodiff import Value, sqrt
from nn.mistakes import instead
from nn.optimizers import Optimizer, Rate, check_option

OTHERS = {"lr": "learning_rate", "decay": "weight_decay", "nesterov": "SGD has plain momentum",
          "clipnorm": "fit() has clip_norm=, and nn.clip_gradients() clips by hand",
          "clipvalue": "fit() has clip_value=, and nn.clip_gradients() clips by hand"}  # fmt: skip
OTHERS_OF_ADAM = {"betas": "they are two, beta1=0.9 and beta2=0.999", "eps": "epsilon",
                  "amsgrad": "Adam is that of its paper", "momentum": "beta1", **OTHERS}  # fmt: skip
"""Options that optimizers have elsewhere."""


class SGD(Optimizer):
    """Gradient descent, with momentum if wished: v ← momentum · v + gradient, parameter ← parameter − rate · v.

    Stochastic if the gradients are those of a part of the data. The source of the momentum is Polyak
    1964, "Some methods of speeding up the convergence of iteration methods", eq. 9, with the learning
    rate outside the velocity, so that a schedule acts at once.

    Args:
        parameters, learning_rate, weight_decay: as for :class:`Optimizer`.
        momentum: from 0 up to but not including 1.

    Raises:
        TypeError, ValueError: as :class:`Optimizer`; a ValueError also if the momentum is out of range.

    >>> x = Value(3.0, label="x")
    >>> descent = SGD([x], learning_rate=0.25)
    >>> for _ in range(3):
    ...     descent.zero_grad()
    ...     (x ** 2).backward()
    ...     descent.step()
    >>> x.data
    0.375
    """

    states = 1  # the velocity

    @instead("SGD(model.parameters(), learning_rate=0.01)", **OTHERS)
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        check_option("momentum", momentum, lambda number: 0 <= number < 1, "at least 0 and below 1")
        self.momentum = momentum

    def rule(self, gradient: Any, rate: Any, step: Any, velocity: Any) -> tuple[Any, ...]:
        velocity = self.momentum * velocity + gradient
        return -rate * velocity, velocity


class Adam(Optimizer):
    """Adam: steps of about the learning rate, whatever the scale of the gradients.

    Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", Algorithm 1, with its defaults.

    Args:
        parameters, learning_rate, weight_decay: as for :class:`Optimizer`.
        beta1: the decay of the mean of the gradients, from 0 up to but not including 1.
        beta2: the decay of the mean of their squares, in the same range.
        epsilon: a positive number that keeps the division finite.

    Raises:
        TypeError, ValueError: as :class:`Optimizer`; a ValueError also if an option is out of range.

    >>> x = Value(3.0, label="x")
    >>> adam = Adam([x], learning_rate=0.5)
    >>> (x ** 2).backward()
    >>> adam.step()
    >>> print(f"{x:.6f}")
    2.500000
    """

    states = 2  # the moments

    @instead("Adam(model.parameters(), learning_rate=0.001)", **OTHERS_OF_ADAM)
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: Rate = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        check_option("beta1", beta1, lambda number: 0 <= number < 1, "at least 0 and below 1")
        check_option("beta2", beta2, lambda number: 0 <= number < 1, "at least 0 and below 1")
        check_option("epsilon", epsilon, lambda number: number > 0, "positive")
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def rule(self, gradient: Any, rate: Any, step: Any, first: Any, second: Any) -> tuple[Any, ...]:
        first = self.beta1 * first + (1 - self.beta1) * gradient
        second = self.beta2 * second + (1 - self.beta2) * gradient * gradient
        bias1, bias2 = 1 - self.beta1**step, 1 - self.beta2**step
        return -rate * (first / bias1) / (sqrt(second / bias2) + self.epsilon), first, second


class AdamW(Adam):
    """Adam with a weight decay beside it: in each step, a parameter loses rate · weight_decay of itself.

    Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", Algorithm 2, with PyTorch's product of rate and
    decay.

    Args:
        parameters, learning_rate, beta1, beta2, epsilon: as for :class:`Adam`.
        weight_decay: at least 0.

    Raises:
        TypeError, ValueError: as :class:`Adam`.

    >>> x = Value(3.0, label="x")
    >>> adam = AdamW([x], learning_rate=0.5, weight_decay=0.1)
    >>> (x ** 2).backward()
    >>> adam.step()
    >>> print(f"{x:.6f}")
    2.350000
    """

    decoupled = True

    @instead("AdamW(model.parameters(), learning_rate=0.001)", **OTHERS_OF_ADAM)
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: Rate = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, learning_rate, beta1, beta2, epsilon, weight_decay=weight_decay)
