"""The code of operations of any number of operands but layers; sums are taken in the order of the eager engine."""

from __future__ import annotations

import math

from autodiff.compiling.native.machine import (
    WIDTH,
    Floats,
    Integers,
    careful_product,
    load,
    spread,
    store,
    take,
)


def dot_forward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
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
                vector += load(v, left + i) * load(v, right + i)
            store(v, out + i, vector)


def dot_backward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
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
                    store(g, d + i, load(g, d + i) + load(v, x + i) * load(g, out + i))


def dot_careful(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """As ``dot_backward``, with symbolic zeros."""
    out, terms = take(record, 1) * stride, take(record, 2)
    for k in range(3, 3 + 2 * terms):
        d = take(record, k + 2 * terms) * stride
        x = take(record, k + terms if k < 3 + terms else k - terms) * stride
        if d:
            for i in range(lanes):
                g[d + i] += careful_product(v[x + i], g[out + i])


def total_forward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
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
                vector += load(v, take(record, k) * stride + i)
            store(v, out + i, vector)


def total_backward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """To each row the adjoint of the sum."""
    out, terms = take(record, 1) * stride, take(record, 2)
    for k in range(3 + terms, 3 + 2 * terms):
        d = take(record, k) * stride
        if d:
            if lanes == 1:
                g[d] += g[out]
            else:
                for i in range(0, lanes, WIDTH):
                    store(g, d + i, load(g, d + i) + load(g, out + i))


def norm_forward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """The root of the sum of squares of rows, scaled by the largest number."""
    out, terms = take(record, 1) * stride, take(record, 2)
    for i in range(lanes):
        largest = sizes = 0.0
        for k in range(3, 3 + terms):
            size = math.fabs(v[take(record, k) * stride + i])
            sizes += size
            if size > largest:  # nan is not
                largest = size
        squares = 0.0
        for k in range(3, 3 + terms):
            scaled = v[take(record, k) * stride + i] / largest
            squares += scaled * scaled
        v[out + i] = sizes if largest == 0.0 else largest if largest == math.inf else largest * math.sqrt(squares)


def norm_backward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """To each row its part of the norm; 0 at the origin."""
    out, terms = take(record, 1) * stride, take(record, 2)
    for k in range(3, 3 + terms):
        d, x = take(record, k + terms) * stride, take(record, k) * stride
        if d:
            for i in range(lanes):
                local = 0.0 if v[out + i] == 0.0 else v[x + i] / v[out + i]
                g[d + i] += careful_product(local, g[out + i])


def row_forward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """The row at an index."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    for i in range(lanes):
        v[out + i] = v[take(record, 4 + int(v[index + i])) * stride + i]


def row_backward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """The adjoint to the row that was chosen."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    adjoints = 4 + take(record, 2)
    for i in range(lanes):
        g[take(record, adjoints + int(v[index + i])) * stride + i] += g[out + i]


def scalar_forward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """The scalar at an index."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    for i in range(lanes):
        v[out + i] = s[take(record, 4 + int(v[index + i]))]


def scalar_backward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """The adjoint to the scalar that was chosen."""
    out, index = take(record, 1) * stride, take(record, 3) * stride
    for i in range(lanes):
        sg[take(record, 4 + int(v[index + i]))] += g[out + i]
