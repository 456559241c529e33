"""The JAX backend: programs as pure functions of arrays, which XLA compiles for processors, GPUs and TPUs."""

try:
    import jax  # noqa: F401 - is it there?
except ImportError as error:
    raise ImportError(
        "JAX is needed, and is not installed: pip install jax, or for GPUs pip install 'jax[cuda12]'"
    ) from error

from autodiff.compiling.jax.function import Function
from autodiff.compiling.jax.runner import JaxRunner, NoDeviceError

__all__ = ["Function", "JaxRunner", "NoDeviceError"]
