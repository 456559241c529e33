"""What PyTorch computes while a function of its runs: a list of its elementary operations, to be run again on values.

The function runs once, as it is, in its own types of numbers, with its own seeds and its own decisions. Operations of
which no gradient can be asked are not on the tape: their results are numbers. Whether one can be asked is what
PyTorch's own autograd says: so ``detach()``, ``no_grad()`` and frozen parameters mean what they mean there.

Tensors are told apart by their *storage*. Whatever only looks at a storage in another way (views, transposes, slices)
needs no operation of its own, and what is written into a tensor is written into all that share its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch._decomp import core_aten_decompositions, decomposition_table
from torch._ops import HigherOrderOperator
from torch.autograd.function import BackwardCFunction
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from autodiff.bridges.limits import unsupported
from autodiff.bridges.torch.events import Call, Event, Given, Leaf, Place, Result, Start, Written
from autodiff.sources import Source, user_line

PLAIN = ("new_", "rand")
"""Beginnings of the names of operations whose results depend on the shapes of their operands alone."""
VIEWS = {"_unsafe_view", "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk"}
"""What looks at the same memory, and does not say so."""
OTHER_SHAPES = {"squeeze_", "unsqueeze_", "transpose_", "t_", "swapdims_", "swapaxes_", "as_strided_", "detach_"}
"""What changes a tensor in place, and not its numbers."""

HOOKS = "_backward_hooks"
HOOK = "it may change the gradient that flows through a tensor: remove the hook"


class Tape(TorchDispatchMode):  # type: ignore[misc]  # mypy does not read PyTorch
    """While it is entered, what happens is written down.

    Args:
        known: the names of operations that can be run on values.
    """

    supports_higher_order_operators = True  # so that they are refused by name

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.refused: list[Exception] = []
        self._known = known
        self._sizes: dict[int, int] = {}  # of the numbers in each storage, in bytes
        self._contents: dict[int, torch.Tensor] = {}  # what each storage holds, as far as is known
        self._kept: list[torch.Tensor] = []  # memory that is let go could come back as another tensor's
        self._leaves: dict[int, torch.Tensor] = {}
        self._inner: set[int] = set()  # tensors inside of a decomposition, of which autograd does not know
        self._depth = 0
        self._outer: Any = None  # the operation that is decomposed

    # ── Told by others ───────────────────────────────────────────────────────────────────────────

    def returned(self, tensor: torch.Tensor) -> Given:
        """The function returns this tensor."""
        self._meet(tensor)
        return self.given(tensor)

    def given(self, tensor: torch.Tensor) -> Given:
        """A tensor as it is now."""
        flows = self._flows(tensor)
        held = None if self._is_tracked(tensor) else tensor.detach().clone()
        if held is None and self._sizes[_key(tensor)] != tensor.itemsize:
            self._refuse("view.dtype")
        elif held is None and not self._is_known(tensor):
            self._refuse("numpy", "its array shares the memory of a tensor, which was changed by it: change a copy")
        return Given(place(tensor), flows, held, tensor.shape)

    def named(self, label: str, tensor: torch.Tensor) -> None:
        """A module returned this tensor."""
        try:
            if self._is_tracked(tensor):
                self.events.append(Result(label, place(tensor)))
        except NotImplementedError:  # a wrapper of torch.func, which has no memory of its own
            pass

    def check(self) -> None:
        """See whether all can be recorded, once the function has run.

        Raises:
            UnsupportedError: something cannot.
        """
        for tensor in self._kept:
            hooks = getattr(tensor, HOOKS)
            if hooks:
                code = getattr(next(iter(hooks.values())), "__code__", None)
                line = Source(code.co_filename, code.co_firstlineno) if code else None
                self.refused.append(unsupported("PyTorch", "register_hook", line, HOOK))
        for error in self.refused:
            raise error

    # ── While the function runs ──────────────────────────────────────────────────────────────────

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        if isinstance(func, HigherOrderOperator):
            raise unsupported("PyTorch", str(func), user_line(), "write it as Python's own if or for")
        operands = _tensors((args, options))
        for tensor in operands:
            self._meet(tensor)
        if any(map(self._flows, operands)):
            return self._differentiable(func, args, options, operands)
        out = func(*args, **options)
        for tensor in _written(func, args, options):
            if self._is_tracked(tensor):
                self.events.append(Written(self._tracked(tensor), tensor.detach().clone()))
            elif tensor.numel() and _key(tensor) in self._sizes:
                self._refuse(func, "it changes the bits of floats")
        return out

    def _differentiable(
        self, func: Any, args: tuple[Any, ...], options: dict[str, Any], operands: list[torch.Tensor]
    ) -> Any:
        name = _name(func)
        if name.endswith("_like") or name.startswith(PLAIN) or name == "bernoulli":
            return func(*args, **options)
        if name in self._known:
            return self._called(name, func, args, options, operands)
        if func.is_view or name in VIEWS or func.overloadpacket.__name__ in OTHER_SHAPES:
            taken = func(*args, **options)
            found = _tensors(taken)
            if any(tensor.is_complex() for tensor in found):
                self._refuse(func)
            if {*map(_key, found)} <= {*map(_key, operands)}:
                self._inside(found)
                return taken  # else it is a copy, as reshape may be one
        taken = self._decomposed(func, args, options)
        if taken is not NotImplemented:
            return taken
        taken = func(*args, **options)
        found = _tensors(taken)
        if any(map(_is_recorded, found)) or any(tensor.is_complex() for tensor in found) or taken is None:
            self._refuse(func)
        return taken

    def _called(
        self, name: str, func: Any, args: tuple[Any, ...], options: dict[str, Any], operands: list[torch.Tensor]
    ) -> Any:
        written = _written(func, args, options)
        for tensor in written:
            self._begin(tensor)
        held = {id(tensor): self.given(tensor) for tensor in operands}
        given = tree_map_only(torch.Tensor, lambda tensor: held[id(tensor)], (args, options))
        out = func(*args, **options)
        results = written or _tensors(out)
        if any(tensor.is_complex() for tensor in results):
            self._refuse(func, "it gives complex numbers")
        if not any(map(_is_recorded, results)):
            return out
        places = tuple(self._tracked(tensor) if _is_recorded(tensor) else None for tensor in results)
        copies = tuple(tensor.detach().clone() for tensor in results)
        self.events.append(Call(name, func, given[0], given[1], places, copies, user_line()))
        self._inside(results)
        return out

    def _decomposed(self, func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What an operation gives that is made of others, which are noted down; NotImplemented if it is not."""
        made = core_aten_decompositions().get(func) or decomposition_table.get(func)
        flowing = [tensor for tensor in _tensors((args, options)) if self._flows(tensor)]
        outer, self._outer = self._outer, self._outer or func
        self._depth += 1
        self._inside(flowing)
        try:
            with self:
                taken = (made or func.decompose)(*args, **options)
        finally:
            self._depth -= 1
            self._outer = outer
        repeatable = not _written(func, args, options) and torch.Tag.nondeterministic_seeded not in func.tags
        if made and repeatable and not all(map(_are_close, _tensors(taken), _tensors(func(*args, **options)))):
            self._refuse(func, "PyTorch's own decomposition of it gives other numbers")
        return taken

    def _inside(self, found: Iterable[torch.Tensor]) -> None:
        """Inside of a decomposition, gradients are to flow to these tensors."""
        if self._depth:
            for tensor in found:
                self._inner.add(id(tensor))
                self._kept.append(tensor)

    def _flows(self, tensor: torch.Tensor) -> bool:
        """Whether a gradient is to flow to a tensor."""
        if not (torch.is_grad_enabled() and self._is_tracked(tensor)):
            return False
        return id(tensor) in self._inner if self._depth else tensor.requires_grad

    def _is_known(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor holds what was seen to be written into it, bit for bit."""
        known = self._contents[_key(tensor)].as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
        return bool(torch.allclose(tensor.detach(), known, 0.0, 0.0, equal_nan=True))

    def _is_tracked(self, tensor: torch.Tensor) -> bool:
        return _is_recorded(tensor) and _key(tensor) in self._sizes

    def _tracked(self, tensor: torch.Tensor) -> Place:
        key, size = _key(tensor), tensor.itemsize
        if self._sizes.setdefault(key, size) != size:
            self._refuse("view.dtype")
        self._kept.append(tensor)
        self._contents[key] = _whole(tensor)
        return place(tensor)

    def _refuse(self, func: Any, instead: str = "") -> None:
        func = self._outer or func
        self.refused.append(unsupported("PyTorch", str(func), user_line(), instead))

    def _meet(self, tensor: torch.Tensor) -> None:
        """A tensor is an operand: it may be a leaf that is met for the first time."""
        if self._depth or not tensor.requires_grad:
            return
        if not tensor.is_leaf:
            if isinstance(tensor.grad_fn, BackwardCFunction):
                self._refuse(tensor.grad_fn.name(), "it is a derivative written by hand; use the operations themselves")
            elif not self._is_tracked(tensor):
                self._refuse(tensor.grad_fn.name(), "it was computed outside of the function: compute it inside")
        elif not _is_recorded(tensor):
            self._refuse(str(tensor.dtype), f"a variable is an array of floats, and no {tensor.layout} {tensor.dtype}")
        elif id(tensor) not in self._leaves:
            if self._is_tracked(tensor) and not torch.is_grad_enabled():
                return  # a look at a leaf, to which no gradient flows
            if self._is_tracked(tensor) and tensor.numel():
                self._refuse("requires_grad_", "it shares its memory with another tensor: write x.detach().clone()")
            self._leaves[id(tensor)] = tensor
            self.events.append(Leaf(tensor, self._tracked(tensor)))

    def _begin(self, tensor: torch.Tensor) -> None:
        """Values are about to be written into a tensor, which may hold plain numbers so far."""
        if _is_recorded(tensor) and not self._is_tracked(tensor):
            self.events.append(Start(self._tracked(tensor).storage, _whole(tensor)))


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of the whole storage of a tensor."""
    count = tensor.untyped_storage().nbytes() // tensor.itemsize
    return tensor.detach().as_strided((count,), (1,), 0).clone()


def place(tensor: torch.Tensor) -> Place:
    """Where the numbers of a tensor are."""
    return Place(_key(tensor), tensor.storage_offset(), tuple(tensor.shape), tensor.stride())


def _key(tensor: torch.Tensor) -> int:
    """The address of a storage; those without numbers have none, and one for each type here."""
    try:
        return int(tensor.untyped_storage().data_ptr()) or -id(tensor.dtype)
    except (NotImplementedError, RuntimeError) as error:
        instead = "a tensor has no memory of its own; write the derivative by torch.autograd.grad(…, create_graph=True)"
        raise unsupported("PyTorch", "torch.func", user_line(), instead) from error


def _is_recorded(tensor: torch.Tensor) -> bool:
    return bool(tensor.is_floating_point() and tensor.layout == torch.strided)


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _are_close(one: torch.Tensor, other: torch.Tensor) -> bool:
    same = one.shape == other.shape  # the logarithms that attention gives beside its result have not
    return not same or bool(torch.allclose(one.double(), other.double(), 1e-3, 1e-3, equal_nan=True))


def _name(func: Any) -> str:
    name: str = func.overloadpacket.__name__
    if func.namespace != "aten":
        return f"{func.namespace}.{name}"
    return name if name.endswith("__") or not name.endswith("_") else name[:-1]


def _written(func: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> list[torch.Tensor]:
    """The tensors that an operation writes its results into."""
    if "out" in options:
        return _tensors(options["out"])
    name = func.overloadpacket.__name__
    return _tensors(args[:1]) if _name(func) != name and func.namespace == "aten" and name not in OTHER_SHAPES else []
