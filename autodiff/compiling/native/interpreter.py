"""The interpreter of a laid-out program, and the loops over blocks of observations and over batches around it.

A *block* holds some observations side by side: of row ``r``, the number of the i-th one is ``v[r * stride + i]``, its
adjoint ``g[r * stride + i]``, for ``lanes`` observations, 1 or a multiple of 8. ``s`` are the numbers that all
observations share, ``sg`` their adjoints. :mod:`autodiff.compiling.native.layout` says how the ``code`` is written; the
``table`` has the addresses of the code of each operation: forward, backward, and careful backward. In a careful pass
the adjoint -0.0 is the symbolic zero, see :func:`autodiff.program.expressions.guarded`.

What is computed from parameters alone is run first, once, as a block of one observation.

What is run over many numbers is written with vectors here: LLVM is not asked to find them, which takes it longer than
all the rest.
"""

from __future__ import annotations

import math

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
    WHOLE,
)
from autodiff.compiling.native.machine import (
    WIDTH,
    Floats,
    Integers,
    Longs,
    address_of,
    as_longs,
    beyond,
    call,
    floats,
    fused,
    integers,
    load,
    longs,
    spread,
    store,
    sum_of,
    take,
)


def run(
    code: Integers, table: Longs, records: int, but: int, how: int, s: Floats, sg: Floats, v: Floats, g: Floats,
    stride: int, lanes: int,
) -> None:  # fmt: skip
    """All instructions of a list but the last ones, forward, backward or carefully backward."""
    at = take(code, records)
    for place in range(at, at + take(code, records + 1) - but):
        record = beyond(code, take(code, place))
        call(table[3 * take(record, 0) + how], record, s, sg, v, g, stride, lanes)


def move(numbers: Floats, first: int, place: Floats, at: int, count: int) -> None:
    """Copy numbers that stand side by side to a place where they stand side by side."""
    wide = count // WIDTH * WIDTH
    for i in range(0, wide, WIDTH):
        store(place, at + i, load(numbers, first + i))
    for i in range(wide, count):
        place[at + i] = numbers[first + i]


def fill(numbers: Floats, first: int, count: int, number: float) -> None:
    """Put one number in places side by side."""
    wide = count // WIDTH * WIDTH
    for i in range(0, wide, WIDTH):
        store(numbers, first + i, number)
    for i in range(wide, count):
        numbers[first + i] = number


def add(numbers: Floats, first: int, place: Floats, at: int, count: int) -> None:
    """Add numbers side by side to those of a place."""
    wide = count // WIDTH * WIDTH
    for i in range(0, wide, WIDTH):
        store(place, at + i, load(place, at + i) + load(numbers, first + i))
    for i in range(wide, count):
        place[at + i] += numbers[first + i]


def spread_scalars(code: Integers, stage: int, s: Floats, v: Floats, stride: int, lanes: int) -> None:
    """Give the numbers that all observations share a row, where instructions take them beside rows."""
    at = take(code, stage + LOADS)
    for pair in range(at, at + 2 * take(code, stage + LOADS + 1), 2):
        fill(v, take(code, pair) * stride, lanes, s[take(code, pair + 1)])


def add_up_adjoints(code: Integers, stage: int, sg: Floats, g: Floats, stride: int, lanes: int) -> None:
    """The adjoint of a shared number is the sum of those in its row."""
    at = take(code, stage + LOADS)
    for pair in range(at, at + 2 * take(code, stage + LOADS + 2), 2):
        row, adjoint = take(code, pair) * stride, -0.0
        for i in range(lanes):
            adjoint += g[row + i]
        sg[take(code, pair + 1)] += adjoint


def share(code: Integers, table: Longs, constants: Floats, parameters: Floats, s: Floats, v: Floats) -> None:
    """Compute what all observations share."""
    s[0] = 1.0
    first = 1 + take(code, CONSTANTS)
    for at in range(1, first):
        s[at] = constants[at - 1]
    move(parameters, 0, s, first, take(code, PARAMETERS))
    spread_scalars(code, SHARED, s, v, 1, 1)
    run(code, table, SHARED + FORWARD, 0, 0, s, s, v, v, 1, 1)
    at = take(code, SHARED + STORES)
    for pair in range(at, at + 2 * take(code, SHARED + STORES + 1), 2):
        s[take(code, pair + 1)] = v[take(code, pair)]
    at, first = take(code, COPIES), take(code, COPIES + 2)
    for copy in range(take(code, COPIES + 1)):
        s[first + copy] = s[take(code, at + copy)]


