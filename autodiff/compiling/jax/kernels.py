"""Neighbouring instructions of one kind as a few operations on arrays: matrices for layers, whole vectors for the rest.

Each kernel runs ONE observation; ``jax.vmap`` makes of it what runs a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from autodiff.compiling.jax.places import Fetch, Places, Slots
from autodiff.compiling.jax.rows import Row, is_tame, norms
from autodiff.operations import Operation
from autodiff.rules import SELECT, dot, norm, total

MOST_LAYERS = 16
"""Dots with more right halves than that, which do not share a matrix, are taken as products, not as layers."""
EXACT = jax.lax.Precision.HIGHEST
"""Products of matrices in the type of their numbers, and not in a shorter one as GPUs do by default."""


class Kernel:
    """Runs some instructions.

    Args:
        operands: (instructions, operands) their slots.
        *fetches: what gives the arrays that ``run`` takes.
    """

    is_tame = True
    """Whether numbers of moderate size give such, and such derivatives."""
    is_linear = False
    """Whether the local derivatives are constants."""

    def __init__(self, operands: Slots, *fetches: Fetch) -> None:
        self.operands, self.fetches = operands, fetches
        self.always = [True] * operands.shape[1]
        """For each column of operands, whether the results depend on it in any case."""
        self.safe = [0.0] * len(fetches)
        """For each array, a number at which value and derivatives are finite."""

    def run(self, *arrays: Any) -> Any:
        """(instructions,): the results."""
        raise NotImplementedError

    def reached(self, arrays: Sequence[Any], counts: Sequence[Any]) -> Any:
        """(instructions,): the sums of what is given for each number that the result depends on."""
        return reduce(add, [each.reshape(len(self.operands), -1).sum(1) for each in counts])

    def masks(self, mask: Any) -> list[Any]:
        """For each array, which of its numbers are operands of results where the mask holds."""
        return [mask.reshape(-1, *[1] * (len(fetch.shape) - 1)) for fetch in self.fetches]


class Elementwise(Kernel):
    """An operation of the table on vectors of operands; one that is the same constant everywhere is known."""

    def __init__(self, places: Places, constants: NDArray[np.float64], op: Operation, operands: Slots) -> None:
        known = tuple(_only(constants, column) for column in operands.T)
        known = known if None in known else (None,) * len(known)
        self.row = Row(op, known)
        super().__init__(operands, *(places.fetch(operands[:, at]) for at in self.row.wanted))
        for at, always in zip(self.row.wanted, self.row.always):
            self.always[at] = always
        self.safe = self.row.safe
        self.is_linear = self.row.is_linear
        self.is_tame = is_tame(op, known)

    def run(self, *arrays: Any) -> Any:
        return self.row(*arrays)

    def reached(self, arrays: Sequence[Any], counts: Sequence[Any]) -> Any:
        return self.row.reached(arrays, counts)


def _only(constants: NDArray[np.float64], slots: Slots) -> float | None:
    """The number in all of the slots, if that is a constant."""
    first = int(slots[0])
    return float(constants[first]) if first < len(constants) and (slots == first).all() else None


class Layer(Kernel):
    """Dots whose left halves are a matrix, taken with one or several right halves: a matrix product."""

    def __init__(self, places: Places, operands: Slots, groups: int = 1) -> None:
        rows, half = len(operands) // groups, operands.shape[1] // 2
        super().__init__(operands, places.fetch(operands[:rows, :half]), places.fetch(operands[::rows, half:]))
        self.groups = groups

    def run(self, *arrays: Any) -> Any:
        matrix, columns = arrays
        if self.groups == 1:
            return jnp.matmul(matrix, columns[0], precision=EXACT)
        return jnp.matmul(columns, matrix.T, precision=EXACT).ravel()

    def reached(self, arrays: Sequence[Any], counts: Sequence[Any]) -> Any:
        rows, columns = (each.sum(1) for each in counts)
        return (columns[:, None] + rows).ravel()

    def masks(self, mask: Any) -> list[Any]:
        table = mask.reshape(self.groups, -1)
        return [table.any(0)[:, None], table.any(1)[:, None]]


class Products(Kernel):
    """Dots of any operands."""

    def __init__(self, places: Places, operands: Slots) -> None:
        super().__init__(operands, *map(places.fetch, np.split(operands, 2, axis=1)))

    def run(self, *arrays: Any) -> Any:
        left, right = arrays
        return (left * right).sum(1)


class Sums(Kernel):
    """Totals."""

    is_linear = True

    def __init__(self, places: Places, operands: Slots) -> None:
        super().__init__(operands, places.fetch(operands))

    def run(self, *arrays: Any) -> Any:
        return arrays[0].sum(1)


class Norms(Sums):
    """Norms of any operands."""

    is_linear = False

    def run(self, *arrays: Any) -> Any:
        return norms(arrays[0])


class Selection(Kernel):
    """SELECT: the number that an index chooses; nan where there is no such choice."""

    def __init__(self, places: Places, operands: Slots) -> None:
        super().__init__(operands, places.fetch(operands[:, 0]), places.fetch(operands[:, 1:]))
        self.always = [False] * operands.shape[1]

    def run(self, *arrays: Any) -> Any:
        index, choices = arrays
        valid = (index == jnp.floor(index)) & (index >= 0) & (index < choices.shape[1])
        place = jnp.where(valid, jax.lax.stop_gradient(index), 0).astype(int)
        return choices[np.arange(len(choices)), place] * jnp.where(valid, 1.0, jnp.nan).astype(choices.dtype)

    def reached(self, arrays: Sequence[Any], counts: Sequence[Any]) -> Any:
        return self.run(arrays[0], counts[1])


def kernels(places: Places, constants: NDArray[np.float64], op: Operation, operands: Slots) -> Iterator[Kernel]:
    """What runs alike instructions, that do not wait for each other.

    Raises:
        UnwritableError: the operation cannot be run on arrays.
    """
    if op is dot:
        half = operands.shape[1] // 2
        left, right = operands[:, :half], operands[:, half:]
        bounds = [0, *(np.flatnonzero((right[1:] != right[:-1]).any(axis=1)) + 1).tolist(), len(operands)]
        groups = len(bounds) - 1
        if groups <= MOST_LAYERS:
            for start, end in pairwise(bounds):
                yield Layer(places, operands[start:end])
        elif len({end - start for start, end in pairwise(bounds)}) == 1 and _repeats(left, groups):
            yield Layer(places, operands, groups)
        else:
            yield Products(places, operands)
        return
    kinds: dict[Operation, type[Products | Sums | Selection]] = {total: Sums, norm: Norms, SELECT: Selection}
    yield kinds[op](places, operands) if op in kinds else Elementwise(places, constants, op, operands)


def _repeats(matrix: Slots, times: int) -> bool:
    """Whether the rows are the same ones again and again."""
    parts = matrix.reshape(times, -1)
    return bool((parts == parts[0]).all())
