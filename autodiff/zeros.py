"""The two symbolic zeros: 0.0 that says more than the number does, and is told from it by identity."""

from __future__ import annotations

from typing import Any


class SymbolicZero(float):
    """A 0.0 from which nothing flows, whatever stands upstream. The number 0.0 is a number: 0 · ∞ is nan."""

    name: str
    shown: str

    def __new__(cls, number: float = 0.0, name: str = "", shown: str = "") -> Any:
        if not name:  # any other number is a plain float, as statistics.mean makes them of the first one's type
            return float(number)
        zero = super().__new__(cls)
        zero.name, zero.shown = name, shown
        return zero

    def __repr__(self) -> str:
        return self.shown

    def __str__(self) -> str:
        return "0.0"

    def __reduce__(self) -> str:
        return self.name


ZERO: SymbolicZero = SymbolicZero(0.0, "ZERO", "0.0 (no dependence)")
"""What a rule gives where its output does not depend on the operand, as on the branch that ``where`` does not take."""

NOT_COMPUTED: SymbolicZero = SymbolicZero(0.0, "NOT_COMPUTED", "0.0 (not computed)")
"""The gradient of a node that no backward pass has reached."""


def no_dependence(*operands_and_output: object) -> SymbolicZero:
    """The rule of an operand that the output never depends on, such as the condition of ``where``."""
    return ZERO
