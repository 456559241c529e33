"""Side by side with peers, in one run, on one core: ``python -m benchmarks``."""

import os
import sys

for library in ("OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM", "NUMEXPR"):  # read when NumPy and its peers are loaded
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "jax" in sys.modules:  # it has read its settings already
    sys.modules["jax"].config.update("jax_enable_x64", True)
