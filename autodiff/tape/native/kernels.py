"""The instructions of any number of operands, written by hand; see :mod:`autodiff.tape.native.interpreter`."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.tape.native.compiling import compiled


@compiled
def count(lanes: Any) -> int:
    """How many observations a block holds."""
    if lanes is None:
        return 1
    return lanes  # type: ignore[no-any-return]


@compiled
def flow(local: float, upstream: float) -> float:
    """The product of the chain rule: nothing flows through a zero."""
    return 0.0 if (local == 0.0) | (upstream == 0.0) else local * upstream


@compiled
def layer_forward(code: Any, p: int, s: Any, v: Any, lanes: Any) -> None:
    neurons, terms = code[p + 1], code[p + 2]
    outs = p + 5
    weights = outs + neurons
    rows = weights + neurons
    for m in range(neurons):
        out, w = code[outs + m], code[weights + m]
        for i in range(count(lanes)):
            v[out, i] = 0.0
        for k in range(terms):
            weight, x = s[w + k], code[rows + k]
            for i in range(count(lanes)):
                v[out, i] += weight * v[x, i]


@compiled
def layer_backward(code: Any, p: int, s: Any, sg: Any, v: Any, g: Any, lanes: Any, careful: bool) -> None:
    neurons, terms, wants_weights, wants_rows = code[p + 1], code[p + 2], code[p + 3], code[p + 4]
    outs = p + 5
    weights = outs + neurons
    rows = weights + neurons
    adjoints = rows + terms
    for back in range(neurons):
        m = neurons - 1 - back
        out, w = code[outs + m], code[weights + m]
        for k in range(terms):
            weight, x, d = s[w + k], code[rows + k], code[adjoints + k]
            if wants_weights:
                slope = 0.0
                if careful:
                    for i in range(count(lanes)):
                        slope += flow(v[x, i], g[out, i])
                else:
                    for i in range(count(lanes)):
                        slope += v[x, i] * g[out, i]
                sg[w + k] += slope
            if wants_rows and d:
                if careful:
                    for i in range(count(lanes)):
                        g[d, i] += flow(weight, g[out, i])
                else:
                    for i in range(count(lanes)):
                        g[d, i] += weight * g[out, i]


@compiled
def dot_forward(code: Any, p: int, v: Any, lanes: Any) -> None:
    out, terms = code[p + 1], code[p + 2]
    left = p + 3
    right = left + terms
    for i in range(count(lanes)):
        v[out, i] = 0.0
    for k in range(terms):
        a, b = code[left + k], code[right + k]
        for i in range(count(lanes)):
            v[out, i] += v[a, i] * v[b, i]


@compiled
def dot_backward(code: Any, p: int, v: Any, g: Any, lanes: Any, careful: bool) -> None:
    out, terms = code[p + 1], np.int64(code[p + 2])
    rows = p + 3
    adjoints = rows + 2 * terms
    for k in range(2 * terms):
        d, other = code[adjoints + k], code[rows + (k + terms if k < terms else k - terms)]
        if d:
            if careful:
                for i in range(count(lanes)):
                    g[d, i] += flow(v[other, i], g[out, i])
            else:
                for i in range(count(lanes)):
                    g[d, i] += v[other, i] * g[out, i]


@compiled
def total_forward(code: Any, p: int, v: Any, lanes: Any) -> None:
    out, terms = code[p + 1], code[p + 2]
    for i in range(count(lanes)):
        v[out, i] = 0.0
    for k in range(terms):
        x = code[p + 3 + k]
        for i in range(count(lanes)):
            v[out, i] += v[x, i]


@compiled
def total_backward(code: Any, p: int, g: Any, lanes: Any) -> None:
    out, terms = code[p + 1], code[p + 2]
    for k in range(terms):
        d = code[p + 3 + terms + k]
        if d:
            for i in range(count(lanes)):
                g[d, i] += g[out, i]


@compiled
def select_forward(code: Any, p: int, v: Any, lanes: Any) -> None:
    out, index = code[p + 1], code[p + 3]
    for i in range(count(lanes)):
        v[out, i] = v[code[p + 4 + np.int64(v[index, i])], i]


@compiled
def select_backward(code: Any, p: int, v: Any, g: Any, lanes: Any) -> None:
    out, choices, index = code[p + 1], code[p + 2], code[p + 3]
    for i in range(count(lanes)):
        d = code[p + 4 + choices + np.int64(v[index, i])]
        g[d, i] += g[out, i]


@compiled
def select_scalar_forward(code: Any, p: int, s: Any, v: Any, lanes: Any) -> None:
    out, index = code[p + 1], code[p + 3]
    for i in range(count(lanes)):
        v[out, i] = s[code[p + 4 + np.int64(v[index, i])]]


@compiled
def select_scalar_backward(code: Any, p: int, sg: Any, v: Any, g: Any, lanes: Any) -> None:
    out, index = code[p + 1], code[p + 3]
    for i in range(count(lanes)):
        sg[code[p + 4 + np.int64(v[index, i])]] += g[out, i]
