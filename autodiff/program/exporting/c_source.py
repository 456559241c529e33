"""``c_source``: a function as one C99 file without allocations, which needs nothing but ``math.h``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import fill

from autodiff.program.exporting.chain_rule import Routine, Routines, Statement, StraightLine
from autodiff.program.exporting.exported import Exported
from autodiff.program.exporting.formulas import refusing
from autodiff.program.exporting.identifiers import Identifiers, commented, identifier, tells
from autodiff.program.writers import C

WIDTH = 110
TAKEN = ("at", "parameters", "inputs", "weights", "values", "gradient_parameters", "gradient_inputs")
"""What the arguments of a function are called, and its counter."""
HELPERS = {
    "op_mod": """\
/* The remainder with the sign of b, of a zero too. */
static double op_mod(double a, double b)
{
    const double rest = fmod(a, b);
    if (rest == 0.0) {
        return copysign(0.0, b);
    }
    return (b < 0.0) != (rest < 0.0) ? rest + b : rest;
}
""",
    "op_flow": """\
/* The chain rule where nothing may have reached a number yet, which -0.0 says: then nothing flows on. */
static double op_flow(double local, double upstream)
{
    return upstream == 0.0 && signbit(upstream) ? -0.0 : local * upstream + 0.0;
}
""",
}
ASSIGNMENT = re.compile(r"\s*(?:const )?(double )?([A-Za-z_]\w*)(?:\[\d+\])? \+?= ")
WORD = re.compile(r"[A-Za-z_]\w*")
ROUNDING = """\
/* Every operation is rounded by itself, so that numbers are those that were recorded: no fused multiply-add. GCC keeps
   to that with -std=c99, or else with -ffp-contract=off. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif
"""


class CSource(str):
    """The text of a C file. ``header`` is the part of it that other files include."""

    __slots__ = ("header",)
    header: str

    def __new__(cls, text: str, header: str) -> CSource:
        """The text, and its part."""
        found = super().__new__(cls, text)
        found.header = header
        return found


def c_source(exported: Exported) -> CSource:
    """The function in C; ``Program.to_c`` tells what it looks like.

    Raises:
        UnwritableError: it has an operation that only runs on floats of Python.
        ValueError: it is empty, or too large to be written out.
    """
    exported.check()
    with refusing("C"):
        return _File(exported).source()


class _File:
    def __init__(self, exported: Exported) -> None:
        self.exported, self.name = exported, exported.identifier
        self.routines = Routines(C, "op_")
        several = exported.outputs > 1
        seeds = [f"weights[{at}]" if several else "1.0" for at in range(exported.outputs)]
        self.ways = [StraightLine(way, self.routines, TAKEN, seeds) for way in exported.ways]

    def source(self) -> CSource:
        header = self._header()
        functions = [*self._functions(False), "", *self._functions(True), ""]
        routines = [line for each in self.routines.all.values() for line in [*_routine(each), ""]]
        text = "\n".join([*routines, *functions])
        helpers = [code for name, code in HELPERS.items() if f"{name}(" in text]
        includes = ["#include <math.h>", "#include <stddef.h>", ""]
        return CSource("\n".join([header, *includes, ROUNDING, *self._numbers(), *helpers, text]), header)

    # ── The header ───────────────────────────────────────────────────────────────────────────────

    def _header(self) -> str:
        exported, name = self.exported, self.name
        one = exported.outputs == 1
        counts = [
            f"{count} {what}{'s' * (count != 1)}"
            for count, what in (
                (len(exported.parameters), "parameter"), (exported.inputs, "input"), (exported.outputs, "result"),
            )
        ]  # fmt: skip
        guards = (
            "Both return 0: there are no branches that have to be watched."
            if exported.is_plain
            else "Both return 0; or 1, and then every number is NAN, if the function would take a way through its\n"
            "   branches that it did not take when it was recorded."
        )
        what = "the result" if one else "weights[0] * values[0] + weights[1] * values[1] + ..."
        guard = f"{name.upper()}_INCLUDED"
        lines = [
            f"/* {commented(exported.name)} and its gradient, in C99: {', '.join(counts)}.",
            "",
            f"   {name}_value computes the result{'s' * (not one)}; {name}_value_and_gradient also the gradient of",
            f"   {what}. A gradient that is not wanted may be NULL.",
            "   No memory is allocated, nothing is kept between calls, and arrays may not overlap.",
            "",
            f"   {guards} */",
            f"#ifndef {guard}", f"#define {guard}", "#ifdef __cplusplus", 'extern "C" {', "#endif", "",
            *self._places(),
        ]  # fmt: skip
        if exported.numbers:
            lines += ["/* The numbers that the parameters had. */"]
            lines += [f"extern const double {name}_parameters[{len(exported.parameters)}];", ""]
        lines += [f"{self._head(name, gradient)};" for gradient in (False, True)]
        return "\n".join([*lines, "", "#ifdef __cplusplus", "}", "#endif", "#endif", ""])

    def _places(self) -> Iterator[str]:
        """Where each number stands in its array."""
        names = Identifiers()
        for what, labels in (("parameters", self.exported.parameters), ("inputs", self.exported.ways[0].inputs)):
            if labels:
                yield from (f"/* Places in {what}. */", "enum {")
                for at, label in enumerate(labels):
                    place = names.of(f"{self.name}_at_{identifier(label)}")
                    told = "" if place == f"{self.name}_at_{label}" else f" /* {commented(label)} */"
                    yield f"    {place} = {at}{',' * (at + 1 < len(labels))}{told}"
                yield from ("};", "")

    def _head(self, name: str, gradient: bool, static: str = "") -> str:
        arguments = [f"const double *{each}" for each in self._given(gradient)]
        arguments += [f"double *{each}" for each in self._results(gradient)]
        listed = ", ".join(arguments).replace("double *", "double\xa0*").replace("const ", "const\xa0")
        head = f"{static}int {name}_value{'_and_gradient' * gradient}({listed})"
        return _filled(head, "", "    ").replace("\xa0", " ")

    def _given(self, gradient: bool) -> list[str]:
        return ["parameters", "inputs", *["weights"] * (gradient and self.exported.outputs > 1)]

    def _results(self, gradient: bool) -> list[str]:
        return ["values", *["gradient_parameters", "gradient_inputs"] * gradient]

    def _numbers(self) -> list[str]:
        numbers = self.exported.numbers
        if not numbers:
            return []
        texts = ", ".join(C.number(each).text for each in numbers)
        return [f"const double {self.name}_parameters[{len(numbers)}] = {{", _filled(texts, "    ", "    "), "};", ""]

    # ── Functions ────────────────────────────────────────────────────────────────────────────────

    def _functions(self, gradient: bool) -> Iterator[str]:
        if self.exported.is_plain:
            yield from self._function(self._head(self.name, gradient), 0, gradient)
            return
        for at in range(len(self.ways)):
            yield from (*self._function(self._head(f"way_{at + 1}", gradient, "static "), at, gradient), "")
        given = ", ".join([*self._given(gradient), *self._results(gradient)])
        yield from (self._head(self.name, gradient), "{", "    int at;")
        for at in range(len(self.ways)):
            call = f"way_{at + 1}_value{'_and_gradient' * gradient}({given})"
            yield from (f"    if ({call} == 0) {{", "        return 0;", "    }")
        sizes = (self.exported.outputs, len(self.exported.parameters), self.exported.inputs)
        for array, size in zip(self._results(gradient), sizes):
            if size:
                null = f"{array} != NULL && " * (array != "values")
                yield from (f"    for (at = 0; {null}at < {size}; at++) {{", f"        {array}[at] = NAN;", "    }")
        yield from ("    return 1;", "}")

    def _function(self, head: str, way: int, gradient: bool) -> Iterator[str]:
        line = self.ways[way]
        program = line.program
        reads = [
            f"    const double {line.names[slot]} = {array}[{at}];{_label(program.name(slot), line.names[slot])}"
            for array, slots in self._arrays(line)
            for at, slot in enumerate(slots)
            if line.needed[slot]
        ]
        body = [*map(_statement, line.forward())]
        for text, holds in line.guards():
            body += [f"    if ({f'!({text})' if holds else text}) {{", "        return 1;", "    }"]
        if gradient:
            body.append("    /* Backward, by the chain rule: d_x is the derivative of the result by x. */")
            body += map(_statement, line.backward())
        body += [f"    values[{at}] = {line.text(slot)};" for at, slot in enumerate(program.outputs.tolist())]
        for array, slots in self._arrays(line) if gradient else ():
            body += self._gradient(line, array, slots)
        finite = self.exported.finite(way) and bool(program.parameters)
        counter, check = [], []
        if finite:
            counter, check = ["    int at;"], [
                f"    for (at = 0; at < {len(program.parameters)}; at++) {{",
                "        if (!isfinite(parameters[at])) {", "            return 1;", "        }", "    }",
            ]  # fmt: skip
        text = "\n".join([*reads, *body, *check])
        unused = [f"    (void){each};" for each in (*self._given(gradient), *self._results(gradient))
                  if not _occurs(each, text)]  # fmt: skip
        body += [f"    (void){each};" for each in _unread([*reads, *body])]
        yield from (head, "{", *counter, *reads, *unused, *check, *body, "    return 0;", "}")

    def _arrays(self, line: StraightLine) -> list[tuple[str, range]]:
        """The arrays that are given, and the slots of their numbers."""
        program = line.program
        first, middle, end = program.first_parameter, program.first_input, program.first_result
        return [("parameters", range(first, middle)), ("inputs", range(middle, end))]

    def _gradient(self, line: StraightLine, array: str, slots: Sequence[int]) -> Iterator[str]:
        """A gradient, without -0.0: where nothing depends, it is 0."""
        size = len(self.exported.parameters) if array == "parameters" else len(slots)
        if size:
            yield f"    if (gradient_{array} != NULL) {{"
            for at in range(size):
                has_one = at < len(slots) and line.active[slots[at]]
                yield f"        gradient_{array}[{at}] = {f'd_{line.names[slots[at]]} + 0.0' if has_one else '0.0'};"
            yield "    }"


