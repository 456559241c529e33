"""``numpy_source``: a function as Python that needs nothing but NumPy, for any number of observations at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from textwrap import fill

from autodiff.program.exporting.chain_rule import Routine, Routines, Statement, StraightLine
from autodiff.program.exporting.exported import Exported
from autodiff.program.exporting.formulas import refusing
from autodiff.program.exporting.identifiers import commented, tells
from autodiff.program.writers import NUMPY_SOURCE
from autodiff.trees import places

WIDTH = 100
TAKEN = ("front", "holds", "parameters", "result", "weights")
"""What functions call their own arguments and results."""
HELPERS = {
    "_pow(": """\
def _pow(x, n):
    \"\"\"The power; NumPy alone would take the root of the one exponent 0.5, which of -0.0 is another number.\"\"\"
    return np.power(x, n + np.zeros(np.shape(x)))
""",
    "_erf(": """\
_erf = np.vectorize(math.erf, otypes=[float])  # NumPy has none; scipy.special.erf is faster where it is there
""",
    "_erfc(": """\
_erfc = np.vectorize(math.erfc, otypes=[float])  # NumPy has none; scipy.special.erfc is faster where it is there
""",
    "_flow(": """\
def _flow(local, upstream):
    \"\"\"The chain rule where nothing may have reached a number yet, which -0.0 says: then nothing flows on.\"\"\"
    return np.where((upstream == 0.0) & np.signbit(upstream), -0.0, local * upstream + 0.0)
