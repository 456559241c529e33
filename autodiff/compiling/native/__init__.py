"""The native backend: programs interpreted by machine code that numba compiles; see :class:`NativeRunner`."""

try:
    import numba  # noqa: F401 - is it there?
except ImportError as error:
    raise ImportError("the native backend needs numba: pip install numba") from error

from autodiff.compiling.native.codegen import NotCompilableError
from autodiff.compiling.native.runner import NativeRunner

__all__ = ["NativeRunner", "NotCompilableError"]
