"""The interpreter of a laid-out program, and the loops over blocks of observations and over batches around it.

A *block* holds some observations side by side: of row ``r``, the number of the i-th one is ``v[r * stride + i]``, its
adjoint ``g[r * stride + i]``, for ``lanes`` observations, 1 or a multiple of 8. ``s`` are the numbers that all
observations share, ``sg`` their adjoints. :mod:`autodiff.compiling.native.layout` says how the ``code`` is written; the
``table`` has the addresses of the code of each operation: forward, backward, and careful backward. In a careful pass
the adjoint -0.0 is the symbolic zero, see :func:`autodiff.program.expressions.guarded`.

What is computed from parameters alone is run first, once, as a block of one observation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.compiling.native.layout import (
    BACKWARD,
    CONSTANTS,
    COPIES,
    FORWARD,
    INPUTS,
    LOADS,
    MAIN,
    PARAMETERS,
    ROWS,
    SCALARS,
    SHARED,
    STORES,
    TURNS,
)
from autodiff.compiling.native.machine import (
    WIDTH,
    address,
    beyond,
    call,
    compiled,
    entry,
    load,
    minus,
    plus,
    spread,
    store,
    sum_of,
    take,
)


@compiled
def run(
    code: Any, table: Any, records: int, but: int, how: int, s: Any, sg: Any, v: Any, g: Any, stride: int, lanes: int
) -> None:  # fmt: skip
    """All instructions of a list but the last ones, forward, backward or carefully backward."""
    at = take(code, records)
    for place in range(at, at + take(code, records + 1) - but):
        record = beyond(code, take(code, place))
        call(table[take(record, 0), how], record, s, sg, v, g, stride, lanes)


@compiled
def spread_scalars(code: Any, stage: int, s: Any, v: Any, stride: int, lanes: int) -> None:
    """Give the numbers that all observations share a row, where instructions take them beside rows."""
    at = take(code, stage + LOADS)
    for pair in range(at, at + 2 * take(code, stage + LOADS + 1), 2):
        row, number = take(code, pair) * stride, s[take(code, pair + 1)]
        for i in range(lanes):
            v[row + i] = number


@compiled
def add_up_adjoints(code: Any, stage: int, sg: Any, g: Any, stride: int, lanes: int) -> None:
    """The adjoint of a shared number is the sum of those in its row."""
    at = take(code, stage + LOADS)
    for pair in range(at, at + 2 * take(code, stage + LOADS + 2), 2):
        row, adjoint = take(code, pair) * stride, -0.0
        for i in range(lanes):
            adjoint += g[row + i]
        sg[take(code, pair + 1)] += adjoint


@compiled
def share(code: Any, table: Any, constants: Any, parameters: Any, s: Any, v: Any) -> None:
    """Compute what all observations share."""
    s[0] = 1.0
    first = 1 + take(code, CONSTANTS)
    for at in range(1, first):
        s[at] = constants[at - 1]
    for at in range(take(code, PARAMETERS)):
        s[first + at] = parameters[at]
    spread_scalars(code, SHARED, s, v, 1, 1)
    run(code, table, SHARED + FORWARD, 0, 0, s, s, v, v, 1, 1)
    at = take(code, SHARED + STORES)
    for pair in range(at, at + 2 * take(code, SHARED + STORES + 1), 2):
        s[take(code, pair + 1)] = v[take(code, pair)]
    at, first = take(code, COPIES), take(code, COPIES + 2)
    for copy in range(take(code, COPIES + 1)):
        s[first + copy] = s[take(code, at + copy)]


@compiled
def beginning(how: int) -> float:
    """What adjoints begin as: in a careful pass, the symbolic zero."""
    return -0.0 if how == 2 else 0.0


@compiled
def give_back(code: Any, table: Any, s: Any, sg: Any, v: Any, g: Any, gradient: Any, how: int) -> None:
    """Take the adjoints of what all observations share to the parameters."""
    at, first = take(code, COPIES), take(code, COPIES + 2)
    for copy in range(take(code, COPIES + 1)):
        sg[take(code, at + copy)] += sg[first + copy]
    if take(code, SHARED + BACKWARD + 1):
        for row in range(take(code, SHARED + ROWS)):
            g[row] = beginning(how)
        at = take(code, SHARED + STORES)
        for pair in range(at, at + 2 * take(code, SHARED + STORES + 1), 2):
            g[take(code, pair)] += sg[take(code, pair + 1)]
        run(code, table, SHARED + BACKWARD, 0, how, s, sg, v, g, 1, 1)
        add_up_adjoints(code, SHARED, sg, g, 1, 1)
    first = 1 + take(code, CONSTANTS)
    for at in range(take(code, PARAMETERS)):
        gradient[at] = sg[first + at] + 0.0


@compiled
def move(numbers: Any, first: int, place: Any, at: int, count: int) -> None:
    """Copy numbers that stand side by side to a place where they stand side by side."""
    wide = count // WIDTH * WIDTH
    for i in range(0, wide, WIDTH):
        store(place, at + i, load(numbers, first + i))
    for i in range(wide, count):
        place[at + i] = numbers[first + i]


@compiled
def read(
    code: Any, inputs: Any, by_columns: bool, shift: int, order: Any, first: int, last: int, v: Any, stride: int,
    lanes: int,
) -> None:  # fmt: skip
    """The inputs of the observations from ``first`` to ``last``; lanes beyond repeat the last one.

    Observation i stands at the place ``i + shift`` of the inputs, or at the i-th place that the order names.
    """
    at, count = take(code, MAIN + INPUTS), last - first
    for pair in range(at, at + 2 * take(code, MAIN + INPUTS + 1), 2):
        row, source = take(code, pair) * stride, take(code, pair + 1)
        if by_columns and not len(order):
            move(address(inputs), source * inputs.shape[1] + first + shift, v, row, count)
        else:
            for i in range(count):
                observation = order[first + i] if len(order) else first + i + shift
                v[row + i] = inputs[source, observation] if by_columns else inputs[observation, source]
        for i in range(count, lanes):
            v[row + i] = v[row + count - 1]


@compiled
def lanes_of(observations: int, most: int) -> int:
    """How many observations are run side by side: as many in every block, up to a multiple of 8."""
    if observations <= 1:
        return 1
    blocks = -(-observations // most)
    return -(-observations // (8 * blocks)) * 8


@compiled
def stride_of(lanes: int) -> int:
    """The distance of two rows: an odd number of cache lines, so that rows do not get in each other's way."""
    return lanes if lanes == 1 else (lanes // 8 | 1) * 8


@compiled
def is_finite(numbers: Any, first: int, last: int) -> bool:
    """Whether all of these numbers are."""
    finite: bool = True
    for at in range(first, last):
        finite &= np.isfinite(numbers[at])
    return finite


@compiled
def sum_up(numbers: Any) -> float:
    """The sum of an array's numbers: of those side by side in vectors, then of the rest."""
    places, rest, vector = address(numbers), len(numbers) // WIDTH * WIDTH, spread(0.0)
    for at in range(0, rest, WIDTH):
        vector = plus(vector, load(places, at))
    total: float = sum_of(vector)
    for at in range(rest, len(numbers)):
        total += numbers[at]
    return total


@compiled
def gradient_of(
    code: Any, table: Any, constants: Any, parameters: Any, inputs: Any, by_columns: bool, shift: int, order: Any,
    first: int, last: int, weights: Any, lanes: int, how: int, work: Any, results: Any, gradient: Any,
    input_gradient: Any,
) -> bool:  # fmt: skip
    """Values and gradients of the observations from ``first`` to ``last``; whether all gradients are finite."""
    stride, scalars, shared = stride_of(lanes), take(code, SCALARS), take(code, SHARED + ROWS)
    rows, loaded = take(code, MAIN + ROWS), take(code, MAIN + LOADS + 1)
    v = address(work)
    g = beyond(v, rows * stride)
    s = beyond(g, rows * stride)
    sg, v0, g0 = beyond(s, scalars), beyond(s, 2 * scalars), beyond(s, 2 * scalars + shared)
    nothing = beginning(how)
    for at in range(scalars):
        sg[at] = nothing
    for at in range((1 + loaded) * stride):
        g[at] = nothing
    share(code, table, constants, parameters, s, v0)
    spread_scalars(code, MAIN, s, v, stride, lanes)
    result = take(code, take(code, MAIN + STORES)) * stride
    pairs = take(code, MAIN + INPUTS)
    differences = spread(0.0)  # of adjoints and themselves: nan where one is not finite
    for start in range(first, last, lanes):
        end = min(start + lanes, last)
        read(code, inputs, by_columns, shift, order, start, end, v, stride, lanes)
        run(code, table, MAIN + FORWARD, take(code, TURNS), 0, s, s, v, v, stride, lanes)
        for at in range((1 + loaded) * stride, rows * stride):
            g[at] = nothing
        if len(weights) > 1:
            for i in range(end - start):
                g[result + i] += weights[start + i] + 0.0
        else:
            for i in range(end - start):
                g[result + i] += weights[0] + 0.0
        run(code, table, MAIN + BACKWARD, 0, how, s, sg, v, g, stride, lanes)
        move(v, result, address(results), start, end - start)
        if len(input_gradient):
            for pair in range(pairs, pairs + 2 * take(code, MAIN + INPUTS + 1), 2):
                row = take(code, pair) * stride
                if lanes == 1:
                    g[row] += 0.0
                    differences = plus(differences, spread(g[row] - g[row]))
                for i in range(0, lanes - 1, WIDTH):
                    adjoints = plus(load(g, row + i), spread(0.0))
                    store(g, row + i, adjoints)
                    differences = plus(differences, minus(adjoints, adjoints))
                to = take(code, pair + 1) * input_gradient.shape[1] + start
                move(g, row, address(input_gradient), to, end - start)
    add_up_adjoints(code, MAIN, sg, g, stride, lanes)
    give_back(code, table, s, sg, v0, g0, gradient, how)
    difference: float = sum_of(differences)
    return difference == 0.0 and is_finite(gradient, 0, len(gradient))


@entry
def total(numbers: Any) -> float:
    """Their sum."""
    found: float = sum_up(numbers)
    return found


@entry
def values(
    code_array: Any, table: Any, constants: Any, parameters: Any, inputs: Any, by_columns: bool, shift: int, first: int,
    last: int, most: int, work: Any, results: Any,
) -> None:  # fmt: skip
    """All outputs (observations, outputs) of the observations from ``first`` to ``last``."""
    code, lanes = address(code_array), lanes_of(last - first, most)
    stride, scalars = stride_of(lanes), take(code, SCALARS)
    v = address(work)
    s = beyond(v, take(code, MAIN + ROWS) * stride)
    share(code, table, constants, parameters, s, beyond(s, scalars))
    spread_scalars(code, MAIN, s, v, stride, lanes)
    at, outputs = take(code, MAIN + STORES), take(code, MAIN + STORES + 1)
    in_order = np.empty(0, np.int64)
    for start in range(first, last, lanes):
        end = min(start + lanes, last)
        read(code, inputs, by_columns, shift, in_order, start, end, v, stride, lanes)
        run(code, table, MAIN + FORWARD, 0, 0, s, s, v, v, stride, lanes)
        for output in range(outputs):
            row = take(code, at + output) * stride
            for i in range(end - start):
                results[start + i, output] = v[row + i]


@entry
def gradient(
    code: Any, table: Any, constants: Any, parameters: Any, inputs: Any, by_columns: bool, shift: int, order: Any,
    first: int, last: int, chunks: int, weights: Any, most: int, work: Any, how: int, results: Any, gradient: Any,
    input_gradient: Any,
) -> float:  # fmt: skip
    """Values (observations,), gradients of the parameters and, if there is room, of the inputs: quickly, or carefully.

    The gradients of the parameters in each chunk are added to those that are there. Returns nan if one is not finite;
    else the sum of the values, if these are all, or 0.
    """
    finite: bool = True
    part = np.empty(len(gradient))
    for chunk in range(chunks):
        start = first + (last - first) * chunk // chunks
        end = first + (last - first) * (chunk + 1) // chunks
        finite &= gradient_of(
            address(code), table, constants, parameters, inputs, by_columns, shift, order, start, end, weights,
            lanes_of(end - start, most), how, work, results, part, input_gradient,
        )  # fmt: skip
        for at in range(len(gradient)):
            gradient[at] += part[at]
    if finite and is_finite(gradient, 0, len(gradient)):
        found: float = sum_up(results) if last - first == len(results) else 0.0
        return found
    return np.nan


@entry
def descend(
    code_array: Any, table: Any, constants: Any, rule_array: Any, rule_table: Any, rule_constants: Any,
    parameters: Any, state: Any, inputs: Any, order: Any, starts: Any, rates: Any, first_step: int, most: int,
    work: Any, errors: Any, gradient: Any,
) -> int:  # fmt: skip
    """Steps, each with the mean gradient of a batch, until one is not finite; how many were taken.

    The rule is a program too, whose observations are the parameters.
    """
    code, rule = address(code_array), address(rule_array)
    weights, hyper, nothing = np.ones(1), np.empty(2), np.empty((0, 0))
    outputs, pairs = take(rule, MAIN + STORES), take(rule, MAIN + INPUTS)
    lanes = lanes_of(len(parameters), most)
    stride = stride_of(lanes)
    for step in range(len(rates)):
        first, last = starts[step], starts[step + 1]
        for how in range(1, 3):
            if gradient_of(
                code, table, constants, parameters, inputs, False, 0, order, first, last, weights,
                lanes_of(last - first, most), how, work, errors, gradient, nothing,
            ):  # fmt: skip
                break
        if not (is_finite(errors, first, last) and is_finite(gradient, 0, len(gradient))):
            return step
        hyper[0], hyper[1] = rates[step], first_step + step
        v = address(work)
        s = beyond(v, take(rule, MAIN + ROWS) * stride)
        share(rule, rule_table, rule_constants, hyper, s, beyond(s, take(rule, SCALARS)))
        spread_scalars(rule, MAIN, s, v, stride, lanes)
        for start in range(0, len(parameters), lanes):
            end = min(lanes, len(parameters) - start)
            for pair in range(pairs, pairs + 2 * take(rule, MAIN + INPUTS + 1), 2):
                row, source = take(rule, pair) * stride, take(rule, pair + 1)
                if source:
                    for i in range(end):
                        v[row + i] = state[source - 1, start + i]
                else:
                    for i in range(end):
                        v[row + i] = gradient[start + i] / (last - first)
                for i in range(end, lanes):
                    v[row + i] = v[row]
            run(rule, rule_table, MAIN + FORWARD, 0, 0, s, s, v, v, stride, lanes)
            row = take(rule, outputs) * stride
            for i in range(end):
                parameters[start + i] += v[row + i]
            for place in range(len(state)):
                row = take(rule, outputs + 1 + place) * stride
                for i in range(end):
                    state[place, start + i] = v[row + i]
    return len(rates)
