"""A network without a pass: its neurons in columns, its weights as lines, coloured by sign and size."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Protocol, TypeGuard

from autodiff.drawing.colours import INK, LINE, QUIET, WIDTHS, Scale, fill_of, scale, stroke_of, text_on
from autodiff.drawing.columns import natural
from autodiff.drawing.legend import below, weights_row
from autodiff.drawing.rendering import Drawing
from autodiff.drawing.text import html
from autodiff.value import Value

SHOWN = 16
"""Of more neurons in a column than these, the middle is left out and counted."""
SIZE, BETWEEN, APART = 22.0, 8.0, 180.0
"""The circle of a neuron, the room between two, and between two columns; in points."""
_NAME = re.compile(r"(?:(?P<layer>.+)\.)?neurons\.(?P<neuron>\d+)\.(?:weights\.(?P<weight>\d+)|bias)")


class HasParameters(Protocol):
    """A module of ``nn``, or whatever else names its parameters as these do."""

    def named_parameters(self) -> Any:
        """Pairs of names, such as ``layers.0.neurons.3.weights.1``, and parameters."""


class Layer(NamedTuple):
    """Neurons that take the same inputs."""

    name: str
    weights: list[list[Value]]
    """(neurons, inputs)."""
    biases: list[Value | None]


def has_parameters(thing: object) -> TypeGuard[HasParameters]:
    """Whether it names its parameters as modules do."""
    return callable(getattr(thing, "named_parameters", None))


def layers_of(module: HasParameters) -> list[Layer]:
    """The layers of a network, each of which takes the outputs of the one before.

    Raises:
        ValueError: its parameters are not those of neurons in such layers.
    """
    weights: dict[str, dict[int, dict[int, Value]]] = {}
    biases: dict[tuple[str, int], Value] = {}
    for name, parameter in module.named_parameters():
        found = _NAME.fullmatch(name if "neurons." in name else f"neurons.0.{name}")
        if found is None:
            raise ValueError(_no_network(module, f"{name!r} is no weight or bias of a neuron in a layer"))
        layer, neuron = found["layer"] or "", int(found["neuron"])
        if found["weight"] is None:
            biases[layer, neuron] = parameter
        else:
            weights.setdefault(layer, {}).setdefault(neuron, {})[int(found["weight"])] = parameter
    layers: list[Layer] = []
    for layer in sorted(weights, key=lambda layer: natural([layer])):
        rows = [[each[at] for at in sorted(each)] for _, each in sorted(weights[layer].items())]
        inputs = len(layers[-1].weights) if layers else len(rows[0])
        if any(len(row) != inputs for row in rows):
            raise ValueError(_no_network(module, f"{layer!r} does not take the outputs of the layer before it"))
        layers.append(Layer(layer, rows, [biases.get((layer, neuron)) for neuron in sorted(weights[layer])]))
    if not layers:
        raise ValueError(_no_network(module, "it has no weights"))
    return layers


def _no_network(module: object, why: str) -> str:
    return f"a {type(module).__name__} is drawn if it has neurons in layers, one after another: {why}"


def draw_parameters(module: HasParameters, *, legend: bool = True, prefix: str = "") -> Drawing:
    """The picture of a network's weights and biases. See :func:`~autodiff.drawing.draw`."""
    layers = layers_of(module)
    numbers = [weight.data for layer in layers for row in layer.weights for weight in row]
    numbers += [bias.data for layer in layers for bias in layer.biases if bias is not None]
    colours = scale(numbers)
    graph = Drawing("autodiff", format="svg", engine="dot", root=module)
    graph.attr("graph", id=f"{prefix}graph", layout="nop2", outputorder="edgesfirst", bgcolor="white", pad="0.2",
               tooltip=" ")  # fmt: skip
    graph.attr("node", fontname="Helvetica,Arial,sans-serif", fontsize="9", fontcolor=INK, color=LINE,
               style="filled", fixedsize="true", tooltip=" ")  # fmt: skip
    graph.attr("edge", arrowhead="none", tooltip=" ")
    counts = [len(layers[0].weights[0]), *(len(layer.weights) for layer in layers)]
    highest = max(len(_column(count)) for count in counts) * (SIZE + BETWEEN)
    for at, (title, count) in enumerate(zip(["inputs", *(layer.name or "neurons" for layer in layers)], counts)):
        _add_column(graph, prefix, at, title, count, highest, layers[at - 1].biases if at else None, colours)
    for at, layer in enumerate(layers):
        tails = _shown(counts[at])
        for neuron in _shown(counts[at + 1]):
            for tail in tails:
                weight = layer.weights[neuron][tail].data
                level = colours.level(weight)
                name = layer.weights[neuron][tail].label or f"weight {tail} of neuron {neuron}"
                graph.edge(
                    f"n{at}_{tail}", f"n{at + 1}_{neuron}", id=f"{prefix}w{at}_{neuron}_{tail}",
                    color=stroke_of(weight, level), penwidth=f"{0.6 * WIDTHS[level]:.2f}",
                    tooltip=f"{html(name)} = {weight!r}",
                    pos=_straight(at, _top(counts[at], tail, highest), _top(counts[at + 1], neuron, highest)),
                    **{"class": f"grad-{level}{' negative' * (weight < 0)}"},
                )  # fmt: skip
    if legend:
        options = {"width": f"{520 / 72:.2f}", "height": f"{24 / 72:.2f}", "pos": f"260.0,{-highest - 30:.1f}"}
        graph.node("legend", label=below([weights_row(colours)]), shape="plaintext", style="", **options)
    return graph


