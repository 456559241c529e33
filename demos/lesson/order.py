"""Why topological order? Three shortcuts of the backward pass, and the small graph on which they fail.

The demo runs each shortcut on L = u · (u + x) with u = 3x, beside the engine and a difference quotient, and counts the
steps of the one shortcut that is right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from autodiff import Value, topological_order
from autodiff.backward import edges, local_derivatives
from demos.lesson._common import options
from demos.lesson.language import Texts

Gradients = dict[Value, float]


def graph(x: float) -> tuple[Value, Value]:
    """L = u · (u + x) with u = 3x: u is used twice, once directly and once by way of the sum."""
    leaf = Value(x, label="x")
    u = 3 * leaf
    u.label = "u"
    s = u + leaf
    s.label = "s"
    error = u * s
    error.label = "L"
    return error, leaf


def by_the_engine(root: Value) -> Gradients:
    """In reverse topological order: a node passes its gradient on when it is complete."""
    gradients = dict.fromkeys(topological_order(root), 0.0) | {root: 1.0}
    for node, _, parent, local in edges(topological_order(root)):
        gradients[parent] += local * gradients[node]
    return gradients


def breadth_first(root: Value) -> Gradients:
    """Wrong: level by level from the root, each node once. It passes on what has arrived so far."""
    gradients, queue, seen = {root: 1.0}, deque([root]), {root}
    while queue:
        node = queue.popleft()
        for parent, local in zip(node.parents, local_derivatives(node)):
            gradients[parent] = gradients.get(parent, 0.0) + local * gradients[node]
            if parent not in seen:
                seen.add(parent)
                queue.append(parent)
    return gradients


def overwriting(root: Value) -> Gradients:
    """Wrong: in the right order, but with ``=`` in place of ``+=``. The last contribution wins."""
    gradients = {root: 1.0}
    for node, _, parent, local in edges(topological_order(root)):
        gradients[parent] = local * gradients[node]
    return gradients


def passing_on_the_sum(root: Value) -> Gradients:
    """Wrong: whenever something arrives, the whole sum so far is passed on. What came first is passed on twice."""
    gradients = dict.fromkeys(topological_order(root), 0.0) | {root: 1.0}
    stack = [root]
    while stack:
        node = stack.pop()
        for parent, local in zip(node.parents, local_derivatives(node)):
            gradients[parent] += local * gradients[node]
            stack.append(parent)
    return gradients


def path_by_path(root: Value) -> tuple[Gradients, int]:
    """Right, but slow: each contribution is passed on by itself, along every path. Also returns the number of steps."""
    gradients, steps = dict.fromkeys(topological_order(root), 0.0) | {root: 1.0}, 0
    stack = [(root, 1.0)]
    while stack:
        node, contribution = stack.pop()
        for parent, local in zip(node.parents, local_derivatives(node)):
            steps += 1
            gradients[parent] += local * contribution
            stack.append((parent, local * contribution))
    return gradients, steps


SHORTCUTS: dict[str, Callable[[Value], Gradients]] = {
    "engine": by_the_engine,
    "breadth": breadth_first,
    "overwriting": overwriting,
    "sum": passing_on_the_sum,
    "path": lambda root: path_by_path(root)[0],
}


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = options(__doc__ or "", "order", arguments)
    said: Texts = chosen.texts
    x, step = 2.0, 1e-6
    root, leaf = graph(x)
    quotient = (graph(x + step)[0].data - graph(x - step)[0].data) / (2 * step)
    lines = [
        f"u = 3x, L = u · (u + x), x = {x:.0f}: L = {root:.0f}",
        "",
        f"{said['say.order.quotient']:34} ∂L/∂x = {said.number(quotient, 4)}",
    ]
    for name, shortcut in SHORTCUTS.items():
        found = shortcut(root)[leaf]
        verdict = said["say.order.right" if abs(found - quotient) < 1e-4 else "say.order.wrong"]
        lines.append(f"{said[f'say.order.{name}']:34} ∂L/∂x = {said.number(found, 4):>7}   {verdict}")
    edges_, steps = said["say.order.edges"], said["say.order.steps"]
    lines += ["", said["say.order.why"], "", said["say.order.slow"], f"{'n':>6} {edges_:>8} {steps:>24}"]
    for n in (5, 10, 15):
        node = Value(1.0)
        for _ in range(n):
            node = node * node
        lines.append(f"{n:6} {2 * n:8} {path_by_path(node)[1]:24}")
    text = "\n".join(lines)
    print(text)
    path = chosen.out / "order.txt"
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    print("\n" + said.say("say.order.kept", path=path.resolve()))


if __name__ == "__main__":
    main()
