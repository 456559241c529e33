"""Checkpoints: all that a training goes on from, in one file, so that one that broke off ends with the same bits.

The file is JSON, in which floats are exact: whoever reads it runs nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import groupby
from math import inf, isfinite
from typing import Any

import numpy as np

from autodiff import Operation, Value, trees
from nn.files import replace_file
from nn.mistakes import moved_besides
from nn.module import Module, assign, numbers

FORMAT = "checkpoint of nn.fit, version 1"
BLOCK = 4096
"""How many observations are read at once."""


@dataclass
class Progress:
    """How far a training has come, at the end of an epoch."""

    epochs: int = 0
    best: float = inf
    best_epoch: int = 0
    best_numbers: list[float] = field(default_factory=list)
    """The numbers of the parameters at the best loss."""
    stopped: bool = False

    def note(self, loss: float, numbers: list[float], patience: int | None) -> None:
        """One more epoch, with the loss of these numbers; the training ends after so many without a new best one."""
        self.epochs += 1
        if loss < self.best:
            self.best, self.best_epoch, self.best_numbers = loss, self.epochs, numbers
        elif patience is not None and self.epochs - self.best_epoch >= patience:
            self.stopped = True


class Checkpoint:
    """A file, and what is written to it and read from it.

    Args:
        path: of the file.
        model: its parameters, and the random generators in attributes of its modules, are part of it.
        optimizer: one with ``state_dict()`` and ``load_state_dict()``.
        random: the generator of the shuffling.
        means: the lists of losses and metrics of the epochs.
        begun: what makes it this training and no other, by what it is called; in a file it must be the same.

    Raises:
        TypeError: the optimizer has no state that could be saved.
        FileNotFoundError: there is no folder for the file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Module,
        optimizer: Any,
        random: np.random.Generator,
        means: Sequence[list[float]],
        begun: dict[str, Any],
    ) -> None:
        for name in ("state_dict", "load_state_dict"):
            if not callable(getattr(optimizer, name, None)):
                raise TypeError(
                    f"a checkpoint needs the {name}() of the optimizer, and {type(optimizer).__name__} has none: "
                    "write both, as those of nn.Optimizer are"
                )
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"there is no folder {folder!r} for the checkpoint {os.fspath(path)!r}")
        self.path, self.model, self.optimizer, self.random = os.fspath(path), model, optimizer, random
        self.besides = moved_besides(optimizer, model.parameters())
        self.means = means
        started = optimizer.state_dict()
        options = {f"{name} of the optimizer": option for name, option in dict(started.get("options", {})).items()}
        self.begun = begun | {
            "model": _kind(model), "optimizer": type(optimizer).__name__, **options, "rng": digest(_state(random)),
        }  # fmt: skip
        self._drawn: dict[str, Any] = {}

    def exists(self) -> bool:
        """Whether there is a file to go on from."""
        return os.path.exists(self.path)

    def save(self, progress: Progress) -> None:
        """Write where the training stands; the old file stays until the new one is whole.

        Where a parameter is not finite, the file stays that of the epoch before.

        Raises:
            ValueError: the optimizer has an attribute that cannot be saved.
            OSError: the file cannot be written.
        """
        parameters = self.model.state_dict()
        besides = numbers(self.besides)
        if not all(map(isfinite, [*parameters.values(), *besides])):
            return
        content = {
            "format": FORMAT,
            "begun": self.begun,
            "progress": asdict(progress),
            "means": self.means,
            "parameters": parameters,
            "besides": besides,
            "optimizer": self.optimizer.state_dict(),
            "random": _state(self.random),
            "generators": {name: _state(each) for name, each in self._generators()},
        }
        text = signed(content)
        replace_file(self.path, lambda file: file.write(text.encode()))

    def load(self, epochs: int) -> Progress:
        """Bring model, optimizer, shuffling and means to where the training stood; on an error nothing is changed.

        Args:
            epochs: how many there are to be in the end.

        Raises:
            ValueError: the file is no checkpoint, or that of another training, or of more epochs.
            OSError: it cannot be read.
        """
        with open(self.path, "rb") as file:
            content = file.read()
        try:
            return self._go_on(_read(content), epochs)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            told = f"there is no {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"cannot go on from the checkpoint {self.path!r}: {told}. Give what it was begun with, or remove the "
                "file to begin anew"
            ) from error

    def _go_on(self, found: dict[str, Any], epochs: int) -> Progress:
        for name in self.begun | found["begun"]:
            theirs, ours = found["begun"].get(name), self.begun.get(name)
            if theirs != ours:
                raise ValueError(f"it is of another training, with the {name} {theirs!r:.80}, and not {ours!r:.80}")
        progress, parameters = Progress(**found["progress"]), self.model.parameters()
        if progress.epochs > epochs:
            raise ValueError(f"it has {progress.epochs} epochs, and not {epochs}")
        before = numbers(parameters)
        self.model.load_state_dict(found["parameters"])
        try:
            means = [[*map(float, each)] for each in found["means"]]
            progress.best_numbers, besides = ([*map(float, each)] for each in (progress.best_numbers, found["besides"]))
            drawn, generators = found["generators"], dict(self._generators())
            _check_same("lists of losses and metrics", len(means), len(self.means))
            _check_same("losses", len(means[0]), progress.epochs)
            _check_same("best parameters", len(progress.best_numbers), len(parameters))
            _check_same("numbers that the optimizer moves besides the model", len(besides), len(self.besides))
            _check_same("random generators at", sorted(drawn), sorted(generators))
            for name, each in {"": self.random, **generators}.items():  # on a copy, to see whether it can be set
                deepcopy(each).bit_generator.state = drawn[name] if name else found["random"]
            self.optimizer.load_state_dict(found["optimizer"])
        except BaseException:
            assign(parameters, before)
            raise
        assign(self.besides, besides)
        self.random.bit_generator.state = found["random"]
        for ours, theirs in zip(self.means, means):
            ours[:] = theirs
        self._drawn = drawn
        return progress

    def restore_generators(self) -> None:
        """Let the random generators of the model go on where they were; after all that draws before the first step."""
        for name, each in self._generators():
            if name in self._drawn:
                each.bit_generator.state = self._drawn[name]

    def _generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Those in attributes of the model's modules, by name."""
        for place, part in self.model.named_modules():
            for name, each in vars(part).items():
                if isinstance(each, np.random.Generator):
                    yield f"{place}.{name}" if place else name, each


