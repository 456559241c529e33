"""What a jaxpr will record, known before anything is run: which results depend on an input, and how many they are.

The walk takes True and False for arrays: whether a number of theirs depends on an input.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import jax

from autodiff.bridges.jax.elementwise import OWN_INSIDE, OWN_ROWS
from autodiff.bridges.jax.equations import count, recorded_results
from autodiff.bridges.jax.lines import source
from autodiff.bridges.jax.primitives import PRIMITIVES
from autodiff.bridges.limits import Part, unsupported
from autodiff.sources import Source

CALLS = (
    "jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2", "custom_vmap_call",
)  # fmt: skip
"""Primitives that call one jaxpr with all their operands."""
CUSTOM = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
"""Functions with a derivative of their own."""
HELD = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")
"""How primitives call the parameter that holds their jaxpr."""
_JAX = os.path.normcase(os.path.dirname(jax.__file__)) + os.sep
INSTEAD = {
    "eigh": "compute with cholesky or solve, or decompose outside of the function",
    "svd": "compute with cholesky or solve, or decompose outside of the function",
    "reduce": "use jnp.sum, prod, max, min, any or all",
    "reduce_window": "use lax.reduce_window with lax.add, lax.max or lax.min",
}


class Treatment(Enum):
    """How a function with a derivative of its own is recorded."""

    ROW = "a row of the table"
    RULE = "an operation of its own, whose derivative is the user's rule"
    INSIDE = "what it computes"


def called(equation: Any) -> Any:
    """The jaxpr that an equation calls, with its constants or without."""
    return next(equation.params[name] for name in HELD if name in equation.params)


def opened(jaxpr: Any) -> Any:
    """The jaxpr without its constants."""
    return getattr(jaxpr, "jaxpr", jaxpr)


def linear_solve(equation: Any, given: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The jaxpr that solves a linear system, and its operands."""
    lengths = [*equation.params["const_lengths"]]
    before, own = sum(lengths[:2]), lengths[2]  # the functions are: matvec, vecmat, solve, transpose_solve
    return equation.params["jaxprs"].solve, [*given[before : before + own], *given[sum(lengths) :]]


def _has_loop(jaxpr: Any) -> bool:
    """Whether there is a loop in it, whose steps only come near the solution."""
    held = (each for equation in jaxpr.eqns for each in equation.params.values())
    return any(equation.primitive.name in ("while", "scan") for equation in jaxpr.eqns) or any(
        _has_loop(opened(each)) for each in held if hasattr(opened(each), "eqns")
    )


def function_name(equation: Any) -> tuple[str, str]:
    """The name of a function with a derivative of its own, and the file that it stands in."""
    info = getattr(opened(called(equation)), "debug_info", None)
    name, _, place = str(getattr(info, "func_src_info", None) or "").partition(" at ")
    return name or equation.params.get("name", equation.primitive.name), place.rpartition(":")[0]


def is_row(equation: Any) -> bool:
    """Whether it calls a function of JAX's own that is a row here."""
    name, file = function_name(equation)
    return name in OWN_ROWS and _is_jaxs(file)


def _is_jaxs(file: str) -> bool:
    return os.path.normcase(file).startswith(_JAX)


def treatment(equation: Any, custom_rules: bool) -> Treatment:
    """How to record a function with a derivative of its own. For those of JAX's own, the derivative is always JAX's."""
    name, file = function_name(equation)
    if is_row(equation):
        return Treatment.ROW
    if _is_jaxs(file):
        return Treatment.INSIDE if name in OWN_INSIDE else Treatment.RULE
    return Treatment.RULE if custom_rules else Treatment.INSIDE


