"""SEE the error flow: the backward pass recorded, saved, compared, explained, watched and checked."""

from autodiff.non_finite import NonFiniteError, check_finite, detect_anomaly
from autodiff.sources import Source, record_sources
from autodiff.tracing.auditing import TrainingWarning, check_training
from autodiff.tracing.comparison import Difference, compare
from autodiff.tracing.explanation import Explanation, GradientPath, PathEdge
from autodiff.tracing.expressions import ExpressionError, evaluate
from autodiff.tracing.loading import load, loads
from autodiff.tracing.naming import name_values
from autodiff.tracing.paths import explain
from autodiff.tracing.steps import Contributions, TracedNode, TracedStep
from autodiff.tracing.storage import dumps, save
from autodiff.tracing.views import Trace, trace
from autodiff.tracing.watching import changes_sign, larger_than, non_finite, watch

__all__ = [
    "Contributions", "Difference", "Explanation", "ExpressionError", "GradientPath", "NonFiniteError",
    "PathEdge", "Source", "Trace", "TracedNode", "TracedStep", "TrainingWarning", "changes_sign",
    "check_finite", "check_training", "compare", "detect_anomaly", "dumps", "evaluate", "explain",
    "larger_than", "load", "loads", "name_values", "non_finite", "record_sources", "save", "trace", "watch",
]  # fmt: skip
