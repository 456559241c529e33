"""Machine code on disk, so that a second process need not compile."""

from __future__ import annotations

import importlib.util
import linecache
import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import numba

from autodiff.compiling.native.callbacks import callback
from autodiff.compiling.native.codegen import Helper

FOLDER = Path(__file__).parent


def folder() -> Path:
    """Where machine code is kept: ``AUTODIFF_CACHE`` if it is set, else the platform's folder for caches."""
    chosen = os.environ.get("AUTODIFF_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "autodiff"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "autodiff"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autodiff"


def module_of(text: str) -> ModuleType:
    """The text as a module, whose machine code is kept on disk if the folder can be written."""
    name = f"autodiff_native_{sha256((text + _dependencies()).encode()).hexdigest()[:20]}"
    with _lock:
        if name not in sys.modules:
            return _on_disk(name, text) or in_memory(name, text)
        return sys.modules[name]


@cache
def _dependencies() -> str:
    """What the machine code of a text depends on, besides the processor, which numba looks after."""
    return "".join([numba.__version__, *(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py")))])


_lock = threading.Lock()


def _on_disk(name: str, text: str) -> ModuleType | None:
    """The module from its file in the folder; None if that cannot be written."""
    path = folder() / f"{name}.py"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as new:
                new.write(text)
            os.replace(new.name, path)  # at once: another process may be waiting for it
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)  # numba looks functions' globals up there
        spec.loader.exec_module(module)
    except (OSError, RuntimeError):  # numba: there is no place to keep machine code
        sys.modules.pop(name, None)
        return None
    return module


def in_memory(name: str, text: str, helpers: Mapping[str, Helper] | None = None) -> ModuleType:
    """The text as a module without a file, with what it calls: its machine code lives as long as the process."""
    module = sys.modules[name] = ModuleType(name)
    module.__dict__.update({each: callback(*helper) for each, helper in (helpers or {}).items()})
    filename = f"<{name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec"), module.__dict__)
    return module
