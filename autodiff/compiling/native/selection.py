"""The code of ``select``: the row or the scalar at an index, for each observation its own."""

from __future__ import annotations

from typing import Any

from autodiff.compiling.native.machine import operation, take


@operation
def row_forward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """The row at an index."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    for i in range(lanes):
        v[out + i] = v[take(record, 4 + int(v[index + i])) * stride + i]


@operation
def row_backward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """The adjoint to the row that was chosen."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    adjoints = 4 + take(record, 2)
    for i in range(lanes):
        g[take(record, adjoints + int(v[index + i])) * stride + i] += g[out + i]


@operation
def scalar_forward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """The scalar at an index."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    for i in range(lanes):
        v[out + i] = s[take(record, 4 + int(v[index + i]))]


@operation
def scalar_backward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """The adjoint to the scalar that was chosen."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    for i in range(lanes):
        sg[take(record, 4 + int(v[index + i]))] += g[out + i]
