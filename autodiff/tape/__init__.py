"""SCALE it: what was recorded as a program of instructions, run by arrays, by machine code, or in the browser."""

from autodiff.tape.compiled import Compiled, compile
from autodiff.tape.diagnosis import NonFiniteResultError
from autodiff.tape.program import Program
from autodiff.tape.recording import FrozenNumberError

__all__ = ["Compiled", "FrozenNumberError", "NonFiniteResultError", "Program", "compile"]