""",
}
READ = '''\
def _read(parameters, *arguments):
    """The parameters, and every argument as an array; and the shape that the observations have in front."""
    parameters = np.asarray(parameters, float)
    if parameters.shape != (len(PARAMETER_NAMES),):
        raise ValueError(f"parameters must have the shape ({len(PARAMETER_NAMES)},), not {parameters.shape}")
    arrays, fronts = [np.asarray(each, float) for each in arguments], []
    for (name, shape), array in zip(ARGUMENTS.items(), arrays):
        axes = array.ndim - len(shape)
        if axes < 0 or array.shape[axes:] != shape:
            raise ValueError(f"{name} must have the shape (..., {', '.join(map(str, shape))}), not {array.shape}")
        fronts.append(array.shape[:axes])
    return parameters, arrays, np.broadcast_shapes(*fronts)


def _stacked(front, shape, numbers):
    """These numbers of each observation as one array, of the shape ``front + shape``."""
    columns = [np.broadcast_to(each, front) for each in numbers]
    return np.stack(columns, axis=-1).reshape(front + shape)[()] if columns else np.zeros(front + shape)
'''
FIRST = '''\
def _first(ways, front, *given):
    """What the first way gives whose branches are those that the numbers take; nan where there is none."""
    left = np.ones(front, bool)
    found = None
    for way in ways:
        holds, results = way(front, *given)
        if found is None:
            found = [np.full(np.shape(each), np.nan) for each in results]
        for place, each in enumerate(results):
            here = np.reshape(left & holds, front + (1,) * (np.ndim(each) - len(front)))
            found[place] = np.where(here, each, found[place])[()]
        left = left & ~holds
    return found
'''


def numpy_source(exported: Exported) -> str:
    """The function in Python; ``Program.to_python`` tells what it looks like.

    Raises:
        UnwritableError: it has an operation that only runs on floats.
        ValueError: it is empty, or too large to be written out.
    """
    exported.check()
    with refusing("NumPy"):
        return _File(exported).source()


class _File:
    def __init__(self, exported: Exported) -> None:
        self.exported = exported
        self.routines = Routines(NUMPY_SOURCE, "_", "np.float64({})")
        self.arguments = exported.argument_names()
        seeds = [f"weights[..., {at}]" if exported.outputs > 1 else "1.0" for at in range(exported.outputs)]
        self.gradients = ["by_parameters", *(f"by_{each}" for each in self.arguments)]
        taken = (*TAKEN, *self.arguments, *self.gradients)
        scalars = {}
        at = 0
        for name, each in zip(self.arguments, exported.arguments):
            if not each.shape:
                scalars[at] = name  # the argument itself is the number
            at += each.size
        self.ways = [StraightLine(way, self.routines, taken, seeds, scalars) for way in exported.ways]
        self.places = [
            f"{name}[..., {', '.join(map(str, place))}]" if place else name
            for name, (_, shape) in zip(self.arguments, exported.arguments)
            for place in places(shape)
        ]
        """How each input is read."""

    def source(self) -> str:
        functions = [*self._functions(False), "", "", *self._functions(True), ""]
        routines = [line for each in self.routines.all.values() for line in (*_routine(each), "", "")]
        text = "\n".join([*routines, *functions])
        helpers = [f"{code}\n" for call, code in HELPERS.items() if call in text]
        imports = [*["import math", ""] * ("math.erf" in "".join(helpers)), "import numpy as np", ""]
        helpers += [f"{READ}\n", *[f"{FIRST}\n"] * (not self.exported.is_plain)]
        return "\n".join([self._docstring(), *imports, *self._data(), "", *helpers, text])

    def _docstring(self) -> str:
        exported = self.exported
        shapes = ", ".join(f"{name} {_shape(each.shape)}" for name, each in zip(self.arguments, exported.arguments))
        result = "the result" if exported.outputs == 1 else f"the {exported.outputs} results, along the last axis,"
        of = "" if exported.outputs == 1 else " of their sum with these weights"
        lines = [
            f'"""{exported.identifier} and its gradient, in NumPy.',
            "",
            f"value{self._listed(False)} gives {result} of each observation;",
            f"value_and_gradient{self._listed(True)} also the gradients{of}: a tuple of that by the parameters,",
            "and those by each argument. No gradient is summed over observations.",
            "",
            f"parameters has the shape ({len(exported.parameters)},), in the order of PARAMETER_NAMES.",
        ]
        if exported.numbers:
            lines[-1] += " PARAMETERS are the numbers that they had."
        if shapes:
            lines += [
                f"One observation has the shapes {shapes}. Axes in front of these are observations, in results, too."
            ]
        if not exported.is_plain:
            lines += [
                "", "Where the function would take a way through its branches that it did not take when it was",
                "recorded, every number is nan.",
            ]  # fmt: skip
        return "\n".join([*lines, '"""', ""])

    def _listed(self, gradient: bool) -> str:
        weights = ["weights"] * (gradient and self.exported.outputs > 1)
        return f"({', '.join(['parameters', *self.arguments, *weights])})"

    def _data(self) -> Iterator[str]:
        exported = self.exported
        yield from ("PARAMETER_NAMES = (", *(f"    {json.dumps(each)}," for each in exported.parameters), ")")
        if exported.numbers:
            numbers = ", ".join(NUMPY_SOURCE.number(each).text for each in exported.numbers)
            yield _assigned("PARAMETERS = np.array(", f"[{numbers}]", "") + ")"
        shapes = ", ".join(f'"{name}": {_shape(each.shape)}' for name, each in zip(self.arguments, exported.arguments))
        yield _assigned("ARGUMENTS = ", f"{{{shapes}}}", "")
        yield ""

    # ── Functions ────────────────────────────────────────────────────────────────────────────────

    def _functions(self, gradient: bool) -> Iterator[str]:
        name, several = f"value{'_and_gradient' * gradient}", self.exported.outputs > 1
        if not self.exported.is_plain:
            for at in range(len(self.ways)):
                head = ", ".join(["front", "parameters", *self.arguments, *["weights"] * (gradient and several)])
                yield f"def _way_{at + 1}_{name}({head}):"
                yield from (*self._body(at, gradient), "", "")
        yield f"def {name}{self._listed(gradient)}:"
        yield f'    """{self._summary(gradient)}"""'
        arrays = f"[{', '.join(self.arguments)}]" if self.arguments else "_"
        yield f"    parameters, {arrays}, front = _read({', '.join(['parameters', *self.arguments])})"
        if gradient and several:
            yield f"    weights = np.broadcast_to(np.asarray(weights, float), front + ({self.exported.outputs},))"
        if self.exported.is_plain:
            yield from self._body(0, gradient)
            return
        ways = ", ".join(f"_way_{at + 1}_{name}" for at in range(len(self.ways)))
        given = ", ".join(["front", "parameters", *self.arguments, *["weights"] * (gradient and several)])
        found = "found, *gradients" if gradient else "found,"
        yield _assigned(f"{found} = ", f"_first([{ways}], {given})", "    ")
        yield f"    return {'found, tuple(gradients)' if gradient else 'found'}"

    def _summary(self, gradient: bool) -> str:
        found = "The result" if self.exported.outputs == 1 else "The results"
        return f"{found} of each observation{', and the gradients' * gradient}."

    def _body(self, way: int, gradient: bool) -> Iterator[str]:
        line = self.ways[way]
        program, exported = line.program, self.exported
        first, middle, end = program.first_parameter, program.first_input, program.first_result
        yield '    with np.errstate(all="ignore"):'
        body = []
        for at, slot in enumerate(range(first, end)):
            if line.needed[slot]:
                array = f"parameters[{at}]" if slot < middle else self.places[slot - middle]
                if array != line.names[slot]:
                    body.append(f"{line.names[slot]} = {array}{_label(program.name(slot), line.names[slot])}")
        body += map(_statement, line.forward())
        if not exported.is_plain:
            finite = f"np.isfinite(parameters[:{len(program.parameters)}]).all()" if exported.finite(way) else "True"
            body.append(f"holds = np.full(front, {finite})")
            body += [f"holds = holds & {'' if holds else '~'}np.asarray({text})" for text, holds in line.guards()]
        if gradient:
            body.append("# Backward, by the chain rule: d_x is the derivative of the result by x.")
            body += map(_statement, line.backward())
        shape = _shape((exported.outputs,) if exported.outputs > 1 else ())
        results = [f"_stacked(front, {shape}, [{', '.join(map(line.text, program.outputs.tolist()))}])"]
        if gradient:
            count = len(exported.parameters)
            results += [self._gradient(line, range(first, middle), (count,))]
            for _, shape_ in exported.arguments:
                results.append(self._gradient(line, range(middle, middle + prod(shape_)), shape_))
                middle += prod(shape_)
        found = ["result", *self.gradients][: len(results)]
        body += [f"{name} = {text}" for name, text in zip(found, results)]
        listed = f"{found[0]}, ({', '.join(found[1:])}{',' * (len(found) == 2)})" if gradient else found[0]
        if not exported.is_plain:
            listed = f"holds, [{', '.join(found)}]"
        yield from (_wrapped(each) for each in [*body, f"return {listed}"])

    def _gradient(self, line: StraightLine, slots: range, shape: tuple[int, ...]) -> str:
        """A gradient, without -0.0: where nothing depends, it is 0."""
        texts = [f"d_{line.names[slot]}" if line.active[slot] else "0.0" for slot in slots]
        texts += ["0.0"] * (prod(shape) - len(texts))  # of parameters that this way does not know
        return f"_stacked(front, {_shape(shape)}, [{', '.join(texts)}]) + 0.0"


