"""The one rule for randomness: a seed or a generator may be given, and without one the seed is 0."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Seed: TypeAlias = int | np.random.Generator | None


def generator(rng: Seed = None) -> np.random.Generator:
    """The NumPy generator that a seed stands for.

    Args:
        rng: a seed; a generator, which is used and moved on; or None for the seed 0, so that a
            program without seeds gives the same numbers in every run.

    Raises:
        TypeError: it is none of these.
        ValueError: the seed is negative.

    >>> generator().random(2).tolist() == generator(0).random(2).tolist()
    True
    """
    if isinstance(rng, np.random.Generator):
        return rng
    seed = 0 if rng is None else rng
    if not isinstance(seed, (int, np.integer)):
        raise TypeError(f"rng must be an int, a numpy.random.Generator or None, not {type(rng).__name__} {rng!r:.60}")
    if seed < 0:
        raise ValueError(f"a seed must not be negative: {seed} was given")
    return np.random.default_rng(int(seed))
