"""A graph to differentiate by hand: how it is drawn at random, and its exercise and solution as text."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

from autodiff import Step, Value, grad, topological_order
from demos.lesson.language import Texts

NAMES = "abcdefL"
SIGNS = {"add": "+", "subtract": "−", "multiply": "·"}
GREATEST = 200
"""The largest number or gradient that is left to pen and paper."""


class Exercise(NamedTuple):
    """A graph with names, and how it is written."""

    root: Value
    leaves: tuple[Value, ...]
    lines: tuple[str, ...]
    """An assignment for each node that is computed."""


def exercise(seed: int) -> Exercise:
    """The exercise of that seed: three leaves and four results, all of them whole numbers that are not large."""
    rng = random.Random(seed)
    while True:
        found = _draw(rng)
        if found is not None:
            return found


def _draw(rng: random.Random) -> Exercise | None:
    """A graph at random; None if it is dull: a node unused, no result used twice, a line repeated, large numbers."""
    inputs = [Value(number, label=name) for name, number in zip(NAMES, rng.sample([-3, -2, -1, 2, 3, 4, 5], 3))]
    nodes, formulas = [*inputs], []
    for name in NAMES[3:]:
        left, right = rng.choice(nodes), rng.choice(nodes[-3:])
        kind = rng.choice(["add", "subtract", "multiply", "multiply", "square"])
        if kind == "square":
            node, formula = left**2, f"{left.label}²"
        else:
            node = {"add": left + right, "subtract": left - right, "multiply": left * right}[kind]
            formula = f"{left.label} {SIGNS[kind]} {right.label}"
        node.label = name
        nodes.append(node)
        formulas.append(formula)
    root = nodes[-1]
    uses = Counter(id(parent) for node in nodes for parent in node.parents)  # values are equal as numbers are
    if len({*formulas}) < len(formulas) or not {*nodes} <= {*topological_order(root)}:
        return None
    gradients = [gradient.data for gradient in grad(root, nodes)]
    good = (
        any(uses[id(node)] > 1 for node in nodes[len(inputs) :])
        and max(abs(number) for number in (*gradients, *(node.data for node in nodes))) <= GREATEST
        and all(gradients[: len(inputs)])
    )
    lines = tuple(f"{node.label} = {formula}" for node, formula in zip(nodes[3:], formulas))
    return Exercise(root, tuple(inputs), lines) if good else None


def steps(task: Exercise) -> list[Step]:
    """The backward pass, edge by edge, from gradients that are zero."""
    for leaf in task.leaves:
        leaf.grad = 0.0
    return list(task.root.backward_steps())


def results(task: Exercise) -> dict[str, Value]:
    """The results by name, in the order of the lines."""
    named = {node.label: node for node in topological_order(task.root)}
    return {name: named[name] for name in NAMES[len(task.leaves) :]}


def written(number: float) -> str:
    """A whole number with a true minus."""
    return f"{number:.0f}".replace("-", "−")


def equation(step: Step) -> str:
    """A step with its numbers, and what has come together by now where that is more."""
    node, parent = step.node.label, step.parent.label
    numbers = f"{written(step.local)} × {written(step.upstream)} = {written(step.contribution)}"
    more = f"   → {written(step.after)}" if step.before else ""
    return f"∂L/∂{parent} += ∂{node}/∂{parent} · ∂L/∂{node} = {numbers}{more}"


def wanted(task: Exercise) -> list[str]:
    """The gradients that are asked for."""
    return [f"∂L/∂{leaf.label}" for leaf in task.leaves]


def question(task: Exercise, said: Texts) -> str:
    """The exercise as text."""
    given = ", ".join(f"{leaf.label} = {written(leaf.data)}" for leaf in task.leaves)
    find = said.say("task.find", wanted=", ".join(wanted(task)))
    return "\n".join([said["task.given"], f"  {given}", *(f"  {line}" for line in task.lines), find])


def answer(task: Exercise, said: Texts) -> str:
    """The solution as text: forward, backward edge by edge, and the gradients."""
    backward = [f"  {equation(step)}" for step in steps(task)]
    forward = [f"  {name} = {written(node.data)}" for name, node in results(task).items()]
    gradients = [f"  {name} = {written(leaf.grad)}" for name, leaf in zip(wanted(task), task.leaves)]
    return "\n".join(
        [said["task.forward"], *forward, "", said["task.backward"], *backward, "", said["task.so"], *gradients]
    )
