"""``record``: a function of JAX, traced by JAX, and computed once more on ``Value``s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autodiff.bridges import arrays, labels
from autodiff.bridges.arrays import is_recorded
from autodiff.bridges.jax.interpreter import Interpreter
from autodiff.bridges.jax.plan import plan
from autodiff.bridges.limits import LIMIT, Part, check_size, progress
from autodiff.operations import VARIABLE
from autodiff.registry import flows
from autodiff.sources import record_sources
from autodiff.value import Value


def record(
    f: Callable[..., Any],
    *inputs: Any,
    argnums: int | Sequence[int] | None = None,
    custom_rules: bool = True,
    limit: int = LIMIT,
) -> Any:
    """A function of JAX as a graph: what it gives of the inputs, as ``Value``s.

    JAX traces the function, so it must be one that ``jax.jit`` accepts. Every float of the inputs becomes a variable
    whose label is its place, such as ``layers[0].w[3,1]``; arrays that the function assigns to a variable of its own
    have the name of that variable. Each number knows the line of the user's program that it came from, as inside of
    ``record_sources()``. What does not depend on the inputs is computed by JAX: data that the function closes over,
    masks, random numbers of a fixed key.

    The graph computes in float64, whatever the types of JAX's arrays. So its numbers are those of JAX under
    ``jax.config.update("jax_enable_x64", True)``, and else differ by what float32 rounds. Branches, loops, orders
    and indices are those of the numbers given; conditions of ``jnp.where`` follow when a number is changed.

    Args:
        f: a function of arrays, or of structures of them, that gives the same.
        *inputs: what it is called with: numbers, arrays, and structures of them that JAX knows. In place of a number
            a ``Value`` may stand, and in place of an array one of dtype object: the graph goes on from these.
        argnums: which inputs are recorded, counted from 0, as in ``jax.grad``; all by default. The others are data.
        custom_rules: whether a function of the user's own with ``custom_jvp`` or ``custom_vjp`` becomes an operation of
            its own with the user's derivative, as it is for JAX; else what it computes is recorded.
        limit: how many numbers may be recorded.

    Returns:
        What f gives, in the same structure: a ``Value`` for a number, an array of dtype object for an array. What
        depends on no input is plain.

    Raises:
        TypeError: f is no function, or an input is no array of numbers.
        ValueError: no input is a float, or nothing depends on them.
        TooLargeError: there are more numbers than the limit; before anything is run, unless a ``while_loop`` goes on.
        UnsupportedError: f uses a primitive that cannot be recorded; before anything is run. Or it writes at indices
            that JAX has no gradient for.
        DisagreementError: JAX computes other numbers.

    >>> import jax.numpy as jnp
    >>> def loss(w, x): return jnp.tanh(w @ x).sum()
    >>> y = record(loss, jnp.array([[0.5, -1.0]]), jnp.array([2.0, 1.0]), argnums=0)
    >>> y.backward()
    >>> from autodiff import leaves
    >>> [(v.label, v.grad) for v in leaves(y)]
    [('w[0,0]', 2.0), ('w[0,1]', 1.0)]
    """
    name = _name(f)
    wanted = _chosen(argnums, len(inputs), name)
    structures, leaves = [], []
    for at, (each, called) in enumerate(zip(inputs, _argument_names(f, inputs))):
        found, structure = _leaves(each, called, recorded=at in wanted)
        structures.append(structure)
        leaves.append(found)
    flat = [leaf for found in leaves for leaf in found]
    if not any(leaf.is_live for leaf in flat):
        raise ValueError(
            f"no input of {name} is a float, and gradients flow to floats alone: pass numbers or arrays of floats"
            + ("" if argnums is None else ", and count them in argnums")
        )
    examples = [
        jax.tree_util.tree_unflatten(structure, [leaf.example for leaf in found])
        for structure, found in zip(structures, leaves)
    ]
    jaxpr, shapes = jax.make_jaxpr(f, return_shape=True)(*examples)
    parts = [Part("inputs", None, sum(np.size(leaf.array) for leaf in flat if leaf.label))]
    plan(jaxpr.jaxpr, [leaf.is_live for leaf in flat], parts, custom_rules=custom_rules)
    size = check_size(parts, limit, name)
    with record_sources(), progress(size, limit, name) as shown:
        shown.add(parts[0])
        given = [labels.variables(leaf.array, leaf.label) if leaf.label else leaf.array for leaf in flat]
        interpreter = Interpreter(shown, [leaf.label for leaf in flat], custom_rules=custom_rules)
        results = interpreter.run(jaxpr.jaxpr, jaxpr.consts, given)
    interpreter.comparison.check()
    results = [_known(result, variable) for result, variable in zip(results, jaxpr.jaxpr.outvars)]
    if not _reach_a_variable(results):
        raise ValueError(
            f"nothing that {name} gives depends on its inputs: no gradient can flow. Are they rounded to integers, "
            "stopped by stop_gradient, or not used?"
        )
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(shapes), [*map(_given_back, results)])


class _Leaf(NamedTuple):
    """An array of the inputs."""

    example: Any
    """What JAX traces the function with."""
    array: Any
    label: str
    """The name that its numbers get as variables; empty if they get none."""

    @property
    def is_live(self) -> bool:
        """Whether its numbers are recorded."""
        return bool(self.label) or is_recorded(self.array)


def _leaves(tree: Any, name: str, *, recorded: bool) -> tuple[list[_Leaf], Any]:
    """The arrays of an argument, and its structure.

    Raises:
        TypeError: there is something else among them.
    """
    found, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves = [_leaf(part, labels.path(_keys(way), name), recorded) for way, part in found]
    return leaves, structure


def _leaf(part: Any, label: str, recorded: bool) -> _Leaf:
    if isinstance(part, Value):
        part = arrays.recorded(part)
    if is_recorded(part):
        try:
            example = arrays.filled(map(arrays.number, part.ravel().tolist()), part.shape).astype(float)
        except (TypeError, ValueError):
            raise TypeError(f"{label} is an array of objects that are no numbers: {part!r:.60}") from None
        return _Leaf(example if part.ndim else 0.0, part if recorded else arrays.numbers(part), "")
    kind = getattr(part, "dtype", None)
    if not isinstance(part, (bool, int, float)) and (kind is None or kind.kind in "SUMm"):
        raise TypeError(
            f"record needs numbers, arrays of numbers or structures of them as inputs, but {label} is "
            f"{type(part).__name__} {part!r:.60}: close over it, lambda x: f(x, …)"
        )
    if kind is not None and jnp.issubdtype(kind, jnp.complexfloating):
        raise TypeError(f"{label} is an array of complex numbers, which a graph of floats cannot hold")
    is_float = isinstance(part, float) if kind is None else jnp.issubdtype(kind, jnp.floating)
    return _Leaf(
        part, np.asarray(part, float) if is_float and recorded else part, label if is_float and recorded else ""
    )


def _keys(way: Iterable[Any]) -> list[Any]:
    """The keys of a path of JAX's."""
    return [next(getattr(key, kind) for kind in ("key", "idx", "name") if hasattr(key, kind)) for key in way]


