"""What a lesson is about: a data set, a network, and the settings of its weights that are told of.

The lecture's own is :func:`lecture`; ``own`` makes one of any small data set. Page, chapters and exercises read this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import autodiff
from demos.lesson import network as irises
from demos.lesson.language import Texts
from nn import MLP, Dataset, Landscape, loss_landscape
from nn.losses import Loss

SETTINGS = ("first", "second", "valley", "hill")
"""The two settings that are compared, the lowest known point, and where a descent starts."""
RATES = {"sgd": 0.05, "momentum": 0.05, "adam": 0.2}
"""The learning rate of each optimizer, for one weight as for all; a descent begins with the first."""
MOMENTUM = 0.8
RESOLUTION = 61
"""How many points of the mountain are computed along each axis."""
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class Content:
    """A data set, a network with one hidden layer, and named settings of its weights."""

    data: Dataset
    """(observations, features) as the network reads them; targets are labels from 1 on."""
    measures: NDArray[np.float64]
    """(observations, features) as they were measured."""
    units: tuple[str, ...]
    hidden: int
    settings: Mapping[str, tuple[float, ...]]
    """A number for each weight, by the names of ``SETTINGS``; they differ in the first two weights alone."""
    reach: float
    """The mountain stands over −reach … reach of the first two weights."""
    is_standardized: bool = True
    """Whether the network reads the features with mean 0 and standard deviation 1."""
    is_lecture: bool = False
    """Whether these are the lecture's six flowers, which have names and pictures of their own."""

    @property
    def features(self) -> int:
        """How many features an observation has."""
        return self.data.inputs.shape[1]

    @property
    def is_expanded(self) -> bool:
        """Whether each product and sum is a node of its own; a larger network has one node for a neuron's sum."""
        return self.hidden == 1 and self.features <= 2

    @property
    def weight_names(self) -> tuple[str, ...]:
        """The weights in the order of the network's parameters: w₁, w₂, b, v, c for two features and one neuron."""
        return weight_names(self.features, self.hidden)

    def network(self, setting: Sequence[float] | str = "first") -> MLP:
        """The network with that setting, or the one of that name."""
        numbers = self.settings[setting] if isinstance(setting, str) else setting
        model = MLP(self.features, [self.hidden, 1], activation="tanh", expanded=self.is_expanded)
        for value, name, number in zip(model.parameters(), self.weight_names, numbers, strict=True):
            value.label, value.data = name, float(number)
        return model

    def labels(self, setting: Sequence[float] | str) -> list[int]:
        """What the network predicts with that setting, rounded to labels."""
        model = self.network(setting)
        return [irises.label_of(model(features)) for features in self.data.inputs]

    def errors(self, setting: Sequence[float] | str) -> list[int]:
        """|label − predicted label| of each observation."""
        return [abs(label - int(true)) for label, true in zip(self.labels(setting), self.data.targets)]


def lecture() -> Content:
    """The lecture's six flowers and its network."""
    settings = (irises.FIRST, irises.SECOND, irises.VALLEY, irises.HILL)
    return Content(
        irises.data(), irises.measures(), ("cm", "cm"), 1, dict(zip(SETTINGS, map(tuple, settings))), 3.0,
        is_lecture=True,
    )  # fmt: skip


def weight_names(features: int, hidden: int) -> tuple[str, ...]:
    """The names of the weights: w of each neuron and feature, b of each neuron, v of each neuron, and c.

    >>> weight_names(2, 1)
    ('w₁', 'w₂', 'b', 'v', 'c')
    >>> weight_names(1, 2)
    ('w₁', 'b₁', 'w₂', 'b₂', 'v₁', 'v₂', 'c')
    """
    names: list[str] = []
    for neuron in range(1, hidden + 1):
        own = neuron if hidden > 1 else ""
        names += [subscripted("w", own, feature if features > 1 else "") for feature in range(1, features + 1)]
        names.append(subscripted("b", own))
    names += [subscripted("v", neuron if hidden > 1 else "") for neuron in range(1, hidden + 1)]
    return (*names, "c")


def lesson_texts(said: Texts, content: Content, source: str = "") -> Texts:
    """The texts with what is true of this lesson filled in."""
    count = said.count(len(content.data))
    sums = {name: sum(content.errors(name)) for name in ("first", "second", "valley")}
    third = said["loss.note.none" if sums["valley"] else "loss.note.third"]
    own = not content.is_lecture
    parts = {"count": count, "weights": said.count(len(content.weight_names)), "source": source}
    parts |= {"first": sums["first"], "second": sums["second"]}
    parts["standardized"] = said["data.standardized"] if content.is_standardized else ""
    things = said["own.things"] if own else said["things"]
    return said.told(own, third=third.replace("{count}", count).replace("{things}", things), **parts)


def input_names(content: Content) -> list[str]:
    """The features as the network calls them: x₁, x₂; x if there is one."""
    return [subscripted("x", place if content.features > 1 else "") for place in range(1, content.features + 1)]


def landscape(content: Content, loss: Loss) -> Landscape:
    """The sum of all errors over the first two weights; the others are those of the settings."""
    reach = (-content.reach, content.reach)
    return loss_landscape(
        content.network(), content.data.inputs, content.data.targets, loss, weights=content.weight_names[:2],
        reduction="sum", x_range=reach, y_range=reach, resolution=RESOLUTION,
    )  # fmt: skip


def subscripted(name: str, *indices: int | str) -> str:
    """The name with its indices as a typesetter writes them.

    >>> subscripted("w", 1, 2)
    'w₁₂'
    """
    return name + "".join(map(str, indices)).translate(_SUBSCRIPTS)


def predictions(content: Content, settings: Any) -> NDArray[np.float64]:
    """(settings, observations): the predictions for all observations with many settings of the weights at once.

    Args:
        settings: (settings, weights).
    """
    model = content.network([0.0] * len(content.weight_names))
    settings = np.asarray(settings, dtype=np.float64)

    def predict(weights: Any, x: Any) -> Any:
        return irises.with_weights(model, list(weights))(x)

    inputs = content.data.inputs
    rows, data = np.repeat(settings, len(inputs), axis=0), np.tile(inputs, (len(settings), 1))
    found: NDArray[np.float64] = autodiff.compile(predict)(rows, data)
    return found.reshape(len(settings), len(inputs))
