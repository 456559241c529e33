"""Exercises: a small graph, all gradients to find by hand, and the solution edge by edge.

Every seed gives another graph of whole numbers, in which a result is used twice. The exercise and its solution are
printed, and written to two files, each with a picture of the graph: without numbers to fill in, and with all of them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from autodiff import Value, draw, grad, render, topological_order, trace
from autodiff.program.program import Program
from demos.lesson._common import options

NAMES = "abcdefg"
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


def question(task: Exercise) -> str:
    """The exercise as text."""
    given = ", ".join(f"{leaf.label} = {leaf:.0f}" for leaf in task.leaves)
    wanted = ", ".join(f"∂{task.root.label}/∂{leaf.label}" for leaf in task.leaves)
    return "\n".join(
        ["Given", f"  {given}", *(f"  {line}" for line in task.lines), f"find {task.root.label}, and {wanted}."]
    ).replace("-", "−")


def answer(task: Exercise) -> str:
    """The solution as text: forward, backward edge by edge, and the gradients."""
    results = {node.label: node for node in topological_order(task.root)}  # not in the order of the lines
    forward = [f"  {name} = {results[name]:.0f}" for name in NAMES[len(task.leaves) :]]
    passed = trace(task.root, accumulate=True)
    gradients = [f"  ∂{task.root.label}/∂{leaf.label} = {leaf.grad:.0f}" for leaf in task.leaves]
    return "\n".join(["Forward", *forward, "", "Backward", str(passed), "", "So", *gradients]).replace("-", "−")


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "exercises", arguments)
    task = exercise(chosen.seed)
    texts = {"exercise": question(task)}
    bare, _ = Program.from_graph(task.root)  # a program has no numbers that would give the answer away
    pictures = [render(draw(bare), chosen.out / "exercise_graph.svg")]
    texts["solution"] = answer(task)
    pictures.append(render(draw(task.root), chosen.out / "solution_graph.svg"))
    for name, text in texts.items():
        print(f"{text}\n")
        (chosen.out / f"{name}.txt").write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"Written to {chosen.out.resolve()}: exercise.txt, solution.txt, {', '.join(path.name for path in pictures)}")


if __name__ == "__main__":
    main()