def beginning(how: int) -> float:
    """What adjoints begin as: in a careful pass, the symbolic zero."""
    return -0.0 if how == 2 else 0.0


def hand_over(g: Floats, first: int, place: Floats, at: int, count: int) -> bool:
    """Copy adjoints that stand side by side to a place of the caller, -0.0 as 0.0; whether all are finite."""
    wide, zero = count // WIDTH * WIDTH, spread(0.0)
    for i in range(0, wide, WIDTH):
        adjoints = load(g, first + i) + 0.0
        store(place, at + i, adjoints)
        zero = fused(zero, adjoints, 0.0)  # nan where one is not finite
    for i in range(wide, count):
        place[at + i] = g[first + i] + 0.0
    finite: bool = sum_of(zero) == 0.0
    return is_finite(place, at + wide, at + count) & finite


def give_back(
    code: Integers, table: Longs, s: Floats, sg: Floats, v: Floats, g: Floats, gradient: Floats, how: int
) -> bool:
    """Take the adjoints of what all observations share to the parameters; whether all of these are finite."""
    at, first = take(code, COPIES), take(code, COPIES + 2)
    for copy in range(take(code, COPIES + 1)):
        sg[take(code, at + copy)] += sg[first + copy]
    if take(code, SHARED + BACKWARD + 1):
        fill(g, 0, take(code, SHARED + ROWS), beginning(how))
        at = take(code, SHARED + STORES)
        for pair in range(at, at + 2 * take(code, SHARED + STORES + 1), 2):
            g[take(code, pair)] += sg[take(code, pair + 1)]
        run(code, table, SHARED + BACKWARD, 0, how, s, sg, v, g, 1, 1)
        add_up_adjoints(code, SHARED, sg, g, 1, 1)
    return hand_over(sg, 1 + take(code, CONSTANTS), gradient, 0, take(code, PARAMETERS))


def seed(weights: Floats, first: int, weighted: int, g: Floats, result: int, count: int) -> None:
    """Add the weights of observations to the adjoints of their results; -0.0 would be the symbolic zero."""
    wide = count // WIDTH * WIDTH
    for i in range(0, wide, WIDTH):
        own = load(weights, first + i) if weighted else spread(weights[0])
        store(g, result + i, load(g, result + i) + (own + 0.0))
    for i in range(wide, count):
        g[result + i] += weights[first + i if weighted else 0] + 0.0


def read(
    code: Integers, inputs: Floats, down: int, across: int, columns: Longs, scattered: int, order: Longs, ordered: int,
    first: int, last: int, v: Floats, stride: int, lanes: int,
) -> None:  # fmt: skip
    """The inputs of the observations from ``first`` to ``last``; lanes beyond repeat the last one.

    Two observations are ``down`` numbers apart, two inputs ``across``; if these are scattered, the ``columns`` say
    where each begins and how far its observations are apart. If observations are ordered, observation i is the one at
    the i-th place that the order names.
    """
    at, count = take(code, MAIN + INPUTS), last - first
    for pair in range(at, at + 2 * take(code, MAIN + INPUTS + 1), 2):
        row, place = take(code, pair) * stride, take(code, pair + 1)
        column = floats(columns, 2 * place) if scattered else beyond(inputs, place * across)
        step = columns[2 * place + 1] if scattered else down
        if ordered:
            for i in range(count):
                v[row + i] = column[order[first + i] * step]
        elif step == 1:
            move(column, first, v, row, count)
        else:
            for i in range(count):
                v[row + i] = column[(first + i) * step]
        for i in range(count, lanes):
            v[row + i] = v[row + count - 1]


