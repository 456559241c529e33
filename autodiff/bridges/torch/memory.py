"""The memory of tensors with ``Value``s in it, in which a tape is run again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from autodiff.bridges import labels
from autodiff.bridges.arrays import Array, elementwise, is_recorded, numbers, recorded
from autodiff.bridges.torch.comparison import check, check_finite
from autodiff.bridges.torch.events import Call, Event, Given, Leaf, Place, Result, Start, Written, is_given
from autodiff.bridges.torch.rules import RULES, Rule, plain
from autodiff.rules import DISTANCE
from autodiff.value import Value


class Memory:
    """The storages of a tape. A number in them is a ``Value``, or a float if it depends on no variable.

    Args:
        names: of leaves.
        held: the ``Value``s of leaves that have some already.
    """

    def __init__(self, names: dict[torch.Tensor, str], held: dict[torch.Tensor, Array]) -> None:
        self._storages: dict[int, Array] = {}
        self._names, self._held = names, held
        self._unnamed = 0
        self._finite = True

    def replay(self, event: Event) -> None:
        """What happened in PyTorch happens here."""
        match event:
            case Start(storage, held):
                self._storages[storage] = recorded(plain(held)).copy()
            case Leaf(tensor, place):
                known = self._held.get(tensor)
                made = labels.variables(plain(tensor.detach()), self._name(tensor)) if known is None else known
                self._window(place)[...] = made
            case Written(place, held):
                at = self._window(place)
                at[...] = elementwise(_overwritten, at, plain(held))
            case Result(label, place):
                labels.name(self._window(place), label)
            case Call():
                self._call(event)

    def result(self, given: Given) -> Any:
        """What a function returned: an array, or its only number."""
        found = self._array(given)
        return found if found.ndim else found.item()

    def rule(self, name: str) -> Rule:
        """How an operation is run on values."""
        return RULES[name]

    def linked(self, call: Call, operands: Iterable[Array], results: tuple[Any, ...]) -> tuple[Any, ...]:
        """The results of an operation, as they are used from now on."""
        return results

    def _call(self, call: Call) -> None:
        args, options = tree_map_only(Given, self._array, (call.args, call.options), is_leaf=is_given)
        with np.errstate(all="ignore"):  # NumPy would warn of what values take for granted, such as 1 / 0
            found = self.rule(call.name)(call, *args, **options)
        arrays = found if isinstance(found, tuple) else (found,)
        check(call, args, options, arrays)
        self._finite = self._finite and check_finite(call, arrays)
        arrays = self.linked(call, filter(is_recorded, tree_leaves((args, options))), arrays)
        for place, array in zip(call.places, arrays):
            if place is not None and array is not None:
                self._window(place)[...] = array

    def _array(self, given: Given) -> Array:
        """An operand: recorded where a gradient is to flow to it."""
        if given.numbers is not None:
            return plain(given.numbers)
        held = self._window(given.place)
        return held.copy() if given.flows else numbers(held)

    def _window(self, at: Place) -> Array:
        """The part of a storage that a tensor shows. What is written into it, all see that show it."""
        if 0 in at.shape:
            return np.empty(at.shape, object)
        needed = at.offset + 1 + sum((size - 1) * stride for size, stride in zip(at.shape, at.strides))
        held = self._storages.get(at.storage, np.empty(0, object))
        if len(held) < needed:
            held = self._storages[at.storage] = np.concatenate([held, np.full(needed - len(held), np.nan, object)])
        steps = [stride * held.itemsize for stride in at.strides]
        return np.lib.stride_tricks.as_strided(held[at.offset :], at.shape, steps)

    def _name(self, leaf: torch.Tensor) -> str:
        if leaf not in self._names:
            self._unnamed += 1
            self._names[leaf] = f"tensor{self._unnamed}"
        return self._names[leaf]


def _overwritten(before: Any, number: float) -> Any:
    """Another number with the derivative of the one before, since autograd does not know of the change."""
    if not isinstance(before, Value) or before.number != before.number:
        return number
    return before if before.number == number else DISTANCE(before, before.number) + number
