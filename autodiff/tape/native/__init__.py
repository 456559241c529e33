"""The native backend: programs interpreted by machine code that numba compiles; see :class:`NativeRunner`."""

from autodiff.tape.native.codegen import NotCompilable
from autodiff.tape.native.runner import NativeRunner

__all__ = ["NativeRunner", "NotCompilable"]
