"""The native backend: programs interpreted by machine code that LLVM compiles; see :class:`NativeRunner`."""

try:
    import llvmlite  # noqa: F401 - is it there?
except ImportError as error:
    raise ImportError("the native backend needs llvmlite, which comes with numba: pip install numba") from error

import numpy.ma  # noqa: F401 - NumPy imports it when it is first used: a child forked meanwhile would wait for ever

from autodiff.compiling.native.codegen import NotCompilableError
from autodiff.compiling.native.runner import NativeRunner

__all__ = ["NativeRunner", "NotCompilableError"]