def signed(content: dict[str, Any]) -> str:
    """The text of a file: the content, and a digest of it, which tells a file that was damaged."""
    return json.dumps({"digest": _digest_of(content)} | content, indent=1, default=np.generic.item)


def _digest_of(content: dict[str, Any]) -> str:
    return digest(json.dumps(content, default=np.generic.item))


def digest(*data: Any) -> str:
    """A short text that tells data from others: arrays, numbers, texts and structures of them."""
    found = sha256()
    for array in map(np.asarray, _arrays(data)):
        found.update(f"{array.dtype} {array.shape} ".encode())
        rows = np.atleast_1d(array)
        for start in range(0, len(rows), BLOCK):  # it may be a file larger than memory
            part = rows[start : start + BLOCK]
            found.update(repr(part.tolist()).encode() if array.dtype == object else np.ascontiguousarray(part).data)
    return found.hexdigest()[:16]


def function_name(function: Callable[..., Any] | None) -> str | None:
    """What a function is called, to be told from others."""
    if isinstance(function, Operation):
        return function.name
    return None if function is None else getattr(function, "__qualname__", type(function).__qualname__)


def _kind(model: Module) -> str:
    """The classes of the modules and the functions in their attributes: parameters do not tell tanh from relu."""
    parts = (
        " ".join([type(part).__name__, *map(str, map(function_name, filter(_is_function, vars(part).values())))])
        for _, part in model.named_modules()
    )
    return ", ".join(part for part, _ in groupby(parts))


def _is_function(attribute: object) -> bool:
    return callable(attribute) and not isinstance(attribute, Module)


def _arrays(data: Any) -> Iterator[Any]:
    """The arrays of a structure, the largest that can be made of it."""
    if trees.is_array(data):
        yield data
        return
    inside = trees.parts(data)
    if inside is None:
        yield data.data if isinstance(data, Value) else data
        return
    try:
        whole = np.asarray(data) if isinstance(data, (list, tuple)) else None
    except ValueError:  # its parts differ in length
        whole = None
    if whole is not None and whole.dtype != object:
        yield whole
        return
    for key, part in inside.items():
        yield key
        yield from _arrays(part)


def _state(generator: np.random.Generator) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(generator.bit_generator.state, default=np.ndarray.tolist))
    return state


def _check_same(what: str, theirs: object, ours: object) -> None:
    if theirs != ours:
        raise ValueError(f"it has {theirs} {what}, and not {ours}")


def _read(content: bytes) -> dict[str, Any]:
    try:
        found = dict(json.loads(content))
        theirs, version = found.pop("digest"), found["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        version = None
    if version != FORMAT:
        raise ValueError("it is no checkpoint of this version")
    if theirs != _digest_of(found):
        raise ValueError("it is damaged, or was changed by hand")
    return found
