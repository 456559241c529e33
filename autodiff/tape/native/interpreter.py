"""The interpreter of a laid-out program: the frame that a kernel is made of.

A *block* holds some observations side by side: ``v[row, i]`` is a number of the i-th one, ``g[row, i]`` its adjoint,
``s`` are the numbers that all share, ``sg`` their adjoints. With ``lanes`` None a block is one observation, and all its
loops disappear when it is compiled. The records of ``code`` are described in :mod:`autodiff.tape.native.layout`.

A kernel is this text with a branch for each operation that its programs use, put where the comments say so.
"""

from __future__ import annotations

import math  # noqa: F401 - the branches use it
from typing import Any

import numpy as np

from autodiff.tape.native import kernels
from autodiff.tape.native.compiling import compiled, entry
from autodiff.tape.native.kernels import count
from autodiff.tape.native.layout import (
    BACKWARD,
    CONSTANTS,
    COPIES,
    DOT,
    FORWARD,
    INPUTS,
    LAYER,
    LOADS,
    MAIN,
    PARAMETERS,
    ROWS,
    SCALARS,
    SELECT,
    SELECT_SCALAR,
    SHARED,
    STORES,
    TOTAL,
)


@compiled
def forward(code: Any, stage: int, s: Any, v: Any, lanes: Any) -> None:
    """Every instruction of a stage."""
    at, records = code[stage + FORWARD], code[stage + FORWARD + 1]
    for record in range(records):
        p = np.int64(code[at + record])
        op, out = code[p], code[p + 1]
        if op == LAYER:
            kernels.layer_forward(code, p, s, v, lanes)
        elif op == DOT:
            kernels.dot_forward(code, p, v, lanes)
        elif op == TOTAL:
            kernels.total_forward(code, p, v, lanes)
        elif op == SELECT:
            kernels.select_forward(code, p, v, lanes)
        elif op == SELECT_SCALAR:
            kernels.select_scalar_forward(code, p, s, v, lanes)
        # a branch for each operation: its primal


@compiled
def backward(code: Any, stage: int, s: Any, sg: Any, v: Any, g: Any, lanes: Any, careful: bool) -> None:
    """The chain rule for every instruction that gradients flow through, from the last to the first.

    Only if ``careful``, sums of products make sure that nothing flows through a zero.
    """
    at, records = code[stage + BACKWARD], code[stage + BACKWARD + 1]
    for record in range(records):
        p = np.int64(code[at + record])
        op, out = code[p], code[p + 1]
        if op == LAYER:
            kernels.layer_backward(code, p, s, sg, v, g, lanes, careful)
        elif op == DOT:
            kernels.dot_backward(code, p, v, g, lanes, careful)
        elif op == TOTAL:
            kernels.total_backward(code, p, g, lanes)
        elif op == SELECT:
            kernels.select_backward(code, p, v, g, lanes)
        elif op == SELECT_SCALAR:
            kernels.select_scalar_backward(code, p, sg, v, g, lanes)
        # a branch for each operation: its local derivatives


@compiled
def load(code: Any, stage: int, s: Any, v: Any, lanes: Any) -> None:
    """Spread the numbers that all observations share, where instructions take them beside rows."""
    at, pairs = code[stage + LOADS], code[stage + LOADS + 1]
    for pair in range(at, at + 2 * pairs, 2):
        row, number = code[pair], s[code[pair + 1]]
        for i in range(count(lanes)):
            v[row, i] = number


@compiled
def unload(code: Any, stage: int, sg: Any, g: Any, lanes: Any) -> None:
    """Add up the adjoints of what was spread."""
    at, pairs = code[stage + LOADS], code[stage + LOADS + 2]
    for pair in range(at, at + 2 * pairs, 2):
        row, adjoint = code[pair], 0.0
        for i in range(count(lanes)):
            adjoint += g[row, i]
        sg[code[pair + 1]] += adjoint


@compiled
def prepare(code: Any, numbers: Any, parameters: Any, s: Any, v: Any) -> None:
    """Compute what all observations share; ``v`` is the block of the shared stage."""
    s[0] = 1.0
    constants = code[CONSTANTS]
    for at in range(constants):
        s[1 + at] = numbers[at]
    for at in range(code[PARAMETERS]):
        s[1 + constants + at] = parameters[at]
    load(code, SHARED, s, v, None)
    forward(code, SHARED, s, v, None)
    at, pairs = code[SHARED + STORES], code[SHARED + STORES + 1]
    for pair in range(at, at + 2 * pairs, 2):
        s[code[pair + 1]] = v[code[pair], 0]
    at, copies, first = code[COPIES], code[COPIES + 1], code[COPIES + 2]
    for copy in range(copies):
        s[first + copy] = s[code[at + copy]]


