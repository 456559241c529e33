"""Directions for projections: planes through the parameters that no two weights span."""

from __future__ import annotations

import numpy as np

from nn.descent import Descent
from nn.module import Module
from nn.objective import Array
from nn.seeding import Seed, generator


def random_directions(model: Module, rng: Seed = None) -> Array:
    """Two random directions, filter-normalised: in each neuron as long as its weights are; biases stay.

    Li, Xu, Taylor, Studer and Goldstein 2018, "Visualizing the Loss Landscape of Neural Nets", arXiv:1712.09913,
    section 4: without this, a network whose weights are large looks flatter than the same function with small ones.

    Args:
        model: the parameters that stand in one list, as a neuron's weights do, are a filter.
        rng: a seed or generator; None is the seed 0.

    Returns:
        (2, parameters)

    >>> from nn import MLP
    >>> model = MLP(2, [3, 1])
    >>> directions = random_directions(model)
    >>> weights = [value.data for value in model.layers[0].neurons[0].weights]
    >>> bool(np.isclose(np.linalg.norm(directions[0, :2]), np.linalg.norm(weights)))
    True
    """
    named = list(model.named_parameters())
    directions = generator(rng).standard_normal((2, len(named)))
    numbers = np.array([value.data for _, value in named])
    filters: dict[str, list[int]] = {}
    for index, (name, _) in enumerate(named):
        holder, _, last = name.rpartition(".")
        filters.setdefault(holder if last.isdecimal() else "", []).append(index)
    for holder, indices in filters.items():
        length = np.linalg.norm(numbers[indices]) if holder else 0.0
        directions[:, indices] *= length / np.linalg.norm(directions[:, indices], axis=1, keepdims=True)
    return directions


def principal_directions(descent: Descent) -> tuple[Array, Array]:
    """The two directions in which a training run went furthest: principal component analysis of its parameters.

    Li et al. 2018 (as in :func:`random_directions`), section 7: of the differences to the last parameters. Call
    :func:`loss_landscape` with the model at the end of the run, and these as directions.

    Returns:
        (2, parameters) of length 1, and (2,) the part of the run's variation that each of them explains.

    Raises:
        ValueError: the run has fewer than two steps, or never left a straight line.
    """
    differences = descent.parameters[:-1] - descent.parameters[-1]
    _, sizes, components = np.linalg.svd(differences, full_matrices=False)
    if len(sizes) < 2 or sizes[1] <= 1e-12 * sizes[0]:
        raise ValueError(f"a plane needs a run that turns at least once, not {descent!r}")
    return components[:2], (sizes**2 / (sizes**2).sum())[:2]
