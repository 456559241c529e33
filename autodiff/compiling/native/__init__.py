"""The native backend: programs interpreted by machine code that LLVM compiles; see :class:`NativeRunner`."""

try:
    import llvmlite  # noqa: F401 - is it there?
except ImportError as error:
    raise ImportError("the native backend needs llvmlite, which comes with numba: pip install numba") from error

from autodiff.compiling.native.codegen import NotCompilableError
from autodiff.compiling.native.runner import NativeRunner

__all__ = ["NativeRunner", "NotCompilableError"]
