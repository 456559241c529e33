"""SEE the error flow: the backward pass recorded, saved, compared and explained."""

from autodiff.tracing.steps import Contributions, TracedNode, TracedStep
from autodiff.tracing.trace import Trace, trace

__all__ = ["Contributions", "Trace", "TracedNode", "TracedStep", "trace"]
