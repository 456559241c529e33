"""The graphs of a lesson, as programs that the page runs, and where their nodes are drawn.

There are two: of the error of one observation, and of the loss of all of them, in which contributions meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from autodiff import Value
from autodiff.program.program import Program
from demos.lesson.content import Content, input_names, subscripted
from nn import absolute_error, squared_error, sum_over

NEAR = 0.62
"""The distance of weights that stand one under another in a network of many, in rows."""
KINDS = {"absolute": absolute_error, "squared": squared_error}


class Box(NamedTuple):
    """Where a node is drawn, in columns and rows."""

    node: Value
    column: float
    row: float
    kind: str
    lane: int = 0
    """The observation that it belongs to, from 1 on; 0 is all of them."""


class Named(NamedTuple):
    """A result on the way to a prediction."""

    name: str
    node: Value
    formula: tuple[str, ...]
    """Names and what stands between them."""
    short: str
    """The formula as it stands in a box."""


def named_nodes(content: Content, prediction: Value) -> list[Named]:
    """The results on the way to a prediction, in the order of the forward pass, by the names of the lecture's graph.

    With one neuron: p₁ = w₁ · x₁, p₂ = w₂ · x₂, s = p₁ + p₂, z = s + b, h = tanh z, q = v · h, ŷ = q + c.
    """
    found: list[Named] = []

    def add(name: str, node: Value, *formula: str, short: str = "") -> None:
        found.append(Named(name, node, formula, short or f"{name} = {''.join(formula)}"))

    q = prediction.parents[0]
    features, hidden = content.features, content.hidden
    activations = q.parents[1:] if content.is_expanded else q.parents[hidden:]
    for neuron, h in enumerate(activations, start=1):
        own = neuron if hidden > 1 else ""
        z = h.parents[0]
        s = z.parents[0]
        inner = [name for name in content.weight_names if name.startswith(subscripted("w", own))][:features]
        products = [(weight, " · ", subscripted("x", place if features > 1 else ""))
                    for place, weight in enumerate(inner, start=1)]  # fmt: skip
        total = subscripted("s", own)
        if not content.is_expanded:
            add(total, s, *_joined(products), short=f"{total} = Σ w · x")
        else:
            for place, (product, node) in enumerate(zip(products, s.parents if features > 1 else [s]), start=1):
                add(subscripted("p", place if features > 1 else ""), node, *product)
            total = "p" if features == 1 else "s"
            if features > 1:
                add(total, s, "p₁", " + ", "p₂")
        add(subscripted("z", own), z, total, " + ", subscripted("b", own))
        add(subscripted("h", own), h, "tanh ", subscripted("z", own))
    terms = [(subscripted("v", neuron if hidden > 1 else ""), " · ", subscripted("h", neuron if hidden > 1 else ""))
             for neuron in range(1, hidden + 1)]  # fmt: skip
    if content.is_expanded:
        add("q", q, *terms[0])
    else:
        add("q", q, *_joined(terms), short="q = Σ v · h" if hidden > 1 else "")
    add("ŷ", prediction, "q", " + ", "c")
    return found


def _joined(products: list[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(part for place, product in enumerate(products) for part in ((" + ",) if place else ()) + product)


def one_error(content: Content) -> tuple[Program, dict[str, Any]]:
    """The error of one observation, absolute and squared, and its prediction; and how its graph is drawn."""
    model = content.network()
    inputs = [Value(0.0, label=name) for name in (*input_names(content), "y")]
    prediction = model(inputs[:-1])
    named = named_nodes(content, prediction)
    errors = [error(prediction, inputs[-1]) for error in KINDS.values()]
    program, slots = Program.from_graph(*errors, prediction, inputs=inputs, parameters=model.parameters())
    boxes, upright = (list(_one(content, named, inputs, model.parameters(), errors, near)) for near in (NEAR, 1.0))
    graph = _graph(boxes, slots, [named], [errors], inputs)
    top = min(box.row for box in upright)
    for drawn, box in zip(graph["boxes"], upright):
        drawn["upright"] = box.row - top
    return program, graph | {"isDense": not content.is_expanded}


def all_errors(content: Content) -> tuple[Program, dict[str, Any]]:
    """The loss of all observations, a lane for each, which meet in the weights; absolute and squared."""
    model = content.network()
    inputs = [[Value(0.0, label=name) for name in (*input_names(content), "y")] for _ in range(len(content.data))]
    predictions = [model(each[:-1]) for each in inputs]
    named = [named_nodes(content, prediction) for prediction in predictions]
    losses = [sum_over(error, predictions, [each[-1] for each in inputs]) for error in KINDS.values()]
    flat = [value for each in inputs for value in each]
    program, slots = Program.from_graph(*losses, inputs=flat, parameters=model.parameters())
    errors = [[loss.parents[lane] for loss in losses] for lane in range(len(predictions))]
    boxes = list(_lanes(named, model.parameters(), errors, losses))
    graph = _graph(boxes, slots, named, errors, flat)
    graph["names"] |= {slots[loss]: "L" for loss in losses}
    graph["formulas"] |= {slots[loss]: "L = Σ E" for loss in losses}
    return program, graph


def _lanes(
    named: list[list[Named]], weights: list[Value], errors: list[list[Value]], losses: list[Value]
) -> Iterator[Box]:
    """A lane for each observation, the weights under the results that they go into, and the loss at the right."""
    columns = {entry.name: column for column, entry in enumerate(named[0])}
    end, count = len(columns), len(named)
    for lane, (entries, pair) in enumerate(zip(named, errors)):
        for entry in entries:
            yield Box(entry.node, columns[entry.name], lane, "", lane + 1)
        for error in pair:
            yield Box(error.parents[0], end, lane, "", lane + 1)
            yield Box(error, end + 1, lane, "", lane + 1)
    under: Counter[int] = Counter()
    for weight in weights:
        column = next(columns[entry.name] for entry in named[0] if any(weight is each for each in entry.node.parents))
        yield Box(weight, column, count + 0.15 + 0.9 * under[column], "weight")
        under[column] += 1
    for loss in losses:
        yield Box(loss, end + 2, (count - 1) / 2, "")


def _one(
    content: Content, named: list[Named], inputs: list[Value], weights: list[Value], errors: list[Value], near: float
) -> Iterator[Box]:
    """Data and weights at the left, the error at the right; what comes from above or below leaves the gaps free.

    Of a network of many weights, these are as ``near`` to each other as that.
    """
    features, hidden = content.features, content.hidden
    at: Callable[[str, Any], Value] = lambda name, own="": next(
        entry.node for entry in named if entry.name == subscripted(name, own)
    )
    by_name = {weight.label: weight for weight in weights}
    if content.is_expanded:
        rows = 2 * features
        middle = (rows - 1) / 2
        for feature in range(1, features + 1):
            own: int | str = feature if features > 1 else ""
            pair = [Box(by_name[subscripted("w", own)], 0, 0, "weight"), Box(inputs[feature - 1], 0, 0, "input")]
            top = 2 * (feature - 1)
            for place, box in enumerate(pair if feature == 1 else pair[::-1]):
                yield box._replace(row=top + place)
            yield Box(at("p", own), 1, top + 0.5, "")
        column = 2
        if features > 1:
            yield Box(at("s", ""), column, middle, "")
            column += 1
        chain = ["z", "h", "q", "ŷ"]
        for place, name in enumerate(chain):
            yield Box(at(name, ""), column + place, middle, "")
        for name, place in (("b", 0), ("v", 2), ("c", 3)):
            yield Box(by_name[name], column + place, middle - 1.3, "weight")
        column += len(chain)
    else:
        half = near * (features - 1) / 2
        above = (1 + near) / 2 + 0.1
        head = max(0.0, above - half)
        block = head + 2 * half + near + 0.2
        middle = head + half + (hidden - 1) * block / 2
        for neuron in range(1, hidden + 1):
            own = neuron if hidden > 1 else ""
            top = (neuron - 1) * block
            centre = top + head + half
            first = (neuron - 1) * (features + 1)
            for feature in range(features):
                yield Box(weights[first + feature], 0, top + head + near * feature, "weight")
            yield Box(by_name[subscripted("b", own)], 2, centre - above, "weight")
            side = above if centre > middle else -above  # away from the edge that leads to the middle
            yield Box(by_name[subscripted("v", own)], 4, centre + side, "weight")
            for column, name in ((1, "s"), (2, "z"), (3, "h")):
                yield Box(at(name, own), column, centre, "")
        yield Box(at("q", ""), 5, middle, "")
        yield Box(at("ŷ", ""), 6, middle, "")
        yield Box(by_name["c"], 6, middle - above, "weight")
        column = 7
    yield Box(inputs[-1], column, middle + 1.3, "input")
    for error in errors:  # each has its own difference; only one error is drawn at a time
        yield Box(error.parents[0], column, middle, "")
        yield Box(error, column + 1, middle, "")


def _graph(
    boxes: list[Box], slots: dict[Value, int], named: list[list[Named]], errors: list[list[Value]], inputs: list[Value]
) -> dict[str, Any]:
    """What the page needs to draw and to name the nodes, by slot."""
    names = {slots[box.node]: box.node.label for box in boxes if box.node.label}
    names |= {slots[value]: value.label for value in inputs}
    formulas = dict(names)
    expressions: dict[int, list[str]] = {}
    for entries, pair in zip(named, errors):
        for entry in entries:
            names[slots[entry.node]] = entry.name
            formulas[slots[entry.node]] = entry.short
            expressions[slots[entry.node]] = list(entry.formula)
        for kind, error in zip(KINDS, pair):
            squared = kind == "squared"
            difference = slots[error.parents[0]]
            names |= {slots[error]: "E", difference: "d"}
            formulas |= {slots[error]: "E = d²" if squared else "E = |d|", difference: "d = y − ŷ"}
            expressions[difference] = ["y", " − ", "ŷ"]
            expressions[slots[error]] = ["d", "²"] if squared else ["|", "d", "|"]
    top = min(box.row for box in boxes)
    return {
        "names": names,
        "formulas": formulas,
        "expressions": expressions,
        "boxes": [
            {"slot": slots[box.node], "column": box.column, "row": box.row - top, "kind": box.kind, "lane": box.lane}
            for box in boxes
        ],
        "slots": {entry.name: slots[entry.node] for entry in named[0]},
    }