@compiled
def finish(code: Any, s: Any, sg: Any, v: Any, g: Any, gradient: Any, careful: bool) -> None:
    """Take the adjoints of all that the observations share back to the parameters."""
    at, copies, first = code[COPIES], code[COPIES + 1], code[COPIES + 2]
    for copy in range(copies):
        sg[code[at + copy]] += sg[first + copy]
    if code[SHARED + BACKWARD + 1]:
        g[:] = 0.0
        at, pairs = code[SHARED + STORES], code[SHARED + STORES + 1]
        for pair in range(at, at + 2 * pairs, 2):
            g[code[pair], 0] += sg[code[pair + 1]]
        backward(code, SHARED, s, sg, v, g, None, careful)
        unload(code, SHARED, sg, g, None)
    constants = code[CONSTANTS]
    for at in range(code[PARAMETERS]):
        gradient[at] = sg[1 + constants + at]


@compiled
def read(code: Any, inputs: Any, order: Any, first: int, last: int, v: Any, lanes: Any) -> None:
    """Take the inputs of the observations from ``first`` to ``last``; the lanes beyond repeat the last one."""
    at, pairs = code[MAIN + INPUTS], code[MAIN + INPUTS + 1]
    for i in range(count(lanes)):
        place = min(first + i, last - 1)
        observation = order[place] if len(order) else place
        for pair in range(at, at + 2 * pairs, 2):
            v[code[pair], i] = inputs[observation, code[pair + 1]]


@compiled
def values_of(code: Any, inputs: Any, s: Any, v: Any, lanes: Any, results: Any) -> None:
    """The outputs of all observations, block by block."""
    load(code, MAIN, s, v, lanes)
    at, outputs = code[MAIN + STORES], code[MAIN + STORES + 1]
    for first in range(0, len(inputs), count(lanes)):
        last = min(first + count(lanes), len(inputs))
        read(code, inputs, np.empty(0, np.int64), first, last, v, lanes)
        forward(code, MAIN, s, v, lanes)
        for output in range(outputs):
            row = code[at + output]
            for i in range(last - first):
                results[first + i, output] = v[row, i]


@compiled
def gradient_of(
    code: Any, inputs: Any, order: Any, first_of_all: int, last_of_all: int, weights: Any, s: Any, sg: Any, v: Any,
    g: Any, lanes: Any, careful: bool, results: Any, input_gradient: Any,
) -> None:  # fmt: skip
    """Values, and the adjoints of all that is shared and of the inputs, block by block."""
    load(code, MAIN, s, v, lanes)
    loads, spread = code[MAIN + LOADS], code[MAIN + LOADS + 2]
    for pair in range(loads, loads + 2 * spread, 2):
        g[code[pair], :] = 0.0
    result = code[code[MAIN + STORES]]
    at, pairs = code[MAIN + INPUTS], code[MAIN + INPUTS + 1]
    for first in range(first_of_all, last_of_all, count(lanes)):
        last = min(first + count(lanes), last_of_all)
        read(code, inputs, order, first, last, v, lanes)
        forward(code, MAIN, s, v, lanes)
        g[1 + code[MAIN + LOADS + 1] :, :] = 0.0
        for i in range(last - first):
            results[first + i] = v[result, i]
            g[result, i] += weights[first + i if len(weights) > 1 else 0]
        backward(code, MAIN, s, sg, v, g, lanes, careful)
        if len(input_gradient):
            for pair in range(at, at + 2 * pairs, 2):
                for i in range(last - first):
                    input_gradient[first + i, code[pair + 1]] = g[code[pair], i]
    unload(code, MAIN, sg, g, lanes)


@entry
def values(code: Any, numbers: Any, parameters: Any, inputs: Any, block: int, results: Any) -> None:
    """(observations, outputs) results."""
    s = np.empty(code[SCALARS])
    prepare(code, numbers, parameters, s, np.empty((code[SHARED + ROWS], 1)))
    if len(inputs) == 1:
        values_of(code, inputs, s, np.empty((code[MAIN + ROWS], 1)), None, results)
    elif len(inputs):
        values_of(code, inputs, s, np.empty((code[MAIN + ROWS], block)), block, results)


@entry
def gradient(
    code: Any, numbers: Any, parameters: Any, inputs: Any, order: Any, first: int, last: int, weights: Any, block: int,
    careful: bool, results: Any, gradient: Any, input_gradient: Any,
) -> None:  # fmt: skip
    """Values (observations,), gradients of the parameters and, if there is room, of the inputs."""
    s, sg = np.empty(code[SCALARS]), np.zeros(code[SCALARS])
    rows = code[SHARED + ROWS]
    v0, g0 = np.empty((rows, 1)), np.empty((rows, 1))
    prepare(code, numbers, parameters, s, v0)
    width = 1 if last - first == 1 else block
    v, g = np.empty((code[MAIN + ROWS], width)), np.empty((code[MAIN + ROWS], width))
    if last - first == 1:
        gradient_of(
            code, inputs, order, first, last, weights, s, sg, v, g, None, careful, results, input_gradient
        )  # fmt: skip
    elif last > first:
        gradient_of(
            code, inputs, order, first, last, weights, s, sg, v, g, block, careful, results, input_gradient
        )  # fmt: skip
    finish(code, s, sg, v0, g0, gradient, careful)
