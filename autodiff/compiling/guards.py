"""Guards at work: for which observations a program is right, since the function branches there as it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from autodiff.compiling.backends import Runner
from autodiff.program.lowering import lower, only
from autodiff.program.program import Guard, Program

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

COMPARE = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


class GuardCheck:
    """The guards of a program, made ready to be checked for many observations at once."""

    def __init__(self, program: Program, prepare: Callable[[Program], Runner]) -> None:
        varying = program.depends(range(program.first_input, program.first_result))
        of_inputs = [guard for guard in program.guards if varying[guard.left] or varying[guard.right]]
        of_parameters = [guard for guard in program.guards if guard not in set(of_inputs)]
        self.of_inputs = _Comparisons(program, of_inputs, prepare) if of_inputs else None
        self.of_parameters = _Comparisons(program, of_parameters, prepare) if of_parameters else None

    @property
    def depends_on_parameters(self) -> bool:
        """Whether the guards can fail when nothing but the parameters has changed."""
        parts = [part for part in (self.of_inputs, self.of_parameters) if part is not None]
        return any(part.depends_on_parameters for part in parts)

    def satisfied(self, parameters: Floats, inputs: Floats) -> Mask | None:
        """(observations,): whether all guards hold; None if they hold for every observation."""
        if self.of_parameters is not None and not self.of_parameters.satisfied(parameters, inputs[:1])[0]:
            return np.zeros(len(inputs), bool)
        if self.of_inputs is None:
            return None
        holds = self.of_inputs.satisfied(parameters, inputs)
        return None if holds.all() else holds


class _Comparisons:
    """Some guards, and the program that computes what they compare."""

    def __init__(self, program: Program, guards: Sequence[Guard], prepare: Callable[[Program], Runner]) -> None:
        slots = sorted({slot for guard in guards for slot in (guard.left, guard.right)})
        column = {slot: place for place, slot in enumerate(slots)}
        compared = lower(only(program, slots))
        self.runner = prepare(compared)
        wrt = range(compared.first_parameter, compared.first_input)
        self.depends_on_parameters = bool(compared.depends(wrt)[compared.outputs].any())
        self.by_sign = [
            (
                COMPARE[sign],
                np.array([column[guard.left] for guard in guards if guard.comparison == sign]),
                np.array([column[guard.right] for guard in guards if guard.comparison == sign]),
                np.array([guard.holds for guard in guards if guard.comparison == sign]),
            )
            for sign in sorted({guard.comparison for guard in guards})
        ]

    def satisfied(self, parameters: Floats, inputs: Floats) -> Mask:
        values = self.runner.values(parameters, inputs)
        holds = np.ones(len(inputs), bool)
        for compare, left, right, expected in self.by_sign:
            holds &= (compare(values[:, left], values[:, right]) == expected).all(axis=1)
        return holds
