"""The texts of compiled code as modules, each made once in a process; their machine code is kept, see ``store``."""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import llvmlite
import numba
from numba.core.compiler_lock import global_compiler_lock

from autodiff.compiling.native.callbacks import callback
from autodiff.compiling.native.codegen import Helper
from autodiff.compiling.native.store import KEY

FOLDER = Path(__file__).parent


def module_of(text: str) -> ModuleType:
    """The text as a module, whose machine code is kept on disk if the folder can be written."""
    key = sha256((text + _dependencies()).encode()).hexdigest()
    name = f"autodiff_native_{key[:20]}"
    with _lock:
        return sys.modules[name] if name in sys.modules else _made(name, text, {KEY: key})


def in_memory(name: str, text: str, helpers: Mapping[str, Helper]) -> ModuleType:
    """The text as a module with what it calls: its machine code lives as long as the process."""
    with _lock:
        return _made(name, text, {each: callback(*helper) for each, helper in helpers.items()})


@cache
def _dependencies() -> str:
    """What the machine code of a text depends on, besides signature, processor and Python, which ``store`` adds."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))]
    return "".join([numba.__version__, llvmlite.__version__, *texts])


def _made(name: str, text: str, names: Mapping[str, object]) -> ModuleType:
    """The text, run; the module is one whole or not at all, whatever interrupts it."""
    module = sys.modules[name] = ModuleType(name)  # numba looks functions' globals up there
    try:
        module.__dict__.update(names)
        filename = f"<{name}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        exec(compile(text, filename, "exec"), module.__dict__)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


_lock = threading.RLock()

if hasattr(os, "register_at_fork"):
    # A process is not forked in the middle of a compilation, whose locks, LLVM's own among them, nobody would release
    # in the child: it is forked when the code is made. The last registered is the first acquired, as above.
    for each in (global_compiler_lock, _lock):
        os.register_at_fork(before=each.acquire, after_in_parent=each.release, after_in_child=each.release)
