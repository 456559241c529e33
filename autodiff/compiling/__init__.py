"""SCALE it: what was recorded as a program of instructions, run by arrays, by machine code, or in the browser."""

from autodiff.compiling.audits import StaleProgramError
from autodiff.compiling.compiled import Compiled
from autodiff.compiling.decorator import compile
from autodiff.compiling.executors import ExecutorError
from autodiff.compiling.recording import FrozenNumberError
from autodiff.non_finite import NonFiniteError
from autodiff.program.program import Program

NonFiniteResultError = NonFiniteError  # its name until 0.1

__all__ = [
    "Compiled", "ExecutorError", "FrozenNumberError", "NonFiniteError", "NonFiniteResultError", "Program",
    "StaleProgramError", "compile",
]  # fmt: skip
