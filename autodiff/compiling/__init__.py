"""SCALE it: what was recorded as a program of instructions, run by arrays, by machine code, or in the browser."""

from autodiff.compiling.compiled import Compiled, compile
from autodiff.compiling.diagnosis import NonFiniteResultError
from autodiff.compiling.recording import FrozenNumberError
from autodiff.program.program import Program

__all__ = ["Compiled", "FrozenNumberError", "NonFiniteResultError", "Program", "compile"]
