"""Functions of JAX as graphs of ``Value``s: ``record(f, *inputs)``.

The function is traced by JAX, and what it computes is computed once more, number by number, in float64. Its gradient is
JAX's own, at singular points, too. See ``docs/bridges.md``.
"""

try:
    import jax  # noqa: F401 - is it there?
except ImportError as error:
    raise ImportError("JAX is needed, and is not installed: pip install jax") from error

from autodiff.bridges.agreement import DisagreementError
from autodiff.bridges.jax.recording import record
from autodiff.bridges.limits import TooLargeError, UnsupportedError

__all__ = ["DisagreementError", "TooLargeError", "UnsupportedError", "record"]
