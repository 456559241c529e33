"""Exercises as pages: one that checks what is typed, sheets to print with room to write, and the key to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from autodiff import Step
from autodiff.program.javascript import embedded
from demos.lesson.language import Texts
from demos.lesson.page import asset
from demos.lesson.tasks import Exercise, equation, exercise, results, steps, wanted, written


class Blank(NamedTuple):
    """A number to find."""

    before: str
    """What stands before it."""
    answer: float
    hints: tuple[str, ...]
    """One after another, the last is the answer."""


def values(task: Exercise, said: Texts) -> list[Blank]:
    """The results to compute on the way forward."""
    known = {leaf.label: leaf.data for leaf in task.leaves}
    blanks = []
    for line, (name, node) in zip(task.lines, results(task).items()):
        formula = line.partition(" = ")[2]
        numbers = re.sub("[a-zA-Z]", lambda found: _bracketed(known[found[0]]), formula)
        hint = said.say("task.hint.value", line=line, numbers=numbers)
        blanks.append(Blank(f"{line} =", node.data, (hint, _answer(node.data, said))))
        known[name] = node.data
    return blanks


def contributions(task: Exercise, said: Texts) -> list[Blank]:
    """The contributions to compute on the way back, in the engine's order."""
    return [
        Blank(
            f"∂L/∂{step.parent.label} += ∂{step.node.label}/∂{step.parent.label} · ∂L/∂{step.node.label} =",
            step.contribution,
            (
                rule_of(step, said),
                said.say("task.hint.numbers", local=written(step.local), upstream=written(step.upstream)),
                _answer(step.contribution, said),
            ),
        )
        for step in steps(task)
    ]


def gradients(task: Exercise, said: Texts) -> list[Blank]:
    """What is asked for."""
    return [
        Blank(f"{name} =", leaf.grad,
              (said.say("task.hint.gradient", name=leaf.label), _answer(leaf.grad, said)))
        for name, leaf in zip(wanted(task), task.leaves)
    ]  # fmt: skip


def rule_of(step: Step, said: Texts) -> str:
    """The rule of the derivative on an edge, in words."""
    op = step.node.op.name if step.node.op else ""
    rule = f"subtract.{step.position}" if op == "subtract" else op
    return said.say(f"task.hint.{rule}", name=step.parent.label)


def worksheet(seed: int, said: Texts) -> str:
    """The exercise as a page: what is typed is checked, hints come step by step."""
    task = exercise(seed)
    parts = [("task.forward", values(task, said)), ("task.backward", contributions(task, said)),
             ("task.so", gradients(task, said))]  # fmt: skip
    body, place, blanks = [_given(task, said), f'<p class="note">{escape(said["task.input"])}</p>'], 0, []
    for heading, found in parts:
        body.append(f"<h2>{escape(said[heading])}</h2><ol>")
        for blank in found:
            name = f"blank{place}"
            body.append(
                f'<li><label for="{name}">{escape(blank.before)}</label> '
                f'<input id="{name}" inputmode="text" autocomplete="off" size="5" data-blank="{place}"> '
                f'<button type="button" data-hint="{place}">{escape(said["task.hint"])}</button> '
                f'<output for="{name}" aria-live="polite"></output></li>'
            )
            blanks.append({"answer": blank.answer, "hints": blank.hints})
            place += 1
        body.append("</ol>")
    body.append('<p class="score" role="status"></p>')
    words = {name: said[f"task.{name}"] for name in ("right", "wrong", "score")}
    data = embedded({"blanks": blanks, "texts": words})
    script = f'<script type="application/json" id="task">{data}</script>\n<script>\n{asset("worksheet.js")}</script>'
    return _page(said.say("task.title", seed=seed), "\n".join(body), said, script)


def sheets(seeds: Iterable[int], said: Texts) -> str:
    """A sheet for each seed, with room to write: a student each."""
    return _page(said["exercises.title"], "\n".join(_sheet(seed, said) for seed in seeds), said)


def key(seeds: Iterable[int], said: Texts) -> str:
    """The solutions of the sheets, for the lecturer."""
    parts = [f"<h1>{escape(said['task.key'])}</h1>"]
    for seed in seeds:
        task = exercise(seed)
        back = [escape(equation(step)) for step in steps(task)]
        forward = [f"{name} = {written(node.data)}" for name, node in results(task).items()]
        found = [f"<b>{name} = {written(leaf.grad)}</b>" for name, leaf in zip(wanted(task), task.leaves)]
        given = [f"{leaf.label} = {written(leaf.data)}" for leaf in task.leaves]
        lines = "; ".join([*given, *task.lines])
        parts.append(
            f'<section class="solution"><h2>{escape(said.say("task.title", seed=seed))}</h2><p>{escape(lines)}</p>'
            f"<p>{', '.join(forward)}</p><ol>{''.join(f'<li>{line}</li>' for line in back)}</ol>"
            f"<p>{', '.join(found)}</p></section>"
        )
    return _page(said["task.key"], "\n".join(parts), said)


def _sheet(seed: int, said: Texts) -> str:
    task = exercise(seed)
    head = f'<p class="name">{escape(said["task.name"])}: <i></i></p>'
    forward = "".join(f"<tr><td>{escape(blank.before)}</td><td></td></tr>" for blank in values(task, said))
    columns = ("task.edge", "task.local", "task.upstream", "task.contribution", "task.together")
    heads = "".join(f'<th scope="col">{escape(said[column])}</th>' for column in columns)
    rows = "".join(
        f"<tr><td>∂L/∂{step.parent.label} += ∂{step.node.label}/∂{step.parent.label} · ∂L/∂{step.node.label}</td>"
        + "<td></td>" * 4
        + "</tr>"
        for step in steps(task)
    )
    found = "".join(f"<tr><td>{name} =</td><td></td></tr>" for name in wanted(task))
    return (
        f'<section class="sheet">{head}{_given(task, said, seed)}'
        f'<div class="sides"><table class="blank">{forward}</table>'
        f"<figure><figcaption>{escape(said['task.graph'])}</figcaption></figure></div>"
        f'<h2>{escape(said["task.backward"])}</h2><table class="blank wide"><tr>{heads}</tr>{rows}</table>'
        f'<h2>{escape(said["task.so"])}</h2><table class="blank">{found}</table></section>'
    )


def _given(task: Exercise, said: Texts, seed: int | None = None) -> str:
    leaves = ", ".join(f"{leaf.label} = {written(leaf.data)}" for leaf in task.leaves)
    title = "" if seed is None else f"<h1>{escape(said.say('task.title', seed=seed))}</h1>"
    lines = "".join(f"<li>{escape(line)}</li>" for line in task.lines)
    find = said.say("task.find", wanted=", ".join(wanted(task)))
    return (
        f'{title}<p>{escape(said["task.given"])} <b>{escape(leaves)}</b></p><ul class="lines">{lines}</ul>'
        f"<p>{escape(find)} {escape(said['task.lead'])}</p>"
    )


def _page(title: str, body: str, said: Texts, script: str = "") -> str:
    head = "" if "<h1>" in body else f"<h1>{escape(title)}</h1>"
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html>\n<html lang="{said.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{asset('worksheet.css')}</style>\n</head>\n"
        f"<body>\n<main>\n{head}{body}\n</main>\n{script}\n</body>\n</html>"
    )


def _bracketed(number: float) -> str:
    return written(number) if number >= 0 else f"({written(number)})"


def _answer(number: float, said: Texts) -> str:
    return said.say("task.answer", answer=written(number))
