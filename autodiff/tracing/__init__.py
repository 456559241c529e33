"""SEE the error flow: the backward pass recorded, saved, compared and explained."""

from autodiff.tracing.anomalies import NonFiniteError, check_finite
from autodiff.tracing.explanation import Explanation, GradientPath, PathEdge
from autodiff.tracing.expressions import ExpressionError, evaluate
from autodiff.tracing.naming import name_values
from autodiff.tracing.paths import explain
from autodiff.tracing.steps import Contributions, TracedNode, TracedStep
from autodiff.tracing.storage import Difference, compare, dumps, load, loads, save
from autodiff.tracing.trace import Trace, trace

__all__ = [
    "Contributions", "Difference", "Explanation", "ExpressionError", "GradientPath", "NonFiniteError", "PathEdge",
    "Trace", "TracedNode", "TracedStep", "check_finite", "compare", "dumps", "evaluate", "explain", "load", "loads",
    "name_values", "save", "trace",
]  # fmt: skip
