"""A compiled function as a pure function for JAX: its programs, and which of them is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import trees
from autodiff.compiling.inputs import Leaf
from autodiff.compiling.jax import Function
from autodiff.compiling.specializations import Specializations
from autodiff.program.lowering import lower
from autodiff.program.program import Program

# isort: split
import jax.numpy as jnp  # after the folder, which says what to do where there is no JAX


def pure_function(programs: Specializations) -> Callable[..., Any]:
    """The function of ``(parameters, *arguments)`` of one observation, of the programs that are there now.

    Where the guards of no program hold, it gives nan, and derivatives that are nan.

    Raises:
        UnwritableError: an operation cannot be run on arrays.
    """
    name, patterns = programs.owner.__name__, programs.structure.arguments
    names = [f"argument {at}" for at in range(len(patterns))]
    sizes = [leaf.size for leaf in programs.structure.leaves]
    known = [(Function(each.program, sizes), each.size, each.needs_finite) for each in programs.all]
    result, described, count = programs.result, programs.described(), len(programs.parameters.leaves)

    def function(parameters: Any, *arguments: Any) -> Any:
        theta = jnp.asarray(parameters)
        if theta.shape != (count,):
            raise ValueError(
                f"{name} has {count} parameters, as {name}.vector() gives them, but an array of shape {theta.shape} "
                "was given first"
            )
        if len(arguments) != len(patterns):
            raise TypeError(f"{name} takes the parameters, then ({described}), not {len(arguments)} arguments")
        leaves = [
            leaf for each in zip(patterns, arguments, names) for leaf in _leaves(*each, f"{name} takes ({described})")
        ]
        return _shaped(result, _chosen(known, theta, leaves))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name} of its parameters and ({described}), of one observation."
    return function


def program_function(program: Program) -> Callable[[Any, Any], Any]:
    """The program as a function of ``(parameters, inputs)``, of one observation; see ``Program.to_jax``.

    Raises:
        UnwritableError: an operation cannot be run on arrays.
    """
    run = Function(lower(program))
    counts = len(program.parameters), len(program.inputs)

    def function(parameters: Any, inputs: Any) -> Any:
        theta, row = jnp.asarray(parameters), jnp.asarray(inputs)
        if (theta.shape, row.shape) != ((counts[0],), (counts[1],)):
            raise ValueError(
                f"the program takes arrays of {counts[0]} parameters and of {counts[1]} inputs, of one observation, "
                f"not of the shapes {theta.shape} and {row.shape}; for a batch, jax.vmap(function, in_axes=(None, 0))"
            )
        outputs = _chosen([(run, counts[0], False)], theta, [row])
        return outputs[0] if len(program.outputs) == 1 else outputs

    return function


def _chosen(known: Sequence[tuple[Function, int, bool]], theta: Any, leaves: Sequence[Any]) -> Any:
    """The outputs of the first program that is right; nan, and derivatives that are nan, where none is."""
    found: Any = None
    left: Any = None  # where no program was right so far; None for everywhere
    for run, size, needs_finite in known:
        holds = run.holds(theta[:size], leaves)
        if needs_finite:
            finite = jnp.isfinite(theta[:size]).all()
            holds = finite if holds is None else holds & finite
        here = left if holds is None else holds if left is None else left & holds
        outputs = run(theta[:size], leaves, here)
        found = outputs if found is None else jnp.where(here, outputs, found)
        if holds is None:
            return found
        left = ~holds if left is None else left & ~holds
    everything = sum(each.astype(found.dtype).sum() for each in (theta, *leaves))
    return found + jnp.where(left, jnp.nan, 0.0).astype(found.dtype) * jnp.where(left, everything, 0.0)


def _leaves(pattern: Any, given: Any, name: str, takes: str) -> Iterator[Any]:
    """The numbers of an argument, array after array.

    Raises:
        ValueError: it is of another structure.
    """
    if isinstance(pattern, Leaf):
        array = jnp.asarray(given)
        if array.shape != pattern.dimensions:
            raise ValueError(
                f"{takes} of ONE observation, but {name} has the shape {array.shape}; for a batch, map it over the "
                "first axis: jax.vmap(function, in_axes=(None, 0, ...)), with None for the parameters and a 0 for "
                "every argument"
            )
        yield array.ravel()
        return
    ours, theirs = trees.parts(pattern), trees.parts(given)
    if ours is None or theirs is None or {*ours} != {*theirs}:
        raise ValueError(f"{takes}, but {name} is of another structure: {given!r:.60}")
    for key, part in ours.items():
        yield from _leaves(part, theirs[key], f"{name}[{key!r}]", takes)


def _shaped(result: Any, outputs: Any) -> Any:
    """The structure of the results."""
    if isinstance(result, int):
        return outputs[result]
    if isinstance(result, np.ndarray):
        return outputs[result.ravel().astype(int)].reshape(result.shape)
    parts: Sequence[Any] = [_shaped(part, outputs) for part in (trees.parts(result) or {}).values()]
    return trees.rebuilt(result, parts)
