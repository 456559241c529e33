"""What runs the programs of this page. There is no NumPy here, and Graphviz is a module of the page."""

import linecache
import os
import subprocess
import sys
import traceback
import types

import page_graphviz

FILE = "program.py"
NEEDS_NUMPY = ("numpy", "nn", "autodiff.checking", "autodiff.compiling")


class Array(list):
    """A row of numbers: as much of NumPy as the record of a graph needs."""

    def tolist(self):
        return list(self)

    def all(self):
        return all(self)

    def __getitem__(self, at):
        found = super().__getitem__(at)
        return Array(found) if isinstance(at, slice) else found


class NDArray:
    """The name in annotations."""

    def __class_getitem__(cls, _):
        return cls


def stand_in():
    """NumPy's place, for the engine alone."""
    numpy, typing = types.ModuleType("numpy"), types.ModuleType("numpy.typing")
    numpy.ndarray, numpy.generic, typing.NDArray, typing.ArrayLike = Array, Array, NDArray, NDArray
    numpy.float64 = numpy.int32 = numpy.int64 = numpy.bool_ = None
    numpy.array = lambda of, dtype=None: Array(of)
    numpy.isfinite = lambda of: Array(abs(x) < float("inf") for x in of)
    sys.modules.update({"numpy": numpy, "numpy.typing": typing})
    return numpy


class Refused:
    """Answers imports of what is not here, in place of a traceback from far below."""

    def find_spec(self, name, path=None, target=None):
        if name in NEEDS_NUMPY:
            raise ImportError(f"{name} needs NumPy, which this page does not have: it runs where autodiff is installed")


def run_dot(command, *, input, **_):
    """In place of ``subprocess.run``: the one program that there is."""
    format = command[1].removeprefix("-T")
    out = page_graphviz.layout(input.decode(), format)
    return subprocess.CompletedProcess(command, 0, out.encode(), b"")


numpy = stand_in()
os.makedirs("/usr/bin", exist_ok=True)
with open("/usr/bin/dot", "w") as program:
    program.write("#!")
os.chmod("/usr/bin/dot", 0o755)
os.environ["AUTODIFF_DOT"] = "/usr/bin/dot"
subprocess.run = run_dot

from autodiff import Value, name_values, trace  # noqa: E402

trace(Value(1.0) * 2.0).to_html("/tmp/warm.html")  # all that is needed is loaded now
for name in ("numpy", "numpy.typing"):
    del sys.modules[name]
sys.meta_path.insert(0, Refused())


def run(program):
    """The player of the ``loss`` that a program computes, or None; and the traceback of its error, or None."""
    linecache.cache[FILE] = (len(program), None, program.splitlines(keepends=True), FILE)
    variables = {"__name__": "__main__"}
    try:
        exec(compile(program, FILE, "exec"), variables)
        loss = variables.get("loss")
        if not isinstance(loss, Value):
            return None, None
        name_values({name: each for name, each in variables.items() if each is not loss})
        with open(trace(loss).to_html("/tmp/player.html")) as page:
            return page.read(), None
    except BaseException as error:
        told = traceback.TracebackException.from_exception(error)
        own = [frame for frame in told.stack if frame.filename == FILE]  # not the engine's
        told.stack = traceback.StackSummary.from_list(own)
        return None, "".join(told.format(chain=False))
