"""A tiny layer of neural networks on top of ``autodiff``: everything is scalars, and all of it can be stepped through.

>>> from nn import MLP, Adam, binary_cross_entropy, fit, moons
>>> data = moons(20)
>>> model = MLP(2, [4, 1])
>>> history = fit(model, data.inputs, data.targets, binary_cross_entropy,
...     optimizer=Adam(model.parameters(), learning_rate=0.05), epochs=30, progress=False)
>>> history.losses[-1] < history.losses[0]
True

``MLPClassifier`` and ``MLPRegressor`` are estimators of scikit-learn, and need it.
"""

from typing import TYPE_CHECKING, Any

from nn.clipping import clip_gradients
from nn.datasets import Dataset, circles, digits, iris, moons, spirals
from nn.descent import Descent, descend
from nn.directions import principal_directions, random_directions
from nn.dropping import dropout, without_dropout
from nn.epoch_metrics import Epoch, NonFiniteLossError
from nn.landscape import Landscape, loss_landscape
from nn.layers import MLP, Layer, Linear, Neuron
from nn.losses import (
    absolute_error,
    binary_cross_entropy,
    hinge,
    mean_over,
    softmax_cross_entropy,
    squared_error,
    sum_over,
)
from nn.mistakes import no_such_name
from nn.module import Module
from nn.optimizers import Optimizer
from nn.parts import Activation, Dropout, Embedding, LayerNorm, Sequential
from nn.plots import plot_contour, plot_decision_boundary, plot_loss, plot_surface
from nn.recurrent import GRUCell, RNNCell
from nn.schedules import CosineDecay, StepDecay, Warmup
from nn.taking_along import to_onnx
from nn.torch_networks import from_torch, to_torch
from nn.training import History, accuracy, fit
from nn.update_rules import SGD, Adam, AdamW

if TYPE_CHECKING:
    from nn.estimators import MLPClassifier as MLPClassifier
    from nn.estimators import MLPRegressor as MLPRegressor

__all__ = [
    "MLP", "SGD", "Activation", "Adam", "AdamW", "CosineDecay", "Dataset", "Descent", "Dropout", "Embedding",
    "Epoch", "GRUCell", "History", "Landscape", "Layer", "LayerNorm", "Linear", "Module", "Neuron",
    "NonFiniteLossError", "Optimizer", "RNNCell", "Sequential", "StepDecay", "Warmup", "absolute_error", "accuracy",
    "binary_cross_entropy", "circles", "clip_gradients", "descend", "digits", "dropout", "fit", "from_torch", "hinge",
    "iris", "loss_landscape", "mean_over", "moons", "plot_contour", "plot_decision_boundary", "plot_loss",
    "plot_surface", "principal_directions", "random_directions", "softmax_cross_entropy", "spirals", "squared_error",
    "sum_over", "to_onnx", "to_torch", "without_dropout",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("MLPClassifier", "MLPRegressor"):  # they load scikit-learn
        from nn import estimators

        return getattr(estimators, name)
    raise AttributeError(no_such_name(name))
