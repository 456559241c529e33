"""Runs what programs and compiled functions are made into, as those do who took it along."""

import ctypes
import json
import math
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from autodiff.program.javascript import literal

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
NODE = shutil.which("node")
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-shared", "-fPIC")
DOUBLES = ctypes.POINTER(ctypes.c_double)


def skip_without(language):
    """Skip a test where the machine cannot run the language."""
    if language == "c" and (CC is None or sys.platform == "win32"):
        pytest.skip("no C compiler on the PATH that makes libraries as Unix has them")
    if language == "javascript" and NODE is None:
        pytest.skip("Node runs the JavaScript, and there is none on the PATH")


def run(language, source, name, parameters, rows, outputs=1, weights=None):
    """Values (observations, outputs), and gradients by parameters and by inputs, in one row for each observation.

    Args:
        language: ``"c"``, ``"python"`` or ``"javascript"``.
        source: what was made.
        name: of the function.
        parameters: (parameters,)
        rows: (observations, inputs)
        outputs: how many results there are.
        weights: (outputs,) of the gradient.
    """
    skip_without(language)
    parameters, rows = np.asarray(parameters, float), np.asarray(rows, float)
    weights = None if weights is None else np.asarray(weights, float)
    values, by_parameters, by_inputs = RUNNERS[language](source, name, parameters, rows, outputs, weights)
    count = len(rows)
    return (
        np.reshape(values, (count, outputs)),
        np.reshape(by_parameters, (count, len(parameters))),
        np.reshape(by_inputs, rows.shape),
    )


def module_of(source):
    """The Python source as a module."""
    module = types.ModuleType("taken_along")
    exec(compile(source, "taken_along.py", "exec"), module.__dict__)
    return module


def library_of(source, folder):
    """The C source as a library."""
    path, built = Path(folder) / "taken.c", Path(folder) / "taken.so"
    path.write_text(source, encoding="ascii")
    done = subprocess.run([CC, *FLAGS, "-o", built, path, "-lm"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return ctypes.CDLL(str(built))


def _python(source, name, parameters, rows, outputs, weights):
    module = module_of(source)
    arguments, at = [], 0
    for shape in module.ARGUMENTS.values():
        size = math.prod(shape)
        arguments.append(rows[:, at : at + size].reshape(len(rows), *shape))
        at += size
    more = [] if weights is None else [weights]
    values = module.value(parameters, *arguments)
    again, (by_parameters, *by_arguments) = module.value_and_gradient(parameters, *arguments, *more)
    np.testing.assert_array_equal(values, again)
    by_inputs = [each.reshape(len(rows), -1) for each in by_arguments]
    return values, by_parameters, np.concatenate([np.empty((len(rows), 0)), *by_inputs], axis=1)


def _c(source, name, parameters, rows, outputs, weights):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        library = library_of(source, folder)
    found = [np.empty((len(rows), size)) for size in (outputs, len(parameters), rows.shape[1])]
    alone = np.empty(outputs)
    for at, row in enumerate(np.ascontiguousarray(rows)):
        given = [parameters, row, *([] if weights is None else [weights]), *(each[at] for each in found)]
        code = getattr(library, f"{name}_value")(pointer(parameters), pointer(row), pointer(alone))
        assert getattr(library, f"{name}_value_and_gradient")(*map(pointer, given)) == code
        np.testing.assert_array_equal(alone, found[0][at])
        assert not code or all(np.isnan(each[at]).all() for each in found)
    return found


def pointer(array):
    """The numbers of an array, for C."""
    return array.ctypes.data_as(DOUBLES)


def _javascript(source, name, parameters, rows, outputs, weights):
    more = "" if weights is None else f", {listed(weights)}"
    lines = [
        source,
        "const show = (x) => (Object.is(x, -0) ? '-0' : String(x));",
        "const found = [];",
        f"const given = {listed(parameters)};",
        f"for (const row of [{', '.join(map(listed, rows))}]) {{",
        f"  const both = valueAndGradient(given, row{more});",
        "  const alone = [value(given, row)].flat().map(show);",
        "  if (JSON.stringify(alone) !== JSON.stringify([both.value].flat().map(show))) throw new Error('two values');",
        "  found.push([alone, [...both.parameters].map(show), [...both.inputs].map(show)]);",
        "}",
        "process.stdout.write(JSON.stringify(found));",
    ]
    done = subprocess.run(
        [NODE, "--input-type=module", "-"], input="\n".join(lines), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [np.array([[*map(float, each)] for each in part]) for part in zip(*json.loads(done.stdout))]


def listed(numbers):
    """Numbers as JavaScript writes them."""
    return f"[{', '.join(map(literal, np.asarray(numbers).tolist()))}]"


RUNNERS = {"c": _c, "python": _python, "javascript": _javascript}