def plan(
    jaxpr: Any, depends: Sequence[bool], parts: list[Part], *, custom_rules: bool, times: int = 1,
    caller: Source | None = None,
) -> list[bool]:  # fmt: skip
    """Whether each result of a jaxpr depends on an input; what is recorded is added to the parts.

    Args:
        jaxpr: without its constants.
        depends: whether each of its inputs depends on an input that is recorded.
        parts: what was found so far.
        custom_rules: as in ``record``.
        times: how often it is run.
        caller: the line that called it.

    Raises:
        UnsupportedError: a primitive would have to be recorded that is not known.
    """
    known = dict(zip(jaxpr.invars, depends))
    for equation in jaxpr.eqns:
        given = [not hasattr(variable, "val") and known.get(variable, False) for variable in equation.invars]
        found = [False] * len(equation.outvars)
        if any(given):
            here = source(equation) or caller

            def inner(called: Any, given: Sequence[bool], repeated: int = 1, here: Source | None = here) -> list[bool]:
                inside = opened(called)
                return plan(inside, given, parts, custom_rules=custom_rules, times=times * repeated, caller=here)

            name = equation.primitive.name
            if name in CALLS and not is_row(equation):
                found = inner(called(equation), given)
            elif name == "custom_linear_solve":
                if source(equation) is not None or _has_loop(equation.params["jaxprs"].solve.jaxpr):
                    raise unsupported("JAX", name, here, "use jnp.linalg.solve, whose steps can be recorded")
                found = inner(*linear_solve(equation, given))
            elif name == "cond":
                found = _branches(equation, given, inner)
            elif name == "scan":
                found = _scanned(equation, given, parts, inner)
            elif name == "while":
                found = _repeated(equation, given, parts, inner)
            elif name in CUSTOM and treatment(equation, custom_rules) is Treatment.INSIDE:
                found = inner(called(equation), given)
            else:
                found = recorded_results(equation)
                if any(found):
                    parts.append(part(equation, here, times))
        known.update(zip(equation.outvars, found))
    return [not hasattr(variable, "val") and known.get(variable, False) for variable in jaxpr.outvars]


def part(equation: Any, line: Source | None, times: int = 1) -> Part:
    """What an equation records.

    Raises:
        UnsupportedError: its primitive is not known.
    """
    name = equation.primitive.name
    if name in CUSTOM or name in CALLS:
        return Part(function_name(equation)[0], line, times * count(*equation.outvars))
    if "c" in [getattr(variable.aval.dtype, "kind", "a key") for variable in (*equation.invars, *equation.outvars)]:
        raise unsupported("JAX", name, line, "a graph of floats holds no complex numbers; compute with real ones")
    if name not in PRIMITIVES or equation.params.get("batch_group_count", 1) > 1:
        raise unsupported("JAX", name, line, INSTEAD.get(name, ""))
    if name == "scatter" and equation.params["update_jaxpr"] is not None:
        raise unsupported("JAX", name, line, "JAX has no derivative of x.at[i].apply(f): use x.at[i].set(f(x[i]))")
    if name == "lu" and len({*equation.invars[0].aval.shape[-2:]}) > 1:
        raise unsupported("JAX", name, line, "it is known of square matrices alone")
    results, operands = PRIMITIVES[name].size(equation)
    return Part(name, line, times * results, times * operands)


def _branches(equation: Any, given: list[bool], inner: Any) -> list[bool]:
    each = [inner(branch, given[1:]) for branch in equation.params["branches"]]
    return [any(one) for one in zip(*each)]


def _scanned(equation: Any, given: list[bool], parts: list[Part], inner: Any) -> list[bool]:
    params = equation.params
    constants, carried = params["num_consts"], params["num_carry"]
    head, carry, rest = given[:constants], given[constants : constants + carried], given[constants + carried :]
    before = len(parts)
    while True:
        del parts[before:]
        found: list[bool] = inner(params["jaxpr"], [*head, *carry, *rest], params["length"])
        if (wider := _either(carry, found)) == carry:
            return [*carry, *found[carried:]]
        carry = wider


def _repeated(equation: Any, given: list[bool], parts: list[Part], inner: Any) -> list[bool]:
    """A loop of unknown length: one round of it."""
    params = equation.params
    asked, constants = params["cond_nconsts"], params["body_nconsts"]
    head, carry = given[asked : asked + constants], given[asked + constants :]
    before = len(parts)
    while True:
        del parts[before:]
        inner(params["cond_jaxpr"], [*given[:asked], *carry])
        if (wider := _either(carry, inner(params["body_jaxpr"], [*head, *carry]))) == carry:
            return carry
        carry = wider


def _either(one: Iterable[bool], other: Iterable[bool]) -> list[bool]:
    return [a or b for a, b in zip(one, other)]
