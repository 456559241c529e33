"""A jaxpr, computed once more on arrays of ``Value``s: equation by equation, loops and branches as they go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import jax.numpy as jnp
import numpy as np

from autodiff.bridges import arrays, labels
from autodiff.bridges.arrays import is_recorded, numbers
from autodiff.bridges.jax import lines
from autodiff.bridges.jax.comparison import Comparison
from autodiff.bridges.jax.custom_rules import by_rule
from autodiff.bridges.jax.elementwise import ELEMENTWISE, OWN_ROWS, REGULAR
from autodiff.bridges.jax.equations import BY_THE_BRIDGE, constants, evaluated, is_float, recorded_results
from autodiff.bridges.jax.indices import check_indices
from autodiff.bridges.jax.plan import (
    CALLS,
    CUSTOM,
    Treatment,
    called,
    function_name,
    is_row,
    linear_solve,
    opened,
    part,
    treatment,
)
from autodiff.bridges.jax.primitives import PRIMITIVES
from autodiff.bridges.limits import Progress
from autodiff.sources import Source, replaying


class Interpreter:
    """Runs jaxprs on arrays, some of them recorded.

    Args:
        progress: is told of what was recorded, and refuses too much of it.
        taken: the names that arrays have already.
        custom_rules: whether derivatives of the user's own are followed.
    """

    def __init__(self, progress: Progress, taken: Sequence[str], *, custom_rules: bool) -> None:
        self.progress = progress
        self.custom_rules = custom_rules
        self.comparison = Comparison()
        self.named = Counter(taken)
        self.read: dict[int, list[tuple[Any, tuple[str, ...], Source | None]]] = {}  # by jaxprs, which JAX keeps alive
        self.line: Source | None = None
        self.is_singular = False
        self.functions: dict[str, Callable[[Any, list[Any]], list[Any]]] = {
            **dict.fromkeys(CALLS, self._call),
            **dict.fromkeys(CUSTOM, self._custom),
            "custom_linear_solve": lambda equation, given: self._inside(*linear_solve(equation, given)),
            "cond": self._cond,
            "scan": self._scan,
            "while": self._while,
        }
        """What is done where a primitive holds functions."""

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
        """The results of a jaxpr without its constants, plain or recorded."""
        known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *inputs)))

        def read(variable: Any) -> Any:
            return np.asarray(variable.val, variable.aval.dtype) if hasattr(variable, "val") else known[variable]

        solves = any(equation.primitive.name == "custom_linear_solve" for equation in jaxpr.eqns)
        for equation, names, line in self._lines(jaxpr):
            given = [*map(read, equation.invars)]
            if solves and equation.primitive.name == "stop_gradient" and line is None:
                results = given  # JAX's solvers stop the gradient at a decomposition: it goes through it here
            else:
                results = self._equation(equation, given, line)
            for name, result in zip(names, results):
                self._name(result, name)
            known.update(zip(equation.outvars, results))
        return [*map(read, jaxpr.outvars)]

    def _lines(self, jaxpr: Any) -> list[tuple[Any, tuple[str, ...], Source | None]]:
        """The equations with the names of their results and their lines, found once, however often they are run."""
        if id(jaxpr) not in self.read:
            self.read[id(jaxpr)] = [*zip(jaxpr.eqns, lines.names(jaxpr.eqns), map(lines.source, jaxpr.eqns))]
        return self.read[id(jaxpr)]

    def _equation(self, equation: Any, given: list[Any], line: Source | None) -> list[Any]:
        if not any(map(is_recorded, given)):
            return evaluated(equation, given)
        name, caller = equation.primitive.name, self.line
        self.line = line or caller  # a function of a library has the line that called it
        try:
            if name in self.functions:
                return self.functions[name](equation, given)
            if not any(recorded_results(equation)):
                found = constants(equation, given)
                if name in BY_THE_BRIDGE:
                    self.comparison.note(equation, given, found, self.line)
                return found
            self.progress.add(part(equation, self.line))
            if name == "select_n" and self.is_singular:
                given = [arrays.recorded(given[0]), *given[1:]]  # 0 · ∞ is to be seen
            check_indices(equation, given, self.line)
            with replaying(self.line):
                found = PRIMITIVES[name].run(equation, given)
            if name in ELEMENTWISE and name not in REGULAR and is_float(equation.outvars[0]):
                self.is_singular = self.is_singular or arrays.is_singular(found)
            found = found if isinstance(found, list) else [found]
            self.comparison.note(equation, given, found, self.line)
            return found
        finally:
            self.line = caller

    def _name(self, result: Any, name: str) -> None:
        """Label a recorded array; the second one of a name is ``name@2``."""
        if name and is_recorded(result) and labels.is_new(result):
            self.named[name] += 1
            labels.name(result, name if self.named[name] == 1 else f"{name}@{self.named[name]}")

    # ── Primitives that hold functions ───────────────────────────────────────────────────────────

    def _inside(self, jaxpr: Any, given: Sequence[Any]) -> list[Any]:
        return self.run(opened(jaxpr), getattr(jaxpr, "consts", ()), given)

    def _call(self, equation: Any, given: list[Any]) -> list[Any]:
        if is_row(equation):
            return self._row(equation, given)
        return self._inside(called(equation), given)

    def _row(self, equation: Any, given: list[Any]) -> list[Any]:
        """A function of JAX's own that is a row of the table."""
        self.progress.add(part(equation, self.line))
        own = given[equation.params.get("num_consts", 0) :]  # JAX lifts constants out of a function
        with replaying(self.line):
            found = [arrays.elementwise(OWN_ROWS[function_name(equation)[0]], *own)]
        self.comparison.note(equation, given, found, self.line)
        return found

    def _custom(self, equation: Any, given: list[Any]) -> list[Any]:
        how = treatment(equation, self.custom_rules)
        if how is Treatment.ROW:
            return self._row(equation, given)
        if how is Treatment.INSIDE:
            return self._inside(called(equation), given)
        self.progress.add(part(equation, self.line))
        with replaying(self.line):
            return by_rule(equation, given, function_name(equation)[0], self.line)

    def _cond(self, equation: Any, given: list[Any]) -> list[Any]:
        branches = equation.params["branches"]
        chosen = int(np.clip(int(numbers(given[0])), 0, len(branches) - 1))
        return self._inside(branches[chosen], given[1:])

    def _while(self, equation: Any, given: list[Any]) -> list[Any]:
        params = equation.params
        asked, held = params["cond_nconsts"], params["body_nconsts"]
        asking, head, carry = given[:asked], given[asked : asked + held], given[asked + held :]
        while bool(numbers(self._inside(params["cond_jaxpr"], [*asking, *carry])[0])):
            carry = self._inside(params["body_jaxpr"], [*head, *carry])
        return carry

    def _scan(self, equation: Any, given: list[Any]) -> list[Any]:
        params = equation.params
        held, carried, length = params["num_consts"], params["num_carry"], params["length"]
        head, carry, rows = given[:held], given[held : held + carried], given[held + carried :]
        stacks: list[list[Any]] = [[] for _ in equation.outvars[carried:]]
        for at in reversed(range(length)) if params["reverse"] else range(length):
            found = self._inside(params["jaxpr"], [*head, *carry, *(_row(each, at) for each in rows)])
            carry = found[:carried]
            for stack, result in zip(stacks, found[carried:]):
                stack.append(result)
        stacked = zip(stacks, equation.outvars[carried:])
        return [*carry, *(_stacked(stack[:: -1 if params["reverse"] else 1], out) for stack, out in stacked)]


def _row(array: Any, at: int) -> Any:
    """What a scan takes in a step."""
    return arrays.recorded(array[at]) if is_recorded(array) else array[at]


def _stacked(rows: list[Any], variable: Any) -> Any:
    """The results of all steps of a scan."""
    if any(map(is_recorded, rows)):
        every = chain.from_iterable(arrays.recorded(row).ravel().tolist() for row in rows)
        return arrays.filled(every, variable.aval.shape)
    return jnp.stack(rows) if rows else jnp.zeros(variable.aval.shape, variable.aval.dtype)
