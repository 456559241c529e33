"""``explain``: a gradient as the sum over all paths through the graph, largest first.

The multivariate chain rule, written out: ∂L/∂w is the sum, over the paths from L down to w, of the products of
the local derivatives along each. A graph has astronomically many paths, so they are never listed: one walk over
the nodes gives the greatest |product| from each node down to w; a best-first search then finds path after path.
Each path found adds candidates: paths that follow it down to some node, and take the next best edge there
(E. L. Lawler, "A procedure for computing the k best solutions", Management Science 18 (1972), pages 401-405).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from itertools import islice
from math import inf
from typing import NamedTuple

from autodiff.backward import edges, names, topological_order
from autodiff.operations import CONSTANT
from autodiff.tracing.explanation import Explanation, GradientPath, PathEdge
from autodiff.value import Value
from autodiff.versions import check_unchanged
from autodiff.zeros import ZERO

_MANY = 10**100
_SIZES = Context(prec=34, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])  # products of any length: nothing over- or underflows
_INFINITE = Decimal("inf")


class _Edge(NamedTuple):
    """An edge on a way to the parameter, with the greatest |product| of all paths that begin with it, and |local|."""

    best: Decimal
    size: Decimal
    local: float
    out: Value
    parent: Value
    position: int


def explain(loss: Value, parameter: Value, paths: int = 10) -> Explanation:
    """The gradient ∂loss/∂parameter as the sum over all paths from the loss to the parameter.

    The number of paths may be astronomical: time goes with the size of the graph and with ``paths``. Where
    operands are used twice, as in ``a * a``, each edge makes a path of its own. There is no path through an edge
    without dependence, such as that to a branch that is not taken. No ``grad`` is touched.

    Args:
        loss: the root, a scalar.
        parameter: a node that the loss was computed from.
        paths: how many paths to show, those with the greatest |product|.

    Raises:
        TypeError: the loss or parameter is not a ``Value``.
        ValueError: ``paths`` is not an int from 1 on, or the parameter is a constant.
        RuntimeError: a leaf's data was changed since the forward pass.

    >>> x = Value(3.0, label="x")
    >>> print(explain(x * x * 2 + x, x))
    ∂L/∂x = 13.0, the sum over 3 paths
      6.0 = 1.0 × 2.0 × 3.0   v4 → v3 → v1 → x (operand 1)
      6.0 = 1.0 × 2.0 × 3.0   v4 → v3 → v1 → x (operand 2)
      1.0 = 1.0   v4 → x
    """
    for what, given in (("loss", loss), ("parameter", parameter)):
        if not isinstance(given, Value):
            raise TypeError(f"the {what} must be a Value, not {type(given).__name__} {given!r:.60}")
    if not isinstance(paths, int) or isinstance(paths, bool) or paths < 1:
        raise ValueError(f"paths must be an int from 1 on, not {paths!r}")
    if parameter.op is CONSTANT:
        raise ValueError(f"no gradient flows to the constant {parameter}: the parameter must be a variable or a result")
    order = topological_order(loss)
    check_unchanged(order)
    name = names(order)
    flowing = [edge for edge in edges(order) if edge[3] is not ZERO]
    gradient: dict[Value, float] = {loss: 1.0}
    for out, _, parent, local in flowing:
        if out in gradient:
            gradient[parent] = gradient.get(parent, 0.0) + local * gradient[out]
    below, count, weight = _downwards(flowing, parameter)
    found: list[GradientPath] = []
    sizes = Decimal(0)
    for chain in islice(_largest(loss, parameter, below), paths):
        product = Decimal(1)
        for edge in chain:
            product = _SIZES.multiply(product, Decimal(edge.local))
        sizes = _SIZES.add(sizes, product.copy_abs())
        shown = [
            PathEdge(name[out], name[parent], position, local, sum(each is parent for each in out.parents) > 1)
            for _, _, local, out, parent, position in chain
        ]
        found.append(GradientPath(tuple(shown), float(product)))
    complete = len(found) == count.get(loss, 0)
    share = 1.0 if complete or not weight[loss] else float(_SIZES.divide(sizes, weight[loss]))
    own_name = name.get(parameter) or parameter.label or "parameter"
    return Explanation(name[loss], own_name, gradient.get(parameter, 0.0), tuple(found), count.get(loss, 0), share)


def _downwards(
    flowing: Sequence[tuple[Value, int, Value, float]], parameter: Value
) -> tuple[dict[Value, list[_Edge]], dict[Value, int], dict[Value, Decimal]]:
    """For each node: its edges towards the parameter, best first; the number of paths; the sum of their |products|."""
    below: dict[Value, list[_Edge]] = {}
    best, weight, count = {parameter: Decimal(1)}, {parameter: Decimal(1)}, {parameter: 1}
    for out, position, parent, local in reversed(flowing):  # all edges of a node come before those to it
        if parent not in best:
            continue
        size = _SIZES.create_decimal_from_float(abs(local) if local == local else inf)
        edge = _Edge(_times(size, best[parent]), size, local, out, parent, position)
        below.setdefault(out, []).append(edge)
        best[out] = max(best.get(out, edge.best), edge.best)
        weight[out] = _SIZES.add(weight.get(out, Decimal(0)), _times(size, weight[parent]))
        count[out] = min(_MANY, count.get(out, 0) + count[parent])
    for branches in below.values():
        branches.sort(key=lambda edge: (-edge.best, edge.position))
    return below, count, weight


def _largest(loss: Value, parameter: Value, below: dict[Value, list[_Edge]]) -> Iterator[list[_Edge]]:
    """All paths from the loss to the parameter, the greatest |product| first, each made when it is asked for."""
    if loss is not parameter and loss not in below:
        return
    # A candidate is a bound, a number that breaks ties, a path found before, how many of its edges to follow, and the
    # rank of the edge to take then.
    candidates: list[tuple[Decimal, int, list[_Edge], int, int]] = [(Decimal(0), 0, [], 0, 0)]
    made = 1
    while candidates:
        _, _, followed, turn, rank = heapq.heappop(candidates)
        chain = followed[:turn]
        node, branch = chain[-1].parent if chain else loss, rank
        while node is not parameter:
            chain.append(below[node][branch])
            node, branch = chain[-1].parent, 0
        yield chain
        size = Decimal(1)
        for place, edge in enumerate(chain):
            if place >= turn:
                branches, branch = below[edge.out], rank + 1 if place == turn else 1
                if branch < len(branches):
                    bound = _times(size, branches[branch].best)
                    heapq.heappush(candidates, (-bound, made, chain, place, branch))
                    made += 1
            size = _times(size, edge.size)


def _times(a: Decimal, b: Decimal) -> Decimal:
    """The product of two sizes; 0 · ∞, which is nan, counts as infinite, so that it comes first."""
    product = _SIZES.multiply(a, b)
    return _INFINITE if product.is_nan() else product
