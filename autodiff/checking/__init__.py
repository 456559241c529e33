"""PROVE it: derivatives beside numerical ones that know their own error.

>>> from autodiff.checking import check_gradients, numerical_derivative
>>> check_gradients(lambda x, y: (x * y).tanh(), (0.5, 3.0)).verdict
'pass'
"""

from autodiff.checking.extrapolation import Estimate
from autodiff.checking.function_under_test import UncheckableFunction
from autodiff.checking.gradients import InconclusiveGradientWarning, Report, check_gradients
from autodiff.checking.graphs import Graph
from autodiff.checking.messages import GradientMismatch
from autodiff.checking.numerical import numerical_derivative, numerical_gradient
from autodiff.checking.operation_check import OperationFault, check_operation

__all__ = [
    "Estimate", "GradientMismatch", "Graph", "InconclusiveGradientWarning", "OperationFault", "Report",
    "UncheckableFunction", "check_gradients", "check_operation", "numerical_derivative", "numerical_gradient",
]  # fmt: skip
