"""The code of ``dot`` and ``total`` of rows; the sums are taken in the order of the eager engine."""

from __future__ import annotations

from typing import Any

from autodiff.compiling.native.machine import WIDTH, flow, load, operation, plus, plus_product, spread, store, take


@operation
def dot_forward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """The sum of the products of rows."""
    out, terms = take(record, 1) * stride, take(record, 2)
    if lanes == 1:
        value = 0.0
        for k in range(3, 3 + terms):
            value += v[take(record, k)] * v[take(record, k + terms)]
        v[out] = value
    else:
        for i in range(0, lanes, WIDTH):
            vector = spread(0.0)
            for k in range(3, 3 + terms):
                left, right = take(record, k) * stride, take(record, k + terms) * stride
                vector = plus_product(vector, load(v, left + i), load(v, right + i))
            store(v, out + i, vector)


@operation
def dot_backward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """To each factor the other one's product with the adjoint of the sum."""
    out, terms = take(record, 1) * stride, take(record, 2)
    for k in range(3, 3 + 2 * terms):
        d = take(record, k + 2 * terms) * stride
        x = take(record, k + terms if k < 3 + terms else k - terms) * stride
        if d:
            if lanes == 1:
                g[d] += v[x] * g[out]
            else:
                for i in range(0, lanes, WIDTH):
                    store(g, d + i, plus_product(load(g, d + i), load(v, x + i), load(g, out + i)))


@operation
def dot_careful(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """As ``dot_backward``, where nothing flows through a zero."""
    out, terms = take(record, 1) * stride, take(record, 2)
    for k in range(3, 3 + 2 * terms):
        d = take(record, k + 2 * terms) * stride
        x = take(record, k + terms if k < 3 + terms else k - terms) * stride
        if d:
            for i in range(lanes):
                g[d + i] += flow(v[x + i], g[out + i])


@operation
def total_forward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """The sum of rows."""
    out, terms = take(record, 1) * stride, take(record, 2)
    if lanes == 1:
        value = 0.0
        for k in range(3, 3 + terms):
            value += v[take(record, k)]
        v[out] = value
    else:
        for i in range(0, lanes, WIDTH):
            vector = spread(0.0)
            for k in range(3, 3 + terms):
                vector = plus(vector, load(v, take(record, k) * stride + i))
            store(v, out + i, vector)


@operation
def total_backward(record: Any, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int) -> None:
    """To each row the adjoint of the sum."""
    out, terms = take(record, 1) * stride, take(record, 2)
    for k in range(3 + terms, 3 + 2 * terms):
        d = take(record, k) * stride
        if d:
            if lanes == 1:
                g[d] += g[out]
            else:
                for i in range(0, lanes, WIDTH):
                    store(g, d + i, plus(load(g, d + i), load(g, out + i)))
