"""The names of what a function of PyTorch uses: its inputs, and the modules and tensors that it refers to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_with_path

from autodiff.bridges.arrays import is_recorded
from autodiff.bridges.labels import arguments, path
from autodiff.value import Value

Function = Callable[..., Any]


class Names:
    """The modules, parameters and tensors that a function uses, with their names.

    A module that is recorded itself has the name "", so that its parameters are named as it names them. Where that is
    by numbers alone, as ``torch.nn.Sequential`` does, they are its ``layers``.
    """

    def __init__(self, function: Function, inputs: tuple[Any, ...] = ()) -> None:
        self.modules: dict[torch.nn.Module, str] = {}
        self.tensors: dict[torch.Tensor, str] = {}
        named = zip(_arguments(function, inputs), inputs)
        modules = [(name, each) for name, each in named if isinstance(each, torch.nn.Module)]
        for name, thing in _used([("", function), *modules]):
            if isinstance(thing, torch.Tensor):
                self.tensors.setdefault(thing, name)
                continue
            for inner, module in thing.named_modules():
                self.modules.setdefault(module, _joined(name, inner))
            for inner, parameter in thing.named_parameters():
                self.tensors.setdefault(parameter, _joined(name, inner))


def _joined(outer: str, inner: str) -> str:
    return f"{outer}.{inner}".strip(".") if outer or not inner[:1].isdigit() else f"layers.{inner}"


def with_named_inputs(
    function: Function, inputs: tuple[Any, ...], made: Callable[[str, Any], torch.Tensor]
) -> tuple[Any, ...]:
    """The inputs with what is made of a name and a tensor, ``Value`` or array of ``Value``s in place of these."""

    def one(name: str, keys: tuple[Any, ...], leaf: Any) -> Any:
        if not (isinstance(leaf, (torch.Tensor, Value)) or is_recorded(leaf)):
            if hides_tensors(leaf):
                raise TypeError(
                    f"{name} is a {type(leaf).__name__}, in which tensors would be missed: pass them in a tuple or "
                    "dict; if they are data, close over it, lambda x: f(x, …)"
                )
            return leaf
        inside = path([_key(key) for key in keys])
        return made(name + ("." * inside[:1].isidentifier() + inside), leaf)

    named = zip(_arguments(function, inputs), inputs)
    return tuple(tree_map_with_path(partial(one, name), part) for name, part in named)


def hides_tensors(leaf: Any) -> bool:
    """Whether it is an object with tensors of floats in its attributes, where PyTorch itself does not look for them."""
    if isinstance(leaf, (torch.Tensor, torch.nn.Module, type)):
        return False
    if is_dataclass(leaf):
        inside = [getattr(leaf, each.name, None) for each in fields(leaf)]
    else:
        inside = [*(leaf if isinstance(leaf, Mapping) else getattr(leaf, "__dict__", {})).values()]
    return any(isinstance(each, torch.Tensor) and each.is_floating_point() for each in tree_leaves(inside))


def _arguments(function: Function, inputs: tuple[Any, ...]) -> list[str]:
    return arguments(getattr(function, "forward", function), len(inputs))


def _key(key: Any) -> Any:
    return next(getattr(key, name) for name in ("idx", "key", "name") if hasattr(key, name))


def _used(roots: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The modules and tensors that are referred to, with names: the roots, what they close over, globals, and so on."""
    seen: set[int] = set()
    stack = roots[::-1]
    while stack:
        name, thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (torch.nn.Module, torch.Tensor)):
            yield name, thing
        else:
            stack += reversed(_inside(name, thing))


def _inside(name: str, thing: Any) -> list[tuple[str, Any]]:
    if isinstance(thing, FunctionType):
        if (thing.__module__ or "").partition(".")[0] == "torch":
            return []
        try:
            held = inspect.getclosurevars(thing)
        except ValueError:  # a variable that has no value yet
            return []
        return [*held.nonlocals.items(), *held.globals.items()]
    if isinstance(thing, MethodType):
        own = thing.__self__
        around = [("", own)] if isinstance(own, torch.nn.Module) else [*getattr(own, "__dict__", {}).items()]
        return [*around, ("", thing.__func__)]
    if isinstance(thing, partial):
        return [("", thing.func), *((f"args[{i}]", part) for i, part in enumerate(thing.args)), *thing.keywords.items()]
    if isinstance(thing, dict):
        return [(path([name, key]), part) for key, part in thing.items()]
    if isinstance(thing, (list, tuple)):
        return [(f"{name}[{i}]", part) for i, part in enumerate(thing)]
    if not name:  # an object that is called as a function
        return [*getattr(thing, "__dict__", {}).items()]
    return []