def lanes_of(observations: int, most: int) -> int:
    """How many observations are run side by side: as many in every block, up to a multiple of 8."""
    if observations <= 1:
        return 1
    blocks = -(-observations // most)
    return -(-observations // (8 * blocks)) * 8


def stride_of(lanes: int) -> int:
    """The distance of two rows: an odd number of cache lines, so that rows do not get in each other's way."""
    return lanes if lanes == 1 else (lanes // 8 | 1) * 8


def is_finite(numbers: Floats, first: int, last: int) -> bool:
    """Whether all of these numbers are: then they are 0 times 0."""
    rest, zero = last - (last - first) % WIDTH, spread(0.0)
    for at in range(first, rest, WIDTH):
        zero = fused(zero, load(numbers, at), 0.0)
    finite: bool = sum_of(zero) == 0.0
    for at in range(rest, last):
        finite &= math.isfinite(numbers[at])
    return finite


def sum_up(numbers: Floats, count: int) -> float:
    """The sum of some numbers: of those side by side in vectors, then of the rest."""
    rest, vector = count // WIDTH * WIDTH, spread(0.0)
    for at in range(0, rest, WIDTH):
        vector += load(numbers, at)
    total: float = sum_of(vector)
    for at in range(rest, count):
        total += numbers[at]
    return total


def gradient_of(
    code: Integers, table: Longs, constants: Floats, parameters: Floats, inputs: Floats, down: int, across: int,
    columns: Longs, scattered: int, order: Longs, ordered: int, first: int, last: int, weights: Floats, weighted: int,
    lanes: int, how: int, work: Floats, results: Floats, gradient: Floats, slopes: Floats, apart: int,
) -> bool:  # fmt: skip
    """Values and gradients of the observations from ``first`` to ``last``; whether all gradients are finite.

    Observation i has weight number i, or if they are not ``weighted`` number 0. The gradients of an input are side by
    side, those of two inputs ``apart``, or not wanted if that is 0.
    """
    stride, scalars, shared = stride_of(lanes), take(code, SCALARS), take(code, SHARED + ROWS)
    rows, loaded = take(code, MAIN + ROWS), take(code, MAIN + LOADS + 1)
    v = work
    g = beyond(v, rows * stride)
    s = beyond(g, rows * stride)
    sg, v0, g0 = beyond(s, scalars), beyond(s, 2 * scalars), beyond(s, 2 * scalars + shared)
    nothing = beginning(how)
    fill(sg, 0, scalars, nothing)
    fill(g, 0, (1 + loaded) * stride, nothing)
    share(code, table, constants, parameters, s, v0)
    spread_scalars(code, MAIN, s, v, stride, lanes)
    result = take(code, take(code, MAIN + STORES)) * stride
    pairs = take(code, MAIN + INPUTS)
    finite = True
    for start in range(first, last, lanes):
        end = min(start + lanes, last)
        read(code, inputs, down, across, columns, scattered, order, ordered, start, end, v, stride, lanes)
        run(code, table, MAIN + FORWARD, take(code, TURNS), 0, s, s, v, v, stride, lanes)
        fill(g, (1 + loaded) * stride, (rows - 1 - loaded) * stride, nothing)
        seed(weights, start, weighted, g, result, end - start)
        run(code, table, MAIN + BACKWARD, 0, how, s, sg, v, g, stride, lanes)
        move(v, result, results, start, end - start)
        if apart:
            for pair in range(pairs, pairs + 2 * take(code, MAIN + INPUTS + 1), 2):
                row, to = take(code, pair) * stride, take(code, pair + 1) * apart + start
                finite &= hand_over(g, row, slopes, to, end - start)
    add_up_adjoints(code, MAIN, sg, g, stride, lanes)
    return give_back(code, table, s, sg, v0, g0, gradient, how) & finite


def total(given: Longs) -> float:
    """The sum of some numbers: where they are, and how many."""
    return sum_up(floats(given, 0), given[1])


def values(given: Longs) -> float:
    """All outputs of some observations, those of each side by side; ``given`` holds, in this order,

    code, table and constants; parameters; the inputs, how far observations and inputs are apart in them, and if these
    are scattered, a table of their columns, or 0; the first observation and the last; the most lanes, and room to work
    in; where the results go.
    """
    code, table, constants, parameters = integers(given, 0), longs(given, 1), floats(given, 2), floats(given, 3)
    inputs, down, across, first, last = floats(given, 4), given[5], given[6], given[8], given[9]
    lanes = lanes_of(last - first, given[10])
    v, results = floats(given, 11), floats(given, 12)
    stride, scalars = stride_of(lanes), take(code, SCALARS)
    s = beyond(v, take(code, MAIN + ROWS) * stride)
    share(code, table, constants, parameters, s, beyond(s, scalars))
    spread_scalars(code, MAIN, s, v, stride, lanes)
    at, outputs = take(code, MAIN + STORES), take(code, MAIN + STORES + 1)
    for start in range(first, last, lanes):
        end = min(start + lanes, last)
        read(code, inputs, down, across, longs(given, 7), given[7], given, 0, start, end, v, stride, lanes)
        run(code, table, MAIN + FORWARD, 0, 0, s, s, v, v, stride, lanes)
        for output in range(outputs):
            row = take(code, at + output) * stride
            if outputs == 1:
                move(v, row, results, start, end - start)
            else:
                for i in range(end - start):
                    results[(start + i) * outputs + output] = v[row + i]
    return 0.0


def gradient(given: Longs) -> float:
    """Values, gradients of the parameters and, if they are wanted, of the inputs: quickly, or carefully; given are

    code, table and constants; parameters; the inputs, how far observations and inputs are apart in them, and if these
    are scattered, a table of their columns, or 0; how many observations there are, and into how many chunks they are
    cut; the first chunk that is run, and the last; the weights, and whether each observation has its own; the most
    lanes, and room to work in; how; where go the values and the gradients of the parameters, and how far those of two
    chunks are apart in them, or 0 if they are added up; room for one; where go those of the inputs, and how far inputs
    are apart in them.

    Returns nan if a gradient is not finite; else the sum of the values.
    """
    if take(integers(given, 0), WHOLE):
        return gradient_where_they_are(given)
    code, table, constants, parameters = integers(given, 0), longs(given, 1), floats(given, 2), floats(given, 3)
    inputs, down, across, count, chunks = floats(given, 4), given[5], given[6], given[8], given[9]
    results, gradients, apart, size = floats(given, 17), floats(given, 18), given[19], take(code, PARAMETERS)
    finite = True
    for chunk in range(given[10], given[11]):
        start, end = count * chunk // chunks, count * (chunk + 1) // chunks
        is_added = not apart and chunk > given[10]
        part = floats(given, 20) if is_added else beyond(gradients, (chunk - given[10]) * apart)
        finite &= gradient_of(
            code, table, constants, parameters, inputs, down, across, longs(given, 7), given[7], given, 0, start, end,
            floats(given, 12), given[13], lanes_of(end - start, given[14]), given[16], floats(given, 15), results, part,
            floats(given, 21), given[22],
        )  # fmt: skip
        if is_added:
            add(part, 0, gradients, 0, size)
    first, last = count * given[10] // chunks, count * given[11] // chunks
    if finite and (apart or given[11] - given[10] == 1 or is_finite(gradients, 0, size)):
        return sum_up(beyond(results, first), last - first)
    return math.nan


def gradient_where_they_are(given: Longs) -> float:
    """As ``gradient`` for a whole segment: it depends on no parameters, and gradients of inputs are wanted.

    Its code is given places: for each input that it reads, where its numbers stand and where its adjoints go; where the
    values go; and where it adds up what it finds. Numbers and results are the caller's own. What is left over, and what
    has gaps, is copied block by block.
    """
    code = integers(given, 0)
    inputs, down, across, columns, scattered = floats(given, 4), given[5], given[6], longs(given, 7), given[7]
    first, last = given[8] * given[10] // given[9], given[8] * given[11] // given[9]
    weights, weighted, results = floats(given, 12), given[13], floats(given, 17)
    slopes, apart = floats(given, 21), given[22]
    lanes = lanes_of(last - first, given[14])
    stride, pairs, count = stride_of(lanes), take(code, MAIN + INPUTS), take(code, MAIN + INPUTS + 1)
    rows, result = take(code, MAIN + ROWS), take(code, take(code, MAIN + STORES))
    v = floats(given, 15)
    g, own, sums = beyond(v, rows * stride), beyond(v, 2 * rows * stride), beyond(v, (2 * rows + 1) * stride)
    places = as_longs(beyond(sums, 2 * WIDTH))
    segment = longs(given, 1)[3 * take(code, take(code, take(code, MAIN + FORWARD))) + given[16]]
    fill(sums, 0, 2 * WIDTH, 0.0)
    fill(own, 0, lanes, weights[0])
    filled = (last - first) // WIDTH * WIDTH if down == 1 else 0
    if filled:
        for at in range(count):
            place = take(code, pairs + 2 * at + 1)
            column = floats(columns, 2 * place) if scattered else beyond(inputs, place * across)
            places[2 * at] = address_of(beyond(column, first))
            places[2 * at + 1] = address_of(beyond(slopes, place * apart + first))
        places[2 * count] = address_of(beyond(results, first))
        call(segment, places, beyond(weights, first) if weighted else own, weighted, sums, filled)
    subtotal: float = sum_of(load(sums, WIDTH))
    for at in range(count):
        row = take(code, pairs + 2 * at) * stride
        places[2 * at], places[2 * at + 1] = address_of(beyond(v, row)), address_of(beyond(g, row))
    places[2 * count] = address_of(beyond(v, result * stride))
    for start in range(first + filled, last, lanes):
        end = min(start + lanes, last)
        read(code, inputs, down, across, columns, scattered, given, 0, start, end, v, stride, lanes)
        if weighted:
            for i in range(lanes):
                own[i] = weights[min(start + i, last - 1)]
        call(segment, places, own, 1, sums, lanes)
        move(v, result * stride, results, start, end - start)
        for at in range(count):
            row, place = take(code, pairs + 2 * at) * stride, take(code, pairs + 2 * at + 1)
            move(g, row, slopes, place * apart + start, end - start)
    fill(floats(given, 18), 0, take(code, PARAMETERS) * (given[11] - given[10] if given[19] else 1), 0.0)
    if sum_of(load(sums, 0)) != 0.0:  # as nan is
        return math.nan
    for at in range(first + filled, last):
        subtotal += results[at]
    return subtotal if filled else sum_up(beyond(results, first), last - first)


def descend(given: Longs) -> float:
    """Steps, each with the mean gradient of a batch, until one is not finite; how many were taken. Given are

    code, table and constants of the program, and of the rule; parameters, the number of states, and these; the inputs,
    and how far observations and inputs are apart in them; the order, where batches start in it, rates, and how many
    these are; the number of the first step; the most lanes, and room to work in; where go the errors and the gradient;
    room for three numbers; how; the fewest lanes.

    The rule is a program too, whose observations are the parameters.
    """
    code, table, constants = integers(given, 0), longs(given, 1), floats(given, 2)
    rule, rule_table, rule_constants = integers(given, 3), longs(given, 4), floats(given, 5)
    parameters, states, state = floats(given, 6), given[7], floats(given, 8)
    inputs, down, across, order = floats(given, 9), given[10], given[11], longs(given, 12)
    starts, rates, steps = longs(given, 13), floats(given, 14), given[15]
    most, work, errors, gradient = given[17], floats(given, 18), floats(given, 19), floats(given, 20)
    one, count = floats(given, 21), take(code, PARAMETERS)
    hyper = beyond(one, 1)
    one[0] = 1.0
    outputs, pairs = take(rule, MAIN + STORES), take(rule, MAIN + INPUTS)
    lanes = lanes_of(count, most)
    stride = stride_of(lanes)
    for step in range(steps):
        first, last = starts[step], starts[step + 1]
        for how in range(1, given[22] + 1):
            if gradient_of(
                code, table, constants, parameters, inputs, down, across, given, 0, order, 1, first, last, one, 0,
                given[23] if last - first == 1 else lanes_of(last - first, most), how, work, errors, gradient, errors,
                0,
            ):  # fmt: skip
                break
        if not (is_finite(errors, first, last) and is_finite(gradient, 0, count)):
            return float(step)
        hyper[0], hyper[1] = rates[step], given[16] + step
        v = work
        s = beyond(v, take(rule, MAIN + ROWS) * stride)
        share(rule, rule_table, rule_constants, hyper, s, beyond(s, take(rule, SCALARS)))
        spread_scalars(rule, MAIN, s, v, stride, lanes)
        for start in range(0, count, lanes):
            end = min(lanes, count - start)
            for pair in range(pairs, pairs + 2 * take(rule, MAIN + INPUTS + 1), 2):
                row, source = take(rule, pair) * stride, take(rule, pair + 1)
                if source:
                    move(state, (source - 1) * count + start, v, row, end)
                else:
                    wide = end // WIDTH * WIDTH
                    for i in range(0, wide, WIDTH):
                        store(v, row + i, load(gradient, start + i) / (last - first))
                    for i in range(wide, end):
                        v[row + i] = gradient[start + i] / (last - first)
                for i in range(end, lanes):
                    v[row + i] = v[row]
            run(rule, rule_table, MAIN + FORWARD, 0, 0, s, s, v, v, stride, lanes)
            row = take(rule, outputs) * stride
            add(v, row, parameters, start, end)
            for place in range(states):
                row = take(rule, outputs + 1 + place) * stride
                move(v, row, state, place * count + start, end)
    return float(steps)