def _add_column(
    graph: Drawing, prefix: str, at: int, title: str, count: int, highest: float,
    biases: list[Value | None] | None, colours: Scale,
) -> None:  # fmt: skip
    x = at * (APART + SIZE) + SIZE
    named = f"{html(title)}<br/>{count}"
    graph.node(f"t{at}", label=f'<<font color="{QUIET}">{named}</font>>', shape="plaintext", style="",
               width=f"{(APART + SIZE) / 72:.3f}", height="0.4", pos=f"{x:.1f},22.0")  # fmt: skip
    for place in _column(count):
        options = {"pos": f"{x:.1f},{-_top(count, place, highest):.1f}"}
        if place is None:
            graph.node(f"m{at}", label=f"… {count - len(_shown(count))} more", shape="plaintext", style="",
                       width="0.9", height="0.3", **options)  # fmt: skip
            continue
        bias = biases[place] if biases else None
        number = bias.data if bias is not None else 0.0
        fill = fill_of(number, colours.level(number))
        told = f"{title} {place}" if bias is None else f"{title}, neuron {place}: bias {number!r}"
        graph.node(
            f"n{at}_{place}", id=f"{prefix}n{at}_{place}", label=str(place), shape="circle", width=f"{SIZE / 72:.4f}",
            height=f"{SIZE / 72:.4f}", fillcolor=fill, fontcolor=text_on(fill), tooltip=html(told), **options,
        )  # fmt: skip


def _shown(count: int) -> list[int]:
    """The neurons of a column that are drawn."""
    half = SHOWN // 2
    return [*range(count)] if count <= SHOWN else [*range(half), *range(count - half, count)]


def _column(count: int) -> list[int | None]:
    """What stands in a column: neurons, and None for those that are left out."""
    shown: list[int | None] = [*_shown(count)]
    return shown if count <= SHOWN else [*shown[: SHOWN // 2], None, *shown[SHOWN // 2 :]]


def _top(count: int, place: int | None, highest: float) -> float:
    """How far down a neuron of a column is."""
    column = _column(count)
    high = len(column) * (SIZE + BETWEEN)
    return (highest - high) / 2 + (column.index(place) + 0.5) * (SIZE + BETWEEN)


def _straight(at: int, top: float, end: float) -> str:
    """The way from a neuron of a column to one of the next."""
    x = at * (APART + SIZE) + SIZE * 1.5
    points = [(x + APART * part / 3, top + (end - top) * part / 3) for part in range(4)]
    return " ".join(f"{x:.1f},{-y:.1f}" for x, y in points)
