"""The page that runs the engine in a browser: Python, Graphviz and the project's own wheel, all of them in the site.

Pyodide and Graphviz come from npm, of the versions named here; they are fetched once into ``build/npm``. The wheels are
built from this checkout. The page asks no other host for anything.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = {"pyodide": "314.0.7", "@hpcc-js/wasm-graphviz": "1.29.2"}
PYTHON = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json", "README.md")


def add_to(site: Path) -> None:
    """Put everything that the page loads into a built site.

    Raises:
        RuntimeError: npm is not installed, or a package cannot be had.
    """
    folder = site / "_static" / "try"
    python, graphviz = (_unpacked(name, version) for name, version in PACKAGES.items())
    (folder / "pyodide").mkdir(parents=True, exist_ok=True)
    for name in PYTHON:
        shutil.copy(python / name, folder / "pyodide" / name)
    shutil.copy(graphviz / "dist" / "index.js", folder / "graphviz.js")
    shutil.copy(graphviz / "LICENSE", folder / "graphviz-license.txt")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*command, str(ROOT), "graphviz>=0.20"], check=True)
    names = sorted(path.name for path in folder.glob("*.whl"))
    (folder / "wheels.json").write_text(json.dumps(names), encoding="utf-8")


def _unpacked(name: str, version: str) -> Path:
    """The folder of a package of npm."""
    folder = ROOT / "build" / "npm" / f"{name.replace('/', '-').removeprefix('@')}-{version}"
    if (folder / "package").is_dir():
        return folder / "package"
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("the page to try needs npm: install Node.js, or build with --without-try")
    folder.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run([npm, "pack", f"{name}@{version}"], cwd=folder, capture_output=True, text=True, check=False)
    archives = [*folder.glob("*.tgz")]
    if ran.returncode or not archives:
        raise RuntimeError(f"npm has no {name} {version}: {ran.stderr[-500:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    archives[0].unlink()
    return folder / "package"
