"""Exercises: a small graph, all gradients to find by hand, and the solution edge by edge.

Every seed gives another graph of whole numbers, in which one node is used twice. The exercise and its solution are
printed, and written to two files, with a picture of the graph in each.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from autodiff import Value, draw, leaves, render, topological_order, trace
from demos.lesson._common import options

NAMES = "abcdefg"
SIGNS = {"add": "+", "subtract": "−", "multiply": "·"}
GREATEST = 200
"""So large may a number or a gradient be, for pen and paper."""


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
    """A graph at random; None if it is dull: a leaf unused, no node used twice, or numbers too large for a hand."""
    inputs = [Value(number, label=name) for name, number in zip(NAMES, rng.sample([-3, -2, -1, 2, 3, 4, 5], 3))]
    nodes, lines = [*inputs], []
    for name in NAMES[3:]:
        left, right = rng.choice(nodes), rng.choice(nodes[-3:])
        kind = rng.choice(["add", "subtract", "multiply", "multiply", "square"])
        if kind == "square":
            node, text = left**2, f"{left.label}²"
        else:
            node = {"add": left + right, "subtract": left - right, "multiply": left * right}[kind]
            text = f"{left.label} {SIGNS[kind]} {right.label}"
        node.label = name
        nodes.append(node)
        lines.append(f"{name} = {text}")
    root = nodes[-1]
    used = [parent for node in nodes for parent in node.parents]
    within = {*topological_order(root)}
    root.backward()
    sizes = [abs(number) for node in nodes for number in (node.data, node.grad)]
    inner = nodes[3:-1]
    good = (
        within >= {*nodes}
        and {*leaves(root)} >= {*inputs}
        and any(used.count(node) > 1 for node in inner)
        and 0 < max(sizes) <= GREATEST
        and all(value.grad for value in inputs)
    )
    if not good:
        return None
    for node in nodes:  # the pass was a trial: the exercise has not been solved yet
        node.grad = 0.0
    return Exercise(root, tuple(inputs), tuple(lines))


def question(task: Exercise) -> str:
    """The exercise as text."""
    given = ", ".join(f"{leaf.label} = {leaf:.0f}" for leaf in task.leaves)
    wanted = ", ".join(f"∂{task.root.label}/∂{leaf.label}" for leaf in task.leaves)
    return "\n".join(
        ["Given", f"  {given}", *(f"  {line}" for line in task.lines), f"find {task.root.label}, and {wanted}."]
    ).replace("-", "−")


def answer(task: Exercise) -> str:
    """The solution as text: forward, backward edge by edge, and the gradients."""
    results = [node for node in topological_order(task.root) if node.parents and node.label]
    forward = [f"  {line.split(' = ')[0]} = {node:.0f}" for line, node in zip(task.lines, results)]
    passed = trace(task.root)
    gradients = [f"  ∂{task.root.label}/∂{leaf.label} = {leaf.grad:.0f}" for leaf in task.leaves]
    return "\n".join(["Forward", *forward, "", "Backward", str(passed), "", "So", *gradients]).replace("-", "−")


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "exercises", arguments)
    task = exercise(chosen.seed)
    texts = {"exercise": question(task)}
    pictures = [render(draw(task.root), chosen.out / "exercise_graph.svg")]
    texts["solution"] = answer(task)
    pictures.append(render(draw(task.root), chosen.out / "solution_graph.svg"))
    for name, text in texts.items():
        print(f"{text}\n")
        (chosen.out / f"{name}.txt").write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"Written to {chosen.out.resolve()}: exercise.txt, solution.txt, {', '.join(path.name for path in pictures)}")


if __name__ == "__main__":
    main()
