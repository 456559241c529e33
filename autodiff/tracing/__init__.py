"""SEE the error flow: the backward pass recorded, saved, compared and explained."""

from autodiff.tracing.steps import Contributions, TracedNode, TracedStep
from autodiff.tracing.storage import Difference, compare, dumps, load, loads, save
from autodiff.tracing.trace import Trace, trace

__all__ = [
    "Contributions", "Difference", "Trace", "TracedNode", "TracedStep", "compare", "dumps", "load", "loads", "save",
    "trace",
]  # fmt: skip
