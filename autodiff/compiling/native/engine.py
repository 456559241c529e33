"""From text to machine code: LLVM compiles what :mod:`~autodiff.compiling.native.language` writes, once on a machine.

What was compiled is kept in files, see :mod:`~autodiff.compiling.native.store`, and linked into the process when it is
first asked for.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
from llvmlite import binding

from autodiff.compiling.native import store
from autodiff.compiling.native.language import PREFIX, Text, assembly, text_of
from autodiff.compiling.native.machine import FEATURES

FOLDER = Path(__file__).parent
OF_MATH = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "copysign", "cos", "cosh", "erf", "erfc", "exp",
    "expm1", "fmod", "log", "log10", "log1p", "log2", "pow", "sin", "sinh", "tan", "tanh",
)  # fmt: skip
"""The functions of C that machine code calls, which Python's own ``math`` calls as well."""
ENTRY = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_char_p)
"""A function to be called from Python: it is given the numbers and addresses of its call, packed as long integers."""


class _Engine(NamedTuple):
    """LLVM's parts: what writes machine code for this processor, and what links it into the process."""

    target: Any
    linker: Any
    head: bytes
    """What all machine code begins with."""


def address(text: Text, name: str, kept: bool = True, loops: bool = True) -> int:
    """Where the machine code of a function is; it is kept on disk, if it may be and the folder can be written.

    ``loops`` as of :func:`machine_code`.
    """
    with _lock:
        of = [text.source, name, _dependencies()] if kept else [str(len(_places))]
        symbol = PREFIX + sha256("\n".join(of).encode()).hexdigest()[:40]
        if symbol not in _places:
            code = store.read(symbol + store.SUFFIX) if kept else None
            if code is None or not code.startswith(_engine().head):
                code = machine_code(assembly(text, name, symbol), loops)
                if kept:
                    store.write(symbol + store.SUFFIX, code)
            linker = _engine().linker
            linker.add_object_file(binding.ObjectFileRef.from_data(code))
            linker.finalize_object()
            _places[symbol] = linker.get_function_address(symbol)
        return _places[symbol]


@cache
def entry(module: str, name: str) -> Callable[[bytes], float]:
    """A function of a module in this folder, to be called from Python; other threads run meanwhile."""
    return ENTRY(address(text_of(module), name, loops=False))


def machine_code(written: str, loops: bool) -> bytes:
    """The machine code of LLVM's assembly, as a file to be linked.

    ``loops``: whether LLVM is to make those over numbers quick. For the functions that Python enters, which are written
    with vectors, that takes it as long as all the rest.
    """
    target = _engine().target
    module = binding.parse_assembly(written)
    module.triple, module.data_layout = target.triple, str(target.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.loop_unrolling = loops
    passes = binding.create_pass_builder(target, options)
    passes.getModulePassManager().run(module, passes)
    code: bytes = target.emit_object(module)
    return code


@cache
def _engine() -> _Engine:
    with suppress(RuntimeError):  # newer versions do it by themselves, and refuse
        binding.initialize()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    kind = binding.Target.from_triple(binding.get_process_triple())
    target = kind.create_target_machine(binding.get_host_cpu_name(), FEATURES, opt=3, codemodel="jitdefault", jit=True)
    missing = [name for name in OF_MATH if binding.address_of_symbol(name) is None]
    math = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else ctypes.util.find_library("m")) if missing else None
    for name in missing:
        binding.add_symbol(name, ctypes.cast(getattr(math, name), ctypes.c_void_p).value)
    nothing = binding.parse_assembly("")
    return _Engine(target, binding.create_mcjit_compiler(nothing, target), target.emit_object(nothing)[:4])


@cache
def _dependencies() -> str:
    """The hash of what the machine code of a text depends on besides it."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))]
    parts = [llvmlite.__version__, binding.get_process_triple(), binding.get_host_cpu_name(), FEATURES, *texts]
    return sha256("\n".join(parts).encode()).hexdigest()


_lock = threading.RLock()
_places: dict[str, int] = {}
"""Where functions are, by their symbols."""

if hasattr(os, "register_at_fork"):
    # A process is not forked in the middle of a compilation, whose lock nobody would release in the child: it is forked
    # when the code is made.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
