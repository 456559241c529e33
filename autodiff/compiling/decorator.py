"""``compile``: a function of one observation, recorded once and run over batches, with its gradients.

To a type checker, a compiled function has the parameters of the function, by number, and its options, by name. The
types of the first three are open: what is a number to the function may be an array of them in a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypedDict, Unpack, overload

from autodiff.compiling.compiled import Compiled

P = ParamSpec("P")


class Options(TypedDict, total=False):
    """The options of :func:`compile`."""

    parameters: Any
    ndim: Sequence[int] | int | None
    backend: str | None
    threads: int | None
    max_structures: int
    max_branches: int


class Decorator(Protocol):
    """What :func:`compile` is without a function."""

    @overload
    def __call__(
        self, of: Callable[Concatenate[Any, Any, Any, P], Any], /
    ) -> Compiled[Concatenate[Any, Any, Any, P]]: ...
    @overload
    def __call__(self, of: Callable[Concatenate[Any, Any, P], Any], /) -> Compiled[Concatenate[Any, Any, P]]: ...
    @overload
    def __call__(self, of: Callable[Concatenate[Any, P], Any], /) -> Compiled[Concatenate[Any, P]]: ...
    @overload
    def __call__(self, of: Callable[P, Any], /) -> Compiled[P]: ...


# fmt: off
@overload
def compile(
    function: Callable[Concatenate[Any, Any, Any, P], Any], **options: Unpack[Options]
) -> Compiled[Concatenate[Any, Any, Any, P]]: ...
@overload
def compile(
    function: Callable[Concatenate[Any, Any, P], Any], **options: Unpack[Options]
) -> Compiled[Concatenate[Any, Any, P]]: ...
@overload
def compile(
    function: Callable[Concatenate[Any, P], Any], **options: Unpack[Options]
) -> Compiled[Concatenate[Any, P]]: ...
@overload
def compile(function: Callable[P, Any], **options: Unpack[Options]) -> Compiled[P]: ...
@overload
def compile(function: None = None, **options: Unpack[Options]) -> Decorator: ...
# fmt: on
def compile(
    function: Callable[..., Any] | None = None,
    *,
    parameters: Any = None,
    ndim: Sequence[int] | int | None = None,
    backend: str | None = None,
    threads: int | None = None,
    max_structures: int = 128,
    max_branches: int = 32,
) -> Any:
    """The function of one observation, only faster: recorded as a program, and run over batches.

    Args:
        function: takes numbers, arrays of them, and lists, tuples and dicts of those, as positional arguments; keyword
            arguments are static options. It returns a scalar, or a structure of scalars. Without it, a decorator.
        parameters: a module or the leaf ``Value``s, in the order of all vectors; None to find those that the function
            refers to.
        ndim: how many dimensions the positional arguments of ONE observation have, such as ``(1, 0)``; an int if there
            is one argument. By default, a call is one observation if a plain number is among its arguments, else a
            batch, with the observations along the first axis of every array and list; a list of arrays of one shape is
            a list of rows. In tuples, dicts and other lists, each array has an axis of its own.
        backend: ``"numpy"``, ``"native"`` or ``"jax"``, which also runs on GPUs; None for the fastest that is installed
            for one processor.
        threads: over how many threads machine code spreads large batches, None for one on each processor that the
            process may use; the bits do not depend on it.
        max_structures: how many structures and shapes of arguments are kept; the least recently used are forgotten.
        max_branches: how many ways through the function's branches are compiled for one structure; observations that go
            yet another way run eagerly, with a warning.

    Returns:
        A :class:`~autodiff.compiling.Compiled`.

    Raises:
        TypeError: there is no function, or ``parameters`` holds something else than leaves.
        ValueError: a leaf is listed twice, or a number is out of range.

    >>> from autodiff import Value
    >>> w = Value(2.0, label="w")
    >>> @compile
    ... def error(x, y):
    ...     return (w * x - y) ** 2
    >>> error([1.0, 2.0, 3.0], [0.0, 4.0, 7.0])
    array([4., 0., 1.])
    >>> error.backward([1.0, 2.0, 3.0], [0.0, 4.0, 7.0], reduction="sum"), w.grad
    (5.0, -2.0)
    """
    settings = parameters, ndim, backend, threads, max_structures, max_branches
    return Compiled(function, *settings) if function is not None else lambda of: Compiled(of, *settings)
