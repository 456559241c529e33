"""PROVE it: derivatives beside numerical ones that know their own error.

>>> from autodiff.checking import check_gradients, numerical_derivative
>>> check_gradients(lambda x, y: (x * y).tanh(), (0.5, 3.0)).verdict
'pass'
"""

import warnings
from typing import Any

from autodiff.checking.extrapolation import Estimate
from autodiff.checking.function_under_test import UncheckableFunctionError
from autodiff.checking.gradients import InconclusiveGradientWarning, Report, check_gradients
from autodiff.checking.graphs import Graph
from autodiff.checking.messages import GradientMismatchError
from autodiff.checking.numerical import numerical_derivative, numerical_gradient
from autodiff.checking.operation_check import OperationError, check_operation
from autodiff.checking.rules_check import RuleTable, check_rules

__all__ = [
    "Estimate", "GradientMismatchError", "Graph", "InconclusiveGradientWarning", "OperationError", "Report",
    "RuleTable", "UncheckableFunctionError", "check_gradients", "check_operation", "check_rules",
    "numerical_derivative", "numerical_gradient",
]  # fmt: skip

_RENAMED = {
    "GradientMismatch": GradientMismatchError,
    "OperationFault": OperationError,
    "UncheckableFunction": UncheckableFunctionError,
}


def __getattr__(name: str) -> Any:
    """The exceptions by the names that they had before."""
    renamed = _RENAMED.get(name)
    if renamed is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{name} is called {renamed.__name__} now", DeprecationWarning, stacklevel=2)
    return renamed
