"""The page: the texts of a language, the style, the programs and the numbers, in one file that needs no network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import Any

from autodiff import Value
from autodiff.program.javascript import embedded, javascript
from autodiff.program.program import Program
from demos.lesson import network
from demos.lesson.error_mountain import REACH, mountain
from demos.lesson.gradient_descent import LEARNING_RATE, MOMENTUM
from nn import SGD, Adam, absolute_error, squared_error

SCRIPTS = (
    "engine.js", "drawing.js", "mountain.js", "map.js", "plots.js", "figures.js", "graph.js", "state.js", "page.js",
    "controls.js",
)  # fmt: skip
KINDS = {"absolute": absolute_error, "squared": squared_error}

PLACES = {
    "w₁": (0, 0), "x₁": (0, 1), "x₂": (0, 2), "w₂": (0, 3), "p₁": (1, 0.5), "p₂": (1, 2.5), "s": (2, 1.5),
    "b": (3, 0.2), "z": (3, 1.5), "h": (4, 1.5), "v": (5, 0.2), "q": (5, 1.5), "c": (6, 0.2), "ŷ": (6, 1.5),
    "y": (7, 2.8), "d": (7, 1.5), "E": (8, 1.5),
}  # fmt: skip
"""Where the nodes of the graph are drawn, as column and row: what comes from above or below leaves the gaps free."""
FORMULAS = {
    "p₁": "p₁ = w₁ · x₁", "p₂": "p₂ = w₂ · x₂", "s": "s = p₁ + p₂", "z": "z = s + b", "h": "h = tanh z",
    "q": "q = v · h", "ŷ": "ŷ = q + c", "d": "d = y − ŷ",
}  # fmt: skip


def languages() -> dict[str, dict[str, str]]:
    """The texts of each language, by key."""
    texts: dict[str, dict[str, str]] = json.loads(asset("texts.json"))
    return texts


def page(language: str = "de") -> str:
    """The page as HTML text.

    Raises:
        ValueError: there are no texts in that language.
    """
    if language not in languages():
        raise ValueError(f"the page is in {' or '.join(languages())}, not in {language!r}")
    texts = languages()[language]
    program, graph = error_program()
    parts: dict[str, Callable[[], str]] = {
        "language": lambda: language,
        "style": lambda: asset("style.css"),
        "lesson": lambda: embedded(lesson(language, texts, graph)),
        "program": lambda: javascript(program),
        "rules": lambda: (
            "{" + ", ".join(f"{name}: {javascript(rule)}" for name, rule in optimizer_programs().items()) + "}"
        ),
        "script": lambda: "\n".join(map(asset, SCRIPTS)).replace("</", "<\\/"),
    }
    # One pass over the template: what a part contains is never taken for a place to put another.
    return re.sub(
        r"\{\{(text:)?([\w.-]+)\}\}",
        lambda found: escape(texts[found[2]]) if found[1] else parts[found[2]](),
        asset("page.html"),
    )


def error_program() -> tuple[Program, dict[str, Any]]:
    """The error of one flower, absolute and squared, and its prediction: as a program, and how its graph is drawn."""
    model = network.network()
    inputs = [Value(0.0, label=name) for name in ("x₁", "x₂", "y")]
    prediction = model(inputs[:2])
    errors = [error(prediction, inputs[2]) for error in KINDS.values()]
    named = network.named_nodes(prediction)
    program, slots = Program.from_graph(*errors, prediction, inputs=inputs, parameters=model.parameters())
    names = {slots[value]: value.label for value in (*inputs, *model.parameters())}
    names |= {slots[value]: name for name, value in named.items()}
    for error in errors:  # each has its own difference; only one error is drawn at a time
        names |= {slots[error]: "E", slots[error.parents[0]]: "d"}
    formulas = {slot: FORMULAS.get(name, name) for slot, name in names.items()}
    formulas |= {slots[errors[0]]: "E = |d|", slots[errors[1]]: "E = d²"}
    graph = {
        "names": names,
        "formulas": formulas,
        "places": {slot: PLACES[name] for slot, name in names.items()},
        "slots": {name: slots[value] for name, value in named.items()},
    }
    return program, graph


def lesson(language: str, texts: dict[str, str], graph: dict[str, Any]) -> dict[str, Any]:
    """All that the page's program is told, as JSON can have it."""
    data, measures = network.data(), network.measures()
    flowers = [
        {"features": features.tolist(), "measures": cm.tolist(), "label": int(label), "number": number}
        for number, (features, cm, label) in enumerate(zip(data.inputs, measures, data.targets), start=1)
    ]
    landscapes = {kind: mountain(error) for kind, error in KINDS.items()}
    ranges = ((-REACH, REACH), (-REACH, REACH), (-1.5, 1.5), (-2.0, 2.0), (0.0, 4.0))
    return {
        "language": language,
        "texts": texts,
        "flowers": flowers,
        "weights": [
            {"name": name, "min": low, "max": high, "step": 0.01}
            for name, (low, high) in zip(network.WEIGHT_NAMES, ranges)
        ],
        "inputs": [
            {"name": name, "min": low, "max": high, "step": 0.01}
            for name, (low, high) in {"x₁": (-3.0, 3.0), "x₂": (-3.0, 3.0), "y": (1.0, 3.0)}.items()
        ],
        "settings": {"first": network.FIRST, "second": network.SECOND, "valley": network.VALLEY, "hill": network.HILL},
        "plane": {
            "xs": landscapes["absolute"].xs.tolist(),
            "ys": landscapes["absolute"].ys.tolist(),
            "ticks": [-3, -2, -1, 0, 1, 2, 3],
        },
        "landscapes": {kind: json.loads(landscape.to_json()) for kind, landscape in landscapes.items()},
        "rate": LEARNING_RATE,
        "graph": graph,
    }


def optimizer_programs() -> dict[str, Program]:
    """The rule of each optimizer as a program: (gradient, rate, number of the step, *state) -> (move, *state)."""
    weight = [Value(0.0)]
    optimizers = {
        "sgd": SGD(weight, LEARNING_RATE),
        "momentum": SGD(weight, LEARNING_RATE, momentum=MOMENTUM),
        "adam": Adam(weight, LEARNING_RATE),
    }
    programs = {}
    for name, optimizer in optimizers.items():
        inputs = [Value(1.0) for _ in range(3 + optimizer.states)]
        programs[name], _ = Program.from_graph(*optimizer.rule(*inputs), inputs=inputs)
    return programs


def asset(name: str) -> str:
    """A file that stands beside this one."""
    return (files(__package__) / name).read_text(encoding="utf-8")
