"""The page: the texts of a language, the style, the programs and the numbers, in one file that needs no network."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from autodiff import Value
from autodiff.program.javascript import embedded, javascript
from autodiff.program.program import Program
from demos.lesson.content import MOMENTUM, RATES, Content, input_names, landscape, lecture, lesson_texts
from demos.lesson.graphs import KINDS, all_errors, one_error
from demos.lesson.language import SAID, Texts, texts
from nn import SGD, Adam

SCRIPTS = (
    "engine.js", "drawing.js", "mountain.js", "map.js", "plots.js", "figures.js", "graph.js", "state.js", "slides.js",
    "page.js", "tables.js", "controls.js",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A page as text: to write, or to show in a notebook."""

    html: str

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to that file, and return its path."""
        path = Path(path)
        path.write_text(self.html, encoding="utf-8", newline="\n")
        return path

    def _repr_html_(self) -> str:
        return (
            '<iframe sandbox="allow-scripts" allow="fullscreen" style="width: 100%; height: 720px; border: 0" '
            f'srcdoc="{escape(self.html, quote=True)}"></iframe>'
        )


def page(language: str = "de", content: Content | None = None, *, source: str = "", start: str = "") -> Page:
    """The page of a lesson, by default of the lecture's own.

    Args:
        language: of all its texts; one of ``languages()``.
        content: data, network and settings.
        source: where the data is from, for the last line of the page.
        start: where it opens, as in its address: ``"#all?step=12&mode=slides"``. An address of its own goes before.

    Raises:
        ValueError: there are no texts in that language.
    """
    content = content or lecture()
    said = lesson_texts(texts(language), content, source)
    program, graph = one_error(content)
    batch, batch_graph = all_errors(content)
    parts: dict[str, Callable[[], str]] = {
        "language": lambda: language,
        "style": lambda: asset("style.css"),
        "lesson": lambda: embedded(facts(content, said) | {"graph": graph, "batch": batch_graph, "start": start}),
        "program": lambda: javascript(program),
        "batch": lambda: javascript(batch),
        "rules": lambda: (
            "{" + ", ".join(f"{name}: {javascript(rule)}" for name, rule in optimizer_programs().items()) + "}"
        ),
        "script": lambda: "\n".join(map(asset, SCRIPTS)).replace("</", "<\\/"),
    }
    # One pass over the template: what a part contains is never taken for a place to put another.
    return Page(
        re.sub(
            r"\{\{(text:)?([\w.-]+)\}\}",
            lambda found: escape(said[found[2]]) if found[1] else parts[found[2]](),
            asset("page.html"),
        )
    )


def facts(content: Content, said: Texts) -> dict[str, Any]:
    """All that the page's program is told, as JSON can have it."""
    data = content.data
    landscapes = {kind: landscape(content, error) for kind, error in KINDS.items()}
    lands = landscapes["absolute"]
    features = range(1, content.features + 1)
    feature_names = (
        [said[f"feature.{place}"] for place in features] if content.is_lecture else [*map(short, data.feature_names)]
    )
    classes = range(1, len(data.class_names) + 1)
    class_names = (
        [said[f"species.{place}"] for place in classes] if content.is_lecture else [*map(short, data.class_names)]
    )
    furthest = max(3.0, math.ceil(abs(data.inputs).max()))
    plane = len(content.weight_names)
    reaches = [content.reach if place < 2 else 0.0 for place in range(plane)]
    for setting in content.settings.values():
        reaches = [max(reach, math.ceil(abs(number) + 1)) if place >= 2 else reach
                   for place, (reach, number) in enumerate(zip(reaches, setting))]  # fmt: skip
    return {
        "language": said.language,
        "texts": {key: text for key, text in said.table.items() if not key.startswith((*SAID, "feature.", "species."))},
        "fallback": said.note,
        "isLecture": content.is_lecture,
        "hidden": content.hidden,
        "formula": formula(content),
        "features": feature_names,
        "units": [*content.units],
        "classes": class_names,
        "flowers": [
            {"features": features.tolist(), "measures": measured.tolist(), "label": int(label), "number": number}
            for number, (features, measured, label) in enumerate(zip(data.inputs, content.measures, data.targets), 1)
        ],
        "weights": [
            {"name": name, "min": -reach, "max": reach, "step": 0.01}
            for name, reach in zip(content.weight_names, reaches)
        ],
        "inputs": [
            *({"name": name, "min": -furthest, "max": furthest, "step": 0.01} for name in input_names(content)),
            {"name": "y", "min": 1.0, "max": float(len(data.class_names)), "step": 0.01},
        ],
        "settings": {name: [*setting] for name, setting in content.settings.items()},
        "plane": {"xs": lands.xs.tolist(), "ys": lands.ys.tolist()},
        "landscapes": {kind: {"heights": land.heights.tolist()} for kind, land in landscapes.items()},
        "rate": RATES["sgd"],
        "rates": RATES,
    }


def short(name: str, most: int = 20) -> str:
    """A name that its place has room for.

    >>> short("petal length in tenths of millimetres")
    'petal length in ten…'
    """
    return name if len(name) <= most else name[: most - 1] + "…"


def formula(content: Content) -> str:
    """The network as a formula."""
    if content.hidden > 1:
        return "Σ v · tanh(Σ w · x + b) + c"
    terms = [f"{name} · {x}" for name, x in zip(content.weight_names, input_names(content))]
    return f"v · tanh({' + '.join(terms)} + b) + c"


def optimizer_programs() -> dict[str, Program]:
    """The rule of each optimizer as a program: (gradient, rate, number of the step, *state) -> (move, *state)."""
    weight = [Value(0.0)]
    optimizers = {
        "sgd": SGD(weight, RATES["sgd"]),
        "momentum": SGD(weight, RATES["momentum"], momentum=MOMENTUM),
        "adam": Adam(weight, RATES["adam"]),
    }
    programs = {}
    for name, optimizer in optimizers.items():
        inputs = [Value(1.0) for _ in range(3 + optimizer.states)]
        programs[name], _ = Program.from_graph(*optimizer.rule(*inputs), inputs=inputs)
    return programs


def asset(name: str) -> str:
    """A file that stands beside this one."""
    return (files(__package__) / name).read_text(encoding="utf-8")