def _statement(statement: Statement) -> str:
    name, text, comment, _, sign = statement
    added = f"{name} + " if sign == "+=" else ""  # += would change the array, which may have other names
    return f"{name} = {added}{text}{f'  # {comment}' * bool(comment)}"


def _wrapped(line: str, indent: str = "        ") -> str:
    """A statement, in brackets if it is long."""
    if len(indent + line) <= WIDTH:
        return indent + line
    code, _, comment = line.partition("  # ")
    head, sign, text = code.partition(" = ")
    if not sign:
        head, sign, text = "return", " ", code.removeprefix("return ")
    told = f"  # {comment}" if comment else ""
    inner = fill(text, WIDTH, initial_indent=f"{indent}    ", subsequent_indent=f"{indent}    ",
                 break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return f"{indent}{head}{sign}({told}\n{inner}\n{indent})"


def _assigned(head: str, text: str, indent: str) -> str:
    if len(indent + head + text) <= WIDTH:
        return f"{indent}{head}{text}"
    opening, inner, closing = text[0], text[1:-1], text[-1]
    if opening not in "([{":
        return _wrapped(f"{head}{text}", indent)
    filled = fill(inner, WIDTH, initial_indent=f"{indent}    ", subsequent_indent=f"{indent}    ",
                  break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return f"{indent}{head}{opening}\n{filled}\n{indent}{closing}"


def _routine(routine: Routine) -> Iterator[str]:
    name, comment, arguments, lines, result = routine
    yield f"def {name}({', '.join(arguments)}):"
    yield f"    # {comment}"
    yield from (_wrapped(each, "    ") for each in (*lines, f"return {result}"))


def _shape(shape: tuple[int, ...]) -> str:
    return repr(tuple(map(int, shape)))


def _label(label: str, name: str) -> str:
    return "" if tells(name, label) else f"  # {commented(label)}"
