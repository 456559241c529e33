"""``record``: a module or function of PyTorch as a graph of ``Value``s.

>>> import torch
>>> from autodiff import leaves
>>> from autodiff.bridges.torch import record
>>> loss = record(lambda x: (x * x).sum(), torch.tensor([3.0, 4.0]))
>>> loss.backward()
>>> [leaf.grad for leaf in leaves(loss)]
[6.0, 8.0]
"""

try:
    import torch  # noqa: F401 - is it there?
except ImportError as error:
    raise ImportError("PyTorch is needed, and is not installed: pip install 'torch>=2.4'") from error

from autodiff.bridges.agreement import DisagreementError
from autodiff.bridges.torch import elementwise, layers, linear_algebra, losses, moves, products, reductions  # noqa: F401
from autodiff.bridges.torch.recording import record

__all__ = ["DisagreementError", "record"]
