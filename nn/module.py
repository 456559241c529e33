"""``Module``: something with named parameters, which can be listed, saved and loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from inspect import Signature, signature
from math import isfinite
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import NOT_COMPUTED, Value
from nn.dropping import without_dropout
from nn.files import replace_file, saved_state
from nn.interrupts import interrupts_held
from nn.mistakes import IN_A_MODEL, Absent
from nn.observations import are_arrays, observations

M = TypeVar("M")

ZEROED = float("0.0")
"""The gradient after ``zero_grad()``: an object of its own, so that one to which nothing has been added is told."""


class _NamesParameters(type):
    """Gives the parts of a module their names, once it is constructed; those of the parameters are their labels."""

    def __call__(cls: type[M], *args: Any, **options: Any) -> M:
        module = super().__call__(*args, **options)  # type: ignore[misc]  # mypy takes cls for a plain class
        _name_parts(module)
        return module  # type: ignore[no-any-return]

    @property
    def __signature__(cls) -> Signature:
        """That of the constructor, for ``help()``: it would be that of the method above."""
        constructor = signature(cls.__init__)  # type: ignore[misc]
        return Signature([*constructor.parameters.values()][1:])


class Module(metaclass=_NamesParameters):
    """Something with parameters; subclass it, and assign parameters and modules to attributes.

    The parameters are the leaf ``Value``s found in attributes, and in the lists, tuples, dicts, object
    arrays and modules there, in the order of definition. A parameter's name is the path to it, such as
    ``layers.0.neurons.3.weights.1``; it is also its label, unless it was given one by hand.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line
    Line(2 parameters)
    >>> line.state_dict()
    {'slope': 2.0, 'offset': 1.0}
    >>> print(line(3.0), line.slope.label)
    7.0 slope
    """

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The prediction; a subclass says how it is computed."""
        instead = "rename its forward to __call__" if hasattr(self, "forward") else "write its __call__"
        raise NotImplementedError(f"{type(self).__name__} does not say how it is computed: {instead}")

    def predict(self, inputs: Any) -> NDArray[np.float64]:
        """The predictions for a whole data set, as plain numbers: compiled where that can be, and without dropout.

        Args:
            inputs: (observations, …), of any kind that ``fit`` takes.

        Returns:
            (observations,) if a prediction is one number, (observations, outputs) if it is a list of them.

        Raises:
            TypeError: the inputs have no observations in front, or a prediction is no number or list of numbers.
            ValueError: there are no observations.
            Exception: the model raised it.

        >>> from nn import MLP
        >>> MLP(2, [3, 1]).predict([[0.5, -1.0], [1.0, 2.0]]).shape
        (2,)
        """
        rows = observations(inputs, "inputs")
        if not len(rows):
            raise ValueError("the inputs are empty: at least one observation is needed")
        with without_dropout():
            if len(rows) >= _WORTH_COMPILING and are_arrays(rows):
                try:
                    return _stacked(autodiff.compile(lambda x: self(x), parameters=self)(rows))
                except Exception:  # the model itself says below what it is, or runs where it cannot be compiled
                    pass
            return np.array([_plain(self(row)) for row in rows])

    def placed(self, name: str) -> None:
        """Called when a module that this one is a part of has been made, with the name in it; ``""`` is itself."""

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """The module itself, named ``""``, and all modules in it, each once, with their names."""
        for name, found in _walk(self):
            if isinstance(found, Module):
                yield name, found

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """The parameters with their names; a parameter that is shared is listed once, where it is met first.

        Raises:
            ValueError: two of them have the same name, as dict keys with dots in them can make it.
        """
        names = set()
        for name, found in _walk(self):
            if isinstance(found, Value):
                if name in names:
                    raise ValueError(f"two parameters have the name {name!r}: rename a key of a dict")
                names.add(name)
                yield name, found

    def parameters(self) -> list[Value]:
        """The parameters, in the order of definition."""
        return [value for _, value in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, as it must be before the next ``backward()``."""
        for value in self.parameters():
            value.grad = ZEROED

    def state_dict(self) -> dict[str, float]:
        """The numbers of the parameters, by name."""
        return {name: value.data for name, value in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the parameters to the numbers of a state; on an error none of them is changed.

        Args:
            state: a finite number for the name of every parameter, as ``state_dict()`` gives it.

        Raises:
            TypeError: a number is not a scalar.
            ValueError: names are missing or unexpected, or a number is not finite.

        >>> class Point(Module):
        ...     def __init__(self):
        ...         self.x, self.y = Value(0.0), Value(0.0)
        >>> Point().load_state_dict({"x": 1.0, "z": 2.0})
        Traceback (most recent call last):
        ValueError: the state does not fit Point(2 parameters): missing 'y'; unexpected 'z'
        """
        parameters = dict(self.named_parameters())
        missing = [name for name in parameters if name not in state]
        unexpected = [name for name in state if name not in parameters]
        if missing or unexpected:
            faults = [f"{what} {_listed(names)}" for what, names in
                      (("missing", missing), ("unexpected", unexpected)) if names]  # fmt: skip
            raise ValueError(f"the state does not fit {self!r}: {'; '.join(faults)}")
        assign(parameters.values(), [_finite(name, state[name]) for name in parameters])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to a file in NumPy's ``.npz`` format; the same numbers give the same bytes.

        A new file is written beside the old one and replaces it when it is whole: a crash leaves the old one as it was.
        Of a process that was killed, an unfinished file remains, which a later ``save`` removes.
        It has the mode of the one that it replaces. A link to a file is followed.

        Raises:
            ValueError: a parameter is not finite, or a name ends in a zero byte.
            OSError: the file cannot be written; there is a folder, a device or a pipe of that name.
        """
        state = self.state_dict()
        values = np.array([_finite(name, number) for name, number in state.items()], float)
        names = np.array(list(state), str)
        if names.tolist() != list(state):
            raise ValueError("the name of a parameter must not end in a zero byte: rename a key of a dict")
        replace_file(path, lambda file: np.savez(file, names=names, values=values))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Set the parameters to those of a file that ``save`` wrote; on an error none of them is changed.

        No more is read than the parameters of this module can take, whatever the file claims to hold.

        Raises:
            ValueError: the file is not one of ``save``, or does not fit this module.
            OSError: the file cannot be read.
        """
        names = [name for name, _ in self.named_parameters()]
        try:
            self.load_state_dict(saved_state(path, names))
        except ValueError as error:
            raise ValueError(f"cannot load {os.fspath(path)!r}: {error}") from error

    def __repr__(self) -> str:
        count = len(self.parameters())
        return f"{type(self).__name__}({count} parameter{'s' * (count != 1)})"

    def _repr_html_(self) -> str:
        """What a notebook shows: a picture of a network, then each part with its parameters and their gradients.

        The middle of many is left out. The picture is an image, which notebooks show even where they are not trusted.
        """
        parts = {name for name, _ in self.named_modules()}
        rows: dict[str, list[Value]] = {}
        for name, value in self.named_parameters():
            part = name
            while part not in parts:  # the deepest module around it; the outermost is named ""
                part = part.rpartition(".")[0]
            rows.setdefault(part, []).append(value)
        lines = [f"<tr><td>{escape(part) or '–'}</td>{_cells(values)}</tr>" for part, values in rows.items()]
        if len(lines) > _ROWS:
            lines[_ROWS // 2 : -(_ROWS // 2)] = [f"<tr><td>… {len(lines) - _ROWS} more</td><td></td><td></td></tr>"]
        head = "".join(f"<th>{title}</th>" for title in ("part", "parameters", "gradients"))
        table = f"<table><caption>{escape(repr(self))}</caption><tr>{head}</tr>{''.join(lines)}</table>"
        return self._picture() + table

    def _picture(self) -> str:
        """The weights of a network as an image; empty of other modules, and where there is no dot."""
        try:
            return autodiff.draw(self)._repr_mimebundle_().get("text/html", "")  # type: ignore[no-any-return]
        except (ValueError, RuntimeError, OSError):
            return ""


def numbers(parameters: Iterable[Value]) -> list[float]:
    """The numbers of the parameters."""
    return [value.data for value in parameters]


def assign(parameters: Iterable[Value], given: Iterable[float]) -> None:
    """Give the parameters these numbers: all of them or, whatever ends it, none."""
    pairs = [*zip(parameters, given)]
    with interrupts_held():
        before = numbers(value for value, _ in pairs)
        try:
            for value, number in pairs:
                value.data = number
        except BaseException:
            for (value, _), number in zip(pairs, before):
                value.data = number
            raise


for _name, _advice in IN_A_MODEL.items():
    setattr(Module, _name, Absent(_name, _advice))

_WORTH_COMPILING = 16
"""How many predictions are faster compiled."""


def _stacked(columns: Any) -> NDArray[np.float64]:
    """(observations, …): the results of a compiled function, whose tuples have an array for each part."""
    if isinstance(columns, (list, tuple)):
        return np.stack([*map(_stacked, columns)], axis=1)
    if not isinstance(columns, np.ndarray):
        raise TypeError(_no_array(columns))
    return columns


def _plain(prediction: Any) -> Any:
    """A prediction with numbers in place of ``Value``s."""
    if isinstance(prediction, (list, tuple, np.ndarray)):
        return [*map(_plain, prediction)]
    try:
        return prediction.data if isinstance(prediction, Value) else float(prediction)
    except (TypeError, ValueError):
        raise TypeError(_no_array(prediction)) from None


def _no_array(prediction: Any) -> str:
    return (
        f"predict() makes an array of numbers or lists of them, and the model gives a {type(prediction).__name__} "
        f"{prediction!r:.60}: write [model(x) for x in inputs]"
    )


_ROWS, _NUMBERS = 12, 8
"""What the table of a notebook shows at most: parts, and numbers of each."""


def _cells(values: list[Value]) -> str:
    gradients = ["not computed" if value.grad is NOT_COMPUTED else f"{value.grad or 0.0:.4g}" for value in values]
    if set(gradients) == {"not computed"}:
        del gradients[1:]
    more = " …" if len(values) > _NUMBERS else ""
    columns = ([f"{value.data:.4g}" for value in values], gradients)
    return "".join(f"<td>{'&emsp;'.join(texts[:_NUMBERS])}{more}</td>".replace("-", "−") for texts in columns)


def _walk(root: Module) -> Iterator[tuple[str, Module | Value]]:
    """Every module and parameter below the root, each once, in the order of definition, by dotted name."""
    seen: dict[int, object] = {}  # holds what it has seen, so that no id is given out a second time
    stack: list[tuple[str, object]] = [("", root)]
    while stack:
        name, thing = stack.pop()
        if id(thing) in seen:
            continue
        inside: Iterable[tuple[Any, object]]
        if isinstance(thing, Value):
            seen[id(thing)] = thing
            if thing.op.name == "variable":
                yield name, thing
            continue
        if isinstance(thing, Module):
            inside = vars(thing).items()
            yield name, thing
        elif isinstance(thing, dict):
            inside = thing.items()
        elif isinstance(thing, (list, tuple)):
            inside = enumerate(thing)
        elif isinstance(thing, np.ndarray) and thing.dtype == object:
            inside = enumerate(thing.tolist() if thing.ndim else ())
        else:
            continue
        seen[id(thing)] = thing
        prefix = f"{name}." if name else ""
        stack += [(f"{prefix}{key}", part) for key, part in inside][::-1]


def _name_parts(module: Module) -> None:
    """Tell each part its name, and label each parameter with its own, unless its label was given by hand."""
    given: set[tuple[int, str]] = set()
    for place, part in module.named_modules():
        part.placed(place)
        if part is not module:
            given.update((id(value), name) for name, value in part.named_parameters())
    for name, value in module.named_parameters():  # a part labelled it before the module had a name for it
        if not value.label or (id(value), value.label) in given:
            value.label = name


def _finite(name: str, number: Any) -> float:
    try:
        data = Value(number).data
    except TypeError as error:
        raise TypeError(f"the parameter {name!r} must be a number: {error}") from None
    if not isfinite(data):
        raise ValueError(f"the parameter {name!r} must be finite, not {data}")
    return data


def _listed(names: list[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(repr, names[:limit])) + more