def _argument_names(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """How the inputs are called in the function.

    A structure whose parts have names of their own, such as a dict of parameters, needs none, if nothing else is called
    so: ``layers[0].w`` and not ``params.layers[0].w``.
    """
    names = labels.arguments(f, len(inputs))
    parts = [[_keys(way)[:1] for way, _ in jax.tree_util.tree_flatten_with_path(each)[0]] for each in inputs]
    inner = [{str(*key) for key in each} for each in parts]
    bare = [bool(each) and all(key and str(*key).isidentifier() for key in each) for each in parts]
    taken = Counter(top for at, name in enumerate(names) for top in (inner[at] if bare[at] else {name}))
    return ["" if bare[at] and all(taken[top] == 1 for top in inner[at]) else name for at, name in enumerate(names)]


def _chosen(argnums: int | Sequence[int] | None, count: int, name: str) -> set[int]:
    """The inputs that are recorded.

    Raises:
        ValueError: there is no such input.
    """
    if argnums is None:
        return {*range(count)}
    chosen = [argnums] if isinstance(argnums, int) else [*argnums]
    wrong = [at for at in chosen if not -count <= at < count]
    if wrong:
        raise ValueError(f"argnums counts the inputs of {name} from 0 to {count - 1}, and {wrong[0]} is none of them")
    return {at % count for at in chosen}


def _name(f: Any) -> str:
    """How the function is called.

    Raises:
        TypeError: it is none.
    """
    if not callable(f):
        raise TypeError(f"record needs a function of arrays and then its inputs, not {type(f).__name__} {f!r:.60}")
    return str(getattr(getattr(f, "func", f), "__name__", type(f).__name__))


def _known(result: Any, variable: Any) -> Any:
    """A result; of conditions, which no gradient flows through, the truth alone."""
    return arrays.numbers(result).astype(bool) if variable.aval.dtype.kind == "b" else result


def _reach_a_variable(results: Iterable[Any]) -> bool:
    """Whether a gradient can flow from one of the results to a variable."""
    stack = [each for result in results if is_recorded(result) for each in result.ravel().tolist()]
    seen: set[Value] = set()
    while stack:
        node = stack.pop()
        if not isinstance(node, Value) or node in seen:
            continue
        if node.op is VARIABLE:
            return True
        seen.add(node)
        stack += [parent for place, parent in enumerate(node.parents) if flows(node.op, place)]
    return False


def _given_back(result: Any) -> Any:
    """A number as itself; a plain array of JAX as one of NumPy, unless it holds keys of random numbers."""
    if is_recorded(result):
        return result if result.ndim else result[()]
    return result if jnp.issubdtype(getattr(result, "dtype", float), jax.dtypes.extended) else np.asarray(result)
