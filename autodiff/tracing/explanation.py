"""The records of ``explain``: the largest paths of a gradient, as text and as LaTeX."""

from __future__ import annotations

from math import fsum, isfinite
from typing import NamedTuple

from autodiff.text import joined, number, one_line, printable

_LATEX = {"\\": r"\backslash{}", "^": r"\wedge{}", "~": r"\sim{}"} | {c: f"\\{c}" for c in "&%$#_{}"}


class PathEdge(NamedTuple):
    """One edge of a path, from the result ``node`` down to ``parent``, its operand at that position.

    It has the local derivative ∂node/∂parent. If it is parallel, the operand stands there more than once, so that only
    the position tells the edges apart.
    """

    node: str
    parent: str
    position: int
    local: float
    parallel: bool


class GradientPath(NamedTuple):
    """A path from the loss down to the parameter; prints as ``product = factors   names``."""

    edges: tuple[PathEdge, ...]
    """From the loss downwards; none if the parameter is the loss itself."""
    product: float
    """The product of the local derivatives along the path: what it contributes to the gradient."""

    def __str__(self) -> str:
        factors = joined([number(edge.local) for edge in self.edges], " × ") or "1.0"
        names = [one_line(edge.node) for edge in self.edges[:1]]
        for edge in self.edges:
            operand = f" (operand {edge.position + 1})" if edge.parallel else ""
            names.append(one_line(edge.parent) + operand)
        return printable(f"{number(self.product)} = {factors}   {joined(names, ' → ')}".rstrip())


class Explanation(NamedTuple):
    """A gradient as the sum over paths; prints as a table of the largest."""

    loss: str
    parameter: str
    gradient: float
    """∂loss/∂parameter, as a backward pass computes it."""
    paths: tuple[GradientPath, ...]
    """The paths with the greatest |product|, greatest first."""
    path_count: int
    """How many paths there are; from 10¹⁰⁰ on, 10¹⁰⁰."""
    share: float
    """What the shown paths have of Σ |product| over all paths, from 0 to 1."""

    @property
    def shown(self) -> float:
        """The sum of the products of the shown paths; close to the gradient if all are shown."""
        products = [path.product for path in self.paths]
        return fsum(products) if all(map(isfinite, products)) else sum(products)

    def __str__(self) -> str:
        name = one_line(self.parameter)
        if not self.path_count:
            return printable(f"∂L/∂{name} = {number(self.gradient)}: no path with a flow leads from L to {name}")
        head = f"∂L/∂{name} = {number(self.gradient)}, the sum over {_counted(self.path_count)}"
        if self.path_count > len(self.paths):
            head += (
                f"; the {len(self.paths)} largest sum to {number(self.shown)} "
                f"and cover {100 * self.share:.3g} % of all |products|"
            )
        return printable("\n".join([head, *(f"  {path}" for path in self.paths)]))

    def latex(self) -> str:
        r"""The sum as LaTeX, an ``aligned`` block for math mode: in symbols, in numbers, and the gradient.

        >>> from autodiff import Value
        >>> from autodiff.tracing import explain
        >>> w = Value(3.0, label="w_1")
        >>> print(explain(-w * -2.0, w).latex())
        \begin{aligned}
        L &= \mathrm{v3} \\
        \frac{\partial L}{\partial \mathrm{w\_1}}
        &= \frac{\partial \mathrm{v3}}{\partial \mathrm{v1}} \, \frac{\partial \mathrm{v1}}{\partial \mathrm{w\_1}} \\
        &= (-2.0) \cdot (-1.0) \\
        &= 2.0
        \end{aligned}
        """
        more = [r"\cdots"] if self.path_count > len(self.paths) else []
        symbols = [r" \, ".join(_dotted(_fractions(path))) or "1" for path in self.paths]
        factors = [[_number(edge.local) for edge in path.edges] for path in self.paths]
        signed = [[f"({each})" if each[0] == "-" else each for each in path] for path in factors]
        numbers = [r" \cdot ".join(_dotted(path)) or "1" for path in signed]
        lines = [
            r"\begin{aligned}",
            rf"L &= {_name(self.loss)} \\",
            _fraction("L", _name(self.parameter)),
            rf"&= {' + '.join(symbols + more) or '0'} \\",
            rf"&= {' + '.join(numbers + more) or '0'} \\",
            f"&= {_number(self.gradient)}",
            r"\end{aligned}",
        ]
        return "\n".join(lines)


def _fractions(path: GradientPath) -> list[str]:
    """The local derivatives along a path; an operand that stands there more than once has its place, from 1, on top."""
    places = [f"^{{({edge.position + 1})}}" if edge.parallel else "" for edge in path.edges]
    return [_fraction(_name(edge.node), _name(edge.parent) + place) for edge, place in zip(path.edges, places)]


def _fraction(result: str, operand: str) -> str:
    return rf"\frac{{\partial {result}}}{{\partial {operand}}}"


def _dotted(factors: list[str]) -> list[str]:
    """The factors, the middle of a long product left out."""
    return factors if len(factors) <= 12 else [*factors[:6], r"\cdots", *factors[-6:]]


def _name(name: str) -> str:
    return rf"\mathrm{{{''.join(_LATEX.get(c, c) for c in one_line(name))}}}"


def _number(value: float) -> str:
    if not isfinite(value):
        return r"\mathrm{nan}" if value != value else r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = f"{value:.6}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _counted(count: int) -> str:
    if count >= 10**100:
        return "more than 1e+100 paths"
    return f"about {float(count):.1e} paths" if count >= 10**9 else f"{count} path{'s' * (count != 1)}"
