"""The code of layers: groups of sums of products of scalars and rows that share their rows.

Sums within one observation are taken in the order of the eager engine, from left to right in values and from the last
reader to the first in adjoints, so that they have its bits. Eight sums at a time stay in registers while a loop runs
over the terms; with several lanes each of them is a vector of observations.
"""

from __future__ import annotations

from autodiff.compiling.native.machine import (
    EIGHT_ZEROS,
    IN_A_ROW,
    WIDTH,
    Floats,
    Integers,
    add_sums,
    careful_product,
    gather,
    load,
    loads,
    numbers,
    places,
    plus_fused,
    plus_products,
    put_numbers,
    scatter,
    spread,
    spreads,
    store,
    stores,
    sum_of,
    take,
)

PART = 32
"""How many neurons are run backward before the next: what is read of them again and again stays near the processor."""


def forward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """For each neuron the sum of its products of scalars and rows."""
    neurons, terms = take(record, 1), take(record, 2)
    weights, rows = 5 + neurons, 5 + 2 * neurons
    for m in range(0, neurons - 7, 8):
        w, outs = places(record, weights + m, 1), places(record, 5 + m, stride)
        if lanes == 1:
            values = EIGHT_ZEROS
            for k in range(terms):
                values = plus_products(values, numbers(s, w, k), v[take(record, rows + k)])
            put_numbers(v, outs, 0, values)
        else:
            for i in range(0, lanes, WIDTH):
                tile = spreads(EIGHT_ZEROS)
                for k in range(terms):
                    x = load(v, take(record, rows + k) * stride + i)
                    tile = plus_products(tile, spreads(numbers(s, w, k)), x)
                stores(v, outs, i, tile)
    for m in range(neurons - neurons % 8, neurons):
        first, out = take(record, weights + m), take(record, 5 + m) * stride
        if lanes == 1:
            value = 0.0
            for k in range(terms):
                value += s[first + k] * v[take(record, rows + k)]
            v[out] = value
        else:
            for i in range(0, lanes, WIDTH):
                vector = spread(0.0)
                for k in range(terms):
                    x = load(v, take(record, rows + k) * stride + i)
                    vector += s[first + k] * x
                store(v, out + i, vector)


def backward(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """To each weight its row's product with the adjoint of its neuron, to each row the weighted sum of all of those."""
    neurons, terms, wants_weights, wants_rows = take(record, 1), take(record, 2), take(record, 3), take(record, 4)
    weights, rows = 5 + neurons, 5 + 2 * neurons
    adjoints = rows + terms
    if lanes == 1:
        wide = terms - terms % WIDTH
        for k in range(0, wide, WIDTH):
            x, vector = gather(v, record, rows + k), gather(g, record, adjoints + k)
            for m in range(neurons - 1, -1, -1):
                upstream, w = g[take(record, 5 + m)], take(record, weights + m) + k
                store(sg, w, load(sg, w) + x * upstream)
                vector += load(s, w) * upstream
            scatter(g, record, adjoints + k, vector)
        for k in range(wide, terms):
            number, d = v[take(record, rows + k)], take(record, adjoints + k)
            adjoint = g[d]
            for m in range(neurons - 1, -1, -1):
                up, w = g[take(record, 5 + m)], take(record, weights + m) + k
                sg[w] += number * up
                adjoint += s[w] * up
            g[d] = adjoint
        return
    tiled = terms - terms % 8
    if wants_weights:
        for part in range(0, neurons, PART):
            end = min(part + PART, neurons)
            for k in range(0, tiled, 8):
                xs = places(record, rows + k, stride)
                for m in range(part, end):
                    out, w = take(record, 5 + m) * stride, take(record, weights + m) + k
                    tile = spreads(EIGHT_ZEROS)
                    for i in range(0, lanes, WIDTH):
                        tile = plus_fused(tile, loads(v, xs, i), load(g, out + i))
                    add_sums(sg, w, tile)
        for k in range(tiled, terms):
            row = take(record, rows + k) * stride
            for m in range(neurons):
                out, w = take(record, 5 + m) * stride, take(record, weights + m) + k
                vector = spread(0.0)
                for i in range(0, lanes, WIDTH):
                    vector += load(v, row + i) * load(g, out + i)
                sg[w] += sum_of(vector)
    if wants_rows:
        for part in range((neurons - 1) // PART * PART, -1, -PART):
            last = min(part + PART, neurons) - 1
            for k in range(0, tiled, 8):
                ds = places(record, adjoints + k, stride)
                for i in range(0, lanes, WIDTH):
                    tile = loads(g, ds, i)
                    for m in range(last, part - 1, -1):
                        weight = spreads(numbers(s, IN_A_ROW, take(record, weights + m) + k))
                        tile = plus_products(tile, weight, load(g, take(record, 5 + m) * stride + i))
                    stores(g, ds, i, tile)
        for k in range(tiled, terms):
            d = take(record, adjoints + k) * stride
            if d:
                for i in range(0, lanes, WIDTH):
                    vector = load(g, d + i)
                    for m in range(neurons - 1, -1, -1):
                        weight = s[take(record, weights + m) + k]
                        vector += weight * load(g, take(record, 5 + m) * stride + i)
                    store(g, d + i, vector)


def careful(record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int) -> None:
    """As ``backward``, one product after the other, with symbolic zeros."""
    neurons, terms = take(record, 1), take(record, 2)
    weights, rows = 5 + neurons, 5 + 2 * neurons
    for m in range(neurons - 1, -1, -1):
        out, first = take(record, 5 + m) * stride, take(record, weights + m)
        for k in range(terms):
            x, d = take(record, rows + k) * stride, take(record, rows + terms + k) * stride
            for i in range(lanes):
                sg[first + k] += careful_product(v[x + i], g[out + i])
                if d:
                    g[d + i] += careful_product(s[first + k], g[out + i])