def _statement(statement: Statement) -> str:
    name, text, comment, is_new, sign = statement
    told = f" /* {comment} */" if comment else ""
    return _filled(f"{'double ' * is_new}{name} {sign} {text};{told}", "    ", "        ")


def _unread(lines: Sequence[str]) -> list[str]:
    """The variables that no statement reads, since a constant decides about them: compilers warn of those."""
    declared: list[str] = []
    read: set[str] = set()
    for line in lines:
        code = re.sub(r"/\*.*?\*/", "", line, flags=re.DOTALL)
        found = ASSIGNMENT.match(code)
        if found and found[1]:
            declared.append(found[2])
        read.update(WORD.findall(code[found.end() :] if found else code))
    return [name for name in declared if name not in read]


def _routine(routine: Routine) -> Iterator[str]:
    name, comment, arguments, lines, result = routine
    yield f"/* {comment} */"
    yield _filled(f"static double {name}({', '.join(f'double {each}' for each in arguments)})", "", "    ")
    used = "\n".join([*lines, result])
    yield from ("{", *(f"    (void){each};" for each in arguments if not _occurs(each, used)))
    yield from (_filled(each, "    ", "        ") for each in (*lines, f"return {result};"))
    yield "}"


def _filled(text: str, first: str, others: str) -> str:
    return fill(text, WIDTH, initial_indent=first, subsequent_indent=others,
                break_long_words=False, break_on_hyphens=False)  # fmt: skip


def _label(label: str, name: str) -> str:
    """A comment, where the identifier does not tell the label."""
    return "" if tells(name, label) else f" /* {commented(label)} */"


def _occurs(name: str, text: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None
