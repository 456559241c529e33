"""Plain numbers and arrays as the caller has them: floats, NumPy's, PyTorch's and JAX's, told apart and made alike.

A :class:`Leaf` is one number or array of the inputs. It gives its numbers as float64, and makes another array of its
own kind, dtype and device of other numbers. Neither PyTorch nor JAX is imported: whoever has an array of theirs has
loaded them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import trees
from autodiff.checking.extrapolation import ROUND_OFF
from autodiff.ieee import as_float

Floats = NDArray[np.float64]
AT_ONCE = 2**22
"""The most numbers that are evaluated at once."""


def package_of(thing: Any) -> str:
    """The package whose array it is: "torch", "jax", "numpy", or "" of anything else.

    >>> package_of(np.ones(3)), package_of(1.0)
    ('numpy', '')
    """
    for package, kind in (("torch", "Tensor"), ("jax", "Array")):
        module = sys.modules.get(package)
        if module is not None and isinstance(thing, getattr(module, kind, ())):
            return package
    return "numpy" if isinstance(thing, (np.ndarray, np.generic)) else ""


@dataclass
class Leaf:
    """One number or array of the inputs, or a parameter of a module, which is changed in its place.

    Attributes:
        name: the way to it.
        value: as the caller gave it.
        package: whose array it is.
        varies: whether there is a derivative by it.
        in_place: whether it belongs to a module.
    """

    name: str
    value: Any
    package: str
    varies: bool = True
    in_place: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(getattr(self.value, "shape", ()))

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def unit(self) -> float:
        """The greatest relative error of one rounding in its dtype."""
        if self.package == "torch":
            return float(sys.modules["torch"].finfo(self.value.dtype).eps) / 2
        return max(_epsilon(self.value.dtype) / 2, ROUND_OFF) if self.is_float else ROUND_OFF

    @property
    def largest(self) -> float:
        """The largest number of its dtype."""
        if not self.is_float:
            return sys.float_info.max
        if self.package == "torch":
            return float(sys.modules["torch"].finfo(self.value.dtype).max)
        return _largest(self.value.dtype)

    @property
    def is_float(self) -> bool:
        """Whether it is an array of floats: those of NumPy, PyTorch and JAX, and others such as bfloat16."""
        if not self.package:
            return False
        dtype = self.value.dtype
        if self.package == "torch":
            return bool(dtype.is_floating_point)
        kind = getattr(dtype, "kind", "")  # the keys of JAX's random numbers have none
        return kind == "f" or (kind == "V" and np.can_cast(dtype, np.float64))

    def numbers(self) -> Floats:
        """(size,): its numbers as float64."""
        return numbers_of(self.value)

    def like(self, numbers: Floats) -> Any:
        """An array of its kind, dtype and device; of numbers (points, size), one with a first axis more."""
        shape = numbers.shape[:-1] + self.shape
        if self.package == "torch":
            torch = sys.modules["torch"]
            made = torch.from_numpy(np.array(numbers)).reshape(shape)
            return made.to(dtype=self.value.dtype, device=self.value.device)
        if self.package == "jax":
            return sys.modules["jax.numpy"].asarray(numbers.reshape(shape), dtype=self.value.dtype)
        if isinstance(self.value, np.ndarray) or (self.package and shape):
            return np.array(numbers, dtype=self.value.dtype).reshape(shape)
        if self.package:  # a NumPy scalar
            return self.value.dtype.type(numbers[0])
        return float(numbers[0]) if numbers.ndim == 1 else np.array(numbers).reshape(shape)

    def rounded(self, numbers: Floats) -> Floats:
        """What its dtype makes of these numbers."""
        if self.unit == ROUND_OFF:
            return numbers
        if self.package == "numpy":
            return numbers.astype(self.value.dtype).astype(np.float64)
        return numbers_of(self.like(numbers)).reshape(numbers.shape)

    def index(self, at: int) -> str:
        """How one of its numbers is called."""
        place = np.unravel_index(at, self.shape) if self.shape else ()
        return self.name + "".join(f"[{int(i)}]" for i in place)


@cache
def _epsilon(dtype: Any) -> float:
    """The distance from 1 to the next number, also of a dtype that ``np.finfo`` does not know.

    >>> _epsilon(np.dtype(np.float32)) == float(np.finfo(np.float32).eps)
    True
    """
    epsilon = 1.0
    while float(np.array(1.0 + epsilon / 2).astype(dtype)) != 1.0:
        epsilon /= 2
    return epsilon


@cache
def _largest(dtype: Any) -> float:
    """The largest number, also of a dtype that ``np.finfo`` does not know.

    >>> _largest(np.dtype(np.float32)) == float(np.finfo(np.float32).max)
    True
    """
    largest = 2.0 - _epsilon(dtype)
    with np.errstate(over="ignore"):
        while np.isfinite(np.array(2 * largest).astype(dtype)):
            largest *= 2
    return largest


def numbers_of(array: Any) -> Floats:
    """(size,): the numbers of an array of any package, or of one number, as float64.

    Raises:
        TypeError: they are no real numbers.
    """
    package = package_of(array)
    if package and (array.is_complex() if package == "torch" else getattr(array.dtype, "kind", "") == "c"):
        raise TypeError(f"real numbers are needed, not {array.dtype}")
    if package == "torch":
        array = array.detach().to(device="cpu", dtype=sys.modules["torch"].float64).numpy(force=True)
    elif not package:
        array = as_float(array)
    return np.asarray(array, dtype=np.float64).ravel()


def array_leaves(tree: Any, name: str = "") -> Iterator[Leaf]:
    """Every number, array and parameter of a structure, with the way to it."""
    inside = None if package_of(tree) else trees.parts(tree)
    if inside is None:
        yield Leaf(name, tree, package_of(tree))
    elif trees.is_module(tree):
        for key, part in inside.items():
            yield Leaf(f"{name}.{key}" if name else key, part, package_of(part), in_place=True)
    else:
        for key, part in inside.items():
            yield from array_leaves(part, f"{name}[{key!r}]")


def named_arrays(inputs: Any) -> list[Leaf]:
    """Those of the inputs; a tuple holds all arguments of a function.

    >>> [leaf.name for leaf in named_arrays((1.0, {"w": np.ones(2)}))]
    ['0', "1['w']"]
    """
    if isinstance(inputs, tuple):
        return [leaf for place, part in enumerate(inputs) for leaf in array_leaves(part, str(place))]
    return [*array_leaves(inputs, "" if trees.is_module(inputs) else "0")]


def with_arrays(tree: Any, new: Iterator[Any]) -> Any:
    """The structure with these numbers and arrays in place of its own; a module stays, and takes one for each part."""
    inside = None if package_of(tree) else trees.parts(tree)
    if inside is None:
        return next(new)
    if trees.is_module(tree):
        for _ in inside:
            next(new)
        return tree
    return trees.rebuilt(tree, [with_arrays(part, new) for part in inside.values()])


def in_rows(arrays: Sequence[Any], count: int) -> Floats:
    """(count, numbers): arrays whose first axis counts points, side by side."""
    return np.concatenate([numbers_of(array).reshape(count, -1) for array in arrays], axis=1)


def joined(parts: Sequence[Floats]) -> Floats:
    """All numbers in one array of their own."""
    if len(parts) == 1:
        return parts[0].copy()
    return np.concatenate(parts) if parts else np.zeros(0)
